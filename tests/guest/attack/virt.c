// SPDX-License-Identifier: GPL-2.0-only
/*
 * The instructions and MSRs of SVM and VMX from ring 0. Without VBH each is
 * shown to work: SVM or VMX is turned on for the moment that it takes. Under
 * VBH they get what a processor without the feature gives.
 */
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/mm.h>

#include "attack.h"
#include "insn.h"

/* Not in every kernel's msr-index.h under one name. */
#define SVM_VM_CR	0xc0010114u
#define SVM_HSAVE_PA	0xc0010117u
#define SVM_KEY		0xc0010118u

/* What the instructions operate on: pages of our own. */
struct virt {
	u64 page;		/* physical, zeroed: VMCB, or VMXON region */
	u64 hsave;		/* physical: host save area, or VMCS */
	u64 operand[2];		/* INVEPT, INVVPID */
	u64 stored;		/* VMPTRST */
	unsigned long field;	/* VMREAD */
};

typedef int (*virt_fn)(struct virt *v, u64 *rip);

#define VIRT_INSN(name, insn, ...)					\
static int do_##name(struct virt *v, u64 *rip)				\
{									\
	int vector;							\
									\
	TRY_INSN(insn, rip, vector, __VA_ARGS__);			\
	return vector;							\
}

VIRT_INSN(vmload, "vmload", "0" (v->page))
VIRT_INSN(vmsave, "vmsave", "0" (v->page))
VIRT_INSN(vmrun, "vmrun\n	stgi", "0" (v->page))
VIRT_INSN(stgi, "stgi", "i" (0))
VIRT_INSN(clgi, "clgi\n	stgi", "i" (0))
VIRT_INSN(skinit, "skinit", "0" ((u32)v->page))
VIRT_INSN(invlpga, "invlpga", "0" (v->page), "c" (1))
VIRT_INSN(vmxon, "vmxon %[m]", [m] "m" (v->page))
VIRT_INSN(vmxoff, "vmxoff", "i" (0))
VIRT_INSN(vmclear, "vmclear %[m]", [m] "m" (v->hsave))
VIRT_INSN(vmptrld, "vmptrld %[m]", [m] "m" (v->hsave))
VIRT_INSN(vmptrst, "vmptrst %[m]", [m] "m" (v->stored))
VIRT_INSN(vmread, "vmread %[f], %%rdx", [f] "r" (v->field), "d" (0))
VIRT_INSN(vmwrite, "vmwrite %[f], %[f]", [f] "r" (v->field))
VIRT_INSN(vmlaunch, "vmlaunch", "i" (0))
VIRT_INSN(vmresume, "vmresume", "i" (0))
VIRT_INSN(invept, "invept %[m], %[type]", [m] "m" (v->operand), [type] "r" (2ul))
VIRT_INSN(invvpid, "invvpid %[m], %[type]", [m] "m" (v->operand), [type] "r" (2ul))
VIRT_INSN(getsec, "getsec", "0" (0), "b" (0))
VIRT_INSN(vmfunc, "vmfunc", "0" (0), "c" (0))

static bool is_svm(void)
{
	return boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
	       boot_cpu_data.x86_vendor == X86_VENDOR_HYGON;
}

/* Asked for at boot, that is before VBH hid it. */
static bool has_feature(bool svm)
{
	return boot_cpu_has(svm ? X86_FEATURE_SVM : X86_FEATURE_VMX);
}

static bool virt_alloc(struct attempt *t, struct virt *v)
{
	v->page = get_zeroed_page(GFP_KERNEL);
	v->hsave = get_zeroed_page(GFP_KERNEL);
	if (!v->page || !v->hsave) {
		free_page(v->page);
		free_page(v->hsave);
		attempt_unavailable(t, "no memory");
		return false;
	}
	v->page = __pa(v->page);
	v->hsave = __pa(v->hsave);
	v->operand[0] = 0;
	v->operand[1] = 0;
	v->field = 0x4402;
	return true;
}

static void virt_free(struct virt *v)
{
	free_page((unsigned long)__va(v->page));
	free_page((unsigned long)__va(v->hsave));
}

