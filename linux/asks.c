// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patching that policy denies is refused before it begins, wherever the kernel
 * asks in a way that may fail: ftrace sends those few functions here, and who
 * asked gets an errno. ftrace itself has a switch for it. It protects nothing:
 * what gets round it the hypervisor refuses, and poke.c sees to that end.
 *
 * The functions are sent here only where the policy denies something in the state
 * that VBH is in, or will be in.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/jump_label.h>
#include <linux/kprobes.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/static_call.h>
#include <linux/tracepoint.h>
#include "sites.h"

static bool denied[VBH_NR_PATCHES];	/* now; read without a lock */

static long refuse(const char *what, const char *setting)
{
	pr_warn_ratelimited("policy refuses %s (patching.%s), %s[%d] is told so\n", what, setting,
			    current->comm, current->pid);
	return -EPERM;
}

static long refuse_kprobe(void)
{
	return refuse("a kprobe", "kprobes");
}

static long refuse_bpf(void)
{
	return refuse("a BPF program at a function of the kernel", "bpf");
}

/* All was said when the first change was left out. */
static bool jump_is_so(void)
{
	return true;
}

static bool kprobe_is_to_be_armed(const struct pt_regs *regs)
{
	return !(((const struct kprobe *)regs->di)->flags & KPROBE_FLAG_DISABLED);
}

/*
 * The label does already what is asked for, since an earlier change of it was
 * left out: the kernel would take it for a broken one.
 */
static bool jump_is_left_over(const struct pt_regs *regs)
{
	return jump_jumps((const void *)regs->di) == (regs->si == JUMP_LABEL_JMP);
}

static bool always(const struct pt_regs *regs)
{
	return true;
}

static struct ask {
	const char *name;
	enum vbh_patch kind;
	bool (*applies)(const struct pt_regs *regs);
	void *instead;
	unsigned long at;	/* its fentry; 0: it is not asked */
} asks[] = {
	{ "register_kprobe", VBH_PATCH_KPROBES, kprobe_is_to_be_armed, refuse_kprobe },
	{ "enable_kprobe", VBH_PATCH_KPROBES, always, refuse_kprobe },
	{ "bpf_trampoline_link_prog", VBH_PATCH_BPF, always, refuse_bpf },
	{ "bpf_trampoline_link_cgroup_shim", VBH_PATCH_BPF, always, refuse_bpf },
	{ "arch_jump_label_transform_queue", VBH_PATCH_JUMP_LABELS, jump_is_left_over,
	  jump_is_so },
};

static void notrace on_ask(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			   struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	const struct ask *a;

	for (a = asks; regs && a < asks + ARRAY_SIZE(asks); a++)
		if (a->at == ip && READ_ONCE(denied[a->kind]) && a->applies(regs))
			regs->ip = (unsigned long)a->instead;
}

static struct ftrace_ops ops = {
	.func = on_ask,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_RECURSION,
};

static bool hooked;
static unsigned long (*location)(unsigned long addr);	/* ftrace_location() */
static int *ftrace_disabled;	/* kernel/trace/ftrace.c: not 0 if we have set it */

/* A kprobe is not patched in once sealed, whatever the policy has. */
static bool denies_sealed(enum vbh_patch kind)
{
	return kind == VBH_PATCH_KPROBES || !sites_allows(kind, VBH_PATCH_SEALED);
}

/* In either state, of anything that is asked for. */
static bool denies_any(bool sealed)
{
	const struct ask *a;

	for (a = asks; a < asks + ARRAY_SIZE(asks); a++)
		if (sealed ? denies_sealed(a->kind) : !sites_allows(a->kind, VBH_PATCH_OPEN))
			return true;
	return false;
}

static int no_hook(struct vbh_why *why, int err)
{
	return vbh_fail(why, err,
			"static keys can't be denied (patching.jump_labels), for ftrace does not let arch_jump_label_transform_queue() be asked: %d",
			err);
}

