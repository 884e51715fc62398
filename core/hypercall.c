// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypercalls: the table of numbers, the small ones, and the record of what was
 * refused. A handler runs with the guest locked.
 */
#include "guest/guest.h"
#include "listed/module.h"
#include "text/patch.h"

#define OFFSET_MAX	(1u << 16)	/* a field of task_struct lies below this */

static s64 hc_status(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	struct vbh_status s = { 0 };
	u32 i;

	if (args[1] != sizeof(s))
		return -EINVAL;
	host_status(guest, &s);
	s.size = sizeof(s);
	s.abi = VBH_ABI_VERSION;
	s.state = guest->state;
	s.body = guest->body;
	s.cpus = guest->cpus;
	s.regions = guest->regions.nr;
	s.max_regions = guest->regions.max;
	s.pins = pin_count(&guest->pins);
	s.features = guest->features;
	s.events = guest->log.head;
	s.events_lost = guest->log.lost;
	s.violations = guest->log.violations;
	for (i = 0; i < VBH_NR_PATCHES; i++) {
		s.patches_of[i] = guest->log.patches[i];
		s.patches += guest->log.patches[i];
	}
	s.has_key = guest->has_key;
	s.sites = patch_sites(&guest->patch);
	s.trampolines = guest->patch.tramps.nr;
	return guest_write(guest, args[0], &s, sizeof(s));
}

static s64 hc_stats(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_stats s = { 0 };
	int err;

	if (args[1] != sizeof(s))
		return -EINVAL;
	if (args[2] >= vcpu->guest->cpus)
		return -ENOENT;
	err = host_stats(vcpu->guest, args[2], &s);
	if (err)
		return err;
	s.size = sizeof(s);
	s.cpu = args[2];
	return guest_write(vcpu->guest, args[0], &s, sizeof(s));
}

static bool table_ok(const struct vbh_guest *guest, u64 cr3)
{
	return !(cr3 & ~PAGE_MASK) && cr3 < guest->max_gpa;
}

static s64 hc_facts(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	struct vbh_facts f;

	if (guest->state != VBH_STATE_OPEN)
		return -EPERM;
	if (args[1] != sizeof(f))
		return -EINVAL;
	if (guest_read(guest, args[0], &f, sizeof(f)))
		return -EFAULT;
	if (f.size != sizeof(f) || f.reserved || f.task_comm >= OFFSET_MAX ||
	    f.task_pid >= OFFSET_MAX || !table_ok(guest, f.kernel_cr3) ||
	    !table_ok(guest, f.poking_cr3))
		return -EINVAL;
	guest->facts = f;
	return 0;
}

static s64 hc_event_ring(struct vbh_vcpu *vcpu, const u64 args[4])
{
	return event_ring_set(vcpu->guest, args[0], args[1]);
}

static s64 hc_event_ack(struct vbh_vcpu *vcpu, const u64 args[4])
{
	return event_ack(vcpu->guest, args[0]);
}

static s64 hc_notes(struct vbh_vcpu *vcpu, const u64 args[4])
{
	return event_notes(vcpu->guest, args[0]);
}

/* The batch grows beside the table in force, and replaces it when all of it is good. */
static s64 hc_pin(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	struct pin_table *next = &guest->pins_next;
	struct vbh_pin pin;
	u64 i;
	int err;

	if (!args[1] || args[1] > VBH_MAX_BATCH)
		return -EINVAL;
	*next = guest->pins;
	if (next->generation == ~0u - 1)	/* ~0 is no generation */
		return -ENOSPC;
	for (i = 0; i < args[1]; i++) {
		if (guest_read(guest, args[0] + i * sizeof(pin), &pin, sizeof(pin)))
			return -EFAULT;
		err = pin_add(next, vcpu, &pin);
		if (err)
			return err;
	}
	next->generation++;
	pin_publish(&guest->pins, next);
	pin_sync(vcpu);
	host_flush(guest);
	return 0;
}

/*
 * LOG is taken for every kind, but for what could never be let happen (a touch
 * of the hypervisor, a VMX instruction, a refused call) it does what DENY does.
 */
static s64 hc_rule(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;

	if (args[0] == VBH_KIND_NONE || args[0] >= VBH_NR_VIOLATIONS ||
	    args[1] < VBH_RULE_LOG || args[1] > VBH_RULE_PANIC)
		return -EINVAL;
	if (guest->state != VBH_STATE_OPEN && args[1] < guest->rules[args[0]])
		return -EPERM;
	guest->rules[args[0]] = args[1];
	return 0;
}

