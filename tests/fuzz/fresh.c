// SPDX-License-Identifier: GPL-2.0-only
/* See fuzz.h. */
#include "fuzz.h"
#include "body.h"

static struct body saved;
static u8 saved_page[BODY_ALLOC][4096];

static void make_first(void (*make)(void))
{
	void *state = NULL;
	u32 i;

	hold(!body_setup(&state));
	body_ring(2);
	make();
	saved = *body;
	for (i = 0; i < saved.nr_pages; i++)
		memcpy(saved_page[i], body->page[i], 4096);
}

void fresh_body(void (*make)(void))
{
	u32 i;

	if (!body) {
		make_first(make);
		return;
	}
	while (body->nr_pages > saved.nr_pages)
		free(body->page[--body->nr_pages]);
	*body = saved;
	for (i = 0; i < saved.nr_pages; i++)
		memcpy(body->page[i], saved_page[i], 4096);
}
