// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stores to sealed kernel text. An input is a list of stores, by any CPU and
 * either instruction. The core must allow what the model allows and nothing
 * else, and after each the text and every site's state must be the model's.
 */
#include "fuzz.h"
#include "patch_model.h"

#define STORES	32

static void make(void)
{
	world_make();
	world_module();
	world_seal();
}

/* Near a site and with the bytes of one of its forms, or anywhere with any. */
static u32 next_store(struct input *in, u64 *gva, u8 bytes[8])
{
	u8 how = in_u8(in), n = 1 + in_u8(in) % 8, i;
	const struct model_site *s = &model[in_u8(in) % model_sites];
	u16 at;

	if (how & 1) {
		in_bytes(in, &at, sizeof(at));
		*gva = how & 2 ? MOD + at % 0x2000 : KTEXT + at % KTEXT_LEN;
		in_bytes(in, bytes, 8);
	} else {
		u8 from = how & 2 ? 1 : how >> 5;
		const u8 *may = s->may[in_u8(in) % s->nr];

		from %= s->len;
		*gva = s->gva + from;
		for (i = 0; i < 8; i++)
			bytes[i] = from + i < s->len ? may[from + i] : 0;
		if (how & 4)
			bytes[0] = 0xcc;
		if (how & 8)
			bytes[in_u8(in) % 8] ^= in_u8(in);
		if (how & 16)
			n = s->len - from;
	}
	if ((*gva & 4095) + n > 4096)
		n = 4096 - (*gva & 4095);
	return n;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u32 i, n, cpu;
	u8 bytes[8];
	bool ok;
	u64 gva;

	fresh_body(make);
	model_make();
	for (i = 0; i < STORES && in.left; i++) {
		cpu = in_u8(&in);
		n = next_store(&in, &gva, bytes);
		if (cpu & 0x80 && !(n & (n - 1)))
			ok = poke_mov(cpu % BODY_CPUS, gva, bytes, n);
		else
			ok = poke(cpu % BODY_CPUS, gva, bytes, n);
		hold(ok == model_store(gva, bytes, n));
	}
	hold(model_agrees());
	return 0;
}
