// SPDX-License-Identifier: GPL-2.0-only
/* Pins: what may be asked for, and what holds afterwards on each CPU. */
#include "body.h"

#define WP	(1ull << 16)
#define PG	(1ull << 31)
#define SMEP	(1ull << 20)
#define SMAP	(1ull << 21)
#define LSTAR	0xc0000082u
#define MSR_EFER_NXE (1ull << 11)

static struct vbh_vcpu *cpu(u32 n)
{
	return &body->vcpu[n];
}

/* The guest writes; what is allowed takes effect. */
static enum vbh_verdict write_cr(u32 n, u32 cr, u64 new)
{
	enum vbh_reg reg = cr ? VBH_REG_CR4 : VBH_REG_CR0;
	enum vbh_verdict v = core_cr_write(cpu(n), cr, body_get(n, reg), new);

	if (v == VBH_ALLOW)
		body_set(n, reg, new);
	return v;
}

static enum vbh_verdict write_msr(u32 n, u32 msr, u64 new)
{
	enum vbh_verdict v = core_msr_write(cpu(n), msr, host_msr(cpu(n), msr), new);

	if (v == VBH_ALLOW)
		body_set_msr(n, msr, new);
	return v;
}

static enum vbh_verdict load_limit(u32 n, enum vbh_dtr dtr, u64 new, u32 limit)
{
	enum vbh_verdict v = core_dtr_load(cpu(n), dtr, body_get(n, VBH_REG_GDTR_BASE + dtr), new,
					   limit);

	if (v == VBH_ALLOW)
		body_set(n, VBH_REG_GDTR_BASE + dtr, new);
	return v;
}

static enum vbh_verdict load(u32 n, enum vbh_dtr dtr, u64 new)
{
	return load_limit(n, dtr, new, 0xfff);
}

static void a_pinned_bit_can_not_be_cleared_and_others_can(void **state)
{
	u64 cr4 = body_get(0, VBH_REG_CR4);
	const struct vbh_event *ev;
	u64 before;

	(void)state;
	body_ring(3);
	assert_int_equal(pin(VBH_PIN_CR4, 0, SMEP | SMAP, VBH_RULE_DENY), 0);
	before = events();
	assert_int_equal(write_cr(0, 4, cr4 ^ 0x80), VBH_ALLOW);
	assert_int_equal(events(), before);
	cr4 = body_get(0, VBH_REG_CR4);
	assert_int_equal(write_cr(0, 4, cr4 & ~SMEP), VBH_FAULT);
	ev = assert_one_event(before, VBH_KIND_CR, VBH_ACTION_DENIED);
	assert_int_equal(ev->detail, 4);
	assert_int_equal(ev->rule, VBH_RULE_DENY);
	assert_int_equal(ev->old_value, cr4);
	assert_int_equal(ev->new_value, cr4 & ~SMEP);
	assert_int_equal(ev->width, 8);
	/* Together with an innocent bit it is no better. */
	assert_int_equal(write_cr(0, 4, (cr4 & ~SMAP) ^ 0x80), VBH_FAULT);
	assert_int_equal(body_get(0, VBH_REG_CR4), cr4);
}

static void a_bit_pinned_at_zero_can_not_be_set(void **state)
{
	(void)state;
	body_set(0, VBH_REG_CR4, body_get(0, VBH_REG_CR4) & ~(1ull << 22));
	assert_int_equal(pin(VBH_PIN_CR4, 0, 1ull << 22, VBH_RULE_DENY), 0);
	assert_int_equal(write_cr(0, 4, body_get(0, VBH_REG_CR4) | 1ull << 22), VBH_FAULT);
}

