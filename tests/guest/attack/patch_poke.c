// SPDX-License-Identifier: GPL-2.0-only
/*
 * How text_poke() survives being denied. The kernel's code is not made for that:
 * here a notifier skips the store that faulted, and has its source say what
 * stands in the text, so that the kernel finds what it expects and goes on. The
 * stores are those of memcpy(), in whichever variant the processor has.
 */
#include <linux/kdebug.h>
#include <linux/memory.h>
#include <linux/notifier.h>
#include <linux/string.h>
#include <asm/text-patching.h>

#include "memory.h"
#include "patch.h"

#define REX_W		0x08
#define REX_X_B		0x03
#define REGISTER_DI	7
#define REGISTER_DX	2
#define SIB_FOLLOWS	4
#define NO_INDEX	4

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
	struct attempt *t;
	struct task_struct *task;
	unsigned int faults;
} watched;

/* REP MOVSB and REP MOVSQ: as if all of it had been carried out. */
static bool skip_rep(struct pt_regs *regs)
{
	const u8 *insn = (const u8 *)regs->ip;
	bool quads = insn[0] == 0xf3 && insn[1] == 0x48 && insn[2] == 0xa5;
	unsigned long len = quads ? regs->cx * 8 : regs->cx;

	if (!quads && (insn[0] != 0xf3 || insn[1] != 0xa4))
		return false;
	memcpy((void *)regs->si, (void *)regs->di, len);
	regs->si += len;
	regs->di += len;
	regs->cx = 0;
	regs->ip += quads ? 3 : 2;
	return true;
}

/*
 * MOV r, disp8(%rdi[,%rdx]), which is how memcpy_orig() writes up to 31 bytes: it
 * has loaded r from the same place off %rsi, and moves neither pointer.
 */
static bool skip_mov(struct pt_regs *regs)
{
	const u8 *insn = (const u8 *)regs->ip;
	u8 rex = (*insn & 0xf0) == 0x40 ? *insn++ : 0;
	u32 size = *insn == 0x88 ? 1 : rex & REX_W ? 8 : 4;
	u8 op = *insn++, modrm = *insn++, base = modrm & 7;
	long offset = 0;

	if ((op != 0x88 && op != 0x89) || rex & REX_X_B || modrm >> 6 > 1)
		return false;
	if (base == SIB_FOLLOWS) {
		u8 sib = *insn++, index = sib >> 3;

		base = sib & 7;
		if (index == REGISTER_DX)
			offset = regs->dx;
		else if (index != NO_INDEX)
			return false;
	}
	if (base != REGISTER_DI)
		return false;
	if (modrm >> 6)
		offset += (s8)*insn++;
	memcpy((void *)regs->si + offset, (void *)regs->di + offset, size);
	regs->ip = (unsigned long)insn;
	return true;
}

static int on_die(struct notifier_block *nb, unsigned long why, void *data)
{
	struct die_args *args = data;

	if (why != DIE_GPF || current != watched.task)
		return NOTIFY_DONE;
	if (!watched.faults++)
		watched.t->rip = args->regs->ip;
	watched.t->vector = args->trapnr;
	return skip_rep(args->regs) || skip_mov(args->regs) ? NOTIFY_STOP : NOTIFY_DONE;
}

static struct notifier_block die_notifier = { .notifier_call = on_die };

void watch(struct attempt *t)
{
	watched.t = t;
	watched.task = current;
	watched.faults = 0;
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
	int vector = watched.faults ? t->vector : 0;

	attempt_expect(t, VBH_KIND_WRITE, kind);
	if (watched.faults) {
		t->ops = watched.faults;
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
		attempt_judge(t, vector, changed);
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
