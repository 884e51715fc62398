// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM does for a guest with VBH, and what for one without: discovery, rights
 * of memory, pins, KVM's own writes, resets, state that is saved and restored,
 * exits to user space. Each claim first shows that the same works without VBH,
 * where there is such a thing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sha2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>
#include "vm.h"

#define MSR_SFMASK		0xc0000084u
#define MSR_KVM_WALL_CLOCK	0x4b564d00u
#define MSR_KVM_SYSTEM_TIME	0x4b564d01u
#define MSR_KVM_STEAL_TIME	0x4b564d03u
#define MSR_HV_VP_ASSIST	0x40000073u
#define CR4_FSGSBASE		(1ull << 16)
#define CR4_MCE			(1ull << 6)
#define R			VBH_R
#define RX			(VBH_R | VBH_X | VBH_XU)

static const uint64_t page = AT_FREE + 4 * PAGE;
static const uint8_t zero[64];

static bool has_leaf(struct vcpu *vcpu)
{
	struct regs r = { .rax = LEAF };

	if (vcpu_do(vcpu, CODE_CPUID, &r))
		return false;
	return (uint32_t)r.rbx == VBH_CPUID_SIG_EBX && (uint32_t)r.rcx == VBH_CPUID_SIG_ECX &&
	       (uint32_t)r.rdx == VBH_CPUID_SIG_EDX;
}

/* VBH_FEAT_* of a VM's leaf. */
static uint32_t features(struct vcpu *vcpu)
{
	struct regs r = { .rax = LEAF + 1 };

	return vcpu_do(vcpu, CODE_CPUID, &r) ? 0 : r.rbx;
}

static void discovery(void)
{
	struct vm *without = vm_new(KVM_X86_VBH_DISABLE, 1), *with = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_VBH, .args = { KVM_X86_VBH_ENABLE } };
	struct kvm_vbh_state s = { 0 };
	struct regs r = { .rax = LEAF + 1 };

	check(ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_VBH) == 1, "KVM has the capability");
	check(!has_leaf(without->vcpu), "a VM that was not given VBH does not see its leaf");
	check(hypercall(without->vcpu, VBH_HC_STATUS, 0, 0, 0) == -1000,
	      "and its hypercalls are KVM's unknown ones");
	check(ioctl(without->fd, KVM_VBH_CLEAR) && ioctl(without->fd, KVM_VBH_GET_STATE, &s),
	      "nor has it a state");
	check(has_leaf(with->vcpu), "a VM that was given it does");
	vcpu_do(with->vcpu, CODE_CPUID, &r);
	r.rbx &= ~(VBH_FEAT_EXEC_SPLIT | VBH_FEAT_EXEC_KERNEL);		/* as the processor has it */
	check(r.rcx == VBH_BODY_KVM && r.rbx == (VBH_FEAT_HOTPLUG | VBH_FEAT_STOP) && !r.rdx,
	      "the leaf says that it is KVM, and that nothing was asked for");
	check(ioctl(without->fd, KVM_ENABLE_CAP, &cap) && errno == EBUSY,
	      "it can't be given once there are vCPUs");
	cap.args[0] = 1ull << 40;
	check(ioctl(with->fd, KVM_ENABLE_CAP, &cap) && errno == EINVAL,
	      "unknown flags are refused");
	vm_free(without);
	vm_free(with);
}

static void memory(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 2);
	struct vcpu *a = &vm->vcpu[0], *b = &vm->vcpu[1];
	struct regs r = { .rbx = page };
	struct regs ins = { .rdi = page + 3 * PAGE, .rdx = 0x3f8 };
	uint64_t v;

	check(!vcpu_store(a, page + 8, 1) && !vcpu_store(b, page + 8, 2) &&
	      !vcpu_do(a, CODE_CALL, &r), "a page can be written and executed");
	check(!region_add(a, page, PAGE, R, 7), "it can be protected");
	check(vcpu_store(a, page + 8, 3) == END_GP && vcpu_store(b, page + 8, 3) == END_GP &&
	      vm->mem[page + 8] == 2, "then neither vCPU can write it");
	check(!vcpu_load(a, page + 8, &v) && v == 2, "but read it");
	check(vcpu_do(a, CODE_CALL, &r) == END_GP, "and not execute it");
	check(!vcpu_store(a, page + PAGE + 8, 3) && !vcpu_store(a, page - 8, 3),
	      "the pages beside it are as before");
	check(!region_add(a, page + PAGE, PAGE, 0, 7), "a page can lose all rights");
	check(vcpu_load(a, page + PAGE + 8, &v) == END_GP && vcpu_store(b, page + PAGE, 1) == END_GP,
	      "then it can't be read");
	check(vcpu_store(a, page + PAGE - 4, ~0ull) == END_GP, "nor written across its border");
	check(!region_add(a, page + 3 * PAGE, PAGE, RX, 8), "a third page is protected");
	check(vcpu_do(a, CODE_INS, &ins) == END_OTHER && a->run->exit_reason == KVM_EXIT_IO &&
	      vcpu_continue(a) == END_GP && vm->mem[page + 3 * PAGE] == 0xc3,
	      "the emulator does not write it for an INS either");
	check(!hypercall(a, VBH_HC_REGION_DEL, 7, 0, 0) && !vcpu_store(a, page + 8, 5) &&
	      !vcpu_store(b, page + PAGE, 5), "and what is taken back can be written again");
	check(vcpu_store(a, page + 3 * PAGE, 1) == END_GP, "but the third page still not");

	struct vcpu *late = vm_add_vcpu(vm);

	check(vcpu_store(late, page + 3 * PAGE, 1) == END_GP, "nor by a vCPU that came later");
	vm_free(vm);
}

