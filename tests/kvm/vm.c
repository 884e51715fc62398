// SPDX-License-Identifier: GPL-2.0-only
/* See vm.h. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "vm.h"

#define HUGE		(2ul << 20)

int kvm_fd;
unsigned int failures;

void check(bool ok, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("%sok - ", ok ? "" : "not ");
	vprintf(fmt, args);
	putchar('\n');
	fflush(stdout);
	va_end(args);
	failures += !ok;
}

void die(const char *fmt, ...)
{
	int err = errno;
	va_list args;

	va_start(args, fmt);
	printf("not ok - the test can go on: ");
	vprintf(fmt, args);
	printf(" (%s)\n", strerror(err));
	fflush(stdout);
	va_end(args);
	_exit(2);
}

void vm_open(void)
{
	kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm_fd < 0)
		die("/dev/kvm");
}

static void code_at(struct vm *vm, enum code code, const void *bytes, size_t len)
{
	uint8_t *to = vm->mem + AT_CODE + 16 * code;

	memcpy(to, bytes, len);
	to[len] = 0xf4;
}

bool is_amd(void)
{
	uint32_t a, b, c, d;

	__cpuid(0x80000001, a, b, c, d);
	return c & 4;
}

static void write_code(struct vm *vm)
{
	/* RET for CODE_CALL stands at the start of every page from AT_FREE on. */
	for (uint64_t at = AT_FREE; at < AT_FREE + 64 * PAGE; at += PAGE)
		vm->mem[at] = 0xc3;
	code_at(vm, CODE_HYPERCALL, is_amd() ? "\x0f\x01\xd9" : "\x0f\x01\xc1", 3);
	code_at(vm, CODE_CPUID, "\x0f\xa2", 2);
	code_at(vm, CODE_STORE, "\x48\x89\x03", 3);		/* mov %rax, (%rbx) */
	code_at(vm, CODE_LOAD, "\x48\x8b\x03", 3);		/* mov (%rbx), %rax */
	code_at(vm, CODE_CALL, "\xff\xd3", 2);			/* call *%rbx */
	code_at(vm, CODE_CR0, "\x0f\x22\xc0", 3);		/* mov %rax, %cr0 */
	code_at(vm, CODE_CR4, "\x0f\x22\xe0", 3);
	code_at(vm, CODE_WRMSR, "\x0f\x30", 2);
	code_at(vm, CODE_LGDT, "\x0f\x01\x13", 3);		/* lgdt (%rbx) */
	code_at(vm, CODE_INS, "\x6c", 1);			/* insb */
	code_at(vm, CODE_UD, "\x0f\x0b", 2);
	code_at(vm, CODE_LOOP, "\xeb\xfe", 2);
	code_at(vm, CODE_XCHG, "\x48\x87\x03", 3);
	code_at(vm, CODE_CLGI, "\x0f\x01\xdd", 3);
	code_at(vm, CODE_STGI, "\x0f\x01\xdc", 3);
}

/* Every exception halts at AT_FAULT + 16 * its vector. */
static void write_tables(struct vm *vm)
{
	uint64_t *gdt = (uint64_t *)(vm->mem + AT_GDT), *pml4 = (uint64_t *)(vm->mem + AT_PML4);
	uint64_t *idt = (uint64_t *)(vm->mem + AT_IDT), i;

	gdt[1] = 0x00af9b000000ffffull;
	gdt[2] = 0x00cf93000000ffffull;
	for (i = 0; i < 32; i++) {
		uint64_t to = AT_FAULT + 16 * i;

		idt[2 * i] = (to & 0xffff) | 8 << 16 | 0x8e00ull << 32;
		vm->mem[to] = 0xf4;
	}
	pml4[0] = (AT_PML4 + PAGE) | 7;
	pml4[512] = (AT_PML4 + 2 * PAGE) | 7;
	for (i = 0; i < 512; i++)
		pml4[1024 + i] = i * HUGE | 0x87;
}

void vcpu_long_mode(struct vcpu *vcpu)
{
	struct kvm_segment code = {
		.selector = 8, .limit = ~0u, .type = 0xb, .present = 1, .s = 1, .l = 1, .g = 1,
	}, data = {
		.selector = 16, .limit = ~0u, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1,
	};
	struct kvm_sregs s;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		die("KVM_GET_SREGS");
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.gdt.base = AT_GDT;
	s.gdt.limit = 3 * 8 - 1;
	s.idt.base = AT_IDT;
	s.idt.limit = 32 * 16 - 1;
	s.cr0 = CR0_LONG;
	s.cr3 = AT_PML4;
	s.cr4 = CR4_LONG;
	s.efer = EFER_LONG;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &s))
		die("KVM_SET_SREGS");
}

