# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's own samples of patching text, one after the other: each is loaded,
# seen to work, and unloaded. Modules are in /rig/modules, for insmod.

# sample NAME SECONDS PATTERN [FILE [COMMAND...]]: while it is loaded, and after the
# command, the pattern comes up in the file (the trace).
sample()
{
	local name=$1 seconds=$2 pattern=$3 file=${4:-$tracing/trace} i
	shift $(($# > 4 ? 4 : $#))
	echo > $tracing/trace
	probe=$name
	begin
	insmod "$modules/$name.ko" 2> /tmp/said || {
		result "not loaded: $(sed 's/.*: //' /tmp/said)"
		return
	}
	[ $# = 0 ] || "$@" > /dev/null 2>&1
	for i in $(seq 1 $((seconds * 5))); do
		! grep -q "$pattern" "$file" || break
		sleep 0.2
	done
	if grep -q "$pattern" "$file"; then
		result "works"
	else
		result "loaded, but nothing to be seen"
	fi
	begin
	probe=$name-unload
	if rmmod "$name" 2> /tmp/said; then
		result "works"
	else
		result "not unloaded: $(sed 's/.*: //' /tmp/said)"
	fi
	ls / > /dev/null
}

# Two trampolines take turns at schedule(), two seconds each.
sample ftrace-direct-modify 10 "my direct func2"
sample ftrace-direct-multi-modify 10 "my direct func2"
sample ftrace-direct 3 "waking up"
sample ftrace-direct-multi 3 "ftrace-direct-multi\|my_direct_func\|ip ffff"
sample ftrace-direct-too 3 "handle mm fault" "$tracing/trace" ls /

# A direct call and a tracer at one site: the call comes from ftrace's own caller.
probe=direct-and-tracer
begin
if insmod "$modules/ftrace-direct.ko" 2> /dev/null; then
	echo wake_up_process > $tracing/set_ftrace_filter
	echo function > $tracing/current_tracer
	echo > $tracing/trace
	sleep 1
	if grep -q "waking up" $tracing/trace && grep -q "wake_up_process <-" $tracing/trace; then
		result "works"
	else
		result "not both to be seen"
	fi
	echo nop > $tracing/current_tracer
	echo > $tracing/set_ftrace_filter
	rmmod ftrace-direct
else
	result "not loaded"
fi

sample sample-trace-array 5 "count=\|sample_event" $tracing/instances/sample-instance/trace
rmdir $tracing/instances/sample-instance 2> /dev/null
sample trace-printk 3 "This is a"

events()
{
	echo 1 > $tracing/events/sample-trace/enable
	sleep 3
}
sample trace-events-sample 5 "foo_bar" $tracing/trace events
custom()
{
	echo 1 > $tracing/events/custom/sched_switch/enable || return
	sleep 1
}
sample trace_custom_sched 5 "next_prio" $tracing/trace custom

dmesg -c > /dev/null
log=/tmp/dmesg.now
said()
{
	sleep 1
	"$@" > /dev/null
	dmesg > $log
}
sample kprobe_example 2 "p->addr" $log said ls /
dmesg -c > /dev/null
sample kretprobe_example 2 "returned" $log said ls /

# A livepatch is disabled before it is unloaded.
unpatch()
{
	local i
	echo 0 > /sys/kernel/livepatch/"$1"/enabled || return 1
	for i in $(seq 100); do
		[ -e /sys/kernel/livepatch/"$1" ] || break
		sleep 0.2
	done
	rmmod "$1"
}

patch()
{
	local module=$1
	probe=$1
	shift
	begin
	dmesg -c > /dev/null
	if ! insmod "$modules/$module.ko" 2> /tmp/said; then
		result "not loaded: $(sed 's/.*: //' /tmp/said)$(dmesg | sed -n 's/.* vbh: [^ ]*/:/p')"
	elif "$@"; then
		unpatch "$(echo "$module" | tr - _)"
		result "works"
	else
		unpatch "$(echo "$module" | tr - _)"
		result "loaded, but nothing to be seen"
	fi
}

patched()
{
	grep -q "this has been live patched" /proc/cmdline
}
patch livepatch-sample patched
if insmod $modules/livepatch-shadow-mod.ko 2> /dev/null; then
	patch livepatch-shadow-fix1 sleep 1
	patch livepatch-shadow-fix2 sleep 1
	rmmod livepatch-shadow-mod
fi
if insmod $modules/livepatch-callbacks-mod.ko 2> /dev/null; then
	insmod $modules/livepatch-callbacks-busymod.ko use_work=1 sleep_secs=1 2> /dev/null
	patch livepatch-callbacks-demo sleep 1
	rmmod livepatch-callbacks-busymod livepatch-callbacks-mod
fi
