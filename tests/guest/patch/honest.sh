# SPDX-License-Identifier: GPL-2.0-only
#
# What Linux does to its own text, under a sealed VBH and a load on both CPUs:
# it works, nothing is broken, and no violation is recorded. What only may be
# done before the seal is done before it.

. /rig/lib.sh
# What the kernel has to say of its processor as it boots is no matter here.
dmesg -c > /dev/null
tracing=/sys/kernel/tracing
schedstats=/proc/sys/kernel/sched_schedstats

# The field $1 of vbhctl -j status.
field()
{
	vbhctl -j status | tr -d ' ' | tr ',{}' '\n\n\n' | sed -n "s/^\"$1\":\([0-9]*\)$/\1/p"
}

load()
{
	while [ ! -e /tmp/stop ]; do
		/bin/true
		ls / > /dev/null
	done
}

# switch FILE [VALUE]: on, off, and on again; it reads back what was written.
switch()
{
	local value
	for value in 1 0 1 0; do
		echo $value > "$1" || return 1
		[ "$(cat "$1")" = $value ] || return 1
	done
}

# Probes at a function's entry, by ftrace, and behind its call of it, by INT3.
kprobes()
{
	local hits
	echo 'p:vbh/entry do_sys_openat2' > $tracing/kprobe_events || return 1
	echo 'p:vbh/inside vfs_read+5' >> $tracing/kprobe_events || return 1
	echo 1 > $tracing/events/vbh/enable || return 1
	cat /proc/mounts > /dev/null
	echo 0 > $tracing/events/vbh/enable
	hits=$(grep -c 'entry:\|inside:' $tracing/trace)
	echo > $tracing/kprobe_events
	echo > $tracing/trace
	[ "$hits" -gt 1 ]
}

modules()
{
	local i
	for i in $(seq 20); do
		modprobe test_static_keys && rmmod test_static_keys test_static_key_base &&
			modprobe dummy && rmmod dummy || return 1
	done
}

# An event that fires under this load: it is recorded while it is on.
event()
{
	local hits
	echo > $tracing/trace
	echo 1 > $tracing/events/"$1"/enable || return 1
	ls / > /dev/null
	echo 0 > $tracing/events/"$1"/enable || return 1
	hits=$(grep -c "${1#*/}" $tracing/trace)
	echo > $tracing/trace
	[ "$hits" -gt 0 ]
}

# tracer NAME [FILTER]
tracer()
{
	local lines
	echo "$2" > $tracing/set_ftrace_filter
	echo "$1" > $tracing/current_tracer || return 1
	ls / > /dev/null
	lines=$(head -n 20 $tracing/trace | grep -vc '^#')
	echo nop > $tracing/current_tracer || return 1
	echo > $tracing/set_ftrace_filter
	[ "$lines" -gt 0 ]
}

# The preemption model: static calls that become returns and back.
preempt()
{
	local file=/sys/kernel/debug/sched/preempt model before
	[ -e $file ] || return 0
	before=$(sed 's/.*(\(.*\)).*/\1/' $file)
	for model in full none voluntary "$before"; do
		echo "$model" > $file || return 1
		grep -q "($model)" $file || return 1
	done
}

claim "VBH starts" start_vbh
claim "it knows the kernel's patch sites" [ "$(field patch_sites)" -gt 10000 ]
load &
load &
claim "kprobes work before the seal" kprobes
claim "modules load and unload, Debian's test of static keys among them" modules
claim "a module with sites of its own is loaded" modprobe nf_conntrack
echo 'p:vbh/inside vfs_read+5' > $tracing/kprobe_events
echo 1 > $tracing/events/vbh/enable
refuted "VBH is not sealed over a kprobe, which could not go any more" vbhctl seal
echo 0 > $tracing/events/vbh/enable
claim "VBH can be sealed" vbhctl seal
claim "a kprobe that is enabled after the seal harms nothing" \
	sh -c "echo 1 > $tracing/events/vbh/enable && ls / && echo 0 > $tracing/events/vbh/enable"
claim "a static key is toggled" switch $schedstats
for e in sched/sched_switch kmem/kmalloc sched/sched_process_exec; do
	claim "the event $e is switched" event $e
done
for e in sched syscalls timer; do
	claim "all events of $e are switched" switch $tracing/events/$e/enable
done
claim "some functions are traced" tracer function 'vfs_*'
claim "some functions are traced as a graph" tracer function_graph 'vfs_*'
# An hour's work for an emulator that empties its TLB with every exit.
if grep -q vbh.all /proc/cmdline; then
	claim "the preemption model changes" preempt
	claim "every event is switched" switch $tracing/events/enable
	claim "every function is traced" tracer function
fi
touch /tmp/stop
wait
claim "each kind was patched" \
	[ $(($(field jump_labels) && $(field static_calls) && $(field ftrace))) = 1 ]
claim "ftrace's trampolines are given back" [ "$(field trampolines)" = 0 ]
refuted "no module can be loaded after the seal" modprobe dummy
claim "there was no violation" [ "$(violations)" = 0 ]
claim "and no oops" sh -c '! dmesg | grep -q "BUG:\|Oops\|WARNING:"'
claim "the chain of events is whole" vbhctl events --verify
exit $((failures > 0))
