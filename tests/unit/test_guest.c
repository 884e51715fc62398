// SPDX-License-Identifier: GPL-2.0-only
/* Regions as a guest asks for them: checked, all or none, and in the second stage. */
#include "body.h"

#define TEXT	(VBH_R | VBH_X | VBH_XU)

static void a_region_takes_its_rights_away_in_the_second_stage(void **state)
{
	struct region_pos first;
	u32 flushes;

	(void)state;
	flushes = body->flushes;
	assert_int_equal(add_region(AT_TEXT, 8192, TEXT, 5, VBH_REGION_KERNEL_TEXT, 2, 1), 0);
	assert_int_equal(body->flushes, flushes + 1);
	assert_int_equal(body->stage2[AT_TEXT / 4096 - 1], VBH_RWX);
	assert_int_equal(body->stage2[AT_TEXT / 4096], TEXT);
	assert_int_equal(body->stage2[AT_TEXT / 4096 + 1], TEXT);
	assert_int_equal(body->stage2[AT_TEXT / 4096 + 2], VBH_RWX);
	first = region_from(&body->guest.regions, 0);
	assert_int_equal(region_at(&body->guest.regions, &first)->tag, 5);
	assert_int_equal(region_at(&body->guest.regions, &first)->flags, VBH_REGION_F_PATCHABLE);
}

static void a_region_goes_by_its_tag(void **state)
{
	u32 flushes;

	(void)state;
	add_region(AT_TEXT, 4096, TEXT, 5, VBH_REGION_MODULE_TEXT, 2, 0);
	add_region(AT_TEXT + 8192, 4096, VBH_R, 5, VBH_REGION_MODULE_RODATA, 2, 0);
	add_region(AT_TEXT + 4096, 8192, TEXT, 6, VBH_REGION_MODULE_TEXT, 2, 0);
	flushes = body->flushes;
	assert_int_equal(call(VBH_HC_REGION_DEL, 5, 0, 0), 0);
	assert_int_equal(body->flushes, flushes + 1);
	assert_int_equal(body->stage2[AT_TEXT / 4096], VBH_RWX);
	assert_int_equal(body->stage2[AT_TEXT / 4096 + 2], TEXT);
	assert_int_equal(call(VBH_HC_REGION_DEL, 5, 0, 0), -ENOENT);
}

static void after_the_seal_regions_come_but_never_go(void **state)
{
	(void)state;
	add_region(AT_TEXT, 4096, TEXT, 5, VBH_REGION_MODULE_TEXT, 2, 0);
	assert_int_equal(call(VBH_HC_SEAL, 0, 0, 0), 0);
	assert_int_equal(call(VBH_HC_REGION_DEL, 5, 0, 0), -EPERM);
	assert_int_equal(add_region(AT_TEXT + 4096, 4096, TEXT, 6, VBH_REGION_OTHER, 2, 0), 0);
	assert_int_equal(body->stage2[AT_TEXT / 4096], TEXT);
	assert_int_equal(body->stage2[AT_TEXT / 4096 + 1], TEXT);
}

static void malformed_regions_are_refused(void **state)
{
	static const struct vbh_region good = {
		.gpa = AT_TEXT, .len = 4096, .rights = TEXT, .kind = VBH_REGION_OTHER, .rule = 2,
	};
	struct vbh_region bad[17];
	u32 i;

	(void)state;
	for (i = 0; i < 17; i++)
		bad[i] = good;
	bad[0].gpa++;
	bad[1].len = 0;
	bad[2].len = 4095;
	bad[3].gpa = -4096ull;
	bad[4].len = -4096ull;
	bad[5].gpa = BODY_MAX_GPA;
	bad[6].len = BODY_MAX_GPA;
	bad[7].rights = 16;
	bad[8].rights = VBH_W;
	bad[9].rights = VBH_R | VBH_X;		/* without VBH_FEAT_EXEC_KERNEL */
	bad[10].rights = VBH_X | VBH_XU;	/* without VBH_FEAT_EXEC_ONLY */
	bad[11].kind = VBH_REGION_RING;
	bad[12].kind = VBH_NR_REGION_KINDS;
	bad[13].rule = 0;
	bad[14].rule = 4;
	bad[15].flags = 2;
	bad[16].reserved = 1;
	for (i = 0; i < 17; i++) {
		memcpy(body->mem + AT_REQUEST, &bad[i], sizeof(bad[i]));
		assert_int_equal(call(VBH_HC_REGION_ADD, AT_REQUEST, 1, 0), -EINVAL);
	}
	assert_int_equal(body->guest.regions.nr, 1);
	/* The user's right alone, the kernel's alone: each has its feature. */
	bad[7].rights = VBH_R | VBH_XU;
	memcpy(body->mem + AT_REQUEST, &bad[7], sizeof(bad[7]));
	assert_int_equal(call(VBH_HC_REGION_ADD, AT_REQUEST, 1, 0), -EINVAL);
	body->guest.features |= VBH_FEAT_EXEC_SPLIT | VBH_FEAT_EXEC_ONLY;
	assert_int_equal(call(VBH_HC_REGION_ADD, AT_REQUEST, 1, 0), 0);
	memcpy(body->mem + AT_REQUEST, &bad[9], sizeof(bad[9]));
	assert_int_equal(call(VBH_HC_REGION_ADD, AT_REQUEST, 1, 0), -EINVAL);
	body->guest.features |= VBH_FEAT_EXEC_KERNEL;
	for (i = 9; i < 11; i++) {
		memcpy(body->mem + AT_REQUEST, &bad[i], sizeof(bad[i]));
		assert_int_equal(call(VBH_HC_REGION_ADD, AT_REQUEST, 1, 0), 0);
	}
	bad[8].rights = VBH_W | VBH_X | VBH_XU;
	memcpy(body->mem + AT_REQUEST, &bad[8], sizeof(bad[8]));
	assert_int_equal(call(VBH_HC_REGION_ADD, AT_REQUEST, 1, 0), -EINVAL);
	memcpy(body->mem + AT_REQUEST, &good, sizeof(good));
	assert_int_equal(call(VBH_HC_REGION_ADD, AT_REQUEST, 1, 0), 0);
}

