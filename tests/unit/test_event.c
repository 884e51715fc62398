// SPDX-License-Identifier: GPL-2.0-only
/* The event ring: what a record says, the chain, and what a full ring does. */
#include "body.h"

static void commit(u8 cpl)
{
	struct vbh_event ev;

	body_set(0, VBH_REG_CPL, cpl);
	host_lock(&body->guest);
	event_begin(&body->vcpu[0], &ev, VBH_KIND_CPU);
	event_commit(&body->vcpu[0], &ev);
	host_unlock(&body->guest);
	body_set(0, VBH_REG_CPL, 0);
}

static void the_ring_begins_with_its_own_description(void **state)
{
	(void)state;
	memset(body->mem + AT_RING, 0x5a, 3 * 4096);
	body_ring(3);
	assert_int_equal(ring()->magic, VBH_RING_MAGIC);
	assert_int_equal(ring()->version, VBH_ABI_VERSION);
	assert_int_equal(ring()->record_size, 256);
	assert_int_equal(ring()->records, 32);
	assert_int_equal(ring()->head, 0);
	assert_int_equal(record(5)->kind, 0);
}

static void the_guest_can_not_write_the_ring(void **state)
{
	(void)state;
	body_ring(3);
	assert_int_equal(body->stage2[AT_RING / 4096], VBH_R);
	assert_int_equal(body->stage2[AT_RING / 4096 + 2], VBH_R);
	assert_int_equal(body->stage2[AT_RING / 4096 + 3], VBH_RWX);
	/* Not even through the hypervisor. */
	assert_int_equal(call(VBH_HC_STATUS, AT_RING, sizeof(struct vbh_status), 0), -EFAULT);
}

static void a_bad_ring_is_refused(void **state)
{
	(void)state;
	assert_int_equal(call(VBH_HC_EVENT_RING, AT_RING + 8, 8192, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_EVENT_RING, AT_RING, 8192 + 8, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_EVENT_RING, AT_RING, 4096, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_EVENT_RING, AT_RING, VBH_RING_MAX + 4096, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_EVENT_RING, -4096ull, 8192, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_EVENT_RING, 0, 8192, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_EVENT_RING, BODY_MEM - 4096, 8192, 0), -EFAULT);
	assert_int_equal(body->stage2[BODY_MEM / 4096 - 1], VBH_RWX);
	/* Neither the hypervisor's memory nor anything that is protected may be overwritten. */
	assert_int_equal(call(VBH_HC_EVENT_RING, AT_HV - 4096, 8192, 0), -EINVAL);
	add_region(AT_TEXT, 4096, VBH_R | VBH_X | VBH_XU, 1, VBH_REGION_KERNEL_TEXT, 2, 0);
	assert_int_equal(call(VBH_HC_EVENT_RING, AT_TEXT - 4096, 8192, 0), -EINVAL);
	assert_int_equal(body->guest.log.ring_gpa, 0);
}

static void a_ring_without_memory_for_tables_can_be_tried_again(void **state)
{
	(void)state;
	body->fail_update = body->updates + 1;
	assert_int_equal(call(VBH_HC_EVENT_RING, AT_RING, 8192, 0), -ENOSPC);
	body_check_stage2();
	assert_int_equal(call(VBH_HC_EVENT_RING, AT_RING, 8192, 0), 0);
	assert_int_equal(call(VBH_HC_EVENT_RING, AT_RING, 8192, 0), -EEXIST);
}

static void records_before_a_ring_are_counted_as_lost(void **state)
{
	(void)state;
	commit(0);
	commit(0);
	body_ring(2);
	assert_int_equal(ring()->lost, 2);
	commit(0);
	assert_int_equal(last_event()->seq, 0);
	assert_int_equal(last_event()->lost, 2);
}

static void who_watches_from_outside_is_told_of_every_event(void **state)
{
	(void)state;
	commit(0);
	assert_int_equal(body->nr_told, 1);
	body_ring(2);
	commit(0);
	assert_int_equal(body->nr_told, 2);
	assert_memory_equal(&body->told, last_event(), sizeof(body->told));
}

