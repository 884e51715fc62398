// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the core asks of a body (core/host.h), in KVM. Guest memory is user
 * memory of the VMM, reached through KVM's memory slots, so that it may be
 * swapped out, and what is written is marked as dirty for a migration.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include "body.h"
#include "core/errno.h"

unsigned int vbh_limit_kib = 8192;
module_param_named(vbh_limit_kib, vbh_limit_kib, uint, 0644);
MODULE_PARM_DESC(vbh_limit_kib, "memory that a guest can make the host keep for it by VBH");

u64 vbh_dt(struct kvm_vcpu *vcpu, enum vbh_dtr dtr)
{
	struct kvm_segment seg;
	struct desc_ptr dt;

	switch (dtr) {
	case VBH_DTR_GDTR:
		static_call(kvm_x86_get_gdt)(vcpu, &dt);
		return dt.address;
	case VBH_DTR_IDTR:
		static_call(kvm_x86_get_idt)(vcpu, &dt);
		return dt.address;
	default:
		kvm_get_segment(vcpu, &seg, dtr == VBH_DTR_TR ? VCPU_SREG_TR : VCPU_SREG_LDTR);
		return seg.selector;
	}
}

static u64 segment_base(struct kvm_vcpu *vcpu, enum vbh_reg reg)
{
	return static_call(kvm_x86_get_segment_base)(vcpu,
						      VCPU_SREG_ES + (reg - VBH_REG_ES_BASE));
}

static u64 code_size(struct kvm_vcpu *vcpu)
{
	int db, l;

	static_call(kvm_x86_get_cs_db_l_bits)(vcpu, &db, &l);
	if (l && is_long_mode(vcpu))
		return 8;
	return db && is_protmode(vcpu) ? 4 : 2;
}

/* In SMM, what it was before: firmware's own state is no business of the core's. */
static bool before_smm(const struct vbh_smm *smm, enum vbh_reg reg, u64 *value)
{
	if (!smm->in)
		return false;
	switch (reg) {
	case VBH_REG_CR0:
		*value = smm->cr0;
		return true;
	case VBH_REG_CR4:
		*value = smm->cr4;
		return true;
	case VBH_REG_EFER:
		*value = smm->efer;
		return true;
	case VBH_REG_GDTR_BASE ... VBH_REG_TR:
		*value = smm->dt[reg - VBH_REG_GDTR_BASE];
		return true;
	default:
		return false;
	}
}

u64 host_reg(struct vbh_vcpu *core, enum vbh_reg reg)
{
	struct kvm_vbh_vcpu *vv = core_to_vv(core);
	struct kvm_vcpu *vcpu = vv->vcpu;
	u64 value;

	if (before_smm(&vv->smm, reg, &value))
		return value;
	switch (reg) {
	case VBH_REG_RAX ... VBH_REG_R15:
		return kvm_register_read_raw(vcpu, reg);
	case VBH_REG_RIP:
		return kvm_rip_read(vcpu);
	case VBH_REG_RFLAGS:
		return kvm_get_rflags(vcpu);
	case VBH_REG_CR0:
		return kvm_read_cr0(vcpu);
	case VBH_REG_CR3:
		return kvm_read_cr3(vcpu);
	case VBH_REG_CR4:
		return kvm_read_cr4(vcpu);
	case VBH_REG_EFER:
		return vcpu->arch.efer;
	case VBH_REG_CPL:
		return static_call(kvm_x86_get_cpl)(vcpu);
	case VBH_REG_CS_MODE:
		return code_size(vcpu);
	case VBH_REG_ES_BASE ... VBH_REG_GS_BASE:
		return segment_base(vcpu, reg);
	case VBH_REG_GDTR_BASE ... VBH_REG_TR:
		return vbh_dt(vcpu, reg - VBH_REG_GDTR_BASE);
	default:
		return 0;
	}
}

void host_set_reg(struct vbh_vcpu *core, enum vbh_reg reg, u64 value)
{
	struct kvm_vcpu *vcpu = core_to_vv(core)->vcpu;

	if (reg <= VBH_REG_R15)
		kvm_register_write_raw(vcpu, reg, value);
	else if (reg == VBH_REG_RIP)
		kvm_rip_write(vcpu, value);
	else if (reg == VBH_REG_RFLAGS)
		kvm_set_rflags(vcpu, value);
}

u64 host_msr(struct vbh_vcpu *core, u32 msr)
{
	u64 value = 0;

	return vbh_get_msr(core_to_vv(core)->vcpu, msr, &value) ? 0 : value;
}

