#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# No two folders of core/ need each other: scripts/order says so of the tree and
# of the objects in the folder that is named, and finds each kind of circle when
# one is planted.

set -u
objects=$(readlink -f "$1")
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0 failed=0

# says STATUS TEXT NAME [OBJECTS]: order ends so, with this in what it prints.
says()
{
	local out status=0
	out=$(scripts/order --core "$work/core" ${4:+"$4"} 2>&1) || status=$?
	n=$((n + 1))
	if ((status == $1)) && [[ $out == *$2* ]]; then
		echo "ok $n - $3"
	else
		echo "not ok $n - $3"
		printf '# status %d: %s\n' "$status" "${out//$'\n'/$'\n'# }"
		failed=1
	fi
}

# Both as they are, with LINE at the end of FILE if there is one.
plant()
{
	rm -rf "${work:?}"/*
	cp -r core "$work/core"
	cp -r "$objects" "$work/objects"
	(($#)) && echo "$2" >> "$work/core/$1"
}

echo 1..6
plant
says 0 'text: base guest' 'no two folders of core need each other' "$work/objects"
plant
cat > "$work/core/guest/planted.c" <<'END'
void core_memory(void), module_feed(void);
void *planted(int i) { return i ? core_memory : module_feed; }
END
gcc -c -o "$work/objects/guest/planted.o" "$work/core/guest/planted.c"
says 1 'guest/planted.o needs core_memory() of memory.o' \
	'a call from a folder to what dispatches is a circle' "$work/objects"
says 1 'guest/planted.o needs module_feed() of listed/module_fields.o' \
	'and so is one to a folder above,' "$work/objects"
says 1 'listed/catalogue.o needs guest_read() of guest/guest.o' \
	'of which the symbols of both sides are named' "$work/objects"
plant text/patch.c '#include "../listed/module.h"'
says 1 'text/patch.c includes listed/module.h' 'an include against the arrows is a circle'
plant guest/event.c 'static bool f(struct vbh_guest *guest) { return guest->patch.scratch; }'
says 1 'guest/event.c uses guest->patch' 'a field of a folder above is a circle'
exit $failed
