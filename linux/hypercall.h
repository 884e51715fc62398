/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercall, and finding out whether there is anybody to answer it. Works
 * the same under the bare-metal image and under a KVM that offers VBH.
 */
#ifndef VBH_HYPERCALL_H
#define VBH_HYPERCALL_H

#include <linux/errno.h>
#include <linux/types.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/processor.h>
#include <vbh/abi.h>

/*
 * The result of hypercall nr; -ENODEV if there is no hypervisor, which the
 * processor says with #UD.
 */
static inline long vbh_hypercall(u64 nr, u64 a, u64 b, u64 c, u64 d)
{
	unsigned long ret = nr;

	asm volatile("1: " ALTERNATIVE("vmcall", "vmmcall", X86_FEATURE_VMMCALL)
		     "\n2:\n"
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_IMM_REG |
					   EX_DATA_IMM(-ENODEV), %[ret])
		     : [ret] "+a" (ret) : "b" (a), "c" (b), "d" (c), "S" (d)
		     : "memory");
	return ret;
}

/* CPUID leaves from base on, or 0 if no VBH is there. */
u32 vbh_find_leaf(void);
/* struct vbh_status; 0 or a negative errno. May sleep. */
long vbh_get_status(struct vbh_status *status);
/* Counters of the CPU that the hypervisor numbers so. May sleep. */
long vbh_get_stats(struct vbh_stats *stats, u32 cpu);
/*
 * A hypercall whose argument is a copy of len bytes at buf (len <= 2 pages).
 * second: the second argument: a length or a count. May sleep.
 */
long vbh_call_with(u64 nr, const void *buf, size_t len, u64 second);

#endif
