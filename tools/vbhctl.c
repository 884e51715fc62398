// SPDX-License-Identifier: GPL-2.0-only
/*
 * vbhctl: from a command line to a command, and what every command needs of it:
 * options, complaints, the device, and an end that notices when the output
 * could not be written.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "printable.h"
#include "vbhctl.h"

bool opt_json;
static const struct command *command, *subcommand;	/* that runs, for complaints */
static bool helped;		/* it was asked how to use it, and said so */

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

const struct command commands[] = {
	{ "check", "[--module FILE] [--root DIR]",
	  "what VBH could do on this machine and kernel, before it starts", cmd_check },
	{ "start", "[--policy FILE] [--module FILE] [--catalogue FILE]",
	  "load the driver if need be, launch, and apply the policy", cmd_start },
	{ "stop", "[--key FILE]",
	  "give the processors back; a sealed VBH takes its key", cmd_stop },
	{ "status", "", "what runs, and what it protects", cmd_status },
	{ "seal", "", "from now on everything only tightens", cmd_seal },
	{ "events", "[-f] [-v] [-n N] [--since SEQ] [--kind KIND] [--vm all|N] [--verify] [--ack]",
	  "what was tried, and what was done about it", cmd_events },
	{ "stats", "[-a] [--cpu N]", "VM exits by reason and CPU", cmd_stats },
	{ "policy", "show|check [FILE]",
	  "a policy file in plain words; or whether it is right", cmd_policy },
	{ "key", "generate|hash FILE",
	  "make a key; or print the hash of one for the policy", cmd_key },
	{ "smc", "record|report|diff|sites|watch [OPTION]... [ARGUMENT]...",
	  "the kernel's self-modified code", cmd_smc, smc_commands },
	{ "catalogue", "build|show [--file FILE] [--modules DIR] [--release RELEASE] [MODULE]...",
	  "the modules that may be loaded after the seal", cmd_catalogue },
	{ "version", "", "versions of vbhctl, libvbh and the driver", cmd_version },
	{ "help", "[COMMAND [SUBCOMMAND]]", "this text, or a command's", cmd_help },
	{ NULL, NULL, NULL, NULL },
};

int complain(int code, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	fflush(stdout);
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	fprintf(stderr, "vbhctl: %s%s%s\n", command ? command->name : "", command ? ": " : "",
		n < 0 ? "out of memory" : printable(text));
	if (n >= 0)
		free(text);
	return code;
}

static const struct command *find(const struct command *list, const char *name)
{
	for (; list && list->name; list++)
		if (!strcmp(list->name, name))
			return list;
	return NULL;
}

const struct command *find_subcommand(const char *name)
{
	subcommand = find(command->subs, name);
	return subcommand;
}

/* Of a command, of one of its subcommands, or, where that is not said, of all of them. */
static void print_usage(FILE *f, const struct command *c, const struct command *sub)
{
	const struct command *s = sub ? sub : c->subs;

	if (!s)
		fprintf(f, "Usage: vbhctl [-j] %s%s%s\n", c->name, *c->synopsis ? " " : "",
			c->synopsis);
	for (; s && s->name; s = sub ? NULL : s + 1)
		fprintf(f, "%s vbhctl [-j] %s %s %s\n", s == c->subs || sub ? "Usage:" : "      ",
			c->name, s->name, s->synopsis);
}

static void print_help(const struct command *c, const struct command *sub)
{
	print_usage(stdout, c, sub);
	printf("%s\n", sub ? sub->summary : c->summary);
	for (const struct command *s = sub ? NULL : c->subs; s && s->name; s++)
		printf("  %-9s %s\n", s->name, s->summary);
}

int usage(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	complain(EXIT_USAGE, "%s", text);
	if (command)
		print_usage(stderr, command, subcommand);
	else
		fprintf(stderr, "Try 'vbhctl help'.\n");
	return EXIT_USAGE;
}

/* What getopt_long() does not take: a word, or a letter of one. */
static void refuse_option(const char *word)
{
	bool letter = optopt > ' ' && optopt < 127, is_long = !strncmp(word, "--", 2);

	if (optopt == 'h' || (!optopt && !strcmp(word, "--help"))) {
		print_help(command, subcommand);
		helped = true;
	} else if (optopt && is_long && strchr(word, '=')) {
		usage("option '%.*s' takes no argument", (int)strcspn(word, "="), word);
	} else if (letter) {
		usage("unknown option '-%c'", optopt);
	} else {
		usage("unknown option '%s'", word);
	}
}

int next_option(int argc, char **argv, const char *optstring, const struct option *longopts)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, optstring, longopts, NULL)) == 'j')
		opt_json = true;
	if (c == '?')
		refuse_option(argv[optind - 1]);
	else if (c == ':')
		usage("option '%s' takes an argument", argv[optind - 1]);
	else
		return c;
	return '?';
}

