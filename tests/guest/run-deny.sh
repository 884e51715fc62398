# SPDX-License-Identifier: GPL-2.0-only
#
# Under VBH with the policy that it ships: honest work gives what it gave before
# and records nothing; each attack is stopped and recorded; and VBH can be
# stopped again, as if it had not been there.

. /rig/lib.sh
load_attacks
tap attack honest -c 0

# memory START STOP COUNT: what COUNT launches cost, in KiB.
memory_lost()
{
	local before after i
	echo 3 > /proc/sys/vm/drop_caches
	before=$(sed -n 's/^MemFree: *\([0-9]*\).*/\1/p' /proc/meminfo)
	for i in $(seq "$1"); do
		start_vbh > /dev/null || return 1
		vbhctl stop > /dev/null || return 1
	done
	echo 3 > /proc/sys/vm/drop_caches
	after=$(sed -n 's/^MemFree: *\([0-9]*\).*/\1/p' /proc/meminfo)
	echo "$before KiB were free before, $after after"
	[ $((before - after)) -lt 2048 ]
}

launches=$(sed -n 's/.*vbh.launches=\([0-9]*\).*/\1/p' /proc/cmdline)
claim "VBH starts under the running kernel" start_vbh
claim "it says that it runs" vbhctl status
refuted "it can't be started a second time" start_vbh
tap attack honest -c 0
tap attack honest -c 1
claim "honest work on both CPUs is no violation" [ "$(violations)" = 0 ]

tap attack deny -c 0
tap attack deny -c 1 cr0-wp cr4-smep efer-nxe lstar idtr gdtr text-vmap rodata-direct \
	idt-vmap hv-write-vmap svm-enable vmx-enable hc-nr-kvm
claim "the chain of events is whole" vbhctl events --verify
claim "vbhctl lists them" vbhctl events -n 5

rmmod vbh_attack
load_attacks
tap attack deny -c 1 'module-*'
claim "a module that is loaded under VBH is protected, and can go" rmmod vbh_attack
load_attacks

claim "VBH stops" vbhctl stop
tap attack plain -c 0 cr0-wp cr4-smep efer-nxe lstar idtr text-vmap
claim "${launches:-20} launches cost no memory" memory_lost "${launches:-20}"
claim "and VBH starts once more" start_vbh
tap attack deny -c 0 cr0-wp lstar text-vmap
claim "and stops" vbhctl stop
exit $((failures > 0))
