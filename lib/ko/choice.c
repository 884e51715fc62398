// SPDX-License-Identifier: LGPL-2.1
/*
 * What Linux's loader chooses by processor and command line, as choices: each
 * byte string that arch/x86/kernel/alternative.c could leave behind, of any kernel
 * (elf/shape.h). Which of them it should have been on this machine is not asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "elf/insn.h"
#include "elf/shape.h"
#include "ko.h"

#define OPTIONS_MAX	2048u	/* bytes for one place: half of a page that is fed */

/* One option on its way: bytes, and at most one relocated field in them. */
struct option {
	uint8_t bytes[VBH_CHOICE_MAX];
	int field;		/* -1: none */
	uint8_t kind;
	struct ko_target to;
};

/* A place for which there are options. */
struct place {
	struct ko *ko;
	enum ko_part part;
	uint32_t offset, len;
	struct option *options;
	size_t nr;
};

static const uint8_t *image_at(const struct place *p)
{
	return p->ko->part[p->part].bytes + p->offset;
}

static bool same(const struct option *a, const struct option *b, uint32_t len)
{
	return !memcmp(a->bytes, b->bytes, len) && a->field == b->field && a->kind == b->kind &&
	       a->to.base == b->to.base && a->to.addend == b->to.addend;
}

/* Bytes of an option for this place in a description. */
static uint32_t option_size(const struct place *p)
{
	return (uint32_t)sizeof(struct vbh_choice) + ((p->len + 7) & ~7u);
}

static int add(struct place *p, const struct option *o)
{
	struct option *all;

	for (size_t i = 0; i < p->nr; i++)
		if (same(&p->options[i], o, p->len))
			return 0;
	if ((p->nr + 1) * option_size(p) > OPTIONS_MAX)
		return ko_refuse(p->ko, "too many alternatives for 0x%x", p->offset);
	all = realloc(p->options, (p->nr + 1) * sizeof(*all));
	if (!all)
		return -ENOMEM;
	p->options = all;
	all[p->nr++] = *o;
	return 0;
}

/* A distance that is not zero, so that no jump looks as if it led nowhere. */
#define SOME_DISTANCE	0x55

/* As it is, and with its NOPs made longer ones, as each kernel does it. */
static int add_both(struct place *p, const struct option *o)
{
	int err = add(p, o);

	for (int form = 0; !err && form < NR_NOP_FORMS; form++) {
		struct option longer = *o;

		if (o->field >= 0)
			memset(longer.bytes + o->field, SOME_DISTANCE, 4);
		nops_optimize(form, longer.bytes, p->len);
		if (o->field >= 0)
			memset(longer.bytes + o->field, 0, 4);
		err = add(p, &longer);
	}
	return err;
}

/*
 * Code of the module that stands, or is copied, to where p is: with the field
 * that is relocated in it. from: where in the same part it is.
 */
static int take_code(struct place *p, enum ko_part part, uint32_t from, uint32_t len,
		     struct option *o)
{
	struct ko *ko = p->ko;
	const struct ko_section *s = ko_section_at(ko, part, from);
	struct ko_reloc r;
	int n, err;

	memset(o, 0, sizeof(*o));
	o->field = -1;
	if (!len || len > VBH_CHOICE_MAX || !s || len > s->sh.sh_size - (from - s->offset))
		return ko_refuse(ko, "the code at 0x%x that may be replaced has %u bytes", from,
				 len);
	memcpy(o->bytes, ko->part[part].bytes + from, len);
	n = ko_reloc_in(s, from - s->offset, len, &r);
	if (!n)
		return 0;
	err = ko_target(ko, s, &r, &o->to);
	if (err)
		return err;
	o->field = (int)(r.offset - (from - s->offset));
	if ((uint32_t)o->field + 4 > len)
		return ko_refuse(ko, "%s+0x%x: a relocation goes beyond what may be replaced",
				 s->name, r.offset);
	switch (n > 1 ? R_X86_64_NONE : r.type) {
	case R_X86_64_32:
	case R_X86_64_32S:
		o->kind = VBH_FIELD_ABS32;
		return 0;
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		o->kind = VBH_FIELD_PC32;
		return 0;
	}
	return ko_refuse(ko, "%s+0x%x: an alternative with more than one relocation, or of an unknown type",
			 s->name, r.offset);
}

