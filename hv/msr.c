// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that exit: a table of those that the hypervisor itself has a word on,
 * then the core's pins, then the processor, which may refuse.
 */
#include "hv.h"
#include "msr_memory.h"

static struct msr_memory_facts memory_facts;

struct msr_row {
	u32 first, last;
	enum hv_act (*read)(struct hv_cpu *cpu, u32 msr, u64 *value);
	enum hv_act (*write)(struct hv_cpu *cpu, u32 msr, u64 value);
	bool trap_icr_only;
};

/*
 * A MSR of VMX or SVM: #GP, as where there is no such thing. Tools that list MSRs
 * read them too, so only a write is worth a record.
 */
static enum hv_act absent_read(struct hv_cpu *cpu, u32 msr, u64 *value)
{
	return HV_GP;
}

static enum hv_act absent_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	return hv_verdict(core_virt_insn(&cpu->vcpu, msr, value), HV_GP);
}

static enum hv_act feature_control_read(struct hv_cpu *cpu, u32 msr, u64 *value)
{
	if (!rdmsr_safe(msr, value))
		return HV_GP;
	/* As firmware leaves it that has switched VMX off for good. */
	*value = (*value | FEATURE_CONTROL_LOCK) & ~FEATURE_CONTROL_VMX;
	return HV_ADVANCE;
}

/* Linux switches SVM off on its way down, whether or not it was on. */
static enum hv_act hsave_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	return value ? absent_write(cpu, msr, value) : HV_ADVANCE;
}

static enum hv_act efer_read(struct hv_cpu *cpu, u32 msr, u64 *value)
{
	*value = hv.vendor->get(cpu, VBH_REG_EFER);
	return HV_ADVANCE;
}

/* APM 2, 3.1.7: LMA is read-only here, LME can't change under paging. */
static enum hv_act efer_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	u64 old = hv.vendor->get(cpu, VBH_REG_EFER), own = rdmsr(MSR_EFER);
	enum vbh_verdict v;

	if (value & EFER_SVME)
		return absent_write(cpu, msr, value);
	value = (value & ~EFER_LMA) | (old & EFER_LMA);
	if ((old ^ value) & EFER_LME && (hv.vendor->get(cpu, VBH_REG_CR0) & CR0_PG))
		return HV_GP;
	v = core_msr_write(&cpu->vcpu, msr, old, value);
	if (v != VBH_ALLOW)
		return hv_verdict(v, HV_ADVANCE);
	/* The processor judges reserved bits; ours are LME, LMA, NXE and SVME. */
	if (!wrmsr_safe(MSR_EFER, value | own))
		return HV_GP;
	wrmsr(MSR_EFER, own);
	hv.vendor->set(cpu, VBH_REG_EFER, value);
	return HV_ADVANCE;
}

/*
 * The page may not move: with it would go our own view of it, or the guest's
 * onto memory that it may not write. Nor may it go away: kicks need it.
 */
static enum hv_act apic_base_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	u64 old = rdmsr(msr);
	enum vbh_verdict v = core_msr_write(&cpu->vcpu, msr, old, value);

	if (v != VBH_ALLOW)
		return hv_verdict(v, HV_ADVANCE);
	if (((old ^ value) & PAGE_MASK) || (old & ~value & APIC_BASE_ENABLE))
		return absent_write(cpu, msr, value);
	return wrmsr_safe(msr, value) ? HV_ADVANCE : HV_GP;
}

/* The guest may set its clock; ours goes on as it was (host_tsc()). */
static enum hv_act tsc_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	u64 old = host_msr(&cpu->vcpu, msr), before;
	enum vbh_verdict v = core_msr_write(&cpu->vcpu, msr, old, value);
	bool ok;

	if (v != VBH_ALLOW)
		return hv_verdict(v, HV_ADVANCE);
	before = rdtsc();
	ok = wrmsr_safe(msr, value);
	cpu->tsc_moved += rdtsc() - before;
	return ok ? HV_ADVANCE : HV_GP;
}

/* The core's pins, then the processor. */
static enum hv_act plain_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	enum vbh_verdict v = VBH_ALLOW;

	if (core_msr_pinned(&hv.guest, msr))
		v = core_msr_write(&cpu->vcpu, msr, host_msr(&cpu->vcpu, msr), value);
	if (v != VBH_ALLOW)
		return hv_verdict(v, HV_ADVANCE);
	if (hv.vendor->set_msr(cpu, msr, value))
		return HV_ADVANCE;
	return wrmsr_safe(msr, value) ? HV_ADVANCE : HV_GP;
}

/* x2APIC's, or Hyper-V's, which is x2APIC's or the page's, as the APIC's mode is. */
static enum hv_act icr_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	u64 icr = value;

	if (!(rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC))
		icr = value >> 56 << 32 | (u32)value;
	if (apic_icr_starts(icr))
		return apic_icr(cpu, icr);
	return wrmsr_safe(msr, value) ? HV_ADVANCE : HV_GP;
}

