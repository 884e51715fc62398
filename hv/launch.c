// SPDX-License-Identifier: GPL-2.0-only
/*
 * From Linux into the image (include/vbh/launch.h). VBH_OP_INIT runs as a plain
 * function on Linux's stack and builds what is global. VBH_OP_LAUNCH takes down
 * Linux's state, moves to the CPU's own stack and tables, and goes back into
 * Linux in guest mode; where that fails, natively with an error.
 */
#include "pt.h"
#include "../core/string.h"

struct hv hv;

/* The general registers of the CPU that holds launch_lock, from hv_entry(). */
__used static struct hv_linux launch_state;
static struct vbh_launch *launch_params;	/* in Linux's memory */

/* hv_init_late() is done once, by the first CPU; its result is everybody's. */
static bool late_done;
static int late_result;

static const struct hv_vendor *choose_vendor(void)
{
	u32 r[4], max;

	cpuid(0, 0, r);
	if (r[1] == 0x756e6547)		/* "Genu"ineIntel */
		return &vmx_vendor;
	if (r[1] == 0x68747541 || r[1] == 0x6f677948)	/* "Auth"enticAMD, "Hygo"nGenuine */
		return &svm_vendor;
	cpuid(1, 0, r);
	if (r[2] & BIT(5))
		return &vmx_vendor;
	cpuid(0x80000000, 0, r);
	max = r[0];
	if (max >= 0x80000001) {
		cpuid(0x80000001, 0, r);
		if (r[2] & BIT(2))
			return &svm_vendor;
	}
	return NULL;
}

static int check_params(const struct vbh_launch *p)
{
	if (p->size != sizeof(*p) || !p->cpus || p->cpus > VBH_MAX_CPUS ||
	    !p->nr_chunks || p->nr_chunks > VBH_MAX_CHUNKS || !p->nr_ram ||
	    p->nr_ram > VBH_MAX_RAM)
		return -EINVAL;
	return 0;
}

__used int hv_init(struct vbh_launch *p)
{
	int ret = check_params(p);

	if (ret) {
		hv_error(p->error, sizeof(p->error), "loader and image do not fit each other");
		return ret;
	}
	memcpy(&hv.params, p, sizeof(*p));
	launch_params = p;
	hv.vendor = choose_vendor();
	if (!hv.vendor) {
		hv_error(p->error, sizeof(p->error),
			 "an unknown processor: neither VMX (CPUID 1 ECX bit 5) nor SVM (CPUID 80000001 ECX bit 2)");
		return -ENODEV;
	}
	ret = hv.vendor->probe(&hv.caps, p->error, sizeof(p->error));
	if (ret)
		return ret;
	hv.la57 = read_cr4() & CR4_LA57;
	hv.cr4 = (read_cr4() & (CR4_LA57 | CR4_MCE | CR4_OSFXSR | CR4_OSXSAVE)) | CR4_PAE;
	hv.trap_icr = (p->flags & VBH_LAUNCH_F_TRAP_ICR) || !hv.caps.init_exits;
	hv.ram_end = p->ram[p->nr_ram - 1].end;
	trap_init();
	mtrr_init();
	cr_init();
	ret = pool_init();
	if (!ret)
		ret = mm_init();
	p->root = hv.cr3;
	if (ret)
		hv_error(p->error, sizeof(p->error), "memory for the hypervisor's own tables");
	return ret;
}

/*
 * Is it known what a hypervisor below us writes to? There is none, or KVM, Hyper-V or
 * QEMU, which are told by MSRs (msr_mark()). Others are told by calls, before we see them.
 */
static bool is_known_below(void)
{
	bool known = false;
	u32 r[4], base;

	cpuid(1, 0, r);
	if (!(r[2] & BIT(31)))
		return true;
	for (base = 0x40000000; base < 0x40010000; base += 0x100) {
		cpuid(base, 0, r);
		if (r[1] == 0x566e6558)		/* "XenV": also beside another one's leaves */
			return false;
		known |= r[1] == 0x4b4d564b || r[1] == 0x7263694d || r[1] == 0x54474354;
	}
	return known;
}

