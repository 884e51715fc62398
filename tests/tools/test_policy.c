// SPDX-License-Identifier: GPL-2.0-only
/*
 * The policy file: what each setting means, and that each way to get it wrong
 * is refused with the right line, key and value, leaving the caller's policy
 * as it was.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <libvbh.h>

/* core_pins.c */
extern const unsigned long long core_pins[3];

static char path[] = "/tmp/vbh-policy-XXXXXX";
static char err[VBH_ERROR_MAX];
static struct vbh_policy policy;

static int setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static void write_bytes(const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static int load(const char *text)
{
	write_bytes(text, strlen(text));
	return vbh_policy_load(path, &policy, err, sizeof(err));
}

/* What is refused, at which line, and what the reason must say. */
static const struct bad {
	unsigned int line;	/* 0: none */
	const char *text;
	const char *says;
} bad_policies[] = {
	/* libconfig's own */
	{ 2, "\nring_records = ;", "syntax error" },
	{ 2, "ring_records = 64;\nring_records = 128;", "duplicate" },
	{ 3, "regions = {\nidt = \"deny\";\nidt = \"log\"; };", "duplicate" },
	{ 1, "cr0 = { bits = [ \"WP\", 3 ]; rule = \"deny\"; };", "mismatched element type" },
	/* unknown settings */
	{ 2, "\nring_record = 64;", "ring_record = 64: unknown setting" },
	{ 2, "regions = {\nkernel_txt = \"deny\"; };",
	  "regions.kernel_txt = \"deny\": unknown setting" },
	{ 1, "regions = { hypervisor = \"log\"; };", "regions.hypervisor = \"log\": unknown" },
	{ 1, "violations = { write = \"log\"; };", "violations.write = \"log\": unknown" },
	{ 1, "cr0 = { bits = [ \"WP\" ]; rule = \"deny\"; mask = 1; };",
	  "cr0.mask = 1: unknown" },
	{ 2, "msrs = ( {\nmsr = \"LSTAR\"; rule = \"deny\"; bits = true; } );",
	  "msrs.bits = true: unknown" },
	{ 1, "descriptor_tables = { cr3 = \"deny\"; };", "descriptor_tables.cr3" },
	/* wrong types */
	{ 1, "regions = \"deny\";", "regions = \"deny\": not a group" },
	{ 1, "regions = { idt = 1; };", "regions.idt = 1: not a string" },
	{ 1, "regions = { idt = { }; };", "regions.idt = a group { }: not a string" },
	{ 1, "record_patching = 1;", "record_patching = 1: neither true nor false" },
	{ 1, "ring_records = \"64\";", "ring_records = \"64\": not a whole number" },
	{ 1, "ring_records = 64.5;", "64.5: not a whole number" },
	{ 1, "ring_records = true;", "ring_records = true: not a whole number" },
	{ 1, "key_hash = 12;", "key_hash = 12: not a string" },
	{ 1, "patching = \"text_poke\";", "patching = \"text_poke\": not a group" },
	{ 1, "patching = { ftrace = true; };", "patching.ftrace = true: not a string" },
	{ 1, "cr0 = { bits = \"WP\"; rule = \"deny\"; };", "cr0.bits = \"WP\": not an array" },
	{ 1, "msrs = { };", "msrs = a group { }: not a list" },
	{ 1, "msrs = [ \"LSTAR\" ];", "msrs = an array [ ]: not a list" },
	{ 2, "msrs = (\n\"LSTAR\" );", "msrs = \"LSTAR\": not a group" },
	/* wrong values */
	{ 3, "regions = {\n\nidt = \"denied\"; };",
	  "regions.idt = \"denied\": unknown: it is one of log, deny or panic" },
	{ 1, "patching = { ftrace = \"yes\"; };",
	  "patching.ftrace = \"yes\": unknown: it is one of allow, until-seal, deny or listed" },
	{ 1, "patching = { ftrace = \"listed\"; };",
	  "patching.ftrace = \"listed\": only modules can be listed" },
	{ 1, "patching = { modules = \"listed\"; };",
	  "patching.modules = \"listed\": takes rules for regions.kernel_text" },
	{ 2, "patching = {\nmodules = \"listed\"; };\n"
	  "regions = { kernel_text = \"deny\"; module_text = \"deny\"; };",
	  "takes rules for regions.kernel_text, module_text and module_rodata" },
	{ 1, "patching = { alternatives = \"deny\"; };", "patching.alternatives = \"deny\": unknown" },
	{ 1, "patching = { kprobes = \"allow\"; };",
	  "patching.kprobes = \"allow\": can't be allowed after the seal" },
	{ 1, "cr4 = { bits = [ \"WP\" ]; rule = \"deny\"; };", "cr4.bits = \"WP\": unknown" },
	{ 1, "cr4 = { bits = [ \"smep\" ]; rule = \"deny\"; };", "\"smep\": unknown" },
	{ 2, "cr4 = { bits = [ \"SMEP\",\n\"SMEP\" ]; rule = \"deny\"; };",
	  "cr4.bits = \"SMEP\": named twice" },
	{ 1, "cr4 = { bits = [ ]; rule = \"deny\"; };", "names no bit" },
	{ 1, "cr4 = { bits = [ \"SMEP\" ]; };", "cr4 = a group { }: rule is missing" },
	{ 1, "efer = { rule = \"deny\"; };", "efer = a group { }: bits is missing" },
	{ 1, "ring_records = 0;", "ring_records = 0: out of range" },
	{ 1, "ring_records = 32;", "ring_records = 32: out of range" },
	{ 1, "ring_records = 65536;", "ring_records = 65536: out of range" },
	{ 1, "ring_records = 100;", "ring_records = 100: out of range: it is a power of two" },
	{ 1, "ring_records = -64;", "ring_records = -64: a negative number" },
	{ 1, "key_hash = \"12\";", "2 characters" },
	{ 1, "key_hash = \"zz23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\";",
	  "\"zz\" is not hexadecimal" },
	{ 1, "key_hash = \"0000000000000000000000000000000000000000000000000000000000000000\";",
	  "all zero" },
	{ 1, "msrs = ( { msr = \"LSTARR\"; rule = \"deny\"; } );", "msrs.msr = \"LSTARR\": unknown" },
	{ 1, "msrs = ( { rule = \"deny\"; } );", "msr is missing" },
	{ 1, "msrs = ( { msr = \"LSTAR\"; } );", "rule is missing" },
	{ 1, "msrs = ( { msr = \"LSTAR\"; mask = 0; rule = \"deny\"; } );", "pins no bit" },
	{ 1, "msrs = ( { msr = -1; rule = \"deny\"; } );", "msrs.msr = -1: a negative" },
	{ 1, "msrs = ( { msr = 0x1c0000082L; rule = \"deny\"; } );", "has 32 bits" },
	{ 1, "cr4 = { bits = [ \"SMEP\", \"TSD\" ]; rule = \"deny\"; };",
	  "cr4.bits = \"TSD\": can't be pinned" },
	{ 1, "msrs = ( { msr = 0x830; rule = \"deny\"; } );", "msrs.msr = 0x830: can't be" },
	{ 1, "msrs = ( { msr = \"VM_HSAVE_PA\"; rule = \"deny\"; } );", "can't be pinned" },
	{ 1, "msrs = ( { msr = \"EFER\"; rule = \"deny\"; } );", "group efer" },
	{ 1, "msrs = ( { msr = 0xc0000080; rule = \"deny\"; } );",
	  "msrs.msr = 0xc0000080: EFER is pinned" },
	{ 2, "msrs = ( { msr = \"LSTAR\"; rule = \"deny\"; },\n{ msr = 0xc0000082; rule = \"log\"; } );",
	  "msrs.msr = 0xc0000082: pinned twice" },
	/* what libconfig would have misread */
	{ 2, "\nmsrs = ( { msr = 0x10000001b; rule = \"deny\"; } );",
	  "0x10000001b: a number this large needs an L" },
	{ 3, "/*\n*/\nring_records = 4294967360;", "4294967360: a number this large needs an L" },
	{ 1, "ring_records = 0x10000000000000040;", "more than 64 bits" },
	{ 1, "ring_records = 18446744073709551615L;", "in hexadecimal" },
	{ 2, "# one\n@include \"other.conf\"\n", "@include: a policy is one file" },
};

static void a_wrong_policy_is_refused_with_its_line(void **state)
{
	struct vbh_policy before;
	char where[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad_policies) / sizeof(bad_policies[0]); i++) {
		const struct bad *b = &bad_policies[i];

		memset(&policy, 0x5a, sizeof(policy));
		before = policy;
		snprintf(where, sizeof(where), "%s:%u: ", path, b->line);
		if (load(b->text) != -EINVAL || strncmp(err, where, strlen(where)) != 0 ||
		    !strstr(err, b->says))
			fail_msg("%s\ngave: %s\nnot: %s%s", b->text, err, where, b->says);
		assert_memory_equal(&policy, &before, sizeof(policy));
	}
}

