# SPDX-License-Identifier: GPL-2.0-only
#
# What is done to tracing by hand, also in an order that nobody planned for.

# try NAME COMMAND...: works if the command does.
try()
{
	probe=$1
	shift
	begin
	if "$@" > /tmp/said 2>&1; then
		result works
	else
		result "fails: $(tail -n 1 /tmp/said | cut -c 1-60)"
	fi
}

# Everything back as it was.
calm()
{
	echo 0 > $tracing/events/enable
	echo nop > $tracing/current_tracer
	echo > $tracing/set_ftrace_filter
	echo > $tracing/set_graph_function
	echo 1 > $tracing/tracing_on
	echo > $tracing/trace
}

lines()
{
	[ "$(head -n 30 "${1:-$tracing}/trace" | grep -vc '^#')" -gt 0 ]
}

one_tracer()
{
	echo "$1" > $tracing/current_tracer || return
	[ "$(cat $tracing/current_tracer)" = "$1" ] || return
	ls / > /dev/null
	echo nop > $tracing/current_tracer
}
echo 'vfs_* schedule*' > $tracing/set_ftrace_filter
# mmiotrace takes all CPUs but one off.
for tracer in $(cat $tracing/available_tracers); do
	try "tracer-$tracer" one_tracer $tracer
done
calm

# The switch of ftrace as a whole, under a tracer.
enabled()
{
	echo 'vfs_*' > $tracing/set_ftrace_filter
	echo "$1" > $tracing/current_tracer || return
	for i in 0 1 0 1; do
		echo $i > /proc/sys/kernel/ftrace_enabled || return
		ls / > /dev/null
	done
	echo > $tracing/trace
	ls / > /dev/null
	lines
}
try ftrace-enabled-function enabled function
calm
try ftrace-enabled-graph enabled function_graph
calm

# It is off, a tracer comes and goes, it is on again.
enabled_between()
{
	echo 0 > /proc/sys/kernel/ftrace_enabled || return
	echo 'vfs_*' > $tracing/set_ftrace_filter
	echo function > $tracing/current_tracer
	echo nop > $tracing/current_tracer
	echo 1 > /proc/sys/kernel/ftrace_enabled
	echo function > $tracing/current_tracer || return
	ls / > /dev/null
	lines
}
try ftrace-enabled-between enabled_between
calm

# Tracers in instances of their own, with filters that overlap.
instances()
{
	local i
	for i in 1 2 3 4; do
		mkdir $tracing/instances/vbh$i || return
		echo "vfs_r* schedule vfs_open" > $tracing/instances/vbh$i/set_ftrace_filter || return
		echo function > $tracing/instances/vbh$i/current_tracer || return
	done
	echo 'vfs_*' > $tracing/set_ftrace_filter
	echo function_graph > $tracing/current_tracer
	cat /proc/mounts > /dev/null
	for i in 3 1 4 2; do
		lines $tracing/instances/vbh$i || return
		echo nop > $tracing/instances/vbh$i/current_tracer
		rmdir $tracing/instances/vbh$i || return
	done
}
try instances instances
rmdir $tracing/instances/vbh* 2> /dev/null
calm

# The same with a filter for one process, and with options of the tracer.
options()
{
	local o
	echo 'vfs_*' > $tracing/set_ftrace_filter
	echo function > $tracing/current_tracer || return
	for o in func_stack_trace function-fork function-trace stacktrace irq-info latency-format \
		func-no-repeats; do
		[ -e $tracing/options/$o ] || continue
		for i in 1 0 1 0; do
			echo $i > $tracing/options/$o || return
			ls / > /dev/null
		done
	done
	echo 1 > $tracing/options/function-trace
	echo $$ > $tracing/set_ftrace_pid || return
	ls / > /dev/null
	echo > $tracing/set_ftrace_pid
	lines
}
try options options
calm

