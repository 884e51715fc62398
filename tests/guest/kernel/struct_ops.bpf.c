// SPDX-License-Identifier: GPL-2.0-only
/* A congestion control of TCP in BPF. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";
__u64 hits;

struct sock;

/* The kernel's structure as far as it is used; libbpf goes by the names. */
struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
};

SEC("struct_ops/ssthresh") __u32 BPF_PROG(ssthresh, struct sock *sk)
{
	return 2;
}

SEC("struct_ops/avoid") void BPF_PROG(avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	__sync_fetch_and_add(&hits, 1);
}

SEC("struct_ops/undo") __u32 BPF_PROG(undo, struct sock *sk)
{
	return 2;
}

SEC(".struct_ops") struct tcp_congestion_ops control = {
	.ssthresh = (void *)ssthresh,
	.cong_avoid = (void *)avoid,
	.undo_cwnd = (void *)undo,
	.name = "vbh",
};
