/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One walker for every table that the hypervisor writes: its own, EPT and NPT.
 * What differs between them is a struct pt_format. Tables lie in the pool.
 */
#ifndef HV_PT_H
#define HV_PT_H

#include "hv.h"

struct pt_format {
	u64 table;		/* bits of an entry that points to a table */
	u64 present;		/* an entry without any of these is empty */
	u64 large;		/* bit that makes an entry above level 0 a leaf */
	/* Bits of a leaf with these VBH_R.. rights and MEM_* type, without address and `large`. */
	u64 (*leaf)(u32 rights, u8 type);
};

struct pt {
	const struct pt_format *format;
	u64 *root;
	u8 levels;		/* 4 or 5 */
	u8 max_leaf;		/* highest level of a leaf: 0 4 KiB, 1 2 MiB, 2 1 GiB */
};

#define PT_ADDR			0x000ffffffffff000ull
#define PT_SIZE(level)		(1ull << (PAGE_SHIFT + 9 * (level)))

static inline u32 pt_index(u64 addr, u8 level)
{
	return addr >> (PAGE_SHIFT + 9 * level) & 511;
}

static inline bool pt_is_table(const struct pt_format *f, u64 entry, u8 level)
{
	return level && (entry & f->present) && !(entry & f->large);
}

/*
 * The slot for addr at level, or, with alloc false, the leaf or the empty slot
 * where the walk ends (*level says where). alloc: missing tables are made; a
 * larger leaf in the way is split, rights and all. NULL: no memory for that.
 */
u64 *pt_slot(struct pt *pt, u64 addr, u8 *level, bool alloc);
u64 pt_leaf(const struct pt *pt, u64 pa, u8 level, u32 rights, u8 type);

extern const struct pt_format pt_host;

#endif
