// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypercalls that have to be refused: every bad number, pointer, length and
 * field, each with the errno that the ABI gives for it. Whatever an attacker
 * in ring 0 can write, he can ask; nothing here may be believed.
 */
#include <asm/cpufeature.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "attack.h"
#include "hypercall.h"
#include "insn.h"

/* The result in *ret; returns the vector if the instruction itself faulted. */
int try_hypercall(u64 nr, const u64 args[4], long *ret, u64 *rip)
{
	bool vmcall = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL ||
		      boot_cpu_data.x86_vendor == X86_VENDOR_CENTAUR;
	long result = 0;
	int vector;

#define HYPERCALL(insn)								\
	asm volatile("lea 1f(%%rip), %[ip]\n"					\
		     "1:	" insn "\n"					\
		     "	mov %%rax, %[result]\n"					\
		     "	xor %%eax, %%eax\n"					\
		     "2:\n"							\
		     _ASM_EXTABLE_FAULT(1b, 2b)					\
		     : "=a" (vector), [ip] "=&r" (*rip), [result] "+&r" (result)	\
		     : "0" (nr), "b" (args[0]), "c" (args[1]), "d" (args[2]),	\
		       "S" (args[3])						\
		     : "memory", "cc")
	if (vmcall)
		HYPERCALL("vmcall");
	else
		HYPERCALL("vmmcall");
#undef HYPERCALL
	*ret = result;
	return vector;
}

static void fill_region(void *buffer)
{
	struct vbh_region *r = buffer;

	/* The buffer itself: what is granted by mistake does little harm. */
	r->gpa = __pa(buffer);
	r->len = PAGE_SIZE;
	r->rights = VBH_RWX;
	r->tag = 0x7e57;
	r->kind = VBH_REGION_OTHER;
	r->rule = VBH_RULE_LOG;
}

#define FILL(name, base, type, flaw)				\
static void fill_##name(void *buffer)				\
{								\
	type *f = buffer;					\
								\
	base(buffer);						\
	flaw;							\
}

FILL(region_unaligned, fill_region, struct vbh_region, f->gpa += 8)
FILL(region_len0, fill_region, struct vbh_region, f->len = 0)
FILL(region_len1, fill_region, struct vbh_region, f->len = 1)
FILL(region_wrap, fill_region, struct vbh_region, f->len = -PAGE_SIZE)
FILL(region_high, fill_region, struct vbh_region, f->gpa = 1ull << 62)
FILL(region_rights, fill_region, struct vbh_region, f->rights = 0x10)
FILL(region_kind0, fill_region, struct vbh_region, f->kind = 0)
FILL(region_kind_hv, fill_region, struct vbh_region, f->kind = VBH_REGION_HYPERVISOR)
FILL(region_kind_apic, fill_region, struct vbh_region, f->kind = VBH_REGION_APIC)
FILL(region_kind_ring, fill_region, struct vbh_region, f->kind = VBH_REGION_RING)
FILL(region_kind_big, fill_region, struct vbh_region, f->kind = VBH_NR_REGION_KINDS)
FILL(region_rule0, fill_region, struct vbh_region, f->rule = 0)
FILL(region_rule4, fill_region, struct vbh_region, f->rule = 4)
FILL(region_flags, fill_region, struct vbh_region, f->flags = 0x80)
FILL(region_reserved, fill_region, struct vbh_region, f->reserved = 1)
/* All or none: the first is good, the second is not. */
FILL(region_second, fill_region, struct vbh_region, f[1].len = 1)

static void fill_pin(void *buffer)
{
	struct vbh_pin *p = buffer;

	p->type = VBH_PIN_CR0;
	p->mask = 1 << 16;		/* WP, which is pinned already */
	p->rule = VBH_RULE_LOG;
}

