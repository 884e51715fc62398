// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel and its modules as they are on disk, brought to where they were
 * loaded: KASLR's relocations by the table behind vmlinux in a bzImage, modules'
 * by their .rela sections and the running kernel's symbols. Every offset of a
 * file is checked against its length.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "smc.h"
#include "symbols.h"

#define KERNEL_MAP	0xffffffff80000000ull
#define PAGE		4096ull

static const Elf64_Ehdr *header(const struct smc_object *o)
{
	return (const Elf64_Ehdr *)o->file.data;
}

/* o->file from o->path, without what it is packed in. */
static int read_file(struct smc_object *o,
		     int (*unpack)(const char *path, struct blob *b, char *err, size_t err_len),
		     struct smc_error *e)
{
	char why[sizeof(e->text)];
	int err = blob_read(o->path, &o->file, why, sizeof(why));

	if (!err)
		err = unpack(o->path, &o->file, why, sizeof(why));
	return err ? smc_fail(e, err, "%s", why) : 0;
}

/* Opens o->file by libelf, and makes o->sections of it, as yet at link addresses. */
static int open_elf(struct smc_object *o, unsigned int type, struct smc_error *e)
{
	const Elf64_Shdr *sh;
	Elf_Scn *scn = NULL;
	size_t strings, n;

	elf_version(EV_CURRENT);
	o->elf = elf_memory((char *)o->file.data, o->file.len);
	if (!o->elf || !elf64_getehdr(o->elf) || elf64_getehdr(o->elf)->e_machine != EM_X86_64 ||
	    elf64_getehdr(o->elf)->e_type != type)
		return smc_fail(e, -EINVAL, "%s: no x86-64 ELF file of a %s", o->path,
				type == ET_REL ? "module" : "kernel");
	if (elf_getshdrnum(o->elf, &n) || elf_getshdrstrndx(o->elf, &strings) || n < 2)
		return smc_fail(e, -EINVAL, "%s: has no sections: it was stripped of them; take the package's own file",
				o->path);
	o->sections = calloc(n, sizeof(*o->sections));
	if (!o->sections)
		return smc_fail(e, -ENOMEM, "out of memory");
	while ((scn = elf_nextscn(o->elf, scn))) {
		struct smc_section *s = &o->sections[o->nr_sections];

		sh = elf64_getshdr(scn);
		if (!sh)
			return smc_fail(e, -EINVAL, "%s: its section headers are damaged", o->path);
		*s = (struct smc_section){
			.name = elf_strptr(o->elf, strings, sh->sh_name),
			.addr = sh->sh_addr, .size = sh->sh_size, .flags = sh->sh_flags,
			.entsize = sh->sh_entsize,
			.index = (uint32_t)elf_ndxscn(scn),
		};
		if (!s->name)
			return smc_fail(e, -EINVAL, "%s: its section names are damaged", o->path);
		if (sh->sh_type != SHT_NOBITS) {
			if (sh->sh_offset > o->file.len ||
			    sh->sh_size > o->file.len - sh->sh_offset)
				return smc_fail(e, -EINVAL, "%s: cut off: section %s reaches beyond its end",
						o->path, s->name);
			s->data = o->file.data + sh->sh_offset;
		}
		o->nr_sections++;
	}
	return 0;
}

void smc_object_free(struct smc_object *o)
{
	elf_end(o->elf);
	free(o->sections);
	blob_free(&o->file);
	memset(o, 0, sizeof(*o));
}

const struct smc_section *smc_section(const struct smc_object *o, const char *name)
{
	for (size_t i = 0; i < o->nr_sections; i++)
		if (o->sections[i].name && !strcmp(o->sections[i].name, name))
			return &o->sections[i];
	return NULL;
}

const struct smc_section *smc_section_at(const struct smc_object *o, uint64_t addr, size_t len)
{
	for (size_t i = 0; i < o->nr_sections; i++) {
		const struct smc_section *s = &o->sections[i];

		if ((s->flags & SHF_ALLOC) && s->data && addr >= s->addr &&
		    addr - s->addr < s->size && len <= s->size - (addr - s->addr))
			return s;
	}
	return NULL;
}

uint8_t *smc_expected(const struct smc_object *o, uint64_t addr, size_t len)
{
	const struct smc_section *s = smc_section_at(o, addr, len);

	return s ? s->data + (addr - s->addr) : NULL;
}

bool smc_table(const struct smc_object *o, const char *section, const char *start,
	       const char *stop, uint64_t *from, uint64_t *to)
{
	const struct smc_section *s = smc_section(o, section);

	*from = s ? s->addr : 0;
	*to = s ? s->addr + s->size : 0;
	if (!o->module && start) {
		*from = symbol_addr(start, "");
		*to = symbol_addr(stop, "");
	}
	return *from && *to > *from && *to - *from < 1u << 30 &&
	       smc_expected(o, *from, *to - *from);
}

