// SPDX-License-Identifier: GPL-2.0-only
/* Instructions in words, by Capstone, with kernel addresses by name. */
#include <capstone.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "smc.h"
#include "symbols.h"

static csh handle;

static bool ready(void)
{
	if (handle)
		return true;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return false;
	cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	return true;
}

size_t smc_instruction_len(const uint8_t *bytes, size_t n)
{
	cs_insn *insn = ready() ? cs_malloc(handle) : NULL;
	const uint8_t *p = bytes;
	uint64_t addr = 0;
	bool known = insn && cs_disasm_iter(handle, &p, &n, &addr, insn);

	if (insn)
		cs_free(insn, 1);
	return known ? (size_t)(p - bytes) : 0;
}

bool smc_instructions(uint64_t func, const uint8_t *bytes, size_t n, size_t *from, size_t *to)
{
	cs_insn *insn = ready() ? cs_malloc(handle) : NULL;
	const uint8_t *p = bytes;
	size_t begin = 0, end = 0;

	while (insn && end < *to && cs_disasm_iter(handle, &p, &n, &func, insn)) {
		if ((size_t)(p - bytes) <= *from)
			begin = (size_t)(p - bytes);
		end = (size_t)(p - bytes);
	}
	if (insn)
		cs_free(insn, 1);
	if (end < *to)
		return false;
	*from = begin;
	*to = end;
	return true;
}

/* The operand of a branch is a number in hexadecimal: its symbol, if it has one. */
static const char *operand(const cs_insn *insn, char *buf, size_t len)
{
	char *end;
	uint64_t to = strtoull(insn->op_str, &end, 16);

	if (strncmp(insn->op_str, "0x", 2) || *end || !symbol_find(to, buf, len))
		return insn->op_str;
	return buf;
}

void smc_disassemble(uint64_t addr, const uint8_t *bytes, size_t n, char *buf, size_t len)
{
	char name[256];
	cs_insn *insn;
	size_t used = 0;

	buf[0] = '\0';
	insn = ready() ? cs_malloc(handle) : NULL;
	while (insn && n && used < len) {
		const char *separator = used ? "; " : "";
		int put;

		if (cs_disasm_iter(handle, &bytes, &n, &addr, insn)) {
			const char *op = operand(insn, name, sizeof(name));

			put = snprintf(buf + used, len - used, "%s%s%s%s", separator,
				       insn->mnemonic, *op ? " " : "", op);
		} else {
			put = snprintf(buf + used, len - used, "%s.byte %#04x", separator, *bytes);
			bytes++;
			addr++;
			n--;
		}
		used += put > 0 ? (size_t)put : 0;
	}
	if (insn)
		cs_free(insn, 1);
}
