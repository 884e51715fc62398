// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events in words. A function a kind; each appends to a bounded line what the
 * fields of that kind mean (include/vbh/abi.h, enum vbh_kind).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "describe.h"
#include "printable.h"
#include "symbols.h"

#define MSR_EFER	0xc0000080u

struct line {
	char *buf;
	size_t len, used;
};

__attribute__((format(printf, 2, 3)))
static void put(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (l->used >= l->len)
		return;
	va_start(ap, fmt);
	n = vsnprintf(l->buf + l->used, l->len - l->used, fmt, ap);
	va_end(ap);
	l->used += n > 0 ? (size_t)n : 0;
}

static void put_name(struct line *l, enum vbh_names table, uint32_t value)
{
	const char *name = vbh_name(table, value);

	if (name)
		put(l, "%s", name);
	else
		put(l, table == VBH_NAMES_MSR ? "0x%x" : "%u", value);
}

/* An address that is a name if it can be. */
static void put_address(struct line *l, uint64_t addr)
{
	char buf[256];

	put(l, "%s", symbol_at(addr, buf, sizeof(buf)));
}

static void put_values(struct line *l, const struct vbh_event *ev)
{
	if (ev->flags & VBH_EVENT_F_VALUES)
		put(l, " (0x%llx -> 0x%llx)", ev->old_value, ev->new_value);
}

void describe_bits(enum vbh_names table, uint64_t old, uint64_t new, char *buf, size_t len)
{
	struct line l = { buf, len, 0 };

	buf[0] = '\0';
	for (uint32_t bit = 0; bit < 64; bit++) {
		const char *name = vbh_name(table, bit);

		if (!((old ^ new) & 1ull << bit))
			continue;
		put(&l, "%s%c", l.used ? " " : "", new & 1ull << bit ? '+' : '-');
		if (name)
			put(&l, "%s", name);
		else
			put(&l, "bit%u", bit);
	}
}

static void put_bits(struct line *l, const struct vbh_event *ev, enum vbh_names table)
{
	char bits[256];

	if (ev->flags & VBH_EVENT_F_VALUES) {
		describe_bits(table, ev->old_value, ev->new_value, bits, sizeof(bits));
		if (bits[0])
			put(l, " %s", bits);
	}
	put_values(l, ev);
}

/* Where an access went: by name, else linear, else physical. */
static void put_target(struct line *l, const struct vbh_event *ev)
{
	put(l, " ");
	if (ev->flags & VBH_EVENT_F_GLA)
		put_address(l, ev->gla);
	if (ev->flags & VBH_EVENT_F_GPA)
		put(l, "%sphys 0x%llx", ev->flags & VBH_EVENT_F_GLA ? ", " : "", ev->gpa);
}

static void memory(struct line *l, const struct vbh_event *ev)
{
	put_name(l, VBH_NAMES_REGION, ev->detail);
	put_target(l, ev);
	put_values(l, ev);
	if (ev->flags & VBH_EVENT_F_UNDECODED)
		put(l, ", unknown instruction");
}

static void hypervisor(struct line *l, const struct vbh_event *ev)
{
	put(l, "hypervisor memory");
	put_target(l, ev);
	put_values(l, ev);
}

static void cr(struct line *l, const struct vbh_event *ev)
{
	put(l, "CR%u", ev->detail);
	put_bits(l, ev, ev->detail ? VBH_NAMES_CR4 : VBH_NAMES_CR0);
}

/* Entry points are named: that is what moves in an attack. */
static void msr(struct line *l, const struct vbh_event *ev)
{
	char name[256];

	put_name(l, VBH_NAMES_MSR, ev->detail);
	if (ev->detail == MSR_EFER) {
		put_bits(l, ev, VBH_NAMES_EFER);
		return;
	}
	put_values(l, ev);
	if (ev->flags & VBH_EVENT_F_VALUES && symbol_find(ev->old_value, name, sizeof(name)))
		put(l, ", was %s", name);
}

