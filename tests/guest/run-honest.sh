# SPDX-License-Identifier: GPL-2.0-only
#
# Ordinary work before VBH starts and after, in the same boot: the same results,
# and no violation. The command line says how much of it (vbh.scale=N).

. /rig/lib.sh
SCALE=$(sed -n 's/.*vbh.scale=\([0-9]*\).*/\1/p' /proc/cmdline)
export SCALE=${SCALE:-1} HONEST=/rig/honest

# honest.sh numbers its lines; the runner numbers them again.
work()
{
	sh /rig/honest.sh "$1" > /tmp/honest.out 2>&1
	status=$?
	sed -e 's/^\(ok\|not ok\) [0-9]* - /\1 - '"$1"': /' /tmp/honest.out
	[ $status = 0 ] || failures=$((failures + 1))
}

work before
claim "VBH starts under the running kernel" start_vbh
work after
claim "and no violation was recorded" [ "$(violations)" = 0 ]
exit $((failures > 0))