static void a_pin_holds_on_every_cpu_with_its_own_value(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < BODY_CPUS; i++)
		body_set_msr(i, LSTAR, 0x1000 + i);
	assert_int_equal(pin(VBH_PIN_MSR, LSTAR, ~0ull, VBH_RULE_DENY), 0);
	assert_int_equal(body->flushes, 2);	/* one for the hypervisor's own pages */
	sync_all();
	for (i = 0; i < BODY_CPUS; i++) {
		assert_int_equal(write_msr(i, LSTAR, 0x1000 + i), VBH_ALLOW);
		assert_int_equal(write_msr(i, LSTAR, 0x2000), VBH_FAULT);
	}
}

static void the_value_is_the_one_at_the_time_of_the_call(void **state)
{
	(void)state;
	body_set_msr(0, LSTAR, 0xf0);
	pin(VBH_PIN_MSR, LSTAR, ~0ull, VBH_RULE_DENY);
	body_set_msr(0, LSTAR, 0x0f);	/* by a way that nobody watched */
	assert_int_equal(write_msr(0, LSTAR, 0x10f), VBH_FAULT);
	assert_int_equal(write_msr(0, LSTAR, 0xf0), VBH_ALLOW);
	assert_int_equal(write_msr(0, LSTAR, 0x0f), VBH_FAULT);
}

static void a_write_that_races_with_the_pin_is_judged_by_it(void **state)
{
	(void)state;
	assert_int_equal(pin(VBH_PIN_CR0, 0, WP, VBH_RULE_DENY), 0);
	/* CPU 1 has not been through vcpu_sync() yet. */
	assert_int_equal(write_cr(1, 0, body_get(1, VBH_REG_CR0) & ~WP), VBH_FAULT);
}

static void rule_log_lets_it_happen_and_records_each_change_away(void **state)
{
	u64 cr0 = body_get(0, VBH_REG_CR0), before;

	(void)state;
	body_ring(3);
	pin(VBH_PIN_CR0, 0, WP, VBH_RULE_LOG);
	before = events();
	assert_int_equal(write_cr(0, 0, cr0 & ~WP), VBH_ALLOW);
	assert_one_event(before, VBH_KIND_CR, VBH_ACTION_LOGGED);
	assert_int_equal(write_cr(0, 0, (cr0 & ~WP) | 8), VBH_ALLOW);
	assert_int_equal(write_cr(0, 0, cr0), VBH_ALLOW);
	assert_int_equal(events(), before + 1);
	assert_int_equal(write_cr(0, 0, cr0 & ~WP), VBH_ALLOW);
	assert_int_equal(events(), before + 2);
}

static void rule_panic_stops_the_machine(void **state)
{
	(void)state;
	pin(VBH_PIN_CR0, 0, WP, VBH_RULE_PANIC);
	assert_int_equal(write_cr(0, 0, body_get(0, VBH_REG_CR0) & ~WP), VBH_HALT);
	assert_int_equal(body->panics, 1);
	assert_int_equal(body->panic_event.kind, VBH_KIND_CR);
	assert_int_equal(body->panic_event.action, VBH_ACTION_STOPPED);
}

static void efer_is_pinned_by_its_own_type_and_recorded_as_an_msr(void **state)
{
	u64 efer = body_get(0, VBH_REG_EFER), before;

	(void)state;
	body_ring(3);
	assert_false(core_msr_pinned(&body->guest, MSR_EFER));
	assert_int_equal(pin(VBH_PIN_MSR, MSR_EFER, 1, VBH_RULE_DENY), -EINVAL);
	assert_int_equal(pin(VBH_PIN_EFER, 0, MSR_EFER_NXE, VBH_RULE_DENY), 0);
	assert_true(core_msr_pinned(&body->guest, MSR_EFER));
	before = events();
	assert_int_equal(core_msr_write(cpu(0), MSR_EFER, efer, efer & ~MSR_EFER_NXE), VBH_FAULT);
	assert_int_equal(assert_one_event(before, VBH_KIND_MSR, VBH_ACTION_DENIED)->detail,
			 MSR_EFER);
	assert_int_equal(core_msr_write(cpu(0), MSR_EFER, efer, efer ^ (1 << 14)), VBH_ALLOW);
}

