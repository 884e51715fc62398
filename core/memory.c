// SPDX-License-Identifier: GPL-2.0-only
/*
 * Second-stage violations. A store that is to happen is carried out here, byte
 * for byte as decoded from the same copy of the instruction that the event
 * shows; what is not understood, or comes from another place than the processor
 * said, is denied. Nothing is ever carried out on the hypervisor's own pages.
 * Whether a store is honest patching is patch.c's to say.
 */
#include "guest/guest.h"
#include "text/patch.h"

#define CR3_ADDR	0x000ffffffffff000ull
#define REP_MAX		64	/* iterations of a REP in one exit */
#define BURST_MAX	64	/* bytes that are judged together as patching */

/* A decoded store, and where it goes: two places if it straddles pages. */
struct store {
	struct insn insn;
	u64 gla;
	u64 gpa[2];
	u32 len[2];
	u64 old, new;
	u8 flags;		/* that all regions have which deny the access */
};

static bool is_string(const struct insn *insn)
{
	return insn->op == INSN_MOVS || insn->op == INSN_STOS;
}

/* Has the processor said of this address which byte of memory it is? */
static bool named(const struct vbh_access *a, u64 gla)
{
	return a->gla_valid && a->gla == gla && !((gla ^ a->gpa) & ~PAGE_MASK);
}

/* The linear and physical place of the store of s->insn. */
static int store_place(struct vbh_vcpu *vcpu, const struct vbh_access *a, struct store *s)
{
	u32 size = s->insn.size, left;
	u64 cr3;

	if (!size || size > sizeof(s->old))
		return -EINVAL;
	s->gla = insn_linear(vcpu, &s->insn);
	left = PAGE_SIZE - (s->gla & ~PAGE_MASK);
	s->len[0] = size < left ? size : left;
	s->len[1] = size - s->len[0];
	s->gpa[1] = 0;
	if (!s->len[1] && named(a, s->gla)) {
		s->gpa[0] = a->gpa;
		return 0;
	}
	cr3 = host_reg(vcpu, VBH_REG_CR3);
	if (host_translate(vcpu, cr3, s->gla, &s->gpa[0]))
		return -EFAULT;
	if (s->len[1] && host_translate(vcpu, cr3, s->gla + s->len[0], &s->gpa[1]))
		return -EFAULT;
	return 0;
}

static int store_read(struct vbh_guest *guest, struct store *s)
{
	u8 *old = (u8 *)&s->old;

	s->old = 0;
	if (host_read_gpa(guest, s->gpa[0], old, s->len[0]))
		return -EFAULT;
	if (s->len[1] && host_read_gpa(guest, s->gpa[1], old + s->len[0], s->len[1]))
		return -EFAULT;
	return 0;
}

static int store_write(struct vbh_guest *guest, const struct store *s)
{
	const u8 *new = (const u8 *)&s->new;
	u64 ignored;

	/* Both places must take it before either does. */
	if (s->len[1] && host_read_gpa(guest, s->gpa[1], &ignored, s->len[1]))
		return -EFAULT;
	if (host_write_gpa(guest, s->gpa[0], new, s->len[0]))
		return -EFAULT;
	return s->len[1] ? host_write_gpa(guest, s->gpa[1], new + s->len[0], s->len[1]) : 0;
}

/* The strongest of the regions that deny this store, at whichever end; r: the access. */
static const struct region *store_denied(const struct region_table *t, const struct store *s,
					 const struct region *r)
{
	const struct region *a, *b;

	if (!s->len[1])
		return r;
	a = region_denies(t, s->gpa[0], VBH_W);
	b = region_denies(t, s->gpa[1], VBH_W);
	if (!a || !b)
		return a ? a : b;
	if (b->kind == VBH_REGION_HYPERVISOR)
		return b;
	if (a->kind == VBH_REGION_HYPERVISOR)
		return a;
	return b->rule > a->rule ? b : a;
}

static bool same_page(u64 a, u64 b)
{
	return !((a ^ b) & PAGE_MASK);
}

