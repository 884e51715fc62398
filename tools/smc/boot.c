// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel does to text once, when it boots and when it loads a module:
 * the same on what came from disk, in the order of alternative_instructions() and
 * module_finalize(). The tables are the file's; what they depend on, the
 * processor's features and the choices of mitigations, is read from memory. Where
 * kernels write the same in several ways (lib/elf/shape.h), memory says in which of
 * them: it is one of a few byte strings that do the same.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "elf/btf.h"
#include "elf/insn.h"
#include "elf/shape.h"
#include "smc.h"
#include "symbols.h"

/* arch/x86/include/asm/cpufeatures.h */
#define FEATURE_RETPOLINE		(11 * 32 + 12)
#define FEATURE_RETPOLINE_LFENCE	(11 * 32 + 13)
#define FEATURE_RETHUNK			(11 * 32 + 14)
#define FEATURE_CALL_DEPTH		(11 * 32 + 19)

#define PATCH_MAX	255		/* bytes of an alternative */
#define THUNK_SIZE	32		/* RETPOLINE_THUNK_SIZE */

struct paravirt {
	uint64_t site;
	uint8_t type, len;
	uint8_t pad[6];
};

static bool has(const struct smc_cpu *cpu, unsigned int feature)
{
	return feature / 32 < cpu->nr_caps && (cpu->caps[feature / 32] >> feature % 32 & 1);
}

int smc_rel32(uint64_t addr, uint64_t target, size_t len, uint8_t *rel)
{
	int64_t distance = (int64_t)(target - (addr + len));
	int32_t d = (int32_t)distance;

	memcpy(rel, &d, sizeof(d));
	return d == distance ? 0 : -ERANGE;
}

uint64_t smc_rel32_target(uint64_t addr, const uint8_t *bytes, size_t len)
{
	int32_t d;

	memcpy(&d, bytes + len - sizeof(d), sizeof(d));
	return addr + len + (uint64_t)(int64_t)d;
}

/* Do these bytes stand there now? */
static bool stands(struct smc_system *s, uint64_t addr, const uint8_t *bytes, size_t len)
{
	uint8_t now[PATCH_MAX];

	return len <= sizeof(now) && smc_peek(s, addr, now, len) && !memcmp(now, bytes, len);
}

/*
 * To text what stands at addr, if it is this code with its NOPs as they are or made
 * longer in one of the ways in which kernels do that; else, and false, in this way.
 */
static bool settle(struct smc_system *s, uint64_t addr, uint8_t *text, const uint8_t *code,
		   size_t len, enum nop_form usual)
{
	uint8_t longer[PATCH_MAX];

	if (stands(s, addr, code, len)) {
		memcpy(text, code, len);
		return true;
	}
	for (int form = 0; form < NR_NOP_FORMS; form++) {
		memcpy(longer, code, len);
		nops_optimize(form, longer, len);
		if (stands(s, addr, longer, len)) {
			memcpy(text, longer, len);
			return true;
		}
	}
	memcpy(longer, code, len);
	nops_optimize(usual, longer, len);
	memcpy(text, longer, len);
	return false;
}

/* Where cpuinfo_x86 has its features is the kernel's own to say: in its BTF. */
static const char *capability_place(const struct smc_object *kernel, uint32_t *offset,
				    uint32_t *words)
{
	const struct smc_section *s = smc_section(kernel, ".BTF");
	struct btf_types t;
	const char *why;
	uint32_t size = 0;

	if (!s || !s->data)
		return "it has no BTF (CONFIG_DEBUG_INFO_BTF)";
	why = btf_open(&t, s->data, s->size);
	if (why)
		return why;
	/* An array, or since the bits were given names, a union that is one. */
	if (!btf_member(&t, "cpuinfo_x86", "x86_capability", offset, &size) &&
	    !btf_member(&t, "cpuinfo_x86", "", offset, &size))
		size = 0;
	btf_close(&t);
	if (size < 4 * 12 || size > 4 * SMC_CAPS)
		return "its BTF does not say where processor features are";
	*words = size / 4;
	return NULL;
}

int smc_cpu_read(struct smc_system *s, const struct smc_object *kernel, struct smc_cpu *cpu,
		 struct smc_error *e)
{
	uint64_t caps = symbol_addr("boot_cpu_data", "");
	uint64_t thunk = symbol_addr("x86_return_thunk", "");
	uint64_t up = symbol_addr("uniproc_patched", "");
	uint32_t offset = 0, words = 0;
	uint8_t patched = 0;

