// SPDX-License-Identifier: GPL-2.0-only
/* Second-stage violations: what is denied, what is carried out, and how it is told. */
#include "body.h"

#define TEXT		(VBH_R | VBH_X | VBH_XU)
#define DEST		(AT_TEXT + 0x100)

static int setup(void **state)
{
	int err = body_setup(state);

	if (!err)
		body_ring(5);
	return err;
}

static void protect(u32 rule, u32 flags)
{
	assert_int_equal(add_region(AT_TEXT, 4096, TEXT, 1, VBH_REGION_KERNEL_TEXT, rule, flags),
			 0);
}

/* CPU 0 has made an access that the second stage did not let through. */
static enum vbh_verdict access_at(u64 gpa, u32 want)
{
	struct vbh_access a = { .gpa = gpa, .want = want };

	return core_memory(&body->vcpu[0], &a);
}

static u64 at(u64 gpa)
{
	u64 v;

	memcpy(&v, body->mem + gpa, 8);
	return v;
}

static void put(u64 gpa, u64 v)
{
	memcpy(body->mem + gpa, &v, 8);
}

/* mov %rax,(%rdi) */
static void code_mov(u64 to, u64 value)
{
	body_code("\x48\x89\x07", 3);
	body_set(0, VBH_REG_RDI, to);
	body_set(0, VBH_REG_RAX, value);
}

/* rep movsb, as text_poke's memcpy() does it */
static void code_rep_movsb(u64 to, u64 from, u64 count)
{
	body_code("\xf3\xa4", 2);
	body_set(0, VBH_REG_RDI, to);
	body_set(0, VBH_REG_RSI, from);
	body_set(0, VBH_REG_RCX, count);
}

static void poke(void)
{
	struct vbh_facts f = { .size = sizeof(f), .poking_cr3 = AT_POKING_CR3 };

	memcpy(body->mem + AT_REQUEST, &f, sizeof(f));
	assert_int_equal(call(VBH_HC_FACTS, AT_REQUEST, sizeof(f), 0), 0);
	body_set(0, VBH_REG_CR3, AT_POKING_CR3);
}

static void an_access_that_is_no_longer_denied_is_tried_again(void **state)
{
	u64 before = events();

	(void)state;
	code_mov(DEST, 1);
	assert_int_equal(access_at(DEST, VBH_W), VBH_ALLOW);
	protect(VBH_RULE_DENY, 0);
	assert_int_equal(access_at(DEST, VBH_R), VBH_ALLOW);
	assert_int_equal(events(), before);
	assert_int_equal(body_get(0, VBH_REG_RIP), AT_CODE);
}

static void a_denied_write_faults_and_changes_nothing(void **state)
{
	const struct vbh_event *ev;
	u64 before = events();

	(void)state;
	protect(VBH_RULE_DENY, 0);
	put(DEST, 0x1111);
	code_mov(DEST, 0x2222);
	assert_int_equal(access_at(DEST, VBH_W), VBH_FAULT);
	ev = assert_one_event(before, VBH_KIND_WRITE, VBH_ACTION_DENIED);
	assert_int_equal(ev->detail, VBH_REGION_KERNEL_TEXT);
	assert_int_equal(ev->rule, VBH_RULE_DENY);
	assert_int_equal(ev->gpa, DEST);
	assert_int_equal(ev->gla, DEST);
	assert_int_equal(ev->old_value, 0x1111);
	assert_int_equal(ev->new_value, 0x2222);
	assert_int_equal(ev->width, 8);
	assert_int_equal(ev->flags, VBH_EVENT_F_GPA | VBH_EVENT_F_GLA | VBH_EVENT_F_VALUES);
	assert_int_equal(at(DEST), 0x1111);
	assert_int_equal(body_get(0, VBH_REG_RIP), AT_CODE);
}

static void an_alias_is_no_way_round(void **state)
{
	u64 alias = 0xffffc90000005100;

	(void)state;
	protect(VBH_RULE_DENY, 0);
	body_map(AT_CR3, alias, AT_TEXT);
	code_mov(alias, 5);
	assert_int_equal(access_at(DEST, VBH_W), VBH_FAULT);
	assert_int_equal(last_event()->gla, alias);
	assert_int_equal(last_event()->gpa, DEST);
	assert_int_equal(last_event()->flags & VBH_EVENT_F_UNDECODED, 0);
}

