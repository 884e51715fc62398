// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a decoded instruction does: which linear address it writes, which value
 * it writes there, and what the processor would then find in its registers and
 * flags. Reads and sets registers and reads memory through the body; writes no
 * memory and decides nothing.
 */
#include "../core.h"
#include "../errno.h"
#include "../string.h"

#define CF		(1ull << 0)
#define PF		(1ull << 2)
#define AF		(1ull << 4)
#define ZF		(1ull << 6)
#define SF		(1ull << 7)
#define DF		(1ull << 10)
#define OF		(1ull << 11)
#define RF		(1ull << 16)
#define ARITH		(CF | PF | AF | ZF | SF | OF)

/* The operations of 00 to 3F and of 80 to 83. */
enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

#define SEG_ES		0
#define SEG_CS		1
#define SEG_FS		4
#define PAGE_BYTES	4096u

static u64 low_bytes(u64 value, u32 bytes)
{
	return bytes >= 8 ? value : value & ((1ull << (8 * bytes)) - 1);
}

static u64 get_reg(struct vbh_vcpu *vcpu, u32 reg, bool high_byte, u32 size)
{
	return low_bytes(host_reg(vcpu, reg) >> (high_byte ? 8 : 0), size);
}

/* 32-bit results clear the upper half; shorter ones leave the rest alone. */
static void set_reg(struct vbh_vcpu *vcpu, u32 reg, bool high_byte, u32 size, u64 value)
{
	u32 shift = high_byte ? 8 : 0;
	u64 mask = low_bytes(~0ull, size) << shift;

	if (size < 4)
		value = (host_reg(vcpu, reg) & ~mask) | (value << shift & mask);
	else
		value = low_bytes(value, size);
	host_set_reg(vcpu, reg, value);
}

/* Addresses of 8 bytes there are in 64-bit mode alone. */
static bool in_long_mode(struct vbh_vcpu *vcpu, const struct insn *insn)
{
	return insn->addr_size == 8 || host_reg(vcpu, VBH_REG_CS_MODE) == 8;
}

/* In 64-bit mode only FS and GS have bases; elsewhere linear addresses have 32 bits. */
static u64 to_linear(struct vbh_vcpu *vcpu, bool long_mode, u32 seg, u64 offset)
{
	if (!long_mode || seg >= SEG_FS)
		offset += host_reg(vcpu, VBH_REG_ES_BASE + seg);
	return long_mode ? offset : (u32)offset;
}

/*
 * A bit number in a register is signed and not limited to the operand: it moves
 * the operand by whole operands.
 */
static u64 bit_displacement(struct vbh_vcpu *vcpu, const struct insn *insn)
{
	u64 sign = 1ull << (8 * insn->size - 1);
	s64 bit = (get_reg(vcpu, insn->reg, false, insn->size) ^ sign) - sign;

	return (u64)(bit >> 3) & ~(u64)(insn->size - 1);
}

u64 insn_linear(struct vbh_vcpu *vcpu, const struct insn *insn)
{
	u64 offset = insn->disp;

	if (insn->base == VBH_REG_RIP)
		offset += host_reg(vcpu, VBH_REG_RIP) + insn->len;
	else if (insn->base != INSN_NO_REG)
		offset += host_reg(vcpu, insn->base);
	if (insn->index != INSN_NO_REG)
		offset += host_reg(vcpu, insn->index) * insn->scale;
	if (insn->op == INSN_BIT && insn->reg != INSN_NO_REG)
		offset += bit_displacement(vcpu, insn);
	return to_linear(vcpu, in_long_mode(vcpu, insn), insn->op == INSN_MOVS ? SEG_ES : insn->seg,
			 low_bytes(offset, insn->addr_size));
}

u32 read_linear(struct vbh_vcpu *vcpu, u64 cr3, u64 linear, u32 width, void *buf, u32 len)
{
	u64 gva = low_bytes(linear, width), gpa;
	u32 chunk = PAGE_BYTES - (gva & (PAGE_BYTES - 1));

	if (chunk > len)
		chunk = len;
	if (host_translate(vcpu, cr3, gva, &gpa) || host_read_gpa(vcpu->guest, gpa, buf, chunk))
		return 0;
	if (chunk == len)
		return len;
	return chunk + read_linear(vcpu, cr3, gva + chunk, width, (u8 *)buf + chunk, len - chunk);
}

/* As the guest itself reads now, from a segment. */
static u32 read_now(struct vbh_vcpu *vcpu, bool long_mode, u32 seg, u64 offset, void *buf, u32 len)
{
	return read_linear(vcpu, host_reg(vcpu, VBH_REG_CR3),
			   to_linear(vcpu, long_mode, seg, offset), long_mode ? 8 : 4, buf, len);
}

u32 insn_fetch(struct vbh_vcpu *vcpu, u8 bytes[INSN_MAX])
{
	return read_now(vcpu, host_reg(vcpu, VBH_REG_CS_MODE) == 8, SEG_CS,
			host_reg(vcpu, VBH_REG_RIP), bytes, INSN_MAX);
}

