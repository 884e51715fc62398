// SPDX-License-Identifier: GPL-2.0-only
/*
 * What differs between kernels, as files say it: packed kernels, BTF with longer
 * headers and unknown kinds, forms of tables and of code. The kernels' own modules
 * are instructions to decode; small modules (shape.S) have what a later kernel has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <capstone.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vbh/module.h>
#include "elf/btf.h"
#include "elf/insn.h"
#include "elf/kernel.h"
#include "elf/shape.h"
#include "elf/unpack.h"
#include "ko/ko.h"

static char err[512];

/* A bzImage whose kernel is the output of this command, given the ELF file. */
static void pack(const char *command, const char *elf, const char *image)
{
	static uint8_t file[1 << 16];
	char line[256];
	uint32_t n;
	FILE *f;

	memset(file, 0, sizeof(file));
	snprintf(line, sizeof(line), "%s < %s", command, elf);
	f = popen(line, "r");
	assert_non_null(f);
	n = (uint32_t)fread(file + 2560, 1, sizeof(file) - 2560 - 4, f);
	assert_int_equal(pclose(f), 0);
	assert_true(n > 16);
	/* size_append */
	memcpy(file + 2560 + n, "\x00\x20\0\0", 4);
	n += 4;
	file[0x1fe] = 0x55;
	file[0x1ff] = 0xaa;
	memcpy(file + 0x202, "HdrS\x0f\x02", 6);
	memcpy(file + 0x24c, &n, 4);
	f = fopen(image, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(file, 1, 2560 + n, f), 2560 + n);
	fclose(f);
}

static void a_kernel_is_unpacked_from_all_that_debian_packs_it_in(void **state)
{
	/* scripts/Makefile.lib: cmd_gzip, cmd_xzkern, cmd_lzma, cmd_lz4, cmd_zstd22. */
	static const char * const commands[] = {
		"gzip -n -9", "xz --check=crc32 --x86 --lzma2", "lzma -9", "lz4 -l -9 - -",
		"zstd -q -22 --ultra",
	};
	char dir[] = "/tmp/vbh-shape-XXXXXX", elf[64], image[64], line[80];
	uint8_t bytes[8192] = "\177ELF\2\1\1";
	struct blob b;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(elf, sizeof(elf), "%s/elf", dir);
	snprintf(image, sizeof(image), "%s/image", dir);
	for (size_t i = 64; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * i >> 7);
	f = fopen(elf, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, sizeof(bytes), f), sizeof(bytes));
	fclose(f);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		pack(commands[i], elf, image);
		assert_int_equal(blob_read(image, &b, err, sizeof(err)), 0);
		if (blob_vmlinux(image, &b, err, sizeof(err)))
			fail_msg("%s: %s", commands[i], err);
		assert_int_equal(b.len, sizeof(bytes));
		assert_memory_equal(b.data, bytes, sizeof(bytes));
		blob_free(&b);
	}
	snprintf(line, sizeof(line), "rm -r %s", dir);
	assert_int_equal(system(line), 0);
}

/* Types as words; names are offsets in `names`. */
static const char names[] = "\0cpuinfo_x86\0caps\0a_function\0bits";
enum { NAME_CPUINFO = 1, NAME_CAPS = 13, NAME_FUNCTION = 18, NAME_BITS = 29 };

#define INFO(kind, parts)	((uint32_t)(kind) << 24 | (parts))

static const uint32_t types[] = {
	0, INFO(1, 0), 4, 32,				/* 1: an int */
	0, INFO(3, 0), 0, 1, 1, 24,			/* 2: of 24 of them */
	0, INFO(5, 1), 96, 0, 2, 0,			/* 3: a union of that */
	NAME_CPUINFO, INFO(4, 3) | 1u << 31, 144,	/* 4 */
		NAME_BITS, 1, 3u << 24 | 5,
		NAME_CAPS, 1, 40 * 8,
		0, 3, 48 * 8,
	0, INFO(13, 0), 0,				/* 5 */
	NAME_FUNCTION, INFO(12, 0), 5,			/* 6 */
};

