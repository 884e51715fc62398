// SPDX-License-Identifier: GPL-2.0-only
/* perf's counters: the kernel's own, breakpoints, and the processor's where offered. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "honest.h"

static int open_counter(struct perf_event_attr *attr)
{
	attr->size = sizeof(*attr);
	attr->disabled = 1;
	return syscall(SYS_perf_event_open, attr, 0, -1, -1, 0);
}

static int counter(u32 type, u64 config)
{
	struct perf_event_attr attr = { .type = type, .config = config };

	return open_counter(&attr);
}

static u64 value(int fd)
{
	u64 v = 0;

	return read(fd, &v, 8) == 8 ? v : ~0ull;
}

static int page_faults(int scale)
{
	int fd = counter(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS), pages = 200 * scale, i;
	u64 n;
	char *p;

	CHECK(fd >= 0, "no counter: %s", strerror(errno));
	p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(p, pages * 4096, MADV_NOHUGEPAGE);
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	for (i = 0; i < pages; i++)
		p[i * 4096] = 1;
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	n = value(fd);
	CHECK(n >= (u64)pages && n <= (u64)pages + 2, "%llu faults for %d pages",
	      (unsigned long long)n, pages);
	return PASS;
}

static int switches(int scale)
{
	int fd = counter(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES), i;
	int clock = counter(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK);
	u64 n, ns, t = now_ns();

	CHECK(fd >= 0 && clock >= 0, "no counter: %s", strerror(errno));
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	ioctl(clock, PERF_EVENT_IOC_ENABLE, 0);
	/* Long: a timer that expires before the task has gone to sleep makes no switch. */
	for (i = 0; i < 10 * scale; i++)
		usleep(50000);
	n = value(fd);
	ns = value(clock);
	t = now_ns() - t;
	CHECK(n >= 10ull * scale && n < 1000ull * scale, "%llu switches in %d sleeps",
	      (unsigned long long)n, 10 * scale);
	CHECK(ns && ns < t, "%llu ns of work in %llu ns", (unsigned long long)ns,
	      (unsigned long long)t);
	return PASS;
}

static volatile u32 watched;

static int breakpoint(int scale)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .bp_type = HW_BREAKPOINT_W,
		.bp_addr = (u64)&watched, .bp_len = HW_BREAKPOINT_LEN_4, .sample_period = 1,
	};
	int fd = open_counter(&attr), i, n = 50 * scale;

	CHECK(fd >= 0, "no counter: %s", strerror(errno));
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	for (i = 0; i < n; i++) {
		watched = i;
		if (!(i % 10))
			sched_yield();
	}
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	CHECK(value(fd) == (u64)n, "%llu hits of %d", (unsigned long long)value(fd), n);
	return PASS;
}

static volatile int samples;

static void sampled(int sig)
{
	(void)sig;
	samples++;
}

static void spin(u32 n)
{
	asm volatile("1: dec %0\n\tjnz 1b" : "+r"(n) : : "cc");
}

/* SIGIO each period events; the loop goes on until some have come or time is up. */
static int sample(u32 type, u64 config, u64 period)
{
	struct perf_event_attr attr = {
		.type = type, .config = config, .sample_period = period, .wakeup_events = 1,
		.exclude_kernel = 1, .exclude_hv = 1,
	};
	struct sigaction sa = { .sa_handler = sampled };
	int fd = open_counter(&attr);
	u64 t = now_ns();

	if (fd < 0)
		return skip("no such counter: %s", strerror(errno));
	CHECK(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED,
	      "no ring");
	sigaction(SIGIO, &sa, NULL);
	fcntl(fd, F_SETFL, O_ASYNC);
	fcntl(fd, F_SETSIG, SIGIO);
	fcntl(fd, F_SETOWN, getpid());
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	while (samples < 5) {
		spin(100000);
		CHECK(now_ns() - t < 30000000000, "%d samples in 30 s", samples);
	}
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	return PASS;
}

static int software_samples(int scale)
{
	(void)scale;
	return sample(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, 2000000);
}

/* These come as NMIs. */
static int hardware_samples(int scale)
{
	(void)scale;
	return sample(PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, 1000000);
}

static int instructions(int scale)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE, .config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_kernel = 1, .exclude_hv = 1,
	};
	int fd = open_counter(&attr);
	u64 n, want = 200000ull * scale;

	if (fd < 0)
		return skip("no such counter: %s", strerror(errno));
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	spin(want / 2);
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	n = value(fd);
	CHECK(n >= want && n < want + 1000, "counted %llu of %llu", (unsigned long long)n,
	      (unsigned long long)want);
	return PASS;
}

const struct test perf_tests[] = {
	{ "perf-faults", "perf counts page faults", page_faults },
	{ "perf-switches", "perf counts context switches and a task's time", switches },
	{ "perf-breakpoint", "perf counts hits of a hardware breakpoint", breakpoint },
	{ "perf-clock", "perf samples by the clock", software_samples },
	{ "perf-instructions", "perf counts instructions", instructions },
	{ "perf-nmi", "perf samples by a hardware counter's overflow", hardware_samples },
	{ }
};