#define ALIAS		(4ull << 20)	/* from the kernel's address of a page to the user's */

/* NOP, OUT at the start of a page: does it get there, in ring 0 or 3? */
static bool executes(struct vcpu *vcpu, uint64_t gpa, bool user)
{
	struct kvm_regs r = { .rip = gpa + (user ? ALIAS : 0), .rflags = user ? 0x3002 : 2 };
	struct kvm_sregs s;
	bool there;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		die("KVM_GET_SREGS");
	if (user) {
		s.cs.dpl = s.ss.dpl = 3;
		s.cs.selector |= 3;
		s.ss.selector |= 3;
	}
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &s) || ioctl(vcpu->fd, KVM_SET_REGS, &r))
		die("ring %d", user ? 3 : 0);
	there = vcpu_continue(vcpu) == END_OTHER && vcpu->run->exit_reason == KVM_EXIT_IO;
	vcpu_long_mode(vcpu);
	return there;
}

/* Where MBEC or GMET gives a right to execute to the kernel and one to the user. */
static void exec_split(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	uint64_t *pd = (uint64_t *)(vm->mem + AT_PML4 + 2 * PAGE);
	const uint64_t user = page, kernel = page + PAGE, both = page + 2 * PAGE;
	struct vcpu *a = vm->vcpu;
	uint32_t feat = features(a);
	uint64_t at;

	/* The same 2 MiB: the kernel's, and as an alias the user's. */
	pd[4] = pd[2];
	pd[2] &= ~4ull;
	for (at = page; at < page + 3 * PAGE; at += PAGE)
		memcpy(vm->mem + at, "\x90\xe6\x80", 3);
	check(executes(a, user, false) && executes(a, user, true),
	      "kernel and user execute a page that nothing protects");
	if (!(feat & VBH_FEAT_EXEC_SPLIT)) {
		check(region_add(a, user, PAGE, R | VBH_XU, 1) == -EINVAL,
		      "the user's right to execute is not had alone without MBEC or GMET");
		vm_free(vm);
		return;
	}
	check(!region_add(a, user, PAGE, R | VBH_XU, 1), "the user's right to execute can be had alone");
	check(executes(a, user, true) && !executes(a, user, false),
	      "then the user executes the page, and the kernel does not");
	check(!region_add(a, both, PAGE, RX, 2) && executes(a, both, false) && executes(a, both, true),
	      "both execute a page that is left to both");
	check(region_add(a, kernel, PAGE, R | VBH_X, 3) ==
	      (feat & VBH_FEAT_EXEC_KERNEL ? 0 : -EINVAL),
	      "the kernel's right alone is refused where there is no such thing");
	if (feat & VBH_FEAT_EXEC_KERNEL)
		check(executes(a, kernel, false) && !executes(a, kernel, true),
		      "else the kernel executes the page, and the user does not");
	vm_free(vm);
}

static void rules(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;
	struct vbh_status s;

	region_rule(a, page, PAGE, RX, VBH_RULE_LOG);
	check(!vcpu_store(a, page + 8, 0x1122) && *(uint64_t *)(vm->mem + page + 8) == 0x1122,
	      "rule log lets a store happen");
	check(!status(a, &s) && s.violations == 1, "and counts it");
	region_rule(a, page + PAGE, PAGE, RX, VBH_RULE_PANIC);
	check(vcpu_store(a, page + PAGE + 8, 1) == END_CRASH, "rule panic stops the VM");
	check(vcpu_store(a, page + 8, 1) == END_CRASH, "which stays stopped");
	vcpu_reset(a);
	vcpu_long_mode(a);
	check(!vcpu_store(a, page + PAGE + 8, 1), "until it is reset");
	vm_free(vm);
}

static void pins(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 2);
	struct vcpu *a = &vm->vcpu[0], *b = &vm->vcpu[1];
	struct regs r = { 0 };
	uint64_t gdt[2];

	r.rcx = MSR_LSTAR;
	r.rax = 0x1000;
	vcpu_do(a, CODE_WRMSR, &r);
	vcpu_do(b, CODE_WRMSR, &r);
	r.rax = 0x80040033ull;
	check(!vcpu_do(b, CODE_CR0, &r), "CR0.WP can be cleared");
	r.rax |= CR0_WP;
	vcpu_do(b, CODE_CR0, &r);
	check(!pin_add(a, VBH_PIN_CR0, 0, CR0_WP, VBH_RULE_DENY) &&
	      !pin_add(a, VBH_PIN_MSR, MSR_LSTAR, ~0ull, VBH_RULE_DENY) &&
	      !pin_add(a, VBH_PIN_DTR, VBH_DTR_GDTR, ~0ull, VBH_RULE_DENY), "it can be pinned");
	r.rax = 0x80040033ull;
	check(vcpu_do(a, CODE_CR0, &r) == END_GP && vcpu_do(b, CODE_CR0, &r) == END_GP,
	      "then neither vCPU clears it");
	r.rax = 0x80050013ull;
	check(!vcpu_do(a, CODE_CR0, &r), "but other bits");
	r.rax = 0x2000;
	r.rdx = 0;
	check(vcpu_do(a, CODE_WRMSR, &r) == END_GP && vcpu_do(b, CODE_WRMSR, &r) == END_GP,
	      "a pinned MSR that KVM would let through does not change");
	r.rax = 0x1000;
	check(!vcpu_do(b, CODE_WRMSR, &r), "but takes the value that it has");
	r.rcx = MSR_SFMASK;
	check(!vcpu_do(b, CODE_WRMSR, &r), "and another MSR any");
	gdt[0] = 23 | (uint64_t)(AT_GDT + 8) << 16;
	memcpy(vm->mem + AT_BUFFER + 256, gdt, sizeof(gdt));
	r.rbx = AT_BUFFER + 256;
	check(vcpu_do(a, CODE_LGDT, &r) == END_GP && vcpu_do(b, CODE_LGDT, &r) == END_GP,
	      "a pinned GDTR does not move");
	gdt[0] = 23 | (uint64_t)AT_GDT << 16;
	memcpy(vm->mem + AT_BUFFER + 256, gdt, sizeof(gdt));
	check(!vcpu_do(a, CODE_LGDT, &r), "but may be loaded with its own address");
	vm_free(vm);
}

