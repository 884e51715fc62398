#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# How vbhctl behaves on a command line: exit codes, what goes to stdout and what
# to stderr, JSON, colour. It is linked with a fake device (fake_device.c), told
# by FAKE_*. Prints TAP; ends non-zero if a test fails.
#
#	test_cli.sh VBHCTL

set -u
vbhctl=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
shipped=$here/../../tools/policy.conf
kernel=$("$here/../../scripts/kernel")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset NO_COLOR
export TZ=UTC ASAN_OPTIONS=detect_leaks=1

tests=0
failures=0

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

usage_errors() {
	local args

	run
	claim "without a command it says how to use it" 2 "" "Usage:*seal*"
	run frobnicate
	claim "an unknown command is a usage error" 2 "" "vbhctl: no such command 'frobnicate'*"
	run --frobnicate
	claim "an unknown global option is a usage error" 2 "" "*unknown option '--frobnicate'*"
	for args in "start extra" "stop extra" "status extra" "seal extra" "seal --force" \
		"events extra" "events -x" "events -n" "events -n 0" "events -n -1" \
		"events -n 1x" "events --since x" "events --kind nonsense" "events --ack -n 3" \
		"events --ack --kind cr" "events --vm" "events --vm 0" "events --vm x" "stats extra" "stats --cpu" "stats --cpu x" \
		"stats --cpu 4294967296" "policy" "policy frob" "policy show a b" "key" \
		"key generate" "key hash a b" "key frob a" "start --policy" "start --bad" \
		"stop --key" "smc" "smc frob" "smc diff extra" "smc diff --by key" "smc report --by age" \
		"smc report a b" "smc sites" "smc sites a b" "smc watch" "smc record --for" \
		"smc record --for x" "smc record --for 0" "smc record --root /" "smc diff --frob" \
		"smc report --root / t" "smc report --vmlinux x t" "smc report --modules / t" "smc --root / diff" \
		"events --follow=1" "help smc frob" "help start smc" \
		"smc watch --root / x" "catalogue" "catalogue frob" "catalogue build a" \
		"catalogue show --release a/b" "version extra" "help frobnicate" "help a b"; do
		# shellcheck disable=SC2086 # words
		FAKE_STATE=open run $args
		claim "'$args' is a usage error" 2 "" "vbhctl: ${args%% *}: *Usage: vbhctl*"
	done
}

help_and_version() {
	local c

	run help
	claim "help lists the commands" 0 "Usage:*start*stop*events*" ""
	run --help
	claim "--help is help" 0 "Usage:*start*stop*events*" ""
	for c in start stop status seal events stats policy key catalogue version help; do
		run help $c
		claim "help $c" 0 "Usage: vbhctl ?-j? $c*" ""
		run $c --help
		claim "$c --help" 0 "Usage: vbhctl ?-j? $c*" ""
	done
	run smc -h
	claim "smc -h has what each of its subcommands takes" 0 \
		"Usage: vbhctl ?-j? smc record ?--for*smc watch *SYMBOL*record  *report  *" ""
	run help smc diff
	claim "help smc diff has only that" 0 "Usage: vbhctl ?-j? smc diff *--root DIR?"$'\n'"text in*" ""
	run smc report --by key --help
	claim "so has --help after it" 0 "Usage: vbhctl ?-j? smc report *--html FILE*" ""
	run smc sites a b
	claim "and a usage error" 2 "" "*Usage: vbhctl ?-j? smc sites *SYMBOL?+OFFSET?"
	FAKE_STATE=none run smc record -- df -h
	claim "what follows -- is the command's" 4 "" "*the driver is not loaded*"
	FAKE_STATE=none run smc record df -h
	claim "and what follows the command" 4 "" "*the driver is not loaded*"
	FAKE_STATE=open run stop --key -h
	claim "an option's argument is no option" 0 "VBH has stopped*" ""
	FAKE_STATE=open run events --follow=1
	claim "the option that takes no argument is named" 2 "" "*option '--follow' takes no argument*"
	FAKE_STATE=open run events -xv
	claim "and a letter that is none" 2 "" "*unknown option '-x'*"
	run smc diff --html x.html
	claim "and the one that is another's" 2 "" "*'smc diff' does not take option '--html'*"
	run version
	claim "version without a driver" 0 "vbhctl *driver: not loaded*" ""
	FAKE_STATE=off run --version
	claim "--version with one" 0 "vbhctl *driver: ABI 1.0" ""
	run -j version
	json "version as JSON" 0 '.[0].driver_abi == null and .[0].vbhctl != null'
}

