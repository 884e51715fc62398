// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patch sites: collected from the tables of the kernel and its modules as they
 * are on disk, and what may stand at each. What should stand there now is the
 * key's to say, which is read from memory.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "elf/shape.h"
#include "smc.h"
#include "symbols.h"

static const uint8_t nop2[] = { 0x66, 0x90 };
static const uint8_t nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
/* arch/x86/kernel/static_call.c: a call of __static_call_return0, and a return. */
static const uint8_t xor5[] = { 0x2e, 0x2e, 0x2e, 0x31, 0xc0 };
static const uint8_t ret5[] = { 0xc3, 0xcc, 0xcc, 0xcc, 0xcc };

/* Calls of these functions are the function's own instruction, where a kernel knows it. */
static const struct inlined {
	const char *function;
	uint8_t bytes[5];
	const char *words;
} inlined[] = {
	{ "__WARN_trap", { 0x67, 0x48, 0x0f, 0xb9, 0x3a }, "traps" },
	{ "__raw_callee_save___native_queued_spin_unlock", { 0x3e, 0x3e, 0xc6, 0x07, 0x00 },
	  "unlocks" },
};

#define NR_INLINED	(sizeof(inlined) / sizeof(inlined[0]))

/* Text that stays: __init text is given back, and its sites are gone with it. */
static bool stays(const struct smc_object *o, uint64_t addr, size_t len)
{
	const struct smc_section *s = smc_section_at(o, addr, len);

	return s && (s->flags & SHF_EXECINSTR) && s->loaded &&
	       (o->module ? strncmp(s->name, ".init", 5) != 0 : !strcmp(s->name, ".text"));
}

static uint64_t relative(const struct smc_object *o, uint64_t at)
{
	int32_t d;

	memcpy(&d, smc_expected(o, at, sizeof(d)), sizeof(d));
	return at + (uint64_t)(int64_t)d;
}

static int add(struct smc_text *t, size_t object, struct smc_site *s)
{
	if (!stays(&t->objects[object], s->addr, s->len))
		return 0;
	s->object = (uint16_t)object;
	return smc_site_add(t, s);
}

/* __jump_table: struct jump_entry. */
static int collect_jumps(struct smc_text *t, size_t object)
{
	const struct smc_object *o = &t->objects[object];
	uint64_t from, to;
	int err = 0;

	if (!smc_table(o, "__jump_table", "__start___jump_table", "__stop___jump_table", &from,
		       &to))
		return 0;
	for (; !err && to - from >= 16; from += 16) {
		struct smc_site s = { .kind = SMC_STATIC_KEY, .addr = relative(o, from),
				      .target = relative(o, from + 4), .len = 5 };
		const uint8_t *text = smc_expected(o, s.addr, 2);
		int64_t key;

		memcpy(&key, smc_expected(o, from + 8, 8), 8);
		s.key = (from + 8 + (uint64_t)key) & ~3ull;
		s.flags = (from + 8 + (uint64_t)key) & 1 ? SMC_SITE_BRANCH : 0;
		if (text && (!memcmp(text, nop2, 2) || *text == 0xeb))
			s.len = 2;
		err = add(t, object, &s);
	}
	return err;
}

/* A module can't always reach the key, and names the trampoline instead. */
static uint64_t key_of_trampoline(uint64_t tramp)
{
	char name[512];
	struct symbol_info s;

	if (!symbol_info_at(tramp, &s) || s.addr != tramp || strncmp(s.name, "__SCT__", 7))
		return tramp;
	snprintf(name, sizeof(name), "__SCK__%s", s.name + 7);
	return symbol_addr(name, s.module);
}