static void the_msrs_that_a_body_virtualises_can_not_be_pinned(void **state)
{
	static const u32 msrs[] = { 0x3a, 0x480, 0x493, 0x830, 0xc0010114, 0xc0010117 };
	u32 i;

	(void)state;
	for (i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		assert_int_equal(pin(VBH_PIN_MSR, msrs[i], 1, VBH_RULE_DENY), -EINVAL);
}

static void bits_that_linux_moves_can_not_be_pinned(void **state)
{
	static const u8 cr0[] = { 1, 2, 3, 4, 18, 29, 30, 32 };
	static const u8 cr4[] = { 2, 7, 8, 13, 14, 17, 18 };
	u32 i;

	(void)state;
	for (i = 0; i < sizeof(cr0); i++)
		assert_int_equal(pin(VBH_PIN_CR0, 0, WP | 1ull << cr0[i], VBH_RULE_DENY), -EINVAL);
	for (i = 0; i < sizeof(cr4); i++)
		assert_int_equal(pin(VBH_PIN_CR4, 0, 1ull << cr4[i], VBH_RULE_DENY), -EINVAL);
	assert_int_equal(pin(VBH_PIN_EFER, 0, 1ull << 12, VBH_RULE_DENY), -EINVAL);
	assert_int_equal(pin_count(&body->guest.pins), 0);
}

static void malformed_pins_are_refused(void **state)
{
	struct vbh_pin p = { .type = VBH_PIN_CR0, .mask = WP, .rule = VBH_RULE_DENY };

	(void)state;
	assert_int_equal(pin(0, 0, 1, VBH_RULE_DENY), -EINVAL);
	assert_int_equal(pin(VBH_PIN_DTR + 1, 0, 1, VBH_RULE_DENY), -EINVAL);
	assert_int_equal(pin(VBH_PIN_CR0, 1, WP, VBH_RULE_DENY), -EINVAL);
	assert_int_equal(pin(VBH_PIN_CR0, 0, 0, VBH_RULE_DENY), -EINVAL);
	assert_int_equal(pin(VBH_PIN_CR0, 0, WP, 0), -EINVAL);
	assert_int_equal(pin(VBH_PIN_CR0, 0, WP, 4), -EINVAL);
	assert_int_equal(pin(VBH_PIN_DTR, VBH_NR_DTR, ~0ull, VBH_RULE_DENY), -EINVAL);
	assert_int_equal(pin(VBH_PIN_DTR, 0, 1, VBH_RULE_DENY), -EINVAL);
	p.reserved[6] = 1;
	memcpy(body->mem + AT_REQUEST, &p, sizeof(p));
	assert_int_equal(call(VBH_HC_PIN, AT_REQUEST, 1, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_PIN, AT_REQUEST, 0, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_PIN, AT_REQUEST, VBH_MAX_BATCH + 1, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_PIN, BODY_MEM, 1, 0), -EFAULT);
	assert_int_equal(pin_count(&body->guest.pins), 0);
}

static void one_bad_pin_in_a_batch_leaves_none_in_force(void **state)
{
	struct vbh_pin p[3] = {
		{ .type = VBH_PIN_CR0, .mask = WP, .rule = VBH_RULE_DENY },
		{ .type = VBH_PIN_MSR, .index = LSTAR, .mask = ~0ull, .rule = VBH_RULE_DENY },
		{ .type = VBH_PIN_CR4, .mask = 1ull << 7, .rule = VBH_RULE_DENY },
	};

	(void)state;
	memcpy(body->mem + AT_REQUEST, p, sizeof(p));
	assert_int_equal(call(VBH_HC_PIN, AT_REQUEST, 3, 0), -EINVAL);
	assert_int_equal(pin_count(&body->guest.pins), 0);
	assert_false(core_msr_pinned(&body->guest, LSTAR));
	assert_int_equal(write_cr(0, 0, body_get(0, VBH_REG_CR0) & ~WP), VBH_ALLOW);
	assert_int_equal(call(VBH_HC_PIN, AT_REQUEST, 2, 0), 0);
	assert_int_equal(pin_count(&body->guest.pins), 2);
}

static void only_so_many_msrs_can_be_pinned(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < VBH_MAX_MSR_PINS; i++)
		assert_int_equal(pin(VBH_PIN_MSR, 0x1000 + i, 1, VBH_RULE_DENY), 0);
	assert_int_equal(pin(VBH_PIN_MSR, 0x2000, 1, VBH_RULE_DENY), -ENOSPC);
	assert_int_equal(pin(VBH_PIN_MSR, 0x1000, 2, VBH_RULE_DENY), 0);
}