/* Is the whole of it memory that the guest has for itself? */
static bool is_ram(struct kvm *kvm, u64 gpa, u32 len)
{
	struct kvm_memory_slot *slot;
	gfn_t gfn, last = gpa_to_gfn(gpa + len - 1);

	if (!len || gpa + len < gpa)
		return false;
	for (gfn = gpa_to_gfn(gpa); gfn <= last; gfn++) {
		slot = gfn_to_memslot(kvm, gfn);
		if (!slot || slot->id >= KVM_USER_MEM_SLOTS || (slot->flags & KVM_MEM_READONLY))
			return false;
	}
	return true;
}

int host_read_gpa(struct vbh_guest *guest, u64 gpa, void *buf, u32 len)
{
	struct kvm *kvm = guest_to_vbh(guest)->kvm;

	if (!is_ram(kvm, gpa, len))
		return -EFAULT;
	return kvm_read_guest(kvm, gpa, buf, len) ? -EFAULT : 0;
}

/* kvm_write_guest() would ask for the rights of regions. */
int host_write_gpa(struct vbh_guest *guest, u64 gpa, const void *buf, u32 len)
{
	struct kvm *kvm = guest_to_vbh(guest)->kvm;

	if (!is_ram(kvm, gpa, len))
		return -EFAULT;
	while (len) {
		u32 n = min_t(u32, len, PAGE_SIZE - offset_in_page(gpa));
		unsigned long hva = gfn_to_hva(kvm, gpa_to_gfn(gpa));

		if (kvm_is_error_hva(hva) ||
		    copy_to_user((void __user *)hva + offset_in_page(gpa), buf, n))
			return -EFAULT;
		mark_page_dirty(kvm, gpa_to_gfn(gpa));
		gpa += n;
		buf += n;
		len -= n;
	}
	/* The core clears pages in a loop. */
	cond_resched();
	return 0;
}

#define PTE_ADDR	0x000ffffffffff000ull
#define PTE_PRESENT	BIT_ULL(0)
#define PTE_LARGE	BIT_ULL(7)

static int walk_long(struct kvm_vcpu *vcpu, u64 cr3, u64 gva, u64 *gpa)
{
	int level = kvm_read_cr4_bits(vcpu, X86_CR4_LA57) ? 4 : 3;
	u64 table = cr3 & PTE_ADDR, entry, mask;

	for (;; level--) {
		u32 index = gva >> (PAGE_SHIFT + 9 * level) & 511;

		if (kvm_read_guest(vcpu->kvm, table + index * 8, &entry, sizeof(entry)) ||
		    !(entry & PTE_PRESENT))
			return -EFAULT;
		if (!level || (level <= 2 && (entry & PTE_LARGE)))
			break;
		table = entry & PTE_ADDR;
	}
	mask = (1ull << (PAGE_SHIFT + 9 * level)) - 1;
	*gpa = (entry & PTE_ADDR & ~mask) | (gva & mask);
	return 0;
}

/* The older modes are KVM's own to walk, with the tables that are loaded. */
int host_translate(struct vbh_vcpu *core, u64 cr3, u64 gva, u64 *gpa)
{
	struct kvm_vcpu *vcpu = core_to_vv(core)->vcpu;
	gpa_t found;

	if (is_long_mode(vcpu))
		return walk_long(vcpu, cr3, gva, gpa);
	if (is_paging(vcpu) && cr3 != kvm_read_cr3(vcpu))
		return -EFAULT;
	found = kvm_mmu_gva_to_gpa_system(vcpu, (u32)gva, NULL);
	if (found == INVALID_GPA)
		return -EFAULT;
	*gpa = found;
	return 0;
}

static u32 pages_allowed(void)
{
	return READ_ONCE(vbh_limit_kib) / (PAGE_SIZE / 1024);
}

/* What must not fail may go beyond the limit by these. */
#define KEEP_URGENT	32

/* There is no need: the host has its own. */
int host_donate(struct vbh_guest *guest, u64 gpa, u64 len)
{
	return -ENOSPC;
}

u64 host_wanted(struct vbh_guest *guest)
{
	return 0;
}

void *host_alloc_page(struct vbh_guest *guest)
{
	struct kvm_vbh *v = guest_to_vbh(guest);
	struct page *page;

	if (v->nr_pages >= pages_allowed() + (guest->urgent ? KEEP_URGENT : 0))
		return NULL;
	page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!page)
		return NULL;
	list_add(&page->lru, &v->pages);
	v->nr_pages++;
	return page_address(page);
}

