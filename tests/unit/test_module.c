// SPDX-License-Identifier: GPL-2.0-only
/* Modules after the seal: which are accepted, what that gives them, how they go. */
#include "module_world.h"

static int setup(void **state)
{
	int err = body_setup(state);

	if (err)
		return err;
	body_ring(20);
	world_make();
	world_module();
	module_make();
	module_list();
	world_seal();
	return 0;
}

/* The load is refused for this reason, once; the module goes again. */
static void refused(enum vbh_module_why why, u64 gva)
{
	u64 before = events();
	const struct vbh_event *ev;

	assert_int_equal(module_load(), -EACCES);
	ev = assert_one_event(before, VBH_KIND_MODULE, VBH_ACTION_DENIED);
	assert_int_equal(ev->detail, why);
	assert_string_equal(ev->module, "new");
	if (gva)
		assert_int_equal(ev->gla, gva);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	module_make();
}

static void a_listed_module_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(module_load(), 0);
	body_check_stage2();
	assert_int_equal(body->stage2[NEW_TEXT_GPA / 4096], VBH_R | VBH_X | VBH_XU);
	assert_int_equal(body->stage2[NEW_RO_GPA / 4096], VBH_R);
}

/* Any other byte, wherever it is, but in what is not compared. */
static void a_changed_byte_is_refused(void **state)
{
	u64 gva;
	u32 i;

	(void)state;
	for (i = 0; i < 0x3000; i += i < 0x140 || (i >= 0xff0 && i < 0x1130) ? 1 : 61) {
		gva = i < 0x2000 ? NEW + i : NEW_INIT + (i - 0x2000);
		*module_at(gva) ^= 0x08;	/* no call leads to another function by that */
		if (i >= N_ANY && i < N_ANY_END) {
			assert_int_equal(module_load(), 0);
			assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
		} else {
			assert_int_equal(module_load(), -EACCES);
			assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
		}
		module_make();
	}
	assert_int_equal(module_load(), 0);
}

static void a_changed_description_is_refused(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < described.len; i += i < 300 ? 1 : 29) {
		described.bytes[i] ^= 1;
		assert_true(module_load() < 0);
		assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
		module_make();
	}
	described.layout.exports = 0;
	assert_true(module_load() < 0);
}

static void a_description_that_ends_early_or_late_is_refused(void **state)
{
	(void)state;
	described.len -= 8;
	refused(VBH_MODULE_NOT_LISTED, 0);
	described.len += 8;
	refused(VBH_MODULE_NOT_LISTED, 0);
	assert_int_equal(module_begin(NEW_TAG), 0);
	assert_int_equal(module_call(VBH_MODULE_END, NEW_TAG, NULL, 0, 0), -EACCES);
}

/* The module's name, and the zeroes behind it, are hashed with the record before. */
static void check_hash(const struct vbh_event *ev)
{
	const struct vbh_event *before = record(ev->seq - 1);
	u8 hash[VBH_HASH_LEN];
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, before->hash, sizeof(before->hash));
	sha256_update(&s, ev, offsetof(struct vbh_event, hash));
	sha256_update(&s, ev->stack, sizeof(ev->stack));
	sha256_final(&s, hash);
	assert_memory_equal(hash, ev->hash, sizeof(hash));
}

static void the_reason_is_recorded(void **state)
{
	(void)state;
	*module_at(NEW + 3) ^= 1;
	refused(VBH_MODULE_NOT_LISTED, 0);
	*module_at(NEW + N_PC32) ^= 1;
	refused(VBH_MODULE_FIELD, NEW + N_PC32);
	*module_at(NEW + N_RETURN) = 0xe8;
	refused(VBH_MODULE_FIELD, NEW + N_RETURN);
	*module_at(NEW + N_CHOICE) = 0xfe;
	refused(VBH_MODULE_FIELD, NEW + N_CHOICE);
	insn_to(module_at(NEW + N_CALL), 0xe8, NEW + N_CALL, NEW + N_F + 1);
	refused(VBH_MODULE_SITE, NEW + N_CALL);
	*module_at(NEW + N_TRACED) = 0xcc;
	refused(VBH_MODULE_SITE, NEW + N_TRACED);
	*module_at(NEW_INIT + N_INIT_TRACED) = 0x90;
	refused(VBH_MODULE_SITE, NEW_INIT + N_INIT_TRACED);
	check_hash(last_event());
	described.bytes[0]++;
	refused(VBH_MODULE_SYMBOL, 0);
}

