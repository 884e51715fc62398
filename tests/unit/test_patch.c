// SPDX-License-Identifier: GPL-2.0-only
/* Stores to patch sites: what Linux does goes through, anything else does not. */
#include "patch_world.h"

static int setup(void **state)
{
	int err = body_setup(state);

	if (err)
		return err;
	body_ring(20);
	world_make();
	world_module();
	return 0;
}

static int setup_sealed(void **state)
{
	int err = setup(state);

	if (!err)
		world_seal();
	return err;
}

static const u8 int3 = 0xcc;

/* The store is denied, recorded as an attack on a site, and changes nothing. */
static void assert_refused(u64 gva, const void *bytes, u32 n)
{
	u8 before[16];
	u64 seen = events();
	u32 i;

	for (i = 0; i < n; i++)
		before[i] = *text(gva + i);
	assert_false(poke(0, gva, bytes, n));
	for (i = 0; i < n; i++)
		assert_int_equal(*text(gva + i), before[i]);
	assert_one_event(seen, VBH_KIND_WRITE, VBH_ACTION_DENIED);
	assert_true(last_event()->flags & VBH_EVENT_F_PATCH);
}

static void assert_stands(u64 gva, const void *bytes, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		assert_int_equal(*text(gva + i), ((const u8 *)bytes)[i]);
}

/* There and back again. */
static void assert_toggles(u64 gva, const void *one, const void *other, u32 n)
{
	assert_true(text_poke_bp(gva, one, n));
	assert_stands(gva, one, n);
	assert_true(text_poke_bp(gva, other, n));
	assert_stands(gva, other, n);
	assert_int_equal(body->guest.log.violations, 0);
}

static void a_jump_label_goes_both_ways_after_the_seal(void **state)
{
	u8 jmp2[2], jmp5[5];

	(void)state;
	insn_to(jmp2, 0xeb, KTEXT + J2, KTEXT + J2_TO);
	insn_to(jmp5, 0xe9, KTEXT + J5, KTEXT + J5_TO);
	assert_toggles(KTEXT + J2, jmp2, nop2, 2);
	assert_toggles(KTEXT + J5, jmp5, nop5, 5);
	insn_to(jmp5, 0xe9, KTEXT + J5X, KTEXT + J5X_TO);
	assert_toggles(KTEXT + J5X, jmp5, nop5, 5);
	assert_int_equal(body->guest.log.patches[VBH_PATCH_JUMP_LABELS], 6 + 6 + 8);
}

static void a_static_call_takes_each_of_its_forms(void **state)
{
	u8 insn[6] = { 0x0f, 0x84 };
	s32 rel = (s32)(F2 - TJ - 6);

	(void)state;
	insn_to(insn, 0xe8, KTEXT + C1, KTEXT + F2);
	assert_toggles(KTEXT + C1, nop5, insn, 5);
	insn_to(insn, 0xe8, KTEXT + C1, KTEXT + SCT);
	assert_toggles(KTEXT + C1, xor5, insn, 5);
	insn_to(insn, 0xe8, KTEXT + CX, MOD + MF1);
	assert_toggles(KTEXT + CX, nop5, insn, 5);
	insn_to(insn, 0xe9, KTEXT + T1, KTEXT + NOTRACE);
	assert_toggles(KTEXT + T1, ret5, insn, 5);
	insn_to(insn, 0xe9, KTEXT + SCT, KTEXT + THUNK);
	assert_toggles(KTEXT + SCT, insn, ret5, 5);
	memcpy(insn, "\x0f\x84", 2);
	memcpy(insn + 2, &rel, 4);
	assert_true(text_poke_bp(KTEXT + TJ, insn, 6));
	assert_stands(KTEXT + TJ, insn, 6);
	assert_int_equal(body->guest.log.violations, 0);
	assert_int_equal(body->guest.log.patches[VBH_PATCH_STATIC_CALLS], 6 + 6 + 8 + 6 + 6 + 3);
}

