// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event log. A record is first written, then chained, then shown by moving
 * head, so that a reader that follows head never sees half of one. Only what is
 * in the ring is chained: whoever has all records can check the chain, and
 * `lost` in them says how many never got there.
 */
#include "guest.h"

#define RECORDS_PER_PAGE	(PAGE_SIZE / sizeof(struct vbh_event))

/* With the hash before it and SHA-256's own padding, three of its blocks; five with a tail. */
VBH_STATIC_ASSERT(offsetof(struct vbh_event, hash) + VBH_HASH_LEN + 9 <= 3 * 64);

/* Keeps the compiler from moving stores across; x86 keeps them in order itself. */
static void store_barrier(void)
{
	__asm__ volatile("" ::: "memory");
}

/* All of it? */
static bool got(struct vbh_vcpu *vcpu, u64 cr3, u64 gva, void *buf, u32 len)
{
	return read_linear(vcpu, cr3, gva, 8, buf, len) == len;
}

/*
 * The name of the task, as far as the kernel's memory tells it: that memory is
 * not protected, so this is a hint. It takes paging as the kernel has it.
 */
static void describe_task(struct vbh_vcpu *vcpu, struct vbh_event *ev)
{
	const struct vbh_facts *f = &vcpu->guest->facts;
	u64 task;

	if (!f->kernel_cr3 || !vcpu->current_gva ||
	    !(host_reg(vcpu, VBH_REG_EFER) & (1ull << 10)))	/* LMA */
		return;
	if (!got(vcpu, f->kernel_cr3, vcpu->current_gva, &task, sizeof(task)) ||
	    !got(vcpu, f->kernel_cr3, task + f->task_comm, ev->comm, sizeof(ev->comm)) ||
	    !got(vcpu, f->kernel_cr3, task + f->task_pid, &ev->pid, sizeof(ev->pid))) {
		memset(ev->comm, 0, sizeof(ev->comm));
		return;
	}
	ev->comm[sizeof(ev->comm) - 1] = 0;
	ev->flags |= VBH_EVENT_F_TASK;
}

/* How much of the stack is looked through. */
#define STACK_DEPTH	1536

/*
 * The words on the stack that may be return addresses. What they say of who
 * called is a hint as the task's name is: the stack is the guest's own.
 */
static void describe_stack(struct vbh_vcpu *vcpu, struct vbh_event *ev)
{
	u64 at = host_reg(vcpu, VBH_REG_RSP), end = at + STACK_DEPTH, words[64];
	u32 n = 0, i, len;

	for (; at < end && n < VBH_EVENT_STACK; at += len) {
		/* Never over the end of a page: it may be that of the stack. */
		len = PAGE_SIZE - (at & ~PAGE_MASK);
		if (len > sizeof(words))
			len = sizeof(words);
		if (!got(vcpu, ev->cr3, at, words, len))
			return;
		for (i = 0; i < len / sizeof(u64) && n < VBH_EVENT_STACK; i++)
			if (words[i] >= VBH_TEXT_GVA_MIN && text_at(&vcpu->guest->known, words[i]))
				ev->stack[n++] = (u32)words[i];
	}
}

void event_begin(struct vbh_vcpu *vcpu, struct vbh_event *ev, enum vbh_kind kind)
{
	memset(ev, 0, sizeof(*ev));
	ev->tsc = host_tsc();
	ev->cpu = vcpu->id;
	ev->vm = vcpu->guest->vm;
	ev->kind = kind;
	ev->rip = host_reg(vcpu, VBH_REG_RIP);
	ev->cr3 = host_reg(vcpu, VBH_REG_CR3);
	ev->cpl = host_reg(vcpu, VBH_REG_CPL);
	ev->insn_len = insn_fetch(vcpu, ev->insn);
}

void event_values(struct vbh_vcpu *vcpu, struct vbh_event *ev, enum vbh_kind kind, u32 detail,
		  u64 old, u64 new)
{
	event_begin(vcpu, ev, kind);
	ev->detail = detail;
	ev->old_value = old;
	ev->new_value = new;
	ev->flags |= VBH_EVENT_F_VALUES;
	ev->width = sizeof(new);
}

