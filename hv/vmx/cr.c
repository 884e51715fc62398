// SPDX-License-Identifier: GPL-2.0-only
/*
 * CR0, CR4 and EFER. The guest owns every bit that is neither pinned nor one
 * that VMX itself keeps (CR0.NE, CR4.VMXE). For the others it reads a shadow,
 * and its writes that differ from the shadow exit; an allowed one takes real
 * effect here, with all that a MOV would have done.
 */
#include "vmx.h"

#define CR0_CACHE		(CR0_CD | CR0_NW)
/* MOV to CR0 and CR4 drops cached translations when one of these changes. */
#define CR0_FLUSHING		(CR0_PG | CR0_WP)
#define CR4_FLUSHING		(CR4_PAE | CR4_PGE | BIT(4) | CR4_LA57 | CR4_PCIDE | CR4_SMEP | \
				 CR4_SMAP | CR4_PKE)
#define PDPTE_RESERVED		0x1e6ull

static const struct {
	u16 value, mask, shadow;
} fields[2] = {
	{ VMCS_GUEST_CR0, VMCS_CR0_MASK, VMCS_CR0_SHADOW },
	{ VMCS_GUEST_CR4, VMCS_CR4_MASK, VMCS_CR4_SHADOW },
};

u64 vmx_get_cr(u32 nr)
{
	u64 mask = vmread(fields[nr / 4].mask);

	return (vmread(fields[nr / 4].value) & ~mask) | (vmread(fields[nr / 4].shadow) & mask);
}

/* Take over the pinned bits, and PG, with which they come; what the guest reads stays the same. */
void vmx_mask_crs(void)
{
	u64 cr0 = vmx_get_cr(0), cr4 = vmx_get_cr(4);

	vmwrite(VMCS_CR0_MASK, CR0_NE | CR0_PG | READ_ONCE(hv.guest.pins.cr0_mask));
	vmwrite(VMCS_CR0_SHADOW, cr0);
	vmwrite(VMCS_CR4_MASK, CR4_VMXE | READ_ONCE(hv.guest.pins.cr4_mask));
	vmwrite(VMCS_CR4_SHADOW, cr4);
}

/* Pins are never taken back, and their number is stored after them: no lock is needed. */
void vmx_pins_changed(struct hv_cpu *cpu)
{
	const struct pin_table *pins = &hv.guest.pins;
	u32 i, n = __atomic_load_n(&pins->nr_msrs, __ATOMIC_ACQUIRE);

	vmx_mask_crs();
	if (READ_ONCE(pins->efer_mask))
		vmx_intercept_msr_write(MSR_EFER);
	for (i = 0; i < n; i++)
		vmx_intercept_msr_write(pins->msr[i].msr);
	if (READ_ONCE(pins->dtr_mask))
		vmwrite(VMCS_PROC_CTLS2, vmread(VMCS_PROC_CTLS2) | BIT(PROC2_DT_EXITING));
}

/*
 * PAE paging outside long mode: with EPT the four top entries stand in the
 * VMCS, and an entry checks them. One that MOV to CR would have refused is
 * loaded as not present.
 */
static void load_pdptes(void)
{
	u64 reserved = PDPTE_RESERVED | ~(BIT(hv.caps.phys_bits) - 1);
	u64 pdpte[4] = { 0 };
	u32 i;

	if (!(vmread(VMCS_GUEST_CR0) & CR0_PG) || !(vmread(VMCS_GUEST_CR4) & CR4_PAE) ||
	    (vmread(VMCS_GUEST_EFER) & EFER_LMA))
		return;
	if (host_read_gpa(&hv.guest, vmread(VMCS_GUEST_CR3) & 0xffffffe0, pdpte, sizeof(pdpte)))
		hv_log("PDPTEs can't be read, cr3", vmread(VMCS_GUEST_CR3), 0);
	for (i = 0; i < 4; i++)
		vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, pdpte[i] & reserved ? 0 : pdpte[i]);
}

/* LMA follows from the two bits that it is made of. */
static void update_lma(u64 cr0, u64 efer)
{
	u64 entry = vmread(VMCS_ENTRY_CTLS) & ~BIT(ENTRY_GUEST_64);

	efer &= ~EFER_LMA;
	if ((cr0 & CR0_PG) && (efer & EFER_LME)) {
		efer |= EFER_LMA;
		entry |= BIT(ENTRY_GUEST_64);
	}
	vmwrite(VMCS_ENTRY_CTLS, entry);
	vmwrite(VMCS_GUEST_EFER, efer);
}

void vmx_set_efer(u64 value)
{
	update_lma(vmread(VMCS_GUEST_CR0), value);
}

static void set_cr0(u64 value)
{
	/* Entries and exits leave these two alone: what we have the guest has. */
	if ((read_cr0() ^ value) & CR0_CACHE)
		write_cr0((read_cr0() & ~CR0_CACHE) | (value & CR0_CACHE));
	vmwrite(VMCS_GUEST_CR0, value | CR0_NE);
	vmwrite(VMCS_CR0_SHADOW, value);
	update_lma(value, vmread(VMCS_GUEST_EFER));
}

void vmx_set_cr(u32 nr, u64 value)
{
	u64 changed = vmx_get_cr(nr) ^ value;

	if (nr) {
		vmwrite(VMCS_GUEST_CR4, value | CR4_VMXE);
		vmwrite(VMCS_CR4_SHADOW, value & ~CR4_VMXE);
	} else {
		set_cr0(value);
	}
	load_pdptes();
	if (changed & (nr ? CR4_FLUSHING : CR0_FLUSHING))
		invept(vmx_eptp());
}
