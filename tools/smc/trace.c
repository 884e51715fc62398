// SPDX-License-Identifier: GPL-2.0-only
/* Writing and reading traces: see trace.h. What is read may be anybody's. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "describe.h"
#include "printable.h"
#include "trace.h"
#include "vbhctl.h"

#define LINK_ADDRESS	0xffffffff81000000ull	/* of _text: CONFIG_PHYSICAL_START of Debian's */

FILE *smc_create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct stat st = { 0 };
	FILE *f = NULL;

	if (fd >= 0 && !fstat(fd, &st) &&
	    (!S_ISREG(st.st_mode) || (!fchmod(fd, 0600) && !ftruncate(fd, 0))))
		f = fdopen(fd, "w");
	if (fd >= 0 && !f)
		close(fd);
	return f;
}

static json_t *json_modules(const struct smc_system *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->nr_modules; i++) {
		const struct smc_module *m = &s->modules[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:I}", "name", m->name,
						      "build_id", m->build_id, "base",
						      json_hex(m->base), "size",
						      (json_int_t)m->size));
	}
	return list;
}

json_t *smc_trace_header(const struct smc_text *t, const struct vbh_info *info,
			 const char *command)
{
	const struct smc_system *s = t->system;
	const char *state = vbh_name(VBH_NAMES_STATE, info->status.state);

	return json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:o, s:s, s:o}",
			 "vbh_smc_trace", SMC_TRACE_VERSION, "release", s->release, "build_id",
			 s->build_id, "text", json_hex(s->text), "etext", json_hex(s->etext),
			 "kaslr_offset", json_hex(s->text - LINK_ADDRESS), "cpus",
			 (json_int_t)info->status.cpus, "started", (json_int_t)info->realtime_ns,
			 "command", json_text(command), "state", state ? state : "unknown", "modules",
			 json_modules(s));
}

json_t *smc_trace_change(const struct smc_change *c)
{
	json_t *chain = json_array();

	for (unsigned int i = 0; i < c->nr_chain; i++)
		json_array_append_new(chain, json_text(c->chain[i]));
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:i}",
			 "record", "change", "seq", (json_int_t)c->seq, "time",
			 (json_int_t)c->time, "duration", (json_int_t)c->duration, "cpu",
			 (json_int_t)c->cpu,
			 "address", json_hex(c->addr), "physical", json_hex(c->physical),
			 "symbol", json_text(c->symbol), "object", json_text(c->object),
			 "old", json_hex_bytes(c->old, c->len),
			 "new", json_hex_bytes(c->new, c->len), "kind",
			 smc_kind_name((enum smc_kind)c->kind), "key", json_text(c->key), "before",
			 json_text(c->before), "after", json_text(c->after), "writes",
			 (json_int_t)c->writes, "complete", c->complete, "action",
			 vbh_name(VBH_NAMES_ACTION, c->action), "rip", json_hex(c->rip), "writer",
			 json_text(c->writer), "origin", json_text(c->origin), "chain", chain,
			 "comm", json_text(c->comm), "pid", c->pid);
}

json_t *smc_trace_gap(uint64_t patches, uint64_t lost, int64_t time)
{
	return json_pack("{s:s, s:I, s:I, s:I}", "record", "gap", "time", (json_int_t)time,
			 "patches", (json_int_t)patches, "lost", (json_int_t)lost);
}

json_t *smc_trace_event(const struct vbh_event *ev, int64_t time)
{
	char what[512];

	describe_event(ev, what, sizeof(what));
	return json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o}", "record", "event", "time",
			 (json_int_t)time, "seq", (json_int_t)ev->seq, "kind",
			 json_name(VBH_NAMES_KIND, ev->kind), "action",
			 json_name(VBH_NAMES_ACTION, ev->action), "what", json_text(what),
			 "rip", json_hex(ev->rip));
}

json_t *smc_trace_end(const struct smc_events *e, int64_t time)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "record", "end", "time", (json_int_t)time,
			 "changes", (json_int_t)e->changes, "events", (json_int_t)e->events,
			 "missing", (json_int_t)e->missing);
}

bool smc_trace_put(FILE *f, json_t *line)
{
	bool ok = line && !json_dumpf(line, f, JSON_COMPACT) && fputc('\n', f) != EOF;

	json_decref(line);
	return ok;
}

/* Each text once, for a trace has many of the same, and printable. NULL: out of memory. */
static const char *intern(struct smc_trace *t, const char *text)
{
	char *copy = strdup(text), **node;

	if (!copy)
		return NULL;
	printable(copy);
	node = tsearch(copy, &t->strings, (int (*)(const void *, const void *))strcmp);
	if (node && *node == copy)
		return copy;
	free(copy);
	return node ? *node : NULL;
}

/* Field by field; what is missing or of another type is remembered by name. */
struct line {
	struct smc_trace *t;
	const json_t *json;
	const char *bad;
};

/* The first one is told. */
static void blame(struct line *l, const char *name)
{
	if (!l->bad)
		l->bad = name;
}

