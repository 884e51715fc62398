// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a store to a patch site may do. The order is that of Linux's
 * text_poke_bp_batch(): INT3 in the first byte, then the other bytes, then the
 * first byte. Only the bytes count, not who writes them nor by which mapping.
 */
#include "../guest/guest.h"
#include "patch.h"

/* arch/x86/include/asm/nops.h, for 64 bits */
static const u8 nop2[] = { 0x66, 0x90 };
static const u8 nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
/*
 * arch/x86/kernel/static_call.c: what stands in place of a call of __static_call_return0,
 * of __WARN_trap and of __raw_callee_save___native_queued_spin_unlock; and a return
 */
static const u8 inline_calls[][5] = {
	{ 0x2e, 0x2e, 0x2e, 0x31, 0xc0 },
	{ 0x67, 0x48, 0x0f, 0xb9, 0x3a },
	{ 0x3e, 0x3e, 0xc6, 0x07, 0x00 },
};

static const u8 ret5[] = { 0xc3, INT3, INT3, INT3, INT3 };

static bool same(const u8 *a, const u8 *b, u32 n)
{
	return !memcmp(a, b, n);
}

static bool is_inline_call(const u8 *bytes)
{
	u32 i;

	for (i = 0; i < sizeof(inline_calls) / sizeof(inline_calls[0]); i++)
		if (same(bytes, inline_calls[i], 5))
			return true;
	return false;
}

u64 rel32_target(u64 gva, const u8 *bytes, u32 len)
{
	s32 rel;

	memcpy(&rel, bytes + len - sizeof(rel), sizeof(rel));
	return gva + len + (s64)rel;
}

/* The JMP of a jump label. */
static void jump_bytes(const struct patch_site *site, u8 *bytes)
{
	s32 rel = (s32)(site->target - site->addr) - site->len;

	bytes[0] = site->len == 2 ? 0xeb : JMP32;
	memcpy(bytes + 1, &rel, site->len - 1);
}

static const u8 *jump_nop(const struct patch_site *site)
{
	return site->len == 2 ? nop2 : nop5;
}

bool call_may_go_to(struct vbh_guest *guest, u64 to)
{
	if (text_at(&guest->known, to))
		return entry_at(guest, to);
	return !tramp_at(&guest->patch, to) && to >= VBH_TEXT_GVA_MIN &&
	       patch_allowed(guest, VBH_PATCH_BPF);
}

bool site_may_hold(struct vbh_vcpu *vcpu, const struct patch_site *site, const u8 *bytes,
		   bool take)
{
	struct vbh_guest *guest = vcpu->guest;
	u64 to = site->len >= 5 ? rel32_target(site->addr, bytes, site->len) : 0;
	u8 jump[PATCH_SITE_MAX];

	switch (site->kind) {
	case VBH_SITE_JUMP:
		jump_bytes(site, jump);
		return same(bytes, jump_nop(site), site->len) || same(bytes, jump, site->len);
	case VBH_SITE_MCOUNT:
		return same(bytes, nop5, 5) ||
		       (bytes[0] == CALL32 && ftrace_may_call(vcpu, to, take));
	case VBH_SITE_CALL:
		return same(bytes, nop5, 5) || is_inline_call(bytes) ||
		       (bytes[0] == CALL32 && call_may_go_to(guest, to));
	case VBH_SITE_FTRACE:
		return bytes[0] == CALL32 && call_may_go_to(guest, to);
	case VBH_SITE_TAIL:
	case VBH_SITE_TRAMP:
		if (site->len == 6)
			return bytes[0] == 0x0f && bytes[1] == site->cond &&
			       call_may_go_to(guest, to);
		return same(bytes, ret5, 5) || (bytes[0] == JMP32 && call_may_go_to(guest, to));
	default:
		return false;
	}
}