static int finish(struct place *p)
{
	uint32_t size = option_size(p);
	struct ko_field field = {
		.offset = p->offset, .len = p->len, .kind = VBH_FIELD_CHOICE,
		.options_len = (uint32_t)p->nr * size,
		.to.base = (uint16_t)p->len, .to.addend = (int32_t)((uint32_t)p->nr * size),
	};
	int err;

	field.options = calloc(p->nr, size);
	if (!field.options)
		return -ENOMEM;
	for (size_t i = 0; i < p->nr; i++) {
		const struct option *o = &p->options[i];
		struct vbh_choice *c = (struct vbh_choice *)(field.options + i * size);

		c->field = o->field < 0 ? VBH_CHOICE_PLAIN : (uint8_t)o->field;
		c->kind = o->kind;
		c->base = o->to.base;
		c->addend = o->to.addend;
		memcpy(c + 1, o->bytes, p->len);
	}
	err = ko_add(p->ko, p->part, field);
	if (err)
		free(field.options);
	return err < 0 ? err : 0;
}

/* The place is through, with err so far: a field if that is 0. */
static int end_place(struct place *p, int err)
{
	if (!err)
		err = finish(p);
	free(p->options);
	return err;
}

/* What is meant is that many bytes behind it. */
static int shift(const struct place *p, struct ko_target *to, int32_t by)
{
	if (__builtin_add_overflow(to->addend, by, &to->addend))
		return ko_refuse(p->ko, "what the code for 0x%x leads to is too far away",
				 p->offset);
	return 0;
}

static bool owned(const struct place *p)
{
	return p->ko->part[p->part].owner[p->offset];
}

/* The place that a table's relocation names. */
static int place_of(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
		    struct place *p)
{
	struct ko_target at;
	int err = ko_target(ko, s, r, &at);

	*p = (struct place){ .ko = ko, 
		.part = at.base == ko_text_base(KO_INIT) ? KO_INIT : KO_CORE };
	if (err)
		return err;
	if (at.base != ko_text_base(p->part) || at.addend < 0 ||
	    (uint32_t)at.addend >= ko->part[p->part].text)
		return ko_refuse(ko, "%s+0x%x names a place outside of text", s->name, r->offset);
	p->offset = (uint32_t)at.addend;
	return 0;
}

/* The register of a thunk's name, in the order of GEN_REG(). */
static int thunk_reg(const char *name)
{
	static const char * const regs[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};

	if (strncmp(name, "__x86_indirect_thunk_", 21))
		return -1;
	for (int i = 0; i < 16; i++)
		if (!strcmp(name + 21, regs[i]))
			return i;
	return -1;
}

/*
 * What patch_retpoline() makes of a call, jump or conditional jump to a thunk, in
 * the `len` bytes at `at` of an option: with LFENCE only if that fits.
 */
static int add_indirect(struct place *p, const struct option *thunk, uint32_t at, uint32_t len,
			unsigned int reg)
{
	struct option its = *thunk;
	int err;

	for (int form = 0; form < 2 * NR_INDIRECT_FORMS; form++) {
		struct option o = *thunk;

		if (!retpoline_inline(form / 2, thunk->bytes + at, len, form % 2, reg,
				      o.bytes + at))
			continue;
		o.field = -1;
		o.kind = 0;
		o.to = (struct ko_target){ 0 };
		err = add_both(p, &o);
		if (err)
			return err;
	}
	/* Or a call of a thunk of the module's own (emit_its_trampoline()). */
	its.to = (struct ko_target){ .base = VBH_BASE_THUNK, .addend = (int32_t)reg };
	return add(p, &its);
}

