// SPDX-License-Identifier: GPL-2.0-only
/* See smc_root.h. */
#define _GNU_SOURCE
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "smc_root.h"

uint8_t root_text[ROOT_LEN];
static char dir[64];

static const char kallsyms[] =
	"ffffffff81000000 T _text\n"
	"ffffffff81000000 T _stext\n"
	"ffffffff81000100 T memcpy_erms\n"
	"ffffffff81000200 T text_poke_bp\n"
	"ffffffff81000300 t caller_of_it\n"
	"ffffffff81000400 T do_syscall_64\n"
	"ffffffff81000500 T victim\n"
	"ffffffff81000600 T ftrace_caller\n"
	"ffffffff81000620 T ftrace_call\n"
	"ffffffff81000700 T function_trace_call\n"
	"ffffffff81000800 T __x86_return_thunk\n"
	"ffffffff81000840 T __static_call_return\n"
	"ffffffff81001800 D a_key\n"
	"ffffffff81002000 T _etext\n";

void root_put(const char *path, const void *data, size_t len)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", dir, path);
	for (char *p = full + strlen(dir) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
	f = fopen(full, "w");
	if (!f || fwrite(data, 1, len, f) != len || fclose(f))
		abort();
}

void root_remove(const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", dir, path);
	unlink(full);
}

void root_flush(void)
{
	static uint8_t core[0x1000 + ROOT_LEN];
	Elf64_Ehdr eh = { .e_type = ET_CORE, .e_machine = EM_X86_64, .e_phoff = sizeof(eh),
			  .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1 };
	Elf64_Phdr ph = { .p_type = PT_LOAD, .p_offset = 0x1000, .p_vaddr = ROOT_TEXT,
			  .p_paddr = ROOT_PHYSICAL, .p_filesz = ROOT_LEN, .p_memsz = ROOT_LEN };

	memcpy(eh.e_ident, "\177ELF\2\1\1", 7);
	memcpy(core, &eh, sizeof(eh));
	memcpy(core + sizeof(eh), &ph, sizeof(ph));
	memcpy(core + 0x1000, root_text, ROOT_LEN);
	root_put("/proc/kcore", core, sizeof(core));
}

const char *root_dir(void)
{
	if (*dir)
		return dir;
	strcpy(dir, "/tmp/vbh-smc.XXXXXX");
	if (!mkdtemp(dir))
		abort();
	root_put("/proc/sys/kernel/osrelease", "6.1.0-test\n", 11);
	root_put("/proc/kallsyms", kallsyms, sizeof(kallsyms) - 1);
	root_put("/proc/modules", "", 0);
	root_flush();
	return dir;
}

void root_clean(void)
{
	char command[128];

	if (!*dir)
		return;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command))
		abort();
	*dir = '\0';
}