/* count regions of a page each, every other page from AT_TEXT on. */
static void put_batch(u32 count)
{
	struct vbh_region *r = (void *)(body->mem + AT_REQUEST);
	u32 i;

	for (i = 0; i < count; i++) {
		r[i] = (struct vbh_region) {
			.gpa = AT_TEXT + i * 8192, .len = 4096, .rights = VBH_R, .tag = 9,
			.kind = VBH_REGION_OTHER, .rule = 2,
		};
	}
}

static void a_bad_region_anywhere_in_a_batch_leaves_none(void **state)
{
	struct vbh_region *r = (void *)(body->mem + AT_REQUEST);
	u32 i;

	(void)state;
	add_region(AT_TEXT, 3 * 4096, TEXT, 1, VBH_REGION_OTHER, 2, 0);
	for (i = 0; i < 10; i++) {
		put_batch(10);
		r[i].reserved = 1;
		assert_int_equal(call(VBH_HC_REGION_ADD, AT_REQUEST, 10, 0), -EINVAL);
		assert_int_equal(body->guest.regions.nr, 2);
		body_check_stage2();
	}
	put_batch(10);
	assert_int_equal(call(VBH_HC_REGION_ADD, AT_REQUEST, 10, 0), 0);
	assert_int_equal(body->guest.regions.nr, 12);
}

static void a_batch_without_memory_for_tables_leaves_none(void **state)
{
	u32 i, flushes;

	(void)state;
	for (i = 1; i <= 10; i++) {
		put_batch(10);
		body->fail_update = body->updates + i;
		flushes = body->flushes;
		assert_int_equal(call(VBH_HC_REGION_ADD, AT_REQUEST, 10, 0), -ENOSPC);
		assert_int_equal(body->guest.regions.nr, 1);
		assert_int_equal(body->flushes, flushes + 2 + (i > 1));
		body_check_stage2();
	}
}

static void a_batch_beyond_the_table_leaves_none(void **state)
{
	(void)state;
	put_batch(BODY_REGIONS);
	assert_int_equal(call(VBH_HC_REGION_ADD, AT_REQUEST, BODY_REGIONS, 0), -ENOSPC);
	assert_int_equal(body->guest.regions.nr, 1);
	body_check_stage2();
	assert_int_equal(call(VBH_HC_REGION_ADD, AT_REQUEST, BODY_REGIONS - 1, 0), 0);
}

static void a_batch_that_runs_out_of_memory_half_way_leaves_none(void **state)
{
	struct vbh_region *r = (void *)(body->mem + AT_REQUEST);

	(void)state;
	put_batch(2);
	memcpy(body->mem + BODY_MEM - sizeof(*r), r, sizeof(*r));
	assert_int_equal(call(VBH_HC_REGION_ADD, BODY_MEM - sizeof(*r), 2, 0), -EFAULT);
	assert_int_equal(body->guest.regions.nr, 1);
}

static void a_guest_can_not_give_itself_the_hypervisors_memory(void **state)
{
	(void)state;
	assert_int_equal(add_region(AT_HV, 4096, VBH_RWX, 1, VBH_REGION_OTHER, 1, 1), 0);
	assert_int_equal(body->stage2[AT_HV / 4096], VBH_R);
	assert_int_equal(call(VBH_HC_REGION_DEL, 1, 0, 0), 0);
	assert_int_equal(body->stage2[AT_HV / 4096], VBH_R);
}

