// SPDX-License-Identifier: GPL-2.0-only
/* What one kernel has otherwise than another (shape.h). */
#include <linux/mm.h>
#include <linux/string.h>
#include <asm/nospec-branch.h>
#include "shape.h"
#include "vbh.h"

void **shape_thunks(const struct module *mod, int *nr)
{
#if defined(SHAPE_ARCH_ITS_PAGES) && defined(CONFIG_MITIGATION_ITS)
	*nr = mod->arch.its_pages.num;
	return mod->arch.its_pages.pages;
#elif defined(SHAPE_ITS_PAGES) && defined(CONFIG_MITIGATION_ITS)
	*nr = mod->its_num_pages;
	return mod->its_page_array;
#else
	*nr = 0;
	return NULL;
#endif
}

void shape_module_exports(const struct module *mod, struct shape_exports *all)
{
	*all = (struct shape_exports) {
		.first = { (const void *)mod->syms },
		.nr = { mod->num_syms },
	};
#ifdef SHAPE_GPL_SYMS
	all->first[1] = (const void *)mod->gpl_syms;
	all->nr[1] = mod->num_gpl_syms;
#endif
}

/* With flags in a table of their own the two are one. */
const char *shape_kernel_exports(struct shape_exports *all)
{
	static const char * const names[2][2] = {
		{ "__start___ksymtab", "__stop___ksymtab" },
		{ "__start___ksymtab_gpl", "__stop___ksymtab_gpl" },
	};
	const struct shape_export *end;
	int i;

	*all = (struct shape_exports) { };
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		all->first[i] = (void *)facts_symbol(names[i][0]);
		end = (void *)facts_symbol(names[i][1]);
		if (i && facts_symbol("__start___kflagstab"))
			break;
		if (!all->first[i] || !end)
			return names[i][!!all->first[i]];
		all->nr[i] = end - all->first[i];
	}
	return NULL;
}

#ifndef ITS_THUNK_SIZE
#define ITS_THUNK_SIZE	64
#endif

/* Of 16 registers each; or, before Linux 6.10, all in one range. */
unsigned int shape_thunk_arrays(struct shape_span all[SHAPE_THUNKS])
{
	static const struct {
		const char *name;
		unsigned int len;
	} arrays[] = {
		{ "__x86_indirect_thunk_array", 16 * RETPOLINE_THUNK_SIZE },
		{ "__x86_indirect_call_thunk_array", 16 * RETPOLINE_THUNK_SIZE },
		{ "__x86_indirect_jump_thunk_array", 16 * RETPOLINE_THUNK_SIZE },
		{ "__x86_indirect_its_thunk_array", 16 * ITS_THUNK_SIZE },
	};
	unsigned long start = facts_symbol("__indirect_thunk_start");
	unsigned int i, nr = 0;

	if (start)
		all[nr++] = (struct shape_span) {
			start, facts_symbol("__indirect_thunk_end") - start };
	for (i = 0; i < ARRAY_SIZE(arrays); i++) {
		start = facts_symbol(arrays[i].name);
		if (start)
			all[nr++] = (struct shape_span) { start, arrays[i].len };
	}
	return nr;
}
