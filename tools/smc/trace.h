/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A trace of smc record: lines of JSON. The first is a header that says of what
 * kernel it is; then a line for each change, each gap and each event about
 * anything else, in the order in which they were complete; the last counts them,
 * so that a trace that was cut off is seen. docs/smc.md has the fields.
 */
#ifndef SMC_TRACE_H
#define SMC_TRACE_H

#include <jansson.h>
#include <stdio.h>
#include "event.h"

#define SMC_TRACE_VERSION	1

struct smc_gap {
	int64_t time;
	uint64_t patches, lost;
	size_t before;		/* number of the change that follows */
};

struct smc_trace_module {
	const char *name, *build_id;
	uint64_t base, size;
};

struct smc_trace {
	const char *release, *build_id, *command, *state;
	uint64_t text, etext, kaslr;
	int64_t started, ended;
	uint32_t cpus;
	struct smc_trace_module *modules;
	size_t nr_modules;
	struct smc_change *changes;
	size_t nr_changes, max_changes;
	struct smc_gap *gaps;
	size_t nr_gaps;
	uint64_t others, missing;	/* other events; events that are missing */
	bool whole;		/* it has its last line */
	void *strings;		/* a tree of those that the fields point to */
};

/* 0, or a negative errno with what is wrong in which line. Free it either way. */
int smc_trace_read(const char *path, struct smc_trace *t, struct smc_error *e);
/* The same of what is open, into a trace that is zero; path is for the words only. */
int smc_trace_parse(FILE *f, const char *path, struct smc_trace *t, struct smc_error *e);
void smc_trace_free(struct smc_trace *t);

/*
 * A file for its owner only, also if it is there: where the kernel is, is nobody
 * else's business.
 */
FILE *smc_create(const char *path);

json_t *smc_trace_header(const struct smc_text *t, const struct vbh_info *info,
			 const char *command);
json_t *smc_trace_change(const struct smc_change *c);
json_t *smc_trace_gap(uint64_t patches, uint64_t lost, int64_t time);
json_t *smc_trace_event(const struct vbh_event *ev, int64_t time);
json_t *smc_trace_end(const struct smc_events *e, int64_t time);
/* Writes one line, and drops it; false: it could not be written, or is NULL. */
bool smc_trace_put(FILE *f, json_t *line);

#endif
