# SPDX-License-Identifier: GPL-2.0-only
#
# Memory that is plugged in while VBH runs: the hypervisor has not been told of it,
# so it may not come online. The rig has a virtio-mem device, whose memory comes when
# its driver does.

. /rig/lib.sh
memory=/sys/devices/system/memory

# The state file of the first block that is $1.
blocks()
{
	grep -l "^$1" $memory/memory*/state | head -n 1
}

# Waits for a block to be there.
plugged()
{
	local i=0
	modprobe virtio_pci && modprobe virtio_mem || return 1
	while [ -z "$(blocks offline)" ]; do
		i=$((i + 1))
		[ $i -lt 50 ] || return 1
		sleep 0.1
	done
}

# To online_movable, which can go again, or offline.
switch()
{
	echo "$1" > "$block" && grep -q "^${1%_movable}" "$block"
}

# EPERM, and what is offline stays so.
held()
{
	switch online_movable 2>&1 | grep "Operation not permitted" && grep -q offline "$block"
}

claim "at first all memory is online" [ -z "$(blocks offline)" ]
claim "VBH starts" start_vbh
claim "memory is plugged in" plugged
block=$(blocks offline)
claim "and can't come online" held
claim "as the kernel's log says" sh -c 'dmesg | grep "memory at 0x[0-9a-f]* came after VBH started"'
claim "VBH stops" vbhctl stop
claim "and it can" switch online_movable
claim "VBH starts with it" start_vbh
claim "it goes offline" switch offline
claim "and comes back" switch online_movable
claim "there was no violation" [ "$(violations)" = 0 ]
claim "and VBH stops" vbhctl stop
exit $((failures > 0))
