// SPDX-License-Identifier: GPL-2.0-only
/*
 * smc diff: text in memory against text on disk. What the boot does is done to
 * the text from disk first; what jump labels and static calls should be, their
 * keys say; ftrace's sites and kprobes are judged where they differ. What is
 * left is looked at again, for the kernel may just be patching.
 */
#include <elf.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "smc.h"
#include "cmd.h"
#include "symbols.h"
#include "vbhctl.h"

#define TRIES		5
#define PAUSE_MS	20
#define GAP		8	/* equal bytes between two differences that are one */
#define SHOWN		16	/* bytes of one that are printed */
#define MAX_DIFFS	100000

struct diff {
	uint64_t addr;
	size_t len;		/* 0: the section can't be read */
	const char *section;
	const struct smc_object *object;
	uint8_t expected[SHOWN], found[SHOWN];
};

struct diffs {
	struct diff *d;
	size_t n, max;
	uint64_t bytes;		/* of text that were compared */
	size_t unread;		/* sections that could not be read */
};

static int put_diff(struct diffs *r, const struct diff *d)
{
	if (r->n == r->max) {
		size_t max = r->max ? 2 * r->max : 64;
		struct diff *p = max > MAX_DIFFS ? NULL : realloc(r->d, max * sizeof(*p));

		if (!p)
			return -ENOMEM;
		r->d = p;
		r->max = max;
	}
	r->d[r->n++] = *d;
	return 0;
}

/* How many bytes at addr, where memory differs, are explained; 0: none. */
static size_t explained(struct smc_text *t, uint64_t addr, const uint8_t *memory,
			const struct smc_section *s)
{
	const struct smc_site *site = smc_site_at(t, addr);
	const struct smc_kprobe *k = smc_kprobe_at(t, addr);
	uint64_t at = addr - s->addr, begin;
	struct symbol_info to;
	char words[512];

	if (site && site->addr >= s->addr && site->addr + site->len <= s->addr + s->size) {
		begin = site->addr - s->addr;
		if (smc_site_state(t, site, memory + begin, words, sizeof(words)) &&
		    site->kind == SMC_FTRACE)
			return site->len - (addr - site->addr);
	}
	if (!k || k->disabled || k->addr < s->addr)
		return 0;
	begin = k->addr - s->addr;
	if (!k->optimized)
		return memory[at] == 0xcc;
	if (begin + 5 > s->size || memory[begin] != 0xe9 ||
	    !symbol_info_at(smc_rel32_target(k->addr, memory + begin, 5), &to) ||
	    strcmp(to.module, "__builtin__kprobes") != 0)
		return 0;
	return 5 - (at - begin);
}

/* The first differing byte from i on, or the size. */
static size_t next_difference(const uint8_t *a, const uint8_t *b, size_t i, size_t size)
{
	while (i + 4096 <= size && !memcmp(a + i, b + i, 4096))
		i += 4096;
	while (i < size && a[i] == b[i])
		i++;
	return i;
}

static int compare(struct smc_text *t, const struct smc_object *o, const struct smc_section *s,
		   const uint8_t *memory, struct diffs *r)
{
	size_t i = 0, end, n;
	int err = 0;

	while (!err && (i = next_difference(s->data, memory, i, s->size)) < s->size) {
		struct diff d = { .addr = s->addr + i, .section = s->name, .object = o };

		n = explained(t, s->addr + i, memory, s);
		if (n) {
			i += n;
			continue;
		}
		for (end = i + 1; (n = next_difference(s->data, memory, end, s->size)) < s->size;) {
			if (n - end >= GAP || explained(t, s->addr + n, memory, s))
				break;
			end = n + 1;
		}
		d.len = end - i;
		memcpy(d.expected, s->data + i, d.len < SHOWN ? d.len : SHOWN);
		memcpy(d.found, memory + i, d.len < SHOWN ? d.len : SHOWN);
		err = put_diff(r, &d);
		i = end;
	}
	return err;
}

/* Sites whose key says what is due, written to what is expected. */
static void expect_due(struct smc_text *t)
{
	uint8_t bytes[8], *text;

	smc_forget(t->system);
	for (size_t i = 0; i < t->nr_sites; i++) {
		const struct smc_site *s = &t->sites[i];

		if (s->kind > SMC_BPF)
			continue;
		text = smc_expected(&t->objects[s->object], s->addr, s->len);
		memcpy(bytes, text, s->len);
		if (smc_site_due(t, s, bytes))
			memcpy(text, bytes, s->len);
	}
}

static bool is_text(const struct smc_object *o, const struct smc_section *s)
{
	if (!(s->flags & SHF_EXECINSTR) || !(s->flags & SHF_ALLOC) || !s->data || !s->size ||
	    !s->loaded)
		return false;
	return o->module ? strncmp(s->name, ".init", 5) != 0 : !strcmp(s->name, ".text");
}

#define PAGE	4096u

