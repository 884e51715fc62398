#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Honest work in the rig's guest, as TAP: what honest's tests do in user mode,
# and what needs a shell: modules, CPU hotplug, the kernel's patching of itself,
# NMIs, what administrators look into a machine with. "honest.sh before", then
# start VBH, then "honest.sh after" does the same again, and then wants the same
# results, the same recording of CPUID and of faults, and no violation; after the
# seal "honest.sh sealed" wants that of the administrators' part. SCALE (1) times
# the work.
#
# Everything left behind between the two is in $STATE.

here=$(cd "$(dirname "$0")" && pwd)
honest=${HONEST:-$here/honest}
state=${STATE:-/tmp/honest}
scale=${SCALE:-1}
modules=${MODULES:-test_static_keys dummy}
tracing=/sys/kernel/tracing
n=1 failed=0
when=$1

# $1: status, $2: claim, $3: why, if it fails
result()
{
	if [ "$1" -eq 0 ]; then
		set -- "ok $n - $2"
	else
		set -- "not ok $n - $2: $3"
		failed=1
	fi
	echo "$1" | tee -a "$state/$when"
	n=$((n + 1))
}

# Run a step: the function do_<$1>, which says on its output why it fails.
step()
{
	local why
	why=$("do_$1" 2>&1)
	result $? "$2" "$(echo "$why" | tr '\n' ' ' | cut -c1-300)"
}

start_load()
{
	"$honest" load > "$state/load" 2>&1 &
	load=$!
}

stop_load()
{
	kill -9 "$load" 2> /dev/null && wait "$load" 2> /dev/null
	[ ! -s "$state/load" ] || { cat "$state/load"; return 1; }
}

do_modules()
{
	local i=0 m
	while [ $i -lt $((20 * scale)) ]; do
		for m in $modules; do
			modprobe "$m" || return 1
		done
		for m in $modules; do
			modprobe -r "$m" || return 1
		done
		i=$((i + 1))
	done
}

do_hotplug()
{
	local i=0 cpu=/sys/devices/system/cpu/cpu1/online bad=0
	[ -w $cpu ] || { echo "there is no CPU 1 to switch off"; return 1; }
	start_load
	while [ $i -lt $((5 * scale)) ]; do
		echo 0 > $cpu && [ "$(cat $cpu)" = 0 ] || { bad=1; break; }
		echo 1 > $cpu && [ "$(cat $cpu)" = 1 ] || { bad=1; break; }
		taskset 2 "$honest" run cpuid-stable ports > "$state/on-1" ||
			{ cat "$state/on-1"; bad=1; break; }
		i=$((i + 1))
	done
	stop_load || bad=1
	[ $bad = 0 ] || { echo "in round $i"; echo 1 > $cpu; }
	return $bad
}

do_static_keys()
{
	local i=0 key=/proc/sys/kernel/sched_schedstats was
	was=$(cat $key) || return 1
	start_load
	while [ $i -lt $((5 * scale)) ]; do
		echo 1 > $key && [ "$(cat $key)" = 1 ] || return 1
		echo 0 > $key && [ "$(cat $key)" = 0 ] || return 1
		i=$((i + 1))
	done
	echo "$was" > $key
	stop_load
}

# Lines of the trace that match $1: at least $2.
trace_has()
{
	local lines
	lines=$(grep -c "$1" $tracing/trace)
	[ "$lines" -ge "$2" ] || { echo "$lines lines of $1, not $2"; return 1; }
}

do_tracepoint()
{
	local event=$tracing/events/sched/sched_process_fork/enable i=0 bad=0
	echo > $tracing/trace
	echo 1 > $event || return 1
	while [ $i -lt 10 ]; do
		/bin/true
		i=$((i + 1))
	done
	echo 0 > $event || return 1
	trace_has 'sched_process_fork: comm=' 10 || bad=1
	echo > $tracing/trace
	return $bad
}

do_function_tracer()
{
	local bad=0
	echo > $tracing/trace
	echo 'do_sys_openat2 vfs_read vfs_write' > $tracing/set_ftrace_filter || return 1
	echo function > $tracing/current_tracer || return 1
	cat /proc/version > /dev/null
	# Putting the tracer away empties the ring; and reading it would be traced.
	echo 0 > $tracing/tracing_on
	trace_has 'do_sys_openat2 <-' 1 || bad=1
	echo 1 > $tracing/tracing_on
	echo nop > $tracing/current_tracer || return 1
	echo > $tracing/set_ftrace_filter
	return $bad
}

