// SPDX-License-Identifier: GPL-2.0-only
/* Many of something at once: processes, programs, threads, mappings. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "honest.h"

static int rounds;

/* Children that share pages with their parent and write to them. */
static int fork_storm(int scale)
{
	enum { AT_ONCE = 8, WORDS = 16384 };
	u64 *mem = malloc(WORDS * sizeof(*mem));
	pid_t pid[AT_ONCE];
	int round, i, j, ret;

	for (i = 0; i < WORDS; i++)
		mem[i] = mix(i, 1);
	for (round = 0; round < 4 * scale; round++) {
		for (i = 0; i < AT_ONCE; i++) {
			pid[i] = fork();
			CHECK(pid[i] >= 0, "fork failed");
			if (pid[i])
				continue;
			for (j = i; j < WORDS; j += 512)
				mem[j] ^= i;
			for (j = i; j < WORDS; j += 512)
				if ((mem[j] ^ i) != mix(j, 1))
					_exit(99);
			_exit(i);
		}
		for (i = 0; i < AT_ONCE; i++) {
			ret = reap(pid[i]);
			CHECK(ret == i, "child %d of round %d ended with %d", i, round, ret);
		}
	}
	for (i = 0; i < WORDS; i++)
		CHECK(mem[i] == mix(i, 1), "a child's write reached its parent");
	return PASS;
}

static int exec_storm(int scale)
{
	int round, i, ret;
	pid_t pid[4];
	char arg[12];

	for (round = 0; round < 3 * scale; round++) {
		for (i = 0; i < 4; i++) {
			pid[i] = fork();
			if (!pid[i]) {
				snprintf(arg, sizeof(arg), "%d", 10 + i);
				execl("/proc/self/exe", "honest", "exec-child", arg, NULL);
				_exit(98);
			}
		}
		for (i = 0; i < 4; i++) {
			ret = reap(pid[i]);
			CHECK(ret == 10 + i, "program %d ended with %d", i, ret);
		}
	}
	return PASS;
}

static __thread u64 own;

static int short_lived(int i)
{
	u64 want = mix(i, 7);

	own = want;
	if (i & 1)
		usleep(100);
	return own == want ? PASS : fail("thread-local data changed");
}

static int thread_storm(int scale)
{
	int round;

	for (round = 0; round < 5 * scale; round++)
		if (run_threads(16, short_lived))
			return FAIL;
	return PASS;
}

/* Map, fill, forbid, allow, move and unmap, in threads that share the tables. */
static int churn(int i)
{
	u64 *p, *q, want;
	size_t len;
	int round, j;

	for (round = 0; round < rounds; round++) {
		len = 4096ul << (round % 6);
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(p != MAP_FAILED, "no mapping");
		want = mix(i, round);
		for (j = 0; j < (int)(len / 8); j += 64)
			p[j] = mix(want, j);
		CHECK(!mprotect(p, len, PROT_READ), "mprotect failed");
		q = mremap(p, len, 2 * len, MREMAP_MAYMOVE);
		CHECK(q != MAP_FAILED, "mremap failed");
		for (j = 0; j < (int)(len / 8); j += 64)
			CHECK(q[j] == mix(want, j), "word %d of round %d is wrong", j, round);
		CHECK(!q[len / 8], "new memory is not 0");
		CHECK(!mprotect(q, len, PROT_READ | PROT_WRITE | PROT_EXEC), "mprotect failed");
		/* mov $round, %eax; ret */
		memcpy(q, "\xb8", 1);
		memcpy((char *)q + 1, &round, 4);
		memcpy((char *)q + 5, "\xc3", 1);
		CHECK(((int (*)(void))q)() == round, "new code gave another number");
		munmap(q, 2 * len);
	}
	return PASS;
}

static int mmap_storm(int scale)
{
	rounds = 40 * scale;
	return run_threads(4, churn) ? FAIL : PASS;
}

const struct test storm_tests[] = {
	{ "fork-storm", "a storm of forks keeps parent and children apart", fork_storm },
	{ "exec-storm", "a storm of execs gives every program its argument", exec_storm },
	{ "thread-storm", "a storm of threads keeps thread-local data", thread_storm },
	{ "mmap-storm", "a storm of mmap, mprotect, mremap and munmap keeps data and code",
	  mmap_storm },
	{ }
};
