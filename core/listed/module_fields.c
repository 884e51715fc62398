// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module's description, as it is fed: name hashes, exports, fields. Each is
 * hashed as it was read, together with the module's bytes between the fields;
 * what stands in a field is compared. Patch sites are taken in as they are: they
 * count only when the module does, and what stands there is looked at then.
 */
#include "../guest/guest.h"
#include "../text/patch.h"
#include "module.h"

#define LITERAL_MAX	(4 * PAGE_SIZE)	/* bytes hashed in one call */
#define BATCH		64u		/* sites of a kind that are merged together */
#define NR_BATCHES	4u

static const u8 ret_int3[5] = { 0xc3, INT3, INT3, INT3, INT3 };

/* Sites on their way into the tables lie in patch_state.scratch, a part for each table. */
VBH_STATIC_ASSERT(NR_BATCHES * BATCH * sizeof(struct vbh_site) == PAGE_SIZE);

struct feed {
	struct vbh_vcpu *vcpu;
	struct vbh_guest *guest;
	struct module_check *c;
	struct module_refusal *why;
	u32 batched[NR_BATCHES];
	u32 hashed;		/* bytes of the module */
};

static int refuse(struct feed *f, enum vbh_module_why why, u64 gva, u64 old, u64 new)
{
	f->why->why = why;
	f->why->gva = gva;
	f->why->old = old;
	f->why->new = new;
	return -EACCES;
}

static int nonsense(struct feed *f)
{
	return refuse(f, VBH_MODULE_DESCRIPTION, f->c->at, 0, 0);
}

/* How many bytes of the part that c->at lies in are left. */
static u64 part_left(const struct module_check *c)
{
	if (c->part == VBH_PARTS_CHECKED)
		return 0;
	return c->ask.part[c->part] + c->ask.layout.len[c->part] - c->at;
}

/* A part's end is the next one's beginning. */
static void advance(struct module_check *c, u32 n)
{
	c->at += n;
	if (!part_left(c))
		module_next_part(c, c->part + 1);
}

void module_next_part(struct module_check *c, u32 part)
{
	while (part < VBH_PARTS_CHECKED && !c->ask.layout.len[part])
		part++;
	c->part = part;
	c->at = part < VBH_PARTS_CHECKED ? c->ask.part[part] : 0;
}

/* Is this address in a page of the module's, which is protected? */
static bool own_page(const struct feed *f, u64 gva)
{
	const struct known_text *t = text_at(&f->guest->known, gva);

	return t && t->tag == f->c->ask.tag;
}

/*
 * Copy from the module, which can't change any more, and not from elsewhere. A
 * page is read once: most fields and literals are small.
 */
static bool get(struct feed *f, u64 gva, void *to, u32 len)
{
	struct module_check *c = f->c;
	u32 i;

	if (gva < c->at || gva - c->at > part_left(c) || len > part_left(c) - (gva - c->at))
		return false;
	for (i = 0; i < len; i++, gva++) {
		if ((gva & PAGE_MASK) != c->cached) {
			c->cached = 0;
			if (!own_page(f, gva) ||
			    patch_read(f->guest, gva & PAGE_MASK, c->page, PAGE_SIZE))
				return false;
			c->cached = gva & PAGE_MASK;
		}
		((u8 *)to)[i] = ((u8 *)c->page)[gva & ~PAGE_MASK];
	}
	return true;
}

/* Hash n bytes of the module, and go on behind them. */
static bool literal(struct feed *f, u32 n)
{
	u8 piece[64];

	f->hashed += n;
	while (n) {
		u32 part = n < sizeof(piece) ? n : sizeof(piece);

		if (!get(f, f->c->at, piece, part))
			return false;
		sha256_update(&f->c->sha, piece, part);
		advance(f->c, part);
		n -= part;
	}
	return true;
}