/* The few instructions that exit again and again stand in places of their own. */
int insn_known(struct vbh_vcpu *vcpu, const u8 *bytes, u32 n, struct insn *insn)
{
	u32 mode = host_reg(vcpu, VBH_REG_CS_MODE);
	struct insn_memo *memo;
	u64 key[2] = { 0 };
	int err;

	if (n != INSN_MAX)
		return insn_decode(bytes, n, mode, insn);
	memcpy(key, bytes, INSN_MAX);
	key[1] |= (u64)mode << 56;
	memo = &vcpu->memo[(bytes[0] ^ bytes[1]) % INSN_MEMOS];
	if (memo->key[0] != key[0] || memo->key[1] != key[1]) {
		err = insn_decode(bytes, n, mode, insn);
		if (err)
			return err;
		memo->insn = *insn;
		memo->key[0] = key[0];
		memo->key[1] = key[1];
	}
	*insn = memo->insn;
	return 0;
}

/*
 * 16-bit code isn't wrapped at 64 KiB: the processor counts on, into the
 * segment's limit.
 */
void insn_advance(struct vbh_vcpu *vcpu, const struct insn *insn)
{
	bool long_mode = host_reg(vcpu, VBH_REG_CS_MODE) == 8;
	u64 flags = host_reg(vcpu, VBH_REG_RFLAGS);

	host_set_reg(vcpu, VBH_REG_RIP,
		     low_bytes(host_reg(vcpu, VBH_REG_RIP) + insn->len, long_mode ? 8 : 4));
	if (flags & RF)
		host_set_reg(vcpu, VBH_REG_RFLAGS, flags & ~RF);
}

/* a op b; *flags: in, the carry for ADC and SBB; out, the six arithmetic flags. */
static u64 alu(u32 op, u64 a, u64 b, u32 size, u64 *flags)
{
	u64 sign = 1ull << (8 * size - 1);
	u64 carry_in = *flags & CF;
	u64 carries = 0;	/* bit n: a carry or borrow out of bit n */
	u64 overflow = 0;
	u64 r = 0;

	if (op != ALU_ADC && op != ALU_SBB)
		carry_in = 0;
	switch (op) {
	case ALU_ADD:
	case ALU_ADC:
		r = a + b + carry_in;
		carries = (a & b) | ((a | b) & ~r);
		overflow = (a ^ r) & (b ^ r);
		break;
	case ALU_SUB:
	case ALU_SBB:
	case ALU_CMP:
		r = a - b - carry_in;
		carries = (~a & b) | ((~a | b) & r);
		overflow = (a ^ b) & (a ^ r);
		break;
	case ALU_OR:
		r = a | b;
		break;
	case ALU_AND:
		r = a & b;
		break;
	case ALU_XOR:
		r = a ^ b;
		break;
	}
	r = low_bytes(r, size);
	*flags = (carries & sign ? CF : 0) | (carries & 8 ? AF : 0) |
		 (overflow & sign ? OF : 0) | (r & sign ? SF : 0) | (r ? 0 : ZF) |
		 (0x9669 >> ((r ^ r >> 4) & 15) & 1 ? PF : 0);
	return r;
}

static u64 change_bit(u32 sub, u64 value, u64 bit)
{
	switch (sub) {
	case 5:
		return value | bit;
	case 6:
		return value & ~bit;
	default:
		return value ^ bit;
	}
}

/* What a store that isn't MOVS does to memory and to the flags in mask. */
struct effect {
	u64 new;
	u64 flags;
	u64 mask;
};

/* old has been cut to size. */
static __attribute__((noinline))
int compute(struct vbh_vcpu *vcpu, const struct insn *insn, u64 old, struct effect *e)
{
	u32 size = insn->size;
	u64 src = low_bytes(insn->imm, size);
	u64 acc, bit;

	if (!insn->mem)
		return -EINVAL;
	if (insn->reg != INSN_NO_REG)
		src = get_reg(vcpu, insn->reg, insn->high_byte, size);
	e->flags = host_reg(vcpu, VBH_REG_RFLAGS);
	e->mask = 0;

	switch (insn->op) {
	case INSN_MOV_STORE_REG:
	case INSN_MOV_STORE_IMM:
	case INSN_MOV_STORE_MOFFS:
	case INSN_MOVNTI:
	case INSN_STOS:
	case INSN_XCHG:
		e->new = src;
		return 0;
	case INSN_ALU:
		if (insn->sub == ALU_CMP)
			return -EINVAL;
		e->mask = ARITH;
		e->new = alu(insn->sub, old, src, size, &e->flags);
		return 0;
	case INSN_INC_DEC:
		e->mask = ARITH & ~CF;
		e->new = alu(insn->sub ? ALU_SUB : ALU_ADD, old, 1, size, &e->flags);
		return 0;
	case INSN_NOT_NEG:
		if (insn->sub == 2) {
			e->new = low_bytes(~old, size);
			return 0;
		}
		e->mask = ARITH;
		e->new = alu(ALU_SUB, 0, old, size, &e->flags);
		return 0;
	case INSN_BIT:
		bit = 1ull << (src & (8 * size - 1));
		e->mask = CF;
		e->flags = old & bit ? CF : 0;
		e->new = change_bit(insn->sub, old, bit);
		return 0;
	case INSN_CMPXCHG:
		acc = get_reg(vcpu, VBH_REG_RAX, false, size);
		e->mask = ARITH;
		alu(ALU_CMP, acc, old, size, &e->flags);
		e->new = acc == old ? src : old;
		return 0;
	case INSN_XADD:
		e->mask = ARITH;
		e->new = alu(ALU_ADD, old, src, size, &e->flags);
		return 0;
	default:
		return -EINVAL;
	}
}

