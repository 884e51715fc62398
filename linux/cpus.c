// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs that come and go, suspend, and reboot into another kernel. A CPU that
 * goes offline parks, so that the INIT which brings it back is honest; for a
 * launch all are online, and those that were not park then as any other. One
 * that was not there at the launch can't come. Hotplug callbacks read `active`
 * and the launched mask, which change only while hotplug is held off.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/percpu.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <linux/suspend.h>
#include <asm/current.h>
#include "shape.h"
#include "vbh.h"

#define INIT_UDELAY	10000u	/* us, UDELAY_10MS_DEFAULT in arch/x86/kernel/smpboot.c */

static bool active;
static struct cpumask visitors;	/* online for a launch or a stop; under vbh_mutex */
static bool suspending;		/* under vbh_mutex */
static int prepare_state, online_state;

void cpus_set_active(bool on)
{
	WRITE_ONCE(active, on);
}

/*
 * Where INIT exits at its receiver, a SIPI that comes before the hypervisor has
 * taken it is lost, and Linux leaves processors of today no time between the two
 * (smp_quirk_init_udelay()). As cpu_init_udelay=10000 on the kernel's command line.
 */
void cpus_slow_init(bool on)
{
	static unsigned int before;
	unsigned int *delay = (unsigned int *)facts_symbol("init_udelay");

	if (!delay || boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
	    boot_cpu_data.x86_vendor == X86_VENDOR_HYGON)
		return;
	if (on) {
		before = *delay;
		*delay = max(before, INIT_UDELAY);
	} else {
		*delay = before;
	}
}

bool cpus_suspending(void)
{
	return suspending;
}

static long tell_current(void)
{
	return vbh_hypercall(VBH_HC_CPU, VBH_CPU_CURRENT,
			     (unsigned long)this_cpu_ptr(&shape_current), 0, 0);
}

static void tell_current_ipi(void *data)
{
	atomic_t *err = data;
	long ret = tell_current();

	if (ret)
		atomic_set(err, ret);
}

int cpus_tell_current(void)
{
	atomic_t err = ATOMIC_INIT(0);

	on_each_cpu(tell_current_ipi, &err, 1);
	return atomic_read(&err);
}

/*
 * Under nosmt a sibling that has been up once is refused. Let in as arch_resume_nosmt()
 * does it, but one by one, and only those that go again. Returns what to give back.
 */
static enum cpuhp_smt_control allow_siblings(enum cpuhp_smt_control *control)
{
	enum cpuhp_smt_control was = control ? READ_ONCE(*control) : CPU_SMT_ENABLED;

	if (was == CPU_SMT_DISABLED || was == CPU_SMT_FORCE_DISABLED)
		WRITE_ONCE(*control, CPU_SMT_ENABLED);
	return was;
}

int cpus_bring_online(const struct cpumask *mask, struct vbh_why *why)
{
	enum cpuhp_smt_control *control = (void *)facts_symbol("cpu_smt_control");
	enum cpuhp_smt_control was;
	unsigned int cpu;
	int err = 0;

	if (cpumask_subset(mask, cpu_online_mask))
		return 0;
	was = allow_siblings(control);
	for_each_cpu_andnot(cpu, mask, cpu_online_mask) {
		err = add_cpu(cpu);
		if (err < 0) {
			vbh_fail(why, err,
				 "CPU %u is offline and does not come online (%d): turn it off in firmware, or look into the kernel log",
				 cpu, err);
			break;
		}
		if (!err)	/* else somebody else was faster */
			cpumask_set_cpu(cpu, &visitors);
		err = 0;
	}
	/* Unless root has said something else meanwhile. */
	if (control)
		cmpxchg(control, CPU_SMT_ENABLED, was);
	return err;
}

void cpus_put_back(void)
{
	unsigned int cpu;
	int err;

	for_each_cpu(cpu, &visitors) {
		err = remove_cpu(cpu);
		if (err < 0)
			pr_warn("CPU %u could not be taken offline again: %d\n", cpu, err);
	}
	cpumask_clear(&visitors);
}

/* On another CPU, before cpu is sent INIT and SIPI. */
static int cpu_prepare(unsigned int cpu)
{
	if (!READ_ONCE(active) || cpumask_empty(launch_cpus()) ||
	    cpumask_test_cpu(cpu, launch_cpus()))
		return 0;
	pr_warn("CPU %u was not there when VBH started, it can't come online\n",
		cpu);
	return -EPERM;
}

/* On the CPU itself; also if going offline was given up after cpu_leaves(). */
static int cpu_arrives(unsigned int cpu)
{
	long err;

	if (!READ_ONCE(active))
		return 0;
	err = tell_current();
	if (err)
		pr_err("CPU %u came online unknown to the hypervisor: %ld\n",
		       cpu, err);
	return err;
}

static int cpu_leaves(unsigned int cpu)
{
	long err;

	if (!READ_ONCE(active))
		return 0;
	err = vbh_hypercall(VBH_HC_CPU, VBH_CPU_PARK, 0, 0, 0);
	if (err)
		pr_err("CPU %u can't park: %ld\n", cpu, err);
	return err;
}

static int pm_event(struct notifier_block *nb, unsigned long event, void *data)
{
	int ret = NOTIFY_OK;

	mutex_lock(&vbh_mutex);
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		if (vbh_mode != VBH_OFF) {
			pr_warn("no suspend or hibernation while VBH runs\n");
			ret = notifier_from_errno(-EBUSY);
			break;
		}
		suspending = true;
		break;
	default:
		suspending = false;
	}
	mutex_unlock(&vbh_mutex);
	return ret;
}

/* kernel_kexec() says what it is by these words. */
static int reboot_event(struct notifier_block *nb, unsigned long event,
			void *data)
{
	const char *command = data;

	if (event != SYS_RESTART || !command ||
	    strcmp(command, "kexec reboot"))
		return NOTIFY_DONE;
	mutex_lock(&vbh_mutex);
	if (vbh_mode != VBH_OFF && vbh_stop())
		pr_crit("kexec while VBH can't be stopped: the next kernel will not get far\n");
	mutex_unlock(&vbh_mutex);
	return NOTIFY_OK;
}

static struct notifier_block pm_notifier = { .notifier_call = pm_event };
static struct notifier_block reboot_notifier = {
	.notifier_call = reboot_event,
};

int cpus_init(void)
{
	int err;

	prepare_state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN,
						  "vbh:prepare", cpu_prepare,
						  NULL);
	if (prepare_state < 0)
		return prepare_state;
	online_state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN,
						 "vbh:online", cpu_arrives,
						 cpu_leaves);
	if (online_state < 0) {
		err = online_state;
		goto no_online;
	}
	err = register_pm_notifier(&pm_notifier);
	if (err)
		goto no_pm;
	err = register_reboot_notifier(&reboot_notifier);
	if (err)
		goto no_reboot;
	return 0;

no_reboot:
	unregister_pm_notifier(&pm_notifier);
no_pm:
	cpuhp_remove_state_nocalls(online_state);
no_online:
	cpuhp_remove_state_nocalls(prepare_state);
	return err;
}

void cpus_exit(void)
{
	unregister_reboot_notifier(&reboot_notifier);
	unregister_pm_notifier(&pm_notifier);
	cpuhp_remove_state_nocalls(online_state);
	cpuhp_remove_state_nocalls(prepare_state);
}
