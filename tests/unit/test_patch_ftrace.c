// SPDX-License-Identifier: GPL-2.0-only
/* Trampolines that ftrace makes at run time, and code that nobody has handed over. */
#include "patch_world.h"

static int setup(void **state)
{
	int err = body_setup(state);

	if (err)
		return err;
	body_ring(20);
	world_make();
	world_module();
	make_trampoline(TRAMP, TRAMP_GPA, false, KTEXT + NOTRACE);
	world_seal();
	return 0;
}

static u32 live(void)
{
	return body->guest.patch.tramps.nr;
}

static bool tramp_protected(void)
{
	return !(body->stage2[TRAMP_GPA / 4096] & VBH_W);
}

static void stop_calling(u64 gva)
{
	assert_true(text_poke_bp(gva, nop5, 5));
}

static void a_trampoline_is_protected_while_it_is_called(void **state)
{
	(void)state;
	assert_false(tramp_protected());
	assert_true(patch_call(KTEXT + F1, TRAMP));
	assert_true(tramp_protected());
	assert_int_equal(body->stage2[TRAMP_GPA / 4096], VBH_R | VBH_X | VBH_XU);
	assert_true(patch_call(MOD + MF1, TRAMP));
	stop_calling(KTEXT + F1);
	assert_true(tramp_protected());
	assert_int_equal(live(), 1);
	stop_calling(MOD + MF1);
	assert_false(tramp_protected());
	assert_int_equal(live(), 0);
	assert_int_equal(body->guest.log.violations, 0);
}

static void one_with_registers_is_known_too(void **state)
{
	(void)state;
	make_trampoline(TRAMP, TRAMP_GPA, true, MOD + MF1);
	assert_true(patch_call(KTEXT + F1, TRAMP));
	/* From one that is called to the common one, and back. */
	assert_true(patch_call(KTEXT + F1, KTEXT + FR));
	assert_false(tramp_protected());
	assert_true(patch_call(KTEXT + F1, TRAMP));
	assert_int_equal(live(), 1);
}

static void a_plain_return_will_do(void **state)
{
	(void)state;
	memcpy(body->mem + TRAMP_GPA + FC_END - FC, "\xc3\xcc\x00\x00\x00", 5);
	assert_true(patch_call(KTEXT + F1, TRAMP));
}

/* Every single bit of it, but for the pointer to its ftrace_ops and what is behind. */
static void check_bits(bool regs)
{
	u32 len = (regs ? FR_END - FR : FC_END - FC) + 5, bit;

	/* No other function is one bit away. */
	make_trampoline(TRAMP, TRAMP_GPA, regs, MOD + MF1);
	for (bit = 0; bit < len * 8; bit++) {
		body->mem[TRAMP_GPA + bit / 8] ^= 1 << bit % 8;
		assert_false(patch_call(KTEXT + F1, TRAMP));
		assert_false(tramp_protected());
		body->mem[TRAMP_GPA + bit / 8] ^= 1 << bit % 8;
	}
	memset(body->mem + TRAMP_GPA + len, 0xff, 8);
	assert_true(patch_call(KTEXT + F1, TRAMP));
	stop_calling(KTEXT + F1);
}

static void no_bit_of_a_trampoline_may_differ(void **state)
{
	(void)state;
	check_bits(false);
	check_bits(true);
}

static void change_it(void)
{
	body->mem[TRAMP_GPA + 1] ^= 1;
	body->at_flush = NULL;
}

static void changed_while_it_is_protected_it_is_refused(void **state)
{
	(void)state;
	body->at_flush = change_it;
	assert_false(patch_call(KTEXT + F1, TRAMP));
	assert_false(tramp_protected());
	assert_int_equal(live(), 0);
}

static void writing_the_same_call_again_counts_nothing(void **state)
{
	u8 call5[5];

	(void)state;
	insn_to(call5, 0xe8, KTEXT + F1, TRAMP);
	assert_true(patch_call(KTEXT + F1, TRAMP));
	assert_true(poke(0, KTEXT + F1, call5, 5));
	assert_true(poke(0, KTEXT + F1, call5, 1));
	assert_true(tramp_protected());
	stop_calling(KTEXT + F1);
	assert_false(tramp_protected());
}

static void a_copy_elsewhere_is_none(void **state)
{
	(void)state;
	assert_false(patch_call(KTEXT + F1, TRAMP + 8));
	assert_true(patch_call(KTEXT + F1, TRAMP));
	assert_false(patch_call(KTEXT + F2, TRAMP + 8));
	/* The same page under another address, and made for that. */
	body_map(AT_CR3, TRAMP + 0x10000, TRAMP_GPA);
	assert_false(patch_call(KTEXT + F2, TRAMP + 0x10000));
}

