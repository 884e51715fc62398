// SPDX-License-Identifier: GPL-2.0-only
/*
 * Into VMX operation with a VMCS made of what Linux had, and out again with
 * what Linux has by then. The guest's state goes in through the same functions
 * that serve exits; here are the controls and the host's half.
 */
#include "vmx.h"

#define VPID			1	/* one guest; each CPU's cache is its own */

/* For as long as the image stays: a launch that fails takes all of it back. */
static int alloc_cpu(struct hv_cpu *cpu)
{
	struct vmx_cpu *vc = pool_page();

	cpu->vendor = vc;
	if (!vc)
		return -ENOMEM;
	vc->vmxon = pool_page();
	vc->vmcs = pool_page();
	if (!vc->vmxon || !vc->vmcs)
		return -ENOMEM;
	*(u32 *)vc->vmxon = vmx_caps.revision;
	*(u32 *)vc->vmcs = vmx_caps.revision;
	return 0;
}

/* Firmware on some machines leaves the MSR unlocked on some CPUs: VMXON needs the lock. */
static bool unlock_feature(void)
{
	u64 fc = rdmsr(MSR_FEATURE_CONTROL);

	if (fc & FEATURE_CONTROL_LOCK)
		return fc & FEATURE_CONTROL_VMXON;
	return wrmsr_safe(MSR_FEATURE_CONTROL, fc | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON);
}

static void stop_vmx(void)
{
	vmxoff();
	write_cr4(read_cr4() & ~CR4_VMXE);
}

/* VMX operation, with this CPU's VMCS current and empty. What failed, or NULL. */
static const char *start_vmx(struct vmx_cpu *vc)
{
	u64 vmcs = hv_pa(vc->vmcs);

	if (!unlock_feature())
		return "VMX on every CPU (IA32_FEATURE_CONTROL bit 2)";
	write_cr0(read_cr0() | CR0_NE);
	write_cr4(read_cr4() | CR4_VMXE);
	if (!vmxon(hv_pa(vc->vmxon))) {
		write_cr4(read_cr4() & ~CR4_VMXE);
		return "VMXON failed";
	}
	if (vmclear(vmcs) && vmptrld(vmcs))
		return NULL;
	stop_vmx();
	return "VMPTRLD failed";
}

/* Fields whose value is a constant; all others that an entry reads are set below. */
static const struct {
	u16 field;
	u64 value;
} constants[] = {
	{ VMCS_EXCEPTION_BITMAP, 0 },
	{ VMCS_PF_ERROR_MASK, 0 },
	{ VMCS_PF_ERROR_MATCH, 0 },
	{ VMCS_CR3_TARGETS, 0 },
	{ VMCS_EXIT_MSR_STORE_COUNT, 0 },
	{ VMCS_EXIT_MSR_LOAD_COUNT, 0 },
	{ VMCS_ENTRY_MSR_LOAD_COUNT, 0 },
	{ VMCS_ENTRY_EVENT, 0 },
	{ VMCS_VPID, VPID },
	{ VMCS_LINK_POINTER, ~0ull },
	{ VMCS_GUEST_SHADOW, 0 },
	{ VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE },
	{ VMCS_GUEST_PENDING_DB, 0 },
	{ VMCS_CR0_MASK, 0 },
	{ VMCS_CR4_MASK, 0 },
};

static void set_controls(void)
{
	u32 i;

	vmwrite(VMCS_PIN_CTLS, vmx_caps.controls[SET_PIN]);
	vmwrite(VMCS_PROC_CTLS, vmx_caps.controls[SET_PROC]);
	vmwrite(VMCS_PROC_CTLS2, vmx_caps.controls[SET_PROC2]);
	vmwrite(VMCS_EXIT_CTLS, vmx_caps.controls[SET_EXIT]);
	vmwrite(VMCS_ENTRY_CTLS, vmx_caps.controls[SET_ENTRY]);
	for (i = 0; i < ARRAY_SIZE(constants); i++)
		vmwrite(constants[i].field, constants[i].value);
	vmwrite(VMCS_MSR_BITMAP, vmx_msr_bitmap());
	vmwrite(VMCS_EPT_POINTER, vmx_eptp());
	if (vmx_control(SET_PROC2, PROC2_XSAVES))
		vmwrite(VMCS_XSS_BITMAP, 0);
	if (vmx_control(SET_PROC2, PROC2_PCONFIG))
		vmwrite(VMCS_PCONFIG_BITMAP, 0);
}

