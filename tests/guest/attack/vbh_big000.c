// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module of 4 MiB, half text and half constants, that does nothing. Copies of the
 * file with other digits are other modules.
 */
#include <linux/module.h>

asm(".pushsection .text\n.balign 16\n.fill 0x200000, 1, 0xcc\n.popsection\n"
    ".pushsection .rodata\n.balign 16\n.fill 0x200000, 1, 0x5a\n.popsection\n");

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A large module; for tests only");
