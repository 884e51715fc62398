// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest has asked for, written out for a migration or a snapshot, and taken
 * in again. It is opaque to user space and good for the same version of the core
 * only, which `layout` stands for. Taken in, it is user space's word: what an index,
 * a length or a count is read from is checked, so that the worst that a wrong block
 * does is to protect that VM wrongly.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include "body.h"
#include "state.h"
#include "core/errno.h"
#include "core/text/patch.h"

#define STATE_MAX	(16u << 20)

/* As core/text/patch_table.c keeps it; what is checked of it is here. */
struct state_call {
	u32 addr;
	u8 kind;
	u8 len;
	u8 cond;
	u8 reserved;
};

static u32 layout(void)
{
	return (VBH_ABI_VERSION ^ sizeof(struct state_head) << 12) + sizeof(struct state_vcpu) +
	       sizeof(struct region) * 31 + sizeof(struct known_text) * 61 +
	       sizeof(struct known_place) * 509 +
	       sizeof(struct patch_tramp) * 127 + sizeof(struct known_module) * 251;
}

#define NR_VECS		10

/*
 * In the order of the block; nr elements follow a u32. The module that is being
 * checked is left out: what its guest sends next is refused, and it goes.
 */
static void all_vecs(struct vbh_guest *g, struct vec *v[NR_VECS])
{
	struct patch_state *p = &g->patch;

	v[0] = &g->known.texts;
	v[1] = &g->known.places;
	v[2] = &p->mcount;
	v[3] = &p->jumps;
	v[4] = &p->calls;
	v[5] = &p->entries;
	v[6] = &p->tramps;
	v[7] = &g->module.catalogue;
	v[8] = &g->known.symbols;
	v[9] = &g->known.modules;
}

/* What does not fit is counted only. */
struct writer {
	u8 __user *to;
	u32 left;
	u32 total;
	int err;
};

static void put(struct writer *w, const void *from, u32 len)
{
	w->total += len;
	if (len > w->left) {
		w->left = 0;
		w->err = w->err ?: -E2BIG;
	} else if (!w->err) {
		if (copy_to_user(w->to, from, len))
			w->err = -EFAULT;
		w->to += len;
		w->left -= len;
	}
}

static int put_head(struct kvm_vbh *v, struct writer *w)
{
	const struct vbh_guest *g = &v->guest;
	u64 now = kvm_scale_tsc(rdtsc(), v->tsc_ratio) + v->tsc_offset;
	struct state_head *h = kzalloc(sizeof(*h), GFP_KERNEL);

	if (!h)
		return -ENOMEM;
	h->magic = STATE_MAGIC;
	h->layout = layout();
	h->state = g->state;
	h->max_gpa = g->max_gpa;
	h->max_wait = g->next_try > now ? g->next_try - now : 0;
	h->wrong_keys = g->wrong_keys;
	h->next_id = g->regions.next_id;
	h->nr_regions = g->regions.nr;
	h->nr_vcpus = atomic_read(&v->kvm->online_vcpus);
	h->sipi_page = g->sipi_page;
	h->has_key = g->has_key;
	memcpy(h->rules, g->rules, sizeof(h->rules));
	memcpy(h->allow, g->patch.allow, sizeof(h->allow));
	memcpy(h->key_hash, g->key_hash, sizeof(h->key_hash));
	h->facts = g->facts;
	h->ftrace = g->patch.ftrace;
	h->log = g->log;
	h->pins = g->pins;
	put(w, h, sizeof(*h));
	kfree(h);
	return 0;
}

static int put_vcpus(struct kvm_vbh *v, struct writer *w)
{
	struct state_vcpu *s = kzalloc(sizeof(*s), GFP_KERNEL);
	u32 i, nr = atomic_read(&v->kvm->online_vcpus);

	if (!s)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		const struct vbh_vcpu *core = &kvm_get_vcpu(v->kvm, i)->arch.vbh->core;

		s->id = i;
		s->run = core->run;
		s->resetting = core->resetting;
		s->current_gva = core->current_gva;
		s->pins = core->pins;
		put(w, s, sizeof(*s));
	}
	kfree(s);
	return 0;
}