/*
 * Counters stand still in the hypervisor: PEBS would write its records through
 * our tables. No control saves the guest's value on every processor, but an MSR
 * area does; the entry loads what the exit stored.
 */
static void set_perf(struct vmx_cpu *vc)
{
	u64 area = hv_pa(&vc->perf);

	if (vmx_control(SET_EXIT, EXIT_LOAD_PERF))
		vmwrite(VMCS_HOST_PERF_GLOBAL, 0);
	if (!vmx_caps.perf)
		return;
	vc->perf.index = MSR_PERF_GLOBAL_CTRL;
	vc->perf.value = rdmsr(MSR_PERF_GLOBAL_CTRL);
	vmwrite(VMCS_EXIT_MSR_STORE, area);
	vmwrite(VMCS_EXIT_MSR_STORE_COUNT, 1);
	vmwrite(VMCS_ENTRY_MSR_LOAD, area);
	vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 1);
}

static void set_host(struct hv_cpu *cpu)
{
	struct dt_reg gdtr, idtr;

	sgdt(&gdtr);
	sidt(&idtr);
	vmwrite(VMCS_HOST_CR0, read_cr0());
	vmwrite(VMCS_HOST_CR3, hv.cr3);
	vmwrite(VMCS_HOST_CR4, read_cr4());
	vmwrite(VMCS_HOST_ES, HV_DS);
	vmwrite(VMCS_HOST_CS, HV_CS);
	vmwrite(VMCS_HOST_SS, HV_DS);
	vmwrite(VMCS_HOST_DS, HV_DS);
	vmwrite(VMCS_HOST_FS, 0);
	vmwrite(VMCS_HOST_GS, 0);
	vmwrite(VMCS_HOST_TR, HV_TR);
	vmwrite(VMCS_HOST_FS_BASE, 0);
	vmwrite(VMCS_HOST_GS_BASE, 0);
	vmwrite(VMCS_HOST_TR_BASE, (u64)cpu->tss);
	vmwrite(VMCS_HOST_GDTR_BASE, gdtr.base);
	vmwrite(VMCS_HOST_IDTR_BASE, idtr.base);
	vmwrite(VMCS_HOST_SYSENTER_CS, 0);
	vmwrite(VMCS_HOST_SYSENTER_ESP, 0);
	vmwrite(VMCS_HOST_SYSENTER_EIP, 0);
	vmwrite(VMCS_HOST_PAT, rdmsr(MSR_PAT));
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	vmwrite(VMCS_HOST_RSP, (u64)vmx_top(cpu));
	vmwrite(VMCS_HOST_RIP, (u64)vmx_exit_entry);
}

static void set_guest(struct hv_cpu *cpu, const struct hv_linux *st)
{
	u32 i;

	vmwrite(VMCS_GUEST_EFER, st->efer);
	vmwrite(VMCS_GUEST_CR0, st->cr0 | CR0_NE);
	vmwrite(VMCS_CR0_SHADOW, st->cr0);
	vmwrite(VMCS_GUEST_CR3, st->cr3);
	vmwrite(VMCS_GUEST_CR4, st->cr4 | CR4_VMXE);
	vmwrite(VMCS_CR4_SHADOW, st->cr4);
	/* Before the masks are set the fields themselves are what the guest reads. */
	vmwrite(VMCS_CR0_MASK, CR0_NE);
	vmwrite(VMCS_CR4_MASK, CR4_VMXE);
	vmx_pins_changed(cpu);
	for (i = 0; i < NR_SEGS; i++)
		vmx_set_seg(cpu, i, &st->seg[i]);
	vmx_set_dt(cpu, VBH_DTR_GDTR, &st->gdtr);
	vmx_set_dt(cpu, VBH_DTR_IDTR, &st->idtr);
	vmwrite(VMCS_GUEST_RIP, st->rip);
	vmwrite(VMCS_GUEST_RSP, st->gpr[VBH_REG_RSP]);
	vmwrite(VMCS_GUEST_RFLAGS, st->rflags);
	vmwrite(VMCS_GUEST_DR7, st->dr7);
	vmwrite(VMCS_GUEST_SYSENTER_CS, st->sysenter_cs);
	vmwrite(VMCS_GUEST_SYSENTER_ESP, st->sysenter_esp);
	vmwrite(VMCS_GUEST_SYSENTER_EIP, st->sysenter_eip);
	vmwrite(VMCS_GUEST_PAT, st->pat);
	vmwrite(VMCS_GUEST_DEBUGCTL, st->debugctl);
}

