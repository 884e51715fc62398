// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vbhctl smc reads: kernel images, whole, cut off and of another build;
 * memory; and how stores become changes.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include "smc/event.h"
#include "smc_root.h"
#include "symbols.h"

#define KERNEL_MAP	0xffffffff80000000ull

static struct smc_error error;

static void said(const char *part)
{
	if (!strstr(error.text, part))
		fail_msg("'%s' does not say '%s'", error.text, part);
	error.text[0] = '\0';
}

static struct blob blob_of(const void *data, size_t len)
{
	struct blob b = { malloc(len + 1), len };

	memcpy(b.data, data, len);
	return b;
}

static void packed_files_are_unpacked_and_others_left(void **state)
{
	static const char text[] = "some text that is packed, some text that is packed";
	uint8_t packed[512];
	struct blob b;
	z_stream z = { .next_in = (uint8_t *)text, .avail_in = sizeof(text),
		       .next_out = packed, .avail_out = sizeof(packed) };

	(void)state;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, 0), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	b = blob_of(packed, z.total_out);
	deflateEnd(&z);
	assert_int_equal(blob_unpack("f", &b, error.text, sizeof(error.text)), 0);
	assert_int_equal(b.len, sizeof(text));
	assert_memory_equal(b.data, text, sizeof(text));
	blob_free(&b);

	b = blob_of(packed, ZSTD_compress(packed, sizeof(packed), text, sizeof(text), 3));
	assert_int_equal(blob_unpack("f", &b, error.text, sizeof(error.text)), 0);
	assert_memory_equal(b.data, text, sizeof(text));
	blob_free(&b);

	b = blob_of(text, sizeof(text));
	assert_int_equal(blob_unpack("f", &b, error.text, sizeof(error.text)), 0);
	assert_memory_equal(b.data, text, sizeof(text));
	blob_free(&b);
}

/* Literals, a match that overlaps itself, lengths that go on; as lz4 -l writes it. */
static void lz4_is_unpacked_and_what_is_damaged_is_not(void **state)
{
	static const uint8_t packed[] = {
		0x02, 0x21, 0x4c, 0x18, 27, 0, 0, 0, 0x3f, 'a', 'b', 'c', 3, 0, 2,
		0xf0, 3, '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D',
		'E', 'F', 'G', 'H',
	};
	static const char text[] = "abcabcabcabcabcabcabcabc0123456789ABCDEFGH";
	static const struct {
		uint8_t at, value;
	} damage[] = {
		{ 4, 200 },	/* a chunk that goes on behind the end */
		{ 12, 4 },	/* a match from before the beginning, */
		{ 12, 0 },	/* or of itself */
		{ 16, 200 },	/* more literals than there are */
		{ 16, 255 },
		{ sizeof(packed), 43 },	/* another length of the whole */
	};
	uint8_t data[sizeof(packed) + 4];
	struct blob b;

	(void)state;
	memcpy(data, packed, sizeof(packed));
	memcpy(data + sizeof(packed), "\x2a\0\0\0", 4);
	for (size_t more = 0; more <= 4; more += 4) {
		b = blob_of(data, sizeof(packed) + more);
		assert_int_equal(blob_unpack("f", &b, error.text, sizeof(error.text)), 0);
		assert_int_equal(b.len, 42);
		assert_memory_equal(b.data, text, 42);
		blob_free(&b);
	}
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		b = blob_of(data, sizeof(data));
		b.data[damage[i].at] = damage[i].value;
		assert_true(blob_unpack("f", &b, error.text, sizeof(error.text)) < 0);
		said("its lz4 data is damaged");
		blob_free(&b);
	}
	for (size_t len = 5; len < sizeof(packed); len++) {
		b = blob_of(data, len);
		assert_true(blob_unpack("f", &b, error.text, sizeof(error.text)) < 0);
		said("its lz4 data is damaged");
		blob_free(&b);
	}
}

static void refused(const void *data, size_t len, const char *why)
{
	struct blob b = blob_of(data, len);

	assert_true(blob_vmlinux("image", &b, error.text, sizeof(error.text)) < 0);
	said(why);
	blob_free(&b);
}

