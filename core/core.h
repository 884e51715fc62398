/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core, as a body sees it: one struct vbh_guest, one struct vbh_vcpu for
 * each CPU, and a function for each thing that a guest can try. Each takes
 * the guest's lock itself; none may be called with it held.
 *
 * The body decodes what happened, asks, and carries out the verdict. It never
 * decides, and the core never touches the processor.
 *
 * Within the core every folder includes this, for the one struct that all state
 * hangs off: of the folders above the guest it takes in their state.h alone.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include <vbh/abi.h>
#include "guest/event.h"
#include "guest/known.h"
#include "guest/pin.h"
#include "guest/region.h"
#include "host.h"
#include "insn/decode.h"
#include "listed/state.h"
#include "text/state.h"

/* What the body is to do with the instruction that exited. */
enum vbh_verdict {
	VBH_ALLOW,	/* carry it out; for a memory access: let the guest try again */
	VBH_DONE,	/* the core has carried it out and moved RIP and the registers */
	VBH_FAULT,	/* inject #GP(0), nothing applied */
	VBH_UNDEFINED,	/* inject #UD */
	VBH_HALT,	/* the machine stops: host_panic() has been called */
	VBH_RESET,	/* nothing applied: the machine is reset, by what ends in nothing else */
};

/* How far a CPU is on its way out and back: what INIT and SIPI mean to it. */
enum vcpu_run {
	VCPU_RUNNING,		/* neither is honest */
	VCPU_PARKED,		/* has said that it goes offline: INIT is */
	VCPU_WAIT_SIPI,		/* has had its INIT: one SIPI is */
	VCPU_STARTED,		/* the second SIPI of the usual pair may come, and is dropped */
};

struct vbh_vcpu {
	struct vbh_guest *guest;
	u32 id;			/* 0 to guest->cpus - 1 */
	u8 run;			/* enum vcpu_run */
	bool resetting;		/* since INIT, no hypercall has shown that Linux is up on it */
	u64 current_gva;	/* where `current` of this CPU stands, or 0 */
	struct pin_vcpu pins;
	struct insn_memo memo[INSN_MEMOS];	/* this CPU's alone */
};

struct vbh_guest {
	/* Set by the body before guest_init(). */
	u32 body;		/* enum vbh_body */
	u32 features;		/* VBH_FEAT_* */
	u32 cpus;
	u32 max_regions;	/* REGION_MAX, or fewer; the room comes from host_alloc_page() */
	u64 max_gpa;		/* one past the highest guest-physical address */
	u32 vm;			/* for struct vbh_event; 0 but on a KVM host */
	u8 sipi_page;		/* the only page where a CPU may start; 0: any */

	/* The core's own, under the lock. */
	u32 state;		/* enum vbh_state */
	/* What is being done must not fail: what is kept back in tables and pool is for it. */
	bool urgent;
	struct region_table regions;
	struct pin_table pins;
	struct pin_table pins_next;	/* where a batch grows until all of it is found good */
	struct event_log log;
	u8 rules[VBH_NR_VIOLATIONS];
	struct vbh_facts facts;
	struct known_state known;
	struct patch_state patch;
	struct listed_state module;
	bool has_key;
	u8 key_hash[VBH_HASH_LEN];
	u32 wrong_keys;
	u64 next_try;		/* TSC before which no key is looked at */
};

/*
 * Begin: every violation kind has rule deny, nothing is protected but what the
 * body adds with guest_protect_own().
 */
void guest_init(struct vbh_guest *guest);

/* Can the second stage of this processor express these rights? See guest->features. */
bool guest_rights_ok(const struct vbh_guest *guest, u32 rights);
void vcpu_init(struct vbh_vcpu *vcpu, struct vbh_guest *guest, u32 id);

/* The body's own protected ranges (hypervisor, APIC); before guests run or at any time. */
int guest_protect_own(struct vbh_guest *guest, u64 gpa, u64 len, u32 rights,
		      enum vbh_region_kind kind);

/*
 * Somebody is about to write there past the second stage: these pages keep all rights,
 * and never become the hypervisor's, a trampoline or a listed module's. -EPERM: one of
 * them may not be written; -ENOSPC.
 */
