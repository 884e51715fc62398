/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual machine control block. Source: APM volume 2, appendices B and C. */
#ifndef HV_SVM_VMCB_H
#define HV_SVM_VMCB_H

#include "../x86.h"

struct vmcb_seg {
	u16 sel;
	u16 attr;		/* descriptor bits 40-47 and 52-55 */
	u32 limit;
	u64 base;
};

struct vmcb {
	u16 cr_read, cr_write;	/* 0x000 intercepts */
	u32 dr;
	u32 exceptions;
	u32 misc1;		/* 0x00c: SVM_I1_* */
	u32 misc2;		/* 0x010: SVM_I2_* */
	u32 misc3;
	u8 pad018[0x40 - 0x18];
	u64 iopm_pa;		/* 0x040 */
	u64 msrpm_pa;
	u64 tsc_offset;
	u32 asid;		/* 0x058 */
	u8 tlb_control;
	u8 pad05d[3];
	u64 int_control;	/* 0x060 */
	u64 int_state;		/* 0x068: bit 0 interrupt shadow */
	u64 exit_code;		/* 0x070 */
	u64 exit_info1;
	u64 exit_info2;
	u64 exit_int_info;	/* 0x088 */
	u64 nested;		/* 0x090: bit 0 NPT */
	u8 pad098[0xa8 - 0x98];
	u64 event;		/* 0x0a8 */
	u64 ncr3;		/* 0x0b0 */
	u64 virt_ext;
	u64 clean;		/* 0x0c0: 0: everything may have changed */
	u64 next_rip;		/* 0x0c8 */
	u8 insn_len;
	u8 insn[15];
	u8 pad0e0[0x400 - 0xe0];

	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;	/* 0x400 */
	u8 pad4a0[0x4cb - 0x4a0];
	u8 cpl;			/* 0x4cb */
	u8 pad4cc[4];
	u64 efer;		/* 0x4d0 */
	u8 pad4d8[0x548 - 0x4d8];
	u64 cr4;		/* 0x548 */
	u64 cr3, cr0, dr7, dr6, rflags, rip;
	u8 pad580[0x5d8 - 0x580];
	u64 rsp;		/* 0x5d8 */
	u8 pad5e0[0x5f8 - 0x5e0];
	u64 rax;		/* 0x5f8 */
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 cr2;		/* 0x640 */
	u8 pad648[0x668 - 0x648];
	u64 g_pat;		/* 0x668 */
	u64 debugctl;
	u8 pad678[0x1000 - 0x678];
};

_Static_assert(sizeof(struct vmcb) == 4096, "VMCB size");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "VMCB control area");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "VMCB control area");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB save area");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB save area");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB save area");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "VMCB save area");
_Static_assert(offsetof(struct vmcb, g_pat) == 0x668, "VMCB save area");

#define SVM_I1_NMI		BIT(1)
#define SVM_I1_INIT		BIT(3)
#define SVM_I1_CR0_SEL		BIT(5)	/* writes that change more than TS and MP */
#define SVM_I1_IDTR_WRITE	BIT(10)
#define SVM_I1_GDTR_WRITE	BIT(11)
#define SVM_I1_LDTR_WRITE	BIT(12)
#define SVM_I1_TR_WRITE		BIT(13)
#define SVM_I1_CPUID		BIT(18)
#define SVM_I1_IRET		BIT(20)
#define SVM_I1_INVD		BIT(22)
#define SVM_I1_INVLPGA		BIT(26)
#define SVM_I1_MSR		BIT(28)
#define SVM_I1_TASK_SWITCH	BIT(29)
#define SVM_I1_SHUTDOWN		BIT(31)
#define SVM_I2_VMRUN		BIT(0)
#define SVM_I2_VMMCALL		BIT(1)
#define SVM_I2_VMLOAD		BIT(2)
#define SVM_I2_VMSAVE		BIT(3)
#define SVM_I2_STGI		BIT(4)
#define SVM_I2_CLGI		BIT(5)
#define SVM_I2_SKINIT		BIT(6)

#define SVM_EXIT_CR_WRITE	0x010
#define SVM_EXIT_DB		0x041
#define SVM_EXIT_NMI		0x061
#define SVM_EXIT_INIT		0x063
#define SVM_EXIT_CR0_SEL	0x065
#define SVM_EXIT_IDTR_WRITE	0x06a
#define SVM_EXIT_TR_WRITE	0x06d
#define SVM_EXIT_CPUID		0x072
#define SVM_EXIT_IRET		0x074
#define SVM_EXIT_INVD		0x076
#define SVM_EXIT_INVLPGA	0x07a
#define SVM_EXIT_MSR		0x07c
#define SVM_EXIT_TASK_SWITCH	0x07d
#define SVM_EXIT_SHUTDOWN	0x07f
#define SVM_EXIT_VMRUN		0x080
#define SVM_EXIT_VMMCALL	0x081
#define SVM_EXIT_VMLOAD		0x082
#define SVM_EXIT_SKINIT		0x086
#define SVM_EXIT_NPF		0x400
#define SVM_EXIT_INVALID	0xffffffffull	/* the low half; QEMU leaves the upper one clear */

#define NPF_WRITE		BIT(1)
#define NPF_FETCH		BIT(4)
#define NPF_WALK		BIT(33)	/* by the walk of the guest's own tables */

#define TLB_FLUSH_ALL		1
#define EVENT_VALID		BIT(31)
#define EVENT_ERROR		BIT(11)
#define EVENT_TYPE(e)		((e) >> 8 & 7)
#define EVENT_TYPE_INTR		0
#define EVENT_TYPE_NMI		2
#define EVENT_TYPE_EXCEPTION	3
#define EVENT_TYPE_SOFT		4
#define INT_SHADOW		BIT(0)
#define NESTED_NPT		BIT(0)

#endif
