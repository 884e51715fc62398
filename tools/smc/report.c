// SPDX-License-Identifier: GPL-2.0-only
/*
 * smc report: a trace as a table. Changes are put into groups by what is asked
 * for, counted, and the groups sorted, those with most changes first.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "printable.h"
#include "cmd.h"
#include "html.h"
#include "trace.h"
#include "vbhctl.h"

enum by { BY_SYMBOL, BY_KEY, BY_WRITER, BY_KIND, NR_BY };

static const char * const by_names[NR_BY] = { "symbol", "key", "writer", "kind" };

/* A change, with the text that it is put into a group by. */
struct entry {
	const struct smc_change *c;
	const char *group;
};

struct group {
	const char *name;
	const struct entry *first;
	size_t n;		/* changes */
	size_t sites;
	uint64_t stores;
	bool mixed;		/* more than one kind */
};

/* "name" of "name+0x12 [module]". */
static void function_of(const char *symbol, char *buf, size_t len)
{
	const char *plus = strchr(symbol, '+'), *module = strchr(symbol, ' ');

	if (!plus)
		plus = symbol + strlen(symbol);
	snprintf(buf, len, "%.*s%s", (int)(plus - symbol), symbol, module ? module : "");
}

static void group_text(const struct smc_change *c, enum by by, char *buf, size_t len)
{
	const char *kind = smc_kind_name((enum smc_kind)c->kind);

	switch (by) {
	case BY_KEY:
		snprintf(buf, len, "%s", *c->key ? c->key : kind);
		break;
	case BY_WRITER:
		if (*c->origin)
			snprintf(buf, len, "%s: %s", *c->comm ? c->comm : "-", c->origin);
		else
			snprintf(buf, len, "%s: %s", *c->comm ? c->comm : "-", c->writer);
		break;
	case BY_KIND:
		snprintf(buf, len, "%s", kind);
		break;
	default:
		function_of(c->symbol, buf, len);
	}
}

static int by_group(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->group, y->group);

	if (!order)
		order = (x->c->addr > y->c->addr) - (x->c->addr < y->c->addr);
	if (!order)
		order = (x->c > y->c) - (x->c < y->c);
	return order;
}

static int by_count(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return strcmp(x->name, y->name);
}

struct table {
	struct entry *entries;
	struct group *groups;
	size_t nr_groups;
};

static void free_table(struct table *t, size_t changes)
{
	for (size_t i = 0; t->entries && i < changes; i++)
		free((char *)t->entries[i].group);
	free(t->entries);
	free(t->groups);
}

static int make_table(const struct smc_trace *trace, enum by by, struct table *t)
{
	char text[512];

	*t = (struct table){
		.entries = calloc(trace->nr_changes + 1, sizeof(*t->entries)),
		.groups = calloc(trace->nr_changes + 1, sizeof(*t->groups)),
	};
	if (!t->entries || !t->groups)
		return -ENOMEM;
	for (size_t i = 0; i < trace->nr_changes; i++) {
		group_text(&trace->changes[i], by, text, sizeof(text));
		/* It may have been cut in a character. */
		t->entries[i] = (struct entry){ &trace->changes[i], strdup(printable(text)) };
		if (!t->entries[i].group)
			return -ENOMEM;
	}
	qsort(t->entries, trace->nr_changes, sizeof(*t->entries), by_group);
	for (size_t i = 0; i < trace->nr_changes; i++) {
		const struct entry *e = &t->entries[i];
		struct group *g = t->nr_groups ? &t->groups[t->nr_groups - 1] : NULL;

		if (!g || strcmp(g->name, e->group) != 0) {
			g = &t->groups[t->nr_groups++];
			*g = (struct group){ .name = e->group, .first = e };
		}
		if (!g->n || e[-1].c->addr != e->c->addr)
			g->sites++;
		g->mixed |= e->c->kind != g->first->c->kind;
		g->n++;
		g->stores += e->c->writes;
	}
	qsort(t->groups, t->nr_groups, sizeof(*t->groups), by_count);
	return 0;
}