/* Where the second stage holds the types, it follows what the guest makes of the MTRRs. */
static enum hv_act mtrr_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	u64 old;
	enum vbh_verdict v;
	int err;

	if (!rdmsr_safe(msr, &old))
		return HV_GP;
	if (old == value)
		return HV_ADVANCE;
	v = core_msr_write(&cpu->vcpu, msr, old, value);
	if (v != VBH_ALLOW)
		return hv_verdict(v, HV_ADVANCE);
	if (!wrmsr_safe(msr, value))
		return HV_GP;
	/* Off while Linux changes them, on each CPU that comes up too: the last write counts. */
	if (!(rdmsr(MSR_MTRR_DEFTYPE) & MTRR_DEFTYPE_ENABLE))
		return HV_ADVANCE;
	host_lock(&hv.guest);
	mtrr_init();
	err = stage2_sync(0, hv.ram_end > BIT(32) ? hv.ram_end : BIT(32));
	smp_flush();
	host_unlock(&hv.guest);
	if (err)
		core_note(&cpu->vcpu, VBH_KIND_INTERNAL, msr, value);
	return HV_ADVANCE;
}

/*
 * What decides which device or memory a physical address reaches, below the
 * second stage: with it our own memory could be replaced. Firmware has set it
 * up; Linux, where it writes at all, writes what is there.
 */
static enum hv_act routing_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	u64 old;

	if (!rdmsr_safe(msr, &old))
		return HV_GP;
	return old == value ? HV_ADVANCE : absent_write(cpu, msr, value);
}

/*
 * Whoever stores there knows nothing of our second stage, and does so again and
 * again: what he is given is never protected later, nor donated.
 */
static enum hv_act memory_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	struct guest_marks marks;
	enum hv_act act;
	u64 gpa, len;

	if (!msr_memory(&memory_facts, msr, value, &gpa, &len) || !len)
		return plain_write(cpu, msr, value);
	if (guest_mark(&hv.guest, gpa, len, &marks))
		return absent_write(cpu, msr, value);
	act = plain_write(cpu, msr, value);
	if (act != HV_ADVANCE)
		guest_unmark(&hv.guest, &marks);
	return act;
}

/*
 * In that page a guest can have Hyper-V, or who plays it, take our VMCS from memory of
 * its choice (TLFS, enlightened VMCS): off for as long as we run. Linux does without,
 * and with an EOI more for each interrupt.
 */
static enum hv_act vp_assist_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	return memory_facts.hyperv ? HV_ADVANCE : memory_write(cpu, msr, value);
}

/*
 * Processors up to Zen 5 take forged microcode unless firmware has mended them
 * (CVE-2024-56161). Not a fault: Linux loads what is there already on each CPU
 * that comes up, and VMX too ignores this in guest mode.
 */
static enum hv_act microcode_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	return HV_ADVANCE;
}

/*
 * A last PEBS record may be stored after the exit, with our page tables (see Linux,
 * intel_guest_get_msrs()): not into our memory, in the half that Linux leaves to users.
 */
static enum hv_act ds_area_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	if (value && !(value & BIT(63)))
		return absent_write(cpu, msr, value);
	return plain_write(cpu, msr, value);
}

/* Where the trace goes is in tables in the guest's memory: none, unless through EPT. */
static enum hv_act trace_write(struct hv_cpu *cpu, u32 msr, u64 value)
{
	if (hv.caps.raw_trace && (value & RTIT_TRACE_EN))
		return absent_write(cpu, msr, value);
	return plain_write(cpu, msr, value);
}

