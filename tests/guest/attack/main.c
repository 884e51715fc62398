// SPDX-License-Identifier: GPL-2.0-only
/*
 * vbh_attack.ko: /sys/kernel/debug/vbh_attack/. "list" names the attacks.
 * Writing a name to "run" makes that attack on the CPU and in the name of the
 * writer; reading "run" tells, as lines of key=value, what became of the last
 * one and which event it should have caused.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/processor.h>
#include <linux/cpu.h>
#include <linux/debugfs.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include "attack.h"

static unsigned long kallsyms;
module_param(kallsyms, ulong, 0);
MODULE_PARM_DESC(kallsyms, "address of kallsyms_lookup_name");

static bool nosmt;
module_param(nosmt, bool, 0);
MODULE_PARM_DESC(nosmt, "have the kernel take odd APIC IDs for siblings, as if booted with nosmt");

static const struct attack *const tables[] = {
	cr_attacks, msr_attacks, dtr_attacks, memory_attacks, hv_attacks,
	virt_attacks, hypercall_attacks, sealed_attacks, ipi_attacks,
	patch_attacks, table_attacks, module_attacks,
	exit_attacks,
};

static DEFINE_MUTEX(run_mutex);		/* one attempt at a time; guards last */
static struct attempt last;
static struct dentry *dir;

unsigned long attack_symbol(const char *name)
{
	unsigned long (*lookup)(const char *name) = (void *)kallsyms;

	const char *other = shape_other_name(name);
	unsigned long at = lookup ? lookup(name) : 0;

	return at || !other || !lookup ? at : lookup(other);
}

u32 attack_body(void)
{
	u32 base, a, b, c, d;

	for (base = VBH_CPUID_FIRST; base <= VBH_CPUID_LAST; base += VBH_CPUID_STEP) {
		cpuid(base, &a, &b, &c, &d);
		if (b != VBH_CPUID_SIG_EBX || c != VBH_CPUID_SIG_ECX || d != VBH_CPUID_SIG_EDX)
			continue;
		cpuid(base + 1, &a, &b, &c, &d);
		/* A KVM offers it before anybody asks. */
		return c != VBH_BODY_KVM || d & VBH_CPUID_BEGUN ? c : 0;
	}
	return 0;
}

int attack_other_cpu(void)
{
	int cpu, here = raw_smp_processor_id();

	for_each_online_cpu(cpu)
		if (cpu != here)
			return cpu;
	return -1;
}

void attempt_unavailable(struct attempt *t, const char *fmt, ...)
{
	va_list args;

	t->outcome = UNAVAILABLE;
	va_start(args, fmt);
	vscnprintf(t->note, sizeof(t->note), fmt, args);
	va_end(args);
}

void attempt_broken(struct attempt *t, const char *why)
{
	t->outcome = BROKEN;
	strscpy(t->note, why, sizeof(t->note));
}

void attempt_judge(struct attempt *t, int vector, bool changed)
{
	t->vector = vector;
	if (!vector) {
		t->outcome = changed ? WORKED : IGNORED;
	} else if (!changed) {
		t->outcome = FAULTED;
	} else {
		attempt_broken(t, "it faulted, and yet it took effect");
	}
}

void attempt_here(struct attempt *t)
{
	t->want.cpu = raw_smp_processor_id();
	t->want.pid = current->pid;
	memcpy(t->want.comm, current->comm, sizeof(t->want.comm));
	t->want.flags |= VBH_EVENT_F_TASK;
}

static const struct attack *find_attack(const char *name)
{
	const struct attack *a;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (a = tables[i]; a->name; a++)
			if (!strcmp(a->name, name))
				return a;
	return NULL;
}

void attempt_as(struct attempt *t, const char *name)
{
	const struct attack *as = find_attack(name), *own = t->attack;

	if (!as) {
		attempt_unavailable(t, "there is no attack %s", name);
		return;
	}
	t->attack = as;
	as->run(t);
	t->attack = own;
}

static ssize_t run_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	const struct attack *attack;
	char name[48];
	long n;

	if (len >= sizeof(name))
		return -ENAMETOOLONG;
	n = strncpy_from_user(name, buf, len);
	if (n < 0)
		return n;
	name[n] = 0;
	attack = find_attack(strim(name));
	if (!attack)
		return -ENOENT;

	/* An attempt that oopsed holds it for ever: the next ones must not wait. */
	if (!mutex_trylock(&run_mutex))
		return -EBUSY;
	memset(&last, 0, sizeof(last));
	last.attack = attack;
	last.ops = 1;
	migrate_disable();
	attempt_here(&last);
	attack->run(&last);
	migrate_enable();
	mutex_unlock(&run_mutex);
	return len;
}

static int run_show(struct seq_file *m, void *v)
{
	static const char *const outcomes[] = {
		"unavailable", "worked", "faulted", "refused", "ignored", "broken",
	};
	const struct vbh_event *w = &last.want;

	if (!mutex_trylock(&run_mutex))
		return -EBUSY;
	if (last.attack) {
		seq_printf(m, "name=%s\noutcome=%s\nvector=%d\nret=%ld\nops=%u\n",
			   last.attack->name, outcomes[last.outcome], last.vector,
			   last.ret, last.ops);
		seq_printf(m, "cpu=%u\npid=%d\ncomm=%.16s\nrip=0x%llx\n",
			   w->cpu, w->pid, w->comm, last.rip);
		seq_printf(m, "kind=%u\ndetail=0x%x\nflags=0x%x\n", w->kind, w->detail, w->flags);
		seq_printf(m, "gpa=0x%llx\ngla=0x%llx\nold=0x%llx\nnew=0x%llx\nwidth=%u\n",
			   w->gpa, w->gla, w->old_value, w->new_value, w->width);
		seq_printf(m, "note=%s\n", last.note);
	}
	mutex_unlock(&run_mutex);
	return 0;
}

static int run_open(struct inode *inode, struct file *file)
{
	return single_open(file, run_show, NULL);
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.open = run_open,
	.read = seq_read,
	.write = run_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* "name flags arg what": flags and arg as struct attack has them. */
static int list_show(struct seq_file *m, void *v)
{
	const struct attack *a;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (a = tables[i]; a->name; a++)
			seq_printf(m, "%s 0x%x %ld %s\n", a->name, a->flags, a->arg, a->what);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(list);

/* No emulator with SVM shows siblings. The kernel's own rules for them hold from here on. */
static int pretend_nosmt(void)
{
	enum cpuhp_smt_control *control = (void *)attack_symbol("cpu_smt_control");
	unsigned int *siblings = (void *)attack_symbol("smp_num_siblings");

	if (!control || !siblings)
		return -ENOENT;
	*siblings = 2;
	*control = CPU_SMT_DISABLED;
	return 0;
}

static int __init attack_init(void)
{
	if (!kallsyms) {
		pr_err("load with kallsyms=0x<kallsyms_lookup_name in /proc/kallsyms>\n");
		return -EINVAL;
	}
	if (nosmt && pretend_nosmt())
		return -ENOENT;
	dir = debugfs_create_dir("vbh_attack", NULL);
	debugfs_create_file("run", 0600, dir, NULL, &run_fops);
	debugfs_create_file("list", 0400, dir, NULL, &list_fops);
	flip_create(dir);
	return 0;
}

static void __exit attack_exit(void)
{
	debugfs_remove(dir);
}

module_init(attack_init);
module_exit(attack_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Raw attacks on a kernel that VBH protects; for tests only");
