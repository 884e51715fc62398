// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an exit means: the processor's reason, qualification and event fields as
 * a struct vm_exit. Nothing is decided here.
 */
#include "vmx.h"

/* Kind + 1 for each basic reason; 0: nobody asked for it. */
#define KIND(k)			(VBH_EXIT_##k + 1)
static const u8 kinds[] = {
	[REASON_EXCEPTION_NMI] = KIND(NMI),
	[REASON_TRIPLE_FAULT] = KIND(TRIPLE_FAULT),
	[REASON_INIT] = KIND(INIT),
	[REASON_SIPI] = KIND(SIPI),
	[REASON_INTR_WINDOW] = KIND(NMI_WINDOW),
	[REASON_NMI_WINDOW] = KIND(NMI_WINDOW),
	[REASON_TASK_SWITCH] = KIND(TASK_SWITCH),
	[REASON_CPUID] = KIND(CPUID),
	[REASON_GETSEC] = KIND(VIRT_INSN),
	[REASON_INVD] = KIND(INVD),
	[REASON_VMCALL] = KIND(HYPERCALL),
	[REASON_VMCLEAR ... REASON_VMXON] = KIND(VIRT_INSN),
	[REASON_CR] = KIND(CR_WRITE),
	[REASON_RDMSR] = KIND(MSR_READ),
	[REASON_WRMSR] = KIND(MSR_WRITE),
	[REASON_GDTR_IDTR] = KIND(DTR),
	[REASON_LDTR_TR] = KIND(DTR),
	[REASON_EPT_VIOLATION] = KIND(MEMORY),
	[REASON_INVEPT] = KIND(VIRT_INSN),
	[REASON_INVVPID] = KIND(VIRT_INSN),
	[REASON_XSETBV] = KIND(XSETBV),
	[REASON_VMFUNC] = KIND(VIRT_INSN),
	[REASON_SEAMCALL] = KIND(VIRT_INSN),
	[REASON_TDCALL] = KIND(VIRT_INSN),
};

/* Kinds that come before an instruction instead of out of one. */
static bool is_event(u32 kind)
{
	return kind == VBH_EXIT_NMI || kind == VBH_EXIT_NMI_WINDOW || kind == VBH_EXIT_INIT ||
	       kind == VBH_EXIT_SIPI || kind == VBH_EXIT_TRIPLE_FAULT;
}

static void decode_nmi(struct hv_cpu *cpu, struct vm_exit *exit)
{
	u64 info = vmread(VMCS_EXIT_EVENT);

	if (!(info & EVENT_VALID) || EVENT_TYPE(info) != EVENT_NMI) {
		exit->kind = VBH_EXIT_OTHER;
		return;
	}
	/* First whose it was, then the next one. */
	trap_nmi(cpu);
	vmx_nmi_unblock();
}

static u64 mov_operand(struct hv_cpu *cpu, u64 qual)
{
	u64 value = cpu->gpr[CR_QUAL_REG(qual)];

	return vmx_get(cpu, VBH_REG_CS_MODE) == 8 ? value : (u32)value;
}

static void decode_cr(struct hv_cpu *cpu, struct vm_exit *exit)
{
	u64 qual = vmread(VMCS_QUALIFICATION);
	u64 cr0 = vmx_get_cr(0);

	exit->cr = CR_QUAL_NR(qual);
	exit->value_valid = true;
	switch (CR_QUAL_TYPE(qual)) {
	case CR_TYPE_MOV_TO:
		if (exit->cr != 0 && exit->cr != 4) {
			exit->kind = VBH_EXIT_OTHER;
			return;
		}
		exit->value = mov_operand(cpu, qual);
		break;
	case CR_TYPE_CLTS:
		exit->cr = 0;
		exit->value = cr0 & ~CR0_TS;
		break;
	case CR_TYPE_LMSW:
		/* The low four bits, and PE can only be set. */
		exit->cr = 0;
		exit->value = (cr0 & ~14ull) | (CR_QUAL_LMSW(qual) & 15);
		break;
	default:
		exit->kind = VBH_EXIT_OTHER;
	}
}

