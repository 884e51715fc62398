// SPDX-License-Identifier: GPL-2.0-only
/* How things are printed: colour where it is wanted, JSON, names for values. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "printable.h"
#include "vbhctl.h"

static bool coloured;

/* On a terminal only, and not if the user does not want any (no-color.org). */
void colour_init(void)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	coloured = isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

const char *colour(enum colour c)
{
	static const char * const escapes[] = {
		[COLOUR_NONE] = "\033[0m",
		[COLOUR_BOLD] = "\033[1m",
		[COLOUR_RED] = "\033[31m",
		[COLOUR_GREEN] = "\033[32m",
		[COLOUR_YELLOW] = "\033[33m",
	};

	return coloured ? escapes[c] : "";
}

int print_json(json_t *json)
{
	int err;

	if (!json)
		return complain(EXIT_FAILED, "no JSON could be made of it: out of memory, or a text that is not UTF-8");
	err = json_dumpf(json, stdout, JSON_INDENT(2));
	json_decref(json);
	putchar('\n');
	return err ? EXIT_FAILED : EXIT_OK;
}

json_t *json_text(const char *text)
{
	char *copy = strdup(text);
	json_t *json = copy ? json_string(printable(copy)) : NULL;

	free(copy);
	return json;
}

json_t *json_hex(uint64_t value)
{
	return json_sprintf("0x%llx", (unsigned long long)value);
}

json_t *json_hex_bytes(const uint8_t *bytes, size_t n)
{
	char text[2 * 64 + 1] = "";

	for (size_t i = 0; i < n && i < 64; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return json_string(text);
}

json_t *json_name(enum vbh_names table, uint32_t value)
{
	const char *name = vbh_name(table, value);

	return name ? json_string(name) : json_integer(value);
}

const char *name_or_number(enum vbh_names table, uint32_t value, char *buf, size_t len)
{
	const char *name = vbh_name(table, value);

	if (name)
		return name;
	snprintf(buf, len, table == VBH_NAMES_MSR ? "0x%x" : "%u", value);
	return buf;
}

const char *plural(uint64_t n, const char *noun, char *buf, size_t len)
{
	snprintf(buf, len, "%llu %s%s", (unsigned long long)n, noun, n == 1 ? "" : "s");
	return buf;
}
