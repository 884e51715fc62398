# SPDX-License-Identifier: GPL-2.0-only
#
# BPF programs of each kind, attached to the kernel and detached.

probe=all
begin
attach /rig/bpf > /tmp/attached 2>&1
result "ends with $?"
begin
while IFS='	' read -r probe how; do
	result "$how"
done < /tmp/attached
