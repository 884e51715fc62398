# SPDX-License-Identifier: GPL-2.0-only
#
# Example commands of trace-cmd, perf and bpftrace.

[ "$state" != open ] || grep -q vbh.all /proc/cmdline || return 0

# says NAME PATTERN COMMAND...: works if the command's output has the pattern.
says()
{
	local pattern=$2 ended
	probe=$1
	shift 2
	begin
	timeout -s INT 120 sh -c "$*" > /tmp/said 2>&1
	ended=$?
	if grep -q -e "$pattern" /tmp/said; then
		result works
	else
		result "ends with $ended: $(grep -v '^$' /tmp/said | tail -n 1 | cut -c 1-60)"
	fi
	! grep -q vbh.logs /proc/cmdline || tail -n 5 /tmp/said | sed 's/^/# /'
}

cd /tmp
reads="md5sum /proc/mounts"	# by read(), where cat would splice
if command -v trace-cmd > /dev/null; then
	report='&& trace-cmd report -i /tmp/t.dat | head -n 200'
	says trace-cmd-list 'function_graph' trace-cmd list -t
	says trace-cmd-events 'sched_switch' "trace-cmd record -q -o /tmp/t.dat -e sched -e kmem ls / $report"
	says trace-cmd-function 'vfs_' "trace-cmd record -q -o /tmp/t.dat -p function -l 'vfs_*' ls / $report"
	says trace-cmd-graph 'vfs_read' "trace-cmd record -q -o /tmp/t.dat -p function_graph -g vfs_read cat /proc/mounts $report"
	! grep -q vbh.all /proc/cmdline ||
		says trace-cmd-graph-all 'funcgraph_' "trace-cmd record -q -o /tmp/t.dat -p function_graph -F true $report"
	! grep -q vbh.all /proc/cmdline ||
		says trace-cmd-function-all 'function:' "trace-cmd record -q -o /tmp/t.dat -p function -F true $report"
	says trace-cmd-instance 'vfs_' "trace-cmd start -B vbh -p function -l 'vfs_*' && ls / && trace-cmd show -B vbh | head -n 30; trace-cmd reset -B vbh; trace-cmd reset -a"
	says trace-cmd-stack 'Depth' "trace-cmd stack --start && ls / && trace-cmd stack --stop && trace-cmd stack"
	says trace-cmd-snapshot 'sched' "trace-cmd start -e sched && trace-cmd snapshot -s && trace-cmd snapshot; trace-cmd reset"
	says trace-cmd-kprobe 'vbhk' "echo p:vbhk do_sys_openat2 >> $tracing/kprobe_events; trace-cmd record -q -o /tmp/t.dat -e kprobes:vbhk cat /proc/mounts $report; trace-cmd reset -a; echo > $tracing/kprobe_events"
	trace-cmd reset -a > /dev/null 2>&1
fi
if command -v perf > /dev/null; then
	says perf-stat 'context-switches' perf stat -e cpu-clock,page-faults,context-switches ls /
	says perf-stat-tracepoint 'sched:sched_switch' perf stat -a -e sched:sched_switch,syscalls:sys_enter_openat ls /
	says perf-record 'cpu-clock' "perf record -q -e cpu-clock -a -g -o /tmp/p.data sleep 1 && perf report --stdio -i /tmp/p.data | head -n 60"
	says perf-top 'cpu-clock\|PerfTop\|Samples' "perf top --stdio -e cpu-clock -d 1 -E 5 & sleep 5; kill -INT \$!; sleep 1"
	says perf-trace 'openat\|newfstatat' perf trace ls /
	says perf-probe '[1-9][0-9]* *probe:do_sys' "perf probe -q --del 'probe:*'; perf probe --add do_sys_openat2 && perf stat -e probe:do_sys_openat2 -a ls /; perf probe -q --del probe:do_sys_openat2"
	says perf-uprobe 'probe_' "perf probe -x /usr/bin/attach probed && perf stat -e 'probe_attach:*' attach /nowhere; perf probe -q --del 'probe_attach:*'"
	says perf-ftrace 'vfs_read' "perf ftrace -G vfs_read $reads"
	says perf-ftrace-function 'vfs_read' "perf ftrace -t function -T 'vfs_*' $reads"
	says perf-ftrace-latency 'DURATION' "perf ftrace latency -T vfs_read $reads"
	says perf-sched 'sleep\|Task' "perf sched record -q -o /tmp/p.data sleep 1 && perf sched latency -i /tmp/p.data | head -n 20"
	says perf-breakpoint 'mem:' "perf stat -e mem:0x\$(grep ' vfs_read$' /proc/kallsyms | cut -d' ' -f1):x cat /proc/mounts"
	says perf-kcore 'cpu-clock' "perf record -q -e cpu-clock --kcore -o /tmp/p.kcore sleep 1 && perf report --stdio -i /tmp/p.kcore | head -n 30"
	rm -rf /tmp/p.*
fi
if command -v bpftrace > /dev/null; then
	says bpftrace-begin 'hello' "bpftrace -e 'BEGIN { printf(\"hello\\n\"); exit(); }'"
	says bpftrace-tracepoint '@\[' "bpftrace -e 'tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } interval:s:2 { exit(); }'"
	says bpftrace-kfunc '@\[' "bpftrace -e 'kfunc:vfs_read { @[comm] = count(); } interval:s:2 { exit(); }' -c '$reads'"
	says bpftrace-kprobe '@\[' "bpftrace -e 'kprobe:vfs_read { @[comm] = count(); } interval:s:2 { exit(); }' -c '$reads'"
	says bpftrace-profile '@\[' "bpftrace -e 'profile:hz:99 { @[kstack] = count(); } interval:s:2 { exit(); }'"
	says bpftrace-uprobe 'hit' "bpftrace -e 'uprobe:/usr/bin/attach:probed { printf(\"hit\\n\"); exit(); }' -c 'attach /rig/bpf'"
	says bpftrace-vfscount '@\[' "timeout -s INT 40 bpftrace /usr/sbin/vfscount.bt"
	says bpftrace-execsnoop 'ARGS' "timeout -s INT 40 bpftrace /usr/sbin/execsnoop.bt"
	says bpftrace-opensnoop 'COMM' "timeout -s INT 40 bpftrace /usr/sbin/opensnoop.bt"
	at=$(sed -n 's/ . jiffies_64$//p' /proc/kallsyms)
	says bpftrace-watchpoint 'hit' "bpftrace -e 'watchpoint:0x$at:8:w { printf(\"hit\\n\"); exit(); }'"
fi
