// SPDX-License-Identifier: LGPL-2.1
/*
 * From a file to the ELF image in it: gzip, xz, lzma and zstd by their libraries, LZ4
 * in the form that the kernel's makefiles give it, and the bzImage's header,
 * Documentation/x86/boot.rst of the kernel. What the file says of itself is
 * believed no further than the file reaches.
 */
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include "unpack.h"

/* Where words for a failure go. */
struct words {
	const char *path;
	char *text;
	size_t len;
};

__attribute__((format(printf, 3, 4)))
static int fail(const struct words *w, int err, const char *fmt, ...)
{
	int n = snprintf(w->text, w->len, "%s: ", w->path);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && (size_t)n < w->len)
		vsnprintf(w->text + n, w->len - (size_t)n, fmt, ap);
	va_end(ap);
	return err;
}

void blob_free(struct blob *b)
{
	free(b->data);
	b->data = NULL;
	b->len = 0;
}

int blob_read(const char *path, struct blob *b, char *err_text, size_t err_len)
{
	const struct words w = { path, err_text, err_len };
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	const char *why = NULL;
	struct stat st = { 0 };
	ssize_t n;

	*b = (struct blob){ 0 };
	if (fd < 0 || fstat(fd, &st)) {
		err = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		err = -EINVAL;
		why = "is no regular file";
	} else if ((uint64_t)st.st_size > UNPACKED_MAX) {
		err = -EFBIG;
		why = "has more than 1 GiB: no kernel or module is as large";
	}
	if (!err) {
		b->data = malloc((size_t)st.st_size + 1);
		err = b->data ? 0 : -ENOMEM;
	}
	while (!err && b->len < (size_t)st.st_size) {
		n = read(fd, b->data + b->len, (size_t)st.st_size - b->len);
		if (n <= 0)
			err = n ? -errno : -EIO;
		else
			b->len += (size_t)n;
	}
	if (fd >= 0)
		close(fd);
	if (err) {
		blob_free(b);
		return fail(&w, err, "%s", why ? why : strerror(-err));
	}
	return 0;
}

static bool reserve(struct blob *b, size_t *room)
{
	size_t want = *room ? *room * 2 : 1u << 20;
	uint8_t *p = want > UNPACKED_MAX ? NULL : realloc(b->data, want);

	if (!p)
		return false;
	b->data = p;
	*room = want;
	return true;
}

/* Both of liblzma's formats: an xz file begins with FD, the other never does. */
static const char *unpack_xz(const uint8_t *in, size_t len, struct blob *out, size_t room)
{
	lzma_stream s = LZMA_STREAM_INIT;
	bool xz = *in == 0xfd;
	const char *why = NULL;
	lzma_ret ret;

	if ((xz ? lzma_stream_decoder(&s, UNPACKED_MAX, 0) :
	     lzma_alone_decoder(&s, UNPACKED_MAX)) != LZMA_OK)
		return "out of memory";
	s.next_in = in;
	s.avail_in = len;
	do {
		if (out->len == room && !reserve(out, &room)) {
			why = "it unpacks to too much";
			break;
		}
		s.next_out = out->data + out->len;
		s.avail_out = room - out->len;
		ret = lzma_code(&s, LZMA_FINISH);
		out->len = room - s.avail_out;
		if (ret != LZMA_OK && ret != LZMA_STREAM_END)
			why = xz ? "its xz data is damaged" : "its lzma data is damaged";
	} while (!why && ret != LZMA_STREAM_END);
	lzma_end(&s);
	return why;
}

static const char *unpack_gzip(const uint8_t *in, size_t len, struct blob *out, size_t room)
{
	z_stream s = { .next_in = (uint8_t *)in, .avail_in = (unsigned int)len };
	const char *why = NULL;
	int ret;

	if (inflateInit2(&s, 16 + MAX_WBITS) != Z_OK)
		return "out of memory";
	do {
		if (out->len == room && !reserve(out, &room)) {
			why = "it unpacks to too much";
			break;
		}
		s.next_out = out->data + out->len;
		s.avail_out = (unsigned int)(room - out->len);
		ret = inflate(&s, Z_NO_FLUSH);
		out->len = room - s.avail_out;
		if (ret != Z_OK && ret != Z_STREAM_END)
			why = "its gzip data is damaged";
	} while (!why && ret != Z_STREAM_END);
	inflateEnd(&s);
	return why;
}