/* Does the base exist? Then *value is base + addend. */
static bool value_of(const struct feed *f, u16 base, s32 addend, u64 *value)
{
	const struct module_check *c = f->c;

	if (base >= VBH_BASE_SYMBOL && base - VBH_BASE_SYMBOL < c->values.nr)
		*value = (s64)*(s32 *)vec_at(&c->values, base - VBH_BASE_SYMBOL);
	else if (base >= VBH_BASE_PART && base - VBH_BASE_PART < VBH_NR_PARTS)
		*value = c->ask.part[base - VBH_BASE_PART];
	else if (base == VBH_BASE_PERCPU)
		*value = c->ask.percpu;
	else if (base == VBH_BASE_NONE)
		*value = 0;
	else
		return false;
	*value += (s64)addend;
	return true;
}

/* What a field of this kind at gva holds. */
static u64 field_value(u8 kind, u64 gva, u64 value)
{
	if (kind == VBH_FIELD_PC32)
		return (u32)(value - gva);
	return kind == VBH_FIELD_ABS32 ? (u32)value : value;
}

static int relocated(struct feed *f, const struct vbh_field *d, u8 kind)
{
	u32 len = kind == VBH_FIELD_ABS64 ? 8 : 4;
	u64 gva = f->c->at, want, is = 0;

	if (!value_of(f, d->base, d->addend, &want) || !get(f, gva, &is, len))
		return nonsense(f);
	want = field_value(kind, gva, want);
	if (is != want)
		return refuse(f, VBH_MODULE_FIELD, gva, is, want);
	advance(f->c, len);
	return 0;
}

static int returns(struct feed *f, const struct vbh_field *d)
{
	u64 gva = f->c->at, to, is;
	u8 bytes[5];

	if (!value_of(f, d->base, d->addend, &to) || !get(f, gva, bytes, sizeof(bytes)))
		return nonsense(f);
	is = rel32_target(gva, bytes, sizeof(bytes));
	if (memcmp(bytes, ret_int3, sizeof(bytes)) &&
	    (bytes[0] != JMP32 || !is || (is != to && is != f->guest->patch.ftrace.return_thunk)))
		return refuse(f, VBH_MODULE_FIELD, gva, is, to);
	advance(f->c, sizeof(bytes));
	return 0;
}

/* Is there JMP *%reg, INT3, that nobody can change? */
static bool thunk_at(const struct feed *f, u64 gva, u32 reg)
{
	const u8 want[4] = { 0x41, 0xff, 0xe0 + (reg & 7), INT3 };
	u32 skip = reg < 8, len = sizeof(want) - skip;
	const struct region *r;
	u8 is[sizeof(want)];
	u64 gpa;

	if (host_translate(f->vcpu, host_reg(f->vcpu, VBH_REG_CR3), gva, &gpa) ||
	    (gpa & ~PAGE_MASK) + len > PAGE_SIZE || host_read_gpa(f->guest, gpa, is, len))
		return false;
	r = region_denies(&f->guest->regions, gpa, VBH_W);
	return r && r->tag == f->c->ask.tag && r->rule != VBH_RULE_LOG &&
	       !memcmp(is, want + skip, len);
}

/* Is this the choice that was made? want has its bytes; a field in it is put in. */
static bool chosen(const struct feed *f, const struct vbh_choice *o, const u8 *is, u8 *want,
		   u32 len)
{
	u64 gva = f->c->at + o->field, value;
	u32 field;

	if (o->field == VBH_CHOICE_PLAIN)
		return !memcmp(is, want, len);
	if (o->field + 4u > len)
		return false;
	if (o->base == VBH_BASE_THUNK) {
		value = rel32_target(gva, is + o->field, 4) - 4;
		if (!thunk_at(f, value + 4, o->addend))
			return false;
	} else if (!value_of(f, o->base, o->addend, &value)) {
		return false;
	}
	field = field_value(o->kind, gva, value);
	memcpy(want + o->field, &field, 4);
	return !memcmp(is, want, len);
}

