// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's own page tables, walked in software: as a supervisor read would,
 * only to find what an instruction names; and as a user's store would, to decide
 * whether it may have its way. Tables are ordinary memory, never the hypervisor's.
 * Long mode, and no paging at all; what lies between does not occur under Linux.
 */
#include "pt.h"

#define PTE_PRESENT		BIT(0)
#define PTE_WRITE		BIT(1)
#define PTE_USER		BIT(2)
#define PTE_DIRTY		BIT(6)
#define PTE_LARGE		BIT(7)

/* How many levels the guest's tables have now; 0: no paging; -EFAULT: not those of long mode. */
static int depth(struct hv_cpu *cpu)
{
	/* What runs 64-bit code is in long mode, and has paging. */
	if (hv.vendor->get(cpu, VBH_REG_CS_MODE) != 8) {
		if (!(hv.vendor->get(cpu, VBH_REG_CR0) & CR0_PG))
			return 0;
		if (!(hv.vendor->get(cpu, VBH_REG_EFER) & EFER_LMA))
			return -EFAULT;
	}
	return hv.vendor->get(cpu, VBH_REG_CR4) & CR4_LA57 ? 5 : 4;
}

/* The table in the line's own window for this level; NULL: not the guest's memory. */
static const u64 *show(struct hv_cpu *cpu, struct hv_walk *line, u32 level, u64 table)
{
	u32 slot = WINDOW_WALK + (line - cpu->walk) * HV_WALK_LEVELS + level;

	return is_guest_ram(table) ? window_map(cpu, slot, table, false) : NULL;
}

/* Look from this level down, of whose entry the place is known, and remember. */
static __attribute__((noinline)) bool descend(struct hv_cpu *cpu, struct hv_walk *line, int level)
{
	const u64 *table;
	u64 entry;

	for (;;) {
		entry = READ_ONCE(*line->at[level]);
		line->entry[level] = entry;
		if (!(entry & PTE_PRESENT))
			return false;
		if (!level || (level <= 2 && (entry & PTE_LARGE)))
			break;
		table = show(cpu, line, --level, entry & PT_ADDR);
		if (!table)
			return false;
		line->at[level] = table + pt_index(line->page, level);
	}
	line->leaf = level;
	line->gpa = (entry & PT_ADDR & -PT_SIZE(level)) | (line->page & (PT_SIZE(level) - 1));
	return true;
}

static bool begin(struct hv_cpu *cpu, struct hv_walk *line, u64 cr3, u64 page)
{
	int top = cpu->walk_levels - 1;
	const u64 *table = show(cpu, line, top, cr3 & PT_ADDR);

	if (!table)
		return false;
	line->cr3 = cr3;
	line->page = page;
	line->levels = cpu->walk_levels;
	line->at[top] = table + pt_index(page, top);
	return descend(cpu, line, top);
}

/*
 * Exits of a kind walk the same in the same order: a line of cpu->walk remembers
 * where the entries of such a walk were, and what they held. They are read again
 * each time, from the top; from where one has changed the tables are looked for
 * anew. So nothing is relied on that the guest could have changed. NULL: no page.
 */
static struct hv_walk *walk(struct hv_cpu *cpu, u64 cr3, u64 page)
{
	struct hv_walk *line = &cpu->walk[cpu->walks++ % HV_WALK_LINES];
	int level = cpu->walk_levels - 1;

	if (unlikely(line->page != page || line->cr3 != cr3 || line->levels != level + 1)) {
		if (!begin(cpu, line, cr3, page))
			goto none;
		return line;
	}
	for (; READ_ONCE(*line->at[level]) == line->entry[level]; level--)
		if (level == line->leaf)
			return line;
	if (descend(cpu, line, level))
		return line;
none:
	line->page = ~0ull;
	return NULL;
}

/* A table that was walked may be memory of the hypervisor's by now. */
void walk_forget(struct hv_cpu *cpu)
{
	u32 i;

	for (i = 0; i < HV_WALK_LINES; i++)
		cpu->walk[i].page = ~0ull;
}

int walk_guest(struct hv_cpu *cpu, u64 cr3, u64 gva, u64 *gpa)
{
	const struct hv_walk *line;

	/* Of all walks of an exit: what changes it is done at the exit's end. */
	if (!cpu->walks)
		cpu->walk_levels = depth(cpu);
	if (unlikely(cpu->walk_levels <= 0)) {
		*gpa = gva & 0xffffffff;
		return cpu->walk_levels;
	}
	line = walk(cpu, cr3, gva & PAGE_MASK);
	if (!line)
		return -EFAULT;
	*gpa = line->gpa | (gva & ~PAGE_MASK);
	return 0;
}

/*
 * A page that is not dirty faults too: the guest's kernel then makes it so, as
 * the processor would have, and the instruction runs again.
 */
u32 walk_user_store(struct hv_cpu *cpu, u64 gva, u64 *gpa)
{
	const struct hv_walk *line = &cpu->walk[cpu->walks % HV_WALK_LINES];
	u64 rights = PTE_USER | PTE_WRITE;
	int level;

	if (walk_guest(cpu, hv.vendor->get(cpu, VBH_REG_CR3), gva, gpa))
		return PF_WRITE | PF_USER;
	/* A program without paging stores where it likes. */
	if (!cpu->walk_levels)
		return 0;
	for (level = line->levels - 1; level >= line->leaf; level--)
		rights &= line->entry[level];
	if (rights == (PTE_USER | PTE_WRITE) && (line->entry[line->leaf] & PTE_DIRTY))
		return 0;
	return PF_PRESENT | PF_WRITE | PF_USER;
}
