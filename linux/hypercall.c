// SPDX-License-Identifier: GPL-2.0-only
/*
 * Discovery by CPUID, and hypercalls with buffers. A buffer is named by its
 * physical address and must be contiguous there, so each is a copy made by
 * kmalloc(): the caller's may lie on a stack in vmalloc space.
 */
#include <linux/io.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "shape.h"
#include "hypercall.h"

u32 vbh_find_leaf(void)
{
	u32 base, eax, ebx, ecx, edx;

	for (base = VBH_CPUID_FIRST; base <= VBH_CPUID_LAST;
	     base += VBH_CPUID_STEP) {
		cpuid(base, &eax, &ebx, &ecx, &edx);
		if (ebx == VBH_CPUID_SIG_EBX && ecx == VBH_CPUID_SIG_ECX &&
		    edx == VBH_CPUID_SIG_EDX &&
		    eax >= base + VBH_CPUID_LEAVES - 1)
			return base;
	}
	return 0;
}

long vbh_call_with(u64 nr, const void *buf, size_t len, u64 second)
{
	void *copy = kmemdup(buf, len, GFP_KERNEL);
	long ret;

	if (!copy)
		return -ENOMEM;
	ret = vbh_hypercall(nr, virt_to_phys(copy), second, 0, 0);
	kfree_sensitive(copy);
	return ret;
}

/* The hypervisor fills a buffer of len bytes; third: an argument after it. */
static long call_fill(u64 nr, void *buf, size_t len, u64 third)
{
	void *copy = kzalloc(len, GFP_KERNEL);
	long ret;

	if (!copy)
		return -ENOMEM;
	ret = vbh_hypercall(nr, virt_to_phys(copy), len, third, 0);
	if (!ret)
		memcpy(buf, copy, len);
	kfree(copy);
	return ret;
}

long vbh_get_status(struct vbh_status *status)
{
	return call_fill(VBH_HC_STATUS, status, sizeof(*status), 0);
}

long vbh_get_stats(struct vbh_stats *stats, u32 cpu)
{
	return call_fill(VBH_HC_STATS, stats, sizeof(*stats), cpu);
}
