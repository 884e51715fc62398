// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to what the kernel keeps read-only. Each target is a few bytes that
 * nothing uses while they are changed; each is reached in several ways. Whether
 * a write took effect is read through the direct map, and undone at once.
 */
#include <asm/cacheflush.h>
#include <asm/desc.h>
#include <asm/fpu/api.h>
#include <asm/processor-flags.h>
#include <asm/realmode.h>
#include <asm/vdso.h>
#include <linux/irqflags.h>
#include <linux/set_memory.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "attack.h"
#include "insn.h"
#include "memory.h"

#define SPARE_SYSCALL	400	/* the table has a gap from 335 to 423 */
#define SPARE_VECTOR	31	/* reserved by the processor, never raised */
#define PADDING		16	/* bytes of INT3 between two objects' text */

static const u64 module_constant[4] = { 0x1122334455667788 };
static u64 module_after_init[4] __ro_after_init = { 0x99aabbccddeeff00 };

/* Never called: its code is there to be overwritten. */
static noinline __used void module_victim(void)
{
	asm volatile(".p2align 3\n"
		     ".globl vbh_attack_victim\n"
		     "vbh_attack_victim:\n"
		     ".rept 16\n nop\n .endr\n");
}

extern u8 vbh_attack_victim[];

bool pte_edit_begin(struct pte_edit *edit, void *addr)
{
	unsigned int level;

	edit->addr = addr;
	edit->entry = (u64 *)lookup_address((unsigned long)addr, &level);
	if (!edit->entry)
		return false;
	edit->old = READ_ONCE(*edit->entry);
	WRITE_ONCE(*edit->entry, (edit->old | _PAGE_RW | _PAGE_DIRTY) & ~_PAGE_NX);
	invlpg(addr);
	return true;
}

void pte_edit_end(struct pte_edit *edit)
{
	WRITE_ONCE(*edit->entry, edit->old);
	invlpg(edit->addr);
}

u64 memory_phys(void *addr)
{
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)addr, &level);

	return pte && pte_present(*pte) ? slow_virt_to_phys(addr) : 0;
}

void *alias_map(u64 gpa, pgprot_t prot)
{
	struct page *page = pfn_to_page(gpa >> PAGE_SHIFT);
	void *base = vmap(&page, 1, VM_MAP, prot);

	return base ? base + offset_in_page(gpa) : NULL;
}

void alias_unmap(void *alias)
{
	vunmap((void *)((unsigned long)alias & PAGE_MASK));
}

/* What is attacked: width bytes, 1 or 8. */
struct target {
	u16 kind;			/* enum vbh_region_kind */
	u8 width;
	void *(*find)(void);		/* its address, or NULL */
	unsigned long (*flip)(unsigned long old);
};

static void *find_text(void)
{
	u8 *p = (u8 *)attack_symbol("_stext"), *end = (u8 *)attack_symbol("_etext");
	int run = 0;

	for (; p && p < end; p++) {
		run = *p == 0xcc ? run + 1 : 0;
		if (run == PADDING)
			return (void *)((unsigned long)p & ~7ul);
	}
	return NULL;
}

static void *find_rodata(void)
{
	return (void *)attack_symbol("linux_proc_banner");
}

static void *find_after_init(void)
{
	return (void *)attack_symbol("rodata_enabled");
}

static void *find_syscall(void)
{
	u64 *table = (u64 *)attack_symbol("sys_call_table");

	return table ? table + SPARE_SYSCALL : NULL;
}

static void *find_idt(void)
{
	gate_desc *table = (gate_desc *)attack_symbol("idt_table");

	/* The second half: the upper part of the address, and a reserved word. */
	return table ? (u8 *)&table[SPARE_VECTOR] + 8 : NULL;
}

static void *find_vdso(void)
{
	const struct vdso_image *image = (void *)attack_symbol("vdso_image_64");

	/* Behind the image's end its last page is empty. */
	return image ? (u8 *)image->data + image->size - 8 : NULL;
}

static void *find_trampoline(void)
{
	struct real_mode_header **header = (void *)attack_symbol("real_mode_header");

	return header ? *header : NULL;
}

static void *find_module_text(void)
{
	return vbh_attack_victim;
}

static void *find_module_rodata(void)
{
	return (void *)&module_constant[1];
}

static void *find_module_after_init(void)
{
	return &module_after_init[1];
}

static unsigned long flip_bits(unsigned long old)
{
	return old ^ 0x5a;
}

static unsigned long flip_syscall(unsigned long old)
{
	return attack_symbol("__x64_sys_getpid") ?: old + 16;
}

