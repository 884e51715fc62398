/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Regions: which rights each guest-physical page still has. The table is the
 * truth; the second stage is derived from it by the body, page by page.
 * The caller holds the guest's lock, or is alone.
 */
#ifndef CORE_REGION_H
#define CORE_REGION_H

#include <vbh/abi.h>

struct region {
	u64 start;		/* guest-physical, page aligned */
	u64 end;		/* one past */
	u64 max_end;		/* the highest end of this and all earlier entries */
	u32 rights;
	u32 tag;
	u16 kind;
	u8 rule;
	u8 flags;
	u32 id;			/* order of arrival, never reused */
};

/* Sorted by start. */
struct region_table {
	struct region *table;
	u32 nr;
	u32 max;
	u32 next_id;
	u32 near;		/* where region_denials() began to look: a hint, of any value */
};

/* What holds at one address, and how far it holds. */
struct region_view {
	u32 rights;		/* the intersection */
	u64 end;		/* the same rights and kinds hold from the address up to here */
	bool hypervisor;	/* backed by the page of zeroes, not by itself */
	const struct region *first;	/* the region that takes a right away, or NULL */
};

/* Look gpa up. end never exceeds limit. */
void region_view(const struct region_table *t, u64 gpa, u64 limit, struct region_view *view);
/*
 * The region that denies `want` at gpa; where several do, the one with the
 * strongest rule. NULL if the right is there.
 */
const struct region *region_denies(const struct region_table *t, u64 gpa, u32 want);

/* The same, and the flags that all of those that deny it have. */
const struct region *region_denials(struct region_table *t, u64 gpa, u32 want, u8 *flags);

/* Has every region that denies `want` at gpa this flag? */
bool region_denials_have(const struct region_table *t, u64 gpa, u32 want, u8 flag);
/* Does no region touch [gpa, gpa + len)? len is not 0 and does not wrap. */
bool region_free(const struct region_table *t, u64 gpa, u64 len);

/* How many regions start at or below gpa. */
u32 region_upto(const struct region_table *t, u64 gpa);
/* Add one; -ENOSPC when full. The caller has checked the fields. */
int region_insert(struct region_table *t, const struct region *r);
/* Take out one region with an id from first to last, or with this tag; false if none is left. */
bool region_take_id(struct region_table *t, u32 first, u32 last, struct region *out);
bool region_take_tag(struct region_table *t, u32 tag, struct region *out);
/* Take out the region with this tag that starts there; false: there is none. */
bool region_take_run(struct region_table *t, u32 tag, u64 start, struct region *out);
/* Give rights back to the region with this id. */
void region_grant(struct region_table *t, u32 id, u32 rights);

#endif
