# SPDX-License-Identifier: GPL-2.0-only
#
# vbhctl smc on the running kernel: a clean one has no byte that nothing
# explains, and a trace has exactly what was done, each of its kind and by whom.

. /rig/lib.sh
tracing=/sys/kernel/tracing
len=$(entry_len)
site=$(printf 0x%x $((len - 5)))	# of ftrace, from a function's symbol
flip=/sys/kernel/debug/vbh_attack/flip
key=/sys/kernel/debug/vbh_attack/key
trace=/tmp/trace
files="--modules /lib/modules/$(uname -r) --modules /rig"
unpacked="--vmlinux /boot/vmlinux $files"	# once is enough

# Nothing on stdout, and status 0.
clean()
{
	local text
	text=$(vbhctl smc diff $files) || { echo "$text"; return 1; }
	[ -z "$text" ] || { echo "$text"; return 1; }
}

# One difference, of one byte, and it is this one.
differs()
{
	local text
	text=$(vbhctl smc diff $files)
	[ $? = 8 ] || return 1
	echo "$text"
	[ "$(echo "$text" | wc -l)" = 2 ] && echo "$text" | grep -q " $1 *1  "
}

# How many changes in the trace have all of these texts.
changes()
{
	local text lines
	lines=$(grep '"record":"change"' $trace)
	for text in "$@"; do
		lines=$(echo "$lines" | grep -F "$text")
	done
	echo "$lines" | grep -c .
}

# are NUMBER TEXT...
are()
{
	local want=$1 found
	shift
	found=$(changes "$@")
	[ "$found" = "$want" ] && return
	echo "$found of them, not $want"
	changes_shown "$@"
	return 1
}

changes_shown()
{
	local text lines
	lines=$(cat $trace)
	for text in "$@"; do
		lines=$(echo "$lines" | grep -F "$text")
	done
	echo "$lines" | cut -c1-900 | head -n 8
}

# The sum of a number over the trace's changes or gaps.
total()
{
	grep "\"record\":\"$1\"" $trace | sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" |
		awk '{ n += $1 } END { print n + 0 }'
}

record()
{
	vbhctl smc record -o $trace $files "$@"
}

# Each thing once on and once off.
work()
{
	echo 1 > $key && echo 0 > $key || return 1
	echo vfs_rmdir > $tracing/set_ftrace_filter
	echo function > $tracing/current_tracer && echo nop > $tracing/current_tracer || return 1
	echo > $tracing/set_ftrace_filter
	echo "p:vbh/inside vfs_read+$len" > $tracing/kprobe_events
	echo 1 > $tracing/events/vbh/enable && echo 0 > $tracing/events/vbh/enable || return 1
	echo > $tracing/kprobe_events
	echo 'p:vbh/entry do_sys_openat2' > $tracing/kprobe_events
	echo 1 > $tracing/events/vbh/enable && echo 0 > $tracing/events/vbh/enable || return 1
	echo > $tracing/kprobe_events
	echo vfs_rmdir+0x20 > $flip
}

if [ "$1" = work ]; then
	work
	exit
fi

# What the kernel has to say of its processor as it boots is no matter here.
dmesg -c > /dev/null
load_attacks
echo 0 > /proc/sys/debug/kprobes-optimization
claim "a kernel that has just booted is clean, without VBH" clean
files=$unpacked
echo vfs_rmdir+0x20 > $flip
claim "a byte that was changed is found and named" differs vfs_rmdir+0x20
echo vfs_rmdir+0x20 > $flip

# What is no matter of the processor: not on Bochs, where each call takes minutes.
if ! grep -q vbh.short /proc/cmdline; then
	echo vbh_attack_victim+0x3 > $flip
	claim "so is one in a module" differs 'vbh_attack_victim+0x3 \[vbh_attack\]'
	echo vbh_attack_victim+0x3 > $flip
	claim "put back, it is clean again" clean
	refuted "the file of another kernel is refused" vbhctl smc diff --vmlinux /rig/vbh.ko
	refuted "a trace takes VBH" record true
fi

policy_with log > /tmp/log.conf
claim "VBH starts with rule log" start_vbh /tmp/log.conf
grep -q vbh.short /proc/cmdline || claim "it is clean under VBH" clean
before=$(field patches)
claim "what a command does is recorded" record -- sh /rig/run work
after=$(field patches)
claim "three sites of a static key, on and off" are 6 '"kind":"static-key"' \
	'"key":"vbh_known_key"' '"symbol":"known_sites+' '"writes":3' '"origin":"key_set [vbh_attack]"'
claim "and no other site of it" are 6 '"key":"vbh_known_key"'
claim "a tracer comes and goes" are 2 "\"symbol\":\"vfs_rmdir+$site\"" '"kind":"ftrace"' \
	'"key":"function_trace_call"'
claim "it comes first" are 1 "\"symbol\":\"vfs_rmdir+$site\"" '"before":"nop"' \
	'"after":"traced by function_trace_call"'