static void ftrace_calls_its_callers_and_they_call_functions(void **state)
{
	u8 call5[5];

	(void)state;
	insn_to(call5, 0xe8, KTEXT + F1, KTEXT + FC);
	assert_toggles(KTEXT + F1, call5, nop5, 5);
	insn_to(call5, 0xe8, MOD + MF1, KTEXT + FR);
	assert_toggles(MOD + MF1, call5, nop5, 5);
	/* 0xffd: INT3 and two bytes are on one page, two on the next. */
	insn_to(call5, 0xe8, KTEXT + F4, KTEXT + FR);
	assert_toggles(KTEXT + F4, call5, nop5, 5);
	insn_to(call5, 0xe8, KTEXT + FC_CALL, KTEXT + OPS_LIST);
	assert_true(text_poke_bp(KTEXT + FC_CALL, call5, 5));
	assert_int_equal(body->guest.log.violations, 0);
}

/* text_poke_bp_batch(): each phase over all sites before the next. */
static void a_batch_goes_phase_by_phase(void **state)
{
	static const u32 at[] = { F1, F2, F3 };
	u8 call5[3][5];
	u32 i;

	(void)state;
	for (i = 0; i < 3; i++) {
		insn_to(call5[i], 0xe8, KTEXT + at[i], KTEXT + FC);
		assert_true(poke(0, KTEXT + at[i], &int3, 1));
	}
	for (i = 0; i < 3; i++)
		assert_true(poke(1, KTEXT + at[i] + 1, call5[i] + 1, 4));
	for (i = 0; i < 3; i++)
		assert_true(poke(2, KTEXT + at[i], call5[i], 1));
	for (i = 0; i < 3; i++)
		assert_stands(KTEXT + at[i], call5[i], 5);
}

static void each_step_is_an_event_with_old_and_new(void **state)
{
	const struct vbh_event *ev;
	u64 before = events();

	(void)state;
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_RECORD, 0, 0), 0);
	assert_true(poke(0, KTEXT + J5, &int3, 1));
	ev = assert_one_event(before, VBH_KIND_PATCH, VBH_ACTION_NOTED);
	assert_int_equal(ev->detail, VBH_PATCH_JUMP_LABELS);
	assert_int_equal(ev->gla, KTEXT + J5);
	assert_int_equal(ev->gpa, KTEXT_GPA + J5);
	assert_int_equal(ev->old_value, 0x0f);
	assert_int_equal(ev->new_value, 0xcc);
	assert_int_equal(ev->width, 1);
	before = events();
	assert_true(poke_mov(0, KTEXT + J5 + 1, nop5 + 1, 4));
	ev = assert_one_event(before, VBH_KIND_PATCH, VBH_ACTION_NOTED);
	assert_int_equal(ev->new_value, 0x0000441f);
	assert_int_equal(ev->width, 4);
}

static void int3_comes_at_the_first_byte_of_a_site_only(void **state)
{
	(void)state;
	assert_refused(KTEXT + J2 + 1, &int3, 1);
	assert_refused(KTEXT + J5 + 1, &int3, 1);
	assert_refused(KTEXT + F1 + 4, &int3, 1);
	assert_refused(KTEXT + C1 + 2, &int3, 1);
	assert_false(poke(0, KTEXT + F1 + 5, &int3, 1));
	assert_false(last_event()->flags & VBH_EVENT_F_PATCH);
	assert_int_equal(last_event()->detail, VBH_REGION_KERNEL_TEXT);
}

static void a_tail_is_never_written_without_int3(void **state)
{
	u8 jmp5[5];

	(void)state;
	insn_to(jmp5, 0xe9, KTEXT + J5, KTEXT + J5_TO);
	assert_refused(KTEXT + J5 + 1, jmp5 + 1, 4);
	assert_refused(KTEXT + J5, jmp5, 5);
	assert_refused(KTEXT + J5, jmp5, 1);
	/* INT3 together with the tail. */
	jmp5[0] = 0xcc;
	assert_refused(KTEXT + J5, jmp5, 5);
}

static void a_first_byte_needs_its_own_tail(void **state)
{
	u8 jmp5[6] = { 0 };

	(void)state;
	insn_to(jmp5, 0xe9, KTEXT + J5, KTEXT + J5_TO);
	assert_true(poke(0, KTEXT + J5, &int3, 1));
	assert_refused(KTEXT + J5, jmp5, 1);	/* the tail is still a NOP's */
	assert_true(poke(0, KTEXT + J5 + 1, jmp5 + 1, 4));
	assert_refused(KTEXT + J5, nop5, 1);
	assert_refused(KTEXT + J5, jmp5, 6);	/* runs on into J5B */
	assert_true(poke(0, KTEXT + J5, jmp5, 1));
	/* Both in one, with INT3 there. */
	assert_true(poke(0, KTEXT + J5, &int3, 1));
	assert_refused(KTEXT + J5, nop5, 5);
}

