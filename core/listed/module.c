// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a module that comes after the seal: its pages are protected, it is
 * compared with its description (module_fields.c), accepted or refused, and
 * cleared when it goes. No call takes long: what is left is for the next.
 */
#include "../guest/guest.h"
#include "../text/patch.h"
#include "module.h"

#define PART_MAX	(1u << 30)	/* bytes of a part of a module */
#define SLICE_RUNS	32u		/* runs of pages given back in one call */
#define SLICE_SITES	256u		/* sites looked at in one call */

static s64 refused(struct vbh_vcpu *vcpu, const struct module_refusal *why)
{
	struct module_check *c = &vcpu->guest->module.check;
	struct vbh_event ev;

	event_values(vcpu, &ev, VBH_KIND_MODULE, why->why, why->old, why->new);
	ev.gla = why->gva;
	ev.flags |= why->gva ? VBH_EVENT_F_GLA : 0;
	memcpy(ev.module, c->ask.name, sizeof(ev.module));
	violation(vcpu, &ev, vcpu->guest->rules[VBH_KIND_MODULE], false);
	return -EACCES;
}

static bool part_ok(u64 start, u32 len)
{
	return !((start | len) & ~PAGE_MASK) && len <= PART_MAX &&
	       (!len || (start >= VBH_TEXT_GVA_MIN && len <= 0 - start));
}

/* Data may be anywhere: what is there may change, and says nothing. */
static bool ask_ok(const struct vbh_module *ask)
{
	u32 i;

	for (i = 0; i < VBH_PARTS_CHECKED; i++) {
		if (!part_ok(ask->part[i], ask->layout.len[i]))
			return false;
	}
	return ask->size == sizeof(*ask) && !ask->reserved &&
	       (ask->rule == VBH_RULE_DENY || ask->rule == VBH_RULE_PANIC) &&
	       !ask->name[VBH_MODULE_NAME - 1];
}

/* Without a length: from 1 to 0. */
static struct part part_of(u64 start, u32 len)
{
	struct part part = { len ? (u32)start : 1, len ? (u32)(start + len - 1) : 0 };

	return part;
}

static bool apart(const struct part *a, const struct part *b)
{
	return a->first > b->last || b->first > a->last || a->first > a->last;
}

/* Does it share no address with known text or with another module? */
static bool part_free(const struct vbh_guest *guest, const struct part *part)
{
	const struct vec *texts = &guest->known.texts, *modules = &guest->known.modules;
	u32 i = vec_upto(texts, part->last), n;
	const struct known_text *t = i ? vec_at(texts, i - 1) : NULL;

	if (t && part->first <= part->last && t->gva + (t->pages * PAGE_SIZE - 1) >= part->first)
		return false;
	for (i = 0; i < modules->nr; i++) {
		const struct known_module *k = vec_at(modules, i);

		for (n = 0; n < VBH_PARTS_CHECKED; n++) {
			if (!apart(&k->part[n], part))
				return false;
		}
	}
	return true;
}

static s64 begin(struct vbh_guest *guest, u32 tag, u64 gpa, u64 len)
{
	struct listed_state *m = &guest->module;
	struct module_check *c = &m->check;
	struct known_module k = { 0 };
	struct vbh_module ask;
	u32 i, n;

	if (len != sizeof(ask))
		return -EINVAL;
	if (guest_read(guest, gpa, &ask, sizeof(ask)))
		return -EFAULT;
	if (!ask_ok(&ask) || ask.tag != tag)
		return -EINVAL;
	if (module_find(&guest->known, tag))
		return -EEXIST;
	k.tag = tag;
	for (i = 0; i < VBH_PARTS_CHECKED; i++) {
		k.part[i] = part_of(ask.part[i], ask.layout.len[i]);
		if (!part_free(guest, &k.part[i]))
			return -EINVAL;
		for (n = 0; n < i; n++) {
			if (!apart(&k.part[n], &k.part[i]))
				return -EINVAL;
		}
	}
	if (!guest_page(guest, &c->input) || !guest_page(guest, &c->page) ||
	    !guest_page(guest, &guest->patch.scratch) || vec_grow(guest, &guest->known.modules, 1))
		return -ENOSPC;
	vec_merge(&guest->known.modules, &k, 1);

	c->ask = ask;
	module_next_part(c, 0);
	c->cached = 0;
	c->last_entry = 0;
	c->parts_done = 0;
	c->sites_done = 0;
	c->listed = false;
	c->values.nr = 0;
	c->exports.nr = 0;
	sha256_init(&c->sha);
	sha256_update(&c->sha, &ask.layout, sizeof(ask.layout));
	return 0;
}

