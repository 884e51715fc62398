# SPDX-License-Identifier: GPL-2.0-only
#
# As many CPUs as make the hypervisor's own tables larger than its first chunk.

. /rig/lib.sh
last=$(($(nproc) - 1))
switch=/sys/devices/system/cpu/cpu$last/online
load_attacks
claim "there are $((last + 1)) CPUs" [ "$last" -ge 63 ]
claim "VBH starts on all" start_vbh
tap attack honest -c "$last"
tap attack deny -c "$last" cr0-wp lstar idtr text-vmap
claim "CPU $last goes" sh -c "echo 0 > $switch"
claim "and comes back" sh -c "echo 1 > $switch"
claim "VBH stops on all" vbhctl stop
claim "and starts again" start_vbh
claim "there is no oops, no stall" no_oops
exit $((failures > 0))
