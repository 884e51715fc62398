// SPDX-License-Identifier: GPL-2.0-only
/* libvbh but for the policy: names, the hash chain, the clock, refusals in words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libvbh.h>

static void every_name_leads_back_to_its_value(void **state)
{
	(void)state;
	for (unsigned int t = 0; t < VBH_NR_NAMES; t++) {
		size_t n;
		const struct vbh_name *names = vbh_names(t, &n);

		assert_non_null(names);
		assert_true(n > 0);
		for (size_t i = 0; i < n; i++) {
			uint32_t value;

			assert_int_equal(vbh_value(t, names[i].name, &value), 0);
			assert_int_equal(value, names[i].value);
			assert_string_equal(vbh_name(t, value), names[i].name);
		}
	}
}

static void what_has_no_name_is_refused(void **state)
{
	uint32_t value = 7;
	size_t n = 1;

	(void)state;
	assert_null(vbh_names(VBH_NR_NAMES, &n));
	assert_int_equal(n, 0);
	assert_null(vbh_name(VBH_NAMES_KIND, VBH_KIND_END));
	assert_null(vbh_name(VBH_NAMES_REGION, 0));
	assert_int_equal(vbh_value(VBH_NAMES_RULE, "Deny", &value), -ENOENT);
	assert_int_equal(vbh_value(VBH_NAMES_RULE, "", &value), -ENOENT);
	assert_int_equal(value, 7);
}

/* n records that follow from each other, from seq on. */
static void make_chain(struct vbh_event *ev, size_t n, uint64_t seq)
{
	const size_t len = offsetof(struct vbh_event, hash);
	uint8_t buf[VBH_HASH_LEN + sizeof(struct vbh_event)] = { 0 };

	for (size_t i = 0; i < n; i++) {
		memset(&ev[i], (int)i, sizeof(ev[i]));
		ev[i].seq = seq + i;
		ev[i].lost = i / 4;
		ev[i].kind = i % 3 == 1 ? VBH_KIND_MODULE : VBH_KIND_WRITE;
		/* a third has a stack, a third a name, which are hashed too */
		memset(ev[i].stack, i % 3 == 2 ? 0x11 : 0, sizeof(ev[i].stack));
		if (i % 3 == 1)
			memset(ev[i].module + 1, 'm', sizeof(ev[i].module) - 1);
		memcpy(buf + VBH_HASH_LEN, &ev[i], len);
		memcpy(buf + VBH_HASH_LEN + len, ev[i].stack, sizeof(ev[i].stack));
		vbh_hash(buf, VBH_HASH_LEN + len + (i % 3 ? sizeof(ev[i].stack) : 0), ev[i].hash);
		memcpy(buf, ev[i].hash, VBH_HASH_LEN);
	}
}

static void a_name_of_a_module_is_part_of_the_chain(void **state)
{
	struct vbh_event ev[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct vbh_chain chain = { 0 };

		make_chain(ev, 3, 0);
		ev[i].module[5] ^= 1;
		assert_int_equal(vbh_events_verify(&chain, ev, 3), -EBADMSG);
		assert_int_equal(chain.bad_seq, i);
	}
}

static void a_whole_chain_is_verified_in_any_pieces(void **state)
{
	struct vbh_chain all = { 0 }, pieces = { 0 };
	struct vbh_event ev[10];

	(void)state;
	make_chain(ev, 10, 0);
	assert_int_equal(vbh_events_verify(&all, ev, 10), 0);
	assert_true(all.from_start);
	assert_int_equal(all.records, 10);
	assert_int_equal(all.next_seq, 10);
	assert_int_equal(all.lost, 2);
	for (int i = 0; i < 10; i++)
		assert_int_equal(vbh_events_verify(&pieces, &ev[i], 1), 0);
	assert_memory_equal(&pieces, &all, sizeof(all));
}

static void a_chain_may_begin_late(void **state)
{
	struct vbh_chain chain = { 0 };
	struct vbh_event ev[10];

	(void)state;
	make_chain(ev, 10, 0);
	assert_int_equal(vbh_events_verify(&chain, ev + 4, 6), 0);
	assert_false(chain.from_start);
	assert_int_equal(chain.records, 6);
}

static void record_0_must_follow_from_zeroes(void **state)
{
	struct vbh_chain chain = { 0 };
	struct vbh_event ev[2];

	(void)state;
	make_chain(ev, 2, 0);
	ev[0].hash[0] ^= 1;
	assert_int_equal(vbh_events_verify(&chain, ev, 2), -EBADMSG);
	assert_int_equal(chain.bad_seq, 0);
}

