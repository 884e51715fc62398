# SPDX-License-Identifier: GPL-2.0-only
#
# What linux/shape.h has to know of the kernel that is built for, read from its
# headers: no version is asked for.

# shape HEADER PATTERN NAME: -DSHAPE_NAME if the header has the pattern.
shape = $(shell cat $(srctree)/include/$(1) $(srctree)/arch/x86/include/$(1) 2> /dev/null | \
	grep -qE '$(2)' && echo -DSHAPE_$(3))

ccflags-y += $(call shape,linux/module.h,^struct module_memory \{,MODULE_MEMORY)
ccflags-y += $(call shape,linux/module.h,gpl_syms;,GPL_SYMS)
ccflags-y += $(call shape,linux/module.h,its_num_pages,ITS_PAGES)
ccflags-y += $(call shape,asm/module.h,its_pages;,ARCH_ITS_PAGES)
ccflags-y += $(call shape,asm/current.h,pcpu_hot,PCPU_HOT)
ccflags-y += $(call shape,asm/msr.h,rdmsrq_safe,RDMSRQ)
ccflags-y += $(if $(wildcard $(srctree)/arch/x86/include/asm/cpuid/api.h),-DSHAPE_CPUID_API)
