// SPDX-License-Identifier: GPL-2.0-only
/*
 * LGDT, LIDT, LLDT and LTR, decoded and, where the core allows it, carried out;
 * and SGDT, SIDT, SLDT and STR, which exit along with them on VMX.
 */
#include "hv.h"

#define DESC_PRESENT		BIT(47)
#define DESC_S			BIT(44)
#define DESC_TYPE(d)		((d) >> 40 & 15)
#define TYPE_LDT		2
#define TYPE_TSS		9

/* A write is the guest's: where it may not write, neither do we for it. */
static bool may_write(struct hv_cpu *cpu, u64 gva, u64 gpa)
{
	const struct vbh_access a = {
		.gpa = gpa, .gla = gva, .gla_valid = true, .walk = true, .want = VBH_W,
	};

	return core_memory(&cpu->vcpu, &a) == VBH_ALLOW;
}

/* may_write() has let the lock go: a region that has come since then counts. */
static int write_byte(u64 gpa, const u8 *p)
{
	const struct region *r;
	int err = -EFAULT;

	host_lock(&hv.guest);
	r = region_denies(&hv.guest.regions, gpa, VBH_W);
	if (!r || r->rule == VBH_RULE_LOG)
		err = host_write_gpa(&hv.guest, gpa, p, 1);
	host_unlock(&hv.guest);
	return err;
}

static int copy(struct hv_cpu *cpu, u64 gva, void *buf, u32 len, bool write)
{
	u64 cr3 = hv.vendor->get(cpu, VBH_REG_CR3);
	u8 *p = buf;

	for (; len; len--, gva++, p++) {
		u64 gpa;

		if (host_translate(&cpu->vcpu, cr3, gva, &gpa))
			return -EFAULT;
		if (write && !may_write(cpu, gva, gpa))
			return -EFAULT;
		if (write ? write_byte(gpa, p) : host_read_gpa(&hv.guest, gpa, p, 1))
			return -EFAULT;
	}
	return 0;
}

static enum hv_act load_table(struct hv_cpu *cpu, const struct insn *insn)
{
	enum vbh_dtr dtr = insn->op == INSN_LGDT ? VBH_DTR_GDTR : VBH_DTR_IDTR;
	bool wide = hv.vendor->get(cpu, VBH_REG_CS_MODE) == 8;
	struct dt_reg reg = { 0 };
	enum vbh_verdict v;
	u64 old;

	if (copy(cpu, insn_linear(&cpu->vcpu, insn), &reg, wide ? 10 : 6, false))
		return HV_GP;
	if (!wide && insn->size == 2)
		reg.base &= 0xffffff;
	old = hv.vendor->get(cpu, dtr == VBH_DTR_GDTR ? VBH_REG_GDTR_BASE : VBH_REG_IDTR_BASE);
	v = core_dtr_load(&cpu->vcpu, dtr, old, reg.base, reg.limit);
	if (v == VBH_ALLOW)
		hv.vendor->set_dt(cpu, dtr, &reg);
	return hv_verdict(v, HV_ADVANCE);
}

/* The register is the one below CR2 only where stores exit at all: on VMX. */
static enum hv_act page_fault(struct vm_exit *exit, u64 gva, u32 error)
{
	write_cr2(gva);
	exit->error = error;
	return HV_PF;
}

/*
 * What an instruction stores into memory. Without UMIP user mode may store, where
 * its own page tables let it. A supervisor's destination must be plain memory
 * that no region protects. Nothing is written by half.
 */
static enum hv_act store(struct hv_cpu *cpu, struct vm_exit *exit, const struct insn *insn,
			 void *buf, u32 len)
{
	u64 gva = insn_linear(&cpu->vcpu, insn), end = gva + len - 1;
	bool user = hv.vendor->get(cpu, VBH_REG_CPL) == 3;
	u32 unused = hv.la57 ? 64 - 57 : 64 - 48;
	u64 at, gpa;
	bool denied;
	u32 error;

	/* Not canonical. */
	if ((u64)((s64)(gva << unused) >> unused) != gva)
		return HV_GP;
	for (at = gva; ; at = end) {
		error = user ? walk_user_store(cpu, at, &gpa) : 0;
		if (error)
			return page_fault(exit, at == gva ? gva : end & PAGE_MASK, error);
		if (!user && host_translate(&cpu->vcpu, hv.vendor->get(cpu, VBH_REG_CR3), at, &gpa))
			return HV_GP;
		host_lock(&hv.guest);
		denied = region_denies(&hv.guest.regions, gpa, VBH_W);
		host_unlock(&hv.guest);
		if (denied)
			return HV_GP;
		if (at == end)
			break;
	}
	return copy(cpu, gva, buf, len, true) ? HV_GP : HV_ADVANCE;
}