static void rules_only_strengthen_after_the_seal(void **state)
{
	(void)state;
	assert_int_equal(call(VBH_HC_RULE, VBH_KIND_INIT, VBH_RULE_LOG, 0), 0);
	call(VBH_HC_SEAL, 0, 0, 0);
	assert_int_equal(call(VBH_HC_RULE, VBH_KIND_VIRT_INSN, VBH_RULE_LOG, 0), -EPERM);
	assert_int_equal(call(VBH_HC_RULE, VBH_KIND_VIRT_INSN, VBH_RULE_DENY, 0), 0);
	assert_int_equal(call(VBH_HC_RULE, VBH_KIND_INIT, VBH_RULE_DENY, 0), 0);
	assert_int_equal(call(VBH_HC_RULE, VBH_KIND_INIT, VBH_RULE_LOG, 0), -EPERM);
	assert_int_equal(call(VBH_HC_RULE, VBH_KIND_INIT, VBH_RULE_PANIC, 0), 0);
	assert_int_equal(body->guest.rules[VBH_KIND_INIT], VBH_RULE_PANIC);
}

static void random_requests_keep_the_second_stage_in_line(void **state)
{
	u32 round;

	(void)state;
	for (round = 0; round < 3000; round++) {
		u64 gpa = rnd(BODY_PAGES) * 4096ull;
		u32 nr = body->guest.regions.nr;

		if (!rnd(4))
			body->fail_update = body->updates + 1 + rnd(2);
		if (rnd(4)) {
			s64 err = add_region(gpa, (1 + rnd(40)) * 4096ull, rnd(16), 1 + rnd(6),
					     VBH_REGION_KERNEL_TEXT + rnd(8), 1 + rnd(3), rnd(2));

			assert_int_equal(body->guest.regions.nr, nr + !err);
		} else {
			body->fail_update = 0;
			call(VBH_HC_REGION_DEL, 1 + rnd(6), 0, 0);
		}
		body_check_stage2();
	}
}

#define AT_GIFT	0x60000ull

static s64 donate(u64 gpa, u64 len)
{
	return call(VBH_HC_DONATE, gpa, len, 0);
}

static void a_donation_becomes_the_hypervisors(void **state)
{
	u32 flushes;

	(void)state;
	body->guest.features |= VBH_FEAT_DONATE;
	body->max_pages = 20;
	call(VBH_HC_SEAL, 0, 0, 0);
	flushes = body->flushes;
	assert_int_equal(donate(AT_GIFT, 0x4000), 0);
	assert_true(body->flushes > flushes);
	assert_int_equal(body->max_pages, 24);
	assert_int_equal(body->stage2[AT_GIFT / 4096], VBH_R);
	assert_int_equal(body->stage2[AT_GIFT / 4096 + 3], VBH_R);
	assert_int_equal(body->stage2[AT_GIFT / 4096 + 4], VBH_RWX);
	assert_int_equal(region_denies(&body->guest.regions, AT_GIFT, VBH_W)->kind,
			 VBH_REGION_HYPERVISOR);
	/* Not again, nor a part of it. */
	assert_int_equal(donate(AT_GIFT, 0x4000), -EINVAL);
	assert_int_equal(donate(AT_GIFT + 0x3000, 0x2000), -EINVAL);
}

static void what_a_region_touches_can_not_be_donated(void **state)
{
	u32 nr;

	(void)state;
	body->guest.features |= VBH_FEAT_DONATE;
	body->max_pages = 20;
	body_ring(2);
	add_region(AT_TEXT, 0x2000, TEXT, 5, VBH_REGION_KERNEL_TEXT, 2, 1);
	add_region(AT_TEXT + 0x4000, 0x1000, VBH_RWX, 5, VBH_REGION_OTHER, 2, 0);
	nr = body->guest.regions.nr;
	assert_int_equal(donate(AT_TEXT, 0x1000), -EINVAL);
	assert_int_equal(donate(AT_TEXT - 0x1000, 0x2000), -EINVAL);
	assert_int_equal(donate(AT_TEXT + 0x1000, 0x2000), -EINVAL);
	assert_int_equal(donate(AT_TEXT + 0x4000, 0x1000), -EINVAL);
	assert_int_equal(donate(AT_RING, 0x1000), -EINVAL);
	assert_int_equal(donate(AT_HV, 0x1000), -EINVAL);
	assert_int_equal(donate(AT_GIFT, 0), -EINVAL);
	assert_int_equal(donate(AT_GIFT + 8, 0x1000), -EINVAL);
	assert_int_equal(donate(AT_GIFT, 0x1008), -EINVAL);
	assert_int_equal(donate(VBH_DONATE_MAX - 0x1000, 0x2000), -EINVAL);
	assert_int_equal(donate(AT_GIFT, 2 * VBH_DONATE_MAX), -EINVAL);
	assert_int_equal(donate(BODY_MAX_GPA, 0x1000), -EINVAL);
	assert_int_equal(donate(-0x1000ull, 0x1000), -EINVAL);
	/* No ordinary memory. */
	assert_int_equal(donate(BODY_MEM, 0x1000), -EFAULT);
	assert_int_equal(body->guest.regions.nr, nr);
	assert_int_equal(body->max_pages, 20);
	body_check_stage2();
}

