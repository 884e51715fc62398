// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's own page tables, walked in software: as a supervisor read would,
 * only to find what an instruction names; and as a user's store would, to decide
 * whether it may have its way. Tables are read one entry at a time through
 * guest_look(), so they can't be the hypervisor's.
 * Long mode, and no paging at all; what lies between does not occur under Linux.
 */
#include "pt.h"

#define PTE_PRESENT		BIT(0)
#define PTE_WRITE		BIT(1)
#define PTE_USER		BIT(2)
#define PTE_DIRTY		BIT(6)
#define PTE_LARGE		BIT(7)

/* *rights: the user and write bits that all levels have, and the last one's dirty bit. */
static int walk(struct hv_cpu *cpu, u64 cr3, u64 gva, u64 *gpa, u64 *rights)
{
	u64 table = cr3 & PT_ADDR;
	const u64 *at;
	u64 entry;
	u8 level;

	if (!(hv.vendor->get(cpu, VBH_REG_CR0) & CR0_PG)) {
		*gpa = gva & 0xffffffff;
		*rights = ~0ull;
		return 0;
	}
	if (!(hv.vendor->get(cpu, VBH_REG_EFER) & EFER_LMA))
		return -EFAULT;
	*rights = PTE_USER | PTE_WRITE;
	level = hv.vendor->get(cpu, VBH_REG_CR4) & CR4_LA57 ? 4 : 3;
	for (;; level--) {
		at = guest_look(cpu, table + pt_index(gva, level) * 8);
		if (!at)
			return -EFAULT;
		entry = READ_ONCE(*at);
		if (!(entry & PTE_PRESENT))
			return -EFAULT;
		*rights &= entry;
		if (!level || (level <= 2 && (entry & PTE_LARGE)))
			break;
		table = entry & PT_ADDR;
	}
	*rights |= entry & PTE_DIRTY;
	*gpa = (entry & PT_ADDR & ~(PT_SIZE(level) - 1)) | (gva & (PT_SIZE(level) - 1));
	return 0;
}

int walk_guest(struct hv_cpu *cpu, u64 cr3, u64 gva, u64 *gpa)
{
	u64 rights;

	return walk(cpu, cr3, gva, gpa, &rights);
}

/*
 * A page that is not dirty faults too: the guest's kernel then makes it so, as
 * the processor would have, and the instruction runs again.
 */
u32 walk_user_store(struct hv_cpu *cpu, u64 gva, u64 *gpa)
{
	const u64 needed = PTE_USER | PTE_WRITE | PTE_DIRTY;
	u64 rights;

	if (walk(cpu, hv.vendor->get(cpu, VBH_REG_CR3), gva, gpa, &rights))
		return PF_WRITE | PF_USER;
	return (rights & needed) == needed ? 0 : PF_PRESENT | PF_WRITE | PF_USER;
}
