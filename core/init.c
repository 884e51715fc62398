// SPDX-License-Identifier: GPL-2.0-only
/* The beginning of a guest, with what each part of the core keeps of it. */
#include "guest/guest.h"
#include "listed/module.h"
#include "text/patch.h"

void guest_init(struct vbh_guest *guest)
{
	u32 i;

	memset(&guest->state, 0, sizeof(*guest) - offsetof(struct vbh_guest, state));
	guest->state = VBH_STATE_OPEN;
	guest->regions.max = guest->max_regions;
	for (i = 0; i < VBH_NR_VIOLATIONS; i++)
		guest->rules[i] = VBH_RULE_DENY;
	known_init(&guest->known);
	patch_init(&guest->patch);
	listed_init(&guest->module);
}
