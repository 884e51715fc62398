// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host sees: the violations and notes of all its VMs, by a tracepoint and
 * by /dev/vbh, in the form that a guest's own driver has (include/vbh/dev.h) but
 * with the VM's number and its process. Each VM may have a fixed number of records
 * here; of one that makes more the oldest go, and nobody else's do. Those of VMs
 * that are gone stay until there are too many of them. seq is the host's own
 * order; the chain of hashes is the guest's, and does not cover it.
 */
#include <linux/miscdevice.h>
#include <linux/poll.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <vbh/dev.h>
#include "body.h"
#include "../trace.h"

#define PER_VM		256u
#define OF_THE_DEAD	1024u

struct record {
	struct rb_node node;
	struct list_head own;
	struct vbh_event ev;
};

/* All below is under it, and the lists of each VM. */
static DEFINE_SPINLOCK(log_lock);
static struct rb_root all = RB_ROOT;	/* by seq */
static LIST_HEAD(dead);			/* of VMs that are gone, the oldest first */
static u32 nr_dead;
static u64 next_seq;
static DECLARE_WAIT_QUEUE_HEAD(waiters);

static atomic_t running = ATOMIC_INIT(0);

/* Guards users, and with it whether the device is there. */
static DEFINE_MUTEX(users_lock);
static u32 users;

struct log_file {
	/* One read() at a time. */
	struct mutex lock;
	u64 seq;
};

static bool earlier(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct record, node)->ev.seq < rb_entry(b, struct record, node)->ev.seq;
}

static struct record *drop_first(struct list_head *own)
{
	struct record *r = list_first_entry(own, struct record, own);

	rb_erase(&r->node, &all);
	list_del(&r->own);
	return r;
}

void vbh_log_add(struct kvm_vbh *v, const struct vbh_event *ev)
{
	struct record *r = kmalloc(sizeof(*r), GFP_KERNEL_ACCOUNT), *old = NULL;

	if (ev->rule)
		trace_kvm_vbh_violation(v->number, ev->cpu, ev->kind, ev->rule, ev->action,
					ev->detail, ev->rip, ev->gpa);
	if (r) {
		r->ev = *ev;
		r->ev.vm = v->number;
		r->ev.tsc = rdtsc();
		memset(r->ev.stack, 0, sizeof(r->ev.stack));
		r->ev.vm_seq = ev->seq;
		r->ev.vmm_pid = current->tgid;
		get_task_comm(r->ev.vmm_comm, current->group_leader);
		memset(r->ev.hash, 0, sizeof(r->ev.hash));
	}
	spin_lock(&log_lock);
	if (v->log.nr == PER_VM) {
		old = drop_first(&v->log.records);
		v->log.nr--;
		v->log.lost++;
	}
	if (r) {
		r->ev.seq = next_seq++;
		r->ev.lost = v->log.lost;
		rb_add(&r->node, &all, earlier);
		list_add_tail(&r->own, &v->log.records);
		v->log.nr++;
	} else {
		v->log.lost++;
	}
	spin_unlock(&log_lock);
	kfree(old);
	wake_up_interruptible(&waiters);
}

void vbh_log_running(int change)
{
	atomic_add(change, &running);
}

/* The first record from *seq on; false if there is none. */
static bool next_record(u64 *seq, struct vbh_event *ev)
{
	const struct record *r, *first = NULL;
	struct rb_node *at;

	spin_lock(&log_lock);
	for (at = all.rb_node; at;) {
		r = rb_entry(at, struct record, node);
		if (r->ev.seq >= *seq)
			first = r;
		at = r->ev.seq >= *seq ? at->rb_left : at->rb_right;
	}
	if (first) {
		*ev = first->ev;
		*seq = first->ev.seq + 1;
	}
	spin_unlock(&log_lock);
	return first;
}

static bool readable(const struct log_file *f)
{
	struct rb_node *last;
	bool has;

	spin_lock(&log_lock);
	last = rb_last(&all);
	has = last && rb_entry(last, struct record, node)->ev.seq >= READ_ONCE(f->seq);
	spin_unlock(&log_lock);
	return has;
}

