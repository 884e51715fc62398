/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A decoder for the few instructions that VBH must understand: stores to
 * protected pages, stores to the local APIC, and moves to control and
 * descriptor-table registers where the processor does not say what was moved.
 * It knows these exactly and says -EINVAL to everything else.
 */
#ifndef CORE_DECODE_H
#define CORE_DECODE_H

#include <vbh/abi.h>
#include "../host.h"

enum insn_op {
	INSN_MOV_STORE_REG,	/* MOV r -> r/m: 88, 89 */
	INSN_MOV_STORE_IMM,	/* MOV imm -> r/m: C6 /0, C7 /0 */
	INSN_MOV_STORE_MOFFS,	/* MOV AL/rAX -> moffs: A2, A3 */
	INSN_MOV_LOAD,		/* MOV r/m -> r: 8A, 8B */
	INSN_MOVS,		/* A4, A5 */
	INSN_STOS,		/* AA, AB */
	INSN_XCHG,		/* 86, 87 */
	INSN_ALU,		/* ADD OR ADC SBB AND SUB XOR r or imm -> r/m */
	INSN_INC_DEC,		/* FE, FF /0 /1 */
	INSN_NOT_NEG,		/* F6, F7 /2 /3 */
	INSN_BIT,		/* BTS BTR BTC r or imm -> r/m */
	INSN_CMPXCHG,		/* 0F B0, B1 */
	INSN_XADD,		/* 0F C0, C1 */
	INSN_MOVNTI,		/* 0F C3 */
	INSN_MOV_TO_CR,		/* 0F 22 */
	INSN_MOV_FROM_CR,	/* 0F 20 */
	INSN_CLTS,		/* 0F 06 */
	INSN_LMSW,		/* 0F 01 /6 */
	INSN_LGDT, INSN_LIDT,	/* 0F 01 /2 /3, memory: u16 limit, then the base */
	INSN_SGDT, INSN_SIDT,	/* 0F 01 /0 /1, memory; likewise */
	INSN_LLDT, INSN_LTR,	/* 0F 00 /2 /3 */
	INSN_SLDT, INSN_STR,	/* 0F 00 /0 /1; size is the register's, memory takes 2 bytes */
	INSN_RDMSR, INSN_WRMSR,	/* 0F 32, 0F 30 */
	INSN_CPUID,		/* 0F A2 */
	INSN_HYPERCALL,		/* 0F 01 C1, D9 */
	INSN_XSETBV,		/* 0F 01 D1 */
	INSN_INVD,		/* 0F 08 */
};

#define INSN_MAX		15
#define INSN_NO_REG		0xff

struct insn {
	u8 op;			/* enum insn_op */
	u8 len;			/* bytes, prefixes included */
	u8 size;		/* operand in bytes: 1, 2, 4, 8; 0: it has none */
	u8 addr_size;		/* 2, 4, 8 */
	u8 sub;			/* ALU: opcode >> 3 & 7, or the /digit; BIT, INC_DEC, NOT_NEG
				 * and groups: /digit (BTS 5, BTR 6, BTC 7); CR: its number
				 */
	u8 reg;			/* register operand (enum vbh_reg), or INSN_NO_REG if an
				 * immediate or nothing stands there; CR: the general register
				 */
	bool high_byte;		/* reg is AH, CH, DH or BH (reg is then its parent's number) */
	bool mem;		/* a memory operand: r/m, moffs, MOVS/STOS destination */
	u8 rm;			/* register of r/m if !mem, or INSN_NO_REG */
	bool rm_high_byte;
	bool rep, lock;		/* rep: MOVS and STOS only, for F2 as for F3 */
	u8 seg;			/* segment number of the address: ES 0 ... GS 5; of the
				 * source for MOVS, whose destination is always in ES
				 */
	u8 base, index;		/* enum vbh_reg, VBH_REG_RIP, or INSN_NO_REG */
	u8 scale;		/* 1, 2, 4, 8 */
	s64 disp;		/* sign-extended; moffs: the address, zero-extended */
	u64 imm;		/* sign-extended to 64 bits */
};

/*
 * Decode the instruction that begins at bytes, of which n are readable, in a
 * code segment whose default operand size is mode (2, 4, 8 bytes: VBH_REG_CS_MODE).
 * -EINVAL: not one of the above, or a form of it that faults; -EFAULT: longer than n.
 * On an error *insn means nothing.
 */
int insn_decode(const u8 *bytes, u32 n, u32 mode, struct insn *insn);

/*
 * What decoding has made of these very bytes before, which depends on nothing else:
 * a patched kernel's memcpy() exits a hundred thousand times in a row.
 */
struct insn_memo {
	u64 key[2];		/* INSN_MAX bytes, then the mode; all 0: nothing yet */
	struct insn insn;
};

#define INSN_MEMOS		4
/* The same as insn_decode() in the vCPU's mode, and remembered there. */
int insn_known(struct vbh_vcpu *vcpu, const u8 *bytes, u32 n, struct insn *insn);

/*
 * The linear address of insn's memory operand (insn->mem); of MOVS the
 * destination. RIP and the registers must still be those before insn. A bit
 * number in a register (BTS and the like) is accounted for.
 */
u64 insn_linear(struct vbh_vcpu *vcpu, const struct insn *insn);
/*
 * How many of len bytes at a linear address can be read through the tables at
 * cr3; the address counts on within `width` bytes, 4 or 8.
 */
u32 read_linear(struct vbh_vcpu *vcpu, u64 cr3, u64 linear, u32 width, void *buf, u32 len);
/* Reads the bytes at the vCPU's RIP into bytes; how many could be read, 0 to 15. */
u32 insn_fetch(struct vbh_vcpu *vcpu, u8 bytes[INSN_MAX]);
/*
 * Move RIP past insn, truncated to 32 bits outside 64-bit mode, and clear
 * RFLAGS.RF. A single step (RFLAGS.TF) that is due then, and the end of an
 * interrupt shadow, are the body's.
 */
void insn_advance(struct vbh_vcpu *vcpu, const struct insn *insn);

/*
 * One memory write of insn, as a value. old is what stands at the destination
 * (size bytes). -EINVAL: not a store. For MOVS the source is read through the
 * guest's tables: -EFAULT. -EAGAIN: a REP whose count is 0, so there is no
 * write; insn_store_retire() moves past it. Registers are not changed. A
 * CMPXCHG that fails writes old back, as the processor does.
 */
int insn_store_value(struct vbh_vcpu *vcpu, const struct insn *insn, u64 old, u64 *new);
/*
 * The effect of the store on registers and flags (XCHG, XADD, CMPXCHG, ALU
 * flags, RSI/RDI/RCX of a string instruction), and RIP past it, or on it
 * again if a REP has more to do. Flags that the manuals leave undefined are
 * as today's processors have them.
 */
void insn_store_retire(struct vbh_vcpu *vcpu, const struct insn *insn, u64 old);
/*
 * Of a string instruction with REP, what its next iterations will store, each right
 * behind the one before, as far as `max` and the count go and the source can be
 * read. How many; 0 where they go down, or addresses could wrap.
 * insn_repeat_retire() is the effect of n such stores at once.
 */
u32 insn_repeat(struct vbh_vcpu *vcpu, const struct insn *insn, u32 max, u8 *values);
void insn_repeat_retire(struct vbh_vcpu *vcpu, const struct insn *insn, u32 n);

#endif