static void rule_log_carries_the_write_out(void **state)
{
	u64 before = events();

	(void)state;
	protect(VBH_RULE_LOG, 0);
	put(DEST, 0x1111);
	code_mov(DEST, 0x2222);
	assert_int_equal(access_at(DEST, VBH_W), VBH_DONE);
	assert_one_event(before, VBH_KIND_WRITE, VBH_ACTION_LOGGED);
	assert_int_equal(at(DEST), 0x2222);
	assert_int_equal(body_get(0, VBH_REG_RIP), AT_CODE + 3);
	assert_int_equal(body->stage2[AT_TEXT / 4096], TEXT);
}

static void rule_panic_stops_the_machine_before_the_write(void **state)
{
	(void)state;
	protect(VBH_RULE_PANIC, 0);
	code_mov(DEST, 0x2222);
	assert_int_equal(access_at(DEST, VBH_W), VBH_HALT);
	assert_int_equal(body->panics, 1);
	assert_int_equal(body->panic_event.new_value, 0x2222);
	assert_int_equal(at(DEST), 0);
}

static void a_store_that_is_not_understood_is_denied_even_under_log(void **state)
{
	(void)state;
	protect(VBH_RULE_LOG, 0);
	body_code("\x0f\x29\x07", 3);	/* movaps %xmm0,(%rdi) */
	body_set(0, VBH_REG_RDI, DEST);
	assert_int_equal(access_at(DEST, VBH_W), VBH_FAULT);
	assert_int_equal(last_event()->action, VBH_ACTION_DENIED);
	assert_true(last_event()->flags & VBH_EVENT_F_UNDECODED);
	assert_false(last_event()->flags & VBH_EVENT_F_VALUES);
}

static void a_store_to_another_place_than_the_processor_said_is_denied(void **state)
{
	(void)state;
	protect(VBH_RULE_LOG, 0);
	code_mov(DEST + 0x1000, 7);
	assert_int_equal(access_at(DEST, VBH_W), VBH_FAULT);
	assert_true(last_event()->flags & VBH_EVENT_F_UNDECODED);
	body_map(AT_CR3, DEST, ~0ull);
	code_mov(DEST, 7);
	assert_int_equal(access_at(DEST, VBH_W), VBH_FAULT);
	assert_int_equal(at(DEST), 0);
	assert_int_equal(at(DEST + 0x1000), 0);
}

static void the_hypervisors_memory_is_never_written_whatever_the_rule(void **state)
{
	static const u8 rules[] = { VBH_RULE_LOG, VBH_RULE_DENY };
	u32 i;

	(void)state;
	add_region(AT_HV, 4096, VBH_R, 1, VBH_REGION_OTHER, VBH_RULE_LOG, VBH_REGION_F_PATCHABLE);
	poke();
	put(AT_HV, 0x5ec4e7);
	code_mov(AT_HV, 1);
	for (i = 0; i < sizeof(rules); i++) {
		call(VBH_HC_RULE, VBH_KIND_HYPERVISOR, rules[i], 0);
		assert_int_equal(access_at(AT_HV, VBH_W), VBH_FAULT);
		assert_int_equal(last_event()->kind, VBH_KIND_HYPERVISOR);
		assert_int_equal(last_event()->action, VBH_ACTION_DENIED);
		assert_int_equal(last_event()->old_value, 0);
		assert_int_equal(last_event()->new_value, 1);
		assert_false(last_event()->flags & VBH_EVENT_F_UNDECODED);
		assert_int_equal(access_at(AT_HV, VBH_X), VBH_FAULT);
		assert_int_equal(last_event()->kind, VBH_KIND_HYPERVISOR);
	}
	assert_int_equal(at(AT_HV), 0x5ec4e7);
	call(VBH_HC_RULE, VBH_KIND_HYPERVISOR, VBH_RULE_PANIC, 0);
	assert_int_equal(access_at(AT_HV, VBH_W), VBH_HALT);
}

static void a_store_across_pages_needs_both(void **state)
{
	u64 edge = AT_TEXT + 4092;

	(void)state;
	protect(VBH_RULE_LOG, 0);
	add_region(AT_TEXT + 4096, 4096, TEXT, 2, VBH_REGION_KERNEL_TEXT, VBH_RULE_DENY, 0);
	code_mov(edge, 0x1122334455667788);
	assert_int_equal(access_at(edge, VBH_W), VBH_FAULT);
	assert_int_equal(last_event()->rule, VBH_RULE_DENY);
	assert_int_equal(at(edge), 0);
	call(VBH_HC_REGION_DEL, 2, 0, 0);
	assert_int_equal(access_at(edge, VBH_W), VBH_DONE);
	assert_int_equal(at(edge), 0x1122334455667788);
	/* The second page may be the one that was named. */
	code_mov(AT_TEXT - 4, 5);
	assert_int_equal(access_at(AT_TEXT, VBH_W), VBH_DONE);
	assert_int_equal(at(AT_TEXT - 4), 5);
}

