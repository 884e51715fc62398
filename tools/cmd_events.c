// SPDX-License-Identifier: GPL-2.0-only
/*
 * events: reads records in batches, checks the chain, keeps those that were
 * asked for, prints them as lines, in full (-v) or as JSON, and may follow.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "describe.h"
#include "printable.h"
#include "symbols.h"
#include "vbhctl.h"

#define BATCH		256
#define EVENTS_MAX	(1u << 20)	/* more than any ring has */

struct query {
	bool follow, full, verify, ack;
	uint64_t since;
	uint64_t last;		/* how many of the newest; 0: all */
	uint32_t kind;		/* UINT32_MAX: any */
	uint64_t vm;		/* on a KVM host; 0: all */
};

struct reader {
	struct query q;
	struct vbh *vbh;
	struct vbh_info info;
	struct vbh_chain chain;
	bool broken;		/* the chain; chain.bad_seq says where */
	bool host;		/* records of VMs, which have no chain here */
	struct vbh_event *kept;	/* of --lines: a ring of q.last */
	bool keeping;		/* records go there, not yet to the output */
	uint64_t nr_kept;
	uint64_t printed;
	uint64_t next_seq;	/* after the last one read */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

static const char *time_text(const struct reader *r, const struct vbh_event *ev, char *buf,
			     size_t len)
{
	int64_t ns = vbh_event_time(&r->info, ev);
	time_t s = ns / 1000000000;
	char day[32];
	struct tm tm;

	if (ns <= 0 || !localtime_r(&s, &tm)) {
		snprintf(buf, len, "tsc %llu", ev->tsc);
		return buf;
	}
	strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(buf, len, "%s.%06" PRId64, day, ns % 1000000000 / 1000);
	return buf;
}

/* "name[pid]" */
static const char *clean(const char *name, size_t size, int32_t pid, char *buf, size_t len)
{
	char comm[17];

	memcpy(comm, name, size);
	comm[size] = '\0';
	snprintf(buf, len, "%s[%d]", printable(comm), pid);
	return buf;
}

static const char *comm_text(const struct vbh_event *ev, char *buf, size_t len)
{
	if (!(ev->flags & VBH_EVENT_F_TASK))
		return strncpy(buf, "-", len);
	return clean(ev->comm, sizeof(ev->comm), ev->pid, buf, len);
}

static const char *vmm_text(const struct vbh_event *ev, char *buf, size_t len)
{
	return clean(ev->vmm_comm, sizeof(ev->vmm_comm), ev->vmm_pid, buf, len);
}

static size_t insn_len(const struct vbh_event *ev)
{
	return ev->insn_len < sizeof(ev->insn) ? ev->insn_len : sizeof(ev->insn);
}

/* Words on the stack that name text, return addresses among them. */
static uint64_t stack_address(const struct vbh_event *ev, size_t i)
{
	return 0xffffffff00000000ull | ev->stack[i];
}

/* Those have its name in place of a stack. */
static bool names_module(const struct vbh_event *ev)
{
	return ev->kind == VBH_KIND_MODULE || ev->kind == VBH_KIND_TEXT;
}

static json_t *json_stack(const struct vbh_event *ev)
{
	json_t *list = json_array();
	char where[256];

	for (size_t i = 0; i < VBH_EVENT_STACK && ev->stack[i]; i++)
		json_array_append_new(list, json_string(symbol_at(stack_address(ev, i), where,
								  sizeof(where))));
	return list;
}

static json_t *json_event(const struct reader *r, const struct vbh_event *ev)
{
	char what[512], where[256], when[64], who[64], name[DESCRIBE_MODULE];
	bool values = ev->flags & VBH_EVENT_F_VALUES, task = ev->flags & VBH_EVENT_F_TASK;
	json_t *j = json_object(), *flags = json_array();

	describe_event(ev, what, sizeof(what));
	for (uint32_t bit = 0; bit < 32; bit++)
		if (ev->flags & 1u << bit)
			json_array_append_new(flags, json_name(VBH_NAMES_EVENT_FLAG, bit));
	json_object_set_new(j, "seq", json_integer((json_int_t)ev->seq));
	json_object_set_new(j, "time", json_string(time_text(r, ev, when, sizeof(when))));
	json_object_set_new(j, "time_ns", json_integer(vbh_event_time(&r->info, ev)));
	json_object_set_new(j, "tsc", json_integer((json_int_t)ev->tsc));
	json_object_set_new(j, "cpu", json_integer(ev->cpu));
	json_object_set_new(j, "vm", json_integer(ev->vm));
	if (ev->vm) {
		*strrchr(vmm_text(ev, who, sizeof(who)), '[') = '\0';
		json_object_set_new(j, "vmm_comm", json_string(who));
		json_object_set_new(j, "vmm_pid", json_integer(ev->vmm_pid));
		json_object_set_new(j, "vm_seq", json_integer((json_int_t)ev->vm_seq));
	}
	json_object_set_new(j, "kind", json_name(VBH_NAMES_KIND, ev->kind));
	json_object_set_new(j, "rule", ev->rule ? json_name(VBH_NAMES_RULE, ev->rule) :
			    json_null());
	json_object_set_new(j, "action", json_name(VBH_NAMES_ACTION, ev->action));
	json_object_set_new(j, "what", json_string(what));
	json_object_set_new(j, "flags", flags);
	json_object_set_new(j, "detail", json_integer(ev->detail));
	json_object_set_new(j, "rip", json_hex(ev->rip));
	json_object_set_new(j, "symbol", !ev->vm && !ev->cpl && symbol_find(ev->rip, where, sizeof(where)) ?
			    json_string(where) : json_null());
	json_object_set_new(j, "cpl", json_integer(ev->cpl));
	json_object_set_new(j, "gpa", (ev->flags & VBH_EVENT_F_GPA) ? json_hex(ev->gpa) :
			    json_null());
	json_object_set_new(j, "gla", (ev->flags & VBH_EVENT_F_GLA) ? json_hex(ev->gla) :
			    json_null());
	json_object_set_new(j, "old", values ? json_hex(ev->old_value) : json_null());
	json_object_set_new(j, "new", values ? json_hex(ev->new_value) : json_null());
	json_object_set_new(j, "width", json_integer(ev->width));
	json_object_set_new(j, "cr3", json_hex(ev->cr3));
	json_object_set_new(j, "insn", json_hex_bytes(ev->insn, insn_len(ev)));
	json_object_set_new(j, "pid", task ? json_integer(ev->pid) : json_null());
	if (task)
		*strrchr(comm_text(ev, who, sizeof(who)), '[') = '\0';
	json_object_set_new(j, "comm", task ? json_string(who) : json_null());
	if (!ev->vm && names_module(ev))
		json_object_set_new(j, "module", json_string(describe_module(ev, name)));
	else if (!ev->vm)
		json_object_set_new(j, "stack", json_stack(ev));
	json_object_set_new(j, "lost", json_integer((json_int_t)ev->lost));
	json_object_set_new(j, "hash", json_hex_bytes(ev->hash, sizeof(ev->hash)));
	return j;
}

/* A document when all is there; a line for each record while more may come. */
static void print_json_event(struct reader *r, const struct vbh_event *ev)
{
	json_t *j = json_event(r, ev);

	if (!r->q.follow)
		fputs(r->printed ? ",\n" : "[\n", stdout);
	json_dumpf(j, stdout, JSON_COMPACT);
	if (r->q.follow)
		putchar('\n');
	json_decref(j);
}

static enum colour action_colour(const struct vbh_event *ev)
{
	switch (ev->action) {
	case VBH_ACTION_DENIED:
	case VBH_ACTION_DROPPED:
	case VBH_ACTION_STOPPED:
		return COLOUR_RED;
	case VBH_ACTION_LOGGED:
		return COLOUR_YELLOW;
	default:
		return COLOUR_NONE;
	}
}

static void print_line(struct reader *r, const struct vbh_event *ev)
{
	char when[64], action[16], kind[16], what[512], where[256], who[64];

	if (!r->printed)
		printf("%s%-26s %6s %3s %-7s %-10s %s%s\n", colour(COLOUR_BOLD), "TIME", "SEQ",
		       "CPU", "ACTION", "KIND", "WHAT", colour(COLOUR_NONE));
	describe_event(ev, what, sizeof(what));
	printf("%-26s %6llu %3u %s%-7s%s %-10s %s", time_text(r, ev, when, sizeof(when)), ev->seq,
	       ev->cpu, colour(action_colour(ev)),
	       name_or_number(VBH_NAMES_ACTION, ev->action, action, sizeof(action)),
	       colour(COLOUR_NONE),
	       name_or_number(VBH_NAMES_KIND, ev->kind, kind, sizeof(kind)), what);
	/* The symbols of a VM are not this kernel's. */
	if (ev->rip && ev->vm)
		printf(" at 0x%llx", ev->rip);
	else if (ev->rip)
		printf(" at %s", symbol_at(ev->rip, where, sizeof(where)));
	if (ev->flags & VBH_EVENT_F_TASK)
		printf(" by %s", comm_text(ev, who, sizeof(who)));
	if (ev->vm)
		printf(" in VM %u, %s", ev->vm, vmm_text(ev, who, sizeof(who)));
	putchar('\n');
}

/* " symbol+0x0" or "". */
static const char *named(uint64_t addr, char *buf, size_t len)
{
	buf[0] = ' ';
	return symbol_find(addr, buf + 1, len - 1) ? buf : "";
}

static void print_full(struct reader *r, const struct vbh_event *ev)
{
	char when[64], name[16], what[512], where[256], who[64];
	size_t len = insn_len(ev);

	printf("%sevent %llu%s\n", colour(COLOUR_BOLD), ev->seq, colour(COLOUR_NONE));
	describe_event(ev, what, sizeof(what));
	printf("  time     %s (tsc %llu)\n", time_text(r, ev, when, sizeof(when)), ev->tsc);
	printf("  cpu      %u\n", ev->cpu);
	if (ev->vm)
		printf("  vm       %u, %s, its event %llu\n", ev->vm,
		       vmm_text(ev, who, sizeof(who)), ev->vm_seq);
	printf("  what     %s\n", what);
	printf("  kind     %s, detail 0x%x\n",
	       name_or_number(VBH_NAMES_KIND, ev->kind, name, sizeof(name)), ev->detail);
	printf("  rule     %s\n", ev->rule ?
	       name_or_number(VBH_NAMES_RULE, ev->rule, name, sizeof(name)) : "none");
	printf("  action   %s%s%s\n", colour(action_colour(ev)),
	       name_or_number(VBH_NAMES_ACTION, ev->action, name, sizeof(name)),
	       colour(COLOUR_NONE));
	printf("  rip      0x%llx%s, ring %u\n", ev->rip,
	       ev->vm ? "" : named(ev->rip, where, sizeof(where)), ev->cpl);
	printf("  insn     ");
	for (size_t i = 0; i < len; i++)
		printf("%02x ", ev->insn[i]);
	printf("%s%s\n", len ? "" : "not read", ev->flags & VBH_EVENT_F_UNDECODED ?
	       "(not understood)" : "");
	if (ev->flags & VBH_EVENT_F_GLA)
		printf("  linear   0x%llx%s\n", ev->gla, named(ev->gla, where, sizeof(where)));
	if (ev->flags & VBH_EVENT_F_GPA)
		printf("  physical 0x%llx\n", ev->gpa);
	if (ev->flags & VBH_EVENT_F_VALUES)
		printf("  old      0x%llx\n  new      0x%llx (%u bytes)\n", ev->old_value,
		       ev->new_value, ev->width);
	printf("  task     %s\n", comm_text(ev, who, sizeof(who)));
	for (size_t i = 0; !ev->vm && !names_module(ev) && i < VBH_EVENT_STACK && ev->stack[i]; i++)
		printf("  %-8s %s\n", i ? "" : "stack",
		       symbol_at(stack_address(ev, i), where, sizeof(where)));
	printf("  cr3      0x%llx\n  lost     %llu\n  hash     ", ev->cr3, ev->lost);
	for (size_t i = 0; i < sizeof(ev->hash); i++)
		printf("%02x", ev->hash[i]);
	putchar('\n');
}

static void print_event(struct reader *r, const struct vbh_event *ev)
{
	if (opt_json)
		print_json_event(r, ev);
	else if (r->q.full)
		print_full(r, ev);
	else
		print_line(r, ev);
	r->printed++;
}

static void take(struct reader *r, const struct vbh_event *ev)
{
	r->next_seq = ev->seq + 1;
	r->host |= ev->vm;
	if (r->q.verify && !ev->vm && !r->broken && vbh_events_verify(&r->chain, ev, 1))
		r->broken = true;
	if (ev->seq < r->q.since || (r->q.vm && ev->vm != r->q.vm) || (r->q.kind != UINT32_MAX && ev->kind != r->q.kind))
		return;
	if (r->keeping && r->q.last)
		r->kept[r->nr_kept++ % r->q.last] = *ev;
	else
		print_event(r, ev);
}

/* --lines: the newest of what was there, then directly what comes. */
static void print_kept(struct reader *r)
{
	uint64_t n = r->nr_kept < r->q.last ? r->nr_kept : r->q.last;

	r->keeping = false;
	for (uint64_t i = r->nr_kept - n; i < r->nr_kept; i++)
		print_event(r, &r->kept[i % r->q.last]);
}

/* All that is there now. 0: VBH has stopped; 1: there may be more later; or a negative errno. */
static int drain(struct reader *r)
{
	static struct vbh_event batch[BATCH];
	ssize_t n;

	for (;;) {
		n = vbh_events_read(r->vbh, batch, BATCH);
		if (n == -EAGAIN)
			return 1;
		if (n <= 0)
			return (int)n;
		for (ssize_t i = 0; i < n; i++)
			take(r, &batch[i]);
	}
}

static int acknowledge(struct reader *r)
{
	if (!r->q.ack || !r->next_seq)
		return 0;
	return vbh_events_ack(r->vbh, r->next_seq);
}

/*
 * Signals are blocked but while it waits, so that none comes between the look
 * at the flag and the wait.
 */
static int follow(struct reader *r)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t block, old;
	int err;

	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &old);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	do {
		if (fflush(stdout))
			return 0;
		err = vbh_events_wait(r->vbh, -1, &old);
		if (err >= 0)
			err = vbh_info(r->vbh, &r->info);	/* clocks drift apart */
		if (err >= 0)
			err = drain(r);
		if (err > 0 && acknowledge(r))
			return complain(EXIT_FAILED, "%s", vbh_error(r->vbh));
	} while (!interrupted && (err > 0 || err == -EINTR));
	if (!err)
		complain(0, "VBH was stopped");
	return err < 0 && err != -EINTR ? complain_vbh(r->vbh, err) : EXIT_OK;
}

