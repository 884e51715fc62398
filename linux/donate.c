// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is given to the hypervisor after its launch, before it needs it:
 * pieces as large as there are, until the stop. What a module may take is counted
 * from its pages as they lie. Under KVM the host has a limit of its own.
 *
 * The list is under vbh_mutex.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include "shape.h"
#include "vbh.h"

struct donation {
	struct list_head list;
	struct page *page;
	unsigned int order;
};

static LIST_HEAD(donations);

#define ORDER_MAX	(ilog2(VBH_DONATE_MAX) - PAGE_SHIFT)
#define ORDER_USUAL	6
/* Taking a piece in may cost some pages: it has to be worth it. */
#define ORDER_MIN	2

void donate_show(struct seq_file *m)
{
	struct donation *d;

	list_for_each_entry(d, &donations, list)
		seq_printf(m, "%llx %llx\n", page_to_phys(d->page),
			   page_to_phys(d->page) + (PAGE_SIZE << d->order));
}

void donate_free(void)
{
	struct donation *d, *next;

	list_for_each_entry_safe(d, next, &donations, list) {
		__free_pages(d->page, d->order);
		kfree(d);
	}
	INIT_LIST_HEAD(&donations);
}

/* The largest piece of at most that order; what is rare is not fought for. */
static struct page *piece(unsigned int *order)
{
	struct page *page;

	for (;; --*order) {
		page = alloc_pages(GFP_KERNEL | __GFP_NOWARN |
				   (*order > ORDER_MIN ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL),
				   *order);
		if (page || *order == ORDER_MIN)
			return page;
	}
}

static int give(u64 bytes)
{
	struct donation *d = kzalloc(sizeof(*d), GFP_KERNEL);
	long err;

	if (!d)
		return -ENOMEM;
	d->order = clamp_t(unsigned int, get_order(bytes), ORDER_USUAL, ORDER_MAX);
	d->page = piece(&d->order);
	if (!d->page) {
		kfree(d);
		return -ENOMEM;
	}
	err = vbh_hypercall(VBH_HC_DONATE, page_to_phys(d->page), PAGE_SIZE << d->order, 0, 0);
	if (err) {
		__free_pages(d->page, d->order);
		kfree(d);
		return err;
	}
	list_add(&d->list, &donations);
	return 0;
}

int donate_room(u64 bytes)
{
	struct vbh_status st;
	long err;

	for (;;) {
		err = vbh_get_status(&st);
		if (err || !(st.features & VBH_FEAT_DONATE))
			return err;
		if (st.memory_free >= st.memory_kept + bytes)
			return 0;
		err = give(st.memory_kept + bytes - st.memory_free);
		if (err)
			return err;
	}
}

/* Trampolines of ftrace come without asking: what they took of its reserve comes back. */
static void watch(struct work_struct *work)
{
	if (ring_wanted() && mutex_trylock(&vbh_mutex)) {
		if (vbh_mode == VBH_NATIVE && donate_room(0))
			pr_warn_ratelimited("the hypervisor is short of memory, and Linux has no piece of %lu KiB to give\n",
					    (PAGE_SIZE << ORDER_MIN) / SZ_1K);
		mutex_unlock(&vbh_mutex);
	}
	if (READ_ONCE(vbh_mode) == VBH_NATIVE)
		schedule_delayed_work(to_delayed_work(work), HZ);
}

static DECLARE_DEFERRABLE_WORK(watcher, watch);

void donate_watch(bool on)
{
	if (on)
		schedule_delayed_work(&watcher, HZ);
	else
		cancel_delayed_work(&watcher);
}

void donate_exit(void)
{
	cancel_delayed_work_sync(&watcher);
}

/* What the hypervisor keeps for the pages of a span. */
static u64 span_bytes(struct shape_span span)
{
	u64 gpa, last = -1, bytes = 0;
	unsigned long at;

	for (at = span.start; at < span.start + span.len; at += PAGE_SIZE) {
		gpa = page_to_phys(vmalloc_to_page((void *)at));
		/* A run: a region, in half of a leaf, and a text in two orders. */
		if (gpa != last + PAGE_SIZE)
			bytes += 2 * 40 + 2 * 16;
		/* A block: a table of the second stage. */
		if (last == -1 || gpa / SZ_2M != last / SZ_2M)
			bytes += PAGE_SIZE;
		last = gpa;
	}
	return bytes;
}

/* In the state it is in; of each table the last page is half empty. */
static u64 module_bytes(const struct module *mod)
{
	const struct mod_kallsyms *all;
	u64 bytes = 10 * PAGE_SIZE;
	struct shape_exports exports;
	int part, nr;

	for (part = 0; part < VBH_NR_PARTS; part++)
		if (part != VBH_PART_DATA && part != VBH_PART_INIT_DATA)
			bytes += span_bytes(shape_part(mod, part));
	shape_thunks(mod, &nr);
	bytes += nr * PAGE_SIZE;
#ifdef CONFIG_DYNAMIC_FTRACE
	bytes += mod->num_ftrace_callsites * 4;
#endif
#ifdef CONFIG_JUMP_LABEL
	bytes += mod->num_jump_entries * 8;
#endif
#ifdef CONFIG_HAVE_STATIC_CALL_INLINE
	bytes += mod->num_static_call_sites * 8;
#endif
	/* Functions; of a listed module values as well. It changes in the task that loads it. */
	all = rcu_dereference_protected(mod->kallsyms, true);
	bytes += all ? all->num_symtab * 8 : 0;
	shape_module_exports(mod, &exports);
	return bytes + (exports.nr[0] + exports.nr[1]) * 32;
}

int donate_module(const struct module *mod)
{
	return donate_room(module_bytes(mod));
}

int donate_fail(struct vbh_why *why, int err, const char *what)
{
	struct vbh_status st;

	if ((err != -ENOSPC && err != -ENOMEM) || vbh_get_status(&st))
		return vbh_fail(why, err, "%s: %d", what, err);
	if (st.regions >= st.max_regions)
		return vbh_fail(why, err, "%s: %u regions are in use, the most there can be",
				what, st.regions);
	if (st.features & VBH_FEAT_DONATE)
		return vbh_fail(why, err,
				"%s: the hypervisor has %llu of %llu KiB left and Linux no piece of %lu KiB to give: free some memory",
				what, st.memory_free / SZ_1K, st.memory / SZ_1K,
				(PAGE_SIZE << ORDER_MIN) / SZ_1K);
	return vbh_fail(why, err,
			"%s: the host has %llu of %llu KiB left for this machine: raise vbh_limit_kib of its module kvm",
			what, st.memory_free / SZ_1K, st.memory / SZ_1K);
}
