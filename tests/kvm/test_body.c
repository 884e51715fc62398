// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM does for a guest with VBH, and what for one without: discovery, rights
 * of memory, pins, KVM's own writes, resets, state that is saved and restored,
 * exits to user space. Each claim first shows that the same works without VBH,
 * where there is such a thing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "vm.h"

#define MSR_LSTAR		0xc0000082u
#define MSR_SFMASK		0xc0000084u
#define MSR_KVM_WALL_CLOCK	0x4b564d00u
#define MSR_KVM_SYSTEM_TIME	0x4b564d01u
#define CR0_WP			(1ull << 16)
#define CR4_FSGSBASE		(1ull << 16)
#define R			VBH_R
#define RX			(VBH_R | VBH_X | VBH_XU)

static const uint64_t page = AT_FREE + 4 * PAGE;

static bool has_leaf(struct vcpu *vcpu)
{
	struct regs r = { .rax = LEAF };

	if (vcpu_do(vcpu, CODE_CPUID, &r))
		return false;
	return (uint32_t)r.rbx == VBH_CPUID_SIG_EBX && (uint32_t)r.rcx == VBH_CPUID_SIG_ECX &&
	       (uint32_t)r.rdx == VBH_CPUID_SIG_EDX;
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
	r.rax = CR4_LONG;
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

#define SMBASE		0x30000
#define SMM_CODE	(SMBASE + 0x8000)
#define SMM_CR0		(SMBASE + 0xff58)	/* in the save area of a 64-bit processor */

/* Into the handler of an SMI, which halts once. */
static void smi_begin(struct vcpu *vcpu)
{
	uint64_t ignored;

	memcpy(vcpu->vm->mem + SMM_CODE, "\xf4\x0f\xaa", 3);	/* hlt, rsm */
	if (ioctl(vcpu->fd, KVM_SMI))
		die("KVM_SMI");
	vcpu_load(vcpu, page, &ignored);
}

/* Out of it; the bits are cleared in the CR0 that RSM finds. */
static enum end smi_end(struct vcpu *vcpu, uint64_t clear)
{
	uint64_t *cr0 = (uint64_t *)(vcpu->vm->mem + SMM_CR0);

	if (!*cr0)
		die("an SMI did not save CR0");
	*cr0 &= ~clear;
	return vcpu_continue(vcpu);
}

static enum end smi(struct vcpu *vcpu, uint64_t clear)
{
	smi_begin(vcpu);
	return smi_end(vcpu, clear);
}

static void smm_states(struct vm *from)
{
	struct vm *to = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct kvm_vbh_state s = { 0 };
	void *block;

	smi_begin(from->vcpu);
	check(ioctl(from->fd, KVM_VBH_GET_STATE, &s) && errno == EBUSY,
	      "within the handler there is no state to be had");
	check(smi_end(from->vcpu, 0) == END_OK && (block = vm_save(from, &s)),
	      "but behind it");
	smi_begin(to->vcpu);
	check(ioctl(to->fd, KVM_VBH_SET_STATE, &s) && errno == EBUSY,
	      "nor can one be given to a VM in it");
	check(smi_end(to->vcpu, 0) == END_OK && !ioctl(to->fd, KVM_VBH_SET_STATE, &s),
	      "before it is out of it");
	free(block);
	vm_free(to);
}

static void smm(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;
	struct kvm_sregs s;

	check(smi(a, CR0_WP) == END_OK && !ioctl(a->fd, KVM_GET_SREGS, &s) && !(s.cr0 & CR0_WP),
	      "who writes to SMRAM can have CR0.WP cleared by RSM");
	vcpu_long_mode(a);
	pin_add(a, VBH_PIN_CR0, 0, CR0_WP, VBH_RULE_DENY);
	region_add(a, page + PAGE, PAGE, RX, 0);
	check(smi(a, 0) == END_OK && !ioctl(a->fd, KVM_GET_SREGS, &s) && (s.cr0 & CR0_WP),
	      "an SMI comes and goes while it is pinned");
	smm_states(vm);
	check(smi(a, CR0_WP) == END_SHUTDOWN, "but not with it cleared");
	vm_free(vm);
}

/* KVM writes for the guest where the guest tells it to. */
static void kvms_writes(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;
	struct regs r = { .rcx = MSR_KVM_WALL_CLOCK, .rax = page };
	static const uint8_t zero[64];

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

static const struct vbh_layout module_layout = { PAGE, PAGE, PAGE, PAGE, 0, 0 };
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
		.size = sizeof(m), .tag = MODULE_TAG, .core = MODULE_GVA,
		.init = MODULE_GVA + PAGE, .layout = module_layout, .rule = VBH_RULE_DENY,
		.name = "tiny",
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
	rules();
	pins();
	floors();
	addresses();
	smm();
	kvms_writes();
	resets();
	saving();
	exits();
	hosts_view();
	return failures > 0;
}
