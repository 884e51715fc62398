// SPDX-License-Identifier: LGPL-2.1
/*
 * The one name of each value of the ABI, as policy files spell it and vbhctl
 * prints it. Bits of control registers and MSRs have the names of the manuals
 * (Intel SDM 3A 2.5 and volume 4; AMD APM volume 2, appendix A).
 */
#include <errno.h>
#include <string.h>
#include "libvbh.h"

static const struct vbh_name kinds[] = {
	{ VBH_KIND_NONE, "none" },
	{ VBH_KIND_WRITE, "write" },
	{ VBH_KIND_READ, "read" },
	{ VBH_KIND_EXEC, "exec" },
	{ VBH_KIND_HYPERVISOR, "hypervisor" },
	{ VBH_KIND_CR, "cr" },
	{ VBH_KIND_MSR, "msr" },
	{ VBH_KIND_DTR, "dtr" },
	{ VBH_KIND_VIRT_INSN, "virt_insn" },
	{ VBH_KIND_HYPERCALL, "hypercall" },
	{ VBH_KIND_INIT, "init" },
	{ VBH_KIND_KEY, "key" },
	{ VBH_KIND_INTERNAL, "internal" },
	{ VBH_KIND_MODULE, "module" },
	{ VBH_KIND_START, "start" },
	{ VBH_KIND_SEAL, "seal" },
	{ VBH_KIND_UNLOCK, "unlock" },
	{ VBH_KIND_STOP, "stop" },
	{ VBH_KIND_PATCH, "patch" },
	{ VBH_KIND_CPU, "cpu" },
	{ VBH_KIND_TEXT, "text" },
};

static const struct vbh_name rules[] = {
	{ VBH_RULE_LOG, "log" },
	{ VBH_RULE_DENY, "deny" },
	{ VBH_RULE_PANIC, "panic" },
};

static const struct vbh_name actions[] = {
	{ VBH_ACTION_NOTED, "noted" },
	{ VBH_ACTION_LOGGED, "logged" },
	{ VBH_ACTION_DENIED, "denied" },
	{ VBH_ACTION_STOPPED, "stopped" },
	{ VBH_ACTION_DROPPED, "dropped" },
};

static const struct vbh_name exits[] = {
	{ VBH_EXIT_CPUID, "cpuid" },
	{ VBH_EXIT_MSR_READ, "msr_read" },
	{ VBH_EXIT_MSR_WRITE, "msr_write" },
	{ VBH_EXIT_CR_WRITE, "cr_write" },
	{ VBH_EXIT_DTR, "dtr" },
	{ VBH_EXIT_XSETBV, "xsetbv" },
	{ VBH_EXIT_HYPERCALL, "hypercall" },
	{ VBH_EXIT_VIRT_INSN, "virt_insn" },
	{ VBH_EXIT_MEMORY, "memory" },
	{ VBH_EXIT_APIC, "apic" },
	{ VBH_EXIT_NMI, "nmi" },
	{ VBH_EXIT_NMI_WINDOW, "nmi_window" },
	{ VBH_EXIT_INIT, "init" },
	{ VBH_EXIT_SIPI, "sipi" },
	{ VBH_EXIT_INVD, "invd" },
	{ VBH_EXIT_TASK_SWITCH, "task_switch" },
	{ VBH_EXIT_TRIPLE_FAULT, "triple_fault" },
	{ VBH_EXIT_BAD_STATE, "bad_state" },
	{ VBH_EXIT_OTHER, "other" },
};

static const struct vbh_name regions[] = {
	{ VBH_REGION_HYPERVISOR, "hypervisor" },
	{ VBH_REGION_APIC, "apic" },
	{ VBH_REGION_RING, "ring" },
	{ VBH_REGION_KERNEL_TEXT, "kernel_text" },
	{ VBH_REGION_KERNEL_RODATA, "kernel_rodata" },
	{ VBH_REGION_IDT, "idt" },
	{ VBH_REGION_VDSO, "vdso" },
	{ VBH_REGION_MODULE_TEXT, "module_text" },
	{ VBH_REGION_MODULE_RODATA, "module_rodata" },
	{ VBH_REGION_TRAMPOLINE, "trampoline" },
	{ VBH_REGION_OTHER, "other" },
	{ VBH_REGION_FTRACE, "ftrace" },
};

static const struct vbh_name dtrs[] = {
	{ VBH_DTR_GDTR, "gdtr" },
	{ VBH_DTR_IDTR, "idtr" },
	{ VBH_DTR_LDTR, "ldtr" },
	{ VBH_DTR_TR, "tr" },
};

static const struct vbh_name states[] = {
	{ VBH_STATE_OPEN, "open" },
	{ VBH_STATE_SEALED, "sealed" },
	{ VBH_STATE_UNLOCKED, "unlocked" },
};

static const struct vbh_name bodies[] = {
	{ VBH_BODY_BARE_METAL, "bare_metal" },
	{ VBH_BODY_KVM, "kvm" },
	{ VBH_BODY_TEST, "test" },
};