static const char *unpack_zstd(const uint8_t *in, size_t len, struct blob *out, size_t room)
{
	ZSTD_DStream *s = ZSTD_createDStream();
	ZSTD_inBuffer from = { in, len, 0 };
	const char *why = s ? NULL : "out of memory";
	size_t ret = 1;

	while (!why && ret) {
		ZSTD_outBuffer to = { out->data, room, out->len };

		if (out->len == room && !reserve(out, &room)) {
			why = "it unpacks to too much";
			break;
		}
		to.dst = out->data;
		to.size = room;
		ret = ZSTD_decompressStream(s, &to, &from);
		if (ZSTD_isError(ret) || (ret && from.pos == from.size && to.pos < to.size))
			why = "its zstd data is damaged";
		else
			out->len = to.pos;
	}
	ZSTD_freeDStream(s);
	return why;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* A length of LZ4: what the token has of it, and bytes behind for as long as they are 255. */
static bool lz4_length(const uint8_t **in, const uint8_t *end, size_t *len)
{
	uint8_t more = *len == 15 ? 255 : 0;

	while (more == 255) {
		if (*in == end)
			return false;
		more = *(*in)++;
		*len += more;
	}
	return true;
}

/* One block, to at most `room` bytes behind `out`; SIZE_MAX: it is damaged. */
static size_t lz4_block(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
	const uint8_t *end = in + len;
	size_t at = 0, n, back;

	while (in < end) {
		uint8_t token = *in++;

		n = token >> 4;
		if (!lz4_length(&in, end, &n) || n > (size_t)(end - in) || n > room - at)
			return SIZE_MAX;
		memcpy(out + at, in, n);
		in += n;
		at += n;
		if (in == end)
			return at;
		if (end - in < 2)
			return SIZE_MAX;
		back = in[0] | (size_t)in[1] << 8;
		in += 2;
		n = token & 15;
		if (!lz4_length(&in, end, &n) || n + 4 > room - at || !back || back > at)
			return SIZE_MAX;
		/* They may overlap: byte by byte. */
		for (n += 4; n; n--, at++)
			out[at] = out[at - back];
	}
	return SIZE_MAX;
}

#define LZ4_CHUNK	(8u << 20)	/* lz4 -l; scripts/Makefile.lib, cmd_lz4 */

/* Chunks with their lengths, and behind them, in a bzImage, that of the whole (size_append). */
static const char *unpack_lz4(const uint8_t *in, size_t len, struct blob *out, size_t room)
{
	size_t at = 4, n;

	while (len - at > 4) {
		n = get32(in + at);
		at += 4;
		while (room - out->len < LZ4_CHUNK)
			if (!reserve(out, &room))
				return "it unpacks to too much";
		if (n > len - at)
			return "its lz4 data is damaged";
		n = lz4_block(in + at, n, out->data + out->len, LZ4_CHUNK);
		if (n == SIZE_MAX)
			return "its lz4 data is damaged";
		out->len += n;
		at += get32(in + at - 4);
	}
	if (len != at && (len - at != 4 || get32(in + at) != out->len))
		return "its lz4 data is damaged";
	return NULL;
}

typedef const char *unpacker(const uint8_t *in, size_t len, struct blob *out, size_t room);

static const struct {
	const char *name;
	uint8_t magic[6];
	size_t len;
	unpacker *unpack;	/* NULL: no Debian kernel is packed so, and no library is taken for it */
} formats[] = {
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_xz },
	{ "gzip", { 0x1f, 0x8b }, 2, unpack_gzip },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
	{ "lzma", { 0x5d, 0, 0 }, 3, unpack_xz },
	{ "lzo", { 0x89, 'L', 'Z', 'O' }, 4, NULL },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, NULL },
};