static const char *kind_of(const struct group *g)
{
	return g->mixed ? "several" : smc_kind_name((enum smc_kind)g->first->c->kind);
}

static const char *bytes_text(const uint8_t *bytes, size_t n, char *buf)
{
	buf[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(buf + 2 * i, 3, "%02x", bytes[i]);
	return buf;
}

/* Of a module, which has none before it comes and after it went. */
static const char *no_bytes(const char *words)
{
	return *words ? words : "nothing";
}

static bool same_change(const struct smc_change *a, const struct smc_change *b)
{
	return a->addr == b->addr && a->len == b->len && !memcmp(a->old, b->old, a->len) &&
	       !memcmp(a->new, b->new, a->len) && a->action == b->action &&
	       (a->len || !strcmp(a->after, b->after));
}

/* Each different change of a group once, with both sides in words. */
static void print_changes(const struct group *g, bool disasm)
{
	char old[2 * SMC_BYTES + 1], new[2 * SMC_BYTES + 1], code[512];

	for (size_t i = 0; i < g->n; i++) {
		const struct smc_change *c = g->first[i].c;
		size_t times = 1, k;

		for (k = i; k && g->first[k - 1].c->addr == c->addr; k--)
			if (same_change(g->first[k - 1].c, c))
				break;
		if (k && g->first[k - 1].c->addr == c->addr)
			continue;	/* has been printed */
		for (k = i + 1; k < g->n && g->first[k].c->addr == c->addr; k++)
			times += same_change(g->first[k].c, c);
		printf("%20zu x %s: %s -> %s%s%s\n", times, c->symbol,
		       c->len ? bytes_text(c->old, c->len, old) : no_bytes(c->before),
		       c->len ? bytes_text(c->new, c->len, new) : no_bytes(c->after),
		       c->complete ? "" : " (not complete)",
		       c->action == VBH_ACTION_DENIED || c->action == VBH_ACTION_DROPPED ?
		       " (denied)" : "");
		if (!disasm || !c->len)
			continue;
		smc_disassemble(c->addr, c->old, c->len, code, sizeof(code));
		printf("%24s- %s\n", "", code);
		smc_disassemble(c->addr, c->new, c->len, code, sizeof(code));
		printf("%24s+ %s\n", "", code);
	}
}

static void print_gaps(const struct smc_trace *t)
{
	char when[64];

	for (size_t i = 0; i < t->nr_gaps; i++) {
		time_t s = (time_t)(t->gaps[i].time / 1000000000);
		struct tm tm;

		if (!localtime_r(&s, &tm) || !strftime(when, sizeof(when), "%H:%M:%S", &tm))
			snprintf(when, sizeof(when), "?");
		printf("%sgap%s at %s, before change %zu: %" PRIu64 " stores of patching and %" PRIu64 " other events were not recorded\n",
		       colour(COLOUR_YELLOW), colour(COLOUR_NONE), when, t->gaps[i].before + 1,
		       t->gaps[i].patches, t->gaps[i].lost);
	}
}

static void print_table(const struct smc_trace *t, const struct table *table, enum by by,
			const struct smc_options *opt)
{
	size_t unknown = 0;
	char title[16];

	snprintf(title, sizeof(title), "%s", by_names[by]);
	title[0] = (char)(title[0] - 'a' + 'A');
	printf("%zu changes of kernel text in %.3f s: %s, %u CPUs, %s%s%s\n", t->nr_changes,
	       ((double)t->ended - (double)t->started) / 1e9, t->release, t->cpus, t->state,
	       *t->command ? "; " : "", t->command);
	for (size_t i = 0; i < t->nr_changes; i++)
		unknown += t->changes[i].kind == SMC_UNKNOWN;
	if (unknown)
		printf("%s%zu of them nothing explains%s\n", colour(COLOUR_RED), unknown,
		       colour(COLOUR_NONE));
	print_gaps(t);
	if (t->nr_changes)
		printf("%s%7s %8s %6s %7s  %-12s %s%s\n", colour(COLOUR_BOLD), "SHARE", "CHANGES",
		       "SITES", "STORES", "KIND", title, colour(COLOUR_NONE));
	for (size_t i = 0; i < table->nr_groups; i++) {
		const struct group *g = &table->groups[i];

		printf("%6.2f%% %8zu %6zu %7" PRIu64 "  %s%-12s%s %s\n",
		       100.0 * (double)g->n / (double)t->nr_changes, g->n, g->sites, g->stores,
		       colour(g->first->c->kind == SMC_UNKNOWN ? COLOUR_RED : COLOUR_NONE),
		       kind_of(g), colour(COLOUR_NONE), g->name);
		if (opt->disasm || opt->full)
			print_changes(g, opt->disasm);
	}
}

static int print_json_table(const struct smc_trace *t, const struct table *table, enum by by)
{
	json_t *groups = json_array(), *changes = json_array(), *gaps = json_array();

	for (size_t i = 0; i < table->nr_groups; i++) {
		const struct group *g = &table->groups[i];

		json_array_append_new(groups, json_pack("{s:s, s:I, s:I, s:I, s:s}", "name", g->name,
							"changes", (json_int_t)g->n, "sites",
							(json_int_t)g->sites, "stores",
							(json_int_t)g->stores, "kind", kind_of(g)));
	}
	for (size_t i = 0; i < t->nr_changes; i++)
		json_array_append_new(changes, smc_trace_change(&t->changes[i]));
	for (size_t i = 0; i < t->nr_gaps; i++)
		json_array_append_new(gaps, smc_trace_gap(t->gaps[i].patches, t->gaps[i].lost,
							  t->gaps[i].time));
	return print_json(json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:I, s:o, s:o, s:o}",
				    "release", t->release, "build_id", t->build_id, "command",
				    t->command, "by", by_names[by], "started",
				    (json_int_t)t->started, "ended", (json_int_t)t->ended, "whole",
				    t->whole, "missing", (json_int_t)t->missing, "groups", groups,
				    "changes", changes, "gaps", gaps));
}

