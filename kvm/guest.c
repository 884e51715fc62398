// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of a VM with VBH: it is offered when the VM is made, begins with the
 * guest's first hypercall, and ends with a reset by user space, with the guest's
 * own STOP where that is allowed, or with the VM. INIT, real mode, SMM and kexec
 * end nothing.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include "body.h"

static bool __read_mostly vbh;
module_param(vbh, bool, 0444);
MODULE_PARM_DESC(vbh, "offer VBH to every VM, also if its user space does not ask for it");

DEFINE_STATIC_KEY_FALSE(kvm_vbh_key);
EXPORT_SYMBOL_VBH(kvm_vbh_key);

static atomic_t next_vm = ATOMIC_INIT(0);

static int offer(struct kvm *kvm)
{
	struct kvm_vbh *v;
	int err;

	if (kvm->arch.vbh)
		return 0;
	v = kzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);
	if (!v)
		return -ENOMEM;
	v->kvm = kvm;
	v->able = kvm_caps.has_vbh;
	mutex_init(&v->lock);
	INIT_LIST_HEAD(&v->pages);
	v->guest.body = VBH_BODY_KVM;
	if (v->able) {
		v->guest.features = VBH_FEAT_HOTPLUG | VBH_FEAT_STOP | vbh_exec_features(kvm);
		v->guest.max_regions = VBH_KVM_REGIONS;
	}
	err = init_srcu_struct(&v->writers);
	if (err)
		goto free;
	err = vbh_log_open(v);
	if (err)
		goto cleanup;
	v->number = atomic_inc_return(&next_vm);
	/* An ioctl that sees it sees all of it. */
	smp_store_release(&kvm->arch.vbh, v);
	static_branch_inc(&kvm_vbh_key);
	return 0;

cleanup:
	cleanup_srcu_struct(&v->writers);
free:
	kfree(v);
	return err;
}

/* It is its VM's no longer, and nobody looks at it. */
static void discard(struct kvm_vbh *v)
{
	if (v->begun)
		vbh_log_running(-1);
	vbh_views_free(v);
	vbh_pages_free(v);
	vbh_log_close(v);
	cleanup_srcu_struct(&v->writers);
	kfree(v);
	static_branch_dec(&kvm_vbh_key);
}

int kvm_vbh_init_vm(struct kvm *kvm)
{
	return vbh && vbh_is_plain(kvm) ? offer(kvm) : 0;
}

void kvm_vbh_destroy_vm(struct kvm *kvm)
{
	struct kvm_vbh *v = kvm->arch.vbh;

	kvm->arch.vbh = NULL;
	if (v)
		discard(v);
}

int kvm_vbh_enable_cap(struct kvm *kvm, u64 flags)
{
	bool on = flags & KVM_X86_VBH_ENABLE, off = flags & KVM_X86_VBH_DISABLE;
	struct kvm_vbh *gone = NULL;
	int err = 0;

	if (on == off || (flags & ~(KVM_X86_VBH_ENABLE | KVM_X86_VBH_EXIT |
				    KVM_X86_VBH_DISABLE)))
		return -EINVAL;
	if (on && !(kvm_caps.has_vbh && vbh_is_plain(kvm)))
		return -EOPNOTSUPP;
	mutex_lock(&kvm->lock);
	if (kvm->created_vcpus) {
		err = -EBUSY;
	} else if (off) {
		gone = kvm->arch.vbh;
		WRITE_ONCE(kvm->arch.vbh, NULL);
	} else {
		err = offer(kvm);
		if (!err)
			kvm->arch.vbh->tell = flags & KVM_X86_VBH_EXIT;
	}
	mutex_unlock(&kvm->lock);
	if (gone) {
		/* Ioctls and KVM's own writes of guest memory take srcu, not kvm->lock. */
		synchronize_srcu(&kvm->srcu);
		discard(gone);
	}
	return err;
}

/* One that is not the boot processor is on its way up until it is seen to run. */
int kvm_vbh_vcpu_create(struct kvm_vcpu *vcpu)
{
	struct kvm_vbh *v = vcpu->kvm->arch.vbh;
	struct kvm_vbh_vcpu *vv;

	if (!v)
		return 0;
	vv = kzalloc(sizeof(*vv), GFP_KERNEL_ACCOUNT);
	if (!vv)
		return -ENOMEM;
	vv->vcpu = vcpu;
	/* KVM has not given it its number yet: see vbh_take_number(). */
	vcpu_init(&vv->core, &v->guest, 0);
	if (!kvm_vcpu_is_reset_bsp(vcpu)) {
		vv->core.run = VCPU_PARKED;
		vv->core.resetting = true;
	}
	vcpu->arch.vbh = vv;
	kvm_make_request(KVM_REQ_VBH, vcpu);
	return 0;
}

void kvm_vbh_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	kfree(vcpu->arch.vbh);
	vcpu->arch.vbh = NULL;
}

