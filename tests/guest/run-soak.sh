# SPDX-License-Identifier: GPL-2.0-only
#
# Ordinary work for as long as vbh.minutes=N says, in rounds with vbh.rest=SECONDS
# of sleep between them: nothing of what it does to the kernel's text is left
# unexplained, none of it is a violation, and VBH keeps no memory of it.

. /rig/lib.sh
. /rig/work.sh
minutes=$(sed -n 's/.*vbh.minutes=\([0-9]*\).*/\1/p' /proc/cmdline)
minutes=${minutes:-5}
rest=$(sed -n 's/.*vbh.rest=\([0-9]*\).*/\1/p' /proc/cmdline)
cpu1=/sys/devices/system/cpu/cpu1/online

uptime_s()
{
	cut -d. -f1 /proc/uptime
}

# Prints what nothing explains.
unexplained()
{
	vbhctl smc diff --modules "/lib/modules/$(uname -r)" --modules /rig 2> /tmp/diff.said
}

clean()
{
	local text
	text=$(unexplained)
	[ $? = 0 ] && [ -z "$text" ] && return
	echo "$text"
	cat /tmp/diff.said
	return 1
}

work()
{
	load &
	change_text
	set -- $?
	touch /tmp/stop
	wait
	rm /tmp/stop
	return "$1"
}

change_text()
{
	switch $schedstats && switch $tracing/events/sched/enable &&
		tracer function 'vfs_*' && tracer function_graph 'tcp_*' && kprobes &&
		modules 2 && netfilter && event sched/sched_switch && patches keys 1 &&
		patches bpf 1 && modprobe nf_conntrack && rmmod nf_conntrack &&
		{ [ ! -e $cpu1 ] || { echo 0 > $cpu1 && echo 1 > $cpu1; }; }
}

claim "a kernel that has just booted is clean" clean
claim "VBH starts" start_vbh
# What lives as long as the kernel that has once used it.
modprobe nf_tables
work
before=$(field memory_free)
end=$(($(uptime_s) + 60 * minutes))
rounds=0 failed=0
while [ "$(uptime_s)" -lt $end ] && [ $failed = 0 ]; do
	work > /tmp/work.said 2>&1 || failed=1
	rounds=$((rounds + 1))
	[ $((rounds % 10)) != 0 ] || clean > /tmp/work.said || failed=2
	[ $((rounds % 10)) != 0 ] || echo "# $rounds rounds, $(uptime_s) s"
	sleep "${rest:-0}"
done
[ $failed = 0 ] || sed 's/^/# /' /tmp/work.said
claim "$minutes minutes of ordinary work go well ($rounds rounds)" [ $failed = 0 ]
claim "after them the kernel is clean" clean
claim "there was no violation" [ "$(violations)" = 0 ]
claim "VBH has as much memory left as before" [ "$(field memory_free)" -ge "$before" ]
claim "VBH stops" vbhctl stop
claim "and no oops, no stall" no_oops
exit $((failures > 0))
