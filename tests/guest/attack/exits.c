// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debugging in the kernel of instructions that a hypervisor carries out: single
 * steps, kprobes, hardware breakpoints. Each gives what it gives without VBH.
 */
#include <asm/apic.h>
#include <asm/apicdef.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/fixmap.h>
#include <asm/fpu/xcr.h>
#include <asm/hypervisor.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <linux/delay.h>
#include <linux/hw_breakpoint.h>
#include <linux/io.h>
#include <linux/irqflags.h>
#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/perf_event.h>

#include "attack.h"
#include "insn.h"

#define MAX_TRAPS	32

/* What the instruction works on; RAX, RCX and RDX also afterwards. */
struct regs {
	u64 a, c, d;
	void *p;
};

/* insn stands at probed_<name>, and tf is X86_EFLAGS_TF or 0. */
#define EXIT_INSN(name, insn)							\
extern const char probed_##name[], after_##name[];				\
static noinline __noclone void exit_##name(struct regs *r, u64 tf)		\
{										\
	asm volatile("pushfq\n"							\
		     "orq	%[tf], (%%rsp)\n"				\
		     "popfq\n"							\
		     "probed_" #name ":\n"					\
		     insn "\n"							\
		     "after_" #name ":\n"					\
		     "pushfq\n"							\
		     "andq	$~0x100, (%%rsp)\n"				\
		     "popfq\n"							\
		     : "+a" (r->a), "+c" (r->c), "+d" (r->d)			\
		     : [tf] "r" (tf), "S" (r->p) : "rbx", "memory", "cc");	\
}

EXIT_INSN(test, "test	%%eax, %%eax")		/* exits nowhere: what the others are measured by */
EXIT_INSN(cpuid, "cpuid")
EXIT_INSN(rdmsr, "rdmsr")
EXIT_INSN(wrmsr, "wrmsr")
EXIT_INSN(cr0, "mov	%%rax, %%cr0")
EXIT_INSN(cr4, "mov	%%rax, %%cr4")
EXIT_INSN(lgdt, "lgdt	(%%rsi)")
EXIT_INSN(lidt, "lidt	(%%rsi)")
EXIT_INSN(lldt, "lldt	%%ax")
EXIT_INSN(xsetbv, "xsetbv")
EXIT_INSN(apic, "movl	%%eax, (%%rsi)")

enum operand { NOTHING, MSR, CR0, CR4, GDT, IDT, LDT, XCR, APIC };

#define ROW(name, operand, ...)	{ #name, exit_##name, probed_##name, after_##name, operand, __VA_ARGS__ }

static const struct exit_insn {
	const char *name;
	void (*run)(struct regs *r, u64 tf);
	const char *probed, *after;
	enum operand operand;
	u32 msr;
} insns[] = {
	ROW(test, NOTHING), ROW(cpuid, NOTHING), ROW(rdmsr, MSR, MSR_EFER),
	ROW(wrmsr, MSR, MSR_LSTAR), ROW(wrmsr, MSR, MSR_EFER), ROW(wrmsr, MSR, MSR_IA32_CR_PAT),
	ROW(cr0, CR0), ROW(cr4, CR4), ROW(lgdt, GDT), ROW(lidt, IDT), ROW(lldt, LDT),
	ROW(xsetbv, XCR), ROW(apic, APIC),
};

/* All of them write what is there already. False: this processor has it not. */
static bool operands(const struct exit_insn *i, struct regs *r, struct desc_ptr *table)
{
	u64 value = 0, ip;

	memset(r, 0, sizeof(*r));
	r->p = table;
	switch (i->operand) {
	case MSR:
		r->c = i->msr;
		if (try_rdmsr(i->msr, &value, &ip))
			return false;
		break;
	case CR0:
		value = native_read_cr0();
		break;
	case CR4:
		value = raw_cr4();
		break;
	case GDT:
		native_store_gdt(table);
		break;
	case IDT:
		store_idt(table);
		break;
	case LDT:
		asm volatile("sldt %w0" : "=r" (value));
		break;
	case XCR:
		if (!boot_cpu_has(X86_FEATURE_OSXSAVE))
			return false;
		value = xgetbv(0);
		break;
	case APIC:
		if (x2apic_enabled())
			return false;
		r->p = (void *)APIC_BASE + APIC_ESR;
		break;
	default:
		break;
	}
	r->a = i->operand == CR0 || i->operand == CR4 ? value : (u32)value;
	r->d = value >> 32;
	return true;
}

/* Traps of the CPU that steps, which has interrupts off. */
static struct {
	int cpu;		/* -1: nobody steps */
	unsigned int n;
	unsigned long ip[MAX_TRAPS], dr6;
} steps = { .cpu = -1 };

static int on_die(struct notifier_block *nb, unsigned long why, void *data)
{
	struct die_args *args = data;
	unsigned long *dr6 = (unsigned long *)args->err;

	if (why != DIE_DEBUG || user_mode(args->regs) || steps.cpu != raw_smp_processor_id() ||
	    !(*dr6 & DR_STEP))
		return NOTIFY_DONE;
	if (steps.n < MAX_TRAPS)
		steps.ip[steps.n] = args->regs->ip;
	steps.n++;
	*dr6 &= ~DR_STEP;
	return *dr6 & DR_TRAP_BITS ? NOTIFY_DONE : NOTIFY_STOP;
}

static struct notifier_block die_block = { .notifier_call = on_die };

