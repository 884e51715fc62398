// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's registers as they stand in the VMCS, and the states in which a
 * processor begins. All of it on the CPU whose VMCS is current.
 */
#include "vmx.h"
#include "../../core/string.h"

#define AR_LONG			BIT(13)
#define AR_DB			BIT(14)
#define AR_MASK			0xf0ffu
#define AR_DPL(ar)		((ar) >> 5 & 3)

/* Registers that are a field of their own; 0: not one of these. */
static const u16 reg_fields[VBH_NR_REGS] = {
	[VBH_REG_RIP] = VMCS_GUEST_RIP,
	[VBH_REG_RFLAGS] = VMCS_GUEST_RFLAGS,
	[VBH_REG_CR3] = VMCS_GUEST_CR3,
	[VBH_REG_EFER] = VMCS_GUEST_EFER,
	[VBH_REG_ES_BASE] = VMCS_GUEST_BASE + 2 * SEG_ES,
	[VBH_REG_CS_BASE] = VMCS_GUEST_BASE + 2 * SEG_CS,
	[VBH_REG_SS_BASE] = VMCS_GUEST_BASE + 2 * SEG_SS,
	[VBH_REG_DS_BASE] = VMCS_GUEST_BASE + 2 * SEG_DS,
	[VBH_REG_FS_BASE] = VMCS_GUEST_BASE + 2 * SEG_FS,
	[VBH_REG_GS_BASE] = VMCS_GUEST_BASE + 2 * SEG_GS,
	[VBH_REG_GDTR_BASE] = VMCS_GUEST_GDTR_BASE,
	[VBH_REG_IDTR_BASE] = VMCS_GUEST_IDTR_BASE,
	[VBH_REG_LDTR] = VMCS_GUEST_SEL + 2 * SEG_LDTR,
	[VBH_REG_TR] = VMCS_GUEST_SEL + 2 * SEG_TR,
};

static u64 cs_mode(void)
{
	u64 ar = vmread(VMCS_GUEST_AR + 2 * SEG_CS);

	if ((vmread(VMCS_GUEST_EFER) & EFER_LMA) && (ar & AR_LONG))
		return 8;
	return ar & AR_DB ? 4 : 2;
}

u64 vmx_get(struct hv_cpu *cpu, enum vbh_reg reg)
{
	switch (reg) {
	case VBH_REG_CR0:
		return vmx_get_cr(0);
	case VBH_REG_CR4:
		return vmx_get_cr(4);
	case VBH_REG_CPL:
		return AR_DPL(vmread(VMCS_GUEST_AR + 2 * SEG_SS));
	case VBH_REG_CS_MODE:
		return cs_mode();
	default:
		return reg_fields[reg] ? vmread(reg_fields[reg]) : cpu->gpr[reg];
	}
}

void vmx_set(struct hv_cpu *cpu, enum vbh_reg reg, u64 value)
{
	switch (reg) {
	case VBH_REG_CR0:
		vmx_set_cr(0, value);
		break;
	case VBH_REG_CR4:
		vmx_set_cr(4, value);
		break;
	case VBH_REG_EFER:
		vmx_set_efer(value);
		break;
	case VBH_REG_RSP:
		cpu->gpr[VBH_REG_RSP] = value;
		vmwrite(VMCS_GUEST_RSP, value);
		break;
	case VBH_REG_RIP:
		/* An entry outside 64-bit code with more would be refused. */
		vmwrite(VMCS_GUEST_RIP, cs_mode() == 8 ? value : (u32)value);
		break;
	case VBH_REG_RFLAGS:
		vmwrite(VMCS_GUEST_RFLAGS, value);
		break;
	default:
		hv_bug("register that can't be set", reg, value);
	}
}

/* MSRs that live in the VMCS. */
static const struct {
	u32 msr;
	u16 field;
} msr_fields[] = {
	{ MSR_SYSENTER_CS, VMCS_GUEST_SYSENTER_CS },
	{ MSR_SYSENTER_ESP, VMCS_GUEST_SYSENTER_ESP },
	{ MSR_SYSENTER_EIP, VMCS_GUEST_SYSENTER_EIP },
	{ MSR_DEBUGCTL, VMCS_GUEST_DEBUGCTL },
	{ MSR_PAT, VMCS_GUEST_PAT },
	{ MSR_EFER, VMCS_GUEST_EFER },
	{ MSR_FS_BASE, VMCS_GUEST_BASE + 2 * SEG_FS },
	{ MSR_GS_BASE, VMCS_GUEST_BASE + 2 * SEG_GS },
};

static u16 msr_field(u32 msr)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(msr_fields); i++)
		if (msr_fields[i].msr == msr)
			return msr_fields[i].field;
	return msr == MSR_RTIT_CTL && vmx_caps.pt ? VMCS_GUEST_RTIT_CTL : 0;
}

bool vmx_get_msr(struct hv_cpu *cpu, u32 msr, u64 *value)
{
	struct vmx_cpu *vc = cpu->vendor;
	u16 field = msr_field(msr);

	if (msr == MSR_PERF_GLOBAL_CTRL && vmx_caps.perf)
		*value = vc->perf.value;
	else if (field)
		*value = vmread(field);
	else
		return false;
	return true;
}

/* An entry with a value that WRMSR refuses would fail. Ours comes back at once. */
static bool processor_takes(u32 msr, u64 value)
{
	u64 old;

	if (msr == MSR_RTIT_CTL)
		value &= ~RTIT_TRACE_EN;
	return rdmsr_safe(msr, &old) && wrmsr_safe(msr, value) && wrmsr_safe(msr, old);
}

