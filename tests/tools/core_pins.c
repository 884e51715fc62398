// SPDX-License-Identifier: GPL-2.0-only
/* What the core lets be pinned, for test_policy.c, which has other types. */
#include <core/guest/pin.h>

const unsigned long long core_pins[3] = { PIN_CR0_BITS, PIN_CR4_BITS, PIN_EFER_BITS };