/* .static_call_sites: struct static_call_site. */
static int collect_calls(struct smc_text *t, size_t object)
{
	const struct smc_object *o = &t->objects[object];
	uint64_t from, to;
	int err = 0;

	if (!smc_table(o, ".static_call_sites", "__start_static_call_sites",
		       "__stop_static_call_sites", &from, &to))
		return 0;
	for (; !err && to - from >= 8; from += 8) {
		uint64_t key = relative(o, from + 4);
		struct smc_site s = { .kind = SMC_STATIC_CALL, .addr = relative(o, from),
				      .key = key_of_trampoline(key & ~3ull), .len = 5,
				      .flags = key & 1 ? SMC_SITE_TAIL : 0 };
		const uint8_t *text = smc_expected(o, s.addr, 2);

		if (!o->module)
			s.flags |= SMC_SITE_EARLY;
		if (text && *text == 0x0f && (text[1] & 0xf0) == 0x80)
			s.len = 6;
		err = add(t, object, &s);
	}
	return err;
}

static int collect_mcount(struct smc_text *t, size_t object)
{
	const struct smc_object *o = &t->objects[object];
	uint64_t from, to;
	int err = 0;

	if (!smc_table(o, "__mcount_loc", "__start_mcount_loc", "__stop_mcount_loc", &from, &to))
		return 0;
	for (; !err && to - from >= 8; from += 8) {
		struct smc_site s = { .kind = SMC_FTRACE, .len = 5 };

		memcpy(&s.addr, smc_expected(o, from, 8), 8);
		err = add(t, object, &s);
	}
	return err;
}

static int collect_alternatives(struct smc_text *t, size_t object)
{
	const struct smc_object *o = &t->objects[object];
	uint64_t from, to;
	const struct alt_shape *shape = smc_alt_table(o, &from, &to);
	int err = 0;

	for (; shape && !err && to - from >= shape->size; from += shape->size) {
		struct smc_site s = { .kind = SMC_ALTERNATIVE, .addr = relative(o, from) };
		struct alt a;

		alt_read(shape, smc_expected(o, from, shape->size), &a);
		s.feature = a.feature;
		s.flags = a.inverted ? SMC_SITE_WITHOUT : 0;
		s.len = a.len;
		err = add(t, object, &s);
	}
	return err;
}

static int collect_boot(struct smc_text *t, size_t object)
{
	static const struct {
		const char *section;
		size_t size;
		enum smc_kind kind;
	} tables[] = {
		{ ".parainstructions", 16, SMC_PARAVIRT },
		{ ".retpoline_sites", 4, SMC_RETPOLINE },
		{ ".return_sites", 4, SMC_RETURN },
		{ ".smp_locks", 4, SMC_SMP_LOCK },
	};
	const struct smc_object *o = &t->objects[object];
	uint64_t from, to;
	int err = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (!smc_table(o, tables[i].section, NULL, NULL, &from, &to))
			continue;
		for (; !err && to - from >= tables[i].size; from += tables[i].size) {
			const uint8_t *e = smc_expected(o, from, tables[i].size);
			struct smc_site s = { .kind = tables[i].kind, .len = 5 };

			if (s.kind == SMC_PARAVIRT) {
				memcpy(&s.addr, e, 8);
				s.len = e[9];
			} else {
				s.addr = relative(o, from);
			}
			if (s.kind == SMC_SMP_LOCK)
				s.len = 1;
			err = add(t, object, &s);
		}
	}
	return err;
}

struct collector {
	struct smc_text *t;
	size_t object;
	const char *module;
	int err;
};

/*
 * Does a trampoline keep a RET from before the return thunk was chosen? Not one
 * that was NULL from the first: it is among .return_sites, and is mended there
 * (__static_call_fixup()).
 */
static bool is_early(const struct smc_object *o, uint64_t tramp)
{
	const uint8_t *text = smc_expected(o, tramp, 5);

	return !o->module && text &&
	       smc_rel32_target(tramp, text, 5) != symbol_addr("__x86_return_thunk", "");
}

