#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# boots.sh [COUNT]: a guest boots, finds its devices and switches itself off, COUNT times in a row (10), two beside each other. None may hang.
#
# No part of `make check`, whose tests boot two dozen guests anyway; `make soak` runs it until there were BOOTS of them.
lab_seconds=280
. "$(dirname "$0")/enter.sh"
. "$here/../lib.sh"
. "$here/guest.sh"
DATAPATH=ebpf

make_initrd "$T/initrd" virtio_pci virtio_blk virtio_net virtio_balloon e1000 8139cp 8139too <<'X'
echo "cpus=$(nproc) disk=$(cat /sys/block/vda/size) cards=$(ls -d /sys/class/net/eth* | wc -l)"
ip link set eth0 up
dd if=/dev/vda of=/dev/null bs=64k count=16 2>/dev/null && echo read
[ "$(word do)" = reboot ] && reboot -f
poweroff -f
X
models=(virtio virtio,queues=2 virtio,vhost=off e1000 rtl8139 rtl8139,classic=on)
kinds=("" ,thp=off ,backend=memfd ,mergeable=on)
# one NUMBER: boot it; what it says is in $T/NUMBER.
one()
{
	local i=$1
	truncate -s 4M "$T/disk$i"
	timeout 100 vsw-vmm --name "b$i" --no-reboot --cpus $((i % 2 + 1)) --memory "192M${kinds[i % 4]}" --kernel "$kernel" --initrd "$T/initrd" \
		--disk "$T/disk$i" --nic "br0,model=${models[i % 6]}" --append "console=ttyS0 quiet panic=-1 do=$([ $((i % 5)) = 0 ] && echo reboot || echo off)" </dev/null >"$T/$i" 2>&1 &&
		grep -q "cpus=$((i % 2 + 1)) disk=8192 cards=1" "$T/$i" && grep -q '^read' "$T/$i"
}
start_switchd
vsw add-br br0
for ((i = 1; i <= ${1:-10}; i += 2)); do
	one $i &
	first=$!
	check "boot $((i + 1))" one $((i + 1)) || tail -n 20 "$T/$((i + 1))"
	check "boot $i" wait $first || tail -n 20 "$T/$i"
done
no_ports() { [ -z "$(vsw list-ports br0)" ]; }
check "no port is left" wait_for 20 no_ports
finish
