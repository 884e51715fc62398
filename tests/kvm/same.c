// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
/*
 * same off|beside|on: what a KVM offers and what it costs, one fact a line, to be
 * compared with those of another KVM. The first word of a line is its class:
 *
 *   cap, cpuid, msr, guest-cpuid, guest-hypercall	as a VM finds them
 *   exits STEP REASON N		VM exits of a fixed piece of work, by the
 *					processor's reason; not those for interrupts,
 *					which are the host's
 *   clocks STEP N			the least that its last instruction took with
 *					all that KVM did for it, in counts of the TSC:
 *					where that counts instructions, instructions
 *
 * The VM is not given VBH ("off"), or not given it while another one has it
 * ("beside"), or is given it, and asks for nothing ("on").
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>
#include "vm.h"

#define EVENT		"/sys/kernel/tracing/events/kvm/kvm_exit/"
#define HIST		"hist:keys=exit_reason"
#define TIMES		100
#define MAX_REASONS	64
#define MSR_TSC		0x10u
#define HV_X64_VP_RUNTIME	0x40000010u
#define HV_X64_TIME_REF_COUNT	0x40000020u
#define MSR_SYSENTER_CS	0x174u
#define MSR_MISC_ENABLE	0x1a0u
#define MSR_NOT_THERE	0x123456u
#define CR0_TS		(1ull << 3)
#define CR4_PGE		(1ull << 7)
#define CR4_SMEP	(1ull << 20)
#define ARENA		(AT_FREE + (4ull << 20))	/* of 8 MiB */
#define ARENA_PAGES	2048u

struct reason {
	unsigned int nr;
	unsigned long hits;
};

static uint64_t least;

static enum end timed(struct vcpu *vcpu, enum code code, struct regs *r)
{
	uint64_t start = __rdtsc(), took;
	enum end end = vcpu_do(vcpu, code, r);

	took = __rdtsc() - start;
	if (took < least)
		least = took;
	return end;
}

static void cpuid(struct vcpu *a)
{
	for (unsigned int i = 0; i < TIMES; i++)
		timed(a, CODE_CPUID, &(struct regs){ .rax = i & 1 });
}

static void cr(struct vcpu *a, enum code code, uint64_t value, uint64_t bit)
{
	for (unsigned int i = 0; i < TIMES; i++)
		timed(a, code, &(struct regs){ .rax = value ^ (i & 1 ? 0 : bit) });
}

static void cr0_wp(struct vcpu *a)
{
	cr(a, CODE_CR0, CR0_LONG, CR0_WP);
}

static void cr0_ts(struct vcpu *a)
{
	cr(a, CODE_CR0, CR0_LONG, CR0_TS);
}

static void cr4_pge(struct vcpu *a)
{
	cr(a, CODE_CR4, CR4_LONG, CR4_PGE);
}

static void cr4_smep(struct vcpu *a)
{
	cr(a, CODE_CR4, CR4_LONG, CR4_SMEP);
}

static void wrmsr(struct vcpu *a, uint32_t msr, uint32_t value)
{
	for (unsigned int i = 0; i < TIMES; i++)
		timed(a, CODE_WRMSR, &(struct regs){ .rcx = msr, .rax = value });
}

static void msr_lstar(struct vcpu *a)
{
	wrmsr(a, MSR_LSTAR, 0x1000);
}

static void msr_sysenter(struct vcpu *a)
{
	wrmsr(a, MSR_SYSENTER_CS, 0x10);
}

static void msr_misc_enable(struct vcpu *a)
{
	wrmsr(a, MSR_MISC_ENABLE, 1);
}

static void msr_absent(struct vcpu *a)
{
	wrmsr(a, MSR_NOT_THERE, 0);
}

static void lgdt(struct vcpu *a)
{
	const uint64_t gdt[2] = { 23 | (uint64_t)AT_GDT << 16 };

	memcpy(a->vm->mem + AT_BUFFER, gdt, sizeof(gdt));
	for (unsigned int i = 0; i < TIMES; i++)
		timed(a, CODE_LGDT, &(struct regs){ .rbx = AT_BUFFER });
}

static void io(struct vcpu *a)
{
	for (unsigned int i = 0; i < TIMES; i++) {
		timed(a, CODE_INS, &(struct regs){ .rdi = AT_BUFFER, .rdx = 0x3f8 });
		vcpu_continue(a);
	}
}

static void hypercalls(struct vcpu *a)
{
	for (unsigned int i = 0; i < TIMES; i++)
		timed(a, CODE_HYPERCALL, &(struct regs){ .rax = 1000 });
}

static void undefined(struct vcpu *a)
{
	for (unsigned int i = 0; i < TIMES; i++)
		timed(a, CODE_UD, &(struct regs){ 0 });
}

static void halt(struct vcpu *a)
{
	for (unsigned int i = 0; i < TIMES; i++)
		timed(a, CODE_LOAD, &(struct regs){ .rbx = AT_BUFFER });
}

