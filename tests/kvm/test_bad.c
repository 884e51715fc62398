// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that do harm, to see that they do it to themselves only: calls with random
 * arguments; all memory protected in pieces; splitting and merging from several
 * vCPUs at once; more memory asked for than a VM may have; a process that is killed
 * in the middle; many VMs at a time. What the host has left afterwards is counted,
 * and its kernel's log is looked at by who runs this.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "vm.h"

#define CALLS		20000
#define RX		(VBH_R | VBH_X | VBH_XU)

static const uint64_t page = AT_FREE + 4 * PAGE;
/* What random calls may name without hitting the test's own code and tables. */
static const uint64_t arena = AT_FREE, arena_len = 16ull << 20;

static uint64_t rnd(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A number as an attacker would choose it. */
static uint64_t odd(uint64_t *s)
{
	switch (rnd(s) % 8) {
	case 0:
		return rnd(s);
	case 1:
		return -(rnd(s) % 64);
	case 2:
		return rnd(s) % 512;
	case 3:
		return 0xfee00000 + rnd(s) % PAGE;
	case 4:
		return MEM - rnd(s) % PAGE;
	case 5:
		return 1ull << rnd(s) % 64;
	default:
		return arena + rnd(s) % arena_len;
	}
}

/* A buffer of records that are nearly right. */
static void fill(struct vm *vm, uint64_t gpa, uint64_t *s)
{
	struct vbh_region *r = (struct vbh_region *)(vm->mem + gpa);

	for (int i = 0; i < 8; i++, r++) {
		for (size_t j = 0; j < sizeof(*r) / 8; j++)
			((uint64_t *)r)[j] = rnd(s);
		if (rnd(s) % 4 == 0)
			continue;
		r->gpa = (arena + rnd(s) % arena_len) & ~(PAGE - 1);
		r->len = rnd(s) % 64 * PAGE;
		r->rights = rnd(s) % 3 ? RX : VBH_R;
		r->tag = rnd(s) % 8;
		r->kind = VBH_REGION_OTHER;
		r->rule = 1 + rnd(s) % 2;
		r->flags = 0;
		r->reserved = 0;
	}
}

static void fuzz(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 2);
	uint64_t s = 0x5eed, a, b, c;
	unsigned int accepted = 0, i;

	for (i = 0; i < CALLS; i++) {
		uint32_t nr = rnd(&s) % (VBH_HC_NR + 2);
		struct regs r;

		/* Sealed, it would be over too soon; stopped, it begins anew. */
		if (nr + VBH_HC_BASE == VBH_HC_SEAL && rnd(&s) % 64)
			continue;
		a = odd(&s);
		b = odd(&s);
		c = odd(&s);
		if (rnd(&s) % 2) {
			a = AT_BUFFER + rnd(&s) % 4 * 8;
			b = rnd(&s) % 9;
			fill(vm, AT_BUFFER, &s);
		}
		r = (struct regs){ VBH_HC_BASE + nr, a, b, c, odd(&s), 0 };
		if (vcpu_do(&vm->vcpu[rnd(&s) % 2], CODE_HYPERCALL, &r))
			break;
		accepted += (int64_t)r.rax >= 0;
		if (i % 1000 == 999)
			ioctl(vm->fd, KVM_VBH_CLEAR);
	}
	check(i == CALLS, "%u random calls end with an answer (%u were taken)", i, accepted);
	ioctl(vm->fd, KVM_VBH_CLEAR);
	check(!region_add(vm->vcpu, page, PAGE, RX, 0) &&
	      vcpu_store(&vm->vcpu[1], page, 1) == END_GP, "and the VM can be protected still");
	vm_free(vm);
}

/* Every second page, as far as it goes: how many, and why no more. */
static unsigned int cut(struct vm *vm, int64_t *ret)
{
	struct vbh_region *r = (struct vbh_region *)(vm->mem + AT_BUFFER);
	unsigned int n = 0, i;
	uint64_t at;

	*ret = 0;
	for (at = arena; at < MEM && !*ret; at += 2 * PAGE) {
		memset(r, 0, PAGE);
		for (i = 0; i < 127 && at < MEM; i++, at += 2 * PAGE)
			r[i] = (struct vbh_region){ at, PAGE, RX, 9, VBH_REGION_OTHER,
						    VBH_RULE_DENY, 0, 0 };
		*ret = hypercall(vm->vcpu, VBH_HC_REGION_ADD, AT_BUFFER, i, 0);
		n += *ret ? 0 : i;
		at -= 2 * PAGE;
	}
	return n;
}