static void a_record_says_who_and_where(void **state)
{
	static const u8 code[] = { 0x0f, 0x30 };
	const struct vbh_event *ev;

	(void)state;
	body_ring(2);
	body_code(code, 2);
	body->guest.vm = 7;
	body_set(0, VBH_REG_CPL, 3);
	body->tsc = 4711;
	commit(3);
	ev = last_event();
	assert_int_equal(ev->tsc, 4711);
	assert_int_equal(ev->cpu, 0);
	assert_int_equal(ev->vm, 7);
	assert_int_equal(ev->rip, AT_CODE);
	assert_int_equal(ev->cr3, AT_CR3);
	assert_int_equal(ev->cpl, 3);
	assert_int_equal(ev->insn_len, 15);
	assert_memory_equal(ev->insn, code, 2);
	assert_int_equal(ev->flags & VBH_EVENT_F_TASK, 0);
}

static void an_instruction_that_can_not_be_read_leaves_its_record_without(void **state)
{
	(void)state;
	body_ring(2);
	body_map(AT_CR3, 0x2000, ~0ull);
	body_set(0, VBH_REG_RIP, 0x1ffe);
	commit(0);
	assert_int_equal(last_event()->insn_len, 2);
	body_set(0, VBH_REG_RIP, 0x2000);
	commit(0);
	assert_int_equal(last_event()->insn_len, 0);
}

#define KERNEL_CR3	0x102000ull
#define CURRENT		0xffff888000003010ull
#define TASK		0xffff888000004f00ull

/* A task whose name lies across two pages. */
static void put_task(void)
{
	struct vbh_facts f = {
		.size = sizeof(f), .task_comm = 0xf8, .task_pid = 0x20, .kernel_cr3 = KERNEL_CR3,
	};
	u64 task = TASK;
	s32 pid = 4242;

	body_map(KERNEL_CR3, CURRENT, 0x30000);
	body_map(KERNEL_CR3, TASK, 0x31000);
	body_map(KERNEL_CR3, TASK + 0x1000, 0x35000);
	memcpy(body->mem + 0x30010, &task, 8);
	memcpy(body->mem + 0x31f20, &pid, 4);
	memcpy(body->mem + 0x31ff8, "an-evil-", 8);
	memcpy(body->mem + 0x35000, "programXYZ", 8);
	memcpy(body->mem + AT_REQUEST, &f, sizeof(f));
	assert_int_equal(call(VBH_HC_FACTS, AT_REQUEST, sizeof(f), 0), 0);
	assert_int_equal(call(VBH_HC_CPU, VBH_CPU_CURRENT, CURRENT, 0), 0);
}

static void a_record_names_the_task(void **state)
{
	(void)state;
	body_ring(2);
	put_task();
	commit(0);
	assert_true(last_event()->flags & VBH_EVENT_F_TASK);
	assert_string_equal(last_event()->comm, "an-evil-program");
	assert_int_equal(last_event()->pid, 4242);
}

static void a_task_that_can_not_be_read_is_left_out(void **state)
{
	u64 hv = AT_HV;

	(void)state;
	body_ring(2);
	put_task();
	body_map(KERNEL_CR3, 0xffff888000009000, ~0ull);
	memcpy(body->mem + 0x30010, &hv, 8);	/* a secret of the hypervisor? */
	commit(0);
	assert_false(last_event()->flags & VBH_EVENT_F_TASK);
	assert_int_equal(last_event()->comm[0], 0);
	body_set(0, VBH_REG_EFER, 0);		/* and no tables of the kernel's in real mode */
	commit(0);
	assert_false(last_event()->flags & VBH_EVENT_F_TASK);
}

