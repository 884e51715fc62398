// SPDX-License-Identifier: GPL-2.0-only
/* See module_world.h. */
#include "module_world.h"

struct description described;

/* The file's bytes, which the description is made with. */
static u8 file[0x3000];
static u32 at;			/* of the next byte of the file that is to be described */
static struct sha256 sha;

static u8 *file_at(u64 gva)
{
	return gva >= NEW ? file + (gva - NEW) : file + 0x2000 + (gva - NEW_INIT);
}

u8 *module_at(u64 gva)
{
	if (gva - NEW < 0x1000)
		return body->mem + NEW_TEXT_GPA + (gva - NEW);
	if (gva - NEW < 0x2000)
		return body->mem + NEW_RO_GPA + (gva - NEW - 0x1000);
	return body->mem + NEW_INIT_GPA + (gva - NEW_INIT);
}

static void put(const void *data, u32 len)
{
	memcpy(described.bytes + described.len, data, len);
	described.len += len;
	sha256_update(&sha, data, len);
}

static void put_literal(u32 to)
{
	sha256_update(&sha, file + at, to - at);
	at = to;
}

/* At `to` in the file; choices follow it. */
static void field(u32 to, u32 kind, u16 base, s32 addend, u32 len, const void *choices,
		  u32 choices_len)
{
	struct vbh_field f = { .kind_skip = to - at };

	while (to - at > VBH_FIELD_SKIP_MAX) {
		f.kind_skip = VBH_FIELD_SKIP_MAX;
		put(&f, sizeof(f));
		put_literal(at + VBH_FIELD_SKIP_MAX);
		f.kind_skip = to - at;
	}
	f.kind_skip |= kind << 12;
	f.base = base;
	f.addend = addend;
	sha256_update(&sha, &f, sizeof(f));
	memcpy(described.bytes + described.len, &f, sizeof(f));
	described.len += sizeof(f);
	if (choices_len)
		put(choices, choices_len);
	put_literal(to);
	at = to + len;
}

#define F1_SYMBOL	(VBH_BASE_SYMBOL + 0)
#define THUNK_SYMBOL	(VBH_BASE_SYMBOL + 1)

static void describe_core(void)
{
	struct {
		struct vbh_choice call;
		u8 call_bytes[8];
		struct vbh_choice plain;
		u8 plain_bytes[8];
		struct vbh_choice its;
		u8 its_bytes[8];
	} choices = {
		{ .addend = -4, .base = F1_SYMBOL, .field = 1, .kind = VBH_FIELD_PC32 }, { 0xe8 },
		{ .field = VBH_CHOICE_PLAIN }, { 0xff, 0xd0, 0x0f, 0x1f, 0x00 },
		{ .addend = 9, .base = VBH_BASE_THUNK, .field = 1, .kind = VBH_FIELD_PC32 },
		{ 0xe8 },
	};
	u32 i;

	field(N_F, VBH_FIELD_ENTRY, 0, 0, 0, NULL, 0);
	field(N_TRACED, VBH_FIELD_MCOUNT, 0, 0, 5, NULL, 0);
	field(N_CALL, VBH_FIELD_CALL, 0, 0, 5, NULL, 0);
	field(N_PC32, VBH_FIELD_PC32, F1_SYMBOL, -4, 4, NULL, 0);
	field(N_JUMP, VBH_FIELD_JUMP5, VBH_BASE_PART + VBH_PART_TEXT, N_JUMP_TO, 5, NULL, 0);
	field(N_RETURN, VBH_FIELD_RETURN, THUNK_SYMBOL, 0, 5, NULL, 0);
	field(N_CHOICE, VBH_FIELD_CHOICE, 5, sizeof(choices), 5, &choices, sizeof(choices));
	field(N_JUMP2, VBH_FIELD_JUMP2, VBH_BASE_PART + VBH_PART_TEXT, N_JUMP_TO, 2, NULL, 0);
	field(N_TAIL, VBH_FIELD_TAIL6, 0, 0x84, 6, NULL, 0);
	for (i = N_MANY; i < N_MANY_END; i += 8)
		field(i, VBH_FIELD_MCOUNT, 0, 0, 5, NULL, 0);
	field(0x1000, VBH_FIELD_NONE, 0, 0, 0, NULL, 0);
	field(N_ABS64, VBH_FIELD_ABS64, VBH_BASE_PART + VBH_PART_TEXT, N_F, 8, NULL, 0);
	field(N_ABS32, VBH_FIELD_ABS32, VBH_BASE_PERCPU, 0x10, 4, NULL, 0);
	field(N_ANY, VBH_FIELD_ANY, 0, N_ANY_END - N_ANY, N_ANY_END - N_ANY, NULL, 0);
	field(0x2000, VBH_FIELD_NONE, 0, 0, 0, NULL, 0);
}

static void describe(void)
{
	const u64 hashes[] = { vbh_symbol_hash("f1"), vbh_symbol_hash("thunk") };
	const struct vbh_export export = {
		.hash = vbh_symbol_hash("new_f"), .base = VBH_BASE_PART + VBH_PART_TEXT, .addend = N_F,
	};

	memset(&described, 0, sizeof(described));
	described.layout = (struct vbh_layout){
		.len = { 0x1000, 0x1000, 0x1000, 0 },
		.symbols = 2, .exports = 1,
	};
	at = 0;
	sha256_init(&sha);
	sha256_update(&sha, &described.layout, sizeof(described.layout));
	put(hashes, sizeof(hashes));
	put(&export, sizeof(export));
	describe_core();
	field(0x2000 + N_INIT_TRACED, VBH_FIELD_MCOUNT, 0, 0, 5, NULL, 0);
	field(0x3000, VBH_FIELD_NONE, 0, 0, 0, NULL, 0);
	sha256_final(&sha, described.digest);
}

