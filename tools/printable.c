// SPDX-License-Identifier: GPL-2.0-only
/* See printable.h. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "printable.h"

/* The length of the character that begins there (RFC 3629); 0: none does. */
static size_t character(const unsigned char *p, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;

	*c = n == 1 ? *p : *p & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	return *c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : n;
}

/* C0, DEL and C1; marks, embeddings and isolates of direction; ends of lines. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

char *printable(char *text)
{
	char *from = text, *to = text;
	uint32_t c;

	while (*from) {
		size_t n = character((const unsigned char *)from, &c);

		if (!n || is_control(c)) {
			*to++ = '?';
			from += n ? n : 1;
			continue;
		}
		while (n--)
			*to++ = *from++;
	}
	*to = '\0';
	return text;
}
