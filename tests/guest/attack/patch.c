// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own ways to change its text, used by an attacker. The sites are
 * this module's own, in functions that nothing calls, so that without VBH they
 * can be broken and mended. The kernel's code is not made to be denied: here a
 * notifier skips the store that faulted and has its source say what stands in
 * the text, so that the kernel finds what it expects and goes on.
 */
#include <linux/jump_label.h>
#include <linux/kdebug.h>
#include <linux/memory.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <asm/text-patching.h>

#include "attack.h"
#include "hypercall.h"
#include "memory.h"

#define PADDING		16	/* bytes of INT3 between two objects' text */
#define SITE_MAX	8

static DEFINE_STATIC_KEY_FALSE(patch_key);

/* Two sites side by side, each with a target of its own. */
static noinline __used int patch_jumps(int n)
{
	if (static_branch_unlikely(&patch_key))
		n = n * 5 + 1;
	if (static_branch_unlikely(&patch_key))
		n ^= 0x1234;
	return n;
}

static noinline int patch_callee(int n)
{
	return n + 1;
}

DEFINE_STATIC_CALL(patch_call, patch_callee);

static noinline __used int patch_calls(int n)
{
	return static_call(patch_call)(n) + 1;
}

extern u8 vbh_attack_victim[];

static struct {
	void *(*poke)(void *addr, const void *opcode, size_t len);
	void (*poke_bp)(void *addr, const void *opcode, size_t len, const void *emulate);
	void (*jump)(struct jump_entry *entry, enum jump_label_type type);
	struct mutex *mutex;
} text;

