# SPDX-License-Identifier: GPL-2.0-only
hv-src += hv/vmx/vmx.c hv/vmx/caps.c hv/vmx/setup.c hv/vmx/state.c hv/vmx/cr.c \
	hv/vmx/event.c hv/vmx/exit.c hv/vmx/entry.c hv/vmx/bitmap.c hv/vmx/ept.c
