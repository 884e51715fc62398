// SPDX-License-Identifier: GPL-2.0-only
/*
 * smc record and smc watch: VBH is asked to record the kernel's patching, and
 * what it records is named and written, to a trace or to the screen, for as long
 * as a command runs, a time, or until interrupted.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "printable.h"
#include "cmd.h"
#include "trace.h"
#include "symbols.h"
#include "vbhctl.h"

#define BATCH		256
/*
 * How long it sleeps when nothing came. The driver itself looks for events less
 * often; half of the ring, which patching may fill, would be full sooner.
 */
#define NAP_NS		5000000L

struct recording {
	struct vbh *vbh;
	struct vbh_info info;
	struct smc_system system;
	struct smc_text text;
	struct smc_events events;
	FILE *out;		/* of record */
	const char *failed;	/* why nothing more can be written, or NULL */
	uint64_t from, to;	/* of watch */
	char module[64];	/* that its function is of, or "" */
	uint64_t printed;
	bool stopped;		/* VBH was */
	pid_t pid;		/* of the command while it runs; else 0 */
	int status;		/* of it then */
	bool asked;		/* it was told to end */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	if (sig != SIGCHLD)
		interrupted = 1;
}

static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGCHLD };
	struct sigaction sa = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
}

static int open_recording(struct recording *s, const struct smc_options *opt)
{
	int err, code = open_vbh(&s->vbh);

	if (code)
		return code;
	err = vbh_info(s->vbh, &s->info);
	if (err)
		return complain_vbh(s->vbh, err);
	if (!s->info.running)
		return complain(EXIT_NOT_RUNNING, "VBH is not running, and it is VBH that sees the writes: start it, or compare with what is on disk by 'vbhctl smc diff'");
	code = smc_load(opt, &s->system, &s->text);
	if (code)
		return code;
	for (size_t i = 0; i < s->text.nr_missing; i++)
		complain(0, "module %s: its sites have no names (--modules DIR)",
			 s->text.missing[i]);
	s->events.text = &s->text;
	s->events.info = &s->info;
	s->events.arg = s;
	return EXIT_OK;
}

static void close_recording(struct recording *s)
{
	smc_text_free(&s->text);
	smc_system_close(&s->system);
	vbh_close(s->vbh);
}

/* From here on nothing is missed: what is counted is compared with what comes. */
static int ask(struct recording *s)
{
	int err = vbh_events_seek(s->vbh, VBH_EVENTS_END);

	if (!err)
		err = vbh_events_patching(s->vbh, true);
	if (!err)
		err = vbh_info(s->vbh, &s->info);
	if (err)
		return complain_vbh(s->vbh, err);
	smc_events_begin(&s->events);
	return EXIT_OK;
}