	*cpu = (struct smc_cpu){ 0 };
	cpu->unknown = caps ? capability_place(kernel, &offset, &words) :
		       "/proc/kallsyms has no boot_cpu_data (CONFIG_KALLSYMS_ALL)";
	cpu->nr_caps = words;
	if ((!cpu->unknown && !smc_read(s, caps + offset, cpu->caps, 4ul * words)) ||
	    (thunk && !smc_read(s, thunk, &cpu->return_thunk, 8)) ||
	    (up && !smc_read(s, up, &patched, 1)))
		return smc_fail(e, -EIO, "%s: the kernel's data can't be read from it",
				smc_path(s, "/proc/kcore"));
	cpu->its_return_thunk = symbol_addr("its_return_thunk", "");
	cpu->thunks = symbol_addr("__x86_indirect_thunk_array", "");
	cpu->uniprocessor = patched;
	/* Older kernels have another feature of that number, and no such table. */
	cpu->call_depth = smc_section(kernel, ".call_sites") && has(cpu, FEATURE_CALL_DEPTH);
	return 0;
}

bool smc_cpu_has_return_thunk(const struct smc_cpu *cpu)
{
	return has(cpu, FEATURE_RETHUNK);
}

bool smc_cpu_wants_return_thunk(const struct smc_cpu *cpu, uint64_t addr)
{
	if (!smc_cpu_has_return_thunk(cpu))
		return false;
	if (cpu->return_thunk != cpu->its_return_thunk)
		return true;
	return !(addr & 0x20);
}

/* The address that a 32-bit entry at `at` of a table names: relative to itself. */
static uint64_t entry_target(const struct smc_object *o, uint64_t at)
{
	int32_t d;

	memcpy(&d, smc_expected(o, at, sizeof(d)), sizeof(d));
	return at + (uint64_t)(int64_t)d;
}

/* apply_paravirt(): an indirect call through pv_ops becomes a direct one. */
static void apply_paravirt(struct smc_system *s, struct smc_object *o)
{
	uint64_t ops = symbol_addr("pv_ops", ""), nop = symbol_addr("_paravirt_nop", "");
	uint64_t from, to, target;
	struct paravirt p;
	uint8_t *text;

	if (!smc_table(o, ".parainstructions", NULL, NULL, &from, &to))
		return;
	for (; to - from >= sizeof(p); from += sizeof(p)) {
		memcpy(&p, smc_expected(o, from, sizeof(p)), sizeof(p));
		text = smc_expected(o, p.site, p.len);
		if (!text || p.len < 5 || !smc_peek(s, ops + 8ull * p.type, &target, 8))
			continue;
		if (!target)
			target = symbol_addr("paravirt_BUG", "");
		if (target == nop) {
			nops_fill(NOPS_OF_90, text, p.len);
			continue;
		}
		text[0] = 0xe8;
		smc_rel32(p.site, target, 5, text + 1);
		nops_fill(NOPS_OF_90, text + 5, p.len - 5u);
	}
}

/*
 * Is what is called in memory a thunk of ITS for this register? They are made as
 * they are needed, so that the call's distance is known from memory alone.
 */
static bool its_thunk(struct smc_system *s, uint64_t addr, unsigned int reg)
{
	uint8_t code[4], jump = (uint8_t)(0xe0 + (reg & 7));
	size_t first = reg >= 8, n = first;

	if (!smc_peek(s, addr, code, sizeof(code)) || (first && code[0] != 0x41))
		return false;
	while (n < 3 && code[n] == 0xff)
		n++;
	return n > first && code[n] == jump;
}

/* A branch in the lower half of a cache line may go by a thunk of its own. */
static bool is_its(struct smc_system *s, uint64_t addr, const uint8_t *text, size_t len,
		   uint64_t reg, size_t before, uint8_t *now)
{
	return !((addr + before + 1 + reg / 8) & 0x20) && smc_peek(s, addr, now, len) &&
	       !memcmp(now, text, len - 4) &&
	       its_thunk(s, smc_rel32_target(addr, now, len), (unsigned int)reg);
}

