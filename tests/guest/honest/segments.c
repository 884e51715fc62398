// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments: LDT entries, FS and GS bases, 32-bit code in a 64-bit program, and
 * port permissions. The kernel loads LDTR, TSS fields and segment bases for
 * them on each switch, and must be able to go on doing so.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "probe.h"

#define HWCAP2_FSGSBASE	(1ul << 1)
#define LDT_SELECTOR(n)	((n) << 3 | 7)
#define USER_CS		0x33
#define USER32_CS	0x23
#define USER_DS		0x2b

static int rounds;

static void *low_page(void)
{
	return mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
}

static int set_ldt(int entry, const void *base, bool code)
{
	struct user_desc d = {
		.entry_number = entry, .base_addr = (u32)(unsigned long)base, .limit = 1,
		.seg_32bit = 1, .limit_in_pages = 1, .useable = 1,
		.contents = code ? MODIFY_LDT_CONTENTS_CODE : MODIFY_LDT_CONTENTS_DATA,
	};

	return syscall(SYS_modify_ldt, 0x11, &d, sizeof(d));
}

static u32 read_gs(void)
{
	u32 v;

	asm volatile("mov %%gs:0, %0" : "=r"(v) : : "memory");
	return v;
}

/* Its own entry 0, beside another process that has one and one that has none. */
static int ldt_user(u32 value)
{
	volatile u32 *data = low_page();
	u32 sel = LDT_SELECTOR(0);
	int round;

	pin_to(0);
	if (set_ldt(0, (void *)data, false))
		return 2;
	asm volatile("mov %0, %%gs" : : "r"(sel));
	for (round = 0; round < rounds; round++) {
		*data = value + round;
		sched_yield();
		if (read_gs() != value + round)
			return 3;
		if (!(round % 8))
			asm volatile("mov %0, %%gs\n\tmov %1, %%gs" : : "r"(0), "r"(sel));
	}
	return 0;
}

static int ldt_data(int scale)
{
	pid_t pid[3];
	int i, ret;

	rounds = 100 * scale;
	for (i = 0; i < 3; i++) {
		pid[i] = fork();
		if (pid[i])
			continue;
		if (i < 2)
			_exit(ldt_user(1000 * i));
		pin_to(0);
		for (i = 0; i < rounds; i++)
			sched_yield();
		_exit(0);
	}
	for (i = 0; i < 3; i++) {
		ret = reap(pid[i]);
		CHECK(!ret, "process %d ended with %d", i, ret);
	}
	return PASS;
}

static u64 saved_rsp;
extern const char compat_back[];

/*
 * Far to 32-bit code at sel:entry, with a stack that it can use; what it leaves
 * in EAX. A jump, because QEMU's far return from user mode faults under SMAP.
 */
static __attribute__((noinline, noclone)) u32 compat(u16 sel, u32 entry, void *stack)
{
	struct {
		u32 entry;
		u16 sel;
	} target = { entry, sel };
	u64 out;

	asm volatile("sub $128, %%rsp\n\t"
		     "push %%rbp\n\t"
		     "mov %%rsp, %[saved]\n\t"
		     "mov %[stack], %%rsp\n\t"
		     "ljmp *(%[target])\n"
		     "compat_back:\n\t"
		     "mov %[saved], %%rsp\n\t"
		     "pop %%rbp\n\t"
		     "add $128, %%rsp\n\t"
		     : "=&a"(out), [saved] "+m"(saved_rsp)
		     : [stack] "b"(stack), [target] "d"(&target), "m"(target)
		     : "memory", "cc", "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
		       "r13", "r14", "r15");
	return out;
}

/* mov $ds, %ax; mov %eax, %ds; mov offset, %eax; inc %eax; xor %ecx, %ecx;
 * mov %ecx, %ds; ljmp $USER_CS, $compat_back
 */
