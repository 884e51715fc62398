// SPDX-License-Identifier: GPL-2.0-only
/* smc: the kernel's self-modified code. Finds the subcommand, and its options. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "smc_cmd.h"
#include "vbhctl.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} subcommands[] = {
	{ "record", smc_cmd_record },
	{ "report", smc_cmd_report },
	{ "diff", smc_cmd_diff },
	{ "sites", smc_cmd_sites },
	{ "watch", smc_cmd_watch },
};

enum {
	OPT_ROOT = 256,
	OPT_VMLINUX,
	OPT_MODULES,
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
	case 'h':
		opt->html = optarg;
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

int smc_options(int argc, char **argv, const char *takes, struct smc_options *opt)
{
	static const struct option longopts[] = {
		{ "json", 0, NULL, 'j' }, { "root", 1, NULL, OPT_ROOT },
		{ "vmlinux", 1, NULL, OPT_VMLINUX }, { "modules", 1, NULL, OPT_MODULES },
		{ "disasm", 0, NULL, 'D' }, { "output", 1, NULL, 'o' }, { "html", 1, NULL, 'h' },
		{ "by", 1, NULL, 'b' }, { "for", 1, NULL, 'f' }, { "verbose", 0, NULL, 'v' },
		{ 0 }
	};
	int c, code = EXIT_OK;

	*opt = (struct smc_options){ .root = "" };
	optind = 0;
	while (!code && (c = next_option(argc, argv, "+:jo:v", longopts)) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		if (c == OPT_ROOT)
			opt->root = optarg;
		else if (c == OPT_VMLINUX)
			opt->vmlinux = optarg;
		else if (c == OPT_MODULES && opt->nr_modules < SMC_MAX_DIRS)
			opt->modules[opt->nr_modules++] = optarg;
		else if (c == OPT_MODULES)
			return usage("--modules %s: more than %d directories", optarg, SMC_MAX_DIRS);
		else if (!strchr(takes, c))
			return usage("'smc %s' does not take option '%s'", argv[0], argv[optind - 1]);
		else
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
	if (argc > 1 && !strcmp(argv[1], "-j")) {
		opt_json = true;
		argv++;
		argc--;
	}
	if (argc < 2)
		return usage("say what: diff, record, report, sites or watch");
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
		if (!strcmp(argv[1], subcommands[i].name))
			return subcommands[i].run(argc - 1, argv + 1);
	return usage("no such subcommand '%s'", argv[1]);
}
