// SPDX-License-Identifier: GPL-2.0-only
/* Hypercalls: what is filled in, what is refused, and what is recorded of that. */
#include "body.h"

static void status_tells_the_truth(void **state)
{
	struct vbh_status *s = (void *)(body->mem + AT_REQUEST);

	(void)state;
	body_ring(2);
	add_region(AT_TEXT, 4096, VBH_R, 1, VBH_REGION_OTHER, VBH_RULE_DENY, 0);
	pin(VBH_PIN_CR0, 0, 1 << 16 | 1, VBH_RULE_DENY);
	pin(VBH_PIN_MSR, 0x277, ~0ull, VBH_RULE_DENY);
	pin(VBH_PIN_DTR, VBH_DTR_IDTR, ~0ull, VBH_RULE_DENY);
	call(VBH_HC_BASE + 99, 0, 0, 0);
	assert_int_equal(call(VBH_HC_STATUS, AT_REQUEST, sizeof(*s), 0), 0);
	assert_int_equal(s->size, sizeof(*s));
	assert_int_equal(s->abi, VBH_ABI_VERSION);
	assert_int_equal(s->state, VBH_STATE_OPEN);
	assert_int_equal(s->body, VBH_BODY_TEST);
	assert_int_equal(s->cpus, BODY_CPUS);
	assert_int_equal(s->regions, 3);
	assert_int_equal(s->pins, 4);
	assert_int_equal(s->features, VBH_FEAT_HOTPLUG | VBH_FEAT_STOP);
	assert_int_equal(s->memory, 0x1000);
	assert_int_equal(s->memory_free, 0x800);
	assert_int_equal(s->events, 1);
	assert_int_equal(s->violations, 1);
	assert_int_equal(s->events_lost, 0);
	assert_string_equal(s->vendor, "test");
	assert_int_equal(s->has_key, 0);
}

static void status_can_not_be_used_to_write_protected_memory(void **state)
{
	static const u8 zero[sizeof(struct vbh_status)];

	(void)state;
	add_region(AT_TEXT, 4096, VBH_R | VBH_X | VBH_XU, 1, VBH_REGION_KERNEL_TEXT, 1, 0);
	assert_int_equal(call(VBH_HC_STATUS, AT_TEXT, sizeof(zero), 0), -EFAULT);
	assert_int_equal(call(VBH_HC_STATUS, AT_TEXT - 8, sizeof(zero), 0), -EFAULT);
	assert_int_equal(call(VBH_HC_STATS, AT_TEXT, sizeof(struct vbh_stats), 0), -EFAULT);
	assert_int_equal(call(VBH_HC_STATUS, AT_HV, sizeof(zero), 0), -EFAULT);
	assert_int_equal(call(VBH_HC_STATUS, AT_HV - 8, sizeof(zero), 0), -EFAULT);
	assert_memory_equal(body->mem + AT_TEXT - 8, zero, sizeof(zero));
	assert_memory_equal(body->mem + AT_HV - 8, zero, sizeof(zero));
}

static void stats_are_those_of_the_cpu_that_was_named(void **state)
{
	struct vbh_stats *s = (void *)(body->mem + AT_REQUEST);

	(void)state;
	assert_int_equal(call(VBH_HC_STATS, AT_REQUEST, sizeof(*s), 2), 0);
	assert_int_equal(s->cpu, 2);
	assert_int_equal(s->size, sizeof(*s));
	assert_int_equal(s->exits[VBH_EXIT_CPUID], 102);
	assert_int_equal(call(VBH_HC_STATS, AT_REQUEST, sizeof(*s), BODY_CPUS), -ENOENT);
	assert_int_equal(call(VBH_HC_STATS, AT_REQUEST, sizeof(*s), 1ull << 32), -ENOENT);
	assert_int_equal(call(VBH_HC_STATS, AT_REQUEST, 8, 0), -EINVAL);
}

static void each_bad_number_is_refused_and_recorded_once(void **state)
{
	static const u64 numbers[] = {
		0, 1, 5, 12, 100, VBH_HC_BASE - 1, VBH_HC_BASE + VBH_HC_NR, VBH_HC_BASE + 255,
		~0ull, 0xffffffff00000000ull | VBH_HC_SEAL, 1ull << 32 | VBH_HC_SEAL,
	};
	const struct vbh_event *ev;
	u64 before;
	u32 i;

	(void)state;
	body_ring(2);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		before = events();
		assert_int_equal(call(numbers[i], 0, 0, 0), -ENOSYS);
		ev = assert_one_event(before, VBH_KIND_HYPERCALL, VBH_ACTION_DENIED);
		assert_int_equal(ev->detail, ~0u);
		assert_int_equal((s64)ev->new_value, -ENOSYS);
		assert_int_equal(ev->rule, VBH_RULE_DENY);
	}
	assert_int_equal(body->guest.state, VBH_STATE_OPEN);
}

