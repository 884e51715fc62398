// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks on MSRs that say where the kernel is entered, how memory is cached,
 * and where the local APIC stands. All are pinned by the default policy.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <linux/irqflags.h>

#include "attack.h"
#include "insn.h"

/* attack->arg: the MSR. data: the bits to flip. */
static const u64 flip_entry = 0x40;	/* an address near by, still canonical */
static const u64 flip_star = 1ull << 48;	/* the selector base that SYSRET uses */
static const u64 flip_sfmask = X86_EFLAGS_IF;	/* system calls would begin with interrupts on */
static const u64 flip_cs = 0x8;
static const u64 flip_pat = 2ull << 56;	/* entry 7, WT to WB: nothing maps with it here */

static void write_msr(struct attempt *t, u32 msr, u64 new)
{
	unsigned long flags;
	u64 old, seen, ip;
	int vector;

	local_irq_save(flags);
	if (try_rdmsr(msr, &old, &ip)) {
		local_irq_restore(flags);
		attempt_unavailable(t, "this processor has no MSR 0x%x", msr);
		return;
	}
	vector = try_wrmsr(msr, new, &t->rip);
	try_rdmsr(msr, &seen, &ip);
	if (seen != old)
		try_wrmsr(msr, old, &ip);
	local_irq_restore(flags);

	attempt_expect(t, VBH_KIND_MSR, msr);
	attempt_values(t, old, new);
	attempt_judge(t, vector, seen != old);
}

static void attack_msr(struct attempt *t)
{
	u32 msr = t->attack->arg;
	u64 old, ip;

	if (try_rdmsr(msr, &old, &ip)) {
		attempt_unavailable(t, "this processor has no MSR 0x%x", msr);
		return;
	}
	write_msr(t, msr, old ^ *(const u64 *)t->attack->data);
}

/* Move the APIC's registers over a page of kernel text. */
static void attack_apic_base(struct attempt *t)
{
	u64 old, ip, text = attack_symbol("_stext");

	if (!text || try_rdmsr(MSR_IA32_APICBASE, &old, &ip)) {
		attempt_unavailable(t, "no _stext or no APIC_BASE");
		return;
	}
	text = __pa_symbol(text) & PAGE_MASK;
	write_msr(t, MSR_IA32_APICBASE, (old & ~MSR_IA32_APICBASE_BASE) | text);
}

/* What every CPU that comes online does: write to a pinned MSR what is there. */
static void honest_same(struct attempt *t)
{
	static const u32 msrs[] = {
		MSR_LSTAR, MSR_STAR, MSR_CSTAR, MSR_SYSCALL_MASK, MSR_IA32_SYSENTER_CS,
		MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP, MSR_IA32_CR_PAT, MSR_EFER,
		MSR_IA32_APICBASE,
	};
	unsigned int i;
	u64 value, ip;

	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		if (try_rdmsr(msrs[i], &value, &ip))
			continue;
		if (try_wrmsr(msrs[i], value, &ip)) {
			attempt_judge(t, 13, false);
			snprintf(t->note, sizeof(t->note), "MSR 0x%x: its own value faults",
				 msrs[i]);
			return;
		}
	}
	attempt_judge(t, 0, true);
}

/* An MSR outside the ranges of the bitmaps: the fault or value is the processor's. */
static void honest_outside(struct attempt *t)
{
	static const u32 msrs[] = { 0x00002000, 0x20000000, 0x4b564d00, 0x80000000, 0xc0002000,
				    0xc0020000, 0xffffffff };
	unsigned int i, at = 0;
	u64 value, ip;
	int vector;

	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		vector = try_rdmsr(msrs[i], &value, &ip);
		at += scnprintf(t->note + at, sizeof(t->note) - at, " %d:%llx", vector,
				vector ? 0 : value);
		vector = try_wrmsr(msrs[i], 0, &ip);
		at += scnprintf(t->note + at, sizeof(t->note) - at, "/%d", vector);
	}
	attempt_judge(t, 0, true);
}

#define MOVES	"can move "

const struct attack msr_attacks[] = {
	{ "lstar", MOVES "LSTAR, the entry of system calls", attack_msr, A_GP, MSR_LSTAR,
	  &flip_entry },
	{ "star", MOVES "STAR", attack_msr, A_GP, MSR_STAR, &flip_star },
	{ "cstar", MOVES "CSTAR", attack_msr, A_GP, MSR_CSTAR, &flip_entry },
	{ "sfmask", "can change SFMASK", attack_msr, A_GP, MSR_SYSCALL_MASK, &flip_sfmask },
	{ "sysenter-cs", MOVES "SYSENTER_CS", attack_msr, A_GP, MSR_IA32_SYSENTER_CS, &flip_cs },
	{ "sysenter-esp", MOVES "SYSENTER_ESP", attack_msr, A_GP, MSR_IA32_SYSENTER_ESP,
	  &flip_entry },
	{ "sysenter-eip", MOVES "SYSENTER_EIP", attack_msr, A_GP, MSR_IA32_SYSENTER_EIP,
	  &flip_entry },
	/* Rule log writes it to the VMCB, from where QEMU does not take it. */
	{ "pat", "can change the PAT", attack_msr, A_GP | A_NO_LOG, MSR_IA32_CR_PAT, &flip_pat },
	{ "apic-base", "can put the APIC's page over kernel text", attack_apic_base,
	  A_GP | A_NO_LOG },
	{ "honest-msr-same", "may write pinned MSRs with what they hold", honest_same, A_HONEST },
	{ "honest-msr-outside", "gets the processor's answer for MSRs outside the bitmaps",
	  honest_outside, A_HONEST },
	{ }
};
