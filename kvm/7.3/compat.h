/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What VBH uses of KVM and the KVMs that it has patches for do not name alike:
 * that of Linux 7.3. Each has the same names here; nothing else knows which it is.
 */
#ifndef KVM_VBH_COMPAT_H
#define KVM_VBH_COMPAT_H

#include "../cpuid.h"
#include "../mmu.h"
#include "../msrs.h"
#include "../regs.h"
#include "../smm.h"
#include "../x86.h"
#include "../xen.h"
#include "../mmu/spte.h"

/* For kvm-amd.ko and kvm-intel.ko. */
#define EXPORT_SYMBOL_VBH(symbol)	EXPORT_SYMBOL_FOR_KVM_INTERNAL(symbol)

static inline bool vbh_is_intel(struct kvm_vcpu *vcpu)
{
	return guest_cpuid_is_intel_compatible(vcpu);
}

/* Can KVM see its guest's memory? That of SEV is told by the vCPU. */
static inline bool vbh_is_plain(struct kvm *kvm)
{
	return kvm->arch.vm_type == KVM_X86_DEFAULT_VM;
}

/* Has user space asked for what Xen does? */
static inline bool vbh_has_xen(struct kvm_vcpu *vcpu)
{
#ifdef CONFIG_KVM_XEN
	return kvm_xen_msr_enabled(vcpu->kvm) || vcpu->kvm->arch.xen.shinfo_cache.active ||
	       vcpu->arch.xen.vcpu_info_cache.active ||
	       vcpu->arch.xen.vcpu_time_info_cache.active ||
	       vcpu->arch.xen.runstate_cache.active;
#else
	return false;
#endif
}

static inline void vbh_inject_smi(struct kvm_vcpu *vcpu)
{
	if (!kvm_inject_smi(vcpu))
		kvm_vcpu_kick(vcpu);
}

static inline void vbh_leave_nested(struct kvm_vcpu *vcpu)
{
	kvm_nested_call(leave_nested)(vcpu);
}

static inline int vbh_get_msr(struct kvm_vcpu *vcpu, u32 msr, u64 *value)
{
	return __kvm_emulate_msr_read(vcpu, msr, value);
}

/* Those that may be passed through are looked at again. */
static inline void vbh_recalc_msrs(struct kvm_vcpu *vcpu)
{
	static_call(kvm_x86_recalc_intercepts)(vcpu);
}

/*
 * EPT with MBEC has a right for each; of NPT with GMET the kernel's is nothing
 * without the user's.
 */
static inline u32 vbh_exec_features(struct kvm *kvm)
{
	if (!tdp_enabled || !static_call(kvm_x86_tdp_has_smep)(kvm))
		return 0;
	return VBH_FEAT_EXEC_SPLIT | (shadow_xu_mask ? VBH_FEAT_EXEC_KERNEL : 0);
}

/*
 * With MBEC it is the guest's page tables that say whose page it is, not the mode:
 * see CR4.SMEP.
 */
static inline bool vbh_is_user_fetch(struct kvm_vcpu *vcpu, u64 error_code)
{
	if (vbh_exec_features(vcpu->kvm) & VBH_FEAT_EXEC_KERNEL)
		return error_code & PFERR_USER_MASK;
	return static_call(kvm_x86_get_cpl)(vcpu) == 3;
}

/*
 * ACC_* without what these rights do not have. ACC_USER_MASK is the user's right to
 * execute in EPT; in NPT it is all of the user's rights, or, with GMET, set where
 * the kernel has no right to execute.
 */
static inline unsigned int vbh_cut_access(u32 rights, unsigned int access)
{
	u32 kernel = shadow_xu_mask ? VBH_X : VBH_X | VBH_XU;

	if (!(rights & VBH_R))
		access &= ~ACC_READ_MASK;
	if (!(rights & VBH_W))
		access &= ~ACC_WRITE_MASK;
	if (!(rights & kernel))
		access &= ~ACC_EXEC_MASK;
	if (shadow_xu_mask && !(rights & VBH_XU))
		access &= ~ACC_USER_EXEC_MASK;
	if (!shadow_xu_mask && (rights & VBH_XU) && !(rights & VBH_X))
		access |= ACC_USER_MASK;
	return access;
}

#endif
