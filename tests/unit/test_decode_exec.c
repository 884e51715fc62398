// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the other two decoder tests can't show, by hand: 16- and 32-bit code,
 * fetching across pages, faults, what is no store, what insn_advance() changes.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include "decode_body.h"

#define START	0x10000ull
#define LEN	(4 * 4096u)

static u8 memory[LEN];

static int setup(void **state)
{
	(void)state;
	memset(body_regs, 0, sizeof(body_regs));
	memset(memory, 0, sizeof(memory));
	body_start = START;
	body_memory = memory;
	body_len = LEN;
	body_hole = ~0ull;
	body_regs[VBH_REG_CS_MODE] = 8;
	body_regs[VBH_REG_CR3] = 0x5000;
	body_regs[VBH_REG_RFLAGS] = 2;
	return 0;
}

/* Decode bytes (a string without its end) in this mode. */
#define DECODE(mode, bytes, insn) \
	insn_decode((const u8 *)(bytes), sizeof(bytes) - 1, \
		    body_regs[VBH_REG_CS_MODE] = (mode), insn)

static void a_fetch_stops_at_a_page_that_is_not_there(void **state)
{
	u8 bytes[INSN_MAX];
	u32 i;

	(void)state;
	for (i = 0; i < LEN; i++)
		memory[i] = i * 7;
	body_regs[VBH_REG_RIP] = START + 4096 - 5;
	body_regs[VBH_REG_CS_BASE] = 0x1000;
	assert_int_equal(insn_fetch(&body_vcpu, bytes), 15);
	assert_memory_equal(bytes, memory + 4096 - 5, 15);
	body_hole = START + 4096;
	assert_int_equal(insn_fetch(&body_vcpu, bytes), 5);
	assert_memory_equal(bytes, memory + 4096 - 5, 5);
	body_regs[VBH_REG_RIP] = START + 4096;
	assert_int_equal(insn_fetch(&body_vcpu, bytes), 0);
	/* The end of ordinary memory is such a place too. */
	body_regs[VBH_REG_RIP] = START + LEN;
	assert_int_equal(insn_fetch(&body_vcpu, bytes), 0);
}

static void outside_64_bit_mode_code_is_fetched_from_the_segment(void **state)
{
	u8 bytes[INSN_MAX];

	(void)state;
	memory[0x20] = 0x5a;
	body_regs[VBH_REG_CS_MODE] = 2;
	body_regs[VBH_REG_CS_BASE] = START;
	body_regs[VBH_REG_RIP] = 0x20;
	assert_int_equal(insn_fetch(&body_vcpu, bytes), 15);
	assert_int_equal(bytes[0], 0x5a);
	/* The sum wraps at 4 GiB. */
	body_regs[VBH_REG_CS_MODE] = 4;
	body_regs[VBH_REG_CS_BASE] = 0xfffff000;
	body_regs[VBH_REG_RIP] = START + 0x1020;
	assert_int_equal(insn_fetch(&body_vcpu, bytes), 15);
	assert_int_equal(bytes[0], 0x5a);
}

static void advance_truncates_and_clears_only_rf(void **state)
{
	struct insn insn;

	(void)state;
	assert_int_equal(DECODE(8, "\x0f\xa2", &insn), 0);
	body_regs[VBH_REG_RIP] = 0xfffffffe;
	body_regs[VBH_REG_RFLAGS] = 0x10ed7 | 0x100;
	insn_advance(&body_vcpu, &insn);
	assert_true(body_regs[VBH_REG_RIP] == 0x100000000);
	assert_int_equal(body_regs[VBH_REG_RFLAGS], 0xfd7);
	body_regs[VBH_REG_CS_MODE] = 4;
	body_regs[VBH_REG_RIP] = 0xfffffffe;
	insn_advance(&body_vcpu, &insn);
	assert_int_equal(body_regs[VBH_REG_RIP], 0);
}