/* Where record seq stands; its page has been checked when the ring was donated. */
static struct vbh_event *slot(struct vbh_guest *guest, u64 seq)
{
	u64 n = seq % guest->log.records;
	u64 page = 1 + n / RECORDS_PER_PAGE;
	struct vbh_event *e = host_map_ring(guest, guest->log.ring_gpa + page * PAGE_SIZE);

	return e ? e + n % RECORDS_PER_PAGE : NULL;
}

static bool crowds(const struct vbh_event *ev)
{
	return ev->cpl == 3 || ev->kind == VBH_KIND_PATCH || ev->kind == VBH_KIND_TEXT;
}

static bool room_for(const struct event_log *log, const struct vbh_event *ev)
{
	if (!log->ring_gpa || log->head - log->tail >= log->records)
		return false;
	return !crowds(ev) || log->crowd < log->records / 2;
}

static void chain(struct event_log *log, struct vbh_event *ev)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, log->hash, sizeof(log->hash));
	sha256_update(&s, ev, offsetof(struct vbh_event, hash));
	if (ev->kind == VBH_KIND_MODULE || ev->kind == VBH_KIND_TEXT || ev->stack[0])
		sha256_update(&s, ev->stack, sizeof(ev->stack));
	sha256_final(&s, log->hash);
	memcpy(ev->hash, log->hash, sizeof(ev->hash));
}

void event_show(struct vbh_guest *guest)
{
	struct vbh_ring *ring;

	if (!guest->log.ring_gpa)
		return;
	ring = host_map_ring(guest, guest->log.ring_gpa);
	if (!ring)
		return;
	store_barrier();
	ring->lost = guest->log.lost;
	ring->tail = guest->log.tail;
	ring->wanted = host_wanted(guest);
	store_barrier();
	ring->head = guest->log.head;
}

void event_commit(struct vbh_vcpu *vcpu, struct vbh_event *ev)
{
	struct vbh_guest *guest = vcpu->guest;
	struct event_log *log = &guest->log;
	struct vbh_event *to = room_for(log, ev) ? slot(guest, log->head) : NULL;

	if (ev->rule)
		log->violations++;
	if (!to) {
		if (ev->kind != VBH_KIND_PATCH)
			log->lost++;
		event_show(guest);
		host_event(guest, ev);
		return;
	}
	describe_task(vcpu, ev);
	if (!ev->cpl && ev->kind != VBH_KIND_MODULE && (ev->rule || ev->kind == VBH_KIND_PATCH))
		describe_stack(vcpu, ev);
	ev->seq = log->head;
	ev->lost = log->lost;
	chain(log, ev);
	memcpy(to, ev, sizeof(*to));
	if (crowds(ev))
		log->crowd++;
	log->head++;
	event_show(guest);
	host_event(guest, ev);
}

void event_patch(struct vbh_vcpu *vcpu, struct vbh_event *ev)
{
	struct event_log *log = &vcpu->guest->log;
	u32 i;

	log->patches[ev->detail]++;
	if (log->notes == VBH_NOTES_COUNT)
		return;
	for (i = 0; i < VBH_NR_PATCHES; i++)
		ev->patches += log->patches[i];
	event_commit(vcpu, ev);
}

void event_text(struct vbh_vcpu *vcpu, u32 tag, u64 gva, u64 was, u64 is, u64 name)
{
	struct vbh_event ev;

	if (vcpu->guest->log.notes == VBH_NOTES_COUNT)
		return;
	event_values(vcpu, &ev, VBH_KIND_TEXT, tag, was, is);
	ev.gla = gva;
	ev.flags |= VBH_EVENT_F_GLA;
	if (name && guest_read(vcpu->guest, name, ev.module, sizeof(ev.module)))
		memset(ev.module, 0, sizeof(ev.module));
	event_commit(vcpu, &ev);
}