triggers()
{
	echo 'vfs_read:traceoff' > $tracing/set_ftrace_filter || return
	cat /proc/mounts > /dev/null
	[ "$(cat $tracing/tracing_on)" = 0 ] || return
	echo '!vfs_read:traceoff' > $tracing/set_ftrace_filter || return
	echo 1 > $tracing/tracing_on
	echo 'vfs_read:enable_event:sched:sched_switch' > $tracing/set_ftrace_filter || return
	cat /proc/mounts > /dev/null
	echo '!vfs_read:enable_event:sched:sched_switch' > $tracing/set_ftrace_filter || return
	echo 'vfs_read:stacktrace:2' > $tracing/set_ftrace_filter || return
	cat /proc/mounts > /dev/null
	echo '!vfs_read:stacktrace:2' > $tracing/set_ftrace_filter
}
try function-triggers triggers
calm

stack()
{
	echo 1 > /proc/sys/kernel/stack_tracer_enabled || return
	ls -R /proc/sys > /dev/null
	echo 0 > /proc/sys/kernel/stack_tracer_enabled
	grep -q 'Depth' $tracing/stack_trace
}
! grep -q vbh.all /proc/cmdline || try stack-tracer stack

events()
{
	echo 1 > $tracing/events/enable || return
	ls / > /dev/null
	echo 0 > $tracing/events/enable || return
	lines
}
try all-events events
calm

# All messages of the kernel's that can be switched on: as many static keys.
debug()
{
	local control=/sys/kernel/debug/dynamic_debug/control
	dmesg -n 1
	echo 'file * +p' > $control || return
	ls / > /dev/null
	echo 'file * -p' > $control
	dmesg -c > /dev/null
}
try dynamic-debug debug

uprobe()
{
	echo 'p:vbhu/in /bin/busybox:0x1000' > $tracing/uprobe_events || return
	echo 1 > $tracing/events/vbhu/enable || return
	echo 0 > $tracing/events/vbhu/enable || return
	echo > $tracing/uprobe_events
}
try uprobe-event uprobe
calm

# In these, policy has a say: kprobes until the seal.
kprobe()
{
	echo "$1" > $tracing/kprobe_events || return
	echo 1 > $tracing/events/vbhk/enable || return
	cat /proc/mounts > /dev/null
	echo 0 > $tracing/events/vbhk/enable || return
	lines
}
clear_kprobe()
{
	[ ! -e $tracing/events/vbhk ] || echo 0 > $tracing/events/vbhk/enable
	echo > $tracing/kprobe_events
	calm
}
try kprobe-entry kprobe 'p:vbhk/in do_sys_openat2'
clear_kprobe
try kprobe-inside kprobe "p:vbhk/in do_sys_openat2+$(entry_len)"
clear_kprobe
try kretprobe kprobe 'r:vbhk/in do_sys_openat2'
clear_kprobe

# With the switch of ftrace off, which stops its callbacks as well.
kprobe_alone()
{
	local ended
	echo 0 > /proc/sys/kernel/ftrace_enabled
	kprobe "$1"
	ended=$?
	echo 1 > /proc/sys/kernel/ftrace_enabled
	return $ended
}
try kprobe-without-ftrace kprobe_alone "p:vbhk/in do_sys_openat2+$(entry_len)"
clear_kprobe

switch_of_kprobes()
{
	local file=/sys/kernel/debug/kprobes/enabled
	for i in 0 1 1 0 1; do
		echo $i > $file || return
	done
	kprobe 'p:vbhk/in do_sys_openat2' || kprobe "p:vbhk/in do_sys_openat2+$(entry_len)"
}
try kprobes-switch switch_of_kprobes
clear_kprobe
try kprobes-optimization sh -c 'for i in 0 1 0 1; do
	echo $i > /proc/sys/debug/kprobes-optimization || exit; done'
clear_kprobe

# A kprobe with a tracer at the same site.
both()
{
	echo 'do_sys_openat2' > $tracing/set_ftrace_filter
	echo function > $tracing/current_tracer || return
	kprobe 'p:vbhk/in do_sys_openat2'
}
try kprobe-and-tracer both
clear_kprobe

# And after all that the kernel can be traced, and patches itself.
after()
{
	echo 'vfs_*' > $tracing/set_ftrace_filter
	echo function > $tracing/current_tracer || return
	ls / > /dev/null
	lines || return
	for i in 1 0 1 0; do
		echo $i > /proc/sys/kernel/sched_schedstats || return
	done
}
try after-all after
calm
