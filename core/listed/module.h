/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Modules after the seal. Before it the catalogue and the kernel's exports are
 * taken in; after it one module at a time is compared with its description
 * (include/vbh/module.h). All of it is under the guest's lock.
 *
 * Invariants: what is compared can't be written any more when it is read; of a
 * module that is not accepted nothing may be called or patched; and text that
 * was accepted goes back to the guest only after it was cleared.
 */
#ifndef CORE_MODULE_H
#define CORE_MODULE_H

#include "../text/patch.h"
#include "../base/sha256.h"

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
	} core, init;
};

/* A name and what it stands for; as it is kept. */
struct symbol {
	u32 hash, hash_high;
	u32 value;		/* sign-extended */
	u32 tag;
};

/* What the hypervisor is at, with the module under check. */
struct module_check {
	struct vbh_module ask;	/* tag 0: there is none */
	struct sha256 sha;
	struct vec values;	/* u32, in the order of the description's symbols */
	struct vec exports;	/* struct symbol */
	u64 at;			/* linear address of the next byte to compare */
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
	struct vec symbols;	/* struct symbol */
	struct vec modules;	/* struct known_module */
	struct module_check check;
};

void listed_init(struct listed_state *m);
/* Has one with this tag come after the seal, and not gone yet? */
bool module_known(const struct listed_state *m, u32 tag);
/* A traced function calls something in it, if it is such a module. */
void module_called(struct listed_state *m, u32 tag);
/* May anything in the text with this tag be called or patched? */
bool module_counts(const struct listed_state *m, u32 tag);
/* The value of a name in *value, if anybody who is trusted exports it. */
bool symbol_find(const struct listed_state *m, u64 hash, u64 *value);
bool catalogue_has(const struct listed_state *m, const u8 digest[VBH_HASH_LEN]);

/* A refusal, which becomes an event. */
struct module_refusal {
	enum vbh_module_why why;
	u64 gva;
	u64 old, new;
};

/*
 * Compare with the next bytes of the description, which are in check.input. How
 * many were used; -EACCES: refused. Some work is left for the next call.
 */
int module_feed(struct vbh_vcpu *vcpu, u32 len, struct module_refusal *why);

#endif
