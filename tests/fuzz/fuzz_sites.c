// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is handed over, in any form and order, before the seal; then stores. The
 * tables must stay sorted and without overlap, nothing after the seal may add
 * to them, and no byte changes that no site owns.
 */
#include "fuzz.h"
#include "patch_world.h"

#define STEPS	48

static u8 before[KTEXT_LEN];

static u64 an_address(struct input *in)
{
	static const u64 bases[] = {
		KTEXT, MOD, MOD + 0x1000, TRAMP, BPF, 0, VBH_TEXT_GVA_MIN, ~0xfffull,
	};
	u64 base = bases[in_u8(in) % 8];
	u16 off;

	in_bytes(in, &off, sizeof(off));
	return base + off % 0x4400;
}

static void some_sites(struct input *in)
{
	struct vbh_site s[8];
	u32 n = 1 + in_u8(in) % 8, i;
	u8 how = in_u8(in), kind = in_u8(in) % (VBH_NR_SITE_KINDS + 1), len = in_u8(in) % 7;

	for (i = 0; i < n; i++) {
		s[i] = (struct vbh_site){ .addr = an_address(in), .kind = kind, .len = len };
		if (how & 1)
			s[i].target = (s32)(an_address(in) - s[i].addr);
		if (how & 2)
			in_bytes(in, &s[i], sizeof(s[i]));
		/* Most have something there that they may have. */
		if (s[i].addr - KTEXT < KTEXT_LEN - 8 && body->guest.state == VBH_STATE_OPEN &&
		    how & 4)
			memcpy(text(s[i].addr), len == 2 ? nop2 : nop5, len == 2 ? 2 : 5);
	}
	memcpy(body->mem + AT_REQUEST, s, sizeof(s));
	call(VBH_HC_SITES, AT_REQUEST, n, 0);
}

static void some_text(struct input *in)
{
	struct vbh_text t[2];
	u32 i;

	for (i = 0; i < 2; i++) {
		t[i].gva = an_address(in) & ~0xfffull;
		t[i].gpa = in_u8(in) * 0x1000ull;
		t[i].len = in_u8(in) % 8 * 0x1000ull;
		t[i].tag = in_u8(in) % 4;
		t[i].reserved = 0;
	}
	memcpy(body->mem + AT_REQUEST, t, sizeof(t));
	call(VBH_HC_TEXT, AT_REQUEST, 1 + in_u8(in) % 2, 0);
}

static void a_store(struct input *in)
{
	u8 bytes[8];
	u64 gva = an_address(in);
	u32 n = 1 + in_u8(in) % 8;

	in_bytes(in, bytes, 8);
	if (gva - KTEXT < KTEXT_LEN - 8)
		poke(in_u8(in) % BODY_CPUS, gva, bytes, n);
}

static void a_step(struct input *in)
{
	switch (in_u8(in) % 8) {
	case 0:
		some_text(in);
		break;
	case 1:
		call(VBH_HC_PATCH, in_u8(in) % 8, in_u8(in) % 5, 0);
		break;
	case 2:
		call(VBH_HC_REGION_DEL, in_u8(in) % 9, 0, 0);
		break;
	case 3:
	case 4:
		some_sites(in);
		break;
	default:
		a_store(in);
	}
}

/* Each table ascends, and each site is found as itself at its first and its last byte. */
static void check_tables(void)
{
	struct patch_state *p = &body->guest.patch;
	const struct known_state *k = &body->guest.known;
	const struct vec *const v[] = { &k->texts, &p->mcount, &p->jumps, &p->calls, &p->entries };
	struct patch_site a, b;
	u32 i, j;

	for (i = 0; i < 5; i++) {
		for (j = 0; j < v[i]->nr; j++) {
			u32 key = *(u32 *)vec_at(v[i], j);
			bool site = i && i < 4;

			hold(!j || *(u32 *)vec_at(v[i], j - 1) <= key);
			hold(i == 0 || text_at(k, GVA(key)));
			if (!site)
				continue;
			hold(site_at(p, GVA(key), 1, &a) && a.addr == GVA(key));
			hold(site_at(p, GVA(key) + a.len - 1, 1, &b) && b.addr == a.addr);
		}
	}
}

/* By address and by memory they are the same texts, apart in both. */
static void check_places(void)
{
	const struct known_state *k = &body->guest.known;
	u64 end = 0;
	u32 i;

	hold(k->places.nr == k->texts.nr);
	for (i = 0; i < k->places.nr; i++) {
		const struct known_place *at = vec_at(&k->places, i);
		const struct known_text *t = text_at(k, GVA(at->gva));

		hold(t && t->gva == at->gva && t->gfn == at->gfn && t->pages == at->pages &&
		     t->tag == at->tag && at->gfn >= end);
		end = at->gfn + (u64)at->pages;
		hold(patch_gva(&body->guest, at->gfn * 4096ull) == GVA(at->gva));
	}
}

static void check_text(void)
{
	struct patch_site site;
	const u8 *now = text(KTEXT);
	u32 i;

	for (i = 0; i < KTEXT_LEN; i++) {
		/* What was given back before the seal is not protected. */
		if (now[i] != before[i] && text_at(&body->guest.known, KTEXT + i))
			hold(site_at(&body->guest.patch, KTEXT + i, 1, &site));
	}
}

static void make(void)
{
	world_make();
	world_module();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u32 i, sites;

	fresh_body(make);
	for (i = 0; i < STEPS && in.left; i++)
		a_step(&in);
	check_tables();
	world_seal();
	sites = patch_sites(&body->guest.patch);
	memcpy(before, text(KTEXT), KTEXT_LEN);
	for (i = 0; i < STEPS && in.left; i++)
		a_step(&in);
	hold(sites == patch_sites(&body->guest.patch));
	check_tables();
	check_places();
	check_text();
	body_check_stage2();
	return 0;
}
