// SPDX-License-Identifier: GPL-2.0-only
/* The table of regions, against one that asks every region about every page. */
#include "body.h"

#define MAX	32
#define MANY	4000

static struct region_table *t;
static struct region model[MANY];	/* in no order */
static u32 nr_model;
static u32 pages = 48, most = 12;	/* where they lie, and how large one is */

static int teardown(void **state)
{
	(void)state;
	while (body->nr_pages)
		free(body->page[--body->nr_pages]);
	free(body);
	return 0;
}

/* The table of a new guest, under its lock: without the hypervisor's own region. */
static int setup(void **state)
{
	body_setup(state);
	body->locked = true;
	body->guest.max_regions = MAX;
	guest_init(&body->guest);
	t = &body->guest.regions;
	nr_model = 0;
	pages = 48;
	most = 12;
	return 0;
}

static int again(void **state)
{
	teardown(state);
	return setup(state);
}

static struct region make(u32 first, u32 n, u32 rights)
{
	struct region r = {
		.start = first * 4096ull, .end = (first + n) * 4096ull, .rights = rights,
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
	const struct region *got = region_denies(t, gpa, want);
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
	assert_int_equal(region_denials_have(t, gpa, want, 1), all);
	/* From wherever the last one ended. */
	assert_ptr_equal(region_denials(t, gpa, want, &flags), got);
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
	region_view(t, gpa, limit, &view);
	assert_int_equal(view.rights, rights);
	assert_int_equal(view.end, end);
	assert_int_equal(view.hypervisor, hv);
	assert_int_equal(!!view.first, rights != VBH_RWX);
	for (i = 0; i < 4; i++)
		check_denial(gpa, 1u << i);
}

static void check_free(u32 first, u32 n)
{
	bool is_free = true;
	u32 i;

	for (i = 0; i < nr_model; i++) {
		if (model[i].start < (first + n) * 4096ull &&
		    model[i].end > first * 4096ull)
			is_free = false;
	}
	assert_int_equal(region_free(t, first * 4096ull, n * 4096ull), is_free);
}

/* What is said above the table, entry by entry. */
static void check_table(void)
{
	u64 before = 0, last = 0;
	u32 n, i, nr = 0;

	for (n = 0; n < t->leaves; n++) {
		const struct region_leaf *leaf = t->dir[n / 512][n % 512];
		u64 reach = 0;

		assert_in_range(leaf->nr, 1, REGION_LEAF_MAX);
		assert_int_equal(leaf->before, before);
		for (i = 0; i < leaf->nr; i++, nr++) {
			assert_true(last <= leaf->r[i].start);
			last = leaf->r[i].start;
			reach = leaf->r[i].end > reach ? leaf->r[i].end : reach;
			assert_int_equal(leaf->r[i].max_end, reach);
		}
		before = reach > before ? reach : before;
	}
	assert_int_equal(t->nr, nr);
	assert_int_equal(t->nr, nr_model);
}

/* Every page, or as many of them as chance picks. */
static void check_all(u32 some)
{
	u32 i;

	check_table();
	for (i = 0; i < (some ?: pages); i++)
		check_page((some ? rnd(pages) : i) * 4096ull, pages * 4096ull);
	for (i = 0; i < 20; i++)
		check_free(rnd(pages), 1 + rnd(8));
}

static void insert_one(void)
{
	struct region r = make(rnd(pages), 1 + rnd(most), rnd(16));
	u32 id = t->next_id;

	if (nr_model == t->max) {
		assert_int_equal(region_insert(&body->guest, &r), -ENOSPC);
		return;
	}
	assert_int_equal(region_insert(&body->guest, &r), 0);
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
	struct region r = { 0 };
	u32 i, tag = rnd(4);

	switch (rnd(4)) {
	case 0:
		while (region_take_tag(t, r.start, tag, &r)) {
			assert_int_equal(r.tag, tag);
			forget(r.id);
		}
		for (i = 0; i < nr_model; i++)
			assert_int_not_equal(model[i].tag, tag);
		break;
	case 1:
		tag = t->next_id > 3 ? t->next_id - 3 : 0;
		while (region_take_id(t, r.start, tag, ~0u, &r)) {
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
		assert_true(region_take_id(t, 0, i, i, &r));
		assert_int_equal(r.id, i);
		assert_false(region_take_id(t, 0, i, i, &r));
		forget(i);
	}
}

static void random_regions_give_what_a_page_by_page_model_gives(void **state)
{
	u32 round, i;

	for (round = 0; round < 60; round++) {
		again(state);
		for (i = 0; i < 60; i++) {
			if (rnd(4))
				insert_one();
			else
				remove_some();
			check_all(0);
		}
	}
}

/* One that chance picks. */
static void remove_one(void)
{
	u32 i = rnd(nr_model);
	struct region r;

	assert_true(region_take_id(t, model[i].start, model[i].id, model[i].id, &r));
	assert_int_equal(r.id, model[i].id);
	model[i] = model[--nr_model];
}

/* Mostly of a page each, now and then one that covers a good part: over many leaves. */
static void thousands_give_what_the_model_gives_as_they_come_and_go(void **state)
{
	u32 i, at_most = 0;

	(void)state;
	t->max = MANY;
	pages = 6000;
	for (i = 0; i < 3 * MANY; i++) {
		bool grow = i / 1000 % 4 != 3;	/* a quarter of the time they go */

		most = rnd(500) ? 1 : 2000;
		if (nr_model && (!grow || !rnd(8)))
			remove_one();
		else if (nr_model < MANY)
			insert_one();
		if (i % 50 == 0)
			check_all(8);
		at_most = t->leaves > at_most ? t->leaves : at_most;
	}
	assert_in_range(at_most, 20, 100);
	while (nr_model)
		remove_one();
	check_all(8);
	assert_int_equal(t->leaves, 0);
}

/* As vmalloc hands out pages: rising, falling, in any order; then taken by their tag. */
static void leaves_are_at_least_half_full_whatever_the_order(void **state)
{
	u32 order, i;

	for (order = 0; order < 3; order++) {
		struct region r = { 0 };

		again(state);
		t->max = MANY;
		pages = 1u << 20;
		for (i = 0; i < MANY; i++) {
			u32 page = order == 0 ? 2 * i : order == 1 ? 2 * (MANY - i) : rnd(pages);

			r = make(page, 1, VBH_R);
			r.tag = 7;
			assert_int_equal(region_insert(&body->guest, &r), 0);
		}
		assert_in_range(t->leaves, MANY / REGION_LEAF_MAX, MANY * 2 / REGION_LEAF_MAX + 2);
		for (r.start = 0, i = 0; region_take_tag(t, r.start, 7, &r); i++)
			;
		assert_int_equal(i, MANY);
		assert_int_equal(t->leaves, 0);
	}
}

static void leaves_that_have_become_small_join(void **state)
{
	u32 i;

	(void)state;
	t->max = MANY;
	for (i = 0; i < MANY; i++) {
		struct region r = make(i, 1, VBH_R);

		assert_int_equal(region_insert(&body->guest, &r), 0);
	}
	/* All but each 50th go: two of a leaf are left at first. */
	for (i = 0; i < MANY; i++) {
		struct region r;

		if (i % 50)
			assert_true(region_take_id(t, i * 4096ull, i, i, &r));
	}
	assert_int_equal(t->nr, MANY / 50);
	assert_in_range(t->leaves, 1, 4);
}

/* Pages as they were: what is taken out goes back to be used for what comes. */
static void a_table_that_fills_and_empties_takes_no_more_pages(void **state)
{
	u32 round, i, taken = 0;

	(void)state;
	t->max = MANY;
	for (round = 0; round < 5; round++) {
		struct region r = { 0 };

		for (i = 0; i < 1000; i++) {
			r = make(i * 3, 1, VBH_R);
			assert_int_equal(region_insert(&body->guest, &r), 0);
		}
		taken = taken ?: body->nr_pages;
		assert_int_equal(body->nr_pages, taken);
		for (r.start = 0; region_take_id(t, r.start, 0, ~0u, &r);)
			;
		assert_int_equal(t->nr, 0);
	}
}

static void without_a_page_for_a_leaf_it_stays_as_it_was(void **state)
{
	struct region r = make(1, 2, VBH_R);
	u32 i;

	(void)state;
	t->max = MANY;
	for (i = 0; i < REGION_LEAF_MAX; i++)
		assert_int_equal(region_insert(&body->guest, &r), 0);
	body->max_pages = body->nr_pages;
	assert_int_equal(region_insert(&body->guest, &r), -ENOSPC);
	assert_int_equal(t->nr, REGION_LEAF_MAX);
	body->max_pages++;
	assert_int_equal(region_insert(&body->guest, &r), 0);
}

static void what_must_not_fail_finds_room_in_a_full_table(void **state)
{
	struct region r = make(1, 2, VBH_R);
	u32 i;

	(void)state;
	for (i = 0; i < MAX; i++)
		assert_int_equal(region_insert(&body->guest, &r), 0);
	assert_int_equal(region_insert(&body->guest, &r), -ENOSPC);
	body->guest.urgent = true;
	for (i = 0; i < REGION_RESERVE; i++)
		assert_int_equal(region_insert(&body->guest, &r), 0);
	assert_int_equal(region_insert(&body->guest, &r), -ENOSPC);
}

static void an_empty_table_takes_nothing_away(void **state)
{
	struct region_view view;

	(void)state;
	region_view(t, 0x5000, 0x9000, &view);
	assert_int_equal(view.rights, VBH_RWX);
	assert_int_equal(view.end, 0x9000);
	assert_null(region_denies(t, 0x5000, VBH_W));
	assert_true(region_free(t, 0, ~0ull));
}

static void a_full_table_refuses_and_stays_as_it_was(void **state)
{
	struct region r = make(1, 2, VBH_R);
	u32 i;

	(void)state;
	for (i = 0; i < MAX; i++)
		assert_int_equal(region_insert(&body->guest, &r), 0);
	assert_int_equal(region_insert(&body->guest, &r), -ENOSPC);
	assert_int_equal(t->nr, MAX);
}

static void the_hypervisors_pages_win_over_any_rule(void **state)
{
	struct region r = make(1, 1, VBH_R);

	(void)state;
	r.kind = VBH_REGION_HYPERVISOR;
	r.rule = VBH_RULE_LOG;
	region_insert(&body->guest, &r);
	r.kind = VBH_REGION_OTHER;
	r.rule = VBH_RULE_PANIC;
	region_insert(&body->guest, &r);
	assert_int_equal(region_denies(t, 4096, VBH_W)->kind, VBH_REGION_HYPERVISOR);
}

static void a_grant_changes_one_region_only(void **state)
{
	struct region r = make(1, 1, VBH_R);

	(void)state;
	region_insert(&body->guest, &r);
	region_insert(&body->guest, &r);
	region_grant(t, 4096, 0, VBH_X);
	assert_non_null(region_denies(t, 4096, VBH_X));
	region_grant(t, 4096, 1, VBH_X);
	assert_null(region_denies(t, 4096, VBH_X));
	assert_non_null(region_denies(t, 4096, VBH_W));
}

static void an_id_is_not_given_twice(void **state)
{
	struct region r = make(1, 1, VBH_R);

	(void)state;
	t->next_id = ~0u - 1;
	assert_int_equal(region_insert(&body->guest, &r), 0);
	assert_int_equal(region_insert(&body->guest, &r), -ENOSPC);
	assert_int_equal(t->nr, 1);
	assert_int_equal(t->next_id, ~0u);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_empty_table_takes_nothing_away),
		T(a_full_table_refuses_and_stays_as_it_was),
		T(the_hypervisors_pages_win_over_any_rule),
		T(an_id_is_not_given_twice),
		T(a_grant_changes_one_region_only),
		T(random_regions_give_what_a_page_by_page_model_gives),
		T(thousands_give_what_the_model_gives_as_they_come_and_go),
		T(leaves_are_at_least_half_full_whatever_the_order),
		T(leaves_that_have_become_small_join),
		T(a_table_that_fills_and_empties_takes_no_more_pages),
		T(without_a_page_for_a_leaf_it_stays_as_it_was),
		T(what_must_not_fail_finds_room_in_a_full_table),
	};

	return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