status() {
	run status
	claim "status without a driver is 4" 4 "" "vbhctl: status: /dev/vbh is not there*modprobe vbh*"
	FAKE_STATE=eacces run status
	claim "status without the right is 6" 6 "" "*run it as root"
	FAKE_STATE=abi run status
	claim "status of another ABI is 1" 1 "" "*ABI version 99.0*"
	FAKE_STATE=off run status
	claim "status of a stopped VBH is 3" 3 "State: *not running" ""
	FAKE_STATE=off run -j status
	json "the same as JSON" 3 '.[0] == {running: false, cpus_possible: 4}'
	FAKE_STATE=open run status
	claim "status of a running VBH" 0 "State: *open*svm*CPUs: *2*stop" ""
	FAKE_STATE=keyed run status --json
	json "the same as JSON" 0 '.[0].state == "sealed" and .[0].has_key and .[0].memory == 4194304'
}

catalogue() {
	local dir=/lib/modules/$kernel/kernel/lib/lz4

	sed 's/"until-seal";\(.*loading modules\)/"listed";\1/' "$shipped" >listed.conf
	run catalogue build --modules "$dir" --release 6.1-test --file cat
	claim "a catalogue is made" 0 "cat: 2 modules of kernel 6.1-test*" ""
	run -j catalogue build --modules "$dir" --release 6.1-test --file cat
	json "the same as JSON" 0 '.[0].modules == 2 and .[0].release == "6.1-test"'
	mkdir broken
	cp "$dir/lz4_compress.ko" broken/a.ko
	echo no module >broken/b.ko
	run catalogue build --modules broken --release 6.1-test --file cat2
	claim "a file that is no module is left out and named" 0 \
		"cat2: 1 module of kernel 6.1-test, 1 left out*" \
		"vbhctl: catalogue: left out: broken/b.ko: is no ELF file*"
	run -j catalogue build --modules broken --release 6.1-test --file cat2
	json "and counted" 0 '.[0].modules == 1 and .[0].left_out == 1'
	rm -r broken
	run catalogue show --file cat
	claim "it is shown" 0 "MODULE*lz4_compress*lz4hc_compress*" ""
	run catalogue show --file cat lz4hc-compress
	claim "or one of it" 0 "MODULE*lz4hc_compress*" ""
	run catalogue show -j --file cat lz4_compress
	json "as JSON" 0 '.[0].modules | length == 1 and .[0].name == "lz4_compress" and
		(.[0].digest | length) == 64'
	run catalogue show --file cat absent
	claim "a module that is not in it is 1" 1 "" "vbhctl: catalogue: cat: no such module*"
	run catalogue show --file absent
	claim "a catalogue that is not there is 1" 1 "" "vbhctl: catalogue: absent: No such file*"
	run catalogue build --modules . --file cat2
	claim "a folder without modules is 1" 1 "" "vbhctl: catalogue: .: there are no modules*"
	FAKE_STATE=off run start --policy listed.conf --catalogue cat
	claim "start takes a catalogue" 0 "VBH runs on*" ""
	echo damage >>./cat
	FAKE_STATE=off run start --policy listed.conf --catalogue cat
	claim "but no damaged one" 1 "" "vbhctl: start: cat: is damaged*"
	FAKE_STATE=off run start --policy "$shipped" --catalogue cat
	claim "nor one that its policy has no use for" 2 "" "vbhctl: start: *takes no catalogue*"
	run policy show listed.conf
	claim "the policy says it in words" 0 "*modules*only what is in the catalogue*" ""
}

