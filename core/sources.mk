# SPDX-License-Identifier: GPL-2.0-only
# What the core is made of, relative to the top of the tree.
core-src := $(addprefix core/, hypercall.c init.c memory.c) \
	$(addprefix core/base/, sha256.c vec.c) \
	$(addprefix core/insn/, decode.c decode_exec.c) \
	$(addprefix core/guest/, access.c cpu.c cpuid.c event.c guest.c known.c pin.c region.c seal.c) \
	$(addprefix core/text/, patch.c patch_call.c patch_ftrace.c patch_table.c) \
	$(addprefix core/listed/, catalogue.c module.c module_fields.c)
