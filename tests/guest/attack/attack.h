/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an attack is: a named function that tries one thing from ring 0, says
 * what became of it, and says which event VBH has to record for it. An attack
 * that worked is undone before the function returns, so that the machine
 * runs on without VBH as well.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include "../../../linux/shape.h"
#include <vbh/abi.h>

enum outcome {
	UNAVAILABLE,	/* this processor or kernel has no such thing; note says which */
	WORKED,		/* the effect was seen */
	FAULTED,	/* vector; and nothing had changed */
	REFUSED,	/* a hypercall returned the negative errno in ret */
	IGNORED,	/* no fault and no effect */
	BROKEN,		/* a fault, or a refusal, and yet an effect: note says which */
};

/* What has to stop the attack under VBH with rule deny. */
#define A_GP		0u		/* #GP(0), one event */
#define A_UD		(1u << 0)	/* #UD, one event */
#define A_IGNORED	(1u << 1)	/* dropped, one event */
#define A_REFUSED	(1u << 2)	/* an errno: attack->arg, one event */
#define A_QUIET		(1u << 3)	/* it works or is ignored, harms nothing, no event */
/* Where it makes sense. */
#define A_CPU_STOPS	(1u << 4)	/* the processor itself refuses, event or none */
#define A_NEEDS_VBH	(1u << 5)	/* nothing to attack without it */
#define A_SEALED	(1u << 6)	/* allowed before the seal */
#define A_NO_LOG	(1u << 7)	/* rule log does not let it through, or must not */
#define A_LAST		(1u << 8)	/* without VBH the machine is not whole afterwards */
#define A_HONEST	(1u << 9)	/* no attack: has to give the same with and without VBH */
#define A_MANY		(1u << 10)	/* ops violations are recorded, of one kind */
#define A_MANUAL	(1u << 11)	/* the manual says that it faults; only tried under VBH */
#define A_UNTIL_SEAL	(1u << 12)	/* works without VBH; only the seal forbids it */

#define A_LISTED	(1u << 13)	/* needs modules, and a policy that lists them, or no seal: by name only */

struct attempt;

struct attack {
	const char *name;
	const char *what;		/* completes "an attacker with ring 0 can ..." */
	void (*run)(struct attempt *t);
	u32 flags;
	long arg;
	const void *data;
};

/* One run of an attack, and the event that it should cause. */
struct attempt {
	const struct attack *attack;
	enum outcome outcome;
	int vector;
	long ret;
	u32 ops;			/* violations tried; putting back what is protected is one too */
	u64 rip;			/* of the instruction that does it; 0: not known */
	struct vbh_event want;		/* kind, detail, flags and the fields that they name */
	char note[160];
};

/* The tables, one a file; each ends with an empty row. */
extern const struct attack cr_attacks[], msr_attacks[], dtr_attacks[];
extern const struct attack memory_attacks[], hv_attacks[], virt_attacks[];
extern const struct attack hypercall_attacks[], sealed_attacks[], ipi_attacks[];
extern const struct attack patch_attacks[], table_attacks[], module_attacks[];
extern const struct attack exit_attacks[];

/* The kernel's address of a symbol that is not exported, or 0. */
unsigned long attack_symbol(const char *name);
/* Which VBH protects this kernel (enum vbh_body), or 0? By its CPUID leaf. */
u32 attack_body(void);
static inline bool attack_vbh(void)
{
	return attack_body();
}

/* A CPU other than this one, or -1. */
int attack_other_cpu(void);

/* Go on as the attack of that name does. */
void attempt_as(struct attempt *t, const char *name);
void attempt_unavailable(struct attempt *t, const char *fmt, ...) __printf(2, 3);
/* The test itself does not know how to go on: never as expected. */
void attempt_broken(struct attempt *t, const char *why);
/*
 * Judge a try: vector is the exception (0: none), changed whether the effect
 * is there.
 */
void attempt_judge(struct attempt *t, int vector, bool changed);
/* Who this is, for the event; on the CPU that tries. */
void attempt_here(struct attempt *t);
/* One protected operation is about to be tried. */
static inline void attempt_expect(struct attempt *t, u16 kind, u32 detail)
{
	t->want.kind = kind;
	t->want.detail = detail;
}

static inline void attempt_values(struct attempt *t, u64 old, u64 new)
{
	t->want.flags |= VBH_EVENT_F_VALUES;
	t->want.old_value = old;
	t->want.new_value = new;
}

struct dentry;
/* flip.c: its files, for patches hidden and known. */
void flip_create(struct dentry *dir);

#endif