static void dtr(struct line *l, const struct vbh_event *ev)
{
	put_name(l, VBH_NAMES_DTR, ev->detail);
	put_values(l, ev);
}

const char *virt_insn_name(const uint8_t *insn, size_t len)
{
	/* 0F 01 with this ModRM: Intel SDM 2D table A-6; AMD APM 3 table A-6. */
	static const struct { uint8_t modrm; const char *name; } group7[] = {
		{ 0xc1, "VMCALL" }, { 0xc2, "VMLAUNCH" }, { 0xc3, "VMRESUME" },
		{ 0xc4, "VMXOFF" }, { 0xd4, "VMFUNC" }, { 0xd8, "VMRUN" },
		{ 0xd9, "VMMCALL" }, { 0xda, "VMLOAD" }, { 0xdb, "VMSAVE" },
		{ 0xdc, "STGI" }, { 0xdd, "CLGI" }, { 0xde, "SKINIT" },
		{ 0xdf, "INVLPGA" },
	};
	uint8_t prefix = 0;

	/* The mandatory prefix tells VMPTRLD, VMXON and VMCLEAR apart. */
	while (len && (*insn == 0x66 || *insn == 0xf2 || *insn == 0xf3 ||
		       (*insn & 0xf0) == 0x40)) {
		if ((*insn & 0xf0) != 0x40)
			prefix = *insn;
		insn++;
		len--;
	}
	if (len < 2 || insn[0] != 0x0f)
		return NULL;
	if (insn[1] == 0x37)
		return "GETSEC";
	if (insn[1] == 0x78)
		return "VMREAD";
	if (insn[1] == 0x79)
		return "VMWRITE";
	if (len < 3)
		return NULL;
	for (size_t i = 0; insn[1] == 0x01 && i < sizeof(group7) / sizeof(group7[0]); i++)
		if (group7[i].modrm == insn[2])
			return group7[i].name;
	if (insn[1] == 0xc7 && (insn[2] & 0xc0) != 0xc0 && (insn[2] >> 3 & 7) == 6)
		return prefix == 0xf3 ? "VMXON" : prefix == 0x66 ? "VMCLEAR" : "VMPTRLD";
	if (insn[1] == 0xc7 && (insn[2] & 0xc0) != 0xc0 && (insn[2] >> 3 & 7) == 7)
		return "VMPTRST";
	if (insn[1] == 0x38 && insn[2] == 0x80)
		return "INVEPT";
	if (insn[1] == 0x38 && insn[2] == 0x81)
		return "INVVPID";
	return NULL;
}

static void virt_insn(struct line *l, const struct vbh_event *ev)
{
	const char *name = virt_insn_name(ev->insn, ev->insn_len < 15 ? ev->insn_len : 15);

	if (ev->detail) {
		put(l, "MSR ");
		put_name(l, VBH_NAMES_MSR, ev->detail);
		put_values(l, ev);
		return;
	}
	put(l, "%s", name ? name : "virtualization instruction");
	if (ev->cpl)
		put(l, " from ring %u", ev->cpl);
}

static void hypercall(struct line *l, const struct vbh_event *ev)
{
	int64_t err = -(int64_t)ev->new_value;
	const char *name = err > 0 && err < 4096 ? strerrorname_np((int)err) : NULL;

	if (ev->detail == UINT32_MAX)
		put(l, "unknown hypercall");
	else
		put_name(l, VBH_NAMES_HYPERCALL, ev->detail);
	if (ev->cpl)
		put(l, " from ring %u", ev->cpl);
	if (name)
		put(l, ": %s", name);
}

static void init(struct line *l, const struct vbh_event *ev)
{
	if (ev->flags & VBH_EVENT_F_VALUES)
		put(l, "SIPI for page 0x%llx to APIC %u", ev->new_value, ev->detail);
	else
		put(l, "INIT to APIC %u, which had not parked", ev->detail);
}

static void key(struct line *l, const struct vbh_event *ev)
{
	int64_t err = -(int64_t)ev->new_value;

	put(l, err == EAGAIN ? "a key, too soon after a wrong one" : "a wrong key");
}

