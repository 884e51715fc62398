// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instruction bytes to struct insn. One table row for each form that is known;
 * what no row fits is -EINVAL, so that an instruction is understood exactly or
 * not at all. Pure: reads the bytes it is given, and nothing else.
 *
 * Encodings: AMD APM volume 3, chapters 1 and 3, appendix A; Intel SDM volume
 * 2, chapters 2 to 5 and appendix A.
 */
#include "decode.h"
#include "../errno.h"

/* How the operands of a row are encoded. */
#define MODRM	(1u << 0)	/* a ModRM byte, whose reg field is a register */
#define GROUP	(1u << 1)	/* a ModRM byte, whose reg field is part of the opcode */
#define EXACT	(1u << 2)	/* the whole ModRM byte is part of the opcode (row->digits) */
#define MEM	(1u << 3)	/* r/m must be memory */
#define CREG	(1u << 4)	/* ModRM: a control register, and a register whatever mod says */
#define MOFFS	(1u << 5)	/* an address instead of ModRM */
#define STRING	(1u << 6)	/* rDI, rSI and rAX are implied, and REP counts */
#define IMM	(1u << 7)	/* immediate of operand size, at most 4 bytes */
#define IMM8	(1u << 8)	/* immediate of one byte */
#define BYTE	(1u << 9)	/* one byte if bit 0 of the opcode is clear */
#define WORD	(1u << 10)	/* two bytes, whatever prefixes say */
#define WIDE	(1u << 11)	/* eight bytes in 64-bit mode, whatever prefixes say */
#define NOSIZE	(1u << 12)	/* no explicit operand */
#define LOCKED	(1u << 13)	/* LOCK is good if r/m is memory */
#define PLAIN	(1u << 14)	/* 66, F2 or F3 make it another instruction, or none */
#define NO64	(1u << 15)	/* not in 64-bit mode */

#define ANY_RM	(MODRM | GROUP | EXACT | CREG)

struct row {
	u16 opcode;		/* 0x100: after 0F */
	u16 mask;		/* bits of the opcode that count */
	u8 op;
	u8 digits;		/* values of insn->sub that exist, as bits; 0: no sub */
	u32 form;
};

#define ONE	0x1ff
#define PAIR	0x1fe
/* All of 00 to 3F that are `op r/m, r`: the operation stands in bits 3 to 5. */
#define ALU	0x1c6
/* Likewise 0F A3, AB, B3, BB. */
#define BITS	0x1e7

static const struct row rows[] = {
	{ 0x088, PAIR, INSN_MOV_STORE_REG, 0, MODRM | BYTE },
	{ 0x0c6, PAIR, INSN_MOV_STORE_IMM, 0x01, GROUP | BYTE | IMM },
	{ 0x08a, PAIR, INSN_MOV_LOAD, 0, MODRM | BYTE },
	{ 0x0a4, PAIR, INSN_MOVS, 0, STRING | BYTE },
	{ 0x0aa, PAIR, INSN_STOS, 0, STRING | BYTE },
	{ 0x0a2, PAIR, INSN_MOV_STORE_MOFFS, 0, MOFFS | BYTE },
	{ 0x086, PAIR, INSN_XCHG, 0, MODRM | BYTE | LOCKED },
	{ 0x000, ALU, INSN_ALU, 0x7f, MODRM | BYTE | LOCKED },
	{ 0x080, PAIR, INSN_ALU, 0x7f, GROUP | BYTE | IMM | LOCKED },
	{ 0x082, ONE, INSN_ALU, 0x7f, GROUP | BYTE | IMM8 | LOCKED | NO64 },
	{ 0x083, ONE, INSN_ALU, 0x7f, GROUP | IMM8 | LOCKED },
	{ 0x0fe, PAIR, INSN_INC_DEC, 0x03, GROUP | BYTE | LOCKED },
	{ 0x0f6, PAIR, INSN_NOT_NEG, 0x0c, GROUP | BYTE | LOCKED },
	{ 0x1a3, BITS, INSN_BIT, 0xe0, MODRM | LOCKED },
	{ 0x1ba, ONE, INSN_BIT, 0xe0, GROUP | IMM8 | LOCKED },
	{ 0x1b0, PAIR, INSN_CMPXCHG, 0, MODRM | BYTE | LOCKED },
	{ 0x1c0, PAIR, INSN_XADD, 0, MODRM | BYTE | LOCKED },
	{ 0x1c3, ONE, INSN_MOVNTI, 0, MODRM | MEM | PLAIN },
	{ 0x122, ONE, INSN_MOV_TO_CR, 0, CREG | WIDE },
	{ 0x120, ONE, INSN_MOV_FROM_CR, 0, CREG | WIDE },
	{ 0x106, ONE, INSN_CLTS, 0, NOSIZE },
	{ 0x101, ONE, INSN_LMSW, 0x40, GROUP | WORD },
	{ 0x101, ONE, INSN_LGDT, 0x04, GROUP | MEM | WIDE },
	{ 0x101, ONE, INSN_LIDT, 0x08, GROUP | MEM | WIDE },
	{ 0x101, ONE, INSN_SGDT, 0x01, GROUP | MEM | WIDE },
	{ 0x101, ONE, INSN_SIDT, 0x02, GROUP | MEM | WIDE },
	{ 0x100, ONE, INSN_SLDT, 0x01, GROUP },
	{ 0x100, ONE, INSN_STR, 0x02, GROUP },
	{ 0x100, ONE, INSN_LLDT, 0x04, GROUP | WORD },
	{ 0x100, ONE, INSN_LTR, 0x08, GROUP | WORD },
	{ 0x132, ONE, INSN_RDMSR, 0, NOSIZE },
	{ 0x130, ONE, INSN_WRMSR, 0, NOSIZE },
	{ 0x1a2, ONE, INSN_CPUID, 0, NOSIZE },
	{ 0x101, ONE, INSN_HYPERCALL, 0xc1, EXACT | PLAIN | NOSIZE },
	/* With F2 or F3, VMGEXIT; but only in an SEV-ES guest (APM 3, VMGEXIT). */
	{ 0x101, ONE, INSN_HYPERCALL, 0xd9, EXACT | NOSIZE },
	{ 0x101, ONE, INSN_XSETBV, 0xd1, EXACT | PLAIN | NOSIZE },
	{ 0x108, ONE, INSN_INVD, 0, NOSIZE },
};

