// SPDX-License-Identifier: GPL-2.0-only
/*
 * One program for each way to attach BPF to the kernel's code. Each adds one to
 * hits, so that attach.c sees that it runs.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";
__u64 hits;

#define COUNTED(name, section, value)				\
	SEC(section) int name(void *ctx)			\
	{							\
		__sync_fetch_and_add(&hits, 1);			\
		return value;					\
	}

COUNTED(fentry, "fentry/vfs_statx", 0)
COUNTED(fexit, "fexit/vfs_statx", 0)
COUNTED(fmod_ret, "fmod_ret/security_inode_getattr", 0)
COUNTED(lsm, "lsm/inode_getattr", 0)
COUNTED(lsm_sleepable, "lsm.s/file_open", 0)
COUNTED(lsm_cgroup, "lsm_cgroup/socket_create", 1)
COUNTED(raw_tp, "raw_tp/sys_enter", 0)
COUNTED(tp_btf, "tp_btf/sys_enter", 0)
COUNTED(tp, "tp/syscalls/sys_enter_newfstatat", 0)
COUNTED(kprobe, "kprobe/vfs_statx", 0)
COUNTED(kretprobe, "kretprobe/vfs_statx", 0)
COUNTED(kprobe_inside, "kprobe/vfs_read+5", 0)
COUNTED(kprobe_multi, "kprobe.multi/vfs_stat*", 0)
COUNTED(ksyscall, "ksyscall/newfstatat", 0)
COUNTED(uprobe, "uprobe//proc/self/exe:probed", 0)
COUNTED(cgroup_sock, "cgroup/sock_create", 1)
COUNTED(cgroup_skb, "cgroup_skb/egress", 1)
COUNTED(xdp_generic, "xdp", XDP_PASS)
