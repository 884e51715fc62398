// SPDX-License-Identifier: GPL-2.0-only
/* A program in the place of another's function (freplace). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

SEC("freplace/inner") int replacement(struct xdp_md *ctx)
{
	return XDP_PASS;
}
