// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a benchmark can measure only in ring 0: single instructions that exit
 * under VBH, and vbh.ko's calls into the image. The TSC counts instructions in
 * the rigs that this is for.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <asm/apic.h>
#include <asm/asm.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <vbh/abi.h>
#include <vbh/launch.h>
#include "../bench.h"

#define MOST		100000
#define NON_CANONICAL	((u8 *)0x8000000000000000ul)

static u8 *alias;	/* of a byte of kernel text */

/* *p = value; false if that faulted. */
static noinline bool store(u8 *p, u8 value)
{
	int vector = 0;

	/* The exception table puts the vector into RAX. */
	asm volatile("1: movb %[value], (%[p])\n"
		     "2:\n"
		     _ASM_EXTABLE_FAULT(1b, 2b)
		     : "+a" (vector)
		     : [p] "r" (p), [value] "q" (value)
		     : "memory");
	return !vector;
}

static noinline void hypercall(void)
{
	unsigned long ret = VBH_HC_EVENT_ACK;

	if (boot_cpu_data.x86_vendor == X86_VENDOR_AMD)
		asm volatile("vmmcall" : "+a" (ret)
			     : "b" (0ul), "c" (0ul), "d" (0ul), "S" (0ul) : "memory");
	else
		asm volatile("vmcall" : "+a" (ret)
			     : "b" (0ul), "c" (0ul), "d" (0ul), "S" (0ul) : "memory");
}

static u64 run_empty(u32 n)
{
	u64 start = rdtsc();

	while (n--)
		barrier();
	return rdtsc() - start;
}

static u64 run_cpuid(u32 n, u32 leaf)
{
	u64 start = rdtsc();
	u32 a, b, c, d;

	while (n--) {
		a = leaf;
		c = 0;
		asm volatile("cpuid" : "+a" (a), "=b" (b), "+c" (c), "=d" (d));
	}
	return rdtsc() - start;
}

static u64 run_apic(u32 n)
{
	u32 value = apic_read(APIC_TASKPRI);
	u64 start = rdtsc();

	while (n--)
		apic_write(APIC_TASKPRI, value);
	return rdtsc() - start;
}

static u64 run_msr(u32 n)
{
	u64 start, value;

	rdmsrl(MSR_LSTAR, value);
	start = rdtsc();
	while (n--)
		native_write_msr(MSR_LSTAR, value, value >> 32);
	return rdtsc() - start;
}

static u64 run_hypercall(u32 n)
{
	u64 start = rdtsc();

	while (n--)
		hypercall();
	return rdtsc() - start;
}

static u64 run_store(u32 n, u8 *to, u8 value, u32 *faults)
{
	u64 start = rdtsc();

	while (n--)
		*faults += !store(to, value);
	return rdtsc() - start;
}

static long ioctl_run(struct bench_run __user *arg)
{
	struct bench_run run;
	unsigned long flags;

	if (copy_from_user(&run, arg, sizeof(run)))
		return -EFAULT;
	if (!run.n || run.n > MOST || run.reserved)
		return -EINVAL;
	run.faults = 0;
	local_irq_save(flags);
	switch (run.op) {
	case BENCH_EMPTY:
		run.ticks = run_empty(run.n);
		break;
	case BENCH_CPUID:
		run.ticks = run_cpuid(run.n, 0);
		break;
	case BENCH_CPUID_LEAF1:
		run.ticks = run_cpuid(run.n, 1);
		break;
	case BENCH_APIC:
		run.ticks = run_apic(run.n);
		break;
	case BENCH_MSR:
		run.ticks = run_msr(run.n);
		break;
	case BENCH_HYPERCALL:
		run.ticks = run_hypercall(run.n);
		break;
	case BENCH_STORE:
		run.ticks = run_store(run.n, alias, *alias, &run.faults);
		break;
	case BENCH_FAULT:
		run.ticks = run_store(run.n, NON_CANONICAL, 0, &run.faults);
		break;
	default:
		run.op = BENCH_NR_OPS;
	}
	local_irq_restore(flags);
	if (run.op == BENCH_NR_OPS)
		return -EINVAL;
	return copy_to_user(arg, &run, sizeof(run)) ? -EFAULT : 0;
}

