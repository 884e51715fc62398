// SPDX-License-Identifier: GPL-2.0-only
/* The SVM backend's table, its page-table format, and the loop around VMRUN. */
#include "../pt.h"
#include "svm.h"

/* NPT entries are the host's own format; every access counts as one of a user. */
#define NPT_P			BIT(0)
#define NPT_W			BIT(1)
#define NPT_U			BIT(2)
#define NPT_A			BIT(5)
#define NPT_D			BIT(6)
#define NPT_PS			BIT(7)
#define NPT_NX			BIT(63)

/* The memory type is left to the guest's PAT and the MTRRs, which still count (APM 2, 15.25.8). */
static u64 npt_leaf(u32 rights, u8 type)
{
	if (!(rights & VBH_R))
		return 0;
	return NPT_P | NPT_U | NPT_A | NPT_D | (rights & VBH_W ? NPT_W : 0) |
	       (rights & VBH_X ? 0 : NPT_NX);
}

static const struct pt_format npt_format = {
	.table = NPT_P | NPT_W | NPT_U | NPT_A,
	.present = NPT_P,
	.large = NPT_PS,
	.leaf = npt_leaf,
};

static void svm_open_interrupts(void)
{
	asm volatile("stgi; sti; nop; nop; nop; nop; cli; clgi" ::: "memory");
}

const struct hv_vendor svm_vendor = {
	.name = "svm",
	.s2 = &npt_format,
	.probe = svm_probe,
	.init = svm_init,
	.cpu_on = svm_cpu_on,
	.cpu_off = svm_cpu_off,
	.run = svm_run,
	.decode = svm_decode,
	.get = svm_get,
	.set = svm_set,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.set_dt = svm_set_dt,
	.get_dt = svm_get_dt,
	.set_seg = svm_set_seg,
	.end_shadow = svm_end_shadow,
	.pend_debug = svm_pend_debug,
	.dr7 = svm_dr7,
	.inject = svm_inject,
	.nmi_ready = svm_nmi_ready,
	.nmi_window = svm_nmi_window,
	.flush = svm_flush,
	.intercept_msr_write = svm_intercept_msr_write,
	.pins_changed = svm_pins_changed,
	.open_interrupts = svm_open_interrupts,
	.reset = svm_reset,
	.start = svm_start,
};

void svm_vmload(u64 pa)
{
	asm volatile("vmload %0" :: "a"(pa) : "memory");
}

void svm_vmsave(u64 pa)
{
	asm volatile("vmsave %0" :: "a"(pa) : "memory");
}

/* A store of the kernel's to the local APIC's page, which cut nothing short. */
static bool is_apic_store(const struct vmcb *v)
{
	return v->exit_code == SVM_EXIT_NPF && hv.apic_pa &&
	       (v->exit_info2 & PAGE_MASK) == hv.apic_pa &&
	       (v->exit_info1 & (NPF_WRITE | NPF_WALK | NPF_FETCH)) == NPF_WRITE && !v->cpl &&
	       !(v->exit_int_info & EVENT_VALID) && !(v->dr7 & DR7_ENABLED);
}

/*
 * CPUID is met by every program, and the APIC by every interrupt, so these are
 * answered with only the registers saved that C may change. in_guest stays set: a
 * kick comes as an NMI exit right after the entry. True if that was all.
 */
__used bool svm_fast_exit(struct hv_cpu *cpu)
{
	struct vmcb *v = vmcb(cpu);
	u32 len;

	if (v->rflags & (RFLAGS_TF | RFLAGS_RF))
		return false;
	cpu->gpr[VBH_REG_RAX] = v->rax;
	/* A user program's CPUID may wear prefixes: its length is never guessed. */
	if (v->exit_code == SVM_EXIT_CPUID && hv.caps.nrips) {
		cpu->exits[VBH_EXIT_CPUID]++;
		hv_cpuid(cpu, v->cr4);
		v->rax = cpu->gpr[VBH_REG_RAX];
		v->rip = v->next_rip;
	} else if (is_apic_store(v)) {
		len = apic_quick(cpu, v->exit_info2);
		if (!len)
			return false;
		v->rip += len;
	} else {
		return false;
	}
	v->int_state &= ~INT_SHADOW;
	v->tlb_control = 0;
	v->event = 0;
	return true;
}

