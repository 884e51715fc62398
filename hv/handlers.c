// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens on an exit, where it takes no more than a few lines. A handler
 * gives the answer; it never moves RIP and never injects.
 */
#include "handlers.h"

#define CPUID1_ECX_VMX		BIT(5)
#define CPUID1_ECX_SMX		BIT(6)
#define CPUID1_ECX_OSXSAVE	BIT(27)
#define CPUID7_ECX_OSPKE	BIT(4)
#define CPUID_EXT1_ECX_SVM	BIT(2)
#define CPUID_EXT1_ECX_SKINIT	BIT(12)
#define CPUID_EXT8_EBX_INVLPGB	BIT(3)

/* The few leaves whose answer is not the processor's own. OSPKE is in subleaf 0 only. */
static bool has_patch(u32 leaf, u32 sub)
{
	return leaf == 1 || leaf == 0x80000001 || (leaf & ~2u) == 0x80000008 ||
	       (leaf == 7 && !sub) ||
	       leaf - VBH_CPUID_BARE_METAL < VBH_CPUID_LEAVES;
}

/* Over the processor's answer in gpr. Kept apart, so that the rest stays short. */
static __attribute__((noinline)) void patch_cpuid(u64 gpr[16], u32 leaf, u64 guest_cr4)
{
	u32 r[4] = { 0 };

	if (leaf == 1) {
		gpr[VBH_REG_RCX] &= ~(CPUID1_ECX_VMX | CPUID1_ECX_SMX | CPUID1_ECX_OSXSAVE);
		if (guest_cr4 & CR4_OSXSAVE)
			gpr[VBH_REG_RCX] |= CPUID1_ECX_OSXSAVE;
	} else if (leaf == 7) {
		gpr[VBH_REG_RCX] &= ~CPUID7_ECX_OSPKE;
		if (guest_cr4 & CR4_PKE)
			gpr[VBH_REG_RCX] |= CPUID7_ECX_OSPKE;
	} else if (leaf == 0x80000001) {
		gpr[VBH_REG_RCX] &= ~(CPUID_EXT1_ECX_SVM | CPUID_EXT1_ECX_SKINIT);
	} else if (leaf == 0x80000008) {
		gpr[VBH_REG_RBX] &= ~CPUID_EXT8_EBX_INVLPGB;
	} else {
		if (leaf != 0x8000000a)
			core_cpuid(&hv.guest, VBH_CPUID_BARE_METAL, leaf, r);
		gpr[VBH_REG_RAX] = r[0];
		gpr[VBH_REG_RBX] = r[1];
		gpr[VBH_REG_RCX] = r[2];
		gpr[VBH_REG_RDX] = r[3];
	}
}

__used void hv_cpuid(struct hv_cpu *cpu, u64 guest_cr4)
{
	u64 a = cpu->gpr[VBH_REG_RAX], b, c = cpu->gpr[VBH_REG_RCX], d;
	u32 leaf = a, sub = c;

	/* The upper halves come out clear. */
	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	cpu->gpr[VBH_REG_RAX] = a;
	cpu->gpr[VBH_REG_RBX] = b;
	cpu->gpr[VBH_REG_RCX] = c;
	cpu->gpr[VBH_REG_RDX] = d;
	if (unlikely(has_patch(leaf, sub)))
		patch_cpuid(cpu->gpr, leaf, guest_cr4);
}

enum hv_act exit_cpuid(struct hv_cpu *cpu, struct vm_exit *exit)
{
	hv_cpuid(cpu, hv.vendor->get(cpu, VBH_REG_CR4));
	return HV_ADVANCE;
}

/* The processor judges the value: what it refuses to us it would refuse to the guest. */
enum hv_act exit_xsetbv(struct hv_cpu *cpu, struct vm_exit *exit)
{
	u64 value = (u32)cpu->gpr[VBH_REG_RAX] | cpu->gpr[VBH_REG_RDX] << 32;

	if (hv.vendor->get(cpu, VBH_REG_CPL) || !(read_cr4() & CR4_OSXSAVE))
		return HV_GP;
	return xsetbv_safe(cpu->gpr[VBH_REG_RCX], value) ? HV_ADVANCE : HV_GP;
}

enum hv_act exit_hypercall(struct hv_cpu *cpu, struct vm_exit *exit)
{
	const u64 args[4] = {
		cpu->gpr[VBH_REG_RBX], cpu->gpr[VBH_REG_RCX],
		cpu->gpr[VBH_REG_RDX], cpu->gpr[VBH_REG_RSI],
	};
	u64 nr = cpu->gpr[VBH_REG_RAX];
	s64 ret;

	if (hv.vendor->get(cpu, VBH_REG_CPL))
		return hv_verdict(core_hypercall_user(&cpu->vcpu), HV_ADVANCE);
	ret = core_hypercall(&cpu->vcpu, nr, args);
	if (READ_ONCE(hv.halted))
		return HV_HALT;
	if (nr == VBH_HC_STOP && !ret) {
		hv.vendor->set(cpu, VBH_REG_RIP, hv.vendor->get(cpu, VBH_REG_RIP) +
			       (exit->len ? exit->len : 3));
		hv_leave(cpu);
	}
	/* Earlier nobody could have read it. */
	if (nr == VBH_HC_EVENT_RING && !ret)
		core_note(&cpu->vcpu, VBH_KIND_START, 0, 0);
	cpu->gpr[VBH_REG_RAX] = ret;
	return HV_ADVANCE;
}

