// SPDX-License-Identifier: GPL-2.0-only
/*
 * SVM on and off: what the processor must have, the MSR bitmap that all CPUs
 * share, and the control block built from Linux's own state.
 */
#include "../../core/string.h"
#include "svm.h"

#define VM_CR_R_INIT		BIT(1)
#define VM_CR_DIS_A20M		BIT(2)
#define VM_CR_SVMDIS		BIT(4)
#define CPUID_SVM_NPT		BIT(0)
#define CPUID_SVM_NRIPS		BIT(3)

/* Two bits a MSR, read and write; three ranges of 0x2000 (APM 2, 15.11). */
static u8 msrpm[8192] __aligned(4096);

/* The MSRs that always exit, and why it is not the pins' business. */
static const struct {
	u32 first, last;
	bool read, write;
} always[] = {
	{ MSR_PAT, MSR_PAT, true, true },	/* the guest's is in the control block */
	{ MSR_EFER, MSR_EFER, true, true },	/* SVME is set in truth, clear to the guest */
	{ MSR_APIC_BASE, MSR_APIC_BASE, false, true },
	{ MSR_TSC_RATIO, MSR_TSC_RATIO, true, true },
	{ MSR_AMD_PATCH_LOADER, MSR_AMD_PATCH_LOADER, false, true },
	/* Where physical addresses lead: SYSCFG can even switch encryption on. */
	{ MSR_AMD_SYSCFG, MSR_AMD_SYSCFG, false, true },
	{ MSR_AMD_IORR_FIRST, MSR_AMD_TOP_MEM, false, true },
	{ MSR_AMD_TOP_MEM2, MSR_AMD_TOP_MEM2, false, true },
	{ MSR_AMD_MMIO_CONF, MSR_AMD_MMIO_CONF, false, true },
	{ MSR_AMD_SMM_BASE, MSR_AMD_SMM_MASK, false, true },
	/* VM_HSAVE_PA among them: else the guest chooses where we are saved. */
	{ MSR_VM_CR, MSR_SVM_KEY, true, true },
};

static void intercept_msr(u32 msr, bool read, bool write)
{
	u32 bit;

	if (msr < 0x2000)
		bit = msr * 2;
	else if (msr - 0xc0000000 < 0x2000)
		bit = 0x800 * 8 + (msr - 0xc0000000) * 2;
	else if (msr - 0xc0010000 < 0x2000)
		bit = 0x1000 * 8 + (msr - 0xc0010000) * 2;
	else
		return;		/* outside of the map: exits always */
	__atomic_or_fetch(&msrpm[bit / 8], (read | write << 1) << bit % 8, __ATOMIC_SEQ_CST);
}

void svm_intercept_msr_write(u32 msr)
{
	intercept_msr(msr, false, true);
}

int svm_probe(struct hv_caps *caps, char *error, u32 size)
{
	const char *missing = NULL;
	u32 r[4], max;
	u64 v;

	cpuid(0x80000000, 0, r);
	max = r[0];
	cpuid(0x80000001, 0, r);
	caps->s2_1g = r[3] & BIT(26);
	if (!(r[2] & BIT(2)))
		missing = "SVM (CPUID 80000001 ECX bit 2), or firmware has it off";
	else if (max < 0x8000000a)
		missing = "SVM's features (CPUID leaf 8000000a)";
	else if (rdmsr(MSR_EFER) & EFER_SVME)
		missing = "SVM is in use by another hypervisor (EFER.SVME is set)";
	if (!missing) {
		cpuid(0x8000000a, 0, r);
		caps->nrips = r[3] & CPUID_SVM_NRIPS;
		if (!(r[3] & CPUID_SVM_NPT))
			missing = "nested paging (CPUID 8000000a EDX bit 0)";
		else if (!(rdmsr(MSR_EFER) & EFER_NXE))
			missing = "no-execute pages (EFER.NXE)";
	}
	if (!missing) {
		v = rdmsr(MSR_VM_CR);
		if (v & VM_CR_SVMDIS)
			missing = "SVM is disabled by firmware (VM_CR bit 4)";
	}
	if (missing) {
		hv_error(error, size, missing);
		return -ENODEV;
	}
	cpuid(0x80000008, 0, r);
	caps->phys_bits = r[0];
	/* NPT is walked in the host's paging mode. */
	caps->s2_levels = read_cr4() & CR4_LA57 ? 5 : 4;
	return 0;
}

int svm_init(void)
{
	u32 i, msr;

	for (i = 0; i < ARRAY_SIZE(always); i++)
		for (msr = always[i].first; msr <= always[i].last; msr++)
			intercept_msr(msr, always[i].read, always[i].write);
	return 0;
}

static void set_seg(struct vmcb_seg *to, const struct hv_segment *from)
{
	to->sel = from->sel;
	to->attr = svm_attr(from->attr);
	to->limit = from->limit;
	to->base = from->base;
}