static void a_jump_label_never_leads_to_another_ones_target(void **state)
{
	u8 jmp5[5], jmp2[2];

	(void)state;
	insn_to(jmp5, 0xe9, KTEXT + J5, KTEXT + J5B_TO);
	assert_true(poke(0, KTEXT + J5, &int3, 1));
	assert_refused(KTEXT + J5 + 1, jmp5 + 1, 4);
	insn_to(jmp2, 0xeb, KTEXT + J2, KTEXT + J2_TO + 1);
	assert_true(poke(0, KTEXT + J2, &int3, 1));
	assert_refused(KTEXT + J2 + 1, jmp2 + 1, 1);
	/* Nor in halves, where a page ends between them. */
	insn_to(jmp5, 0xe9, KTEXT + J5X, KTEXT + J5B_TO);
	assert_true(poke(0, KTEXT + J5X, &int3, 1));
	assert_refused(KTEXT + J5X + 1, jmp5 + 1, 3);
	assert_refused(KTEXT + J5X + 4, jmp5 + 4, 1);
}

static void a_piece_of_a_tail_is_refused(void **state)
{
	u8 call5[5];

	(void)state;
	insn_to(call5, 0xe8, KTEXT + F1, KTEXT + FC);
	assert_true(poke(0, KTEXT + F1, &int3, 1));
	assert_refused(KTEXT + F1 + 1, call5 + 1, 1);
	assert_refused(KTEXT + F1 + 1, call5 + 1, 3);
	assert_refused(KTEXT + F1 + 2, "\x01\x02\x03", 3);
	assert_true(poke(0, KTEXT + F1 + 1, call5 + 1, 4));
}

static void two_halves_must_make_a_whole(void **state)
{
	u8 call5[5];

	(void)state;
	insn_to(call5, 0xe8, MOD + MX, KTEXT + F1);
	assert_true(poke(0, MOD + MX, &int3, 1));
	assert_true(poke(0, MOD + MX + 1, "\x01\x02\x03", 3));
	assert_refused(MOD + MX, call5, 1);
	assert_refused(MOD + MX + 4, call5 + 4, 1);
	assert_true(poke(0, MOD + MX + 1, call5 + 1, 4));
	assert_true(poke(0, MOD + MX, call5, 1));
	assert_stands(MOD + MX, call5, 5);
}

static void a_call_goes_to_functions_only(void **state)
{
	static const u64 wrong[] = {
		KTEXT + F1 + 1, KTEXT + F1 + 5, KTEXT + J5, KTEXT + J5_TO, KTEXT + FC_CALL,
		KTEXT + KTEXT_LEN, MOD + MF1 - 4, TRAMP, BPF, 0xffffffff80000000ull,
	};
	u32 i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(patch_call(KTEXT + C1, wrong[i]));
		assert_int_equal(*text(KTEXT + C1), 0xcc);
		assert_true(patch_call(KTEXT + FC_CALL, KTEXT + NOTRACE));
		assert_false(patch_call(KTEXT + FC_CALL, wrong[i]));
	}
	assert_false(patch_call(KTEXT + F1, KTEXT + F2));	/* no caller of ftrace */
	assert_true(patch_call(KTEXT + C1, KTEXT + F2));
}

static void a_jcc_keeps_its_condition(void **state)
{
	u8 jcc[6];

	(void)state;
	memcpy(jcc, text(KTEXT + TJ), 6);
	assert_true(poke(0, KTEXT + TJ, &int3, 1));
	jcc[1] ^= 1;
	assert_refused(KTEXT + TJ + 1, jcc + 1, 5);
	jcc[1] ^= 1;
	assert_true(poke(0, KTEXT + TJ + 1, jcc + 1, 5));
	assert_refused(KTEXT + TJ, "\xe9", 1);
	assert_true(poke(0, KTEXT + TJ, jcc, 1));
}

