// SPDX-License-Identifier: GPL-2.0-only
/* The ways into the kernel: SYSCALL, INT 0x80, and a 32-bit program's; and seccomp. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "honest.h"

extern const char honest32_start[], honest32_end[];

#define NR32_GETPID	20

static int registers(int scale)
{
	u64 rax, rcx, r11, rip, bad;
	int i;

	for (i = 0; i < 200 * scale; i++) {
		asm volatile("mov $0x1111, %%edi\n\tmov $0x2222, %%esi\n\tmov $0x3333, %%edx\n\t"
			     "mov $0x4444, %%r8d\n\tmov $0x5555, %%r9d\n\tmov $0x6666, %%r10d\n\t"
			     "mov $0x7777, %%r12d\n\tmov $0x8888, %%r15d\n\t"
			     "syscall\n"
			     "1:\tlea 1b(%%rip), %[rip]\n\t"
			     "mov %%r11, %[flags]\n\t"
			     "xor $0x1111, %%rdi\n\txor $0x2222, %%rsi\n\txor $0x3333, %%rdx\n\t"
			     "xor $0x4444, %%r8\n\txor $0x5555, %%r9\n\txor $0x6666, %%r10\n\t"
			     "xor $0x7777, %%r12\n\txor $0x8888, %%r15\n\t"
			     "or %%rsi, %%rdi\n\tor %%rdx, %%rdi\n\tor %%r8, %%rdi\n\t"
			     "or %%r9, %%rdi\n\tor %%r10, %%rdi\n\tor %%r12, %%rdi\n\t"
			     "or %%r15, %%rdi\n\t"
			     : "=&a"(rax), "=&c"(rcx), [flags] "=&r"(r11), [rip] "=&r"(rip),
			       "=&D"(bad)
			     : "0"((u64)SYS_getpid)
			     : "rsi", "rdx", "r8", "r9", "r10", "r11", "r12", "r15", "memory",
			       "cc");
		CHECK(rax == (u64)getpid(), "SYSCALL gave %lld", (long long)rax);
		CHECK(rcx == rip, "RCX is not where SYSCALL returns");
		CHECK((r11 & 0x202) == 0x202, "R11 is not RFLAGS");
		CHECK(!bad, "a register changed: %#llx", (unsigned long long)bad);
	}
	return PASS;
}

static int int80(int scale)
{
	long ret;
	int i;

	for (i = 0; i < 200 * scale; i++) {
		asm volatile("int $0x80" : "=a"(ret) : "0"(NR32_GETPID) : "memory");
		CHECK(ret == getpid(), "INT 0x80 gave %ld", ret);
	}
	return PASS;
}

/* Its exit status is the number of its first check that failed. */
static int program32(int scale)
{
	int fd = memfd_create("honest32", 0), i, ret;
	size_t len = honest32_end - honest32_start;
	char *argv[] = { "honest32", NULL };
	pid_t pid;

	CHECK(fd >= 0 && write(fd, honest32_start, len) == (ssize_t)len, "no memfd");
	for (i = 0; i < scale; i++) {
		pid = fork();
		if (!pid) {
			fexecve(fd, argv, argv + 1);
			_exit(100);
		}
		ret = reap(pid);
		if (ret == 100)
			return skip("the kernel runs no 32-bit programs");
		CHECK(!ret, "it ended with %d", ret);
	}
	return PASS;
}

static int seccomp_strict(int scale)
{
	int i, ret;
	pid_t pid;

	for (i = 0; i < 2 * scale; i++) {
		pid = fork();
		if (!pid) {
			prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
			if (i & 1)
				syscall(SYS_exit, 7);
			syscall(SYS_getpid);
			syscall(SYS_exit, 8);
		}
		ret = reap(pid);
		CHECK(ret == (i & 1 ? 7 : -SIGKILL), "the child ended with %d", ret);
	}
	return PASS;
}

static int filtered(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 77),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };
	int i;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		return 1;
	for (i = 0; i < 100; i++) {
		if (syscall(SYS_getppid) != -1 || errno != 77)
			return 2;
		if (syscall(SYS_getpid) <= 0)
			return 3;
	}
	return 0;
}

static int seccomp_filter(int scale)
{
	int i, ret;
	pid_t pid;

	for (i = 0; i < 2 * scale; i++) {
		pid = fork();
		if (!pid)
			_exit(filtered());
		ret = reap(pid);
		CHECK(!ret, "the child ended with %d", ret);
	}
	return PASS;
}

const struct test syscall_tests[] = {
	{ "syscall", "SYSCALL changes the registers it should and no other", registers },
	{ "int80", "INT 0x80 works from 64-bit code", int80 },
	{ "program32", "a 32-bit program calls the kernel by INT 0x80 and by its fast way",
	  program32 },
	{ "seccomp-strict", "strict seccomp kills and lets exit", seccomp_strict },
	{ "seccomp-filter", "a seccomp filter refuses one call and allows the others",
	  seccomp_filter },
	{ }
};
