// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32-bit program without a library: calls the kernel by INT 0x80 and by the
 * vDSO's way (SYSENTER on Intel, SYSCALL on AMD) and checks what comes back.
 * Exits with the number of the check that failed.
 */
#include <stddef.h>

#define AT_SYSINFO	32
#define NR_EXIT		1
#define NR_GETPID	20
#define NR_MUNMAP	91
#define NR_SCHED_YIELD	158
#define NR_MMAP2	192
#define NR_SET_THREAD_AREA 243

static unsigned long fast;	/* __kernel_vsyscall */

static long call_int80(long nr, long a, long b)
{
	long ret;

	asm volatile("int $0x80" : "=a"(ret) : "0"(nr), "b"(a), "c"(b) : "memory");
	return ret;
}

static long call_fast(long nr, long a, long b)
{
	long ret;

	asm volatile("call *%[fast]"
		     : "=a"(ret) : "0"(nr), "b"(a), "c"(b), [fast] "m"(fast) : "memory", "cc");
	return ret;
}

/* Six arguments: the sixth, EBP, goes by the stack of the fast way. */
static long fast_mmap(long len)
{
	long ret;

	asm volatile("push %%ebp\n\t"
		     "xor %%ebp, %%ebp\n\t"
		     "call *%%ds:fast\n\t"
		     "pop %%ebp"
		     : "=a"(ret) : "0"(NR_MMAP2), "b"(0), "c"(len), "d"(3), "S"(0x22), "D"(-1)
		     : "memory", "cc");
	return ret;
}

struct desc {
	unsigned int entry, base, limit, flags;
};

static int tls(void)
{
	static unsigned int data = 0x12345678;
	struct desc d = { -1u, (unsigned int)&data, 0xfffff, 0x51 };
	unsigned int got, sel;

	if (call_fast(NR_SET_THREAD_AREA, (long)&d, 0))
		return 0;
	sel = d.entry << 3 | 3;
	asm volatile("mov %0, %%gs" : : "r"(sel));
	call_int80(NR_SCHED_YIELD, 0, 0);
	asm volatile("mov %%gs:0, %0" : "=r"(got) : : "memory");
	return got == 0x12345678;
}

static int checks(void)
{
	long pid = call_int80(NR_GETPID, 0, 0), page;
	int i;

	if (pid <= 0)
		return 1;
	if (!fast)
		return 2;
	for (i = 0; i < 200; i++) {
		if (call_fast(NR_GETPID, 0, 0) != pid)
			return 3;
		if (call_int80(NR_GETPID, 0, 0) != pid)
			return 4;
		if (!(i % 20))
			call_fast(NR_SCHED_YIELD, 0, 0);
	}
	page = fast_mmap(8192);
	if (page < 0 && page > -4096)
		return 5;
	((volatile char *)page)[5000] = 1;
	if (call_fast(NR_MUNMAP, page, 8192))
		return 6;
	return tls() ? 0 : 7;
}

/* The stack at the start: argc, argv, 0, envp, 0, then pairs of the auxiliary vector. */
void start32(unsigned long *stack);
__attribute__((used)) void start32(unsigned long *stack)
{
	unsigned long *p = stack + 1 + stack[0] + 1;

	while (*p)
		p++;
	for (p++; p[0]; p += 2)
		if (p[0] == AT_SYSINFO)
			fast = p[1];
	call_int80(NR_EXIT, checks(), 0);
}

asm(".globl _start\n"
    "_start:\n\t"
    "mov %esp, %eax\n\t"
    "and $-16, %esp\n\t"
    "sub $12, %esp\n\t"
    "push %eax\n\t"
    "call start32\n");
