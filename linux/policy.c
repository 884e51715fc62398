// SPDX-License-Identifier: GPL-2.0-only
/*
 * From struct vbh_policy to hypercalls, in an order in which each step needs
 * only those before it. A step that fails says which it is, with what value;
 * the caller takes everything back.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/log2.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include "listed.h"
#include "shape.h"

/* What the kernel's regions and sites take at most; and the catalogue, and what it exports. */
#define ROOM_KERNEL	SZ_512K
#define ROOM_LISTED	SZ_1M

#define RING_DEFAULT	2048u
#define RING_FEWEST	64u
#define RING_MOST	8192u

static bool bad_rule(u8 rule)
{
	return rule > VBH_RULE_PANIC;
}

static int check_rules(const struct vbh_policy *p, struct vbh_why *why)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(p->region_rule); i++)
		if (bad_rule(p->region_rule[i]) ||
		    (i >= VBH_NR_REGION_KINDS && p->region_rule[i]))
			return vbh_fail(why, -EINVAL,
					"policy: region_rule[%d] is %u", i,
					p->region_rule[i]);
	for (i = 0; i < ARRAY_SIZE(p->kind_rule); i++)
		if (bad_rule(p->kind_rule[i]) ||
		    ((!i || i >= VBH_NR_VIOLATIONS) && p->kind_rule[i]))
			return vbh_fail(why, -EINVAL,
					"policy: kind_rule[%d] is %u", i,
					p->kind_rule[i]);
	for (i = 0; i < ARRAY_SIZE(p->dtr_rule); i++)
		if (bad_rule(p->dtr_rule[i]))
			return vbh_fail(why, -EINVAL,
					"policy: dtr_rule[%d] is %u", i,
					p->dtr_rule[i]);
	if (bad_rule(p->cr0_rule) || bad_rule(p->cr4_rule) ||
	    bad_rule(p->efer_rule))
		return vbh_fail(why, -EINVAL,
				"policy: the rules of CR0, CR4, EFER are %u, %u, %u",
				p->cr0_rule, p->cr4_rule, p->efer_rule);
	return 0;
}

static bool is_listed(const struct vbh_policy *p)
{
	return p->patching[VBH_PATCH_MODULES] == VBH_PATCHING_LISTED;
}

static int check_patching(const struct vbh_policy *p, struct vbh_why *why)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(p->patching); i++)
		if (p->patching[i] != VBH_PATCHING_DENY &&
		    !(i == VBH_PATCH_MODULES && p->patching[i] == VBH_PATCHING_LISTED) &&
		    ((p->patching[i] != VBH_PATCHING_UNTIL_SEAL &&
		      p->patching[i] != VBH_PATCHING_ALLOW) ||
		     i >= VBH_NR_PATCHES))
			return vbh_fail(why, -EINVAL,
					"policy: patching[%d] is %u", i,
					p->patching[i]);
	if (is_listed(p) && (!p->region_rule[VBH_REGION_KERNEL_TEXT] ||
			     !p->region_rule[VBH_REGION_MODULE_TEXT] ||
			     !p->region_rule[VBH_REGION_MODULE_RODATA]))
		return vbh_fail(why, -EINVAL,
				"policy: listed modules take rules for text and constants of kernel and modules");
	return 0;
}

static int check_msrs(const struct vbh_policy *p, struct vbh_why *why)
{
	const struct vbh_policy_msr *m;

	if (p->nr_msrs > VBH_MAX_MSR_PINS)
		return vbh_fail(why, -EINVAL, "policy: %u MSRs, at most %u",
				p->nr_msrs, VBH_MAX_MSR_PINS);
	for (m = p->msr; m < p->msr + p->nr_msrs; m++)
		if (!m->rule || bad_rule(m->rule) || !m->mask ||
		    memchr_inv(m->reserved, 0, sizeof(m->reserved)))
			return vbh_fail(why, -EINVAL,
					"policy: MSR 0x%x has rule %u, mask 0x%llx",
					m->msr, m->rule, m->mask);
	return 0;
}

int policy_check(const struct vbh_policy *p, struct vbh_why *why)
{
	int err;

	if (p->size != sizeof(*p))
		return vbh_fail(why, -EINVAL,
				"policy: %u bytes, the driver takes %zu",
				p->size, sizeof(*p));
	if (p->ring_records &&
	    (!is_power_of_2(p->ring_records) ||
	     p->ring_records < RING_FEWEST || p->ring_records > RING_MOST))
		return vbh_fail(why, -EINVAL,
				"policy: a ring of %u records; a power of two from %u to %u",
				p->ring_records, RING_FEWEST, RING_MOST);
	if (p->has_key > 1 || p->record_patching > 1 ||
	    memchr_inv(p->reserved, 0, sizeof(p->reserved)))
		return vbh_fail(why, -EINVAL,
				"policy: has_key is %u, record_patching %u, or a reserved field is set",
				p->has_key, p->record_patching);
	err = check_rules(p, why);
	if (!err)
		err = check_patching(p, why);
	return err ?: check_msrs(p, why);
}

