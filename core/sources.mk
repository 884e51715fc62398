# SPDX-License-Identifier: GPL-2.0-only
# What the core is made of, relative to the top of the tree.
core-src := $(addprefix core/, access.c cpu.c cpuid.c decode.c decode_exec.c catalogue.c event.c \
	guest.c hypercall.c memory.c module.c module_fields.c patch.c \
	patch_call.c patch_ftrace.c patch_table.c pin.c region.c seal.c sha256.c)