static int report_chain(const struct reader *r)
{
	const struct vbh_chain *c = &r->chain;
	char buf[32];

	if (r->host)
		return complain(EXIT_FAILED, "these are the events of VMs: the chain of hashes is each VM's own, and can be checked in it");
	if (r->broken)
		return complain(EXIT_CHAIN, "the hash chain is broken at event %" PRIu64 ": it was changed, or one before it is missing",
				c->bad_seq);
	fprintf(stderr, "vbhctl: events: the hash chain of %s is whole%s; %" PRIu64 " lost\n",
		plural(c->records, "event", buf, sizeof(buf)),
		!c->records || c->from_start ? "" :
		", from the oldest that the ring still has", c->lost);
	return EXIT_OK;
}

static int run(struct reader *r)
{
	int err = drain(r);
	int code = EXIT_OK;

	if (err < 0)
		return complain_vbh(r->vbh, err);
	if (!err && !r->next_seq && !r->info.running)
		return complain(EXIT_NOT_RUNNING, "VBH is not running, and no events are left");
	if (r->keeping)
		print_kept(r);
	if (opt_json && !r->q.follow)
		fputs(r->printed ? "\n]\n" : "[]\n", stdout);
	/* Only they are recorded for who asks. */
	if (r->q.follow &&
	    (r->q.kind == VBH_KIND_PATCH || r->q.kind == VBH_KIND_TEXT) &&
	    vbh_events_patching(r->vbh, true))
		return complain(EXIT_FAILED, "%s", vbh_error(r->vbh));
	/* A VBH that has stopped (0) has no more use for the room. */
	if (err && acknowledge(r))
		return complain(EXIT_FAILED, "%s", vbh_error(r->vbh));
	if (r->q.follow && err)
		code = follow(r);
	if (symbols_hidden() && !opt_json)
		complain(0, "kernel.kptr_restrict hides the kernel's symbols: addresses are shown as numbers");
	return code ? code : r->q.verify ? report_chain(r) : EXIT_OK;
}

