// SPDX-License-Identifier: GPL-2.0-only
/* SHA-256 against the examples of FIPS 180-4 and of NIST's test vectors. */
#include "body.h"

static void digest(const void *data, u32 len, u32 step, char hex[65])
{
	const u8 *p = data;
	struct sha256 s;
	u8 out[VBH_HASH_LEN];
	u32 i;

	sha256_init(&s);
	for (i = 0; i < len; i += step)
		sha256_update(&s, p + i, len - i < step ? len - i : step);
	sha256_final(&s, out);
	for (i = 0; i < VBH_HASH_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", out[i]);
}

static void the_published_digests_come_out(void **state)
{
	static const struct {
		const char *text, *hex;
	} known[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
	};
	char hex[65];
	u32 i;

	(void)state;
	for (i = 0; i < 4; i++) {
		digest(known[i].text, strlen(known[i].text), 64, hex);
		assert_string_equal(hex, known[i].hex);
	}
}

static void a_million_letters_a_come_out(void **state)
{
	char *a = malloc(1000000), hex[65];

	(void)state;
	memset(a, 'a', 1000000);
	digest(a, 1000000, 1000000, hex);
	free(a);
	assert_string_equal(hex,
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void pieces_of_any_size_give_the_digest_of_the_whole(void **state)
{
	char whole[65], pieces[65];
	u8 data[300];
	u32 len, step;

	(void)state;
	for (len = 0; len < sizeof(data); len++)
		data[len] = rnd(256);
	for (len = 0; len <= sizeof(data); len++) {
		digest(data, len, sizeof(data), whole);
		for (step = 1; step < 130; step += 7) {
			digest(data, len, step, pieces);
			assert_string_equal(whole, pieces);
		}
	}
}

static void a_difference_in_any_byte_is_seen(void **state)
{
	u8 a[32] = { 0 }, b[32] = { 0 };
	u32 i;

	(void)state;
	assert_true(equal_const_time(a, b, 32));
	for (i = 0; i < 32; i++) {
		b[i] ^= 1 << (i % 8);
		assert_false(equal_const_time(a, b, 32));
		b[i] = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_digests_come_out),
		cmocka_unit_test(a_million_letters_a_come_out),
		cmocka_unit_test(pieces_of_any_size_give_the_digest_of_the_whole),
		cmocka_unit_test(a_difference_in_any_byte_is_seen),
	};

	return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
