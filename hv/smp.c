// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making other CPUs notice: an NMI throws a CPU out of the guest, and on its way
 * back it sees what has changed. A CPU that is not in the guest needs no NMI.
 */
#include "hv.h"

/*
 * One at a time: a second NMI could come after the first was taken, and would
 * then be Linux's. Whoever takes the one on its way sees what was asked before.
 */
void smp_kick(struct hv_cpu *target)
{
	if (__atomic_exchange_n(&target->kicked, 1, __ATOMIC_SEQ_CST))
		return;
	__atomic_add_fetch(&target->kicks, 1, __ATOMIC_RELAXED);
	apic_send_nmi(this_cpu(), target->apic_id);
}

#define RESEND		(1u << 22)	/* turns of the wait: long beyond any NMI's way */

/* A kick that met a CPU on its way to wait for a SIPI may have been lost: then once more. */
static void wait_for(struct hv_cpu *cpu, u32 gen)
{
	u32 n = 0;

	while (READ_ONCE(cpu->in_guest) && READ_ONCE(cpu->seen) != gen) {
		cpu_relax();
		if (++n % RESEND == 0)
			apic_send_nmi(this_cpu(), cpu->apic_id);
	}
}

/*
 * The caller holds the guest's lock or is alone; its own CPU flushes in
 * hv_tail(). The add is a full barrier (struct hv_cpu has the protocol).
 */
void smp_flush(void)
{
	u32 gen = __atomic_add_fetch(&hv.generation, 1, __ATOMIC_SEQ_CST);
	struct hv_cpu *self = this_cpu();
	u32 i;

	for (i = 0; i < hv.params.cpus; i++) {
		struct hv_cpu *cpu = hv_cpu(i);

		if (cpu != self && READ_ONCE(cpu->in_guest) && READ_ONCE(cpu->seen) != gen)
			smp_kick(cpu);
	}
	for (i = 0; i < hv.params.cpus; i++) {
		if (hv_cpu(i) != self)
			wait_for(hv_cpu(i), gen);
	}
	stage2_reap();
}

void smp_halt_others(void)
{
	struct hv_cpu *self = this_cpu();
	u32 i;

	WRITE_ONCE(hv.halted, 1);
	for (i = 0; i < hv.params.cpus; i++) {
		struct hv_cpu *cpu = hv_cpu(i);

		if (cpu == self || !cpu->launched)
			continue;
		__atomic_or_fetch(&cpu->requests, REQ_HALT, __ATOMIC_SEQ_CST);
		if (READ_ONCE(cpu->in_guest))
			smp_kick(cpu);
	}
}

void smp_wait_others(void)
{
	u32 i, n;

	for (i = 0; i < hv.params.cpus; i++) {
		struct hv_cpu *cpu = hv_cpu(i);

		for (n = 0; cpu != this_cpu() && READ_ONCE(cpu->in_guest) && n < RESEND; n++)
			cpu_relax();
	}
}

/* For good: interrupts are off, and an NMI comes back here. */
void smp_halt(void)
{
	for (;;)
		hlt();
}
