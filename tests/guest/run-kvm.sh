# SPDX-License-Identifier: GPL-2.0-only
#
# A KVM with VBH on this very processor, without an emulator between: the programs
# of tests/kvm, or, if there is a guest's initramfs, that guest in QEMU; and what
# the kernel has to say of it. The guest gets what is vbh.* on the command line.

. /rig/lib.sh

# What the guest's tests say; its report of their status is not ours.
relay()
{
	local line
	while IFS= read -r line; do
		case $line in
		RIG-*) line=GUEST-${line#RIG-} ;;
		esac
		echo "$line"
	done
}

guest()
{
	mkfifo /tmp/guest
	relay < /tmp/guest &
	# Uncompressed, for this is an emulator.
	qemu-system-x86_64 -accel kvm -cpu host -smp 2 -m 700 -no-user-config -nodefaults \
		-display none -no-reboot -L /usr/share/qemu -L /usr/share/seabios \
		-serial file:/tmp/console -chardev file,id=tests,path=/tmp/guest \
		-serial chardev:tests -kernel /boot/vmlinux -initrd /rig/guest.img \
		-append "console=ttyS0,115200 quiet panic=-1 idle=halt mitigations=off \
cryptomgr.notests tsc=reliable $(tr ' ' '\n' < /proc/cmdline | grep '^vbh\.' | tr '\n' ' ')"
	status=$?
	wait
	tail -n 20 /tmp/console | sed 's/^/# /'
	return $status
}

modprobe irqbypass
modprobe ccp 2> /dev/null
dmesg -c > /dev/null
if grep -q vbh.same /proc/cmdline; then
	CLOCKS=1 PLAIN=/rig/plain VBH=/rig tap run-same.sh
	exit $((failures > 0))
fi
claim "kvm.ko loads" insmod /rig/kvm.ko vbh=1
# Bochs 2.7 logs dirty pages by addresses that are not those of pages; 3.0 has no entry
# with what KVM asks for a virtual APIC.
claim "and this processor's half of it" \
	sh -c "insmod /rig/kvm-intel.ko pml=0 enable_apicv=0 || insmod /rig/kvm-amd.ko"
if [ -e /rig/guest.img ]; then
	tap guest
else
	tap test_body
	tap test_bad
	tap test_state
	tap test_race
fi
claim "the kernel has nothing to say" no_oops
exit $((failures > 0))
