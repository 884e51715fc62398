// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single steps: with TF set a trap must come after each instruction, also when
 * a hypervisor carried that instruction out, and one later after a load of SS.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include "probe.h"

/* pushfq; orl $TF, (%rsp); popfq, and the same back */
#define TF_ON	"\x9c\x81\x0c\x24\x00\x01\x00\x00\x9d"
#define TF_OFF	"\x9c\x81\x24\x24\xff\xfe\xff\xff\x9d"
#define ON_LEN	9
#define ROW(name, bytes, ...) { name, TF_ON bytes TF_OFF, sizeof(TF_ON bytes TF_OFF) - 1, \
				{ __VA_ARGS__ } }

#define SYSCALL "syscall"

/*
 * After TF_ON: where traps must be, as offsets from its end, up to the first
 * after the bytes; then three more within TF_OFF. Without any: recorded only,
 * for emulators differ.
 */
static const struct {
	const char *name, *code;
	size_t len;
	int at[8];
} steps[] = {
	ROW("nop", "\x90\x90", 1, 2),
	ROW("cpuid", "\x0f\xa2\x90", 2, 3),
	ROW("cpuid twice", "\x0f\xa2\x0f\xa2", 2, 4),
	ROW("cpuid with prefixes", "\x66\x48\x0f\xa2\x90", 4, 5),
	ROW("xgetbv", "\x31\xc9\x0f\x01\xd0\x90", 2, 5, 6),
	/* mov %ss, %eax; mov %eax, %ss; then */
	ROW("nop after mov ss", "\x8c\xd0\x8e\xd0\x90\x90"),
	ROW("cpuid after mov ss", "\x8c\xd0\x8e\xd0\x0f\xa2\x90"),
	ROW("mov ss after cpuid", "\x0f\xa2\x8c\xd0\x8e\xd0\x0f\xa2\x0f\xa2\x90"),
	/* mov $39, %eax (getpid) */
	ROW(SYSCALL, "\xb8\x27\x00\x00\x00\x0f\x05\x90"),
	ROW("int 0x80", "\xb8\x14\x00\x00\x00\xcd\x80\x90"),
	ROW("int3", "\xcc\x90"),
	ROW("icebp", "\xf1\x90"),
	ROW("rep stosb", "\x31\xc0\xb9\x03\x00\x00\x00\xf3\xaa\x90"),
	ROW("popf", "\x9c\x9d\x90"),
	ROW("sgdt", "\x0f\x01\x07\x90"),
	ROW("rdtsc", "\x0f\x31\x90", 2, 3),
	ROW("pause", "\xf3\x90\x90"),
};

/* Bochs traps SYSCALL in the kernel, past SFMASK; the kernel warns of it. */
static bool on_bochs(void)
{
	FILE *f = fopen("/sys/class/dmi/id/bios_version", "r");
	char line[64] = "";

	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	return strstr(line, "Bochs");
}

void record_steps(FILE *out, int cpu);
void record_steps(FILE *out, int cpu)
{
	struct probe p;
	size_t i;
	int t;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		if (!strcmp(steps[i].name, SYSCALL) && on_bochs())
			continue;
		probe_run(&p, steps[i].code, steps[i].len, NULL);
		fprintf(out, "cpu%d step %s =", cpu, steps[i].name);
		for (t = 0; t < p.traps; t++)
			fprintf(out, " %d.%d+%d", p.trap[t].sig, p.trap[t].code,
				(int)(p.trap[t].rip - p.base) - ON_LEN);
		fprintf(out, p.finished ? "\n" : " ended\n");
	}
}

static int self_step(int scale)
{
	struct probe p;
	size_t i;
	int t;

	(void)scale;
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		if (!steps[i].at[0])
			continue;
		probe_run(&p, steps[i].code, steps[i].len, NULL);
		CHECK(p.finished, "%s: ended by signal %d", steps[i].name,
		      p.trap[p.traps - 1].sig);
		for (t = 0; steps[i].at[t]; t++) {
			CHECK(t < p.traps, "%s: only %d traps", steps[i].name, p.traps);
			CHECK(p.trap[t].sig == SIGTRAP && p.trap[t].code == TRAP_TRACE,
			      "%s: signal %d code %d", steps[i].name, p.trap[t].sig,
			      p.trap[t].code);
			CHECK((int)(p.trap[t].rip - p.base) - ON_LEN == steps[i].at[t],
			      "%s: trap %d is at %d, not %d", steps[i].name, t,
			      (int)(p.trap[t].rip - p.base) - ON_LEN, steps[i].at[t]);
		}
		CHECK(p.traps == t + 3, "%s: %d traps, not %d", steps[i].name, p.traps, t + 3);
	}
	return PASS;
}

