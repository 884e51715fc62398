/* SPDX-License-Identifier: GPL-2.0-only */
/* Modules that the hypervisor checks when they come after the seal. Locked. */
#ifndef LISTED_H
#define LISTED_H

#include "sites.h"

/* Hand over the catalogue in that file, which stays open, and the kernel's exports. */
int listed_start(int fd, struct vbh_why *why);
void listed_stop(void);
bool listed_active(void);
/* What a module exports that came before the seal. */
int listed_exports(const struct module *mod, u32 tag);
/*
 * A module came, and its text is final but for its patch sites: have it checked,
 * and protected under this tag. -EACCES: it is refused.
 */
int listed_coming(const struct module *mod, u32 tag, u8 rule);
/* Not locked: wait until nothing runs that its init, or its exit, has left behind. */
void listed_wait(const struct module *mod);
/* Its init has run; it is about to be freed: that text is cleared, and may be written. */
long listed_live(struct module *mod, u32 tag);
long listed_gone(struct module *mod, u32 tag);

#endif
