# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
#
# Which QEMU and Bochs tests/rig/run uses: those of a release of Debian, whatever this
# system is, for what an emulator gets wrong is another thing in each of them. From
# $emulators to qemu, bochs and bochs_share.

scripts=$here/../../scripts
root=
if [[ $emulators != here && $emulators != "$("$scripts/root" here)" ]]; then
	root=$("$scripts/root" path "$emulators")
	[[ -e $root/.complete ]] ||
		die "there are no emulators of Debian $emulators in $root; scripts/setup makes it"
fi
bochs_share=$root/usr/share/bochs
if [[ $root ]]; then
	qemu=("$scripts/root" exec "$emulators" qemu-system-x86_64
	      -L "$root/usr/share/qemu" -L "$root/usr/share/seabios")
	bochs=(env "LTDL_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu/bochs/plugins"
	       "$scripts/root" exec "$emulators" bochs-bin)
else
	qemu=(qemu-system-x86_64) bochs=(bochs-bin)
fi