static int parse_options(int argc, char **argv, struct query *q)
{
	static const struct option longopts[] = {
		{ "follow", 0, NULL, 'f' }, { "verbose", 0, NULL, 'v' },
		{ "lines", 1, NULL, 'n' }, { "since", 1, NULL, 's' },
		{ "kind", 1, NULL, 'k' }, { "verify", 0, NULL, 'V' },
		{ "ack", 0, NULL, 'A' }, { "vm", 1, NULL, 'M' }, { "json", 0, NULL, 'j' }, { 0 }
	};
	int c;

	while ((c = next_option(argc, argv, ":jfvn:s:k:", longopts)) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		q->follow |= c == 'f';
		q->full |= c == 'v';
		q->verify |= c == 'V';
		q->ack |= c == 'A';
		if (c == 'n' && (!parse_number(optarg, EVENTS_MAX, &q->last) || !q->last))
			return usage("-n %s: not a number from 1 to %u", optarg, EVENTS_MAX);
		if (c == 's' && !parse_number(optarg, INT64_MAX, &q->since))
			return usage("--since %s: not the number of an event", optarg);
		if (c == 'M' && strcmp(optarg, "all") &&
		    (!parse_number(optarg, UINT32_MAX, &q->vm) || !q->vm))
			return usage("--vm %s: not 'all' or the number of a VM", optarg);
		if (c == 'k' && vbh_value(VBH_NAMES_KIND, optarg, &q->kind))
			return usage("--kind %s: no such kind (see vbhctl(8))", optarg);
	}
	if (optind != argc)
		return usage("unexpected argument '%s'", argv[optind]);
	if (q->ack && (q->last || q->since || q->kind != UINT32_MAX))
		return usage("--ack acknowledges everything: it can't go with -n, --since or --kind");
	return EXIT_OK;
}

int cmd_events(int argc, char **argv)
{
	struct reader r = { .q = { .kind = UINT32_MAX } };
	struct vbh_event *kept = NULL;
	int err, code = parse_options(argc, argv, &r.q);

	if (code)
		return code;
	code = open_vbh(&r.vbh);
	if (code)
		return code;
	err = vbh_info(r.vbh, &r.info);
	if (err) {
		code = complain_vbh(r.vbh, err);
		goto out;
	}
	if (r.q.last) {
		kept = calloc(r.q.last, sizeof(*kept));
		if (!kept) {
			code = complain(EXIT_FAILED, "out of memory");
			goto out;
		}
		r.kept = kept;
		r.keeping = true;
	}
	code = run(&r);
out:
	free(kept);
	vbh_close(r.vbh);
	return code;
}
