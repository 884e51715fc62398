# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
#
# The Bochs rig: what tests/rig/run sources to build the image that rom.S boots
# and to write Bochs' configuration. Reads run's variables; sets command.

# A kernel's payload, unpacked, by its first bytes: what scripts/Makefile.lib knows.
unpack_payload()
{
	local magic
	magic=$(head -c 4 "$1" | od -An -v -tx1 | tr -d ' ')
	case $magic in
	fd377a58) xz -dc ;;
	28b52ffd) zstd -dcq --long=31 ;;
	1f8b*) gzip -dc ;;
	02214c18) lz4 -dcq ;;
	425a68*) bzip2 -dc ;;
	5d0000*) xz -dc --format=lzma ;;
	894c5a4f) lzop -dc ;;
	*) echo "a payload that begins with $magic is not known" >&2; false ;;
	esac < "$1"
}

# What is built once a kernel: the unpacked kernel, fastboot and the ROM. Each
# appears complete, for another run may be building or using it.
bochs_build()
{
	local sum tmp

	build=${RIG_BUILD:-$here/build}
	tmp=$build/tmp.$$
	mkdir -p "$tmp"
	if [[ $here/fastboot.c -nt $build/fastboot || $here/fastboot.h -nt $build/fastboot ]]; then
		${CC:-cc} -O2 -Wall -Wextra -o "$tmp/fastboot" "$here/fastboot.c"
		mv "$tmp/fastboot" "$build/fastboot"
	fi
	if [[ $here/rom.S -nt $build/rom.bin || $here/fastboot.h -nt $build/rom.bin ]]; then
		${CC:-cc} -c -o "$tmp/rom.o" "$here/rom.S"
		ld -Ttext 0 -o "$tmp/rom.elf" "$tmp/rom.o"
		objcopy -O binary -j .text "$tmp/rom.elf" "$tmp/rom"
		sum=$(od -An -v -tu1 "$tmp/rom" |
			awk '{ for (i = 1; i <= NF; i++) s += $i } END { printf "%o", (256 - s % 256) % 256 }')
		head -c -1 "$tmp/rom" > "$tmp/rom.bin"
		printf "\\$sum" >> "$tmp/rom.bin"
		mv "$tmp/rom.bin" "$build/rom.bin"
	fi
	vmlinux=$build/vmlinux${kernel##*/vmlinuz}
	if [[ ! -e $vmlinux || $kernel -nt $vmlinux || $kernel -ot $vmlinux ]]; then
		# An upgrade can bring a file older than what we unpacked, so the
		# times must be equal.
		"$build/fastboot" payload "$kernel" > "$tmp/payload" &&
			unpack_payload "$tmp/payload" > "$tmp/vmlinux" ||
			die "$kernel can not be unpacked"
		touch -r "$kernel" "$tmp/vmlinux"
		mv "$tmp/vmlinux" "$vmlinux"
	fi
	rm -rf "$tmp"
}

bochs_prepare()
{
	# Guest time passes by instructions.
	local ips=$((mips * 1000000))

	(($(stat -L -c %s "$initrd") < (mem - 192) * 1048576)) ||
		die "the initramfs does not fit into $mem MiB"
	bochs_build

	# nokaslr: the kernel's relocations are not applied (and rom.S is not its
	# decompressor). clearcpuid: the model's XSAVES layout makes the kernel
	# give up XSAVE as a whole, and ryzen's MWAITX never times out.
	# tsc_early_khz: the TSC counts instructions, ips a second, but CPUID
	# claims 3.5 GHz for it; every delay would be too long by as much.
	# idle=halt: a store by another CPU does not always end MWAIT, and a
	# wake-up would wait for the next timer. mitigations=off and no crypto
	# self-tests: time.
	cmdline+=" nokaslr clearcpuid=xsaves,xsavec,mwaitx tsc_early_khz=$((ips / 1000)) tsc=reliable"
	cmdline+=" idle=halt mitigations=off cryptomgr.notests"
	"$build/fastboot" image "$kernel" "$vmlinux" "$initrd" "$cmdline $append" > "$work/image"

	echo c > "$work/debugger"
	cat > "$work/bochsrc" <<-END
		config_interface: textconfig
		display_library: rfb, options="timeout=0"
		plugin_ctrl: biosdev=0, speaker=0, extfpuirq=0, parallel=0, gameport=0
		vga: update_freq=1
		cpu: model=$bochs_cpu, count=$cpus, ips=$ips, reset_on_triple_fault=0, ignore_bad_msrs=1
		memory: guest=$mem, host=$((mem < 2048 ? mem : 2048))
		romimage: file=$bochs_share/BIOS-bochs-latest, options=fastboot
		vgaromimage: file=$build/rom.bin
		optramimage1: file=$work/image, address=0x57e0000
		pci: enabled=1, chipset=i440fx
		clock: sync=none
		ata0: enabled=0
		ata1: enabled=0
		boot: floppy
		com1: enabled=1, mode=file, dev=$work/com1
		com2: enabled=1, mode=file, dev=$work/com2
		log: $log.emulator.log
		panic: action=fatal
		error: action=report
		info: action=report
		debug: action=ignore
	END
	command=("${bochs[@]}" -q -f "$work/bochsrc" -rc "$work/debugger")
}