/*
 * Decode the store behind the access. The processor has checked the guest's own
 * tables for the page that it names, for no other: a program's store into two
 * pages, or from a source that only a supervisor may read, is not carried out.
 */
static int store_decode(struct vbh_vcpu *vcpu, const struct vbh_access *a,
			const struct region *r, const struct vbh_event *ev, struct store *s)
{
	int err = insn_known(vcpu, ev->insn, ev->insn_len, &s->insn);

	if (!err)
		err = store_place(vcpu, a, s);
	if (err)
		return err;
	if (!same_page(a->gpa, s->gpa[0]) && !(s->len[1] && same_page(a->gpa, s->gpa[1])))
		return -EINVAL;
	if (ev->cpl == 3 && (s->len[1] || s->insn.op == INSN_MOVS))
		return -EINVAL;

	/* The guest sees zeroes where the hypervisor is. */
	if (store_denied(&vcpu->guest->regions, s, r)->kind == VBH_REGION_HYPERVISOR)
		s->old = 0;
	else
		err = store_read(vcpu->guest, s);
	return err ? err : insn_store_value(vcpu, &s->insn, s->old, &s->new);
}

/*
 * The next iteration of a REP, if it goes right behind the last, on the same page:
 * as a processor's, that page's translation lasts until the instruction is over.
 */
static bool store_next(struct vbh_vcpu *vcpu, struct store *s)
{
	u64 gla = s->gla + s->insn.size;

	if (s->len[1] || insn_linear(vcpu, &s->insn) != gla ||
	    !same_page(s->gla, gla + s->insn.size - 1))
		return false;
	s->gla = gla;
	s->gpa[0] += s->insn.size;
	return !store_read(vcpu->guest, s) &&
	       !insn_store_value(vcpu, &s->insn, s->old, &s->new);
}

/* Bytes number at and up of a value that a REP writes piece by piece. */
static u64 piece(u64 value, u32 size, u32 at)
{
	return (size < 8 ? value & ((1ull << (8 * size)) - 1) : value) << (8 * at);
}

static bool repeats(const struct insn *insn)
{
	return insn->rep && is_string(insn);
}

/*
 * Carry out the store, and of a REP what follows at once, up to `max` iterations;
 * ev gets the first eight bytes of it together. The guest's lock makes read and
 * write one for every store that comes here, and to a protected page no other
 * gets: a LOCK prefix asks for no more (but against a device, or in the
 * unprotected half of a store that straddles pages).
 */
static int store_perform(struct vbh_vcpu *vcpu, struct store *s, struct vbh_event *ev, u32 max)
{
	u64 rip = host_reg(vcpu, VBH_REG_RIP);
	u32 size = s->insn.size, n, at;

	if (store_write(vcpu->guest, s))
		return -EFAULT;
	insn_store_retire(vcpu, &s->insn, s->old);

	for (n = 1; n < max && repeats(&s->insn); n++) {
		if (host_reg(vcpu, VBH_REG_RIP) != rip || !store_next(vcpu, s) ||
		    store_write(vcpu->guest, s))
			break;
		insn_store_retire(vcpu, &s->insn, s->old);
		at = n * size;
		if (at < sizeof(u64)) {
			ev->old_value |= piece(s->old, size, at);
			ev->new_value |= piece(s->new, size, at);
			ev->width = at + size;
		}
	}
	return 0;
}

/*
 * What a store and the iterations behind it would write, all of it judged before
 * any of it is written: the source is read as if the two did not overlap.
 */
struct burst {
	struct patch_store store;
	u8 bytes[BURST_MAX];
	u32 count;		/* iterations */
	bool run;		/* bytes has them all already; else it lacks the store's own */
};

static void burst_gather(struct vbh_vcpu *vcpu, const struct store *s, struct burst *b)
{
	u32 size = s->insn.size, room = PAGE_SIZE - (s->gla & ~PAGE_MASK), i;

	b->count = 0;
	if (repeats(&s->insn) && !s->len[1])
		b->count = insn_repeat(vcpu, &s->insn, (room < BURST_MAX ? room : BURST_MAX) / size,
				       b->bytes);
	b->run = b->count;
	for (i = 0; i < 2; i++) {
		b->store.gpa[i] = s->gpa[i];
		b->store.len[i] = s->len[i];
	}
	if (b->run)
		b->store.len[0] = b->count * size;
	else
		b->count = 1;
	b->store.bytes = b->bytes;
}

