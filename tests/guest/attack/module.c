// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modules after the seal, where the policy lists them: one that is not listed,
 * and a listed one (dummy) that is changed before, while and after it is checked.
 * The changes are made from module notifiers, the first and the last of all.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/umh.h>
#include <linux/utsname.h>
#include <linux/vmalloc.h>
#include <vbh/catalogue.h>

#include "attack.h"
#include "insn.h"
#include "memory.h"

#define VICTIM		"dummy"
#define CALLED		"ether_setup"		/* by dummy_setup(), which is not run here */
#define CALLED_NOW	"netif_tx_stop_all_queues"	/* which it does not refer to */

/* A load of a module on its way. */
static struct {
	struct attempt *t;
	const char *name;
	void (*before)(struct module *mod);
	void (*after)(struct module *mod);
	u8 *alias;		/* of a byte of its text, writable */
	u8 old, new;
	u8 *field;		/* the distance of a call, in text, and as it was */
	s32 field_was;
	int vector, faults;
	bool seen;
} job;

static char *env[] = { "HOME=/", "PATH=/sbin:/usr/sbin:/bin:/usr/bin", NULL };

static int run_program(char *program, char *a, char *b)
{
	char *argv[] = { program, a, b, NULL };

	return call_usermodehelper(program, argv, env, UMH_WAIT_PROC);
}

static struct module *find(const char *name)
{
	struct module *(*fn)(const char *name) = (void *)attack_symbol("find_module");
	struct module *mod;

	preempt_disable();
	mod = fn ? fn(name) : NULL;
	preempt_enable();
	return mod;
}

/*
 * Whose event it will be: that of the program which loads. It tries a second
 * system call if the first is refused: VBH is not asked again.
 */
static int first(struct notifier_block *nb, unsigned long state, void *data)
{
	struct module *mod = data;

	if (state != MODULE_STATE_COMING || strcmp(mod->name, job.name))
		return NOTIFY_DONE;
	if (job.seen)
		return notifier_from_errno(-ECANCELED);
	set_cpus_allowed_ptr(current, cpumask_of(0));
	attempt_here(job.t);
	job.seen = true;
	if (job.before)
		job.before(mod);
	return NOTIFY_DONE;
}

static int last(struct notifier_block *nb, unsigned long state, void *data)
{
	struct module *mod = data;

	if (state == MODULE_STATE_COMING && !strcmp(mod->name, job.name) && job.after)
		job.after(mod);
	return NOTIFY_DONE;
}

static struct notifier_block first_nb = { .notifier_call = first, .priority = INT_MAX };
static struct notifier_block last_nb = { .notifier_call = last, .priority = INT_MIN };

/* Is it there then? */
static bool load(struct attempt *t, const char *name, char *program, char *a, char *b)
{
	job.t = t;
	job.name = name;
	register_module_notifier(&first_nb);
	register_module_notifier(&last_nb);
	run_program(program, a, b);
	unregister_module_notifier(&last_nb);
	unregister_module_notifier(&first_nb);
	return find(name);
}

static bool load_victim(struct attempt *t, void (*before)(struct module *mod),
			void (*after)(struct module *mod))
{
	job.before = before;
	job.after = after;
	return load(t, VICTIM, "/sbin/modprobe", VICTIM, "numdummies=0");
}

static void unload_victim(void)
{
	if (job.alias)
		alias_unmap(job.alias);
	if (find(VICTIM))
		run_program("/sbin/modprobe", "-r", VICTIM);
	memset(&job, 0, sizeof(job));
}

/* The module is not there: it was refused, if its load was seen at all. */
static void judge_refused(struct attempt *t, bool loaded, bool changed)
{
	if (!job.seen) {
		attempt_unavailable(t, "there is no such module");
	} else if (!loaded) {
		t->outcome = REFUSED;
		t->ret = -EPERM;
	} else {
		t->outcome = changed ? WORKED : IGNORED;
	}
}

static void expect_refusal(struct attempt *t, enum vbh_module_why why)
{
	attempt_expect(t, VBH_KIND_MODULE, why);
}

static void attack_not_listed(struct attempt *t)
{
	bool loaded;

	expect_refusal(t, VBH_MODULE_NOT_LISTED);
	loaded = load(t, "vbh_extra", "/sbin/insmod", "/rig/vbh_extra.ko", NULL);
	judge_refused(t, loaded, loaded);
	if (loaded)
		run_program("/sbin/rmmod", "vbh_extra", NULL);
	memset(&job, 0, sizeof(job));
}

/* The last byte that could be executed, behind the module's own code. */
static u8 *last_byte(struct module *mod)
{
	struct shape_span text = shape_part(mod, VBH_PART_TEXT);

	return (u8 *)text.start + text.len - 1;
}

static void make_alias(struct module *mod)
{
	u8 *alias = alias_map(memory_phys(last_byte(mod)), PAGE_KERNEL);

	job.old = alias ? *alias : 0;
	job.new = job.old ^ 0xcc;
	WRITE_ONCE(job.alias, alias);
}

static void change_text(struct module *mod)
{
	make_alias(mod);
	if (job.alias)
		job.vector = try_store8(job.alias, job.new, &job.t->rip);
}

