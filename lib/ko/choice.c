// SPDX-License-Identifier: LGPL-2.1
/*
 * What Linux's loader chooses by processor and command line, as choices: each
 * byte string that arch/x86/kernel/alternative.c could leave behind. Which of
 * them it should have been on this machine is not asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
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

/* add_nops() */
static void fill_nops(uint8_t *to, uint32_t n)
{
	static const uint8_t nops[9][8] = {
		{ 0 }, { 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0x00 }, { 0x0f, 0x1f, 0x40, 0x00 },
		{ 0x0f, 0x1f, 0x44, 0x00, 0x00 }, { 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
	};

	while (n) {
		uint32_t part = n < 8 ? n : 8;

		memcpy(to, nops[part], part);
		to += part;
		n -= part;
	}
}

/* As it is, and with the NOPs at its end made longer ones (optimize_nops()). */
static int add_both(struct place *p, const struct option *o)
{
	struct option longer = *o;
	uint32_t n = 0;
	int err = add(p, o);

	while (n < p->len && o->bytes[p->len - 1 - n] == 0x90 &&
	       (o->field < 0 || p->len - 1 - n >= (uint32_t)o->field + 4))
		n++;
	if (err || n < 2)
		return err;
	fill_nops(longer.bytes + p->len - n, n);
	return add(p, &longer);
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

/* CALL *%reg or JMP *%reg (emit_indirect()) */
static uint32_t indirect(uint8_t *to, bool call, unsigned int reg)
{
	uint32_t n = 0;

	if (reg >= 8)
		to[n++] = 0x41;
	to[n++] = 0xff;
	to[n++] = (uint8_t)((call ? 0xd0 : 0xe0) + (reg & 7));
	return n;
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
	static const uint8_t lfence_insn[] = { 0x0f, 0xae, 0xe8 };
	struct option its = *thunk;
	bool jcc = thunk->bytes[at] == 0x0f, call = thunk->bytes[at + len - 5] == 0xe8 && !jcc;
	int err;

	for (int lfence = 0; lfence < 2; lfence++) {
		struct option o = *thunk;
		uint8_t bytes[16];
		uint32_t n = 0, nops = 0;

		if (jcc) {
			bytes[n++] = (uint8_t)(0x70 + ((thunk->bytes[at + 1] & 0xf) ^ 1));
			bytes[n++] = (uint8_t)(len - 2);
		}
		if (lfence) {
			memcpy(bytes + n, lfence_insn, sizeof(lfence_insn));
			n += 3;
		}
		n += indirect(bytes + n, call, reg);
		if (!call && n < len)
			bytes[n++] = 0xcc;
		if (n > len)
			continue;
		nops = len - n;
		fill_nops(bytes + n, nops);
		memcpy(o.bytes + at, bytes, len);
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

/* The len bytes at a place are one of these two. */
static int either(struct place *p, uint32_t len, const struct option *a, const struct option *b)
{
	int err;

	p->len = len;
	err = add(p, a);
	if (!err)
		err = add(p, b);
	if (!err)
		err = finish(p);
	free(p->options);
	return err;
}

/* LOCK becomes a DS prefix on a machine with one processor. */
static int add_lock(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
		    void *data)
{
	struct option lock = { .field = -1, .bytes = { 0xf0 } };
	struct option ds = { .field = -1, .bytes = { 0x3e } };
	struct place p;
	int err = place_of(ko, s, r, &p);

	(void)data;
	if (err || owned(&p) || *image_at(&p) != 0xf0)
		return err;
	return either(&p, 1, &lock, &ds);
}

static int add_endbr(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
		     void *data)
{
	struct option endbr = { .field = -1, .bytes = { 0xf3, 0x0f, 0x1e, 0xfa } };
	struct option poison = { .field = -1, .bytes = { 0x66, 0x0f, 0x1f, 0x00 } };
	struct place p;
	int err = place_of(ko, s, r, &p);

	(void)data;
	if (err || owned(&p))
		return err;
	return either(&p, 4, &endbr, &poison);
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

/* The indirect call through pv_ops may become a direct one, or none (paravirt_patch()). */
static int add_paravirt(struct place *p, const struct option *orig, uint32_t len,
			uint8_t element)
{
	struct option call = *orig, none = *orig;
	int err;

	if (len < 5 || len > p->len)
		return ko_refuse(p->ko, "a paravirt call at 0x%x has %u bytes", p->offset, len);
	call.bytes[0] = 0xe8;
	memset(call.bytes + 1, 0, 4);
	call.field = 1;
	call.kind = VBH_FIELD_PC32;
	err = ko_pv_op(p->ko, element, &call.to);
	if (err)
		return err;
	fill_nops(call.bytes + 5, len - 5);
	fill_nops(none.bytes, len);
	none.field = -1;
	none.kind = 0;
	none.to = (struct ko_target){ 0 };
	err = add_both(p, &call);
	return err ? err : add_both(p, &none);
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
	return err || !paravirt ? err : add_paravirt(p, &o, paravirt, element);
}

/*
 * JMP in a replacement: leads to the same place from where it is copied to, and
 * becomes a short one if that is near and ahead (recompute_jump()).
 */
static void move_jump(const struct place *p, struct option *o)
{
	int64_t distance = (int64_t)o->to.addend + 4 - p->offset;	/* from its first byte */

	if (o->to.base != ko_text_base(p->part) ||
	    distance < 0 || distance - 2 > 127)
		return;
	o->bytes[0] = 0xeb;
	o->bytes[1] = (uint8_t)(distance - 2);
	fill_nops(o->bytes + 2, 3);
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

static int add_replacement(struct place *p, enum ko_part part, uint32_t from, uint32_t len)
{
	struct option o;
	bool branch;
	int err;

	if (len > p->len)
		return ko_refuse(p->ko, "an alternative at 0x%x is longer than its place", from);
	if (!len) {
		memset(&o, 0, sizeof(o));
		o.field = -1;
	} else {
		err = take_code(p, part, from, len, &o);
		if (err)
			return err;
	}
	branch = len == 5 && (o.bytes[0] == 0xe8 || o.bytes[0] == 0xe9);
	if (branch && o.field < 0) {
		err = find_target(p, part, from, &o);
		if (err)
			return err;
	}
	/* Other distances are copied as they are, and lead elsewhere from there. */
	if (!branch && o.field >= 0 && o.kind == VBH_FIELD_PC32) {
		if (part != p->part)
			return ko_refuse(p->ko, "an alternative at 0x%x refers to data", from);
		err = shift(p, &o.to, (int32_t)p->offset - (int32_t)from);
		if (err)
			return err;
	}
	if (branch && o.bytes[0] == 0xe9)
		move_jump(p, &o);
	memset(o.bytes + len, 0x90, p->len - len);
	return add_both(p, &o);
}

#define ALT_ENTRY	12	/* struct alt_instr: two distances, feature, two lengths */

static int alternative_at(struct ko *ko, const struct ko_section *s, uint32_t i, struct place *p)
{
	struct ko_reloc r;
	int err;

	*p = (struct place){ .ko = ko };
	if (ko_reloc_in(s, i, 4, &r) != 1)
		return ko_refuse(ko, "%s+0x%x has no relocation", s->name, i);
	err = place_of(ko, s, &r, p);
	p->len = s->data[i + 10];
	return err;
}

/* All entries for the place that entry `first` names. */
static int add_alternative(struct ko *ko, const struct ko_section *s, uint32_t first)
{
	struct place p, other, repl = { 0 };
	struct ko_reloc r;
	int err = alternative_at(ko, s, first, &p);

	if (err || !p.len || owned(&p))
		return err;
	err = add_original(&p);
	for (uint32_t i = first; !err && i + ALT_ENTRY <= s->sh.sh_size; i += ALT_ENTRY) {
		err = alternative_at(ko, s, i, &other);
		if (err || other.part != p.part || other.offset != p.offset)
			continue;
		if (other.len != p.len)
			err = ko_refuse(ko, "%s+0x%x: alternatives of two lengths", s->name, i);
		else if (ko_reloc_in(s, i + 4, 4, &r) != 1)
			err = ko_refuse(ko, "%s+0x%x has no relocation", s->name, i + 4);
		else
			err = place_of(ko, s, &r, &repl);
		if (!err)
			err = add_replacement(&p, repl.part, repl.offset, s->data[i + 11]);
	}
	return end_place(&p, err);
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
	const struct ko_section *s = ko_find(ko, ".altinstructions");
	int err = 0;

	for (uint32_t i = 0; s && s->data && !err && i + ALT_ENTRY <= s->sh.sh_size; i += ALT_ENTRY)
		err = add_alternative(ko, s, i);
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
