// SPDX-License-Identifier: LGPL-2.1
/*
 * The handle: what the driver is asked to do, and what its refusals mean in
 * words. A text names the thing, what was found, and what to do about it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "catalogue/catalogue.h"
#include "device.h"
#include "libvbh.h"

struct vbh {
	int fd;
	char error[VBH_ERROR_MAX];
};

const char *vbh_version(void)
{
	return LIBVBH_VERSION;
}

const char *vbh_error(const struct vbh *vbh)
{
	return vbh->error;
}

int vbh_fd(const struct vbh *vbh)
{
	return vbh->fd;
}

/* Keeps err as its value, so that a caller can return what it says. */
__attribute__((format(printf, 3, 4)))
static int fail(struct vbh *vbh, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(vbh->error, sizeof(vbh->error), fmt, ap);
	va_end(ap);
	return err;
}

/* What the common refusals mean, whoever asked; else the system's own words. */
static int fail_plain(struct vbh *vbh, int err)
{
	switch (err) {
	case -ENODEV:
		return fail(vbh, -ESRCH, "VBH is not running");
	case -EPERM:
		return fail(vbh, err, "the driver refused: CAP_SYS_ADMIN is needed, and nothing can be loosened after the seal");
	case -EOPNOTSUPP:
		return fail(vbh, err, "%s does not do this here: on a KVM host it only shows the events of VMs, and in each of them VBH is asked for itself",
			    VBH_DEVICE);
	case -ENOTTY:
		return fail(vbh, err, "the driver does not know this request: it and libvbh " LIBVBH_VERSION " are of different versions");
	default:
		return fail(vbh, err, "%s: %s", VBH_DEVICE, strerror(-err));
	}
}

static int check_abi(struct vbh *vbh)
{
	struct vbh_info info;
	int err = vbh_info(vbh, &info);

	if (err)
		return err;
	if (info.abi >> 16 != VBH_ABI_MAJOR)
		return fail(vbh, -EPROTO,
			    "the driver has ABI version %u.%u, libvbh %s needs %u: install matching versions",
			    info.abi >> 16, info.abi & 0xffff, LIBVBH_VERSION, VBH_ABI_MAJOR);
	return 0;
}

static int open_device(struct vbh *vbh)
{
	vbh->fd = device_open();
	switch (vbh->fd) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		return fail(vbh, -ENOENT, "%s is not there: the driver is not loaded (modprobe vbh)",
			    VBH_DEVICE);
	case -EACCES:
	case -EPERM:
		return fail(vbh, vbh->fd, "%s: permission denied: CAP_SYS_ADMIN is needed, run it as root",
			    VBH_DEVICE);
	}
	if (vbh->fd < 0)
		return fail_plain(vbh, vbh->fd);
	return check_abi(vbh);
}

int vbh_open(struct vbh **out, char *err_text, size_t err_len)
{
	struct vbh *vbh = calloc(1, sizeof(*vbh));
	int err;

	*out = NULL;
	if (!vbh) {
		if (err_text)
			snprintf(err_text, err_len, "out of memory");
		return -ENOMEM;
	}
	err = open_device(vbh);
	if (err) {
		if (err_text)
			snprintf(err_text, err_len, "%s", vbh->error);
		vbh_close(vbh);
		return err;
	}
	*out = vbh;
	return 0;
}

void vbh_close(struct vbh *vbh)
{
	if (!vbh)
		return;
	if (vbh->fd >= 0)
		device_close(vbh->fd);
	free(vbh);
}

int vbh_info(struct vbh *vbh, struct vbh_info *info)
{
	int err;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	err = device_ioctl(vbh->fd, VBH_IOC_INFO, info);
	return err ? fail_plain(vbh, err) : 0;
}

static int start_with(struct vbh *vbh, const struct vbh_policy *policy, int catalogue)
{
	struct vbh_start start = { .policy = *policy, .catalogue = catalogue };
	int err = device_ioctl(vbh->fd, VBH_IOC_START, &start);

	if (!err)
		return 0;
	start.error[sizeof(start.error) - 1] = '\0';
	if (start.error[0])
		return fail(vbh, err, "%s", start.error);
	if (err == -EBUSY || err == -EALREADY || err == -EEXIST)
		return fail(vbh, err, "VBH is running already: stop it first (vbhctl stop)");
	return fail_plain(vbh, err);
}

int vbh_start(struct vbh *vbh, const struct vbh_policy *policy)
{
	return start_with(vbh, policy, -1);
}

