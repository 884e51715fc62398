// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID by the instruction, which anybody may execute, and MSRs from the msr
 * driver, which shows them to root. Below another root CPUID is what `cpuid -r`
 * (of the package cpuid) has written to the file cpuid, and MSRs are lines
 * "0x480 0x..." of the file msr.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "check.h"

/* "   0x00000007 0x00: eax=0x00000002 ebx=..." */
static bool look_up(const char *dump, uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	unsigned int l, s, v[4];

	for (const char *p = dump; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (sscanf(p, " %x %x: eax=%x ebx=%x ecx=%x edx=%x", &l, &s, &v[0], &v[1], &v[2],
			   &v[3]) != 6 || l != leaf || s != sub)
			continue;
		for (int i = 0; i < 4; i++)
			r[i] = v[i];
		return true;
	}
	return false;
}

static bool ask(const struct check_machine *m, uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	if (*m->root)
		return look_up(m->cpuid, leaf, sub, r);
	__cpuid_count(leaf, sub, r[0], r[1], r[2], r[3]);
	return true;
}

bool check_cpuid(const struct check_machine *m, uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	uint32_t top[4];

	/* A leaf that is not there shows another one's values. */
	if ((leaf & 0xf0000000) != 0x40000000 &&
	    (!ask(m, leaf & 0x80000000, 0, top) || top[0] < leaf))
		return false;
	if (leaf == 7 && sub && (!ask(m, 7, 0, top) || top[0] < sub))
		return false;
	return ask(m, leaf, sub, r);
}

bool check_cpuid_bit(const struct check_machine *m, uint32_t leaf, uint32_t sub, int reg, int bit)
{
	uint32_t r[4];

	return check_cpuid(m, leaf, sub, r) && r[reg] >> bit & 1;
}

static enum check_msr msr_of_dump(const struct check_machine *m, uint32_t msr, uint64_t *value)
{
	unsigned long long v;
	unsigned int n;

	if (!m->msrs)
		return CHECK_MSR_NO_DEVICE;
	for (const char *p = m->msrs; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (sscanf(p, "%x %llx", &n, &v) == 2 && n == msr) {
			*value = v;
			return CHECK_MSR_READ;
		}
	}
	return CHECK_MSR_NONE;
}

enum check_msr check_msr(const struct check_machine *m, unsigned int cpu, uint32_t msr,
			 uint64_t *value)
{
	char path[64];
	ssize_t n;
	int fd;

	if (*m->root)
		return msr_of_dump(m, msr, value);
	snprintf(path, sizeof(path), "/dev/cpu/%u/msr", cpu);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == EACCES || errno == EPERM || geteuid() ? CHECK_MSR_DENIED :
		       CHECK_MSR_NO_DEVICE;
	n = pread(fd, value, sizeof(*value), msr);
	close(fd);
	return n == sizeof(*value) ? CHECK_MSR_READ : CHECK_MSR_NONE;
}
