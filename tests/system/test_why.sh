#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `vsw why A B`: breaks the way between two hosts in many ways; each time it must name what was broken, and its own command must mend it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
start_switchd

for i in 1 2 3; do mkhost h$i 10.0.0.$i/24; done
vsw add-br br0 -- add-br br1 -- add-br br2
vsw add-port br0 h1-p -- add-port br0 h2-p -- add-port br2 h3-p
vsw add-port br0 a1 -- set interface a1 type=patch options:peer=b0 -- add-port br1 b0 -- set interface b0 type=patch options:peer=a1
vsw add-port br1 b2 -- set interface b2 type=patch options:peer=c1 -- add-port br2 c1 -- set interface c1 type=patch options:peer=b2
mac_of() { ip netns exec "$1" cat /sys/class/net/eth0/address; }
m1=$(mac_of h1) m2=$(mac_of h2) m3=$(mac_of h3)
check "ping over three bridges" pings h1 10.0.0.3
check "ping within one" pings h1 10.0.0.2
check "ping by IPv6" pings h1 fd00::2
wait_for 5 eval 'vsw hosts | grep -q fd00::2'

# ---- nothing is wrong
check "by address" vsw why 10.0.0.1 10.0.0.2
check "by port" vsw why h1-p h3-p
check "by MAC" vsw why "$m1" "$m3" udp/53
check "by IPv6 address" vsw why fd00::1 fd00::2 tcp/443
same "what they say" "ARP request,ARP reply,request,answer" "$(vsw -j why h1-p 10.0.0.3 tcp/80 | jq -r '[.steps[].name] | join(",")')"
same "and by IPv6" "neighbour solicitation,neighbour advertisement,request,answer" "$(vsw -j why fd00::1 fd00::2 | jq -r '[.steps[].name] | join(",")')"
check "it says where to look next" grep -q "^Note: nothing in the switch stops it; look at the hosts" <(vsw why h1-p h2-p)

# breaks NAME KIND TARGET COMMAND...: after COMMAND, h1 does not reach TARGET because of KIND, and does after the change that why proposes.
breaks()
{
	local name=$1 kind=$2 target=$3 change got
	shift 3
	"$@"
	vsw why 10.0.0.1 "$target" >"$T/why" 2>&1
	if [ $? != 1 ]; then
		sed 's/^/    /' "$T/why"
		not_ok "$name" "why does not say no"
		return
	fi
	got=$(vsw -j why 10.0.0.1 "$target" | jq -r .stop.kind)
	change=$(vsw -j why 10.0.0.1 "$target" | jq -r '.stop.change // empty')
	if [ "$got" != "$kind" ] || [ -z "$change" ]; then
		sed 's/^/    /' "$T/why"
		not_ok "$name" "stopped by '$got', expected '$kind'; change '$change'"
	elif no_ping h1 "$target" && eval "$change"; then
		# What is mended first may not be the last thing on the way.
		for _ in 1 2 3; do
			change=$(vsw -j why 10.0.0.1 "$target" | jq -r '.stop.change // empty')
			[ -z "$change" ] || eval "$change"
		done
		if vsw why 10.0.0.1 "$target" >"$T/why" && wait_for 15 pings h1 "$target"; then
			ok "$name"
		else
			sed 's/^/    /' "$T/why"
			not_ok "$name" "the change does not help"
		fi
	else
		sed 's/^/    /' "$T/why"
		not_ok "$name" "ping works, or the change fails: $change"
	fi
}
flows() { printf '%s\n' "$@" | vsw replace-flows br0 -; }

breaks "a rule that drops" rule-drop 10.0.0.2 flows priority=0,actions=NORMAL cookie=0x7,priority=10,icmp,actions=drop
flows actions=NORMAL
breaks "no rule" no-rule 10.0.0.2 flows priority=5,tcp,actions=NORMAL
flows actions=NORMAL
breaks "a rule of a bridge in the middle" rule-drop 10.0.0.3 eval 'vsw add-flow br1 priority=7,arp,actions=drop; at h1 ip neigh flush all'
vsw del-flows br1
vsw add-flow br1 actions=NORMAL
breaks "no flows in the middle" no-rule 10.0.0.3 vsw del-flows br1
vsw del-flows br1
vsw add-flow br1 actions=NORMAL
breaks "sent elsewhere by a rule" not-sent-there 10.0.0.2 flows priority=0,actions=NORMAL priority=3,icmp,in_port=h1-p,actions=output:a1
flows actions=NORMAL
breaks "VLANs apart" other-vlan 10.0.0.2 eval 'vsw set port h1-p tag=10 -- set port h2-p tag=20; vsw fdb flush; at h1 arping -c 1 -w 1 -I eth0 10.0.0.9 >/dev/null; at h1 ip neigh flush all'
vsw clear port h1-p tag -- clear port h2-p tag
vsw fdb flush
at h1 ping -c 1 -W 1 10.0.0.2 >/dev/null
breaks "no-forward" port-no-forward 10.0.0.2 eval 'vsw mod-port br0 h2-p no-forward; vsw fdb flush; at h1 ip neigh flush all' 
breaks "no-receive" port-no-receive 10.0.0.2 vsw mod-port br0 h1-p no-receive
breaks "protected ports" protected-port 10.0.0.2 eval 'vsw set port h1-p protected=true -- set port h2-p protected=true; at h1 ip neigh flush all'
breaks "a port that is down" port-down 10.0.0.2 eval 'ip link set h2-p down; wait_for 5 eval "vsw why h1-p h2-p | grep -q down"'
breaks "a static address elsewhere" other-port 10.0.0.2 vsw fdb add br0 a1 0 "$m2"

# ---- what no command mends, or is only said
at h2 ip link set eth0 down
wait_for 5 eval 'vsw why h1-p h2-p | grep -q carrier'
check "no carrier" grep -q "^Stopped: port h2-p has no carrier" <(vsw why h1-p h2-p)
at h2 ip link set eth0 up
wait_for 5 vsw why h1-p h2-p
ip link set h2-p mtu 1400
check "another MTU is noted" wait_for 5 eval 'vsw why h1-p h2-p | grep -q "^Note: MTU: h2-p has 1400 and h1-p 1500"'
ip link set h2-p mtu 1500
vsw del-port a1
check "no way between bridges" grep -q "^Stopped: no patch port joins bridge br0 and bridge br2" <(vsw why h1-p h3-p)
check_fails "an unknown address" "no bridge has heard of 10.9.9.9" vsw why h1-p 10.9.9.9
check_fails "an unknown word" "nix is no port, and no MAC or IP address" vsw why h1-p nix
check_fails "an unknown protocol" "none of icmp, tcp/PORT" vsw why h1-p h2-p sctp/1
check_fails "two families" "is an IPv4 address and fd00::2 an IPv6 address" vsw why 10.0.0.1 fd00::2
finish
