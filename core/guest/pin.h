/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pins: bits of processor state that may no longer change. What is pinned is
 * the guest's; the value that it keeps is each CPU's own. After an INIT a CPU
 * has not got its pinned values yet: it may reach them, and not leave them from
 * then on.
 */
#ifndef CORE_PIN_H
#define CORE_PIN_H

#include <vbh/abi.h>

struct vbh_vcpu;

/*
 * What can be pinned. Left out are the bits that Linux moves while it runs
 * (CR0.TS, CD, NW; CR4.PGE, PCE, TSD, MCE), the ones that secondary_startup_64
 * drops and cpu_init() sets again although no protection hangs on them
 * (CR4.OSXSAVE, OSFXSR, OSXMMEXCPT, PCIDE), and CR0.ET, which can't change.
 */
#define PIN_CR0_BITS	((1ull << 0) |	/* PE */ \
			 (1ull << 5) |	/* NE */ \
			 (1ull << 16) |	/* WP */ \
			 (1ull << 31))	/* PG */
#define PIN_CR4_BITS	((1ull << 5) |	/* PAE */ \
			 (1ull << 11) |	/* UMIP */ \
			 (1ull << 12) |	/* LA57 */ \
			 (1ull << 16) |	/* FSGSBASE */ \
			 (1ull << 20) |	/* SMEP */ \
			 (1ull << 21) |	/* SMAP */ \
			 (1ull << 22) |	/* PKE */ \
			 (1ull << 23) |	/* CET */ \
			 (1ull << 24))	/* PKS */
#define PIN_EFER_BITS	((1ull << 0) |	/* SCE */ \
			 (1ull << 8) |	/* LME */ \
			 (1ull << 10) |	/* LMA */ \
			 (1ull << 11) |	/* NXE */ \
			 (1ull << 21))	/* AIBRSE */
#define PIN_DTR_BITS	((1u << VBH_NR_DTR) - 1)

#ifndef MSR_EFER
#define MSR_EFER	0xc0000080u
#endif

struct pin_msr {
	u32 msr;
	u8 rule;
	u64 mask;
};

/* The guest's, under its lock. Masks only grow, rules only strengthen. */
struct pin_table {
	u64 cr0_mask, cr4_mask, efer_mask;
	/* of the CPU that asked: what a CPU that was starting up then has to reach */
	u64 cr0_value, cr4_value, efer_value;
	u8 cr0_rule, cr4_rule, efer_rule;
	u32 dtr_mask;			/* 1 << enum vbh_dtr */
	u8 dtr_rule[VBH_NR_DTR];
	u32 nr_msrs;
	struct pin_msr msr[VBH_MAX_MSR_PINS];
	u32 generation;			/* counts changes, for vcpu_sync() */
};

/* One register on one CPU: what it must be. */
struct pin_value {
	u64 value;
	u64 known;		/* bits for which value has been taken over */
};

/* One CPU's, under the guest's lock. */
struct pin_vcpu {
	u32 generation;
	u32 dtr_armed;		/* 1 << enum vbh_dtr: has been at its value since the last INIT */
	struct pin_value cr0, cr4, efer;
	struct pin_value dtr[VBH_NR_DTR];
	struct pin_value msr[VBH_MAX_MSR_PINS];
};

/*
 * Add one pin for the vCPU that asks; -EINVAL: not one that can be had, -ENOSPC:
 * too many MSRs. After the batch the caller counts generation up.
 */
int pin_add(struct pin_table *t, struct vbh_vcpu *vcpu, const struct vbh_pin *pin);
/* Put the grown table in force. Readers without the lock see an entry whole or not yet. */
void pin_publish(struct pin_table *t, const struct pin_table *next);
/* How many bits, registers and MSRs are pinned. */
u32 pin_count(const struct pin_table *t);
/* The entry of this MSR, or NULL. */
const struct pin_msr *pin_find_msr(const struct pin_table *t, u32 msr);
/* Take over the values of pins that this CPU does not know yet. */
void pin_sync(struct vbh_vcpu *vcpu);

/* Bits that going from old to new would take off their pinned value. */
u64 pin_breaks(const struct pin_value *p, u64 old, u64 new);
/* Would it take a descriptor-table register off its pinned value? */
bool pin_moves(struct pin_vcpu *p, enum vbh_dtr dtr, u64 old, u64 new);

#endif