#define SEG_ES		0
#define SEG_SS		2
#define SEG_DS		3
#define SEG_FS		4
#define SEG_NONE	0xff

#define REX_W		8
#define REX_R		4
#define REX_X		2
#define REX_B		1

/* The bytes, how far they have been read, and the prefixes found on the way. */
struct text {
	const u8 *bytes;
	u32 n;
	u32 pos;
	u32 mode;
	u8 rex;			/* 0, or the whole prefix */
	u8 seg;
	bool opsize;
	bool addrsize;
	bool rep;
	bool lock;
};

/* Take len bytes, little-endian. */
static int next(struct text *t, u32 len, u64 *value)
{
	u32 i;

	if (t->pos + len > INSN_MAX)
		return -EINVAL;
	if (t->pos + len > t->n)
		return -EFAULT;
	*value = 0;
	for (i = 0; i < len; i++)
		*value |= (u64)t->bytes[t->pos++] << (8 * i);
	return 0;
}

/* The same, sign-extended. */
static int next_signed(struct text *t, u32 len, u64 *value)
{
	int ret = next(t, len, value);
	u64 sign;

	if (!ret && len) {
		sign = 1ull << (8 * len - 1);
		*value = (*value ^ sign) - sign;
	}
	return ret;
}

/* A register field of three bits and the REX bit that widens it. */
static u8 reg_number(const struct text *t, u32 field, u32 rex_bit)
{
	return (field & 7) | (t->rex & rex_bit ? 8 : 0);
}

/* SPL to DIL need a REX prefix; without one these numbers are AH to BH. */
static bool is_high_byte(const struct text *t, const struct insn *insn, u8 reg)
{
	return insn->size == 1 && !t->rex && reg >= VBH_REG_RSP;
}

/*
 * Prefixes may stand in any order and be repeated; of several segments the last
 * counts. REX counts only directly before the opcode. In 64-bit mode the
 * segments below FS are no prefixes at all: they don't even cancel FS or GS.
 */
static int decode_prefixes(struct text *t)
{
	u64 b;
	int ret;

	for (;;) {
		ret = next(t, 1, &b);
		if (ret)
			return ret;
		if (t->mode == 8 && (b & 0xf0) == 0x40) {
			t->rex = b;
			continue;
		}
		switch (b) {
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			if (t->mode != 8)
				t->seg = (b >> 3) & 3;
			break;
		case 0x64:
		case 0x65:
			t->seg = SEG_FS + (b & 1);
			break;
		case 0x66:
			t->opsize = true;
			break;
		case 0x67:
			t->addrsize = true;
			break;
		case 0xf0:
			t->lock = true;
			break;
		case 0xf2:
		case 0xf3:
			t->rep = true;
			break;
		default:
			t->pos--;
			return 0;
		}
		t->rex = 0;
	}
}