static int protect_self(void)
{
	u32 i;
	int ret = 0;

	for (i = 0; i < hv.params.nr_chunks && !ret; i++)
		ret = guest_protect_own(&hv.guest, hv.params.chunk[i], VBH_CHUNK, VBH_R,
					VBH_REGION_HYPERVISOR);
	return ret;
}

/* On the hypervisor's own tables: all chunks are mapped now. */
static int init_late(void)
{
	u8 *zero = pool_page();
	int ret;

	if (!zero)
		return -ENOMEM;
	hv.zero_pa = hv_pa(zero);
	hv.known_below = is_known_below();
	hv.guest.body = VBH_BODY_BARE_METAL;
	hv.guest.features = VBH_FEAT_HOTPLUG | VBH_FEAT_STOP | VBH_FEAT_DONATE |
			    (hv.caps.exec_split ? VBH_FEAT_EXEC_SPLIT |
						  VBH_FEAT_EXEC_KERNEL : 0) |
			    (hv.caps.s2_exec_only ? VBH_FEAT_EXEC_ONLY : 0);
	hv.guest.cpus = hv.params.cpus;
	hv.guest.max_regions = REGION_MAX;
	hv.guest.max_gpa = BIT(hv.params.phys_bits);
	if (hv.guest.max_gpa > PT_SIZE(hv.caps.s2_levels))
		hv.guest.max_gpa = PT_SIZE(hv.caps.s2_levels);
	hv.guest.sipi_page = hv.params.sipi_page;
	guest_init(&hv.guest);
	ret = hv.vendor->init();
	if (!ret)
		ret = stage2_init();
	if (!ret)
		ret = protect_self();
	if (!ret)
		ret = apic_init();
	if (!ret)
		msr_init();
	return ret;
}

static void set_segment(struct hv_segment *s, u16 sel, const struct dt_reg *gdtr, bool system)
{
	const u64 *desc = (const u64 *)(gdtr->base + (sel & ~7));
	u64 d;

	s->sel = sel;
	if (!(sel & ~3) || (sel & 4))
		return;
	d = desc[0];
	s->attr = d >> 40 & 0xf0ff;
	s->limit = (d & 0xffff) | (d >> 32 & 0xf0000);
	if (d & BIT(55))
		s->limit = s->limit << 12 | 0xfff;
	s->base = (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000);
	if (system)
		s->base |= desc[1] << 32;
}

/* What Linux has now, but for the general registers, RIP and RSP. */
void hv_capture(struct hv_linux *st)
{
	memset(st->seg, 0, sizeof(st->seg));
	sgdt(&st->gdtr);
	sidt(&st->idtr);
	set_segment(&st->seg[SEG_ES], read_es(), &st->gdtr, false);
	set_segment(&st->seg[SEG_CS], read_cs(), &st->gdtr, false);
	set_segment(&st->seg[SEG_SS], read_ss(), &st->gdtr, false);
	set_segment(&st->seg[SEG_DS], read_ds(), &st->gdtr, false);
	set_segment(&st->seg[SEG_FS], read_fs(), &st->gdtr, false);
	set_segment(&st->seg[SEG_GS], read_gs(), &st->gdtr, false);
	set_segment(&st->seg[SEG_LDTR], read_ldtr(), &st->gdtr, true);
	set_segment(&st->seg[SEG_TR], read_tr(), &st->gdtr, true);
	st->seg[SEG_FS].base = rdmsr(MSR_FS_BASE);
	st->seg[SEG_GS].base = rdmsr(MSR_GS_BASE);
	st->rflags = RFLAGS_FIXED;
	st->cr0 = read_cr0();
	st->cr3 = read_cr3();
	st->cr4 = read_cr4();
	st->efer = rdmsr(MSR_EFER);
	st->dr7 = read_dr7();
	st->sysenter_cs = rdmsr(MSR_SYSENTER_CS);
	st->sysenter_esp = rdmsr(MSR_SYSENTER_ESP);
	st->sysenter_eip = rdmsr(MSR_SYSENTER_EIP);
	st->pat = rdmsr(MSR_PAT);
	st->debugctl = rdmsr(MSR_DEBUGCTL);
}

