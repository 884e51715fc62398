/* SPDX-License-Identifier: GPL-2.0-only */
/* The handlers of exit.c's table that are no larger than a screen. */
#ifndef HV_HANDLERS_H
#define HV_HANDLERS_H

#include "hv.h"

enum hv_act exit_cpuid(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act exit_xsetbv(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act exit_hypercall(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act exit_virt_insn(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act exit_memory(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act exit_init(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act exit_sipi(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act exit_invd(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act exit_task_switch(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act exit_triple_fault(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act exit_resume(struct hv_cpu *cpu, struct vm_exit *exit);
enum hv_act exit_bug(struct hv_cpu *cpu, struct vm_exit *exit);

#endif
