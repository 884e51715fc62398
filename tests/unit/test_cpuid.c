// SPDX-License-Identifier: GPL-2.0-only
/* The CPUID leaves say what include/vbh/abi.h says they do. */
#include "body.h"

static u32 regs[4];

static void leaf(u32 n)
{
	core_cpuid(&body->guest, VBH_CPUID_BARE_METAL, VBH_CPUID_BARE_METAL + n, regs);
}

static void the_signature_reads_vbhvbhvbhvbh(void **state)
{
	(void)state;
	leaf(0);
	assert_int_equal(regs[0], VBH_CPUID_BARE_METAL + 3);
	assert_memory_equal(&regs[1], "VBHVBHVBHVBH", 12);
}

static void each_leaf_says_what_this_guest_has(void **state)
{
	(void)state;
	leaf(1);
	assert_int_equal(regs[0], VBH_ABI_VERSION);
	assert_int_equal(regs[1], VBH_FEAT_HOTPLUG | VBH_FEAT_STOP);
	assert_int_equal(regs[2], VBH_BODY_TEST);
	assert_int_equal(regs[3], 0);
	leaf(2);
	assert_int_equal(regs[0], 0x80010021);
	assert_int_equal(regs[1], 0x01f11820);
	assert_int_equal(regs[2], 0x200d01);
	assert_int_equal(regs[3], 15);
	leaf(3);
	assert_int_equal(regs[0], BODY_REGIONS);
	assert_int_equal(regs[1], VBH_MAX_MSR_PINS);
	assert_int_equal(regs[2], 65520);
	assert_int_equal(regs[3], BODY_CPUS);
}

static void a_leaf_beyond_the_last_reads_zero(void **state)
{
	static const u32 zero[4];
	u32 i;

	(void)state;
	for (i = 4; i < 256; i++) {
		memset(regs, 0xff, sizeof(regs));
		leaf(i);
		assert_memory_equal(regs, zero, sizeof(regs));
	}
	leaf(-1u);
	assert_memory_equal(regs, zero, sizeof(regs));
}

#define T(name)	cmocka_unit_test_setup_teardown(name, body_setup, body_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_signature_reads_vbhvbhvbhvbh),
		T(each_leaf_says_what_this_guest_has),
		T(a_leaf_beyond_the_last_reads_zero),
	};

	return cmocka_run_group_tests_name("cpuid", tests, NULL, NULL);
}
