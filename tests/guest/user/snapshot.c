// SPDX-License-Identifier: GPL-2.0-only
/*
 * snapshot DIR: what `vbhctl smc diff` reads of a running kernel, as files under
 * DIR for its --root: a core file of the kernel's image, of its modules and of
 * the code that it generates, and the few files of /proc and /sys beside it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE		4096ull
#define MAX_RANGES	4096
#define MAX_SEGMENTS	256

struct range { uint64_t start, end; };

static struct range ranges[MAX_RANGES];
static size_t nr_ranges;
static const char *dir;

static void die(const char *what)
{
	fprintf(stderr, "snapshot: %s: %s\n", what, strerror(errno));
	exit(1);
}

static const char *path_to(const char *path)
{
	static char buf[4096];

	snprintf(buf, sizeof(buf), "%s%s", dir, path);
	for (char *p = buf + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(buf, 0755);
		*p = '/';
	}
	return buf;
}

/* What is not there is left out. */
static void copy(const char *path)
{
	char buf[65536];
	FILE *from = fopen(path, "r"), *to;
	size_t n;

	if (!from)
		return;
	to = fopen(path_to(path), "w");
	if (!to)
		die(path);
	while ((n = fread(buf, 1, sizeof(buf), from)))
		fwrite(buf, 1, n, to);
	if (fclose(to))
		die(path);
	fclose(from);
}

static void copy_sections(void)
{
	DIR *modules = opendir("/sys/module"), *sections;
	struct dirent *m, *s;
	char path[1024];

	while (modules && (m = readdir(modules))) {
		snprintf(path, sizeof(path), "/sys/module/%s/sections", m->d_name);
		sections = m->d_name[0] == '.' ? NULL : opendir(path);
		while (sections && (s = readdir(sections))) {
			snprintf(path, sizeof(path), "/sys/module/%s/sections/%s", m->d_name,
				 s->d_name);
			if (strcmp(s->d_name, ".") && strcmp(s->d_name, ".."))
				copy(path);
		}
		if (sections)
			closedir(sections);
		snprintf(path, sizeof(path), "/sys/module/%s/notes/.note.gnu.build-id", m->d_name);
		copy(path);
	}
	if (modules)
		closedir(modules);
}

static void add(uint64_t start, uint64_t end)
{
	start &= ~(PAGE - 1);
	end = (end + PAGE - 1) & ~(PAGE - 1);
	if (nr_ranges && start >= ranges[nr_ranges - 1].start &&
	    start <= ranges[nr_ranges - 1].end) {
		if (end > ranges[nr_ranges - 1].end)
			ranges[nr_ranges - 1].end = end;
	} else if (nr_ranges < MAX_RANGES) {
		ranges[nr_ranges++] = (struct range){ start, end };
	}
}

/* The image by its symbols, modules by /proc/modules, and what is made at run time. */
static void find_ranges(void)
{
	uint64_t addr, size, text = 0;
	char line[1024], name[256];
	FILE *f = fopen("/proc/kallsyms", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 " %*c %255s", &addr, name) != 2)
			continue;
		if (!strcmp(name, "_text"))
			text = addr;
		if (!strcmp(name, "_end"))
			add(text, addr);
		if (strstr(line, "[bpf]") || strstr(line, "[__builtin__"))
			add(addr, addr + PAGE);
	}
	if (f)
		fclose(f);
	f = fopen("/proc/modules", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %" SCNu64 " %*s %*s %*s %" SCNx64, &size, &addr) == 2)
			add(addr, addr + size);
	if (f)
		fclose(f);
}

/* The file offset of an address in /proc/kcore, or -1. */
static off_t kcore_offset(const Elf64_Ehdr *eh, const Elf64_Phdr *ph, uint64_t addr)
{
	for (int i = 0; i < eh->e_phnum && i < MAX_SEGMENTS; i++)
		if (ph[i].p_type == PT_LOAD && addr >= ph[i].p_vaddr &&
		    addr - ph[i].p_vaddr < ph[i].p_memsz)
			return (off_t)(ph[i].p_offset + addr - ph[i].p_vaddr);
	return -1;
}

static void dump(void)
{
	static Elf64_Phdr in[MAX_SEGMENTS], out[MAX_RANGES];
	static char page[PAGE];
	int from = open("/proc/kcore", O_RDONLY);
	FILE *to = fopen(path_to("/proc/kcore"), "w");
	Elf64_Ehdr eh;
	uint64_t at;

	if (from < 0 || !to || read(from, &eh, sizeof(eh)) != sizeof(eh))
		die("/proc/kcore");
	if (pread(from, in, sizeof(in[0]) * eh.e_phnum, (off_t)eh.e_phoff) < 0)
		die("/proc/kcore");
	at = (sizeof(eh) + nr_ranges * sizeof(out[0]) + PAGE - 1) & ~(PAGE - 1);
	for (size_t i = 0; i < nr_ranges; i++) {
		uint64_t len = ranges[i].end - ranges[i].start;

		out[i] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = at, .p_filesz = len,
				       .p_vaddr = ranges[i].start, .p_memsz = len };
		at += len;
	}
	Elf64_Ehdr oh = eh;

	oh.e_phoff = sizeof(oh);
	oh.e_phnum = (uint16_t)nr_ranges;
	fwrite(&oh, sizeof(oh), 1, to);
	fwrite(out, sizeof(out[0]), nr_ranges, to);
	for (size_t i = 0; i < nr_ranges; i++) {
		fseek(to, (long)out[i].p_offset, SEEK_SET);
		for (uint64_t a = ranges[i].start; a < ranges[i].end; a += PAGE) {
			off_t offset = kcore_offset(&eh, in, a);

			memset(page, 0, sizeof(page));
			if (offset >= 0 && pread(from, page, PAGE, offset) < 0)
				memset(page, 0, sizeof(page));
			fwrite(page, 1, PAGE, to);
		}
	}
	if (fclose(to))
		die("/proc/kcore");
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: snapshot DIR\n");
		return 2;
	}
	dir = argv[1];
	copy("/proc/kallsyms");
	copy("/proc/modules");
	copy("/proc/sys/kernel/osrelease");
	copy("/sys/kernel/notes");
	copy("/sys/kernel/debug/kprobes/list");
	copy("/sys/kernel/tracing/enabled_functions");
	copy_sections();
	find_ranges();
	dump();
	return 0;
}