static int decode_opcode(struct text *t, u32 *opcode)
{
	u64 b;
	int ret;

	ret = next(t, 1, &b);
	if (ret)
		return ret;
	*opcode = b;
	if (b != 0x0f)
		return 0;
	ret = next(t, 1, &b);
	*opcode = 0x100 | b;
	return ret;
}

/* What the opcode, or the ModRM byte's reg field instead, says of the operation. */
static u32 row_sub(const struct row *row, u32 opcode, u32 modrm)
{
	return (row->form & GROUP ? modrm : opcode) >> 3 & 7;
}

static bool row_fits(const struct row *row, u32 opcode, u32 modrm)
{
	if (row->form & EXACT)
		return modrm == row->digits;
	if (row->form & MEM && modrm >> 6 == 3)
		return false;
	return !row->digits || row->digits & 1u << row_sub(row, opcode, modrm);
}

/* Find the row, and the ModRM byte if it has one. */
static int find_row(struct text *t, u32 opcode, const struct row **found, u32 *modrm)
{
	u32 start = t->pos;
	u32 i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		u64 b = 0;
		int ret;

		if ((opcode & row->mask) != row->opcode)
			continue;
		t->pos = start;
		ret = row->form & ANY_RM ? next(t, 1, &b) : 0;
		if (ret)
			return ret;
		if (row_fits(row, opcode, b)) {
			*found = row;
			*modrm = b;
			return 0;
		}
	}
	return -EINVAL;
}

/* Is this form of it one that the processor takes, with these prefixes? */
static int check_prefixes(const struct text *t, const struct row *row, u32 modrm)
{
	if (row->form & NO64 && t->mode == 8)
		return -EINVAL;
	if (row->form & PLAIN && (t->rep || t->opsize))
		return -EINVAL;
	if (t->lock && (!(row->form & LOCKED) || modrm >> 6 == 3))
		return -EINVAL;
	return 0;
}

static u8 operand_size(const struct text *t, const struct row *row, u32 opcode)
{
	if (row->form & NOSIZE)
		return 0;
	if (row->form & BYTE && !(opcode & 1))
		return 1;
	if (row->form & WORD)
		return 2;
	if (t->mode == 8 && (row->form & WIDE || t->rex & REX_W))
		return 8;
	if (row->form & CREG)
		return 4;
	return t->opsize == (t->mode == 2) ? 4 : 2;
}

static u8 address_size(const struct text *t)
{
	if (t->mode == 8)
		return t->addrsize ? 4 : 8;
	return t->addrsize == (t->mode == 2) ? 4 : 2;
}

/* 16-bit addressing: the eight pairs that the 8086 had. */
static int decode_mem16(struct text *t, u32 mod, u32 rm, struct insn *insn)
{
	static const u8 pairs[8][2] = {
		{ VBH_REG_RBX, VBH_REG_RSI }, { VBH_REG_RBX, VBH_REG_RDI },
		{ VBH_REG_RBP, VBH_REG_RSI }, { VBH_REG_RBP, VBH_REG_RDI },
		{ VBH_REG_RSI, INSN_NO_REG }, { VBH_REG_RDI, INSN_NO_REG },
		{ VBH_REG_RBP, INSN_NO_REG }, { VBH_REG_RBX, INSN_NO_REG },
	};
	u32 len = mod;		/* mod 1: one byte; mod 2: two */
	u64 disp;
	int ret;

	if (mod == 0 && rm == 6) {
		len = 2;
	} else {
		insn->base = pairs[rm][0];
		insn->index = pairs[rm][1];
	}
	if (insn->base == VBH_REG_RBP)
		insn->seg = SEG_SS;
	ret = next_signed(t, len, &disp);
	insn->disp = disp;
	return ret;
}