__used void svm_slow_exit(struct hv_cpu *cpu)
{
	struct vmcb *v = vmcb(cpu);

	cpu->gpr[VBH_REG_RAX] = v->rax;
	cpu->gpr[VBH_REG_RSP] = v->rsp;
	v->tlb_control = 0;
	v->event = 0;
	hv_exit(cpu);
	v->rax = cpu->gpr[VBH_REG_RAX];
}

#define GPR(r)		"i"(offsetof(struct hv_cpu, gpr) + 8 * VBH_REG_##r)

/* At the stack's top: the CPU, and its control block's address for VMRUN. */
__noreturn void svm_run(struct hv_cpu *cpu)
{
	u64 *top = (u64 *)hv_stack_top(cpu) - 2;

	top[0] = (u64)cpu;
	top[1] = svm_cpu(cpu)->vmcb_pa;
	vmcb(cpu)->rax = cpu->gpr[VBH_REG_RAX];
	asm volatile("mov	%[top], %%rsp\n"
		     "svm_enter_all:\n"
		     "mov	(%%rsp), %%rax\n"
		     "mov	%c[rbx](%%rax), %%rbx\n"
		     "mov	%c[rbp](%%rax), %%rbp\n"
		     "mov	%c[r12](%%rax), %%r12\n"
		     "mov	%c[r13](%%rax), %%r13\n"
		     "mov	%c[r14](%%rax), %%r14\n"
		     "mov	%c[r15](%%rax), %%r15\n"
		     "svm_enter:\n"
		     "mov	%c[rcx](%%rax), %%rcx\n"
		     "mov	%c[rdx](%%rax), %%rdx\n"
		     "mov	%c[rsi](%%rax), %%rsi\n"
		     "mov	%c[rdi](%%rax), %%rdi\n"
		     "mov	%c[r8](%%rax), %%r8\n"
		     "mov	%c[r9](%%rax), %%r9\n"
		     "mov	%c[r10](%%rax), %%r10\n"
		     "mov	%c[r11](%%rax), %%r11\n"
		     "mov	8(%%rsp), %%rax\n"
		     "vmrun	%%rax\n"
		     "mov	(%%rsp), %%rax\n"
		     "mov	%%rcx, %c[rcx](%%rax)\n"
		     "mov	%%rdx, %c[rdx](%%rax)\n"
		     "mov	%%rbx, %c[rbx](%%rax)\n"
		     "mov	%%rsi, %c[rsi](%%rax)\n"
		     "mov	%%rdi, %c[rdi](%%rax)\n"
		     "mov	%%r8, %c[r8](%%rax)\n"
		     "mov	%%r9, %c[r9](%%rax)\n"
		     "mov	%%r10, %c[r10](%%rax)\n"
		     "mov	%%r11, %c[r11](%%rax)\n"
		     "mov	%%rax, %%rdi\n"
		     "call	svm_fast_exit\n"
		     "mov	(%%rsp), %%rdi\n"
		     "test	%%al, %%al\n"
		     "mov	%%rdi, %%rax\n"
		     "mov	%c[rbx](%%rax), %%rbx\n"
		     "jnz	svm_enter\n"
		     "mov	%%rbp, %c[rbp](%%rdi)\n"
		     "mov	%%r12, %c[r12](%%rdi)\n"
		     "mov	%%r13, %c[r13](%%rdi)\n"
		     "mov	%%r14, %c[r14](%%rdi)\n"
		     "mov	%%r15, %c[r15](%%rdi)\n"
		     "call	svm_slow_exit\n"
		     "jmp	svm_enter_all\n"
		     :: [top] "r"(top), [rcx] GPR(RCX), [rdx] GPR(RDX), [rbx] GPR(RBX),
			[rbp] GPR(RBP), [rsi] GPR(RSI), [rdi] GPR(RDI), [r8] GPR(R8),
			[r9] GPR(R9), [r10] GPR(R10), [r11] GPR(R11), [r12] GPR(R12),
			[r13] GPR(R13), [r14] GPR(R14), [r15] GPR(R15)
		     : "memory");
	__builtin_unreachable();
}
