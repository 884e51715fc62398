/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which MSRs hand memory to somebody who stores past the second stage: another
 * hypervisor below this one, or the processor. Decides by nothing but its arguments.
 */
#ifndef HV_MSR_MEMORY_H
#define HV_MSR_MEMORY_H

#include "x86.h"

/* What CPUID says that the table needs. */
struct msr_memory_facts {
	u32 xen;		/* MSR that tells Xen where its hypercall page goes; 0: no Xen */
	u32 feedback_pages;	/* of the hardware feedback table */
	bool hyperv;
};

/* Memory that a write of value to msr would hand out: [*gpa, *gpa + *len). False: none. */
bool msr_memory(const struct msr_memory_facts *facts, u32 msr, u64 value, u64 *gpa, u64 *len);
/* Ask CPUID. */
void msr_memory_facts(struct msr_memory_facts *facts);

#endif
