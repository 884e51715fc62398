// SPDX-License-Identifier: GPL-2.0-only
/*
 * NMIs `hz` times a second, from an I/O APIC's pin: no instruction of the kernel or
 * of the hypervisor is safe from one. The timer behind the pin is the PIT, which
 * nobody else uses once each CPU has its own (hpet=disable on the kernel's command
 * line, or the HPET takes the pin). The NMIs are taken here; /proc/interrupts counts
 * them.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/i8253.h>
#include <linux/module.h>
#include <asm/nmi.h>
#include <asm/smp.h>

#define IOAPIC		0xfec00000ul
#define PIN		2	/* ISA's interrupt 0, as every PC has it */
#define RTE_NMI		0x400u	/* physical destination, edge, not masked */
#define RTE_ALL		0xff000000u

static unsigned int hz = 2000;
module_param(hz, uint, 0444);
MODULE_PARM_DESC(hz, "NMIs a second, 20 to 100000");

static bool all = true;
module_param(all, bool, 0444);
MODULE_PARM_DESC(all, "to every CPU, and not to CPU 0 alone");

static void __iomem *ioapic;
static u32 before[2];

static u32 ioapic_read(u32 reg)
{
	writel(reg, ioapic);
	return readl(ioapic + 0x10);
}

static void ioapic_write(u32 reg, u32 value)
{
	writel(reg, ioapic);
	writel(value, ioapic + 0x10);
}

/* The rate generator: period in ticks of the PIT. */
static void pit(u32 period)
{
	raw_spin_lock_irq(&i8253_lock);
	outb(0x34, PIT_MODE);
	outb(period & 0xff, PIT_CH0);
	outb(period >> 8, PIT_CH0);
	raw_spin_unlock_irq(&i8253_lock);
}

static int taken(unsigned int type, struct pt_regs *regs)
{
	return NMI_HANDLED;
}

static int __init storm_init(void)
{
	int err;

	if (hz < 20 || hz > 100000) {
		pr_err("vbh_storm: hz=%u is not 20 to 100000\n", hz);
		return -EINVAL;
	}
	ioapic = ioremap(IOAPIC, PAGE_SIZE);
	if (!ioapic)
		return -ENOMEM;
	err = register_nmi_handler(NMI_LOCAL, taken, 0, "vbh_storm");
	if (err) {
		iounmap(ioapic);
		return err;
	}
	before[0] = ioapic_read(0x10 + 2 * PIN);
	before[1] = ioapic_read(0x11 + 2 * PIN);
	pit(PIT_TICK_RATE / hz);
	ioapic_write(0x11 + 2 * PIN, all ? RTE_ALL : cpu_physical_id(0) << 24);
	ioapic_write(0x10 + 2 * PIN, RTE_NMI);
	return 0;
}

static void __exit storm_exit(void)
{
	ioapic_write(0x10 + 2 * PIN, before[0]);
	ioapic_write(0x11 + 2 * PIN, before[1]);
	msleep(20);	/* the last ones are still on their way */
	unregister_nmi_handler(NMI_LOCAL, "vbh_storm");
	iounmap(ioapic);
}

module_init(storm_init);
module_exit(storm_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("NMIs on every CPU; for tests only");
