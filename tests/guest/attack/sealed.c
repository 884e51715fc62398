// SPDX-License-Identifier: GPL-2.0-only
/*
 * What may be asked before the seal and must be refused after it: stopping
 * without the key, and loosening anything.
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/mm.h>

#include "attack.h"
#include "hypercall.h"

#define SEALED(name, what, errno, nr, ...)	\
	BAD_FLAGS("sealed-" name, what " after the seal", errno, A_SEALED, nr, ##__VA_ARGS__)

static void fill_facts(void *buffer)
{
	struct vbh_facts *f = buffer;

	f->size = sizeof(*f);
}

/*
 * Ask for a weaker rule beside the one that holds, then try what it is about:
 * the stronger one must hold still.
 */
static void attack_weaken(struct attempt *t, u64 nr, void (*fill)(void *buffer),
			  const char *then)
{
	u64 args[4] = { 0, 1 }, rip;
	long ret = 0;
	void *page;

	if (!attack_vbh()) {
		attempt_unavailable(t, "there is nobody to call");
		return;
	}
	page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!page) {
		attempt_unavailable(t, "no memory");
		return;
	}
	fill(page);
	args[0] = __pa(page);
	try_hypercall(nr, args, &ret, &rip);
	free_page((unsigned long)page);
	if (ret) {
		attempt_unavailable(t, "the call itself was refused: %ld", ret);
		return;
	}
	attempt_as(t, then);
}

static void fill_text_log(void *buffer)
{
	struct vbh_region *r = buffer;

	r->gpa = __pa_symbol(attack_symbol("_stext")) & PAGE_MASK;
	r->len = PAGE_ALIGN(attack_symbol("_etext") - attack_symbol("_stext"));
	r->rights = VBH_R | VBH_X | VBH_XU;
	r->tag = 0x7e57;
	r->kind = VBH_REGION_KERNEL_TEXT;
	r->rule = VBH_RULE_LOG;
}

static void attack_region_log(struct attempt *t)
{
	attack_weaken(t, VBH_HC_REGION_ADD, fill_text_log, "text-vmap");
}

static void fill_wp_log(void *buffer)
{
	struct vbh_pin *p = buffer;

	p->type = VBH_PIN_CR0;
	p->mask = 1 << 16;
	p->rule = VBH_RULE_LOG;
}

static void attack_pin_log(struct attempt *t)
{
	attack_weaken(t, VBH_HC_PIN, fill_wp_log, "cr0-wp");
}

const struct attack sealed_attacks[] = {
	SEALED("stop", "stop VBH", EPERM, VBH_HC_STOP),
	SEALED("region-del", "remove the modules' protection", EPERM, VBH_HC_REGION_DEL, { 1 }),
	SEALED("rule", "weaken a rule", EPERM, VBH_HC_RULE, { VBH_KIND_INIT, VBH_RULE_LOG }),
	SEALED("key", "set another key", EPERM, VBH_HC_KEY, { 0, VBH_HASH_LEN }, 1),
	SEALED("facts", "change the facts", EPERM, VBH_HC_FACTS,
	       { 0, sizeof(struct vbh_facts) }, 1, fill_facts),
	SEALED("catalogue", "list one more module", EPERM, VBH_HC_CATALOGUE, { 0, 1 }, 1),
	SEALED("symbols", "have modules call another function", EPERM, VBH_HC_SYMBOLS, { 0, 1 }, 1),
	SEALED("module-bad", "announce a module that is none", EINVAL, VBH_HC_MODULE,
	       { VBH_MODULE_BEGIN, VBH_TAG_MODULE, 0, sizeof(struct vbh_module) }, 3),
	SEALED("module-gone", "have the kernel's own text given back", EINVAL, VBH_HC_MODULE,
	       { VBH_MODULE_GONE, 1 }),
	SEALED("ring", "donate another event ring", EEXIST, VBH_HC_EVENT_RING,
	       { 0, VBH_RING_MIN }, 1),
	SEALED("seal", "seal again", EALREADY, VBH_HC_SEAL),
	SEALED("current", "have events name another task", EPERM, VBH_HC_CPU,
	       { VBH_CPU_CURRENT, 0x1000 }),
	SEALED("unlock-not-ram", "show a key that is no memory", EFAULT, VBH_HC_UNLOCK,
	       { 0xfee00000, 16 }),
	SEALED("unlock-wraps", "show a key that wraps round", EFAULT, VBH_HC_UNLOCK,
	       { ~0ull - 7, 16 }),
	SEALED("unlock-wrong", "unlock with a wrong key", EACCES, VBH_HC_UNLOCK, { 0, 32 }, 1),
	SEALED("unlock-again", "try the next key at once", EAGAIN, VBH_HC_UNLOCK, { 0, 32 }, 1),
	{ "sealed-region-log", "can loosen kernel text by a weaker rule after the seal", attack_region_log,
	  A_GP | A_SEALED | A_NEEDS_VBH | A_NO_LOG },
	{ "sealed-pin-log", "can loosen CR0.WP by a weaker rule after the seal", attack_pin_log,
	  A_GP | A_SEALED | A_NEEDS_VBH | A_NO_LOG },
	{ }
};
