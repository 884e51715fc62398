// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC: NMIs to other CPUs, and, where an INIT can't be caught at its
 * receiver, the guest's writes to the interrupt command register. An INIT never
 * reaches a processor then: the target is thrown out by NMI, and waits in the
 * hypervisor for the SIPI. Sources: APM 2, chapter 16; SDM 3, chapter 10.
 */
#include "hv.h"

#define APIC_TPR		0x080
#define APIC_EOI		0x0b0
#define APIC_SVR		0x0f0
#define APIC_ISR		0x100
#define APIC_IRR		0x200
#define APIC_ICR		0x300
#define APIC_ICR2		0x310
#define APIC_LVTT		0x320
#define APIC_LVT0		0x350
#define APIC_LVT1		0x360
#define APIC_LVTERR		0x370
#define APIC_TMICT		0x380
#define LVT_MASKED		BIT(16)
#define SVR_RESET		0xff
#define SVR_ENABLE		BIT(8)
#define ICR_BUSY		BIT(12)
#define ICR_ASSERT		BIT(14)
#define ICR_LEVEL		BIT(15)
#define ICR_LOGICAL		BIT(11)
#define ICR_SHORTHAND(icr)	((icr) >> 18 & 3)
#define ICR_MODE(icr)		((icr) >> 8 & 7)
#define MODE_NMI		4
#define MODE_INIT		5
#define MODE_SIPI		6

static volatile u32 *apic_reg(struct hv_cpu *cpu, u32 offset)
{
	u64 pa = (rdmsr(MSR_APIC_BASE) & PAGE_MASK & (BIT(hv.caps.phys_bits) - 1)) + offset;

	return window_map(cpu, WINDOW_APIC, pa, true);
}

static bool x2apic_on(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC;
}

static u32 apic_read(struct hv_cpu *cpu, u32 offset)
{
	return x2apic_on() ? rdmsr(MSR_X2APIC + offset / 16) : *apic_reg(cpu, offset);
}

static void apic_write(struct hv_cpu *cpu, u32 offset, u32 value)
{
	if (x2apic_on())
		wrmsr(MSR_X2APIC + offset / 16, value);
	else
		*apic_reg(cpu, offset) = value;
}

__used void apic_eoi(void)
{
	apic_write(this_cpu(), APIC_EOI, 0);
}

static bool any_bit(struct hv_cpu *cpu, u32 bitmap)
{
	u32 i;

	for (i = 0; i < 8; i++)
		if (apic_read(cpu, bitmap + i * 16))
			return true;
	return false;
}

/*
 * INIT masks the local interrupts, stops the timer, and clears what is pending
 * and in service; only taking that does so here. Bounded: a device may go on
 * sending.
 */
void apic_drain(struct hv_cpu *cpu)
{
	static const u16 lvt[] = { APIC_LVTT, APIC_LVT0, APIC_LVT1, APIC_LVTERR };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(lvt); i++)
		apic_write(cpu, lvt[i], LVT_MASKED);
	apic_write(cpu, APIC_TMICT, 0);
	apic_write(cpu, APIC_TPR, 0);
	/* Linux leaves it disabled by software, and then it delivers nothing. */
	apic_write(cpu, APIC_SVR, SVR_RESET | SVR_ENABLE);
	for (i = 0; i < 256 && any_bit(cpu, APIC_ISR); i++)
		apic_eoi();
	for (i = 0; i < 256 && any_bit(cpu, APIC_IRR); i++)
		hv.vendor->open_interrupts();
	apic_write(cpu, APIC_SVR, SVR_RESET);
}

/* Keeps the upper half of the ICR, which the guest may just have written. */
void apic_send_nmi(struct hv_cpu *cpu, u32 apic_id)
{
	volatile u32 *icr, *icr2;
	u32 saved;

	if (x2apic_on()) {
		wrmsr(MSR_X2APIC_ICR, (u64)apic_id << 32 | MODE_NMI << 8 | ICR_ASSERT);
		return;
	}
	icr = apic_reg(cpu, APIC_ICR);
	icr2 = apic_reg(cpu, APIC_ICR2);
	while (*icr & ICR_BUSY)
		cpu_relax();
	saved = *icr2;
	*icr2 = apic_id << 24;
	*icr = MODE_NMI << 8 | ICR_ASSERT;
	while (*icr & ICR_BUSY)
		cpu_relax();
	*icr2 = saved;
}

/* In x2APIC mode there is no page; it is protected anyway, against a change of mode. */
int apic_init(void)
{
	if (!hv.trap_icr)
		return 0;
	hv.apic_pa = rdmsr(MSR_APIC_BASE) & PAGE_MASK & (BIT(hv.caps.phys_bits) - 1);
	return guest_protect_own(&hv.guest, hv.apic_pa, PAGE_SIZE, VBH_R, VBH_REGION_APIC);
}

static struct hv_cpu *find(u32 apic_id)
{
	u32 i;

	for (i = 0; i < hv.params.cpus; i++)
		if (hv_cpu(i)->apic_id == apic_id)
			return hv_cpu(i);
	return NULL;
}