/* An ftrace that has given itself up (ftrace_bug()) lets nobody go. */
static void unhook(void)
{
	static bool stays;

	if (!hooked)
		return;
	hooked = unregister_ftrace_function(&ops);
	if (!hooked || stays)
		return;
	stays = true;
	__module_get(THIS_MODULE);
	pr_warn("ftrace is broken, so the module vbh has to stay\n");
}

/*
 * A kernel that has not got one of them leaves out what is refused of that kind. But
 * with a static key left out it would stop at its own next look at that.
 */
static int hook(struct vbh_why *why)
{
	bool must = !sites_allows(VBH_PATCH_JUMP_LABELS, VBH_PATCH_OPEN) ||
		    denies_sealed(VBH_PATCH_JUMP_LABELS);
	unsigned long at;
	struct ask *a;
	int err = -ENOENT;

	location = (void *)facts_symbol("ftrace_location");
	/* Then kernel.ftrace_enabled can't switch it off. */
	if (!hooked && must)
		ops.flags |= FTRACE_OPS_FL_PERMANENT;
	else if (!hooked)
		ops.flags &= ~FTRACE_OPS_FL_PERMANENT;
	for (a = asks; !hooked && a < asks + ARRAY_SIZE(asks); a++) {
		a->at = 0;
		if (!denies_sealed(a->kind) && sites_allows(a->kind, VBH_PATCH_OPEN))
			continue;
		at = facts_symbol(a->name);
		a->at = at && location ? location(at) : 0;
		/* The first replaces what an earlier policy asked for. */
		if (a->at && !ftrace_set_filter_ip(&ops, a->at, 0, err)) {
			err = 0;
			continue;
		}
		if (must && a->kind == VBH_PATCH_JUMP_LABELS)
			return no_hook(why, -ENOENT);
		pr_warn("%s() can't be asked: what policy denies there is not refused but left out\n",
			a->name);
	}
	if (hooked)
		return 0;
	if (!err)
		err = register_ftrace_function(&ops);
	hooked = !err;
	if (err && must)
		return no_hook(why, err);
	if (err)
		pr_warn("what policy denies is not refused but left out: %d\n", err);
	return 0;
}

/* Of the kernel's functions, those that come here themselves. */
static bool is_ask(unsigned long ip)
{
	const struct ask *a;

	for (a = asks; a < asks + ARRAY_SIZE(asks); a++)
		if (hooked && a->at == ip)
			return true;
	return false;
}

/* Nothing may be traced any more: so nothing may be being traced. */
static int shut_ftrace(struct vbh_why *why)
{
	int *disabled = (int *)facts_symbol("ftrace_disabled");
	unsigned long ip;

	if (!disabled || *disabled)
		return 0;
	kernel_sites_lock();
	ip = kernel_traced(is_ask);
	if (!ip)
		*disabled = 1;
	kernel_sites_unlock();
	if (ip)
		return vbh_fail(why, -EBUSY,
				"%pS is traced, and policy denies that (patching.ftrace): end it first",
				(void *)ip);
	ftrace_disabled = disabled;
	pr_info("ftrace is off while VBH runs: policy denies it (patching.ftrace)\n");
	return 0;
}

static void deny_now(bool sealed)
{
	int i;

	for (i = 0; i < VBH_NR_PATCHES; i++)
		WRITE_ONCE(denied[i], sealed ? denies_sealed(i) : !sites_allows(i, VBH_PATCH_OPEN));
}

/* Who is called there could not be left again. */
static int check_direct(struct vbh_why *why)
{
	unsigned long ip;

	kernel_sites_lock();
	ip = kernel_direct();
	kernel_sites_unlock();
	if (!ip)
		return 0;
	return vbh_fail(why, -EBUSY,
			"a BPF program is attached to %pS, and policy denies that (patching.bpf): detach it first",
			(void *)ip);
}

