// SPDX-License-Identifier: GPL-2.0-only
/*
 * attach DIRECTORY: each program of attach.bpf.o there is loaded, attached, seen to
 * run, detached, and seen to run no more; a congestion control (struct_ops) and a
 * program in the place of another's function (freplace) are, too. A line for each:
 * its name, and how it went.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOPBACK	1	/* its interface's index */

static const char *directory;
static bool verbose;

static void result(const char *name, const char *how, int error)
{
	printf("%s\t%s%s%s\n", name, how, error ? ": " : "", error ? strerror(error) : "");
	fflush(stdout);
}

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (verbose && level != LIBBPF_DEBUG)
		return vfprintf(stderr, format, args);
	return 0;
}

__attribute__((noinline)) void probed(void)
{
	asm volatile("");
}

/* What makes each of the programs run. */
static void work(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct stat st;
	char byte;
	int fd;

	for (int i = 0; i < 20; i++) {
		stat("/proc/version", &st);
		fd = open("/proc/version", O_RDONLY);
		if (fd < 0 || read(fd, &byte, 1) != 1)
			perror("attach: /proc/version");
		close(fd);
		probed();
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
		close(fd);
	}
}

static struct bpf_object *open_object(const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	return bpf_object__open_file(path, NULL);
}

/* The only variable of a program's object. */
static uint64_t hits(struct bpf_object *object)
{
	uint64_t value = 0;
	struct bpf_map *map;
	uint32_t key = 0;

	bpf_object__for_each_map(map, object)
		if (strstr(bpf_map__name(map), ".bss"))
			bpf_map_lookup_elem(bpf_map__fd(map), &key, &value);
	return value;
}

static struct bpf_link *attach(struct bpf_program *program, const char *name)
{
	struct bpf_link *link;
	int fd;

	if (!strcmp(name, "xdp_generic"))
		return bpf_program__attach_xdp(program, LOOPBACK);
	if (strncmp(name, "cgroup", 6) && strcmp(name, "lsm_cgroup"))
		return bpf_program__attach(program);
	fd = open("/sys/fs/cgroup", O_RDONLY);
	link = bpf_program__attach_cgroup(program, fd);
	close(fd);
	return link;
}

/* An object with one of its programs: the others are not loaded. */
static void one(const char *name)
{
	struct bpf_object *object = open_object("attach.bpf.o");
	struct bpf_program *program;
	struct bpf_link *link;
	uint64_t before;
	int error;

	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), name));
	error = bpf_object__load(object);
	if (error) {
		result(name, "not loaded", -error);
		goto out;
	}
	program = bpf_object__find_program_by_name(object, name);
	link = attach(program, name);
	if (!link) {
		result(name, "not attached", errno);
		goto out;
	}
	work();
	before = hits(object);
	error = bpf_link__destroy(link);
	if (error) {
		result(name, "not detached", -error);
		goto out;
	}
	if (!before) {
		result(name, "attached, but it does not run", 0);
		goto out;
	}
	before = hits(object);
	work();
	result(name, hits(object) == before ? "works" : "detached, but it runs", 0);
out:
	bpf_object__close(object);
}

static void freplace(void)
{
	struct bpf_object *target = open_object("replaced.bpf.o");
	struct bpf_object *object = open_object("replace.bpf.o");
	struct bpf_program *program = bpf_object__next_program(object, NULL), *outer;
	struct bpf_link *link = NULL;
	char packet[64] = "";
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet));
	int error = bpf_object__load(target), fd;

	if (error) {
		result("freplace", "target not loaded", -error);
		return;
	}
	outer = bpf_object__find_program_by_name(target, "outer");
	fd = bpf_program__fd(outer);
	bpf_program__set_attach_target(program, fd, "inner");
	error = bpf_object__load(object);
	if (!error) {
		link = bpf_program__attach_freplace(program, fd, "inner");
		error = link ? 0 : -errno;
	}
	if (error || bpf_prog_test_run_opts(fd, &run)) {
		result("freplace", "not attached", error ? -error : errno);
	} else if (run.retval != XDP_PASS) {
		result("freplace", "attached, but it does not run", 0);
	} else {
		bpf_link__destroy(link);
		link = NULL;
		bpf_prog_test_run_opts(fd, &run);
		result("freplace", run.retval == XDP_DROP ? "works" : "detached, but it runs", 0);
	}
	bpf_link__destroy(link);
	bpf_object__close(object);
	bpf_object__close(target);
}

/* Bytes over a connection that the control is chosen for. */
static int transfer(void)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), from = socket(AF_INET, SOCK_STREAM, 0), to;
	static char buf[16384];
	int ret = -1;

	if (bind(listener, (struct sockaddr *)&at, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&at, &len) ||
	    setsockopt(from, IPPROTO_TCP, TCP_CONGESTION, "vbh", 3) ||
	    connect(from, (struct sockaddr *)&at, len))
		goto out;
	to = accept(listener, NULL, NULL);
	ret = 0;
	for (int i = 0; i < 50 && !ret; i++)
		if (write(from, buf, sizeof(buf)) != sizeof(buf) ||
		    recv(to, buf, sizeof(buf), MSG_WAITALL) != sizeof(buf))
			ret = -1;
	close(to);
out:
	close(from);
	close(listener);
	return ret;
}

static void struct_ops(void)
{
	struct bpf_object *object = open_object("struct_ops.bpf.o");
	struct bpf_link *link;
	int error = bpf_object__load(object);

	if (error) {
		result("struct_ops", "not loaded", -error);
		return;
	}
	link = bpf_map__attach_struct_ops(bpf_object__find_map_by_name(object, "control"));
	if (!link)
		result("struct_ops", "not attached", errno);
	else if (transfer())
		result("struct_ops", "attached, but it carries nothing", errno);
	else
		result("struct_ops", hits(object) ? "works" : "attached, but it does not run", 0);
	bpf_link__destroy(link);
	bpf_object__close(object);
}

int main(int argc, char **argv)
{
	struct bpf_object *object;
	struct bpf_program *program;

	verbose = argc > 2;
	directory = argc > 1 ? argv[1] : ".";
	libbpf_set_print(print);
	object = open_object("attach.bpf.o");
	if (!object) {
		perror("attach: attach.bpf.o");
		return 1;
	}
	bpf_object__for_each_program(program, object)
		one(bpf_program__name(program));
	bpf_object__close(object);
	freplace();
	struct_ops();
	return 0;
}
