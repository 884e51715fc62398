// SPDX-License-Identifier: GPL-2.0-only
/* policy: what a file says, in words or as JSON; or only whether it is right. */
#include <getopt.h>
#include <string.h>
#include "vbhctl.h"

/* The kinds of region that a policy can name: the others are the hypervisor's own. */
static bool is_policy_region(uint32_t kind)
{
	return kind >= VBH_REGION_KERNEL_TEXT && kind < VBH_REGION_OTHER;
}

/* Violations with a rule of their own: the others have their region's or pin's. */
static bool has_kind_rule(uint32_t kind)
{
	return kind == VBH_KIND_HYPERVISOR ||
	       (kind >= VBH_KIND_VIRT_INSN && kind < VBH_NR_VIOLATIONS);
}

/* Those that could never be let happen: log denies too. */
static bool never_happens(uint32_t kind)
{
	return kind == VBH_KIND_HYPERVISOR || kind == VBH_KIND_VIRT_INSN ||
	       kind == VBH_KIND_HYPERCALL || kind == VBH_KIND_KEY || kind == VBH_KIND_MODULE;
}

static json_t *json_rule(uint8_t rule)
{
	return rule ? json_name(VBH_NAMES_RULE, rule) : json_null();
}

static json_t *json_register(enum vbh_names table, uint64_t mask, uint8_t rule)
{
	json_t *bits = json_array();

	for (uint32_t bit = 0; bit < 64; bit++)
		if (mask & 1ull << bit)
			json_array_append_new(bits, json_name(table, bit));
	return json_pack("{s:o, s:o}", "bits", bits, "rule", json_rule(rule));
}

static json_t *json_msrs(const struct vbh_policy *p)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->nr_msrs; i++)
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o}",
			"msr", json_name(VBH_NAMES_MSR, p->msr[i].msr),
			"number", json_hex(p->msr[i].msr), "mask", json_hex(p->msr[i].mask),
			"rule", json_rule(p->msr[i].rule)));
	return list;
}

static int print_policy_json(const char *path, const struct vbh_policy *p)
{
	json_t *regions = json_object(), *kinds = json_object(), *dtrs = json_object();
	json_t *patching = json_object();
	uint32_t i;

	for (i = VBH_REGION_KERNEL_TEXT; i < VBH_REGION_OTHER; i++)
		json_object_set_new(regions, vbh_name(VBH_NAMES_REGION, i),
				    json_rule(p->region_rule[i]));
	for (i = 0; i < VBH_NR_VIOLATIONS; i++)
		if (has_kind_rule(i))
			json_object_set_new(kinds, vbh_name(VBH_NAMES_KIND, i),
					    json_rule(p->kind_rule[i] ? p->kind_rule[i] :
						      VBH_RULE_DENY));
	for (i = 0; i < VBH_NR_DTR; i++)
		json_object_set_new(dtrs, vbh_name(VBH_NAMES_DTR, i), json_rule(p->dtr_rule[i]));
	for (i = 0; i < VBH_NR_PATCHES; i++)
		json_object_set_new(patching, vbh_name(VBH_NAMES_PATCH, i),
				    json_name(VBH_NAMES_PATCHING, p->patching[i]));
	return print_json(json_pack("{s:o, s:i, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"file", json_text(path), "ring_records", p->ring_records ? p->ring_records : 2048,
		"record_patching", p->record_patching,
		"key_hash", p->has_key ? json_hex_bytes(p->key_hash, sizeof(p->key_hash)) :
		json_null(), "patching", patching,
		"regions", regions, "violations", kinds,
		"cr0", json_register(VBH_NAMES_CR0, p->cr0_mask, p->cr0_rule),
		"cr4", json_register(VBH_NAMES_CR4, p->cr4_mask, p->cr4_rule),
		"efer", json_register(VBH_NAMES_EFER, p->efer_mask, p->efer_rule),
		"msrs", json_msrs(p), "descriptor_tables", dtrs));
}

/* One line: what, its rule, and what that means. */
static void print_rule(const char *what, const char *more, uint8_t rule)
{
	static const char * const meaning[] = {
		"not protected",
		[VBH_RULE_LOG] = "log     it happens, and is recorded",
		[VBH_RULE_DENY] = "deny    it faults, and is recorded",
		[VBH_RULE_PANIC] = "panic   the machine stops",
	};

	printf("  %-15s %s%s%s%s\n", what, rule ? "" : colour(COLOUR_YELLOW), meaning[rule & 3],
	       rule ? "" : colour(COLOUR_NONE), more);
}

static void print_kind(uint32_t kind, uint8_t rule)
{
	if (kind == VBH_KIND_INTERNAL && rule != VBH_RULE_PANIC)
		rule = VBH_RULE_LOG;
	print_rule(vbh_name(VBH_NAMES_KIND, kind),
		   rule == VBH_RULE_LOG && never_happens(kind) ? "; but here log denies" : "",
		   rule ? rule : VBH_RULE_DENY);
}

static void print_register(const char *name, enum vbh_names table, uint64_t mask, uint8_t rule)
{
	char more[256] = "", buf[16];
	size_t used = 0;

	for (uint32_t bit = 0; bit < 64; bit++)
		if (mask & 1ull << bit && used < sizeof(more))
			used += (size_t)snprintf(more + used, sizeof(more) - used, "%s%s",
						 used ? " " : ": ",
						 name_or_number(table, bit, buf, sizeof(buf)));
	print_rule(name, more, rule);
}

