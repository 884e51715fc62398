// SPDX-License-Identifier: GPL-2.0-only
/*
 * The decoder against Zydis, an independent disassembler: whatever one of them
 * takes for an instruction that VBH knows, the other must take for the same,
 * field by field. Every opcode with every ModRM byte and a list of prefixes, in
 * all three modes; then random bytes; then code that the compiler made.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include <Zydis/Zydis.h>
#include "decode_body.h"

#define RANDOM_ROUNDS	5000000u
#define MAX_SHOWN	20u

static ZydisDecoder decoders[9];	/* by mode: 2, 4, 8 */
static u32 wrong;
static u64 agreed;			/* instructions that both took */
/* 15 bytes on the heap, so that the sanitizer sees a read beyond them. */
static u8 *code;

/* A mnemonic that is an operation of ours whenever it isn't a vector instruction. */
static const struct known {
	ZydisMnemonic mnemonic;
	u8 op;
	u8 sub;
} known[] = {
	{ ZYDIS_MNEMONIC_ADD, INSN_ALU, 0 }, { ZYDIS_MNEMONIC_OR, INSN_ALU, 1 },
	{ ZYDIS_MNEMONIC_ADC, INSN_ALU, 2 }, { ZYDIS_MNEMONIC_SBB, INSN_ALU, 3 },
	{ ZYDIS_MNEMONIC_AND, INSN_ALU, 4 }, { ZYDIS_MNEMONIC_SUB, INSN_ALU, 5 },
	{ ZYDIS_MNEMONIC_XOR, INSN_ALU, 6 }, { ZYDIS_MNEMONIC_INC, INSN_INC_DEC, 0 },
	{ ZYDIS_MNEMONIC_DEC, INSN_INC_DEC, 1 }, { ZYDIS_MNEMONIC_NOT, INSN_NOT_NEG, 2 },
	{ ZYDIS_MNEMONIC_NEG, INSN_NOT_NEG, 3 }, { ZYDIS_MNEMONIC_BTS, INSN_BIT, 5 },
	{ ZYDIS_MNEMONIC_BTR, INSN_BIT, 6 }, { ZYDIS_MNEMONIC_BTC, INSN_BIT, 7 },
	{ ZYDIS_MNEMONIC_XCHG, INSN_XCHG, 0 }, { ZYDIS_MNEMONIC_CMPXCHG, INSN_CMPXCHG, 0 },
	{ ZYDIS_MNEMONIC_XADD, INSN_XADD, 0 }, { ZYDIS_MNEMONIC_MOVNTI, INSN_MOVNTI, 0 },
	{ ZYDIS_MNEMONIC_MOVSB, INSN_MOVS, 0 }, { ZYDIS_MNEMONIC_MOVSW, INSN_MOVS, 0 },
	{ ZYDIS_MNEMONIC_MOVSD, INSN_MOVS, 0 }, { ZYDIS_MNEMONIC_MOVSQ, INSN_MOVS, 0 },
	{ ZYDIS_MNEMONIC_STOSB, INSN_STOS, 0 }, { ZYDIS_MNEMONIC_STOSW, INSN_STOS, 0 },
	{ ZYDIS_MNEMONIC_STOSD, INSN_STOS, 0 }, { ZYDIS_MNEMONIC_STOSQ, INSN_STOS, 0 },
	{ ZYDIS_MNEMONIC_CLTS, INSN_CLTS, 0 }, { ZYDIS_MNEMONIC_LMSW, INSN_LMSW, 6 },
	{ ZYDIS_MNEMONIC_SGDT, INSN_SGDT, 0 }, { ZYDIS_MNEMONIC_SIDT, INSN_SIDT, 1 },
	{ ZYDIS_MNEMONIC_LGDT, INSN_LGDT, 2 }, { ZYDIS_MNEMONIC_LIDT, INSN_LIDT, 3 },
	{ ZYDIS_MNEMONIC_SLDT, INSN_SLDT, 0 }, { ZYDIS_MNEMONIC_STR, INSN_STR, 1 },
	{ ZYDIS_MNEMONIC_LLDT, INSN_LLDT, 2 }, { ZYDIS_MNEMONIC_LTR, INSN_LTR, 3 },
	{ ZYDIS_MNEMONIC_RDMSR, INSN_RDMSR, 0 }, { ZYDIS_MNEMONIC_WRMSR, INSN_WRMSR, 0 },
	{ ZYDIS_MNEMONIC_CPUID, INSN_CPUID, 0 }, { ZYDIS_MNEMONIC_VMCALL, INSN_HYPERCALL, 0 },
	{ ZYDIS_MNEMONIC_VMMCALL, INSN_HYPERCALL, 0 }, { ZYDIS_MNEMONIC_XSETBV, INSN_XSETBV, 0 },
	{ ZYDIS_MNEMONIC_INVD, INSN_INVD, 0 },
};

