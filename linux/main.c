// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of VBH on this machine: off, then native (our image under every
 * CPU) or enlightened (under a KVM that offers VBH), and off again. Everything
 * here is under vbh_mutex.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/module.h>
#include "shape.h"
#include "vbh.h"

/* One at a time: start, stop, seal, unlock, and modules that come and go. */
DEFINE_MUTEX(vbh_mutex);
enum vbh_mode vbh_mode;
static bool can_stop;		/* enlightened: VBH_FEAT_STOP */
static bool sealed;		/* by us: read where nobody can be asked */

int vbh_fail(struct vbh_why *why, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	pr_err("%s\n", why->text);
	return err;
}

/*
 * A crash kernel, or a reset that can't wait, is about to take this CPU over, maybe
 * in an NMI: it wants a processor on which nothing is locked. A sealed hypervisor
 * would refuse, and rule panic stop the machine in place of a reset.
 */
static void leave_in_emergency(void)
{
	if (READ_ONCE(sealed))
		return;
	if (READ_ONCE(vbh_mode) == VBH_NATIVE)
		launch_leave();
	else if (can_stop)
		vbh_hypercall(VBH_HC_STOP, 0, 0, 0, 0);
}

/* Kernels before 6.1.130 or so have no such call. */
static void set_emergency(const char *call)
{
	void (*set)(void (*callback)(void)) = __symbol_get(call);

	if (!set)
		return;
	set(leave_in_emergency);
	__symbol_put(call);
}

static void set_mode(enum vbh_mode mode)
{
	bool was_on = vbh_mode != VBH_OFF, is_on = mode != VBH_OFF;

	if (was_on && !is_on)
		set_emergency("cpu_emergency_unregister_virt_callback");
	WRITE_ONCE(vbh_mode, mode);
	WRITE_ONCE(sealed, false);
	donate_watch(mode == VBH_NATIVE);
	if (!was_on && is_on)
		set_emergency("cpu_emergency_register_virt_callback");
	dev_wake();
}

u32 vbh_state(void)
{
	struct vbh_status status;

	return vbh_get_status(&status) ? 0 : status.state;
}

/* Under a hypervisor, ours or KVM's: is it one that we can talk to? */
static int check_abi(u32 leaf, struct vbh_why *why)
{
	u32 abi = cpuid_eax(leaf + 1);

	if (abi >> 16 == VBH_ABI_MAJOR)
		return 0;
	return vbh_fail(why, -EPROTO,
			"the hypervisor speaks ABI %u.%u, the driver %u.%u",
			abi >> 16, abi & 0xffff, VBH_ABI_MAJOR, VBH_ABI_MINOR);
}

static int enter_native(struct vbh_why *why)
{
	u32 leaf;
	int err;

	err = launch_start(why);
	if (err)
		return err;
	set_mode(VBH_NATIVE);
	leaf = vbh_find_leaf();
	if (!leaf)
		return vbh_fail(why, -ENODEV,
				"the hypervisor runs but shows no CPUID leaf");
	return check_abi(leaf, why);
}

static int enter_enlightened(u32 leaf, struct vbh_why *why)
{
	int err = check_abi(leaf, why);

	if (err)
		return err;
	if (!cpuid_eax(leaf + 3))
		return vbh_fail(why, -ENODEV,
				"the hypervisor knows VBH, but its processor can't protect this machine");
	can_stop = cpuid_ebx(leaf + 1) & VBH_FEAT_STOP;
	pr_info("VBH is offered by this machine's hypervisor\n");
	set_mode(VBH_ENLIGHTENED);
	cpus_set_active(true);
	return 0;
}

/* Patching is as it was. */
static void allow_patching(void)
{
	leftover_settle();
	asks_stop();
	poke_stop();
}

/* Nobody protects us any more. */
static void forget(void)
{
	modules_stop();
	set_mode(VBH_OFF);
	allow_patching();
	module_put(THIS_MODULE);
}

static int stop_native(void)
{
	int err = launch_stop();

	if (!err)
		forget();
	return err;
}

/* One call is for all CPUs. */
static int stop_enlightened(void)
{
	long err = -EOPNOTSUPP;

	if (can_stop)
		err = vbh_hypercall(VBH_HC_STOP, 0, 0, 0, 0);
	if (err)
		return err;
	cpus_set_active(false);
	forget();
	return 0;
}

/*
 * A hypervisor that does not stop keeps what it has been given (ring, pins); its
 * regions can be taken back. The module then stays loaded, as owner of the ring.
 */