static void write_compat_code(u8 *page, u16 ds, u32 offset)
{
	static const u8 code[] = "\x66\xb8\0\0\x8e\xd8\xa1\0\0\0\0\x40\x31\xc9\x8e\xd9\xea";
	u32 back = (u32)(unsigned long)compat_back;
	u16 cs = USER_CS;

	memcpy(page, code, sizeof(code) - 1);
	memcpy(page + 2, &ds, 2);
	memcpy(page + 7, &offset, 4);
	memcpy(page + sizeof(code) - 1, &back, 4);
	memcpy(page + sizeof(code) + 3, &cs, 2);
}

static int compat_code(int scale)
{
	u8 *page = low_page();
	u32 addr = (u32)(unsigned long)page;
	volatile u32 *data = (u32 *)(page + 1024);
	u32 i, got;

	if ((unsigned long)compat_back >> 32)
		return skip("linked above 4 GiB");
	CHECK(!set_ldt(0, page + 1024, false) && !set_ldt(1, page, true), "modify_ldt failed");
	for (i = 0; i < 50u * scale; i++) {
		*data = i;
		write_compat_code(page, USER_DS, addr + 1024);
		got = compat(USER32_CS, addr, page + 8000);
		CHECK(got == i + 1, "the kernel's segment gave %u, not %u", got, i + 1);
		write_compat_code(page, LDT_SELECTOR(0), 0);
		got = compat(LDT_SELECTOR(1), 0, page + 8000);
		CHECK(got == i + 1, "the LDT's segment gave %u, not %u", got, i + 1);
		sched_yield();
	}
	return PASS;
}

static int keep_gs(int i)
{
	bool insns = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
	u64 value = 0, base = (u64)&value, got;
	int round;

	for (round = 0; round < rounds; round++) {
		value = i * 1000 + round;
		if (insns && (round & 1))
			asm volatile("wrgsbase %0" : : "r"(base));
		else
			syscall(SYS_arch_prctl, ARCH_SET_GS, base);
		sched_yield();
		CHECK(read_gs() == (u32)value, "GS has another thread's base");
		if (insns)
			asm volatile("rdgsbase %0" : "=r"(got));
		else
			syscall(SYS_arch_prctl, ARCH_GET_GS, &got);
		CHECK(got == base, "GS base is %#llx, not %#llx", (unsigned long long)got,
		      (unsigned long long)base);
	}
	return PASS;
}

static int gs_base(int scale)
{
	rounds = 200 * scale;
	return run_threads(4, keep_gs) ? FAIL : PASS;
}

static int ports(int scale)
{
	static const u8 out80[] = "\xe6\x80", out84[] = "\xe6\x84", cli[] = "\xfa";
	struct probe p;
	int i;

	for (i = 0; i < scale; i++) {
		probe_run(&p, out80, 2, NULL);
		CHECK(!p.finished, "a port without permission");
		CHECK(!ioperm(0x80, 1, 1), "ioperm failed");
		sched_yield();
		probe_run(&p, out80, 2, NULL);
		CHECK(p.finished, "no port with permission");
		probe_run(&p, out84, 2, NULL);
		CHECK(!p.finished, "a port beside the permitted one");
		CHECK(!ioperm(0x80, 1, 0), "ioperm failed");
		CHECK(!iopl(3), "iopl failed");
		probe_run(&p, out84, 2, NULL);
		CHECK(p.finished, "no port with iopl 3");
		/* The kernel takes CLI for a NOP then, and says so once. */
		probe_run(&p, cli, 1, NULL);
		CHECK(p.finished, "CLI with iopl 3 faults");
		iopl(0);
		probe_run(&p, out84, 2, NULL);
		CHECK(!p.finished, "a port after iopl 0");
	}
	return PASS;
}

const struct test segment_tests[] = {
	{ "ldt-data", "segments of an LDT stay a process's own across switches", ldt_data },
	{ "ldt-code", "32-bit code runs in a 64-bit program, from GDT and LDT", compat_code },
	{ "gs-base", "each thread keeps its GS base", gs_base },
	{ "ports", "ioperm and iopl open ports and close them", ports },
	{ }
};
