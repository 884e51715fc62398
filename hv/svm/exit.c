// SPDX-License-Identifier: GPL-2.0-only
/* SVM's exit codes as struct vm_exit, and events in both directions. */
#include "svm.h"

static void decode_memory(const struct vmcb *v, struct vm_exit *exit)
{
	struct vbh_access *a = &exit->access;
	u64 info = v->exit_info1;

	exit->kind = VBH_EXIT_MEMORY;
	a->gpa = v->exit_info2;
	a->walk = info & NPF_WALK;
	/* The walk of the guest's tables sets accessed bits: to NPT it is always a write. */
	if (info & NPF_FETCH)
		a->want = v->cpl == 3 ? VBH_XU : VBH_X;
	else if (info & NPF_WRITE)
		a->want = VBH_W;
	else
		a->want = VBH_R;
}

/*
 * Where the processor does not tell the next RIP, 0 leaves it to the decoder:
 * any of these may wear prefixes, CPUID those that a user program gave it.
 */
static u8 length(const struct vmcb *v)
{
	if (hv.caps.nrips && v->next_rip - v->rip <= INSN_MAX)
		return v->next_rip - v->rip;
	return 0;
}

static void decode_msr(struct hv_cpu *cpu, const struct vmcb *v, struct vm_exit *exit)
{
	exit->kind = v->exit_info1 ? VBH_EXIT_MSR_WRITE : VBH_EXIT_MSR_READ;
	exit->msr = cpu->gpr[VBH_REG_RCX];
	exit->value = (u32)cpu->gpr[VBH_REG_RAX] | cpu->gpr[VBH_REG_RDX] << 32;
	exit->len = length(v);
}

/*
 * IRET ends what blocks NMIs, but the exit comes before it, on a stack that the next
 * NMI would use again. So it is stepped over: it loads TF, but traps by the one before.
 */
static void decode_iret(struct hv_cpu *cpu, struct vmcb *v, struct vm_exit *exit)
{
	exit->kind = VBH_EXIT_NMI_WINDOW;
	v->misc1 &= ~SVM_I1_IRET;
	v->exceptions |= BIT(VECTOR_DB);
	v->rflags |= RFLAGS_TF;
	svm_cpu(cpu)->dr6 = v->dr6;
}

/* A breakpoint's #DB, before the IRET or with it, is the guest's. */
static void decode_step(struct hv_cpu *cpu, struct vmcb *v, struct vm_exit *exit)
{
	exit->kind = VBH_EXIT_NMI_WINDOW;
	svm_cpu(cpu)->nmi_blocked = false;
	v->exceptions &= ~BIT(VECTOR_DB);
	if (!(v->dr6 & DR6_BS))
		v->rflags &= ~RFLAGS_TF;
	if (v->dr6 & ~svm_cpu(cpu)->dr6 & DR6_HITS)
		exit->interrupted = (struct hv_event) { .type = HV_EVENT_EXCEPTION,
							.vector = VECTOR_DB };
	v->dr6 = svm_cpu(cpu)->dr6 | (v->dr6 & DR6_HITS);
}

static void decode_interrupted(const struct vmcb *v, struct hv_event *ev)
{
	u64 info = v->exit_int_info;

	if (!(info & EVENT_VALID))
		return;
	ev->vector = info;
	ev->has_error = info & EVENT_ERROR;
	ev->error = info >> 32;
	switch (EVENT_TYPE(info)) {
	case EVENT_TYPE_INTR:
		ev->type = HV_EVENT_INTR;
		break;
	case EVENT_TYPE_NMI:
		ev->type = HV_EVENT_NMI;
		break;
	case EVENT_TYPE_SOFT:
		ev->type = HV_EVENT_SOFT_INT;
		break;
	default:
		/* QEMU says exception for interrupts too; INT3 and INTO run again. */
		if (ev->vector >= 32)
			ev->type = HV_EVENT_INTR;
		else if (ev->vector == 3 || ev->vector == 4)
			ev->type = HV_EVENT_SOFT_EXC;
		else
			ev->type = HV_EVENT_EXCEPTION;
	}
}

