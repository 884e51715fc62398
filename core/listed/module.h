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

#include "../core.h"

void listed_init(struct listed_state *m);
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
/* Comparing goes on with the first part from that one on which has any bytes. */
void module_next_part(struct module_check *c, u32 part);

s64 hc_catalogue(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_symbols(struct vbh_vcpu *vcpu, const u64 args[4]);
s64 hc_module(struct vbh_vcpu *vcpu, const u64 args[4]);

#endif
