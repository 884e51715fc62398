// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events become changes: see event.h. What a change is, is said by the table
 * that has its site, and for kprobes by the kernel's list of them; what VBH
 * denied, or let through only because its rule is to log, is unknown.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "describe.h"
#include "printable.h"
#include "event.h"
#include "symbols.h"

#define INT3		0xcc
#define NAME_MAX_LEN	256
#define REFRESH_NS	1000000000ll

/* A change whose last store has not been seen. */
struct smc_open {
	struct smc_change c;
	uint8_t stored;		/* bytes of the site that stores have been to, a bit each */
	uint32_t stack[VBH_EVENT_STACK];
	char comm[17];
};

/* What a call led to, remembered for when it is taken away and the code is gone. */
struct seen {
	uint64_t target;
	char name[NAME_MAX_LEN];
};

#define MAX_SEEN	64
static struct seen seen[MAX_SEEN];

static const char *tracer_of(struct smc_events *e, uint64_t target, bool fresh)
{
	struct seen *s = &seen[target >> 4 & (MAX_SEEN - 1)];

	if (s->target != target || fresh) {
		s->target = target;
		smc_tracer(e->text->system, target, s->name, sizeof(s->name));
	}
	return s->name;
}

/* Functions that only carry out what somebody else wants patched. */
static bool is_machinery(const struct symbol_info *s)
{
	static const char * const prefixes[] = {
		"memcpy", "__memcpy", "text_poke", "__text_poke", "do_text_poke",
		"arch_jump_label", "__jump_label", "jump_label", "static_key_",
		"arch_static_call", "__static_call", "static_call_", "ftrace_", "__ftrace_",
		"arch_ftrace", "arch_arm_kprobe", "arch_disarm_kprobe", "arm_kprobe",
		"__arm_kprobe", "disarm_kprobe", "__disarm_kprobe", "register_ftrace",
		"unregister_ftrace", "arch_optimize", "arch_unoptimize", "optimize_all",
		"smp_text_poke", "smp_call_function", "on_each_cpu", "mutex_", "__mutex",
		"notifier_", "blocking_notifier_", "__cond_resched", "cpus_read_", "static_branch", "tracepoint_", "enable_kprobe",
		"disable_kprobe", "__disable_kprobe", "register_kprobe", "unregister_kprobe",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(s->name, prefixes[i], strlen(prefixes[i])))
			return true;
	return !strcmp(s->module, "vbh");
}

/* What lies beyond these on a stack is what was there before. */
static bool is_entry(const char *name)
{
	static const char * const entries[] = {
		"do_syscall_64", "do_fast_syscall_32", "do_int80_syscall_32", "ret_from_fork",
	};

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		if (!strcmp(name, entries[i]))
			return true;
	return false;
}

/* Does a CALL end there? Else it is no return address. */
static bool follows_call(struct smc_system *s, uint64_t addr)
{
	uint8_t b[7];

	if (!smc_peek(s, addr - sizeof(b), b, sizeof(b)))
		return false;
	if (b[2] == 0xe8)
		return true;
	/* CALL r/m: FF /2 with as many bytes as its operand takes. */
	for (size_t n = 2; n <= 7; n++)
		if (b[7 - n] == 0xff && (b[8 - n] >> 3 & 7) == 2)
			return true;
	/* Inlined static calls and paravirt calls may have become something else since. */
	return false;
}

static const char *name_of(const struct symbol_info *s, char *buf, size_t len)
{
	snprintf(buf, len, "%s%s%s%s", s->name, *s->module ? " [" : "", s->module,
		 *s->module ? "]" : "");
	return buf;
}

