// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patch sites as they are handed over: checked against each other, against known
 * text and against what stands there, then taken in, a batch or none of it.
 */
#include "../guest/guest.h"
#include "patch.h"

#define TARGET_MAX	(1ll << 30)	/* from a jump label to its target */

/* The batch, copied once. */
static int copy_batch(struct vbh_guest *guest, u64 gpa, u32 len)
{
	struct patch_state *p = &guest->patch;

	if (guest->state != VBH_STATE_OPEN)
		return -EPERM;
	if (!len || len > PAGE_SIZE)
		return -EINVAL;
	if (!guest_page(guest, &p->scratch))
		return -ENOSPC;
	return guest_read(guest, gpa, p->scratch, len);
}

bool text_sane(const struct vbh_guest *guest, const struct vbh_text *t)
{
	return !((t->gva | t->gpa | t->len) & ~PAGE_MASK) && t->len && !t->reserved &&
	       t->gva >= VBH_TEXT_GVA_MIN && t->len <= 0 - t->gva &&
	       t->gpa < guest->max_gpa && t->len <= guest->max_gpa - t->gpa &&
	       (t->gpa + t->len) / PAGE_SIZE <= ~0u &&
	       !text_overlap(&guest->known, t->gva, t->gpa, t->len) &&
	       !tramp_overlap(&guest->patch, t->gva, t->len);
}

static bool text_ok(struct vbh_guest *guest, const struct vbh_text *t)
{
	u64 at;

	if (!text_sane(guest, t) || t->tag & VBH_TAG_MODULE)
		return false;
	for (at = t->gpa; at < t->gpa + t->len; at += PAGE_SIZE) {
		if (!region_denies(&guest->regions, at, VBH_W) ||
		    !region_denials_have(&guest->regions, at, VBH_W, VBH_REGION_F_PATCHABLE))
			return false;
	}
	return true;
}

void text_note(struct vbh_vcpu *vcpu, u32 tag, bool comes, u64 name)
{
	const struct vec *v = &vcpu->guest->known.texts;
	u64 start = 0, len = 0;
	u32 i;

	for (i = 0; i <= v->nr; i++) {
		const struct known_text *t = i < v->nr ? vec_at(v, i) : NULL;
		/* Of a listed module constants are among the texts. */
		bool of_it = t && t->tag == tag && !region_denies(&vcpu->guest->regions,
								  (u64)t->gfn * PAGE_SIZE, VBH_X);

		if (len && (!of_it || GVA(t->gva) != start + len)) {
			event_text(vcpu, tag, start, comes ? 0 : len, comes ? len : 0, name);
			len = 0;
		}
		if (of_it) {
			start = len ? start : GVA(t->gva);
			len += t->pages * PAGE_SIZE;
		}
	}
}

s64 hc_text(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	struct patch_state *p = &guest->patch;
	const struct vbh_text *t;
	u32 n = args[1], i, tag;
	u64 end = 0;
	int err;

	if (guest->state == VBH_STATE_OPEN && args[1] > VBH_MAX_TEXTS)
		return -EINVAL;
	err = copy_batch(guest, args[0], n * sizeof(*t));
	if (!err)
		err = text_grow(guest, n);
	if (err)
		return err;
	for (i = 0, t = p->scratch; i < n; i++, t++) {
		if (!text_ok(guest, t) || (i && t->gva < end))
			return -EINVAL;
		end = t->gva + t->len;	/* 0: nothing can follow */
		if (!end && i + 1 < n)
			return -EINVAL;
	}
	tag = t[-1].tag;
	err = text_take(&guest->known, p->scratch, n);
	if (!err)
		text_note(vcpu, tag, true, args[2]);
	return err;
}

static bool len_ok(const struct vbh_site *s)
{
	switch (s->kind) {
	case VBH_SITE_JUMP:
		return s->len == 2 || s->len == 5;
	case VBH_SITE_TAIL:
		return s->len == 5 || s->len == 6;
	case VBH_SITE_ENTRY:
		return !s->len;
	default:
		return s->len == 5;
	}
}

