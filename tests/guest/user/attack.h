/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The runner of attacks: what an attempt came to, whoever made it (the module
 * vbh_attack in ring 0, or ring3.c), and which event it has to have caused.
 */
#ifndef USER_ATTACK_H
#define USER_ATTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vbh/dev.h>

/* As in tests/guest/attack/attack.h. */
enum {
	A_UD = 1 << 0,
	A_IGNORED = 1 << 1,
	A_REFUSED = 1 << 2,
	A_QUIET = 1 << 3,
	A_CPU_STOPS = 1 << 4,
	A_NEEDS_VBH = 1 << 5,
	A_SEALED = 1 << 6,
	A_NO_LOG = 1 << 7,
	A_LAST = 1 << 8,
	A_HONEST = 1 << 9,
	A_MANY = 1 << 10,
	A_MANUAL = 1 << 11,
	A_UNTIL_SEAL = 1 << 12,
	A_LISTED = 1 << 13,
};

struct attack {
	char name[48];
	char what[128];		/* "can ..." */
	unsigned int flags;
	long arg;
	const struct ring3 *ring3;	/* NULL: the module makes it */
};

struct attempt {
	char outcome[16];
	int vector;
	long ret;
	unsigned int ops;
	uint64_t rip;
	struct vbh_event want;
	char note[160];
};

/* The table of ring3.c: name, what; i from 0; false: no more. */
bool ring3_attack(unsigned int i, struct attack *a);
/* With SVM on, #GP is what the processor itself says. */
bool ring3_may_gp(const struct ring3 *r);
void ring3_run(const struct attack *a, struct attempt *t);

/* The events of an attempt. -1: VBH does not run. */
int events_open(void);
/* From now on. */
void events_mark(int fd);
/* Those since the mark that are violations: how many, of which n are kept. */
unsigned int events_since(int fd, struct vbh_event *events, unsigned int n, const char **wrong);
/* "write kernel_text denied" and the like. */
void event_text(const struct vbh_event *ev, char *buf, size_t len);
/* What in ev is not as wanted, in words; NULL: nothing. */
const char *event_differs(const struct vbh_event *ev, const struct attempt *t,
			  enum vbh_action action);

#endif