/* With a header of so many bytes, and this behind the types; how long it is. */
static size_t make_btf(uint8_t *to, uint32_t header, const void *more, uint32_t more_len,
		       const uint8_t *layout, uint32_t layout_len)
{
	uint32_t h[10] = { 0x0001eb9f, header, 0, sizeof(types) + more_len,
			   (uint32_t)sizeof(types) + more_len, sizeof(names),
			   (uint32_t)(sizeof(types) + more_len + sizeof(names) + 3) & ~3u,
			   layout_len };

	memset(to, 0, 4096);
	memcpy(to, h, header < sizeof(h) ? header : sizeof(h));
	to += header;
	memcpy(to, types, sizeof(types));
	memcpy(to + sizeof(types), more, more_len);
	memcpy(to + h[4], names, sizeof(names));
	memcpy(to + h[6], layout, layout_len);
	return header + h[6] + layout_len;
}

static void asked(const uint8_t *data, size_t len)
{
	uint32_t offset = 0, size = 0;
	struct btf_types t;
	const char *why = btf_open(&t, data, len);

	if (why)
		fail_msg("%s", why);
	assert_true(btf_member(&t, "cpuinfo_x86", "", &offset, &size));
	assert_int_equal(offset, 48);
	assert_int_equal(size, 96);
	assert_true(btf_member(&t, "cpuinfo_x86", "caps", &offset, &size));
	assert_int_equal(offset, 40);
	assert_int_equal(size, 4);
	assert_false(btf_member(&t, "cpuinfo_x86", "bits", &offset, &size));
	assert_false(btf_member(&t, "a_function", "", &offset, &size));
	assert_true(btf_has_function(&t, "a_function"));
	assert_false(btf_has_function(&t, "cpuinfo_x86"));
	btf_close(&t);
}

