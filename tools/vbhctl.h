/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of vbhctl share: the options of every command, exit codes,
 * output. A command gets its own argv (argv[0] is its name) and returns one of
 * the exit codes; what it has to complain about goes through complain().
 */
#ifndef VBHCTL_H
#define VBHCTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <libvbh.h>

#define POLICY_FILE	"/etc/vbh/policy.conf"
#define CATALOGUE_FILE	"/var/lib/vbh/catalogue-"	/* and the kernel's release */

/* Documented in vbhctl(8), EXIT STATUS. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_RUNNING = 3,
	EXIT_NO_DRIVER = 4,
	EXIT_POLICY = 5,	/* the policy file was refused */
	EXIT_REFUSED = 6,	/* permission, the seal, or a wrong key */
	EXIT_CHAIN = 7,		/* the events' hash chain is broken */
	EXIT_DIFFERENT = 8,	/* text that nothing explains, or could not be compared */
	EXIT_LESS = 9,		/* VBH can start, and goes without something, or may */
	EXIT_CANNOT = 10,	/* VBH can't start */
};

struct command {
	const char *name;
	const char *synopsis;	/* what follows the name */
	const char *summary;
	int (*run)(int argc, char **argv);
	const struct command *subs;	/* that have synopses of their own, or NULL */
};

extern const struct command commands[], smc_commands[];
extern bool opt_json;		/* -j */

int cmd_check(int argc, char **argv);
int cmd_start(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_seal(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_smc(int argc, char **argv);
int cmd_catalogue(int argc, char **argv);

/* "vbhctl: <command>: ..." on stderr, made printable; returns code. */
__attribute__((format(printf, 2, 3)))
int complain(int code, const char *fmt, ...);
/* The same for a usage error, with the command's synopsis. */
__attribute__((format(printf, 1, 2)))
int usage(const char *fmt, ...);
/* The command's subcommand of that name, whose synopsis it is from now on; or NULL. */
const struct command *find_subcommand(const char *name);
/*
 * The next option of a command, as getopt_long(); -j and -h work everywhere. '?'
 * has been dealt with: return EXIT_USAGE.
 */
struct option;
int next_option(int argc, char **argv, const char *optstring, const struct option *longopts);
/* A whole decimal number up to max; false: it is none. */
bool parse_number(const char *text, uint64_t max, uint64_t *value);

/* Opens the device or complains; the exit code. */
int open_vbh(struct vbh **vbh);
/* The exit code for a negative errno of libvbh; complains with its words. */
int complain_vbh(struct vbh *vbh, int err);

/* Colour: the escape that begins it, or "" where there is none to be. */
enum colour { COLOUR_NONE, COLOUR_BOLD, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW };
void colour_init(void);
const char *colour(enum colour c);

/* Prints and drops a JSON value, with a newline; EXIT_OK, or complains. */
int print_json(json_t *json);
/* Text that somebody else chose, made printable. */
json_t *json_text(const char *text);
/* A string "0x..." of a value that needs all 64 bits: JSON's numbers do not have them. */
json_t *json_hex(uint64_t value);
json_t *json_hex_bytes(const uint8_t *bytes, size_t n);
/* "name" of a value, or its number if it has none. */
json_t *json_name(enum vbh_names table, uint32_t value);
/* The same for text; buf is used for a number. */
const char *name_or_number(enum vbh_names table, uint32_t value, char *buf, size_t len);
/* "1 region", "2 regions". */
const char *plural(uint64_t n, const char *noun, char *buf, size_t len);

/*
 * A key: all bytes of a file, 1 to VBH_KEY_MAX of them, from a pipe too. Complains;
 * exit code. It is the caller's to forget either way.
 */
int read_key(const char *path, uint8_t key[VBH_KEY_MAX + 1], size_t *len);

/*
 * The running kernel's catalogue, made first if there is none or modules have
 * changed since. path: its file, or NULL for the usual one. Complains; exit code.
 */
int open_catalogue(struct vbh_catalogue **catalogue, const char *path);

/* Loads the driver: the file at path, or vbh by modprobe if NULL. Complains; exit code. */
int load_driver(const char *path);

#endif