static void a_store_that_reaches_into_the_hypervisor_is_denied(void **state)
{
	u64 edge = AT_HV - 4;

	(void)state;
	add_region(AT_HV - 4096, 4096, VBH_R, 2, VBH_REGION_OTHER, VBH_RULE_DENY, 0);
	code_mov(edge, ~0ull);
	assert_int_equal(access_at(edge, VBH_W), VBH_FAULT);
	assert_int_equal(last_event()->kind, VBH_KIND_HYPERVISOR);
	call(VBH_HC_REGION_DEL, 2, 0, 0);
	add_region(AT_HV - 4096, 4096, VBH_R, 2, VBH_REGION_OTHER, VBH_RULE_LOG, 0);
	assert_int_equal(access_at(edge, VBH_W), VBH_FAULT);
	assert_int_equal(last_event()->kind, VBH_KIND_HYPERVISOR);
	assert_int_equal(at(edge), 0);
}

static void a_store_into_pages_far_apart_lands_in_both(void **state)
{
	(void)state;
	protect(VBH_RULE_LOG, 0);
	body_map(AT_CR3, 0x7000, AT_TEXT);
	body_map(AT_CR3, 0x8000, AT_TEXT + 0x5000);
	code_mov(0x7ffd, 0x8877665544332211);
	assert_int_equal(access_at(AT_TEXT + 0xffd, VBH_W), VBH_DONE);
	assert_memory_equal(body->mem + AT_TEXT + 0xffd, "\x11\x22\x33", 3);
	assert_memory_equal(body->mem + AT_TEXT + 0x5000, "\x44\x55\x66\x77\x88", 5);
}

static void a_program_gets_nothing_written_that_it_could_not_write(void **state)
{
	u64 edge = AT_TEXT + 4092;

	(void)state;
	protect(VBH_RULE_LOG, 0);
	body_set(0, VBH_REG_CPL, 3);
	code_mov(DEST, 7);
	assert_int_equal(access_at(DEST, VBH_W), VBH_DONE);
	assert_int_equal(at(DEST), 7);
	/* Its rights on a second page, or on a source, have not been checked. */
	code_mov(edge, 7);
	assert_int_equal(access_at(edge, VBH_W), VBH_FAULT);
	code_rep_movsb(DEST, 0x3000, 4);
	assert_int_equal(access_at(DEST, VBH_W), VBH_FAULT);
	assert_int_equal(at(DEST), 7);
	assert_int_equal(at(edge), 0);
}

static void text_poke_may_patch_before_the_seal(void **state)
{
	const struct vbh_event *ev;
	u64 before;

	(void)state;
	protect(VBH_RULE_DENY, VBH_REGION_F_PATCHABLE);
	poke();
	put(DEST, 0xaabbccddee);
	put(0x3000, 0x5544332211);
	code_rep_movsb(DEST, 0x3000, 5);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_RECORD, 0, 0), 0);
	before = events();
	assert_int_equal(access_at(DEST, VBH_W), VBH_DONE);
	ev = assert_one_event(before, VBH_KIND_PATCH, VBH_ACTION_NOTED);
	assert_int_equal(ev->rule, 0);
	assert_int_equal(ev->width, 5);
	assert_int_equal(ev->old_value, 0xaabbccddee);
	assert_int_equal(ev->new_value, 0x5544332211);
	assert_int_equal(at(DEST), 0x5544332211);
	assert_int_equal(body_get(0, VBH_REG_RCX), 0);
	assert_int_equal(body_get(0, VBH_REG_RDI), DEST + 5);
	assert_int_equal(body_get(0, VBH_REG_RIP), AT_CODE + 2);
	assert_int_equal(body->guest.log.violations, 0);
}

/* text_poke's store is left out, and the instruction behind it is next. */
static void assert_dropped(void)
{
	u64 before = events(), rip = body_get(0, VBH_REG_RIP);

	assert_int_equal(access_at(DEST, VBH_W), VBH_DONE);
	assert_one_event(before, VBH_KIND_WRITE, VBH_ACTION_DROPPED);
	assert_true(body_get(0, VBH_REG_RIP) > rip);
	assert_int_equal(at(DEST), 0);
}

