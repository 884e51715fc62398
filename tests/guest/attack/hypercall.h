/* SPDX-License-Identifier: GPL-2.0-only */
/* A raw hypercall, as an attacker makes it: without the driver. */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include <linux/types.h>

int try_hypercall(u64 nr, const u64 args[4], long *ret, u64 *rip);

#endif