void vcpu_reset(struct vcpu *vcpu)
{
	struct kvm_segment code = {
		.base = 0xffff0000, .selector = 0xf000, .limit = 0xffff, .type = 0xb,
		.present = 1, .s = 1,
	}, data = { .limit = 0xffff, .type = 3, .present = 1, .s = 1 };
	struct kvm_sregs s;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		die("KVM_GET_SREGS");
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.gdt.base = s.idt.base = 0;
	s.cr0 = 0x60000010;
	s.cr3 = s.cr4 = s.efer = 0;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &s))
		die("KVM_SET_SREGS");
}

struct kvm_cpuid2 *cpuid_list(unsigned long which)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));

	c->nent = 256;
	if (ioctl(kvm_fd, which, c))
		die("KVM's CPUID (ioctl 0x%lx)", which);
	return c;
}

void vcpu_cpuid(struct vcpu *vcpu, uint32_t leaf, enum cpuid_reg reg, uint32_t clear, uint32_t set)
{
	struct kvm_cpuid2 *c = cpuid_list(KVM_GET_SUPPORTED_CPUID);

	for (uint32_t i = 0; i < c->nent; i++) {
		uint32_t *value = &c->entries[i].eax + reg;

		if (c->entries[i].function == leaf && !c->entries[i].index)
			*value = (*value & ~clear) | set;
	}
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, c))
		die("KVM_SET_CPUID2");
	free(c);
}

struct vcpu *vm_add_vcpu(struct vm *vm)
{
	struct vcpu *vcpu = &vm->vcpu[vm->nr_vcpus];
	int size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	vcpu->vm = vm;
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, vm->nr_vcpus);
	if (vcpu->fd < 0)
		die("KVM_CREATE_VCPU %u", vm->nr_vcpus);
	vcpu->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		die("struct kvm_run");
	/* All that KVM supports, so that CR4 and EFER may be what they like. */
	vcpu_cpuid(vcpu, 0, CPUID_EAX, 0, 0);
	vm->nr_vcpus++;
	vcpu_long_mode(vcpu);
	return vcpu;
}

static void smm_slot(struct vm *vm, uint32_t nr, uint64_t gpa, uint64_t size, uint8_t *at)
{
	struct kvm_userspace_memory_region slot = {
		.slot = 1 << 16 | nr, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (uintptr_t)at,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot))
		die("KVM_SET_USER_MEMORY_REGION for SMM");
}

void vm_smram(struct vm *vm)
{
	uint64_t end = SMBASE + SMRAM;

	if (posix_memalign((void **)&vm->smram, PAGE, SMRAM))
		die("SMRAM");
	smm_slot(vm, 0, 0, 0, vm->mem);
	smm_slot(vm, 0, 0, SMBASE, vm->mem);
	smm_slot(vm, 1, SMBASE, SMRAM, vm->smram);
	smm_slot(vm, 2, end, MEM - end, vm->mem + end);
}

struct vm *vm_new(uint64_t flags, unsigned int vcpus)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_VBH, .args = { flags } };
	struct kvm_userspace_memory_region slot = { .memory_size = MEM };

	vm->fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		die("KVM_CREATE_VM");
	if (flags && ioctl(vm->fd, KVM_ENABLE_CAP, &cap))
		die("KVM_CAP_X86_VBH 0x%llx", (unsigned long long)flags);
	if (posix_memalign((void **)&vm->mem, HUGE, MEM))
		die("memory of the guest");
	madvise(vm->mem, MEM, MADV_HUGEPAGE);
	slot.userspace_addr = (uintptr_t)vm->mem;
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot))
		die("KVM_SET_USER_MEMORY_REGION");
	/* What SMM sees is a space of its own. */
	smm_slot(vm, 0, 0, MEM, vm->mem);
	write_tables(vm);
	write_code(vm);
	while (vcpus--)
		vm_add_vcpu(vm);
	return vm;
}

void vm_free(struct vm *vm)
{
	int size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	while (vm->nr_vcpus--) {
		munmap(vm->vcpu[vm->nr_vcpus].run, size);
		close(vm->vcpu[vm->nr_vcpus].fd);
	}
	close(vm->fd);
	free(vm->mem);
	free(vm->smram);
	free(vm);
}

void *vm_save(struct vm *vm, struct kvm_vbh_state *s)
{
	void *block;

	memset(s, 0, sizeof(*s));
	if (!ioctl(vm->fd, KVM_VBH_GET_STATE, s) || errno != E2BIG)
		return NULL;
	block = malloc(s->len);
	s->data = (uintptr_t)block;
	return ioctl(vm->fd, KVM_VBH_GET_STATE, s) ? NULL : block;
}

static enum end ended(struct vcpu *vcpu, uint64_t rip)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_HLT:
		if (rip - AT_FAULT < 32 * 16)
			return (rip - AT_FAULT) / 16;
		return END_OK;
	case KVM_EXIT_SHUTDOWN:
		return END_SHUTDOWN;
	case KVM_EXIT_VBH:
		return END_VBH;
	case KVM_EXIT_SYSTEM_EVENT:
		return vcpu->run->system_event.type == KVM_SYSTEM_EVENT_CRASH ? END_CRASH :
		       END_OTHER;
	default:
		return END_OTHER;
	}
}

