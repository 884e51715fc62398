// SPDX-License-Identifier: GPL-2.0-only
/*
 * attack MODE [-c CPU] [-l FAILED] [NAME...]: makes attacks, all that fit the mode if
 * none is named, and judges each. A NAME may have * in it.
 *
 *   plain   without VBH: each must work, or be stopped by the processor
 *   deny    each must be stopped and recorded, once, with the right fields
 *   sealed  the same after the seal, with what only the seal forbids
 *   log     each must work, and be recorded
 *   honest  what is no attack: must work, and not be recorded
 *
 * -l FAILED also makes those after which a machine without VBH is not whole, and
 * resets it at the end; the rig is told of failures there were before (FAILED
 * not 0) or now. For each attack it prints a TAP line without a number, and for
 * the demo a line of tab-separated fields: #T, name, what, mode, status (ok, not
 * ok, skip, cpu: the processor stops it), outcome, event.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "attack.h"

#define DIR		"/sys/kernel/debug/vbh_attack/"
#define MAX_EVENTS	64

enum mode { PLAIN, DENY, SEALED, LOG, HONEST, NR_MODES };

static const char *const modes[NR_MODES] = { "plain", "deny", "sealed", "log", "honest" };
static enum mode mode;
static int vbh = -1;		/* /dev/vbh, or -1: VBH does not run */
static bool last_too;
static unsigned int failed;

/* "name flags arg what" */
static bool parse_attack(char *line, struct attack *a)
{
	char *flags, *arg, *what;

	line[strcspn(line, "\n")] = 0;
	flags = strchr(line, ' ');
	arg = flags ? strchr(flags + 1, ' ') : NULL;
	what = arg ? strchr(arg + 1, ' ') : NULL;
	if (!what)
		return false;
	*flags++ = 0;
	*arg++ = 0;
	*what++ = 0;
	memset(a, 0, sizeof(*a));
	snprintf(a->name, sizeof(a->name), "%.47s", line);
	snprintf(a->what, sizeof(a->what), "%.127s", what);
	a->flags = strtoul(flags, NULL, 0);
	a->arg = strtol(arg, NULL, 0);
	return true;
}

/* One line of the module's answer: key=value. */
static void parse_result(char *line, struct attempt *t)
{
	char *value = strchr(line, '=');
	struct vbh_event *w = &t->want;
	uint64_t n;
	const struct {
		const char *key;
		void *to;
		size_t size;
	} fields[] = {
		{ "vector", &t->vector, sizeof(t->vector) },
		{ "ret", &t->ret, sizeof(t->ret) },
		{ "ops", &t->ops, sizeof(t->ops) },
		{ "rip", &t->rip, sizeof(t->rip) },
		{ "cpu", &w->cpu, sizeof(w->cpu) },
		{ "pid", &w->pid, sizeof(w->pid) },
		{ "kind", &w->kind, sizeof(w->kind) },
		{ "detail", &w->detail, sizeof(w->detail) },
		{ "flags", &w->flags, sizeof(w->flags) },
		{ "gpa", &w->gpa, sizeof(w->gpa) },
		{ "gla", &w->gla, sizeof(w->gla) },
		{ "old", &w->old_value, sizeof(w->old_value) },
		{ "new", &w->new_value, sizeof(w->new_value) },
		{ "width", &w->width, sizeof(w->width) },
	};

	if (!value)
		return;
	*value++ = 0;
	value[strcspn(value, "\n")] = 0;
	if (!strcmp(line, "outcome"))
		snprintf(t->outcome, sizeof(t->outcome), "%s", value);
	else if (!strcmp(line, "note"))
		snprintf(t->note, sizeof(t->note), "%s", value);
	else if (!strcmp(line, "comm"))
		snprintf(w->comm, sizeof(w->comm), "%s", value);
	n = strtoull(value, NULL, 0);
	if (*value == '-')
		n = strtoll(value, NULL, 0);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strcmp(line, fields[i].key))
			memcpy(fields[i].to, &n, fields[i].size);	/* little-endian */
}

/* Have the module make it. */
static void ring0_run(const struct attack *a, struct attempt *t)
{
	char line[512];
	FILE *file;
	int fd;

	memset(t, 0, sizeof(*t));
	fd = open(DIR "run", O_WRONLY);
	if (fd < 0 || write(fd, a->name, strlen(a->name)) < 0)
		snprintf(t->note, sizeof(t->note), "%s: %s", DIR "run", strerror(errno));
	if (fd >= 0)
		close(fd);
	file = fopen(DIR "run", "r");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		parse_result(line, t);
	fclose(file);
}

static bool is(const struct attempt *t, const char *outcome)
{
	return !strcmp(t->outcome, outcome);
}

