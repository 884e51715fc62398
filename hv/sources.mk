# SPDX-License-Identifier: GPL-2.0-only
# What the image is made of, relative to the top of the tree.
hv-dir := $(dir $(lastword $(MAKEFILE_LIST)))
hv-src := $(addprefix hv/, image.c launch.c return.c exit.c handlers.c cr.c dt.c msr.c msr_memory.c \
	tail.c smp.c apic.c trap.c pool.c mm.c pt.c stage2.c mtrr.c walk.c host.c \
	string.c debug.c)
hv-src += $(addprefix hv/svm/, svm.c setup.c state.c exit.c)
include $(hv-dir)vmx/sources.mk
include $(hv-dir)../core/sources.mk
hv-src += $(core-src)
