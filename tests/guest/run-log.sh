# SPDX-License-Identifier: GPL-2.0-only
#
# Rule log: what would have been denied happens, and is recorded.

. /rig/lib.sh
load_attacks
policy_with log > /tmp/log.conf
claim "VBH starts with rule log everywhere" start_vbh /tmp/log.conf
tap attack log -c 0
tap attack log -c 1 cr0-wp lstar text-vmap
tap attack deny -c 0 hv-write-vmap ring-vmap
claim "the chain of events is whole" vbhctl events --verify
claim "VBH stops" vbhctl stop
exit $((failures > 0))
