// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a module keeps what may be patched in it: struct module has the tables,
 * its own symbols name the functions and the static calls' trampolines. The
 * module is live: what it had for its init is left out, for that text goes.
 */
#include <linux/module.h>
#include <linux/rcupdate.h>
#include "shape.h"
#include "sites.h"

void module_patched(struct patched *p, const struct module *mod, u32 tag)
{
	struct shape_span text = shape_part(mod, VBH_PART_TEXT);

	*p = (struct patched) {
		.name = mod->name,
		.mod = mod,
		.start = text.start,
		.end = text.start + text.len,
		.tag = tag,
#ifdef CONFIG_JUMP_LABEL
		.jumps = mod->jump_entries,
		.nr_jumps = mod->num_jump_entries,
#endif
#ifdef CONFIG_HAVE_STATIC_CALL_INLINE
		.calls = mod->static_call_sites,
		.nr_calls = mod->num_static_call_sites,
#endif
	};
}

/* With ftrace off a module's calls of __fentry__() stay: nobody is to patch them. */
int module_mcount(const struct patched *p, struct site_list *list)
{
	int err = 0;
#ifdef CONFIG_DYNAMIC_FTRACE
	unsigned long fentry = facts_symbol("__fentry__");
	unsigned int i;

	for (i = 0; !err && i < p->mod->num_ftrace_callsites; i++) {
		unsigned long at = p->mod->ftrace_callsites[i];

		if (patched_has(p, at) && site_leads_to(at) != fentry)
			err = site_add(list, VBH_SITE_MCOUNT, at, 0, 5);
	}
#endif
	return err;
}

/* Call fn for each symbol in the module's text. */
static int each_symbol(const struct patched *p,
		       int (*fn)(struct site_list *list, const char *name,
				 unsigned long addr),
		       struct site_list *list)
{
	const struct mod_kallsyms *all;
	unsigned int i;
	int err = 0;

	/* It changes under module_mutex, or in the task that loads the module. */
	all = rcu_dereference_protected(p->mod->kallsyms, true);
	for (i = 1; !err && i < all->num_symtab; i++) {
		const Elf_Sym *sym = &all->symtab[i];

		if (sym->st_shndx != SHN_UNDEF && patched_has(p, sym->st_value))
			err = fn(list, all->strtab + sym->st_name, sym->st_value);
	}
	return err;
}

static bool is_tramp(const char *name)
{
	return strstarts(name, STATIC_CALL_TRAMP_PREFIX_STR);
}

static int add_tramp(struct site_list *list, const char *name,
		     unsigned long addr)
{
	if (!is_tramp(name) || !site_is_tramp(addr))
		return 0;
	return site_add(list, VBH_SITE_TRAMP, addr, 0, 5);
}

int module_tramps(const struct patched *p, struct site_list *list)
{
	return each_symbol(p, add_tramp, list);
}

static int add_entry(struct site_list *list, const char *name,
		     unsigned long addr)
{
	return is_tramp(name) ? 0 : site_add(list, VBH_SITE_ENTRY, addr, 0, 0);
}

int module_entries(const struct patched *p, struct site_list *list)
{
	return each_symbol(p, add_entry, list);
}
