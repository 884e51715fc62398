// SPDX-License-Identifier: LGPL-2.1
/* See shape.h. */
#include <string.h>
#include "insn.h"
#include "shape.h"

static const struct alt_shape alt_shapes[] = {
	{ 12, false },		/* s32, s32, u16 feature with a flag, u8, u8 */
	{ 14, true },		/* s32, s32, u16 feature, u16 flags, u8, u8 */
};

const struct alt_shape *alt_shape(size_t size)
{
	for (size_t i = 0; i < sizeof(alt_shapes) / sizeof(alt_shapes[0]); i++)
		if (alt_shapes[i].size == size)
			return &alt_shapes[i];
	return NULL;
}

size_t alt_size(size_t entsize, size_t len, size_t places)
{
	if (entsize)
		return len % entsize ? 0 : entsize;
	return places < 2 || places % 2 || len % (places / 2) ? 0 : len / (places / 2);
}

#define OLD_ALT_NOT	0x8000u	/* ALTINSTR_FLAG_INV */
#define ALT_NOT		1u	/* ALT_FLAG_NOT */
#define ALT_DIRECT_CALL	2u	/* ALT_FLAG_DIRECT_CALL */

void alt_read(const struct alt_shape *shape, const uint8_t *entry, struct alt *alt)
{
	uint16_t flags = 0;

	memcpy(&alt->feature, entry + 8, sizeof(alt->feature));
	if (shape->size == 14) {
		memcpy(&flags, entry + 10, sizeof(flags));
	} else {
		flags = alt->feature & OLD_ALT_NOT ? ALT_NOT : 0;
		alt->feature &= (uint16_t)~OLD_ALT_NOT;
	}
	alt->inverted = flags & ALT_NOT;
	alt->direct_call = flags & ALT_DIRECT_CALL;
	alt->len = entry[shape->size - 2];
	alt->replacement_len = entry[shape->size - 1];
}