static void attack_svm(struct attempt *t)
{
	u64 efer, hsave, ip;
	unsigned long flags;
	struct virt v;
	int vector;

	if (!is_svm() || !has_feature(true)) {
		attempt_unavailable(t, "no SVM in this processor");
		return;
	}
	if (!virt_alloc(t, &v))
		return;
	local_irq_save(flags);
	if (!attack_vbh()) {
		rdmsrl(MSR_EFER, efer);
		rdmsrl(SVM_HSAVE_PA, hsave);
		try_wrmsr(MSR_EFER, efer | EFER_SVME, &ip);
		try_wrmsr(SVM_HSAVE_PA, v.hsave, &ip);
		if (t->attack->data == do_vmload)
			do_vmsave(&v, &ip);	/* what it loads is what is there */
	}
	vector = ((virt_fn)t->attack->data)(&v, &t->rip);
	if (!attack_vbh()) {
		try_wrmsr(SVM_HSAVE_PA, hsave, &ip);
		try_wrmsr(MSR_EFER, efer, &ip);
	}
	local_irq_restore(flags);
	virt_free(&v);
	attempt_expect(t, VBH_KIND_VIRT_INSN, 0);
	attempt_judge(t, vector, !vector);
}

/* Natively the instruction runs in VMX root mode, but for VMXON, which gets there. */
static void attack_vmx(struct attempt *t)
{
	virt_fn fn = t->attack->data;
	int vector, entered = -1;
	unsigned long flags;
	struct virt v;
	u64 cr4, basic, ip;

	if (is_svm() || !has_feature(false)) {
		attempt_unavailable(t, "no VMX in this processor");
		return;
	}
	if (!virt_alloc(t, &v))
		return;
	local_irq_save(flags);
	if (!attack_vbh()) {
		rdmsrl(MSR_IA32_VMX_BASIC, basic);
		*(u32 *)__va(v.page) = basic;
		*(u32 *)__va(v.hsave) = basic;
		cr4 = raw_cr4();
		try_write_cr4(cr4 | X86_CR4_VMXE, &ip);
		if (fn != do_vmxon)
			entered = do_vmxon(&v, &ip);
	}
	vector = fn(&v, &t->rip);
	if (!attack_vbh()) {
		if (fn != do_vmxoff && (fn == do_vmxon ? !vector : !entered))
			do_vmxoff(&v, &ip);
		try_write_cr4(cr4, &ip);
	}
	local_irq_restore(flags);
	virt_free(&v);
	attempt_expect(t, VBH_KIND_VIRT_INSN, 0);
	attempt_judge(t, vector, !vector);
}

/* attack->arg: the MSR. data: the bits to flip. */
static const u64 bit_svme = EFER_SVME;
static const u64 bit_svmdis = 1 << 4;
static const u64 some_page = 0x100000;
static const u64 bits_feature = FEAT_CTL_LOCKED | FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX;

static void write_virt_msr(struct attempt *t, bool svm)
{
	u64 old = 0, new, seen, ip, bits = *(const u64 *)t->attack->data;
	u32 msr = t->attack->arg;
	unsigned long flags;
	int vector;
	bool quiet;

	if (is_svm() != svm || !has_feature(svm)) {
		attempt_unavailable(t, "no %s in this processor", svm ? "SVM" : "VMX");
		return;
	}
	/* Under VBH a read is a violation as well, but of EFER. */
	quiet = attack_vbh() && msr != MSR_EFER;
	local_irq_save(flags);
	if (!quiet)
		try_rdmsr(msr, &old, &ip);
	new = old ^ bits;
	vector = try_wrmsr(msr, new, &t->rip);
	seen = old;
	if (quiet)
		seen = vector ? old : new;
	else
		try_rdmsr(msr, &seen, &ip);
	if (seen != old)
		try_wrmsr(msr, old, &ip);
	local_irq_restore(flags);
	attempt_expect(t, VBH_KIND_VIRT_INSN, msr);
	attempt_judge(t, vector, seen != old);
}

static void attack_svm_msr(struct attempt *t)
{
	write_virt_msr(t, true);
}

