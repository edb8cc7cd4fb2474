#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# VLAN modes on real frames; what is on the wire is read by tshark.
. "$(dirname "$0")/../lib.sh"

start_switchd
vsw add-br br0
mkhost a1 10.0.0.1/24
mkhost a2 10.0.0.2/24
mkhost b1 10.0.0.3/24
mkhost trunk 10.0.0.9/24
mkhost nt 10.0.0.10/24
mkhost nu 10.0.0.11/24
mkhost q 10.0.0.12/24
check "ports" vsw add-port br0 a1-p tag=10 -- add-port br0 a2-p tag=10 -- add-port br0 b1-p tag=20 -- add-port br0 trunk-p trunks=10,20 \
	-- add-port br0 nt-p vlan_mode=native-tagged tag=10 trunks=10,20 -- add-port br0 nu-p vlan_mode=native-untagged tag=10 trunks=10,20 \
	-- add-port br0 q-p vlan_mode=dot1q-tunnel tag=20 other_config:qinq-ethtype=802.1q

check "same access VLAN" pings a1 10.0.0.2
check "other access VLAN is out of reach" no_ping a1 10.0.0.3
check "access to native-untagged" pings a1 10.0.0.11
check "untagged into a trunk is not VLAN 10" no_ping trunk 10.0.0.1

# sees HOST TARGET FROM...: VLAN and target of ARP requests for TARGET at HOST's eth0 while each FROM asks for it.
sees()
{
	local host=$1 target=$2 pid from
	shift 2
	ip netns exec "$host" tcpdump -U -n -i eth0 -w "$T/$host.pcap" 'arp or (vlan and arp)' 2>"$T/tcpdump.log" &
	pid=$!
	# The capture runs when it has a frame of its own network: the host asks for itself until one is in the file.
	wait_for 15 eval 'at '"$host"' arping -q -c 1 -W 0.01 -I eth0 10.0.0.254; tshark -r "$T/'"$host"'.pcap" 2>/dev/null | grep -q 10.0.0.254'
	for from in "$@"; do at "$from" arping -q -c 2 -W 0.1 -I eth0 "$target" >/dev/null 2>&1; done
	# The last question of the host itself is behind all others in the file.
	wait_for 15 eval 'at '"$host"' arping -q -c 1 -W 0.01 -I eth0 10.0.0.253; tshark -r "$T/'"$host"'.pcap" 2>/dev/null | grep -q 10.0.0.253'
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	tshark -r "$T/$host.pcap" -T fields -e vlan.id -e arp.dst.proto_ipv4 -Y "arp.dst.proto_ipv4==$target" 2>/dev/null | sort -u | tr '\t' ' '
}
same "trunk carries VLAN 10 tagged" "10 10.0.0.77" "$(sees trunk 10.0.0.77 a1)"
same "trunk carries VLAN 20 tagged" "20 10.0.0.78" "$(sees trunk 10.0.0.78 b1)"
same "native-tagged sends its VLAN tagged" "10 10.0.0.79" "$(sees nt 10.0.0.79 a1)"
same "native-untagged sends its VLAN untagged" " 10.0.0.80" "$(sees nu 10.0.0.80 a1)"
same "access sends untagged" " 10.0.0.81" "$(sees a2 10.0.0.81 a1)"
same "access of another VLAN sees nothing of it" "" "$(sees b1 10.0.0.82 a1)"

# A change of a port's VLAN is visible to the next packet.
check "set tag" vsw set port b1-p tag=10
check "reached in the new VLAN" pings a1 10.0.0.3
check "set it back" vsw set port b1-p tag=20
check "out of reach again" no_ping a1 10.0.0.3
finish
