// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of MSRs that hold a physical address, with the form of each. Sources:
 * Hyper-V's TLFS and Linux's hyperv-tlfs.h, kvm_para.h and KVM itself, Xen's
 * arch-x86/cpuid.h; SDM 3, 15.6.
 *
 * A synthetic register that is not here is taken for an address, in the form that
 * catches all of those: each that was proposed for KVM since carries one. That is
 * no false alarm, for a kernel writes no register but those that it knows, and the
 * counts, commands and flags that Linux and Windows know are all here.
 */
#include "msr_memory.h"

#define HYPERV(n)		(0x40000000u + (n))
#define KVM(n)			(0x4b564d00u + (n))
#define ANY			(~0ull)		/* off is 0; all bits are the address's */
#define CACHE_LINE		(~63ull)
#define NONE(first, last)	{ first, last, 0, 0, 0 }
#define HYPERV_NONE(first, last) NONE(HYPERV(first), HYPERV(last))
#define HYPERV_PAGE(first, last) \
	{ HYPERV(first), HYPERV(last), BIT(0), PAGE_MASK, PAGE_SIZE }

static const struct {
	u32 first, last;
	u64 enable;	/* no address unless one of these bits is set */
	u64 address;	/* its bits */
	u64 len;	/* what is stored there at most; 0: no address at all */
} rows[] = {
	{ MSR_KVM_OLD_FIRST, MSR_KVM_OLD_FIRST, ANY, ANY, 12 },		/* wall clock */
	{ MSR_KVM_OLD_LAST, MSR_KVM_OLD_LAST, BIT(0), ~BIT(0), 32 },	/* system time */
	{ KVM(0), KVM(0), ANY, ANY, 12 },			/* the same in their new place */
	{ KVM(1), KVM(1), BIT(0), ~BIT(0), 32 },
	{ KVM(2), KVM(2), BIT(0), CACHE_LINE, 64 },		/* asynchronous page faults */
	{ KVM(3), KVM(3), BIT(0), CACHE_LINE, 64 },		/* steal time */
	{ KVM(4), KVM(4), BIT(0), ~3ull, 4 },			/* EOI */
	NONE(KVM(5), KVM(8)),	/* polling, ASYNC_PF_INT and _ACK, migration */

	HYPERV_NONE(0x00, 0x00),	/* GUEST_OS_ID */
	HYPERV_PAGE(0x01, 0x01),	/* hypercall page */
	HYPERV_NONE(0x02, 0x03),	/* VP_INDEX, RESET */
	HYPERV_NONE(0x10, 0x10),	/* VP_RUNTIME */
	HYPERV_NONE(0x20, 0x20),	/* TIME_REF_COUNT */
	HYPERV_PAGE(0x21, 0x21),	/* REFERENCE_TSC */
	HYPERV_NONE(0x22, 0x23),	/* frequencies */
	HYPERV_NONE(0x40, 0x40),	/* NPIEP_CONFIG */
	HYPERV_NONE(0x70, 0x72),	/* EOI, ICR, TPR */
	HYPERV_PAGE(0x73, 0x73),	/* VP_ASSIST_PAGE */
	HYPERV_NONE(0x80, 0x81),	/* SCONTROL, SVERSION */
	HYPERV_PAGE(0x82, 0x83),	/* SIEFP, SIMP */
	HYPERV_NONE(0x84, 0x84),	/* EOM */
	HYPERV_PAGE(0x85, 0x85),	/* SIRBP */
	HYPERV_NONE(0x90, 0x9f),	/* SINT */
	HYPERV_NONE(0xb0, 0xb7),	/* STIMER_CONFIG and _COUNT */
	HYPERV_NONE(0xc1, 0xc3),	/* POWER_STATE_TRIGGER */
	HYPERV_NONE(0xd1, 0xd3),	/* POWER_STATE_CONFIG */
	HYPERV_PAGE(0xe0, 0xe3),	/* statistics */
	HYPERV_NONE(0xf0, 0xf2),	/* GUEST_IDLE, SYNDBG_CONTROL and _STATUS */
	/* SYNDBG's buffers: for sending, receiving, and whether something came. KVM takes any. */
	{ HYPERV(0xf3), HYPERV(0xf5), ANY, ANY, PAGE_SIZE },
	HYPERV_NONE(0xff, 0xff),	/* SYNDBG_OPTIONS */
	HYPERV_NONE(0x100, 0x105),	/* CRASH: of these the message is read, not stored */
	HYPERV_NONE(0x106, 0x108),	/* reenlightenment */
	HYPERV_NONE(0x118, 0x118),	/* TSC_INVARIANT_CONTROL */
	/* The same of the hypervisor below Hyper-V. */
	HYPERV_NONE(0x1002, 0x1002),	/* VP_INDEX */
	HYPERV_NONE(0x1080, 0x1081),
	HYPERV_PAGE(0x1082, 0x1083),
	HYPERV_NONE(0x1084, 0x1084),
	HYPERV_NONE(0x1090, 0x109f),

	/* The rest: whole pages are protected, so any within is as good as its start. */
	{ MSR_SYNTHETIC_FIRST, MSR_SYNTHETIC_LAST, ANY, ~BIT(0), 64 },
};

bool msr_memory(const struct msr_memory_facts *facts, u32 msr, u64 value, u64 *gpa, u64 *len)
{
	u32 i = 0;

	if (msr == MSR_HW_FEEDBACK_PTR) {
		*gpa = value & PAGE_MASK;
		*len = facts->feedback_pages * PAGE_SIZE;
		return value & BIT(0);		/* valid */
	}
	/* Xen stores its page at once: there is nothing to enable. */
	if (facts->xen && msr == facts->xen) {
		*gpa = value & PAGE_MASK;
		*len = PAGE_SIZE;
		return true;
	}
	while (i < ARRAY_SIZE(rows) && (msr < rows[i].first || msr > rows[i].last))
		i++;
	if (i == ARRAY_SIZE(rows) || !(value & rows[i].enable))
		return false;
	*gpa = value & rows[i].address;
	*len = rows[i].len;
	return true;
}

void msr_memory_facts(struct msr_memory_facts *facts)
{
	u32 base, r[4];

	cpuid(0, 0, r);
	if (r[0] >= 6) {
		cpuid(6, 0, r);
		facts->feedback_pages = (r[3] >> 8 & 15) + 1;	/* SDM 2, CPUID 6: one less */
	}
	cpuid(0x40000001, 0, r);
	facts->hyperv = r[0] == 0x31237648;	/* Hv#1 */
	for (base = 0x40000000; base < 0x40010000; base += 0x100) {
		cpuid(base, 0, r);
		if (r[1] == 0x566e6558 && r[2] == 0x65584d4d && r[3] == 0x4d4d566e) {
			cpuid(base + 2, 0, r);	/* XenVMMXenVMM */
			facts->xen = r[1];
			return;
		}
	}
}