/* The options stand behind the field in the input, all of them. */
static int choice(struct feed *f, const struct vbh_field *d, const u8 *options)
{
	u32 len = d->base, size = sizeof(struct vbh_choice) + ((len + 7) & ~7u), at;
	u8 is[VBH_CHOICE_MAX], want[VBH_CHOICE_MAX];
	u64 old = 0;

	if (!len || len > VBH_CHOICE_MAX || d->addend % size || !get(f, f->c->at, is, len))
		return nonsense(f);
	for (at = 0; at < (u32)d->addend; at += size) {
		const struct vbh_choice *o = (const struct vbh_choice *)(options + at);

		memcpy(want, o + 1, len);
		if (chosen(f, o, is, want, len)) {
			advance(f->c, len);
			return 0;
		}
	}
	memcpy(&old, is, len < sizeof(old) ? len : sizeof(old));
	return refuse(f, VBH_MODULE_FIELD, f->c->at, old, 0);
}

static struct vbh_site *batch_at(const struct feed *f, u32 i)
{
	return (struct vbh_site *)f->guest->patch.scratch + i * BATCH;
}

static int flush(struct feed *f, u32 i)
{
	struct patch_state *p = &f->guest->patch;
	struct vbh_site *s = batch_at(f, i);
	u32 n = f->batched[i];

	f->batched[i] = 0;
	if (!n)
		return 0;
	if (vec_grow(f->guest, site_vec(p, s->kind), n))
		return -ENOSPC;
	site_merge(p, s, n);
	return 0;
}

/* Kinds of one table share a batch. */
static const struct {
	u8 kind, len, batch;
} sites[16] = {	/* what four bits can say */
	[VBH_FIELD_ENTRY] = { VBH_SITE_ENTRY, 0, 0 },
	[VBH_FIELD_JUMP2] = { VBH_SITE_JUMP, 2, 1 },
	[VBH_FIELD_JUMP5] = { VBH_SITE_JUMP, 5, 1 },
	[VBH_FIELD_MCOUNT] = { VBH_SITE_MCOUNT, 5, 2 },
	[VBH_FIELD_CALL] = { VBH_SITE_CALL, 5, 3 },
	[VBH_FIELD_TAIL5] = { VBH_SITE_TAIL, 5, 3 },
	[VBH_FIELD_TAIL6] = { VBH_SITE_TAIL, 6, 3 },
	[VBH_FIELD_TRAMP] = { VBH_SITE_TRAMP, 5, 3 },
};

/* Within text alone: constants have none. */
static bool in_text(const struct feed *f, u32 len)
{
	const struct module_check *c = f->c;

	return (c->part == VBH_PART_TEXT || c->part == VBH_PART_INIT_TEXT) && len <= part_left(c);
}

static int site(struct feed *f, const struct vbh_field *d, u8 kind)
{
	struct vbh_site s = { .addr = f->c->at, .kind = sites[kind].kind, .len = sites[kind].len };
	u32 i = sites[kind].batch, n = s.len ? s.len : 1;
	int err = 0;
	u64 to;

	if (!s.kind || !in_text(f, n) || !own_page(f, s.addr) || !own_page(f, s.addr + n - 1) ||
	    (kind == VBH_FIELD_ENTRY && f->c->last_entry == s.addr))
		return nonsense(f);
	if (kind == VBH_FIELD_ENTRY)
		f->c->last_entry = s.addr;
	if (s.kind == VBH_SITE_JUMP) {
		if (!value_of(f, d->base, d->addend, &to))
			return nonsense(f);
		s.target = to - s.addr;
	}
	if (kind == VBH_FIELD_TAIL6)
		s.reserved = (u8)d->addend;
	/* A batch ascends; a part may lie below the one before. */
	n = f->batched[i];
	if (n == BATCH || (n && batch_at(f, i)[n - 1].addr > s.addr))
		err = flush(f, i);
	batch_at(f, i)[f->batched[i]++] = s;
	advance(f->c, s.len);
	return err;
}

