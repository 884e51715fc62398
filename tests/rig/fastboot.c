// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes what the Bochs rig boots, so that the guest neither reads a disk nor
 * unpacks a kernel, which take an emulator most of a boot:
 *
 *   fastboot payload VMLINUZ > COMPRESSED
 *	the compressed kernel inside a bzImage
 *   fastboot image VMLINUZ VMLINUX INITRD CMDLINE > IMAGE
 *	the memory image that rom.S collects (see fastboot.h), from the bzImage,
 *	its payload unpacked, an initramfs and a command line
 *
 * The kernel runs where it was linked: its relocations are not applied.
 */

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastboot.h"

/* Of the setup header, as offsets into the bzImage (Documentation/x86/boot.rst). */
#define HDR_SETUP_SECTS		0x1f1
#define HDR_BOOT_FLAG		0x1fe
#define HDR_JUMP_OFFSET		0x201
#define HDR_MAGIC		0x202
#define HDR_VERSION		0x206
#define HDR_TYPE_OF_LOADER	0x210
#define HDR_RAMDISK_IMAGE	0x218
#define HDR_RAMDISK_SIZE	0x21c
#define HDR_CMD_LINE_PTR	0x228
#define HDR_PAYLOAD_OFFSET	0x248
#define HDR_PAYLOAD_LENGTH	0x24c

#define CMDLINE_MAX		2048	/* COMMAND_LINE_SIZE of x86 */

