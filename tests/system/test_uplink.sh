#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `vsw uplink`: everything on a device moves to a bridge and back while a TCP connection goes on; and what happens when the line is cut.
. "$(dirname "$0")/../lib.sh"

# A gateway, the host under test (this namespace) with eth0, and a client behind the gateway with a TCP connection to the host.
ip netns add gw
ip netns add client
ip link add eth0 type veth peer name eth0 netns gw
ip link add c type veth peer name eth0 netns client
ip link set c netns gw
for ns in gw client; do ip -n $ns link set lo up; done
ip -n gw addr add 10.0.0.254/24 dev eth0
ip -n gw addr add fd00::fe/64 dev eth0 nodad
ip -n gw addr add 192.0.2.1/24 dev c
ip -n gw link set eth0 up
ip -n gw link set c up
ip netns exec gw sysctl -qw net.ipv4.ip_forward=1
ip -n client addr add 192.0.2.9/24 dev eth0
ip -n client link set eth0 up
ip -n client route add default via 192.0.2.1
# Whatever a host may have.
ip addr add 10.0.0.1/24 brd + dev eth0
ip addr add 10.0.0.11/24 dev eth0 label eth0:one
ip addr add 10.0.7.1/30 dev eth0 valid_lft 86400 preferred_lft 43200
ip addr add 10.0.8.1 peer 10.0.8.2 dev eth0
ip addr add fd00::1/64 dev eth0 nodad
ip addr add fd00:7::1/64 dev eth0 nodad noprefixroute valid_lft 86400 preferred_lft 0
ip link set eth0 up
ip route add default via 10.0.0.254 metric 50
ip route add default via 10.0.0.254 metric 100 mtu 1400
ip route add 10.9.0.0/16 via 10.0.0.254 src 10.0.0.11
ip route add 10.10.0.0/16 dev eth0 scope link
ip route add 198.51.100.0/24 via 203.0.113.1 dev eth0 onlink
ip route add 10.11.0.0/16 nexthop via 10.0.0.254 weight 2 nexthop via 10.0.0.253
ip route add default via 10.0.0.254 table 77
ip rule add from 10.0.0.11 table 77
ip -6 route add default via fd00::fe metric 33
ip -6 route add fd99::/64 via fd00::fe table 77
ip neigh add 10.0.0.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent
wait_for 5 eval '! ip -6 addr show dev eth0 | grep -q tentative'

# What is on a device, without what changes by itself; the device is called DEV.
state()
{
	ip -o addr show dev "$1" | sed -E 's/^[0-9]+: //; s/ nodad//g; s/(valid_lft|preferred_lft) [0-9]+sec/\1 N/g; s/\\ +/ /'
	{ ip -o route show table all; ip -6 -o route show table all; } | grep "dev $1 " | grep -v "table local\|multicast\|fe80" |
		sed -E 's/ pref medium//; s/linkdown ?//'
	ip neigh show dev "$1" nud permanent
	ip rule
}
named() { state "$1" | sed -E "s/\b$1\b/DEV/g; s/ +$//; s/  +/ /g" | sort; }
before=$(named eth0)
same_as_before() { same "$1: all that was there" "$before" "$(named "$2")"; same "$1: nothing is left on the other" "" "$(ip -o addr show dev "$3" 2>/dev/null | grep -v 'fe80::')"; }

# One TCP connection that says a number every 5 ms and hears it back.
cat >"$T/talk.py" <<'PY'
import socket, sys, time
if sys.argv[1] == "serve":
    s = socket.create_server(("10.0.0.1", 2222))
    while True:
        c, _ = s.accept()
        while data := c.recv(4096):
            c.sendall(data)
else:
    s = socket.create_connection(("10.0.0.1", 2222))
    f = s.makefile("rwb", buffering=0)
    n = 0
    while True:
        n += 1
        f.write(b"%d\n" % n)
        assert f.readline() == b"%d\n" % n
        open(sys.argv[2] + ".new", "w").write(str(n))
        import os
        os.rename(sys.argv[2] + ".new", sys.argv[2])
        time.sleep(0.005)
PY
python3 "$T/talk.py" serve &
wait_for 5 eval 'ss -Hltn | grep -q 2222'
at client python3 "$T/talk.py" talk "$T/n" &
talker=$!
wait_for 10 [ -s "$T/n" ]
count() { cat "$T/n" 2>/dev/null || echo 0; }
goes_on()
{
	local now
	now=$(count)
	if kill -0 $talker 2>/dev/null && wait_for 15 eval "[ \"\$(count)\" -gt $((now + 3)) ]"; then ok "$1: the TCP connection goes on"; else not_ok "$1: the TCP connection goes on" "it stands at $now"; fi
}
goes_on "before"