static void each_choice_is_taken(void **state)
{
	(void)state;
	insn_to(module_at(NEW + N_CHOICE), 0xe8, NEW + N_CHOICE, KTEXT + F1);
	assert_int_equal(module_load(), 0);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	module_make();
	memcpy(module_at(NEW + N_RETURN), ret5, 5);
	assert_int_equal(module_load(), 0);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	module_make();
	insn_to(module_at(NEW + N_CHOICE), 0xe8, NEW + N_CHOICE, KTEXT + F2);
	refused(VBH_MODULE_FIELD, NEW + N_CHOICE);
	insn_to(module_at(NEW + N_RETURN), 0xe9, NEW + N_RETURN, KTEXT + F2);
	refused(VBH_MODULE_FIELD, NEW + N_RETURN);
}

#define THUNKS		0xffffffffc0500000ull
#define THUNKS_GPA	0x148000ull

static s64 load_with_thunk(u32 tag, u32 rule)
{
	s64 ret = module_begin(NEW_TAG);

	assert_int_equal(module_pages(), 0);
	if (tag)
		assert_int_equal(add_region(THUNKS_GPA, 0x1000, VBH_R | VBH_X | VBH_XU, tag,
					    VBH_REGION_MODULE_TEXT, rule, 0), 0);
	ret = module_feed_all();
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	module_make();
	insn_to(module_at(NEW + N_CHOICE), 0xe8, NEW + N_CHOICE, THUNKS + 0x20);
	return ret;
}

static void a_thunk_must_be_one_and_be_protected(void **state)
{
	(void)state;
	body_map(AT_CR3, THUNKS, THUNKS_GPA);
	memcpy(body->mem + THUNKS_GPA + 0x20, "\x41\xff\xe1\xcc", 4);
	insn_to(module_at(NEW + N_CHOICE), 0xe8, NEW + N_CHOICE, THUNKS + 0x20);
	assert_int_equal(load_with_thunk(0, 0), -EACCES);
	assert_int_equal(load_with_thunk(NEW_TAG, VBH_RULE_LOG), -EACCES);
	assert_int_equal(load_with_thunk(NEW_TAG, VBH_RULE_DENY), 0);
	assert_int_equal(body->stage2[THUNKS_GPA / 4096], VBH_RWX);
	insn_to(module_at(NEW + N_CHOICE), 0xe8, NEW + N_CHOICE, THUNKS + 0x21);
	assert_int_equal(load_with_thunk(NEW_TAG, VBH_RULE_DENY), -EACCES);
	body->mem[THUNKS_GPA + 0x22] = 0xe2;
	assert_int_equal(load_with_thunk(NEW_TAG, VBH_RULE_DENY), -EACCES);
	body->mem[THUNKS_GPA + 0x22] = 0xe1;
	assert_int_equal(load_with_thunk(5, VBH_RULE_DENY), -EACCES);
}