/* All of it at once, as it was judged; the registers as if by that many iterations. */
static int burst_write(struct vbh_vcpu *vcpu, struct store *s, const struct burst *b)
{
	struct vbh_guest *guest = vcpu->guest;
	const struct patch_store *p = &b->store;
	u64 ignored;

	if (p->len[1] && host_read_gpa(guest, p->gpa[1], &ignored, p->len[1]))
		return -EFAULT;
	if (host_write_gpa(guest, p->gpa[0], b->bytes, p->len[0]))
		return -EFAULT;
	if (p->len[1])
		host_write_gpa(guest, p->gpa[1], b->bytes + p->len[0], p->len[1]);
	if (b->run)
		insn_repeat_retire(vcpu, &s->insn, b->count);
	else
		insn_store_retire(vcpu, &s->insn, s->old);
	return 0;
}

static bool is_patchable(const struct vbh_guest *guest, const struct store *s)
{
	if (!s->len[1])
		return s->flags & VBH_REGION_F_PATCHABLE;
	return region_denials_have(&guest->regions, s->gpa[0], VBH_W, VBH_REGION_F_PATCHABLE) &&
	       region_denials_have(&guest->regions, s->gpa[1], VBH_W, VBH_REGION_F_PATCHABLE);
}

/* Does it come from text_poke(), or from who has taken its tables? */
static bool is_poking(const struct vbh_guest *guest, const struct vbh_event *ev)
{
	u64 poking = guest->facts.poking_cr3;

	return poking && !ev->cpl && (ev->cr3 & CR3_ADDR) == (poking & CR3_ADDR);
}

/* Is this the kernel's own text_poke, at a time when it still may, where no site is? */
static bool may_poke(const struct vbh_guest *guest, const struct vbh_event *ev,
		     enum vbh_patch kind)
{
	return guest->state == VBH_STATE_OPEN && patch_allowed(guest, kind) &&
	       is_poking(guest, ev);
}

/* Can it be left out, with nothing else lost? The stores of memcpy() and memset() can. */
static bool is_plain(const struct insn *insn)
{
	return is_string(insn) || insn->op == INSN_MOV_STORE_REG || insn->op == INSN_MOV_STORE_IMM;
}

/* Registers as if it had been carried out, and of a REP what follows at once. */
static void store_drop(struct vbh_vcpu *vcpu, struct store *s)
{
	u64 rip = host_reg(vcpu, VBH_REG_RIP);
	u32 n = 0;

	do
		insn_store_retire(vcpu, &s->insn, s->old);
	while (++n < REP_MAX && repeats(&s->insn) && host_reg(vcpu, VBH_REG_RIP) == rip &&
	       store_next(vcpu, s));
}

static void describe_patch(struct vbh_event *ev, const struct patch_change *c)
{
	ev->flags |= VBH_EVENT_F_PATCH | VBH_EVENT_F_GLA;
	ev->gla = c->gva;
	if (!c->width)
		return;
	ev->old_value = 0;
	ev->new_value = 0;
	ev->width = c->width;
	memcpy(&ev->old_value, c->old + c->from, c->width);
	memcpy(&ev->new_value, c->new + c->from, c->width);
}

/*
 * Is it patching that is allowed? Then it has been carried out, or could not be:
 * *failed. If not, ev says which site it would have changed.
 */
static bool store_patch(struct vbh_vcpu *vcpu, struct store *s, struct vbh_event *ev,
			struct patch_change *c, bool *failed)
{
	struct vbh_guest *guest = vcpu->guest;
	enum patch_verdict verdict;
	struct burst b;

