// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor's own memory: a list of the free pages of the chunks that the
 * loader gave, behind the image at the start of the first, and of what the guest
 * has donated since. A chunk's page is seen at its place in HV_CHUNKS, a donated
 * one at HV_DIRECT + its address.
 */
#include "hv.h"
#include "../core/string.h"

/* A free page: the next one's address, and a mark that none in use begins with. */
#define FREE_MARK	0x65657266206d6d61ull

/* Under hv.pool_lock. */
static u64 *free_list;
static u64 free_pages, donated;
static u32 kept;

void pool_give(void *first, u64 bytes, bool donation)
{
	u64 at;

	spin_lock(&hv.pool_lock);
	/* The lowest comes out first. */
	for (at = bytes; at; at -= PAGE_SIZE) {
		u64 *page = (u64 *)((u8 *)first + at - PAGE_SIZE);

		page[0] = (u64)free_list;
		page[1] = FREE_MARK;
		free_list = page;
		free_pages++;
	}
	if (donation)
		donated += bytes;
	spin_unlock(&hv.pool_lock);
}

int pool_init(void)
{
	u64 size = hv.params.nr_chunks * VBH_CHUNK, image = (u64)hv_end - HV_CHUNKS;

	if (image >= size)
		return -ENOMEM;
	pool_give(hv_end, size - image, false);
	return 0;
}

void *pool_page(void)
{
	u64 *page = NULL;

	spin_lock(&hv.pool_lock);
	if (free_pages > kept) {
		page = free_list;
		free_list = (u64 *)page[0];
		free_pages--;
	}
	spin_unlock(&hv.pool_lock);
	if (page)
		memset(page, 0, PAGE_SIZE);
	return page;
}

void pool_free(void *page)
{
	if (((u64 *)page)[1] == FREE_MARK)
		hv_bug("page freed twice", hv_pa(page), 0);
	pool_give(page, PAGE_SIZE, false);
}

void pool_keep(u32 pages)
{
	WRITE_ONCE(kept, pages);
}

u64 pool_pages_free(void)
{
	return free_pages;
}

u64 pool_donated(void)
{
	return donated;
}

u64 hv_pa(const void *va)
{
	u64 off = (u64)va - HV_CHUNKS;

	if ((u64)va >= HV_DIRECT)
		return (u64)va - HV_DIRECT;
	return hv.params.chunk[off / VBH_CHUNK] + off % VBH_CHUNK;
}

void *hv_va(u64 pa)
{
	u32 i;

	for (i = 0; i < hv.params.nr_chunks; i++)
		if (pa - hv.params.chunk[i] < VBH_CHUNK)
			return (u8 *)HV_CHUNKS + i * VBH_CHUNK + (pa - hv.params.chunk[i]);
	return (u8 *)HV_DIRECT + pa;
}
