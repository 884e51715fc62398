// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text and constants of modules. A module is protected when it has become live:
 * by then relocations, ftrace, jump labels and its own init are through, and
 * its pages are final but for its patch sites, which are handed over then. When
 * it goes, its regions go first; after the seal nothing protected can go, so
 * every protected module is held. Whether one may come at all is policy.
 *
 * The list is under vbh_mutex.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/idr.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "shape.h"
#include "listed.h"

struct guarded {
	struct list_head list;
	struct module *mod;
	u32 tag;
	bool regions;		/* there are some: the policy may want none */
	bool held;
	bool listed;		/* came after the seal, and was checked */
};

static LIST_HEAD(guarded_modules);
static DEFINE_IDA(tags);
static char *name_buffer;	/* VBH_MODULE_NAME bytes */

u64 module_name_gpa(const struct module *mod)
{
	strscpy_pad(name_buffer, mod->name, VBH_MODULE_NAME);
	return virt_to_phys(name_buffer);
}

static struct guarded *find(const struct module *mod)
{
	struct guarded *g;

	list_for_each_entry(g, &guarded_modules, list)
		if (g->mod == mod)
			return g;
	return NULL;
}

/* Pages of vmalloc space one by one; the batch joins neighbours. */
static int add_span(struct region_batch *batch, enum vbh_region_kind kind,
		    const void *start, const void *end)
{
	const void *at;
	int err;

	for (at = start; at < end; at += PAGE_SIZE) {
		err = region_batch_add(batch, kind,
				       page_to_phys(vmalloc_to_page(at)),
				       PAGE_SIZE);
		if (err)
			return err;
	}
	return 0;
}

static int add_part(struct region_batch *batch, enum vbh_region_kind kind,
		    const struct module *mod, enum vbh_part part)
{
	struct shape_span span = shape_part(mod, part);

	return add_span(batch, kind, (void *)span.start, (void *)span.start + span.len);
}

static int add_module(struct region_batch *batch, const struct module *mod)
{
	int err, i, nr;
	void **thunks = shape_thunks(mod, &nr);

	err = add_part(batch, VBH_REGION_MODULE_TEXT, mod, VBH_PART_TEXT);
	for (i = 0; !err && i < nr; i++)
		err = add_span(batch, VBH_REGION_MODULE_TEXT, thunks[i], thunks[i] + PAGE_SIZE);
	if (!err)
		err = add_part(batch, VBH_REGION_MODULE_RODATA, mod, VBH_PART_RODATA);
	if (!err)
		err = add_part(batch, VBH_REGION_MODULE_RODATA, mod, VBH_PART_RO_AFTER_INIT);
	return err;
}

static void forget(struct guarded *g)
{
	list_del(&g->list);
	ida_free(&tags, g->tag & ~VBH_TAG_MODULE);
	if (g->held)
		module_put(g->mod);
	kfree(g);
}

static void unprotect(struct guarded *g)
{
	long err = 0;

	if (g->listed)
		err = listed_gone(g->mod, g->tag);
	else if (g->regions)
		err = vbh_hypercall(VBH_HC_REGION_DEL, g->tag,
				    module_name_gpa(g->mod), 0, 0);
	if (err)
		pr_crit("the pages of module %s stay protected: %ld\n",
			g->mod->name, err);
	forget(g);
}

static struct guarded *remember(struct module *mod, u32 flag)
{
	struct guarded *g = kzalloc(sizeof(*g), GFP_KERNEL);
	int tag;

	if (!g)
		return NULL;
	g->mod = mod;
	tag = ida_alloc_min(&tags, REGION_TAG_MODULES, GFP_KERNEL);
	if (tag < 0) {
		kfree(g);
		return NULL;
	}
	g->tag = tag | flag;
	list_add(&g->list, &guarded_modules);
	return g;
}

static int protect(struct module *mod)
{
	struct region_batch batch;
	struct guarded *g;
	int err;

	if (find(mod))
		return 0;
	err = donate_module(mod);
	if (err)
		return err;
	g = remember(mod, 0);
	if (!g)
		return -ENOMEM;
	err = region_batch_begin(&batch, g->tag);
	if (!err)
		err = region_batch_end(&batch, add_module(&batch, mod));
	g->regions = batch.sent;
	if (!err)
		err = sites_module(mod, g->tag);
	if (!err)
		err = listed_exports(mod, g->tag);
	if (err)
		unprotect(g);
	return err;
}

/* It came after the seal: what only its init could write is constant from now on. */
static int protect_after_init(struct guarded *g)
{
	struct region_batch batch;
	int err;

	err = region_batch_begin(&batch, g->tag);
	if (err)
		return err;
	err = add_part(&batch, VBH_REGION_MODULE_RODATA, g->mod, VBH_PART_RO_AFTER_INIT);
	return region_batch_end(&batch, err);
}

static int hold(struct guarded *g)
{
	if (g->held)
		return 0;
	if (!try_module_get(g->mod))
		return -ENOENT;
	g->held = true;
	return 0;
}

static int module_fail(struct vbh_why *why, int err, const struct module *mod, const char *how)
{
	char what[MODULE_NAME_LEN + 32];

	scnprintf(what, sizeof(what), "module %s %s", mod->name, how);
	return donate_fail(why, err, what);
}

/*
 * What may be patched in a module can be told only before the seal, unless it is
 * listed. If the policy lets any in later, its text can't be protected from the
 * kernel itself.
 */
