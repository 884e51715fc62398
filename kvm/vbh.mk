# SPDX-License-Identifier: GPL-2.0-only
#
# Part of kvm.ko's Makefile: the core, and the body that puts it into KVM. The
# core is compiled with the kernel's flags but without its headers: it brings its
# own types (include/vbh/types.h).

vbh-dir := $(srctree)/arch/x86/kvm/vbh

include $(vbh-dir)/core/sources.mk

vbh-core := $(addprefix vbh/,$(core-src:.c=.o))
vbh-body := $(addprefix vbh/,guest.o host.o memory.o hooks.o log.o state.o)

kvm-y += $(vbh-body) $(vbh-core)

vbh-include := -I$(vbh-dir)/include -I$(vbh-dir)
$(foreach o,$(vbh-body),$(eval CFLAGS_$(o) := $(vbh-include)))
$(foreach o,$(vbh-core),$(eval CFLAGS_$(o) := $(vbh-include) -U__KERNEL__ -DVBH_CORE \
	-isystem $(shell $(CC) -print-file-name=include) -Wno-unused-parameter -Wno-undef))
