/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A module in the test body's memory that comes after the seal, as its file is
 * and as the loader made it, with a field of every kind; and its description.
 */
#ifndef MODULE_WORLD_H
#define MODULE_WORLD_H

#include "patch_world.h"
#include "listed/module.h"

#define NEW		0xffffffffc0400000ull	/* its core part: two pages, apart */
#define NEW_TEXT_GPA	0x130000ull
#define NEW_RO_GPA	0x138000ull
#define NEW_INIT	0xffffffffc03f0000ull	/* and its init part, one page, below */
#define NEW_INIT_GPA	0x140000ull
#define NEW_PERCPU	0x1f000ull
#define NEW_TAG		(VBH_TAG_MODULE | 9)

/* By their offset in the core part. */
enum {
	N_F = 0x010, N_TRACED = 0x020, N_CALL = 0x040, N_PC32 = 0x060, N_JUMP = 0x080,
	N_JUMP_TO = 0x090, N_RETURN = 0x0a0, N_CHOICE = 0x0c0, N_JUMP2 = 0x0e0, N_TAIL = 0x100,
	N_MANY = 0x400, N_MANY_END = 0xc40,	/* traced functions, 8 bytes apart */
	N_ABS64 = 0x1010, N_ABS32 = 0x1020, N_ANY = 0x1100, N_ANY_END = 0x1120,
	/* in the init part */
	N_INIT_TRACED = 0x030,
};

struct description {
	struct vbh_layout layout;
	u8 bytes[8192];
	u32 len;
	u8 digest[VBH_HASH_LEN];
};

extern struct description described;

/* The module in memory, and `described` with its digest. */
void module_make(void);
/* Where its constants are; not of necessity behind the text. */
extern u64 new_rodata;
/* Tell the catalogue and what the kernel exports. */
void module_list(void);
/* The bytes of the module where they stand now. */
u8 *module_at(u64 gva);

s64 module_call(u32 op, u32 tag, const void *data, u32 len, u64 count);
s64 module_begin(u32 tag);
s64 module_pages(void);
/* All that is fed and all calls of END. */
s64 module_feed_all(void);
/* All of it: 0, or the first error. */
s64 module_load(void);
/* Until it is through. */
s64 module_repeat(u32 op, u32 tag);

#endif