/* "faulted #GP", "refused -22", ... */
static void outcome_text(const struct attempt *t, char *buf, size_t len)
{
	const char *fault = t->vector == 6 ? "#UD" : t->vector == 13 ? "#GP" :
			    t->vector == 14 ? "#PF" : "a fault";

	if (is(t, "faulted"))
		snprintf(buf, len, "%s", fault);
	else if (is(t, "refused"))
		snprintf(buf, len, "refused (%s)", strerrorname_np(-t->ret) ?: "?");
	else
		snprintf(buf, len, "%s", *t->outcome ? t->outcome : "no result");
}

/* Was it stopped in the way that the table gives? NULL: yes. */
static const char *not_stopped(const struct attack *a, const struct attempt *t)
{
	static char buf[64];

	if (a->flags & A_REFUSED) {
		if (!is(t, "refused"))
			return "it was not refused";
		/* After the seal there is a reason more. */
		if (t->ret != a->arg && !(mode == SEALED && t->ret == -EPERM)) {
			snprintf(buf, sizeof(buf), "refused with %ld, not %ld", t->ret, a->arg);
			return buf;
		}
		return NULL;
	}
	if (a->flags & (A_IGNORED | A_QUIET))
		return is(t, "ignored") ? NULL : "it was not ignored";
	if (!is(t, "faulted"))
		return a->flags & A_CPU_STOPS && is(t, "ignored") ? NULL : "it did not fault";
	if (t->vector != (a->flags & A_UD ? 6 : 13))
		return a->flags & A_CPU_STOPS && (!a->ring3 || ring3_may_gp(a->ring3)) ?
		       NULL : "it was another fault";
	return NULL;
}

/* Refusals that can happen to an honest driver are not recorded. */
static bool is_silent(const struct attack *a, const struct attempt *t)
{
	if (a->flags & A_QUIET)
		return true;
	if (!(a->flags & A_REFUSED) || t->want.kind == VBH_KIND_KEY)
		return false;
	return t->ret != -EPERM && t->ret != -EINVAL && t->ret != -EFAULT &&
	       t->ret != -EACCES && t->ret != -ENOSYS;
}

static const char *wrong_events(const struct attack *a, const struct attempt *t,
				const struct vbh_event *ev, unsigned int n)
{
	static char buf[96];
	unsigned int i, min = 1, max = 1;

	if (is_silent(a, t) || mode == HONEST)
		min = max = 0;
	else if (mode == LOG || a->flags & A_MANY)
		min = max = t->ops;
	else if (a->flags & A_CPU_STOPS)
		min = 0;
	/* Without ERMS the kernel's memcpy() may store a piece twice. */
	if (a->flags & A_MANY && a->flags & A_IGNORED && mode != HONEST)
		max = 2 * max;
	if (n < min || n > max) {
		snprintf(buf, sizeof(buf), "%u violations were recorded, not %u%s", n, min,
			 max > min ? ", or more" : "");
		return buf;
	}
	/* Of many, only the kind is known; what a program's instruction is, is not. */
	if (n && a->flags & A_MANY && t->ops > 1) {
		for (i = 0; i < n && i < MAX_EVENTS; i++)
			if (ev[i].kind != t->want.kind)
				return "one of the events is of another kind";
		return NULL;
	}
	if (!n)
		return NULL;
	/* A store of text_poke() is left out. */
	if (is(t, "ignored") && ev->action == VBH_ACTION_DROPPED)
		return event_differs(ev, t, VBH_ACTION_DROPPED);
	return event_differs(ev, t, mode == LOG ? VBH_ACTION_LOGGED : VBH_ACTION_DENIED);
}

static void report(const struct attack *a, const struct attempt *t, const char *why,
		   const char *skip, const char *event)
{
	static const char *const sentence[NR_MODES] = {
		[PLAIN] = "without VBH an attacker", [DENY] = "under VBH no attacker",
		[SEALED] = "under a sealed VBH no attacker",
		[LOG] = "under rule log an attacker", [HONEST] = "the kernel",
	};
	bool cpu = mode == PLAIN && !why && a->flags & A_CPU_STOPS && !is(t, "worked") &&
		   (!skip || a->flags & A_MANUAL);
	char text[64];

	outcome_text(t, text, sizeof(text));
	printf("%sok - %s: %s %s%s%s%s%s\n", why ? "not " : "", a->name,
	       cpu ? "the processor stops him who" : sentence[mode], a->what,
	       why ? ": " : "", why ?: "", skip ? " # SKIP " : "", skip ?: "");
	if (why && *t->note)
		printf("# %s\n", t->note);
	printf("#T\t%s\t%s\t%s\t%s\t%s\t%s\n", a->name, a->what, modes[mode],
	       why ? "not ok" : cpu ? "cpu" : skip ? "skip" : "ok", text, event);
	fflush(stdout);
	failed += !!why;
}

