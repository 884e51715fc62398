// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way back into the guest, the same after every slow exit: what other CPUs
 * have asked for, what the guest has yet to be told, and the handshake with
 * smp_flush() that lets no entry happen on old translations.
 */
#include "hv.h"
#include "../core/string.h"

/* INIT was accepted for this CPU: wait for its SIPI here, then start in real mode. */
static void wait_for_sipi(struct hv_cpu *cpu)
{
	core_cpu_reset(&cpu->vcpu);
	memset(cpu->gpr, 0, sizeof(cpu->gpr));
	cpu->nmi_pending = false;
	hv.vendor->reset(cpu);
	apic_drain(cpu);
	for (;;) {
		u32 sipi = __atomic_exchange_n(&cpu->sipi, 0, __ATOMIC_ACQUIRE);

		if (sipi) {
			/* An INIT that was repeated while we waited came before it. */
			__atomic_and_fetch(&cpu->requests, ~REQ_INIT, __ATOMIC_SEQ_CST);
			hv.vendor->start(cpu, sipi & 0xff);
			return;
		}
		if (READ_ONCE(cpu->requests) & REQ_HALT)
			smp_halt();
		cpu_relax();
	}
}

static void serve(struct hv_cpu *cpu)
{
	u32 requests = __atomic_exchange_n(&cpu->requests, 0, __ATOMIC_SEQ_CST);
	u32 gen = READ_ONCE(hv.generation);

	if ((requests & REQ_HALT) || READ_ONCE(hv.halted))
		smp_halt();
	if (requests & REQ_INIT)
		wait_for_sipi(cpu);
	if (cpu->seen != gen) {
		vcpu_sync(&cpu->vcpu);
		hv.vendor->pins_changed(cpu);
		hv.vendor->flush(cpu);
		cpu->flushes++;
		WRITE_ONCE(cpu->seen, gen);
	}
}

static void inject_pending(struct hv_cpu *cpu)
{
	struct hv_event ev = { .type = HV_EVENT_NMI, .vector = VECTOR_NMI };

	if (cpu->mc_pending && !cpu->injected) {
		struct hv_event mc = { .type = HV_EVENT_EXCEPTION, .vector = VECTOR_MC };

		cpu->mc_pending = false;
		cpu->injected = true;
		hv.vendor->inject(cpu, &mc);
	}
	if (!cpu->nmi_pending)
		return;
	if (!cpu->injected && hv.vendor->nmi_ready(cpu)) {
		cpu->nmi_pending = false;
		cpu->injected = true;
		hv.vendor->inject(cpu, &ev);
	} else {
		hv.vendor->nmi_window(cpu);
	}
}

void hv_tail(struct hv_cpu *cpu)
{
	for (;;) {
		__atomic_store_n(&cpu->in_guest, 1, __ATOMIC_SEQ_CST);
		if (!READ_ONCE(cpu->requests) && cpu->seen == READ_ONCE(hv.generation) &&
		    !READ_ONCE(hv.halted))
			break;
		WRITE_ONCE(cpu->in_guest, 0);
		serve(cpu);
	}
	inject_pending(cpu);
}