static void what_is_no_kernel_is_refused_by_name(void **state)
{
	static uint8_t image[0x1000];

	(void)state;
	refused("", 0, "image: neither a bzImage nor an ELF");
	refused(image, sizeof(image), "neither a bzImage nor an ELF");
	memcpy(image + 0x202, "HdrS\x05\x02", 6);
	image[0x1fe] = 0x55;
	image[0x1ff] = 0xaa;
	refused(image, sizeof(image), "boot protocol 2.05");
	image[0x206] = 15;
	refused(image, sizeof(image), "cut off: its kernel is to stand at byte 2560 with 0");
	image[0x24c] = 0x40;
	refused(image, 0x800, "cut off");
	refused(image, sizeof(image), "packed in a way that vbhctl does not know");
	memcpy(image + 2560, "\xfd""7zXZ\0", 6);
	refused(image, sizeof(image), "its xz data is damaged");
	memcpy(image + 2560, "\x1f\x8b\x08\0", 4);
	refused(image, sizeof(image), "its gzip data is damaged");
	memcpy(image + 2560, "\x28\xb5\x2f\xfd", 4);
	refused(image, sizeof(image), "its zstd data is damaged");
	memcpy(image + 2560, "\x02\x21\x4c\x18", 4);
	refused(image, sizeof(image), "its lz4 data is damaged");
	memcpy(image + 2560, "BZh9", 4);
	refused(image, sizeof(image), "packed with bzip2, which vbhctl can't unpack");
}

static void notes_that_lie_about_their_length_have_no_build_id(void **state)
{
	uint32_t notes[8] = { 4, 8, NT_GNU_BUILD_ID, 0, 0x44332211, 0x88776655 };
	char id[2 * SMC_BUILD_ID_MAX + 1];

	(void)state;
	memcpy(&notes[3], "GNU", 4);
	assert_true(smc_build_id((uint8_t *)notes, 24, id));
	assert_string_equal(id, "1122334455667788");
	for (size_t len = 0; len < 24; len++)
		assert_false(smc_build_id((uint8_t *)notes, len, id));
	notes[1] = 0xfffffffc;
	assert_false(smc_build_id((uint8_t *)notes, sizeof(notes), id));
	notes[0] = 0xfffffffe;
	assert_false(smc_build_id((uint8_t *)notes, sizeof(notes), id));
	notes[0] = 4;
	notes[1] = SMC_BUILD_ID_MAX + 4;
	assert_false(smc_build_id((uint8_t *)notes, sizeof(notes), id));
}

/* Debian's kernel on this machine, or NULL. */
static const char *debian_kernel(void)
{
	static char path[256];
	glob_t g;

	*path = '\0';
	if (!glob("/boot/vmlinuz-*-amd64", 0, NULL, &g))
		snprintf(path, sizeof(path), "%s", g.gl_pathv[g.gl_pathc - 1]);
	globfree(&g);
	return *path ? path : NULL;
}

static uint64_t sum(const struct smc_section *s)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < s->size; i++)
		n = n * 31 + s->data[i];
	return n;
}

static void load_at(struct smc_system *s, uint64_t text, struct smc_object *o)
{
	s->text = text;
	assert_int_equal(smc_kernel_load(s, debian_kernel(), o, &error), 0);
}

static void debians_kernel_is_relocated_as_the_boot_does(void **state)
{
	struct smc_system s = { .root = "" };
	struct smc_object o;
	uint64_t before, after;

	(void)state;
	if (!debian_kernel())
		skip();
	load_at(&s, KERNEL_MAP + 0x1000000, &o);
	before = sum(smc_section(&o, ".text"));
	assert_non_null(smc_section(&o, ".altinstructions"));
	smc_object_free(&o);
	/* Moved, other bytes; moved back, the same. */
	load_at(&s, KERNEL_MAP + 0x1000000 + 0x2a00000, &o);
	after = sum(smc_section(&o, ".text"));
	assert_true(before != after);
	assert_int_equal(smc_section(&o, ".text")->addr, KERNEL_MAP + 0x1000000 + 0x2a00000);
	smc_object_free(&o);
	load_at(&s, KERNEL_MAP + 0x1000000, &o);
	assert_true(before == sum(smc_section(&o, ".text")));
	smc_object_free(&o);

	strcpy(s.build_id, "00112233");
	assert_int_equal(smc_kernel_load(&s, debian_kernel(), &o, &error), -ESTALE);
	said("another build");
	smc_object_free(&o);
}