/* patch_retpoline() on one site of `len` bytes: CALL, JMP or Jcc of a thunk. */
static void patch_retpoline(struct smc_system *s, const struct smc_cpu *cpu, uint64_t addr,
			    uint8_t *text, size_t len)
{
	uint64_t reg = (smc_rel32_target(addr, text, len) - cpu->thunks) / THUNK_SIZE;
	bool lfence = has(cpu, FEATURE_RETPOLINE_LFENCE);
	uint8_t out[16], orig[16], now[16];

	if (reg > 15 || len > sizeof(orig) || (has(cpu, FEATURE_RETPOLINE) && !lfence))
		return;
	/* Not known what it is: as it stands, if it is any of these. */
	if (cpu->unknown && stands(s, addr, text, len))
		return;
	memcpy(orig, text, len);
	if (is_its(s, addr, orig, len, reg, (orig[0] == 0x0f ? 2 : 0) + (lfence ? 3 : 0), now)) {
		memcpy(text, now, len);
		return;
	}
	for (int form = NR_INDIRECT_FORMS - 1; form >= 0; form--)
		if (retpoline_inline(form, orig, len, lfence, (unsigned int)reg, out) &&
		    settle(s, addr, text, out, len, NOPS_TO_11))
			return;
	if (cpu->unknown && retpoline_inline(INDIRECT_NOPS, orig, len, true, (unsigned int)reg, out))
		settle(s, addr, text, out, len, NOPS_TO_11);
}

/* The length of a CALL, JMP or Jcc with a 32-bit distance; 0: it is none. */
static size_t branch_len(const uint8_t *p)
{
	if (*p == 0xe8 || *p == 0xe9)
		return 5;
	if (*p == 0x2e && (p[1] == 0xe8 || p[1] == 0xe9))
		return 6;
	return *p == 0x0f && (p[1] & 0xf0) == 0x80 ? 6 : 0;
}

static void apply_retpolines(struct smc_system *s, const struct smc_cpu *cpu,
			     struct smc_object *o)
{
	uint64_t from, to;

	if (!smc_table(o, ".retpoline_sites", NULL, NULL, &from, &to))
		return;
	for (; to - from >= 4; from += 4) {
		uint64_t addr = entry_target(o, from);
		uint8_t *text = smc_expected(o, addr, 6);
		size_t len = text ? branch_len(text) : 0;

		if (len)
			patch_retpoline(s, cpu, addr, text, len);
	}
}

/* apply_returns(): but for static calls' trampolines, which smc_site_due() knows. */
static void apply_returns(struct smc_system *s, const struct smc_cpu *cpu,
			  struct smc_object *o)
{
	uint64_t from, to;

	if (!smc_table(o, ".return_sites", NULL, NULL, &from, &to))
		return;
	for (; to - from >= 4; from += 4) {
		uint64_t addr = entry_target(o, from);
		uint8_t *text = smc_expected(o, addr, 5);
		uint8_t *behind = smc_expected(o, addr, 8);

		if (!text || text[0] != 0xe9 || (behind && !memcmp(behind + 5, "\x0f\xb9\xcc", 3)))
			continue;
		smc_rel32(addr, cpu->return_thunk, 5, text + 1);
		if (cpu->unknown ? !stands(s, addr, text, 5) :
		    !smc_cpu_wants_return_thunk(cpu, addr)) {
			text[0] = 0xc3;
			memset(text + 1, 0xcc, 4);
		}
	}
}

/* The entries of one site, and what each makes of it. */
struct group {
	struct smc_system *s;
	const struct smc_cpu *cpu;
	struct smc_object *o;
	const struct alt_shape *shape;
	uint64_t from, site;	/* of the first entry, and what it names */
	size_t n, len;
	uint8_t orig[PATCH_MAX];
};

static void group_read(const struct group *g, size_t i, struct alt *a)
{
	uint64_t at = g->from + i * g->shape->size;

	alt_read(g->shape, smc_expected(g->o, at, g->shape->size), a);
}

/* apply_alternatives() before 6.3: one CALL or JMP, that is all of it, is moved. */
static void move_branch(uint8_t *p, size_t len, const struct alt_shape *shape, uint64_t site,
			uint64_t replacement)
{
	uint64_t target;

	if (len != 5 || (p[0] != 0xe8 && p[0] != 0xe9))
		return;
	target = smc_rel32_target(replacement, p, 5);
	if (p[0] == 0xe9 && jump_shorten(shape, p, (int64_t)(target - site)))
		return;
	smc_rel32(site, target, 5, p + 1);
}

/* __apply_relocation() on `len` bytes that came from the replacement. */
static void move_all(uint8_t *p, size_t len, const struct alt_shape *shape, uint64_t site,
		     uint64_t replacement)
{
	struct insn i;

	for (size_t at = 0; at < len && insn_decode(p + at, len - at, &i); at += i.len) {
		bool branch = insn_is_branch(&i);
		size_t field = at + (branch ? i.imm : i.rip), n = branch ? i.imm_len : 4;
		int64_t to = 0, rel;

		if (!branch && !i.rip)
			continue;
		memcpy(&to, p + field, n);
		to = (n == 1 ? (int8_t)to : (int32_t)to) + (int64_t)(at + i.len);
		rel = to - (int64_t)(at + i.len);
		if (to < 0 || to > (int64_t)len) {
			rel += (int64_t)(replacement - site);
			memcpy(p + field, &rel, n);
		}
		/* It moves one within the replacement as well, where it gets short. */
		if (i.op[0] == 0xe9 && branch)
			jump_shorten(shape, p + at, (int64_t)(replacement - site) + to - (int64_t)at);
	}
}

