/* SPDX-License-Identifier: GPL-2.0-only */
/* What happened, in a line: the readable half of an event. */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include <stddef.h>
#include <stdint.h>
#include <libvbh.h>

/* "CR4 -SMEP (0x3506f0 -> 0x2506f0)", "kernel_text: commit_creds+0x3 ...", ... */
void describe_event(const struct vbh_event *ev, char *buf, size_t len);
/* Bits that differ, by name: "-SMEP +VME", in the order of their numbers. */
void describe_bits(enum vbh_names table, uint64_t old, uint64_t new, char *buf, size_t len);
/* The VMX or SVM instruction that these bytes are, or NULL. */
const char *virt_insn_name(const uint8_t *insn, size_t len);

#endif