static void set_control(struct hv_cpu *cpu, struct vmcb *v)
{
	v->cr_write = BIT(4);
	v->misc1 = SVM_I1_NMI | SVM_I1_INIT | SVM_I1_CR0_SEL | SVM_I1_CPUID | SVM_I1_INVD |
		   SVM_I1_INVLPGA | SVM_I1_MSR | SVM_I1_TASK_SWITCH | SVM_I1_SHUTDOWN;
	v->misc2 = SVM_I2_VMRUN | SVM_I2_VMMCALL | SVM_I2_VMLOAD | SVM_I2_VMSAVE | SVM_I2_STGI |
		   SVM_I2_CLGI | SVM_I2_SKINIT;
	v->msrpm_pa = hv_pa(msrpm);
	v->asid = 1;
	v->nested = NESTED_NPT;
	v->ncr3 = stage2_root();
	v->g_pat = rdmsr(MSR_PAT);
	svm_pins_changed(cpu);
	svm_flush(cpu);
}

static void set_state(struct vmcb *v, const struct hv_linux *st)
{
	set_seg(&v->es, &st->seg[SEG_ES]);
	set_seg(&v->cs, &st->seg[SEG_CS]);
	set_seg(&v->ss, &st->seg[SEG_SS]);
	set_seg(&v->ds, &st->seg[SEG_DS]);
	v->gdtr.base = st->gdtr.base;
	v->gdtr.limit = st->gdtr.limit;
	v->idtr.base = st->idtr.base;
	v->idtr.limit = st->idtr.limit;
	v->cr0 = st->cr0;
	v->cr3 = st->cr3;
	v->cr4 = st->cr4;
	v->efer = st->efer | EFER_SVME;
	v->dr6 = DR6_INIT;
	v->dr7 = st->dr7;
	v->rflags = st->rflags;
	v->rip = st->rip;
	v->rsp = st->gpr[VBH_REG_RSP];
}

int svm_cpu_on(struct hv_cpu *cpu, const struct hv_linux *st, char *error, u32 size)
{
	struct svm_cpu *svm = pool_page();	/* both small things and aligned ones */
	struct vmcb *v = pool_page();
	void *hsave = pool_page();

	if (!svm || !v || !hsave) {
		hv_error(error, size, "memory for the control block of a CPU");
		return -ENOMEM;
	}
	if (rdmsr(MSR_EFER) & EFER_SVME) {
		hv_error(error, size, "SVM is in use by another hypervisor (EFER.SVME is set)");
		return -EBUSY;
	}
	svm->vmcb = v;
	svm->vmcb_pa = hv_pa(v);
	svm->hsave_pa = hv_pa(hsave);
	cpu->vendor = svm;
	set_control(cpu, v);
	set_state(v, st);
	wrmsr(MSR_EFER, st->efer | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, svm->hsave_pa);
	/*
	 * An INIT stays pending over its exit and would reset us at the next STGI:
	 * make it an #SX. And no A20 gate: it would fold physical addresses.
	 */
	svm->vm_cr = rdmsr(MSR_VM_CR);
	wrmsr_safe(MSR_VM_CR, svm->vm_cr | VM_CR_R_INIT | VM_CR_DIS_A20M);
	asm volatile("clgi");
	return 0;
}

void svm_cpu_off(struct hv_cpu *cpu, struct hv_linux *st)
{
	struct vmcb *v = vmcb(cpu);
	struct hv_segment *seg = st->seg;

	hv_capture(st);		/* what stayed in the processor: FS, GS, LDTR, TR, MSRs */
	seg[SEG_ES].sel = v->es.sel;
	seg[SEG_CS].sel = v->cs.sel;
	seg[SEG_SS].sel = v->ss.sel;
	seg[SEG_DS].sel = v->ds.sel;
	svm_vmsave(svm_cpu(cpu)->vmcb_pa);
	seg[SEG_TR].sel = v->tr.sel;
	seg[SEG_TR].base = v->tr.base;
	seg[SEG_TR].limit = v->tr.limit;
	st->gdtr = (struct dt_reg) { v->gdtr.limit, v->gdtr.base };
	st->idtr = (struct dt_reg) { v->idtr.limit, v->idtr.base };
	st->cr0 = v->cr0;
	st->cr3 = v->cr3;
	st->cr4 = v->cr4;
	st->efer = v->efer & ~EFER_SVME;
	st->dr7 = v->dr7;
	st->rflags = v->rflags;
	st->rip = v->rip;
	write_dr6(v->dr6);
	write_cr2(v->cr2);
	/* GIF before SVME: STGI needs it. Interrupts stay off by RFLAGS.IF. */
	asm volatile("stgi");
	wrmsr_safe(MSR_VM_CR, svm_cpu(cpu)->vm_cr);
	wrmsr(MSR_VM_HSAVE_PA, 0);
	wrmsr(MSR_EFER, st->efer);
}