/* After an INIT the vendor's intercepts are those of a new vCPU. */
void kvm_vbh_vcpu_reset(struct kvm_vcpu *vcpu, bool init_event)
{
	struct kvm_vbh_vcpu *vv = vcpu->arch.vbh;

	if (!init_event)
		return;
	vv->smm.in = false;
	/* No generation is this high before all MSRs are pinned. */
	vv->pins_seen = ~0u;
	if (vbh_begun(vcpu->kvm))
		core_cpu_reset(&vv->core);
	kvm_make_request(KVM_REQ_VBH, vcpu);
}

void vbh_request_all(struct kvm_vbh *v)
{
	kvm_make_all_cpus_request(v->kvm, KVM_REQ_VBH);
}

/*
 * A hypervisor within the guest could run code that no pin reaches, and on its
 * way back load state that was never checked. So could who is in SMM already; and
 * Xen's pages are written in a mapping of KVM's own, where nobody is asked.
 */
bool vbh_in_the_way(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (vbh_has_nested(vcpu) || is_smm(vcpu) || vbh_has_xen(vcpu))
			return true;
	}
	return false;
}

/*
 * This vCPU was allowed to switch it on when its guest had not begun, and did so
 * after it was looked for. It is off again before the guest runs on; who was in a
 * guest of its own by then has no state to go back to.
 */
static void end_nested(struct kvm_vcpu *vcpu)
{
	struct vbh_vcpu *core = &vcpu->arch.vbh->core;
	bool inside = is_guest_mode(vcpu);

	if (!vbh_has_nested(vcpu))
		return;
	vbh_leave_nested(vcpu);
	if (vcpu->arch.efer & EFER_SVME) {
		core_virt_insn(core, MSR_EFER, vcpu->arch.efer);
		static_call(kvm_x86_set_efer)(vcpu, vcpu->arch.efer & ~(u64)EFER_SVME);
	}
	if (vcpu->arch.cr4 & X86_CR4_VMXE) {
		core_virt_insn(core, VIRT_CR4, kvm_read_cr4(vcpu));
		static_call(kvm_x86_set_cr4)(vcpu, kvm_read_cr4(vcpu) & ~X86_CR4_VMXE);
	}
	if (inside)
		kvm_make_request(KVM_REQ_TRIPLE_FAULT, vcpu);
}

/* User space may have put any number in CPUID. */
u64 vbh_max_gpa(struct kvm_vcpu *vcpu)
{
	return 1ull << clamp(cpuid_maxphyaddr(vcpu), PAGE_SHIFT, 52);
}

/* Locked. */
static void begin(struct kvm_vbh *v, struct kvm_vcpu *self)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	v->guest.cpus = atomic_read(&v->kvm->online_vcpus);
	v->guest.max_gpa = vbh_max_gpa(self);
	v->guest.sipi_page = v->last_sipi;
	v->tsc_ratio = self->arch.l1_tsc_scaling_ratio;
	v->tsc_offset = self->arch.l1_tsc_offset;
	v->tsc_khz = self->arch.virtual_tsc_khz;
	/* A call that waited for the lock when it was cleared may have left something. */
	vbh_forget(v);
	kvm_for_each_vcpu(i, vcpu, v->kvm) {
		struct kvm_vbh_vcpu *vv = vcpu->arch.vbh;

		vcpu_init(&vv->core, &v->guest, vcpu->vcpu_idx);
		if (vcpu->arch.mp_state == KVM_MP_STATE_UNINITIALIZED) {
			vv->core.run = VCPU_PARKED;
			vv->core.resetting = true;
		}
	}
	vbh_begun_set(v);
}

void vbh_begun_set(struct kvm_vbh *v)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	/* User space may have taken one out of SMM by another way than RSM. */
	kvm_for_each_vcpu(i, vcpu, v->kvm) {
		if (!is_smm(vcpu))
			vcpu->arch.vbh->smm.in = false;
	}
	vbh_log_running(1);
	/* Who sees it sees all that is written above; pairs with vbh_begin(). */
	smp_store_release(&v->begun, true);
	vbh_request_all(v);
}

int vbh_begin(struct kvm_vcpu *vcpu, u32 *clears)
{
	struct kvm_vbh *v = vcpu->kvm->arch.vbh;
	int err = 0;

	*clears = smp_load_acquire(&v->clears);	/* pairs with clear() */
	if (smp_load_acquire(&v->begun))	/* pairs with begin() */
		return 0;
	mutex_lock(&v->lock);
	*clears = v->clears;
	if (!v->begun) {
		if (vbh_in_the_way(vcpu->kvm))
			err = -EBUSY;
		else
			begin(v, vcpu);
	}
	mutex_unlock(&v->lock);
	return err;
}

void vbh_forget(struct kvm_vbh *v)
{
	guest_init(&v->guest);
	vbh_pages_free(v);
	vbh_view_drop(v);
}

/* Locked. */
static void clear(struct kvm_vbh *v)
{
	if (v->begun) {
		vbh_windows_flush(v);
		WRITE_ONCE(v->begun, false);
		/* Who sees this sees that; pairs with vbh_begin(). */
		smp_store_release(&v->clears, v->clears + 1);
		vbh_forget(v);
		vbh_log_running(-1);
	}
	v->halted = false;
	v->shut_down = false;
	vbh_request_all(v);
}