static void name_chain(struct smc_events *e, const uint32_t *stack, struct smc_change *c)
{
	static char names[VBH_EVENT_STACK][NAME_MAX_LEN], origin[NAME_MAX_LEN];
	struct symbol_info s;

	c->nr_chain = 0;
	c->origin = "";
	if (symbol_info_at(c->rip, &s) && !is_machinery(&s))
		c->origin = name_of(&s, origin, sizeof(origin));
	for (size_t i = 0; i < VBH_EVENT_STACK && stack[i]; i++) {
		uint64_t addr = 0xffffffff00000000ull | stack[i];

		if (!symbol_info_at(addr - 1, &s) || !follows_call(e->text->system, addr))
			continue;
		symbol_at(addr, names[c->nr_chain], NAME_MAX_LEN);
		if (!*c->origin && !is_machinery(&s))
			c->origin = name_of(&s, origin, sizeof(origin));
		c->chain[c->nr_chain] = names[c->nr_chain];
		c->nr_chain++;
		if (is_entry(s.name))
			return;
	}
}

static bool chain_has(const struct smc_change *c, const char *part)
{
	for (unsigned int i = 0; i < c->nr_chain; i++)
		if (strstr(c->chain[i], part))
			return true;
	return false;
}

/* No site is there: a kprobe, if the kernel has one there or is just moving one. */
static enum smc_kind kind_elsewhere(struct smc_events *e, const struct smc_change *c,
				    uint32_t patch)
{
	if (patch == VBH_PATCH_MODULES)
		return SMC_MODULE;
	if (patch != VBH_PATCH_KPROBES)
		return SMC_UNKNOWN;
	if (!smc_kprobe_at(e->text, c->addr))
		smc_kprobes_read(e->text);
	if (smc_kprobe_at(e->text, c->addr) || chain_has(c, "arm_kprobe") ||
	    chain_has(c, "optimize_kprobe"))
		return SMC_KPROBE;
	return SMC_UNKNOWN;
}

/* Code that was made since the symbols were read has none yet. */
static void know(struct smc_events *e, const struct smc_change *c)
{
	uint64_t to = smc_rel32_target(c->addr, c->new, c->len);
	struct symbol_info f;

	if ((c->new[0] != 0xe8 && c->new[0] != 0xe9) || c->time - e->renamed < REFRESH_NS ||
	    (symbol_info_at(to, &f) && (to == f.addr || !strcmp(f.module, "bpf"))))
		return;
	e->renamed = c->time;
	symbols_reload();
}

static void name_ftrace(struct smc_events *e, const struct smc_site *s, struct smc_change *c,
			char *key, size_t len)
{
	const uint8_t *call = c->new[0] == 0xe8 ? c->new : c->old;
	uint64_t to = smc_rel32_target(s->addr, call, 5);
	struct symbol_info f;

	if (call[0] != 0xe8)
		return;
	if (s->flags & SMC_SITE_CALLER) {
		smc_tracer(e->text->system, to, key, len);
		return;
	}
	snprintf(key, len, "%s", tracer_of(e, to, call == c->new));
	if (strstr(key, "kprobe_ftrace_handler"))
		c->kind = SMC_KPROBE;
	if (symbol_info_at(to, &f) && !strcmp(f.module, "bpf"))
		c->kind = SMC_BPF;
}

static void name_state(struct smc_events *e, const struct smc_site *s, const uint8_t *bytes,
		       const char *tracer, char *words, size_t len)
{
	words[0] = '\0';
	if (s->kind == SMC_FTRACE && bytes[0] == 0xe8 && !(s->flags & SMC_SITE_CALLER))
		snprintf(words, len, "traced by %s", tracer);
	else if (!smc_site_state(e->text, s, bytes, words, len))
		words[0] = '\0';
}

static void name_site(struct smc_events *e, const struct smc_site *s, struct smc_change *c)
{
	static char key[NAME_MAX_LEN], before[2 * NAME_MAX_LEN], after[2 * NAME_MAX_LEN];

	c->kind = s->kind;
	key[0] = '\0';
	if (s->kind == SMC_STATIC_CALL && s->len == 5)
		know(e, c);
	if (s->kind == SMC_FTRACE)
		name_ftrace(e, s, c, key, sizeof(key));
	else
		smc_site_key(e->text, s, key, sizeof(key));
	if (s->kind == SMC_STATIC_CALL && !strncmp(key, "bpf_dispatcher_", 15))
		c->kind = SMC_BPF;
	c->key = key;
	if (!c->complete)
		return;
	name_state(e, s, c->old, key, before, sizeof(before));
	name_state(e, s, c->new, key, after, sizeof(after));
	c->before = before;
	c->after = after;
}

