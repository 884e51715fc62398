// SPDX-License-Identifier: GPL-2.0-only
/* What the core asks of a body (core/host.h), on bare metal. */
#include "pt.h"
#include "../core/string.h"

/*
 * Pages that are kept back: the last for what must not fail, some more for the
 * second stage.
 */
#define KEEP_STAGE2	64

u64 host_reg(struct vbh_vcpu *vcpu, enum vbh_reg reg)
{
	struct hv_cpu *cpu = vcpu_to_cpu(vcpu);

	return reg <= VBH_REG_R15 ? cpu->gpr[reg] : hv.vendor->get(cpu, reg);
}

void host_set_reg(struct vbh_vcpu *vcpu, enum vbh_reg reg, u64 value)
{
	struct hv_cpu *cpu = vcpu_to_cpu(vcpu);

	if (reg <= VBH_REG_R15)
		cpu->gpr[reg] = value;
	if (reg == VBH_REG_RSP || reg == VBH_REG_RIP || reg == VBH_REG_RFLAGS)
		hv.vendor->set(cpu, reg, value);
}

u64 host_msr(struct vbh_vcpu *vcpu, u32 msr)
{
	u64 value = 0;

	if (!hv.vendor->get_msr(vcpu_to_cpu(vcpu), msr, &value))
		rdmsr_safe(msr, &value);
	return value;
}

static bool in_chunk(u64 pa)
{
	u32 i;

	for (i = 0; i < hv.params.nr_chunks; i++)
		if (pa - hv.params.chunk[i] < VBH_CHUNK)
			return true;
	return false;
}

bool is_guest_ram(u64 pa)
{
	u32 i;

	pa &= PAGE_MASK;
	for (i = 0; i < hv.params.nr_ram; i++)
		if (pa >= hv.params.ram[i].start && pa + PAGE_SIZE <= hv.params.ram[i].end)
			return !in_chunk(pa) && !mm_donated(pa);
	return false;
}

/* Every page first, then the copy: nothing is done by half. */
static int check_range(u64 gpa, u32 len)
{
	u64 page;

	if (gpa + len < gpa)
		return -EFAULT;
	for (page = gpa & PAGE_MASK; page < gpa + len; page += PAGE_SIZE)
		if (!is_guest_ram(page))
			return -EFAULT;
	return 0;
}

static u32 in_page(u64 gpa, u32 len)
{
	u64 rest = PAGE_SIZE - (gpa & ~PAGE_MASK);

	return len < rest ? len : rest;
}

/* What lies on several pages, or on none: all of it is there, or nothing is done. */
static __attribute__((noinline)) int copy_pages(u64 gpa, u8 *buf, u32 len, bool write)
{
	u8 *at;
	u32 n;

	if (check_range(gpa, len))
		return -EFAULT;
	for (; len; gpa += n, buf += n, len -= n) {
		n = in_page(gpa, len);
		at = guest_look(this_cpu(), gpa);
		if (!at)
			return -EFAULT;
		memcpy(write ? at : buf, write ? buf : at, n);
	}
	return 0;
}

int host_read_gpa(struct vbh_guest *guest, u64 gpa, void *buf, u32 len)
{
	const void *from;

	if (unlikely(len - 1 >= PAGE_SIZE - gpa % PAGE_SIZE))
		return copy_pages(gpa, buf, len, false);
	from = guest_look(this_cpu(), gpa);
	if (!from)
		return -EFAULT;
	memcpy(buf, from, len);
	return 0;
}

int host_write_gpa(struct vbh_guest *guest, u64 gpa, const void *buf, u32 len)
{
	void *to;

	if (unlikely(len - 1 >= PAGE_SIZE - gpa % PAGE_SIZE))
		return copy_pages(gpa, (u8 *)buf, len, true);
	to = guest_look(this_cpu(), gpa);
	if (!to)
		return -EFAULT;
	memcpy(to, buf, len);
	return 0;
}

int host_translate(struct vbh_vcpu *vcpu, u64 cr3, u64 gva, u64 *gpa)
{
	return walk_guest(vcpu_to_cpu(vcpu), cr3, gva, gpa);
}

int host_stage2_update(struct vbh_guest *guest, u64 gpa, u64 len)
{
	int ret;

	pool_keep(guest->urgent ? 0 : KEEP_URGENT);
	ret = stage2_sync(gpa, gpa + len);
	pool_keep(0);
	return ret;
}

void host_flush(struct vbh_guest *guest)
{
	smp_flush();
}

/* What a guest hands over may be big; splitting tables of the second stage comes first. */
void *host_alloc_page(struct vbh_guest *guest)
{
	return guest->urgent || pool_pages_free() > KEEP_STAGE2 ? pool_page() : NULL;
}

int host_donate(struct vbh_guest *guest, u64 gpa, u64 len)
{
	int ret;

	/* Then an attacker could choose a page that is written. */
	if (guest->state != VBH_STATE_OPEN && !hv.known_below)
		return -EOPNOTSUPP;
	ret = mm_donate(gpa, len);
	if (!ret)
		pool_give((u8 *)HV_DIRECT + gpa, len, true);
	return ret;
}

u64 host_wanted(struct vbh_guest *guest)
{
	u64 pages = pool_pages_free();

	return pages < KEEP_STAGE2 ? (KEEP_STAGE2 - pages) * PAGE_SIZE : 0;
}

void *host_map_ring(struct vbh_guest *guest, u64 gpa)
{
	return is_guest_ram(gpa) ? window_map(this_cpu(), WINDOW_RING, gpa, false) : NULL;
}

void host_lock(struct vbh_guest *guest)
{
	spin_lock(&hv.guest_lock);
}

void host_unlock(struct vbh_guest *guest)
{
	spin_unlock(&hv.guest_lock);
}

/* Without what the guest has done to it: key tries are slowed by it, and events dated. */
u64 host_tsc(void)
{
	return rdtsc() - this_cpu()->tsc_moved;
}

u64 host_tsc_hz(struct vbh_guest *guest)
{
	return hv.params.tsc_hz;
}

void host_status(struct vbh_guest *guest, struct vbh_status *status)
{
	u32 i;

	status->memory = hv.params.nr_chunks * VBH_CHUNK + pool_donated();
	status->memory_free = pool_pages_free() * PAGE_SIZE;
	status->memory_donated = pool_donated();
	status->memory_kept = KEEP_STAGE2 * PAGE_SIZE;
	for (i = 0; hv.vendor->name[i] && i < sizeof(status->vendor) - 1; i++)
		status->vendor[i] = hv.vendor->name[i];
}

int host_stats(struct vbh_guest *guest, u32 cpu, struct vbh_stats *stats)
{
	if (cpu >= hv.params.cpus)
		return -ENOENT;
	memcpy(stats->exits, hv_cpu(cpu)->exits, sizeof(stats->exits));
	stats->flushes = hv_cpu(cpu)->flushes;
	stats->kicks = hv_cpu(cpu)->kicks;
	return 0;
}

/* Nobody is outside. */
void host_event(struct vbh_guest *guest, const struct vbh_event *ev)
{
}

void host_panic(struct vbh_guest *guest, const struct vbh_event *ev)
{
	hv_log("rule panic: kind, rip", ev->kind, ev->rip);
	smp_halt_others();
}
