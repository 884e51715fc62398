// SPDX-License-Identifier: GPL-2.0-only
/*
 * xdp: runs a BPF program of two instructions twice, as an XDP program is. For
 * that time the kernel's XDP dispatcher, a static call, goes to code made for it.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	static uint8_t packet[64];
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uint64_t)(uintptr_t)insns,
		.insn_cnt = 2,
		.license = (uint64_t)(uintptr_t)"GPL",
	};
	union bpf_attr run = {
		.test.data_in = (uint64_t)(uintptr_t)packet,
		.test.data_size_in = sizeof(packet),
		.test.repeat = 2,
	};
	long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));

	if (fd < 0) {
		fprintf(stderr, "xdp: BPF_PROG_LOAD: %s\n", strerror(errno));
		return 1;
	}
	run.test.prog_fd = (uint32_t)fd;
	if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &run, sizeof(run)) || run.test.retval != XDP_PASS) {
		fprintf(stderr, "xdp: BPF_PROG_TEST_RUN: %s, gave %u\n", strerror(errno),
			run.test.retval);
		return 1;
	}
	return 0;
}