static void a_second_pin_adds_bits_and_never_weakens_the_rule(void **state)
{
	(void)state;
	body_set_msr(0, 0x1d9, 0);
	pin(VBH_PIN_MSR, 0x1d9, 1, VBH_RULE_DENY);
	call(VBH_HC_SEAL, 0, 0, 0);
	assert_int_equal(pin(VBH_PIN_MSR, 0x1d9, 2, VBH_RULE_LOG), 0);
	assert_int_equal(write_msr(0, 0x1d9, 1), VBH_FAULT);
	assert_int_equal(write_msr(0, 0x1d9, 2), VBH_FAULT);
	assert_int_equal(write_msr(0, 0x1d9, 4), VBH_ALLOW);
	assert_int_equal(pin(VBH_PIN_MSR, 0x1d9, 2, VBH_RULE_PANIC), 0);
	assert_int_equal(write_msr(0, 0x1d9, 1), VBH_HALT);
}

static void descriptor_tables_stay_where_they_are(void **state)
{
	u64 before, idt = body_get(0, VBH_REG_IDTR_BASE);
	u32 i;

	(void)state;
	body_ring(3);
	assert_int_equal(load(0, VBH_DTR_IDTR, idt + 16), VBH_ALLOW);
	assert_int_equal(load(0, VBH_DTR_IDTR, idt), VBH_ALLOW);
	for (i = 0; i < VBH_NR_DTR; i++)
		assert_int_equal(pin(VBH_PIN_DTR, i, ~0ull, VBH_RULE_DENY), 0);
	sync_all();
	before = events();
	for (i = 0; i < VBH_NR_DTR; i++) {
		u64 is = body_get(1, VBH_REG_GDTR_BASE + i);

		assert_int_equal(load(1, i, is), VBH_ALLOW);
		assert_int_equal(load(1, i, is + 8), VBH_FAULT);
		assert_int_equal(last_event()->kind, VBH_KIND_DTR);
		assert_int_equal(last_event()->detail, i);
	}
	assert_int_equal(events(), before + VBH_NR_DTR);
}

static void a_process_may_have_its_ldt(void **state)
{
	(void)state;
	pin(VBH_PIN_DTR, VBH_DTR_LDTR, ~0ull, VBH_RULE_DENY);
	assert_int_equal(load(0, VBH_DTR_LDTR, 0x50), VBH_ALLOW);
	assert_int_equal(load(0, VBH_DTR_LDTR, 0x58), VBH_FAULT);
	assert_int_equal(load(0, VBH_DTR_LDTR, 0), VBH_ALLOW);
	assert_int_equal(load(0, VBH_DTR_LDTR, 0x58), VBH_FAULT);
}

static void a_pin_made_under_a_process_with_an_ldt_is_no_weaker(void **state)
{
	(void)state;
	body_set(0, VBH_REG_LDTR, 0x50);
	pin(VBH_PIN_DTR, VBH_DTR_LDTR, ~0ull, VBH_RULE_DENY);
	assert_int_equal(load(0, VBH_DTR_LDTR, 0x58), VBH_FAULT);
	assert_int_equal(load(0, VBH_DTR_LDTR, 0), VBH_ALLOW);
	core_cpu_reset(cpu(0));
	assert_int_equal(load(0, VBH_DTR_LDTR, 0x58), VBH_FAULT);
}