static void put_branch(u64 gva, u8 opcode, u64 to)
{
	insn_to(module_at(gva), opcode, gva, to);
}

/* What the loader writes. */
static void relocate(void)
{
	const u64 f = NEW + N_F;
	const u32 percpu = NEW_PERCPU + 0x10;
	s32 rel = (s32)(KTEXT + F1 - (NEW + N_TAIL + 6));
	u32 i;

	memcpy(module_at(NEW + N_TRACED), nop5, 5);
	put_branch(NEW + N_CALL, 0xe8, f);
	put_branch(NEW + N_PC32 - 1, 0xe8, KTEXT + F1);
	memcpy(module_at(NEW + N_JUMP), nop5, 5);
	put_branch(NEW + N_RETURN, 0xe9, KTEXT + THUNK);
	memcpy(module_at(NEW + N_CHOICE), "\xff\xd0\x0f\x1f\x00", 5);
	memcpy(module_at(NEW + N_JUMP2), nop2, 2);
	memcpy(module_at(NEW + N_TAIL), "\x0f\x84", 2);
	memcpy(module_at(NEW + N_TAIL + 2), &rel, 4);
	for (i = N_MANY; i < N_MANY_END; i += 8)
		memcpy(module_at(NEW + i), nop5, 5);
	memcpy(module_at(NEW + N_ABS64), &f, 8);
	memcpy(module_at(NEW + N_ABS32), &percpu, 4);
	memset(module_at(NEW + N_ANY), 0x77, N_ANY_END - N_ANY);
	memcpy(module_at(NEW_INIT + N_INIT_TRACED), nop5, 5);
}

u64 new_rodata;

void module_make(void)
{
	u32 i;

	new_rodata = NEW + 0x1000;
	for (i = 0; i < sizeof(file); i++)
		file[i] = 0x40 + i % 61;
	file[N_PC32 - 1] = 0xe8;
	describe();
	for (i = 0; i < 0x2000; i++)
		*module_at(NEW + i) = *file_at(NEW + i);
	for (i = 0; i < 0x1000; i++)
		*module_at(NEW_INIT + i) = *file_at(NEW_INIT + i);
	relocate();
}

void module_list(void)
{
	struct vbh_symbol s[2] = {
		{ vbh_symbol_hash("f1"), (s32)(KTEXT + F1), 0 },
		{ vbh_symbol_hash("thunk"), (s32)(KTEXT + THUNK), 0 },
	};
	struct vbh_symbol swap = s[0];

	if ((u32)s[0].hash > (u32)s[1].hash) {
		s[0] = s[1];
		s[1] = swap;
	}
	memcpy(body->mem + AT_REQUEST, s, sizeof(s));
	assert_int_equal(call(VBH_HC_SYMBOLS, AT_REQUEST, 2, 0), 0);
	memcpy(body->mem + AT_REQUEST, described.digest, VBH_HASH_LEN);
	assert_int_equal(call(VBH_HC_CATALOGUE, AT_REQUEST, 1, 0), 0);
}

s64 module_call(u32 op, u32 tag, const void *data, u32 len, u64 count)
{
	u64 args[4] = { op, tag, AT_REQUEST, count };

	if (len)
		memcpy(body->mem + AT_REQUEST, data, len);
	return core_hypercall(&body->vcpu[0], VBH_HC_MODULE, args);
}

s64 module_begin(u32 tag)
{
	struct vbh_module m = {
		.size = sizeof(m), .tag = tag, .percpu = NEW_PERCPU,
		.part = { NEW, new_rodata, NEW_INIT }, .layout = described.layout,
		.rule = VBH_RULE_DENY, .name = "new",
	};

	return module_call(VBH_MODULE_BEGIN, tag, &m, sizeof(m), sizeof(m));
}

s64 module_pages(void)
{
	const struct vbh_text runs[] = {
		{ .gva = NEW, .gpa = NEW_TEXT_GPA, .len = 0x1000, .tag = NEW_TAG },
		{ .gva = new_rodata, .gpa = NEW_RO_GPA, .len = 0x1000, .tag = NEW_TAG },
		{ .gva = NEW_INIT, .gpa = NEW_INIT_GPA, .len = 0x1000, .tag = NEW_TAG },
	};

	return module_call(VBH_MODULE_PAGES, NEW_TAG, runs, sizeof(runs), 3);
}

s64 module_feed_all(void)
{
	u32 done = 0;

	while (done < described.len) {
		u32 n = described.len - done;
		s64 ret;

		if (n > 600)
			n = 600;
		ret = module_call(VBH_MODULE_FEED, NEW_TAG, described.bytes + done, n, n);
		if (ret <= 0)
			return ret ? ret : -ENOENT;
		assert_in_range(ret, 1, n);
		done += ret;
	}
	return module_repeat(VBH_MODULE_END, NEW_TAG);
}

s64 module_repeat(u32 op, u32 tag)
{
	u32 i;

	for (i = 0; i < 1000; i++) {
		s64 ret = module_call(op, tag, NULL, 0, 0);

		if (ret <= 0)
			return ret;
	}
	fail_msg("call %u has no end", op);
	return 1;
}

s64 module_load(void)
{
	s64 ret = module_begin(NEW_TAG);

	if (!ret)
		ret = module_pages();
	return ret ? ret : module_feed_all();
}