/* In which part of the module does all of it lie? VBH_PARTS_CHECKED: in none. */
static u32 run_in(const struct vbh_module *ask, const struct vbh_text *t)
{
	u32 i;

	for (i = 0; i < VBH_PARTS_CHECKED; i++) {
		u64 from = t->gva - ask->part[i], len = ask->layout.len[i];

		if (from < len)
			return t->len <= len - from ? i : VBH_PARTS_CHECKED;
	}
	return i;
}

/* One run of pages, which nothing protects yet. */
static int add_run(struct vbh_guest *guest, const struct vbh_text *t)
{
	const struct vbh_module *ask = &guest->module.check.ask;
	u32 part = run_in(ask, t);
	struct region r = {
		.start = t->gpa,
		.end = t->gpa + t->len,
		.rights = VBH_R,
		.tag = ask->tag,
		.kind = VBH_REGION_MODULE_RODATA,
		.rule = ask->rule,
	};
	int err;

	if (!text_sane(guest, t) || t->tag != ask->tag || part == VBH_PARTS_CHECKED ||
	    !region_free(&guest->regions, t->gpa, t->len))
		return -EINVAL;
	if (part == VBH_PART_TEXT || part == VBH_PART_INIT_TEXT) {
		r.rights = VBH_R | VBH_X | VBH_XU;
		r.kind = VBH_REGION_MODULE_TEXT;
		r.flags = VBH_REGION_F_PATCHABLE;
	}
	if (text_grow(guest, 1))
		return -ENOSPC;
	err = guest_add_region(guest, &r);
	if (!err)
		text_take_one(&guest->known, t);
	return err;
}

/* What was added of a batch that fails goes with the module. */
static s64 pages(struct vbh_guest *guest, u64 gpa, u64 n)
{
	struct module_check *c = &guest->module.check;
	const struct vbh_text *t = c->input;
	int err = 0;
	u64 i;

	if (!n || n > VBH_MAX_TEXTS)
		return -EINVAL;
	if (guest_read(guest, gpa, c->input, n * sizeof(*t)))
		return -EFAULT;
	for (i = 0; !err && i < n; i++)
		err = add_run(guest, &t[i]);
	host_flush(guest);
	return err;
}

static s64 feed(struct vbh_vcpu *vcpu, u64 gpa, u64 len)
{
	struct module_check *c = &vcpu->guest->module.check;
	struct module_refusal why;
	s64 ret;

	if (!len || len > PAGE_SIZE)
		return -EINVAL;
	if (guest_read(vcpu->guest, gpa, c->input, len))
		return -EFAULT;
	ret = module_feed(vcpu, len, &why);
	return ret == -EACCES ? refused(vcpu, &why) : ret;
}

/* Everything there was in the description, and all of the module, has been hashed? */
static bool is_listed(struct listed_state *m)
{
	struct module_check *c = &m->check;
	const struct vbh_layout *l = &c->ask.layout;
	u8 digest[VBH_HASH_LEN];

	sha256_final(&c->sha, digest);
	return c->values.nr == l->symbols && c->exports.nr == l->exports &&
	       c->part == VBH_PARTS_CHECKED && catalogue_has(m, digest);
}

