// SPDX-License-Identifier: GPL-2.0-only
/*
 * check: what VBH could do on this machine and this kernel, before anything is
 * launched, one line each. tools/check/ finds it out; here is how it is shown.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdarg.h>
#include <string.h>
#include "check/check.h"
#include "printable.h"
#include "vbhctl.h"

static const struct {
	const char *name;	/* in JSON */
	const char *shown;
	enum colour colour;
} results[] = {
	[CHECK_PASS] = { "pass", "PASS", COLOUR_GREEN },
	[CHECK_WARN] = { "warn", "WARN", COLOUR_YELLOW },
	[CHECK_UNKNOWN] = { "unknown", "WARN", COLOUR_YELLOW },
	[CHECK_FAIL] = { "fail", "FAIL", COLOUR_RED },
};

static const char * const groups[] = {
	[CHECK_STATE] = "state",
	[CHECK_PROCESSOR] = "processor",
	[CHECK_KERNEL] = "kernel",
	[CHECK_HOLDER] = "holder",
	[CHECK_DRIVER] = "driver",
	[CHECK_MEMORY] = "memory",
};

void check_add(struct check_machine *m, enum check_group group, const char *name,
	       enum check_result result, const char *follows, const char *found, ...)
{
	struct check_line *l = &m->lines[m->nr_lines];
	va_list ap;

	if (m->nr_lines == sizeof(m->lines) / sizeof(m->lines[0]))
		return;
	m->nr_lines++;
	l->group = group;
	l->name = name;
	l->result = result;
	va_start(ap, found);
	vsnprintf(l->found, sizeof(l->found), found, ap);
	va_end(ap);
	snprintf(l->follows, sizeof(l->follows), "%s", follows);
	printable(l->found);
}

void check_add_unknown(struct check_machine *m, enum check_group group, const char *name,
		       enum check_msr why)
{
	if (why == CHECK_MSR_DENIED)
		check_add(m, group, name, CHECK_UNKNOWN, "run as root for this line",
			  "not readable without root");
	else if (why == CHECK_MSR_NO_DEVICE)
		check_add(m, group, name, CHECK_UNKNOWN, "modprobe msr for this line",
			  "not readable without /dev/cpu/0/msr");
	else
		check_add(m, group, name, CHECK_UNKNOWN, "", "the processor has no such MSR");
}

/* How many lines of each result there are, and the worst one. */
static enum check_result count(const struct check_machine *m, unsigned int n[4])
{
	enum check_result worst = CHECK_PASS;

	memset(n, 0, 4 * sizeof(*n));
	for (size_t i = 0; i < m->nr_lines; i++) {
		n[m->lines[i].result]++;
		if (m->lines[i].result > worst)
			worst = m->lines[i].result;
	}
	return worst;
}

static int print_lines_json(const struct check_machine *m)
{
	json_t *json, *lines = json_object();
	unsigned int n[4];
	enum check_result worst = count(m, n);

	for (size_t i = 0; i < m->nr_lines; i++) {
		const struct check_line *l = &m->lines[i];

		json_object_set_new(lines, l->name,
				    json_pack("{s:s, s:s, s:s, s:s?}", "group", groups[l->group],
					      "result", results[l->result].name, "found", l->found,
					      "follows", *l->follows ? l->follows : NULL));
	}
	json = json_pack("{s:b, s:b}", "running", m->running, "can_start",
			 m->running || worst != CHECK_FAIL);
	json_object_set_new(json, "release", json_text(m->release));
	for (int i = 0; i < 4; i++)
		json_object_set_new(json, results[i].name, json_integer(n[i]));
	json_object_set_new(json, "checks", lines);
	return print_json(json);
}

static void print_lines(const struct check_machine *m)
{
	unsigned int n[4];
	char less[32];

	for (size_t i = 0; i < m->nr_lines; i++) {
		const struct check_line *l = &m->lines[i];

		printf("%s%s%s  %s: %s", colour(results[l->result].colour),
		       results[l->result].shown, colour(COLOUR_NONE), l->name, l->found);
		printf(*l->follows ? " (%s)\n" : "\n", l->follows);
	}
	if (count(m, n) == CHECK_FAIL && !m->running) {
		printf("VBH can't start here: %s why.\n",
		       n[CHECK_FAIL] == 1 ? "one line says" : "those that begin with FAIL say");
		return;
	}
	printf("VBH %s here", m->running ? "runs" : "can start");
	if (m->nr_lines > n[CHECK_PASS])
		printf("; %s of what it goes without, or what is not known",
		       plural(m->nr_lines - n[CHECK_PASS], "line", less, sizeof(less)));
	printf(".\n");
}

int cmd_check(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "module", 1, NULL, 'm' }, { "root", 1, NULL, 'r' },
		{ "json", 0, NULL, 'j' }, { 0 }
	};
	static struct check_machine m;
	const char *root = "";
	int c, code = EXIT_OK;
	unsigned int n[4];

	while ((c = next_option(argc, argv, ":jm:", longopts)) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		*(c == 'm' ? &m.driver : &root) = optarg;
	}
	if (optind != argc)
		return usage("unexpected argument '%s'", argv[optind]);
	check_open(&m, root);
	check_state(&m);
	check_processor(&m);
	check_kernel(&m);
	check_capabilities(&m);
	check_holder(&m);
	check_driver(&m);
	check_memory(&m);
	count(&m, n);
	if (opt_json)
		code = print_lines_json(&m);
	else
		print_lines(&m);
	check_close(&m);
	if (!code && n[CHECK_FAIL] && !m.running)
		code = EXIT_CANNOT;
	else if (!code && m.nr_lines > n[CHECK_PASS])
		code = EXIT_LESS;
	return code;
}