/* Run it, with TF or without; how many traps there were. */
static unsigned int step(const struct exit_insn *i, struct regs *r, u64 tf)
{
	struct desc_ptr table;
	unsigned long flags;

	local_irq_save(flags);
	steps.n = 0;
	if (operands(i, r, &table)) {
		steps.cpu = raw_smp_processor_id();
		i->run(r, tf);
		steps.cpu = -1;
	}
	local_irq_restore(flags);
	return steps.n;
}

static void complain(struct attempt *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(t->note, sizeof(t->note), fmt, args);
	va_end(args);
	t->outcome = IGNORED;
}

static void honest_step(struct attempt *t)
{
	unsigned int i, n, want;
	struct regs r;

	if (!hypervisor_is_type(X86_HYPER_NATIVE)) {
		attempt_unavailable(t, "another hypervisor carries some of them out");
		return;
	}
	attempt_judge(t, 0, true);
	register_die_notifier(&die_block);
	want = step(&insns[0], &r, X86_EFLAGS_TF);
	for (i = 0; i < ARRAY_SIZE(insns) && t->outcome == WORKED; i++) {
		n = step(&insns[i], &r, X86_EFLAGS_TF);
		if (!n && i)
			continue;
		if (n != want || steps.ip[0] != (unsigned long)insns[i].after)
			complain(t, "%s: %u traps, not %u; the first at %+ld, not %+ld",
				 insns[i].name, n, want,
				 (long)(steps.ip[0] - (unsigned long)insns[i].probed),
				 (long)(insns[i].after - insns[i].probed));
	}
	if (t->outcome == WORKED)
		snprintf(t->note, sizeof(t->note), "%u traps each", want);
	unregister_die_notifier(&die_block);
}

static unsigned int pre_hits, post_hits;

static int on_probe(struct kprobe *kp, struct pt_regs *regs)
{
	pre_hits++;
	return 0;
}

static void after_probe(struct kprobe *kp, struct pt_regs *regs, unsigned long flags)
{
	post_hits++;
}

/* Three times: as it is, with TF, and when Linux has had the time to make it a jump. */
static bool probe(struct attempt *t, const struct exit_insn *i, bool post)
{
	struct kprobe kp = { .addr = (kprobe_opcode_t *)i->probed, .pre_handler = on_probe };
	struct regs want, got;
	unsigned int times;
	int ret;

	if (post)
		kp.post_handler = after_probe;
	step(i, &want, 0);
	ret = register_kprobe(&kp);
	if (ret) {
		complain(t, "%s: register_kprobe() gave %d", i->name, ret);
		return false;
	}
	pre_hits = 0;
	post_hits = 0;
	for (times = 0; times < 3 && t->outcome == WORKED; times++) {
		if (times == 2)
			msleep(post ? 0 : 300);
		step(i, &got, times == 1 ? X86_EFLAGS_TF : 0);
		if (memcmp(&got, &want, sizeof(got)) && i->operand != GDT && i->operand != IDT)
			complain(t, "%s: another result in round %u", i->name, times);
	}
	unregister_kprobe(&kp);
	if (t->outcome == WORKED && (pre_hits != 3 || (post && post_hits != 3)))
		complain(t, "%s: %u and %u hits, not 3", i->name, pre_hits, post_hits);
	return t->outcome == WORKED;
}

static void honest_kprobe(struct attempt *t)
{
	struct desc_ptr table;
	struct regs r;
	unsigned int i;

	attempt_judge(t, 0, true);
	register_die_notifier(&die_block);
	for (i = 0; i < ARRAY_SIZE(insns); i++)
		if (operands(&insns[i], &r, &table) &&
		    !(probe(t, &insns[i], false) && probe(t, &insns[i], true)))
			break;
	unregister_die_notifier(&die_block);
}

static unsigned int watch_hits;

static void on_watch(struct perf_event *event, struct perf_sample_data *data,
		     struct pt_regs *regs)
{
	watch_hits++;
}

/* A store to the APIC's page is the hypervisor's where it can't hold an INIT otherwise. */
static void honest_watch(struct attempt *t)
{
	struct perf_event *__percpu *events;
	struct perf_event_attr attr;
	struct regs r;
	unsigned int i = ARRAY_SIZE(insns) - 1;

	if (x2apic_enabled() || !hypervisor_is_type(X86_HYPER_NATIVE)) {
		attempt_unavailable(t, "no APIC's page, or it is another hypervisor's");
		return;
	}
	hw_breakpoint_init(&attr);
	attr.bp_addr = APIC_BASE + APIC_ESR;
	attr.bp_len = HW_BREAKPOINT_LEN_4;
	attr.bp_type = HW_BREAKPOINT_W;
	events = register_wide_hw_breakpoint(&attr, on_watch, NULL);
	if (IS_ERR((void __force *)events)) {
		attempt_broken(t, "no breakpoint");
		return;
	}
	watch_hits = 0;
	step(&insns[i], &r, 0);
	attempt_judge(t, 0, true);
	snprintf(t->note, sizeof(t->note), "%u hits", watch_hits);
	if (watch_hits != 1)
		complain(t, "%u hits, not 1", watch_hits);
	unregister_wide_hw_breakpoint(events);
}

const struct attack exit_attacks[] = {
	{ "honest-exit-step", "gets a trap after each instruction of its own that it steps over",
	  honest_step, A_HONEST },
	{ "honest-exit-kprobe", "can probe instructions that exit", honest_kprobe,
	  A_HONEST | A_LISTED },
	{ "honest-exit-watch", "gets a hardware breakpoint's trap for a store to the APIC",
	  honest_watch, A_HONEST },
	{ }
};
