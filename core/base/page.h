/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages, as the core takes them from the body. */
#ifndef CORE_PAGE_H
#define CORE_PAGE_H

#include "../host.h"

#define PAGE_SIZE	4096ull
#define PAGE_MASK	(~(PAGE_SIZE - 1))

/* *page is there from now on; false: there is none to be had. */
static inline bool guest_page(struct vbh_guest *guest, void **page)
{
	if (!*page)
		*page = host_alloc_page(guest);
	return *page;
}

#endif
