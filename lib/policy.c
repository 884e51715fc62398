// SPDX-License-Identifier: LGPL-2.1
/*
 * The policy file: libconfig's syntax, and what each setting means. Strict: a
 * setting that is not known, not of its type, out of range or said twice
 * refuses the whole file with file, line, key and value, and nothing is applied.
 *
 * A table says for each key which function reads it. The functions write to a
 * copy that reaches the caller only when the whole file was right.
 */
#include <ctype.h>
#include <errno.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include "libvbh.h"
#include "policy.h"

#define RING_RECORDS_MIN	64
#define RING_RECORDS_MAX	8192
#define MSR_EFER		0xc0000080u

/*
 * What the core takes (PIN_CR0_BITS and so on in core/guest/pin.h; a test compares):
 * the other bits Linux changes while it runs, and some MSRs it has no raw use of.
 */
#define PINNABLE_CR0	0x0000000080010021ull
#define PINNABLE_CR4	0x0000000001f11820ull
#define PINNABLE_EFER	0x0000000000200d01ull

static const struct {
	uint32_t first, last;
} not_pinnable_msrs[] = {
	{ 0x3a, 0x3a },			/* FEATURE_CONTROL */
	{ 0x480, 0x493 },		/* capabilities of VMX */
	{ 0x800, 0x8ff },		/* x2APIC */
	{ 0xc0010114, 0xc0010119 },	/* VM_CR to SVM_KEY */
};

struct loader {
	struct policy_error err;
	struct vbh_policy policy;
};

/* One key of a group: who reads it, and what that needs to know. */
struct key {
	const char *name;
	int (*read)(struct loader *l, const config_setting_t *s, const struct key *key);
	size_t offset;		/* of the field in struct vbh_policy */
	enum vbh_names names;
	uint64_t pinnable;	/* the bits of a register that may be named */
	const struct key *keys;	/* of a group */
	size_t nr_keys;
};

#define KEYS(k)		.keys = (k), .nr_keys = sizeof(k) / sizeof((k)[0])

static void *field(struct loader *l, size_t offset)
{
	return (char *)&l->policy + offset;
}

/* The key with the groups it stands in, "cr4.bits"; of a list's element, the list's. */
static void full_name(const config_setting_t *s, char *buf, size_t len)
{
	const char *names[8] = { NULL };
	size_t depth = 0, used = 0;

	buf[0] = '\0';
	for (; s && !config_setting_is_root(s); s = config_setting_parent(s))
		if (config_setting_name(s) && depth < 8)
			names[depth++] = config_setting_name(s);
	while (depth-- && used < len)
		used += (size_t)snprintf(buf + used, len - used, "%s%s", used ? "." : "",
					 names[depth]);
}

/* The value as the file has it, for a message. */
static const char *value_text(const config_setting_t *s, char *buf, size_t len)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING:
		snprintf(buf, len, "\"%s\"", config_setting_get_string(s));
		break;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		snprintf(buf, len, config_setting_get_format(s) == CONFIG_FORMAT_HEX ?
			 "0x%llx" : "%lld", config_setting_type(s) == CONFIG_TYPE_INT ?
			 (long long)(config_setting_get_format(s) == CONFIG_FORMAT_HEX ?
				     (long long)(uint32_t)config_setting_get_int(s) :
				     config_setting_get_int(s)) :
			 config_setting_get_int64(s));
		break;
	case CONFIG_TYPE_FLOAT:
		snprintf(buf, len, "%g", config_setting_get_float(s));
		break;
	case CONFIG_TYPE_BOOL:
		snprintf(buf, len, "%s", config_setting_get_bool(s) ? "true" : "false");
		break;
	case CONFIG_TYPE_GROUP:
		snprintf(buf, len, "a group { }");
		break;
	case CONFIG_TYPE_ARRAY:
		snprintf(buf, len, "an array [ ]");
		break;
	default:
		snprintf(buf, len, "a list ( )");
	}
	return buf;
}

