/* SPDX-License-Identifier: GPL-2.0-only */
/* smc report --html. */
#ifndef SMC_HTML_H
#define SMC_HTML_H

struct smc_trace;

/* Writes one page that needs nothing else; or complains: exit code. */
int smc_html(const struct smc_trace *t, const char *path);

#endif
