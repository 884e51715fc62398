/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the benchmark's program and its module, vbh_bench.ko. */
#ifndef BENCH_H
#define BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BENCH_DEVICE	"/dev/vbh_bench"

/* What is repeated in ring 0 with interrupts off; each is harmless. */
enum bench_op {
	BENCH_EMPTY,		/* the loop itself */
	BENCH_CPUID,		/* leaf 0 */
	BENCH_CPUID_LEAF1,	/* a leaf that VBH has to correct */
	BENCH_APIC,		/* the local APIC's TPR, with the value that it has */
	BENCH_MSR,		/* LSTAR, with the value that it has */
	BENCH_HYPERCALL,	/* VBH_HC_EVENT_ACK(0), which changes nothing */
	BENCH_STORE,		/* a byte of kernel text by an alias, with its value */
	BENCH_FAULT,		/* a store to a non-canonical address: #GP, caught */
	BENCH_NR_OPS,
};

struct bench_run {
	__u32 op;		/* enum bench_op */
	__u32 n;		/* times, 1 to 100000 */
	__u64 ticks;		/* out: of the TSC, for all of them */
	__u32 faults;		/* out: how often it faulted */
	__u32 reserved;
};

#define BENCH_CPUS	16

/* The last calls into and out of the image, in ticks. */
struct bench_launch {
	__u64 init;
	__u64 launch[BENCH_CPUS];
	__u64 stop[BENCH_CPUS];
};

#define BENCH_IOC_RUN		_IOWR(0xb6, 0, struct bench_run)
/* 1: watch vbh.ko's calls from now on; 0: no longer. Before the seal only. */
#define BENCH_IOC_WATCH		_IO(0xb6, 1)
#define BENCH_IOC_LAUNCH	_IOR(0xb6, 2, struct bench_launch)

#endif
