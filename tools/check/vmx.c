// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hv/vmx/caps.c asks of the processor: the same controls under the same
 * names, which tests compare. The MSRs that tell take root; of some the kernel
 * says without, in /proc/cpuinfo's line "vmx flags".
 */
#include <stdio.h>
#include "check.h"

#define MSR_FEATURE_CONTROL	0x3a
#define LOCKED			(1u << 0)
#define VMXON			(1u << 2)
#define MSR_BASIC		0x480
#define MSR_MISC		0x485
#define MSR_PROC2		0x48b
#define MSR_EPT			0x48c
#define FLAGS			"vmx flags"

enum need {
	ON,		/* may be set */
	OFF,		/* may be clear */
	WITH_CPUID,	/* may be set, if CPUID offers the instruction */
};

enum { PIN = 0x48d, PROC = 0x48e, PROC2 = MSR_PROC2, EXIT = 0x48f, ENTRY = 0x490 };

static const struct control {
	uint32_t msr;
	uint8_t bit, need;
	const char *name;
	struct { uint32_t leaf, sub; uint8_t reg, bit; } cpuid;
} controls[] = {
	{ PIN, 3, ON, "NMI exiting" },
	{ PIN, 5, ON, "virtual NMIs" },
	{ PROC, 2, ON, "interrupt-window exiting" },
	{ PROC, 15, OFF, "running without CR3-load exiting" },
	{ PROC, 16, OFF, "running without CR3-store exiting" },
	{ PROC, 22, ON, "NMI-window exiting" },
	{ PROC, 28, ON, "MSR bitmaps" },
	{ PROC, 31, ON, "secondary controls" },
	{ PROC2, 1, ON, "EPT" },
	{ PROC2, 2, ON, "descriptor-table exiting" },
	{ PROC2, 3, WITH_CPUID, "RDTSCP in the guest", { 0x80000001, 0, 3, 27 } },
	{ PROC2, 3, WITH_CPUID, "RDPID in the guest", { 7, 0, 2, 22 } },
	{ PROC2, 5, ON, "VPID" },
	{ PROC2, 7, ON, "unrestricted guest" },
	{ PROC2, 12, WITH_CPUID, "INVPCID in the guest", { 7, 0, 1, 10 } },
	{ PROC2, 20, WITH_CPUID, "XSAVES in the guest", { 13, 1, 0, 3 } },
	{ PROC2, 26, WITH_CPUID, "TPAUSE in the guest", { 7, 0, 2, 5 } },
	{ PROC2, 27, WITH_CPUID, "PCONFIG in the guest", { 7, 0, 3, 18 } },
	{ EXIT, 2, ON, "save debug controls" },
	{ EXIT, 9, ON, "64-bit host" },
	{ EXIT, 18, ON, "save IA32_PAT" },
	{ EXIT, 19, ON, "load IA32_PAT" },
	{ EXIT, 20, ON, "save IA32_EFER" },
	{ EXIT, 21, ON, "load IA32_EFER" },
	{ ENTRY, 2, ON, "load debug controls" },
	{ ENTRY, 9, ON, "IA-32e mode guest" },
	{ ENTRY, 14, ON, "load IA32_PAT" },
	{ ENTRY, 15, ON, "load IA32_EFER" },
};

/* Bits of IA32_VMX_EPT_VPID_CAP. */
static const struct {
	uint8_t bit;
	const char *name;
} ept_needs[] = {
	{ 6, "EPT with 4 levels" },
	{ 14, "write-back EPT tables" },
	{ 16, "2 MiB pages in EPT" },
	{ 20, "INVEPT" },
	{ 25, "single-context INVEPT" },
};

/* What the kernel tells as well: a bit that must or may be set, and its name there. */
static const struct told {
	const char *name, *flag, *what;
	uint32_t msr;
	uint8_t bit;
	enum check_result without;
	const char *follows;
} told[] = {
	{ "second-stage", "ept", "EPT", MSR_PROC2, 32 + 1, CHECK_FAIL,
	  "memory can't be protected without it" },
	{ "vpid", "vpid", "VPID", MSR_PROC2, 32 + 5, CHECK_FAIL, "VBH does not do without" },
	{ "unrestricted-guest", "unrestricted_guest", "unrestricted guest", MSR_PROC2, 32 + 7,
	  CHECK_FAIL, "a CPU could not start under VBH" },
	{ "exec-split", "ept_mode_based_exec", "mode-based execute control", MSR_PROC2, 32 + 22,
	  CHECK_WARN,
	  CHECK_NO_SPLIT },
	{ "exec-only", "ept_x_only", "execute-only EPT entries", MSR_EPT, 0, CHECK_WARN,
	  CHECK_NO_ONLY },
};

