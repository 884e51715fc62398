// SPDX-License-Identifier: GPL-2.0-only
/* The VMX backend as hv/ sees it. */
#include "vmx.h"

/* The interrupt shadow of STI covers one instruction. */
static void open_interrupts(void)
{
	asm volatile("sti\n\tnop\n\tnop\n\tcli" ::: "memory");
}

const struct hv_vendor vmx_vendor = {
	.name = "vmx",
	.s2 = &vmx_ept,
	.probe = vmx_probe,
	.init = vmx_init,
	.cpu_on = vmx_cpu_on,
	.cpu_off = vmx_cpu_off,
	.run = vmx_run,
	.decode = vmx_decode,
	.get = vmx_get,
	.set = vmx_set,
	.get_msr = vmx_get_msr,
	.set_msr = vmx_set_msr,
	.get_dt = vmx_get_dt,
	.set_dt = vmx_set_dt,
	.set_seg = vmx_set_seg,
	.end_shadow = vmx_end_shadow,
	.pend_debug = vmx_pend_debug,
	.dr7 = vmx_dr7,
	.inject = vmx_inject,
	.nmi_ready = vmx_nmi_ready,
	.nmi_window = vmx_nmi_window,
	.flush = vmx_flush,
	.intercept_msr_write = vmx_intercept_msr_write,
	.pins_changed = vmx_pins_changed,
	.open_interrupts = open_interrupts,
	.wait_sipi = vmx_wait_sipi,
	.reset = vmx_reset,
	.start = vmx_start,
};

/* Every field that is written exists on every processor that passed the probe. */
void vmx_write_failed(u64 field)
{
	hv_bug("VMCS field, VM-instruction error", field, vmread(VMCS_INSN_ERROR));
}
