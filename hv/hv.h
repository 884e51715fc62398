/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bare-metal body: its global state, its CPUs, and what its files offer
 * each other.
 *
 * Everything runs with interrupts off, on the CPU's own stack. Locks: guest
 * (hv.guest_lock, taken by the core) before pool (hv.pool_lock). A lock is
 * never held across an entry.
 */
#ifndef HV_HV_H
#define HV_HV_H

#include <vbh/launch.h>
#include "vendor.h"
#include "../core/errno.h"

/* Linear layout, all in the top-level slots of VBH_IMAGE_BASE. */
#define HV_CHUNKS		VBH_IMAGE_BASE			/* chunk i at + i * VBH_CHUNK */
#define HV_CPUS			(VBH_IMAGE_BASE + (1ull << 30))	/* CPU i at + i * HV_CPU_AREA */
#define HV_WINDOWS		(VBH_IMAGE_BASE + (2ull << 30))	/* CPU i, slot s */
#define HV_DIRECT		(2 * VBH_IMAGE_BASE)	/* what was donated, at + its address */
#define HV_CPU_AREA		65536ull
#define HV_CPU_PAGES		3	/* struct hv_cpu at the area's start */
#define HV_STACK_PAGES		4	/* at its end; between them nothing is mapped */
#define HV_WINDOW_SLOTS		256

/* Selectors are Linux's, so that changing GDTs needs no far jump. */
#define HV_CS			0x10
#define HV_DS			0x18
#define HV_TR			0x40

enum hv_window {
	WINDOW_TOP,		/* the guest's top-level table, on the way out */
	WINDOW_RING,
	WINDOW_APIC,		/* stays on the local APIC */
	WINDOW_WALK,		/* and up: walk.c, a table each */
	WINDOW_LOOK = HV_WINDOW_SLOTS / 2,	/* and up: guest_look() */
};

#define HV_LOOK_SLOTS		(HV_WINDOW_SLOTS - WINDOW_LOOK)
#define HV_WALK_LINES		4
#define HV_WALK_LEVELS		5

_Static_assert(WINDOW_WALK + HV_WALK_LINES * HV_WALK_LEVELS <= WINDOW_LOOK, "room for windows");

/* What a walk of the last exit has met (walk.c). */
struct hv_walk {
	u64 cr3, page;		/* the linear address; ~0: nothing */
	const u64 *at[HV_WALK_LEVELS];	/* the entries, in the line's own windows */
	u64 entry[HV_WALK_LEVELS];	/* what they held, down to `leaf` */
	s32 levels, leaf;
	u64 gpa;		/* of the page */
};

/* Things one CPU asks another to do on its way into the guest. */
#define REQ_INIT		(1u << 0)
#define REQ_HALT		(1u << 1)

struct hv_cpu {
	u64 gpr[16];		/* the guest's, by enum vbh_reg; vendors keep RSP current */
	struct vbh_vcpu vcpu;
	void *vendor;		/* struct svm_cpu, struct vmx_cpu */
	u32 index;
	u32 apic_id;
	bool launched;
	u64 *look;		/* the entries of the windows for guest_look(), */
	u64 look_va;		/* and where the first of them is */

	/*
	 * Flushing. in_guest is set, then (full barrier) seen is compared with
	 * hv.generation, before each entry; the initiator adds to hv.generation,
	 * then (full barrier) looks at in_guest. So one of the two sees the other.
	 */
	u32 in_guest;
	u32 seen;
	u32 kicked;		/* an NMI on its way is ours */
	u32 requests;		/* REQ_*, set atomically by others */
	u32 sipi;		/* 0x100 | page once SIPI came */

	bool nmi_pending;	/* Linux has to get one */
	bool mc_pending;
	bool waiting;		/* the guest waits for a SIPI: it runs nothing, takes no NMI */
	bool injected;		/* the entry to come delivers an event already */
	u64 tsc_moved;		/* by how much the guest has set its TSC forward */

	struct hv_walk walk[HV_WALK_LINES];
	u32 walks;		/* of this exit */
	s32 walk_levels;	/* that the guest's tables have, as walk.c's depth() says */

	u64 exits[VBH_NR_EXITS];
	u64 flushes, kicks;

	u64 tss[14];		/* 64-bit TSS, 104 bytes */
	u64 gdt[10];
};

