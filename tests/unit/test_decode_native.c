// SPDX-License-Identifier: GPL-2.0-only
/*
 * What insn_linear(), insn_store_value() and insn_store_retire() make of a
 * store, against the processor that this runs on: random stores in 64-bit mode
 * are carried out by both on the same memory, registers and flags, and must
 * leave all three alike. Needs an x86-64 machine.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <asm/prctl.h>
#include <cmocka.h>
#include "decode_body.h"

#define ROUNDS		400000u
#define PAGE		4096u
#define BUFFER_LEN	(4 * PAGE)
#define MARGIN		512u

#define CF		0x001u
#define AF		0x010u
#define DF		0x400u
#define ARITH		0x8d5u

/*
 * Loads registers and flags, executes what has been put at native_insn, and
 * stores registers and flags. Copied to a page below 2 GiB, its data into the
 * page after it.
 */
asm(".pushsection .text\n"
	".balign 64\n"
	"native_code:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; pushfq\n"
	"mov %rsp, native_stack(%rip)\n"
	"pushq native_in+128(%rip); popfq\n"
	"mov native_in+0(%rip), %rax; mov native_in+8(%rip), %rcx\n"
	"mov native_in+16(%rip), %rdx; mov native_in+24(%rip), %rbx\n"
	"mov native_in+32(%rip), %rsp; mov native_in+40(%rip), %rbp\n"
	"mov native_in+48(%rip), %rsi; mov native_in+56(%rip), %rdi\n"
	"mov native_in+64(%rip), %r8; mov native_in+72(%rip), %r9\n"
	"mov native_in+80(%rip), %r10; mov native_in+88(%rip), %r11\n"
	"mov native_in+96(%rip), %r12; mov native_in+104(%rip), %r13\n"
	"mov native_in+112(%rip), %r14; mov native_in+120(%rip), %r15\n"
	"native_insn: .fill 16, 1, 0x90\n"
	"mov %rax, native_out+0(%rip); mov %rcx, native_out+8(%rip)\n"
	"mov %rdx, native_out+16(%rip); mov %rbx, native_out+24(%rip)\n"
	"mov %rsp, native_out+32(%rip); mov %rbp, native_out+40(%rip)\n"
	"mov %rsi, native_out+48(%rip); mov %rdi, native_out+56(%rip)\n"
	"mov %r8, native_out+64(%rip); mov %r9, native_out+72(%rip)\n"
	"mov %r10, native_out+80(%rip); mov %r11, native_out+88(%rip)\n"
	"mov %r12, native_out+96(%rip); mov %r13, native_out+104(%rip)\n"
	"mov %r14, native_out+112(%rip); mov %r15, native_out+120(%rip)\n"
	"mov native_stack(%rip), %rsp\n"
	"pushfq; popq native_out+128(%rip)\n"
	"popfq; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n"
	"native_code_end:\n"
	".org native_code + 4096\n"
	"native_in: .fill 17, 8, 0\n"
	"native_out: .fill 17, 8, 0\n"
	"native_stack: .quad 0\n"
	".popsection\n");

extern const u8 native_code[], native_insn[], native_code_end[];

struct native_data {
	u64 in[17];		/* general registers by number, then RFLAGS */
	u64 out[17];
};

static u8 *code_page;			/* a copy of the above, writable */
static struct native_data *native;
static u8 *insn_at;
static u8 *buffer;			/* what the stores write to */
static u64 gs_base;
static u8 emulated[BUFFER_LEN];

/* What a store looks like in bytes. */
#define BYTE	(1u << 0)	/* also with bit 0 of the opcode clear: one byte */
#define LOCKED	(1u << 1)	/* takes LOCK */
#define IMM8	(1u << 2)
#define IMM	(1u << 3)
#define STRING	(1u << 4)
#define MOFFS	(1u << 5)
#define PLAIN	(1u << 6)	/* takes no 66, F2 or F3 */

