// SPDX-License-Identifier: GPL-2.0-only
/*
 * knobs [-s SEED] [-n COUNT] [-l FILE] [-x PATTERN] DIRECTORY...: what root writes to tracefs,
 * debugfs, sysfs and /proc/sys: for each file below that may be written, in an
 * order that the seed gives, 0 and 1, what it says itself, and names that the
 * files beside it offer, and its own content again. A line for each file says how
 * each write ended and what is left; COUNT is how many files at most (all).
 *
 * What ends or maims a machine by itself is left out, with the reason.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define FILES		60000
#define CONTENT		4000		/* bytes that are read and written back */
#define PATIENCE	60		/* seconds for a file */

static const struct {
	const char *pattern;		/* of fnmatch(3), '/' is as any other character */
	const char *reason;
} left_out[] = {
	/* ends, stops or resets the machine */
	{ "/proc/sys/kernel/*panic*", "the next small thing ends the machine" },
	{ "/proc/sys/vm/panic_on_oom", "likewise" },
	{ "/sys/module/kernel/parameters/*", "panic, panic_on_warn, pause_on_oops: likewise" },
	{ "/sys/power/*", "suspends or hibernates" },
	{ "*/power/*", "runtime suspend of devices, of the console as well" },
	{ "/sys/kernel/reboot/*", "how the machine ends; run-reset.sh has it" },
	{ "/sys/devices/system/cpu/cpu*/online", "run-deny.sh has it" },
	{ "/sys/devices/system/cpu/cpu*/hotplug/*", "CPUs stop half-way, or fail to" },
	{ "/sys/devices/system/cpu/smt/control", "takes CPUs off" },
	{ "/sys/devices/system/memory/*", "takes memory away" },
	{ "*/eject", "takes a CPU or a device out of the machine" },
	{ "/sys/kernel/debug/provoke-crash/*", "crashes" },
	{ "/sys/kernel/debug/fail_*", "makes allocations fail" },
	{ "/sys/kernel/debug/*notifier-error-inject*", "likewise" },
	{ "/sys/devices/*/clocksource*/unbind*", "no clock" },
	{ "/sys/devices/*/clockevents/*/unbind*", "likewise" },
	{ "/sys/devices/pci*/remove", "takes a device away, the console's bridge as well" },
	{ "/sys/devices/pci*/*reset*", "resets a device" },
	{ "/sys/devices/pci*/enable", "disables a device that is in use" },
	{ "/sys/devices/pci*/rom", "reads as what the device makes of it" },
	{ "/sys/devices/pci*/resource*", "registers of devices" },
	{ "/sys/devices/pci*/config", "likewise" },
	{ "/sys/devices/*/tty/*", "the console" },
	{ "/sys/bus/*/drivers/*bind", "takes a driver from its device" },
	{ "/sys/bus/*/drivers_probe", "gives it back" },
	{ "/sys/kernel/debug/kgdb*", "stops the machine for a debugger" },
	{ "/sys/module/kgdb*", "likewise" },
	{ "/sys/module/sysrq/*", "reset by keys" },
	/* can not be taken back, on any machine */
	{ "/proc/sys/kernel/modules_disabled", "for good" },
	{ "/sys/module/module/parameters/sig_enforce", "for good" },
	{ "/proc/sys/kernel/kexec_load_*", "for good" },
	{ "/proc/sys/kernel/unprivileged_bpf_disabled", "for good" },
	{ "/proc/sys/kernel/usermodehelper/*", "capabilities go for good" },
	{ "/proc/sys/kernel/yama/*", "for good" },
	{ "/sys/kernel/kexec_crash_size", "only shrinks" },
	{ "/sys/kernel/profiling", "for good" },
	{ "/sys/kernel/security/*", "for good" },
	/* starve this program or its shell */
	{ "/proc/sys/kernel/*pid*", "no pids" },
	{ "/proc/sys/kernel/threads-max", "no threads" },
	{ "/proc/sys/user/*", "no namespaces, no files" },
	{ "/proc/sys/vm/max_map_count", "no mappings" },
	{ "/proc/sys/vm/overcommit_*", "no memory" },
	{ "/proc/sys/vm/*reserve*", "likewise" },
	{ "/proc/sys/vm/min_free_kbytes", "likewise" },
	{ "/proc/sys/vm/nr_hugepages*", "likewise" },
	{ "*/nr_*hugepages*", "likewise" },
	{ "/proc/sys/fs/*-max", "no files" },
	{ "/proc/sys/fs/nr_open", "likewise" },
	{ "/proc/sys/kernel/core_*", "a core dump's program, where no core is dumped" },
	{ "/sys/fs/cgroup/*", "moves this program" },
	{ "/sys/kernel/debug/tracing/*", "as /sys/kernel/tracing" },
	/* say something else at each time */
	{ "*/trace_pipe*", "blocks" },
	{ "*/snapshot", "what was traced" },
	{ "*/trace", "likewise" },
	{ "*/trace_marker*", "likewise" },
	{ "*/uevent", "messages to nobody" },
};

