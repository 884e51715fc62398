# SPDX-License-Identifier: GPL-2.0-only
#
# Rule panic: the machine stops at the first violation. Whoever reads this
# console must not see the last line.

. /rig/lib.sh
load_attacks
policy_with panic > /tmp/panic.conf
claim "VBH starts with rule panic everywhere" start_vbh /tmp/panic.conf
tap attack honest -c 0
echo "# now the machine has to stop"
sleep 1
attack deny -c 0 cr0-wp
echo "not ok - the machine stops at a violation: it ran on"
