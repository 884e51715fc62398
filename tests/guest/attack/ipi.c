// SPDX-License-Identifier: GPL-2.0-only
/*
 * INIT and SIPI to a running CPU, which would leave guest mode and begin anew
 * wherever the sender says. Without VBH the CPU that is hit is lost, so these
 * come last there, each form on a CPU of its own as far as there are any. And
 * both to a CPU that Linux does not run, which would begin there outside of it.
 */
#include <asm/apic.h>
#include <asm/apicdef.h>
#include <asm/fixmap.h>
#include <asm/kvm_para.h>
#include <linux/acpi.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/kvm_para.h>
#include <linux/smp.h>

#include "attack.h"
#include "hypercall.h"
#include "insn.h"

#define ANSWER_MS	2000
#define X2APIC_ICR	0x830u
#define HYPERV_ICR	0x40000071u

enum form { PHYSICAL, LOGICAL, ALL_BUT_SELF, KVM_CALL, HYPERV };

#define IPI(form, mode)	((form) | (mode) << 8)
#define IPI_FORM(arg)	((arg) & 0xff)
#define IPI_MODE(arg)	((u32)(arg) >> 8)

/* CPUs that an attack has stopped; and a call on its way to each. */
static cpumask_t lost;
static DEFINE_PER_CPU(call_single_data_t, ping_csd);
static DEFINE_PER_CPU(bool, answered);

static void ping(void *info)
{
	this_cpu_write(answered, true);
}

static bool answers(int cpu)
{
	call_single_data_t *csd = per_cpu_ptr(&ping_csd, cpu);
	int ms;

	per_cpu(answered, cpu) = false;
	INIT_CSD(csd, ping, NULL);
	if (smp_call_function_single_async(cpu, csd))
		return false;
	for (ms = 0; ms < ANSWER_MS; ms++) {
		if (READ_ONCE(per_cpu(answered, cpu)))
			return true;
		mdelay(1);
	}
	return false;
}

/* Natively, leave a CPU for each form: physical takes the first, and so on. */
static int choose(enum form form)
{
	int cpu, here = raw_smp_processor_id(), nth = 0, found = -1;

	for_each_online_cpu(cpu) {
		if (cpu == here || cpumask_test_cpu(cpu, &lost))
			continue;
		found = cpu;
		if (attack_vbh() || form == PHYSICAL || nth++ == (int)form)
			break;
	}
	return found;
}

static int send(u32 icr, u32 dest, bool x2apic, u64 *rip)
{
	u32 *base = (u32 *)APIC_BASE;
	int vector;

	if (x2apic)
		return try_wrmsr(X2APIC_ICR, (u64)dest << 32 | icr, rip);
	WRITE_ONCE(base[APIC_ICR2 / 4], dest << 24);
	TRY_INSN("movl %[v], (%[to])", rip, vector, [v] "r" (icr), [to] "r" (base + APIC_ICR / 4));
	return vector;
}

/* Give this CPU a logical number in the flat model, as any of them may; 0: take it away. */
static void set_ldr(void *number)
{
	u32 *base = (u32 *)APIC_BASE;

	if ((long)number)
		WRITE_ONCE(base[APIC_DFR / 4], APIC_DFR_FLAT);
	WRITE_ONCE(base[APIC_LDR / 4], (u32)(long)number << 24);
}

/* KVM_HC_SEND_IPI: a bitmap of CPUs from a number on. */
static int send_by_kvm(u32 icr, u32 dest, u64 *rip)
{
	const u64 args[4] = { 1, 0, dest, icr };
	long ret;

	return try_hypercall(KVM_HC_SEND_IPI, args, &ret, rip);
}

static void attack_ipi(struct attempt *t)
{
	enum form form = IPI_FORM(t->attack->arg);
	u32 icr = IPI_MODE(t->attack->arg), dest;
	bool x2apic = t->attack->data;
	unsigned long flags;
	int cpu, vector;
	u32 ldr = 0;

	if (!attack_vbh() && raw_smp_processor_id()) {
		attempt_unavailable(t, "only from CPU 0: an INIT to that one resets the machine");
		return;
	}
	cpu = choose(form);
	if (form == KVM_CALL && !kvm_para_available()) {
		attempt_unavailable(t, "there is no KVM below");
		return;
	}
	if (form == HYPERV && (attack_body() != VBH_BODY_BARE_METAL || x2apic_enabled())) {
		attempt_unavailable(t, "KVM answers for it itself, or its form is x2APIC's");
		return;
	}
	if (cpu < 0 || (form != KVM_CALL && x2apic != x2apic_enabled())) {
		attempt_unavailable(t, cpu < 0 ? "there is no other CPU" :
				    "the APIC is in the other mode");
		return;
	}
	dest = per_cpu(x86_cpu_to_apicid, cpu);
	if (form == LOGICAL) {
		if (cpu > 7) {
			attempt_unavailable(t, "the flat model has 8 CPUs, this is %d", cpu);
			return;
		}
		ldr = READ_ONCE(((u32 *)APIC_BASE)[APIC_LDR / 4]) >> 24;
		dest = 1u << cpu;
		icr |= APIC_DEST_LOGICAL;
		/* Linux gives all CPUs a number in this model, or none. */
		if (!ldr)
			smp_call_function_single(cpu, set_ldr, (void *)(long)dest, 1);
	} else if (form == ALL_BUT_SELF) {
		icr |= APIC_DEST_ALLBUT;
		dest = 0;
	}
	local_irq_save(flags);
	if (form == KVM_CALL)
		vector = send_by_kvm(icr, dest, &t->rip);
	else if (form == HYPERV)
		vector = try_wrmsr(HYPERV_ICR, (u64)dest << 56 | icr, &t->rip);
	else
		vector = send(icr, dest, x2apic, &t->rip);
	local_irq_restore(flags);

	if (form == HYPERV && vector) {
		attempt_unavailable(t, "there is no Hyper-V, and INIT is left to its receiver");
		return;
	}
	/* Only a destination that is one CPU's number is looked up. */
	attempt_expect(t, VBH_KIND_INIT, form == PHYSICAL || form == HYPERV ? dest : ~0u);
	attempt_judge(t, vector, !answers(cpu));
	if (form == LOGICAL && !ldr && t->outcome != WORKED)
		smp_call_function_single(cpu, set_ldr, NULL, 1);
	if (t->outcome == WORKED) {
		cpumask_set_cpu(cpu, &lost);
		snprintf(t->note, sizeof(t->note), "CPU %d no longer answers", cpu);
	}
}