static int parse_by(const char *text, enum by *by)
{
	*by = BY_SYMBOL;
	if (!text)
		return EXIT_OK;
	while (*by < NR_BY && strcmp(by_names[*by], text) != 0)
		(*by)++;
	return *by < NR_BY ? EXIT_OK : usage("--by %s: it is key, symbol, writer or kind", text);
}

static int run_report(const struct smc_trace *t, enum by by, const struct smc_options *opt)
{
	struct table table;
	int code = EXIT_OK;

	if (make_table(t, by, &table))
		code = complain(EXIT_FAILED, "out of memory");
	else if (opt->html)
		code = smc_html(t, opt->html);
	else if (opt_json)
		code = print_json_table(t, &table, by);
	else
		print_table(t, &table, by, opt);
	free_table(&table, t->nr_changes);
	return code;
}

int smc_cmd_report(int argc, char **argv)
{
	struct smc_options opt;
	struct smc_trace t;
	struct smc_error e = { "" };
	const char *path = "vbh-smc.trace";
	enum by by;
	int code = smc_options(argc, argv, "DvbH", &opt);

	if (!code)
		code = parse_by(opt.by, &by);
	if (code)
		return code;
	if (argc - optind > 1)
		return usage("unexpected argument '%s'", argv[optind + 1]);
	if (optind < argc)
		path = argv[optind];
	if (smc_trace_read(path, &t, &e))
		code = complain(EXIT_FAILED, "%s", e.text);
	else
		code = run_report(&t, by, &opt);
	if (!code && !t.whole)
		code = complain(EXIT_FAILED, "%s: it has no last line: it was cut off, or is still being written", path);
	smc_trace_free(&t);
	return code;
}