/* Is there a first byte with which the rest of `bytes` may stand at the site? It is put there. */
static bool find_first(struct vbh_vcpu *vcpu, const struct patch_site *site, u8 *bytes, bool take)
{
	/* Those first whose other bytes are fixed: a distance may be any. */
	static const u8 firsts[][5] = {
		[VBH_SITE_JUMP] = { 0x66, 0xeb, 0x0f, JMP32 },
		[VBH_SITE_MCOUNT] = { 0x0f, CALL32 },
		[VBH_SITE_CALL] = { 0x2e, 0x67, 0x3e, 0x0f, CALL32 },
		[VBH_SITE_FTRACE] = { CALL32 },
		[VBH_SITE_TAIL] = { 0xc3, 0x0f, JMP32 },
		[VBH_SITE_TRAMP] = { 0xc3, 0x0f, JMP32 },
		[VBH_SITE_ENTRY] = { 0 },
	};
	const u8 *first = firsts[site->kind];
	u32 i;

	for (i = 0; i < sizeof(firsts[0]) && first[i]; i++) {
		bytes[0] = first[i];
		if (site_may_hold(vcpu, site, bytes, take))
			return true;
	}
	return false;
}

/*
 * The bytes behind the INT3 are changed. A store that reaches their end leaves
 * them as those of something that may stand here. One that ends at the end of a
 * page is the first half of what text_poke() writes to two pages: its part of a
 * distance can't be judged alone, and is when the second half comes.
 */
static __attribute__((noinline))
bool tail_ok(struct vbh_vcpu *vcpu, const struct patch_site *site, const u8 *bytes,
	     u32 from, u32 end)
{
	u8 whole[PATCH_SITE_MAX], jump[PATCH_SITE_MAX];

	if (end < site->len) {
		if ((site->addr + end) & ~PAGE_MASK)
			return false;
		if (site->kind != VBH_SITE_JUMP)
			return true;
		if (!from)
			from = 1;
		jump_bytes(site, jump);
		return same(bytes + from, jump + from, end - from) ||
		       same(bytes + from, jump_nop(site) + from, end - from);
	}
	memcpy(whole, bytes, site->len);
	return find_first(vcpu, site, whole, false);
}

static enum vbh_patch patch_kind(u8 site_kind)
{
	switch (site_kind) {
	case VBH_SITE_JUMP:
		return VBH_PATCH_JUMP_LABELS;
	case VBH_SITE_MCOUNT:
	case VBH_SITE_FTRACE:
		return VBH_PATCH_FTRACE;
	default:
		return VBH_PATCH_STATIC_CALLS;
	}
}

/* From c->old to c->new, by a store to `width` bytes at `from`. */
static bool step_ok(struct vbh_vcpu *vcpu, const struct patch_change *c)
{
	const struct patch_site *site = &c->site;
	bool same_tail = same(c->old + 1, c->new + 1, site->len - 1);

	if (c->old[0] != INT3)
		return same_tail && (c->new[0] == INT3 || c->new[0] == c->old[0]);
	if (c->new[0] != INT3)
		return same_tail && site_may_hold(vcpu, site, c->new, true);
	return same_tail || tail_ok(vcpu, site, c->new, c->from, c->from + c->width);
}

/* What stands at the site now: on the page of the store mostly all of it. */
static int site_read(struct vbh_guest *guest, const struct patch_store *s, u64 gva,
		     struct patch_change *c)
{
	u64 at = s->gpa[0] - (gva - c->site.addr);

	if (((at ^ s->gpa[0]) | ((at + c->site.len - 1) ^ s->gpa[0])) & PAGE_MASK)
		return patch_read(guest, c->site.addr, c->old, c->site.len);
	return host_read_gpa(guest, at, c->old, c->site.len);
}

/* Does the store lie all in c->site, and in the order of the text? Then c has its bytes. */
static bool within_site(struct vbh_guest *guest, const struct patch_store *s, const u64 gva[2],
			struct patch_change *c)
{
	const struct patch_site *site = &c->site;
	u32 len = s->len[0] + s->len[1];

	if (!gva[0] || (s->len[1] && gva[1] != gva[0] + s->len[0]) || gva[0] < site->addr ||
	    gva[0] + len > site->addr + site->len || site_read(guest, s, gva[0], c))
		return false;
	c->from = gva[0] - site->addr;
	c->width = len;
	memcpy(c->new, c->old, site->len);
	memcpy(c->new + c->from, s->bytes, len);
	return true;
}

/* Is the text of the site one that counts? Mostly it is that of the store's page, just found. */
static bool site_counts(struct vbh_guest *guest, u64 addr, u64 gva, u64 gpa)
{
	struct known_state *k = &guest->known;
	const struct known_place *place = NULL;
	const struct known_text *t;

	if (!((addr ^ gva) & PAGE_MASK))
		place = place_at(k, gpa);
	if (place)
		return module_counts(k, place->tag);
	t = text_at(k, addr);
	return !t || module_counts(k, t->tag);
}