/* Each of these is taken from a good file and damaged at one place. */
static void a_damaged_kernel_is_refused_or_at_least_survived(void **state)
{
	struct smc_system s = { .root = "", .text = KERNEL_MAP + 0x3000000 };
	struct blob whole, part;
	struct smc_object o;
	Elf64_Ehdr *eh;

	(void)state;
	if (!debian_kernel())
		skip();
	root_dir();
	assert_int_equal(blob_read(debian_kernel(), &whole, error.text, sizeof(error.text)), 0);
	for (size_t len = 1; len < whole.len; len = len * 3 + 1)
		refused(whole.data, len, "image: ");
	part = blob_of(whole.data, whole.len);
	part.data[part.len / 2] ^= 1;
	assert_true(blob_vmlinux("image", &part, error.text, sizeof(error.text)) < 0);
	said("its xz data is damaged");
	blob_free(&part);

	assert_int_equal(blob_vmlinux("image", &whole, error.text, sizeof(error.text)), 0);
	eh = (Elf64_Ehdr *)whole.data;
	/* without its relocations, as from a debug package */
	root_put("/vmlinux", whole.data, eh->e_shoff + eh->e_shnum * sizeof(Elf64_Shdr));
	assert_true(smc_kernel_load(&s, smc_path(&(struct smc_system){ .root = root_dir() },
						 "/vmlinux"), &o, &error) < 0);
	said("has no relocations");
	smc_object_free(&o);
	eh->e_shoff = 0;
	eh->e_shnum = 0;
	root_put("/vmlinux", whole.data, whole.len);
	assert_true(smc_kernel_load(&s, smc_path(&(struct smc_system){ .root = root_dir() },
						 "/vmlinux"), &o, &error) < 0);
	said("it was stripped");
	smc_object_free(&o);
	blob_free(&whole);
}

/* The end of the list of relocations that ends at `at`: where its zero is. */
static size_t list_begin(const struct blob *b, size_t at)
{
	int32_t place;

	do {
		at -= 4;
		memcpy(&place, b->data + at, sizeof(place));
	} while (place);
	return at;
}

/* Since 6.15 there are no places whose value is subtracted from. */
static void relocations_may_be_two_lists(void **state)
{
	struct smc_system s = { .root = "" };
	struct smc_object o;
	struct blob b;
	size_t first, second;
	uint64_t before;

	(void)state;
	if (!debian_kernel())
		skip();
	root_dir();
	assert_int_equal(blob_read(debian_kernel(), &b, error.text, sizeof(error.text)), 0);
	assert_int_equal(blob_vmlinux("image", &b, error.text, sizeof(error.text)), 0);
	first = list_begin(&b, b.len);
	second = list_begin(&b, first);
	memmove(b.data + second, b.data + first, b.len - first);
	root_put("/vmlinux", b.data, b.len - (first - second));
	blob_free(&b);
	for (uint64_t delta = 0; delta <= 0x2a00000; delta += 0x2a00000) {
		s.text = KERNEL_MAP + 0x1000000 + delta;
		if (smc_kernel_load(&s, smc_path(&(struct smc_system){ .root = root_dir() },
						 "/vmlinux"), &o, &error))
			fail_msg("%s", error.text);
		if (!delta)
			before = sum(smc_section(&o, ".text"));
		else
			assert_true(before != sum(smc_section(&o, ".text")));
		smc_object_free(&o);
	}
	root_clean();
}

/* They are not known, and that is all. */
static void without_btf_features_are_not_known(void **state)
{
	static const char symbols[] = "ffffffff81000000 T _text\n"
				      "ffffffff81001800 D boot_cpu_data\n"
				      "ffffffff81002000 T _etext\n";
	static uint8_t damaged[] = { 0x9f, 0xeb, 1, 0, 32 };
	struct smc_section sections[] = {
		{ .name = ".text" }, { .name = ".BTF", .data = damaged, .size = sizeof(damaged) },
	};
	struct smc_object kernel = { .sections = sections };
	struct smc_system s;
	struct smc_cpu cpu;

	(void)state;
	root_dir();
	root_put("/proc/kallsyms", symbols, sizeof(symbols) - 1);
	assert_int_equal(smc_system_open(&s, root_dir(), &error), 0);
	for (kernel.nr_sections = 1; kernel.nr_sections < 3; kernel.nr_sections++) {
		assert_int_equal(smc_cpu_read(&s, &kernel, &cpu, &error), 0);
		assert_string_equal(cpu.unknown, kernel.nr_sections == 1 ?
				    "it has no BTF (CONFIG_DEBUG_INFO_BTF)" :
				    "its BTF is cut off within its header");
	}
	smc_system_close(&s);
	root_clean();
}

static void what_a_system_lacks_is_named(void **state)
{
	struct smc_system s;

	(void)state;
	root_dir();
	root_remove("/proc/kcore");
	assert_true(smc_system_open(&s, root_dir(), &error) < 0);
	said("CONFIG_PROC_KCORE");
	smc_system_close(&s);
	root_put("/proc/kcore", "nothing", 7);
	assert_true(smc_system_open(&s, root_dir(), &error) < 0);
	said("no ELF core file");
	smc_system_close(&s);
	root_flush();

	root_put("/proc/kallsyms", "0000000000000000 T _text\n0000000000000000 T _etext\n", 51);
	assert_true(smc_system_open(&s, root_dir(), &error) < 0);
	said("kernel.kptr_restrict");
	smc_system_close(&s);
	root_clean();
}

static struct {
	struct smc_change c[16];
	char text[16][5][128];
	size_t n;
	uint64_t gaps;
	size_t others;
} got;