/* Trampolines of static calls, and ftrace's own calls, are told by their names. */
static bool collect_symbol(const struct symbol_info *i, void *arg)
{
	struct collector *c = arg;
	struct smc_site s = { .addr = i->addr, .len = 5 };
	char key[512];

	if (strcmp(i->module, c->module) != 0)
		return true;
	if (!strncmp(i->name, "__SCT__", 7)) {
		snprintf(key, sizeof(key), "__SCK__%s", i->name + 7);
		s.kind = SMC_STATIC_CALL;
		s.flags = SMC_SITE_TRAMP | SMC_SITE_TAIL;
		if (is_early(&c->t->objects[c->object], i->addr))
			s.flags |= SMC_SITE_EARLY;
		s.key = symbol_addr(key, i->module);
	} else if (!*c->module && (!strcmp(i->name, "ftrace_call") ||
				   !strcmp(i->name, "ftrace_regs_call"))) {
		s.kind = SMC_FTRACE;
		s.flags = SMC_SITE_CALLER;
	} else {
		return true;
	}
	c->err = add(c->t, c->object, &s);
	return !c->err;
}

int smc_sites_collect(struct smc_text *t, size_t object, struct smc_error *e)
{
	const struct smc_object *o = &t->objects[object];
	struct collector c = { t, object, o->module ? o->name : "", 0 };
	int err = collect_jumps(t, object);

	if (!err)
		err = collect_calls(t, object);
	if (!err)
		err = collect_mcount(t, object);
	if (!err && t->all)
		err = collect_alternatives(t, object);
	if (!err && t->all)
		err = collect_boot(t, object);
	if (!err && (!o->module || smc_section(o, ".static_call.text"))) {
		symbols_each(collect_symbol, &c);
		err = c.err;
	}
	return err ? smc_fail(e, err, "out of memory") : 0;
}

static void jump_bytes(const struct smc_site *s, uint8_t *bytes)
{
	int32_t rel = (int32_t)(s->target - s->addr) - s->len;

	bytes[0] = s->len == 2 ? 0xeb : 0xe9;
	memcpy(bytes + 1, &rel, s->len - 1u);
}

static bool due_jump(struct smc_text *t, const struct smc_site *s, uint8_t *bytes)
{
	int32_t enabled;

	if (!smc_peek(t->system, s->key, &enabled, sizeof(enabled)))
		return false;
	/* static_key_count(): below zero it is just being turned on. */
	if (!!enabled != !!(s->flags & SMC_SITE_BRANCH))
		jump_bytes(s, bytes);
	else
		memcpy(bytes, s->len == 2 ? nop2 : nop5, s->len);
	return true;
}

/*
 * A jump of a static call that is NULL. The kernel's own are set up in setup_arch(),
 * long before cpu_select_mitigations(), and what was NULL then, or became so until
 * there, is a plain return for as long as it stays NULL: memory alone knows.
 */
static bool due_return(struct smc_text *t, const struct smc_site *s, uint8_t *bytes)
{
	bool thunk = smc_cpu_has_return_thunk(&t->cpu);
	uint8_t early[6], now[6];

	memcpy(early, bytes, s->len);
	if (s->len == 6) {
		if (smc_rel32(s->addr, symbol_addr("__static_call_return", ""), 6, early + 2) ||
		    smc_rel32(s->addr, symbol_addr(thunk ? "__x86_return_thunk" :
						   "__static_call_return", ""), 6, bytes + 2))
			return false;
		/* Or straight to the one that was chosen. */
		if (thunk && smc_peek(t->system, s->addr, now, 6) &&
		    smc_rel32_target(s->addr, now, 6) == t->cpu.return_thunk)
			memcpy(bytes + 2, now + 2, 4);
	} else {
		memcpy(early, ret5, 5);
		memcpy(bytes, ret5, 5);
		if (smc_cpu_wants_return_thunk(&t->cpu, s->addr)) {
			bytes[0] = 0xe9;
			if (smc_rel32(s->addr, t->cpu.return_thunk, 5, bytes + 1))
				return false;
		}
	}
	if (s->flags & SMC_SITE_EARLY && smc_peek(t->system, s->addr, now, s->len) &&
	    !memcmp(now, early, s->len))
		memcpy(bytes, early, s->len);
	return true;
}