static bool find_text(struct attempt *t)
{
	/* skip_store() knows no other memcpy(), and the kernel does not survive a fault in it. */
	if (attack_vbh() && !boot_cpu_has(X86_FEATURE_REP_GOOD)) {
		attempt_unavailable(t, "memcpy() of this processor does without REP");
		return false;
	}
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

/* REP MOVSB or REP MOVSQ of memcpy(): as if it had been carried out. */
static bool skip_store(struct pt_regs *regs)
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

static int on_die(struct notifier_block *nb, unsigned long why, void *data)
{
	struct die_args *args = data;

	if (why != DIE_GPF || current != watched.task)
		return NOTIFY_DONE;
	if (!watched.faults++)
		watched.t->rip = args->regs->ip;
	watched.t->vector = args->trapnr;
	return skip_store(args->regs) ? NOTIFY_STOP : NOTIFY_DONE;
}

static struct notifier_block die_notifier = { .notifier_call = on_die };

static void watch(struct attempt *t)
{
	watched.t = t;
	watched.task = current;
	watched.faults = 0;
	register_die_notifier(&die_notifier);
}

static void unwatch(void)
{
	unregister_die_notifier(&die_notifier);
	watched.task = NULL;
}

/*
 * What the attack wanted to stand at addr, of len bytes, and what stood there.
 * An attack may be denied in several of its steps.
 */
static void judge(struct attempt *t, void *addr, const u8 *old, const u8 *new, u32 len,
		  u16 kind)
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

/* One text_poke() or text_poke_bp(). */
static void poke(struct attempt *t, void *addr, const u8 *bytes, u32 len, bool bp, u16 kind)
{
	u8 old[SITE_MAX], new[SITE_MAX], from[SITE_MAX];

	memcpy(old, addr, len);
	memcpy(new, bytes, len);
	memcpy(from, bytes, len);
	mutex_lock(text.mutex);
	watch(t);
	attempt_here(t);
	if (bp)
		text.poke_bp(addr, from, len, NULL);
	else
		text.poke(addr, from, len);
	unwatch();
	judge(t, addr, old, new, len, kind);
	mutex_unlock(text.mutex);
}

/* The kernel's own text, where only padding is. */
static u8 *padding(void)
{
	u8 *p = (u8 *)attack_symbol("_stext"), *end = (u8 *)attack_symbol("_etext");
	int run = 0;

	for (; p && p < end; p++) {
		run = *p == 0xcc ? run + 1 : 0;
		if (run == PADDING)
			return p - 8;
	}
	return NULL;
}

static void attack_padding(struct attempt *t, bool bp)
{
	static const u8 code[] = { 0xe9, 0x00, 0x00, 0x00, 0x00 };	/* JMP to behind it */
	u8 *addr = padding();

	if (!find_text(t))
		return;
	if (addr)
		poke(t, addr, code, sizeof(code), bp, VBH_REGION_KERNEL_TEXT);
	else
		attempt_broken(t, "no padding was found in kernel text");
}

static void attack_poke(struct attempt *t)
{
	attack_padding(t, false);
}

static void attack_poke_bp(struct attempt *t)
{
	attack_padding(t, true);
}

/* The two jump labels of patch_jumps(), in order of address. */
static bool find_jumps(struct attempt *t, struct jump_entry *pair[2])
{
	struct jump_entry *e = THIS_MODULE->jump_entries, *end = e + THIS_MODULE->num_jump_entries;
	int n = 0;

	for (; e < end; e++)
		if (jump_entry_key(e) == &patch_key.key && n < 2)
			pair[n++] = e;
	if (!find_text(t))
		return false;
	if (n < 2) {
		attempt_broken(t, "this module has not the jump labels that it should have");
		return false;
	}
	if (jump_entry_code(pair[0]) > jump_entry_code(pair[1]))
		swap(pair[0], pair[1]);
	return true;
}

/* The JMP of label e, as long as its NOP is, to another target. */
static u32 make_jump(const struct jump_entry *e, unsigned long target, u8 *bytes)
{
	unsigned long at = jump_entry_code(e);
	u32 len = *(u8 *)at == 0x66 ? 2 : 5;
	s32 rel = target - at - len;

	bytes[0] = len == 2 ? 0xeb : 0xe9;
	memcpy(bytes + 1, &rel, len - 1);
	return len;
}

static void attack_jump_target(struct attempt *t)
{
	struct jump_entry *pair[2];
	u8 bytes[SITE_MAX];
	u32 len;

	if (!find_jumps(t, pair))
		return;
	len = make_jump(pair[0], jump_entry_target(pair[1]), bytes);
	poke(t, (void *)jump_entry_code(pair[0]), bytes, len, true, VBH_REGION_MODULE_TEXT);
}

/* A jump_entry of the attacker's own, given to the function that obeys them. */
static void attack_jump_entry(struct attempt *t)
{
	static struct jump_entry forged;
	u8 old[SITE_MAX], new[SITE_MAX];
	struct jump_entry *pair[2];
	unsigned long target;
	void *addr;
	u32 len;

	if (!find_jumps(t, pair))
		return;
	addr = (void *)jump_entry_code(pair[0]);
	target = jump_entry_target(pair[1]);
	len = make_jump(pair[0], target, new);
	memcpy(old, addr, len);
	forged.code = (long)addr - (long)&forged.code;
	forged.target = (long)target - (long)&forged.target;
	watch(t);
	attempt_here(t);
	text.jump(&forged, JUMP_LABEL_JMP);
	unwatch();
	mutex_lock(text.mutex);
	judge(t, addr, old, new, len, VBH_REGION_MODULE_TEXT);
	mutex_unlock(text.mutex);
}

/* One store of len bytes at `from` bytes into the first label's site. */
static void attack_within(struct attempt *t, u32 from, const u8 *bytes, u32 len)
{
	struct jump_entry *pair[2];

	if (find_jumps(t, pair))
		poke(t, (void *)(jump_entry_code(pair[0]) + from), bytes, len, false,
		     VBH_REGION_MODULE_TEXT);
}

static void attack_int3_inside(struct attempt *t)
{
	static const u8 int3 = 0xcc;

	attack_within(t, 1, &int3, 1);
}

static void attack_tail_first(struct attempt *t)
{
	struct jump_entry *pair[2];
	u8 bytes[SITE_MAX];
	u32 len;

	if (!find_jumps(t, pair))
		return;
	len = make_jump(pair[0], jump_entry_target(pair[0]), bytes);
	attack_within(t, 1, bytes + 1, len - 1);
}

/* All of the right bytes at once: a CPU that runs there could see half of them. */
static void attack_whole(struct attempt *t)
{
	struct jump_entry *pair[2];
	u8 bytes[SITE_MAX];
	u32 len;

	if (!find_jumps(t, pair))
		return;
	len = make_jump(pair[0], jump_entry_target(pair[0]), bytes);
	attack_within(t, 0, bytes, len);
}

static void attack_straddle(struct attempt *t)
{
	static const u8 bytes[] = { 0xcc, 0xcc };
	struct jump_entry *pair[2];
	u8 ignored[SITE_MAX];
	u32 len;

	if (!find_jumps(t, pair))
		return;
	len = make_jump(pair[0], jump_entry_target(pair[0]), ignored);
	if (jump_entry_code(pair[0]) + len != jump_entry_code(pair[1]))
		attempt_unavailable(t, "the compiler put something between the two sites");
	else
		attack_within(t, len - 1, bytes, sizeof(bytes));
}

/* A static call's trampoline to the middle of a function. */
static void attack_call_target(struct attempt *t)
{
	u8 *tramp = (u8 *)STATIC_CALL_TRAMP_ADDR(patch_call);
	u8 bytes[5] = { 0xe9 };
	s32 rel = (long)vbh_attack_victim + 3 - (long)tramp - 5;

	memcpy(bytes + 1, &rel, 4);
	if (find_text(t))
		poke(t, tramp, bytes, sizeof(bytes), true, VBH_REGION_MODULE_TEXT);
}

/* A traced function's first instruction calls what no tracer is. */
static void attack_ftrace_target(struct attempt *t)
{
	u8 bytes[5] = { 0xe8 };
	u8 *site;
	s32 rel;

	if (!find_text(t))
		return;
	if (!THIS_MODULE->num_ftrace_callsites) {
		attempt_unavailable(t, "this module has no traced function");
		return;
	}
	site = (u8 *)THIS_MODULE->ftrace_callsites[0];
	rel = (long)vbh_attack_victim - (long)site - 5;
	memcpy(bytes + 1, &rel, 4);
	poke(t, site, bytes, sizeof(bytes), true, VBH_REGION_MODULE_TEXT);
}

#define ONE	A_NO_LOG
#define STEPS	(A_NO_LOG | A_MANY)

#define SEALED(name, what, nr, ...)						\
	BAD_FLAGS("sealed-" name, what " after the seal", EPERM, A_SEALED, nr, ##__VA_ARGS__)

const struct attack patch_attacks[] = {
	{ "patch-poke", "can have text_poke() change kernel text after the seal",
	  attack_poke, ONE | A_UNTIL_SEAL },
	{ "patch-poke-bp", "can have text_poke_bp() change kernel text after the seal",
	  attack_poke_bp, STEPS | A_UNTIL_SEAL },
	{ "patch-jump-target", "can send a jump label to another label's target",
	  attack_jump_target, STEPS },
	{ "patch-jump-entry", "can have the kernel obey a forged jump_entry",
	  attack_jump_entry, STEPS },
	{ "patch-int3-inside", "can put an INT3 behind a site's first byte",
	  attack_int3_inside, ONE },
	{ "patch-tail-first", "can write the end of a site without an INT3 before it",
	  attack_tail_first, ONE },
	{ "patch-whole", "can write a whole site at once", attack_whole, ONE },
	{ "patch-straddle", "can write two sites with one store", attack_straddle, ONE },
	{ "patch-call-target", "can send a static call into the middle of a function",
	  attack_call_target, STEPS },
	{ "patch-ftrace-target", "can have a traced function call what is no tracer",
	  attack_ftrace_target, STEPS },
	SEALED("text", "make text known as patchable", VBH_HC_TEXT, { 0, 1 }, 1),
	SEALED("sites", "hand over patch sites", VBH_HC_SITES, { 0, 1 }, 1),
	SEALED("ftrace", "say what ftrace looks like", VBH_HC_FTRACE,
	       { 0, sizeof(struct vbh_ftrace) }, 1),
	SEALED("patching", "allow kprobes", VBH_HC_PATCH,
	       { VBH_PATCH_KPROBES, VBH_PATCH_OPEN | VBH_PATCH_SEALED }),
	{ }
};