static void a_store_over_two_sites_or_beyond_one_is_refused(void **state)
{
	u8 same[12];
	u32 i;

	(void)state;
	for (i = 0; i < 12; i++)
		same[i] = *text(KTEXT + J5 + i);
	assert_refused(KTEXT + J5 + 4, same + 4, 2);
	assert_refused(KTEXT + J5, same, 10);
	assert_refused(KTEXT + J5B, same + 5, 6);
	for (i = 0; i < 2; i++)
		same[i] = *text(KTEXT + J2 - 1 + i);
	assert_refused(KTEXT + J2 - 1, same, 2);
	/* Rewriting what stands there is no change. */
	for (i = 0; i < 5; i++)
		same[i] = *text(KTEXT + J5 + i);
	assert_true(poke(0, KTEXT + J5, same, 5));
}

static void pages_that_do_not_follow_are_not_taken_for_a_site(void **state)
{
	u8 call5[5];

	(void)state;
	insn_to(call5, 0xe8, KTEXT + F4, KTEXT + FC);
	assert_true(poke(0, KTEXT + F4, &int3, 1));
	/* Four bytes by one MOV: two on the site's page, two on another one's. */
	poke_mov(0, KTEXT + F4 + 1, call5 + 1, 4);
	assert_stands(KTEXT + F4 + 1, call5 + 1, 4);
	body_map(AT_CR3, 0x600000, KTEXT_GPA);
	body_map(AT_CR3, 0x601000, KTEXT_GPA + 0x2000);
	body_set(0, VBH_REG_RIP, AT_CODE);
	body_set(0, VBH_REG_RDI, 0x600000 + F4 + 1);
	assert_int_equal(core_memory(&body->vcpu[0], &(struct vbh_access){
		.gpa = KTEXT_GPA + F4 + 1, .want = VBH_W }), VBH_FAULT);
	assert_true(last_event()->flags & VBH_EVENT_F_PATCH);
}

static void two_cpus_can_not_race_the_phases(void **state)
{
	u8 jmp5[5], evil[5];

	(void)state;
	insn_to(jmp5, 0xe9, KTEXT + J5, KTEXT + J5_TO);
	insn_to(evil, 0xe9, KTEXT + J5, KTEXT + J5B_TO);
	assert_true(poke(0, KTEXT + J5, &int3, 1));
	assert_true(poke(0, KTEXT + J5 + 1, jmp5 + 1, 4));
	/* Before CPU 0 completes it: another tail, another first byte. */
	assert_false(poke(1, KTEXT + J5 + 1, evil + 1, 4));
	assert_true(poke(1, KTEXT + J5 + 1, nop5 + 1, 4));
	assert_false(poke(0, KTEXT + J5, jmp5, 1));
	assert_true(poke(1, KTEXT + J5, nop5, 1));
	assert_false(poke(0, KTEXT + J5 + 1, jmp5 + 1, 4));
	assert_stands(KTEXT + J5, nop5, 5);
}

static void a_program_never_patches(void **state)
{
	(void)state;
	body_set(0, VBH_REG_CPL, 3);
	assert_false(poke_mov(0, KTEXT + J5, &int3, 1));
	assert_int_equal(*text(KTEXT + J5), 0x0f);
}

static void any_mapping_and_any_instruction_will_do(void **state)
{
	u8 xchg[5];

	(void)state;
	insn_to(xchg, 0xe9, KTEXT + J5, KTEXT + J5_TO);
	body_set(0, VBH_REG_CR3, AT_POKING_CR3);
	body_map(AT_POKING_CR3, POKE, KTEXT_GPA);
	assert_true(poke_mov(0, KTEXT + J5, &int3, 1));
	body_set(0, VBH_REG_CR3, AT_CR3);
	assert_true(poke_mov(0, KTEXT + J5 + 1, xchg + 1, 4));
	/* xchg %al,(%rdi) */
	memcpy(body->mem + AT_CODE, "\x86\x07", 2);
	body_set(0, VBH_REG_RIP, AT_CODE);
	body_set(0, VBH_REG_RDI, KTEXT_GPA + J5);
	body_set(0, VBH_REG_RAX, 0xe9);
	assert_int_equal(core_memory(&body->vcpu[0], &(struct vbh_access){
		.gpa = KTEXT_GPA + J5, .want = VBH_W }), VBH_DONE);
	assert_stands(KTEXT + J5, xchg, 5);
	assert_int_equal(body_get(0, VBH_REG_RAX), 0xcc);
}

