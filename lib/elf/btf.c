// SPDX-License-Identifier: LGPL-2.1
/* See btf.h. include/uapi/linux/btf.h of the kernel has the format. */
#include <stdlib.h>
#include <string.h>
#include "btf.h"

#define MAGIC		0xeb9fu
#define FIRST_HEADER	24u	/* bytes of a header, as it was until 7.2 */
#define MAX_DEPTH	32u	/* of typedefs and qualifiers */

enum {
	KIND_INT = 1, KIND_PTR, KIND_ARRAY, KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_FWD,
	KIND_TYPEDEF, KIND_VOLATILE, KIND_CONST, KIND_RESTRICT, KIND_FUNC, KIND_FUNC_PROTO,
	KIND_VAR, KIND_DATASEC, KIND_FLOAT, KIND_DECL_TAG, KIND_TYPE_TAG, KIND_ENUM64,
	NR_KINDS,
};

/* What follows the 12 bytes of every type: so many, and so many for each of its parts. */
static const struct {
	uint8_t more, each;
} lengths[NR_KINDS] = {
	[KIND_INT] = { 4, 0 }, [KIND_ARRAY] = { 12, 0 }, [KIND_STRUCT] = { 0, 12 },
	[KIND_UNION] = { 0, 12 }, [KIND_ENUM] = { 0, 8 }, [KIND_FUNC_PROTO] = { 0, 8 },
	[KIND_VAR] = { 4, 0 }, [KIND_DATASEC] = { 0, 12 }, [KIND_DECL_TAG] = { 4, 0 },
	[KIND_ENUM64] = { 0, 12 },
};

struct header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len, type_off, type_len, str_off, str_len, layout_off, layout_len;
};

/* struct btf_layout: of each kind, in their order. */
struct layout {
	uint8_t more, each;
	uint16_t flags;
};

struct type {
	uint32_t name, info, size;	/* or the number of a type */
};

static uint32_t kind_of(const struct type *t)
{
	return t->info >> 24 & 0x7f;
}

static uint32_t parts_of(const struct type *t)
{
	return t->info & 0xffffff;
}

/* All of a section within what is behind the header. */
static bool is_within(uint32_t off, uint32_t len, size_t room)
{
	return off <= room && len <= room - off;
}

/* The bytes of a type; 0: its kind is not known. */
static size_t length_of(const struct type *t, const struct layout *layouts, size_t nr)
{
	uint32_t kind = kind_of(t);

	if (kind > 0 && kind < NR_KINDS)
		return sizeof(*t) + lengths[kind].more + (size_t)lengths[kind].each * parts_of(t);
	if (kind > 0 && kind < nr)
		return sizeof(*t) + layouts[kind].more + (size_t)layouts[kind].each * parts_of(t);
	return 0;
}

static const char *index_types(struct btf_types *t, const struct layout *layouts, size_t nr)
{
	size_t at = 0, len, room = t->types_len / sizeof(struct type) + 1;
	struct type type;

	t->at = calloc(room, sizeof(*t->at));
	if (!t->at)
		return "out of memory";
	for (t->nr = 1; at < t->types_len; at += len) {
		if (t->types_len - at < sizeof(type))
			return "its BTF is cut off within a type";
		memcpy(&type, t->types + at, sizeof(type));
		len = length_of(&type, layouts, nr);
		if (!len)
			return "its BTF has a kind of type that is not known";
		if (len > t->types_len - at)
			return "its BTF is cut off within a type";
		t->at[t->nr++] = (uint32_t)at;
	}
	return NULL;
}

