// SPDX-License-Identifier: GPL-2.0-only
/*
 * From ranges to regions: the rights of each kind, the policy's rule for it,
 * and batches of VBH_HC_REGION_ADD. A batch that fails before the seal takes its
 * whole tag back, so that nothing is protected by half.
 */
#include <linux/io.h>
#include <linux/slab.h>
#include "vbh.h"

/* What remains of each kind that this driver asks for. */
static const u32 kind_rights[VBH_NR_REGION_KINDS] = {
	[VBH_REGION_KERNEL_TEXT] = VBH_R | VBH_X | VBH_XU,
	[VBH_REGION_KERNEL_RODATA] = VBH_R,
	[VBH_REGION_IDT] = VBH_R,
	[VBH_REGION_VDSO] = VBH_R | VBH_X | VBH_XU,/* programs execute it */
	[VBH_REGION_MODULE_TEXT] = VBH_R | VBH_X | VBH_XU,
	[VBH_REGION_MODULE_RODATA] = VBH_R,
	[VBH_REGION_TRAMPOLINE] = VBH_R | VBH_X | VBH_XU,
};

static u8 kind_rule[VBH_NR_REGION_KINDS];

void region_policy(const struct vbh_policy *policy)
{
	memcpy(kind_rule, policy->region_rule, sizeof(kind_rule));
}

u8 region_rule(enum vbh_region_kind kind)
{
	return kind_rule[kind];
}

int region_batch_begin(struct region_batch *batch, u32 tag)
{
	batch->regions = kmalloc_array(VBH_MAX_BATCH, sizeof(struct vbh_region),
				       GFP_KERNEL);
	batch->nr = 0;
	batch->tag = tag;
	batch->sent = false;
	return batch->regions ? 0 : -ENOMEM;
}

static int flush(struct region_batch *batch)
{
	long err = 0;

	if (batch->nr)
		err = vbh_hypercall(VBH_HC_REGION_ADD,
				    virt_to_phys(batch->regions), batch->nr, 0,
				    0);
	if (batch->nr && !err)
		batch->sent = true;
	batch->nr = 0;
	return err;
}

static u8 kind_flags(enum vbh_region_kind kind)
{
	return kind == VBH_REGION_KERNEL_TEXT || kind == VBH_REGION_MODULE_TEXT ?
	       VBH_REGION_F_PATCHABLE : 0;
}

int region_batch_add(void *ctx, enum vbh_region_kind kind, u64 gpa, u64 len)
{
	struct region_batch *batch = ctx;
	struct vbh_region *last;
	int err;

	if (!kind_rule[kind])
		return 0;
	if (batch->nr) {
		last = &batch->regions[batch->nr - 1];
		if (last->kind == kind && last->gpa + last->len == gpa) {
			last->len += len;
			return 0;
		}
	}
	if (batch->nr == VBH_MAX_BATCH) {
		err = flush(batch);
		if (err)
			return err;
	}
	batch->regions[batch->nr++] = (struct vbh_region) {
		.gpa = gpa,
		.len = len,
		.rights = kind_rights[kind],
		.tag = batch->tag,
		.kind = kind,
		.rule = kind_rule[kind],
		.flags = kind_flags(kind),
	};
	return 0;
}

int region_batch_end(struct region_batch *batch, int err)
{
	if (!err)
		err = flush(batch);
	/* A module that came after the seal keeps what it has: nothing is loosened. */
	if (err && batch->sent && !(batch->tag & VBH_TAG_MODULE) &&
	    !vbh_hypercall(VBH_HC_REGION_DEL, batch->tag, 0, 0, 0))
		batch->sent = false;
	kfree(batch->regions);
	batch->regions = NULL;
	return err;
}
