/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the honest tests share. A test is a function that does ordinary work and
 * checks its result; each runs in a process of its own, under a time limit, so
 * that a crash is that test's failure and nobody else's.
 */
#ifndef HONEST_H
#define HONEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

struct test {
	const char *name;
	const char *claim;	/* a sentence that can be false */
	int (*run)(int scale);	/* PASS, or what fail() or skip() returned */
};

enum { PASS = 0, FAIL = -1, SKIP = 1 };

/* Each file's tests, ended by an empty row. */
extern const struct test fpu_tests[], cpuid_tests[], step_tests[], watch_tests[];
extern const struct test fault_tests[], signal_tests[], clock_tests[], storm_tests[];
extern const struct test ipc_tests[], segment_tests[], syscall_tests[], perf_tests[];
extern const struct test memory_tests[];

/* Say why; the text reaches the line that is printed. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(cond, ...)				\
	do {						\
		if (!(cond))				\
			return fail(__VA_ARGS__);	\
	} while (0)

int nr_cpus(void);
/* Run on this CPU only (modulo the number of CPUs); -1 if that can't be. */
int pin_to(int cpu);
void unpin(void);
u64 now_ns(void);
u64 mix(u64 sum, u64 value);
/* Wait for a child; its exit status, or -signal. */
int reap(int pid);
/* Run fn in each of n threads, thread i with argument i; the sum of what they return. */
int run_threads(int n, int (*fn)(int i));

struct cpuid {
	u32 eax, ebx, ecx, edx;
};
struct cpuid cpuid(u32 leaf, u32 subleaf);
u64 xgetbv0(void);
bool has_avx(void);
bool has_avx512(void);

/* Lines of what must be the same before and after. */
int record(FILE *out);
int compare(FILE *before, FILE *now);

#endif
