// SPDX-License-Identifier: GPL-2.0-only
/*
 * The second stage: an identity map, derived from the core's regions and the
 * memory types. A block that is uniform is one leaf of the largest size; the
 * others are tables. Under the guest's lock, but for the first fill.
 *
 * A table that a larger leaf has replaced may still be in some CPU's walk, so
 * it is kept aside until every CPU has flushed (stage2_reap()).
 */
#include "pt.h"
#include "../core/core.h"

static struct pt tables;

/* Tables to be freed: each one's first entry holds the next one's address. */
static u64 *retired;

struct block {
	u64 pa;			/* what backs it */
	u32 rights;
	u8 type;
};

/* Does one leaf do for [gpa, gpa + size)? */
static bool uniform(u64 gpa, u64 size, struct block *b)
{
	struct region_view view;
	u64 end = gpa + size;

	region_view(&hv.guest.regions, gpa, gpa + size, &view);
	b->rights = view.rights;
	b->type = MEM_WB;
	b->pa = gpa;
	if (view.hypervisor) {
		b->pa = hv.zero_pa;
		return size == PAGE_SIZE;
	}
	if (view.end < gpa + size)
		return false;
	b->type = mtrr_type(gpa, &end);
	return end >= gpa + size;
}

static void retire(u64 *table, u8 level)
{
	u32 i;

	/* Depth is that of the tables: four more calls at most. */
	for (i = 0; i < 512; i++)
		if (pt_is_table(tables.format, table[i], level))
			retire(hv_va(table[i] & PT_ADDR), level - 1);
	table[0] = (u64)retired;
	retired = table;
}

void stage2_reap(void)
{
	while (retired) {
		u64 *table = retired;

		retired = (u64 *)table[0];
		pool_free(table);
	}
}

static void set_leaf(u64 *slot, u8 level, const struct block *b)
{
	u64 old = *slot;

	WRITE_ONCE(*slot, pt_leaf(&tables, b->pa, level, b->rights, b->type));
	if (pt_is_table(tables.format, old, level))
		retire(hv_va(old & PT_ADDR), level - 1);
}

/* Bring the part of the largest possible block at gpa in line; *next is where to go on. */
static int sync_at(u64 gpa, u64 *next)
{
	u8 level = tables.max_leaf, at;
	struct block b;
	u64 *slot;

	for (;; level--) {
		u64 size = PT_SIZE(level);

		if (uniform(gpa & ~(size - 1), size, &b))
			break;
	}
	at = level;
	slot = pt_slot(&tables, gpa, &at, true);
	if (!slot)
		return -ENOSPC;
	set_leaf(slot, level, &b);
	*next = (gpa & ~(PT_SIZE(level) - 1)) + PT_SIZE(level);
	return 0;
}

int stage2_sync(u64 start, u64 end)
{
	int ret = 0;

	while (start < end && !ret)
		ret = sync_at(start, &start);
	return ret;
}

int stage2_fill(u64 gpa)
{
	u64 size = PT_SIZE(tables.max_leaf);
	u64 base = gpa & ~(size - 1);

	return stage2_sync(base, base + size);
}

u64 stage2_root(void)
{
	return hv_pa(tables.root);
}

u8 stage2_levels(void)
{
	return tables.levels;
}

/* All RAM, and all below 4 GiB; what lies higher is filled in when it is touched. */
int stage2_init(void)
{
	u64 end = hv.ram_end > BIT(32) ? hv.ram_end : BIT(32);

	tables.format = hv.vendor->s2;
	tables.max_leaf = hv.caps.s2_1g ? 2 : 1;
	tables.levels = hv.caps.s2_levels;
	tables.root = pool_page();
	if (!tables.root)
		return -ENOMEM;
	return stage2_sync(0, end);
}
