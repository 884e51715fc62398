// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stores to patch sites that the kernel's tables do not allow, most of them made
 * by the kernel's own functions: patch_poke.c says how those survive a denial.
 */
#include <linux/mm.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <asm/nops.h>
#include <asm/trapnr.h>

#include "hypercall.h"
#include "insn.h"
#include "memory.h"
#include "patch.h"

#define PADDING		16	/* bytes of INT3 between two objects' text */
#define ROUNDS		16	/* of each CPU in a race */

DEFINE_STATIC_KEY_FALSE(vbh_attack_key);

#define ENTRY(site, target)				\
	".pushsection __jump_table, \"aw\"\n"		\
	_ASM_ALIGN "\n"					\
	".long " site " - .\n"				\
	".long " target " - .\n"			\
	_ASM_PTR "vbh_attack_key - .\n"			\
	".popsection\n"

/* Two jump labels side by side, each with a target of its own. */
static noinline __used int patch_jumps(int n)
{
	asm goto(".p2align 3\n"
		 "1: .byte " __stringify(BYTES_NOP5) "\n"
		 "2: .byte " __stringify(BYTES_NOP5) "\n"
		 ENTRY("1b", "%l[first]") ENTRY("2b", "%l[second]")
		 : : : : first, second);
	return n;
first:
	return n * 5 + 1;
second:
	return n ^ 0x1234;
}

/* One whose last three bytes are on the next page. */
asm(".pushsection .text\n"
	".p2align 12\n"
	"	.skip 4094, 0xcc\n"
	".type vbh_attack_paged, @function\n"
	"vbh_attack_paged: .byte " __stringify(BYTES_NOP5) "\n"
	"3:	jmp __x86_return_thunk\n"
	"	int3\n"
	".size vbh_attack_paged, . - vbh_attack_paged\n"
	".popsection\n"
	ENTRY("vbh_attack_paged", "3b"));

extern u8 vbh_attack_paged[];

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
	if (!addr) {
		attempt_broken(t, "no padding was found in kernel text");
		return;
	}
	poke(t, addr, code, sizeof(code), bp, VBH_REGION_KERNEL_TEXT);
	/* The INT3 over an INT3 is refused as well, and no comparison shows it. */
	t->ops += bp && t->outcome == IGNORED;
}

static void attack_poke(struct attempt *t)
{
	attack_padding(t, false);
}

static void attack_poke_bp(struct attempt *t)
{
	attack_padding(t, true);
}

