/* SPDX-License-Identifier: GPL-2.0-only */
/* Linux's error numbers that cross the ABI. */
#ifndef CORE_ERRNO_H
#define CORE_ERRNO_H

#ifndef EPERM
#define EPERM		1
#define ENOENT		2
#define EAGAIN		11
#define ENOMEM		12
#define EACCES		13
#define EFAULT		14
#define EBUSY		16
#define EEXIST		17
#define ENODEV		19
#define EINVAL		22
#define ENOSPC		28
#define ENOSYS		38
#define EOPNOTSUPP	95
#define EALREADY	114
#endif

#endif