/* "file:line: key = value: reason" */
__attribute__((format(printf, 3, 4)))
static int refuse(const struct loader *l, const config_setting_t *s, const char *fmt, ...)
{
	char name[128], value[128], reason[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	full_name(s, name, sizeof(name));
	return policy_refuse(&l->err, config_setting_source_line(s), "%s = %s: %s", name,
			     value_text(s, value, sizeof(value)), reason);
}

/* "a, b or c": the names that may stand there. */
static const char *choices(enum vbh_names table, char *buf, size_t len)
{
	size_t n, used = 0;
	const struct vbh_name *names = vbh_names(table, &n);

	buf[0] = '\0';
	for (size_t i = 0; i < n && used < len; i++)
		used += (size_t)snprintf(buf + used, len - used, "%s%s",
					 !i ? "" : i + 1 == n ? " or " : ", ", names[i].name);
	return buf;
}

/* A string that is one of a table's names. */
static int read_name(struct loader *l, const config_setting_t *s, enum vbh_names table,
		     uint32_t *value)
{
	const char *text = config_setting_get_string(s);
	char buf[256];

	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return refuse(l, s, "not a string: write \"%s\"",
			      choices(table, buf, sizeof(buf)));
	if (vbh_value(table, text, value))
		return refuse(l, s, "unknown: it is one of %s", choices(table, buf, sizeof(buf)));
	return 0;
}

/* A name kept in one byte at key->offset. */
static int read_byte(struct loader *l, const config_setting_t *s, const struct key *key)
{
	uint32_t value = 0;
	int err = read_name(l, s, key->names, &value);

	if (!err)
		*(__u8 *)field(l, key->offset) = (__u8)value;
	return err;
}

/*
 * When the kernel may patch itself in one of its ways. A kprobe may stand at any
 * instruction, so that nothing could tell it from an attack once sealed.
 */
static int read_patching(struct loader *l, const config_setting_t *s, const struct key *key)
{
	uint32_t value = 0;
	int err = read_name(l, s, VBH_NAMES_PATCHING, &value);

	if (!err && value == VBH_PATCHING_ALLOW &&
	    key->offset == offsetof(struct vbh_policy, patching[VBH_PATCH_KPROBES]))
		err = refuse(l, s, "can't be allowed after the seal: write \"until-seal\" or \"deny\"");
	if (!err && value == VBH_PATCHING_LISTED &&
	    key->offset != offsetof(struct vbh_policy, patching[VBH_PATCH_MODULES]))
		err = refuse(l, s, "only modules can be listed: write \"allow\", \"until-seal\" or \"deny\"");
	if (!err)
		*(__u8 *)field(l, key->offset) = (__u8)value;
	return err;
}

/* A whole number: as unsigned, as many bits as it was written with. */
static int read_number(struct loader *l, const config_setting_t *s, uint64_t *value)
{
	bool hex = config_setting_get_format(s) == CONFIG_FORMAT_HEX;
	long long n;

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
		n = config_setting_get_int(s);
		*value = hex ? (uint32_t)n : (uint64_t)n;
		break;
	case CONFIG_TYPE_INT64:
		n = config_setting_get_int64(s);
		*value = (uint64_t)n;
		break;
	default:
		return refuse(l, s, "not a whole number");
	}
	if (!hex && n < 0)
		return refuse(l, s, "a negative number");
	return 0;
}

static int read_ring_records(struct loader *l, const config_setting_t *s, const struct key *key)
{
	uint64_t n = 0;
	int err = read_number(l, s, &n);

	if (err)
		return err;
	if (n < RING_RECORDS_MIN || n > RING_RECORDS_MAX || n & (n - 1))
		return refuse(l, s, "out of range: it is a power of two from %d to %d",
			      RING_RECORDS_MIN, RING_RECORDS_MAX);
	*(__u32 *)field(l, key->offset) = (__u32)n;
	return 0;
}

static int read_bool(struct loader *l, const config_setting_t *s, const struct key *key)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		return refuse(l, s, "neither true nor false");
	*(__u8 *)field(l, key->offset) = config_setting_get_bool(s) ? 1 : 0;
	return 0;
}

