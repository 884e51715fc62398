// SPDX-License-Identifier: GPL-2.0-only
/*
 * Register state that the kernel and the processor keep for a thread: x87, SSE,
 * AVX and AVX-512 registers, their control words and XCR0, across context
 * switches, signals and system calls.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "honest.h"

#define REG_BYTES	64
#define VECTORS		32

static int rounds;

/* Each loads registers from a buffer, makes a system call, and stores them again. */
#define LOAD(op, n, reg)	#op " " #n "*64(%[from]), %%" #reg #n "\n\t"
#define STORE(op, n, reg)	#op " %%" #reg #n ", " #n "*64(%[to])\n\t"
#define ALL8(f, op, reg)	f(op, 0, reg) f(op, 1, reg) f(op, 2, reg) f(op, 3, reg) \
				f(op, 4, reg) f(op, 5, reg) f(op, 6, reg) f(op, 7, reg)
#define ALL16(f, op, reg)	ALL8(f, op, reg) f(op, 8, reg) f(op, 9, reg) f(op, 10, reg) \
				f(op, 11, reg) f(op, 12, reg) f(op, 13, reg) f(op, 14, reg) \
				f(op, 15, reg)
#define ALL32(f, op, reg)	ALL16(f, op, reg) f(op, 16, reg) f(op, 17, reg) \
				f(op, 18, reg) f(op, 19, reg) f(op, 20, reg) f(op, 21, reg) \
				f(op, 22, reg) f(op, 23, reg) f(op, 24, reg) f(op, 25, reg) \
				f(op, 26, reg) f(op, 27, reg) f(op, 28, reg) f(op, 29, reg) \
				f(op, 30, reg) f(op, 31, reg)

#define THROUGH(name, all, op, reg)						\
static void through_##name(const u8 *from, u8 *to, long nr)			\
{										\
	asm volatile(all(LOAD, op, reg)						\
		     "syscall\n\t"						\
		     /* time for an interrupt, and another thread */		\
		     "mov $2000, %%ecx\n"					\
		     "1: pause\n\t"						\
		     "dec %%ecx\n\t"						\
		     "jnz 1b\n\t"						\
		     all(STORE, op, reg)					\
		     : "+a"(nr) : [from] "r"(from), [to] "r"(to)		\
		     : "rcx", "r11", "memory", "cc", XMM_CLOBBERS);		\
}

#define XMM_CLOBBERS	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",	\
			"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
THROUGH(sse, ALL16, movups, xmm)
THROUGH(avx, ALL16, vmovups, ymm)
#pragma GCC push_options
#pragma GCC target("avx512f")
#undef XMM_CLOBBERS
#define XMM_CLOBBERS	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",	\
			"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", \
			"xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", \
			"xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"
THROUGH(avx512, ALL32, vmovups, zmm)

static int through_masks(u64 seed)
{
	u64 k1 = seed & 0xffff, k7 = seed >> 16 & 0xffff, got1, got7;
	long nr = SYS_sched_yield;

	asm volatile("kmovw %k[k1], %%k1\n\tkmovw %k[k7], %%k7\n\tsyscall\n\t"
		     "kmovw %%k1, %k[got1]\n\tkmovw %%k7, %k[got7]\n\t"
		     : "+a"(nr), [got1] "=&r"(got1), [got7] "=&r"(got7)
		     : [k1] "r"(k1), [k7] "r"(k7)
		     : "rcx", "r11", "memory", "k1", "k7");
	return got1 == k1 && got7 == k7 ? PASS : fail("a mask register changed");
}
#pragma GCC pop_options

struct kind {
	void (*through)(const u8 *from, u8 *to, long nr);
	int registers, bytes;
};

static struct kind widest(void)
{
	if (has_avx512())
		return (struct kind) { through_avx512, 32, 64 };
	if (has_avx())
		return (struct kind) { through_avx, 16, 32 };
	return (struct kind) { through_sse, 16, 16 };
}

static void fill(u8 *buf, u64 seed)
{
	u64 v = seed;
	int i;

	for (i = 0; i < VECTORS * REG_BYTES; i += 8) {
		v = mix(v, i + 1);
		memcpy(buf + i, &v, 8);
	}
}

