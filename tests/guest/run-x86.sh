# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's own tests of x86: what user space sees of entries, signals, segments
# and single steps. Under an open VBH and a sealed one each ends with the status, and
# says line by line what it says without VBH, and takes about as long.
#
# The command line may say which (vbh.tests=iopl_64,ioperm_64), and that none is left
# out for the time it takes (vbh.all).

. /rig/lib.sh
dmesg -c > /dev/null
long=$(grep -o "vbh.all\|vbh.tests" /proc/cmdline)

# What can't show anything here, and why.
left_out()
{
	case $1 in
	amx_64) echo "QEMU has no AMX" ;;
	entry_from_vm86_32) echo "a 64-bit kernel has no vm86()" ;;
	syscall_numbering_64 | ldt_gdt_32)
		[ -z "$long" ] || return 1
		echo "the long check has time for it"
		;;
	*) false ;;
	esac
}

# Thousands of times these wake another CPU or set a timer, a store to the APIC's page,
# or load the LDT; all of that exits, and an emulator makes an exit dear. Their time is
# shown, and compared where there is no other CPU.
dear()
{
	case $1 in
	syscall_numbering_64 | ldt_gdt_* | sysret_ss_attrs_*) [ "$(nproc)" -gt 1 ] ;;
	*) false ;;
	esac
}

exits()
{
	[ -z "$long" ] || [ ! -e /dev/vbh ] || vbhctl stats | sed -n 's/^all exits.* //p'
}

# Hundredths of a second.
now()
{
	local up
	read -r up _ < /proc/uptime
	echo "${up%.*}${up#*.}"
}

# What is compared: status, verdicts (but for the arguments that a test draws), and
# what the kernel complains of.
try()
{
	local status=0 started exits
	dmesg -c > /dev/null
	# Addresses are in verdicts. Without a gap over it the stack is where sysret_rip jumps.
	echo 0 > /proc/sys/kernel/randomize_va_space
	[ "$1" != sysret_rip_64 ] || echo 2 > /proc/sys/kernel/randomize_va_space
	exits=$(exits)
	started=$(now)
	timeout -s KILL 900 "/rig/x86/$1" > /tmp/said 2>&1 || status=$?
	took=$(($(now) - started))
	exits=$(($(exits) - exits))
	{
		echo "status $status"
		grep '^\[' /tmp/said | sed 's/NR = [0-9]*/NR/'
		dmesg | grep 'BUG:\|Oops\|WARNING:\|general protection' |
			sed 's/^\[[^]]*\] //; s/ PID: [0-9]*//'
	} > "/tmp/$state/$1"
	echo "$1 $took $exits" >> "/tmp/$state.times"
	dear "$1" || together=$((together + took))
	[ $status = 0 ] || echo "# $state, $1: status $status"
}

tests=$(sed -n 's/.*vbh.tests=\([^ ]*\).*/\1/p' /proc/cmdline | tr , ' ')
all=
for test in ${tests:-$(ls /rig/x86)}; do
	if why=$(left_out "$test"); then
		echo "# left out: $test: $why"
	else
		all="$all $test"
	fi
done

for state in plain open sealed; do
	mkdir "/tmp/$state"
	together=0
	case $state in
	open) claim "VBH starts" start_vbh ;;
	sealed) claim "VBH can be sealed" vbhctl seal ;;
	esac
	for test in $all; do
		try "$test"
		[ $state = plain ] ||
			claim "$state, $test ends as it does without VBH" \
				diff "/tmp/plain/$test" "/tmp/$state/$test"
	done
	# A second for what the machine under the emulator does besides.
	if [ $state = plain ]; then
		allowed=$((3 * together + 100))
	else
		claim "$state, together they take less than three times as long" \
			[ $together -lt $allowed ]
	fi
done
claim "there was no violation" [ "$(violations)" = 0 ]

echo "# seconds without VBH; open and sealed, each with exits (0: not counted)"
awk '
	FNR == 1 { file++ }
	{ said[$1] = said[$1] sprintf(file == 1 ? " %.2f" : "; %.2f, %d", $2 / 100, $3) }
	file == 1 { order[++n] = $1 }
	END {
		for (i = 1; i <= n; i++)
			print "# " order[i] ":" said[order[i]]
	}' /tmp/plain.times /tmp/open.times /tmp/sealed.times
vbhctl stats | sed 's/^/# /'
exit $((failures > 0))
