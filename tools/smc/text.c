// SPDX-License-Identifier: GPL-2.0-only
/*
 * All text of a kernel: vmlinux and the modules that are loaded, each from its
 * file, patched as the boot patched it, with the sites that are patched later.
 */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#include <elf.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "smc.h"
#include "symbols.h"

static const char * const kinds[SMC_NR_KINDS] = {
	[SMC_UNKNOWN] = "unknown",
	[SMC_STATIC_KEY] = "static-key",
	[SMC_STATIC_CALL] = "static-call",
	[SMC_FTRACE] = "ftrace",
	[SMC_KPROBE] = "kprobe",
	[SMC_BPF] = "bpf",
	[SMC_ALTERNATIVE] = "alternative",
	[SMC_PARAVIRT] = "paravirt",
	[SMC_RETPOLINE] = "retpoline",
	[SMC_RETURN] = "return",
	[SMC_SMP_LOCK] = "smp-lock",
	[SMC_MODULE] = "module-load",
	[SMC_RELOCATION] = "relocation",
};

const char *smc_kind_name(enum smc_kind kind)
{
	return kind < SMC_NR_KINDS ? kinds[kind] : NULL;
}

enum smc_kind smc_kind_named(const char *name)
{
	enum smc_kind k = SMC_UNKNOWN;

	while (k < SMC_NR_KINDS && strcmp(kinds[k], name) != 0)
		k++;
	return k;
}

/* nftw() takes no argument for its callback. */
static struct smc_files *walked;

/* The module's name by its file's, or NULL: it is no module's file. */
static char *module_name(const char *path)
{
	const char *base = strrchr(path, '/');
	char *name;
	size_t len;

	base = base ? base + 1 : path;
	len = module_name_len(base);
	name = len ? strndup(base, len) : NULL;
	for (char *p = name; p && *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct smc_files *f = walked;
	char *name = type == FTW_F ? module_name(path) : NULL;

	(void)st;
	(void)ftw;
	if (!name)
		return 0;
	if (f->n == f->max) {
		size_t max = f->max ? 2 * f->max : 1024;
		struct smc_file *p = realloc(f->file, max * sizeof(*p));

		if (!p) {
			free(name);
			return -1;
		}
		f->file = p;
		f->max = max;
	}
	f->file[f->n] = (struct smc_file){ name, strdup(path) };
	return f->file[f->n++].path ? 0 : -1;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct smc_file *)a)->path, ((const struct smc_file *)b)->path);
}

int smc_files_find(const char *dir, struct smc_files *f, struct smc_error *e)
{
	/* Links in it are not followed, for there may be loops; it may be one itself. */
	char *real = realpath(dir, NULL);
	size_t before = f->n;
	int err = 0;

	walked = f;
	if (!real || nftw(real, visit, 32, FTW_PHYS) < 0)
		err = smc_fail(e, errno ? -errno : -ENOMEM, "%s: %s", dir, strerror(errno));
	free(real);
	if (!err && f->n > before)
		qsort(f->file + before, f->n - before, sizeof(*f->file), by_path);
	return err;
}

const char *smc_files_next(const struct smc_files *f, const char *module, size_t *at)
{
	/* From the end: updates/ is behind kernel/, as depmod prefers it. */
	while (*at)
		if (!strcmp(f->file[--*at].name, module))
			return f->file[*at].path;
	return NULL;
}

void smc_files_free(struct smc_files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->file[i].path);
		free(f->file[i].name);
	}
	free(f->file);
	*f = (struct smc_files){ 0 };
}