/* Another CPU stores between any two steps of the check. */
static void what_is_compared_can_not_be_written(void **state)
{
	static const u64 at[] = { NEW + 5, NEW + N_PC32, NEW + N_TRACED, NEW_INIT + 7 };
	u32 i;

	(void)state;
	assert_int_equal(module_begin(NEW_TAG), 0);
	assert_int_equal(module_pages(), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(body->stage2[(module_at(at[i]) - body->mem) / 4096] & VBH_W, 0);
	body_map(AT_CR3, POKE, NEW_TEXT_GPA);
	for (i = 0; i < 4; i++) {
		struct vbh_access a = { .gpa = module_at(at[i]) - body->mem, .want = VBH_W };

		body_code("\x88\x07", 2);
		body_set(1, VBH_REG_RIP, AT_CODE);
		body_set(1, VBH_REG_RDI, a.gpa);
		body_set(1, VBH_REG_RAX, 0xcc);
		assert_int_equal(core_memory(&body->vcpu[1], &a), VBH_FAULT);
	}
	assert_int_equal(module_feed_all(), 0);
}

static bool kernel_may_call_it(void)
{
	u8 back[5];
	bool ok;

	insn_to(back, 0xe8, KTEXT + C1, KTEXT + F1);
	ok = patch_call(KTEXT + C1, NEW + N_F);
	assert_true(poke(0, KTEXT + C1, "\xcc", 1));
	assert_true(poke(0, KTEXT + C1 + 1, back + 1, 4));
	assert_true(poke(0, KTEXT + C1, back, 1));
	return ok;
}

static void nothing_in_it_counts_before_it_is_accepted(void **state)
{
	(void)state;
	assert_false(kernel_may_call_it());
	assert_int_equal(module_begin(NEW_TAG), 0);
	assert_int_equal(module_pages(), 0);
	assert_false(kernel_may_call_it());
	assert_int_equal(module_feed_all(), 0);
	assert_true(kernel_may_call_it());
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	assert_false(kernel_may_call_it());
}

/* There are more than are looked at in one call; before the last nothing counts. */
static void its_sites_are_looked_at_in_slices(void **state)
{
	struct vbh_access a = { .gpa = NEW_TEXT_GPA + N_JUMP, .want = VBH_W };
	const struct vbh_field nothing = { 0 };
	u32 done = 0, calls = 1;
	s64 ret;

	(void)state;
	assert_int_equal(module_begin(NEW_TAG), 0);
	assert_int_equal(module_pages(), 0);
	while (done < described.len) {
		u32 n = described.len - done < 4096 ? described.len - done : 4096;

		ret = module_call(VBH_MODULE_FEED, NEW_TAG, described.bytes + done, n, n);
		assert_true(ret > 0);
		done += ret;
	}
	while ((ret = module_call(VBH_MODULE_END, NEW_TAG, NULL, 0, 0)) == 1) {
		calls++;
		assert_int_equal(module_call(VBH_MODULE_FEED, NEW_TAG, &nothing, 8, 8), -EINVAL);
		assert_int_equal(module_pages(), -EINVAL);
		assert_false(kernel_may_call_it());
		body_code("\x88\x07", 2);
		body_set(0, VBH_REG_RDI, a.gpa);
		body_set(0, VBH_REG_RAX, 0xcc);
		assert_int_equal(core_memory(&body->vcpu[0], &a), VBH_FAULT);
	}
	assert_int_equal(ret, 0);
	assert_int_equal(calls, 2);
}

/* register_ftrace_direct() takes its trampolines; who says that it goes may lie. */
static void no_function_calls_into_a_module_that_goes(void **state)
{
	(void)state;
	assert_int_equal(module_load(), 0);
	assert_int_equal(module_repeat(VBH_MODULE_LIVE, NEW_TAG), 0);
	assert_true(patch_call(KTEXT + F1, NEW + N_F));
	assert_true(patch_call(KTEXT + F2, KTEXT + FC));
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	assert_memory_equal(text(KTEXT + F1), nop5, 5);
	assert_int_equal(*text(KTEXT + F2), 0xe8);
	assert_false(patch_call(KTEXT + F1, NEW + N_F));
}

static void its_patch_sites_work(void **state)
{
	struct vbh_access a = { .gpa = NEW_TEXT_GPA + N_JUMP, .want = VBH_W };

	(void)state;
	assert_int_equal(module_load(), 0);
	body_code("\x88\x07", 2);
	body_set(0, VBH_REG_RDI, a.gpa);
	body_set(0, VBH_REG_RAX, 0xcc);
	assert_int_equal(core_memory(&body->vcpu[0], &a), VBH_DONE);
	body_set(0, VBH_REG_RIP, AT_CODE);
	body_set(0, VBH_REG_RAX, 0x0f);
	assert_int_equal(core_memory(&body->vcpu[0], &a), VBH_DONE);
	body_set(0, VBH_REG_RIP, AT_CODE);
	body_set(0, VBH_REG_RAX, 0xe9);
	assert_int_equal(core_memory(&body->vcpu[0], &a), VBH_FAULT);
}

/* Traced while it loads: its calls are counted, and no more than they are. */
static void a_traced_module_uses_its_trampolines(void **state)
{
	const struct vec *tramps = &body->guest.patch.tramps;

	(void)state;
	make_trampoline(TRAMP, TRAMP_GPA, false, KTEXT + F1);
	insn_to(module_at(NEW + N_TRACED), 0xe8, NEW + N_TRACED, TRAMP);
	insn_to(module_at(NEW + N_MANY), 0xe8, NEW + N_MANY, TRAMP);
	insn_to(module_at(NEW_INIT + N_INIT_TRACED), 0xe8, NEW_INIT + N_INIT_TRACED, TRAMP);
	assert_int_equal(module_load(), 0);
	assert_int_equal(tramps->nr, 1);
	assert_int_equal(((struct patch_tramp *)vec_at(tramps, 0))->users, 3);
	assert_int_equal(call(VBH_HC_NOTES, VBH_NOTES_RECORD, 0, 0), 0);
	assert_int_equal(module_repeat(VBH_MODULE_LIVE, NEW_TAG), 0);
	assert_int_equal(((struct patch_tramp *)vec_at(tramps, 0))->users, 2);
	assert_int_equal(last_event()->kind, VBH_KIND_TEXT);
	assert_int_equal(last_event()->gla, NEW);
	assert_true(last_event()->new_value && !last_event()->old_value);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	assert_int_equal(tramps->nr, 0);
	assert_int_equal(last_event()->kind, VBH_KIND_TEXT);
	assert_true(last_event()->old_value && !last_event()->new_value);

	/* One that is refused has never counted. */
	module_make();
	assert_true(patch_call(KTEXT + F1, TRAMP));
	insn_to(module_at(NEW + N_TRACED), 0xe8, NEW + N_TRACED, TRAMP);
	*module_at(NEW + 1) ^= 1;
	assert_int_equal(module_load(), -EACCES);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	assert_int_equal(((struct patch_tramp *)vec_at(tramps, 0))->users, 1);
}

static void text_is_cleared_before_it_goes(void **state)
{
	u32 i, sites = patch_sites(&body->guest.patch);
	u64 value;

	(void)state;
	assert_int_equal(module_load(), 0);
	assert_true(symbol_find(&body->guest.known, vbh_symbol_hash("new_f"), &value));
	assert_int_equal(value, NEW + N_F);
	assert_int_equal(module_repeat(VBH_MODULE_LIVE, NEW_TAG), 0);
	for (i = 0; i < 0x1000; i++)
		assert_int_equal(*module_at(NEW_INIT + i), 0);
	assert_int_equal(body->stage2[NEW_INIT_GPA / 4096], VBH_RWX);
	assert_int_equal(body->stage2[NEW_TEXT_GPA / 4096], VBH_R | VBH_X | VBH_XU);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	for (i = 0; i < 0x1000; i++)
		assert_int_equal(*module_at(NEW + i), 0);
	assert_int_not_equal(*module_at(NEW + 0x1000), 0);
	body_check_stage2();
	assert_int_equal(body->stage2[NEW_TEXT_GPA / 4096], VBH_RWX);
	assert_int_equal(body->stage2[NEW_RO_GPA / 4096], VBH_RWX);
	assert_int_equal(patch_sites(&body->guest.patch), sites);
	assert_false(symbol_find(&body->guest.known, vbh_symbol_hash("new_f"), &value));
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), -ENOENT);

	module_make();
	assert_int_equal(module_load(), 0);
}

