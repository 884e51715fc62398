// SPDX-License-Identifier: GPL-2.0-only
/* The table of regions, against one that asks every region about every page. */
#include "body.h"

#define MAX	32
#define PAGES	48

static struct region table[MAX];
static struct region_table t;
static struct region model[MAX];	/* in no order */
static u32 nr_model;

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.table = table;
	t.max = MAX;
	nr_model = 0;
	return 0;
}

static struct region make(u32 first, u32 pages, u32 rights)
{
	struct region r = {
		.start = first * 4096ull, .end = (first + pages) * 4096ull, .rights = rights,
		.tag = rnd(4), .rule = 1 + rnd(3), .flags = rnd(2),
		.kind = rnd(10) ? VBH_REGION_OTHER : VBH_REGION_HYPERVISOR,
	};

	return r;
}

static bool covers(const struct region *r, u64 gpa)
{
	return r->start <= gpa && gpa < r->end;
}

static u32 strength(const struct region *r)
{
	return r->kind == VBH_REGION_HYPERVISOR ? 9 : r->rule;
}

static void check_denial(u64 gpa, u32 want)
{
	const struct region *got = region_denies(&t, gpa, want);
	u32 i, best = 0;
	bool all = true;
	u8 flags;

	for (i = 0; i < nr_model; i++) {
		if (!covers(&model[i], gpa) || (model[i].rights & want))
			continue;
		if (strength(&model[i]) > best)
			best = strength(&model[i]);
		all = all && model[i].flags;
	}
	assert_int_equal(got ? strength(got) : 0, best);
	if (got)
		assert_true(covers(got, gpa) && !(got->rights & want));
	assert_int_equal(region_denials_have(&t, gpa, want, 1), all);
	/* From wherever the last one ended. */
	assert_ptr_equal(region_denials(&t, gpa, want, &flags), got);
	assert_int_equal(flags & 1, all);
}

static void check_page(u64 gpa, u64 limit)
{
	u32 rights = VBH_RWX, i;
	struct region_view view;
	bool hv = false;
	u64 end = limit;

	for (i = 0; i < nr_model; i++) {
		if (model[i].start > gpa && model[i].start < end)
			end = model[i].start;
		if (!covers(&model[i], gpa))
			continue;
		rights &= model[i].rights;
		hv = hv || model[i].kind == VBH_REGION_HYPERVISOR;
		if (model[i].end < end)
			end = model[i].end;
	}
	region_view(&t, gpa, limit, &view);
	assert_int_equal(view.rights, rights);
	assert_int_equal(view.end, end);
	assert_int_equal(view.hypervisor, hv);
	assert_int_equal(!!view.first, rights != VBH_RWX);
	for (i = 0; i < 4; i++)
		check_denial(gpa, 1u << i);
}

static void check_free(u32 first, u32 pages)
{
	bool is_free = true;
	u32 i;

	for (i = 0; i < nr_model; i++) {
		if (model[i].start < (first + pages) * 4096ull &&
		    model[i].end > first * 4096ull)
			is_free = false;
	}
	assert_int_equal(region_free(&t, first * 4096ull, pages * 4096ull), is_free);
}

static void check_all(void)
{
	u32 i;

	assert_int_equal(t.nr, nr_model);
	for (i = 0; i < PAGES; i++)
		check_page(i * 4096ull, PAGES * 4096ull);
	for (i = 0; i < 20; i++)
		check_free(rnd(PAGES), 1 + rnd(8));
	for (i = 1; i < t.nr; i++)
		assert_true(table[i - 1].start <= table[i].start);
}

static void insert_one(void)
{
	struct region r = make(rnd(PAGES), 1 + rnd(12), rnd(16));
	u32 id = t.next_id;

	if (nr_model == MAX) {
		assert_int_equal(region_insert(&t, &r), -ENOSPC);
		return;
	}
	assert_int_equal(region_insert(&t, &r), 0);
	r.id = id;
	model[nr_model++] = r;
}

static void forget(u32 id)
{
	u32 i;

	for (i = 0; model[i].id != id; i++)
		;
	model[i] = model[--nr_model];
}