FILL(pin_type0, fill_pin, struct vbh_pin, f->type = 0)
FILL(pin_type6, fill_pin, struct vbh_pin, f->type = 6)
FILL(pin_index, fill_pin, struct vbh_pin, f->index = 1)
FILL(pin_mask0, fill_pin, struct vbh_pin, f->mask = 0)
FILL(pin_rule0, fill_pin, struct vbh_pin, f->rule = 0)
FILL(pin_rule4, fill_pin, struct vbh_pin, f->rule = 4)
FILL(pin_reserved, fill_pin, struct vbh_pin, f->reserved[6] = 1)
FILL(pin_dtr_index, fill_pin, struct vbh_pin,
     f->type = VBH_PIN_DTR; f->index = VBH_NR_DTR; f->mask = ~0ull)
FILL(pin_dtr_mask, fill_pin, struct vbh_pin, f->type = VBH_PIN_DTR; f->mask = 1)

static void fill_facts(void *buffer)
{
	struct vbh_facts *f = buffer;

	f->size = sizeof(*f);
}

FILL(facts_size, fill_facts, struct vbh_facts, f->size = 8)
FILL(facts_reserved, fill_facts, struct vbh_facts, f->reserved = 1)

#define REGION_SIZE	sizeof(struct vbh_region)
#define NOT_RAM		0xfee00000ull		/* the local APIC */
#define BEYOND		(1ull << 52)
#define WRAPS		(~0ull - 7)

void attack_hypercall(struct attempt *t)
{
	const struct bad_call *bad = t->attack->data;
	u64 args[4], *page;
	int vector;

	if (!attack_vbh()) {
		attempt_unavailable(t, "there is nobody to call");
		return;
	}
	if (attack_body() == VBH_BODY_KVM && bad->nr - VBH_HC_BASE >= VBH_HC_RANGE) {
		attempt_unavailable(t, "the number is KVM's own to answer");
		return;
	}
	page = (u64 *)get_zeroed_page(GFP_KERNEL);
	if (!page) {
		attempt_unavailable(t, "no memory");
		return;
	}
	if (bad->fill)
		bad->fill(page);
	memcpy(args, bad->args, sizeof(args));
	if (bad->buffer)
		args[bad->buffer - 1] += __pa(page);
	vector = try_hypercall(bad->nr, args, &t->ret, &t->rip);
	free_page((unsigned long)page);

	attempt_expect(t, VBH_KIND_HYPERCALL,
		       bad->nr - VBH_HC_BASE < VBH_HC_NR ? bad->nr - VBH_HC_BASE : ~0u);
	if (bad->nr == VBH_HC_UNLOCK && (t->ret == -EACCES || t->ret == -EAGAIN))
		attempt_expect(t, VBH_KIND_KEY, 0);
	attempt_values(t, 0, t->ret);
	attempt_judge(t, vector, t->ret >= 0);
	if (!vector && t->ret < 0)
		t->outcome = REFUSED;
}

/*
 * Calls with random numbers, pointers, lengths and buffers, the same each time;
 * half of them with the right length, so that the buffer is looked at.
 */
#define FUZZ_CALLS	2000

struct fuzz_call {
	u8 number;		/* - VBH_HC_BASE */
	bool pointer;		/* args[0] is one */
	u64 len;		/* that is right, or 0 */
	bool harmless;		/* may be accepted */
};

/* Not among them: STOP and SEAL, which take nothing; KEY and UNLOCK, which take any bytes. */
static const struct fuzz_call fuzz_calls[] = {
	{ 0, true, sizeof(struct vbh_status), true },
	{ 1, true, sizeof(struct vbh_stats), true },
	{ 2, true, sizeof(struct vbh_facts) },
	{ 3, true },
	{ 4 },
	{ 5, true, 1 },
	{ 5, true, 3 },
	{ 6 },
	{ 7, true, 1 },
	{ 7, true, 3 },
	{ 8 },
	{ 13 },
	{ 14, true, 8 },
	{ 22 },
	{ 200, true, 8 },
};

