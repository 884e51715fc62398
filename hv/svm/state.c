// SPDX-License-Identifier: GPL-2.0-only
/* Guest state in the control block and, for what VMRUN does not switch, in the processor. */
#include "../../core/string.h"
#include "svm.h"

#define TSS_BUSY		BIT(1)		/* of the type */
#define SEG_L			BIT(9)
#define SEG_D			BIT(10)

static u64 cs_mode(const struct vmcb *v)
{
	if ((v->efer & EFER_LMA) && (v->cs.attr & SEG_L))
		return 8;
	return v->cs.attr & SEG_D ? 4 : 2;
}

/* Where the control block has what is asked for most. */
#define AT(member)	(offsetof(struct vmcb, member))
static const u16 fields[VBH_NR_REGS] = {
	[VBH_REG_RIP] = AT(rip),
	[VBH_REG_RFLAGS] = AT(rflags),
	[VBH_REG_CR0] = AT(cr0),
	[VBH_REG_CR3] = AT(cr3),
	[VBH_REG_CR4] = AT(cr4),
	[VBH_REG_ES_BASE] = AT(es.base),
	[VBH_REG_CS_BASE] = AT(cs.base),
	[VBH_REG_SS_BASE] = AT(ss.base),
	[VBH_REG_DS_BASE] = AT(ds.base),
	[VBH_REG_GDTR_BASE] = AT(gdtr.base),
	[VBH_REG_IDTR_BASE] = AT(idtr.base),
};

u64 svm_get(struct hv_cpu *cpu, enum vbh_reg reg)
{
	const struct vmcb *v = vmcb(cpu);

	if (fields[reg])
		return *(const u64 *)((const u8 *)v + fields[reg]);
	switch (reg) {
	case VBH_REG_EFER:
		return v->efer & ~EFER_SVME;
	case VBH_REG_CPL:
		return v->cpl;
	case VBH_REG_CS_MODE:
		return cs_mode(v);
	case VBH_REG_FS_BASE:
		return rdmsr(MSR_FS_BASE);
	case VBH_REG_GS_BASE:
		return rdmsr(MSR_GS_BASE);
	case VBH_REG_LDTR:
		return read_ldtr();
	case VBH_REG_TR:
		return read_tr();
	default:
		return cpu->gpr[reg & 15];
	}
}

/* APM 2, 5.5 and 14.6: LMA follows LME and PG; translations go with what forms them. */
static void set_cr0(struct hv_cpu *cpu, struct vmcb *v, u64 value)
{
	if ((v->cr0 ^ value) & (CR0_PG | CR0_WP | CR0_PE))
		svm_flush(cpu);
	v->cr0 = value;
	if ((v->efer & EFER_LME) && (value & CR0_PG))
		v->efer |= EFER_LMA;
	else
		v->efer &= ~EFER_LMA;
}

void svm_set(struct hv_cpu *cpu, enum vbh_reg reg, u64 value)
{
	struct vmcb *v = vmcb(cpu);

	switch (reg) {
	case VBH_REG_RIP:
		v->rip = value;
		break;
	case VBH_REG_RFLAGS:
		v->rflags = value;
		break;
	case VBH_REG_RSP:
		cpu->gpr[VBH_REG_RSP] = value;
		v->rsp = value;
		break;
	case VBH_REG_CR0:
		set_cr0(cpu, v, value);
		break;
	case VBH_REG_CR4:
		v->cr4 = value;
		svm_flush(cpu);
		break;
	case VBH_REG_EFER:
		if ((v->efer ^ value) & EFER_NXE)
			svm_flush(cpu);
		v->efer = value | EFER_SVME;
		break;
	default:
		hv_bug("set of register", reg, value);
	}
}

/* DEBUGCTL is switched only along with the LBRs, which we leave alone. */
bool svm_get_msr(struct hv_cpu *cpu, u32 msr, u64 *value)
{
	if (msr == MSR_PAT)
		*value = vmcb(cpu)->g_pat;
	return msr == MSR_PAT;
}

/* Types are 0, 1, 4 to 7: what the processor is asked then, it refuses. */
bool svm_set_msr(struct hv_cpu *cpu, u32 msr, u64 value)
{
	if (msr != MSR_PAT || (value & PAT_RESERVED) || (value & ~(value >> 1) & PAT_BIT1))
		return false;
	vmcb(cpu)->g_pat = value;
	return true;
}

void svm_set_dt(struct hv_cpu *cpu, enum vbh_dtr dtr, const struct dt_reg *reg)
{
	struct vmcb_seg *t = dtr == VBH_DTR_GDTR ? &vmcb(cpu)->gdtr : &vmcb(cpu)->idtr;

	t->base = reg->base;
	t->limit = reg->limit;
}

