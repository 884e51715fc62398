// SPDX-License-Identifier: GPL-2.0-only
/* Who has VMX or SVM: only one can. */
#include <stdio.h>
#include <string.h>
#include "check.h"

#define MSR_EFER	0xc0000080
#define EFER_SVME	(1u << 12)

/* Is that module loaded, and how often is it used? */
static bool loaded(const struct check_machine *m, const char *name, unsigned int *users)
{
	size_t len = strlen(name);

	for (const char *p = m->modules; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncmp(p, name, len) != 0 || p[len] != ' ')
			continue;
		if (sscanf(p + len, " %*u %u", users) != 1)
			*users = 0;
		return true;
	}
	return false;
}

static bool add_kvm(struct check_machine *m, const char *name)
{
	char param[8] = "";
	unsigned int users;

	if (loaded(m, name, &users)) {
		check_add(m, CHECK_HOLDER, "holder", CHECK_FAIL,
			  users ? "end its virtual machines, then modprobe -r it" :
			  "it would take VMX or SVM with its next virtual machine: modprobe -r it",
			  "%s is loaded, and used %u times", name, users);
		return true;
	}
	/* Built in; in /sys without a file of its own. */
	if (!m->modules || !check_exists(m, name[4] == 'i' ? "/sys/module/kvm_intel" :
					 "/sys/module/kvm_amd"))
		return false;
	if (check_line_of(m, "/sys/module/kvm/parameters/enable_virt_at_load", param,
			  sizeof(param)) && *param == 'Y')
		check_add(m, CHECK_HOLDER, "holder", CHECK_FAIL,
			  "boot with kvm.enable_virt_at_load=0",
			  "%s is built into this kernel, and has VMX or SVM from boot on", name);
	else
		check_add(m, CHECK_HOLDER, "holder", CHECK_WARN,
			  "VBH starts while it has no virtual machine, and it may not have one then",
			  "%s is built into this kernel", name);
	return true;
}

void check_holder(struct check_machine *m)
{
	static const char * const others[] = { "vboxdrv", "vmmon", "jailhouse" };
	enum check_msr why = CHECK_MSR_NONE;
	uint64_t efer = 0;
	unsigned int users;

	if (m->running || m->leaf) {
		check_add(m, CHECK_HOLDER, "holder", CHECK_PASS, "", "%s",
			  m->body == VBH_BODY_BARE_METAL ? "VBH itself" :
			  "nobody has to give way: the hypervisor below has VMX or SVM");
		return;
	}
	if (!m->modules) {
		check_add(m, CHECK_HOLDER, "holder", CHECK_UNKNOWN, "",
			  "/proc/modules can't be read");
		return;
	}
	if (add_kvm(m, "kvm_intel") || add_kvm(m, "kvm_amd"))
		return;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!loaded(m, others[i], &users))
			continue;
		check_add(m, CHECK_HOLDER, "holder", CHECK_WARN,
			  "VBH starts while it has no virtual machine, and it may not have one then",
			  "%s is loaded, and used %u times", others[i], users);
		return;
	}
	if (m->vendor == CHECK_SVM)
		why = check_msr(m, 0, MSR_EFER, &efer);
	if (!why && (efer & EFER_SVME))
		check_add(m, CHECK_HOLDER, "holder", CHECK_FAIL, "VBH starts when it has gone",
			  "SVM is in use (EFER.SVME is set), by no module that is known");
	else
		check_add(m, CHECK_HOLDER, "holder", CHECK_PASS, "",
			  "no module that uses VMX or SVM");
}
