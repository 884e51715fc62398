// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor's own address space: the image with the rights of its parts,
 * its other chunks, a stack for each CPU with nothing below it, and a few
 * windows for each CPU through which it looks at the guest's memory. Nothing of
 * the guest is mapped but what a window shows at the moment.
 */
#include "pt.h"

static struct pt tables = { .format = &pt_host, .max_leaf = 1 };

/* The entries of each CPU's windows, side by side in one table. */
static u64 *windows[VBH_MAX_CPUS];
static u64 window_uncached;

static int map(u64 va, u64 pa, u8 level, u32 rights)
{
	u64 *slot = pt_slot(&tables, va, &level, true);

	if (!slot)
		return -ENOMEM;
	*slot = pt_leaf(&tables, pa, level, rights, MEM_WB);
	return 0;
}

static u32 image_rights(u64 va)
{
	if (va < (u64)hv_rodata_start)
		return VBH_R | VBH_X;
	if (va < (u64)hv_data_start)
		return VBH_R;
	return VBH_R | VBH_W;
}

static int map_chunks(void)
{
	u64 va;
	u32 i;
	int ret;

	for (va = HV_CHUNKS; va < HV_CHUNKS + VBH_CHUNK; va += PAGE_SIZE) {
		ret = map(va, hv_pa((void *)va), 0, image_rights(va));
		if (ret)
			return ret;
	}
	for (i = 1; i < hv.params.nr_chunks; i++) {
		ret = map(HV_CHUNKS + i * VBH_CHUNK, hv.params.chunk[i], 1, VBH_R | VBH_W);
		if (ret)
			return ret;
	}
	return 0;
}

static int map_pages(u64 va, u32 pages)
{
	for (; pages; pages--, va += PAGE_SIZE) {
		void *page = pool_page();

		if (!page || map(va, hv_pa(page), 0, VBH_R | VBH_W))
			return -ENOMEM;
	}
	return 0;
}

static u64 window_va(u32 cpu, enum hv_window slot)
{
	return HV_WINDOWS + (cpu * HV_WINDOW_SLOTS + slot) * PAGE_SIZE;
}

static int map_cpu(u32 i)
{
	u64 area = HV_CPUS + i * HV_CPU_AREA;
	u8 level = 0;
	int ret;

	ret = map_pages(area, HV_CPU_PAGES);
	if (!ret)
		ret = map_pages(area + HV_CPU_AREA - HV_STACK_PAGES * PAGE_SIZE, HV_STACK_PAGES);
	/* The windows' tables have to be there; what they show is set when it is needed. */
	if (ret)
		return ret;
	windows[i] = pt_slot(&tables, window_va(i, 0), &level, true);
	return windows[i] ? 0 : -ENOMEM;
}

int mm_init(void)
{
	u32 i;
	int ret;

	hv.window_bits = pt_leaf(&tables, 0, 0, VBH_R | VBH_W, MEM_WB);
	window_uncached = pt_leaf(&tables, 0, 0, VBH_R | VBH_W, MEM_UC);
	tables.levels = hv.la57 ? 5 : 4;
	tables.root = pool_page();
	if (!tables.root)
		return -ENOMEM;
	ret = map_chunks();
	for (i = 0; !ret && i < hv.params.cpus; i++)
		ret = map_cpu(i);
	hv.cr3 = hv_pa(tables.root);
	return ret;
}

/* Without a lock: an entry that is there stays. */
bool mm_donated(u64 pa)
{
	u8 level = 0;

	return READ_ONCE(*pt_slot(&tables, HV_DIRECT + pa, &level, false)) & tables.format->present;
}

/* Take what is ours from now on out of every window. */
static void close_windows(u64 pa, u64 len)
{
	u32 cpu, slot;

	for (cpu = 0; cpu < hv.params.cpus; cpu++)
		for (slot = WINDOW_LOOK; slot < HV_WINDOW_SLOTS; slot++)
			if ((windows[cpu][slot] & PT_ADDR) - pa < len)
				WRITE_ONCE(windows[cpu][slot], 0);
}

int mm_donate(u64 pa, u64 len)
{
	u8 level = (pa | len) & (PT_SIZE(1) - 1) ? 0 : 1;
	u64 at;

	/* A table for each level below the top is enough, for it lies in one block. */
	if (pa + len > BIT(hv.la57 ? 52 : 46) || pool_pages_free() < tables.levels)
		return -ENOSPC;
	for (at = pa; at < pa + len; at += PT_SIZE(level))
		if (map(HV_DIRECT + at, at, level, VBH_R | VBH_W))
			return -ENOSPC;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);	/* see guest_look() */
	close_windows(pa, len);
	return 0;
}

void window_init(struct hv_cpu *cpu)
{
	cpu->look = windows[cpu->index] + WINDOW_LOOK;
	cpu->look_va = window_va(cpu->index, WINDOW_LOOK);
}

__attribute__((noinline))
void *window_map(struct hv_cpu *cpu, enum hv_window slot, u64 pa, bool uncached)
{
	u64 va = window_va(cpu->index, slot);
	u64 *pte = windows[cpu->index] + slot;
	u64 entry = (pa & PAGE_MASK) | (uncached ? window_uncached : hv.window_bits);

	if (*pte != entry) {
		WRITE_ONCE(*pte, entry);
		invlpg((void *)va);
	}
	return (void *)(va + (pa & ~PAGE_MASK));
}

__attribute__((noinline)) void *guest_look_anew(struct hv_cpu *cpu, u64 gpa)
{
	enum hv_window slot = WINDOW_LOOK + gpa / PAGE_SIZE % HV_LOOK_SLOTS;

	if (!is_guest_ram(gpa))
		return NULL;
	/*
	 * It may be donated meanwhile. INVLPG serialises: either it is seen here that
	 * it was, or who takes it sees the window.
	 */
	window_map(cpu, slot, gpa, false);
	if (!mm_donated(gpa & PAGE_MASK))
		return (void *)(window_va(cpu->index, slot) + (gpa & ~PAGE_MASK));
	WRITE_ONCE(windows[cpu->index][slot], 0);
	return NULL;
}

/*
 * Tables with which the processor can go back to Linux: the kernel half of
 * those at the guest's cr3, and our own slot. The same page for every CPU:
 * what two CPUs would write there is the same. At an even page, because under
 * PTI Linux's NMI entry takes bit 12 of CR3 for the user's tables.
 */
u64 mm_exit_tables(struct hv_cpu *cpu, u64 cr3)
{
	static u64 exit_top[512] __aligned(8192);
	const u64 *top = window_map(cpu, WINDOW_TOP, cr3 & PT_ADDR, false);
	u32 i;

	for (i = 0; i < 256; i++) {
		exit_top[i] = tables.root[i];
		exit_top[256 + i] = top[256 + i];
	}
	return hv_pa(exit_top);
}