/* arch/x86/include/asm/nops.h */
static const uint8_t nops[12][11] = {
	{ 0 }, { 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0x00 }, { 0x0f, 0x1f, 0x40, 0x00 },
	{ 0x0f, 0x1f, 0x44, 0x00, 0x00 }, { 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 },
	{ 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 },
	{ 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
	{ 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
	{ 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
	{ 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
};

void nops_fill(enum nop_form form, uint8_t *p, size_t n)
{
	size_t longest = form == NOPS_OF_90 ? 8 : 11;

	if (form != NOPS_OF_90 && n > longest) {
		uint32_t over = (uint32_t)n - 5;

		memset(p, 0xcc, n);
		if (n < 128) {
			p[0] = 0xeb;
			p[1] = (uint8_t)(n - 2);
		} else {
			p[0] = 0xe9;
			memcpy(p + 1, &over, sizeof(over));
		}
		return;
	}
	while (n) {
		size_t len = n < longest ? n : longest;

		memcpy(p, nops[len], len);
		p += len;
		n -= len;
	}
}

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n && !*p) {
		p++;
		n--;
	}
	return !n;
}

/* insn_is_nop() of arch/x86/lib/insn-eval.c, where it has a file of its own. */
static bool is_wide_nop(const uint8_t *p, const struct insn *i)
{
	uint8_t reg = (i->modrm >> 3 & 7) | (i->rex & 4) << 1;
	uint8_t rm = (i->modrm & 7) | (i->rex & 1) << 3;
	size_t disp, at = 0;

	switch (i->op[0]) {
	case 0xe9:
	case 0xeb:
		return is_zero(p + i->imm, i->imm_len);
	case 0x89:
		return i->modrm >> 6 == 3 && i->rex & 8 && reg == rm;
	case 0x8d:
		disp = i->modrm >> 6 == 1 ? 1 : i->modrm >> 6 == 2 ? 4 : 0;
		while (p[at] == 0x3e)
			at++;
		/* Prefixes but DS: it is not looked at what they are. */
		if (!disp || !(i->rex & 8) || p[at] != i->rex)
			return false;
		if ((i->modrm & 7) == 4) {
			uint8_t sib = p[i->len - disp - 1];

			if (sib >> 6 || (sib >> 3 & 7) != 4 || i->rex & 2)
				return false;
			rm = (sib & 7) | (i->rex & 1) << 3;
		}
		return is_zero(p + i->len - disp, disp) && reg == rm;
	}
	return false;
}

static bool is_nop(enum nop_form form, const uint8_t *p, const struct insn *i)
{
	if (i->vex)
		return false;
	if (i->op[0] == 0x90)
		return form == NOPS_OF_90 ? i->len == 1 :
		       !i->rep && !(form == NOPS_WIDE && i->rex & 1);
	if (form == NOPS_OF_90)
		return false;
	if (i->op[0] == 0x0f)
		return i->op[1] == 0x1f &&
		       !(form == NOPS_WIDE && (i->modrm & 0x38 || i->rex & 4));
	return form == NOPS_WIDE && is_wide_nop(p, i);
}

void nops_optimize(enum nop_form form, uint8_t *p, size_t n)
{
	struct insn i;

	for (size_t at = 0, next; at < n; at = next) {
		bool one = true;

		if (!insn_decode(p + at, n - at, &i))
			return;
		next = at + i.len;
		if (!is_nop(form, p + at, &i))
			continue;
		/* One that is the last is long enough. */
		if (form != NOPS_OF_90 && next == n)
			return;
		while (next < n && insn_decode(p + next, n - next, &i) &&
		       is_nop(form, p + next, &i)) {
			next += i.len;
			one = false;
		}
		if (form != NOPS_OF_90 || !one)
			nops_fill(form, p + at, next - at);
	}
}

bool jump_shorten(const struct alt_shape *shape, uint8_t *p, int64_t distance)
{
	int64_t rel = distance - 2;

	if (!shape->relocated) {
		/* recompute_jump(): what it does with a distance below zero is none. */
		if (distance < 0 ? (rel & 0xff) != rel : rel > 127)
			return false;
	} else if (rel < -128 || rel > 127) {
		return false;
	}
	p[0] = 0xeb;
	p[1] = (uint8_t)rel;
	if (shape->relocated)
		memset(p + 2, 0xcc, 3);
	else
		nops_fill(NOPS_OF_90, p + 2, 3);
	return true;
}

/* CALL or JMP *%reg in `room` bytes, or more of them than there are. */
static size_t emit_indirect(enum indirect_form form, bool call, unsigned int reg, uint8_t *p,
			    size_t room)
{
	size_t n = 0, len = 2 + (reg >= 8);

	if (len > room)
		return len;
	if (form == INDIRECT_PREFIXES && call && room - len <= 3)
		while (n < room - len)
			p[n++] = 0x2e;
	if (reg >= 8)
		p[n++] = 0x41;
	p[n++] = 0xff;
	p[n++] = (uint8_t)((call ? 0xd0 : 0xe0) + (reg & 7));
	if (!call && n < room)
		p[n++] = 0xcc;
	while (form == INDIRECT_PREFIXES && !call && n < room)
		p[n++] = 0xcc;
	return n;
}

bool retpoline_inline(enum indirect_form form, const uint8_t *insn, size_t len, bool lfence,
		      unsigned int reg, uint8_t *out)
{
	static const uint8_t fence[] = { 0x0f, 0xae, 0xe8 };
	bool jcc = insn[0] == 0x0f, call = !jcc && insn[len - 5] == 0xe8;
	size_t n = 0;

	if (jcc) {
		out[n++] = (uint8_t)(0x70 + ((insn[1] & 0xf) ^ 1));
		out[n++] = (uint8_t)(len - 2);
	}
	if (lfence) {
		if (n + sizeof(fence) > len)
			return false;
		memcpy(out + n, fence, sizeof(fence));
		n += sizeof(fence);
	}
	n += emit_indirect(form, call, reg, out + n, len - n);
	if (n > len)
		return false;
	memset(out + n, 0x90, len - n);
	return true;
}

const uint8_t endbr_poisons[NR_ENDBR_POISONS][4] = {
	{ 0x66, 0x0f, 0x1f, 0x00 },	/* a NOP of 3 bytes and a prefix */
	{ 0x0f, 0x1f, 0x40, 0xd6 },	/* UDB in a NOP */
};

static bool among(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

bool section_is_dropped(const char *name)
{
	static const char * const names[] = {
		"__versions", "__version_ext_crcs", "__version_ext_names", ".modinfo",
		".data..percpu", NULL
	};

	return among(name, names);
}

bool section_is_ro_after_init(const char *name)
{
	static const char * const names[] = {
		".data..ro_after_init", "__jump_table", NULL
	};

	return among(name, names);
}

bool section_is_static_calls(const char *name)
{
	return !strcmp(name, ".static_call_sites");
}

bool section_is_of_loader(const char *name)
{
	static const char * const names[] = {
		".altinstructions", ".parainstructions", ".call_sites", ".retpoline_sites",
		".return_sites", ".ibt_endbr_seal", NULL
	};

	return among(name, names);
}

bool section_is_sorted(const char *name)
{
	static const char * const names[] = {
		"__mcount_loc", ".orc_unwind", ".orc_unwind_ip", NULL
	};

	return among(name, names);
}
