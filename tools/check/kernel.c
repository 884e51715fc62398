// SPDX-License-Identifier: GPL-2.0-only
/* The kernel: which it is, how it was configured and booted. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include "check.h"

static void add_release(struct check_machine *m)
{
	char arch[sizeof(((struct utsname *)0)->machine)] = "";
	struct utsname u;

	if (!check_line_of(m, "/proc/sys/kernel/arch", arch, sizeof(arch)) && !*m->root &&
	    !uname(&u))
		snprintf(arch, sizeof(arch), "%s", u.machine);
	if (!*m->release)
		check_add(m, CHECK_KERNEL, "kernel", CHECK_UNKNOWN, "",
			  "/proc/sys/kernel/osrelease can't be read");
	else if (*arch && strcmp(arch, "x86_64") != 0)
		check_add(m, CHECK_KERNEL, "kernel", CHECK_FAIL, "VBH is for kernels of x86_64",
			  "%s, of %s", m->release, arch);
	else
		check_add(m, CHECK_KERNEL, "kernel", CHECK_PASS, "", "%s", m->release);
}

static const struct {
	const char *name;
	enum check_result without;
	const char *follows;
} options[] = {
	{ "MODULES", CHECK_FAIL, "no module can be loaded" },
	{ "KALLSYMS", CHECK_FAIL, "the kernel's symbols can't be found" },
	{ "KALLSYMS_ALL", CHECK_FAIL, "the symbols of its data can't be found" },
	{ "KPROBES", CHECK_FAIL, "kallsyms_lookup_name() can't be found" },
	{ "STRICT_KERNEL_RWX", CHECK_FAIL, "text and constants have no pages of their own" },
	{ "STRICT_MODULE_RWX", CHECK_WARN, "modules' text has no pages of its own" },
	{ "JUMP_LABEL", CHECK_FAIL, "there is no table of static keys to go by" },
	{ "HAVE_STATIC_CALL_INLINE", CHECK_FAIL, "there is no table of static calls to go by" },
	{ "DYNAMIC_FTRACE", CHECK_FAIL, "there is no table of traced functions to go by" },
	{ "DYNAMIC_FTRACE_WITH_REGS", CHECK_FAIL, "ftrace's trampolines are not known" },
};

static void add_config(struct check_machine *m)
{
	enum check_result result = CHECK_PASS;
	const char *follows = "";
	char list[192] = "";
	size_t len = 0;

	if (!m->config) {
		check_add(m, CHECK_KERNEL, "config", CHECK_UNKNOWN,
			  "what the kernel itself shows is below",
			  "neither /proc/config.gz nor /boot/config-%s can be read", m->release);
		return;
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (check_config(m, options[i].name) != 'n')
			continue;
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, " %s",
						options[i].name);
		if (options[i].without > result) {
			result = options[i].without;
			follows = options[i].follows;
		}
	}
	if (result)
		check_add(m, CHECK_KERNEL, "config", result, follows, "%s lacks%s", m->config_path,
			  list);
	else
		check_add(m, CHECK_KERNEL, "config", CHECK_PASS, "", "%s has what VBH builds on",
			  m->config_path);
}

/* Calls of 32-bit firmware come back through code among the kernel's constants. */
static void add_efi(struct check_machine *m)
{
	char bits[8];
	bool off = check_option(m, "efi", "noruntime") || check_word(m->cmdline, "noefi") ||
		   (check_config(m, "EFI_DISABLE_RUNTIME") == 'y' &&
		    !check_option(m, "efi", "runtime"));

	if (!check_exists(m, "/sys/firmware/efi"))
		check_add(m, CHECK_KERNEL, "efi", CHECK_PASS, "", "not booted by EFI");
	else if (!check_line_of(m, "/sys/firmware/efi/fw_platform_size", bits, sizeof(bits)))
		check_add(m, CHECK_KERNEL, "efi", CHECK_UNKNOWN, "",
			  "/sys/firmware/efi/fw_platform_size: %s", strerror(errno));
	else if (!strcmp(bits, "32") && !off)
		check_add(m, CHECK_KERNEL, "efi", CHECK_FAIL,
			  "VBH does not start there: boot with efi=noruntime",
			  "firmware has 32 bits, and the kernel calls it");
	else
		check_add(m, CHECK_KERNEL, "efi", CHECK_PASS, "", "firmware has %s bits%s", bits,
			  off ? ", and the kernel does not call it" : "");
}

static void add_boot(struct check_machine *m)
{
	if (!m->cmdline)
		check_add(m, CHECK_KERNEL, "boot", CHECK_UNKNOWN, "",
			  "/proc/cmdline can't be read");
	else if (strstr(m->cmdline, "elfcorehdr="))
		check_add(m, CHECK_KERNEL, "boot", CHECK_FAIL, "it does not know all of RAM",
			  "this is a kdump kernel");
	else
		check_add(m, CHECK_KERNEL, "boot", CHECK_PASS, "", "this is no kdump kernel");
}

/* The header of linux/btf.h: 24 bytes, and since 7.2 32. */
static void add_btf(struct check_machine *m)
{
	static const char path[] = "/sys/kernel/btf/vmlinux";
	struct {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t hdr_len;
	} h;
	static const char follows[] = "vbhctl smc diff can't compare the kernel's text";

	if (!check_exists(m, path))
		check_add(m, CHECK_KERNEL, "btf", CHECK_WARN, follows, "none (%s)", path);
	else if (check_bytes(m, path, &h, sizeof(h)) != sizeof(h))
		check_add(m, CHECK_KERNEL, "btf", CHECK_UNKNOWN, "", "%s can't be read",
			  path);
	else if (h.magic != 0xeb9f || h.version != 1)
		check_add(m, CHECK_KERNEL, "btf", CHECK_WARN, follows, "%s is not as expected",
			  path);
	else
		check_add(m, CHECK_KERNEL, "btf", CHECK_PASS, "",
			  "there, with a header of %u bytes", h.hdr_len);
}

void check_kernel(struct check_machine *m)
{
	add_release(m);
	add_config(m);
	add_boot(m);
	add_efi(m);
	add_btf(m);
}
