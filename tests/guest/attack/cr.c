// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks on control registers and EFER, with bare instructions: the kernel's
 * own pinning of CR0 and CR4 sits in functions that nobody has to call.
 */
#include <asm/processor-flags.h>
#include <asm/msr-index.h>
#include <linux/irqflags.h>

#include "attack.h"
#include "insn.h"

/* In attack->arg: clear the low word's bits, set the high word's. */
#define FLIP(clear, set)	((long)(clear) | (long)(set) << 32)
#define FLIP_CLEAR(arg)		((u64)(arg) & 0xffffffff)
#define FLIP_SET(arg)		((u64)(arg) >> 32)

static void write_cr(struct attempt *t, u32 nr, u64 (*get)(void), int (*set)(u64, u64 *))
{
	u64 clear = FLIP_CLEAR(t->attack->arg), add = FLIP_SET(t->attack->arg);
	unsigned long flags;
	u64 old, new, seen, ip;
	int vector;

	local_irq_save(flags);
	old = get();
	new = (old & ~clear) | add;
	if ((old & clear) != clear || old & add) {
		local_irq_restore(flags);
		attempt_unavailable(t, "CR%u is 0x%llx: the bit is not on here", nr, old);
		return;
	}
	vector = set(new, &t->rip);
	seen = get();
	if (seen != old)
		set(old, &ip);
	local_irq_restore(flags);

	attempt_expect(t, VBH_KIND_CR, nr);
	attempt_values(t, old, new);
	attempt_judge(t, vector, seen != old);
	if (!vector && seen != old && seen != new)
		attempt_judge(t, 0, false);
}

static u64 get_cr0(void)
{
	return raw_cr0();
}

static u64 get_cr4(void)
{
	return raw_cr4();
}

static int set_cr0(u64 value, u64 *rip)
{
	return try_write_cr0(value, rip);
}

static int set_cr4(u64 value, u64 *rip)
{
	return try_write_cr4(value, rip);
}

static void attack_cr0(struct attempt *t)
{
	write_cr(t, 0, get_cr0, set_cr0);
}

/* Processors refuse this one in 64-bit mode; an emulator that does not is lost. */
static void attack_cr0_pg(struct attempt *t)
{
	if (attack_vbh())
		attack_cr0(t);
	else
		attempt_unavailable(t, "#GP by the manual; not tried, for QEMU does not check");
}

static void attack_cr4(struct attempt *t)
{
	write_cr(t, 4, get_cr4, set_cr4);
}

/*
 * Between the two WRMSR nothing but registers and code is touched: with NXE
 * clear, the NX bit of a data page is a reserved bit, and walking to the stack
 * would fault.
 */
static void attack_efer(struct attempt *t)
{
	u64 clear = FLIP_CLEAR(t->attack->arg);
	u32 old_low, old_high, seen_low, new_low;
	unsigned long flags;
	int vector;

	local_irq_save(flags);
	rdmsr(MSR_EFER, old_low, old_high);
	if ((old_low & clear) != clear) {
		local_irq_restore(flags);
		attempt_unavailable(t, "EFER is 0x%x: the bit is not on here", old_low);
		return;
	}
	new_low = old_low & ~clear;
	asm volatile("lea 1f(%%rip), %%r8\n"
		     "1:	wrmsr\n"
		     "	xor %%r9d, %%r9d\n"
		     "	rdmsr\n"
		     "	mov %%eax, %%r10d\n"
		     "	mov %[old], %%eax\n"
		     "3:	wrmsr\n"
		     "	jmp 4f\n"
		     "2:	mov %%eax, %%r9d\n"
		     "	rdmsr\n"
		     "	mov %%eax, %%r10d\n"
		     "4:	mov %%r8, %[ip]\n"
		     "	mov %%r9d, %[vector]\n"
		     "	mov %%r10d, %[seen]\n"
		     _ASM_EXTABLE_FAULT(1b, 2b)
		     _ASM_EXTABLE_FAULT(3b, 4b)
		     : [ip] "=&b" (t->rip), [vector] "=&S" (vector), [seen] "=&D" (seen_low),
		       "+a" (new_low), "+d" (old_high)
		     : "c" (MSR_EFER), [old] "r" (old_low)
		     : "r8", "r9", "r10", "memory", "cc");
	local_irq_restore(flags);

	new_low = old_low & ~clear;
	attempt_expect(t, VBH_KIND_MSR, MSR_EFER);
	attempt_values(t, (u64)old_high << 32 | old_low, (u64)old_high << 32 | new_low);
	attempt_judge(t, vector, seen_low != old_low);
}

/* Honest: a write that changes what is not pinned takes real effect. */
static void honest_cr4_tsd(struct attempt *t)
{
	unsigned long flags;
	u64 old, seen, ip;
	int vector;

	local_irq_save(flags);
	old = raw_cr4();
	vector = try_write_cr4(old ^ X86_CR4_TSD, &t->rip);
	seen = raw_cr4();
	try_write_cr4(old, &ip);
	local_irq_restore(flags);
	attempt_judge(t, vector, seen == (old ^ X86_CR4_TSD) && raw_cr4() == old);
}

