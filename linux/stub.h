/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stub.S and blob.S offer to C, and the one number that it takes from the ABI's C
 * header (machine.c checks that they are the same).
 */
#ifndef VBH_STUB_H
#define VBH_STUB_H

#define VBH_STUB_HC_STOP	0x5642480c

#ifndef __ASSEMBLY__
#include <linux/percpu.h>
#include <asm/desc_defs.h>
#include <vbh/launch.h>

/* blob.S: the image. */
extern const char vbh_blob[], vbh_blob_end[];

DECLARE_PER_CPU(u32, vbh_nmis);

long vbh_stub_enter(u64 cr3, u64 entry, struct vbh_launch *params, u32 op,
		    u32 cpu, const struct desc_ptr *idt);
long vbh_stub_stop(void);
void vbh_stub_nmi(void);
#endif

#endif