static void deliver_init(struct hv_cpu *target)
{
	__atomic_store_n(&target->sipi, 0, __ATOMIC_SEQ_CST);
	__atomic_or_fetch(&target->requests, REQ_INIT, __ATOMIC_SEQ_CST);
	if (READ_ONCE(target->in_guest))
		smp_kick(target);
}

static enum hv_act signal(struct hv_cpu *cpu, struct hv_cpu *target, u32 id, u64 icr)
{
	struct vbh_vcpu *to = target ? &target->vcpu : NULL;
	enum vbh_verdict v;

	if (ICR_MODE(icr) == MODE_INIT) {
		v = core_init(&cpu->vcpu, to, id);
		if (v == VBH_ALLOW && target)
			deliver_init(target);
	} else {
		v = core_sipi(&cpu->vcpu, to, id, icr & 0xff);
		if (v == VBH_ALLOW && target)
			__atomic_store_n(&target->sipi, 0x100 | (icr & 0xff), __ATOMIC_RELEASE);
	}
	return v == VBH_HALT ? HV_HALT : HV_ADVANCE;
}

bool apic_icr_starts(u64 icr)
{
	return ICR_MODE(icr) == MODE_INIT || ICR_MODE(icr) == MODE_SIPI;
}

/*
 * icr as x2APIC has it: the destination in the upper half. INIT and SIPI are
 * for one CPU, by its ID; Linux knows no other way, so a group is refused as
 * an unknown CPU is. A de-assert has no effect on any processor with a SIPI.
 */
enum hv_act apic_icr(struct hv_cpu *cpu, u64 icr)
{
	u32 id = icr >> 32;

	if (ICR_MODE(icr) == MODE_INIT && (icr & ICR_LEVEL) && !(icr & ICR_ASSERT))
		return HV_ADVANCE;
	if (ICR_SHORTHAND(icr) == 1)
		return signal(cpu, cpu, cpu->apic_id, icr);
	if (ICR_SHORTHAND(icr) || (icr & ICR_LOGICAL))
		return signal(cpu, NULL, ~0u, icr);
	return signal(cpu, find(id), id, icr);
}

/* The registers that are saved on every exit. */
#define SAVED	(BIT(VBH_REG_RAX) | BIT(VBH_REG_RCX) | BIT(VBH_REG_RDX) | BIT(VBH_REG_RBX) | \
		 BIT(VBH_REG_RSI) | BIT(VBH_REG_RDI) | BIT(VBH_REG_R8) | BIT(VBH_REG_R9) | \
		 BIT(VBH_REG_R10) | BIT(VBH_REG_R11))

/*
 * What nearly every store to the APIC's page is: a MOV of a register in 64-bit mode,
 * to the end of an interrupt, the timer, or the ICR for an IPI that starts nothing.
 * Its length if it has been carried out. 0: nothing was done; apic_store() knows more.
 */
__attribute__((flatten, noinline)) u32 apic_quick(struct hv_cpu *cpu, u64 gpa)
{
	u32 offset = gpa & ~PAGE_MASK, value;
	struct insn insn;

	cpu->walks = 0;
	if (!hv_decode(cpu, &insn) || insn.op != INSN_MOV_STORE_REG || insn.size != 4 ||
	    insn.addr_size != 8 || (offset & 15) || !(SAVED >> insn.reg & 1))
		return 0;
	value = cpu->gpr[insn.reg];
	if (offset == APIC_ICR && (ICR_MODE(value) == MODE_INIT || ICR_MODE(value) == MODE_SIPI))
		return 0;
	*(volatile u32 *)window_map(cpu, WINDOW_APIC, gpa, true) = value;
	cpu->exits[VBH_EXIT_MEMORY]++;
	cpu->exits[VBH_EXIT_APIC]++;
	return insn.len;
}

/* A store to the protected APIC page: decoded, and carried out unless it is such an ICR write. */
enum hv_act apic_store(struct hv_cpu *cpu, struct vm_exit *exit)
{
	u32 offset = exit->access.gpa & ~PAGE_MASK;
	volatile u32 *reg;
	struct insn insn;
	u64 old, new;

	cpu->exits[VBH_EXIT_APIC]++;
	/* Between the registers the processor may take it for one of them. */
	if (!hv_decode(cpu, &insn) || insn.size != 4 || (offset & 15))
		goto unknown;
	reg = apic_reg(cpu, offset);
	old = insn.op == INSN_MOV_STORE_REG || insn.op == INSN_MOV_STORE_IMM ? 0 : *reg;
	if (insn_store_value(&cpu->vcpu, &insn, old, &new))
		goto unknown;
	if (offset == APIC_ICR && apic_icr_starts(new)) {
		u64 dest = (u64)(*apic_reg(cpu, APIC_ICR2) >> 24) << 32;

		if (apic_icr(cpu, dest | (u32)new) == HV_HALT)
			return HV_HALT;
	} else {
		*reg = new;
	}
	insn_store_retire(&cpu->vcpu, &insn, old);
	return HV_DONE;
unknown:
	/* Denied, and recorded, as on any other page that may not be written. */
	return hv_verdict(core_memory(&cpu->vcpu, &exit->access), HV_GP);
}
