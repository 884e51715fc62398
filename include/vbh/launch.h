/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * Between the loader (vbh.ko) and the bare-metal image, before launch only.
 *
 * The image is linked at VBH_IMAGE_BASE and begins with struct vbh_image. The
 * loader allocates cleared chunks of VBH_CHUNK bytes, physically contiguous and
 * aligned to their size, copies the image to the start of the first, and builds
 * launch tables: the kernel half of the present top-level table, plus, from
 * VBH_IMAGE_BASE on, the chunks side by side, writable and executable. With these tables
 * loaded, interrupts off, CR4.PCIDE, PGE and CET clear, it calls entry(params,
 * op, cpu) by the System V ABI; 0 or a negative errno comes back in EAX.
 *
 * VBH_OP_INIT is called once, and the loader then copies the entry for
 * VBH_IMAGE_BASE from the top-level table that it leaves in params to that of
 * the launch tables. VBH_OP_LAUNCH is then called on every CPU that params name,
 * on all at once or in turn; it returns 0 in guest mode. What has
 * been launched is given back by VBH_HC_STOP on each CPU, which may be called
 * with any tables that hold the kernel half, and returns with CR3 pointing to
 * tables of the image: the caller loads its own CR3 (and CR4) at once.
 */
#ifndef VBH_LAUNCH_H
#define VBH_LAUNCH_H

#include <vbh/types.h>

#define VBH_IMAGE_BASE		0x200000000000ull
#define VBH_IMAGE_MAGIC		0x3130474d49484256ull	/* "VBHIMG01" */
#define VBH_CHUNK		(2ull << 20)
#define VBH_MAX_CHUNKS		64
#define VBH_MAX_CPUS		256
#define VBH_MAX_RAM		64

struct vbh_image {
	__u64 magic;
	__u64 entry;		/* linear address */
	__u64 file_size;	/* bytes to copy */
	__u64 mem_size;		/* bytes from the base that the image itself uses */
	__u32 cpu_size;		/* further bytes for each CPU */
	__u32 pool_pages;	/* further pages for any machine */
	__u32 pool_per_gib;	/* and for each GiB up to the end of RAM */
	__u32 params_size;	/* sizeof(struct vbh_launch) it was built with */
};

enum vbh_launch_op {
	VBH_OP_INIT,
	VBH_OP_LAUNCH,
};

/* Hold back INIT by trapping the sender even where the receiver could exit. */
#define VBH_LAUNCH_F_TRAP_ICR	(1u << 0)

struct vbh_launch {
	__u32 size;		/* sizeof(struct vbh_launch) */
	__u32 flags;		/* VBH_LAUNCH_F_* */
	__u32 cpus;
	__u32 nr_chunks;
	__u32 nr_ram;
	__u32 sipi_page;	/* page number of the kernel's real-mode start */
	/*
	 * Bits of an address that say where: less than CPUID gives, where a bit above
	 * chooses a key of memory encryption, and so another view of the same memory.
	 */
	__u32 phys_bits;
	__u32 reserved;
	__u64 root;		/* out, of VBH_OP_INIT: physical, the image's top-level table */
	__u64 tsc_hz;
	__u32 apic_id[VBH_MAX_CPUS];
	__u64 chunk[VBH_MAX_CHUNKS];
	struct {
		__u64 start, end;
	} ram[VBH_MAX_RAM];	/* ordinary memory, sorted, one past at the end */
	char error[192];	/* out: on failure, what was missing, in words */
};

#endif
