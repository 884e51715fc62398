// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where indirect branches of the kernel's text go on a processor with X86_BUG_ITS
 * and no retpolines: to thunks in pages that the boot made one by one, among
 * those of modules and owned by none (its_allocate_thunk()). They are kernel
 * text, and nothing but the text's own calls says where they are.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>
#include <asm/cpufeature.h>
#include "shape.h"
#include "vbh.h"

#ifdef X86_FEATURE_INDIRECT_THUNK_ITS
#define PAGES_MAX	256	/* of 512 thunks and more; Debian's kernel fills 7 */

/* JMP *%reg, INT3: how many bytes of it; 0: it is none. */
static unsigned int thunk_len(const u8 *code, unsigned int room)
{
	unsigned int n = room > 3 && *code == 0x41 ? 1 : 0;

	return room >= n + 3 && code[n] == 0xff && (code[n + 1] & 0xf8) == 0xe0 &&
	       code[n + 2] == 0xcc ? n + 3 : 0;
}

/* Nothing but thunks in INT3, as its_allocate_thunk() makes it, and one at this place? */
static bool is_thunks(const u8 *page, unsigned int at)
{
	unsigned int i, n;

	for (i = 0; i < PAGE_SIZE; i += n) {
		n = page[i] == 0xcc ? 1 : thunk_len(page + i, PAGE_SIZE - i);
		if (!n)
			return false;
	}
	return thunk_len(page + at, PAGE_SIZE - at);
}

/* A module's own go with it. Under module_mutex. */
static bool of_module(unsigned long page)
{
	const struct module *mod;
	void **thunks;
	int i, nr;

	list_for_each_entry(mod, facts_modules(), list) {
		thunks = shape_thunks(mod, &nr);
		for (i = 0; i < nr; i++)
			if ((unsigned long)thunks[i] == page)
				return true;
	}
	return false;
}

/*
 * A distance is taken from any place in the text, for where its instructions begin
 * is not known: so what it leads to may be anything, or nothing.
 */
static bool is_thunk_page(unsigned long to, u8 *copy)
{
	long (*read)(void *dst, const void *src, size_t size);

	read = (void *)facts_symbol("copy_from_kernel_nofault");
	return read && to >= MODULES_VADDR && to < MODULES_END &&
	       vmalloc_to_page((void *)to) &&
	       !read(copy, (void *)(to & PAGE_MASK), PAGE_SIZE) &&
	       is_thunks(copy, offset_in_page(to)) && !of_module(to & PAGE_MASK);
}

static int find_pages(unsigned long *pages, unsigned int *nr, u8 *copy)
{
	unsigned long at, end, to;
	unsigned int i;

	facts_text(&at, &end);
	for (; at + 5 <= end; at++) {
		u8 op = *(u8 *)at;

		if (!offset_in_page(at))
			cond_resched();
		/* CALL, JMP, or the second byte of a Jcc */
		if ((op & 0xfe) != 0xe8 && (op & 0xf0) != 0x80)
			continue;
		to = at + 5 + *(s32 *)(at + 1);
		for (i = *nr; i && pages[i - 1] != (to & PAGE_MASK); i--)
			;
		if (i || !is_thunk_page(to, copy))
			continue;
		if (*nr == PAGES_MAX)
			return -E2BIG;
		pages[(*nr)++] = to & PAGE_MASK;
	}
	return 0;
}

int thunks_kernel(vbh_range_fn fn, void *ctx)
{
	static unsigned long pages[PAGES_MAX];
	unsigned int nr = 0, i;
	u8 *copy;
	int err;

	if (!boot_cpu_has(X86_FEATURE_INDIRECT_THUNK_ITS))
		return 0;
	copy = (u8 *)__get_free_page(GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	facts_lock_modules();
	err = find_pages(pages, &nr, copy);
	facts_unlock_modules();
	free_page((unsigned long)copy);
	for (i = 0; !err && i < nr; i++)
		err = fn(ctx, VBH_REGION_KERNEL_TEXT,
			 page_to_phys(vmalloc_to_page((void *)pages[i])), PAGE_SIZE);
	return err;
}
#else
int thunks_kernel(vbh_range_fn fn, void *ctx)
{
	return 0;
}
#endif
