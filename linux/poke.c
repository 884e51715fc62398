// SPDX-License-Identifier: GPL-2.0-only
/*
 * What follows a store of text_poke() that the hypervisor has left out: the
 * kernel compares the text with what it wrote, and a BUG() there would end the
 * task with the locks of all patching held. While VBH runs that one BUG() goes on
 * where the comparison would have, had it come out equal. Where it is, is read
 * from the code of __text_poke(): the call of memcmp(), and the jump behind it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bug.h>
#include <linux/kdebug.h>
#include <linux/notifier.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <asm/trapnr.h>
#include "vbh.h"

#define CALL32		0xe8
#define UD2		0x0b0f

static struct {
	unsigned long trap;	/* its UD2; 0: not found */
	unsigned long resume;
	struct bug_entry *bug;	/* the kernel's record of it, or NULL */
	bool on;
} check;

static unsigned long target8(const u8 *insn)
{
	return (unsigned long)insn + 2 + (s8)insn[1];
}

static unsigned long target32(const u8 *insn, unsigned int len)
{
	return (unsigned long)insn + len + *(const s32 *)(insn + len - 4);
}

/* TEST %eax, %eax and a JE to where it goes on, or a JNE to the UD2. */
static bool take_jump(const u8 *insn)
{
	unsigned long next, to;
	bool equal;

	if (insn[0] != 0x85 || insn[1] != 0xc0)
		return false;
	insn += 2;
	if (insn[0] == 0x74 || insn[0] == 0x75) {
		equal = insn[0] == 0x74;
		to = target8(insn);
		next = (unsigned long)insn + 2;
	} else if (insn[0] == 0x0f && (insn[1] == 0x84 || insn[1] == 0x85)) {
		equal = insn[1] == 0x84;
		to = target32(insn, 6);
		next = (unsigned long)insn + 6;
	} else {
		return false;
	}
	check.trap = equal ? next : to;
	check.resume = equal ? to : next;
	return *(const u16 *)check.trap == UD2;
}

static bool find_trap(void)
{
	unsigned long memcmp_at = facts_symbol("memcmp"), size = 0;
	const u8 *code = (const u8 *)facts_function("__text_poke", &size);
	unsigned long i;

	if (!code || !memcmp_at)
		return false;
	for (i = 0; i + 5 + 8 <= size; i++)
		if (code[i] == CALL32 && target32(code + i, 5) == memcmp_at &&
		    take_jump(code + i + 5))
			return true;
	check.trap = 0;
	return false;
}

static unsigned long bug_at(const struct bug_entry *bug)
{
	return (unsigned long)&bug->bug_addr_disp + bug->bug_addr_disp;
}

/* While it is hidden, the kernel does not report as a bug what policy has decided. */
static void hide(bool on)
{
	struct bug_entry *bug = (void *)facts_symbol("__start___bug_table");
	struct bug_entry *end = (void *)facts_symbol("__stop___bug_table");

	if (!on) {
		if (check.bug)
			check.bug->bug_addr_disp--;
		check.bug = NULL;
		return;
	}
	for (; bug && bug < end; bug++)
		if (bug_at(bug) == check.trap)
			break;
	if (!bug || bug == end)
		return;
	bug->bug_addr_disp++;	/* no instruction begins there */
	check.bug = bug;
}

static int on_die(struct notifier_block *nb, unsigned long why, void *data)
{
	const struct die_args *args = data;

	if (why != DIE_TRAP || args->trapnr != X86_TRAP_UD || args->regs->ip != check.trap)
		return NOTIFY_DONE;
	args->regs->ip = check.resume;
	pr_warn_ratelimited("policy refuses a change of the kernel's code: it is left out, and %s[%d] goes on (vbhctl events has it)\n",
			    current->comm, current->pid);
	return NOTIFY_STOP;
}

static struct notifier_block die_notifier = { .notifier_call = on_die };

void poke_start(void)
{
	if (check.on)
		return;
	if (!check.trap && !find_trap()) {
		pr_warn("this kernel's __text_poke() is not as expected: a patch that policy refuses ends the task that asks for it, and all patching\n");
		return;
	}
	register_die_notifier(&die_notifier);
	hide(true);
	check.on = true;
}

void poke_stop(void)
{
	if (!check.on)
		return;
	hide(false);
	unregister_die_notifier(&die_notifier);
	check.on = false;
}
