/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * /dev/vbh, for user space. Opening it takes CAP_SYS_ADMIN.
 *
 * read() gives whole struct vbh_event records, from the oldest that the ring
 * still has for a new reader; it blocks unless O_NONBLOCK (-EAGAIN); 0 bytes
 * when VBH is stopped and nothing is left. poll() says when there are more.
 * lseek(fd, seq, SEEK_SET) and lseek(fd, 0, SEEK_END) choose the next record.
 * Each open file has its own place. Reading does not free the ring: VBH_IOC_ACK does.
 * Honest patching is recorded only while some open file wants it: VBH_IOC_NOTES.
 */
#ifndef VBH_DEV_H
#define VBH_DEV_H

#include <vbh/abi.h>
#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif

#define VBH_DEVICE		"/dev/vbh"

/* Of modules: after the seal those that are in the catalogue. */
#define VBH_PATCH_LISTED	(1u << 2)

/* In which states a kind of patching is allowed, as VBH_HC_PATCH takes it. */
enum vbh_patching {
	VBH_PATCHING_DENY = 0,
	VBH_PATCHING_UNTIL_SEAL = VBH_PATCH_OPEN,
	VBH_PATCHING_ALLOW = VBH_PATCH_OPEN | VBH_PATCH_SEALED,
	VBH_PATCHING_LISTED = VBH_PATCH_OPEN | VBH_PATCH_LISTED,	/* modules only */
};

struct vbh_policy_msr {
	__u32 msr;
	__u8 rule;		/* enum vbh_rule */
	__u8 reserved[3];
	__u64 mask;
};

struct vbh_policy {
	__u32 size;		/* sizeof(struct vbh_policy) */
	__u32 ring_records;	/* a power of two, 64 to 8192; 0: the default, 2048 */
	__u8 region_rule[16];	/* by enum vbh_region_kind; 0: not protected */
	__u8 kind_rule[16];	/* by enum vbh_kind; 0: deny */
	__u8 dtr_rule[VBH_NR_DTR];	/* 0: not pinned */
	__u8 cr0_rule, cr4_rule, efer_rule;
	__u8 patching[9];	/* enum vbh_patching, by enum vbh_patch */
	__u64 cr0_mask;		/* of these, the bits that are on get pinned */
	__u64 cr4_mask;
	__u64 efer_mask;
	__u32 nr_msrs;
	__u8 has_key;
	__u8 record_patching;	/* 0, or 1: VBH_NOTES_ALWAYS */
	__u8 reserved[2];
	struct vbh_policy_msr msr[VBH_MAX_MSR_PINS];
	__u8 key_hash[VBH_HASH_LEN];	/* SHA-256 of the key */
};

struct vbh_start {
	struct vbh_policy policy;
	__s32 catalogue;	/* for VBH_PATCHING_LISTED: its file's descriptor; else -1 */
	__u32 reserved;
	char error[256];	/* out: in words, what was missing; empty on success */
};

struct vbh_info {
	__u32 size;
	__u32 abi;		/* VBH_ABI_VERSION of the driver */
	__u32 running;		/* 0 or 1 */
	__u32 cpus_possible;
	__u64 tsc_khz;
	__u64 tsc;		/* these two were read together: */
	__u64 realtime_ns;	/* wall clock, nanoseconds since 1970 */
	struct vbh_status status;	/* zero if not running */
};

struct vbh_unlock {
	__u64 key;		/* user pointer */
	__u32 len;		/* 1 to VBH_KEY_MAX */
	__u32 reserved;
};

#define VBH_IOC_MAGIC		0xb5
#define VBH_IOC_INFO		_IOR(VBH_IOC_MAGIC, 0, struct vbh_info)
#define VBH_IOC_START		_IOWR(VBH_IOC_MAGIC, 1, struct vbh_start)
#define VBH_IOC_STOP		_IO(VBH_IOC_MAGIC, 2)
#define VBH_IOC_SEAL		_IO(VBH_IOC_MAGIC, 3)
#define VBH_IOC_UNLOCK		_IOW(VBH_IOC_MAGIC, 4, struct vbh_unlock)
/* In: cpu. -ENOENT: no such CPU. */
#define VBH_IOC_STATS		_IOWR(VBH_IOC_MAGIC, 5, struct vbh_stats)
/* Records below *seq may be replaced. */
#define VBH_IOC_ACK		_IOW(VBH_IOC_MAGIC, 6, __u64)
/* 1: record VBH_KIND_PATCH from now on, until this file says 0 or is closed. */
#define VBH_IOC_NOTES		_IOW(VBH_IOC_MAGIC, 7, __u32)

VBH_STATIC_ASSERT(sizeof(struct vbh_policy_msr) == 16);
VBH_STATIC_ASSERT(sizeof(struct vbh_policy) == 8 + 16 + 16 + 16 + 24 + 8 + 64 * 16 + 32);
VBH_STATIC_ASSERT(sizeof(struct vbh_info) == 40 + sizeof(struct vbh_status));

#endif