	if (ev->cpl || !is_patchable(guest, s))
		return false;
	burst_gather(vcpu, s, &b);
	memcpy(b.bytes, &s->new, s->insn.size);
	verdict = patch_judge(vcpu, &b.store, c);
	if (verdict == PATCH_ELSEWHERE) {
		if (!may_poke(guest, ev, c->kind))
			return false;
		if (c->gva)
			ev->gla = c->gva;
		*failed = store_perform(vcpu, s, ev, b.count);
	} else {
		describe_patch(ev, c);
		if (verdict == PATCH_REFUSED)
			return false;
		*failed = burst_write(vcpu, s, &b);
		patch_settle(vcpu, c, !*failed);
	}
	if (!*failed) {
		ev->kind = VBH_KIND_PATCH;
		ev->detail = c->kind;
	}
	return true;
}

/*
 * What most stores to text are, a hundred thousand times in a row: patching that is
 * allowed and that nobody records. Judged and carried out as above, but no event is
 * made of it. False: nothing was done, and all of it is looked at from the beginning.
 */
static __attribute__((flatten, noinline))
bool quick_patch(struct vbh_vcpu *vcpu, const struct vbh_access *a, u8 flags)
{
	struct vbh_guest *guest = vcpu->guest;
	struct patch_change c;
	u8 code[INSN_MAX];
	struct store s;
	struct burst b;
	int err;

	if (!(flags & VBH_REGION_F_PATCHABLE) || guest->log.notes != VBH_NOTES_COUNT ||
	    host_reg(vcpu, VBH_REG_CPL) ||
	    insn_known(vcpu, code, insn_fetch(vcpu, code), &s.insn) || !s.insn.mem)
		return false;
	/*
	 * On the page that the processor has named, to which the bytes are judged: which
	 * address leads there decides nothing.
	 */
	s.gla = insn_linear(vcpu, &s.insn);
	if ((s.gla ^ a->gpa) & ~PAGE_MASK ||
	    (s.gla & ~PAGE_MASK) + s.insn.size > PAGE_SIZE)
		return false;
	s.gpa[0] = a->gpa;
	s.len[0] = s.insn.size;
	s.gpa[1] = 0;
	s.len[1] = 0;
	s.old = 0;
	burst_gather(vcpu, &s, &b);
	if (!b.run) {
		if (s.insn.op != INSN_MOV_STORE_REG ||
		    insn_store_value(vcpu, &s.insn, 0, &s.new))
			return false;
		memcpy(b.bytes, &s.new, s.insn.size);
	}
	if (patch_judge(vcpu, &b.store, &c) != PATCH_ALLOWED)
		return false;
	err = burst_write(vcpu, &s, &b);
	patch_settle(vcpu, &c, !err);
	guest->log.patches[c.kind] += !err;
	return !err;
}

static void describe(struct vbh_event *ev, const struct vbh_access *a, const struct region *r)
{
	ev->detail = r->kind;
	ev->gpa = a->gpa;
	ev->flags |= VBH_EVENT_F_GPA;
	if (a->gla_valid) {
		ev->gla = a->gla;
		ev->flags |= VBH_EVENT_F_GLA;
	}
}

static void describe_store(struct vbh_event *ev, const struct store *s)
{
	ev->old_value = piece(s->old, s->insn.size, 0);
	ev->new_value = piece(s->new, s->insn.size, 0);
	ev->width = s->insn.size;
	ev->flags |= VBH_EVENT_F_VALUES;
	if (!(ev->flags & VBH_EVENT_F_GLA)) {
		ev->gla = s->gla;
		ev->flags |= VBH_EVENT_F_GLA;
	}
}

/* The hypervisor's pages have the rule of their kind, all others that of their region. */
static u8 rule_for(const struct vbh_guest *guest, const struct region *r)
{
	return r->kind == VBH_REGION_HYPERVISOR ? guest->rules[VBH_KIND_HYPERVISOR] : r->rule;
}

