# shellcheck shell=bash disable=SC2154,SC2034
# SPDX-License-Identifier: GPL-2.0-only
#
# The Bochs rig: what tests/rig/run sources to build the image that rom.S boots
# and to write Bochs' configuration. Reads run's variables; sets command.

# What is built once a kernel: the unpacked kernel, fastboot and the ROM.
bochs_build()
{
	local sum

	build=${RIG_BUILD:-$here/build}
	mkdir -p "$build"
	if [[ $here/fastboot.c -nt $build/fastboot || $here/fastboot.h -nt $build/fastboot ]]; then
		${CC:-cc} -O2 -Wall -Wextra -o "$build/fastboot" "$here/fastboot.c"
	fi
	if [[ $here/rom.S -nt $build/rom.bin || $here/fastboot.h -nt $build/rom.bin ]]; then
		${CC:-cc} -c -o "$build/rom.o" "$here/rom.S"
		ld -Ttext 0 -o "$build/rom.elf" "$build/rom.o"
		objcopy -O binary -j .text "$build/rom.elf" "$build/rom.tmp"
		sum=$(od -An -v -tu1 "$build/rom.tmp" |
			awk '{ for (i = 1; i <= NF; i++) s += $i } END { printf "%o", (256 - s % 256) % 256 }')
		head -c -1 "$build/rom.tmp" > "$build/rom.bin.tmp"
		printf "\\$sum" >> "$build/rom.bin.tmp"
		mv "$build/rom.bin.tmp" "$build/rom.bin"
	fi
	vmlinux=$build/vmlinux${kernel##*/vmlinuz}
	if [[ $kernel -nt $vmlinux ]]; then
		# Debian packs its kernels with xz.
		"$build/fastboot" payload "$kernel" | xz -dc > "$vmlinux.tmp" ||
			die "$kernel is not packed with xz"
		mv "$vmlinux.tmp" "$vmlinux"
	fi
}

bochs_prepare()
{
	# Guest time passes by instructions. At about what a build machine
	# emulates, a second of the guest's is a second or less of ours.
	local ips=50000000

	bochs_build

	# nokaslr: the kernel's relocations are not applied (and rom.S is not its
	# decompressor). clearcpuid: the model's XSAVES layout makes the kernel
	# give up XSAVE as a whole. tsc_early_khz: the TSC counts instructions,
	# ips a second, but CPUID claims 3.5 GHz for it; every delay would be too
	# long by as much. idle=halt: a store by another CPU does not always end
	# MWAIT, and a wake-up would be lost until the next timer. mitigations=off
	# and no crypto self-tests: time.
	cmdline+=" nokaslr clearcpuid=xsaves,xsavec tsc_early_khz=$((ips / 1000)) tsc=reliable"
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
		romimage: file=/usr/share/bochs/BIOS-bochs-latest, options=fastboot
		vgaromimage: file=$build/rom.bin
		optramimage1: file=$work/image, address=0x57e0000
		pci: enabled=1, chipset=i440fx
		clock: sync=none
		ata0: enabled=0
		ata1: enabled=0
		boot: floppy
		com1: enabled=1, mode=file, dev=$work/serial
		log: $log.emulator.log
		panic: action=fatal
		error: action=report
		info: action=report
		debug: action=ignore
	END
	command=(bochs-bin -q -f "$work/bochsrc" -rc "$work/debugger")
}
