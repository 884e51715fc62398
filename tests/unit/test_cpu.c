// SPDX-License-Identifier: GPL-2.0-only
/* INIT and SIPI: honest from a CPU that parked, an attack from any other. */
#include "body.h"

#define PAGE	0x98

static enum vbh_verdict init(u32 target)
{
	return core_init(&body->vcpu[0], &body->vcpu[target], target + 10);
}

static enum vbh_verdict sipi(u32 target, u8 page)
{
	return core_sipi(&body->vcpu[0], &body->vcpu[target], target + 10, page);
}

static int setup(void **state)
{
	int err = body_setup(state);

	if (!err)
		body_ring(3);
	return err;
}

static void a_cpu_goes_and_comes_back(void **state)
{
	u64 before = events();

	(void)state;
	assert_int_equal(call_on(1, VBH_HC_CPU, VBH_CPU_PARK, 0), 0);
	assert_int_equal(assert_one_event(before, VBH_KIND_CPU, VBH_ACTION_NOTED)->new_value, 0);
	assert_int_equal(init(1), VBH_ALLOW);
	assert_int_equal(init(1), VBH_ALLOW);
	assert_int_equal(sipi(1, PAGE), VBH_ALLOW);
	assert_int_equal(assert_one_event(before + 1, VBH_KIND_CPU, VBH_ACTION_NOTED)->new_value,
			 1);
	assert_int_equal(last_event()->detail, 1);
	/* The second of the pair comes to nothing, silently. */
	assert_int_equal(sipi(1, PAGE), VBH_FAULT);
	assert_int_equal(events(), before + 2);
	assert_int_equal(body->vcpu[1].run, VCPU_RUNNING);
}

static void init_to_a_running_cpu_is_refused(void **state)
{
	const struct vbh_event *ev;
	u64 before = events();

	(void)state;
	assert_int_equal(init(1), VBH_FAULT);
	ev = assert_one_event(before, VBH_KIND_INIT, VBH_ACTION_DENIED);
	assert_int_equal(ev->detail, 11);
	assert_int_equal(body->vcpu[1].run, VCPU_RUNNING);
}

static void sipi_to_a_cpu_that_waits_for_none_is_refused(void **state)
{
	u64 before = events();

	(void)state;
	assert_int_equal(sipi(1, PAGE), VBH_FAULT);
	assert_int_equal(assert_one_event(before, VBH_KIND_INIT, VBH_ACTION_DENIED)->new_value,
			 PAGE);
	call_on(1, VBH_HC_CPU, VBH_CPU_PARK, 0);
	assert_int_equal(sipi(1, PAGE), VBH_FAULT);
	assert_int_equal(last_event()->kind, VBH_KIND_INIT);
}

static void one_sipi_too_many_is_an_event(void **state)
{
	u64 before;

	(void)state;
	call_on(1, VBH_HC_CPU, VBH_CPU_PARK, 0);
	init(1);
	sipi(1, PAGE);
	sipi(1, PAGE);
	before = events();
	assert_int_equal(sipi(1, PAGE), VBH_FAULT);
	assert_one_event(before, VBH_KIND_INIT, VBH_ACTION_DENIED);
}

static void a_hypercall_ends_the_wait_for_the_second_sipi(void **state)
{
	(void)state;
	call_on(1, VBH_HC_CPU, VBH_CPU_PARK, 0);
	init(1);
	sipi(1, PAGE);
	call_on(1, VBH_HC_CPU, VBH_CPU_CURRENT, 0x1000);
	assert_int_equal(body->vcpu[1].run, VCPU_RUNNING);
	assert_int_equal(init(1), VBH_FAULT);
}

static void a_cpu_that_stays_after_all_is_running_again(void **state)
{
	(void)state;
	call_on(1, VBH_HC_CPU, VBH_CPU_PARK, 0);
	call_on(1, VBH_HC_CPU, VBH_CPU_CURRENT, 0x1000);
	assert_int_equal(init(1), VBH_FAULT);
}

static void a_cpu_starts_at_the_kernels_page_only(void **state)
{
	(void)state;
	call_on(1, VBH_HC_CPU, VBH_CPU_PARK, 0);
	init(1);
	assert_int_equal(sipi(1, PAGE + 1), VBH_FAULT);
	assert_int_equal(last_event()->kind, VBH_KIND_INIT);
	assert_int_equal(last_event()->new_value, PAGE + 1);
	assert_int_equal(sipi(1, PAGE), VBH_ALLOW);
}

static void a_cpu_that_was_not_there_never_starts(void **state)
{
	u64 before = events();

	(void)state;
	call(VBH_HC_RULE, VBH_KIND_INIT, VBH_RULE_LOG, 0);
	assert_int_equal(core_init(&body->vcpu[0], NULL, 77), VBH_FAULT);
	assert_int_equal(assert_one_event(before, VBH_KIND_INIT, VBH_ACTION_DENIED)->detail, 77);
	assert_int_equal(core_sipi(&body->vcpu[0], NULL, 77, PAGE), VBH_FAULT);
	assert_int_equal(events(), before + 2);
}