static void changed_between_tail_and_first_byte_it_is_refused(void **state)
{
	static const u8 int3 = 0xcc;
	u8 call5[5];

	(void)state;
	insn_to(call5, 0xe8, KTEXT + F1, TRAMP);
	assert_true(poke(0, KTEXT + F1, &int3, 1));
	assert_true(poke(0, KTEXT + F1 + 1, call5 + 1, 4));
	body->mem[TRAMP_GPA] ^= 1;
	assert_false(poke(0, KTEXT + F1, call5, 1));
	assert_false(tramp_protected());
	body->mem[TRAMP_GPA] ^= 1;
	assert_true(poke(0, KTEXT + F1, call5, 1));
}

static void a_live_trampoline_changes_in_its_call_only(void **state)
{
	u32 fcall = FC_CALL - FC;
	static const u8 int3 = 0xcc;

	(void)state;
	assert_true(patch_call(KTEXT + F1, TRAMP));
	assert_false(poke(0, TRAMP, &int3, 1));
	assert_false(poke(0, TRAMP + fcall + 1, &int3, 1));
	assert_false(poke(0, TRAMP + FC_END - FC + 5, "\0\0\0\0\0\0\0\0", 8));
	assert_true(patch_call(TRAMP + fcall, KTEXT + OPS_LIST));
	assert_false(patch_call(TRAMP + fcall, KTEXT + OPS_LIST + 1));
	assert_true(patch_call(TRAMP + fcall, MOD + MF1));
	assert_true(patch_call(KTEXT + F2, TRAMP));
}

/* Not sealed yet, and without the module. */
static void world_anew(void **state)
{
	body_teardown(state);
	assert_int_equal(body_setup(state), 0);
	body_ring(20);
	world_make();
}

static void one_that_is_called_when_handed_over_counts(void **state)
{
	u8 call5[5];
	u32 i;

	world_anew(state);
	make_trampoline(TRAMP, TRAMP_GPA, false, KTEXT + NOTRACE);
	for (i = 0; i < 2; i++) {
		insn_to(call5, 0xe8, KTEXT + 0x3100 + i * 16, TRAMP);
		memcpy(text(KTEXT + 0x3100 + i * 16), call5, 5);
		assert_int_equal(hand_over(VBH_SITE_MCOUNT, 5, KTEXT + 0x3100 + i * 16, 0), 0);
		assert_true(tramp_protected());
	}
	stop_calling(KTEXT + 0x3100);
	assert_true(tramp_protected());
	stop_calling(KTEXT + 0x3110);
	assert_false(tramp_protected());
}

static void a_module_that_goes_calls_no_more(void **state)
{
	world_anew(state);
	world_module();
	make_trampoline(TRAMP, TRAMP_GPA, false, KTEXT + NOTRACE);
	assert_true(patch_call(MOD + MF1, TRAMP));
	assert_true(tramp_protected());
	assert_int_equal(call(VBH_HC_REGION_DEL, MOD_TAG, 0, 0), 0);
	assert_false(tramp_protected());
}

static void without_memory_for_it_the_call_is_refused(void **state)
{
	(void)state;
	/* It is tried twice: in haste, and with an event. */
	body->fail_update = body->updates + 1;
	body->fail_again = body->updates + 3;
	assert_false(patch_call(KTEXT + F1, TRAMP));
	assert_int_equal(live(), 0);
	assert_true(patch_call(KTEXT + F1, TRAMP));
	assert_int_equal(live(), 1);
}

/* Neither the table nor the pool, and what it took is asked for. */
static void there_is_room_for_one_where_there_is_none_for_anything_else(void **state)
{
	(void)state;
	body->guest.regions.max = body->guest.regions.nr;
	body->max_pages = body->nr_pages;
	assert_int_equal(add_region(AT_TEXT, 4096, VBH_R, 3, VBH_REGION_OTHER, VBH_RULE_DENY, 0),
			 -ENOSPC);
	assert_int_equal(ring()->wanted, 0);
	assert_true(patch_call(KTEXT + F1, TRAMP));
	assert_int_equal(live(), 1);
	assert_true(body->nr_pages > body->max_pages);
	assert_int_equal(ring()->wanted, 4096);
	assert_false(body->guest.urgent);
	assert_int_equal(add_region(AT_TEXT, 4096, VBH_R, 3, VBH_REGION_OTHER, VBH_RULE_DENY, 0),
			 -ENOSPC);
	assert_true(tramp_protected());
}