/* Of a CPU that is offline, or that firmware names and Linux leaves out (nr_cpus=); or -1. */
static int waiting_cpu(bool known)
{
	const struct acpi_madt_local_apic *entry;
	struct acpi_table_header *madt;
	int cpu, id = -1;
	void *at;

	if (known) {
		for_each_cpu_andnot(cpu, cpu_present_mask, cpu_online_mask)
			return per_cpu(x86_cpu_to_apicid, cpu);
		return -1;
	}
	if (ACPI_FAILURE(acpi_get_table(ACPI_SIG_MADT, 0, &madt)))
		return -1;
	for (at = (void *)madt + sizeof(struct acpi_table_madt);
	     id < 0 && at < (void *)madt + madt->length; at += entry->header.length) {
		entry = at;
		if (entry->header.type != ACPI_MADT_TYPE_LOCAL_APIC ||
		    !(entry->lapic_flags & ACPI_MADT_ENABLED))
			continue;
		id = entry->id;
		for_each_present_cpu(cpu)
			if (per_cpu(x86_cpu_to_apicid, cpu) == entry->id)
				id = -1;
	}
	acpi_put_table(madt);
	return id;
}

/* Where it is to start: below 1 MiB, which Linux leaves alone. */
#define START_PAGE	0x10
#define START_MARK	0x100
#define MARK		0x1234

static void attack_start(struct attempt *t)
{
	/* mov word cs:[START_MARK], MARK; hlt; jmp to the hlt */
	static const u8 code[] = { 0x2e, 0xc7, 0x06, 0, 1, 0x34, 0x12, 0xf4, 0xeb, 0xfd };
	void *page = __va(START_PAGE << PAGE_SHIFT);
	bool known = t->attack->arg, x2apic = x2apic_enabled();
	int id = waiting_cpu(known), vector;
	u16 *mark = page + START_MARK;
	unsigned long flags;

	if (id < 0) {
		attempt_unavailable(t, known ? "every CPU is online" : "Linux leaves no CPU out");
		return;
	}
	memcpy(page, code, sizeof(code));
	WRITE_ONCE(*mark, 0);
	local_irq_save(flags);
	vector = send(APIC_DM_INIT | APIC_INT_ASSERT, id, x2apic, &t->rip);
	mdelay(20);
	if (!vector)
		vector = send(APIC_DM_STARTUP | START_PAGE, id, x2apic, &t->rip);
	mdelay(20);
	local_irq_restore(flags);

	/* One that has parked may be sent an INIT, and then starts where the kernel does. */
	t->ops = known ? 1 : 2;
	attempt_expect(t, VBH_KIND_INIT, id);
	attempt_judge(t, vector, READ_ONCE(*mark) == MARK);
	snprintf(t->note, sizeof(t->note), "APIC ID %d", id);
}

#define MODE_INIT	(APIC_DM_INIT | APIC_INT_ASSERT)
#define MODE_SIPI	(APIC_DM_STARTUP | APIC_INT_ASSERT | 0x10)

const struct attack ipi_attacks[] = {
	{ "sipi", "can send a SIPI to a running CPU", attack_ipi, A_IGNORED | A_CPU_STOPS,
	  IPI(PHYSICAL, MODE_SIPI) },
	{ "init-x2apic", "can send INIT by x2APIC", attack_ipi, A_IGNORED | A_LAST | A_NO_LOG,
	  IPI(PHYSICAL, MODE_INIT), attack_ipi },
	{ "init-physical", "can send INIT to a CPU by its number", attack_ipi,
	  A_IGNORED | A_LAST | A_NO_LOG, IPI(PHYSICAL, MODE_INIT) },
	{ "init-logical", "can send INIT to a CPU by a logical destination", attack_ipi,
	  A_IGNORED | A_LAST | A_NO_LOG, IPI(LOGICAL, MODE_INIT) },
	{ "init-all-but-self", "can send INIT to all other CPUs", attack_ipi,
	  A_IGNORED | A_LAST | A_NO_LOG, IPI(ALL_BUT_SELF, MODE_INIT) },
	{ "init-hyperv", "can send INIT by Hyper-V's register", attack_ipi,
	  A_IGNORED | A_NEEDS_VBH, IPI(HYPERV, MODE_INIT) },
	{ "init-kvm", "can have KVM send INIT to a CPU", attack_ipi, A_IGNORED | A_LAST | A_NO_LOG,
	  IPI(KVM_CALL, MODE_INIT) },
	{ "start-offline", "can start a CPU that is offline in code of his own", attack_start,
	  A_IGNORED | A_MANY | A_NO_LOG, true },
	{ "start-left-out", "can start a CPU that Linux leaves out in code of his own",
	  attack_start, A_IGNORED | A_MANY | A_NO_LOG, false },
	{ }
};
