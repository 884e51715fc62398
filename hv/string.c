// SPDX-License-Identifier: GPL-2.0-only
/* The four functions that GCC may call on its own, and the core calls by name. */
#include <vbh/types.h>
#include "../core/string.h"

void *(memcpy)(void *to, const void *from, size_t n)
{
	void *ret = to;
	size_t words = n / 8;

	n %= 8;
	asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) :: "memory");
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) :: "memory");
	return ret;
}

void *(memset)(void *p, int c, size_t n)
{
	void *ret = p;
	u64 pattern = (u8)c * 0x0101010101010101ull;
	size_t words = n / 8;

	n %= 8;
	asm volatile("rep stosq" : "+D"(p), "+c"(words) : "a"(pattern) : "memory");
	asm volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(c) : "memory");
	return ret;
}

void *memmove(void *to, const void *from, size_t n)
{
	const u8 *s = (const u8 *)from + n;
	u8 *d = (u8 *)to + n;

	if (to <= from || (u8 *)from + n <= (u8 *)to)
		return memcpy(to, from, n);
	while (n--)
		*--d = *--s;
	return to;
}

int (memcmp)(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