struct decoded {
	ZydisDecodedInstruction z;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
};

/* MOV has many forms, and only its opcode tells which. */
static bool classify_mov(const ZydisDecodedInstruction *z, struct insn *e)
{
	if (z->opcode_map == ZYDIS_OPCODE_MAP_0F && (z->opcode == 0x20 || z->opcode == 0x22)) {
		e->op = z->opcode == 0x20 ? INSN_MOV_FROM_CR : INSN_MOV_TO_CR;
		return true;
	}
	if (z->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return false;
	switch (z->opcode & 0xfe) {
	case 0x88:
		e->op = INSN_MOV_STORE_REG;
		return true;
	case 0x8a:
		e->op = INSN_MOV_LOAD;
		return true;
	case 0xa2:
		e->op = INSN_MOV_STORE_MOFFS;
		return true;
	case 0xc6:
		e->op = INSN_MOV_STORE_IMM;
		return true;
	}
	return false;
}

/* Forms of known operations that store nowhere but in a register. */
static bool is_register_form(const ZydisDecodedInstruction *z)
{
	u32 op = z->opcode;

	if (z->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return false;
	return (op < 0x40 && (op & 7) >= 2) || (op >= 0x40 && op < 0x50) ||
	       (op >= 0x90 && op < 0x98);
}

static bool classify(const ZydisDecodedInstruction *z, struct insn *e)
{
	u32 i;

	if (z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return false;
	if (z->mnemonic == ZYDIS_MNEMONIC_MOV)
		return classify_mov(z, e);
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (z->mnemonic != known[i].mnemonic)
			continue;
		e->op = known[i].op;
		e->sub = known[i].sub;
		if (e->op == INSN_MOVS && z->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
			return false;
		return !is_register_form(z);
	}
	return false;
}

static bool is_system(u32 op)
{
	return op == INSN_CLTS || op == INSN_RDMSR || op == INSN_WRMSR || op == INSN_CPUID ||
	       op == INSN_HYPERCALL || op == INSN_XSETBV || op == INSN_INVD;
}

static u8 gpr(ZydisRegister reg, bool *high_byte)
{
	s32 id = ZydisRegisterGetId(reg);

	if (ZydisRegisterGetClass(reg) != ZYDIS_REGCLASS_GPR8)
		return id;
	if (high_byte)
		*high_byte = id >= 4 && id < 8;
	return id < 4 ? id : id - 4;
}

static void want_memory(const ZydisDecodedOperandMem *m, struct insn *e)
{
	e->mem = true;
	e->seg = m->segment - ZYDIS_REGISTER_ES;
	e->base = e->index = INSN_NO_REG;
	e->scale = 1;
	if (m->base == ZYDIS_REGISTER_RIP || m->base == ZYDIS_REGISTER_EIP)
		e->base = VBH_REG_RIP;
	else if (m->base != ZYDIS_REGISTER_NONE)
		e->base = gpr(m->base, NULL);
	if (m->index != ZYDIS_REGISTER_NONE) {
		e->index = gpr(m->index, NULL);
		e->scale = m->scale;
	}
	e->disp = m->disp.has_displacement ? m->disp.value : 0;
	if (e->op == INSN_MOV_STORE_MOFFS && e->addr_size < 8)
		e->disp &= (1ull << (8 * e->addr_size)) - 1;
}

static u8 want_size(const ZydisDecodedInstruction *z, u32 op, u32 mode)
{
	if (is_system(op))
		return 0;
	switch (op) {
	case INSN_MOV_TO_CR:
	case INSN_MOV_FROM_CR:
		return mode == 8 ? 8 : 4;
	case INSN_LMSW:
	case INSN_LLDT:
	case INSN_LTR:
		return 2;
	case INSN_LGDT:
	case INSN_LIDT:
	case INSN_SGDT:
	case INSN_SIDT:
		if (mode == 8)
			return 8;
		return (z->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) ? 6 - mode : mode;
	default:
		return z->operand_width / 8;
	}
}

/* What struct insn must be, by Zydis. False: not an instruction of ours. */
static bool oracle(const struct decoded *d, u32 mode, struct insn *e)
{
	const ZydisDecodedInstruction *z = &d->z;
	u32 i, size;

	memset(e, 0, sizeof(*e));
	if (!classify(z, e))
		return false;
	e->len = z->length;
	e->size = want_size(z, e->op, mode);
	e->addr_size = z->address_width / 8;
	e->lock = z->attributes & ZYDIS_ATTRIB_HAS_LOCK;
	e->reg = e->rm = e->base = e->index = INSN_NO_REG;
	e->scale = 1;
	e->seg = 3;
	for (i = 0; i < z->operand_count; i++) {
		const ZydisDecodedOperand *o = &d->ops[i];

		if (e->op == INSN_MOVS || e->op == INSN_STOS)
			break;
		if (o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)
			break;
		if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			want_memory(&o->mem, e);
		} else if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
			size = z->raw.imm[0].size;
			e->imm = (s64)(z->raw.imm[0].value.u << (64 - size)) >> (64 - size);
		} else if (ZydisRegisterGetClass(o->reg.value) == ZYDIS_REGCLASS_CONTROL) {
			e->sub = ZydisRegisterGetId(o->reg.value);
		} else if (e->op == INSN_MOV_TO_CR || e->op == INSN_MOV_FROM_CR) {
			e->rm = e->reg = gpr(o->reg.value, NULL);
		} else if (o->encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM) {
			e->rm = gpr(o->reg.value, &e->rm_high_byte);
		} else {
			e->reg = gpr(o->reg.value, &e->high_byte);
		}
	}
	if (e->op == INSN_MOVS || e->op == INSN_STOS) {
		e->rep = z->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE |
					  ZYDIS_ATTRIB_HAS_REPNE);
		want_memory(&d->ops[e->op == INSN_MOVS].mem, e);
		e->base = VBH_REG_RDI;
		e->reg = e->op == INSN_STOS ? VBH_REG_RAX : INSN_NO_REG;
	}
	return true;
}