/* What the guest protects besides with the module's tag goes with it, and keeps its bytes. */
static void what_it_protects_later_goes_with_it(void **state)
{
	(void)state;
	assert_int_equal(module_load(), 0);
	assert_int_equal(add_region(KTEXT_GPA, 0x1000, VBH_R | VBH_X | VBH_XU, NEW_TAG,
				    VBH_REGION_MODULE_TEXT, VBH_RULE_DENY, 0), 0);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	assert_int_equal(*text(KTEXT), 0x50);
	body_check_stage2();
	assert_int_equal(body->stage2[KTEXT_GPA / 4096] & VBH_W, 0);
}

static void pages_that_are_protected_are_not_taken(void **state)
{
	static const u64 taken[] = { KTEXT_GPA, MOD_GPA0, AT_HV, AT_RING };
	u32 i;

	(void)state;
	for (i = 0; i < 4; i++) {
		struct vbh_text t = { .gva = NEW, .gpa = taken[i], .len = 0x1000, .tag = NEW_TAG };

		assert_int_equal(module_begin(NEW_TAG), 0);
		assert_int_equal(module_call(VBH_MODULE_PAGES, NEW_TAG, &t, sizeof(t), 1), -EINVAL);
		assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
		body_check_stage2();
	}
}

/* The run t is refused for one field alone. */
#define NOT_A_RUN(field, value)						\
	do {								\
		struct vbh_text u = t;					\
		u.field = (value);					\
		assert_int_equal(module_call(VBH_MODULE_PAGES, NEW_TAG, &u, sizeof(u), 1), \
				 -EINVAL);				\
	} while (0)

static void a_malformed_run_is_not_taken(void **state)
{
	struct vbh_text t = { .gva = NEW, .gpa = NEW_TEXT_GPA, .len = 0x1000, .tag = NEW_TAG };

	(void)state;
	assert_int_equal(module_begin(NEW_TAG), 0);
	NOT_A_RUN(gva, NEW + 1);
	NOT_A_RUN(gva, NEW - 0x1000);
	NOT_A_RUN(gva, NEW + 0x2000);
	NOT_A_RUN(gva, KTEXT);
	NOT_A_RUN(gpa, NEW_TEXT_GPA + 1);
	NOT_A_RUN(gpa, BODY_MAX_GPA);
	NOT_A_RUN(gpa, ~0xfffull);
	NOT_A_RUN(len, 0);
	NOT_A_RUN(len, 0x2000);
	NOT_A_RUN(len, ~0xfffull);
	NOT_A_RUN(tag, NEW_TAG + 1);
	NOT_A_RUN(reserved, 1);
	assert_int_equal(module_call(VBH_MODULE_PAGES, NEW_TAG, &t, sizeof(t), 0), -EINVAL);
	assert_int_equal(module_call(VBH_MODULE_PAGES, NEW_TAG, &t, sizeof(t), VBH_MAX_TEXTS + 1),
			 -EINVAL);
	assert_int_equal(module_call(VBH_MODULE_PAGES, NEW_TAG, &t, sizeof(t), 1), 0);
	NOT_A_RUN(reserved, 0);	/* is there already */
}

