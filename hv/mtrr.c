// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory types from the MTRRs, for second stages that replace them (EPT). Read
 * at launch, and again when the guest has changed them.
 * Source: SDM volume 3, "Memory Type Range Registers".
 */
#include "hv.h"

#define MAX_VARIABLE		32
#define DEFTYPE_FIXED		BIT(10)
#define PHYSMASK_VALID		BIT(11)

static struct {
	bool enabled, fixed;
	u8 default_type;
	u8 fixed_type[88];
	u32 nr;
	struct {
		u64 base, mask;
		u8 type;
	} var[MAX_VARIABLE];
} mtrr;

static void read_fixed(void)
{
	static const u16 msr[11] = {
		MSR_MTRR_FIX64K, MSR_MTRR_FIX16K_80000, MSR_MTRR_FIX16K_80000 + 1,
		MSR_MTRR_FIX4K_C0000, MSR_MTRR_FIX4K_C0000 + 1, MSR_MTRR_FIX4K_C0000 + 2,
		MSR_MTRR_FIX4K_C0000 + 3, MSR_MTRR_FIX4K_C0000 + 4, MSR_MTRR_FIX4K_C0000 + 5,
		MSR_MTRR_FIX4K_C0000 + 6, MSR_MTRR_FIX4K_C0000 + 7,
	};
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(msr); i++) {
		u64 v = rdmsr(msr[i]);

		for (j = 0; j < 8; j++)
			mtrr.fixed_type[i * 8 + j] = v >> (j * 8);
	}
}

void mtrr_init(void)
{
	u64 cap, def, addr = (BIT(hv.caps.phys_bits) - 1) & PAGE_MASK;
	u32 regs[4], i, nr;

	mtrr.enabled = false;
	cpuid(1, 0, regs);
	if (!(regs[3] & BIT(12)))
		return;
	cap = rdmsr(MSR_MTRRCAP);
	def = rdmsr(MSR_MTRR_DEFTYPE);
	mtrr.enabled = def & MTRR_DEFTYPE_ENABLE;
	mtrr.default_type = def & 0xff;
	mtrr.fixed = (cap & BIT(8)) && (def & DEFTYPE_FIXED);
	if (mtrr.fixed)
		read_fixed();
	nr = cap & 0xff;
	mtrr.nr = 0;
	for (i = 0; i < nr && mtrr.nr < MAX_VARIABLE; i++) {
		u64 base = rdmsr(MSR_MTRR_PHYSBASE0 + 2 * i);
		u64 mask = rdmsr(MSR_MTRR_PHYSBASE0 + 2 * i + 1);

		if (!(mask & PHYSMASK_VALID))
			continue;
		mtrr.var[mtrr.nr].base = base & addr;
		mtrr.var[mtrr.nr].mask = mask & addr;
		mtrr.var[mtrr.nr].type = base & 0xff;
		mtrr.nr++;
	}
}

/* Fixed ranges: 8 of 64 KiB, 16 of 16 KiB, 64 of 4 KiB. */
static u8 fixed_type(u64 pa, u64 *end)
{
	u64 size = pa < 0x80000 ? 0x10000 : pa < 0xc0000 ? 0x4000 : 0x1000;
	u32 i;

	if (pa < 0x80000)
		i = pa >> 16;
	else if (pa < 0xc0000)
		i = 8 + ((pa - 0x80000) >> 14);
	else
		i = 24 + ((pa - 0xc0000) >> 12);
	*end = (pa & ~(size - 1)) + size;
	return mtrr.fixed_type[i];
}

/* Where ranges overlap UC wins, then WT over WB; anything else is undefined: the first. */
static u8 combine(u8 a, u8 b)
{
	if (a == MEM_UC || b == MEM_UC)
		return MEM_UC;
	if ((a == MEM_WT && b == MEM_WB) || (a == MEM_WB && b == MEM_WT))
		return MEM_WT;
	return a;
}

u8 mtrr_type(u64 pa, u64 *end)
{
	bool found = false;
	u8 type = MEM_UC;
	u32 i;

	if (!mtrr.enabled)
		return MEM_UC;
	if (mtrr.fixed && pa < 0x100000)
		return fixed_type(pa, end);
	for (i = 0; i < mtrr.nr; i++) {
		/* Ranges are powers of two and aligned: the lowest bit of the mask is the size. */
		u64 size = mtrr.var[i].mask & -mtrr.var[i].mask;
		u64 base = mtrr.var[i].base;

		if ((pa & mtrr.var[i].mask) == (base & mtrr.var[i].mask)) {
			u64 stop = (pa & ~(size - 1)) + size;

			type = found ? combine(type, mtrr.var[i].type) : mtrr.var[i].type;
			found = true;
			if (stop < *end)
				*end = stop;
		} else if (base > pa && base < *end) {
			*end = base;
		}
	}
	return found ? type : mtrr.default_type;
}