static void show(const char *what, u32 mode, const struct insn *g, const struct insn *e, bool diff)
{
	u32 i;

	if (wrong++ >= MAX_SHOWN)
		return;
	printf("mode %u:", mode);
	for (i = 0; i < INSN_MAX; i++)
		printf(" %02x", code[i]);
	printf(": %s\n", what);
	for (i = 0; diff && i < sizeof(*g); i++) {
		if (((const u8 *)g)[i] != ((const u8 *)e)[i])
			printf("\tbyte %u of struct insn: %02x, not %02x\n", i, ((const u8 *)g)[i],
			       ((const u8 *)e)[i]);
	}
}

/* Padding holds nothing: compare what has been copied field by field. */
static void copy_fields(struct insn *to, const struct insn *from)
{
	memset(to, 0, sizeof(*to));
#define COPY(f)	(to->f = from->f)
	COPY(op);
	COPY(len);
	COPY(size);
	COPY(addr_size);
	COPY(sub);
	COPY(reg);
	COPY(high_byte);
	COPY(mem);
	COPY(rm);
	COPY(rm_high_byte);
	COPY(rep);
	COPY(lock);
	COPY(seg);
	COPY(base);
	COPY(index);
	COPY(scale);
	COPY(disp);
	COPY(imm);
#undef COPY
	if (!to->mem)
		to->seg = 3;	/* of nothing */
}