/* What a vCPU had before SMM is not in the block. */
static bool in_smm(const struct kvm_vbh *v)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, v->kvm) {
		if (is_smm(vcpu))
			return true;
	}
	return false;
}

static int put_all(struct kvm_vbh *v, struct writer *w)
{
	struct vec *vecs[NR_VECS];
	const struct region *r;
	struct region_pos p;
	int err;
	u32 i, j;

	err = put_head(v, w);
	if (!err)
		err = put_vcpus(v, w);
	if (err)
		return err;
	for (p = region_from(&v->guest.regions, 0); (r = region_at(&v->guest.regions, &p)); p.i++) {
		put(w, r, sizeof(*r));
		cond_resched();
	}
	all_vecs(&v->guest, vecs);
	for (i = 0; i < ARRAY_SIZE(vecs); i++) {
		put(w, &vecs[i]->nr, sizeof(vecs[i]->nr));
		for (j = 0; j < vecs[i]->nr; j++) {
			put(w, vec_at(vecs[i], j), vecs[i]->size);
			cond_resched();
		}
	}
	return w->err;
}

int vbh_state_get(struct kvm_vbh *v, struct kvm_vbh_state __user *user)
{
	struct kvm_vbh_state s;
	struct writer w = { 0 };
	int err = 0;

	if (copy_from_user(&s, user, sizeof(s)))
		return -EFAULT;
	if (s.flags)
		return -EINVAL;
	w.to = u64_to_user_ptr(s.data);
	w.left = s.len;
	mutex_lock(&v->lock);
	if (v->begun)
		err = in_smm(v) ? -EBUSY : put_all(v, &w);
	mutex_unlock(&v->lock);
	if (err && err != -E2BIG)
		return err;
	s.len = w.total;
	return copy_to_user(user, &s, sizeof(s)) ? -EFAULT : err;
}

struct reader {
	const u8 *at;
	u32 left;
};

/* The next len bytes, or NULL. */
static const void *get(struct reader *r, u64 len)
{
	const void *at = r->at;

	if (len > r->left)
		return NULL;
	r->at += len;
	r->left -= len;
	return at;
}

static bool rule_ok(u8 rule)
{
	return rule >= VBH_RULE_LOG && rule <= VBH_RULE_PANIC;
}

/* A header's page, then pages full of records; without a ring none is counted in these. */
static bool log_ok(const struct event_log *log, u64 max_gpa)
{
	u64 len;

	if (log->notes > VBH_NOTES_ALWAYS)
		return false;
	if (!log->ring_gpa)
		return !log->records && !log->head && !log->tail && !log->crowd;
	if (!log->records || log->records > VBH_RING_MAX / sizeof(struct vbh_event))
		return false;
	len = PAGE_SIZE + log->records * sizeof(struct vbh_event);
	return PAGE_ALIGNED(log->ring_gpa | len) && len <= VBH_RING_MAX &&
	       log->ring_gpa < max_gpa && len <= max_gpa - log->ring_gpa &&
	       log->tail <= log->head && log->head - log->tail <= log->records &&
	       log->crowd <= log->records;
}

static bool pins_ok(const struct pin_table *t)
{
	u32 i;

	if ((t->cr0_mask & ~PIN_CR0_BITS) || (t->cr4_mask & ~PIN_CR4_BITS) ||
	    (t->efer_mask & ~PIN_EFER_BITS) || (t->dtr_mask & ~PIN_DTR_BITS) ||
	    t->nr_msrs > VBH_MAX_MSR_PINS)
		return false;
	for (i = 0; i < t->nr_msrs; i++) {
		if (!rule_ok(t->msr[i].rule))
			return false;
	}
	return true;
}

