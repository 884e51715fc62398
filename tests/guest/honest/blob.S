/* SPDX-License-Identifier: GPL-2.0-only */
/* The 32-bit program, for syscalls.c to write to a memfd. */
	.section .rodata
	.globl	honest32_start, honest32_end
honest32_start:
	.incbin	"honest32"
honest32_end:
	.section .note.GNU-stack, "", @progbits