static void addresses_wrap_at_the_address_size(void **state)
{
	struct insn insn;

	(void)state;
	body_regs[VBH_REG_DS_BASE] = 0x20000;
	body_regs[VBH_REG_SS_BASE] = 0x30000;
	body_regs[VBH_REG_ES_BASE] = 0x40000;
	body_regs[VBH_REG_RBX] = 0x1fff0;
	body_regs[VBH_REG_RBP] = 0x1fff0;
	body_regs[VBH_REG_RSI] = 0x30;
	/* mov [bx+si+1], al */
	assert_int_equal(DECODE(2, "\x88\x40\x01", &insn), 0);
	assert_int_equal(insn_linear(&body_vcpu, &insn), 0x20021);
	/* mov [bp+si-1], al; the same in ES */
	assert_int_equal(DECODE(2, "\x88\x42\xff", &insn), 0);
	assert_int_equal(insn_linear(&body_vcpu, &insn), 0x3001f);
	assert_int_equal(DECODE(2, "\x26\x88\x42\xff", &insn), 0);
	assert_int_equal(insn_linear(&body_vcpu, &insn), 0x4001f);
	/* 32-bit: mov [ebx], al, and the base takes it round */
	body_regs[VBH_REG_RBX] = 0x1fffffff0;
	assert_int_equal(DECODE(4, "\x88\x03", &insn), 0);
	assert_int_equal(insn_linear(&body_vcpu, &insn), 0x1fff0);
	/* bts [ebx], eax with a bit far below */
	body_regs[VBH_REG_RAX] = 0xffffffff;
	assert_int_equal(DECODE(4, "\x0f\xab\x03", &insn), 0);
	assert_int_equal(insn_linear(&body_vcpu, &insn), 0x1ffec);
}

static void a_16_bit_string_moves_the_lower_halves(void **state)
{
	struct insn insn;
	u64 new;

	(void)state;
	body_regs[VBH_REG_ES_BASE] = START;
	body_regs[VBH_REG_GS_BASE] = START + 0x1000;
	body_regs[VBH_REG_RCX] = 0xaaaa0002;
	body_regs[VBH_REG_RSI] = 0xbbbb0010;
	body_regs[VBH_REG_RDI] = 0xcccc0000;
	body_regs[VBH_REG_RFLAGS] = 0x402;
	body_regs[VBH_REG_RIP] = 0x100;
	memory[0x1010] = 0x34;
	memory[0x1011] = 0x12;
	/* rep movsw es:[di], gs:[si] */
	assert_int_equal(DECODE(2, "\xf3\x65\xa5", &insn), 0);
	assert_int_equal(insn_linear(&body_vcpu, &insn), START);
	assert_int_equal(insn_store_value(&body_vcpu, &insn, 0, &new), 0);
	assert_int_equal(new, 0x1234);
	insn_store_retire(&body_vcpu, &insn, 0);
	assert_int_equal(body_regs[VBH_REG_RCX], 0xaaaa0001);
	assert_int_equal(body_regs[VBH_REG_RSI], 0xbbbb000e);
	assert_int_equal(body_regs[VBH_REG_RDI], 0xccccfffe);
	assert_int_equal(body_regs[VBH_REG_RIP], 0x100);
	assert_int_equal(insn_linear(&body_vcpu, &insn), START + 0xfffe);
	insn_store_retire(&body_vcpu, &insn, 0);
	assert_int_equal(body_regs[VBH_REG_RIP], 0x103);
	/* Nothing more to do: no value, and only RIP moves. */
	assert_int_equal(insn_store_value(&body_vcpu, &insn, 0, &new), -EAGAIN);
	insn_store_retire(&body_vcpu, &insn, 0);
	assert_int_equal(body_regs[VBH_REG_RCX], 0xaaaa0000);
	assert_int_equal(body_regs[VBH_REG_RDI], 0xccccfffc);
	assert_int_equal(body_regs[VBH_REG_RIP], 0x106);
}