static void nothing_else_may_patch(void **state)
{
	(void)state;
	protect(VBH_RULE_DENY, VBH_REGION_F_PATCHABLE);
	code_mov(DEST, 1);
	/* Nobody has said where text_poke writes from. */
	body_set(0, VBH_REG_CR3, 0);
	assert_int_equal(access_at(DEST, VBH_W), VBH_FAULT);
	poke();
	body_set(0, VBH_REG_CPL, 3);
	assert_int_equal(access_at(DEST, VBH_W), VBH_FAULT);
	body_set(0, VBH_REG_CPL, 0);
	body_set(0, VBH_REG_CR3, AT_CR3);
	assert_int_equal(access_at(DEST, VBH_W), VBH_FAULT);
	body_set(0, VBH_REG_CR3, AT_POKING_CR3);
	/* A region on top that is not patchable. */
	add_region(AT_TEXT, 4096, TEXT, 2, VBH_REGION_OTHER, VBH_RULE_DENY, 0);
	assert_dropped();
	call(VBH_HC_REGION_DEL, 2, 0, 0);
	call(VBH_HC_SEAL, 0, 0, 0);
	code_mov(DEST, 1);
	assert_dropped();
}

/* Only what can be left out as if it had never been there. */
static void what_text_poke_never_does_faults_in_its_tables_too(void **state)
{
	static const char *const code[] = {
		"\x87\x07",		/* xchg %eax,(%rdi) */
		"\x01\x07",		/* add %eax,(%rdi) */
		"\x0f\xb1\x07",		/* cmpxchg %eax,(%rdi) */
		"\x0f\xc1\x07",		/* xadd %eax,(%rdi) */
		"\x0f\x11\x07",		/* movups %xmm0,(%rdi): not known */
	};
	u32 i;

	(void)state;
	protect(VBH_RULE_DENY, 0);
	poke();
	body_set(0, VBH_REG_RDI, DEST);
	for (i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
		body_code(code[i], 3);
		assert_int_equal(access_at(DEST, VBH_W), VBH_FAULT);
		assert_int_equal(last_event()->action, VBH_ACTION_DENIED);
		assert_int_equal(body_get(0, VBH_REG_RIP), AT_CODE);
	}
	assert_int_equal(at(DEST), 0);
}

static void a_rep_of_text_poke_is_left_out_whole(void **state)
{
	u64 before = events();

	(void)state;
	protect(VBH_RULE_DENY, 0);
	poke();
	put(0x3000, 0x5544332211);
	code_rep_movsb(DEST, 0x3000, 5);
	assert_int_equal(access_at(DEST, VBH_W), VBH_DONE);
	assert_one_event(before, VBH_KIND_WRITE, VBH_ACTION_DROPPED);
	assert_int_equal(at(DEST), 0);
	assert_int_equal(body_get(0, VBH_REG_RCX), 0);
	assert_int_equal(body_get(0, VBH_REG_RSI), 0x3005);
	assert_int_equal(body_get(0, VBH_REG_RIP), AT_CODE + 2);
}

static void text_poke_too_stops_the_machine_if_so_ruled(void **state)
{
	(void)state;
	protect(VBH_RULE_PANIC, 0);
	poke();
	code_mov(DEST, 1);
	assert_int_equal(access_at(DEST, VBH_W), VBH_HALT);
	assert_int_equal(last_event()->action, VBH_ACTION_STOPPED);
	assert_int_equal(at(DEST), 0);
}

static void the_pcid_does_not_hide_the_poking_tables(void **state)
{
	(void)state;
	protect(VBH_RULE_DENY, VBH_REGION_F_PATCHABLE);
	poke();
	body_set(0, VBH_REG_CR3, AT_POKING_CR3 | 5 | 1ull << 63);
	code_mov(DEST, 1);
	assert_int_equal(access_at(DEST, VBH_W), VBH_DONE);
}

