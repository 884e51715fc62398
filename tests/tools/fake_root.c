// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another /proc and /sys: what vbhctl opens there is taken from the folder that
 * FAKE_ROOT names, if it is set. It is linked with --wrap=open,--wrap=fopen.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int __real_open(const char *path, int flags, ...);
FILE *__real_fopen(const char *path, const char *mode);
int __wrap_open(const char *path, int flags, ...);
FILE *__wrap_fopen(const char *path, const char *mode);

static const char *place(const char *path)
{
	const char *root = getenv("FAKE_ROOT");
	static char buf[4096];

	if (!root || (strncmp(path, "/proc/", 6) != 0 && strncmp(path, "/sys/", 5) != 0))
		return path;
	snprintf(buf, sizeof(buf), "%s%s", root, path);
	return buf;
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, int) : 0;
	va_end(ap);
	return __real_open(place(path), flags, mode);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	return __real_fopen(place(path), mode);
}
