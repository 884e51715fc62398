// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks on the hypervisor's own memory and on the event ring. Where VBH does
 * not run, pages of our own stand for them, filled with a return instruction:
 * the same code then reads, writes and executes them.
 */
#include <linux/gfp.h>
#include <asm/io.h>
#include <asm/nospec-branch.h>
#include <linux/irqflags.h>
#include <linux/kdebug.h>
#include <linux/mm.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <vbh/launch.h>

#include "attack.h"
#include "insn.h"
#include "memory.h"

#define OPCODE_RET	0xc3

/* Pages to attack: the hypervisor's, or one of our own if VBH does not run. */
struct prey {
	u64 gpa;		/* of one of them */
	struct page *own;
	const struct given *given;
};

/*
 * Any attacker can read the driver's own record of what it gave away. This is
 * how struct launch_space of linux/vbh.h begins.
 */
struct given {
	void *params;
	struct page *chunk[VBH_MAX_CHUNKS];
};

static const struct given *find_given(void)
{
	return (void *)attack_symbol("vbh:space");
}

static bool prey_find(struct attempt *t, struct prey *prey)
{
	memset(prey, 0, sizeof(*prey));
	if (attack_body() == VBH_BODY_KVM) {
		attempt_unavailable(t, "KVM's memory is not in its guest's");
		return false;
	}
	if (attack_vbh()) {
		prey->given = find_given();
		if (!prey->given || !pfn_valid(page_to_pfn(prey->given->chunk[0]))) {
			attempt_broken(t, "the driver's record of the memory was not found");
			return false;
		}
		/* Some page in the middle; the readers take all. */
		prey->gpa = page_to_phys(prey->given->chunk[0]) + 16 * PAGE_SIZE;
		return true;
	}
	prey->own = alloc_page(GFP_KERNEL);
	if (!prey->own) {
		attempt_unavailable(t, "no memory");
		return false;
	}
	memset(page_address(prey->own), OPCODE_RET, PAGE_SIZE);
	prey->gpa = page_to_phys(prey->own);
	return true;
}

static void prey_free(struct prey *prey)
{
	if (prey->own)
		__free_page(prey->own);
}

static bool is_zero(u64 gpa, bool alias, pgprot_t prot)
{
	void *p = alias ? alias_map(gpa, prot) : __va(gpa);
	bool zero = p && !memchr_inv(p, 0, PAGE_SIZE);

	if (p && alias)
		alias_unmap(p);
	cond_resched();
	return zero;
}

/* Read everything; worked: a page was not all zeroes. */
static void attack_read(struct attempt *t)
{
	pgprot_t prot = t->attack->arg == 2 ? PAGE_KERNEL_NOCACHE : PAGE_KERNEL;
	u64 found = 0, total = 0, at;
	bool alias = t->attack->arg;
	struct prey prey;
	u32 i;

	if (!prey_find(t, &prey))
		return;
	if (prey.own) {
		total = 1;
		found = !is_zero(prey.gpa, alias, prot);
	}
	for (i = 0; prey.given && i < VBH_MAX_CHUNKS && prey.given->chunk[i]; i++) {
		for (at = 0; at < VBH_CHUNK; at += PAGE_SIZE, total++)
			found += !is_zero(page_to_phys(prey.given->chunk[i]) + at, alias, prot);
	}
	attempt_judge(t, 0, found);
	snprintf(t->note, sizeof(t->note), "%llu of %llu pages were not zero", found, total);
	prey_free(&prey);
}

struct poke {
	struct attempt *t;
	void *to;
	u64 gpa;
};

static void poke_once(void *arg)
{
	struct poke *poke = arg;
	struct attempt *t = poke->t;
	u64 *check = __va(poke->gpa), old, new, ip;
	int vector;
	bool changed;

	attempt_here(t);
	old = READ_ONCE(*check);
	new = ~old;
	vector = try_store64(poke->to, new, &t->rip);
	changed = READ_ONCE(*check) != old;
	if (changed)
		try_store64(poke->to, old, &ip);
	t->want.gpa = poke->gpa;
	t->want.gla = (u64)poke->to;
	t->want.flags |= VBH_EVENT_F_GPA | VBH_EVENT_F_GLA;
	attempt_judge(t, vector, changed);
}

enum { DIRECT, VMAP, OTHER_CPU };

static void poke_page(struct attempt *t, u64 gpa, int way)
{
	struct poke poke = { .t = t, .gpa = gpa + 0x128, .to = __va(gpa + 0x128) };
	int cpu = attack_other_cpu();
	struct pte_edit edit;
	unsigned long flags;

	if (way == VMAP) {
		poke.to = alias_map(poke.gpa, PAGE_KERNEL);
		if (!poke.to) {
			attempt_unavailable(t, "no memory");
			return;
		}
	}
	if (way == OTHER_CPU && cpu < 0) {
		attempt_unavailable(t, "there is one CPU only");
	} else if (way == OTHER_CPU) {
		smp_call_function_single(cpu, poke_once, &poke, 1);
	} else {
		local_irq_save(flags);
		if (pte_edit_begin(&edit, poke.to)) {
			poke_once(&poke);
			pte_edit_end(&edit);
		}
		local_irq_restore(flags);
	}
	if (way == VMAP)
		alias_unmap(poke.to);
}

