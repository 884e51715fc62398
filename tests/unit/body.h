/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test body: core/host.h over plain memory. One guest with a few CPUs, 2 MiB
 * of memory at guest-physical 0, linear addresses that are physical ones unless
 * a test maps them elsewhere, and a record of what the core asked for. It fails
 * the test at once if the core breaks a promise (lock, sizes).
 */
#ifndef BODY_H
#define BODY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core.h"
#include "errno.h"

#define BODY_CPUS	3
#define BODY_REGIONS	64	/* for what is asked for; and the reserve */
#define BODY_ALLOC	192u	/* pages of host_alloc_page() */
#define BODY_KEPT	4u	/* and those for what must not fail */
#define BODY_PAGES	512u
#define BODY_MEM	(BODY_PAGES * 4096ull)
#define BODY_MAX_GPA	(1ull << 32)
#define BODY_TSC_HZ	1000ull

/* Where things stand in the guest's memory. */
#define AT_CODE		0x1000ull	/* RIP */
#define AT_REQUEST	0x2000ull	/* buffers of hypercalls, three pages */
#define AT_TEXT		0x10000ull	/* free for tests to protect */
#define AT_RING		0x40000ull
#define AT_HV		0x80000ull	/* the hypervisor's own pages */
#define AT_HV_END	0x90000ull
#define AT_CR3		0x100000ull
#define AT_POKING_CR3	0x101000ull

struct body {
	struct vbh_guest guest;
	struct vbh_vcpu vcpu[BODY_CPUS];
	u64 regs[BODY_CPUS][VBH_NR_REGS];
	struct {
		u32 msr;
		u64 value[BODY_CPUS];
	} msrs[VBH_MAX_MSR_PINS + 8];
	u32 nr_msrs;
	u8 mem[BODY_MEM] __attribute__((aligned(4096)));
	u8 stage2[BODY_PAGES];	/* rights in force */
	struct {
		u64 cr3, gva, gpa;	/* gpa ~0: nothing there */
	} map[16];
	u32 nr_maps;
	u64 tsc;
	bool locked;
	u32 updates;		/* calls of host_stage2_update() */
	u32 fail_update, fail_again;	/* the numbers of those that have no memory; 0: none */
	u32 flushes;
	void (*at_flush)(void);	/* what another CPU does just before it takes effect */
	void *page[BODY_ALLOC + BODY_KEPT];		/* what host_alloc_page() gave */
	u32 nr_pages;
	u32 max_pages;		/* how many there are */
	struct vbh_event told;	/* of host_event() */
	u32 nr_told;
	u32 panics;
	struct vbh_event panic_event;
};

extern struct body *body;

/* cmocka set-up and tear-down: a new body with the hypervisor's pages protected. */
int body_setup(void **state);
int body_teardown(void **state);

void body_set(u32 cpu, enum vbh_reg reg, u64 value);
u64 body_get(u32 cpu, enum vbh_reg reg);
void body_set_msr(u32 cpu, u32 msr, u64 value);
/* Under cr3, the page of gva is that of gpa; ~0: it is not mapped. */
void body_map(u64 cr3, u64 gva, u64 gpa);
/* CPU 0 is about to execute these bytes. */
void body_code(const void *bytes, u32 len);
/* What the second stage should be for each page, and is. */
void body_check_stage2(void);

/* A hypercall from CPU 0, or from another one. */
s64 call(u64 nr, u64 a, u64 b, u64 c);
s64 call_on(u32 cpu, u64 nr, u64 a, u64 b);
void sync_all(void);

/* Donates a ring of this many pages at AT_RING. */
void body_ring(u32 pages);
struct vbh_ring *ring(void);
/* Record seq as it stands in the ring. */
const struct vbh_event *record(u64 seq);
const struct vbh_event *last_event(void);
/* Its hash follows from the one before it, and is also of what stands behind it. */
void assert_tail_chained(u64 seq);
/* How many events, seen or lost, and the check that exactly one more came, of this kind. */
u64 events(void);
const struct vbh_event *assert_one_event(u64 before, enum vbh_kind kind, enum vbh_action action);

/* Hypercalls with one element. */
s64 add_region(u64 gpa, u64 len, u32 rights, u32 tag, u32 kind, u32 rule, u32 flags);
s64 pin(u32 type, u32 index, u64 mask, u32 rule);

/* A generator that a seed makes repeat. */
u32 rnd(u32 below);

#endif
