// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where patch sites, functions and trampolines are kept: sorted arrays in pages,
 * a kind each, as small as each kind allows (there are 50,000 of the smallest).
 */
#include "../guest/guest.h"
#include "patch.h"

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

VBH_STATIC_ASSERT(sizeof(struct jump_site) <= sizeof(struct vbh_site));
VBH_STATIC_ASSERT(sizeof(struct call_site) <= sizeof(struct vbh_site));

static bool overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a < b + b_len && b < a + a_len;
}

bool tramp_overlap(const struct patch_state *p, u64 gva, u64 len)
{
	u32 i = vec_upto(&p->tramps, gva + len - 1);
	const struct patch_tramp *t = i ? vec_at(&p->tramps, i - 1) : NULL;

	return t && overlap(gva, len, GVA(t->gva), PAGE_SIZE);
}

u64 patch_gva(struct vbh_guest *guest, u64 gpa)
{
	const struct patch_state *p = &guest->patch;
	u64 gva = text_gva(&guest->known, gpa);
	u32 i;

	if (gva)
		return gva;
	for (i = 0; i < p->tramps.nr; i++) {
		const struct patch_tramp *t = vec_at(&p->tramps, i);

		if (gpa - t->gfn * PAGE_SIZE < PAGE_SIZE)
			return GVA(t->gva) + (gpa & ~PAGE_MASK);
	}
	return 0;
}

static int gpa_of(const struct vbh_guest *guest, u64 gva, u64 *gpa)
{
	const struct known_text *t = text_at(&guest->known, gva);
	const struct patch_tramp *r = t ? NULL : tramp_at(&guest->patch, gva);

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

		if (gpa_of(guest, gva, &gpa) ||
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
	const struct known_text *t = text_at(&guest->known, gva);
	struct patch_site site;
	u8 bytes[4];

	if (!t || !module_counts(&guest->known, t->tag))
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