start_and_seal() {
	cp "$shipped" policy.conf
	FAKE_STATE=off run start --policy policy.conf
	claim "start says what runs" 0 "VBH runs on 2 CPUs (svm): 9 regions, 1 pin. Not sealed*" ""
	FAKE_STATE=off run start -j --policy policy.conf
	json "start as JSON" 0 '.[0].running and .[0].state == "open"'
	FAKE_STATE=open run start --policy policy.conf
	claim "starting twice is 1" 1 "" "vbhctl: start: VBH is running already*"
	FAKE_STATE=off FAKE_START=19 FAKE_WORDS="SVM is off" run start --policy policy.conf
	claim "a failed start gives the driver's words" 1 "" "vbhctl: start: SVM is off"
	FAKE_STATE=off run start --policy absent.conf
	claim "start without a policy is 5" 5 "" "vbhctl: start: absent.conf: can't be opened: No such*"
	echo 'ring_records = 3;' >bad.conf
	FAKE_STATE=off run start --policy bad.conf
	claim "start with a wrong policy is 5" 5 "" "vbhctl: start: bad.conf:1: ring_records = 3: *"
	run start --policy policy.conf --module absent.ko
	claim "start with an absent module is 4" 4 "" "vbhctl: start: absent.ko: No such file*"
	mkdir bin
	printf '#!/bin/sh\necho "modprobe $*" >&2\nexit 1\n' >bin/modprobe
	chmod +x bin/modprobe
	PATH=$dir/bin:$PATH run start --policy policy.conf
	claim "start loads the driver with modprobe" 4 "" \
		"modprobe vbh*vbhctl: start: modprobe could not load vbh*"
	FAKE_STATE=open run seal
	claim "seal says what holds" 0 "Sealed: 9 regions and 1 pin hold*only a reboot*" ""
	FAKE_STATE=keyed run seal
	claim "sealing twice is no error" 0 "Was sealed already*Only the key*" ""
	FAKE_STATE=sealed run -j seal
	json "seal as JSON" 0 '.[0].sealed and .[0].was_sealed and (.[0].has_key | not)'
	FAKE_STATE=kprobe run seal
	claim "seal with a kprobe armed says so" 1 "" "vbhctl: seal: a kprobe is armed*"
	FAKE_STATE=off run seal
	claim "seal of a stopped VBH is 3" 3 "" "vbhctl: seal: VBH is not running*"
}

stop_and_keys() {
	printf right >right
	printf wrong >wrong
	printf soon >soon
	: >empty
	head -c 4097 /dev/zero >large
	FAKE_STATE=open run stop
	claim "stop before the seal" 0 "VBH has stopped*" ""
	FAKE_STATE=open run -j stop
	json "stop as JSON" 0 '.[0] == {running: false}'
	FAKE_STATE=off run stop
	claim "stop of a stopped VBH is 3" 3 "" "*not running*"
	FAKE_STATE=sealed run stop --key right
	claim "stop of a VBH without a key is 6" 6 "" "*only a reboot*"
	FAKE_STATE=keyed run stop
	claim "stop of a sealed VBH without --key is 6" 6 "" "*--key FILE*"
	FAKE_STATE=keyed run stop --key right
	claim "the key stops it" 0 "VBH has stopped*" ""
	FAKE_STATE=keyed run stop --key wrong
	claim "a wrong key does not" 6 "" "vbhctl: stop: wrong: wrong key*"
	FAKE_STATE=keyed run stop --key soon
	claim "too soon is 6" 6 "" "vbhctl: stop: soon: too soon*"
	FAKE_STATE=keyed run stop --key absent
	claim "an absent key file is 1" 1 "" "vbhctl: stop: absent: No such file*"
	FAKE_STATE=keyed run stop --key empty
	claim "an empty key is 1" 1 "" "*1 to 4096 bytes"
	FAKE_STATE=keyed run stop --key large
	claim "a large key is 1" 1 "" "*1 to 4096 bytes"
	run key hash large
	claim "and has no hash" 1 "" "*1 to 4096 bytes"
	run key hash right
	claim "a key's hash is its SHA-256" 0 "key_hash = \"$(sha256sum <right | cut -d' ' -f1)\";" ""
	{ printf ri; sleep 0.3; printf ght; } | "$vbhctl" key hash /dev/stdin >pieces
	cmp -s pieces out
	report "also of one that comes through a pipe, in pieces" $((!$?))
	run key generate new
	claim "generate prints the hash of the file" 0 \
		"key_hash = \"$(sha256sum <new | cut -d' ' -f1)\";" ""
	[[ $(stat -c %a new) == 600 && $(<new) =~ ^[0-9a-f]{64}$ ]]
	report "a generated key is 64 digits that only its owner reads" $((!$?))
	cp new before
	run key generate new
	claim "generate does not overwrite" 1 "" "vbhctl: key: new: is there already*"
	cmp -s new before
	report "the key is as it was" $((!$?))
	run -j key hash new
	json "hash as JSON" 0 '.[0].key_hash | length == 64'
	run key generate absent/new
	claim "generate where nothing can be is 1" 1 "" "vbhctl: key: absent/new: No such*"
}

