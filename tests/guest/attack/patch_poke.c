// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks by way of text_poke(). What is refused there is left out, and vbh.ko
 * brings the kernel past the comparison that follows: each such trap is a store
 * that was refused.
 */
#include <linux/kdebug.h>
#include <linux/memory.h>
#include <linux/notifier.h>
#include <linux/string.h>
#include <asm/text-patching.h>
#include <asm/trapnr.h>

#include "memory.h"
#include "patch.h"

struct text_functions text;

bool find_text(struct attempt *t)
{
	text.poke = (void *)attack_symbol("text_poke");
	text.poke_bp = (void *)attack_symbol("text_poke_bp");
	text.jump = (void *)attack_symbol("arch_jump_label_transform");
	text.mutex = (void *)attack_symbol("text_mutex");
	if (text.poke && text.poke_bp && text.jump && text.mutex)
		return true;
	attempt_broken(t, "a function of the kernel's patching was not found");
	return false;
}

/* The attempt whose stores are watched; one at a time, by main.c's mutex. */
static struct {
	struct task_struct *task;
	unsigned int dropped;
} watched;

static int on_die(struct notifier_block *nb, unsigned long why, void *data)
{
	const struct die_args *args = data;

	if (why == DIE_TRAP && args->trapnr == X86_TRAP_UD && current == watched.task)
		watched.dropped++;
	return NOTIFY_DONE;
}

/* Before vbh.ko's, which ends the chain. */
static struct notifier_block die_notifier = { .notifier_call = on_die, .priority = 1 };

void watch(struct attempt *t)
{
	watched.task = current;
	watched.dropped = 0;
	register_die_notifier(&die_notifier);
	attempt_here(t);
}

void unwatch(void)
{
	unregister_die_notifier(&die_notifier);
	watched.task = NULL;
}

void judge(struct attempt *t, void *addr, const u8 *old, const u8 *new, u32 len, u16 kind)
{
	bool changed = memcmp(addr, old, len);

	attempt_expect(t, VBH_KIND_WRITE, kind);
	if (watched.dropped) {
		t->ops = watched.dropped;
		/* An INT3 may have been let in, and is all that there is. */
		changed = !memcmp(addr, new, len);
	}
	if (changed)
		text.poke(addr, old, len);
	else if (memcmp(addr, old, len))
		text.poke(addr, old, 1);
	if (memcmp(addr, old, len))
		attempt_broken(t, "what stood there could not be put back");
	else
		attempt_judge(t, 0, changed);
}

void poke(struct attempt *t, void *addr, const u8 *bytes, u32 len, bool bp, u16 kind)
{
	u8 old[SITE_MAX], new[SITE_MAX], from[SITE_MAX];

	memcpy(old, addr, len);
	memcpy(new, bytes, len);
	memcpy(from, bytes, len);
	mutex_lock(text.mutex);
	watch(t);
	if (bp)
		text.poke_bp(addr, from, len, NULL);
	else
		text.poke(addr, from, len);
	unwatch();
	judge(t, addr, old, new, len, kind);
	mutex_unlock(text.mutex);
}