const char *btf_open(struct btf_types *t, const uint8_t *data, size_t len)
{
	const struct layout *layouts = NULL;
	struct header h = { 0 };
	const char *why;
	size_t room;

	*t = (struct btf_types){ 0 };
	if (len < FIRST_HEADER)
		return "its BTF is cut off within its header";
	memcpy(&h, data, FIRST_HEADER);
	if (h.magic != MAGIC || h.version != 1)
		return "its BTF is none, or of another version";
	if (h.hdr_len < FIRST_HEADER || h.hdr_len > len || h.hdr_len % 4)
		return "its BTF is cut off within its header";
	if (h.hdr_len >= sizeof(h))
		memcpy(&h, data, sizeof(h));
	data += h.hdr_len;
	room = len - h.hdr_len;
	if (!is_within(h.type_off, h.type_len, room) || !is_within(h.str_off, h.str_len, room) ||
	    !is_within(h.layout_off, h.layout_len, room) || !h.str_len ||
	    data[h.str_off + h.str_len - 1])
		return "its BTF is cut off";
	t->types = data + h.type_off;
	t->types_len = h.type_len;
	t->strings = (const char *)data + h.str_off;
	t->strings_len = h.str_len;
	if (h.layout_len)
		layouts = (const struct layout *)(data + h.layout_off);
	why = index_types(t, layouts, h.layout_len / sizeof(*layouts));
	if (why)
		btf_close(t);
	return why;
}

void btf_close(struct btf_types *t)
{
	free(t->at);
	*t = (struct btf_types){ 0 };
}

/* Type number i, and where what follows it is. */
static bool get(const struct btf_types *t, uint32_t i, struct type *type, const uint8_t **more)
{
	if (!i || i >= t->nr)
		return false;
	memcpy(type, t->types + t->at[i], sizeof(*type));
	*more = t->types + t->at[i] + sizeof(*type);
	return true;
}

static bool is_named(const struct btf_types *t, uint32_t at, const char *name)
{
	return at < t->strings_len && !strcmp(t->strings + at, name);
}

static bool find(const struct btf_types *t, uint32_t kind, const char *name, struct type *type,
		 const uint8_t **more)
{
	for (uint32_t i = 1; i < t->nr; i++)
		if (get(t, i, type, more) && kind_of(type) == kind &&
		    is_named(t, type->name, name))
			return true;
	return false;
}

/* In bytes; false: it has none, or too many. */
static bool size_of(const struct btf_types *t, uint32_t i, uint32_t *size)
{
	uint64_t times = 1;
	const uint8_t *more;
	struct type type;

	for (unsigned int depth = 0; depth < MAX_DEPTH && get(t, i, &type, &more); depth++) {
		uint32_t n[3];

		switch (kind_of(&type)) {
		case KIND_ARRAY:
			memcpy(n, more, sizeof(n));
			times *= n[2];
			i = n[0];
			break;
		case KIND_TYPEDEF:
		case KIND_VOLATILE:
		case KIND_CONST:
		case KIND_RESTRICT:
		case KIND_TYPE_TAG:
			i = type.size;
			break;
		case KIND_PTR:
			type.size = 8;
			/* fallthrough */
		default:
			times *= type.size;
			*size = (uint32_t)times;
			return times && times <= UINT32_MAX;
		}
		if (times > UINT32_MAX)
			return false;
	}
	return false;
}

bool btf_member(const struct btf_types *t, const char *structure, const char *member,
		uint32_t *offset, uint32_t *size)
{
	const uint8_t *more;
	struct type type;
	bool found = false;

	if (!find(t, KIND_STRUCT, structure, &type, &more))
		return false;
	for (uint32_t i = 0; i < parts_of(&type); i++, more += 12) {
		uint32_t m[3], bits;	/* name, type, offset in bits */

		memcpy(m, more, sizeof(m));
		if (!is_named(t, m[0], member))
			continue;
		/* With the flag, the upper byte is the width of a bit field. */
		bits = type.info >> 31 ? m[2] & 0xffffff : m[2];
		if (bits % 8 || (type.info >> 31 && m[2] >> 24) || !size_of(t, m[1], size))
			continue;
		*offset = bits / 8;
		found = true;
	}
	return found;
}

bool btf_has_function(const struct btf_types *t, const char *name)
{
	const uint8_t *more;
	struct type type;

	return find(t, KIND_FUNC, name, &type, &more);
}