/* The option itself, and if there is a call of a thunk in it, what that may become. */
static int add_code(struct place *p, const struct option *o, int reg)
{
	uint32_t len = 5, at = (uint32_t)o->field - 1;
	int err = add_both(p, o);

	if (err || reg < 0)
		return err;
	if (o->field < 1)
		return ko_refuse(p->ko, "the call of a thunk at 0x%x has no first byte", p->offset);
	if (o->field >= 2 && ((o->bytes[o->field - 2] == 0x0f &&
			       (o->bytes[o->field - 1] & 0xf0) == 0x80) ||
			      o->bytes[o->field - 2] == 0x2e)) {
		len = 6;
		at--;
	}
	return add_indirect(p, o, at, len, (unsigned int)reg);
}

/* In the place's own code: the register if it calls a thunk, or -1. */
static int reg_in(const struct place *p)
{
	const struct ko_section *s = ko_section_at(p->ko, p->part, p->offset);
	struct ko_reloc r;

	if (!s || ko_reloc_in(s, p->offset - s->offset, p->len, &r) != 1)
		return -1;
	return thunk_reg(ko_sym_name(p->ko, r.sym));
}

static int add_retpoline(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
			 void *data)
{
	struct option o;
	struct place p;
	int err = place_of(ko, s, r, &p);

	(void)data;
	if (err || owned(&p))
		return err;
	p.len = *image_at(&p) == 0xe8 || *image_at(&p) == 0xe9 ? 5 : 6;
	err = take_code(&p, p.part, p.offset, p.len, &o);
	if (!err && reg_in(&p) < 0)
		err = ko_refuse(ko, "%s+0x%x names no call of a thunk", s->name, r->offset);
	if (!err)
		err = add_code(&p, &o, reg_in(&p));
	return end_place(&p, err);
}

static int add_return(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
		      void *data)
{
	struct ko_field field = { .len = 5, .kind = VBH_FIELD_RETURN };
	struct option o = { .field = -1 };
	struct place p;
	int err = place_of(ko, s, r, &p);

	(void)data;
	if (err || owned(&p))
		return err;
	p.len = 5;
	err = take_code(&p, p.part, p.offset, p.len, &o);
	if (!err && (o.field != 1 || o.bytes[0] != 0xe9))
		err = ko_refuse(ko, "%s+0x%x names no jump to the return thunk", s->name,
				r->offset);
	field.offset = p.offset;
	field.to = o.to;
	/* The relocation is to four bytes behind the field. */
	if (!err)
		err = shift(&p, &field.to, 4);
	if (!err)
		err = ko_add(ko, p.part, field);
	return err < 0 ? err : 0;
}

/* The len bytes at a place are one of these. */
static int one_of(struct place *p, uint32_t len, const uint8_t *const *bytes, size_t n)
{
	struct option o = { .field = -1 };
	int err = 0;

	p->len = len;
	for (size_t i = 0; !err && i < n; i++) {
		memcpy(o.bytes, bytes[i], len);
		err = add(p, &o);
	}
	return end_place(p, err);
}

/* LOCK becomes a DS prefix on a machine with one processor. */
static int add_lock(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
		    void *data)
{
	static const uint8_t lock = 0xf0, ds = 0x3e;
	const uint8_t *const bytes[] = { &lock, &ds };
	struct place p;
	int err = place_of(ko, s, r, &p);

	(void)data;
	if (err || owned(&p) || *image_at(&p) != lock)
		return err;
	return one_of(&p, 1, bytes, 2);
}

static int add_endbr(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
		     void *data)
{
	static const uint8_t endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const uint8_t *bytes[1 + NR_ENDBR_POISONS] = { endbr };
	struct place p;
	int err = place_of(ko, s, r, &p);

	(void)data;
	if (err || owned(&p))
		return err;
	for (size_t i = 0; i < NR_ENDBR_POISONS; i++)
		bytes[1 + i] = endbr_poisons[i];
	return one_of(&p, sizeof(endbr), bytes, 1 + NR_ENDBR_POISONS);
}

