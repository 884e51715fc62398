/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzers share: an input, read byte by byte, that is zeroes when it is
 * over; and a test body that is made once and then put back, which is faster.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdlib.h>
#include <string.h>
#include <vbh/types.h>

struct input {
	const u8 *p;
	size_t left;
};

static inline u8 in_u8(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

static inline void in_bytes(struct input *in, void *to, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		((u8 *)to)[i] = in_u8(in);
}

/* The test body as make() leaves it. */
void fresh_body(void (*make)(void));

/* A check that no build leaves out. */
static inline void hold(bool ok)
{
	if (!ok)
		abort();
}

#endif
