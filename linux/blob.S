/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's image, as launch.c copies it. It begins with struct
 * vbh_image (include/vbh/launch.h).
 */
#include <linux/linkage.h>
#include <asm/page_types.h>

	.section .rodata, "a"
	.balign	PAGE_SIZE
SYM_DATA_START(vbh_blob)
	.incbin	"hv.bin"
SYM_DATA_END_LABEL(vbh_blob, SYM_L_GLOBAL, vbh_blob_end)
