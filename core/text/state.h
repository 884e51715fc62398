/* SPDX-License-Identifier: GPL-2.0-only */
/* What of patch sites hangs off struct vbh_guest, as guest->patch. Data only. */
#ifndef CORE_TEXT_STATE_H
#define CORE_TEXT_STATE_H

#include "../base/vec.h"

/* A trampoline of ftrace that is called by `users` sites, and protected because of that. */
struct patch_tramp {
	u32 gva;		/* page aligned */
	u32 gfn;
	u32 users;
	u32 region;		/* id of its region */
	u32 caller;		/* which of vbh_ftrace.caller it is a copy of */
	u32 reserved[3];
};

struct patch_state {
	struct vec mcount;	/* u32 */
	struct vec jumps;	/* struct jump_site */
	struct vec calls;	/* struct call_site */
	struct vec entries;	/* u32 */
	struct vec tramps;	/* struct patch_tramp */
	struct vbh_ftrace ftrace;	/* size 0: not known */
	u8 allow[VBH_NR_PATCHES];	/* VBH_PATCH_OPEN, VBH_PATCH_SEALED */
	void *scratch;		/* a page, where a batch is copied to */
};

#endif
