// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processor state: each of KVM's hooks is turned into the core's question, and
 * its verdict into what KVM does. Nothing is decided here but what only KVM
 * knows: that a guest in SMM is firmware, where its code is not the guest's own
 * memory; and that a protected guest has neither SVM nor VMX, in SMM or out of it.
 */
#include "body.h"
#include "../lapic.h"
#include "core/errno.h"

static struct kvm_vbh_vcpu *to_vv(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.vbh;
}

/* Is there a guest to ask about, and does the guest itself run, with its CRs and tables? */
static bool watched(struct kvm_vcpu *vcpu)
{
	return vbh_begun(vcpu->kvm) && !to_vv(vcpu)->smm.in;
}

/* What the core will not have; a reset is user space's to make, as after a triple fault. */
static bool refused(struct kvm_vcpu *vcpu, enum vbh_verdict verdict)
{
	if (verdict == VBH_RESET)
		kvm_make_request(KVM_REQ_TRIPLE_FAULT, vcpu);
	return verdict != VBH_ALLOW;
}

/* With what was pinned on another vCPU a value may be one that this one can't have. */
static bool valid_cr(struct kvm_vcpu *vcpu, int nr, unsigned long value)
{
	unsigned long cr0 = nr ? kvm_read_cr0(vcpu) : value;
	unsigned long cr4 = nr ? value : kvm_read_cr4(vcpu);

	if ((cr4 & X86_CR4_CET) && !(cr0 & X86_CR0_WP))
		return false;
	if (!nr)
		return !(value & X86_CR0_PG) || (value & X86_CR0_PE);
	if (is_long_mode(vcpu) && ((value ^ kvm_read_cr4(vcpu)) & X86_CR4_LA57))
		return false;
	return __kvm_is_valid_cr4(vcpu, value) && static_call(kvm_x86_is_valid_cr4)(vcpu, value);
}

/*
 * A CPU that comes up after INIT gets its pinned bits with paging, not when Linux
 * comes to set them: it would else be led elsewhere before. False: it can't have
 * them.
 */
static bool raise_floor(struct kvm_vcpu *vcpu, int nr, unsigned long *value)
{
	struct vbh_vcpu *core = &to_vv(vcpu)->core;
	bool lma = vcpu->arch.efer & EFER_LMA;
	bool enters = !nr && (*value & X86_CR0_PG) && (vcpu->arch.efer & EFER_LME) && !lma;
	unsigned long cr4;
	u64 efer;

	if (!enters && !lma)
		return true;
	*value |= core_floor(core, nr ? VBH_PIN_CR4 : VBH_PIN_CR0);
	if (!valid_cr(vcpu, nr, *value))
		return false;
	if (!enters)
		return true;
	cr4 = kvm_read_cr4(vcpu) | core_floor(core, VBH_PIN_CR4);
	efer = vcpu->arch.efer | (core_floor(core, VBH_PIN_EFER) & ~(u64)EFER_LMA);
	if (!valid_cr(vcpu, 4, cr4) || !kvm_valid_efer(vcpu, efer))
		return false;
	if (cr4 != kvm_read_cr4(vcpu))
		static_call(kvm_x86_set_cr4)(vcpu, cr4);
	return efer == vcpu->arch.efer || !static_call(kvm_x86_set_efer)(vcpu, efer);
}

int kvm_vbh_set_cr(struct kvm_vcpu *vcpu, int nr, unsigned long old, unsigned long *value)
{
	struct kvm_vbh_vcpu *vv = to_vv(vcpu);

	if (!vbh_begun(vcpu->kvm))
		return 0;
	vv->exits[VBH_EXIT_CR_WRITE]++;
	if (nr == 4 && (*value & ~old & X86_CR4_VMXE)) {
		core_virt_insn(&vv->core, VIRT_CR4, *value);
		return 1;
	}
	if (!watched(vcpu))
		return 0;
	if (!raise_floor(vcpu, nr, value))
		return 1;
	return refused(vcpu, core_cr_write(&vv->core, nr, old, *value));
}

int kvm_vbh_set_efer(struct kvm_vcpu *vcpu, u64 *value)
{
	struct kvm_vbh_vcpu *vv = to_vv(vcpu);

	if (!vbh_begun(vcpu->kvm))
		return 0;
	if (*value & EFER_SVME) {
		core_virt_insn(&vv->core, MSR_EFER, *value);
		return 1;
	}
	if (!watched(vcpu))
		return 0;
	return refused(vcpu, core_msr_write(&vv->core, MSR_EFER, vcpu->arch.efer, *value));
}

