// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way back into the guest, the same after every slow exit: what other CPUs
 * have asked for, what the guest has yet to be told, and the handshake with
 * smp_flush() that lets no entry happen on old translations.
 */
#include "hv.h"
#include "../core/string.h"

/* What INIT does, but for the wait. */
void hv_reset(struct hv_cpu *cpu)
{
	memset(cpu->gpr, 0, sizeof(cpu->gpr));
	hv.vendor->reset(cpu);
	apic_drain(cpu);
}

/* INIT was accepted for this CPU: wait for its SIPI here, then start in real mode. */
static void wait_for_sipi(struct hv_cpu *cpu)
{
	hv_reset(cpu);
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

/*
 * A SIPI that nobody intercepts at its sender is lost on a CPU that does not
 * wait for it in the guest, and Linux sends it right after the INIT: so there
 * first of all, and the rest when it has come (exit_sipi()).
 */
static void accept_init(struct hv_cpu *cpu)
{
	core_cpu_reset(&cpu->vcpu);
	cpu->nmi_pending = false;
	if (hv.trap_icr) {
		wait_for_sipi(cpu);
	} else {
		cpu->waiting = true;
		hv.vendor->wait_sipi(cpu);
	}
}

static void serve(struct hv_cpu *cpu)
{
	u32 requests = __atomic_exchange_n(&cpu->requests, 0, __ATOMIC_SEQ_CST);
	u32 gen = READ_ONCE(hv.generation);

	if ((requests & REQ_HALT) || READ_ONCE(hv.halted))
		smp_halt();
	if (requests & REQ_INIT)
		accept_init(cpu);
	if (cpu->seen != gen) {
		vcpu_sync(&cpu->vcpu);
		hv.vendor->pins_changed(cpu);
		hv.vendor->flush(cpu);
		walk_forget(cpu);
		cpu->flushes++;
		WRITE_ONCE(cpu->seen, gen);
	}
}

static bool inject(struct hv_cpu *cpu, const struct hv_event *ev)
{
	if (cpu->injected)
		return false;
	hv_inject(cpu, ev);
	return true;
}

/* One event goes with an entry; what is left exits as soon as that is delivered. */
static void inject_pending(struct hv_cpu *cpu)
{
	static const struct hv_event mc = { .type = HV_EVENT_EXCEPTION, .vector = VECTOR_MC };
	static const struct hv_event nmi = { .type = HV_EVENT_NMI, .vector = VECTOR_NMI };

	if (cpu->mc_pending)
		cpu->mc_pending = !inject(cpu, &mc);
	if (cpu->nmi_pending && hv.vendor->nmi_ready(cpu))
		cpu->nmi_pending = !inject(cpu, &nmi);
	if (cpu->mc_pending || cpu->nmi_pending)
		hv.vendor->nmi_window(cpu);
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
	/* Nothing is cached, delivered or executed there, and no kick would be answered. */
	if (cpu->waiting)
		WRITE_ONCE(cpu->in_guest, 0);
	else
		inject_pending(cpu);
}
