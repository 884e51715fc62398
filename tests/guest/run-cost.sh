# SPDX-License-Identifier: GPL-2.0-only
#
# Workloads for a KVM host to count the exits of; with vbh.start on the command line
# under VBH with the policy that it ships, sealed. Each stands between two lines
# "COST name begin" and "COST name end", at which the host takes its counters; around
# them the guest is idle, and starts no program.

. /rig/lib.sh

if grep -q vbh.start /proc/cmdline; then
	claim "VBH starts, and is sealed" sh -c '. /rig/lib.sh; start_vbh && vbhctl seal'
fi

execs()
{
	local i
	for i in $(seq 300); do
		/bin/busybox true
	done
}

pipes()
{
	dd if=/dev/zero bs=4k count=2000 2> /dev/null | cat > /dev/null
}

files()
{
	local i
	for i in $(seq 20); do
		cp /bin/busybox /tmp/copy
		rm /tmp/copy
	done
}

idle()
{
	local nothing
	read -r -t 2 nothing <&9
}

mkfifo /tmp/never
exec 9<> /tmp/never
for work in execs pipes files; do
	idle
	echo "COST $work begin"
	idle
	$work
	idle
	echo "COST $work end"
	idle
done
exit $((failures > 0))