/* alt_replace_call(): the call of what the site's call through memory leads to. */
static bool direct_call(const struct group *g, uint8_t *p)
{
	uint64_t target = 0;

	if (g->len < 6 || g->orig[0] != 0xff || g->orig[1] != 0x15 ||
	    !smc_peek(g->s, smc_rel32_target(g->site, g->orig, 6), &target, sizeof(target)))
		return false;
	memset(p, 0x90, g->len);
	if (!target)
		target = symbol_addr("BUG_func", "");
	if (target == symbol_addr("nop_func", ""))
		return true;
	p[0] = 0xe8;
	return !smc_rel32(g->site, target, 5, p + 1);
}

/* What entry i makes of the site, its NOPs as they are; false: it can't be told. */
static bool replace(const struct group *g, size_t i, uint8_t *p)
{
	uint64_t from = g->from + i * g->shape->size, replacement = entry_target(g->o, from + 4);
	const uint8_t *with;
	struct alt a;

	group_read(g, i, &a);
	if (a.direct_call)
		return direct_call(g, p);
	with = smc_expected(g->o, replacement, a.replacement_len);
	if ((!with && a.replacement_len) || a.replacement_len > g->len)
		return false;
	if (a.replacement_len)
		memcpy(p, with, a.replacement_len);
	memset(p + a.replacement_len, 0x90, g->len - a.replacement_len);
	if (g->shape->relocated)
		move_all(p, a.replacement_len, g->shape, g->site, replacement);
	else
		move_branch(p, a.replacement_len, g->shape, g->site, replacement);
	return true;
}

/* The last entry whose feature is there is chosen; if none is, the site stays. */
static void apply_group(struct group *g, uint8_t *text)
{
	enum nop_form usual = g->shape->relocated ? NOPS_TO_11 : NOPS_OF_90;
	uint8_t p[PATCH_MAX];
	struct alt a;

	memcpy(g->orig, text, g->len);
	for (size_t i = g->n; i; i--) {
		group_read(g, i - 1, &a);
		if (!g->cpu->unknown && has(g->cpu, a.feature) == a.inverted)
			continue;
		if (!replace(g, i - 1, p))
			continue;
		/* Without features it is the one that stands there. */
		if (settle(g->s, g->site, text, p, g->len, usual) || !g->cpu->unknown)
			return;
	}
	settle(g->s, g->site, text, g->orig, g->len, usual);
}

/* How many entries from this one on are of its site; *len is that of the longest. */
static size_t same_site(const struct smc_object *o, const struct alt_shape *shape, uint64_t from,
			uint64_t to, size_t *len)
{
	uint64_t site = entry_target(o, from), at = from;
	struct alt a;

	for (*len = 0; to - at >= shape->size && entry_target(o, at) == site; at += shape->size) {
		alt_read(shape, smc_expected(o, at, shape->size), &a);
		/* Before 6.3 each is of its own, and they all have one length. */
		if (!shape->relocated && at != from && a.len != *len)
			break;
		if (a.len > *len)
			*len = a.len;
	}
	return (size_t)(at - from) / shape->size;
}

const struct alt_shape *smc_alt_table(const struct smc_object *o, uint64_t *from, uint64_t *to)
{
	const struct smc_section *s = smc_section(o, ".altinstructions");
	const struct alt_shape *shape = NULL;

	if (!s || !smc_table(o, s->name, NULL, NULL, from, to))
		return NULL;
	if (s->entsize)
		return alt_shape(s->entsize);
	/*
	 * A section that does not say it: in the form that makes sense of all its
	 * entries, in which each names code, and no replacement is too long.
	 */
	for (size_t size = 12; !shape && size <= 14; size += 2) {
		uint64_t at = *from;
		struct alt a;

		shape = s->size % size ? NULL : alt_shape(size);
		for (; shape && *to - at >= size; at += size) {
			const struct smc_section *c;

			alt_read(shape, smc_expected(o, at, size), &a);
			c = smc_section_at(o, entry_target(o, at), a.len);
			if (!c || !(c->flags & SHF_EXECINSTR) || a.replacement_len > 254 ||
			    (a.replacement_len &&
			     !smc_section_at(o, entry_target(o, at + 4), a.replacement_len)))
				shape = NULL;
		}
	}
	return shape;
}

