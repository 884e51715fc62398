// SPDX-License-Identifier: GPL-2.0-only
/*
 * vbh.ko: is it where modprobe looks for it, is it of this kernel, will the kernel
 * take it; and what of memory it will ask for.
 */
#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vbh/launch.h>
#include "check.h"
#include "elf/unpack.h"
#include "printable.h"

#define MAGIC_MAX	128

/* The data of the ELF file's section of that name, or NULL. */
static const Elf_Data *section(Elf *elf, const char *name)
{
	size_t strings;
	GElf_Shdr sh;

	if (elf_getshdrstrndx(elf, &strings))
		return NULL;
	for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s)); ) {
		const char *n = gelf_getshdr(s, &sh) ? elf_strptr(elf, strings, sh.sh_name) : NULL;

		if (n && !strcmp(n, name))
			return elf_getdata(s, NULL);
	}
	return NULL;
}

/* What .modinfo has behind "vermagic="; false: it has none. */
static bool vermagic(const struct blob *file, char magic[MAGIC_MAX])
{
	static const char key[] = "vermagic=";
	Elf *elf = elf_memory((char *)file->data, file->len);
	const Elf_Data *d = elf ? section(elf, ".modinfo") : NULL;
	bool has = false;

	for (size_t at = 0, n; d && at < d->d_size && !has; at += n + 1) {
		const char *p = (const char *)d->d_buf + at;

		n = strnlen(p, d->d_size - at);
		has = n < d->d_size - at && !strncmp(p, key, sizeof(key) - 1);
		if (has)
			snprintf(magic, MAGIC_MAX, "%s", p + sizeof(key) - 1);
	}
	elf_end(elf);
	if (has)
		magic[strcspn(printable(magic), "\n")] = '\0';
	for (size_t n = has ? strlen(magic) : 0; n && magic[n - 1] == ' '; )
		magic[--n] = '\0';
	return has;
}

/* The image's header in vbh.ko (linux/blob.S). */
static void read_image(struct check_machine *m, const struct blob *file)
{
	Elf *elf = elf_memory((char *)file->data, file->len);
	struct vbh_image image;

	for (Elf_Scn *s = NULL; elf && (s = elf_nextscn(elf, s)); ) {
		Elf_Data *d = elf_getdata(s, NULL), *at;
		GElf_Shdr sh;
		GElf_Sym sym;

		if (!gelf_getshdr(s, &sh) || sh.sh_type != SHT_SYMTAB || !d)
			continue;
		for (int i = 0; gelf_getsym(d, i, &sym); i++) {
			const char *name = elf_strptr(elf, sh.sh_link, sym.st_name);

			if (!name || strcmp(name, "vbh_blob") != 0)
				continue;
			at = elf_getdata(elf_getscn(elf, sym.st_shndx), NULL);
			if (!at || !at->d_buf || sym.st_value > at->d_size ||
			    at->d_size - sym.st_value < sizeof(image))
				break;
			memcpy(&image, (char *)at->d_buf + sym.st_value, sizeof(image));
			if (image.magic != VBH_IMAGE_MAGIC)
				break;
			m->image_size = image.mem_size;
			m->cpu_size = image.cpu_size;
			m->pool_pages = image.pool_pages;
			m->pool_per_gib = image.pool_per_gib;
		}
	}
	elf_end(elf);
}

/* Is path, up to a colon, of the module vbh? As .ko, or packed. */
static bool is_driver(const char *path, size_t len)
{
	const char *name = path + len;

	while (name > path && name[-1] != '/')
		name--;
	len -= (size_t)(name - path);
	return len >= 6 && !memcmp(name, "vbh.ko", 6) && (len == 6 || name[6] == '.');
}

/*
 * From modules.dep, into path: the driver's file, or with other set any one that is
 * the kernel's own. False: there is none.
 */
static bool in_modules(const struct check_machine *m, bool other, char *path, size_t len)
{
	bool has = false;
	char *text;

	snprintf(path, len, "/lib/modules/%s/modules.dep", m->release);
	text = check_text(m, path);
	for (const char *p = text; p && *p && !has; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t n = strcspn(p, ":\n");

		has = p[n] == ':' && (other ? !strncmp(p, "kernel/", 7) : is_driver(p, n));
		if (has && *p == '/')
			snprintf(path, len, "%.*s", (int)n, p);
		else if (has)
			snprintf(path, len, "/lib/modules/%s/%.*s", m->release, (int)n, p);
	}
	free(text);
	return has;
}