#define TARGET(id, kind_, width_, flip_)				\
	static const struct target id##_target = {			\
		.kind = kind_, .width = width_, .find = find_##id, .flip = flip_ }

TARGET(text, VBH_REGION_KERNEL_TEXT, 8, flip_bits);
TARGET(rodata, VBH_REGION_KERNEL_RODATA, 1, flip_bits);
TARGET(after_init, VBH_REGION_KERNEL_RODATA, 1, flip_bits);
TARGET(syscall, VBH_REGION_KERNEL_RODATA, 8, flip_syscall);
TARGET(idt, VBH_REGION_IDT, 8, flip_bits);
TARGET(vdso, VBH_REGION_VDSO, 8, flip_bits);
TARGET(trampoline, VBH_REGION_TRAMPOLINE, 8, flip_bits);
TARGET(module_text, VBH_REGION_MODULE_TEXT, 8, flip_bits);
TARGET(module_rodata, VBH_REGION_MODULE_RODATA, 8, flip_bits);
TARGET(module_after_init, VBH_REGION_MODULE_RODATA, 8, flip_bits);

static u64 load(const void *p, u8 width)
{
	return width == 8 ? READ_ONCE(*(const u64 *)p) : READ_ONCE(*(const u8 *)p);
}

typedef int (*store_fn)(void *to, u64 old, u64 new, u8 width, u64 *rip);

static int store_mov(void *to, u64 old, u64 new, u8 width, u64 *rip)
{
	return width == 8 ? try_store64(to, new, rip) : try_store8(to, new, rip);
}

static int store_xchg(void *to, u64 old, u64 new, u8 width, u64 *rip)
{
	return try_store_xchg(to, new, rip);
}

static int store_cmpxchg(void *to, u64 old, u64 new, u8 width, u64 *rip)
{
	return try_store_cmpxchg(to, old, new, rip);
}

static int store_movnti(void *to, u64 old, u64 new, u8 width, u64 *rip)
{
	return try_store_movnti(to, new, rip);
}

static int store_stos(void *to, u64 old, u64 new, u8 width, u64 *rip)
{
	return try_store_stos(to, new, rip);
}

static int store_movs(void *to, u64 old, u64 new, u8 width, u64 *rip)
{
	return try_store_movs(to, &new, rip);
}

static int store_xmm(void *to, u64 old, u64 new, u8 width, u64 *rip)
{
	int vector;

	kernel_fpu_begin();
	vector = try_store_xmm(to, new, rip);
	kernel_fpu_end();
	return vector;
}

/* One write through `to`, on whichever CPU calls this. */
struct shot {
	struct attempt *t;
	const struct target *target;
	store_fn store;
	void *to;
	u64 gpa;
};

static void shoot(void *arg)
{
	struct shot *shot = arg;
	struct attempt *t = shot->t;
	u8 width = shot->target->width;
	void *check = __va(shot->gpa);
	u64 old, new, seen, ip;
	int vector;

	attempt_here(t);
	old = load(check, width);
	new = shot->target->flip(old);
	if (width == 1)
		new &= 0xff;
	vector = shot->store(shot->to, old, new, width, &t->rip);
	seen = load(check, width);
	if (seen != old) {
		t->ops++;
		shot->store(shot->to, seen, old, width, &ip);
	}

	attempt_expect(t, VBH_KIND_WRITE, shot->target->kind);
	t->want.gpa = shot->gpa;
	t->want.gla = (u64)shot->to;
	t->want.flags |= VBH_EVENT_F_GPA;
	if (shot->store == store_xmm) {
		/* Where the processor does not say the linear address, nobody does. */
		t->want.flags |= VBH_EVENT_F_UNDECODED;
	} else {
		t->want.flags |= VBH_EVENT_F_GLA;
		attempt_values(t, old, new);
		t->want.width = width;
	}
	attempt_judge(t, vector, seen != old);
}

/* Find the target; false, and the attempt is over, where there is none. */
static bool aim(struct shot *shot, struct attempt *t, const struct target *target, store_fn store)
{
	void *addr = target->find();

	shot->t = t;
	shot->target = target;
	shot->store = store;
	shot->to = addr;
	shot->gpa = addr ? memory_phys(addr) : 0;
	if (!shot->gpa)
		attempt_broken(t, "the target was not found in this kernel");
	return shot->gpa;
}

/* Through an address that is mapped already, its page-table entry made writable. */
static void shoot_edited(struct shot *shot)
{
	struct pte_edit edit;
	unsigned long flags;

	local_irq_save(flags);
	if (pte_edit_begin(&edit, shot->to)) {
		shoot(shot);
		pte_edit_end(&edit);
	} else {
		attempt_unavailable(shot->t, "no page-table entry for %px", shot->to);
	}
	local_irq_restore(flags);
}