static void pieces(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;
	unsigned int n, wrong = 0;
	struct vbh_status st;
	uint64_t at;
	int64_t ret;

	n = cut(vm, &ret);
	status(a, &st);
	check(!ret && n > 7000 && st.regions == n, "a guest gets %u regions", n);
	for (at = arena; at < arena + n * 2 * PAGE; at += 64 * PAGE)
		wrong += vcpu_store(a, at, 1) != END_GP || vcpu_store(a, at + PAGE, 1) != END_OK;
	check(!wrong, "each of which holds, and nothing beside it");
	check(!hypercall(a, VBH_HC_REGION_DEL, 9, 0, 0) && !vcpu_store(a, arena, 1),
	      "and all go at once");
	vm_free(vm);
}

static bool limit_kib(unsigned int kib)
{
	FILE *f = fopen("/sys/module/kvm/parameters/vbh_limit_kib", "w");

	return f && fprintf(f, "%u\n", kib) > 0 && !fclose(f);
}

/* The host's limit is a guest's, and can be raised while it runs. */
static void limited(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vbh_status st;
	unsigned int n;
	int64_t ret;

	if (!limit_kib(64)) {
		printf("ok - # SKIP the limit can't be set\n");
		vm_free(vm);
		return;
	}
	n = cut(vm, &ret);
	status(vm->vcpu, &st);
	check(ret == -ENOSPC && n > 500 && n < 2000 && st.memory == 64 << 10 && !st.memory_free,
	      "a guest with 64 KiB on its host gets %u regions, and sees why", n);
	limit_kib(8192);
	check(!region_add(vm->vcpu, AT_FREE + 16 * PAGE, PAGE, RX, 7), "with 8 MiB it gets more");
	vm_free(vm);
}

static volatile bool stop;

struct splitter {
	struct vcpu *vcpu;
	unsigned int nr, rounds, wrong;
};

/* A page of one's own, in the same large page as everybody's. */
static void *split(void *arg)
{
	struct splitter *s = arg;
	uint64_t own = AT_FREE + (16 + s->nr) * PAGE;

	while (!stop) {
		s->wrong += region_add(s->vcpu, own, PAGE, RX, 100 + s->nr) != 0;
		s->wrong += vcpu_store(s->vcpu, own, s->rounds) != END_GP;
		s->wrong += hypercall(s->vcpu, VBH_HC_REGION_DEL, 100 + s->nr, 0, 0) != 0;
		s->wrong += vcpu_store(s->vcpu, own, s->rounds) != END_OK;
		s->rounds++;
	}
	return NULL;
}

static void splitting(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, MAX_VCPUS);
	struct splitter s[MAX_VCPUS] = { 0 };
	pthread_t thread[MAX_VCPUS];
	unsigned int i, rounds = 0, wrong = 0;

	stop = false;
	for (i = 0; i < MAX_VCPUS; i++) {
		s[i].vcpu = &vm->vcpu[i];
		s[i].nr = i;
		if (pthread_create(&thread[i], NULL, split, &s[i]))
			die("a thread");
	}
	sleep(5);
	stop = true;
	for (i = 0; i < MAX_VCPUS; i++) {
		pthread_join(thread[i], NULL);
		rounds += s[i].rounds;
		wrong += s[i].wrong;
	}
	check(!wrong && rounds > 20, "%u splits and merges by %u vCPUs at once, %u wrong",
	      rounds, MAX_VCPUS, wrong);
	vm_free(vm);
}

