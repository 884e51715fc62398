# SPDX-License-Identifier: GPL-2.0-only
#
# What VBH can't launch on: it says what is missing, and the kernel runs on. The
# command line names what it has to say (vbh.refuse=WORD), or KVM is in use.

. /rig/lib.sh
load_attacks
word=$(sed -n 's/.*vbh.refuse=\([^ ]*\).*/\1/p' /proc/cmdline)

# The launch fails, and says the word.
refused_for()
{
	start_vbh > /tmp/said 2>&1 && return 1
	cat /tmp/said
	grep -qi "$1" /tmp/said
}

if [ "$word" ]; then
	claim "vbhctl check says so before" check_says 10 "^FAIL  .*: no \(SVM\|$word\)" \
		"^VBH can't start here"
	claim "a launch without $word is refused, and says so" refused_for "$word"
	tap attack honest -c 0
	exit $((failures > 0))
fi

# The kernel fails a CPU's way up at a state that it is told, once.
cpu=/sys/devices/system/cpu
echo 0 > $cpu/cpu1/online
sed -n 's/: *workqueue:online$//p' $cpu/hotplug/states > $cpu/cpu1/hotplug/fail
claim "a launch while a CPU can't come online is refused, and names it" \
	refused_for "CPU 1 is offline and does not come online"
claim "and that CPU is still offline" [ "$(cat $cpu/cpu1/online)" = 0 ]
claim "when it can, a launch takes it in" start_vbh
claim "and leaves it offline" [ "$(cat $cpu/cpu1/online)" = 0 ]
claim "and VBH stops" vbhctl stop
echo 1 > $cpu/cpu1/online
modprobe kvm_amd 2> /dev/null || modprobe kvm_intel
vmholder &
holder=$!
sleep 1
claim "KVM has a virtual machine" kill -0 $holder
claim "vbhctl check names KVM" check_says 10 "^FAIL  holder: kvm_.* is loaded" "one line says why"
claim "a launch while KVM uses the processor is refused, and says so" refused_for kvm
claim "and KVM's virtual machine is still there" kill -0 $holder
kill $holder
wait $holder 2> /dev/null
for m in kvm_amd kvm_intel; do
	rmmod $m 2> /dev/null
done
claim "without KVM it starts" start_vbh
tap attack deny -c 0 cr0-wp text-vmap
claim "and stops" vbhctl stop
exit $((failures > 0))
