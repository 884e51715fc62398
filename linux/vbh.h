/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's own interfaces, one section a file. vbh_mutex (main.c) is held
 * wherever "locked" is said; it is taken before module_mutex and before the
 * CPU hotplug lock, so no hotplug callback may take it.
 */
#ifndef VBH_H
#define VBH_H

#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <asm/desc_defs.h>
#include <asm/segment.h>
#include <vbh/dev.h>
#include <vbh/launch.h>
#include "hypercall.h"

/* A failure in words, for the caller of VBH_IOC_START. */
struct vbh_why {
	char text[sizeof_field(struct vbh_start, error)];
};

/* Set why, tell the kernel log, return err. The text has no newline. */
__printf(3, 4) int vbh_fail(struct vbh_why *why, int err, const char *fmt, ...);

struct seq_file;

/* main.c: the life of the whole. */

enum vbh_mode {
	VBH_OFF,
	VBH_NATIVE,		/* our image runs below the kernel */
	VBH_ENLIGHTENED,	/* a KVM that offers VBH does */
};

extern struct mutex vbh_mutex;
extern enum vbh_mode vbh_mode;		/* written locked */

/* catalogue: an open file, for modules that are listed. */
int vbh_start(const struct vbh_policy *policy, int catalogue, struct vbh_why *why);
int vbh_stop(void);
int vbh_seal(void);
int vbh_unlock(const void *key, u32 len);
u32 vbh_state(void);			/* enum vbh_state, or 0; may sleep */
/* Does the hypervisor keep the ring for good, because it can't be stopped? */
bool vbh_keeps_ring(void);

/* facts.c: what the kernel says of itself. */

typedef int (*vbh_range_fn)(void *ctx, enum vbh_region_kind kind, u64 gpa,
			    u64 len);

/* Look the kernel's symbols up, once; fails with the name that is missing. */
int facts_find(struct vbh_why *why);
/* Call fn for each range of the kernel image; stops at the first non-zero. */
int facts_kernel(vbh_range_fn fn, void *ctx);
/* thunks.c: of those, what lies outside of the kernel image. After facts_find(). */
int thunks_kernel(vbh_range_fn fn, void *ctx);
void facts_fill(struct vbh_facts *facts);
/* After facts_find(): the address of a symbol, or 0. */
unsigned long facts_symbol(const char *name);
/* Likewise of a function, and how many bytes of code it has. */
unsigned long facts_function(const char *name, unsigned long *size);
/* The kernel's text, in whole pages. */
void facts_text(unsigned long *start, unsigned long *end);
/* Page number of the code where a CPU starts after SIPI. */
u32 facts_sipi_page(void);
/* The list of all modules, and module_mutex, which protects it. */
struct list_head *facts_modules(void);
void facts_lock_modules(void);
void facts_unlock_modules(void);

/* machine.c: may the image be launched here, and what it has to know. */

int machine_check(struct vbh_why *why);
/* The name of the half of KVM that needs VMX or SVM, if mod is one, or NULL. */
const char *machine_kvm_name(const struct module *mod);
/* Is VMX or SVM in use on this CPU? In words, or NULL. */
const char *machine_cpu_busy(void);
/*
 * Everything in params but the chunks, for the CPUs in mask. From then on, until
 * machine_forget(), memory that is not in params can't come online.
 */
int machine_describe(struct vbh_launch *params, const struct cpumask *mask,
		     struct vbh_why *why);
/* And what Linux knows of its processors is as it was. */
void machine_forget(void);
int machine_init(void);
void machine_exit(void);

/* tables.c: the image's memory, and the tables through which it is entered. */

#define IDT_BYTES	(IDT_ENTRIES * sizeof(gate_desc))

struct launch_space {
	struct vbh_launch *params;
	struct page *chunk[VBH_MAX_CHUNKS];
	unsigned long tables;	/* two pages for the top level; the first is used */
	unsigned long level[3];	/* the tables below; level[2] only with five levels */
	gate_desc *idt;		/* Linux's IDT, but for NMIs */
};

