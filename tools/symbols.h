/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel addresses by name, from /proc/kallsyms, read when first needed. */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * "symbol+0x12 [module]", or "0x..." for an address that no symbol is near.
 * With kernel.kptr_restrict in the way everything is a number, and
 * symbols_hidden() says so afterwards.
 */
const char *symbol_at(uint64_t addr, char *buf, size_t len);
/* As symbol_at(), but false and buf untouched if there is no symbol. */
bool symbol_find(uint64_t addr, char *buf, size_t len);
bool symbols_hidden(void);
/* Another file than /proc/kallsyms; before the first look-up. For tests. */
void symbols_use(const char *path);

#endif
