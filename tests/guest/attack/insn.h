/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Single instructions that may fault. Each returns the exception's vector, or
 * 0, and stores its own address, which the event has to name. The exception
 * table puts the vector into RAX.
 */
#ifndef INSN_H
#define INSN_H

#include <asm/asm.h>
#include <asm/desc_defs.h>
#include <linux/types.h>

#define TRY_INSN(insn, rip, vector, ...)				\
	asm volatile("lea 1f(%%rip), %[ip]\n"				\
		     "1:	" insn "\n"				\
		     "	xor %%eax, %%eax\n"				\
		     "2:\n"						\
		     _ASM_EXTABLE_FAULT(1b, 2b)				\
		     : "=a" (vector), [ip] "=&r" (*(rip))		\
		     : __VA_ARGS__					\
		     : "memory", "cc")

static __always_inline int try_write_cr0(u64 value, u64 *rip)
{
	int vector;

	TRY_INSN("mov %[v], %%cr0", rip, vector, [v] "r" (value));
	return vector;
}

static __always_inline int try_write_cr4(u64 value, u64 *rip)
{
	int vector;

	TRY_INSN("mov %[v], %%cr4", rip, vector, [v] "r" (value));
	return vector;
}

static __always_inline u64 raw_cr0(void)
{
	u64 value;

	asm volatile("mov %%cr0, %0" : "=r" (value) : : "memory");
	return value;
}

static __always_inline u64 raw_cr4(void)
{
	u64 value;

	asm volatile("mov %%cr4, %0" : "=r" (value) : : "memory");
	return value;
}

static __always_inline int try_wrmsr(u32 msr, u64 value, u64 *rip)
{
	int vector;

	TRY_INSN("wrmsr", rip, vector, "c" (msr), "0" ((u32)value),
		 "d" ((u32)(value >> 32)));
	return vector;
}

static __always_inline int try_rdmsr(u32 msr, u64 *value, u64 *rip)
{
	u32 low = 0, high = 0;
	int vector;

	asm volatile("lea 1f(%%rip), %[ip]\n"
		     "1:	rdmsr\n"
		     "	mov %%eax, %[low]\n"
		     "	xor %%eax, %%eax\n"
		     "2:\n"
		     _ASM_EXTABLE_FAULT(1b, 2b)
		     : "=a" (vector), [ip] "=&r" (*rip), [low] "+&r" (low), "+&d" (high)
		     : "c" (msr)
		     : "memory");
	*value = (u64)high << 32 | low;
	return vector;
}

static __always_inline int try_lidt(const struct desc_ptr *to, u64 *rip)
{
	int vector;

	TRY_INSN("lidt %[to]", rip, vector, [to] "m" (*to));
	return vector;
}

static __always_inline int try_lgdt(const struct desc_ptr *to, u64 *rip)
{
	int vector;

	TRY_INSN("lgdt %[to]", rip, vector, [to] "m" (*to));
	return vector;
}

static __always_inline int try_lldt(u16 selector, u64 *rip)
{
	int vector;

	TRY_INSN("lldt %w[sel]", rip, vector, [sel] "r" (selector));
	return vector;
}

static __always_inline int try_ltr(u16 selector, u64 *rip)
{
	int vector;

	TRY_INSN("ltr %w[sel]", rip, vector, [sel] "r" (selector));
	return vector;
}

/* Stores of one value in several encodings. */
static __always_inline int try_store64(void *to, u64 value, u64 *rip)
{
	int vector;

	TRY_INSN("mov %[v], (%[to])", rip, vector, [v] "r" (value), [to] "r" (to));
	return vector;
}

static __always_inline int try_store8(void *to, u8 value, u64 *rip)
{
	int vector;

	TRY_INSN("movb %b[v], (%[to])", rip, vector, [v] "q" (value), [to] "r" (to));
	return vector;
}

static __always_inline int try_store16(void *to, u16 value, u64 *rip)
{
	int vector;

	TRY_INSN("movw %w[v], (%[to])", rip, vector, [v] "r" (value), [to] "r" (to));
	return vector;
}

static __always_inline int try_store32(void *to, u32 value, u64 *rip)
{
	int vector;

	TRY_INSN("movl %k[v], (%[to])", rip, vector, [v] "r" (value), [to] "r" (to));
	return vector;
}

static __always_inline int try_store_xchg(void *to, u64 value, u64 *rip)
{
	u64 scratch = value;
	int vector;

	asm volatile("lea 1f(%%rip), %[ip]\n"
		     "1:	xchg %[v], (%[to])\n"
		     "	xor %%eax, %%eax\n"
		     "2:\n"
		     _ASM_EXTABLE_FAULT(1b, 2b)
		     : "=a" (vector), [ip] "=&r" (*rip), [v] "+&r" (scratch)
		     : [to] "r" (to)
		     : "memory");
	return vector;
}

static __always_inline int try_store_cmpxchg(void *to, u64 old, u64 value, u64 *rip)
{
	int vector;

	TRY_INSN("lock cmpxchg %[v], (%[to])", rip, vector, "0" (old),
		 [v] "r" (value), [to] "r" (to));
	return vector;
}

static __always_inline int try_store_movnti(void *to, u64 value, u64 *rip)
{
	int vector;

	TRY_INSN("movnti %[v], (%[to])", rip, vector, [v] "r" (value), [to] "r" (to));
	return vector;
}

static __always_inline int try_store_stos(void *to, u64 value, u64 *rip)
{
	void *di = to;
	int vector;

	asm volatile("lea 1f(%%rip), %[ip]\n"
		     "1:	stosq\n"
		     "	xor %%eax, %%eax\n"
		     "2:\n"
		     _ASM_EXTABLE_FAULT(1b, 2b)
		     : "=a" (vector), [ip] "=&r" (*rip), "+&D" (di)
		     : "0" (value)
		     : "memory");
	return vector;
}

static __always_inline int try_store_movs(void *to, const u64 *from, u64 *rip)
{
	const u64 *si = from;
	void *di = to;
	int vector;

	asm volatile("lea 1f(%%rip), %[ip]\n"
		     "1:	movsq\n"
		     "	xor %%eax, %%eax\n"
		     "2:\n"
		     _ASM_EXTABLE_FAULT(1b, 2b)
		     : "=a" (vector), [ip] "=&r" (*rip), "+&D" (di), "+&S" (si)
		     :
		     : "memory");
	return vector;
}

/* A store that VBH's decoder does not know. The caller has the FPU. */
static __always_inline int try_store_xmm(void *to, u64 value, u64 *rip)
{
	int vector;

	asm volatile("movq %[v], %%xmm0\n"
		     "	lea 1f(%%rip), %[ip]\n"
		     "1:	movq %%xmm0, (%[to])\n"
		     "	xor %%eax, %%eax\n"
		     "2:\n"
		     _ASM_EXTABLE_FAULT(1b, 2b)
		     : "=a" (vector), [ip] "=&r" (*rip)
		     : [v] "r" (value), [to] "r" (to)
		     : "memory");
	return vector;
}

static __always_inline void invlpg(const void *addr)
{
	asm volatile("invlpg (%0)" : : "r" (addr) : "memory");
}

#endif
