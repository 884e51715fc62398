// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modules after the seal: the catalogue's digests and what the kernel exports go
 * to the hypervisor before it; when a module comes, where its pages lie and its
 * description, from the catalogue's file. Nothing of that is trusted there, so
 * the file need not be safe from change: a wrong description is refused.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/async.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/utsname.h>
#include <linux/vmalloc.h>
#include <asm/paravirt_types.h>
#include <vbh/catalogue.h>
#include "shape.h"
#include "listed.h"

static struct file *catalogue;
static u32 nr_entries;

static struct {
	void (*ftrace_release_mod)(struct module *mod);
	void (*ftrace_free_mem)(struct module *mod, void *start, void *end);
} syms;

static int read_at(loff_t at, void *to, size_t len)
{
	while (len) {
		ssize_t n = kernel_read(catalogue, to, len, &at);

		if (n <= 0)
			return n ?: -EIO;
		to += n;
		len -= n;
	}
	return 0;
}

static int read_entry(u32 i, struct vbh_catalogue_entry *e)
{
	loff_t at = sizeof(struct vbh_catalogue_header) + (loff_t)i * sizeof(*e);
	int err = read_at(at, e, sizeof(*e));

	if (!err && !memchr(e->name, 0, sizeof(e->name)))
		err = -EINVAL;
	return err;
}

static int open_catalogue(int fd, struct vbh_why *why)
{
	struct vbh_catalogue_header h;
	int err;

	catalogue = fget(fd);
	if (!catalogue)
		return vbh_fail(why, -EBADF, "catalogue: %d is no open file", fd);
	if (!(catalogue->f_mode & FMODE_READ))
		return vbh_fail(why, -EBADF, "catalogue: the file is not open for reading");
	/* Nothing else stands still while it is read, again and again. */
	if (!S_ISREG(file_inode(catalogue)->i_mode))
		return vbh_fail(why, -EINVAL, "catalogue: is no regular file");
	err = read_at(0, &h, sizeof(h));
	if (err)
		return vbh_fail(why, err, "catalogue: can't be read: %d", err);
	if (h.magic != VBH_CATALOGUE_MAGIC || h.size != sizeof(h) ||
	    h.modules > VBH_CATALOGUE_MODULES)
		return vbh_fail(why, -EINVAL, "catalogue: the file is none of this version");
	if (strncmp(h.release, init_utsname()->release, sizeof(h.release)))
		return vbh_fail(why, -EINVAL, "catalogue: is of kernel %.*s, not of %s",
				(int)sizeof(h.release), h.release,
				init_utsname()->release);
	nr_entries = h.modules;
	return 0;
}

