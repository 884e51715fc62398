/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attacks by way of the kernel's own patching: its functions, what they do
 * that is refused, and the sites of this module that are attacked. Those are in
 * functions that nothing calls, so that without VBH they can be broken and mended.
 */
#ifndef PATCH_H
#define PATCH_H

#include <linux/jump_label.h>
#include <linux/mutex.h>
#include <linux/static_call.h>

#include "attack.h"

#define SITE_MAX	8	/* bytes of a site, and more */

struct text_functions {
	void *(*poke)(void *addr, const void *opcode, size_t len);
	void (*poke_bp)(void *addr, const void *opcode, size_t len, const void *emulate);
	void (*jump)(struct jump_entry *entry, enum jump_label_type type);
	struct mutex *mutex;	/* text_mutex, which all of them want */
};

extern struct text_functions text;

/* Find them; if not, t is broken. */
bool find_text(struct attempt *t);

/* Between the two, stores of this task that are left out are counted. */
void watch(struct attempt *t);
void unwatch(void);
/*
 * What the attack wanted to stand at addr, of len bytes, and what stood there,
 * which is put back. An attack may be denied in several of its steps. Under
 * text_mutex.
 */
void judge(struct attempt *t, void *addr, const u8 *old, const u8 *new, u32 len, u16 kind);
/* One text_poke() or text_poke_bp(). */
void poke(struct attempt *t, void *addr, const u8 *bytes, u32 len, bool bp, u16 kind);

/* The key of all jump labels below, and two of them side by side, each to its own target. */
extern struct static_key_false vbh_attack_key;
bool find_jumps(struct attempt *t, struct jump_entry *pair[2]);
/* The JMP of label e, as long as its NOP is, to a target; its length. */
u32 make_jump(const struct jump_entry *e, unsigned long target, u8 *bytes);

#endif