static void a_refused_rep_leaves_the_registers(void **state)
{
	u8 evil[5];

	(void)state;
	insn_to(evil, 0xe9, KTEXT + J5, KTEXT + J5B_TO);
	assert_true(poke(0, KTEXT + J5, &int3, 1));
	assert_false(poke(0, KTEXT + J5 + 1, evil + 1, 4));
	assert_int_equal(body_get(0, VBH_REG_RCX), 4);
	assert_int_equal(body_get(0, VBH_REG_RSI), SOURCE);
	assert_int_equal(body_get(0, VBH_REG_RDI), POKE + J5 + 1);
	assert_int_equal(body_get(0, VBH_REG_RIP), AT_CODE);
	assert_int_equal(last_event()->width, 4);
}

static void what_is_denied_by_policy_stays(void **state)
{
	(void)state;
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_JUMP_LABELS, 0, 0), 0);
	assert_refused(KTEXT + J5, &int3, 1);
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_JUMP_LABELS, VBH_PATCH_SEALED, 0), -EPERM);
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_KPROBES, VBH_PATCH_SEALED, 0), -EPERM);
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_BPF, VBH_PATCH_OPEN, 0), 0);
	assert_int_equal(call(VBH_HC_PATCH, VBH_NR_PATCHES, 0, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_PATCH, 0, 4, 0), -EINVAL);
	assert_true(poke(0, KTEXT + F1, &int3, 1));
}

static void while_open_a_policy_holds_too(void **state)
{
	(void)state;
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_FTRACE, VBH_PATCH_SEALED, 0), 0);
	assert_refused(KTEXT + F1, &int3, 1);
	world_seal();
	assert_true(poke(0, KTEXT + F1, &int3, 1));
}

static bool text_poke_at(u64 gva, const void *bytes)
{
	bool ok;

	body_set(0, VBH_REG_CR3, AT_POKING_CR3);
	body_map(AT_POKING_CR3, POKE, KTEXT_GPA);
	ok = poke_mov(0, gva, bytes, 1) && *text(gva) == *(const u8 *)bytes;
	body_set(0, VBH_REG_CR3, AT_CR3);
	return ok;
}

static void a_kprobe_comes_by_text_poke_and_before_the_seal(void **state)
{
	(void)state;
	assert_false(poke_mov(0, KTEXT + 0x3100, &int3, 1));
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_RECORD, 0, 0), 0);
	assert_true(text_poke_at(KTEXT + 0x100 - 0x20, &int3));
	assert_int_equal(last_event()->kind, VBH_KIND_PATCH);
	assert_int_equal(last_event()->detail, VBH_PATCH_KPROBES);
	assert_int_equal(last_event()->gla, KTEXT + 0x100 - 0x20);
	/* Not where a site is. */
	assert_false(text_poke_at(KTEXT + J5 + 1, &int3));
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_KPROBES, 0, 0), 0);
	assert_false(text_poke_at(KTEXT + 0x100 - 0x21, &int3));
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_KPROBES, 3, 0), 0);
	world_seal();
	assert_false(text_poke_at(KTEXT + 0x100 - 0x21, &int3));
	/* Nor is it taken away again. */
	assert_false(text_poke_at(KTEXT + 0x100 - 0x20, nop5));
}

static void a_long_rep_does_not_run_on_into_a_site(void **state)
{
	u64 gva = KTEXT + J5X - 0x64;
	struct vbh_access a = { .want = VBH_W };
	u32 exits = 0;

	(void)state;
	/* rep movsq, which in one exit could reach the end of the page */
	memcpy(body->mem + AT_CODE, "\xf3\x48\xa5", 3);
	memset(body->mem + SOURCE, 0x66, 0x100);
	body_set(0, VBH_REG_CR3, AT_POKING_CR3);
	body_map(AT_POKING_CR3, POKE, KTEXT_GPA + 0x1000);
	body_set(0, VBH_REG_RDI, POKE + (gva & 4095));
	body_set(0, VBH_REG_RSI, SOURCE);
	body_set(0, VBH_REG_RCX, 13);
	do {
		a.gpa = KTEXT_GPA + 0x1000 + (body_get(0, VBH_REG_RDI) & 4095);
		exits++;
		assert_int_equal(core_memory(&body->vcpu[0], &a), VBH_DONE);
	} while (body_get(0, VBH_REG_RCX));
	assert_int_equal(exits, 2);
	assert_stands(KTEXT + J5X, nop5, 5);
	assert_int_equal(*text(gva + 63), 0x66);
	assert_int_not_equal(*text(gva + 64), 0x66);
	assert_int_equal(last_event()->action, VBH_ACTION_DROPPED);
}