struct hv {
	const struct hv_vendor *vendor;
	struct hv_caps caps;
	struct vbh_guest guest;
	u32 guest_lock;
	u32 pool_lock;
	u32 launch_lock;
	u32 generation;		/* see struct hv_cpu */
	u32 halted;
	u64 cr3;		/* of the hypervisor's own tables */
	u64 cr4;		/* what the hypervisor runs with */
	u64 cr4_bits;		/* that this processor has */
	u64 apic_pa;		/* 0: not trapped */
	bool trap_icr;
	bool la57;
	bool known_below;	/* whatever writes past the second stage is known */
	u64 zero_pa;		/* the page of zeroes behind the hypervisor's memory */
	u64 window_bits;	/* of a cached window's entry, but for the address */
	u64 ram_end;
	struct vbh_launch params;	/* our copy */
};

extern struct hv hv;

/* hv.lds: the image's parts; the sizes are the addresses of absolute symbols. */
extern char hv_text_start[], hv_rodata_start[], hv_data_start[], hv_end[];
extern char hv_file_size[], hv_mem_size[];

static inline struct hv_cpu *hv_cpu(u32 index)
{
	return (struct hv_cpu *)(HV_CPUS + index * HV_CPU_AREA);
}

/* The CPU whose stack this is. */
static inline struct hv_cpu *this_cpu(void)
{
	return (struct hv_cpu *)(read_rsp() & ~(HV_CPU_AREA - 1));
}

static inline void *hv_stack_top(struct hv_cpu *cpu)
{
	return (u8 *)cpu + HV_CPU_AREA;
}

static inline struct hv_cpu *vcpu_to_cpu(struct vbh_vcpu *vcpu)
{
	return (struct hv_cpu *)((u8 *)vcpu - offsetof(struct hv_cpu, vcpu));
}

/* lock.c is these two lines. */
static inline void spin_lock(u32 *lock)
{
	while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
		while (READ_ONCE(*lock))
			cpu_relax();
}

