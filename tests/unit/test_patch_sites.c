// SPDX-License-Identifier: GPL-2.0-only
/* Handing over text and sites: what is taken, what is not, and what goes again. */
#include "patch_world.h"

#define FREE	(KTEXT + 0x3100)	/* no site near */

static int setup(void **state)
{
	int err = body_setup(state);

	if (err)
		return err;
	body_ring(20);
	world_make();
	return 0;
}

static s64 batch(const struct vbh_site *s, u32 n)
{
	memcpy(body->mem + AT_REQUEST, s, n * sizeof(*s));
	return call(VBH_HC_SITES, AT_REQUEST, n, 0);
}

static u32 sites(void)
{
	struct vbh_status st;

	assert_int_equal(call(VBH_HC_STATUS, AT_REQUEST, sizeof(st), 0), 0);
	memcpy(&st, body->mem + AT_REQUEST, sizeof(st));
	return st.sites;
}

static void a_site_must_hold_what_it_may_hold(void **state)
{
	u8 jmp5[5];

	(void)state;
	assert_int_equal(hand_over(VBH_SITE_MCOUNT, 5, FREE, 0), -EINVAL);
	insn_to(jmp5, 0xe9, FREE, KTEXT + J5_TO);
	memcpy(text(FREE), jmp5, 5);
	assert_int_equal(hand_over(VBH_SITE_JUMP, 5, FREE, KTEXT + J5B_TO), -EINVAL);
	assert_int_equal(hand_over(VBH_SITE_TAIL, 5, FREE, 0), -EINVAL);
	*text(FREE) = 0xcc;
	assert_int_equal(hand_over(VBH_SITE_JUMP, 5, FREE, KTEXT + J5_TO), -EAGAIN);
	memcpy(text(FREE), jmp5, 5);
	assert_int_equal(hand_over(VBH_SITE_JUMP, 5, FREE, KTEXT + J5_TO), 0);
	assert_int_equal(hand_over(VBH_SITE_JUMP, 5, FREE, KTEXT + J5_TO), -EINVAL);
}

static void sites_do_not_overlap(void **state)
{
	u32 at;

	(void)state;
	memcpy(text(FREE), nop5, 5);
	assert_int_equal(hand_over(VBH_SITE_MCOUNT, 5, FREE, 0), 0);
	for (at = 0; at < 10; at++) {
		memcpy(text(FREE - 5 + at), nop5, 5);
		assert_int_equal(hand_over(VBH_SITE_CALL, 5, FREE - 5 + at, 0),
				 at == 0 ? 0 : -EINVAL);
	}
	memcpy(text(FREE + 4), nop2, 2);
	assert_int_equal(hand_over(VBH_SITE_JUMP, 2, FREE + 4, FREE + 0x20), -EINVAL);
}

/* The site s is refused for one field alone. */
#define REFUSED(field, value)					\
	do {							\
		struct vbh_site t = s;				\
		t.field = (value);				\
		assert_int_equal(batch(&t, 1), -EINVAL);	\
	} while (0)

static void a_malformed_site_is_not_taken(void **state)
{
	struct vbh_site s = { .addr = FREE, .kind = VBH_SITE_CALL, .len = 5 };

	(void)state;
	memcpy(text(FREE), nop5, 5);
	REFUSED(kind, 0);
	REFUSED(kind, VBH_NR_SITE_KINDS);
	REFUSED(len, 2);
	REFUSED(len, 6);
	REFUSED(reserved, 1);
	REFUSED(target, 1);
	REFUSED(addr, KTEXT - 5);
	REFUSED(addr, KTEXT + KTEXT_LEN - 3);
	REFUSED(addr, KTEXT_GPA + 0x3100);
	REFUSED(addr, ~0ull);
	s.kind = VBH_SITE_JUMP;
	REFUSED(target, 0x1000000);	/* not in known text */
	REFUSED(target, -0x7fffffff);
	s.len = 2;
	memcpy(text(FREE), nop2, 2);
	REFUSED(target, 0x100);		/* too far for a byte */
	s.target = 0x40;
	assert_int_equal(batch(&s, 1), 0);
	assert_int_equal(batch(&s, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_SITES, AT_REQUEST, VBH_MAX_BATCH + 1, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_SITES, AT_HV, 1, 0), -EFAULT);
}

