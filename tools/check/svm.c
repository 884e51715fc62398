// SPDX-License-Identifier: GPL-2.0-only
/* What hv/svm/setup.c asks of the processor, and what it uses where it is there. */
#include "check.h"

#define MSR_VM_CR	0xc0010114
#define SVMDIS		(1u << 4)

static void add_firmware(struct check_machine *m)
{
	unsigned int last, cpu = 0;
	enum check_msr why;
	uint64_t vm_cr;

	check_cpus(m, "/sys/devices/system/cpu/online", &last);
	do {
		why = check_msr(m, cpu, MSR_VM_CR, &vm_cr);
		if (!why && (vm_cr & SVMDIS))
			break;
	} while (!*m->root && ++cpu <= last);
	if (why == CHECK_MSR_NONE)	/* of an emulator */
		check_add(m, CHECK_PROCESSOR, "firmware", CHECK_PASS, "",
			  "can't turn SVM off, for there is no VM_CR");
	else if (why)
		check_add_unknown(m, CHECK_PROCESSOR, "firmware", why);
	else if (vm_cr & SVMDIS)
		check_add(m, CHECK_PROCESSOR, "firmware", CHECK_FAIL,
			  "turn it on in the firmware's settings",
			  "has turned SVM off on CPU %u (VM_CR bit 4)", cpu);
	else
		check_add(m, CHECK_PROCESSOR, "firmware", CHECK_PASS, "", "has left SVM on");
}

void check_svm(struct check_machine *m)
{
	bool nrips = check_cpuid_bit(m, 0x8000000a, 0, 3, 3);

	if (!check_cpuid_bit(m, 0x80000001, 0, 2, 2)) {
		check_add(m, CHECK_PROCESSOR, "virtualization", CHECK_FAIL,
			  "firmware, or a hypervisor below, may have it off",
			  "no SVM (CPUID 80000001 ECX bit 2)");
		return;
	}
	if (check_flags_known(m, "flags") && !check_flag(m, "flags", "svm"))
		check_add(m, CHECK_PROCESSOR, "virtualization", CHECK_WARN,
			  "firmware has it off most likely",
			  "SVM, which this kernel has struck out (/proc/cpuinfo)");
	else
		check_add(m, CHECK_PROCESSOR, "virtualization", CHECK_PASS, "", "SVM");
	add_firmware(m);
	if (check_cpuid_bit(m, 0x8000000a, 0, 3, 0))
		check_add(m, CHECK_PROCESSOR, "second-stage", CHECK_PASS, "", "nested paging");
	else
		check_add(m, CHECK_PROCESSOR, "second-stage", CHECK_FAIL,
			  "memory can't be protected without it",
			  "no nested paging (CPUID 8000000a EDX bit 0)");
	check_add(m, CHECK_PROCESSOR, "next-rip", nrips ? CHECK_PASS : CHECK_WARN,
		  nrips ? "" : "exits cost more, for each instruction is decoded",
		  nrips ? "exits say where the next instruction is" :
		  "exits do not say where the next instruction is (CPUID 8000000a EDX bit 3)");
	check_add(m, CHECK_PROCESSOR, "exec-split", CHECK_WARN,
		  CHECK_NO_SPLIT,
		  check_cpuid_bit(m, 0x8000000a, 0, 3, 17) ?
		  "the processor has GMET, and VBH does not use it yet" : "no GMET");
	check_add(m, CHECK_PROCESSOR, "exec-only", CHECK_WARN,
		  CHECK_NO_ONLY, "nested paging has no such right");
}
