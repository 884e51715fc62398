// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kprobes and the seal. Where the policy denies them from then on, a kprobe that
 * is armed or disarmed would have its task die within text_poke(), with locks
 * held that all other patching needs. So none may be registered at the seal, and
 * afterwards Linux registers them without arming them, as it does for
 * "0" in /sys/kernel/debug/kprobes/enabled.
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
	bool *all_disarmed;
} syms;

static bool disarmed;		/* by us; under vbh_mutex */

int kprobes_find(struct vbh_why *why)
{
	const struct {
		const char *name;
		void *field;
	} wanted[] = {
		{ "kprobe_mutex", &syms.mutex },
		{ "kprobe_table", &syms.table },
		{ "kprobes_all_disarmed", &syms.all_disarmed },
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

static const struct kprobe *find_armed(void)
{
	const struct kprobe *p;
	int i;

	for (i = 0; i < TABLE_SIZE; i++)
		hlist_for_each_entry(p, &syms.table[i], hlist)
			if (!kprobe_disabled((struct kprobe *)p))
				return p;
	return NULL;
}

int kprobes_disarm(void)
{
	const struct kprobe *p;

	mutex_lock(syms.mutex);
	p = *syms.all_disarmed ? NULL : find_armed();
	if (p)
		pr_err("not sealed: there is a kprobe at %pS, and the policy denies kprobes from then on\n",
		       p->addr);
	if (!p && !*syms.all_disarmed) {
		*syms.all_disarmed = true;
		disarmed = true;
	}
	mutex_unlock(syms.mutex);
	return p ? -EBUSY : 0;
}

void kprobes_rearm(void)
{
	if (!disarmed)
		return;
	mutex_lock(syms.mutex);
	/* Those that came meanwhile stay as they are, until they are enabled. */
	if (!find_armed())
		*syms.all_disarmed = false;
	mutex_unlock(syms.mutex);
	disarmed = false;
}
