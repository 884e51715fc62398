// SPDX-License-Identifier: GPL-2.0-only
/* The catalogue: of Debian's own modules, and of what is damaged or none. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <libvbh.h>
#include "ko/ko.h"

#define RELEASE	"6.1.0-test"

static char folder[64], dir[80], file[80], err[512];

static void put_file(const char *name, const void *bytes, size_t len)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static uint8_t *get_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	uint8_t *bytes;
	struct stat st;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	*len = (size_t)st.st_size;
	bytes = malloc(*len + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *len, f), *len);
	fclose(f);
	return bytes;
}

static void take_module(const char *path, const char *as)
{
	char from[256];
	uint8_t *bytes;
	size_t len;

	snprintf(from, sizeof(from), MODULES "/%s", path);
	bytes = get_file(from, &len);
	put_file(as, bytes, len);
	free(bytes);
}

static int setup(void **state)
{
	uint8_t *kernel;
	size_t len;

	(void)state;
	strcpy(folder, "/tmp/vbh-catalogue-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(dir, sizeof(dir), "%s/modules", folder);
	snprintf(file, sizeof(file), "%s/catalogue", folder);
	if (mkdir(dir, 0755))
		return -1;
	take_module("drivers/net/dummy.ko", "b.ko");
	take_module("lib/libcrc32c.ko", "a.ko");
	/* The kernel of these modules: some things it says, and not they. */
	kernel = get_file("kernel.elf", &len);
	put_file("vmlinuz", kernel, len);
	free(kernel);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static size_t last_done, last_total;

static void progress(void *data, size_t done, size_t total)
{
	assert_ptr_equal(data, &last_done);
	assert_int_equal(done, last_done + 1);
	last_done = done;
	last_total = total;
}

static int make(void)
{
	last_done = 0;
	return vbh_catalogue_make(file, dir, RELEASE, progress, &last_done, err, sizeof(err));
}

static struct vbh_catalogue *open_it(void)
{
	struct vbh_catalogue *c;

	assert_int_equal(vbh_catalogue_open(&c, file, err, sizeof(err)), 0);
	return c;
}

static void it_lists_each_module_by_its_name(void **state)
{
	struct vbh_catalogue_info m;
	struct vbh_catalogue *c;

	(void)state;
	assert_int_equal(make(), 0);
	assert_int_equal(last_done, 2);
	assert_int_equal(last_total, 2);
	c = open_it();
	assert_string_equal(vbh_catalogue_release(c), RELEASE);
	assert_int_equal(vbh_catalogue_modules(c), 2);
	vbh_catalogue_module(c, 0, &m);
	assert_string_equal(m.name, "dummy");
	assert_int_equal(m.text % 4096, 0);
	assert_int_not_equal(m.text, 0);
	assert_int_not_equal(m.rodata, 0);
	assert_int_not_equal(m.description, 0);
	vbh_catalogue_module(c, 1, &m);
	assert_string_equal(m.name, "libcrc32c");
	vbh_catalogue_close(c);
}

static int fresh(const char *release)
{
	struct vbh_catalogue *c = open_it();
	int ret = vbh_catalogue_fresh(c, dir, release, err, sizeof(err));

	vbh_catalogue_close(c);
	return ret;
}

static void it_is_fresh_until_a_file_changes(void **state)
{
	(void)state;
	assert_int_equal(make(), 0);
	assert_int_equal(fresh(RELEASE), 1);
	assert_int_equal(fresh("6.1.0-other"), 0);
	put_file("readme", "x", 1);
	assert_int_equal(fresh(RELEASE), 1);
	take_module("drivers/net/dummy.ko", "b.ko");
	assert_int_equal(fresh(RELEASE), 0);
	assert_int_equal(make(), 0);
	assert_int_equal(fresh(RELEASE), 1);
	take_module("drivers/net/dummy.ko", "c.ko");
	assert_int_equal(fresh(RELEASE), 0);
}

