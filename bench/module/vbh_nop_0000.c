// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that does nothing: what its loading costs. The benchmark loads it
 * many times at once, and for that replaces its name in the file by others of
 * the same length.
 */
#include <linux/module.h>

static int __init nop_init(void)
{
	return 0;
}

static void __exit nop_exit(void)
{
}

module_init(nop_init);
module_exit(nop_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Does nothing");
