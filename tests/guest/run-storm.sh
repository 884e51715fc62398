# SPDX-License-Identifier: GPL-2.0-only
#
# NMIs without end, while VBH starts and stops, the kernel patches itself, attacks
# are refused, CPUs go and come back: none may hit a moment that has no place for it,
# or come out as something else. vbh.rounds=N launches.

. /rig/lib.sh
cpu1=/sys/devices/system/cpu/cpu1/online
rounds=$(sed -n 's/.*vbh.rounds=\([0-9]*\).*/\1/p' /proc/cmdline)

storm()
{
	insmod /rig/vbh_storm.ko "$@"
}

# NMIs by now on CPU 0, and on the one that has had the fewest.
nmis()
{
	awk '$1 == "NMI:" { n = $2; for (i = 3; $i ~ /^[0-9]+$/; i++) if ($i < n) n = $i; print $2, n }' \
		/proc/interrupts
}

# under_nmis WHOSE COMMAND...: runs it; CPU 0, or all, has had NMIs when it is over.
under_nmis()
{
	local whose=$1 before after
	shift
	before=$(nmis)
	"$@" || return 1
	after=$(nmis)
	if [ "$whose" = all ]; then
		before=${before#* } after=${after#* }
	else
		before=${before% *} after=${after% *}
	fi
	[ $((after - before)) -ge 10 ] || {
		echo "$((after - before)) NMIs"
		return 1
	}
}

launches()
{
	local i=0
	while [ $i -lt "${rounds:-20}" ]; do
		i=$((i + 1))
		start_vbh && vbhctl stop || return 1
	done
}

hotplug()
{
	local i
	for i in 1 2 3; do
		echo 0 > $cpu1 && echo 1 > $cpu1 && [ "$(cat $cpu1)" = 1 ] || return 1
	done
}

keys()
{
	local i
	for i in 1 2 3 4 5; do
		echo 1 > /proc/sys/kernel/sched_schedstats
		echo 0 > /proc/sys/kernel/sched_schedstats
	done
}

# Exits that are answered, for a while.
exits()
{
	local i=0
	while [ $i -lt 50 ]; do
		i=$((i + 1))
		vbhctl status > /dev/null || return 1
		/bin/true
	done
}

claim "NMIs come" storm
claim "every CPU has them" under_nmis all sleep 1
claim "${rounds:-20} launches and stops among them" under_nmis all launches
claim "VBH starts" start_vbh
claim "every CPU has them under VBH" under_nmis all sleep 1
claim "the kernel patches itself" under_nmis all keys
claim "exits are answered" under_nmis all exits
claim "there was no violation" [ "$(violations)" = 0 ]
load_attacks
# A CPU that comes up has no IDT yet, with VBH or without.
rmmod vbh_storm
claim "CPU 0 alone has them" storm all=0
claim "and CPU 1 goes and comes back" under_nmis 0 hotplug
rmmod vbh_storm
claim "every CPU has them again" storm
# After the seal the module stays.
claim "VBH can be sealed" vbhctl seal
tap attack sealed -c 1 cr0-wp cr4-smep efer-nxe lstar idtr gdtr text-vmap rodata-direct
claim "every CPU has them after the seal" under_nmis all sleep 1
claim "no NMI was one that nobody knows" sh -c '! dmesg | grep "Uhhuh\|NMI received for unknown"'
claim "and there is no oops, no stall" no_oops
exit $((failures > 0))
