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
	if (!handle) {
		if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
			return;
		cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	}
	insn = cs_malloc(handle);
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