static void apply_alternatives(struct smc_system *s, const struct smc_cpu *cpu,
			       struct smc_object *o)
{
	struct group g = { .s = s, .cpu = cpu, .o = o };
	uint64_t to;

	g.shape = smc_alt_table(o, &g.from, &to);
	for (; g.shape && to - g.from >= g.shape->size; g.from += g.n * g.shape->size) {
		uint8_t *text;

		g.site = entry_target(o, g.from);
		g.n = same_site(o, g.shape, g.from, to, &g.len);
		text = smc_expected(o, g.site, g.len);
		if (text && g.len)
			apply_group(&g, text);
	}
}

/* apply_seal_endbr(): a function whose address nobody takes begins with a NOP. */
static void apply_endbr(struct smc_system *s, struct smc_object *o)
{
	static const uint8_t endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	uint64_t from, to;

	if (!smc_table(o, ".ibt_endbr_seal", NULL, NULL, &from, &to))
		return;
	for (; to - from >= 4; from += 4) {
		uint64_t addr = entry_target(o, from);
		uint8_t *text = smc_expected(o, addr, 4);
		int i = NR_ENDBR_POISONS - 1;

		if (!text || memcmp(text, endbr, sizeof(endbr)) != 0)
			continue;
		while (i && !stands(s, addr, endbr_poisons[i], 4))
			i--;
		memcpy(text, endbr_poisons[i], 4);
	}
}

/*
 * Constants that the boot writes into code (runtime_const_init()): a section for
 * each, runtime_ptr_NAME and so on, of distances to where it is written. It is the
 * variable's of its name; where there is none, or it went with the boot, it has to
 * be the same everywhere.
 */
static void apply_constant(struct smc_system *s, struct smc_object *o,
			   const struct smc_section *c, const char *name, size_t len)
{
	uint64_t variable = symbol_addr(name, ""), value = 0;
	bool gone = variable >= symbol_addr("__init_begin", "") &&
		    variable < symbol_addr("__init_end", "");
	bool known = variable && !gone && smc_peek(s, variable, &value, len);

	for (uint64_t at = c->addr; c->addr + c->size - at >= 4; at += 4) {
		uint64_t addr = entry_target(o, at);
		const struct smc_section *in = smc_section_at(o, addr, len);

		/* Code of the boot is no more. */
		if (!in || strcmp(in->name, ".text") != 0)
			continue;
		if (!known && smc_peek(s, addr, &value, len))
			known = true;
		if (known)
			memcpy(in->data + (addr - in->addr), &value, len);
	}
}

static void apply_constants(struct smc_system *s, struct smc_object *o)
{
	static const struct {
		const char *prefix;
		size_t len;
	} kinds[] = { { "runtime_ptr_", 8 }, { "runtime_mask_", 4 }, { "runtime_shift_", 1 } };

	for (size_t i = 0; i < o->nr_sections; i++) {
		const struct smc_section *c = &o->sections[i];

		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			size_t n = strlen(kinds[k].prefix);

			if (c->data && (c->flags & SHF_ALLOC) &&
			    !strncmp(c->name, kinds[k].prefix, n))
				apply_constant(s, o, c, c->name + n, kinds[k].len);
		}
	}
}

/* With one processor LOCK prefixes become DS prefixes, until a second one comes. */
static void apply_smp_locks(const struct smc_cpu *cpu, struct smc_object *o)
{
	uint64_t from, to;

	if (!cpu->uniprocessor || !smc_table(o, ".smp_locks", NULL, NULL, &from, &to))
		return;
	for (; to - from >= 4; from += 4) {
		uint64_t addr = entry_target(o, from);
		const struct smc_section *s = addr == from ? NULL : smc_section_at(o, addr, 1);

		if (s && !strcmp(s->name, ".text") && s->data[addr - s->addr] == 0xf0)
			s->data[addr - s->addr] = 0x3e;
	}
}

void smc_apply_boot(struct smc_system *s, const struct smc_cpu *cpu, struct smc_object *o)
{
	apply_paravirt(s, o);
	apply_retpolines(s, cpu, o);
	apply_returns(s, cpu, o);
	apply_alternatives(s, cpu, o);
	apply_endbr(s, o);
	apply_smp_locks(cpu, o);
	if (!o->module)
		apply_constants(s, o);
}