static void a_donation_that_can_not_be_taken_in_stays_the_guests(void **state)
{
	(void)state;
	assert_int_equal(donate(AT_GIFT, 0x1000), -EOPNOTSUPP);
	body->guest.features |= VBH_FEAT_DONATE;
	assert_int_equal(donate(AT_GIFT, 0x1000), -ENOSPC);	/* the body has enough */
	assert_int_equal(body->guest.regions.nr, 1);
	body->max_pages = 20;
	body->fail_update = body->updates + 1;
	assert_int_equal(donate(AT_GIFT, 0x1000), -ENOSPC);
	assert_int_equal(body->guest.regions.nr, 1);
	assert_int_equal(body->stage2[AT_GIFT / 4096], VBH_RWX);
	assert_false(body->guest.urgent);
}

/* What is written past the second stage is never the hypervisor's, whoever comes first. */
static void what_is_marked_is_free_or_not_marked(void **state)
{
	struct vbh_guest *g = &body->guest;
	struct guest_marks marks, second;
	u32 nr;

	(void)state;
	g->features |= VBH_FEAT_DONATE;
	body->max_pages = 20;
	assert_int_equal(guest_protect_own(g, 0x40000, 0x1000, VBH_R, VBH_REGION_HYPERVISOR), 0);
	nr = g->regions.nr;
	assert_int_equal(guest_mark(g, 0x40000, 64, &marks), -EPERM);
	assert_int_equal(guest_mark(g, 0x3fff0, 64, &marks), -EPERM);
	assert_int_equal(guest_mark(g, ~0ull - 15, 64, &marks), -EPERM);
	assert_int_equal(g->regions.nr, nr);
	assert_int_equal(guest_mark(g, BODY_MAX_GPA, 64, &marks), 0);
	assert_int_equal(g->regions.nr, nr);
	/* Marked twice it is one region, which goes with the first of them. */
	assert_int_equal(guest_mark(g, AT_GIFT + 0xff0, 64, &marks), 0);
	assert_int_equal(g->regions.nr, nr + 2);
	assert_int_equal(guest_mark(g, AT_GIFT, 64, &second), 0);
	assert_int_equal(g->regions.nr, nr + 2);
	assert_int_equal(donate(AT_GIFT, 0x1000), -EINVAL);
	guest_unmark(g, &second);
	assert_int_equal(g->regions.nr, nr + 2);
	guest_unmark(g, &marks);
	assert_int_equal(g->regions.nr, nr);
	/* A region of the guest's own, which may go again, does not stand in for a mark. */
	add_region(AT_GIFT, 0x1000, VBH_RWX, 9, VBH_REGION_OTHER, VBH_RULE_DENY, 0);
	assert_int_equal(guest_mark(g, AT_GIFT, 64, &marks), 0);
	assert_int_equal(call(VBH_HC_REGION_DEL, 9, 0, 0), 0);
	assert_int_equal(donate(AT_GIFT, 0x1000), -EINVAL);
	guest_unmark(g, &marks);
	assert_int_equal(donate(AT_GIFT, 0x1000), 0);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, body_setup, body_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_region_takes_its_rights_away_in_the_second_stage),
		T(a_region_goes_by_its_tag),
		T(after_the_seal_regions_come_but_never_go),
		T(malformed_regions_are_refused),
		T(a_bad_region_anywhere_in_a_batch_leaves_none),
		T(a_batch_without_memory_for_tables_leaves_none),
		T(a_batch_beyond_the_table_leaves_none),
		T(a_batch_that_runs_out_of_memory_half_way_leaves_none),
		T(a_guest_can_not_give_itself_the_hypervisors_memory),
		T(rules_only_strengthen_after_the_seal),
		T(random_requests_keep_the_second_stage_in_line),
		T(a_donation_becomes_the_hypervisors),
		T(what_a_region_touches_can_not_be_donated),
		T(a_donation_that_can_not_be_taken_in_stays_the_guests),
		T(what_is_marked_is_free_or_not_marked),
	};

	return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
