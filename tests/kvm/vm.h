/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tiny virtual machines straight on /dev/kvm: long mode, identity-mapped, with a
 * few instructions that each end in HLT. The test drives them from outside, a
 * register at a time, so that a guest does exactly what a test says.
 */
#ifndef TESTS_KVM_VM_H
#define TESTS_KVM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kvm.h>
#include <vbh/abi.h>

/* What the patches add to <linux/kvm.h>. */
#define KVM_EXIT_VBH		0x5642
#define KVM_CAP_X86_VBH		0x5642
#define KVM_X86_VBH_ENABLE	(1ull << 0)
#define KVM_X86_VBH_EXIT	(1ull << 1)
#define KVM_X86_VBH_DISABLE	(1ull << 2)
struct kvm_vbh_state {
	__u64 data;
	__u32 len;
	__u32 flags;
};

#define KVM_VBH_GET_STATE	_IOWR(KVMIO, 0xe0, struct kvm_vbh_state)
#define KVM_VBH_SET_STATE	_IOW(KVMIO, 0xe1, struct kvm_vbh_state)
#define KVM_VBH_CLEAR		_IO(KVMIO, 0xe2)

#define LEAF			0x40000200u
#define MEM_MIB			64u
#define MEM			((uint64_t)MEM_MIB << 20)
#define PAGE			4096ull
#define SMBASE			0x30000
#define SMRAM			0x10000
#define MAX_VCPUS		4
#define CR0_LONG		0x80050033ull	/* PG, AM, WP, NE, ET, MP, PE */
#define CR0_WP			(1ull << 16)
#define CR4_LONG		0x620ull	/* PAE, OSFXSR, OSXMMEXCPT */
#define CR4_VMXE		(1ull << 13)
#define EFER_LONG		0xd01ull	/* SCE, LME, LMA, NXE */
#define EFER_SVME		(1ull << 12)
#define MSR_LSTAR		0xc0000082u

/* Where things are; each vCPU has a stack page from AT_STACK on. */
enum {
	AT_CODE = 0x1000, AT_GDT = 0x2000, AT_IDT = 0x3000, AT_FAULT = 0x4000,
	AT_PML4 = 0x5000, AT_STACK = 0x10000, AT_BUFFER = 0x20000, AT_FREE = 0x400000,
};

/* Instructions of AT_CODE, 16 bytes apart. */
enum code {
	CODE_HYPERCALL, CODE_CPUID, CODE_STORE, CODE_LOAD, CODE_CALL, CODE_CR0, CODE_CR4,
	CODE_WRMSR, CODE_LGDT, CODE_INS, CODE_UD, CODE_LOOP, CODE_XCHG, CODE_CLGI,
	CODE_STGI, NR_CODES,
};

/* As they lie in struct kvm_cpuid_entry2. */
enum cpuid_reg { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

struct vcpu {
	struct vm *vm;
	int fd;
	struct kvm_run *run;
};

struct vm {
	int fd;
	uint8_t *mem, *smram;
	unsigned int nr_vcpus;
	struct vcpu vcpu[MAX_VCPUS];
};

/* What became of one instruction. */
enum end {
	END_OK,
	END_UD = 6,
	END_GP = 13,
	END_PF = 14,
	END_SHUTDOWN = 100,
	END_VBH,		/* KVM_EXIT_VBH: run->... */
	END_CRASH,
	END_OTHER,
};

struct regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi;
};

extern int kvm_fd;

bool is_amd(void);
void vm_open(void);
/* flags: of KVM_CAP_X86_VBH. Dies, with the reason, if the machine can't be made. */
struct vm *vm_new(uint64_t flags, unsigned int vcpus);
struct vcpu *vm_add_vcpu(struct vm *vm);
/* 64 KiB at SMBASE that only SMM sees, as firmware has it; else the guest's own memory. */
void vm_smram(struct vm *vm);
void vm_free(struct vm *vm);
/* What the guest has asked for, as KVM_VBH_GET_STATE has it, or NULL; for free(). */
void *vm_save(struct vm *vm, struct kvm_vbh_state *s);
/* KVM's answer to KVM_GET_SUPPORTED_CPUID or KVM_GET_EMULATED_CPUID; for free(). */
struct kvm_cpuid2 *cpuid_list(unsigned long which);
/* All that KVM supports, but for these bits of subleaf 0; before the vCPU runs. */
void vcpu_cpuid(struct vcpu *vcpu, uint32_t leaf, enum cpuid_reg reg, uint32_t clear, uint32_t set);
/* The state after reset, as a VMM loads it; or that in which the tests run. */
void vcpu_reset(struct vcpu *vcpu);
void vcpu_long_mode(struct vcpu *vcpu);

enum end vcpu_do(struct vcpu *vcpu, enum code code, struct regs *regs);
/* Code that a test has put there itself. */
enum end vcpu_at(struct vcpu *vcpu, uint64_t rip, struct regs *regs);
/* On with what exited to user space, without an answer to it. */
enum end vcpu_continue(struct vcpu *vcpu);
enum end vcpu_store(struct vcpu *vcpu, uint64_t at, uint64_t value);
enum end vcpu_load(struct vcpu *vcpu, uint64_t at, uint64_t *value);
/* A hypercall; its result. Dies if the instruction faults. */
int64_t hypercall(struct vcpu *vcpu, uint64_t nr, uint64_t a, uint64_t b, uint64_t c);
int64_t hypercall4(struct vcpu *vcpu, uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
/* Regions and pins, one at a time, by a buffer in the guest. */
int64_t region_add(struct vcpu *vcpu, uint64_t gpa, uint64_t len, uint32_t rights, uint32_t tag);
int64_t region_rule(struct vcpu *vcpu, uint64_t gpa, uint64_t len, uint32_t rights, uint8_t rule);
int64_t pin_add(struct vcpu *vcpu, uint32_t type, uint32_t index, uint64_t mask, uint8_t rule);
int64_t status(struct vcpu *vcpu, struct vbh_status *s);

/* TAP. */
extern unsigned int failures;
void check(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#endif