/* What one vCPU has pinned another gets on its way up, if it can have it. */
static void floors(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu, *late;
	struct regs r = { .rax = CR4_LONG | CR4_FSGSBASE };
	struct kvm_sregs s;

	check(!vcpu_do(a, CODE_CR4, &r), "CR4.FSGSBASE can be set");
	check(!pin_add(a, VBH_PIN_CR4, 0, CR4_FSGSBASE, VBH_RULE_DENY), "and pinned");
	late = vm_add_vcpu(vm);
	/* On VMX only a change exits, of a bit that KVM keeps. */
	r.rax = CR4_LONG | CR4_MCE;
	check(!vcpu_do(late, CODE_CR4, &r) && !ioctl(late->fd, KVM_GET_SREGS, &s) &&
	      (s.cr4 & CR4_FSGSBASE), "a vCPU that comes up gets it with its CR4");
	late = vm_add_vcpu(vm);
	vcpu_cpuid(late, 7, CPUID_EBX, 1, 0);
	check(vcpu_do(late, CODE_CR4, &r) == END_GP && !ioctl(late->fd, KVM_GET_SREGS, &s) &&
	      !(s.cr4 & CR4_FSGSBASE), "one that can't have it by its CPUID gets a fault");
	vm_free(vm);
}

static void addresses(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;

	vcpu_cpuid(a, 0x80000008, CPUID_EAX, 0xff, 0xff);
	check(!region_add(a, page, PAGE, R, 7), "a vCPU whose addresses have 255 bits is served");
	check(region_add(a, 1ull << 52, PAGE, R, 7) == -EINVAL, "but not beyond 52 of them");
	vm_free(vm);
}

/* In SMRAM: the handler, and what RSM loads on a 64-bit processor. */
enum { SMM_CODE = 0x8000, SAVE_EFER = 0xfed0, SAVE_CR4 = 0xff48, SAVE_CR0 = 0xff58 };

static uint8_t *smram(struct vm *vm)
{
	return vm->smram ? vm->smram : vm->mem + SMBASE;
}

static bool in_smm(struct vcpu *vcpu)
{
	struct kvm_vcpu_events ev;

	if (ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &ev))
		die("KVM_GET_VCPU_EVENTS");
	return ev.smi.smm;
}

/* An SMI, whose handler is a few bytes and a HLT before RSM. */
static enum end smi_with(struct vcpu *vcpu, const char *code, size_t len, struct regs *r)
{
	uint8_t *handler = smram(vcpu->vm) + SMM_CODE;

	memcpy(handler, code, len);
	memcpy(handler + len, "\xf4\x0f\xaa", 3);	/* hlt, rsm */
	if (ioctl(vcpu->fd, KVM_SMI))
		die("KVM_SMI");
	return vcpu_do(vcpu, CODE_CPUID, r);
}

/* An SMI, and RSM with some bits other than they were. */
static enum end smi(struct vcpu *vcpu, uint32_t where, uint64_t flip)
{
	uint64_t *saved = (uint64_t *)(smram(vcpu->vm) + where);
	struct regs r = { 0 };

	smi_with(vcpu, "", 0, &r);
	if (!in_smm(vcpu))
		die("an SMI was not taken");
	*saved ^= flip;
	return vcpu_continue(vcpu);
}

static struct kvm_sregs sregs(struct vcpu *vcpu)
{
	struct kvm_sregs s;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		die("KVM_GET_SREGS");
	return s;
}

static bool can_nest(struct vcpu *vcpu)
{
	return is_amd() ? sregs(vcpu).efer & EFER_SVME : sregs(vcpu).cr4 & CR4_VMXE;
}

static enum end smi_nest(struct vcpu *vcpu)
{
	return is_amd() ? smi(vcpu, SAVE_EFER, EFER_SVME) : smi(vcpu, SAVE_CR4, CR4_VMXE);
}

static uint64_t get_msr(struct vcpu *vcpu, uint32_t index)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = { .head.nmsrs = 1, .entry.index = index };

	if (ioctl(vcpu->fd, KVM_GET_MSRS, &m) != 1)
		die("KVM_GET_MSRS 0x%x", index);
	return m.entry.data;
}

