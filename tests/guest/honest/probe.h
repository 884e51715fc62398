/* SPDX-License-Identifier: GPL-2.0-only */
/* A few bytes of code, run in user mode, and the signals they led to. */
#ifndef PROBE_H
#define PROBE_H

#include "honest.h"

#define PROBE_TRAPS	32

struct trap {
	int sig, code;
	int vector, error;	/* the processor's, as the kernel passes them on */
	u64 rip;
	u64 addr;
};

struct probe {
	int traps;		/* SIGTRAPs that let the code run on, then at most one more */
	struct trap trap[PROBE_TRAPS];
	bool finished;		/* the code came to its end */
	u64 base;		/* where it was */
	u64 rax, rbx, rcx, rdx;	/* at its end */
};

/*
 * Run code with RAX to RDX from regs (NULL: 0), RDI = &probe_data, RSI a page
 * that may not be touched, R8 = 0x8000000000000000 (not canonical). A SIGTRAP
 * is noted and the code runs on; any other signal is noted and ends it.
 */
void probe_run(struct probe *p, const void *code, size_t len, const u64 regs[4]);

extern u8 probe_data[4096];

#endif
