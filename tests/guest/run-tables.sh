# SPDX-License-Identifier: GPL-2.0-only
#
# Tables that grow: 60 MiB of modules on memory in pieces, then small ones (500 in
# check-long), then tracers, each with a trampoline of its own, before and after the
# seal.

. /rig/lib.sh
tracing=/sys/kernel/tracing
total=$(sed -n 's/.*vbh.modules=\([0-9]*\).*/\1/p' /proc/cmdline)
total=${total:-60}
# Without VBH as well, an instance has 10,000 files: 12 MiB.
all=$((total < 200 ? total / 2 : 100)) open=$((all / 3))

# The numbers from $1 to $2, of three digits.
digits()
{
	seq "$1" "$2" | awk '{ printf "%03d\n", $1 }'
}

# copies NAME FROM TO: modules NAME001 and so on, copies of NAME000.
copies()
{
	local i
	for i in $(digits "$2" "$3"); do
		LC_ALL=C sed "s/$1""000/$1$i/g" "/rig/$1""000.ko" > /tmp/copy.ko &&
			insmod /tmp/copy.ko || return 1
	done
	rm /tmp/copy.ko
}

loaded()
{
	[ "$(grep -c "^$1" /proc/modules)" = "$2" ]
}

unprotected()
{
	dmesg | grep "not protected\|can't be protected\|not loaded"
}

# A tracer of its own for one function, in a new instance, hence a trampoline.
tracer()
{
	local dir=$tracing/instances/t$1
	mkdir "$dir" && echo "vbh_few${1}_work" > "$dir/set_ftrace_filter" &&
		echo function > "$dir/current_tracer" || return 1
	echo 1 > "/sys/module/vbh_few$1/parameters/work" &&
		grep -q "vbh_few${1}_work" "$dir/trace"
}

tracers()
{
	local i
	for i in $(digits "$1" "$2"); do
		tracer "$i" || return 1
	done
}

no_tracers()
{
	local dir
	for dir in "$tracing"/instances/*; do
		echo nop > "$dir/current_tracer"
		rmdir "$dir"
	done
}

# Free memory in KiB, with what the CPUs' own lists of free pages hold.
free_memory()
{
	echo 3 > /proc/sys/vm/drop_caches
	awk '/^MemFree:/ { free = $2 } / count: / { free += 4 * $2 } END { print free }' \
		/proc/meminfo /proc/zoneinfo
}

# Without VBH there is as much of it as before.
as_before()
{
	local after
	after=$(free_memory)
	echo "$before KiB were free before, $after after"
	[ $((before - after)) -lt 2048 ]
}

mount -t tracefs tracefs $tracing 2> /dev/null
hash=$(vbhctl key generate /tmp/key | grep -o '[0-9a-f]\{64\}' | head -n 1)
sed "s/^#key_hash = .*/key_hash = \"$hash\";/" "$policy" > /tmp/key.conf

claim "memory is in pieces" insmod /rig/vbh_frag.ko
claim "60 MiB of modules come" copies vbh_big 1 15
claim "VBH starts with them" start_vbh /tmp/key.conf
echo "# $(field regions) regions, $(field memory) bytes, $(field memory_free) free, $(field memory_donated) donated"
claim "they lie in more pieces than there was ever room for" [ "$(field regions)" -gt 12000 ]
claim "it was given the memory for that" [ "$(field memory_donated)" -gt 0 ]
claim "status says in words what the limit is" sh -c \
	'vbhctl status | grep "of at most" && vbhctl status | grep "have been donated"'
load_attacks
tap attack deny -c 1 text-vmap 'module-text*' 'module-rodata*' 'hv-*' 'hc-donate-*'
claim "what is left of memory is whole again" rmmod vbh_frag
claim "$total small modules come" copies vbh_few 1 "$total"
claim "they are there" loaded vbh_few "$total"
refuted "none stayed without protection" unprotected
claim "$open of their functions are traced, each on its own" tracers 1 $open
claim "by a trampoline each" [ "$(field trampolines)" -ge $open ]
claim "VBH can be sealed" vbhctl seal
before=$(violations)
claim "$((all - open)) more are traced, of a sealed VBH" tracers $((open + 1)) $all
claim "by a trampoline each" [ "$(field trampolines)" -ge $all ]
claim "and it still has what it keeps" [ "$(field memory_free)" -ge "$(field memory_kept)" ]
claim "the tracers go" no_tracers
claim "and their trampolines" [ "$(field trampolines)" -lt $open ]
claim "there was no violation" [ "$(violations)" = "$before" ]
echo "# $(field regions) regions, $(field memory) bytes, $(field memory_free) free, $(field memory_donated) donated"
claim "VBH stops with its key" vbhctl stop --key /tmp/key
before=$(free_memory)
claim "it starts again" start_vbh
claim "and stops" vbhctl stop
claim "and everything that it was given is back" as_before
claim "there is no oops, no stall" no_oops
exit $((failures > 0))
