// SPDX-License-Identifier: GPL-2.0-only
/*
 * __jump_table and .static_call_sites, which the kernel and every module have
 * alike, and the instructions that stand at their sites now. What lies in
 * freed init text, or was never in this text, is left out.
 */
#include <linux/string.h>
#include "sites.h"
#include <asm/text-patching.h>

/* Of a jump label: 2 or 5; 0: neither its NOP nor its JMP. */
static u8 jump_len(const u8 *insn)
{
	static const u8 nop2[] = { 0x66, 0x90 };
	static const u8 nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };

	if (insn[0] == JMP8_INSN_OPCODE || !memcmp(insn, nop2, sizeof(nop2)))
		return JMP8_INSN_SIZE;
	if (insn[0] == JMP32_INSN_OPCODE || !memcmp(insn, nop5, sizeof(nop5)))
		return JMP32_INSN_SIZE;
	return 0;
}

int site_jumps(const struct patched *p, struct site_list *list,
	       unsigned long *at)
{
	const struct jump_entry *e;
	int err;
	u8 len;

	for (e = p->jumps; e < p->jumps + p->nr_jumps; e++) {
		*at = jump_entry_code(e);
		if (jump_entry_is_init(e) || !patched_has(p, *at))
			continue;
		len = jump_len((const u8 *)*at);
		if (!len)
			return -EINVAL;
		err = site_add(list, VBH_SITE_JUMP, *at,
			       jump_entry_target(e) - *at, len);
		if (err)
			return err;
	}
	return 0;
}

/* As kernel/static_call_inline.c does; the flags are in the key's low bits. */
static unsigned long call_addr(const struct static_call_site *s)
{
	return (long)s->addr + (long)&s->addr;
}

static unsigned long call_flags(const struct static_call_site *s)
{
	return ((long)s->key + (long)&s->key) & STATIC_CALL_SITE_FLAGS;
}

/* Jcc rel32, as a conditional tail call is one. */
static bool is_jcc(const u8 *insn)
{
	return insn[0] == 0x0f && (insn[1] & 0xf0) == 0x80;
}

int site_calls(const struct patched *p, struct site_list *list, u8 kind,
	       unsigned long *at)
{
	const struct static_call_site *s;
	unsigned long flags;
	int err;

	for (s = p->calls; s < p->calls + p->nr_calls; s++) {
		flags = call_flags(s);
		*at = call_addr(s);
		if (flags & STATIC_CALL_SITE_INIT || !patched_has(p, *at) ||
		    (flags & STATIC_CALL_SITE_TAIL ? VBH_SITE_TAIL : VBH_SITE_CALL) != kind)
			continue;
		err = site_add(list, kind, *at, 0,
			       kind == VBH_SITE_TAIL && is_jcc((u8 *)*at) ? 6 : 5);
		if (err)
			return err;
	}
	return 0;
}

bool site_is_tramp(unsigned long addr)
{
	static const u8 ud1[] = { 0x0f, 0xb9, 0xcc };

	return !memcmp((u8 *)addr + 5, ud1, sizeof(ud1));
}

unsigned long site_leads_to(unsigned long addr)
{
	const u8 *insn = (const u8 *)addr;

	if (insn[0] == CALL_INSN_OPCODE || insn[0] == JMP32_INSN_OPCODE)
		return addr + 5 + *(s32 *)(addr + 1);
	if (is_jcc(insn))
		return addr + 6 + *(s32 *)(addr + 2);
	return 0;
}

static int add_target(const struct patched *p, struct site_list *entries,
		      unsigned long site)
{
	unsigned long to = site_leads_to(site);

	return patched_has(p, to) ? site_add(entries, VBH_SITE_ENTRY, to, 0, 0) :
				    0;
}

int site_targets(const struct patched *p, const struct site_list *tramps,
		 struct site_list *entries)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < tramps->nr; i++)
		err = add_target(p, entries, tramps->sites[i].addr);
	for (i = 0; !err && i < p->nr_calls; i++)
		if (patched_has(p, call_addr(&p->calls[i])))
			err = add_target(p, entries, call_addr(&p->calls[i]));
	return err;
}