policies() {
	run policy check policy.conf
	claim "policy check" 0 "policy.conf: ok: 7 kinds of region, * 9 MSRs, *" ""
	run policy -j check policy.conf
	json "policy check as JSON" 0 '.[0].ok and .[0].region_kinds == 7'
	run policy check bad.conf
	claim "policy check of a wrong one is 5" 5 "" "vbhctl: policy: bad.conf:1: ring_records = 3: *"
	run -j policy check bad.conf
	json "the same as JSON" 5 '.[0].ok == false and (.[0].error | startswith("bad.conf:1:"))'
	run policy check /
	claim "policy check of a directory is 5" 5 "" "*Is a directory"
	run policy show policy.conf
	claim "policy show" 0 "Memory*kernel_text *deny*SMEP*LSTAR*no key: only a reboot*" ""
	run -j policy show policy.conf
	json "policy show as JSON" 0 \
		'.[0].regions.idt == "deny" and (.[0].cr4.bits | index("SMEP")) != null'
	: >empty.conf
	run policy show empty.conf
	claim "an empty policy protects nothing" 0 "*kernel_text *not protected*MSRs *not protected*" ""
}

events() {
	local pid

	FAKE_STATE=open FAKE_EVENTS=4 run events
	claim "events are a table with names" 0 "TIME *SEQ *WHAT*CR4 -SMEP -SMAP (*LSTAR*by evil*" ""
	[[ $(wc -l <out) == 5 && $out == *"2023-11-14 22:13:19.999000"*"VBH started"* ]]
	report "with one line each and the time of day" $((!$?))
	! grep -q $'\033' out
	report "without the escapes that a task named itself" $((!$?))
	FAKE_STATE=open FAKE_EVENTS=4 run events -v
	claim "events in full" 0 "event 0*event 3*insn     88 07*stack    *hash *" ""
	FAKE_STATE=open FAKE_EVENTS=4 run -j events
	json "events as JSON" 0 '.[0] | length == 4 and .[3].old == "0x90" and .[3].insn == "8807"
		and (.[3].stack | length) == 1 and .[1].kind == "cr" and .[0].pid == null and .[2].detail == 3221225602'
	FAKE_STATE=open run -j events
	json "no events as JSON" 0 '.[0] == []'
	FAKE_STATE=open FAKE_EVENTS=9 run -j events -n 2
	json "-n gives the newest" 0 '.[0] | map(.seq) == [7, 8]'
	FAKE_STATE=open FAKE_EVENTS=9 run -j events --since 6
	json "--since gives later ones" 0 '.[0] | map(.seq) == [6, 7, 8]'
	FAKE_STATE=open FAKE_EVENTS=9 run -j events --kind cr
	json "--kind gives a kind" 0 '.[0] | map(.seq) == [1, 4, 7]'
	FAKE_STATE=open FAKE_EVENTS=9 run -j events --kind cr --since 2 -n 1
	json "all three at once" 0 '.[0] | map(.seq) == [7]'
	FAKE_STATE=open FAKE_EVENTS=30000 run -j events
	json "thirty thousand events" 0 '.[0] | length == 30000'
	FAKE_STATE=open FAKE_EVENTS=900 run events --verify
	claim "--verify of a whole chain" 0 "TIME*" "*hash chain of 900 events is whole; 0 lost"
	FAKE_STATE=open FAKE_EVENTS=900 FAKE_BAD=500 run events --verify -n 1
	claim "--verify of a changed event is 7" 7 "TIME*" "*hash chain is broken at event 500*"
	FAKE_STATE=open FAKE_EVENTS=9 run events --ack
	claim "--ack acknowledges what was printed" 0 "TIME*" "fake: ack 9"
	FAKE_STATE=open run events --ack
	claim "and nothing if there was nothing" 0 "" ""
	FAKE_STATE=off FAKE_EVENTS=2 run events
	claim "a stopped VBH's last events" 0 "TIME*started*" ""
	FAKE_STATE=off run events
	claim "a stopped VBH without events is 3" 3 "" "*no events are left"
	FAKE_STATE=host run events -f --kind patch
	claim "what a host of VMs can't do is said" 1 "" "vbhctl: events: */dev/vbh does not do this here: on a KVM host*"
	FAKE_STATE=open FAKE_READ=5 run events
	claim "an error while reading is 1" 1 "" "vbhctl: events: /dev/vbh: Input/output error"

	FAKE_STATE=open FAKE_EVENTS=2 FAKE_LATER=3 "$vbhctl" -j events -f -n 1 --verify >out 2>err &
	pid=$!
	for _ in $(seq 100); do
		[ "$(wc -l <out)" = 4 ] && break
		sleep 0.05
	done
	kill -INT $pid
	wait $pid
	code=$?
	out=$(<out)
	err=$(<err)
	json "-f goes on with what comes, and SIGINT ends it with 0" 0 'map(.seq) == [1, 2, 3, 4]'
	claim "and it verifies all of them" 0 "*" "*hash chain of 5 events is whole*"
}

