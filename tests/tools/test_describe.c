// SPDX-License-Identifier: GPL-2.0-only
/* Events in words, and addresses by name. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "describe.h"
#include "symbols.h"

static char path[] = "/tmp/vbh-kallsyms-XXXXXX";

/* As kallsyms has it: per-CPU offsets, the kernel, and modules, not all in order. */
static int setup(void **state)
{
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	(void)state;
	if (!f)
		return -1;
	fputs("0000000000001000 A cpu_tss_rw\n"
	      "ffffffff81000000 T startup_64\n"
	      "ffffffff81000000 T _text\n"
	      "ffffffff81000100 t do_one\n"
	      "ffffffffc0001000 t attack_init\t[evil]\n"
	      "ffffffffc0000000 t other\t[mod]\n"
	      "ffffffff82000000 D sys_call_table\n"
	      "nonsense\n", f);
	symbols_use(path);
	return fclose(f);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static void addresses_are_found_in_kernel_and_modules(void **state)
{
	static const struct { uint64_t addr; const char *name; } cases[] = {
		{ 0xffffffff81000000, "startup_64+0x0" },
		{ 0xffffffff810000ff, "startup_64+0xff" },
		{ 0xffffffff81000100, "do_one+0x0" },
		{ 0xffffffff82000010, "sys_call_table+0x10" },
		{ 0xffffffffc0000010, "other+0x10 [mod]" },
		{ 0xffffffffc0001010, "attack_init+0x10 [evil]" },
		{ 0xffffffffc0f00000, "0xffffffffc0f00000" },
		{ 0xffff888000000000, "0xffff888000000000" },
		{ 0x1000, "0x1000" },
		{ 0, "0x0" },
	};
	char buf[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(symbol_at(cases[i].addr, buf, sizeof(buf)), cases[i].name);
	assert_false(symbols_hidden());
}

#define V	VBH_EVENT_F_VALUES
#define L	VBH_EVENT_F_GLA
#define P	VBH_EVENT_F_GPA

static void each_kind_is_described(void **state)
{
	static const struct { struct vbh_event ev; const char *text; } cases[] = {
		{ { .kind = VBH_KIND_WRITE, .detail = VBH_REGION_KERNEL_RODATA, .flags = V | L | P,
		    .gla = 0xffffffff82000008, .gpa = 0x2000008, .old_value = 1, .new_value = 2 },
		  "kernel_rodata sys_call_table+0x8, phys 0x2000008 (0x1 -> 0x2)" },
		{ { .kind = VBH_KIND_EXEC, .detail = 99, .flags = P, .gpa = 0x3000 },
		  "99 phys 0x3000" },
		{ { .kind = VBH_KIND_WRITE, .detail = VBH_REGION_IDT,
		    .flags = L | VBH_EVENT_F_UNDECODED, .gla = 0xfffffe0000000000 },
		  "idt 0xfffffe0000000000, unknown instruction" },
		{ { .kind = VBH_KIND_HYPERVISOR, .flags = P, .gpa = 0x5000 },
		  "hypervisor memory phys 0x5000" },
		{ { .kind = VBH_KIND_CR, .detail = 4, .flags = V, .old_value = 0x100020,
		    .new_value = 0x21 }, "CR4 +VME -SMEP (0x100020 -> 0x21)" },
		{ { .kind = VBH_KIND_CR, .detail = 0, .flags = V, .old_value = 0x80010001,
		    .new_value = 0x80000001 }, "CR0 -WP (0x80010001 -> 0x80000001)" },
		{ { .kind = VBH_KIND_MSR, .detail = 0xc0000080, .flags = V, .old_value = 0xd01,
		    .new_value = 0x501 }, "EFER -NXE (0xd01 -> 0x501)" },
		{ { .kind = VBH_KIND_MSR, .detail = 0xc0000082, .flags = V,
		    .old_value = 0xffffffff81000100, .new_value = 0x41 },
		  "LSTAR (0xffffffff81000100 -> 0x41), was do_one+0x0" },
		{ { .kind = VBH_KIND_MSR, .detail = 0x12345 }, "0x12345" },
		{ { .kind = VBH_KIND_DTR, .detail = VBH_DTR_IDTR, .flags = V, .old_value = 1,
		    .new_value = 2 }, "idtr (0x1 -> 0x2)" },
		{ { .kind = VBH_KIND_VIRT_INSN, .insn_len = 3, .insn = { 0x0f, 0x01, 0xd8 },
		    .cpl = 3 }, "VMRUN from ring 3" },
		{ { .kind = VBH_KIND_VIRT_INSN, .detail = 0xc0010117, .flags = V,
		    .new_value = 0x1000 }, "MSR VM_HSAVE_PA (0x0 -> 0x1000)" },
		{ { .kind = VBH_KIND_HYPERCALL, .detail = 8, .flags = V,
		    .new_value = (__u64)-EPERM }, "rule: EPERM" },
		{ { .kind = VBH_KIND_HYPERCALL, .detail = ~0u, .cpl = 3, .flags = V,
		    .new_value = (__u64)-EPERM }, "unknown hypercall from ring 3: EPERM" },
		{ { .kind = VBH_KIND_INIT, .detail = 1 }, "INIT to APIC 1, which had not parked" },
		{ { .kind = VBH_KIND_INIT, .detail = 1, .flags = V, .new_value = 0x9a },
		  "SIPI for page 0x9a to APIC 1" },
		{ { .kind = VBH_KIND_KEY, .flags = V, .new_value = (__u64)-EACCES }, "a wrong key" },
		{ { .kind = VBH_KIND_KEY, .flags = V, .new_value = (__u64)-EAGAIN },
		  "a key, too soon after a wrong one" },
		{ { .kind = VBH_KIND_INTERNAL, .detail = 5 },
		  "the hypervisor could not do what it should: 5" },
		{ { .kind = VBH_KIND_MODULE, .detail = VBH_MODULE_NOT_LISTED, .module = "evil" },
		  "module evil: the catalogue has none with these bytes" },
		{ { .kind = VBH_KIND_MODULE, .detail = VBH_MODULE_FIELD, .module = "evil",
		    .flags = L | V, .gla = 0xffffffffc0001010, .old_value = 1, .new_value = 2 },
		  "module evil: another value than its file says at attack_init+0x10 [evil] (0x1 -> 0x2)" },
		{ { .kind = VBH_KIND_MODULE, .detail = VBH_MODULE_SYMBOL, .module = "evil" },
		  "module evil: refers to what nobody exports who was checked" },
		{ { .kind = VBH_KIND_MODULE, .detail = VBH_MODULE_SITE, .module = "evil", .flags = L,
		    .gla = 0xffffffff81000100 },
		  "module evil: what may not stand at a patch site, at do_one+0x0" },
		{ { .kind = VBH_KIND_MODULE, .detail = VBH_MODULE_DESCRIPTION, .module = "evil" },
		  "module evil: its description is none" },
		{ { .kind = VBH_KIND_START }, "VBH started" },
		{ { .kind = VBH_KIND_SEAL }, "sealed" },
		{ { .kind = VBH_KIND_UNLOCK }, "unlocked by the key" },
		{ { .kind = VBH_KIND_STOP }, "VBH stopped" },
		{ { .kind = VBH_KIND_PATCH, .flags = L | V, .gla = 0xffffffff81000105,
		    .old_value = 0x90, .new_value = 0xcc },
		  "kernel patched itself: do_one+0x5 (0x90 -> 0xcc)" },
		{ { .kind = VBH_KIND_CPU, .cpu = 0, .detail = 1, .flags = V, .new_value = 1 },
		  "CPU 1 started" },
		{ { .kind = VBH_KIND_MODULE, .detail = VBH_MODULE_NOT_LISTED, .module = "e\033[2J" },
		  "module e?[2J: the catalogue has none with these bytes" },
		{ { .kind = VBH_KIND_TEXT, .flags = L | V, .gla = 0xffffffffc0001000,
		    .new_value = 0x6000, .module = "evil" },
		  "module evil came: 24 KiB of text at 0xffffffffc0001000" },
		{ { .kind = VBH_KIND_TEXT, .flags = L | V, .gla = 0xffffffffc0001000,
		    .old_value = 0x6000 },
		  "module ? went: 24 KiB of text at 0xffffffffc0001000" },
		{ { .kind = 999, .detail = 3 }, "kind 999, detail 3" },
		{ { .kind = 20, .detail = 3 }, "kind 20, detail 3" },
	};
	char buf[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		describe_event(&cases[i].ev, buf, sizeof(buf));
		assert_string_equal(buf, cases[i].text);
	}
}

static void a_short_line_is_cut_not_overrun(void **state)
{
	struct vbh_event ev = { .kind = VBH_KIND_CR, .flags = V, .old_value = ~0ull };
	char buf[10];

	(void)state;
	describe_event(&ev, buf, sizeof(buf));
	assert_int_equal(strlen(buf), sizeof(buf) - 1);
}

static void virtualization_instructions_have_names(void **state)
{
	static const struct { uint8_t insn[5]; size_t len; const char *name; } cases[] = {
		{ { 0x0f, 0x01, 0xc4 }, 3, "VMXOFF" },
		{ { 0x0f, 0x01, 0xdc }, 3, "STGI" },
		{ { 0xf3, 0x0f, 0xc7, 0x30 }, 4, "VMXON" },
		{ { 0x66, 0x0f, 0xc7, 0x30 }, 4, "VMCLEAR" },
		{ { 0x0f, 0xc7, 0x30 }, 3, "VMPTRLD" },
		{ { 0x0f, 0xc7, 0x38 }, 3, "VMPTRST" },
		{ { 0x0f, 0x78, 0xc1 }, 3, "VMREAD" },
		{ { 0x41, 0x0f, 0x79, 0xc1 }, 4, "VMWRITE" },
		{ { 0x66, 0x0f, 0x38, 0x80, 0x08 }, 5, "INVEPT" },
		{ { 0x0f, 0x37 }, 2, "GETSEC" },
		{ { 0x0f, 0xc7, 0xf0 }, 3, NULL },	/* RDRAND */
		{ { 0x0f, 0xa2 }, 2, NULL },
		{ { 0x0f }, 1, NULL },
		{ { 0 }, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *name = virt_insn_name(cases[i].insn, cases[i].len);

		if (!cases[i].name)
			assert_null(name);
		else
			assert_string_equal(name, cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_found_in_kernel_and_modules),
		cmocka_unit_test(each_kind_is_described),
		cmocka_unit_test(a_short_line_is_cut_not_overrun),
		cmocka_unit_test(virtualization_instructions_have_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
