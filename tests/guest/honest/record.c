// SPDX-License-Identifier: GPL-2.0-only
/*
 * What must not change when a hypervisor is slipped under the kernel, as lines
 * "name = value": CPUID on each CPU, XCR0, and what user mode gets from
 * instructions at the edge, whichever way this processor answers. Left out is
 * what VBH says it changes: its own leaves, and that SVM and VMX are there.
 */
#define _GNU_SOURCE
#include <string.h>
#include "probe.h"

#define VBH_LEAVES		0x40000100u
#define CPUID1_ECX_VMX		(1u << 5)
#define CPUID_EXT1_ECX_SVM	(1u << 2)
#define CPUID_EXT1_ECX_SKINIT	(1u << 12)
#define LEAF_SVM		0x8000000a

static void record_leaf(FILE *out, int cpu, u32 leaf, u32 subleaf)
{
	struct cpuid r = cpuid(leaf, subleaf);

	if ((leaf & ~0xffu) == VBH_LEAVES || leaf == LEAF_SVM)
		return;
	if (leaf == 1)
		r.ecx &= ~CPUID1_ECX_VMX;
	if (leaf == 0x80000001)
		r.ecx &= ~(CPUID_EXT1_ECX_SVM | CPUID_EXT1_ECX_SKINIT);
	fprintf(out, "cpu%d cpuid %08x.%x = %08x %08x %08x %08x\n", cpu, leaf, subleaf,
		r.eax, r.ebx, r.ecx, r.edx);
}

/* The highest leaf of each range and two beyond, which some processors answer oddly. */
static void record_cpuid(FILE *out, int cpu)
{
	static const u32 ranges[] = { 0, 0x20000000, 0x40000000, 0x80000000, 0x8fffffff,
				      0xc0000000 };
	u32 last, leaf, sub;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		last = cpuid(ranges[i], 0).eax;
		if (last < ranges[i] || last > ranges[i] + 0x40)
			last = ranges[i];
		for (leaf = ranges[i]; leaf <= last + 2; leaf++)
			for (sub = 0; sub < (leaf == 13 ? 32 : 5); sub++)
				record_leaf(out, cpu, leaf, sub);
	}
}

#define ROW(name, bytes)	{ name, bytes, sizeof(bytes) - 1 }

/* RDI: memory; RSI: a page that may not be touched; R8: not canonical. */
static const struct {
	const char *name, *code;
	size_t len;
} probes[] = {
	ROW("nothing", "\x90"),
	ROW("divide by 0", "\xf7\xf1"),
	ROW("int3", "\xcc"), ROW("int 3", "\xcd\x03"), ROW("icebp", "\xf1"),
	ROW("int 4", "\xcd\x04"), ROW("into", "\xce"), ROW("int 0x42", "\xcd\x42"),
	ROW("int 1", "\xcd\x01"), ROW("int 2", "\xcd\x02"), ROW("int 14", "\xcd\x0e"),
	ROW("ud2", "\x0f\x0b"), ROW("lock nop", "\xf0\x90"),
	ROW("16 bytes long",
	    "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\xa2"),
	ROW("read forbidden page", "\x8b\x06"), ROW("write forbidden page", "\x89\x06"),
	ROW("run forbidden page", "\xff\xe6"),
	ROW("read not canonical", "\x41\x8b\x00"), ROW("jump not canonical", "\x41\xff\xe0"),
	ROW("push not canonical", "\x4c\x89\xc4\x50"),
	/* pushfq; orl $AC, (%rsp); popfq; mov 1(%rdi), %eax */
	ROW("unaligned with AC", "\x9c\x81\x0c\x24\x00\x00\x04\x00\x9d\x8b\x47\x01"),
	ROW("hlt", "\xf4"), ROW("cli", "\xfa"), ROW("sti", "\xfb"), ROW("in", "\xec"),
	ROW("out", "\xe6\x80"), ROW("rdmsr", "\x0f\x32"), ROW("wrmsr", "\x0f\x30"),
	ROW("mov cr0, rax", "\x0f\x20\xc0"), ROW("mov rax, cr0", "\x0f\x22\xc0"),
	ROW("mov rax, cr4", "\x0f\x22\xe0"), ROW("mov rax, cr3", "\x0f\x22\xd8"),
	ROW("mov rax, cr8", "\x44\x0f\x22\xc0"), ROW("mov rax, dr7", "\x0f\x23\xf8"),
	ROW("clts", "\x0f\x06"), ROW("lmsw", "\x0f\x01\xf0"), ROW("lmsw memory", "\x0f\x01\x37"),
	ROW("lgdt", "\x0f\x01\x17"), ROW("lidt", "\x0f\x01\x1f"), ROW("lldt", "\x0f\x00\xd0"),
	ROW("ltr", "\x0f\x00\xd8"), ROW("invd", "\x0f\x08"), ROW("wbinvd", "\x0f\x09"),
	ROW("invlpg", "\x0f\x01\x3f"), ROW("swapgs", "\x0f\x01\xf8"),
	ROW("sysretq", "\x48\x0f\x07"), ROW("xsetbv", "\x0f\x01\xd1"),
	ROW("rdpmc", "\x0f\x33"), ROW("monitor", "\x0f\x01\xc8"), ROW("mwait", "\x0f\x01\xc9"),
	ROW("clac", "\x0f\x01\xca"), ROW("stac", "\x0f\x01\xcb"),
	ROW("ss = a bad selector", "\xb8\xf8\x7f\x00\x00\x8e\xd0"),
	ROW("far jump memory 0", "\xff\x2f"),
};

