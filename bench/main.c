// SPDX-License-Identifier: GPL-2.0-only
/*
 * The order of things: single instructions and whole workloads with VBH
 * stopped, started and sealed, several times around so that what drifts in the
 * kernel hits all three alike; launches; and the quiet that has to follow.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "workload.h"

#define POLICY		"/etc/vbh/policy.conf"
#define KEY		"the key of the benchmark"
#define CATALOGUE	"/tmp/catalogue"
#define CYCLES		3
#define LAUNCHES	5

enum mode mode = STOPPED;

static struct vbh *vbh;
static struct vbh_policy policy;
static int bench;

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "bench: ");
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

__u64 ticks(void)
{
	__u32 low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high) :: "memory");
	return (__u64)high << 32 | low;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Long enough for what the last change has left to RCU and to work queues. */
static void settle(void)
{
	usleep(100000);
}

static void set_mode(enum mode to)
{
	int err = 0;

	if (to == STARTED)
		err = vbh_start(vbh, &policy);
	else if (to == SEALED)
		err = vbh_seal(vbh);
	else if (mode == SEALED)
		err = vbh_unlock(vbh, KEY, sizeof(KEY) - 1);
	if (!err && to == STOPPED)
		err = vbh_stop(vbh);
	if (err)
		die("into mode %d: %s (%d)", to, vbh_error(vbh), err);
	mode = to;
	settle();
}

void record_patching(bool on)
{
	if (vbh_events_patching(vbh, on))
		die("recording of patches: %s", vbh_error(vbh));
}

void forget_records(void)
{
	struct vbh_info info;

	if (vbh_info(vbh, &info) || vbh_events_ack(vbh, info.status.events))
		die("the event ring: %s", vbh_error(vbh));
}

static void read_exits(__u64 *sum)
{
	struct vbh_stats stats;

	memset(sum, 0, VBH_NR_EXITS * sizeof(*sum));
	for (__u32 cpu = 0; !vbh_stats(vbh, cpu, &stats); cpu++)
		for (__u32 i = 0; i < VBH_NR_EXITS; i++)
			sum[i] += stats.exits[i];
}

/* What has been added since before, without the hypercalls that asked. */
static void exits_since(const __u64 *before, __u32 cpus, __u64 *delta)
{
	read_exits(delta);
	for (__u32 i = 0; i < VBH_NR_EXITS; i++)
		delta[i] -= before[i];
	/* cpus + 1 a time: the last is told that there is no such CPU. */
	delta[VBH_EXIT_HYPERCALL] -= cpus + 1;
}

static void one_round(const struct workload *w, struct result *res, __u32 cpus)
{
	__u64 before[VBH_NR_EXITS], delta[VBH_NR_EXITS] = { 0 };
	__u64 start, took;

	if (mode != STOPPED)
		read_exits(before);
	/* Once unmeasured, since asking for the exits has touched free lists. */
	w->op(w->n);
	start = ticks();
	for (__u32 i = 0; i < w->n; i++)
		w->op(i);
	took = ticks() - start;
	if (mode != STOPPED)
		exits_since(before, cpus, delta);
	if (w->after)
		w->after(w->n);
	if (!res)
		return;
	for (__u32 i = 0; i < VBH_NR_EXITS; i++) {
		if (!res->rounds || delta[i] < res->least[i])
			res->least[i] = delta[i];
		res->sum[i] += delta[i];
	}
	if (res->rounds < ROUNDS_MAX)
		res->ticks[res->rounds++] = took;
}

/* Every page is there from the beginning, for a fork copies those that are. */
static struct result *make_results(void)
{
	size_t size = nr_workloads * sizeof(struct result);
	volatile char *p = calloc(1, size);

	for (size_t i = 0; p && i < size; i += 4096)
		p[i] = 0;
	if (!p)
		die("out of memory");
	return (struct result *)p;
}

static void run_workload(const struct workload *w, struct result *res, __u32 cpus)
{
	if (w->setup)
		w->setup();
	/* The kernel's free lists come to rest only after some rounds. */
	for (__u32 i = 0; i < w->rounds / 4; i++)
		one_round(w, NULL, cpus);
	for (__u32 i = 0; i < w->rounds; i++)
		one_round(w, res, cpus);
	if (w->teardown)
		w->teardown();
}

