// SPDX-License-Identifier: GPL-2.0-only
/* stats: VM exits by reason and CPU, a row a reason, a column a CPU. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include "vbhctl.h"

#define NR_COUNTERS	(VBH_NR_EXITS + 2)

static uint64_t counter(const struct vbh_stats *st, unsigned int i)
{
	if (i < VBH_NR_EXITS)
		return st->exits[i];
	return i == VBH_NR_EXITS ? st->flushes : st->kicks;
}

static const char *counter_name(unsigned int i)
{
	if (i < VBH_NR_EXITS)
		return vbh_name(VBH_NAMES_EXIT, i);
	return i == VBH_NR_EXITS ? "(flushes)" : "(kicks)";
}

/* apic counts some of memory's exits once more, flushes and kicks are none. */
static uint64_t exits(const struct vbh_stats *st)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < VBH_NR_EXITS; i++)
		if (i != VBH_EXIT_APIC)
			sum += st->exits[i];
	return sum;
}

static json_t *json_cpu(const struct vbh_stats *st, bool all)
{
	json_t *reasons = json_object();

	for (unsigned int i = 0; i < VBH_NR_EXITS; i++)
		if (all || st->exits[i])
			json_object_set_new(reasons, counter_name(i),
					    json_integer((json_int_t)st->exits[i]));
	return json_pack("{s:i, s:I, s:o, s:I, s:I}", "cpu", st->cpu,
			 "total", (json_int_t)exits(st), "exits", reasons,
			 "flushes", (json_int_t)st->flushes, "kicks", (json_int_t)st->kicks);
}

static int print_stats_json(const struct vbh_stats *st, unsigned int n, bool all)
{
	json_t *list = json_array();

	for (unsigned int c = 0; c < n; c++)
		json_array_append_new(list, json_cpu(&st[c], all));
	return print_json(json_pack("{s:o}", "cpus", list));
}

static void print_row(const char *name, const uint64_t *values, unsigned int n)
{
	uint64_t sum = 0;

	printf("%-13s", name);
	for (unsigned int c = 0; c < n; c++) {
		printf(" %12llu", (unsigned long long)values[c]);
		sum += values[c];
	}
	printf(" %12llu\n", (unsigned long long)sum);
}

static int print_stats(const struct vbh_stats *st, unsigned int n, bool all)
{
	uint64_t *row = calloc((size_t)n + 1, sizeof(*row));
	char cpu[16];

	if (!row)
		return complain(EXIT_FAILED, "out of memory");
	printf("%s%-13s", colour(COLOUR_BOLD), "REASON");
	for (unsigned int c = 0; c < n; c++) {
		snprintf(cpu, sizeof(cpu), "CPU%u", st[c].cpu);
		printf(" %12s", cpu);
	}
	printf(" %12s%s\n", "TOTAL", colour(COLOUR_NONE));
	for (unsigned int i = 0; i < NR_COUNTERS; i++) {
		uint64_t sum = 0;

		for (unsigned int c = 0; c < n; c++) {
			row[c] = counter(&st[c], i);
			sum += row[c];
		}
		if (all || sum)
			print_row(counter_name(i), row, n);
	}
	for (unsigned int c = 0; c < n; c++)
		row[c] = exits(&st[c]);
	print_row("all exits", row, n);
	free(row);
	return EXIT_OK;
}

/* One CPU if it was named, else all that VBH runs on; those it does not are left out. */
static int collect(struct vbh *vbh, uint64_t only, unsigned int possible, struct vbh_stats *st,
		   unsigned int *n)
{
	int err;

	*n = 0;
	if (only != UINT64_MAX) {
		err = vbh_stats(vbh, (uint32_t)only, st);
		*n = !err;
		return err == -ENOENT ? complain(EXIT_FAILED, "%s", vbh_error(vbh)) :
		       err ? complain_vbh(vbh, err) : EXIT_OK;
	}
	for (unsigned int cpu = 0; cpu < possible; cpu++) {
		err = vbh_stats(vbh, cpu, &st[*n]);
		if (err && err != -ENOENT)
			return complain_vbh(vbh, err);
		*n += !err;
	}
	return EXIT_OK;
}

int cmd_stats(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "all", 0, NULL, 'a' }, { "cpu", 1, NULL, 'c' }, { "json", 0, NULL, 'j' }, { 0 }
	};
	struct vbh_info info = { 0 };
	struct vbh_stats *st = NULL;
	uint64_t only = UINT64_MAX;
	struct vbh *vbh = NULL;
	bool all = false;
	unsigned int n;
	int c, err, code;

	while ((c = next_option(argc, argv, ":jac:", longopts)) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		if (c == 'a')
			all = true;
		else if (!parse_number(optarg, UINT32_MAX, &only))
			return usage("--cpu %s: not the number of a CPU", optarg);
	}
	if (optind != argc)
		return usage("unexpected argument '%s'", argv[optind]);
	code = open_vbh(&vbh);
	if (code)
		return code;
	err = vbh_info(vbh, &info);
	if (err) {
		code = complain_vbh(vbh, err);
		goto out;
	}
	if (!info.running) {
		code = complain(EXIT_NOT_RUNNING, "VBH is not running: there is nothing to count");
		goto out;
	}
	st = calloc((size_t)info.cpus_possible + 1, sizeof(*st));
	if (!st) {
		code = complain(EXIT_FAILED, "out of memory");
		goto out;
	}
	code = collect(vbh, only, info.cpus_possible, st, &n);
	if (!code)
		code = opt_json ? print_stats_json(st, n, all) : print_stats(st, n, all);
out:
	free(st);
	vbh_close(vbh);
	return code;
}
