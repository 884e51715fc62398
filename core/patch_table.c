// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where known text, patch sites and functions are kept: sorted arrays in pages,
 * a kind each, as small as each kind allows (there are 50,000 of the smallest).
 */
#include "internal.h"

#define DIR_MAX		(PAGE_SIZE / sizeof(void *))

/* The distance is short of the sign and of one more bit, for the length. */
struct jump_site {
	u32 addr;
	u32 rel_short;		/* (target - addr) << 1 | (len == 2) */
};

struct call_site {
	u32 addr;
	u8 kind;
	u8 len;
	u8 cond;
	u8 reserved;
};

void vec_init(struct vec *v, u32 size)
{
	v->dir = NULL;
	v->nr = 0;
	v->size = size;
	v->shift = 12 - (32 - __builtin_clz(size - 1));
}

void *vec_at(const struct vec *v, u32 i)
{
	return (u8 *)v->dir[i >> v->shift] + (i & ((1u << v->shift) - 1)) * v->size;
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

/* As vec_upto(). Patching goes upwards, site by site: mostly it is where it was, or the next. */
static u32 vec_near(struct vec *v, u32 key)
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

VBH_STATIC_ASSERT(__builtin_offsetof(struct patch_text, tag) == 3 * sizeof(u32));
VBH_STATIC_ASSERT(__builtin_offsetof(struct patch_place, tag) == 3 * sizeof(u32));
VBH_STATIC_ASSERT(__builtin_offsetof(struct symbol, tag) == 3 * sizeof(u32));

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

VBH_STATIC_ASSERT(sizeof(struct jump_site) <= sizeof(struct vbh_site));
VBH_STATIC_ASSERT(sizeof(struct call_site) <= sizeof(struct vbh_site));

static u64 text_len(const struct patch_text *t)
{
	return t->pages * PAGE_SIZE;
}

const struct patch_text *text_at(const struct patch_state *p, u64 gva)
{
	const struct patch_text *t;
	u32 i;

	if (gva < VBH_TEXT_GVA_MIN)
		return NULL;
	i = vec_upto(&p->texts, (u32)gva);
	t = i ? vec_at(&p->texts, i - 1) : NULL;
	return t && gva - GVA(t->gva) < text_len(t) ? t : NULL;
}

static bool overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* The last text that begins at or below a page of memory, or NULL. */
static const struct patch_place *place_upto(const struct patch_state *p, u64 gfn)
{
	u32 i = gfn <= ~0u ? vec_upto(&p->places, gfn) : 0;

	return i ? vec_at(&p->places, i - 1) : NULL;
}

/* Texts are apart in both orders: the last one that begins before the end reaches furthest. */
bool text_overlap(const struct patch_state *p, u64 gva, u64 gpa, u64 len)
{
	const struct patch_place *place = place_upto(p, (gpa + len - 1) / PAGE_SIZE);
	u32 last = gva + len - 1, i = vec_upto(&p->texts, last);
	const struct patch_text *t = i ? vec_at(&p->texts, i - 1) : NULL;

	if (t && overlap(gva, len, GVA(t->gva), text_len(t)))
		return true;
	if (place && place->gfn + (u64)place->pages > gpa / PAGE_SIZE)
		return true;
	i = vec_upto(&p->tramps, last);
	return i && overlap(gva, len, GVA(key_at(&p->tramps, i - 1)), PAGE_SIZE);
}

const struct patch_place *place_at(struct patch_state *p, u64 gpa)
{
	u64 gfn = gpa / PAGE_SIZE;
	u32 i = gfn <= ~0u ? vec_near(&p->places, gfn) : 0;
	const struct patch_place *place = i ? vec_at(&p->places, i - 1) : NULL;

	return place && gfn - place->gfn < place->pages ? place : NULL;
}

u64 patch_gva(struct patch_state *p, u64 gpa)
{
	const struct patch_place *place = place_at(p, gpa);
	u32 i;

	if (place)
		return GVA(place->gva) + (gpa - place->gfn * PAGE_SIZE);
	for (i = 0; i < p->tramps.nr; i++) {
		const struct patch_tramp *t = vec_at(&p->tramps, i);

		if (gpa - t->gfn * PAGE_SIZE < PAGE_SIZE)
			return GVA(t->gva) + (gpa & ~PAGE_MASK);
	}
	return 0;
}

int text_grow(struct vbh_guest *guest, u32 n)
{
	int err = vec_grow(guest, &guest->patch.texts, n);

	return err ? err : vec_grow(guest, &guest->patch.places, n);
}

VBH_STATIC_ASSERT(VBH_MAX_TEXTS * (sizeof(struct patch_text) + sizeof(struct patch_place)) <=
		  PAGE_SIZE);
VBH_STATIC_ASSERT(2 * sizeof(struct patch_text) == sizeof(struct vbh_text));

static struct patch_text text_of(const struct vbh_text *t)
{
	struct patch_text text = { t->gva, t->len / PAGE_SIZE, t->gpa / PAGE_SIZE, t->tag };

	return text;
}

static struct patch_place place_of(const struct patch_text *t)
{
	struct patch_place place = { t->gfn, t->pages, t->gva, t->tag };

	return place;
}

int text_take(struct patch_state *p, void *page, u32 n)
{
	const struct vbh_text *in = page;
	struct patch_text *texts = page;
	struct patch_place *places = (void *)(texts + VBH_MAX_TEXTS);
	u32 i, k;

	/* In its place, and half as large. */
	for (i = 0; i < n; i++)
		texts[i] = text_of(&in[i]);
	for (i = 0; i < n; i++) {
		struct patch_place place = place_of(&texts[i]);

		for (k = i; k && places[k - 1].gfn > place.gfn; k--)
			places[k] = places[k - 1];
		if ((k && places[k - 1].gfn + (u64)places[k - 1].pages > place.gfn) ||
		    (k < i && place.gfn + (u64)place.pages > places[k + 1].gfn))
			return -EINVAL;
		places[k] = place;
	}
	vec_merge(&p->texts, texts, n);
	vec_merge(&p->places, places, n);
	return 0;
}

void text_take_one(struct patch_state *p, const struct vbh_text *t)
{
	struct patch_text text = text_of(t);
	struct patch_place place = place_of(&text);

	vec_merge(&p->texts, &text, 1);
	vec_merge(&p->places, &place, 1);
}

void text_remove(struct patch_state *p, u32 i)
{
	const struct patch_text *t = vec_at(&p->texts, i);

	vec_remove(&p->places, vec_upto(&p->places, t->gfn) - 1);
	vec_remove(&p->texts, i);
}

static int gpa_of(const struct patch_state *p, u64 gva, u64 *gpa)
{
	const struct patch_text *t = text_at(p, gva);
	const struct patch_tramp *r = t ? NULL : tramp_at(p, gva);

	if (t)
		*gpa = t->gfn * PAGE_SIZE + (gva - GVA(t->gva));
	else if (r)
		*gpa = r->gfn * PAGE_SIZE + (gva & ~PAGE_MASK);
	else
		return -EFAULT;
	return 0;
}

/* Read or write, page by page. */
static __attribute__((noinline)) int copy(struct vbh_guest *guest, u64 gva, u8 *to,
					  const u8 *from, u32 len)
{
	while (len) {
		u64 left = PAGE_SIZE - (gva & ~PAGE_MASK), gpa;
		u32 n = len < left ? len : left;

		if (gpa_of(&guest->patch, gva, &gpa) ||
		    (to ? host_read_gpa(guest, gpa, to, n) : host_write_gpa(guest, gpa, from, n)))
			return -EFAULT;
		gva += n;
		to = to ? to + n : NULL;
		from = from ? from + n : NULL;
		len -= n;
	}
	return 0;
}

int patch_read(struct vbh_guest *guest, u64 gva, void *buf, u32 len)
{
	return copy(guest, gva, buf, NULL, len);
}

int patch_write(struct vbh_guest *guest, u64 gva, const void *buf, u32 len)
{
	return copy(guest, gva, NULL, buf, len);
}

struct vec *site_vec(struct patch_state *p, u8 kind)
{
	switch (kind) {
	case VBH_SITE_MCOUNT:
		return &p->mcount;
	case VBH_SITE_JUMP:
		return &p->jumps;
	case VBH_SITE_ENTRY:
		return &p->entries;
	default:
		return &p->calls;
	}
}

void site_load(const struct patch_state *p, const struct vec *v, u32 i, struct patch_site *site)
{
	const void *at = vec_at(v, i);

	site->addr = GVA(*(const u32 *)at);
	site->target = 0;
	site->cond = 0;
	if (v == &p->mcount) {
		site->kind = VBH_SITE_MCOUNT;
		site->len = 5;
	} else if (v == &p->jumps) {
		const struct jump_site *j = at;

		site->kind = VBH_SITE_JUMP;
		site->len = j->rel_short & 1 ? 2 : 5;
		site->target = site->addr + ((s32)j->rel_short >> 1);
	} else {
		const struct call_site *c = at;

		site->kind = c->kind;
		site->len = c->len;
		site->cond = c->cond;
	}
}

/* The last site in v that begins at or below gva. */
static bool load(const struct patch_state *p, struct vec *v, u64 gva, struct patch_site *site)
{
	u32 i = vec_near(v, (u32)gva);

	if (i)
		site_load(p, v, i - 1, site);
	return i;
}

/* A live trampoline has one site, its call. */
static bool tramp_site(const struct patch_state *p, u64 gva, u32 len, struct patch_site *site)
{
	const struct patch_tramp *t = tramp_at(p, gva);

	if (!t)
		return false;
	site->addr = GVA(t->gva) + p->ftrace.caller[t->caller].call -
		     p->ftrace.caller[t->caller].start;
	site->target = 0;
	site->kind = VBH_SITE_FTRACE;
	site->len = 5;
	site->cond = 0;
	return overlap(gva, len, site->addr, site->len);
}

bool site_at(struct patch_state *p, u64 gva, u32 len, struct patch_site *site)
{
	struct vec *const all[] = { &p->mcount, &p->jumps, &p->calls };
	u32 i;

	if (gva < VBH_TEXT_GVA_MIN || gva + len < gva)
		return false;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (load(p, all[i], gva + len - 1, site) && site->addr + site->len > gva)
			return true;
	}
	return tramp_site(p, gva, len, site);
}