static void a_full_ring_keeps_what_it_has_and_counts(void **state)
{
	struct vbh_event first;
	u32 i;

	(void)state;
	body_ring(2);
	for (i = 0; i < 16; i++)
		commit(0);
	first = *record(0);
	commit(0);
	commit(0);
	assert_int_equal(ring()->head, 16);
	assert_int_equal(ring()->lost, 2);
	assert_memory_equal(record(0), &first, sizeof(first));

	assert_int_equal(call(VBH_HC_EVENT_ACK, 1, 0, 0), 0);
	assert_int_equal(ring()->tail, 1);
	commit(0);
	assert_int_equal(ring()->head, 17);
	assert_int_equal(record(16)->seq, 16);
	assert_int_equal(record(16)->lost, 2);
	commit(0);
	assert_int_equal(ring()->lost, 3);
}

static void an_acknowledgement_never_goes_back_or_beyond(void **state)
{
	(void)state;
	body_ring(2);
	commit(0);
	commit(0);
	assert_int_equal(call(VBH_HC_EVENT_ACK, 2, 0, 0), 0);
	assert_int_equal(call(VBH_HC_EVENT_ACK, 1, 0, 0), 0);
	assert_int_equal(ring()->tail, 2);
	assert_int_equal(call(VBH_HC_EVENT_ACK, 3, 0, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_EVENT_ACK, ~0ull, 0, 0), -EINVAL);
	assert_int_equal(ring()->tail, 2);
}

static void patched(u32 times)
{
	struct vbh_event ev;

	host_lock(&body->guest);
	while (times--) {
		event_begin(&body->vcpu[0], &ev, VBH_KIND_PATCH);
		event_patch(&body->vcpu[0], &ev);
	}
	host_unlock(&body->guest);
}

static void patching_is_only_counted_until_somebody_asks(void **state)
{
	(void)state;
	body_ring(2);
	patched(3);
	assert_int_equal(ring()->head, 0);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_RECORD, 0, 0), 0);
	patched(2);
	assert_int_equal(ring()->head, 2);
	assert_int_equal(record(0)->patches, 4);
	assert_int_equal(last_event()->patches, 5);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_COUNT, 0, 0), 0);
	patched(2);
	assert_int_equal(ring()->head, 2);
	assert_int_equal(body->guest.log.patches[0], 7);
	/* What is no patch is recorded all the same. */
	commit(0);
	assert_int_equal(ring()->head, 3);
}

static void recording_always_is_not_taken_back_after_the_seal(void **state)
{
	(void)state;
	body_ring(2);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_ALWAYS, 0, 0), 0);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_ALWAYS + 1, 0, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_COUNT, 0, 0), 0);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_ALWAYS, 0, 0), 0);
	assert_int_equal(call(VBH_HC_SEAL, 0, 0, 0), 0);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_RECORD, 0, 0), -EPERM);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_COUNT, 0, 0), -EPERM);
	assert_int_equal(last_event()->kind, VBH_KIND_HYPERCALL);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_ALWAYS, 0, 0), 0);
	assert_int_equal(body->guest.log.notes, VBH_NOTES_ALWAYS);
}

static void listening_goes_on_and_off_after_the_seal(void **state)
{
	(void)state;
	body_ring(2);
	assert_int_equal(call(VBH_HC_SEAL, 0, 0, 0), 0);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_RECORD, 0, 0), 0);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_COUNT, 0, 0), 0);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_ALWAYS, 0, 0), 0);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_COUNT, 0, 0), -EPERM);
}

static void patching_fills_half_of_the_ring_and_is_never_lost(void **state)
{
	(void)state;
	body_ring(2);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_RECORD, 0, 0), 0);
	patched(20);
	assert_int_equal(ring()->head, 8);
	assert_int_equal(ring()->lost, 0);
	assert_int_equal(body->guest.log.patches[0], 20);
	commit(0);
	assert_int_equal(ring()->head, 9);
}

static void programs_can_fill_half_of_the_ring_at_most(void **state)
{
	u32 i;

	(void)state;
	body_ring(2);
	for (i = 0; i < 20; i++)
		commit(3);
	assert_int_equal(ring()->head, 8);
	assert_int_equal(ring()->lost, 12);
	commit(0);
	assert_int_equal(ring()->head, 9);
	assert_int_equal(call(VBH_HC_EVENT_ACK, 3, 0, 0), 0);
	for (i = 0; i < 20; i++)
		commit(3);
	assert_int_equal(ring()->head, 12);
	assert_int_equal(body->guest.log.crowd, 8);
}

