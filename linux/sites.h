/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files that hand over patch sites share. All of it runs with
 * ftrace_lock and text_mutex held: no table changes, and no site is half-way.
 */
#ifndef SITES_H
#define SITES_H

#include <linux/jump_label.h>
#include <linux/static_call_types.h>
#include "vbh.h"

/* One text, and what the kernel's tables say of it. */
struct patched {
	const char *name;
	const struct module *mod;	/* NULL: the kernel itself */
	unsigned long start, end;
	u32 tag;
	const struct jump_entry *jumps;
	unsigned int nr_jumps;
	const struct static_call_site *calls;
	unsigned int nr_calls;
};

static inline bool patched_has(const struct patched *p, unsigned long addr)
{
	return addr >= p->start && addr < p->end;
}

/* Does this label jump now, or is it a NOP? */
static inline bool jump_jumps(const struct jump_entry *e)
{
	u8 first = *(const u8 *)jump_entry_code(e);

	return first == 0xeb || first == 0xe9;
}

/* site_list.c: sites in any order, and twice, on their way to the hypervisor. */

struct site_list {
	struct vbh_site *sites;
	unsigned int nr, room;
};

int site_add(struct site_list *list, u8 kind, unsigned long addr, long target,
	     u8 len);
/* In order, without doubles. */
void site_sort(struct site_list *list);
/* Take out of the list what is in the other one; sorts both. */
void site_subtract(struct site_list *list, struct site_list *other);
/* One kind, all of them; then the list is empty. On failure *at is of that batch. */
int site_send(struct site_list *list, unsigned long *at);
void site_free(struct site_list *list);

/* site_tables.c: from tables to sites of one kind. -EINVAL: *at is not such a site. */

int site_jumps(const struct patched *p, struct site_list *list, unsigned long *at);
/* kind: VBH_SITE_CALL or VBH_SITE_TAIL */
int site_calls(const struct patched *p, struct site_list *list, u8 kind,
	       unsigned long *at);
/* A static call's trampoline, told by its last bytes (__static_call_validate()). */
bool site_is_tramp(unsigned long addr);
/* Where the JMP, CALL or Jcc at addr leads; 0: it is none. */
unsigned long site_leads_to(unsigned long addr);
/* What the sites in list, or in the table of static calls, lead to now. */
int site_targets(const struct patched *p, const struct site_list *tramps,
		 struct site_list *entries);

/* site_kernel.c and site_module.c: where each of them keeps what. */

int kernel_sites_find(struct vbh_why *why);
void kernel_sites_lock(void);
void kernel_sites_unlock(void);
void kernel_patched(struct patched *p);
int kernel_mcount(const struct patched *p, struct site_list *list);
int kernel_tramps(const struct patched *p, struct site_list *list);
/* Every function that a call may lead to, traced ones too. */
int kernel_entries(const struct patched *p, struct site_list *list);
/* A function that is traced, not counting once those that `except` names; or 0. */
unsigned long kernel_traced(bool (*except)(unsigned long ip));
/* One that calls a trampoline of somebody's own, such as BPF's; or 0. */
unsigned long kernel_direct(void);
/* ftrace_call and ftrace_regs_call. */
int kernel_ftrace_calls(struct site_list *list);
int kernel_ftrace_facts(void);

void module_patched(struct patched *p, const struct module *mod, u32 tag);
int module_mcount(const struct patched *p, struct site_list *list);
int module_tramps(const struct patched *p, struct site_list *list);
int module_entries(const struct patched *p, struct site_list *list);

#endif
