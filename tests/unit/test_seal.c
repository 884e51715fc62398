// SPDX-License-Identifier: GPL-2.0-only
/* The seal, and the key that alone stops a sealed hypervisor. */
#include "body.h"

#define KEY_LEN	1000u

static void put_key(u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		body->mem[AT_REQUEST + i] = i * 7;
}

static void give_hash_of_key(u32 len)
{
	u8 hash[VBH_HASH_LEN];
	struct sha256 s;

	put_key(len);
	sha256_init(&s);
	sha256_update(&s, body->mem + AT_REQUEST, len);
	sha256_final(&s, hash);
	memcpy(body->mem + AT_TEXT, hash, sizeof(hash));
	assert_int_equal(call(VBH_HC_KEY, AT_TEXT, sizeof(hash), 0), 0);
}

static s64 unlock(u32 len)
{
	return call(VBH_HC_UNLOCK, AT_REQUEST, len, 0);
}

static s64 stop(void)
{
	return call(VBH_HC_STOP, 0, 0, 0);
}

static void before_the_seal_it_stops_without_a_key(void **state)
{
	u64 before;

	(void)state;
	body_ring(2);
	before = events();
	assert_int_equal(stop(), 0);
	assert_int_equal(assert_one_event(before, VBH_KIND_STOP, VBH_ACTION_NOTED)->rule, 0);
}

static void a_sealed_hypervisor_stops_for_the_key_alone(void **state)
{
	u64 before;

	(void)state;
	body_ring(2);
	give_hash_of_key(KEY_LEN);
	before = events();
	assert_int_equal(call(VBH_HC_SEAL, 0, 0, 0), 0);
	assert_one_event(before, VBH_KIND_SEAL, VBH_ACTION_NOTED);
	assert_int_equal(call(VBH_HC_SEAL, 0, 0, 0), -EALREADY);
	assert_int_equal(stop(), -EPERM);
	assert_int_equal(last_event()->detail, VBH_HC_STOP - VBH_HC_BASE);
	before = events();
	assert_int_equal(unlock(KEY_LEN), 0);
	assert_one_event(before, VBH_KIND_UNLOCK, VBH_ACTION_NOTED);
	assert_int_equal(stop(), 0);
	assert_int_equal(unlock(KEY_LEN), -EALREADY);
}

static void the_key_loosens_nothing_but_stopping(void **state)
{
	(void)state;
	give_hash_of_key(4096);
	add_region(AT_TEXT, 4096, VBH_R, 3, VBH_REGION_OTHER, 2, 0);
	call(VBH_HC_SEAL, 0, 0, 0);
	put_key(4096);
	assert_int_equal(unlock(4096), 0);
	assert_int_equal(call(VBH_HC_REGION_DEL, 3, 0, 0), -EPERM);
	assert_int_equal(call(VBH_HC_KEY, AT_REQUEST, 32, 0), -EPERM);
	assert_int_equal(call(VBH_HC_RULE, VBH_KIND_MSR, VBH_RULE_LOG, 0), -EPERM);
	assert_int_equal(call(VBH_HC_FACTS, AT_REQUEST, 32, 0), -EPERM);
	assert_int_equal(call(VBH_HC_SEAL, 0, 0, 0), -EALREADY);
}

static void each_wrong_key_is_recorded_and_doubles_the_wait(void **state)
{
	u64 wait = BODY_TSC_HZ, before;
	u32 i;

	(void)state;
	body_ring(6);
	give_hash_of_key(KEY_LEN);
	call(VBH_HC_SEAL, 0, 0, 0);
	for (i = 0; i < 14; i++) {
		before = events();
		assert_int_equal(unlock(KEY_LEN - 1), -EACCES);
		assert_int_equal((s64)assert_one_event(before, VBH_KIND_KEY, VBH_ACTION_DENIED)
				 ->new_value, -EACCES);
		body->tsc += wait - 1;
		/* The right one is not even looked at. */
		assert_int_equal(unlock(KEY_LEN), -EAGAIN);
		assert_int_equal((s64)assert_one_event(before + 1, VBH_KIND_KEY,
						       VBH_ACTION_DENIED)->new_value, -EAGAIN);
		body->tsc++;
		wait = wait * 2 < 3600 * BODY_TSC_HZ ? wait * 2 : 3600 * BODY_TSC_HZ;
	}
	assert_int_equal(unlock(KEY_LEN), 0);
}

static void without_a_key_nothing_stops_it(void **state)
{
	(void)state;
	memset(body->mem + AT_REQUEST, 0, 64);
	assert_int_equal(call(VBH_HC_KEY, AT_REQUEST, 32, 0), 0);
	assert_false(body->guest.has_key);
	call(VBH_HC_SEAL, 0, 0, 0);
	assert_int_equal(unlock(1), -EACCES);
	assert_int_equal(stop(), -EPERM);
}

static void no_key_is_wanted_before_the_seal(void **state)
{
	(void)state;
	give_hash_of_key(KEY_LEN);
	assert_int_equal(unlock(KEY_LEN), -EINVAL);
}

static void a_key_of_a_bad_length_or_place_is_refused(void **state)
{
	(void)state;
	give_hash_of_key(KEY_LEN);
	call(VBH_HC_SEAL, 0, 0, 0);
	assert_int_equal(unlock(0), -EINVAL);
	assert_int_equal(unlock(VBH_KEY_MAX + 1), -EINVAL);
	assert_int_equal(call(VBH_HC_UNLOCK, BODY_MEM - 10, 11, 0), -EFAULT);
	assert_int_equal(call(VBH_HC_UNLOCK, AT_HV, 11, 0), -EFAULT);
	assert_int_equal(unlock(KEY_LEN), 0);
}

static void the_key_can_not_be_changed_after_the_seal(void **state)
{
	(void)state;
	give_hash_of_key(KEY_LEN);
	call(VBH_HC_SEAL, 0, 0, 0);
	assert_int_equal(call(VBH_HC_KEY, AT_TEXT, 32, 0), -EPERM);
	assert_int_equal(unlock(KEY_LEN), 0);
}

static void a_wrong_key_can_stop_the_machine(void **state)
{
	(void)state;
	give_hash_of_key(KEY_LEN);
	call(VBH_HC_RULE, VBH_KIND_KEY, VBH_RULE_PANIC, 0);
	call(VBH_HC_SEAL, 0, 0, 0);
	assert_int_equal(unlock(1), -EACCES);
	assert_int_equal(body->panics, 1);
	assert_int_equal(body->panic_event.kind, VBH_KIND_KEY);
}

static void a_body_that_can_not_stop_says_so(void **state)
{
	(void)state;
	body->guest.features = 0;
	assert_int_equal(stop(), -ENOSYS);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, body_setup, body_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(before_the_seal_it_stops_without_a_key),
		T(a_sealed_hypervisor_stops_for_the_key_alone),
		T(the_key_loosens_nothing_but_stopping),
		T(each_wrong_key_is_recorded_and_doubles_the_wait),
		T(without_a_key_nothing_stops_it),
		T(no_key_is_wanted_before_the_seal),
		T(a_key_of_a_bad_length_or_place_is_refused),
		T(the_key_can_not_be_changed_after_the_seal),
		T(a_wrong_key_can_stop_the_machine),
		T(a_body_that_can_not_stop_says_so),
	};

	return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
