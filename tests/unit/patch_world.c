// SPDX-License-Identifier: GPL-2.0-only
/* See patch_world.h. */
#include "patch_world.h"

#define TEXT_RIGHTS	(VBH_R | VBH_X | VBH_XU)

const u8 nop2[2] = { 0x66, 0x90 };
const u8 nop5[5] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
const u8 xor5[5] = { 0x2e, 0x2e, 0x2e, 0x31, 0xc0 };
const u8 ret5[5] = { 0xc3, 0xcc, 0xcc, 0xcc, 0xcc };

static u64 gpa_of(u64 gva)
{
	if (gva - KTEXT < KTEXT_LEN)
		return KTEXT_GPA + (gva - KTEXT);
	if (gva - MOD < 0x1000)
		return MOD_GPA0 + (gva - MOD);
	if (gva - MOD < 0x2000)
		return MOD_GPA1 + (gva - MOD - 0x1000);
	if (gva - TRAMP < 0x1000)
		return TRAMP_GPA + (gva - TRAMP);
	return ~0ull;
}

u8 *text(u64 gva)
{
	assert_true(gpa_of(gva) != ~0ull);
	return body->mem + gpa_of(gva);
}

void insn_to(u8 *bytes, u8 opcode, u64 at, u64 to)
{
	u32 len = opcode == 0xeb ? 2 : 5;
	s32 rel = (s32)(to - at - len);

	bytes[0] = opcode;
	memcpy(bytes + 1, &rel, len - 1);
}

static void put(u64 gva, const void *bytes, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		*text(gva + i) = ((const u8 *)bytes)[i];
}

static void put_to(u64 at, u8 opcode, u64 to)
{
	u8 bytes[5];

	insn_to(bytes, opcode, at, to);
	put(at, bytes, opcode == 0xeb ? 2 : 5);
}

s64 hand_over(u8 kind, u8 len, u64 addr, u64 target)
{
	struct vbh_site s = { .addr = addr, .kind = kind, .len = len };

	if (target)
		s.target = (s32)(target - addr);
	memcpy(body->mem + AT_REQUEST, &s, sizeof(s));
	return call(VBH_HC_SITES, AT_REQUEST, 1, 0);
}

s64 hand_over_text(u64 gva, u64 gpa, u64 len, u32 tag)
{
	struct vbh_text t = { .gva = gva, .gpa = gpa, .len = len, .tag = tag };

	memcpy(body->mem + AT_REQUEST, &t, sizeof(t));
	return call(VBH_HC_TEXT, AT_REQUEST, 1, 0);
}

static void give(u8 kind, u8 len, u64 at, u64 target)
{
	assert_int_equal(hand_over(kind, len, at, target), 0);
}

/* MOV disp32(%rip), %rdx */
static void put_op(u64 at, s32 disp)
{
	put(at, "\x48\x8b\x15", 3);
	put(at + 3, &disp, 4);
}

static void write_code(void)
{
	static const u32 mcount[] = { F1, F2, F3, F4 };
	u8 jcc[6] = { 0x0f, 0x84 };
	s32 rel = (s32)(F1 - TJ - 6);
	u32 i;

	for (i = 0; i < KTEXT_LEN; i++)
		*text(KTEXT + i) = 0x50 + i % 7;
	put(KTEXT + J2, nop2, 2);
	put(KTEXT + J5, nop5, 5);
	put_to(KTEXT + J5B, 0xe9, KTEXT + J5B_TO);
	put(KTEXT + J5X, nop5, 5);
	for (i = 0; i < 4; i++)
		put(KTEXT + mcount[i], nop5, 5);
	put_to(KTEXT + C1, 0xe8, KTEXT + F1);
	put(KTEXT + C2, nop5, 5);
	put(KTEXT + CX, xor5, 5);
	put_to(KTEXT + T1, 0xe9, KTEXT + F2);
	memcpy(jcc + 2, &rel, 4);
	put(KTEXT + TJ, jcc, 6);
	put(KTEXT + SCT, ret5, 5);
	put_op(KTEXT + FC_OP, 0x1234);
	put_to(KTEXT + FC_CALL, 0xe8, KTEXT + NOTRACE);
	put_op(KTEXT + FR_OP, 0x1234);
	put_to(KTEXT + FR_CALL, 0xe8, KTEXT + NOTRACE);
	put(KTEXT + FR_JMP, "\x75\x30", 2);
}