static const struct form {
	u16 opcode;
	s8 digit;		/* -1: a register */
	u8 how;
} forms[] = {
	{ 0x89, -1, BYTE }, { 0xc7, 0, BYTE | IMM }, { 0xa3, -1, BYTE | MOFFS },
	{ 0xa5, -1, BYTE | STRING }, { 0xa5, -1, BYTE | STRING },
	{ 0xab, -1, BYTE | STRING }, { 0x87, -1, BYTE | LOCKED },
	{ 0x01, -1, BYTE | LOCKED }, { 0x09, -1, BYTE | LOCKED },
	{ 0x11, -1, BYTE | LOCKED }, { 0x19, -1, BYTE | LOCKED },
	{ 0x21, -1, BYTE | LOCKED }, { 0x29, -1, BYTE | LOCKED },
	{ 0x31, -1, BYTE | LOCKED },
	{ 0x81, 0, BYTE | IMM | LOCKED }, { 0x81, 1, BYTE | IMM | LOCKED },
	{ 0x81, 2, BYTE | IMM | LOCKED }, { 0x81, 3, BYTE | IMM | LOCKED },
	{ 0x81, 4, BYTE | IMM | LOCKED }, { 0x81, 5, BYTE | IMM | LOCKED },
	{ 0x81, 6, BYTE | IMM | LOCKED },
	{ 0x83, 0, IMM8 | LOCKED }, { 0x83, 2, IMM8 | LOCKED }, { 0x83, 5, IMM8 | LOCKED },
	{ 0xff, 0, BYTE | LOCKED }, { 0xff, 1, BYTE | LOCKED },
	{ 0xf7, 2, BYTE | LOCKED }, { 0xf7, 3, BYTE | LOCKED },
	{ 0x1ab, -1, LOCKED }, { 0x1b3, -1, LOCKED }, { 0x1bb, -1, LOCKED },
	{ 0x1ba, 5, IMM8 | LOCKED }, { 0x1ba, 6, IMM8 | LOCKED }, { 0x1ba, 7, IMM8 | LOCKED },
	{ 0x1b1, -1, BYTE | LOCKED }, { 0x1b1, -1, BYTE | LOCKED }, { 0x1c1, -1, BYTE | LOCKED },
	{ 0x1c3, -1, PLAIN },
};

/* The instruction of this round. */
static u8 code[32];
static u32 code_len;
static struct insn insn;

static void put(u32 byte)
{
	code[code_len++] = byte;
}

static void put_prefixes(const struct form *f)
{
	static const u8 ignored[] = { 0x26, 0x2e, 0x36, 0x3e };

	if (!rng_below(4) && !(f->how & PLAIN))
		put(0x66);
	if (!rng_below(4))
		put(0x67);
	if (!rng_below(6))
		put(0x65);
	if (!rng_below(6))
		put(ignored[rng_below(4)]);
	if (!rng_below(f->how & STRING ? 2 : 8) && !(f->how & PLAIN))
		put(0xf2 + rng_below(2));
	if (!rng_below(4) && f->how & LOCKED)
		put(0xf0);
	if (rng_below(3))
		put(0x40 | rng_below(16));
}

/* Random bytes of one form; false if they got longer than 15. */
static bool make_instruction(const struct form *f)
{
	u32 opcode = f->opcode & 0xff;
	u32 i;

	code_len = 0;
	put_prefixes(f);
	if (f->opcode & 0x100)
		put(0x0f);
	if (f->how & BYTE && !rng_below(3))
		opcode &= 0xfe;
	put(opcode);
	if (!(f->how & (STRING | MOFFS)))
		put(rng_below(3) << 6 | (f->digit < 0 ? rng_below(8) : (u32)f->digit) << 3 |
		    rng_below(8));
	/* SIB, displacement, immediate. */
	for (i = 0; i < 12; i++)
		put(rng());
	if (insn_decode(code, code_len, 8, &insn))
		return false;
	code_len = insn.len;
	return true;
}

static u32 imm_len(const struct form *f)
{
	if (f->how & IMM8)
		return 1;
	if (f->how & IMM)
		return insn.size < 4 ? insn.size : 4;
	return 0;
}

/* A displacement that is all there is: make it lead to offset. */
static void set_displacement(const struct form *f, u64 offset)
{
	u32 len = f->how & MOFFS ? insn.addr_size : 4;

	if (insn.base == VBH_REG_RIP)
		offset -= (uintptr_t)insn_at + code_len;
	memcpy(code + code_len - imm_len(f) - len, &offset, len);
	assert_int_equal(insn_decode(code, code_len, 8, &insn), 0);
}