static void a_change_of_any_byte_breaks_the_chain(void **state)
{
	struct vbh_event good[3], ev[3];

	(void)state;
	make_chain(good, 3, 0);
	for (size_t byte = 0; byte < sizeof(ev[0]); byte++) {
		struct vbh_chain chain = { 0 };

		memcpy(ev, good, sizeof(ev));
		((uint8_t *)&ev[1])[byte] ^= 0x40;
		assert_int_equal(vbh_events_verify(&chain, ev, 3), -EBADMSG);
		assert_int_equal(chain.records, 1);
	}
}

static void a_missing_a_doubled_and_a_moved_record_break_the_chain(void **state)
{
	struct vbh_chain missing = { 0 }, doubled = { 0 }, moved = { 0 };
	struct vbh_event ev[4], bad[4];

	(void)state;
	make_chain(ev, 4, 0);
	assert_int_equal(vbh_events_verify(&missing, ev, 2), 0);
	assert_int_equal(vbh_events_verify(&missing, ev + 3, 1), -EBADMSG);
	assert_int_equal(missing.bad_seq, 3);
	assert_int_equal(vbh_events_verify(&doubled, ev, 2), 0);
	assert_int_equal(vbh_events_verify(&doubled, ev + 1, 1), -EBADMSG);
	memcpy(bad, ev, sizeof(ev));
	bad[1] = ev[2];
	bad[2] = ev[1];
	assert_int_equal(vbh_events_verify(&moved, bad, 4), -EBADMSG);
}

/* FIPS 180-4's example. */
static void the_hash_is_sha256(void **state)
{
	static const uint8_t abc[VBH_HASH_LEN] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
		0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
	};
	uint8_t hash[VBH_HASH_LEN];

	(void)state;
	vbh_hash("abc", 3, hash);
	assert_memory_equal(hash, abc, sizeof(abc));
}

static void an_event_has_the_time_of_its_tsc(void **state)
{
	struct vbh_info info = {
		.tsc_khz = 2000000, .tsc = 10000000000, .realtime_ns = 1700000000000000000,
	};
	struct vbh_event ev = { .tsc = 10000000000 - 4000000 };

	(void)state;
	assert_true(vbh_event_time(&info, &ev) == 1700000000000000000 - 2000000);
	ev.tsc = info.tsc + 2000000000ull * 3600;
	assert_true(vbh_event_time(&info, &ev) == 1700000000000000000 + 3600000000000);
	info.tsc_khz = 0;
	assert_true(vbh_event_time(&info, &ev) == 0);
}

/* The fake device says what the driver would: see fake_device.c. */
static struct vbh *open_as(const char *fake)
{
	struct vbh *vbh;

	setenv("FAKE_STATE", fake, 1);
	assert_int_equal(vbh_open(&vbh, NULL, 0), 0);
	return vbh;
}

static void open_says_what_is_missing(void **state)
{
	static const struct { const char *fake; int err; const char *says; } cases[] = {
		{ "none", -ENOENT, "modprobe vbh" },
		{ "eacces", -EACCES, "run it as root" },
		{ "abi", -EPROTO, "ABI version 99.0" },
	};
	char err[VBH_ERROR_MAX];
	struct vbh *vbh;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		setenv("FAKE_STATE", cases[i].fake, 1);
		assert_int_equal(vbh_open(&vbh, err, sizeof(err)), cases[i].err);
		assert_null(vbh);
		assert_non_null(strstr(err, cases[i].says));
	}
}

static void a_stopped_vbh_refuses_with_words(void **state)
{
	struct vbh *vbh = open_as("off");
	struct vbh_stats stats;
	struct vbh_info info;

	(void)state;
	assert_int_equal(vbh_info(vbh, &info), 0);
	assert_int_equal(info.running, 0);
	assert_int_equal(vbh_stop(vbh), -ESRCH);
	assert_string_equal(vbh_error(vbh), "VBH is not running");
	assert_int_equal(vbh_seal(vbh), -ESRCH);
	assert_int_equal(vbh_stats(vbh, 0, &stats), -ESRCH);
	assert_int_equal(vbh_unlock(vbh, "right", 5), -ESRCH);
	vbh_close(vbh);
}