void vbh_clear(struct kvm_vbh *v)
{
	mutex_lock(&v->lock);
	clear(v);
	mutex_unlock(&v->lock);
}

int vbh_stop(struct kvm_vbh *v)
{
	int err = 0;

	mutex_lock(&v->lock);
	if (v->begun && v->guest.state == VBH_STATE_SEALED)
		err = -EPERM;
	else
		clear(v);
	mutex_unlock(&v->lock);
	return err;
}

void kvm_vbh_shutdown(struct kvm_vcpu *vcpu)
{
	WRITE_ONCE(vcpu->kvm->arch.vbh->shut_down, true);
	/* RSM may be what failed. */
	vcpu->arch.vbh->smm.in = false;
}
EXPORT_SYMBOL_VBH(kvm_vbh_shutdown);

/*
 * A user space that knows nothing of VBH resets the machine by loading the reset
 * state of each vCPU. It may also load back what it has just read, or a snapshot:
 * so what counts is that the boot processor is taken out of protected mode, or
 * comes from a shutdown, where nothing else can follow. A guest that could do
 * either has no way to load sregs.
 */
void kvm_vbh_user_sregs(struct kvm_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	struct kvm_vbh *v = vcpu->kvm->arch.vbh;
	int idx;

	if (!kvm_vcpu_is_reset_bsp(vcpu) || (sregs->cr0 & X86_CR0_PE) ||
	    (!vbh_begun(vcpu->kvm) && !READ_ONCE(v->halted)) || is_smm(vcpu))
		return;
	if (!kvm_read_cr0_bits(vcpu, X86_CR0_PE) && !READ_ONCE(v->shut_down))
		return;
	idx = srcu_read_lock(&vcpu->kvm->srcu);
	vbh_clear(v);
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
}

static bool crash(struct kvm_vcpu *vcpu)
{
	/* Once more, if user space should run it again. */
	kvm_make_request(KVM_REQ_VBH, vcpu);
	vcpu->run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	vcpu->run->system_event.type = KVM_SYSTEM_EVENT_CRASH;
	vcpu->run->system_event.ndata = 0;
	return true;
}

void vbh_take_number(struct kvm_vcpu *vcpu)
{
	struct kvm_vbh *v = vcpu->kvm->arch.vbh;

	if (vcpu->arch.vbh->core.id == vcpu->vcpu_idx)
		return;
	mutex_lock(&v->lock);
	vcpu->arch.vbh->core.id = vcpu->vcpu_idx;
	v->guest.cpus = max_t(u32, v->guest.cpus, vcpu->vcpu_idx + 1);
	mutex_unlock(&v->lock);
}

bool kvm_vbh_request(struct kvm_vcpu *vcpu)
{
	struct kvm_vbh *v = vcpu->kvm->arch.vbh;
	struct kvm_vbh_vcpu *vv = vcpu->arch.vbh;
	bool begun = vbh_begun(vcpu->kvm);
	u32 generation = 0;

	if (READ_ONCE(v->halted))
		return crash(vcpu);
	if (begun) {
		vbh_take_number(vcpu);
		end_nested(vcpu);
		if (xchg(&vv->init_refused, false))
			vbh_judge_init(vcpu);
		if (xchg(&vv->smi_refused, false))
			vbh_tell_smi(vcpu);
		vcpu_sync(&vv->core);
		generation = vv->core.pins.generation;
		vv->flushes++;
	}
	if (generation != vv->pins_seen || begun != vv->begun_seen) {
		vv->pins_seen = generation;
		vv->begun_seen = begun;
		static_call_cond(kvm_x86_vbh_update)(vcpu);
		vbh_recalc_msrs(vcpu);
	}
	if (!vv->told)
		return false;
	vv->told = false;
	vcpu->run->exit_reason = KVM_EXIT_VBH;
	memcpy(vcpu->run->vbh.event, &vv->event, sizeof(vv->event));
	BUILD_BUG_ON(sizeof(vcpu->run->vbh.event) != sizeof(vv->event));
	return true;
}

static int vm_ioctl(struct kvm_vbh *v, unsigned int ioctl, void __user *argp)
{
	if (!v || !v->able)
		return -ENODEV;
	switch (ioctl) {
	case KVM_VBH_GET_STATE:
		return vbh_state_get(v, argp);
	case KVM_VBH_SET_STATE:
		return vbh_state_set(v, argp);
	default:
		vbh_clear(v);
		return 0;
	}
}

int kvm_vbh_vm_ioctl(struct kvm *kvm, unsigned int ioctl, void __user *argp)
{
	int idx, ret;

	idx = srcu_read_lock(&kvm->srcu);
	ret = vm_ioctl(READ_ONCE(kvm->arch.vbh), ioctl, argp);
	srcu_read_unlock(&kvm->srcu, idx);
	return ret;
}
