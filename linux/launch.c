// SPDX-License-Identifier: GPL-2.0-only
/*
 * Into guest mode on every online CPU, and out again. Both happen within
 * stop_machine(): all CPUs are in the callback with interrupts off, and wait
 * for each other between the steps, so that a launch that fails anywhere is
 * taken back everywhere before anything else runs.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/io.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/stop_machine.h>
#include <asm/apic.h>
#include <asm/irq_vectors.h>
#include <asm/processor.h>
#include "stub.h"
#include "vbh.h"

/* NMIs that came within vbh_stub_enter, owed to Linux. */
DEFINE_PER_CPU(u32, vbh_nmis);

static struct launch_space space;
/* Written within stop_machine() by its CPU alone. */
static struct cpumask launched;

enum { STEP_CHECKED, STEP_DONE, STEP_UNDONE, NR_STEPS };

/* One stop_machine() call. */
struct rendezvous {
	struct cpumask cpus;	/* for a launch: those that params describe */
	atomic_t arrived[NR_STEPS];
	/* The first error of each step, final once that step has been met. */
	atomic_t error[NR_STEPS];
	unsigned int error_cpu;
	const char *reason;	/* words for it, unless the image has them */
};

void launch_show_memory(struct seq_file *m)
{
	space_show(&space, m);
}

const struct cpumask *launch_cpus(void)
{
	return &launched;
}

/*
 * Wait here until every CPU is here, and return the step's error, the same to
 * each of them. Orders what is written before it.
 */
static int meet(struct rendezvous *r, int step)
{
	smp_mb__before_atomic();	/* what this CPU wrote, then its arrival */
	atomic_inc(&r->arrived[step]);
	while (atomic_read(&r->arrived[step]) < num_online_cpus())
		cpu_relax();
	smp_mb();	/* all arrivals, then what the others wrote */
	return atomic_read(&r->error[step]);
}

static void note_error(struct rendezvous *r, int step, int err,
		       const char *reason)
{
	if (atomic_cmpxchg(&r->error[step], 0, err))
		return;
	r->error_cpu = smp_processor_id();
	r->reason = reason;
}

/* Call the image. Interrupts are off. */
static long enter(enum vbh_launch_op op, u32 index)
{
	const struct desc_ptr idt = {
		.size = IDT_BYTES - 1,
		.address = (unsigned long)space.idt,
	};
	long ret;

	ret = vbh_stub_enter(space_cr3(&space), space_entry(), space.params,
			     op, index, &idt);
	if (this_cpu_read(vbh_nmis)) {
		/*
		 * Several in a row are one to the processor as well. Not INT 2: Linux's
		 * entry counts on that no other comes while it finds out about nesting.
		 */
		this_cpu_write(vbh_nmis, 0);
		apic->send_IPI(smp_processor_id(), NMI_VECTOR);
	}
	return ret;
}

static long leave(void)
{
	long ret = vbh_stub_stop();

	if (!ret)
		cpumask_clear_cpu(smp_processor_id(), &launched);
	return ret;
}

void launch_leave(void)
{
	if (cpumask_test_cpu(smp_processor_id(), &launched))
		leave();
}

/* The place of this CPU among those that params describe. */
static u32 cpu_index(const struct rendezvous *r)
{
	unsigned int cpu, index = 0;

	for_each_cpu(cpu, &r->cpus) {
		if (cpu == smp_processor_id())
			break;
		index++;
	}
	return index;
}

static int launch_cpu(void *data)
{
	struct rendezvous *r = data;
	unsigned int cpu = smp_processor_id();
	const char *busy;
	int failed;
	long err;

	/* Hotplug is held off by now: every CPU sees the same. */
	if (!cpumask_equal(&r->cpus, cpu_online_mask))
		return -EAGAIN;

	busy = machine_cpu_busy();
	if (busy)
		note_error(r, STEP_CHECKED, -EBUSY, busy);
	failed = meet(r, STEP_CHECKED);
	if (failed)
		return failed;

	err = enter(VBH_OP_LAUNCH, cpu_index(r));
	if (err)
		note_error(r, STEP_DONE, err, NULL);
	else
		cpumask_set_cpu(cpu, &launched);
	failed = meet(r, STEP_DONE);
	if (failed && !err)
		WARN_ON_ONCE(leave());
	if (!failed && cpu == cpumask_first(&r->cpus))
		cpus_set_active(true);
	meet(r, STEP_UNDONE);
	return failed;
}