/* 32- and 64-bit addressing. */
static int decode_mem(struct text *t, u32 mod, u32 rm, struct insn *insn)
{
	static const u8 disp_len[3] = { 0, 1, 4 };
	u32 len = disp_len[mod];
	u32 base = rm;
	u64 sib, disp;
	int ret;

	if (rm == 4) {
		ret = next(t, 1, &sib);
		if (ret)
			return ret;
		base = sib & 7;
		insn->index = reg_number(t, sib >> 3, REX_X);
		insn->scale = 1 << (sib >> 6);
		if (insn->index == VBH_REG_RSP) {
			insn->index = INSN_NO_REG;
			insn->scale = 1;
		}
	}
	if (mod == 0 && base == 5) {
		len = 4;
		if (rm == 5 && t->mode == 8)
			insn->base = VBH_REG_RIP;
	} else {
		insn->base = reg_number(t, base, REX_B);
	}
	if (insn->base == VBH_REG_RSP || insn->base == VBH_REG_RBP)
		insn->seg = SEG_SS;
	ret = next_signed(t, len, &disp);
	insn->disp = disp;
	return ret;
}

static int decode_rm(struct text *t, u32 modrm, struct insn *insn)
{
	u32 mod = modrm >> 6;

	if (mod == 3) {
		insn->rm = reg_number(t, modrm, REX_B);
		insn->rm_high_byte = is_high_byte(t, insn, insn->rm);
		if (insn->rm_high_byte)
			insn->rm -= 4;
		return 0;
	}
	insn->mem = true;
	if (insn->addr_size == 2)
		return decode_mem16(t, mod, modrm & 7, insn);
	return decode_mem(t, mod, modrm & 7, insn);
}

/* CR0, 2, 3, 4 and, with REX.R, 8. */
static int decode_creg(struct text *t, u32 modrm, struct insn *insn)
{
	insn->sub = reg_number(t, modrm >> 3, REX_R);
	insn->rm = reg_number(t, modrm, REX_B);
	insn->reg = insn->rm;
	if (insn->sub > 8 || !(1u << insn->sub & 0x11d))
		return -EINVAL;
	return 0;
}

/* Everything after the opcode and ModRM: memory operand, registers, immediate. */
static int decode_operands(struct text *t, const struct row *row, u32 modrm, struct insn *insn)
{
	u64 value = 0;
	int ret = 0;

	if (row->form & CREG)
		return decode_creg(t, modrm, insn);
	if (row->form & (MODRM | GROUP))
		ret = decode_rm(t, modrm, insn);
	if (ret)
		return ret;

	if (row->form & MODRM) {
		insn->reg = reg_number(t, modrm >> 3, REX_R);
		insn->high_byte = is_high_byte(t, insn, insn->reg);
		if (insn->high_byte)
			insn->reg -= 4;
	} else if (row->form & MOFFS) {
		insn->mem = true;
		insn->reg = VBH_REG_RAX;
		ret = next(t, insn->addr_size, &value);
		insn->disp = value;
		return ret;
	} else if (row->form & STRING) {
		insn->mem = true;
		insn->reg = row->op == INSN_STOS ? VBH_REG_RAX : INSN_NO_REG;
		insn->base = VBH_REG_RDI;
		insn->rep = t->rep;
	}

	if (row->form & IMM8)
		ret = next_signed(t, 1, &value);
	else if (row->form & IMM)
		ret = next_signed(t, insn->size < 4 ? insn->size : 4, &value);
	insn->imm = value;
	return ret;
}

/* What it is called for a second time is remembered (insn_known()): kept out of the way. */
__attribute__((noinline)) int insn_decode(const u8 *bytes, u32 n, u32 mode, struct insn *insn)
{
	struct text t = { .bytes = bytes, .n = n, .mode = mode, .seg = SEG_NONE };
	const struct row *row;
	u32 opcode, modrm;
	int ret;

	ret = decode_prefixes(&t);
	if (ret)
		return ret;
	ret = decode_opcode(&t, &opcode);
	if (ret)
		return ret;
	ret = find_row(&t, opcode, &row, &modrm);
	if (ret)
		return ret;
	ret = check_prefixes(&t, row, modrm);
	if (ret)
		return ret;

	*insn = (struct insn){
		.op = row->op,
		.size = operand_size(&t, row, opcode),
		.addr_size = address_size(&t),
		.lock = t.lock,
		.reg = INSN_NO_REG,
		.rm = INSN_NO_REG,
		.seg = SEG_DS,
		.base = INSN_NO_REG,
		.index = INSN_NO_REG,
		.scale = 1,
	};
	if (row->digits && !(row->form & EXACT))
		insn->sub = row_sub(row, opcode, modrm);

	ret = decode_operands(&t, row, modrm, insn);
	if (ret)
		return ret;
	if (row->op == INSN_STOS)
		insn->seg = SEG_ES;
	else if (t.seg != SEG_NONE)
		insn->seg = t.seg;
	insn->len = t.pos;
	return 0;
}