static void take(const struct smc_change *c, void *arg)
{
	(void)arg;
	assert_true(got.n < 16);
	got.c[got.n] = *c;
	snprintf(got.text[got.n][0], 128, "%s", c->symbol);
	snprintf(got.text[got.n][1], 128, "%s", c->key);
	snprintf(got.text[got.n][2], 128, "%s", c->after);
	snprintf(got.text[got.n][3], 128, "%s", c->origin);
	snprintf(got.text[got.n][4], 128, "%s", c->writer);
	got.n++;
}

static void take_gap(uint64_t patches, uint64_t lost, int64_t time, void *arg)
{
	(void)time;
	(void)arg;
	got.gaps += patches + lost;
}

static void take_other(const struct vbh_event *ev, int64_t time, void *arg)
{
	(void)ev;
	(void)time;
	(void)arg;
	got.others++;
}

#define SITE	(ROOT_TEXT + 0x510)
#define FSITE	(ROOT_TEXT + 0x500)

static struct smc_system sys;
static struct smc_text text;
static struct vbh_info info = { .running = 1, .tsc_khz = 1000000, .tsc = 1000,
				.realtime_ns = 1000000000000000000ull };
static struct smc_events events;
static uint64_t seq;

static int events_setup(void **state)
{
	/* a jump label and a traced function, in text without a file */
	static const struct smc_site sites[] = {
		{ .addr = FSITE, .kind = SMC_FTRACE, .len = 5 },
		{ .addr = SITE, .kind = SMC_STATIC_KEY, .len = 5, .key = ROOT_TEXT + 0x1800,
		  .target = ROOT_TEXT + 0x580 },
	};

	(void)state;
	root_dir();
	memset(root_text, 0x90, ROOT_LEN);
	/* the return addresses have calls before them */
	root_text[0x220 - 5] = 0xe8;
	root_text[0x320 - 5] = 0xe8;
	root_text[0x420 - 2] = 0xff;
	root_text[0x420 - 1] = 0xd0;
	/* ftrace_caller calls its tracer */
	memcpy(root_text + 0x620, "\xe8\xdb\x00\x00\x00", 5);
	root_flush();
	if (smc_system_open(&sys, root_dir(), &error))
		return -1;
	memset(&text, 0, sizeof(text));
	text.system = &sys;
	memset(&events, 0, sizeof(events));
	events = (struct smc_events){ .text = &text, .info = &info, .change = take,
				      .gap = take_gap, .other = take_other };
	memset(&got, 0, sizeof(got));
	seq = 0;
	info.status.patches = 0;
	for (size_t i = 0; i < 2; i++)
		smc_site_add(&text, &sites[i]);
	smc_sites_sort(&text);
	smc_events_begin(&events);
	return 0;
}

static int events_teardown(void **state)
{
	(void)state;
	smc_text_free(&text);
	smc_system_close(&sys);
	return 0;
}

static struct vbh_event store(uint64_t addr, size_t len, const char *old, const char *new)
{
	struct vbh_event ev = {
		.seq = seq++, .tsc = 1000 + seq, .kind = VBH_KIND_PATCH, .cpu = 1, .pid = 7,
		.flags = VBH_EVENT_F_GLA | VBH_EVENT_F_VALUES | VBH_EVENT_F_TASK | VBH_EVENT_F_PATCH,
		.comm = "task", .rip = ROOT_TEXT + 0x106, .gla = addr, .width = (uint8_t)len,
		.patches = ++info.status.patches,
		.stack = { (uint32_t)(ROOT_TEXT + 0x220), (uint32_t)(ROOT_TEXT + 0x2ff),
			   (uint32_t)(ROOT_TEXT + 0x320), (uint32_t)(ROOT_TEXT + 0x420),
			   (uint32_t)(ROOT_TEXT + 0x220) },
	};

	memcpy(&ev.old_value, old, len);
	memcpy(&ev.new_value, new, len);
	return ev;
}

static void send(uint64_t addr, size_t len, const char *old, const char *new)
{
	struct vbh_event ev = store(addr, len, old, new);

	assert_int_equal(smc_event(&events, &ev), 0);
}

#define NOP5	"\x0f\x1f\x44\x00\x00"
#define JUMP5	"\xe9\x6b\x00\x00\x00"