static void find_called(struct tracepoint *tp, void *found)
{
	if (tp->static_call_key->func != tp->iterator)
		*(struct tracepoint **)found = tp;
}

/*
 * With one probe a tracepoint calls it without going by its list, and would hand
 * it what is another's once the list has changed.
 */
static int check_tracepoints(struct vbh_why *why)
{
	struct tracepoint *tp = NULL;

	for_each_kernel_tracepoint(find_called, &tp);
	if (!tp)
		return 0;
	return vbh_fail(why, -EBUSY,
			"the event %s is on, and policy denies its static call to change (patching.static_calls): turn it off first",
			tp->name);
}

/* What is denied from now on may not be in use. */
static int check_unused(bool sealed, struct vbh_why *why)
{
	u32 state = sealed ? VBH_PATCH_SEALED : VBH_PATCH_OPEN;
	int err = 0;

	if (!sites_allows(VBH_PATCH_BPF, state))
		err = check_direct(why);
	if (!err && !sites_allows(VBH_PATCH_STATIC_CALLS, state))
		err = check_tracepoints(why);
	if (!err && !sites_allows(VBH_PATCH_FTRACE, state))
		err = shut_ftrace(why);
	return err;
}

int asks_start(struct vbh_why *why)
{
	bool open = sites_allows(VBH_PATCH_FTRACE, VBH_PATCH_OPEN);
	int err = 0;

	if (!sites_protected())
		return 0;
	if (denies_any(false) || (!open && denies_any(true)))
		err = hook(why);
	deny_now(false);
	return err ?: check_unused(false, why);
}

int asks_seal(struct vbh_why *why)
{
	int err = 0;

	if (!sites_protected())
		return 0;
	if (denies_any(true) && sites_allows(VBH_PATCH_FTRACE, VBH_PATCH_OPEN))
		err = hook(why);
	if (err)
		return err;
	deny_now(true);
	err = check_unused(true, why);
	if (err)
		asks_open();
	return err;
}

/*
 * Has nobody tried to trace meanwhile? The function tracers do not look at the
 * errno, and would later end what has never begun. An instance can't be seen into.
 */
static bool ftrace_untouched(void)
{
	const struct ftrace_ops *global = (void *)facts_symbol("global_ops");
	const int *graph = (int *)facts_symbol("ftrace_graph_active");
	const struct list_head *instances = (void *)facts_symbol("ftrace_trace_arrays");

	return global && graph && instances && list_is_singular(instances) && !*graph &&
	       global->func == (ftrace_func_t)facts_symbol("ftrace_stub");
}

/* Our own functions are to be given back in any case. */
static void open_ftrace(bool stopped)
{
	bool stays = ftrace_disabled && !ftrace_untouched();

	if (!ftrace_disabled)
		return;
	*ftrace_disabled = 0;
	if (stopped)
		unhook();
	if (stays) {
		*ftrace_disabled = 1;
		pr_warn("ftrace stays off until the next boot: something was to be traced while policy denied it\n");
	}
	ftrace_disabled = NULL;
}

void asks_open(void)
{
	if (sites_allows(VBH_PATCH_FTRACE, VBH_PATCH_OPEN))
		open_ftrace(false);
	deny_now(false);
}

void asks_stop(void)
{
	memset(denied, 0, sizeof(denied));
	open_ftrace(true);
	unhook();
}

/* With its switch off ftrace would keep the records of a module that goes. */
void asks_module_goes(struct module *mod)
{
	void (*release)(struct module *mod);

	release = (void *)facts_symbol("ftrace_release_mod");
	if (!ftrace_disabled || !release)
		return;
	WRITE_ONCE(*ftrace_disabled, 0);
	release(mod);
	WRITE_ONCE(*ftrace_disabled, 1);
}

/* Not earlier: on many kernels a filter that was freed can't be used again. */
void asks_exit(void)
{
	ftrace_free_filter(&ops);
}
