// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions of user mode arrive as the signal, code and address that they should. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include "probe.h"

enum where { NOWHERE, AT_CODE, AT_DATA };

#define ROW(name, bytes, ...) { name, bytes, sizeof(bytes) - 1, __VA_ARGS__ }
#define PRIVILEGED	SIGSEGV, SI_KERNEL, 13, NOWHERE

/* RSI in these is a page that may not be touched; see probe_run(). */
static const struct fault {
	const char *name, *code;
	size_t len;
	int sig, si_code, vector;
	enum where addr;
} faults[] = {
	ROW("division by 0", "\xf7\xf1", SIGFPE, FPE_INTDIV, 0, AT_CODE),
	ROW("int3", "\xcc", SIGTRAP, SI_KERNEL, 3, NOWHERE),
	ROW("int 4", "\xcd\x04", SIGSEGV, SI_KERNEL, 4, NOWHERE),
	ROW("into", "\xce", SIGILL, ILL_ILLOPN, 6, AT_CODE),
	ROW("ud2", "\x0f\x0b", SIGILL, ILL_ILLOPN, 6, AT_CODE),
	ROW("int 0x42", "\xcd\x42", PRIVILEGED),
	ROW("hlt", "\xf4", PRIVILEGED),
	ROW("rdmsr", "\x0f\x32", PRIVILEGED),
	ROW("wrmsr", "\x0f\x30", PRIVILEGED),
	ROW("mov to CR0", "\x0f\x22\xc0", PRIVILEGED),
	ROW("mov to CR4", "\x0f\x22\xe0", PRIVILEGED),
	ROW("clts", "\x0f\x06", PRIVILEGED),
	ROW("lmsw", "\x0f\x01\xf0", PRIVILEGED),
	ROW("lgdt", "\x0f\x01\x17", PRIVILEGED),
	ROW("lidt", "\x0f\x01\x1f", PRIVILEGED),
	ROW("lldt", "\x0f\x00\xd0", PRIVILEGED),
	ROW("ltr", "\x0f\x00\xd8", PRIVILEGED),
	ROW("invd", "\x0f\x08", PRIVILEGED),
	ROW("wbinvd", "\x0f\x09", PRIVILEGED),
	ROW("xsetbv", "\x0f\x01\xd1", PRIVILEGED),
	ROW("mov to DR7", "\x0f\x23\xf8", PRIVILEGED),
	ROW("an address that is not canonical", "\x41\x8b\x00", PRIVILEGED),
	ROW("a bad selector", "\xb8\xf8\x7f\x00\x00\x8e\xd8", PRIVILEGED),
	ROW("a read of a forbidden page", "\x8b\x06", SIGSEGV, SEGV_ACCERR, 14, AT_DATA),
	ROW("a write to a forbidden page", "\x89\x46\x10", SIGSEGV, SEGV_ACCERR, 14, AT_DATA),
	ROW("a jump to a forbidden page", "\xff\xe6", SIGSEGV, SEGV_ACCERR, 14, AT_DATA),
};

static int check_fault(const struct fault *f)
{
	struct probe p;
	u64 rip, in_code;
	const struct trap *t = &p.trap[0];

	probe_run(&p, f->code, f->len, NULL);
	CHECK(p.traps == 1, "%s: %d signals", f->name, p.traps);
	CHECK(t->sig == f->sig && t->code == f->si_code, "%s: signal %d code %d, not %d and %d",
	      f->name, t->sig, t->code, f->sig, f->si_code);
	CHECK(t->vector == f->vector, "%s: vector %d, not %d", f->name, t->vector, f->vector);
	rip = t->rip - p.base;
	/* Traps are reported behind their instruction. */
	if (f->sig == SIGTRAP || f->vector == 4)
		CHECK(rip == f->len, "%s: RIP not behind it", f->name);
	in_code = t->addr - p.base;
	if (f->addr == AT_CODE)
		CHECK(in_code == rip, "%s: the address is not the instruction's", f->name);
	if (f->addr == NOWHERE)
		CHECK(!t->addr, "%s: the address is %#llx", f->name, (unsigned long long)t->addr);
	if (f->addr == AT_DATA)
		CHECK((t->addr & 0xfff) == (f->code[0] == '\x89' ? 0x10 : 0) && t->addr &&
		      in_code >= 4096, "%s: the address is %#llx", f->name,
		      (unsigned long long)t->addr);
	return PASS;
}

static int signals(int scale)
{
	size_t i;
	int n;

	for (n = 0; n < scale; n++)
		for (i = 0; i < ARRAY_SIZE(faults); i++)
			if (check_fault(&faults[i]))
				return FAIL;
	return PASS;
}

/* pushfq; orl $AC, (%rsp); popfq; mov 1(%rdi), %eax */
static int alignment(int scale)
{
	static const u8 code[] = "\x9c\x81\x0c\x24\x00\x00\x04\x00\x9d\x8b\x47\x01";
	struct probe p;

	(void)scale;
	probe_run(&p, code, sizeof(code) - 1, NULL);
	if (p.finished)
		return skip("this processor does not check alignment");
	CHECK(p.trap[0].sig == SIGBUS && p.trap[0].code == BUS_ADRALN && p.trap[0].vector == 17,
	      "signal %d code %d", p.trap[0].sig, p.trap[0].code);
	return PASS;
}

static int icebp(int scale)
{
	static const struct fault f = ROW("icebp", "\xf1", SIGTRAP, TRAP_BRKPT, 1, AT_CODE);
	struct probe p;

	(void)scale;
	probe_run(&p, f.code, f.len, NULL);
	if (p.trap[0].sig == SIGILL)
		return skip("this processor has no ICEBP");
	return check_fault(&f);
}

const struct test fault_tests[] = {
	{ "fault-signals", "exceptions become the right signal, code and address", signals },
	{ "fault-icebp", "ICEBP is a trap like a debugger's", icebp },
	{ "fault-alignment", "an unaligned access with AC set is a bus error", alignment },
	{ }
};