/* params must be described already; on failure all is as before. */
int space_create(struct launch_space *space, struct vbh_why *why);
void space_destroy(struct launch_space *space);
/* After VBH_OP_INIT: the launch tables show all of the image, as its own do. */
void space_join(struct launch_space *space);
/* A line "start end" for each chunk; nothing if there are none. */
void space_show(const struct launch_space *space, struct seq_file *m);
u64 space_entry(void);
u64 space_cr3(const struct launch_space *space);

/* launch.c: into guest mode on every CPU, and out again. Locked. */

int launch_start(struct vbh_why *why);
/*
 * -EPERM: sealed. -EAGAIN: CPU hotplug went on and on. -EIO: some CPU would not
 * leave; everything it needs stays.
 */
int launch_stop(void);
/* This CPU alone, for good. In any context, with interrupts off. */
void launch_leave(void);
/* CPUs in guest mode, online or parked. Changes inside stop_machine() only. */
const struct cpumask *launch_cpus(void);

void launch_show_memory(struct seq_file *m);

/* donate.c: memory for the hypervisor. Locked. */

/* It has so many bytes free beside those that it keeps; -ENOMEM or -ENOSPC. */
int donate_room(u64 bytes);
/* Look from time to time whether it wants some; without an exit. Or no longer. */
void donate_watch(bool on);
void donate_exit(void);
/* What it may take to protect this module. */
int donate_module(const struct module *mod);
/* vbh_fail(): `what` did not work; where room is short, in words and with what to do. */
int donate_fail(struct vbh_why *why, int err, const char *what);
/* All of it goes back: nobody lives on it any more. */
void donate_free(void);
/* A line "start end" for each piece. */
void donate_show(struct seq_file *m);

/* debugfs.c */

void debugfs_register(void);
void debugfs_unregister(void);

/* regions.c: ranges become regions. */

struct region_batch {
	struct vbh_region *regions;
	u32 nr;
	u32 tag;
	bool sent;		/* the hypervisor has regions with that tag */
};

/* The rules for every batch from now on. Locked. */
void region_policy(const struct vbh_policy *policy);
u8 region_rule(enum vbh_region_kind kind);
int region_batch_begin(struct region_batch *batch, u32 tag);
/* A vbh_range_fn; kinds without a rule are left out. */
int region_batch_add(void *batch, enum vbh_region_kind kind, u64 gpa, u64 len);
/* Send what is left if err is 0; free. On failure takes the whole tag back, if it may. */
int region_batch_end(struct region_batch *batch, int err);
#define REGION_TAG_KERNEL	1u
#define REGION_TAG_MODULES	2u	/* and above */

/* sites.c: what the kernel may patch in its own text. Locked. */

/* Before text is protected: LOCK prefixes, if another CPU may come. */
void sites_keep_locks(void);
/*
 * The policy for all that follows, before VBH runs. Without protected kernel text
 * there are no sites, and nothing below does anything.
 */
int sites_plan(const struct vbh_policy *policy, struct vbh_why *why);
/* Tell the hypervisor. */
int sites_policy(struct vbh_why *why);
/* Hand over what may be patched in the kernel; its regions are there already. */
int sites_kernel(struct vbh_why *why);
/* The same for a module that is live; its regions have that tag. */
int sites_module(const struct module *mod, u32 tag);
/* Does the policy allow it in the state that VBH is in? */
bool sites_allowed(enum vbh_patch kind);
/* And in VBH_PATCH_OPEN or _SEALED? Without protected kernel text everything is. */
bool sites_allows(enum vbh_patch kind, u32 state);
/* Is the kernel's text protected? */
bool sites_protected(void);

/* kprobes.c. Locked. */