/* The MSRs of SVM and VMX, which CPUID says are not there. */
static const struct {
	u32 first, last;
	bool reads;		/* #GP as well */
} absent[] = {
	{ MSR_IA32_FEAT_CTL, MSR_IA32_FEAT_CTL, false },
	{ MSR_IA32_VMX_BASIC, 0x493, true },
	{ MSR_AMD64_TSC_RATIO, MSR_AMD64_TSC_RATIO, true },
	{ MSR_VM_CR, 0xc0010119, true },
};

static bool is_absent(u32 msr, bool read)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(absent); i++) {
		if (msr >= absent[i].first && msr <= absent[i].last)
			return !read || absent[i].reads;
	}
	return false;
}

bool kvm_vbh_msr_absent(struct kvm_vcpu *vcpu, u32 msr)
{
	if (!vbh_begun(vcpu->kvm))
		return false;
	to_vv(vcpu)->exits[VBH_EXIT_MSR_READ]++;
	return is_absent(msr, true);
}

/* AMD's processors keep half of these, and KVM gives back no more. */
static u64 as_kept(struct kvm_vcpu *vcpu, u32 msr, u64 value)
{
	if ((msr == MSR_IA32_SYSENTER_ESP || msr == MSR_IA32_SYSENTER_EIP) &&
	    !vbh_is_intel(vcpu))
		return (u32)value;
	return value;
}

/* In SMM as well, for RSM does not load them: what a handler leaves there stays. */
int kvm_vbh_set_msr(struct kvm_vcpu *vcpu, u32 msr, u64 value)
{
	struct kvm_vbh_vcpu *vv = to_vv(vcpu);
	struct kvm_vbh *v = vcpu->kvm->arch.vbh;
	u64 old;

	if (!vbh_begun(vcpu->kvm))
		return 0;
	vv->exits[VBH_EXIT_MSR_WRITE]++;
	/* Linux switches SVM off on its way down, whether or not it was on. */
	if (is_absent(msr, false) && (msr != MSR_VM_HSAVE_PA || value)) {
		core_virt_insn(&vv->core, msr, value);
		return 1;
	}
	if (msr == MSR_EFER || !core_msr_pinned(&v->guest, msr) || vbh_get_msr(vcpu, msr, &old))
		return 0;
	return refused(vcpu, core_msr_write(&vv->core, msr, old, as_kept(vcpu, msr, value)));
}

bool kvm_vbh_msr_pinned(struct kvm *kvm, u32 msr)
{
	return vbh_begun(kvm) && core_msr_pinned(&kvm->arch.vbh->guest, msr);
}
EXPORT_SYMBOL_VBH(kvm_vbh_msr_pinned);

u32 __kvm_vbh_pinned_dt(struct kvm *kvm)
{
	return vbh_begun(kvm) ? READ_ONCE(kvm->arch.vbh->guest.pins.dtr_mask) : 0;
}
EXPORT_SYMBOL_VBH(__kvm_vbh_pinned_dt);

u64 __kvm_vbh_pinned_cr(struct kvm *kvm, int nr)
{
	const struct pin_table *pins;

	if (!vbh_begun(kvm))
		return 0;
	pins = &kvm->arch.vbh->guest.pins;
	return nr ? READ_ONCE(pins->cr4_mask) : READ_ONCE(pins->cr0_mask);
}
EXPORT_SYMBOL_VBH(__kvm_vbh_pinned_cr);

bool __kvm_vbh_begun(struct kvm *kvm)
{
	return vbh_begun(kvm);
}
EXPORT_SYMBOL_VBH(__kvm_vbh_begun);

bool kvm_vbh_may_load_dt(struct kvm_vcpu *vcpu, int dt, u64 value, u32 limit)
{
	struct kvm_vbh_vcpu *vv = to_vv(vcpu);

	BUILD_BUG_ON(KVM_VBH_GDTR != (int)VBH_DTR_GDTR || KVM_VBH_TR != (int)VBH_DTR_TR);
	if (!watched(vcpu))
		return true;
	vv->exits[VBH_EXIT_DTR]++;
	return !refused(vcpu, core_dtr_load(&vv->core, dt, vbh_dt(vcpu, dt), value, limit));
}

