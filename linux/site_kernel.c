// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the kernel itself keeps what it may patch: symbols around its tables,
 * ftrace's records (__mcount_loc is freed after boot), and kallsyms for the
 * functions. Those without an __mcount_loc are targets of static calls as well:
 * probes of tracepoints and tracers are notrace. Entry code, noinstr code and
 * thunks are none, but where they are called already.
 */
#include <asm/cpufeature.h>
#include <linux/ftrace.h>
#include <linux/kconfig.h>
#include <linux/mutex.h>
#include "shape.h"
#include "sites.h"

/* arch/x86/kernel/ftrace.c */
#define RET_SIZE	(SHAPE_RETPOLINE ? 5 : 1 + SHAPE_SLS)

static struct {
	bool found;
	struct mutex *ftrace_lock, *text_mutex;
	struct ftrace_rec_iter *(*rec_start)(void);
	struct ftrace_rec_iter *(*rec_next)(struct ftrace_rec_iter *iter);
	struct dyn_ftrace *(*rec)(struct ftrace_rec_iter *iter);
	int (*size_offset)(unsigned long addr, unsigned long *size,
			   unsigned long *offset);
	struct jump_entry *jumps, *jumps_end;
	struct static_call_site *calls, *calls_end;
	unsigned long tramps, tramps_end;
	unsigned long entry, entry_end;
	unsigned long no_instr, no_instr_end;
	struct shape_span thunks[SHAPE_THUNKS];
	unsigned int nr_thunks;
	unsigned long *return_thunk;
	unsigned long default_thunk, call_return, call_return0;
	struct vbh_ftrace_caller caller[2];
} syms;

/* Each field of syms is as large as an address. */
static const struct {
	const char *name;
	void *field;
	bool optional;		/* a configuration of the kernel may do without */
} wanted[] = {
	{ "ftrace_lock", &syms.ftrace_lock },
	{ "text_mutex", &syms.text_mutex },
	{ "ftrace_rec_iter_start", &syms.rec_start },
	{ "ftrace_rec_iter_next", &syms.rec_next },
	{ "ftrace_rec_iter_record", &syms.rec },
	{ "kallsyms_lookup_size_offset", &syms.size_offset },
	{ "__start___jump_table", &syms.jumps },
	{ "__stop___jump_table", &syms.jumps_end },
	{ "__start_static_call_sites", &syms.calls },
	{ "__stop_static_call_sites", &syms.calls_end },
	{ "__static_call_text_start", &syms.tramps },
	{ "__static_call_text_end", &syms.tramps_end },
	{ "__entry_text_start", &syms.entry },
	{ "__entry_text_end", &syms.entry_end },
	{ "__noinstr_text_start", &syms.no_instr },
	{ "__noinstr_text_end", &syms.no_instr_end },
	{ "x86_return_thunk", &syms.return_thunk, .optional = true },
	{ "__x86_return_thunk", &syms.default_thunk, .optional = true },
	{ "__static_call_return", &syms.call_return, .optional = true },
	{ "__static_call_return0", &syms.call_return0 },
	{ "ftrace_caller", &syms.caller[0].start },
	{ "ftrace_caller_end", &syms.caller[0].end },
	{ "ftrace_caller_op_ptr", &syms.caller[0].op_ptr },
	{ "ftrace_call", &syms.caller[0].call },
	{ "ftrace_regs_caller", &syms.caller[1].start },
	{ "ftrace_regs_caller_end", &syms.caller[1].end },
	{ "ftrace_regs_caller_op_ptr", &syms.caller[1].op_ptr },
	{ "ftrace_regs_call", &syms.caller[1].call },
	{ "ftrace_regs_caller_jmp", &syms.caller[1].jmp },
};

int kernel_sites_find(struct vbh_why *why)
{
	unsigned long addr;
	int i;

	for (i = 0; !syms.found && i < ARRAY_SIZE(wanted); i++) {
		addr = facts_symbol(wanted[i].name);
		if (!addr && !wanted[i].optional)
			return vbh_fail(why, -ENOENT,
					"patching: the kernel has no symbol %s",
					wanted[i].name);
		*(unsigned long *)wanted[i].field = addr;
	}
	syms.nr_thunks = shape_thunk_arrays(syms.thunks);
	syms.found = true;
	return 0;
}

/* In the order that ftrace takes them. */
void kernel_sites_lock(void)
{
	mutex_lock(syms.ftrace_lock);
	mutex_lock(syms.text_mutex);
}

void kernel_sites_unlock(void)
{
	mutex_unlock(syms.text_mutex);
	mutex_unlock(syms.ftrace_lock);
}

