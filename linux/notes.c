// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who wants the kernel's honest patching recorded, and not only counted: the
 * policy, or open files of /dev/vbh, each for as long as it is open. It is under
 * vbh_mutex.
 */
#include "vbh.h"

static bool always;
static unsigned int listeners;

static int tell(void)
{
	enum vbh_notes notes = VBH_NOTES_COUNT;

	if (always)
		notes = VBH_NOTES_ALWAYS;
	else if (listeners)
		notes = VBH_NOTES_RECORD;
	return vbh_hypercall(VBH_HC_NOTES, notes, 0, 0, 0);
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
	int err = 0;

	listeners += on ? 1 : -1;
	/* The first comes or the last goes; else it is as it was. */
	if (vbh_mode != VBH_OFF && !always && listeners == on)
		err = tell();
	if (err && on)
		listeners--;
	return err;
}