void kvm_vbh_virt_insn(struct kvm_vcpu *vcpu)
{
	if (!vbh_begun(vcpu->kvm))
		return;
	to_vv(vcpu)->exits[VBH_EXIT_VIRT_INSN]++;
	core_virt_insn(&to_vv(vcpu)->core, 0, 0);
}
EXPORT_SYMBOL_VBH(kvm_vbh_virt_insn);

bool vbh_has_nested(struct kvm_vcpu *vcpu)
{
	return is_guest_mode(vcpu) || (vcpu->arch.efer & EFER_SVME) ||
	       (vcpu->arch.cr4 & X86_CR4_VMXE);
}

/*
 * Is this page of SMRAM not the guest's own memory as well? User space shows SMM
 * memory of its own where firmware has asked the chipset for that.
 */
static bool is_hidden(struct kvm *kvm, gpa_t gpa)
{
	gfn_t gfn = gpa_to_gfn(gpa);
	unsigned long hva = gfn_to_hva_memslot(__gfn_to_memslot(__kvm_memslots(kvm, 1), gfn), gfn);

	return !kvm_is_error_hva(hva) && hva != gfn_to_hva(kvm, gfn);
}

bool kvm_vbh_enter_smm(struct kvm_vcpu *vcpu)
{
	struct vbh_smm *smm = &to_vv(vcpu)->smm;
	int i;

	/* Where the handler starts, and what RSM loads. */
	if (vbh_begun(vcpu->kvm) && !(is_hidden(vcpu->kvm, vcpu->arch.smbase + 0x8000) &&
				      is_hidden(vcpu->kvm, vcpu->arch.smbase + 0xfe00))) {
		vbh_tell_smi(vcpu);
		return false;
	}
	smm->cr0 = kvm_read_cr0(vcpu);
	smm->cr4 = kvm_read_cr4(vcpu);
	smm->efer = vcpu->arch.efer;
	for (i = 0; i < VBH_NR_DTR; i++)
		smm->dt[i] = vbh_dt(vcpu, i);
	smm->in = true;
	return true;
}

/*
 * RSM takes its state from memory, where whoever owns the SMRAM may have changed
 * it: it is judged as if the guest itself had gone there from where it was.
 */
bool kvm_vbh_left_smm(struct kvm_vcpu *vcpu)
{
	struct kvm_vbh_vcpu *vv = to_vv(vcpu);
	const struct vbh_smm *smm = &vv->smm;
	bool ok, was_in = smm->in;
	int i;

	vv->smm.in = false;
	if (!vbh_begun(vcpu->kvm))
		return true;
	if (!was_in || vbh_has_nested(vcpu))
		return false;
	ok = core_cr_write(&vv->core, 0, smm->cr0, kvm_read_cr0(vcpu)) == VBH_ALLOW &&
	     core_cr_write(&vv->core, 4, smm->cr4, kvm_read_cr4(vcpu)) == VBH_ALLOW &&
	     core_msr_write(&vv->core, MSR_EFER, smm->efer, vcpu->arch.efer) == VBH_ALLOW;
	for (i = 0; ok && i < VBH_NR_DTR; i++)
		ok = core_dtr_load(&vv->core, i, smm->dt[i], vbh_dt(vcpu, i), ~0u) == VBH_ALLOW;
	return ok;
}

static struct kvm_vcpu *find_apic(struct kvm_vcpu *from, const struct kvm_lapic_irq *irq)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, from->kvm) {
		if (kvm_apic_present(vcpu) &&
		    kvm_apic_match_dest(vcpu, from->arch.apic, APIC_DEST_NOSHORT, irq->dest_id,
					APIC_DEST_PHYSICAL))
			return vcpu;
	}
	return NULL;
}

/* INIT and SIPI are for one CPU, by its ID, as Linux sends them: a group is nobody. */
static struct kvm_vcpu *receiver(struct kvm_vcpu *from, const struct kvm_lapic_irq *irq, u32 *id)
{
	u32 everybody = apic_x2apic_mode(from->arch.apic) ? X2APIC_BROADCAST : APIC_BROADCAST;

	*id = irq->dest_id;
	if (irq->shorthand == APIC_DEST_SELF) {
		*id = from->vcpu_id;
		return from;
	}
	if (irq->shorthand || irq->dest_mode != APIC_DEST_PHYSICAL) {
		*id = ~0u;
		return NULL;
	}
	return irq->dest_id == everybody ? NULL : find_apic(from, irq);
}

