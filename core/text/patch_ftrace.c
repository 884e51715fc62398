// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trampolines that ftrace makes at run time: copies of its own callers, one
 * for each ftrace_ops (create_trampoline() in Linux's arch/x86/kernel/ftrace.c).
 * One becomes a target when its first site is to call it: the page is protected,
 * then compared with the text that it must be a copy of. It is given back when
 * no site calls it any more. The pointer to its ftrace_ops is data, and any.
 */
#include "../guest/guest.h"
#include "patch.h"

#define OP_LEN		7	/* MOV disp32(%rip), %rdx, of the ftrace_ops */
#define PIECE		64

const struct patch_tramp *tramp_at(const struct patch_state *p, u64 gva)
{
	const struct patch_tramp *t;
	u32 i;

	if (gva < VBH_TEXT_GVA_MIN)
		return NULL;
	i = vec_upto(&p->tramps, (u32)gva);
	t = i ? vec_at(&p->tramps, i - 1) : NULL;
	return t && gva - GVA(t->gva) < PAGE_SIZE ? t : NULL;
}

/* Overwrite in a piece, which begins at byte `at` of the copy, what a copy has of its own. */
static void blank(u8 *piece, u32 at, u32 n, u64 field, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++) {
		if (field + i >= at && field + i < at + n)
			piece[field + i - at] = 0;
	}
}

static void blank_own(const struct vbh_ftrace_caller *c, u8 *piece, u32 at, u32 n)
{
	blank(piece, at, n, c->op_ptr - c->start + 3, 4);
	blank(piece, at, n, c->call - c->start, 5);
	if (c->jmp)
		blank(piece, at, n, c->jmp - c->start, 2);
}

static bool body_ok(struct vbh_guest *guest, const struct vbh_ftrace_caller *c, u64 gpa)
{
	u8 text[PIECE], copy[PIECE];
	u32 at, n, len = c->end - c->start;

	for (at = 0; at < len; at += n) {
		n = len - at < PIECE ? len - at : PIECE;
		if (patch_read(guest, c->start + at, text, n) ||
		    host_read_gpa(guest, gpa + at, copy, n))
			return false;
		blank_own(c, text, at, n);
		blank_own(c, copy, at, n);
		if (memcmp(text, copy, n))
			return false;
	}
	return true;
}

/* A jump to the return thunk where one is in use (some addresses do without), or RET, INT3. */
static bool return_ok(const struct vbh_ftrace *f, u64 at, const u8 *bytes)
{
	static const u8 ret[] = { 0xc3, INT3 };
	u32 n = f->ret_size < sizeof(ret) ? f->ret_size : sizeof(ret);

	if (f->return_thunk && f->ret_size == 5 && bytes[0] == JMP32 &&
	    rel32_target(at, bytes, 5) == f->return_thunk)
		return true;
	return !memcmp(bytes, ret, n);
}

/* The fields that are a copy's own: they must be what create_trampoline() makes of them. */
static bool own_ok(struct vbh_guest *guest, const struct vbh_ftrace_caller *c, u64 gva, u64 gpa)
{
	const struct vbh_ftrace *f = &guest->patch.ftrace;
	u32 len = c->end - c->start, op = c->op_ptr - c->start, call = c->call - c->start;
	u8 mov[OP_LEN], insn[5], jmp[2] = { 0x66, 0x90 };

	if (host_read_gpa(guest, gpa + op, mov, sizeof(mov)) ||
	    rel32_target(gva + op, mov, OP_LEN) != gva + len + f->ret_size)
		return false;
	if (c->jmp && host_read_gpa(guest, gpa + (c->jmp - c->start), jmp, sizeof(jmp)))
		return false;
	if (jmp[0] != 0x66 || jmp[1] != 0x90)
		return false;
	if (host_read_gpa(guest, gpa + len, insn, sizeof(insn)) ||
	    !return_ok(f, gva + len, insn))
		return false;
	return !host_read_gpa(guest, gpa + call, insn, sizeof(insn)) && insn[0] == CALL32 &&
	       call_may_go_to(guest, rel32_target(gva + call, insn, 5));
}

/* Of which caller is the page at gpa, seen at gva, a copy? Or -1. */
static __attribute__((noinline)) int copy_of(struct vbh_guest *guest, u64 gva, u64 gpa)
{
	int i;

	for (i = 0; i < 2; i++) {
		const struct vbh_ftrace_caller *c = &guest->patch.ftrace.caller[i];

		if (body_ok(guest, c, gpa) && own_ok(guest, c, gva, gpa))
			return i;
	}
	return -1;
}

/* text_poke can't be told that there is no room: what is kept back is for this. */
static bool tramp_protect(struct vbh_guest *guest, const struct region *r)
{
	bool ok;

	guest->urgent = true;
	ok = !vec_grow(guest, &guest->patch.tramps, 1) && !guest_add_region(guest, r);
	guest->urgent = false;
	event_show(guest);	/* and it is said that there is less of it now */
	return ok;
}

