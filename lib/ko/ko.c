// SPDX-License-Identifier: LGPL-2.1
/*
 * A module's ELF file: its sections where layout_sections() of Linux's
 * kernel/module/main.c puts them, its symbols, its relocations.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "elf/kernel.h"
#include "elf/shape.h"
#include "ko.h"

#define PAGE		4096u
#define PADDING		64u	/* behind an image: who looks at an instruction may look too far */
#define SECTION_MAX	(1u << 30)	/* on disk: debug information is large */
#define PART_MAX	(1u << 28)	/* in memory, where all modules share 1 GiB */
#define RO_AFTER_INIT	(1u << 21)	/* the loader's own mark, SHF_RO_AFTER_INIT */

int ko_refuse(struct ko *ko, const char *fmt, ...)
{
	int n = snprintf(ko->err, ko->err_len, "%s: ", ko->path);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && (size_t)n < ko->err_len)
		vsnprintf(ko->err + n, ko->err_len - (size_t)n, fmt, ap);
	va_end(ap);
	/* Names are the file's own, and may be read on a terminal. */
	for (char *p = ko->err; ko->err_len && *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	return -EINVAL;
}

struct ko_section *ko_find(struct ko *ko, const char *name)
{
	for (size_t i = 1; i < ko->nr_sections; i++)
		if (!strcmp(ko->sections[i].name, name))
			return &ko->sections[i];
	return NULL;
}

const char *ko_sym_name(const struct ko *ko, uint32_t sym)
{
	uint32_t at = ko->syms[sym].st_name;

	return at < ko->strings_len ? ko->strings + at : "";
}

static int read_section(struct ko *ko, Elf_Scn *scn, struct ko_section *s, size_t names)
{
	Elf_Data *data;

	if (!gelf_getshdr(scn, &s->sh))
		return ko_refuse(ko, "a section header can't be read: %s", elf_errmsg(-1));
	s->name = elf_strptr(ko->elf, names, s->sh.sh_name);
	if (!s->name)
		return ko_refuse(ko, "a section has no name: %s", elf_errmsg(-1));
	if (s->sh.sh_size > SECTION_MAX)
		return ko_refuse(ko, "section %s is too large", s->name);
	if (s->sh.sh_type == SHT_NOBITS || !s->sh.sh_size)
		return 0;
	data = elf_getdata(scn, NULL);
	if (!data || data->d_size < s->sh.sh_size)
		return ko_refuse(ko, "section %s can't be read: %s", s->name, elf_errmsg(-1));
	s->data = data->d_buf;
	return 0;
}

static int read_sections(struct ko *ko)
{
	size_t n, names;
	int err = 0;

	if (elf_getshdrnum(ko->elf, &n) || elf_getshdrstrndx(ko->elf, &names) || !n)
		return ko_refuse(ko, "has no sections: %s", elf_errmsg(-1));
	ko->sections = calloc(n, sizeof(*ko->sections));
	if (!ko->sections)
		return -ENOMEM;
	ko->nr_sections = n;
	ko->sections[0].name = "";
	for (size_t i = 1; !err && i < n; i++)
		err = read_section(ko, elf_getscn(ko->elf, i), &ko->sections[i], names);
	return err;
}

static int by_offset(const void *a, const void *b)
{
	const GElf_Rela *x = a, *y = b;

	return x->r_offset < y->r_offset ? -1 : x->r_offset > y->r_offset;
}

static int check_relocs(struct ko *ko, const struct ko_section *s)
{
	for (size_t i = 0; i < s->nr_relocs; i++)
		if (s->relocs[i].r_offset >= s->sh.sh_size ||
		    GELF_R_SYM(s->relocs[i].r_info) >= ko->nr_syms)
			return ko_refuse(ko, "%s: relocation %zu is out of range", s->name, i);
	return 0;
}

static int read_relocs(struct ko *ko)
{
	int err = 0;

	for (size_t i = 1; !err && i < ko->nr_sections; i++) {
		const struct ko_section *r = &ko->sections[i];
		struct ko_section *s;

		if (r->sh.sh_type != SHT_RELA || !r->data || r->sh.sh_info >= ko->nr_sections)
			continue;
		s = &ko->sections[r->sh.sh_info];
		if (s->relocs)
			return ko_refuse(ko, "%s has two tables of relocations", s->name);
		s->relocs = malloc(r->sh.sh_size);
		if (!s->relocs)
			return -ENOMEM;
		memcpy(s->relocs, r->data, r->sh.sh_size);
		s->nr_relocs = r->sh.sh_size / sizeof(*s->relocs);
		qsort(s->relocs, s->nr_relocs, sizeof(*s->relocs), by_offset);
		err = check_relocs(ko, s);
	}
	return err;
}