static enum vbh_verdict on_write(struct vbh_vcpu *vcpu, const struct vbh_access *a,
				 const struct region *r, u8 flags)
{
	struct vbh_guest *guest = vcpu->guest;
	struct patch_change c = { 0 };
	struct vbh_event ev;
	struct store s;
	bool decoded, possible, failed = false;
	u8 rule;

	if (quick_patch(vcpu, a, flags))
		return VBH_DONE;
	s.flags = flags;
	event_begin(vcpu, &ev, VBH_KIND_WRITE);
	decoded = !store_decode(vcpu, a, r, &ev, &s);
	if (decoded)
		r = store_denied(&guest->regions, &s, r);
	describe(&ev, a, r);
	rule = rule_for(guest, r);
	if (decoded)
		describe_store(&ev, &s);

	/* The hypervisor's own pages, whatever the rule: it must not happen. */
	if (r->kind == VBH_REGION_HYPERVISOR)
		ev.kind = VBH_KIND_HYPERVISOR;
	possible = decoded && r->kind != VBH_REGION_HYPERVISOR;
	if (possible && store_patch(vcpu, &s, &ev, &c, &failed)) {
		if (!failed) {
			event_patch(vcpu, &ev);
			return VBH_DONE;
		}
	} else if (possible && rule == VBH_RULE_LOG) {
		failed = store_perform(vcpu, &s, &ev, REP_MAX);
	} else if (possible && is_poking(guest, &ev) && is_plain(&s.insn)) {
		/* A fault would end text_poke() half-way, with the locks of all patching held. */
		ev.action = VBH_ACTION_DROPPED;
	}
	if (!decoded || failed)
		ev.flags |= VBH_EVENT_F_UNDECODED;
	switch (violation(vcpu, &ev, rule, possible && !failed)) {
	case VBH_ALLOW:
		return VBH_DONE;
	case VBH_HALT:
		return VBH_HALT;
	default:
		break;
	}
	if (ev.action != VBH_ACTION_DROPPED)
		return VBH_FAULT;
	store_drop(vcpu, &s);
	patch_mend(vcpu, &c);
	return VBH_DONE;
}

/*
 * Under rule log a read or fetch has to happen, and it can't be carried out as a
 * store is: the right is given back to the regions there. It is recorded once,
 * then goes unseen; their other rights stay as they are.
 */
static void let_go(struct vbh_guest *guest, u64 gpa, u32 want)
{
	const struct region *r;
	u32 give = want;

	if (want & (VBH_X | VBH_XU)) {
		if (!(guest->features & VBH_FEAT_EXEC_SPLIT))
			give |= VBH_X;
		if ((give & VBH_X) && !(guest->features & VBH_FEAT_EXEC_KERNEL))
			give |= VBH_XU;
		if (!(guest->features & VBH_FEAT_EXEC_ONLY))
			give |= VBH_R;
	}
	while ((r = region_denies(&guest->regions, gpa, want))) {
		region_grant(&guest->regions, r->start, r->id, give);
		host_stage2_update(guest, r->start, r->end - r->start);
	}
	host_flush(guest);
}

static enum vbh_verdict on_other(struct vbh_vcpu *vcpu, const struct vbh_access *a,
				 const struct region *r)
{
	struct vbh_guest *guest = vcpu->guest;
	enum vbh_kind kind = VBH_KIND_EXEC;
	enum vbh_verdict v;
	struct vbh_event ev;
	bool possible = !a->walk;

	if (a->want == VBH_R)
		kind = VBH_KIND_READ;
	if (a->want == VBH_W)
		kind = VBH_KIND_WRITE;
	if (r->kind == VBH_REGION_HYPERVISOR) {
		kind = VBH_KIND_HYPERVISOR;
		possible = false;
	}
	event_begin(vcpu, &ev, kind);
	describe(&ev, a, r);
	v = violation(vcpu, &ev, rule_for(guest, r), possible);
	if (v == VBH_ALLOW)
		let_go(guest, a->gpa, a->want);
	return v;
}

enum vbh_verdict core_memory(struct vbh_vcpu *vcpu, const struct vbh_access *a)
{
	struct vbh_guest *guest = vcpu->guest;
	enum vbh_verdict v = VBH_ALLOW;
	const struct region *r;
	u8 flags;

	host_lock(guest);
	r = region_denials(&guest->regions, a->gpa, a->want, &flags);
	if (r && a->want == VBH_W && !a->walk)
		v = on_write(vcpu, a, r, flags);
	else if (r)
		v = on_other(vcpu, a, r);
	host_unlock(guest);
	return v;
}
