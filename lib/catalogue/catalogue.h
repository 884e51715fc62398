/* SPDX-License-Identifier: LGPL-2.1 */
/* Between the catalogue's maker and what writes and reads its file. */
#ifndef LIB_CATALOGUE_H
#define LIB_CATALOGUE_H

#include <vbh/catalogue.h>
#include "libvbh.h"

struct vbh_catalogue {
	int fd;
	size_t len;
	const struct vbh_catalogue_header *header;
};

/* Where words for a failure go. */
struct catalogue_error {
	char *text;
	size_t len;
};

/* "path: why"; returns err. */
int catalogue_fail(const struct catalogue_error *e, int err, const char *path, const char *why);

/* Entries ascend by name and have everything but their offsets. All or nothing. */
int catalogue_write(const char *path, struct vbh_catalogue_header *h,
		    struct vbh_catalogue_entry *entries, uint8_t *const *descriptions,
		    const struct catalogue_error *e);

#endif
