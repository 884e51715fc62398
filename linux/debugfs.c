// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/vbh/memory: the physical ranges that the hypervisor holds,
 * "start end" in hex, one past at the end. They read as zeroes, which somebody
 * who looks at a memory dump may want to know. It is no secret: where reads
 * give zeroes and writes fault is easily found.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include "vbh.h"

static struct dentry *dir;

static int memory_show(struct seq_file *m, void *v)
{
	mutex_lock(&vbh_mutex);
	if (vbh_mode == VBH_NATIVE) {
		launch_show_memory(m);
		donate_show(m);
	}
	mutex_unlock(&vbh_mutex);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(memory);

/* Without debugfs there is no file, and nothing else is missing. */
void debugfs_register(void)
{
	dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("memory", 0400, dir, NULL, &memory_fops);
}

void debugfs_unregister(void)
{
	debugfs_remove(dir);
}
