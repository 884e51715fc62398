/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way into the image and back out of guest mode: what can't be written in
 * C because the address space changes under it. Called with interrupts off.
 *
 * CR4.PCIDE may be set only while CR3[11:0] is 0, so on the way in CR3 comes
 * first and CR4 second, and on the way back CR4 comes first. CR4.CET goes too,
 * for the image has no ENDBR. The code after the call runs natively after
 * VBH_OP_INIT and in guest mode after a launch.
 */
#include <linux/errno.h>
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/processor-flags.h>
#include <asm/unwind_hints.h>
#include "stub.h"

	.text

/*
 * long vbh_stub_enter(u64 cr3, u64 entry, struct vbh_launch *params, u32 op,
 *		       u32 cpu, const struct desc_ptr *idt)
 *
 * Linux's own return from an NMI writes CR3 with the no-flush bit where it uses
 * PTI and PCID, and that faults while CR4.PCIDE is clear. Until CR3 and CR4
 * are Linux's again, idt therefore sends NMIs to vbh_stub_nmi.
 */
SYM_FUNC_START(vbh_stub_enter)
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	sub	$24, %rsp	/* room for SIDT; the stack is aligned to 16 */
	sidt	(%rsp)
	mov	%cr3, %r12
	mov	%cr4, %r13
	lidt	(%r9)
	mov	%rdi, %cr3
	mov	%r13, %rax
	and	$~(X86_CR4_PCIDE | X86_CR4_PGE | X86_CR4_CET), %rax
	mov	%rax, %cr4

	mov	%rsi, %rax
	mov	%rdx, %rdi
	mov	%ecx, %esi
	mov	%r8d, %edx
	ANNOTATE_RETPOLINE_SAFE
	call	*%rax

	mov	%r13, %cr4
	mov	%r12, %cr3
	lidt	(%rsp)
	movslq	%eax, %rax
	add	$24, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	RET
SYM_FUNC_END(vbh_stub_enter)

/*
 * long vbh_stub_stop(void)
 *
 * Out of guest mode. IDTR may be pinned by now, so it is left alone: after the
 * call the image's CR3 and CR4 hold for two instructions only.
 */
SYM_FUNC_START(vbh_stub_stop)
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%cr3, %r12
	mov	%cr4, %r13
	mov	$VBH_STUB_HC_STOP, %eax
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
.Lcall:
	ALTERNATIVE "vmcall", "vmmcall", X86_FEATURE_VMMCALL
.Lcalled:
	test	%rax, %rax
	jnz	.Lout
	mov	%r13, %cr4
	mov	%r12, %cr3
.Lout:
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	RET
.Lnobody:
	mov	$-ENODEV, %rax
	jmp	.Lout
	_ASM_EXTABLE(.Lcall, .Lnobody)
SYM_FUNC_END(vbh_stub_stop)

/* An NMI within vbh_stub_enter: remember it, vbh_enter() gives it to Linux. */
SYM_CODE_START(vbh_stub_nmi)
	UNWIND_HINT_IRET_REGS
	ENDBR
	incl	PER_CPU_VAR(vbh_nmis)
	iretq
SYM_CODE_END(vbh_stub_nmi)
