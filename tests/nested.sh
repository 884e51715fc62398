# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
#
# What tests/run sources for the rig "nested": the boots in which KVM is the body,
# seen from its host and from its guest. The guest's tests are those of bare metal.

# Only the first two belong to the short check.
check_nested()
{
	local launches=3 limit=400

	if wanted host; then
		image=deny
		image deny run-deny.sh
		RIG_HOST=tests/kvm/run-host.sh boot host --timeout "$limit"
	fi
	if wanted deny; then
		[[ $mode == check ]] || launches=20
		image=deny
		image deny run-deny.sh
		boot deny --timeout "$limit" --append "vbh.launches=$launches"
	fi
	[[ $mode != check || ${#only[@]} -gt 0 ]] || return 0
	if wanted same; then
		image=deny
		image deny run-deny.sh
		kvm/build --plain > "$out/plain.log" &&
			RIG_HOST=tests/kvm/run-same.sh RIG_HOST_APPEND='' boot same --timeout "$limit" \
				--threads single	# it switches tracepoints; its VMs need no timer
	fi
	if wanted off; then
		image=plain
		image plain run-plain.sh
		RIG_HOST_APPEND='' boot off --timeout "$limit"
	fi
	if wanted reset; then
		image=reset
		image reset run-reset.sh
		RIG_HOST=tests/kvm/run-reset.sh boot reset --timeout "$limit"
	fi
	for image in log sealed; do
		wanted $image || continue
		image $image run-$image.sh
		boot $image --timeout "$limit"
	done
	if wanted listed; then
		image=listed
		listed_image listed
		boot listed --timeout $((limit * 2)) --append vbh.loads=5
	fi
	if wanted honest; then
		image=honest
		image honest run-honest.sh -m test_static_keys -m dummy \
			rig/honest=tests/guest/honest/honest rig/honest.sh=tests/guest/honest/honest.sh
		# Two emulators deep, some of it fails without VBH.
		boot honest --timeout "$limit" --append vbh.same
	fi
	if wanted patch; then
		image='patch'
		patch_image patch
		boot patch --timeout $((limit * 2)) --append nowatchdog
	fi
	if wanted smc; then
		image=smc
		smc_image
		boot smc --timeout $((limit * 2)) --append nowatchdog
	fi
	! wanted kexec || kexec
	if wanted cost; then
		image=cost
		image cost run-cost.sh
		cost
	fi
	wanted panic || return 0
	image=panic
	image panic run-panic.sh
	dies="the machine stops at the first violation"
	boot panic --timeout 60
	dies=
}

# VM exits of one workload: KVM as it is, patched but not asked for, and at work.
cost()
{
	local dir=build/$kernel/kvm-plain

	kvm/build --plain > "$out/plain.log" || return
	RIG_KVM=$dir RIG_HOST_APPEND='rig.exits=1' boot cost-plain --cpus 1
	RIG_HOST_APPEND='rig.exits=1' boot cost-off --cpus 1
	RIG_HOST_APPEND='rig.exits=1 rig.kvm=vbh=1' boot cost-on --cpus 1 --append vbh.start
	tests/kvm/cost "$out"/cost-{plain,off,on}.nested.log > "$out/cost.txt" || :
	while IFS= read -r line; do
		tap_line cost "$line"
	done < "$out/cost.txt"
}