static int keep_vectors(int i)
{
	u8 from[VECTORS * REG_BYTES], to[VECTORS * REG_BYTES];
	struct kind kind = widest();
	int round, r;

	for (round = 0; round < rounds; round++) {
		fill(from, i * 1000003ull + round);
		memset(to, 0, sizeof(to));
		kind.through(from, to, SYS_sched_yield);
		for (r = 0; r < kind.registers; r++)
			CHECK(!memcmp(from + r * REG_BYTES, to + r * REG_BYTES, kind.bytes),
			      "vector register %d of thread %d changed in round %d", r, i, round);
		if (has_avx512() && through_masks(mix(i, round)))
			return FAIL;
	}
	return PASS;
}

static int fpu_switch(int scale)
{
	rounds = 100 * scale;
	return run_threads(6, keep_vectors) ? FAIL : PASS;
}

static void trash(int sig)
{
	u8 buf[VECTORS * REG_BYTES], to[VECTORS * REG_BYTES];

	fill(buf, 0xdead + sig);
	widest().through(buf, to, SYS_getppid);
}

static volatile bool done;

static void *pester(void *target)
{
	while (!done) {
		pthread_kill(*(pthread_t *)target, SIGUSR1);
		usleep(1000);
	}
	return NULL;
}

static int fpu_signal(int scale)
{
	struct sigaction sa = { .sa_handler = trash };
	pthread_t self = pthread_self(), other;
	int ret;

	sigaction(SIGUSR1, &sa, NULL);
	rounds = 200 * scale;
	if (pthread_create(&other, NULL, pester, &self))
		return fail("no thread");
	ret = keep_vectors(7);
	done = true;
	pthread_join(other, NULL);
	return ret;
}

static int keep_control(int i)
{
	u32 want = 0x1f80 | (i & 3) << 13 | (i & 4 ? 0x8000 : 0), got;
	u16 want_cw = 0x37f | (i & 3) << 10, got_cw;
	double x = 1.0 + i, y;
	int round;

	asm volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(want), "m"(want_cw));
	for (round = 0; round < rounds; round++) {
		asm volatile("fldl %1\n\tfldpi\n\tmov %2, %%eax\n\tsyscall\n\t"
			     "fstp %%st(0)\n\tfstpl %0"
			     : "=m"(y) : "m"(x), "i"(SYS_sched_yield)
			     : "rax", "rcx", "r11", "memory", "cc");
		asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(got), "=m"(got_cw));
		CHECK(got == want, "MXCSR is %#x, was %#x", got, want);
		CHECK(got_cw == want_cw, "the x87 control word is %#x, was %#x", got_cw, want_cw);
		CHECK(x == y, "an x87 register changed");
	}
	return PASS;
}

static int fpu_control(int scale)
{
	rounds = 200 * scale;
	return run_threads(6, keep_control) ? FAIL : PASS;
}

static u64 xcr0;

static int look_at_xcr0(int i)
{
	int round;

	for (round = 0; round < rounds; round++) {
		if (!(round % 50))
			pin_to(i + round / 50);
		CHECK(xgetbv0() == xcr0, "XCR0 is %#llx, was %#llx",
		      (unsigned long long)xgetbv0(), (unsigned long long)xcr0);
	}
	return PASS;
}

static int fpu_xcr0(int scale)
{
	struct cpuid d;

	xcr0 = xgetbv0();
	if (!xcr0)
		return skip("no XSAVE");
	d = cpuid(13, 0);
	CHECK(!(xcr0 & ~((u64)d.edx << 32 | d.eax)), "XCR0 has bits that CPUID has not");
	rounds = 500 * scale;
	return run_threads(4, look_at_xcr0) ? FAIL : PASS;
}

const struct test fpu_tests[] = {
	{ "fpu-switch", "vector registers of six threads survive context switches", fpu_switch },
	{ "fpu-signal", "vector registers survive signals whose handlers use them", fpu_signal },
	{ "fpu-control", "MXCSR, x87 control word and stack stay a thread's own", fpu_control },
	{ "fpu-xcr0", "XCR0 is the same on every CPU and within what CPUID offers", fpu_xcr0 },
	{ }
};
