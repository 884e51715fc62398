// SPDX-License-Identifier: GPL-2.0-only
/* The one page-table walker (pt.h), and the format of the hypervisor's own tables. */
#include "pt.h"

#define PTE_P			BIT(0)
#define PTE_W			BIT(1)
#define PTE_PWT			BIT(3)
#define PTE_PCD			BIT(4)
#define PTE_A			BIT(5)
#define PTE_D			BIT(6)
#define PTE_PS			BIT(7)
#define PTE_NX			BIT(63)

static u64 host_leaf(u32 rights, u8 type)
{
	return PTE_P | PTE_A | PTE_D | (rights & VBH_W ? PTE_W : 0) |
	       (rights & VBH_X ? 0 : PTE_NX) |
	       (type == MEM_WB ? 0 : PTE_PCD | PTE_PWT);
}

const struct pt_format pt_host = {
	.table = PTE_P | PTE_W | PTE_A,
	.present = PTE_P,
	.large = PTE_PS,
	.leaf = host_leaf,
};

u64 pt_leaf(const struct pt *pt, u64 pa, u8 level, u32 rights, u8 type)
{
	u64 bits = pt->format->leaf(rights, type);

	return bits ? pa | bits | (level ? pt->format->large : 0) : 0;
}

/* A table in the place of the leaf or the empty entry at slot: the same rights, in 512 parts. */
static u64 *split(struct pt *pt, u64 *slot, u8 level)
{
	u64 *table = pool_page();
	u64 entry = *slot;
	u32 i;

	if (!table)
		return NULL;
	if (entry) {
		if (level == 1)
			entry &= ~pt->format->large;
		for (i = 0; i < 512; i++)
			table[i] = entry + i * PT_SIZE(level - 1);
	}
	barrier();	/* walks by other CPUs see it filled */
	WRITE_ONCE(*slot, hv_pa(table) | pt->format->table);
	return table;
}

u64 *pt_slot(struct pt *pt, u64 addr, u8 *level, bool alloc)
{
	u64 *table = pt->root;
	u8 l = pt->levels - 1;
	u64 *slot;

	for (;; l--) {
		slot = &table[pt_index(addr, l)];
		if (l == *level)
			return slot;
		if (pt_is_table(pt->format, *slot, l)) {
			table = hv_va(*slot & PT_ADDR);
		} else if (alloc) {
			table = split(pt, slot, l);
			if (!table)
				return NULL;
		} else {
			*level = l;
			return slot;
		}
	}
}
