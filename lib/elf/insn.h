/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * Instructions of 64-bit code by their length, and where in them a distance is:
 * as much of a decoder as the rewriting of code at boot takes (shape.h).
 */
#ifndef LIB_ELF_INSN_H
#define LIB_ELF_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct insn {
	uint8_t len;
	uint8_t op[2];		/* its opcode; op[1] behind 0F only */
	uint8_t modrm;		/* its byte, if has_modrm */
	uint8_t imm, imm_len;	/* where its immediate is; imm_len 0: it has none */
	uint8_t rip;		/* where a 32-bit distance from RIP is; 0: it has none */
	bool has_modrm, vex;	/* vex: or EVEX, and then op is not that of the same bytes */
	bool rep;		/* F3 */
	uint8_t rex;		/* or 0 */
};

/* One instruction of at most n bytes; false: none begins with these. */
bool insn_decode(const uint8_t *p, size_t n, struct insn *i);

/* CALL, JMP or Jcc with a distance, which is its immediate. */
bool insn_is_branch(const struct insn *i);

#endif
