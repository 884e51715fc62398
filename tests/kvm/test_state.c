// SPDX-License-Identifier: GPL-2.0-only
/*
 * States that no guest could have had, as a user space that wants to harm its host
 * may make them up: each differs in one thing from one that is taken. And ioctls
 * that come at a time when they can't be served.
 */
#define VBH_CORE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "vm.h"
/* The core has one of its own. */
#define pin_add core_pin_add
#include "core/core.h"
#undef pin_add
#include "../../kvm/state.h"

#define VCPUS		2
#define RX		(VBH_R | VBH_X | VBH_XU)
#define TAG		(VBH_TAG_MODULE | 5)
#define TEXT_GVA	0xc0000000u

static const uint64_t page = AT_FREE + 4 * PAGE, ring = AT_FREE + 32 * PAGE;
static const uint64_t text = AT_FREE + 64 * PAGE, tramp = AT_FREE + 96 * PAGE;

/* The block in pieces; of the arrays those that are checked most. */
static struct content {
	struct state_head head;
	struct state_vcpu vcpu[VCPUS];
	struct region region[8];
	struct known_text text[2];
	u32 texts;
	struct known_place place[2];
	u32 places;		/* 0: as the texts have it */
	struct patch_tramp tramp;
	struct known_module module;
} good, made;

static void *put(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	return (char *)to + len;
}

static void *put_vec(void *to, u32 nr, const void *from, size_t size)
{
	return put(put(to, &nr, sizeof(nr)), from, nr * size);
}

/* The texts by their memory. */
static void place(struct content *c)
{
	for (c->places = 0; c->places < c->texts; c->places++) {
		const struct known_text *t = &c->text[c->places];

		c->place[c->places] = (struct known_place){ t->gfn, t->pages, t->gva, t->tag };
	}
}

/* 0 or an errno; the VM is as new again. */
static int give(struct vm *vm, const struct content *c)
{
	static char block[1 << 16];
	struct content placed = *c;
	struct kvm_vbh_state s = { .data = (uintptr_t)block };
	void *to = block;
	int i, err;

	to = put(to, &c->head, sizeof(c->head));
	to = put(to, c->vcpu, sizeof(c->vcpu));
	to = put(to, c->region, c->head.nr_regions * sizeof(c->region[0]));
	to = put_vec(to, c->texts, c->text, sizeof(c->text[0]));
	if (!c->places)
		place(&placed);
	to = put_vec(to, placed.places, placed.place, sizeof(placed.place[0]));
	for (i = 0; i < 4; i++)		/* sites and functions */
		to = put_vec(to, 0, NULL, 0);
	to = put_vec(to, 1, &c->tramp, sizeof(c->tramp));
	for (i = 0; i < 2; i++)		/* what the catalogue has */
		to = put_vec(to, 0, NULL, 0);
	to = put_vec(to, 1, &c->module, sizeof(c->module));
	s.len = (char *)to - block;
	err = ioctl(vm->fd, KVM_VBH_SET_STATE, &s) ? errno : 0;
	if (!err)
		ioctl(vm->fd, KVM_VBH_CLEAR);
	return err;
}

static void add_region(u64 start, u64 len, u32 tag, u16 kind)
{
	good.region[good.head.nr_regions++] = (struct region){
		.start = start, .end = start + len, .rights = RX, .tag = tag, .kind = kind,
		.rule = VBH_RULE_DENY, .id = good.head.next_id++,
	};
}

