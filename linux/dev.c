// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vbh: include/vbh/dev.h says what it does. The hypervisor raises no
 * interrupt for an event, so while somebody waits, and only then, the ring's
 * head is looked at every POLL_MS.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <asm/msr.h>
#include <asm/tsc.h>
#include "vbh.h"

#define POLL_MS		50

struct dev_file {
	struct mutex lock;	/* of reader */
	struct ring_reader reader;
	bool notes;		/* counted by notes_listen(); under vbh_mutex */
};

static DECLARE_WAIT_QUEUE_HEAD(waiters);

static void look(struct work_struct *work);
static DECLARE_DELAYED_WORK(look_work, look);

static void look(struct work_struct *work)
{
	/* Of which ring too: after a stop and a start another one may be as full. */
	static struct ring_reader seen;

	if (ring_catch_up(&seen))
		wake_up_interruptible(&waiters);
	/* Who queues after this look finds the work idle, and starts it again. */
	if (waitqueue_active(&waiters))
		schedule_delayed_work(&look_work, msecs_to_jiffies(POLL_MS));
}

void dev_wake(void)
{
	wake_up_interruptible(&waiters);
}

static bool is_off(void)
{
	return READ_ONCE(vbh_mode) == VBH_OFF;
}

/* Called with the caller on the queue: who finds nothing starts the look-out. */
static bool readable(struct dev_file *df)
{
	bool has;

	mutex_lock(&df->lock);
	has = ring_has(&df->reader);
	mutex_unlock(&df->lock);
	if (has || is_off())
		return true;
	schedule_delayed_work(&look_work, msecs_to_jiffies(POLL_MS));
	return false;
}

static int dev_open(struct inode *inode, struct file *file)
{
	struct dev_file *df;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	df = kzalloc(sizeof(*df), GFP_KERNEL);
	if (!df)
		return -ENOMEM;
	mutex_init(&df->lock);
	file->private_data = df;
	return 0;
}

static int set_notes(struct dev_file *df, bool on)
{
	int err = 0;

	mutex_lock(&vbh_mutex);
	if (on != df->notes)
		err = notes_listen(on);
	if (!err)
		df->notes = on;
	mutex_unlock(&vbh_mutex);
	return err;
}

static int dev_release(struct inode *inode, struct file *file)
{
	struct dev_file *df = file->private_data;
	int err = 0;

	mutex_lock(&vbh_mutex);
	if (df->notes)
		err = notes_leave();
	mutex_unlock(&vbh_mutex);
	if (err)
		pr_warn("patches go on being recorded: %d\n", err);
	kfree(df);
	return 0;
}

/* As many records as fit and are there; bytes, or -EFAULT with none. */
static ssize_t copy_records(struct dev_file *df, char __user *buf, size_t count)
{
	struct ring_reader before;
	struct vbh_event ev;
	ssize_t done = 0;

	mutex_lock(&df->lock);
	while (count - done >= sizeof(ev)) {
		before = df->reader;
		if (!ring_next(&df->reader, &ev))
			break;
		if (copy_to_user(buf + done, &ev, sizeof(ev))) {
			df->reader = before;
			done = done ?: -EFAULT;
			break;
		}
		done += sizeof(ev);
	}
	mutex_unlock(&df->lock);
	return done;
}

/* Until there is a record, or VBH is off; non-zero: a signal came first. */
static int wait_for_records(struct dev_file *df)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);

	add_wait_queue(&waiters, &wait);
	while (!readable(df) && !signal_pending(current))
		wait_woken(&wait, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT);
	remove_wait_queue(&waiters, &wait);
	return signal_pending(current);
}

static ssize_t dev_read(struct file *file, char __user *buf, size_t count,
			loff_t *pos)
{
	struct dev_file *df = file->private_data;
	ssize_t ret;

	if (count < sizeof(struct vbh_event))
		return -EINVAL;
	for (;;) {
		/* Before the look: what a stop leaves behind is still read. */
		bool off = is_off();

		ret = copy_records(df, buf, min_t(size_t, count, INT_MAX));
		if (ret || off)
			return ret;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_for_records(df))
			return -ERESTARTSYS;
	}
}

static __poll_t dev_poll(struct file *file, poll_table *wait)
{
	struct dev_file *df = file->private_data;

	poll_wait(file, &waiters, wait);
	if (!readable(df))
		return 0;
	return EPOLLIN | EPOLLRDNORM | (is_off() ? EPOLLHUP : 0);
}

static loff_t dev_llseek(struct file *file, loff_t offset, int whence)
{
	struct dev_file *df = file->private_data;
	loff_t ret;

	mutex_lock(&df->lock);
	if (whence == SEEK_END && !offset)
		offset = ring_head();
	else if (whence == SEEK_CUR && !offset)
		offset = df->reader.seq;
	else if (whence != SEEK_SET)
		offset = -1;
	ret = offset < 0 ? -EINVAL : ring_seek(&df->reader, offset);
	mutex_unlock(&df->lock);
	return ret ?: offset;
}

