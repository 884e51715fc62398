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
/* Another file than /proc/kallsyms; before the first look-up. */
void symbols_use(const char *path);
/* Modules have come or gone: read the file again at the next look-up. */
void symbols_reload(void);

/* One symbol; the strings live until symbols_reload(). */
struct symbol_info {
	uint64_t addr;
	uint64_t end;		/* where the next one begins, at most MAX_OFFSET on */
	const char *name;
	const char *module;	/* without brackets; "" for the kernel itself */
	char type;		/* as nm(1); upper case: global */
};

/* The symbol that an address belongs to: the last one at or below it. */
bool symbol_info_at(uint64_t addr, struct symbol_info *info);
/*
 * A symbol by name, of this module ("": the kernel) or of any (NULL: the kernel
 * before modules, global before local). False: there is none.
 */
bool symbol_named(const char *name, const char *module, struct symbol_info *info);
/* All of a name, in that order, but at most max of them into list: how many there are. */
size_t symbols_named(const char *name, struct symbol_info *list, size_t max);
/* Its address, or 0. */
uint64_t symbol_addr(const char *name, const char *module);
/*
 * Calls fn for every symbol of the file, in the order of addresses, until it
 * returns false.
 */
void symbols_each(bool (*fn)(const struct symbol_info *info, void *arg), void *arg);

#endif
