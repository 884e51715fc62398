// SPDX-License-Identifier: GPL-2.0-only
/* Random stores, most of them near to what is allowed, against the model. */
#include "patch_model.h"

#define STORES	200000

static int setup(void **state)
{
	int err = body_setup(state);

	if (err)
		return err;
	body_ring(2);
	world_make();
	world_module();
	world_seal();
	model_make();
	return 0;
}

/* Where a store goes, and what: n bytes, on one page. */
static u32 pick(u64 *gva, u8 bytes[8])
{
	const struct model_site *s = &model[rnd(model_sites)];
	u32 from = rnd(4) ? rnd(2) : rnd(s->len), n, i;
	const u8 *v = s->may[rnd(s->nr)];

	n = rnd(4) ? (from ? s->len - from : 1) : 1 + rnd(8);
	*gva = s->gva + from;
	if (!rnd(16))
		*gva -= rnd(4);
	for (i = 0; i < n; i++)
		bytes[i] = from + i < s->len ? v[from + i] : *text(*gva + i);
	if (!from && rnd(3))
		bytes[0] = 0xcc;
	if (!rnd(10))
		bytes[rnd(n)] ^= 1 << rnd(8);
	if ((*gva & 4095) + n > 4096)
		n = 4096 - (*gva & 4095);
	return n;
}

static void every_store_is_allowed_if_and_only_if_the_model_allows_it(void **state)
{
	u32 i, n, allowed = 0;
	u8 bytes[8];
	bool ok;
	u64 gva;

	(void)state;
	for (i = 0; i < STORES; i++) {
		u32 cpu = rnd(BODY_CPUS);

		n = pick(&gva, bytes);
		if ((n == 1 || n == 2 || n == 4 || n == 8) && rnd(2))
			ok = poke_mov(cpu, gva, bytes, n);
		else
			ok = poke(cpu, gva, bytes, n);
		assert_int_equal(ok, model_store(gva, bytes, n));
		allowed += ok;
		if (i % 64 == 0)
			assert_true(model_agrees());
	}
	assert_true(model_agrees());
	/* Both happen often. */
	assert_in_range(allowed, STORES / 10, STORES * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			every_store_is_allowed_if_and_only_if_the_model_allows_it, setup,
			body_teardown),
	};

	return cmocka_run_group_tests_name("patch_model", tests, NULL, NULL);
}
