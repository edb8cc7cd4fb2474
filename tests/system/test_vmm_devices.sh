#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest of a few hundred instructions (tests/payload) drives the board and each device once, on any KVM: ports, memory-mapped registers, interrupts by line
# and by MSI-X, a virtqueue of each virtio device, a frame by each network card, which the switch learns from.
. "$(dirname "$0")/../lib.sh"

if [ ! -r /dev/kvm ]; then
	skip "vsw-vmm" "no /dev/kvm here"
	finish
fi
export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
start_switchd
vsw add-br br0
{ head -c 512 /dev/zero; echo "VSW sector one"; head -c 1048576 /dev/zero; } | head -c 1048576 >"$T/disk.img"
mkfifo "$T/keys"
vsw-vmm --sandbox on --name g --memory 32M --kernel "$VSW_TOOLS/vmm_devices" --disk "$T/disk.img" --balloon on --rng on --virtio-console socket,path="$T/console" \
	--nic br0,vhost=off --nic br0,model=e1000 --nic br0,model=rtl8139 --nic br0,model=rtl8139,classic=on <>"$T/keys" >"$T/out" 2>"$T/err" &
pid=$!
check "a console that somebody listens to" wait_for 20 eval 'exec 7<> >(socat -u UNIX-CONNECT:"$T/console" - >"$T/said")'
check "the payload is through" wait_for 60 grep -q ^waiting "$T/out"
tr -d '\r' <"$T/out" | grep -E '^(not )?ok '
_passed=$((_passed + $(grep -c '^ok ' "$T/out")))
_failed=$((_failed + $(grep -c '^not ok ' "$T/out")))
for what in "PCI: both" "serial port: an interrupt" RTC virtio-net virtio-blk virtio-console virtio-rng virtio-balloon e1000 rtl8139; do
	check "it has met: $what" grep -q "^ok $what" "$T/out"
done
same "two RealTek cards" 2 "$(grep -c "^ok rtl8139: a frame is sent" "$T/out")"
check "what it wrote is on the disk" eval 'dd if="$T/disk.img" bs=512 skip=2 count=1 2>/dev/null | head -c 22 | grep -q "^written by the payload"'
# learned PORT MAC
learned() { wait_for 10 eval "vsw fdb br0 | grep -Eq '^ *$(vsw get interface "$1" ofport) .*$2'"; }
check "virtio-net's frame has arrived" learned g-net0 02:00:00:00:50:01
check "e1000's, too" learned g-net1 02:00:00:00:50:02
check "and rtl8139's" eval 'learned g-net2 02:00:00:00:50:03 || learned g-net3 02:00:00:00:50:03'
# One by one, to a processor that sleeps.
typed=
for key in $(seq 0 9) $(seq 0 9); do
	typed+=$key
	echo -n "$key" >"$T/keys"
	wait_for 20 grep -q "^$typed" "$T/out" || break
done
check "each key wakes it" grep -q '^01234567890123456789' "$T/out"
echo -n x >"$T/keys"
wait $pid
same "it ends by its own word" 42 $?
[ "$_failed" = 0 ] || { vsw fdb br0; cat "$T/out" "$T/err" | sed 's/^/    /'; }
finish
