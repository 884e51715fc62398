// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does VBH run already, and is there a hypervisor below that offers it? Both by
 * CPUID, which needs no privilege; the driver is asked as well, where it answers.
 */
#include <stdio.h>
#include <string.h>
#include "check.h"
#include "printable.h"

static void find_leaf(struct check_machine *m)
{
	uint32_t r[4];

	for (uint32_t base = VBH_CPUID_FIRST; base <= VBH_CPUID_LAST; base += VBH_CPUID_STEP) {
		if (!check_cpuid(m, base, 0, r) || r[1] != VBH_CPUID_SIG_EBX ||
		    r[2] != VBH_CPUID_SIG_ECX || r[3] != VBH_CPUID_SIG_EDX ||
		    r[0] < base + VBH_CPUID_LEAVES - 1)
			continue;
		m->leaf = base;
		if (check_cpuid(m, base + 1, 0, r)) {
			m->abi = r[0];
			m->features = r[1];
			m->body = r[2];
			m->running = m->body == VBH_BODY_BARE_METAL || (r[3] & VBH_CPUID_BEGUN);
		}
		if (check_cpuid(m, base + 3, 0, r))
			m->max_regions = r[0];
		return;
	}
}

static void ask_driver(struct check_machine *m)
{
	struct vbh *vbh;

	if (*m->root || vbh_open(&vbh, NULL, 0))
		return;
	m->informed = !vbh_info(vbh, &m->info);
	vbh_close(vbh);
	if (!m->informed)
		return;
	m->running = m->info.running;
	if (m->running) {
		m->features = m->info.status.features;
		m->body = m->info.status.body;
	}
}

static void add_state(struct check_machine *m)
{
	const char *body = vbh_name(VBH_NAMES_BODY, m->body), *state = NULL;

	if (m->informed && m->running)
		state = vbh_name(VBH_NAMES_STATE, m->info.status.state);
	if (m->running)
		check_add(m, CHECK_STATE, "vbh", CHECK_PASS,
			  "what follows is about the one that runs", "runs, %s, %s",
			  body ? body : "in a body that is not known",
			  state ? state : "in a state that takes root to see");
	else if (check_exists(m, "/sys/module/vbh"))
		check_add(m, CHECK_STATE, "vbh", CHECK_PASS, "",
			  "its driver is loaded, and it does not run");
	else
		check_add(m, CHECK_STATE, "vbh", CHECK_PASS, "", "does not run");
}

/* Is it known what the hypervisor below writes to? As hv/launch.c sees it. */
static bool known_below(const struct check_machine *m)
{
	bool known = false;
	uint32_t r[4];

	for (uint32_t base = 0x40000000; base < 0x40010000; base += 0x100) {
		if (!check_cpuid(m, base, 0, r))
			continue;
		if (r[1] == 0x566e6558)		/* "XenV" */
			return false;
		known |= r[1] == 0x4b4d564b || r[1] == 0x7263694d || r[1] == 0x54474354;
	}
	return known;
}

static void add_offered(struct check_machine *m)
{
	char mine[16];

	snprintf(mine, sizeof(mine), "%d.%d", VBH_ABI_MAJOR, VBH_ABI_MINOR);
	if (m->abi >> 16 != VBH_ABI_MAJOR)
		check_add(m, CHECK_STATE, "hypervisor", CHECK_FAIL,
			  "the two do not understand each other",
			  "offers VBH with ABI %u.%u, vbhctl has %s", m->abi >> 16, m->abi & 0xffff,
			  mine);
	else if (!m->max_regions)
		check_add(m, CHECK_STATE, "hypervisor", CHECK_FAIL,
			  "what follows is to be looked for on the host",
			  "knows VBH, but its processor can't protect this machine");
	else
		check_add(m, CHECK_STATE, "hypervisor", CHECK_PASS,
			  "so the processor's own VMX or SVM is not needed",
			  "offers VBH with ABI %u.%u, and at most %u regions", m->abi >> 16,
			  m->abi & 0xffff, m->max_regions);
}

static void add_below(struct check_machine *m)
{
	static const char follows[] = "VBH is as good as that one is";
	char name[13] = "", guest[16] = "";
	uint32_t r[4];

	if (check_line_of(m, "/sys/hypervisor/guest_type", guest, sizeof(guest)) &&
	    !strcmp(guest, "PV")) {
		check_add(m, CHECK_STATE, "hypervisor", CHECK_FAIL,
			  "the processor is not this kernel's to give", "this is a Xen PV guest");
		return;
	}
	if (!check_cpuid(m, 1, 0, r)) {
		check_add(m, CHECK_STATE, "hypervisor", CHECK_UNKNOWN, "", "CPUID can't be read");
		return;
	}
	if (!(r[2] >> 31)) {
		check_add(m, CHECK_STATE, "hypervisor", CHECK_PASS, "", "none below this kernel");
		return;
	}
	if (check_cpuid(m, 0x40000000, 0, r)) {
		memcpy(name, r + 1, 12);
		printable(name);
	}
	if (known_below(m))
		check_add(m, CHECK_STATE, "hypervisor", CHECK_PASS, follows,
			  "this is a virtual machine (%s)", name);
	else
		check_add(m, CHECK_STATE, "hypervisor", CHECK_WARN,
			  "what it writes to is not known, so once sealed VBH's memory does not grow",
			  "this is a virtual machine (%s)", *name ? name : "of no name");
}

void check_state(struct check_machine *m)
{
	find_leaf(m);
	ask_driver(m);
	add_state(m);
	if (m->leaf && m->body == VBH_BODY_KVM)
		add_offered(m);
	else if (m->running)
		check_add(m, CHECK_STATE, "hypervisor", CHECK_PASS, "", "VBH itself");
	else
		add_below(m);
}
