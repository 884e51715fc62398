// SPDX-License-Identifier: GPL-2.0-only
/*
 * What programs do all day, each as one function, the same with and without
 * VBH: processes, files, pipes, context switches, memory; and what a machine does
 * now and then, for which the kernel patches itself: a module, a key, a tracer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "workload.h"

#define NOTHING		"/bench/nothing"
#define NOP_MODULE	"/bench/vbh_nop_0000.ko"
#define NOP_NAME	"vbh_nop_0000"
#define MMAP_BYTES	16384
#define TRACING		"/sys/kernel/tracing/"
#define TRACED		"tcp_*"	/* some hundreds */
#define LISTED		"fuse"	/* of Debian's modules one that needs no other, with 100 KiB of text */
#define PATCHES		"none: it patches the kernel, and waits"

static pid_t child;
static int to_child[2], to_parent[2];

static void reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
		die("a child failed: status 0x%x", status);
}

static void fork_exit(__u32 i)
{
	pid_t pid = fork();

	(void)i;
	if (!pid)
		_exit(0);
	reap(pid);
}

/* A dead process is given back when RCU comes to it: each round is to find the same. */
static void rest(__u32 n)
{
	(void)n;
	usleep(30000);
}

static void fork_exec(__u32 i)
{
	pid_t pid = fork();

	(void)i;
	if (!pid) {
		execl(NOTHING, NOTHING, NULL);
		_exit(1);
	}
	reap(pid);
}

static void open_close(__u32 i)
{
	int fd = open(NOTHING, O_RDONLY);

	(void)i;
	if (fd < 0 || close(fd))
		die("%s: %s", NOTHING, strerror(errno));
}

static void start_child(void (*run)(void))
{
	child = fork();
	if (child < 0)
		die("fork: %s", strerror(errno));
	if (!child) {
		run();
		_exit(0);
	}
}

static void kill_child(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* What CFS decides on a wake-up depends on all that ran before. */
static void be_realtime(int policy)
{
	struct sched_param param = { .sched_priority = policy == SCHED_FIFO };

	if (sched_setscheduler(0, policy, &param))
		die("sched_setscheduler: %s", strerror(errno));
}

static void echo(void)
{
	char c;

	while (read(to_child[0], &c, 1) == 1)
		if (write(to_parent[1], &c, 1) != 1)
			break;
}

static void pipe_setup(void)
{
	be_realtime(SCHED_FIFO);
	if (pipe(to_child) || pipe(to_parent))
		die("pipe: %s", strerror(errno));
	start_child(echo);
}

static void pipe_teardown(void)
{
	kill_child();
	be_realtime(SCHED_OTHER);
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(to_parent[i]);
	}
}

static void pipe_ping_pong(__u32 i)
{
	char c = (char)i;

	if (write(to_child[1], &c, 1) != 1 || read(to_parent[0], &c, 1) != 1)
		die("pipe: %s", strerror(errno));
}

/* Two of the same real-time priority take turns: each yield is one switch. */
static void yield_for_ever(void)
{
	for (;;)
		sched_yield();
}

static void switch_setup(void)
{
	be_realtime(SCHED_FIFO);
	start_child(yield_for_ever);
}

static void switch_teardown(void)
{
	kill_child();
	be_realtime(SCHED_OTHER);
}

static void context_switch(__u32 i)
{
	(void)i;
	sched_yield();
}

static void map_unmap(__u32 i)
{
	volatile char *p = mmap(NULL, MMAP_BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	for (size_t at = 0; at < MMAP_BYTES; at += 4096)
		p[at] = (char)i;
	munmap((void *)p, MMAP_BYTES);
}

/* All of it, in memory of its own. */
static char *read_module(const char *path, size_t *size)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	char *data;

	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", path, strerror(errno));
	*size = (size_t)st.st_size;
	data = malloc(*size);
	if (!data || read(fd, data, *size) != st.st_size)
		die("%s: can't be read", path);
	close(fd);
	return data;
}

static void load_module(const char *data, size_t size)
{
	if (syscall(SYS_init_module, data, size, ""))
		die("init_module: %s", strerror(errno));
}

static void delete_module(const char *name)
{
	if (syscall(SYS_delete_module, name, 0))
		die("delete_module %s: %s", name, strerror(errno));
}

static char *nop;
static size_t nop_size;
static __u32 nop_loaded;

