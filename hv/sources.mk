# SPDX-License-Identifier: GPL-2.0-only
# What the image is made of, relative to the top of the tree.
hv-src := \
	hv/image.c hv/launch.c hv/return.c hv/exit.c hv/handlers.c hv/cr.c \
	hv/dt.c hv/msr.c hv/tail.c hv/smp.c hv/apic.c hv/trap.c \
	hv/pool.c hv/mm.c hv/pt.c hv/stage2.c hv/mtrr.c hv/walk.c \
	hv/host.c hv/string.c hv/debug.c \
	hv/svm/svm.c hv/svm/setup.c hv/svm/state.c hv/svm/exit.c
include $(dir $(lastword $(MAKEFILE_LIST)))vmx/sources.mk
include $(dir $(lastword $(MAKEFILE_LIST)))../core/sources.mk
