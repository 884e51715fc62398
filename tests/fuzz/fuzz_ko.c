// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module's file, from anybody: one of Debian's with numbers in it changed, mostly
 * those of its headers, symbols and relocations. It is refused with words, or what
 * comes of it is a description that covers the module, byte for byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ko/ko.h"

#define LARGE	(1u << 24)	/* bytes of a part that are not looked at: it takes too long */
#define EDITS	64

static const char * const paths[] = {
	MODULES "/drivers/net/dummy.ko",
	MODULES "/drivers/net/arcnet/arcnet.ko",
	MODULES "/net/netfilter/x_tables.ko",
	MODULES "/arch/x86/kvm/kvm-amd.ko",
};

#define NR_MODULES	(sizeof(paths) / sizeof(paths[0]))

/* Read once, and where its sections are. */
static struct module {
	uint8_t *bytes;
	size_t len;
	Elf64_Ehdr eh;
	Elf64_Shdr *sections;
} modules[NR_MODULES];

struct input {
	const uint8_t *p;
	size_t left;
};

static void hold(bool ok)
{
	if (!ok)
		abort();
}

static uint64_t number(struct input *in, size_t bytes)
{
	uint64_t value = 0;
	size_t n = bytes < in->left ? bytes : in->left;

	memcpy(&value, in->p, n);
	in->p += n;
	in->left -= n;
	return value;
}

static void read_module(const char *path, struct module *m)
{
	FILE *f = fopen(path, "r");
	long len;

	if (!f || fseek(f, 0, SEEK_END) || (len = ftell(f)) < 0) {
		perror(path);
		exit(1);
	}
	rewind(f);
	m->len = (size_t)len;
	m->bytes = malloc(m->len);
	hold(m->bytes && fread(m->bytes, 1, m->len, f) == m->len);
	fclose(f);
	memcpy(&m->eh, m->bytes, sizeof(m->eh));
	m->sections = malloc(m->eh.e_shnum * sizeof(*m->sections));
	hold(m->sections);
	memcpy(m->sections, m->bytes + m->eh.e_shoff, m->eh.e_shnum * sizeof(*m->sections));
}

/* A number near one that means something. */
static uint64_t some_value(struct input *in, uint64_t was)
{
	switch (number(in, 1) % 8) {
	case 0:
		return was + number(in, 1);
	case 1:
		return was - number(in, 1);
	case 2:
		return was ^ 1ull << number(in, 1) % 64;
	case 3:
		return number(in, 1);
	case 4:
		return number(in, 2);
	case 5:
		return number(in, 4);
	case 6:
		return (1ull << number(in, 1) % 64) - 1;
	default:
		return number(in, 8);
	}
}

static void edit(struct input *in, uint8_t *bytes, size_t len, uint64_t at, size_t size)
{
	uint64_t value = 0;

	if (at >= len || size > len - at)
		return;
	memcpy(&value, bytes + at, size);
	value = some_value(in, value);
	memcpy(bytes + at, &value, size);
}

static const struct {
	uint8_t offset, size;
} header_fields[] = {
	{ offsetof(Elf64_Shdr, sh_name), 4 }, { offsetof(Elf64_Shdr, sh_type), 4 },
	{ offsetof(Elf64_Shdr, sh_flags), 8 }, { offsetof(Elf64_Shdr, sh_offset), 8 },
	{ offsetof(Elf64_Shdr, sh_size), 8 }, { offsetof(Elf64_Shdr, sh_link), 4 },
	{ offsetof(Elf64_Shdr, sh_info), 4 }, { offsetof(Elf64_Shdr, sh_addralign), 8 },
	{ offsetof(Elf64_Shdr, sh_entsize), 8 },
}, symbol_fields[] = {
	{ offsetof(Elf64_Sym, st_name), 4 }, { offsetof(Elf64_Sym, st_info), 1 },
	{ offsetof(Elf64_Sym, st_shndx), 2 }, { offsetof(Elf64_Sym, st_value), 8 },
}, reloc_fields[] = {
	{ offsetof(Elf64_Rela, r_offset), 8 }, { offsetof(Elf64_Rela, r_info), 4 },
	{ offsetof(Elf64_Rela, r_info) + 4, 4 }, { offsetof(Elf64_Rela, r_addend), 8 },
};

/* Of the n-th section of a type, entry by entry. */
static void edit_entry(struct input *in, const struct module *m, uint8_t *bytes, uint32_t type)
{
	size_t nr = 0, n = number(in, 1), i, entry = number(in, 2), field = number(in, 1) % 4;
	bool symbols = type == SHT_SYMTAB;
	const Elf64_Shdr *s = NULL;

	for (i = 1; i < m->eh.e_shnum; i++)
		nr += m->sections[i].sh_type == type;
	hold(nr);
	for (n = n % nr + 1, i = 1; n; i++) {
		s = &m->sections[i];
		n -= s->sh_type == type;
	}
	entry %= s->sh_size / s->sh_entsize;
	edit(in, bytes, m->len, s->sh_offset + entry * s->sh_entsize +
	     (symbols ? symbol_fields : reloc_fields)[field].offset,
	     (symbols ? symbol_fields : reloc_fields)[field].size);
}