do_kprobe()
{
	local bad=0
	echo > $tracing/trace
	echo 'p:honest_open do_sys_openat2' > $tracing/kprobe_events || return 1
	echo 'r:honest_ret do_sys_openat2 $retval' >> $tracing/kprobe_events || return 1
	echo 1 > $tracing/events/kprobes/enable || bad=1
	cat /proc/version > /dev/null
	# Time for the kernel to turn the INT3 into a jump.
	sleep 1
	cat /proc/version > /dev/null
	echo 0 > $tracing/events/kprobes/enable || bad=1
	trace_has honest_open: 2 || bad=1
	trace_has honest_ret: 2 || bad=1
	echo > $tracing/kprobe_events
	echo > $tracing/trace
	return $bad
}

# The sum of a row of /proc/interrupts over the CPUs, or of one CPU's column.
interrupts()
{
	awk -v row="$1:" -v cpu="$2" '
		$1 == row { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++)
			if (cpu == "" || i == cpu + 2) sum += $i }
		END { print sum + 0 }' /proc/interrupts
}

do_backtrace()
{
	local i=0 before lines marker="honest $when $$"
	before=$(interrupts NMI)
	echo "$marker" > /dev/kmsg
	start_load
	while [ $i -lt $((5 * scale)) ]; do
		echo l > /proc/sysrq-trigger || return 1
		i=$((i + 1))
	done
	stop_load || return 1
	lines=$(dmesg | sed "1,/$marker/d" | grep -c 'NMI backtrace for cpu')
	[ "$lines" -ge $((2 * i)) ] || { echo "$lines backtraces, not $((2 * i))"; return 1; }
	[ $(($(interrupts NMI) - before)) -ge $i ] || { echo "NMIs are not counted"; return 1; }
}

do_interrupts()
{
	local c before0 before1
	before0=$(interrupts LOC 0)
	before1=$(interrupts LOC 1)
	taskset 1 "$honest" run clock-itimer > /dev/null || return 1
	taskset 2 "$honest" run clock-itimer > /dev/null || return 1
	[ "$(interrupts LOC 0)" -gt "$before0" ] || { echo "CPU 0's timer stands"; return 1; }
	[ "$(interrupts LOC 1)" -gt "$before1" ] || { echo "CPU 1's timer stands"; return 1; }
	for c in ERR MIS MCE SPU; do
		[ "$(interrupts $c)" = 0 ] || { echo "$c is $(interrupts $c)"; return 1; }
	done
}

# Every pr_debug() of the kernel and its modules has a static key.
do_dynamic_debug()
{
	local control=/sys/kernel/debug/dynamic_debug/control was now bad=0
	was=$(grep -c '=p' $control)
	echo 'file * +p' > $control || return 1
	now=$(grep -c '=p' $control)
	[ "$now" -gt 1000 ] || { echo "only $now are on"; bad=1; }
	echo 'file * -p' > $control || return 1
	now=$(grep -c '=p' $control)
	[ "$now" -le "$was" ] || { echo "$now stay on"; bad=1; }
	return $bad
}

# It takes all CPUs but one away, and steps over each access: here to the BIOS.
do_mmiotrace()
{
	local bios="if=/dev/mem bs=4096 skip=240 count=1 status=none" n online bad=0
	online=$(cat /sys/devices/system/cpu/online)
	dd $bios of="$state/bios.plain" || return 1
	echo mmiotrace > $tracing/current_tracer || return 1
	[ "$(cat /sys/devices/system/cpu/online)" = 0 ] || { echo "CPUs stay online"; bad=1; }
	dd $bios of="$state/bios.traced" || bad=1
	n=$(grep -c '^R ' $tracing/trace)
	echo nop > $tracing/current_tracer || return 1
	[ "$n" -ge 500 ] || { echo "$n reads were traced, not 512"; bad=1; }
	cmp "$state/bios.plain" "$state/bios.traced" || bad=1
	[ "$(cat /sys/devices/system/cpu/online)" = "$online" ] ||
		{ echo "CPUs are not back"; bad=1; }
	return $bad
}

# Programs that look at the machine itself say what they said before.
do_tools()
{
	local bad=0
	dmidecode > "$state/dmi.$when" && dmidecode --no-sysfs >> "$state/dmi.$when" || bad=1
	modprobe msr && modprobe cpuid || bad=1
	turbostat -q -n 1 -i 0.2 > "$state/turbostat" 2>&1 || { cat "$state/turbostat"; bad=1; }
	[ $when = before ] || cmp "$state/dmi.before" "$state/dmi.$when" || bad=1
	return $bad
}