/* A field behind its literal, in `left` bytes of input. How many of them are used; 0: too few. */
static int field(struct feed *f, const u8 *input, u32 left)
{
	const struct vbh_field *d = (const struct vbh_field *)input;
	u32 len = sizeof(*d), kind = d->kind_skip >> 12;
	u64 rest, to;
	int err = 0;

	if (kind == VBH_FIELD_CHOICE) {
		if (d->addend <= 0 || d->addend % 8 || d->addend > (s32)(PAGE_SIZE / 2))
			return nonsense(f);
		len += d->addend;
	}
	if (len > left)
		return 0;
	sha256_update(&f->c->sha, input, len);
	if (!literal(f, d->kind_skip & VBH_FIELD_SKIP_MAX))
		return nonsense(f);
	rest = part_left(f->c);
	if (kind == VBH_FIELD_ANY) {
		if (d->addend <= 0 || (u32)d->addend > rest || in_text(f, 1))
			return nonsense(f);
		/* Whatever it is, it may not change. */
		for (to = f->c->at; to < f->c->at + d->addend; to = (to & PAGE_MASK) + PAGE_SIZE) {
			if (!own_page(f, to))
				return nonsense(f);
		}
		advance(f->c, d->addend);
	} else if (kind == VBH_FIELD_RETURN) {
		err = returns(f, d);
	} else if (kind == VBH_FIELD_CHOICE) {
		err = choice(f, d, input + sizeof(*d));
	} else if (kind > VBH_FIELD_CHOICE) {
		err = site(f, d, kind);
	} else if (kind != VBH_FIELD_NONE) {
		err = relocated(f, d, kind);
	}
	return err ? err : (int)len;
}

static int name(struct feed *f, const u8 *input)
{
	struct vec *v = &f->c->values;
	u64 hash, value;

	memcpy(&hash, input, sizeof(hash));
	sha256_update(&f->c->sha, input, sizeof(hash));
	if (!symbol_find(&f->guest->known, hash, &value))
		return refuse(f, VBH_MODULE_SYMBOL, 0, 0, hash);
	if (vec_grow(f->guest, v, 1))
		return -ENOSPC;
	*(u32 *)vec_at(v, v->nr++) = (u32)value;
	return sizeof(hash);
}

static int export(struct feed *f, const u8 *input)
{
	const struct vbh_export *e = (const struct vbh_export *)input;
	struct vec *v = &f->c->exports;
	struct symbol s;
	u64 value;

	sha256_update(&f->c->sha, input, sizeof(*e));
	if (!value_of(f, e->base, e->addend, &value) || value != (u64)(s32)value)
		return nonsense(f);
	if (vec_grow(f->guest, v, 1))
		return -ENOSPC;
	s.hash = (u32)e->hash;
	s.hash_high = e->hash >> 32;
	s.value = (u32)value;
	s.tag = f->c->ask.tag;
	memcpy(vec_at(v, v->nr++), &s, sizeof(s));
	return sizeof(*e);
}

/* Whatever comes next. */
static int next(struct feed *f, const u8 *input, u32 left)
{
	const struct vbh_layout *l = &f->c->ask.layout;

	if (left < sizeof(struct vbh_field))
		return 0;
	if (f->c->values.nr < l->symbols)
		return name(f, input);
	if (f->c->exports.nr < l->exports)
		return left < sizeof(struct vbh_export) ? 0 : export(f, input);
	return field(f, input, left);
}

int module_feed(struct vbh_vcpu *vcpu, u32 len, struct module_refusal *why)
{
	struct feed f = {
		.vcpu = vcpu,
		.guest = vcpu->guest,
		.c = &vcpu->guest->module.check,
		.why = why,
	};
	u32 used, i;
	int n = 1, err;

	for (used = 0; used < len && f.hashed < LITERAL_MAX; used += n) {
		n = next(&f, (u8 *)f.c->input + used, len - used);
		if (n <= 0)
			break;
	}
	for (i = 0; i < NR_BATCHES; i++) {
		err = flush(&f, i);
		if (err && n >= 0)
			n = err;
	}
	return n < 0 ? n : (int)used;
}