/* All that is there: 1 if there was any, 0, or a negative errno. */
static int drain(struct recording *s)
{
	static struct vbh_event batch[BATCH];
	int any = 0, err = 0;
	ssize_t n;

	while (!err && (n = vbh_events_read(s->vbh, batch, BATCH)) > 0) {
		/* Of one moment, so that the events' times are; and the room is free at once. */
		if (!any && vbh_info(s->vbh, &s->info))
			return -EIO;
		any = 1;
		for (ssize_t i = 0; !err && i < n; i++)
			err = smc_event(&s->events, &batch[i]);
		if (!err && s->info.running)
			err = vbh_events_ack(s->vbh, batch[n - 1].seq + 1);
	}
	if (!err && !n)
		s->stopped = true;
	return err ? err : n < 0 && n != -EAGAIN ? (int)n : any;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static pid_t spawn(char **argv)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	execvp(argv[0], argv);
	fprintf(stderr, "vbhctl: smc: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static bool command_ended(struct recording *s)
{
	if (!s->pid || waitpid(s->pid, &s->status, WNOHANG) != s->pid)
		return false;
	s->pid = 0;
	return true;
}

static void tell_to_end(struct recording *s)
{
	interrupted = 0;
	kill(s->pid, s->asked ? SIGKILL : SIGTERM);
	s->asked = true;
}

/*
 * A command that still runs when it is time is told to end, and what it puts
 * back then is recorded too; at a second interrupt it has no choice.
 */
static bool is_over(struct recording *s, int64_t *until)
{
	bool due = interrupted || now() >= *until;

	if (command_ended(s) || s->stopped || s->failed)
		return true;
	if (!due || !s->pid)
		return due;
	*until = INT64_MAX;
	tell_to_end(s);
	return false;
}

/* Where recording ended first. */
static void end_command(struct recording *s)
{
	if (s->pid)
		tell_to_end(s);
	while (s->pid && waitpid(s->pid, &s->status, 0) < 0 && errno == EINTR)
		if (interrupted)
			tell_to_end(s);
	s->pid = 0;
}

/* Until the command ends, the time is over, or somebody interrupts. */
static int follow(struct recording *s, char **argv, uint64_t seconds)
{
	int64_t until = seconds ? now() + (int64_t)seconds * 1000000000ll : INT64_MAX;
	bool over = false;
	int ret;

	s->pid = argv ? spawn(argv) : 0;
	if (s->pid < 0) {
		s->pid = 0;
		return complain(EXIT_FAILED, "fork: %s", strerror(errno));
	}
	do {
		/* Before the last look: what came until then is there. */
		over = is_over(s, &until);
		ret = drain(s);
		if (ret < 0)
			return complain_vbh(s->vbh, ret);
		if (!ret && !over)
			nap();
		/* A full disk ends it now, not at the end. */
		if (fflush(s->out ? s->out : stdout) && !s->failed)
			s->failed = strerror(errno);
	} while (!over);
	return EXIT_OK;
}

static void put(struct recording *s, FILE *f, json_t *line)
{
	if (!line)
		s->failed = "a line could not be encoded";
	else if (!smc_trace_put(f, line) && !s->failed)
		s->failed = strerror(errno);
}

static void record_change(const struct smc_change *c, void *arg)
{
	struct recording *s = arg;

	put(s, s->out, smc_trace_change(c));
}

static void record_gap(uint64_t patches, uint64_t lost, int64_t time, void *arg)
{
	struct recording *s = arg;

	put(s, s->out, smc_trace_gap(patches, lost, time));
}

static void record_other(const struct vbh_event *ev, int64_t time, void *arg)
{
	struct recording *s = arg;

	put(s, s->out, smc_trace_event(ev, time));
}

/* The command as one line, for the header. */
static void join(char **argv, char *buf, size_t len)
{
	size_t used = 0;

	buf[0] = '\0';
	for (; argv && *argv && used < len; argv++) {
		int n = snprintf(buf + used, len - used, "%s%s", used ? " " : "", *argv);

		used += n > 0 ? (size_t)n : 0;
	}
	printable(buf);
}

/* What is counted up to here is to be there; what is patched after it is nobody's loss. */
static int finish(struct recording *s)
{
	int err = vbh_info(s->vbh, &s->info);
	uint64_t patches = s->info.status.patches, lost = s->info.status.events_lost;

	if (!err)
		err = vbh_events_patching(s->vbh, false);
	if (!err && drain(s) < 0)
		err = -EIO;
	s->info.status.patches = patches;
	s->info.status.events_lost = lost;
	smc_events_end(&s->events);
	return err ? complain_vbh(s->vbh, err) : EXIT_OK;
}

static int command_status(const struct recording *s, const char *name)
{
	int sig = WIFSIGNALED(s->status) ? WTERMSIG(s->status) : 0;

	if (sig)
		return complain(128 + sig, "%s: %s by signal %d", name,
				s->asked ? "still ran, and was ended" : "killed", sig);
	return WEXITSTATUS(s->status);
}

static int run_record(struct recording *s, const struct smc_options *opt, char **argv)
{
	char command[1024];
	int code;

	join(argv, command, sizeof(command));
	put(s, s->out, smc_trace_header(&s->text, &s->info, command));
	code = follow(s, argv, opt->seconds);
	end_command(s);
	if (!code)
		code = finish(s);
	put(s, s->out, smc_trace_end(&s->events, (int64_t)s->info.realtime_ns));
	if (fflush(s->out) && !s->failed)
		s->failed = strerror(errno);
	if (s->failed)
		return complain(EXIT_FAILED, "%s: %s", opt->output, s->failed);
	if (code)
		return code;
	complain(0, "%" PRIu64 " changes of text in %s; %" PRIu64 " events are missing%s",
		 s->events.changes, opt->output, s->events.missing,
		 s->stopped ? "; VBH was stopped" : "");
	return argv ? command_status(s, argv[0]) : EXIT_OK;
}

int smc_cmd_record(int argc, char **argv)
{
	struct recording s = { .system = { .root = "", .kcore = -1 } };
	struct smc_options opt;
	int code = smc_options(argc, argv, "+foRKM", &opt);

	if (code)
		return code;
	if (*opt.root)
		return usage("--root %s: a trace is of the kernel that runs", opt.root);
	if (!opt.output)
		opt.output = "vbh-smc.trace";
	s.events.change = record_change;
	s.events.gap = record_gap;
	s.events.other = record_other;
	catch_signals();
	code = open_recording(&s, &opt);
	if (!code)
		code = ask(&s);
	if (!code) {
		s.out = smc_create(opt.output);
		code = s.out ? run_record(&s, &opt, optind < argc ? argv + optind : NULL) :
		       complain(EXIT_FAILED, "%s: %s", opt.output, strerror(errno));
	}
	if (s.out && fclose(s.out) && !code)
		code = complain(EXIT_FAILED, "%s: %s", opt.output, strerror(errno));
	close_recording(&s);
	return code;
}

static const char *time_of(int64_t ns, char *buf, size_t len)
{
	time_t t = (time_t)(ns / 1000000000);
	char clock[16];
	struct tm tm;

	if (ns <= 0 || !localtime_r(&t, &tm) || !strftime(clock, sizeof(clock), "%H:%M:%S", &tm))
		snprintf(buf, len, "-");
	else
		snprintf(buf, len, "%s.%06" PRId64, clock, ns % 1000000000 / 1000);
	return buf;
}

/*
 * Its module may come and go, and a store by another mapping, of which only the
 * physical address is known, may be to it: it is shown.
 */
static bool concerns(const struct recording *s, const struct smc_change *c)
{
	if (!c->len)
		return *s->module && !strcmp(c->object, s->module);
	return !c->addr || (c->addr < s->to && c->addr + c->len > s->from);
}

static void watch_change(const struct smc_change *c, void *arg)
{
	struct recording *s = arg;
	char when[64];

	if (!concerns(s, c))
		return;
	if (opt_json) {
		put(s, stdout, smc_trace_change(c));
		return;
	}
	if (!s->printed++)
		printf("%s%-15s %3s %-12s %-36s %s%s\n", colour(COLOUR_BOLD), "TIME", "CPU", "KIND",
		       "SITE", "WHAT", colour(COLOUR_NONE));
	printf("%-15s %3u %-12s %-36s ", time_of(c->time, when, sizeof(when)), c->cpu,
	       smc_kind_name((enum smc_kind)c->kind), c->symbol);
	if (*c->before && *c->after) {
		printf("%s -> %s", c->before, c->after);
	} else if (!c->len) {
		printf("%s%s", *c->after ? c->after : c->before, *c->after ? " came" : " went");
	} else {
		for (int i = 0; i < c->len; i++)
			printf("%02x", c->old[i]);
		printf(" -> ");
		for (int i = 0; i < c->len; i++)
			printf("%02x", c->new[i]);
	}
	printf("%s%s%s%s, by %s[%d] in %s\n", *c->key ? " (" : "", c->key, *c->key ? ")" : "",
	       c->action == VBH_ACTION_DENIED || c->action == VBH_ACTION_DROPPED ? " DENIED" : "", *c->comm ? c->comm : "-", c->pid,
	       *c->origin ? c->origin : c->writer);
}

static void watch_gap(uint64_t patches, uint64_t lost, int64_t time, void *arg)
{
	char when[64];

	(void)arg;
	complain(0, "%s: %" PRIu64 " changes were not recorded, for the ring was full",
		 time_of(time, when, sizeof(when)), patches + lost);
}

static void watch_other(const struct vbh_event *ev, int64_t time, void *arg)
{
	(void)ev;
	(void)time;
	(void)arg;
}

int smc_cmd_watch(int argc, char **argv)
{
	struct recording s = { .system = { .root = "", .kcore = -1 } };
	struct smc_options opt;
	struct symbol_info f;
	int code = smc_options(argc, argv, "fRKM", &opt);

	if (code)
		return code;
	if (*opt.root)
		return usage("--root %s: what is watched is the kernel that runs", opt.root);
	if (argc - optind != 1)
		return usage("smc watch takes one SYMBOL or SYMBOL+OFFSET");
	s.events.change = watch_change;
	s.events.gap = watch_gap;
	s.events.other = watch_other;
	catch_signals();
	code = open_recording(&s, &opt);
	if (!code)
		code = smc_range(argv[optind], &s.from, &s.to);
	if (!code && symbol_info_at(s.from, &f))
		snprintf(s.module, sizeof(s.module), "%s", f.module);
	if (!code)
		code = ask(&s);
	if (!code) {
		complain(0, "%s: watching %#" PRIx64 "-%#" PRIx64, argv[optind], s.from, s.to);
		code = follow(&s, NULL, opt.seconds);
	}
	if (!code)
		code = finish(&s);
	close_recording(&s);
	return code;
}