/*
 * What is no site is a piece of an instruction, or of several: they are shown
 * whole, as they are on disk but for this change.
 */
static void name_code(struct smc_events *e, struct smc_change *c)
{
	static char before[2 * NAME_MAX_LEN], after[2 * NAME_MAX_LEN];
	size_t from, to, at;
	struct symbol_info f;
	const uint8_t *text = NULL;
	uint8_t code[64];

	if (!symbol_info_at(c->addr, &f) || c->addr + c->len > f.end)
		return;
	for (size_t i = 0; i < e->text->nr_objects && !text; i++)
		text = smc_expected(&e->text->objects[i], f.addr, f.end - f.addr);
	from = c->addr - f.addr;
	to = from + c->len;
	if (!text || !smc_instructions(f.addr, text, f.end - f.addr, &from, &to) ||
	    to - from > sizeof(code))
		return;
	at = c->addr - f.addr - from;
	memcpy(code, text + from, to - from);
	memcpy(code + at, c->old, c->len);
	smc_disassemble(f.addr + from, code, to - from, before, sizeof(before));
	memcpy(code + at, c->new, c->len);
	smc_disassemble(f.addr + from, code, to - from, after, sizeof(after));
	c->before = before;
	c->after = after;
}

static const char *object_at(const struct smc_events *e, uint64_t addr)
{
	for (size_t i = 0; i < e->text->nr_objects; i++)
		if (smc_section_at(&e->text->objects[i], addr, 1))
			return e->text->objects[i].name;
	return "";
}

/* Where it is and who did it. */
static void name_place(struct smc_events *e, struct smc_open *o)
{
	static char symbol[NAME_MAX_LEN], writer[NAME_MAX_LEN];
	struct smc_change *c = &o->c;

	c->key = "";
	c->before = "";
	c->after = "";
	c->comm = o->comm;
	c->object = c->addr ? object_at(e, c->addr) : "";
	if (c->addr)
		symbol_at(c->addr, symbol, sizeof(symbol));
	else
		snprintf(symbol, sizeof(symbol), "physical %#" PRIx64, c->physical);
	c->symbol = symbol;
	c->writer = symbol_at(c->rip, writer, sizeof(writer));
	name_chain(e, o->stack, c);
}

static void give_out(struct smc_events *e, struct smc_open *o, uint32_t patch)
{
	struct smc_change *c = &o->c;
	const struct smc_site *s = c->addr ? smc_site_at(e->text, c->addr) : NULL;

	name_place(e, o);
	if (c->action != VBH_ACTION_NOTED)
		c->kind = SMC_UNKNOWN;
	else if (s && s->addr == c->addr && s->len == c->len)
		name_site(e, s, c);
	else
		c->kind = (uint8_t)kind_elsewhere(e, c, patch);
	if (c->addr && !*c->before)
		name_code(e, c);
	e->changes++;
	e->change(c, e->arg);
}

/* Kernel text is one range physically too, and /proc/kcore says where; 0: not in it. */
static uint64_t text_address(const struct smc_system *s, uint64_t physical)
{
	uint64_t len = s->etext - s->text;

	return s->physical && physical - s->physical < len ? s->text + (physical - s->physical) : 0;
}

static bool in_text(uint64_t addr)
{
	return addr >= 0xffffffff80000000ull;
}

/* Modules may have come since they were read. */
static void refresh(struct smc_events *e, uint64_t addr, int64_t now)
{
	struct smc_error err = { "" };

	if (!in_text(addr) || *object_at(e, addr) || now - e->refreshed < REFRESH_NS ||
	    *e->text->system->root)
		return;
	e->refreshed = now;
	smc_text_refresh(e->text, &err);
}