enum vbh_verdict violation(struct vbh_vcpu *vcpu, struct vbh_event *ev, u8 rule, bool possible)
{
	ev->rule = rule;
	if (rule == VBH_RULE_PANIC)
		ev->action = VBH_ACTION_STOPPED;
	else if (rule == VBH_RULE_LOG && possible)
		ev->action = VBH_ACTION_LOGGED;
	else if (ev->action != VBH_ACTION_DROPPED)
		ev->action = VBH_ACTION_DENIED;
	event_commit(vcpu, ev);

	switch (ev->action) {
	case VBH_ACTION_STOPPED:
		host_panic(vcpu->guest, ev);
		return VBH_HALT;
	case VBH_ACTION_LOGGED:
		return VBH_ALLOW;
	default:
		return VBH_FAULT;
	}
}

void note(struct vbh_vcpu *vcpu, enum vbh_kind kind, u32 detail, u64 value)
{
	struct vbh_event ev;

	event_values(vcpu, &ev, kind, detail, 0, value);
	event_commit(vcpu, &ev);
}

void core_note(struct vbh_vcpu *vcpu, enum vbh_kind kind, u32 detail, u64 value)
{
	struct vbh_guest *guest = vcpu->guest;
	struct vbh_event ev;

	host_lock(guest);
	if (kind < VBH_NR_VIOLATIONS) {
		/* It has happened already: there is nothing left to deny. */
		u8 rule = guest->rules[kind];

		event_values(vcpu, &ev, kind, detail, 0, value);
		violation(vcpu, &ev, rule == VBH_RULE_DENY ? VBH_RULE_LOG : rule, true);
	} else {
		note(vcpu, kind, detail, value);
	}
	host_unlock(guest);
}

int event_ring_set(struct vbh_guest *guest, u64 gpa, u64 len)
{
	struct event_log *log = &guest->log;
	struct vbh_ring *ring = NULL;
	u32 id = guest->regions.next_id;
	u64 at;
	int err;

	if (log->ring_gpa)
		return -EEXIST;
	if (!gpa || (gpa | len) & ~PAGE_MASK || len < VBH_RING_MIN || len > VBH_RING_MAX ||
	    gpa >= guest->max_gpa || len > guest->max_gpa - gpa)
		return -EINVAL;
	/* The hypervisor will write here: nothing that is protected may be named. */
	if (!region_free(&guest->regions, gpa, len))
		return -EINVAL;
	err = guest_protect(guest, gpa, len, VBH_R, VBH_REGION_RING);
	if (err)
		return err;
	/* Down to the first page, where the header is. */
	log->ring_gpa = gpa;
	for (at = gpa + len; at > gpa; memset(ring, 0, PAGE_SIZE)) {
		at -= PAGE_SIZE;
		ring = host_map_ring(guest, at);
		if (!ring) {
			log->ring_gpa = 0;
			guest_unprotect(guest, gpa, id, id);
			return -EFAULT;
		}
	}

	log->records = (len / PAGE_SIZE - 1) * RECORDS_PER_PAGE;
	ring->magic = VBH_RING_MAGIC;
	ring->version = VBH_ABI_VERSION;
	ring->record_size = sizeof(struct vbh_event);
	ring->records = log->records;
	event_show(guest);
	return 0;
}

int event_ack(struct vbh_guest *guest, u64 seq)
{
	struct event_log *log = &guest->log;

	if (seq > log->head)
		return -EINVAL;
	for (; log->tail < seq; log->tail++) {
		const struct vbh_event *e = slot(guest, log->tail);

		if (e && crowds(e) && log->crowd)
			log->crowd--;
	}
	event_show(guest);
	return 0;
}

int event_notes(struct vbh_guest *guest, u64 notes)
{
	struct event_log *log = &guest->log;

	if (notes > VBH_NOTES_ALWAYS)
		return -EINVAL;
	if (guest->state != VBH_STATE_OPEN && log->notes == VBH_NOTES_ALWAYS && notes != log->notes)
		return -EPERM;
	log->notes = notes;
	return 0;
}