int kprobes_find(struct vbh_why *why);
/* -EBUSY: there is a kprobe that is not disabled. */
int kprobes_check(struct vbh_why *why);

/* asks.c: what policy denies is refused before it begins. Locked. */

/* Before VBH runs, after sites_plan(). -EBUSY: what is to be denied is in use. */
int asks_start(struct vbh_why *why);
/* Right before the seal; likewise. */
int asks_seal(struct vbh_why *why);
/* The seal did not come about. */
void asks_open(void);
/* VBH has stopped, or did not start. */
void asks_stop(void);
void asks_module_goes(struct module *mod);
void asks_exit(void);

/* leftover.c: what was left out is made up for, after VBH has stopped. Locked. */

void leftover_settle(void);

/* poke.c: a patch that was refused all the same ends nothing. Locked. */

void poke_start(void);
void poke_stop(void);

/* policy.c */

int policy_check(const struct vbh_policy *policy, struct vbh_why *why);
/* All steps, in order. Locked; the caller undoes. */
int policy_apply(const struct vbh_policy *policy, int catalogue, struct vbh_why *why);

/* modules.c: text and rodata of modules. Locked. */

/* Where its name is for the hypervisor, until the next call. Under vbh_mutex. */
u64 module_name_gpa(const struct module *mod);
int modules_init(void);
void modules_exit(void);
/* Protect every module that is loaded. */
int modules_start(struct vbh_why *why);
/* Take the protection of every module back. */
void modules_undo(void);
/* Forget all; VBH is gone. */
void modules_stop(void);
/* Hold every protected module, so that no protected page is freed. */
void modules_hold(void);
void modules_release(void);

/* cpus.c: hotplug, suspend, reboot. */

int cpus_init(void);
void cpus_exit(void);
/* Tell the hypervisor on each CPU where `current` is. */
int cpus_tell_current(void);
bool cpus_suspending(void);		/* locked */
/*
 * Bring those in mask online that are not, also where the kernel keeps siblings from
 * it (nosmt). On failure says which and why, and leaves those that came.
 */
int cpus_bring_online(const struct cpumask *mask, struct vbh_why *why);
/* For launches and stops: they go offline again as soon as that is done. Locked. */
void cpus_put_back(void);
/* From now on hotplug callbacks talk to the hypervisor, or no longer do. */
void cpus_set_active(bool active);
/* More time between INIT and SIPI where VMX has them; then as before. After facts_find(). */
void cpus_slow_init(bool on);

/* ring.c: the event ring, from the reader's side. */

struct ring_reader {
	u64 seq;		/* next record */
	u32 generation;		/* of the ring that seq belongs to */
};

/* Allocate a ring of that many records in place of the last. Locked. */
int ring_create(u32 records, struct vbh_why *why);
/* Give it to the hypervisor. One that it keeps stays for good. */
int ring_donate(bool for_good);
bool ring_donated(void);
void ring_free(void);
/* 1: *ev is the reader's next record; 0: there is none yet. */
int ring_next(struct ring_reader *reader, struct vbh_event *ev);
u64 ring_head(void);
/* Bytes that the hypervisor would like to be donated. */
u64 ring_wanted(void);
/* Is there a record that the reader has not come to? Now it has, to the last one. */
bool ring_catch_up(struct ring_reader *reader);
/* Would ring_next() find one? */
bool ring_has(struct ring_reader *reader);
int ring_seek(struct ring_reader *reader, u64 seq);

/* notes.c: what is recorded beside violations. Locked. */

int notes_policy(const struct vbh_policy *policy, struct vbh_why *why);
/* One more wants patching recorded, or one less. On failure it is as it was. */
int notes_listen(bool on);
/* One less, for good. On failure recording goes on until the next one leaves. */
int notes_leave(void);

/* dev.c */

int dev_init(void);
void dev_exit(void);
/* VBH has started or stopped: readers look again. */
void dev_wake(void);

#endif