static u64 random_place(void)
{
	return (uintptr_t)buffer + MARGIN + rng_below(BUFFER_LEN - 2 * MARGIN);
}

/* Garbage above the address size must not matter. */
static u64 with_garbage(u64 value)
{
	return insn.addr_size == 8 ? value : (u32)value | rng() << 32;
}

static void aim_string(u64 seg_base)
{
	body_regs[VBH_REG_RDI] = with_garbage(random_place());
	if (insn.op == INSN_MOVS)
		body_regs[VBH_REG_RSI] = with_garbage(random_place() - seg_base);
	/* What a count of 0 does to the upper halves differs between vendors. */
	if (insn.rep)
		body_regs[VBH_REG_RCX] = with_garbage(rng_below(24) + (insn.addr_size == 4));
}

/* Choose registers, or the displacement, so that the operand is in the buffer. */
static void aim(const struct form *f)
{
	u64 seg_base = insn.seg == 5 ? gs_base : 0;
	u64 offset = random_place() - seg_base;
	u64 left = offset - insn.disp;

	if (f->how & STRING) {
		aim_string(seg_base);
		return;
	}
	if (insn.op == INSN_BIT && insn.reg != INSN_NO_REG) {
		u64 bit = (u64)rng_below(4096) - 2048;

		body_regs[insn.reg] = insn.size == 8 ? bit : insn.size == 4 ?
			(u32)bit | rng() << 32 : (u16)bit | rng() << 16;
	}
	if (insn.base == VBH_REG_RIP || (insn.base == INSN_NO_REG && insn.index == INSN_NO_REG))
		set_displacement(f, offset);
	else if (insn.base == insn.index)
		body_regs[insn.base] = with_garbage((s64)left / (1 + insn.scale));
	else if (insn.base == INSN_NO_REG)
		body_regs[insn.index] = with_garbage((s64)left / insn.scale);
	else if (insn.index == INSN_NO_REG)
		body_regs[insn.base] = with_garbage(left);
	else
		body_regs[insn.base] = with_garbage(left - body_regs[insn.index] * insn.scale);
}

/*
 * A bit number and an address in one register may miss, and a locked access
 * across cache lines can make a kernel slow this process down.
 */
static bool usable(u64 linear)
{
	if (linear < (uintptr_t)buffer || linear > (uintptr_t)buffer + BUFFER_LEN - insn.size)
		return false;
	if (insn.lock || insn.op == INSN_XCHG)
		return (linear & 63) + insn.size <= 64;
	return true;
}

static void fill_buffer(void)
{
	u64 value = 0;
	u32 i;

	/* Runs of zeroes and ones give carries and overflows. */
	for (i = 0; i < BUFFER_LEN; i += 8) {
		switch (rng_below(4)) {
		case 0:
			value = rng_below(2) ? ~0ull : 0;
			break;
		case 1:
			value = 0x8080808080808080ull - rng_below(2);
			break;
		default:
			value = rng();
		}
		memcpy(buffer + i, &value, 8);
	}
}

/* Let the code under test carry it out on the copy. */
static void emulate(void)
{
	u64 linear, old, new;
	int ret;

	memcpy(emulated, buffer, BUFFER_LEN);
	while (body_regs[VBH_REG_RIP] == (uintptr_t)insn_at) {
		linear = insn_linear(&body_vcpu, &insn) - body_start;
		assert_true(linear <= BUFFER_LEN - insn.size || insn.rep);
		old = new = 0;
		if (linear <= BUFFER_LEN - insn.size)
			memcpy(&old, emulated + linear, insn.size);
		ret = insn_store_value(&body_vcpu, &insn, old, &new);
		if (ret) {
			assert_int_equal(ret, -EAGAIN);
			assert_true(insn.rep && !(u32)body_regs[VBH_REG_RCX]);
		} else {
			memcpy(emulated + linear, &new, insn.size);
		}
		insn_store_retire(&body_vcpu, &insn, old);
	}
	assert_int_equal(body_regs[VBH_REG_RIP], (uintptr_t)insn_at + code_len);
}

static sigjmp_buf faulted;

static void on_fault(int sig)
{
	siglongjmp(faulted, sig);
}

/* Let the processor do it on the buffer; false if it faults. */
static bool execute(void)
{
	memset(insn_at, 0x90, 16);
	memcpy(insn_at, code, code_len);
	if (sigsetjmp(faulted, 1))
		return false;
	((void (*)(void))code_page)();
	return true;
}