/* As Linux does it: through the tables of text_poke(), and whatever comes of a step the next follows. */
static void linux_pokes(u64 gva, const void *bytes, u32 n)
{
	body->map[0].cr3 = AT_POKING_CR3;
	body->map[1].cr3 = AT_POKING_CR3;
	body_set(0, VBH_REG_CR3, AT_POKING_CR3);
	assert_true(poke(0, gva, bytes, n));
	body_set(0, VBH_REG_CR3, AT_CR3);
	body->map[0].cr3 = AT_CR3;
	body->map[1].cr3 = AT_CR3;
}

/* How many of the three steps were left out. */
static u32 linux_patches(u64 gva, const void *bytes, u32 n)
{
	u64 before = body->guest.log.violations;

	linux_pokes(gva, &int3, 1);
	linux_pokes(gva + 1, (const u8 *)bytes + 1, n - 1);
	linux_pokes(gva, bytes, 1);
	if (body->guest.log.violations != before)
		assert_int_equal(last_event()->action, VBH_ACTION_DROPPED);
	return body->guest.log.violations - before;
}

static void what_is_refused_of_linux_leaves_a_whole_site(void **state)
{
	u8 bad[5], good[5];

	(void)state;
	/* Into the middle of a function, from a NOP. */
	insn_to(bad, 0xe8, KTEXT + F1, KTEXT + F2 + 1);
	assert_int_equal(linux_patches(KTEXT + F1, bad, 5), 2);
	assert_stands(KTEXT + F1, nop5, 5);
	/* From a static call that is good: that stays, and the last step is right again. */
	insn_to(good, 0xe8, KTEXT + C1, KTEXT + F1);
	insn_to(bad, 0xe8, KTEXT + C1, KTEXT + F2 + 1);
	assert_stands(KTEXT + C1, good, 5);
	assert_int_equal(linux_patches(KTEXT + C1, bad, 5), 1);
	assert_stands(KTEXT + C1, good, 5);
	/* A jump label has only its own two. */
	insn_to(bad, 0xe9, KTEXT + J5, KTEXT + J5B_TO);
	assert_int_equal(linux_patches(KTEXT + J5, bad, 5), 2);
	assert_stands(KTEXT + J5, nop5, 5);
	insn_to(bad, 0xe9, KTEXT + T1, KTEXT + F2 + 1);
	insn_to(good, 0xe9, KTEXT + T1, KTEXT + F2);
	assert_int_equal(linux_patches(KTEXT + T1, bad, 5), 1);
	assert_stands(KTEXT + T1, good, 5);
	/* Over two pages. */
	insn_to(bad, 0xe8, KTEXT + F4, KTEXT + F2 + 1);
	assert_int_equal(linux_patches(KTEXT + F4, bad, 5), 2);
	assert_stands(KTEXT + F4, nop5, 5);
	insn_to(bad, 0xe8, KTEXT + CX, KTEXT + F2 + 1);
	assert_true(linux_patches(KTEXT + CX, bad, 5));
	assert_stands(KTEXT + CX, nop5, 5);
}

/* Linux believes that its old target is called no longer, and frees it. */
static void a_traced_function_rather_calls_nobody(void **state)
{
	u8 bad[5];

	(void)state;
	make_trampoline(TRAMP, TRAMP_GPA, false, KTEXT + NOTRACE);
	assert_true(patch_call(KTEXT + F1, TRAMP));
	assert_int_equal(body->guest.patch.tramps.nr, 1);
	insn_to(bad, 0xe8, KTEXT + F1, KTEXT + F2 + 1);
	assert_int_equal(linux_patches(KTEXT + F1, bad, 5), 2);
	assert_stands(KTEXT + F1, nop5, 5);
	assert_int_equal(body->guest.patch.tramps.nr, 0);
}