/* Where the relocation table begins: behind all that the ELF file itself has. */
static size_t elf_end_of(const struct smc_object *o)
{
	const Elf64_Ehdr *eh = header(o);
	size_t end = eh->e_shoff + (size_t)eh->e_shnum * eh->e_shentsize;

	for (size_t i = 0; i < o->nr_sections; i++) {
		const struct smc_section *s = &o->sections[i];

		if (s->data && (size_t)(s->data - o->file.data) + s->size > end)
			end = (size_t)(s->data - o->file.data) + s->size;
	}
	return end;
}

/*
 * Adds to what stands at a place; false: nothing does. A place is where the boot
 * has it in memory, behind KERNEL_MAP: for per-CPU data that is not the address.
 */
static bool relocate_at(const struct smc_object *o, int32_t place, size_t size, uint64_t add)
{
	uint64_t physical = (uint64_t)(int64_t)place - KERNEL_MAP, v = 0;
	const Elf64_Phdr *ph = elf64_getphdr(o->elf);
	size_t n = 0;

	if (!ph || elf_getphdrnum(o->elf, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		uint64_t from = physical - ph[i].p_paddr;

		if (ph[i].p_type != PT_LOAD || physical < ph[i].p_paddr ||
		    from >= ph[i].p_filesz || size > ph[i].p_filesz - from ||
		    ph[i].p_offset > o->file.len || from + size > o->file.len - ph[i].p_offset)
			continue;
		memcpy(&v, o->file.data + ph[i].p_offset + from, size);
		v += add;
		memcpy(o->file.data + ph[i].p_offset + from, &v, size);
		return true;
	}
	return false;
}

/*
 * As handle_relocations() of arch/x86/boot/compressed/misc.c: from the end of
 * the file backwards lists, each ended by a zero, of 32-bit places, until 6.14 of
 * such whose value is subtracted from, and of 64-bit ones. How many lists there
 * are, their zeroes say: no place is zero.
 */
static int relocate_kernel(struct smc_object *o, uint64_t delta, struct smc_error *e)
{
	static const struct { size_t size; int sign; } lists[] = { { 4, 1 }, { 4, -1 }, { 8, 1 } };
	size_t begin = elf_end_of(o), at = o->file.len, zeroes = 0, from;
	int32_t place;

	if (!delta)
		return 0;
	if (begin > at || at - begin < 8 || (at - begin) % 4)
		return smc_fail(e, -EINVAL, "%s: has no relocations, and the kernel runs %#" PRIx64 " bytes from where it was linked (KASLR): give the bzImage (vmlinuz) of the package linux-image",
				o->path, delta);
	for (from = at; from >= begin + 4 && zeroes < 3; zeroes += !place) {
		from -= 4;
		memcpy(&place, o->file.data + from, sizeof(place));
	}
	if (zeroes < 2)
		return smc_fail(e, -EINVAL, "%s: its relocation table has no end", o->path);
	for (size_t list = 0; list < 3; list++) {
		uint64_t add = lists[list].sign * delta;

		if (zeroes == 2 && lists[list].sign < 0)
			continue;
		for (;;) {
			at -= 4;
			memcpy(&place, o->file.data + at, sizeof(place));
			if (!place)
				break;
			if (!relocate_at(o, place, lists[list].size, add))
				return smc_fail(e, -EINVAL, "%s: a relocation at %#x is outside of the kernel",
						o->path, (uint32_t)place);
		}
	}
	return 0;
}

/* The rest of the last page of text is executable too, and is loaded from the file. */
static void extend_to_page(const struct smc_object *o, struct smc_section *s)
{
	uint64_t end = (s->addr + s->size + PAGE - 1) & ~(PAGE - 1);
	size_t at = (size_t)(s->data - o->file.data);

	for (size_t i = 0; i < o->nr_sections; i++)
		if (o->sections[i].addr > s->addr && o->sections[i].addr < end)
			return;
	if (end - s->addr <= o->file.len - at)
		s->size = end - s->addr;
}

static int check_build(const struct smc_object *o, const char *notes, const char *want,
		       const char *running, struct smc_error *e)
{
	const struct smc_section *s = smc_section(o, notes);
	char id[2 * SMC_BUILD_ID_MAX + 1] = "";

	if (!*want)
		return 0;
	if (s && s->data)
		smc_build_id(s->data, s->size, id);
	if (!strcmp(id, want))
		return 0;
	return smc_fail(e, -ESTALE, "%s: another build (build id %s) than %s (%s): was it upgraded since it was loaded?",
			o->path, *id ? id : "none", running, want);
}

int smc_kernel_load(struct smc_system *s, const char *path, struct smc_object *o,
		    struct smc_error *e)
{
	struct smc_section *text;
	uint64_t delta;
	int err;

	*o = (struct smc_object){ .name = "vmlinux" };
	snprintf(o->path, sizeof(o->path), "%s", path);
	err = read_file(o, blob_vmlinux, e);
	if (!err)
		err = open_elf(o, ET_EXEC, e);
	if (!err)
		err = check_build(o, ".notes", s->build_id, "the running kernel", e);
	if (err)
		return err;
	text = (struct smc_section *)smc_section(o, ".text");
	if (!text || !text->data || text->addr < KERNEL_MAP)
		return smc_fail(e, -EINVAL, "%s: has no kernel text", path);
	delta = s->text - text->addr;
	err = relocate_kernel(o, delta, e);
	if (err)
		return err;
	extend_to_page(o, text);
	for (size_t i = 0; i < o->nr_sections; i++) {
		if (o->sections[i].addr >= KERNEL_MAP)
			o->sections[i].addr += delta;
		o->sections[i].loaded = true;
	}
	return 0;
}

/* Where the kernel put a section, by /sys/module; 0: it does not say. */
static uint64_t section_address(const struct smc_system *s, const char *module, const char *name)
{
	uint64_t addr = 0;
	FILE *f = NULL;

	/* A file says what its sections are called: none leads out of the folder. */
	if (!strchr(name, '/'))
		f = fopen(smc_path(s, "/sys/module/%s/sections/%s", module, name), "re");
	if (f) {
		if (fscanf(f, "%" SCNx64, &addr) != 1)
			addr = 0;
		fclose(f);
	}
	return addr;
}

/* Sections that layout_sections() of kernel/module/main.c puts into one group. */
static bool same_group(const struct smc_section *a, const struct smc_section *b)
{
	const uint64_t mask = SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR;

	return (a->flags & mask) == (b->flags & mask) && a->loaded &&
	       strncmp(a->name, ".init", 5) && strcmp(a->name, "__jump_table") &&
	       strcmp(a->name, ".data..ro_after_init");
}

/* An empty section, often .bss, has an address too: where the one before it ends. */
static uint64_t empty_address(const struct smc_object *o, size_t i)
{
	const Elf64_Shdr *sh = elf64_getshdr(elf_getscn(o->elf, o->sections[i].index));
	uint64_t align = sh && sh->sh_addralign ? sh->sh_addralign : 1;

	for (size_t k = i; k; k--) {
		const struct smc_section *b = &o->sections[k - 1];

		if (same_group(b, &o->sections[i]))
			return (b->addr + b->size + align - 1) & ~(align - 1);
	}
	return 0;
}

/*
 * What the kernel does not tell the place of gets one of its own, in reach of a
 * 32-bit distance: tables that are only read for the distances in them.
 */
static void place_sections(struct smc_system *s, const struct smc_module *m,
			   struct smc_object *o)
{
	uint64_t spare = m->base - (1ull << 30);

	for (size_t i = 0; i < o->nr_sections; i++) {
		struct smc_section *c = &o->sections[i];

		if (!(c->flags & SHF_ALLOC))
			continue;
		c->addr = c->size ? section_address(s, m->name, c->name) : empty_address(o, i);
		c->loaded = c->addr >= KERNEL_MAP;
		if (!c->loaded) {
			c->addr = spare;
			spare += (c->size + PAGE) & ~(PAGE - 1);
		}
	}
}

static uint64_t exported(const char *name)
{
	char ksymtab[512];
	struct symbol_info s;

	if (symbol_named(name, "", &s))
		return s.addr;
	/* Of equal names in several modules, the one that is exported. */
	snprintf(ksymtab, sizeof(ksymtab), "__ksymtab_%s", name);
	if (symbol_named(ksymtab, NULL, &s))
		return symbol_addr(name, s.module);
	return symbol_addr(name, NULL);
}

static const struct smc_section *section_number(const struct smc_object *o, size_t index)
{
	for (size_t i = 0; i < o->nr_sections; i++)
		if (o->sections[i].index == index)
			return &o->sections[i];
	return NULL;
}

/* The offset of a module's per-CPU section, by any of its variables that has a name. */
static uint64_t percpu_base(const struct smc_object *o, const Elf64_Sym *syms, size_t n,
			    const char *strings, size_t len, size_t index)
{
	for (size_t i = 1; i < n; i++) {
		struct symbol_info s;

		if (syms[i].st_shndx == index && syms[i].st_name && syms[i].st_name < len &&
		    symbol_named(strings + syms[i].st_name, o->name, &s))
			return s.addr - syms[i].st_value;
	}
	return 0;
}

/* All symbols' values, as simplify_symbols() of kernel/module/main.c finds them. */
static uint64_t *resolve(const struct smc_object *o, size_t *n, struct smc_error *e)
{
	const struct smc_section *tab = smc_section(o, ".symtab"), *str = smc_section(o, ".strtab");
	const Elf64_Sym *syms;
	uint64_t *values, percpu = 0;
	const char *strings;

	if (!tab || !str || !tab->data || !str->data || !str->size ||
	    str->data[str->size - 1]) {
		smc_fail(e, -EINVAL, "%s: has no symbols: it was stripped; take the package's own file", o->path);
		return NULL;
	}
	syms = (const Elf64_Sym *)tab->data;
	strings = (const char *)str->data;
	*n = tab->size / sizeof(*syms);
	values = calloc(*n + 1, sizeof(*values));
	for (size_t i = 1; values && i < *n; i++) {
		const struct smc_section *c;

		values[i] = syms[i].st_value;
		if (syms[i].st_shndx == SHN_UNDEF) {
			values[i] = syms[i].st_name < str->size ?
				    exported(strings + syms[i].st_name) : 0;
			continue;
		}
		c = syms[i].st_shndx < SHN_LORESERVE ? section_number(o, syms[i].st_shndx) : NULL;
		if (c && !strcmp(c->name, ".data..percpu")) {
			if (!percpu)
				percpu = percpu_base(o, syms, *n, strings, str->size, c->index);
			values[i] += percpu;
		} else if (c) {
			values[i] += c->addr;
		}
	}
	return values;
}

/* One relocation, as apply_relocate_add() of arch/x86/kernel/module.c; false: unknown. */
static bool relocate(uint8_t *place, size_t room, uint64_t addr, uint32_t type, uint64_t value)
{
	size_t size = 4;

	switch (type) {
	case R_X86_64_NONE:
		return true;
	case R_X86_64_64:
		size = 8;
		break;
	case R_X86_64_PC64:
		size = 8;
		value -= addr;
		break;
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		value -= addr;
		break;
	case R_X86_64_32:
	case R_X86_64_32S:
		break;
	default:
		return false;
	}
	if (room < size)
		return false;
	memcpy(place, &value, size);
	return true;
}

static int relocate_section(const struct smc_object *o, const struct smc_section *rela,
			    const struct smc_section *to, const uint64_t *values, size_t n,
			    struct smc_error *e)
{
	Elf64_Rela r;

	for (size_t at = 0; at + sizeof(r) <= rela->size; at += sizeof(r)) {
		memcpy(&r, rela->data + at, sizeof(r));
		if (r.r_offset >= to->size || ELF64_R_SYM(r.r_info) >= n ||
		    !relocate(to->data + r.r_offset, to->size - r.r_offset,
			      to->addr + r.r_offset, (uint32_t)ELF64_R_TYPE(r.r_info),
			      values[ELF64_R_SYM(r.r_info)] + (uint64_t)r.r_addend))
			return smc_fail(e, -EINVAL, "%s: relocation %zu of %s is not one of a module",
					o->path, at / sizeof(r), to->name);
	}
	return 0;
}

static int relocate_module(struct smc_object *o, struct smc_error *e)
{
	size_t n = 0;
	uint64_t *values = resolve(o, &n, e);
	int err = values ? 0 : -EINVAL;

	for (size_t i = 0; !err && i < o->nr_sections; i++) {
		const struct smc_section *rela = &o->sections[i], *to;
		const Elf64_Shdr *sh = elf64_getshdr(elf_getscn(o->elf, rela->index));

		if (!sh || sh->sh_type != SHT_RELA || !rela->data)
			continue;
		to = section_number(o, sh->sh_info);
		if (to && (to->flags & SHF_ALLOC) && to->data)
			err = relocate_section(o, rela, to, values, n, e);
	}
	free(values);
	return err;
}

int smc_module_load(struct smc_system *s, const struct smc_module *m, const char *path,
		    struct smc_object *o, struct smc_error *e)
{
	int err;

	*o = (struct smc_object){ .module = true, .base = m->base };
	snprintf(o->name, sizeof(o->name), "%s", m->name);
	snprintf(o->path, sizeof(o->path), "%s", path);
	err = read_file(o, blob_unpack, e);
	if (!err)
		err = open_elf(o, ET_REL, e);
	if (!err)
		err = check_build(o, ".note.gnu.build-id", m->build_id, "the loaded module", e);
	if (err)
		return err;
	place_sections(s, m, o);
	return relocate_module(o, e);
}
