// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where indirect branches of the kernel's text go on a processor with X86_BUG_ITS
 * and no retpolines: to thunks in pages that the boot made one by one, among
 * those of modules and owned by none (its_allocate_thunk()). They are kernel
 * text, and nothing but the text's own calls says where they are.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>
#include <asm/cpufeature.h>
#include "vbh.h"

#ifdef X86_FEATURE_INDIRECT_THUNK_ITS
#define PAGES_MAX	256	/* of 512 thunks and more; Debian's kernel fills 7 */

/* JMP *%reg, INT3; what is there is read only if it is mapped. */
static bool is_thunk(unsigned long addr)
{
	const u8 *code = (const u8 *)addr;

	if (addr < MODULES_VADDR || addr >= MODULES_END ||
	    offset_in_page(addr) > PAGE_SIZE - 4 ||
	    !vmalloc_to_page((void *)addr))
		return false;
	if (*code == 0x41)
		code++;
	return code[0] == 0xff && (code[1] & 0xf8) == 0xe0 && code[2] == 0xcc;
}

int thunks_kernel(vbh_range_fn fn, void *ctx)
{
	static unsigned long pages[PAGES_MAX];
	unsigned long at, end, to;
	unsigned int nr = 0, i;
	int err = 0;

	if (!boot_cpu_has(X86_FEATURE_INDIRECT_THUNK_ITS))
		return 0;
	facts_text(&at, &end);
	for (; !err && at + 5 <= end; at++) {
		u8 op = *(u8 *)at;

		if (!offset_in_page(at))
			cond_resched();
		/* CALL, JMP, or the second byte of a Jcc */
		if ((op & 0xfe) != 0xe8 && (op & 0xf0) != 0x80)
			continue;
		to = at + 5 + *(s32 *)(at + 1);
		if (!is_thunk(to))
			continue;
		to &= PAGE_MASK;
		for (i = nr; i && pages[i - 1] != to; i--)
			;
		if (i)
			continue;
		if (nr == PAGES_MAX)
			return -E2BIG;
		pages[nr++] = to;
		err = fn(ctx, VBH_REGION_KERNEL_TEXT,
			 page_to_phys(vmalloc_to_page((void *)to)), PAGE_SIZE);
	}
	return err;
}
#else
int thunks_kernel(vbh_range_fn fn, void *ctx)
{
	return 0;
}
#endif
