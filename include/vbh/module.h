/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * The part of the ABI that is about modules after the seal: what the hypervisor
 * is told before the seal, and how a module is described when it is loaded, so
 * that its memory can be compared with what its file becomes. abi.h has the calls.
 */
#ifndef VBH_MODULE_H
#define VBH_MODULE_H

#include <vbh/types.h>

#define VBH_STATIC_ASSERT(e)	_Static_assert(e, #e)

/*
 * A name that modules may refer to; also "pv_ops[N]", the function that element
 * N of that table of the kernel's points to: what paravirt calls become.
 */
struct vbh_symbol {
	__u64 hash;		/* vbh_symbol_hash() */
	__s32 value;		/* its address, sign-extended */
	__u32 tag;		/* of the module that it is in, 0: the kernel */
};

/* FNV-1a. Names come from what is trusted: nobody chooses one to meet another. */
static inline __u64 vbh_symbol_hash(const char *name)
{
	__u64 hash = 0xcbf29ce484222325ull;

	while (*name)
		hash = (hash ^ (__u8)*name++) * 0x100000001b3ull;
	return hash;
}

/*
 * A module that is loaded after the seal is described by the loader and compared
 * with its memory. First its pages lose their write right. Then the description
 * is fed, page by page: it says what may stand in each field that Linux's loader
 * fills in or changes; each is compared, and the bytes between the fields are
 * hashed together with the description. The digest must be in the catalogue:
 * so neither the module nor its description can be any other than the one from
 * which the catalogue was made.
 */
/* In the tag of such a module, and of nothing before the seal. */
#define VBH_TAG_MODULE	(1u << 31)

enum vbh_module_op {
	/* gpa of struct vbh_module, its size. Another one that is not through is
	 * refused by that. -EEXIST: the tag is in use.
	 */
	VBH_MODULE_BEGIN,
	/* gpa of struct vbh_text[], at most VBH_MAX_TEXTS: where its pages are. No
	 * run lies both in text and in constants, nor in a page that a region has.
	 */
	VBH_MODULE_PAGES,
	/* gpa of the next bytes of the description, at most a page of them. How many
	 * were taken in; the rest is to be fed again.
	 */
	VBH_MODULE_FEED,
	/* All was fed. 1: call again; 0: it is accepted, and its patch sites count. */
	VBH_MODULE_END,
	/* gpa: 0, or of VBH_MODULE_NAME bytes for the VBH_KIND_TEXT that is to be. Its
	 * init has run: that part goes, its text cleared. 1: call again.
	 */
	VBH_MODULE_LIVE,
	/* gpa as above. All of it goes, its text cleared. 1: call again; -ENOENT. */
	VBH_MODULE_GONE,
	VBH_NR_MODULE_OPS,
};

#define VBH_MODULE_NAME		56u

/*
 * The parts of a module, each whole pages at addresses that follow each other; where
 * one is in relation to another is the kernel's affair.
 */
enum vbh_part {
	VBH_PART_TEXT,
	VBH_PART_RODATA,
	VBH_PART_INIT_TEXT,	/* what only its init needs */
	VBH_PART_INIT_RODATA,
	VBH_PARTS_CHECKED,	/* those before are compared with the description */
	VBH_PART_RO_AFTER_INIT = VBH_PARTS_CHECKED,
	VBH_PART_DATA,
	VBH_PART_INIT_DATA,
	VBH_NR_PARTS,
};

/* The sizes of a module, which its digest begins with. */
struct vbh_layout {
	__u32 len[VBH_PARTS_CHECKED];	/* bytes, whole pages; 0: it has none */
	__u32 symbols;		/* u64 in the description: hashes of what it refers to */
	__u32 exports;		/* struct vbh_export in it */
};

struct vbh_module {
	__u32 size;		/* sizeof(struct vbh_module) */
	__u32 tag;		/* with VBH_TAG_MODULE, and of no other */
	__u64 part[VBH_NR_PARTS];	/* linear addresses; of text from VBH_TEXT_GVA_MIN on */
	__u64 percpu;		/* of its per-CPU data, as its code sees it; or 0 */
	struct vbh_layout layout;
	__u32 rule;		/* of its regions: VBH_RULE_DENY or VBH_RULE_PANIC */
	__u32 reserved;
	char name[VBH_MODULE_NAME];	/* for events; ends in NUL */
};

