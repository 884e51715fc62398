/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * libvbh: VBH from a program. A handle on /dev/vbh to start, stop, seal and ask
 * it; readers and a verifier for its events; the policy file; and the one name
 * that each value of the ABI has in files, on command lines and in output.
 *
 * Functions return 0 (or what they say) or a negative errno; the words for the
 * last failure of a handle are in vbh_error(). A handle belongs to one thread.
 */
#ifndef LIBVBH_H
#define LIBVBH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <vbh/dev.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LIBVBH_VERSION		"1.0.0"
#define VBH_ERROR_MAX		512

struct vbh;

/* The library's own version, LIBVBH_VERSION when it was built. */
const char *vbh_version(void);

/*
 * Open /dev/vbh. -ENOENT: no driver is loaded; -EACCES, -EPERM: it takes
 * CAP_SYS_ADMIN; -EPROTO: the driver speaks another major version of the ABI.
 * On failure *vbh is NULL and err, unless NULL, has the reason in words.
 */
int vbh_open(struct vbh **vbh, char *err, size_t err_len);
void vbh_close(struct vbh *vbh);
/* The words for the last failure; valid until the next call with this handle. */
const char *vbh_error(const struct vbh *vbh);
/* The descriptor, for poll(): readable when there are events. */
int vbh_fd(const struct vbh *vbh);

int vbh_info(struct vbh *vbh, struct vbh_info *info);
/*
 * Launch with this policy, all or nothing; vbh_error() has the driver's words
 * of what was missing. -EBUSY or -EALREADY: runs already.
 */
int vbh_start(struct vbh *vbh, const struct vbh_policy *policy);
struct vbh_catalogue;
/* The same, for a policy that says which modules may come after the seal. */
int vbh_start_listed(struct vbh *vbh, const struct vbh_policy *policy,
		     const struct vbh_catalogue *catalogue);
/*
 * -EPERM: sealed, and not unlocked; -ESRCH: does not run; -EAGAIN: CPU hotplug
 * was in the way; -EIO: some CPU would not leave.
 */
int vbh_stop(struct vbh *vbh);
/* -EALREADY: is sealed. */
int vbh_seal(struct vbh *vbh);
/* Show the key, 1 to VBH_KEY_MAX bytes. -EACCES: wrong; -EAGAIN: too soon after a wrong one. */
int vbh_unlock(struct vbh *vbh, const void *key, size_t len);
/* The counters of one CPU. -ENOENT: no such CPU. */
int vbh_stats(struct vbh *vbh, uint32_t cpu, struct vbh_stats *stats);

/*
 * Up to n records from this handle's place, the oldest that is left at first.
 * How many; 0: VBH is stopped and nothing is left; -EAGAIN: none now.
 */
ssize_t vbh_events_read(struct vbh *vbh, struct vbh_event *events, size_t n);
/*
 * Wait for records as ppoll() does; timeout in milliseconds, -1 for ever.
 * 1: there are some, or VBH was stopped; 0: timeout; -EINTR: a signal.
 */
int vbh_events_wait(struct vbh *vbh, int timeout, const sigset_t *mask);
#define VBH_EVENTS_END		UINT64_MAX
/* Go on with record seq, or with the next one to come (VBH_EVENTS_END). */
int vbh_events_seek(struct vbh *vbh, uint64_t seq);
/* Records below seq have been dealt with and may be replaced. */
int vbh_events_ack(struct vbh *vbh, uint64_t seq);
/*
 * From now on, have the kernel's honest changes of its text (VBH_KIND_PATCH), and
 * modules that come or go (VBH_KIND_TEXT), recorded too, until this handle says false or is closed, or its process ends;
 * over a stop and start too. Else they are only counted: a record costs some
 * thousand instructions. They fill half of the ring at most, and then are not
 * recorded: the difference between the field `patches` of two of them tells how
 * many came in between.
 */
int vbh_events_patching(struct vbh *vbh, bool on);

/* A walk along the hash chain; all zero to begin with. */
struct vbh_chain {
	uint64_t records;	/* that were checked */
	uint64_t next_seq;
	uint64_t lost;		/* of the last record */
	uint64_t bad_seq;	/* the record that failed, after -EBADMSG */
	bool from_start;	/* the chain was followed from record 0 */
	uint8_t hash[VBH_HASH_LEN];
};

/*
 * Check the next n records. Record 0 must follow from a hash of zeroes; a walk
 * that begins later takes the first record's hash as given. -EBADMSG: a record
 * was changed, left out or moved.
 */
