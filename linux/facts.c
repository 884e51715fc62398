// SPDX-License-Identifier: GPL-2.0-only
/*
 * What only the kernel knows, taken from its symbols: where its text and its
 * constants are, as mark_rodata_ro() made them; the IDT, the vDSO images, the
 * real-mode trampoline; the page tables that text_poke() uses.
 *
 * kallsyms_lookup_name() is not exported: a kprobe on it, never armed, tells
 * where it is.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/mm_types.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <asm/realmode.h>
#include <asm/vdso.h>
#include "shape.h"
#include "vbh.h"

static struct {
	bool found;
	unsigned long stext, etext;
	unsigned long start_rodata, end_rodata;
	unsigned long idt_table;
	unsigned long vdso64, vdso32, vdsox32;
	unsigned long real_mode_header;
	unsigned long init_mm, poking_mm;
	unsigned long modules, module_mutex;
} syms;

static const struct {
	const char *name;
	unsigned long *addr;
	bool optional;
} wanted[] = {
	{ "_stext", &syms.stext },
	{ "_etext", &syms.etext },
	{ "__start_rodata", &syms.start_rodata },
	{ "__end_rodata", &syms.end_rodata },
	{ "idt_table", &syms.idt_table },
	{ "vdso_image_64", &syms.vdso64 },
	{ "vdso_image_32", &syms.vdso32, .optional = true },
	{ "vdso_image_x32", &syms.vdsox32, .optional = true },
	{ "real_mode_header", &syms.real_mode_header },
	{ "init_mm", &syms.init_mm },
	{ "poking_mm", &syms.poking_mm },
	{ "modules", &syms.modules },
	{ "module_mutex", &syms.module_mutex },
};

typedef unsigned long (*lookup_fn)(const char *name);

static lookup_fn lookup;

static lookup_fn find_lookup(void)
{
	struct kprobe probe = {
		.symbol_name = "kallsyms_lookup_name",
		.flags = KPROBE_FLAG_DISABLED,	/* leaves the text alone */
	};
	lookup_fn fn;

	if (register_kprobe(&probe))
		return NULL;
	fn = (lookup_fn)probe.addr;
	unregister_kprobe(&probe);
	return fn;
}

unsigned long facts_symbol(const char *name)
{
	const char *other = shape_other_name(name);
	unsigned long at = lookup(name);

	return at || !other ? at : lookup(other);
}

int facts_find(struct vbh_why *why)
{
	int i;

	if (syms.found)
		return 0;
	lookup = find_lookup();
	if (!lookup)
		return vbh_fail(why, -ENOENT,
				"kallsyms_lookup_name can't be found with a kprobe");

	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		*wanted[i].addr = facts_symbol(wanted[i].name);
		if (!*wanted[i].addr && !wanted[i].optional)
			return vbh_fail(why, -ENOENT,
					"the kernel has no symbol %s",
					wanted[i].name);
	}
	syms.found = true;
	return 0;
}

unsigned long facts_function(const char *name, unsigned long *size)
{
	unsigned long at = lookup(name), offset;
	int (*size_offset)(unsigned long addr, unsigned long *size, unsigned long *offset);

	size_offset = (void *)lookup("kallsyms_lookup_size_offset");
	return at && size_offset && size_offset(at, size, &offset) ? at : 0;
}

void facts_text(unsigned long *start, unsigned long *end)
{
	*start = PAGE_ALIGN(syms.stext);
	*end = PAGE_ALIGN(syms.etext);
}

struct span {
	unsigned long start, end;
};

