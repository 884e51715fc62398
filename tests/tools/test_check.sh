#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# vbhctl check on machines that are made up: files below a root, CPUID and MSRs as
# texts. Prints TAP; ends non-zero if a test fails.
#
#	test_check.sh VBHCTL

set -u
vbhctl=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
top=$(realpath "$here/../..")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
chmod 755 .
unset FAKE_ROOT FAKE_STATE
export NO_COLOR=1 ASAN_OPTIONS=detect_leaks=1
release=6.1.0-99-amd64
magic="$release SMP preempt mod_unload modversions "

# shellcheck disable=SC1091
. "$here/cli.sh"

root=
put() {	# FILE: from stdin
	mkdir -p "$(dirname "$root/$1")"
	cat >"$root/$1"
}

# The first name of each row of the table.
symbols() {
	sed -n 's/^\t{ [A-Z_]*, "\([a-z_A-Z0-9]*\).*/\1/p' "$top/tools/check/capabilities.c"
}

# A driver: what of one is looked at.
make_driver() {	# FILE VERMAGIC
	as -o "$1" - <<-END
		.section .modinfo, "a"
		.asciz "license=GPL"
		.asciz "vermagic=$2"
		.section .rodata, "a"
		.zero 64
		.globl vbh_blob
		vbh_blob:
		.quad 0x3130474d49484256, 0, 0x40000, 0x80000
		.long 0x9000, 700, 4, 0
	END
}

# As scripts/sign-file appends it.
sign() {	# FILE NAME [OPTION OF cms]...
	local file=$1 name=$2 len

	shift 2
	[ -e "$name.pem" ] || openssl req -new -x509 -newkey rsa:2048 -nodes -days 9999 \
		-subj "/O=Somebody/CN=$name" -keyout "$name.key" -out "$name.pem" 2>/dev/null
	openssl cms -sign -binary -noattr -nocerts -md sha256 -outform DER -in "$file" \
		-signer "$name.pem" -inkey "$name.key" -out sig "$@"
	len=$(stat -c %s sig)
	{
		cat sig
		printf '\0\0\2\0\0\0\0\0'
		# shellcheck disable=SC2059 # bytes
		printf "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((len >> 24)) $((len >> 16 & 255)) \
			$((len >> 8 & 255)) $((len & 255)))"
		echo "~Module signature appended~"
	} >>"$file"
}

# What both vendors' machines have.
make_machine() {	# NAME FLAGS [LINE OF cpuinfo]
	root=$dir/$1
	echo "$release" | put proc/sys/kernel/osrelease
	echo x86_64 | put proc/sys/kernel/arch
	echo 0 | put proc/sys/kernel/modules_disabled
	printf 'processor\t: 0\nflags\t\t: %s\n%s\n\nprocessor\t: 1\nflags\t\t: none\n\n' \
		"fpu nx smep smap umip ibt $2" "${3-}" | put proc/cpuinfo
	echo "BOOT_IMAGE=/vmlinuz quiet" | put proc/cmdline
	echo "dummy 16384 0 - Live 0x0000000000000000" | put proc/modules
	symbols | sed 's/^/0000000000000000 T /' | put proc/kallsyms
	printf 'MemTotal:  16000000 kB\nMemFree:  900 kB\nMemAvailable:    8000000 kB\n' |
		put proc/meminfo
	printf 'Node 0, zone %s\n        spanned  %d\n  start_pfn:           %d\n' \
		DMA 4095 1 Normal $((15 * 262144)) $((1 * 262144)) | put proc/zoneinfo
	echo "Node 0, zone   Normal  1 2 3 4 5 6 7 8 9 10 20 " | put proc/buddyinfo
	printf '%s\n' "00000000-00000000 : System RAM" "  00000000-00000000 : Kernel code" \
		"00000000-00000000 : Reserved" "00000000-00000000 : System RAM" | put proc/iomem
	printf '\237\353\1\0\30\0\0\0rest' | put sys/kernel/btf/vmlinux
	echo 0-1 | put sys/devices/system/cpu/present
	echo 0-1 | put sys/devices/system/cpu/online
	echo "[none] integrity confidentiality" | put sys/kernel/security/lockdown
	echo N | put sys/module/module/parameters/sig_enforce
	for option in MODULES KALLSYMS KALLSYMS_ALL KPROBES STRICT_KERNEL_RWX STRICT_MODULE_RWX \
		JUMP_LABEL HAVE_STATIC_CALL_INLINE DYNAMIC_FTRACE DYNAMIC_FTRACE_WITH_REGS \
		SECURITY_LOCKDOWN_LSM MODULE_SIG; do
		echo "CONFIG_$option=y"
	done | put "boot/config-$release"
	mkdir -p "$root/lib/modules/$release"/{updates,kernel}
	make_driver "$root/lib/modules/$release/updates/vbh.ko" "$magic"
	cp "$root/lib/modules/$release/updates/vbh.ko" "$root/lib/modules/$release/kernel/other.ko"
	printf 'kernel/other.ko:\nupdates/vbh.ko:\n' | put "lib/modules/$release/modules.dep"
}

