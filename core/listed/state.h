/* SPDX-License-Identifier: GPL-2.0-only */
/* What of listed modules hangs off struct vbh_guest, as guest->module. Data only. */
#ifndef CORE_LISTED_STATE_H
#define CORE_LISTED_STATE_H

#include "../base/sha256.h"
#include "../base/vec.h"

/* What the hypervisor is at, with the module under check. */
struct module_check {
	struct vbh_module ask;	/* tag 0: there is none */
	struct sha256 sha;
	struct vec values;	/* u32, in the order of the description's symbols */
	struct vec exports;	/* struct symbol */
	u64 at;			/* linear address of the next byte to compare */
	u32 part;		/* in which part; VBH_PARTS_CHECKED: all of it was */
	u64 last_entry;		/* linear address of the last function, to take none twice */
	u64 cached;		/* linear address of the page in .page, or 0 */
	void *page;
	void *input;		/* a page of description */
	u32 parts_done;		/* of the last step, when what stands at sites is looked at */
	u32 sites_done;		/* in this part */
	bool listed;		/* the digest was found in the catalogue */
};

struct listed_state {
	struct vec catalogue;	/* u8[VBH_HASH_LEN] */
	struct module_check check;
};

#endif
