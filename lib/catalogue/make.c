// SPDX-License-Identifier: LGPL-2.1
/*
 * From the modules of a kernel to its catalogue: every module's file below a folder,
 * packed or not, described, in the order of their names. The list of files with
 * their sizes and times tells whether a catalogue is still that of these modules,
 * those among them that could not be described too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "catalogue.h"
#include "elf/kernel.h"
#include "elf/unpack.h"
#include "ko/ko.h"

struct files {
	char **paths;
	size_t nr, room;
	uint8_t hash[VBH_HASH_LEN];
};

struct made {
	struct vbh_catalogue_entry entry;
	uint8_t *description;
};

static void free_files(struct files *f)
{
	for (size_t i = 0; i < f->nr; i++)
		free(f->paths[i]);
	free(f->paths);
}

static int add_file(struct files *f, const char *path)
{
	if (f->nr == f->room) {
		size_t room = f->room ? 2 * f->room : 1024;
		char **paths = realloc(f->paths, room * sizeof(*paths));

		if (!paths)
			return -ENOMEM;
		f->paths = paths;
		f->room = room;
	}
	f->paths[f->nr] = strdup(path);
	return f->paths[f->nr++] ? 0 : -ENOMEM;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int see(struct files *f, const FTSENT *ent, SHA2_CTX *sha, const struct catalogue_error *e)
{
	char line[96];
	int err;

	if (ent->fts_info == FTS_DNR || ent->fts_info == FTS_ERR || ent->fts_info == FTS_NS)
		return catalogue_fail(e, -ent->fts_errno, ent->fts_path, strerror(ent->fts_errno));
	if (ent->fts_info != FTS_F)
		return 0;
	if (!module_name_len(ent->fts_name))
		return 0;
	if (f->nr == VBH_CATALOGUE_MODULES)
		return catalogue_fail(e, -E2BIG, ent->fts_path, "more modules than can be listed");
	err = add_file(f, ent->fts_path);
	if (err)
		return catalogue_fail(e, err, ent->fts_path, "out of memory");
	snprintf(line, sizeof(line), " %lld %lld.%09ld\n", (long long)ent->fts_statp->st_size,
		 (long long)ent->fts_statp->st_mtim.tv_sec, ent->fts_statp->st_mtim.tv_nsec);
	SHA256Update(sha, (const uint8_t *)ent->fts_path, ent->fts_pathlen);
	SHA256Update(sha, (const uint8_t *)line, strlen(line));
	return 0;
}

static int find_files(struct files *f, const char *dir, const struct catalogue_error *e)
{
	char *roots[] = { (char *)dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	SHA2_CTX sha;
	FTSENT *ent;
	int err = 0;

	if (!fts)
		return catalogue_fail(e, -errno, dir, strerror(errno));
	SHA256Init(&sha);
	while (!err && (ent = fts_read(fts)))
		err = see(f, ent, &sha, e);
	fts_close(fts);
	SHA256Final(f->hash, &sha);
	if (!err && !f->nr)
		err = catalogue_fail(e, -ENOENT, dir, "there are no modules (*.ko, *.ko.xz, *.ko.zst, *.ko.gz)");
	return err;
}

static int describe(const char *path, uint8_t *bytes, size_t len,
		    const struct kernel_facts *facts, struct made *m,
		    const struct catalogue_error *e)
{
	struct ko_description d = { .bytes = NULL };
	struct ko ko;
	int err = ko_open(&ko, path, bytes, len, facts, e->text, e->len);

	if (!err)
		err = ko_describe(&ko);
	if (!err)
		err = ko_stream(&ko, &d);
	if (!err && d.len > VBH_DESCRIPTION_MAX) {
		err = catalogue_fail(e, -E2BIG, path, "has more relocations than can be listed");
		free(d.bytes);
	} else if (!err && m) {
		snprintf(m->entry.name, sizeof(m->entry.name), "%s", ko.name);
		memcpy(m->entry.digest, d.digest, sizeof(m->entry.digest));
		m->entry.layout = d.layout;
		m->entry.len = (uint32_t)d.len;
		m->description = d.bytes;
	}
	ko_close(&ko);
	return err;
}

static int describe_file(const char *path, const struct kernel_facts *facts, struct made *m,
			 const struct catalogue_error *e)
{
	struct blob b;
	int err = blob_read(path, &b, e->text, e->len);

	if (!err && !b.len)
		err = catalogue_fail(e, -EINVAL, path, "is empty");
	if (!err)
		err = blob_unpack(path, &b, e->text, e->len);
	if (!err)
		err = describe(path, b.data, b.len, facts, m, e);
	blob_free(&b);
	return err;
}

static int by_module(const void *a, const void *b)
{
	return strcmp(((const struct made *)a)->entry.name, ((const struct made *)b)->entry.name);
}

static int write_made(const char *path, const char *release, const struct files *f,
		      const struct made *made, size_t n, const struct catalogue_error *e)
{
	struct vbh_catalogue_entry *entries = calloc(n, sizeof(*entries));
	uint8_t **descriptions = calloc(n, sizeof(*descriptions));
	struct vbh_catalogue_header h = {
		.magic = VBH_CATALOGUE_MAGIC,
		.size = sizeof(h),
		.modules = (uint32_t)n,
	};
	int err;

	snprintf(h.release, sizeof(h.release), "%s", release);
	memcpy(h.files, f->hash, sizeof(h.files));
	if (!entries || !descriptions) {
		err = catalogue_fail(e, -ENOMEM, path, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		entries[i] = made[i].entry;
		descriptions[i] = made[i].description;
	}
	err = catalogue_write(path, &h, entries, descriptions, e);
out:
	free(entries);
	free(descriptions);
	return err;
}

/*
 * Describes all files. One that can't be is left out, if left_out is told of it: a
 * module that is not listed is refused, whatever it is. But running out of memory
 * is nothing that a module is to blame for.
 */