static void an_edit(struct input *in, const struct module *m, uint8_t *bytes, size_t *len)
{
	const Elf64_Shdr *s;
	size_t i;

	switch (number(in, 1) % 16) {
	case 0:
		edit(in, bytes, m->len, number(in, 1) % sizeof(m->eh), 1 + number(in, 1) % 8);
		break;
	case 1:
		edit(in, bytes, m->len, number(in, 3), 1);
		break;
	case 2:
		*len = number(in, 3) % (m->len + 1);
		break;
	case 3:		/* a section's header is another one's */
		memcpy(bytes + m->eh.e_shoff + number(in, 1) % m->eh.e_shnum * sizeof(*s),
		       &m->sections[number(in, 1) % m->eh.e_shnum], sizeof(*s));
		break;
	case 4:
	case 5:
	case 6:
		i = number(in, 1) % (sizeof(header_fields) / sizeof(header_fields[0]));
		edit(in, bytes, m->len, m->eh.e_shoff +
		     number(in, 1) % m->eh.e_shnum * sizeof(*s) + header_fields[i].offset,
		     header_fields[i].size);
		break;
	case 7:
	case 8:
	case 9:		/* what is in a section */
		s = &m->sections[number(in, 1) % m->eh.e_shnum];
		if (s->sh_type != SHT_NOBITS && s->sh_size)
			edit(in, bytes, m->len, s->sh_offset + number(in, 2) % s->sh_size,
			     1 + number(in, 1) % 8);
		break;
	case 10:
	case 11:
		edit_entry(in, m, bytes, SHT_SYMTAB);
		break;
	default:
		edit_entry(in, m, bytes, SHT_RELA);
	}
}

/* Bytes of the module that a field stands for; what follows it is left out of the rest. */
static uint32_t covered(const struct vbh_field *f, const uint8_t **p, size_t *left)
{
	static const uint8_t sizes[VBH_NR_FIELD_KINDS] = {
		[VBH_FIELD_ABS64] = 8, [VBH_FIELD_ABS32] = 4, [VBH_FIELD_PC32] = 4,
		[VBH_FIELD_RETURN] = 5, [VBH_FIELD_JUMP2] = 2, [VBH_FIELD_JUMP5] = 5,
		[VBH_FIELD_MCOUNT] = 5, [VBH_FIELD_CALL] = 5, [VBH_FIELD_TAIL5] = 5,
		[VBH_FIELD_TAIL6] = 6, [VBH_FIELD_TRAMP] = 5,
	};
	uint32_t kind = f->kind_skip >> 12, size;

	hold(kind < VBH_NR_FIELD_KINDS);
	if (kind == VBH_FIELD_ANY) {
		hold(f->addend > 0);
		return (uint32_t)f->addend;
	}
	if (kind != VBH_FIELD_CHOICE)
		return sizes[kind];
	hold(f->base && f->base <= VBH_CHOICE_MAX && f->addend > 0 && f->addend <= 2048 &&
	     (size_t)f->addend <= *left);
	size = (uint32_t)sizeof(struct vbh_choice) + ((f->base + 7) & ~7u);
	hold(f->addend % size == 0);
	for (uint32_t at = 0; at < (uint32_t)f->addend; at += size) {
		const struct vbh_choice *c = (const struct vbh_choice *)(*p + at);

		hold(c->field == VBH_CHOICE_PLAIN || c->field + 4 <= f->base);
	}
	*p += f->addend;
	*left -= (size_t)f->addend;
	return f->base;
}

static void check_part(const uint8_t **p, size_t *left, uint32_t len)
{
	uint32_t at = 0;

	while (at < len) {
		struct vbh_field f;

		hold(*left >= sizeof(f));
		memcpy(&f, *p, sizeof(f));
		*p += sizeof(f);
		*left -= sizeof(f);
		at += f.kind_skip & VBH_FIELD_SKIP_MAX;
		hold(at <= len);
		at += covered(&f, p, left);
		hold(at <= len);
	}
}

/* As the hypervisor goes through it (core/listed/module_fields.c). */
static void check(const struct ko_description *d)
{
	size_t names = d->layout.symbols * sizeof(uint64_t) +
		       d->layout.exports * sizeof(struct vbh_export);
	const uint8_t *p = d->bytes + names;
	size_t left = d->len - names;

	hold(names <= d->len);
	for (int i = 0; i < VBH_PARTS_CHECKED; i++)
		check_part(&p, &left, d->layout.len[i]);
	hold(!left);
}

static void describe(uint8_t *bytes, size_t len)
{
	struct ko_description d = { .bytes = NULL };
	char err[512] = "";
	struct ko ko;
	int ret = ko_open(&ko, "module", bytes, len, NULL, err, sizeof(err));

	if (!ret && (ko.part[KO_CORE].ro > LARGE || ko.part[KO_INIT].ro > LARGE)) {
		ko_close(&ko);
		return;
	}
	if (!ret)
		ret = ko_describe(&ko);
	if (!ret)
		ret = ko_stream(&ko, &d);
	hold(ret <= 0 && (!ret || err[0]));
	if (!ret)
		check(&d);
	free(d.bytes);
	ko_close(&ko);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct module *m = &modules[number(&in, 1) % NR_MODULES];
	uint8_t *bytes;
	size_t len;

	if (!m->bytes)
		read_module(paths[m - modules], m);
	/* No more than there is, so that what is read behind it is seen. */
	bytes = malloc(m->len);
	hold(bytes);
	memcpy(bytes, m->bytes, m->len);
	len = m->len;
	for (int i = 0; i < EDITS && in.left; i++)
		an_edit(&in, m, bytes, &len);
	bytes = realloc(bytes, len + !len);
	hold(bytes);
	describe(bytes, len);
	free(bytes);
	return 0;
}
