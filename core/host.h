/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a body (bare metal, KVM, the test program) supplies to the core. The
 * core calls nothing else. Unless said otherwise a function may be called with
 * the guest locked, on any CPU of the guest, and must not call the core back.
 */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include <vbh/abi.h>

struct vbh_guest;
struct vbh_vcpu;

/* Guest registers by their number in instructions; RIP and the rest follow. */
enum vbh_reg {
	VBH_REG_RAX, VBH_REG_RCX, VBH_REG_RDX, VBH_REG_RBX,
	VBH_REG_RSP, VBH_REG_RBP, VBH_REG_RSI, VBH_REG_RDI,
	VBH_REG_R8, VBH_REG_R9, VBH_REG_R10, VBH_REG_R11,
	VBH_REG_R12, VBH_REG_R13, VBH_REG_R14, VBH_REG_R15,
	VBH_REG_RIP,
	VBH_REG_RFLAGS,
	VBH_REG_CR0,
	VBH_REG_CR3,
	VBH_REG_CR4,
	VBH_REG_EFER,
	VBH_REG_CPL,
	VBH_REG_CS_MODE,	/* bytes of the default operand size: 2, 4 or 8 */
	VBH_REG_ES_BASE,	/* linear bases, in the order of the segment numbers */
	VBH_REG_CS_BASE,
	VBH_REG_SS_BASE,
	VBH_REG_DS_BASE,
	VBH_REG_FS_BASE,
	VBH_REG_GS_BASE,
	VBH_REG_GDTR_BASE,
	VBH_REG_IDTR_BASE,
	VBH_REG_LDTR,		/* selectors */
	VBH_REG_TR,
	VBH_NR_REGS,
};

/* The value of a guest register of this vCPU, which is stopped. */
u64 host_reg(struct vbh_vcpu *vcpu, enum vbh_reg reg);
/* Set a general register, RIP or RFLAGS. */
void host_set_reg(struct vbh_vcpu *vcpu, enum vbh_reg reg, u64 value);
/* The value of an MSR that the guest sees on this vCPU, which is the caller's. */
u64 host_msr(struct vbh_vcpu *vcpu, u32 msr);

/*
 * Copy to or from the guest's ordinary memory. -EFAULT, with nothing written,
 * if any byte is not ordinary memory or is the hypervisor's. Rights of regions
 * are not consulted: the core is who may write there.
 */
int host_read_gpa(struct vbh_guest *guest, u64 gpa, void *buf, u32 len);
int host_write_gpa(struct vbh_guest *guest, u64 gpa, const void *buf, u32 len);
/*
 * Walk the tables at top-level address cr3 (CR3 of the vCPU, or another one in
 * the same paging mode) as a supervisor read would: *gpa, or -EFAULT.
 */
int host_translate(struct vbh_vcpu *vcpu, u64 cr3, u64 gva, u64 *gpa);

/*
 * The rights of [gpa, gpa + len) may have changed: bring the second stage in
 * line with region_view(). May split tables; -ENOSPC if there is no memory
 * for that, with part of it done: the caller takes back what it wanted, flushes
 * and calls again. Pages that then still have fewer rights than their regions
 * leave them are the body's to put right when they are touched.
 */
int host_stage2_update(struct vbh_guest *guest, u64 gpa, u64 len);
/*
 * On return no CPU of the guest uses second-stage translations, pins or rules
 * older than this call.
 */
void host_flush(struct vbh_guest *guest);

/*
 * A page of zeroes for the core to keep, or NULL. The body keeps some back for
 * the second stage, and the last for guest->urgent. It is never given back.
 */
void *host_alloc_page(struct vbh_guest *guest);

/*
 * Ordinary memory of the guest, within an aligned VBH_DONATE_MAX, that its regions
 * give to the hypervisor and no CPU can reach any more: what host_alloc_page() and
 * the second stage take from is larger by it, for good. -ENOSPC, -EOPNOTSUPP. Called
 * only where features have VBH_FEAT_DONATE.
 */
int host_donate(struct vbh_guest *guest, u64 gpa, u64 len);
/* Bytes that are missing of what the body keeps back. */
u64 host_wanted(struct vbh_guest *guest);

/* Memory of the event ring, for the core to write: page n of it, or NULL. */
void *host_map_ring(struct vbh_guest *guest, u64 gpa);

/* A spinlock for the guest. Not recursive. */
void host_lock(struct vbh_guest *guest);
void host_unlock(struct vbh_guest *guest);

/* The TSC of this CPU, and its ticks in a second. */
u64 host_tsc(void);
u64 host_tsc_hz(struct vbh_guest *guest);

/* What only the body knows of struct vbh_status and vbh_stats; 0 or -ENOENT. */
void host_status(struct vbh_guest *guest, struct vbh_status *status);
int host_stats(struct vbh_guest *guest, u32 cpu, struct vbh_stats *stats);

/* ev has been recorded, or was lost: a copy for whoever watches from outside. */
void host_event(struct vbh_guest *guest, const struct vbh_event *ev);

/* Stop the whole machine (the whole VM) because of ev. May return; the guest must not run on. */
void host_panic(struct vbh_guest *guest, const struct vbh_event *ev);

#endif