static u64 fuzz_next(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static u64 fuzz_pointer(u64 *state, u64 page)
{
	switch (fuzz_next(state) % 6) {
	case 0:
		return fuzz_next(state);
	case 1:
		return NOT_RAM + fuzz_next(state) % PAGE_SIZE;
	case 2:
		return WRAPS;
	case 3:
		/* Some of the buffer may lie on the next page, which is ours as well. */
		return page + fuzz_next(state) % PAGE_SIZE;
	default:
		return page;
	}
}

static bool is_recorded(long err)
{
	return err == -EPERM || err == -EINVAL || err == -EFAULT || err == -EACCES ||
	       err == -ENOSYS;
}

static void attack_fuzz(struct attempt *t)
{
	u64 state = 0x5eed5eed5eed5eedull, args[4], *page, ip;
	const struct fuzz_call *call;
	unsigned int i, j, accepted = 0;
	long ret;

	if (!attack_vbh()) {
		attempt_unavailable(t, "there is nobody to call");
		return;
	}
	page = (u64 *)__get_free_pages(GFP_KERNEL, 1);
	if (!page) {
		attempt_unavailable(t, "no memory");
		return;
	}
	t->ops = 0;
	for (i = 0; i < FUZZ_CALLS; i++) {
		for (j = 0; j < 2 * PAGE_SIZE / sizeof(u64); j++)
			page[j] = fuzz_next(&state);
		call = &fuzz_calls[fuzz_next(&state) % ARRAY_SIZE(fuzz_calls)];
		for (j = 0; j < 4; j++)
			args[j] = fuzz_next(&state) | 1ull << 40;
		if (call->pointer)
			args[0] = fuzz_pointer(&state, __pa(page));
		if (call->len && fuzz_next(&state) & 1)
			args[1] = call->len;
		if (try_hypercall(VBH_HC_BASE + call->number, args, &ret, &ip)) {
			accepted++;
		} else if (ret >= 0) {
			accepted += !call->harmless;
		} else if (is_recorded(ret)) {
			t->ops++;
		}
		cond_resched();
	}
	free_pages((unsigned long)page, 1);
	t->ret = -EINVAL;
	attempt_expect(t, VBH_KIND_HYPERCALL, 0);
	t->outcome = accepted ? BROKEN : REFUSED;
	snprintf(t->note, sizeof(t->note), "%u of %u calls were accepted", accepted, FUZZ_CALLS);
}

#define BAD_NR(name, what, nr)	BAD(name, "call " what, ENOSYS, nr)
/* One bad buffer, for a call that takes (gpa, length or count). */
#define BAD_PTR(name, nr, len)								\
	BAD(name "-not-ram", "call " name " with the APIC as its buffer", EFAULT, nr,	\
	    { NOT_RAM, len }),								\
	BAD(name "-beyond", "call " name " with a buffer beyond memory", EFAULT, nr,	\
	    { BEYOND, len }),								\
	BAD(name "-wraps", "call " name " with a buffer that wraps round", EFAULT, nr,	\
	    { WRAPS, len })
#define BAD_LEN(name, nr, len)								\
	BAD(name "-len0", "call " name " with length 0", EINVAL, nr, { 0, 0 }, 1),	\
	BAD(name "-short", "call " name " with a byte too few", EINVAL, nr,		\
	    { 0, (len) - 1 }, 1),							\
	BAD(name "-high", "call " name " with high bits in the length", EINVAL, nr,	\
	    { 0, (len) + (1ull << 32) }, 1)
#define BAD_REGION(name, what, errno)							\
	BAD("region-" #name, "protect " what, errno, VBH_HC_REGION_ADD, { 0, 1 }, 1,	\
	    fill_region_##name)
#define BAD_PIN(name, what)								\
	BAD("pin-" #name, "pin " what, EINVAL, VBH_HC_PIN, { 0, 1 }, 1, fill_pin_##name)

const struct attack hypercall_attacks[] = {
	BAD_NR("nr-below", "the number below the first", VBH_HC_BASE - 1),
	BAD_NR("nr-above", "the number above the last", VBH_HC_BASE + VBH_HC_NR),
	BAD_NR("nr-kvm", "KVM's numbers", 5),
	BAD_NR("nr-0", "number 0", 0),
	BAD_NR("nr-heki", "Heki's numbers", 13),
	BAD_NR("nr-lvbs", "LVBS's numbers", 0x101),
	BAD_NR("nr-all-ones", "number ~0", ~0ull),
	BAD_NR("nr-high", "a good number with high bits", VBH_HC_STATUS | 1ull << 32),
	BAD_PTR("status", VBH_HC_STATUS, sizeof(struct vbh_status)),
	BAD_LEN("status", VBH_HC_STATUS, sizeof(struct vbh_status)),
	BAD_PTR("stats", VBH_HC_STATS, sizeof(struct vbh_stats)),
	BAD_LEN("stats", VBH_HC_STATS, sizeof(struct vbh_stats)),
	BAD("stats-cpu", "ask for the counters of a CPU that is not there", ENOENT, VBH_HC_STATS,
	    { 0, sizeof(struct vbh_stats), 9999 }, 1),
	BAD_PTR("facts", VBH_HC_FACTS, sizeof(struct vbh_facts)),
	BAD_LEN("facts", VBH_HC_FACTS, sizeof(struct vbh_facts)),
	BAD("facts-size", "give facts of another size", EINVAL, VBH_HC_FACTS,
	    { 0, sizeof(struct vbh_facts) }, 1, fill_facts_size),
	BAD("facts-reserved", "set a reserved field of the facts", EINVAL, VBH_HC_FACTS,
	    { 0, sizeof(struct vbh_facts) }, 1, fill_facts_reserved),
	BAD("ring-again", "donate a second event ring", EEXIST, VBH_HC_EVENT_RING,
	    { 0, VBH_RING_MIN }, 1),
	BAD("ack-ahead", "acknowledge events that have not happened", EINVAL, VBH_HC_EVENT_ACK,
	    { 1ull << 40 }),
	BAD_PTR("region", VBH_HC_REGION_ADD, 1),
	BAD("region-count0", "add no region", EINVAL, VBH_HC_REGION_ADD, { 0, 0 }, 1),
	BAD("region-count-big", "add more regions than fit a call", EINVAL, VBH_HC_REGION_ADD,
	    { 0, VBH_MAX_BATCH + 1 }, 1),
	BAD("region-count-high", "add regions with a high count", EINVAL, VBH_HC_REGION_ADD,
	    { 0, 1 + (1ull << 32) }, 1, fill_region),
	BAD_REGION(unaligned, "half a page", EINVAL),
	BAD_REGION(len0, "nothing", EINVAL),
	BAD_REGION(len1, "one byte", EINVAL),
	BAD_REGION(wrap, "more than all memory", EINVAL),
	BAD_REGION(high, "what no processor can address", EINVAL),
	BAD_REGION(rights, "with unknown rights", EINVAL),
	BAD_REGION(kind0, "with kind 0", EINVAL),
	BAD_REGION(kind_hv, "memory as the hypervisor's", EINVAL),
	BAD_REGION(kind_apic, "memory as the APIC", EINVAL),
	BAD_REGION(kind_ring, "memory as the ring", EINVAL),
	BAD_REGION(kind_big, "with an unknown kind", EINVAL),
	BAD_REGION(rule0, "without a rule", EINVAL),
	BAD_REGION(rule4, "with an unknown rule", EINVAL),
	BAD_REGION(flags, "with unknown flags", EINVAL),
	BAD_REGION(reserved, "with a reserved field set", EINVAL),
	BAD("region-second", "add a good region and a bad one", EINVAL, VBH_HC_REGION_ADD,
	    { 0, 2 }, 1, fill_region_second),
	BAD("region-del-0", "remove what is permanent", EINVAL, VBH_HC_REGION_DEL, { 0 }),
	BAD("region-del-none", "remove what is not there", ENOENT, VBH_HC_REGION_DEL,
	    { 0x5a5a5a5a }),
	BAD_PTR("pin", VBH_HC_PIN, 1),
	BAD("pin-count0", "pin nothing", EINVAL, VBH_HC_PIN, { 0, 0 }, 1),
	BAD("pin-count-big", "pin more than fits a call", EINVAL, VBH_HC_PIN,
	    { 0, VBH_MAX_BATCH + 1 }, 1),
	BAD_PIN(type0, "without a type"),
	BAD_PIN(type6, "with an unknown type"),
	BAD_PIN(index, "a control register with an index"),
	BAD_PIN(mask0, "no bit"),
	BAD_PIN(rule0, "without a rule"),
	BAD_PIN(rule4, "with an unknown rule"),
	BAD_PIN(reserved, "with a reserved field set"),
	BAD_PIN(dtr_index, "a descriptor-table register that is none"),
	BAD_PIN(dtr_mask, "half a descriptor-table register"),
	BAD("rule-kind0", "set the rule of kind 0", EINVAL, VBH_HC_RULE, { 0, VBH_RULE_DENY }),
	BAD("rule-kind-big", "set the rule of an unknown kind", EINVAL, VBH_HC_RULE,
	    { VBH_NR_VIOLATIONS, VBH_RULE_DENY }),
	BAD("rule-0", "set rule 0", EINVAL, VBH_HC_RULE, { VBH_KIND_WRITE, 0 }),
	BAD("rule-4", "set an unknown rule", EINVAL, VBH_HC_RULE, { VBH_KIND_WRITE, 4 }),
	BAD_PTR("key", VBH_HC_KEY, VBH_HASH_LEN),
	BAD_LEN("key", VBH_HC_KEY, VBH_HASH_LEN),
	BAD("unlock-len0", "show an empty key", EINVAL, VBH_HC_UNLOCK, { 0, 0 }, 1),
	BAD("unlock-long", "show a key that is too long", EINVAL, VBH_HC_UNLOCK,
	    { 0, VBH_KEY_MAX + 1 }, 1),
	BAD("cpu-op", "make an unknown call about a CPU", EINVAL, VBH_HC_CPU, { 2 }),
	BAD("donate-unaligned", "donate memory from the middle of a page", EINVAL, VBH_HC_DONATE,
	    { 8, PAGE_SIZE }, 1),
	BAD("donate-len0", "donate nothing", EINVAL, VBH_HC_DONATE, { 0, 0 }, 1),
	BAD("donate-long", "donate more than fits a call", EINVAL, VBH_HC_DONATE,
	    { 0, 2 * VBH_DONATE_MAX }, 1),
	BAD("donate-across", "donate across the end of a block", EINVAL, VBH_HC_DONATE,
	    { VBH_DONATE_MAX - PAGE_SIZE, 2 * PAGE_SIZE }),
	BAD("donate-not-ram", "donate a device's memory", EFAULT, VBH_HC_DONATE,
	    { 0xfed00000, PAGE_SIZE }),
	BAD("donate-beyond", "donate what is no memory", EINVAL, VBH_HC_DONATE,
	    { BEYOND, PAGE_SIZE }),
	BAD("donate-wraps", "donate what wraps round", EINVAL, VBH_HC_DONATE,
	    { -PAGE_SIZE, 2 * PAGE_SIZE }),
	{ "hc-fuzz", "can get one of 2000 random calls accepted", attack_fuzz,
	  A_REFUSED | A_NEEDS_VBH | A_NO_LOG | A_MANY, -EINVAL },
	{ }
};
