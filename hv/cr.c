// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to CR0 and CR4 that exited. A value that no processor takes faults,
 * by the rules of long mode and what CPUID says (APM 2, 3.1; SDM 3, 2.5); about
 * pins the core is asked.
 */
#include "hv.h"

static u64 operand(struct hv_cpu *cpu, const struct insn *insn)
{
	u64 v;

	if (insn->op == INSN_LMSW && insn->mem) {
		u64 gpa, cr3 = hv.vendor->get(cpu, VBH_REG_CR3);

		v = 0;
		if (host_translate(&cpu->vcpu, cr3, insn_linear(&cpu->vcpu, insn), &gpa) ||
		    host_read_gpa(&hv.guest, gpa, &v, 2))
			return ~0ull;
		return v;
	}
	v = host_reg(&cpu->vcpu, insn->op == INSN_LMSW ? insn->rm : insn->reg);
	return insn->size == 8 ? v : (u32)v;
}

/* The new value of the whole register, where the processor did not give it. */
static bool decode_value(struct hv_cpu *cpu, struct vm_exit *exit)
{
	u64 cr0 = hv.vendor->get(cpu, VBH_REG_CR0);
	struct insn insn;

	if (!hv_decode(cpu, &insn))
		return false;
	exit->len = insn.len;
	switch (insn.op) {
	case INSN_MOV_TO_CR:
		exit->cr = insn.sub;
		exit->value = operand(cpu, &insn);
		return insn.sub == 0 || insn.sub == 4;
	case INSN_CLTS:
		exit->cr = 0;
		exit->value = cr0 & ~CR0_TS;
		return true;
	case INSN_LMSW:
		exit->cr = 0;
		exit->value = (cr0 & ~0xeull) | (operand(cpu, &insn) & 0xf);
		return true;
	}
	return false;
}

static bool cr0_valid(struct hv_cpu *cpu, u64 old, u64 new)
{
	u64 efer = hv.vendor->get(cpu, VBH_REG_EFER);
	u64 cr4 = hv.vendor->get(cpu, VBH_REG_CR4);

	if (new >> 32)
		return false;
	if ((new & CR0_PG) && !(new & CR0_PE))
		return false;
	if ((new & CR0_NW) && !(new & CR0_CD))
		return false;
	if (!(new & CR0_WP) && (cr4 & CR4_CET))
		return false;
	if (!(new & ~old & CR0_PG))
		return (new & CR0_PG) || !(old & CR0_PG) ||
		       hv.vendor->get(cpu, VBH_REG_CS_MODE) != 8;
	return !(efer & EFER_LME) || (cr4 & CR4_PAE);
}

/*
 * The bits of CR4 that this processor has, by the features that announce them
 * (APM 2, 3.1.3; SDM 3, 2.5). Trying the value is no way: QEMU takes a
 * reserved bit for an exit, in the hypervisor too. VMXE and SMXE are not there.
 */
static const struct {
	u8 first, last;		/* bits of CR4 */
	u8 leaf, sub, reg, bit;	/* CPUID, EAX 0 ... EDX 3 */
} cr4_bits[] = {
	{ 0, 1, 1, 0, 3, 1 },		/* VME, PVI */
	{ 2, 2, 1, 0, 3, 4 },		/* TSD */
	{ 3, 3, 1, 0, 3, 2 },		/* DE */
	{ 4, 4, 1, 0, 3, 3 },		/* PSE */
	{ 5, 5, 1, 0, 3, 6 },		/* PAE */
	{ 6, 6, 1, 0, 3, 7 },		/* MCE */
	{ 7, 8, 1, 0, 3, 13 },		/* PGE, and PCE, which every processor with it has */
	{ 9, 9, 1, 0, 3, 24 },		/* OSFXSR */
	{ 10, 10, 1, 0, 3, 25 },	/* OSXMMEXCPT */
	{ 11, 11, 7, 0, 2, 2 },		/* UMIP */
	{ 12, 12, 7, 0, 2, 16 },	/* LA57 */
	{ 16, 16, 7, 0, 1, 0 },		/* FSGSBASE */
	{ 17, 17, 1, 0, 2, 17 },	/* PCIDE */
	{ 18, 18, 1, 0, 2, 26 },	/* OSXSAVE */
	{ 19, 19, 7, 0, 2, 23 },	/* KL */
	{ 20, 20, 7, 0, 1, 7 },		/* SMEP */
	{ 21, 21, 7, 0, 1, 20 },	/* SMAP */
	{ 22, 22, 7, 0, 2, 3 },		/* PKE */
	{ 23, 23, 7, 0, 2, 7 },		/* CET, shadow stacks */
	{ 23, 23, 7, 0, 3, 20 },	/* CET, indirect branches */
	{ 24, 24, 7, 0, 2, 31 },	/* PKS */
	{ 25, 25, 7, 0, 3, 5 },		/* UINTR */
	{ 27, 27, 7, 1, 0, 6 },		/* LASS */
	{ 28, 28, 7, 1, 0, 26 },	/* LAM_SUP */
};

