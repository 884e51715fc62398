/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands of vbhctl smc share: options, and loading what they name. */
#ifndef SMC_CMD_H
#define SMC_CMD_H

#include <stdbool.h>
#include <stdint.h>
#include "smc.h"

#define SMC_MAX_DIRS	8

struct smc_options {
	const char *root;
	const char *vmlinux;
	const char *modules[SMC_MAX_DIRS + 1];
	unsigned int nr_modules;
	const char *output;	/* -o */
	const char *html;
	const char *by;
	uint64_t seconds;	/* --for; 0: until the end */
	bool disasm, full;
};

/*
 * Parses those options of a command that `takes` names, by letter: D --disasm,
 * o -o, H --html, b --by, f --for, v -v, R --root, K --vmlinux, M --modules; and
 * '+': the first argument ends them. EXIT_OK, or it has complained.
 */
int smc_options(int argc, char **argv, const char *takes, struct smc_options *opt);
/* Opens and loads what they name, or complains. Both are to be freed either way. */
int smc_load(const struct smc_options *opt, struct smc_system *s, struct smc_text *t);
int smc_open(const struct smc_options *opt, struct smc_system *s);
/* The addresses of "SYMBOL" or "0x...", or the one of "SYMBOL+OFFSET"; or it has complained. */
int smc_range(const char *text, uint64_t *from, uint64_t *to);

#endif
