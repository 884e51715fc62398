// SPDX-License-Identifier: GPL-2.0-only
/*
 * The instructions of VMX and SVM, and hypercalls, from ring 3. A processor
 * without the feature raises #UD, that is SIGILL. Of SVM's, #GP may be seen as
 * well: with SVM on, the processor checks CPL before anybody could intercept.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#include "attack.h"

struct ring3 {
	const char *name;
	void (*fn)(void);
	uint16_t kind;		/* of the event, if the instruction exits */
	bool hypercall;
	bool svm;
};

static sigjmp_buf back;
static volatile sig_atomic_t caught;
static volatile uint64_t caught_at;
static uint64_t operand[4] __attribute__((aligned(16)));

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)info;
	caught = sig;
	caught_at = uc->uc_mcontext.gregs[REG_RIP];
	siglongjmp(back, 1);
}

#define RING3(name, insn, ...)						\
static void do_##name(void)						\
{									\
	asm volatile(insn : : __VA_ARGS__ : "memory", "cc");		\
}

RING3(vmcall, "vmcall", "a" (VBH_HC_STATUS), "b" (0), "c" (0), "d" (0), "S" (0))
RING3(vmmcall, "vmmcall", "a" (VBH_HC_STATUS), "b" (0), "c" (0), "d" (0), "S" (0))
RING3(vmxon, "vmxon %0", "m" (operand))
RING3(vmxoff, "vmxoff", "i" (0))
RING3(vmclear, "vmclear %0", "m" (operand))
RING3(vmptrld, "vmptrld %0", "m" (operand))
RING3(vmptrst, "vmptrst %0", "m" (operand))
RING3(vmread, "vmread %0, %1", "r" (0x4402ul), "r" (0ul))
RING3(vmwrite, "vmwrite %0, %0", "r" (0x4402ul))
RING3(vmlaunch, "vmlaunch", "i" (0))
RING3(vmresume, "vmresume", "i" (0))
RING3(invept, "invept %0, %1", "m" (operand), "r" (2ul))
RING3(invvpid, "invvpid %0, %1", "m" (operand), "r" (2ul))
RING3(vmrun, "vmrun", "a" (0))
RING3(vmload, "vmload", "a" (0))
RING3(vmsave, "vmsave", "a" (0))
RING3(stgi, "stgi", "i" (0))
RING3(clgi, "clgi", "i" (0))
RING3(skinit, "skinit", "a" (0))
RING3(invlpga, "invlpga", "a" (0), "c" (0))
RING3(getsec, "getsec", "a" (0))

#define ROW(name)	{ "ring3-" #name, do_##name, VBH_KIND_VIRT_INSN, false, false }
#define SVM(name)	{ "ring3-" #name, do_##name, VBH_KIND_VIRT_INSN, false, true }

static const struct ring3 table[] = {
	{ "ring3-vmcall", do_vmcall, VBH_KIND_HYPERCALL, true, false },
	{ "ring3-vmmcall", do_vmmcall, VBH_KIND_HYPERCALL, true, false },
	ROW(vmxon), ROW(vmxoff), ROW(vmclear), ROW(vmptrld), ROW(vmptrst), ROW(vmread),
	ROW(vmwrite), ROW(vmlaunch), ROW(vmresume), ROW(invept), ROW(invvpid), ROW(getsec),
	SVM(vmrun), SVM(vmload), SVM(vmsave), SVM(stgi), SVM(clgi), SVM(skinit), SVM(invlpga),
};

/* A KVM emulates the hypercall of the other vendor, and asks for CPL 0 first. */
static bool kvm_emulates(void)
{
	uint32_t a, b, c, d;

	__cpuid(0x40000000, a, b, c, d);
	return !memcmp(&b, "KVMK", 4) && !memcmp(&c, "VMKV", 4);
}

bool ring3_may_gp(const struct ring3 *r)
{
	return r->svm || (r->hypercall && kvm_emulates());
}

bool ring3_attack(unsigned int i, struct attack *a)
{
	if (i >= sizeof(table) / sizeof(table[0]))
		return false;
	memset(a, 0, sizeof(*a));
	snprintf(a->name, sizeof(a->name), "%s", table[i].name);
	snprintf(a->what, sizeof(a->what), "can execute %s in ring 3", table[i].name + 6);
	a->flags = A_UD | A_CPU_STOPS | A_NO_LOG;
	a->ring3 = &table[i];
	return true;
}

void ring3_run(const struct attack *a, struct attempt *t)
{
	static const int signals[] = { SIGILL, SIGSEGV, SIGBUS, SIGTRAP, SIGFPE };
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	struct sigaction old[5];
	unsigned int i;

	memset(t, 0, sizeof(*t));
	t->ops = 1;
	t->want.kind = a->ring3->kind;
	t->want.detail = 0;
	t->want.cpu = sched_getcpu();
	t->want.pid = getpid();
	t->want.cpl = 3;
	t->want.flags = VBH_EVENT_F_TASK;
	prctl(PR_GET_NAME, t->want.comm);

	for (i = 0; i < 5; i++)
		sigaction(signals[i], &act, &old[i]);
	caught = 0;
	if (!sigsetjmp(back, 1))
		a->ring3->fn();
	for (i = 0; i < 5; i++)
		sigaction(signals[i], &old[i], NULL);

	t->rip = caught_at;
	strcpy(t->outcome, caught ? "faulted" : "worked");
	t->vector = caught == SIGILL ? 6 : caught ? 13 : 0;
	if (caught && caught != SIGILL)
		snprintf(t->note, sizeof(t->note), "signal %d", caught);
}