static const char *besides;		/* -x: left out as well */
static char *files[FILES];
static unsigned int count;
static uint64_t state;

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* Of the seed and the name alone: a file that comes and goes changes no other's turn. */
static uint64_t hash(uint64_t seed, const char *s)
{
	uint64_t h = mix(seed + 1);

	while (*s)
		h = mix(h ^ (unsigned char)*s++);
	return h;
}

static uint64_t next_random(void)
{
	return mix(state += 0x9e3779b97f4a7c15ull);
}

static bool is_left_out(const char *path)
{
	if (besides && !fnmatch(besides, path, 0))
		return true;
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (!fnmatch(left_out[i].pattern, path, 0))
			return true;
	return false;
}

static void walk(const char *dir, dev_t dev)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat st;
	char *path;

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    asprintf(&path, "%s/%s", dir, e->d_name) < 0)
			continue;
		if (!lstat(path, &st) && st.st_dev == dev) {
			if (S_ISDIR(st.st_mode)) {
				walk(path, dev);
			} else if (S_ISREG(st.st_mode) && (st.st_mode & 0222) &&
				   count < FILES && !is_left_out(path)) {
				files[count++] = path;
				continue;
			}
		}
		free(path);
	}
	closedir(d);
}

static uint64_t seed;

static int by_turn(const void *a, const void *b)
{
	uint64_t x = hash(seed, *(char **)a), y = hash(seed, *(char **)b);

	return x < y ? -1 : x > y;
}

static ssize_t read_all(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	ssize_t n, all = 0;

	if (fd < 0)
		return -1;
	while ((size_t)all < size - 1 && (n = read(fd, buf + all, size - 1 - all)) > 0)
		all += n;
	close(fd);
	buf[all] = 0;
	return all;
}

static char *line;			/* what is said of the file: shared with the child */

static void say(const char *format, ...)
{
	size_t used = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + used, 8192 - used, format, args);
	va_end(args);
}

static void put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_TRUNC);
	const char *how = "ok";

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		how = strerrorname_np(errno);
	if (fd >= 0 && close(fd) && !strcmp(how, "ok"))
		how = strerrorname_np(errno);
	say(" %.24s=%s", value[strcspn(value, "\n")] ? "own" : value, how);
}

/* A word in brackets is what a file with a choice of words is set to. */
static void choice(const char *content, char *word, size_t size)
{
	const char *open = strpbrk(content, "[("), *close = open ? strpbrk(open, "])") : NULL;

	word[0] = 0;
	if (close && (size_t)(close - open) < size)
		snprintf(word, size, "%.*s", (int)(close - open - 1), open + 1);
}

/* One word of text, without its brackets. */
static bool pick(char *text, char *word, size_t size)
{
	char *words[4096], *save = NULL, *w;
	size_t n = 0;

	for (w = strtok_r(text, " \t\n[]()", &save); w && n < 4096;
	     w = strtok_r(NULL, " \t\n[]()", &save))
		words[n++] = w;
	if (!n)
		return false;
	snprintf(word, size, "%s", words[next_random() % n]);
	return true;
}