static void three_stores_to_a_site_are_one_change(void **state)
{
	(void)state;
	send(SITE, 1, "\x0f", "\xcc");
	assert_int_equal(got.n, 0);
	send(SITE + 1, 4, NOP5 + 1, JUMP5 + 1);
	send(SITE, 1, "\xcc", "\xe9");
	assert_int_equal(got.n, 1);
	assert_int_equal(got.c[0].addr, SITE);
	assert_int_equal(got.c[0].writes, 3);
	assert_int_equal(got.c[0].len, 5);
	assert_int_equal(got.c[0].kind, SMC_STATIC_KEY);
	assert_true(got.c[0].complete);
	assert_memory_equal(got.c[0].old, NOP5, 5);
	assert_memory_equal(got.c[0].new, JUMP5, 5);
	assert_string_equal(got.text[0][0], "victim+0x10");
	assert_string_equal(got.text[0][1], "a_key");
	assert_string_equal(got.text[0][2], "jump to victim+0x80");
	smc_events_end(&events);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.gaps, 0);
}

static void a_store_over_what_was_stored_hides_nothing(void **state)
{
	(void)state;
	send(SITE, 1, "\x0f", "\xcc");
	send(SITE + 1, 4, NOP5 + 1, JUMP5 + 1);
	send(SITE + 1, 4, JUMP5 + 1, JUMP5 + 1);
	send(SITE, 1, "\xcc", "\xe9");
	assert_int_equal(got.n, 1);
	assert_int_equal(got.c[0].writes, 4);
	assert_memory_equal(got.c[0].old, NOP5, 5);
	assert_memory_equal(got.c[0].new, JUMP5, 5);
	smc_events_end(&events);
}

static void a_module_that_comes_is_a_change_of_no_bytes(void **state)
{
	struct vbh_event ev = store(ROOT_TEXT + 0x500, 0, "", "");

	(void)state;
	ev.kind = VBH_KIND_TEXT;
	ev.patches = 0;
	info.status.patches--;
	ev.new_value = 0x6000;
	assert_int_equal(smc_event(&events, &ev), 0);
	ev.old_value = 0x6000;
	ev.new_value = 0;
	assert_int_equal(smc_event(&events, &ev), 0);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.c[0].kind, SMC_MODULE);
	assert_int_equal(got.c[0].len, 0);
	assert_int_equal(got.c[0].writes, 0);
	assert_string_equal(got.text[0][2], "24 KiB of text");
	assert_string_equal(got.text[1][2], "");
	assert_int_equal(got.others + got.gaps, 0);
	smc_events_end(&events);
}

static void callers_are_those_behind_a_call_up_to_the_entry(void **state)
{
	(void)state;
	send(ROOT_TEXT + 0x530, 1, "\x90", "\xcc");
	assert_int_equal(got.n, 1);
	assert_int_equal(got.c[0].nr_chain, 3);
	assert_string_equal(got.text[0][3], "caller_of_it");
	assert_string_equal(got.text[0][4], "memcpy_erms+0x6");
	smc_events_end(&events);
}

static void batches_of_sites_are_kept_apart(void **state)
{
	(void)state;
	send(SITE, 1, "\x0f", "\xcc");
	send(FSITE, 1, "\x0f", "\xcc");
	send(SITE + 1, 4, NOP5 + 1, JUMP5 + 1);
	send(FSITE + 1, 4, NOP5 + 1, "\xfb\x00\x00\x00");
	send(SITE, 1, "\xcc", "\xe9");
	send(FSITE, 1, "\xcc", "\xe8");
	assert_int_equal(got.n, 2);
	assert_int_equal(got.c[0].kind, SMC_STATIC_KEY);
	assert_int_equal(got.c[1].kind, SMC_FTRACE);
	assert_string_equal(got.text[1][1], "function_trace_call");
	assert_string_equal(got.text[1][2], "traced by function_trace_call");
	smc_events_end(&events);
}

static void a_gap_ends_what_was_begun_and_is_counted(void **state)
{
	(void)state;
	send(SITE, 1, "\x0f", "\xcc");
	info.status.patches += 5;
	/* the tail of the next time must not be taken for that of this one */
	send(SITE + 1, 4, JUMP5 + 1, NOP5 + 1);
	assert_int_equal(got.gaps, 5);
	assert_int_equal(got.n, 1);
	assert_false(got.c[0].complete);
	send(SITE, 1, "\xcc", "\x0f");
	assert_int_equal(got.n, 2);
	assert_false(got.c[1].complete);
	/* and those after the last event */
	info.status.patches += 3;
	smc_events_end(&events);
	assert_int_equal(got.gaps, 8);
	assert_int_equal(events.missing, 8);
}

