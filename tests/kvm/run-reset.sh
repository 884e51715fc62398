#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run-reset.sh INITRD KERNEL, in the nested rig's host: a QEMU that knows nothing of
# VBH, and in it a guest that seals itself and reboots. It has to do so three times.

seals=0
while IFS= read -r line; do
	echo "# $line"
	case $line in
	"RESET-TEST sealed"*) seals=$((seals + 1)) ;;
	"RESET-TEST refused"*) break ;;
	esac
	((seals < 3)) || break
done < <(exec timeout 200 qemu-system-x86_64 -accel kvm -cpu host -smp 2 -m 1024 \
	-no-user-config -nodefaults -display none -serial null -serial stdio \
	-kernel "$2" -initrd "$1" -append "console=ttyS0 quiet" < /dev/null)
kill $! 2> /dev/null

if ((seals == 3)); then
	echo "ok - a reset by a QEMU that does not know VBH takes a sealed guest's protection away"
else
	echo "not ok - a reset by a QEMU that does not know VBH takes a sealed guest's protection away"
	exit 1
fi
