/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * The few system calls on /dev/vbh, each returning a negative errno. Nothing
 * else in the library touches the device, so a test can be linked with another
 * device than the real one.
 */
#ifndef LIB_DEVICE_H
#define LIB_DEVICE_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

int device_open(void);
void device_close(int fd);
int device_ioctl(int fd, unsigned long request, void *arg);
ssize_t device_read(int fd, void *buf, size_t len);
int device_seek(int fd, int64_t offset, int whence);
/* As ppoll() for reading: 1, 0 or a negative errno; timeout in milliseconds. */
int device_wait(int fd, int timeout, const sigset_t *mask);

#endif
