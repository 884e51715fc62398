# SPDX-License-Identifier: GPL-2.0-only
#
# Without VBH every attack works, or the processor itself stops it. With
# vbh.last on the command line also what costs other CPUs, at the end: the
# machine is reset then.

. /rig/lib.sh
load_attacks
if grep -q vbh.last /proc/cmdline; then
	stay_on_cpu_0
	tap attack honest -c 0
	attack plain -c 0 -l "$failures"
	exit 1	# not reached
fi
tap attack honest -c 0
tap attack plain -c 0
exit $((failures > 0))