static void the_same_modules_give_the_same_digests(void **state)
{
	uint8_t *a, *b;
	size_t len_a, len_b;

	(void)state;
	assert_int_equal(make(), 0);
	a = get_file(file, &len_a);
	assert_int_equal(make(), 0);
	b = get_file(file, &len_b);
	assert_int_equal(len_a, len_b);
	assert_memory_equal(a, b, len_a);
	free(a);
	free(b);
}

static void others_than_root_can_read_it(void **state)
{
	mode_t mask = umask(077);
	struct stat st;

	(void)state;
	assert_int_equal(make(), 0);
	umask(mask);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

/* Making fails with this in the words, and leaves the last catalogue alone. */
static void not_made(int code, const char *words)
{
	uint8_t *a, *b;
	size_t len_a, len_b;

	a = get_file(file, &len_a);
	assert_int_equal(make(), code);
	if (!strstr(err, words))
		fail_msg("\"%s\" does not say \"%s\"", err, words);
	b = get_file(file, &len_b);
	assert_int_equal(len_a, len_b);
	assert_memory_equal(a, b, len_a);
	free(a);
	free(b);
}

static void what_is_no_module_is_refused_by_name(void **state)
{
	char path[128];

	(void)state;
	assert_int_equal(make(), 0);
	put_file("x.ko", "text", 4);
	not_made(-EINVAL, "/x.ko: is no ELF file");
	put_file("x.ko", "", 0);
	not_made(-EINVAL, "/x.ko: is empty");
	snprintf(path, sizeof(path), "%s/x.ko", dir);
	unlink(path);
	put_file("y.ko.xz", "\xfd""7zXZ", 6);
	not_made(-EINVAL, "/y.ko.xz: its xz data is damaged");
	put_file("y.ko.xz", "xz", 2);
	not_made(-EINVAL, "/y.ko.xz: is no ELF file");
	snprintf(path, sizeof(path), "%s/y.ko.xz", dir);
	unlink(path);
	assert_int_equal(make(), 0);
	assert_int_equal(vbh_catalogue_make(file, "/nonexistent", RELEASE, NULL, NULL, err,
					    sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "/nonexistent: No such file"));
	assert_int_equal(vbh_catalogue_make("/nonexistent/c", dir, RELEASE, NULL, NULL, err,
					    sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "/nonexistent/c: No such file"));
	snprintf(path, sizeof(path), "rm %s/*.ko", dir);
	assert_int_equal(system(path), 0);
	not_made(-ENOENT, "there are no modules");
}

static char said[2][512];
static unsigned int left_out;

static void leave_out(void *data, const char *why)
{
	(void)data;
	snprintf(said[left_out++ % 2], sizeof(said[0]), "%s", why);
}

static int make_most(void)
{
	left_out = 0;
	return vbh_catalogue_make_most(file, dir, RELEASE, NULL, leave_out, NULL, err,
				       sizeof(err));
}

static void one_that_is_damaged_is_left_out_and_named(void **state)
{
	struct vbh_catalogue *c;

	(void)state;
	put_file("x.ko", "text", 4);
	put_file("y.ko.zst", "\x28\xb5\x2f\xfd", 4);
	assert_int_equal(make_most(), 0);
	assert_int_equal(left_out, 2);
	assert_non_null(strstr(said[0], "/x.ko: is no ELF file"));
	assert_non_null(strstr(said[1], "/y.ko.zst: its zstd data is damaged"));
	c = open_it();
	assert_int_equal(vbh_catalogue_modules(c), 2);
	/* It is that of these files, until one of them changes; and not all are in it. */
	assert_int_equal(vbh_catalogue_fresh(c, dir, RELEASE, err, sizeof(err)), 1);
	assert_non_null(strstr(err, "2 of 4 modules in "));
	put_file("y.ko.zst", "\x28", 1);
	assert_int_equal(vbh_catalogue_fresh(c, dir, RELEASE, err, sizeof(err)), 0);
	assert_string_equal(err, "");
	vbh_catalogue_close(c);
}

static void what_only_the_kernel_knows_is_named_if_it_does_not_say(void **state)
{
	struct vbh_catalogue *c;

	(void)state;
	put_file("vmlinuz", "", 0);
	assert_int_equal(make_most(), 0);
	assert_int_equal(left_out, 1);
	assert_non_null(strstr(said[0], "/b.ko: where its .static_call_sites lies is not known: "));
	c = open_it();
	assert_int_equal(vbh_catalogue_modules(c), 1);
	vbh_catalogue_close(c);
}

static void without_any_that_is_whole_there_is_none(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm %s/*.ko", dir);
	assert_int_equal(system(command), 0);
	put_file("x.ko", "text", 4);
	assert_int_equal(make_most(), -EINVAL);
	assert_non_null(strstr(err, "/x.ko: is no ELF file"));
}

static void shell(const char *fmt, const char *with)
{
	char command[256];

	snprintf(command, sizeof(command), fmt, dir, with);
	assert_int_equal(system(command), 0);
}

/* Whatever a module is packed in, the loader gets the same. */
static void a_packed_module_has_the_digest_of_the_unpacked_one(void **state)
{
	static const char * const packed[][2] = {
		{ "xz -f --check=crc32 b.ko", "xz" }, { "gzip -nf b.ko", "gz" },
		{ "zstd -qf --rm b.ko", "zst" },
		/* What it is called is not what it is packed in. */
		{ "gzip -nf b.ko && mv b.ko.gz b.ko.xz", "other" },
	};
	uint8_t digest[VBH_HASH_LEN];
	struct vbh_catalogue_info m;
	struct vbh_catalogue *c;

	(void)state;
	assert_int_equal(make(), 0);
	c = open_it();
	vbh_catalogue_module(c, 0, &m);
	assert_string_equal(m.name, "dummy");
	memcpy(digest, m.digest, sizeof(digest));
	vbh_catalogue_close(c);
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		shell("cd %s && %s", packed[i][0]);
		assert_int_equal(make(), 0);
		c = open_it();
		assert_int_equal(vbh_catalogue_modules(c), 2);
		vbh_catalogue_module(c, 0, &m);
		assert_memory_equal(m.digest, digest, sizeof(digest));
		vbh_catalogue_close(c);
		shell("cd %s && rm b.ko.*", "");
		take_module("drivers/net/dummy.ko", "b.ko");
	}
}

static void damaged(const uint8_t *bytes, size_t len)
{
	struct vbh_catalogue *c;
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(vbh_catalogue_open(&c, file, err, sizeof(err)), -EINVAL);
	assert_null(c);
	assert_non_null(strstr(err, "catalogue"));
}

static void a_damaged_file_is_refused(void **state)
{
	struct vbh_catalogue *c;
	uint8_t *bytes;
	size_t len, i;

	(void)state;
	assert_int_equal(make(), 0);
	bytes = get_file(file, &len);
	for (i = 0; i < len; i += i < 500 ? 7 : 211) {
		bytes[i] ^= 0x40;
		damaged(bytes, len);
		bytes[i] ^= 0x40;
	}
	for (i = 0; i < len; i += 97)
		damaged(bytes, i);
	free(bytes);
	assert_int_equal(vbh_catalogue_open(&c, "/nonexistent", err, sizeof(err)), -ENOENT);
	assert_int_equal(vbh_catalogue_open(&c, dir, err, sizeof(err)), -EINVAL);
}

/* As the catalogue's maker does it. */
static int describe(uint8_t *bytes, size_t len, struct ko_description *d)
{
	struct ko ko;
	int ret = ko_open(&ko, "module", bytes, len, NULL, err, sizeof(err));

	*d = (struct ko_description){ .bytes = NULL };
	if (!ret)
		ret = ko_describe(&ko);
	if (!ret)
		ret = ko_stream(&ko, d);
	ko_close(&ko);
	free(d->bytes);
	return ret;
}

/* Of all that the kernel has, every 25th: it would be minutes with sanitizers. */
static void debian_modules_can_be_described(void **state)
{
	char *roots[] = { MODULES, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	struct ko_description d;
	unsigned int n = 0;
	uint8_t *bytes;
	FTSENT *ent;
	size_t len;

	(void)state;
	assert_non_null(fts);
	while ((ent = fts_read(fts))) {
		if (ent->fts_info != FTS_F || n++ % 25)
			continue;
		bytes = get_file(ent->fts_path, &len);
		if (describe(bytes, len, &d))
			fail_msg("%s: %s", ent->fts_path, err);
		free(bytes);
	}
	fts_close(fts);
	assert_true(n > 1000);
}

/* Any byte of its text, of its constants or of a relocation makes it another one. */
static void another_byte_is_another_digest(void **state)
{
	struct ko_description was, is;
	const struct ko_section *s;
	uint8_t *bytes, *copy;
	char path[128];
	unsigned int seen = 0;
	struct ko ko;
	size_t len;

	(void)state;
	snprintf(path, sizeof(path), "%s/b.ko", dir);
	bytes = get_file(path, &len);
	copy = malloc(len);
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	assert_int_equal(describe(copy, len, &was), 0);
	assert_int_equal(ko_open(&ko, path, bytes, len, NULL, err, sizeof(err)), 0);
	for (size_t i = 1; i < ko.nr_sections; i++) {
		s = &ko.sections[i];
		if (strcmp(s->name, ".init.text") && strcmp(s->name, ".rodata.str1.1") &&
		    strcmp(s->name, ".rela.rodata"))
			continue;
		memcpy(copy, bytes, len);
		/* Behind the call of __fentry__; of a relocation, the addend. */
		copy[s->sh.sh_offset + (s->sh.sh_type == SHT_RELA ? 16 : 6)] ^= 1;
		assert_int_equal(describe(copy, len, &is), 0);
		assert_memory_not_equal(was.digest, is.digest, VBH_HASH_LEN);
		seen++;
	}
	assert_int_equal(seen, 3);
	ko_close(&ko);
	free(bytes);
	free(copy);
}

/* A module's file that one thing is changed in, and where its sections are. */
struct changed {
	uint8_t *bytes;
	size_t len;
	Elf64_Shdr *sections;
	unsigned int nr;
	const char *names;
};

static void change(struct changed *c, const char *module)
{
	Elf64_Ehdr *eh;
	char path[256];

	snprintf(path, sizeof(path), MODULES "/%s", module);
	c->bytes = get_file(path, &c->len);
	eh = (Elf64_Ehdr *)c->bytes;
	assert_int_equal(eh->e_shoff % 8, 0);
	c->sections = (Elf64_Shdr *)(c->bytes + eh->e_shoff);
	c->nr = eh->e_shnum;
	c->names = (const char *)c->bytes + c->sections[eh->e_shstrndx].sh_offset;
}

static Elf64_Shdr *section_of(struct changed *c, const char *name)
{
	for (unsigned int i = 1; i < c->nr; i++)
		if (!strcmp(c->names + c->sections[i].sh_name, name))
			return &c->sections[i];
	fail_msg("there is no section %s", name);
	return NULL;
}

static void *entry_of(struct changed *c, const Elf64_Shdr *s, size_t i)
{
	assert_true((i + 1) * s->sh_entsize <= s->sh_size);
	return c->bytes + s->sh_offset + i * s->sh_entsize;
}

/* The relocation of a section's that leads to the first byte of .text behind `from`. */
static Elf64_Rela *reloc_to_text(struct changed *c, const char *name, int64_t from)
{
	const Elf64_Shdr *s = section_of(c, name), *symtab = section_of(c, ".symtab");

	for (size_t i = 0; i < s->sh_size / sizeof(Elf64_Rela); i++) {
		Elf64_Rela *r = entry_of(c, s, i);
		const Elf64_Sym *y = entry_of(c, symtab, ELF64_R_SYM(r->r_info));

		if (&c->sections[y->st_shndx] == section_of(c, ".text") && r->r_addend > from)
			return r;
	}
	fail_msg("%s leads nowhere", name);
	return NULL;
}

/* A function in .text that has some length. */
static Elf64_Sym *function_of(struct changed *c)
{
	const Elf64_Shdr *s = section_of(c, ".symtab");

	for (size_t i = 1; i < s->sh_size / sizeof(Elf64_Sym); i++) {
		Elf64_Sym *y = entry_of(c, s, i);

		if (ELF64_ST_TYPE(y->st_info) == STT_FUNC && y->st_size > 16 &&
		    &c->sections[y->st_shndx] == section_of(c, ".text"))
			return y;
	}
	fail_msg("there is no function");
	return NULL;
}

/* It is refused, in these words. */
static void refused(struct changed *c, const char *words)
{
	struct ko_description d;

	err[0] = '\0';
	assert_int_equal(describe(c->bytes, c->len, &d), -EINVAL);
	if (!strstr(err, words))
		fail_msg("\"%s\" does not say \"%s\"", err, words);
	free(c->bytes);
}

#define BIG	"net/netfilter/x_tables.ko"

static void an_exception_table_that_can_be_written_is_refused(void **state)
{
	struct changed c;

	(void)state;
	change(&c, BIG);
	section_of(&c, "__ex_table")->sh_flags |= SHF_WRITE;
	refused(&c, "__ex_table is not among the constants");
}

static void a_function_within_what_may_be_changed_is_refused(void **state)
{
	struct changed c;

	(void)state;
	change(&c, BIG);
	function_of(&c)->st_value = reloc_to_text(&c, ".rela__mcount_loc", 0)->r_addend + 1;
	refused(&c, "a function begins at 0x");

	change(&c, BIG);
	function_of(&c)->st_value = reloc_to_text(&c, ".rela.return_sites", 0)->r_addend + 2;
	refused(&c, "a function begins at 0x");

	change(&c, BIG);
	function_of(&c)->st_value =
		((Elf64_Rela *)entry_of(&c, section_of(&c, ".rela.text"), 40))->r_offset + 1;
	refused(&c, "a function begins at 0x");
}

static void a_call_of_a_thunk_without_its_first_byte_is_refused(void **state)
{
	struct changed c;

	(void)state;
	change(&c, BIG);
	reloc_to_text(&c, ".rela.retpoline_sites", 0)->r_addend++;
	refused(&c, "the call of a thunk at 0x");
}

/* And one that ends behind the place that is to be replaced. */
static void a_relocation_beyond_its_place_is_refused(void **state)
{
	struct changed c;

	(void)state;
	change(&c, BIG);
	reloc_to_text(&c, ".rela.return_sites", 4)->r_addend -= 2;
	refused(&c, "goes beyond what may be replaced");
}

static void numbers_that_are_too_large_are_refused(void **state)
{
	static const int64_t far[] = { INT64_MAX, INT64_MIN, 1ll << 32, -(1ll << 32) };
	struct changed c;

	(void)state;
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		change(&c, BIG);
		((Elf64_Rela *)entry_of(&c, section_of(&c, ".rela.rodata"), 0))->r_addend = far[i];
		refused(&c, "the relocation leads too far away");
	}
	/* What a jump to the return thunk leads to is counted from its end. */
	change(&c, BIG);
	for (size_t i = 0; i < section_of(&c, ".rela.text")->sh_size / sizeof(Elf64_Rela); i++)
		((Elf64_Rela *)entry_of(&c, section_of(&c, ".rela.text"), i))->r_addend =
			INT32_MAX;
	refused(&c, "is too far away");

	change(&c, BIG);
	for (size_t i = 1; i < section_of(&c, ".symtab")->sh_size / sizeof(Elf64_Sym); i++)
		((Elf64_Sym *)entry_of(&c, section_of(&c, ".symtab"), i))->st_value = INT64_MAX;
	refused(&c, "too far away");

	change(&c, BIG);
	section_of(&c, ".bss")->sh_size = 1ull << 29;
	refused(&c, "is too large");
}

/* __pa_symbol() adds 2 GiB: of the sum four bytes are looked at, and four are zero. */
static void a_physical_address_is_described(void **state)
{
	const struct ko_image *image;
	struct ko_field *f = NULL;
	struct changed c;
	Elf64_Rela *r;
	struct ko ko;

	(void)state;
	change(&c, BIG);
	r = entry_of(&c, section_of(&c, ".rela.rodata"), 0);
	assert_int_equal(ELF64_R_TYPE(r->r_info), R_X86_64_64);
	r->r_addend = (1ll << 31) + 5;
	assert_int_equal(ko_open(&ko, "module", c.bytes, c.len, NULL, err, sizeof(err)), 0);
	assert_int_equal(ko_describe(&ko), 0);
	image = &ko.part[KO_CORE];
	for (size_t i = 0; i < image->nr; i++)
		if (image->fields[i].offset == ko_find(&ko, ".rodata")->offset + r->r_offset)
			f = &image->fields[i];
	assert_non_null(f);
	assert_int_equal(f->kind, VBH_FIELD_ABS32);
	assert_int_equal(f->len, 4);
	assert_true(f->to.addend < INT32_MIN + (1 << 24));
	ko_close(&ko);
	free(c.bytes);
}

/* Whatever a file says, on a terminal it is text. */
static void names_in_words_are_printable(void **state)
{
	struct changed c;

	(void)state;
	change(&c, BIG);
	memcpy((char *)c.names + section_of(&c, ".bss")->sh_name, "\033[m", 4);
	section_of(&c, "\033[m")->sh_size = 1ull << 31;
	refused(&c, "section ?[m is too large");
}

/* Whatever is in a file: a description or words, nothing worse. */
static void damaged_modules_do_no_harm(void **state)
{
	struct ko_description d;
	uint8_t *bytes, *copy;
	char path[128];
	size_t len;

	(void)state;
	srandom(1);
	snprintf(path, sizeof(path), "%s/b.ko", dir);
	bytes = get_file(path, &len);
	copy = malloc(len);
	assert_non_null(copy);
	for (unsigned int i = 0; i < 3000; i++) {
		size_t n = len;

		memcpy(copy, bytes, len);
		for (unsigned int k = 0; k < 1 + i % 8; k++) {
			/* Headers stand at the end, and are worth more. */
			size_t range = i % 2 ? len : 0x1600;

			copy[len - 1 - (size_t)random() % range] = (uint8_t)random();
		}
		if (i % 16 == 0)
			n = (size_t)random() % len;
		err[0] = '\0';
		if (describe(copy, n, &d))
			assert_true(err[0]);
	}
	free(bytes);
	free(copy);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest catalogue[] = {
		TEST(it_lists_each_module_by_its_name),
		TEST(it_is_fresh_until_a_file_changes),
		TEST(the_same_modules_give_the_same_digests),
		TEST(what_is_no_module_is_refused_by_name),
		TEST(one_that_is_damaged_is_left_out_and_named),
		TEST(what_only_the_kernel_knows_is_named_if_it_does_not_say),
		TEST(without_any_that_is_whole_there_is_none),
		TEST(a_packed_module_has_the_digest_of_the_unpacked_one),
		TEST(others_than_root_can_read_it),
		TEST(a_damaged_file_is_refused),
		TEST(debian_modules_can_be_described),
		TEST(another_byte_is_another_digest),
		TEST(an_exception_table_that_can_be_written_is_refused),
		TEST(a_function_within_what_may_be_changed_is_refused),
		TEST(a_call_of_a_thunk_without_its_first_byte_is_refused),
		TEST(a_relocation_beyond_its_place_is_refused),
		TEST(numbers_that_are_too_large_are_refused),
		TEST(a_physical_address_is_described),
		TEST(names_in_words_are_printable),
		TEST(damaged_modules_do_no_harm),
	};

	return cmocka_run_group_tests(catalogue, NULL, NULL);
}
