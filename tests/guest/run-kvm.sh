# SPDX-License-Identifier: GPL-2.0-only
#
# A KVM with VBH on this very processor, without an emulator between: the programs
# of tests/kvm, and what the kernel has to say of them.

. /rig/lib.sh
modprobe irqbypass
modprobe ccp 2> /dev/null
dmesg -c > /dev/null
claim "kvm.ko loads" insmod /rig/kvm.ko vbh=1
claim "and this processor's half of it" sh -c "insmod /rig/kvm-intel.ko || insmod /rig/kvm-amd.ko"
tap test_body
tap test_bad
refuted "the kernel has nothing to say" sh -c 'dmesg | grep "BUG:\|Oops\|WARNING:\|stall"'
exit $((failures > 0))
