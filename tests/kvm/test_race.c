// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two vCPUs that do at the same time what can't be true together: whichever is
 * first, what KVM has answered holds.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include "vm.h"

#define SECONDS		30
#define STEP		500
#define STEP_MAX	(1 << 21)
#define LAG_MAX		(1 << 24)
#define MSR_EFER	0xc0000080u

static struct vm *vm;
static pthread_barrier_t before, after;
static struct regs second;
static enum code second_code;
static enum end second_end;
/* How much later the first one is, in rounds of a loop; it is led to where they meet. */
static int lag, step, direction;
static volatile bool over;

static void spin(int n)
{
	while (n-- > 0)
		__asm__ volatile("");
}

/* The second vCPU, a round each time. */
static void *runs(void *arg)
{
	(void)arg;
	for (;;) {
		pthread_barrier_wait(&before);
		if (over)
			return NULL;
		spin(-lag);
		second_end = vcpu_do(&vm->vcpu[1], second_code, &second);
		pthread_barrier_wait(&after);
	}
}

/* One call of the first vCPU and one instruction of the second; the call's result. */
static int64_t at_once(uint64_t nr)
{
	int64_t ret;

	pthread_barrier_wait(&before);
	spin(lag);
	ret = hypercall(&vm->vcpu[0], nr, AT_BUFFER, nr == VBH_HC_STATUS ?
			sizeof(struct vbh_status) : 0, 0);
	pthread_barrier_wait(&after);
	return ret;
}

/* Steps grow in one direction, and shrink when it turns. */
static void meet(bool first_was_first)
{
	int to = first_was_first ? 1 : -1;

	step = to == direction ? step * 3 / 2 : step / 2 + STEP;
	if (step > STEP_MAX)
		step = STEP_MAX;
	direction = to;
	lag += to * (rand() % step);
	if (abs(lag) > LAG_MAX)
		lag = to * LAG_MAX;
}

/* Nothing left to do for either but what is to happen at once. */
static void warm_up(void)
{
	uint64_t ignored;

	vcpu_load(&vm->vcpu[0], AT_FREE, &ignored);
	vcpu_load(&vm->vcpu[1], AT_FREE, &ignored);
}

static pthread_t begin(void)
{
	pthread_t thread;

	lag = 0;
	step = STEP;
	direction = 0;
	over = false;
	vm = vm_new(KVM_X86_VBH_ENABLE, 2);
	pthread_barrier_init(&before, NULL, 2);
	pthread_barrier_init(&after, NULL, 2);
	if (pthread_create(&thread, NULL, runs, NULL))
		die("a thread");
	return thread;
}

static void end(pthread_t thread)
{
	over = true;
	pthread_barrier_wait(&before);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&before);
	pthread_barrier_destroy(&after);
	vm_free(vm);
}

static void stop_and_seal(void)
{
	unsigned int wrong = 0, stopped = 0, sealed = 0;
	time_t until = time(NULL) + SECONDS;
	pthread_t thread = begin();
	struct vbh_status s;

	while (time(NULL) < until) {
		int64_t ret;

		ioctl(vm->fd, KVM_VBH_CLEAR);
		status(vm->vcpu, &s);
		warm_up();
		second = (struct regs){ .rax = VBH_HC_SEAL };
		second_code = CODE_HYPERCALL;
		ret = at_once(VBH_HC_STOP);
		stopped += !ret;
		meet(!ret);
		if ((int64_t)second.rax)
			continue;
		sealed++;
		wrong += status(vm->vcpu, &s) || s.state != VBH_STATE_SEALED;
	}
	end(thread);
	check(!wrong && sealed, "a guest that is told that it is sealed is: %u of %u times not "
	      "(and %u stops)", wrong, sealed, stopped);
}

static bool has_nested(struct vcpu *vcpu)
{
	struct kvm_sregs s;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		die("KVM_GET_SREGS");
	return (s.efer & EFER_SVME) || (s.cr4 & CR4_VMXE);
}

static void begin_and_nest(void)
{
	unsigned int wrong = 0, begun = 0, refused = 0;
	time_t until = time(NULL) + SECONDS;
	pthread_t thread = begin();
	uint64_t ignored;

	while (time(NULL) < until) {
		int64_t ret;

		ioctl(vm->fd, KVM_VBH_CLEAR);
		vcpu_long_mode(&vm->vcpu[1]);
		warm_up();
		if (is_amd()) {
			second = (struct regs){ .rcx = MSR_EFER, .rax = EFER_LONG | EFER_SVME };
			second_code = CODE_WRMSR;
		} else {
			second = (struct regs){ .rax = CR4_LONG | CR4_VMXE };
			second_code = CODE_CR4;
		}
		ret = at_once(VBH_HC_STATUS);
		refused += ret == -EBUSY;
		meet(ret != -EBUSY);
		if (ret)
			continue;
		begun++;
		vcpu_load(&vm->vcpu[1], AT_FREE, &ignored);
		wrong += has_nested(&vm->vcpu[1]);
	}
	end(thread);
	check(!wrong && begun, "no guest has begun that can nest: %u of %u can (%u were refused)",
	      wrong, begun, refused);
}

static bool can_nest(void)
{
	struct regs r = { .rcx = MSR_EFER, .rax = EFER_LONG | EFER_SVME };
	struct vm *one = vm_new(KVM_X86_VBH_DISABLE, 1);
	enum end end;

	if (!is_amd())
		r.rax = CR4_LONG | CR4_VMXE;
	end = vcpu_do(one->vcpu, is_amd() ? CODE_WRMSR : CODE_CR4, &r);
	vm_free(one);
	return end == END_OK;
}

int main(void)
{
	vm_open();
	srand(1);
	stop_and_seal();
	if (can_nest())
		begin_and_nest();
	else
		printf("ok - # SKIP this KVM has no nested virtualization\n");
	return failures > 0;
}
