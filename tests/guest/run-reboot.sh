# SPDX-License-Identifier: GPL-2.0-only
#
# A sealed machine comes to its end in the way that the command line names
# (vbh.end=WAY): the kernel's reset by one of its ways (reboot=), a panic, a reset
# that can't wait, a halt; maybe under another rule (vbh.rule=RULE), for none of them
# makes a violation that is not meant. Whoever reads this console must not see the last line.

. /rig/lib.sh
end=$(sed -n 's/.*vbh.end=\([^ ]*\).*/\1/p' /proc/cmdline)
rule=$(sed -n 's/.*vbh.rule=\([^ ]*\).*/\1/p' /proc/cmdline)
policy_with "${rule:-deny}" > /tmp/policy.conf
claim "VBH starts" start_vbh /tmp/policy.conf
claim "and is sealed" vbhctl seal
claim "with no violation so far" [ "$(violations)" = 0 ]
echo "# now the machine has to stop"
sleep 1
case $end in
reboot) reboot -f ;;
halt) halt -f ;;
*) echo "$end" > /proc/sysrq-trigger ;;
esac
sleep 60
echo "not ok - the machine comes to its end: it ran on"
