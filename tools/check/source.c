// SPDX-License-Identifier: GPL-2.0-only
/* The files that facts are read from, of this machine or of a copy of them. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "check.h"
#include "printable.h"

#define TEXT_MAX	(64u << 20)

const char *check_path(const struct check_machine *m, const char *fmt, ...)
{
	static char buf[4096];
	int n = snprintf(buf, sizeof(buf), "%s", m->root);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && n < (int)sizeof(buf))
		vsnprintf(buf + n, sizeof(buf) - (size_t)n, fmt, ap);
	va_end(ap);
	return buf;
}

bool check_exists(const struct check_machine *m, const char *path)
{
	return !access(check_path(m, "%s", path), F_OK);
}

ssize_t check_bytes(const struct check_machine *m, const char *path, void *buf, size_t len)
{
	int fd = open(check_path(m, "%s", path), O_RDONLY | O_CLOEXEC);
	ssize_t n, all = 0;
	int err;

	if (fd < 0)
		return -1;
	while ((n = read(fd, (char *)buf + all, len - (size_t)all)) > 0)
		all += n;
	err = errno;
	close(fd);
	errno = err;
	return n < 0 ? -1 : all;
}

bool check_line_of(const struct check_machine *m, const char *path, char *buf, size_t len)
{
	ssize_t n = check_bytes(m, path, buf, len - 1);

	buf[n < 0 ? 0 : n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	printable(buf);
	return n >= 0;
}

char *check_text(const struct check_machine *m, const char *path)
{
	int fd = open(check_path(m, "%s", path), O_RDONLY | O_CLOEXEC);
	gzFile f = fd < 0 ? NULL : gzdopen(fd, "r");
	size_t len = 0, room = 0;
	char *text = NULL;
	int n = 1;

	if (!f) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	while (n > 0 && len < TEXT_MAX) {
		if (room - len < 4096) {
			char *p = realloc(text, room = room ? 2 * room : 1u << 16);

			if (!p)
				break;
			text = p;
		}
		n = gzread(f, text + len, (unsigned int)(room - len - 1));
		len += n > 0 ? (size_t)n : 0;
	}
	gzclose(f);
	if (!n && text) {
		text[len] = '\0';
		return text;
	}
	free(text);
	errno = EIO;
	return NULL;
}

bool check_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = text; p && (p = strstr(p, word)); p += len)
		if ((p == text || isspace((unsigned char)p[-1])) &&
		    (!p[len] || isspace((unsigned char)p[len])))
			return true;
	return false;
}

bool check_option(const struct check_machine *m, const char *name, const char *value)
{
	size_t len = strlen(name), n, want = strlen(value);

	for (const char *p = m->cmdline; p && (p = strstr(p, name)); p += len) {
		if ((p != m->cmdline && !isspace((unsigned char)p[-1])) || p[len] != '=')
			continue;
		for (const char *v = p + len + 1; *v && !isspace((unsigned char)*v);
		     v += n + (v[n] == ',')) {
			n = strcspn(v, ", \t\n");
			if (n == want && !memcmp(v, value, n))
				return true;
		}
	}
	return false;
}

/* What stands behind "key\t: " up to the end of the line; NULL: there is no such line. */
static const char *cpuinfo_line(const struct check_machine *m, const char *key, size_t *len)
{
	size_t n = strlen(key);

	for (const char *p = m->cpuinfo; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *v = p + n;

		if (strncmp(p, key, n) != 0)
			continue;
		v += strspn(v, "\t ");
		if (*v != ':')
			continue;
		*len = strcspn(++v, "\n");
		return v;
	}
	return NULL;
}

bool check_flags_known(const struct check_machine *m, const char *key)
{
	size_t len;

	return cpuinfo_line(m, key, &len);
}

bool check_flag(const struct check_machine *m, const char *key, const char *word)
{
	size_t len, n = strlen(word);
	const char *v = cpuinfo_line(m, key, &len);

	for (const char *p = v; p && p + n <= v + len; p++)
		if (!memcmp(p, word, n) && (p == v || isspace((unsigned char)p[-1])) &&
		    (p + n == v + len || isspace((unsigned char)p[n])))
			return true;
	return false;
}

char check_config(const struct check_machine *m, const char *option)
{
	char line[128];
	const char *p;

	if (!m->config)
		return 0;
	snprintf(line, sizeof(line), "\nCONFIG_%s=", option);
	p = strstr(m->config, line);
	p = p ? p + strlen(line) : "n";
	if (*p == 'y' || *p == 'm')
		return *p;
	return 'n';
}

unsigned int check_cpus(const struct check_machine *m, const char *path, unsigned int *last)
{
	unsigned int n = 0;
	char list[1024], *p = list, *end;

	*last = 0;
	if (!check_line_of(m, path, list, sizeof(list)))
		return 0;
	while (isdigit((unsigned char)*p)) {
		unsigned long first = strtoul(p, &end, 10), to = first;

		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		if (to < first || to > 1u << 20)
			return n;
		n += (unsigned int)(to - first) + 1;
		*last = (unsigned int)to;
		p = end + (*end == ',');
	}
	return n;
}

static void read_config(struct check_machine *m)
{
	static char path[3][192];
	char *text;

	snprintf(path[0], sizeof(path[0]), "/proc/config.gz");
	snprintf(path[1], sizeof(path[1]), "/boot/config-%s", m->release);
	snprintf(path[2], sizeof(path[2]), "/lib/modules/%s/config", m->release);
	for (int i = 0; i < 3 && !m->config; i++) {
		text = check_text(m, path[i]);
		if (!text)
			continue;
		m->config_path = path[i];
		/* So that each line has a newline before it. */
		m->config = malloc(strlen(text) + 2);
		if (m->config) {
			m->config[0] = '\n';
			memcpy(m->config + 1, text, strlen(text) + 1);
		}
		free(text);
	}
}

void check_open(struct check_machine *m, const char *root)
{
	char *second;

	m->root = root;
	if (!check_line_of(m, "/proc/sys/kernel/osrelease", m->release, sizeof(m->release)))
		m->release[0] = '\0';
	m->cpuinfo = check_text(m, "/proc/cpuinfo");
	second = m->cpuinfo ? strstr(m->cpuinfo, "\n\n") : NULL;
	if (second)
		second[1] = '\0';
	m->cmdline = check_text(m, "/proc/cmdline");
	m->modules = check_text(m, "/proc/modules");
	if (*root) {
		m->cpuid = check_text(m, "/cpuid");
		m->msrs = check_text(m, "/msr");
	}
	read_config(m);
}

void check_close(struct check_machine *m)
{
	free(m->cpuinfo);
	free(m->cmdline);
	free(m->config);
	free(m->modules);
	free(m->cpuid);
	free(m->msrs);
}
