// SPDX-License-Identifier: GPL-2.0-only
/*
 * Words from the hypervisor: to the debug port of QEMU and Bochs in debug
 * builds, nowhere in others. A bug in the hypervisor stops the machine.
 */
#include "hv.h"

#ifdef HV_DEBUG
#define DEBUG_PORT		0xe9

static void put(const char *s)
{
	while (*s)
		outb(DEBUG_PORT, *s++);
}

static void put_hex(u64 v)
{
	int shift;

	put(" 0x");
	for (shift = 60; shift > 0 && !(v >> shift); shift -= 4)
		;
	for (; shift >= 0; shift -= 4)
		outb(DEBUG_PORT, "0123456789abcdef"[v >> shift & 15]);
}

void hv_log(const char *what, u64 a, u64 b)
{
	static u32 lock;

	spin_lock(&lock);
	put("vbh: ");
	put(what);
	put_hex(a);
	put_hex(b);
	put("\n");
	spin_unlock(&lock);
}
#else
void hv_log(const char *what, u64 a, u64 b)
{
}
#endif

void hv_bug(const char *what, u64 a, u64 b)
{
	hv_log("bug:", a, b);
	hv_log(what, a, b);
	if (!READ_ONCE(hv.halted))
		smp_halt_others();
	smp_halt();
}

void hv_error(char *error, u32 size, const char *what)
{
	u32 i;

	for (i = 0; what[i] && i < size - 1; i++)
		error[i] = what[i];
	error[i] = 0;
}
