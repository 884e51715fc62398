// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether this machine may be put under the image, said in words where not,
 * and what the image has to know of it: RAM, CPUs, the TSC. What the processor
 * must be able to do, the image checks itself.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/acpi.h>
#include <linux/cc_platform.h>
#include <linux/crash_dump.h>
#include <linux/efi.h>
#include <linux/ioport.h>
#include <linux/memory.h>
#include <linux/pfn.h>
#include <linux/smp.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/smp.h>
#include <asm/tsc.h>
#include "shape.h"
#include "stub.h"
#include "vbh.h"

static_assert(VBH_STUB_HC_STOP == VBH_HC_STOP);

static bool trap_icr;
module_param(trap_icr, bool, 0444);
MODULE_PARM_DESC(trap_icr,
		 "Trap the sender of an INIT even where the receiver could exit");

/* What the image has been told is RAM; nr is 0 while there is none. */
static struct {
	u32 nr;
	struct {
		u64 start, end;
	} range[VBH_MAX_RAM];
} known;

static_assert(sizeof(known.range) == sizeof_field(struct vbh_launch, ram));

/*
 * A KVM that is loaded but idle would set CR4.VMXE or EFER.SVME with its next
 * virtual machine, in a way that treats a fault as a bug.
 */
const char *machine_kvm_name(const struct module *mod)
{
	static const char * const names[] = { "kvm_intel", "kvm_amd" };
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(mod->name, names[i]))
			return names[i];
	return NULL;
}

static const char *kvm_loaded(void)
{
	const char *found = NULL;
	struct module *mod;

	facts_lock_modules();
	list_for_each_entry(mod, facts_modules(), list) {
		found = machine_kvm_name(mod);
		if (found)
			break;
	}
	facts_unlock_modules();
	return found;
}

const char *machine_cpu_busy(void)
{
	u64 efer;

	if (native_read_cr4() & X86_CR4_VMXE)
		return "VMX is in use (CR4.VMXE is set)";
	if (!rdmsrl_safe(MSR_EFER, &efer) && (efer & EFER_SVME))
		return "SVM is in use (EFER.SVME is set)";
	return NULL;
}

int machine_check(struct vbh_why *why)
{
	const char *kvm;

	if (boot_cpu_has(X86_FEATURE_XENPV))
		return vbh_fail(why, -ENODEV, "this is a Xen PV guest");
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return vbh_fail(why, -EOPNOTSUPP,
				"memory encryption (SME, SEV or TDX) is active: boot with mem_encrypt=off");
	/* They return through code among the kernel's constants (efi_thunk_64.S). */
	if (efi_enabled(EFI_RUNTIME_SERVICES) && !efi_enabled(EFI_64BIT))
		return vbh_fail(why, -EOPNOTSUPP,
				"this machine's firmware has 32 bits: boot with efi=noruntime");
	if (is_kdump_kernel())
		return vbh_fail(why, -EOPNOTSUPP,
				"this is a kdump kernel, which does not know all RAM");
	if (num_present_cpus() > VBH_MAX_CPUS)
		return vbh_fail(why, -E2BIG, "there are %u CPUs, at most %u can be",
				num_present_cpus(), VBH_MAX_CPUS);
	kvm = kvm_loaded();
	if (kvm)
		return vbh_fail(why, -EBUSY,
				"module %s is loaded: unload it first (modprobe -r %s)",
				kvm, kvm);
	return 0;
}

/* The ends are cut to whole pages; neighbours become one range. */
static int add_ram(struct resource *res, void *data)
{
	struct vbh_launch *params = data;
	u64 start = PAGE_ALIGN(res->start);
	u64 end = (res->end + 1) & PAGE_MASK;

	if (start >= end)
		return 0;
	if (params->nr_ram && params->ram[params->nr_ram - 1].end == start) {
		params->ram[params->nr_ram - 1].end = end;
		return 0;
	}
	if (params->nr_ram == VBH_MAX_RAM)
		return -E2BIG;
	params->ram[params->nr_ram].start = start;
	params->ram[params->nr_ram].end = end;
	params->nr_ram++;
	return 0;
}

static bool is_described(const struct vbh_launch *params, u32 apic_id)
{
	u32 i;

	for (i = 0; i < params->cpus; i++)
		if (params->apic_id[i] == apic_id)
			return true;
	return false;
}

/* The ID of a processor that is there by its entry in the MADT; false: it is another entry. */
static bool madt_cpu(const struct acpi_subtable_header *entry, u32 *id)
{
	const struct acpi_madt_local_x2apic *x2apic = (const void *)entry;
	const struct acpi_madt_local_apic *xapic = (const void *)entry;

	if (entry->type == ACPI_MADT_TYPE_LOCAL_APIC && entry->length >= sizeof(*xapic)) {
		*id = xapic->id;
		return (xapic->lapic_flags & ACPI_MADT_ENABLED) && *id != 0xff;
	}
	if (entry->type == ACPI_MADT_TYPE_LOCAL_X2APIC && entry->length >= sizeof(*x2apic)) {
		*id = x2apic->local_apic_id;
		return (x2apic->lapic_flags & ACPI_MADT_ENABLED) && *id != ~0u;
	}
	return false;
}