static void touch(struct vcpu *a)
{
	for (unsigned int i = 0; i < ARENA_PAGES; i++)
		timed(a, CODE_STORE, &(struct regs){ .rax = i, .rbx = ARENA + i * PAGE + 8 });
}

static void set_slot(struct vm *vm, uint32_t flags, uint64_t size)
{
	struct kvm_userspace_memory_region slot = {
		.memory_size = size, .flags = flags, .userspace_addr = (uintptr_t)vm->mem,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot))
		die("KVM_SET_USER_MEMORY_REGION");
}

static void pages_4k(struct vcpu *a)
{
	madvise(a->vm->mem, MEM, MADV_NOHUGEPAGE);
	madvise(a->vm->mem + ARENA, ARENA_PAGES * PAGE, MADV_DONTNEED);
	touch(a);
}

static void slot_again(struct vcpu *a)
{
	touch(a);
	set_slot(a->vm, 0, 0);
	set_slot(a->vm, 0, MEM);
	touch(a);
}

static void dirty_log(struct vcpu *a)
{
	struct kvm_dirty_log log = { .dirty_bitmap = calloc(1, MEM / PAGE / 8) };

	touch(a);
	set_slot(a->vm, KVM_MEM_LOG_DIRTY_PAGES, MEM);
	for (unsigned int i = 0; i < 3; i++) {
		touch(a);
		if (ioctl(a->vm->fd, KVM_GET_DIRTY_LOG, &log))
			die("KVM_GET_DIRTY_LOG");
	}
	set_slot(a->vm, 0, MEM);
	touch(a);
	free(log.dirty_bitmap);
}

static void smi(struct vcpu *a)
{
	memcpy(a->vm->mem + 0x38000, "\x0f\xaa", 2);	/* rsm */
	for (unsigned int i = 0; i < TIMES; i++) {
		if (ioctl(a->fd, KVM_SMI))
			die("KVM_SMI");
		timed(a, CODE_LOAD, &(struct regs){ .rbx = AT_BUFFER });
	}
}

static void reset(struct vcpu *a)
{
	for (unsigned int i = 0; i < TIMES; i++) {
		vcpu_reset(a);
		vcpu_long_mode(a);
		timed(a, CODE_LOAD, &(struct regs){ .rbx = AT_BUFFER });
	}
}

static const struct {
	const char *name;
	void (*run)(struct vcpu *vcpu);
} steps[] = {
	{ "halt", halt }, { "cpuid", cpuid }, { "cr0-wp", cr0_wp }, { "cr0-ts", cr0_ts },
	{ "cr4-pge", cr4_pge }, { "cr4-smep", cr4_smep }, { "msr-lstar", msr_lstar },
	{ "msr-sysenter", msr_sysenter }, { "msr-misc-enable", msr_misc_enable },
	{ "msr-absent", msr_absent }, { "lgdt", lgdt }, { "io", io },
	{ "hypercall", hypercalls }, { "undefined", undefined }, { "faults", touch },
	{ "faults-4k", pages_4k }, { "slot-again", slot_again }, { "dirty-log", dirty_log },
	{ "smi", smi }, { "reset", reset },
};

static void trigger(const char *text)
{
	int fd = open(EVENT "trigger", O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("%s to %strigger", text, EVENT);
	close(fd);
}

/* How often the processor has exited so far, by its reason. */
static unsigned int read_reasons(struct reason *reasons)
{
	FILE *f = fopen(EVENT "hist", "r");
	unsigned int n = 0;
	char line[256];

	if (!f)
		die(EVENT "hist");
	while (fgets(line, sizeof(line), f))
		if (n < MAX_REASONS && sscanf(line, "{ exit_reason: %u } hitcount: %lu",
					      &reasons[n].nr, &reasons[n].hits) == 2)
			n++;
	fclose(f);
	return n;
}

static unsigned long hits_before(const struct reason *before, unsigned int n, unsigned int nr)
{
	for (unsigned int i = 0; i < n; i++)
		if (before[i].nr == nr)
			return before[i].hits;
	return 0;
}

/* Interrupts, and SVM's NMIs; VMX has one reason for these and for exceptions. */
static bool made_by_the_host(unsigned int reason)
{
	return is_amd() ? reason == 0x60 || reason == 0x61 : reason == 1;
}

static void count_exits(uint64_t flags)
{
	struct reason before[MAX_REASONS], after[MAX_REASONS];
	unsigned int i, j, n, m;

	trigger(HIST);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		struct vm *vm = vm_new(flags, 1);

		least = -1;
		n = read_reasons(before);
		steps[i].run(vm->vcpu);
		m = read_reasons(after);
		for (j = 0; j < m; j++) {
			unsigned long hits = after[j].hits - hits_before(before, n, after[j].nr);

			if (hits && !made_by_the_host(after[j].nr))
				printf("exits %s 0x%x %lu\n", steps[i].name, after[j].nr, hits);
		}
		printf("clocks %s %llu\n", steps[i].name, (unsigned long long)least);
		vm_free(vm);
	}
	trigger("!" HIST);
}

