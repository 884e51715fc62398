# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the tests of command lines share: $vbhctl is run, and claims are about its
# last run.

tests=0
failures=0

# shellcheck disable=SC2154 # vbhctl is the test's
# Runs vbhctl; leaves $out, $err, $code.
run() {
	timeout -v 60 "$vbhctl" "$@" >out 2>err </dev/null
	code=$?
	out=$(<out)
	err=$(<err)
}

report() {	# CLAIM OK
	tests=$((tests + 1))
	if [ "$2" = 1 ]; then
		echo "ok $tests - $1"
		return
	fi
	failures=$((failures + 1))
	echo "not ok $tests - $1"
	sed 's/^/# out: /' out
	sed 's/^/# err: /' err
	echo "# code: $code"
}

# claim TEXT CODE [OUT-PATTERN [ERR-PATTERN]]: of the last run; "" matches only nothing.
claim() {
	local ok=1

	[ "$code" = "$2" ] || ok=0
	# shellcheck disable=SC2053 # the right-hand sides are patterns
	[ $# -lt 3 ] || [[ $out == $3 ]] || ok=0
	# shellcheck disable=SC2053
	[ $# -lt 4 ] || [[ $err == $4 ]] || ok=0
	report "$1" $ok
}

# json TEXT CODE FILTER: of the last run; jq's filter must give true.
json() {
	local ok=1

	[ "$code" = "$2" ] || ok=0
	[ "$(jq -s "$3" <out 2>&1)" = true ] || ok=0
	report "$1" $ok
}
