/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Patch sites: where the kernel may change its own text, and to what. Handed
 * over before the seal and never taken from guest memory again. What state a
 * site is in is not stored: its first byte says it, INT3 or not. All of it is
 * under the guest's lock.
 *
 * Invariant: outside of a rule "log", every site holds one of the byte strings
 * that it may hold, or INT3 in its first byte; and no other byte of known text
 * changes once the guest is sealed.
 */
#ifndef CORE_PATCH_H
#define CORE_PATCH_H

#include "../core.h"

#define PATCH_SITE_MAX	6	/* bytes of the longest site */

/* A site, as it is used; how each kind is stored is patch_table.c's. */
struct patch_site {
	u64 addr;
	u64 target;		/* VBH_SITE_JUMP */
	u8 kind;		/* enum vbh_site_kind */
	u8 len;
	u8 cond;		/* VBH_SITE_TAIL of 6 bytes: the second byte of its Jcc */
};

void patch_init(struct patch_state *p);
/* Is this kind of patching allowed in the guest's present state? */
bool patch_allowed(const struct vbh_guest *guest, enum vbh_patch kind);

/* A store to at most two pieces of memory that is about to be carried out. */
struct patch_store {
	u64 gpa[2];
	u32 len[2];		/* each within one page; len[1] may be 0 */
	const u8 *bytes;	/* len[0] + len[1] of them */
};

enum patch_verdict {
	PATCH_ELSEWHERE,	/* it touches no site: the rule of patching does not know it */
	PATCH_REFUSED,		/* it touches one, in a way that is not allowed */
	PATCH_ALLOWED,
};

/* What is known of a store to a site; kind and gva also if it was refused or elsewhere. */
struct patch_change {
	struct patch_site site;
	enum vbh_patch kind;
	u64 gva;		/* where in known text, or 0 */
	u8 from, width;		/* which bytes of the site; width 0: not of it alone */
	u8 old[PATCH_SITE_MAX];
	u8 new[PATCH_SITE_MAX];
};

enum patch_verdict patch_judge(struct vbh_vcpu *vcpu, const struct patch_store *s,
			       struct patch_change *c);
/* After each PATCH_ALLOWED: the store has been written, or could not be. */
void patch_settle(struct vbh_vcpu *vcpu, const struct patch_change *c, bool written);
/*
 * The store was refused and is left out, and Linux goes on with its next step. A
 * site in which INT3 stands gets back what may stand there: with the bytes that it
 * has behind it, or else what calls nobody.
 */
void patch_mend(struct vbh_vcpu *vcpu, const struct patch_change *c);

s64 hc_text(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_sites(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_ftrace(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_patch(struct vbh_vcpu *vcpu, const u64 args[4]);

/* No traced function calls anything from first to last any more. */
void patch_silence(struct vbh_guest *guest, u32 first, u32 last);

/* Everything in the texts with this tag goes. */
void patch_drop(struct vbh_vcpu *vcpu, u32 tag, u64 name);
/* All sites and functions from first to last; counted: their calls are, in trampolines' users. */
void patch_drop_range(struct vbh_guest *guest, u32 first, u32 last, bool counted);
/*
 * Does each site from first to last hold what it may? Begins at number *done of
 * them and looks at `max`: 1: there are more; -EINVAL: not the one at *gva.
 */
int patch_check_sites(struct vbh_vcpu *vcpu, u32 first, u32 last, u32 *done, u32 max, u64 *gva);
/* They have been looked at: from now on their calls are counted. -ENOSPC: none is. */
int patch_count_calls(struct vbh_vcpu *vcpu, u32 first, u32 last);
u32 patch_sites(const struct patch_state *p);

/* The rest is shared by the files of this part. */

#define INT3	0xcc
#define CALL32	0xe8
#define JMP32	0xe9

/* Well-formed, and no text that is known already? Then it can be taken in; there is room. */
bool text_sane(const struct vbh_guest *guest, const struct vbh_text *t);
/* A note of each run of text with this tag, which comes or goes. */
void text_note(struct vbh_vcpu *vcpu, u32 tag, bool comes, u64 name);
/* The linear address of a byte of known text or of a live trampoline, or 0. */
u64 patch_gva(struct vbh_guest *guest, u64 gpa);
/* Read known text or a live trampoline; -EFAULT. */
int patch_read(struct vbh_guest *guest, u64 gva, void *buf, u32 len);
/* Write there, whatever its regions say; -EFAULT. */
int patch_write(struct vbh_guest *guest, u64 gva, const void *buf, u32 len);

/* Does a site share a byte with [gva, gva + len)? The last one that does. */
bool site_at(struct patch_state *p, u64 gva, u32 len, struct patch_site *site);
/* Number i of the sites in v. */
void site_load(const struct patch_state *p, const struct vec *v, u32 i, struct patch_site *site);
/*
 * Take in n checked sites of one kind, for which there is room in site_vec();
 * reserved is patch_site.cond. The array is overwritten.
 */
struct vec *site_vec(struct patch_state *p, u8 kind);
void site_merge(struct patch_state *p, struct vbh_site *sites, u32 n);
/* Is this the entry of a function that may be called? */
bool entry_at(struct vbh_guest *guest, u64 gva);

/* Where the rel32 in the last four of len bytes at gva leads. */
u64 rel32_target(u64 gva, const u8 *bytes, u32 len);
/* May f be the target of a static call, or of ftrace's own? */
bool call_may_go_to(struct vbh_guest *guest, u64 to);
/* Are these bytes one of those that may stand at the site? take: see ftrace_may_call(). */
bool site_may_hold(struct vbh_vcpu *vcpu, const struct patch_site *site, const u8 *bytes,
		   bool take);

/*
 * May a traced function call this? With take, and if it is a trampoline, it has
 * one user more on return, and is protected. ftrace_put() is the reverse.
 */
bool ftrace_may_call(struct vbh_vcpu *vcpu, u64 to, bool take);
void ftrace_put(struct vbh_guest *guest, u64 to);
/* Does a live trampoline share an address with [gva, gva + len)? */
bool tramp_overlap(const struct patch_state *p, u64 gva, u64 len);
/* The live trampoline in whose page this is, or NULL. */
const struct patch_tramp *tramp_at(const struct patch_state *p, u64 gva);
/* Are these facts of an ftrace that could be Linux's? */
bool ftrace_ok(const struct vbh_guest *guest, const struct vbh_ftrace *f);

#endif
