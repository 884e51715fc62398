// SPDX-License-Identifier: GPL-2.0-only
/*
 * What gdb debugs in the rig's guest (debug.gdb): a counter to watch, calls to
 * step through, a signal, a system call, a thread.
 */

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

volatile int counter;
volatile int signals;

static void on_signal(int signal)
{
	signals = signal;
}

static int add(int n)
{
	counter += n;
	return counter;
}

static void *in_thread(void *unused)
{
	add(100);
	return unused;
}

int main(void)
{
	pthread_t thread;

	signal(SIGUSR1, on_signal);
	for (int i = 1; i <= 3; i++)
		add(i);
	raise(SIGUSR1);
	pthread_create(&thread, NULL, in_thread, NULL);
	pthread_join(thread, NULL);
	printf("counter %d signal %d\n", counter, signals);
	return 0;
}