/* Ticks of one, without the loop; the least of several runs. */
static double run_op(enum bench_op op, __u32 n)
{
	struct bench_run run;
	__u64 least = UINT64_MAX;

	for (__u32 i = 0; i < 5; i++) {
		run = (struct bench_run) { .op = op, .n = n };
		if (ioctl(bench, BENCH_IOC_RUN, &run))
			die("instruction %d: %s", op, strerror(errno));
		if (run.ticks < least)
			least = run.ticks;
		if (run.faults != (op == BENCH_FAULT || (op == BENCH_STORE && mode != STOPPED) ?
				   n : 0))
			die("instruction %d faulted %u times of %u", op, run.faults, n);
	}
	return (double)least / n;
}

static void run_ops(struct results *r)
{
	double loop = run_op(BENCH_EMPTY, 1000);

	for (enum bench_op op = BENCH_CPUID; op < BENCH_NR_OPS; op++) {
		if (op == BENCH_HYPERCALL && mode == STOPPED)
			continue;
		/* Few, for the event ring is to hold what they leave. */
		r->op[mode][op] = run_op(op, op == BENCH_STORE ? 20 : 1000) - loop;
	}
}

static void least(__u64 *to, __u64 value)
{
	if (!*to || value < *to)
		*to = value;
}

static void run_launches(struct results *r)
{
	struct bench_launch l;
	__u64 start;

	if (ioctl(bench, BENCH_IOC_WATCH, 1))
		die("vbh.ko's calls can't be watched: %s", strerror(errno));
	for (__u32 i = 0; i < LAUNCHES; i++) {
		start = ticks();
		if (vbh_start(vbh, &policy))
			die("%s", vbh_error(vbh));
		least(&r->start, ticks() - start);
		settle();
		start = ticks();
		if (vbh_stop(vbh))
			die("%s", vbh_error(vbh));
		least(&r->stop, ticks() - start);
		settle();
		ioctl(bench, BENCH_IOC_LAUNCH, &l);
		least(&r->launch.init, l.init);
		for (__u32 cpu = 0; cpu < BENCH_CPUS; cpu++) {
			least(&r->launch.launch[cpu], l.launch[cpu]);
			least(&r->launch.stop[cpu], l.stop[cpu]);
		}
	}
	if (ioctl(bench, BENCH_IOC_WATCH, 0))
		die("vbh.ko's calls are watched for ever: %s", strerror(errno));
}

static void busy(double until)
{
	for (__u32 k = 0; k < nr_workloads; k++)
		if (workloads[k].busy && workloads[k].setup)
			workloads[k].setup();
	for (__u32 i = 0; seconds() < until; i++)
		for (__u32 k = 0; k < nr_workloads; k++)
			if (workloads[k].busy)
				workloads[k].op(i);
	for (__u32 k = 0; k < nr_workloads; k++)
		if (workloads[k].busy && workloads[k].teardown)
			workloads[k].teardown();
}

static void run_steady(struct steady *s, double length, bool is_busy, __u32 cpus)
{
	__u64 before[VBH_NR_EXITS];
	double start = seconds();

	read_exits(before);
	if (is_busy)
		busy(start + length);
	else
		usleep((useconds_t)(length * 1e6));
	exits_since(before, cpus, s->exits);
	s->seconds = seconds() - start;
}

static void open_all(void)
{
	char err[VBH_ERROR_MAX];

	if (vbh_open(&vbh, err, sizeof(err)))
		die("%s", err);
	if (vbh_policy_load(POLICY, &policy, err, sizeof(err)))
		die("%s", err);
	/* A module load is measured after the seal as well. */
	policy.patching[VBH_PATCH_MODULES] = VBH_PATCHING_ALLOW;
	policy.has_key = 1;
	vbh_hash(KEY, sizeof(KEY) - 1, policy.key_hash);
	bench = open(BENCH_DEVICE, O_RDWR);
	if (bench < 0)
		die("%s: %s", BENCH_DEVICE, strerror(errno));
}