static void write_own(struct attempt *t)
{
	struct shot shot;

	if (aim(&shot, t, t->attack->data, store_mov))
		shoot_edited(&shot);
}

static void write_direct(struct attempt *t)
{
	struct shot shot;

	if (!aim(&shot, t, t->attack->data, store_mov))
		return;
	shot.to = __va(shot.gpa);
	shoot_edited(&shot);
}

static void write_alias(struct attempt *t, store_fn store, bool elsewhere)
{
	int cpu = elsewhere ? attack_other_cpu() : -1;
	unsigned long flags;
	struct shot shot;

	if (!aim(&shot, t, t->attack->data, store))
		return;
	if (elsewhere && cpu < 0) {
		attempt_unavailable(t, "there is one CPU only");
		return;
	}
	shot.to = alias_map(shot.gpa, PAGE_KERNEL);
	if (!shot.to) {
		attempt_unavailable(t, "no memory");
		return;
	}
	if (elsewhere) {
		smp_call_function_single(cpu, shoot, &shot, 1);
	} else if (store == store_xmm) {
		shoot(&shot);
	} else {
		local_irq_save(flags);
		shoot(&shot);
		local_irq_restore(flags);
	}
	alias_unmap(shot.to);
}

static void write_vmap(struct attempt *t)
{
	write_alias(t, (store_fn)t->attack->arg ?: store_mov, false);
}

static void write_cpu(struct attempt *t)
{
	write_alias(t, store_mov, true);
}

/* Clear CR0.WP, write, set it again. Under VBH it ends at the first step. */
static void write_wp(struct attempt *t)
{
	unsigned long flags;
	struct shot shot;
	u64 cr0, ip, rip;
	int vector;

	if (!aim(&shot, t, t->attack->data, store_mov))
		return;
	local_irq_save(flags);
	cr0 = raw_cr0();
	vector = try_write_cr0(cr0 & ~X86_CR0_WP, &rip);
	if (!vector && !(raw_cr0() & X86_CR0_WP)) {
		shoot(&shot);
		try_write_cr0(cr0, &ip);
		t->ops++;
	} else {
		attempt_judge(t, vector, false);
	}
	local_irq_restore(flags);
	t->rip = rip;
	t->want.flags = VBH_EVENT_F_TASK;
	attempt_expect(t, VBH_KIND_CR, 0);
	attempt_values(t, cr0, cr0 & ~X86_CR0_WP);
}

#define WAYS(name, id, what)								\
	{ name "-own", "can write " what " in place, its PTE edited",	\
	  write_own, A_GP, 0, &id##_target },						\
	{ name "-vmap", "can write " what " through a new mapping",			\
	  write_vmap, A_GP, 0, &id##_target },						\
	{ name "-direct", "can write " what " through the direct map",	\
	  write_direct, A_GP, 0, &id##_target },					\
	{ name "-cpu", "can write " what " from another CPU",				\
	  write_cpu, A_GP, 0, &id##_target }

#define TEXT_BY(insn, store)								\
	{ "text-" insn, "can write kernel text with " insn, write_vmap, A_GP,		\
	  (long)store, &text_target }

const struct attack memory_attacks[] = {
	WAYS("text", text, "kernel text"),
	WAYS("rodata", rodata, "kernel constants"),
	WAYS("ro-after-init", after_init, "ro_after_init data"),
	WAYS("syscall-table", syscall, "the system-call table"),
	WAYS("idt", idt, "the IDT"),
	WAYS("vdso", vdso, "the vDSO"),
	WAYS("trampoline", trampoline, "the CPUs' start-up code"),
	WAYS("module-text", module_text, "a module's text"),
	WAYS("module-rodata", module_rodata, "a module's constants"),
	WAYS("module-after-init", module_after_init, "a module's ro_after_init data"),
	{ "text-wp", "can write kernel text with CR0.WP off", write_wp, A_GP | A_NO_LOG, 0,
	  &text_target },
	{ "rodata-wp", "can write kernel constants with CR0.WP off", write_wp, A_GP | A_NO_LOG, 0,
	  &rodata_target },
	TEXT_BY("xchg", store_xchg),
	TEXT_BY("cmpxchg", store_cmpxchg),
	TEXT_BY("movnti", store_movnti),
	TEXT_BY("stos", store_stos),
	TEXT_BY("movs", store_movs),
	{ "text-xmm", "can write kernel text with an instruction that VBH does not decode",
	  write_vmap, A_GP | A_NO_LOG, (long)store_xmm, &text_target },
	{ }
};
