// SPDX-License-Identifier: GPL-2.0-only
/*
 * Into the guest and out of it. An exit arrives with our RSP just below struct
 * vmx_top, the guest's other registers live, and cpu->in_guest still set. CPUID,
 * which every program meets, is answered with only those registers saved that C
 * may change; in_guest stays set, so that to other CPUs it never was an exit.
 * Everything else goes through hv_exit().
 *
 * What other CPUs want is looked at once more right before VMRESUME, because an
 * NMI that comes later than hv_tail()'s look is taken by our own gate and would
 * be forgotten by the entry. If it interrupts the range from vmx_restart_begin
 * to vmx_restart_end, hv_trap() sets RIP back to the start of the range.
 */
#include "vmx.h"
#include "../../core/string.h"

#define ERROR_NOT_LAUNCHED	5	/* VMRESUME of a VMCS that needs VMLAUNCH */

/*
 * A CPUID without anything special about it: all but the answer itself, which
 * is the caller's to get from hv_cpuid(). The guest's CR4, which is never 0;
 * 0 if this exit has to go through hv_exit(). No call is made here: this and
 * hv_cpuid() are all that a program's CPUID costs.
 */
__used static u64 vmx_fast_exit(struct hv_cpu *cpu)
{
	u64 next, shadow;

	if ((u32)vmread(VMCS_EXIT_REASON) != REASON_CPUID)
		return 0;
	next = vmread(VMCS_GUEST_RIP) + vmread(VMCS_EXIT_INSN_LEN);
	/* A trap to deliver, or an instruction pointer that may have to wrap at 4 GiB. */
	if (unlikely((vmread(VMCS_GUEST_RFLAGS) & RFLAGS_TF) || (u32)next < INSN_MAX))
		return 0;
	vmwrite(VMCS_GUEST_RIP, next);
	shadow = vmread(VMCS_GUEST_SHADOW);
	if (unlikely(shadow & (SHADOW_STI | SHADOW_MOV_SS)))
		vmwrite(VMCS_GUEST_SHADOW, shadow & ~(SHADOW_STI | SHADOW_MOV_SS));
	cpu->exits[VBH_EXIT_CPUID]++;
	return vmread(VMCS_GUEST_CR4);
}

static bool never_entered(const struct hv_cpu *cpu)
{
	u32 i;

	for (i = 0; i < VBH_NR_EXITS; i++)
		if (cpu->exits[i])
			return false;
	return true;
}

/* The processor refused the VMCS: at launch that is told to Linux, later it is a bug. */
static __noreturn void entry_failed(struct hv_cpu *cpu, const char *why, u32 number)
{
	static char error[192];	/* under launch_lock */
	struct hv_linux st;

	if (!never_entered(cpu))
		hv_bug(why, number, vmread(VMCS_GUEST_RIP));
	spin_lock(&hv.launch_lock);
	vmx_error(error, sizeof(error), "VM entry", why, number);
	memcpy(st.gpr, cpu->gpr, sizeof(st.gpr));
	cpu->launched = false;
	WRITE_ONCE(cpu->in_guest, 0);
	vmx_cpu_off(cpu, &st);
	hv_launch_failed(cpu, &st, -EINVAL, error);
}

__used static void vmx_slow_exit(struct hv_cpu *cpu)
{
	u32 reason = vmread(VMCS_EXIT_REASON);

	if (reason & REASON_FAILED)
		entry_failed(cpu, "exit reason", (u16)reason);
	hv_exit(cpu);
}

/* Something came up after hv_exit(), or during a fast exit. */
__used static void vmx_late_news(struct hv_cpu *cpu)
{
	/* After a fast exit what hv_exit() left there is of long ago. */
	cpu->injected = vmread(VMCS_ENTRY_EVENT) & EVENT_VALID;
	hv_tail(cpu);
	/* What the entry to come can't deliver as well: it is news again in its window. */
	if ((cpu->nmi_pending || cpu->mc_pending) && vmx_top(cpu)->news)
		vmx_nmi_window(cpu);
}

__used static __noreturn void vmx_entry_refused(struct hv_cpu *cpu)
{
	entry_failed(cpu, "VM-instruction error", vmread(VMCS_INSN_ERROR));
}

/* Offsets from RSP as it is at an exit. */
#define AT_RSP(offset)		"i"((long)(offset) - (long)(HV_CPU_AREA - sizeof(struct vmx_top)))
#define CPU(member)		AT_RSP(offsetof(struct hv_cpu, member))
#define GPR(r)			AT_RSP(offsetof(struct hv_cpu, gpr) + 8 * VBH_REG_##r)
#define TOP(member)		"i"(offsetof(struct vmx_top, member))

_Static_assert(offsetof(struct hv_cpu, mc_pending) == offsetof(struct hv_cpu, nmi_pending) + 1,
	       "entry code reads both as one word");

