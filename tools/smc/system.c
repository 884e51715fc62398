// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a kernel is read from: /proc/kcore, /proc/kallsyms, /proc/modules and
 * the build ids in /sys, of this machine or of a copy of them. All of it is what
 * the kernel says of itself.
 */
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "printable.h"
#include "smc.h"
#include "symbols.h"

#define PAGE		4096u
#define CACHE_PAGES	1024u

struct smc_page {
	uint64_t addr;		/* 0: nothing */
	uint8_t data[PAGE];
};

int smc_fail(struct smc_error *e, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!e->text[0])
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return err;
}

const char *smc_path(const struct smc_system *s, const char *fmt, ...)
{
	static char buf[4096];
	int n = snprintf(buf, sizeof(buf), "%s", s->root);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && n < (int)sizeof(buf))
		vsnprintf(buf + n, sizeof(buf) - (size_t)n, fmt, ap);
	va_end(ap);
	return buf;
}

bool smc_build_id(const uint8_t *notes, size_t len, char *id)
{
	size_t at = 0, name, desc;
	Elf64_Nhdr nh;

	while (len - at >= sizeof(nh)) {
		memcpy(&nh, notes + at, sizeof(nh));
		name = at + sizeof(nh);
		if (nh.n_namesz > len - name)
			return false;
		desc = name + ((nh.n_namesz + 3) & ~3u);
		if (desc > len || nh.n_descsz > len - desc)
			return false;
		if (nh.n_type == NT_GNU_BUILD_ID && nh.n_namesz == 4 &&
		    !memcmp(notes + name, "GNU", 4) && nh.n_descsz <= SMC_BUILD_ID_MAX) {
			for (size_t i = 0; i < nh.n_descsz; i++)
				snprintf(id + 2 * i, 3, "%02x", notes[desc + i]);
			return nh.n_descsz > 0;
		}
		at = desc + ((nh.n_descsz + 3) & ~3u);
		if (at > len)
			return false;
	}
	return false;
}

/* A small file of /proc or /sys; how many bytes, 0 if it is not there. */
static size_t slurp(const char *path, void *buf, size_t len)
{
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(buf, 1, len, f) : 0;

	if (f)
		fclose(f);
	return n;
}

static void read_build_id(const char *path, char *id)
{
	uint8_t notes[4096];

	id[0] = '\0';
	smc_build_id(notes, slurp(path, notes, sizeof(notes)), id);
}

static int open_kcore(struct smc_system *s, struct smc_error *e)
{
	const char *path = smc_path(s, "/proc/kcore");
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	s->kcore = open(path, O_RDONLY | O_CLOEXEC);
	if (s->kcore < 0 && (errno == EPERM || errno == EACCES))
		return smc_fail(e, -EACCES, "%s: %s: kernel memory is shown to root (CAP_SYS_RAWIO) only, and not under lockdown",
				path, strerror(errno));
	if (s->kcore < 0)
		return smc_fail(e, -errno, "%s: %s: this takes a kernel with CONFIG_PROC_KCORE, as Debian's have",
				path, strerror(errno));
	if (pread(s->kcore, &eh, sizeof(eh), 0) != sizeof(eh) ||
	    memcmp(eh.e_ident, "\177ELF\2\1", 6) || eh.e_phentsize != sizeof(ph))
		return smc_fail(e, -EINVAL, "%s: no ELF core file", path);
	s->segments = calloc(eh.e_phnum + 1u, sizeof(*s->segments));
	s->cache = calloc(CACHE_PAGES, sizeof(*s->cache));
	if (!s->segments || !s->cache)
		return smc_fail(e, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < eh.e_phnum; i++) {
		off_t at = (off_t)(eh.e_phoff + i * sizeof(ph));

		if (pread(s->kcore, &ph, sizeof(ph), at) != sizeof(ph))
			return smc_fail(e, -EINVAL, "%s: cut off in its program headers", path);
		if (ph.p_type == PT_LOAD)
			s->segments[s->nr_segments++] = (struct smc_segment){
				ph.p_vaddr, ph.p_filesz, ph.p_offset, ph.p_paddr };
	}
	return 0;
}