stats() {
	FAKE_STATE=open run stats
	claim "stats: rows of reasons, columns of CPUs" 0 \
		"REASON *CPU0 *CPU1 *TOTAL*cpuid *100 *101 *201*all exits *107 *108 *215" ""
	[[ $out != *xsetbv* ]]
	report "without rows of zeroes" $((!$?))
	FAKE_STATE=open run stats -a
	claim "but with them for -a" 0 "*xsetbv *0 *0 *0*" ""
	FAKE_STATE=open run -j stats --cpu 1
	json "one CPU as JSON" 0 '.[0].cpus | length == 1 and .[0].cpu == 1 and .[0].exits.cpuid == 101'
	FAKE_STATE=open run stats --cpu 9
	claim "a CPU that is not there is 1" 1 "" "vbhctl: stats: CPU 9: *"
	FAKE_STATE=off run stats
	claim "stats of a stopped VBH is 3" 3 "" "*not running*"
}

output() {
	local args

	for args in "status" "stats" "events" "events -v" "policy show policy.conf"; do
		# shellcheck disable=SC2086 # words
		TERM=xterm FAKE_STATE=open FAKE_EVENTS=3 run $args
		! grep -q $'\033' out
		report "no colour in a pipe: $args" $((!$?))
		FAKE_STATE=open FAKE_EVENTS=3 TERM=xterm script -qec "'$vbhctl' $args" \
			/dev/null >out 2>err </dev/null
		if [ "$args" = "policy show policy.conf" ]; then
			! grep -q $'\033' out
			report "nor on a terminal where nothing is missing: $args" $((!$?))
		else
			grep -q $'\033' out
			report "colour on a terminal: $args" $((!$?))
		fi
		NO_COLOR=1 FAKE_STATE=open FAKE_EVENTS=3 TERM=xterm script -qec \
			"'$vbhctl' $args" /dev/null >out 2>err </dev/null
		! grep -q $'\033' out
		report "no colour with NO_COLOR: $args" $((!$?))
	done
	FAKE_STATE=open "$vbhctl" status >/dev/full 2>err
	code=$?
	out=
	err=$(<err)
	claim "a full disk is an error" 1 "" "vbhctl: status: the output could not be written: No space*"
	FAKE_STATE=open FAKE_EVENTS=30000 "$vbhctl" events 2>err | head -1 >out
	code=$?
	out=$(<out)
	err=$(<err)
	claim "a reader that goes away is no error to speak of" 0 "TIME*" ""
}

# What others named, and what is no UTF-8, is shown, and nothing of it as it is.
names() {
	local odd=$'caf\xe9\x1b[31m'

	printf right >"$odd"
	run -j key hash "$odd"
	json "a name that is no UTF-8 in JSON" 0 '.[0].file == "caf??[31m"'
	run key hash "$odd/x"
	claim "nor do its escapes reach the terminal with an error" 1 "" "*caf??\[31m/x: Not a directory"
	printf 'ring_records = "\\x1b[2J\x9b";\n' >"$odd"
	run policy check "$odd"
	claim "nor a policy's" 5 "" "*caf??\[31m:1: ring_records = \"?\[2J?\": *"
	run -j policy check "$odd"
	json "which is JSON too" 5 '.[0].error | contains("?[2J?")'
	sed '2s/"comm": *"[a-z]*"/"comm":"\\u001b[2Jsh"/; 2s/"symbol": *"/&\\u009bx/' \
		"$here/../fuzz/corpus/trace/whole" >odd
	for by in symbol writer; do
		run smc report -v --by $by odd
		claim "a trace's texts are cleaned, by $by" 0 "5 changes*\?*" ""
		! grep -q $'[\033\302]' out
		report "of all escapes" $((!$?))
	done
}