static inline void spin_unlock(u32 *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/* What a handler wants. */
enum hv_act {
	HV_RESUME,		/* enter again as it is */
	HV_ADVANCE,		/* the instruction is done */
	HV_DONE,		/* likewise, and RIP is past it already */
	HV_GP,
	HV_UD,
	HV_PF,			/* with vm_exit.error; CR2 is set */
	HV_HALT,
	HV_RESET,		/* the whole machine */
};

/* pool.c: pages of the hypervisor's own memory, cleared. NULL: none left. */
int pool_init(void);
void *pool_page(void);
void pool_free(void *page);
void pool_give(void *first, u64 bytes, bool donation);
#define KEEP_URGENT		32	/* pages, for what must not fail */
void pool_keep(u32 pages);	/* pool_page() leaves so many, until the next call */
u64 pool_pages_free(void);
u64 pool_donated(void);		/* bytes */
u64 hv_pa(const void *va);	/* of image and pool */
void *hv_va(u64 pa);		/* of pool pages: page tables */

/* mm.c: the hypervisor's own address space. */
int mm_init(void);
/* Memory that the guest can't reach any more becomes ours; within 2 MiB of 2 MiB. -ENOSPC. */
int mm_donate(u64 pa, u64 len);
bool mm_donated(u64 pa);
void window_init(struct hv_cpu *cpu);
void *window_map(struct hv_cpu *cpu, enum hv_window slot, u64 pa, bool uncached);
/* Is the whole page ordinary memory, and not ours? */
bool is_guest_ram(u64 pa);
/* guest_look() where no window shows the page yet. */
void *guest_look_anew(struct hv_cpu *cpu, u64 gpa);
u64 mm_exit_tables(struct hv_cpu *cpu, u64 cr3);

/*
 * A byte of the guest's ordinary memory and what follows it on its page, or NULL.
 * There are several windows for that, by page number, so that most walks find their
 * tables still mapped. What one of them shows was checked when it was mapped.
 */
static inline void *guest_look(struct hv_cpu *cpu, u64 gpa)
{
	u64 slot = gpa / PAGE_SIZE % HV_LOOK_SLOTS;

	if (unlikely(cpu->look[slot] != ((gpa & PAGE_MASK) | hv.window_bits)))
		return guest_look_anew(cpu, gpa);
	return (void *)(cpu->look_va + slot * PAGE_SIZE + gpa % PAGE_SIZE);
}

/* exit.c: after a slow exit; returns when the guest is to be entered. */
void hv_exit(struct hv_cpu *cpu);
/* handlers.c: by all the ways there are, this CPU's own shutdown the last. */
void hv_reset_machine(struct hv_cpu *cpu) __noreturn;
/* CPUID for the guest, in and out through cpu->gpr. Short: every program meets it. */
void hv_cpuid(struct hv_cpu *cpu, u64 guest_cr4);

/* tail.c: pending requests and events, then in_guest; the last thing before entry. */
void hv_tail(struct hv_cpu *cpu);
/* The CPU and its local APIC as INIT leaves them. */
void hv_reset(struct hv_cpu *cpu);

/* launch.c */
void hv_capture(struct hv_linux *st);
/* With launch_lock held, VMX or SVM off again: this CPU goes back with ret and its reason. */
void hv_launch_failed(struct hv_cpu *cpu, struct hv_linux *st, int ret,
		      const char *error) __noreturn;

/*
 * return.c: natively back to Linux with the state st, on tables of ours that
 * hold Linux's kernel half. With an error: its text goes to params. The second
 * form takes a launched CPU out of guest mode first, with 0 in RAX.
 */
void hv_return(struct hv_cpu *cpu, struct hv_linux *st, struct vbh_launch *params,
	       const char *error) __noreturn;
void hv_leave(struct hv_cpu *cpu) __noreturn;

/* msr.c, cr.c, dt.c: handlers, the MSRs that always exit, the bits that CR4 has. */
void cr_init(void);
void msr_init(void);
int msr_cpu_init(void);		/* on each CPU, before it is in guest mode */
enum hv_act msr_read(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act msr_write(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act cr_write(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act dt_access(struct hv_cpu *cpu, struct vm_exit *exit);
/* A core verdict as an action; allow is what VBH_ALLOW becomes. */
enum hv_act hv_verdict(enum vbh_verdict v, enum hv_act allow);
/* The next entry delivers it, in the place of any other. */
void hv_inject(struct hv_cpu *cpu, const struct hv_event *ev);
/* Decode the instruction at RIP; false if it is none that core/insn/decode.h knows. */
bool hv_decode(struct hv_cpu *cpu, struct insn *insn);

/* stage2.c */
int stage2_init(void);
int stage2_fill(u64 gpa);	/* map what was never touched; -ENOSPC */
u64 stage2_root(void);		/* physical address of its top-level table */
u8 stage2_levels(void);
int stage2_sync(u64 start, u64 end);
void stage2_reap(void);		/* tables no CPU can see any more */

/* mtrr.c: memory type of pa, and how far it holds. */
void mtrr_init(void);
u8 mtrr_type(u64 pa, u64 *end);

/* walk.c: the guest's page tables. */
int walk_guest(struct hv_cpu *cpu, u64 cr3, u64 gva, u64 *gpa);
void walk_forget(struct hv_cpu *cpu);
/* For a store of user mode; 0, or its page fault's error code. Leaves keys (PKRU) out. */
u32 walk_user_store(struct hv_cpu *cpu, u64 gva, u64 *gpa);

/* apic.c: NMIs to others, and ICR writes of the guest. */
int apic_init(void);
void apic_send_nmi(struct hv_cpu *cpu, u32 apic_id);
/* Drop what interrupts this CPU's local APIC still holds, as INIT does. */
void apic_drain(struct hv_cpu *cpu);
u32 apic_quick(struct hv_cpu *cpu, u64 gpa);
enum hv_act apic_store(struct hv_cpu *cpu, struct vm_exit *exit);
/* Does it send an INIT or a SIPI? Then this is what becomes of it. */
bool apic_icr_starts(u64 icr);
enum hv_act apic_icr(struct hv_cpu *cpu, u64 icr);

/* smp.c: making other CPUs notice. */
void smp_flush(void);
void smp_halt_others(void);
void smp_wait_others(void);	/* until they are out of the guest, but not for long */
void smp_halt(void) __noreturn;
void smp_kick(struct hv_cpu *target);

/* trap.c, trap.S */
void trap_init(void);
void trap_load(struct hv_cpu *cpu);
/* This CPU took an NMI: somebody's kick, or one for Linux. */
void trap_nmi(struct hv_cpu *cpu);
/* An NMI or INIT that is latched comes in now, through our own gate (SVM). */
void trap_open_nmi(void);

/* debug.c: to port 0xe9 in debug builds, nowhere otherwise. */
void hv_log(const char *what, u64 a, u64 b);
void hv_bug(const char *what, u64 a, u64 b) __noreturn;
/* error = "what (where)" for the loader. */
void hv_error(char *error, u32 size, const char *what);

#endif
