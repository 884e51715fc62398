// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of regions: sorted by start, in leaves of a page each, so that adding
 * one moves no more than a page. Each entry knows how far it and all before it in
 * its leaf reach, each leaf how far the earlier leaves do: a look-up walks back
 * from the last region that begins at or below an address, passes over leaves in
 * which none can cover it, and stops as soon as none can at all.
 *
 * Invariant: no leaf is empty, max_end and `before` are exact, and two neighbours
 * together hold more than three quarters of a leaf, or one is new.
 */
#include "guest.h"

#define DIR_LEN		(PAGE_SIZE / sizeof(void *))

VBH_STATIC_ASSERT(sizeof(struct region_leaf) == PAGE_SIZE);
VBH_STATIC_ASSERT(DIR_LEN == 512);

static struct region_leaf *leaf_at(const struct region_table *t, u32 n)
{
	return t->dir[n / DIR_LEN][n % DIR_LEN];
}

/* The last leaf that begins at or below gpa, or the first one. */
static u32 leaf_upto(const struct region_table *t, u64 gpa)
{
	u32 lo = 0, hi = t->leaves;

	while (hi - lo > 1 && hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (leaf_at(t, mid)->r[0].start <= gpa)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* In leaf n: the place behind the last region that starts at or below gpa. */
static struct region_pos within(const struct region_table *t, u32 n, u64 gpa)
{
	struct region_pos p = { n, 0 };
	const struct region_leaf *leaf;
	u32 hi;

	if (n >= t->leaves)
		return p;
	leaf = leaf_at(t, n);
	hi = leaf->nr;
	while (p.i < hi) {
		u32 mid = p.i + (hi - p.i) / 2;

		if (leaf->r[mid].start <= gpa)
			p.i = mid + 1;
		else
			hi = mid;
	}
	return p;
}

/* The place behind the last region that starts at or below gpa. */
static struct region_pos upto(const struct region_table *t, u64 gpa)
{
	return within(t, leaf_upto(t, gpa), gpa);
}

struct region_pos region_from(const struct region_table *t, u64 gpa)
{
	struct region_pos first = { 0, 0 };

	return gpa ? upto(t, gpa - 1) : first;
}

struct region *region_at(const struct region_table *t, struct region_pos *p)
{
	if (p->leaf < t->leaves && p->i == leaf_at(t, p->leaf)->nr) {
		p->leaf++;
		p->i = 0;
	}
	return p->leaf < t->leaves ? &leaf_at(t, p->leaf)->r[p->i] : NULL;
}

/*
 * Walks down through the regions that cover gpa: the next below the place, which
 * begins as upto(); NULL when there are no more.
 */
static struct region *covering(const struct region_table *t, u64 gpa, struct region_pos *p)
{
	while (p->leaf < t->leaves) {
		struct region_leaf *leaf = leaf_at(t, p->leaf);

		if (p->i && leaf->r[p->i - 1].max_end > gpa) {
			struct region *r = &leaf->r[--p->i];

			if (r->end > gpa)
				return r;
		} else if (leaf->before > gpa) {
			p->i = leaf_at(t, --p->leaf)->nr;
		} else {
			break;
		}
	}
	return NULL;
}

void region_view(const struct region_table *t, u64 gpa, u64 limit, struct region_view *view)
{
	struct region_pos p = upto(t, gpa), next = p;
	const struct region *r = region_at(t, &next);

	view->rights = VBH_RWX;
	view->end = limit;
	view->hypervisor = false;
	view->first = NULL;
	if (r && r->start < view->end)
		view->end = r->start;

	while ((r = covering(t, gpa, &p))) {
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

static const struct region *denials(const struct region_table *t, u64 gpa, u32 want,
				    struct region_pos p, u8 *flags)
{
	const struct region *r, *best = NULL;

	*flags = ~0;
	while ((r = covering(t, gpa, &p))) {
		if (!(~r->rights & want))
			continue;
		*flags &= r->flags;
		if (!best || strength(r) > strength(best))
			best = r;
	}
	return best;
}

/* Mostly it is in the leaf where the one before was. */
const struct region *region_denials(struct region_table *t, u64 gpa, u32 want, u8 *flags)
{
	u32 n = t->near;

	if (n >= t->leaves || leaf_at(t, n)->r[0].start > gpa ||
	    (n + 1 < t->leaves && leaf_at(t, n + 1)->r[0].start <= gpa)) {
		n = leaf_upto(t, gpa);
		t->near = n;
	}
	return denials(t, gpa, want, within(t, n, gpa), flags);
}

const struct region *region_denies(const struct region_table *t, u64 gpa, u32 want)
{
	u8 flags;

	return denials(t, gpa, want, upto(t, gpa), &flags);
}

bool region_marked(const struct region_table *t, u64 gpa)
{
	struct region_pos p = upto(t, gpa);
	const struct region *r;

	while ((r = covering(t, gpa, &p)))
		if (r->flags & REGION_F_MARK)
			return true;
	return false;
}

bool region_denials_have(const struct region_table *t, u64 gpa, u32 want, u8 flag)
{
	u8 flags;

	denials(t, gpa, want, upto(t, gpa), &flags);
	return (flags & flag) == flag;
}

/* Begins before the end, ends behind the beginning. */
bool region_free(const struct region_table *t, u64 gpa, u64 len)
{
	struct region_pos p = upto(t, gpa + len - 1);

	return !covering(t, gpa, &p);
}

/* Make max_end true again in a leaf from index i on. */
static void fix_leaf(struct region_leaf *leaf, u32 i)
{
	u64 reach = i ? leaf->r[i - 1].max_end : 0;

	for (; i < leaf->nr; i++) {
		if (leaf->r[i].end > reach)
			reach = leaf->r[i].end;
		leaf->r[i].max_end = reach;
	}
}

/* And `before` from leaf n on; where it is, it is from there on. */
static void fix_before(struct region_table *t, u32 n)
{
	for (; n < t->leaves; n++) {
		const struct region_leaf *last = n ? leaf_at(t, n - 1) : NULL;
		u64 reach = last ? last->before : 0;

		/* One that is new may still be empty. */
		if (last && last->nr && last->r[last->nr - 1].max_end > reach)
			reach = last->r[last->nr - 1].max_end;
		if (leaf_at(t, n)->before == reach)
			return;
		leaf_at(t, n)->before = reach;
	}
}

/* Is there a page for one leaf more, and a place for its pointer? */
static bool leaf_room(struct vbh_guest *guest)
{
	struct region_table *t = &guest->regions;
	void *dir;

	if (t->leaves == REGION_DIRS * DIR_LEN)
		return false;
	dir = t->dir[t->leaves / DIR_LEN];
	if (!guest_page(guest, &dir))
		return false;
	t->dir[t->leaves / DIR_LEN] = dir;
	return guest_page(guest, &t->spare);
}

static void leaf_open(struct region_table *t, u32 n)
{
	struct region_leaf *leaf = t->spare;
	u32 i;

	t->spare = (void *)leaf->before;
	leaf->nr = 0;
	for (i = t->leaves++; i > n; i--)
		t->dir[i / DIR_LEN][i % DIR_LEN] = leaf_at(t, i - 1);
	t->dir[n / DIR_LEN][n % DIR_LEN] = leaf;
}

static void leaf_close(struct region_table *t, u32 n)
{
	struct region_leaf *leaf = leaf_at(t, n);

	leaf->before = (u64)t->spare;
	t->spare = leaf;
	for (t->leaves--; n < t->leaves; n++)
		t->dir[n / DIR_LEN][n % DIR_LEN] = leaf_at(t, n + 1);
}

static void copy(struct region_leaf *to, u32 at, const struct region_leaf *from, u32 i, u32 n)
{
	memcpy(&to->r[at], &from->r[i], n * sizeof(*to->r));
	to->nr = at + n;
	fix_leaf(to, at);
}

/* The place is in a full leaf: half of it moves, or, where they come in order, none. */
static void split(struct region_table *t, struct region_pos *p)
{
	struct region_leaf *leaf = leaf_at(t, p->leaf);
	u32 half = p->i == leaf->nr ? leaf->nr : leaf->nr / 2;

	leaf_open(t, p->leaf + 1);
	copy(leaf_at(t, p->leaf + 1), 0, leaf, half, leaf->nr - half);
	leaf->nr = half;
	fix_before(t, p->leaf + 1);
	if (p->i < half)
		return;
	p->leaf++;
	p->i -= half;
}

int region_insert(struct vbh_guest *guest, const struct region *r)
{
	struct region_table *t = &guest->regions;
	struct region_pos p = upto(t, r->start);
	struct region_leaf *leaf;
	u32 i;

	/* An id is never given twice. */
	if (t->next_id == ~0u || t->nr >= t->max + (guest->urgent ? REGION_RESERVE : 0) ||
	    (!guest->urgent && t->leaves >= REGION_DIRS * DIR_LEN - 2))
		return -ENOSPC;
	if (!t->leaves || leaf_at(t, p.leaf)->nr == REGION_LEAF_MAX) {
		if (!leaf_room(guest))
			return -ENOSPC;
		if (t->leaves)
			split(t, &p);
		else
			leaf_open(t, 0);
	}
	leaf = leaf_at(t, p.leaf);
	for (i = leaf->nr++; i > p.i; i--)
		leaf->r[i] = leaf->r[i - 1];
	leaf->r[p.i] = *r;
	leaf->r[p.i].id = t->next_id++;
	t->nr++;
	fix_leaf(leaf, p.i);
	fix_before(t, p.leaf);
	fix_before(t, p.leaf + 1);
	return 0;
}

/* Join a leaf and the next one if they have become small. */
static void join(struct region_table *t, u32 n)
{
	struct region_leaf *leaf, *next;

	if (n + 1 >= t->leaves)
		return;
	leaf = leaf_at(t, n);
	next = leaf_at(t, n + 1);
	if (leaf->nr + next->nr > REGION_LEAF_MAX / 4 * 3)
		return;
	copy(leaf, leaf->nr, next, 0, next->nr);
	leaf_close(t, n + 1);
}

/* Take out the region behind the place, if there is one. */
static bool take(struct region_table *t, struct region_pos *p, struct region *out)
{
	struct region *r = region_at(t, p);
	struct region_leaf *leaf;
	u32 i, n = p->leaf;

	if (!r)
		return false;
	*out = *r;
	leaf = leaf_at(t, n);
	t->nr--;
	leaf->nr--;
	for (i = p->i; i < leaf->nr; i++)
		leaf->r[i] = leaf->r[i + 1];
	fix_leaf(leaf, p->i);
	if (!leaf->nr)
		leaf_close(t, n);
	join(t, n);
	if (n)
		join(t, n - 1);
	fix_before(t, n);
	fix_before(t, n + 1);
	return true;
}

bool region_take_id(struct region_table *t, u64 from, u32 first, u32 last, struct region *out)
{
	struct region_pos p = region_from(t, from);
	const struct region *r;

	while ((r = region_at(t, &p)) && (r->id < first || r->id > last))
		p.i++;
	return take(t, &p, out);
}

bool region_take_tag(struct region_table *t, u64 from, u32 tag, struct region *out)
{
	struct region_pos p = region_from(t, from);
	const struct region *r;

	while ((r = region_at(t, &p)) && r->tag != tag)
		p.i++;
	return take(t, &p, out);
}

bool region_take_run(struct region_table *t, u32 tag, u64 start, struct region *out)
{
	struct region_pos p = region_from(t, start);
	const struct region *r;

	while ((r = region_at(t, &p)) && r->start == start && r->tag != tag)
		p.i++;
	return r && r->start == start && take(t, &p, out);
}

void region_grant(struct region_table *t, u64 start, u32 id, u32 rights)
{
	struct region_pos p = region_from(t, start);
	struct region *r;

	while ((r = region_at(t, &p)) && r->start == start) {
		if (r->id == id)
			r->rights |= rights;
		p.i++;
	}
}
