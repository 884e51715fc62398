// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's symbols, sorted by address. kallsyms is in the order of
 * addresses for the kernel itself, then of modules: one sort after reading.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "printable.h"
#include "symbols.h"

/* An address further than this past a symbol does not belong to it. */
#define MAX_OFFSET	(1u << 20)
/* Below it: user space, and per-CPU variables, whose symbols are offsets. */
#define KERNEL_START	(1ull << 63)

struct symbol {
	uint64_t addr;
	uint32_t text;		/* into pool: name, NUL, module, NUL */
	uint32_t order : 24;	/* of the file, to keep aliases as they stood */
	uint32_t type : 8;
};

static struct {
	const char *path;
	bool loaded, hidden;
	struct symbol *table;
	size_t n, max;
	char *pool;
	size_t used, size;
	uint32_t *names;	/* of table, by name; made when first needed */
} syms = { .path = "/proc/kallsyms" };

void symbols_use(const char *path)
{
	syms.path = path;
	symbols_reload();
}

void symbols_reload(void)
{
	free(syms.names);
	syms.names = NULL;
	syms.n = 0;
	syms.used = 0;
	syms.loaded = false;
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

static bool add(uint64_t addr, char type, const char *name, const char *module)
{
	size_t name_len = strlen(name) + 1, len = name_len + strlen(module) + 1;

	if (!grow((void **)&syms.table, &syms.max, syms.n + 1, sizeof(*syms.table)) ||
	    !grow((void **)&syms.pool, &syms.size, syms.used + len, 1) ||
	    syms.used + len > UINT32_MAX || syms.n >= 1u << 24)
		return false;
	memcpy(syms.pool + syms.used, name, name_len);
	memcpy(syms.pool + syms.used + name_len, module, len - name_len);
	syms.table[syms.n] = (struct symbol){ .addr = addr, .text = (uint32_t)syms.used,
					      .order = (uint32_t)syms.n & 0xffffff,
					      .type = (uint8_t)type };
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

/* "address type name [module]"; false: it is no such line. */
static bool parse_line(char *line, uint64_t *addr, char *type, char **name, char **module)
{
	char *p;

	*addr = strtoull(line, &p, 16);
	if (p == line || *p != ' ' || !p[1] || p[2] != ' ')
		return false;
	*type = p[1];
	*name = p + 3;
	p = *name + strcspn(*name, " \t\n");
	*module = p;
	if (p == *name)
		return false;
	if (*p == ' ' || *p == '\t') {
		*p++ = '\0';
		p += strspn(p, " \t");
		if (*p == '[')
			p++;
		*module = p;
		p += strcspn(p, "] \t\n");
	}
	*p = '\0';
	return true;
}

static void load(void)
{
	FILE *f = fopen(syms.path, "re");
	char line[1024], type, *name, *module;
	bool any = false, kernel = false;
	uint64_t addr;

	syms.loaded = true;
	while (f && fgets(line, sizeof(line), f)) {
		if (!parse_line(line, &addr, &type, &name, &module))
			continue;
		any = true;
		kernel |= addr >= KERNEL_START;
		if (!add(addr, type, printable(name), printable(module)))
			break;
	}
	if (f)
		fclose(f);
	syms.hidden = any && !kernel;
	if (syms.n)
		qsort(syms.table, syms.n, sizeof(*syms.table), by_address);
}

static bool ready(void)
{
	if (!syms.loaded)
		load();
	return syms.n && !syms.hidden;
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

static const char *name_of(const struct symbol *s)
{
	return syms.pool + s->text;
}

static const char *module_of(const struct symbol *s)
{
	const char *name = name_of(s);

	return name + strlen(name) + 1;
}

static void fill(const struct symbol *s, struct symbol_info *info)
{
	const struct symbol *next = s, *end = syms.table + syms.n;

	while (next < end && next->addr == s->addr)
		next++;
	*info = (struct symbol_info){
		.addr = s->addr, .name = name_of(s), .module = module_of(s),
		.type = (char)s->type,
		.end = next < end && next->addr - s->addr < MAX_OFFSET ? next->addr :
		       s->addr + MAX_OFFSET,
	};
}

bool symbol_info_at(uint64_t addr, struct symbol_info *info)
{
	const struct symbol *s;

	if (addr < KERNEL_START || !ready())
		return false;
	s = lookup(addr);
	if (!s || s->addr < KERNEL_START || addr - s->addr > MAX_OFFSET)
		return false;
	fill(s, info);
	return true;
}

bool symbol_find(uint64_t addr, char *buf, size_t len)
{
	struct symbol_info s;

	if (!symbol_info_at(addr, &s))
		return false;
	snprintf(buf, len, "%s+0x%" PRIx64 "%s%s%s", s.name, addr - s.addr,
		 *s.module ? " [" : "", s.module, *s.module ? "]" : "");
	return true;
}

const char *symbol_at(uint64_t addr, char *buf, size_t len)
{
	if (!symbol_find(addr, buf, len))
		snprintf(buf, len, "0x%" PRIx64, addr);
	return buf;
}

/* By name; then the kernel before modules, global before local, and by address. */
static int by_name(const void *a, const void *b)
{
	const struct symbol *x = &syms.table[*(const uint32_t *)a];
	const struct symbol *y = &syms.table[*(const uint32_t *)b];
	int order = strcmp(name_of(x), name_of(y));
	bool global[2] = { x->type < 'a', y->type < 'a' };

	if (order)
		return order;
	order = (*module_of(x) != '\0') - (*module_of(y) != '\0');
	if (order)
		return order;
	if (global[0] != global[1])
		return global[0] ? -1 : 1;
	return x < y ? -1 : x > y;
}

static bool sort_names(void)
{
	if (syms.names)
		return true;
	syms.names = calloc(syms.n, sizeof(*syms.names));
	if (!syms.names)
		return false;
	for (size_t i = 0; i < syms.n; i++)
		syms.names[i] = (uint32_t)i;
	qsort(syms.names, syms.n, sizeof(*syms.names), by_name);
	return true;
}

/* Where those of a name begin in syms.names; syms.n if there can be none. */
static size_t first_named(const char *name)
{
	size_t low = 0, high = ready() && sort_names() ? syms.n : 0;

	if (!high)
		return syms.n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(name_of(&syms.table[syms.names[mid]]), name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t symbols_named(const char *name, struct symbol_info *list, size_t max)
{
	size_t n = 0;

	for (size_t i = first_named(name); i < syms.n; i++, n++) {
		const struct symbol *s = &syms.table[syms.names[i]];

		if (strcmp(name_of(s), name))
			break;
		if (n < max)
			fill(s, &list[n]);
	}
	return n;
}

bool symbol_named(const char *name, const char *module, struct symbol_info *info)
{
	for (size_t i = first_named(name); i < syms.n; i++) {
		const struct symbol *s = &syms.table[syms.names[i]];

		if (strcmp(name_of(s), name))
			break;
		if (!module || !strcmp(module_of(s), module)) {
			fill(s, info);
			return true;
		}
	}
	return false;
}

uint64_t symbol_addr(const char *name, const char *module)
{
	struct symbol_info info;

	return symbol_named(name, module, &info) ? info.addr : 0;
}

void symbols_each(bool (*fn)(const struct symbol_info *info, void *arg), void *arg)
{
	struct symbol_info info;

	for (size_t i = 0; ready() && i < syms.n; i++) {
		fill(&syms.table[i], &info);
		if (!fn(&info, arg))
			return;
	}
}
