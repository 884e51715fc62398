// SPDX-License-Identifier: GPL-2.0-only
/* CPUID as programs meet it: always the same answer, whatever prefixes it wears. */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "probe.h"

static int stable(int scale)
{
	struct cpuid first = cpuid(0x80000001, 0), now;
	int i;

	for (i = 0; i < 500 * scale; i++) {
		now = cpuid(0x80000001, 0);
		CHECK(!memcmp(&first, &now, sizeof(now)), "leaf 0x80000001 changed");
		now = cpuid(0xffff0000u + i, i);
	}
	return PASS;
}

static int same_everywhere(int scale)
{
	struct cpuid a, b;
	u32 leaf;

	(void)scale;
	for (leaf = 0; leaf <= cpuid(0, 0).eax; leaf++) {
		if (leaf == 0xb || leaf == 0x1f)	/* the CPU's own number */
			continue;
		pin_to(0);
		a = cpuid(leaf, 0);
		pin_to(1);
		b = cpuid(leaf, 0);
		if (leaf == 1)
			a.ebx = b.ebx;
		CHECK(!memcmp(&a, &b, sizeof(a)), "leaf %#x differs between CPUs", leaf);
	}
	return PASS;
}

/* APIC numbers tell the CPUs apart. */
static int apic_numbers(int scale)
{
	u32 a, b;

	(void)scale;
	if (nr_cpus() < 2)
		return skip("one CPU");
	pin_to(0);
	a = cpuid(1, 0).ebx >> 24;
	pin_to(1);
	b = cpuid(1, 0).ebx >> 24;
	CHECK(a != b, "both CPUs have APIC number %u", a);
	return PASS;
}

/* Where the kernel can have CPUID fault, the fault comes before any exit of it. */
static int faulting(int scale)
{
	static const u8 code[] = { 0x0f, 0xa2 };
	struct probe p;
	int i;

	for (i = 0; i < 10 * scale; i++) {
		if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0))
			return skip("this processor has no CPUID faulting");
		probe_run(&p, code, sizeof(code), NULL);
		syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
		CHECK(!p.finished && p.trap[0].sig == SIGSEGV && p.trap[0].rip == p.base,
		      "it did not fault");
		probe_run(&p, code, sizeof(code), NULL);
		CHECK(p.finished, "it faults where it may be executed again");
	}
	return PASS;
}

#define P(s)	s, sizeof(s) - 1

static int prefixes(int scale)
{
	static const struct {
		const char *code;
		size_t len;
	} forms[] = {
		{ P("\x0f\xa2") }, { P("\x66\x0f\xa2") }, { P("\x48\x0f\xa2") },
		{ P("\x66\x4f\x0f\xa2") }, { P("\x67\x0f\xa2") }, { P("\xf2\x0f\xa2") },
		{ P("\xf3\x0f\xa2") }, { P("\x2e\x64\x0f\xa2") },
		{ P("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\xa2") },
	};
	const u64 in[4] = { 0xffffffff00000000, ~0ull, 0, ~0ull };
	struct cpuid want = cpuid(0, 0);
	struct probe p;
	size_t i;

	(void)scale;
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		probe_run(&p, forms[i].code, forms[i].len, in);
		CHECK(p.finished && !p.traps, "form %zu: signal %d, vector %d at +%lld", i,
		      p.trap[0].sig, p.trap[0].vector, (long long)(p.trap[0].rip - p.base));
		CHECK(p.rax == want.eax && p.rbx == want.ebx && p.rcx == want.ecx &&
		      p.rdx == want.edx, "form %zu: another answer, or upper halves not 0", i);
	}
	return PASS;
}

const struct test cpuid_tests[] = {
	{ "cpuid-stable", "CPUID gives the same answer each time", stable },
	{ "cpuid-cpus", "CPUID is the same on both CPUs", same_everywhere },
	{ "cpuid-apic", "CPUID tells the CPUs apart", apic_numbers },
	{ "cpuid-fault", "CPUID faults for a program that has asked for it", faulting },
	{ "cpuid-prefix", "CPUID works and has its length with any prefixes", prefixes },
	{ }
};
