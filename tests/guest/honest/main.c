// SPDX-License-Identifier: GPL-2.0-only
/*
 * honest: ordinary programs' work, as tests that must give the same results
 * whether or not a hypervisor was slipped under the kernel. Runs the tables of
 * the other files, prints TAP, and keeps and compares what must not change.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "honest.h"

#define TIME_LIMIT_S	120

static const struct test *const tables[] = {
	fpu_tests, cpuid_tests, step_tests, watch_tests, fault_tests, signal_tests, clock_tests,
	storm_tests, ipc_tests, segment_tests, syscall_tests, perf_tests, memory_tests,
};

static char *why;	/* shared with the test's process */
#define WHY_SIZE	4096

static int say(int ret, const char *fmt, va_list args)
{
	/* The first reason is the one that counts; threads may have more. */
	if (!*why)
		vsnprintf(why, WHY_SIZE, fmt, args);
	return ret;
}

int fail(const char *fmt, ...)
{
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = say(FAIL, fmt, args);
	va_end(args);
	return ret;
}

int skip(const char *fmt, ...)
{
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = say(SKIP, fmt, args);
	va_end(args);
	return ret;
}

static int run_one(const struct test *t, int scale)
{
	int status, ret;
	pid_t pid;

	*why = 0;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return fail("fork failed");
	if (!pid) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(TIME_LIMIT_S * scale);
		ret = t->run(scale);
		_exit(ret == PASS ? 0 : ret == SKIP ? 2 : 1);
	}
	waitpid(pid, &status, 0);
	kill(-pid, SIGKILL);
	if (WIFSIGNALED(status))
		return fail("killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == 2)
		return SKIP;
	if (WEXITSTATUS(status))
		return fail("exit status %d", WEXITSTATUS(status));
	return PASS;
}

static bool wanted(const struct test *t, char **names, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (!strcmp(t->name, names[i]))
			return true;
	return !n;
}

static int run(char **names, int n, int scale)
{
	int failed = 0, ran = 0, number = 1;
	const struct test *t;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		for (t = tables[i]; t->name; t++) {
			if (!wanted(t, names, n))
				continue;
			ran++;
			switch (run_one(t, scale)) {
			case PASS:
				printf("ok %d - %s\n", number++, t->claim);
				break;
			case SKIP:
				printf("ok %d - %s # SKIP %s\n", number++, t->claim, why);
				break;
			default:
				printf("not ok %d - %s: %s (%s)\n", number++, t->claim, why,
				       t->name);
				failed++;
			}
			fflush(stdout);
		}
	}
	if (ran < n) {
		fprintf(stderr, "honest: no such test; see honest list\n");
		return 2;
	}
	return failed ? 1 : 0;
}

static int list(void)
{
	const struct test *t;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (t = tables[i]; t->name; t++)
			printf("%-20s %s\n", t->name, t->claim);
	return 0;
}

static int do_record(const char *file)
{
	FILE *out = fopen(file, "w");
	int ret;

	if (!out) {
		perror(file);
		return 2;
	}
	ret = record(out);
	return fclose(out) || ret ? 2 : 0;
}

/* A child's new recording, so that both are lines of text, compared as such. */
static int do_compare(const char *file)
{
	FILE *before = fopen(file, "r"), *now = tmpfile();

	if (!before || !now) {
		perror(file);
		return 2;
	}
	if (record(now))
		return 2;
	rewind(now);
	return compare(before, now) ? 1 : 0;
}

/* Keep the machine busy with the tests themselves until killed. */
static int load(void)
{
	static char *names[] = { "fork-storm", "pipe-pingpong", "fpu-switch", "mmap-storm" };
	int out = dup(STDOUT_FILENO);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen("/dev/null", "w", stdout))
		return 2;
	while (!run(names, ARRAY_SIZE(names), 1))
		;
	dprintf(out, "load: a test failed\n");
	return 1;
}

static int usage(void)
{
	fputs("usage: honest list\n"
	      "       honest run [NAME]... [--scale N]\n"
	      "       honest record FILE\n"
	      "       honest compare FILE\n"
	      "       honest load\n", stderr);
	return 2;
}

static int parse_run(int argc, char **argv)
{
	int scale = 1, n = 0, i;
	char *names[argc];

	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--scale") && i + 1 < argc)
			scale = atoi(argv[++i]);
		else if (argv[i][0] == '-')
			return usage();
		else
			names[n++] = argv[i];
	}
	return scale < 1 ? usage() : run(names, n, scale);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "exec-child"))
		_exit(atoi(argv[2]));
	why = mmap(NULL, WHY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (why == MAP_FAILED || argc < 2)
		return usage();
	if (!strcmp(argv[1], "list"))
		return list();
	if (!strcmp(argv[1], "run"))
		return parse_run(argc - 2, argv + 2);
	if (!strcmp(argv[1], "record") && argc == 3)
		return do_record(argv[2]);
	if (!strcmp(argv[1], "compare") && argc == 3)
		return do_compare(argv[2]);
	if (!strcmp(argv[1], "load"))
		return load();
	return usage();
}