static void module_live(struct module *mod)
{
	struct guarded *g = find(mod);
	struct vbh_why why;
	long err;

	if (g && g->listed) {
		err = listed_live(mod, g->tag);
		if (!err)
			err = protect_after_init(g);
		if (err)
			pr_err("module %s is not protected as a whole: %ld\n", mod->name, err);
		return;
	}
	if (vbh_state() != VBH_STATE_OPEN) {
		pr_warn("module %s came after the seal: it is not protected\n",
			mod->name);
		return;
	}
	err = protect(mod);
	if (err)
		module_fail(&why, err, mod, "is not protected");
}

static int refuse(const struct module *mod, int err, const char *why)
{
	pr_warn("%s %s: not loaded\n", mod->name, why);
	return notifier_from_errno(err);
}

/* The hypervisor says whether its bytes are those of a module that may come. */
static int module_listed(struct module *mod)
{
	struct guarded *g = remember(mod, VBH_TAG_MODULE);
	struct vbh_why why;
	int err = g ? donate_module(mod) : -ENOMEM;

	if (!err)
		err = listed_coming(mod, g->tag, region_rule(VBH_REGION_MODULE_TEXT));
	if (!err) {
		g->listed = true;
		return NOTIFY_DONE;
	}
	if (g)
		forget(g);
	if (err == -EACCES)
		return refuse(mod, -EPERM, "is not as a module of VBH's catalogue is");
	module_fail(&why, err, mod, "can't be checked");
	return notifier_from_errno(err == -ENOSPC ? -ENOMEM : err);
}

/* One that could not be protected when it is live does not come. */
static int module_room(const struct module *mod)
{
	int err = vbh_state() == VBH_STATE_OPEN ? donate_module(mod) : 0;
	struct vbh_why why;

	if (err)
		module_fail(&why, err, mod, "can't be protected and is not loaded");
	return notifier_from_errno(err ? -ENOMEM : 0);
}

static int module_coming(struct module *mod)
{
	if (vbh_mode == VBH_NATIVE && machine_kvm_name(mod))
		return refuse(mod, -EBUSY, "can't be used while VBH runs");
	if (!sites_allowed(VBH_PATCH_MODULES) && !listed_active())
		return refuse(mod, -EPERM, "is a module, which VBH's policy denies now");
	if (is_livepatch_module(mod) &&
	    !sites_allowed(VBH_PATCH_LIVEPATCH))
		return refuse(mod, -EPERM, "is a livepatch, which VBH's policy denies now");
	return sites_allowed(VBH_PATCH_MODULES) ? module_room(mod) : module_listed(mod);
}

static int module_event(struct notifier_block *nb, unsigned long state,
			void *data)
{
	struct module *mod = data;
	int ret = NOTIFY_DONE;
	struct guarded *g;

	if (state == MODULE_STATE_LIVE || state == MODULE_STATE_GOING)
		listed_wait(mod);
	mutex_lock(&vbh_mutex);
	if (vbh_mode == VBH_OFF) {
		mutex_unlock(&vbh_mutex);
		return NOTIFY_DONE;
	}
	/* GOING may follow COMING, without LIVE: then there is none. */
	g = find(mod);
	if (state == MODULE_STATE_GOING)
		asks_module_goes(mod);
	if (state == MODULE_STATE_LIVE)
		module_live(mod);
	else if (state == MODULE_STATE_GOING && g)
		unprotect(g);
	else if (state == MODULE_STATE_COMING)
		ret = module_coming(mod);
	mutex_unlock(&vbh_mutex);
	return ret;
}

static struct notifier_block notifier = {
	.notifier_call = module_event,
};

int modules_start(struct vbh_why *why)
{
	struct module *mod, *failed = NULL;
	int err = 0;

	facts_lock_modules();
	list_for_each_entry(mod, facts_modules(), list) {
		if (mod->state != MODULE_STATE_LIVE)
			continue;
		err = protect(mod);
		if (err) {
			failed = mod;
			break;
		}
	}
	if (failed)
		module_fail(why, err, failed, "can't be protected");
	facts_unlock_modules();
	return err;
}

void modules_undo(void)
{
	struct guarded *g, *next;

	list_for_each_entry_safe(g, next, &guarded_modules, list)
		unprotect(g);
	listed_stop();
}

void modules_stop(void)
{
	struct guarded *g, *next;

	list_for_each_entry_safe(g, next, &guarded_modules, list)
		forget(g);
	listed_stop();
}

/* One that is going already can't be held: its regions go now instead. */
void modules_hold(void)
{
	struct guarded *g, *next;

	list_for_each_entry_safe(g, next, &guarded_modules, list)
		if (hold(g))
			unprotect(g);
}

void modules_release(void)
{
	struct guarded *g;

	list_for_each_entry(g, &guarded_modules, list) {
		if (g->held)
			module_put(g->mod);
		g->held = false;
	}
}

int modules_init(void)
{
	int err;

	name_buffer = kmalloc(VBH_MODULE_NAME, GFP_KERNEL);
	if (!name_buffer)
		return -ENOMEM;
	err = register_module_notifier(&notifier);
	if (err)
		kfree(name_buffer);
	return err;
}

void modules_exit(void)
{
	unregister_module_notifier(&notifier);
	kfree(name_buffer);
	ida_destroy(&tags);
}