static enum hv_act store_table(struct hv_cpu *cpu, struct vm_exit *exit, const struct insn *insn)
{
	bool wide = hv.vendor->get(cpu, VBH_REG_CS_MODE) == 8;
	struct dt_reg reg;

	hv.vendor->get_dt(cpu, insn->op == INSN_SGDT ? VBH_DTR_GDTR : VBH_DTR_IDTR, &reg);
	return store(cpu, exit, insn, &reg, wide ? 10 : 6);
}

/* To a register it goes with zeroes above, unless that is one of 16 bits. */
static enum hv_act store_selector(struct hv_cpu *cpu, struct vm_exit *exit,
				  const struct insn *insn)
{
	u16 sel = hv.vendor->get(cpu, insn->op == INSN_STR ? VBH_REG_TR : VBH_REG_LDTR);
	u64 keep = insn->size == 2 ? ~0xffffull : 0;

	if (insn->mem)
		return store(cpu, exit, insn, &sel, sizeof(sel));
	host_set_reg(&cpu->vcpu, insn->rm, (host_reg(&cpu->vcpu, insn->rm) & keep) | sel);
	return HV_ADVANCE;
}

static int selector(struct hv_cpu *cpu, const struct insn *insn, u16 *sel)
{
	if (insn->mem)
		return copy(cpu, insn_linear(&cpu->vcpu, insn), sel, 2, false);
	*sel = host_reg(&cpu->vcpu, insn->rm);
	return 0;
}

/* The descriptor of an LDT or TSS in the guest's GDT; 16 bytes in long mode. */
static int read_descriptor(struct hv_cpu *cpu, u16 sel, bool tr, struct hv_segment *s)
{
	u64 gva = hv.vendor->get(cpu, VBH_REG_GDTR_BASE) + (sel & ~7);
	u64 d[2];

	if ((sel & 4) || copy(cpu, gva, d, sizeof(d), false))
		return -EFAULT;
	if ((d[0] & DESC_S) || !(d[0] & DESC_PRESENT) ||
	    DESC_TYPE(d[0]) != (tr ? TYPE_TSS : TYPE_LDT))
		return -EINVAL;
	if (tr) {
		d[0] |= 2ull << 40;	/* busy */
		if (copy(cpu, gva, d, 8, true))
			return -EFAULT;
	}
	s->sel = sel;
	s->attr = d[0] >> 40 & 0xf0ff;
	s->limit = (d[0] & 0xffff) | (d[0] >> 32 & 0xf0000);
	if (d[0] & BIT(55))
		s->limit = s->limit << 12 | 0xfff;
	s->base = (d[0] >> 16 & 0xffffff) | (d[0] >> 32 & 0xff000000) | d[1] << 32;
	return 0;
}

static enum hv_act load_selector(struct hv_cpu *cpu, const struct insn *insn)
{
	bool tr = insn->op == INSN_LTR;
	struct hv_segment s = { 0 };
	enum vbh_verdict v;
	u16 sel;

	if (selector(cpu, insn, &sel))
		return HV_GP;
	v = core_dtr_load(&cpu->vcpu, tr ? VBH_DTR_TR : VBH_DTR_LDTR,
			  hv.vendor->get(cpu, tr ? VBH_REG_TR : VBH_REG_LDTR), sel, ~0u);
	if (v != VBH_ALLOW)
		return hv_verdict(v, HV_ADVANCE);
	if (tr && !(sel & ~3))
		return HV_GP;
	if ((sel & ~3) && read_descriptor(cpu, sel, tr, &s))
		return HV_GP;
	hv.vendor->set_seg(cpu, tr ? SEG_TR : SEG_LDTR, &s);
	return HV_ADVANCE;
}

enum hv_act dt_access(struct hv_cpu *cpu, struct vm_exit *exit)
{
	struct insn insn;

	if (!hv_decode(cpu, &insn)) {
		core_note(&cpu->vcpu, VBH_KIND_INTERNAL, VBH_EXIT_DTR, exit->raw);
		return HV_GP;
	}
	exit->len = insn.len;
	switch (insn.op) {
	case INSN_SGDT:
	case INSN_SIDT:
		return store_table(cpu, exit, &insn);
	case INSN_SLDT:
	case INSN_STR:
		return store_selector(cpu, exit, &insn);
	}
	if (hv.vendor->get(cpu, VBH_REG_CPL))
		return HV_GP;
	switch (insn.op) {
	case INSN_LGDT:
	case INSN_LIDT:
		return load_table(cpu, &insn);
	case INSN_LLDT:
	case INSN_LTR:
		return load_selector(cpu, &insn);
	}
	return HV_GP;
}