static int make_all(const struct files *f, const struct kernel_facts *facts, struct made *made,
		    size_t *n, vbh_progress progress, vbh_left_out left_out, void *data,
		    const struct catalogue_error *e)
{
	int err = 0;

	for (size_t i = 0; i < f->nr; i++) {
		err = describe_file(f->paths[i], facts, &made[*n], e);
		if (!err)
			(*n)++;
		else if (!left_out || err == -ENOMEM)
			return err;
		else
			left_out(data, e->text);
		if (progress)
			progress(data, i + 1, f->nr);
	}
	/* The words are the last one's. */
	return *n ? 0 : err;
}

int vbh_catalogue_make_most(const char *path, const char *dir, const char *release,
			    vbh_progress progress, vbh_left_out left_out, void *data,
			    char *err_text, size_t err_len)
{
	char words[VBH_ERROR_MAX] = "";
	/* left_out is to have words, whatever room there is for the last ones. */
	const struct catalogue_error e = { words, sizeof(words) };
	struct files f = { .paths = NULL };
	struct kernel_facts facts;
	struct made *made = NULL;
	size_t n = 0;
	int err = 0;

	if (strlen(release) >= sizeof(((struct vbh_catalogue_header *)0)->release))
		err = catalogue_fail(&e, -EINVAL, release, "is no release of a kernel");
	if (!err)
		err = find_files(&f, dir, &e);
	if (!err) {
		kernel_facts_find(release, dir, &facts);
		made = calloc(f.nr, sizeof(*made));
		err = made ? make_all(&f, &facts, made, &n, progress, left_out, data, &e) :
		      catalogue_fail(&e, -ENOMEM, dir, "out of memory");
	}
	if (!err && made) {
		qsort(made, n, sizeof(*made), by_module);
		err = write_made(path, release, &f, made, n, &e);
	}
	for (size_t i = 0; i < n; i++)
		free(made[i].description);
	free(made);
	free_files(&f);
	if (err && err_text && err_len)
		snprintf(err_text, err_len, "%s", words);
	return err;
}

int vbh_catalogue_make(const char *path, const char *dir, const char *release,
		       vbh_progress progress, void *data, char *err_text, size_t err_len)
{
	return vbh_catalogue_make_most(path, dir, release, progress, NULL, data, err_text,
				       err_len);
}

int vbh_catalogue_fresh(const struct vbh_catalogue *c, const char *dir, const char *release,
			char *err_text, size_t err_len)
{
	const struct catalogue_error e = { err_text, err_len };
	struct files f = { .paths = NULL };
	int err;

	if (strcmp(c->header->release, release) != 0)
		return 0;
	err = find_files(&f, dir, &e);
	if (!err) {
		err = !memcmp(f.hash, c->header->files, sizeof(f.hash));
		if (err_text && err_len)
			err_text[0] = '\0';
		if (err && e.text && f.nr > c->header->modules)
			snprintf(e.text, e.len, "%zu of %zu modules in %s are not in it, and are refused after the seal: vbhctl catalogue build says why",
				 f.nr - c->header->modules, f.nr, dir);
	}
	free_files(&f);
	return err;
}
