// SPDX-License-Identifier: GPL-2.0-only
/* Small things that many tests use. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "honest.h"

int nr_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

int pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % nr_cpus(), &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

void unpin(void)
{
	cpu_set_t set;
	int i;

	CPU_ZERO(&set);
	for (i = 0; i < nr_cpus(); i++)
		CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

u64 mix(u64 sum, u64 value)
{
	sum = (sum ^ value) * 0x9e3779b97f4a7c15ull;
	return sum ^ sum >> 29;
}

int reap(int pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1000;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct thread_arg {
	int (*fn)(int i);
	int i;
};

static void *thread_main(void *p)
{
	struct thread_arg *arg = p;

	return (void *)(long)arg->fn(arg->i);
}

int run_threads(int n, int (*fn)(int i))
{
	struct thread_arg args[n];
	pthread_t threads[n];
	int i, sum = 0;
	void *ret;

	for (i = 0; i < n; i++) {
		args[i] = (struct thread_arg) { fn, i };
		if (pthread_create(&threads[i], NULL, thread_main, &args[i]))
			return -1000;
	}
	for (i = 0; i < n; i++) {
		pthread_join(threads[i], &ret);
		sum += (long)ret;
	}
	return sum;
}

struct cpuid cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid r;

	__cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
	return r;
}

u64 xgetbv0(void)
{
	u32 lo, hi;

	if (!(cpuid(1, 0).ecx & 1u << 27))
		return 0;
	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (u64)hi << 32 | lo;
}

bool has_avx(void)
{
	return (cpuid(1, 0).ecx & 1u << 28) && (xgetbv0() & 6) == 6;
}

bool has_avx512(void)
{
	return (cpuid(7, 0).ebx & 1u << 16) && (xgetbv0() & 0xe6) == 0xe6;
}
