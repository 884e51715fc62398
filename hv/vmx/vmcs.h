/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMCS and the capability MSRs: numbers from Intel SDM volume 3, appendices
 * A to C, as far as VBH uses them, and the instructions that reach a VMCS.
 */
#ifndef HV_VMX_VMCS_H
#define HV_VMX_VMCS_H

#include "../x86.h"

/* Appendix B. Segment fields: + 2 * enum hv_seg. */
enum vmcs_field {
	VMCS_VPID			= 0x0000,
	VMCS_GUEST_SEL			= 0x0800,
	VMCS_HOST_ES			= 0x0c00,
	VMCS_HOST_CS			= 0x0c02,
	VMCS_HOST_SS			= 0x0c04,
	VMCS_HOST_DS			= 0x0c06,
	VMCS_HOST_FS			= 0x0c08,
	VMCS_HOST_GS			= 0x0c0a,
	VMCS_HOST_TR			= 0x0c0c,

	VMCS_MSR_BITMAP			= 0x2004,
	VMCS_EXIT_MSR_STORE		= 0x2006,
	VMCS_EXIT_MSR_LOAD		= 0x2008,
	VMCS_ENTRY_MSR_LOAD		= 0x200a,
	VMCS_EPT_POINTER		= 0x201a,
	VMCS_XSS_BITMAP			= 0x202c,
	VMCS_PCONFIG_BITMAP		= 0x203e,
	VMCS_GUEST_PHYSICAL		= 0x2400,
	VMCS_LINK_POINTER		= 0x2800,
	VMCS_GUEST_DEBUGCTL		= 0x2802,
	VMCS_GUEST_PAT			= 0x2804,
	VMCS_GUEST_EFER			= 0x2806,
	VMCS_GUEST_PDPTE0		= 0x280a,
	VMCS_GUEST_RTIT_CTL		= 0x2814,
	VMCS_HOST_PAT			= 0x2c00,
	VMCS_HOST_EFER			= 0x2c02,
	VMCS_HOST_PERF_GLOBAL		= 0x2c04,

	VMCS_PIN_CTLS			= 0x4000,
	VMCS_PROC_CTLS			= 0x4002,
	VMCS_EXCEPTION_BITMAP		= 0x4004,
	VMCS_PF_ERROR_MASK		= 0x4006,
	VMCS_PF_ERROR_MATCH		= 0x4008,
	VMCS_CR3_TARGETS		= 0x400a,
	VMCS_EXIT_CTLS			= 0x400c,
	VMCS_EXIT_MSR_STORE_COUNT	= 0x400e,
	VMCS_EXIT_MSR_LOAD_COUNT	= 0x4010,
	VMCS_ENTRY_CTLS			= 0x4012,
	VMCS_ENTRY_MSR_LOAD_COUNT	= 0x4014,
	VMCS_ENTRY_EVENT		= 0x4016,
	VMCS_ENTRY_ERROR_CODE		= 0x4018,
	VMCS_ENTRY_INSN_LEN		= 0x401a,
	VMCS_PROC_CTLS2			= 0x401e,
	VMCS_INSN_ERROR			= 0x4400,
	VMCS_EXIT_REASON		= 0x4402,
	VMCS_EXIT_EVENT			= 0x4404,
	VMCS_VECTORING			= 0x4408,
	VMCS_VECTORING_ERROR_CODE	= 0x440a,
	VMCS_EXIT_INSN_LEN		= 0x440c,
	VMCS_GUEST_LIMIT		= 0x4800,
	VMCS_GUEST_GDTR_LIMIT		= 0x4810,
	VMCS_GUEST_IDTR_LIMIT		= 0x4812,
	VMCS_GUEST_AR			= 0x4814,
	VMCS_GUEST_SHADOW		= 0x4824,	/* interruptibility state */
	VMCS_GUEST_ACTIVITY		= 0x4826,
	VMCS_GUEST_SYSENTER_CS		= 0x482a,
	VMCS_HOST_SYSENTER_CS		= 0x4c00,

