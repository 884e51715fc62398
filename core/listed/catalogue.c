// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the hypervisor is told before the seal, to judge modules by after it: the
 * digests of those that may come, and where the names stand that they refer to.
 */
#include "../guest/guest.h"
#include "module.h"

void listed_init(struct listed_state *m)
{
	vec_init(&m->catalogue, VBH_HASH_LEN);
	vec_init(&m->check.values, sizeof(u32));
	vec_init(&m->check.exports, sizeof(struct symbol));
}

/* A batch, copied once: it must ascend by the u32 that each element begins with. */
static int take_batch(struct vbh_guest *guest, struct vec *v, u64 gpa, u64 n, u32 max)
{
	void **page = &guest->module.check.input;
	u32 i;

	if (guest->state != VBH_STATE_OPEN)
		return -EPERM;
	if (!n || n > max)
		return -EINVAL;
	if (!guest_page(guest, page) || vec_grow(guest, v, n))
		return -ENOSPC;
	if (guest_read(guest, gpa, *page, n * v->size))
		return -EFAULT;
	for (i = 1; i < n; i++) {
		const u32 *last = (const u32 *)((u8 *)*page + (i - 1) * v->size);

		if (last[v->size / sizeof(u32)] < *last)
			return -EINVAL;
	}
	vec_merge(v, *page, n);
	return 0;
}

s64 hc_catalogue(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vec *v = &vcpu->guest->module.catalogue;

	return take_batch(vcpu->guest, v, args[0], args[1], VBH_MAX_DIGESTS);
}

/* It is kept as it comes. */
VBH_STATIC_ASSERT(sizeof(struct symbol) == sizeof(struct vbh_symbol));

s64 hc_symbols(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vec *v = &vcpu->guest->known.symbols;

	return take_batch(vcpu->guest, v, args[0], args[1], VBH_MAX_BATCH);
}

bool catalogue_has(const struct listed_state *m, const u8 digest[VBH_HASH_LEN])
{
	u32 key, i;

	memcpy(&key, digest, sizeof(key));
	for (i = vec_upto(&m->catalogue, key); i; i--) {
		const u8 *entry = vec_at(&m->catalogue, i - 1);

		if (!memcmp(entry, digest, VBH_HASH_LEN))
			return true;
		if (*(const u32 *)entry != key)
			return false;
	}
	return false;
}
