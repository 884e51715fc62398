/* SPDX-License-Identifier: GPL-2.0-only */
/* Raw hypercalls, as an attacker makes them: without the driver. */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include "attack.h"

/* The result in *ret; returns the vector if the instruction itself faulted. */
int try_hypercall(u64 nr, const u64 args[4], long *ret, u64 *rip);

/* One bad call: attack->data. */
struct bad_call {
	u64 nr;
	u64 args[4];
	u8 buffer;		/* 1 + the argument that gets a cleared page's address added; 0: none */
	void (*fill)(void *buffer);
};

void attack_hypercall(struct attempt *t);

/* ...: the rest of struct bad_call after nr. */
#define BAD_FLAGS(name, what, errno, flags, nr_, ...)				\
	{ name, "can " what, attack_hypercall,				\
	  A_REFUSED | A_NEEDS_VBH | A_NO_LOG | (flags), -(errno),		\
	  &(const struct bad_call){ .nr = nr_, __VA_ARGS__ } }
#define BAD(name, what, errno, nr, ...)						\
	BAD_FLAGS("hc-" name, what, errno, 0, nr, ##__VA_ARGS__)

#endif