void vbh_pages_free(struct kvm_vbh *v)
{
	struct page *page, *next;
	u32 i;

	list_for_each_entry_safe(page, next, &v->pages, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
	v->nr_pages = 0;
	for (i = 0; i < NR_WINDOWS; i++) {
		free_page((unsigned long)v->window[i].page);
		v->window[i].page = NULL;
		v->window[i].gpa = 0;
	}
}

static void window_write(struct kvm_vbh *v, struct vbh_window *w)
{
	/* It fails if user space has taken the memory away: then nobody reads it. */
	if (w->gpa)
		host_write_gpa(&v->guest, w->gpa, w->page, PAGE_SIZE);
	w->gpa = 0;
}

/* Records before the header that shows them. */
void vbh_windows_flush(struct kvm_vbh *v)
{
	window_write(v, &v->window[WINDOW_RECORDS]);
	smp_wmb();	/* the reader has the other half of it */
	window_write(v, &v->window[WINDOW_HEADER]);
}

/*
 * The page is copied in, and back when the lock is dropped or another page is
 * asked for: guest memory can't be mapped for good without pinning it. Nobody
 * but the core writes there in between, for the guest can't.
 */
void *host_map_ring(struct vbh_guest *guest, u64 gpa)
{
	struct kvm_vbh *v = guest_to_vbh(guest);
	struct vbh_window *w = &v->window[gpa == guest->log.ring_gpa ? WINDOW_HEADER :
					  WINDOW_RECORDS];

	if (w->gpa == gpa && gpa)
		return w->page;
	if (!w->page)
		w->page = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!w->page)
		return NULL;
	window_write(v, w);
	if (host_read_gpa(guest, gpa, w->page, PAGE_SIZE))
		return NULL;
	w->gpa = gpa;
	return w->page;
}

void host_lock(struct vbh_guest *guest)
{
	mutex_lock(&guest_to_vbh(guest)->lock);
}

void host_unlock(struct vbh_guest *guest)
{
	struct kvm_vbh *v = guest_to_vbh(guest);

	vbh_windows_flush(v);
	mutex_unlock(&v->lock);
}

u64 host_tsc(void)
{
	struct kvm_vcpu *vcpu = kvm_get_running_vcpu();
	struct kvm_vbh *v = vcpu ? vcpu->kvm->arch.vbh : NULL;

	if (!v)
		return rdtsc();
	return kvm_scale_tsc(rdtsc(), v->tsc_ratio) + v->tsc_offset;
}

u64 host_tsc_hz(struct vbh_guest *guest)
{
	return guest_to_vbh(guest)->tsc_khz * 1000;
}

void host_status(struct vbh_guest *guest, struct vbh_status *status)
{
	struct kvm_vbh *v = guest_to_vbh(guest);
	u64 limit = (u64)pages_allowed() * PAGE_SIZE, used = (u64)v->nr_pages * PAGE_SIZE;

	status->memory = limit;
	status->memory_free = limit > used ? limit - used : 0;
	strscpy(status->vendor, boot_cpu_has(X86_FEATURE_SVM) ? "svm" : "vmx",
		sizeof(status->vendor));
}

int host_stats(struct vbh_guest *guest, u32 cpu, struct vbh_stats *stats)
{
	struct kvm_vcpu *vcpu = kvm_get_vcpu(guest_to_vbh(guest)->kvm, cpu);

	if (!vcpu)
		return -ENOENT;
	memcpy(stats->exits, vcpu->arch.vbh->exits, sizeof(stats->exits));
	stats->flushes = vcpu->arch.vbh->flushes;
	return 0;
}

void host_event(struct vbh_guest *guest, const struct vbh_event *ev)
{
	struct kvm_vbh *v = guest_to_vbh(guest);
	struct kvm_vcpu *vcpu = kvm_get_running_vcpu();

	if (ev->kind == VBH_KIND_PATCH)
		return;
	vbh_log_add(v, ev);
	if (v->tell && ev->rule && vcpu && vcpu->kvm == v->kvm) {
		vcpu->arch.vbh->event = *ev;
		vcpu->arch.vbh->told = true;
		kvm_make_request(KVM_REQ_VBH, vcpu);
	}
}

void host_panic(struct vbh_guest *guest, const struct vbh_event *ev)
{
	struct kvm_vbh *v = guest_to_vbh(guest);

	WRITE_ONCE(v->halted, true);
	vbh_request_all(v);
}