static u64 defined_flags(void)
{
	if (insn.op == INSN_BIT)
		return CF | DF;
	if (insn.op == INSN_ALU && (insn.sub == 1 || insn.sub == 4 || insn.sub == 6))
		return (ARITH | DF) & ~AF;
	return ARITH | DF;
}

static void fail_with(const char *what, u64 processor, u64 emulation)
{
	u32 i;

	for (i = 0; i < code_len; i++)
		print_error("%02x ", code[i]);
	print_error(": %s: the processor %llx, the emulation %llx\n", what, processor, emulation);
	for (i = 0; i < 17; i++)
		print_error("\tbefore: register %u = %llx\n", i, native->in[i]);
	fail();
}

static void compare(void)
{
	u64 mask = defined_flags();
	u32 i;

	for (i = 0; i < 16; i++) {
		if (native->out[i] != body_regs[i])
			fail_with("register", native->out[i], body_regs[i]);
	}
	if ((native->out[16] ^ body_regs[VBH_REG_RFLAGS]) & mask)
		fail_with("flags", native->out[16] & mask, body_regs[VBH_REG_RFLAGS] & mask);
	for (i = 0; i < BUFFER_LEN && memcmp(buffer, emulated, BUFFER_LEN); i++) {
		if (buffer[i] != emulated[i])
			fail_with("memory", buffer[i], emulated[i]);
	}
}

/* One random store; false if it can't be tried. */
static bool one_round(const struct form *f)
{
	u64 linear;
	u32 i;

	if (!make_instruction(f))
		return false;
	for (i = 0; i < 16; i++)
		body_regs[i] = rng_below(8) ? rng() : rng_below(2) ? 0 : ~0ull;
	body_regs[VBH_REG_RFLAGS] = 0x202 | (rng() & (ARITH | DF));
	body_regs[VBH_REG_RIP] = (uintptr_t)insn_at;
	aim(f);
	linear = insn_linear(&body_vcpu, &insn);
	if (!usable(linear))
		return false;
	/* Let half of the CMPXCHG succeed. */
	if (insn.op == INSN_CMPXCHG && rng_below(2))
		memcpy(buffer + (linear - body_start), &body_regs[VBH_REG_RAX], insn.size);

	memcpy(native->in, body_regs, 16 * 8);
	native->in[16] = body_regs[VBH_REG_RFLAGS];
	emulate();
	if (!execute())
		fail_with("a fault", 1, 0);
	compare();
	return true;
}

static void stores_do_what_the_processor_does(void **state)
{
	u32 done = 0;
	u32 i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		if (i % 512 == 0)
			fill_buffer();
		done += one_round(&forms[rng_below(sizeof(forms) / sizeof(forms[0]))]);
	}
	assert_true(done > ROUNDS / 2);
}

static int setup(void **state)
{
	static u8 signal_stack[1 << 16];
	stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK };

	(void)state;
	rng_state = 0x7654321;
	code_page = mmap(NULL, 2 * PAGE + BUFFER_LEN, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (code_page == MAP_FAILED)
		return -1;
	memcpy(code_page, native_code, native_code_end - native_code);
	native = (struct native_data *)(code_page + PAGE);
	insn_at = code_page + (native_insn - native_code);
	buffer = code_page + 2 * PAGE;

	gs_base = 0x12345;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, gs_base))
		return -1;
	body_start = (uintptr_t)buffer;
	body_memory = emulated;
	body_len = BUFFER_LEN;
	body_regs[VBH_REG_CS_MODE] = 8;
	body_regs[VBH_REG_GS_BASE] = gs_base;
	/* Bases that 64-bit mode must not look at. */
	body_regs[VBH_REG_ES_BASE] = body_regs[VBH_REG_CS_BASE] = 0x1111111;
	body_regs[VBH_REG_SS_BASE] = body_regs[VBH_REG_DS_BASE] = 0x2222222;

	if (sigaltstack(&stack, NULL))
		return -1;
	return sigaction(SIGSEGV, &action, NULL) || sigaction(SIGILL, &action, NULL) ||
	       sigaction(SIGBUS, &action, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stores_do_what_the_processor_does),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