/* What follows a module's text on its last page was cleared, and is executable. */
static int compare_padding(struct smc_text *t, const struct smc_object *o,
			   const struct smc_section *s, struct diffs *r)
{
	uint64_t from = s->addr + s->size, to = (from + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	struct smc_section zeroes = { .name = "padding", .addr = from };
	static uint8_t none[PAGE], memory[PAGE];

	for (size_t i = 0; i < o->nr_sections; i++) {
		const struct smc_section *b = &o->sections[i];

		if (b->loaded && b->size && b->addr >= from && b->addr < to)
			to = b->addr;
	}
	if (to == from || !o->module || !smc_read(t->system, from, memory, to - from))
		return 0;
	zeroes.size = to - from;
	zeroes.data = none;
	return compare(t, o, &zeroes, memory, r);
}

static int compare_object(struct smc_text *t, const struct smc_object *o, struct diffs *r)
{
	int err = 0;

	for (size_t i = 0; !err && i < o->nr_sections; i++) {
		const struct smc_section *s = &o->sections[i];
		uint8_t *memory;

		if (!is_text(o, s))
			continue;
		memory = malloc(s->size);
		if (!memory)
			return -ENOMEM;
		if (!smc_read(t->system, s->addr, memory, s->size)) {
			err = put_diff(r, &(struct diff){ .addr = s->addr, .section = s->name,
							  .object = o });
		} else {
			r->bytes += s->size;
			err = compare(t, o, s, memory, r);
			if (!err)
				err = compare_padding(t, o, s, r);
		}
		free(memory);
	}
	return err;
}

static int compare_all(struct smc_text *t, struct diffs *r)
{
	int err = 0;

	for (int try = 0; try < TRIES; try++) {
		if (try)
			nanosleep(&(struct timespec){ .tv_nsec = PAUSE_MS * 1000000L }, NULL);
		if (try && !*t->system->root)
			smc_kprobes_read(t);
		r->n = 0;
		r->bytes = 0;
		expect_due(t);
		for (size_t i = 0; !err && i < t->nr_objects; i++)
			err = compare_object(t, &t->objects[i], r);
		if (err || !r->n)
			break;
	}
	return err;
}

static bool is_loaded(const struct smc_system *s, const struct smc_object *o)
{
	for (size_t i = 0; i < s->nr_modules; i++)
		if (s->modules[i].live && s->modules[i].base == o->base &&
		    !strcmp(s->modules[i].name, o->name))
			return true;
	return !o->module;
}

/*
 * What differs in a module that went meanwhile is no matter, nor is what could
 * not be read of it; what could not be read else is said.
 */
static int settle(struct smc_text *t, struct diffs *r)
{
	struct smc_error e = { "" };
	size_t kept = 0;

	if (r->n && smc_system_modules(t->system, &e))
		return complain(EXIT_FAILED, "%s", e.text);
	for (size_t i = 0; i < r->n; i++) {
		struct diff *d = &r->d[i];

		if (!is_loaded(t->system, d->object))
			continue;
		if (!d->len) {
			complain(0, "%s of %s can't be read", d->section, d->object->name);
			r->unread++;
			continue;
		}
		r->d[kept++] = *d;
	}
	r->n = kept;
	return EXIT_OK;
}

static void hex(const uint8_t *p, size_t len, char *buf)
{
	size_t n = len < SHOWN ? len : SHOWN;

	buf[0] = '\0';
	for (size_t i = 0; i < n; i++)
		sprintf(buf + 3 * i, "%02x ", p[i]);
	if (n)
		buf[3 * n - 1] = '\0';
	if (n && n < len)
		memcpy(buf + 3 * n - 1, "...", 4);
}

/* What is there to patch, and why that does not explain it; "" if nothing is. */
static void remark(struct smc_text *t, const struct diff *d, char *buf, size_t len)
{
	const struct smc_site *s = smc_site_at(t, d->addr);
	char key[256], words[512];
	size_t n;

	buf[0] = '\0';
	if (!s)
		s = smc_sites_in(t, d->addr, d->len, &n);
	if (!s)
		return;
	smc_site_key(t, s, key, sizeof(key));
	n = d->addr == s->addr && d->len <= s->len ? d->len : 0;
	if (n && s->kind == SMC_STATIC_KEY &&
	    smc_site_state(t, s, d->found, words, sizeof(words)))
		snprintf(buf, len, "%s at a site of key %s, against its value", words, key);
	else
		snprintf(buf, len, "at a site (%s%s%s) that may not hold this",
			 smc_kind_name((enum smc_kind)s->kind), *key ? " " : "", key);
}

/*
 * The whole instructions that a difference is in, before and after: found from
 * the beginning of the function, for it need not begin where one does.
 */
static void print_instructions(const struct diff *d)
{
	size_t n = d->len < SHOWN ? d->len : SHOWN, from, to;
	const uint8_t *bytes = NULL;
	uint64_t start = d->addr;
	struct symbol_info f;
	uint8_t found[64];
	char code[512];

	if (symbol_info_at(d->addr, &f) && d->addr + n <= f.end)
		bytes = smc_expected(d->object, f.addr, f.end - f.addr);
	from = bytes ? d->addr - f.addr : 0;
	to = from + n;
	if (bytes && smc_instructions(f.addr, bytes, f.end - f.addr, &from, &to) &&
	    to - from <= sizeof(found)) {
		start = f.addr + from;
		memcpy(found, bytes + from, to - from);
	} else {
		bytes = d->expected;
		from = 0;
		to = n;
	}
	smc_disassemble(start, bytes + from, to - from, code, sizeof(code));
	printf("%*s- %s\n", 17, "", code);
	memcpy(found + (d->addr - start), d->found, n);
	smc_disassemble(start, found, to - from, code, sizeof(code));
	printf("%*s+ %s\n", 17, "", code);
}

static void print_diff(struct smc_text *t, const struct diff *d, bool disasm)
{
	char where[256], a[64], b[64], note[1024];

	hex(d->expected, d->len, a);
	hex(d->found, d->len, b);
	remark(t, d, note, sizeof(note));
	printf("%016" PRIx64 " %-40s %5zu  %s -> %s%s%s\n", d->addr,
	       symbol_at(d->addr, where, sizeof(where)), d->len, a, b, *note ? "  " : "", note);
	if (disasm)
		print_instructions(d);
}

static json_t *json_diff(struct smc_text *t, const struct diff *d)
{
	size_t n = d->len < SHOWN ? d->len : SHOWN;
	char where[256], note[1024];

	remark(t, d, note, sizeof(note));
	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "address", json_hex(d->addr),
			 "symbol", json_text(symbol_at(d->addr, where, sizeof(where))),
			 "object", json_text(d->object->name), "section", json_text(d->section),
			 "length", (json_int_t)d->len, "expected", json_hex_bytes(d->expected, n),
			 "found", json_hex_bytes(d->found, n), "note", json_text(note));
}

