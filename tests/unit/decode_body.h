/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest body that the decoder's tests need: one vCPU with settable
 * registers, and a window of memory at which linear and physical addresses are
 * the same. A program includes this once.
 */
#ifndef DECODE_BODY_H
#define DECODE_BODY_H

#include <string.h>
#include "core.h"
#include "errno.h"

static struct vbh_vcpu body_vcpu;
static u64 body_regs[VBH_NR_REGS];
static u64 body_start;		/* guest address of the first byte of body_memory */
static u8 *body_memory;
static u64 body_len;
static u64 body_hole = ~0ull;	/* a page that no table maps, or none */

u64 host_reg(struct vbh_vcpu *vcpu, enum vbh_reg reg)
{
	(void)vcpu;
	return body_regs[reg];
}

void host_set_reg(struct vbh_vcpu *vcpu, enum vbh_reg reg, u64 value)
{
	(void)vcpu;
	body_regs[reg] = value;
}

int host_translate(struct vbh_vcpu *vcpu, u64 cr3, u64 gva, u64 *gpa)
{
	(void)vcpu;
	if (cr3 != body_regs[VBH_REG_CR3] || gva >> 12 == body_hole >> 12)
		return -EFAULT;
	*gpa = gva;
	return 0;
}

int host_read_gpa(struct vbh_guest *guest, u64 gpa, void *buf, u32 len)
{
	(void)guest;
	if (gpa < body_start || gpa - body_start > body_len || len > body_len - (gpa - body_start))
		return -EFAULT;
	memcpy(buf, body_memory + (gpa - body_start), len);
	return 0;
}

/* A small generator, so that a seed gives the same run on every machine. */
static u64 rng_state;

static inline u64 rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state * 0x2545f4914f6cdd1dull;
}

static inline u32 rng_below(u32 n)
{
	return (u32)(rng() >> 32) % n;
}

#endif