	VMCS_CR0_MASK			= 0x6000,
	VMCS_CR4_MASK			= 0x6002,
	VMCS_CR0_SHADOW			= 0x6004,
	VMCS_CR4_SHADOW			= 0x6006,
	VMCS_QUALIFICATION		= 0x6400,
	VMCS_GUEST_LINEAR		= 0x640a,
	VMCS_GUEST_CR0			= 0x6800,
	VMCS_GUEST_CR3			= 0x6802,
	VMCS_GUEST_CR4			= 0x6804,
	VMCS_GUEST_BASE			= 0x6806,
	VMCS_GUEST_GDTR_BASE		= 0x6816,
	VMCS_GUEST_IDTR_BASE		= 0x6818,
	VMCS_GUEST_DR7			= 0x681a,
	VMCS_GUEST_RSP			= 0x681c,
	VMCS_GUEST_RIP			= 0x681e,
	VMCS_GUEST_RFLAGS		= 0x6820,
	VMCS_GUEST_PENDING_DB		= 0x6822,
	VMCS_GUEST_SYSENTER_ESP		= 0x6824,
	VMCS_GUEST_SYSENTER_EIP		= 0x6826,
	VMCS_HOST_CR0			= 0x6c00,
	VMCS_HOST_CR3			= 0x6c02,
	VMCS_HOST_CR4			= 0x6c04,
	VMCS_HOST_FS_BASE		= 0x6c06,
	VMCS_HOST_GS_BASE		= 0x6c08,
	VMCS_HOST_TR_BASE		= 0x6c0a,
	VMCS_HOST_GDTR_BASE		= 0x6c0c,
	VMCS_HOST_IDTR_BASE		= 0x6c0e,
	VMCS_HOST_SYSENTER_ESP		= 0x6c10,
	VMCS_HOST_SYSENTER_EIP		= 0x6c12,
	VMCS_HOST_RSP			= 0x6c14,
	VMCS_HOST_RIP			= 0x6c16,
};

/* Controls, by bit number (24.6 to 24.8). */
#define PIN_NMI_EXITING			3
#define PIN_VIRTUAL_NMIS		5
#define PROC_INTR_WINDOW		2
#define PROC_CR3_LOAD			15
#define PROC_CR3_STORE			16
#define PROC_NMI_WINDOW			22
#define PROC_MSR_BITMAPS		28
#define PROC_SECONDARY			31
#define PROC2_EPT			1
#define PROC2_DT_EXITING		2
#define PROC2_RDTSCP			3
#define PROC2_VPID			5
#define PROC2_UNRESTRICTED		7
#define PROC2_INVPCID			12
#define PROC2_XSAVES			20
#define PROC2_MBEC			22
#define PROC2_PT_GPA			24
#define PROC2_WAITPKG			26
#define PROC2_PCONFIG			27
#define EXIT_SAVE_DEBUG			2
#define EXIT_HOST_64			9
#define EXIT_LOAD_PERF			12
#define EXIT_SAVE_PAT			18
#define EXIT_LOAD_PAT			19
#define EXIT_SAVE_EFER			20
#define EXIT_LOAD_EFER			21
#define EXIT_CLEAR_RTIT			25
#define ENTRY_LOAD_DEBUG		2
#define ENTRY_GUEST_64			9
#define ENTRY_LOAD_PAT			14
#define ENTRY_LOAD_EFER			15
#define ENTRY_LOAD_RTIT			18

/* Capability MSRs (appendix A). */
#define MSR_VMX_BASIC			0x480
#define MSR_VMX_MISC			0x485
#define MSR_VMX_PROCBASED_CTLS2		0x48b
#define MSR_VMX_EPT_VPID_CAP		0x48c
#define MSR_VMX_TRUE_PINBASED		0x48d
#define MSR_VMX_TRUE_PROCBASED		0x48e
#define MSR_VMX_TRUE_EXIT		0x48f
#define MSR_VMX_TRUE_ENTRY		0x490

#define VMX_BASIC_REVISION		0x7fffffffu
#define VMX_BASIC_TRUE			BIT(55)
#define VMX_MISC_WAIT_FOR_SIPI		BIT(8)
#define VMX_MISC_PT			BIT(14)
#define EPT_CAP_EXEC_ONLY		BIT(0)
#define EPT_CAP_WALK5			BIT(7)
#define EPT_CAP_1G			BIT(17)
#define EPTP_WB				6

/* Other MSRs that only this backend touches. */
#define MSR_PERF_GLOBAL_CTRL		0x38f

