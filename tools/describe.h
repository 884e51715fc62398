/* SPDX-License-Identifier: GPL-2.0-only */
/* What happened, in a line: the readable half of an event. */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include <stddef.h>
#include <stdint.h>
#include <libvbh.h>

/*
 * The name of the module that an event of VBH_KIND_MODULE or _TEXT is about, as
 * far as it can be printed, in buf of DESCRIBE_MODULE bytes; "" if it has none.
 */
#define DESCRIBE_MODULE	(VBH_MODULE_NAME + 1)
const char *describe_module(const struct vbh_event *ev, char *buf);

/* "CR4 -SMEP (0x3506f0 -> 0x2506f0)", "kernel_text: commit_creds+0x3 ...", ... */
void describe_event(const struct vbh_event *ev, char *buf, size_t len);
/* Bits that differ, by name: "-SMEP +VME", in the order of their numbers. */
void describe_bits(enum vbh_names table, uint64_t old, uint64_t new, char *buf, size_t len);
/* The VMX or SVM instruction that these bytes are, or NULL. */
const char *virt_insn_name(const uint8_t *insn, size_t len);

#endif