smc() {
	local trace=$dir/t

	run smc diff --root "$dir/nowhere"
	claim "smc says which file it can't read" 1 "" "*nowhere/proc/sys/kernel/osrelease: can't be read*"
	FAKE_STATE=none run smc record true
	claim "smc record without a driver is 4" 4 "" "*the driver is not loaded*"
	FAKE_STATE=off run smc record true
	claim "smc record takes VBH, and says what does not" 3 "" "*smc diff*"
	run smc report nowhere
	claim "smc report of no file is 1" 1 "" "*nowhere: No such file*"
	echo '{}' >"$trace"
	run smc report "$trace"
	claim "smc report of another file is 1" 1 "" "*no trace of vbhctl smc record*"
	cp "$here/../fuzz/corpus/trace/whole" "$trace"
	run smc report "$trace"
	claim "smc report counts and says what nothing explains" 0 \
		"5 changes*1 of them nothing explains*SHARE*"
	for by in key symbol writer kind; do
		run -j smc report --by $by "$trace"
		json "smc report --by $by as JSON" 0 \
			".[0].by == \"$by\" and (.[0].changes | length) == 5 and ([.[0].groups[].changes] | add) == 5"
	done
	run smc report --disasm "$trace"
	claim "smc report with instructions" 0 "*int3*"
	run smc report --html "$dir/page.html" "$trace"
	claim "smc report makes a page" 0 "" ""
	[ "$(grep -c '</script>' "$dir/page.html")" = 2 ] && ! grep -q '/\*TRACE' "$dir/page.html"
	report "with the trace in it" $((!$?))
	[ "$(stat -c %a "$dir/page.html")" = 600 ]
	report "and nobody else may read it" $((!$?))
	run smc report --html /dev/full "$trace"
	claim "a page that can't be written is an error" 1 "" "*"
	touch "$dir/page"
	chmod 644 "$dir/page"
	run smc report --html "$dir/page" "$trace"
	[ "$(stat -c %a "$dir/page")" = 600 ]
	report "a page that was there for all is not any more" $((!$?))
	(ulimit -f 8; trap '' XFSZ; "$vbhctl" smc report --html "$dir/page" "$trace" 2>err)
	code=$?
	out=
	err=$(<err)
	claim "a page that gets too large" 1 "" "*page: File too large"
	[ ! -e "$dir/page" ]
	report "is not left" $((!$?))
	head -n 2 "$here/../fuzz/corpus/trace/whole" >"$trace"
	run smc report "$trace"
	claim "a trace that was cut off is shown, and said to be" 1 "1 changes*" "*cut off*"
	run smc --json report "$here/../fuzz/corpus/trace/gap" --by key
	json "options may follow the argument, and --json come before what is done" 0 '.[0].by == "key"'
	sed 's/"started":[0-9]*/"started":-9223372036854775808/; s/\("end","time":\)[0-9]*/\19223372036854775807/' \
		"$here/../fuzz/corpus/trace/whole" >far
	run smc report far
	claim "a trace that says it took 584 years" 0 "5 changes of kernel text in 184467440*" ""
	run smc report "$here/../fuzz/corpus/trace/gap"
	claim "a gap is shown" 0 "*gap*3 stores of patching*"
}

# A machine that fits the kernel's file: no module, and memory of zeroes.
make_root() {
	mkdir -p root/proc/sys/kernel
	echo "$kernel" >root/proc/sys/kernel/osrelease
	: >root/proc/modules
	printf '%s\n' "ffffffff81000000 T _text" "ffffffff81000500 T victim" \
		"ffffffff81000600 T other" "ffffffff81000700 t twin" "ffffffff81000800 t twin" \
		"ffffffff82000000 T _etext" "ffffffff82800000 D boot_cpu_data" >root/proc/kallsyms
	{
		printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\4\0\76\0\1\0\0\0\0\0\0\0\0\0\0\0'
		printf '\100\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\70\0\1\0\0\0\0\0\0\0'
		printf '\1\0\0\0\7\0\0\0\0\20\0\0\0\0\0\0\0\0\0\201\377\377\377\377'
		printf '\0\0\0\1\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\0'
	} >root/proc/kcore
	truncate -s $((0x6001000)) root/proc/kcore
}

# Whether a sleep of this argument is there.
runs() {
	local f words

	for f in /proc/[0-9]*/cmdline; do
		mapfile -d '' -t words <"$f"
		[ "${words[*]}" = "sleep $1" ] && return 0
	done 2>/dev/null
	return 1
}

record() {
	FAKE_ROOT=$dir/root FAKE_STATE=open run smc record -o trace "$@"
}

