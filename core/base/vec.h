/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sorted arrays: what the guest hands over is kept in them. The caller holds the
 * guest's lock.
 */
#ifndef CORE_VEC_H
#define CORE_VEC_H

#include <vbh/abi.h>

struct vbh_guest;

/*
 * An array in pages from the body, sorted by the u32 that each element begins
 * with: the lower half of a linear address, whose upper half is all ones.
 */
struct vec {
	void **dir;		/* a page of pointers to pages, or NULL: nothing yet */
	u32 nr;
	u16 size;		/* bytes of an element */
	u16 shift;		/* a page holds 1 << shift of them: no more than fit */
	u32 near;		/* where the last look-up ended: a hint, of any value */
};

void vec_init(struct vec *v, u32 size);
static inline void *vec_at(const struct vec *v, u32 i)
{
	return (u8 *)v->dir[i >> v->shift] + (i & ((1u << v->shift) - 1)) * v->size;
}

/* How many elements begin at or below key. */
u32 vec_upto(const struct vec *v, u32 key);
/* The same, where look-ups go upwards: tried first where the last one ended. */
u32 vec_near(struct vec *v, u32 key);
bool vec_has(const struct vec *v, u32 key);
/* Make room for n more; -ENOSPC. */
int vec_grow(struct vbh_guest *guest, struct vec *v, u32 n);
/* Take in n sorted elements, for which there is room. */
void vec_merge(struct vec *v, const void *from, u32 n);
void vec_remove(struct vec *v, u32 i);
/* Remove those from key `from` up to and with `last`. */
void vec_remove_range(struct vec *v, u32 from, u32 last);
/* Remove those with this tag, which is the fourth u32 of an element. */
void vec_remove_tag(struct vec *v, u32 tag);

#endif