static bool target_ok(const struct known_state *k, const struct vbh_site *s)
{
	s64 rel = (s64)s->target - s->len;

	if (s->kind != VBH_SITE_JUMP)
		return !s->target;
	return text_at(k, s->addr + (s64)s->target) && rel > -TARGET_MAX && rel < TARGET_MAX &&
	       (s->len == 5 || rel == (s8)rel);
}

static bool site_ok(struct vbh_guest *guest, const struct vbh_site *s)
{
	const struct known_state *k = &guest->known;
	struct patch_state *p = &guest->patch;
	struct patch_site other;

	if (!s->kind || s->kind >= VBH_NR_SITE_KINDS || s->reserved || !len_ok(s) ||
	    !text_at(k, s->addr) || !target_ok(k, s))
		return false;
	if (s->kind == VBH_SITE_ENTRY)
		return true;
	if (s->kind == VBH_SITE_MCOUNT && !p->ftrace.size)
		return false;
	return text_at(k, s->addr + s->len - 1) && !site_at(p, s->addr, s->len, &other);
}

static struct patch_site site_of(const struct vbh_site *s)
{
	struct patch_site site = {
		.addr = s->addr,
		.target = s->addr + (s64)s->target,
		.kind = s->kind,
		.len = s->len,
		.cond = s->reserved,
	};

	return site;
}

/* What stands at the site now? It must be something that may; and of a Jcc, which. */
static int check_bytes(struct vbh_vcpu *vcpu, struct vbh_site *s)
{
	u8 bytes[PATCH_SITE_MAX];
	struct patch_site site;

	if (s->kind == VBH_SITE_ENTRY)
		return 0;
	if (patch_read(vcpu->guest, s->addr, bytes, s->len))
		return -EINVAL;
	if (bytes[0] == INT3)
		return -EAGAIN;
	if (s->len == 6) {
		if ((bytes[1] & 0xf0) != 0x80)
			return -EINVAL;
		s->reserved = bytes[1];
	}
	site = site_of(s);
	return site_may_hold(vcpu, &site, bytes, false) ? 0 : -EINVAL;
}

static int check_batch(struct vbh_vcpu *vcpu, struct vbh_site *s, u32 n)
{
	u64 end = 0;
	u32 i;
	int err;

	for (i = 0; i < n; i++) {
		if (s[i].kind != s[0].kind || s[i].addr < end ||
		    !site_ok(vcpu->guest, &s[i]))
			return -EINVAL;
		end = s[i].addr + (s[i].len ? s[i].len : 1);
		err = check_bytes(vcpu, &s[i]);
		if (err)
			return err;
	}
	return 0;
}

/* Does a traced function call something here? Where to, or 0. */
static u64 calls_to(struct vbh_guest *guest, u64 addr)
{
	u8 bytes[5];

	if (patch_read(guest, addr, bytes, sizeof(bytes)) || bytes[0] != CALL32)
		return 0;
	return rel32_target(addr, bytes, sizeof(bytes));
}

/* Of traced functions, a batch not yet merged, or those from index `from` on. */
static u64 traced(const struct patch_state *p, const struct vbh_site *s, u32 i)
{
	return s ? s[i].addr : GVA(*(u32 *)vec_at(&p->mcount, i));
}

/* The trampolines that they call already have so many users more. */
static int take_tramps(struct vbh_vcpu *vcpu, const struct vbh_site *s, u32 from, u32 to)
{
	struct vbh_guest *guest = vcpu->guest;
	u32 i;

	for (i = from; i < to; i++) {
		u64 f = calls_to(guest, traced(&guest->patch, s, i));

		if (f && !ftrace_may_call(vcpu, f, true))
			break;
	}
	if (i == to)
		return 0;
	while (i-- > from)
		ftrace_put(guest, calls_to(guest, traced(&guest->patch, s, i)));
	return -ENOSPC;
}

s64 hc_sites(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	struct patch_state *p = &guest->patch;
	struct vbh_site *s;
	u32 n = args[1];
	int err;

	if (guest->state == VBH_STATE_OPEN && args[1] > VBH_MAX_BATCH)
		return -EINVAL;
	err = copy_batch(guest, args[0], n * sizeof(*s));
	s = p->scratch;
	if (!err)
		err = check_batch(vcpu, s, n);
	if (!err)
		err = vec_grow(guest, site_vec(p, s->kind), n);
	if (!err && s->kind == VBH_SITE_MCOUNT)
		err = take_tramps(vcpu, s, 0, n);
	if (!err)
		site_merge(p, s, n);
	return err;
}