static const struct msr_row rows[] = {
	{ MSR_KVM_OLD_FIRST, MSR_KVM_OLD_LAST, NULL, memory_write, false },
	{ MSR_HYPERV_ICR, MSR_HYPERV_ICR, NULL, icr_write, true },
	{ MSR_HYPERV_VP_ASSIST, MSR_HYPERV_VP_ASSIST, NULL, vp_assist_write, false },
	{ MSR_SYNTHETIC_FIRST, MSR_SYNTHETIC_LAST, NULL, memory_write, false },
	{ MSR_APIC_BASE, MSR_APIC_BASE, NULL, apic_base_write, false },
	{ MSR_TSC, MSR_TSC, NULL, tsc_write, false },
	{ MSR_TSC_ADJUST, MSR_TSC_ADJUST, NULL, tsc_write, false },
	{ MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL, feature_control_read, absent_write, false },
	{ MSR_VMX_FIRST, MSR_VMX_LAST, absent_read, absent_write, false },
	{ MSR_MTRR_PHYSBASE0, MSR_MTRR_LAST, NULL, mtrr_write, false },
	{ MSR_MTRR_DEFTYPE, MSR_MTRR_DEFTYPE, NULL, mtrr_write, false },
	{ MSR_DS_AREA, MSR_DS_AREA, NULL, ds_area_write, false },
	{ MSR_RTIT_CTL, MSR_RTIT_CTL, NULL, trace_write, false },
	{ MSR_X2APIC_ICR, MSR_X2APIC_ICR, NULL, icr_write, true },
	{ MSR_HW_FEEDBACK_PTR, MSR_HW_FEEDBACK_PTR, NULL, memory_write, false },
	{ MSR_EFER, MSR_EFER, efer_read, efer_write, false },
	{ MSR_TSC_RATIO, MSR_TSC_RATIO, absent_read, absent_write, false },
	{ MSR_AMD_PATCH_LOADER, MSR_AMD_PATCH_LOADER, NULL, microcode_write, false },
	{ MSR_AMD_SYSCFG, MSR_AMD_SYSCFG, NULL, routing_write, false },
	{ MSR_AMD_IORR_FIRST, MSR_AMD_TOP_MEM, NULL, routing_write, false },
	{ MSR_AMD_TOP_MEM2, MSR_AMD_TOP_MEM2, NULL, routing_write, false },
	{ MSR_AMD_MMIO_CONF, MSR_AMD_MMIO_CONF, NULL, routing_write, false },
	{ MSR_AMD_SMM_BASE, MSR_AMD_SMM_MASK, NULL, routing_write, false },
	{ MSR_VM_CR, MSR_VM_SMM_CTL, absent_read, absent_write, false },
	{ MSR_VM_HSAVE_PA, MSR_VM_HSAVE_PA, absent_read, hsave_write, false },
	{ MSR_SVM_KEY, MSR_SVM_KEY, absent_read, absent_write, false },
};

static const struct msr_row *find(u32 msr)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (msr >= rows[i].first && msr <= rows[i].last &&
		    (!rows[i].trap_icr_only || hv.trap_icr))
			return &rows[i];
	return NULL;
}

/* Which of the rows a vendor needs is its own bitmap's business; these are everybody's. */
void msr_init(void)
{
	msr_memory_facts(&memory_facts);
	hv.vendor->intercept_msr_write(MSR_TSC);
	hv.vendor->intercept_msr_write(MSR_TSC_ADJUST);
	hv.vendor->intercept_msr_write(MSR_KVM_OLD_FIRST);
	hv.vendor->intercept_msr_write(MSR_KVM_OLD_LAST);
	if (hv.trap_icr)
		hv.vendor->intercept_msr_write(MSR_X2APIC_ICR);
}

/* The memory that has been handed out already. */
static int mark_given(void)
{
	static const u32 given[] = {
		MSR_KVM_OLD_LAST,		/* system time */
		MSR_KVM_FIRST + 1,		/* the same; page faults, steal time, EOI */
		MSR_KVM_FIRST + 2, MSR_KVM_FIRST + 3, MSR_KVM_FIRST + 4,
		MSR_SYNTHETIC_FIRST + 0x01,	/* hypercalls, reference TSC, assist page, */
		MSR_SYNTHETIC_FIRST + 0x21, MSR_SYNTHETIC_FIRST + 0x73,
		MSR_SYNTHETIC_FIRST + 0x82, MSR_SYNTHETIC_FIRST + 0x83,	/* flags, messages */
		MSR_HW_FEEDBACK_PTR,
	};
	struct guest_marks marks;
	u64 value, gpa, len;
	int ret = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(given) && !ret; i++)
		if (rdmsr_safe(given[i], &value) &&
		    msr_memory(&memory_facts, given[i], value, &gpa, &len))
			ret = guest_mark(&hv.guest, gpa, len, &marks);
	return ret;
}

int msr_cpu_init(void)
{
	if (memory_facts.hyperv)
		wrmsr_safe(MSR_HYPERV_VP_ASSIST, 0);
	return mark_given();
}

enum hv_act msr_read(struct hv_cpu *cpu, struct vm_exit *exit)
{
	const struct msr_row *row = find(exit->msr);
	enum hv_act act = HV_ADVANCE;
	u64 value = 0;

	if (row && row->read)
		act = row->read(cpu, exit->msr, &value);
	else if (!hv.vendor->get_msr(cpu, exit->msr, &value) && !rdmsr_safe(exit->msr, &value))
		act = HV_GP;
	if (act == HV_ADVANCE) {
		cpu->gpr[VBH_REG_RAX] = (u32)value;
		cpu->gpr[VBH_REG_RDX] = value >> 32;
	}
	return act;
}

enum hv_act msr_write(struct hv_cpu *cpu, struct vm_exit *exit)
{
	const struct msr_row *row = find(exit->msr);

	if (row && row->write)
		return row->write(cpu, exit->msr, exit->value);
	return plain_write(cpu, exit->msr, exit->value);
}