void cr_init(void)
{
	u32 i, bit, max, regs[4];

	cpuid(0, 0, regs);
	max = regs[0];
	for (i = 0; i < ARRAY_SIZE(cr4_bits); i++) {
		if (cr4_bits[i].leaf > max)
			continue;
		cpuid(cr4_bits[i].leaf, 0, regs);
		if (cr4_bits[i].sub && regs[0] < cr4_bits[i].sub)
			continue;
		cpuid(cr4_bits[i].leaf, cr4_bits[i].sub, regs);
		if (!(regs[cr4_bits[i].reg] & BIT(cr4_bits[i].bit)))
			continue;
		for (bit = cr4_bits[i].first; bit <= cr4_bits[i].last; bit++)
			hv.cr4_bits |= BIT(bit);
	}
}

static bool cr4_valid(struct hv_cpu *cpu, u64 old, u64 new)
{
	bool lma = hv.vendor->get(cpu, VBH_REG_EFER) & EFER_LMA;

	if (new & ~hv.cr4_bits)
		return false;
	if (lma && ((old ^ new) & (CR4_LA57 | CR4_PAE)))
		return false;
	if (new & ~old & CR4_PCIDE)
		if (!lma || (hv.vendor->get(cpu, VBH_REG_CR3) & 0xfff))
			return false;
	if ((new & CR4_CET) && !(hv.vendor->get(cpu, VBH_REG_CR0) & CR0_WP))
		return false;
	return true;
}

/*
 * A CPU that comes up after INIT gets its pinned bits with paging, not when Linux
 * comes to set them: it would else be led elsewhere before. Until it is up, what
 * Linux writes is taken with these bits added.
 */
static void raise_floor(struct hv_cpu *cpu, struct vm_exit *exit)
{
	u64 efer = hv.vendor->get(cpu, VBH_REG_EFER);
	bool enters = !exit->cr && (exit->value & CR0_PG) && (efer & EFER_LME);

	if (!enters && !(efer & EFER_LMA))
		return;
	exit->value |= core_floor(&cpu->vcpu, exit->cr ? VBH_PIN_CR4 : VBH_PIN_CR0);
	if (!enters || (efer & EFER_LMA))
		return;
	hv.vendor->set(cpu, VBH_REG_CR4, hv.vendor->get(cpu, VBH_REG_CR4) |
		       core_floor(&cpu->vcpu, VBH_PIN_CR4));
	hv.vendor->set(cpu, VBH_REG_EFER, efer |
		       (core_floor(&cpu->vcpu, VBH_PIN_EFER) & ~EFER_LMA));
}

enum hv_act cr_write(struct hv_cpu *cpu, struct vm_exit *exit)
{
	enum vbh_verdict v;
	enum vbh_reg reg;
	u64 old;

	if (!exit->value_valid && !decode_value(cpu, exit)) {
		core_note(&cpu->vcpu, VBH_KIND_INTERNAL, VBH_EXIT_CR_WRITE, exit->raw);
		return HV_GP;
	}
	reg = exit->cr ? VBH_REG_CR4 : VBH_REG_CR0;
	old = hv.vendor->get(cpu, reg);
	if (exit->cr == 4 && (exit->value & CR4_VMXE))
		return hv_verdict(core_virt_insn(&cpu->vcpu, ~0u, exit->value), HV_GP);
	if (exit->cr ? !cr4_valid(cpu, old, exit->value) : !cr0_valid(cpu, old, exit->value))
		return HV_GP;
	raise_floor(cpu, exit);
	v = core_cr_write(&cpu->vcpu, exit->cr, old, exit->value);
	if (v != VBH_ALLOW)
		return hv_verdict(v, HV_ADVANCE);
	hv.vendor->set(cpu, reg, exit->value);
	return HV_ADVANCE;
}
