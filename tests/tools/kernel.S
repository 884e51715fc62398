/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel's file with BTF that has no types: as little as can be asked anything. */
	.section .BTF, "a"
	.short	0xeb9f
	.byte	1, 0
	.long	24		/* of this header */
	.long	0, 0		/* types */
	.long	0, 1		/* names */
	.byte	0