static int span_cmp(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* The pages of the vDSO images, in order of address; how many spans. */
static int vdso_spans(struct span spans[3])
{
	const unsigned long images[] = {
		syms.vdso64, syms.vdso32, syms.vdsox32,
	};
	int i, nr = 0;

	for (i = 0; i < ARRAY_SIZE(images); i++) {
		const struct vdso_image *image = (void *)images[i];

		if (!image)
			continue;
		spans[nr].start = (unsigned long)image->data;
		spans[nr].end = spans[nr].start + PAGE_ALIGN(image->size);
		nr++;
	}
	sort(spans, nr, sizeof(spans[0]), span_cmp, NULL);
	return nr;
}

/* A part of the kernel image: its physical pages follow each other. */
static int emit(vbh_range_fn fn, void *ctx, enum vbh_region_kind kind,
		unsigned long start, unsigned long end)
{
	if (start >= end)
		return 0;
	return fn(ctx, kind, __pa(start), end - start);
}

/*
 * The vDSO images are among the constants (ro_after_init), but programs
 * execute them, so they are cut out of rodata, which nobody does.
 */
static int emit_rodata(vbh_range_fn fn, void *ctx)
{
	unsigned long at = PAGE_ALIGN(syms.start_rodata);
	unsigned long end = PAGE_ALIGN(syms.end_rodata);
	struct span vdso[3];
	int i, nr, err;

	nr = vdso_spans(vdso);
	for (i = 0; i < nr; i++) {
		if (vdso[i].start >= at && vdso[i].end <= end) {
			err = emit(fn, ctx, VBH_REGION_KERNEL_RODATA, at,
				   vdso[i].start);
			if (err)
				return err;
			at = vdso[i].end;
		}
		err = emit(fn, ctx, VBH_REGION_VDSO, vdso[i].start,
			   vdso[i].end);
		if (err)
			return err;
	}
	return emit(fn, ctx, VBH_REGION_KERNEL_RODATA, at, end);
}

/* As set_real_mode_permissions(): header, constants and code, not the data. */
static int emit_trampoline(vbh_range_fn fn, void *ctx)
{
	const struct real_mode_header *header;
	phys_addr_t base;

	header = *(struct real_mode_header **)syms.real_mode_header;
	base = __pa(header);
	return fn(ctx, VBH_REGION_TRAMPOLINE, base,
		  PAGE_ALIGN((u64)header->ro_end) - base);
}

int facts_kernel(vbh_range_fn fn, void *ctx)
{
	unsigned long start, end;
	int err;

	/*
	 * The text section begins on a page and nothing follows it on its last
	 * one; mark_rodata_ro() frees the pages from there to rodata, and
	 * those from the end of rodata to the data.
	 */
	facts_text(&start, &end);
	err = emit(fn, ctx, VBH_REGION_KERNEL_TEXT, start, end);
	if (!err)
		err = thunks_kernel(fn, ctx);
	if (!err)
		err = emit_rodata(fn, ctx);
	if (!err)
		err = emit(fn, ctx, VBH_REGION_IDT, syms.idt_table,
			   syms.idt_table + PAGE_ALIGN(IDT_BYTES));
	if (!err)
		err = emit_trampoline(fn, ctx);
	return err;
}

void facts_fill(struct vbh_facts *facts)
{
	const struct mm_struct *init = (void *)syms.init_mm;
	const struct mm_struct *poking = *(struct mm_struct **)syms.poking_mm;

	*facts = (struct vbh_facts) {
		.size = sizeof(*facts),
		.task_comm = offsetof(struct task_struct, comm),
		.task_pid = offsetof(struct task_struct, pid),
		.kernel_cr3 = __pa(init->pgd),
		.poking_cr3 = poking ? __pa(poking->pgd) : 0,
	};
}

u32 facts_sipi_page(void)
{
	const struct real_mode_header *header;

	header = *(struct real_mode_header **)syms.real_mode_header;
	return header->trampoline_start >> PAGE_SHIFT;
}

struct list_head *facts_modules(void)
{
	return (struct list_head *)syms.modules;
}

void facts_lock_modules(void)
{
	mutex_lock((struct mutex *)syms.module_mutex);
}

void facts_unlock_modules(void)
{
	mutex_unlock((struct mutex *)syms.module_mutex);
}
