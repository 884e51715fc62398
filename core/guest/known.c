// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known of the guest's kernel: sorted arrays of its text, in the order of
 * addresses and of memory, of the modules that came after the seal, and of names.
 */
#include "guest.h"

VBH_STATIC_ASSERT(__builtin_offsetof(struct known_text, tag) == 3 * sizeof(u32));
VBH_STATIC_ASSERT(__builtin_offsetof(struct known_place, tag) == 3 * sizeof(u32));
VBH_STATIC_ASSERT(__builtin_offsetof(struct symbol, tag) == 3 * sizeof(u32));

void known_init(struct known_state *k)
{
	vec_init(&k->texts, sizeof(struct known_text));
	vec_init(&k->places, sizeof(struct known_place));
	vec_init(&k->modules, sizeof(struct known_module));
	vec_init(&k->symbols, sizeof(struct symbol));
}

static u64 text_len(const struct known_text *t)
{
	return t->pages * PAGE_SIZE;
}

const struct known_text *text_at(const struct known_state *k, u64 gva)
{
	const struct known_text *t;
	u32 i;

	if (gva < VBH_TEXT_GVA_MIN)
		return NULL;
	i = vec_upto(&k->texts, (u32)gva);
	t = i ? vec_at(&k->texts, i - 1) : NULL;
	return t && gva - GVA(t->gva) < text_len(t) ? t : NULL;
}

static bool overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* The last text that begins at or below a page of memory, or NULL. */
static const struct known_place *place_upto(const struct known_state *k, u64 gfn)
{
	u32 i = gfn <= ~0u ? vec_upto(&k->places, gfn) : 0;

	return i ? vec_at(&k->places, i - 1) : NULL;
}

/* Texts are apart in both orders: the last one that begins before the end reaches furthest. */
bool text_overlap(const struct known_state *k, u64 gva, u64 gpa, u64 len)
{
	const struct known_place *place = place_upto(k, (gpa + len - 1) / PAGE_SIZE);
	u32 last = gva + len - 1, i = vec_upto(&k->texts, last);
	const struct known_text *t = i ? vec_at(&k->texts, i - 1) : NULL;

	if (t && overlap(gva, len, GVA(t->gva), text_len(t)))
		return true;
	return place && place->gfn + (u64)place->pages > gpa / PAGE_SIZE;
}

const struct known_place *place_at(struct known_state *k, u64 gpa)
{
	u64 gfn = gpa / PAGE_SIZE;
	u32 i = gfn <= ~0u ? vec_near(&k->places, gfn) : 0;
	const struct known_place *place = i ? vec_at(&k->places, i - 1) : NULL;

	return place && gfn - place->gfn < place->pages ? place : NULL;
}

u64 text_gva(struct known_state *k, u64 gpa)
{
	const struct known_place *place = place_at(k, gpa);

	return place ? GVA(place->gva) + (gpa - place->gfn * PAGE_SIZE) : 0;
}

int text_grow(struct vbh_guest *guest, u32 n)
{
	int err = vec_grow(guest, &guest->known.texts, n);

	return err ? err : vec_grow(guest, &guest->known.places, n);
}

VBH_STATIC_ASSERT(VBH_MAX_TEXTS * (sizeof(struct known_text) + sizeof(struct known_place)) <=
		  PAGE_SIZE);
VBH_STATIC_ASSERT(2 * sizeof(struct known_text) == sizeof(struct vbh_text));

static struct known_text text_of(const struct vbh_text *t)
{
	struct known_text text = { t->gva, t->len / PAGE_SIZE, t->gpa / PAGE_SIZE, t->tag };

	return text;
}

static struct known_place place_of(const struct known_text *t)
{
	struct known_place place = { t->gfn, t->pages, t->gva, t->tag };

	return place;
}

int text_take(struct known_state *k, void *page, u32 n)
{
	const struct vbh_text *in = page;
	struct known_text *texts = page;
	struct known_place *places = (void *)(texts + VBH_MAX_TEXTS);
	u32 i, j;

	/* In its place, and half as large. */
	for (i = 0; i < n; i++)
		texts[i] = text_of(&in[i]);
	for (i = 0; i < n; i++) {
		struct known_place place = place_of(&texts[i]);

		for (j = i; j && places[j - 1].gfn > place.gfn; j--)
			places[j] = places[j - 1];
		if ((j && places[j - 1].gfn + (u64)places[j - 1].pages > place.gfn) ||
		    (j < i && place.gfn + (u64)place.pages > places[j + 1].gfn))
			return -EINVAL;
		places[j] = place;
	}
	vec_merge(&k->texts, texts, n);
	vec_merge(&k->places, places, n);
	return 0;
}

void text_take_one(struct known_state *k, const struct vbh_text *t)
{
	struct known_text text = text_of(t);
	struct known_place place = place_of(&text);

	vec_merge(&k->texts, &text, 1);
	vec_merge(&k->places, &place, 1);
}

void text_remove(struct known_state *k, u32 i)
{
	const struct known_text *t = vec_at(&k->texts, i);

	vec_remove(&k->places, vec_upto(&k->places, t->gfn) - 1);
	vec_remove(&k->texts, i);
}

struct known_module *module_find(const struct known_state *k, u32 tag)
{
	u32 i = vec_upto(&k->modules, tag);
	struct known_module *m = i ? vec_at(&k->modules, i - 1) : NULL;

	return m && m->tag == tag ? m : NULL;
}

void module_called(struct known_state *k, u32 tag)
{
	struct known_module *m = module_find(k, tag);

	if (m)
		m->direct = 1;
}

bool module_counts(const struct known_state *k, u32 tag)
{
	const struct known_module *m = module_find(k, tag);

	return !m || m->step == MODULE_ACCEPTED;
}

bool symbol_find(const struct known_state *k, u64 hash, u64 *value)
{
	u32 i;

	for (i = vec_upto(&k->symbols, (u32)hash); i; i--) {
		const struct symbol *s = vec_at(&k->symbols, i - 1);

		if (s->hash != (u32)hash)
			return false;
		if (s->hash_high == hash >> 32) {
			*value = (s64)(s32)s->value;
			return true;
		}
	}
	return false;
}
