// SPDX-License-Identifier: GPL-2.0-only
/*
 * A trace of vbhctl smc record, from anybody: it is read or refused with words,
 * and what was read has nothing that a reader of it would trip over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "smc/trace.h"

static void hold(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct smc_trace *t)
{
	hold(t->release && t->command && t->state && t->build_id);
	for (size_t i = 0; i < t->nr_changes; i++) {
		const struct smc_change *c = &t->changes[i];

		hold(c->len <= SMC_BYTES && c->nr_chain <= VBH_EVENT_STACK &&
		     (c->writes || !c->len));
		hold(smc_kind_name((enum smc_kind)c->kind) && c->symbol && c->object && c->key &&
		     c->before && c->after && c->writer && c->origin && c->comm);
		for (unsigned int k = 0; k < c->nr_chain; k++)
			hold(c->chain[k]);
	}
	for (size_t i = 0; i < t->nr_gaps; i++)
		hold(t->gaps[i].before <= t->nr_changes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smc_trace t = { .release = "" };
	struct smc_error e = { "" };
	FILE *f = len ? fmemopen((void *)data, len, "r") : NULL;

	if (!f)
		return 0;
	if (!smc_trace_parse(f, "input", &t, &e))
		check(&t);
	else
		hold(e.text[0]);
	smc_trace_free(&t);
	fclose(f);
	return 0;
}