start_switchd
mac_of() { ip -j link show dev "$1" | jq -r '.[0].address'; }
same "iface-list" "active $(mac_of eth0) - 10.0.0.1/24,10.0.7.1/30,10.0.8.1/32,10.0.0.11/24" \
	"$(vsw iface-list | awk '$1 == "eth0" { print $2, $3, $4, $5 }' | sed 's/,fd00.*//; s/,fe80.*//')"

# ---- there and back
check "uplink" vsw uplink br0 eth0
same_as_before "there" br0 eth0
goes_on "there"
check "the gateway is reached through the bridge" ping -q -c 1 -W 2 10.0.0.254
check "IPv6, too" ping -q -c 1 -W 2 fd00::fe
same "the bridge has the MAC address of the device" "$(mac_of eth0)" "$(mac_of br0)"
same "the list of uplinks" "br0 eth0 settled" "$(vsw uplink | tr -s ' ')"
same "iface-list says so" "uplink of br0" "$(vsw -j iface-list | jq -r '.interfaces[] | select(.name == "eth0").use')"
check_fails "the bridge cannot be deleted under it" 'br0 carries this host.s addresses .*--undo br0' vsw del-br br0
check_fails "nor the port" 'eth0 carries' vsw del-port br0 eth0
check_fails "twice" 'br0 has an uplink already: eth0' vsw uplink br0 eth0
check_fails "one device, two bridges" 'eth0 is a port of br0' vsw uplink br1 eth0
stop_switchd
start_switchd
goes_on "after a restart of the daemon"
check "undo, by another daemon" vsw uplink --undo
same_as_before "back" eth0 br0
goes_on "back"
check "the bridge that it made is gone" vsw -t 1 wait-until open_vswitch . 'bridges=[]'
same "nothing is in the run folder" "" "$(ls "$VSW_RUNDIR/uplink" 2>/dev/null)"

# ---- a bridge that was there, with an address of its own
vsw add-br br0 -- add-port br0 inner type=internal
ip addr add 172.16.0.1/24 dev br0
ip link set br0 up
mac=$(mac_of br0)
check "uplink of a bridge that was there" vsw uplink br0 eth0
goes_on "a bridge that was there"
check "undo" vsw uplink --undo br0
same "the bridge stays, with its address" "172.16.0.1/24" "$(ip -o -4 addr show dev br0 | awk '{print $4}')"
same "and its MAC address" "$mac" "$(mac_of br0)"
same "its port is gone" "inner" "$(vsw list-ports br0)"
ip addr del 172.16.0.1/24 dev br0
same_as_before "undo" eth0 br0

# ---- confirming
check "--confirm" vsw uplink br0 eth0 --confirm 30
same "it waits" "br0 eth0 unconfirmed," "$(vsw uplink | awk '{print $1, $2, $3}')"
check "--confirm-now" vsw uplink --confirm-now
same "it is settled" settled "$(vsw -j uplink | jq -r .uplinks[0].state)"
check "undo" vsw uplink --undo br0
check "--confirm, and nobody does" vsw uplink br0 eth0 --confirm 1
check "it is taken back" wait_for 10 eval '[ -z "$(vsw uplink)" ]'
same_as_before "not confirmed" eth0 br0
goes_on "not confirmed"
script -qec "vsw uplink br0 eth0 --confirm 30" /dev/null </dev/null >"$T/script" 2>&1 &
check "at a terminal it asks" wait_for 10 grep -q 'Press Enter within 30 s' "$T/script"
kill -9 $! 2>/dev/null; wait $! 2>/dev/null
check "undo of what is not confirmed" vsw uplink --undo br0
same_as_before "undo of what is not confirmed" eth0 br0
(sleep 0.1; echo) | script -qec "vsw uplink br0 eth0 --confirm 20" /dev/null >"$T/script" 2>&1
same "Enter at the terminal keeps it" settled "$(vsw -j uplink | jq -r .uplinks[0].state)"
check "undo" vsw uplink --undo br0