/* Elements begin with the u32 that they are to ascend by. */
static int first_cmp(const void *a, const void *b)
{
	const u32 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Sorted, in batches that are physically contiguous. */
static long send_sorted(u64 nr, void *all, u32 n, size_t size, u32 max)
{
	u32 done, part;
	long err = 0;

	sort(all, n, size, first_cmp, NULL);
	for (done = 0; !err && done < n; done += part) {
		part = min(n - done, max);
		err = vbh_call_with(nr, all + done * size, part * size, part);
		cond_resched();
	}
	return err;
}

static int send_digests(struct vbh_why *why)
{
	struct vbh_catalogue_entry e;
	u8 (*all)[VBH_HASH_LEN];
	long err = 0;
	u32 i;

	all = kvmalloc_array(nr_entries + 1, sizeof(*all), GFP_KERNEL);
	if (!all)
		return vbh_fail(why, -ENOMEM, "catalogue: out of memory");
	for (i = 0; !err && i < nr_entries; i++) {
		err = read_entry(i, &e);
		if (!err)
			memcpy(all[i], e.digest, sizeof(all[i]));
	}
	if (!err)
		err = send_sorted(VBH_HC_CATALOGUE, all, nr_entries, sizeof(*all),
				  VBH_MAX_DIGESTS);
	kvfree(all);
	if (err)
		return vbh_fail(why, err, "catalogue of %u modules: %ld", nr_entries, err);
	return 0;
}

static unsigned int add_exports(struct vbh_symbol *all, const struct shape_export *s,
				unsigned int n, u32 tag)
{
	unsigned int i;

	for (i = 0; i < n; i++, s++)
		all[i] = (struct vbh_symbol) {
			.hash = vbh_symbol_hash(offset_to_ptr(&s->name_offset)),
			.value = (unsigned long)offset_to_ptr(&s->value_offset),
			.tag = tag,
		};
	return n;
}

/* What all modules may use, and what those under the GPL may. */
static long send_exports(const struct shape_exports *exports, u32 tag)
{
	struct vbh_symbol *all;
	unsigned int n;
	long err;

	all = kvmalloc_array(exports->nr[0] + exports->nr[1] + 1, sizeof(*all), GFP_KERNEL);
	if (!all)
		return -ENOMEM;
	n = add_exports(all, exports->first[0], exports->nr[0], tag);
	n += add_exports(all + n, exports->first[1], exports->nr[1], tag);
	err = send_sorted(VBH_HC_SYMBOLS, all, n, sizeof(*all), VBH_MAX_BATCH);
	kvfree(all);
	return err;
}

static int send_kernel_exports(struct vbh_why *why)
{
	static const char * const names[] = {
		"ftrace_release_mod", "ftrace_free_mem",
	};
	unsigned long addr[ARRAY_SIZE(names)];
	struct shape_exports exports;
	const char *missing = shape_kernel_exports(&exports);
	long err;
	int i;

	if (missing)
		return vbh_fail(why, -ENOENT, "modules: the kernel has no symbol %s", missing);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		addr[i] = facts_symbol(names[i]);
		if (!addr[i])
			return vbh_fail(why, -ENOENT, "modules: the kernel has no symbol %s",
					names[i]);
	}
	syms.ftrace_release_mod = (void *)addr[0];
	syms.ftrace_free_mem = (void *)addr[1];
	err = send_exports(&exports, 0);
	if (err)
		return vbh_fail(why, err, "exports of the kernel: %ld", err);
	return 0;
}

/* What a paravirt call becomes, by its element of pv_ops (paravirt_patch()). */
static int send_pv_ops(struct vbh_why *why)
{
#ifdef CONFIG_PARAVIRT
	const unsigned int n = sizeof(struct paravirt_patch_template) / sizeof(void *);
	unsigned long bug = facts_symbol("paravirt_BUG"), *ops = (void *)facts_symbol("pv_ops");
	struct vbh_symbol *all;
	unsigned int i;
	char name[16];
	long err;

	if (!ops || !bug)
		return vbh_fail(why, -ENOENT, "modules: the kernel has no pv_ops or paravirt_BUG");
	all = kcalloc(n, sizeof(*all), GFP_KERNEL);
	if (!all)
		return vbh_fail(why, -ENOMEM, "modules: out of memory");
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "pv_ops[%u]", i);
		all[i].hash = vbh_symbol_hash(name);
		all[i].value = ops[i] ?: bug;
	}
	err = send_sorted(VBH_HC_SYMBOLS, all, n, sizeof(*all), VBH_MAX_BATCH);
	kfree(all);
	if (err)
		return vbh_fail(why, err, "paravirt calls: %ld", err);
#endif
	return 0;
}

int listed_start(int fd, struct vbh_why *why)
{
	int err = open_catalogue(fd, why);

	if (!err)
		err = send_digests(why);
	if (!err)
		err = send_kernel_exports(why);
	if (!err)
		err = send_pv_ops(why);
	if (err)
		listed_stop();
	return err;
}

void listed_stop(void)
{
	if (catalogue)
		fput(catalogue);
	catalogue = NULL;
}

bool listed_active(void)
{
	return catalogue;
}

int listed_exports(const struct module *mod, u32 tag)
{
	struct shape_exports exports;

	if (!catalogue)
		return 0;
	shape_module_exports(mod, &exports);
	return send_exports(&exports, tag);
}

