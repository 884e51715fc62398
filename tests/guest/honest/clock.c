// SPDX-License-Identifier: GPL-2.0-only
/* Time: the vDSO's, the kernel's and the processor's, on both CPUs. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "honest.h"

static int rounds;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static u64 last_ns, last_tsc;

static u64 rdtsc_ordered(void)
{
	u32 lo, hi;

	asm volatile("lfence\n\trdtsc\n\tlfence" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

static int ordered_clock(int i)
{
	int round, bad = 0;
	u64 t;

	pin_to(i);
	for (round = 0; round < rounds; round++) {
		pthread_mutex_lock(&lock);
		t = now_ns();
		if (t < last_ns)
			bad = fail("%lld ns back", (long long)(last_ns - t));
		last_ns = t;
		pthread_mutex_unlock(&lock);
		if (!(round % 64))
			sched_yield();
	}
	return bad;
}

static int monotonic(int scale)
{
	rounds = 2000 * scale;
	return run_threads(4, ordered_clock) ? FAIL : PASS;
}

static int ordered_tsc(int i)
{
	int round, bad = 0;
	u64 t;

	pin_to(i);
	for (round = 0; round < rounds; round++) {
		pthread_mutex_lock(&lock);
		t = rdtsc_ordered();
		if (t < last_tsc)
			bad = fail("%lld ticks back", (long long)(last_tsc - t));
		last_tsc = t;
		pthread_mutex_unlock(&lock);
		if (!(round % 64))
			sched_yield();
	}
	return bad;
}

static int tsc(int scale)
{
	rounds = 2000 * scale;
	return run_threads(4, ordered_tsc) ? FAIL : PASS;
}

static u64 kernel_ns(clockid_t clock)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, clock, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static u64 vdso_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static int same_clock(int scale)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME };
	u64 a, k, b;
	size_t c;
	int i;

	for (i = 0; i < 500 * scale; i++) {
		pin_to(i / 100);
		for (c = 0; c < ARRAY_SIZE(clocks); c++) {
			a = vdso_ns(clocks[c]);
			k = kernel_ns(clocks[c]);
			b = vdso_ns(clocks[c]);
			CHECK(a <= k && k <= b, "clock %d: %llu, the kernel %llu, then %llu",
			      clocks[c], (unsigned long long)a, (unsigned long long)k,
			      (unsigned long long)b);
		}
	}
	return PASS;
}

static int sleeps(int scale)
{
	struct timespec ts = { .tv_nsec = 5000000 };
	u64 t;
	int i;

	for (i = 0; i < 5 * scale; i++) {
		t = now_ns();
		CHECK(!nanosleep(&ts, NULL), "interrupted");
		t = now_ns() - t;
		CHECK(t >= 5000000, "slept %llu ns of 5000000", (unsigned long long)t);
		CHECK(t < 2000000000, "slept %llu ns of 5000000", (unsigned long long)t);
	}
	return PASS;
}

static int timer_fd(int scale)
{
	struct itimerspec every = { { 0, 10000000 }, { 0, 10000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0), want = 5 * scale;
	u64 n, sum = 0, t;

	CHECK(fd >= 0, "no timerfd");
	t = now_ns();
	timerfd_settime(fd, 0, &every, NULL);
	while (sum < (u64)want) {
		CHECK(read(fd, &n, 8) == 8 && n, "nothing read");
		sum += n;
	}
	t = now_ns() - t;
	CHECK(t >= sum * 10000000, "%llu expirations in %llu ns", (unsigned long long)sum,
	      (unsigned long long)t);
	return PASS;
}

static volatile int alarms;

static void count_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static int interval_timer(int scale)
{
	struct itimerval every = { { 0, 10000 }, { 0, 10000 } }, off = { };
	struct sigaction sa = { .sa_handler = count_alarm };
	int want = 5 * scale;
	u64 t = now_ns();

	sigaction(SIGALRM, &sa, NULL);
	sigaction(SIGPROF, &sa, NULL);
	CHECK(!setitimer(ITIMER_REAL, &every, NULL), "setitimer failed");
	while (alarms < want)
		pause();
	setitimer(ITIMER_REAL, &off, NULL);
	CHECK(now_ns() - t >= (u64)(want - 1) * 10000000, "%d alarms came too soon", want);
	alarms = 0;
	CHECK(!setitimer(ITIMER_PROF, &every, NULL), "setitimer failed");
	t = now_ns();
	while (!alarms)
		CHECK(now_ns() - t < 30000000000, "no SIGPROF in 30 s");
	return PASS;
}

/* A thread that may not read the TSC beside one that may, on one CPU. */
static volatile int refused;

static void skip_rdtsc(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	refused++;
	if (info->si_code != SI_KERNEL)
		refused = -1000000;
	prctl(PR_SET_TSC, PR_TSC_ENABLE);
	(void)context;
}

static int may_read(int i)
{
	int round;
	u64 t = 0;

	pin_to(0);
	for (round = 0; round < rounds; round++) {
		if (!i)
			prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
		sched_yield();
		t |= rdtsc_ordered();
		sched_yield();
	}
	return t ? PASS : fail("the TSC reads 0");
}

static int tsc_disabled(int scale)
{
	struct sigaction sa = { .sa_sigaction = skip_rdtsc, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &sa, NULL);
	rounds = 50 * scale;
	if (run_threads(3, may_read))
		return FAIL;
	CHECK(refused == rounds, "%d refusals, not %d", refused, rounds);
	return PASS;
}

static int cpu_number(int scale)
{
	u32 lo, hi, aux;
	unsigned int cpu;
	int i;

	if (!(cpuid(0x80000001, 0).edx & 1u << 27))
		return skip("no RDTSCP");
	for (i = 0; i < 20 * scale; i++) {
		pin_to(i);
		asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
		CHECK((aux & 0xfff) == (u32)(i % nr_cpus()), "RDTSCP says CPU %u", aux & 0xfff);
		getcpu(&cpu, NULL);
		CHECK(cpu == aux, "getcpu says %u, RDTSCP %u", cpu, aux);
		if (cpuid(7, 0).ecx & 1u << 22) {
			u64 pid;

			asm volatile("rdpid %0" : "=r"(pid));
			CHECK(pid == aux, "RDPID says %llu", (unsigned long long)pid);
		}
	}
	return PASS;
}

const struct test clock_tests[] = {
	{ "clock-monotonic", "the vDSO's clock never goes back from one CPU to another", monotonic },
	{ "clock-syscall", "the vDSO and the kernel tell the same time", same_clock },
	{ "clock-tsc", "the TSC never goes back from one CPU to another", tsc },
	{ "clock-tsc-off", "PR_SET_TSC holds for one thread and not for its neighbours",
	  tsc_disabled },
	{ "clock-cpu", "RDTSCP, RDPID and getcpu name the CPU", cpu_number },
	{ "clock-sleep", "nanosleep sleeps as long as asked", sleeps },
	{ "clock-timerfd", "a timerfd expires as often as its interval allows", timer_fd },
	{ "clock-itimer", "setitimer's signals come", interval_timer },
	{ }
};
