// SPDX-License-Identifier: LGPL-2.1
/*
 * The catalogue of a kernel's modules on disk: made from the modules' files,
 * written beside its place and then renamed, and read with every length checked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "catalogue.h"

int catalogue_fail(const struct catalogue_error *e, int err, const char *path, const char *why)
{
	if (e->text && e->len)
		snprintf(e->text, e->len, "%s: %s", path, why);
	return err;
}

static void digest_of(const struct vbh_catalogue_header *h, const void *rest, size_t len,
		      uint8_t digest[VBH_HASH_LEN])
{
	struct vbh_catalogue_header blank = *h;
	SHA2_CTX sha;

	memset(blank.digest, 0, sizeof(blank.digest));
	SHA256Init(&sha);
	SHA256Update(&sha, (const uint8_t *)&blank, sizeof(blank));
	SHA256Update(&sha, rest, len);
	SHA256Final(digest, &sha);
}

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* header.modules and files are filled in; entries have no offsets yet. */
static int write_file(int fd, struct vbh_catalogue_header *h, struct vbh_catalogue_entry *entries,
		      uint8_t *const *descriptions)
{
	size_t index = h->modules * sizeof(*entries), len = index, at = index;
	uint8_t *rest;
	int err;

	for (uint32_t i = 0; i < h->modules; i++)
		len += entries[i].len;
	rest = malloc(len + 1);
	if (!rest)
		return -ENOMEM;
	for (uint32_t i = 0; i < h->modules; i++) {
		entries[i].offset = sizeof(*h) + at;
		memcpy(rest + at, descriptions[i], entries[i].len);
		at += entries[i].len;
	}
	memcpy(rest, entries, index);
	h->length = sizeof(*h) + len;
	digest_of(h, rest, len, h->digest);
	err = write_all(fd, h, sizeof(*h));
	if (!err)
		err = write_all(fd, rest, len);
	free(rest);
	return err;
}

int catalogue_write(const char *path, struct vbh_catalogue_header *h,
		    struct vbh_catalogue_entry *entries, uint8_t *const *descriptions,
		    const struct catalogue_error *e)
{
	char *beside;
	int fd, err;

	if (asprintf(&beside, "%s.XXXXXX", path) < 0)
		return catalogue_fail(e, -ENOMEM, path, "out of memory");
	fd = mkostemp(beside, O_CLOEXEC);
	err = fd < 0 ? -errno : write_file(fd, h, entries, descriptions);
	/* Nothing in it is secret, and who may not write it may show it. */
	if (!err && (fchmod(fd, 0644) || fsync(fd)))
		err = -errno;
	if (!err && rename(beside, path))
		err = -errno;
	if (err && fd >= 0)
		unlink(beside);
	if (fd >= 0)
		close(fd);
	free(beside);
	return err ? catalogue_fail(e, err, path, strerror(-err)) : 0;
}

static const char *check_entries(const struct vbh_catalogue_header *h,
				 const struct vbh_catalogue_entry *entry)
{
	uint64_t first = sizeof(*h) + h->modules * sizeof(*entry);

	for (uint32_t i = 0; i < h->modules; i++) {
		if (!memchr(entry[i].name, 0, sizeof(entry[i].name)) || entry[i].reserved ||
		    entry[i].len > VBH_DESCRIPTION_MAX ||
		    entry[i].offset < first || entry[i].offset > h->length ||
		    entry[i].len > h->length - entry[i].offset)
			return "an entry is damaged: make it again (vbhctl catalogue build)";
		if (i && strcmp(entry[i - 1].name, entry[i].name) > 0)
			return "its entries are not in order: make it again (vbhctl catalogue build)";
	}
	return NULL;
}

static const char *check_file(const struct vbh_catalogue_header *h, uint64_t len)
{
	uint8_t digest[VBH_HASH_LEN];

	if (len < sizeof(*h) || h->magic != VBH_CATALOGUE_MAGIC || h->size != sizeof(*h))
		return "is no catalogue of this version: make it again (vbhctl catalogue build)";
	if (h->length != len || h->modules > VBH_CATALOGUE_MODULES ||
	    sizeof(*h) + h->modules * sizeof(struct vbh_catalogue_entry) > len ||
	    !memchr(h->release, 0, sizeof(h->release)))
		return "is damaged, or not all there: make it again (vbhctl catalogue build)";
	digest_of(h, h + 1, len - sizeof(*h), digest);
	if (memcmp(digest, h->digest, sizeof(digest)) != 0)
		return "is damaged: its digest is wrong; make it again (vbhctl catalogue build)";
	return check_entries(h, (const struct vbh_catalogue_entry *)(h + 1));
}

static int map_file(struct vbh_catalogue *c, const char *path, const struct catalogue_error *e)
{
	const char *why;
	struct stat st;

	c->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (c->fd < 0 || fstat(c->fd, &st))
		return catalogue_fail(e, -errno, path, strerror(errno));
	c->len = (size_t)st.st_size;
	if (!S_ISREG(st.st_mode) || !c->len)
		return catalogue_fail(e, -EINVAL, path, "is no catalogue");
	c->header = mmap(NULL, c->len, PROT_READ, MAP_PRIVATE, c->fd, 0);
	if (c->header == MAP_FAILED) {
		c->header = NULL;
		return catalogue_fail(e, -errno, path, strerror(errno));
	}
	why = check_file(c->header, c->len);
	return why ? catalogue_fail(e, -EINVAL, path, why) : 0;
}

int vbh_catalogue_open(struct vbh_catalogue **out, const char *path, char *err_text,
		       size_t err_len)
{
	const struct catalogue_error e = { err_text, err_len };
	struct vbh_catalogue *c = calloc(1, sizeof(*c));
	int err;

	*out = NULL;
	if (!c)
		return catalogue_fail(&e, -ENOMEM, path, "out of memory");
	err = map_file(c, path, &e);
	if (err)
		vbh_catalogue_close(c);
	else
		*out = c;
	return err;
}

void vbh_catalogue_close(struct vbh_catalogue *c)
{
	if (!c)
		return;
	if (c->header)
		munmap((void *)c->header, c->len);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

const char *vbh_catalogue_release(const struct vbh_catalogue *c)
{
	return c->header->release;
}

size_t vbh_catalogue_modules(const struct vbh_catalogue *c)
{
	return c->header->modules;
}

void vbh_catalogue_module(const struct vbh_catalogue *c, size_t i,
			  struct vbh_catalogue_info *info)
{
	const struct vbh_catalogue_entry *e =
		(const struct vbh_catalogue_entry *)(c->header + 1) + i;

	info->name = e->name;
	info->digest = e->digest;
	info->text = e->layout.len[VBH_PART_TEXT] + e->layout.len[VBH_PART_INIT_TEXT];
	info->rodata = e->layout.len[VBH_PART_RODATA] + e->layout.len[VBH_PART_INIT_RODATA];
	info->description = e->len;
}
