/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What VBH uses of KVM and the KVMs that it has patches for do not name alike:
 * that of Linux 6.12. Each has the same names here; nothing else knows which it is.
 */
#ifndef KVM_VBH_COMPAT_H
#define KVM_VBH_COMPAT_H

#include "../kvm_cache_regs.h"
#include "../cpuid.h"
#include "../mmu.h"
#include "../smm.h"
#include "../x86.h"
#include "../xen.h"
#include "../mmu/spte.h"

/* For kvm-amd.ko and kvm-intel.ko. */
#define EXPORT_SYMBOL_VBH(symbol)	EXPORT_SYMBOL_GPL(symbol)

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
	kvm_x86_ops.nested_ops->leave_nested(vcpu);
}

static inline int vbh_get_msr(struct kvm_vcpu *vcpu, u32 msr, u64 *value)
{
	return kvm_get_msr(vcpu, msr, value);
}

/* Those that may be passed through are looked at again. */
static inline void vbh_recalc_msrs(struct kvm_vcpu *vcpu)
{
	static_call(kvm_x86_msr_filter_changed)(vcpu);
}

/* The kernel's right to execute and the user's come together. */
static inline u32 vbh_exec_features(struct kvm *kvm)
{
	return 0;
}

static inline bool vbh_is_user_fetch(struct kvm_vcpu *vcpu, u64 error_code)
{
	return static_call(kvm_x86_get_cpl)(vcpu) == 3;
}

/* ACC_* without what these rights do not have. */
static inline unsigned int vbh_cut_access(u32 rights, unsigned int access)
{
	if (!(rights & VBH_R))
		access &= ~ACC_USER_MASK;
	if (!(rights & VBH_W))
		access &= ~ACC_WRITE_MASK;
	if (!(rights & VBH_X))
		access &= ~ACC_EXEC_MASK;
	return access;
}

#endif