static void under_log_a_descriptor_table_may_go_and_come_back(void **state)
{
	u64 idt = body_get(0, VBH_REG_IDTR_BASE), before;

	(void)state;
	body_ring(2);
	pin(VBH_PIN_DTR, VBH_DTR_IDTR, ~0ull, VBH_RULE_LOG);
	before = events();
	assert_int_equal(load(0, VBH_DTR_IDTR, 0x1000), VBH_ALLOW);
	assert_int_equal(load(0, VBH_DTR_IDTR, 0x2000), VBH_ALLOW);
	assert_int_equal(load(0, VBH_DTR_IDTR, 0x2000), VBH_ALLOW);
	assert_int_equal(load(0, VBH_DTR_IDTR, idt), VBH_ALLOW);
	assert_int_equal(events(), before + 2);
}

/* The way of a CPU from INIT to cpu_init(), as the kernel's start-up code goes it. */
static void come_up(u32 n, u64 gdt, u64 cr4)
{
	core_cpu_reset(cpu(n));
	body_set(n, VBH_REG_CR0, 0x60000010);
	body_set(n, VBH_REG_CR4, 0);
	body_set(n, VBH_REG_EFER, 0);
	body_set(n, VBH_REG_GDTR_BASE, 0);
	body_set(n, VBH_REG_IDTR_BASE, 0);
	body_set(n, VBH_REG_TR, 0);
	vcpu_sync(cpu(n));

	assert_int_equal(load(n, VBH_DTR_IDTR, 0x98010), VBH_ALLOW);
	assert_int_equal(load(n, VBH_DTR_GDTR, 0x98020), VBH_ALLOW);
	assert_int_equal(write_cr(n, 0, 0x11), VBH_ALLOW);
	assert_int_equal(write_cr(n, 4, cr4 & 0xf0), VBH_ALLOW);
	assert_int_equal(core_msr_write(cpu(n), MSR_EFER, 0, 0x901), VBH_ALLOW);
	body_set(n, VBH_REG_EFER, 0x901);
	assert_int_equal(write_cr(n, 0, 0x80050033), VBH_ALLOW);
	body_set(n, VBH_REG_EFER, 0xd01);	/* LMA, by CR0.PG */
	assert_int_equal(load(n, VBH_DTR_GDTR, 0xffffffff81000000), VBH_ALLOW);
	assert_int_equal(write_cr(n, 4, 0xa0), VBH_ALLOW);
	assert_int_equal(write_cr(n, 4, cr4), VBH_ALLOW);
	assert_int_equal(load(n, VBH_DTR_IDTR, 0xfffffe0000000000), VBH_ALLOW);
	assert_int_equal(load(n, VBH_DTR_TR, 0x40), VBH_ALLOW);
	assert_int_equal(load(n, VBH_DTR_GDTR, gdt), VBH_ALLOW);
}

static void pin_everything(void)
{
	struct vbh_pin p[] = {
		{ .type = VBH_PIN_CR0, .mask = PIN_CR0_BITS, .rule = VBH_RULE_DENY },
		{ .type = VBH_PIN_CR4, .mask = body_get(0, VBH_REG_CR4) & PIN_CR4_BITS,
		  .rule = VBH_RULE_DENY },
		{ .type = VBH_PIN_EFER, .mask = PIN_EFER_BITS, .rule = VBH_RULE_DENY },
		{ .type = VBH_PIN_DTR, .index = 0, .mask = ~0ull, .rule = VBH_RULE_DENY },
		{ .type = VBH_PIN_DTR, .index = 1, .mask = ~0ull, .rule = VBH_RULE_DENY },
		{ .type = VBH_PIN_DTR, .index = 2, .mask = ~0ull, .rule = VBH_RULE_DENY },
		{ .type = VBH_PIN_DTR, .index = 3, .mask = ~0ull, .rule = VBH_RULE_DENY },
	};

	memcpy(body->mem + AT_REQUEST, p, sizeof(p));
	assert_int_equal(call(VBH_HC_PIN, AT_REQUEST, 7, 0), 0);
}