static long ioctl_info(void __user *arg)
{
	struct vbh_info info = {
		.size = sizeof(info),
		.abi = VBH_ABI_VERSION,
		.cpus_possible = num_possible_cpus(),
		.tsc_khz = tsc_khz,
	};
	unsigned long flags;
	long err = 0;

	mutex_lock(&vbh_mutex);
	info.running = vbh_mode != VBH_OFF;
	if (info.running)
		err = vbh_get_status(&info.status);
	mutex_unlock(&vbh_mutex);
	if (err)
		return err;

	local_irq_save(flags);
	info.tsc = rdtsc_ordered();
	info.realtime_ns = ktime_get_real_ns();
	local_irq_restore(flags);
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

/* The room for the error is tried first: nothing is begun for a bad pointer. */
static long start_and_tell(const struct vbh_start *start, struct vbh_why *why,
			   char __user *error)
{
	long err;

	if (copy_to_user(error, why->text, sizeof(why->text)))
		return -EFAULT;
	mutex_lock(&vbh_mutex);
	err = vbh_start(&start->policy, start->catalogue, why);
	mutex_unlock(&vbh_mutex);
	if (err && copy_to_user(error, why->text, sizeof(why->text)))
		return -EFAULT;
	return err;
}

static long ioctl_start(struct vbh_start __user *arg)
{
	struct vbh_start *start;
	struct vbh_why *why;
	long err = -ENOMEM;

	start = memdup_user(arg, sizeof(*start));
	if (IS_ERR(start))
		return PTR_ERR(start);
	why = kzalloc(sizeof(*why), GFP_KERNEL);
	if (why)
		err = start->reserved ? -EINVAL : start_and_tell(start, why, arg->error);
	kfree(why);
	kfree_sensitive(start);
	return err;
}

static long ioctl_unlock(void __user *arg)
{
	struct vbh_unlock unlock;
	void *key;
	long err;

	if (copy_from_user(&unlock, arg, sizeof(unlock)))
		return -EFAULT;
	if (!unlock.len || unlock.len > VBH_KEY_MAX || unlock.reserved)
		return -EINVAL;
	key = memdup_user(u64_to_user_ptr(unlock.key), unlock.len);
	if (IS_ERR(key))
		return PTR_ERR(key);
	mutex_lock(&vbh_mutex);
	err = vbh_unlock(key, unlock.len);
	mutex_unlock(&vbh_mutex);
	kfree_sensitive(key);
	return err;
}

static long ioctl_stats(void __user *arg)
{
	struct vbh_stats stats;
	long err;
	u32 cpu;

	if (copy_from_user(&stats, arg, sizeof(stats)))
		return -EFAULT;
	cpu = stats.cpu;
	mutex_lock(&vbh_mutex);
	err = vbh_mode == VBH_OFF ? -ENODEV : vbh_get_stats(&stats, cpu);
	mutex_unlock(&vbh_mutex);
	if (err)
		return err;
	return copy_to_user(arg, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static long ioctl_ack(__u64 __user *arg)
{
	u64 seq;
	long err;

	if (get_user(seq, arg))
		return -EFAULT;
	mutex_lock(&vbh_mutex);
	err = vbh_mode == VBH_OFF ? -ENODEV :
	      vbh_hypercall(VBH_HC_EVENT_ACK, seq, 0, 0, 0);
	mutex_unlock(&vbh_mutex);
	return err;
}

static long ioctl_notes(struct dev_file *df, __u32 __user *arg)
{
	u32 on;

	if (get_user(on, arg))
		return -EFAULT;
	return on > 1 ? -EINVAL : set_notes(df, on);
}

static long ioctl_simple(int (*fn)(void))
{
	long err;

	mutex_lock(&vbh_mutex);
	err = fn();
	mutex_unlock(&vbh_mutex);
	return err;
}

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case VBH_IOC_INFO:
		return ioctl_info(user);
	case VBH_IOC_START:
		return ioctl_start(user);
	case VBH_IOC_STOP:
		return ioctl_simple(vbh_stop);
	case VBH_IOC_SEAL:
		return ioctl_simple(vbh_seal);
	case VBH_IOC_UNLOCK:
		return ioctl_unlock(user);
	case VBH_IOC_STATS:
		return ioctl_stats(user);
	case VBH_IOC_ACK:
		return ioctl_ack(user);
	case VBH_IOC_NOTES:
		return ioctl_notes(file->private_data, user);
	}
	return -ENOTTY;
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.release = dev_release,
	.read = dev_read,
	.poll = dev_poll,
	.llseek = dev_llseek,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vbh",
	.fops = &dev_fops,
	.mode = 0600,
};

int dev_init(void)
{
	return misc_register(&dev);
}

void dev_exit(void)
{
	misc_deregister(&dev);
	cancel_delayed_work_sync(&look_work);
}
