/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What rom.S and fastboot.c agree on: the image that Bochs puts into memory.
 *
 * Bochs gives its guest memory in blocks, each backed when it is first touched
 * by the next piece of one array on the host. A file given as optramimage is
 * read into that array in one piece, starting at the block of its load
 * address. So the file does not fill the guest-physical range behind that
 * address; its pieces turn up wherever the guest touches memory next. The ROM
 * makes that order its own: the file starts with padding, for the blocks that
 * the BIOS touched; the ROM then touches unused blocks one by one until it
 * sees the directory, and from there touches the blocks that the directory
 * names, in the file's order.
 */

#ifndef RIG_FASTBOOT_H
#define RIG_FASTBOOT_H

#define FB_BLOCK		0x20000		/* BX_MEM_BLOCK_LEN of Bochs 2.7 */
#define FB_PAD_BLOCKS		32		/* the BIOS touches about a dozen */

/* Guest-physical addresses. The kernel lies from 16 MiB up to FB_BOOT. */
#define FB_BOOT			0x05000000	/* one block: what the kernel is told */
#define FB_LOAD			0x057e0000	/* of the file; not used otherwise */
#define FB_SEARCH		0x05800000	/* blocks to touch for the directory */
#define FB_SEARCH_BLOCKS	64
#define FB_INITRD		0x08000000

/* The directory: magic, then runs { first address, blocks }, ended by 0 blocks. */
#define FB_MAGIC0		0x52484256	/* "VBHR" */
#define FB_MAGIC1		0x31304749	/* "IG01" */
#define FB_DIR_RUNS		0x10
#define FB_DIR_CHECKS		0x1000		/* the first word of each block */

/* In FB_BOOT's block. The page tables map the first 4 GiB onto themselves. */
#define FB_BOOT_PARAMS		0x0000
#define FB_BOOT_PML4		0x1000
#define FB_BOOT_PDPT		0x2000
#define FB_BOOT_PD		0x3000		/* four pages */
#define FB_BOOT_CMDLINE		0x7000
#define FB_BOOT_ENTRY		0x8000		/* 64 bits: the kernel's entry */

/* Of the kernel's struct boot_params (Documentation/x86/zero-page.rst). */
#define BP_E820_ENTRIES		0x1e8
#define BP_SETUP_HEADER		0x1f1
#define BP_E820_TABLE		0x2d0
#define BP_E820_MAX		128
#define BP_E820_ENTRY_SIZE	20

#endif
