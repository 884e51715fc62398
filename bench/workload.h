/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark's program: what it measures, and how its files share that. It
 * runs as root in a rig where the TSC counts instructions, with vbh.ko and
 * vbh_bench.ko loaded and VBH stopped.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <libvbh.h>
#include "bench.h"

#define ROUNDS_MAX	1024
#define LISTED_MODULES	"/bench/listed"
#define KEY_RECORDED	"key_recorded"	/* right behind the same without recording */

enum mode {
	STOPPED,
	STARTED,		/* with the default policy */
	SEALED,
	NR_MODES,
};

/* One thing whose cost is measured. */
struct workload {
	const char *name;
	const char *key;	/* in JSON */
	__u32 n;	/* times a round: few, so that most rounds meet no tick and no refill */
	__u32 rounds;	/* in each mode and cycle */
	const char *excuse;	/* why it may cost more than forced exits; NULL: it may not */
	bool busy;		/* part of the busy steady state: no CPUID, nothing to protect */
	bool patches;		/* the kernel: only at first, for what it leaves would show in others */
	void (*setup)(void);
	void (*op)(__u32 i);
	void (*teardown)(void);
	void (*after)(__u32 n);	/* after each round, not measured */
};

extern const struct workload workloads[];
extern const __u32 nr_workloads;

/* What is done so seldom, or takes so long, that it is measured on its own at the end. */
struct rare {
	const char *name;
	const char *key;
	__u32 rounds;
	void (*op)(void);
	void (*after)(void);	/* after each round, not measured; or NULL */
};

extern const struct rare rares[];
#define RARE_TRACE	1	/* every function is traced, and no longer */
#define NR_RARES	2

/* What was found of one workload in one mode. */
struct result {
	__u32 rounds;
	__u64 ticks[ROUNDS_MAX];	/* of a whole round */
	__u64 least[VBH_NR_EXITS];	/* exits of the round that had the fewest, n + 1 times */
	__u64 sum[VBH_NR_EXITS];	/* of all rounds */
};

struct steady {
	double seconds;
	__u64 exits[VBH_NR_EXITS];
};

/* Of the cheapest round. */
struct rare_result {
	__u64 ticks;
	__u64 exits[VBH_NR_EXITS];
};

struct results {
	struct vbh_status status;	/* while sealed */
	__u64 ring_bytes;
	__u32 cpus;
	bool no_length;			/* SVM that does not tell the next RIP (NRIPS) */
	__u64 start, stop;		/* the whole requests, of the shortest */
	struct bench_launch launch;
	double op[NR_MODES][BENCH_NR_OPS];	/* ticks each */
	struct result *result[NR_MODES];	/* one a workload */
	struct steady idle, busy;
	struct rare_result rare[NR_MODES][NR_RARES];	/* but not STARTED; modules are listed */
};

__u64 ticks(void);
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* In SEALED, loaded modules can't go again. */
extern enum mode mode;

/* Have the kernel's patching recorded; and give the records' room back. Not while STOPPED. */
void record_patching(bool on);
void forget_records(void);

/* Remove the modules that were loaded. */
void module_unload_all(void);

/* Exits of a kind, without those that another counts too. */
__u64 exits_of(const __u64 *exits, enum vbh_exit kind);
/* Tables to out; the number of budgets that were missed. */
int report(FILE *out, const struct results *r);
/* In one line. */
void report_json(FILE *out, const struct results *r);

#endif