/* A vCPU knows values of nothing but what is pinned: they are given to its registers. */
static bool own_pins_ok(const struct pin_table *t, const struct pin_vcpu *p)
{
	u32 i;

	if ((p->cr0.known & ~t->cr0_mask) || (p->cr4.known & ~t->cr4_mask) ||
	    (p->efer.known & ~t->efer_mask) || (p->dtr_armed & ~t->dtr_mask))
		return false;
	for (i = 0; i < VBH_NR_DTR; i++) {
		if (p->dtr[i].known && !(t->dtr_mask & BIT(i)))
			return false;
	}
	for (i = 0; i < VBH_MAX_MSR_PINS; i++) {
		if (p->msr[i].known & ~(i < t->nr_msrs ? t->msr[i].mask : 0))
			return false;
	}
	return true;
}

/* Any of them may have been the first to call. */
static u64 max_gpa(const struct kvm_vbh *v)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;
	u64 max = 0;

	kvm_for_each_vcpu(i, vcpu, v->kvm)
		max = max(max, vbh_max_gpa(vcpu));
	return max;
}

static bool head_ok(const struct kvm_vbh *v, const struct state_head *h)
{
	u32 i;

	for (i = 1; i < VBH_NR_VIOLATIONS; i++) {
		if (!rule_ok(h->rules[i]))
			return false;
	}
	return h->magic == STATE_MAGIC && h->layout == layout() &&
	       h->state >= VBH_STATE_OPEN && h->state <= VBH_STATE_UNLOCKED &&
	       PAGE_ALIGNED(h->max_gpa) && h->max_gpa && h->max_gpa <= max_gpa(v) &&
	       h->nr_regions <= VBH_KVM_REGIONS + REGION_RESERVE &&
	       h->nr_vcpus <= atomic_read(&v->kvm->online_vcpus) &&
	       log_ok(&h->log, h->max_gpa) && pins_ok(&h->pins);
}

static void take_head(struct kvm_vbh *v, const struct state_head *h)
{
	struct vbh_guest *g = &v->guest;
	struct kvm_vcpu *vcpu = kvm_get_vcpu(v->kvm, 0);

	v->tsc_ratio = vcpu->arch.l1_tsc_scaling_ratio;
	v->tsc_offset = vcpu->arch.l1_tsc_offset;
	v->tsc_khz = vcpu->arch.virtual_tsc_khz;
	g->max_gpa = h->max_gpa;
	g->cpus = atomic_read(&v->kvm->online_vcpus);
	g->sipi_page = h->sipi_page;
	guest_init(g);
	g->state = h->state;
	g->next_try = kvm_scale_tsc(rdtsc(), v->tsc_ratio) + v->tsc_offset + h->max_wait;
	g->wrong_keys = h->wrong_keys;
	g->has_key = h->has_key;
	memcpy(g->rules, h->rules, sizeof(g->rules));
	memcpy(g->patch.allow, h->allow, sizeof(g->patch.allow));
	memcpy(g->key_hash, h->key_hash, sizeof(g->key_hash));
	g->facts = h->facts;
	g->log = h->log;
	g->pins = h->pins;
}

static int take_vcpus(struct kvm_vbh *v, struct reader *r, u32 nr)
{
	const struct state_vcpu *s = get(r, (u64)nr * sizeof(*s));
	struct kvm_vcpu *vcpu;
	unsigned long i;

	if (!s)
		return -EINVAL;
	kvm_for_each_vcpu(i, vcpu, v->kvm) {
		struct vbh_vcpu *core = &vcpu->arch.vbh->core;

		vcpu_init(core, &v->guest, i);
		if (i >= nr) {
			core->run = VCPU_PARKED;
			core->resetting = true;
			continue;
		}
		if (s[i].id != i || s[i].run > VCPU_STARTED ||
		    !own_pins_ok(&v->guest.pins, &s[i].pins))
			return -EINVAL;
		core->run = s[i].run;
		core->resetting = s[i].resetting;
		core->current_gva = s[i].current_gva;
		core->pins = s[i].pins;
	}
	return 0;
}

static bool region_ok(const struct kvm_vbh *v, const struct region *r)
{
	return PAGE_ALIGNED(r->start | r->end) && r->start < r->end &&
	       r->end <= v->guest.max_gpa && guest_rights_ok(&v->guest, r->rights) &&
	       rule_ok(r->rule) &&
	       r->kind >= VBH_REGION_RING && r->kind < VBH_NR_REGION_KINDS;
}