static void a_file_that_can_not_be_read_is_refused(void **state)
{
	(void)state;
	assert_int_equal(vbh_policy_load("/nonexistent/policy", &policy, err, sizeof(err)),
			 -ENOENT);
	assert_string_equal(err, "/nonexistent/policy: can't be opened: No such file or directory");
	assert_int_equal(vbh_policy_load("/tmp", &policy, err, sizeof(err)), -EISDIR);
	assert_string_equal(err, "/tmp: can't be read: Is a directory");
	if (geteuid()) {
		write_bytes("", 0);
		assert_int_equal(chmod(path, 0), 0);
		assert_int_equal(vbh_policy_load(path, &policy, err, sizeof(err)), -EACCES);
		assert_int_equal(chmod(path, 0600), 0);
	}
}

static void a_file_that_is_no_text_is_refused(void **state)
{
	static const char nul[] = "ring_records = 64;\n\0regions = 1;";
	char *large = malloc(2 << 20);

	(void)state;
	write_bytes(nul, sizeof(nul));
	assert_int_equal(vbh_policy_load(path, &policy, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, ":2: a NUL byte"));
	assert_non_null(large);
	memset(large, '\n', 2 << 20);
	write_bytes(large, 2 << 20);
	free(large);
	assert_int_equal(vbh_policy_load(path, &policy, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "is larger than"));
}

