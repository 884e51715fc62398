// SPDX-License-Identifier: GPL-2.0-only
/* From samples to tables, budgets and JSON. */
#include <stdlib.h>
#include <string.h>
#include "workload.h"

#define BUDGET_PERCENT	0.1
#define BUDGET_CPUID	100
#define BUDGET_APIC	500
#define BUDGET_PATCH	2000
#define BUDGET_MEMORY	(4ull << 20)

static const char *const mode_name[NR_MODES] = { "stopped", "started", "sealed" };

static const struct {
	const char *name, *key;
} op_name[BENCH_NR_OPS] = {
	[BENCH_CPUID] = { "CPUID, leaf 0", "cpuid" },
	[BENCH_CPUID_LEAF1] = { "CPUID, leaf 1 (corrected)", "cpuid_leaf1" },
	[BENCH_APIC] = { "write to the local APIC", "apic" },
	[BENCH_MSR] = { "WRMSR, pinned, same value", "msr" },
	[BENCH_HYPERCALL] = { "hypercall", "hypercall" },
	[BENCH_STORE] = { "denied write, recorded", "denied_write" },
	[BENCH_FAULT] = { "#GP of Linux's own", "gp" },
};

static int compare(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

/*
 * Ticks of one operation, the first quartile of the rounds: the least of them is
 * luck with the kernel's free lists, and what lies above it is where those ran
 * dry or a timer tick came in between, now more often and now less.
 */
static double per_op(const struct results *r, enum mode m, __u32 i)
{
	const struct result *res = &r->result[m][i];
	__u64 sorted[ROUNDS_MAX];

	memcpy(sorted, res->ticks, sizeof(sorted));
	qsort(sorted, res->rounds, sizeof(sorted[0]), compare);
	return (double)sorted[res->rounds / 4] / workloads[i].n;
}

__u64 exits_of(const __u64 *exits, enum vbh_exit kind)
{
	if (kind == VBH_EXIT_MEMORY)
		return exits[kind] - exits[VBH_EXIT_APIC];
	return exits[kind];
}

/* Exits of this kind come whether one wants or not. */
static bool forced(enum vbh_exit kind)
{
	switch (kind) {
	case VBH_EXIT_CPUID:
	case VBH_EXIT_XSETBV:
	case VBH_EXIT_INVD:
	case VBH_EXIT_APIC:	/* where INIT can be held back in no other way */
		return true;
	default:
		return false;
	}
}

/*
 * From exit to entry, in ticks: what the instruction costs more than without
 * VBH; a denied write, more than the #GP that Linux then handles; a hypercall
 * has nothing to compare with.
 */
static double exit_cost(const struct results *r, enum mode m, enum bench_op op)
{
	if (op == BENCH_STORE)
		return r->op[m][op] - r->op[STOPPED][BENCH_FAULT];
	return r->op[m][op] - r->op[STOPPED][op];
}

static double forced_ticks(const struct results *r, enum mode m, __u32 i)
{
	const __u64 *exits = r->result[m][i].least;

	return ((double)exits[VBH_EXIT_CPUID] * exit_cost(r, m, BENCH_CPUID) +
		(double)exits[VBH_EXIT_APIC] * exit_cost(r, m, BENCH_APIC)) / (workloads[i].n + 1);
}

static double overhead(const struct results *r, enum mode m, __u32 i)
{
	double native = per_op(r, STOPPED, i);

	return (per_op(r, m, i) - forced_ticks(r, m, i) - native) / native * 100;
}

static const char *verdict(bool met, int *missed)
{
	*missed += !met;
	return met ? "met" : "MISSED";
}

static bool within(const struct results *r, __u32 i)
{
	return overhead(r, STARTED, i) <= BUDGET_PERCENT &&
	       overhead(r, SEALED, i) <= BUDGET_PERCENT;
}

#define UNDECODED	"not judged: on this SVM the length has to be decoded"

/*
 * Why workload i is not held to the budget, or NULL. What decoding costs depends
 * on how much of the program's page tables was looked at before, so that a loop
 * of CPUID does not tell what one costs in a process that has just begun.
 */
static const char *excuse(const struct results *r, __u32 i)
{
	if (!workloads[i].excuse && r->no_length &&
	    exits_of(r->result[SEALED][i].least, VBH_EXIT_CPUID))
		return UNDECODED;
	return workloads[i].excuse;
}

static void report_workloads(FILE *out, const struct results *r, int *missed)
{
	fprintf(out, "\n%-20s %33s %21s %18s\n", "Instructions each,", "", "forced exits in",
		"overhead without");
	fprintf(out, "%-20s %10s %11s %10s %10s %10s %9s %8s  budget: 0.1 %%\n",
		"quartile of rounds", "stopped", "started", "sealed", "started", "sealed",
		"started", "sealed");
	for (__u32 i = 0; i < nr_workloads; i++) {
		const struct workload *w = &workloads[i];

		fprintf(out, "%-20s %10.0f %11.0f %10.0f %10.0f %10.0f %+8.3f%% %+7.3f%%  %s\n",
			w->name, per_op(r, STOPPED, i), per_op(r, STARTED, i),
			per_op(r, SEALED, i), forced_ticks(r, STARTED, i),
			forced_ticks(r, SEALED, i), overhead(r, STARTED, i),
			overhead(r, SEALED, i),
			excuse(r, i) ? excuse(r, i) : verdict(within(r, i), missed));
	}
}

/* What recording adds to patching: instructions, and no exit of its own. */
static void report_record(FILE *out, const struct results *r, int *missed)
{
	for (__u32 i = 1; i < nr_workloads; i++) {
		const struct result *plain = &r->result[SEALED][i - 1], *rec = plain + 1;
		__u64 stores = exits_of(plain->least, VBH_EXIT_MEMORY) / (workloads[i].n + 1);
		double more = per_op(r, SEALED, i) - forced_ticks(r, SEALED, i) -
			      per_op(r, SEALED, i - 1) + forced_ticks(r, SEALED, i - 1);
		__s64 exits = 0;

		if (strcmp(workloads[i].key, KEY_RECORDED))
			continue;
		/* It takes longer, so that more timer ticks come in between. */
		for (__u32 k = 0; k < VBH_NR_EXITS; k++)
			if (!forced(k))
				exits += (__s64)exits_of(rec->least, k) -
					 (__s64)exits_of(plain->least, k);
		fprintf(out, "\nRecording %llu stores of patching adds %.0f instructions each, and %lld exits  budget: 0  %s\n",
			stores, stores ? more / (double)stores : 0.0, exits,
			verdict(stores && !exits, missed));
	}
}

static void print_exits(FILE *out, const __u64 *exits, double per)
{
	bool any = false;

	for (__u32 k = 0; k < VBH_NR_EXITS; k++) {
		__u64 n = exits_of(exits, k);

		if (!n)
			continue;
		fprintf(out, "%s%s %.4g", any ? ", " : "", vbh_name(VBH_NAMES_EXIT, k),
			(double)n / per);
		any = true;
	}
	fprintf(out, "%s\n", any ? "" : "none");
}

static void report_exits(FILE *out, const struct results *r)
{
	fprintf(out, "\nExits each, by reason: of the round with the fewest;"
		" of all, with timer ticks\n");
	for (__u32 i = 0; i < nr_workloads; i++) {
		for (enum mode m = STARTED; m < NR_MODES; m++) {
			const struct result *res = &r->result[m][i];

			fprintf(out, "%-20s %-8s ", m == STARTED ? workloads[i].name : "",
				mode_name[m]);
			print_exits(out, res->least, workloads[i].n + 1);
			fprintf(out, "%-20s %-8s ", "", "");
			print_exits(out, res->sum, (workloads[i].n + 1.0) * res->rounds);
		}
	}
}

static void report_instructions(FILE *out, const struct results *r, int *missed)
{
	double cpuid = exit_cost(r, STARTED, BENCH_CPUID_LEAF1);
	double apic = exit_cost(r, STARTED, BENCH_APIC);

	fprintf(out, "\n%-28s %9s %9s %9s   %s\n", "Instructions for one", "stopped", "started",
		"sealed", "from exit to entry");
	for (enum bench_op op = BENCH_CPUID; op < BENCH_NR_OPS; op++) {
		fprintf(out, "%-28s %9.1f %9.1f %9.1f   %9.1f", op_name[op].name,
			r->op[STOPPED][op], r->op[STARTED][op], r->op[SEALED][op],
			exit_cost(r, STARTED, op));
		if (op == BENCH_CPUID_LEAF1 && r->no_length)
			fputs("  " UNDECODED, out);
		else if (op == BENCH_CPUID_LEAF1)
			fprintf(out, "  budget: 100: %s", verdict(cpuid < BUDGET_CPUID, missed));
		else if (op == BENCH_APIC)
			fprintf(out, "  budget: 500: %s", verdict(apic < BUDGET_APIC, missed));
		fputc('\n', out);
	}
}

static void report_launch(FILE *out, const struct results *r)
{
	fprintf(out, "\nInstructions to start: %llu in all, of them %llu"
		" in the image once", r->start, r->launch.init);
	for (__u32 cpu = 0; cpu < r->cpus && cpu < BENCH_CPUS; cpu++)
		fprintf(out, ", %llu on CPU %u", r->launch.launch[cpu], cpu);
	fprintf(out, "\nInstructions to stop:  %llu in all", r->stop);
	for (__u32 cpu = 0; cpu < r->cpus && cpu < BENCH_CPUS; cpu++)
		fprintf(out, ", %llu on CPU %u", r->launch.stop[cpu], cpu);
	fputc('\n', out);
}

static __u64 unforced(const struct steady *s)
{
	__u64 n = 0;

	for (__u32 k = 0; k < VBH_NR_EXITS; k++)
		if (!forced(k))
			n += exits_of(s->exits, k);
	return n;
}

static void report_steady(FILE *out, const struct results *r, int *missed)
{
	fprintf(out, "\nSteady state, sealed, %u CPUs, %u regions, %u pins:\n", r->cpus,
		r->status.regions, r->status.pins);
	fprintf(out, "%4.1f s idle: ", r->idle.seconds);
	print_exits(out, r->idle.exits, 1);
	fprintf(out, "%4.1f s busy: ", r->busy.seconds);
	print_exits(out, r->busy.exits, 1);
	fprintf(out, "beyond what the processor forces: %llu; budget: 0: %s\n",
		unforced(&r->idle) + unforced(&r->busy),
		verdict(!(unforced(&r->idle) + unforced(&r->busy)), missed));
}

static void report_memory(FILE *out, const struct results *r, int *missed)
{
	__u64 sum = r->status.memory + r->ring_bytes;

	fprintf(out, "\nMemory: hypervisor %llu KiB (%llu KiB of it free), event ring %llu"
		" KiB, together %llu KiB; budget: 4096 KiB: %s\n",
		(unsigned long long)r->status.memory >> 10,
		(unsigned long long)r->status.memory_free >> 10, r->ring_bytes >> 10, sum >> 10,
		verdict(sum < BUDGET_MEMORY, missed));
}

/*
 * Instructions for one store of the kernel's to its own text that is carried out,
 * from exit to entry, with all that the time it takes brings along.
 */
static double patch_cost(const struct results *r)
{
	const struct rare_result *stopped = &r->rare[STOPPED][RARE_TRACE];
	const struct rare_result *sealed = &r->rare[SEALED][RARE_TRACE];
	__u64 stores = exits_of(sealed->exits, VBH_EXIT_MEMORY);

	return stores ? ((double)sealed->ticks - (double)stopped->ticks) / (double)stores : 0;
}

static void report_rare(FILE *out, const struct results *r, int *missed)
{
	double patch = patch_cost(r);

	fprintf(out, "\n%-46s %12s %12s  exits\n", "Instructions for one, with waiting", "stopped",
		"sealed");
	for (__u32 i = 0; i < NR_RARES; i++) {
		const struct rare_result *stopped = &r->rare[STOPPED][i];
		const struct rare_result *sealed = &r->rare[SEALED][i];

		fprintf(out, "%-46s %12llu %12llu  ", rares[i].name, stopped->ticks, sealed->ticks);
		print_exits(out, sealed->exits, 1);
	}
	fprintf(out, "Instructions for each store of patching, exit counted: %.0f  budget: 2000: %s\n",
		patch, verdict(patch > 0 && patch < BUDGET_PATCH, missed));
}

int report(FILE *out, const struct results *r)
{
	int missed = 0;

	report_workloads(out, r, &missed);
	report_record(out, r, &missed);
	report_exits(out, r);
	report_instructions(out, r, &missed);
	report_rare(out, r, &missed);
	report_launch(out, r);
	report_steady(out, r, &missed);
	report_memory(out, r, &missed);
	fprintf(out, "\n%d budgets missed\n", missed);
	return missed;
}

static void json_exits(FILE *out, const char *key, const __u64 *exits, double per)
{
	fprintf(out, "\"%s\":{", key);
	for (__u32 k = 0, any = 0; k < VBH_NR_EXITS; k++) {
		__u64 n = exits_of(exits, k);

		if (n)
			fprintf(out, "%s\"%s\":%.6g", any++ ? "," : "", vbh_name(VBH_NAMES_EXIT, k),
				(double)n / per);
	}
	fputc('}', out);
}

static void json_workload(FILE *out, const struct results *r, __u32 i)
{
	const struct workload *w = &workloads[i];

	fprintf(out, "%s\"%s\":{", i ? "," : "", w->key);
	for (enum mode m = STOPPED; m < NR_MODES; m++) {
		const struct result *res = &r->result[m][i];

		fprintf(out, "%s\"%s\":{\"ticks\":%.2f", m ? "," : "", mode_name[m],
			per_op(r, m, i));
		if (m != STOPPED) {
			fprintf(out, ",\"forced\":%.2f,\"overhead_percent\":%.4f,",
				forced_ticks(r, m, i), overhead(r, m, i));
			json_exits(out, "exits_least", res->least, w->n + 1);
			fputc(',', out);
			json_exits(out, "exits_mean", res->sum, (w->n + 1.0) * res->rounds);
		}
		fputc('}', out);
	}
	fputc('}', out);
}

static void json_rare(FILE *out, const struct results *r)
{
	for (__u32 i = 0; i < NR_RARES; i++) {
		fprintf(out, ",\"%s\":{\"stopped\":%llu,\"sealed\":%llu,", rares[i].key,
			r->rare[STOPPED][i].ticks, r->rare[SEALED][i].ticks);
		json_exits(out, "exits", r->rare[SEALED][i].exits, 1);
		fputc('}', out);
	}
}

static void json_ops(FILE *out, const struct results *r)
{
	fprintf(out, "\"instructions\":{");
	for (enum bench_op op = BENCH_CPUID; op < BENCH_NR_OPS; op++)
		fprintf(out, "%s\"%s\":{\"stopped\":%.2f,\"started\":%.2f,\"sealed\":%.2f,"
			"\"exit_to_entry\":%.2f}",
			op == BENCH_CPUID ? "" : ",", op_name[op].key, r->op[STOPPED][op],
			r->op[STARTED][op], r->op[SEALED][op], exit_cost(r, STARTED, op));
	fputc('}', out);
}

static void json_array(FILE *out, const char *key, const __u64 *values, __u32 n)
{
	fprintf(out, "\"%s\":[", key);
	for (__u32 i = 0; i < n && i < BENCH_CPUS; i++)
		fprintf(out, "%s%llu", i ? "," : "", values[i]);
	fputc(']', out);
}

void report_json(FILE *out, const struct results *r)
{
	fprintf(out, "JSON {\"vendor\":\"%.8s\",\"cpus\":%u,\"workloads\":{", r->status.vendor,
		r->cpus);
	for (__u32 i = 0; i < nr_workloads; i++)
		json_workload(out, r, i);
	json_rare(out, r);
	fprintf(out, "},");
	json_ops(out, r);
	fprintf(out, ",\"patch_store\":%.1f", patch_cost(r));
	fprintf(out, ",\"launch\":{\"start\":%llu,\"stop\":%llu,\"init\":%llu,",
		r->start, r->stop, r->launch.init);
	json_array(out, "launch_cpu", r->launch.launch, r->cpus);
	fputc(',', out);
	json_array(out, "stop_cpu", r->launch.stop, r->cpus);
	fprintf(out, "},\"steady\":{\"idle\":{\"seconds\":%.2f,", r->idle.seconds);
	json_exits(out, "exits", r->idle.exits, 1);
	fprintf(out, "},\"busy\":{\"seconds\":%.2f,", r->busy.seconds);
	json_exits(out, "exits", r->busy.exits, 1);
	fprintf(out, "},\"unforced\":%llu},", unforced(&r->idle) + unforced(&r->busy));
	fprintf(out, "\"memory\":{\"hypervisor\":%llu,\"hypervisor_free\":%llu,\"ring\":%llu},",
		(unsigned long long)r->status.memory, (unsigned long long)r->status.memory_free,
		r->ring_bytes);
	fprintf(out, "\"regions\":%u,\"pins\":%u}\n", r->status.regions, r->status.pins);
}