static const struct vbh_name patchings[] = {
	{ VBH_PATCHING_ALLOW, "allow" },
	{ VBH_PATCHING_UNTIL_SEAL, "until-seal" },
	{ VBH_PATCHING_DENY, "deny" },
	{ VBH_PATCHING_LISTED, "listed" },
};

static const struct vbh_name patches[] = {
	{ VBH_PATCH_JUMP_LABELS, "jump_labels" },
	{ VBH_PATCH_STATIC_CALLS, "static_calls" },
	{ VBH_PATCH_FTRACE, "ftrace" },
	{ VBH_PATCH_BPF, "bpf" },
	{ VBH_PATCH_KPROBES, "kprobes" },
	{ VBH_PATCH_LIVEPATCH, "livepatch" },
	{ VBH_PATCH_MODULES, "modules" },
};

static const struct vbh_name hypercalls[] = {
	{ VBH_HC_STATUS - VBH_HC_BASE, "status" },
	{ VBH_HC_STATS - VBH_HC_BASE, "stats" },
	{ VBH_HC_FACTS - VBH_HC_BASE, "facts" },
	{ VBH_HC_EVENT_RING - VBH_HC_BASE, "event_ring" },
	{ VBH_HC_EVENT_ACK - VBH_HC_BASE, "event_ack" },
	{ VBH_HC_REGION_ADD - VBH_HC_BASE, "region_add" },
	{ VBH_HC_REGION_DEL - VBH_HC_BASE, "region_del" },
	{ VBH_HC_PIN - VBH_HC_BASE, "pin" },
	{ VBH_HC_RULE - VBH_HC_BASE, "rule" },
	{ VBH_HC_KEY - VBH_HC_BASE, "key" },
	{ VBH_HC_SEAL - VBH_HC_BASE, "seal" },
	{ VBH_HC_UNLOCK - VBH_HC_BASE, "unlock" },
	{ VBH_HC_STOP - VBH_HC_BASE, "stop" },
	{ VBH_HC_CPU - VBH_HC_BASE, "cpu" },
	{ VBH_HC_TEXT - VBH_HC_BASE, "text" },
	{ VBH_HC_SITES - VBH_HC_BASE, "sites" },
	{ VBH_HC_FTRACE - VBH_HC_BASE, "ftrace" },
	{ VBH_HC_PATCH - VBH_HC_BASE, "patch" },
	{ VBH_HC_NOTES - VBH_HC_BASE, "notes" },
	{ VBH_HC_CATALOGUE - VBH_HC_BASE, "catalogue" },
	{ VBH_HC_SYMBOLS - VBH_HC_BASE, "symbols" },
	{ VBH_HC_MODULE - VBH_HC_BASE, "module" },
	{ VBH_HC_DONATE - VBH_HC_BASE, "donate" },
};

static const struct vbh_name features[] = {
	{ 0, "exec_split" },
	{ 1, "exec_only" },
	{ 2, "hotplug" },
	{ 3, "stop" },
	{ 4, "donate" },
	{ 5, "exec_kernel" },
};

static const struct vbh_name event_flags[] = {
	{ 0, "gla" },
	{ 1, "values" },
	{ 2, "task" },
	{ 3, "gpa" },
	{ 4, "undecoded" },
	{ 5, "patch" },
};

static const struct vbh_name cr0_bits[] = {
	{ 0, "PE" }, { 1, "MP" }, { 2, "EM" }, { 3, "TS" }, { 4, "ET" },
	{ 5, "NE" }, { 16, "WP" }, { 18, "AM" }, { 29, "NW" }, { 30, "CD" },
	{ 31, "PG" },
};

static const struct vbh_name cr4_bits[] = {
	{ 0, "VME" }, { 1, "PVI" }, { 2, "TSD" }, { 3, "DE" }, { 4, "PSE" },
	{ 5, "PAE" }, { 6, "MCE" }, { 7, "PGE" }, { 8, "PCE" },
	{ 9, "OSFXSR" }, { 10, "OSXMMEXCPT" }, { 11, "UMIP" },
	{ 12, "LA57" }, { 13, "VMXE" }, { 14, "SMXE" }, { 16, "FSGSBASE" },
	{ 17, "PCIDE" }, { 18, "OSXSAVE" }, { 19, "KL" }, { 20, "SMEP" },
	{ 21, "SMAP" }, { 22, "PKE" }, { 23, "CET" }, { 24, "PKS" },
	{ 25, "UINTR" }, { 27, "LASS" }, { 28, "LAM_SUP" },
};

static const struct vbh_name efer_bits[] = {
	{ 0, "SCE" }, { 8, "LME" }, { 10, "LMA" }, { 11, "NXE" },
	{ 12, "SVME" }, { 13, "LMSLE" }, { 14, "FFXSR" }, { 15, "TCE" },
	{ 17, "MCOMMIT" }, { 18, "INTWB" }, { 20, "UAIE" }, { 21, "AIBRSE" },
};

