# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's selftests of livepatch: a result for each of their tests. After the
# seal none loads; samples.sh sees that.

[ "$state" != sealed ] || return 0
for script in /rig/livepatch/test-*.sh; do
	name=${script##*/test-}
	begin
	(cd /rig/livepatch && timeout 300 bash "$script") > /tmp/said 2>&1
	ended=$?
	# "TEST: what is tested ... ok"
	grep -o '^TEST: .*' /tmp/said > /tmp/tests
	while IFS= read -r line; do
		probe="${name%.sh}: $(echo "$line" | sed 's/^TEST: //; s/ \.\.\. .*//')"
		result "$(echo "$line" | sed 's/.* \.\.\. //')"
		begin
	done < /tmp/tests
	probe=$name
	result "ends with $ended"
	grep -v '^TEST' /tmp/said | head -n 30 | sed 's/^/# /'
done
