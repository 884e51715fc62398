// SPDX-License-Identifier: LGPL-2.1
/* See insn.h. Intel SDM 2, chapter 2 and appendix A: the opcode maps. */
#include <string.h>
#include "insn.h"

#define MAX_LEN		15

/* What follows an opcode: a ModRM byte, an immediate; Z is 4 bytes, with 66 two. */
#define M		(1u << 4)
#define Z		(1u << 5)
#define V		(1u << 6)	/* 8 with REX.W, else Z */
#define BAD		(1u << 7)
#define IMM		15u

/* The one-byte map from 40 on; below it there is a rule. */
static const uint8_t one[256] = {
	[0x62] = BAD,
	[0x60] = BAD, [0x61] = BAD, [0x63] = M,
	[0x68] = Z, [0x69] = M | Z, [0x6a] = 1, [0x6b] = M | 1,
	[0x70 ... 0x7f] = 1,
	[0x80] = M | 1, [0x81] = M | Z, [0x82] = BAD, [0x83] = M | 1, [0x84 ... 0x8f] = M,
	[0x9a] = BAD,
	[0xa0 ... 0xa3] = 8, [0xa8] = 1, [0xa9] = Z,
	[0xb0 ... 0xb7] = 1, [0xb8 ... 0xbf] = V,
	[0xc0] = M | 1, [0xc1] = M | 1, [0xc2] = 2, [0xc4] = BAD, [0xc5] = BAD,
	[0xc6] = M | 1, [0xc7] = M | Z, [0xc8] = 3, [0xca] = 2, [0xcd] = 1, [0xce] = BAD,
	[0xd0 ... 0xd3] = M, [0xd4] = BAD, [0xd5] = BAD, [0xd8 ... 0xdf] = M,
	[0xe0 ... 0xe7] = 1, [0xe8] = 4, [0xe9] = 4, [0xea] = BAD, [0xeb] = 1,
	[0xf6] = M, [0xf7] = M, [0xfe] = M, [0xff] = M,
};

/* Behind 0F: a ModRM byte but for these. */
static uint8_t two(uint8_t op)
{
	switch (op) {
	case 0x05 ... 0x09:
	case 0x0b:
	case 0x0e:
	case 0x30 ... 0x37:
	case 0x77:
	case 0xa0 ... 0xa2:
	case 0xa8 ... 0xaa:
	case 0xc8 ... 0xcf:
		return 0;
	case 0x80 ... 0x8f:
		return 4;
	case 0x0f:
	case 0x70 ... 0x73:
	case 0xa4:
	case 0xac:
	case 0xba:
	case 0xc2:
	case 0xc4 ... 0xc6:
		return M | 1;
	case 0x04:
	case 0x0a:
	case 0x0c:
		return BAD;
	default:
		return M;
	}
}

static uint8_t low(uint8_t op)
{
	static const uint8_t columns[8] = { M, M, M, M, 1, Z, BAD, BAD };

	return op & 0xc0 ? one[op] : columns[op & 7];
}

/* VEX or EVEX at `at`: the map, and where the opcode is; 0: neither. No kernel has XOP. */
static size_t vex(const uint8_t *p, size_t n, size_t at, uint8_t *map)
{
	if (p[at] == 0xc5 && n - at > 2) {
		*map = 1;
		return at + 2;
	}
	if (p[at] == 0xc4 && n - at > 3) {
		*map = p[at + 1] & 31;
		return at + 3;
	}
	if (p[at] == 0x62 && n - at > 4) {
		*map = p[at + 1] & 7;
		return at + 4;
	}
	return 0;
}

/* ModRM and what it says follows: how many bytes; 0: they are not all there. */
static size_t modrm(const uint8_t *p, size_t n, size_t at, struct insn *i)
{
	uint8_t mod, rm;
	size_t len = 1;

	if (at >= n)
		return 0;
	i->has_modrm = true;
	i->modrm = p[at];
	mod = p[at] >> 6;
	rm = p[at] & 7;
	if (mod == 3)
		return 1;
	if (rm == 4) {
		if (at + 1 >= n)
			return 0;
		if (!mod && (p[at + 1] & 7) == 5)
			len += 4;
		len++;
	} else if (!mod && rm == 5) {
		i->rip = (uint8_t)(at + 1);
		len += 4;
	}
	return len + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

static bool is_prefix(uint8_t byte)
{
	static const uint8_t prefixes[] = {
		0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65,
	};

	return memchr(prefixes, byte, sizeof(prefixes));
}

/* What follows the opcode at `at`, which is gone behind. */
static uint8_t opcode(const uint8_t *p, size_t n, size_t *at, struct insn *i)
{
	uint8_t map, what;
	size_t behind;

	if (*at < n && (p[*at] & 0xf0) == 0x40)
		i->rex = p[(*at)++];
	if (*at >= n)
		return BAD;
	behind = i->rex ? 0 : vex(p, n, *at, &map);
	if (behind) {
		i->vex = true;
		i->op[0] = p[behind];
		*at = behind + 1;
		if (map == 3)
			return M | 1;
		what = map == 1 ? two(i->op[0]) : M;
		return i->op[0] == 0x77 && map == 1 ? 0 : (what & ~4u) | M;
	}
	i->op[0] = p[(*at)++];
	if (i->op[0] != 0x0f)
		return low(i->op[0]);
	if (*at >= n)
		return BAD;
	i->op[1] = p[(*at)++];
	if (i->op[1] != 0x38 && i->op[1] != 0x3a)
		return two(i->op[1]);
	if (*at >= n)
		return BAD;
	(*at)++;
	return i->op[1] == 0x38 ? M : M | 1;
}

bool insn_decode(const uint8_t *p, size_t n, struct insn *i)
{
	size_t at = 0, imm, len = 0;
	bool narrow = false, address = false;
	uint8_t what;

	memset(i, 0, sizeof(*i));
	if (n > MAX_LEN)
		n = MAX_LEN;
	for (; at < n && is_prefix(p[at]); at++) {
		narrow |= p[at] == 0x66;
		address |= p[at] == 0x67;
		i->rep |= p[at] == 0xf3;
	}
	what = opcode(p, n, &at, i);
	if (what == BAD)
		return false;
	if (what & M)
		len = modrm(p, n, at, i);
	if (what & M && !len)
		return false;
	at += len;
	imm = what & IMM;
	if (what & V)
		imm = i->rex & 8 ? 8 : narrow ? 2 : 4;
	else if (what & Z)
		imm = narrow && !(i->rex & 8) ? 2 : 4;
	if (!i->vex && imm == 8 && address && (i->op[0] & 0xfc) == 0xa0)
		imm = 4;
	/* TEST, alone of group 3. */
	if (!i->vex && (i->op[0] & 0xfe) == 0xf6 && !(i->modrm & 0x30))
		imm = i->op[0] == 0xf6 ? 1 : narrow && !(i->rex & 8) ? 2 : 4;
	if (at + imm > n)
		return false;
	i->imm = (uint8_t)at;
	i->imm_len = (uint8_t)imm;
	i->len = (uint8_t)(at + imm);
	return true;
}

bool insn_is_branch(const struct insn *i)
{
	if (i->vex)
		return false;
	return i->op[0] == 0xe8 || i->op[0] == 0xe9 || i->op[0] == 0xeb ||
	       (i->op[0] & 0xf0) == 0x70 || (i->op[0] == 0x0f && (i->op[1] & 0xf0) == 0x80);
}