/*
 * Is every processor that firmware names one that params describe? Linux leaves out
 * those beyond nr_cpus=; they wait for a SIPI still, and whoever sends them one has a
 * processor that is not in guest mode.
 */
static bool all_described(const struct vbh_launch *params)
{
	const struct acpi_subtable_header *entry;
	struct acpi_table_header *madt;
	const void *at, *end;
	bool all = true;
	u32 id;

	if (ACPI_FAILURE(acpi_get_table(ACPI_SIG_MADT, 0, &madt)))
		return false;
	at = (void *)madt + sizeof(struct acpi_table_madt);
	end = (void *)madt + madt->length;
	for (; at < end; at += entry->length) {
		entry = at;
		if (end - at < sizeof(*entry) || entry->length < sizeof(*entry) ||
		    entry->length > end - at)
			break;
		if (madt_cpu(entry, &id) && !is_described(params, id))
			all = false;
	}
	acpi_put_table(madt);
	return all;
}

/*
 * What CPUID does not show under VBH, Linux strikes out for good when a CPU comes
 * online there. KVM wants it back after a stop.
 */
static u32 caps[NCAPINTS];

static void keep_caps(void)
{
	static const u16 hidden[] = {
		X86_FEATURE_VMX, X86_FEATURE_SMX, X86_FEATURE_SVM, X86_FEATURE_SKINIT,
	};
	int i;

	memset(caps, 0, sizeof(caps));
	for (i = 0; i < ARRAY_SIZE(hidden); i++)
		if (boot_cpu_has(hidden[i]))
			caps[hidden[i] / 32] |= BIT(hidden[i] % 32);
	caps[CPUID_8000_000A_EDX] = boot_cpu_data.x86_capability[CPUID_8000_000A_EDX];
}

static void restore_caps(void)
{
	unsigned int cpu;
	int i;

	for (i = 0; i < NCAPINTS; i++) {
		boot_cpu_data.x86_capability[i] |= caps[i];
		for_each_online_cpu(cpu)
			cpu_data(cpu).x86_capability[i] |= caps[i];
	}
}

int machine_describe(struct vbh_launch *params, const struct cpumask *mask,
		     struct vbh_why *why)
{
	unsigned int cpu;
	int err;

	keep_caps();
	params->size = sizeof(*params);
	params->flags = trap_icr ? VBH_LAUNCH_F_TRAP_ICR : 0;
	params->sipi_page = facts_sipi_page();
	params->phys_bits = boot_cpu_data.x86_phys_bits;
	params->tsc_hz = (u64)tsc_khz * 1000;
	if (!params->tsc_hz)
		return vbh_fail(why, -ENODEV, "the frequency of the TSC is not known");

	/* One that waits in Linux's own code and tables would be out of reach, and can be woken. */
	for_each_cpu_andnot(cpu, cpu_present_mask, mask)
		return vbh_fail(why, -EBUSY, "CPU %u has just gone offline: try again", cpu);
	for_each_cpu(cpu, mask) {
		if (params->cpus == VBH_MAX_CPUS)
			return vbh_fail(why, -E2BIG, "more than %u CPUs",
					VBH_MAX_CPUS);
		params->apic_id[params->cpus++] =
			per_cpu(x86_cpu_to_apicid, cpu);
	}
	if (!all_described(params)) {
		pr_info("firmware names processors that Linux leaves out (nr_cpus=): nobody can start them\n");
		params->flags |= VBH_LAUNCH_F_TRAP_ICR;
	}

	/* Goes by address, and over what is nested in a range only once. */
	err = walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM |
				  IORESOURCE_BUSY, 0, -1, params, add_ram);
	if (err || !params->nr_ram)
		return vbh_fail(why, err ?: -ENODEV,
				"RAM is in more than %u ranges, or in none",
				VBH_MAX_RAM);
	memcpy(known.range, params->ram, sizeof(known.range));
	WRITE_ONCE(known.nr, params->nr_ram);
	return 0;
}

void machine_forget(void)
{
	restore_caps();
	WRITE_ONCE(known.nr, 0);
}

/* A block may have holes that are no RAM. */
static bool is_known(u64 start, u64 end)
{
	u32 i, nr = READ_ONCE(known.nr);

	for (i = 0; i < nr; i++)
		if (start < known.range[i].end && end > known.range[i].start)
			return true;
	return !nr;
}

/*
 * The image looks into nothing but RAM, and what came later it takes for a
 * device's: it would deny the kernel its own patches there.
 */
static int memory_event(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct memory_notify *block = data;
	u64 start = PFN_PHYS(block->start_pfn);
	u64 end = start + PFN_PHYS(block->nr_pages);

	if (event != MEM_GOING_ONLINE || is_known(start, end))
		return NOTIFY_OK;
	pr_warn("memory at 0x%llx came after VBH started, it can't come online\n", start);
	return notifier_from_errno(-EPERM);
}

static struct notifier_block memory_notifier = { .notifier_call = memory_event };

int machine_init(void)
{
	return register_memory_notifier(&memory_notifier);
}

void machine_exit(void)
{
	unregister_memory_notifier(&memory_notifier);
}