static void each_bad_pointer_and_length_is_refused_and_recorded_once(void **state)
{
	static const struct {
		u64 nr, a, b;
		s64 err;
	} bad[] = {
		{ VBH_HC_STATUS, BODY_MEM, sizeof(struct vbh_status), -EFAULT },
		{ VBH_HC_STATUS, ~0ull, sizeof(struct vbh_status), -EFAULT },
		{ VBH_HC_STATUS, -8ull, sizeof(struct vbh_status), -EFAULT },
		{ VBH_HC_STATUS, AT_REQUEST, 0, -EINVAL },
		{ VBH_HC_STATUS, AT_REQUEST, ~0ull, -EINVAL },
		{ VBH_HC_STATUS, AT_REQUEST, 1ull << 32 | sizeof(struct vbh_status), -EINVAL },
		{ VBH_HC_STATS, BODY_MAX_GPA, sizeof(struct vbh_stats), -EFAULT },
		{ VBH_HC_FACTS, AT_REQUEST, 31, -EINVAL },
		{ VBH_HC_FACTS, AT_HV, 32, -EFAULT },
		{ VBH_HC_FACTS, AT_REQUEST, 32, -EINVAL },
		{ VBH_HC_REGION_ADD, AT_REQUEST, 0, -EINVAL },
		{ VBH_HC_REGION_ADD, AT_REQUEST, VBH_MAX_BATCH + 1, -EINVAL },
		{ VBH_HC_REGION_ADD, AT_REQUEST, 1ull << 32 | 1, -EINVAL },
		{ VBH_HC_REGION_ADD, AT_HV, 1, -EFAULT },
		{ VBH_HC_REGION_DEL, 0, 0, -EINVAL },
		{ VBH_HC_REGION_DEL, 1ull << 32, 0, -EINVAL },
		{ VBH_HC_PIN, ~0ull, 1, -EFAULT },
		{ VBH_HC_RULE, 0, 2, -EINVAL },
		{ VBH_HC_RULE, VBH_NR_VIOLATIONS, 2, -EINVAL },
		{ VBH_HC_RULE, VBH_KIND_SEAL, 2, -EINVAL },
		{ VBH_HC_RULE, 1ull << 32 | 1, 2, -EINVAL },
		{ VBH_HC_RULE, VBH_KIND_MSR, 0, -EINVAL },
		{ VBH_HC_RULE, VBH_KIND_MSR, 4, -EINVAL },
		{ VBH_HC_KEY, AT_REQUEST, 31, -EINVAL },
		{ VBH_HC_KEY, BODY_MEM - 31, 32, -EFAULT },
		{ VBH_HC_UNLOCK, AT_REQUEST, 32, -EINVAL },
		{ VBH_HC_CPU, 2, 0, -EINVAL },
		{ VBH_HC_CPU, VBH_CPU_CURRENT, 0, -EINVAL },
		{ VBH_HC_EVENT_ACK, 1000, 0, -EINVAL },
	};
	const struct vbh_event *ev;
	u64 before;
	u32 i;

	(void)state;
	body_ring(4);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		before = events();
		assert_int_equal(call(bad[i].nr, bad[i].a, bad[i].b, 0), bad[i].err);
		ev = assert_one_event(before, VBH_KIND_HYPERCALL, VBH_ACTION_DENIED);
		assert_int_equal(ev->detail, bad[i].nr - VBH_HC_BASE);
		assert_int_equal((s64)ev->new_value, bad[i].err);
	}
	assert_int_equal(body->guest.log.violations, i);
}

static void what_can_happen_to_an_honest_driver_is_no_event(void **state)
{
	u64 before;

	(void)state;
	body_ring(2);
	before = events();
	assert_int_equal(call(VBH_HC_STATS, AT_REQUEST, sizeof(struct vbh_stats), 99), -ENOENT);
	assert_int_equal(call(VBH_HC_REGION_DEL, 77, 0, 0), -ENOENT);
	assert_int_equal(call(VBH_HC_EVENT_RING, AT_RING, 8192, 0), -EEXIST);
	body->guest.features = 0;
	assert_int_equal(call(VBH_HC_CPU, VBH_CPU_PARK, 0, 0), -EOPNOTSUPP);
	assert_int_equal(events(), before);
}