static int read_key_hash(struct loader *l, const config_setting_t *s, const struct key *key)
{
	const char *hex = config_setting_get_string(s);
	__u8 *hash = field(l, key->offset);
	__u8 any = 0;

	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return refuse(l, s, "not a string of %u hexadecimal digits", 2 * VBH_HASH_LEN);
	if (strlen(hex) != (size_t)2 * VBH_HASH_LEN)
		return refuse(l, s, "%zu characters, not the %u hexadecimal digits of a SHA-256",
			      strlen(hex), 2 * VBH_HASH_LEN);
	for (size_t i = 0; i < VBH_HASH_LEN; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
			return refuse(l, s, "\"%s\" is not hexadecimal", pair);
		hash[i] = (__u8)strtoul(pair, NULL, 16);
		any |= hash[i];
	}
	if (!any)
		return refuse(l, s, "all zero, which means no key: leave key_hash out instead");
	l->policy.has_key = 1;
	return 0;
}

/* The bits of a register, as an array of their names. */
static int read_bits(struct loader *l, const config_setting_t *s, const struct key *key)
{
	__u64 *mask = field(l, key->offset);
	int type = config_setting_type(s);
	int n = config_setting_length(s);

	if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST)
		return refuse(l, s, "not an array: write [ \"%s\", ... ]",
			      vbh_names(key->names, &(size_t){ 0 })->name);
	for (int i = 0; i < n; i++) {
		const config_setting_t *bit = config_setting_get_elem(s, (unsigned int)i);
		uint32_t number = 0;
		int err = read_name(l, bit, key->names, &number);

		if (err)
			return err;
		if (!(key->pinnable & 1ull << number))
			return refuse(l, bit, "can't be pinned: Linux changes it while it runs, or it is none of its own");
		if (*mask & 1ull << number)
			return refuse(l, bit, "named twice");
		*mask |= 1ull << number;
	}
	if (!*mask)
		return refuse(l, s, "names no bit: leave the group out to pin nothing");
	return 0;
}

/* A group: every member must be known. libconfig itself refuses a name said twice. */
static int read_group(struct loader *l, const config_setting_t *s, const struct key *key)
{
	int n = config_setting_length(s);

	if (config_setting_type(s) != CONFIG_TYPE_GROUP)
		return refuse(l, s, "not a group: write { %s = ...; }", key->keys[0].name);
	for (int i = 0; i < n; i++) {
		const config_setting_t *member = config_setting_get_elem(s, (unsigned int)i);
		const char *name = config_setting_name(member);
		size_t k;
		int err;

		for (k = 0; k < key->nr_keys && strcmp(name, key->keys[k].name) != 0; k++)
			;
		if (k == key->nr_keys)
			return refuse(l, member, "unknown setting");
		err = key->keys[k].read(l, member, &key->keys[k]);
		if (err)
			return err;
	}
	return 0;
}

/* A group whose members only mean something together. */
static int read_full_group(struct loader *l, const config_setting_t *s, const struct key *key)
{
	int err = read_group(l, s, key);

	for (size_t k = 0; !err && k < key->nr_keys; k++)
		if (!config_setting_get_member(s, key->keys[k].name))
			err = refuse(l, s, "%s is missing", key->keys[k].name);
	return err;
}

static int read_msr_number(struct loader *l, const config_setting_t *s, const struct key *key)
{
	struct vbh_policy_msr *m = &l->policy.msr[l->policy.nr_msrs];
	uint64_t number = 0;
	uint32_t msr = 0;
	int err = 0;

	(void)key;
	if (config_setting_type(s) == CONFIG_TYPE_STRING) {
		if (vbh_value(VBH_NAMES_MSR, config_setting_get_string(s), &msr))
			return refuse(l, s, "unknown: name one of vbh-policy.conf(5), or give its number");
	} else {
		err = read_number(l, s, &number);
		if (!err && number > UINT32_MAX)
			return refuse(l, s, "out of range: the number of an MSR has 32 bits");
		msr = (uint32_t)number;
	}
	if (err)
		return err;
	if (msr == MSR_EFER)
		return refuse(l, s, "EFER is pinned bit by bit in the group efer");
	for (size_t i = 0; i < sizeof(not_pinnable_msrs) / sizeof(not_pinnable_msrs[0]); i++)
		if (msr >= not_pinnable_msrs[i].first && msr <= not_pinnable_msrs[i].last)
			return refuse(l, s, "can't be pinned: it is the hypervisor's to answer for");
	for (__u32 i = 0; i < l->policy.nr_msrs; i++)
		if (l->policy.msr[i].msr == msr)
			return refuse(l, s, "pinned twice");
	m->msr = msr;
	return 0;
}