static void btf_of_any_header_is_read(void **state)
{
	static const uint32_t headers[] = { 24, 32, 40, 256 };
	uint8_t data[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		asked(data, make_btf(data, headers[i], "", 0, (const uint8_t *)"", 0));
}

static void a_kind_that_is_not_known_is_stepped_over_if_it_says_how_long_it_is(void **state)
{
	/* Kind 25, 4 bytes and three parts of 8. */
	static const uint32_t more[3 + 1 + 6] = { 0, INFO(25, 3), 0 };
	uint8_t layout[26 * 4] = { 0 }, data[4096];
	struct btf_types t;

	(void)state;
	layout[25 * 4] = 4;
	layout[25 * 4 + 1] = 8;
	asked(data, make_btf(data, 32, more, sizeof(more), layout, sizeof(layout)));
	assert_string_equal(btf_open(&t, data, make_btf(data, 32, more, sizeof(more), layout, 0)),
			    "its BTF has a kind of type that is not known");
	assert_string_equal(btf_open(&t, data, make_btf(data, 24, more, sizeof(more), layout,
							sizeof(layout))),
			    "its BTF has a kind of type that is not known");
}

static void btf_that_is_cut_off_or_damaged_is_refused_or_survived(void **state)
{
	uint8_t data[4096], *cut;
	uint32_t offset, size;
	struct btf_types t;
	size_t len;

	(void)state;
	len = make_btf(data, 32, "", 0, (const uint8_t *)"\0\0\0", 4);
	for (size_t n = 0; n < len; n++) {
		/* A block of just that size, for the sanitizer to watch its end. */
		cut = malloc(n + 1);
		memcpy(cut, data, n);
		assert_non_null(btf_open(&t, cut, n));
		free(cut);
	}
	srandom(1);
	for (int i = 0; i < 20000; i++) {
		cut = malloc(len);
		memcpy(cut, data, len);
		for (int k = 0; k <= i % 4; k++)
			cut[(size_t)random() % len] = (uint8_t)random();
		if (!btf_open(&t, cut, len)) {
			btf_member(&t, "cpuinfo_x86", "", &offset, &size);
			btf_has_function(&t, "a_function");
			btf_close(&t);
		}
		free(cut);
	}
}

/* optimize_nops() goes by instructions. */
static void a_byte_of_a_distance_is_no_nop(void **state)
{
	static const struct {
		char from[9], to[NR_NOP_FORMS][9];
	} codes[] = {
		{ "\xe8\x90\x90\x00\x00\x90\x90\x90",
		  { "\xe8\x90\x90\x00\x00\x0f\x1f\x00", "\xe8\x90\x90\x00\x00\x0f\x1f\x00",
		    "\xe8\x90\x90\x00\x00\x0f\x1f\x00" } },
		{ "\xf3\x90\x90\x90\xb8\x90\x90\x90",
		  { "\xf3\x90\x66\x90\xb8\x90\x90\x90", "\xf3\x90\x66\x90\xb8\x90\x90\x90",
		    "\xf3\x90\x66\x90\xb8\x90\x90\x90" } },
		{ "\x66\x90\x90\x0f\x01\xca\x90\x90",
		  { "\x66\x90\x90\x0f\x01\xca\x66\x90", "\x0f\x1f\x00\x0f\x01\xca\x66\x90",
		    "\x0f\x1f\x00\x0f\x01\xca\x66\x90" } },
		{ "\x90\x90\x90\xeb\x90\x90\x90\xcc",
		  { "\x0f\x1f\x00\xeb\x90\x66\x90\xcc", "\x0f\x1f\x00\xeb\x90\x66\x90\xcc",
		    "\x0f\x1f\x00\xeb\x90\x66\x90\xcc" } },
		/* The last one alone, if it is long, is left; MOV %rax,%rax may be one. */
		{ "\xc3\x48\x89\xc0\x90\x0f\x1f\x00",
		  { "\xc3\x48\x89\xc0\x90\x0f\x1f\x00", "\xc3\x48\x89\xc0\x0f\x1f\x40\x00",
		    "\xc3\x0f\x1f\x80\0\0\0\0" } },
	};
	uint8_t p[8];

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		for (int form = 0; form < NR_NOP_FORMS; form++) {
			memcpy(p, codes[i].from, 8);
			nops_optimize(form, p, 8);
			assert_memory_equal(p, codes[i].to[form], 8);
		}
	}
}

static void nops_are_the_kernels(void **state)
{
	uint8_t p[160], zeroes[131] = { 0 };

	(void)state;
	memset(p, 0xaa, sizeof(p));
	nops_fill(NOPS_OF_90, p, 13);
	assert_memory_equal(p, "\x0f\x1f\x84\0\0\0\0\0\x0f\x1f\x44\0\0", 13);
	assert_int_equal(p[13], 0xaa);
	memset(p, 0xaa, sizeof(p));
	nops_fill(NOPS_TO_11, p, 11);
	assert_memory_equal(p, "\x66\x66\x2e\x0f\x1f\x84\0\0\0\0\0", 11);
	nops_fill(NOPS_TO_11, p, 12);
	assert_memory_equal(p, "\xeb\x0a\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xaa", 13);
	nops_fill(NOPS_TO_11, p, 130);
	assert_memory_equal(p, "\xe9\x7d\0\0\0\xcc", 6);
	assert_int_equal(p[129], 0xcc);
	assert_int_equal(p[130], 0xaa);
	/* A run of 131 is one. */
	memset(zeroes, 0x90, sizeof(zeroes));
	nops_optimize(NOPS_TO_11, zeroes, sizeof(zeroes));
	assert_memory_equal(zeroes, "\xe9\x7e\0\0\0\xcc", 6);
}