/* SMRAM is the guest's own memory, as on a machine whose firmware has no SMM. */
static void smm_open(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;
	struct regs r = { .rax = VBH_HC_STATUS, .rbx = AT_BUFFER, .rcx = sizeof(struct vbh_status) };
	struct vbh_status s;

	check(smi(a, SAVE_CR0, CR0_WP) == END_OK && !(sregs(a).cr0 & CR0_WP),
	      "who writes to SMRAM can have CR0.WP cleared by RSM");
	vcpu_long_mode(a);
	check(smi_nest(a) == END_OK && can_nest(a), "and SVM or VMX switched on");
	vcpu_long_mode(a);
	smi_with(a, is_amd() ? "\x0f\x01\xd9" : "\x0f\x01\xc1", 3, &r);
	check((int32_t)r.rax == -EBUSY, "VBH does not begin while a vCPU is in SMM");
	check(vcpu_continue(a) == END_OK && !pin_add(a, VBH_PIN_CR0, 0, CR0_WP, VBH_RULE_DENY),
	      "but after it");
	check(smi_with(a, "", 0, &r) == END_OK && !in_smm(a) && sregs(a).cr0 & CR0_WP,
	      "then an SMI is not taken whose handler the guest could have written");
	if (in_smm(a))
		vcpu_continue(a);
	check(!status(a, &s) && s.violations == 1, "and counted");
	vm_free(vm);
}

/* from has SMRAM of its own, and has begun. */
static void smm_states(struct vm *from)
{
	struct vm *to = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct kvm_vbh_state s = { 0 };
	struct regs r = { 0 };
	void *block;

	smi_with(from->vcpu, "", 0, &r);
	check(ioctl(from->fd, KVM_VBH_GET_STATE, &s) && errno == EBUSY,
	      "within the handler there is no state to be had");
	check(vcpu_continue(from->vcpu) == END_OK && (block = vm_save(from, &s)),
	      "but behind it");
	smi_with(to->vcpu, "", 0, &r);
	check(ioctl(to->fd, KVM_VBH_SET_STATE, &s) && errno == EBUSY,
	      "nor can one be given to a VM in it");
	check(vcpu_continue(to->vcpu) == END_OK && !ioctl(to->fd, KVM_VBH_SET_STATE, &s),
	      "before it is out of it");
	free(block);
	vm_free(to);
}

/* It has memory of its own, which is the attacker's all the same. */
static void smm(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;
	struct regs r = { .rcx = MSR_LSTAR, .rax = 0x1000 };

	vm_smram(vm);
	vcpu_do(a, CODE_WRMSR, &r);
	r.rax = 0x2000;
	check(smi_with(a, "\x0f\x30", 2, &r) == END_OK && get_msr(a, MSR_LSTAR) == 0x2000,
	      "an SMI's handler can change LSTAR");
	vcpu_continue(a);
	pin_add(a, VBH_PIN_CR0, 0, CR0_WP, VBH_RULE_DENY);
	pin_add(a, VBH_PIN_MSR, MSR_LSTAR, ~0ull, VBH_RULE_DENY);
	region_add(a, page + PAGE, PAGE, RX, 0);
	check(smi(a, SAVE_CR0, 0) == END_OK && sregs(a).cr0 & CR0_WP,
	      "an SMI comes and goes while CR0.WP and LSTAR are pinned");
	smm_states(vm);
	check(smi(a, SAVE_CR0, CR0_WP) == END_SHUTDOWN, "but not with CR0.WP cleared");
	vcpu_long_mode(a);
	check(smi_nest(a) == END_SHUTDOWN, "nor with SVM or VMX switched on");
	vcpu_long_mode(a);
	r.rax = 0x80040033ull;
	check(vcpu_do(a, CODE_CR0, &r) == END_GP, "and who lives on after it is as pinned");
	r.rcx = MSR_LSTAR;
	r.rax = 0x3000;
	check(smi_with(a, "\x0f\x30", 2, &r) == END_SHUTDOWN && get_msr(a, MSR_LSTAR) != 0x3000,
	      "LSTAR is pinned in SMM too");
	vm_free(vm);
}

enum { PORT_GUEST = 0x80, PORT_SMM = 0x81 };

/* With an APIC in KVM, HLT waits: code ends in OUT. Which OUT came? */
static int out_of(struct vcpu *vcpu, const char *code, size_t len, struct regs *r)
{
	/* KVM skips the last OUT when it goes on, unless RIP has moved: hence a NOP. */
	vcpu->vm->mem[page] = 0x90;
	memcpy(vcpu->vm->mem + page + 1, code, len);
	memcpy(vcpu->vm->mem + page + 1 + len, "\xe6\x80", 2);
	memcpy(smram(vcpu->vm) + SMM_CODE, "\xe6\x81\x0f\xaa", 4);	/* out, rsm */
	vcpu_at(vcpu, page, r);
	if (vcpu->run->exit_reason != KVM_EXIT_IO)
		return -1;
	return vcpu->run->io.port;
}

static int out_of_call(struct vcpu *vcpu, struct vbh_status *s)
{
	struct regs r = { .rax = VBH_HC_STATUS, .rbx = AT_BUFFER, .rcx = sizeof(*s) };
	int port = out_of(vcpu, is_amd() ? "\x0f\x01\xd9" : "\x0f\x01\xc1", 3, &r);

	memcpy(s, vcpu->vm->mem + AT_BUFFER, sizeof(*s));
	return port;
}

static struct vm *vm_with_apic(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 0);
	struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	struct kvm_sregs s;

	if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap))
		die("KVM_CAP_SPLIT_IRQCHIP");
	vm_smram(vm);
	vm_add_vcpu(vm);
	s = sregs(vm->vcpu);
	s.apic_base |= 0xc00;		/* x2APIC */
	if (ioctl(vm->vcpu->fd, KVM_SET_SREGS, &s))
		die("x2APIC");
	return vm;
}