static int unpack(const struct words *w, const uint8_t *in, size_t len, struct blob *out,
		  bool *packed)
{
	const char *why;

	*packed = false;
	*out = (struct blob){ 0 };
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (!in || len < formats[i].len || memcmp(in, formats[i].magic, formats[i].len))
			continue;
		*packed = true;
		if (!formats[i].unpack)
			return fail(w, -ENOTSUP, "packed with %s, which vbhctl can't unpack; give it the unpacked file",
				    formats[i].name);
		why = formats[i].unpack(in, len, out, 0);
		if (why) {
			blob_free(out);
			return fail(w, -EINVAL, "%s", why);
		}
		return 0;
	}
	return 0;
}

int blob_unpack(const char *path, struct blob *b, char *err_text, size_t err_len)
{
	const struct words w = { path, err_text, err_len };
	struct blob out;
	bool packed;
	int err = unpack(&w, b->data, b->len, &out, &packed);

	if (!err && packed) {
		blob_free(b);
		*b = out;
	}
	return err;
}

static bool is_elf(const struct blob *b)
{
	return b->len >= 64 && !memcmp(b->data, "\177ELF\2\1", 6);
}

/* Offsets in the boot sector: boot.rst, "The Real-Mode Kernel Header". */
#define HDR_SECTS	0x1f1
#define HDR_FLAG	0x1fe
#define HDR_MAGIC	0x202
#define HDR_VERSION	0x206
#define HDR_PAYLOAD	0x248
#define HDR_PAYLOAD_LEN	0x24c

static int payload(const struct words *w, const struct blob *b, const uint8_t **start,
		   size_t *len)
{
	uint64_t sects, from, n;

	if (b->len < 0x250 || b->data[HDR_FLAG] != 0x55 || b->data[HDR_FLAG + 1] != 0xaa ||
	    memcmp(b->data + HDR_MAGIC, "HdrS", 4))
		return fail(w, -EINVAL, "neither a bzImage nor an ELF vmlinux");
	if (b->data[HDR_VERSION + 1] < 2 || b->data[HDR_VERSION] < 8)
		return fail(w, -EINVAL, "a bzImage of boot protocol %u.%02u, older than 2.08",
			    b->data[HDR_VERSION + 1], b->data[HDR_VERSION]);
	sects = b->data[HDR_SECTS] ? b->data[HDR_SECTS] : 4;
	from = (sects + 1) * 512 + get32(b->data + HDR_PAYLOAD);
	n = get32(b->data + HDR_PAYLOAD_LEN);
	if (n < 16 || from > b->len || n > b->len - from)
		return fail(w, -EINVAL, "cut off: its kernel is to stand at byte %llu with %llu bytes, and the file has %zu",
			    (unsigned long long)from, (unsigned long long)n, b->len);
	*start = b->data + from;
	*len = (size_t)n;
	return 0;
}

int blob_vmlinux(const char *path, struct blob *b, char *err_text, size_t err_len)
{
	const struct words w = { path, err_text, err_len };
	const uint8_t *start = NULL;
	struct blob out;
	bool packed;
	size_t len = 0;
	int err;

	err = blob_unpack(path, b, err_text, err_len);
	if (err || is_elf(b))
		return err;
	err = payload(&w, b, &start, &len);
	if (!err)
		err = unpack(&w, start, len, &out, &packed);
	if (err)
		return err;
	if (!packed)
		return fail(&w, -EINVAL, "its kernel is packed in a way that vbhctl does not know");
	blob_free(b);
	*b = out;
	if (!is_elf(b))
		return fail(&w, -EINVAL, "what it unpacks to is no ELF file");
	return 0;
}

size_t module_name_len(const char *file)
{
	static const char * const endings[] = { ".ko", ".ko.xz", ".ko.zst", ".ko.gz" };
	size_t len = strlen(file);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t n = strlen(endings[i]);

		if (len > n && !strcmp(file + len - n, endings[i]))
			return len - n;
	}
	return 0;
}
