// SPDX-License-Identifier: GPL-2.0-only
/* Signals inside signals, on stacks of their own, and page faults inside them. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "honest.h"

static volatile int depth, deepest, entered;
static char *alt_stack;
#define ALT_SIZE	(256 << 10)

static void nest(int sig)
{
	char here;

	entered++;
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (&here < alt_stack || &here >= alt_stack + ALT_SIZE)
		_exit(3);
	if (sig < SIGRTMIN + 9)
		raise(sig + 1);
	depth--;
}

static int nested(int scale)
{
	struct sigaction sa = { .sa_handler = nest, .sa_flags = SA_ONSTACK };
	stack_t stack = { .ss_size = ALT_SIZE };
	int i;

	stack.ss_sp = alt_stack = malloc(ALT_SIZE);
	CHECK(!sigaltstack(&stack, NULL), "no alternate stack");
	for (i = 0; i < 10; i++)
		sigaction(SIGRTMIN + i, &sa, NULL);
	for (i = 0; i < 20 * scale; i++)
		raise(SIGRTMIN);
	CHECK(deepest == 10 && !depth, "nested %d deep, %d at the end", deepest, depth);
	CHECK(entered == 200 * scale, "%d handlers ran, not %d", entered, 200 * scale);
	return PASS;
}

/* A collector's way: pages are opened one by one as faults name them. */
static char *guarded;
static volatile int opened;

static void open_page(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	if (info->si_code != SEGV_ACCERR)
		_exit(4);
	opened++;
	mprotect((void *)((long)info->si_addr & ~4095l), 4096, PROT_READ | PROT_WRITE);
}

static int barrier(int scale)
{
	struct sigaction sa = { .sa_sigaction = open_page, .sa_flags = SA_SIGINFO };
	int pages = 64, i, round;

	sigaction(SIGSEGV, &sa, NULL);
	guarded = mmap(NULL, pages * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (round = 0; round < 2 * scale; round++) {
		opened = 0;
		for (i = 0; i < pages; i++)
			guarded[i * 4096 + i] = round + i;
		CHECK(opened == pages, "%d faults, not %d", opened, pages);
		for (i = 0; i < pages; i++)
			CHECK(guarded[i * 4096 + i] == (char)(round + i), "a store was lost");
		mprotect(guarded, pages * 4096, PROT_READ);
	}
	return PASS;
}

const struct test signal_tests[] = {
	{ "signal-nested", "ten signal handlers nest on an alternate stack", nested },
	{ "signal-barrier", "a SIGSEGV handler opens the page and the store runs again", barrier },
	{ }
};