#define APIC_SMI	0x200u

static void sent_smi(void)
{
	struct vm *vm = vm_with_apic();
	struct vcpu *a = vm->vcpu;
	struct regs icr = { .rcx = 0x830, .rax = APIC_SMI };
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = APIC_SMI };
	struct vbh_status s;

	check(out_of(a, "\x0f\x30", 2, &icr) == PORT_SMM, "a guest can send itself an SMI");
	vcpu_continue(a);
	ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
	check(out_of(a, "", 0, &icr) == PORT_SMM, "and a device by MSI");
	vcpu_continue(a);
	check(out_of_call(a, &s) == PORT_GUEST && !s.violations, "it begins");
	icr.rcx = 0x830;
	icr.rax = APIC_SMI;
	check(out_of(a, "\x0f\x30", 2, &icr) == PORT_GUEST, "then it can't");
	ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
	check(out_of(a, "", 0, &icr) == PORT_GUEST, "nor by MSI");
	check(out_of_call(a, &s) == PORT_GUEST && s.violations == 2, "and both are counted");
	if (ioctl(a->fd, KVM_SMI))
		die("KVM_SMI");
	check(out_of(a, "", 0, &icr) == PORT_SMM, "user space still sends one");
	vm_free(vm);
}

/* KVM writes for the guest where the guest tells it to. */
static void kvms_writes(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;
	struct regs r = { .rcx = MSR_KVM_WALL_CLOCK, .rax = page };

	vcpu_do(a, CODE_WRMSR, &r);
	check(memcmp(vm->mem + page, zero, 16), "KVM writes the wall clock where a guest says");
	memset(vm->mem + page, 0, PAGE);
	region_add(a, page, 2 * PAGE, R, 1);
	vcpu_do(a, CODE_WRMSR, &r);
	check(!memcmp(vm->mem + page, zero, 16), "but not to a page that may not be written");
	r.rcx = MSR_KVM_SYSTEM_TIME;
	r.rax = (page + PAGE) | 1;
	memset(vm->mem + page + PAGE, 0, PAGE);
	vcpu_do(a, CODE_WRMSR, &r);
	check(!memcmp(vm->mem + page + PAGE, zero, 64), "nor the clock there");
	vm_free(vm);
}

/* Until the host's own timer makes it exit; if it comes too soon, the next time. */
static void spin(struct vcpu *vcpu)
{
	const struct itimerval soon = { { .tv_usec = 20000 }, { .tv_usec = 20000 } }, never = { 0 };
	struct kvm_regs r = { .rip = AT_CODE + 16 * CODE_LOOP, .rflags = 2 };

	ioctl(vcpu->fd, KVM_SET_REGS, &r);
	setitimer(ITIMER_REAL, &soon, NULL);
	if (!ioctl(vcpu->fd, KVM_RUN, 0) || errno != EINTR)
		die("a vCPU that spins");
	setitimer(ITIMER_REAL, &never, NULL);
}

static void no_op(int sig)
{
	(void)sig;
}

struct rival {
	volatile uint8_t *flag;
	volatile bool stop, seen;
};

/* On the vCPU's processor: while this runs, the vCPU does not. */
static void *rival(void *arg)
{
	struct rival *r = arg;

	while (!r->stop)
		if (*r->flag)
			r->seen = true;
	return NULL;
}

/* Is the vCPU seen to be preempted, in its page? */
static bool is_told(struct vcpu *vcpu)
{
	struct rival r = { .flag = vcpu->vm->mem + page + 16 };
	pthread_t thread;

	if (pthread_create(&thread, NULL, rival, &r))
		die("a thread");
	for (int i = 0; i < 50 && !r.seen; i++)
		spin(vcpu);
	r.stop = true;
	pthread_join(thread, NULL);
	return r.seen;
}

static void preempted(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;
	struct regs r = { .rcx = MSR_KVM_STEAL_TIME, .rax = page | 1 };
	const struct sigaction sa = { .sa_handler = no_op };
	cpu_set_t one, all;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	sigaction(SIGALRM, &sa, NULL);
	memset(vm->mem + page, 0, 64);
	vcpu_do(a, CODE_WRMSR, &r);
	check(is_told(a), "KVM says in a guest's page that its vCPU does not run");
	region_add(a, page, PAGE, R, 1);
	memset(vm->mem + page, 0, 64);
	check(!is_told(a) && !memcmp(vm->mem + page, zero, 64),
	      "but not in one that may not be written");
	sched_setaffinity(0, sizeof(all), &all);
	vm_free(vm);
}

/* Which SVM gives to any guest where the processor virtualizes them (vgif). */
static void gif(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	enum end before = vcpu_do(vm->vcpu, CODE_CLGI, &(struct regs){ 0 }), end;
	struct vbh_status s;

	if (before == END_OK && vcpu_do(vm->vcpu, CODE_STGI, &(struct regs){ 0 }) != END_OK)
		die("STGI after CLGI");
	status(vm->vcpu, &s);
	end = vcpu_do(vm->vcpu, CODE_CLGI, &(struct regs){ 0 });
	check(end == END_UD, "a guest that has begun has no CLGI%s",
	      before == END_OK ? ", though others have it" : "");
	vm_free(vm);
}

