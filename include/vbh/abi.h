/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * The ABI between a protected kernel and the hypervisor that protects it, the
 * same on bare metal and under KVM: the CPUID leaves, the hypercalls, and the
 * structures they take.
 *
 * A hypercall is VMCALL on VMX and VMMCALL on SVM, from CPL 0 (from any other
 * ring: #UD). Number in RAX, arguments in RBX, RCX, RDX, RSI; the result, or a
 * negative Linux errno, comes back in RAX; no other register changes.
 *
 * A buffer is named by its guest-physical address. It must be ordinary memory
 * of the guest, is read through the second stage, copied once and then checked.
 * Reserved fields must be zero (-EINVAL). Nothing is applied by half.
 */
#ifndef VBH_ABI_H
#define VBH_ABI_H

#include <vbh/types.h>
#include <vbh/module.h>

#define VBH_ABI_MAJOR		1
#define VBH_ABI_MINOR		0
#define VBH_ABI_VERSION		((VBH_ABI_MAJOR << 16) | VBH_ABI_MINOR)

/*
 * CPUID. The guest looks at each base from 0x40000000 to 0x4000ff00 in steps of
 * 0x100 for the signature in EBX, ECX, EDX, as it does for any hypervisor.
 *   base+0: EAX highest leaf; EBX, ECX, EDX the signature.
 *   base+1: EAX VBH_ABI_VERSION; EBX VBH_FEAT_*; ECX enum vbh_body; EDX 0, or
 *           under KVM VBH_CPUID_BEGUN if the guest has made a call.
 *   base+2: bits that can be pinned: EAX CR0, EBX CR4, ECX EFER, EDX the
 *           descriptor-table registers, 1 << enum vbh_dtr.
 *   base+3: limits: EAX regions, EBX MSR pins, ECX event records, EDX CPUs.
 */
#define VBH_CPUID_FIRST		0x40000000u
#define VBH_CPUID_LAST		0x4000ff00u
#define VBH_CPUID_STEP		0x100u
#define VBH_CPUID_BARE_METAL	0x40000100u
#define VBH_CPUID_SIG_EBX	0x56484256u	/* "VBHV" */
#define VBH_CPUID_SIG_ECX	0x42564842u	/* "BHVB" */
#define VBH_CPUID_SIG_EDX	0x48425648u	/* "HVBH" */
#define VBH_CPUID_LEAVES	4u
#define VBH_CPUID_BEGUN		(1u << 0)

#define VBH_FEAT_EXEC_SPLIT	(1u << 0)	/* XU without X can be expressed (MBEC, GMET) */
#define VBH_FEAT_EXEC_ONLY	(1u << 1)	/* X without R can be expressed */
#define VBH_FEAT_HOTPLUG	(1u << 2)	/* VBH_HC_CPU: a CPU may go and come back */
#define VBH_FEAT_STOP		(1u << 3)	/* VBH_HC_STOP exists in this body */
#define VBH_FEAT_DONATE		(1u << 4)	/* VBH_HC_DONATE: its memory can grow */
#define VBH_FEAT_EXEC_KERNEL	(1u << 5)	/* X without XU can be expressed (MBEC) */

enum vbh_body {
	VBH_BODY_BARE_METAL = 1,
	VBH_BODY_KVM = 2,
	VBH_BODY_TEST = 3,
};

/* Descriptor-table registers, in the order of the two instruction groups. */
enum vbh_dtr {
	VBH_DTR_GDTR,
	VBH_DTR_IDTR,
	VBH_DTR_LDTR,
	VBH_DTR_TR,
	VBH_NR_DTR,
};

/*
 * Hypercall numbers. KVM's own are small, Heki's and LVBS's proposals stay
 * below 0x1000; these begin with the letters "VBH".
 */
#define VBH_HC_BASE		0x56424800u
#define VBH_HC(n)		(VBH_HC_BASE + (n))
#define VBH_HC_RANGE		0x100u		/* these many are VBH's, also where not in use */

/* VBH_HC_STATUS(gpa of struct vbh_status, len): fill it. */
#define VBH_HC_STATUS		VBH_HC(0)
/*
 * VBH_HC_STATS(gpa of struct vbh_stats, len, cpu): the counters of one CPU.
 * -ENOENT: no such CPU.
 */
#define VBH_HC_STATS		VBH_HC(1)
/* VBH_HC_FACTS(gpa of struct vbh_facts, len): before the seal only (-EPERM). */
#define VBH_HC_FACTS		VBH_HC(2)
/*
 * VBH_HC_EVENT_RING(gpa, len): donate the event ring, once (-EEXIST), page
 * aligned, VBH_RING_MIN to VBH_RING_MAX bytes. The guest keeps read access.
 */
#define VBH_HC_EVENT_RING	VBH_HC(3)
/*
 * VBH_HC_EVENT_ACK(seq): records below seq have been read and may be replaced.
 * Never goes back; -EINVAL beyond the head.
 */
#define VBH_HC_EVENT_ACK	VBH_HC(4)
/*
 * VBH_HC_REGION_ADD(gpa of struct vbh_region[], count): protect, all of them
 * or none. At most VBH_MAX_BATCH. -ENOSPC: out of regions or tables.
 */
#define VBH_HC_REGION_ADD	VBH_HC(5)
/*
 * VBH_HC_REGION_DEL(tag, name): remove every region with that tag. Before the seal
 * only (-EPERM); tag 0 can't be removed (-EINVAL); -ENOENT: nothing has it. name:
 * 0, or the gpa of VBH_MODULE_NAME bytes for the VBH_KIND_TEXT that is to be.
 */
#define VBH_HC_REGION_DEL	VBH_HC(6)
/*
 * VBH_HC_PIN(gpa of struct vbh_pin[], count): the named bits keep the value
 * that each CPU has now. All or none; there is no unpin.
 */
#define VBH_HC_PIN		VBH_HC(7)
/*
 * VBH_HC_RULE(enum vbh_kind, enum vbh_rule): what happens on a violation that
 * belongs to no region or pin. After the seal only to a stronger rule (-EPERM).
 */
#define VBH_HC_RULE		VBH_HC(8)
/*
 * VBH_HC_KEY(gpa of 32 bytes, 32): the SHA-256 of the key that alone can stop a
 * sealed hypervisor. Before the seal only (-EPERM). All zero: no key exists.
 */
#define VBH_HC_KEY		VBH_HC(9)
/* VBH_HC_SEAL(): from now on everything only tightens. -EALREADY. */
#define VBH_HC_SEAL		VBH_HC(10)
/*
 * VBH_HC_UNLOCK(gpa, len): show the key, at most VBH_KEY_MAX bytes. -EACCES: a
 * wrong one; -EAGAIN: too soon after a wrong one (the delay doubles with each).
 */
#define VBH_HC_UNLOCK		VBH_HC(11)
/*
 * VBH_HC_STOP(): before the seal, or after an UNLOCK; else -EPERM. On bare metal
 * this CPU leaves guest mode and returns from the call natively, with 0: the
 * caller runs it on every CPU. Under KVM one call ends it for all of them, with
 * all that was asked for. -ENOSYS without VBH_FEAT_STOP.
 */
#define VBH_HC_STOP		VBH_HC(12)
/*
 * VBH_HC_CPU(enum vbh_cpu_op, argument): about the calling CPU.
 */
#define VBH_HC_CPU		VBH_HC(13)
/*
 * VBH_HC_TEXT(gpa of struct vbh_text[], count, name): kernel text that is about to
 * get patch sites, ascending by gva, all of it or none. Its pages are protected
 * already. At most VBH_MAX_TEXTS. Before the seal only (-EPERM); -ENOSPC. name: as
 * with VBH_HC_REGION_DEL.
 */
#define VBH_HC_TEXT		VBH_HC(14)
/*
 * VBH_HC_SITES(gpa of struct vbh_site[], count): what may be patched in it, or
 * functions that may be called from there, all or none. At most VBH_MAX_BATCH.
 * Before the seal only (-EPERM). -EINVAL: see struct vbh_site; -EAGAIN: a site
 * is being patched just now (INT3 stands there); -ENOSPC: out of room.
 */
#define VBH_HC_SITES		VBH_HC(15)
/*
 * VBH_HC_FTRACE(gpa of struct vbh_ftrace, len): what only ftrace's callers look
 * like. Once (-EEXIST), after the text that they lie in and before the first
 * VBH_SITE_MCOUNT. Before the seal only (-EPERM).
 */
#define VBH_HC_FTRACE		VBH_HC(16)
/*
 * VBH_HC_PATCH(enum vbh_patch, VBH_PATCH_OPEN | VBH_PATCH_SEALED): in which
 * state this kind of patching is allowed. After the seal bits can only go (-EPERM).
 */
#define VBH_HC_PATCH		VBH_HC(17)
/*
 * VBH_HC_NOTES(enum vbh_notes): is honest patching recorded, or only counted?
 * At any time; but VBH_NOTES_ALWAYS is not taken back after the seal (-EPERM).
 * Violations are always recorded.
 */
#define VBH_HC_NOTES		VBH_HC(18)
/*
 * VBH_HC_CATALOGUE(gpa of u8[][VBH_HASH_LEN], count): digests of modules that
 * may be loaded after the seal, ascending by their first four bytes as a number,
 * at most VBH_MAX_DIGESTS. Before the seal only (-EPERM); -ENOSPC.
 */
#define VBH_HC_CATALOGUE	VBH_HC(19)
/*
 * VBH_HC_SYMBOLS(gpa of struct vbh_symbol[], count): what code that is trusted
 * already exports to modules, ascending by the lower half of the hash, at most
 * VBH_MAX_BATCH. Before the seal only (-EPERM); -ENOSPC.
 */
#define VBH_HC_SYMBOLS		VBH_HC(20)
/*
 * VBH_HC_MODULE(enum vbh_module_op, tag, gpa, count): a module is loaded, or goes,
 * after the seal (-EPERM before it). -EACCES: it is refused, and that is an event
 * (VBH_KIND_MODULE); the caller then sends VBH_MODULE_GONE.
 */
#define VBH_HC_MODULE		VBH_HC(21)
/*
 * VBH_HC_DONATE(gpa, len): memory that the hypervisor takes for good, for its tables
 * and pools, before or after the seal: page aligned, at most VBH_DONATE_MAX bytes
 * and not across a multiple of it, ordinary memory (-EFAULT) that no region touches
 * (-EINVAL). The guest reads zeroes there from now on and can't write. -ENOSPC: there
 * is not even room to take it in. -EOPNOTSUPP without VBH_FEAT_DONATE, and after the
 * seal under a hypervisor (not KVM, Hyper-V, QEMU) of which it is not known what it
 * writes to.
 */
#define VBH_HC_DONATE		VBH_HC(22)
#define VBH_HC_NR		23

enum vbh_cpu_op {
	VBH_CPU_CURRENT,	/* argument: linear address of this CPU's `current` pointer */
	VBH_CPU_PARK,		/* going offline: an INIT for it is honest until it starts again */
};

/* What becomes of VBH_KIND_PATCH and VBH_KIND_TEXT. */
enum vbh_notes {
	VBH_NOTES_COUNT,	/* patches are counted, in struct vbh_status; at first */
	VBH_NOTES_RECORD,	/* both are recorded, while somebody listens */
	VBH_NOTES_ALWAYS,	/* and recorded, because the policy says so */
};

#define VBH_MAX_BATCH		256u
#define VBH_MAX_DIGESTS		128u
#define VBH_MAX_TEXTS		128u
#define VBH_KEY_MAX		4096u
#define VBH_HASH_LEN		32u
#define VBH_MAX_MSR_PINS	64u
#define VBH_DONATE_MAX		(2ull << 20)

/* What happens on a violation, from the weakest to the strongest. */
enum vbh_rule {
	VBH_RULE_LOG = 1,	/* it happens, and is recorded */
	VBH_RULE_DENY = 2,	/* the instruction faults, or is left out (VBH_ACTION_DROPPED) */
	VBH_RULE_PANIC = 3,	/* the machine stops */
};

/* Rights in the second stage. */
#define VBH_R			(1u << 0)
#define VBH_W			(1u << 1)
#define VBH_X			(1u << 2)	/* execute in supervisor mode */
#define VBH_XU			(1u << 3)	/* execute in user mode */
#define VBH_RWX			(VBH_R | VBH_W | VBH_X | VBH_XU)

enum vbh_region_kind {
	VBH_REGION_HYPERVISOR = 1,	/* the hypervisor's own memory; a guest can't ask for it */
	VBH_REGION_APIC,		/* the local APIC's page; likewise */
	VBH_REGION_RING,		/* the event ring; likewise */
	VBH_REGION_KERNEL_TEXT,
	VBH_REGION_KERNEL_RODATA,
	VBH_REGION_IDT,
	VBH_REGION_VDSO,
	VBH_REGION_MODULE_TEXT,
	VBH_REGION_MODULE_RODATA,
	VBH_REGION_TRAMPOLINE,		/* where a CPU starts after SIPI */
	VBH_REGION_OTHER,
	VBH_REGION_FTRACE,		/* ftrace's trampolines in use; likewise */
	VBH_NR_REGION_KINDS,
};

/*
 * Text that the kernel patches. A store here is carried out if it takes a patch
 * site to a state that the site may be in; and, until the seal, if it is
 * text_poke's and touches no site (VBH_PATCH_KPROBES, VBH_PATCH_MODULES).
 */
#define VBH_REGION_F_PATCHABLE	(1u << 0)

/* A range of guest-physical pages. Where regions overlap, the intersection holds. */
struct vbh_region {
	__u64 gpa;		/* page aligned */
	__u64 len;		/* bytes, a multiple of the page size, not 0 */
	__u32 rights;		/* VBH_R ... VBH_XU that remain; -EINVAL: see VBH_FEAT_* */
	/* names a group for VBH_HC_REGION_DEL; 0: permanent; VBH_TAG_MODULE: not before the seal */
	__u32 tag;
	__u16 kind;		/* enum vbh_region_kind */
	__u8 rule;		/* enum vbh_rule */
	__u8 flags;		/* VBH_REGION_F_* */
	__u32 reserved;
};

enum vbh_pin_type {
	VBH_PIN_CR0 = 1,
	VBH_PIN_CR4,
	VBH_PIN_EFER,
	VBH_PIN_MSR,		/* index: the MSR */
	VBH_PIN_DTR,		/* index: enum vbh_dtr; mask: all ones */
};

/*
 * Denied faults with #GP(0). Two things reset the machine in its place: an IDT
 * without room for a gate, and any change denied in ring 0 with paging off or in
 * compatibility mode. So Linux reboots; on KVM user space gets KVM_EXIT_SHUTDOWN.
 */
struct vbh_pin {
	__u32 type;		/* enum vbh_pin_type */
	__u32 index;		/* MSR number or enum vbh_dtr; else 0 */
	__u64 mask;		/* bits that may no longer change, not 0 */
	__u8 rule;		/* enum vbh_rule */
	__u8 reserved[7];
};

/* What only the kernel knows; used to describe events and to tell its own patching. */
struct vbh_facts {
	__u32 size;		/* sizeof(struct vbh_facts) */
	__u32 task_comm;	/* offsetof(struct task_struct, comm) */
	__u32 task_pid;		/* offsetof(struct task_struct, pid) */
	__u32 reserved;
	__u64 kernel_cr3;	/* guest-physical address of the kernel's own top-level table */
	__u64 poking_cr3;	/* the same for poking_mm, through which text_poke writes */
};

/* What is patched; the unit of policy and of counting. */
enum vbh_patch {
	VBH_PATCH_JUMP_LABELS,	/* VBH_SITE_JUMP */
	VBH_PATCH_STATIC_CALLS,	/* VBH_SITE_CALL, _TAIL, _TRAMP */
	VBH_PATCH_FTRACE,	/* VBH_SITE_MCOUNT, _FTRACE */
	VBH_PATCH_BPF,		/* of the last two: calls to code outside of the known text */
	VBH_PATCH_KPROBES,	/* text_poke to known text where no site is; never once sealed */
	VBH_PATCH_LIVEPATCH,	/* kept for the driver, which decides by it what it lets load */
	VBH_PATCH_MODULES,	/* text_poke to protected text not yet handed over; likewise */
	VBH_NR_PATCHES,
};

/* In which state it is allowed. At first: the first three in both, the others while open. */
#define VBH_PATCH_OPEN		(1u << 0)
#define VBH_PATCH_SEALED	(1u << 1)

/*
 * Kernel text, a physically contiguous run of it. -EINVAL unless all of it lies
 * in regions without VBH_W that are all VBH_REGION_F_PATCHABLE, and touches no
 * other struct vbh_text by either address. VBH_HC_REGION_DEL(tag) takes away
 * the texts with this tag, and every site and function in them.
 */
struct vbh_text {
	__u64 gva;		/* page aligned, from VBH_TEXT_GVA_MIN on */
	__u64 gpa;		/* page aligned */
	__u64 len;		/* bytes, a multiple of the page size, not 0, below 4 GiB */
	__u32 tag;		/* 0: permanent */
	__u32 reserved;
};

/* Kernel and modules both lie above, so that 32 bits of an address say it all. */
#define VBH_TEXT_GVA_MIN	0xffffffff80000000ull

/*
 * What may stand at a site, from the kernel's own tables. In all of them rel is
 * that of one instruction of len bytes, and `f` is the entry of a function: a
 * VBH_SITE_MCOUNT or the ENDBR64 right before it, a VBH_SITE_TRAMP or a
 * VBH_SITE_ENTRY.
 */
enum vbh_site_kind {
	/* __jump_table: NOP, or JMP to target. len 2 or 5 */
	VBH_SITE_JUMP = 1,
	/* __mcount_loc: NOP, or CALL of an ftrace caller or live trampoline. len 5 */
	VBH_SITE_MCOUNT,
	/* .static_call_sites: NOP, CALL f, or CS CS CS XOR EAX, EAX. len 5 */
	VBH_SITE_CALL,
	/*
	 * The same with STATIC_CALL_SITE_TAIL. len 5: JMP f, or RET and four INT3;
	 * len 6: Jcc f, of the condition that stands there now
	 */
	VBH_SITE_TAIL,
	/* A static call's trampoline (__SCT__*): as VBH_SITE_TAIL with len 5 */
	VBH_SITE_TRAMP,
	/* ftrace_call and ftrace_regs_call: CALL f. len 5 */
	VBH_SITE_FTRACE,
	/* No site, but a function that has no VBH_SITE_MCOUNT and may be called. len 0 */
	VBH_SITE_ENTRY,
	VBH_NR_SITE_KINDS,
};

/*
 * One batch holds one kind, ascending by address without doubles. -EINVAL: not
 * so; a site not all in known text, overlapping another one, of a length that
 * its kind can't have, with anything else standing there than it may have; a
 * target outside of known text or not within 1 GiB. An f that stands at a site
 * must be known first: entries, then __mcount_loc, then trampolines, then calls.
 */
struct vbh_site {
	__u64 addr;		/* linear address of the first byte */
	__s32 target;		/* VBH_SITE_JUMP: the target's address - addr; else 0 */
	__u8 kind;		/* enum vbh_site_kind */
	__u8 len;		/* bytes */
	__u16 reserved;
};

/*
 * A caller of ftrace, of which create_trampoline() makes copies: linear
 * addresses of symbols, in known text, less than a page apart.
 */
struct vbh_ftrace_caller {
	__u64 start;		/* ftrace_caller; ftrace_regs_caller */
	__u64 end;		/* ftrace_caller_end; ftrace_regs_caller_end */
	__u64 op_ptr;		/* ftrace_caller_op_ptr; ftrace_regs_caller_op_ptr */
	__u64 call;		/* ftrace_call; ftrace_regs_call */
	__u64 jmp;		/* 0; ftrace_regs_caller_jmp, a JNZ rel8 that becomes a NOP */
};

struct vbh_ftrace {
	__u32 size;		/* sizeof(struct vbh_ftrace) */
	__u32 ret_size;		/* RET_SIZE of its ftrace.c: 5 with retpolines, else 1 or 2 */
	__u64 return_thunk;	/* x86_return_thunk (its value), or 0: copies end in RET, INT3 */
	struct vbh_ftrace_caller caller[2];	/* without and with registers */
};

enum vbh_state {
	VBH_STATE_OPEN = 1,	/* running, not sealed */
	VBH_STATE_SEALED,
	VBH_STATE_UNLOCKED,	/* sealed, and the key has been shown: may stop */
};

struct vbh_status {
	__u32 size;
	__u32 abi;		/* VBH_ABI_VERSION */
	__u32 state;		/* enum vbh_state */
	__u32 body;		/* enum vbh_body */
	__u32 cpus;
	__u32 regions;
	__u32 pins;
	__u32 features;		/* VBH_FEAT_* */
	__u64 memory;		/* bytes that the hypervisor holds */
	__u64 memory_free;	/* of them, in its pool */
	__u64 events;		/* recorded so far */
	__u64 events_lost;	/* not recorded, because the ring was full */
	__u64 violations;
	__u64 patches;		/* stores to kernel text that were carried out as patching */
	char vendor[8];		/* "svm", "vmx" */
	__u8 has_key;
	__u8 reserved[7];
	__u64 patches_of[VBH_NR_PATCHES];	/* the same by kind; BPF's are in their site's */
	__u32 sites;		/* patch sites of all kinds */
	__u32 trampolines;	/* of ftrace, in use */
	__u64 memory_donated;	/* of memory, by VBH_HC_DONATE */
	__u64 memory_kept;	/* of memory_free, kept for what must not fail */
	__u32 max_regions;	/* as many as there can be; memory may end before */
	__u32 reserved2;
};

/* Exits by neutral reason, the same on both vendors. */
enum vbh_exit {
	VBH_EXIT_CPUID,
	VBH_EXIT_MSR_READ,
	VBH_EXIT_MSR_WRITE,
	VBH_EXIT_CR_WRITE,
	VBH_EXIT_DTR,
	VBH_EXIT_XSETBV,
	VBH_EXIT_HYPERCALL,
	VBH_EXIT_VIRT_INSN,	/* VMX and SVM instructions, GETSEC */
	VBH_EXIT_MEMORY,	/* second-stage violation */
	VBH_EXIT_APIC,		/* of these, on the local APIC's page */
	VBH_EXIT_NMI,
	VBH_EXIT_NMI_WINDOW,
	VBH_EXIT_INIT,
	VBH_EXIT_SIPI,
	VBH_EXIT_INVD,
	VBH_EXIT_TASK_SWITCH,
	VBH_EXIT_TRIPLE_FAULT,
	VBH_EXIT_BAD_STATE,	/* the guest loaded state that no processor would take */
	VBH_EXIT_OTHER,
	VBH_NR_EXITS,
};

struct vbh_stats {
	__u32 size;
	__u32 cpu;
	__u64 exits[VBH_NR_EXITS];
	__u64 flushes;		/* second-stage flushes on this CPU */
	__u64 kicks;		/* NMIs sent to this CPU to make it flush */
};

/* What an event is about. */
enum vbh_kind {
	VBH_KIND_NONE,
	/* violations */
	VBH_KIND_WRITE,		/* write to a protected page; detail: region kind */
	VBH_KIND_READ,
	VBH_KIND_EXEC,
	VBH_KIND_HYPERVISOR,	/* write or fetch on the hypervisor's memory */
	VBH_KIND_CR,		/* pinned bit; detail: 0 or 4 */
	VBH_KIND_MSR,		/* pinned MSR, EFER too; detail: its number */
	VBH_KIND_DTR,		/* detail: enum vbh_dtr */
	VBH_KIND_VIRT_INSN,	/* VMX or SVM instruction, or an MSR of theirs (detail) */
	VBH_KIND_HYPERCALL,	/* refused; detail: number - VBH_HC_BASE or ~0; new: -errno */
	VBH_KIND_INIT,		/* INIT or SIPI to a CPU that had not parked, SMI; detail: target */
	VBH_KIND_KEY,		/* wrong key, or too soon */
	VBH_KIND_INTERNAL,	/* the hypervisor could not do what it should; detail says */
	VBH_KIND_MODULE,	/* a module after the seal; detail: enum vbh_module_why */
	VBH_NR_VIOLATIONS,
	/* notes: no rule is consulted */
	VBH_KIND_START = 32,	/* the ring is there: the first record */
	VBH_KIND_SEAL,
	VBH_KIND_UNLOCK,
	VBH_KIND_STOP,
	/* honest patching, if VBH_HC_NOTES; detail: enum vbh_patch; gla: the text's */
	VBH_KIND_PATCH,
	VBH_KIND_CPU,		/* CPU parked (new 0) or started (new 1) */
	/*
	 * Text of a module came or went, if VBH_HC_NOTES; detail: its tag; gla: where;
	 * old, new: bytes of it that were known, and that are.
	 */
	VBH_KIND_TEXT,
	VBH_KIND_END,
};

/* What was done. */
enum vbh_action {
	VBH_ACTION_NOTED = 0,
	VBH_ACTION_LOGGED,
	VBH_ACTION_DENIED,
	VBH_ACTION_STOPPED,
	/*
	 * A store of text_poke() that rule deny refused: it was left out and the next
	 * instruction follows, for a fault there would end all patching of the kernel.
	 */
	VBH_ACTION_DROPPED,
};

#define VBH_EVENT_F_GLA		(1u << 0)	/* gla is valid */
#define VBH_EVENT_F_VALUES	(1u << 1)	/* old and new are valid */
#define VBH_EVENT_F_TASK	(1u << 2)	/* pid and comm are valid */
#define VBH_EVENT_F_GPA		(1u << 3)	/* gpa is valid */
#define VBH_EVENT_F_UNDECODED	(1u << 4)	/* the instruction was not understood */
#define VBH_EVENT_F_PATCH	(1u << 5)	/* it touched a patch site; gla is the text's */

#define VBH_EVENT_STACK		20

/* One record of the ring; 256 bytes, little-endian. */
struct vbh_event {
	__u64 seq;		/* from 0 without gaps: a record that is lost takes none */
	__u64 tsc;		/* this CPU's TSC */
	__u32 cpu;
	__u32 vm;		/* 0 but on a KVM host */
	__u16 kind;		/* enum vbh_kind */
	__u8 rule;		/* enum vbh_rule, or 0 for a note */
	__u8 action;		/* enum vbh_action */
	__u32 flags;		/* VBH_EVENT_F_* */
	__u32 detail;
	__s32 pid;
	char comm[16];
	__u64 rip;
	__u64 gpa;
	__u64 gla;
	__u64 old_value;
	__u64 new_value;
	__u64 cr3;
	__u8 cpl;
	__u8 insn_len;		/* bytes of insn that are valid, 0 to 15 */
	__u8 insn[15];
	__u8 width;		/* bytes of old and new that count, 0 to 8 */
	__u8 reserved[6];
	__u64 patches;		/* VBH_KIND_PATCH: how many there have been, recorded or not */
	__u64 lost;		/* records lost before this one, in all */
	/*
	 * SHA-256 of the last hash, of this record up to here, and of what follows, if
	 * its first word is not 0 or it is a module's name
	 */
	__u8 hash[VBH_HASH_LEN];
	union {
		/*
		 * From CPL 0: the lower halves of words on the stack that are addresses
		 * of known text, from RSP up; then 0. Return addresses are among them.
		 */
		__u32 stack[VBH_EVENT_STACK];
		/* VBH_KIND_MODULE and _TEXT: which, as it or the guest says */
		char module[VBH_MODULE_NAME];
		/* On a KVM host, where vm is not 0, in place of both: */
		struct {
			__u64 vm_seq;		/* seq in the VM's own ring, 0 if it is not there */
			__s32 vmm_pid;		/* the VM's process, */
			char vmm_comm[16];	/* and its name */
		};
	};
};

#define VBH_RING_MAGIC		0x474e495248425600ull
#define VBH_RING_MIN		8192ull
#define VBH_RING_MAX		(16ull << 20)

/*
 * The ring: this header in its first page, records from its second on. Record
 * seq stands in slot seq % records. The guest reads head, then the records. A
 * full ring (head - tail == records) keeps what it has, and counts.
 */
struct vbh_ring {
	__u64 magic;
	__u32 version;		/* VBH_ABI_VERSION */
	__u32 record_size;
	__u64 records;
	__u64 head;		/* seq of the next record */
	__u64 tail;		/* acknowledged up to here */
	__u64 lost;
	__u64 wanted;		/* bytes to be donated soon: what is kept back is in use */
};

VBH_STATIC_ASSERT(sizeof(struct vbh_region) == 32);
VBH_STATIC_ASSERT(sizeof(struct vbh_pin) == 24);
VBH_STATIC_ASSERT(sizeof(struct vbh_facts) == 32);
VBH_STATIC_ASSERT(sizeof(struct vbh_text) == 32);
VBH_STATIC_ASSERT(sizeof(struct vbh_site) == 16);
VBH_STATIC_ASSERT(sizeof(struct vbh_ftrace) == 96);
VBH_STATIC_ASSERT(sizeof(struct vbh_status) == 128 + 8 * VBH_NR_PATCHES);
VBH_STATIC_ASSERT(sizeof(struct vbh_stats) == 8 + 8 * (VBH_NR_EXITS + 2));
VBH_STATIC_ASSERT(sizeof(struct vbh_event) == 256);
VBH_STATIC_ASSERT(sizeof(struct vbh_ring) == 56);

#endif