static s64 accept(struct vbh_guest *guest, struct known_module *k)
{
	struct listed_state *m = &guest->module;
	u32 i;

	for (i = 0; i < m->check.exports.nr; i++)
		vec_merge(&guest->known.symbols, vec_at(&m->check.exports, i), 1);
	k->step = MODULE_ACCEPTED;
	m->check.ask.tag = 0;
	return 0;
}

/* -EINVAL: what stands at the site at *gva may not stand there. */
static int check_sites(struct vbh_vcpu *vcpu, const struct known_module *k, u64 *gva)
{
	struct module_check *c = &vcpu->guest->module.check;
	u32 i;
	int ret;

	for (; c->parts_done < VBH_PARTS_CHECKED; c->parts_done++, c->sites_done = 0) {
		const struct part *part = &k->part[c->parts_done];

		ret = patch_check_sites(vcpu, part->first, part->last, &c->sites_done,
					SLICE_SITES, gva);
		if (ret)
			return ret;
	}
	ret = vec_grow(vcpu->guest, &vcpu->guest->known.symbols, c->exports.nr);
	if (ret)
		return ret;
	for (i = 0; !ret && i < VBH_PARTS_CHECKED; i++)
		ret = patch_count_calls(vcpu, k->part[i].first, k->part[i].last);
	/* The last one counted nothing. */
	for (i--; ret && i-- > 0;)
		patch_drop_range(vcpu->guest, k->part[i].first, k->part[i].last, true);
	return ret;
}

/*
 * What stands at the sites is looked at last, when all functions are known that
 * they may lead to. Until all of it is accepted nobody else may call them, and
 * what was looked at can't be patched.
 */
static s64 end(struct vbh_vcpu *vcpu)
{
	struct listed_state *m = &vcpu->guest->module;
	struct module_check *c = &m->check;
	struct module_refusal why = { .why = VBH_MODULE_NOT_LISTED };
	struct known_module *k = module_find(&vcpu->guest->known, c->ask.tag);
	int ret;

	if (!c->listed && !is_listed(m))
		return refused(vcpu, &why);
	c->listed = true;
	k->step = MODULE_ACCEPTED;
	ret = check_sites(vcpu, k, &why.gva);
	k->step = MODULE_CHECKED;
	if (!ret)
		return accept(vcpu->guest, k);
	if (ret != -EINVAL)
		return ret;
	why.why = VBH_MODULE_SITE;
	return refused(vcpu, &why);
}

/* One run; text is cleared before its rights are back, constants are still in use. */
static void give_back(struct vbh_guest *guest, u32 i)
{
	static const u8 zeroes[PAGE_SIZE];
	struct known_text t;
	struct region r;
	u64 gpa;

	memcpy(&t, vec_at(&guest->known.texts, i), sizeof(t));
	text_remove(&guest->known, i);
	if (!region_take_run(&guest->regions, t.tag, t.gfn * PAGE_SIZE, &r))
		return;
	for (gpa = r.start; r.kind == VBH_REGION_MODULE_TEXT && gpa < r.end; gpa += PAGE_SIZE)
		host_write_gpa(guest, gpa, zeroes, PAGE_SIZE);
	host_stage2_update(guest, r.start, r.end - r.start);
}

/* Runs of a part of this module: 1 if more are left. */
static s64 give_back_some(struct vbh_guest *guest, const struct known_module *k,
			  const struct part *part)
{
	const struct vec *v = &guest->known.texts;
	u32 i, n = 0;

	patch_drop_range(guest, part->first, part->last, k->step != MODULE_CHECKED);
	i = part->first ? vec_upto(v, part->first - 1) : 0;
	while (i < vec_upto(v, part->last) && n < SLICE_RUNS) {
		const struct known_text *t = vec_at(v, i);

		if (t->tag != k->tag) {
			i++;
			continue;
		}
		give_back(guest, i);
		n++;
	}
	if (n)
		host_flush(guest);
	return n == SLICE_RUNS;
}