static void a_site_that_the_seal_meets_half_way_is_mended(void **state)
{
	u8 call5[5], jmp5[5];

	(void)state;
	make_trampoline(TRAMP, TRAMP_GPA, false, KTEXT + NOTRACE);
	assert_true(patch_call(KTEXT + F1, TRAMP));
	insn_to(call5, 0xe8, KTEXT + F1, TRAMP);
	insn_to(jmp5, 0xe9, KTEXT + J5, KTEXT + J5_TO);
	linux_pokes(KTEXT + F1, &int3, 1);
	linux_pokes(KTEXT + J5, &int3, 1);
	linux_pokes(KTEXT + J5 + 1, jmp5 + 1, 4);
	assert_int_equal(body->guest.patch.tramps.nr, 0);
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_FTRACE, 0, 0), 0);
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_JUMP_LABELS, 0, 0), 0);
	/* The tail is that of the call, and it counts again. */
	linux_pokes(KTEXT + F1, nop5, 1);
	assert_stands(KTEXT + F1, call5, 5);
	assert_int_equal(body->guest.patch.tramps.nr, 1);
	linux_pokes(KTEXT + J5, jmp5, 1);
	assert_stands(KTEXT + J5, jmp5, 5);
}

/* Its tail was let through, and what it calls has changed since. */
static void where_no_first_byte_fits_the_site_calls_nobody(void **state)
{
	u8 call5[5];

	(void)state;
	make_trampoline(TRAMP, TRAMP_GPA, false, KTEXT + NOTRACE);
	insn_to(call5, 0xe8, KTEXT + F1, TRAMP);
	linux_pokes(KTEXT + F1, &int3, 1);
	linux_pokes(KTEXT + F1 + 1, call5 + 1, 4);
	body->mem[TRAMP_GPA] ^= 1;
	linux_pokes(KTEXT + F1, call5, 1);
	assert_stands(KTEXT + F1, nop5, 5);
	assert_int_equal(body->guest.patch.tramps.nr, 0);
}

/* From a module an old distance may lead to unknown code, which BPF's may be. */
static void what_is_no_call_is_not_mended_to_one(void **state)
{
	static const u8 *const forms[] = { xor5, ret5 };
	static const u8 ops[] = { 0xe8, 0xe9 };
	u8 bad[5];
	u32 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		memcpy(text(MOD + 0x400 + 16 * i), forms[i], 5);
		assert_int_equal(hand_over(i ? VBH_SITE_TRAMP : VBH_SITE_CALL, 5,
					   MOD + 0x400 + 16 * i, 0), 0);
	}
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_BPF, 3, 0), 0);
	world_seal();
	for (i = 0; i < 2; i++) {
		u64 at = MOD + 0x400 + 16 * i;

		insn_to(bad, ops[i], at, KTEXT + F2 + 1);
		assert_int_equal(linux_patches(at, bad, 5), 2);
		assert_stands(at, forms[i], 5);
		linux_pokes(at, &int3, 1);
	}
	assert_int_equal(call(VBH_HC_PATCH, VBH_PATCH_STATIC_CALLS, 0, 0), 0);
	for (i = 0; i < 2; i++) {
		linux_pokes(MOD + 0x400 + 16 * i, ops + i, 1);
		assert_stands(MOD + 0x400 + 16 * i, forms[i], 5);
	}
}

static void by_another_mapping_nothing_is_mended(void **state)
{
	u8 bad[5];

	(void)state;
	insn_to(bad, 0xe8, KTEXT + F1, KTEXT + F2 + 1);
	assert_true(poke(0, KTEXT + F1, &int3, 1));
	assert_refused(KTEXT + F1 + 1, bad + 1, 4);
	assert_refused(KTEXT + F1, bad, 1);
	assert_int_equal(*text(KTEXT + F1), 0xcc);
}

#define STACK	0x40e000ull

/* A stack with `n` words that name text, at every second place. */
static void put_stack(u32 n)
{
	u64 page = 0x9000, word;
	u32 i;

	/* the next page is not there */
	body_map(AT_CR3, STACK, page);
	body_map(AT_CR3, STACK + 4096, ~0ull);
	memset(body->mem + page, 0x11, 4096);
	for (i = 0; i < n; i++) {
		word = KTEXT + 0x10 * i;
		memcpy(body->mem + page + 16 * i, &word, 8);
	}
	/* what is no known text, though it has such an address */
	word = BPF;
	memcpy(body->mem + page + 16 * n, &word, 8);
	body_set(0, VBH_REG_RSP, STACK);
}