static void a_batch_is_taken_whole_or_not_at_all(void **state)
{
	struct vbh_site s[VBH_MAX_BATCH];
	u32 before = sites(), i;

	(void)state;
	for (i = 0; i < VBH_MAX_BATCH; i++) {
		s[i] = (struct vbh_site){ FREE + 6 * i, 0, VBH_SITE_CALL, 5, 0 };
		memcpy(text(FREE + 6 * i), nop5, 5);
	}
	s[200].addr = s[199].addr;
	assert_int_equal(batch(s, VBH_MAX_BATCH), -EINVAL);
	s[200].addr = FREE + 6 * 200;
	s[255].kind = VBH_SITE_MCOUNT;
	assert_int_equal(batch(s, VBH_MAX_BATCH), -EINVAL);
	s[255].kind = VBH_SITE_CALL;
	body->max_pages = body->nr_pages;
	*text(s[255].addr) = 0x90;
	assert_int_equal(batch(s, VBH_MAX_BATCH), -EINVAL);
	assert_int_equal(sites(), before);
	memcpy(text(s[255].addr), nop5, 5);
	assert_int_equal(batch(s, VBH_MAX_BATCH), 0);
	assert_int_equal(sites(), before + VBH_MAX_BATCH);
	assert_true(patch_call(s[0].addr, KTEXT + F1));
	assert_true(patch_call(s[255].addr, KTEXT + F1));
	assert_true(patch_call(KTEXT + C1, KTEXT + F2));
}

static void without_memory_nothing_is_taken(void **state)
{
	u32 before = sites(), i, got = 0;
	s64 err = 0;

	(void)state;
	body->max_pages = body->nr_pages;
	for (i = 0; i < 1500 && !err; i++) {
		err = hand_over(VBH_SITE_ENTRY, 0, KTEXT + 0x1100 + i, 0);
		got += !err;
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(got + 3, 1024);
	assert_int_equal(sites(), before);
	body->max_pages++;
	assert_int_equal(hand_over(VBH_SITE_ENTRY, 0, KTEXT + 0x1100 + i, 0), 0);
}

static void text_must_be_protected_and_apart(void **state)
{
	(void)state;
	/* Nothing protects it; then a region on top is not patchable. */
	assert_int_equal(hand_over_text(MOD, MOD_GPA0, 0x1000, 1), -EINVAL);
	add_region(MOD_GPA0, 0x2000, VBH_R | VBH_X | VBH_XU, 1, VBH_REGION_MODULE_TEXT, 2,
		   VBH_REGION_F_PATCHABLE);
	add_region(MOD_GPA0 + 0x1000, 0x1000, VBH_R, 1, VBH_REGION_OTHER, 2, 0);
	assert_int_equal(hand_over_text(MOD, MOD_GPA0, 0x2000, 1), -EINVAL);
	assert_int_equal(hand_over_text(MOD, MOD_GPA0, 0x1000, 1), 0);
	assert_int_equal(hand_over_text(MOD, MOD_GPA0, 0x1000, 1), -EINVAL);
	assert_int_equal(hand_over_text(MOD + 0x1000, MOD_GPA0, 0x1000, 1), -EINVAL);
	assert_int_equal(hand_over_text(KTEXT + 0x3000, MOD_GPA0, 0x1000, 1), -EINVAL);
	assert_int_equal(hand_over_text(MOD + 1, MOD_GPA0, 0x1000, 1), -EINVAL);
	assert_int_equal(hand_over_text(0xffffffff7ffff000, MOD_GPA0, 0x1000, 1), -EINVAL);
	assert_int_equal(hand_over_text(0xfffffffffffff000, BODY_MAX_GPA - 0x2000, 0x2000, 1),
			 -EINVAL);
	assert_int_equal(hand_over_text(MOD, ~0xfffull, 0x1000, 1), -EINVAL);
	assert_int_equal(hand_over_text(MOD, 0, 0, 1), -EINVAL);
}

static void a_batch_of_text_is_taken_whole_or_not_at_all(void **state)
{
	struct vbh_text t[2] = {
		{ .gva = MOD, .gpa = MOD_GPA0, .len = 0x1000 },
		{ .gva = MOD + 0x1000, .gpa = MOD_GPA0, .len = 0x1000 },
	};

	(void)state;
	add_region(MOD_GPA0, 0x2000, VBH_R | VBH_X | VBH_XU, 1, VBH_REGION_MODULE_TEXT, 2,
		   VBH_REGION_F_PATCHABLE);
	memcpy(body->mem + AT_REQUEST, t, sizeof(t));
	assert_int_equal(call(VBH_HC_TEXT, AT_REQUEST, 2, 0), -EINVAL);
	/* Nor does one behind the other, or over it, or running into it from below. */
	t[1].gva = MOD - 0x1000;
	t[1].gpa += 0x1000;
	memcpy(body->mem + AT_REQUEST, t, sizeof(t));
	assert_int_equal(call(VBH_HC_TEXT, AT_REQUEST, 2, 0), -EINVAL);
	t[1].gva = MOD;
	memcpy(body->mem + AT_REQUEST, t, sizeof(t));
	assert_int_equal(call(VBH_HC_TEXT, AT_REQUEST, 2, 0), -EINVAL);
	t[1].gva = MOD + 0x1000;
	t[1].gpa = MOD_GPA0 - 0x1000;
	t[1].len = 0x2000;
	memcpy(body->mem + AT_REQUEST, t, sizeof(t));
	assert_int_equal(call(VBH_HC_TEXT, AT_REQUEST, 2, 0), -EINVAL);
	assert_int_equal(body->guest.known.texts.nr, 1);
	t[1].gpa = MOD_GPA0 + 0x1000;
	t[1].len = 0x1000;
	memcpy(body->mem + AT_REQUEST, t, sizeof(t));
	assert_int_equal(call(VBH_HC_TEXT, AT_REQUEST, 2, 0), 0);
	assert_int_equal(body->guest.known.texts.nr, 3);
	assert_int_equal(patch_gva(&body->guest, MOD_GPA0 + 0x1008), MOD + 0x1008);
	assert_int_equal(call(VBH_HC_TEXT, AT_REQUEST, VBH_MAX_TEXTS + 1, 0), -EINVAL);
}

static void a_modules_sites_go_with_its_regions(void **state)
{
	u32 before = sites(), round;

	(void)state;
	for (round = 0; round < 100; round++) {
		world_module();
		assert_int_equal(sites(), before + 2);
		assert_true(patch_call(MOD + MX, KTEXT + F1));
		assert_true(patch_call(KTEXT + C1, MOD + MF1));
		assert_true(patch_call(KTEXT + C1, KTEXT + F1));
		assert_int_equal(call(VBH_HC_REGION_DEL, MOD_TAG, 0, 0), 0);
		assert_int_equal(sites(), before);
	}
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_BPF, 0, 0), 0);
	assert_false(patch_call(KTEXT + C1, MOD + MF1));
	assert_true(body->nr_pages < 20);
}