/* What ordinary use writes where no file beside it says so. */
static const struct {
	const char *name, *values[4];
} known[] = {
	{ "kprobe_events", { "p:vbhk/in vfs_read", "r:vbhk/out vfs_read", "-:vbhk/in", "-:vbhk/out" } },
	{ "uprobe_events", { "p:vbhu/in /bin/busybox:0x1000", "-:vbhu/in" } },
	{ "dynamic_events", { "p:vbhd/in vfs_write", "-:vbhd/in" } },
	{ "synthetic_events", { "vbhs u64 a; pid_t b", "!vbhs" } },
	{ "set_ftrace_filter", { "vfs_read:traceoff", "!vfs_read:traceoff", "vfs_*:stacktrace:1",
				 "!vfs_*:stacktrace:1" } },
	{ "trigger", { "traceoff", "!traceoff", "stacktrace:1", "!stacktrace:1" } },
	{ "filter", { "common_pid != 0" } },
	{ "control", { "file * +p", "file * -p" } },
	{ "probes", { "vfs_read" } },
};

static void own_words(const char *path, const char *content)
{
	const char *name = strrchr(path, '/') + 1;
	char dir[512], text[65536], word[128], other[1024];
	struct dirent *e;
	DIR *d;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		for (size_t j = 0; !strcmp(known[i].name, name) && j < 4 && known[i].values[j]; j++)
			put(path, known[i].values[j]);

	snprintf(text, sizeof(text), "%s", content);
	if (strpbrk(content, "[(") && pick(text, word, sizeof(word)))
		put(path, word);

	/* available_tracers beside current_tracer, available_events beside set_event. */
	snprintf(dir, sizeof(dir), "%.*s", (int)(name - path - 1), path);
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, "available_", 10))
			continue;
		snprintf(other, sizeof(other), "%s/%s", dir, e->d_name);
		for (int i = 0; i < 2; i++)
			if (read_all(other, text, sizeof(text)) > 0 &&
			    pick(text, word, sizeof(word)))
				put(path, word);
	}
	if (d)
		closedir(d);
}

static void turn(const char *path)
{
	char content[CONTENT], after[CONTENT], word[128];
	ssize_t n = read_all(path, content, sizeof(content));

	put(path, "0");
	put(path, "1");
	own_words(path, n > 0 ? content : "");
	if (n > 0) {
		choice(content, word, sizeof(word));
		put(path, word[0] ? word : content);
	} else {
		put(path, "0");
	}
	n = read_all(path, after, sizeof(after));
	after[strcspn(after, "\n")] = 0;
	say("\tleft: %.60s", n > 0 ? after : "");
}

/* In a child, which is given up when its time is over. */
static int one(const char *path)
{
	int status, waited = 0;
	pid_t pid;

	line[0] = 0;
	state = hash(seed, path);
	pid = fork();
	if (!pid) {
		turn(path);
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (waited++ > PATIENCE * 100) {
			kill(pid, SIGKILL);
			usleep(1000000);
			if (waitpid(pid, &status, WNOHANG) != pid) {
				say("\thangs");
				return 1;
			}
			say("\ttakes too long");
			return 1;
		}
		usleep(waited < 10 ? 500 : 10000);
	}
	if (!WIFEXITED(status)) {
		say("\tis killed by signal %d", WTERMSIG(status));
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int limit = FILES, bad = 0;
	FILE *progress = NULL;
	struct stat st;
	int opt;

	while ((opt = getopt(argc, argv, "s:n:l:x:")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'n')
			limit = strtoul(optarg, NULL, 0);
		else if (opt == 'x')
			besides = optarg;
		else if (opt == 'l')
			progress = fopen(optarg, "w");
		else
			return 2;
	}
	line = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (line == MAP_FAILED || optind == argc)
		return 2;
	for (; optind < argc; optind++)
		if (!stat(argv[optind], &st))
			walk(argv[optind], st.st_dev);
	qsort(files, count, sizeof(files[0]), by_turn);
	for (unsigned int i = 0; i < count && i < limit; i++) {
		if (progress) {
			fprintf(progress, "#W %s\n", files[i]);
			fflush(progress);
			tcdrain(fileno(progress));
		}
		bad += one(files[i]);
		for (char *p = line; *p; p++)
			if (!isprint((unsigned char)*p) && *p != '\t')
				*p = '.';
		printf("%s\t%s\n", files[i], line + (line[0] == ' '));
		fflush(stdout);
	}
	fprintf(stderr, "# knobs: %u of %u files\n", count < limit ? count : limit, count);
	return bad > 0;
}
