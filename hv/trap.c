// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions in the hypervisor: an MSR access that the processor refused goes to
 * its fixup; an NMI or #MC is kept for the guest; a #DB from the guest's debug
 * registers, which stay armed, is ignored; anything else is a bug. No IST: on
 * SVM the task register is the guest's. The frame is on the CPU's own stack.
 */
#include "hv.h"
#include "../core/string.h"

struct trap_frame {
	u64 gpr[15];		/* r15 ... rax, as pushed */
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

struct gate {
	u16 off0, sel, flags, off1;
	u32 off2, zero;
};

static struct gate idt[256] __aligned(16);

struct extable {
	u64 from, to;
};

extern const struct extable hv_extable_start[], hv_extable_end[];
extern char vmx_restart_begin[], vmx_restart_end[];

static bool fixup(struct trap_frame *f)
{
	const struct extable *e;

	for (e = hv_extable_start; e < hv_extable_end; e++) {
		if (f->rip == e->from) {
			f->rip = e->to;
			return true;
		}
	}
	return false;
}

/* See hv/vmx: a check made before the entry is made again if an NMI came after it. */
static void restart_entry(struct trap_frame *f)
{
	if (f->rip >= (u64)vmx_restart_begin && f->rip < (u64)vmx_restart_end)
		f->rip = (u64)vmx_restart_begin;
}

void trap_nmi(struct hv_cpu *cpu)
{
	if (!__atomic_exchange_n(&cpu->kicked, 0, __ATOMIC_SEQ_CST))
		cpu->nmi_pending = true;
}

__used void hv_trap(struct trap_frame *f)
{
	struct hv_cpu *cpu = this_cpu();

	switch (f->vector) {
	case VECTOR_DB:
		f->rflags |= RFLAGS_RF;
		return;
	case VECTOR_NMI:
		trap_nmi(cpu);
		restart_entry(f);
		return;
	case VECTOR_MC:
		cpu->mc_pending = true;
		restart_entry(f);
		return;
	case VECTOR_SX:		/* an INIT, made harmless (hv/svm) */
		return;
	case VECTOR_GP:
	case VECTOR_UD:
		if (fixup(f))
			return;
	}
	hv_log("trap at rsp, cr2", f->rsp, read_cr2());
	hv_bug("trap, rip", f->vector << 32 | f->error, f->rip);
}

/* Vectors that push an error code: 8, 10-14, 17, 21, 29, 30. */
asm(".text\n"
	".balign 16\n"
	"trap_stubs:\n"
	".set vec, 0\n"
	".rept 32\n"
	".balign 16\n"
	"	.if !(0x60227d00 >> vec & 1)\n"
	"	pushq $0\n"
	"	.endif\n"
	"	pushq $vec\n"
	"	jmp trap_common\n"
	"	.set vec, vec + 1\n"
	".endr\n"
	"trap_common:\n"
	"	push %rax; push %rbx; push %rcx; push %rdx; push %rsi; push %rdi; push %rbp\n"
	"	push %r8; push %r9; push %r10; push %r11; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, %rdi\n"
	"	mov %rsp, %rbp\n"
	"	and $-16, %rsp\n"
	"	cld\n"
	"	call hv_trap\n"
	"	mov %rbp, %rsp\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9; pop %r8\n"
	"	pop %rbp; pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rbx; pop %rax\n"
	"	add $16, %rsp\n"
	"	iretq\n");
extern char trap_stubs[];

/* Interrupts come in only while apic_drain() lets them: acknowledged, and dropped. */
asm(".text\n"
	"trap_interrupt:\n"
	"	push %rax; push %rcx; push %rdx; push %rsi; push %rdi\n"
	"	push %r8; push %r9; push %r10; push %r11\n"
	"	cld\n"
	"	call apic_eoi\n"
	"	pop %r11; pop %r10; pop %r9; pop %r8\n"
	"	pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rax\n"
	"	iretq\n");
extern char trap_interrupt[];

void trap_init(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(idt); i++) {
		u64 stub = i < 32 ? (u64)trap_stubs + 16 * i : (u64)trap_interrupt;

		idt[i] = (struct gate) {
			.off0 = stub, .sel = HV_CS, .flags = 0x8e00,
			.off1 = stub >> 16, .off2 = stub >> 32,
		};
	}
}

void trap_load(struct hv_cpu *cpu)
{
	struct dt_reg gdtr = { sizeof(cpu->gdt) - 1, (u64)cpu->gdt };
	struct dt_reg idtr = { sizeof(idt) - 1, (u64)idt };
	u64 tss = (u64)cpu->tss;

	cpu->gdt[HV_CS / 8] = 0x00af9b000000ffffull;
	cpu->gdt[HV_DS / 8] = 0x00cf93000000ffffull;
	cpu->gdt[HV_TR / 8] = 0x0000890000000067ull | (tss & 0xffffff) << 16 |
			      (tss >> 24 & 0xff) << 56;
	cpu->gdt[HV_TR / 8 + 1] = tss >> 32;
	lgdt(&gdtr);
	lidt(&idtr);
}

/*
 * GIF is clear in the hypervisor on SVM: a latched NMI comes in here, and
 * nowhere else. The caller accounts for it; the gate only ends it.
 */
void trap_open_nmi(void)
{
	asm volatile("stgi; nop; nop; nop; nop; clgi" ::: "memory");
}
