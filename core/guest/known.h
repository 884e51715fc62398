/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known of the guest's kernel, as it was handed over and never taken from
 * guest memory again: where its text is, which modules have come after the seal,
 * and what names stand for. What hangs on it, sites and descriptions, is kept by
 * who hands it over. All of it is under the guest's lock.
 */
#ifndef CORE_KNOWN_H
#define CORE_KNOWN_H

#include "../base/vec.h"

/* The linear address whose lower half is kept. */
#define GVA(low)	(0xffffffff00000000ull | (low))

/* Pages of the kernel or of a module, constants of a listed one among them. */
struct known_text {
	u32 gva;
	u32 pages;
	u32 gfn;		/* of the first page */
	u32 tag;
};

/* The same, to be found by its memory. */
struct known_place {
	u32 gfn;
	u32 pages;
	u32 gva;
	u32 tag;
};

enum module_step {
	MODULE_CHECKED,		/* is being compared, or was refused: nothing in it counts */
	MODULE_ACCEPTED,
	MODULE_GOING,		/* counts no longer */
};

/* One that was brought after the seal, until it is gone. */
struct known_module {
	u32 tag;
	u32 step;		/* enum module_step */
	u32 direct;		/* not 0: traced functions may call it directly */
	struct part {
		u32 first, last;	/* lower halves of addresses; last < first: empty */
	} part[VBH_PARTS_CHECKED];	/* all empty after its init, if only that needs them */
};

/* A name and what it stands for; as it is kept. */
struct symbol {
	u32 hash, hash_high;
	u32 value;		/* sign-extended */
	u32 tag;
};

struct known_state {
	struct vec texts;	/* struct known_text */
	struct vec places;	/* struct known_place, of each text one */
	struct vec modules;	/* struct known_module */
	struct vec symbols;	/* struct symbol */
};

void known_init(struct known_state *k);

/* The known text at a linear address, or NULL. */
const struct known_text *text_at(const struct known_state *k, u64 gva);
/* Does any text share an address or a byte of memory with a range? */
bool text_overlap(const struct known_state *k, u64 gva, u64 gpa, u64 len);
/* The known text of which a byte of memory is, or NULL. */
const struct known_place *place_at(struct known_state *k, u64 gpa);
/* The linear address of such a byte, or 0. */
u64 text_gva(struct known_state *k, u64 gpa);
/* Is there room for n more? */
int text_grow(struct vbh_guest *guest, u32 n);
/*
 * Take in n texts that are sane, ascending by gva, at most VBH_MAX_TEXTS of them in a
 * page, which is overwritten. -EINVAL, with none taken in: two share memory.
 */
int text_take(struct known_state *k, void *page, u32 n);
void text_take_one(struct known_state *k, const struct vbh_text *t);
void text_remove(struct known_state *k, u32 i);

/* The one with this tag that has come after the seal, and not gone yet, or NULL. */
struct known_module *module_find(const struct known_state *k, u32 tag);
/* A traced function calls something in it, if it is such a module. */
void module_called(struct known_state *k, u32 tag);
/* May anything in the text with this tag be called or patched? */
bool module_counts(const struct known_state *k, u32 tag);
/* The value of a name in *value, if anybody who is trusted exports it. */
bool symbol_find(const struct known_state *k, u64 hash, u64 *value);

#endif