/* The module m is refused for one field alone. */
#define NOT_A_MODULE(field, value)					\
	do {								\
		struct vbh_module n = m;				\
		n.field = (value);					\
		assert_int_equal(module_call(VBH_MODULE_BEGIN, NEW_TAG, &n, sizeof(n), \
					     sizeof(n)), -EINVAL);	\
	} while (0)

static void a_malformed_module_is_not_taken(void **state)
{
	struct vbh_module m = {
		.size = sizeof(m), .tag = NEW_TAG, .part = { NEW, NEW + 0x1000, NEW_INIT },
		.layout = described.layout, .rule = VBH_RULE_DENY,
	};

	(void)state;
	NOT_A_MODULE(size, 0);
	NOT_A_MODULE(tag, NEW_TAG + 1);
	NOT_A_MODULE(tag, 9);
	NOT_A_MODULE(part[VBH_PART_TEXT], NEW + 8);
	NOT_A_MODULE(part[VBH_PART_TEXT], 0x1000);
	NOT_A_MODULE(part[VBH_PART_INIT_TEXT], 0);
	NOT_A_MODULE(part[VBH_PART_INIT_TEXT], NEW + 0x1000);
	NOT_A_MODULE(part[VBH_PART_TEXT], KTEXT);
	NOT_A_MODULE(part[VBH_PART_TEXT], KTEXT + KTEXT_LEN - 0x1000);
	NOT_A_MODULE(part[VBH_PART_INIT_TEXT], MOD + 0x1000);
	NOT_A_MODULE(part[VBH_PART_RODATA], NEW);
	NOT_A_MODULE(part[VBH_PART_RODATA], 0x1000);
	NOT_A_MODULE(part[VBH_PART_RODATA], KTEXT);
	NOT_A_MODULE(layout.len[VBH_PART_TEXT], 0x800);
	NOT_A_MODULE(layout.len[VBH_PART_TEXT], 0x3000);
	NOT_A_MODULE(layout.len[VBH_PART_RODATA], 0x80000000u);
	NOT_A_MODULE(layout.len[VBH_PART_INIT_RODATA], 0xfffff000u);
	m.layout.len[VBH_PART_INIT_TEXT] = 0x2000;
	NOT_A_MODULE(part[VBH_PART_INIT_TEXT], ~0xfffull);
	m.layout = described.layout;
	NOT_A_MODULE(rule, VBH_RULE_LOG);
	NOT_A_MODULE(rule, 4);
	NOT_A_MODULE(reserved, 1);
	NOT_A_MODULE(name[VBH_MODULE_NAME - 1], 'x');
	assert_int_equal(module_call(VBH_MODULE_BEGIN, 0, &m, sizeof(m), sizeof(m)), -EINVAL);
	assert_int_equal(module_call(VBH_MODULE_BEGIN, NEW_TAG, &m, sizeof(m), 8), -EINVAL);
	assert_int_equal(module_call(VBH_NR_MODULE_OPS, NEW_TAG, NULL, 0, 0), -EINVAL);
	assert_int_equal(module_call(VBH_MODULE_BEGIN, NEW_TAG, &m, sizeof(m), sizeof(m)), 0);
}

/* As Linux has them since 6.4: each part where there was room. */
static void its_constants_may_lie_elsewhere(void **state)
{
	(void)state;
	new_rodata = NEW - 0x40000;
	assert_int_equal(module_load(), 0);
	assert_int_equal(module_repeat(VBH_MODULE_LIVE, NEW_TAG), 0);
	assert_true(region_denies(&body->guest.regions, NEW_RO_GPA, VBH_W) != NULL);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	assert_null(region_denies(&body->guest.regions, NEW_RO_GPA, VBH_W));
	assert_int_equal(*module_at(NEW + N_TRACED), 0);
}

/* What leads to its data leads where that is said to be. */
static void constants_that_lead_elsewhere_are_refused(void **state)
{
	(void)state;
	*module_at(NEW + N_ABS64) ^= 1;
	new_rodata = NEW - 0x40000;
	assert_int_equal(module_load(), -EACCES);
}

/* A site in no page of the module's: it would be taken for the kernel's own. */
static void a_site_outside_of_its_pages_is_refused(void **state)
{
	struct vbh_layout layout = { .len = { 0x1000 } };
	struct vbh_field f = { .kind_skip = VBH_FIELD_JUMP5 << 12, .base = VBH_BASE_PART };
	u32 sites = patch_sites(&body->guest.patch);

	(void)state;
	described.layout = layout;
	assert_int_equal(module_begin(NEW_TAG), 0);
	assert_int_equal(module_call(VBH_MODULE_FEED, NEW_TAG, &f, sizeof(f), sizeof(f)), -EACCES);
	assert_int_equal(patch_sites(&body->guest.patch), sites);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	assert_int_equal(patch_sites(&body->guest.patch), sites);
}