/* A sealed guest with pins and a ring; and a module and a trampoline, which it has not got. */
static void make_good(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, VCPUS);
	struct kvm_vbh_state s;
	char *block;

	region_add(vm->vcpu, page, PAGE, RX, 0);
	pin_add(vm->vcpu, VBH_PIN_CR0, 0, 1 << 16, VBH_RULE_DENY);
	hypercall(vm->vcpu, VBH_HC_EVENT_RING, ring, 4 * PAGE, 0);
	hypercall(vm->vcpu, VBH_HC_SEAL, 0, 0, 0);
	vcpu_store(vm->vcpu, page, 1);
	block = vm_save(vm, &s);
	if (!block)
		die("a state to begin with");
	memcpy(&good.head, block, sizeof(good.head));
	memcpy(good.vcpu, block + sizeof(good.head), sizeof(good.vcpu));
	memcpy(good.region, block + sizeof(good.head) + sizeof(good.vcpu),
	       good.head.nr_regions * sizeof(good.region[0]));
	add_region(text, 4 * PAGE, TAG, VBH_REGION_MODULE_TEXT);
	add_region(tramp, PAGE, 0, VBH_REGION_FTRACE);
	good.texts = 2;
	good.text[0] = (struct known_text){ TEXT_GVA, 4, text / PAGE, TAG };
	good.text[1] = (struct known_text){ TEXT_GVA + 4 * PAGE, 1, text / PAGE + 8, TAG };
	good.tramp = (struct patch_tramp){
		.gva = TEXT_GVA + 64 * PAGE, .gfn = tramp / PAGE, .users = 1,
		.region = good.head.next_id - 1,
	};
	good.module = (struct known_module){
		.tag = TAG, .step = MODULE_ACCEPTED,
		.part = { { TEXT_GVA, TEXT_GVA + 5 * PAGE - 1 }, { 1, 0 }, { 1, 0 }, { 1, 0 } },
	};
	free(block);
	vm_free(vm);
}

#define REFUSED(vm, what, ...) do {					\
	made = good;							\
	__VA_ARGS__;							\
	check(give(vm, &made) == EINVAL, "it is not taken with " what);	\
} while (0)

static void texts(struct vm *vm)
{
	REFUSED(vm, "a text over the end of all addresses", made.text[1].gva = 0xfffff000,
		made.text[1].pages = 0x100);
	REFUSED(vm, "one of no pages", made.text[1].pages = 0);
	REFUSED(vm, "one within a page", made.text[1].gva += 16);
	REFUSED(vm, "one where there is none", made.text[0].gva = 0x1000);
	REFUSED(vm, "two over each other", made.text[0].pages = 5, made.region[2].end += PAGE);
	REFUSED(vm, "one behind the end of memory", made.text[1].gfn = made.head.max_gpa / PAGE);
	REFUSED(vm, "one that reaches there", made.text[1].gfn = made.head.max_gpa / PAGE - 1,
		made.text[1].pages = 2);
	REFUSED(vm, "a module that ends before it begins", made.module.part[0].last = TEXT_GVA - 1);
	REFUSED(vm, "one whose init does", made.module.part[2].last = 0, made.module.part[2].first = 2);
	REFUSED(vm, "a region of its text that is larger than that",
		made.region[2].end = made.head.max_gpa);
	REFUSED(vm, "a text whose memory is not told", place(&made), made.places = 1);
	REFUSED(vm, "one whose memory is another", place(&made), made.place[1].gfn++);
	REFUSED(vm, "two that share memory", made.text[1].gfn = text / PAGE + 3);
	REFUSED(vm, "memory of no text", place(&made), made.place[1].gva += PAGE);
	REFUSED(vm, "a trampoline within a page", made.tramp.gva += 16);
	REFUSED(vm, "one that nobody calls", made.tramp.users = 0);
	REFUSED(vm, "one behind the end of memory", made.tramp.gfn = made.head.max_gpa / PAGE);
}

static void logs(struct vm *vm)
{
	static const struct event_log none;

	made = good;
	made.head.log = none;
	check(!give(vm, &made), "it is taken without a ring");
	REFUSED(vm, "records but no ring", made.head.log = none, made.head.log.head = 1ull << 40);
	REFUSED(vm, "room but no ring", made.head.log = none, made.head.log.records = 16);
	REFUSED(vm, "a ring of no records", made.head.log.records = 0);
	REFUSED(vm, "one of half a page", made.head.log.records -= 8);
	REFUSED(vm, "one that is larger than any", made.head.log.records = VBH_RING_MAX / 256);
	REFUSED(vm, "one behind the end of memory", made.head.log.ring_gpa = made.head.max_gpa);
	REFUSED(vm, "one that reaches there", made.head.log.ring_gpa = made.head.max_gpa - PAGE);
	REFUSED(vm, "more records than it holds", made.head.log.head += made.head.log.records);
	REFUSED(vm, "more that have been read than there are",
		made.head.log.tail = made.head.log.head + 1);
	REFUSED(vm, "more of one kind than it holds",
		made.head.log.crowd = made.head.log.records + 1);
}