/* One call that is watched. */
struct call {
	u64 start;
	u32 op;
};

static struct bench_launch seen;
static u64 probe_cost;

static noinline void nothing(void)
{
	barrier();
}

static int on_call(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (void *)ri->data;

	call->op = regs->cx;
	call->start = rdtsc();
	return 0;
}

NOKPROBE_SYMBOL(on_call);

static u64 elapsed(const struct kretprobe_instance *ri)
{
	u64 ticks = rdtsc() - ((const struct call *)ri->data)->start;

	return ticks > probe_cost ? ticks - probe_cost : 0;
}

NOKPROBE_SYMBOL(elapsed);

static int after_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	u64 ticks = elapsed(ri);
	u32 cpu = raw_smp_processor_id();

	if (((struct call *)ri->data)->op == VBH_OP_INIT)
		seen.init = ticks;
	else if (cpu < BENCH_CPUS)
		seen.launch[cpu] = ticks;
	return 0;
}

NOKPROBE_SYMBOL(after_enter);

static int after_stop(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	u32 cpu = raw_smp_processor_id();

	if (cpu < BENCH_CPUS)
		seen.stop[cpu] = elapsed(ri);
	return 0;
}

NOKPROBE_SYMBOL(after_stop);

static int after_nothing(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	u64 ticks = rdtsc() - ((struct call *)ri->data)->start;

	if (!probe_cost || ticks < probe_cost)
		probe_cost = ticks;
	return 0;
}

NOKPROBE_SYMBOL(after_nothing);

static struct kretprobe probes[] = {
	{
		.kp.symbol_name = "vbh_stub_enter", .entry_handler = on_call,
		.handler = after_enter, .data_size = sizeof(struct call),
	},
	{
		.kp.symbol_name = "vbh_stub_stop", .entry_handler = on_call,
		.handler = after_stop, .data_size = sizeof(struct call),
	},
};

/* What a probe costs by itself, less the function that does nothing. */
static int measure_probe(void)
{
	struct kretprobe probe = {
		.kp.addr = (kprobe_opcode_t *)nothing, .entry_handler = on_call,
		.handler = after_nothing, .data_size = sizeof(struct call),
	};
	int err, i;

	err = register_kretprobe(&probe);
	if (err)
		return err;
	for (i = 0; i < 16; i++)
		nothing();
	unregister_kretprobe(&probe);
	return 0;
}

/* The file's lock is enough: the benchmark is one thread. */
static long watch(bool on)
{
	static bool watching;
	int err = 0;
	u32 i;

	if (on == watching)
		return 0;
	if (on) {
		err = measure_probe();
		for (i = 0; !err && i < ARRAY_SIZE(probes); i++) {
			probes[i].kp.flags = 0;
			probes[i].kp.addr = NULL;
			err = register_kretprobe(&probes[i]);
		}
		if (err && i > 1)
			unregister_kretprobe(&probes[0]);
	} else {
		for (i = 0; i < ARRAY_SIZE(probes); i++)
			unregister_kretprobe(&probes[i]);
	}
	if (!err)
		watching = on;
	return err;
}

static long bench_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case BENCH_IOC_RUN:
		return ioctl_run((void __user *)arg);
	case BENCH_IOC_WATCH:
		return watch(arg);
	case BENCH_IOC_LAUNCH:
		return copy_to_user((void __user *)arg, &seen, sizeof(seen)) ? -EFAULT : 0;
	}
	return -ENOTTY;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = bench_ioctl,
};

static struct miscdevice bench_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vbh_bench",
	.fops = &bench_fops,
	.mode = 0600,
};

static int __init bench_init(void)
{
	void *text = (void *)_printk;
	struct page *page = virt_to_page(__va(__pa(text)));
	u8 *mapped;
	int err;

	mapped = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	if (!mapped)
		return -ENOMEM;
	/* Past ENDBR64 and ftrace's call, where a store of what stands there is let through. */
	alias = mapped + offset_in_page(text) + 9;
	err = misc_register(&bench_dev);
	if (err)
		vunmap(mapped);
	return err;
}

static void __exit bench_exit(void)
{
	watch(false);
	misc_deregister(&bench_dev);
	vunmap((void *)((unsigned long)alias & PAGE_MASK));
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Measures what exits cost under VBH");