static int read_symbols(struct ko *ko)
{
	for (size_t i = 1; i < ko->nr_sections; i++) {
		const struct ko_section *s = &ko->sections[i];

		if (s->sh.sh_type != SHT_SYMTAB || !s->data)
			continue;
		if (s->sh.sh_link >= ko->nr_sections || !ko->sections[s->sh.sh_link].data)
			break;
		ko->syms = (GElf_Sym *)s->data;
		ko->nr_syms = s->sh.sh_size / sizeof(GElf_Sym);
		ko->strings = (const char *)ko->sections[s->sh.sh_link].data;
		ko->strings_len = ko->sections[s->sh.sh_link].sh.sh_size;
		if (!ko->strings[ko->strings_len - 1])
			return 0;
		break;
	}
	return ko_refuse(ko, "has no symbol table");
}

/* As rewrite_section_headers() and layout_and_allocate() change them before the layout. */
static uint64_t loader_flags(const struct ko *ko, const struct ko_section *s)
{
	uint64_t flags = s->sh.sh_flags;

	if (section_is_dropped(s->name))
		flags &= ~(uint64_t)SHF_ALLOC;
	if (section_is_ro_after_init(s->name) ||
	    (ko->static_calls_ro && section_is_static_calls(s->name)))
		flags |= RO_AFTER_INIT;
	return flags;
}

static uint32_t pages(uint32_t n)
{
	return (n + PAGE - 1) & ~(PAGE - 1);
}

/* start: where the group begins that it belongs to. */
static int place(struct ko *ko, struct ko_section *s, enum ko_part part, uint32_t start,
		 uint32_t *size)
{
	uint64_t align = s->sh.sh_addralign ? s->sh.sh_addralign : 1;

	if (align & (align - 1) || align > PART_MAX)
		return ko_refuse(ko, "section %s has alignment %llu", s->name,
				 (unsigned long long)align);
	s->offset = (*size + (uint32_t)align - 1) & ~((uint32_t)align - 1);
	s->in_part = s->offset - start;
	s->place = part == KO_CORE ? KO_IN_CORE : KO_IN_INIT;
	if (s->offset + s->sh.sh_size > PART_MAX)
		return ko_refuse(ko, "is too large");
	*size = s->offset + (uint32_t)s->sh.sh_size;
	return 0;
}

/* Text, constants, what is constant after init, data: each begins on a page. */
static int lay_out_part(struct ko *ko, enum ko_part part)
{
	static const struct {
		uint64_t has, has_not;
		uint8_t part[KO_PARTS];
	} groups[] = {
		{ SHF_EXECINSTR | SHF_ALLOC, 0, { VBH_PART_TEXT, VBH_PART_INIT_TEXT } },
		{ SHF_ALLOC, SHF_WRITE, { VBH_PART_RODATA, VBH_PART_INIT_RODATA } },
		{ RO_AFTER_INIT | SHF_ALLOC, 0, { VBH_PART_RO_AFTER_INIT, VBH_PART_INIT_DATA } },
		{ SHF_WRITE | SHF_ALLOC, 0, { VBH_PART_DATA, VBH_PART_INIT_DATA } },
	};
	struct ko_image *image = &ko->part[part];
	uint32_t size = 0, start;

	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		start = size;
		for (size_t i = 1; i < ko->nr_sections; i++) {
			struct ko_section *s = &ko->sections[i];
			uint64_t flags = loader_flags(ko, s);
			int err;

			if ((flags & groups[g].has) != groups[g].has || flags & groups[g].has_not ||
			    s->place || !strncmp(s->name, ".init", 5) != (part == KO_INIT))
				continue;
			err = place(ko, s, part, start, &size);
			if (err)
				return err;
			s->part = groups[g].part[part];
		}
		if (g < 3)
			size = pages(size);
		if (g == 0)
			image->text = size;
		if (g == 1)
			image->ro = size;
	}
	return 0;
}

static int load(struct ko *ko)
{
	for (size_t p = 0; p < KO_PARTS; p++) {
		struct ko_image *image = &ko->part[p];

		image->bytes = calloc(1, image->ro + PADDING);
		image->owner = calloc(image->ro + 1u, sizeof(*image->owner));
		if (!image->bytes || !image->owner)
			return -ENOMEM;
	}
	for (size_t i = 1; i < ko->nr_sections; i++) {
		const struct ko_section *s = &ko->sections[i];
		struct ko_image *image = &ko->part[s->place == KO_IN_INIT ? KO_INIT : KO_CORE];

		if ((s->place == KO_IN_CORE || s->place == KO_IN_INIT) && s->data &&
		    s->offset < image->ro)
			memcpy(image->bytes + s->offset, s->data, s->sh.sh_size);
	}
	return 0;
}

