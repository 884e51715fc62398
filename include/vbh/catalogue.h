/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * The catalogue's file, which libvbh makes and the driver reads: a header, an
 * entry for each module, ascending by name, then their descriptions. The digest
 * is over the whole file but for itself; libvbh checks it, the driver does not.
 */
#ifndef VBH_CATALOGUE_H
#define VBH_CATALOGUE_H

#include <vbh/abi.h>

#define VBH_CATALOGUE_MAGIC	0x3230544143484256ull	/* "VBHCAT02" */
#define VBH_CATALOGUE_MODULES	65536u			/* at most */
#define VBH_DESCRIPTION_MAX	(64u << 20)		/* bytes of one */

struct vbh_catalogue_header {
	__u64 magic;
	__u32 size;		/* sizeof(struct vbh_catalogue_header) */
	__u32 modules;
	__u64 length;		/* bytes of the file */
	char release[64];	/* of the kernel, as uname -r */
	__u8 files[VBH_HASH_LEN];	/* SHA-256 of the files' names, sizes and times */
	__u8 digest[VBH_HASH_LEN];
};

struct vbh_catalogue_entry {
	__u8 digest[VBH_HASH_LEN];	/* of the module, for the hypervisor */
	char name[VBH_MODULE_NAME];	/* as the kernel calls it */
	__u64 offset;		/* of its description in the file */
	__u32 len;
	__u32 reserved;
	struct vbh_layout layout;
};

VBH_STATIC_ASSERT(sizeof(struct vbh_catalogue_header) == 152);
VBH_STATIC_ASSERT(sizeof(struct vbh_catalogue_entry) == 128);

#endif
