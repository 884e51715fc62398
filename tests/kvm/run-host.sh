#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In the nested rig's host: the programs of this folder, and what they leave.

cd "$(dirname "$(readlink -f "$0")")" || exit 1
./test_body || failed=1
./test_bad || failed=1
./test_state || failed=1
./test_race || failed=1
# Once more with what the rig leaves out (tests/rig/nested-host).
if [ -d /sys/module/kvm_amd ]; then
	rmmod kvm_amd && insmod /run/rig/kvm-amd.ko vgif=1 && ./test_body || failed=1
fi
exit $((failed))