/* Each CPU comes here once, and finds its area cleared by the pool. */
static void cpu_prepare(struct hv_cpu *cpu, u32 index)
{
	trap_load(cpu);		/* first: an NMI has to have somewhere to go with our tables */
	write_cr3(hv.cr3);
	cpu->index = index;
	cpu->apic_id = hv.params.apic_id[index];
	window_init(cpu);
	write_cr4(hv.cr4);
	write_dr7(DR7_INIT);
}

static const char *late_error(int err)
{
	if (err == -ENOMEM || err == -ENOSPC)
		return "memory: the hypervisor's pool is too small for this machine";
	return "the hypervisor could not set itself up";
}

void hv_launch_failed(struct hv_cpu *cpu, struct hv_linux *st, int ret, const char *error)
{
	st->gpr[VBH_REG_RAX] = ret;
	hv_return(cpu, st, launch_params, error);
}

/* On the CPU's own stack, but the loader's tables, with launch_lock held. */
__used __noreturn void hv_launch(u32 index)
{
	static char error[192];
	struct hv_linux st = launch_state;
	struct hv_cpu *cpu = this_cpu();
	int ret;

	hv_capture(&st);
	cpu_prepare(cpu, index);
	if (!late_done) {
		late_result = init_late();
		late_done = true;
	}
	ret = late_result;
	if (ret) {
		hv_error(error, sizeof(error), late_error(ret));
	} else {
		vcpu_init(&cpu->vcpu, &hv.guest, index);
		ret = msr_cpu_init();
		if (ret)
			hv_error(error, sizeof(error), late_error(ret));
		else
			ret = hv.vendor->cpu_on(cpu, &st, error, sizeof(error));
	}
	if (ret)
		hv_launch_failed(cpu, &st, ret, error);
	spin_unlock(&hv.launch_lock);
	memcpy(cpu->gpr, st.gpr, sizeof(cpu->gpr));
	cpu->gpr[VBH_REG_RAX] = 0;
	cpu->launched = true;
	hv_tail(cpu);
	hv.vendor->run(cpu);
}

#define GPR(r)		"i"(offsetof(struct hv_linux, gpr) + 8 * VBH_REG_##r)

/* entry(params, op, cpu); see above. EDX is the CPU throughout. */
__naked __used void hv_entry(__maybe_unused struct vbh_launch *params,
			     __maybe_unused u32 op, __maybe_unused u32 cpu)
{
	asm volatile("test	%%esi, %%esi\n"
		     "jz	hv_init\n"
		     "1: lock btsl $0, hv+%c[lock](%%rip)\n"
		     "jnc	2f\n"
		     "pause\n"
		     "jmp	1b\n"
		     "2: lea	launch_state(%%rip), %%rax\n"
		     "mov	%%rbx, %c[rbx](%%rax)\n"
		     "mov	%%rbp, %c[rbp](%%rax)\n"
		     "mov	%%r12, %c[r12](%%rax)\n"
		     "mov	%%r13, %c[r13](%%rax)\n"
		     "mov	%%r14, %c[r14](%%rax)\n"
		     "mov	%%r15, %c[r15](%%rax)\n"
		     "mov	(%%rsp), %%rcx\n"
		     "mov	%%rcx, %c[rip](%%rax)\n"
		     "lea	8(%%rsp), %%rcx\n"
		     "mov	%%rcx, %c[rsp](%%rax)\n"
		     "mov	%%edx, %%edi\n"
		     "imul	%[area], %%rdx\n"
		     "movabs	%[top], %%rsp\n"
		     "add	%%rdx, %%rsp\n"
		     "call	hv_launch\n"
		     "ud2\n"
		     :: [lock] "i"(offsetof(struct hv, launch_lock)),
			[area] "i"(HV_CPU_AREA), [top] "i"(HV_CPUS + HV_CPU_AREA - 16),
			[rip] "i"(offsetof(struct hv_linux, rip)),
			[rsp] GPR(RSP), [rbx] GPR(RBX), [rbp] GPR(RBP), [r12] GPR(R12),
			[r13] GPR(R13), [r14] GPR(R14), [r15] GPR(R15));
}
