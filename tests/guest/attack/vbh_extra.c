// SPDX-License-Identifier: GPL-2.0-only
/* A module that no catalogue has: it does nothing, which is enough. */
#include <linux/module.h>

static int __init extra_init(void)
{
	return 0;
}

static void __exit extra_exit(void)
{
}

module_init(extra_init);
module_exit(extra_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A module that is in no catalogue; for tests only");
