// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel does to text once, when it boots and when it loads a module:
 * the same on what came from disk, in the order of alternative_instructions() and
 * module_finalize(). The tables are the file's; what they depend on, the
 * processor's features and the choices of mitigations, is read from memory.
 * The formats are those of Linux 6.1.
 */
#define _GNU_SOURCE
#include <bpf/btf.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include "smc.h"
#include "symbols.h"

/* arch/x86/include/asm/cpufeatures.h */
#define FEATURE_RETPOLINE		(11 * 32 + 12)
#define FEATURE_RETPOLINE_LFENCE	(11 * 32 + 13)
#define FEATURE_RETHUNK			(11 * 32 + 14)
#define FEATURE_THUNK_ITS		(21 * 32 + 5)

#define ALT_NOT		0x8000		/* ALTINSTR_FLAG_INV */
#define PATCH_MAX	255		/* bytes of an alternative */
#define THUNK_SIZE	32		/* RETPOLINE_THUNK_SIZE */

struct alternative {
	int32_t site, replacement;
	uint16_t feature;
	uint8_t len, replacement_len;
} __attribute__((packed));

struct paravirt {
	uint64_t site;
	uint8_t type, len;
	uint8_t pad[6];
};

static bool has(const struct smc_cpu *cpu, unsigned int feature)
{
	return feature / 32 < cpu->nr_caps && (cpu->caps[feature / 32] >> feature % 32 & 1);
}

void smc_nops(uint8_t *p, size_t n)
{
	/* arch/x86/include/asm/nops.h */
	static const uint8_t nops[8][8] = {
		{ 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0x00 }, { 0x0f, 0x1f, 0x40, 0x00 },
		{ 0x0f, 0x1f, 0x44, 0x00, 0x00 }, { 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
	};

	while (n) {
		size_t len = n < 8 ? n : 8;

		memcpy(p, nops[len - 1], len);
		p += len;
		n -= len;
	}
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

/* A 90 that is part of another instruction, a distance or PAUSE, is none. */
void smc_optimize_nops(uint8_t *p, size_t len)
{
	if (!memmem(p, len, "\x90\x90", 2))
		return;
	for (size_t i = 0, n; i < len; i += n) {
		n = 0;
		while (i + n < len && p[i + n] == 0x90)
			n++;
		if (n > 1)
			smc_nops(p + i, n);
		if (!n)
			n = smc_instruction_len(p + i, len - i);
		if (!n)
			return;
	}
}

/* Where cpuinfo_x86 has its features is the kernel's own to say: in its BTF. */
static int capability_place(const struct smc_object *kernel, uint32_t *offset, uint32_t *words,
			    struct smc_error *e)
{
	const struct smc_section *s = smc_section(kernel, ".BTF");
	struct btf *btf = s && s->data ? btf__new(s->data, (uint32_t)s->size) : NULL;
	const struct btf_type *t;
	int id = btf ? btf__find_by_name_kind(btf, "cpuinfo_x86", BTF_KIND_STRUCT) : -1;

	*words = 0;
	t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	for (uint16_t i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const char *name = btf__name_by_offset(btf, m->name_off);
		int64_t size;

		/* An array, or since the bits were given names, a union that is one. */
		if (!name || (strcmp(name, "x86_capability") && *name))
			continue;
		size = btf__resolve_size(btf, m->type);
		if (size >= 4L * 12 && size <= 4L * SMC_CAPS) {
			*offset = btf_member_bit_offset(t, i) / 8;
			*words = (uint32_t)size / 4;
		}
	}
	btf__free(btf);
	if (!*words)
		return smc_fail(e, -EINVAL, "%s: its BTF does not say where processor features are (CONFIG_DEBUG_INFO_BTF)",
				kernel->path);
	return 0;
}

int smc_cpu_read(struct smc_system *s, const struct smc_object *kernel, struct smc_cpu *cpu,
		 struct smc_error *e)
{
	uint64_t caps = symbol_addr("boot_cpu_data", "");
	uint64_t thunk = symbol_addr("x86_return_thunk", "");
	uint64_t up = symbol_addr("uniproc_patched", "");
	uint32_t offset = 0, words = 0;
	uint8_t patched = 0;
	int err = capability_place(kernel, &offset, &words, e);

	if (err)
		return err;
	*cpu = (struct smc_cpu){ .nr_caps = words };
	if (!caps || !smc_read(s, caps + offset, cpu->caps, 4ul * words) ||
	    (thunk && !smc_read(s, thunk, &cpu->return_thunk, 8)) ||
	    (up && !smc_read(s, up, &patched, 1)))
		return smc_fail(e, -EIO, "%s: the kernel's data can't be read from it",
				smc_path(s, "/proc/kcore"));
	cpu->its_return_thunk = symbol_addr("its_return_thunk", "");
	cpu->thunks = symbol_addr("__x86_indirect_thunk_array", "");
	cpu->uniprocessor = patched;
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
			smc_nops(text, p.len);
			continue;
		}
		text[0] = 0xe8;
		smc_rel32(p.site, target, 5, text + 1);
		smc_nops(text + 5, p.len - 5u);
	}
}

