// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patch sites are handed over: for the kernel at the start, for a module when
 * it is live. Known text first, then what may be called, then what may be
 * patched, in the order in which the hypervisor can check one by the other.
 * Whoever takes back the regions of a tag takes back its sites with them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "shape.h"
#include "sites.h"

static u8 allowed[VBH_NR_PATCHES];	/* enum vbh_patching */
static bool kernel_text, module_text;	/* are protected */

int sites_plan(const struct vbh_policy *policy, struct vbh_why *why)
{
	int err;

	kernel_text = policy->region_rule[VBH_REGION_KERNEL_TEXT];
	module_text = policy->region_rule[VBH_REGION_MODULE_TEXT];
	memcpy(allowed, policy->patching, sizeof(allowed));
	if (!kernel_text)
		return 0;
	err = kprobes_find(why);
	return err ?: kernel_sites_find(why);
}

int sites_policy(struct vbh_why *why)
{
	long err;
	int i;

	for (i = 0; i < VBH_NR_PATCHES; i++) {
		err = vbh_hypercall(VBH_HC_PATCH, i,
				    allowed[i] & VBH_PATCHING_ALLOW, 0, 0);
		if (err)
			return vbh_fail(why, err, "patching %d, mode %u: %ld",
					i, allowed[i], err);
	}
	return 0;
}

/*
 * A kernel that booted with one CPU, and may get more, put DS prefixes for LOCK and
 * takes that back as the second one comes up: thousands of stores that no table of
 * patch sites has. So it is taken back now, while text may still be written.
 */
void sites_keep_locks(void)
{
	const bool *uniproc = (void *)facts_symbol("uniproc_patched");
	void (*enable_smp)(void);

	enable_smp = (void *)facts_symbol("alternatives_enable_smp");
	cpus_read_lock();
	if (uniproc && enable_smp && *uniproc && num_possible_cpus() > 1)
		enable_smp();
	cpus_read_unlock();
}

bool sites_allowed(enum vbh_patch kind)
{
	return allowed[kind] & (vbh_state() == VBH_STATE_OPEN ?
				VBH_PATCH_OPEN : VBH_PATCH_SEALED);
}

bool sites_allows(enum vbh_patch kind, u32 state)
{
	return !kernel_text || allowed[kind] & state;
}

bool sites_protected(void)
{
	return kernel_text;
}

/* The kernel's text is one run of physical pages, a module's are many. */
static phys_addr_t text_phys(const struct patched *p, unsigned long addr)
{
	return p->mod ? page_to_phys(vmalloc_to_page((void *)addr)) : __pa(addr);
}

static unsigned long run_end(const struct patched *p, unsigned long start)
{
	phys_addr_t first = text_phys(p, start);
	unsigned long end = p->mod ? start + PAGE_SIZE : p->end;

	while (end < p->end && text_phys(p, end) - first == end - start)
		end += PAGE_SIZE;
	return end;
}

static int send_text(const struct patched *p)
{
	struct vbh_text *texts;
	unsigned long at, end;
	long err = 0;
	u32 nr = 0;

	texts = kcalloc(VBH_MAX_TEXTS, sizeof(*texts), GFP_KERNEL);
	if (!texts)
		return -ENOMEM;
	for (at = p->start; !err && at < p->end; at = end) {
		end = run_end(p, at);
		texts[nr++] = (struct vbh_text) {
			.gva = at,
			.gpa = text_phys(p, at),
			.len = end - at,
			.tag = p->tag,
		};
		if (nr < VBH_MAX_TEXTS && end < p->end)
			continue;
		err = vbh_hypercall(VBH_HC_TEXT, virt_to_phys(texts), nr,
				    p->mod ? module_name_gpa(p->mod) : 0, 0);
		nr = 0;
	}
	kfree(texts);
	return err;
}

/* What may be called: functions without an __mcount_loc, then those with. */
static int send_functions(const struct patched *p, struct site_list *tramps,
			  unsigned long *at)
{
	struct site_list mcount = { }, entries = { };
	int err;

	err = p->mod ? module_mcount(p, &mcount) : kernel_mcount(p, &mcount);
	if (!err)
		err = p->mod ? module_entries(p, &entries) :
			       kernel_entries(p, &entries);
	if (!err)
		err = p->mod ? module_tramps(p, tramps) :
			       kernel_tramps(p, tramps);
	if (!err)
		err = site_targets(p, tramps, &entries);
	site_subtract(&entries, &mcount);
	if (!err)
		err = site_send(&entries, at);
	if (!err)
		err = site_send(&mcount, at);
	site_free(&entries);
	site_free(&mcount);
	return err;
}

/* What may be patched besides. The list is used for one kind after the other. */
static int send_sites(const struct patched *p, struct site_list *list,
		      unsigned long *at)
{
	static const u8 kinds[] = { VBH_SITE_CALL, VBH_SITE_TAIL };
	int i, err;

	err = site_send(list, at);	/* the trampolines */
	for (i = 0; !err && i < ARRAY_SIZE(kinds); i++) {
		err = site_calls(p, list, kinds[i], at);
		if (!err)
			err = site_send(list, at);
	}
	if (!err)
		err = site_jumps(p, list, at);
	if (!err)
		err = site_send(list, at);
	if (!err && !p->mod)
		err = kernel_ftrace_calls(list);
	return err ?: site_send(list, at);
}

/* *at: the address that a failure is about, or the first of its batch. */
static int hand_over(const struct patched *p, unsigned long *at)
{
	struct site_list list = { };
	int err;

	*at = p->start;
	kernel_sites_lock();
	err = send_text(p);
	if (!err && !p->mod)
		err = kernel_ftrace_facts();
	if (!err)
		err = send_functions(p, &list, at);
	if (!err)
		err = send_sites(p, &list, at);
	kernel_sites_unlock();
	site_free(&list);
	return err;
}

int sites_kernel(struct vbh_why *why)
{
	struct patched p;
	unsigned long at;
	int err;

	if (!kernel_text)
		return 0;
	kernel_patched(&p);
	err = hand_over(&p, &at);
	if (err)
		return vbh_fail(why, err, "patch sites of the kernel, from %pS: %d",
				(void *)at, err);
	return 0;
}

int sites_module(const struct module *mod, u32 tag)
{
	struct patched p;
	unsigned long at;
	int err;

	if (!kernel_text || !module_text || !shape_part(mod, VBH_PART_TEXT).len)
		return 0;
	module_patched(&p, mod, tag);
	err = hand_over(&p, &at);
	if (err)
		pr_err("patch sites of module %s, from %pS: %d\n", mod->name,
		       (void *)at, err);
	return err;
}
