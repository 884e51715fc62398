// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory in pieces: takes all but `leave` MiB of what is free, a page at a time,
 * and gives back those with an odd number. Until it is unloaded whoever takes single
 * pages, as a module's loader does, gets none that are neighbours.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/vmstat.h>

static unsigned int leave = 128;
module_param(leave, uint, 0444);
MODULE_PARM_DESC(leave, "MiB that stay as they are");

static LIST_HEAD(held);

static bool more(void)
{
	return global_zone_page_state(NR_FREE_PAGES) > (u64)leave * SZ_1M / PAGE_SIZE;
}

static void give_back(bool all)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &held, lru) {
		if (!all && !(page_to_pfn(page) & 1))
			continue;
		list_del(&page->lru);
		__free_page(page);
		cond_resched();
	}
}

static int __init frag_init(void)
{
	struct page *page;

	while (more()) {
		page = alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		if (!page)
			break;
		list_add(&page->lru, &held);
		cond_resched();
	}
	give_back(false);
	return 0;
}

static void __exit frag_exit(void)
{
	give_back(true);
}

module_init(frag_init);
module_exit(frag_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Fragments memory; for tests only");