int vbh_start_listed(struct vbh *vbh, const struct vbh_policy *policy,
		     const struct vbh_catalogue *catalogue)
{
	return start_with(vbh, policy, catalogue->fd);
}

int vbh_stop(struct vbh *vbh)
{
	int err = device_ioctl(vbh->fd, VBH_IOC_STOP, NULL);

	switch (err) {
	case 0:
		return 0;
	case -EPERM:
		return fail(vbh, err, "VBH is sealed: it takes its key to stop it");
	case -EAGAIN:
		return fail(vbh, err, "CPUs came and went all the time: try again");
	case -EIO:
		return fail(vbh, err, "some CPU would not leave guest mode: VBH goes on there (see dmesg)");
	case -ENOSYS:
	case -EOPNOTSUPP:
		return fail(vbh, err, "this hypervisor can't be stopped from within the virtual machine");
	default:
		return fail_plain(vbh, err);
	}
}

int vbh_seal(struct vbh *vbh)
{
	int err = device_ioctl(vbh->fd, VBH_IOC_SEAL, NULL);

	if (err == -EALREADY)
		return fail(vbh, err, "VBH is sealed already");
	if (err == -EBUSY)
		return fail(vbh, err, "a kprobe is armed, and the policy denies kprobes from the seal on: take it away first (/sys/kernel/debug/kprobes/list; dmesg says where it is)");
	return err ? fail_plain(vbh, err) : 0;
}

int vbh_unlock(struct vbh *vbh, const void *key, size_t len)
{
	struct vbh_unlock unlock = { .key = (uintptr_t)key, .len = (uint32_t)len };
	int err;

	if (!len || len > VBH_KEY_MAX)
		return fail(vbh, -EINVAL, "a key has 1 to %u bytes, this one has %zu",
			    VBH_KEY_MAX, len);
	err = device_ioctl(vbh->fd, VBH_IOC_UNLOCK, &unlock);
	switch (err) {
	case 0:
		return 0;
	case -EACCES:
		return fail(vbh, err, "wrong key: it is not the one whose hash the policy named at start");
	case -EAGAIN:
		return fail(vbh, err, "too soon after a wrong key: wait and try again; each wrong key doubles the delay");
	default:
		return fail_plain(vbh, err);
	}
}

int vbh_stats(struct vbh *vbh, uint32_t cpu, struct vbh_stats *stats)
{
	int err;

	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	stats->cpu = cpu;
	err = device_ioctl(vbh->fd, VBH_IOC_STATS, stats);
	if (err == -ENOENT)
		return fail(vbh, err, "CPU %u: VBH does not run on such a CPU", cpu);
	return err ? fail_plain(vbh, err) : 0;
}

ssize_t vbh_events_read(struct vbh *vbh, struct vbh_event *events, size_t n)
{
	ssize_t got = device_read(vbh->fd, events, n * sizeof(*events));

	if (got == -EAGAIN)
		return fail(vbh, -EAGAIN, "no more events now");
	if (got < 0)
		return fail_plain(vbh, (int)got);
	if ((size_t)got % sizeof(*events))
		return fail(vbh, -EPROTO, "the driver gave %zd bytes, not a number of whole %zu-byte records",
			    got, sizeof(*events));
	return got / (ssize_t)sizeof(*events);
}

int vbh_events_wait(struct vbh *vbh, int timeout, const sigset_t *mask)
{
	int n = device_wait(vbh->fd, timeout, mask);

	return n < 0 ? fail_plain(vbh, n) : n;
}

int vbh_events_seek(struct vbh *vbh, uint64_t seq)
{
	int err;

	if (seq == VBH_EVENTS_END)
		err = device_seek(vbh->fd, 0, SEEK_END);
	else if (seq > INT64_MAX)
		err = -EINVAL;
	else
		err = device_seek(vbh->fd, (int64_t)seq, SEEK_SET);
	return err ? fail_plain(vbh, err) : 0;
}

int vbh_events_ack(struct vbh *vbh, uint64_t seq)
{
	__u64 arg = seq;
	int err = device_ioctl(vbh->fd, VBH_IOC_ACK, &arg);

	if (err == -EINVAL)
		return fail(vbh, err, "event %llu has not been recorded yet, or was acknowledged before",
			    (unsigned long long)seq);
	return err ? fail_plain(vbh, err) : 0;
}

int vbh_events_patching(struct vbh *vbh, bool on)
{
	__u32 arg = on;
	int err = device_ioctl(vbh->fd, VBH_IOC_NOTES, &arg);

	return err ? fail_plain(vbh, err) : 0;
}