static const struct vbh_name msrs[] = {
	{ 0x00000010, "TSC" },
	{ 0x0000001b, "APIC_BASE" },
	{ 0x0000003a, "FEATURE_CONTROL" },
	{ 0x0000003b, "TSC_ADJUST" },
	{ 0x00000048, "SPEC_CTRL" },
	{ 0x00000049, "PRED_CMD" },
	{ 0x00000079, "UCODE_WRITE" },
	{ 0x000000fe, "MTRR_CAP" },
	{ 0x00000122, "TSX_CTRL" },
	{ 0x00000174, "SYSENTER_CS" },
	{ 0x00000175, "SYSENTER_ESP" },
	{ 0x00000176, "SYSENTER_EIP" },
	{ 0x000001a0, "MISC_ENABLE" },
	{ 0x000001d9, "DEBUGCTL" },
	{ 0x00000277, "PAT" },
	{ 0x000002ff, "MTRR_DEF_TYPE" },
	{ 0x00000480, "VMX_BASIC" },
	{ 0x00000491, "VMX_VMFUNC" },
	{ 0x00000600, "DS_AREA" },
	{ 0x000006a0, "U_CET" },
	{ 0x000006a2, "S_CET" },
	{ 0x000006a8, "INT_SSP_TAB" },
	{ 0x00000830, "X2APIC_ICR" },
	{ 0x00000da0, "XSS" },
	{ 0xc0000080, "EFER" },
	{ 0xc0000081, "STAR" },
	{ 0xc0000082, "LSTAR" },
	{ 0xc0000083, "CSTAR" },
	{ 0xc0000084, "SFMASK" },
	{ 0xc0000100, "FS_BASE" },
	{ 0xc0000101, "GS_BASE" },
	{ 0xc0000102, "KERNEL_GS_BASE" },
	{ 0xc0000103, "TSC_AUX" },
	{ 0xc0010010, "SYSCFG" },
	{ 0xc0010015, "HWCR" },
	{ 0xc0010114, "VM_CR" },
	{ 0xc0010115, "IGNNE" },
	{ 0xc0010116, "SMM_CTL" },
	{ 0xc0010117, "VM_HSAVE_PA" },
	{ 0xc0010118, "SVM_KEY" },
	{ 0xc0011029, "DE_CFG" },
};

#define TABLE(t)	{ t, sizeof(t) / sizeof((t)[0]) }

static const struct {
	const struct vbh_name *names;
	size_t n;
} tables[VBH_NR_NAMES] = {
	[VBH_NAMES_KIND] = TABLE(kinds),
	[VBH_NAMES_RULE] = TABLE(rules),
	[VBH_NAMES_ACTION] = TABLE(actions),
	[VBH_NAMES_EXIT] = TABLE(exits),
	[VBH_NAMES_REGION] = TABLE(regions),
	[VBH_NAMES_DTR] = TABLE(dtrs),
	[VBH_NAMES_STATE] = TABLE(states),
	[VBH_NAMES_BODY] = TABLE(bodies),
	[VBH_NAMES_PATCHING] = TABLE(patchings),
	[VBH_NAMES_PATCH] = TABLE(patches),
	[VBH_NAMES_HYPERCALL] = TABLE(hypercalls),
	[VBH_NAMES_FEATURE] = TABLE(features),
	[VBH_NAMES_EVENT_FLAG] = TABLE(event_flags),
	[VBH_NAMES_CR0] = TABLE(cr0_bits),
	[VBH_NAMES_CR4] = TABLE(cr4_bits),
	[VBH_NAMES_EFER] = TABLE(efer_bits),
	[VBH_NAMES_MSR] = TABLE(msrs),
};

/* A value that the ABI gains must gain a name here. */
#define COMPLETE(t, n)	_Static_assert(sizeof(t) / sizeof((t)[0]) == (n), #t)
COMPLETE(kinds, VBH_NR_VIOLATIONS + VBH_KIND_END - VBH_KIND_START);
COMPLETE(exits, VBH_NR_EXITS);
COMPLETE(regions, VBH_NR_REGION_KINDS - 1);
COMPLETE(dtrs, VBH_NR_DTR);
COMPLETE(hypercalls, VBH_HC_NR);
COMPLETE(patches, VBH_NR_PATCHES);

const struct vbh_name *vbh_names(enum vbh_names table, size_t *n)
{
	if ((unsigned int)table >= VBH_NR_NAMES) {
		*n = 0;
		return NULL;
	}
	*n = tables[table].n;
	return tables[table].names;
}

const char *vbh_name(enum vbh_names table, uint32_t value)
{
	size_t n;
	const struct vbh_name *names = vbh_names(table, &n);

	for (size_t i = 0; i < n; i++)
		if (names[i].value == value)
			return names[i].name;
	return NULL;
}

int vbh_value(enum vbh_names table, const char *name, uint32_t *value)
{
	size_t n;
	const struct vbh_name *names = vbh_names(table, &n);

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(names[i].name, name)) {
			*value = names[i].value;
			return 0;
		}
	}
	return -ENOENT;
}
