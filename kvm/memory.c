// SPDX-License-Identifier: GPL-2.0-only
/*
 * The second stage: the core's regions, flattened into an array that the MMU can
 * look into while it makes SPTEs. A new one is published under mmu_lock; what had
 * been made by the old one is zapped after that, and is made anew as it is touched.
 * So is a page whose rights have grown, and a large one that may be whole again.
 */
#include <linux/slab.h>
#include "body.h"
#include "../kvm_emulate.h"
#include "../mmu/mmu_internal.h"
#include "core/errno.h"

#define RETIRED_MAX	16384	/* spans: 256 KiB of them */

static const struct vbh_span *span_at(const struct vbh_view *view, u64 gpa)
{
	u32 lo = 0, hi = view->nr;

	/* The first one starts at 0. */
	while (hi - lo > 1) {
		u32 mid = lo + (hi - lo) / 2;

		if (view->span[mid].start <= gpa)
			lo = mid;
		else
			hi = mid;
	}
	return &view->span[lo];
}

static u32 rights_at(const struct kvm_vbh *v, u64 gpa)
{
	const struct vbh_view *view;
	u32 rights = VBH_RWX;

	rcu_read_lock();
	view = rcu_dereference(v->view);
	if (view)
		rights = span_at(view, gpa)->rights;
	rcu_read_unlock();
	return rights;
}

bool kvm_vbh_spte_access(struct kvm *kvm, gfn_t gfn, unsigned int *access)
{
	u32 rights = rights_at(kvm->arch.vbh, gfn_to_gpa(gfn));

	if (rights != VBH_RWX)
		*access = vbh_cut_access(rights, *access);
	return rights;
}

int kvm_vbh_max_level(struct kvm *kvm, gfn_t gfn, int max_level)
{
	const struct vbh_view *view;
	const struct vbh_span *span, *end;

	rcu_read_lock();
	view = rcu_dereference(kvm->arch.vbh->view);
	if (view) {
		span = span_at(view, gfn_to_gpa(gfn));
		end = view->span + view->nr;
		/* KVM may split a large page, and then takes it for one that may be executed. */
		if (~span->rights & (VBH_X | VBH_XU) && is_nx_huge_page_enabled(kvm))
			max_level = PG_LEVEL_4K;
		for (; max_level > PG_LEVEL_4K; max_level--) {
			gfn_t size = KVM_PAGES_PER_HPAGE(max_level);
			gfn_t base = gfn & ~(size - 1);

			if (span->start <= gfn_to_gpa(base) &&
			    (span + 1 == end || span[1].start >= gfn_to_gpa(base + size)))
				break;
		}
	}
	rcu_read_unlock();
	return max_level;
}

#define UNASKED		2	/* no index that SRCU gives */

/*
 * In any context but an NMI's. Before there are vCPUs nobody can have asked for
 * anything, and VBH may come and go; after that it stays.
 */
int kvm_arch_write_gfn_begin(struct kvm *kvm, gfn_t gfn)
{
	struct kvm_vbh *v;
	int idx;

	/* What a VM had before its first vCPU is gone before that is seen. */
	if (!kvm_vbh_on(kvm) || !smp_load_acquire(&kvm->created_vcpus))
		return UNASKED;
	v = READ_ONCE(kvm->arch.vbh);
	if (!v)
		return UNASKED;
	idx = srcu_read_lock(&v->writers);
	if (rights_at(v, gfn_to_gpa(gfn)) & VBH_W)
		return idx;
	srcu_read_unlock(&v->writers, idx);
	return -EPERM;
}

void kvm_arch_write_gfn_end(struct kvm *kvm, int idx)
{
	if (idx != UNASKED)
		srcu_read_unlock(&kvm->arch.vbh->writers, idx);
}

static struct vbh_view *view_alloc(u32 spans)
{
	struct vbh_view *view = kvmalloc(struct_size(view, span, spans), GFP_KERNEL_ACCOUNT);

	if (view)
		view->room = spans;
	return view;
}

/* Room for two spans a region; the next ones of a batch should not have to ask again. */
int host_stage2_update(struct vbh_guest *guest, u64 gpa, u64 len)
{
	struct kvm_vbh *v = guest_to_vbh(guest);

	if (!v->spare || v->spare->room < 2 * guest->regions.nr + 1) {
		struct vbh_view *view = view_alloc(4 * guest->regions.nr + 1024);

		if (!view)
			return -ENOSPC;
		kvfree(v->spare);
		v->spare = view;
	}
	if (v->dirty_start == v->dirty_end) {
		v->dirty_start = gpa;
		v->dirty_end = gpa + len;
	} else {
		v->dirty_start = min(v->dirty_start, gpa);
		v->dirty_end = max(v->dirty_end, gpa + len);
	}
	return 0;
}

static void flatten(const struct vbh_guest *guest, struct vbh_view *to)
{
	struct region_view at;
	u64 gpa;

	to->nr = 0;
	for (gpa = 0; gpa < guest->max_gpa; gpa = at.end) {
		region_view(&guest->regions, gpa, guest->max_gpa, &at);
		if (to->nr && to->span[to->nr - 1].rights == at.rights)
			continue;
		to->span[to->nr].start = gpa;
		to->span[to->nr++].rights = at.rights;
		/* A look-up walks through all regions if one covers them. */
		cond_resched();
	}
}

static void free_retired(struct kvm_vbh *v)
{
	struct vbh_view *old;

	while ((old = v->retired)) {
		v->retired = old->next;
		kvfree(old);
	}
	v->retired_spans = 0;
}