static int print_all(struct smc_text *t, const struct diffs *r, bool disasm)
{
	json_t *list, *missing;

	if (opt_json) {
		list = json_array();
		missing = json_array();
		for (size_t i = 0; i < r->n; i++)
			json_array_append_new(list, json_diff(t, &r->d[i]));
		for (size_t i = 0; i < t->nr_missing; i++)
			json_array_append_new(missing, json_text(t->missing[i]));
		return print_json(json_pack("{s:s, s:s, s:I, s:I, s:o, s:o}", "release",
					    t->system->release, "read_by", "/proc/kcore",
					    "bytes", (json_int_t)r->bytes, "objects",
					    (json_int_t)t->nr_objects, "differences", list,
					    "not_compared", missing));
	}
	if (r->n)
		printf("%s%-16s %-40s %5s  %s%s\n", colour(COLOUR_BOLD), "ADDRESS", "SYMBOL",
		       "BYTES", "ON DISK -> IN MEMORY", colour(COLOUR_NONE));
	for (size_t i = 0; i < r->n; i++)
		print_diff(t, &r->d[i], disasm);
	return EXIT_OK;
}

static int run(struct smc_text *t, const struct smc_options *opt)
{
	struct diffs r = { 0 };
	int code, err = compare_all(t, &r);

	if (err) {
		free(r.d);
		return complain(EXIT_FAILED, r.n ? "more than %d differences: is this the right kernel?" :
				"out of memory", MAX_DIFFS / 2);
	}
	code = settle(t, &r);
	if (!code)
		code = print_all(t, &r, opt->disasm);
	for (size_t i = 0; i < t->nr_missing; i++)
		complain(0, "module %s: not compared (--modules DIR)", t->missing[i]);
	if (t->cpu.unknown)
		complain(0, "processor features are not known, for %s: at an alternative any of its forms was taken for right",
			 t->cpu.unknown);
	if (t->cpu.call_depth)
		complain(0, "call depth tracking (retbleed=stuff) rewrites calls and what is before functions: that differs, and is not followed");
	complain(0, "%zu MiB of text of %zu objects compared; the kernel itself supplied what was read (/proc/kcore)",
		 (size_t)(r.bytes >> 20), t->nr_objects);
	free(r.d);
	if (code)
		return code;
	return r.n || t->nr_missing || r.unread ? EXIT_DIFFERENT : EXIT_OK;
}

int smc_cmd_diff(int argc, char **argv)
{
	struct smc_options opt;
	struct smc_system s;
	struct smc_text t = { 0 };
	int code = smc_options(argc, argv, "DRKM", &opt);

	if (code)
		return code;
	if (optind != argc)
		return usage("unexpected argument '%s'", argv[optind]);
	code = smc_load(&opt, &s, &t);
	if (!code)
		code = run(&t, &opt);
	smc_text_free(&t);
	smc_system_close(&s);
	return code;
}
