/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a vendor's backend does: turn the feature on and off, translate exits
 * into vm_exit and back, hold guest state. It decides nothing. One constant
 * struct hv_vendor each; the choice is made once, in hv_init().
 */
#ifndef HV_VENDOR_H
#define HV_VENDOR_H

#include <vbh/abi.h>
#include "../core/core.h"
#include "x86.h"

struct hv_cpu;
struct pt_format;

/* Segments by their number in instructions, then the two system ones. */
enum hv_seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, NR_SEGS };

struct hv_segment {
	u16 sel;
	u16 attr;		/* bits 40-55 of the descriptor, limit bits cleared; 0: null */
	u32 limit;		/* in bytes */
	u64 base;
};

/*
 * A CPU's state where Linux and guest mode meet: captured at launch, given
 * back at stop. MSRs that the vendor neither switches nor keeps are not here.
 */
struct hv_linux {
	u64 gpr[16];		/* by enum vbh_reg; RSP among them */
	u64 rip, rflags;
	u64 cr0, cr3, cr4, efer, dr7;
	struct hv_segment seg[NR_SEGS];
	struct dt_reg gdtr, idtr;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat, debugctl;
};

/* An event whose delivery was interrupted, or that is to be injected. */
enum hv_event_type {
	HV_EVENT_NONE,
	HV_EVENT_INTR,		/* external interrupt */
	HV_EVENT_NMI,
	HV_EVENT_EXCEPTION,	/* hardware exception */
	HV_EVENT_SOFT_INT,	/* INT n */
	HV_EVENT_SOFT_EXC,	/* INT3, INTO; on VMX also ICEBP's privileged type */
};

struct hv_event {
	u8 type;		/* enum hv_event_type */
	u8 vector;
	bool has_error;
	u32 error;
	u8 len;			/* of the instruction, for software events */
};

/* One exit, decoded. What a kind does not use is undefined. */
struct vm_exit {
	u32 kind;		/* enum vbh_exit */
	u8 len;			/* of the instruction, 0 if the processor does not say */
	struct hv_event interrupted;	/* type NONE: nothing was */

	struct vbh_access access;	/* MEMORY */

	u32 msr;		/* MSR_READ, MSR_WRITE */
	u8 cr;			/* CR_WRITE: 0 or 4 */
	bool value_valid;	/* CR_WRITE: else the instruction must be decoded */
	u64 value;		/* CR_WRITE: all of it; MSR_WRITE: EDX:EAX; SIPI: the start page */
	u32 error;		/* of HV_PF: the handler's */
	u32 raw;		/* the vendor's own exit code, for the log */
};

struct hv_caps {
	u8 phys_bits;
	u8 s2_levels;		/* depth of the second stage: 4 or 5 */
	bool s2_1g, s2_exec_only, exec_split;
	bool nrips;		/* exits tell the next RIP */
	bool init_exits;	/* INIT and SIPI exit at the receiver */
	bool raw_trace;		/* Processor Trace goes round the second stage */
};

struct hv_vendor {
	const char *name;	/* "svm", "vmx" */
	const struct pt_format *s2;

	/*
	 * Is everything there? Touches nothing. Fills caps; -errno with the missing
	 * thing named in error (size bytes), with where it is announced.
	 */
	int (*probe)(struct hv_caps *caps, char *error, u32 size);
	/* Once, before the first cpu_on: bitmaps and what all CPUs share. -ENOMEM. */
	int (*init)(void);

	/*
	 * On the CPU itself, on the hypervisor's stack, tables, GDT and IDT: turn
	 * the feature on and make guest state of st. On failure the processor is
	 * as it was, and error says why.
	 */
	int (*cpu_on)(struct hv_cpu *cpu, const struct hv_linux *st, char *error, u32 size);
	/*
	 * The reverse: guest state into st (all but the general registers), feature
	 * off, MSRs that were switched back to the guest's values.
	 */
	void (*cpu_off)(struct hv_cpu *cpu, struct hv_linux *st);
	/* Enter the guest for the first time; from then on hv_exit() is called. */
	void (*run)(struct hv_cpu *cpu) __noreturn;

	void (*decode)(struct hv_cpu *cpu, struct vm_exit *exit);

	/* Any enum vbh_reg but the general ones other than RSP (and RAX on SVM). */
	u64 (*get)(struct hv_cpu *cpu, enum vbh_reg reg);
	/* RIP, RFLAGS, RSP, CR0, CR4, EFER: the guest's own view; takes real effect. */
	void (*set)(struct hv_cpu *cpu, enum vbh_reg reg, u64 value);
	/* The guest's value of a MSR that this vendor keeps in its control block; else false. */
	bool (*get_msr)(struct hv_cpu *cpu, u32 msr, u64 *value);
	bool (*set_msr)(struct hv_cpu *cpu, u32 msr, u64 value);
	/* LGDT, LIDT, LLDT, LTR with an operand that the core allowed. */
	void (*set_dt)(struct hv_cpu *cpu, enum vbh_dtr dtr, const struct dt_reg *reg);
	void (*set_seg)(struct hv_cpu *cpu, enum hv_seg seg, const struct hv_segment *s);
	/* GDTR or IDTR as the guest sees it. */
	void (*get_dt)(struct hv_cpu *cpu, enum vbh_dtr dtr, struct dt_reg *reg);

	/* Instruction emulated: the shadow of STI and MOV SS ends. RIP is moved by set(). */
	void (*end_shadow)(struct hv_cpu *cpu);
	/* Leave a trap pending, as if the instruction had just retired: DR6's BS, B0 to B3. */
	void (*pend_debug)(struct hv_cpu *cpu, u64 dr6);
	u64 (*dr7)(struct hv_cpu *cpu);		/* the guest's; DR0 to DR3 stay in the processor */

	void (*inject)(struct hv_cpu *cpu, const struct hv_event *ev);
	/* Can an NMI be injected at the next entry? If not, ask for an exit when it can. */
	bool (*nmi_ready)(struct hv_cpu *cpu);
	void (*nmi_window)(struct hv_cpu *cpu);

	/* Drop this CPU's second-stage translations, at the latest in the next entry. */
	void (*flush)(struct hv_cpu *cpu);
	/* From now on writes of this MSR exit, on every CPU after a flush. */
	void (*intercept_msr_write)(u32 msr);
	/* Bring the control block in line with new pins on this CPU (masks, intercepts). */
	void (*pins_changed)(struct hv_cpu *cpu);

	/* Let interrupts into our own gates for a moment (apic_drain()). */
	void (*open_interrupts)(void);
	/* Where INIT and SIPI exit: at the next entry wait for a SIPI, and do nothing else. */
	void (*wait_sipi)(struct hv_cpu *cpu);
	/* INIT state, then real mode at page << 12. */
	void (*reset)(struct hv_cpu *cpu);
	void (*start)(struct hv_cpu *cpu, u8 page);
};

extern const struct hv_vendor svm_vendor, vmx_vendor;

#endif