static void text_that_comes_or_goes_is_noted_on_request(void **state)
{
	const struct vbh_event *ev;
	u64 before = events();

	(void)state;
	world_module();
	assert_int_equal(call(VBH_HC_REGION_DEL, MOD_TAG, 0, 0), 0);
	assert_int_equal(events(), before);

	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_RECORD, 0, 0), 0);
	/* Its pages were told one by one: the second note is of both. */
	world_module();
	assert_int_equal(events(), before + 2);
	ev = last_event();
	assert_int_equal(ev->kind, VBH_KIND_TEXT);
	assert_int_equal(ev->action, VBH_ACTION_NOTED);
	assert_int_equal(ev->detail, MOD_TAG);
	assert_int_equal(ev->gla, MOD);
	assert_int_equal(ev->old_value, 0);
	assert_int_equal(ev->new_value, 0x2000);
	assert_int_equal(call(VBH_HC_REGION_DEL, MOD_TAG, 0, 0), 0);
	ev = assert_one_event(before + 2, VBH_KIND_TEXT, VBH_ACTION_NOTED);
	assert_int_equal(ev->gla, MOD);
	assert_int_equal(ev->old_value, 0x2000);
	assert_int_equal(ev->new_value, 0);
	/* A name that is none hides nothing, and one that begins with zeroes is hashed. */
	world_module();
	memset(body->mem + AT_REQUEST, 0, VBH_MODULE_NAME);
	body->mem[AT_REQUEST + 8] = 'x';
	assert_int_equal(call(VBH_HC_REGION_DEL, MOD_TAG, AT_REQUEST, 0), 0);
	assert_int_equal(last_event()->kind, VBH_KIND_TEXT);
	assert_int_equal(last_event()->module[8], 'x');
	assert_tail_chained(last_event()->seq);
	world_module();
	assert_int_equal(call(VBH_HC_REGION_DEL, MOD_TAG, BODY_MAX_GPA, 0), 0);
	assert_int_equal(last_event()->kind, VBH_KIND_TEXT);
	assert_int_equal(last_event()->module[0], 0);
	assert_tail_chained(last_event()->seq);
	/* What is refused did not come. */
	assert_int_equal(hand_over_text(MOD, MOD_GPA0, 0x1000, 1), -EINVAL);
	assert_int_equal(last_event()->kind, VBH_KIND_HYPERCALL);
}

