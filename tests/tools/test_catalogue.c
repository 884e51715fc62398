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
#include "ko.h"

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
	put_file("y.ko.xz", "xz", 2);
	not_made(-EOPNOTSUPP, "/y.ko.xz: compressed modules can't be listed");
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
	int ret = ko_open(&ko, "module", bytes, len, err, sizeof(err));

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
	assert_int_equal(ko_open(&ko, path, bytes, len, err, sizeof(err)), 0);
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
		TEST(a_damaged_file_is_refused),
		TEST(debian_modules_can_be_described),
		TEST(another_byte_is_another_digest),
		TEST(damaged_modules_do_no_harm),
	};

	return cmocka_run_group_tests(catalogue, NULL, NULL);
}