static void a_source_is_read_across_pages_or_not_at_all(void **state)
{
	struct insn insn;
	u64 new = 0x77;

	(void)state;
	memory[4095] = 0xaa;
	memory[4096] = 0xbb;
	body_regs[VBH_REG_RSI] = START + 4095;
	assert_int_equal(DECODE(8, "\x66\xa5", &insn), 0);
	assert_int_equal(insn_store_value(&body_vcpu, &insn, 0, &new), 0);
	assert_int_equal(new, 0xbbaa);
	body_hole = START + 4096;
	assert_int_equal(insn_store_value(&body_vcpu, &insn, 0, &new), -EFAULT);
	assert_int_equal(new, 0xbbaa);
}

static void what_repeats_is_known_at_once_and_retires_at_once(void **state)
{
	u8 values[8] = { 0 };
	struct insn insn;

	(void)state;
	memcpy(memory + 4094, "abcd", 4);
	body_regs[VBH_REG_RSI] = START + 4094;
	body_regs[VBH_REG_RDI] = 0x1000;
	body_regs[VBH_REG_RCX] = 4;
	body_regs[VBH_REG_RIP] = 0x100;
	body_regs[VBH_REG_RFLAGS] = 2;
	assert_int_equal(DECODE(8, "\xf3\xa4", &insn), 0);
	assert_int_equal(insn_repeat(&body_vcpu, &insn, 3, values), 3);
	assert_memory_equal(values, "abc", 4);
	assert_int_equal(insn_repeat(&body_vcpu, &insn, 8, values), 4);
	assert_memory_equal(values, "abcd", 4);
	insn_repeat_retire(&body_vcpu, &insn, 3);
	assert_int_equal(body_regs[VBH_REG_RSI], START + 4097);
	assert_int_equal(body_regs[VBH_REG_RDI], 0x1003);
	assert_int_equal(body_regs[VBH_REG_RCX], 1);
	assert_int_equal(body_regs[VBH_REG_RIP], 0x100);
	insn_repeat_retire(&body_vcpu, &insn, 1);
	assert_int_equal(body_regs[VBH_REG_RIP], 0x102);
	body_regs[VBH_REG_RCX] = 2;
	body_regs[VBH_REG_RFLAGS] = 0x402;
	assert_int_equal(insn_repeat(&body_vcpu, &insn, 8, values), 0);
}

static void what_writes_no_memory_has_no_value(void **state)
{
	struct insn insn;
	u64 new;

	(void)state;
#define NO_STORE(bytes) do { \
	assert_int_equal(DECODE(8, bytes, &insn), 0); \
	assert_int_equal(insn_store_value(&body_vcpu, &insn, 0, &new), -EINVAL); \
} while (0)
	NO_STORE("\x89\xc8");		/* mov eax, ecx */
	NO_STORE("\x8b\x00");		/* mov eax, [rax] */
	NO_STORE("\x01\xc8");		/* add eax, ecx */
	NO_STORE("\x0f\x22\xc0");	/* mov cr0, rax */
	NO_STORE("\x0f\x01\x00");	/* sgdt [rax]: ten bytes are no value */
	NO_STORE("\x0f\xa2");		/* cpuid */
#undef NO_STORE
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_fetch_stops_at_a_page_that_is_not_there, setup),
		cmocka_unit_test_setup(outside_64_bit_mode_code_is_fetched_from_the_segment, setup),
		cmocka_unit_test_setup(advance_truncates_and_clears_only_rf, setup),
		cmocka_unit_test_setup(addresses_wrap_at_the_address_size, setup),
		cmocka_unit_test_setup(a_16_bit_string_moves_the_lower_halves, setup),
		cmocka_unit_test_setup(a_source_is_read_across_pages_or_not_at_all, setup),
		cmocka_unit_test_setup(what_repeats_is_known_at_once_and_retires_at_once, setup),
		cmocka_unit_test_setup(what_writes_no_memory_has_no_value, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