static void hyperv(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct regs r = { .rcx = MSR_HV_VP_ASSIST, .rax = page | 1 };
	uint32_t *word = (uint32_t *)(vm->mem + page);

	vcpu_cpuid(vm->vcpu, 0x40000001, CPUID_EAX, ~0u, 0x31237648);	/* Hv#1 */
	*word = ~0u;
	check(!vcpu_do(vm->vcpu, CODE_WRMSR, &r) && !*word, "KVM clears Hyper-V's assist page");
	r.rax = 0;
	vcpu_do(vm->vcpu, CODE_WRMSR, &r);
	*word = ~0u;
	region_add(vm->vcpu, page, PAGE, R, 1);
	r.rcx = MSR_HV_VP_ASSIST;
	r.rax = page | 1;
	check(vcpu_do(vm->vcpu, CODE_WRMSR, &r) == END_GP && *word == ~0u,
	      "but not where the guest may not write");
	vm_free(vm);
}

/*
 * Its walk of the guest's tables: a page that says "large page at 8 MiB" stands for
 * what an attacker finds in text, and is named as the table of addresses from 1 GiB on.
 */
static void walk(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;
	uint64_t *pdpt = (uint64_t *)(vm->mem + AT_PML4 + PAGE), *text = (uint64_t *)(vm->mem + page);
	const struct regs ins = { .rdi = 1 << 30, .rdx = 0x3f8 };
	struct regs r = ins;

	pdpt[1] = page | 3;
	*text = 8 << 20 | 0x83;
	vcpu_do(a, CODE_INS, &r);
	check(vcpu_continue(a) == END_OK && *text == (8 << 20 | 0xe3),
	      "KVM sets accessed and dirty bits as it walks a guest's tables");
	*text = 8 << 20 | 0x83;
	region_add(a, page, PAGE, RX, 1);
	r = ins;
	vm->mem[8 << 20] = 0x5a;
	vcpu_do(a, CODE_INS, &r);
	check(vcpu_continue(a) == END_OK && *text == (8 << 20 | 0x83) && vm->mem[8 << 20] != 0x5a,
	      "but not in a page that may not be written, and goes on");
	vm_free(vm);
}

/* LLDT is the emulator's to carry out, once LDTR is pinned. Its descriptor starts a page. */
static void emulated_read(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;
	const uint64_t gdt = page + PAGE - 24, ldt[2] = { 0x0000820000000fffull };
	struct regs r = { .rax = 24 };
	struct kvm_sregs s = sregs(a);

	memcpy(vm->mem + gdt, vm->mem + AT_GDT, 24);
	memcpy(vm->mem + page + PAGE, ldt, sizeof(ldt));
	memcpy(vm->mem + page, "\x0f\x00\xd0\xf4", 4);	/* lldt %ax, hlt */
	s.gdt.base = gdt;
	s.gdt.limit = 24 + sizeof(ldt) - 1;
	s.ldt = (struct kvm_segment){ .selector = 24, .limit = 0xfff, .type = 2, .present = 1 };
	ioctl(a->fd, KVM_SET_SREGS, &s);
	pin_add(a, VBH_PIN_DTR, VBH_DTR_LDTR, ~0ull, VBH_RULE_DENY);
	check(!vcpu_at(a, page, &r), "LLDT reads a descriptor");
	region_add(a, page + PAGE, PAGE, 0, 1);
	check(vcpu_at(a, page, &r) == END_GP, "but not from a page without rights");
	vm_free(vm);
}

#define NX_HUGE		"/sys/module/kvm/parameters/nx_huge_pages"

static bool nx_huge(const char *value)
{
	FILE *f = fopen(NX_HUGE, "w");

	return f && fputs(value, f) >= 0 && !fclose(f);
}

/* Of 2 MiB that are data, dirty logging makes small pages. */
static void split(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;
	struct kvm_userspace_memory_region slot = {
		.memory_size = MEM, .userspace_addr = (uintptr_t)vm->mem,
		.flags = KVM_MEM_LOG_DIRTY_PAGES,
	};
	const uint64_t data = 8 << 20;
	struct regs r = { .rbx = data + PAGE };
	uint64_t v;

	if (!nx_huge("force"))
		die(NX_HUGE);
	memset(vm->mem + data, 0xc3, 2 << 20);
	region_add(a, data, 2 << 20, R, 1);
	check(!vcpu_load(a, data, &v) && vcpu_do(a, CODE_CALL, &r) == END_GP,
	      "2 MiB that may only be read can't be executed");
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot))
		die("dirty logging");
	r.rbx = data + PAGE;
	check(vcpu_do(a, CODE_CALL, &r) == END_GP, "nor after dirty logging has split them");
	nx_huge("auto");
	vm_free(vm);
}

/* Begun and not cleared? */
static bool protected(struct vcpu *a)
{
	return vcpu_store(a, page, 1) == END_GP;
}