static bool text_changed(void)
{
	return job.alias && *job.alias == job.new;
}

static void attack_before(struct attempt *t)
{
	bool loaded;

	expect_refusal(t, VBH_MODULE_NOT_LISTED);
	loaded = load_victim(t, change_text, NULL);
	t->rip = 0;
	judge_refused(t, loaded, text_changed());
	unload_victim();
}

static void change_text_later(struct module *mod)
{
	attempt_expect(job.t, VBH_KIND_WRITE, VBH_REGION_MODULE_TEXT);
	job.t->want.gpa = memory_phys(last_byte(mod));
	job.t->want.flags |= VBH_EVENT_F_GPA;
	change_text(mod);
}

static void attack_after(struct attempt *t)
{
	if (load_victim(t, NULL, change_text_later))
		attempt_judge(t, job.vector, text_changed());
	else
		attempt_broken(t, VICTIM " was not loaded");
	unload_victim();
}

/*
 * On the other CPU: stores what stands there until that faults, which is when the
 * check has begun; then something else, at once.
 */
static int racer(void *data)
{
	u64 rip;

	while (!kthread_should_stop() && !job.faults) {
		u8 *to = READ_ONCE(job.alias);

		if (to && try_store8(to, job.old, &rip))
			job.faults++;
		cpu_relax();
		cond_resched();
	}
	if (job.alias) {
		job.vector = try_store8(job.alias, job.new, &rip);
		job.faults += !!job.vector;
	}
	while (!kthread_should_stop())
		msleep(1);
	return 0;
}

static void attack_race(struct attempt *t)
{
	int cpu = attack_other_cpu();
	struct task_struct *task;
	bool loaded;

	if (cpu < 0) {
		attempt_unavailable(t, "there is one CPU only");
		return;
	}
	task = kthread_create(racer, NULL, "vbh_racer");
	if (IS_ERR(task)) {
		attempt_unavailable(t, "no thread");
		return;
	}
	kthread_bind(task, cpu);
	attempt_expect(t, VBH_KIND_WRITE, VBH_REGION_MODULE_TEXT);
	wake_up_process(task);
	loaded = load_victim(t, make_alias, NULL);
	kthread_stop(task);
	t->ops = max(job.faults, 1);
	if (loaded)
		attempt_judge(t, job.vector, text_changed());
	else
		attempt_broken(t, VICTIM " was not loaded");
	unload_victim();
}

/* CALL CALLED becomes CALL CALLED_NOW. */
static void change_call(struct module *mod)
{
	u8 *at = (u8 *)shape_part(mod, VBH_PART_TEXT).start, *end = last_byte(mod) - 4;
	unsigned long from = attack_symbol(CALLED), to = attack_symbol(CALLED_NOW);
	s32 is;

	for (; at < end; at++) {
		is = *(s32 *)(at + 1);
		if (*at == 0xe8 && (unsigned long)at + 5 + is == from &&
		    offset_in_page(at + 1) <= PAGE_SIZE - sizeof(is))
			break;
	}
	if (at == end)
		return;
	job.field = at + 1;
	job.field_was = is;
	job.alias = alias_map(memory_phys(job.field), PAGE_KERNEL);
	if (job.alias)
		*(s32 *)job.alias = to - from + is;
	job.t->want.gla = (unsigned long)job.field;
	job.t->want.flags |= VBH_EVENT_F_GLA;
	attempt_values(job.t, (u32)(to - from + is), (u32)is);
}

static bool call_changed(void)
{
	return job.field && job.alias && *(s32 *)job.alias != job.field_was;
}

static void attack_field(struct attempt *t)
{
	bool loaded;

	expect_refusal(t, VBH_MODULE_FIELD);
	loaded = load_victim(t, change_call, NULL);
	judge_refused(t, loaded, call_changed());
	unload_victim();
}

/* Of the n numbers in a file, one for another. */
static int exchange(struct file *file, loff_t at, u64 old, u64 new, u32 n)
{
	loff_t pos;
	u64 word;

	for (; n--; at += sizeof(word)) {
		pos = at;
		if (kernel_read(file, &word, sizeof(word), &pos) != sizeof(word))
			return -EIO;
		if (word != old)
			continue;
		pos = at;
		return kernel_write(file, &new, sizeof(new), &pos) == sizeof(new) ? 0 : -EIO;
	}
	return -ENOENT;
}