static void an_indirect_branch_is_filled_up_as_its_kernel_does(void **state)
{
	static const struct {
		const char *insn, *bytes[NR_INDIRECT_FORMS];
		size_t len;
		unsigned int reg;
		bool lfence;
	} codes[] = {
		{ "\xe8\0\0\0\0", { "\xff\xd3\x90\x90\x90", "\x2e\x2e\x2e\xff\xd3" }, 5, 3, false },
		{ "\x2e\xe8\0\0\0\0", { "\x41\xff\xd3\x90\x90\x90", "\x2e\x2e\x2e\x41\xff\xd3" },
		  6, 11, false },
		{ "\x2e\xe8\0\0\0\0", { "\xff\xd0\x90\x90\x90\x90", "\xff\xd0\x90\x90\x90\x90" },
		  6, 0, false },
		{ "\xe9\0\0\0\0", { "\xff\xe0\xcc\x90\x90", "\xff\xe0\xcc\xcc\xcc" }, 5, 0, false },
		{ "\xe8\0\0\0\0", { "\x0f\xae\xe8\xff\xd0", "\x0f\xae\xe8\xff\xd0" }, 5, 0, true },
		{ "\x0f\x84\0\0\0\0", { "\x75\x04\xff\xe0\xcc\x90", "\x75\x04\xff\xe0\xcc\xcc" },
		  6, 0, false },
		/* It does not fit. */
		{ "\xe8\0\0\0\0", { NULL, NULL }, 5, 9, true },
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		for (int form = 0; form < NR_INDIRECT_FORMS; form++) {
			const char *want = codes[i].bytes[form];
			bool fits = retpoline_inline(form, (const uint8_t *)codes[i].insn,
						     codes[i].len, codes[i].lfence, codes[i].reg,
						     out);

			assert_int_equal(fits, want != NULL);
			if (want)
				assert_memory_equal(out, want, codes[i].len);
		}
	}
}

static void a_table_says_which_form_its_entries_have(void **state)
{
	static const uint8_t old[12] = { [8] = 5, [9] = 0x80, [10] = 7, [11] = 3 };
	static const uint8_t new[14] = { [8] = 5, [9] = 1, [10] = 3, [12] = 7, [13] = 3 };
	struct alt a;

	(void)state;
	assert_null(alt_shape(13));
	assert_null(alt_shape(0));
	assert_int_equal(alt_size(14, 28, 4), 14);
	assert_int_equal(alt_size(14, 30, 4), 0);
	assert_int_equal(alt_size(0, 28, 4), 14);
	assert_int_equal(alt_size(0, 28, 3), 0);
	assert_int_equal(alt_size(0, 28, 0), 0);
	alt_read(alt_shape(12), old, &a);
	assert_int_equal(a.feature, 5);
	assert_true(a.inverted && !a.direct_call);
	assert_int_equal(a.len, 7);
	assert_int_equal(a.replacement_len, 3);
	alt_read(alt_shape(14), new, &a);
	assert_int_equal(a.feature, 0x105);
	assert_true(a.inverted && a.direct_call);
	assert_int_equal(a.len, 7);
	assert_int_equal(a.replacement_len, 3);
}

static unsigned int decoded;

/* Each instruction of a section has the length that Capstone gives it. */
static void decode(csh cs, const char *path, const char *name, const uint8_t *p, size_t len)
{
	const uint8_t *next = p;
	cs_insn *c = cs_malloc(cs);
	uint64_t at = 0;
	struct insn i;

	while (len) {
		size_t left = len;

		if (!cs_disasm_iter(cs, &next, &left, &at, c))
			break;
		/* Capstone takes UD1 for an instruction without ModRM. */
		if (p[0] == 0x0f && p[1] == 0xb9)
			break;
		if (!insn_decode(p, len, &i) || i.len != c->size)
			fail_msg("%s: %s+%#lx: %s %s has %u bytes, and not %u", path, name,
				 (unsigned long)at - c->size, c->mnemonic, c->op_str, c->size, i.len);
		decoded++;
		p = next;
		len = left;
	}
	cs_free(c, 1);
}

