// SPDX-License-Identifier: GPL-2.0-only
/* Run a few bytes of code in user mode and note the signals they lead to. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "probe.h"

u8 probe_data[4096] __attribute__((aligned(4096)));

static struct probe *current;
static u8 *page, *forbidden;
static u64 landing, landing_rsp;

static const int caught[] = { SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };

static void note(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct trap *t;

	/* The probe may have set AC; this code must not trap for it. */
	asm volatile("pushfq; andl $~0x40000, (%%rsp); popfq" ::: "memory", "cc");
	if (current->traps < PROBE_TRAPS) {
		t = &current->trap[current->traps++];
		*t = (struct trap) {
			.sig = sig, .code = info->si_code, .vector = g[REG_TRAPNO],
			.error = g[REG_ERR], .rip = g[REG_RIP], .addr = (u64)info->si_addr,
		};
		if (sig == SIGTRAP)
			return;
	}
	g[REG_RIP] = landing;
	g[REG_RSP] = landing_rsp;
	g[REG_EFL] &= ~0x40d00ll;
}

static void prepare(void)
{
	struct sigaction sa = { .sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_size = 65536, .ss_sp = malloc(65536) };
	size_t i;

	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&stack, NULL);
	for (i = 0; i < ARRAY_SIZE(caught); i++)
		sigaction(caught[i], &sa, NULL);
}

/*
 * The code stands at the start of the page, then a jump through RBP to label 1.
 * A signal that ends it goes on at label 2. R12 and R13 the code must leave.
 */
void probe_run(struct probe *p, const void *code, size_t len, const u64 regs[4])
{
	static const u64 zero[4];
	static const u8 end[] = { 0xff, 0xe5 };	/* jmp *%rbp */
	register u64 target asm("r12");
	register bool *finished asm("r13") = &p->finished;
	u64 a, b, c, d;

	if (!page)
		prepare();
	if (!regs)
		regs = zero;
	memset(p, 0, sizeof(*p));
	memset(page, 0xcc, 4096);
	memcpy(page, code, len);
	memcpy(page + len, end, sizeof(end));
	p->base = target = (u64)page;
	current = p;
	a = regs[0], b = regs[1], c = regs[2], d = regs[3];
	asm volatile("sub $256, %%rsp\n\t"
		     "push %%rbp\n\t"
		     "lea 2f(%%rip), %%rbp\n\t"
		     "mov %%rbp, %[landing]\n\t"
		     "mov %%rsp, %[landing_rsp]\n\t"
		     "lea 1f(%%rip), %%rbp\n\t"
		     "movabs $0x8000000000000000, %%r8\n\t"
		     "jmp *%[target]\n"
		     "1:\tmovb $1, (%[finished])\n"
		     "2:\tpop %%rbp\n\t"
		     "add $256, %%rsp\n\t"
		     "cld\n\t"
		     : "+a"(a), "+b"(b), "+c"(c), "+d"(d),
		       [landing] "=m"(landing), [landing_rsp] "=m"(landing_rsp)
		     : [target] "r"(target), [finished] "r"(finished),
		       "D"(probe_data), "S"(forbidden)
		     : "memory", "cc", "r8", "r9", "r10", "r11");
	p->rax = a, p->rbx = b, p->rcx = c, p->rdx = d;
}