static void leave_enlightened(void)
{
	if (!stop_enlightened())
		return;
	modules_undo();
	vbh_hypercall(VBH_HC_REGION_DEL, REGION_TAG_KERNEL, 0, 0, 0);
	cpus_set_active(false);
	set_mode(VBH_OFF);
	allow_patching();
	if (!ring_donated())
		module_put(THIS_MODULE);
}

bool vbh_keeps_ring(void)
{
	return vbh_mode == VBH_ENLIGHTENED && !can_stop;
}

/* Take back whatever there is by now, and the reference with it. */
static void undo_start(void)
{
	switch (vbh_mode) {
	case VBH_OFF:
		allow_patching();
		if (cpumask_empty(launch_cpus()))
			module_put(THIS_MODULE);
		break;
	case VBH_NATIVE:
		/* On failure it goes on running, and STOP can be tried again. */
		stop_native();
		break;
	case VBH_ENLIGHTENED:
		leave_enlightened();
		break;
	}
}

int vbh_start(const struct vbh_policy *policy, int catalogue, struct vbh_why *why)
{
	u32 leaf;
	int err;

	if (vbh_mode != VBH_OFF)
		return vbh_fail(why, -EALREADY, "VBH is running already");
	if (!cpumask_empty(launch_cpus()))
		return vbh_fail(why, -EIO, "an earlier launch left CPUs in guest mode");
	if (cpus_suspending())
		return vbh_fail(why, -EBUSY, "the machine is being suspended");
	err = policy_check(policy, why);
	if (!err)
		err = facts_find(why);
	if (!err)
		err = sites_plan(policy, why);
	if (err)
		return err;
	if (!try_module_get(THIS_MODULE))
		return vbh_fail(why, -ENODEV, "vbh is being unloaded");

	err = asks_start(why);
	if (!err && !sites_allows(VBH_PATCH_KPROBES, VBH_PATCH_OPEN))
		err = kprobes_check(why);
	if (!err) {
		poke_start();
		leaf = vbh_find_leaf();
		err = leaf ? enter_enlightened(leaf, why) : enter_native(why);
	}
	if (!err)
		err = policy_apply(policy, catalogue, why);
	if (err)
		undo_start();
	cpus_put_back();
	return err;
}

int vbh_stop(void)
{
	switch (vbh_mode) {
	case VBH_NATIVE:
		return stop_native();
	case VBH_ENLIGHTENED:
		return stop_enlightened();
	default:
		return -ENODEV;
	}
}

int vbh_seal(void)
{
	struct vbh_why why = { };
	struct vbh_status status;
	long err;

	if (vbh_mode == VBH_OFF)
		return -ENODEV;
	err = vbh_get_status(&status);
	if (err)
		return err;
	/* Listed modules that came after the seal may go, so none is held again. */
	if (status.state != VBH_STATE_OPEN)
		return vbh_hypercall(VBH_HC_SEAL, 0, 0, 0, 0);
	err = asks_seal(&why);
	if (err)
		return err;
	/* From here on none is enabled. */
	if (sites_protected())
		err = kprobes_check(&why);
	if (err)
		goto still_open;
	modules_hold();
	err = vbh_hypercall(VBH_HC_SEAL, 0, 0, 0, 0);
	if (err)
		goto release;
	WRITE_ONCE(sealed, true);
	pr_info("sealed\n");
	return 0;

release:
	modules_release();
still_open:
	asks_open();
	return err;
}

int vbh_unlock(const void *key, u32 len)
{
	long err;

	if (vbh_mode == VBH_OFF)
		return -ENODEV;
	err = vbh_call_with(VBH_HC_UNLOCK, key, len, len);
	if (!err)
		WRITE_ONCE(sealed, false);
	return err;
}

static int __init vbh_init(void)
{
	int err;

	err = modules_init();
	if (err)
		return err;
	err = machine_init();
	if (err)
		goto no_machine;
	err = cpus_init();
	if (err)
		goto no_cpus;
	err = dev_init();
	if (err)
		goto no_dev;
	debugfs_register();
	return 0;

no_dev:
	cpus_exit();
no_cpus:
	machine_exit();
no_machine:
	modules_exit();
	return err;
}

/* A reference is held while VBH runs: by now it does not. */
static void __exit vbh_exit(void)
{
	debugfs_unregister();
	donate_exit();
	dev_exit();
	cpus_exit();
	machine_exit();
	modules_exit();
	asks_exit();
	ring_free();
}

module_init(vbh_init);
module_exit(vbh_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A thin hypervisor that protects the kernel that loads it");
MODULE_AUTHOR("The VBH developers");
MODULE_VERSION("1.0");