/* -EAGAIN: CPUs came or went since the mask was read. */
static int try_launch(struct rendezvous *r, struct vbh_why *why)
{
	unsigned long flags;
	long err;

	memset(r, 0, sizeof(*r));
	memset(space.params, 0, sizeof(*space.params));
	cpumask_copy(&r->cpus, cpu_online_mask);
	err = machine_describe(space.params, &r->cpus, why);
	if (!err)
		err = space_create(&space, why);
	if (err)
		return err;

	local_irq_save(flags);
	err = enter(VBH_OP_INIT, 0);
	local_irq_restore(flags);
	if (err) {
		vbh_fail(why, err, "the hypervisor refuses this machine: %.*s (%ld)",
			 (int)sizeof(space.params->error) - 1,
			 space.params->error, err);
		goto destroy;
	}
	space_join(&space);

	err = stop_machine(launch_cpu, r, cpu_online_mask);
	if (!err)
		return 0;
	if (atomic_read(&r->error[STEP_CHECKED]) ||
	    atomic_read(&r->error[STEP_DONE]))
		vbh_fail(why, err, "CPU %u can't be launched: %.*s (%ld)",
			 r->error_cpu, (int)sizeof(space.params->error) - 1,
			 r->reason ?: space.params->error, err);
	if (!cpumask_empty(&launched)) {
		/* They live on what would be freed. */
		pr_crit("CPUs %*pbl did not leave guest mode\n",
			cpumask_pr_args(&launched));
		return -EIO;
	}
destroy:
	space_destroy(&space);
	return err;
}

int launch_start(struct vbh_why *why)
{
	struct rendezvous *r;
	int err, tries = 10;

	r = kmalloc(sizeof(*r), GFP_KERNEL);
	space.params = kmalloc(sizeof(*space.params), GFP_KERNEL);
	if (!r || !space.params) {
		err = vbh_fail(why, -ENOMEM, "out of memory");
		goto out;
	}

	err = machine_check(why);
	if (!err)
		err = cpus_bring_online(cpu_present_mask, why);
	if (err)
		goto out;
	do
		err = try_launch(r, why);
	while (err == -EAGAIN && !why->text[0] && --tries);
	if (err == -EAGAIN && !why->text[0])
		vbh_fail(why, err, "CPUs go on being brought up and down");
	if (!err) {
		pr_info("CPUs %*pbl are in guest mode\n",
			cpumask_pr_args(&launched));
		cpus_slow_init(true);
	}
out:
	if (cpumask_empty(&launched))
		machine_forget();
	kfree(space.params);
	space.params = NULL;
	kfree(r);
	return err;
}

static void leave_step(struct rendezvous *r, int step)
{
	long err = 0;

	if (cpumask_test_cpu(smp_processor_id(), &launched))
		err = leave();
	if (err)
		note_error(r, step, err, NULL);
}

static int stop_cpu(void *data)
{
	struct rendezvous *r = data;
	unsigned int cpu = smp_processor_id();
	bool first = cpu == cpumask_first(cpu_online_mask);
	int failed;

	if (!cpumask_subset(&launched, cpu_online_mask))
		return -EAGAIN;

	/* One asks first: a refusal is to be one event, not one a CPU. */
	if (first)
		leave_step(r, STEP_CHECKED);
	failed = meet(r, STEP_CHECKED);
	if (failed)
		return failed;

	if (!first)
		leave_step(r, STEP_DONE);
	failed = meet(r, STEP_DONE);
	if (first && !failed)
		cpus_set_active(false);
	return failed ? -EIO : 0;
}

/* A sealed hypervisor refuses, and records it: nobody has to be woken for that. */
static long ask_sealed(void)
{
	unsigned long flags;
	long err = 0;

	local_irq_save(flags);
	if (cpumask_test_cpu(smp_processor_id(), &launched))
		err = leave();
	local_irq_restore(flags);
	return err;
}

static int stop_all(struct rendezvous *r)
{
	struct vbh_why why;
	int err, tries = 10;

	do {
		memset(r->arrived, 0, sizeof(r->arrived));
		memset(r->error, 0, sizeof(r->error));
		/* CPUs that were launched and then parked have to leave by themselves. */
		err = cpus_bring_online(&launched, &why);
		if (!err)
			err = stop_machine(stop_cpu, r, cpu_online_mask);
	} while (err == -EAGAIN && --tries);

	cpus_put_back();
	return err;
}

int launch_stop(void)
{
	struct rendezvous *r;
	long err;

	err = vbh_state() == VBH_STATE_SEALED ? ask_sealed() : 0;
	if (err)
		return err;
	r = kzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	err = stop_all(r);
	if (err) {
		pr_err("CPUs %*pbl are still in guest mode: %ld on CPU %u\n",
		       cpumask_pr_args(&launched), err, r->error_cpu);
	} else {
		space_destroy(&space);
		donate_free();
		machine_forget();
		cpus_slow_init(false);
		pr_info("every CPU is native again\n");
	}
	kfree(r);
	return err;
}
