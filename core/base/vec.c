// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arrays in pages from the body, sorted by the u32 that each element begins with.
 */
#include "../errno.h"
#include "../string.h"
#include "page.h"
#include "vec.h"

#define DIR_MAX		(PAGE_SIZE / sizeof(void *))

void vec_init(struct vec *v, u32 size)
{
	v->dir = NULL;
	v->nr = 0;
	v->size = size;
	v->shift = 12 - (32 - __builtin_clz(size - 1));
}

static u32 key_at(const struct vec *v, u32 i)
{
	return *(const u32 *)vec_at(v, i);
}

/* Which page it is on first, then where on that page, so that few steps ask for a page. */
__attribute__((noinline)) u32 vec_upto(const struct vec *v, u32 key)
{
	u32 lo = 0, n = v->nr, half, size = v->size;
	const u8 *page;

	if (!n || key_at(v, 0) > key)
		return 0;
	/* The key at lo is never above; that at lo + n is, or there is none. */
	while (n > 1u << v->shift) {
		half = (n >> v->shift) / 2 << v->shift ?: 1u << v->shift;
		if (key_at(v, lo + half) <= key) {
			lo += half;
			n -= half;
		} else {
			n = half;
		}
	}
	page = vec_at(v, lo);
	for (lo++; n > 1; n -= half) {
		half = n / 2;
		if (*(const u32 *)(page + half * size) <= key) {
			page += half * size;
			lo += half;
		}
	}
	return lo;
}

bool vec_has(const struct vec *v, u32 key)
{
	u32 i = vec_upto(v, key);

	return i && key_at(v, i - 1) == key;
}

int vec_grow(struct vbh_guest *guest, struct vec *v, u32 n)
{
	u32 i, pages = (v->nr + n + (1u << v->shift) - 1) >> v->shift;
	void *dir = v->dir;

	if (pages > DIR_MAX)
		return -ENOSPC;
	if (!guest_page(guest, &dir))
		return -ENOSPC;
	v->dir = dir;
	for (i = 0; i < pages; i++) {
		if (!guest_page(guest, &v->dir[i]))
			return -ENOSPC;
	}
	return 0;
}

void vec_merge(struct vec *v, const void *from, u32 n)
{
	u32 i = v->nr, to = v->nr + n;

	v->nr = to;
	while (n) {
		const u8 *next = (const u8 *)from + (n - 1) * v->size;

		if (i && key_at(v, i - 1) > *(const u32 *)next) {
			memcpy(vec_at(v, --to), vec_at(v, i - 1), v->size);
			i--;
		} else {
			memcpy(vec_at(v, --to), next, v->size);
			n--;
		}
	}
}

/* Take out `n` from index i on. */
static void cut(struct vec *v, u32 i, u32 n)
{
	for (; i + n < v->nr; i++)
		memcpy(vec_at(v, i), vec_at(v, i + n), v->size);
	v->nr -= n;
}

void vec_remove(struct vec *v, u32 i)
{
	cut(v, i, 1);
}

void vec_remove_range(struct vec *v, u32 from, u32 last)
{
	u32 i = from ? vec_upto(v, from - 1) : 0, to = vec_upto(v, last);

	if (i < to)
		cut(v, i, to - i);
}

void vec_remove_tag(struct vec *v, u32 tag)
{
	u32 i, nr = 0;

	for (i = 0; i < v->nr; i++) {
		const u32 *e = vec_at(v, i);

		if (e[3] != tag)
			memcpy(vec_at(v, nr++), e, v->size);
	}
	v->nr = nr;
}

/* Patching goes upwards, site by site: mostly it is where it was, or the next. */
u32 vec_near(struct vec *v, u32 key)
{
	u32 i, last = v->near + 2;

	for (i = v->near; i < v->nr && i < last && key_at(v, i) <= key; i++) {
		if (i + 1 == v->nr || key_at(v, i + 1) > key) {
			v->near = i;
			return i + 1;
		}
	}
	i = vec_upto(v, key);
	v->near = i ? i - 1 : 0;
	return i;
}
