// SPDX-License-Identifier: GPL-2.0-only
/*
 * SHA-256 as FIPS 180-4 section 6.2 gives it, for the event chain and the key.
 * The message schedule is kept in sixteen words to spare the stack.
 */
#include "sha256.h"
#include "../string.h"

static const u32 round_constant[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
	0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
	0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
	0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static u32 ror(u32 x, u32 n)
{
	return x >> n | x << (32 - n);
}

/* W[i] for i >= 16, over a window of the last sixteen (section 6.2.2, step 1). */
static u32 schedule(u32 w[16], u32 i)
{
	u32 a = w[(i + 1) & 15], b = w[(i + 14) & 15];
	u32 s0 = ror(a, 7) ^ ror(a, 18) ^ a >> 3;
	u32 s1 = ror(b, 17) ^ ror(b, 19) ^ b >> 10;

	w[i & 15] += s0 + w[(i + 9) & 15] + s1;
	return w[i & 15];
}

/*
 * Round i: what it calls a is v[-i mod 8], so that nothing has to be moved on.
 * With i known to the compiler all of v is in registers.
 */
static inline __attribute__((always_inline)) void step(u32 v[8], u32 i, u32 kw)
{
#define V(n)	v[((n) - i) & 7]
	u32 s1 = ror(V(4), 6) ^ ror(V(4), 11) ^ ror(V(4), 25);
	u32 ch = V(6) ^ (V(4) & (V(5) ^ V(6)));
	u32 s0 = ror(V(0), 2) ^ ror(V(0), 13) ^ ror(V(0), 22);
	u32 maj = (V(0) & V(1)) | (V(2) & (V(0) | V(1)));
	u32 t1 = V(7) + s1 + ch + kw;

	V(3) += t1;
	V(7) = t1 + s0 + maj;
#undef V
}

static void compress(u32 h[8], const u8 block[64])
{
	u32 w[16], v[8], i, j;

	for (i = 0; i < 16; i++) {
		memcpy(&w[i], block + 4 * i, 4);
		w[i] = __builtin_bswap32(w[i]);
	}
	for (i = 0; i < 8; i++)
		v[i] = h[i];

	for (i = 0; i < 64; i += 16) {
#pragma GCC unroll 16
		for (j = 0; j < 16; j++)
			step(v, j, round_constant[i + j] + (i ? schedule(w, j) : w[j]));
	}

	for (i = 0; i < 8; i++)
		h[i] += v[i];
}

void sha256_init(struct sha256 *s)
{
	static const u32 start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(s->h, start, sizeof(start));
	s->len = 0;
}

void sha256_update(struct sha256 *s, const void *data, u32 len)
{
	const u8 *p = data;

	while (len) {
		u32 at = s->len & 63;
		u32 n = 64 - at < len ? 64 - at : len;

		memcpy(s->buf + at, p, n);
		s->len += n;
		p += n;
		len -= n;
		if (!(s->len & 63))
			compress(s->h, s->buf);
	}
}

void sha256_final(struct sha256 *s, u8 out[VBH_HASH_LEN])
{
	static const u8 pad[64] = { 0x80 };
	u64 bits = s->len * 8;
	u8 tail[8];
	u32 i;

	for (i = 0; i < 8; i++)
		tail[i] = bits >> (56 - 8 * i);
	sha256_update(s, pad, 1 + ((119 - (s->len & 63)) & 63));
	sha256_update(s, tail, sizeof(tail));
	for (i = 0; i < VBH_HASH_LEN; i++)
		out[i] = s->h[i / 4] >> (24 - 8 * (i & 3));
}

bool equal_const_time(const u8 *a, const u8 *b, u32 len)
{
	u8 differ = 0;
	u32 i;

	for (i = 0; i < len; i++)
		differ |= a[i] ^ b[i];
	return !differ;
}
