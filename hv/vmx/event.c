// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: what an exit cut short, what the next entry delivers, when an NMI may
 * be delivered, and what hangs over from the instruction before.
 */
#include "vmx.h"

#define SHADOW_INSN		(SHADOW_STI | SHADOW_MOV_SS)
#define WINDOWS			(BIT(PROC_INTR_WINDOW) | BIT(PROC_NMI_WINDOW))

/* By the type in an event field. */
static const u8 event_types[8] = {
	[EVENT_INTR] = HV_EVENT_INTR,
	[EVENT_NMI] = HV_EVENT_NMI,
	[EVENT_EXCEPTION] = HV_EVENT_EXCEPTION,
	[EVENT_SOFT_INT] = HV_EVENT_SOFT_INT,
	[EVENT_PRIV_EXC] = HV_EVENT_SOFT_EXC,
	[EVENT_SOFT_EXC] = HV_EVENT_SOFT_EXC,
};

static u64 event_type(const struct hv_event *ev)
{
	switch (ev->type) {
	case HV_EVENT_INTR:
		return EVENT_INTR;
	case HV_EVENT_NMI:
		return EVENT_NMI;
	case HV_EVENT_SOFT_INT:
		return EVENT_SOFT_INT;
	case HV_EVENT_SOFT_EXC:
		return ev->vector == VECTOR_DB ? EVENT_PRIV_EXC : EVENT_SOFT_EXC;
	default:
		return EVENT_EXCEPTION;
	}
}

void vmx_interrupted(struct hv_event *ev)
{
	u64 info = vmread(VMCS_VECTORING);

	ev->type = HV_EVENT_NONE;
	if (!(info & EVENT_VALID))
		return;
	ev->type = event_types[EVENT_TYPE(info)];
	ev->vector = info;
	ev->has_error = info & EVENT_ERROR;
	ev->error = ev->has_error ? vmread(VMCS_VECTORING_ERROR_CODE) : 0;
	ev->len = vmread(VMCS_EXIT_INSN_LEN);
}

void vmx_inject(struct hv_cpu *cpu, const struct hv_event *ev)
{
	u64 info = EVENT_VALID | event_type(ev) << 8 | ev->vector;

	/* In real mode nothing is pushed, and the entry check insists on that. */
	if (ev->has_error && (vmread(VMCS_GUEST_CR0) & CR0_PE)) {
		info |= EVENT_ERROR;
		vmwrite(VMCS_ENTRY_ERROR_CODE, ev->error);
	}
	if (ev->type == HV_EVENT_SOFT_INT || ev->type == HV_EVENT_SOFT_EXC)
		vmwrite(VMCS_ENTRY_INSN_LEN, ev->len);
	/* One whose delivery was cut short blocks NMIs already: delivered again, it will again. */
	if (ev->type == HV_EVENT_NMI)
		vmwrite(VMCS_GUEST_SHADOW, vmread(VMCS_GUEST_SHADOW) & ~SHADOW_NMI);
	vmwrite(VMCS_ENTRY_EVENT, info);
}

bool vmx_nmi_ready(struct hv_cpu *cpu)
{
	return !(vmread(VMCS_ENTRY_EVENT) & EVENT_VALID) &&
	       !(vmread(VMCS_GUEST_SHADOW) & (SHADOW_INSN | SHADOW_NMI));
}

/*
 * An NMI window opens in the shadow of an STI already, where an NMI may not be
 * injected: so there the interrupt window is asked for, which opens after it.
 */
void vmx_nmi_window(struct hv_cpu *cpu)
{
	u64 proc = vmread(VMCS_PROC_CTLS) & ~WINDOWS;

	if (vmread(VMCS_GUEST_SHADOW) & SHADOW_STI)
		proc |= BIT(PROC_INTR_WINDOW);
	else
		proc |= BIT(PROC_NMI_WINDOW);
	vmwrite(VMCS_PROC_CTLS, proc);
	vmx_top(cpu)->news = 0;
}

void vmx_close_window(struct hv_cpu *cpu)
{
	vmwrite(VMCS_PROC_CTLS, vmread(VMCS_PROC_CTLS) & ~WINDOWS);
	vmx_top(cpu)->news = ~0;
}

/* After an exit for an NMI the processor holds back others until an IRET. */
void vmx_nmi_unblock(void)
{
	u64 tmp;

	asm volatile("mov	%%rsp, %0\n\t"
		     "pushq	%[ss]\n\t"
		     "push	%0\n\t"
		     "pushfq\n\t"
		     "pushq	%[cs]\n\t"
		     "lea	1f(%%rip), %0\n\t"
		     "push	%0\n\t"
		     "iretq\n"
		     "1:"
		     : "=&r"(tmp) : [ss] "i"(HV_DS), [cs] "i"(HV_CS) : "cc", "memory");
}

void vmx_end_shadow(struct hv_cpu *cpu)
{
	u64 shadow = vmread(VMCS_GUEST_SHADOW);

	if (shadow & SHADOW_INSN)
		vmwrite(VMCS_GUEST_SHADOW, shadow & ~SHADOW_INSN);
}

/* The field has its bits where DR6 has them. */
void vmx_pend_debug(struct hv_cpu *cpu, u64 dr6)
{
	if (dr6 & DR6_HITS)
		dr6 |= PENDING_DB_ENABLED;
	vmwrite(VMCS_GUEST_PENDING_DB, vmread(VMCS_GUEST_PENDING_DB) | dr6);
}

u64 vmx_dr7(struct hv_cpu *cpu)
{
	return vmread(VMCS_GUEST_DR7);
}