s64 hc_ftrace(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	struct vbh_ftrace f;

	if (guest->state != VBH_STATE_OPEN)
		return -EPERM;
	if (guest->patch.ftrace.size)
		return -EEXIST;
	if (args[1] != sizeof(f))
		return -EINVAL;
	if (guest_read(guest, args[0], &f, sizeof(f)))
		return -EFAULT;
	if (!ftrace_ok(guest, &f))
		return -EINVAL;
	guest->patch.ftrace = f;
	return 0;
}

s64 hc_patch(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	u8 *allow;

	if (args[0] >= VBH_NR_PATCHES || args[1] & ~(u64)(VBH_PATCH_OPEN | VBH_PATCH_SEALED))
		return -EINVAL;
	allow = &guest->patch.allow[args[0]];
	if (guest->state != VBH_STATE_OPEN && args[1] & ~(u64)*allow)
		return -EPERM;
	*allow = args[1];
	return 0;
}

void patch_drop_range(struct vbh_guest *guest, u32 first, u32 last, bool counted)
{
	struct patch_state *p = &guest->patch;
	u32 i;

	if (!counted || !p->tramps.nr)
		i = p->mcount.nr;
	else
		i = first ? vec_upto(&p->mcount, first - 1) : 0;
	for (; i < vec_upto(&p->mcount, last); i++)
		ftrace_put(guest, calls_to(guest, GVA(*(u32 *)vec_at(&p->mcount, i))));
	vec_remove_range(&p->mcount, first, last);
	vec_remove_range(&p->jumps, first, last);
	vec_remove_range(&p->calls, first, last);
	vec_remove_range(&p->entries, first, last);
}

int patch_check_sites(struct vbh_vcpu *vcpu, u32 first, u32 last, u32 *done, u32 max, u64 *gva)
{
	const struct patch_state *p = &vcpu->guest->patch;
	const struct vec *const all[] = { &p->mcount, &p->jumps, &p->calls };
	u32 k, i, before = 0;

	for (k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
		u32 from = first ? vec_upto(all[k], first - 1) : 0;
		u32 nr = vec_upto(all[k], last) - from;

		for (i = *done - before; *done - before < nr; i++) {
			u8 bytes[PATCH_SITE_MAX];
			struct patch_site site;

			if (!max--)
				return 1;
			site_load(p, all[k], from + i, &site);
			*gva = site.addr;
			if (patch_read(vcpu->guest, site.addr, bytes, site.len) ||
			    !site_may_hold(vcpu, &site, bytes, false))
				return -EINVAL;
			++*done;
		}
		before += nr;
	}
	return 0;
}

int patch_count_calls(struct vbh_vcpu *vcpu, u32 first, u32 last)
{
	const struct vec *v = &vcpu->guest->patch.mcount;

	return take_tramps(vcpu, NULL, first ? vec_upto(v, first - 1) : 0, vec_upto(v, last));
}

/* Of what begins in a text with this tag. */
static void drop_in(struct vbh_guest *guest, struct vec *v, u32 tag)
{
	struct patch_state *p = &guest->patch;
	u32 i, nr = 0;

	for (i = 0; i < v->nr; i++) {
		const u32 *e = vec_at(v, i);
		const struct known_text *t = text_at(&guest->known, GVA(*e));

		if (!t || t->tag != tag)
			memcpy(vec_at(v, nr++), e, v->size);
		else if (v == &p->mcount)
			ftrace_put(guest, calls_to(guest, GVA(*e)));
	}
	v->nr = nr;
}

void patch_drop(struct vbh_vcpu *vcpu, u32 tag, u64 name)
{
	struct patch_state *p = &vcpu->guest->patch;

	text_note(vcpu, tag, false, name);
	drop_in(vcpu->guest, &p->mcount, tag);
	drop_in(vcpu->guest, &p->jumps, tag);
	drop_in(vcpu->guest, &p->calls, tag);
	drop_in(vcpu->guest, &p->entries, tag);
	vec_remove_tag(&vcpu->guest->known.texts, tag);
	vec_remove_tag(&vcpu->guest->known.places, tag);
}
