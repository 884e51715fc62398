// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processor: whose it is, and what both vendors have. Whether the kernel uses
 * a protection is what /proc/cpuinfo says, which lists what it has not turned off.
 */
#include <stdio.h>
#include <string.h>
#include "check.h"
#include "printable.h"

#define MSR_APIC_BASE	0x1b
#define MSR_SEV		0xc0010131	/* bit 0: this machine's memory is encrypted */

/* As hv/launch.c chooses. */
static enum check_vendor choose(const struct check_machine *m, const char *name)
{
	if (!strcmp(name, "GenuineIntel"))
		return CHECK_VMX;
	if (!strcmp(name, "AuthenticAMD") || !strcmp(name, "HygonGenuine"))
		return CHECK_SVM;
	if (check_cpuid_bit(m, 1, 0, 2, 5))
		return CHECK_VMX;
	return check_cpuid_bit(m, 0x80000001, 0, 2, 2) ? CHECK_SVM : CHECK_NO_VENDOR;
}

static void add_vendor(struct check_machine *m)
{
	uint32_t r[4], b[12];
	char name[13] = "", brand[49] = "";

	if (!check_cpuid(m, 0, 0, r)) {
		check_add(m, CHECK_PROCESSOR, "vendor", CHECK_UNKNOWN, "", "CPUID can't be read");
		return;
	}
	memcpy(name, &r[1], 4);
	memcpy(name + 4, &r[3], 4);
	memcpy(name + 8, &r[2], 4);
	m->vendor = choose(m, name);
	if (check_cpuid(m, 0x80000002, 0, b) && check_cpuid(m, 0x80000003, 0, b + 4) &&
	    check_cpuid(m, 0x80000004, 0, b + 8))
		memcpy(brand, b, sizeof(b));
	printable(name);
	printable(brand);
	if (!m->vendor && !m->running)
		check_add(m, CHECK_PROCESSOR, "vendor", CHECK_FAIL,
			  "VBH knows no other way into guest mode",
			  "%s, with neither VMX (CPUID 1 ECX bit 5) nor SVM (CPUID 80000001 ECX bit 2)",
			  name);
	else
		check_add(m, CHECK_PROCESSOR, "vendor", CHECK_PASS, "", "%s, %s", name,
			  *brand ? brand : "of no other name");
}

/* What the hypervisor that runs, or that is below, says of its second stage. */
static void add_features(struct check_machine *m)
{
	const struct {
		const char *name, *follows;
		uint32_t feature;
	} rows[] = {
		{ "exec-split", CHECK_NO_SPLIT, VBH_FEAT_EXEC_SPLIT },
		{ "exec-only", CHECK_NO_ONLY, VBH_FEAT_EXEC_ONLY },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool has = m->features & rows[i].feature;

		check_add(m, CHECK_PROCESSOR, rows[i].name, has ? CHECK_PASS : CHECK_WARN,
			  has ? "" : rows[i].follows, "%s",
			  has ? "the hypervisor has it" : "the hypervisor has it not");
	}
}

/* Protections of the processor that are pinned where the kernel has them on. */
static const struct protection {
	const char *name;
	struct { uint32_t leaf; uint8_t reg, bit; } cpuid[2];
	const char *flags[2];	/* of /proc/cpuinfo */
	const char *follows;
} protections[] = {
	{ "no-execute", { { 0x80000001, 3, 20 } }, { "nx" },
	  "data can be executed, and nothing is there to pin" },
	{ "smep", { { 7, 1, 7 } }, { "smep" },
	  "the kernel can be led to execute programs' memory, and nothing is there to pin" },
	{ "smap", { { 7, 1, 20 } }, { "smap" },
	  "the kernel can be led to use programs' data, and nothing is there to pin" },
	{ "umip", { { 7, 2, 2 } }, { "umip" },
	  "programs can read where descriptor tables are, and nothing is there to pin" },
	{ "cet", { { 7, 2, 7 }, { 7, 3, 20 } }, { "ibt", "user_shstk" },
	  "returns and indirect branches are not checked, and nothing is there to pin" },
};