static bool load(const char *path, struct blob *file, char *err, size_t err_len)
{
	return !blob_read(path, file, err, err_len) && !blob_unpack(path, file, err, err_len);
}

/* The whole of it has to be that of the kernel's own modules, where one can be looked at. */
static void add_vermagic(struct check_machine *m, const struct blob *file, const char *path)
{
	char mine[MAGIC_MAX], theirs[MAGIC_MAX] = "", other[4096];
	char err[VBH_ERROR_MAX] = "";
	struct blob blob = { 0 };
	size_t n = strlen(m->release);

	if (!vermagic(file, mine)) {
		check_add(m, CHECK_DRIVER, "module", CHECK_FAIL, "build it anew", "%s is no module",
			  path);
		return;
	}
	if (strncmp(mine, m->release, n) != 0 || mine[n] != ' ') {
		check_add(m, CHECK_DRIVER, "module", CHECK_FAIL,
			  "build it against the headers of the kernel that runs",
			  "%s is for another kernel: %s", path, mine);
		return;
	}
	if (in_modules(m, true, other, sizeof(other)) &&
	    load(check_path(m, "%s", other), &blob, err, sizeof(err)) && vermagic(&blob, theirs) &&
	    strcmp(mine, theirs) != 0)
		check_add(m, CHECK_DRIVER, "module", CHECK_FAIL,
			  "build it against the headers of the kernel that runs",
			  "%s is for another kernel: %s, not %s", path, mine, theirs);
	else
		check_add(m, CHECK_DRIVER, "module", CHECK_PASS, "", "%s, for %s", path, mine);
	blob_free(&blob);
}

/* May any module be loaded? */
static void add_loading(struct check_machine *m)
{
	char off[8] = "";

	if (check_exists(m, "/sys/module/vbh"))
		check_add(m, CHECK_DRIVER, "loading", CHECK_PASS, "", "vbh.ko is loaded");
	else if (!check_line_of(m, "/proc/sys/kernel/modules_disabled", off, sizeof(off)) &&
		 errno == ENOENT)
		check_add(m, CHECK_DRIVER, "loading", CHECK_FAIL, "vbh.ko is a module",
			  "this kernel loads no modules");
	else if (!*off)
		check_add(m, CHECK_DRIVER, "loading", CHECK_UNKNOWN, "",
			  "/proc/sys/kernel/modules_disabled can't be read");
	else if (!strcmp(off, "1"))
		check_add(m, CHECK_DRIVER, "loading", CHECK_FAIL,
			  "only a reboot lets vbh.ko be loaded", "kernel.modules_disabled is 1");
	else
		check_add(m, CHECK_DRIVER, "loading", CHECK_PASS, "", "root can load modules");
}

void check_driver(struct check_machine *m)
{
	char found[4096], path[4096];
	char err[VBH_ERROR_MAX] = "";
	struct blob file = { 0 };
	bool is_loaded = check_exists(m, "/sys/module/vbh");

	add_loading(m);
	if (m->driver) {
		snprintf(path, sizeof(path), "%s", m->driver);
	} else if (in_modules(m, false, found, sizeof(found))) {
		snprintf(path, sizeof(path), "%s", check_path(m, "%s", found));
	} else {
		check_add(m, CHECK_DRIVER, "module", is_loaded ? CHECK_PASS : CHECK_FAIL,
			  is_loaded ? "" : "make install puts it there, or name it with --module",
			  "modprobe finds no vbh for %s%s", m->release,
			  is_loaded ? ", and it is loaded" : "");
		check_signing(m, NULL, 0);
		return;
	}
	elf_version(EV_CURRENT);
	if (load(path, &file, err, sizeof(err))) {
		add_vermagic(m, &file, path);
		read_image(m, &file);
		check_signing(m, file.data, file.len);
	} else {
		check_add(m, CHECK_DRIVER, "module", is_loaded ? CHECK_PASS : CHECK_FAIL, "", "%s",
			  printable(err));
		check_signing(m, NULL, 0);
	}
	blob_free(&file);
}
