#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Devices that come and go under a running guest, by ACPI, with Debian's own kernel: disks and network cards; the power button; pause. The switch has its
# `user` datapath here: guest and namespace, guest and host, VLANs, counters.
lab_seconds=250
. "$(dirname "$0")/enter.sh"
. "$here/../lib.sh"
. "$here/guest.sh"
DATAPATH=user

make_initrd "$T/initrd" virtio_pci virtio_blk virtio_net e1000 8021q button evdev <<'X'
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
check "a bridge" vsw add-br br0 -- set bridge br0 other_config:hwaddr=02:00:00:00:00:fe
ip addr add 10.0.0.1/24 dev br0
ip link set br0 up
mkhost h1 10.0.0.9/24
vsw add-port br0 h1-p
truncate -s 32M "$T/new.img"
mkfifo "$T/keys"
vsw-vmm --name g --kernel "$kernel" --initrd "$T/initrd" --append "console=ttyS0 quiet panic=-1" --memory 256M --cpus 2 --control "$T/g.ctl" --nic br0 \
	<>"$T/keys" >"$T/out" 2>"$T/err" &
pid=$!
echo 'echo what was typed early' >"$T/keys"
check "a guest" wait_for 120 grep -q ^ready "$T/out"
check "what was typed before it listened is not lost" wait_for 20 eval 'grep -q "^what was typed early" "$T/out" && grep -q "^done" "$T/out"'
sed 's/^/    /' "$T/out" "$T/err"

# ---- through the switch's own forwarding thread: what a guest's card does here is the same as anywhere
mkdir "$T/www"
head -c 1000000 /dev/urandom >"$T/www/data"
sum=$(sha1sum <"$T/www/data" | cut -d' ' -f1)
at h1 busybox httpd -p 80 -h "$T/www"
fetches() { at h1 timeout 60 busybox wget -q -O - "http://$1/data" | sha1sum | grep -q "$sum"; }
uses_vhost() { ctl status | jq -e ".nics[] | select(.name == \"$1\") | .vhost"; }
check "its card: vhost-net moves the packets" uses_vhost net0
check "a guest and a namespace: ping" eval 'says "ip link set eth0 up; ip addr add 10.0.0.2/24 dev eth0" && wait_for 20 pings h1 10.0.0.2 3'
check "TCP, in" says "wget -q -O /tmp/data http://10.0.0.9/data; sha1sum /tmp/data | grep -q $sum"
check "TCP, out" eval 'says "httpd -h /tmp" && fetches 10.0.0.2'
check "a guest and the host's own stack" ping -q -c 3 -i 0.2 -W 5 10.0.0.2
counts() { says "cat /proc/net/dev" | awk '$1 == "eth0:" { print $3, $11 }'; vsw get interface g-net0 statistics:tx_packets statistics:rx_packets; }
same_counts()
{
	local before after
	before=$(counts | tr '\n' ' ')
	pings h1 10.0.0.2 5
	after=$(counts | tr '\n' ' ')
	echo "$before: $after"
	awk -v a="$before" -v b="$after" 'BEGIN { split(a, x, " "); split(b, y, " "); exit !(y[2] - x[2] == y[4] - x[4] && y[1] - x[1] >= 5) }'
}
check "guest and switch count the same" wait_for 30 same_counts
vsw set port g-net0 tag=7 -- set port h1-p tag=7
check "on a VLAN" pings h1 10.0.0.2 2
check "and nobody else" eval '! ping -q -c 1 -W 1 10.0.0.2'
vsw clear port g-net0 tag -- clear port h1-p tag
ip -n h1 link add link eth0 name v8 type vlan id 8
ip -n h1 addr add 10.8.0.9/24 dev v8
ip -n h1 link set v8 up
check "tagged by the guest itself" eval 'says "ip link add link eth0 name v8 type vlan id 8; ip addr add 10.8.0.2/24 dev v8; ip link set v8 up" && wait_for 20 pings h1 10.8.0.2 2'
check "the cable is pulled" eval 'ctl nic/set-link "{\"name\": \"net0\", \"cable\": false}" >/dev/null && says "n=50; while ip link show eth0 | grep -q LOWER_UP && [ \$n != 0 ]; do sleep 0.1; n=\$((n-1)); done; [ \$n != 0 ]"'
check "and plugged in" eval 'ctl nic/set-link "{\"name\": \"net0\", \"cable\": true}" >/dev/null && wait_for 20 pings h1 10.0.0.2'
downs='cat /sys/class/net/eth0/carrier_down_count'
before=$(says "$downs")
stop_switchd KILL
start_switchd
check "a switch that was killed and comes again has its port" wait_for 20 grep -q "the switch is back, and has port g-net0" "$T/err"
check "it works" wait_for 20 pings h1 10.0.0.2
same "the guest's link was never down" "$before" "$(says "$downs")"

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
check "a virtio card comes: vhost-net moves its packets, too" eval 'ctl nic/attach "{\"nic\": \"br0,queues=2\"}" >/dev/null && uses_vhost net1'
check "the guest has it, and it works" eval '
	says "n=100; while [ ! -e /sys/class/net/eth1 ] && [ \$n != 0 ]; do sleep 0.1; n=\$((n-1)); done; ip link set eth1 up; ip addr add 10.1.0.2/24 dev eth1" &&
		ip -n h1 addr add 10.1.0.9/24 dev eth0 && wait_for 20 pings h1 10.1.0.2 3 && fetches 10.1.0.2'
check "the control queue is not vhost-net's" eval 'ctl stats | jq -e ".nics[] | select(.name == \"net1\") | .queues | length == 5 and .[4].chains > 0"'
check "by vhost-net alone: this process has moved none" eval 'ctl stats | jq -e ".nics[] | select(.name == \"net1\") | .rx_packets == 0"'
check "it goes, too" eval 'ctl nic/detach "{\"name\": \"net1\"}" && says "[ ! -e /sys/class/net/eth1 ]" && ! vsw list-ports br0 | grep -q g-net1'
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