static void start(struct smc_open *o, const struct vbh_event *ev, int64_t time)
{
	memset(o, 0, sizeof(*o));
	o->c = (struct smc_change){
		.seq = ev->seq, .time = time, .rip = ev->rip, .cpu = ev->cpu, .pid = ev->pid,
		.action = ev->action, .physical = ev->flags & VBH_EVENT_F_GPA ? ev->gpa : 0,
		.writes = 1,
	};
	memcpy(o->stack, ev->stack, sizeof(o->stack));
	if (ev->flags & VBH_EVENT_F_TASK)
		memcpy(o->comm, ev->comm, sizeof(ev->comm));
	else
		o->c.pid = -1;
	printable(o->comm);
}

/* A store by itself. */
static void single(struct smc_events *e, const struct vbh_event *ev, uint64_t addr, int64_t time)
{
	struct smc_open o;

	start(&o, ev, time);
	o.c.addr = addr;
	o.c.complete = true;
	o.c.len = ev->width < SMC_BYTES ? ev->width : SMC_BYTES;
	memcpy(o.c.old, &ev->old_value, SMC_BYTES);
	memcpy(o.c.new, &ev->new_value, SMC_BYTES);
	give_out(e, &o, ev->detail);
}

/* Text of a module came or went: a change of no bytes that anybody knew. */
static void module(struct smc_events *e, const struct vbh_event *ev, int64_t time)
{
	static char size[64], name[DESCRIBE_MODULE], symbol[DESCRIBE_MODULE + 2];
	struct smc_error err = { "" };
	struct smc_open o;

	/* Its sites are wanted soon. */
	if (ev->new_value && !*e->text->system->root)
		smc_text_refresh(e->text, &err);
	start(&o, ev, time);
	memset(o.stack, 0, sizeof(o.stack));
	o.c.addr = ev->gla;
	o.c.complete = true;
	o.c.writes = 0;
	o.c.kind = SMC_MODULE;
	name_place(e, &o);
	snprintf(symbol, sizeof(symbol), "[%s]", describe_module(ev, name));
	o.c.symbol = symbol;
	o.c.object = name;
	o.c.key = name;
	o.c.origin = "the module loader";
	snprintf(size, sizeof(size), "%llu KiB of text",
		 (ev->new_value ? ev->new_value : ev->old_value) >> 10);
	*(ev->new_value ? &o.c.after : &o.c.before) = size;
	e->changes++;
	e->change(&o.c, e->arg);
}

static struct smc_open *find_open(struct smc_events *e, uint64_t site)
{
	for (size_t i = 0; i < e->nr_open; i++)
		if (e->open[i].c.addr == site)
			return &e->open[i];
	return NULL;
}

static struct smc_open *new_open(struct smc_events *e)
{
	if (e->nr_open == e->max_open) {
		size_t max = e->max_open ? 2 * e->max_open : 256;
		struct smc_open *p = realloc(e->open, max * sizeof(*p));

		if (!p)
			return NULL;
		e->open = p;
		e->max_open = max;
	}
	return &e->open[e->nr_open++];
}

static void close_open(struct smc_events *e, struct smc_open *o)
{
	struct smc_open done = *o;

	*o = e->open[--e->nr_open];
	give_out(e, &done, 0);
}