struct file {
	const char *name;
	uint8_t *data;
	size_t size;
};

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *format, ...)
{
	va_list args;

	fputs("fastboot: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static struct file slurp(const char *name)
{
	struct file f = { .name = name };
	FILE *in = fopen(name, "rb");
	long size;

	if (!in || fseek(in, 0, SEEK_END) || (size = ftell(in)) < 0)
		die("%s: %s", name, strerror(errno));
	rewind(in);
	f.size = size;
	f.data = malloc(f.size + 1);
	if (!f.data || fread(f.data, 1, f.size, in) != f.size)
		die("%s: can not be read", name);
	fclose(in);
	return f;
}

/* A field of any alignment; the file must be known to be long enough. */
static uint64_t field(const uint8_t *at, unsigned int bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static void set_field32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static struct file bzimage(const char *name)
{
	struct file f = slurp(name);

	if (f.size < 0x1000 || memcmp(f.data + HDR_MAGIC, "HdrS", 4))
		die("%s: not a bzImage", name);
	if (field(f.data + HDR_VERSION, 2) < 0x208)
		die("%s: boot protocol older than 2.08", name);
	return f;
}

static void put(const void *data, size_t size)
{
	if (fwrite(data, 1, size, stdout) != size)
		die("standard output: %s", strerror(errno));
}

static void payload(const char *name)
{
	struct file f = bzimage(name);
	size_t sects = f.data[HDR_SETUP_SECTS] ? f.data[HDR_SETUP_SECTS] : 4;
	size_t start = (sects + 1) * 512 + field(f.data + HDR_PAYLOAD_OFFSET, 4);
	size_t length = field(f.data + HDR_PAYLOAD_LENGTH, 4);

	if (length < 4 || start > f.size || length > f.size - start)
		die("%s: cut short", name);
	/* The last four bytes are the unpacked size: no part of the stream, but of gzip's. */
	if (memcmp(f.data + start, "\x1f\x8b", 2) != 0)
		length -= 4;
	put(f.data + start, length);
}

/* The image in the making: directory, then blocks in the runs' order. */
static uint8_t directory[FB_BLOCK];
static uint8_t *blocks;
static size_t nr_blocks, nr_runs;

static void add_run(uint32_t address, const void *data, size_t size)
{
	size_t count = (size + FB_BLOCK - 1) / FB_BLOCK;
	uint8_t *run = directory + FB_DIR_RUNS + 8 * nr_runs++;
	size_t i;

	if (FB_DIR_CHECKS + 4 * (nr_blocks + count) > FB_BLOCK)
		die("the image is larger than its directory can say");
	blocks = realloc(blocks, (nr_blocks + count) * FB_BLOCK);
	if (!blocks)
		die("out of memory");
	memset(blocks + nr_blocks * FB_BLOCK, 0, count * FB_BLOCK);
	memcpy(blocks + nr_blocks * FB_BLOCK, data, size);

	set_field32(run, address);
	set_field32(run + 4, count);
	for (i = nr_blocks; i < nr_blocks + count; i++)
		memcpy(directory + FB_DIR_CHECKS + 4 * i, blocks + i * FB_BLOCK, 4);
	nr_blocks += count;
}

/* Lay out the kernel's segments by physical address; returns its entry. */
static uint64_t add_kernel(const struct file *f)
{
	const Elf64_Ehdr *eh = (const void *)f->data;
	uint64_t low = UINT64_MAX, high = 0, loaded = 0;
	const Elf64_Phdr *ph;
	uint8_t *memory;
	unsigned int i;

	if (f->size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_machine != EM_X86_64 ||
	    eh->e_phoff > f->size || eh->e_phentsize != sizeof(*ph) ||
	    (f->size - eh->e_phoff) / sizeof(*ph) < eh->e_phnum)
		die("%s: not an x86-64 ELF file", f->name);

	ph = (const void *)(f->data + eh->e_phoff);
	for (i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD || !ph[i].p_memsz)
			continue;
		if (ph[i].p_offset > f->size || ph[i].p_filesz > f->size - ph[i].p_offset ||
		    ph[i].p_memsz < ph[i].p_filesz ||
		    ph[i].p_paddr > FB_BOOT || ph[i].p_memsz > FB_BOOT - ph[i].p_paddr)
			die("%s: a segment is cut short, or lies above %#x", f->name, FB_BOOT);
		if (ph[i].p_paddr < low)
			low = ph[i].p_paddr;
		if (ph[i].p_paddr + ph[i].p_memsz > high)
			high = ph[i].p_paddr + ph[i].p_memsz;
		if (ph[i].p_paddr + ph[i].p_filesz > loaded)
			loaded = ph[i].p_paddr + ph[i].p_filesz;
	}
	if (low < 0x100000 || low % FB_BLOCK || eh->e_entry < low || eh->e_entry >= high)
		die("%s: not linked as a kernel is", f->name);

	/* What lies behind the last byte loaded is bss, which the kernel clears. */
	memory = calloc(1, loaded - low);
	if (!memory)
		die("out of memory");
	for (i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD)
			memcpy(memory + (ph[i].p_paddr - low), f->data + ph[i].p_offset,
			       ph[i].p_filesz);
	add_run(low, memory, loaded - low);
	free(memory);
	return eh->e_entry;
}

static void add_boot(const struct file *kernel, uint64_t entry, size_t initrd_size,
		     const char *cmdline)
{
	static uint8_t boot[FB_BLOCK];
	uint8_t *params = boot + FB_BOOT_PARAMS;
	uint64_t *pml4 = (uint64_t *)(boot + FB_BOOT_PML4);
	uint64_t *pdpt = (uint64_t *)(boot + FB_BOOT_PDPT);
	uint64_t *pd = (uint64_t *)(boot + FB_BOOT_PD);
	size_t header_end = HDR_MAGIC + kernel->data[HDR_JUMP_OFFSET];
	uint64_t i;

	if (strlen(cmdline) >= CMDLINE_MAX)
		die("the command line is longer than %d bytes", CMDLINE_MAX - 1);
	strcpy((char *)boot + FB_BOOT_CMDLINE, cmdline);

	memcpy(params + BP_SETUP_HEADER, kernel->data + BP_SETUP_HEADER,
	       header_end - BP_SETUP_HEADER);
	params[HDR_TYPE_OF_LOADER] = 0xff;	/* none that has a number */
	set_field32(params + HDR_CMD_LINE_PTR, FB_BOOT + FB_BOOT_CMDLINE);
	set_field32(params + HDR_RAMDISK_IMAGE, FB_INITRD);
	set_field32(params + HDR_RAMDISK_SIZE, initrd_size);

	pml4[0] = (FB_BOOT + FB_BOOT_PDPT) | 3;			/* present, writable */
	for (i = 0; i < 4; i++)
		pdpt[i] = (FB_BOOT + FB_BOOT_PD + i * 0x1000) | 3;
	for (i = 0; i < 4 * 512; i++)
		pd[i] = (i << 21) | 0x83;			/* and a 2 MiB page */
	memcpy(boot + FB_BOOT_ENTRY, &entry, sizeof(entry));
	add_run(FB_BOOT, boot, sizeof(boot));
}

static void image(char **argv)
{
	struct file vmlinuz = bzimage(argv[0]), vmlinux = slurp(argv[1]);
	struct file initrd = slurp(argv[2]);
	static const uint8_t padding[FB_BLOCK];
	int i;

	set_field32(directory, FB_MAGIC0);
	set_field32(directory + 4, FB_MAGIC1);
	add_boot(&vmlinuz, add_kernel(&vmlinux), initrd.size, argv[3]);
	add_run(FB_INITRD, initrd.data, initrd.size);

	for (i = 0; i < FB_PAD_BLOCKS; i++)
		put(padding, sizeof(padding));
	put(directory, sizeof(directory));
	put(blocks, nr_blocks * FB_BLOCK);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "payload"))
		payload(argv[2]);
	else if (argc == 6 && !strcmp(argv[1], "image"))
		image(argv + 2);
	else
		die("usage: fastboot payload VMLINUZ | image VMLINUZ VMLINUX INITRD CMDLINE");
	if (fflush(stdout))
		die("standard output: %s", strerror(errno));
	return 0;
}
