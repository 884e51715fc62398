# SPDX-License-Identifier: GPL-2.0-only
#
# From one kernel into the next under VBH, by kexec: an open one stops, and the
# next kernel can start its own. A sealed one (vbh.sealed) stays, and the next
# kernel does not get far.

. /rig/lib.sh

# The same initramfs and the same command line, and $1.
next_kernel()
{
	(cd / && find . -xdev | cpio -o -H newc 2> /dev/null) > /tmp/initrd || return 1
	kexec /boot/vmlinuz /tmp/initrd "$(cat /proc/cmdline) $1"
}

if grep -q vbh.next /proc/cmdline; then
	ok "the next kernel comes up"
	refuted "and VBH does not run" sh -c "vbhctl -j status | grep -q '\"running\": *true'"
	load_attacks
	claim "it can start its own" start_vbh
	tap attack deny -c 0 cr0-wp text-vmap idt-vmap
	claim "and stop it" vbhctl stop
	exit $((failures > 0))
fi
claim "VBH starts" start_vbh
if grep -q vbh.sealed /proc/cmdline; then
	claim "VBH can be sealed" vbhctl seal
	echo "# now the machine has to stop"
fi
next_kernel vbh.next
not_ok "kexec goes to the next kernel"
exit 1
