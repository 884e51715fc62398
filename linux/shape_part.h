/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of shape.h that needs nothing else: where a module is, and what its symbols
 * are called. The tests use it too.
 */
#ifndef SHAPE_PART_H
#define SHAPE_PART_H

#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>
#include <vbh/abi.h>

/* Memory of a module: whole pages; none: len is 0. */
struct shape_span {
	unsigned long start, len;
};

/*
 * See kernel/module/strict_rwx.c. Before Linux 6.4 all that stays and all that goes
 * after init are one piece each, text first; later each part is a piece of its own.
 */
#ifdef SHAPE_MODULE_MEMORY
static inline struct shape_span shape_part(const struct module *mod,
					   enum vbh_part part)
{
	static const enum mod_mem_type types[VBH_NR_PARTS] = {
		[VBH_PART_TEXT] = MOD_TEXT,
		[VBH_PART_RODATA] = MOD_RODATA,
		[VBH_PART_RO_AFTER_INIT] = MOD_RO_AFTER_INIT,
		[VBH_PART_DATA] = MOD_DATA,
		[VBH_PART_INIT_TEXT] = MOD_INIT_TEXT,
		[VBH_PART_INIT_RODATA] = MOD_INIT_RODATA,
		[VBH_PART_INIT_DATA] = MOD_INIT_DATA,
	};
	const struct module_memory *mem = &mod->mem[types[part]];

	return (struct shape_span) { (unsigned long)mem->base, PAGE_ALIGN(mem->size) };
}
#else
static inline struct shape_span shape_part(const struct module *mod,
					   enum vbh_part part)
{
	bool init = part == VBH_PART_INIT_TEXT || part == VBH_PART_INIT_RODATA ||
		    part == VBH_PART_INIT_DATA;
	const struct module_layout *l = init ? &mod->init_layout : &mod->core_layout;
	unsigned long from = 0, to = 0;

	switch (part) {
	case VBH_PART_TEXT:
	case VBH_PART_INIT_TEXT:
		to = l->text_size;
		break;
	case VBH_PART_RODATA:
	case VBH_PART_INIT_RODATA:
		from = l->text_size;
		to = l->ro_size;
		break;
	case VBH_PART_RO_AFTER_INIT:
		from = l->ro_size;
		to = l->ro_after_init_size;
		break;
	case VBH_PART_DATA:
		from = l->ro_after_init_size;
		to = PAGE_ALIGN(l->size);
		break;
	case VBH_PART_INIT_DATA:
		from = l->ro_size;
		to = PAGE_ALIGN(l->size);
		break;
	default:
		break;
	}
	if (!l->base)
		return (struct shape_span) { };
	return (struct shape_span) { (unsigned long)l->base + from, to - from };
}
#endif

/* Another name that a symbol has, to be tried where a kernel has none of that name; or NULL. */
static inline const char *shape_other_name(const char *name)
{
	static const char * const names[][2] = {
		{ "poking_mm", "text_poke_mm" },
		{ "vdso_image_64", "vdso64_image" },
		{ "vdso_image_32", "vdso32_image" },
		{ "vdso_image_x32", "vdsox32_image" },
		{ "paravirt_BUG", "BUG_func" },
		{ "text_poke_bp", "smp_text_poke_single" },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i][0], name))
			return names[i][1];
	return NULL;
}

#endif
