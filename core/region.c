// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of regions. It is sorted by start, and each entry knows how far it
 * and all before it reach, so that a look-up walks back from the last region
 * that begins at or below an address and stops as soon as none can cover it.
 */
#include "region.h"
#include "errno.h"

u32 region_upto(const struct region_table *t, u64 gpa)
{
	u32 lo = 0, hi = t->nr;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (t->table[mid].start <= gpa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * Walks down through the regions that cover gpa: the next below index *i, which
 * begins as region_upto(); NULL when there are no more.
 */
static struct region *covering(const struct region_table *t, u64 gpa, u32 *i)
{
	while (*i && t->table[*i - 1].max_end > gpa) {
		struct region *r = &t->table[--*i];

		if (r->end > gpa)
			return r;
	}
	return NULL;
}

void region_view(const struct region_table *t, u64 gpa, u64 limit, struct region_view *view)
{
	const struct region *r;
	u32 i = region_upto(t, gpa);

	view->rights = VBH_RWX;
	view->end = limit;
	view->hypervisor = false;
	view->first = NULL;
	if (i < t->nr && t->table[i].start < view->end)
		view->end = t->table[i].start;

	while ((r = covering(t, gpa, &i))) {
		view->rights &= r->rights;
		if (r->end < view->end)
			view->end = r->end;
		if (r->kind == VBH_REGION_HYPERVISOR)
			view->hypervisor = true;
		if (r->rights != VBH_RWX)
			view->first = r;
	}
}

/* The hypervisor's own pages come before anything that a guest can have asked for. */
static u32 strength(const struct region *r)
{
	return r->kind == VBH_REGION_HYPERVISOR ? VBH_RULE_PANIC + 1 : r->rule;
}

static const struct region *denials(const struct region_table *t, u64 gpa, u32 want, u32 i,
				    u8 *flags)
{
	const struct region *r, *best = NULL;

	*flags = ~0;
	while ((r = covering(t, gpa, &i))) {
		if (!(~r->rights & want))
			continue;
		*flags &= r->flags;
		if (!best || strength(r) > strength(best))
			best = r;
	}
	return best;
}

/* Mostly it is where the one before was. */
const struct region *region_denials(struct region_table *t, u64 gpa, u32 want, u8 *flags)
{
	u32 i = t->near;

	if (!i || i > t->nr || t->table[i - 1].start > gpa ||
	    (i < t->nr && t->table[i].start <= gpa))
		t->near = region_upto(t, gpa);
	return denials(t, gpa, want, t->near, flags);
}

const struct region *region_denies(const struct region_table *t, u64 gpa, u32 want)
{
	u8 flags;

	return denials(t, gpa, want, region_upto(t, gpa), &flags);
}

bool region_denials_have(const struct region_table *t, u64 gpa, u32 want, u8 flag)
{
	u8 flags;

	denials(t, gpa, want, region_upto(t, gpa), &flags);
	return (flags & flag) == flag;
}

bool region_free(const struct region_table *t, u64 gpa, u64 len)
{
	u32 i = region_upto(t, gpa + len - 1);

	return !i || t->table[i - 1].max_end <= gpa;
}

/* Make max_end true again from index i on. */
static void fix_max_end(struct region_table *t, u32 i)
{
	u64 reach = i ? t->table[i - 1].max_end : 0;

	for (; i < t->nr; i++) {
		if (t->table[i].end > reach)
			reach = t->table[i].end;
		t->table[i].max_end = reach;
	}
}

int region_insert(struct region_table *t, const struct region *r)
{
	u32 at, i;

	/* An id is never given twice. */
	if (t->nr == t->max || t->next_id == ~0u)
		return -ENOSPC;
	at = region_upto(t, r->start);
	for (i = t->nr++; i > at; i--)
		t->table[i] = t->table[i - 1];
	t->table[at] = *r;
	t->table[at].id = t->next_id++;
	fix_max_end(t, at);
	return 0;
}

static void remove_at(struct region_table *t, u32 at)
{
	u32 i;

	t->nr--;
	for (i = at; i < t->nr; i++)
		t->table[i] = t->table[i + 1];
	fix_max_end(t, at);
}

/* Take out entry i, if there is one. */
static bool take(struct region_table *t, u32 i, struct region *out)
{
	if (i == t->nr)
		return false;
	*out = t->table[i];
	remove_at(t, i);
	return true;
}

bool region_take_id(struct region_table *t, u32 first, u32 last, struct region *out)
{
	u32 i;

	for (i = 0; i < t->nr && (t->table[i].id < first || t->table[i].id > last); i++)
		;
	return take(t, i, out);
}

bool region_take_tag(struct region_table *t, u32 tag, struct region *out)
{
	u32 i;

	for (i = 0; i < t->nr && t->table[i].tag != tag; i++)
		;
	return take(t, i, out);
}

bool region_take_run(struct region_table *t, u32 tag, u64 start, struct region *out)
{
	u32 i = start ? region_upto(t, start - 1) : 0;

	while (i < t->nr && t->table[i].start == start && t->table[i].tag != tag)
		i++;
	return i < t->nr && t->table[i].start == start && take(t, i, out);
}

void region_grant(struct region_table *t, u32 id, u32 rights)
{
	u32 i;

	for (i = 0; i < t->nr; i++) {
		if (t->table[i].id == id)
			t->table[i].rights |= rights;
	}
}
