// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's memory: what it may name of it in hypercalls, and its regions as they
 * are added and removed together with the second stage.
 */
#include "guest.h"

/* Has the guest itself this right on every page of the buffer? */
static bool guest_may(struct vbh_guest *guest, u64 gpa, u32 len, u32 right)
{
	u64 page;

	if (gpa >= guest->max_gpa || len > guest->max_gpa - gpa)
		return false;
	for (page = gpa & PAGE_MASK; page < gpa + len; page += PAGE_SIZE) {
		if (region_denies(&guest->regions, page, right))
			return false;
	}
	return true;
}

int guest_read(struct vbh_guest *guest, u64 gpa, void *buf, u32 len)
{
	if (!guest_may(guest, gpa, len, VBH_R))
		return -EFAULT;
	return host_read_gpa(guest, gpa, buf, len);
}

int guest_write(struct vbh_guest *guest, u64 gpa, const void *buf, u32 len)
{
	if (!guest_may(guest, gpa, len, VBH_W))
		return -EFAULT;
	return host_write_gpa(guest, gpa, buf, len);
}

int guest_add_region(struct vbh_guest *guest, const struct region *r)
{
	u32 id = guest->regions.next_id;
	int err = region_insert(guest, r);
	struct region unused;

	if (err)
		return err;
	err = host_stage2_update(guest, r->start, r->end - r->start);
	if (!err)
		return 0;
	/* What was done of it goes back; the flush frees the memory for that. */
	region_take_id(&guest->regions, r->start, id, id, &unused);
	host_flush(guest);
	host_stage2_update(guest, r->start, r->end - r->start);
	host_flush(guest);
	return err;
}

int guest_protect(struct vbh_guest *guest, u64 gpa, u64 len, u32 rights,
		  enum vbh_region_kind kind)
{
	struct region r = {
		.start = gpa,
		.end = gpa + len,
		.rights = rights,
		.kind = kind,
		.rule = VBH_RULE_DENY,
	};
	int err = guest_add_region(guest, &r);

	if (!err)
		host_flush(guest);
	return err;
}

int guest_protect_own(struct vbh_guest *guest, u64 gpa, u64 len, u32 rights,
		      enum vbh_region_kind kind)
{
	int err;

	host_lock(guest);
	err = guest_protect(guest, gpa, len, rights, kind);
	host_unlock(guest);
	return err;
}

static void unmark(struct vbh_guest *guest, u64 from, u32 first, u32 last)
{
	struct region r;

	/* They took no right away. */
	while (first <= last && region_take_id(&guest->regions, from, first, last, &r))
		;
}

int guest_mark(struct vbh_guest *guest, u64 gpa, u64 len, struct guest_marks *marks)
{
	struct region r = {
		.rights = VBH_RWX, .kind = VBH_REGION_OTHER, .rule = VBH_RULE_DENY,
		.flags = REGION_F_MARK,
	};
	u64 end = gpa + len, at;
	int err = end < gpa ? -EPERM : 0;

	if (end > guest->max_gpa)	/* nothing is there that could be protected */
		end = guest->max_gpa;
	gpa &= PAGE_MASK;
	host_lock(guest);
	guest->urgent = true;	/* or what is honest would fault */
	for (at = gpa; at < end && !err; at += PAGE_SIZE)
		err = region_denies(&guest->regions, at, VBH_W) ? -EPERM : 0;
	marks->from = gpa;
	marks->first = guest->regions.next_id;
	for (at = gpa; at < end && !err; at += PAGE_SIZE) {
		r.start = at;
		r.end = at + PAGE_SIZE;
		/* No other sort of region stands in for it: that could go again. */
		if (!region_marked(&guest->regions, at))
			err = region_insert(guest, &r);
	}
	guest->urgent = false;
	marks->last = guest->regions.next_id - 1;
	if (err)
		unmark(guest, marks->from, marks->first, marks->last);
	host_unlock(guest);
	return err;
}

void guest_unmark(struct vbh_guest *guest, const struct guest_marks *marks)
{
	host_lock(guest);
	unmark(guest, marks->from, marks->first, marks->last);
	host_unlock(guest);
}

