# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
#
# What tests/run sources for the boots of tests/guest/models: one each, of one image.

models_image()
{
	local files
	files=$(kernel_files)
	# shellcheck disable=SC2086
	image "$1" run-models.sh -m dummy -m nf_conntrack -m tun -m kvm -m kvm_amd -m kvm_intel \
		rig/work.sh=tests/guest/patch/work.sh $files
}

# Where the kernel without KASLR has symbol $1, by what the guest of log $2 has said.
said_at()
{
	sed -n "s/^#S \([0-9a-f]*\) . $1\$/0x\1/p" "$2"
}

# gdb's commands for features $1, as if setup_force_cpu_cap() had been called for each.
believe()
{
	local feature

	echo "hbreak *$(said_at arch_cpu_finalize_init "$2")"
	echo "continue"
	for feature in $1; do
		feature=$((feature))
		printf 'set {char}(%s + %d) |= %d\n' "$(said_at cpu_caps_set "$2")" \
			$((feature / 8)) $((1 << feature % 8))
	done
	printf 'delete\ndetach\n'
}

# models NAME WHEN...: the lines that begin so, and of these what MODELS matches.
models()
{
	local name=$1 image=$1 when cpu append cpus features nth=0 log= gdb

	shift
	models_image "$image"
	while IFS='|' read -r -u 9 when cpu append cpus features; do
		[[ " $* " == *" $when "* ]] || continue
		nth=$((nth + 1)) gdb=()
		[[ "$cpu|$append" =~ ${MODELS:-} ]] || continue
		if [[ $features ]]; then
			believe "$features" "$log" > "$out/$name.gdb"
			gdb=(--gdb "$out/$name.gdb")
		fi
		boot "$name-$nth" --timeout 600 --threads single --qemu-cpu "$cpu" \
			--cpus "${cpus:-2}" --append "nowatchdog $append${features:+ nokaslr}" "${gdb[@]}"
		[[ $append != *nokaslr* || $features ]] || log=$out/$name-$nth.$rig.log
	done 9< tests/guest/models
}