/* Basic exit reasons (appendix C). */
#define REASON_FAILED			BIT(31)
#define REASON_EXCEPTION_NMI		0
#define REASON_TRIPLE_FAULT		2
#define REASON_INIT			3
#define REASON_SIPI			4
#define REASON_INTR_WINDOW		7
#define REASON_NMI_WINDOW		8
#define REASON_TASK_SWITCH		9
#define REASON_CPUID			10
#define REASON_GETSEC			11
#define REASON_INVD			13
#define REASON_VMCALL			18
#define REASON_VMCLEAR			19
#define REASON_VMXON			27
#define REASON_CR			28
#define REASON_RDMSR			31
#define REASON_WRMSR			32
#define REASON_GDTR_IDTR		46
#define REASON_LDTR_TR			47
#define REASON_EPT_VIOLATION		48
#define REASON_INVEPT			50
#define REASON_INVVPID			53
#define REASON_XSETBV			55
#define REASON_VMFUNC			59
#define REASON_SEAMCALL			76
#define REASON_TDCALL			77

/* Qualification of a CR access (table 27-3). */
#define CR_QUAL_NR(q)			((q) & 15)
#define CR_QUAL_TYPE(q)			((q) >> 4 & 3)
#define CR_QUAL_REG(q)			((q) >> 8 & 15)
#define CR_QUAL_LMSW(q)			((q) >> 16 & 0xffff)
#define CR_TYPE_MOV_TO			0
#define CR_TYPE_CLTS			2
#define CR_TYPE_LMSW			3

/* Qualification of an EPT violation (table 27-7). */
#define EPT_QUAL_READ			BIT(0)
#define EPT_QUAL_WRITE			BIT(1)
#define EPT_QUAL_FETCH			BIT(2)
#define EPT_QUAL_R			BIT(3)
#define EPT_QUAL_W			BIT(4)
#define EPT_QUAL_X			BIT(5)
#define EPT_QUAL_XU			BIT(6)
#define EPT_QUAL_GLA			BIT(7)
#define EPT_QUAL_FINAL			BIT(8)	/* not by the walk */
#define EPT_QUAL_IRET_NMI		BIT(12)

/* Event fields, the same for entry, exit and IDT vectoring (24.8.3, 24.9). */
#define EVENT_VALID			BIT(31)
#define EVENT_ERROR			BIT(11)
#define EVENT_TYPE(e)			((e) >> 8 & 7)
#define EVENT_INTR			0
#define EVENT_NMI			2
#define EVENT_EXCEPTION			3
#define EVENT_SOFT_INT			4
#define EVENT_PRIV_EXC			5	/* ICEBP */
#define EVENT_SOFT_EXC			6

/* Interruptibility and activity state. */
#define SHADOW_STI			BIT(0)
#define SHADOW_MOV_SS			BIT(1)
#define SHADOW_NMI			BIT(3)
#define ACTIVITY_ACTIVE			0
#define ACTIVITY_WAIT_FOR_SIPI		3
#define PENDING_DB_BS			BIT(14)
#define PENDING_DB_ENABLED		BIT(12)		/* of a breakpoint that is enabled */

#define AR_UNUSABLE			BIT(16)

/* A row of a VM-exit or VM-entry MSR area. */
struct vmx_msr_entry {
	u32 index, reserved;
	u64 value;
} __aligned(16);

void vmx_write_failed(u64 field) __noreturn;

static inline u64 vmread(u64 field)
{
	u64 v;

	asm volatile("vmread %1, %0" : "=r"(v) : "r"(field) : "cc");
	return v;
}

static inline void vmwrite(u64 field, u64 v)
{
	asm goto("vmwrite %1, %0\n\tjna %l[failed]" :: "r"(field), "rm"(v) : "cc", "memory"
		 : failed);
	return;
failed:
	vmx_write_failed(field);
}

/* The instructions that take a physical address in memory. False: VMfail. */
#define VMX_POINTER_INSN(insn)						\
static inline bool insn(u64 pa)						\
{									\
	bool ok;							\
									\
	asm volatile(#insn " %1" : "=@cca"(ok) : "m"(pa) : "memory");	\
	return ok;							\
}

VMX_POINTER_INSN(vmxon)
VMX_POINTER_INSN(vmclear)
VMX_POINTER_INSN(vmptrld)

static inline void vmxoff(void)
{
	asm volatile("vmxoff" ::: "cc", "memory");
}

/* Single-context: all that was cached of the tables at eptp, for every VPID. */
static inline void invept(u64 eptp)
{
	struct {
		u64 eptp, reserved;
	} desc = { eptp, 0 };

	asm volatile("invept %0, %1" :: "m"(desc), "r"(1ul) : "cc", "memory");
}

#endif