static const char *get_string(struct line *l, const char *name)
{
	const char *text = json_string_value(json_object_get(l->json, name));
	const char *kept = text ? intern(l->t, text) : NULL;

	if (!kept)
		blame(l, name);
	return kept ? kept : "";
}

static int64_t get_number(struct line *l, const char *name, int64_t min, int64_t max)
{
	const json_t *j = json_object_get(l->json, name);
	json_int_t n = json_integer_value(j);

	if (!json_is_integer(j) || n < min || n > max) {
		blame(l, name);
		return min;
	}
	return n;
}

static uint64_t get_hex(struct line *l, const char *name)
{
	const char *text = json_string_value(json_object_get(l->json, name));
	char *end;
	uint64_t n;

	if (!text || text[0] != '0' || text[1] != 'x' || !text[2] || text[2] == '-') {
		blame(l, name);
		return 0;
	}
	errno = 0;
	n = strtoull(text + 2, &end, 16);
	if (*end || errno)
		blame(l, name);
	return n;
}

/* Bytes as hexadecimal digits; how many. */
static uint8_t get_bytes(struct line *l, const char *name, uint8_t *bytes)
{
	const char *text = json_string_value(json_object_get(l->json, name));
	size_t len = text ? strlen(text) : 1;

	if (len % 2 || len / 2 > SMC_BYTES || strspn(text, "0123456789abcdef") != len) {
		blame(l, name);
		return 0;
	}
	for (size_t i = 0; i < len / 2; i++) {
		char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };

		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return (uint8_t)(len / 2);
}

static void *more(void *array, size_t n, size_t *max, size_t size)
{
	size_t want = *max ? 2 * *max : 256;
	void *p;

	if (n < *max)
		return array;
	p = reallocarray(array, want, size);
	if (p)
		*max = want;
	return p;
}

static void read_chain(struct line *l, struct smc_change *c)
{
	const json_t *chain = json_object_get(l->json, "chain");
	size_t n = json_array_size(chain);

	if (!json_is_array(chain) || n > VBH_EVENT_STACK) {
		blame(l, "chain");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(chain, i));

		c->chain[i] = text ? intern(l->t, text) : NULL;
		if (!c->chain[i]) {
			blame(l, "chain");
			return;
		}
	}
	c->nr_chain = (unsigned int)n;
}

static void read_change(struct line *l)
{
	struct smc_trace *t = l->t;
	struct smc_change *p, c = { 0 };
	enum smc_kind kind;
	uint32_t action;

	p = more(t->changes, t->nr_changes, &t->max_changes, sizeof(*p));
	if (!p) {
		blame(l, "memory");
		return;
	}
	t->changes = p;
	c.seq = (uint64_t)get_number(l, "seq", 0, INT64_MAX);
	c.time = get_number(l, "time", INT64_MIN, INT64_MAX);
	c.duration = (uint64_t)get_number(l, "duration", 0, INT64_MAX);
	c.cpu = (uint32_t)get_number(l, "cpu", 0, UINT32_MAX);
	c.writes = (uint32_t)get_number(l, "writes", 0, UINT32_MAX);
	c.pid = (int32_t)get_number(l, "pid", -1, INT32_MAX);
	c.addr = get_hex(l, "address");
	c.physical = get_hex(l, "physical");
	c.rip = get_hex(l, "rip");
	c.len = get_bytes(l, "old", c.old);
	if (get_bytes(l, "new", c.new) != c.len)
		blame(l, "new");
	if (!c.writes && c.len)
		blame(l, "writes");
	c.symbol = get_string(l, "symbol");
	c.object = get_string(l, "object");
	c.key = get_string(l, "key");
	c.before = get_string(l, "before");
	c.after = get_string(l, "after");
	c.writer = get_string(l, "writer");
	c.origin = get_string(l, "origin");
	c.comm = get_string(l, "comm");
	c.complete = json_is_true(json_object_get(l->json, "complete"));
	read_chain(l, &c);
	kind = smc_kind_named(get_string(l, "kind"));
	if (kind == SMC_NR_KINDS)
		blame(l, "kind");
	if (vbh_value(VBH_NAMES_ACTION, get_string(l, "action"), &action))
		blame(l, "action");
	if (l->bad)
		return;
	c.kind = (uint8_t)kind;
	c.action = (uint8_t)action;
	t->changes[t->nr_changes++] = c;
}

static void read_gap(struct line *l)
{
	struct smc_trace *t = l->t;
	struct smc_gap *p = reallocarray(t->gaps, t->nr_gaps + 1, sizeof(*p));

	if (!p) {
		blame(l, "memory");
		return;
	}
	t->gaps = p;
	p[t->nr_gaps] = (struct smc_gap){
		.time = get_number(l, "time", INT64_MIN, INT64_MAX),
		.patches = (uint64_t)get_number(l, "patches", 0, INT64_MAX),
		.lost = (uint64_t)get_number(l, "lost", 0, INT64_MAX),
		.before = t->nr_changes,
	};
	if (!l->bad)
		t->nr_gaps++;
}

