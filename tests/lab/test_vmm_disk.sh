#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Disks of vsw-vmm under the stock virtio_blk driver: order, serial numbers, read-only ones, what is written arrives, images in use, full disks.
lab_seconds=300
. "$(dirname "$0")/enter.sh"
. "$here/../lib.sh"
. "$here/guest.sh"

make_initrd "$T/initrd" virtio_pci virtio_blk <<'X'
for d in vda vdb vdc; do
	[ ! -e /dev/$d ] || echo "$d: sectors=$(cat /sys/block/$d/size) ro=$(cat /sys/block/$d/ro) serial=$(cat /sys/block/$d/serial) queues=$(ls /sys/block/$d/mq | wc -l) discard=$(cat /sys/block/$d/queue/discard_max_bytes)"
done
case $(word do) in
copy)
	dd if=/dev/vdb of=/dev/vda bs=64k count=16 seek=3 conv=fsync 2>/dev/null && echo copied
	echo 3 >/proc/sys/vm/drop_caches
	echo "sum=$(dd if=/dev/vda bs=64k count=16 skip=3 2>/dev/null | md5sum)"
	dd if=/dev/zero of=/dev/vdb bs=4k count=1 conv=fsync 2>&1 | tail -1
	dd if=/dev/urandom of=/dev/vda bs=1M seek=16 count=8 conv=fsync 2>/dev/null
	blkdiscard -o 16777216 -l 8388608 /dev/vda && echo discarded
	;;
fill)
	dmesg -n 1
	dd if=/dev/zero of=/dev/vda bs=64k count=256 conv=fsync 2>&1 | sed 's/^/full: /'
	;;
wait)
	echo waiting
	read -r line
	;;
esac
poweroff -f
X

# guest NAME WORD OPTION...
guest()
{
	local name=$1 word=$2
	shift 2
	timeout 150 vsw-vmm --name "$name" --kernel "$kernel" --initrd "$T/initrd" --append "console=ttyS0 quiet panic=-1 do=$word" --memory 256M "$@" \
		>"$T/$name" 2>"$T/$name.err"
}
says() { grep -q -- "$2" "$T/$1"; }

truncate -s 64M "$T/a.img"
head -c 1048576 /dev/urandom >"$T/b.img"
check "a guest with two disks" guest g1 copy --cpus 2 --disk "$T/a.img,serial=first" --disk "$T/b.img,format=raw,readonly,serial=second"
sed 's/^/    /' "$T/g1" "$T/g1.err"
check "the first: size, serial number, a queue for each CPU" says g1 'vda: sectors=131072 ro=0 serial=first queues=2 discard=[1-9]'
check "the second: read-only" says g1 'vdb: sectors=2048 ro=1 serial=second'
check "what it has read back is what it read" says g1 "sum=$(md5sum <"$T/b.img" | cut -d' ' -f1)"
check "what it discards the host gets back" eval 'says g1 discarded && [ "$(du -k "$T/a.img" | cut -f1)" -lt 2048 ]'
check "and is in the image" cmp -n 1048576 -i 196608:0 "$T/a.img" "$T/b.img"

mkdir "$T/small"
mount -t tmpfs -o size=4M tmpfs "$T/small"
truncate -s 64M "$T/small/full.img"
check "a guest whose image is on a full file system goes on" guest g2 fill --disk "$T/small/full.img"
sed 's/^/    /' "$T/g2" "$T/g2.err"
check "it gets an I/O error" says g2 'full: .*\(I/O\|Input/output\) error'
same "one line in the log" 1 "$(grep -c 'disk0: .*No space left on device' "$T/g2.err")"
umount "$T/small"

mkfifo "$T/keys"
vsw-vmm --name g3 --kernel "$kernel" --initrd "$T/initrd" --append "console=ttyS0 quiet do=wait" --memory 256M --disk "$T/a.img" --disk "$T/b.img,readonly" \
	<>"$T/keys" >"$T/g3" 2>&1 &
pid=$!
check "a guest waits" wait_for 120 grep -q waiting "$T/g3"
check_fails "an image that a guest writes to cannot be opened" "a.img: .*has it open" vsw-vmm --name g4 --kernel "$kernel" --disk "$T/a.img"
check_fails "not for reading either" "a.img: .*has it open" vsw-vmm --name g4 --kernel "$kernel" --disk "$T/a.img,readonly"
check_fails "one that a guest reads cannot be opened for writing" "b.img: .*has it open" vsw-vmm --name g4 --kernel "$kernel" --disk "$T/b.img"
check_fails "but it can be read by another" "16 MiB at least" vsw-vmm --name g4 --kernel "$kernel" --memory 8M --disk "$T/b.img,readonly"
echo >"$T/keys"
check "what is typed reaches the guest, which ends" wait_for 60 eval "! kill -0 $pid"
check_fails "the image is free again" "16 MiB at least" vsw-vmm --name g4 --kernel "$kernel" --memory 8M --disk "$T/a.img"
finish
