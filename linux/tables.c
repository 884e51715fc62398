// SPDX-License-Identifier: GPL-2.0-only
/*
 * The image's memory: cleared chunks of 2 MiB that Linux gives away until the
 * stop, the image copied to the first; and the launch tables, in which the
 * kernel's half stands as it is now and at VBH_IMAGE_BASE the chunks, then all of
 * the image's own tables.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <asm/desc.h>
#include <asm/processor.h>
#include <asm/trapnr.h>
#include "stub.h"
#include "vbh.h"

#define CHUNK_ORDER	(ilog2(VBH_CHUNK) - PAGE_SHIFT)
/* P, RW, A; a leaf also has D and PS. Neither global nor NX. */
#define TABLE_BITS	(_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED)
#define LEAF_BITS	(TABLE_BITS | _PAGE_DIRTY | _PAGE_PSE)

static const struct vbh_image *image(void)
{
	return (const struct vbh_image *)vbh_blob;
}

u64 space_entry(void)
{
	return image()->entry;
}

void space_show(const struct launch_space *space, struct seq_file *m)
{
	int i;

	for (i = 0; i < VBH_MAX_CHUNKS && space->chunk[i]; i++)
		seq_printf(m, "%llx %llx\n", page_to_phys(space->chunk[i]),
			   page_to_phys(space->chunk[i]) + VBH_CHUNK);
}

u64 space_cr3(const struct launch_space *space)
{
	return __pa(space->tables);
}

static int check_image(struct vbh_why *why)
{
	const struct vbh_image *img = image();
	size_t size = vbh_blob_end - vbh_blob;

	if (size < sizeof(*img) || img->magic != VBH_IMAGE_MAGIC ||
	    img->params_size != sizeof(struct vbh_launch) ||
	    img->file_size > size || img->mem_size < img->file_size ||
	    img->mem_size > VBH_CHUNK || img->entry < VBH_IMAGE_BASE ||
	    img->entry >= VBH_IMAGE_BASE + img->file_size)
		return vbh_fail(why, -ENOEXEC,
				"the image within vbh.ko is not of this build");
	return 0;
}

/* Bytes that the image needs on this machine. */
static u64 image_bytes(const struct vbh_launch *params)
{
	const struct vbh_image *img = image();
	u64 ram_end = params->ram[params->nr_ram - 1].end;
	u64 pages;

	pages = img->pool_pages +
		(u64)img->pool_per_gib * DIV_ROUND_UP_ULL(ram_end, SZ_1G);
	return img->mem_size + (u64)params->cpus * img->cpu_size +
	       pages * PAGE_SIZE;
}

static int get_chunks(struct launch_space *space, struct vbh_why *why)
{
	struct vbh_launch *params = space->params;
	u64 nr = DIV_ROUND_UP_ULL(image_bytes(params), VBH_CHUNK);
	u32 i;

	if (nr > VBH_MAX_CHUNKS)
		return vbh_fail(why, -E2BIG,
				"%llu MiB are needed for this much RAM, at most %llu MiB can be",
				nr * VBH_CHUNK / SZ_1M,
				VBH_MAX_CHUNKS * VBH_CHUNK / SZ_1M);
	for (i = 0; i < nr; i++) {
		space->chunk[i] = alloc_pages(GFP_KERNEL | __GFP_ZERO |
					      __GFP_RETRY_MAYFAIL |
					      __GFP_NOWARN, CHUNK_ORDER);
		if (!space->chunk[i])
			return vbh_fail(why, -ENOMEM,
					"not enough memory: %u of %llu pieces of 2 MiB found",
					i, nr);
		params->chunk[i] = page_to_phys(space->chunk[i]);
		params->nr_chunks = i + 1;
	}
	memcpy(page_address(space->chunk[0]), vbh_blob, image()->file_size);
	return 0;
}

/* The entry for the image in the table at that level (0: 2 MiB leaves). */
static u64 *entry(unsigned long table, int level)
{
	int shift = PMD_SHIFT + 9 * level;

	return (u64 *)table + ((VBH_IMAGE_BASE >> shift) & (PTRS_PER_PMD - 1));
}

static int top_level(void)
{
	return pgtable_l5_enabled() ? 3 : 2;
}

/*
 * The top level is the even one of two pages: Linux's entry code takes bit 12
 * of CR3 for "these are the user's tables" (PTI), and an NMI may come here.
 */
static int build_tables(struct launch_space *space)
{
	int levels = top_level(), i;
	u64 next = __pa(page_address(space->chunk[0])) | LEAF_BITS;

	space->tables = __get_free_pages(GFP_KERNEL | __GFP_ZERO, 1);
	if (!space->tables)
		return -ENOMEM;
	for (i = 0; i < levels; i++) {
		space->level[i] = get_zeroed_page(GFP_KERNEL);
		if (!space->level[i])
			return -ENOMEM;
		*entry(space->level[i], i) = next;
		next = __pa(space->level[i]) | TABLE_BITS;
	}
	for (i = 1; i < space->params->nr_chunks; i++)
		entry(space->level[0], 0)[i] = page_to_phys(space->chunk[i]) | LEAF_BITS;
	*entry(space->tables, levels) = next;
	memcpy((u64 *)space->tables + 256, (u64 *)__va(read_cr3_pa()) + 256,
	       256 * sizeof(u64));
	return 0;
}

void space_join(struct launch_space *space)
{
	unsigned long root = (unsigned long)__va(space->params->root);

	*entry(space->tables, top_level()) = *entry(root, top_level());
}

/* Linux's own gates, so that a fault in the stub is still an oops. */
static int build_idt(struct launch_space *space)
{
	struct desc_ptr idtr;

	space->idt = (gate_desc *)get_zeroed_page(GFP_KERNEL);
	if (!space->idt)
		return -ENOMEM;
	store_idt(&idtr);
	memcpy(space->idt, (void *)idtr.address,
	       min_t(size_t, idtr.size + 1, PAGE_SIZE));
	pack_gate(&space->idt[X86_TRAP_NMI], GATE_INTERRUPT,
		  (unsigned long)vbh_stub_nmi, 0, 0, __KERNEL_CS);
	return 0;
}

int space_create(struct launch_space *space, struct vbh_why *why)
{
	int err;

	err = check_image(why);
	if (!err)
		err = get_chunks(space, why);
	if (err)
		goto fail;
	err = build_tables(space);
	if (!err)
		err = build_idt(space);
	if (err) {
		vbh_fail(why, err, "not enough memory for the launch tables");
		goto fail;
	}
	return 0;
fail:
	space_destroy(space);
	return err;
}

void space_destroy(struct launch_space *space)
{
	int i;

	for (i = 0; i < VBH_MAX_CHUNKS; i++)
		if (space->chunk[i])
			__free_pages(space->chunk[i], CHUNK_ORDER);
	free_pages(space->tables, 1);
	for (i = 0; i < ARRAY_SIZE(space->level); i++)
		free_page(space->level[i]);
	free_page((unsigned long)space->idt);
	memset(space->chunk, 0, sizeof(space->chunk));
	memset(space->level, 0, sizeof(space->level));
	space->tables = 0;
	space->idt = NULL;
}