/* What is cut short is said to be, and nothing beyond the end is looked at. */
static void check_truncated(u32 mode, const struct insn *whole)
{
	u32 n = rng_below(whole->len);
	u8 *part = malloc(n ? n : 1);
	struct insn insn;

	memcpy(part, code, n);
	if (insn_decode(part, n, mode, &insn) != -EFAULT)
		show("not -EFAULT when cut short", mode, whole, whole, false);
	free(part);
	if (insn_decode(code, whole->len, mode, &insn) || insn.len != whole->len)
		show("needs more bytes than it has", mode, whole, whole, false);
}

/* The effective address, with registers and segment bases that are all different. */
static void check_linear(u32 mode, const struct insn *insn, const struct decoded *d)
{
	ZydisRegisterContext regs;
	const ZydisDecodedOperand *o = NULL;
	u64 got;
	ZyanU64 want;
	char what[80];
	u32 i;

	for (i = 0; i < d->z.operand_count; i++) {
		if (d->ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY) {
			o = &d->ops[i];
			break;
		}
	}
	if (!o || (insn->op == INSN_BIT && insn->reg != INSN_NO_REG))
		return;
	for (i = 0; i <= VBH_REG_RIP; i++)
		body_regs[i] = rng();
	for (i = 0; i < 16; i++) {
		regs.values[ZYDIS_REGISTER_RAX + i] = body_regs[i];
		regs.values[ZYDIS_REGISTER_EAX + i] = (u32)body_regs[i];
		regs.values[ZYDIS_REGISTER_AX + i] = (u16)body_regs[i];
	}
	body_regs[VBH_REG_CS_MODE] = mode;
	for (i = 0; i < 6; i++)
		body_regs[VBH_REG_ES_BASE + i] = rng();
	if (!ZYAN_SUCCESS(ZydisCalcAbsoluteAddressEx(&d->z, o, body_regs[VBH_REG_RIP], &regs,
						     &want)))
		return;
	i = o->mem.segment - ZYDIS_REGISTER_ES;
	if (mode != 8)
		want = (u32)(want + body_regs[VBH_REG_ES_BASE + i]);
	else if (i >= 4)
		want += body_regs[VBH_REG_ES_BASE + i];
	got = insn_linear(&body_vcpu, insn);
	if (got != want) {
		snprintf(what, sizeof(what), "linear address %llx, not %lx", got, want);
		show(what, mode, insn, insn, false);
	}
}

/*
 * Zydis 4.0 takes SIB base 101 with mod 00 and REX.B for R13D if the address
 * size is 32 bits. It is a displacement alone, as it counts itself in the
 * length; test_decode_native.c asks the processor.
 */
static bool zydis_errs(const ZydisDecodedInstruction *z)
{
	return z->machine_mode == ZYDIS_MACHINE_MODE_LONG_64 && z->address_width == 32 &&
	       z->raw.modrm.mod == 0 && z->raw.modrm.rm == 4 && z->raw.sib.base == 5 &&
	       z->raw.rex.B;
}