static void what_came_before_the_counts_were_asked_for_is_not_missing(void **state)
{
	struct vbh_event early[2];

	(void)state;
	/* recorded already, and counted in what it begins with */
	early[0] = store(ROOT_TEXT + 0x530, 1, "\x90", "\xcc");
	early[1] = store(ROOT_TEXT + 0x531, 1, "\x90", "\xcc");
	info.status.events_lost = 9;
	early[1].lost = 7;
	smc_events_begin(&events);
	assert_int_equal(smc_event(&events, &early[0]), 0);
	assert_int_equal(smc_event(&events, &early[1]), 0);
	assert_int_equal(got.gaps, 0);
	/* from there on each is looked for */
	info.status.patches += 2;
	early[0] = store(ROOT_TEXT + 0x530, 1, "\xcc", "\x90");
	early[0].lost = 10;
	assert_int_equal(smc_event(&events, &early[0]), 0);
	assert_int_equal(got.gaps, 3);
	/* the last ones are recorded behind the last counts */
	info.status.patches--;
	info.status.events_lost = 0;
	smc_events_end(&events);
	assert_int_equal(got.gaps, 3);
	assert_int_equal(events.missing, 3);
}

static void what_is_not_ended_is_given_out_at_the_end(void **state)
{
	(void)state;
	send(SITE, 1, "\x0f", "\xcc");
	smc_events_end(&events);
	assert_int_equal(got.n, 1);
	assert_false(got.c[0].complete);
	assert_string_equal(got.text[0][2], "");
}

static void a_store_that_no_table_knows_is_unknown(void **state)
{
	struct vbh_event ev;

	(void)state;
	/* denied, by another mapping: the place is told by the physical address */
	ev = store(0xffff888001000530ull, 1, "\x90", "\xc3");
	ev.kind = VBH_KIND_WRITE;
	ev.detail = VBH_REGION_KERNEL_TEXT;
	ev.rule = VBH_RULE_DENY;
	ev.action = VBH_ACTION_DENIED;
	ev.flags |= VBH_EVENT_F_GPA;
	ev.gpa = ROOT_PHYSICAL + 0x530;
	info.status.patches--;
	assert_int_equal(smc_event(&events, &ev), 0);
	assert_int_equal(got.c[0].kind, SMC_UNKNOWN);
	assert_int_equal(got.c[0].addr, ROOT_TEXT + 0x530);
	/* at a site, but denied: its table does not make it legitimate */
	ev.gla = SITE;
	assert_int_equal(smc_event(&events, &ev), 0);
	assert_int_equal(got.c[1].kind, SMC_UNKNOWN);
	/* let through as patching, and yet no kprobe is there */
	ev = store(ROOT_TEXT + 0x540, 1, "\x90", "\xcc");
	ev.detail = VBH_PATCH_KPROBES;
	assert_int_equal(smc_event(&events, &ev), 0);
	assert_int_equal(got.c[2].kind, SMC_UNKNOWN);
	/* and with one */
	root_put("/sys/kernel/debug/kprobes/list", "ffffffff81000540  k  victim+0x40\n", 33);
	ev = store(ROOT_TEXT + 0x540, 1, "\x90", "\xcc");
	ev.detail = VBH_PATCH_KPROBES;
	assert_int_equal(smc_event(&events, &ev), 0);
	assert_int_equal(got.c[3].kind, SMC_KPROBE);
	root_remove("/sys/kernel/debug/kprobes/list");
	/* and what is about no text */
	ev.kind = VBH_KIND_CR;
	assert_int_equal(smc_event(&events, &ev), 0);
	assert_int_equal(got.others, 1);
	smc_events_end(&events);
}

static void a_site_holds_what_its_table_says_and_nothing_else(void **state)
{
	const struct smc_site *s = smc_site_at(&text, SITE + 4);
	uint8_t bytes[8];
	char words[256];

	(void)state;
	assert_non_null(s);
	assert_null(smc_site_at(&text, SITE + 5));
	assert_true(smc_site_state(&text, s, (const uint8_t *)NOP5, words, sizeof(words)));
	assert_true(smc_site_state(&text, s, (const uint8_t *)JUMP5, words, sizeof(words)));
	assert_false(smc_site_state(&text, s, (const uint8_t *)"\xe9\x6c\0\0\0", words, sizeof(words)));
	assert_false(smc_site_state(&text, s, (const uint8_t *)"\xcc\x1f\x44\0\0", words, sizeof(words)));
	/* the key says which: 0 is off */
	memset(root_text + 0x1800, 0, 4);
	root_flush();
	smc_forget(&sys);
	assert_true(smc_site_due(&text, s, bytes));
	assert_memory_equal(bytes, NOP5, 5);
	root_text[0x1800] = 1;
	root_flush();
	smc_forget(&sys);
	assert_true(smc_site_due(&text, s, bytes));
	assert_memory_equal(bytes, JUMP5, 5);
	/* no call of a function that is not ftrace's */
	s = smc_site_at(&text, FSITE);
	assert_true(smc_site_state(&text, s, (const uint8_t *)"\xe8\xfb\0\0\0", words, sizeof(words)));
	assert_false(smc_site_state(&text, s, (const uint8_t *)"\xe8\xfb\x01\0\0", words, sizeof(words)));
	assert_false(smc_site_state(&text, s, (const uint8_t *)"\xe8\xfb\xfd\xff\xff", words, sizeof(words)));
	smc_events_end(&events);
}

