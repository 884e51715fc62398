/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pins: bits of processor state that may no longer change. What is pinned is
 * the guest's; the value that it keeps is each CPU's own. After an INIT a CPU
 * has not got its pinned values yet: each bit is armed again when it has
 * reached its value, and can't leave it from then on.
 */
#ifndef CORE_PIN_H
#define CORE_PIN_H

#include <vbh/abi.h>

struct pin_msr {
	u32 msr;
	u8 rule;
	u64 mask;
};

/* The guest's, under its lock. Masks only grow, rules only strengthen. */
struct pin_table {
	u64 cr0_mask, cr4_mask, efer_mask;
	u8 cr0_rule, cr4_rule, efer_rule;
	u32 dtr_mask;			/* 1 << enum vbh_dtr */
	u8 dtr_rule[VBH_NR_DTR];
	u32 nr_msrs;
	struct pin_msr msr[VBH_MAX_MSR_PINS];
	u32 generation;			/* counts changes, for vcpu_sync() */
};

/* One register on one CPU: what it must be, where it has got there. */
struct pin_value {
	u64 value;
	u64 known;		/* bits for which value has been taken over */
	u64 armed;		/* of them, bits that have reached it */
};

/* One CPU's, touched by that CPU alone. */
struct pin_vcpu {
	u32 generation;
	struct pin_value cr0, cr4, efer;
	struct pin_value dtr[VBH_NR_DTR];
	struct pin_value msr[VBH_MAX_MSR_PINS];
};

#endif