static void a_short_error_buffer_is_not_overrun(void **state)
{
	char tiny[8];

	(void)state;
	write_bytes("what = 1;", 9);
	assert_int_equal(vbh_policy_load(path, &policy, tiny, sizeof(tiny)), -EINVAL);
	assert_int_equal(strlen(tiny), sizeof(tiny) - 1);
	assert_int_equal(vbh_policy_load(path, &policy, NULL, 0), -EINVAL);
}

/* Which kind of patching a policy allows that says nothing of it. */
static const __u8 patching_left_out[sizeof(policy.patching)] = {
	VBH_PATCHING_ALLOW, VBH_PATCHING_ALLOW, VBH_PATCHING_ALLOW, VBH_PATCHING_ALLOW,
	VBH_PATCHING_UNTIL_SEAL, VBH_PATCHING_UNTIL_SEAL, VBH_PATCHING_UNTIL_SEAL,
};

static void an_empty_policy_protects_nothing(void **state)
{
	struct vbh_policy none = { .size = sizeof(none) };

	(void)state;
	memcpy(none.patching, patching_left_out, sizeof(none.patching));
	assert_int_equal(load("# nothing\n"), 0);
	assert_memory_equal(&policy, &none, sizeof(none));
	assert_string_equal(err, "");
}

static void every_setting_reaches_its_field(void **state)
{
	(void)state;
	assert_int_equal(load(
		"ring_records = 64; record_patching = true; patching = { jump_labels = \"until-seal\"; bpf = \"deny\";\n"
		" static_calls = \"deny\"; ftrace = \"allow\"; kprobes = \"deny\";\n"
		" livepatch = \"allow\"; modules = \"listed\"; };\n"
		"key_hash = \"00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\";\n"
		"regions = { kernel_text = \"log\"; kernel_rodata = \"deny\"; idt = \"panic\";\n"
		" vdso = \"log\"; module_text = \"deny\"; module_rodata = \"panic\";\n"
		" trampoline = \"log\"; };\n"
		"violations = { hypervisor = \"panic\"; virt_insn = \"log\"; hypercall = \"log\";\n"
		" init = \"panic\"; key = \"panic\"; internal = \"panic\"; module = \"panic\"; };\n"
		"cr0 = { bits = [ \"WP\", \"PG\" ]; rule = \"panic\"; };\n"
		"cr4 = { bits = ( \"SMEP\" ); rule = \"log\"; };\n"
		"efer = { rule = \"deny\"; bits = [ \"NXE\" ]; };\n"
		"msrs = ( { msr = \"PAT\"; rule = \"log\"; },\n"
		" { rule = \"deny\"; mask = 0x8000000000000001L; msr = 0xc0010015; },\n"
		" { rule = \"deny\"; mask = 0xffffffff; msr = 416; } );\n"
		"descriptor_tables = { gdtr = \"log\"; idtr = \"deny\"; ldtr = \"panic\";\n"
		" tr = \"deny\"; };\n"), 0);
	assert_int_equal(policy.size, sizeof(policy));
	assert_int_equal(policy.ring_records, 64);
	assert_int_equal(policy.record_patching, 1);
	assert_memory_equal(policy.patching, ((__u8[9]){ 1, 0, 3, 0, 0, 3, 5 }), 9);
	assert_int_equal(policy.has_key, 1);
	assert_int_equal(policy.key_hash[10], 0xaa);
	assert_int_equal(policy.key_hash[31], 0xff);
	assert_memory_equal(policy.region_rule, ((__u8[16]){ 0, 0, 0, 0, 1, 2, 3, 1, 2, 3, 1 }), 16);
	assert_memory_equal(policy.kind_rule,
			    ((__u8[16]){ 0, 0, 0, 0, 3, 0, 0, 0, 1, 1, 3, 3, 3, 3 }), 16);
	assert_memory_equal(policy.dtr_rule, ((__u8[4]){ 1, 2, 3, 2 }), 4);
	assert_int_equal(policy.cr0_mask, 1ull << 16 | 1ull << 31);
	assert_int_equal(policy.cr0_rule, VBH_RULE_PANIC);
	assert_int_equal(policy.cr4_mask, 1ull << 20);
	assert_int_equal(policy.cr4_rule, VBH_RULE_LOG);
	assert_int_equal(policy.efer_mask, 1ull << 11);
	assert_int_equal(policy.efer_rule, VBH_RULE_DENY);
	assert_int_equal(policy.nr_msrs, 3);
	assert_int_equal(policy.msr[0].msr, 0x277);
	assert_true(policy.msr[0].mask == ~0ull);
	assert_int_equal(policy.msr[0].rule, VBH_RULE_LOG);
	assert_int_equal(policy.msr[1].msr, 0xc0010015);
	assert_true(policy.msr[1].mask == 0x8000000000000001ull);
	assert_int_equal(policy.msr[2].msr, 0x1a0);
	assert_true(policy.msr[2].mask == 0xffffffffull);
}

