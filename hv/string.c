// SPDX-License-Identifier: GPL-2.0-only
/* The four functions that GCC may call on its own, and the core calls by name. */
#include <vbh/types.h>
#include "../core/string.h"

/*
 * A few bytes, for which REP takes longer to begin than to copy. All are read, some
 * of them twice, before any is written; 8, 4 or 1 are written as one.
 */
static void copy_few(u8 *to, const u8 *from, size_t n)
{
	if (n >= 8) {
		u64 first = *(u64 *)from, last = *(u64 *)(from + n - 8);

		*(u64 *)to = first;
		*(u64 *)(to + n - 8) = last;
	} else if (n >= 4) {
		u32 first = *(u32 *)from, last = *(u32 *)(from + n - 4);

		*(u32 *)to = first;
		*(u32 *)(to + n - 4) = last;
	} else if (n) {
		u8 first = from[0], mid = from[n / 2], last = from[n - 1];

		to[0] = first;
		to[n / 2] = mid;
		to[n - 1] = last;
	}
}

void *(memcpy)(void *to, const void *from, size_t n)
{
	void *ret = to;
	size_t words = n / 8;

	if (n <= 16) {
		copy_few(to, from, n);
		return ret;
	}
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

	for (; n >= 8 && *(u64 *)x == *(u64 *)y; n -= 8, x += 8, y += 8)
		;
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