/* Does the instruction stand there that a call of this function may become? */
static bool is_inlined(struct smc_text *t, const struct smc_site *s, uint64_t func,
		       uint8_t *bytes)
{
	uint8_t now[5];

	for (size_t i = 0; i < NR_INLINED; i++) {
		if (func != symbol_addr(inlined[i].function, "") ||
		    !smc_peek(t->system, s->addr, now, 5) || memcmp(now, inlined[i].bytes, 5))
			continue;
		memcpy(bytes, now, 5);
		return true;
	}
	return false;
}

/* __static_call_transform() */
static bool due_call(struct smc_text *t, const struct smc_site *s, uint8_t *bytes)
{
	uint64_t func;

	if (!s->key || !smc_peek(t->system, s->key, &func, sizeof(func)))
		return false;
	if (!func && s->flags & SMC_SITE_TAIL)
		return due_return(t, s, bytes);
	if (s->len == 6)
		return !smc_rel32(s->addr, func, 6, bytes + 2);
	if (!(s->flags & SMC_SITE_TAIL)) {
		if (!func) {
			memcpy(bytes, nop5, 5);
		} else if (func == symbol_addr("__static_call_return0", "")) {
			memcpy(bytes, xor5, 5);
		} else if (is_inlined(t, s, func, bytes)) {
			return true;
		} else {
			bytes[0] = 0xe8;
			return !smc_rel32(s->addr, func, 5, bytes + 1);
		}
		return true;
	}
	bytes[0] = 0xe9;
	return !smc_rel32(s->addr, func, 5, bytes + 1);
}

bool smc_site_due(struct smc_text *t, const struct smc_site *s, uint8_t *bytes)
{
	switch (s->kind) {
	case SMC_STATIC_KEY:
		return due_jump(t, s, bytes);
	case SMC_STATIC_CALL:
		return due_call(t, s, bytes);
	case SMC_FTRACE:
		/* Traced or not is no key's to say: what may stand there is smc_site_state()'s. */
		if (!(s->flags & SMC_SITE_CALLER))
			memcpy(bytes, nop5, 5);
		return true;
	default:
		return false;
	}
}

/* "name" of a function that begins there; false: none does. */
static bool function_at(uint64_t addr, struct symbol_info *s)
{
	return symbol_info_at(addr, s) && s->addr == addr;
}

/* The function that a copy of ftrace's caller at `start` calls; false: it is no such copy. */
static bool callee(struct smc_system *s, uint64_t start, const char *caller, const char *call,
		   struct symbol_info *f)
{
	uint64_t at = start + symbol_addr(call, "") - symbol_addr(caller, "");
	uint8_t code[5];

	return smc_read(s, at, code, 5) && code[0] == 0xe8 &&
	       function_at(smc_rel32_target(at, code, 5), f);
}

void smc_tracer(struct smc_system *s, uint64_t target, char *buf, size_t len)
{
	struct symbol_info f;

	if (callee(s, target, "ftrace_caller", "ftrace_call", &f) ||
	    callee(s, target, "ftrace_regs_caller", "ftrace_regs_call", &f) ||
	    function_at(target, &f))
		snprintf(buf, len, "%s", f.name);
	else
		snprintf(buf, len, "%#" PRIx64, target);
}

static bool state_jump(const struct smc_site *s, const uint8_t *bytes, char *words, size_t len)
{
	uint8_t jump[8];
	char where[256];

	jump_bytes(s, jump);
	if (!memcmp(bytes, s->len == 2 ? nop2 : nop5, s->len)) {
		snprintf(words, len, "nop");
		return true;
	}
	snprintf(words, len, "jump to %s", symbol_at(s->target, where, sizeof(where)));
	return !memcmp(bytes, jump, s->len);
}

