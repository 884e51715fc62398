# SPDX-License-Identifier: GPL-2.0-only
#
# What Linux does to its own text, under a sealed VBH and a load on both CPUs:
# it works, nothing is broken, and no violation is recorded. What only may be
# done before the seal is done before it.

. /rig/lib.sh
. /rig/work.sh
# What the kernel has to say of its processor as it boots is no matter here.
dmesg -c > /dev/null
times=20
! grep -q vbh.all /proc/cmdline || times=100

# grows FIELD COMMAND...: it works, and patches of that kind are counted.
grows()
{
	local kind=$1 before
	before=$(field "$kind")
	shift
	"$@" || return 1
	[ "$(field "$kind")" -gt "$before" ]
}

# Recorded while somebody listens, however he ends; else only counted.
listeners()
{
	local i pid count
	vbhctl events --follow --kind patch > /tmp/patches &
	pid=$!
	for i in $(seq 30); do
		switch $schedstats || return 1
		sleep 1
		! grep 'patched itself' /tmp/patches || break
	done
	kill -9 $pid
	wait $pid
	grep -q 'patched itself' /tmp/patches || return 1
	count=$(field events)
	grows jump_labels switch $schedstats && [ "$(field events)" = "$count" ]
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

hash=$(vbhctl key generate /tmp/key | grep -o '[0-9a-f]\{64\}' | head -n 1)
sed "s/^#key_hash = .*/key_hash = \"$hash\";/" "$policy" > /tmp/key.conf
sed 's/\(modules.*= "\)until-seal/\1allow/' /tmp/key.conf > /tmp/modules.conf

claim "VBH starts" start_vbh /tmp/key.conf
claim "it knows the kernel's patch sites" [ "$(field patch_sites)" -gt 10000 ]
load &
load &
claim "kprobes work before the seal" kprobes
claim "modules load and unload $times times, Debian's test of static keys among them" \
	modules "$times"
claim "a module with sites of its own is loaded" modprobe nf_conntrack
modprobe nf_tables
echo "p:vbh/inside vfs_read+$(entry_len)" > $tracing/kprobe_events
echo 1 > $tracing/events/vbh/enable
refuted "VBH is not sealed over a kprobe, which could not go any more" vbhctl seal
echo 0 > $tracing/events/vbh/enable
claim "VBH can be sealed" vbhctl seal
# That by which vbh.ko refuses kprobes.
own=$(field trampolines)
refuted "a kprobe is not enabled after the seal" sh -c "echo 1 > $tracing/events/vbh/enable"
claim "a static key is toggled" grows jump_labels switch $schedstats
claim "that is recorded while somebody listens, and not when he was killed" listeners
claim "static keys of the network are switched" grows jump_labels patches keys 3
claim "netfilter's hooks are switched" grows jump_labels netfilter
claim "BPF programs see a function's entry and a tracepoint" grows ftrace patches bpf 3
for e in sched/sched_switch kmem/kmalloc sched/sched_process_exec; do
	claim "the event $e is switched" event $e
done
for e in sched syscalls timer; do
	claim "all events of $e are switched" switch $tracing/events/$e/enable
done
claim "some functions are traced" tracer function 'vfs_*'
claim "some functions are traced as a graph" tracer function_graph 'vfs_*'
# Minutes: a load runs that is traced as well, and Linux patches the thousands of
# calls of a preemption model one by one, with three interrupts of all CPUs each.
if grep -q vbh.all /proc/cmdline; then
	claim "the preemption model changes" grows static_calls preempt
	claim "every function is traced" tracer function
	claim "every function is traced again" tracer function
	claim "every event is switched" switch $tracing/events/enable
fi
claim "ftrace's trampolines are given back" [ "$(field trampolines)" = "$own" ]
refuted "no module can be loaded after the seal" modprobe dummy
claim "there was no violation" [ "$(violations)" = 0 ]
claim "VBH stops" vbhctl stop --key /tmp/key
claim "and is sealed with modules allowed" sh -c '. /rig/lib.sh; start_vbh /tmp/modules.conf && vbhctl seal'
claim "modules load and unload $times times after that" modules "$times"
touch /tmp/stop
wait
claim "there was no violation either" [ "$(violations)" = 0 ]
claim "and no oops" sh -c '! dmesg | grep -q "BUG:\|Oops\|WARNING:"'
claim "the chain of events is whole" vbhctl events --verify
exit $((failures > 0))
