# SPDX-License-Identifier: GPL-2.0-only
#
# Ordinary writes to what tracefs, debugfs, sysfs and /proc/sys offer (knobs.c).

# Before the seal it is not another way: the long check only.
[ "$state" != open ] || grep -q vbh.all /proc/cmdline || return 0

count=$(sed -n 's/.*vbh.knobs=\([0-9]*\).*/\1/p' /proc/cmdline)
seed=$(sed -n 's/.*vbh.seed=\([0-9]*\).*/\1/p' /proc/cmdline)
! grep -q vbh.progress /proc/cmdline || progress=/dev/ttyS1
roots=$(sed -n 's/.*vbh.roots=\([^ ]*\).*/\1/p' /proc/cmdline | tr , ' ')
besides=$(sed -n 's/.*vbh.besides=\([^ ]*\).*/\1/p' /proc/cmdline)
! grep -q vbh.all /proc/cmdline || count=${count:-60000}
probe=all
begin
knobs -s "${seed:-1}" -n "${count:-60}" ${progress:+-l $progress} ${besides:+-x "$besides"} \
	${roots:-/sys/kernel/tracing /sys/kernel/debug /sys /proc/sys} > /tmp/knobs 2>/tmp/said
ended=$?
cat /tmp/said
[ $ended = 0 ] && result "works" || result "ends with $ended"
sed 's/^/file\t/' /tmp/knobs >> "/tmp/results.$state"