#define RETHUNK		(11 * 32 + 14)
#define THUNK		(ROOT_TEXT + 0x880)	/* what the boot chose: not the default */
#define RET5		"\xc3\xcc\xcc\xcc\xcc"

/* What is due at a site that is NULL, while memory has these bytes. */
static const uint8_t *due(uint64_t addr, uint8_t flags, const char *memory, size_t len)
{
	struct smc_site s = { .addr = addr, .kind = SMC_STATIC_CALL, .len = (uint8_t)len,
			      .key = ROOT_TEXT + 0x1800, .flags = SMC_SITE_TAIL | flags };
	static uint8_t bytes[8];

	memset(root_text + 0x1800, 0, 8);
	memcpy(root_text + (addr - ROOT_TEXT), memory, len);
	root_flush();
	smc_forget(&sys);
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, "\x0f\x84", len == 6 ? 2 : 0);
	assert_true(smc_site_due(&text, &s, bytes));
	return bytes;
}

/* setup_arch() sets static calls up before cpu_select_mitigations() has a return thunk. */
static void what_was_null_before_the_return_thunk_stays_a_return(void **state)
{
	const uint64_t upper = SITE + 0x20 - (SITE & 0x20);	/* of its two cache line halves */
	const uint64_t lower = upper + 0x20;

	(void)state;
	text.cpu = (struct smc_cpu){ .nr_caps = 20, .return_thunk = THUNK };
	assert_memory_equal(due(lower, SMC_SITE_EARLY, RET5, 5), RET5, 5);
	assert_memory_equal(due(lower, 0, JUMP5, 5), RET5, 5);

	text.cpu.caps[RETHUNK / 32] |= 1u << RETHUNK % 32;
	assert_int_equal(smc_rel32_target(lower, due(lower, 0, RET5, 5), 5), THUNK);
	assert_int_equal(*due(lower, 0, RET5, 5), 0xe9);
	assert_memory_equal(due(lower, SMC_SITE_EARLY, RET5, 5), RET5, 5);
	/* It may have become NULL later; and nothing else is a return. */
	assert_int_equal(smc_rel32_target(lower, due(lower, SMC_SITE_EARLY, JUMP5, 5), 5), THUNK);
	assert_int_equal(*due(lower, SMC_SITE_EARLY, "\xc3\x90\x90\x90\x90", 5), 0xe9);

	/* cpu_wants_rethunk_at(): ITS leaves the upper half of a cache line alone. */
	text.cpu.its_return_thunk = THUNK;
	assert_int_equal(smc_rel32_target(lower, due(lower, 0, RET5, 5), 5), THUNK);
	assert_memory_equal(due(upper, 0, JUMP5, 5), RET5, 5);
	assert_memory_equal(due(upper, SMC_SITE_EARLY, JUMP5, 5), RET5, 5);
	smc_events_end(&events);
}

/* A Jcc has functions of its own for it, and takes the thunk that was not chosen. */
static void a_conditional_static_call_that_is_null_jumps_to_a_return(void **state)
{
	static const char jump_early[] = "\x0f\x84\x2a\x03\x00\x00";

	(void)state;
	text.cpu = (struct smc_cpu){ .nr_caps = 20, .return_thunk = THUNK };
	assert_int_equal(smc_rel32_target(SITE, due(SITE, 0, jump_early, 6), 6), ROOT_TEXT + 0x840);
	assert_memory_equal(due(SITE, 0, jump_early, 6), jump_early, 6);
	text.cpu.caps[RETHUNK / 32] |= 1u << RETHUNK % 32;
	assert_int_equal(smc_rel32_target(SITE, due(SITE, 0, jump_early, 6), 6), ROOT_TEXT + 0x800);
	assert_memory_equal(due(SITE, SMC_SITE_EARLY, jump_early, 6), jump_early, 6);
	smc_events_end(&events);
}

/* Of Debian's kernel, where it is linked; its symbols are those of the test. */
static const struct smc_site *site_of(const char *name)
{
	return smc_site_at(&text, symbol_addr(name, ""));
}

