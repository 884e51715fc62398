// SPDX-License-Identifier: LGPL-2.1
/* The real device: see device.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vbh/dev.h>
#include "device.h"

int device_open(void)
{
	int fd = open(VBH_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void device_close(int fd)
{
	close(fd);
}

int device_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

ssize_t device_read(int fd, void *buf, size_t len)
{
	ssize_t n = read(fd, buf, len);

	return n < 0 ? -errno : n;
}

int device_seek(int fd, int64_t offset, int whence)
{
	return lseek(fd, offset, whence) < 0 ? -errno : 0;
}

int device_wait(int fd, int timeout, const sigset_t *mask)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct timespec ts = {
		.tv_sec = timeout / 1000,
		.tv_nsec = timeout % 1000 * 1000000L,
	};
	int n = ppoll(&pfd, 1, timeout < 0 ? NULL : &ts, mask);

	return n < 0 ? -errno : n;
}
