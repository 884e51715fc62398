# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's own samples and tests of patching text, BPF, tracing and its tools, and
# ordinary writes to its knobs: without VBH, under it, and sealed with the policy that
# ships (but for modules, which are listed) each has the same result, but for what
# policy refuses.
#
# The command line says which parts (vbh.parts=samples,bpf), in which states
# (vbh.states=plain,again,open,sealed), and that all there is is to be done (vbh.all).

. /rig/lib.sh
tracing=/sys/kernel/tracing
modules=/rig/modules
dmesg -c > /dev/null
parts=$(sed -n 's/.*vbh.parts=\([^ ]*\).*/\1/p' /proc/cmdline | tr , ' ')

# A result is one line: the part, what was tried, how it went; and what the kernel
# and the hypervisor had to say, if anything.
begin()
{
	started=$(cut -d. -f1 /proc/uptime)
	counted=$([ ! -e /dev/vbh ] || violations)
	counted=${counted:-0}
}

result()
{
	local now complaint
	now=$([ ! -e /dev/vbh ] || violations)
	# A stall may be the load of the build machine: it is to be seen, no more.
	complaint=$(dmesg | grep -m 1 'BUG:\|Oops\|WARNING:\|general protection' |
		sed 's/^\[[^]]*\] //; s/ PID: [0-9]*//')
	[ -z "$complaint" ] && ! dmesg | grep -q "stall[s ]" || dmesg -c | sed 's/^/#K /'
	printf '%s\t%s\t%s%s%s\n' "$part" "$probe" "$1" \
		"${complaint:+; the kernel complains: $complaint}" \
		"$([ "${now:-0}" -le "$counted" ] || echo "; $((now - counted)) violations")" |
		tee -a "/tmp/results.$state"
	echo "#t $state $part $probe $(($(cut -d. -f1 /proc/uptime) - started)) s"
}

pass()
{
	state=$1
	dmesg -c > /dev/null
	for part in ${parts:-samples bpf tracing ftracetest knobs $all}; do
		. "/rig/kernel/$part.sh"
	done
}

sed 's/\(modules[[:space:]]*= \)"until-seal"/\1"listed"/' "$policy" > /tmp/listed.conf
mkdir -p /var/lib
all=
if grep -q vbh.all /proc/cmdline; then
	set -- plain again open sealed
	all="livepatch tools"
fi
states=$(sed -n 's/.*vbh.states=\([^ ]*\).*/\1/p' /proc/cmdline | tr , ' ')
# Under an open VBH too, and twice without, in check-long.
for state in ${states:-${*:-plain sealed}}; do
	case $state in
	open) claim "VBH starts" start_vbh /tmp/listed.conf ;;
	sealed)
		[ -e /dev/vbh ] || claim "VBH starts" start_vbh /tmp/listed.conf
		claim "VBH can be sealed" vbhctl seal ;;
	esac
	pass "$state"
done
# Of them nothing could be seen under VBH either.
refuted "each of the tools' commands works without VBH" \
	grep '^tools	.*	[^w	][^	]*$' /tmp/results.plain
[ -e /tmp/results.again ] || cp /tmp/results.plain /tmp/results.again
for state in open sealed; do
	[ ! -e /tmp/results.$state ] || tap awk -v state=$state -f /rig/kernel/compare.awk \
		/rig/kernel/refused /tmp/results.plain /tmp/results.again /tmp/results.$state
done
[ ! -e /dev/vbh ] || vbhctl status | sed 's/^/# /'
[ ! -e /dev/vbh ] || vbhctl events | tail -n 20 | sed 's/^/# /'
exit $((failures > 0))
