/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The block of KVM_VBH_GET_STATE: struct state_head, a struct state_vcpu for each
 * vCPU, the regions, then the arrays of the core, each with its u32 number before
 * it. Whoever includes this has included core/core.h.
 */
#ifndef KVM_VBH_STATE_H
#define KVM_VBH_STATE_H

#define STATE_MAGIC	0x3174617448425600ull

struct state_head {
	u64 magic;
	u32 layout;
	u32 state;
	u64 max_gpa;
	u64 max_wait;			/* ticks until a key is looked at */
	u32 wrong_keys;
	u32 next_id;
	u32 nr_regions;
	u32 nr_vcpus;
	u8 sipi_page;
	u8 has_key;
	u8 rules[VBH_NR_VIOLATIONS];
	u8 allow[VBH_NR_PATCHES];
	u8 key_hash[VBH_HASH_LEN];
	struct vbh_facts facts;
	struct vbh_ftrace ftrace;
	struct event_log log;
	struct pin_table pins;
};

struct state_vcpu {
	u32 id;
	u8 run;
	u8 resetting;
	u64 current_gva;
	struct pin_vcpu pins;
};

#endif