static int log_open(struct inode *inode, struct file *file)
{
	struct log_file *f;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	f = kzalloc(sizeof(*f), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	mutex_init(&f->lock);
	file->private_data = f;
	return 0;
}

static int log_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static ssize_t copy_records(struct log_file *f, char __user *buf, size_t count)
{
	struct vbh_event ev;
	ssize_t done = 0;
	u64 seq;

	mutex_lock(&f->lock);
	while (count - done >= sizeof(ev)) {
		seq = f->seq;
		if (!next_record(&seq, &ev))
			break;
		if (copy_to_user(buf + done, &ev, sizeof(ev))) {
			done = done ?: -EFAULT;
			break;
		}
		WRITE_ONCE(f->seq, seq);
		done += sizeof(ev);
	}
	mutex_unlock(&f->lock);
	return done;
}

static ssize_t log_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct log_file *f = file->private_data;
	ssize_t ret;

	if (count < sizeof(struct vbh_event))
		return -EINVAL;
	for (;;) {
		ret = copy_records(f, buf, min_t(size_t, count, INT_MAX));
		if (ret)
			return ret;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(waiters, readable(f)))
			return -ERESTARTSYS;
	}
}

static __poll_t log_poll(struct file *file, poll_table *wait)
{
	poll_wait(file, &waiters, wait);
	return readable(file->private_data) ? EPOLLIN | EPOLLRDNORM : 0;
}

static loff_t log_llseek(struct file *file, loff_t offset, int whence)
{
	struct log_file *f = file->private_data;

	mutex_lock(&f->lock);
	if (whence == SEEK_END && !offset)
		offset = READ_ONCE(next_seq);
	else if (whence == SEEK_CUR && !offset)
		offset = f->seq;
	else if (whence != SEEK_SET || offset < 0)
		offset = -EINVAL;
	if (offset >= 0)
		WRITE_ONCE(f->seq, offset);
	mutex_unlock(&f->lock);
	return offset;
}

static long log_info(void __user *arg)
{
	struct vbh_info info = {
		.size = sizeof(info),
		.abi = VBH_ABI_VERSION,
		.running = atomic_read(&running) > 0,
		.cpus_possible = num_possible_cpus(),
		.tsc_khz = tsc_khz,
		.status.size = sizeof(info.status),
		.status.abi = VBH_ABI_VERSION,
		.status.body = VBH_BODY_KVM,
		.status.events = READ_ONCE(next_seq),
	};

	info.tsc = rdtsc_ordered();
	info.realtime_ns = ktime_get_real_ns();
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

/* What a guest's driver does besides is not for its host to do. */
static long log_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return cmd == VBH_IOC_INFO ? log_info((void __user *)arg) : -EOPNOTSUPP;
}

static const struct file_operations log_fops = {
	.owner = THIS_MODULE,
	.open = log_open,
	.release = log_release,
	.read = log_read,
	.poll = log_poll,
	.llseek = log_llseek,
	.unlocked_ioctl = log_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vbh",
	.fops = &log_fops,
	.mode = 0600,
};

/*
 * The device is there from the first VM that is offered VBH. Where the host is
 * itself protected, its own driver has the name: then there is the tracepoint.
 */
int vbh_log_open(struct kvm_vbh *v)
{
	INIT_LIST_HEAD(&v->log.records);
	mutex_lock(&users_lock);
	if (!users && misc_register(&device))
		pr_warn_once("kvm: /dev/vbh is taken: violations are only traced\n");
	else
		users = 1;
	mutex_unlock(&users_lock);
	return 0;
}

/* What it has told stays, up to a number for all that are gone. */
void vbh_log_close(struct kvm_vbh *v)
{
	LIST_HEAD(gone);
	struct record *r, *next;

	spin_lock(&log_lock);
	nr_dead += v->log.nr;
	list_splice_tail_init(&v->log.records, &dead);
	for (; nr_dead > OF_THE_DEAD; nr_dead--)
		list_add(&drop_first(&dead)->own, &gone);
	spin_unlock(&log_lock);
	list_for_each_entry_safe(r, next, &gone, own)
		kfree(r);
}

void kvm_vbh_exit(void)
{
	struct record *r, *next;

	if (users)
		misc_deregister(&device);
	list_for_each_entry_safe(r, next, &dead, own)
		kfree(r);
}
