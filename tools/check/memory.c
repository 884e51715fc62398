// SPDX-License-Identifier: GPL-2.0-only
/* CPUs, RAM, and what VBH takes of it (linux/tables.c counts the same). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vbh/launch.h>
#include "check.h"

#define PAGE	4096ull
#define GIB	(1ull << 30)

static unsigned int add_cpus(struct check_machine *m)
{
	unsigned int last, present = check_cpus(m, "/sys/devices/system/cpu/present", &last);
	unsigned int online = check_cpus(m, "/sys/devices/system/cpu/online", &last);

	if (!present || !online)
		check_add(m, CHECK_MEMORY, "cpus", CHECK_UNKNOWN, "",
			  "/sys/devices/system/cpu can't be read");
	else if (present > VBH_MAX_CPUS)
		check_add(m, CHECK_MEMORY, "cpus", CHECK_FAIL, "boot with fewer (nr_cpus=)",
			  "%u, and there can be at most %u", present, VBH_MAX_CPUS);
	else if (present > online)
		check_add(m, CHECK_MEMORY, "cpus", CHECK_PASS, "they come online for the launch",
			  "%u, %u of them offline", present, present - online);
	else
		check_add(m, CHECK_MEMORY, "cpus", CHECK_PASS, "", "%u", present);
	return present;
}

/* Without root /proc/iomem has no addresses, but as many lines. */
static void add_ranges(struct check_machine *m)
{
	char *text = check_text(m, "/proc/iomem");
	unsigned int n = 0;

	for (const char *p = text; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *colon = strchr(p, ':');

		if (*p != ' ' && colon && !strncmp(colon, ": System RAM\n", 13))
			n++;
	}
	free(text);
	if (!n)
		check_add(m, CHECK_MEMORY, "ram", CHECK_UNKNOWN, "", "/proc/iomem shows none");
	else if (n > VBH_MAX_RAM)
		check_add(m, CHECK_MEMORY, "ram", CHECK_WARN,
			  "VBH starts only if enough of them follow each other",
			  "in %u ranges, and there can be at most %u", n, VBH_MAX_RAM);
	else
		check_add(m, CHECK_MEMORY, "ram", CHECK_PASS, "", "in %u range%s", n,
			  n == 1 ? "" : "s");
}

/* The number behind "name" at the beginning of a line or after blanks; 0: there is none. */
static uint64_t number_behind(const char **at, const char *name)
{
	const char *p = strstr(*at, name);

	*at = p ? p + strlen(name) : *at + strlen(*at);
	return p ? strtoull(*at, NULL, 10) : 0;
}

/* Where RAM ends, in GiB, rounded up; 0: not known. Each zone has "spanned", then "start_pfn:". */
static uint64_t ram_gib(const struct check_machine *m)
{
	char *text = check_text(m, "/proc/zoneinfo");
	uint64_t end = 0;

	for (const char *p = text; p && *p; ) {
		uint64_t spanned = number_behind(&p, "spanned ");
		uint64_t start = number_behind(&p, "start_pfn:");

		if (spanned && start + spanned > end)
			end = start + spanned;
	}
	free(text);
	return (end * PAGE + GIB - 1) / GIB;
}

/* Free pieces of VBH_CHUNK and more, counted in VBH_CHUNK: orders 9 and up of /proc/buddyinfo. */
static uint64_t free_chunks(const struct check_machine *m)
{
	char *text = check_text(m, "/proc/buddyinfo");
	uint64_t chunks = 0;

	for (char *p = text; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		char *at = strstr(p, "zone"), *end;

		if (!at || at > p + strcspn(p, "\n"))
			continue;
		at += 4;
		at += strspn(at, " ");
		at += strcspn(at, " \n");
		for (unsigned int order = 0; order < 32; order++, at = end) {
			uint64_t n;

			at += strspn(at, " ");
			if (*at < '0' || *at > '9')
				break;
			n = strtoull(at, &end, 10);
			if (order >= 9)
				chunks += n << (order - 9);
		}
	}
	free(text);
	return chunks;
}

static void add_memory(struct check_machine *m, unsigned int cpus)
{
	char *text = check_text(m, "/proc/meminfo");
	const char *p = text ? text : "";
	unsigned long long available = number_behind(&p, "MemAvailable:") / 1024;
	unsigned long long gib = ram_gib(m), chunks, pieces;

	free(text);
	if (m->running) {
		check_add(m, CHECK_MEMORY, "memory", CHECK_PASS, "", "VBH has what it needs");
		return;
	}
	if (m->leaf) {
		check_add(m, CHECK_MEMORY, "memory", CHECK_PASS, "",
			  "VBH's is the host's, but for the ring of events");
		return;
	}
	if (!available || !gib || !cpus || !m->image_size) {
		check_add(m, CHECK_MEMORY, "memory", CHECK_UNKNOWN, "", "%s",
			  m->image_size ? "/proc/meminfo or /proc/zoneinfo can't be read" :
			  "how much VBH needs is read from vbh.ko, which can't be");
		return;
	}
	chunks = (m->image_size + cpus * (uint64_t)m->cpu_size +
		  (m->pool_pages + m->pool_per_gib * gib) * PAGE + VBH_CHUNK - 1) / VBH_CHUNK;
	pieces = free_chunks(m);
	if (chunks > VBH_MAX_CHUNKS)
		check_add(m, CHECK_MEMORY, "memory", CHECK_FAIL, "",
			  "VBH needs %llu MiB for %llu GiB of RAM, and at most %llu MiB can be",
			  chunks * 2, gib,
			  VBH_MAX_CHUNKS * VBH_CHUNK >> 20);
	else if (available < chunks * 2)
		check_add(m, CHECK_MEMORY, "memory", CHECK_FAIL, "free some",
			  "VBH needs %llu MiB, and %llu MiB are available",
			  chunks * 2, available);
	else if (pieces < chunks)
		check_add(m, CHECK_MEMORY, "memory", CHECK_WARN,
			  "Linux has to make some by moving pages, which may fail",
			  "VBH needs %llu pieces of 2 MiB, and %llu are free",
			  chunks, pieces);
	else
		check_add(m, CHECK_MEMORY, "memory", CHECK_PASS, "",
			  "VBH needs %llu MiB, and %llu MiB are available",
			  chunks * 2, available);
}

void check_memory(struct check_machine *m)
{
	unsigned int cpus = add_cpus(m);

	if (!m->running && !m->leaf)
		add_ranges(m);
	add_memory(m, cpus);
}
