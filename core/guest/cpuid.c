// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPUID leaves by which a guest finds VBH. They never change after
 * guest_init(), so no lock is taken.
 */
#include "guest.h"

void core_cpuid(const struct vbh_guest *guest, u32 base, u32 leaf, u32 regs[4])
{
	memset(regs, 0, 4 * sizeof(*regs));
	switch (leaf - base) {
	case 0:
		regs[0] = base + VBH_CPUID_LEAVES - 1;
		regs[1] = VBH_CPUID_SIG_EBX;
		regs[2] = VBH_CPUID_SIG_ECX;
		regs[3] = VBH_CPUID_SIG_EDX;
		break;
	case 1:
		regs[0] = VBH_ABI_VERSION;
		regs[1] = guest->features;
		regs[2] = guest->body;
		break;
	case 2:
		regs[0] = PIN_CR0_BITS;
		regs[1] = PIN_CR4_BITS;
		regs[2] = PIN_EFER_BITS;
		regs[3] = PIN_DTR_BITS;
		break;
	case 3:
		regs[0] = guest->max_regions;
		regs[1] = VBH_MAX_MSR_PINS;
		regs[2] = (VBH_RING_MAX - PAGE_SIZE) / sizeof(struct vbh_event);
		regs[3] = guest->cpus;
		break;
	}
}