/* A store to a site: INT3 begins a change, a first byte that is none ends it. */
static int to_site(struct smc_events *e, const struct vbh_event *ev, const struct smc_site *s,
		   uint64_t addr, int64_t time)
{
	size_t from = addr - s->addr, len = ev->width;
	const uint8_t *old = (const uint8_t *)&ev->old_value;
	const uint8_t *new = (const uint8_t *)&ev->new_value;
	struct smc_open *o = find_open(e, s->addr);

	if (from + len > s->len || len > SMC_BYTES || s->len > SMC_BYTES) {
		single(e, ev, addr, time);
		return 0;
	}
	if (o && !from && new[0] == INT3) {
		o->c.complete = false;
		close_open(e, o);
		o = NULL;
	}
	if (!o) {
		o = new_open(e);
		if (!o)
			return -ENOMEM;
		start(o, ev, time);
		o->c.addr = s->addr;
		o->c.len = s->len;
		o->c.complete = !from && new[0] == INT3;
		o->c.writes = 0;
		smc_peek(e->text->system, s->addr, o->c.old, s->len);
		memcpy(o->c.new, o->c.old, s->len);
	}
	o->c.writes++;
	o->c.duration = (uint64_t)(time - o->c.time);
	/* The kernel's memcpy() may store twice where two pieces of it overlap. */
	for (size_t i = 0; i < len; i++) {
		if (!(o->stored & 1u << (from + i)) && (from || new[0] == INT3))
			o->c.old[from + i] = old[i];
		o->stored |= (uint8_t)(1u << (from + i));
		o->c.new[from + i] = new[i];
	}
	if (!from && new[0] != INT3)
		close_open(e, o);
	return 0;
}

static void give_up(struct smc_events *e)
{
	while (e->nr_open) {
		e->open[0].c.complete = false;
		close_open(e, &e->open[0]);
	}
}

/*
 * What the counts in an event say is missing before it. Those of the first ones
 * are in what it began with: they came while that was asked for.
 */
static void count(struct smc_events *e, const struct vbh_event *ev, int64_t time)
{
	uint64_t patches = 0, lost = 0;

	if (ev->kind == VBH_KIND_PATCH && ev->patches > e->patches) {
		patches = ev->patches - e->patches - 1;
		e->patches = ev->patches;
	}
	if (ev->lost > e->lost) {
		lost = ev->lost - e->lost;
		e->lost = ev->lost;
	}
	if (patches || lost) {
		/* What was begun before it may have been ended, and begun again. */
		give_up(e);
		e->missing += patches + lost;
		e->gap(patches, lost, time, e->arg);
	}
}

void smc_events_begin(struct smc_events *e)
{
	e->patches = e->info->status.patches;
	e->lost = e->info->status.events_lost;
	smc_kprobes_read(e->text);
}

int smc_event(struct smc_events *e, const struct vbh_event *ev)
{
	int64_t time = vbh_event_time(e->info, ev);
	const struct smc_site *s;
	uint64_t addr;

	e->events++;
	count(e, ev, time);
	if (ev->kind == VBH_KIND_TEXT) {
		module(e, ev, time);
		return 0;
	}
	if (ev->kind != VBH_KIND_PATCH &&
	    (ev->kind != VBH_KIND_WRITE || (ev->detail != VBH_REGION_KERNEL_TEXT &&
					    ev->detail != VBH_REGION_MODULE_TEXT &&
					    ev->detail != VBH_REGION_FTRACE))) {
		e->other(ev, time, e->arg);
		return 0;
	}
	addr = ev->flags & VBH_EVENT_F_GLA && in_text(ev->gla) ? ev->gla :
	       text_address(e->text->system, ev->gpa);
	refresh(e, addr, time);
	s = addr ? smc_site_at(e->text, addr) : NULL;
	if (ev->kind == VBH_KIND_PATCH && s)
		return to_site(e, ev, s, addr, time);
	single(e, ev, addr, time);
	return 0;
}

void smc_events_end(struct smc_events *e)
{
	struct vbh_event last = { .tsc = e->info->tsc };
	int64_t time = vbh_event_time(e->info, &last);
	const struct vbh_status *st = &e->info->status;
	uint64_t patches = st->patches > e->patches ? st->patches - e->patches : 0;
	uint64_t lost = st->events_lost > e->lost ? st->events_lost - e->lost : 0;

	give_up(e);
	if (e->info->running && (patches || lost)) {
		e->missing += patches + lost;
		e->gap(patches, lost, time, e->arg);
	}
	free(e->open);
	e->open = NULL;
	e->max_open = 0;
}