/* Does code decode alike? Returns its length by Zydis, or 0. */
static u32 check(u32 mode, bool more)
{
	struct insn insn, got, want;
	struct decoded d;
	bool ours;
	int ret;

	ret = insn_decode(code, INSN_MAX, mode, &insn);
	if (ret && ret != -EINVAL)
		show("an error that isn't -EINVAL", mode, &insn, &insn, false);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoders[mode], code, INSN_MAX, &d.z, d.ops))) {
		if (!ret)
			show("taken, but Zydis says it is none", mode, &insn, &insn, false);
		return 0;
	}
	ours = oracle(&d, mode, &want);
	if (ours != !ret) {
		show(ours ? "refused" : "taken, but Zydis says it is another", mode, &insn, &insn,
		     false);
		return d.z.length;
	}
	if (ret)
		return d.z.length;
	agreed++;
	if (want.mem && zydis_errs(&d.z)) {
		want.base = INSN_NO_REG;
		want.seg = insn.seg;
		want.disp = insn.disp;
		more = false;
	}
	copy_fields(&got, &insn);
	if (memcmp(&got, &want, sizeof(got)))
		show("decoded otherwise", mode, &got, &want, true);
	if (more) {
		check_truncated(mode, &insn);
		check_linear(mode, &insn, &d);
	}
	return d.z.length;
}

static const u8 modes[] = { 2, 4, 8 };

/* Prefixes, as strings that end in 0; from the marked one on only for 64-bit mode. */
static const char *const prefixes[] = {
	"", "\x66", "\x67", "\x66\x67", "\xf0", "\xf2", "\xf3", "\xf0\xf2", "\xf3\xf0",
	"\xf0\x66", "\x66\xf2", "\xf3\x66", "\x67\xf3", "\x26", "\x2e", "\x36", "\x3e",
	"\x64", "\x65", "\x64\x2e", "\x3e\x65", "\x65\x64", "\x67\x26", "\x66\x66\x66\x66",
	"\x2e\x66\x67\xf3\x65",
	"\x40", "\x41", "\x42", "\x44", "\x48", "\x4f", "\x4d", "\x66\x48", "\x48\x66",
	"\x4f\x40", "\x40\x47", "\xf0\x48", "\xf3\x4a", "\xf2\x44", "\x67\x4e", "\x64\x49",
	"\x65\x67\x43", "\x45\xf0", "\x66\xf0\x4c", NULL
};

#define LEGACY_PREFIXES	25

static void place(const char *prefix, u32 opcode, u32 modrm, u32 sib)
{
	u32 pos = strlen(prefix);
	u64 noise = rng();

	memset(code, 0, INSN_MAX);
	memcpy(code, prefix, pos);
	if (opcode & 0x100)
		code[pos++] = 0x0f;
	code[pos++] = opcode;
	code[pos++] = modrm;
	code[pos++] = sib;
	memcpy(code + pos, &noise, INSN_MAX - pos < 8 ? INSN_MAX - pos : 8);
}

static void check_opcode(u32 mode, const char *prefix, u32 opcode)
{
	static const u8 sibs[] = { 0x00, 0x25, 0x64, 0xa5, 0xed, 0x6c, 0xff };
	u32 modrm, i;

	for (modrm = 0; modrm < 256; modrm++) {
		u32 n = (modrm & 7) == 4 && modrm < 0xc0 ? sizeof(sibs) : 1;

		for (i = 0; i < n; i++) {
			place(prefix, opcode, modrm, n > 1 ? sibs[i] : rng());
			check(mode, modrm % 16 == opcode % 16);
		}
	}
}

static void every_opcode_and_modrm_decodes_as_zydis_says(void **state)
{
	u32 m, p, opcode, sib;

	(void)state;
	for (m = 0; m < sizeof(modes); m++) {
		for (p = 0; prefixes[p] && (modes[m] == 8 || p < LEGACY_PREFIXES); p++) {
			for (opcode = 0; opcode < 0x200; opcode++)
				check_opcode(modes[m], prefixes[p], opcode);
			/* Every SIB byte, on one store. */
			for (sib = 0; sib < 3 * 256; sib++) {
				place(prefixes[p], 0x89, 0x04 | (sib >> 8) << 6, sib & 0xff);
				check(modes[m], true);
			}
		}
	}
	assert_int_equal(wrong, 0);
	assert_true(agreed > 1000000);
}