static void a_store_to_text_shows_the_callers_on_the_stack(void **state)
{
	const struct vbh_event *ev;
	u32 i;

	(void)state;
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_RECORD, 0, 0), 0);
	put_stack(3);
	assert_true(poke(0, KTEXT + J5, &int3, 1));
	ev = last_event();
	assert_int_equal(ev->kind, VBH_KIND_PATCH);
	for (i = 0; i < 3; i++)
		assert_int_equal(ev->stack[i], (u32)KTEXT + 0x10 * i);
	assert_int_equal(ev->stack[3], 0);

	put_stack(VBH_EVENT_STACK + 2);
	assert_false(poke(0, KTEXT + J5 + 1, &int3, 1));
	ev = last_event();
	assert_int_equal(ev->action, VBH_ACTION_DENIED);
	assert_int_equal(ev->stack[VBH_EVENT_STACK - 1], (u32)KTEXT + 0x10 * (VBH_EVENT_STACK - 1));

	/* up to the end of a page, when the next is not there */
	memcpy(body->mem + 0x9000 + 4096 - 8, body->mem + 0x9000, 8);
	body_set(0, VBH_REG_RSP, STACK + 4096 - 16);
	assert_false(poke(0, KTEXT + J5 + 1, &int3, 1));
	assert_int_equal(last_event()->stack[0], (u32)KTEXT);
	assert_int_equal(last_event()->stack[1], 0);

	/* what can't be read is left out */
	body_set(0, VBH_REG_RSP, STACK + 4096);
	assert_false(poke(0, KTEXT + J5 + 1, &int3, 1));
	assert_int_equal(last_event()->stack[0], 0);
	body_set(0, VBH_REG_RSP, -64ull);
	assert_false(poke(0, KTEXT + J5 + 1, &int3, 1));
	assert_int_equal(last_event()->stack[0], 0);
}

static void a_stack_is_in_the_chain(void **state)
{
	(void)state;
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_RECORD, 0, 0), 0);
	put_stack(1);
	assert_false(poke(0, KTEXT + J5 + 1, &int3, 1));
	assert_true(poke(0, KTEXT + J5, &int3, 1));
	assert_tail_chained(last_event()->seq);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, setup_sealed, body_teardown)
#define T_OPEN(name) cmocka_unit_test_setup_teardown(name, setup, body_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_jump_label_goes_both_ways_after_the_seal),
		T(a_static_call_takes_each_of_its_forms),
		T(ftrace_calls_its_callers_and_they_call_functions),
		T(a_batch_goes_phase_by_phase),
		T(each_step_is_an_event_with_old_and_new),
		T(int3_comes_at_the_first_byte_of_a_site_only),
		T(a_tail_is_never_written_without_int3),
		T(a_first_byte_needs_its_own_tail),
		T(a_jump_label_never_leads_to_another_ones_target),
		T(a_piece_of_a_tail_is_refused),
		T(two_halves_must_make_a_whole),
		T(a_call_goes_to_functions_only),
		T(a_jcc_keeps_its_condition),
		T(a_store_over_two_sites_or_beyond_one_is_refused),
		T(pages_that_do_not_follow_are_not_taken_for_a_site),
		T(two_cpus_can_not_race_the_phases),
		T(a_program_never_patches),
		T(any_mapping_and_any_instruction_will_do),
		T(a_refused_rep_leaves_the_registers),
		T(a_store_to_text_shows_the_callers_on_the_stack),
		T(a_stack_is_in_the_chain),
		T(what_is_denied_by_policy_stays),
		T(what_is_refused_of_linux_leaves_a_whole_site),
		T(a_traced_function_rather_calls_nobody),
		T(a_site_that_the_seal_meets_half_way_is_mended),
		T(where_no_first_byte_fits_the_site_calls_nobody),
		T(by_another_mapping_nothing_is_mended),
		T_OPEN(what_is_no_call_is_not_mended_to_one),
		T_OPEN(while_open_a_policy_holds_too),
		T_OPEN(a_long_rep_does_not_run_on_into_a_site),
		T_OPEN(a_kprobe_comes_by_text_poke_and_before_the_seal),
	};

	return cmocka_run_group_tests_name("patch", tests, NULL, NULL);
}
