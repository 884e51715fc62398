// SPDX-License-Identifier: GPL-2.0-only
/*
 * Natively back to Linux: after a launch that failed, and for VBH_HC_STOP. The
 * last steps run on tables that hold both us and Linux's kernel half; Linux's
 * stub loads its own CR3 as soon as it runs.
 */
#include "hv.h"
#include "../core/string.h"

struct iret_frame {
	u64 rip, cs, rflags, rsp, ss;
};

static void load_tr(struct hv_cpu *cpu, const struct hv_linux *st)
{
	const struct hv_segment *tr = &st->seg[SEG_TR];
	u32 i = HV_TR / 8;

	/*
	 * Linux's own GDT is mapped read-only, and LTR writes the busy bit: so from
	 * ours, which holds the same at Linux's selector.
	 */
	if (tr->sel != HV_TR)
		return;
	cpu->gdt[i] = (tr->limit & 0xffff) | (tr->base & 0xffffff) << 16 | 0x0000890000000000ull |
		      (u64)(tr->limit & 0xf0000) << 32 | (tr->base >> 24 & 0xff) << 56;
	cpu->gdt[i + 1] = tr->base >> 32;
	ltr(HV_TR);
}

static void load_segments(const struct hv_linux *st)
{
	asm volatile("mov %0, %%ds\n\tmov %1, %%es\n\tmov %2, %%fs\n\tmov %3, %%gs"
		     :: "r"((u32)st->seg[SEG_DS].sel), "r"((u32)st->seg[SEG_ES].sel),
			"r"((u32)st->seg[SEG_FS].sel), "r"((u32)st->seg[SEG_GS].sel));
	wrmsr(MSR_FS_BASE, st->seg[SEG_FS].base);
	wrmsr(MSR_GS_BASE, st->seg[SEG_GS].base);
	lldt(st->seg[SEG_LDTR].sel);
}

#define GPR(r)		"i"(8 * VBH_REG_##r)

static __noreturn void go(const u64 *gpr, const struct iret_frame *frame)
{
	asm volatile("mov	%[frame], %%rsp\n"
		     "mov	%c[rcx](%%rax), %%rcx\n"
		     "mov	%c[rdx](%%rax), %%rdx\n"
		     "mov	%c[rbx](%%rax), %%rbx\n"
		     "mov	%c[rbp](%%rax), %%rbp\n"
		     "mov	%c[rsi](%%rax), %%rsi\n"
		     "mov	%c[rdi](%%rax), %%rdi\n"
		     "mov	%c[r8](%%rax), %%r8\n"
		     "mov	%c[r9](%%rax), %%r9\n"
		     "mov	%c[r10](%%rax), %%r10\n"
		     "mov	%c[r11](%%rax), %%r11\n"
		     "mov	%c[r12](%%rax), %%r12\n"
		     "mov	%c[r13](%%rax), %%r13\n"
		     "mov	%c[r14](%%rax), %%r14\n"
		     "mov	%c[r15](%%rax), %%r15\n"
		     "mov	(%%rax), %%rax\n"
		     "iretq\n"
		     :: "a"(gpr), [frame] "d"(frame), [rcx] GPR(RCX), [rdx] GPR(RDX),
			[rbx] GPR(RBX), [rbp] GPR(RBP), [rsi] GPR(RSI), [rdi] GPR(RDI),
			[r8] GPR(R8), [r9] GPR(R9), [r10] GPR(R10), [r11] GPR(R11),
			[r12] GPR(R12), [r13] GPR(R13), [r14] GPR(R14), [r15] GPR(R15)
		     : "memory");
	__builtin_unreachable();
}

/* Called with launch_lock held: the exit tables are one page for all. */
__noreturn void hv_return(struct hv_cpu *cpu, struct hv_linux *st, struct vbh_launch *params,
			  const char *error)
{
	struct iret_frame frame __aligned(16) = {
		.rip = st->rip,
		.cs = st->seg[SEG_CS].sel,
		.rflags = st->rflags,
		.rsp = st->gpr[VBH_REG_RSP],
		.ss = st->seg[SEG_SS].sel,
	};

	/* PCIDE is there before an NMI can reach Linux, whose return from it relies on that. */
	write_cr3(mm_exit_tables(cpu, st->cr3));
	write_cr4(st->cr4 & ~CR4_CET);		/* the stub's own CR4 has it */
	if (error)
		memcpy(params->error, error, sizeof(params->error));
	load_tr(cpu, st);
	lgdt(&st->gdtr);
	load_segments(st);
	write_cr0(st->cr0);
	wrmsr(MSR_EFER, st->efer);
	write_dr7(st->dr7);
	/* Until all is Linux's NMIs are ours; what came is sent again. */
	lidt(&st->idtr);
	spin_unlock(&hv.launch_lock);
	if (cpu->nmi_pending)
		apic_send_nmi(cpu, cpu->apic_id);
	go(st->gpr, &frame);
}

__noreturn void hv_leave(struct hv_cpu *cpu)
{
	struct hv_linux st;

	spin_lock(&hv.launch_lock);
	memcpy(st.gpr, cpu->gpr, sizeof(st.gpr));
	cpu->launched = false;
	hv.vendor->cpu_off(cpu, &st);
	st.gpr[VBH_REG_RAX] = 0;
	hv_return(cpu, &st, NULL, NULL);
}
