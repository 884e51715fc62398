# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
#
# The nested rig: what tests/rig/run sources to boot a KVM host in QEMU, which
# sees this machine's root read-only over 9p and runs tests/rig/run --rig kvm in
# it. From the environment come RIG_KVM, where the host's kvm.ko and kvm-amd.ko are
# (build/VERSION/kvm); RIG_HOST, a script for the host in place of that guest; and
# RIG_HOST_APPEND, words for the host's command line (rig.kvm=vbh=1). Reads run's
# variables; sets command.
#
# A host that only runs a guest has one CPU: with more QEMU (7.2 and 10.0 alike) now and
# then puts the host's own registers where the guest's belong, and the guest is lost.

# One quoted word a line, for sh.
words()
{
	local word
	for word; do
		printf "%s\n" "'${word//\'/\'\\\'\'}'"
	done
}

nested_prepare()
{
	local kver=${kernel##*/vmlinuz-} top inner=() host_files=() host_cpus=1
	local modules=${RIG_KVM:-$here/../../build/$kver/kvm}

	top=$(readlink -f "$here/../..")
	modules=$(readlink -f "$modules")
	[[ -r $modules/kvm.ko ]] || die "no kvm.ko in $modules: make kvm"
	inner=("$top/tests/rig/run" --rig kvm --initrd "$(readlink -f "$initrd")" --log /run/guest.log
		--cpus "$cpus" --mem "$mem" --qemu-cpu "${qemu_cpu/max/host}" --kernel "$kernel"
		--append "$append" --timeout "$timeout")
	for arg in "${qemu_args[@]}"; do
		inner+=(--qemu-arg "$arg")
	done
	if [[ ${RIG_HOST:-} ]]; then
		inner=(bash "$(readlink -f "$RIG_HOST")" "$(readlink -f "$initrd")" "$kernel")
		host_cpus=2
	fi
	if [[ -x $top/tools/vbhctl ]]; then
		host_files+=(usr/sbin/vbhctl="$top/tools/vbhctl")
	fi
	words "${inner[@]}" > "$work/inner"
	LD_LIBRARY_PATH=$top/lib "$here/initramfs" -o "$work/host.img" -k "$kver" -r "$here/nested-host" -m 9p -m 9pnet_virtio \
		-m virtio_pci -m irqbypass -m ccp rig/inner="$work/inner" \
		rig/kvm.ko="$modules/kvm.ko" rig/kvm-amd.ko="$modules/kvm-amd.ko" "${host_files[@]}"
	timeout=$((timeout + 90))
	command=("${qemu[@]}" -accel "tcg,thread=$threads" -cpu max -smp "$host_cpus" -m $((mem + 1536))
		-no-user-config -nodefaults -display none -no-reboot
		-chardev "file,id=com1,path=$work/com1" -serial chardev:com1
		-chardev "file,id=com2,path=$work/com2" -serial chardev:com2
		-virtfs "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap"
		-kernel "$kernel" -initrd "$work/host.img"
		-append "$cmdline mitigations=off ${RIG_HOST_APPEND-rig.kvm=vbh=1}")
}