static void tell_facts(void)
{
	struct vbh_facts f = {
		.size = sizeof(f), .kernel_cr3 = AT_CR3, .poking_cr3 = AT_POKING_CR3,
	};
	struct vbh_ftrace t = {
		.size = sizeof(t), .ret_size = 5, .return_thunk = KTEXT + THUNK,
		.caller = {
			{ KTEXT + FC, KTEXT + FC_END, KTEXT + FC_OP, KTEXT + FC_CALL, 0 },
			{ KTEXT + FR, KTEXT + FR_END, KTEXT + FR_OP, KTEXT + FR_CALL,
			  KTEXT + FR_JMP },
		},
	};

	memcpy(body->mem + AT_REQUEST, &f, sizeof(f));
	assert_int_equal(call(VBH_HC_FACTS, AT_REQUEST, sizeof(f), 0), 0);
	memcpy(body->mem + AT_REQUEST, &t, sizeof(t));
	assert_int_equal(call(VBH_HC_FTRACE, AT_REQUEST, sizeof(t), 0), 0);
}

void world_make(void)
{
	u32 cpu;

	/* The first two mappings are text_poke's. */
	body_map(AT_CR3, POKE, ~0ull);
	body_map(AT_CR3, POKE + 0x1000, ~0ull);
	body_map(AT_CR3, TRAMP, TRAMP_GPA);
	body_map(AT_CR3, BPF, TRAMP_GPA + 0x1000);
	body_code("\xf3\xa4", 2);
	for (cpu = 0; cpu < BODY_CPUS; cpu++)
		body_set(cpu, VBH_REG_RIP, AT_CODE);

	write_code();
	assert_int_equal(add_region(KTEXT_GPA, KTEXT_LEN, TEXT_RIGHTS, KTEXT_TAG, VBH_REGION_KERNEL_TEXT,
				    VBH_RULE_DENY, VBH_REGION_F_PATCHABLE), 0);
	assert_int_equal(hand_over_text(KTEXT, KTEXT_GPA, KTEXT_LEN, KTEXT_TAG), 0);
	tell_facts();
	give(VBH_SITE_ENTRY, 0, KTEXT + NOTRACE, 0);
	give(VBH_SITE_ENTRY, 0, KTEXT + THUNK, 0);
	give(VBH_SITE_ENTRY, 0, KTEXT + OPS_LIST, 0);
	give(VBH_SITE_MCOUNT, 5, KTEXT + F1, 0);
	give(VBH_SITE_MCOUNT, 5, KTEXT + F4, 0);
	give(VBH_SITE_MCOUNT, 5, KTEXT + F2, 0);
	give(VBH_SITE_MCOUNT, 5, KTEXT + F3, 0);
	give(VBH_SITE_TRAMP, 5, KTEXT + SCT, 0);
	give(VBH_SITE_FTRACE, 5, KTEXT + FC_CALL, 0);
	give(VBH_SITE_FTRACE, 5, KTEXT + FR_CALL, 0);
	give(VBH_SITE_CALL, 5, KTEXT + C1, 0);
	give(VBH_SITE_CALL, 5, KTEXT + C2, 0);
	give(VBH_SITE_CALL, 5, KTEXT + CX, 0);
	give(VBH_SITE_TAIL, 5, KTEXT + T1, 0);
	give(VBH_SITE_TAIL, 6, KTEXT + TJ, 0);
	give(VBH_SITE_JUMP, 2, KTEXT + J2, KTEXT + J2_TO);
	give(VBH_SITE_JUMP, 5, KTEXT + J5, KTEXT + J5_TO);
	give(VBH_SITE_JUMP, 5, KTEXT + J5B, KTEXT + J5B_TO);
	give(VBH_SITE_JUMP, 5, KTEXT + J5X, KTEXT + J5X_TO);
}

void world_module(void)
{
	u32 i;

	for (i = 0; i < 0x2000; i++)
		*text(MOD + i) = 0x90;
	put(MOD + MF1, nop5, 5);
	put(MOD + MX, nop5, 5);
	for (i = 0; i < 2; i++)
		assert_int_equal(add_region(i ? MOD_GPA1 : MOD_GPA0, 0x1000, TEXT_RIGHTS, MOD_TAG,
					    VBH_REGION_MODULE_TEXT, VBH_RULE_DENY,
					    VBH_REGION_F_PATCHABLE), 0);
	assert_int_equal(hand_over_text(MOD, MOD_GPA0, 0x1000, MOD_TAG), 0);
	assert_int_equal(hand_over_text(MOD + 0x1000, MOD_GPA1, 0x1000, MOD_TAG), 0);
	give(VBH_SITE_MCOUNT, 5, MOD + MF1, 0);
	give(VBH_SITE_CALL, 5, MOD + MX, 0);
}