/* What hangs on the regions with this tag goes with them. */
static s64 hc_region_del(struct vbh_vcpu *vcpu, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	struct region r = { 0 };
	bool any = false;

	if (guest->state != VBH_STATE_OPEN)
		return -EPERM;
	if (!args[0] || args[0] > ~0u)
		return -EINVAL;
	patch_drop(vcpu, args[0], args[1]);
	vec_remove_tag(&guest->known.symbols, args[0]);
	while (region_take_tag(&guest->regions, r.start, args[0], &r)) {
		host_stage2_update(guest, r.start, r.end - r.start);
		any = true;
	}
	if (!any)
		return -ENOENT;
	host_flush(guest);
	return 0;
}

static s64 (*const handler[VBH_HC_NR])(struct vbh_vcpu *vcpu, const u64 args[4]) = {
	[VBH_HC_STATUS - VBH_HC_BASE] = hc_status,
	[VBH_HC_STATS - VBH_HC_BASE] = hc_stats,
	[VBH_HC_FACTS - VBH_HC_BASE] = hc_facts,
	[VBH_HC_EVENT_RING - VBH_HC_BASE] = hc_event_ring,
	[VBH_HC_EVENT_ACK - VBH_HC_BASE] = hc_event_ack,
	[VBH_HC_REGION_ADD - VBH_HC_BASE] = hc_region_add,
	[VBH_HC_REGION_DEL - VBH_HC_BASE] = hc_region_del,
	[VBH_HC_PIN - VBH_HC_BASE] = hc_pin,
	[VBH_HC_RULE - VBH_HC_BASE] = hc_rule,
	[VBH_HC_KEY - VBH_HC_BASE] = hc_key,
	[VBH_HC_SEAL - VBH_HC_BASE] = hc_seal,
	[VBH_HC_UNLOCK - VBH_HC_BASE] = hc_unlock,
	[VBH_HC_STOP - VBH_HC_BASE] = hc_stop,
	[VBH_HC_CPU - VBH_HC_BASE] = hc_cpu,
	[VBH_HC_TEXT - VBH_HC_BASE] = hc_text,
	[VBH_HC_SITES - VBH_HC_BASE] = hc_sites,
	[VBH_HC_FTRACE - VBH_HC_BASE] = hc_ftrace,
	[VBH_HC_PATCH - VBH_HC_BASE] = hc_patch,
	[VBH_HC_NOTES - VBH_HC_BASE] = hc_notes,
	[VBH_HC_CATALOGUE - VBH_HC_BASE] = hc_catalogue,
	[VBH_HC_SYMBOLS - VBH_HC_BASE] = hc_symbols,
	[VBH_HC_MODULE - VBH_HC_BASE] = hc_module,
	[VBH_HC_DONATE - VBH_HC_BASE] = hc_donate,
};

static u32 number_detail(u64 nr)
{
	return nr - VBH_HC_BASE < VBH_HC_NR ? nr - VBH_HC_BASE : ~0u;
}

static enum vbh_verdict refused(struct vbh_vcpu *vcpu, u64 nr, s64 err)
{
	struct vbh_event ev;

	event_values(vcpu, &ev, VBH_KIND_HYPERCALL, number_detail(nr), 0, err);
	return violation(vcpu, &ev, vcpu->guest->rules[VBH_KIND_HYPERCALL], false);
}

/* A call that no honest driver makes; the rest (-ENOENT, -ENOSPC, ...) can happen to one. */
static bool suspicious(u64 nr, s64 err)
{
	/* These are recorded as VBH_KIND_KEY and VBH_KIND_MODULE. */
	if ((nr == VBH_HC_UNLOCK || nr == VBH_HC_MODULE) && err == -EACCES)
		return false;
	return err == -EPERM || err == -EINVAL || err == -EFAULT || err == -EACCES ||
	       err == -ENOSYS;
}

s64 core_hypercall(struct vbh_vcpu *vcpu, u64 nr, const u64 args[4])
{
	struct vbh_guest *guest = vcpu->guest;
	s64 ret = -ENOSYS;

	host_lock(guest);
	if (vcpu->resetting && host_reg(vcpu, VBH_REG_EFER) & (1ull << 10)) {	/* LMA: it is up */
		vcpu->resetting = false;
		pin_sync(vcpu);
	}
	if (vcpu->run == VCPU_STARTED)
		vcpu->run = VCPU_RUNNING;

	if (nr - VBH_HC_BASE < VBH_HC_NR)
		ret = handler[nr - VBH_HC_BASE](vcpu, args);
	if (suspicious(nr, ret))
		refused(vcpu, nr, ret);
	host_unlock(guest);
	return ret;
}

enum vbh_verdict core_hypercall_user(struct vbh_vcpu *vcpu)
{
	enum vbh_verdict v;

	host_lock(vcpu->guest);
	v = refused(vcpu, host_reg(vcpu, VBH_REG_RAX), -EPERM);
	host_unlock(vcpu->guest);
	return v == VBH_HALT ? v : VBH_UNDEFINED;
}