/* The first time around only brings program and kernel into the state that they keep. */
static void run_cycle(struct results *r, __u32 cycle)
{
	for (enum mode m = STOPPED; m < NR_MODES; m++) {
		if (m != mode)
			set_mode(m);
		for (__u32 i = 0; i < nr_workloads; i++) {
			const struct workload *w = &workloads[i];

			/* The first cycle counts for nothing else. */
			if (!w->patches || !cycle)
				run_workload(w, w->patches || cycle ? &r->result[m][i] : NULL,
					     r->cpus);
		}
		run_ops(r);
	}
}

/* Sealed, with modules = "listed" and the catalogue of those that are there. */
static void start_listed(void)
{
	struct vbh_catalogue *catalogue;
	char err[VBH_ERROR_MAX];
	struct utsname u;

	uname(&u);
	if (vbh_catalogue_make(CATALOGUE, LISTED_MODULES, u.release, NULL, NULL, err, sizeof(err)) ||
	    vbh_catalogue_open(&catalogue, CATALOGUE, err, sizeof(err)))
		die("%s", err);
	policy.patching[VBH_PATCH_MODULES] = VBH_PATCHING_LISTED;
	if (vbh_start_listed(vbh, &policy, catalogue))
		die("%s", vbh_error(vbh));
	vbh_catalogue_close(catalogue);
	mode = STARTED;
	set_mode(SEALED);
}

static void run_rare(const struct rare *w, struct rare_result *res, __u32 cpus)
{
	__u64 before[VBH_NR_EXITS], exits[VBH_NR_EXITS] = { 0 };
	__u64 start, took;

	for (__u32 i = 0; i < w->rounds; i++) {
		if (mode != STOPPED)
			read_exits(before);
		start = ticks();
		w->op();
		took = ticks() - start;
		if (mode != STOPPED)
			exits_since(before, cpus, exits);
		if (w->after)
			w->after();
		if (res->ticks && took >= res->ticks)
			continue;
		res->ticks = took;
		memcpy(res->exits, exits, sizeof(exits));
	}
}

static void run_rares(struct results *r)
{
	set_mode(STOPPED);
	module_unload_all();
	for (__u32 i = 0; i < NR_RARES; i++)
		run_rare(&rares[i], &r->rare[STOPPED][i], r->cpus);
	start_listed();
	for (__u32 i = 0; i < NR_RARES; i++)
		run_rare(&rares[i], &r->rare[SEALED][i], r->cpus);
}

/* APM 3, appendix E.4.9: does a VM exit tell where the next instruction is? */
static bool svm_without_nrips(void)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !(c & 4))
		return false;
	return __get_cpuid(0x8000000a, &a, &b, &c, &d) && !(d & 8);
}

int main(int argc, char **argv)
{
	double idle_for = argc > 1 ? atof(argv[1]) : 2, busy_for = argc > 2 ? atof(argv[2]) : 2;
	static struct results r;
	struct vbh_info info;
	int missed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	open_all();
	r.no_length = svm_without_nrips();
	r.cpus = (__u32)sysconf(_SC_NPROCESSORS_ONLN);
	r.ring_bytes = 4096 + (policy.ring_records ?: 2048) * sizeof(struct vbh_event);
	for (enum mode m = STOPPED; m < NR_MODES; m++)
		r.result[m] = make_results();
	printf("bench: launches\n");
	run_launches(&r);
	for (__u32 i = 0; i <= CYCLES; i++) {
		printf("bench: workloads, stopped, started, sealed: %u of %u\n", i, CYCLES);
		run_cycle(&r, i);
		if (i < CYCLES) {
			set_mode(STOPPED);
			module_unload_all();
		}
	}
	printf("bench: steady state\n");
	run_steady(&r.idle, idle_for, false, r.cpus);
	run_steady(&r.busy, busy_for, true, r.cpus);
	if (vbh_info(vbh, &info))
		die("%s", vbh_error(vbh));
	r.status = info.status;
	printf("bench: what is rare\n");
	run_rares(&r);
	missed = report(stdout, &r);
	report_json(stdout, &r);
	return missed != 0;
}
