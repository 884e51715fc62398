// SPDX-License-Identifier: GPL-2.0-only
/* Processes and threads that wait for one another across CPUs. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "honest.h"

static int rounds;

static int pingpong(int scale)
{
	int there[2], back[2], i, n = 300 * scale;
	u64 word, sum = 0, want = 0;
	pid_t pid;

	CHECK(!pipe(there) && !pipe(back), "no pipes");
	pid = fork();
	if (!pid) {
		pin_to(1);
		for (i = 0; i < n; i++) {
			if (read(there[0], &word, 8) != 8)
				_exit(1);
			word = mix(word, i);
			if (write(back[1], &word, 8) != 8)
				_exit(1);
		}
		_exit(0);
	}
	pin_to(0);
	for (i = 0; i < n; i++) {
		word = sum;
		CHECK(write(there[1], &word, 8) == 8 && read(back[0], &word, 8) == 8,
		      "round %d failed", i);
		want = mix(sum, i);
		CHECK(word == want, "round %d gave a wrong word", i);
		sum = word;
	}
	CHECK(!reap(pid), "the other side failed");
	return PASS;
}

static u32 futex_word;
static u64 counted;

static void take(void)
{
	u32 seen = 0;

	if (__atomic_compare_exchange_n(&futex_word, &seen, 1, 0, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&futex_word, 2, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static void give(void)
{
	if (__atomic_exchange_n(&futex_word, 0, __ATOMIC_RELEASE) == 2)
		syscall(SYS_futex, &futex_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static int contend(int i)
{
	int round;

	pin_to(i);
	for (round = 0; round < rounds; round++) {
		take();
		counted++;
		if (!(round % 16))
			sched_yield();
		give();
	}
	return PASS;
}

static int futex(int scale)
{
	rounds = 500 * scale;
	run_threads(4, contend);
	CHECK(counted == 4ull * rounds, "counted %llu, not %d", (unsigned long long)counted,
	      4 * rounds);
	return PASS;
}

/* Dekker's handshake with the fence on one side only, replaced by membarrier on the other. */
static volatile int flag[2], turn_over;
static int both;

static int barrier_side(int i)
{
	int round;

	pin_to(i);
	for (round = 0; round < rounds; round++) {
		flag[i] = 1;
		if (i)
			syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
		else
			asm volatile("" : : : "memory");
		if (!flag[!i]) {
			/* Alone: the other one must not think so too. */
			if (__atomic_add_fetch(&turn_over, 1, __ATOMIC_SEQ_CST) != 1)
				both++;
			__atomic_sub_fetch(&turn_over, 1, __ATOMIC_SEQ_CST);
		}
		flag[i] = 0;
	}
	return PASS;
}

static int membarrier(int scale)
{
	rounds = 200 * scale;
	CHECK(!syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0),
	      "can't register");
	run_threads(2, barrier_side);
	CHECK(!both, "both were alone, %d times", both);
	CHECK(!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), "the global one failed");
	return PASS;
}

const struct test ipc_tests[] = {
	{ "pipe-pingpong", "words go between two CPUs through pipes and come back right", pingpong },
	{ "futex", "four threads on two CPUs count right under a futex", futex },
	{ "membarrier", "membarrier orders the memory of two CPUs", membarrier },
	{ }
};