static void nop_name(char *name, __u32 i)
{
	snprintf(name, sizeof(NOP_NAME), "vbh_nop_%04u", i % 10000);
}

static void module_setup(void)
{
	if (!nop)
		nop = read_module(NOP_MODULE, &nop_size);
}

/* The name that the file has now is replaced wherever it stands. */
static void rename_module(__u32 i)
{
	static char now[sizeof(NOP_NAME)] = NOP_NAME;
	char name[sizeof(NOP_NAME)];
	size_t len = sizeof(NOP_NAME) - 1;
	char *at = nop;

	nop_name(name, i);
	while ((at = memmem(at, nop_size - (size_t)(at - nop), now, len))) {
		memcpy(at, name, len);
		at += len;
	}
	memcpy(now, name, len);
}

static void module_load(__u32 i)
{
	(void)i;
	rename_module(nop_loaded);
	load_module(nop, nop_size);
	nop_loaded++;
}

void module_unload_all(void)
{
	char name[sizeof(NOP_NAME)];

	while (nop_loaded) {
		nop_name(name, --nop_loaded);
		delete_module(name);
	}
}

static void module_unload(__u32 n)
{
	(void)n;
	if (mode != SEALED)	/* else held until the hypervisor has stopped */
		module_unload_all();
}

static void listed_load(void)
{
	static char *data;
	static size_t size;

	if (!data)
		data = read_module(LISTED_MODULES "/" LISTED ".ko", &size);
	load_module(data, size);
}

static void listed_unload(void)
{
	delete_module(LISTED);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("%s: \"%s\": %s", path, text, strerror(errno));
	close(fd);
}

static void key_flip(__u32 i)
{
	static bool on;

	(void)i;
	on = !on;
	write_file("/proc/sys/kernel/sched_schedstats", on ? "1" : "0");
}

static void record_setup(void)
{
	if (mode != STOPPED)
		record_patching(true);
}

static void record_teardown(void)
{
	if (mode != STOPPED)
		record_patching(false);
}

/* As vbhctl smc record does: what is read is acknowledged, or no more would be recorded. */
static void record_read(__u32 n)
{
	(void)n;
	if (mode != STOPPED)
		forget_records();
}

static void trace_setup(void)
{
	write_file(TRACING "set_ftrace_filter", TRACED);
}

static void trace_all(void)
{
	write_file(TRACING "current_tracer", "function");
	write_file(TRACING "current_tracer", "nop");
}

static void trace_functions(__u32 i)
{
	(void)i;
	trace_all();
}

static void trace_teardown(void)
{
	write_file(TRACING "set_ftrace_filter", "\n");
}

const struct workload workloads[] = {
	{ "fork+exit", "fork_exit", 1, 60, NULL, true, false, NULL, fork_exit, NULL, rest },
	{ "fork+exec", "fork_exec", 1, 60, NULL, false, false, NULL, fork_exec, NULL, rest },
	{ "open/close", "open_close", 1, 300, NULL, true, false, NULL, open_close, NULL, NULL },
	{ "pipe ping-pong", "pipe", 5, 60, NULL, true, false, pipe_setup, pipe_ping_pong,
	  pipe_teardown, rest },
	{ "2 context switches", "switch", 20, 60, NULL, false, false, switch_setup,
	  context_switch, switch_teardown, NULL },
	{ "mmap/munmap 16 KiB", "mmap", 1, 300, NULL, true, false, NULL, map_unmap, NULL, NULL },
	{ "module load", "module", 1, 8, "none: it protects the module", false, false,
	  module_setup, module_load, NULL, module_unload },
	{ "static key flip", "key_flip", 2, 8, PATCHES, false, true, NULL, key_flip, NULL, NULL },
	{ "the same, recorded", KEY_RECORDED, 2, 8, PATCHES, false, true, record_setup, key_flip,
	  record_teardown, record_read },
	{ "trace " TRACED ", on+off", "trace", 1, 1, PATCHES, false, true, trace_setup,
	  trace_functions, trace_teardown, NULL },
};

const __u32 nr_workloads = sizeof(workloads) / sizeof(workloads[0]);

const struct rare rares[NR_RARES] = {
	{ "load of " LISTED ", with modules = \"listed\"", "listed", 4, listed_load, listed_unload },
	[RARE_TRACE] = { "trace every function, on+off", "trace_all", 1, trace_all, NULL },
};
