/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * Fixed-width types for the ABI. The kernel and user space bring their own
 * __u64; the freestanding hypervisor and the core, wherever it is linked
 * (VBH_CORE is then defined), get the kernel's short names too.
 */
#ifndef VBH_TYPES_H
#define VBH_TYPES_H

#if defined(__KERNEL__)
#include <linux/types.h>
#elif defined(VBH_CORE)
#include <stdbool.h>
#include <stddef.h>

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef signed short __s16;
typedef signed int __s32;
typedef signed long long __s64;

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
#else
#include <linux/types.h>
#endif

#endif