static void as_many_msrs_as_the_abi_has_room_for_and_no_more(void **state)
{
	char text[8192] = "msrs = (";
	size_t used = strlen(text);

	(void)state;
	for (unsigned int i = 0; i < VBH_MAX_MSR_PINS; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s\n{ msr = %u; rule = \"deny\"; }", i ? "," : "", 100 + i);
	snprintf(text + used, sizeof(text) - used, ");");
	assert_int_equal(load(text), 0);
	assert_int_equal(policy.nr_msrs, VBH_MAX_MSR_PINS);
	snprintf(text + used, sizeof(text) - used, ",\n{ msr = 999; rule = \"deny\"; });");
	assert_int_equal(load(text), -EINVAL);
	assert_non_null(strstr(err, ":66: msrs = a group { }: more than 64 MSRs"));
}

/* What looks like a number or an include is none inside comments, strings and names. */
static void comments_and_strings_are_not_scanned(void **state)
{
	(void)state;
	assert_int_equal(load("# 99999999999 @include\n// 99999999999\n/* 99999999999\n"
			      "@include \"x\" */ ring_records = 64; # \" 99999999999\n"
			      "patching = { bpf = \"de\" \"ny\"; };\n"), 0);
	assert_int_equal(load("a\n= \"\\\"99999999999\";"), -EINVAL);
	assert_non_null(strstr(err, "unknown setting"));
}

/* Bit by bit: a policy may name what the core takes, and nothing else. */
static void the_bits_that_can_be_pinned_are_the_cores(void **state)
{
	static const char * const groups[] = { "cr0", "cr4", "efer" };
	char text[128];

	(void)state;
	for (int g = 0; g < 3; g++) {
		size_t n;
		const struct vbh_name *names = vbh_names(VBH_NAMES_CR0 + g, &n);

		for (size_t i = 0; i < n; i++) {
			bool can = core_pins[g] & 1ull << names[i].value;

			snprintf(text, sizeof(text), "%s = { bits = [ \"%s\" ]; rule = \"deny\"; };",
				 groups[g], names[i].name);
			if (!load(text) != can)
				fail_msg("%s: the core says %d", text, can);
		}
	}
}

static void the_shipped_policy_denies_everything(void **state)
{
	(void)state;
	if (vbh_policy_load(SHIPPED_POLICY, &policy, err, sizeof(err)))
		fail_msg("%s", err);
	for (int i = VBH_REGION_KERNEL_TEXT; i < VBH_REGION_OTHER; i++)
		assert_int_equal(policy.region_rule[i], VBH_RULE_DENY);
	for (int i = 0; i < VBH_NR_DTR; i++)
		assert_int_equal(policy.dtr_rule[i], VBH_RULE_DENY);
	for (__u32 i = 0; i < policy.nr_msrs; i++)
		assert_int_equal(policy.msr[i].rule, VBH_RULE_DENY);
	assert_int_equal(policy.nr_msrs, 9);
	assert_true(policy.cr0_mask & 1ull << 16);
	assert_true((policy.cr4_mask & 7ull << 20) == 7ull << 20);
	assert_true(policy.efer_mask & 1ull << 11);
	assert_int_equal(policy.cr0_rule & policy.cr4_rule & policy.efer_rule, VBH_RULE_DENY);
	assert_memory_equal(policy.patching, patching_left_out, sizeof(policy.patching));
	assert_int_equal(policy.has_key, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_policy_is_refused_with_its_line),
		cmocka_unit_test(a_file_that_can_not_be_read_is_refused),
		cmocka_unit_test(a_file_that_is_no_text_is_refused),
		cmocka_unit_test(a_short_error_buffer_is_not_overrun),
		cmocka_unit_test(an_empty_policy_protects_nothing),
		cmocka_unit_test(every_setting_reaches_its_field),
		cmocka_unit_test(as_many_msrs_as_the_abi_has_room_for_and_no_more),
		cmocka_unit_test(comments_and_strings_are_not_scanned),
		cmocka_unit_test(the_bits_that_can_be_pinned_are_the_cores),
		cmocka_unit_test(the_shipped_policy_denies_everything),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
