// SPDX-License-Identifier: LGPL-2.1
/*
 * Which bytes of a module's text and constants are not those of its file once it
 * is loaded, and what stands there instead: patch sites and functions, what is
 * chosen while it loads (choice.c), relocations. What comes first owns its
 * bytes: a relocation within a patch site is the site's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "elf/shape.h"
#include "ko.h"

int ko_add(struct ko *ko, enum ko_part part, struct ko_field field)
{
	struct ko_image *image = &ko->part[part];
	uint32_t end = field.offset + field.len, owner;

	if (end < field.offset || end > image->ro)
		return ko_refuse(ko, "a field at 0x%x is out of range", field.offset);
	owner = image->owner[field.offset];
	/* One without bytes may stand before another field, and not within it. */
	if (owner && !field.len && image->fields[owner - 1].offset != field.offset)
		return ko_refuse(ko, "a function begins at 0x%x, within what may be changed",
				 field.offset);
	if (!field.len)
		owner = 0;
	for (uint32_t i = field.offset; i < end; i++)
		if (image->owner[i] != owner)
			return ko_refuse(ko, "fields overlap at 0x%x", i);
	if (owner)
		return 1;
	if (image->nr == image->room) {
		size_t room = image->room ? 2 * image->room : 256;
		struct ko_field *fields = realloc(image->fields, room * sizeof(*fields));

		if (!fields)
			return -ENOMEM;
		image->fields = fields;
		image->room = room;
	}
	image->fields[image->nr++] = field;
	for (uint32_t i = field.offset; i < end; i++)
		image->owner[i] = (uint32_t)image->nr;
	return 0;
}

/* Where a target is in text; false: elsewhere. */
static bool in_text(const struct ko *ko, const struct ko_target *to, enum ko_part *part)
{
	*part = to->base == ko_text_base(KO_INIT) ? KO_INIT : KO_CORE;
	return to->base == ko_text_base(*part) && to->addend >= 0 &&
	       (uint32_t)to->addend + 8 <= ko->part[*part].text;
}

static int add_site(struct ko *ko, const struct ko_section *table, const struct ko_target *at,
		    struct ko_field field)
{
	enum ko_part part;
	int err;

	if (!in_text(ko, at, &part))
		return ko_refuse(ko, "%s names a place outside of text", table->name);
	field.offset = (uint32_t)at->addend;
	err = ko_add(ko, part, field);
	return err > 0 ? ko_refuse(ko, "%s: two kinds of site at 0x%x", table->name,
				   field.offset) : err;
}

static int add_mcount(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
		      void *data)
{
	struct ko_target at;
	int err = ko_target(ko, s, r, &at);

	(void)data;
	return err ? err : add_site(ko, s, &at, (struct ko_field){
		.len = 5, .kind = VBH_FIELD_MCOUNT });
}

/* The target of the relocation at exactly this offset of a table. */
static int table_target(struct ko *ko, const struct ko_section *s, uint32_t offset,
			struct ko_target *to)
{
	struct ko_reloc r;

	*to = (struct ko_target){ 0 };
	if (ko_reloc_in(s, offset, 1, &r) != 1)
		return ko_refuse(ko, "%s+0x%x has no relocation", s->name, offset);
	return ko_target(ko, s, &r, to);
}

/* struct jump_entry: distances to code and target, and the key's. */
static int add_jumps(struct ko *ko)
{
	static const uint8_t nop2[] = { 0x66, 0x90 };
	const struct ko_section *s = ko_find(ko, "__jump_table");
	struct ko_target at, to;
	enum ko_part part;
	int err = 0;

	for (uint32_t i = 0; s && !err && i + 16 <= s->sh.sh_size; i += 16) {
		const uint8_t *insn;
		bool small;

		err = table_target(ko, s, i, &at);
		if (!err)
			err = table_target(ko, s, i + 4, &to);
		if (err || !in_text(ko, &at, &part))
			return err ? err : ko_refuse(ko, "%s+0x%x is not in text", s->name, i);
		insn = ko->part[part].bytes + at.addend;
		small = insn[0] == 0xeb || !memcmp(insn, nop2, sizeof(nop2));
		err = add_site(ko, s, &at, (struct ko_field){
			.len = small ? 2 : 5, .to = to,
			.kind = small ? VBH_FIELD_JUMP2 : VBH_FIELD_JUMP5 });
	}
	return err;
}