static bool rep_is_over(struct vbh_vcpu *vcpu, const struct insn *insn)
{
	return insn->rep && !get_reg(vcpu, VBH_REG_RCX, false, insn->addr_size);
}

static int movs_value(struct vbh_vcpu *vcpu, const struct insn *insn, u64 *new)
{
	u64 offset = get_reg(vcpu, VBH_REG_RSI, false, insn->addr_size), value = 0;

	if (read_now(vcpu, in_long_mode(vcpu, insn), insn->seg, offset, &value, insn->size) !=
	    insn->size)
		return -EFAULT;
	*new = value;
	return 0;
}

int insn_store_value(struct vbh_vcpu *vcpu, const struct insn *insn, u64 old, u64 *new)
{
	struct effect e;
	int ret;

	if (rep_is_over(vcpu, insn))
		return -EAGAIN;
	if (insn->op == INSN_MOVS)
		return movs_value(vcpu, insn, new);
	ret = compute(vcpu, insn, low_bytes(old, insn->size), &e);
	if (!ret)
		*new = e.new;
	return ret;
}

/* Move a pointer or counter of a string instruction. */
static void step_reg(struct vbh_vcpu *vcpu, const struct insn *insn, u32 reg, u64 by)
{
	set_reg(vcpu, reg, false, insn->addr_size, host_reg(vcpu, reg) + by);
}

static void retire_string(struct vbh_vcpu *vcpu, const struct insn *insn)
{
	bool down = host_reg(vcpu, VBH_REG_RFLAGS) & DF;
	u64 by = down ? -(u64)insn->size : insn->size;

	if (!rep_is_over(vcpu, insn)) {
		step_reg(vcpu, insn, VBH_REG_RDI, by);
		if (insn->op == INSN_MOVS)
			step_reg(vcpu, insn, VBH_REG_RSI, by);
		if (insn->rep)
			step_reg(vcpu, insn, VBH_REG_RCX, -1ull);
	}
	if (!insn->rep || rep_is_over(vcpu, insn))
		insn_advance(vcpu, insn);
}

u32 insn_repeat(struct vbh_vcpu *vcpu, const struct insn *insn, u32 max, u8 *values)
{
	u64 left = host_reg(vcpu, VBH_REG_RCX), value;
	u32 n = left < max ? left : max, i;

	if (!n || insn->addr_size != 8 || (host_reg(vcpu, VBH_REG_RFLAGS) & DF))
		return 0;
	if (insn->op == INSN_MOVS)
		return read_now(vcpu, true, insn->seg, host_reg(vcpu, VBH_REG_RSI), values,
				n * insn->size) / insn->size;
	value = host_reg(vcpu, VBH_REG_RAX);
	for (i = 0; i < n; i++)
		memcpy(values + i * insn->size, &value, insn->size);
	return n;
}

void insn_repeat_retire(struct vbh_vcpu *vcpu, const struct insn *insn, u32 n)
{
	u64 by = n * insn->size, left = host_reg(vcpu, VBH_REG_RCX) - n;

	host_set_reg(vcpu, VBH_REG_RDI, host_reg(vcpu, VBH_REG_RDI) + by);
	if (insn->op == INSN_MOVS)
		host_set_reg(vcpu, VBH_REG_RSI, host_reg(vcpu, VBH_REG_RSI) + by);
	host_set_reg(vcpu, VBH_REG_RCX, left);
	if (!left)
		insn_advance(vcpu, insn);
}

void insn_store_retire(struct vbh_vcpu *vcpu, const struct insn *insn, u64 old)
{
	u64 flags = host_reg(vcpu, VBH_REG_RFLAGS);
	struct effect e;

	if (insn->op == INSN_MOVS || insn->op == INSN_STOS) {
		retire_string(vcpu, insn);
		return;
	}
	old = low_bytes(old, insn->size);
	if (compute(vcpu, insn, old, &e))
		return;
	if (insn->op == INSN_XCHG || insn->op == INSN_XADD)
		set_reg(vcpu, insn->reg, insn->high_byte, insn->size, old);
	if (insn->op == INSN_CMPXCHG && !(e.flags & ZF))
		set_reg(vcpu, VBH_REG_RAX, false, insn->size, old);
	if (e.mask)
		host_set_reg(vcpu, VBH_REG_RFLAGS, (flags & ~e.mask) | (e.flags & e.mask));
	insn_advance(vcpu, insn);
}
