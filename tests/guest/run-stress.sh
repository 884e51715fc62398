# SPDX-License-Identifier: GPL-2.0-only
#
# What makes the hypervisor's CPUs wait for each other, all at once and over and
# over: CPUs that go and come back, regions that come and go with modules, static
# keys and events, forks on every CPU. vbh.rounds=N on the command line; sealed
# after half of them.

. /rig/lib.sh
tracing=/sys/kernel/tracing
cpu1=/sys/devices/system/cpu/cpu1/online
rounds=$(sed -n 's/.*vbh.rounds=\([0-9]*\).*/\1/p' /proc/cmdline)
rounds=${rounds:-10}

keys()
{
	local i
	for i in 1 2 3 4 5; do
		echo 1 > /proc/sys/kernel/sched_schedstats
		echo 1 > $tracing/events/sched/sched_switch/enable
		echo 0 > $tracing/events/sched/sched_switch/enable
		echo 0 > /proc/sys/kernel/sched_schedstats
	done
}

# As long as it is told to: module text is protected and released.
modules()
{
	while [ ! -e /tmp/no-modules ]; do
		modprobe dummy && rmmod dummy || return 1
	done
}

# At once: the keys on one CPU while the other goes down and comes up.
hotplug()
{
	keys &
	echo 0 > $cpu1 || return 1
	[ "$(cat $cpu1)" = 0 ] || return 1
	echo 1 > $cpu1 || return 1
	[ "$(cat $cpu1)" = 1 ] || return 1
	wait $!
	keys
}

half()
{
	local i=0
	while [ $i -lt $((rounds / 2)) ]; do
		i=$((i + 1))
		hotplug || return 1
		echo "# $1 $i"
	done
}

claim "VBH starts" start_vbh
load &
load &
modules &
modules_pid=$!
echo "# before the seal"
half before
ran=$?
claim "CPUs and static keys come and go before the seal" [ $ran = 0 ]
touch /tmp/no-modules
wait $modules_pid
ran=$?
claim "modules came and went all the time" [ $ran = 0 ]
claim "VBH can be sealed" vbhctl seal
half after
ran=$?
claim "CPUs and static keys come and go after the seal" [ $ran = 0 ]
touch /tmp/stop
wait
claim "there was no violation" [ "$(violations)" = 0 ]
claim "and no oops, no stall" no_oops
claim "the chain of events is whole" vbhctl events --verify
exit $((failures > 0))