# All at once: what touches the processor's state and odd ways into the kernel. Not
# opcode, far-branch and prefetch: with these QEMU itself goes wrong.
stressors="bad-altstack context enosys fp-error ioport kcmp membarrier pkey ptrace rdrand
	regs rseq seccomp sigfpe sigsegv sigtrap sysbadaddr tsc usersyscall vdso vm-segv
	x86cpuid x86syscall"

do_stress()
{
	local s args=
	for s in $stressors; do
		args="$args --$s 1"
	done
	# shellcheck disable=SC2086
	stress-ng $args -t $((3 * scale)) --verify > "$state/stress" 2>&1 && return
	grep -v 'info:' "$state/stress" | tail -n 5
	return 1
}

# What gdb says of a program, less numbers of processes and when a thread was seen to end.
do_gdb()
{
	gdb -nx -batch -x "$here/debug.gdb" "$here/debuggee" < /dev/null 2>&1 |
		grep -v '^\[\|^Using host' > "$state/gdb.$when"
	if ! grep -q 'Hardware watchpoint 8: counter' "$state/gdb.$when" ||
	   ! grep -q '^counter 116 signal 10' "$state/gdb.$when"; then
		tail -n 5 "$state/gdb.$when"
		return 1
	fi
}

# NMI backtraces bring "Call Trace", which so is no sign of trouble here.
do_dmesg()
{
	local bad='WARNING:|BUG:|Oops|dazed and confused|general protection fault: |unchecked MSR'
	bad="$bad|lockup|detected stall|rcu.*stall|hung task|Kernel panic|Bad page|unexpected NMI"
	bad="$bad|Uhhuh|Tainted: G *[DW]|clocksource.*unstable"
	! dmesg | grep -E "$bad"
}

administration()
{
	step dynamic_debug "each pr_debug() is switched on, and off again"
	step mmiotrace "mmiotrace traces, and gives the CPUs back"
	! command -v stress-ng > /dev/null || {
		step tools "dmidecode and turbostat see what they saw"
		step stress "stress-ng finds nothing wrong with the processor"
	}
}

work()
{
	"$honest" run --scale "$scale" | tee "$state/$when"
	n=$(($(grep -c . "$state/$when") + 1))
	! grep -q '^not ok' "$state/$when" || failed=1
	step modules "modules load and unload, over and over"
	step hotplug "CPU 1 goes offline and comes back under load"
	step static_keys "a static key is switched under load"
	step tracepoint "a tracepoint is switched on and records"
	step function_tracer "the function tracer traces a few functions"
	step kprobe "kprobes and kretprobes record"
	step backtrace "NMIs of a backtrace reach both CPUs"
	step interrupts "interrupts are counted, and none is spurious"
	administration
	[ ! -e "$here/debuggee" ] ||
		step gdb "gdb breaks, watches, steps, calls and catches"
	step dmesg "the kernel has nothing to complain about"
}

# Results without what may differ: why a test is skipped, and the times in it.
results()
{
	grep -E '^(not )?ok ' "$1" | sed 's/ # SKIP.*/ # SKIP/; s/: .*//'
}

do_same_results()
{
	results "$state/before" > "$state/before.results"
	results "$state/after" > "$state/after.results"
	diff "$state/before.results" "$state/after.results"
}

do_same_recording()
{
	"$honest" compare "$state/recording"
}

do_same_gdb()
{
	diff "$state/gdb.before" "$state/gdb.after"
}

do_no_violations()
{
	local status
	status=$(vbhctl status -j) || { echo "$status"; return 1; }
	echo "$status" | grep -q '"running": *true' || { echo "VBH does not run"; return 1; }
	echo "$status" | grep -q '"violations": *0,*$' && return 0
	echo "$status" | grep violations
	vbhctl events | grep -vw noted | tail -n 3
	return 1
}

mkdir -p "$state"
case $when in
before)
	"$honest" record "$state/recording" || exit 1
	work
	;;
after)
	work
	step same_results "the same tests gave the same results before VBH ran"
	step same_recording "CPUID, faults and single steps are what they were"
	[ ! -e "$here/debuggee" ] ||
		step same_gdb "gdb said the same before VBH ran"
	step no_violations "VBH saw no violation in honest work"
	;;
sealed)
	step static_keys "a static key is switched under load"
	step hotplug "CPU 1 goes offline and comes back under load"
	administration
	step same_recording "CPUID, faults and single steps are what they were"
	step dmesg "the kernel has nothing to complain about"
	step no_violations "VBH saw no violation in honest work"
	;;
*)
	echo "usage: honest.sh before|after|sealed" >&2
	exit 2
	;;
esac
exit $failed