static void resets(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 2);
	struct vcpu *a = &vm->vcpu[0], *b = &vm->vcpu[1];
	struct regs r = { .rbx = page };
	struct kvm_sregs s;

	region_add(a, page, PAGE, RX, 0);
	hypercall(a, VBH_HC_SEAL, 0, 0, 0);
	check(hypercall(a, VBH_HC_STOP, 0, 0, 0) == -EPERM && protected(a),
	      "a sealed guest can't stop VBH");
	ioctl(a->fd, KVM_GET_SREGS, &s);
	ioctl(a->fd, KVM_SET_SREGS, &s);
	vcpu_reset(b);
	vcpu_long_mode(b);
	check(protected(a) && protected(b),
	      "neither registers that are loaded back nor the reset of another vCPU end it");
	vcpu_reset(a);
	vcpu_long_mode(a);
	check(!protected(a) && !protected(b), "a reset of the machine does");
	check(!region_add(a, page, PAGE, RX, 0) && protected(b), "and it can begin again");
	check(!ioctl(vm->fd, KVM_VBH_CLEAR) && !protected(a), "user space can clear it");
	region_add(a, page, PAGE, RX, 0);
	check(!hypercall(a, VBH_HC_STOP, 0, 0, 0) && !protected(a) && !protected(b),
	      "and an open guest can stop it by itself, for all vCPUs");

	region_add(a, page, PAGE, RX, 0);
	ioctl(a->fd, KVM_GET_SREGS, &s);
	s.idt.limit = 0;
	ioctl(a->fd, KVM_SET_SREGS, &s);
	check(vcpu_do(a, CODE_UD, &r) == END_SHUTDOWN && protected(b),
	      "a triple fault alone ends nothing");
	vcpu_reset(a);
	vcpu_long_mode(a);
	check(!protected(a) && !protected(b), "the reset that follows does");
	vm_free(vm);
}

/* A page of text and one that goes after its init, without a single field. */
#define MODULE_TAG	(VBH_TAG_MODULE | 5)
#define MODULE_GVA	0xffffffffc0000000ull
#define MODULE_GPA	(AT_FREE + 64 * PAGE)

static const struct vbh_layout module_layout = {
	.len = { [VBH_PART_TEXT] = PAGE, [VBH_PART_INIT_TEXT] = PAGE },
};

static const struct vbh_field module_fields[4] = {
	{ .kind_skip = VBH_FIELD_SKIP_MAX }, { .kind_skip = PAGE - VBH_FIELD_SKIP_MAX },
	{ .kind_skip = VBH_FIELD_SKIP_MAX }, { .kind_skip = PAGE - VBH_FIELD_SKIP_MAX },
};

/* Its digest into the catalogue of this guest. */
static int64_t list_module(struct vm *vm)
{
	const uint8_t *at = vm->mem + MODULE_GPA;
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX sha;

	memset(vm->mem + MODULE_GPA, 0x90, 2 * PAGE);
	SHA256Init(&sha);
	SHA256Update(&sha, (const uint8_t *)&module_layout, sizeof(module_layout));
	for (int i = 0; i < 4; i++) {
		SHA256Update(&sha, (const uint8_t *)&module_fields[i], sizeof(module_fields[i]));
		SHA256Update(&sha, at, module_fields[i].kind_skip);
		at += module_fields[i].kind_skip;
	}
	SHA256Final(digest, &sha);
	memcpy(vm->mem + AT_BUFFER, digest, sizeof(digest));
	return hypercall(vm->vcpu, VBH_HC_CATALOGUE, AT_BUFFER, 1, 0);
}

static int64_t module_call(struct vm *vm, enum vbh_module_op op, const void *data, size_t len,
			   uint64_t count)
{
	memcpy(vm->mem + AT_BUFFER, data, len);
	return hypercall4(vm->vcpu, VBH_HC_MODULE, op, MODULE_TAG, AT_BUFFER, count);
}

static int64_t load_module(struct vm *vm)
{
	const struct vbh_module m = {
		.size = sizeof(m), .tag = MODULE_TAG,
		.part = {
			[VBH_PART_TEXT] = MODULE_GVA, [VBH_PART_INIT_TEXT] = MODULE_GVA + PAGE,
		},
		.layout = module_layout, .rule = VBH_RULE_DENY, .name = "tiny",
	};
	const struct vbh_text runs[2] = {
		{ .gva = MODULE_GVA, .gpa = MODULE_GPA, .len = PAGE, .tag = MODULE_TAG },
		{ .gva = MODULE_GVA + PAGE, .gpa = MODULE_GPA + PAGE, .len = PAGE,
		  .tag = MODULE_TAG },
	};
	size_t left = sizeof(module_fields);
	int64_t ret = module_call(vm, VBH_MODULE_BEGIN, &m, sizeof(m), sizeof(m));

	if (!ret)
		ret = module_call(vm, VBH_MODULE_PAGES, runs, sizeof(runs), 2);
	while (!ret && left) {
		const uint8_t *at = (const uint8_t *)module_fields + sizeof(module_fields) - left;

		ret = module_call(vm, VBH_MODULE_FEED, at, left, left);
		if (ret > 0) {
			left -= ret;
			ret = 0;
		}
	}
	while (!ret && (ret = module_call(vm, VBH_MODULE_END, "", 0, 0)) > 0)
		ret = 0;
	return ret;
}