static s64 live(struct vbh_vcpu *vcpu, u32 tag, u64 name)
{
	struct known_module *k = module_find(&vcpu->guest->known, tag);
	u32 i;

	if (!k)
		return -ENOENT;
	if (k->step != MODULE_ACCEPTED)
		return -EINVAL;
	/* What is called there directly goes too. */
	for (i = VBH_PART_INIT_TEXT; k->direct && i <= VBH_PART_INIT_RODATA; i++)
		patch_silence(vcpu->guest, k->part[i].first, k->part[i].last);
	for (i = VBH_PART_INIT_TEXT; i <= VBH_PART_INIT_RODATA; i++) {
		if (give_back_some(vcpu->guest, k, &k->part[i]))
			return 1;
	}
	text_note(vcpu, tag, true, name);
	for (i = VBH_PART_INIT_TEXT; i <= VBH_PART_INIT_RODATA; i++)
		k->part[i] = part_of(0, 0);
	return 0;
}

/* What else the guest has protected with this tag was never executed. */
static bool drop_regions(struct vbh_guest *guest, u32 tag)
{
	struct region r = { 0 };
	u32 n;

	for (n = 0; n < SLICE_RUNS && region_take_tag(&guest->regions, r.start, tag, &r); n++)
		host_stage2_update(guest, r.start, r.end - r.start);
	if (n)
		host_flush(guest);
	return n == SLICE_RUNS;
}

static s64 gone(struct vbh_vcpu *vcpu, u32 tag, u64 name)
{
	struct vbh_guest *guest = vcpu->guest;
	struct listed_state *m = &guest->module;
	struct known_module *k = module_find(&guest->known, tag);
	u32 i;

	if (!k)
		return -ENOENT;
	if (k->step == MODULE_ACCEPTED) {
		text_note(vcpu, tag, false, name);
		vec_remove_tag(&guest->known.symbols, tag);
		k->step = MODULE_GOING;
	}
	if (m->check.ask.tag == tag)
		m->check.ask.tag = 0;
	/* Linux has no such calls left, but who says that the module goes may lie. */
	for (i = 0; k->direct && i < VBH_PARTS_CHECKED; i++)
		patch_silence(guest, k->part[i].first, k->part[i].last);
	k->direct = 0;
	for (i = 0; i < VBH_PARTS_CHECKED; i++) {
		if (give_back_some(guest, k, &k->part[i]))
			return 1;
	}
	if (drop_regions(guest, tag))
		return 1;
	vec_remove(&guest->known.modules, vec_upto(&guest->known.modules, tag) - 1);
	return 0;
}

s64 hc_module(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	u32 tag = args[1];
	s64 ret = -EINVAL;

	if (guest->state == VBH_STATE_OPEN)
		return -EPERM;
	if (!(tag & VBH_TAG_MODULE) || tag != args[1])
		return -EINVAL;
	switch (args[0]) {
	case VBH_MODULE_BEGIN:
		return begin(guest, tag, args[2], args[3]);
	case VBH_MODULE_LIVE:
		return live(vcpu, tag, args[2]);
	case VBH_MODULE_GONE:
		return gone(vcpu, tag, args[2]);
	}
	/* The others are about the module under check; once its digest is found it is complete. */
	if (guest->module.check.ask.tag != tag ||
	    (guest->module.check.listed && args[0] != VBH_MODULE_END))
		return -EINVAL;
	switch (args[0]) {
	case VBH_MODULE_PAGES:
		return pages(guest, args[2], args[3]);
	case VBH_MODULE_FEED:
		ret = feed(vcpu, args[2], args[3]);
		break;
	case VBH_MODULE_END:
		ret = end(vcpu);
	}
	/* What was hashed and what was taken in may differ now: there is no going on. */
	if (ret < 0)
		guest->module.check.ask.tag = 0;
	return ret;
}