static void print_msrs(const struct vbh_policy *p)
{
	char more[64], buf[16];

	if (!p->nr_msrs)
		print_rule("MSRs", "", 0);
	for (uint32_t i = 0; i < p->nr_msrs; i++) {
		const struct vbh_policy_msr *m = &p->msr[i];

		snprintf(more, sizeof(more), ": bits 0x%llx", m->mask);
		print_rule(name_or_number(VBH_NAMES_MSR, m->msr, buf, sizeof(buf)),
			   m->mask == ~0ull ? "" : more, m->rule);
	}
}

static void print_patching(const char *what, uint8_t mode)
{
	printf("  %-15s %s\n", what, mode == VBH_PATCHING_ALLOW ? "allowed" :
	       mode == VBH_PATCHING_LISTED ? "after the seal only what is in the catalogue" :
	       mode == VBH_PATCHING_UNTIL_SEAL ? "allowed until the seal" : "never allowed");
}

static void print_policy(const struct vbh_policy *p)
{
	uint32_t i;

	printf("Memory, against writes:\n");
	for (i = VBH_REGION_KERNEL_TEXT; i < VBH_REGION_OTHER; i++)
		print_rule(vbh_name(VBH_NAMES_REGION, i), "", p->region_rule[i]);
	printf("Text that the kernel changes itself:\n");
	for (i = 0; i < VBH_NR_PATCHES; i++)
		print_patching(vbh_name(VBH_NAMES_PATCH, i), p->patching[i]);
	printf("Bits that stay on, where they are on:\n");
	print_register("CR0", VBH_NAMES_CR0, p->cr0_mask, p->cr0_rule);
	print_register("CR4", VBH_NAMES_CR4, p->cr4_mask, p->cr4_rule);
	print_register("EFER", VBH_NAMES_EFER, p->efer_mask, p->efer_rule);
	printf("MSRs that keep their value:\n");
	print_msrs(p);
	printf("Descriptor-table registers that keep their value:\n");
	for (i = 0; i < VBH_NR_DTR; i++)
		print_rule(vbh_name(VBH_NAMES_DTR, i), "", p->dtr_rule[i]);
	printf("Other violations:\n");
	for (i = 0; i < VBH_NR_VIOLATIONS; i++)
		if (has_kind_rule(i))
			print_kind(i, p->kind_rule[i]);
	printf("Events:\n  the ring has room for %u\n  honest patching is %s\n",
	       p->ring_records ? p->ring_records : 2048, p->record_patching ?
	       "recorded" : "counted, and recorded while a program asks for it");
	printf("After the seal:\n  %s\n", p->has_key ? "whoever has the key can stop VBH" :
	       "no key: only a reboot ends it");
}

static int print_check(const char *path, const struct vbh_policy *p)
{
	char regions[48], bits[32], msrs[32], dtrs[48];
	unsigned int nr_regions = 0, nr_dtrs = 0;
	int nr_bits = __builtin_popcountll(p->cr0_mask) + __builtin_popcountll(p->cr4_mask) +
		      __builtin_popcountll(p->efer_mask);
	uint32_t i;

	for (i = 0; i < VBH_REGION_OTHER; i++)
		nr_regions += is_policy_region(i) && p->region_rule[i];
	for (i = 0; i < VBH_NR_DTR; i++)
		nr_dtrs += !!p->dtr_rule[i];
	if (opt_json)
		return print_json(json_pack("{s:o, s:b, s:i, s:i, s:i, s:i, s:b}", "file",
					    json_text(path), "ok", 1, "region_kinds", nr_regions,
					    "pinned_bits", nr_bits, "msrs", p->nr_msrs,
					    "descriptor_tables", nr_dtrs, "key", p->has_key));
	printf("%s: ok: %s of region, %s, %s, %s pinned; %s\n", path,
	       plural(nr_regions, "kind", regions, sizeof(regions)),
	       plural((uint64_t)nr_bits, "register bit", bits, sizeof(bits)),
	       plural(p->nr_msrs, "MSR", msrs, sizeof(msrs)),
	       plural(nr_dtrs, "descriptor-table register", dtrs, sizeof(dtrs)),
	       p->has_key ? "a key can stop it" : "no key");
	return EXIT_OK;
}

static int refused(const char *path, const char *text)
{
	if (opt_json)
		print_json(json_pack("{s:o, s:b, s:o}", "file", json_text(path), "ok", 0,
				     "error", json_text(text)));
	return complain(EXIT_POLICY, "%s", text);
}

int cmd_policy(int argc, char **argv)
{
	static const struct option longopts[] = { { "json", 0, NULL, 'j' }, { 0 } };
	char text[VBH_ERROR_MAX];
	struct vbh_policy policy;
	const char *path = POLICY_FILE;
	bool show;

	if (next_option(argc, argv, ":j", longopts) != -1)
		return EXIT_USAGE;
	if (optind == argc)
		return usage("takes 'show' or 'check'");
	show = !strcmp(argv[optind], "show");
	if (!show && strcmp(argv[optind], "check") != 0)
		return usage("no such subcommand '%s'", argv[optind]);
	if (argc - optind > 2)
		return usage("unexpected argument '%s'", argv[optind + 2]);
	if (argc - optind == 2)
		path = argv[optind + 1];
	if (vbh_policy_load(path, &policy, text, sizeof(text)))
		return refused(path, text);
	if (!show)
		return print_check(path, &policy);
	if (opt_json)
		return print_policy_json(path, &policy);
	print_policy(&policy);
	return EXIT_OK;
}