bool find_jumps(struct attempt *t, struct jump_entry *pair[2])
{
	struct jump_entry *e = THIS_MODULE->jump_entries, *end = e + THIS_MODULE->num_jump_entries;
	int n = 0;

	for (; e < end && n < 2; e++)
		if (jump_entry_key(e) == &vbh_attack_key.key &&
		    jump_entry_code(e) != (unsigned long)vbh_attack_paged)
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

u32 make_jump(const struct jump_entry *e, unsigned long target, u8 *bytes)
{
	unsigned long at = jump_entry_code(e);
	u32 len = *(u8 *)at == 0x66 ? 2 : 5;
	s32 rel = target - at - len;

	bytes[0] = len == 2 ? 0xeb : 0xe9;
	memcpy(bytes + 1, &rel, len - 1);
	return len;
}

/*
 * The bytes from `from` on of the first label's JMP, to the target of label
 * number `to`, by one text_poke() or by text_poke_bp().
 */
static void attack_jump(struct attempt *t, int to, u32 from, bool bp)
{
	struct jump_entry *pair[2];
	u8 bytes[SITE_MAX];
	u32 len;

	if (!find_jumps(t, pair))
		return;
	len = make_jump(pair[0], jump_entry_target(pair[to]), bytes);
	poke(t, (void *)(jump_entry_code(pair[0]) + from), bytes + from, len - from, bp,
	     VBH_REGION_MODULE_TEXT);
}

static void attack_jump_target(struct attempt *t)
{
	attack_jump(t, 1, 0, true);
}

static void attack_tail_first(struct attempt *t)
{
	attack_jump(t, 0, 1, false);
}

/* All of the right bytes at once: a CPU that runs there could see half of them. */
static void attack_whole(struct attempt *t)
{
	attack_jump(t, 0, 0, false);
}

static void attack_int3_inside(struct attempt *t)
{
	static const u8 int3 = 0xcc;
	struct jump_entry *pair[2];

	if (find_jumps(t, pair))
		poke(t, (void *)(jump_entry_code(pair[0]) + 1), &int3, 1, false,
		     VBH_REGION_MODULE_TEXT);
}

/* Another mapping of module text, of at most two pages. NULL: no memory. */
static void *map_text(void *addr, u32 len)
{
	struct page *pages[2] = { vmalloc_to_page(addr), vmalloc_to_page(addr + len - 1) };
	void *base = vmap(pages, pages[0] == pages[1] ? 1 : 2, VM_MAP, PAGE_KERNEL);

	return base ? base + offset_in_page(addr) : NULL;
}

/* What was seen of a store of an own instruction to old; under text_mutex. */
static void judge_store(struct attempt *t, int vector, void *addr, const u8 *old, u32 len)
{
	bool changed = memcmp(addr, old, len);

	attempt_expect(t, VBH_KIND_WRITE, VBH_REGION_MODULE_TEXT);
	if (changed)
		text.poke(addr, old, len);
	attempt_judge(t, vector, changed);
}

/* The end of one site and the beginning of the next. */
static void attack_straddle(struct attempt *t)
{
	struct jump_entry *pair[2];
	u8 old[2], *addr, *alias;
	int vector;

	if (!find_jumps(t, pair))
		return;
	addr = (u8 *)jump_entry_code(pair[1]) - 1;
	if (jump_entry_code(pair[0]) + 5 != jump_entry_code(pair[1])) {
		attempt_broken(t, "the two sites are not side by side");
		return;
	}
	alias = map_text(addr, 2);
	if (!alias) {
		attempt_unavailable(t, "no memory");
		return;
	}
	mutex_lock(text.mutex);
	memcpy(old, addr, 2);
	vector = try_store16(alias, 0xcccc, &t->rip);
	judge_store(t, vector, addr, old, 2);
	mutex_unlock(text.mutex);
	vunmap((void *)((unsigned long)alias & PAGE_MASK));
}

/* Behind an INT3, where it is due, the distance of a jump to elsewhere: on two pages. */
static void attack_pages(struct attempt *t)
{
	u8 old[SITE_MAX], *alias, *addr = vbh_attack_paged;
	static const u8 int3 = 0xcc;
	int vector;

	if (!find_text(t))
		return;
	if (offset_in_page(addr) + 5 <= PAGE_SIZE) {
		attempt_broken(t, "the site is not on two pages");
		return;
	}
	alias = map_text(addr, 5);
	if (!alias) {
		attempt_unavailable(t, "no memory");
		return;
	}
	mutex_lock(text.mutex);
	memcpy(old, addr, 5);
	text.poke(addr, &int3, 1);
	vector = try_store32(alias + 1, 0x1000, &t->rip);
	judge_store(t, vector, addr + 1, old + 1, 4);
	text.poke(addr, old, 1);
	if (memcmp(addr, old, 5))
		attempt_broken(t, "what stood there could not be put back");
	mutex_unlock(text.mutex);
	vunmap((void *)((unsigned long)alias & PAGE_MASK));
}

/*
 * Two CPUs at one jump label. One takes it through its phases, there and back;
 * the other writes, as fast as it can, first bytes that go with either end, and
 * an end that goes with none. Each looks whether it sees a site that can not be.
 */
struct race {
	u8 *site, *alias;
	u8 nop[5], jump[5];
	u64 rip;
	atomic_t faults, mixed;
	atomic_t running;	/* CPUs that have not come to their end */
};

static void race_look(struct race *r)
{
	u64 seen = READ_ONCE(*(u64 *)r->site);
	u8 *b = (u8 *)&seen;

	if (*b != 0xcc && memcmp(b, r->nop, 5) && memcmp(b, r->jump, 5))
		atomic_inc(&r->mixed);
}

static void race_byte(struct race *r, u8 value)
{
	u64 rip;

	if (try_store8(r->alias, value, &rip))
		atomic_inc(&r->faults);
	race_look(r);
}

static void race_tail(struct race *r, u32 value)
{
	u64 rip;

	if (try_store32(r->alias + 1, value, &rip))
		atomic_inc(&r->faults);
	race_look(r);
}

static void race_other(void *data)
{
	struct race *r = data;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		race_byte(r, r->jump[0]);
		race_tail(r, 0x1000);
		race_byte(r, r->nop[0]);
	}
	atomic_dec(&r->running);
}