static bool fits(const struct attack *a)
{
	if (mode == HONEST || a->flags & A_HONEST)
		return mode == HONEST && a->flags & A_HONEST && !(a->flags & A_LISTED) &&
		       (last_too || !(a->flags & A_LAST));
	if (a->flags & A_LISTED || (a->flags & A_SEALED && mode != SEALED))
		return false;
	if (a->flags & A_UNTIL_SEAL && mode != SEALED && mode != PLAIN)
		return false;
	if (a->flags & A_NEEDS_VBH && mode == PLAIN)
		return false;
	if (a->flags & A_LAST && mode == PLAIN)
		return last_too;
	if (mode == LOG)
		return !(a->flags & (A_NO_LOG | A_CPU_STOPS | A_QUIET | A_NEEDS_VBH));
	return true;
}

static void make(const struct attack *a)
{
	struct vbh_event ev[MAX_EVENTS];
	const char *why = NULL, *gap = NULL;
	char event[96] = "-";
	struct attempt t;
	unsigned int n = 0;

	if (vbh >= 0)
		events_mark(vbh);
	if (a->ring3)
		ring3_run(a, &t);
	else
		ring0_run(a, &t);
	if (vbh >= 0)
		n = events_since(vbh, ev, MAX_EVENTS, &gap);
	if (n)
		event_text(&ev[0], event, sizeof(event));
	if (a->ring3 && n)
		t.want.detail = ev[0].detail;

	if (is(&t, "unavailable")) {
		report(a, &t, n ? "an event, for nothing" : NULL, t.note, event);
		return;
	}
	if (mode == PLAIN && a->flags & A_CPU_STOPS)
		why = is(&t, "worked") || is(&t, "faulted") || is(&t, "ignored") ? NULL :
		      "no result";
	else if (mode == PLAIN || mode == LOG || mode == HONEST)
		why = is(&t, "worked") ? NULL : "it did not work";
	else
		why = not_stopped(a, &t);
	if (!why && vbh >= 0)
		why = wrong_events(a, &t, ev, n);
	report(a, &t, why ?: gap, NULL, event);
}

static bool chosen(const struct attack *a, char **names, int n)
{
	int i;

	if (!n)
		return fits(a);
	for (i = 0; i < n; i++)
		if (!fnmatch(names[i], a->name, 0) && (strpbrk(names[i], "*") == NULL || fits(a)))
			return true;
	return false;
}

/* Nothing works as before after it, other attacks neither. */
static bool is_last(const struct attack *a)
{
	return mode == PLAIN && a->flags & A_LAST;
}

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("attack: sched_setaffinity");
		exit(2);
	}
}

/*
 * What has to be there before CPUs are lost: nothing may wait for one of them
 * afterwards, as the end of a process does. Returns /proc/sysrq-trigger.
 */
static int prepare_reset(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	if (fd < 0 || mlockall(MCL_CURRENT | MCL_FUTURE)) {
		perror("attack: the end is not prepared");
		exit(2);
	}
	return fd;
}

static void reset(int fd)
{
	printf("\nRIG-EXIT %d\n", failed ? 1 : 0);
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	if (write(fd, "b", 1) < 0)
		perror("attack: the machine is not reset");
}

int main(int argc, char **argv)
{
	static struct attack attacks[512];
	unsigned int n = 0, i;
	char line[512];
	int opt, sysrq = -1;
	FILE *list;

	for (mode = 0; argc > 1 && mode < NR_MODES && strcmp(argv[1], modes[mode]);)
		mode++;
	if (argc < 2 || mode == NR_MODES)
		goto usage;
	argc--;
	argv++;
	while ((opt = getopt(argc, argv, "c:l:")) != -1) {
		if (opt == 'c') {
			pin_to(atoi(optarg));
		} else if (opt == 'l') {
			failed = atoi(optarg);
			sysrq = prepare_reset();
		} else {
			goto usage;
		}
	}
	last_too = sysrq >= 0;
	vbh = events_open();
	if (mode != HONEST && (vbh < 0) != (mode == PLAIN)) {
		fprintf(stderr, "attack: VBH %s\n", vbh < 0 ? "does not run" : "runs");
		return 2;
	}
	list = fopen(DIR "list", "r");
	if (!list) {
		perror(DIR "list");
		return 2;
	}
	/* All are read first: an attack may not find the list half read. */
	while (n < 512 && fgets(line, sizeof(line), list))
		n += parse_attack(line, &attacks[n]);
	fclose(list);
	for (i = 0; n < 512 && ring3_attack(i, &attacks[n]); i++)
		n++;
	for (i = 0; i < n; i++)
		if (!is_last(&attacks[i]) && chosen(&attacks[i], argv + optind, argc - optind))
			make(&attacks[i]);
	if (last_too) {
		for (i = 0; i < n; i++)
			if (is_last(&attacks[i]) && chosen(&attacks[i], NULL, 0))
				make(&attacks[i]);
		reset(sysrq);
	}
	return failed ? 1 : 0;
usage:
	fprintf(stderr, "usage: attack plain|deny|sealed|log|honest [-c CPU] [-l FAILED] [NAME...]\n");
	return 2;
}
