/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the core share among themselves and with no body. All of
 * it is called with the guest locked.
 */
#ifndef CORE_INTERNAL_H
#define CORE_INTERNAL_H

#include "core.h"
#include "errno.h"
#include "string.h"

#define PAGE_SIZE	4096ull
#define PAGE_MASK	(~(PAGE_SIZE - 1))

/*
 * ev is a violation under this rule: say what is done about it, record it, stop
 * the machine if so ruled. possible: could it be let happen at all? VBH_ALLOW,
 * VBH_FAULT or VBH_HALT.
 */
enum vbh_verdict violation(struct vbh_vcpu *vcpu, struct vbh_event *ev, u8 rule, bool possible);
/* Record something that no rule is about. */
void note(struct vbh_vcpu *vcpu, enum vbh_kind kind, u32 detail, u64 value);

/*
 * Copy a hypercall's buffer. -EFAULT where the guest itself could not read or
 * write: host_write_gpa() would write to protected pages on its behalf.
 */
int guest_read(struct vbh_guest *guest, u64 gpa, void *buf, u32 len);
int guest_write(struct vbh_guest *guest, u64 gpa, const void *buf, u32 len);
/* *page is there from now on; false: there is none to be had. */
bool guest_page(struct vbh_guest *guest, void **page);

/* Add a region to the table and to the second stage, or neither; a flush is due then. */
int guest_add_region(struct vbh_guest *guest, const struct region *r);
/* guest_protect_own(), with the lock held. */
int guest_protect(struct vbh_guest *guest, u64 gpa, u64 len, u32 rights,
		  enum vbh_region_kind kind);
/* Take the regions from address `from` on with ids from first to last away again. */
void guest_unprotect(struct vbh_guest *guest, u64 from, u32 first, u32 last);

/* Hypercalls that have a file of their own. */
s64 hc_region_add(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_donate(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_region_del(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_text(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_sites(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_ftrace(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_patch(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_catalogue(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_symbols(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_module(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_key(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_seal(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_unlock(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_stop(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_cpu(struct vbh_vcpu *vcpu, const u64 args[4]);

#endif
