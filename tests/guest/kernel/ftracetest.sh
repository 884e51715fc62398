# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's selftests of ftrace, a result for each.

[ "$state" != open ] || grep -q vbh.all /proc/cmdline || return 0

if grep -q vbh.all /proc/cmdline; then
	cases=$(cd /rig/ftrace && find test.d -name '*.tc' | sort)
else
	cases=$(grep -v '^#' /rig/kernel/ftracetest.short)
fi
for case in $cases; do
	probe=${case#test.d/}
	begin
	said=$(cd /rig/ftrace && ./ftracetest --logdir /tmp/ftrace-logs "$case" 2>&1 |
		grep -m 1 '^\[1\]' | sed 's/\x1b\[[0-9;]*m//g; s/.*\[\([A-Z]*\)\]$/\1/')
	result "${said:-nothing}"
	if grep -q vbh.logs /proc/cmdline && [ "$said" != PASS ] && [ "$said" != UNSUPPORTED ]; then
		cat /tmp/ftrace-logs/*/* | grep -v '^+ ' | tail -n 20 | sed "s/^/# /"
	fi
	rm -rf /tmp/ftrace-logs
done
