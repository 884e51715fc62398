// SPDX-License-Identifier: LGPL-2.1
/* See kernel.h. */
#include <libelf.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include "btf.h"
#include "kernel.h"
#include "unpack.h"

/* The function that the fact goes by came with what it says. */
#define MARKS_RO	"module_mark_ro_after_init"

/* Is there a function of that name in the running kernel? -1: it shows no names. */
static int running_has(const char *function)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], name[256];
	int has = -1;

	while (f && has < 1 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*c %255s", name) != 1)
			continue;
		has = !strcmp(name, function);
	}
	if (f)
		fclose(f);
	return has;
}

/* The section of that name in a kernel's file, which libelf has open; NULL: none. */
static const uint8_t *section(Elf *elf, const char *name, const struct blob *b, size_t *len)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const Elf64_Shdr *sh = elf64_getshdr(scn);
		const char *is = sh ? elf_strptr(elf, names, sh->sh_name) : NULL;

		if (is && !strcmp(is, name) && sh->sh_type != SHT_NOBITS &&
		    sh->sh_offset <= b->len && sh->sh_size <= b->len - sh->sh_offset) {
			*len = sh->sh_size;
			return b->data + sh->sh_offset;
		}
	}
	return NULL;
}

/* As above, of the kernel in that file. */
static int file_has(const char *path, const char *function, char *why, size_t why_len)
{
	const uint8_t *data = NULL;
	const char *wrong = "it has no BTF (CONFIG_DEBUG_INFO_BTF)";
	struct btf_types t;
	struct blob b;
	size_t len = 0;
	int has = -1;
	Elf *elf;

	if (blob_read(path, &b, why, why_len) || blob_vmlinux(path, &b, why, why_len)) {
		blob_free(&b);
		return -1;
	}
	elf_version(EV_CURRENT);
	elf = elf_memory((char *)b.data, b.len);
	data = section(elf, ".BTF", &b, &len);
	if (data)
		wrong = btf_open(&t, data, len);
	if (wrong) {
		snprintf(why, why_len, "%s: %s", path, wrong);
	} else {
		has = btf_has_function(&t, function);
		btf_close(&t);
	}
	elf_end(elf);
	blob_free(&b);
	return has;
}

void kernel_facts_find(const char *release, const char *dir, struct kernel_facts *facts)
{
	struct utsname u;
	char path[1024];
	int has = -1;

	*facts = (struct kernel_facts){ 0 };
	if (!uname(&u) && !strcmp(u.release, release))
		has = running_has(MARKS_RO);
	/* The modules' own, in a root of its own, and where Debian has it; last in the words. */
	for (int place = 0; has < 0 && place < 4; place++) {
		if (place == 0)
			snprintf(path, sizeof(path), "%s/vmlinuz", dir);
		else if (place < 3)
			snprintf(path, sizeof(path), "%s/../../../%sboot/vmlinuz-%s", dir,
				 place == 1 ? "" : "../", release);
		else
			snprintf(path, sizeof(path), "/boot/vmlinuz-%s", release);
		has = file_has(path, MARKS_RO, facts->unknown, sizeof(facts->unknown));
	}
	if (has < 0)
		return;
	facts->unknown[0] = '\0';
	facts->static_calls_ro = has;
}
