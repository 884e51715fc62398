// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins: what may be pinned, and the arithmetic of known and armed bits. It
 * relies on the body to say truly what a register holds before a write.
 */
#include "guest.h"

/*
 * MSRs that no guest has the raw use of: the body virtualises them, CPU by CPU,
 * and answers for them itself. EFER has a pin type of its own.
 */
static const struct {
	u32 first, last;
} not_pinnable[] = {
	{ 0x3a, 0x3a },			/* FEATURE_CONTROL: reads as locked and off */
	{ 0x480, 0x493 },		/* VMX capabilities: do not exist */
	{ 0x800, 0x8ff },		/* x2APIC: registers of a device */
	{ MSR_EFER, MSR_EFER },
	{ 0xc0010114, 0xc0010119 },	/* VM_CR to SVM_KEY, HSAVE_PA among them */
};

static bool msr_pinnable(u32 msr)
{
	u32 i;

	for (i = 0; i < sizeof(not_pinnable) / sizeof(not_pinnable[0]); i++) {
		if (msr >= not_pinnable[i].first && msr <= not_pinnable[i].last)
			return false;
	}
	return true;
}

static struct pin_msr *find_msr(struct pin_table *t, u32 msr)
{
	u32 i;

	for (i = 0; i < t->nr_msrs; i++) {
		if (t->msr[i].msr == msr)
			return &t->msr[i];
	}
	return NULL;
}

const struct pin_msr *pin_find_msr(const struct pin_table *t, u32 msr)
{
	return find_msr((struct pin_table *)t, msr);
}

static void strengthen(u8 *rule, u8 with)
{
	if (with > *rule)
		*rule = with;
}

static int add_bits(u64 *mask, u64 *value, u8 *rule, u64 can, u64 now, const struct vbh_pin *pin)
{
	u64 fresh = pin->mask & ~*mask;

	if (pin->index || (pin->mask & ~can))
		return -EINVAL;
	*mask |= fresh;
	*value = (*value & ~fresh) | (now & fresh);
	strengthen(rule, pin->rule);
	return 0;
}

static int add_msr(struct pin_table *t, const struct vbh_pin *pin)
{
	struct pin_msr *m = find_msr(t, pin->index);

	if (!msr_pinnable(pin->index))
		return -EINVAL;
	if (!m) {
		if (t->nr_msrs == VBH_MAX_MSR_PINS)
			return -ENOSPC;
		m = &t->msr[t->nr_msrs++];
		m->msr = pin->index;
		m->rule = 0;
		m->mask = 0;
	}
	m->mask |= pin->mask;
	strengthen(&m->rule, pin->rule);
	return 0;
}

static int add_dtr(struct pin_table *t, const struct vbh_pin *pin)
{
	if (pin->index >= VBH_NR_DTR || pin->mask != ~0ull)
		return -EINVAL;
	t->dtr_mask |= 1u << pin->index;
	strengthen(&t->dtr_rule[pin->index], pin->rule);
	return 0;
}

int pin_add(struct pin_table *t, struct vbh_vcpu *vcpu, const struct vbh_pin *pin)
{
	static const u8 zero[sizeof(pin->reserved)];

	if (!pin->mask || pin->rule < VBH_RULE_LOG || pin->rule > VBH_RULE_PANIC ||
	    memcmp(pin->reserved, zero, sizeof(zero)))
		return -EINVAL;

	switch (pin->type) {
	case VBH_PIN_CR0:
		return add_bits(&t->cr0_mask, &t->cr0_value, &t->cr0_rule, PIN_CR0_BITS,
				host_reg(vcpu, VBH_REG_CR0), pin);
	case VBH_PIN_CR4:
		return add_bits(&t->cr4_mask, &t->cr4_value, &t->cr4_rule, PIN_CR4_BITS,
				host_reg(vcpu, VBH_REG_CR4), pin);
	case VBH_PIN_EFER:
		return add_bits(&t->efer_mask, &t->efer_value, &t->efer_rule, PIN_EFER_BITS,
				host_reg(vcpu, VBH_REG_EFER), pin);
	case VBH_PIN_MSR:
		return add_msr(t, pin);
	case VBH_PIN_DTR:
		return add_dtr(t, pin);
	default:
		return -EINVAL;
	}
}

void pin_publish(struct pin_table *t, const struct pin_table *next)
{
	u32 i, nr = next->nr_msrs;

	for (i = 0; i < nr; i++)
		t->msr[i] = next->msr[i];
	__asm__ volatile("" ::: "memory");
	t->nr_msrs = nr;
	t->cr0_mask = next->cr0_mask;
	t->cr4_mask = next->cr4_mask;
	t->efer_mask = next->efer_mask;
	t->cr0_value = next->cr0_value;
	t->cr4_value = next->cr4_value;
	t->efer_value = next->efer_value;
	t->cr0_rule = next->cr0_rule;
	t->cr4_rule = next->cr4_rule;
	t->efer_rule = next->efer_rule;
	t->dtr_mask = next->dtr_mask;
	memcpy(t->dtr_rule, next->dtr_rule, sizeof(t->dtr_rule));
	t->generation = next->generation;
}