static void attack_vmx_msr(struct attempt *t)
{
	write_virt_msr(t, false);
}

static void attack_vmxe(struct attempt *t)
{
	unsigned long flags;
	u64 old, seen, ip;
	int vector;

	if (is_svm() || !has_feature(false)) {
		attempt_unavailable(t, "no VMX in this processor");
		return;
	}
	local_irq_save(flags);
	old = raw_cr4();
	vector = try_write_cr4(old | X86_CR4_VMXE, &t->rip);
	seen = raw_cr4();
	try_write_cr4(old, &ip);
	local_irq_restore(flags);
	attempt_expect(t, VBH_KIND_VIRT_INSN, 0);
	attempt_judge(t, vector, seen != old);
}

/* The capability MSRs: what the processor could do as a hypervisor. */
static void attack_vmx_caps(struct attempt *t)
{
	u32 msr, readable = 0, first = 0, tried = 0;
	u64 value, ip;

	if (is_svm() || !has_feature(false)) {
		attempt_unavailable(t, "no VMX in this processor");
		return;
	}
	for (msr = MSR_IA32_VMX_BASIC; msr <= 0x493; msr++) {
		tried++;
		if (!try_rdmsr(msr, &value, &ip))
			readable++;
		else if (!first)
			first = msr;
	}
	t->ops = tried;
	attempt_expect(t, VBH_KIND_VIRT_INSN, first);
	attempt_judge(t, readable ? 0 : 13, readable);
	snprintf(t->note, sizeof(t->note), "%u of %u can be read", readable, tried);
}

#define SVM(name)	{ "svm-" #name, "can execute " #name, attack_svm,		\
			  A_UD | A_NO_LOG, 0, do_##name }
#define SVM_STOPPED(name) { "svm-" #name, "can execute " #name, attack_svm,		\
			  A_UD | A_NO_LOG | A_CPU_STOPS, 0, do_##name }
#define VMX(name)	{ "vmx-" #name, "can execute " #name, attack_vmx,		\
			  A_UD | A_NO_LOG, 0, do_##name }
#define VMX_STOPPED(name) { "vmx-" #name, "can execute " #name, attack_vmx,		\
			  A_UD | A_NO_LOG | A_CPU_STOPS, 0, do_##name }

const struct attack virt_attacks[] = {
	{ "svm-enable", "can turn on SVM in EFER", attack_svm_msr, A_GP | A_NO_LOG,
	  MSR_EFER, &bit_svme },
	{ "svm-hsave", "can choose where host state is saved (VM_HSAVE_PA)", attack_svm_msr,
	  A_GP | A_NO_LOG, SVM_HSAVE_PA, &some_page },
	{ "svm-vm-cr", "can write VM_CR", attack_svm_msr, A_GP | A_NO_LOG | A_CPU_STOPS,
	  SVM_VM_CR, &bit_svmdis },
	{ "svm-key", "can write SVM_KEY", attack_svm_msr, A_GP | A_NO_LOG | A_CPU_STOPS,
	  SVM_KEY, &some_page },
	SVM(vmrun), SVM(vmload), SVM(vmsave), SVM(stgi), SVM(clgi), SVM(invlpga),
	SVM_STOPPED(skinit),
	{ "vmx-enable", "can turn on VMX in CR4", attack_vmxe, A_GP | A_NO_LOG },
	{ "vmx-feature-control", "can write FEATURE_CONTROL", attack_vmx_msr,
	  A_GP | A_NO_LOG | A_CPU_STOPS, MSR_IA32_FEAT_CTL, &bits_feature },
	{ "vmx-capabilities", "can read the VMX capability MSRs", attack_vmx_caps,
	  A_GP | A_NO_LOG | A_MANY },
	VMX(vmxon), VMX(vmxoff), VMX(vmclear), VMX(vmptrld), VMX(vmptrst), VMX(vmread),
	VMX(vmwrite), VMX(vmlaunch), VMX(vmresume), VMX(invept), VMX(invvpid),
	VMX_STOPPED(getsec), VMX_STOPPED(vmfunc),
	{ }
};