static void check_chain(u64 from, u64 to, u8 hash[VBH_HASH_LEN])
{
	struct sha256 s;

	for (; from < to; from++) {
		sha256_init(&s);
		sha256_update(&s, hash, VBH_HASH_LEN);
		sha256_update(&s, record(from), offsetof(struct vbh_event, hash));
		sha256_final(&s, hash);
		assert_int_equal(record(from)->seq, from);
		assert_memory_equal(record(from)->hash, hash, VBH_HASH_LEN);
	}
}

static void random_filling_and_reading_never_breaks_the_chain(void **state)
{
	u8 hash[VBH_HASH_LEN] = { 0 };
	u64 checked = 0, total = 0;
	u32 round, i;

	(void)state;
	body_ring(3);
	for (round = 0; round < 300; round++) {
		for (i = rnd(40); i; i--, total++)
			commit(rnd(3) ? 0 : 3);
		check_chain(checked, ring()->head, hash);
		checked = ring()->head;
		assert_true(ring()->head - ring()->tail <= ring()->records);
		assert_int_equal(ring()->head + ring()->lost, total);
		i = rnd(ring()->head - ring()->tail + 1);
		assert_int_equal(call(VBH_HC_EVENT_ACK, ring()->tail + i, 0, 0), 0);
	}
	assert_true(ring()->lost > 0);
}

static void what_the_guest_writes_into_the_header_changes_nothing(void **state)
{
	(void)state;
	body_ring(2);
	commit(0);
	ring()->head = 100;
	ring()->tail = 50;
	ring()->records = 1;
	commit(0);
	ring()->records = 16;
	assert_int_equal(ring()->head, 2);
	assert_int_equal(ring()->tail, 0);
	assert_int_equal(record(1)->seq, 1);
}

static void a_note_of_the_body_is_recorded(void **state)
{
	(void)state;
	body_ring(2);
	core_note(&body->vcpu[1], VBH_KIND_START, 5, 6);
	assert_int_equal(last_event()->kind, VBH_KIND_START);
	assert_int_equal(last_event()->cpu, 1);
	assert_int_equal(last_event()->detail, 5);
	assert_int_equal(last_event()->new_value, 6);
	assert_int_equal(last_event()->rule, 0);
	assert_int_equal(body->guest.log.violations, 0);
	core_note(&body->vcpu[1], VBH_KIND_INTERNAL, 1, 2);
	assert_int_equal(last_event()->action, VBH_ACTION_LOGGED);
	assert_int_equal(body->guest.log.violations, 1);
	call(VBH_HC_RULE, VBH_KIND_INTERNAL, VBH_RULE_PANIC, 0);
	core_note(&body->vcpu[1], VBH_KIND_INTERNAL, 1, 2);
	assert_int_equal(body->panics, 1);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, body_setup, body_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_ring_begins_with_its_own_description),
		T(the_guest_can_not_write_the_ring),
		T(a_bad_ring_is_refused),
		T(a_ring_without_memory_for_tables_can_be_tried_again),
		T(records_before_a_ring_are_counted_as_lost),
		T(who_watches_from_outside_is_told_of_every_event),
		T(a_record_says_who_and_where),
		T(an_instruction_that_can_not_be_read_leaves_its_record_without),
		T(a_record_names_the_task),
		T(a_task_that_can_not_be_read_is_left_out),
		T(a_full_ring_keeps_what_it_has_and_counts),
		T(an_acknowledgement_never_goes_back_or_beyond),
		T(patching_is_only_counted_until_somebody_asks),
		T(recording_always_is_not_taken_back_after_the_seal),
		T(listening_goes_on_and_off_after_the_seal),
		T(patching_fills_half_of_the_ring_and_is_never_lost),
		T(programs_can_fill_half_of_the_ring_at_most),
		T(random_filling_and_reading_never_breaks_the_chain),
		T(what_the_guest_writes_into_the_header_changes_nothing),
		T(a_note_of_the_body_is_recorded),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
