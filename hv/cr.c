// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to CR0 and CR4 that exited. The core is asked about pins; the
 * processor is asked whether the value is one it takes, by loading what can be
 * loaded here; the rest are the rules of long mode (APM 2, 3.1; SDM 3, 2.5).
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

/* CR4 is loaded for a moment; what the mode would not let us change is left out. */
static bool cr4_loads(u64 value)
{
	const u64 ours = CR4_PAE | CR4_LA57 | CR4_VMXE | CR4_PCIDE;
	u64 now = read_cr4();
	u32 bad = 0;

	value = (value & ~ours) | (now & ours);
	asm volatile("1: mov %[value], %%cr4\n2:\n"
		     ".subsection 1\n3: mov $1, %[bad]\n\tjmp 2b\n.previous\n"
		     EXTABLE(1b, 3b)
		     : [bad] "+r"(bad) : [value] "r"(value) : "memory");
	write_cr4(now);
	return !bad;
}

static bool cr4_valid(struct hv_cpu *cpu, u64 old, u64 new)
{
	bool lma = hv.vendor->get(cpu, VBH_REG_EFER) & EFER_LMA;

	if ((new >> 32) || (new & CR4_VMXE))
		return false;
	if (lma && ((old ^ new) & (CR4_LA57 | CR4_PAE)))
		return false;
	if (new & ~old & CR4_PCIDE)
		if (!lma || (hv.vendor->get(cpu, VBH_REG_CR3) & 0xfff))
			return false;
	if ((new & CR4_CET) && !(hv.vendor->get(cpu, VBH_REG_CR0) & CR0_WP))
		return false;
	return cr4_loads(new);
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
	v = core_cr_write(&cpu->vcpu, exit->cr, old, exit->value);
	if (v != VBH_ALLOW)
		return hv_verdict(v, HV_ADVANCE);
	hv.vendor->set(cpu, reg, exit->value);
	return HV_ADVANCE;
}
