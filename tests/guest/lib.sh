# SPDX-License-Identifier: GPL-2.0-only
#
# What the guest's scripts share: TAP lines, loading and starting. Each claim is
# a sentence; `claim` runs a command and the sentence is true if it succeeds.

failures=0
policy=/rig/policy.conf

ok()
{
	echo "ok - $*"
}

not_ok()
{
	echo "not ok - $*"
	failures=$((failures + 1))
}

# claim SENTENCE COMMAND...: what a failed command said follows as a comment.
claim()
{
	local sentence=$1 output
	shift
	if output=$("$@" 2>&1); then
		ok "$sentence"
	else
		not_ok "$sentence: $* gave $?"
		echo "$output" | sed 's/^/# /'
	fi
}

# The same for what has to fail.
refuted()
{
	local sentence=$1 output
	shift
	if output=$("$@" 2>&1); then
		not_ok "$sentence: $* succeeded"
		echo "$output" | sed 's/^/# /'
	else
		ok "$sentence"
	fi
}

# Runs a program that prints TAP lines itself.
tap()
{
	"$@" || failures=$((failures + 1))
}

# load_attacks [PARAMETER]...
load_attacks()
{
	local address
	address=$(grep ' kallsyms_lookup_name$' /proc/kallsyms | cut -d' ' -f1)
	insmod /rig/vbh_attack.ko kallsyms=0x"$address" "$@"
}

# Forks and execs, in the background, until there is /tmp/stop.
load()
{
	while [ ! -e /tmp/stop ]; do
		/bin/true
		ls / > /dev/null
	done
}

# The rig may want the module with a parameter (vbh.param=NAME=VALUE).
start_vbh()
{
	local param
	param=$(sed -n 's/.*vbh.param=\([^ ]*\).*/\1/p' /proc/cmdline)
	[ -z "$param" ] || [ -e /dev/vbh ] || insmod /rig/vbh.ko "$param" || return 1
	vbhctl start --module /rig/vbh.ko --policy "${1:-$policy}"
}

# vbhctl check exits with $1, and has a line that matches each of the others.
check_says()
{
	local code=$1 pattern status=0
	shift
	vbhctl check --module /rig/vbh.ko > /tmp/check || status=$?
	cat /tmp/check
	[ $status = "$code" ] || return 1
	for pattern; do
		grep -q "$pattern" /tmp/check || return 1
	done
}

# The number $1 of vbhctl -j status.
field()
{
	vbhctl -j status | tr -d ' ' | tr ',{}' '\n\n\n' | sed -n "s/^\"$1\":\([0-9]*\)$/\1/p" |
		head -n 1
}

# How many violations there have been.
violations()
{
	field violations
}

# Has the kernel complained? Then with what it said.
no_oops()
{
	! dmesg | grep "BUG:\|Oops\|WARNING:\|stall[s ]"
}

# The policy on stdout with each "deny" of memory and pins turned into rule $1.
policy_with()
{
	sed "s/\"deny\"/\"$1\"/" "$policy"
}

# Everything onto CPU 0, interrupts as well: for what costs the other CPUs.
stay_on_cpu_0()
{
	local irq
	taskset -p 1 1 > /dev/null
	taskset -p 1 $$ > /dev/null
	for irq in /proc/irq/*/smp_affinity; do
		echo 1 > "$irq"
	done 2> /dev/null
}

# How far behind its symbol a function's first own instruction is: behind ftrace's, and
# behind ENDBR where the kernel has that.
entry_len()
{
	local n events=/sys/kernel/tracing/kprobe_events
	for n in 5 9; do
		echo "p:entry_len/read vfs_read+$n" >> $events 2> /dev/null || continue
		echo '-:entry_len/read' >> $events
		echo $n
		return
	done
}

# An end that needs no other CPU. Does not return.
end_hard()
{
	printf '\nRIG-EXIT %d\n' "$failures"
	stty -F /dev/console -echo 2> /dev/null
	sleep 1
	echo b > /proc/sysrq-trigger
	sleep 60
}

# Debian's kernel prints little on the console; a test's oops less.
echo 1 > /proc/sys/kernel/printk