static bool state_call(struct smc_text *t, const struct smc_site *s, const uint8_t *bytes,
		       char *words, size_t len)
{
	bool jcc = s->len == 6, tail = s->flags & SMC_SITE_TAIL;
	struct symbol_info f;
	uint64_t to;

	if (!tail && !memcmp(bytes, nop5, 5)) {
		snprintf(words, len, "nop");
		return true;
	}
	if (!tail && !memcmp(bytes, xor5, 5)) {
		snprintf(words, len, "returns 0");
		return true;
	}
	if (tail && !jcc && !memcmp(bytes, ret5, 5)) {
		snprintf(words, len, "return");
		return true;
	}
	for (size_t i = 0; !tail && i < NR_INLINED; i++) {
		if (memcmp(bytes, inlined[i].bytes, 5) != 0)
			continue;
		snprintf(words, len, "%s", inlined[i].words);
		return true;
	}
	if (bytes[0] != (jcc ? 0x0f : tail ? 0xe9 : 0xe8))
		return false;
	to = smc_rel32_target(s->addr, bytes, s->len);
	if (tail && to == t->cpu.return_thunk) {
		snprintf(words, len, "return");
		return true;
	}
	/* BPF's dispatchers take turns in two halves of their page. */
	if (!function_at(to, &f) && !(symbol_info_at(to, &f) && !strcmp(f.module, "bpf")))
		return false;
	snprintf(words, len, "%s %s", jcc || tail ? "jump to" : "call", f.name);
	return true;
}

static bool state_ftrace(struct smc_text *t, const struct smc_site *s, const uint8_t *bytes,
			 char *words, size_t len)
{
	char tracer[256];
	struct symbol_info f;
	uint64_t to = smc_rel32_target(s->addr, bytes, 5);

	if (!memcmp(bytes, nop5, 5) && !(s->flags & SMC_SITE_CALLER)) {
		snprintf(words, len, "nop");
		return true;
	}
	if ((bytes[0] != 0xe8 && bytes[0] != 0xe9) || !function_at(to, &f))
		return false;
	/* BPF's trampolines may be jumped to (DYNAMIC_FTRACE_WITH_JMP). */
	if (bytes[0] == 0xe9 && (s->flags & SMC_SITE_CALLER || strcmp(f.module, "bpf") != 0))
		return false;
	if (s->flags & SMC_SITE_CALLER) {
		snprintf(words, len, "call %s", f.name);
		return true;
	}
	/* ftrace's own code, its trampolines, or a BPF program's: no other function. */
	if (strcmp(f.module, "__builtin__ftrace") && strcmp(f.module, "bpf") &&
	    strcmp(f.name, "ftrace_caller") && strcmp(f.name, "ftrace_regs_caller"))
		return false;
	smc_tracer(t->system, to, tracer, sizeof(tracer));
	snprintf(words, len, "traced by %s", tracer);
	return true;
}

bool smc_site_state(struct smc_text *t, const struct smc_site *s, const uint8_t *bytes,
		    char *words, size_t len)
{
	switch (s->kind) {
	case SMC_STATIC_KEY:
		return state_jump(s, bytes, words, len);
	case SMC_STATIC_CALL:
		return state_call(t, s, bytes, words, len);
	case SMC_FTRACE:
		return state_ftrace(t, s, bytes, words, len);
	case SMC_SMP_LOCK:
		snprintf(words, len, "%s", bytes[0] == 0xf0 ? "lock prefix" : "no lock prefix");
		return bytes[0] == 0xf0 || bytes[0] == 0x3e;
	default:
		return false;
	}
}

void smc_site_key(struct smc_text *t, const struct smc_site *s, char *buf, size_t len)
{
	const char *name;
	struct symbol_info i;

	buf[0] = '\0';
	(void)t;
	if (s->kind == SMC_ALTERNATIVE)
		snprintf(buf, len, "%sfeature %d*32+%d", s->flags & SMC_SITE_WITHOUT ? "not " : "",
			 s->feature / 32, s->feature % 32);
	if (!s->key || !symbol_info_at(s->key, &i))
		return;
	name = i.name;
	if (!strncmp(name, "__SCK__", 7))
		name += 7;
	/* The key is a field of the tracepoint. */
	if (!strncmp(name, "__tracepoint_", 13))
		snprintf(buf, len, "tracepoint %s", name + 13);
	else if (s->key == i.addr)
		snprintf(buf, len, "%s", name);
	else
		snprintf(buf, len, "%s+%#" PRIx64, name, s->key - i.addr);
}