static __attribute__((noinline)) bool tramp_add(struct vbh_guest *guest, u64 gva, u64 gpa)
{
	struct patch_state *p = &guest->patch;
	struct patch_tramp t = { .gva = (u32)gva, .gfn = gpa / PAGE_SIZE, .users = 1 };
	struct region r = {
		.start = gpa,
		.end = gpa + PAGE_SIZE,
		.rights = VBH_R | VBH_X | VBH_XU,
		.kind = VBH_REGION_FTRACE,
		.rule = VBH_RULE_DENY,
		.flags = VBH_REGION_F_PATCHABLE,
	};
	int caller;

	t.region = guest->regions.next_id;
	if (!tramp_protect(guest, &r))
		return false;
	host_flush(guest);
	/* Only now no CPU can change it any more. */
	caller = copy_of(guest, gva, gpa);
	if (caller < 0) {
		guest_unprotect(guest, gpa, t.region, t.region);
		return false;
	}
	t.caller = caller;
	vec_merge(&p->tramps, &t, 1);
	return true;
}

/* A page that could hold a trampoline: of no text, and that nothing protects yet. */
static bool page_of(struct vbh_vcpu *vcpu, u64 gva, u64 *gpa)
{
	struct vbh_guest *guest = vcpu->guest;

	return !(gva & ~PAGE_MASK) && gva >= VBH_TEXT_GVA_MIN && guest->facts.kernel_cr3 &&
	       !host_translate(vcpu, guest->facts.kernel_cr3, gva, gpa) &&
	       *gpa < guest->max_gpa && region_free(&guest->regions, *gpa, PAGE_SIZE);
}

/*
 * A trampoline of a module's own, as register_ftrace_direct() takes it: a function
 * that is not traced itself, and none of the kernel's.
 */
static bool is_direct(struct vbh_guest *guest, const struct known_text *t, u64 to)
{
	const struct patch_state *p = &guest->patch;
	const struct known_text *kernel = text_at(&guest->known, p->ftrace.caller[0].start);

	return kernel && t->tag != kernel->tag && entry_at(guest, to) &&
	       vec_has(&p->entries, (u32)to) && !vec_has(&p->mcount, (u32)to + 4);
}

/* What a module calls there as it comes, and goes on to call if ftrace is off: it returns. */
static bool is_fentry(struct vbh_guest *guest, u64 to)
{
	u64 fentry;

	return symbol_find(&guest->known, vbh_symbol_hash("__fentry__"), &fentry) && to == fentry;
}

bool ftrace_may_call(struct vbh_vcpu *vcpu, u64 to, bool take)
{
	struct vbh_guest *guest = vcpu->guest;
	struct patch_state *p = &guest->patch;
	struct patch_tramp *t = (struct patch_tramp *)tramp_at(p, to);
	const struct known_text *text = text_at(&guest->known, to);
	u64 gpa;

	if (!p->ftrace.size)
		return false;
	if (to == p->ftrace.caller[0].start || to == p->ftrace.caller[1].start)
		return true;
	if (t) {
		if (to != GVA(t->gva))
			return false;
		t->users += take;
		return true;
	}
	if (text && is_direct(guest, text, to)) {
		if (take)
			module_called(&guest->known, text->tag);
		return true;
	}
	if (text)
		return is_fentry(guest, to);
	if (to < VBH_TEXT_GVA_MIN)
		return false;
	if (page_of(vcpu, to, &gpa) && copy_of(guest, to, gpa) >= 0)
		return !take || tramp_add(guest, to, gpa);
	return patch_allowed(guest, VBH_PATCH_BPF);
}

void ftrace_put(struct vbh_guest *guest, u64 to)
{
	struct vec *v = &guest->patch.tramps;
	u32 i = to >= VBH_TEXT_GVA_MIN ? vec_upto(v, (u32)to) : 0;
	struct patch_tramp t;

	if (!i)
		return;
	memcpy(&t, vec_at(v, i - 1), sizeof(t));
	if (GVA(t.gva) != to)
		return;
	if (--t.users) {
		memcpy(vec_at(v, i - 1), &t, sizeof(t));
		return;
	}
	vec_remove(v, i - 1);
	guest_unprotect(guest, t.gfn * PAGE_SIZE, t.region, t.region);
}

static bool caller_ok(const struct known_state *k, const struct vbh_ftrace_caller *c, u32 tail)
{
	u64 len = c->end - c->start;

	if (!text_at(k, c->start) || !text_at(k, c->end) || c->end <= c->start ||
	    len + tail > PAGE_SIZE)
		return false;
	if (c->op_ptr - c->start >= len || c->call - c->start >= len ||
	    len - (c->op_ptr - c->start) < OP_LEN || len - (c->call - c->start) < 5)
		return false;
	return !c->jmp || (c->jmp - c->start < len && len - (c->jmp - c->start) >= 2);
}

bool ftrace_ok(const struct vbh_guest *guest, const struct vbh_ftrace *f)
{
	const struct known_state *k = &guest->known;
	/* RET_SIZE, then the pointer to the ftrace_ops. */
	u32 tail = f->ret_size + sizeof(u64);

	if (f->size != sizeof(*f) || !f->ret_size || f->ret_size > 5 ||
	    (f->return_thunk && !text_at(k, f->return_thunk)))
		return false;
	return caller_ok(k, &f->caller[0], tail) && caller_ok(k, &f->caller[1], tail);
}
