/* SPDX-License-Identifier: GPL-2.0-only */
/* SHA-256 (FIPS 180-4), and a comparison that takes the same time for any input. */
#ifndef CORE_SHA256_H
#define CORE_SHA256_H

#include <vbh/abi.h>

struct sha256 {
	u32 h[8];
	u64 len;		/* bytes so far */
	u8 buf[64];
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, u32 len);
void sha256_final(struct sha256 *s, u8 out[VBH_HASH_LEN]);
bool equal_const_time(const u8 *a, const u8 *b, u32 len);

#endif
