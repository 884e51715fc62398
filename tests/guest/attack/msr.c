// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks on MSRs that say where the kernel is entered, how memory is cached,
 * and where the local APIC stands. All are pinned by the default policy.
 */
#include <asm/hypervisor.h>
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

/*
 * attack->arg: a register by which another hypervisor, or the processor, is told where
 * to store. data: the bits that make it an address. Whether there is such a register
 * does not matter: VBH judges before anybody else. Another register of the kind gets
 * the same value as a count, and that must not be an event.
 */
static const u64 enabled = 1, always = 0;

static void attack_shared(struct attempt *t)
{
	u64 text = attack_symbol("_stext");

	if (!text || attack_body() != VBH_BODY_BARE_METAL) {
		attempt_unavailable(t, "no _stext, or KVM answers for its registers itself");
		return;
	}
	text = __pa_symbol(text) & PAGE_MASK;
	attempt_expect(t, VBH_KIND_VIRT_INSN, t->attack->arg);
	attempt_judge(t, try_wrmsr(t->attack->arg, text | *(const u64 *)t->attack->data,
				   &t->rip), false);
}

/* Counts, commands and flags, whatever they look like: as a 0 there. */
static void honest_count(struct attempt *t)
{
	static const u32 msrs[] = {
		0x40000000,				/* HV_X64_MSR_GUEST_OS_ID */
		0x40000070,				/* EOI */
		0x40000084,				/* EOM */
		0x40000090, 0x4000009f,			/* SINT0, SINT15 */
		0x400000b0, 0x400000b1, 0x400000b7,	/* STIMER0_CONFIG, _COUNT, STIMER3_COUNT */
		0x40000101,				/* CRASH_P1 */
		0x4b564d05, 0x4b564d06, 0x4b564d07, 0x4b564d08,	/* KVM's */
		/* Addresses, but not enabled. */
		0x40000021, 0x40000082, 0x4b564d01, 0x4b564d03,
	};
	u64 ip, text = attack_symbol("_stext");
	unsigned int i;
	int natural, vector;

	if (!text || !hypervisor_is_type(X86_HYPER_NATIVE)) {
		attempt_unavailable(t, "another hypervisor takes them");
		return;
	}
	text = __pa_symbol(text);
	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		natural = try_wrmsr(msrs[i], 0, &ip);
		vector = try_wrmsr(msrs[i], text & PAGE_MASK, &ip);
		if (vector != natural) {
			attempt_judge(t, vector, false);
			snprintf(t->note, sizeof(t->note), "MSR 0x%x: vector %d, and %d for 0",
				 msrs[i], vector, natural);
			return;
		}
	}
	attempt_judge(t, 0, true);
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
#define SHARED(name, what, msr, form)	{ "shared-" name, "can " what, attack_shared,	\
					  A_GP | A_NEEDS_VBH, msr, form }
	SHARED("hypercall", "put Hyper-V's hypercall page over text", 0x40000001, &enabled),
	SHARED("reference-tsc", "put Hyper-V's clock over text", 0x40000021, &enabled),
	SHARED("simp", "have Hyper-V's messages go over text", 0x40000083, &enabled),
	SHARED("debugger", "have Hyper-V's debugger write to text", 0x400000f4, &always),
	SHARED("wall-clock", "have KVM write the time to text", 0x4b564d00, &always),
	SHARED("old-clock", "have KVM write the time to text by the old register", 0x12, &enabled),
	SHARED("steal-time", "have KVM write steal time to text", 0x4b564d03, &enabled),
	SHARED("eoi", "have KVM write its EOI flag to text", 0x4b564d04, &enabled),
	SHARED("nested", "have the hypervisor below Hyper-V write to text", 0x40001083, &enabled),
	SHARED("unknown", "have a hypervisor of tomorrow write to text", 0x4b564d09, &enabled),
	{ "honest-msr-count", "may write any number to a synthetic MSR that holds no address",
	  honest_count, A_HONEST },
	{ "honest-msr-same", "may write pinned MSRs with what they hold", honest_same, A_HONEST },
	{ "honest-msr-outside", "gets the processor's answer for MSRs outside the bitmaps",
	  honest_outside, A_HONEST },
	{ }
};
