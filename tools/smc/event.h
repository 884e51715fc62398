/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From VBH's events to changes of text. One change of a site takes text_poke()
 * three stores or more, each an event: INT3, the bytes behind it, the first
 * byte. They are put together here, and named by the kernel's tables.
 */
#ifndef SMC_EVENT_H
#define SMC_EVENT_H

#include <libvbh.h>
#include "smc.h"

#define SMC_BYTES	8	/* of a site, or of a store's value */

/* One change; the strings are its maker's and stay until the next one is made. */
struct smc_change {
	uint64_t seq;		/* of its first event */
	int64_t time;		/* of it, in nanoseconds since 1970 */
	uint64_t duration;	/* nanoseconds to its last event */
	uint64_t addr;		/* the site, or what was written; 0: only `physical` is known */
	uint64_t physical;
	uint64_t rip;		/* of the store */
	uint32_t cpu, writes;
	int32_t pid;
	uint8_t kind;		/* enum smc_kind */
	uint8_t action;		/* enum vbh_action */
	uint8_t len;		/* bytes of old and new */
	bool complete;		/* false: its end was not seen, as in a gap */
	uint8_t old[SMC_BYTES], new[SMC_BYTES];
	const char *symbol;	/* "name+0x12 [module]" or "0x..." */
	const char *object;	/* "vmlinux", a module, or "" */
	const char *key;	/* of a static key or call; the tracer; or "" */
	const char *before, *after;	/* what stood there, in words; or "" */
	const char *writer;	/* rip by name */
	const char *origin;	/* the writer or its first caller that is not the patching itself */
	const char *comm;
	const char *chain[VBH_EVENT_STACK];	/* callers, as far as the stack shows them */
	unsigned int nr_chain;
};

struct smc_events {
	struct smc_text *text;
	const struct vbh_info *info;
	/* called for each change as it is complete, and for what was left out */
	void (*change)(const struct smc_change *c, void *arg);
	void (*gap)(uint64_t patches, uint64_t lost, int64_t time, void *arg);
	/* events that are about no text */
	void (*other)(const struct vbh_event *ev, int64_t time, void *arg);
	void *arg;

	struct smc_open *open;	/* changes that are not complete */
	size_t nr_open, max_open;
	uint64_t patches, lost;	/* as the last event counted them */
	uint64_t events, changes, missing;
	int64_t refreshed, renamed;	/* when modules were read again, and symbols */
};

/* Takes the counts before the first event from info. */
void smc_events_begin(struct smc_events *e);
int smc_event(struct smc_events *e, const struct vbh_event *ev);
/* Nothing follows: what is open is given out as it is, and info's counts are compared. */
void smc_events_end(struct smc_events *e);

#endif