/* Addresses that another module has been accepted with are no other's, until they go. */
static void an_accepted_module_is_not_accepted_twice(void **state)
{
	struct vbh_module next = {
		.size = sizeof(next), .tag = NEW_TAG + 1, .rule = VBH_RULE_DENY,
		.part = { 0, NEW + 0x100000, NEW_INIT },
		.layout = { .len = { 0, 0x1000, 0x1000 } },
	};

	(void)state;
	assert_int_equal(module_load(), 0);
	assert_int_equal(module_begin(NEW_TAG + 1), -EINVAL);
	assert_int_equal(module_call(VBH_MODULE_BEGIN, next.tag, &next, sizeof(next),
				     sizeof(next)), -EINVAL);
	assert_int_equal(module_repeat(VBH_MODULE_LIVE, NEW_TAG), 0);
	assert_int_equal(module_begin(NEW_TAG + 1), -EINVAL);
	assert_int_equal(module_call(VBH_MODULE_BEGIN, next.tag, &next, sizeof(next),
				     sizeof(next)), 0);
}

static void a_tag_is_of_one_thing(void **state)
{
	(void)state;
	assert_int_equal(module_begin(MOD_TAG), -EINVAL);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, MOD_TAG), -EINVAL);
	assert_int_equal(module_repeat(VBH_MODULE_LIVE, MOD_TAG), -EINVAL);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), -ENOENT);
	assert_int_equal(module_repeat(VBH_MODULE_LIVE, NEW_TAG), -ENOENT);
	body->guest.state = VBH_STATE_OPEN;
	assert_int_equal(add_region(NEW_TEXT_GPA, 0x1000, VBH_R, NEW_TAG, VBH_REGION_OTHER,
				    VBH_RULE_DENY, 0), -EINVAL);
	assert_int_equal(hand_over_text(KTEXT + KTEXT_LEN, KTEXT_GPA, 0x1000, NEW_TAG), -EINVAL);
	body->guest.state = VBH_STATE_SEALED;
	assert_int_equal(module_load(), 0);
	assert_int_equal(module_begin(NEW_TAG), -EEXIST);
}

static void one_is_checked_at_a_time(void **state)
{
	const struct vbh_module other = {
		.size = sizeof(other), .tag = NEW_TAG + 1, .part = { NEW + 0x100000 },
		.layout = { .len = { 0x1000 } }, .rule = VBH_RULE_DENY,
	};

	(void)state;
	assert_int_equal(module_begin(NEW_TAG), 0);
	assert_int_equal(module_pages(), 0);
	assert_int_equal(module_call(VBH_MODULE_BEGIN, other.tag, &other, sizeof(other),
				     sizeof(other)), 0);
	assert_int_equal(module_feed_all(), -EINVAL);
	assert_int_equal(module_call(VBH_MODULE_LIVE, NEW_TAG, NULL, 0, 0), -EINVAL);
	assert_false(kernel_may_call_it());
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG + 1), 0);
	module_make();
	assert_int_equal(module_load(), 0);
}

static void each_call_has_its_time(void **state)
{
	u64 before = events();

	(void)state;
	memcpy(body->mem + AT_REQUEST, described.digest, VBH_HASH_LEN);
	assert_int_equal(call(VBH_HC_CATALOGUE, AT_REQUEST, 1, 0), -EPERM);
	assert_one_event(before, VBH_KIND_HYPERCALL, VBH_ACTION_DENIED);
	assert_int_equal(call(VBH_HC_SYMBOLS, AT_REQUEST, 1, 0), -EPERM);
	body->guest.state = VBH_STATE_OPEN;
	assert_int_equal(module_begin(NEW_TAG), -EPERM);
}

static void catalogue_and_symbols_ascend(void **state)
{
	struct vbh_symbol s[2] = { { .hash = 2, .value = 1 }, { .hash = 1, .value = 2 } };
	u64 value;

	(void)state;
	body->guest.state = VBH_STATE_OPEN;
	memcpy(body->mem + AT_REQUEST, s, sizeof(s));
	assert_int_equal(call(VBH_HC_SYMBOLS, AT_REQUEST, 2, 0), -EINVAL);
	assert_false(symbol_find(&body->guest.known, 1, &value));
	assert_int_equal(call(VBH_HC_SYMBOLS, AT_REQUEST, 0, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_SYMBOLS, AT_REQUEST, VBH_MAX_BATCH + 1, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_CATALOGUE, AT_REQUEST, VBH_MAX_DIGESTS + 1, 0), -EINVAL);
	assert_int_equal(call(VBH_HC_SYMBOLS, ~0xfffull, 1, 0), -EFAULT);
	s[0].hash = 1 | 5ull << 32;
	memcpy(body->mem + AT_REQUEST, s, sizeof(s));
	assert_int_equal(call(VBH_HC_SYMBOLS, AT_REQUEST, 2, 0), 0);
	assert_true(symbol_find(&body->guest.known, 1, &value));
	assert_int_equal(value, 2);
	assert_true(symbol_find(&body->guest.known, 1 | 5ull << 32, &value));
	assert_int_equal(value, 1);
	assert_false(symbol_find(&body->guest.known, 1 | 6ull << 32, &value));
}