/* They keep their numbers, by which ftrace's trampolines know them. */
static int take_regions(struct kvm_vbh *v, struct reader *r, u32 nr, u32 next_id)
{
	const struct region *s = get(r, (u64)nr * sizeof(*s));
	struct region_table *t = &v->guest.regions;
	int err = s ? 0 : -EINVAL;
	u32 i;

	v->guest.urgent = true;
	for (i = 0; i < nr && !err; i++) {
		t->next_id = s[i].id;
		err = region_ok(v, &s[i]) ? region_insert(&v->guest, &s[i]) : -EINVAL;
		cond_resched();
	}
	v->guest.urgent = false;
	t->next_id = next_id;
	return err == -ENOSPC ? -ENOMEM : err;
}

static bool pages_ok(const struct vbh_guest *g, u32 gfn, u32 pages)
{
	return ((u64)gfn + pages) << PAGE_SHIFT <= g->max_gpa;
}

static u64 text_end(const struct known_text *t)
{
	return t->gva + ((u64)t->pages << PAGE_SHIFT);
}

static bool text_ok(const struct vbh_guest *g, const struct known_text *t,
		    const struct known_text *before)
{
	return PAGE_ALIGNED(t->gva) && t->gva >= (u32)VBH_TEXT_GVA_MIN && t->pages &&
	       text_end(t) <= 1ull << 32 && pages_ok(g, t->gfn, t->pages) &&
	       (!before || text_end(before) <= t->gva);
}

/* Of each text one, apart in memory as well. */
static bool place_ok(const struct known_state *k, const struct known_place *at,
		     const struct known_place *before)
{
	const struct known_text *t = text_at(k, GVA(at->gva));

	return t && t->gva == at->gva && t->pages == at->pages && t->gfn == at->gfn &&
	       t->tag == at->tag && (!before || before->gfn + (u64)before->pages <= at->gfn);
}

static bool tramp_ok(const struct vbh_guest *g, const struct patch_tramp *t)
{
	return PAGE_ALIGNED(t->gva) && t->gva >= (u32)VBH_TEXT_GVA_MIN && t->users &&
	       pages_ok(g, t->gfn, 1) && t->caller < ARRAY_SIZE(g->patch.ftrace.caller);
}

static bool part_ok(const struct part *p)
{
	return p->first <= p->last || (p->first == 1 && !p->last);
}

static bool module_ok(const struct known_module *m)
{
	u32 i;

	for (i = 0; i < VBH_PARTS_CHECKED; i++) {
		if (!part_ok(&m->part[i]))
			return false;
	}
	return m->step <= MODULE_GOING;
}

/* before: the element before it, or NULL. */
static bool element_ok(const struct vbh_guest *g, const struct vec *v, const void *at,
		       const void *before)
{
	const struct patch_state *p = &g->patch;
	const struct state_call *c = at;

	if (v == &g->known.texts)
		return text_ok(g, at, before);
	if (v == &g->known.places)
		return place_ok(&g->known, at, before);
	if (v == &p->calls)
		return (c->kind == VBH_SITE_CALL || c->kind == VBH_SITE_TAIL ||
			c->kind == VBH_SITE_TRAMP || c->kind == VBH_SITE_FTRACE) &&
		       (c->len == 5 || (c->len == 6 && c->kind == VBH_SITE_TAIL));
	if (v == &p->tramps)
		return tramp_ok(g, at);
	if (v == &g->known.modules)
		return module_ok(at);
	return true;
}

/* They are looked up by the u32 that each begins with, which several may share if it is a hash. */
static bool in_order(const struct vbh_guest *g, const struct vec *v, u32 last, u32 key)
{
	if (v == &g->module.catalogue || v == &g->known.symbols)
		return last <= key;
	return last < key;
}

