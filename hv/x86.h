/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processor: register bits, MSR numbers, and one inline function for each
 * instruction that C lacks. Sources: AMD APM volume 2, Intel SDM volumes 3 and 4.
 */
#ifndef HV_X86_H
#define HV_X86_H

#include <vbh/types.h>

#define BIT(n)			(1ull << (n))
#define PAGE_SIZE		4096ull
#define PAGE_SHIFT		12
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define __noreturn		__attribute__((noreturn))
#define __aligned(n)		__attribute__((aligned(n)))
#define __packed		__attribute__((packed))
#define __section(s)		__attribute__((section(s)))
#define __used			__attribute__((used))
#define __naked			__attribute__((naked))
#define __maybe_unused		__attribute__((unused))
#define unlikely(x)		__builtin_expect(!!(x), 0)

#define CR0_PE			BIT(0)
#define CR0_TS			BIT(3)
#define CR0_ET			BIT(4)
#define CR0_NE			BIT(5)
#define CR0_WP			BIT(16)
#define CR0_NW			BIT(29)
#define CR0_CD			BIT(30)
#define CR0_PG			BIT(31)

#define CR4_PAE			BIT(5)
#define CR4_MCE			BIT(6)
#define CR4_PGE			BIT(7)
#define CR4_OSFXSR		BIT(9)
#define CR4_LA57		BIT(12)
#define CR4_VMXE		BIT(13)
#define CR4_PCIDE		BIT(17)
#define CR4_OSXSAVE		BIT(18)
#define CR4_SMEP		BIT(20)
#define CR4_SMAP		BIT(21)
#define CR4_PKE			BIT(22)
#define CR4_CET			BIT(23)

#define EFER_LME		BIT(8)
#define EFER_LMA		BIT(10)
#define EFER_NXE		BIT(11)
#define EFER_SVME		BIT(12)

#define RFLAGS_FIXED		BIT(1)
#define RFLAGS_TF		BIT(8)
#define RFLAGS_RF		BIT(16)

#define DR6_INIT		0xffff0ff0ull
#define DR6_HITS		0xfull
#define DR6_BS			BIT(14)
#define DR7_INIT		0x400ull
#define DR7_ENABLED		0xffull		/* two bits each */

#define MSR_TSC			0x10
#define MSR_KVM_OLD_FIRST	0x11		/* wall clock, system time */
#define MSR_KVM_OLD_LAST	0x12
#define MSR_APIC_BASE		0x1b
#define MSR_FEATURE_CONTROL	0x3a
#define FEATURE_CONTROL_LOCK	BIT(0)
#define FEATURE_CONTROL_VMXON	BIT(2)		/* outside SMX; bit 1: inside */
#define FEATURE_CONTROL_VMX	(FEATURE_CONTROL_VMXON | BIT(1))
#define MSR_TSC_ADJUST		0x3b
#define MSR_MTRRCAP		0xfe
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
#define MSR_DEBUGCTL		0x1d9
#define DEBUGCTL_BTF		BIT(1)
#define MSR_MTRR_PHYSBASE0	0x200
#define MSR_MTRR_FIX64K		0x250
#define MSR_MTRR_FIX16K_80000	0x258
#define MSR_MTRR_FIX4K_C0000	0x268
#define MSR_MTRR_LAST		0x26f
#define MSR_PAT			0x277
#define PAT_RESERVED		0xf8f8f8f8f8f8f8f8ull	/* bits of each byte */
#define PAT_BIT1		0x0202020202020202ull
#define MSR_RTIT_CTL		0x570
#define RTIT_TRACE_EN		BIT(0)
#define MSR_DS_AREA		0x600
#define MSR_HW_FEEDBACK_PTR	0x17d0
#define MSR_MTRR_DEFTYPE	0x2ff
#define MTRR_DEFTYPE_ENABLE	BIT(11)
#define MSR_VMX_FIRST		0x480
#define MSR_VMX_LAST		0x493
#define MSR_X2APIC		0x800
#define MSR_X2APIC_ICR		0x830
#define MSR_SYNTHETIC_FIRST	0x40000000	/* Hyper-V's, Xen's, KVM's */
#define MSR_SYNTHETIC_LAST	0x4fffffff
#define MSR_KVM_FIRST		0x4b564d00
#define MSR_HYPERV_ICR		0x40000071
#define MSR_HYPERV_VP_ASSIST	0x40000073
#ifndef MSR_EFER
#define MSR_EFER		0xc0000080
#endif
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_TSC_RATIO		0xc0000104
#define MSR_AMD_SYSCFG		0xc0010010
#define MSR_AMD_PATCH_LOADER	0xc0010020
#define MSR_AMD_IORR_FIRST	0xc0010016
#define MSR_AMD_TOP_MEM		0xc001001a
#define MSR_AMD_TOP_MEM2	0xc001001d
#define MSR_AMD_MMIO_CONF	0xc0010058
#define MSR_AMD_SMM_BASE	0xc0010111
#define MSR_AMD_SMM_MASK	0xc0010113
#define MSR_VM_CR		0xc0010114
#define MSR_VM_SMM_CTL		0xc0010116
#define MSR_VM_HSAVE_PA		0xc0010117
#define MSR_SVM_KEY		0xc0010118

#define APIC_BASE_ENABLE	BIT(11)
#define APIC_BASE_X2APIC	BIT(10)

#define PF_PRESENT		BIT(0)
#define PF_WRITE		BIT(1)
#define PF_USER			BIT(2)

