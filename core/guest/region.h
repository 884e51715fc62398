/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Regions: which rights each guest-physical page still has. The table is the
 * truth; the second stage is derived from it by the body, page by page.
 * The caller holds the guest's lock, or is alone.
 */
#ifndef CORE_REGION_H
#define CORE_REGION_H

#include <vbh/abi.h>

struct vbh_guest;

struct region {
	u64 start;		/* guest-physical, page aligned */
	u64 end;		/* one past */
	u64 max_end;		/* the highest of this and those before it in its leaf */
	u32 rights;
	u32 tag;
	u16 kind;
	u8 rule;
	u8 flags;
	u32 id;			/* order of arrival, never reused */
};

/* In region.flags, beside those of the ABI: guest_mark() made it, and no call takes it away. */
#define REGION_F_MARK		(1u << 7)

/* A page of them. */
#define REGION_LEAF_MAX		102u
struct region_leaf {
	u64 before;		/* the highest end in earlier leaves; of a spare one: the next */
	u32 nr;			/* not 0 */
	u32 reserved;
	struct region r[REGION_LEAF_MAX];
};

/* Sorted by start. 512 leaves hang on a page of pointers. */
#define REGION_DIRS		4u
struct region_table {
	void **dir[REGION_DIRS];
	void *spare;		/* leaves that are not in use */
	u32 leaves;
	u32 nr;
	u32 max;
	u32 next_id;
	u32 near;		/* where region_denials() began to look: a hint, of any value */
};

/* So many are for what must not fail (vbh_guest.urgent), beside those asked for. */
#define REGION_RESERVE		64u
/* With leaves half full. All module space, a page each, would be 2.5 times as many. */
#define REGION_MAX		(REGION_DIRS * 512u * (REGION_LEAF_MAX / 2) - REGION_RESERVE)

/* A place between two regions. */
struct region_pos {
	u32 leaf, i;
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

/* Has guest_mark() made one there? */
bool region_marked(const struct region_table *t, u64 gpa);
/* Has every region that denies `want` at gpa this flag? */
bool region_denials_have(const struct region_table *t, u64 gpa, u32 want, u8 flag);
/* Does no region touch [gpa, gpa + len)? len is not 0 and does not wrap. */
bool region_free(const struct region_table *t, u64 gpa, u64 len);

/* The place before the first region that starts at gpa or above. */
struct region_pos region_from(const struct region_table *t, u64 gpa);
/* The region behind the place, which moves over it only if p->i is added to; NULL: none. */
struct region *region_at(const struct region_table *t, struct region_pos *p);
/* Add one to guest->regions; -ENOSPC. The caller has checked the fields. */
int region_insert(struct vbh_guest *guest, const struct region *r);
/*
 * Take out the first region from address `from` on with an id from first to last,
 * or with this tag; false if there is none.
 */
bool region_take_id(struct region_table *t, u64 from, u32 first, u32 last, struct region *out);
bool region_take_tag(struct region_table *t, u64 from, u32 tag, struct region *out);
/* Take out the region with this tag that starts there; false: there is none. */
bool region_take_run(struct region_table *t, u32 tag, u64 start, struct region *out);
/* Give rights back to the region with this id, which starts there. */
void region_grant(struct region_table *t, u64 start, u32 id, u32 rights);

#endif