/* struct paravirt_patch_site: address, element of pv_ops, length; 16 bytes. 0: none is here. */
static uint32_t paravirt_at(struct ko *ko, const struct place *p, uint8_t *element)
{
	const struct ko_section *s = ko_find(ko, ".parainstructions");
	struct ko_target at;
	struct ko_reloc r;

	for (uint32_t i = 0; s && s->data && i + 16 <= s->sh.sh_size; i += 16) {
		if (ko_reloc_in(s, i, 8, &r) != 1 || ko_target(ko, s, &r, &at))
			return 0;
		if (at.base == ko_text_base(p->part) &&
		    at.addend == (int32_t)p->offset) {
			*element = s->data[i + 8];
			return s->data[i + 9];
		}
	}
	return 0;
}

/*
 * The indirect call through pv_ops may become a direct one, or none: by
 * paravirt_patch(), or since 6.8 by alt_replace_call().
 */
static int add_paravirt(struct place *p, const struct option *orig, uint32_t len,
			const char *table, uint32_t element)
{
	struct option call = *orig, none = *orig;
	int err;

	if (len < 5 || len > p->len)
		return ko_refuse(p->ko, "a paravirt call at 0x%x has %u bytes", p->offset, len);
	call.bytes[0] = 0xe8;
	memset(call.bytes + 1, 0, 4);
	call.field = 1;
	call.kind = VBH_FIELD_PC32;
	err = ko_pv_op(p->ko, table, element, &call.to);
	if (err)
		return err;
	memset(call.bytes + 5, 0x90, len - 5);
	memset(none.bytes, 0x90, len);
	none.field = -1;
	none.kind = 0;
	none.to = (struct ko_target){ 0 };
	err = add_both(p, &call);
	return err ? err : add_both(p, &none);
}

/* CALL *table+offset(%rip), which an entry says becomes a direct call. */
static int add_direct_call(struct place *p, const struct option *orig)
{
	const struct ko_section *s = ko_section_at(p->ko, p->part, p->offset);
	struct ko_reloc r;

	if (p->len < 6 || orig->bytes[0] != 0xff || orig->bytes[1] != 0x15 || !s ||
	    ko_reloc_in(s, p->offset - s->offset, 6, &r) != 1 ||
	    r.offset != p->offset - s->offset + 2 || r.addend < -4 || (r.addend + 4) % 8 ||
	    p->ko->syms[r.sym].st_shndx != SHN_UNDEF)
		return ko_refuse(p->ko, "the call at 0x%x that is to become a direct one is none of a table's",
				 p->offset);
	return add_paravirt(p, orig, 6, ko_sym_name(p->ko, r.sym), (uint32_t)(r.addend + 4) / 8);
}

/* The place's own code, however it was changed before alternatives are looked at. */
static int add_original(struct place *p)
{
	uint8_t element = 0;
	uint32_t paravirt = paravirt_at(p->ko, p, &element);
	struct option o;
	int err = take_code(p, p->part, p->offset, p->len, &o);

	if (!err)
		err = add_code(p, &o, reg_in(p));
	return err || !paravirt ? err : add_paravirt(p, &o, paravirt, "pv_ops", element);
}

/*
 * JMP in a replacement: leads to the same place from where it is copied to, and
 * becomes a short one if that is near.
 */
static void move_jump(const struct place *p, const struct alt_shape *shape, struct option *o,
		      uint32_t at)
{
	/* From its first byte. */
	int64_t distance = (int64_t)o->to.addend + 4 - p->offset - at;

	/* Below it a shape that does not relocate has none that are short. */
	if (o->to.base != ko_text_base(p->part) ||
	    (!shape->relocated && distance < 0) ||
	    !jump_shorten(shape, o->bytes + at, distance))
		return;
	o->field = -1;
	o->kind = 0;
	o->to = (struct ko_target){ 0 };
}

/* CALL or JMP without a relocation: to somewhere else in the same section. */
static int find_target(const struct place *p, enum ko_part part, uint32_t from,
		       struct option *o)
{
	int32_t rel;

	memcpy(&rel, o->bytes + 1, sizeof(rel));
	memset(o->bytes + 1, 0, 4);
	o->field = 1;
	o->kind = VBH_FIELD_PC32;
	o->to.base = ko_text_base(part);
	o->to.addend = rel;
	return shift(p, &o->to, (int32_t)from + 1);
}