/* Refused, by whichever way it came. To the core it is a start that nobody may make. */
void vbh_tell_smi(struct kvm_vcpu *vcpu)
{
	to_vv(vcpu)->exits[VBH_EXIT_INIT]++;
	core_init(&to_vv(vcpu)->core, NULL, vcpu->vcpu_id);
}

/* Firmware calls the other CPUs by an SMI, each by its ID. Nobody else does. */
static bool send_smi(struct kvm_vcpu *vcpu, const struct kvm_lapic_irq *irq)
{
	struct kvm_vcpu *to;
	u32 id;

	if (!vbh_begun(vcpu->kvm))
		return false;
	to_vv(vcpu)->exits[VBH_EXIT_APIC]++;
	to = receiver(vcpu, irq, &id);
	if (watched(vcpu))
		core_init(&to_vv(vcpu)->core, NULL, id);
	else if (to)
		vbh_inject_smi(to);
	return true;
}

bool kvm_vbh_send_ipi(struct kvm_vcpu *vcpu, struct kvm_lapic_irq *irq)
{
	struct kvm_vbh *v = vcpu->kvm->arch.vbh;
	bool init = irq->delivery_mode == APIC_DM_INIT;
	struct vbh_vcpu *core = &to_vv(vcpu)->core;
	struct kvm_vcpu *to;
	enum vbh_verdict verdict;
	u32 id;

	if (irq->delivery_mode == APIC_DM_SMI)
		return send_smi(vcpu, irq);
	if (!init && irq->delivery_mode != APIC_DM_STARTUP)
		return false;
	if (!watched(vcpu)) {
		if (!init)
			v->last_sipi = irq->vector;
		return false;
	}
	/* A de-assert has no effect. */
	if (init && irq->trig_mode && !irq->level)
		return true;
	to_vv(vcpu)->exits[VBH_EXIT_APIC]++;
	to = receiver(vcpu, irq, &id);
	if (to)
		vbh_take_number(to);
	if (init)
		verdict = core_init(core, to ? &to_vv(to)->core : NULL, id);
	else
		verdict = core_sipi(core, to ? &to_vv(to)->core : NULL, id, irq->vector);
	if (verdict == VBH_ALLOW && to)
		kvm_apic_set_irq(to, irq, NULL);
	return true;
}

/* Linux starts no CPU by this call: there is no one receiver to ask about. */
bool kvm_vbh_pv_ipi(struct kvm_vcpu *vcpu, u64 icr)
{
	struct vbh_vcpu *core = &to_vv(vcpu)->core;
	u32 mode = icr & APIC_MODE_MASK;

	if ((mode != APIC_DM_INIT && mode != APIC_DM_STARTUP && mode != APIC_DM_SMI) ||
	    !watched(vcpu))
		return false;
	if (mode == APIC_DM_STARTUP)
		core_sipi(core, NULL, ~0u, icr & APIC_VECTOR_MASK);
	else
		core_init(core, NULL, ~0u);
	return true;
}

/*
 * What a vCPU is ready for was decided when the IPI was sent, or when it parked.
 * Anything else did not come as an IPI; it is dropped here, and judged where one
 * may sleep.
 */
bool kvm_vbh_may_start(struct kvm_vcpu *vcpu, bool init, u8 vector)
{
	struct kvm_vbh_vcpu *vv = to_vv(vcpu);
	u8 run = READ_ONCE(vv->core.run), only = vcpu->kvm->arch.vbh->guest.sipi_page;

	if (!vbh_begun(vcpu->kvm))
		return true;
	if (init ? run == VCPU_PARKED || run == VCPU_WAIT_SIPI :
		   run == VCPU_STARTED && (!only || vector == only))
		return true;
	if (init) {
		WRITE_ONCE(vv->init_refused, true);
		kvm_make_request(KVM_REQ_VBH, vcpu);
		kvm_vcpu_kick(vcpu);
	}
	return false;
}

bool kvm_vbh_may_smi(struct kvm_vcpu *vcpu)
{
	if (!vbh_begun(vcpu->kvm))
		return true;
	WRITE_ONCE(to_vv(vcpu)->smi_refused, true);
	kvm_make_request(KVM_REQ_VBH, vcpu);
	kvm_vcpu_kick(vcpu);
	return false;
}

/* The INIT that was dropped. Rule log lets it happen after all. */
void vbh_judge_init(struct kvm_vcpu *vcpu)
{
	struct kvm_lapic_irq irq = { .delivery_mode = APIC_DM_INIT, .level = true };
	struct kvm_vbh_vcpu *vv = to_vv(vcpu);

	vv->exits[VBH_EXIT_INIT]++;
	if (core_init(&vv->core, &vv->core, vcpu->vcpu_id) == VBH_ALLOW)
		kvm_apic_set_irq(vcpu, &irq, NULL);
}