static u32 bits(u64 x)
{
	u32 n;

	for (n = 0; x; n++)
		x &= x - 1;
	return n;
}

u32 pin_count(const struct pin_table *t)
{
	return bits(t->cr0_mask) + bits(t->cr4_mask) + bits(t->efer_mask) + bits(t->dtr_mask) +
	       t->nr_msrs;
}

/* Bits of mask that are new to this CPU must be as in value. */
static void take_over(struct pin_value *p, u64 mask, u64 value)
{
	u64 fresh = mask & ~p->known;

	p->value = (p->value & ~fresh) | (value & fresh);
	p->known |= fresh;
}

/*
 * Linux runs a process that called modify_ldt() with the selector GDT_ENTRY_LDT
 * * 8 (arch/x86/include/asm/segment.h), any other with 0: pinned, LDTR is either.
 */
#define LINUX_LDT_SELECTOR	0x50

static u64 dtr_now(struct vbh_vcpu *vcpu, u32 dtr)
{
	return dtr == VBH_DTR_LDTR ? 0 : host_reg(vcpu, VBH_REG_GDTR_BASE + dtr);
}

/*
 * A CPU that comes up after INIT has no values of its own to take over yet. Its
 * control registers will have to be what they were on the CPU that asked, for
 * Linux keeps them alike; its descriptor tables, which differ from CPU to CPU,
 * are taken over when it has shown that it is up. MSRs survive an INIT.
 */
void pin_sync(struct vbh_vcpu *vcpu)
{
	const struct pin_table *t = &vcpu->guest->pins;
	struct pin_vcpu *p = &vcpu->pins;
	bool r = vcpu->resetting;
	u32 i;

	take_over(&p->cr0, t->cr0_mask, r ? t->cr0_value : host_reg(vcpu, VBH_REG_CR0));
	take_over(&p->cr4, t->cr4_mask, r ? t->cr4_value : host_reg(vcpu, VBH_REG_CR4));
	take_over(&p->efer, t->efer_mask, r ? t->efer_value : host_reg(vcpu, VBH_REG_EFER));

	for (i = 0; i < VBH_NR_DTR && !r; i++) {
		if (t->dtr_mask & (1u << i) && !p->dtr[i].known) {
			take_over(&p->dtr[i], ~0ull, dtr_now(vcpu, i));
			p->dtr_armed |= 1u << i;
		}
	}
	for (i = 0; i < t->nr_msrs; i++) {
		if (t->msr[i].mask & ~p->msr[i].known)
			take_over(&p->msr[i], t->msr[i].mask, host_msr(vcpu, t->msr[i].msr));
	}
	p->generation = t->generation;
}

/*
 * A bit may move to its pinned value and not from it, which is all that a CPU
 * needs to come up after an INIT: nothing has to be armed again.
 */
u64 pin_breaks(const struct pin_value *p, u64 old, u64 new)
{
	return p->known & (new ^ old) & (new ^ p->value);
}

/*
 * An address is one thing, unlike bits: it holds from when all of it is right.
 * A CPU that comes up passes through the trampoline's tables before its own.
 */
bool pin_moves(struct pin_vcpu *p, enum vbh_dtr dtr, u64 old, u64 new)
{
	const struct pin_value *v = &p->dtr[dtr];

	if (v->known && old == v->value)
		p->dtr_armed |= 1u << dtr;
	if (dtr == VBH_DTR_LDTR && new == LINUX_LDT_SELECTOR)
		return false;
	return p->dtr_armed & (1u << dtr) && new != old && new != v->value;
}

u64 core_floor(struct vbh_vcpu *vcpu, enum vbh_pin_type type)
{
	const struct pin_value *v = NULL;
	u64 floor;

	host_lock(vcpu->guest);
	if (type == VBH_PIN_CR0)
		v = &vcpu->pins.cr0;
	else if (type == VBH_PIN_CR4)
		v = &vcpu->pins.cr4;
	else if (type == VBH_PIN_EFER)
		v = &vcpu->pins.efer;
	floor = v && vcpu->resetting ? v->value & v->known : 0;
	host_unlock(vcpu->guest);
	return floor;
}

bool core_msr_pinned(const struct vbh_guest *guest, u32 msr)
{
	/* Entries are never removed, and their number is stored after them. */
	if (msr == MSR_EFER)
		return guest->pins.efer_mask;
	return pin_find_msr(&guest->pins, msr);
}
