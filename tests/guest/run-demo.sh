# SPDX-License-Identifier: GPL-2.0-only
#
# What the demo shows of VBH: every attack before the seal, and what is left of
# them after it.

. /rig/lib.sh
load_attacks
claim "VBH starts under the running kernel" start_vbh
tap attack deny -c 0
claim "VBH can be sealed" vbhctl seal
tap attack sealed -c 0 'sealed-*' 'patch-poke*'
exit $((failures > 0))