/* False for a bad value too: the processor itself then says no to the caller. */
bool vmx_set_msr(struct hv_cpu *cpu, u32 msr, u64 value)
{
	struct vmx_cpu *vc = cpu->vendor;
	bool perf = msr == MSR_PERF_GLOBAL_CTRL && vmx_caps.perf;
	u16 field = msr_field(msr);

	if ((!perf && !field) || !processor_takes(msr, value))
		return false;
	if (perf)
		vc->perf.value = value;
	else if (msr == MSR_EFER)
		vmx_set_efer(value);
	else
		vmwrite(field, value);
	return true;
}

void vmx_get_dt(struct hv_cpu *cpu, enum vbh_dtr dtr, struct dt_reg *reg)
{
	u64 second = dtr == VBH_DTR_IDTR ? 2 : 0;

	reg->base = vmread(VMCS_GUEST_GDTR_BASE + second);
	reg->limit = vmread(VMCS_GUEST_GDTR_LIMIT + second);
}

void vmx_set_dt(struct hv_cpu *cpu, enum vbh_dtr dtr, const struct dt_reg *reg)
{
	u64 second = dtr == VBH_DTR_IDTR ? 2 : 0;

	vmwrite(VMCS_GUEST_GDTR_BASE + second, reg->base);
	vmwrite(VMCS_GUEST_GDTR_LIMIT + second, reg->limit);
}

void vmx_get_seg(enum hv_seg seg, struct hv_segment *s)
{
	u64 ar = vmread(VMCS_GUEST_AR + 2 * seg);

	s->sel = vmread(VMCS_GUEST_SEL + 2 * seg);
	s->attr = ar & AR_UNUSABLE ? 0 : ar & AR_MASK;
	s->limit = vmread(VMCS_GUEST_LIMIT + 2 * seg);
	s->base = vmread(VMCS_GUEST_BASE + 2 * seg);
}

void vmx_set_seg(struct hv_cpu *cpu, enum hv_seg seg, const struct hv_segment *s)
{
	u64 ar = s->attr ? s->attr & AR_MASK : AR_UNUSABLE;

	if (seg == SEG_TR)
		ar |= 2;	/* busy, as LTR leaves it */
	vmwrite(VMCS_GUEST_SEL + 2 * seg, s->sel);
	vmwrite(VMCS_GUEST_AR + 2 * seg, ar);
	vmwrite(VMCS_GUEST_LIMIT + 2 * seg, s->limit);
	vmwrite(VMCS_GUEST_BASE + 2 * seg, s->base);
}

static void reset_segments(struct hv_cpu *cpu)
{
	static const struct hv_segment data = { .attr = 0x93, .limit = 0xffff };
	static const struct hv_segment code = {
		.sel = 0xf000, .attr = 0x9b, .limit = 0xffff, .base = 0xffff0000,
	};
	static const struct hv_segment ldt = { .attr = 0x82, .limit = 0xffff };
	static const struct hv_segment tss = { .attr = 0x8b, .limit = 0xffff };
	static const struct dt_reg dt = { .limit = 0xffff };
	u32 i;

	for (i = SEG_ES; i <= SEG_GS; i++)
		vmx_set_seg(cpu, i, i == SEG_CS ? &code : &data);
	vmx_set_seg(cpu, SEG_LDTR, &ldt);
	vmx_set_seg(cpu, SEG_TR, &tss);
	vmx_set_dt(cpu, VBH_DTR_GDTR, &dt);
	vmx_set_dt(cpu, VBH_DTR_IDTR, &dt);
}

static void reset_debug_registers(void)
{
	asm volatile("mov %0, %%dr0\n\tmov %0, %%dr1\n\tmov %0, %%dr2\n\tmov %0, %%dr3"
		     :: "r"(0ul));
	write_dr6(DR6_INIT);
	vmwrite(VMCS_GUEST_DR7, DR7_INIT);
	vmwrite(VMCS_GUEST_DEBUGCTL, 0);
	vmwrite(VMCS_GUEST_PENDING_DB, 0);
}

/* Nothing can be pending or blocked there, says the entry check. */
void vmx_wait_sipi(struct hv_cpu *cpu)
{
	vmx_close_window(cpu);
	vmwrite(VMCS_ENTRY_EVENT, 0);
	vmwrite(VMCS_GUEST_SHADOW, 0);
	vmwrite(VMCS_GUEST_PENDING_DB, 0);
	vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_WAIT_FOR_SIPI);
}

/* SDM volume 3, table 9-1, column INIT. */
void vmx_reset(struct hv_cpu *cpu)
{
	u32 id[4];

	cpuid(1, 0, id);
	cpu->gpr[VBH_REG_RDX] = id[0];
	vmwrite(VMCS_GUEST_RSP, 0);
	reset_segments(cpu);
	vmwrite(VMCS_GUEST_RIP, 0xfff0);
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
	vmwrite(VMCS_GUEST_EFER, 0);
	vmx_set_cr(0, (vmx_get_cr(0) & (CR0_CD | CR0_NW)) | CR0_ET);
	vmwrite(VMCS_GUEST_CR3, 0);
	vmx_set_cr(4, 0);
	write_cr2(0);
	reset_debug_registers();
	vmwrite(VMCS_GUEST_SHADOW, 0);
	vmwrite(VMCS_ENTRY_EVENT, 0);
	vmx_close_window(cpu);
	vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
	invept(vmx_eptp());
}

void vmx_start(struct hv_cpu *cpu, u8 page)
{
	struct hv_segment code = {
		.sel = page << 8, .attr = 0x9b, .limit = 0xffff, .base = (u64)page << 12,
	};

	vmx_set_seg(cpu, SEG_CS, &code);
	vmwrite(VMCS_GUEST_RIP, 0);
	vmwrite(VMCS_GUEST_SHADOW, 0);
	vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
}