static bool add_access(struct check_machine *m)
{
	unsigned int last, cpu = 0;
	enum check_msr why;
	uint64_t fc;

	if (!check_cpuid_bit(m, 1, 0, 2, 5)) {
		check_add(m, CHECK_PROCESSOR, "virtualization", CHECK_FAIL,
			  "a hypervisor below may have it off", "no VMX (CPUID 1 ECX bit 5)");
		return false;
	}
	check_add(m, CHECK_PROCESSOR, "virtualization", CHECK_PASS, "", "VMX");
	check_cpus(m, "/sys/devices/system/cpu/online", &last);
	do {
		why = check_msr(m, cpu, MSR_FEATURE_CONTROL, &fc);
		if (!why && (fc & LOCKED) && !(fc & VMXON))
			break;
	} while (!*m->root && ++cpu <= last);
	if (!why && (fc & LOCKED) && !(fc & VMXON))
		check_add(m, CHECK_PROCESSOR, "firmware", CHECK_FAIL,
			  "turn it on in the firmware's settings",
			  "has turned VMX off on CPU %u (IA32_FEATURE_CONTROL bit 2)", cpu);
	else if (!why || check_flags_known(m, FLAGS))
		check_add(m, CHECK_PROCESSOR, "firmware", CHECK_PASS, "", "has left VMX on");
	else if (check_flags_known(m, "flags") && !check_flag(m, "flags", "vmx"))
		check_add(m, CHECK_PROCESSOR, "firmware", CHECK_FAIL,
			  "it has it off most likely: look into its settings",
			  "VMX is struck out by this kernel (/proc/cpuinfo)");
	else
		check_add_unknown(m, CHECK_PROCESSOR, "firmware", why);
	return true;
}

static void add_told(struct check_machine *m, const struct told *t)
{
	uint64_t value = 0;
	enum check_msr why = check_msr(m, 0, t->msr, &value);
	bool has = value >> t->bit & 1;

	if (why && check_flags_known(m, FLAGS)) {
		has = check_flag(m, FLAGS, t->flag);
		why = CHECK_MSR_READ;
	}
	if (why == CHECK_MSR_NONE)
		has = false;
	else if (why)
		return check_add_unknown(m, CHECK_PROCESSOR, t->name, why);
	check_add(m, CHECK_PROCESSOR, t->name, has ? CHECK_PASS : t->without, has ? "" : t->follows,
		  "%s%s", has ? "" : "no ", t->what);
}

/* Has this processor all of it? Else the first that it lacks. */
static const char *lacking(const struct check_machine *m)
{
	uint64_t v;

	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		const struct control *c = &controls[i];

		if (c->need == WITH_CPUID &&
		    !check_cpuid_bit(m, c->cpuid.leaf, c->cpuid.sub, c->cpuid.reg, c->cpuid.bit))
			continue;
		if (check_msr(m, 0, c->msr, &v) || (c->need == OFF ? v >> c->bit & 1 :
						    !(v >> (32 + c->bit) & 1)))
			return c->name;
	}
	if (check_msr(m, 0, MSR_EPT, &v))
		return "EPT";
	for (size_t i = 0; i < sizeof(ept_needs) / sizeof(ept_needs[0]); i++)
		if (!(v >> ept_needs[i].bit & 1))
			return ept_needs[i].name;
	return NULL;
}

static void add_controls(struct check_machine *m)
{
	uint64_t basic;
	enum check_msr why = check_msr(m, 0, MSR_BASIC, &basic);
	const char *name;

	if (why == CHECK_MSR_DENIED || why == CHECK_MSR_NO_DEVICE)
		return check_add_unknown(m, CHECK_PROCESSOR, "controls", why);
	name = why || !(basic >> 55 & 1) ? "TRUE controls" : lacking(m);
	if (name)
		check_add(m, CHECK_PROCESSOR, "controls", CHECK_FAIL, "VBH does not do without",
			  "no %s", name);
	else
		check_add(m, CHECK_PROCESSOR, "controls", CHECK_PASS, "",
			  "all that VBH uses, and EPT's as well");
}

static void add_init(struct check_machine *m)
{
	uint64_t misc;
	enum check_msr why = check_msr(m, 0, MSR_MISC, &misc);

	if (why)
		check_add_unknown(m, CHECK_PROCESSOR, "init", why);
	else if (misc & 1u << 8)
		check_add(m, CHECK_PROCESSOR, "init", CHECK_PASS, "", "is caught at its receiver");
	else
		check_add(m, CHECK_PROCESSOR, "init", CHECK_WARN,
			  "what CPUs send each other exits, to catch it there",
			  "can't be caught at its receiver (IA32_VMX_MISC bit 8)");
}

void check_vmx(struct check_machine *m)
{
	if (!add_access(m))
		return;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		add_told(m, &told[i]);
	add_controls(m);
	add_init(m);
}