static void check_armed(u32 n)
{
	assert_int_equal(write_cr(n, 0, body_get(n, VBH_REG_CR0) & ~WP), VBH_FAULT);
	assert_int_equal(write_cr(n, 0, body_get(n, VBH_REG_CR0) & ~PG), VBH_FAULT);
	assert_int_equal(write_cr(n, 4, body_get(n, VBH_REG_CR4) & ~SMEP), VBH_FAULT);
	assert_int_equal(core_msr_write(cpu(n), MSR_EFER, 0xd01, 0x501), VBH_FAULT);
	assert_int_equal(core_msr_write(cpu(n), MSR_EFER, 0xd01, 0x901), VBH_FAULT);
	assert_int_equal(load(n, VBH_DTR_GDTR, 0x98020), VBH_FAULT);
	assert_int_equal(load(n, VBH_DTR_IDTR, 0x98020), VBH_FAULT);
}

static void a_cpu_comes_up_through_init_and_is_pinned_again(void **state)
{
	u64 gdt = body_get(1, VBH_REG_GDTR_BASE), cr4 = body_get(1, VBH_REG_CR4);
	u64 before;

	(void)state;
	body_ring(3);
	pin_everything();
	sync_all();
	check_armed(1);
	before = events();
	come_up(1, gdt, cr4);
	assert_int_equal(events(), before);
	check_armed(1);
}

static void a_pin_made_while_a_cpu_comes_up_binds_it_too(void **state)
{
	u64 gdt = body_get(1, VBH_REG_GDTR_BASE), cr4 = body_get(1, VBH_REG_CR4);

	(void)state;
	core_cpu_reset(cpu(1));
	pin_everything();
	come_up(1, gdt, cr4);
	assert_int_equal(write_cr(1, 4, cr4 & ~SMEP), VBH_FAULT);
	assert_int_equal(write_cr(1, 0, body_get(1, VBH_REG_CR0) & ~WP), VBH_FAULT);
	/* Its tables are its own: they are known when it has shown that it is up. */
	assert_int_equal(call_on(1, VBH_HC_CPU, VBH_CPU_CURRENT, 0xffff888000001000), 0);
	check_armed(1);
}

static void init_does_not_loosen_an_msr(void **state)
{
	(void)state;
	body_set_msr(1, LSTAR, 0x1234);
	pin(VBH_PIN_MSR, LSTAR, ~0ull, VBH_RULE_DENY);
	sync_all();
	core_cpu_reset(cpu(1));
	vcpu_sync(cpu(1));
	assert_int_equal(write_msr(1, LSTAR, 0x1235), VBH_FAULT);
	assert_int_equal(write_msr(1, LSTAR, 0x1234), VBH_ALLOW);
}

/* A naive model: each bit of each register of each CPU, one by one. */
struct naive {
	bool pinned[64];
	bool value[BODY_CPUS][64];
};