/* Half of them pure noise, half with a known opcode behind random prefixes. */
static void random_bytes_decode_as_zydis_says(void **state)
{
	static const u8 prefix_bytes[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e,
					   0x64, 0x65, 0x40, 0x48, 0x4f, 0x0f };
	u32 i, j, n;

	(void)state;
	for (i = 0; i < RANDOM_ROUNDS; i++) {
		u64 noise[2] = { rng(), rng() };

		memcpy(code, noise, INSN_MAX);
		n = i & 1 ? rng_below(1 + rng_below(14)) : 0;
		for (j = 0; j < n; j++)
			code[j] = prefix_bytes[rng_below(sizeof(prefix_bytes))];
		check(modes[rng_below(3)], (i & 7) == 1);
	}
	assert_int_equal(wrong, 0);
}

/* Code of the kinds that write to text in a kernel, as a compiler makes it. */
#define SAMPLE	__attribute__((section("decode_sample"), noinline, used))

SAMPLE static void sample_copy(u8 *to, const u8 *from, size_t n)
{
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0) : "memory");
	asm volatile("lock cmpxchg %1, (%0)" : : "r"(to), "r"(n) : "memory", "rax");
	asm volatile("lock btsl %1, (%0)" : : "r"(to), "r"((u32)n) : "memory");
}

SAMPLE static u32 sample_poke(volatile u64 *words, volatile u16 *shorts, volatile u8 *bytes, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		words[i] = 0xcc00000000ull + i;
		words[i + 1] |= i;
		shorts[i * 2] ^= 0x55aa;
		bytes[i] = 0xcc;
		bytes[i + 1]++;
		bytes[i + 2] -= i;
		*(volatile u32 *)&words[i + 4] = ~*(volatile u32 *)&words[i + 8];
	}
	return i;
}

extern const u8 __start_decode_sample[], __stop_decode_sample[];

static void compiled_code_decodes_as_zydis_says(void **state)
{
	const u8 *p = __start_decode_sample;
	u64 before = agreed;

	(void)state;
	assert_ptr_not_equal(sample_copy, NULL);
	assert_ptr_not_equal(sample_poke, NULL);
	while (p < __stop_decode_sample) {
		u32 left = __stop_decode_sample - p;
		u32 len;

		memset(code, 0x90, INSN_MAX);
		memcpy(code, p, left < INSN_MAX ? left : INSN_MAX);
		len = check(8, true);
		assert_int_not_equal(len, 0);
		p += len;
	}
	assert_int_equal(wrong, 0);
	assert_true(agreed - before > 10);
}

static void more_than_15_bytes_are_no_instruction(void **state)
{
	static const u8 nop[16] = { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
				    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x88, 0x00 };
	struct insn insn;

	(void)state;
	assert_int_equal(insn_decode(nop, 16, 8, &insn), -EINVAL);
	assert_int_equal(insn_decode(nop + 1, 15, 8, &insn), 0);
	assert_int_equal(insn.len, 15);
	assert_int_equal(insn_decode(nop + 1, 14, 8, &insn), -EFAULT);
	assert_int_equal(insn_decode(nop, 0, 8, &insn), -EFAULT);
}

static int setup(void **state)
{
	(void)state;
	code = malloc(INSN_MAX);
	rng_state = 0x1234567;
	ZydisDecoderInit(&decoders[2], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	ZydisDecoderInit(&decoders[4], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&decoders[8], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return !code;
}

static int teardown(void **state)
{
	(void)state;
	free(code);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_than_15_bytes_are_no_instruction),
		cmocka_unit_test(compiled_code_decodes_as_zydis_says),
		cmocka_unit_test(every_opcode_and_modrm_decodes_as_zydis_says),
		cmocka_unit_test(random_bytes_decode_as_zydis_says),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