/* Patch sites are what a guest can have the host keep for it. */
static void greedy(void)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 1);
	struct vcpu *a = vm->vcpu;
	struct vbh_text text = {
		.gva = VBH_TEXT_GVA_MIN, .gpa = arena, .len = 32ull << 20,
	};
	struct vbh_region *r = (struct vbh_region *)(vm->mem + AT_BUFFER);
	struct vbh_site *site = (struct vbh_site *)(vm->mem + AT_BUFFER);
	struct vbh_status st;
	int64_t ret;
	uint64_t at = text.gva, n = 0;

	memset(vm->mem + arena, 0x90, text.len);
	*r = (struct vbh_region){ arena, text.len, RX, 1, VBH_REGION_KERNEL_TEXT, VBH_RULE_DENY,
				  VBH_REGION_F_PATCHABLE, 0 };
	ret = hypercall(a, VBH_HC_REGION_ADD, AT_BUFFER, 1, 0);
	memcpy(vm->mem + AT_BUFFER, &text, sizeof(text));
	ret = ret ?: hypercall(a, VBH_HC_TEXT, AT_BUFFER, 1, 0);
	while (!ret && at < text.gva + text.len - PAGE) {
		for (int i = 0; i < 128; i++, at += 5)
			site[i] = (struct vbh_site){ at, 0, VBH_SITE_ENTRY, 0, 0 };
		ret = hypercall(a, VBH_HC_SITES, AT_BUFFER, 128, 0);
		n += ret ? 0 : 128;
	}
	status(a, &st);
	check(n > 1000 && st.memory - st.memory_free <= st.memory,
	      "%llu functions take %llu KiB of %llu, then: %lld", (unsigned long long)n,
	      (st.memory - st.memory_free) / 1024, st.memory / 1024, (long long)ret);
	vm_free(vm);
}

static void tiny(bool killed)
{
	struct vm *vm = vm_new(KVM_X86_VBH_ENABLE, 2);
	uint64_t s = getpid();

	hypercall(vm->vcpu, VBH_HC_EVENT_RING, AT_FREE + 64 * PAGE, 8 * PAGE, 0);
	for (int i = 0; i < 20 || killed; i++) {
		uint64_t at = (arena + rnd(&s) % (arena_len / 2)) & ~(PAGE - 1);

		region_add(&vm->vcpu[i % 2], at, PAGE, RX, 5);
		vcpu_store(vm->vcpu, at, 1);
		hypercall(vm->vcpu, VBH_HC_REGION_DEL, 5, 0, 0);
	}
	pin_add(vm->vcpu, VBH_PIN_CR0, 0, 1 << 16, VBH_RULE_DENY);
	vm_free(vm);
}

/* n processes, eight at a time, each left to its end or killed somewhere on the way. */
static bool many(unsigned int n, bool killed)
{
	pid_t pid[8];
	unsigned int done = 0, i;
	int st;

	while (done < n) {
		for (i = 0; i < 8; i++) {
			pid[i] = fork();
			if (!pid[i]) {
				alarm(60);
				tiny(killed);
				_exit(failures > 0);
			}
		}
		for (i = 0; i < 8; i++) {
			if (killed) {
				usleep(20000 * i);
				kill(pid[i], SIGKILL);
			}
			if (waitpid(pid[i], &st, 0) != pid[i])
				return false;
			if (!killed && (!WIFEXITED(st) || WEXITSTATUS(st)))
				return false;
			done++;
		}
	}
	return true;
}

/* KiB that the kernel keeps for itself, when it has had time to give back. */
static long kernel_memory(void)
{
	long sum = 0, n;
	char line[128];
	FILE *f;

	sync();
	f = fopen("/proc/sys/vm/drop_caches", "w");
	if (f) {
		fputs("3\n", f);
		fclose(f);
	}
	sleep(2);
	f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Slab: %ld", &n) == 1 || sscanf(line, "VmallocUsed: %ld", &n) == 1 ||
		    sscanf(line, "PageTables: %ld", &n) == 1 ||
		    sscanf(line, "KernelStack: %ld", &n) == 1 ||
		    sscanf(line, "SecPageTables: %ld", &n) == 1 ||
		    sscanf(line, "Percpu: %ld", &n) == 1)
			sum += n;
	if (f)
		fclose(f);
	return sum;
}

int main(void)
{
	long before, after;

	vm_open();
	fuzz();
	pieces();
	limited();
	splitting();
	greedy();
	many(16, false);
	before = kernel_memory();
	check(many(104, false), "a hundred VMs come and go, eight at a time");
	check(many(40, true), "and forty whose processes are killed in the middle");
	after = kernel_memory();
	check(after - before < 2048, "which costs the host no memory: %ld KiB before, %ld after",
	      before, after);
	return failures > 0;
}