static void honest_cr0_am(struct attempt *t)
{
	unsigned long flags;
	u64 old, seen, ip;
	int vector;

	local_irq_save(flags);
	old = raw_cr0();
	vector = try_write_cr0(old ^ X86_CR0_AM, &t->rip);
	seen = raw_cr0();
	try_write_cr0(old, &ip);
	local_irq_restore(flags);
	attempt_judge(t, vector, seen == (old ^ X86_CR0_AM) && raw_cr0() == old);
}

/* CLTS and LMSW exit like a write of CR0; they may not lose TS or MP. */
static void honest_cr0_ts(struct attempt *t)
{
	unsigned long flags;
	u64 old, with, clts, lmsw;

	local_irq_save(flags);
	old = raw_cr0();
	asm volatile("mov %0, %%cr0" : : "r" (old | X86_CR0_TS) : "memory");
	with = raw_cr0();
	asm volatile("clts" : : : "memory");
	clts = raw_cr0();
	asm volatile("lmsw %w0" : : "r" ((u32)old | X86_CR0_TS) : "memory");
	lmsw = raw_cr0();
	asm volatile("mov %0, %%cr0" : : "r" (old) : "memory");
	local_irq_restore(flags);
	attempt_judge(t, 0, with == (old | X86_CR0_TS) && clts == (old & ~X86_CR0_TS) &&
		      lmsw == (old | X86_CR0_TS));
	snprintf(t->note, sizeof(t->note), "CR0 %llx, set %llx, CLTS %llx, LMSW %llx",
		 old, with, clts, lmsw);
}

/* A reserved bit in CR4 must give the guest #GP, and the hypervisor nothing. */
static void honest_cr4_reserved(struct attempt *t)
{
	unsigned long flags;
	u64 old, seen, ip;
	int vector;

	if (!attack_vbh()) {
		attempt_unavailable(t, "QEMU hangs in the instruction");
		return;
	}
	local_irq_save(flags);
	old = raw_cr4();
	vector = try_write_cr4(old | BIT_ULL(31), &t->rip);
	seen = raw_cr4();
	if (seen != old)
		try_write_cr4(old, &ip);
	local_irq_restore(flags);
	attempt_judge(t, 0, vector == 13 && seen == old);
}

#define SEALS_OFF	"can turn off "

const struct attack cr_attacks[] = {
	{ "cr0-wp", SEALS_OFF "CR0.WP", attack_cr0, A_GP, FLIP(X86_CR0_WP, 0) },
	{ "cr0-wp-mp", SEALS_OFF "CR0.WP and clear CR0.MP with it", attack_cr0, A_GP,
	  FLIP(X86_CR0_WP | X86_CR0_MP, 0) },
	{ "cr0-pg", SEALS_OFF "CR0.PG in 64-bit mode", attack_cr0_pg, A_CPU_STOPS | A_MANUAL,
	  FLIP(X86_CR0_PG, 0) },
	{ "cr4-smep", SEALS_OFF "CR4.SMEP", attack_cr4, A_GP, FLIP(X86_CR4_SMEP, 0) },
	{ "cr4-smap", SEALS_OFF "CR4.SMAP", attack_cr4, A_GP, FLIP(X86_CR4_SMAP, 0) },
	{ "cr4-umip", SEALS_OFF "CR4.UMIP", attack_cr4, A_GP, FLIP(X86_CR4_UMIP, 0) },
	{ "cr4-smep-tsd", SEALS_OFF "CR4.SMEP and set CR4.TSD with it", attack_cr4, A_GP,
	  FLIP(X86_CR4_SMEP, X86_CR4_TSD) },
	{ "cr4-smap-tsd", SEALS_OFF "CR4.SMAP and set CR4.TSD with it", attack_cr4, A_GP,
	  FLIP(X86_CR4_SMAP, X86_CR4_TSD) },
	{ "cr4-umip-tsd", SEALS_OFF "CR4.UMIP and set CR4.TSD with it", attack_cr4, A_GP,
	  FLIP(X86_CR4_UMIP, X86_CR4_TSD) },
	{ "cr4-all", SEALS_OFF "CR4.SMEP, SMAP and UMIP at once", attack_cr4, A_GP,
	  FLIP(X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_UMIP, 0) },
	{ "efer-nxe", SEALS_OFF "EFER.NXE", attack_efer, A_GP, FLIP(EFER_NX, 0) },
	{ "efer-sce", SEALS_OFF "EFER.SCE", attack_efer, A_GP, FLIP(EFER_SCE, 0) },
	{ "efer-lme", SEALS_OFF "EFER.LME while paging", attack_efer, A_CPU_STOPS,
	  FLIP(EFER_LME, 0) },
	{ "honest-cr4-tsd", "may toggle CR4.TSD", honest_cr4_tsd, A_HONEST },
	{ "honest-cr0-am", "may toggle CR0.AM", honest_cr0_am, A_HONEST },
	{ "honest-cr0-ts", "may use CR0.TS, CLTS and LMSW", honest_cr0_ts, A_HONEST },
	{ "honest-cr4-reserved", "gets #GP for a reserved bit of CR4", honest_cr4_reserved,
	  A_HONEST | A_NEEDS_VBH | A_LAST },
	{ }
};
