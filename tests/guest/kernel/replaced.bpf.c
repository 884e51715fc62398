// SPDX-License-Identifier: GPL-2.0-only
/* An XDP program with a function that the program of replace.bpf.c takes the place of. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

__attribute__((noinline)) int inner(struct xdp_md *ctx)
{
	volatile int ret = XDP_DROP;

	return ret;
}

SEC("xdp") int outer(struct xdp_md *ctx)
{
	return inner(ctx);
}
