# SPDX-License-Identifier: GPL-2.0-only
#
# Workloads for a KVM host to count the exits of; with vbh.start on the command line
# under VBH with the policy that it ships, sealed. Each stands between two lines
# "COST name begin" and "COST name end", at which the host takes its counters.

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

for work in execs pipes files; do
	sleep 1
	echo "COST $work begin"
	sleep 1
	$work
	echo "COST $work end"
	sleep 1
done
exit $((failures > 0))
