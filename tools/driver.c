// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading the driver: by modprobe, so that the administrator's modprobe.d is
 * heeded, or one file straight into the kernel.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "vbhctl.h"

static int load_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return complain(EXIT_NO_DRIVER, "%s: %s", path, strerror(errno));
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
		err = errno;
	close(fd);
	switch (err) {
	case 0:
		return EXIT_OK;
	case EPERM:
		return complain(EXIT_REFUSED, "%s: the kernel lets nobody but root load modules, and none at all if kernel.modules_disabled is 1",
				path);
	case EKEYREJECTED:
	case ENOKEY:
		return complain(EXIT_NO_DRIVER, "%s: the kernel takes only signed modules: sign it, or switch Secure Boot off",
				path);
	case ENOEXEC:
		return complain(EXIT_NO_DRIVER, "%s: not a module for this kernel: build it against the headers of the kernel that runs (uname -r)",
				path);
	default:
		return complain(EXIT_NO_DRIVER, "%s: %s (the kernel log may say more: dmesg)",
				path, strerror(err));
	}
}

static int run_modprobe(void)
{
	extern char **environ;
	char modprobe[] = "modprobe", name[] = "vbh";
	char *argv[] = { modprobe, name, NULL };
	int status, err;
	pid_t pid;

	fflush(stdout);
	err = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (err)
		return complain(EXIT_NO_DRIVER, "modprobe: %s: install kmod, or name the driver with --module FILE",
				strerror(err));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return complain(EXIT_NO_DRIVER, "modprobe: %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return complain(EXIT_NO_DRIVER, "modprobe could not load vbh: install it for this kernel (make install), or name it with --module FILE");
	return EXIT_OK;
}

int load_driver(const char *path)
{
	return path ? load_file(path) : run_modprobe();
}