/* As apply_alternatives() of before 6.3 does it, where only one CALL or JMP is moved. */
static int move_branch(struct place *p, enum ko_part part, uint32_t from, uint32_t len,
		       struct option *o)
{
	bool branch = len == 5 && (o->bytes[0] == 0xe8 || o->bytes[0] == 0xe9);
	int err = 0;

	if (branch && o->field < 0)
		err = find_target(p, part, from, o);
	/* Other distances are copied as they are, and lead elsewhere from there. */
	if (!err && !branch && o->field >= 0 && o->kind == VBH_FIELD_PC32) {
		if (part != p->part)
			return ko_refuse(p->ko, "an alternative at 0x%x refers to data", from);
		err = shift(p, &o->to, (int32_t)p->offset - (int32_t)from);
	}
	return err;
}

/* A distance of n bytes at `at`, within one part, from where it is copied to. */
static int move_distance(struct place *p, struct option *o, uint32_t at, uint32_t n, int64_t by)
{
	int64_t distance = 0;

	memcpy(&distance, o->bytes + at, n);
	distance = n == 1 ? (int8_t)distance : (int32_t)distance;
	distance += by;
	if (distance != (n == 1 ? (int8_t)distance : (int32_t)distance))
		return ko_refuse(p->ko, "an alternative for 0x%x leads too far away", p->offset);
	memcpy(o->bytes + at, &distance, n);
	return 0;
}

/*
 * As __apply_relocation() does it. A relocated distance leads where the relocation
 * says, from wherever it stands; what has none is in the same section as the
 * replacement, and stays as it is if that is within it.
 */
static int move_all(struct place *p, const struct alt_shape *shape, enum ko_part part,
		    uint32_t from, uint32_t len, struct option *o)
{
	struct insn i;
	int err = 0;

	for (uint32_t at = 0; !err && at < len; at += i.len) {
		uint32_t field, n = 4;
		int64_t to = 0;

		if (!insn_decode(o->bytes + at, len - at, &i))
			return ko_refuse(p->ko, "an alternative at 0x%x has an unknown instruction",
					 from + at);
		if (insn_is_branch(&i)) {
			field = at + i.imm;
			n = i.imm_len;
		} else if (i.rip) {
			field = at + i.rip;
		} else {
			continue;
		}
		if (o->field == (int)field) {
			if (o->kind != VBH_FIELD_PC32)
				return ko_refuse(p->ko, "an alternative at 0x%x has a distance that is none",
						 from + at);
			if (insn_is_branch(&i) && i.op[0] == 0xe9)
				move_jump(p, shape, o, at);
			continue;
		}
		memcpy(&to, o->bytes + field, n);
		to = at + i.len + (n == 1 ? (int8_t)to : (int32_t)to);
		if (to >= 0 && to <= len)
			continue;
		/* In the other part it is how far away? */
		if (part != p->part)
			return ko_refuse(p->ko, "an alternative at 0x%x leads to its own section", from);
		err = move_distance(p, o, field, n, (int64_t)from - p->offset);
		if (!err && i.op[0] == 0xe9)
			jump_shorten(shape, o->bytes + at,
				     to - at + (int64_t)from - p->offset);
	}
	return err;
}

static int add_replacement(struct place *p, const struct alt_shape *shape, enum ko_part part,
			   uint32_t from, uint32_t len)
{
	struct option o = { .field = -1 };
	int err = 0;

	if (len > p->len)
		return ko_refuse(p->ko, "an alternative at 0x%x is longer than its place", from);
	if (len)
		err = take_code(p, part, from, len, &o);
	if (!err && shape->relocated)
		err = move_all(p, shape, part, from, len, &o);
	else if (!err)
		err = move_branch(p, part, from, len, &o);
	if (err)
		return err;
	if (!shape->relocated && len == 5 && o.bytes[0] == 0xe9 && o.field == 1)
		move_jump(p, shape, &o, 0);
	memset(o.bytes + len, 0x90, p->len - len);
	return add_both(p, &o);
}

/* The table of alternatives, and the form of its entries. */
struct alts {
	const struct ko_section *s;
	const struct alt_shape *shape;
};

static int alternative_at(struct ko *ko, const struct alts *t, uint32_t i, struct place *p,
			  struct alt *alt)
{
	struct ko_reloc r;
	int err;