/* emit_indirect(): CALL or JMP *%reg. */
static size_t emit_indirect(bool call, unsigned int reg, uint8_t *p)
{
	size_t n = 0;

	if (reg >= 8)
		p[n++] = 0x41;
	p[n++] = 0xff;
	p[n++] = (uint8_t)((call ? 0xd0 : 0xe0) + (reg & 7));
	return n;
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

/* patch_retpoline() on one site of `len` bytes: CALL, JMP or Jcc of a thunk. */
static void patch_retpoline(struct smc_system *s, const struct smc_cpu *cpu, uint64_t addr,
			    uint8_t *text, size_t len)
{
	uint64_t reg = (smc_rel32_target(addr, text, len) - cpu->thunks) / THUNK_SIZE;
	bool jcc = text[0] == 0x0f, call = text[len - 5] == 0xe8;
	uint8_t out[16], now[8];
	size_t n = 0;

	if (reg > 15 || (has(cpu, FEATURE_RETPOLINE) && !has(cpu, FEATURE_RETPOLINE_LFENCE)))
		return;
	if (jcc) {
		out[n++] = (uint8_t)(0x70 + ((text[1] & 0xf) ^ 1));
		out[n++] = (uint8_t)(len - 2);
		call = false;
	}
	if (has(cpu, FEATURE_RETPOLINE_LFENCE)) {
		out[n++] = 0x0f;
		out[n++] = 0xae;
		out[n++] = 0xe8;
	}
	if (has(cpu, FEATURE_THUNK_ITS) && !((addr + n + 1 + reg / 8) & 0x20)) {
		if (smc_peek(s, addr, now, len) && now[len - 5] == text[len - 5] &&
		    its_thunk(s, smc_rel32_target(addr, now, len), (unsigned int)reg))
			memcpy(text, now, len);
		return;
	}
	n += emit_indirect(call, (unsigned int)reg, out + n);
	if (n > len)
		return;
	if (!call && n < len)
		out[n++] = 0xcc;
	while (n < len)
		out[n++] = 0x90;
	smc_optimize_nops(out, len);
	memcpy(text, out, len);
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
static void apply_returns(const struct smc_cpu *cpu, struct smc_object *o)
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
		if (smc_cpu_wants_return_thunk(cpu, addr)) {
			smc_rel32(addr, cpu->return_thunk, 5, text + 1);
		} else {
			text[0] = 0xc3;
			memset(text + 1, 0xcc, 4);
		}
	}
}

/* recompute_jump(): the JMP of a replacement, for where it is copied to. */
static void recompute_jump(uint64_t addr, uint64_t target, uint8_t *p)
{
	int64_t d = (int64_t)(target - addr);

	if (d >= 0 ? d - 2 <= 127 : ((d - 2) & 0xff) == d - 2) {
		p[0] = 0xeb;
		p[1] = (uint8_t)(d - 2);
		smc_nops(p + 2, 3);
	} else {
		p[0] = 0xe9;
		smc_rel32(addr, target, 5, p + 1);
	}
}

static void apply_alternative(const struct smc_cpu *cpu, const struct alternative *a,
			      uint64_t site, uint64_t replacement, uint8_t *text,
			      const uint8_t *with)
{
	bool chosen = has(cpu, a->feature & ~ALT_NOT) != !!(a->feature & ALT_NOT);

	if (chosen && a->replacement_len <= a->len) {
		if (a->replacement_len)
			memcpy(text, with, a->replacement_len);
		memset(text + a->replacement_len, 0x90, (size_t)(a->len - a->replacement_len));
		if (a->replacement_len == 5 && with[0] == 0xe8)
			smc_rel32(site, smc_rel32_target(replacement, with, 5), 5, text + 1);
		if (a->replacement_len == 5 && (with[0] == 0xe9 || with[0] == 0xeb))
			recompute_jump(site, smc_rel32_target(replacement, with, 5), text);
	}
	smc_optimize_nops(text, a->len);
}

static void apply_alternatives(const struct smc_cpu *cpu, struct smc_object *o)
{
	struct alternative a;
	uint64_t from, to;

	if (!smc_table(o, ".altinstructions", NULL, NULL, &from, &to))
		return;
	for (; to - from >= sizeof(a); from += sizeof(a)) {
		uint64_t site = entry_target(o, from), with = entry_target(o, from + 4);
		uint8_t *text, *replacement;

		memcpy(&a, smc_expected(o, from, sizeof(a)), sizeof(a));
		text = smc_expected(o, site, a.len);
		replacement = smc_expected(o, with, a.replacement_len);
		if (text && (replacement || !a.replacement_len))
			apply_alternative(cpu, &a, site, with, text, replacement);
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
	apply_returns(cpu, o);
	apply_alternatives(cpu, o);
	apply_smp_locks(cpu, o);
}