static void rule_log_lets_init_through(void **state)
{
	(void)state;
	call(VBH_HC_RULE, VBH_KIND_INIT, VBH_RULE_LOG, 0);
	assert_int_equal(init(1), VBH_ALLOW);
	assert_int_equal(last_event()->action, VBH_ACTION_LOGGED);
	assert_int_equal(sipi(1, 1), VBH_ALLOW);
	assert_int_equal(body->guest.log.violations, 2);
}

static void rule_panic_stops_the_machine(void **state)
{
	(void)state;
	call(VBH_HC_RULE, VBH_KIND_INIT, VBH_RULE_PANIC, 0);
	assert_int_equal(init(1), VBH_HALT);
	assert_int_equal(body->panics, 1);
}

static void the_place_of_current_can_not_be_moved_after_the_seal(void **state)
{
	(void)state;
	assert_int_equal(call(VBH_HC_CPU, VBH_CPU_CURRENT, 0x1000, 0), 0);
	assert_int_equal(call(VBH_HC_CPU, VBH_CPU_CURRENT, 0x2000, 0), 0);
	call(VBH_HC_SEAL, 0, 0, 0);
	assert_int_equal(call(VBH_HC_CPU, VBH_CPU_CURRENT, 0x2000, 0), 0);
	assert_int_equal(call(VBH_HC_CPU, VBH_CPU_CURRENT, 0x1000, 0), -EPERM);
	assert_int_equal(call_on(1, VBH_HC_CPU, VBH_CPU_CURRENT, 0x3000), 0);
}

static void vmx_and_svm_give_the_fault_of_a_processor_without(void **state)
{
	u64 before = events();

	(void)state;
	assert_int_equal(core_virt_insn(&body->vcpu[0], 0, 0), VBH_UNDEFINED);
	assert_one_event(before, VBH_KIND_VIRT_INSN, VBH_ACTION_DENIED);
	assert_int_equal(core_virt_insn(&body->vcpu[0], 0xc0010117, 0x5000), VBH_FAULT);
	assert_int_equal(last_event()->detail, 0xc0010117);
	assert_int_equal(last_event()->new_value, 0x5000);
	call(VBH_HC_RULE, VBH_KIND_VIRT_INSN, VBH_RULE_LOG, 0);
	assert_int_equal(core_virt_insn(&body->vcpu[0], 0, 0), VBH_UNDEFINED);
	assert_int_equal(last_event()->action, VBH_ACTION_DENIED);
	call(VBH_HC_RULE, VBH_KIND_VIRT_INSN, VBH_RULE_PANIC, 0);
	assert_int_equal(core_virt_insn(&body->vcpu[0], 0, 0), VBH_HALT);
}

/* Who leads a starting CPU elsewhere must not get it out of its pins by a call. */
static void a_call_before_long_mode_ends_nothing(void **state)
{
	const u64 wp_pg = 1ull << 16 | 1ull << 31;

	(void)state;
	pin(VBH_PIN_CR0, 0, wp_pg, VBH_RULE_DENY);
	sync_all();
	call_on(1, VBH_HC_CPU, VBH_CPU_PARK, 0);
	init(1);
	sipi(1, PAGE);
	core_cpu_reset(&body->vcpu[1]);
	body_set(1, VBH_REG_EFER, 0);
	body_set(1, VBH_REG_CS_MODE, 2);
	assert_int_equal(core_floor(&body->vcpu[1], VBH_PIN_CR0), wp_pg);
	call_on(1, VBH_HC_EVENT_ACK, 0, 0);
	assert_int_equal(core_floor(&body->vcpu[1], VBH_PIN_CR0), wp_pg);
	body_set(1, VBH_REG_EFER, 1ull << 10);
	call_on(1, VBH_HC_EVENT_ACK, 0, 0);
	assert_int_equal(core_floor(&body->vcpu[1], VBH_PIN_CR0), 0);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, setup, body_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_cpu_goes_and_comes_back),
		T(init_to_a_running_cpu_is_refused),
		T(sipi_to_a_cpu_that_waits_for_none_is_refused),
		T(one_sipi_too_many_is_an_event),
		T(a_hypercall_ends_the_wait_for_the_second_sipi),
		T(a_call_before_long_mode_ends_nothing),
		T(a_cpu_that_stays_after_all_is_running_again),
		T(a_cpu_starts_at_the_kernels_page_only),
		T(a_cpu_that_was_not_there_never_starts),
		T(rule_log_lets_init_through),
		T(rule_panic_stops_the_machine),
		T(the_place_of_current_can_not_be_moved_after_the_seal),
		T(vmx_and_svm_give_the_fault_of_a_processor_without),
	};

	return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
