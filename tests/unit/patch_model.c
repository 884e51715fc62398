// SPDX-License-Identifier: GPL-2.0-only
/* See patch_model.h. */
#include "patch_model.h"

struct model_site model[MODEL_SITES];
u32 model_sites;

static u8 ktext[KTEXT_LEN], mod[0x2000];

static u8 *at(u64 gva)
{
	return gva - KTEXT < KTEXT_LEN ? &ktext[gva - KTEXT] : &mod[gva - MOD];
}

static bool in_text(u64 gva)
{
	return gva - KTEXT < KTEXT_LEN || gva - MOD < sizeof(mod);
}

static struct model_site *add(u64 gva, u32 len)
{
	struct model_site *s = &model[model_sites++];

	memset(s, 0, sizeof(*s));
	s->gva = gva;
	s->len = len;
	return s;
}

static void may(struct model_site *s, const u8 *bytes)
{
	memcpy(s->may[s->nr++], bytes, s->len);
}

static void may_go(struct model_site *s, u8 opcode, u64 to)
{
	u8 bytes[5];

	insn_to(bytes, opcode, s->gva, to);
	may(s, bytes);
}

static const u64 functions[] = {
	KTEXT + F1, KTEXT + F2, KTEXT + F3, KTEXT + F4, KTEXT + NOTRACE, KTEXT + THUNK,
	KTEXT + OPS_LIST, KTEXT + SCT, MOD + MF1,
};

#define NR_FUNCTIONS	(sizeof(functions) / sizeof(functions[0]))

static void may_go_anywhere(struct model_site *s, u8 opcode)
{
	u32 i;

	for (i = 0; i < NR_FUNCTIONS; i++)
		may_go(s, opcode, functions[i]);
}

static void add_jump(u64 gva, u32 len, u64 to)
{
	struct model_site *s = add(gva, len);

	s->jump = true;
	may(s, len == 2 ? nop2 : nop5);
	may_go(s, len == 2 ? 0xeb : 0xe9, to);
}

static void add_traced(u64 gva)
{
	struct model_site *s = add(gva, 5);

	may(s, nop5);
	may_go(s, 0xe8, KTEXT + FC);
	may_go(s, 0xe8, KTEXT + FR);
}

static void add_call(u64 gva, bool ftrace)
{
	struct model_site *s = add(gva, 5);

	may_go_anywhere(s, 0xe8);
	if (ftrace)
		return;
	may(s, nop5);
	may(s, xor5);
}

static void add_tail(u64 gva)
{
	struct model_site *s = add(gva, 5);

	may_go_anywhere(s, 0xe9);
	may(s, ret5);
}

static void add_jcc(u64 gva)
{
	struct model_site *s = add(gva, 6);
	u8 bytes[6] = { 0x0f, 0x84 };
	u32 i;

	for (i = 0; i < NR_FUNCTIONS; i++) {
		s32 rel = (s32)(functions[i] - gva - 6);

		memcpy(bytes + 2, &rel, 4);
		may(s, bytes);
	}
}

void model_make(void)
{
	model_sites = 0;
	add_jump(KTEXT + J2, 2, KTEXT + J2_TO);
	add_jump(KTEXT + J5, 5, KTEXT + J5_TO);
	add_jump(KTEXT + J5B, 5, KTEXT + J5B_TO);
	add_jump(KTEXT + J5X, 5, KTEXT + J5X_TO);
	add_traced(KTEXT + F1);
	add_traced(KTEXT + F2);
	add_traced(KTEXT + F3);
	add_traced(KTEXT + F4);
	add_traced(MOD + MF1);
	add_call(KTEXT + C1, false);
	add_call(KTEXT + C2, false);
	add_call(KTEXT + CX, false);
	add_call(MOD + MX, false);
	add_call(KTEXT + FC_CALL, true);
	add_call(KTEXT + FR_CALL, true);
	add_tail(KTEXT + T1);
	add_tail(KTEXT + SCT);
	add_jcc(KTEXT + TJ);
	memcpy(ktext, text(KTEXT), KTEXT_LEN);
	memcpy(mod, text(MOD), 0x1000);
	memcpy(mod + 0x1000, text(MOD + 0x1000), 0x1000);
}

static const struct model_site *site_of(u64 gva)
{
	u32 i;

	for (i = 0; i < model_sites; i++) {
		if (gva - model[i].gva < model[i].len)
			return &model[i];
	}
	return NULL;
}

/* Is there something that may stand here and agrees in bytes from to end - 1? */
static bool fits(const struct model_site *s, const u8 *bytes, u32 from, u32 end)
{
	u32 i;

	for (i = 0; i < s->nr; i++) {
		if (!memcmp(s->may[i] + from, bytes + from, end - from))
			return true;
	}
	return false;
}

static bool step_ok(const struct model_site *s, const u8 *old, const u8 *new, u32 from, u32 end)
{
	bool tail_same = !memcmp(old + 1, new + 1, s->len - 1);

	if (!memcmp(old, new, s->len))
		return true;
	if (old[0] != 0xcc || new[0] != 0xcc)
		return tail_same && (old[0] == 0xcc ? fits(s, new, 0, s->len) : new[0] == 0xcc);
	if (end == s->len)
		return fits(s, new, 1, end);
	return !((s->gva + end) & 4095) && (!s->jump || fits(s, new, from ? from : 1, end));
}

bool model_store(u64 gva, const u8 *bytes, u32 n)
{
	const struct model_site *s = in_text(gva) ? site_of(gva) : NULL;
	u8 old[6], new[6];
	u32 i;

	if (!s || gva + n > s->gva + s->len)
		return false;
	for (i = 0; i < s->len; i++)
		old[i] = *at(s->gva + i);
	memcpy(new, old, sizeof(new));
	memcpy(new + (gva - s->gva), bytes, n);
	if (!step_ok(s, old, new, gva - s->gva, gva - s->gva + n))
		return false;
	for (i = 0; i < n; i++)
		*at(gva + i) = bytes[i];
	return true;
}

static bool state_ok(const struct model_site *s)
{
	u8 bytes[6];
	u32 i;

	for (i = 0; i < s->len; i++)
		bytes[i] = *text(s->gva + i);
	if (bytes[0] != 0xcc)
		return fits(s, bytes, 0, s->len);
	/* Half of a distance may stand for a moment where a page ends. */
	if ((s->gva & 4095) + s->len > 4096)
		return true;
	return fits(s, bytes, 1, s->len);
}

bool model_agrees(void)
{
	u32 i;

	for (i = 0; i < model_sites; i++) {
		if (!state_ok(&model[i]))
			return false;
	}
	return !memcmp(ktext, text(KTEXT), KTEXT_LEN) && !memcmp(mod, text(MOD), 0x1000) &&
	       !memcmp(mod + 0x1000, text(MOD + 0x1000), 0x1000);
}