static s64 facts(u32 at, u64 value, u32 len)
{
	struct vbh_facts f = {
		.size = sizeof(f), .task_comm = 0x700, .task_pid = 0x500,
		.kernel_cr3 = AT_CR3, .poking_cr3 = AT_POKING_CR3,
	};

	memcpy((u8 *)&f + at, &value, len);
	memcpy(body->mem + AT_REQUEST, &f, sizeof(f));
	return call(VBH_HC_FACTS, AT_REQUEST, sizeof(f), 0);
}

static void facts_are_checked_before_they_are_taken(void **state)
{
	(void)state;
	assert_int_equal(facts(offsetof(struct vbh_facts, size), 31, 4), -EINVAL);
	assert_int_equal(facts(offsetof(struct vbh_facts, reserved), 1, 4), -EINVAL);
	assert_int_equal(facts(offsetof(struct vbh_facts, task_comm), 1 << 16, 4), -EINVAL);
	assert_int_equal(facts(offsetof(struct vbh_facts, task_pid), ~0u, 4), -EINVAL);
	assert_int_equal(facts(offsetof(struct vbh_facts, kernel_cr3), 0x1001, 8), -EINVAL);
	assert_int_equal(facts(offsetof(struct vbh_facts, poking_cr3), BODY_MAX_GPA, 8), -EINVAL);
	assert_int_equal(body->guest.facts.size, 0);
	assert_int_equal(facts(0, 0, 0), 0);
	assert_int_equal(body->guest.facts.poking_cr3, AT_POKING_CR3);
}

static void a_hypercall_from_a_program_is_undefined_and_recorded(void **state)
{
	const struct vbh_event *ev;
	u64 before;

	(void)state;
	body_ring(2);
	before = events();
	body_set(1, VBH_REG_CPL, 3);
	body_set(1, VBH_REG_RAX, VBH_HC_SEAL);
	assert_int_equal(core_hypercall_user(&body->vcpu[1]), VBH_UNDEFINED);
	ev = assert_one_event(before, VBH_KIND_HYPERCALL, VBH_ACTION_DENIED);
	assert_int_equal(ev->cpl, 3);
	assert_int_equal(ev->detail, VBH_HC_SEAL - VBH_HC_BASE);
	assert_int_equal(body->guest.state, VBH_STATE_OPEN);
	call(VBH_HC_RULE, VBH_KIND_HYPERCALL, VBH_RULE_PANIC, 0);
	assert_int_equal(core_hypercall_user(&body->vcpu[1]), VBH_HALT);
	assert_int_equal(body->panics, 1);
}

static void random_calls_keep_every_promise(void **state)
{
	u32 round, i;

	(void)state;
	body_ring(2);
	for (round = 0; round < 100000; round++) {
		u64 a = rnd(2) ? AT_REQUEST : rnd(2) ? rnd(BODY_PAGES) * 4096ull : rnd(64);
		u64 b = rnd(3) ? rnd(40) : 1ull << rnd(64);

		for (i = 0; i < 96; i += 4) {
			u32 v = rnd(3) ? rnd(6) : rnd(1u << 31);

			memcpy(body->mem + AT_REQUEST + i, &v, 4);
		}
		call(VBH_HC_BASE + rnd(VBH_HC_NR + 1), a, b, rnd(4));
		if (!(round % 64))
			body_check_stage2();
	}
	assert_int_not_equal(body->guest.state, VBH_STATE_UNLOCKED);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, body_setup, body_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(status_tells_the_truth),
		T(status_can_not_be_used_to_write_protected_memory),
		T(stats_are_those_of_the_cpu_that_was_named),
		T(each_bad_number_is_refused_and_recorded_once),
		T(each_bad_pointer_and_length_is_refused_and_recorded_once),
		T(what_can_happen_to_an_honest_driver_is_no_event),
		T(facts_are_checked_before_they_are_taken),
		T(a_hypercall_from_a_program_is_undefined_and_recorded),
		T(random_calls_keep_every_promise),
	};

	return cmocka_run_group_tests_name("hypercall", tests, NULL, NULL);
}
