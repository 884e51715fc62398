/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest as a whole, as the rest of the core sees it and no body does: regions,
 * pins, events, what is known of its kernel (in headers of their own, by core.h),
 * and the memory that it names in hypercalls. All of it is called with the guest
 * locked.
 */
#ifndef CORE_GUEST_H
#define CORE_GUEST_H

#include "../base/page.h"
#include "../base/sha256.h"
#include "../core.h"
#include "../errno.h"
#include "../string.h"

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

/* Add a region to the table and to the second stage, or neither; a flush is due then. */
int guest_add_region(struct vbh_guest *guest, const struct region *r);
/* guest_protect_own(), with the lock held. */
int guest_protect(struct vbh_guest *guest, u64 gpa, u64 len, u32 rights,
		  enum vbh_region_kind kind);
/* Take the regions from address `from` on with ids from first to last away again. */
void guest_unprotect(struct vbh_guest *guest, u64 from, u32 first, u32 last);

/* Hypercalls. */
s64 hc_region_add(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_donate(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_key(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_seal(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_unlock(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_stop(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_cpu(struct vbh_vcpu *vcpu, const u64 args[4]);

#endif
