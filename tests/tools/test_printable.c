// SPDX-License-Identifier: GPL-2.0-only
/* What others named is printed, and none of it reaches a terminal as a command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "printable.h"

static void becomes(const char *text, const char *want)
{
	char buf[64];

	snprintf(buf, sizeof(buf), "%s", text);
	assert_string_equal(printable(buf), want);
}

static void text_stays_as_it_is(void **state)
{
	(void)state;
	becomes("", "");
	becomes("do_sys_openat2+0x12 [ext4] ~!", "do_sys_openat2+0x12 [ext4] ~!");
	becomes("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7 \xf4\x8f\xbf\xbf",
		"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7 \xf4\x8f\xbf\xbf");
}

static void no_control_character_is_left(void **state)
{
	char all[33] = "";

	(void)state;
	for (char c = 1; c < 32; c++)
		all[c - 1] = c;
	becomes(all, "???????????????????????????????");
	becomes("\033[2J\x7f", "?[2J?");
	/* CSI and NEL of C1, as UTF-8 */
	becomes("a\xc2\x9b" "2Jb\xc2\x85", "a?2Jb?");
	/* what turns the direction, or ends a line */
	becomes("a\xe2\x80\xae" "b\xe2\x81\xa6" "c\xe2\x80\xa8", "a?b?c?");
}

static void what_is_no_utf8_is_replaced_byte_by_byte(void **state)
{
	(void)state;
	becomes("caf\xe9", "caf?");
	becomes("\x9b" "2J", "?2J");
	/* cut off */
	becomes("\xe2\x82", "??");
	becomes("\xf0\x9f\x90" "a", "???a");
	/* longer than need be, a surrogate, too large, no first byte */
	becomes("\xc0\x9b\xe0\x80\x9b", "?????");
	becomes("\xed\xa0\x80", "???");
	becomes("\xf4\x90\x80\x80\xf8\xff", "??????");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_stays_as_it_is),
		cmocka_unit_test(no_control_character_is_left),
		cmocka_unit_test(what_is_no_utf8_is_replaced_byte_by_byte),
	};

	return cmocka_run_group_tests_name("printable", tests, NULL, NULL);
}