static int read_msr_mask(struct loader *l, const config_setting_t *s, const struct key *key)
{
	uint64_t mask = 0;
	int err = read_number(l, s, &mask);

	(void)key;
	if (err)
		return err;
	if (!mask)
		return refuse(l, s, "pins no bit");
	l->policy.msr[l->policy.nr_msrs].mask = mask;
	return 0;
}

static int read_msr_rule(struct loader *l, const config_setting_t *s, const struct key *key)
{
	uint32_t rule = 0;
	int err = read_name(l, s, key->names, &rule);

	if (!err)
		l->policy.msr[l->policy.nr_msrs].rule = (__u8)rule;
	return err;
}

static const struct key msr_keys[] = {
	{ "msr", read_msr_number },
	{ "mask", read_msr_mask },
	{ "rule", read_msr_rule, .names = VBH_NAMES_RULE },
};

static int read_msrs(struct loader *l, const config_setting_t *s, const struct key *key)
{
	const struct key group = { "msrs", NULL, KEYS(msr_keys) };
	int n = config_setting_length(s);

	(void)key;
	if (config_setting_type(s) != CONFIG_TYPE_LIST)
		return refuse(l, s, "not a list: write ( { msr = \"LSTAR\"; rule = \"deny\"; }, ... )");
	for (int i = 0; i < n; i++) {
		const config_setting_t *pin = config_setting_get_elem(s, (unsigned int)i);
		int err;

		if (l->policy.nr_msrs == VBH_MAX_MSR_PINS)
			return refuse(l, pin, "more than %u MSRs", VBH_MAX_MSR_PINS);
		l->policy.msr[l->policy.nr_msrs].mask = ~0ull;
		err = read_group(l, pin, &group);
		if (err)
			return err;
		if (!config_setting_get_member(pin, "msr"))
			return refuse(l, pin, "msr is missing");
		if (!config_setting_get_member(pin, "rule"))
			return refuse(l, pin, "rule is missing");
		l->policy.nr_msrs++;
	}
	return 0;
}

#define OFF(f)		offsetof(struct vbh_policy, f)
#define RULE(n, f)	{ n, read_byte, OFF(f), VBH_NAMES_RULE }

static const struct key region_keys[] = {
	RULE("kernel_text", region_rule[VBH_REGION_KERNEL_TEXT]),
	RULE("kernel_rodata", region_rule[VBH_REGION_KERNEL_RODATA]),
	RULE("idt", region_rule[VBH_REGION_IDT]),
	RULE("vdso", region_rule[VBH_REGION_VDSO]),
	RULE("module_text", region_rule[VBH_REGION_MODULE_TEXT]),
	RULE("module_rodata", region_rule[VBH_REGION_MODULE_RODATA]),
	RULE("trampoline", region_rule[VBH_REGION_TRAMPOLINE]),
};

/* Those that belong to no region and no pin: there, these have rules of their own. */
static const struct key violation_keys[] = {
	RULE("hypervisor", kind_rule[VBH_KIND_HYPERVISOR]),
	RULE("virt_insn", kind_rule[VBH_KIND_VIRT_INSN]),
	RULE("hypercall", kind_rule[VBH_KIND_HYPERCALL]),
	RULE("init", kind_rule[VBH_KIND_INIT]),
	RULE("key", kind_rule[VBH_KIND_KEY]),
	RULE("internal", kind_rule[VBH_KIND_INTERNAL]),
	RULE("module", kind_rule[VBH_KIND_MODULE]),
};

static const struct key dtr_keys[] = {
	RULE("gdtr", dtr_rule[VBH_DTR_GDTR]),
	RULE("idtr", dtr_rule[VBH_DTR_IDTR]),
	RULE("ldtr", dtr_rule[VBH_DTR_LDTR]),
	RULE("tr", dtr_rule[VBH_DTR_TR]),
};

static const struct key cr0_keys[] = {
	{ "bits", read_bits, OFF(cr0_mask), VBH_NAMES_CR0, PINNABLE_CR0 },
	RULE("rule", cr0_rule),
};

static const struct key cr4_keys[] = {
	{ "bits", read_bits, OFF(cr4_mask), VBH_NAMES_CR4, PINNABLE_CR4 },
	RULE("rule", cr4_rule),
};