static void instructions_have_the_length_that_capstone_gives_them(void **state)
{
	char *roots[] = { MODULES, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	unsigned int n = 0;
	FTSENT *ent;
	csh cs;

	(void)state;
	assert_int_equal(cs_open(CS_ARCH_X86, CS_MODE_64, &cs), CS_ERR_OK);
	while ((ent = fts_read(fts))) {
		struct blob b;
		struct ko ko;

		if (ent->fts_info != FTS_F || !module_name_len(ent->fts_name) || n++ % 200)
			continue;
		assert_int_equal(blob_read(ent->fts_path, &b, err, sizeof(err)), 0);
		assert_int_equal(blob_unpack(ent->fts_path, &b, err, sizeof(err)), 0);
		assert_int_equal(ko_open(&ko, ent->fts_path, b.data, b.len, NULL, err, sizeof(err)), 0);
		for (size_t i = 1; i < ko.nr_sections; i++)
			if (ko.sections[i].sh.sh_flags & SHF_EXECINSTR && ko.sections[i].data)
				decode(cs, ent->fts_path, ko.sections[i].name, ko.sections[i].data,
				       ko.sections[i].sh.sh_size);
		ko_close(&ko);
		blob_free(&b);
	}
	fts_close(fts);
	cs_close(&cs);
	assert_true(decoded > 10000);
}

/* The module that shape.S is, described; its choices are asked for by label. */
static struct ko mod;
static struct blob mod_file;

static int open_module(void **state)
{
	(void)state;
	if (blob_read("shape.ko", &mod_file, err, sizeof(err)) ||
	    ko_open(&mod, "shape.ko", mod_file.data, mod_file.len, NULL, err, sizeof(err)) ||
	    ko_describe(&mod)) {
		print_error("%s\n", err);
		return -1;
	}
	return 0;
}

static int close_module(void **state)
{
	(void)state;
	ko_close(&mod);
	blob_free(&mod_file);
	return 0;
}

static const struct ko_field *field_at(const char *label)
{
	const struct ko_image *image = &mod.part[KO_CORE];

	for (uint32_t i = 1; i < mod.nr_syms; i++) {
		const struct ko_section *s = &mod.sections[mod.syms[i].st_shndx];

		if (strcmp(ko_sym_name(&mod, i), label) != 0)
			continue;
		for (size_t k = 0; k < image->nr; k++)
			if (image->fields[k].offset == s->offset + mod.syms[i].st_value &&
			    image->fields[k].len)
				return &image->fields[k];
	}
	fail_msg("there is nothing at %s", label);
	return NULL;
}

/* May these bytes stand there, with a field in them or (-1) none? */
static const struct vbh_choice *option(const char *label, const char *bytes, int at)
{
	const struct ko_field *f = field_at(label);
	uint32_t size = (uint32_t)sizeof(struct vbh_choice) + ((f->len + 7) & ~7u);

	assert_int_equal(f->kind, VBH_FIELD_CHOICE);
	for (uint32_t i = 0; i < f->options_len; i += size) {
		const struct vbh_choice *c = (const struct vbh_choice *)(f->options + i);

		if (!memcmp(c + 1, bytes, f->len) &&
		    c->field == (at < 0 ? VBH_CHOICE_PLAIN : (uint8_t)at))
			return c;
	}
	return NULL;
}

#define MAY(label, bytes, at)	assert_non_null(option(label, bytes, at))
#define MAY_NOT(label, bytes)	assert_null(option(label, bytes, -1))

static void an_alternative_within_another_has_the_length_of_the_longer(void **state)
{
	(void)state;
	assert_int_equal(field_at("nested")->len, 12);
	/* as it is, the shorter, the longer, and none of their NOPs one of another's */
	MAY("nested", "\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90", -1);
	MAY("nested", "\xeb\x0a\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc", -1);
	MAY("nested", "\x0f\xa2\x66\x2e\x0f\x1f\x84\0\0\0\0\0", -1);
	MAY("nested", "\x0f\x31\x0f\x31\x0f\x31\x0f\x31\x0f\x31\x0f\x31", -1);
	MAY_NOT("nested", "\x0f\x31\x66\x2e\x0f\x1f\x84\0\0\0\0\0");
}

static void what_is_copied_leads_where_it_led(void **state)
{
	const struct vbh_choice *c;

	(void)state;
	/* A jump that gets short, and is filled up with INT3. */
	MAY("near", "\xeb\x0e\xcc\xcc\xcc", -1);
	/* A distance in the middle: its target is that of the relocation. */
	c = option("middle", "\x0f\x31\x8b\x05\0\0\0\0", 4);
	assert_non_null(c);
	assert_int_equal(c->kind, VBH_FIELD_PC32);
	assert_true(c->base >= VBH_BASE_SYMBOL);
	assert_int_equal(c->addend, -4);
	/* A jump within the replacement stays as it is. */
	MAY("within", "\xeb\x01\xf4\x0f\x31", -1);
}

static void a_call_through_memory_may_become_a_direct_one(void **state)
{
	const struct vbh_choice *c;

	(void)state;
	MAY("paravirt", "\xff\x15\0\0\0\0", 2);
	c = option("paravirt", "\xe8\0\0\0\0\x90", 1);
	assert_non_null(c);
	assert_true(mod.hashes[c->base - VBH_BASE_SYMBOL] == vbh_symbol_hash("pv_ops[5]"));
	assert_int_equal(c->addend, -4);
	MAY("paravirt", "\x66\x0f\x1f\x44\0\0", -1);
	MAY("paravirt", "\xfa\x0f\x1f\x44\0\0", -1);
	c = option("locks", "\xe8\0\0\0\0\x90", 1);
	assert_non_null(c);
	assert_true(mod.hashes[c->base - VBH_BASE_SYMBOL] == vbh_symbol_hash("pv_ops_lock[1]"));
}

static void a_sealed_function_begins_with_a_nop_of_either_kind(void **state)
{
	(void)state;
	MAY("sealed", "\xf3\x0f\x1e\xfa", -1);
	MAY("sealed", "\x66\x0f\x1f\x00", -1);
	MAY("sealed", "\x0f\x1f\x40\xd6", -1);
	MAY_NOT("sealed", "\x0f\x1f\x40\x00");
}

static void an_indirect_call_may_have_prefixes(void **state)
{
	(void)state;
	MAY("thunk", "\xe8\0\0\0\0", 1);
	MAY("thunk", "\x2e\x2e\x2e\xff\xd0", -1);
	MAY("thunk", "\xff\xd0\x0f\x1f\x00", -1);
	MAY("thunk", "\x0f\xae\xe8\xff\xd0", -1);
}

/* And what only the loader reads is one field, whatever is in it. */
static void tables_of_the_loader_are_not_compared(void **state)
{
	static const char * const tables[] = { ".altinstructions", ".call_sites", ".ibt_endbr_seal" };

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct ko_section *s = ko_find(&mod, tables[i]);
		const struct ko_image *image = &mod.part[KO_CORE];
		uint32_t owner = image->owner[s->offset];

		assert_true(owner);
		assert_int_equal(image->fields[owner - 1].kind, VBH_FIELD_ANY);
		assert_int_equal(image->fields[owner - 1].len, s->sh.sh_size);
	}
}

