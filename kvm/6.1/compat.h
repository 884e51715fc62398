/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What VBH uses of KVM and the KVMs that it has patches for do not name alike:
 * that of Linux 6.1. Each has the same names here; nothing else knows which it is.
 */
#ifndef KVM_VBH_COMPAT_H
#define KVM_VBH_COMPAT_H

#include "../kvm_cache_regs.h"
#include "../cpuid.h"
#include "../mmu.h"
#include "../x86.h"
#include "../xen.h"

/* For kvm-amd.ko and kvm-intel.ko. */
#define VBH_EXPORT(symbol)	EXPORT_SYMBOL_GPL(symbol)

static inline bool vbh_is_intel(struct kvm_vcpu *vcpu)
{
	return guest_cpuid_is_intel(vcpu);
}

/* Can KVM see its guest's memory? That of SEV is told by the vCPU. */
static inline bool vbh_is_plain(struct kvm *kvm)
{
	return true;
}

/* Has user space asked for what Xen does? */
static inline bool vbh_has_xen(struct kvm_vcpu *vcpu)
{
	return kvm_xen_msr_enabled(vcpu->kvm) || vcpu->kvm->arch.xen.shinfo_cache.active ||
	       vcpu->arch.xen.vcpu_info_cache.active ||
	       vcpu->arch.xen.vcpu_time_info_cache.active ||
	       vcpu->arch.xen.runstate_cache.active;
}

static inline void vbh_inject_smi(struct kvm_vcpu *vcpu)
{
	kvm_make_request(KVM_REQ_SMI, vcpu);
	kvm_vcpu_kick(vcpu);
}

#endif