static void without_memory_it_is_an_error(void **state)
{
	(void)state;
	body->max_pages = body->nr_pages;
	assert_int_equal(module_load(), -ENOSPC);
	body->max_pages = BODY_ALLOC;
	module_repeat(VBH_MODULE_GONE, NEW_TAG);
	body->fail_update = body->updates + 2;
	assert_int_equal(module_load(), -ENOSPC);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	body_check_stage2();
	module_make();
	assert_int_equal(module_load(), 0);
}

/* One page more is one too many while the sites of a changed module are taken in. */
static void what_has_no_room_is_not_passed_over(void **state)
{
	struct vec *v = &body->guest.patch.mcount;
	u32 done = 0, n = 32, high = 0xd0000000;
	s64 ret = 0;
	u64 i;

	(void)state;
	for (i = N_MANY; i < N_MANY_END; i += 8)
		memcpy(module_at(NEW + i), "\xe8\x41\x41\x41\x00", 5);
	assert_int_equal(module_begin(NEW_TAG), 0);
	assert_int_equal(module_pages(), 0);
	for (; v->nr < 4096 / sizeof(u32) - 1; high += 8)
		vec_merge(v, &high, 1);
	while (done < described.len && ret >= 0) {
		ret = module_call(VBH_MODULE_FEED, NEW_TAG, described.bytes + done, n, n);
		if (!done)
			body->max_pages = body->nr_pages;
		done += ret;
		n = ret ? 8 : n + 8;
	}
	assert_int_equal(ret, -ENOSPC);
	body->max_pages = BODY_ALLOC;
	done -= ret;
	assert_int_equal(module_call(VBH_MODULE_FEED, NEW_TAG, described.bytes + done, n, n),
			 -EINVAL);
	assert_int_equal(module_call(VBH_MODULE_END, NEW_TAG, NULL, 0, 0), -EINVAL);
}

static void there_is_room_for_many(void **state)
{
	struct vbh_module ask = { .size = sizeof(ask), .rule = VBH_RULE_DENY };
	u32 i;

	(void)state;
	for (i = 100; i < 500; i++) {
		ask.tag = VBH_TAG_MODULE | i;
		assert_int_equal(module_call(VBH_MODULE_BEGIN, ask.tag, &ask, sizeof(ask),
					     sizeof(ask)), 0);
	}
	for (i = 100; i < 500; i++)
		assert_int_equal(module_repeat(VBH_MODULE_GONE, VBH_TAG_MODULE | i), 0);
	assert_int_equal(module_load(), 0);
}

/* And nothing but its text. */
static void text_is_cleared_whatever_else_has_its_tag(void **state)
{
	u8 *beside = body->mem + NEW_TEXT_GPA + 4096;

	(void)state;
	*beside = 0x5a;
	assert_int_equal(module_load(), 0);
	assert_int_equal(add_region(NEW_TEXT_GPA, 2 * 4096, VBH_R | VBH_X | VBH_XU, NEW_TAG,
				    VBH_REGION_MODULE_TEXT, VBH_RULE_DENY, 0), 0);
	assert_int_equal(add_region(NEW_TEXT_GPA, 4096, VBH_R | VBH_X | VBH_XU, NEW_TAG,
				    VBH_REGION_OTHER, VBH_RULE_DENY, 0), 0);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	assert_int_equal(body->stage2[NEW_TEXT_GPA / 4096], VBH_RWX);
	assert_int_equal(*module_at(NEW + N_TRACED), 0);
	assert_int_equal(*beside, 0x5a);
}

/* As after a restore: what is cleared needs no module that came before. */
static void it_goes_when_none_is_under_check(void **state)
{
	(void)state;
	assert_int_equal(module_load(), 0);
	body->guest.module.check.input = NULL;
	assert_int_equal(module_repeat(VBH_MODULE_LIVE, NEW_TAG), 0);
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	assert_int_equal(*module_at(NEW + N_TRACED), 0);
}