# Sends a signal to a recording when its command runs, which "sleep $1" shows; waits for it.
interrupt() {	# ARGUMENT SIGNAL...
	local arg=$1 pid=$! sig

	shift
	for _ in $(seq 200); do
		runs "$arg" && break
		sleep 0.05
	done
	for sig; do
		kill -"$sig" $pid
		sleep 0.3
	done
	for _ in $(seq 400); do
		kill -0 $pid 2>/dev/null || break
		sleep 0.05
	done
	kill -KILL $pid 2>/dev/null
	wait $pid
	code=$?
	out=$(<out)
	err=$(<err)
}

# A trace that is whole, and all of a recording's arguments.
recording() {
	local odd=$'caf\xe9'

	if [ ! -e "/boot/vmlinuz-$kernel" ]; then
		report "recording # SKIP there is no /boot/vmlinuz-$kernel" 1
		return
	fi
	make_root
	export FAKE_ROOT=$dir/root FAKE_STATE=open
	touch trace
	chmod 644 trace
	FAKE_STATE=host run smc record -o none -- true
	claim "a host of VMs records nothing" 1 "" "*/dev/vbh does not do this here*"
	[ ! -e none ]
	report "and leaves no trace" $((!$?))
	FAKE_NOTED=4 record -- sh -c 'exit 3'
	claim "record exits with the status of its command" 3 "" \
		"fake: notes 1*fake: notes 0*1 changes of text in trace; 0 events are missing"
	run smc report trace
	claim "and what it wrote can be read" 0 "1 changes of kernel text*sh -c exit 3*" ""
	[ "$(stat -c %a trace)" = 600 ]
	report "by its owner only, though the file was there before" $((!$?))
	record -- echo "$odd" -h
	claim "a command that is no UTF-8 is run and recorded" 0 "$odd -h" "*0 changes of text*"
	run -j smc report trace
	json "as far as it can be printed" 0 '.[0].command == "echo caf? -h"'
	record -- true "$(printf 'a%.0s' {1..1017})éé"
	claim "one that is cut is" 0 "" "*0 changes of text*"
	run smc report trace
	claim "and read" 0 "*aaa?" ""
	record --for 1 -- sleep 4242$$
	claim "a command that still runs when the time is over is ended" 143 "" \
		"*in trace; *sleep: still ran, and was ended by signal 15"
	run smc report trace
	claim "and the trace is whole" 0 "0 changes*" ""
	record --for 1 -- sh -c 'trap "echo told; exit 5" TERM; while :; do sleep 0.1; done'
	claim "it may say how it ends" 5 "told" "*in trace; *"
	"$vbhctl" smc record -o trace -- sleep 4243$$ >out 2>err &
	interrupt 4243$$ TERM
	claim "so is one whose recording is told to end" 143 "" "*in trace; *was ended by signal 15"
	! runs 4243$$
	report "and it is gone" $((!$?))
	"$vbhctl" smc record -o trace -- sh -c "trap '' TERM; while sleep 0.42$$; do :; done" \
		>out 2>err &
	interrupt 0.42$$ INT INT
	claim "one that will not end is killed when told twice" 137 "" "*was ended by signal 9"
	run smc record -o /dev/full -- sleep 4245$$
	claim "a trace that can't be written ends it too" 1 "" "*/dev/full: No space left on device"
	! runs 4245$$
	report "and its command" $((!$?))
	"$vbhctl" smc record -o trace >out 2>err &
	pid=$!
	for _ in $(seq 200); do
		grep -q "notes 1" err && break
		sleep 0.05
	done
	sleep 0.3
	kill -TERM $pid
	wait $pid
	code=$?
	out=$(<out)
	err=$(<err)
	claim "without a command it goes on until told to end, which is no error" 0 "" "*in trace; *"
	FAKE_NOTED=4 run smc watch --for 1 victim
	claim "a watch has what is done to its function, and no more" 0 "" "*victim: watching 0xffffffff81000500-0xffffffff81000600*"
	FAKE_NOTED=4 FAKE_PHYSICAL=1 run smc watch --for 1 victim
	claim "and what may be, by another mapping" 0 "TIME*physical 0x12345678 *90 -> cc DENIED, by evil*"
	run smc sites twin
	claim "of two functions of a name the one is said" 0 "*" "*twin: 2 symbols*: this is the one at 0xffffffff81000700*others*: 0xffffffff81000800*"
	run smc watch --for 1 0xffffffff81000800
	claim "and another is named by its address" 0 "" "*watching 0xffffffff81000800-0xffffffff81100800*"
	run smc watch --for 1 0xffffffff81000801
	claim "or an instruction of it" 0 "" "*watching 0xffffffff81000801-0xffffffff81000802*"
	run smc watch --for 1 0x1000
	claim "an address that no function has is refused" 1 "" "*0x1000: no function is there*"
	unset FAKE_ROOT FAKE_STATE
}

