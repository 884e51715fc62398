# SPDX-License-Identifier: GPL-2.0-only
#
# What policy denies of the kernel's own patching is refused, and nobody else
# loses anything: who asks in a way that may fail is told so, and the kernel log
# says by what; what can't fail is left out, and made up for once VBH has stopped.

. /rig/lib.sh
. /rig/work.sh
dmesg -c > /dev/null
mkdir -p /var/lib/vbh
hash=$(vbhctl key generate /tmp/key | grep -o '[0-9a-f]\{64\}' | head -n 1)

# The shipped policy, with a key, and pairs of a kind of patching and what it may.
make_policy()
{
	sed "s/^#key_hash = .*/key_hash = \"$hash\";/" "$policy" > /tmp/policy.conf
	while [ $# -gt 0 ]; do
		sed -i "s/^\(	$1[	 ]*= \"\)[^\"]*/\1$2/" /tmp/policy.conf
		shift 2
	done
}

start_with()
{
	make_policy "$@"
	start_vbh /tmp/policy.conf
}

sealed_with()
{
	start_with "$@" && vbhctl seal
}

# The kernel log names VBH and the setting, once at least.
says()
{
	dmesg | grep -q "vbh: $1"
}

# Another kind of patching still works.
keys_go_on()
{
	local before
	before=$(field jump_labels)
	switch $schedstats && [ "$(field jump_labels)" -gt "$before" ]
}

# Reading it back reads the code.
on_and_off()
{
	local value
	for value in 1 0 1 0; do
		echo $value > $schedstats || return 1
	done
}

no_violations()
{
	[ "$(violations)" = 0 ] || {
		vbhctl events --kind write | tail -n 5
		return 1
	}
}

dropped()
{
	vbhctl events | grep -q ' dropped '
}

probe=$tracing/events/vbh/enable
all_kprobes=/sys/kernel/debug/kprobes/enabled

echo "p:vbh/inside vfs_read+$(entry_len)" > $tracing/kprobe_events
claim "VBH is sealed with the shipped policy" sealed_with
refuted "a kprobe is not enabled after the seal" sh -c "echo 1 > $probe"
claim "the kernel log says that policy refuses it" says "policy refuses a kprobe (patching.kprobes)"
refuted "nor once debugfs' switch of all kprobes was thrown" \
	sh -c "echo 1 > $all_kprobes && echo 1 > $probe"
refuted "nor when it has been off" \
	sh -c "echo 0 > $all_kprobes && echo 1 > $all_kprobes && echo 1 > $probe"
refuted "nor a new one" \
	sh -c "echo 'p:vbh/late vfs_write+$(entry_len)' >> $tracing/kprobe_events && echo 1 > $tracing/events/vbh/late/enable"
refuted "a module is not loaded" modprobe dummy
claim "and the kernel log says why" says "dummy is a module, which VBH's policy denies now"
claim "static keys go on" keys_go_on
claim "tracers go on" tracer function 'vfs_*'
claim "and nothing of that is a violation" no_violations
echo > $tracing/kprobe_events
claim "VBH stops" vbhctl stop --key /tmp/key
claim "kprobes work again" kprobes

# Nothing of this is a matter of the processor.
if ! grep -q vbh.short /proc/cmdline; then
	echo "p:vbh/inside vfs_read+$(entry_len)" > $tracing/kprobe_events
	echo 1 > $probe
	refuted "with kprobes denied VBH does not start over one" start_with kprobes deny
	claim "and says where it is" says 'there is a kprobe at vfs_read'
	echo 0 > $probe
	claim "when it is disabled it does" start_with kprobes deny
	refuted "and it is not enabled again" sh -c "echo 1 > $probe"
	claim "VBH stops" vbhctl stop
	echo > $tracing/kprobe_events
	claim "kprobes work again" kprobes

	echo vfs_read > $tracing/set_ftrace_filter
	echo function > $tracing/current_tracer
	refuted "with ftrace denied VBH does not start over a tracer" start_with ftrace deny
	claim "and says what is traced" says 'vfs_read.* is traced'
	echo nop > $tracing/current_tracer
	claim "without one it does" start_with ftrace deny
	refuted "no function is traced then" tracer function 'vfs_*'
	echo nop > $tracing/current_tracer
	claim "the kernel log says why" says 'ftrace is off .*(patching.ftrace)'
	claim "static keys go on" keys_go_on
	claim "modules load and unload" modules 2
	claim "and nothing of that is a violation" no_violations
	claim "VBH stops" vbhctl stop
	claim "tracers work again" tracer function 'vfs_*'
	claim "ftrace can be denied from the seal on" \
		sealed_with ftrace until-seal modules listed
	refuted "no program is attached to a function then" patches bpf 1
	claim "listed modules load and unload" modules 1
	claim "static keys go on" keys_go_on
	claim "and nothing of that is a violation" no_violations
	claim "VBH stops" vbhctl stop --key /tmp/key
	claim "tracers work again" tracer function 'vfs_*'

	claim "VBH starts with BPF programs denied" start_with bpf deny
	refuted "one at a function's entry is refused" patches bpf 1
	claim "the kernel log says why" says 'policy refuses a BPF program .*(patching.bpf)'
	claim "tracers go on" tracer function 'vfs_*'
	claim "static keys go on" keys_go_on
	claim "and nothing of that is a violation" no_violations
	claim "VBH stops" vbhctl stop
	claim "BPF programs work again" patches bpf 1

	claim "VBH is sealed with static keys denied from then on" sealed_with jump_labels until-seal
	claim "one is switched, and nothing dies" on_and_off
	claim "which was left out" dropped
	claim "tracers go on" tracer function 'vfs_*'
	claim "VBH stops" vbhctl stop --key /tmp/key
	claim "it can be toggled" switch $schedstats
fi

claim "VBH starts with static keys denied" start_with jump_labels deny
refuted "what passes over what was left out can't be switched off" \
	sh -c "echo 0 > /proc/sys/kernel/ftrace_enabled"
claim "one is switched, and nothing dies" on_and_off
claim "it is as it was" [ "$(cat $schedstats)" = 0 ]
claim "its changes were violations" [ "$(violations)" -gt 0 ]
claim "which were left out" dropped
claim "the kernel log says so" says "policy refuses a change of the kernel's code: it is left out"
claim "tracers go on" tracer function 'vfs_*'
claim "it is left on" sh -c "echo 1 > $schedstats"
claim "VBH stops" vbhctl stop
claim "what was left out is made up for" [ "$(cat $schedstats)" = 1 ]
claim "and it can be toggled" switch $schedstats

claim "VBH starts with static calls denied from the seal on" start_with static_calls until-seal
echo 1 > $tracing/events/sched/sched_process_exec/enable
refuted "it is not sealed over an event" vbhctl seal
claim "and says which" says 'the event sched_process_exec is on'
echo 0 > $tracing/events/sched/sched_process_exec/enable
claim "without one it is" vbhctl seal
claim "an event is switched, and nothing dies" event sched/sched_switch
claim "VBH stops" vbhctl stop --key /tmp/key
claim "an event is switched" event sched/sched_switch

claim "there was no oops in all that" no_oops
exit $((failures > 0))