static void nothing_is_handed_over_after_the_seal(void **state)
{
	u32 before = sites();

	(void)state;
	world_module();
	world_seal();
	memcpy(text(FREE), nop5, 5);
	assert_int_equal(hand_over(VBH_SITE_CALL, 5, FREE, 0), -EPERM);
	assert_int_equal(hand_over(VBH_SITE_ENTRY, 0, FREE, 0), -EPERM);
	assert_int_equal(hand_over(VBH_SITE_JUMP, 5, FREE, KTEXT + J5_TO), -EPERM);
	assert_int_equal(hand_over_text(TRAMP, TRAMP_GPA, 0x1000, 0), -EPERM);
	assert_int_equal(call(VBH_HC_FTRACE, AT_REQUEST, sizeof(struct vbh_ftrace), 0), -EPERM);
	assert_int_equal(call(VBH_HC_REGION_DEL, MOD_TAG, 0, 0), -EPERM);
	assert_int_equal(sites(), before + 2);
	/* Forged tables in the guest's memory change nothing: they are not read again. */
	memset(body->mem + AT_REQUEST, 0xff, 0x3000);
	assert_true(patch_call(KTEXT + C1, KTEXT + F2));
	assert_false(patch_call(KTEXT + C1, FREE));
}

static s64 tell_ftrace(const struct vbh_ftrace *f)
{
	body->guest.patch.ftrace.size = 0;
	memcpy(body->mem + AT_REQUEST, f, sizeof(*f));
	return call(VBH_HC_FTRACE, AT_REQUEST, sizeof(*f), 0);
}

#define WRONG(field, value)					\
	do {							\
		f = good;					\
		f.field = (value);				\
		assert_int_equal(tell_ftrace(&f), -EINVAL);	\
	} while (0)

static void ftraces_callers_are_told_once_and_fit_the_text(void **state)
{
	struct vbh_ftrace good, f;

	(void)state;
	good = body->guest.patch.ftrace;
	memcpy(body->mem + AT_REQUEST, &good, sizeof(good));
	assert_int_equal(call(VBH_HC_FTRACE, AT_REQUEST, sizeof(good), 0), -EEXIST);
	WRONG(size, 0);
	WRONG(ret_size, 0);
	WRONG(ret_size, 6);
	WRONG(return_thunk, MOD);
	WRONG(caller[0].start, KTEXT + FC_END);
	WRONG(caller[0].end, KTEXT + FC + 0xff8);
	WRONG(caller[1].op_ptr, KTEXT + FR_END - 6);
	WRONG(caller[1].call, KTEXT + FR_END - 4);
	WRONG(caller[1].call, KTEXT + FR - 1);
	WRONG(caller[1].jmp, KTEXT + FR_END - 1);
	WRONG(caller[1].end, MOD);
	assert_int_equal(hand_over(VBH_SITE_MCOUNT, 5, FREE, 0), -EINVAL);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, setup, body_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_site_must_hold_what_it_may_hold),
		T(sites_do_not_overlap),
		T(a_malformed_site_is_not_taken),
		T(a_batch_is_taken_whole_or_not_at_all),
		T(without_memory_nothing_is_taken),
		T(text_must_be_protected_and_apart),
		T(a_batch_of_text_is_taken_whole_or_not_at_all),
		T(a_modules_sites_go_with_its_regions),
		T(text_that_comes_or_goes_is_noted_on_request),
		T(nothing_is_handed_over_after_the_seal),
		T(ftraces_callers_are_told_once_and_fit_the_text),
	};

	return cmocka_run_group_tests_name("patch_sites", tests, NULL, NULL);
}
