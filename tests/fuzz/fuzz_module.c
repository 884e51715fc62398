// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modules after the seal: a listed one's description with anything done to it,
 * in any order, and to its memory. What is accepted has the listed module's bytes
 * where none may differ; the tables stay in order; protected text never changes.
 */
#include "fuzz.h"
#include "module_world.h"

#define STEPS	64

static struct description right;
static u8 right_bytes[0x3000];
static u8 kernel[KTEXT_LEN];

static u64 gva_of(u32 i)
{
	return i < 0x2000 ? NEW + i : NEW_INIT + (i - 0x2000);
}

static void make(void)
{
	u32 i;

	world_make();
	module_make();
	module_list();
	world_seal();
	right = described;
	for (i = 0; i < sizeof(right_bytes); i++)
		right_bytes[i] = *module_at(gva_of(i));
	memcpy(kernel, text(KTEXT), KTEXT_LEN);
}

/* Where the loader may leave one of several things. */
static bool may_differ(u32 i)
{
	return (i >= N_TRACED && i < N_CALL + 5) || (i >= N_JUMP && i < N_JUMP + 5) ||
	       (i >= N_RETURN && i < N_RETURN + 5) || (i >= N_CHOICE && i < N_CHOICE + 5) ||
	       (i >= N_JUMP2 && i < N_JUMP2 + 2) || (i >= N_TAIL && i < N_TAIL + 6) ||
	       (i >= N_MANY && i < N_MANY_END) || (i >= N_ANY && i < N_ANY_END) ||
	       (i >= 0x2000 + N_INIT_TRACED && i < 0x2000 + N_INIT_TRACED + 5);
}

static void check_accepted(void)
{
	u32 i;

	for (i = 0; i < sizeof(right_bytes); i++)
		hold(may_differ(i) || *module_at(gva_of(i)) == right_bytes[i]);
}

static u32 a_tag(struct input *in)
{
	return in_u8(in) % 8 ? NEW_TAG : NEW_TAG + in_u8(in) % 3;
}

static void some_pages(struct input *in)
{
	struct vbh_text t = {
		.gva = NEW + in_u8(in) % 4 * 0x1000, .gpa = in_u8(in) * 0x1000ull,
		.len = in_u8(in) % 3 * 0x1000, .tag = a_tag(in),
	};

	module_call(VBH_MODULE_PAGES, t.tag, &t, sizeof(t), 1);
}

/* A store by the guest, as far as its second stage lets it. */
static void a_store(struct input *in)
{
	u64 gva;
	u16 off;

	in_bytes(in, &off, sizeof(off));
	gva = gva_of(off % 0x3000);
	if (body->stage2[(module_at(gva) - body->mem) / 4096] & VBH_W)
		*module_at(gva) = in_u8(in);
}

static void some_bytes(struct input *in)
{
	u16 off;

	in_bytes(in, &off, sizeof(off));
	in_bytes(in, described.bytes + off % described.len, in_u8(in) % 16);
	described.bytes[described.len] = 0;
}

static void a_feed(struct input *in)
{
	u16 off;
	u32 n;

	in_bytes(in, &off, sizeof(off));
	off %= described.len;
	n = 1 + in_u8(in) * 16;
	if (n > sizeof(described.bytes) - off)
		n = sizeof(described.bytes) - off;
	if (n <= 4096)
		module_call(VBH_MODULE_FEED, a_tag(in), described.bytes + off, n, n);
}

static void a_layout(struct input *in)
{
	u32 *field = (u32 *)&described.layout + in_u8(in) % 6;

	*field = in_u8(in) % 5 * (in_u8(in) & 1 ? 0x1000 : 1);
}

/* Of one that says it is somewhere else. */
static void another_begin(struct input *in)
{
	static const u64 at[] = { NEW, NEW + 0x1000, KTEXT, MOD, TRAMP, ~0xfffull };
	struct vbh_module m = {
		.size = sizeof(m), .tag = a_tag(in), .part = { at[in_u8(in) % 6],
		at[in_u8(in) % 6], at[in_u8(in) % 6], at[in_u8(in) % 6] }, .layout = described.layout, .rule = VBH_RULE_DENY,
	};

	module_call(VBH_MODULE_BEGIN, m.tag, &m, sizeof(m), sizeof(m));
}

/* Those of the kernel, which no module may add to or take away. */
static u32 kernel_sites(void)
{
	const struct patch_state *p = &body->guest.patch;
	const struct vec *const v[] = { &p->mcount, &p->jumps, &p->calls, &p->entries };
	u32 i, n = 0;

	for (i = 0; i < 4; i++)
		n += vec_upto(v[i], (u32)KTEXT + KTEXT_LEN - 1) - vec_upto(v[i], (u32)KTEXT - 1);
	return n;
}

static void a_step(struct input *in)
{
	switch (in_u8(in) % 13) {
	case 0:
		module_begin(a_tag(in));
		break;
	case 1:
		module_pages();
		break;
	case 2:
		some_pages(in);
		break;
	case 3:
		a_store(in);
		break;
	case 4:
		some_bytes(in);
		break;
	case 5:
		a_feed(in);
		break;
	case 6:
		if (!module_call(VBH_MODULE_END, a_tag(in), NULL, 0, 0))
			check_accepted();
		break;
	case 7:
		module_call(VBH_MODULE_LIVE + in_u8(in) % 2, a_tag(in), NULL, 0, 0);
		break;
	case 8:
		a_layout(in);
		break;
	case 11:
		another_begin(in);
		break;
	case 9:
		described = right;
		break;
	case 10:
		if (!module_feed_all())
			check_accepted();
		break;
	default:
		if (!module_load())
			check_accepted();
	}
}

static void check_tables(void)
{
	struct patch_state *p = &body->guest.patch;
	struct known_state *k = &body->guest.known;
	const struct vec *const v[] = {
		&k->texts, &p->mcount, &p->jumps, &p->calls, &p->entries,
		&k->symbols, &k->modules, &body->guest.module.catalogue,
	};
	u32 i, j;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		for (j = 1; j < v[i]->nr; j++)
			hold(*(u32 *)vec_at(v[i], j - 1) <= *(u32 *)vec_at(v[i], j));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u32 i, sites;

	fresh_body(make);
	described = right;
	sites = kernel_sites();
	for (i = 0; i < STEPS && in.left; i++)
		a_step(&in);
	check_tables();
	hold(kernel_sites() == sites);
	hold(!memcmp(kernel, text(KTEXT), KTEXT_LEN));
	body_check_stage2();
	return 0;
}