static void a_long_rep_goes_on_page_by_page(void **state)
{
	u32 exits = 0, i;

	(void)state;
	protect(VBH_RULE_DENY, VBH_REGION_F_PATCHABLE);
	poke();
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_RECORD, 0, 0), 0);
	for (i = 0; i < 300; i++)
		body->mem[0x3000 + i] = i * 3 + 1;
	code_rep_movsb(AT_TEXT + 4096 - 300, 0x3000, 400);
	while (body_get(0, VBH_REG_RDI) < AT_TEXT + 4096) {
		assert_int_equal(access_at(body_get(0, VBH_REG_RDI), VBH_W), VBH_DONE);
		assert_int_equal(last_event()->width, 8);
		exits++;
	}
	assert_int_equal(exits, 5);
	assert_int_equal(body_get(0, VBH_REG_RCX), 100);
	assert_int_equal(body_get(0, VBH_REG_RIP), AT_CODE);
	assert_memory_equal(body->mem + AT_TEXT + 4096 - 300, body->mem + 0x3000, 300);
	assert_int_equal(body->mem[AT_TEXT + 4096], 0);
}

static void a_rep_that_goes_down_does_one_at_a_time(void **state)
{
	(void)state;
	protect(VBH_RULE_LOG, 0);
	body_set(0, VBH_REG_RFLAGS, 1 << 10 | 2);
	put(0x3000, 0x0807060504030201);
	code_rep_movsb(DEST, 0x3007, 8);
	assert_int_equal(access_at(DEST, VBH_W), VBH_DONE);
	assert_int_equal(last_event()->width, 1);
	assert_int_equal(body_get(0, VBH_REG_RCX), 7);
	assert_int_equal(body_get(0, VBH_REG_RDI), DEST - 1);
	assert_int_equal(at(DEST), 8);
}

static void a_rep_with_nothing_to_do_is_not_carried_out(void **state)
{
	(void)state;
	protect(VBH_RULE_LOG, 0);
	put(0x3000, 1);
	code_rep_movsb(DEST, 0x3000, 0);
	assert_int_equal(access_at(DEST, VBH_W), VBH_FAULT);
	assert_int_equal(at(DEST), 0);
}

static void a_locked_exchange_is_one_step(void **state)
{
	(void)state;
	protect(VBH_RULE_LOG, 0);
	put(DEST, 5);
	body_code("\xf0\x48\x0f\xb1\x0f", 5);	/* lock cmpxchg %rcx,(%rdi) */
	body_set(0, VBH_REG_RDI, DEST);
	body_set(0, VBH_REG_RCX, 9);
	body_set(0, VBH_REG_RAX, 4);
	assert_int_equal(access_at(DEST, VBH_W), VBH_DONE);
	assert_int_equal(at(DEST), 5);
	assert_int_equal(body_get(0, VBH_REG_RAX), 5);
	body_set(0, VBH_REG_RIP, AT_CODE);
	assert_int_equal(access_at(DEST, VBH_W), VBH_DONE);
	assert_int_equal(at(DEST), 9);
}

static void a_write_by_the_page_walk_is_denied_undecoded(void **state)
{
	struct vbh_access a = { .gpa = DEST, .want = VBH_W, .walk = true };

	(void)state;
	protect(VBH_RULE_LOG, 0);
	code_mov(DEST, 1);
	assert_int_equal(core_memory(&body->vcpu[0], &a), VBH_FAULT);
	assert_int_equal(last_event()->kind, VBH_KIND_WRITE);
	assert_false(last_event()->flags & VBH_EVENT_F_VALUES);
	assert_int_equal(at(DEST), 0);
}

static void a_fetch_and_a_read_are_told_apart(void **state)
{
	struct vbh_access a = { .gpa = DEST, .gla = 0x1234, .gla_valid = true, .want = VBH_X };

	(void)state;
	add_region(AT_TEXT, 4096, 0, 1, VBH_REGION_OTHER, VBH_RULE_DENY, 0);
	assert_int_equal(core_memory(&body->vcpu[0], &a), VBH_FAULT);
	assert_int_equal(last_event()->kind, VBH_KIND_EXEC);
	assert_int_equal(last_event()->gla, 0x1234);
	a.want = VBH_XU;
	assert_int_equal(core_memory(&body->vcpu[0], &a), VBH_FAULT);
	assert_int_equal(last_event()->kind, VBH_KIND_EXEC);
	a.want = VBH_R;
	assert_int_equal(core_memory(&body->vcpu[0], &a), VBH_FAULT);
	assert_int_equal(last_event()->kind, VBH_KIND_READ);
}