static int take_vec(struct kvm_vbh *v, struct reader *r, struct vec *to)
{
	const u32 *nr = get(r, sizeof(*nr));
	const u8 *at = nr ? get(r, (u64)*nr * to->size) : NULL;
	u32 i;

	if (!at || (to == &v->guest.patch.calls && to->size != sizeof(struct state_call)))
		return -EINVAL;
	if (vec_grow(&v->guest, to, *nr))
		return -ENOMEM;
	for (i = 0; i < *nr; i++, at += to->size) {
		const u8 *before = i ? at - to->size : NULL;

		if (!element_ok(&v->guest, to, at, before) ||
		    (i && !in_order(&v->guest, to, *(const u32 *)before, *(const u32 *)at)))
			return -EINVAL;
		memcpy(vec_at(to, i), at, to->size);
		to->nr = i + 1;
		cond_resched();
	}
	return 0;
}

/* When a listed module goes all of a region is cleared: it has to be its text's. */
static bool clears_text(const struct region_table *t, const struct known_text *text)
{
	u64 start = (u64)text->gfn << PAGE_SHIFT;
	u64 end = start + ((u64)text->pages << PAGE_SHIFT);
	struct region_pos p;
	const struct region *r;

	for (p = region_from(t, start); (r = region_at(t, &p)) && r->start == start; p.i++) {
		if (r->kind == VBH_REGION_MODULE_TEXT && r->tag == text->tag && r->end != end)
			return false;
	}
	return true;
}

static int check_texts(const struct vbh_guest *g, const struct vbh_ftrace *f)
{
	const struct vec *v = &g->known.texts;
	u32 i;

	for (i = 0; i < v->nr; i++) {
		const struct known_text *t = vec_at(v, i);

		if (t->tag & VBH_TAG_MODULE && !clears_text(&g->regions, t))
			return -EINVAL;
		cond_resched();
	}
	/* Where ftrace's callers stand is looked up in the texts. */
	return f->size && !ftrace_ok(g, f) ? -EINVAL : 0;
}

static int take_all(struct kvm_vbh *v, struct reader *r)
{
	const struct state_head *h = get(r, sizeof(*h));
	struct vec *vecs[NR_VECS];
	int err;
	u32 i;

	if (!h || !head_ok(v, h))
		return -EINVAL;
	take_head(v, h);
	err = take_vcpus(v, r, h->nr_vcpus);
	if (!err)
		err = take_regions(v, r, h->nr_regions, h->next_id);
	all_vecs(&v->guest, vecs);
	for (i = 0; !err && i < ARRAY_SIZE(vecs); i++) {
		err = take_vec(v, r, vecs[i]);
		if (!err && vecs[i] == &v->guest.known.places &&
		    vecs[i]->nr != v->guest.known.texts.nr)
			err = -EINVAL;
		if (!err && vecs[i] == &v->guest.known.texts) {
			err = check_texts(&v->guest, &h->ftrace);
			if (!err && h->ftrace.size)
				v->guest.patch.ftrace = h->ftrace;
		}
	}
	if (!err && r->left)
		err = -EINVAL;
	return err ?: vbh_view_renew(v);
}

int vbh_state_set(struct kvm_vbh *v, const struct kvm_vbh_state __user *user)
{
	struct kvm_vbh_state s;
	struct reader r;
	void *block;
	int err;

	if (copy_from_user(&s, user, sizeof(s)))
		return -EFAULT;
	if (s.flags || !s.len || s.len > STATE_MAX)
		return -EINVAL;
	block = vmemdup_user(u64_to_user_ptr(s.data), s.len);
	if (IS_ERR(block))
		return PTR_ERR(block);
	r.at = block;
	r.left = s.len;
	mutex_lock(&v->lock);
	if (v->begun || !atomic_read(&v->kvm->online_vcpus) || vbh_in_the_way(v->kvm))
		err = -EBUSY;
	else
		err = 0;
	if (!err) {
		err = take_all(v, &r);
		if (err)
			vbh_forget(v);
		else
			vbh_begun_set(v);
	}
	mutex_unlock(&v->lock);
	kvfree(block);
	return err;
}
