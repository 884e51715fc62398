// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a trace of self-modified code must tell apart. A hidden patch: one bit of
 * kernel text turned over, through a mapping of its own, and left so; nothing
 * calls for it and no table knows it. "SYMBOL+OFFSET" written to the file `flip`
 * names the byte; the same once more undoes it. And honest patching of a known
 * size: the file `key` turns a static key of three sites on (1) and off (0).
 */
#include <linux/debugfs.h>
#include <linux/jump_label.h>
#include <linux/uaccess.h>
#include <asm/special_insns.h>

#include "attack.h"
#include "insn.h"
#include "memory.h"

static int flip(u8 *byte)
{
	u64 gpa = memory_phys(byte), rip;
	u8 *alias = gpa ? alias_map(gpa, PAGE_KERNEL) : NULL;
	int vector;

	if (!alias)
		return gpa ? -ENOMEM : -EFAULT;
	vector = try_store8(alias, *byte ^ 1, &rip);
	alias_unmap(alias);
	return vector ? -EPERM : 0;
}

static ssize_t flip_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	unsigned long addr, offset = 0;
	char text[64], *plus;
	long n;
	int err;

	if (len >= sizeof(text))
		return -ENAMETOOLONG;
	n = strncpy_from_user(text, buf, len);
	if (n < 0)
		return n;
	text[n] = 0;
	plus = strchr(strim(text), '+');
	if (plus) {
		*plus++ = 0;
		err = kstrtoul(plus, 0, &offset);
		if (err)
			return err;
	}
	addr = attack_symbol(strim(text));
	if (!addr)
		return -ENOENT;
	err = flip((u8 *)addr + offset);
	return err ?: len;
}

static const struct file_operations flip_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = flip_write,
};

static DEFINE_STATIC_KEY_FALSE(vbh_known_key);

static noinline __used int known_sites(int n)
{
	if (static_branch_unlikely(&vbh_known_key))
		n = n * 3 + 1;
	if (static_branch_unlikely(&vbh_known_key))
		n ^= 0x55;
	if (static_branch_unlikely(&vbh_known_key))
		n += 7;
	return n;
}

static int key_set(void *data, u64 on)
{
	if (on)
		static_branch_enable(&vbh_known_key);
	else
		static_branch_disable(&vbh_known_key);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(key_fops, NULL, key_set, "%llu\n");

void flip_create(struct dentry *dir)
{
	debugfs_create_file_unsafe("key", 0200, dir, NULL, &key_fops);
	debugfs_create_file("flip", 0200, dir, NULL, &flip_fops);
}
