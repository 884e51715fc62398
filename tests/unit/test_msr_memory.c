// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of MSRs that hold an address: each that does is judged, in its form;
 * what a kernel writes to the others may look like any address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../../hv/msr_memory.h"

#define TEXT	0x1000000ull		/* as a count of 100 ns: 1.7 s after boot */

static const struct msr_memory_facts plain = { .xen = 0, .feedback_pages = 1 };

static void none(u32 msr, u64 value)
{
	u64 gpa, len;

	if (msr_memory(&plain, msr, value, &gpa, &len) && len)
		fail_msg("MSR %#x with %#llx hands out %#llx bytes at %#llx", msr, value, len, gpa);
}

static void some(u32 msr, u64 value, u64 want_gpa, u64 want_len)
{
	u64 gpa = 0, len = 0;

	if (!msr_memory(&plain, msr, value, &gpa, &len) || gpa != want_gpa || len != want_len)
		fail_msg("MSR %#x with %#llx: %#llx bytes at %#llx, not %#llx at %#llx", msr,
			 value, len, gpa, want_len, want_gpa);
}

static void counts_and_commands_are_no_addresses(void **state)
{
	static const struct {
		u32 first, last;
	} others[] = {
		{ 0x40000000, 0x40000000 },	/* GUEST_OS_ID */
		{ 0x40000003, 0x40000003 },	/* RESET */
		{ 0x40000070, 0x40000072 },	/* EOI, ICR, TPR */
		{ 0x40000080, 0x40000080 },	/* SCONTROL */
		{ 0x40000084, 0x40000084 },	/* EOM */
		{ 0x40000090, 0x4000009f },	/* SINT */
		{ 0x400000b0, 0x400000b7 },	/* STIMER */
		{ 0x400000f0, 0x400000f2 }, { 0x400000ff, 0x400000ff },	/* GUEST_IDLE, SYNDBG */
		{ 0x40000100, 0x40000105 },	/* CRASH */
		{ 0x40000106, 0x40000108 }, { 0x40000118, 0x40000118 },	/* TSC */
		{ 0x40001080, 0x40001080 }, { 0x40001084, 0x40001084 }, { 0x40001090, 0x4000109f },
		{ 0x4b564d05, 0x4b564d08 },	/* POLL_CONTROL to MIGRATION_CONTROL */
		{ 0x10, 0x10 }, { 0x3fffffff, 0x3fffffff }, { 0x50000000, 0x50000000 },
	};
	u32 i, msr;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		for (msr = others[i].first; msr <= others[i].last; msr++) {
			none(msr, TEXT);
			none(msr, TEXT | 1);
			none(msr, ~0ull);
		}
	}
}

static void a_page_of_hyper_v_is_judged_when_it_is_enabled(void **state)
{
	static const u32 pages[] = {
		0x40000001, 0x40000021, 0x40000073, 0x40000082, 0x40000083, 0x40000085,
		0x400000e0, 0x400000e1, 0x400000e2, 0x400000e3, 0x40001082, 0x40001083,
	};
	u32 i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		none(pages[i], TEXT);
		none(pages[i], 0);
		some(pages[i], TEXT | 1, TEXT, 4096);
		/* Lock and reserved bits are none of the address's. */
		some(pages[i], TEXT | 0xfff, TEXT, 4096);
	}
	/* The debugger's have no such bit. */
	for (i = 0x400000f3; i <= 0x400000f5; i++) {
		none(i, 0);
		some(i, TEXT + 8, TEXT + 8, 4096);
	}
}

static void what_kvm_shares_is_judged_in_the_form_of_each(void **state)
{
	(void)state;
	some(0x11, TEXT + 4, TEXT + 4, 12);
	some(0x4b564d00, TEXT + 0xffc, TEXT + 0xffc, 12);	/* over the page's end */
	none(0x4b564d00, 0);
	some(0x12, TEXT + 0x20 + 1, TEXT + 0x20, 32);
	some(0x4b564d01, TEXT + 0x20 + 1, TEXT + 0x20, 32);
	none(0x4b564d01, TEXT);
	some(0x4b564d02, TEXT | 0xb, TEXT, 64);		/* enabled, always, by interrupt */
	none(0x4b564d02, TEXT | 0xa);
	some(0x4b564d03, TEXT + 0x1c0 + 1, TEXT + 0x1c0, 64);
	none(0x4b564d03, TEXT + 0x1c0);
	some(0x4b564d04, TEXT + 4 + 1, TEXT + 4, 4);
	none(0x4b564d04, TEXT + 4);
}

static void an_unknown_register_is_taken_for_an_address(void **state)
{
	static const u32 unknown[] = {
		0x40000004, 0x40000086, 0x400000b8, 0x40000200, 0x40001000, 0x4b564d09,
		0x4b564dff, 0x4fffffff,
	};
	u32 i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		some(unknown[i], TEXT, TEXT, 64);
		some(unknown[i], TEXT | 1, TEXT, 64);
		none(unknown[i], 0);
	}
}

static void xen_says_which_register_is_its_own(void **state)
{
	static const u32 msrs[] = { 0x40000000, 0x40000200 };
	struct msr_memory_facts xen = plain;
	u64 gpa, len;
	u32 i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		xen.xen = msrs[i];
		/* The low bits are which of the pages; Xen stores at once. */
		assert_true(msr_memory(&xen, msrs[i], TEXT, &gpa, &len));
		assert_int_equal(gpa, TEXT);
		assert_int_equal(len, 4096);
		assert_true(msr_memory(&xen, msrs[i], 0, &gpa, &len) && !gpa);
	}
}

static void the_feedback_table_is_as_long_as_cpuid_says(void **state)
{
	struct msr_memory_facts facts = plain;
	u64 gpa, len;
	u32 pages;

	(void)state;
	for (pages = 1; pages <= 16; pages++) {
		facts.feedback_pages = pages;
		assert_true(msr_memory(&facts, MSR_HW_FEEDBACK_PTR, TEXT | 1, &gpa, &len));
		assert_int_equal(gpa, TEXT);
		assert_int_equal(len, pages * 4096);
	}
	assert_false(msr_memory(&facts, MSR_HW_FEEDBACK_PTR, TEXT, &gpa, &len));
}

static void this_processor_has_a_table_of_1_to_16_pages(void **state)
{
	struct msr_memory_facts facts = { 0 };

	(void)state;
	msr_memory_facts(&facts);
	assert_in_range(facts.feedback_pages, 1, 16);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_and_commands_are_no_addresses),
		cmocka_unit_test(a_page_of_hyper_v_is_judged_when_it_is_enabled),
		cmocka_unit_test(what_kvm_shares_is_judged_in_the_form_of_each),
		cmocka_unit_test(an_unknown_register_is_taken_for_an_address),
		cmocka_unit_test(xen_says_which_register_is_its_own),
		cmocka_unit_test(the_feedback_table_is_as_long_as_cpuid_says),
		cmocka_unit_test(this_processor_has_a_table_of_1_to_16_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
