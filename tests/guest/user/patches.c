// SPDX-License-Identifier: GPL-2.0-only
/*
 * patches keys|bpf [ROUNDS]: honest work for which the kernel patches itself,
 * switched on, seen to work, and off again.
 *
 *   keys  socket options that are static keys of TCP, UDP and the network
 *   bpf   a program at a function's entry (fentry), and one at a tracepoint
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FUNCTION	"vfs_statx"		/* what stat() comes to */
#define TRACEPOINT	"sys_enter"
#define CALLS		10

static void die(const char *what)
{
	fprintf(stderr, "patches: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int make_socket(int type)
{
	int fd = socket(AF_INET, type, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static void set(int fd, int level, int name, const void *value, socklen_t len, const char *what)
{
	if (setsockopt(fd, level, name, value, len))
		die(what);
}

/* Each is switched on by the first that wants it, and off, later, when the last is gone. */
static void keys(void)
{
	struct tcp_md5sig md5 = { .tcpm_keylen = 3, .tcpm_key = "abc" };
	struct sockaddr_in *addr = (struct sockaddr_in *)&md5.tcpm_addr;
	int tcp = make_socket(SOCK_STREAM), udp = make_socket(SOCK_DGRAM);
	int one = 1, ttl = 5, encap = UDP_ENCAP_ESPINUDP;

	addr->sin_family = AF_INET;
	addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	set(tcp, IPPROTO_TCP, TCP_MD5SIG, &md5, sizeof(md5), "TCP_MD5SIG");
	set(tcp, IPPROTO_IP, IP_MINTTL, &ttl, sizeof(ttl), "IP_MINTTL");
	set(udp, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof(one), "SO_TIMESTAMP");
	set(udp, IPPROTO_UDP, UDP_ENCAP, &encap, sizeof(encap), "UDP_ENCAP");
	close(tcp);
	close(udp);
}

/* A program that adds one to the only value of map. */
static int load(enum bpf_prog_type type, int map, int btf_id)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1,
		  .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = map },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 1 },
		{ .code = BPF_STX | BPF_DW | BPF_ATOMIC, .dst_reg = BPF_REG_1,
		  .src_reg = BPF_REG_2, .imm = BPF_ADD },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	int fd;

	if (btf_id) {
		opts.expected_attach_type = BPF_TRACE_FENTRY;
		opts.attach_btf_id = btf_id;
	}
	fd = bpf_prog_load(type, "patches", "GPL", insns, sizeof(insns) / sizeof(insns[0]), &opts);
	if (fd < 0)
		die("bpf_prog_load");
	return fd;
}

static uint64_t count(int map)
{
	uint64_t value = 0;
	int zero = 0;

	if (bpf_map_lookup_elem(map, &zero, &value))
		die("bpf_map_lookup_elem");
	return value;
}

static void stat_often(void)
{
	struct stat st;

	for (int i = 0; i < CALLS; i++)
		if (stat("/", &st))
			die("stat");
}

/* It counts while it is attached, and only then. */
static void attach(int prog, int map, const char *tracepoint)
{
	uint64_t before = count(map), after;
	int link = bpf_raw_tracepoint_open(tracepoint, prog);

	if (link < 0)
		die(tracepoint ? tracepoint : FUNCTION);
	stat_often();
	close(link);
	after = count(map);
	if (after < before + CALLS) {
		fprintf(stderr, "patches: %s was seen %llu times, not %d\n",
			tracepoint ? tracepoint : FUNCTION,
			(unsigned long long)(after - before), CALLS);
		exit(1);
	}
}

static void bpf(int rounds)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "count", sizeof(int), sizeof(uint64_t), 1,
				 NULL);
	struct btf *btf = btf__load_vmlinux_btf();
	int id, fentry, raw;

	if (map < 0 || !btf)
		die(map < 0 ? "bpf_map_create" : "the kernel's BTF");
	id = btf__find_by_name_kind(btf, FUNCTION, BTF_KIND_FUNC);
	if (id < 0)
		die(FUNCTION " in the kernel's BTF");
	btf__free(btf);
	fentry = load(BPF_PROG_TYPE_TRACING, map, id);
	raw = load(BPF_PROG_TYPE_RAW_TRACEPOINT, map, 0);
	while (rounds--) {
		attach(fentry, map, NULL);
		attach(raw, map, TRACEPOINT);
	}
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 1;

	if (argc > 1 && !strcmp(argv[1], "bpf")) {
		bpf(rounds);
	} else if (argc > 1 && !strcmp(argv[1], "keys")) {
		while (rounds--)
			keys();
	} else {
		fprintf(stderr, "usage: patches keys|bpf [ROUNDS]\n");
		return 2;
	}
	return 0;
}
