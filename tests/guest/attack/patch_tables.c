// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forged entries of the tables that the kernel patches itself by. They lie in
 * data, which an attacker writes as he likes; each is given to the function that
 * obeys it, and would have the kernel put at a site what is not the site's.
 */
#include <linux/ftrace.h>
#include <linux/string.h>

#include "memory.h"
#include "patch.h"

/* What the forged entry is about, and what is to stand there in the end. */
struct forgery {
	struct attempt *t;
	u8 *site;
	u8 old[SITE_MAX], new[SITE_MAX];
	u32 len;
};

/* Between the two, the kernel is made to obey. text_mutex is the kernel's to take. */
static void forge_begin(struct forgery *f, struct attempt *t, unsigned long site)
{
	f->t = t;
	f->site = (u8 *)site;
	memcpy(f->old, f->site, f->len);
	watch(t);
}

static void forge_end(struct forgery *f)
{
	unwatch();
	mutex_lock(text.mutex);
	judge(f->t, f->site, f->old, f->new, f->len, VBH_REGION_MODULE_TEXT);
	mutex_unlock(text.mutex);
}

static s32 offset(const void *from, unsigned long to)
{
	return (long)to - (long)from;
}

/* An instruction of five bytes. */
static u32 make_rel32(u8 *bytes, u8 opcode, unsigned long at, unsigned long target)
{
	s32 rel = target - at - 5;

	bytes[0] = opcode;
	memcpy(bytes + 1, &rel, 4);
	return 5;
}

/* A jump label's site, with the target of its neighbour. */
static bool forge_jump(struct attempt *t, struct jump_entry *e, struct forgery *f)
{
	struct jump_entry *pair[2];

	if (!find_jumps(t, pair))
		return false;
	e->code = offset(&e->code, jump_entry_code(pair[0]));
	e->target = offset(&e->target, jump_entry_target(pair[1]));
	f->len = make_jump(pair[0], jump_entry_target(pair[1]), f->new);
	return true;
}

static void attack_jump_entry(struct attempt *t)
{
	static struct jump_entry forged;
	struct forgery f;

	if (!forge_jump(t, &forged, &f))
		return;
	forge_begin(&f, t, jump_entry_code(&forged));
	text.jump(&forged, JUMP_LABEL_JMP);
	forge_end(&f);
}

/* A key whose entries are the attacker's, in what he says is the module's table. */
static void attack_static_key(struct attempt *t)
{
	static struct jump_entry entries[1];
	static struct static_key key;
	struct module *mod = THIS_MODULE;
	struct jump_entry *table = mod->jump_entries;
	unsigned int n = mod->num_jump_entries;
	struct forgery f;

	if (!forge_jump(t, entries, &f))
		return;
	entries[0].key = (long)&key - (long)&entries[0].key;
	atomic_set(&key.enabled, 0);
	key.entries = entries;
	forge_begin(&f, t, jump_entry_code(entries));
	mod->jump_entries = entries;
	mod->num_jump_entries = ARRAY_SIZE(entries);
	static_key_enable(&key);
	mod->jump_entries = table;
	mod->num_jump_entries = n;
	forge_end(&f);
}

static noinline int forged_callee(int n)
{
	return n - 1;
}

DEFINE_STATIC_CALL(forged_call, forged_callee);

static noinline int forged_other(int n)
{
	return n - 2;
}

extern u8 vbh_attack_victim[];

/*
 * A key that is said to be called from elsewhere. The module that this belongs to
 * is forged too: its table ends behind the one entry.
 */
static void update_forged(struct static_call_site *site, void *func)
{
	static struct module mod;
	struct static_call_mod mods = { .mod = &mod, .sites = site };
	struct static_call_key *key = &STATIC_CALL_KEY(forged_call);
	struct static_call_mod *own = key->mods;
	void *before = key->func;

	mod.static_call_sites = site;
	mod.num_static_call_sites = !!site;
	key->mods = &mods;
	__static_call_update(key, STATIC_CALL_TRAMP_ADDR(forged_call), func);
	key->mods = own;
	key->func = before;
}

/* The jump label's NOP is as long as that of a call that is switched off. */
static void attack_call_site(struct attempt *t)
{
	unsigned long tramp = (unsigned long)STATIC_CALL_TRAMP_ADDR(forged_call);
	static struct static_call_site site;
	struct jump_entry *pair[2];
	struct forgery f;
	unsigned long at;
	u8 own[5];

	if (!find_jumps(t, pair))
		return;
	at = jump_entry_code(pair[0]);
	site.addr = offset(&site.addr, at);
	site.key = offset(&site.key, (unsigned long)&STATIC_CALL_KEY(forged_call));
	f.len = make_rel32(f.new, 0xe8, at, (unsigned long)forged_other);
	memcpy(own, (void *)tramp, 5);
	forge_begin(&f, t, at);
	update_forged(&site, forged_other);
	forge_end(&f);
	/* Honestly gone to another function, and back. */
	mutex_lock(text.mutex);
	text.poke_bp((void *)tramp, own, 5, NULL);
	mutex_unlock(text.mutex);
}

static void attack_call_func(struct attempt *t)
{
	unsigned long tramp = (unsigned long)STATIC_CALL_TRAMP_ADDR(forged_call);
	u8 *inside = vbh_attack_victim + 3;
	struct forgery f;

	if (!find_text(t))
		return;
	f.len = make_rel32(f.new, 0xe9, tramp, (unsigned long)inside);
	forge_begin(&f, t, tramp);
	update_forged(NULL, inside);
	forge_end(&f);
}

/* ftrace is told that one of its calls belongs where a jump label is. */
static void attack_ftrace_record(struct attempt *t)
{
	int (*call)(struct dyn_ftrace *rec, unsigned long addr);
	void (*prepare)(void);
	void (*finish)(void);
	unsigned long caller = attack_symbol("ftrace_caller");
	struct dyn_ftrace rec = { .flags = FTRACE_FL_ENABLED };
	struct jump_entry *pair[2];
	struct forgery f;

	if (!find_jumps(t, pair))
		return;
	prepare = (void *)attack_symbol("ftrace_arch_code_modify_prepare");
	call = (void *)attack_symbol("ftrace_make_call");
	finish = (void *)attack_symbol("ftrace_arch_code_modify_post_process");
	if (!prepare || !finish || !call || !caller) {
		attempt_broken(t, "a function of ftrace was not found");
		return;
	}
	rec.ip = jump_entry_code(pair[0]);
	f.len = make_rel32(f.new, 0xe8, rec.ip, caller);
	forge_begin(&f, t, rec.ip);
	prepare();
	if (call(&rec, caller))
		attempt_broken(t, "ftrace did not take the record");
	finish();
	if (t->outcome == BROKEN)
		unwatch();
	else
		forge_end(&f);
}

#define STEPS	(A_NO_LOG | A_MANY | A_IGNORED)

const struct attack table_attacks[] = {
	{ "patch-jump-entry", "can have the kernel obey a forged jump_entry",
	  attack_jump_entry, STEPS },
	{ "patch-static-key", "can have the kernel switch a forged static_key",
	  attack_static_key, STEPS },
	{ "patch-call-site", "can give a static call's key a site that is none",
	  attack_call_site, STEPS },
	{ "patch-call-func", "can have a static call updated to no function's entry",
	  attack_call_func, STEPS },
	{ "patch-ftrace-record", "can have ftrace obey a forged record",
	  attack_ftrace_record, STEPS },
	{ }
};
