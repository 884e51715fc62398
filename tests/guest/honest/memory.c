// SPDX-License-Identifier: GPL-2.0-only
/* Memory of kinds that the kernel treats differently: files in memory, huge and zero pages. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "honest.h"

#define HUGE	(2ul << 20)

static u64 checksum(const volatile u64 *p, size_t len, size_t step)
{
	u64 sum = 0;
	size_t i;

	for (i = 0; i < len / 8; i += step)
		sum = mix(sum, p[i]);
	return sum;
}

static int memfd(int scale)
{
	size_t len = 256 << 10;
	int fd = memfd_create("honest", MFD_ALLOW_SEALING), i;
	u64 *a, *b;
	pid_t pid;

	CHECK(fd >= 0 && !ftruncate(fd, len), "no memfd");
	a = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(a != MAP_FAILED && b != MAP_FAILED, "no mapping");
	for (i = 0; i < 4 * scale; i++) {
		a[i % (len / 8)] = mix(i, 3);
		pid = fork();
		if (!pid) {
			a[len / 8 - 1 - i % 64] = mix(i, 4);
			_exit(0);
		}
		CHECK(!reap(pid), "the child failed");
		CHECK(b[i % (len / 8)] == mix(i, 3), "the other mapping has another word");
		CHECK(b[len / 8 - 1 - i % 64] == mix(i, 4), "the child's word is missing");
	}
	munmap(a, len);
	munmap(b, len);
	CHECK(!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), "can't be sealed");
	CHECK(write(fd, &len, 8) < 0 && errno == EPERM, "a sealed file was written");
	return PASS;
}

static int huge(int scale)
{
	char *area = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	volatile u64 *p = (u64 *)(((unsigned long)area + HUGE - 1) & ~(HUGE - 1));
	u64 zeroes = 0, sum;
	size_t i;
	pid_t pid;
	int round;

	madvise((void *)p, HUGE, MADV_HUGEPAGE);
	for (round = 0; round < scale; round++) {
		for (i = 0; i < HUGE / 8; i += 509)
			zeroes |= p[i];
		CHECK(!zeroes, "fresh memory is not 0");
		for (i = 0; i < HUGE / 8; i += 64)
			p[i] = mix(i, round);
		sum = checksum(p, HUGE, 64);
		pid = fork();
		if (!pid) {
			p[64] = 1;
			mprotect((char *)p + 4096, 4096, PROT_READ);
			_exit(p[64] != 1);
		}
		CHECK(!reap(pid), "the child failed");
		mprotect((char *)p + 8192, 4096, PROT_READ);
		CHECK(checksum(p, HUGE, 64) == sum, "the parent's memory changed");
		mprotect((char *)p + 8192, 4096, PROT_READ | PROT_WRITE);
		CHECK(!madvise((void *)p, HUGE, MADV_DONTNEED), "MADV_DONTNEED failed");
	}
	return PASS;
}

const struct test memory_tests[] = {
	{ "memfd", "two mappings and two processes see one memfd", memfd },
	{ "huge", "a huge page is 0 when new, splits, and is copied on write", huge },
	{ }
};
