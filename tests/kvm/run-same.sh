#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# On a KVM host: what ./same prints, of a KVM as it is and of one with VBH, side by
# side. A VM without VBH has to find the same and to exit as often, to the bit, also
# beside one that has it; one that has it and asks for nothing has to exit as often.
# PLAIN and VBH are where the modules are. Where CLOCKS is set the TSC counts
# instructions, and those of KVM for each step are judged too.

here=$(dirname "$(readlink -f "$0")")
PLAIN=${PLAIN:-$here/../../build/$(uname -r)/kvm-plain}
VBH=${VBH:-$here/../../build/$(uname -r)/kvm}
out=$(mktemp -d "${TMPDIR:-/tmp}/same.XXXXXX")
trap 'rm -r "$out"' EXIT
tracing=/sys/kernel/tracing
failures=0
classes="cap cpuid msr guest-cpuid guest-hypercall exits"

result()
{
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		failures=$((failures + 1))
	fi
}

# load FOLDER: whatever KVM there is gives way.
load()
{
	rmmod kvm_amd 2> /dev/null || rmmod kvm_intel 2> /dev/null
	rmmod kvm 2> /dev/null
	insmod "$1/kvm.ko" &&
		{ insmod "$1/kvm-amd.ko" 2> /dev/null || insmod "$1/kvm-intel.ko"; }
}

# run NAME MODE
run()
{
	"$here/same" "$2" > "$out/$1" || {
		result 1 "same $2 comes to its end ($1)"
		sed 's/^/# /' "$out/$1" | tail -n 20
	}
}

# of FILE CLASS: its lines; what is new in KVM is not in them.
of()
{
	grep "^$2 " "$out/$1" | grep -v '^cap 22082 '
}

# same NAME CLASS SENTENCE: there are such lines, and plain has the same.
same()
{
	of plain "$2" > "$out/a"
	of "$1" "$2" > "$out/b"
	[ -s "$out/a" ] && cmp -s "$out/a" "$out/b"
	result $? "$3 ($(grep -c . < "$out/a") facts)"
	cmp -s "$out/a" "$out/b" || diff "$out/a" "$out/b" | grep '^[<>]' | head -n 20 | sed 's/^/# /'
}

[ -d $tracing/events ] || mount -t tracefs tracefs $tracing
load "$PLAIN" || exit 1
run plain off
run again off
load "$VBH" || exit 1
run off off
run beside beside
run on on

for class in $classes; do
	same again "$class" "$class: an unpatched KVM is the same twice"
	same off "$class" "$class: a KVM with VBH that is not asked for is the same"
	same beside "$class" "$class: so is a VM beside one that has VBH"
done
same on exits "exits: a VM that has VBH and asks for nothing makes the same"
! grep -q '^cap 22082 ' "$out/plain" && grep -q '^cap 22082 1' "$out/off"
result $? "cap: all that is new is the capability"

# step, plain, again, off, beside, on
for name in plain again off beside on; do
	of $name clocks > "$out/clocks.$name"
done
paste -d ' ' "$out"/clocks.plain "$out"/clocks.again "$out"/clocks.off "$out"/clocks.beside \
	"$out"/clocks.on |
	awk '{ printf "# %-16s %6d unpatched, %6d again, %6d off, %6d beside, %6d on\n", $2, $3, $6, $9, $12, $15 }' \
		> "$out/table"
cat "$out/table"
if [ "$CLOCKS" ]; then
	for column in 7:off 9:beside; do
		awk -v c=${column%:*} '$c > $5 * 1.01 { exit 1 } END { exit NR < 10 }' "$out/table"
		result $? "clocks: nothing takes 1 % more instructions, ${column#*:}"
	done
fi
exit $((failures > 0))