enum patch_verdict patch_judge(struct vbh_vcpu *vcpu, const struct patch_store *s,
			       struct patch_change *c)
{
	struct vbh_guest *guest = vcpu->guest;
	struct patch_state *p = &guest->patch;
	u64 gva[2];

	memset(c, 0, sizeof(*c));
	gva[0] = patch_gva(guest, s->gpa[0]);
	gva[1] = s->len[1] ? patch_gva(guest, s->gpa[1]) : 0;
	c->gva = gva[0] ? gva[0] : gva[1];
	c->kind = c->gva ? VBH_PATCH_KPROBES : VBH_PATCH_MODULES;

	if (!(gva[0] && site_at(p, gva[0], s->len[0], &c->site)) &&
	    !(gva[1] && site_at(p, gva[1], s->len[1], &c->site)))
		return PATCH_ELSEWHERE;
	c->kind = patch_kind(c->site.kind);
	if (!site_counts(guest, c->site.addr, gva[0], s->gpa[0]))
		return PATCH_REFUSED;
	if (within_site(guest, s, gva, c) && patch_allowed(guest, c->kind) && step_ok(vcpu, c))
		return PATCH_ALLOWED;
	return PATCH_REFUSED;
}

void patch_settle(struct vbh_vcpu *vcpu, const struct patch_change *c, bool written)
{
	/* Who is called has been counted already, and no longer is if INT3 came there. */
	const u8 *left = written ? c->old : c->new;

	if (c->site.kind == VBH_SITE_MCOUNT && c->old[0] != c->new[0] && left[0] == CALL32)
		ftrace_put(vcpu->guest, rel32_target(c->site.addr, left, 5));
}

/* What always may stand at a site, if there is such a thing. */
static const u8 *idle_bytes(const struct patch_site *site)
{
	switch (site->kind) {
	case VBH_SITE_JUMP:
		return jump_nop(site);
	case VBH_SITE_MCOUNT:
	case VBH_SITE_CALL:
		return nop5;
	case VBH_SITE_TAIL:
	case VBH_SITE_TRAMP:
		return site->len == 5 ? ret5 : NULL;
	default:
		return NULL;
	}
}

void patch_mend(struct vbh_vcpu *vcpu, const struct patch_change *c)
{
	const struct patch_site *site = &c->site;
	struct vbh_guest *guest = vcpu->guest;
	const u8 *idle = idle_bytes(site);
	u8 bytes[PATCH_SITE_MAX];

	if (!c->width || c->old[0] != INT3)
		return;
	/*
	 * Whoever a traced function calls is about to go: then better nobody. And half
	 * of what was to be written may stand behind the INT3 already.
	 */
	memcpy(bytes, c->old, site->len);
	if (c->from > 1 || (c->from && site->kind == VBH_SITE_MCOUNT) ||
	    !find_first(vcpu, site, bytes, true)) {
		if (!idle)
			return;
		patch_write(guest, site->addr + 1, idle + 1, site->len - 1);
		/* No CPU may have fetched the bytes before them. */
		host_flush(guest);
		bytes[0] = idle[0];
	}
	patch_write(guest, site->addr, bytes, 1);
}

/* Its pages go back to the guest. Rare, and as long as it takes to look at each site once. */
void patch_silence(struct vbh_guest *guest, u32 first, u32 last)
{
	const struct vec *v = &guest->patch.mcount;
	u8 int3 = INT3, bytes[5];
	u32 i, to;

	for (i = 0; first <= last && i < v->nr; i++) {
		u64 at = GVA(*(const u32 *)vec_at(v, i));

		if (patch_read(guest, at, bytes, sizeof(bytes)) || bytes[0] != CALL32)
			continue;
		to = rel32_target(at, bytes, sizeof(bytes));
		if (to < first || to > last)
			continue;
		patch_write(guest, at, &int3, 1);
		host_flush(guest);
		patch_write(guest, at + 1, nop5 + 1, 4);
		host_flush(guest);
		patch_write(guest, at, nop5, 1);
	}
}
