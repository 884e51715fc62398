// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kprobes and the seal. An INT3 anywhere is in no table, so once sealed none is
 * put there or taken away: asks.c refuses them then, and none may be left by then
 * whose end the hypervisor would refuse.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/mutex.h>
#include "vbh.h"

/* kernel/kprobes.c */
#define TABLE_SIZE	64

static struct {
	struct mutex *mutex;	/* guards the table */
	struct hlist_head *table;
} syms;

int kprobes_find(struct vbh_why *why)
{
	const struct {
		const char *name;
		void *field;
	} wanted[] = {
		{ "kprobe_mutex", &syms.mutex },
		{ "kprobe_table", &syms.table },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		*(unsigned long *)wanted[i].field = facts_symbol(wanted[i].name);
		if (!*(unsigned long *)wanted[i].field)
			return vbh_fail(why, -ENOENT,
					"kprobes: the kernel has no symbol %s",
					wanted[i].name);
	}
	return 0;
}

/* Also where "0" in debugfs' kprobes/enabled has disarmed it for now. */
static const struct kprobe *find_enabled(void)
{
	const struct kprobe *p;
	int i;

	for (i = 0; i < TABLE_SIZE; i++)
		hlist_for_each_entry(p, &syms.table[i], hlist)
			if (!kprobe_disabled((struct kprobe *)p))
				return p;
	return NULL;
}

int kprobes_check(struct vbh_why *why)
{
	const struct kprobe *p;
	void (*settle)(void);
	int err = 0;

	settle = (void *)facts_symbol("wait_for_kprobe_optimizer");
	/* The jump of one that was just disabled stands there for a while. */
	if (settle)
		settle();
	mutex_lock(syms.mutex);
	p = find_enabled();
	if (p)
		err = vbh_fail(why, -EBUSY,
			       "there is a kprobe at %pS, and policy denies that (patching.kprobes): disable it first",
			       p->addr);
	mutex_unlock(syms.mutex);
	return err;
}
