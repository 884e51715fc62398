/* SPDX-License-Identifier: LGPL-2.1 */
/* Between the two halves of the policy file's reader. */
#ifndef LIB_POLICY_H
#define LIB_POLICY_H

#include <stddef.h>

/* Where a refusal is written: "file:line: reason". */
struct policy_error {
	const char *path;
	char *text;
	size_t len;
};

/* Fill in the reason, unless one is there; line 0: none is to blame. Returns -EINVAL. */
__attribute__((format(printf, 3, 4)))
int policy_refuse(const struct policy_error *e, unsigned int line, const char *fmt, ...);

/*
 * The whole file as a string, to be freed, or a negative errno with e filled in.
 */
int policy_read(const struct policy_error *e, char **text);

/*
 * Refuse what libconfig would take and not mean: a number that it would cut to
 * fewer bits, and @include, which would make a policy more than one file.
 */
int policy_scan(const struct policy_error *e, const char *text);

#endif
