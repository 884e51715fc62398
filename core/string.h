/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The three functions of the C library that the core, and the compiler on its
 * behalf, may call. Each body supplies them.
 */
#ifndef CORE_STRING_H
#define CORE_STRING_H

#include <vbh/types.h>

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* Known to a freestanding compiler by these names only; else a copy of 8 bytes is a call. */
#define memcpy(to, from, n)	__builtin_memcpy(to, from, n)
#define memset(to, byte, n)	__builtin_memset(to, byte, n)
#define memcmp(a, b, n)		__builtin_memcmp(a, b, n)

#endif