#define STATIC_CALL_TAIL	1	/* STATIC_CALL_SITE_TAIL, in the low bits of the key */

/* struct static_call_site: distances to the call and to its key, with flags. */
static int add_calls(struct ko *ko)
{
	const struct ko_section *s = ko_find(ko, ".static_call_sites");
	struct ko_target at, key;
	enum ko_part part;
	int err = 0;

	for (uint32_t i = 0; s && !err && i + 8 <= s->sh.sh_size; i += 8) {
		struct ko_field field = { .len = 5, .kind = VBH_FIELD_CALL };
		const uint8_t *insn;

		err = table_target(ko, s, i, &at);
		if (!err)
			err = table_target(ko, s, i + 4, &key);
		if (err || !in_text(ko, &at, &part))
			return err ? err : ko_refuse(ko, "%s+0x%x is not in text", s->name, i);
		insn = ko->part[part].bytes + at.addend;
		if (key.addend & STATIC_CALL_TAIL)
			field.kind = VBH_FIELD_TAIL5;
		if (key.addend & STATIC_CALL_TAIL && insn[0] == 0x0f) {
			field.kind = VBH_FIELD_TAIL6;
			field.len = 6;
			field.to.addend = insn[1];
		}
		err = add_site(ko, s, &at, field);
	}
	return err;
}

/* ftrace's site at a function's first byte says itself that it may be called. */
static bool starts_mcount(const struct ko_image *image, uint32_t offset)
{
	uint32_t owner = image->owner[offset];

	return owner && image->fields[owner - 1].kind == VBH_FIELD_MCOUNT &&
	       image->fields[owner - 1].offset == offset;
}

/* Trampolines of static calls, told by their last bytes; all other functions may be called. */
static int add_functions(struct ko *ko, bool trampolines)
{
	static const uint8_t ud1[] = { 0x0f, 0xb9, 0xcc };

	for (uint32_t i = 1; i < ko->nr_syms; i++) {
		const GElf_Sym *y = &ko->syms[i];
		struct ko_field field = { .kind = VBH_FIELD_ENTRY };
		const struct ko_section *s;
		struct ko_image *image;
		bool is_tramp;
		int err;

		/* What is before a function for others to fill is none. */
		if (GELF_ST_TYPE(y->st_info) != STT_FUNC || y->st_shndx >= ko->nr_sections ||
		    !strncmp(ko_sym_name(ko, i), "__pfx_", 6))
			continue;
		s = &ko->sections[y->st_shndx];
		image = &ko->part[s->place == KO_IN_INIT ? KO_INIT : KO_CORE];
		if ((s->place != KO_IN_CORE && s->place != KO_IN_INIT) ||
		    y->st_value >= s->sh.sh_size || s->offset + y->st_value >= image->text)
			continue;
		field.offset = s->offset + (uint32_t)y->st_value;
		is_tramp = !strncmp(ko_sym_name(ko, i), "__SCT__", 7) &&
			   !memcmp(image->bytes + field.offset + 5, ud1, sizeof(ud1));
		if (is_tramp != trampolines)
			continue;
		if (is_tramp) {
			field.kind = VBH_FIELD_TRAMP;
			field.len = 5;
		} else if (starts_mcount(image, field.offset)) {
			continue;
		}
		err = ko_add(ko, s->place == KO_IN_INIT ? KO_INIT : KO_CORE, field);
		if (err < 0)
			return err;
	}
	return 0;
}

/*
 * A physical address, as __pa_symbol() makes one: the distance from -2 GiB, an addend
 * of 2 GiB or more. What it is added to, in the uppermost 2 GiB, makes a number of 32
 * bits of it, and the four bytes above are the zeroes that the file has. 1: added.
 */