static void attack_write(struct attempt *t)
{
	struct prey prey;

	if (!prey_find(t, &prey))
		return;
	poke_page(t, prey.gpa, t->attack->arg);
	attempt_expect(t, VBH_KIND_HYPERVISOR, VBH_REGION_HYPERVISOR);
	prey_free(&prey);
}

/*
 * Execution. A fetch that is refused faults at the target, where no exception
 * table helps: a die notifier takes the fault and returns from the call.
 */
static unsigned long exec_target;
static int exec_vector;

static int exec_notify(struct notifier_block *nb, unsigned long val, void *data)
{
	struct die_args *args = data;
	struct pt_regs *regs = args->regs;

	if (!exec_target || !regs || regs->ip != exec_target)
		return NOTIFY_DONE;
	exec_vector = args->trapnr;
	regs->ip = *(unsigned long *)regs->sp;
	regs->sp += sizeof(long);
	return NOTIFY_STOP;
}

static struct notifier_block exec_block = {
	.notifier_call = exec_notify,
	.priority = INT_MAX,
};

static void attack_exec(struct attempt *t)
{
	struct pte_edit edit;
	unsigned long flags;
	struct prey prey;
	void *code;

	if (!prey_find(t, &prey))
		return;
	code = alias_map(prey.gpa, PAGE_KERNEL);
	if (!code) {
		attempt_unavailable(t, "no memory");
		prey_free(&prey);
		return;
	}
	register_die_notifier(&exec_block);
	local_irq_save(flags);
	pte_edit_begin(&edit, code);
	exec_vector = 0;
	WRITE_ONCE(exec_target, (unsigned long)code);
	asm volatile(ANNOTATE_RETPOLINE_SAFE "\n"
		     "call *%[code]" : ASM_CALL_CONSTRAINT : [code] "r" (code) : "memory", "cc", "rax");
	WRITE_ONCE(exec_target, 0);
	pte_edit_end(&edit);
	local_irq_restore(flags);
	unregister_die_notifier(&exec_block);

	t->rip = (u64)code;
	t->want.gpa = prey.gpa;
	t->want.flags |= VBH_EVENT_F_GPA;
	attempt_expect(t, VBH_KIND_HYPERVISOR, VBH_REGION_HYPERVISOR);
	attempt_judge(t, exec_vector, !exec_vector);
	alias_unmap(code);
	prey_free(&prey);
}

/* The ring stands in ordinary memory; its magic number says where. */
static int find_ring(unsigned long pfn, unsigned long pages, void *arg)
{
	const struct vbh_ring *ring;
	u64 *found = arg;

	for (; pages--; pfn++) {
		if (!pfn_valid(pfn))
			continue;
		ring = __va((u64)pfn << PAGE_SHIFT);
		if (READ_ONCE(ring->magic) == VBH_RING_MAGIC &&
		    ring->record_size == sizeof(struct vbh_event) &&
		    ring->version == VBH_ABI_VERSION) {
			*found = (u64)pfn << PAGE_SHIFT;
			return 1;
		}
	}
	return 0;
}

static void attack_ring(struct attempt *t)
{
	int (*walk_ram)(unsigned long pfn, unsigned long nr, void *arg,
			int (*fn)(unsigned long pfn, unsigned long nr, void *arg));
	struct page *own = NULL;
	u64 gpa = 0;

	if (attack_vbh()) {
		walk_ram = (void *)attack_symbol("walk_system_ram_range");
		if (walk_ram)
			walk_ram(0, 1ul << 36, &gpa, find_ring);
		if (!gpa) {
			attempt_broken(t, "no event ring was found in memory");
			return;
		}
	} else {
		own = alloc_page(GFP_KERNEL);
		if (!own) {
			attempt_unavailable(t, "no memory");
			return;
		}
		gpa = page_to_phys(own);
	}
	/* The first record, whose text is evidence. */
	poke_page(t, own ? gpa : gpa + PAGE_SIZE, t->attack->arg);
	attempt_expect(t, VBH_KIND_WRITE, VBH_REGION_RING);
	if (own)
		__free_page(own);
}

const struct attack hv_attacks[] = {
	{ "hv-read-direct", "can read the hypervisor's memory through the direct map",
	  attack_read, A_QUIET, 0 },
	{ "hv-read-vmap", "can read it through a new mapping", attack_read, A_QUIET, 1 },
	{ "hv-read-uncached", "can read it through an uncached mapping", attack_read, A_QUIET, 2 },
	{ "hv-write-direct", "can write the hypervisor's memory through the direct map",
	  attack_write, A_GP | A_NO_LOG, DIRECT },
	{ "hv-write-vmap", "can write it through a new mapping", attack_write,
	  A_GP | A_NO_LOG, VMAP },
	{ "hv-write-cpu", "can write it from another CPU", attack_write, A_GP | A_NO_LOG,
	  OTHER_CPU },
	{ "hv-exec", "can execute the hypervisor's memory", attack_exec, A_GP | A_NO_LOG },
	{ "ring-direct", "can write the event ring through the direct map", attack_ring,
	  A_GP | A_NO_LOG, DIRECT },
	{ "ring-vmap", "can write the event ring through a new mapping", attack_ring,
	  A_GP | A_NO_LOG, VMAP },
	{ "ring-cpu", "can write the event ring from another CPU", attack_ring,
	  A_GP | A_NO_LOG, OTHER_CPU },
	{ }
};
