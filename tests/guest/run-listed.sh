# SPDX-License-Identifier: GPL-2.0-only
#
# Modules after the seal, by a policy that lists them: Debian's own load, work and
# go, also a small one many times; and what is not as it was listed does not load.

. /rig/lib.sh
load_attacks
attacks="module-not-listed module-before module-race module-after module-field
	module-description module-list"
tap attack plain -c 0 $attacks

sed 's/\(modules[[:space:]]*= \)"until-seal"/\1"listed"/' "$policy" > /tmp/listed.conf
times=$(sed -n 's/.*vbh.loads=\([0-9]*\).*/\1/p' /proc/cmdline)
early=test_static_keys
[ -e /lib/modules/*/kernel/lib/$early.ko ] || early=tun	# not every flavour has it
file=/var/lib/vbh/catalogue-$(uname -r)
mkdir -p /var/lib
echo "no catalogue" > /tmp/broken

refuted "VBH does not start with a file that is no catalogue" \
	vbhctl start --module /rig/vbh.ko --policy /tmp/listed.conf --catalogue /tmp/broken
[ -e /dev/vbh ] || insmod /rig/vbh.ko
tap wrongfds /tmp/broken
claim "the catalogue is made when VBH starts" start_vbh /tmp/listed.conf
claim "it lists a module that is on disk" vbhctl catalogue show "$(echo $early | tr _ -)"
refuted "and none that is not" vbhctl catalogue show vbh_extra
claim "a module loads before the seal" modprobe $early
claim "VBH can be sealed" vbhctl seal

# A big one with all that it needs, with alternatives, paravirt calls and exports.
listed()
{
	modprobe nf_conntrack && grep -q '^nf_conntrack .*Live' /proc/modules &&
		[ -e /proc/sys/net/netfilter/nf_conntrack_max ]
}

dummies()
{
	local i
	for i in $(seq "${times:-20}"); do
		modprobe dummy && ip link show dummy0 > /dev/null && rmmod dummy || return 1
	done
}

notes()
{
	grep -c 'module dummy .*: 4 KiB of text' /tmp/texts
}

# Until there is the first note, and time for the next.
listens()
{
	local i
	for i in $(seq 60); do
		modprobe dummy && rmmod dummy || return 1
		sleep 1
		[ "$(notes)" = 0 ] || break
	done
	sleep 3
	[ "$(notes)" -gt 0 ]
}

noted()
{
	local i
	for i in $(seq 60); do
		[ "$(notes)" -lt "$1" ] || break
		sleep 1
	done
	echo "$(notes) notes, not $1"
	[ "$(notes)" = "$1" ]
}

# Their static keys are switched while they load, by both CPUs' load.
keys()
{
	local i
	rmmod crc32c_intel 2> /dev/null
	for i in 1 0 1 0; do
		echo $i > /proc/sys/kernel/sched_schedstats || return 1
	done
}

vbhctl events --follow --kind text > /tmp/texts &
follower=$!
claim "who asks is told of a module that comes and goes" listens
seen=$(notes)
claim "a listed module loads after the seal, and works" listed
claim "a small one does, and goes again, many times" dummies
claim "of each, and how much text it has" noted $((seen + 2 * ${times:-20}))
kill $follower
claim "static keys are switched still" keys
claim "nothing of that was a violation" [ "$(violations)" = 0 ]
# Listed modules can go, but for those that were held when VBH was sealed.
claim "VBH can be sealed again, which changes nothing" vbhctl seal
claim "the big one goes" modprobe -r nf_conntrack
refuted "one from before the seal stays" rmmod $early
claim "and that was no violation" [ "$(violations)" = 0 ]

# The file is damaged while VBH has it open: these bytes, for printf, at that place of
# the module's entry (struct vbh_catalogue_entry).
damage()
{
	local entry
	entry=$(($(vbhctl catalogue show | grep -n "^$1 " | cut -d: -f1) - 2))
	printf "$3" | dd of="$file" bs=1 seek=$((152 + 128 * entry + $2)) conv=notrunc
}

# It does not load, and the kernel's log says why.
not_loaded()
{
	dmesg -c > /dev/null
	modprobe dummy && return 1
	dmesg | grep "$1"
}

cp "$file" /tmp/whole
while read -r len many; do
	damage dummy 96 "$len" 2> /dev/null
	claim "a description of $many is not read" not_loaded 'has .* bytes, more than'
	cat /tmp/whole > "$file"
done << 'END'
\377\377\377\377 4 GiB
\377\377\377\177 2 GiB
\1\0\0\4 64 MiB and a byte
END
damage dummy 88 '\377\377\377\377\377\377\377\177' 2> /dev/null
claim "nor one that is somewhere else" not_loaded "can't be checked"
cat /tmp/whole > "$file"
claim "nothing of that was a violation" [ "$(violations)" = 0 ]

tap attack sealed -c 0 $attacks sealed-catalogue sealed-symbols sealed-module-bad \
	sealed-module-gone
claim "after all that a listed module loads still" modprobe dummy
claim "the catalogue's file may go: VBH has it open" rm "$file"
claim "and modules load" modprobe nf_conntrack
claim "the chain of events is whole" vbhctl events --verify
end_hard
