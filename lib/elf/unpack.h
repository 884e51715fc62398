/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * A file of the kernel's, in memory and without what it is packed in. Functions
 * return 0 or a negative errno, with words in err: "path: ...".
 */
#ifndef LIB_ELF_UNPACK_H
#define LIB_ELF_UNPACK_H

#include <stddef.h>
#include <stdint.h>

/* No file, and nothing that is unpacked, may have more bytes. */
#define UNPACKED_MAX	(1ull << 30)

/* Bytes that are owned. */
struct blob {
	uint8_t *data;
	size_t len;
};

void blob_free(struct blob *b);
/* The whole of a file. */
int blob_read(const char *path, struct blob *b, char *err, size_t err_len);
/* Unpacks gzip, xz, lzma, zstd and lz4; anything else stays as it is. */
int blob_unpack(const char *path, struct blob *b, char *err, size_t err_len);
/* A bzImage becomes the vmlinux in it, with its relocation table; an ELF file stays. */
int blob_vmlinux(const char *path, struct blob *b, char *err, size_t err_len);

/*
 * Of a module's file (x.ko, x.ko.xz, x.ko.zst, x.ko.gz, what kmod knows) the bytes
 * before that; 0: it is none. What it is packed in, its first bytes say.
 */
size_t module_name_len(const char *file);

#endif
