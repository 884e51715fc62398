// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can this processor do what is needed, and may we? Every control that is used
 * stands in one table with the condition under which it is needed; the first
 * that is missing is named in the error, with the MSR and the bit that say so.
 */
#include "vmx.h"

struct vmx_caps vmx_caps;

/* Low half: bits that must be 1. High half: bits that may be 1 (A.3 to A.5). */
static const struct {
	u32 msr;
	const char *name;
} sets[NR_SETS] = {
	[SET_PIN] = { MSR_VMX_TRUE_PINBASED, "IA32_VMX_TRUE_PINBASED_CTLS bit" },
	[SET_PROC] = { MSR_VMX_TRUE_PROCBASED, "IA32_VMX_TRUE_PROCBASED_CTLS bit" },
	[SET_PROC2] = { MSR_VMX_PROCBASED_CTLS2, "IA32_VMX_PROCBASED_CTLS2 bit" },
	[SET_EXIT] = { MSR_VMX_TRUE_EXIT, "IA32_VMX_TRUE_EXIT_CTLS bit" },
	[SET_ENTRY] = { MSR_VMX_TRUE_ENTRY, "IA32_VMX_TRUE_ENTRY_CTLS bit" },
};

enum need {
	ON,		/* set, on every processor */
	OFF,		/* clear, and the processor must allow that */
	TOGGLED,	/* clear at first; it must be possible to set it */
	WANTED,		/* set where it exists */
	WITH_CPUID,	/* set if CPUID offers the instruction, which is #UD without it */
};

struct cpuid_bit {
	u32 leaf, sub;
	u8 reg, bit;	/* EAX 0, EBX 1, ECX 2, EDX 3 */
};

#define CONTROL(s, b, n, text)						\
	{ .set = SET_##s, .bit = s##_##b, .need = n, .name = text }
#define FOR_INSN(s, b, text, ...)					\
	{ .set = SET_##s, .bit = s##_##b, .need = WITH_CPUID, .name = text " in the guest", \
	  .cpuid = { __VA_ARGS__ } }

static const struct control {
	u8 set, bit, need;
	const char *name;
	struct cpuid_bit cpuid;
} controls[] = {
	CONTROL(PIN, NMI_EXITING, ON, "NMI exiting"),
	CONTROL(PIN, VIRTUAL_NMIS, ON, "virtual NMIs"),
	CONTROL(PROC, INTR_WINDOW, TOGGLED, "interrupt-window exiting"),
	CONTROL(PROC, CR3_LOAD, OFF, "running without CR3-load exiting"),
	CONTROL(PROC, CR3_STORE, OFF, "running without CR3-store exiting"),
	CONTROL(PROC, NMI_WINDOW, TOGGLED, "NMI-window exiting"),
	CONTROL(PROC, MSR_BITMAPS, ON, "MSR bitmaps"),
	CONTROL(PROC, SECONDARY, ON, "secondary controls"),
	CONTROL(PROC2, EPT, ON, "EPT"),
	CONTROL(PROC2, DT_EXITING, TOGGLED, "descriptor-table exiting"),
	FOR_INSN(PROC2, RDTSCP, "RDTSCP", 0x80000001, 0, 3, 27),
	FOR_INSN(PROC2, RDTSCP, "RDPID", 7, 0, 2, 22),
	CONTROL(PROC2, VPID, ON, "VPID"),
	CONTROL(PROC2, UNRESTRICTED, ON, "unrestricted guest"),
	FOR_INSN(PROC2, INVPCID, "INVPCID", 7, 0, 1, 10),
	FOR_INSN(PROC2, XSAVES, "XSAVES", 13, 1, 0, 3),
	CONTROL(PROC2, MBEC, WANTED, "mode-based execute control"),
	FOR_INSN(PROC2, WAITPKG, "TPAUSE", 7, 0, 2, 5),
	FOR_INSN(PROC2, PCONFIG, "PCONFIG", 7, 0, 3, 18),
	CONTROL(EXIT, SAVE_DEBUG, ON, "save debug controls"),
	CONTROL(EXIT, HOST_64, ON, "64-bit host"),
	CONTROL(EXIT, LOAD_PERF, WANTED, "load IA32_PERF_GLOBAL_CTRL"),
	CONTROL(EXIT, SAVE_PAT, ON, "save IA32_PAT"),
	CONTROL(EXIT, LOAD_PAT, ON, "load IA32_PAT"),
	CONTROL(EXIT, SAVE_EFER, ON, "save IA32_EFER"),
	CONTROL(EXIT, LOAD_EFER, ON, "load IA32_EFER"),
	CONTROL(ENTRY, LOAD_DEBUG, ON, "load debug controls"),
	CONTROL(ENTRY, GUEST_64, ON, "IA-32e mode guest"),
	CONTROL(ENTRY, LOAD_PAT, ON, "load IA32_PAT"),
	CONTROL(ENTRY, LOAD_EFER, ON, "load IA32_EFER"),
};

/* What has no control: bits of IA32_VMX_EPT_VPID_CAP (A.10). */
static const struct {
	u8 bit;
	const char *name;
} ept_needs[] = {
	{ 6, "EPT with 4 levels" },
	{ 14, "write-back EPT tables" },
	{ 16, "2 MiB pages in EPT" },
	{ 20, "INVEPT" },
	{ 25, "single-context INVEPT" },
};

/* error = "name (where n)", with n below 100. */
void vmx_error(char *error, u32 size, const char *name, const char *where, u32 n)
{
	const char *const parts[] = { name, " (", where, " " };
	char text[128];
	u32 i, len = 0;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *p = parts[i];

		while (*p && len < sizeof(text) - 4)
			text[len++] = *p++;
	}
	if (n >= 10)
		text[len++] = '0' + n / 10 % 10;
	text[len++] = '0' + n % 10;
	text[len++] = ')';
	text[len] = 0;
	hv_error(error, size, text);
}