static long module_call(enum vbh_module_op op, u32 tag, u64 gpa, u64 count)
{
	return vbh_hypercall(VBH_HC_MODULE, op, tag, gpa, count);
}

/* The first entry whose name is not less. */
static int find_name(const char *name, u32 *first)
{
	struct vbh_catalogue_entry e;
	u32 lo = 0, hi = nr_entries;
	int err;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		err = read_entry(mid, &e);
		if (err)
			return err;
		if (strcmp(e.name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*first = lo;
	return 0;
}

static bool same_sizes(const struct vbh_layout *l, const struct module *mod)
{
	int i;

	for (i = 0; i < VBH_PARTS_CHECKED; i++)
		if (l->len[i] != shape_part(mod, i).len)
			return false;
	return true;
}

/* The file may have changed since it was made. */
static int check_len(const struct vbh_catalogue_entry *e)
{
	if (e->len <= VBH_DESCRIPTION_MAX)
		return 0;
	pr_err("catalogue: the description of module %s has %u bytes, more than %u\n",
	       e->name, e->len, VBH_DESCRIPTION_MAX);
	return -EFBIG;
}

/* Of several with its name, the one with its sizes. Without any, *e is all zero. */
static int find_entry(const struct module *mod, struct vbh_catalogue_entry *e)
{
	u32 i;
	int err = find_name(mod->name, &i);

	for (; !err && i < nr_entries; i++) {
		err = read_entry(i, e);
		if (err || strcmp(e->name, mod->name))
			break;
		if (same_sizes(&e->layout, mod))
			return check_len(e);
	}
	memset(e, 0, sizeof(*e));
	return err;
}

/* Runs of pages of one kind, each physically contiguous. */
static long send_pages(u32 tag, struct shape_span span)
{
	void *start = (void *)span.start, *end = start + span.len;
	struct vbh_text *runs, *last;
	u32 nr = 0;
	long err = 0;
	void *at;

	runs = kmalloc_array(VBH_MAX_TEXTS, sizeof(*runs), GFP_KERNEL);
	if (!runs)
		return -ENOMEM;
	for (at = start; !err && at < end; at += PAGE_SIZE) {
		u64 gpa = page_to_phys(vmalloc_to_page(at));

		last = nr ? &runs[nr - 1] : NULL;
		if (last && last->gpa + last->len == gpa) {
			last->len += PAGE_SIZE;
			continue;
		}
		if (nr == VBH_MAX_TEXTS) {
			err = module_call(VBH_MODULE_PAGES, tag, virt_to_phys(runs), nr);
			nr = 0;
		}
		runs[nr++] = (struct vbh_text) {
			.gva = (unsigned long)at,
			.gpa = gpa,
			.len = PAGE_SIZE,
			.tag = tag,
		};
	}
	if (!err && nr)
		err = module_call(VBH_MODULE_PAGES, tag, virt_to_phys(runs), nr);
	kfree(runs);
	return err;
}

static long send_parts(u32 tag, const struct module *mod)
{
	long err = 0;
	int i;

	for (i = 0; !err && i < VBH_PARTS_CHECKED; i++)
		err = send_pages(tag, shape_part(mod, i));
	return err;
}

static long begin(const struct module *mod, u32 tag, const struct vbh_layout *layout, u8 rule)
{
	struct vbh_module m = {
		.size = sizeof(m),
		.tag = tag,
		.rule = max_t(u8, rule, VBH_RULE_DENY),
		.layout = *layout,
	};
	void *copy;
	long err;
	int i;

	for (i = 0; i < VBH_NR_PARTS; i++)
		m.part[i] = shape_part(mod, i).start;
#ifdef CONFIG_SMP
	m.percpu = (unsigned long)mod->percpu;
#endif
	strscpy(m.name, mod->name, sizeof(m.name));
	copy = kmemdup(&m, sizeof(m), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	err = module_call(VBH_MODULE_BEGIN, tag, virt_to_phys(copy), sizeof(m));
	kfree(copy);
	return err;
}

static long feed(u32 tag, const u8 *description, u32 len)
{
	u32 done = 0, n;
	long ret = 0;
	void *page;

	page = (void *)__get_free_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	while (done < len) {
		n = min_t(u32, len - done, PAGE_SIZE);
		memcpy(page, description + done, n);
		ret = module_call(VBH_MODULE_FEED, tag, virt_to_phys(page), n);
		if (ret <= 0)
			break;
		done += ret;
		cond_resched();
	}
	free_page((unsigned long)page);
	return done == len ? 0 : ret ?: -EINVAL;
}

/* Until there is no more to do: 0, or an error. */
static long repeat(enum vbh_module_op op, u32 tag, u64 gpa)
{
	long ret;

	do {
		ret = module_call(op, tag, gpa, 0);
		cond_resched();
	} while (ret > 0);
	return ret;
}

/* Thunks of its own that the module calls, on processors with X86_BUG_ITS. */
static long send_thunks(const struct module *mod, u32 tag, u8 rule)
{
	int i, nr;
	void **thunks = shape_thunks(mod, &nr);
	long err = 0;

	for (i = 0; !err && i < nr; i++) {
		const struct vbh_region r = {
			.gpa = page_to_phys(vmalloc_to_page(thunks[i])),
			.len = PAGE_SIZE,
			.rights = VBH_R | VBH_X | VBH_XU,
			.tag = tag,
			.kind = VBH_REGION_MODULE_TEXT,
			.rule = max_t(u8, rule, VBH_RULE_DENY),
		};

		err = vbh_call_with(VBH_HC_REGION_ADD, &r, sizeof(r), 1);
	}
	return err;
}

/* Nothing may be patched from the time that its pages are protected until it is accepted. */
static long check(const struct module *mod, u32 tag, u8 rule,
		  const struct vbh_catalogue_entry *e, const u8 *description)
{
	long err;

	kernel_sites_lock();
	err = begin(mod, tag, &e->layout, rule);
	if (!err && e->len)
		err = send_parts(tag, mod);
	if (!err && e->len)
		err = send_thunks(mod, tag, rule);
	if (!err)
		err = feed(tag, description, e->len);
	if (!err)
		err = repeat(VBH_MODULE_END, tag, 0);
	if (err)
		repeat(VBH_MODULE_GONE, tag, 0);
	kernel_sites_unlock();
	return err;
}

int listed_coming(const struct module *mod, u32 tag, u8 rule)
{
	struct vbh_catalogue_entry e;
	u8 *description;
	long err;

	err = find_entry(mod, &e);
	if (err)
		return err;
	description = kvmalloc((size_t)e.len + 1, GFP_KERNEL);
	if (!description)
		return -ENOMEM;
	err = read_at(e.offset, description, e.len);
	if (!err)
		err = check(mod, tag, rule, &e, description);
	kvfree(description);
	return err;
}

/* As do_init_module() and delete_module() are about to, but too late for us. */
void listed_wait(const struct module *mod)
{
	if (!READ_ONCE(catalogue))
		return;
	if (mod->state == MODULE_STATE_GOING || !mod->async_probe_requested)
		async_synchronize_full();
}

/* The kernel is about to take these from ftrace, but after the text was cleared. */
long listed_live(struct module *mod, u32 tag)
{
	struct shape_span text = shape_part(mod, VBH_PART_INIT_TEXT);
	void *start = (void *)text.start;

	/* Once, as Linux does: what it remembers of each call goes with one release each. */
	if (text.len)
		syms.ftrace_free_mem(mod, start, start + text.len);
	return repeat(VBH_MODULE_LIVE, tag, module_name_gpa(mod));
}

long listed_gone(struct module *mod, u32 tag)
{
	syms.ftrace_release_mod(mod);
	return repeat(VBH_MODULE_GONE, tag, module_name_gpa(mod));
}