static void hide_virt(u32 function, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	switch (function) {
	case 1:
		*ecx &= ~BIT(5);		/* VMX */
		break;
	case 0x80000001:
		*ecx &= ~(BIT(2) | BIT(12));	/* SVM, SKINIT */
		break;
	case 0x8000000a:
		*eax = *ebx = *ecx = *edx = 0;
	}
}

/* A leaf that user space has given is not touched. */
void kvm_vbh_cpuid(struct kvm_vcpu *vcpu, u32 function, bool exact,
		   u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	struct kvm_vbh *v = vcpu->kvm->arch.vbh;
	u32 r[4];

	if (vbh_begun(vcpu->kvm))
		hide_virt(function, eax, ebx, ecx, edx);
	if (exact || function - VBH_CPUID_BASE >= VBH_CPUID_LEAVES)
		return;
	core_cpuid(&v->guest, VBH_CPUID_BASE, function, r);
	/* What can't be protected has nothing that could be pinned. */
	if (!v->able && function - VBH_CPUID_BASE >= 2)
		memset(r, 0, sizeof(r));
	if (function - VBH_CPUID_BASE == 1 && vbh_begun(vcpu->kvm))
		r[3] = VBH_CPUID_BEGUN;
	if (function - VBH_CPUID_BASE == 3)
		r[3] = atomic_read(&vcpu->kvm->online_vcpus);
	*eax = r[0];
	*ebx = r[1];
	*ecx = r[2];
	*edx = r[3];
}

static u64 hypercall_number(struct kvm_vcpu *vcpu)
{
	u64 nr = kvm_register_read_raw(vcpu, VCPU_REGS_RAX);

	return is_64_bit_hypercall(vcpu) ? nr : (u32)nr;
}

bool kvm_vbh_is_hypercall(struct kvm_vcpu *vcpu)
{
	return hypercall_number(vcpu) - VBH_HC_BASE < VBH_HC_RANGE;
}

static s64 call(struct kvm_vcpu *vcpu)
{
	struct kvm_vbh *v = vcpu->kvm->arch.vbh;
	struct vbh_vcpu *core = &to_vv(vcpu)->core;
	u64 mask = is_64_bit_hypercall(vcpu) ? ~0ull : ~0u;
	u64 nr = hypercall_number(vcpu);
	const u64 args[4] = {
		kvm_register_read_raw(vcpu, VCPU_REGS_RBX) & mask,
		kvm_register_read_raw(vcpu, VCPU_REGS_RCX) & mask,
		kvm_register_read_raw(vcpu, VCPU_REGS_RDX) & mask,
		kvm_register_read_raw(vcpu, VCPU_REGS_RSI) & mask,
	};
	u32 clears;
	s64 ret;

	/* Nor can it be seen what an encrypted guest does. */
	if (!v->able || vcpu->arch.guest_state_protected)
		return -ENODEV;
	ret = vbh_begin(vcpu, &clears);
	if (ret)
		return ret;
	ret = core_hypercall(core, nr, args);
	if (nr == VBH_HC_STOP && !ret)
		return vbh_stop(v);
	/* Stopped meanwhile by another vCPU: nothing is left of what it did. */
	if (READ_ONCE(v->clears) != clears)
		return -EAGAIN;
	/* Earlier nobody could have read it. */
	if (nr == VBH_HC_EVENT_RING && !ret)
		core_note(core, VBH_KIND_START, 0, 0);
	return ret;
}

int kvm_vbh_hypercall(struct kvm_vcpu *vcpu)
{
	s64 ret;

	to_vv(vcpu)->exits[VBH_EXIT_HYPERCALL]++;
	++vcpu->stat.hypercalls;
	if (static_call(kvm_x86_get_cpl)(vcpu)) {
		if (vbh_begun(vcpu->kvm))
			core_hypercall_user(&to_vv(vcpu)->core);
		kvm_queue_exception(vcpu, UD_VECTOR);
		return 1;
	}
	ret = call(vcpu);
	kvm_register_write_raw(vcpu, VCPU_REGS_RAX, is_64_bit_hypercall(vcpu) ? ret : (u32)ret);
	return kvm_skip_emulated_instruction(vcpu);
}
