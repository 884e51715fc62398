// SPDX-License-Identifier: LGPL-2.1
/*
 * The policy file before libconfig sees it: read it whole, so that libconfig
 * meets no read error (its scanner exits the program on one), and look for what
 * it would silently misread. libconfig 1.5 cuts a number without the suffix L
 * to 32 bits; a mask or an MSR number cut in half would protect something else.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "policy.h"

#define POLICY_MAX	(1u << 20)

int policy_refuse(const struct policy_error *e, unsigned int line, const char *fmt, ...)
{
	int n;
	va_list ap;

	if (!e->text || !e->len || e->text[0])
		return -EINVAL;
	if (line)
		n = snprintf(e->text, e->len, "%s:%u: ", e->path, line);
	else
		n = snprintf(e->text, e->len, "%s: ", e->path);
	if (n < 0 || (size_t)n >= e->len)
		return -EINVAL;
	va_start(ap, fmt);
	vsnprintf(e->text + n, e->len - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static unsigned int line_of(const char *text, size_t pos)
{
	unsigned int line = 1;

	for (size_t i = 0; i < pos; i++)
		line += text[i] == '\n';
	return line;
}

static int read_fd(const struct policy_error *e, int fd, char *text, size_t *len)
{
	ssize_t n;

	*len = 0;
	do {
		n = read(fd, text + *len, POLICY_MAX + 1 - *len);
		if (n > 0)
			*len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0) {
		int err = -errno;

		policy_refuse(e, 0, "can't be read: %s", strerror(-err));
		return err;
	}
	if (*len > POLICY_MAX)
		return policy_refuse(e, 0, "is larger than %u bytes: that is no policy", POLICY_MAX);
	return 0;
}

int policy_read(const struct policy_error *e, char **out)
{
	int fd = open(e->path, O_RDONLY | O_CLOEXEC);
	char *text;
	size_t len;
	int err;

	if (fd < 0) {
		err = -errno;
		policy_refuse(e, 0, "can't be opened: %s", strerror(-err));
		return err;
	}
	text = malloc(POLICY_MAX + 2);
	if (!text) {
		policy_refuse(e, 0, "out of memory");
		close(fd);
		return -ENOMEM;
	}
	err = read_fd(e, fd, text, &len);
	close(fd);
	if (!err) {
		text[len] = '\0';
		if (strlen(text) != len)
			err = policy_refuse(e, line_of(text, strlen(text)),
					    "a NUL byte: this is not a text file");
	}
	if (err) {
		free(text);
		return err;
	}
	*out = text;
	return 0;
}

/* Past a comment or a string that begins at p, counting lines; else p itself. */
static const char *skip_opaque(const char *p, unsigned int *line)
{
	const char *end;

	if (*p == '#' || (p[0] == '/' && p[1] == '/')) {
		end = strchrnul(p, '\n');
	} else if (p[0] == '/' && p[1] == '*') {
		end = strstr(p + 2, "*/");
		end = end ? end + 2 : p + strlen(p);
	} else if (*p == '"') {
		for (end = p + 1; *end && *end != '"'; end++)
			if (*end == '\\' && end[1])
				end++;
		end += *end == '"';
	} else {
		return p;
	}
	for (; p < end; p++)
		*line += *p == '\n';
	return end;
}

/* A number and its suffix, at p; *end is past it. */
static int check_number(const struct policy_error *e, const char *p, unsigned int line,
			const char **end)
{
	int len = (int)strspn(p, "0123456789abcdefABCDEFxX");
	bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
	const char *suffix;
	uint64_t value;

	*end = p + len;
	errno = 0;
	value = strtoull(p, (char **)&suffix, hex ? 16 : 10);
	if (errno == ERANGE)
		return policy_refuse(e, line, "%.*s: the number has more than 64 bits", len, p);
	if (*suffix == 'L') {
		*end = suffix + strspn(suffix, "L");
		if (!hex && value > INT64_MAX)
			return policy_refuse(e, line,
					     "%.*s: write a number this large in hexadecimal",
					     len, p);
		return 0;
	}
	if (value > (hex ? UINT32_MAX : INT32_MAX))
		return policy_refuse(e, line,
				     "%.*s: a number this large needs an L at its end (%.*sL)",
				     len, p, len, p);
	return 0;
}

int policy_scan(const struct policy_error *e, const char *text)
{
	unsigned int line = 1;
	const char *p = text;
	int err;

	while (*p) {
		const char *next = skip_opaque(p, &line);

		if (next != p) {
			p = next;
		} else if (isalpha((unsigned char)*p) || *p == '*' || *p == '_') {
			while (isalnum((unsigned char)*p) || strchr("*_-", *p ? *p : 'x'))
				p++;
		} else if (isdigit((unsigned char)*p)) {
			err = check_number(e, p, line, &p);
			if (err)
				return err;
		} else if (*p == '@') {
			return policy_refuse(e, line, "%.*s: a policy is one file",
					     (int)strcspn(p, " \t\n\""), p);
		} else {
			line += *p == '\n';
			p++;
		}
	}
	return 0;
}
