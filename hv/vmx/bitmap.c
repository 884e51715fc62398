// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which MSR accesses exit. One bitmap for all CPUs: bits are only ever set, and
 * an entry may see one late, but not one after the flush that follows. MSRs
 * outside the bitmap's two ranges always exit.
 */
#include "vmx.h"

#define LOW_END			0x2000u
#define HIGH_BASE		0xc0000000u
#define RANGE_BYTES		1024u

enum access { ACCESS_READ, ACCESS_WRITE };

static u8 *bitmap;

/* Always: what would show VMX, and what holds or decides about physical addresses. */
static const struct {
	u32 first, last;
	bool read, write;
} always[] = {
	{ MSR_APIC_BASE, MSR_APIC_BASE, false, true },
	{ MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL, true, true },
	{ MSR_MTRR_PHYSBASE0, MSR_MTRR_LAST, false, true },
	{ MSR_MTRR_DEFTYPE, MSR_MTRR_DEFTYPE, false, true },
	{ MSR_VMX_FIRST, MSR_VMX_LAST, true, true },
	{ MSR_DS_AREA, MSR_DS_AREA, false, true },
	{ MSR_HW_FEEDBACK_PTR, MSR_HW_FEEDBACK_PTR, false, true },
};

static void intercept(u32 msr, enum access access)
{
	u32 n = msr % LOW_END;
	u8 *part = bitmap + (access == ACCESS_WRITE ? 2 * RANGE_BYTES : 0);

	if (msr - HIGH_BASE < LOW_END)
		part += RANGE_BYTES;
	else if (msr >= LOW_END)
		return;
	__atomic_or_fetch(&part[n / 8], 1 << n % 8, __ATOMIC_SEQ_CST);
}

int vmx_init(void)
{
	u32 i, msr;

	bitmap = pool_page();
	if (!bitmap)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(always); i++) {
		for (msr = always[i].first; msr <= always[i].last; msr++) {
			if (always[i].read)
				intercept(msr, ACCESS_READ);
			if (always[i].write)
				intercept(msr, ACCESS_WRITE);
		}
	}
	if (hv.caps.raw_trace)
		intercept(MSR_RTIT_CTL, ACCESS_WRITE);
	return 0;
}

void vmx_intercept_msr_write(u32 msr)
{
	intercept(msr, ACCESS_WRITE);
}

u64 vmx_msr_bitmap(void)
{
	return hv_pa(bitmap);
}