int smc_site_add(struct smc_text *t, const struct smc_site *site)
{
	if (t->nr_sites == t->max_sites) {
		size_t max = t->max_sites ? 2 * t->max_sites : 1u << 16;
		struct smc_site *p = realloc(t->sites, max * sizeof(*p));

		if (!p)
			return -ENOMEM;
		t->sites = p;
		t->max_sites = max;
	}
	t->sites[t->nr_sites++] = *site;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct smc_site *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

void smc_sites_sort(struct smc_text *t)
{
	if (t->nr_sites)
		qsort(t->sites, t->nr_sites, sizeof(*t->sites), by_address);
}

#define LONGEST_SITE	255u	/* an alternative's length is a byte */

const struct smc_site *smc_sites_in(const struct smc_text *t, uint64_t addr, uint64_t len,
				    size_t *n)
{
	size_t low = 0, high = t->nr_sites, first;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->sites[mid].addr < addr)
			low = mid + 1;
		else
			high = mid;
	}
	/* One that begins before it may reach into it. */
	for (first = low; first && addr - t->sites[first - 1].addr < LONGEST_SITE; first--)
		;
	while (first < low && t->sites[first].addr + t->sites[first].len <= addr)
		first++;
	for (high = low; high < t->nr_sites && t->sites[high].addr - addr < len; high++)
		;
	*n = high - first;
	return *n ? &t->sites[first] : NULL;
}

const struct smc_site *smc_site_at(const struct smc_text *t, uint64_t addr)
{
	size_t n;
	const struct smc_site *s = smc_sites_in(t, addr, 1, &n);

	for (; n; n--, s++)
		if (s->kind <= SMC_BPF && addr - s->addr < s->len)
			return s;
	return NULL;
}

