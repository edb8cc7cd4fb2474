#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest's network card is a port: its link, its counters, a switch that is started anew, refusals, the end.
lab_seconds=300
. "$(dirname "$0")/enter.sh"
. "$here/../lib.sh"
. "$here/guests.sh"

guest g1 20 br0 br0,vhost=off br0,model=e1000,mac=52:54:00:00:00:e1
guest g2 30 br0 br0,model=rtl8139 br0,model=rtl8139,classic=on
boot g1 g2

# ---- the switch says down, and up; the guest changes its address
for card in "g1 0 virtio" "g1 1 virtio,vhost=off" "g1 2 e1000" "g2 1 8139cp" "g2 2 8139too"; do
	read -r g i what <<<"$card"
	vsw mod-port br0 $g-net$i down
	check "$what: down in the switch, no carrier in the guest" in_guest $g "wait_for 100 eval '! carrier $i'"
	for action in up down up down up; do vsw mod-port br0 $g-net$i $action; done
	check "$what: up, and there it is, also after flapping" in_guest $g "wait_for 100 carrier $i"
	in_guest $g "at $i ip link set eth$i down; at $i ip link set eth$i address 02:00:00:00:00:${g#g}$i; at $i ip link set eth$i up" >/dev/null
	ip neigh flush dev br0
	check "$what: works again, under another address" wait_for 20 ping -q -c 1 -W 1 "$(address $g $i)"
done

# ---- what is counted, seen from both sides; of what the switch sends, a card leaves out groups that its guest is not in
counts() { in_guest "$1" "at $2 cat /proc/net/dev" | awk -v d="eth$2:" '$1 == d { print $3, $11 }'; vsw get interface "$1-net$2" statistics:tx_packets statistics:rx_packets | tr '\n' ' '; }
same_counts()
{
	local before after
	before=$(counts "$1" "$2" | tr '\n' ' ')
	ping -q -c 5 -i 0.2 "$(address "$1" "$2")" >/dev/null
	after=$(counts "$1" "$2" | tr '\n' ' ')
	echo "$before: $after"
	awk -v a="$before" -v b="$after" 'BEGIN { split(a, x, " "); split(b, y, " "); exit !(y[2] - x[2] == y[4] - x[4] && y[1] - x[1] >= 5 && y[1] - x[1] <= y[3] - x[3]) }'
}
check "guest and switch count the same: virtio" wait_for 30 same_counts g1 1
check "guest and switch count the same: e1000" wait_for 30 same_counts g1 2

# ---- the switch goes and comes
in_guest g1 'at 0 ping -q -i 0.2 -c 100000 10.0.0.31 >/tmp/ping &' >/dev/null
sent() { counts g1 1 | sed -n 's/^[0-9]* //p;q'; }
quiet=$(sent)
stop_switchd KILL
start_switchd
has_it_again() { grep -q "the switch is back, and has port $1-net0" "$T/$1.err"; }
check "guests have their ports again" wait_for 20 eval 'has_it_again g1 && has_it_again g2'
check "not a packet was lost between them" in_guest g1 'killall -INT ping; wait_for 50 grep loss /tmp/ping; grep ", 0% packet loss" /tmp/ping'
says_where() { [ "$(sent)" -gt "$quiet" ]; }
check "a virtio card says where its guest is, unasked by that" wait_for 20 says_where
vsw mod-port br0 g1-net0 down
check "and they hear of it" in_guest g1 "wait_for 100 eval '! carrier 0'"
vsw mod-port br0 g1-net0 up

# ---- errors, one line each; the end
nic() { vsw-vmm --name x --memory 64M --kernel "$kernel" --nic "$@"; }
check_fails "no such bridge" "net0: no bridge named br9" nic br9
check_fails "a multicast address" "multicast" nic br0,mac=01:00:5e:00:00:01
check_fails "an address that a guest has" "52:54:00:00:00:e1 is the address of guest g1 already" nic br0,mac=52:54:00:00:00:e1
check_fails "a port that a guest has" "that of guest g1, which runs" nic br0,port=g1-net0
check_fails "a setting that is none" "has a column 'frob'" nic br0,frob=1
check_fails "no switch" "vsw-switchd is not running" env VSW_RUNDIR="$T/none" vsw-vmm --name x --kernel "$kernel" --nic br0
vsw del-port g2-net2
check "a port that is taken away is a cable that is pulled" in_guest g2 "wait_for 100 eval '! carrier 2'"
check "one line says so" eval '[ "$(grep -c "g2: port g2-net2 was removed from the switch" "$T/g2.err")" = 1 ]'
kill -KILL "${guests[g1]}"
check "a guest that is killed takes its ports along" wait_for 20 eval 'no_port g1-net0 && no_port g1-net1 && no_port g1-net2'
echo 'poweroff -f' >"$T/g2.in"
check "one that switches itself off, too" wait_for 60 eval 'no_port g2-net0 && no_port g2-net1'
[ "$_failed" = 0 ] || tail -n 25 "$T"/g? "$T"/g?.err | tr -d '\r' | sed 's/^/    /'
finish
