// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware breakpoints, as a debugger sets them: they hit what they are set on,
 * each time, and nothing else; set on linear addresses that a hypervisor uses
 * in its own address space they do nothing.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include "honest.h"

#define DR(n)		offsetof(struct user, u_debugreg[n])
#define DR7_ENABLE(n)	(1ul << (2 * (n)))
#define DR7_TYPE(n, rw, len)	((unsigned long)((rw) | (len) << 2) << (16 + 4 * (n)))
#define RW_EXEC		0
#define RW_WRITE	1
#define RW_ACCESS	3
#define LEN_1		0
#define LEN_4		3
#define LEN_8		2

/* Where VBH's own address space has its image, and its CPUs' data and stacks. */
#define VBH_IMAGE	0x200000000000ul
#define VBH_CPUS	(VBH_IMAGE + (1ul << 30))
#define VBH_CPU_AREA	0x10000ul

static volatile u32 watched;
extern const char watched_cpuid[], after_cpuid[];

static __attribute__((noinline, noclone)) u32 work(int rounds)
{
	u32 sum = 0, eax, ecx;

	for (; rounds; rounds--) {
		eax = 0;
		ecx = 0;
		asm volatile("watched_cpuid: cpuid\n"
			     "after_cpuid: nop"
			     : "+a"(eax), "+c"(ecx) : : "ebx", "edx");
		sum += eax;
		watched = rounds;
		sum += watched;
	}
	return sum;
}

/* Start a child that works; it has stopped before. */
static pid_t start(int rounds)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		work(rounds);
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) ? pid : -1;
}

/* Set and enable one; DR7 is what is enabled so far. */
static int set(pid_t pid, int n, unsigned long addr, int rw, int len, unsigned long *dr7)
{
	*dr7 |= DR7_ENABLE(n) | DR7_TYPE(n, rw, len);
	if (ptrace(PTRACE_POKEUSER, pid, DR(n), addr))
		return -1;
	return ptrace(PTRACE_POKEUSER, pid, DR(7), *dr7);
}

/* Let it run to its end; count the stops by the breakpoint that DR6 names. */
static int count_hits(pid_t pid, int hits[4])
{
	struct user_regs_struct regs;
	int status, n;
	long dr6;

	for (;;) {
		if (ptrace(PTRACE_CONT, pid, 0, 0) || waitpid(pid, &status, 0) != pid)
			return fail("the child is lost");
		if (WIFEXITED(status))
			return WEXITSTATUS(status) ? fail("the child failed") : PASS;
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			return fail("status %#x", status);
		dr6 = ptrace(PTRACE_PEEKUSER, pid, DR(6), 0);
		ptrace(PTRACE_POKEUSER, pid, DR(6), 0);
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		if (!(dr6 & 15))
			return fail("a stop at %#llx with DR6 %#lx", regs.rip, dr6);
		for (n = 0; n < 4; n++)
			hits[n] += dr6 >> n & 1;
		if (((dr6 & 1) && regs.rip != (unsigned long)watched_cpuid) ||
		    ((dr6 & 8) && regs.rip != (unsigned long)after_cpuid))
			return fail("the breakpoint hit at %#llx", regs.rip);
	}
}

static int breakpoints(int scale)
{
	int rounds = 20 * scale, hits[4] = { 0 };
	unsigned long dr7 = 0;
	pid_t pid = start(rounds);

	CHECK(pid > 0, "no child");
	CHECK(!set(pid, 0, (unsigned long)watched_cpuid, RW_EXEC, LEN_1, &dr7) &&
	      !set(pid, 1, (unsigned long)&watched, RW_WRITE, LEN_4, &dr7) &&
	      !set(pid, 2, (unsigned long)&watched, RW_ACCESS, LEN_4, &dr7) &&
	      !set(pid, 3, (unsigned long)after_cpuid, RW_EXEC, LEN_1, &dr7), "can't be set");
	if (count_hits(pid, hits))
		return FAIL;
	CHECK(hits[0] == rounds, "the one on CPUID hit %d times, not %d", hits[0], rounds);
	CHECK(hits[3] == rounds, "the one behind CPUID hit %d times, not %d", hits[3], rounds);
	CHECK(hits[1] == rounds, "the one on writes hit %d times, not %d", hits[1], rounds);
	/* QEMU tells of writes only. */
	CHECK(hits[2] == 2 * rounds || hits[2] == rounds,
	      "the one on accesses hit %d times, not %d", hits[2], 2 * rounds);
	return PASS;
}

/* Code and data that an exit must pass: the entry of the image, registers, the stack's top. */
static int foreign(int scale)
{
	static const struct {
		unsigned long addr;
		int rw, len;
	} places[] = {
		{ VBH_IMAGE, RW_EXEC, LEN_1 }, { VBH_IMAGE, RW_ACCESS, LEN_8 },
		{ VBH_IMAGE + 0x1000, RW_EXEC, LEN_1 }, { VBH_IMAGE + 0x1000, RW_ACCESS, LEN_8 },
		{ VBH_CPUS, RW_ACCESS, LEN_8 }, { VBH_CPUS + 8, RW_WRITE, LEN_8 },
		{ VBH_CPUS + 16, RW_ACCESS, LEN_8 }, { VBH_CPUS + 24, RW_ACCESS, LEN_8 },
		{ VBH_CPUS + VBH_CPU_AREA, RW_ACCESS, LEN_8 },
		{ VBH_CPUS + VBH_CPU_AREA + 8, RW_WRITE, LEN_8 },
		{ VBH_CPUS + VBH_CPU_AREA - 8, RW_ACCESS, LEN_8 },
		{ VBH_CPUS + VBH_CPU_AREA - 16, RW_ACCESS, LEN_8 },
		{ VBH_CPUS + VBH_CPU_AREA - 24, RW_ACCESS, LEN_8 },
		{ VBH_CPUS + VBH_CPU_AREA - 32, RW_ACCESS, LEN_8 },
		{ VBH_CPUS + 2 * VBH_CPU_AREA - 8, RW_ACCESS, LEN_8 },
		{ VBH_CPUS + 2 * VBH_CPU_AREA - 16, RW_ACCESS, LEN_8 },
	};
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(places); i += 4) {
		int hits[4] = { 0 };
		unsigned long dr7 = 0;
		pid_t pid;

		pin_to(i / 4);
		pid = start(50 * scale);
		CHECK(pid > 0, "no child");
		for (n = 0; n < 4; n++)
			CHECK(!set(pid, n, places[i + n].addr, places[i + n].rw,
				   places[i + n].len, &dr7), "%#lx can't be set",
			      places[i + n].addr);
		if (count_hits(pid, hits))
			return FAIL;
		for (n = 0; n < 4; n++)
			CHECK(!hits[n], "%d hits at %#lx", hits[n], places[i + n].addr);
	}
	return PASS;
}

const struct test watch_tests[] = {
	{ "watch-own", "hardware breakpoints hit each time, also on CPUID itself", breakpoints },
	{ "watch-foreign", "hardware breakpoints at a hypervisor's addresses do nothing", foreign },
	{ }
};