void svm_get_dt(struct hv_cpu *cpu, enum vbh_dtr dtr, struct dt_reg *reg)
{
	const struct vmcb_seg *t = dtr == VBH_DTR_GDTR ? &vmcb(cpu)->gdtr : &vmcb(cpu)->idtr;

	reg->base = t->base;
	reg->limit = t->limit;
}

/* These two are in the processor: through the control block and back. */
void svm_set_seg(struct hv_cpu *cpu, enum hv_seg seg, const struct hv_segment *s)
{
	struct svm_cpu *svm = svm_cpu(cpu);
	struct vmcb_seg *to = seg == SEG_TR ? &svm->vmcb->tr : &svm->vmcb->ldtr;

	svm_vmsave(svm->vmcb_pa);
	to->sel = s->sel;
	to->attr = svm_attr(s->attr);
	to->limit = s->limit;
	to->base = s->base;
	/*
	 * The processor's own VMSAVE shows a TSS as available, and QEMU finds its
	 * I/O bitmap in no other.
	 */
	if (seg == SEG_TR)
		to->attr &= ~TSS_BUSY;
	svm_vmload(svm->vmcb_pa);
}

void svm_end_shadow(struct hv_cpu *cpu)
{
	vmcb(cpu)->int_state &= ~INT_SHADOW;
}

/* VMCB has no pending debug exceptions: the trap is injected. */
void svm_pend_debug(struct hv_cpu *cpu, u64 dr6)
{
	struct hv_event ev = { .type = HV_EVENT_EXCEPTION, .vector = VECTOR_DB };

	vmcb(cpu)->dr6 |= dr6;
	hv_inject(cpu, &ev);
}

u64 svm_dr7(struct hv_cpu *cpu)
{
	return vmcb(cpu)->dr7;
}

void svm_flush(struct hv_cpu *cpu)
{
	vmcb(cpu)->tlb_control = TLB_FLUSH_ALL;
}

/* What is pinned exits from now on; writes of CR0, CR4 and EFER do so already. */
void svm_pins_changed(struct hv_cpu *cpu)
{
	static const u32 bit[VBH_NR_DTR] = {
		[VBH_DTR_GDTR] = SVM_I1_GDTR_WRITE,
		[VBH_DTR_IDTR] = SVM_I1_IDTR_WRITE,
		[VBH_DTR_LDTR] = SVM_I1_LDTR_WRITE,
		[VBH_DTR_TR] = SVM_I1_TR_WRITE,
	};
	u32 i;

	for (i = 0; i < VBH_NR_DTR; i++)
		if (hv.guest.pins.dtr_mask & BIT(i))
			vmcb(cpu)->misc1 |= bit[i];
	for (i = 0; i < READ_ONCE(hv.guest.pins.nr_msrs); i++)
		svm_intercept_msr_write(hv.guest.pins.msr[i].msr);
}

/* APM 2, table 14-1: the state after INIT. CD and NW keep what they had. */
void svm_reset(struct hv_cpu *cpu)
{
	struct svm_cpu *svm = svm_cpu(cpu);
	struct vmcb *v = svm->vmcb;
	static const struct vmcb_seg data = { 0, 0x93, 0xffff, 0 };
	u32 r[4];

	svm_vmsave(svm->vmcb_pa);
	v->es = data;
	v->ss = data;
	v->ds = data;
	v->fs = data;
	v->gs = data;
	v->cs = (struct vmcb_seg) { 0xf000, 0x9b, 0xffff, 0xffff0000 };
	v->gdtr = (struct vmcb_seg) { 0, 0, 0xffff, 0 };
	v->idtr = (struct vmcb_seg) { 0, 0, 0xffff, 0 };
	v->ldtr = (struct vmcb_seg) { 0, 0x82, 0xffff, 0 };
	v->tr = (struct vmcb_seg) { 0, 0x8b, 0xffff, 0 };
	svm_vmload(svm->vmcb_pa);
	v->cpl = 0;
	v->cr0 = (v->cr0 & (CR0_CD | CR0_NW)) | CR0_ET;
	v->cr2 = 0;
	v->cr3 = 0;
	v->cr4 = 0;
	v->efer = EFER_SVME;
	v->dr6 = DR6_INIT;
	v->dr7 = DR7_INIT;
	v->rflags = RFLAGS_FIXED;
	v->rip = 0xfff0;
	v->rsp = 0;
	v->int_state = 0;
	v->event = 0;
	v->exit_int_info = 0;
	v->misc1 &= ~SVM_I1_IRET;
	v->exceptions = 0;
	svm->nmi_blocked = false;
	cpuid(1, 0, r);
	cpu->gpr[VBH_REG_RDX] = r[0];
	svm_flush(cpu);
}

void svm_start(struct hv_cpu *cpu, u8 page)
{
	struct vmcb *v = vmcb(cpu);

	v->cs.sel = page << 8;
	v->cs.base = (u64)page << 12;
	v->rip = 0;
}
