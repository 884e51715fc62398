// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the events of an attempt from /dev/vbh, and compares them with what
 * the attempt says that they have to be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attack.h"

static uint64_t next_seq, next_lost;

int events_open(void)
{
	struct vbh_info info;
	int fd = open(VBH_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (ioctl(fd, VBH_IOC_INFO, &info) || !info.running) {
		close(fd);
		return -1;
	}
	return fd;
}

void events_mark(int fd)
{
	struct vbh_info info;
	uint64_t seq;

	if (ioctl(fd, VBH_IOC_INFO, &info))
		return;
	seq = info.status.events;
	next_lost = info.status.events_lost;
	/* Make room: the ring is not the one to find out about. */
	ioctl(fd, VBH_IOC_ACK, &seq);
	next_seq = lseek(fd, 0, SEEK_END);
}

unsigned int events_since(int fd, struct vbh_event *events, unsigned int n, const char **wrong)
{
	struct vbh_event ev[16];
	unsigned int found = 0;
	ssize_t len, i;

	*wrong = NULL;
	while ((len = read(fd, ev, sizeof(ev))) > 0) {
		for (i = 0; i < len / (ssize_t)sizeof(*ev); i++) {
			if (ev[i].seq != next_seq)
				*wrong = "the sequence of events has a gap";
			if (ev[i].lost != next_lost)
				*wrong = "events were lost";
			next_seq = ev[i].seq + 1;
			if (ev[i].kind >= VBH_NR_VIOLATIONS)
				continue;
			if (found < n)
				events[found] = ev[i];
			found++;
		}
	}
	return found;
}

static const char *kind_name(unsigned int kind)
{
	static const char *const names[VBH_NR_VIOLATIONS] = {
		[VBH_KIND_WRITE] = "write", [VBH_KIND_READ] = "read",
		[VBH_KIND_EXEC] = "exec", [VBH_KIND_HYPERVISOR] = "hypervisor",
		[VBH_KIND_CR] = "CR", [VBH_KIND_MSR] = "MSR", [VBH_KIND_DTR] = "table",
		[VBH_KIND_VIRT_INSN] = "virt insn", [VBH_KIND_HYPERCALL] = "hypercall",
		[VBH_KIND_INIT] = "INIT", [VBH_KIND_KEY] = "key",
		[VBH_KIND_INTERNAL] = "internal", [VBH_KIND_MODULE] = "module",
	};

	return kind < VBH_NR_VIOLATIONS && names[kind] ? names[kind] : "note";
}

static void detail_text(const struct vbh_event *ev, char *buf, size_t len)
{
	static const char *const regions[VBH_NR_REGION_KINDS] = {
		"?", "hypervisor", "apic", "ring", "text", "rodata", "idt", "vdso",
		"module text", "module rodata", "trampoline", "other",
	};
	static const char *const tables[VBH_NR_DTR] = { "GDTR", "IDTR", "LDTR", "TR" };

	*buf = 0;
	switch (ev->kind) {
	case VBH_KIND_WRITE:
	case VBH_KIND_READ:
	case VBH_KIND_EXEC:
		snprintf(buf, len, " %s", regions[ev->detail % VBH_NR_REGION_KINDS]);
		break;
	case VBH_KIND_CR:
		snprintf(buf, len, "%u", ev->detail);
		break;
	case VBH_KIND_DTR:
		snprintf(buf, len, " %s", tables[ev->detail % VBH_NR_DTR]);
		break;
	case VBH_KIND_MSR:
	case VBH_KIND_VIRT_INSN:
		if (ev->detail)
			snprintf(buf, len, " 0x%x", ev->detail);
		break;
	case VBH_KIND_HYPERCALL:
		snprintf(buf, len, ev->detail == ~0u ? " ?" : " %u", ev->detail);
		break;
	case VBH_KIND_INIT:
		snprintf(buf, len, ev->detail == ~0u ? " to several" : " to CPU %u", ev->detail);
		break;
	}
}

void event_text(const struct vbh_event *ev, char *buf, size_t len)
{
	static const char *const actions[] = { "noted", "logged", "denied", "stopped" };
	char detail[48];

	detail_text(ev, detail, sizeof(detail));
	snprintf(buf, len, "#%llu %s%s %s", (unsigned long long)ev->seq, kind_name(ev->kind),
		 detail, actions[ev->action % 4]);
}

static const char *differs(const char *what, uint64_t got, uint64_t wanted)
{
	static char buf[160];

	snprintf(buf, sizeof(buf), "event: %s is 0x%llx, should be 0x%llx", what,
		 (unsigned long long)got, (unsigned long long)wanted);
	return buf;
}

#define COMPARE(field)								\
	do {									\
		if (ev->field != w->field)					\
			return differs(#field, ev->field, w->field);		\
	} while (0)

const char *event_differs(const struct vbh_event *ev, const struct attempt *t,
			  enum vbh_action action)
{
	const struct vbh_event *w = &t->want;
	uint32_t flags = w->flags & ~ev->flags;

	COMPARE(kind);
	COMPARE(detail);
	COMPARE(cpu);
	COMPARE(cpl);
	if (flags)
		return differs("flags", ev->flags, w->flags);
	if (ev->action != action)
		return differs("action", ev->action, action);
	/* Denied under rule log is what could not be let happen. */
	if (ev->rule != VBH_RULE_LOG && (ev->rule != VBH_RULE_DENY || action == VBH_ACTION_LOGGED))
		return differs("rule", ev->rule, action);
	if (t->rip && ev->rip != t->rip)
		return differs("rip", ev->rip, t->rip);
	if (w->flags & VBH_EVENT_F_TASK) {
		COMPARE(pid);
		if (strncmp(ev->comm, w->comm, sizeof(ev->comm)))
			return "event: comm is another task's";
	}
	if (w->flags & VBH_EVENT_F_GPA)
		COMPARE(gpa);
	if (w->flags & VBH_EVENT_F_GLA)
		COMPARE(gla);
	if (w->flags & VBH_EVENT_F_VALUES) {
		COMPARE(old_value);
		COMPARE(new_value);
	}
	if (w->width)
		COMPARE(width);
	return NULL;
}
