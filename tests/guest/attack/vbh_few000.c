// SPDX-License-Identifier: GPL-2.0-only
/* A small module with a function to trace. Copies with other digits are other modules. */
#include <linux/module.h>

noinline int vbh_few000_work(int n)
{
	return n + 1;
}

static int work_set(const char *value, const struct kernel_param *param)
{
	return vbh_few000_work(1) == 2 ? 0 : -EIO;
}

static const struct kernel_param_ops work_ops = { .set = work_set };
module_param_cb(work, &work_ops, NULL, 0200);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A small module; for tests only");