int vbh_events_verify(struct vbh_chain *chain, const struct vbh_event *events, size_t n);
/* When a record was made, in nanoseconds since 1970; 0: info has no clock. */
int64_t vbh_event_time(const struct vbh_info *info, const struct vbh_event *event);

/*
 * Read a policy file. 0, or a negative errno with "file:line: reason" in err
 * (file: reason, where no line is to blame), and then *policy is untouched:
 * -EINVAL: what it says is wrong; else it could not be read.
 */
int vbh_policy_load(const char *path, struct vbh_policy *policy, char *err, size_t err_len);

/*
 * The catalogue of a kernel's modules: what each becomes in memory, for patching
 * modules = "listed". Failures have "file: reason" in err.
 */

/* done modules of total are through. */
typedef void (*vbh_progress)(void *data, size_t done, size_t total);

/*
 * Make the catalogue of all modules below dir, for that kernel release. All or
 * nothing: a file at path is replaced when the new one is complete.
 */
int vbh_catalogue_make(const char *path, const char *dir, const char *release,
		       vbh_progress progress, void *data, char *err, size_t err_len);
/*
 * A file that can't be described, for it is damaged or has something in it that is
 * not known: "file: reason". It is not in the catalogue, so that the module that it
 * is will not be loaded after the seal.
 */
typedef void (*vbh_left_out)(void *data, const char *why);
/*
 * The same, but such files are left out, if at least one module can be described.
 * NULL: all or nothing.
 */
int vbh_catalogue_make_most(const char *path, const char *dir, const char *release,
			    vbh_progress progress, vbh_left_out left_out, void *data, char *err,
			    size_t err_len);
/* Open one and check all of it. -EINVAL: it is damaged, or none. */
int vbh_catalogue_open(struct vbh_catalogue **catalogue, const char *path, char *err,
		       size_t err_len);
void vbh_catalogue_close(struct vbh_catalogue *catalogue);
/*
 * 1: it is of that release, and no file below dir has changed since; 0: not so. With
 * 1 err says, if it is not empty, how many of them were left out.
 */
int vbh_catalogue_fresh(const struct vbh_catalogue *catalogue, const char *dir,
			const char *release, char *err, size_t err_len);
const char *vbh_catalogue_release(const struct vbh_catalogue *catalogue);
size_t vbh_catalogue_modules(const struct vbh_catalogue *catalogue);

struct vbh_catalogue_info {
	const char *name;	/* of the module; valid until the catalogue is closed */
	const uint8_t *digest;	/* VBH_HASH_LEN bytes */
	uint32_t text, rodata;	/* bytes of it in memory, whole pages */
	uint32_t description;	/* bytes */
};

/* Number i, in the order of their names. */
void vbh_catalogue_module(const struct vbh_catalogue *catalogue, size_t i,
			  struct vbh_catalogue_info *info);

/* SHA-256 of len bytes. */
void vbh_hash(const void *data, size_t len, uint8_t hash[VBH_HASH_LEN]);

/* What has names. */
enum vbh_names {
	VBH_NAMES_KIND,		/* enum vbh_kind */
	VBH_NAMES_RULE,		/* enum vbh_rule */
	VBH_NAMES_ACTION,	/* enum vbh_action */
	VBH_NAMES_EXIT,		/* enum vbh_exit */
	VBH_NAMES_REGION,	/* enum vbh_region_kind */
	VBH_NAMES_DTR,		/* enum vbh_dtr */
	VBH_NAMES_STATE,	/* enum vbh_state */
	VBH_NAMES_BODY,		/* enum vbh_body */
	VBH_NAMES_PATCHING,	/* enum vbh_patching */
	VBH_NAMES_PATCH,	/* enum vbh_patch */
	VBH_NAMES_HYPERCALL,	/* number - VBH_HC_BASE */
	VBH_NAMES_FEATURE,	/* VBH_FEAT_*, by bit number */
	VBH_NAMES_EVENT_FLAG,	/* VBH_EVENT_F_*, by bit number */
	VBH_NAMES_CR0,		/* bits of CR0, by number */
	VBH_NAMES_CR4,
	VBH_NAMES_EFER,
	VBH_NAMES_MSR,		/* MSR numbers */
	VBH_NR_NAMES,
};

struct vbh_name {
	uint32_t value;
	const char *name;
};

/* The table and its length in *n; NULL if there is no such table. */
const struct vbh_name *vbh_names(enum vbh_names table, size_t *n);
/* The name of a value, or NULL. */
const char *vbh_name(enum vbh_names table, uint32_t value);
/* The value of a name, in exactly this spelling. -ENOENT. */
int vbh_value(enum vbh_names table, const char *name, uint32_t *value);

#ifdef __cplusplus
}
#endif

#endif