static void capabilities(struct vm *vm)
{
	for (int i = 0; i < 0x6000; i++) {
		int host = ioctl(kvm_fd, KVM_CHECK_EXTENSION, i);
		int of_vm = ioctl(vm->fd, KVM_CHECK_EXTENSION, i);

		if (host || of_vm)
			printf("cap %d %d %d\n", i, host, of_vm);
	}
}

static void supported_cpuid(unsigned long which, const char *name)
{
	struct kvm_cpuid2 *c = cpuid_list(which);

	for (unsigned int i = 0; i < c->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &c->entries[i];

		printf("cpuid %s 0x%x/%u %u %08x %08x %08x %08x\n", name, e->function, e->index,
		       e->flags, e->eax, e->ebx, e->ecx, e->edx);
	}
	free(c);
}

static bool goes_with_time(uint32_t msr)
{
	return msr == MSR_TSC || msr == HV_X64_VP_RUNTIME || msr == HV_X64_TIME_REF_COUNT;
}

/* The list of MSRs, and what the ones in it are: of a new vCPU, or of KVM. */
static void msrs(unsigned long which, const char *name, int of)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + 1024 * sizeof(list->indices[0]));
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one;

	list->nmsrs = 1024;
	if (ioctl(kvm_fd, which, list))
		die("MSRs %s", name);
	for (unsigned int i = 0; i < list->nmsrs; i++) {
		memset(&one, 0, sizeof(one));
		one.head.nmsrs = 1;
		one.entry.index = list->indices[i];
		if (ioctl(of, KVM_GET_MSRS, &one) != 1)
			printf("msr %s 0x%x unreadable\n", name, list->indices[i]);
		else if (goes_with_time(list->indices[i]))
			printf("msr %s 0x%x\n", name, list->indices[i]);
		else
			printf("msr %s 0x%x %llx\n", name, list->indices[i],
			       (unsigned long long)one.entry.data);
	}
	free(list);
}

/* What the guest itself sees of hypervisors. */
static void guest(struct vcpu *vcpu)
{
	static const uint32_t bases[] = { 0, 0x40000000, 0x40000100, LEAF, 0x80000000 };

	for (unsigned int i = 0; i < ARRAY_SIZE(bases); i++)
		for (unsigned int j = 0; j < 32; j++) {
			struct regs r = { .rax = bases[i] + j };

			vcpu_do(vcpu, CODE_CPUID, &r);
			printf("guest-cpuid 0x%x %08x %08x %08x %08x\n", bases[i] + j,
			       (uint32_t)r.rax, (uint32_t)r.rbx, (uint32_t)r.rcx, (uint32_t)r.rdx);
		}
	for (unsigned int i = 0; i < 32; i++) {
		printf("guest-hypercall %u %lld\n", i, (long long)hypercall(vcpu, i, 0, 0, 0));
		printf("guest-hypercall 0x%llx %lld\n", (unsigned long long)VBH_HC_STATUS + i,
		       (long long)hypercall(vcpu, VBH_HC_STATUS + i, 0, 0, 0));
	}
}

int main(int argc, char **argv)
{
	uint64_t flags = argc == 2 && !strcmp(argv[1], "on") ? KVM_X86_VBH_ENABLE : 0;
	struct vm *beside = NULL, *vm;
	cpu_set_t cpu_0;

	CPU_ZERO(&cpu_0);
	CPU_SET(0, &cpu_0);
	if (argc != 2 || (!flags && strcmp(argv[1], "off") && strcmp(argv[1], "beside"))) {
		fprintf(stderr, "usage: same off|beside|on\n");
		return 2;
	}
	/* Some of CPUID is the CPU's. */
	if (sched_setaffinity(0, sizeof(cpu_0), &cpu_0))
		die("CPU 0");
	vm_open();
	if (!strcmp(argv[1], "beside")) {
		beside = vm_new(KVM_X86_VBH_ENABLE, 1);
		region_add(beside->vcpu, AT_FREE, PAGE, VBH_R, 1);
	}
	vm = vm_new(flags, 1);
	capabilities(vm);
	supported_cpuid(KVM_GET_SUPPORTED_CPUID, "supported");
	supported_cpuid(KVM_GET_EMULATED_CPUID, "emulated");
	msrs(KVM_GET_MSR_INDEX_LIST, "list", vm->vcpu->fd);
	msrs(KVM_GET_MSR_FEATURE_INDEX_LIST, "feature", kvm_fd);
	guest(vm->vcpu);
	vm_free(vm);
	count_exits(flags);
	if (beside)
		vm_free(beside);
	return 0;
}
