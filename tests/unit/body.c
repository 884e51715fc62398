// SPDX-License-Identifier: GPL-2.0-only
/* The test body; see body.h. */
#include "body.h"

struct body *body;
static u32 rnd_state = 1;

u32 rnd(u32 below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 17;
	rnd_state ^= rnd_state << 5;
	return rnd_state % below;
}

static void assert_locked(void)
{
	assert_true(body->locked);
}

u64 host_reg(struct vbh_vcpu *vcpu, enum vbh_reg reg)
{
	assert_in_range(reg, 0, VBH_NR_REGS - 1);
	return body->regs[vcpu->id][reg];
}

void host_set_reg(struct vbh_vcpu *vcpu, enum vbh_reg reg, u64 value)
{
	assert_in_range(reg, 0, VBH_REG_RFLAGS);
	body->regs[vcpu->id][reg] = value;
}

u64 host_msr(struct vbh_vcpu *vcpu, u32 msr)
{
	u32 i;

	for (i = 0; i < body->nr_msrs; i++) {
		if (body->msrs[i].msr == msr)
			return body->msrs[i].value[vcpu->id];
	}
	return 0;
}

/* Ordinary memory of the guest, and not the hypervisor's. */
static bool ordinary(u64 gpa, u32 len)
{
	if (gpa >= BODY_MEM || len > BODY_MEM - gpa)
		return false;
	return gpa + len <= AT_HV || gpa >= AT_HV_END;
}

int host_read_gpa(struct vbh_guest *guest, u64 gpa, void *buf, u32 len)
{
	(void)guest;
	if (!ordinary(gpa, len))
		return -EFAULT;
	memcpy(buf, body->mem + gpa, len);
	return 0;
}

int host_write_gpa(struct vbh_guest *guest, u64 gpa, const void *buf, u32 len)
{
	(void)guest;
	if (!ordinary(gpa, len))
		return -EFAULT;
	memcpy(body->mem + gpa, buf, len);
	return 0;
}

int host_translate(struct vbh_vcpu *vcpu, u64 cr3, u64 gva, u64 *gpa)
{
	u32 i;

	(void)vcpu;
	for (i = 0; i < body->nr_maps; i++) {
		if (body->map[i].cr3 != cr3 || body->map[i].gva != (gva & ~4095ull))
			continue;
		if (body->map[i].gpa == ~0ull)
			return -EFAULT;
		*gpa = body->map[i].gpa | (gva & 4095);
		return 0;
	}
	if (gva >= BODY_MAX_GPA)
		return -EFAULT;
	*gpa = gva;
	return 0;
}

static u32 rights_at(u64 gpa)
{
	struct region_view view;

	region_view(&body->guest.regions, gpa, BODY_MAX_GPA, &view);
	return view.rights;
}

int host_stage2_update(struct vbh_guest *guest, u64 gpa, u64 len)
{
	bool fail;
	u64 at;

	(void)guest;
	assert_locked();
	assert_int_equal((gpa | len) & 4095, 0);
	/* Fails half-way. */
	body->updates++;
	fail = body->updates == body->fail_update || body->updates == body->fail_again;
	if (fail)
		len = len / 2 & ~4095ull;
	for (at = gpa; at < gpa + len && at < BODY_MEM; at += 4096)
		body->stage2[at / 4096] = rights_at(at);
	return fail ? -ENOSPC : 0;
}

void host_flush(struct vbh_guest *guest)
{
	(void)guest;
	assert_locked();
	body->flushes++;
	if (body->at_flush)
		body->at_flush();
}

void *host_alloc_page(struct vbh_guest *guest)
{
	void *page;

	(void)guest;
	assert_locked();
	if (body->nr_pages >= body->max_pages + (body->guest.urgent ? BODY_KEPT : 0))
		return NULL;
	page = aligned_alloc(4096, 4096);
	assert_non_null(page);
	memset(page, 0, 4096);
	body->page[body->nr_pages++] = page;
	return page;
}