static int apply_facts(struct vbh_why *why)
{
	struct vbh_facts facts;
	long err;

	facts_fill(&facts);
	err = vbh_call_with(VBH_HC_FACTS, &facts, sizeof(facts), sizeof(facts));
	if (err)
		return vbh_fail(why, err, "facts (kernel_cr3 0x%llx): %ld",
				facts.kernel_cr3, err);
	err = cpus_tell_current();
	if (err)
		return vbh_fail(why, err, "address of current: %ld", err);
	return 0;
}

static int apply_ring(const struct vbh_policy *p, struct vbh_why *why)
{
	u32 records = p->ring_records ?: RING_DEFAULT;
	int err;

	if (ring_donated())
		return 0;	/* by an earlier start */
	err = ring_create(records, why);
	if (err)
		return err;
	err = ring_donate(vbh_keeps_ring());
	if (err)
		return vbh_fail(why, err, "event ring of %u records: %d",
				records, err);
	return 0;
}

static int apply_regions(const struct vbh_policy *p, int catalogue, struct vbh_why *why)
{
	struct region_batch batch;
	int err;

	sites_keep_locks();
	region_policy(p);
	err = donate_room(is_listed(p) ? ROOM_LISTED : ROOM_KERNEL);
	if (!err)
		err = region_batch_begin(&batch, REGION_TAG_KERNEL);
	if (!err)
		err = region_batch_end(&batch,
				       facts_kernel(region_batch_add, &batch));
	if (err)
		return donate_fail(why, err, "regions of the kernel");
	err = sites_policy(why);
	if (!err)
		err = sites_kernel(why);
	if (!err && is_listed(p))
		err = listed_start(catalogue, why);
	return err ?: modules_start(why);
}

/* Pins are sent one by one, so that a refusal can name the one it is about. */
static int apply_pin(u32 type, u32 index, u64 mask, u8 rule, const char *name,
		     struct vbh_why *why)
{
	const struct vbh_pin pin = {
		.type = type,
		.index = index,
		.mask = mask,
		.rule = rule,
	};
	long err;

	if (!rule || !mask)
		return 0;
	err = vbh_call_with(VBH_HC_PIN, &pin, sizeof(pin), 1);
	if (err)
		return vbh_fail(why, err, "pin of %s 0x%x, mask 0x%llx: %ld",
				name, index, mask, err);
	return 0;
}

static int apply_pins(const struct vbh_policy *p, struct vbh_why *why)
{
	static const char * const dtr[VBH_NR_DTR] = {
		[VBH_DTR_GDTR] = "GDTR",
		[VBH_DTR_IDTR] = "IDTR",
		[VBH_DTR_LDTR] = "LDTR",
		[VBH_DTR_TR] = "TR",
	};
	u64 efer;
	int err, i;

	rdmsrl(MSR_EFER, efer);
	err = apply_pin(VBH_PIN_CR0, 0, p->cr0_mask & read_cr0(), p->cr0_rule,
			"CR0", why);
	if (!err)
		err = apply_pin(VBH_PIN_CR4, 0, p->cr4_mask & __read_cr4(),
				p->cr4_rule, "CR4", why);
	if (!err)
		err = apply_pin(VBH_PIN_EFER, 0, p->efer_mask & efer,
				p->efer_rule, "EFER", why);
	for (i = 0; !err && i < VBH_NR_DTR; i++)
		err = apply_pin(VBH_PIN_DTR, i, ~0ull, p->dtr_rule[i], dtr[i],
				why);
	for (i = 0; !err && i < p->nr_msrs; i++)
		err = apply_pin(VBH_PIN_MSR, p->msr[i].msr, p->msr[i].mask,
				p->msr[i].rule, "MSR", why);
	return err;
}

static int apply_rules(const struct vbh_policy *p, struct vbh_why *why)
{
	long err;
	int i;

	for (i = 1; i < VBH_NR_VIOLATIONS; i++) {
		if (!p->kind_rule[i])
			continue;
		err = vbh_hypercall(VBH_HC_RULE, i, p->kind_rule[i], 0, 0);
		if (err)
			return vbh_fail(why, err, "rule %u of event kind %d: %ld",
					p->kind_rule[i], i, err);
	}
	if (!p->has_key)
		return 0;
	err = vbh_call_with(VBH_HC_KEY, p->key_hash, sizeof(p->key_hash),
			    sizeof(p->key_hash));
	if (err)
		return vbh_fail(why, err, "hash of the key: %ld", err);
	return 0;
}

int policy_apply(const struct vbh_policy *policy, int catalogue, struct vbh_why *why)
{
	int err;

	err = apply_facts(why);
	if (!err)
		err = apply_ring(policy, why);
	if (!err)
		err = notes_policy(policy, why);
	if (!err)
		err = apply_regions(policy, catalogue, why);
	if (!err)
		err = apply_pins(policy, why);
	if (!err)
		err = apply_rules(policy, why);
	return err;
}
