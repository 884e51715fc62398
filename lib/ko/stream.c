// SPDX-License-Identifier: LGPL-2.1
/*
 * The description of a module in the form that the hypervisor takes it in, and
 * the digest of it with the module's own bytes in between, as core/listed/module_fields.c
 * computes it over the module in memory.
 */
#include <errno.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include "ko.h"

struct stream {
	struct ko_description *d;
	size_t room;
	SHA2_CTX sha;
};

static int put(struct stream *s, const void *data, size_t len)
{
	struct ko_description *d = s->d;

	if (!len)
		return 0;
	if (d->len + len > s->room) {
		size_t room = 2 * s->room + len + 4096;
		uint8_t *bytes = realloc(d->bytes, room);

		if (!bytes)
			return -ENOMEM;
		d->bytes = bytes;
		s->room = room;
	}
	memcpy(d->bytes + d->len, data, len);
	d->len += len;
	SHA256Update(&s->sha, data, len);
	return 0;
}

/* Bytes of the module up to offset `to`, then this field. */
static int put_field(struct stream *s, const struct ko_image *image, uint32_t *at, uint32_t to,
		     const struct ko_field *f)
{
	struct vbh_field out;
	int err = 0;

	do {
		uint32_t skip = to - *at;
		bool last = skip <= VBH_FIELD_SKIP_MAX;

		if (!last)
			skip = VBH_FIELD_SKIP_MAX;
		out = (struct vbh_field){ .kind_skip = (uint16_t)skip };
		if (last && f) {
			out.kind_skip |= (uint16_t)(f->kind << 12);
			out.base = f->to.base;
			out.addend = f->to.addend;
		}
		err = put(s, &out, sizeof(out));
		if (!err && last && f && f->options_len)
			err = put(s, f->options, f->options_len);
		SHA256Update(&s->sha, image->bytes + *at, skip);
		*at += skip;
		if (last)
			break;
	} while (!err);
	return err;
}

/* Functions stand before what is at their address. */
static int by_offset(const void *a, const void *b)
{
	const struct ko_field *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->len < y->len ? -1 : x->len > y->len;
}

static int put_image(struct ko *ko, struct stream *s, struct ko_image *image)
{
	const struct ko_field *last = NULL;
	uint32_t at = 0;
	int err = 0;

	if (image->nr)
		qsort(image->fields, image->nr, sizeof(*image->fields), by_offset);
	for (size_t i = 0; !err && i < image->nr; i++) {
		const struct ko_field *f = &image->fields[i];

		if (last && !f->len && !last->len && last->offset == f->offset)
			continue;	/* a function with two names */
		if (f->offset < at || (f->offset < image->text && f->len > image->text - f->offset))
			return ko_refuse(ko, "fields overlap at 0x%x", f->offset);
		/* Text and constants are two parts. */
		if (at < image->text && f->offset >= image->text)
			err = put_field(s, image, &at, image->text, NULL);
		if (err)
			break;
		err = put_field(s, image, &at, f->offset, f);
		at += f->len;
		last = f;
	}
	if (!err && at < image->text)
		err = put_field(s, image, &at, image->text, NULL);
	if (!err && at < image->ro)
		err = put_field(s, image, &at, image->ro, NULL);
	return err;
}

int ko_stream(struct ko *ko, struct ko_description *d)
{
	struct stream s = { .d = d };
	int err;

	*d = (struct ko_description){ .layout = {
		.len = {
			[VBH_PART_TEXT] = ko->part[KO_CORE].text,
			[VBH_PART_RODATA] = ko->part[KO_CORE].ro - ko->part[KO_CORE].text,
			[VBH_PART_INIT_TEXT] = ko->part[KO_INIT].text,
			[VBH_PART_INIT_RODATA] = ko->part[KO_INIT].ro - ko->part[KO_INIT].text,
		},
		.symbols = (uint32_t)ko->nr_hashes,
		.exports = (uint32_t)ko->nr_exports,
	} };
	SHA256Init(&s.sha);
	SHA256Update(&s.sha, (const uint8_t *)&d->layout, sizeof(d->layout));
	err = put(&s, ko->hashes, ko->nr_hashes * sizeof(*ko->hashes));
	if (!err)
		err = put(&s, ko->exports, ko->nr_exports * sizeof(*ko->exports));
	for (int p = 0; !err && p < KO_PARTS; p++)
		err = put_image(ko, &s, &ko->part[p]);
	SHA256Final(d->digest, &s.sha);
	if (err) {
		free(d->bytes);
		d->bytes = NULL;
	}
	if (err == -ENOMEM)
		ko_refuse(ko, "out of memory");
	return err;
}
