// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another /dev/vbh: linked in place of lib/device.c, it answers as the driver
 * would, from a state that the environment describes.
 *
 *	FAKE_STATE	none (no driver), eacces, abi, off, open, sealed, keyed, host (of VMs),
 *			kprobe (armed)
 *	FAKE_START	an errno that a start gives; FAKE_WORDS: the driver's words
 *	FAKE_EVENTS	how many events there are; FAKE_BAD: the seq of a changed one
 *	FAKE_LATER	how many more come while somebody waits
 *	FAKE_READ	an errno that a read gives
 *	FAKE_PHYSICAL	of writes nothing is known but the physical address
 *	FAKE_NOTED	how many come when somebody wants patching recorded
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libvbh.h>
#include "device.h"

#define FAKE_FD		1000
#define MAX_EVENTS	40000

static struct vbh_event events[MAX_EVENTS];
static uint64_t nr_events, next_event;
static bool running, sealed, has_key, unlocked;

static int env(const char *name)
{
	const char *value = getenv(name);

	return value ? atoi(value) : 0;
}

static bool state_is(const char *state)
{
	const char *value = getenv("FAKE_STATE");

	return value && !strcmp(value, state);
}

/* An attack's record, in turn of three kinds, after the note of the start. */
static void make_event(struct vbh_event *ev, uint64_t seq)
{
	*ev = (struct vbh_event){
		.seq = seq, .tsc = 1000000 + seq * 1000, .cpu = seq & 1,
		.kind = VBH_KIND_WRITE, .rule = VBH_RULE_DENY, .action = VBH_ACTION_DENIED,
		.flags = VBH_EVENT_F_GLA | VBH_EVENT_F_VALUES | VBH_EVENT_F_TASK |
			 VBH_EVENT_F_GPA,
		.detail = VBH_REGION_KERNEL_TEXT, .pid = 42, .comm = "evil\033[1m\n",
		.rip = 0xffffffffc0001010, .gla = 0xffffffff81000010, .gpa = 0x1000010,
		.old_value = 0x90, .new_value = 0xcc, .width = 1, .cr3 = 0x2000,
		.insn_len = 2, .insn = { 0x88, 0x07 }, .stack = { 0x81000123 },
	};
	if (env("FAKE_PHYSICAL")) {
		ev->detail = VBH_REGION_MODULE_TEXT;
		ev->gla = 0xffff888012345678;
		ev->gpa = 0x12345678;
	}
	if (seq % 3 == 1) {
		ev->kind = VBH_KIND_CR;
		ev->detail = 4;
		ev->old_value = 0x370678;
		ev->new_value = 0x070678;
		ev->flags = VBH_EVENT_F_VALUES | VBH_EVENT_F_TASK;
	} else if (seq % 3 == 2) {
		ev->kind = VBH_KIND_MSR;
		ev->detail = 0xc0000082;
		ev->old_value = 0xffffffff81000000;
		ev->new_value = 0xffffffffc0001000;
		ev->flags = VBH_EVENT_F_VALUES | VBH_EVENT_F_TASK;
	}
	if (seq)
		return;
	ev->kind = VBH_KIND_START;
	ev->rule = 0;
	ev->action = VBH_ACTION_NOTED;
	ev->flags = 0;
	ev->rip = 0;
}

static void add_events(int n)
{
	const size_t len = VBH_HASH_LEN + offsetof(struct vbh_event, hash);
	uint8_t chained[VBH_HASH_LEN + sizeof(struct vbh_event)];

	for (; n > 0 && nr_events < MAX_EVENTS; n--, nr_events++) {
		struct vbh_event *ev = &events[nr_events];

		make_event(ev, nr_events);
		memset(chained, 0, VBH_HASH_LEN);
		if (nr_events)
			memcpy(chained, ev[-1].hash, VBH_HASH_LEN);
		memcpy(chained + VBH_HASH_LEN, ev, len - VBH_HASH_LEN);
		memcpy(chained + len, ev->stack, sizeof(ev->stack));
		vbh_hash(chained, len + (ev->stack[0] ? sizeof(ev->stack) : 0), ev->hash);
	}
}

int device_open(void)
{
	if (!getenv("FAKE_STATE") || state_is("none"))
		return -ENOENT;
	if (state_is("eacces"))
		return -EACCES;
	running = !state_is("off");
	sealed = state_is("sealed") || state_is("keyed");
	has_key = state_is("keyed");
	add_events(env("FAKE_EVENTS"));
	if (env("FAKE_BAD"))
		events[env("FAKE_BAD")].new_value ^= 1;
	return FAKE_FD;
}

void device_close(int fd)
{
	(void)fd;
}