static void decode_other(struct vmcb *v, struct vm_exit *exit)
{
	switch (v->exit_code) {
	case SVM_EXIT_INIT:
		exit->kind = VBH_EXIT_INIT;
		trap_open_nmi();
		break;
	case SVM_EXIT_INVD:
		exit->kind = VBH_EXIT_INVD;
		exit->len = length(v);
		break;
	case SVM_EXIT_INVLPGA:
	case SVM_EXIT_VMRUN:
	case SVM_EXIT_VMLOAD ... SVM_EXIT_SKINIT:
		exit->kind = VBH_EXIT_VIRT_INSN;
		break;
	case SVM_EXIT_TASK_SWITCH:
		exit->kind = VBH_EXIT_TASK_SWITCH;
		break;
	case SVM_EXIT_SHUTDOWN:
		exit->kind = VBH_EXIT_TRIPLE_FAULT;
		break;
	default:
		exit->kind = VBH_EXIT_OTHER;
		if ((u32)v->exit_code == SVM_EXIT_INVALID)
			exit->kind = VBH_EXIT_BAD_STATE;
	}
}

void svm_decode(struct hv_cpu *cpu, struct vm_exit *exit)
{
	struct vmcb *v = vmcb(cpu);

	exit->raw = v->exit_code;
	decode_interrupted(v, &exit->interrupted);
	switch (v->exit_code) {
	case SVM_EXIT_NPF:
		decode_memory(v, exit);
		break;
	case SVM_EXIT_MSR:
		decode_msr(cpu, v, exit);
		break;
	case SVM_EXIT_CPUID:
		exit->kind = VBH_EXIT_CPUID;
		exit->len = length(v);
		break;
	case SVM_EXIT_VMMCALL:
		exit->kind = VBH_EXIT_HYPERCALL;
		exit->len = length(v);
		break;
	case SVM_EXIT_CR0_SEL:
	case SVM_EXIT_CR_WRITE:
	case SVM_EXIT_CR_WRITE + 4:
		exit->kind = VBH_EXIT_CR_WRITE;
		break;
	case SVM_EXIT_IDTR_WRITE ... SVM_EXIT_TR_WRITE:
		exit->kind = VBH_EXIT_DTR;
		break;
	case SVM_EXIT_NMI:
		exit->kind = VBH_EXIT_NMI;
		trap_open_nmi();
		break;
	case SVM_EXIT_IRET:
		decode_iret(cpu, v, exit);
		break;
	case SVM_EXIT_DB:
		decode_step(cpu, v, exit);
		break;
	default:
		decode_other(v, exit);
	}
}

/* Software events are not injected: RIP is still on their instruction, which runs again. */
void svm_inject(struct hv_cpu *cpu, const struct hv_event *ev)
{
	struct vmcb *v = vmcb(cpu);
	u64 type;

	switch (ev->type) {
	case HV_EVENT_INTR:
		type = EVENT_TYPE_INTR;
		break;
	case HV_EVENT_NMI:
		type = EVENT_TYPE_NMI;
		svm_cpu(cpu)->nmi_blocked = true;
		v->misc1 |= SVM_I1_IRET;
		v->exceptions = 0;
		break;
	case HV_EVENT_EXCEPTION:
		type = EVENT_TYPE_EXCEPTION;
		break;
	default:
		cpu->injected = false;
		return;
	}
	v->event = ev->vector | type << 8 | EVENT_VALID |
		   (ev->has_error ? EVENT_ERROR | (u64)ev->error << 32 : 0);
}

bool svm_nmi_ready(struct hv_cpu *cpu)
{
	struct vmcb *v = vmcb(cpu);

	/* An IRET that faulted, which clears TF, is over as well. */
	return !svm_cpu(cpu)->nmi_blocked || (v->exceptions && !(v->rflags & RFLAGS_TF));
}

/*
 * Blocked: the IRET exits. Else another event goes first: this CPU kicks itself,
 * which is latched while GIF is clear, and exits after that event.
 */
void svm_nmi_window(struct hv_cpu *cpu)
{
	if (!svm_cpu(cpu)->nmi_blocked)
		smp_kick(cpu);
}