int host_donate(struct vbh_guest *guest, u64 gpa, u64 len)
{
	(void)guest;
	assert_locked();
	assert_int_equal(rights_at(gpa), VBH_R);
	if (body->max_pages == BODY_ALLOC)
		return -ENOSPC;
	memset(body->mem + gpa, 0xaa, len);
	body->max_pages += len / 4096;
	return 0;
}

u64 host_wanted(struct vbh_guest *guest)
{
	(void)guest;
	assert_locked();
	return body->nr_pages > body->max_pages ? 4096 : 0;
}

void *host_map_ring(struct vbh_guest *guest, u64 gpa)
{
	(void)guest;
	assert_int_equal(gpa & 4095, 0);
	return ordinary(gpa, 4096) ? body->mem + gpa : NULL;
}

void host_lock(struct vbh_guest *guest)
{
	(void)guest;
	assert_false(body->locked);
	body->locked = true;
}

void host_unlock(struct vbh_guest *guest)
{
	(void)guest;
	assert_locked();
	body->locked = false;
}

u64 host_tsc(void)
{
	return body->tsc;
}

u64 host_tsc_hz(struct vbh_guest *guest)
{
	(void)guest;
	return BODY_TSC_HZ;
}

void host_status(struct vbh_guest *guest, struct vbh_status *status)
{
	(void)guest;
	status->memory = 0x1000;
	status->memory_free = 0x800;
	memcpy(status->vendor, "test", 5);
}

int host_stats(struct vbh_guest *guest, u32 cpu, struct vbh_stats *stats)
{
	(void)guest;
	stats->exits[VBH_EXIT_CPUID] = 100 + cpu;
	return 0;
}

void host_event(struct vbh_guest *guest, const struct vbh_event *ev)
{
	(void)guest;
	body->told = *ev;
	body->nr_told++;
}

void host_panic(struct vbh_guest *guest, const struct vbh_event *ev)
{
	(void)guest;
	body->panics++;
	body->panic_event = *ev;
}

static void set_up_cpu(u32 cpu)
{
	vcpu_init(&body->vcpu[cpu], &body->guest, cpu);
	body_set(cpu, VBH_REG_RIP, AT_CODE);
	body_set(cpu, VBH_REG_CR0, 0x80050033);
	body_set(cpu, VBH_REG_CR3, AT_CR3);
	body_set(cpu, VBH_REG_CR4, 0x3706f0);
	body_set(cpu, VBH_REG_EFER, 0xd01);
	body_set(cpu, VBH_REG_CS_MODE, 8);
	body_set(cpu, VBH_REG_RFLAGS, 2);
	body_set(cpu, VBH_REG_GDTR_BASE, 0xfffffe0000001000 + cpu * 0x3b000);
	body_set(cpu, VBH_REG_IDTR_BASE, 0xfffffe0000000000);
	body_set(cpu, VBH_REG_TR, 0x40);
}

int body_setup(void **state)
{
	u32 i;

	(void)state;
	body = aligned_alloc(4096, sizeof(*body));
	if (!body)
		return -1;
	memset(body, 0, sizeof(*body));
	memset(body->stage2, VBH_RWX, sizeof(body->stage2));
	body->tsc = 1000000;
	body->max_pages = BODY_ALLOC;
	body->guest.body = VBH_BODY_TEST;
	body->guest.features = VBH_FEAT_HOTPLUG | VBH_FEAT_STOP;
	body->guest.cpus = BODY_CPUS;
	body->guest.max_regions = BODY_REGIONS;
	body->guest.max_gpa = BODY_MAX_GPA;
	body->guest.sipi_page = 0x98;
	guest_init(&body->guest);
	for (i = 0; i < BODY_CPUS; i++)
		set_up_cpu(i);
	return guest_protect_own(&body->guest, AT_HV, AT_HV_END - AT_HV, VBH_R,
				 VBH_REGION_HYPERVISOR);
}

int body_teardown(void **state)
{
	(void)state;
	body_check_stage2();
	while (body->nr_pages)
		free(body->page[--body->nr_pages]);
	free(body);
	return 0;
}

void body_set(u32 cpu, enum vbh_reg reg, u64 value)
{
	body->regs[cpu][reg] = value;
}

