/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * A module's file, laid out as Linux's loader lays it out in memory, and what
 * its tables say may be changed there; from that a description for the
 * hypervisor (vbh/module.h) and the digest that it will come to.
 */
#ifndef LIB_KO_H
#define LIB_KO_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vbh/abi.h>

/* The two parts of a module that have text and constants. */
enum ko_part { KO_CORE, KO_INIT, KO_PARTS };

/* Where in memory a section is: an offset in a part, or nowhere. */
enum ko_place { KO_NOWHERE, KO_IN_CORE, KO_IN_INIT, KO_PERCPU };

struct ko_section {
	const char *name;
	GElf_Shdr sh;
	const uint8_t *data;	/* NULL: none, or no bits */
	enum ko_place place;
	uint32_t offset;
	uint8_t part;		/* enum vbh_part, of one that is placed */
	uint32_t in_part;	/* and its offset there */
	GElf_Rela *relocs;	/* that apply to it, by offset */
	size_t nr_relocs;
};

/* The base of addresses in the text of a part. */
static inline uint16_t ko_text_base(enum ko_part part)
{
	return VBH_BASE_PART + (part == KO_INIT ? VBH_PART_INIT_TEXT : VBH_PART_TEXT);
}

/* A relocated field in text or constants, or in a table. */
struct ko_reloc {
	uint32_t offset;	/* in its section */
	uint32_t type;
	int64_t addend;
	uint32_t sym;
};

/* What base + addend stands for in a description. */
struct ko_target {
	uint16_t base;
	int32_t addend;
};

struct ko_field {
	uint32_t offset;	/* in its part */
	uint32_t len;
	uint8_t kind;		/* enum vbh_field_kind */
	struct ko_target to;
	uint8_t *options;	/* of a choice, with their number of bytes */
	uint32_t options_len;
};

struct ko_image {
	uint8_t *bytes;
	uint32_t text, ro;	/* sizes, as in struct vbh_layout */
	uint32_t *owner;	/* of each byte: 1 + its field's index, or 0 */
	struct ko_field *fields;
	size_t nr, room;
};

#define KO_PV_OPS	256

struct ko {
	const char *path;
	char *err;
	size_t err_len;
	bool static_calls_ro;	/* struct kernel_facts */
	Elf *elf;
	struct ko_section *sections;
	size_t nr_sections;
	GElf_Sym *syms;
	size_t nr_syms;
	const char *strings;
	size_t strings_len;
	struct ko_image part[KO_PARTS];
	uint64_t *hashes;	/* of the names that the description refers to */
	uint32_t *hash_of;	/* by symbol: 1 + index of its hash */
	size_t nr_hashes;
	uint32_t pv_ops[KO_PV_OPS];	/* indices of the hashes of "pv_ops[N]" */
	size_t nr_pv_ops;
	struct vbh_export *exports;
	size_t nr_exports;
	char name[VBH_MODULE_NAME];
};

/* -EINVAL with err filled in. */
__attribute__((format(printf, 2, 3)))
int ko_refuse(struct ko *ko, const char *fmt, ...);

/*
 * ko.c: what the file says, for a kernel with these facts; NULL: as if it were as old
 * as can be. The file's bytes stay the caller's.
 */
struct kernel_facts;

int ko_open(struct ko *ko, const char *path, uint8_t *bytes, size_t len,
	    const struct kernel_facts *facts, char *err, size_t err_len);
void ko_close(struct ko *ko);
struct ko_section *ko_find(struct ko *ko, const char *name);
const char *ko_sym_name(const struct ko *ko, uint32_t sym);
/* What a relocation leads to. */
int ko_target(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
	      struct ko_target *to);
/*
 * The function that an element of pv_ops points to, or of pv_ops_lock, which was a
 * part of it: "TABLE[N]" among the names that the driver gives.
 */
int ko_pv_op(struct ko *ko, const char *table, uint32_t element, struct ko_target *to);
/* Calls fn for each relocation of a section; stops at the first that is not 0. */
int ko_each_reloc(struct ko *ko, const struct ko_section *s,
		  int (*fn)(struct ko *ko, const struct ko_section *s, const struct ko_reloc *r,
			    void *data), void *data);
/* The relocation in [offset, offset + len) of a section: how many there are, and the first. */
int ko_reloc_in(const struct ko_section *s, uint32_t offset, uint32_t len, struct ko_reloc *r);
/* The section of which that byte of a part is, or NULL. */
struct ko_section *ko_section_at(struct ko *ko, enum ko_part part, uint32_t offset);

/* fields.c: what may stand where. */
int ko_describe(struct ko *ko);
/*
 * A field that is not within another one; 1: it is, and was left out; -EINVAL:
 * it overlaps one. A field without bytes, which may begin where another one does
 * but not within it, is added after all that have some.
 */
int ko_add(struct ko *ko, enum ko_part part, struct ko_field field);

/* choice.c: alternatives, paravirt calls, retpolines, LOCK prefixes. */
int ko_choices(struct ko *ko);

/* stream.c: the description as the hypervisor takes it. */
struct ko_description {
	struct vbh_layout layout;
	uint8_t *bytes;
	size_t len;
	uint8_t digest[VBH_HASH_LEN];
};

int ko_stream(struct ko *ko, struct ko_description *d);

#endif
