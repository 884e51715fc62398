// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event ring as its readers see it. The hypervisor writes it; once donated
 * it is read-only to the kernel, so what stands in its header can be believed.
 * It outlives a stop, so that the last records can still be read, until the
 * next start replaces it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include "vbh.h"

/* Guards which ring there is; readers hold it while they look into it. */
static DECLARE_RWSEM(ring_lock);
static const struct vbh_ring *ring;
static size_t ring_len;
static u32 generation;
static bool given;		/* to KVM, for good */

bool ring_donated(void)
{
	return given;
}

/* Nobody reads, or the lock is held for writing. */
static void release(void)
{
	if (ring && !given)
		free_pages_exact((void *)ring, ring_len);
	ring = NULL;
}

void ring_free(void)
{
	down_write(&ring_lock);
	release();
	up_write(&ring_lock);
}

int ring_create(u32 records, struct vbh_why *why)
{
	size_t len = PAGE_SIZE + records * sizeof(struct vbh_event);
	void *mem;

	/* The hypervisor takes one physical range only. */
	mem = alloc_pages_exact(len, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN |
				__GFP_RETRY_MAYFAIL);
	if (!mem)
		return vbh_fail(why, -ENOMEM,
				"no %zu KiB in one piece for an event ring of %u records: take fewer",
				len / 1024, records);
	down_write(&ring_lock);
	release();
	ring = mem;
	ring_len = len;
	generation++;
	up_write(&ring_lock);
	return 0;
}

int ring_donate(bool for_good)
{
	long err = vbh_hypercall(VBH_HC_EVENT_RING, __pa(ring), ring_len, 0, 0);

	if (!err)
		given = for_good;
	return err;
}

/* Those below may look at the ring: the lock is held. */

static bool usable(void)
{
	return ring && READ_ONCE(ring->magic) == VBH_RING_MAGIC &&
	       ring->record_size == sizeof(struct vbh_event) && ring->records;
}

/* The oldest record that is sure to stay while it is copied. */
static u64 oldest(u64 head)
{
	u64 records = ring->records;

	if (head < records)
		return 0;
	/* head goes to the slot of head - records, if that is acknowledged. */
	return head - records + (READ_ONCE(ring->tail) > head - records);
}

/* Move a reader from an earlier ring, or from what is overwritten. */
static void settle(struct ring_reader *reader, u64 head)
{
	if (reader->generation != generation) {
		reader->generation = generation;
		reader->seq = 0;
	}
	reader->seq = clamp(reader->seq, oldest(head), head);
}

static const struct vbh_event *slot(u64 seq)
{
	return (const void *)ring + PAGE_SIZE +
	       (seq % ring->records) * sizeof(struct vbh_event);
}

static int next_locked(struct ring_reader *reader, struct vbh_event *ev)
{
	u64 head;

	do {
		head = READ_ONCE(ring->head);
		smp_rmb();	/* the head, then the records below it */
		settle(reader, head);
		if (reader->seq >= head)
			return 0;
		*ev = *slot(reader->seq);
		smp_rmb();	/* the record, then whether it was overwritten */
	} while (reader->seq < oldest(READ_ONCE(ring->head)));
	reader->seq++;
	return 1;
}

int ring_next(struct ring_reader *reader, struct vbh_event *ev)
{
	int ret = 0;

	down_read(&ring_lock);
	if (usable())
		ret = next_locked(reader, ev);
	up_read(&ring_lock);
	return ret;
}

u64 ring_head(void)
{
	u64 head = 0;

	down_read(&ring_lock);
	if (usable())
		head = READ_ONCE(ring->head);
	up_read(&ring_lock);
	return head;
}

u64 ring_wanted(void)
{
	u64 wanted = 0;

	down_read(&ring_lock);
	if (usable())
		wanted = READ_ONCE(ring->wanted);
	up_read(&ring_lock);
	return wanted;
}

bool ring_catch_up(struct ring_reader *reader)
{
	bool has = false;
	u64 head;

	down_read(&ring_lock);
	if (usable()) {
		head = READ_ONCE(ring->head);
		settle(reader, head);
		has = reader->seq < head;
		reader->seq = head;
	}
	up_read(&ring_lock);
	return has;
}

bool ring_has(struct ring_reader *reader)
{
	bool has = false;

	down_read(&ring_lock);
	if (usable()) {
		settle(reader, READ_ONCE(ring->head));
		has = reader->seq < READ_ONCE(ring->head);
	}
	up_read(&ring_lock);
	return has;
}

int ring_seek(struct ring_reader *reader, u64 seq)
{
	int err = seq ? -EINVAL : 0;

	down_read(&ring_lock);
	if (usable() && seq <= READ_ONCE(ring->head))
		err = 0;
	if (!err) {
		reader->generation = generation;
		reader->seq = seq;
	}
	up_read(&ring_lock);
	return err;
}
