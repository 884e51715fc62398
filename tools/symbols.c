// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's symbols, sorted by address. kallsyms is in the order of
 * addresses for the kernel itself, then of modules: one sort after reading.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "symbols.h"

/* An address further than this past a symbol does not belong to it. */
#define MAX_OFFSET	(1u << 20)
/* Below it: user space, and per-CPU variables, whose symbols are offsets. */
#define KERNEL_START	(1ull << 63)

struct symbol {
	uint64_t addr;
	uint32_t text;		/* into pool: "name" or "name [module]" */
	uint32_t order;		/* of the file, to keep aliases as they stood */
};

static struct {
	const char *path;
	bool loaded, hidden;
	struct symbol *table;
	size_t n, max;
	char *pool;
	size_t used, size;
} syms = { .path = "/proc/kallsyms" };

void symbols_use(const char *path)
{
	syms.path = path;
}

bool symbols_hidden(void)
{
	return syms.hidden;
}

static bool grow(void **array, size_t *max, size_t need, size_t size)
{
	size_t want = *max ? *max : 4096;
	void *p;

	if (need <= *max)
		return true;
	while (want < need)
		want *= 2;
	p = realloc(*array, want * size);
	if (!p)
		return false;
	*array = p;
	*max = want;
	return true;
}

static bool add(uint64_t addr, const char *name, const char *module)
{
	size_t len = strlen(name) + strlen(module) + 2;

	if (!grow((void **)&syms.table, &syms.max, syms.n + 1, sizeof(*syms.table)) ||
	    !grow((void **)&syms.pool, &syms.size, syms.used + len, 1) ||
	    syms.used + len > UINT32_MAX)
		return false;
	snprintf(syms.pool + syms.used, len, "%s%s%s", name, *module ? " " : "", module);
	syms.table[syms.n] = (struct symbol){ addr, (uint32_t)syms.used, (uint32_t)syms.n };
	syms.n++;
	syms.used += len;
	return true;
}

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void load(void)
{
	FILE *f = fopen(syms.path, "re");
	char line[512], name[256], module[128], type;
	bool any = false;
	uint64_t addr;
	int fields;

	syms.loaded = true;
	while (f && fgets(line, sizeof(line), f)) {
		module[0] = '\0';
		fields = sscanf(line, "%" SCNx64 " %c %255s %127s", &addr, &type, name, module);
		any |= fields >= 3;
		if (fields < 3 || addr < KERNEL_START)
			continue;
		if (!add(addr, name, module))
			break;
	}
	if (f)
		fclose(f);
	syms.hidden = any && !syms.n;
	if (syms.n)
		qsort(syms.table, syms.n, sizeof(*syms.table), by_address);
}

/* The last symbol at or below addr; of aliases the first in the file. */
static const struct symbol *lookup(uint64_t addr)
{
	size_t low = 0, high = syms.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (syms.table[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return NULL;
	low--;
	while (low && syms.table[low - 1].addr == syms.table[low].addr)
		low--;
	return &syms.table[low];
}

bool symbol_find(uint64_t addr, char *buf, size_t len)
{
	const struct symbol *s;
	const char *text, *module;

	if (addr < KERNEL_START)
		return false;
	if (!syms.loaded)
		load();
	s = lookup(addr);
	if (!s || addr - s->addr > MAX_OFFSET)
		return false;
	text = syms.pool + s->text;
	module = strchr(text, ' ');
	if (!module)
		module = text + strlen(text);
	snprintf(buf, len, "%.*s+0x%" PRIx64 "%s", (int)(module - text), text, addr - s->addr,
		 module);
	return true;
}

const char *symbol_at(uint64_t addr, char *buf, size_t len)
{
	if (!symbol_find(addr, buf, len))
		snprintf(buf, len, "0x%" PRIx64, addr);
	return buf;
}
