# SPDX-License-Identifier: GPL-2.0-only
#
# One processor model with one choice of mitigations: memory has what smc diff
# expects, as it boots and after static keys and calls have been switched; and if
# there is SVM, VBH knows the same bytes, modules load by a list, and all of that
# works sealed.

. /rig/lib.sh
. /rig/work.sh
flip=/sys/kernel/debug/vbh_attack/flip
files="--vmlinux /boot/vmlinux --modules /lib/modules/$(uname -r) --modules /rig"

# What the kernel has to say of its processor as it boots is no matter here.
dmesg -c > /dev/null

# Nothing on stdout, and status 0.
clean()
{
	local text
	text=$(vbhctl smc diff --disasm $files) || { echo "$text"; return 1; }
	[ -z "$text" ] || { echo "$text"; return 1; }
}

# Static calls that become returns and back, if the kernel has them, and keys.
switches()
{
	local file=/sys/kernel/debug/sched/preempt model before
	switch $schedstats && switch $tracing/events/sched/enable || return 1
	[ -e $file ] || return 0
	before=$(sed 's/.*(\(.*\)).*/\1/' $file)
	for model in full "$before"; do
		echo "$model" > $file && grep -q "($model)" $file || return 1
	done
}

# Of one function, for all that have some.
locks()
{
	local state="lock prefix"
	[ "$(cat /sys/devices/system/cpu/possible)" != 0 ] || state="no lock prefix"
	vbhctl smc sites $files refcount_dec_and_mutex_lock | tee /tmp/sites | grep -q "  $state$"
}

# Where the kernel's indirect branches go for ITS: a page, as an offset from _text.
thunks()
{
	local text function at
	text=$(sed -n 's/^ffffffff\([0-9a-f]*\) . _text$/\1/p' /proc/kallsyms)
	for function in vfs_read vfs_write do_sched_yield notify_change vfs_fsync_range; do
		at=$(vbhctl smc sites $files $function |
			sed -n 's/.* retpoline .* 0xffffffff\([c-f][0-9a-f]\{7\}\)$/\1/p' |
			head -n 1)
		[ -z "$at" ] || break
	done
	[ -z "$at" ] || echo _text+$(((0x$at & ~0xfff) - 0x$text))
}

of()
{
	cat "/sys/devices/system/cpu/vulnerabilities/$1" 2> /dev/null
}

echo "# kernel $(uname -r), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
for bug in spectre_v2 retbleed spec_rstack_overflow indirect_target_selection; do
	[ -z "$(of $bug)" ] || echo "# $bug: $(of $bug)"
done
grep -E ' (cpu_caps_set|arch_cpu_finalize_init)$' /proc/kallsyms | sed 's/^/#S /'

for module in nf_conntrack dummy kvm; do
	modprobe $module
done
modprobe kvm_amd 2> /dev/null || modprobe kvm_intel 2> /dev/null
claim "memory has what smc diff expects" clean
# The first of two CPUs did without LOCK prefixes.
for cpu in /sys/devices/system/cpu/cpu*/online; do
	[ "$(cat $cpu 2> /dev/null)" != 0 ] || claim "another CPU comes up" sh -c "echo 1 > $cpu"
done
claim "static calls and keys are switched" switches
claim "and memory has what it expects then" clean
modprobe -r kvm_amd kvm_intel kvm dummy nf_conntrack 2> /dev/null
grep '^flags' /proc/cpuinfo | grep -w svm | grep -qw npt || exit $((failures > 0))

load_attacks
page=$(thunks)
[ -z "$page" ] || claim "a page of the kernel's thunks can be written without VBH" \
	sh -c "echo $page > $flip && echo $page > $flip"
sed 's/\(modules[[:space:]]*= \)"until-seal"/\1"listed"/' "$policy" > /tmp/listed.conf
mkdir -p /var/lib
claim "VBH starts, and agrees about each site" start_vbh /tmp/listed.conf
claim "LOCK prefixes are there, if there may be another CPU" locks
claim "it knows the kernel's patch sites" [ "$(field patch_sites)" -gt 10000 ]
claim "a module loads before the seal" modprobe tun
claim "VBH can be sealed" vbhctl seal
for module in nf_conntrack dummy kvm; do
	claim "the listed module $module loads" modprobe $module
done
claim "static calls and keys are switched under VBH" switches
claim "a function is traced" tracer function 'vfs_*'
claim "nothing of that was a violation" [ "$(violations)" = 0 ]
[ -z "$page" ] || refuted "a page of the kernel's thunks can't be written" \
	sh -c "echo $page > $flip"
claim "memory has what smc diff expects after that" clean
claim "and modules go" modprobe -r kvm
claim "the kernel has nothing to say" no_oops
end_hard
