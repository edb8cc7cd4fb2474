#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# vsw-vmm with real KVM: Debian's own kernel as a guest finds its CPUs, memory, clock and board, and switches itself off, resets, crashes.
lab_seconds=300
. "$(dirname "$0")/enter.sh"
. "$here/../lib.sh"
lab=$(cd "$(dirname "$0")/../.." && pwd)/build/lab
kernel=$lab/vmlinuz

# An initial RAM disk whose /init does what the kernel's command line says (do=WORD), and says what it sees.
mkdir -p "$T/root/bin"
cp "$(command -v busybox || echo "$lab/busybox/bin/busybox")" "$T/root/bin/busybox"
cat >"$T/root/init" <<'X'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mkdir -p /proc /sys
mount -t proc p /proc
mount -t sysfs s /sys
echo "cpus=$(nproc) memory_mb=$(($(sed -n 's/MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1024)) clock=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
echo "bridge=$(cat /sys/bus/pci/devices/0000:00:00.0/vendor) mmconfig=$(dmesg | grep -c 'PCI: MMCONFIG for domain') rtc=$(cat /sys/class/rtc/rtc0/name) seconds=$(date +%s)"
flag() { grep -qw "$1" /proc/cpuinfo && echo yes || echo no; }
echo "model=$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1) pni=$(flag pni) lahf_lm=$(flag lahf_lm) xsave=$(flag xsave)"
case $(sed 's/.*do=\([a-z]*\).*/\1/' /proc/cmdline) in
reboot) reboot -f ;;
crash) echo c >/proc/sysrq-trigger ;;
*) poweroff -f ;;
esac
X
chmod 755 "$T/root/init"
(cd "$T/root" && find . | cpio -o -H newc --quiet | gzip -1) >"$T/initrd"

# guest NAME WORD [OPTION...]: run one; what it says is in $T/NAME.
guest()
{
	local name=$1 word=$2
	shift 2
	timeout 100 vsw-vmm --name "$name" --kernel "$kernel" --initrd "$T/initrd" --append "console=ttyS0 quiet panic=-1 do=$word" "$@" >"$T/$name" 2>"$T/$name.err"
}
says() { grep -q "$2" "$T/$1"; }

check "a guest with two CPUs ends by itself" guest g1 poweroff --cpus 2 --memory 384M
sed 's/^/    /' "$T/g1"
check "two CPUs" says g1 'cpus=2 '
check "its memory" [ "$(sed -n 's/.*memory_mb=\([0-9]*\).*/\1/p' "$T/g1")" -gt 300 ]
check "KVM's clock" says g1 'clock=kvm-clock'
check "PCI by ECAM" says g1 'bridge=0x1b36 mmconfig=1'
check "the clock of the board" says g1 'rtc=rtc_cmos'
seconds=$(sed -n 's/.*seconds=\([0-9]*\).*/\1/p' "$T/g1")
check "and its time" [ $(($(date +%s) - seconds)) -lt 100 ]
# What an emulated host has of features is not for us to say.
cpu=qemu64,-lahf-lm
lacks=$(vsw-vmm --name x --kernel "$kernel" --memory 8M --cpu $cpu 2>&1 | grep -o 'lacks [^;]*')
[ -z "$lacks" ] || cpu=host-model
check "a crash with panic=-1 is a reset, which ends it where that is wanted" guest g2 crash --no-reboot --cpu $cpu
[ -n "$lacks" ] && skip "a CPU model" "the host $lacks" || check "a CPU model: its name and features, and none besides" says g2 'model=vsw qemu64 pni=yes lahf_lm=no xsave=no'
sed -n 's/^model/    model/p' "$T/g1" "$T/g2"
vsw-vmm --name g3 --kernel "$kernel" --initrd "$T/initrd" --append "console=ttyS0 quiet do=reboot" >"$T/g3" 2>&1 &
pid=$!
check "after a reset it boots again" wait_for 100 eval '[ "$(grep -c cpus= "$T/g3")" -ge 2 ]'
kill $pid
wait $pid

check_fails "no kernel" "kernel $T/none: No such file" vsw-vmm --name x --kernel "$T/none"
check_fails "a kernel that is none" "neither a bzImage nor an ELF" vsw-vmm --name x --kernel "$T/root/init"
check_fails "an empty file" "a file with something in it" vsw-vmm --name x --kernel /dev/null
check_fails "too little memory" "16 MiB at least" vsw-vmm --name x --kernel "$kernel" --memory 8M
check_fails "more memory than the host has" "more than this host has" vsw-vmm --name x --kernel "$kernel" --memory 4096G
truncate -s 300M "$T/large"
check_fails "an initrd too large" "do not fit the guest's memory" vsw-vmm --name x --kernel "$kernel" --initrd "$T/large" --memory 256M
check_fails "no CPUs" "a number from 1 to" vsw-vmm --name x --kernel "$kernel" --cpus 0
check_fails "an option that is none" "no such option" vsw-vmm --name x --kernel "$kernel" --frob
check_fails "no KVM" "there is none" unshare -m sh -c 'mount -t tmpfs dev /dev && exec vsw-vmm --name x --kernel '"$kernel"
finish
