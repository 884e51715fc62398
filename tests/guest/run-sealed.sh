# SPDX-License-Identifier: GPL-2.0-only
#
# After the seal: the same attacks, and those on the seal itself; stopping with
# a wrong key, too soon, and with the right one.

. /rig/lib.sh
load_attacks
hash=$(vbhctl key generate /tmp/key | grep -o '[0-9a-f]\{64\}' | head -n 1)
sed "s/^#key_hash = .*/key_hash = \"$hash\";/" "$policy" > /tmp/key.conf
echo "this is not the key" > /tmp/wrong

claim "VBH starts with a key's hash in the policy" start_vbh /tmp/key.conf
claim "honest patching of kernel text works before the seal" \
	sh -c 'echo 1 > /proc/sys/kernel/sched_schedstats; echo 0 > /proc/sys/kernel/sched_schedstats'
claim "and is no violation" [ "$(violations)" = 0 ]
claim "VBH can be sealed" vbhctl seal
tap attack honest -c 0
tap attack sealed -c 0
refuted "a sealed VBH does not stop without the key" vbhctl stop

# Wrong tries double the time until the next one.
stop_until()
{
	local i
	for i in $(seq "$1"); do
		vbhctl stop --key "$2" && return
		sleep 1
	done
	return 1
}

sleep 3
refuted "it does not stop with a wrong key" vbhctl stop --key /tmp/wrong
refuted "nor with the right one, too soon after a wrong one" vbhctl stop --key /tmp/key
claim "but with the right one later" stop_until 60 /tmp/key
tap attack plain -c 0 cr0-wp text-vmap

claim "VBH starts again, and is sealed" sh -c '. /rig/lib.sh; start_vbh && vbhctl seal'
before=$(violations)
claim "honest patching of kernel text goes on after the seal" \
	sh -c 'echo 1 > /proc/sys/kernel/sched_schedstats; echo 0 > /proc/sys/kernel/sched_schedstats'
claim "and is no violation" [ "$(violations)" = "$before" ]
refuted "a VBH that is sealed without a key does not stop" vbhctl stop --key /tmp/key
end_hard
