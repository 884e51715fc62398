# SPDX-License-Identifier: GPL-2.0-only
#
# Under VBH with the policy that it ships: honest work gives what it gave before
# and records nothing; each attack is stopped and recorded; and VBH can be
# stopped again, as if it had not been there.

. /rig/lib.sh
load_attacks
tap attack honest -c 0

# Free memory in KiB, with what the CPUs' own lists of free pages hold.
free_memory()
{
	echo 3 > /proc/sys/vm/drop_caches
	awk '/^MemFree:/ { free = $2 } / count: / { free += 4 * $2 } END { print free }' \
		/proc/meminfo /proc/zoneinfo
}

# Do $1 launches cost no memory? A few before the count fill what stays cached.
memory_kept()
{
	local before after i
	for i in $(seq -3 "$1"); do
		[ "$i" != 1 ] || before=$(free_memory)
		start_vbh > /dev/null && vbhctl stop > /dev/null || return 1
	done
	after=$(free_memory)
	echo "$before KiB were free before, $after after"
	[ $((before - after)) -lt 2048 ]
}

claim "vbhctl check names the processor, and finds nothing that keeps VBH from starting" \
	check_says 9 "^PASS  vbh: does not run" "^PASS  vendor: [GA]" "^PASS  kernel-text: " \
	"^PASS  module: .*$(uname -r)" "^VBH can start here"
launches=$(sed -n 's/.*vbh.launches=\([0-9]*\).*/\1/p' /proc/cmdline)
claim "VBH starts under the running kernel" start_vbh
claim "it says that it runs" vbhctl status
claim "and so does vbhctl check" check_says 9 "^PASS  vbh: runs, .*, open" "^VBH runs here"
refuted "it can't be started a second time" start_vbh
tap attack honest -c 0
tap attack honest -c 1
# Never after the seal, so by name.
tap attack honest -c 0 honest-exit-kprobe
claim "honest work on both CPUs is no violation" [ "$(violations)" = 0 ]

tap attack deny -c 0
tap attack deny -c 1 cr0-wp cr4-smep efer-nxe lstar idtr gdtr text-vmap rodata-direct \
	idt-vmap hv-write-vmap svm-enable vmx-enable hc-nr-kvm
claim "the chain of events is whole" vbhctl events --verify
claim "vbhctl lists them" vbhctl events -n 5

pool_free()
{
	vbhctl -j status | awk -F '[:,]' '/"memory_free"/ { print $2 + 0 }'
}

rmmod vbh_attack
free=$(pool_free)
load_attacks
tap attack deny -c 1 'module-*'
claim "a module that is loaded under VBH is protected, and can go" rmmod vbh_attack
claim "and the second stage is merged again where it was" [ "$(pool_free)" = "$free" ]
load_attacks

claim "VBH stops" vbhctl stop
tap attack plain -c 0 cr0-wp cr4-smep efer-nxe lstar idtr text-vmap
claim "${launches:-20} launches cost no memory" memory_kept "${launches:-20}"
claim "and VBH starts once more" start_vbh
tap attack deny -c 0 cr0-wp lstar text-vmap
claim "and stops" vbhctl stop
exit $((failures > 0))