void world_seal(void)
{
	assert_int_equal(call(VBH_HC_SEAL, 0, 0, 0), 0);
}

/* This CPU sees the two pages from gva's on at POKE. */
static u64 map_pages(u64 gva)
{
	u64 next = gpa_of((gva & ~4095ull) + 0x1000);

	body->map[0].gpa = gpa_of(gva & ~4095ull);
	body->map[1].gpa = next;
	return POKE + (gva & 4095);
}

bool poke(u32 cpu, u64 gva, const void *bytes, u32 n)
{
	u64 to = map_pages(gva), at;

	memcpy(body->mem + AT_CODE, "\xf3\xa4", 2);
	memcpy(body->mem + SOURCE, bytes, n);
	body_set(cpu, VBH_REG_RIP, AT_CODE);
	body_set(cpu, VBH_REG_RDI, to);
	body_set(cpu, VBH_REG_RSI, SOURCE);
	body_set(cpu, VBH_REG_RCX, n);
	while (body_get(cpu, VBH_REG_RCX)) {
		struct vbh_access a = { .want = VBH_W };
		enum vbh_verdict v;

		at = body_get(cpu, VBH_REG_RDI);
		a.gpa = gpa_of(gva + (at - to));
		v = core_memory(&body->vcpu[cpu], &a);
		if (v == VBH_ALLOW)	/* not protected: the processor writes a byte */
			*text(gva + (at - to)) = ((const u8 *)bytes)[at - to];
		else if (v != VBH_DONE)
			return false;
		if (v == VBH_ALLOW) {
			body_set(cpu, VBH_REG_RDI, at + 1);
			body_set(cpu, VBH_REG_RSI, SOURCE + (at - to) + 1);
			body_set(cpu, VBH_REG_RCX, body_get(cpu, VBH_REG_RCX) - 1);
		}
	}
	return true;
}

bool poke_mov(u32 cpu, u64 gva, const void *bytes, u32 n)
{
	static const char *const code[] = {
		[1] = "\x88\x07", [2] = "\x66\x89\x07", [4] = "\x89\x07", [8] = "\x48\x89\x07",
	};
	struct vbh_access a = { .gpa = gpa_of(gva), .want = VBH_W };
	u64 value = 0;

	memcpy(&value, bytes, n);
	memcpy(body->mem + AT_CODE, code[n], 3);
	body_set(cpu, VBH_REG_RIP, AT_CODE);
	body_set(cpu, VBH_REG_RDI, map_pages(gva));
	body_set(cpu, VBH_REG_RAX, value);
	return core_memory(&body->vcpu[cpu], &a) == VBH_DONE;
}

bool text_poke_bp(u64 gva, const void *bytes, u32 n)
{
	static const u8 int3 = 0xcc;

	const u8 *tail = (const u8 *)bytes + 1;

	return poke(0, gva, &int3, 1) && poke(0, gva + 1, tail, n - 1) && poke(0, gva, bytes, 1);
}

bool patch_call(u64 gva, u64 to)
{
	u8 bytes[5];
	u32 i;

	insn_to(bytes, 0xe8, gva, to);
	if (!text_poke_bp(gva, bytes, 5))
		return false;
	for (i = 0; i < 5; i++)
		assert_int_equal(*text(gva + i), bytes[i]);
	return true;
}

void make_trampoline(u64 gva, u64 gpa, bool regs, u64 func)
{
	u32 start = regs ? FR : FC, end = regs ? FR_END : FC_END, len = end - start;
	u32 op = (regs ? FR_OP : FC_OP) - start, fcall = (regs ? FR_CALL : FC_CALL) - start;
	s32 disp = len + 5 - (op + 7);
	u8 *to = body->mem + gpa;

	memset(to, 0x5a, 0x1000);
	memcpy(to, text(KTEXT + start), len);
	memcpy(to + op + 3, &disp, 4);
	insn_to(to + fcall, 0xe8, gva + fcall, func);
	if (regs)
		memcpy(to + FR_JMP - FR, nop2, 2);
	insn_to(to + len, 0xe9, gva + len, KTEXT + THUNK);
}
