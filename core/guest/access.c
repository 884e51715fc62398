// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes of processor state: control registers, MSRs, descriptor-table
 * registers, and the instructions of VMX and SVM themselves.
 */
#include "guest.h"

#define CR0_PG		(1ull << 31)
#define EFER_LMA	(1ull << 10)

/*
 * Linux leaves 64-bit code in ring 0 for one thing, to call the BIOS for a reboot in
 * real mode (machine_real_restart()). That can't be, and no handler of Linux's would
 * be found from there: what it was to lead to happens at once instead. Ring 0 can
 * always reset the machine, so nobody gains by it. A CPU on its way up is not meant.
 */
static bool is_reboot(struct vbh_vcpu *vcpu)
{
	if (vcpu->resetting || host_reg(vcpu, VBH_REG_CPL))
		return false;
	if (!(host_reg(vcpu, VBH_REG_CR0) & CR0_PG))
		return true;
	return (host_reg(vcpu, VBH_REG_EFER) & EFER_LMA) && host_reg(vcpu, VBH_REG_CS_MODE) != 8;
}

/* The guest would take a pinned register from old to new. */
static enum vbh_verdict pinned(struct vbh_vcpu *vcpu, enum vbh_kind kind, u32 detail, u8 rule,
			       u64 old, u64 new)
{
	bool reboot = is_reboot(vcpu);
	struct vbh_event ev;
	enum vbh_verdict v;

	/* Under rule panic as well: an honest reboot is no reason to stop. */
	if (reboot && rule == VBH_RULE_PANIC)
		rule = VBH_RULE_DENY;
	event_values(vcpu, &ev, kind, detail, old, new);
	v = violation(vcpu, &ev, rule, true);
	return v == VBH_FAULT && reboot ? VBH_RESET : v;
}

static enum vbh_verdict write_bits(struct vbh_vcpu *vcpu, struct pin_value *p, enum vbh_kind kind,
				   u32 detail, u8 rule, u64 old, u64 new)
{
	if (!pin_breaks(p, old, new))
		return VBH_ALLOW;
	return pinned(vcpu, kind, detail, rule, old, new);
}

/* A pin of another CPU may have come between the exit and the lock: know it first. */
static void lock_and_sync(struct vbh_vcpu *vcpu)
{
	host_lock(vcpu->guest);
	if (vcpu->pins.generation != vcpu->guest->pins.generation)
		pin_sync(vcpu);
}

enum vbh_verdict core_cr_write(struct vbh_vcpu *vcpu, u32 nr, u64 old, u64 new)
{
	const struct pin_table *t = &vcpu->guest->pins;
	enum vbh_verdict v;

	lock_and_sync(vcpu);
	if (nr == 0)
		v = write_bits(vcpu, &vcpu->pins.cr0, VBH_KIND_CR, 0, t->cr0_rule, old, new);
	else
		v = write_bits(vcpu, &vcpu->pins.cr4, VBH_KIND_CR, 4, t->cr4_rule, old, new);
	host_unlock(vcpu->guest);
	return v;
}

enum vbh_verdict core_msr_write(struct vbh_vcpu *vcpu, u32 msr, u64 old, u64 new)
{
	const struct pin_table *t = &vcpu->guest->pins;
	const struct pin_msr *m;
	enum vbh_verdict v = VBH_ALLOW;

	lock_and_sync(vcpu);
	m = pin_find_msr(t, msr);
	if (msr == MSR_EFER)
		v = write_bits(vcpu, &vcpu->pins.efer, VBH_KIND_MSR, msr, t->efer_rule, old, new);
	else if (m)
		v = write_bits(vcpu, &vcpu->pins.msr[m - t->msr], VBH_KIND_MSR, msr, m->rule,
			       old, new);
	host_unlock(vcpu->guest);
	return v;
}

/*
 * An IDT with no room for a gate in any mode (real mode's have 4 bytes) leads to
 * nothing but a shutdown, wherever it lies: so Linux resets by BOOT_TRIPLE. It is
 * not loaded, for what the register holds is not asked about when it is loaded again.
 */
#define NO_GATE		3u

enum vbh_verdict core_dtr_load(struct vbh_vcpu *vcpu, enum vbh_dtr dtr, u64 old, u64 new,
			       u32 limit)
{
	u8 rule = vcpu->guest->pins.dtr_rule[dtr];
	enum vbh_verdict v = VBH_ALLOW;

	lock_and_sync(vcpu);
	if (pin_moves(&vcpu->pins, dtr, old, new)) {
		bool reset = dtr == VBH_DTR_IDTR && limit < NO_GATE && rule != VBH_RULE_LOG;

		/* Under "panic" too: it is what the kernel wants, and no violation. */
		v = reset ? VBH_RESET : pinned(vcpu, VBH_KIND_DTR, dtr, rule, old, new);
	}
	host_unlock(vcpu->guest);
	return v;
}

enum vbh_verdict core_virt_insn(struct vbh_vcpu *vcpu, u32 msr, u64 value)
{
	struct vbh_event ev;
	enum vbh_verdict v;

	host_lock(vcpu->guest);
	event_begin(vcpu, &ev, VBH_KIND_VIRT_INSN);
	ev.detail = msr == VIRT_CR4 ? 0 : msr;
	if (msr) {
		ev.new_value = value;
		ev.flags |= VBH_EVENT_F_VALUES;
		ev.width = sizeof(value);
	}
	v = violation(vcpu, &ev, vcpu->guest->rules[VBH_KIND_VIRT_INSN], false);
	host_unlock(vcpu->guest);
	if (v == VBH_HALT)
		return v;
	return msr ? VBH_FAULT : VBH_UNDEFINED;
}
