// SPDX-License-Identifier: GPL-2.0-only
/* Traces of vbhctl smc record: what is written is read, and nothing that is damaged. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "smc/trace.h"

static struct smc_error error;
static char *good;
static size_t good_len;

static const struct smc_change change = {
	.seq = 12, .time = 1700000000123456789, .duration = 5, .addr = 0xffffffff81000510,
	.physical = 0x1000510, .rip = 0xffffffff81000106, .cpu = 3, .writes = 3, .pid = 77,
	.kind = SMC_STATIC_KEY, .action = VBH_ACTION_NOTED, .len = 5, .complete = true,
	.old = { 0x0f, 0x1f, 0x44 }, .new = { 0xe9, 0x6b },
	.symbol = "victim+0x10", .object = "vmlinux", .key = "a_key", .before = "nop",
	.after = "jump", .writer = "memcpy+0x6", .origin = "me", .comm = "</script>",
	.chain = { "a+0x1", "b+0x2" }, .nr_chain = 2,
};

static int make(void **state)
{
	struct smc_module module = { .name = "m", .base = 0xffffffffc0000000, .size = 4096 };
	struct smc_system s = { .root = "", .release = "6.1.0-test", .text = 0xffffffff81000000,
				.etext = 0xffffffff82000000, .modules = &module, .nr_modules = 1 };
	struct smc_text text = { .system = &s };
	struct vbh_info info = { .realtime_ns = 1700000000000000000, .status.cpus = 4,
				 .status.state = VBH_STATE_OPEN };
	struct smc_events e = { .changes = 2, .events = 6 };
	FILE *f = open_memstream(&good, &good_len);

	(void)state;
	if (!smc_trace_put(f, smc_trace_header(&text, &info, "a command")) ||
	    !smc_trace_put(f, smc_trace_change(&change)) ||
	    !smc_trace_put(f, smc_trace_gap(7, 1, 1700000000200000000)) ||
	    !smc_trace_put(f, smc_trace_change(&change)) ||
	    !smc_trace_put(f, smc_trace_end(&e, 1700000001000000000)))
		return -1;
	return fclose(f);
}

static int drop(void **state)
{
	(void)state;
	free(good);
	return 0;
}

static int parse(const char *text, size_t len, struct smc_trace *t)
{
	FILE *f = fmemopen((void *)text, len, "r");
	int err;

	memset(t, 0, sizeof(*t));
	error.text[0] = '\0';
	err = smc_trace_parse(f, "t", t, &error);
	fclose(f);
	return err;
}

static void what_was_written_is_read(void **state)
{
	struct smc_trace t;

	(void)state;
	assert_int_equal(parse(good, good_len, &t), 0);
	assert_true(t.whole);
	assert_string_equal(t.release, "6.1.0-test");
	assert_string_equal(t.command, "a command");
	assert_int_equal(t.cpus, 4);
	assert_int_equal(t.nr_modules, 1);
	assert_int_equal(t.modules[0].base, 0xffffffffc0000000);
	assert_int_equal(t.nr_gaps, 1);
	assert_int_equal(t.gaps[0].patches, 7);
	assert_int_equal(t.gaps[0].before, 1);
	assert_int_equal(t.nr_changes, 2);
	assert_int_equal(t.changes[1].addr, change.addr);
	assert_int_equal(t.changes[1].time, change.time);
	assert_int_equal(t.changes[1].kind, SMC_STATIC_KEY);
	assert_int_equal(t.changes[1].pid, 77);
	assert_memory_equal(t.changes[1].old, change.old, 5);
	assert_memory_equal(t.changes[1].new, change.new, 5);
	assert_string_equal(t.changes[1].comm, "</script>");
	assert_int_equal(t.changes[1].nr_chain, 2);
	assert_string_equal(t.changes[1].chain[1], "b+0x2");
	/* equal texts are one */
	assert_ptr_equal(t.changes[0].symbol, t.changes[1].symbol);
	smc_trace_free(&t);
}

static void a_trace_that_is_cut_off_anywhere_is_not_whole(void **state)
{
	struct smc_trace t;

	(void)state;
	for (size_t len = 1; len < good_len; len++) {
		int err = parse(good, len, &t);

		assert_true(err < 0 || !t.whole);
		smc_trace_free(&t);
	}
}

