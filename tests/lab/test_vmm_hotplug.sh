#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Devices that come and go under a running guest, by ACPI, with Debian's own kernel: disks and network cards; the power button; pause.
if [ -z "${LAB:-}" ]; then
	exec "$(dirname "$0")/run" --timeout "${LAB_TIMEOUT:-250}" "$0" "$@"
fi
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/guest.sh"
DATAPATH=user

make_initrd "$T/initrd" virtio_pci virtio_blk virtio_net e1000 button evdev <<'X'
dmesg -n 1
stty -echo
echo "slots=$(ls /sys/bus/pci/slots | wc -l)"
echo ready
while read -r line; do
	eval "$line" 2>&1
	echo "done $?"
done
X
ctl() { python3 "$TOP/tests/tools/vmm_control.py" "$T/g.ctl" "$@"; }
# says COMMAND: run it in the guest; its output. Fails with it.
says()
{
	local n
	n=$(grep -c '^done ' "$T/out")
	echo "$1" >"$T/keys"
	wait_for 30 eval '[ "$(grep -c "^done " "$T/out")" -gt '"$n"' ]' || return 1
	tr -d '\r' <"$T/out" | sed -n '/^ready/,$p' | awk -v n="$n" '/^done /{ i++; next } i == n' | grep -v '^ready'
	[ "$(tr -d '\r' <"$T/out" | grep '^done ' | tail -1)" = "done 0" ]
}

start_switchd
vsw add-br br0
truncate -s 32M "$T/new.img"
mkfifo "$T/keys"
vsw-vmm --name g --kernel "$kernel" --initrd "$T/initrd" --append "console=ttyS0 quiet panic=-1" --memory 256M --cpus 2 --control "$T/g.ctl" --nic br0 \
	<>"$T/keys" >"$T/out" 2>"$T/err" &
pid=$!
check "a guest" wait_for 120 grep -q ^ready "$T/out"
sed 's/^/    /' "$T/out" "$T/err"

check "a disk comes" eval 'ctl disk/attach "{\"file\": \"new\", \"serial\": \"hot\"}" --fd "$T/new.img" >/dev/null'
check "and the guest has it, with its serial number" says 'n=100; while [ ! -e /dev/vda ] && [ $n != 0 ]; do sleep 0.1; n=$((n-1)); done; [ "$(cat /sys/block/vda/serial)" = hot ]'
check "what it writes arrives" eval 'says "echo hello | dd of=/dev/vda bs=512 conv=sync,fsync" && head -c 5 "$T/new.img" | grep -q hello'
check_fails "the same image again" "new: .*has it open" ctl disk/attach '{"file": "new"}' --fd "$T/new.img"
check_fails "without a descriptor" "descriptor was expected" ctl disk/attach '{"file": "new"}'
check_fails "one that cannot be written to" "not open for reading and writing" ctl disk/attach '{"file": "new"}' --fd "$T/new.img" --readonly
check "it goes when the guest has let go of it" eval 'ctl disk/detach "{\"name\": \"disk0\"}" && says "[ ! -e /dev/vda ]"'
check "and the image is free" eval 'ctl disk/attach "{\"file\": \"new\", \"readonly\": true}" --fd "$T/new.img" --readonly >/dev/null && ctl disk/detach "{\"name\": \"disk1\"}"'
check_fails "a disk that is none" "no disk named 'disk7'" ctl disk/detach '{"name": "disk7"}'

check "a card comes, and its port" eval 'ctl nic/attach "{\"nic\": \"br0,model=e1000\"}" >/dev/null && vsw list-ports br0 | grep -q g-net1'
check "the guest has it" says 'n=100; while [ ! -e /sys/class/net/eth1 ] && [ $n != 0 ]; do sleep 0.1; n=$((n-1)); done; ip link set eth1 up'
check "it goes, and its port" eval 'ctl nic/detach "{\"name\": \"net1\"}" && says "[ ! -e /sys/class/net/eth1 ]" && ! vsw list-ports br0 | grep -q g-net1'
check "so does the one that was there from the start" eval 'ctl nic/detach "{\"name\": \"net0\"}" && says "[ ! -e /sys/class/net/eth0 ]"'

check "paused, it says nothing; resumed, it does" eval 'ctl pause && echo "echo later" >"$T/keys" && ! grep -q ^later "$T/out" && ctl resume && wait_for 20 grep -q ^later "$T/out"'
check "counters" eval 'ctl stats | jq -e ".exits.io > 0 and .exits.mmio > 0"'
says 'cat /dev/input/event0 >/tmp/event & sleep 0.2' >/dev/null
check "the power button is heard" eval 'ctl power-button | jq -e .heard && says "n=50; while [ ! -s /tmp/event ] && [ \$n != 0 ]; do sleep 0.1; n=\$((n-1)); done; [ -s /tmp/event ]"'
check "reset: it boots again, with what it had" eval 'ctl reset >/dev/null && wait_for 120 eval "[ \$(grep -c ^ready \"$T/out\") = 2 ]"'
echo 'poweroff -f' >"$T/keys"
check "it switches itself off" wait $pid
sed 's/^/    /' "$T/err"
finish