static void a_start_gives_the_drivers_words(void **state)
{
	struct vbh_policy policy = { .size = sizeof(policy) };
	struct vbh *vbh = open_as("off");

	(void)state;
	setenv("FAKE_START", "19", 1);
	setenv("FAKE_WORDS", "SVM is switched off in the firmware", 1);
	assert_int_equal(vbh_start(vbh, &policy), -ENODEV);
	assert_string_equal(vbh_error(vbh), "SVM is switched off in the firmware");
	unsetenv("FAKE_START");
	unsetenv("FAKE_WORDS");
	assert_int_equal(vbh_start(vbh, &policy), 0);
	assert_int_equal(vbh_start(vbh, &policy), -EALREADY);
	assert_non_null(strstr(vbh_error(vbh), "running already"));
	vbh_close(vbh);
}

static void only_the_key_stops_a_sealed_vbh(void **state)
{
	struct vbh *vbh = open_as("keyed");
	char long_key[VBH_KEY_MAX + 1] = { 0 };

	(void)state;
	assert_int_equal(vbh_seal(vbh), -EALREADY);
	assert_int_equal(vbh_stop(vbh), -EPERM);
	assert_int_equal(vbh_unlock(vbh, "wrong", 5), -EACCES);
	assert_non_null(strstr(vbh_error(vbh), "wrong key"));
	assert_int_equal(vbh_unlock(vbh, "soon", 4), -EAGAIN);
	assert_non_null(strstr(vbh_error(vbh), "wait"));
	assert_int_equal(vbh_unlock(vbh, long_key, sizeof(long_key)), -EINVAL);
	assert_int_equal(vbh_unlock(vbh, "", 0), -EINVAL);
	assert_int_equal(vbh_unlock(vbh, "right", 5), 0);
	assert_int_equal(vbh_stop(vbh), 0);
	vbh_close(vbh);
}

static void events_are_read_whole_and_sought(void **state)
{
	struct vbh_event ev[4];
	struct vbh *vbh;

	(void)state;
	setenv("FAKE_EVENTS", "6", 1);
	vbh = open_as("open");
	assert_int_equal(vbh_events_read(vbh, ev, 4), 4);
	assert_int_equal(ev[3].seq, 3);
	assert_int_equal(vbh_events_read(vbh, ev, 4), 2);
	assert_int_equal(vbh_events_read(vbh, ev, 4), -EAGAIN);
	assert_int_equal(vbh_events_seek(vbh, 2), 0);
	assert_int_equal(vbh_events_read(vbh, ev, 1), 1);
	assert_int_equal(ev[0].seq, 2);
	assert_int_equal(vbh_events_seek(vbh, VBH_EVENTS_END), 0);
	assert_int_equal(vbh_events_read(vbh, ev, 4), -EAGAIN);
	assert_int_equal(vbh_events_seek(vbh, 1ull << 63), -EINVAL);
	assert_int_equal(vbh_events_wait(vbh, 0, NULL), 0);
	assert_int_equal(vbh_events_ack(vbh, 6), 0);
	assert_int_equal(vbh_events_ack(vbh, 7), -EINVAL);
	assert_int_equal(vbh_events_patching(vbh, true), 0);
	setenv("FAKE_READ", "5", 1);
	assert_int_equal(vbh_events_read(vbh, ev, 4), -EIO);
	assert_non_null(strstr(vbh_error(vbh), "Input/output error"));
	unsetenv("FAKE_READ");
	unsetenv("FAKE_EVENTS");
	vbh_close(vbh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_leads_back_to_its_value),
		cmocka_unit_test(what_has_no_name_is_refused),
		cmocka_unit_test(a_name_of_a_module_is_part_of_the_chain),
		cmocka_unit_test(a_whole_chain_is_verified_in_any_pieces),
		cmocka_unit_test(a_chain_may_begin_late),
		cmocka_unit_test(record_0_must_follow_from_zeroes),
		cmocka_unit_test(a_change_of_any_byte_breaks_the_chain),
		cmocka_unit_test(a_missing_a_doubled_and_a_moved_record_break_the_chain),
		cmocka_unit_test(the_hash_is_sha256),
		cmocka_unit_test(an_event_has_the_time_of_its_tsc),
		cmocka_unit_test(open_says_what_is_missing),
		cmocka_unit_test(a_stopped_vbh_refuses_with_words),
		cmocka_unit_test(a_start_gives_the_drivers_words),
		cmocka_unit_test(only_the_key_stops_a_sealed_vbh),
		cmocka_unit_test(events_are_read_whole_and_sought),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