# A module of the machine, at an address that can be read.
make_module() {	# NAME FILE
	mkdir -p "root/sys/module/$1/sections" "root/sys/module/$1/notes"
	echo "$1 4096 0 - Live 0xffffffff86000000" >root/proc/modules
	echo 0xffffffff86000000 >"root/sys/module/$1/sections/.text"
	objcopy -O binary -j .note.gnu.build-id --set-section-flags .note.gnu.build-id=alloc \
		"$2" "root/sys/module/$1/notes/.note.gnu.build-id"
}

module_files() {
	local lz4=/lib/modules/$kernel/kernel/lib/lz4

	[ -e root/proc/kcore ] || return
	make_module lz4_compress "$lz4/lz4_compress.ko"
	mkdir -p files/kernel files/updates
	cp "$lz4/lz4_compress.ko" files/kernel
	cp "$lz4/lz4hc_compress.ko" files/updates/lz4_compress.ko
	ln -s files link
	record --modules files -- true
	claim "of files of one name, that of the build is taken" 0 "" "fake: notes 1*"
	record --modules link -- true
	claim "and they are found behind a link" 0 "" "fake: notes 1*"
	rm files/kernel/*
	record --modules files -- true
	claim "where there is none, it is said" 0 "" "*module lz4_compress: *another build*"
	run smc diff --root root --vmlinux files
	claim "a folder is no kernel" 1 "" "vbhctl: smc: files: is no regular file"
	cp "$lz4/lz4_compress.ko" files/kernel
	run -j smc diff --root root --modules files
	json "memory of zeroes differs from a module" 8 \
		'.[0].differences | map(.object) == ["vmlinux", "lz4_compress"]'
	mv root/proc/modules loaded
	mkfifo root/proc/modules
	{
		cat loaded >root/proc/modules
		sleep 1
		: >root/proc/modules
	} &
	run -j smc diff --root root --modules files
	json "unless the module has gone while it was compared" 8 \
		'.[0].differences | map(.object) == ["vmlinux"]'
	kill $! 2>/dev/null
	wait
}

# What the completion offers after these words, of which the last is being typed.
offers() {
	COMP_WORDS=(vbhctl "$@")
	COMP_CWORD=$#
	COMP_LINE="${COMP_WORDS[*]}"
	COMP_POINT=${#COMP_LINE}
	COMPREPLY=()
	_vbhctl
	out="${COMPREPLY[*]}"
	code=0
	err=
}

completion() {
	local lib=/usr/share/bash-completion/bash_completion kinds

	if [ ! -e $lib ]; then
		report "completion # SKIP bash-completion is not installed" 1
		return
	fi
	shopt -s progcomp
	set +u
	# shellcheck disable=SC1090,SC1091
	. $lib
	# shellcheck disable=SC1091
	. "$here/../../tools/completion/vbhctl"
	offers st
	claim "completion of a command" 0 "start stop status stats"
	offers -j policy ""
	claim "completion of a subcommand" 0 "show check"
	offers start --p
	claim "completion of an option" 0 "--policy"
	offers smc ""
	claim "completion of what smc does" 0 "record report diff sites watch"
	offers help smc ""
	claim "and of what there is help for" 0 "record report diff sites watch"
	offers smc report --by k
	claim "completion of what a report is by" 0 "key kind"
	offers policy check policy.c
	claim "completion of a file" 0 "policy.conf"
	offers events --kind ""
	kinds=$out
	for k in $kinds; do
		FAKE_STATE=open run events --kind "$k"
		[ $code = 0 ] || break
	done
	claim "every kind that completion offers exists" 0 "" ""
	[ "$(wc -w <<<"$kinds")" = 20 ]
	report "and it offers all of them" $((!$?))
	set -u
}

usage_errors
help_and_version
status
start_and_seal
catalogue
stop_and_keys
policies
events
stats
output
names
smc
recording
module_files
completion
echo "1..$tests"
[ $failures = 0 ]