static void race_here(struct race *r)
{
	int i;

	for (i = 0; i < ROUNDS || atomic_read(&r->running); i++) {
		u8 *to = i & 1 ? r->nop : r->jump;

		race_byte(r, 0xcc);
		race_tail(r, *(u32 *)(to + 1));
		race_byte(r, to[0]);
	}
}

/* Whatever stands there: back to the NOP, in the right order. */
static void race_mend(struct race *r)
{
	static const u8 int3 = 0xcc;

	if (!memcmp(r->site, r->nop, 5))
		return;
	text.poke(r->site, &int3, 1);
	text.poke(r->site + 1, r->nop + 1, 4);
	text.poke(r->site, r->nop, 1);
}

static void attack_race(struct attempt *t)
{
	int other = attack_other_cpu();
	struct jump_entry *pair[2];
	struct race r = { };
	unsigned int faults;

	if (!find_jumps(t, pair))
		return;
	r.site = (u8 *)jump_entry_code(pair[0]);
	r.alias = map_text(r.site, 5);
	if (other < 0 || !r.alias) {
		attempt_unavailable(t, other < 0 ? "there is one CPU only" : "no memory");
		return;
	}
	memcpy(r.nop, r.site, 5);
	make_jump(pair[0], jump_entry_target(pair[0]), r.jump);
	atomic_set(&r.running, 1);
	mutex_lock(text.mutex);
	smp_call_function_single(other, race_other, &r, 0);
	race_here(&r);
	race_mend(&r);
	mutex_unlock(text.mutex);
	vunmap((void *)((unsigned long)r.alias & PAGE_MASK));

	faults = atomic_read(&r.faults);
	attempt_expect(t, VBH_KIND_WRITE, VBH_REGION_MODULE_TEXT);
	if (faults)
		t->ops = faults;
	attempt_judge(t, faults ? X86_TRAP_GP : 0, atomic_read(&r.mixed));
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

/* A traced function's first instruction calls a function of the kernel that no tracer is. */
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
	rel = attack_symbol("memcmp") - (long)site - 5;
	memcpy(bytes + 1, &rel, 4);
	poke(t, site, bytes, sizeof(bytes), true, VBH_REGION_MODULE_TEXT);
}

#define ONE	A_NO_LOG
#define STEPS	(A_NO_LOG | A_MANY)
#define DROPPED	(STEPS | A_IGNORED)	/* by text_poke() */

#define SEALED(name, what, nr, ...)						\
	BAD_FLAGS("sealed-" name, what " after the seal", EPERM, A_SEALED, nr, ##__VA_ARGS__)

const struct attack patch_attacks[] = {
	{ "patch-poke", "can have text_poke() change kernel text after the seal",
	  attack_poke, DROPPED | A_UNTIL_SEAL },
	{ "patch-poke-bp", "can have text_poke_bp() change kernel text after the seal",
	  attack_poke_bp, DROPPED | A_UNTIL_SEAL },
	{ "patch-jump-target", "can send a jump label to another label's target",
	  attack_jump_target, DROPPED },
	{ "patch-int3-inside", "can put an INT3 behind a site's first byte",
	  attack_int3_inside, ONE | A_IGNORED },
	{ "patch-tail-first", "can write the end of a site without an INT3 before it",
	  attack_tail_first, DROPPED },
	{ "patch-whole", "can write a whole site at once", attack_whole, DROPPED },
	{ "patch-straddle", "can write two sites with one store", attack_straddle, ONE },
	{ "patch-pages", "can write two pages of a site with one store", attack_pages, ONE },
	{ "patch-race", "can race two CPUs over the phases of one site", attack_race, STEPS },
	{ "patch-call-target", "can send a static call into the middle of a function",
	  attack_call_target, DROPPED },
	{ "patch-ftrace-target", "can have a traced function call what is no tracer",
	  attack_ftrace_target, DROPPED },
	SEALED("text", "make text known as patchable", VBH_HC_TEXT, { 0, 1 }, 1),
	SEALED("sites", "hand over patch sites", VBH_HC_SITES, { 0, 1 }, 1),
	SEALED("ftrace", "say what ftrace looks like", VBH_HC_FTRACE,
	       { 0, sizeof(struct vbh_ftrace) }, 1),
	SEALED("patching", "allow kprobes", VBH_HC_PATCH,
	       { VBH_PATCH_KPROBES, VBH_PATCH_OPEN | VBH_PATCH_SEALED }),
	{ }
};
