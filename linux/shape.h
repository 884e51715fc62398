/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one kernel has otherwise than another, under one name each: read from the
 * headers it is built against (shape.mk), or from its symbols when it runs. No other
 * file here asks which kernel it is.
 */
#ifndef SHAPE_H
#define SHAPE_H

#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <asm/msr.h>
#ifdef SHAPE_CPUID_API
#include <asm/cpuid/api.h>
#endif
#include <asm/processor.h>
#include "shape_part.h"

#ifdef SHAPE_RDMSRQ
#define rdmsrl_safe	rdmsrq_safe
#define rdmsrl		rdmsrq
#endif

#ifdef SHAPE_PCPU_HOT
#define shape_current	pcpu_hot.current_task
#else
#define shape_current	current_task
#endif

#define SHAPE_RETHUNK	(IS_ENABLED(CONFIG_RETHUNK) || IS_ENABLED(CONFIG_MITIGATION_RETHUNK))
#define SHAPE_RETPOLINE	(IS_ENABLED(CONFIG_RETPOLINE) || IS_ENABLED(CONFIG_MITIGATION_RETPOLINE))
#define SHAPE_SLS	(IS_ENABLED(CONFIG_SLS) || IS_ENABLED(CONFIG_MITIGATION_SLS))

/* Pages of thunks that belong to a module on processors with X86_BUG_ITS. */
void **shape_thunks(const struct module *mod, int *nr);

/* struct kernel_symbol: distances to the value and the name. */
struct shape_export {
	int value_offset, name_offset, namespace_offset;
};

/* Where exports are: of all modules, and of those under the GPL where they are apart. */
struct shape_exports {
	const struct shape_export *first[2];
	unsigned int nr[2];
};

void shape_module_exports(const struct module *mod, struct shape_exports *all);
/* The kernel's. The name of the symbol that is missing, or NULL. */
const char *shape_kernel_exports(struct shape_exports *all);

/* Thunks for indirect branches, to which no static call leads; how many ranges. */
#define SHAPE_THUNKS	5
unsigned int shape_thunk_arrays(struct shape_span all[SHAPE_THUNKS]);

#endif