static int missing(char *error, u32 size, const char *name, const char *where, u32 bit)
{
	vmx_error(error, size, name, where, bit);
	return -EOPNOTSUPP;
}

static bool cpuid_has(const struct cpuid_bit *c)
{
	u32 r[4];

	cpuid(c->leaf & 0x80000000, 0, r);
	if (r[0] < c->leaf)
		return false;
	cpuid(c->leaf, c->sub, r);
	return r[c->reg] >> c->bit & 1;
}

/* Put one control into vmx_caps.controls[]; -EOPNOTSUPP. */
static int choose(const struct control *c, char *error, u32 size)
{
	u64 allowed = rdmsr(sets[c->set].msr);
	bool can_set = allowed >> (32 + c->bit) & 1;
	bool on = c->need == ON;

	if (c->need == OFF) {
		if (allowed >> c->bit & 1)
			return missing(error, size, c->name, sets[c->set].name, c->bit);
		return 0;
	}
	if (c->need == WITH_CPUID)
		on = cpuid_has(&c->cpuid);
	if (!can_set && (on || c->need == TOGGLED))
		return missing(error, size, c->name, sets[c->set].name, 32 + c->bit);
	if (on || (c->need == WANTED && can_set))
		vmx_caps.controls[c->set] |= 1u << c->bit;
	return 0;
}

static int choose_controls(char *error, u32 size)
{
	u32 i;
	int ret;

	for (i = 0; i < NR_SETS; i++) {
		/* Secondary controls exist if this bit may be set. */
		if (i == SET_PROC2 && !(rdmsr(MSR_VMX_TRUE_PROCBASED) >> 63))
			return missing(error, size, "secondary controls", sets[SET_PROC].name, 63);
		vmx_caps.controls[i] = rdmsr(sets[i].msr);
	}
	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		ret = choose(&controls[i], error, size);
		if (ret)
			return ret;
	}
	return 0;
}

static int check_ept(char *error, u32 size)
{
	u64 cap = rdmsr(MSR_VMX_EPT_VPID_CAP);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ept_needs); i++)
		if (!(cap >> ept_needs[i].bit & 1))
			return missing(error, size, ept_needs[i].name, "IA32_VMX_EPT_VPID_CAP bit",
				       ept_needs[i].bit);
	return 0;
}

