# SPDX-License-Identifier: GPL-2.0-only
#
# Ordinary work before VBH starts and after, in the same boot: the same results,
# and no violation; and a part of it once more after the seal. The command line says how much of it (vbh.scale=N), and that
# on this machine some of it fails anyway (vbh.same): then nothing more may fail
# after VBH's start than before.

. /rig/lib.sh
SCALE=$(sed -n 's/.*vbh.scale=\([0-9]*\).*/\1/p' /proc/cmdline)
export SCALE=${SCALE:-1} HONEST=/rig/honest

# Of the results in $2, those that fail and did not in $1.
new_failures()
{
	awk '{ name = $0; sub(/^not ok [0-9]* - /, "", name); sub(/:.*/, "", name) }
	     NR == FNR { if (/^not ok/) known[name] = 1; next }
	     /^not ok/ && name in known { print "# fails without VBH as well: " name; next }
	     { print }' "$1" "$2"
}

# honest.sh numbers its lines; the runner numbers them again. $1: before or after.
relay()
{
	local line result
	while IFS= read -r line; do
		result=${line%% - *}
		case $line in
		"ok "* | "not ok "*) line="${result% *} - $1: ${line#* - }" ;;
		esac
		echo "$line"
	done
}

work()
{
	local out=/tmp/honest.$1
	if ! grep -q vbh.same /proc/cmdline; then
		sh /rig/honest.sh "$1" 2>&1 | tee "$out" | relay "$1"
	else
		sh /rig/honest.sh "$1" > "$out" 2>&1
		if [ "$1" = before ]; then
			sed 's/^/# /' "$out"
			return
		fi
		new_failures /tmp/honest.before "$out" > /tmp/honest.new
		out=/tmp/honest.new
		relay "$1" < $out
	fi
	grep -q '^ok' "$out" && ! grep -q '^not ok' "$out" || failures=$((failures + 1))
}

work before
claim "VBH starts under the running kernel" start_vbh
work after
claim "VBH is sealed" vbhctl seal
work sealed
claim "and no violation was recorded" [ "$(violations)" = 0 ]
exit $((failures > 0))