static void a_protected_page_is_no_trampoline(void **state)
{
	(void)state;
	add_region(TRAMP_GPA, 4096, VBH_RWX, 3, VBH_REGION_OTHER, VBH_RULE_DENY, 0);
	assert_false(patch_call(KTEXT + F1, TRAMP));
}

/* What BPF makes is not known; whoever lets it be called says so before the seal. */
static void unknown_code_is_called_only_where_policy_says(void **state)
{
	(void)state;
	assert_false(patch_call(KTEXT + F1, BPF));
	assert_false(patch_call(KTEXT + C1, BPF));
	world_anew(state);
	assert_true(patch_call(KTEXT + F1, BPF));
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_BPF, VBH_PATCH_SEALED, 0), 0);
	assert_false(patch_call(KTEXT + F2, BPF));
	world_seal();
	assert_true(patch_call(KTEXT + F2, BPF));
	assert_true(patch_call(KTEXT + C1, BPF));
	assert_false(patch_call(KTEXT + C1, KTEXT + F1 + 1));
	assert_false(patch_call(KTEXT + F2, KTEXT + F3));
	assert_false(patch_call(KTEXT + F2, KTEXT + 0x1000));
	stop_calling(KTEXT + F1);
	/* Not into what is known, beside its entry. */
	make_trampoline(TRAMP, TRAMP_GPA, false, KTEXT + NOTRACE);
	assert_true(patch_call(KTEXT + F1, TRAMP));
	assert_false(patch_call(KTEXT + F3, TRAMP + 16));
	assert_false(patch_call(KTEXT + C2, TRAMP));
	/* No address of user space: a distance can't lead there from here, but round the end. */
	assert_false(patch_call(KTEXT + C2, 0x1000));
}

/* register_ftrace_direct(): a module's own trampoline is called, no other known text. */
static void a_modules_own_trampoline_is_called_directly(void **state)
{
	static const u8 endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	world_anew(state);
	world_module();
	memcpy(text(MOD + MF1 - 4), endbr64, 4);
	assert_int_equal(hand_over(VBH_SITE_ENTRY, 0, MOD + 0x200, 0), 0);
	assert_int_equal(hand_over(VBH_SITE_ENTRY, 0, MOD + MF1 - 4, 0), 0);
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_BPF, 0, 0), 0);
	assert_true(patch_call(KTEXT + F1, MOD + 0x200));
	world_seal();
	assert_true(patch_call(KTEXT + F2, MOD + 0x200));
	assert_true(patch_call(KTEXT + F2, KTEXT + FC));
	assert_true(patch_call(KTEXT + F2, MOD + 0x200));
	stop_calling(KTEXT + F1);
	assert_int_equal(live(), 0);
	assert_int_equal(body->guest.log.violations, 0);
	/* Not beside its entry, no traced function, with ENDBR or without, and none of the kernel's. */
	assert_false(patch_call(KTEXT + F1, MOD + 0x201));
	assert_false(patch_call(KTEXT + F3, MOD + MF1));
	assert_false(patch_call(MOD + MF1, MOD + MF1 - 4));
	assert_false(patch_call(KTEXT + F4, KTEXT + NOTRACE));
}

/* The facts of ftrace stay when the text is taken back. */
static void without_the_kernels_text_no_call_goes_through(void **state)
{
	world_anew(state);
	world_module();
	assert_int_equal(hand_over(VBH_SITE_ENTRY, 0, MOD + 0x200, 0), 0);
	assert_int_equal(call(VBH_HC_REGION_DEL, KTEXT_TAG, 0, 0), 0);
	assert_false(patch_call(MOD + MF1, MOD + 0x200));
}

#define T(name)	cmocka_unit_test_setup_teardown(name, setup, body_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_trampoline_is_protected_while_it_is_called),
		T(one_with_registers_is_known_too),
		T(a_plain_return_will_do),
		T(no_bit_of_a_trampoline_may_differ),
		T(changed_while_it_is_protected_it_is_refused),
		T(writing_the_same_call_again_counts_nothing),
		T(a_copy_elsewhere_is_none),
		T(changed_between_tail_and_first_byte_it_is_refused),
		T(a_live_trampoline_changes_in_its_call_only),
		T(one_that_is_called_when_handed_over_counts),
		T(a_module_that_goes_calls_no_more),
		T(without_memory_for_it_the_call_is_refused),
		T(there_is_room_for_one_where_there_is_none_for_anything_else),
		T(a_protected_page_is_no_trampoline),
		T(unknown_code_is_called_only_where_policy_says),
		T(a_modules_own_trampoline_is_called_directly),
		T(without_the_kernels_text_no_call_goes_through),
	};

	return cmocka_run_group_tests_name("patch_ftrace", tests, NULL, NULL);
}
