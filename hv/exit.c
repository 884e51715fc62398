// SPDX-License-Identifier: GPL-2.0-only
/*
 * One exit, from the vendor's decode to the entry: a table of handlers that
 * say what should happen, and the one place where RIP moves and faults are
 * injected, so that no instruction is skipped twice and no event is lost.
 */
#include "handlers.h"

static enum hv_act (*const handlers[VBH_NR_EXITS])(struct hv_cpu *, struct vm_exit *) = {
	[VBH_EXIT_CPUID] = exit_cpuid,
	[VBH_EXIT_MSR_READ] = msr_read,
	[VBH_EXIT_MSR_WRITE] = msr_write,
	[VBH_EXIT_CR_WRITE] = cr_write,
	[VBH_EXIT_DTR] = dt_access,
	[VBH_EXIT_XSETBV] = exit_xsetbv,
	[VBH_EXIT_HYPERCALL] = exit_hypercall,
	[VBH_EXIT_VIRT_INSN] = exit_virt_insn,
	[VBH_EXIT_MEMORY] = exit_memory,
	[VBH_EXIT_APIC] = exit_bug,
	[VBH_EXIT_NMI] = exit_resume,
	[VBH_EXIT_NMI_WINDOW] = exit_resume,
	[VBH_EXIT_INIT] = exit_init,
	[VBH_EXIT_SIPI] = exit_sipi,
	[VBH_EXIT_INVD] = exit_invd,
	[VBH_EXIT_TASK_SWITCH] = exit_task_switch,
	[VBH_EXIT_TRIPLE_FAULT] = exit_triple_fault,
	[VBH_EXIT_BAD_STATE] = exit_triple_fault,
	[VBH_EXIT_OTHER] = exit_bug,
};

bool hv_decode(struct hv_cpu *cpu, struct insn *insn)
{
	u8 bytes[INSN_MAX];
	u32 n = insn_fetch(&cpu->vcpu, bytes);

	return !insn_known(&cpu->vcpu, bytes, n, insn);
}

enum hv_act hv_verdict(enum vbh_verdict v, enum hv_act allow)
{
	switch (v) {
	case VBH_ALLOW:
		return allow;
	case VBH_DONE:
		return HV_DONE;
	case VBH_UNDEFINED:
		return HV_UD;
	case VBH_HALT:
		return HV_HALT;
	case VBH_RESET:
		return HV_RESET;
	case VBH_FAULT:
		break;
	}
	return HV_GP;
}

/* The processor pushes RF set for faults, so that they do not hit a breakpoint twice. */
void hv_inject(struct hv_cpu *cpu, const struct hv_event *ev)
{
	if (ev->type == HV_EVENT_EXCEPTION && ev->vector != VECTOR_DB && ev->vector != VECTOR_DF &&
	    ev->vector != VECTOR_MC)
		hv.vendor->set(cpu, VBH_REG_RFLAGS,
			       hv.vendor->get(cpu, VBH_REG_RFLAGS) | RFLAGS_RF);
	cpu->injected = true;
	hv.vendor->inject(cpu, ev);
}

static void inject(struct hv_cpu *cpu, u8 vector, bool has_error, u32 error)
{
	struct hv_event ev = { .type = HV_EVENT_EXCEPTION, .vector = vector,
			       .has_error = has_error, .error = error };

	hv_inject(cpu, &ev);
}

/* Faults that make a second contributory one a double fault (APM 2, 8.2.9). */
static bool contributory(const struct hv_event *ev)
{
	return ev->type == HV_EVENT_EXCEPTION &&
	       (ev->vector == 0 || (ev->vector >= 10 && ev->vector <= 14));
}

/*
 * A fault for the guest. If it came up while an exception was being delivered,
 * it is what the processor would make of the two. An interrupt that was being
 * delivered is lost: the guest's own stack or table was where it may not write.
 */
static void fault(struct hv_cpu *cpu, const struct vm_exit *exit, u8 vector)
{
	if (exit->interrupted.type == HV_EVENT_EXCEPTION && exit->interrupted.vector == VECTOR_DF)
		hv_reset_machine(cpu);
	if (contributory(&exit->interrupted))
		inject(cpu, VECTOR_DF, true, 0);
	else
		inject(cpu, vector, vector != VECTOR_UD, vector == VECTOR_PF ? exit->error : 0);
}