/* The trap after an instruction that a load of SS precedes comes after that one. */
static int step_mov_ss(int scale)
{
	static const u8 natural[] = TF_ON "\x8c\xd0\x8e\xd0\x90\x90" TF_OFF;
	static const u8 code[] = TF_ON "\x8c\xd0\x8e\xd0\x0f\xa2\x90" TF_OFF;
	struct probe p;

	(void)scale;
	probe_run(&p, natural, sizeof(natural) - 1, NULL);
	if (p.trap[1].rip - p.base == ON_LEN + 4)
		return skip("this processor does not hold traps off after a load of SS");
	probe_run(&p, code, sizeof(code) - 1, NULL);
	CHECK(p.finished, "ended by signal %d", p.trap[p.traps - 1].sig);
	CHECK(p.trap[0].rip - p.base == ON_LEN + 2, "the first trap is not after mov");
	CHECK(p.trap[1].rip - p.base == ON_LEN + 6, "the second trap is at %d, not after CPUID",
	      (int)(p.trap[1].rip - p.base) - ON_LEN);
	CHECK(p.trap[2].rip - p.base == ON_LEN + 7, "the third trap is not after nop");
	return PASS;
}

/* Two instructions a round and CPUID; the child stops itself at both ends. */
static void counted(int rounds)
{
	asm volatile("int3\n"
		     "1:\txor %%eax, %%eax\n\t"
		     "cpuid\n\t"
		     "dec %%esi\n\t"
		     "jnz 1b\n\t"
		     "int3\n\t"
		     : "+S"(rounds) : : "eax", "ebx", "ecx", "edx", "cc", "memory");
}

/* How many stops the request makes in it; or what fail() returned. */
static int count_stops(int rounds, enum __ptrace_request request)
{
	struct user_regs_struct regs;
	int status, n = 0;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		counted(rounds);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "the child did not stop");
	for (;;) {
		CHECK(!ptrace(request, pid, 0, 0), "the request %d failed", request);
		CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
		      WSTOPSIG(status) == SIGTRAP, "step %d gave status %#x", n, status);
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		if ((ptrace(PTRACE_PEEKTEXT, pid, regs.rip, 0) & 0xff) == 0xcc)
			break;
		CHECK(n++ <= 4 * rounds, "more than %d steps", 4 * rounds);
	}
	ptrace(PTRACE_KILL, pid, 0, 0);
	waitpid(pid, &status, 0);
	return n + 1;
}

static int ptrace_steps(int scale)
{
	int rounds = 25 * scale, n = count_stops(rounds, PTRACE_SINGLESTEP);

	if (n < 0)
		return n;
	CHECK(n == 4 * rounds, "%d steps, not %d", n, 4 * rounds);
	return PASS;
}

/* A processor without BTF stops after each instruction. */
static int ptrace_blocks(int scale)
{
	int rounds = 25 * scale, n = count_stops(rounds, PTRACE_SINGLEBLOCK);

	if (n < 0)
		return n;
	if (n == 4 * rounds)
		return skip("this processor does not step by branches");
	CHECK(n == rounds || n == rounds + 1, "%d steps, not %d", n, rounds);
	return PASS;
}

const struct test step_tests[] = {
	{ "step-self", "with TF set a trap comes after every instruction, CPUID too", self_step },
	{ "step-mov-ss", "a trap that a load of SS holds off comes after the CPUID behind it",
	  step_mov_ss },
	{ "step-blocks", "a debugger that steps from branch to branch does not stop at CPUID",
	  ptrace_blocks },
	{ "step-ptrace", "a debugger counts each step of a loop with CPUID in it", ptrace_steps },
	{ }
};
