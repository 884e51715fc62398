/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the VMX backend share. */
#ifndef HV_VMX_VMX_H
#define HV_VMX_VMX_H

#include "../pt.h"
#include "vmcs.h"

/* Which set of controls: pin-based, processor-based, secondary, exit, entry. */
enum vmx_set { SET_PIN, SET_PROC, SET_PROC2, SET_EXIT, SET_ENTRY, NR_SETS };

/* What probe() learned; constant from then on. */
struct vmx_caps {
	u32 revision;
	u32 controls[NR_SETS];	/* what each VMCS starts with */
	bool perf;		/* IA32_PERF_GLOBAL_CTRL is switched */
	bool pt;		/* Processor Trace writes through EPT */
};

extern struct vmx_caps vmx_caps;

/* One CPU's, in a page of its own. */
struct vmx_cpu {
	struct vmx_msr_entry perf;	/* stored by exits, loaded by entries */
	void *vmxon, *vmcs;		/* a page each */
};

/*
 * At the top of the CPU's stack, where entry code finds it by RSP alone. While
 * a window exit is on its way, pending events are no news: news is 0 then, else ~0.
 */
struct vmx_top {
	u16 news;
	u16 reserved[7];
};

_Static_assert(sizeof(struct vmx_top) == 16, "the stack stays aligned");

static inline struct vmx_top *vmx_top(struct hv_cpu *cpu)
{
	return (struct vmx_top *)hv_stack_top(cpu) - 1;
}

static inline bool vmx_control(enum vmx_set set, u32 bit)
{
	return vmx_caps.controls[set] >> bit & 1;
}

/* caps.c */
void vmx_error(char *error, u32 size, const char *name, const char *where, u32 n);
int vmx_probe(struct hv_caps *caps, char *error, u32 size);

/* setup.c */
int vmx_cpu_on(struct hv_cpu *cpu, const struct hv_linux *st, char *error, u32 size);
void vmx_cpu_off(struct hv_cpu *cpu, struct hv_linux *st);

/* entry.c */
void vmx_run(struct hv_cpu *cpu) __noreturn;
void vmx_exit_entry(void);		/* HOST_RIP; not to be called */

/* bitmap.c */
int vmx_init(void);
void vmx_intercept_msr_write(u32 msr);
u64 vmx_msr_bitmap(void);		/* its physical address */

/* ept.c */
extern const struct pt_format vmx_ept;
u64 vmx_eptp(void);
void vmx_flush(struct hv_cpu *cpu);

/* cr.c */
u64 vmx_get_cr(u32 nr);			/* CR0 or CR4 as the guest reads it */
void vmx_set_cr(u32 nr, u64 value);
void vmx_set_efer(u64 value);
void vmx_mask_crs(void);
void vmx_pins_changed(struct hv_cpu *cpu);

/* state.c */
u64 vmx_get(struct hv_cpu *cpu, enum vbh_reg reg);
void vmx_set(struct hv_cpu *cpu, enum vbh_reg reg, u64 value);
bool vmx_get_msr(struct hv_cpu *cpu, u32 msr, u64 *value);
bool vmx_set_msr(struct hv_cpu *cpu, u32 msr, u64 value);
void vmx_get_dt(struct hv_cpu *cpu, enum vbh_dtr dtr, struct dt_reg *reg);
void vmx_set_dt(struct hv_cpu *cpu, enum vbh_dtr dtr, const struct dt_reg *reg);
void vmx_get_seg(enum hv_seg seg, struct hv_segment *s);
void vmx_set_seg(struct hv_cpu *cpu, enum hv_seg seg, const struct hv_segment *s);
void vmx_wait_sipi(struct hv_cpu *cpu);
void vmx_reset(struct hv_cpu *cpu);
void vmx_start(struct hv_cpu *cpu, u8 page);

/* event.c */
void vmx_end_shadow(struct hv_cpu *cpu);
void vmx_pend_debug(struct hv_cpu *cpu, u64 dr6);
u64 vmx_dr7(struct hv_cpu *cpu);
void vmx_inject(struct hv_cpu *cpu, const struct hv_event *ev);
bool vmx_nmi_ready(struct hv_cpu *cpu);
void vmx_nmi_window(struct hv_cpu *cpu);
void vmx_close_window(struct hv_cpu *cpu);
void vmx_interrupted(struct hv_event *ev);	/* what the exit cut short */
void vmx_nmi_unblock(void);

/* exit.c */
void vmx_decode(struct hv_cpu *cpu, struct vm_exit *exit);

#endif