/* Which right was missing. A read-modify-write reports both accesses. */
static u32 missing_right(struct hv_cpu *cpu, u64 qual)
{
	bool split = hv.caps.exec_split;

	if ((qual & EPT_QUAL_WRITE) && !(qual & EPT_QUAL_W))
		return VBH_W;
	if ((qual & EPT_QUAL_READ) && !(qual & EPT_QUAL_R))
		return VBH_R;
	if (!(qual & EPT_QUAL_FETCH))
		return qual & EPT_QUAL_WRITE ? VBH_W : VBH_R;
	if (split && (qual & EPT_QUAL_X))
		return VBH_XU;
	if (split && (qual & EPT_QUAL_XU))
		return VBH_X;
	return vmx_get(cpu, VBH_REG_CPL) == 3 ? VBH_XU : VBH_X;
}

static void decode_memory(struct hv_cpu *cpu, struct vm_exit *exit)
{
	u64 qual = vmread(VMCS_QUALIFICATION);

	exit->access.gpa = vmread(VMCS_GUEST_PHYSICAL);
	exit->access.gla_valid = qual & EPT_QUAL_GLA;
	exit->access.gla = exit->access.gla_valid ? vmread(VMCS_GUEST_LINEAR) : 0;
	exit->access.walk = exit->access.gla_valid && !(qual & EPT_QUAL_FINAL);
	exit->access.want = missing_right(cpu, qual);
	/* An IRET that faulted has opened NMIs already; it will run again. */
	if ((qual & EPT_QUAL_IRET_NMI) && exit->interrupted.type == HV_EVENT_NONE)
		vmwrite(VMCS_GUEST_SHADOW, vmread(VMCS_GUEST_SHADOW) | SHADOW_NMI);
}

/*
 * The instruction has not retired, so a single-step trap can't be pending yet;
 * some processors' word for it (Bochs) is wrong. In a shadow the entry checks
 * want the bit as it is.
 */
static void clear_stale_step(void)
{
	u64 pending = vmread(VMCS_GUEST_PENDING_DB);

	if ((pending & PENDING_DB_BS) &&
	    !(vmread(VMCS_GUEST_SHADOW) & (SHADOW_STI | SHADOW_MOV_SS)))
		vmwrite(VMCS_GUEST_PENDING_DB, pending & ~PENDING_DB_BS);
}

static void decode_details(struct hv_cpu *cpu, struct vm_exit *exit)
{
	switch (exit->kind) {
	case VBH_EXIT_NMI:
		decode_nmi(cpu, exit);
		break;
	case VBH_EXIT_NMI_WINDOW:
		vmx_close_window(cpu);
		break;
	case VBH_EXIT_SIPI:
		exit->value = vmread(VMCS_QUALIFICATION) & 0xff;
		break;
	case VBH_EXIT_CR_WRITE:
		decode_cr(cpu, exit);
		break;
	case VBH_EXIT_MSR_READ:
	case VBH_EXIT_MSR_WRITE:
		exit->msr = cpu->gpr[VBH_REG_RCX];
		exit->value = (u32)cpu->gpr[VBH_REG_RAX] | cpu->gpr[VBH_REG_RDX] << 32;
		break;
	case VBH_EXIT_MEMORY:
		decode_memory(cpu, exit);
		break;
	}
}

void vmx_decode(struct hv_cpu *cpu, struct vm_exit *exit)
{
	u32 reason = vmread(VMCS_EXIT_REASON);
	u16 basic = reason;

	exit->raw = reason;
	exit->kind = VBH_EXIT_OTHER;
	cpu->gpr[VBH_REG_RSP] = vmread(VMCS_GUEST_RSP);
	if ((reason & REASON_FAILED) || basic >= ARRAY_SIZE(kinds) || !kinds[basic])
		return;
	exit->kind = kinds[basic] - 1;
	vmx_interrupted(&exit->interrupted);
	if (!is_event(exit->kind)) {
		clear_stale_step();
		if (exit->kind != VBH_EXIT_MEMORY)
			exit->len = vmread(VMCS_EXIT_INSN_LEN);
	}
	decode_details(cpu, exit);
}