static int info(struct vbh_info *i)
{
	if (i->size != sizeof(*i))
		return -EINVAL;
	i->abi = state_is("abi") ? 99 << 16 : VBH_ABI_VERSION;
	i->running = running;
	i->cpus_possible = 4;
	i->tsc_khz = 1000000;
	i->tsc = 2000000;
	i->realtime_ns = 1700000000000000000;
	if (!running)
		return 0;
	i->status = (struct vbh_status){
		.size = sizeof(i->status), .abi = VBH_ABI_VERSION,
		.state = unlocked ? VBH_STATE_UNLOCKED : sealed ? VBH_STATE_SEALED :
			 VBH_STATE_OPEN,
		.body = VBH_BODY_BARE_METAL, .cpus = 2, .regions = 9, .pins = 1,
		.features = VBH_FEAT_STOP, .memory = 4 << 20, .memory_free = 1 << 20,
		.events = nr_events, .violations = nr_events, .vendor = "svm",
		.has_key = has_key,
	};
	return 0;
}

static int start(struct vbh_start *s)
{
	const char *words = getenv("FAKE_WORDS");

	if (s->policy.size != sizeof(s->policy))
		return -EINVAL;
	if (words)
		snprintf(s->error, sizeof(s->error), "%s", words);
	if (env("FAKE_START"))
		return -env("FAKE_START");
	if (running)
		return -EALREADY;
	running = true;
	return 0;
}

static int stats(struct vbh_stats *st)
{
	if (st->cpu > 1)
		return -ENOENT;
	st->exits[VBH_EXIT_CPUID] = 100 + st->cpu;
	st->exits[VBH_EXIT_MEMORY] = 7;
	st->exits[VBH_EXIT_APIC] = 5;
	st->kicks = 3;
	return 0;
}

static int unlock(const struct vbh_unlock *u)
{
	const char *key = (const char *)(uintptr_t)u->key;

	if (u->len == 4 && !memcmp(key, "soon", 4))
		return -EAGAIN;
	if (u->len != 5 || memcmp(key, "right", 5) != 0)
		return -EACCES;
	unlocked = true;
	return 0;
}

int device_ioctl(int fd, unsigned long request, void *arg)
{
	if (fd != FAKE_FD)
		return -EBADF;
	if (request == VBH_IOC_INFO)
		return arg ? info(arg) : -EFAULT;
	if (request == VBH_IOC_START)
		return arg ? start(arg) : -EFAULT;
	if (!running)
		return -ENODEV;
	if (state_is("host"))
		return -EOPNOTSUPP;
	switch (request) {
	case VBH_IOC_STOP:
		if (sealed && !unlocked)
			return -EPERM;
		running = false;
		return 0;
	case VBH_IOC_SEAL:
		if (sealed)
			return -EALREADY;
		if (state_is("kprobe"))
			return -EBUSY;
		sealed = true;
		return 0;
	case VBH_IOC_UNLOCK:
		return unlock(arg);
	case VBH_IOC_STATS:
		return stats(arg);
	case VBH_IOC_NOTES:
		fprintf(stderr, "fake: notes %u\n", *(__u32 *)arg);
		if (*(__u32 *)arg)
			add_events(env("FAKE_NOTED"));
		return 0;
	case VBH_IOC_ACK:
		fprintf(stderr, "fake: ack %llu\n", *(__u64 *)arg);
		return *(__u64 *)arg > nr_events ? -EINVAL : 0;
	}
	return -ENOTTY;
}

ssize_t device_read(int fd, void *buf, size_t len)
{
	size_t n = len / sizeof(struct vbh_event);

	if (fd != FAKE_FD)
		return -EBADF;
	if (env("FAKE_READ"))
		return -env("FAKE_READ");
	if (next_event == nr_events)
		return running ? -EAGAIN : 0;
	if (n > nr_events - next_event)
		n = nr_events - next_event;
	memcpy(buf, &events[next_event], n * sizeof(struct vbh_event));
	next_event += n;
	return (ssize_t)(n * sizeof(struct vbh_event));
}

int device_seek(int fd, int64_t offset, int whence)
{
	if (fd != FAKE_FD)
		return -EBADF;
	next_event = whence == SEEK_END ? nr_events : (uint64_t)offset;
	return 0;
}

/* First what was to come later, then nothing until a signal. */
int device_wait(int fd, int timeout, const sigset_t *mask)
{
	struct timespec ts = { .tv_sec = timeout / 1000 };
	static bool later;

	if (fd != FAKE_FD)
		return -EBADF;
	if (!later && env("FAKE_LATER")) {
		later = true;
		add_events(env("FAKE_LATER"));
		return 1;
	}
	return ppoll(NULL, 0, timeout < 0 ? NULL : &ts, mask) < 0 ? -errno : 0;
}
