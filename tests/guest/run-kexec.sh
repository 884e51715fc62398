# SPDX-License-Identifier: GPL-2.0-only
#
# From one kernel into the next under VBH, by kexec or (vbh.crash) because it has
# crashed: an open VBH stops, and the next kernel can start its own. A sealed one
# (vbh.sealed) stays, and the next kernel does not get far.

. /rig/lib.sh

# next_kernel [-p]: the same initramfs and command line.
next_kernel()
{
	(cd / && find . -xdev | cpio -o -H newc 2> /dev/null) > /tmp/initrd || return 1
	kexec "$@" /boot/vmlinuz /tmp/initrd \
		"$(sed 's/crashkernel=[^ ]*/nr_cpus=1/' /proc/cmdline) vbh.next"
}

if grep -q vbh.next /proc/cmdline; then
	ok "the next kernel comes up"
	! grep -q vbh.crash /proc/cmdline ||
		claim "with the memory of the one that crashed" [ -s /proc/vmcore ]
	refuted "and VBH does not run" sh -c "vbhctl -j status | grep -q '\"running\": *true'"
	if grep -q vbh.crash /proc/cmdline; then
		# Under KVM it knows of no memory that is not the guest's.
		if start_vbh 2> /dev/null; then
			claim "and is started, by KVM" sh -c "vbhctl -j status | grep -w kvm"
		else
			ok "and is not started where memory is another kernel's"
		fi
		exit $((failures > 0))
	fi
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
if grep -q vbh.crash /proc/cmdline; then
	claim "a crash kernel is loaded" next_kernel -p
	sleep 1
	echo c > /proc/sysrq-trigger
	sleep 60
fi
next_kernel
not_ok "kexec goes to the next kernel"
exit 1
