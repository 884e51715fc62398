/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The "VGA BIOS" of the Bochs rig. Bochs' BIOS calls it once ACPI and MP tables
 * are made and before it looks for disks; instead of returning, it collects the
 * image that fastboot.c made (fastboot.h says how) and enters the kernel by the
 * 64-bit boot protocol: flat segments, identity map, boot_params in RSI,
 * interrupts off. It keeps nothing of the BIOS but its tables and E820 map.
 */

#include "fastboot.h"

#define ROM_BASE	0xc0000
#define ROM_SIZE	1024
#define E820_BUFFER	0x8000
#define COM1		0x3f8

	.text
	.code16
	.globl	_start
_start:
	.byte	0x55, 0xaa, ROM_SIZE / 512

	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds

	/* 115200 8N1; the rest of the UART is as the reset left it. */
	mov	$(COM1 + 3), %dx
	mov	$0x83, %al
	out	%al, %dx
	mov	$COM1, %dx
	mov	$1, %al
	out	%al, %dx
	inc	%dx
	xor	%al, %al
	out	%al, %dx
	mov	$(COM1 + 3), %dx
	mov	$3, %al
	out	%al, %dx

	/* The memory map; its length in bytes stays in EBP. */
	mov	$(E820_BUFFER >> 4), %ax
	mov	%ax, %es
	xor	%edi, %edi
	xor	%ebx, %ebx
.Le820:
	mov	$0xe820, %eax
	mov	$0x534d4150, %edx	/* "SMAP" */
	mov	$BP_E820_ENTRY_SIZE, %ecx
	int	$0x15
	jc	.Le820_end
	add	$BP_E820_ENTRY_SIZE, %di
	cmp	$(BP_E820_MAX * BP_E820_ENTRY_SIZE), %di
	jae	.Le820_end
	test	%ebx, %ebx
	jnz	.Le820
.Le820_end:
	cli
	movzwl	%di, %ebp

	in	$0x92, %al		/* A20 */
	or	$2, %al
	out	%al, $0x92

	lgdtl	%cs:gdt_register
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$0x08, $(ROM_BASE + protected)

	.code32
protected:
	mov	$0x18, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss

	/* After a reset the image is gone: the runner ends it at this line. */
	mov	$(ROM_BASE + started), %esi
	call	puts

	mov	$FB_SEARCH, %esi
	mov	$FB_SEARCH_BLOCKS, %ecx
.Lsearch:
	cmpl	$FB_MAGIC0, (%esi)
	jne	.Lnext
	cmpl	$FB_MAGIC1, 4(%esi)
	je	.Lfound
.Lnext:
	add	$FB_BLOCK, %esi
	loop	.Lsearch
	mov	$(ROM_BASE + no_directory), %esi
	jmp	fail

.Lfound:
	lea	FB_DIR_RUNS(%esi), %ebx
	lea	FB_DIR_CHECKS(%esi), %edx
.Lrun:
	mov	(%ebx), %edi
	mov	4(%ebx), %ecx
	jecxz	.Lcollected
.Lblock:
	mov	(%edi), %eax		/* the touch */
	cmp	(%edx), %eax
	jne	.Lmisplaced
	add	$4, %edx
	add	$FB_BLOCK, %edi
	loop	.Lblock
	add	$8, %ebx
	jmp	.Lrun

.Lmisplaced:
	mov	$(ROM_BASE + misplaced), %esi
	jmp	fail

.Lcollected:
	mov	$E820_BUFFER, %esi
	mov	$(FB_BOOT + FB_BOOT_PARAMS + BP_E820_TABLE), %edi
	mov	%ebp, %ecx
	rep movsb
	mov	%ebp, %eax
	xor	%edx, %edx
	mov	$BP_E820_ENTRY_SIZE, %ecx
	div	%ecx
	mov	%al, (FB_BOOT + FB_BOOT_PARAMS + BP_E820_ENTRIES)

	mov	%cr4, %eax
	or	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$(FB_BOOT + FB_BOOT_PML4), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER.LME */
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax	/* PG */
	mov	%eax, %cr0
	ljmp	$0x10, $(ROM_BASE + long_mode)

	.code64
long_mode:
	mov	$(FB_BOOT + FB_BOOT_PARAMS), %esi
	mov	$(FB_BOOT + FB_BOOT_ENTRY), %eax
	jmp	*(%rax)

	.code32
fail:
	call	puts
.Lhalt:
	hlt
	jmp	.Lhalt

/* Prints the string at ESI. There is a stack: the BIOS' own. */
puts:
	mov	$(COM1 + 5), %edx
.Lbusy:
	in	%dx, %al
	test	$0x20, %al
	jz	.Lbusy
	lodsb
	test	%al, %al
	jz	.Lput
	mov	$COM1, %edx
	out	%al, %dx
	jmp	puts
.Lput:
	ret

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	/* 0x08: code, 32 bits */
	.quad	0x00af9b000000ffff	/* 0x10: code, 64 bits; Linux's __BOOT_CS */
	.quad	0x00cf93000000ffff	/* 0x18: data; Linux's __BOOT_DS */
gdt_register:
	.word	gdt_register - gdt - 1
	.long	ROM_BASE + gdt

started:
	.asciz	"rig-rom: start\n"
no_directory:
	.asciz	"rig-rom: error: the image is not where it should turn up\n"
misplaced:
	.asciz	"rig-rom: error: a block of the image is out of place\n"

	/* The build replaces the last byte, so that all add up to 0. */
	.org	ROM_SIZE - 1
	.byte	0