enum hv_act exit_virt_insn(struct hv_cpu *cpu, struct vm_exit *exit)
{
	return hv_verdict(core_virt_insn(&cpu->vcpu, 0, 0), HV_UD);
}

static enum hv_act fill(struct hv_cpu *cpu, u64 gpa)
{
	int ret = -EFAULT;

	if (gpa < hv.guest.max_gpa) {
		host_lock(&hv.guest);
		pool_keep(KEEP_URGENT);
		ret = stage2_fill(gpa);
		pool_keep(0);
		host_unlock(&hv.guest);
		hv.vendor->flush(cpu);
	}
	if (!ret)
		return HV_RESUME;
	core_note(&cpu->vcpu, VBH_KIND_INTERNAL, VBH_EXIT_MEMORY, gpa);
	return HV_GP;
}

enum hv_act exit_memory(struct hv_cpu *cpu, struct vm_exit *exit)
{
	enum vbh_verdict v;

	/* While an event is delivered the access is not that of the instruction at RIP. */
	if (exit->interrupted.type)
		exit->access.walk = true;
	if (hv.apic_pa && (exit->access.gpa & PAGE_MASK) == hv.apic_pa &&
	    exit->access.want == VBH_W && !exit->access.walk)
		return apic_store(cpu, exit);
	v = core_memory(&cpu->vcpu, &exit->access);
	/* Not mapped yet, or mapped with less than the regions leave. */
	if (v == VBH_ALLOW)
		return fill(cpu, exit->access.gpa);
	return hv_verdict(v, HV_RESUME);
}

/* An INIT that did not come through a trapped ICR: from outside. A parked CPU takes it. */
enum hv_act exit_init(struct hv_cpu *cpu, struct vm_exit *exit)
{
	if (core_init(&cpu->vcpu, &cpu->vcpu, cpu->apic_id) == VBH_ALLOW)
		__atomic_or_fetch(&cpu->requests, REQ_INIT, __ATOMIC_SEQ_CST);
	return HV_RESUME;
}

/* The SIPI that a CPU was sent to wait for in the guest. */
enum hv_act exit_sipi(struct hv_cpu *cpu, struct vm_exit *exit)
{
	u8 page = exit->value;

	if (cpu->waiting &&
	    core_sipi(&cpu->vcpu, &cpu->vcpu, cpu->apic_id, page) == VBH_ALLOW) {
		cpu->waiting = false;
		hv_reset(cpu);
		hv.vendor->start(cpu, page);
	}
	return HV_RESUME;
}

/* Thrown-away cache lines could be ours, so they are written back. */
enum hv_act exit_invd(struct hv_cpu *cpu, struct vm_exit *exit)
{
	asm volatile("wbinvd" ::: "memory");
	return HV_ADVANCE;
}

/* Long mode has none, and Linux makes none before it. */
enum hv_act exit_task_switch(struct hv_cpu *cpu, struct vm_exit *exit)
{
	return HV_GP;
}

/* Each way takes a while; port 0x80 is nobody's, and takes a microsecond. */
static void reset_by(u16 port, u8 value)
{
	u32 us;

	outb(port, value);
	for (us = 0; us < 1000; us++)
		outb(0x80, 0);
}

/*
 * Port 0xcf9, the keyboard's controller, and what the platform makes of a shutdown.
 * That may be an INIT, which does not come through in VMX operation or with GIF
 * clear, so these end first. This CPU runs nothing of the guest from here on, the
 * others nothing at all; and firmware is told, as machine_real_restart() tells it,
 * that this is a restart, and not to be gone on from where a guest once said.
 */
void hv_reset_machine(struct hv_cpu *cpu)
{
	static const struct dt_reg none;
	struct hv_linux st;

	hv_log("reset at", hv.vendor->get(cpu, VBH_REG_RIP), cpu->index);
	smp_halt_others();
	smp_wait_others();	/* none is between two accesses of the clock's ports */
	outb(0x70, 0x8f);
	outb(0x71, 0);
	reset_by(0xcf9, 0x02);
	reset_by(0xcf9, 0x06);
	reset_by(0x64, 0xfe);
	/* Whatever faults from here on, this is what was wanted. */
	lidt(&none);
	hv.vendor->cpu_off(cpu, &st);
	__builtin_trap();
}

/*
 * What the platform does on a shutdown. So ends a guest as well whose state is not
 * entered with, for no fault could be delivered to it.
 */
enum hv_act exit_triple_fault(struct hv_cpu *cpu, struct vm_exit *exit)
{
	return HV_RESET;
}

enum hv_act exit_resume(struct hv_cpu *cpu, struct vm_exit *exit)
{
	return HV_RESUME;
}

enum hv_act exit_bug(struct hv_cpu *cpu, struct vm_exit *exit)
{
	hv_bug("exit that nobody asked for: raw, rip", exit->raw,
	       hv.vendor->get(cpu, VBH_REG_RIP));
}
