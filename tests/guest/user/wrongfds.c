// SPDX-License-Identifier: GPL-2.0-only
/*
 * wrongfds FILE: VBH does not start with listed modules when what it is given for
 * the catalogue in FILE is something else, and says what is wrong with it. TAP.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vbh/dev.h>

static int failures;

static void try(int device, int fd, const char *what, const char *words)
{
	struct vbh_start start = {
		.policy = {
			.size = sizeof(start.policy),
			.region_rule = {
				[VBH_REGION_KERNEL_TEXT] = VBH_RULE_DENY,
				[VBH_REGION_MODULE_TEXT] = VBH_RULE_DENY,
				[VBH_REGION_MODULE_RODATA] = VBH_RULE_DENY,
			},
			.patching = { [VBH_PATCH_MODULES] = VBH_PATCHING_LISTED },
		},
		.catalogue = fd,
	};

	if (!ioctl(device, VBH_IOC_START, &start)) {
		printf("not ok - VBH starts with %s\n", what);
		ioctl(device, VBH_IOC_STOP);
	} else if (strstr(start.error, words)) {
		printf("ok - VBH does not start with %s, and says so\n", what);
		return;
	} else {
		printf("not ok - VBH says what is wrong with %s: %s\n", what, start.error);
	}
	failures++;
}

int main(int argc, char **argv)
{
	int device = open(VBH_DEVICE, O_RDWR), pipes[2];

	if (argc != 2 || device < 0 || pipe(pipes)) {
		perror("wrongfds");
		return 1;
	}
	/* Whoever looked at this for a catalogue would wait. */
	try(device, pipes[0], "a pipe for a catalogue", "is no regular file");
	try(device, open("/", O_RDONLY), "a folder for one", "is no regular file");
	try(device, open(argv[1], O_WRONLY), "one that may only be written",
	    "not open for reading");
	try(device, open(argv[1], O_PATH), "one that is not open", "is no open file");
	try(device, -1, "none", "is no open file");
	return failures > 0;
}
