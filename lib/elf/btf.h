/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * A kernel's own BTF, for the few things that are asked of it: where a member of a
 * structure is, and whether there is a function. Headers may be longer than any that
 * is known, and kinds of type unknown if the layout section says how long they are
 * (Linux 7.2): what is asked need not be of those.
 */
#ifndef LIB_ELF_BTF_H
#define LIB_ELF_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes stay the caller's. */
struct btf_types {
	const uint8_t *types;
	size_t types_len;
	const char *strings;
	size_t strings_len;
	uint32_t *at;		/* of each type, by its number: where in types; [0]: void */
	size_t nr;
};

/* NULL, or what is wrong with it, and then there is nothing to close. */
const char *btf_open(struct btf_types *t, const uint8_t *data, size_t len);
void btf_close(struct btf_types *t);

/*
 * The member of a structure, by name, or "" for the last one that has none: offset
 * and size in bytes. False: there is none, or it is a bit field.
 */
bool btf_member(const struct btf_types *t, const char *structure, const char *member,
		uint32_t *offset, uint32_t *size);
bool btf_has_function(const struct btf_types *t, const char *name);

#endif