struct guest_marks {
	u64 from;
	u32 first, last;
};

int guest_mark(struct vbh_guest *guest, u64 gpa, u64 len, struct guest_marks *marks);
/* It did not come about. */
void guest_unmark(struct vbh_guest *guest, const struct guest_marks *marks);

/*
 * Called on each CPU on its way into the guest when host_flush() has been
 * called since the last time: takes over this CPU's values of new pins.
 */
void vcpu_sync(struct vbh_vcpu *vcpu);

/*
 * A hypercall from CPL 0; the value for RAX. VBH_HC_STOP is 0 if it may be done:
 * the body does it. If a rule said panic, host_panic() has been called.
 */
s64 core_hypercall(struct vbh_vcpu *vcpu, u64 nr, const u64 args[4]);
/* A hypercall instruction from another ring. */
enum vbh_verdict core_hypercall_user(struct vbh_vcpu *vcpu);

/* CPUID leaf in VBH's range at base: fills regs (EAX, EBX, ECX, EDX). */
void core_cpuid(const struct vbh_guest *guest, u32 base, u32 leaf, u32 regs[4]);

/*
 * The guest would change CR0 (nr 0) or CR4 (nr 4). This and the next two: VBH_ALLOW,
 * VBH_FAULT, VBH_HALT or VBH_RESET.
 */
enum vbh_verdict core_cr_write(struct vbh_vcpu *vcpu, u32 nr, u64 old, u64 new);
/* The guest would write an MSR, EFER included. */
enum vbh_verdict core_msr_write(struct vbh_vcpu *vcpu, u32 msr, u64 old, u64 new);
/* LGDT, LIDT: base and limit; LLDT, LTR: selector, and any limit. */
enum vbh_verdict core_dtr_load(struct vbh_vcpu *vcpu, enum vbh_dtr dtr, u64 old, u64 new,
			       u32 limit);
/* Does the body have to intercept writes of this MSR? Takes no lock. */
bool core_msr_pinned(const struct vbh_guest *guest, u32 msr);

/*
 * A VMX or SVM instruction (msr 0), or an access to one of their MSRs. The
 * verdict is the fault that a processor without the feature gives.
 */
#define VIRT_CR4	~0u	/* in place of an MSR: CR4.VMXE, which faults as an MSR does */
enum vbh_verdict core_virt_insn(struct vbh_vcpu *vcpu, u32 msr, u64 value);

/* A second-stage violation. */
struct vbh_access {
	u64 gpa;
	u64 gla;
	bool gla_valid;
	bool walk;		/* by the page walk, not by the instruction itself */
	u32 want;		/* the one right that was missing: VBH_R, W, X or XU */
};

enum vbh_verdict core_memory(struct vbh_vcpu *vcpu, const struct vbh_access *a);

/*
 * INIT, or SIPI to start_page, sent by vcpu to target, NULL if that CPU was not
 * there at launch. VBH_ALLOW: deliver; VBH_FAULT: drop it, and go on after the
 * instruction that sent it.
 */
enum vbh_verdict core_init(struct vbh_vcpu *vcpu, struct vbh_vcpu *target, u32 apic_id);
enum vbh_verdict core_sipi(struct vbh_vcpu *vcpu, struct vbh_vcpu *target, u32 apic_id,
			   u8 start_page);
/* target is now in its INIT state: pins re-arm as it comes up again. */
void core_cpu_reset(struct vbh_vcpu *target);

/*
 * The bits of CR0, CR4 or EFER (a pin type) that this CPU has to have on as soon
 * as it is in long mode after an INIT, 0 if it is not on its way up. The body
 * turns them on, so that nobody can keep a CPU from reaching them.
 */
u64 core_floor(struct vbh_vcpu *vcpu, enum vbh_pin_type type);

/* A note from the body: VBH_KIND_START, VBH_KIND_INTERNAL with detail and value. */
void core_note(struct vbh_vcpu *vcpu, enum vbh_kind kind, u32 detail, u64 value);

#endif