claim "a kprobe is set and taken away" are 2 "\"symbol\":\"vfs_read+0x$len\"" '"kind":"kprobe"'
claim "nothing else is there" are 2 '"symbol":"vfs_read+'
claim "a kprobe at an entry is ftrace's work, and a kprobe" are 2 '"symbol":"do_sys_openat2+0x0"' \
	'"kind":"kprobe"' '"key":"kprobe_ftrace_handler"'
claim "the hidden patch is unknown, and its writer is named" are 1 '"kind":"unknown"' \
	'"symbol":"vfs_rmdir+0x20"' '"origin":"flip_write [vbh_attack]"' '"comm":"sh"' \
	'"action":"logged"'
claim "nothing else is unknown" are 1 '"kind":"unknown"'
claim "every store that VBH counted is in the trace" \
	[ "$(total change writes)" = $((after - before + 1)) ]
claim "and nothing is missing" [ "$(total gap patches)$(total gap lost)" = 00 ]
claim "the report counts them" sh -c "vbhctl smc report --by key $trace |
	grep -q ' 6 *3 *18  static-key *vbh_known_key$'"
claim "it has what stands there in words" sh -c "vbhctl smc report --disasm $trace |
	grep -q 'callq\|call '"
claim "it makes a page" sh -c "vbhctl smc report --html /tmp/page.html $trace &&
	grep -q vbh_known_key /tmp/page.html && ! grep -q '://' /tmp/page.html"

dispatcher()
{
	claim "a BPF program is run" record -- xdp
	claim "its dispatcher is a static call, and BPF" are "$(changes)" '"kind":"bpf"' \
		'"key":"bpf_dispatcher_xdp_call"'
	claim "which comes and goes" [ "$(changes '"after":"call bpf_dispatcher_xdp"')" = \
		"$(changes '"before":"call bpf_dispatcher_xdp"')" ]
	claim "at each of its sites" [ "$(changes)" -ge 4 ]
}

grep -q vbh.short /proc/cmdline || dispatcher
claim "a module comes and goes" record -- sh -c "modprobe dummy && rmmod dummy"
claim "it came first" are 1 '"kind":"module-load","key":"dummy","before":"","after":"' \
	'"comm":"modprobe"'
claim "and went" are 1 '"kind":"module-load","key":"dummy","before":"' '"after":"","writes":0' \
	'"comm":"rmmod"'
claim "memory says the same as the trace" differs vfs_rmdir+0x20
echo vfs_rmdir+0x20 > $flip
claim "the sites of a function are known" sh -c "vbhctl smc sites $files vfs_rmdir |
	grep -qE '\+($site|$((len - 5))) .* ftrace .* nop$'"

vbhctl smc watch $files --for 20 vfs_rmdir > /tmp/watch 2> /tmp/watching &
i=0
while ! grep -q ': watching' /tmp/watching && [ $i -lt 600 ]; do
	sleep 1
	i=$((i + 1))
done
sh -c "echo vfs_rmdir > $tracing/set_ftrace_filter; echo function > $tracing/current_tracer
	echo nop > $tracing/current_tracer; echo > $tracing/set_ftrace_filter"
wait $!
claim "a watch prints each change of its function, and no other" sh -c \
	"cat /tmp/watch; [ \$(grep -c 'vfs_rmdir+$site .*function_trace_call' /tmp/watch) = 2 ] &&
	[ \$(wc -l < /tmp/watch) = 3 ]"
claim "VBH stops" vbhctl stop
! grep -q vbh.short /proc/cmdline || exit $((failures > 0))

# A ring that is too small, and a reader that is held up while it fills.
sed 's/ring_records = .*/ring_records = 64;/' $policy > /tmp/small.conf
claim "VBH starts with a small ring" start_vbh /tmp/small.conf
before=$(field patches)
claim "it is recorded while the reader sleeps" record -- sh -c "kill -STOP \$PPID
	echo 1 > /proc/sys/kernel/sched_schedstats; echo 0 > /proc/sys/kernel/sched_schedstats
	kill -CONT \$PPID; echo 1 > $key; echo 0 > $key"
after=$(field patches)
echo "# $(total change writes) stores recorded, $(total gap patches) missing, $((after - before)) counted"
claim "what did not fit is a gap in the trace" [ "$(total gap patches)" -gt 300 ]
claim "which stands before what came after it" sh -c "grep -n 'record.:.gap\|vbh_known_key' $trace |
	head -n 1 | grep -q gap"
claim "with as many as are missing" \
	[ $(($(total change writes) + $(total gap patches))) = $((after - before)) ]
claim "a denied patch is in the trace, and unknown" record -- \
	sh -c "! echo vfs_rmdir+0x20 > $flip"
claim "as denied, by whom" are 1 '"kind":"unknown"' '"action":"denied"' \
	'"origin":"flip_write [vbh_attack]"'
claim "modules load and unload" sh -c "modprobe test_static_keys && rmmod test_static_keys &&
	modprobe dummy && modprobe nf_conntrack"
claim "after all that the kernel is clean" clean
claim "and no oops" sh -c '! dmesg | grep -q "BUG:\|Oops\|WARNING:"'
claim "the chain of events is whole" vbhctl events --verify
exit $((failures > 0))
