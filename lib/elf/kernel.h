/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * What the files of modules do not say of the kernel that loads them, and it says
 * itself: the running one in /proc/kallsyms, any other in the BTF of its file.
 */
#ifndef LIB_ELF_KERNEL_H
#define LIB_ELF_KERNEL_H

#include <stdbool.h>

struct kernel_facts {
	/*
	 * .static_call_sites can't be written once init has run, and so lies with what
	 * is like that and not among the data (module_mark_ro_after_init(), 6.16).
	 */
	bool static_calls_ro;
	char unknown[1200];	/* why none of it is known; "": it is */
};

/* Of the kernel with this release, whose modules are below dir, /lib/modules/RELEASE. */
void kernel_facts_find(const char *release, const char *dir, struct kernel_facts *facts);

#endif
