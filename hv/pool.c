// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor's own memory: a bit for each page of the chunks that the
 * loader gave. The image lies at the start of the first chunk.
 */
#include "hv.h"
#include "../core/string.h"

#define CHUNK_PAGES		(VBH_CHUNK / PAGE_SIZE)
#define POOL_MAX		(VBH_MAX_CHUNKS * CHUNK_PAGES)

/* Under hv.pool_lock. */
static u64 used[POOL_MAX / 64];
static u64 free_pages;
static u32 hint;

static u32 pool_size(void)
{
	return hv.params.nr_chunks * CHUNK_PAGES;
}

static bool page_used(u32 n)
{
	return used[n / 64] & BIT(n % 64);
}

int pool_init(void)
{
	u32 image = ((u64)hv_end - HV_CHUNKS) / PAGE_SIZE;
	u32 n;

	if (image >= pool_size())
		return -ENOMEM;
	for (n = 0; n < image; n++)
		used[n / 64] |= BIT(n % 64);
	free_pages = pool_size() - image;
	hint = image;
	return 0;
}

void *pool_alloc(u32 pages)
{
	u32 n, run = 0;
	u8 *p = NULL;

	spin_lock(&hv.pool_lock);
	for (n = hint; n < pool_size(); n++) {
		run = page_used(n) ? 0 : run + 1;
		if (run < pages)
			continue;
		for (n -= pages - 1; run; run--, n++)
			used[n / 64] |= BIT(n % 64);
		if (pages == 1)
			hint = n;
		free_pages -= pages;
		p = (u8 *)HV_CHUNKS + (u64)(n - pages) * PAGE_SIZE;
		break;
	}
	spin_unlock(&hv.pool_lock);
	if (p)
		memset(p, 0, pages * PAGE_SIZE);
	return p;
}

void *pool_page(void)
{
	return pool_alloc(1);
}

void pool_free(void *page)
{
	u32 n = ((u64)page - HV_CHUNKS) / PAGE_SIZE;

	spin_lock(&hv.pool_lock);
	if (!page_used(n))
		hv_bug("page freed twice", n, 0);
	used[n / 64] &= ~BIT(n % 64);
	free_pages++;
	if (n < hint)
		hint = n;
	spin_unlock(&hv.pool_lock);
}

u64 pool_pages_free(void)
{
	return free_pages;
}

u64 pool_bytes(void)
{
	return hv.params.nr_chunks * VBH_CHUNK;
}

u64 hv_pa(const void *va)
{
	u64 off = (u64)va - HV_CHUNKS;

	return hv.params.chunk[off / VBH_CHUNK] + off % VBH_CHUNK;
}

void *hv_va(u64 pa)
{
	u32 i;

	for (i = 0; i < hv.params.nr_chunks; i++)
		if (pa - hv.params.chunk[i] < VBH_CHUNK)
			return (u8 *)HV_CHUNKS + i * VBH_CHUNK + (pa - hv.params.chunk[i]);
	hv_bug("not a pool page", pa, 0);
}