static void read_end(struct line *l)
{
	struct smc_trace *t = l->t;

	t->ended = get_number(l, "time", INT64_MIN, INT64_MAX);
	t->missing = (uint64_t)get_number(l, "missing", 0, INT64_MAX);
	if ((uint64_t)get_number(l, "changes", 0, INT64_MAX) != t->nr_changes)
		blame(l, "changes");
	t->whole = true;
}

static void read_modules(struct line *l)
{
	const json_t *list = json_object_get(l->json, "modules"), *whole = l->json;
	struct smc_trace *t = l->t;

	if (!json_is_array(list)) {
		blame(l, "modules");
		return;
	}
	t->modules = calloc(json_array_size(list) + 1, sizeof(*t->modules));
	if (!t->modules) {
		blame(l, "memory");
		return;
	}
	for (size_t i = 0; !l->bad && i < json_array_size(list); i++) {
		l->json = json_array_get(list, i);
		t->modules[i].name = get_string(l, "name");
		t->modules[i].build_id = get_string(l, "build_id");
		t->modules[i].base = get_hex(l, "base");
		t->modules[i].size = (uint64_t)get_number(l, "size", 0, INT64_MAX);
		t->nr_modules++;
	}
	l->json = whole;
}

static int read_header(struct line *l, const char *path, struct smc_error *e)
{
	struct smc_trace *t = l->t;
	const json_t *version = json_object_get(l->json, "vbh_smc_trace");

	if (!json_is_integer(version))
		return smc_fail(e, -EINVAL, "%s: no trace of vbhctl smc record", path);
	if (json_integer_value(version) != SMC_TRACE_VERSION)
		return smc_fail(e, -EINVAL, "%s: a trace of version %" JSON_INTEGER_FORMAT "; this vbhctl reads version %d",
				path, json_integer_value(version), SMC_TRACE_VERSION);
	t->release = get_string(l, "release");
	t->build_id = get_string(l, "build_id");
	t->command = get_string(l, "command");
	t->state = get_string(l, "state");
	t->text = get_hex(l, "text");
	t->etext = get_hex(l, "etext");
	t->kaslr = get_hex(l, "kaslr_offset");
	t->started = get_number(l, "started", INT64_MIN, INT64_MAX);
	t->cpus = (uint32_t)get_number(l, "cpus", 0, UINT32_MAX);
	if (!l->bad && t->etext <= t->text)
		blame(l, "etext");
	read_modules(l);
	return 0;
}

static int read_line(struct smc_trace *t, const char *text, size_t len, size_t number,
		     const char *path, struct smc_error *e)
{
	json_error_t why;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	struct line l = { t, json, NULL };
	const char *record = json_string_value(json_object_get(json, "record"));
	int err = 0;

	if (!json_is_object(json))
		err = smc_fail(e, -EINVAL, "%s:%zu: %s", path, number,
			       number == 1 ? "no trace of vbhctl smc record" :
			       json ? "no record" : why.text);
	else if (t->whole)
		err = smc_fail(e, -EINVAL, "%s:%zu: something follows the end", path, number);
	else if (number == 1)
		err = read_header(&l, path, e);
	else if (record && !strcmp(record, "change"))
		read_change(&l);
	else if (record && !strcmp(record, "gap"))
		read_gap(&l);
	else if (record && !strcmp(record, "event"))
		t->others++;
	else if (record && !strcmp(record, "end"))
		read_end(&l);
	else
		blame(&l, "record");
	if (!err && l.bad)
		err = smc_fail(e, -EINVAL, "%s:%zu: its field '%s' is missing or wrong", path, number,
			       l.bad);
	json_decref(json);
	return err;
}

int smc_trace_parse(FILE *f, const char *path, struct smc_trace *t, struct smc_error *e)
{
	char *line = NULL;
	size_t max = 0, number = 0;
	ssize_t len;
	int err = 0;

	while (!err && (len = getline(&line, &max, f)) > 0) {
		if (line[len - 1] != '\n')
			break;	/* it was cut off here */
		err = read_line(t, line, (size_t)len, ++number, path, e);
	}
	if (!err && ferror(f))
		err = smc_fail(e, -errno, "%s: %s", path, strerror(errno));
	if (!err && !number)
		err = smc_fail(e, -EINVAL, "%s: no trace of vbhctl smc record", path);
	free(line);
	return err;
}

int smc_trace_read(const char *path, struct smc_trace *t, struct smc_error *e)
{
	FILE *f = fopen(path, "re");
	int err;

	*t = (struct smc_trace){ .release = "" };
	if (!f)
		return smc_fail(e, -errno, "%s: %s", path, strerror(errno));
	err = smc_trace_parse(f, path, t, e);
	fclose(f);
	return err;
}

void smc_trace_free(struct smc_trace *t)
{
	tdestroy(t->strings, free);
	free(t->modules);
	free(t->changes);
	free(t->gaps);
	*t = (struct smc_trace){ .release = "" };
}