bool smc_read(struct smc_system *s, uint64_t addr, void *buf, size_t len)
{
	uint8_t *to = buf;

	for (size_t i = 0; i < s->nr_segments; i++) {
		const struct smc_segment *g = &s->segments[i];
		uint64_t from = addr - g->addr;

		if (addr < g->addr || from >= g->len || len > g->len - from)
			continue;
		while (len) {
			ssize_t n = pread(s->kcore, to, len, (off_t)(g->offset + from));

			if (n <= 0)
				return false;
			to += n;
			from += (uint64_t)n;
			len -= (size_t)n;
		}
		return true;
	}
	return false;
}

bool smc_peek(struct smc_system *s, uint64_t addr, void *buf, size_t len)
{
	uint64_t page = addr & ~(uint64_t)(PAGE - 1);
	struct smc_page *p = &s->cache[page / PAGE % CACHE_PAGES];

	/* Page 0 is what an empty place of the cache has. */
	if (!page || addr - page + len > PAGE)
		return smc_read(s, addr, buf, len);
	if (p->addr != page) {
		p->addr = 0;
		if (!smc_read(s, page, p->data, PAGE))
			return smc_read(s, addr, buf, len);
		p->addr = page;
	}
	memcpy(buf, p->data + (addr - page), len);
	return true;
}

void smc_forget(struct smc_system *s)
{
	for (unsigned int i = 0; i < CACHE_PAGES; i++)
		s->cache[i].addr = 0;
}

int smc_system_modules(struct smc_system *s, struct smc_error *e)
{
	const char *path = smc_path(s, "/proc/modules");
	FILE *f = fopen(path, "re");
	size_t max = 0;
	char line[4096], state[32];

	free(s->modules);
	s->modules = NULL;
	s->nr_modules = 0;
	if (!f)
		return smc_fail(e, -errno, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		struct smc_module m = { 0 };

		if (sscanf(line, "%63s %" SCNu64 " %*s %*s %31s %" SCNx64, m.name, &m.size,
			   state, &m.base) != 4)
			continue;
		printable(m.name);
		m.live = !strcmp(state, "Live");
		if (s->nr_modules == max) {
			struct smc_module *p;

			max = max ? 2 * max : 64;
			p = realloc(s->modules, max * sizeof(*p));
			if (!p) {
				fclose(f);
				return smc_fail(e, -ENOMEM, "out of memory");
			}
			s->modules = p;
		}
		s->modules[s->nr_modules++] = m;
	}
	fclose(f);
	for (size_t i = 0; i < s->nr_modules; i++)
		read_build_id(smc_path(s, "/sys/module/%s/notes/.note.gnu.build-id",
				       s->modules[i].name), s->modules[i].build_id);
	return 0;
}

int smc_system_open(struct smc_system *s, const char *root, struct smc_error *e)
{
	static char kallsyms[4096];
	size_t n;
	int err;

	*s = (struct smc_system){ .root = root, .kcore = -1 };
	n = slurp(smc_path(s, "/proc/sys/kernel/osrelease"), s->release, sizeof(s->release) - 1);
	while (n && isspace((unsigned char)s->release[n - 1]))
		s->release[--n] = '\0';
	printable(s->release);
	if (!n)
		return smc_fail(e, -ENOENT, "%s: can't be read", smc_path(s, "/proc/sys/kernel/osrelease"));
	read_build_id(smc_path(s, "/sys/kernel/notes"), s->build_id);
	snprintf(kallsyms, sizeof(kallsyms), "%s", smc_path(s, "/proc/kallsyms"));
	symbols_use(kallsyms);
	err = open_kcore(s, e);
	if (err)
		return err;
	s->text = symbol_addr("_text", "");
	s->etext = symbol_addr("_etext", "");
	if (symbols_hidden() || !s->text || s->etext <= s->text)
		return smc_fail(e, -EACCES, "%s: shows no addresses: it takes root (CAP_SYSLOG), and kernel.kptr_restrict below 2",
				kallsyms);
	for (size_t i = 0; i < s->nr_segments; i++)
		if (s->text - s->segments[i].addr < s->segments[i].len &&
		    s->segments[i].physical != UINT64_MAX)
			s->physical = s->segments[i].physical + s->text - s->segments[i].addr;
	return smc_system_modules(s, e);
}

void smc_system_close(struct smc_system *s)
{
	if (s->kcore >= 0)
		close(s->kcore);
	free(s->segments);
	free(s->modules);
	free(s->cache);
	*s = (struct smc_system){ .root = "", .kcore = -1 };
}