static void rest(struct vm *vm)
{
	REFUSED(vm, "more memory than a vCPU can address", made.head.max_gpa *= 2);
	REFUSED(vm, "a bit of CR4 that no one has pinned", made.vcpu[1].resetting = 1,
		made.vcpu[1].pins.cr4 = (struct pin_value){ CR4_VMXE, CR4_VMXE });
	REFUSED(vm, "one of EFER", made.vcpu[1].resetting = 1,
		made.vcpu[1].pins.efer = (struct pin_value){ EFER_SVME, EFER_SVME });
	REFUSED(vm, "one of CR0", made.vcpu[1].pins.cr0.known |= 1 << 30);
	REFUSED(vm, "an MSR", made.vcpu[1].pins.msr[0].known = 1);
	REFUSED(vm, "a descriptor table", made.vcpu[1].pins.dtr[0].known = ~0ull);
	REFUSED(vm, "one that is in force", made.vcpu[1].pins.dtr_armed = 1);
}

/* A hypervisor within the guest: user space loads registers as it had them. */
static void nested(struct vm *vm)
{
	struct kvm_sregs was, s;

	ioctl(vm->vcpu[1].fd, KVM_GET_SREGS, &was);
	s = was;
	if (is_amd())
		s.efer |= EFER_SVME;
	else
		s.cr4 |= CR4_VMXE;
	if (ioctl(vm->vcpu[1].fd, KVM_SET_SREGS, &s)) {
		printf("ok - # SKIP this KVM has no nested virtualization\n");
		return;
	}
	check(give(vm, &good) == EBUSY, "nor by a VM with a hypervisor of its own");
	ioctl(vm->vcpu[1].fd, KVM_SET_SREGS, &was);
	check(!give(vm, &good), "but once that is gone");
}

struct asked {
	int fd, ret, err;
	unsigned long nr;
	void *arg;
	volatile bool done;
};

static void *ask(void *arg)
{
	struct asked *a = arg;

	a->ret = ioctl(a->fd, a->nr, a->arg);
	a->err = errno;
	a->done = true;
	return NULL;
}

/* A page that nobody can read until it is filled in. */
static int withheld(void **at)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	*at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (uintptr_t)*at;
	reg.range.len = PAGE;
	if (fd < 0 || *at == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &reg))
		die("userfaultfd");
	return fd;
}

static void withdrawn(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 0);
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_VBH, .args = { KVM_X86_VBH_DISABLE } };
	struct asked set = { .fd = vm->fd, .nr = KVM_VBH_SET_STATE };
	struct asked off = { .fd = vm->fd, .nr = KVM_ENABLE_CAP, .arg = &cap };
	struct kvm_vbh_state s = { 0 };
	struct uffdio_zeropage fill = { 0 };
	struct uffd_msg msg;
	pthread_t a, b;
	int fd = withheld(&set.arg);

	if (pthread_create(&a, NULL, ask, &set))
		die("a thread");
	if (read(fd, &msg, sizeof(msg)) != sizeof(msg) || pthread_create(&b, NULL, ask, &off))
		die("an ioctl that waits");
	usleep(500000);
	check(!set.done && !off.done, "VBH is not withdrawn while an ioctl is at it");
	fill.range.start = (uintptr_t)set.arg;
	fill.range.len = PAGE;
	if (ioctl(fd, UFFDIO_ZEROPAGE, &fill))
		die("UFFDIO_ZEROPAGE");
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	check(set.ret && set.err == EINVAL && !off.ret, "but when that is over");
	check(ioctl(vm->fd, KVM_VBH_GET_STATE, &s) && errno == ENODEV, "then there is none");
	cap.args[0] = KVM_X86_VBH_ENABLE;
	check(!ioctl(vm->fd, KVM_ENABLE_CAP, &cap) && !ioctl(vm->fd, KVM_VBH_GET_STATE, &s),
	      "and it can be had again");
	vm_add_vcpu(vm);
	check(!region_add(vm->vcpu, page, PAGE, RX, 0) &&
	      vcpu_store(vm->vcpu, page, 1) == END_GP, "by a guest that makes use of it");
	munmap(set.arg, PAGE);
	close(fd);
	vm_free(vm);
}

int main(void)
{
	struct vm *vm;

	vm_open();
	make_good();
	vm = vm_new(KVM_X86_VBH_ENABLE, VCPUS);
	check(!give(vm, &good), "a state that is made up of what a guest could have is taken");
	texts(vm);
	logs(vm);
	rest(vm);
	nested(vm);
	vm_free(vm);
	withdrawn();
	return failures > 0;
}
