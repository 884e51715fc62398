/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ways to reach a page that is mapped read-only, or that belongs to nobody.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <asm/pgtable_types.h>
#include <linux/types.h>

/* A page-table entry made writable and executable on this CPU until pte_edit_end(). */
struct pte_edit {
	u64 *entry;
	u64 old;
	void *addr;
};

bool pte_edit_begin(struct pte_edit *edit, void *addr);
void pte_edit_end(struct pte_edit *edit);

/* The guest-physical address behind a kernel address. */
u64 memory_phys(void *addr);
/* A new mapping of the page of gpa, at the same offset; NULL: no memory. */
void *alias_map(u64 gpa, pgprot_t prot);
void alias_unmap(void *alias);

#endif