static void only_the_kernels_own_calls_are_early(void **state)
{
	static struct smc_object kernel;
	const struct smc_section *s;
	char symbols[512];
	uint64_t at;

	(void)state;
	if (!debian_kernel())
		skip();
	sys.text = KERNEL_MAP + 0x1000000;
	load_at(&sys, sys.text, &kernel);
	text.objects = &kernel;
	text.nr_objects = 1;
	text.nr_sites = 0;
	/* Two trampolines: one that jumps to a function, one that was NULL from the first. */
	s = smc_section(&kernel, ".text");
	at = s->addr + 0x1000;
	memcpy(smc_expected(&kernel, at, 16), "\xe9\xfb\x0f\x00\x00\x0f\xb9\xcc"
					      "\xe9\xf3\x1f\x00\x00\x0f\xb9\xcc", 16);
	root_put("/proc/kallsyms", symbols,
		 (size_t)snprintf(symbols, sizeof(symbols),
				  "%lx T _text\n%lx T __SCT__set\n%lx T __SCT__null\n"
				  "%lx T a_function\n%lx T __x86_return_thunk\n",
				  s->addr, at, at + 8, at + 0x1000, at + 0x2000));
	symbols_reload();
	assert_int_equal(smc_sites_collect(&text, 0, &error), 0);
	smc_sites_sort(&text);
	assert_true(site_of("__SCT__set")->flags & SMC_SITE_EARLY);
	assert_false(site_of("__SCT__null")->flags & SMC_SITE_EARLY);
	for (size_t i = 0; i < text.nr_sites; i++)
		if (text.sites[i].kind == SMC_STATIC_CALL && !(text.sites[i].flags & SMC_SITE_TRAMP))
			assert_true(text.sites[i].flags & SMC_SITE_EARLY);
	kernel.module = true;
	text.nr_sites = 0;
	assert_int_equal(smc_sites_collect(&text, 0, &error), 0);
	for (size_t i = 0; i < text.nr_sites; i++)
		assert_false(text.sites[i].flags & SMC_SITE_EARLY);
	smc_object_free(&kernel);
	text.objects = NULL;
	text.nr_objects = 0;
	smc_events_end(&events);
	root_clean();
	symbols_reload();
}

static void there_is_nothing_at_address_0(void **state)
{
	uint8_t bytes[8];

	(void)state;
	smc_forget(&sys);
	assert_false(smc_peek(&sys, 8, bytes, sizeof(bytes)));
	assert_true(smc_peek(&sys, ROOT_TEXT, bytes, sizeof(bytes)));
}

static void symbols_are_printable_whatever_the_kernel_says(void **state)
{
	static const char odd[] =
		"ffffffff81000000 T _text\n"
		"ffffffff81000500 t e\033[2Jvil\xe9\t[m\x9b]\n"
		"ffffffff81002000 T _etext\n";
	static const char modules[] = "a\033\xff 4096 0 - Live 0xffffffffc0000000\n";
	char buf[64];

	(void)state;
	root_put("/proc/kallsyms", odd, sizeof(odd) - 1);
	root_put("/proc/modules", modules, sizeof(modules) - 1);
	symbols_reload();
	assert_string_equal(symbol_at(ROOT_TEXT + 0x501, buf, sizeof(buf)), "e?[2Jvil?+0x1 [m?]");
	assert_int_equal(smc_system_modules(&sys, &error), 0);
	assert_string_equal(sys.modules[0].name, "a??");
	root_clean();
}

#define E(name)	cmocka_unit_test_setup_teardown(name, events_setup, events_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed_files_are_unpacked_and_others_left),
		cmocka_unit_test(lz4_is_unpacked_and_what_is_damaged_is_not),
		cmocka_unit_test(what_is_no_kernel_is_refused_by_name),
		cmocka_unit_test(notes_that_lie_about_their_length_have_no_build_id),
		cmocka_unit_test(debians_kernel_is_relocated_as_the_boot_does),
		cmocka_unit_test(a_damaged_kernel_is_refused_or_at_least_survived),
		cmocka_unit_test(relocations_may_be_two_lists),
		cmocka_unit_test(without_btf_features_are_not_known),
		cmocka_unit_test(what_a_system_lacks_is_named),
		E(three_stores_to_a_site_are_one_change),
		E(a_store_over_what_was_stored_hides_nothing),
		E(a_module_that_comes_is_a_change_of_no_bytes),
		E(callers_are_those_behind_a_call_up_to_the_entry),
		E(batches_of_sites_are_kept_apart),
		E(a_gap_ends_what_was_begun_and_is_counted),
		E(what_came_before_the_counts_were_asked_for_is_not_missing),
		E(what_is_not_ended_is_given_out_at_the_end),
		E(a_store_that_no_table_knows_is_unknown),
		E(a_site_holds_what_its_table_says_and_nothing_else),
		E(what_was_null_before_the_return_thunk_stays_a_return),
		E(a_conditional_static_call_that_is_null_jumps_to_a_return),
		E(only_the_kernels_own_calls_are_early),
		E(there_is_nothing_at_address_0),
		E(symbols_are_printable_whatever_the_kernel_says),
	};
	int failed = cmocka_run_group_tests_name("smc", tests, NULL, NULL);

	root_clean();
	symbols_reload();
	return failed;
}
