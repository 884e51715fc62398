/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event log: numbers records, chains their hashes, keeps them in the
 * donated ring and counts what did not fit. Before a ring is donated the
 * records are counted as lost. The caller holds the guest's lock.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <vbh/abi.h>

struct vbh_guest;
struct vbh_vcpu;

struct event_log {
	u64 ring_gpa;		/* 0: none yet */
	u64 records;
	u64 head, tail, lost;
	u64 violations;
	u64 crowd;		/* records since tail that may not fill the ring */
	u64 patches[VBH_NR_PATCHES];
	u8 notes;		/* enum vbh_notes */
	u8 hash[VBH_HASH_LEN];	/* of the last record */
};

/* Prepare ev for vcpu: time, CPU and instruction, as far as they can be read. */
void event_begin(struct vbh_vcpu *vcpu, struct vbh_event *ev, enum vbh_kind kind);
/* The same, with a detail and values of 8 bytes. */
void event_values(struct vbh_vcpu *vcpu, struct vbh_event *ev, enum vbh_kind kind, u32 detail,
		  u64 old, u64 new);
/*
 * Number, chain and store ev, with the task of vcpu. Records caused by CPL 3, and
 * those of honest patching and of modules, may fill half of the ring at most, so
 * that none hides what an attacker in the kernel does.
 */
void event_commit(struct vbh_vcpu *vcpu, struct vbh_event *ev);
/* The ring's header as it is now. */
void event_show(struct vbh_guest *guest);
/* Count a VBH_KIND_PATCH, and commit it if it is to be. It is never "lost". */
void event_patch(struct vbh_vcpu *vcpu, struct vbh_event *ev);
/* A VBH_KIND_TEXT, if it is to be; name: where the guest has that, or 0. */
void event_text(struct vbh_vcpu *vcpu, u32 tag, u64 gva, u64 was, u64 is, u64 name);
/* VBH_HC_EVENT_RING, VBH_HC_EVENT_ACK and VBH_HC_NOTES. */
int event_ring_set(struct vbh_guest *guest, u64 gpa, u64 len);
int event_ack(struct vbh_guest *guest, u64 seq);
int event_notes(struct vbh_guest *guest, u64 notes);

#endif
