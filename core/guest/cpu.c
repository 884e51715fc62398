// SPDX-License-Identifier: GPL-2.0-only
/*
 * One CPU: its beginning, and its way out of Linux and back in. A CPU that goes
 * offline parks first; only then is an INIT for it honest, then one SIPI, and
 * only to the page where the kernel's real-mode start is.
 */
#include "guest.h"

void vcpu_init(struct vbh_vcpu *vcpu, struct vbh_guest *guest, u32 id)
{
	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->guest = guest;
	vcpu->id = id;
	vcpu->run = VCPU_RUNNING;
}

void vcpu_sync(struct vbh_vcpu *vcpu)
{
	host_lock(vcpu->guest);
	if (vcpu->pins.generation != vcpu->guest->pins.generation)
		pin_sync(vcpu);
	host_unlock(vcpu->guest);
}

s64 hc_cpu(struct vbh_vcpu *vcpu, const u64 args[4])
{
	switch (args[0]) {
	case VBH_CPU_CURRENT:
		if (!args[1])
			return -EINVAL;
		/* It never moves: what would change after the seal is the names in events. */
		if (vcpu->guest->state != VBH_STATE_OPEN && vcpu->current_gva &&
		    vcpu->current_gva != args[1])
			return -EPERM;
		vcpu->current_gva = args[1];
		/* Linux runs here: an INIT is no longer honest, whatever it announced. */
		if (vcpu->run == VCPU_PARKED)
			vcpu->run = VCPU_RUNNING;
		return 0;
	case VBH_CPU_PARK:
		if (!(vcpu->guest->features & VBH_FEAT_HOTPLUG))
			return -EOPNOTSUPP;
		vcpu->run = VCPU_PARKED;
		note(vcpu, VBH_KIND_CPU, vcpu->id, 0);
		return 0;
	default:
		return -EINVAL;
	}
}

/* possible is false for a CPU that is not under us: it would run unwatched. */
static enum vbh_verdict bad_start(struct vbh_vcpu *vcpu, u32 apic_id, bool sipi, u8 page,
				  bool possible)
{
	struct vbh_event ev;

	event_begin(vcpu, &ev, VBH_KIND_INIT);
	ev.detail = apic_id;
	if (sipi) {
		ev.new_value = page;
		ev.flags |= VBH_EVENT_F_VALUES;
		ev.width = sizeof(page);
	}
	return violation(vcpu, &ev, vcpu->guest->rules[VBH_KIND_INIT], possible);
}

enum vbh_verdict core_init(struct vbh_vcpu *vcpu, struct vbh_vcpu *target, u32 apic_id)
{
	enum vbh_verdict v = VBH_ALLOW;

	host_lock(vcpu->guest);
	/* Linux repeats the INIT when a CPU did not answer. */
	if (!target || (target->run != VCPU_PARKED && target->run != VCPU_WAIT_SIPI))
		v = bad_start(vcpu, apic_id, false, 0, target);
	if (v == VBH_ALLOW)
		target->run = VCPU_WAIT_SIPI;
	host_unlock(vcpu->guest);
	return v;
}

static enum vbh_verdict sipi(struct vbh_vcpu *vcpu, struct vbh_vcpu *target, u32 apic_id, u8 page)
{
	u8 only = vcpu->guest->sipi_page;
	enum vbh_verdict v;

	/* A processor that does not wait for a SIPI ignores it: it can't be let happen. */
	if (!target || target->run == VCPU_RUNNING || target->run == VCPU_PARKED)
		v = bad_start(vcpu, apic_id, true, page, false);
	else if (target->run == VCPU_WAIT_SIPI)
		v = only && page != only ? bad_start(vcpu, apic_id, true, page, true) : VBH_ALLOW;
	else
		v = VBH_FAULT;

	if (v == VBH_ALLOW) {
		target->run = VCPU_STARTED;
		note(vcpu, VBH_KIND_CPU, target->id, 1);
	} else if (target && target->run == VCPU_STARTED) {
		target->run = VCPU_RUNNING;
	}
	return v;
}

enum vbh_verdict core_sipi(struct vbh_vcpu *vcpu, struct vbh_vcpu *target, u32 apic_id,
			   u8 start_page)
{
	enum vbh_verdict v;

	host_lock(vcpu->guest);
	v = sipi(vcpu, target, apic_id, start_page);
	host_unlock(vcpu->guest);
	return v;
}

void core_cpu_reset(struct vbh_vcpu *target)
{
	host_lock(target->guest);
	target->resetting = true;
	target->pins.dtr_armed = 0;
	host_unlock(target->guest);
}
