// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who wants the kernel's honest patching recorded, and not only counted: the
 * policy, or open files of /dev/vbh, each for as long as it is open. It is under
 * vbh_mutex.
 */
#include "vbh.h"

static bool always;
static unsigned int listeners;
static enum vbh_notes told;	/* what the hypervisor goes by, while VBH runs */

static enum vbh_notes wanted(void)
{
	if (always)
		return VBH_NOTES_ALWAYS;
	return listeners ? VBH_NOTES_RECORD : VBH_NOTES_COUNT;
}

static int tell(void)
{
	int err = vbh_hypercall(VBH_HC_NOTES, wanted(), 0, 0, 0);

	if (!err)
		told = wanted();
	return err;
}

/* The first comes or the last goes; else it is as it was. */
static int update(void)
{
	return vbh_mode == VBH_OFF || wanted() == told ? 0 : tell();
}

int notes_policy(const struct vbh_policy *policy, struct vbh_why *why)
{
	int err;

	always = policy->record_patching;
	err = tell();
	if (err)
		return vbh_fail(why, err, "recording of patches: %d", err);
	return 0;
}

int notes_listen(bool on)
{
	int err;

	listeners += on ? 1 : -1;
	err = update();
	if (err)
		listeners -= on ? 1 : -1;
	return err;
}

int notes_leave(void)
{
	listeners--;
	return update();
}
