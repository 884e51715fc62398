/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine's /proc and /sys in a temporary directory, with a kernel of two
 * pages: what vbhctl smc reads with --root.
 */
#ifndef SMC_ROOT_H
#define SMC_ROOT_H

#include <stddef.h>
#include <stdint.h>

#define ROOT_TEXT	0xffffffff81000000ull
#define ROOT_PHYSICAL	0x1000000ull
#define ROOT_LEN	0x2000u

/* Its path; made at the first call. root_text is its text, for root_flush() to write. */
const char *root_dir(void);
extern uint8_t root_text[ROOT_LEN];
void root_flush(void);
/* Writes a file there. */
void root_put(const char *path, const void *data, size_t len);
void root_remove(const char *path);
void root_clean(void);

#endif
