// SPDX-License-Identifier: GPL-2.0-only
/*
 * The decoder against Zydis, as in the unit test, which is part of this program;
 * and stores that it takes, carried out with any registers.
 */
#define main	unit_main
#include "test_decode_zydis.c"
#undef main
#include "fuzz.h"

#define WINDOW	8192

static u8 window[WINDOW];

static void carry_out(struct input *in, u32 mode)
{
	u64 old = 0, new = 0;
	struct insn insn;
	u32 i, n;

	if (insn_decode(code, INSN_MAX, mode, &insn))
		return;
	memset(body_regs, 0, sizeof(body_regs));
	for (i = 0; i < 16; i++)
		in_bytes(in, &body_regs[i], 1 + in_u8(in) % 8);
	body_regs[VBH_REG_RFLAGS] = 2 | (in_u8(in) & 0xd5) | (in_u8(in) & 1) << 10;
	body_regs[VBH_REG_CS_MODE] = mode;
	body_start = in_u8(in) << 12;
	body_memory = window;
	body_len = WINDOW;
	in_bytes(in, &old, 8);
	if (insn.mem)
		insn_linear(&body_vcpu, &insn);
	if (!insn.mem || !insn.size)
		return;
	for (n = 0; n < 3; n++) {
		int err = insn_store_value(&body_vcpu, &insn, old, &new);

		if (err && err != -EAGAIN)
			break;
		insn_store_retire(&body_vcpu, &insn, old);
		if (body_regs[VBH_REG_RIP])
			break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	void *state = NULL;
	u32 mode;

	if (!code)
		hold(!setup(&state));
	mode = modes[in_u8(&in) % 3];
	in_bytes(&in, code, INSN_MAX);
	check(mode, true);
	hold(!wrong);
	carry_out(&in, mode);
	return 0;
}