bool parse_number(const char *text, uint64_t max, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return !errno && !*end && *value <= max;
}

static int exit_code_of(int err)
{
	switch (err) {
	case 0:
		return EXIT_OK;
	case -ENOENT:
		return EXIT_NO_DRIVER;
	case -ESRCH:
		return EXIT_NOT_RUNNING;
	case -EPERM:
	case -EACCES:
		return EXIT_REFUSED;
	default:
		return EXIT_FAILED;
	}
}

int open_vbh(struct vbh **vbh)
{
	char text[VBH_ERROR_MAX];
	int err = vbh_open(vbh, text, sizeof(text));

	return err ? complain(exit_code_of(err), "%s", text) : EXIT_OK;
}

int complain_vbh(struct vbh *vbh, int err)
{
	return complain(exit_code_of(err), "%s", vbh_error(vbh));
}

static int cmd_version(int argc, char **argv)
{
	static const struct option longopts[] = { { "json", 0, NULL, 'j' }, { 0 } };
	struct vbh_info info = { 0 };
	struct vbh *vbh = NULL;

	if (next_option(argc, argv, ":j", longopts) != -1)
		return EXIT_USAGE;
	if (optind != argc)
		return usage("unexpected argument '%s'", argv[optind]);
	if (!vbh_open(&vbh, NULL, 0) && vbh_info(vbh, &info))
		info.abi = 0;
	vbh_close(vbh);
	if (opt_json)
		return print_json(json_pack("{s:s, s:s, s:o}",
					    "vbhctl", LIBVBH_VERSION, "libvbh", vbh_version(),
					    "driver_abi", info.abi ?
					    json_sprintf("%u.%u", info.abi >> 16,
							 info.abi & 0xffff) : json_null()));
	printf("vbhctl %s, libvbh %s, ABI %d.%d\n", LIBVBH_VERSION, vbh_version(),
	       VBH_ABI_MAJOR, VBH_ABI_MINOR);
	if (info.abi)
		printf("driver: ABI %u.%u\n", info.abi >> 16, info.abi & 0xffff);
	else
		printf("driver: not loaded, or not accessible\n");
	return EXIT_OK;
}

static void help_all(FILE *f)
{
	fprintf(f, "Usage: vbhctl [-j] COMMAND [OPTION]...\n"
		"Control VBH, the hypervisor that protects this kernel.\n\n");
	for (const struct command *c = commands; c->name; c++)
		fprintf(f, "  %-9s %s\n", c->name, c->summary);
	fprintf(f, "\n  -j, --json      print JSON\n  -h, --help      print this\n"
		"  -V, --version   print versions\n\nSee vbhctl(8) and vbh-policy.conf(5).\n");
}

static int cmd_help(int argc, char **argv)
{
	static const struct option longopts[] = { { "json", 0, NULL, 'j' }, { 0 } };
	const struct command *c, *sub;

	if (next_option(argc, argv, ":j", longopts) != -1)
		return EXIT_USAGE;
	argc -= optind;
	argv += optind;
	if (!argc) {
		help_all(stdout);
		return EXIT_OK;
	}
	c = find(commands, argv[0]);
	if (!c)
		return usage("no such command '%s'", argv[0]);
	sub = argc > 1 ? find(c->subs, argv[1]) : NULL;
	if (argc > 1 + !!sub)
		return usage("unexpected argument '%s'", argv[1 + !!sub]);
	print_help(c, sub);
	return EXIT_OK;
}

/* What was printed must have arrived; a reader who went away is no failure to report. */
static int finish(int code)
{
	if (fflush(stdout) || ferror(stdout)) {
		if (errno != EPIPE)
			complain(EXIT_FAILED, "the output could not be written: %s",
				 strerror(errno));
		return code ? code : EXIT_FAILED;
	}
	return code;
}

static int run(int argc, char **argv)
{
	int code;

	optind = 0;	/* the C library starts over */
	code = command->run(argc, argv);
	return helped ? EXIT_OK : code;
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "json", 0, NULL, 'j' }, { "help", 0, NULL, 'h' },
		{ "version", 0, NULL, 'V' }, { 0 }
	};
	int c;

	setvbuf(stdout, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, 1 << 16);
	colour_init();
	while ((c = next_option(argc, argv, "+:jhV", longopts)) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		command = find(commands, c == 'h' ? "help" : "version");
		optind = 0;
		return finish(command->run(1, argv));
	}
	if (optind == argc) {
		help_all(stderr);
		return EXIT_USAGE;
	}
	command = find(commands, argv[optind]);
	if (!command)
		return usage("no such command '%s'", argv[optind]);
	return finish(run(argc - optind, argv + optind));
}