__attribute__((noinline))
void guest_unprotect(struct vbh_guest *guest, u64 from, u32 first, u32 last)
{
	struct region r = { .start = from };
	bool any = false;

	/* They come in the order of their starts: none is looked at twice. */
	while (region_take_id(&guest->regions, r.start, first, last, &r)) {
		/* Rights only grow here, which can't fail. */
		host_stage2_update(guest, r.start, r.end - r.start);
		any = true;
	}
	if (any)
		host_flush(guest);
}

bool guest_rights_ok(const struct vbh_guest *guest, u32 rights)
{
	bool x = rights & VBH_X, xu = rights & VBH_XU;

	if (rights & ~VBH_RWX)
		return false;
	if (xu && !x && !(guest->features & VBH_FEAT_EXEC_SPLIT))
		return false;
	if (x && !xu && !(guest->features & VBH_FEAT_EXEC_KERNEL))
		return false;
	if (rights & VBH_R)
		return true;
	return !(rights & VBH_W) && (!(x || xu) || guest->features & VBH_FEAT_EXEC_ONLY);
}

static bool region_ok(const struct vbh_guest *guest, const struct vbh_region *r)
{
	if ((r->gpa | r->len) & ~PAGE_MASK || !r->len)
		return false;
	if (r->gpa >= guest->max_gpa || r->len > guest->max_gpa - r->gpa)
		return false;
	/* Of a module that is being checked, or was. */
	if (r->tag & VBH_TAG_MODULE && !module_find(&guest->known, r->tag))
		return false;
	if (r->kind < VBH_REGION_KERNEL_TEXT || r->kind >= VBH_REGION_FTRACE)
		return false;
	if (r->rule < VBH_RULE_LOG || r->rule > VBH_RULE_PANIC)
		return false;
	return guest_rights_ok(guest, r->rights) && !(r->flags & ~VBH_REGION_F_PATCHABLE) &&
	       !r->reserved;
}

/* Each is copied once, and what was checked is what is inserted. */
static int add_requested(struct vbh_guest *guest, u64 gpa)
{
	struct vbh_region ask;
	struct region r = { 0 };

	if (guest_read(guest, gpa, &ask, sizeof(ask)))
		return -EFAULT;
	if (!region_ok(guest, &ask))
		return -EINVAL;
	r.start = ask.gpa;
	r.end = ask.gpa + ask.len;
	r.rights = ask.rights;
	r.tag = ask.tag;
	r.kind = ask.kind;
	r.rule = ask.rule;
	r.flags = ask.flags;
	return guest_add_region(guest, &r);
}

s64 hc_region_add(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	u32 first = guest->regions.next_id;
	u64 i;
	int err;

	if (!args[1] || args[1] > VBH_MAX_BATCH)
		return -EINVAL;
	for (i = 0; i < args[1]; i++) {
		err = add_requested(guest, args[0] + i * sizeof(struct vbh_region));
		if (err) {
			guest_unprotect(guest, 0, first, ~0u);
			return err;
		}
	}
	host_flush(guest);
	return 0;
}

/*
 * Nothing may touch it, so no right of a region goes with it. Who has the kernel
 * gains nothing: it loses what it could write, to which it can't even read back.
 */
s64 hc_donate(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	u64 gpa = args[0], len = args[1], at;
	u32 id = guest->regions.next_id;
	u8 byte;
	int err;

	if ((gpa | len) & ~PAGE_MASK || !len || len > VBH_DONATE_MAX ||
	    gpa % VBH_DONATE_MAX + len > VBH_DONATE_MAX || gpa >= guest->max_gpa ||
	    !region_free(&guest->regions, gpa, len))
		return -EINVAL;
	for (at = gpa; at < gpa + len; at += PAGE_SIZE) {
		if (guest_read(guest, at, &byte, sizeof(byte)))
			return -EFAULT;
	}
	if (!(guest->features & VBH_FEAT_DONATE))
		return -EOPNOTSUPP;
	guest->urgent = true;
	err = guest_protect(guest, gpa, len, VBH_R, VBH_REGION_HYPERVISOR);
	if (!err) {
		err = host_donate(guest, gpa, len);
		if (err)
			guest_unprotect(guest, gpa, id, id);
	}
	guest->urgent = false;
	event_show(guest);
	return err;
}