static void an_unknown_form_of_a_table_is_named(void **state)
{
	struct blob b;
	struct ko ko;

	(void)state;
	assert_int_equal(blob_read("shape-unknown.ko", &b, err, sizeof(err)), 0);
	assert_int_equal(ko_open(&ko, "x.ko", b.data, b.len, NULL, err, sizeof(err)), 0);
	assert_true(ko_describe(&ko) < 0);
	assert_string_equal(err, "x.ko: .altinstructions: the form of its entries is not known (16 bytes)");
	ko_close(&ko);
	blob_free(&b);
}

/* Where this module's .data.more is, to a kernel of which that is known. */
static struct ko_target more(const struct kernel_facts *facts)
{
	struct ko_target to = { 0 };
	struct ko_reloc r;
	struct blob b;
	struct ko ko;

	assert_int_equal(blob_read("shape.ko", &b, err, sizeof(err)), 0);
	err[0] = '\0';
	if (!ko_open(&ko, "x.ko", b.data, b.len, facts, err, sizeof(err))) {
		assert_int_equal(ko_reloc_in(ko_find(&ko, ".rodata"), 0, 8, &r), 1);
		assert_int_equal(ko_target(&ko, ko_find(&ko, ".rodata"), &r, &to), 0);
	}
	ko_close(&ko);
	blob_free(&b);
	return to;
}