static const struct key efer_keys[] = {
	{ "bits", read_bits, OFF(efer_mask), VBH_NAMES_EFER, PINNABLE_EFER },
	RULE("rule", efer_rule),
};

#define PATCHING(n, kind) { n, read_patching, OFF(patching[kind]) }

static const struct key patching_keys[] = {
	PATCHING("jump_labels", VBH_PATCH_JUMP_LABELS),
	PATCHING("static_calls", VBH_PATCH_STATIC_CALLS),
	PATCHING("ftrace", VBH_PATCH_FTRACE),
	PATCHING("bpf", VBH_PATCH_BPF),
	PATCHING("kprobes", VBH_PATCH_KPROBES),
	PATCHING("livepatch", VBH_PATCH_LIVEPATCH),
	PATCHING("modules", VBH_PATCH_MODULES),
};

/* What is left out. Less would break a kernel that does not expect it. */
static const __u8 patching_defaults[VBH_NR_PATCHES] = {
	[VBH_PATCH_JUMP_LABELS] = VBH_PATCHING_ALLOW,
	[VBH_PATCH_STATIC_CALLS] = VBH_PATCHING_ALLOW,
	[VBH_PATCH_FTRACE] = VBH_PATCHING_ALLOW,
	[VBH_PATCH_BPF] = VBH_PATCHING_ALLOW,
	[VBH_PATCH_KPROBES] = VBH_PATCHING_UNTIL_SEAL,
	[VBH_PATCH_LIVEPATCH] = VBH_PATCHING_UNTIL_SEAL,
	[VBH_PATCH_MODULES] = VBH_PATCHING_UNTIL_SEAL,
};

static const struct key root_keys[] = {
	{ "ring_records", read_ring_records, OFF(ring_records) },
	{ "record_patching", read_bool, OFF(record_patching) },
	{ "key_hash", read_key_hash, OFF(key_hash) },
	{ "patching", read_group, KEYS(patching_keys) },
	{ "regions", read_group, KEYS(region_keys) },
	{ "violations", read_group, KEYS(violation_keys) },
	{ "cr0", read_full_group, KEYS(cr0_keys) },
	{ "cr4", read_full_group, KEYS(cr4_keys) },
	{ "efer", read_full_group, KEYS(efer_keys) },
	{ "msrs", read_msrs },
	{ "descriptor_tables", read_group, KEYS(dtr_keys) },
};

/* A module is checked once; what it rests on and what was checked must stay as it is. */
static int check_listed(const struct loader *l, const config_t *config)
{
	const struct vbh_policy *p = &l->policy;

	if (p->patching[VBH_PATCH_MODULES] != VBH_PATCHING_LISTED ||
	    (p->region_rule[VBH_REGION_KERNEL_TEXT] && p->region_rule[VBH_REGION_MODULE_TEXT] &&
	     p->region_rule[VBH_REGION_MODULE_RODATA]))
		return 0;
	return refuse(l, config_lookup(config, "patching.modules"),
		      "takes rules for regions.kernel_text, module_text and module_rodata");
}

static int parse(struct loader *l, config_t *config, const char *text)
{
	const struct key root = { "", NULL, KEYS(root_keys) };
	int err;

	if (!config_read_string(config, text)) {
		if (config_error_type(config) == CONFIG_ERR_PARSE)
			return policy_refuse(&l->err, (unsigned int)config_error_line(config), "%s",
					     config_error_text(config));
		return policy_refuse(&l->err, 0, "%s", config_error_text(config));
	}
	err = read_group(l, config_root_setting(config), &root);
	return err ? err : check_listed(l, config);
}

int vbh_policy_load(const char *path, struct vbh_policy *policy, char *err_text, size_t err_len)
{
	struct loader l = { .err = { path, err_text, err_len } };
	config_t config;
	char *text;
	int err;

	if (err_text && err_len)
		err_text[0] = '\0';
	err = policy_read(&l.err, &text);
	if (err)
		return err;
	err = policy_scan(&l.err, text);
	if (!err) {
		l.policy.size = sizeof(l.policy);
		memcpy(l.policy.patching, patching_defaults, sizeof(patching_defaults));
		config_init(&config);
		err = parse(&l, &config, text);
		config_destroy(&config);
	}
	free(text);
	if (!err)
		*policy = l.policy;
	return err;
}