static void refused(const char *from, const char *to, const char *why)
{
	char *at = strstr(good, from), *text;
	struct smc_trace t;

	assert_non_null(at);
	if (asprintf(&text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from)) < 0)
		fail();
	assert_true(parse(text, strlen(text), &t) < 0);
	if (!strstr(error.text, why))
		fail_msg("'%s' does not say '%s'", error.text, why);
	smc_trace_free(&t);
	free(text);
}

static void each_field_is_checked_and_the_bad_one_is_named(void **state)
{
	(void)state;
	refused("\"vbh_smc_trace\":1", "\"vbh_smc_trace\":2", "a trace of version 2");
	refused("\"vbh_smc_trace\":1", "\"other\":1", "no trace of vbhctl smc record");
	refused("\"etext\":\"0xffffffff82", "\"etext\":\"0xffffffff80", "t:1: its field 'etext'");
	refused("\"cpu\":3", "\"cpu\":-3", "t:2: its field 'cpu'");
	refused("\"cpu\":3", "\"cpu\":\"3\"", "'cpu'");
	refused("\"kind\":\"static-key\"", "\"kind\":\"nonsense\"", "'kind'");
	refused("\"action\":\"noted\"", "\"action\":\"eaten\"", "'action'");
	refused("\"old\":\"0f1f440000\"", "\"old\":\"0f1f4400\"", "'new'");
	refused("\"old\":\"0f1f440000\"", "\"old\":\"0f1f4400001\"", "'old'");
	refused("\"old\":\"0f1f440000\"", "\"old\":\"0f1f440000112233445566\"", "'old'");
	refused("\"old\":\"0f1f440000\"", "\"old\":\"0f1f44000g\"", "'old'");
	refused("\"address\":\"0x", "\"address\":\"0x1ffffffff", "'address'");
	refused("\"address\":\"0x", "\"address\":\"-", "'address'");
	refused("\"chain\":[\"a+0x1\"", "\"chain\":[1", "'chain'");
	refused("\"writes\":3", "\"writes\":0", "'writes'");
	refused("\"pid\":77", "\"pid\":99999999999", "'pid'");
	refused("\"record\":\"gap\"", "\"record\":\"hole\"", "t:3: its field 'record'");
	refused("\"patches\":7", "\"patches\":-7", "'patches'");
	refused("\"changes\":2", "\"changes\":3", "t:5: its field 'changes'");
	refused("{\"record\":\"gap\"", "{{\"record\":\"gap\"", "t:3: ");
	refused("{\"record\":\"gap\"", "[1]\n{\"record\":\"gap\"", "t:3: no record");
}

static void no_text_keeps_a_line_from_being_written(void **state)
{
	struct smc_change c = change;
	size_t len;
	char *line;
	FILE *f = open_memstream(&line, &len);

	(void)state;
	c.symbol = "cut\xe2\x82";
	c.comm = "\xff";
	c.chain[1] = "\033[2J";
	c.cpu = UINT32_MAX;
	c.writes = UINT32_MAX;
	assert_true(smc_trace_put(f, smc_trace_change(&c)));
	fclose(f);
	assert_non_null(strstr(line, "\"symbol\":\"cut??\""));
	assert_non_null(strstr(line, "\"a+0x1\",\"?[2J\""));
	assert_non_null(strstr(line, "\"cpu\":4294967295,"));
	assert_non_null(strstr(line, "\"writes\":4294967295,"));
	free(line);
}

static void other_files_are_no_traces(void **state)
{
	static const char zeroes[100];
	struct smc_trace t;

	(void)state;
	assert_true(parse("hello\n", 6, &t) < 0);
	assert_non_null(strstr(error.text, "no trace of vbhctl smc record"));
	smc_trace_free(&t);
	assert_true(parse(zeroes, sizeof(zeroes), &t) < 0);
	smc_trace_free(&t);
	assert_true(smc_trace_read("/nonexistent", &t, &error) < 0);
	smc_trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_trace_that_is_cut_off_anywhere_is_not_whole),
		cmocka_unit_test(each_field_is_checked_and_the_bad_one_is_named),
		cmocka_unit_test(no_text_keeps_a_line_from_being_written),
		cmocka_unit_test(other_files_are_no_traces),
	};

	return cmocka_run_group_tests_name("smc_trace", tests, make, drop);
}
