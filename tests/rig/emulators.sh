# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
#
# Which QEMU and Bochs tests/rig/run uses: those of a release of Debian, whatever this
# system is, for what an emulator gets wrong is another thing in each of them. From
# $emulators to qemu, bochs and bochs_share.

scripts=$here/../../scripts
if [[ $emulators == here ]]; then
	root='' release=$("$scripts/root" here)
else
	root=$("$scripts/root" path "$emulators") release=$emulators
	[[ ! $root || -e $root/.complete ]] ||
		die "there are no emulators of Debian $release in $root; scripts/setup makes it"
fi
bochs_share=$root/usr/share/bochs
if [[ $root ]]; then
	qemu=("$scripts/root" exec "$release" qemu-system-x86_64
	      -L "$root/usr/share/qemu" -L "$root/usr/share/seabios")
	bochs=(env "LTDL_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu/bochs/plugins"
	       "$scripts/root" exec "$release" bochs-bin)
else
	qemu=(qemu-system-x86_64) bochs=(bochs-bin)
fi