/* In the catalogue's file, have the victim refer to another function, or back. */
static int forge_description(u64 old, u64 new)
{
	struct vbh_catalogue_header h;
	struct vbh_catalogue_entry e;
	struct file *file;
	char path[128];
	loff_t pos = 0;
	int err = -ENOENT;
	u32 i;

	snprintf(path, sizeof(path), "/var/lib/vbh/catalogue-%s", init_utsname()->release);
	file = filp_open(path, O_RDWR, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (kernel_read(file, &h, sizeof(h), &pos) != sizeof(h))
		h.modules = 0;
	for (i = 0; i < h.modules; i++) {
		if (kernel_read(file, &e, sizeof(e), &pos) != sizeof(e))
			break;
		if (strcmp(e.name, VICTIM))
			continue;
		err = exchange(file, e.offset, old, new, e.layout.symbols);
		break;
	}
	fput(file);
	return err;
}

/* The description says then what the module has: only their digest tells. */
static void attack_description(struct attempt *t)
{
	u64 old = vbh_symbol_hash(CALLED), new = vbh_symbol_hash(CALLED_NOW);
	bool loaded;

	if (attack_vbh() && forge_description(old, new)) {
		attempt_unavailable(t, "the catalogue's file can't be changed");
		return;
	}
	expect_refusal(t, VBH_MODULE_NOT_LISTED);
	loaded = load_victim(t, change_call, NULL);
	t->want.flags &= ~(VBH_EVENT_F_GLA | VBH_EVENT_F_VALUES);
	judge_refused(t, loaded, call_changed());
	unload_victim();
	if (attack_vbh() && forge_description(new, old))
		attempt_broken(t, "the catalogue's file is not as it was");
}

/* A module that was never loaded, in the list: code of the attacker's. */
static struct module *forged;

/* A copy where modules are, and executable ones among them. */
static void *copy_of(const void *from, unsigned int size)
{
	void *(*alloc)(unsigned long size) = (void *)attack_symbol("module_alloc");
	void *(*execmem)(int type, size_t size) = (void *)attack_symbol("execmem_alloc_rw");
	void *copy = NULL;

	if (!execmem)
		execmem = (void *)attack_symbol("execmem_alloc");
	if (size && from)
		copy = execmem ? execmem(0, size) : alloc ? alloc(size) : NULL;
	if (copy)
		memcpy(copy, from, size);
	return copy;
}

static void copy_parts(const struct module *mod)
{
#ifdef SHAPE_MODULE_MEMORY
	for_each_mod_mem_type(type) {
		forged->mem[type] = mod->mem[type];
		forged->mem[type].base = copy_of(mod->mem[type].base, mod->mem[type].size);
	}
#else
	forged->core_layout = mod->core_layout;
	forged->core_layout.base = copy_of(mod->core_layout.base, mod->core_layout.size);
	forged->init_layout = mod->init_layout;
	forged->init_layout.base = copy_of(mod->init_layout.base, mod->init_layout.size);
#endif
}

static void free_parts(void)
{
#ifdef SHAPE_MODULE_MEMORY
	void (*release)(void *at) = (void *)attack_symbol("execmem_free");

	for_each_mod_mem_type(type)
		if (forged->mem[type].base)
			release(forged->mem[type].base);
#else
	vfree(forged->core_layout.base);
	vfree(forged->init_layout.base);
#endif
}

static void forge_module(struct module *mod)
{
	forged = kzalloc(sizeof(*forged), GFP_KERNEL);
	if (!forged)
		return;
	strscpy(forged->name, mod->name, sizeof(forged->name));
	forged->state = MODULE_STATE_COMING;
	copy_parts(mod);
}

static void announce(struct attempt *t)
{
	struct blocking_notifier_head *chain = (void *)attack_symbol("module_notify_list");
	struct list_head *modules = (void *)attack_symbol("modules");
	int ret;

	attempt_here(t);
	list_add_rcu(&forged->list, modules);
	ret = blocking_notifier_call_chain(chain, MODULE_STATE_COMING, forged);
	t->ret = notifier_to_errno(ret);
	t->outcome = t->ret ? REFUSED : find(VICTIM) == forged ? WORKED : IGNORED;
	blocking_notifier_call_chain(chain, MODULE_STATE_GOING, forged);
	list_del_rcu(&forged->list);
	synchronize_rcu();
}

static void attack_list(struct attempt *t)
{
	expect_refusal(t, VBH_MODULE_FIELD);
	if (load_victim(t, forge_module, NULL))
		unload_victim();
	if (forged && shape_part(forged, VBH_PART_TEXT).start &&
	    shape_part(forged, VBH_PART_INIT_TEXT).start)
		announce(t);
	else
		attempt_unavailable(t, "there is no module " VICTIM);
	if (forged)
		free_parts();
	kfree(forged);
	forged = NULL;
}

const struct attack module_attacks[] = {
	{ "module-not-listed", "can load a module that is in no catalogue", attack_not_listed,
	  A_REFUSED | A_LISTED, -EPERM },
	{ "module-before", "can change a listed module before it is checked", attack_before,
	  A_REFUSED | A_LISTED, -EPERM },
	{ "module-race", "can change a listed module while it is checked", attack_race,
	  A_LISTED | A_MANY },
	{ "module-after", "can change a listed module after it was checked", attack_after,
	  A_LISTED },
	{ "module-field", "can have a relocation of a listed module lead elsewhere", attack_field,
	  A_REFUSED | A_LISTED, -EPERM },
	{ "module-description", "can have it lead elsewhere, and the catalogue's file say so",
	  attack_description, A_REFUSED | A_LISTED, -EPERM },
	{ "module-list", "can put code of his own into the list of modules", attack_list,
	  A_REFUSED | A_LISTED, -EPERM },
	{ }
};
