# SPDX-License-Identifier: GPL-2.0-only
#
# Under a KVM with VBH: start, seal, and reboot, over and over. A machine that was
# not reset whole is still sealed, and refuses the next start.

. /rig/lib.sh

if start_vbh && vbhctl seal; then
	echo "RESET-TEST sealed"
else
	echo "RESET-TEST refused"
fi
reboot -f
