/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The KVM body: what a VM with VBH has beside struct vbh_guest, one section a
 * file. Everything of the core's is under kvm_vbh.lock, a mutex, for guest
 * memory may have to be swapped in; it is taken inside of vcpu->mutex and
 * kvm->srcu, outside of mmu_lock, and mmap_lock may be taken under it.
 */
#ifndef KVM_VBH_BODY_H
#define KVM_VBH_BODY_H

#include <linux/kvm_host.h>
#include <linux/mutex.h>

/* The kernel has names of its own for these, in headers that KVM includes. */
#define insn vbh_insn
#define sha256_init vbh_sha256_init
#define sha256_update vbh_sha256_update
#define sha256_final vbh_sha256_final
#include "core/core.h"
#undef insn
#undef sha256_init
#undef sha256_update
#undef sha256_final

#include "compat.h"
#include "../vbh.h"

/* Two CPUID ranges below are KVM's own, when it also speaks Hyper-V's or Xen's. */
#define VBH_CPUID_BASE		0x40000200u
/* The memory for them is the VM's, up to its limit; the views of them are not. */
#define VBH_KVM_REGIONS		65536u

/* Rights of memory, as struct region has them, flattened for the MMU; immutable. */
struct vbh_view {
	struct vbh_view *next;	/* once it is not in force any more */
	u32 room;
	u32 nr;
	struct vbh_span {
		u64 start;	/* up to the next one's */
		u32 rights;
	} span[];
};

/* A page of the event ring, copied in while the lock is held. */
struct vbh_window {
	u64 gpa;		/* 0: none */
	void *page;
};

enum { WINDOW_HEADER, WINDOW_RECORDS, NR_WINDOWS };

/* This VM's part of the log on the host, under the log's lock. */
struct vbh_host_log {
	struct list_head records;
	u32 nr;
	u64 lost;
};

struct kvm_vbh {
	struct vbh_guest guest;
	struct kvm *kvm;
	u32 number;			/* of the VM, for the host; its guest sees 0 */
	/* Of all that is the core's, and of what follows. */
	struct mutex lock;

	/* Constant once vCPUs exist. */
	bool able;			/* this processor can do it */
	bool tell;			/* violations exit to user space */

	bool begun;			/* the guest has asked: written under the lock */
	u32 clears;			/* how often it ended: likewise */
	bool halted;			/* a rule said panic; until cleared */
	bool shut_down;			/* triple fault: the next reset is one */
	u8 last_sipi;			/* where CPUs were started before it began */
	struct list_head pages;		/* of host_alloc_page() */
	u32 nr_pages;
	struct vbh_window window[NR_WINDOWS];

	/* memory.c; view is published under mmu_lock. */
	struct vbh_view __rcu *view;	/* NULL: all rights everywhere */
	struct srcu_struct writers;	/* KVM itself, from having asked to having written */
	struct vbh_view *spare;
	struct vbh_view *retired;	/* somebody may still read them */
	u32 retired_spans;
	u64 dirty_start, dirty_end;

	/* The guest's TSC as it was when it began, whatever it writes to it later. */
	u64 tsc_ratio, tsc_offset;
	u64 tsc_khz;

	struct vbh_host_log log;
};

/* What a CPU had before it went to SMM; `in` until RSM is done, or has failed. */
struct vbh_smm {
	bool in;
	u64 cr0, cr4, efer;
	u64 dt[VBH_NR_DTR];
};

struct kvm_vbh_vcpu {
	struct vbh_vcpu core;
	struct kvm_vcpu *vcpu;
	struct vbh_smm smm;
	u32 pins_seen;			/* generation that the intercepts are for, */
	bool begun_seen;		/* and whether the guest had begun */
	bool init_refused;		/* one came that nobody had sent, */
	bool smi_refused;		/* or an SMI */
	bool told;			/* event has to go to user space */
	struct vbh_event event;
	u64 exits[VBH_NR_EXITS];
	u64 flushes;
};

static inline struct kvm_vbh *guest_to_vbh(struct vbh_guest *guest)
{
	return container_of(guest, struct kvm_vbh, guest);
}

static inline struct kvm_vbh_vcpu *core_to_vv(struct vbh_vcpu *vcpu)
{
	return container_of(vcpu, struct kvm_vbh_vcpu, core);
}

static inline bool vbh_begun(const struct kvm *kvm)
{
	return READ_ONCE(kvm->arch.vbh->begun);
}

/* guest.c */

/*
 * The guest's first call: 0, -EBUSY or -ENOMEM. If *clears is no longer that of the
 * VM when the call is over, it was made to a guest that had not begun.
 */
int vbh_begin(struct kvm_vcpu *vcpu, u32 *clears);
/* One past what the vCPU can address. */
u64 vbh_max_gpa(struct kvm_vcpu *vcpu);
/* Is a vCPU in SMM, does one use SVM or VMX, or the VM Xen? Then it can't begin. */
bool vbh_in_the_way(struct kvm *kvm);
/* The steps of it, locked. */
void vbh_begun_set(struct kvm_vbh *vbh);
void vbh_forget(struct kvm_vbh *vbh);
/* As if the guest had never asked. With srcu held, or without vCPUs. */
void vbh_clear(struct kvm_vbh *vbh);
/* The same for a STOP that was granted; -EPERM: it has been sealed since. */
int vbh_stop(struct kvm_vbh *vbh);
/* Every vCPU looks at its pins again before it enters its guest. */
void vbh_request_all(struct kvm_vbh *vbh);
/* In the guest, that of KVM, which a vCPU has only once it is there. Not locked. */
void vbh_take_number(struct kvm_vcpu *vcpu);

/* hooks.c */

void vbh_judge_init(struct kvm_vcpu *vcpu);
void vbh_tell_smi(struct kvm_vcpu *vcpu);
/* Does it use SVM or VMX, or could it? */
bool vbh_has_nested(struct kvm_vcpu *vcpu);

/* host.c */

extern unsigned int vbh_limit_kib;
void vbh_windows_flush(struct kvm_vbh *vbh);
void vbh_pages_free(struct kvm_vbh *vbh);
u64 vbh_dt(struct kvm_vcpu *vcpu, enum vbh_dtr dtr);

/* memory.c */

/* Everything anew from the regions; 0 or -ENOSPC. Locked. */
int vbh_view_renew(struct kvm_vbh *vbh);
/* All rights everywhere. Locked. */
void vbh_view_drop(struct kvm_vbh *vbh);
/* Nobody reads any of it any more. */
void vbh_views_free(struct kvm_vbh *vbh);

/* log.c: the log of all VMs, and /dev/vbh on the host. */

int vbh_log_open(struct kvm_vbh *vbh);
void vbh_log_close(struct kvm_vbh *vbh);
void vbh_log_add(struct kvm_vbh *vbh, const struct vbh_event *ev);
void vbh_log_running(int change);

/* state.c */

int vbh_state_get(struct kvm_vbh *vbh, struct kvm_vbh_state __user *user);
int vbh_state_set(struct kvm_vbh *vbh, const struct kvm_vbh_state __user *user);

#endif
