// SPDX-License-Identifier: GPL-2.0-only
/*
 * A list of patch sites that grows, is sorted, and goes to the hypervisor in
 * batches, each copied to memory that is physically contiguous.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "sites.h"

#define FIRST_ROOM	512u

static int grow(struct site_list *list)
{
	unsigned int room = list->room ? 2 * list->room : FIRST_ROOM;
	struct vbh_site *sites;

	sites = kvmalloc_array(room, sizeof(*sites), GFP_KERNEL);
	if (!sites)
		return -ENOMEM;
	if (list->nr)
		memcpy(sites, list->sites, list->nr * sizeof(*sites));
	kvfree(list->sites);
	list->sites = sites;
	list->room = room;
	return 0;
}

int site_add(struct site_list *list, u8 kind, unsigned long addr, long target,
	     u8 len)
{
	int err = list->nr == list->room ? grow(list) : 0;

	if (err)
		return err;
	list->sites[list->nr++] = (struct vbh_site) {
		.addr = addr,
		.target = target,
		.kind = kind,
		.len = len,
	};
	return 0;
}

static int cmp(const void *a, const void *b)
{
	const struct vbh_site *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* Most tables are sorted already. */
static bool ascending(const struct site_list *list)
{
	unsigned int i;

	for (i = 1; i < list->nr; i++)
		if (list->sites[i - 1].addr >= list->sites[i].addr)
			return false;
	return true;
}

void site_sort(struct site_list *list)
{
	unsigned int i, nr = 0;

	if (ascending(list))
		return;
	sort(list->sites, list->nr, sizeof(*list->sites), cmp, NULL);
	for (i = 0; i < list->nr; i++)
		if (!nr || list->sites[i].addr != list->sites[nr - 1].addr)
			list->sites[nr++] = list->sites[i];
	list->nr = nr;
}

void site_subtract(struct site_list *list, struct site_list *other)
{
	unsigned int i, k = 0, nr = 0;

	site_sort(list);
	site_sort(other);
	for (i = 0; i < list->nr; i++) {
		while (k < other->nr && other->sites[k].addr < list->sites[i].addr)
			k++;
		if (k == other->nr || other->sites[k].addr != list->sites[i].addr)
			list->sites[nr++] = list->sites[i];
	}
	list->nr = nr;
}

int site_send(struct site_list *list, unsigned long *at)
{
	unsigned int done, n;
	void *batch;
	long err = 0;

	batch = kmalloc_array(VBH_MAX_BATCH, sizeof(*list->sites), GFP_KERNEL);
	if (!batch)
		return -ENOMEM;
	site_sort(list);
	for (done = 0; !err && done < list->nr; done += n) {
		n = min(list->nr - done, VBH_MAX_BATCH);
		memcpy(batch, list->sites + done, n * sizeof(*list->sites));
		*at = list->sites[done].addr;
		err = vbh_hypercall(VBH_HC_SITES, virt_to_phys(batch), n, 0, 0);
		cond_resched();
	}
	kfree(batch);
	list->nr = 0;
	return err;
}

void site_free(struct site_list *list)
{
	kvfree(list->sites);
	memset(list, 0, sizeof(*list));
}
