/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A module with what Linux has had since 6.3: alternatives with 32 bits of flags,
 * within each other, and in place of paravirt calls; sealed functions. SIZE is the
 * bytes of a table's entry, 14.
 */
	.macro	alt site, repl, feature, flags, len, repl_len
	.pushsection .altinstructions, "aM", @progbits, SIZE
	.long	\site - .
	.long	\repl - .
	.short	\feature, \flags
	.fill	SIZE - 14
	.byte	\len, \repl_len
	.popsection
	.endm

	.macro	names table, what
	.pushsection \table, "a"
	.long	\what - .
	.popsection
	.endm

	.section .modinfo, "a"
	.asciz	"name=shape"

	.section .altinstr_replacement, "ax"
1:	cpuid
2:	.rept 6
	rdtsc
	.endr
3:	.byte	0xe9			/* JMP */
	.long	target - . - 4
4:	rdtsc
	movl	outside(%rip), %eax
5:	jmp	50f
	hlt
50:	rdtsc
6:	call	BUG_func
7:	cli

	.text
	.globl	first
	.type	first, @function
first:
nested:	.fill	12, 1, 0x90
	alt	nested, 1b, 0x105, 0, 4, 2
	alt	nested, 2b, 0x106, 0, 12, 12
near:	.fill	5, 1, 0x90
	alt	near, 3b, 0x107, 0, 5, 5
	.fill	11, 1, 0xcc
target:	ret
middle:	.fill	8, 1, 0x90
	alt	middle, 4b, 0x108, 1, 8, 8
within:	.fill	5, 1, 0x90
	alt	within, 5b, 0x109, 0, 5, 5
paravirt:
	call	*pv_ops+40(%rip)
	alt	paravirt, 6b, 0x75, 2, 6, 5
	alt	paravirt, 7b, 0x110, 1, 6, 1
locks:	call	*pv_ops_lock+8(%rip)
	alt	locks, 6b, 0x75, 2, 6, 5
thunk:	call	__x86_indirect_thunk_rax
	names	.retpoline_sites, thunk
	names	.call_sites, thunk
	ret
call_site:
	call	__SCT__x
	ret
	.type	sealed, @function
sealed:	.byte	0xf3, 0x0f, 0x1e, 0xfa
	names	.ibt_endbr_seal, sealed
	ret

	.section .static_call_sites, "aw"
	.long	call_site - .
	.long	__SCK__x - .
	.section .data.more, "aw"
more:	.long	0
	.section .rodata, "a"
to_more:
	.quad	more