/* A guest makes new ones as fast as it calls: what waits for readers is limited. */
static void retire(struct kvm_vbh *v, struct vbh_view *old)
{
	old->next = v->retired;
	v->retired = old;
	v->retired_spans += old->room;
	if (v->retired_spans < RETIRED_MAX)
		return;
	synchronize_rcu();
	free_retired(v);
}

void vbh_views_free(struct kvm_vbh *v)
{
	free_retired(v);
	kvfree(rcu_dereference_protected(v->view, true));
	kvfree(v->spare);
}

static void publish(struct kvm_vbh *v, struct vbh_view *view)
{
	struct vbh_view *old = rcu_dereference_protected(v->view, lockdep_is_held(&v->lock));

	write_lock(&v->kvm->mmu_lock);
	rcu_assign_pointer(v->view, view);
	write_unlock(&v->kvm->mmu_lock);
	if (old)
		retire(v, old);
}

/* An array as large as it has to be; the spare one is kept, and was made beforehand. */
static struct vbh_view *shrunk(struct kvm_vbh *v)
{
	u32 nr = v->spare->nr;
	struct vbh_view *view = view_alloc(nr);

	if (view) {
		view->nr = nr;
		memcpy(view->span, v->spare->span, nr * sizeof(view->span[0]));
	} else {
		view = v->spare;
		v->spare = NULL;
	}
	return view;
}

void host_flush(struct vbh_guest *guest)
{
	struct kvm_vbh *v = guest_to_vbh(guest);

	/* Without a spare array nothing has changed since the last time. */
	if (v->dirty_start != v->dirty_end && v->spare) {
		flatten(guest, v->spare);
		publish(v, guest->regions.nr ? shrunk(v) : NULL);
		kvm_zap_gfn_range(v->kvm, gpa_to_gfn(v->dirty_start), gpa_to_gfn(v->dirty_end));
		/* Nor does KVM write any more what it asked for by the old one. */
		synchronize_srcu_expedited(&v->writers);
		v->dirty_start = 0;
		v->dirty_end = 0;
	}
	vbh_request_all(v);
}

int vbh_view_renew(struct kvm_vbh *v)
{
	int err = host_stage2_update(&v->guest, 0, v->guest.max_gpa);

	if (!err)
		host_flush(&v->guest);
	return err;
}

void vbh_view_drop(struct kvm_vbh *v)
{
	if (!rcu_access_pointer(v->view))
		return;
	publish(v, NULL);
	if (v->guest.max_gpa)
		kvm_zap_gfn_range(v->kvm, 0, gpa_to_gfn(v->guest.max_gpa));
	v->dirty_start = 0;
	v->dirty_end = 0;
}

/* The processor delivers an event: the access is not that of the instruction at RIP. */
static bool delivering(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.exception.injected || vcpu->arch.interrupt.injected ||
	       vcpu->arch.nmi_injected;
}

static u32 wanted(struct kvm_vcpu *vcpu, u64 error_code)
{
	if (error_code & PFERR_WRITE_MASK)
		return VBH_W;
	if (error_code & PFERR_FETCH_MASK)
		return vbh_is_user_fetch(vcpu, error_code) ? VBH_XU : VBH_X;
	return VBH_R;
}

/* The core has carried the instruction out: its shadow ends, and TF traps after it. */
static void retired(struct kvm_vcpu *vcpu, unsigned long rflags)
{
	static_call(kvm_x86_set_interrupt_shadow)(vcpu, 0);
	if (rflags & X86_EFLAGS_TF)
		kvm_queue_exception_p(vcpu, DB_VECTOR, DR6_BS);
}

/* The view has fewer rights than the regions leave, because memory was short then. */
static void catch_up(struct kvm_vcpu *vcpu)
{
	struct kvm_vbh *v = vcpu->kvm->arch.vbh;

	mutex_lock(&v->lock);
	vbh_view_renew(v);
	mutex_unlock(&v->lock);
}

bool kvm_vbh_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code)
{
	struct kvm_vbh_vcpu *vv = vcpu->arch.vbh;
	struct vbh_access a = {
		.gpa = gpa,
		.walk = delivering(vcpu) || (error_code & PFERR_GUEST_PAGE_MASK),
	};
	unsigned long rflags;

	a.want = wanted(vcpu, error_code);
	if (rights_at(vcpu->kvm->arch.vbh, gpa) & a.want)
		return false;
	vv->exits[VBH_EXIT_MEMORY]++;
	rflags = kvm_get_rflags(vcpu);
	switch (core_memory(&vv->core, &a)) {
	case VBH_ALLOW:
		if (!(rights_at(vcpu->kvm->arch.vbh, gpa) & a.want))
			catch_up(vcpu);
		return false;
	case VBH_DONE:
		retired(vcpu, rflags);
		return true;
	case VBH_HALT:
		return true;
	default:
		kvm_inject_gp(vcpu, 0);
		return true;
	}
}

/* What the emulator does is never carried out for a rule "log": it is told as denied. */
bool kvm_vbh_may_access(struct kvm_vcpu *vcpu, gva_t gva, gpa_t gpa, u64 error_code,
			struct x86_exception *exception)
{
	struct vbh_access a = {
		.gpa = gpa, .gla = gva, .gla_valid = true, .walk = true,
		.want = wanted(vcpu, error_code),
	};

	if (rights_at(vcpu->kvm->arch.vbh, gpa) & a.want)
		return true;
	if (core_memory(&vcpu->arch.vbh->core, &a) == VBH_ALLOW)
		return true;
	if (exception) {
		exception->vector = GP_VECTOR;
		exception->error_code_valid = true;
		exception->error_code = 0;
		exception->nested_page_fault = false;
	}
	return false;
}