static int add_physical(struct ko *ko, enum ko_part part, const struct ko_section *s,
			const struct ko_reloc *r)
{
	struct ko_field field = { .offset = s->offset + r->offset, .len = 4,
				  .kind = VBH_FIELD_ABS32 };
	struct ko_reloc low = *r;
	int err;

	if (r->addend < 1ll << 31 || r->addend >= 1ll << 32)
		return 0;
	if (field.offset < ko->part[part].ro && ko->part[part].owner[field.offset])
		return 1;
	low.addend -= 1ll << 32;
	err = ko_target(ko, s, &low, &field.to);
	if (!err)
		err = ko_add(ko, part, field);
	return err < 0 ? err : 1;
}

static int add_reloc(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
		     void *data)
{
	enum ko_part part = s->place == KO_IN_INIT ? KO_INIT : KO_CORE;
	struct ko_field field = { .offset = s->offset + r->offset, .len = 4 };
	int err;

	(void)data;
	switch (r->type) {
	case R_X86_64_NONE:
		return 0;
	case R_X86_64_64:
		err = add_physical(ko, part, s, r);
		if (err)
			return err < 0 ? err : 0;
		field.kind = VBH_FIELD_ABS64;
		field.len = 8;
		break;
	case R_X86_64_32:
	case R_X86_64_32S:
		field.kind = VBH_FIELD_ABS32;
		break;
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		field.kind = VBH_FIELD_PC32;
		break;
	default:
		return ko_refuse(ko, "%s+0x%x: relocation type %u is not known", s->name,
				 r->offset, r->type);
	}
	if (field.offset < ko->part[part].ro && ko->part[part].owner[field.offset])
		return 0;
	err = ko_target(ko, s, r, &field.to);
	if (!err)
		err = ko_add(ko, part, field);
	return err < 0 ? err : 0;
}

static bool is_image(const struct ko *ko, const struct ko_section *s)
{
	return (s->place == KO_IN_CORE && s->offset < ko->part[KO_CORE].ro) ||
	       (s->place == KO_IN_INIT && s->offset < ko->part[KO_INIT].ro);
}

/*
 * Tables that are put in order while the module loads, by addresses that are not
 * known before, and say where functions and frames are, can't be compared. Those
 * that only the loader reads need not be: one field each, instead of one for every
 * call in the module.
 */
static int add_tables(struct ko *ko)
{
	int err = 0;

	for (size_t i = 1; !err && i < ko->nr_sections; i++) {
		const struct ko_section *s = &ko->sections[i];

		if ((!section_is_sorted(s->name) && !section_is_of_loader(s->name)) ||
		    !is_image(ko, s) || !s->sh.sh_size)
			continue;
		err = ko_add(ko, s->place == KO_IN_INIT ? KO_INIT : KO_CORE, (struct ko_field){
			.offset = s->offset, .len = (uint32_t)s->sh.sh_size,
			.kind = VBH_FIELD_ANY, .to.addend = (int32_t)s->sh.sh_size });
	}
	return err > 0 ? ko_refuse(ko, "tables overlap") : err;
}

/* struct exception_table_entry: distances to instruction and fixup, and what to do. */
struct extable_entry {
	struct ko_target insn, fixup;
	uint8_t data[4];
};

static int by_insn(const void *a, const void *b)
{
	const struct extable_entry *x = a, *y = b;

	return x->insn.addend < y->insn.addend ? -1 : x->insn.addend > y->insn.addend;
}

/* The table is in the image: all of it is. */
static int put_extable(struct ko *ko, const struct ko_section *s,
		       const struct extable_entry *entries, uint32_t n)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < n; i++) {
		uint32_t at = s->offset + i * 12;

		memset(ko->part[KO_CORE].bytes + at, 0, 8);
		memcpy(ko->part[KO_CORE].bytes + at + 8, entries[i].data, 4);
		err = ko_add(ko, KO_CORE, (struct ko_field){
			.offset = at, .len = 4, .kind = VBH_FIELD_PC32, .to = entries[i].insn });
		if (!err)
			err = ko_add(ko, KO_CORE, (struct ko_field){
				.offset = at + 4, .len = 4, .kind = VBH_FIELD_PC32,
				.to = entries[i].fixup });
	}
	return err;
}