/*
 * The description: hashes of names, exports, then fields, part by part in the order of
 * enum vbh_part and there in that of their addresses; all in 8-byte units. A field of
 * kind NONE stands where nothing else is for VBH_FIELD_SKIP_MAX bytes, and at each end.
 */
struct vbh_export {
	__u64 hash;
	__s32 addend;		/* where it is: base and this */
	__u16 base;		/* VBH_BASE_* */
	__u16 reserved;
};

struct vbh_field {
	__s32 addend;
	__u16 base;		/* VBH_BASE_*, or the index of a symbol + VBH_BASE_SYMBOL */
	__u16 kind_skip;	/* kind << 12 | bytes before it, which are hashed */
};

#define VBH_FIELD_SKIP_MAX	0xfffu
#define VBH_CHOICE_MAX		128u

/* What base + addend is relative to. */
#define VBH_BASE_NONE		0u	/* nothing: it is a number */
#define VBH_BASE_PERCPU		3u
/*
 * A choice's: a thunk, JMP *%reg and INT3, addend being the number of the register,
 * in a page that has been protected with the module's tag (emit_its_trampoline()).
 */
#define VBH_BASE_THUNK		4u
#define VBH_BASE_PART		5u	/* and an enum vbh_part: the beginning of that */
#define VBH_BASE_SYMBOL		16u

/* "it": base + addend. */
enum vbh_field_kind {
	VBH_FIELD_NONE,
	VBH_FIELD_ABS64,	/* 8 bytes: it */
	VBH_FIELD_ABS32,	/* 4 bytes: its lower half */
	VBH_FIELD_PC32,		/* 4 bytes: the distance from the field to it */
	VBH_FIELD_ANY,		/* addend bytes that are not compared */
	/* 5 bytes: a JMP to it or to vbh_ftrace.return_thunk, or RET and four INT3 */
	VBH_FIELD_RETURN,
	/* base bytes: one of the struct vbh_choice that follow, addend bytes of them */
	VBH_FIELD_CHOICE,
	VBH_FIELD_ENTRY,	/* nothing: a function that may be called begins here */
	VBH_FIELD_JUMP2,	/* patch sites, as enum vbh_site_kind; jumps to it */
	VBH_FIELD_JUMP5,
	VBH_FIELD_MCOUNT,
	VBH_FIELD_CALL,
	VBH_FIELD_TAIL5,
	VBH_FIELD_TAIL6,	/* addend: the second byte of its Jcc */
	VBH_FIELD_TRAMP,
	VBH_NR_FIELD_KINDS,
};

/* One of several byte strings; they follow it, padded to a multiple of 8. */
struct vbh_choice {
	__s32 addend;
	__u16 base;
	__u8 field;		/* where in them a field of 4 bytes is, or VBH_CHOICE_PLAIN */
	__u8 kind;		/* of it: VBH_FIELD_ABS32 or VBH_FIELD_PC32 */
};

#define VBH_CHOICE_PLAIN	0xffu

/* Why a module is refused. */
enum vbh_module_why {
	VBH_MODULE_NOT_LISTED = 1,	/* no module of the catalogue has these bytes */
	VBH_MODULE_FIELD,		/* a field holds something else (new: what it should) */
	VBH_MODULE_SYMBOL,		/* it refers to what no checked code exports (new: hash) */
	VBH_MODULE_SITE,		/* what stands at a patch site may not stand there */
	VBH_MODULE_DESCRIPTION,		/* its description is none */
};

VBH_STATIC_ASSERT(sizeof(struct vbh_symbol) == 16);
VBH_STATIC_ASSERT(sizeof(struct vbh_layout) == 24);
VBH_STATIC_ASSERT(sizeof(struct vbh_module) == 104 + VBH_MODULE_NAME);
VBH_STATIC_ASSERT(VBH_BASE_PART + VBH_NR_PARTS <= VBH_BASE_SYMBOL);
VBH_STATIC_ASSERT(sizeof(struct vbh_export) == 16);
VBH_STATIC_ASSERT(sizeof(struct vbh_field) == 8);
VBH_STATIC_ASSERT(sizeof(struct vbh_choice) == 8);

#endif
