#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Memory of all kinds, by what the kernel says of the guest's process; and Debian's kernel on two of them.
#
# The lab has two NUMA nodes here, one huge page of 1 GiB, and swap that is never used, so that a guest of more than 4 GiB is not refused.
lab_seconds=300
lab_memory=4096
lab_append="numa=fake=2 hugepagesz=1G hugepages=1"
. "$(dirname "$0")/enter.sh"
. "$here/../lib.sh"
. "$here/guest.sh"

# A guest of a few instructions is enough for what the kernel knows.
python3 "$TOP/tests/tools/vmm_payload.py" "$T/payload"
mkfifo "$T/keys"
# with MEMORY COMMAND...: a guest with it is there while the command runs; $guest is its process.
with()
{
	local pid status
	vsw-vmm --name m --kernel "$T/payload" --memory "$1" <>"$T/keys" >"$T/m" 2>"$T/m.err" &
	pid=$!
	wait_for 60 grep -q up "$T/m" || { cat "$T/m.err"; return 1; }
	guest=$(pgrep -P $pid)
	shift
	"$@"
	status=$?
	echo -n q >"$T/keys"
	wait $pid
	[ $status = 0 ]
}
# ram KEY: of the mapping that is the guest's RAM, the largest one, from smaps.
ram()
{
	awk -v key="$1:" '/^[0-9a-f]+-/ { size = 0 } $1 == "Size:" { size = $2 } $1 == key && size > max { max = size; value = $2 } END { print value }' "/proc/$guest/smaps"
}
meminfo() { sed -n "s/^$1: *\([0-9]*\).*/\1/p" /proc/meminfo; }
thp=/sys/kernel/mm/transparent_hugepage/enabled
echo madvise >$thp
check "transparent huge pages" with 64M eval '[ "$(ram AnonHugePages)" -ge 2048 ]'
check "none of them" with 64M,thp=off eval '[ "$(ram AnonHugePages)" = 0 ] && [ "$(ram Rss)" -gt 0 ]'
echo 200 >/proc/sys/vm/nr_hugepages
check "huge pages of 2 MiB" with 64M,hugepages=2M eval '[ "$(ram KernelPageSize)" = 2048 ] && [ "$(meminfo HugePages_Free)" -lt "$(meminfo HugePages_Total)" ]'
free=/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages
if [ "$(cat $free 2>/dev/null)" = 1 ]; then
	check "huge pages of 1 GiB" with 1G,hugepages=1G eval '[ "$(ram KernelPageSize)" = 1048576 ] && [ "$(cat $free)" = 0 ]'
	check_fails "more of them than there are" "mapping 2048 MiB: .*huge" vsw-vmm --name x --kernel "$T/payload" --memory 2G,hugepages=1G
else
	skip "huge pages of 1 GiB" "the lab has none: its CPU lacks pdpe1gb, or no GiB lies in one piece"
fi
check "shared memory" with 64M,backend=memfd eval 'grep -q "rw-s.*memfd:vsw-guest" /proc/$guest/maps'
check "from one NUMA node alone" with 64M,numa=1,locked=on eval 'grep "bind:1" /proc/$guest/numa_maps | grep "N1=" | grep -qv "N0="'
check "from the other" with 64M,numa=0,locked=on eval 'grep "bind:0" /proc/$guest/numa_maps | grep "N0=" | grep -qv "N1="'
check_fails "a node that is none" "NUMA node 7: Invalid argument" vsw-vmm --name x --kernel "$T/payload" --memory 64M,numa=7
check "locked: all of it is there" with 96M,locked=on eval '[ "$(sed -n "s/^VmLck:[^0-9]*\([0-9]*\).*/\1/p" /proc/$guest/status)" -ge 98304 ] && [ "$(ram Rss)" = 98304 ]'
check_fails "more than may be locked" "locking 64 MiB: .*ulimit -l" setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock prlimit --memlock=65536 vsw-vmm --name x --kernel "$T/payload" --memory 64M,locked=on
# The kernel looks for equal pages when told to.
ksm=/sys/kernel/mm/ksm
echo 20000 >$ksm/pages_to_scan
echo 1 >$ksm/run
shared() { [ "$(cat $ksm/pages_sharing)" -gt "$1" ]; }
# How far it got; a failure.
ksm_says() { echo "# KSM: $(cat $ksm/pages_sharing) shared, $(cat $ksm/full_scans) times through"; return 1; }
second() { local n; n=$(cat $ksm/pages_sharing); guest_of_first=$guest; with2 wait_for 90 shared $((n + 4000)); }
with2()
{
	local pid status
	vsw-vmm --name m2 --kernel "$T/payload" --memory 32M,mergeable=on,thp=off,locked=on --console socket,path="$T/m2.console" >"$T/m2" 2>&1 &
	pid=$!
	"$@"
	status=$?
	[ "$(cat "/proc/$guest/ksm_merging_pages")" -gt 4000 ] && [ "$(cat "/proc/$(pgrep -P $pid)/ksm_merging_pages")" -gt 4000 ] || status=1
	kill $pid
	wait $pid
	return $status
}
check "mergeable: equal pages of two guests are one" with 32M,mergeable=on,thp=off,locked=on eval 'wait_for 90 shared 4000 && second || ksm_says'
echo 2 >$ksm/run

# ---- Debian's kernel
make_initrd "$T/initrd" <<'X'
echo "memory_mb=$(($(sed -n 's/MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1024))"
echo "high=$(dmesg | grep -c 'BIOS-e820: .mem 0x0000000100000000-0x000000017fffffff. usable') hole=$(dmesg | grep -c 'BIOS-e820: .mem 0x0000000000100000-0x00000000bfffffff. usable')"
poweroff -f
X
# guest NAME MEMORY: run one; what it says is in $T/NAME.
guest()
{
	timeout 100 vsw-vmm --name "$1" --kernel "$kernel" --initrd "$T/initrd" --append "console=ttyS0 quiet panic=-1" --memory "$2" >"$T/$1" 2>"$T/$1.err"
}
says() { grep -q "$2" "$T/$1"; }
# More than the lab has: on both sides of the hole below 4 GiB, and touched by nobody.
modprobe -d "$lab/package" loop
truncate -s 3G "$T/swap"
chmod 600 "$T/swap"
check "swap that nobody uses" eval 'mkswap -q "$T/swap" && swapon "$(losetup --find --show "$T/swap")"'
guest g2 5G,thp=off &
large=$!
check "a guest on huge pages ends by itself" guest g1 384M,hugepages=2M
check "a guest of 5 GiB ends by itself" wait $large
check "it has been told of both parts" says g2 'high=1 hole=1'
check "and has them" [ "$(sed -n 's/.*memory_mb=\([0-9]*\).*/\1/p' "$T/g2")" -gt 4800 ]
finish