int vmx_cpu_on(struct hv_cpu *cpu, const struct hv_linux *st, char *error, u32 size)
{
	const char *failed;

	if (st->cr4 & CR4_VMXE) {
		hv_error(error, size, "VMX is in use, by KVM most likely (CR4.VMXE is set)");
		return -EBUSY;
	}
	if (alloc_cpu(cpu)) {
		hv_error(error, size, "memory for a CPU's VMCS");
		return -ENOMEM;
	}
	failed = start_vmx(cpu->vendor);
	if (failed) {
		hv_error(error, size, failed);
		return -ENODEV;
	}
	vmx_top(cpu)->news = ~0;
	set_controls();
	set_perf(cpu->vendor);
	set_host(cpu);
	set_guest(cpu, st);
	if (vmx_caps.pt) {
		/* The entry loads it, and insists that tracing is off until then. */
		vmwrite(VMCS_GUEST_RTIT_CTL, rdmsr(MSR_RTIT_CTL));
		wrmsr(MSR_RTIT_CTL, 0);
	}
	/* This EPT pointer may have been another hypervisor's. */
	invept(vmx_eptp());
	return 0;
}

static void get_guest(struct hv_cpu *cpu, struct hv_linux *st)
{
	u32 i;

	st->rip = vmread(VMCS_GUEST_RIP);
	st->rflags = vmread(VMCS_GUEST_RFLAGS);
	st->cr0 = vmx_get_cr(0);
	st->cr3 = vmread(VMCS_GUEST_CR3);
	st->cr4 = vmx_get_cr(4);
	st->efer = vmread(VMCS_GUEST_EFER);
	st->dr7 = vmread(VMCS_GUEST_DR7);
	for (i = 0; i < NR_SEGS; i++)
		vmx_get_seg(i, &st->seg[i]);
	vmx_get_dt(cpu, VBH_DTR_GDTR, &st->gdtr);
	vmx_get_dt(cpu, VBH_DTR_IDTR, &st->idtr);
	st->sysenter_cs = vmread(VMCS_GUEST_SYSENTER_CS);
	st->sysenter_esp = vmread(VMCS_GUEST_SYSENTER_ESP);
	st->sysenter_eip = vmread(VMCS_GUEST_SYSENTER_EIP);
	st->pat = vmread(VMCS_GUEST_PAT);
	st->debugctl = vmread(VMCS_GUEST_DEBUGCTL);
}

void vmx_cpu_off(struct hv_cpu *cpu, struct hv_linux *st)
{
	struct vmx_cpu *vc = cpu->vendor;
	u64 rtit = vmx_caps.pt ? vmread(VMCS_GUEST_RTIT_CTL) : 0;

	get_guest(cpu, st);
	vmclear(hv_pa(vc->vmcs));
	stop_vmx();
	wrmsr(MSR_SYSENTER_CS, st->sysenter_cs);
	wrmsr(MSR_SYSENTER_ESP, st->sysenter_esp);
	wrmsr(MSR_SYSENTER_EIP, st->sysenter_eip);
	wrmsr(MSR_PAT, st->pat);
	write_dr7(st->dr7);
	if (vmx_caps.perf)
		wrmsr(MSR_PERF_GLOBAL_CTRL, vc->perf.value);
	if (rtit)
		wrmsr(MSR_RTIT_CTL, rtit);
	wrmsr(MSR_DEBUGCTL, st->debugctl);
}
