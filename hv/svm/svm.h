/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The SVM backend: one control block for each CPU. FS, GS, LDTR, TR and the
 * MSRs of VMLOAD stay in the processor, the guest's, while the hypervisor runs:
 * it uses none of them. GIF is clear all that time, so nothing interrupts it.
 */
#ifndef HV_SVM_SVM_H
#define HV_SVM_SVM_H

#include "../hv.h"
#include "vmcb.h"

struct svm_cpu {
	struct vmcb *vmcb;
	u64 vmcb_pa;
	u64 hsave_pa;
	u64 vm_cr, dr6;		/* Linux's; the guest's before an IRET was stepped over */
	bool nmi_blocked;	/* one was injected, and no IRET has ended that */
};

static inline struct svm_cpu *svm_cpu(struct hv_cpu *cpu)
{
	return cpu->vendor;
}

static inline struct vmcb *vmcb(struct hv_cpu *cpu)
{
	return svm_cpu(cpu)->vmcb;
}

int svm_probe(struct hv_caps *caps, char *error, u32 size);
int svm_init(void);
int svm_cpu_on(struct hv_cpu *cpu, const struct hv_linux *st, char *error, u32 size);
void svm_cpu_off(struct hv_cpu *cpu, struct hv_linux *st);
void svm_intercept_msr_write(u32 msr);

void svm_run(struct hv_cpu *cpu) __noreturn;
void svm_decode(struct hv_cpu *cpu, struct vm_exit *exit);
void svm_inject(struct hv_cpu *cpu, const struct hv_event *ev);
bool svm_nmi_ready(struct hv_cpu *cpu);
void svm_nmi_window(struct hv_cpu *cpu);

u64 svm_get(struct hv_cpu *cpu, enum vbh_reg reg);
void svm_set(struct hv_cpu *cpu, enum vbh_reg reg, u64 value);
bool svm_get_msr(struct hv_cpu *cpu, u32 msr, u64 *value);
bool svm_set_msr(struct hv_cpu *cpu, u32 msr, u64 value);
void svm_set_dt(struct hv_cpu *cpu, enum vbh_dtr dtr, const struct dt_reg *reg);
void svm_get_dt(struct hv_cpu *cpu, enum vbh_dtr dtr, struct dt_reg *reg);
void svm_set_seg(struct hv_cpu *cpu, enum hv_seg seg, const struct hv_segment *s);
void svm_end_shadow(struct hv_cpu *cpu);
void svm_pend_debug(struct hv_cpu *cpu, u64 dr6);
u64 svm_dr7(struct hv_cpu *cpu);
void svm_flush(struct hv_cpu *cpu);
void svm_pins_changed(struct hv_cpu *cpu);
void svm_reset(struct hv_cpu *cpu);
void svm_start(struct hv_cpu *cpu, u8 page);
void svm_vmload(u64 pa);
void svm_vmsave(u64 pa);

static inline u16 svm_attr(u16 attr)
{
	return (attr & 0xff) | (attr >> 4 & 0xf00);
}

#endif
