/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small kernel in the test body's memory: text with one patch site and more of
 * every kind, ftrace's two callers, a module in pages that lie apart, a page for
 * a trampoline; and text_poke() as Linux does it.
 */
#ifndef PATCH_WORLD_H
#define PATCH_WORLD_H

#include "body.h"
#include "text/patch.h"

#define KTEXT		0xffffffff81000000ull
#define KTEXT_GPA	AT_TEXT
#define KTEXT_LEN	0x4000u
#define KTEXT_TAG	1
#define MOD		0xffffffffc0000000ull	/* two pages, apart */
#define MOD_GPA0	0x20000ull
#define MOD_GPA1	0x28000ull
#define MOD_TAG		7
#define TRAMP		0xffffffffc0100000ull	/* where ftrace will put a trampoline */
#define TRAMP_GPA	0x30000ull
#define BPF		0xffffffffc0200040ull	/* code that nobody has handed over */
#define SOURCE		0x3000ull		/* what text_poke() copies from */
#define POKE		0x7fff0000ull		/* where it maps the pages */

/* Sites and functions, by their offset in KTEXT. */
enum {
	J2 = 0x010, J2_TO = 0x040,
	J5 = 0x020, J5_TO = 0x300,
	J5B = 0x025, J5B_TO = 0x320,	/* right behind J5 */
	F1 = 0x100, F2 = 0x200, F3 = 0x214,	/* functions with a __mcount_loc */
	C1 = 0x110, C2 = 0x210 - 5,
	T1 = 0x120, TJ = 0x130,
	SCT = 0x400,
	NOTRACE = 0x500, THUNK = 0x510, OPS_LIST = 0x520,
	FC = 0x600, FC_OP = 0x610, FC_CALL = 0x620, FC_END = 0x650,
	FR = 0x700, FR_OP = 0x710, FR_CALL = 0x730, FR_JMP = 0x740, FR_END = 0x765,
	F4 = 0xffd,		/* across a page; its CALL has two bytes on each */
	J5X = 0x1ffc, J5X_TO = 0x2100,
	CX = 0x2ffe,
	/* in the module */
	MF1 = 0x80, MX = 0xffc,
};

/* Protects the text and hands over everything but the module. */
void world_make(void);
void world_module(void);
void world_seal(void);

u8 *text(u64 gva);
/* The bytes of an instruction with a rel32 or a rel8. */
void insn_to(u8 *bytes, u8 opcode, u64 at, u64 to);
extern const u8 nop2[2], nop5[5], xor5[5], ret5[5];

s64 hand_over(u8 kind, u8 len, u64 addr, u64 target);
s64 hand_over_text(u64 gva, u64 gpa, u64 len, u32 tag);

/* CPU writes n bytes by REP MOVSB through a mapping of its own: all done? */
bool poke(u32 cpu, u64 gva, const void *bytes, u32 n);
/* The same by a MOV of 1, 2, 4 or 8 bytes. */
bool poke_mov(u32 cpu, u64 gva, const void *bytes, u32 n);
/* text_poke_bp(): all three phases were let through? */
bool text_poke_bp(u64 gva, const void *bytes, u32 n);
/* Does a CALL of `to` from the site at gva go through, and stand there then? */
bool patch_call(u64 gva, u64 to);

/* What create_trampoline() makes; func is what it calls. */
void make_trampoline(u64 gva, u64 gpa, bool regs, u64 func);

#endif