/* Is there VMX, is it free, and has firmware left it to us? */
static int check_access(char *error, u32 size)
{
	static const struct cpuid_bit vmx = { 1, 0, 2, 5 };
	u64 fc;

	if (!cpuid_has(&vmx)) {
		hv_error(error, size, "VMX (CPUID 1 ECX bit 5)");
		return -ENODEV;
	}
	if (read_cr4() & CR4_VMXE) {
		hv_error(error, size, "VMX is in use, by KVM most likely (CR4.VMXE is set)");
		return -EBUSY;
	}
	fc = rdmsr(MSR_FEATURE_CONTROL);
	if ((fc & FEATURE_CONTROL_LOCK) && !(fc & FEATURE_CONTROL_VMXON)) {
		hv_error(error, size, "VMX: firmware turned it off (IA32_FEATURE_CONTROL bit 2)");
		return -ENODEV;
	}
	if (!(rdmsr(MSR_VMX_BASIC) & VMX_BASIC_TRUE))
		return missing(error, size, "TRUE controls", "IA32_VMX_BASIC bit", 55);
	return 0;
}

/*
 * Processor Trace writes to physical addresses unless three controls, which
 * come together, send it through EPT. It can't be used at all in VMX operation
 * where IA32_VMX_MISC does not say so.
 */
static void choose_pt(struct hv_caps *caps)
{
	static const struct cpuid_bit pt = { 7, 0, 1, 25 };

	if (!cpuid_has(&pt) || !(rdmsr(MSR_VMX_MISC) & VMX_MISC_PT))
		return;
	vmx_caps.pt = (rdmsr(MSR_VMX_PROCBASED_CTLS2) >> (32 + PROC2_PT_GPA) & 1) &&
		      (rdmsr(MSR_VMX_TRUE_EXIT) >> (32 + EXIT_CLEAR_RTIT) & 1) &&
		      (rdmsr(MSR_VMX_TRUE_ENTRY) >> (32 + ENTRY_LOAD_RTIT) & 1);
	caps->raw_trace = !vmx_caps.pt;
	if (vmx_caps.pt) {
		vmx_caps.controls[SET_PROC2] |= 1u << PROC2_PT_GPA;
		vmx_caps.controls[SET_EXIT] |= 1u << EXIT_CLEAR_RTIT;
		vmx_caps.controls[SET_ENTRY] |= 1u << ENTRY_LOAD_RTIT;
	}
}

static void fill(struct hv_caps *caps)
{
	u64 ept = rdmsr(MSR_VMX_EPT_VPID_CAP);
	u32 r[4];

	cpuid(0x80000008, 0, r);
	caps->phys_bits = r[0] & 0xff;
	caps->s2_levels = caps->phys_bits > 48 && (ept & EPT_CAP_WALK5) ? 5 : 4;
	if (caps->s2_levels == 4 && caps->phys_bits > 48)
		caps->phys_bits = 48;
	caps->s2_1g = ept & EPT_CAP_1G;
	caps->s2_exec_only = ept & EPT_CAP_EXEC_ONLY;
	caps->exec_split = vmx_control(SET_PROC2, PROC2_MBEC);
	caps->nrips = true;
	caps->init_exits = rdmsr(MSR_VMX_MISC) & VMX_MISC_WAIT_FOR_SIPI;

	cpuid(10, 0, r);
	vmx_caps.revision = rdmsr(MSR_VMX_BASIC) & VMX_BASIC_REVISION;
	vmx_caps.perf = vmx_control(SET_EXIT, EXIT_LOAD_PERF) && (r[0] & 0xff) >= 2;
}

int vmx_probe(struct hv_caps *caps, char *error, u32 size)
{
	int ret = check_access(error, size);

	if (!ret)
		ret = choose_controls(error, size);
	if (!ret)
		ret = check_ept(error, size);
	if (ret)
		return ret;
	choose_pt(caps);
	fill(caps);
	if (caps->raw_trace && (rdmsr(MSR_RTIT_CTL) & RTIT_TRACE_EN))
		return missing(error, size, "Processor Trace through EPT, while it traces",
			       "IA32_VMX_PROCBASED_CTLS2 bit", 32 + PROC2_PT_GPA);
	return 0;
}