static void it_can_not_lie_where_a_trampoline_is(void **state)
{
	struct vbh_module ask = {
		.size = sizeof(ask), .tag = NEW_TAG, .part = { TRAMP }, .rule = VBH_RULE_DENY,
		.layout = { .len = { 4096 } },
	};
	const struct vbh_text t = {
		.gva = TRAMP, .gpa = NEW_TEXT_GPA, .len = 4096, .tag = NEW_TAG,
	};

	(void)state;
	make_trampoline(TRAMP, TRAMP_GPA, false, KTEXT + NOTRACE);
	assert_true(patch_call(KTEXT + F1, TRAMP));
	assert_int_equal(module_call(VBH_MODULE_BEGIN, NEW_TAG, &ask, sizeof(ask), sizeof(ask)), 0);
	assert_int_equal(module_call(VBH_MODULE_PAGES, NEW_TAG, &t, sizeof(t), 1), -EINVAL);
}

/* The last step has no room for what it exports: nothing of it stays. */
static void without_room_at_the_end_it_is_not_accepted(void **state)
{
	struct vec *v = &body->guest.known.symbols;
	struct symbol s = { .hash = 0xffffffff, .hash_high = 0xffffffff };
	u32 done = 0, n;
	s64 ret;

	(void)state;
	assert_int_equal(module_begin(NEW_TAG), 0);
	assert_int_equal(module_pages(), 0);
	for (; done < described.len; done += ret) {
		n = described.len - done > 600 ? 600 : described.len - done;
		ret = module_call(VBH_MODULE_FEED, NEW_TAG, described.bytes + done, n, n);
		assert_true(ret > 0);
	}
	while (v->nr < 256)
		vec_merge(v, &s, 1);
	body->max_pages = body->nr_pages;
	assert_int_equal(module_repeat(VBH_MODULE_END, NEW_TAG), -ENOSPC);
	body->max_pages = BODY_ALLOC;
	assert_int_equal(module_repeat(VBH_MODULE_GONE, NEW_TAG), 0);
	module_make();
	assert_int_equal(module_load(), 0);
}

/* A traced function that calls what goes with the init calls nothing from then on. */
static void a_direct_call_into_init_ends_with_it(void **state)
{
	u32 entry = (u32)(NEW_INIT + 0x200);
	struct vec *v = &body->guest.patch.entries;
	u8 bytes[5];

	(void)state;
	assert_int_equal(module_load(), 0);
	assert_int_equal(vec_grow(&body->guest, v, 1), 0);
	vec_merge(v, &entry, 1);
	assert_true(patch_call(KTEXT + F1, NEW_INIT + 0x200));
	assert_int_equal(module_repeat(VBH_MODULE_LIVE, NEW_TAG), 0);
	assert_int_equal(patch_read(&body->guest, KTEXT + F1, bytes, 5), 0);
	assert_memory_equal(bytes, nop5, 5);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, body_teardown)

int main(void)
{
	const struct CMUnitTest module[] = {
		TEST(a_listed_module_is_accepted),
		TEST(its_constants_may_lie_elsewhere),
		TEST(without_room_at_the_end_it_is_not_accepted),
		TEST(a_direct_call_into_init_ends_with_it),
		TEST(constants_that_lead_elsewhere_are_refused),
		TEST(a_changed_byte_is_refused),
		TEST(a_changed_description_is_refused),
		TEST(a_description_that_ends_early_or_late_is_refused),
		TEST(the_reason_is_recorded),
		TEST(each_choice_is_taken),
		TEST(a_thunk_must_be_one_and_be_protected),
		TEST(what_is_compared_can_not_be_written),
		TEST(nothing_in_it_counts_before_it_is_accepted),
		TEST(its_sites_are_looked_at_in_slices),
		TEST(no_function_calls_into_a_module_that_goes),
		TEST(its_patch_sites_work),
		TEST(a_traced_module_uses_its_trampolines),
		TEST(text_is_cleared_before_it_goes),
		TEST(what_it_protects_later_goes_with_it),
		TEST(pages_that_are_protected_are_not_taken),
		TEST(a_malformed_run_is_not_taken),
		TEST(a_malformed_module_is_not_taken),
		TEST(a_site_outside_of_its_pages_is_refused),
		TEST(an_accepted_module_is_not_accepted_twice),
		TEST(a_tag_is_of_one_thing),
		TEST(one_is_checked_at_a_time),
		TEST(each_call_has_its_time),
		TEST(catalogue_and_symbols_ascend),
		TEST(without_memory_it_is_an_error),
		TEST(what_has_no_room_is_not_passed_over),
		TEST(there_is_room_for_many),
		TEST(text_is_cleared_whatever_else_has_its_tag),
		TEST(it_goes_when_none_is_under_check),
		TEST(it_can_not_lie_where_a_trampoline_is),
	};

	return cmocka_run_group_tests(module, NULL, NULL);
}