static int by_kprobe(const void *a, const void *b)
{
	const struct smc_kprobe *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

void smc_kprobes_read(struct smc_text *t)
{
	FILE *f = fopen(smc_path(t->system, "/sys/kernel/debug/kprobes/list"), "re");
	char line[1024];
	size_t max = 0;

	free(t->kprobes);
	t->kprobes = NULL;
	t->nr_kprobes = 0;
	while (f && fgets(line, sizeof(line), f)) {
		struct smc_kprobe k = {
			.on_ftrace = strstr(line, "[FTRACE]"),
			.optimized = strstr(line, "[OPTIMIZED]"),
			.disabled = strstr(line, "[DISABLED]"),
		};

		if (sscanf(line, "%" SCNx64, &k.addr) != 1)
			continue;
		if (t->nr_kprobes == max) {
			struct smc_kprobe *p;

			max = max ? 2 * max : 64;
			p = realloc(t->kprobes, max * sizeof(*p));
			if (!p)
				break;
			t->kprobes = p;
		}
		t->kprobes[t->nr_kprobes++] = k;
	}
	if (f)
		fclose(f);
	if (t->nr_kprobes)
		qsort(t->kprobes, t->nr_kprobes, sizeof(*t->kprobes), by_kprobe);
}

const struct smc_kprobe *smc_kprobe_at(const struct smc_text *t, uint64_t addr)
{
	for (size_t i = 0; i < t->nr_kprobes; i++) {
		const struct smc_kprobe *k = &t->kprobes[i];

		if (addr >= k->addr && addr - k->addr < (k->optimized ? 5 : 1))
			return k;
	}
	return NULL;
}

static void miss(struct smc_text *t, const char *module, const char *why)
{
	char (*p)[256] = realloc(t->missing, (t->nr_missing + 1) * sizeof(*p));

	if (!p)
		return;
	t->missing = p;
	snprintf(p[t->nr_missing++], sizeof(*p), "%s: %s", module, why);
}

static void load_module(struct smc_system *s, const struct smc_module *m,
			const struct smc_files *files, struct smc_text *t)
{
	struct smc_object *o = &t->objects[t->nr_objects];
	struct smc_error e = { "" };
	size_t at = files->n;
	const char *path;

	if (!m->live) {
		miss(t, m->name, "is just being loaded or unloaded");
		return;
	}
	/* There may be several of its name: its build id tells which was loaded. */
	while ((path = smc_files_next(files, m->name, &at))) {
		if (!smc_module_load(s, m, path, o, &e)) {
			t->nr_objects++;
			return;
		}
		smc_object_free(o);
	}
	miss(t, m->name, *e.text ? e.text : "has no file");
}

static int find_files(const struct smc_system *s, const char *const *dirs, struct smc_files *files,
		      struct smc_error *e)
{
	char dir[512];
	int err = 0;

	if (dirs && *dirs) {
		for (; !err && *dirs; dirs++)
			err = smc_files_find(*dirs, files, e);
		return err;
	}
	/* Without modules there need not be any. */
	if (!s->nr_modules)
		return 0;
	snprintf(dir, sizeof(dir), "/lib/modules/%s", s->release);
	return smc_files_find(dir, files, e);
}

static int load_kernel(struct smc_system *s, const char *vmlinux, struct smc_text *t,
		       struct smc_error *e)
{
	char path[256];
	int err;

	snprintf(path, sizeof(path), "/boot/vmlinuz-%s", s->release);
	err = smc_kernel_load(s, vmlinux ? vmlinux : path, &t->objects[0], e);
	t->nr_objects = 1;
	if (err == -ENOENT && !vmlinux)
		snprintf(e->text, sizeof(e->text), "%s: not there: install linux-image-%s, or name the file with --vmlinux",
			 path, s->release);
	return err;
}

/* The sites of an object, and what the boot does to it. */
static int prepare(struct smc_text *t, size_t object, struct smc_error *e)
{
	int err = smc_sites_collect(t, object, e);

	if (!err)
		smc_apply_boot(t->system, &t->cpu, &t->objects[object]);
	return err;
}

static int load_modules(struct smc_text *t, struct smc_error *e)
{
	int err = 0;

	for (size_t i = 0; !err && i < t->system->nr_modules; i++) {
		size_t before = t->nr_objects;

		load_module(t->system, &t->system->modules[i], &t->files, t);
		if (t->nr_objects > before)
			err = prepare(t, before, e);
	}
	smc_sites_sort(t);
	smc_kprobes_read(t);
	return err;
}

int smc_text_load(struct smc_system *s, const char *vmlinux, const char *const *modules,
		  struct smc_text *t, struct smc_error *e)
{
	int err;

	t->system = s;
	t->objects = calloc(s->nr_modules + 1, sizeof(*t->objects));
	if (!t->objects)
		return smc_fail(e, -ENOMEM, "out of memory");
	err = load_kernel(s, vmlinux, t, e);
	if (!err)
		err = smc_cpu_read(s, &t->objects[0], &t->cpu, e);
	if (!err)
		err = find_files(s, modules, &t->files, e);
	if (!err)
		err = prepare(t, 0, e);
	return err ? err : load_modules(t, e);
}

int smc_text_refresh(struct smc_text *t, struct smc_error *e)
{
	struct smc_system *s = t->system;
	struct smc_object *p;
	size_t kept = 0;
	int err;

	symbols_reload();
	smc_forget(s);
	while (t->nr_objects > 1)
		smc_object_free(&t->objects[--t->nr_objects]);
	for (size_t i = 0; i < t->nr_sites; i++)
		if (!t->sites[i].object)
			t->sites[kept++] = t->sites[i];
	t->nr_sites = kept;
	t->nr_missing = 0;
	err = smc_system_modules(s, e);
	p = err ? NULL : realloc(t->objects, (s->nr_modules + 1) * sizeof(*p));
	if (!p)
		return err ? err : smc_fail(e, -ENOMEM, "out of memory");
	t->objects = p;
	return load_modules(t, e);
}

void smc_text_free(struct smc_text *t)
{
	for (size_t i = 0; i < t->nr_objects; i++)
		smc_object_free(&t->objects[i]);
	smc_files_free(&t->files);
	free(t->objects);
	free(t->sites);
	free(t->kprobes);
	free(t->missing);
	memset(t, 0, sizeof(*t));
}
