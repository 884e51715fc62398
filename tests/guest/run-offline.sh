# SPDX-License-Identifier: GPL-2.0-only
#
# CPUs that Linux does not run, as the command line has it: siblings under nosmt, or, on
# an emulator that has none, as if (vbh.siblings); with maxcpus=1 and nr_cpus=3 CPUs
# that were never started, and one that Linux does not know. VBH takes them in, Linux
# goes on as it would without, and nobody else can start them.

. /rig/lib.sh
cpus=/sys/devices/system/cpu
nosmt=

come()
{
	echo 1 > $cpus/cpu$1/online
}

go()
{
	echo 0 > $cpus/cpu$1/online
}

case $(cat /proc/cmdline) in
*vbh.siblings*)
	load_attacks nosmt=1
	nosmt=1
	go 1
	go 3
	;;
*nosmt*)
	load_attacks
	nosmt=1
	;;
*)
	load_attacks
	;;
esac
before=$(cat $cpus/online)

as_before()
{
	cat $cpus/online $cpus/smt/control
	[ "$(cat $cpus/online)" = "$before" ] &&
		{ [ ! "$nosmt" ] || [ "$(cat $cpus/smt/control)" = off ]; }
}

if [ "$nosmt" ]; then
	claim "Linux keeps the siblings offline" [ "$before" = 0,2 ]
	refuted "and refuses to bring one online" come 1
else
	claim "Linux has started one CPU" [ "$before" = 0 ]
	tap attack plain -c 0 start-left-out
fi
tap attack plain -c 0 start-offline
claim "VBH starts" start_vbh
claim "the same CPUs are online as before" as_before
claim "and the others are under VBH as well" \
	[ "$(field cpus)" = "$(ls -d $cpus/cpu[0-9]* | wc -l)" ]
tap attack deny -c 0 start-offline start-left-out cr0-wp
if [ "$nosmt" ]; then
	refuted "Linux still refuses to bring a sibling online" come 1
else
	claim "one that was never online comes online" come 2
	tap attack deny -c 2 cr0-wp lstar text-vmap init-physical start-offline start-left-out
	claim "and goes again" go 2
fi
claim "VBH stops" vbhctl stop
claim "and still the same CPUs are online" as_before
tap attack plain -c 0 start-offline
claim "it starts again" start_vbh
claim "and is sealed" vbhctl seal
tap attack sealed -c 0 cr0-wp text-vmap idtr gdtr apic-base hv-write-vmap sealed-stop start-offline start-left-out
if [ "$nosmt" ]; then
	refuted "Linux refuses to bring a sibling online" come 1
	claim "until root allows them all" sh -c "echo on > $cpus/smt/control"
	claim "then they are online" [ "$(cat $cpus/online)" = 0-3 ]
	tap attack sealed -c 3 cr0-wp lstar text-vmap init-physical
	claim "and go again" sh -c "echo off > $cpus/smt/control"
	claim "so that it is as before" as_before
else
	claim "one that was never online comes online" come 1
	tap attack sealed -c 1 cr0-wp lstar text-vmap init-physical start-offline start-left-out
	claim "and goes again" go 1
fi
tap attack sealed -c 0 start-offline start-left-out
claim "the kernel has nothing to say" no_oops
exit $((failures > 0))
