#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm/build, on a machine that has kernels whose KVM there are no patches for: files
# of no content, in a root of another release. It has to say so before it does anything.

cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/kvm-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0 n=0
root=$(VBH_ROOTS=$work scripts/root path trixie)
[[ $root ]] || root=$(VBH_ROOTS=$work scripts/root path bookworm)

result()
{
	echo "$([[ $1 == 0 ]] || echo "not ")ok $((++n)) - $2"
	[[ $1 == 0 ]] || { failed=1; echo "# $out"; }
}

# kernel VERSION
kernel()
{
	mkdir -p "$root/lib/modules/$1/build" "$root/boot"
	touch "$root/boot/vmlinuz-$1" "$root/.complete"
}

# says WHAT SENTENCE COMMAND...: it fails and names what it could not do.
says()
{
	local what=$1 sentence=$2
	shift 2
	out=$(VBH_ROOTS=$work "$@" 2>&1)
	[[ $? != 0 && $out == *"$what"* ]]
	result $? "$sentence"
}

kernel 6.18.3+deb13-amd64
kernel 9.1.2+deb13-amd64
kernel 7.30.1+deb13-amd64
kernel 7.3.9+deb13-amd64
says "no patches for the KVM of 6.18.3+deb13-amd64" "a kernel between those that have patches is refused by name" \
	kvm/build 6.18
says "no patches for the KVM of 9.1.2+deb13-amd64" "so is a newer one, and when it is KVER that names it" \
	env KVER=9.1 kvm/build
says "there are some for $(cd kvm && echo [0-9]*.[0-9]*)" "and what there are patches for is said" \
	env KERNEL=newest kvm/build
says "no patches for the KVM of 7.30.1+deb13-amd64" "7.30 is not 7.3" kvm/build 7.30
says "install linux-source-7.3" "without its source it is the package that is named" \
	kvm/build 7.3.9+deb13-amd64
says "no kernel 5.10" "and so is a kernel that is not there" kvm/build 5.10
says "no patches for the KVM of 6.18.3+deb13-amd64" "an unpatched KVM for it is refused too" \
	kvm/build --plain 6.18
[[ ! -e build/6.18.3+deb13-amd64 && ! -e build/9.1.2+deb13-amd64 ]]
out=$(ls build 2> /dev/null) result $? "nothing is left of it"
echo "1..$n"
exit $failed