u64 body_get(u32 cpu, enum vbh_reg reg)
{
	return body->regs[cpu][reg];
}

void body_set_msr(u32 cpu, u32 msr, u64 value)
{
	u32 i;

	for (i = 0; i < body->nr_msrs && body->msrs[i].msr != msr; i++)
		;
	if (i == body->nr_msrs)
		body->msrs[body->nr_msrs++].msr = msr;
	body->msrs[i].value[cpu] = value;
}

void body_map(u64 cr3, u64 gva, u64 gpa)
{
	u32 i = body->nr_maps++;

	assert_true(i < sizeof(body->map) / sizeof(body->map[0]));
	body->map[i].cr3 = cr3;
	body->map[i].gva = gva & ~4095ull;
	body->map[i].gpa = gpa;
}

void body_code(const void *bytes, u32 len)
{
	memset(body->mem + AT_CODE, 0xcc, INSN_MAX);
	memcpy(body->mem + AT_CODE, bytes, len);
	body_set(0, VBH_REG_RIP, AT_CODE);
}

void body_check_stage2(void)
{
	u64 at;

	assert_false(body->locked);
	for (at = 0; at < BODY_MEM; at += 4096)
		assert_int_equal(body->stage2[at / 4096], rights_at(at));
}

s64 call(u64 nr, u64 a, u64 b, u64 c)
{
	u64 args[4] = { a, b, c, 0 };

	return core_hypercall(&body->vcpu[0], nr, args);
}

s64 call_on(u32 cpu, u64 nr, u64 a, u64 b)
{
	u64 args[4] = { a, b, 0, 0 };

	return core_hypercall(&body->vcpu[cpu], nr, args);
}

void sync_all(void)
{
	u32 i;

	for (i = 0; i < BODY_CPUS; i++)
		vcpu_sync(&body->vcpu[i]);
}

void body_ring(u32 pages)
{
	assert_int_equal(call(VBH_HC_EVENT_RING, AT_RING, pages * 4096ull, 0), 0);
}

struct vbh_ring *ring(void)
{
	return (struct vbh_ring *)(body->mem + AT_RING);
}

const struct vbh_event *record(u64 seq)
{
	return (struct vbh_event *)(body->mem + AT_RING + 4096) + seq % ring()->records;
}

const struct vbh_event *last_event(void)
{
	assert_true(ring()->head > 0);
	return record(ring()->head - 1);
}

void assert_tail_chained(u64 seq)
{
	u8 hash[VBH_HASH_LEN];
	struct sha256 s;

	assert_true(seq > 0);
	sha256_init(&s);
	sha256_update(&s, record(seq - 1)->hash, VBH_HASH_LEN);
	sha256_update(&s, record(seq), offsetof(struct vbh_event, hash));
	sha256_update(&s, record(seq)->stack, sizeof(record(seq)->stack));
	sha256_final(&s, hash);
	assert_memory_equal(record(seq)->hash, hash, VBH_HASH_LEN);
}

u64 events(void)
{
	return body->guest.log.head + body->guest.log.lost;
}

const struct vbh_event *assert_one_event(u64 before, enum vbh_kind kind, enum vbh_action action)
{
	const struct vbh_event *ev = last_event();

	assert_int_equal(events(), before + 1);
	assert_int_equal(ev->kind, kind);
	assert_int_equal(ev->action, action);
	return ev;
}

s64 add_region(u64 gpa, u64 len, u32 rights, u32 tag, u32 kind, u32 rule, u32 flags)
{
	struct vbh_region r = {
		.gpa = gpa, .len = len, .rights = rights, .tag = tag,
		.kind = kind, .rule = rule, .flags = flags,
	};

	memcpy(body->mem + AT_REQUEST, &r, sizeof(r));
	return call(VBH_HC_REGION_ADD, AT_REQUEST, 1, 0);
}

s64 pin(u32 type, u32 index, u64 mask, u32 rule)
{
	struct vbh_pin p = { .type = type, .index = index, .mask = mask, .rule = rule };

	memcpy(body->mem + AT_REQUEST, &p, sizeof(p));
	return call(VBH_HC_PIN, AT_REQUEST, 1, 0);
}