static void add_protection(struct check_machine *m, const struct protection *p)
{
	bool has = false, uses = false;

	for (int i = 0; i < 2; i++) {
		has |= p->cpuid[i].leaf && check_cpuid_bit(m, p->cpuid[i].leaf, 0, p->cpuid[i].reg,
							   p->cpuid[i].bit);
		uses |= p->flags[i] && check_flag(m, "flags", p->flags[i]);
	}
	if (!has)
		check_add(m, CHECK_PROCESSOR, p->name, CHECK_WARN, p->follows,
			  "the processor has it not");
	else if (uses)
		check_add(m, CHECK_PROCESSOR, p->name, CHECK_PASS, "", "the kernel has it on");
	else if (!check_flags_known(m, "flags"))
		check_add(m, CHECK_PROCESSOR, p->name, CHECK_UNKNOWN, "",
			  "the processor has it; /proc/cpuinfo can't be read");
	else
		check_add(m, CHECK_PROCESSOR, p->name, CHECK_WARN, p->follows,
			  "the processor has it, and this kernel does not use it");
}

/* Entry by FRED goes by registers that VBH does not pin. */
static void add_fred(struct check_machine *m)
{
	if (check_flag(m, "flags", "fred"))
		check_add(m, CHECK_PROCESSOR, "fred", CHECK_WARN,
			  "where the kernel is entered is not pinned: boot with fred=off",
			  "the kernel has it on");
	else if (check_cpuid_bit(m, 7, 1, 0, 17) && !check_flags_known(m, "flags"))
		check_add(m, CHECK_PROCESSOR, "fred", CHECK_UNKNOWN, "",
			  "the processor has it; /proc/cpuinfo can't be read");
	else
		check_add(m, CHECK_PROCESSOR, "fred", CHECK_PASS, "",
			  "the kernel is entered by the IDT, which can be pinned");
}

static void add_apic(struct check_machine *m)
{
	bool can = check_cpuid_bit(m, 1, 0, 2, 21);
	enum check_msr why = CHECK_MSR_READ;
	uint64_t base = 0;

	if (can && m->vendor == CHECK_SVM)
		why = check_msr(m, 0, MSR_APIC_BASE, &base);
	if (m->vendor != CHECK_SVM)
		check_add(m, CHECK_PROCESSOR, "apic", CHECK_PASS, "", "interrupts do not exit");
	else if (why)
		check_add_unknown(m, CHECK_PROCESSOR, "apic", why);
	else if (base & 1u << 10)
		check_add(m, CHECK_PROCESSOR, "apic", CHECK_PASS, "",
			  "x2APIC: only what is sent to other CPUs exits");
	else
		check_add(m, CHECK_PROCESSOR, "apic", CHECK_WARN,
			  "each store to it exits, about two for an interrupt",
			  "the APIC is a page of memory%s", can ? ", though there is x2APIC" : "");
}

static void add_encryption(struct check_machine *m)
{
	static const char follows[] = "VBH does not start there: boot with mem_encrypt=off";
	enum check_msr why = CHECK_MSR_READ;
	uint64_t sev = 0;

	/* A virtual machine's own; a host's is only for those of others. */
	if (check_cpuid_bit(m, 1, 0, 2, 31) && check_cpuid_bit(m, 0x8000001f, 0, 0, 1))
		why = check_msr(m, 0, MSR_SEV, &sev);
	if (check_flag(m, "flags", "sme") || check_flag(m, "flags", "tdx_guest") || (sev & 1))
		check_add(m, CHECK_PROCESSOR, "encryption", CHECK_FAIL, follows,
			  "the kernel's memory is encrypted (SME, SEV or TDX)");
	else if (!check_flags_known(m, "flags"))
		check_add(m, CHECK_PROCESSOR, "encryption", CHECK_UNKNOWN, "",
			  "/proc/cpuinfo can't be read");
	else if (why == CHECK_MSR_DENIED || why == CHECK_MSR_NO_DEVICE)
		check_add_unknown(m, CHECK_PROCESSOR, "encryption", why);
	else
		check_add(m, CHECK_PROCESSOR, "encryption", CHECK_PASS, "",
			  "the kernel's memory is not encrypted");
}

void check_processor(struct check_machine *m)
{
	bool known = check_cpuid_bit(m, 1, 0, 3, 0);	/* every one has an FPU */

	add_vendor(m);
	if (m->running || m->leaf)
		add_features(m);
	else if (m->vendor == CHECK_VMX)
		check_vmx(m);
	else if (m->vendor == CHECK_SVM)
		check_svm(m);
	for (size_t i = 0; known && i < sizeof(protections) / sizeof(protections[0]); i++)
		add_protection(m, &protections[i]);
	add_fred(m);
	if (m->vendor && m->body != VBH_BODY_KVM)
		add_apic(m);
	if (!m->running)
		add_encryption(m);
}