void site_merge(struct patch_state *p, struct vbh_site *sites, u32 n)
{
	struct vec *v = site_vec(p, sites->kind);
	u32 i;

	/* Each is stored smaller than it was handed over: none reaches the next. */
	for (i = 0; i < n; i++) {
		struct vbh_site s = sites[i];
		void *to = (u8 *)sites + i * v->size;
		u32 addr = (u32)s.addr;
		struct jump_site j = { addr, (u32)s.target << 1 | (s.len == 2) };
		struct call_site c = { addr, s.kind, s.len, s.reserved, 0 };

		if (v == &p->jumps)
			memcpy(to, &j, sizeof(j));
		else if (v == &p->calls)
			memcpy(to, &c, sizeof(c));
		else
			memcpy(to, &addr, sizeof(addr));
	}
	vec_merge(v, sites, n);
}

bool entry_at(struct vbh_guest *guest, u64 gva)
{
	static const u8 endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	struct patch_state *p = &guest->patch;
	const struct patch_text *t = text_at(p, gva);
	struct patch_site site;
	u8 bytes[4];

	if (!t || !module_counts(&guest->module, t->tag))
		return false;
	if (vec_has(&p->mcount, (u32)gva) || vec_has(&p->entries, (u32)gva))
		return true;
	if (load(p, &p->calls, gva, &site) && site.addr == gva)
		return site.kind == VBH_SITE_TRAMP;
	return vec_has(&p->mcount, (u32)gva + 4) && !patch_read(guest, gva, bytes, 4) &&
	       !memcmp(bytes, endbr64, 4);
}

