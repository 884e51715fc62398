// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes that policy had left out while VBH ran are made up for once it has
 * stopped: static keys and static calls say in their data what should stand at
 * each site, and the kernel would take a site that differs for a broken one.
 */
#include <linux/cpu.h>
#include <linux/kallsyms.h>
#include <linux/mutex.h>
#include <linux/static_call.h>
#include "sites.h"

static struct {
	void (*jump_lock)(void);
	void (*jump_unlock)(void);
	bool (*jump_queue)(struct jump_entry *e, enum jump_label_type type);
	void (*jump_apply)(void);
	struct mutex *call_mutex;	/* of static calls */
} syms;

static bool find(void)
{
	const struct {
		const char *name;
		void *field;
	} wanted[] = {
		{ "jump_label_lock", &syms.jump_lock },
		{ "jump_label_unlock", &syms.jump_unlock },
		{ "arch_jump_label_transform_queue", &syms.jump_queue },
		{ "arch_jump_label_transform_apply", &syms.jump_apply },
		{ "static_call_mutex", &syms.call_mutex },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		*(unsigned long *)wanted[i].field = facts_symbol(wanted[i].name);
		if (!*(unsigned long *)wanted[i].field) {
			pr_warn("vbh: the kernel has no symbol %s: what was left out of its code stays so\n",
				wanted[i].name);
			return false;
		}
	}
	return true;
}

static void settle_jumps(const struct patched *p)
{
	const struct jump_entry *e;

	for (e = p->jumps; e < p->jumps + p->nr_jumps; e++) {
		bool want = static_key_enabled(jump_entry_key(e)) ^ jump_entry_is_branch(e);

		if (!jump_entry_is_init(e) && patched_has(p, jump_entry_code(e)) &&
		    jump_jumps(e) != want)
			syms.jump_queue((struct jump_entry *)e, want);
	}
	syms.jump_apply();
}

/* arch_static_call_transform() leaves alone what is right. */
static void settle_calls(const struct patched *p)
{
	const struct static_call_site *s;

	for (s = p->calls; s < p->calls + p->nr_calls; s++) {
		unsigned long addr = (unsigned long)&s->addr + s->addr;
		unsigned long key = (unsigned long)&s->key + s->key;
		const struct static_call_key *k = (void *)(key & ~STATIC_CALL_SITE_FLAGS);

		if (!(key & STATIC_CALL_SITE_INIT) && patched_has(p, addr))
			arch_static_call_transform((void *)addr, NULL, k->func,
						   key & STATIC_CALL_SITE_TAIL);
	}
}

/* Of the kernel's own trampolines only: their keys have the same name. */
static void settle_tramps(const struct patched *p)
{
	struct site_list tramps = { };
	char name[KSYM_SYMBOL_LEN];
	unsigned int i;

	if (kernel_tramps(p, &tramps))
		goto out;
	for (i = 0; i < tramps.nr; i++) {
		const struct static_call_key *k = NULL;
		unsigned long at = tramps.sites[i].addr;

		sprint_symbol_no_offset(name, at);
		if (strstarts(name, STATIC_CALL_TRAMP_PREFIX_STR)) {
			memcpy(name, STATIC_CALL_KEY_PREFIX_STR, STATIC_CALL_KEY_PREFIX_LEN);
			k = (void *)facts_symbol(name);
		}
		if (k)
			arch_static_call_transform(NULL, (void *)at, k->func, true);
	}
out:
	site_free(&tramps);
}

static void settle(const struct patched *p)
{
	syms.jump_lock();
	settle_jumps(p);
	syms.jump_unlock();
	mutex_lock(syms.call_mutex);
	settle_calls(p);
	if (!p->mod)
		settle_tramps(p);
	mutex_unlock(syms.call_mutex);
}

static bool all_allowed(enum vbh_patch kind)
{
	return sites_allows(kind, VBH_PATCH_OPEN) && sites_allows(kind, VBH_PATCH_SEALED);
}

void leftover_settle(void)
{
	struct patched p;
	struct module *mod;

	if ((all_allowed(VBH_PATCH_JUMP_LABELS) && all_allowed(VBH_PATCH_STATIC_CALLS)) || !find())
		return;
	kernel_patched(&p);
	cpus_read_lock();
	settle(&p);
	cpus_read_unlock();
	facts_lock_modules();
	list_for_each_entry(mod, facts_modules(), list) {
		if (mod->state != MODULE_STATE_LIVE)
			continue;
		module_patched(&p, mod, 0);
		cpus_read_lock();
		settle(&p);
		cpus_read_unlock();
	}
	facts_unlock_modules();
}
