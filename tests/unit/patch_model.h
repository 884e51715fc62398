/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What may happen to the text of patch_world.h once it is sealed, said a second
 * time and as simply as possible: every byte string of every site in a list.
 */
#ifndef PATCH_MODEL_H
#define PATCH_MODEL_H

#include "patch_world.h"

#define MODEL_SITES	20

struct model_site {
	u64 gva;
	u32 len;
	bool jump;
	u32 nr;
	u8 may[12][6];		/* what may stand there */
};

extern struct model_site model[MODEL_SITES];
extern u32 model_sites;

/* The text is as world_make() and world_module() left it, and sealed. */
void model_make(void);
/* CPU writes n bytes that do not reach into the next page: is it allowed? Does it, if so. */
bool model_store(u64 gva, const u8 *bytes, u32 n);
/* Is the text what the model says, and each site in a state that it may be in? */
bool model_agrees(void);

#endif
