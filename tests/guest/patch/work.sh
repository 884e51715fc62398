# SPDX-License-Identifier: GPL-2.0-only
#
# Ordinary work for which Linux changes its own text, for scripts that have read
# lib.sh. Each works, or returns 1.

tracing=/sys/kernel/tracing
schedstats=/proc/sys/kernel/sched_schedstats

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
	echo "p:vbh/inside vfs_read+$(entry_len)" >> $tracing/kprobe_events || return 1
	echo 1 > $tracing/events/vbh/enable || return 1
	cat /proc/mounts > /dev/null
	echo 0 > $tracing/events/vbh/enable
	hits=$(grep -c 'entry:\|inside:' $tracing/trace)
	echo > $tracing/kprobe_events
	echo > $tracing/trace
	[ "$hits" -gt 1 ]
}

# modules TIMES: some with patch sites, and uses of the kernel's own.
modules()
{
	local i
	for i in $(seq "$1"); do
		if [ -e /lib/modules/*/kernel/lib/test_static_keys.ko ]; then
			modprobe test_static_keys || return 1
			rmmod test_static_keys test_static_key_base || return 1
		fi
		modprobe dummy && rmmod dummy || return 1
	done
}

# Hooks of netfilter are behind static keys: on with their first user, off with the last.
netfilter()
{
	local i
	for i in 1 2 3; do
		nft -f - <<-END || return 1
			table inet vbh {
				chain in {
					type filter hook input priority 0
					icmp type echo-request counter
				}
				chain out {
					type filter hook output priority 0
				}
			}
		END
		ping -c 1 127.0.0.1 > /dev/null || return 1
		nft list table inet vbh | grep -q 'packets 1' || return 1
		nft delete table inet vbh || return 1
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