/* "name=" among the strings of .modinfo: what the kernel will call it. */
static int read_name(struct ko *ko)
{
	const struct ko_section *s = ko_find(ko, ".modinfo");
	const char *p = s ? (const char *)s->data : NULL;
	const char *end = p ? p + s->sh.sh_size : NULL;

	for (; p && p < end; p += strnlen(p, (size_t)(end - p)) + 1) {
		size_t len = strnlen(p, (size_t)(end - p));

		if (len < 5 || strncmp(p, "name=", 5))
			continue;
		if (len - 5 >= sizeof(ko->name))
			return ko_refuse(ko, "its name is too long");
		memcpy(ko->name, p + 5, len - 5);
		return 0;
	}
	return ko_refuse(ko, "is no module: .modinfo has no name");
}

static int check_header(struct ko *ko)
{
	GElf_Ehdr eh;

	if (!ko->elf || elf_kind(ko->elf) != ELF_K_ELF || !gelf_getehdr(ko->elf, &eh))
		return ko_refuse(ko, "is no ELF file");
	if (eh.e_type != ET_REL || eh.e_machine != EM_X86_64 ||
	    eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB)
		return ko_refuse(ko, "is no module for x86-64");
	return 0;
}

/*
 * Where the table of static calls lies is for the kernel to say. It matters if there
 * is something behind it, in its own group or in the one that it may belong to.
 */
static int need_facts(struct ko *ko, const struct kernel_facts *facts)
{
	const struct ko_section *calls = NULL;

	for (size_t i = 1; *facts->unknown && i < ko->nr_sections; i++) {
		const struct ko_section *s = &ko->sections[i];

		if (section_is_static_calls(s->name) && s->sh.sh_size)
			calls = s;
		else if (calls && s->sh.sh_size && loader_flags(ko, s) & SHF_ALLOC &&
			 s->sh.sh_flags & SHF_WRITE && strncmp(s->name, ".init", 5) != 0)
			return ko_refuse(ko, "where its %s lies is not known: %s", calls->name,
					 facts->unknown);
	}
	ko->static_calls_ro = facts->static_calls_ro;
	return 0;
}

int ko_open(struct ko *ko, const char *path, uint8_t *bytes, size_t len,
	    const struct kernel_facts *facts, char *err, size_t err_len)
{
	struct ko_section *percpu;
	int ret;

	memset(ko, 0, sizeof(*ko));
	ko->path = path;
	ko->err = err;
	ko->err_len = err_len;
	elf_version(EV_CURRENT);
	ko->elf = elf_memory((char *)bytes, len);
	ret = check_header(ko);
	if (!ret)
		ret = read_sections(ko);
	if (!ret)
		ret = read_symbols(ko);
	if (!ret)
		ret = read_relocs(ko);
	if (!ret)
		ret = read_name(ko);
	if (!ret && facts)
		ret = need_facts(ko, facts);
	for (int p = 0; !ret && p < KO_PARTS; p++)
		ret = lay_out_part(ko, p);
	if (!ret)
		ret = load(ko);
	percpu = ret ? NULL : ko_find(ko, ".data..percpu");
	if (percpu)
		percpu->place = KO_PERCPU;
	if (!ret) {
		ko->hashes = calloc(ko->nr_syms + KO_PV_OPS, sizeof(*ko->hashes));
		ko->hash_of = calloc(ko->nr_syms, sizeof(*ko->hash_of));
		ret = ko->hashes && ko->hash_of ? 0 : -ENOMEM;
	}
	if (ret == -ENOMEM)
		snprintf(err, err_len, "%s: out of memory", path);
	return ret;
}

void ko_close(struct ko *ko)
{
	for (size_t p = 0; p < KO_PARTS; p++) {
		for (size_t i = 0; i < ko->part[p].nr; i++)
			free(ko->part[p].fields[i].options);
		free(ko->part[p].fields);
		free(ko->part[p].bytes);
		free(ko->part[p].owner);
	}
	free(ko->hashes);
	free(ko->hash_of);
	free(ko->exports);
	for (size_t i = 0; i < ko->nr_sections; i++)
		free(ko->sections[i].relocs);
	free(ko->sections);
	elf_end(ko->elf);
}

/* The name's place among those that the description refers to. */
static uint16_t symbol_base(struct ko *ko, uint32_t sym)
{
	if (!ko->hash_of[sym]) {
		ko->hashes[ko->nr_hashes++] = vbh_symbol_hash(ko_sym_name(ko, sym));
		ko->hash_of[sym] = (uint32_t)ko->nr_hashes;
	}
	return (uint16_t)(VBH_BASE_SYMBOL + ko->hash_of[sym] - 1);
}