static void under_log_a_fetch_is_recorded_once_and_then_let_go(void **state)
{
	u64 before = events();

	(void)state;
	add_region(AT_TEXT, 4096, VBH_R, 1, VBH_REGION_KERNEL_RODATA, VBH_RULE_LOG, 0);
	add_region(AT_TEXT, 8192, VBH_R, 2, VBH_REGION_OTHER, VBH_RULE_LOG, 0);
	assert_int_equal(access_at(DEST, VBH_X), VBH_ALLOW);
	assert_one_event(before, VBH_KIND_EXEC, VBH_ACTION_LOGGED);
	assert_int_equal(body->stage2[AT_TEXT / 4096], TEXT);
	assert_int_equal(access_at(DEST, VBH_X), VBH_ALLOW);
	assert_int_equal(events(), before + 1);
	/* A right to execute that this processor has only together with reading. */
	add_region(AT_TEXT + 0x8000, 4096, 0, 3, VBH_REGION_OTHER, VBH_RULE_LOG, 0);
	assert_int_equal(access_at(AT_TEXT + 0x8000, VBH_XU), VBH_ALLOW);
	assert_int_equal(body->stage2[AT_TEXT / 4096 + 8], TEXT);
	/* With GMET the user's right can be had alone, the kernel's can not. */
	body->guest.features |= VBH_FEAT_EXEC_SPLIT;
	add_region(AT_TEXT + 0x9000, 8192, VBH_R, 3, VBH_REGION_OTHER, VBH_RULE_LOG, 0);
	assert_int_equal(access_at(AT_TEXT + 0x9000, VBH_XU), VBH_ALLOW);
	assert_int_equal(body->stage2[AT_TEXT / 4096 + 9], VBH_R | VBH_XU);
	assert_int_equal(access_at(AT_TEXT + 0xa000, VBH_X), VBH_ALLOW);
	assert_int_equal(body->stage2[AT_TEXT / 4096 + 10], TEXT);
	/* Where a stronger rule holds too, that one holds. */
	add_region(AT_TEXT + 0x4000, 4096, VBH_R, 3, VBH_REGION_OTHER, VBH_RULE_LOG, 0);
	add_region(AT_TEXT + 0x4000, 4096, VBH_R, 3, VBH_REGION_OTHER, VBH_RULE_DENY, 0);
	assert_int_equal(access_at(AT_TEXT + 0x4000, VBH_X), VBH_FAULT);
	assert_int_equal(body->stage2[AT_TEXT / 4096 + 4], VBH_R);
}

static void the_guest_can_not_write_the_ring_by_any_store(void **state)
{
	struct vbh_event first;
	u64 lost = ring()->lost;

	(void)state;
	core_note(&body->vcpu[0], VBH_KIND_START, 0, 0);
	first = *record(0);
	code_mov(AT_RING + 4096, 1);
	assert_int_equal(access_at(AT_RING + 4096, VBH_W), VBH_FAULT);
	assert_int_equal(last_event()->detail, VBH_REGION_RING);
	assert_memory_equal(record(0), &first, sizeof(first));
	assert_int_equal(ring()->lost, lost);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, setup, body_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_access_that_is_no_longer_denied_is_tried_again),
		T(a_denied_write_faults_and_changes_nothing),
		T(an_alias_is_no_way_round),
		T(rule_log_carries_the_write_out),
		T(rule_panic_stops_the_machine_before_the_write),
		T(a_store_that_is_not_understood_is_denied_even_under_log),
		T(a_store_to_another_place_than_the_processor_said_is_denied),
		T(the_hypervisors_memory_is_never_written_whatever_the_rule),
		T(a_store_across_pages_needs_both),
		T(a_store_that_reaches_into_the_hypervisor_is_denied),
		T(a_store_into_pages_far_apart_lands_in_both),
		T(a_program_gets_nothing_written_that_it_could_not_write),
		T(text_poke_may_patch_before_the_seal),
		T(nothing_else_may_patch),
		T(the_pcid_does_not_hide_the_poking_tables),
		T(what_text_poke_never_does_faults_in_its_tables_too),
		T(a_rep_of_text_poke_is_left_out_whole),
		T(text_poke_too_stops_the_machine_if_so_ruled),
		T(a_long_rep_goes_on_page_by_page),
		T(a_rep_that_goes_down_does_one_at_a_time),
		T(a_rep_with_nothing_to_do_is_not_carried_out),
		T(a_locked_exchange_is_one_step),
		T(a_write_by_the_page_walk_is_denied_undecoded),
		T(a_fetch_and_a_read_are_told_apart),
		T(under_log_a_fetch_is_recorded_once_and_then_let_go),
		T(the_guest_can_not_write_the_ring_by_any_store),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