leaf() {	# LEAF SUB EAX EBX ECX EDX
	printf '   0x%08x 0x%02x: eax=0x%08x ebx=0x%08x ecx=0x%08x edx=0x%08x\n' "$@"
}

make_intel() {
	make_machine intel "vmx" \
		"vmx flags	: vnmi invvpid ept_x_only ept vpid unrestricted_guest ept_mode_based_exec"
	{
		echo "CPU 0:"
		leaf 0 0 0x1f 0x756e6547 0x6c65746e 0x49656e69
		leaf 1 0 0 0 0x200020 1
		leaf 7 0 1 0x100480 4 0x100000
		leaf 7 1 0 0 0 0
		leaf 13 1 8 0 0 0
		leaf 0x80000000 0 0x80000008 0 0 0
		leaf 0x80000001 0 0 0 0 0x08100000
	} | put cpuid
	printf '0x%x 0x%x\n' 0x3a 5 0x480 $((1 << 55)) 0x485 0x100 0x48b $((0xffffffff << 32)) \
		0x48c 0x02114041 0x48d $((0xffffffff << 32)) 0x48e $((0xffffffff << 32)) \
		0x48f $((0xffffffff << 32)) 0x490 $((0xffffffff << 32)) | put msr
}

make_amd() {
	make_machine amd "svm npt"
	{
		leaf 0 0 16 0x68747541 0x444d4163 0x69746e65
		leaf 1 0 0 0 0x200000 1
		leaf 7 0 0 0x100080 0x84 0
		leaf 0x80000000 0 0x8000001f 0 0 0
		leaf 0x80000001 0 0 0 4 0x100000
		leaf 0x8000000a 0 1 0 0 9
		leaf 0x8000001f 0 0 0 0 0
	} | put cpuid
	printf '0x%x 0x%x\n' 0x1b 0xfee00d00 0xc0000080 0xd01 0xc0010114 0 | put msr
	sed -i 's/ ibt / user_shstk /' "$root/proc/cpuinfo"
}

# case_of CLAIM CODE NAME RESULT PATTERN: of check on the root, the line of that name.
case_of() {
	local line

	run check --root "$root"
	line=$(grep -E "^(PASS|WARN|FAIL)  $3: " out)
	out=$line
	claim "$1" "$2" "$4  $3: $5" ""
}

# broken INTEL|AMD CLAIM CODE NAME RESULT PATTERN, after a command on its files from stdin.
broken() {
	local vendor=$1

	shift
	if [ ! -d "$vendor.whole" ]; then
		"make_$vendor"
		cp -r "$root" "$vendor.whole"
	fi
	root=$dir/$vendor
	rm -rf "${dir:?}/$vendor"
	cp -r "$vendor.whole" "$root"
	(cd "$root" && . /dev/stdin)
	case_of "$@"
}