/* What the processor stores, in memory of known contents. UMIP has the kernel do it. */
static const struct {
	const char *name, *code;
	size_t len;
} stores[] = {
	ROW("sgdt", "\x0f\x01\x07"), ROW("sidt", "\x0f\x01\x0f"), ROW("sldt", "\x0f\x00\x07"),
	ROW("str", "\x0f\x00\x0f"), ROW("smsw", "\x0f\x01\x27"), ROW("sldt eax", "\x0f\x00\xc0"),
	ROW("str eax", "\x0f\x00\xc8"), ROW("smsw eax", "\x0f\x01\xe0"),
	ROW("lar cs", "\xb8\x33\x00\x00\x00\x0f\x02\xc8"),
	ROW("lar tr", "\xb8\x40\x00\x00\x00\x0f\x02\xc8"),
	ROW("lsl cs", "\xb8\x33\x00\x00\x00\x0f\x03\xc8"),
	ROW("verw ss", "\xb8\x2b\x00\x00\x00\x0f\x00\xe8\x0f\x94\xc1"),
	ROW("rdpid", "\xf3\x0f\xc7\xf9\x48\x89\xf9"),
	ROW("xgetbv 0", "\x31\xc9\x0f\x01\xd0"), ROW("xgetbv 1", "\xb1\x01\x0f\x01\xd0"),
	ROW("xgetbv 9", "\xb1\x09\x0f\x01\xd0"),
};

/* Pages' addresses differ from one process to the next; within the code, and absurd ones don't. */
static void record_address(FILE *out, const struct probe *p, const char *what, u64 addr)
{
	if (addr - p->base < 4096)
		fprintf(out, " %s +%#llx", what, (unsigned long long)(addr - p->base));
	else if (addr >> 47)
		fprintf(out, " %s %#llx", what, (unsigned long long)addr);
	else
		fprintf(out, " %s ...%03llx", what, (unsigned long long)(addr & 0xfff));
}

static void record_traps(FILE *out, const struct probe *p)
{
	const struct trap *t;

	for (t = p->trap; t < p->trap + p->traps; t++) {
		fprintf(out, " signal %d code %d vector %d error %#x", t->sig, t->code, t->vector,
			t->error);
		record_address(out, p, "at", t->rip);
		record_address(out, p, "addr", t->addr);
		fputc(';', out);
	}
	fprintf(out, p->finished ? " end\n" : " ended\n");
}

static void record_probes(FILE *out, int cpu)
{
	struct probe p;
	size_t i;
	int b;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		memset(probe_data, 0, 64);
		probe_run(&p, probes[i].code, probes[i].len, NULL);
		fprintf(out, "cpu%d %s =", cpu, probes[i].name);
		record_traps(out, &p);
	}
	for (i = 0; i < ARRAY_SIZE(stores); i++) {
		memset(probe_data, 0xee, 64);
		probe_run(&p, stores[i].code, stores[i].len, NULL);
		fprintf(out, "cpu%d %s = %llx %llx %llx ", cpu, stores[i].name,
			(unsigned long long)p.rax, (unsigned long long)p.rcx,
			(unsigned long long)p.rdx);
		for (b = 0; b < 12; b++)
			fprintf(out, "%02x", probe_data[b]);
		record_traps(out, &p);
	}
}

/* Also single steps, whose table is beside their tests. */
void record_steps(FILE *out, int cpu);

int record(FILE *out)
{
	int cpu;

	for (cpu = 0; cpu < nr_cpus(); cpu++) {
		if (pin_to(cpu))
			return 1;
		record_cpuid(out, cpu);
		fprintf(out, "cpu%d xcr0 = %#llx\n", cpu, (unsigned long long)xgetbv0());
		record_probes(out, cpu);
		record_steps(out, cpu);
	}
	fprintf(out, "cpus = %d\n", nr_cpus());
	return fflush(out) || ferror(out);
}

int compare(FILE *before, FILE *now)
{
	char a[4096], b[4096], *got_a, *got_b;
	int differences = 0;

	do {
		got_a = fgets(a, sizeof(a), before);
		got_b = fgets(b, sizeof(b), now);
		if (!got_a && !got_b)
			return differences;
		if (!got_a || !got_b || strcmp(a, b)) {
			differences++;
			printf("- %s+ %s", got_a ? a : "(nothing)\n", got_b ? b : "(nothing)\n");
		}
	} while (got_a && got_b);
	return differences;
}