static void random_writes_give_what_a_bit_by_bit_model_gives(void **state)
{
	static struct naive model;
	u32 round, n, b;

	(void)state;
	memset(&model, 0, sizeof(model));
	for (n = 0; n < BODY_CPUS; n++)
		body_set_msr(n, 0x277, (u64)rnd(1 << 30) << 32 | rnd(1 << 30));
	for (round = 0; round < 20000; round++) {
		u64 old, new;
		bool breaks = false;

		if (!rnd(1000)) {
			u64 mask = 1ull << rnd(64) | 1ull << rnd(64);

			assert_int_equal(pin(VBH_PIN_MSR, 0x277, mask, VBH_RULE_DENY), 0);
			for (b = 0; b < 64; b++) {
				if (!(mask >> b & 1) || model.pinned[b])
					continue;
				model.pinned[b] = true;
				for (n = 0; n < BODY_CPUS; n++)
					model.value[n][b] = host_msr(cpu(n), 0x277) >> b & 1;
			}
			if (rnd(2))
				sync_all();
		}
		n = rnd(BODY_CPUS);
		old = host_msr(cpu(n), 0x277);
		new = old ^ 1ull << rnd(64) ^ (rnd(2) ? 1ull << rnd(64) : 0);
		for (b = 0; b < 64; b++)
			breaks |= model.pinned[b] && (new >> b & 1) != model.value[n][b];
		assert_int_equal(write_msr(n, 0x277, new), breaks ? VBH_FAULT : VBH_ALLOW);
	}
}

static void an_idt_without_a_gate_resets_the_machine(void **state)
{
	u64 idt = body_get(0, VBH_REG_IDTR_BASE), gdt = body_get(0, VBH_REG_GDTR_BASE);
	u64 before;

	(void)state;
	body_ring(3);
	assert_int_equal(pin(VBH_PIN_DTR, VBH_DTR_IDTR, ~0ull, VBH_RULE_DENY), 0);
	assert_int_equal(pin(VBH_PIN_DTR, VBH_DTR_GDTR, ~0ull, VBH_RULE_DENY), 0);
	before = events();
	assert_int_equal(load_limit(0, VBH_DTR_IDTR, 0, 0), VBH_RESET);
	assert_int_equal(load_limit(0, VBH_DTR_IDTR, 0x5000, 2), VBH_RESET);
	assert_int_equal(events(), before);
	/* One of real mode's gates has room in 4 bytes, and it opens no way to another table. */
	assert_int_equal(load_limit(0, VBH_DTR_IDTR, 0, 3), VBH_FAULT);
	assert_int_equal(load_limit(0, VBH_DTR_IDTR, 0x5000, 0xfff), VBH_FAULT);
	assert_int_equal(load_limit(0, VBH_DTR_IDTR, idt, 0), VBH_ALLOW);
	assert_int_equal(load_limit(0, VBH_DTR_GDTR, gdt + 8, 0), VBH_FAULT);
	/* The trampoline loads one on each CPU that comes up. */
	core_cpu_reset(cpu(0));
	body_set(0, VBH_REG_IDTR_BASE, 0x7000);
	assert_int_equal(load_limit(0, VBH_DTR_IDTR, 0, 0), VBH_ALLOW);
}

/* What machine_real_restart() does, step by step, with whatever is pinned. */
static void ring_0_on_its_way_to_real_mode_resets_the_machine(void **state)
{
	u64 cr0 = body_get(0, VBH_REG_CR0), before;

	(void)state;
	body_ring(3);
	assert_int_equal(pin(VBH_PIN_DTR, VBH_DTR_GDTR, ~0ull, VBH_RULE_DENY), 0);
	assert_int_equal(pin(VBH_PIN_CR0, 0, PG, VBH_RULE_DENY), 0);
	assert_int_equal(pin(VBH_PIN_EFER, 0, MSR_EFER_NXE, VBH_RULE_DENY), 0);
	body_set(0, VBH_REG_CS_MODE, 4);
	before = events();
	assert_int_equal(load(0, VBH_DTR_GDTR, 0x9000), VBH_RESET);
	assert_one_event(before, VBH_KIND_DTR, VBH_ACTION_DENIED);
	assert_int_equal(write_cr(0, 0, cr0 & ~PG), VBH_RESET);
	body_set(0, VBH_REG_CR0, cr0 & ~PG);
	body_set(0, VBH_REG_EFER, 0x801);
	assert_int_equal(core_msr_write(cpu(0), MSR_EFER, 0x801, 0), VBH_RESET);
	assert_int_equal(body->panics, 0);
}

