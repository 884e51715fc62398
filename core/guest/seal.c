// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one-way switch, and the key that alone stops a sealed hypervisor. The key
 * itself is never kept: only its SHA-256 is known here.
 */
#include "guest.h"

#define DELAY_MAX	3600	/* seconds to wait after a wrong key, at most */

s64 hc_key(struct vbh_vcpu *vcpu, const u64 args[4])
{
	static const u8 none[VBH_HASH_LEN];
	struct vbh_guest *guest = vcpu->guest;
	u8 hash[VBH_HASH_LEN];

	if (guest->state != VBH_STATE_OPEN)
		return -EPERM;
	if (args[1] != VBH_HASH_LEN)
		return -EINVAL;
	if (guest_read(guest, args[0], hash, sizeof(hash)))
		return -EFAULT;
	memcpy(guest->key_hash, hash, sizeof(hash));
	guest->has_key = memcmp(hash, none, sizeof(hash));
	return 0;
}

s64 hc_seal(struct vbh_vcpu *vcpu, const u64 args[4])
{
	if (vcpu->guest->state != VBH_STATE_OPEN)
		return -EALREADY;
	vcpu->guest->state = VBH_STATE_SEALED;
	note(vcpu, VBH_KIND_SEAL, 0, 0);
	return 0;
}

/* Hash what the guest shows, in pieces: no byte is read twice. */
static int hash_shown(struct vbh_guest *guest, u64 gpa, u64 len, u8 hash[VBH_HASH_LEN])
{
	struct sha256 s;
	u8 piece[256];

	sha256_init(&s);
	while (len) {
		u32 n = len < sizeof(piece) ? len : sizeof(piece);

		if (guest_read(guest, gpa, piece, n))
			return -EFAULT;
		sha256_update(&s, piece, n);
		gpa += n;
		len -= n;
	}
	sha256_final(&s, hash);
	return 0;
}

/* 1 s after the first wrong key, twice that after each further one. */
static void delay_next_try(struct vbh_guest *guest)
{
	u64 seconds = guest->wrong_keys < 12 ? 1ull << guest->wrong_keys : DELAY_MAX;

	if (seconds > DELAY_MAX)
		seconds = DELAY_MAX;
	guest->wrong_keys++;
	guest->next_try = host_tsc() + seconds * host_tsc_hz(guest);
}

static s64 refuse_key(struct vbh_vcpu *vcpu, int err)
{
	struct vbh_event ev;

	event_values(vcpu, &ev, VBH_KIND_KEY, 0, 0, (s64)err);
	violation(vcpu, &ev, vcpu->guest->rules[VBH_KIND_KEY], false);
	return err;
}

s64 hc_unlock(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	u8 hash[VBH_HASH_LEN];

	if (guest->state == VBH_STATE_UNLOCKED)
		return -EALREADY;
	if (guest->state == VBH_STATE_OPEN || !args[1] || args[1] > VBH_KEY_MAX)
		return -EINVAL;
	if (host_tsc() < guest->next_try)
		return refuse_key(vcpu, -EAGAIN);
	if (hash_shown(guest, args[0], args[1], hash))
		return -EFAULT;
	if (!equal_const_time(hash, guest->key_hash, sizeof(hash)) || !guest->has_key) {
		delay_next_try(guest);
		return refuse_key(vcpu, -EACCES);
	}
	guest->state = VBH_STATE_UNLOCKED;
	note(vcpu, VBH_KIND_UNLOCK, 0, 0);
	return 0;
}

s64 hc_stop(struct vbh_vcpu *vcpu, const u64 args[4])
{
	if (!(vcpu->guest->features & VBH_FEAT_STOP))
		return -ENOSYS;
	if (vcpu->guest->state == VBH_STATE_SEALED)
		return -EPERM;
	note(vcpu, VBH_KIND_STOP, 0, 0);
	return 0;
}