/* Before it the data begin behind that table, from it on with what is next. */
static void where_static_calls_lie_is_the_kernels_to_say(void **state)
{
	const struct kernel_facts old = { false }, new = { true };
	const struct kernel_facts none = { .unknown = "/boot/vmlinuz-x: it has no BTF" };

	(void)state;
	assert_int_equal(more(&old).base, VBH_BASE_PART + VBH_PART_DATA);
	assert_int_equal(more(&old).addend, 8);
	assert_int_equal(more(&new).base, VBH_BASE_PART + VBH_PART_DATA);
	assert_int_equal(more(&new).addend, 0);
	more(&none);
	assert_string_equal(err, "x.ko: where its .static_call_sites lies is not known: /boot/vmlinuz-x: it has no BTF");
}

/* That of Linux 6 is older, as far as there are packages of it. */
static void a_kernels_file_says_where(void **state)
{
	struct kernel_facts facts;

	(void)state;
	kernel_facts_find(RELEASE, "/lib/modules/" RELEASE, &facts);
	assert_string_equal(facts.unknown, "");
	assert_int_equal(facts.static_calls_ro, RELEASE[0] > '6');
	kernel_facts_find("6.1.0-none", "/nonexistent", &facts);
	assert_string_equal(facts.unknown, "/boot/vmlinuz-6.1.0-none: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest files[] = {
		cmocka_unit_test(a_kernel_is_unpacked_from_all_that_debian_packs_it_in),
		cmocka_unit_test(btf_of_any_header_is_read),
		cmocka_unit_test(a_kind_that_is_not_known_is_stepped_over_if_it_says_how_long_it_is),
		cmocka_unit_test(btf_that_is_cut_off_or_damaged_is_refused_or_survived),
		cmocka_unit_test(a_byte_of_a_distance_is_no_nop),
		cmocka_unit_test(nops_are_the_kernels),
		cmocka_unit_test(an_indirect_branch_is_filled_up_as_its_kernel_does),
		cmocka_unit_test(a_table_says_which_form_its_entries_have),
		cmocka_unit_test(instructions_have_the_length_that_capstone_gives_them),
		cmocka_unit_test(an_unknown_form_of_a_table_is_named),
		cmocka_unit_test(where_static_calls_lie_is_the_kernels_to_say),
		cmocka_unit_test(a_kernels_file_says_where),
	};
	const struct CMUnitTest module[] = {
		cmocka_unit_test(an_alternative_within_another_has_the_length_of_the_longer),
		cmocka_unit_test(what_is_copied_leads_where_it_led),
		cmocka_unit_test(a_call_through_memory_may_become_a_direct_one),
		cmocka_unit_test(a_sealed_function_begins_with_a_nop_of_either_kind),
		cmocka_unit_test(an_indirect_call_may_have_prefixes),
		cmocka_unit_test(tables_of_the_loader_are_not_compared),
	};
	int failed = cmocka_run_group_tests(files, NULL, NULL);

	return failed + cmocka_run_group_tests(module, open_module, close_module);
}