u32 patch_sites(const struct patch_state *p)
{
	return p->mcount.nr + p->jumps.nr + p->calls.nr;
}

void patch_init(struct patch_state *p)
{
	u32 i;

	vec_init(&p->texts, sizeof(struct patch_text));
	vec_init(&p->places, sizeof(struct patch_place));
	vec_init(&p->mcount, sizeof(u32));
	vec_init(&p->jumps, sizeof(struct jump_site));
	vec_init(&p->calls, sizeof(struct call_site));
	vec_init(&p->entries, sizeof(u32));
	vec_init(&p->tramps, sizeof(struct patch_tramp));
	for (i = 0; i < VBH_NR_PATCHES; i++)
		p->allow[i] = VBH_PATCH_OPEN;
	p->allow[VBH_PATCH_JUMP_LABELS] |= VBH_PATCH_SEALED;
	p->allow[VBH_PATCH_STATIC_CALLS] |= VBH_PATCH_SEALED;
	p->allow[VBH_PATCH_FTRACE] |= VBH_PATCH_SEALED;
}

bool patch_allowed(const struct vbh_guest *guest, enum vbh_patch kind)
{
	return guest->patch.allow[kind] &
	       (guest->state == VBH_STATE_OPEN ? VBH_PATCH_OPEN : VBH_PATCH_SEALED);
}