/*
 * The guest's data breakpoints, as DR6 names them, that the store at RIP meets if it is
 * carried out. Of a REP the first element counts.
 */
static u64 watched(struct hv_cpu *cpu, const struct vm_exit *exit)
{
	static const u8 lengths[] = { 1, 2, 8, 4 };
	u64 dr7, gla, hits = 0, at[4];
	struct insn insn;
	u32 i, len;

	if (exit->kind != VBH_EXIT_MEMORY || exit->access.want != VBH_W)
		return 0;
	dr7 = hv.vendor->dr7(cpu);
	if (!(dr7 & DR7_ENABLED) || !hv_decode(cpu, &insn) || !insn.mem)
		return 0;
	at[0] = read_dr0();
	at[1] = read_dr1();
	at[2] = read_dr2();
	at[3] = read_dr3();
	gla = insn_linear(&cpu->vcpu, &insn);
	for (i = 0; i < 4; i++) {
		len = lengths[dr7 >> (18 + 4 * i) & 3];
		at[i] &= ~(len - 1ull);
		/* Writes are 1, writes and reads 3. */
		if ((dr7 >> 2 * i & 3) && (dr7 >> (16 + 4 * i) & 1) &&
		    gla < at[i] + len && at[i] < gla + insn.size)
			hits |= BIT(i);
	}
	return hits;
}

/* The instruction has retired: its shadow ends; TF traps after it, and what it stored to. */
static void retired(struct hv_cpu *cpu, u64 rflags, u64 dr6)
{
	hv.vendor->end_shadow(cpu);
	/* With BTF set it traps after branches only, and none is emulated. */
	if ((rflags & RFLAGS_TF) && !(host_msr(&cpu->vcpu, MSR_DEBUGCTL) & DEBUGCTL_BTF))
		dr6 |= DR6_BS;
	if (dr6)
		hv.vendor->pend_debug(cpu, dr6);
}

/*
 * Past the instruction; false if its length can't be told, because another CPU
 * has changed its bytes since the exit. RF ends with it (APM 2, 13.1.3.1).
 */
static bool advance(struct hv_cpu *cpu, const struct vm_exit *exit, u64 rflags)
{
	struct insn insn;

	if (!exit->len) {
		if (!hv_decode(cpu, &insn))
			return false;
		insn_advance(&cpu->vcpu, &insn);
	} else {
		u64 rip = hv.vendor->get(cpu, VBH_REG_RIP) + exit->len;

		if (hv.vendor->get(cpu, VBH_REG_CS_MODE) != 8)
			rip = (u32)rip;
		hv.vendor->set(cpu, VBH_REG_RIP, rip);
		if (rflags & RFLAGS_RF)
			hv.vendor->set(cpu, VBH_REG_RFLAGS, rflags & ~RFLAGS_RF);
	}
	return true;
}

static void act(struct hv_cpu *cpu, const struct vm_exit *exit, enum hv_act what, u64 rflags,
		u64 dr6)
{
	switch (what) {
	case HV_RESUME:
		if (exit->interrupted.type)
			hv_inject(cpu, &exit->interrupted);
		break;
	case HV_ADVANCE:
		if (advance(cpu, exit, rflags))
			retired(cpu, rflags, 0);
		else
			fault(cpu, exit, VECTOR_GP);
		break;
	case HV_DONE:
		retired(cpu, rflags, dr6);
		break;
	case HV_GP:
		fault(cpu, exit, VECTOR_GP);
		break;
	case HV_UD:
		fault(cpu, exit, VECTOR_UD);
		break;
	case HV_PF:
		fault(cpu, exit, VECTOR_PF);
		break;
	case HV_HALT:
		smp_halt();
	case HV_RESET:
		hv_reset_machine(cpu);
	}
}

void hv_exit(struct hv_cpu *cpu)
{
	struct vm_exit exit = { 0 };
	u64 rflags, dr6;

	__atomic_store_n(&cpu->in_guest, 0, __ATOMIC_RELEASE);
	cpu->injected = false;
	cpu->walks = 0;
	hv.vendor->decode(cpu, &exit);
	cpu->exits[exit.kind]++;
	rflags = hv.vendor->get(cpu, VBH_REG_RFLAGS);
	dr6 = watched(cpu, &exit);
	act(cpu, &exit, handlers[exit.kind](cpu, &exit), rflags, dr6);
	hv_tail(cpu);
}