/*
 * In the order in which sort_extable() puts them: by instructions. Which part lies
 * above the other is not known: a table with both is not compared.
 */
static int add_extable(struct ko *ko)
{
	const struct ko_section *s = ko_find(ko, "__ex_table");
	uint32_t n = s && s->data && s->place == KO_IN_CORE ? (uint32_t)s->sh.sh_size / 12 : 0;
	struct extable_entry *entries;
	bool mixed = false;
	int err = 0;

	if (!n)
		return 0;
	if (!is_image(ko, s))
		return ko_refuse(ko, "%s is not among the constants", s->name);
	entries = calloc(n, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (uint32_t i = 0; !err && i < n; i++) {
		err = table_target(ko, s, i * 12, &entries[i].insn);
		if (!err)
			err = table_target(ko, s, i * 12 + 4, &entries[i].fixup);
		mixed |= entries[i].insn.base != entries[0].insn.base;
		memcpy(entries[i].data, &s->data[i * 12 + 8], 4);
	}
	if (!err && mixed) {
		err = ko_add(ko, KO_CORE, (struct ko_field){
			.offset = s->offset, .len = n * 12, .kind = VBH_FIELD_ANY,
			.to.addend = (int32_t)(n * 12) });
	} else if (!err) {
		qsort(entries, n, sizeof(*entries), by_insn);
		err = put_extable(ko, s, entries, n);
	}
	free(entries);
	return err > 0 ? ko_refuse(ko, "__ex_table overlaps something") : err;
}

/* struct kernel_symbol: distances to the value, the name and the namespace. */
static int add_exports(struct ko *ko, const char *table)
{
	const struct ko_section *s = ko_find(ko, table);
	const struct ko_section *names = ko_find(ko, "__ksymtab_strings");
	size_t n = s ? s->sh.sh_size / 12 : 0;
	struct vbh_export *e;

	if (!n)
		return 0;
	if (n > s->nr_relocs)
		return ko_refuse(ko, "%s has exports without relocations", s->name);
	e = realloc(ko->exports, (ko->nr_exports + n) * sizeof(*e));
	if (!e)
		return -ENOMEM;
	ko->exports = e;
	for (uint32_t i = 0; i < n; i++) {
		struct ko_target value, name;
		int err = table_target(ko, s, i * 12, &value);

		if (!err)
			err = table_target(ko, s, i * 12 + 4, &name);
		if (err)
			return err;
		if (!names || !names->data || names->place != KO_IN_CORE ||
		    name.base != VBH_BASE_PART + names->part ||
		    (uint32_t)name.addend - names->in_part >= names->sh.sh_size ||
		    names->data[names->sh.sh_size - 1])
			return ko_refuse(ko, "%s: the name of export %u is not among the names",
					 s->name, i);
		ko->exports[ko->nr_exports++] = (struct vbh_export){
			.hash = vbh_symbol_hash((const char *)names->data +
						((uint32_t)name.addend - names->in_part)),
			.addend = value.addend,
			.base = value.base,
		};
	}
	return 0;
}

int ko_describe(struct ko *ko)
{
	const struct ko_section *mcount = ko_find(ko, "__mcount_loc");
	int err = add_tables(ko);

	if (!err)
		err = add_extable(ko);
	if (!err && mcount)
		err = ko_each_reloc(ko, mcount, add_mcount, NULL);
	if (!err)
		err = add_jumps(ko);
	if (!err)
		err = add_calls(ko);
	if (!err)
		err = add_functions(ko, true);
	if (!err)
		err = ko_choices(ko);
	for (size_t i = 1; !err && i < ko->nr_sections; i++)
		if (is_image(ko, &ko->sections[i]))
			err = ko_each_reloc(ko, &ko->sections[i], add_reloc, NULL);
	if (!err)
		err = add_functions(ko, false);
	if (!err)
		err = add_exports(ko, "__ksymtab");
	if (!err)
		err = add_exports(ko, "__ksymtab_gpl");
	return err;
}