static enum end run(struct vcpu *vcpu, struct regs *regs)
{
	struct kvm_regs r;

	while (ioctl(vcpu->fd, KVM_RUN, 0))
		if (errno != EINTR)
			return END_OTHER;
	if (ioctl(vcpu->fd, KVM_GET_REGS, &r))
		die("KVM_GET_REGS");
	regs->rax = r.rax;
	regs->rbx = r.rbx;
	regs->rcx = r.rcx;
	regs->rdx = r.rdx;
	return ended(vcpu, r.rip - 1);
}

enum end vcpu_at(struct vcpu *vcpu, uint64_t rip, struct regs *regs)
{
	struct kvm_regs r = {
		.rax = regs->rax, .rbx = regs->rbx, .rcx = regs->rcx, .rdx = regs->rdx,
		.rsi = regs->rsi, .rdi = regs->rdi, .rip = rip, .rflags = 2,
		.rsp = AT_STACK + PAGE * (vcpu - vcpu->vm->vcpu + 1),
	};

	if (ioctl(vcpu->fd, KVM_SET_REGS, &r))
		die("KVM_SET_REGS");
	return run(vcpu, regs);
}

enum end vcpu_do(struct vcpu *vcpu, enum code code, struct regs *regs)
{
	return vcpu_at(vcpu, AT_CODE + 16 * code, regs);
}

enum end vcpu_continue(struct vcpu *vcpu)
{
	struct regs regs;

	return run(vcpu, &regs);
}

enum end vcpu_store(struct vcpu *vcpu, uint64_t at, uint64_t value)
{
	struct regs r = { .rax = value, .rbx = at };

	return vcpu_do(vcpu, CODE_STORE, &r);
}

enum end vcpu_load(struct vcpu *vcpu, uint64_t at, uint64_t *value)
{
	struct regs r = { .rbx = at };
	enum end end = vcpu_do(vcpu, CODE_LOAD, &r);

	*value = r.rax;
	return end;
}

int64_t hypercall4(struct vcpu *vcpu, uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct regs r = { .rax = nr, .rbx = a, .rcx = b, .rdx = c, .rsi = d };
	enum end end = vcpu_do(vcpu, CODE_HYPERCALL, &r);

	if (end != END_OK && end != END_VBH)
		die("hypercall 0x%llx ended with %d, exit %u, 0x%llx, 0x%llx", (unsigned long long)nr,
		    end, vcpu->run->exit_reason,
		    (unsigned long long)vcpu->run->hw.hardware_exit_reason,
		    (unsigned long long)r.rax);
	return r.rax;
}

int64_t hypercall(struct vcpu *vcpu, uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	return hypercall4(vcpu, nr, a, b, c, 0);
}

/* A page for each vCPU, so that several may call at once. */
static uint64_t buffer(struct vcpu *vcpu)
{
	return AT_BUFFER + PAGE * (vcpu - vcpu->vm->vcpu);
}

static int64_t add(struct vcpu *vcpu, uint64_t gpa, uint64_t len, uint32_t rights, uint32_t tag,
		   uint8_t rule)
{
	const struct vbh_region r = {
		.gpa = gpa, .len = len, .rights = rights, .tag = tag, .rule = rule,
		.kind = VBH_REGION_OTHER,
	};

	memcpy(vcpu->vm->mem + buffer(vcpu), &r, sizeof(r));
	return hypercall(vcpu, VBH_HC_REGION_ADD, buffer(vcpu), 1, 0);
}

int64_t region_add(struct vcpu *vcpu, uint64_t gpa, uint64_t len, uint32_t rights, uint32_t tag)
{
	return add(vcpu, gpa, len, rights, tag, VBH_RULE_DENY);
}

int64_t region_rule(struct vcpu *vcpu, uint64_t gpa, uint64_t len, uint32_t rights, uint8_t rule)
{
	return add(vcpu, gpa, len, rights, 1, rule);
}

int64_t pin_add(struct vcpu *vcpu, uint32_t type, uint32_t index, uint64_t mask, uint8_t rule)
{
	const struct vbh_pin p = { .type = type, .index = index, .mask = mask, .rule = rule };

	memcpy(vcpu->vm->mem + buffer(vcpu), &p, sizeof(p));
	return hypercall(vcpu, VBH_HC_PIN, buffer(vcpu), 1, 0);
}

int64_t status(struct vcpu *vcpu, struct vbh_status *s)
{
	int64_t ret = hypercall(vcpu, VBH_HC_STATUS, buffer(vcpu), sizeof(*s), 0);

	memcpy(s, vcpu->vm->mem + buffer(vcpu), sizeof(*s));
	return ret;
}