int ko_pv_op(struct ko *ko, const char *table, uint32_t element, struct ko_target *to)
{
	char name[64];
	uint64_t hash;
	size_t i = 0;

	if (strncmp(table, "pv_ops", 6) || element > 1024)
		return ko_refuse(ko, "calls through element %u of %s, which is no table of functions",
				 element, table);
	snprintf(name, sizeof(name), "%.32s[%u]", table, element);
	hash = vbh_symbol_hash(name);
	while (i < ko->nr_pv_ops && ko->hashes[ko->pv_ops[i]] != hash)
		i++;
	if (i == ko->nr_pv_ops) {
		if (ko->nr_hashes >= UINT16_MAX - VBH_BASE_SYMBOL || i == KO_PV_OPS)
			return ko_refuse(ko, "refers to too many symbols");
		ko->hashes[ko->nr_hashes] = hash;
		ko->pv_ops[ko->nr_pv_ops++] = (uint32_t)ko->nr_hashes++;
	}
	*to = (struct ko_target){
		.base = (uint16_t)(VBH_BASE_SYMBOL + ko->pv_ops[i]),
		.addend = -4,	/* from the end of the field */
	};
	return 0;
}

/* As simplify_symbols() does. */
static int symbol_target(struct ko *ko, uint32_t sym, uint16_t *base, int64_t *value)
{
	const GElf_Sym *y = &ko->syms[sym];
	const struct ko_section *s;
	int64_t at = 0;

	*value = 0;
	if (y->st_shndx == SHN_UNDEF) {
		if (ko->nr_hashes >= UINT16_MAX - VBH_BASE_SYMBOL)
			return ko_refuse(ko, "refers to too many symbols");
		*base = GELF_ST_BIND(y->st_info) == STB_WEAK ? VBH_BASE_NONE :
			symbol_base(ko, sym);
		return 0;
	}
	*value = (int64_t)y->st_value;
	*base = VBH_BASE_NONE;
	if (y->st_shndx == SHN_ABS)
		return 0;
	s = y->st_shndx < ko->nr_sections ? &ko->sections[y->st_shndx] : NULL;
	if (!s || s->place == KO_NOWHERE)
		return ko_refuse(ko, "refers to %s, which is not loaded", ko_sym_name(ko, sym));
	*base = s->place == KO_PERCPU ? VBH_BASE_PERCPU : VBH_BASE_PART + s->part;
	if (s->place != KO_PERCPU)
		at = s->in_part;
	if (__builtin_add_overflow(*value, at, value))
		return ko_refuse(ko, "symbol %s is too far away", ko_sym_name(ko, sym));
	return 0;
}

int ko_target(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
	      struct ko_target *to)
{
	int64_t value;
	int err;

	*to = (struct ko_target){ 0 };
	err = symbol_target(ko, r->sym, &to->base, &value);
	if (err)
		return err;
	if (__builtin_add_overflow(value, r->addend, &value) ||
	    __builtin_add_overflow(value, 0, &to->addend))
		return ko_refuse(ko, "%s+0x%x: the relocation leads too far away", s->name,
				 r->offset);
	return 0;
}

static void as_reloc(const GElf_Rela *rela, struct ko_reloc *r)
{
	r->offset = (uint32_t)rela->r_offset;
	r->type = (uint32_t)GELF_R_TYPE(rela->r_info);
	r->sym = (uint32_t)GELF_R_SYM(rela->r_info);
	r->addend = rela->r_addend;
}

int ko_each_reloc(struct ko *ko, const struct ko_section *s,
		  int (*fn)(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
			    void *data), void *data)
{
	struct ko_reloc r;
	int err = 0;

	for (size_t i = 0; !err && i < s->nr_relocs; i++) {
		as_reloc(&s->relocs[i], &r);
		err = fn(ko, s, &r, data);
	}
	return err;
}

int ko_reloc_in(const struct ko_section *s, uint32_t offset, uint32_t len, struct ko_reloc *found)
{
	size_t lo = 0, hi = s->nr_relocs;
	int count = 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->relocs[mid].r_offset < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < s->nr_relocs && s->relocs[lo].r_offset - offset < len; lo++)
		if (!count++)
			as_reloc(&s->relocs[lo], found);
	return count;
}

struct ko_section *ko_section_at(struct ko *ko, enum ko_part part, uint32_t offset)
{
	for (size_t i = 1; i < ko->nr_sections; i++) {
		struct ko_section *s = &ko->sections[i];

		if (s->place == (part == KO_CORE ? KO_IN_CORE : KO_IN_INIT) &&
		    offset >= s->offset && offset - s->offset < s->sh.sh_size)
			return s;
	}
	return NULL;
}
