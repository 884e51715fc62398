// SPDX-License-Identifier: GPL-2.0-only
/*
 * A trace as one page: the template (page.html, part of the program) with the
 * trace in it as JSON. Every text of the trace, for some are chosen by programs,
 * gets there as a JSON string without '<', and the page shows it as text only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "html.h"
#include "trace.h"
#include "vbhctl.h"

#define MARK	"/*TRACE*/"

extern const char smc_html_template[], smc_html_template_end[];
__asm__(".section .rodata\n"
	".globl smc_html_template, smc_html_template_end\n"
	"smc_html_template: .incbin \"" SMC_PAGE "\"\n"
	"smc_html_template_end: .byte 0\n"
	".previous\n");

/* JSON in a <script>: a '<' could end it, and is written as an escape. */
static int put_json(const char *buffer, size_t size, void *data)
{
	FILE *f = data;

	for (size_t i = 0; i < size; i++)
		if (buffer[i] == '<' ? fputs("\\u003c", f) < 0 : putc(buffer[i], f) == EOF)
			return -1;
	return 0;
}

static json_t *json_page_change(const struct smc_change *c)
{
	json_t *j = smc_trace_change(c);
	char code[512];

	smc_disassemble(c->addr, c->old, c->len, code, sizeof(code));
	json_object_set_new(j, "old_code", json_text(code));
	smc_disassemble(c->addr, c->new, c->len, code, sizeof(code));
	json_object_set_new(j, "new_code", json_text(code));
	return j;
}

static json_t *json_page(const struct smc_trace *t)
{
	json_t *modules = json_array(), *changes = json_array(), *gaps = json_array();

	for (size_t i = 0; i < t->nr_modules; i++)
		json_array_append_new(modules, json_pack("{s:s, s:o, s:I}", "name",
							 t->modules[i].name, "base",
							 json_hex(t->modules[i].base), "size",
							 (json_int_t)t->modules[i].size));
	for (size_t i = 0; i < t->nr_changes; i++)
		json_array_append_new(changes, json_page_change(&t->changes[i]));
	for (size_t i = 0; i < t->nr_gaps; i++)
		json_array_append_new(gaps, smc_trace_gap(t->gaps[i].patches, t->gaps[i].lost,
							  t->gaps[i].time));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:b, s:o, s:o, s:o}",
			 "release", t->release, "build_id", t->build_id, "command", t->command,
			 "state", t->state, "text", json_hex(t->text), "etext", json_hex(t->etext),
			 "kaslr", json_hex(t->kaslr), "cpus", (json_int_t)t->cpus, "started",
			 (json_int_t)t->started, "ended", (json_int_t)t->ended, "missing",
			 (json_int_t)t->missing, "whole", t->whole, "modules", modules, "changes",
			 changes, "gaps", gaps);
}

int smc_html(const struct smc_trace *t, const char *path)
{
	const char *mark = strstr(smc_html_template, MARK);
	json_t *page = json_page(t);
	struct stat st;
	FILE *f = page && mark ? smc_create(path) : NULL;
	bool ok;

	if (!f) {
		json_decref(page);
		return complain(EXIT_FAILED, "%s: %s", path, page ? strerror(errno) : "out of memory");
	}
	fwrite(smc_html_template, 1, (size_t)(mark - smc_html_template), f);
	ok = !json_dump_callback(page, put_json, f, JSON_COMPACT | JSON_ENSURE_ASCII);
	fputs(mark + strlen(MARK), f);
	ok = !ferror(f) && ok;
	ok = !fclose(f) && ok;
	json_decref(page);
	if (ok)
		return EXIT_OK;
	complain(EXIT_FAILED, "%s: %s", path, strerror(errno));
	/* A piece of a page looks like one. */
	if (!lstat(path, &st) && S_ISREG(st.st_mode))
		unlink(path);
	return EXIT_FAILED;
}