static void saving(void)
{
	struct vm *from = vm_new(KVM_X86_VBH_ENABLE, 2), *to = vm_new(KVM_X86_VBH_ENABLE, 2);
	struct vcpu *a = &to->vcpu[0], *b = &to->vcpu[1];
	struct regs r = { .rax = 0x80040033ull };
	struct kvm_vbh_state s = { 0 };
	struct vbh_status st;
	unsigned int i, taken = 0;
	uint8_t *block, *wrong;

	check(!ioctl(from->fd, KVM_VBH_GET_STATE, &s) && !s.len,
	      "a guest that asked for nothing has an empty state");
	region_add(from->vcpu, page, PAGE, RX, 0);
	pin_add(from->vcpu, VBH_PIN_CR0, 0, CR0_WP, VBH_RULE_DENY);
	hypercall(from->vcpu, VBH_HC_EVENT_RING, AT_FREE + 32 * PAGE, 4 * PAGE, 0);
	check(!list_module(from), "a guest lists a module");
	hypercall(from->vcpu, VBH_HC_SEAL, 0, 0, 0);
	vcpu_store(from->vcpu, page, 1);
	block = vm_save(from, &s);
	check(block && s.len, "a sealed guest's state can be read");
	check(block && !ioctl(to->fd, KVM_VBH_SET_STATE, &s), "and given to another VM");
	check(protected(a) && protected(b) && vcpu_do(b, CODE_CR0, &r) == END_GP,
	      "which is then protected as the first was");
	check(!status(a, &st) && st.state == VBH_STATE_SEALED && st.violations == 4,
	      "is sealed, and has its count of violations");
	check(ioctl(to->fd, KVM_VBH_SET_STATE, &s) && errno == EBUSY, "but only once");
	memset(to->mem + MODULE_GPA, 0x90, 2 * PAGE);
	to->mem[MODULE_GPA + 7] ^= 1;
	check(load_module(to) == -EACCES, "one that is not the listed module is refused");
	check(!module_call(to, VBH_MODULE_GONE, "", 0, 0), "and goes");
	memset(to->mem + MODULE_GPA, 0x90, 2 * PAGE);
	check(!load_module(to) && !module_call(to, VBH_MODULE_LIVE, "", 0, 0),
	      "the module that was listed before is accepted");
	vcpu_store(a, MODULE_GPA, 1);
	check(to->mem[MODULE_GPA] == 0x90, "and protected");

	wrong = malloc(s.len);
	srand(1);
	for (i = 0; block && i < 3000; i++) {
		struct kvm_vbh_state w = s;

		ioctl(to->fd, KVM_VBH_CLEAR);
		memcpy(wrong, block, s.len);
		w.data = (uintptr_t)wrong;
		w.len -= i % 3 ? 0 : rand() % s.len;
		for (int j = rand() % 8; j >= 0; j--)
			wrong[rand() % s.len] = rand();
		taken += !ioctl(to->fd, KVM_VBH_SET_STATE, &w);
		vcpu_store(a, page, 1);
		hypercall(a, VBH_HC_EVENT_ACK, rand(), 0, 0);
	}
	check(i == 3000, "3000 states with wrong bytes do the host no harm (%u were taken)", taken);
	ioctl(to->fd, KVM_VBH_CLEAR);
	check(!region_add(a, page, PAGE, RX, 0) && protected(b), "and the VM goes on");
	free(wrong);
	free(block);
	vm_free(from);
	vm_free(to);
}

static void exits(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE | KVM_X86_VBH_EXIT, 1);
	struct vcpu *a = vm->vcpu;
	struct vbh_event ev;

	region_add(a, page, PAGE, RX, 0);
	check(vcpu_store(a, page + 8, 0x77) == END_VBH,
	      "user space that asked for it is told of a violation");
	/* Behind everything in struct kvm_run but its union. */
	memcpy(&ev, (char *)a->run + offsetof(struct kvm_run, hw), sizeof(ev));
	check(ev.kind == VBH_KIND_WRITE && ev.gpa == page + 8 && ev.new_value == 0x77 &&
	      ev.action == VBH_ACTION_DENIED && !ev.cpu, "with the event");

	struct vcpu *late = vm_add_vcpu(vm);

	check(vcpu_store(late, page + 8, 0x77) == END_VBH, "and of one by a vCPU that came late");
	memcpy(&ev, (char *)late->run + offsetof(struct kvm_run, hw), sizeof(ev));
	check(ev.cpu == 1, "which has its own number, %u", ev.cpu);
	check(!hypercall(a, VBH_HC_STATS, AT_BUFFER, sizeof(struct vbh_stats), 1),
	      "and counters that can be asked for");
	vm_free(vm);
}

/* The records that a reader of the host's log gets; -1: out of order. */
static int records(int fd)
{
	struct vbh_event ev[7];
	uint64_t next = 0;
	ssize_t len;
	int n = 0;

	while ((len = read(fd, ev, sizeof(ev))) > 0) {
		for (size_t i = 0; i < len / sizeof(ev[0]); i++, n++) {
			if (ev[i].seq < next)
				return -1;
			next = ev[i].seq + 1;
		}
	}
	return n;
}

static void hosts_view(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	int fd = open("/dev/vbh", O_RDONLY | O_NONBLOCK), all, i;

	region_add(vm->vcpu, page, PAGE, RX, 0);
	all = records(fd);
	check(fd >= 0 && all > 0, "the host has a log of %d records, in order", all);
	for (i = 0; i < 300; i++)
		vcpu_store(vm->vcpu, page, i);
	check(records(fd) == 256, "of 300 violations of one VM it gets the last 256");
	check(records(fd) == 0, "and each of them once");
	lseek(fd, 0, SEEK_SET);
	i = records(fd);
	check(i == all + 256, "from the start there are %d", i);
	close(fd);
	vm_free(vm);
}

int main(void)
{
	vm_open();
	discovery();
	memory();
	exec_split();
	rules();
	pins();
	floors();
	addresses();
	smm_open();
	smm();
	sent_smi();
	kvms_writes();
	/* In Bochs' VMX it does not come to its end, for a reason that was not found. */
	if (is_amd())
		preempted();
	else
		puts("ok - KVM says in a guest's page that its vCPU does not run # SKIP");
	gif();
	hyperv();
	walk();
	emulated_read();
	split();
	resets();
	saving();
	exits();
	hosts_view();
	return failures > 0;
}