#define VECTOR_DB		1
#define VECTOR_NMI		2
#define VECTOR_UD		6
#define VECTOR_DF		8
#define VECTOR_GP		13
#define VECTOR_PF		14
#define VECTOR_MC		18
#define VECTOR_SX		30

/* Memory types, as MTRRs, PAT and EPT number them. */
#define MEM_UC			0
#define MEM_WC			1
#define MEM_WT			4
#define MEM_WP			5
#define MEM_WB			6

struct dt_reg {
	u16 limit;
	u64 base;
} __packed;

static inline void cpuid(u32 leaf, u32 sub, u32 regs[4])
{
	asm volatile("cpuid" : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
		     : "a"(leaf), "c"(sub));
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" :: "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

/*
 * The same where the processor may refuse: false on #GP. The table of such
 * places is walked by the trap handler.
 */
#define EXTABLE(from, to)						\
	".pushsection .extable, \"a\"\n\t.balign 8\n\t"			\
	".quad " #from ", " #to "\n\t.popsection\n\t"

static inline bool rdmsr_safe(u32 msr, u64 *value)
{
	u32 lo = 0, hi = 0, bad = 0;

	asm volatile("1: rdmsr\n2:\n"
		     ".subsection 1\n3: mov $1, %[bad]\n\tjmp 2b\n.previous\n"
		     EXTABLE(1b, 3b)
		     : "+a"(lo), "+d"(hi), [bad] "+r"(bad) : "c"(msr));
	*value = lo | (u64)hi << 32;
	return !bad;
}

static inline bool wrmsr_safe(u32 msr, u64 value)
{
	u32 bad = 0;

	asm volatile("1: wrmsr\n2:\n"
		     ".subsection 1\n3: mov $1, %[bad]\n\tjmp 2b\n.previous\n"
		     EXTABLE(1b, 3b)
		     : [bad] "+r"(bad)
		     : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
	return !bad;
}

static inline bool xsetbv_safe(u32 xcr, u64 value)
{
	u32 bad = 0;

	asm volatile("1: xsetbv\n2:\n"
		     ".subsection 1\n3: mov $1, %[bad]\n\tjmp 2b\n.previous\n"
		     EXTABLE(1b, 3b)
		     : [bad] "+r"(bad)
		     : "c"(xcr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
	return !bad;
}

#define READ_REG(name, insn)						\
static inline u64 name(void)						\
{									\
	u64 v;								\
									\
	asm volatile(insn ", %0" : "=r"(v) :: "memory");		\
	return v;							\
}

#define WRITE_REG(name, reg)						\
static inline void name(u64 v)						\
{									\
	asm volatile("mov %0, %%" reg :: "r"(v) : "memory");		\
}

READ_REG(read_cr0, "mov %%cr0")
READ_REG(read_cr2, "mov %%cr2")
READ_REG(read_cr3, "mov %%cr3")
READ_REG(read_cr4, "mov %%cr4")
READ_REG(read_dr0, "mov %%dr0")
READ_REG(read_dr1, "mov %%dr1")
READ_REG(read_dr2, "mov %%dr2")
READ_REG(read_dr3, "mov %%dr3")
READ_REG(read_dr7, "mov %%dr7")
READ_REG(read_rsp, "mov %%rsp")
WRITE_REG(write_cr0, "cr0")
WRITE_REG(write_cr2, "cr2")
WRITE_REG(write_cr3, "cr3")
WRITE_REG(write_cr4, "cr4")
WRITE_REG(write_dr6, "dr6")
WRITE_REG(write_dr7, "dr7")

#define READ_SEL(name, insn)						\
static inline u16 name(void)						\
{									\
	u16 v;								\
									\
	asm volatile(insn " %0" : "=rm"(v));				\
	return v;							\
}

READ_SEL(read_es, "mov %%es,")
READ_SEL(read_cs, "mov %%cs,")
READ_SEL(read_ss, "mov %%ss,")
READ_SEL(read_ds, "mov %%ds,")
READ_SEL(read_fs, "mov %%fs,")
READ_SEL(read_gs, "mov %%gs,")
READ_SEL(read_tr, "str")
READ_SEL(read_ldtr, "sldt")

static inline void sgdt(struct dt_reg *r)
{
	asm volatile("sgdt %0" : "=m"(*r));
}

static inline void sidt(struct dt_reg *r)
{
	asm volatile("sidt %0" : "=m"(*r));
}

static inline void lgdt(const struct dt_reg *r)
{
	asm volatile("lgdt %0" :: "m"(*r) : "memory");
}

static inline void lidt(const struct dt_reg *r)
{
	asm volatile("lidt %0" :: "m"(*r) : "memory");
}

static inline void ltr(u16 sel)
{
	asm volatile("ltr %0" :: "r"(sel) : "memory");
}

static inline void lldt(u16 sel)
{
	asm volatile("lldt %0" :: "r"(sel) : "memory");
}

static inline void invlpg(const void *p)
{
	asm volatile("invlpg (%0)" :: "r"(p) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
	return lo | (u64)hi << 32;
}

static inline void outb(u16 port, u8 v)
{
	asm volatile("outb %0, %1" :: "a"(v), "Nd"(port));
}

static inline void cpu_relax(void)
{
	asm volatile("pause" ::: "memory");
}

static inline void barrier(void)
{
	asm volatile("" ::: "memory");
}

/* Orders earlier stores before later loads. */
static inline void mb(void)
{
	asm volatile("lock; orl $0, (%%rsp)" ::: "memory", "cc");
}

static inline void hlt(void)
{
	asm volatile("hlt" ::: "memory");
}

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))

#endif
