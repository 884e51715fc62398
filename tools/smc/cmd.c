// SPDX-License-Identifier: GPL-2.0-only
/* smc: the kernel's self-modified code. Finds the subcommand, and its options. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"
#include "vbhctl.h"

#define FILES	"[--vmlinux FILE] [--modules DIR]... "

const struct command smc_commands[] = {
	{ "record", "[--for TIME] [-o FILE] " FILES "[--] [COMMAND...]",
	  "a trace of every change of kernel and module text (takes VBH)", smc_cmd_record },
	{ "report", "[--by key|symbol|writer|kind] [--disasm] [-v] [--html FILE] [TRACE]",
	  "a trace as a table, as JSON, or as a page", smc_cmd_report },
	{ "diff", "[--disasm] " FILES "[--root DIR]",
	  "text in memory against text on disk: what nothing explains", smc_cmd_diff },
	{ "sites", FILES "[--root DIR] SYMBOL[+OFFSET]",
	  "every place in a function that is patched", smc_cmd_sites },
	{ "watch", "[--for TIME] " FILES "SYMBOL[+OFFSET]",
	  "each change of a function as it happens (takes VBH)", smc_cmd_watch },
	{ NULL, NULL, NULL, NULL },
};

/* "90", "90s", "5m", "2h". */
static bool parse_time(const char *text, uint64_t *seconds)
{
	char buf[32];
	size_t len = strlen(text);
	uint64_t unit = 1;

	if (!len || len >= sizeof(buf))
		return false;
	memcpy(buf, text, len + 1);
	if (strchr("smh", buf[len - 1])) {
		unit = buf[len - 1] == 's' ? 1 : buf[len - 1] == 'm' ? 60 : 3600;
		buf[len - 1] = '\0';
	}
	if (!parse_number(buf, UINT32_MAX, seconds) || !*seconds)
		return false;
	*seconds *= unit;
	return true;
}

/* One option that is not for every subcommand; EXIT_OK or complained. */
static int take_option(int c, struct smc_options *opt)
{
	switch (c) {
	case 'D':
		opt->disasm = true;
		break;
	case 'v':
		opt->full = true;
		break;
	case 'o':
		opt->output = optarg;
		break;
	case 'H':
		opt->html = optarg;
		break;
	case 'R':
		opt->root = optarg;
		break;
	case 'K':
		opt->vmlinux = optarg;
		break;
	case 'M':
		if (opt->nr_modules == SMC_MAX_DIRS)
			return usage("--modules %s: more than %d directories", optarg, SMC_MAX_DIRS);
		opt->modules[opt->nr_modules++] = optarg;
		break;
	case 'b':
		opt->by = optarg;
		break;
	case 'f':
		if (!parse_time(optarg, &opt->seconds))
			return usage("--for %s: no time: seconds, or a number with s, m or h", optarg);
		break;
	default:
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static const struct option longopts[] = {
	{ "json", 0, NULL, 'j' }, { "root", 1, NULL, 'R' }, { "vmlinux", 1, NULL, 'K' },
	{ "modules", 1, NULL, 'M' }, { "disasm", 0, NULL, 'D' }, { "output", 1, NULL, 'o' },
	{ "html", 1, NULL, 'H' }, { "by", 1, NULL, 'b' }, { "for", 1, NULL, 'f' },
	{ "verbose", 0, NULL, 'v' }, { 0 }
};

static const char *option_name(int c)
{
	const struct option *o = longopts;

	while (o->name && o->val != c)
		o++;
	return o->name;
}

int smc_options(int argc, char **argv, const char *takes, struct smc_options *opt)
{
	/* What follows a COMMAND is its own. */
	const char *letters = strchr(takes, '+') ? "+:jo:v" : ":jo:v";
	int c, code = EXIT_OK;

	*opt = (struct smc_options){ .root = "" };
	optind = 0;
	while (!code && (c = next_option(argc, argv, letters, longopts)) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		if (!strchr(takes, c))
			return usage("'smc %s' does not take option '--%s'", argv[0], option_name(c));
		code = take_option(c, opt);
	}
	return code;
}

static int exit_code_of(int err)
{
	return err == -EACCES || err == -EPERM ? EXIT_REFUSED : EXIT_FAILED;
}

int smc_open(const struct smc_options *opt, struct smc_system *s)
{
	struct smc_error e = { "" };
	int err = smc_system_open(s, opt->root, &e);

	return err ? complain(exit_code_of(err), "%s", e.text) : EXIT_OK;
}

int smc_load(const struct smc_options *opt, struct smc_system *s, struct smc_text *t)
{
	struct smc_error e = { "" };
	int err, code = smc_open(opt, s);

	if (code)
		return code;
	err = smc_text_load(s, opt->vmlinux, opt->nr_modules ? opt->modules : NULL, t, &e);
	return err ? complain(exit_code_of(err), "%s", e.text) : EXIT_OK;
}

int cmd_smc(int argc, char **argv)
{
	static const struct option only_json[] = { { "json", 0, NULL, 'j' }, { 0 } };
	const struct command *sub;

	if (next_option(argc, argv, "+:j", only_json) != -1)
		return EXIT_USAGE;
	if (optind == argc)
		return usage("say what: record, report, diff, sites or watch");
	sub = find_subcommand(argv[optind]);
	if (!sub)
		return usage("no such subcommand '%s'", argv[optind]);
	return sub->run(argc - optind, argv + optind);
}