static void nobody_else_who_is_denied_resets_it(void **state)
{
	u64 cr0 = body_get(0, VBH_REG_CR0);

	(void)state;
	assert_int_equal(pin(VBH_PIN_CR0, 0, WP, VBH_RULE_DENY), 0);
	assert_int_equal(write_cr(0, 0, cr0 & ~WP), VBH_FAULT);
	body_set(0, VBH_REG_CS_MODE, 4);
	body_set(0, VBH_REG_CPL, 3);
	assert_int_equal(write_cr(0, 0, cr0 & ~WP), VBH_FAULT);
	body_set(0, VBH_REG_CPL, 0);
	/* A kernel of 32 bits has paging there, and handlers. */
	body_set(0, VBH_REG_EFER, 0);
	assert_int_equal(write_cr(0, 0, cr0 & ~WP), VBH_FAULT);
	body_set(0, VBH_REG_EFER, 0xd01);
	assert_int_equal(write_cr(0, 0, cr0 & ~WP), VBH_RESET);
	core_cpu_reset(cpu(0));
	assert_int_equal(write_cr(0, 0, cr0 & ~WP), VBH_FAULT);
}

static void under_rule_panic_too_and_under_log_it_goes_its_way(void **state)
{
	u64 cr0 = body_get(0, VBH_REG_CR0);

	(void)state;
	assert_int_equal(pin(VBH_PIN_CR0, 0, WP, VBH_RULE_LOG), 0);
	body_set(0, VBH_REG_CS_MODE, 4);
	assert_int_equal(write_cr(0, 0, cr0 & ~WP), VBH_ALLOW);
	body_set(0, VBH_REG_CR0, cr0);
	assert_int_equal(pin(VBH_PIN_CR0, 0, PG, VBH_RULE_PANIC), 0);
	assert_int_equal(write_cr(0, 0, cr0 & ~PG), VBH_RESET);
	assert_int_equal(body->panics, 0);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, body_setup, body_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_pinned_bit_can_not_be_cleared_and_others_can),
		T(a_bit_pinned_at_zero_can_not_be_set),
		T(a_pin_holds_on_every_cpu_with_its_own_value),
		T(the_value_is_the_one_at_the_time_of_the_call),
		T(a_write_that_races_with_the_pin_is_judged_by_it),
		T(rule_log_lets_it_happen_and_records_each_change_away),
		T(rule_panic_stops_the_machine),
		T(efer_is_pinned_by_its_own_type_and_recorded_as_an_msr),
		T(the_msrs_that_a_body_virtualises_can_not_be_pinned),
		T(bits_that_linux_moves_can_not_be_pinned),
		T(malformed_pins_are_refused),
		T(one_bad_pin_in_a_batch_leaves_none_in_force),
		T(only_so_many_msrs_can_be_pinned),
		T(a_second_pin_adds_bits_and_never_weakens_the_rule),
		T(descriptor_tables_stay_where_they_are),
		T(a_process_may_have_its_ldt),
		T(a_pin_made_under_a_process_with_an_ldt_is_no_weaker),
		T(under_log_a_descriptor_table_may_go_and_come_back),
		T(a_cpu_comes_up_through_init_and_is_pinned_again),
		T(a_pin_made_while_a_cpu_comes_up_binds_it_too),
		T(init_does_not_loosen_an_msr),
		T(random_writes_give_what_a_bit_by_bit_model_gives),
		T(an_idt_without_a_gate_resets_the_machine),
		T(ring_0_on_its_way_to_real_mode_resets_the_machine),
		T(nobody_else_who_is_denied_resets_it),
		T(under_rule_panic_too_and_under_log_it_goes_its_way),
	};

	return cmocka_run_group_tests_name("pin", tests, NULL, NULL);
}