static void internal(struct line *l, const struct vbh_event *ev)
{
	put(l, "the hypervisor could not do what it should: %u", ev->detail);
	put_values(l, ev);
}

const char *describe_module(const struct vbh_event *ev, char *buf)
{
	snprintf(buf, DESCRIBE_MODULE, "%.*s", ev->vm ? 0 : (int)sizeof(ev->module), ev->module);
	return printable(buf);
}

static void module(struct line *l, const struct vbh_event *ev)
{
	char name[DESCRIBE_MODULE];

	if (!ev->vm)
		put(l, "module %s: ", describe_module(ev, name));
	switch (ev->detail) {
	case VBH_MODULE_NOT_LISTED:
		put(l, "the catalogue has none with these bytes");
		return;
	case VBH_MODULE_FIELD:
		put(l, "another value than its file says at");
		break;
	case VBH_MODULE_SYMBOL:
		put(l, "refers to what nobody exports who was checked");
		return;
	case VBH_MODULE_SITE:
		put(l, "what may not stand at a patch site, at");
		break;
	default:
		put(l, "its description is none");
		return;
	}
	put_target(l, ev);
	if (ev->detail == VBH_MODULE_FIELD)
		put_values(l, ev);
}

static void patch(struct line *l, const struct vbh_event *ev)
{
	put(l, "kernel patched itself:");
	put_target(l, ev);
	put_values(l, ev);
}

static void cpu(struct line *l, const struct vbh_event *ev)
{
	put(l, ev->new_value ? "CPU %u started" : "CPU %u parked", ev->detail);
}

static void text(struct line *l, const struct vbh_event *ev)
{
	uint64_t bytes = ev->new_value ? ev->new_value : ev->old_value;
	char name[DESCRIBE_MODULE];

	describe_module(ev, name);
	put(l, "module %s %s: %" PRIu64 " KiB of text at 0x%llx", *name ? name : "?",
	    ev->new_value ? "came" : "went", bytes >> 10, ev->gla);
}

static void note(struct line *l, const struct vbh_event *ev)
{
	static const char * const words[] = {
		[0] = "VBH started",
		[VBH_KIND_SEAL - VBH_KIND_START] = "sealed",
		[VBH_KIND_UNLOCK - VBH_KIND_START] = "unlocked by the key",
		[VBH_KIND_STOP - VBH_KIND_START] = "VBH stopped",
	};

	put(l, "%s", words[ev->kind - VBH_KIND_START]);
}

static void (*const describers[VBH_KIND_END])(struct line *, const struct vbh_event *) = {
	[VBH_KIND_WRITE] = memory,
	[VBH_KIND_READ] = memory,
	[VBH_KIND_EXEC] = memory,
	[VBH_KIND_HYPERVISOR] = hypervisor,
	[VBH_KIND_CR] = cr,
	[VBH_KIND_MSR] = msr,
	[VBH_KIND_DTR] = dtr,
	[VBH_KIND_VIRT_INSN] = virt_insn,
	[VBH_KIND_HYPERCALL] = hypercall,
	[VBH_KIND_INIT] = init,
	[VBH_KIND_KEY] = key,
	[VBH_KIND_INTERNAL] = internal,
	[VBH_KIND_MODULE] = module,
	[VBH_KIND_START] = note,
	[VBH_KIND_SEAL] = note,
	[VBH_KIND_UNLOCK] = note,
	[VBH_KIND_STOP] = note,
	[VBH_KIND_PATCH] = patch,
	[VBH_KIND_CPU] = cpu,
	[VBH_KIND_TEXT] = text,
};

void describe_event(const struct vbh_event *ev, char *buf, size_t len)
{
	struct line l = { buf, len, 0 };

	buf[0] = '\0';
	if (ev->kind < VBH_KIND_END && describers[ev->kind])
		describers[ev->kind](&l, ev);
	else
		put(&l, "kind %u, detail %u", ev->kind, ev->detail);
}
