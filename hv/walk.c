// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's own page tables, walked in software as a supervisor read would:
 * only to find what an instruction names, never to decide. Tables are read one
 * entry at a time through host_read_gpa(), so they can't be the hypervisor's.
 * Long mode, and no paging at all; what lies between does not occur under Linux.
 */
#include "pt.h"

#define PTE_PRESENT		BIT(0)
#define PTE_LARGE		BIT(7)

int walk_guest(struct hv_cpu *cpu, u64 cr3, u64 gva, u64 *gpa)
{
	u64 table = cr3 & PT_ADDR;
	u64 entry;
	u8 level;

	if (!(hv.vendor->get(cpu, VBH_REG_CR0) & CR0_PG)) {
		*gpa = gva & 0xffffffff;
		return 0;
	}
	if (!(hv.vendor->get(cpu, VBH_REG_EFER) & EFER_LMA))
		return -EFAULT;
	level = hv.vendor->get(cpu, VBH_REG_CR4) & CR4_LA57 ? 4 : 3;
	for (;; level--) {
		if (host_read_gpa(&hv.guest, table + pt_index(gva, level) * 8, &entry, 8))
			return -EFAULT;
		if (!(entry & PTE_PRESENT))
			return -EFAULT;
		if (!level || (level <= 2 && (entry & PTE_LARGE)))
			break;
		table = entry & PT_ADDR;
	}
	*gpa = (entry & PT_ADDR & ~(PT_SIZE(level) - 1)) | (gva & (PT_SIZE(level) - 1));
	return 0;
}