good() {
	make_intel
	run check --root "$root"
	claim "a machine that has all is 0, and each line a PASS" 0 "PASS  vbh: *VBH can start here." ""
	[ "$(grep -vc '^PASS  [a-z-]*: ' out)" = 1 ]
	report "and nothing but its last line is no result" $((!$?))
	run check -j --root "$root"
	json "as JSON: one object" 0 'length == 1 and .[0].can_start and (.[0].running | not) and
		.[0].fail == 0 and .[0].warn == 0 and .[0].unknown == 0 and
		(.[0].checks | length) == .[0].pass'
	json "with the same keys for each line" 0 '[.[0].checks[] | keys] | unique ==
		[["follows", "found", "group", "result"]]'
	json "and groups that are known" 0 '[.[0].checks[].group] | unique ==
		["driver", "holder", "kernel", "memory", "processor", "state"]'
	json "it says the kernel and the memory" 0 ".[0].release == \"$release\" and
		(.[0].checks.memory.found | startswith(\"VBH needs 4 MiB\"))"
	make_amd
	run check -j --root "$root"
	json "an AMD machine goes without two things that nested paging has not" 9 '.[0].can_start and
		([.[0].checks | to_entries[] | select(.value.result != "pass") | .key] ==
		["exec-split", "exec-only"])'
	run check --root "$dir/nowhere"
	claim "of a machine without files nothing is known, which is no failure but for the driver" 10 \
		"*WARN  vendor: CPUID can't be read*WARN  kernel-text: /proc/kallsyms: No such*WARN  memory: *" ""
	! grep -q '^FAIL  \(module\|loading\)' out && report "" 0
	[ "$(grep '^FAIL' out | sort -u | wc -l)" = 2 ]
	report "and nothing is guessed" $((!$?))
	run check extra
	claim "an argument is a usage error" 2 "" "*Usage: vbhctl ?-j? check *"
}

processors() {
	broken intel "no VMX is named" 10 virtualization FAIL "no VMX*" <<<'
		sed -i "s/ecx=0x00200020/ecx=0x00200000/" cpuid'
	broken intel "VMX turned off by firmware is named" 10 firmware FAIL \
		"*CPU 0 (IA32_FEATURE_CONTROL bit 2)*settings*" <<<'sed -i "s/^0x3a .*/0x3a 1/" msr'
	broken intel "an unlocked MSR is no obstacle" 0 firmware PASS "has left VMX on" <<<'
		sed -i "s/^0x3a .*/0x3a 0/" msr'
	broken intel "a control that is missing is named" 10 controls FAIL "no MSR bitmaps*" <<<'
		sed -i "s/^0x48e .*/0x48e 0xefffffff00000000/" msr'
	broken intel "one that can not be clear is" 10 controls FAIL "no running without CR3-load*" <<<'
		sed -i "s/^0x48e .*/0x48e 0xffffffff00008000/" msr'
	broken intel "one for an instruction that CPUID has is" 10 controls FAIL "no XSAVES in the guest*" <<<'
		sed -i "s/^0x48b .*/0x48b 0xffefffff00000000/" msr'
	broken intel "but not for one that CPUID has not" 0 controls PASS "*" <<<'
		sed -i "s/^0x48b .*/0x48b 0xf3ffffff00000000/" msr'
	broken intel "no TRUE controls" 10 controls FAIL "no TRUE controls*" <<<'
		sed -i "s/^0x480 .*/0x480 1/" msr'
	broken intel "INVEPT missing is" 10 controls FAIL "no INVEPT*" <<<'
		sed -i "s/^0x48c .*/0x48c 0x02014041/" msr'
	broken intel "without MSRs the kernel tells what it knows" 9 second-stage PASS "EPT" <<<'rm msr'
	broken intel "of the rest it is said that nothing is known" 9 controls WARN \
		"not readable without /dev/cpu/0/msr*" <<<'rm msr'
	broken intel "no EPT by what the kernel tells" 10 second-stage FAIL "no EPT*" <<<'
		rm msr; sed -i "s/ ept / /" proc/cpuinfo'
	broken intel "no unrestricted guest" 10 unrestricted-guest FAIL "no unrestricted guest*" <<<'
		rm msr; sed -i "s/ unrestricted_guest / /" proc/cpuinfo'
	broken intel "no mode-based execute control" 9 exec-split WARN "no mode-based*" <<<'
		rm msr; sed -i "s/ ept_mode_based_exec$//" proc/cpuinfo'
	broken intel "INIT that can not be caught at its receiver" 9 init WARN "can't be caught*" <<<'
		sed -i "s/^0x485 .*/0x485 0/" msr'
	broken amd "no SVM is named" 10 virtualization FAIL "no SVM*" <<<'
		sed -i "s/^\(   0x80000001.*ecx=\)0x00000004/\10x00000000/" cpuid'
	broken amd "SVM turned off by firmware is named" 10 firmware FAIL "*[(]VM_CR bit 4[)]*" <<<'
		sed -i "s/^0xc0010114 .*/0xc0010114 0x10/" msr'
	broken amd "without MSRs that is not known" 9 firmware WARN "not readable without*" <<<'rm msr'
	broken amd "no nested paging is named" 10 second-stage FAIL "no nested paging*" <<<'
		sed -i "s/edx=0x00000009/edx=0x00000008/" cpuid'
	broken amd "exits without the next instruction cost more" 9 next-rip WARN "*cost more*" <<<'
		sed -i "s/edx=0x00000009/edx=0x00000001/" cpuid'
	broken amd "GMET is not used" 9 exec-split WARN "the processor has GMET*" <<<'
		sed -i "s/edx=0x00000009/edx=0x00020009/" cpuid'
	broken amd "an APIC that is a page is named" 9 apic WARN "*though there is x2APIC*" <<<'
		sed -i "s/^0x1b .*/0x1b 0xfee00900/" msr'
	broken amd "SVM that somebody has is named" 10 holder FAIL "SVM is in use*" <<<'
		sed -i "s/^0xc0000080 .*/0xc0000080 0x1d01/" msr'
	broken intel "a vendor without either is named" 10 vendor FAIL "CentaurHauls*" <<<'
		sed -i "s/ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69/ebx=0x746e6543 ecx=0x736c7561 edx=0x48727561/;
			s/ecx=0x00200020/ecx=0/" cpuid'
	broken intel "SMEP that the processor has not" 9 smep WARN "the processor has it not*" <<<'
		sed -i "s/ebx=0x00100480/ebx=0x00100400/" cpuid'
	broken intel "SMAP that the kernel does not use" 9 smap WARN "*this kernel does not use it*" <<<'
		sed -i "s/ smap / /" proc/cpuinfo'
	broken intel "entry by FRED" 9 fred WARN "*fred=off*" <<<'sed -i "s/ smap / smap fred /" proc/cpuinfo'
	broken amd "memory encryption" 10 encryption FAIL "*mem_encrypt=off*" <<<'
		sed -i "s/ svm / svm sme /" proc/cpuinfo'
	broken amd "a virtual machine that may be encrypted, when that can not be read" 9 encryption WARN \
		"not readable*" <<<'rm msr
		sed -i "s/ecx=0x00200000 edx=0x00000001/ecx=0x80200000 edx=0x00000001/; s/0x8000001f 0x00: eax=0x00000000/0x8000001f 0x00: eax=0x00000002/" cpuid'
}

hypervisors() {
	broken intel "KVM below is named" 0 hypervisor PASS "*KVMKVMKVM? *" <<EOT
		sed -i "s/ecx=0x00200020/ecx=0x80200020/" cpuid
		$(declare -f leaf)
		leaf 0x40000000 0 0x40000001 0x4b4d564b 0x564b4d56 0x4d >>cpuid
EOT
	broken intel "one of which nothing is known is a warning" 9 hypervisor WARN "*XenVMMXenVMM*" <<EOT
		sed -i "s/ecx=0x00200020/ecx=0x80200020/" cpuid
		$(declare -f leaf)
		leaf 0x40000000 0 0x40000001 0x566e6558 0x65584d4d 0x4d4d566e >>cpuid
EOT
	broken intel "Xen PV" 10 hypervisor FAIL "this is a Xen PV guest*" <<<'
		mkdir -p sys/hypervisor; echo PV >sys/hypervisor/guest_type'
	vbh='leaf 0x40000100 0 0x40000103 0x56484256 0x42564842 0x48425648 >>cpuid'
	broken intel "a VBH that runs is seen without the driver" 0 vbh PASS "runs, bare_metal, *about the one that runs*" <<EOT
		$(declare -f leaf)
		sed -i "s/ecx=0x00200020/ecx=0x80200000/" cpuid
		$vbh
		leaf 0x40000101 0 0x10000 0x1f 1 0 >>cpuid
		leaf 0x40000103 0 100 64 100 2 >>cpuid
EOT
	run check --root "$root"
	claim "and what it hides is no failure" 0 "*PASS  exec-split: the hypervisor has it*VBH runs here." ""
	broken intel "a KVM that offers VBH needs no VMX" 9 hypervisor PASS "offers VBH with ABI 1.0*" <<EOT
		$(declare -f leaf)
		sed -i "s/ecx=0x00200020/ecx=0x80200000/" cpuid
		$vbh
		leaf 0x40000101 0 0x10000 8 2 0 >>cpuid
		leaf 0x40000103 0 100 64 100 2 >>cpuid
EOT
	sed -i '/^   0x40000103/d' "$root/cpuid"
	leaf 0x40000103 0 0 0 0 0 >>"$root/cpuid"
	case_of "one whose processor can't is named" 10 hypervisor FAIL "knows VBH, but*"
	sed -i 's/\(0x40000101.*\)eax=0x00010000/\1eax=0x00020000/' "$root/cpuid"
	case_of "one with another ABI is named" 10 hypervisor FAIL "offers VBH with ABI 2.0, vbhctl has 1.0*"
}

kernels() {
	local name

	broken intel "another architecture" 10 kernel FAIL "*of i686*" <<<'echo i686 >proc/sys/kernel/arch'
	broken intel "an option that is missing is named" 10 config FAIL \
		"*lacks KPROBES (kallsyms_lookup_name*" <<<"sed -i /KPROBES/d boot/config-$release"
	broken intel "one that is commented out too" 9 config WARN "*lacks STRICT_MODULE_RWX *" <<<"
		sed -i 's/.*STRICT_MODULE_RWX.*/# CONFIG_STRICT_MODULE_RWX is not set/' boot/config-$release"
	broken intel "a configuration from the kernel itself" 0 config PASS "/proc/config.gz has*" <<<"
		gzip <boot/config-$release >proc/config.gz; rm -r boot"
	broken intel "none" 9 config WARN "neither*can be read*" <<<'rm -r boot'
	broken intel "a kdump kernel" 10 boot FAIL "*kdump*" <<<'echo "x elfcorehdr=0x1000" >proc/cmdline'
	broken intel "firmware of 32 bits" 10 efi FAIL "*boot with efi=noruntime*" <<<'
		mkdir -p sys/firmware/efi; echo 32 >sys/firmware/efi/fw_platform_size'
	broken intel "firmware of 32 bits that is not called" 9 efi PASS "*does not call it" <<<'
		mkdir -p sys/firmware/efi; echo 32 >sys/firmware/efi/fw_platform_size
		echo "a efi=debug,noruntime b" >proc/cmdline'
	broken intel "no BTF" 9 btf WARN "none*smc diff*" <<<'rm sys/kernel/btf/vmlinux'
	broken intel "BTF with a header of 32 bytes" 0 btf PASS "*32 bytes" <<<'
		printf "\237\353\1\0\40\0\0\0" >sys/kernel/btf/vmlinux'
	broken intel "BTF that is none" 9 btf WARN "*not as expected*" <<<'echo nonsense >sys/kernel/btf/vmlinux'
	broken intel "a symbol that VBH does not start without" 10 kernel-facts FAIL \
		"the kernel has no symbol poking_mm/text_poke_mm (VBH does not start)" <<<'
		sed -i "/ poking_mm$/d" proc/kallsyms'
	broken intel "its other name does as well" 0 kernel-facts PASS "*" <<<'
		sed -i "s/ poking_mm$/ text_poke_mm/" proc/kallsyms'
	broken intel "a module's symbol of that name does not" 10 kernel-facts FAIL "*init_mm*" <<<'
		sed -i "s/ init_mm$/ init_mm\t[dummy]/" proc/kallsyms'
	broken intel "two that patching needs" 10 static-calls FAIL \
		"*__start_static_call_sites, __stop_static_call_sites (*" <<<'
		sed -i "/_static_call_sites/d" proc/kallsyms'
	broken intel "one that only refusing needs" 9 refused-patches WARN "*__text_poke*all patching)" <<<'
		sed -i "/ __text_poke$/d" proc/kallsyms'
	for name in STATIC_KEYS:static-keys FTRACE:ftrace KPROBES:kprobes LISTED:listed-modules \
		ASKS:refused-early FTRACE_OFF:ftrace-off LEFTOVERS:left-out CRASH:crash; do
		[ "$(sed -n "s/^\t{ ${name%:*}, .*/x/p" "$top/tools/check/capabilities.c" | wc -l)" != 0 ] &&
			grep -q "^PASS  ${name#*:}: " <("$vbhctl" check --root "$root")
		report "the capability ${name#*:} has its symbols and its line" $((!$?))
	done
}

drivers() {
	local ko=lib/modules/$release/updates/vbh.ko

	broken intel "KVM that is loaded is named" 10 holder FAIL "kvm_intel is loaded, and used 0 times (*modprobe -r*" <<<'
		echo "kvm_intel 1 0 - Live 0x0" >>proc/modules'
	broken intel "KVM that is used too" 10 holder FAIL "kvm_amd is loaded, and used 3 times (end its*" <<<'
		echo "kvm_amd 1 3 - Live 0x0" >>proc/modules'
	broken intel "KVM that is built in" 9 holder WARN "kvm_intel is built into*" <<<'mkdir -p sys/module/kvm_intel'
	broken intel "that has VMX from boot on" 10 holder FAIL "*from boot on (*enable_virt_at_load=0)" <<<'
		mkdir -p sys/module/kvm_intel sys/module/kvm/parameters
		echo Y >sys/module/kvm/parameters/enable_virt_at_load'
	broken intel "VirtualBox" 9 holder WARN "vboxdrv is loaded*" <<<'
		echo "vboxdrv 1 2 vboxnetflt, Live 0x0" >>proc/modules'
	broken intel "a module whose name only begins so is none" 0 holder PASS "*" <<<'
		echo "kvm_intel_x 1 2 - Live 0x0" >>proc/modules'
	broken intel "no modules at all" 10 loading FAIL "this kernel loads no modules*" <<<'
		rm proc/sys/kernel/modules_disabled'
	broken intel "no modules any more" 10 loading FAIL "kernel.modules_disabled is 1*" <<<'
		echo 1 >proc/sys/kernel/modules_disabled'
	broken intel "no driver" 10 module FAIL "modprobe finds no vbh for $release*" <<<"rm $ko
		sed -i /vbh/d lib/modules/$release/modules.dep"
	broken intel "one that is packed" 0 module PASS "*updates/vbh.ko.xz, for $release SMP*" <<<"xz $ko
		sed -i s/vbh.ko/vbh.ko.xz/ lib/modules/$release/modules.dep"
	broken intel "one that is damaged" 10 module FAIL "*is no module*" <<<"echo nonsense >$ko"
	make_driver other.ko "6.1.0-98-amd64 SMP preempt mod_unload modversions "
	broken intel "one of another kernel" 10 module FAIL "*is for another kernel: 6.1.0-98*" <<<"cp $dir/other.ko $ko"
	make_driver other.ko "$release SMP preempt mod_unload "
	broken intel "one that was built otherwise" 10 module FAIL "*mod_unload, not *modversions (build*" <<<"cp $dir/other.ko $ko"
	rm -rf intel
	make_intel
	run check --root "$root" --module other.ko
	claim "a file may be named" 10 "*FAIL  module: other.ko is for another kernel*" ""
	run check --root "$root" --module absent.ko
	claim "one that is not there is a failure" 10 "*FAIL  module: absent.ko: No such file*" ""
	broken intel "a driver that is loaded needs no file" 9 module PASS "*and it is loaded" <<<"mkdir -p sys/module/vbh
		echo 2 >proc/cmdline; rm -r lib; mkdir -p lib"
}

signatures() {
	local ko=lib/modules/$release/updates/vbh.ko efi=sys/firmware/efi
	local guid=8be4df61-93ca-11d2-aa0d-00e098032b8c
	local on="mkdir -p $efi/efivars; echo 64 >$efi/fw_platform_size
		printf '\6\0\0\0\1' >$efi/efivars/SecureBoot-$guid
		echo 'none [integrity] confidentiality' >sys/kernel/security/lockdown"
	local signed

	make_driver signed.ko "$magic"
	sign signed.ko "The key"
	signed="cp $dir/signed.ko $ko"
	make_driver keyid.ko "$magic"
	sign keyid.ko "The key" -keyid
	broken intel "Secure Boot that is on" 10 secure-boot PASS "on" <<<"$on"
	case_of "asks for a signature" 10 signature FAIL "vbh.ko is not signed, and lockdown asks*"
	case_of "by lockdown" 10 lockdown PASS "integrity (modules have to be signed)"
	printf '\6\0\0\0\0' >"$root/$efi/efivars/SecureBoot-$guid"
	case_of "and that is off" 10 secure-boot PASS "off"
	rm "$root/$efi/efivars/SecureBoot-$guid"
	case_of "and that can't be read" 10 secure-boot WARN "*efivarfs?"
	broken intel "a kernel that takes only signed modules" 10 signature FAIL "*module.sig_enforce asks*" <<<'
		echo Y >sys/module/module/parameters/sig_enforce'
	broken intel "one that was made so" 10 signature FAIL "*CONFIG_MODULE_SIG_FORCE asks*" <<<"
		echo CONFIG_MODULE_SIG_FORCE=y >>boot/config-$release"
	broken intel "a signature that nobody asks for" 0 signature PASS \
		"vbh.ko is signed by \"The key\", and the kernel does not ask*" <<<"$signed"
	broken intel "a key that can't be looked for" 9 signature WARN "*\"The key\"; /proc/keys does not*" <<<"$on
		$signed"
	echo "1 I------ 1 perm 1f030000 0 0 asymmetri The key: 1234: X509.rsa 5678 []" >"$root/proc/keys"
	case_of "one that the kernel has" 0 signature PASS "*\"The key\", a key of that name is the kernel's"
	echo "1 I------ 1 perm 1f030000 0 0 asymmetri Another: 1234: X509.rsa 5678 []" >"$root/proc/keys"
	case_of "one that it has not" 10 signature FAIL "*has no such key*mokutil*"
	{
		printf 'list'
		openssl x509 -in "The key.pem" -outform DER
	} >"$root/$efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23"
	case_of "one that was enrolled" 0 signature PASS "*is the kernel's"
	sign signed.ko Another
	broken intel "a signature by its key's identifier" 9 signature WARN "*signed by \"*[0-9a-f]\"; *" <<<"$on
		cp $dir/keyid.ko $ko"
	id=$(openssl x509 -in "The key.pem" -noout -ext subjectKeyIdentifier | sed -n 's/[: ]//gp' | tail -n 1 |
		tr A-F a-f)
	echo "1 I------ 1 perm 1f030000 0 0 asymmetri x: $id: X509.rsa 5678 []" >"$root/proc/keys"
	case_of "is found by it" 0 signature PASS "*is the kernel's"
	broken intel "no lockdown to be read" 9 lockdown WARN "*securityfs?" <<<'rm sys/kernel/security/lockdown'
	case_of "leaves open whether a signature is needed" 9 signature WARN "*can't be read"
	for n in 1 12 40 41 100 200; do
		cp "$dir/keyid.ko" "$root/$ko"
		tail -c $n "$dir/keyid.ko" >"$root/$ko"
		run check --root "$root"
		[ "$code" = 10 ] || break
	done
	claim "what is left of a signature is no signature" 10 "*" ""
}

memories() {
	broken intel "CPUs that are offline come online" 0 cpus PASS "4, 2 of them offline (*" <<<'
		echo 0-3 >sys/devices/system/cpu/present; echo 0,2 >sys/devices/system/cpu/online'
	broken intel "too many CPUs" 10 cpus FAIL "300, and there can be at most 256*" <<<'
		echo 0-299 >sys/devices/system/cpu/present; echo 0-299 >sys/devices/system/cpu/online'
	# shellcheck disable=SC2016 # for the other shell
	broken intel "RAM in many pieces" 9 ram WARN "in 100 ranges*" <<<'
		for i in $(seq 100); do echo "00000000-00000000 : System RAM"; done >proc/iomem'
	broken intel "too little memory" 10 memory FAIL "VBH needs 4 MiB, and 1 MiB are*" <<<'
		sed -i "s/^MemAvailable.*/MemAvailable: 1100 kB/" proc/meminfo'
	broken intel "memory in small pieces" 9 memory WARN "*and 1 are free*" <<<'
		echo "Node 0, zone Normal 900 2 3 4 5 6 7 8 9 1 0 " >proc/buddyinfo'
	broken intel "too much RAM" 10 memory FAIL "*at most 128 MiB*" <<<'
		sed -i "s/spanned.*/spanned 4000000000/" proc/zoneinfo'
	broken intel "how much is needed is read from the driver" 10 memory WARN "*from vbh.ko, which can*" <<<'rm -r lib'
}

# What must not be read is not needed, and what is needed is said.
unprivileged() {
	local as=()

	rm -rf amd
	make_amd
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
		chmod 600 "$root"/msr "$root"/proc/keys 2>/dev/null
	fi
	"${as[@]}" "$vbhctl" check --root "$root" >out 2>err
	code=$?
	out=$(<out)
	err=$(<err)
	claim "who is not root is told what he can't see" 9 "*WARN  firmware: not readable*" ""
	"${as[@]}" "$vbhctl" check >out 2>err
	code=$?
	out=$(<out)
	err=$(<err)
	[ $code = 0 ] || [ $code = 9 ] || [ $code = 10 ]
	report "this machine can be looked at without root" $((!$?))
	[[ $out == "PASS  vbh: does not run"*"VBH can"* && ! $err ]]
	report "and all of it is said" $((!$?))
	FAKE_STATE=open run check
	[[ $out == "PASS  vbh: runs, bare_metal, open "*"VBH runs here"* ]]
	report "a driver that answers is asked" $((!$?))
	FAKE_STATE=open run check -j
	[ "$(jq '.running and .can_start' out)" = true ]
	report "as JSON too" $((!$?))
}

# What the hypervisor and the driver demand, and what is looked for here, is the same.
agreement() {
	local name missing=

	sed -n 's/^\t\(CONTROL\|FOR_INSN\)([A-Z0-9]*, .*, "\([^"]*\)".*/\2/p; s/^\t{ [0-9]*, "\(.*\)" },$/\1/p;
		s/^\tFOR_INSN([A-Z0-9]*, [A-Z0-9_]*, "\([^"]*\)".*/\1/p' \
		<(grep -v ', WANTED, ' "$top/hv/vmx/caps.c") | sort -u >controls
	while read -r name; do
		grep -q "\"$name\( in the guest\)\?\"" "$top/tools/check/vmx.c" || missing+=" $name;"
	done <controls
	out=$missing
	[ ! "$missing" ] && [ "$(wc -l <controls)" -gt 25 ]
	report "each control that hv/vmx needs is looked for:$missing" $((!$?))

	# Those that a kernel may do without, and with nothing lost.
	cat "$top"/linux/*.c | grep -v optional |
		grep -oE '(facts_symbol|facts_function)\("[a-zA-Z_0-9]+"|\{ "[a-zA-Z_0-9]+", (&syms|VBH_PATCH)' |
		grep -oE '"[^"]+"' | tr -d '"' | sort -u |
		grep -vxE 'uniproc_patched|alternatives_enable_smp|init_udelay|wait_for_kprobe_optimizer|__indirect_thunk_(start|end)' >names
	missing=
	while read -r name; do
		grep -q "[\"|]${name}[\"|]" "$top/tools/check/capabilities.c" || missing+=" $name"
	done <names
	[ ! "$missing" ] && [ "$(wc -l <names)" -gt 50 ]
	report "each symbol that vbh.ko needs is looked for:$missing" $((!$?))

	sed -n '/^static inline const char \*shape_other_name/,/^}/s/^\t*{ "\(.*\)", "\(.*\)" },$/\1|\2/p' \
		"$top/linux/shape_part.h" >names
	missing=
	while read -r name; do
		! grep -q "[\"|]${name%|*}[\"|]" "$top/tools/check/capabilities.c" ||
			grep -qF "\"$name\"" "$top/tools/check/capabilities.c" || missing+=" $name"
	done <names
	[ ! "$missing" ] && [ -s names ]
	report "and by each name that it has:$missing" $((!$?))
}

good
processors
hypervisors
kernels
drivers
signatures
memories
unprivileged
agreement
echo "1..${tests:-0}"
[ "${failures:-1}" = 0 ]