static void remove_some(void)
{
	struct region r;
	u32 i, tag = rnd(4);

	switch (rnd(4)) {
	case 0:
		while (region_take_tag(&t, tag, &r)) {
			assert_int_equal(r.tag, tag);
			forget(r.id);
		}
		for (i = 0; i < nr_model; i++)
			assert_int_not_equal(model[i].tag, tag);
		break;
	case 1:
		tag = t.next_id > 3 ? t.next_id - 3 : 0;
		while (region_take_id(&t, tag, ~0u, &r)) {
			assert_true(r.id >= tag);
			forget(r.id);
		}
		for (i = 0; i < nr_model; i++)
			assert_true(model[i].id < tag);
		break;
	default:
		if (!nr_model)
			return;
		i = model[rnd(nr_model)].id;
		assert_true(region_take_id(&t, i, i, &r));
		assert_int_equal(r.id, i);
		assert_false(region_take_id(&t, i, i, &r));
		forget(i);
	}
}

static void random_regions_give_what_a_page_by_page_model_gives(void **state)
{
	u32 round, i;

	for (round = 0; round < 60; round++) {
		setup(state);
		for (i = 0; i < 60; i++) {
			if (rnd(4))
				insert_one();
			else
				remove_some();
			check_all();
		}
	}
}

static void an_empty_table_takes_nothing_away(void **state)
{
	struct region_view view;

	(void)state;
	region_view(&t, 0x5000, 0x9000, &view);
	assert_int_equal(view.rights, VBH_RWX);
	assert_int_equal(view.end, 0x9000);
	assert_null(region_denies(&t, 0x5000, VBH_W));
	assert_true(region_free(&t, 0, ~0ull));
}

static void a_full_table_refuses_and_stays_as_it_was(void **state)
{
	struct region r = make(1, 2, VBH_R);
	u32 i;

	(void)state;
	for (i = 0; i < MAX; i++)
		assert_int_equal(region_insert(&t, &r), 0);
	assert_int_equal(region_insert(&t, &r), -ENOSPC);
	assert_int_equal(t.nr, MAX);
}

static void the_hypervisors_pages_win_over_any_rule(void **state)
{
	struct region r = make(1, 1, VBH_R);

	(void)state;
	r.kind = VBH_REGION_HYPERVISOR;
	r.rule = VBH_RULE_LOG;
	region_insert(&t, &r);
	r.kind = VBH_REGION_OTHER;
	r.rule = VBH_RULE_PANIC;
	region_insert(&t, &r);
	assert_int_equal(region_denies(&t, 4096, VBH_W)->kind, VBH_REGION_HYPERVISOR);
}

static void a_grant_changes_one_region_only(void **state)
{
	struct region r = make(1, 1, VBH_R);

	(void)state;
	region_insert(&t, &r);
	region_insert(&t, &r);
	region_grant(&t, 0, VBH_X);
	assert_non_null(region_denies(&t, 4096, VBH_X));
	region_grant(&t, 1, VBH_X);
	assert_null(region_denies(&t, 4096, VBH_X));
	assert_non_null(region_denies(&t, 4096, VBH_W));
}

static void an_id_is_not_given_twice(void **state)
{
	struct region r = make(1, 1, VBH_R);

	(void)state;
	t.next_id = ~0u - 1;
	assert_int_equal(region_insert(&t, &r), 0);
	assert_int_equal(region_insert(&t, &r), -ENOSPC);
	assert_int_equal(t.nr, 1);
	assert_int_equal(t.next_id, ~0u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_table_takes_nothing_away, setup),
		cmocka_unit_test_setup(a_full_table_refuses_and_stays_as_it_was, setup),
		cmocka_unit_test_setup(the_hypervisors_pages_win_over_any_rule, setup),
		cmocka_unit_test_setup(an_id_is_not_given_twice, setup),
		cmocka_unit_test_setup(a_grant_changes_one_region_only, setup),
		cmocka_unit_test_setup(random_regions_give_what_a_page_by_page_model_gives, setup),
	};

	return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