void kernel_patched(struct patched *p)
{
	*p = (struct patched) {
		.name = "the kernel",
		.tag = REGION_TAG_KERNEL,
		.jumps = syms.jumps,
		.nr_jumps = syms.jumps_end - syms.jumps,
		.calls = syms.calls,
		.nr_calls = syms.calls_end - syms.calls,
	};
	facts_text(&p->start, &p->end);
}

/* Records of weak functions that were not taken are disabled. */
int kernel_mcount(const struct patched *p, struct site_list *list)
{
	struct ftrace_rec_iter *iter;
	int err = 0;

	for (iter = syms.rec_start(); iter && !err; iter = syms.rec_next(iter)) {
		const struct dyn_ftrace *rec = syms.rec(iter);

		if (!(rec->flags & FTRACE_FL_DISABLED) && patched_has(p, rec->ip))
			err = site_add(list, VBH_SITE_MCOUNT, rec->ip, 0,
				       MCOUNT_INSN_SIZE);
	}
	return err;
}

unsigned long kernel_traced(bool (*except)(unsigned long ip))
{
	struct ftrace_rec_iter *iter;
	unsigned long found = 0;

	for (iter = syms.rec_start(); iter && !found; iter = syms.rec_next(iter)) {
		const struct dyn_ftrace *rec = syms.rec(iter);

		if (!(rec->flags & FTRACE_FL_DISABLED) && ftrace_rec_count(rec) > except(rec->ip))
			found = rec->ip;
	}
	return found;
}

unsigned long kernel_direct(void)
{
	struct ftrace_rec_iter *iter;

	for (iter = syms.rec_start(); iter; iter = syms.rec_next(iter))
		if (syms.rec(iter)->flags & FTRACE_FL_DIRECT)
			return syms.rec(iter)->ip;
	return 0;
}

/* They have a section of their own, aligned to 4 bytes. */
int kernel_tramps(const struct patched *p, struct site_list *list)
{
	unsigned long at;
	int err = 0;

	for (at = syms.tramps; !err && at + 8 <= syms.tramps_end; at += 4)
		if (site_is_tramp(at))
			err = site_add(list, VBH_SITE_TRAMP, at, 0, 5);
	return err;
}

static bool no_target(unsigned long addr)
{
	unsigned int i;

	for (i = 0; i < syms.nr_thunks; i++)
		if (addr - syms.thunks[i].start < syms.thunks[i].len)
			return true;
	return (addr >= syms.entry && addr < syms.entry_end) ||
	       (addr >= syms.no_instr && addr < syms.no_instr_end) ||
	       (addr >= syms.tramps && addr < syms.tramps_end);
}

/* What the kernel's own code puts into static calls without a key naming it. */
static int add_returns(const struct patched *p, struct site_list *list)
{
	const unsigned long returns[] = {
		syms.call_return, syms.call_return0, syms.default_thunk,
		syms.return_thunk ? *syms.return_thunk : 0,
	};
	int i, err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(returns); i++)
		if (patched_has(p, returns[i]))
			err = site_add(list, VBH_SITE_ENTRY, returns[i], 0, 0);
	return err;
}

int kernel_entries(const struct patched *p, struct site_list *list)
{
	unsigned long at, size, offset;
	int err = add_returns(p, list);

	for (at = p->start; !err && at < p->end; at += size - offset) {
		if (!syms.size_offset(at, &size, &offset) || size <= offset)
			return -ENOENT;
		if (!offset && !no_target(at))
			err = site_add(list, VBH_SITE_ENTRY, at, 0, 0);
	}
	return err;
}

int kernel_ftrace_calls(struct site_list *list)
{
	int err = site_add(list, VBH_SITE_FTRACE, syms.caller[0].call, 0, 5);

	return err ?: site_add(list, VBH_SITE_FTRACE, syms.caller[1].call, 0, 5);
}

int kernel_ftrace_facts(void)
{
	struct vbh_ftrace f = {
		.size = sizeof(f),
		.ret_size = RET_SIZE,
		.caller = { syms.caller[0], syms.caller[1] },
	};
	long err;

	if (SHAPE_RETHUNK && boot_cpu_has(X86_FEATURE_RETHUNK) && syms.return_thunk)
		f.return_thunk = *syms.return_thunk;
	err = vbh_call_with(VBH_HC_FTRACE, &f, sizeof(f), sizeof(f));
	/* Under a KVM they stay from one start to the next. */
	return err == -EEXIST && vbh_mode == VBH_ENLIGHTENED ? 0 : err;
}
