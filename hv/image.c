// SPDX-License-Identifier: GPL-2.0-only
/*
 * The image's first bytes: what the loader has to know of it. Sizes come from
 * the linker script as the addresses of absolute symbols.
 */
#include "hv.h"

void hv_entry(struct vbh_launch *params, u32 op, u32 cpu);

/*
 * Pages for any machine: own tables, second-stage tables of the kernel's image and
 * the first GiBs, its patch sites, SMP structures. And for each GiB a table, and some
 * for what is mixed. What modules take is donated.
 */
#define POOL_PAGES		256
#define POOL_PAGES_PER_GIB	4

const struct vbh_image hv_image __section(".header") __used = {
	.magic = VBH_IMAGE_MAGIC,
	.entry = (u64)hv_entry,
	.file_size = (u64)hv_file_size,
	.mem_size = (u64)hv_mem_size,
	/* Area, and what a vendor needs: control block, host save area, bitmaps. */
	.cpu_size = (HV_CPU_PAGES + HV_STACK_PAGES + 4) * PAGE_SIZE,
	.pool_pages = POOL_PAGES,
	.pool_per_gib = POOL_PAGES_PER_GIB,
	.params_size = sizeof(struct vbh_launch),
};