	*p = (struct place){ .ko = ko };
	if (ko_reloc_in(t->s, i, 4, &r) != 1)
		return ko_refuse(ko, "%s+0x%x has no relocation", t->s->name, i);
	err = place_of(ko, t->s, &r, p);
	alt_read(t->shape, t->s->data + i, alt);
	p->len = alt->len;
	return err;
}

/* All that the entry at i makes of the place p. */
static int add_chosen(struct place *p, const struct alts *t, uint32_t i, const struct alt *alt)
{
	struct place repl = { 0 };
	struct option orig;
	struct ko_reloc r;
	int err;

	if (ko_reloc_in(t->s, i + 4, 4, &r) != 1)
		return ko_refuse(p->ko, "%s+0x%x has no relocation", t->s->name, i + 4);
	if (alt->direct_call) {
		err = take_code(p, p->part, p->offset, p->len, &orig);
		return err ? err : add_direct_call(p, &orig);
	}
	err = place_of(p->ko, t->s, &r, &repl);
	return err ? err : add_replacement(p, t->shape, repl.part, repl.offset,
					   alt->replacement_len);
}

/* All entries for the place that entry `first` names. */
static int add_alternative(struct ko *ko, const struct alts *t, uint32_t first)
{
	struct place p, other;
	struct alt alt;
	uint32_t i, size = t->shape->size;
	int err = alternative_at(ko, t, first, &p, &alt);

	if (err || !p.len || owned(&p))
		return err;
	for (i = first; !err && i + size <= t->s->sh.sh_size; i += size) {
		err = alternative_at(ko, t, i, &other, &alt);
		if (err || other.part != p.part || other.offset != p.offset ||
		    other.len == p.len)
			continue;
		if (!t->shape->relocated)
			err = ko_refuse(ko, "%s+0x%x: alternatives of two lengths", t->s->name, i);
		if (other.len > p.len)
			p.len = other.len;
	}
	if (!err)
		err = add_original(&p);
	for (i = first; !err && i + size <= t->s->sh.sh_size; i += size) {
		err = alternative_at(ko, t, i, &other, &alt);
		if (!err && other.part == p.part && other.offset == p.offset)
			err = add_chosen(&p, t, i, &alt);
	}
	return end_place(&p, err);
}

static int add_alternatives(struct ko *ko)
{
	struct alts t = { .s = ko_find(ko, ".altinstructions") };
	size_t size = t.s ? alt_size(t.s->sh.sh_entsize, t.s->sh.sh_size, t.s->nr_relocs) : 0;
	int err = 0;

	if (!t.s || !t.s->data)
		return 0;
	t.shape = alt_shape(size);
	if (!t.shape)
		return ko_refuse(ko, "%s: the form of its entries is not known (%zu bytes)",
				 t.s->name, size);
	for (uint32_t i = 0; !err && i + size <= t.s->sh.sh_size; i += (uint32_t)size)
		err = add_alternative(ko, &t, i);
	return err;
}

/* A paravirt call that no alternative replaces. */
static int add_paravirt_only(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
			     void *data)
{
	uint8_t element;
	struct place p;
	int err = place_of(ko, s, r, &p);

	(void)data;
	if (err || owned(&p))
		return err;
	p.len = paravirt_at(ko, &p, &element);
	err = add_original(&p);
	return end_place(&p, err);
}

static int each(struct ko *ko, const char *name,
		int (*fn)(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
			  void *data))
{
	const struct ko_section *s = ko_find(ko, name);

	return s ? ko_each_reloc(ko, s, fn, NULL) : 0;
}

int ko_choices(struct ko *ko)
{
	int err = add_alternatives(ko);

	if (!err)
		err = each(ko, ".parainstructions", add_paravirt_only);
	if (!err)
		err = each(ko, ".retpoline_sites", add_retpoline);
	if (!err)
		err = each(ko, ".return_sites", add_return);
	if (!err)
		err = each(ko, ".smp_locks", add_lock);
	return err ? err : each(ko, ".ibt_endbr_seal", add_endbr);
}
