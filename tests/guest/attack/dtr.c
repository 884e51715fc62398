// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks on the descriptor-table registers: another IDT, another GDT, and an
 * LDT and a TSS through a descriptor of the attacker's own in the GDT.
 */
#include <asm/desc.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/set_memory.h>

#include "attack.h"
#include "insn.h"
#include "memory.h"

/* A slot that the kernel leaves to user space's thread-local storage: two entries. */
#define SPARE_SLOT	GDT_ENTRY_TLS_MIN

static void attack_table(struct attempt *t, enum vbh_dtr dtr)
{
	struct desc_ptr old, new, seen;
	unsigned long flags;
	u64 ip;
	int vector;
	void *page = (void *)__get_free_page(GFP_KERNEL);

	if (!page) {
		attempt_unavailable(t, "no memory");
		return;
	}
	local_irq_save(flags);
	if (dtr == VBH_DTR_IDTR)
		store_idt(&old);
	else
		native_store_gdt(&old);
	/* After a VM exit the limit may read 0xffff. */
	memcpy(page, (void *)old.address, min_t(u32, old.size + 1u, PAGE_SIZE));
	new.size = min_t(u32, old.size, PAGE_SIZE - 1);
	new.address = (unsigned long)page;
	if (dtr == VBH_DTR_IDTR) {
		vector = try_lidt(&new, &t->rip);
		store_idt(&seen);
	} else {
		vector = try_lgdt(&new, &t->rip);
		native_store_gdt(&seen);
	}
	if (seen.address != old.address) {
		if (dtr == VBH_DTR_IDTR)
			try_lidt(&old, &ip);
		else
			try_lgdt(&old, &ip);
	}
	local_irq_restore(flags);
	free_page((unsigned long)page);

	attempt_expect(t, VBH_KIND_DTR, dtr);
	attempt_values(t, old.address, new.address);
	attempt_judge(t, vector, seen.address != old.address);
}

static void attack_idtr(struct attempt *t)
{
	attack_table(t, VBH_DTR_IDTR);
}

static void attack_gdtr(struct attempt *t)
{
	attack_table(t, VBH_DTR_GDTR);
}

/*
 * LTR marks the descriptor busy through the GDT's read-only mapping, so that
 * mapping's page-table entry is made writable first.
 */
static void attack_selector(struct attempt *t, enum vbh_dtr dtr)
{
	struct desc_struct *gdt, save[2], *tss;
	u16 old, seen, new = SPARE_SLOT * 8;
	struct pte_edit edit;
	unsigned long flags;
	u64 ip;
	int vector;

	local_irq_save(flags);
	gdt = this_cpu_ptr(&gdt_page)->gdt;
	tss = &gdt[GDT_ENTRY_TSS];
	memcpy(save, &gdt[SPARE_SLOT], sizeof(save));
	/* The descriptor of the TSS in use, not busy; or of an empty LDT at the same base. */
	memcpy(&gdt[SPARE_SLOT], tss, sizeof(save));
	gdt[SPARE_SLOT].type = dtr == VBH_DTR_TR ? DESC_TSS : DESC_LDT;
	if (!pte_edit_begin(&edit, (void *)get_cpu_gdt_ro(smp_processor_id()))) {
		memcpy(&gdt[SPARE_SLOT], save, sizeof(save));
		local_irq_restore(flags);
		attempt_unavailable(t, "the GDT's mapping was not found");
		return;
	}
	if (dtr == VBH_DTR_TR) {
		asm volatile("str %0" : "=r" (old));
		vector = try_ltr(new, &t->rip);
		asm volatile("str %0" : "=r" (seen));
		if (seen != old) {
				tss->type = DESC_TSS;
			try_ltr(old, &ip);
		}
	} else {
		asm volatile("sldt %0" : "=r" (old));
		vector = try_lldt(new, &t->rip);
		asm volatile("sldt %0" : "=r" (seen));
		if (seen != old) {
				try_lldt(old, &ip);
		}
	}
	pte_edit_end(&edit);
	memcpy(&gdt[SPARE_SLOT], save, sizeof(save));
	local_irq_restore(flags);

	attempt_expect(t, VBH_KIND_DTR, dtr);
	attempt_values(t, old, new);
	attempt_judge(t, vector, seen != old);
}

static void attack_ldtr(struct attempt *t)
{
	attack_selector(t, VBH_DTR_LDTR);
}

static void attack_tr(struct attempt *t)
{
	attack_selector(t, VBH_DTR_TR);
}

/* What the kernel does when it comes back from the firmware or from suspend. */
static void honest_same(struct attempt *t)
{
	struct desc_ptr gdt, idt;
	int vector, vector2, vector3;
	unsigned long flags;
	u64 ip;
	u16 ldt;

	local_irq_save(flags);
	native_store_gdt(&gdt);
	store_idt(&idt);
	asm volatile("sldt %0" : "=r" (ldt));
	vector = try_lgdt(&gdt, &ip);
	vector2 = try_lidt(&idt, &ip);
	vector3 = try_lldt(ldt, &ip);
	local_irq_restore(flags);
	attempt_judge(t, vector ?: vector2 ?: vector3, true);
	snprintf(t->note, sizeof(t->note), "LGDT %d, LIDT %d, LLDT %d", vector, vector2, vector3);
}

const struct attack dtr_attacks[] = {
	{ "idtr", "can load another IDT", attack_idtr, A_GP },
	{ "gdtr", "can load another GDT", attack_gdtr, A_GP },
	{ "ldtr", "can load an LDT of its own", attack_ldtr, A_GP },
	{ "tr", "can load another TSS", attack_tr, A_GP },
	{ "honest-dtr-same", "may load the descriptor tables in use again", honest_same, A_HONEST },
	{ }
};