/* Never called: it holds the code, because only here the operands are known. */
__used static void entry_code(void)
{
	asm volatile(".globl vmx_exit_entry, vmx_restart_begin, vmx_restart_end\n"
		     ".hidden vmx_exit_entry, vmx_restart_begin, vmx_restart_end\n"
		     ".balign 16\n"
		     "vmx_exit_entry:\n\t"
		     "mov	%%rax, %c[rax](%%rsp)\n\t"
		     "mov	%%rcx, %c[rcx](%%rsp)\n\t"
		     "mov	%%rdx, %c[rdx](%%rsp)\n\t"
		     "mov	%%rsi, %c[rsi](%%rsp)\n\t"
		     "mov	%%rdi, %c[rdi](%%rsp)\n\t"
		     "mov	%%r8, %c[r8](%%rsp)\n\t"
		     "mov	%%r9, %c[r9](%%rsp)\n\t"
		     "mov	%%r10, %c[r10](%%rsp)\n\t"
		     "mov	%%r11, %c[r11](%%rsp)\n\t"
		     "lea	%c[cpu](%%rsp), %%rdi\n\t"
		     "call	vmx_fast_exit\n\t"
		     "test	%%rax, %%rax\n\t"
		     "jz	2f\n\t"
		     "lea	%c[cpu](%%rsp), %%rdi\n\t"
		     "mov	%%rax, %%rsi\n\t"
		     "call	hv_cpuid\n"

		     "vmx_restart_begin:\n\t"
		     "mov	hv+%c[generation](%%rip), %%eax\n\t"
		     "sub	%c[seen](%%rsp), %%eax\n\t"
		     "or	%c[requests](%%rsp), %%eax\n\t"
		     "movzwl	%c[pending](%%rsp), %%ecx\n\t"
		     "and	%c[news](%%rsp), %%cx\n\t"
		     "or	%%ecx, %%eax\n\t"
		     "jnz	3f\n\t"
		     "mov	%c[rax](%%rsp), %%rax\n\t"
		     "mov	%c[rcx](%%rsp), %%rcx\n\t"
		     "mov	%c[rdx](%%rsp), %%rdx\n\t"
		     "mov	%c[rbx](%%rsp), %%rbx\n\t"
		     "mov	%c[rsi](%%rsp), %%rsi\n\t"
		     "mov	%c[rdi](%%rsp), %%rdi\n\t"
		     "mov	%c[r8](%%rsp), %%r8\n\t"
		     "mov	%c[r9](%%rsp), %%r9\n\t"
		     "mov	%c[r10](%%rsp), %%r10\n\t"
		     "mov	%c[r11](%%rsp), %%r11\n\t"
		     "vmresume\n\t"
		     /* It failed. The first entry of a VMCS needs the other instruction. */
		     "mov	$%c[insn_error], %%eax\n\t"
		     "vmread	%%rax, %%rax\n\t"
		     "cmp	$%c[not_launched], %%rax\n\t"
		     "mov	%c[rax](%%rsp), %%rax\n\t"
		     "jne	1f\n\t"
		     "vmlaunch\n"
		     "vmx_restart_end:\n"
		     "1:	lea	%c[cpu](%%rsp), %%rdi\n\t"
		     "call	vmx_entry_refused\n"

		     /* RBX here alone: at 3 its place holds the answer to CPUID already. */
		     "2:	mov	%%rbx, %c[rbx](%%rsp)\n\t"
		     "lea	vmx_slow_exit(%%rip), %%rax\n\t"
		     "jmp	4f\n"
		     "3:	lea	vmx_late_news(%%rip), %%rax\n"
		     "4:	mov	%%rbp, %c[rbp](%%rsp)\n\t"
		     "mov	%%r12, %c[r12](%%rsp)\n\t"
		     "mov	%%r13, %c[r13](%%rsp)\n\t"
		     "mov	%%r14, %c[r14](%%rsp)\n\t"
		     "mov	%%r15, %c[r15](%%rsp)\n\t"
		     "lea	%c[cpu](%%rsp), %%rdi\n\t"
		     "call	*%%rax\n"
		     "vmx_enter:\n\t"
		     "mov	%c[rbp](%%rsp), %%rbp\n\t"
		     "mov	%c[r12](%%rsp), %%r12\n\t"
		     "mov	%c[r13](%%rsp), %%r13\n\t"
		     "mov	%c[r14](%%rsp), %%r14\n\t"
		     "mov	%c[r15](%%rsp), %%r15\n\t"
		     "jmp	vmx_restart_begin\n"
		     :: [cpu] AT_RSP(0),
			[rax] GPR(RAX), [rcx] GPR(RCX), [rdx] GPR(RDX), [rbx] GPR(RBX),
			[rbp] GPR(RBP), [rsi] GPR(RSI), [rdi] GPR(RDI), [r8] GPR(R8),
			[r9] GPR(R9), [r10] GPR(R10), [r11] GPR(R11), [r12] GPR(R12),
			[r13] GPR(R13), [r14] GPR(R14), [r15] GPR(R15),
			[seen] CPU(seen), [requests] CPU(requests), [pending] CPU(nmi_pending),
			[news] TOP(news),
			[generation] "i"(offsetof(struct hv, generation)),
			[insn_error] "i"(VMCS_INSN_ERROR), [not_launched] "i"(ERROR_NOT_LAUNCHED));
}

void vmx_run(struct hv_cpu *cpu)
{
	asm volatile("mov %0, %%rsp\n\tjmp vmx_enter" :: "r"(vmx_top(cpu)) : "memory");
	__builtin_unreachable();
}