# ---- the line is cut on purpose
vsw set bridge br0 fail_mode=secure -- del-port inner
vsw del-flows br0
check_fails "flows that drop everything: taken back" 'taken back: .* has not answered for 2 s' vsw uplink br0 eth0 --confirm 2
same_as_before "flows that drop everything" eth0 br0
goes_on "flows that drop everything"
vsw add-flow br0 actions=NORMAL
vsw set port br0 tag=10
check_fails "a wrong VLAN: taken back" 'taken back: .* has not answered for 2 s' vsw uplink br0 eth0 --confirm 2
same_as_before "a wrong VLAN" eth0 br0
goes_on "a wrong VLAN"
vsw clear port br0 tag
check "the gateway dies while it is to be confirmed" vsw uplink br0 eth0 --confirm 3
ip -n gw link set eth0 down
check "it is taken back" wait_for 15 eval '[ -z "$(vsw uplink)" ]'
ip -n gw link set eth0 up
ip -n gw addr replace fd00::fe/64 dev eth0 nodad
wait_for 10 ping -q -c 1 -W 1 10.0.0.254
ip -6 route replace default via fd00::fe metric 33
ip -6 route replace fd99::/64 via fd00::fe table 77
same_as_before "the gateway died" eth0 br0
goes_on "the gateway died"
check_fails "--check of a host that is silent already" '10.0.0.99 does not answer even now: nothing was changed' vsw uplink br0 eth0 --check 10.0.0.99
same "nothing was changed" "" "$(vsw uplink)"
check "--check of one that answers" vsw uplink br0 eth0 --check 192.0.2.9
check "undo" vsw uplink --undo
ip route add default via 10.0.0.253 metric 200
check "a gateway that is silent already is no reason" vsw uplink br0 eth0
check "undo" vsw uplink --undo
ip route del default via 10.0.0.253
# Many gateways do not answer pings: then their ARP counts.
ip netns exec gw sysctl -qw net.ipv4.icmp_echo_ignore_all=1 net.ipv6.icmp.echo_ignore_all=1
check "a gateway that does not answer pings" vsw uplink br0 eth0 --confirm 20
same "was watched all the same" "10.0.0.254 fd00::fe" "$(jq -r '.targets | sort | join(" ")' "$VSW_RUNDIR/uplink/br0.json")"
ip netns exec gw sysctl -qw net.ipv4.icmp_echo_ignore_all=0 net.ipv6.icmp.echo_ignore_all=0

# ---- killed in the middle
kill -9 $switchd_pid
wait $switchd_pid 2>/dev/null
sed -i -E 's/"deadline_wall_ms": [0-9]+/"deadline_wall_ms": 1/' "$VSW_RUNDIR/uplink/br0.json"
start_switchd
check "kill -9 of the daemon, back after the time is over: taken back" wait_for 10 eval '[ -z "$(vsw uplink)" ]'
same_as_before "kill -9 while unconfirmed" eth0 br0
goes_on "kill -9 while unconfirmed"
check "to be confirmed" vsw uplink br0 eth0 --confirm 60
stop_switchd
same_as_before "a daemon that ends in order takes back what is not confirmed" eth0 br0
start_switchd
vsw del-br br0
moved=0 back=0
for round in 1 2 3 4 5 6 7 8; do
	vsw uplink br0 eth0 >/dev/null 2>&1 &
	cli=$!
	# From before the first step to after the last: until the state says so, and a little longer.
	if [ $round -gt 1 ]; then
		while [ ! -e "$VSW_RUNDIR/uplink/br0.json" ] && kill -0 $cli 2>/dev/null; do :; done
		for ((i = 0; i < (round - 2) * 400; i++)); do :; done
	fi
	kill -9 $switchd_pid
	if [ $((round % 2)) = 0 ]; then kill -9 $cli; fi 2>/dev/null
	wait $switchd_pid $cli 2>/dev/null
	start_switchd
	wait_for 15 eval '! vsw uplink | grep -vq settled'
	if [ -n "$(vsw uplink)" ]; then
		moved=$((moved + 1))
		same "round $round: all is there" "$before" "$(named br0)"
		vsw uplink --undo || not_ok "round $round: undo" ""
	else
		back=$((back + 1))
	fi
	same "round $round: all is back" "$before" "$(named eth0)"
	vsw --if-exists del-br br0
done
echo "# killed in the middle: $moved moved, $back back"
goes_on "killed in the middle"

check_fails "no such device" 'eth9: no such network device' vsw uplink br0 eth9
check_fails "no Ethernet device" 'lo is no Ethernet device' vsw uplink br0 lo
check_fails "a device in the place of the bridge" 'there is a network device eth0 already' vsw uplink eth0 eth0
check_fails "a silly time" 'expected 1 to 86400 seconds' vsw uplink br0 eth0 --confirm 0
check_fails "no uplink to undo" 'there is no uplink' vsw uplink --undo
kill $talker
finish
