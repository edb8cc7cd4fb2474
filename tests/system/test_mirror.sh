#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Mirrors: what a probe gets is what went through, once; nothing else comes out of its port; mistakes are refused; nothing stays behind.
. "$(dirname "$0")/../lib.sh"

start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
mkhost h3 10.0.0.3/24
mkhost probe 10.0.0.9/24
at probe ip link set eth0 arp off
vsw add-br br0 -- add-br br1 -- add-port br0 h1-p -- add-port br0 h2-p -- add-port br0 h3-p -- add-port br0 probe-p
check "hosts reach each other" pings h1 10.0.0.2

# seen FILTER COMMAND...: ICMP identifier and sequence number, type, VLAN and length of the frames that the probe gets, which tshark's FILTER lets pass.
seen()
{
	local filter=$1 pid status
	shift
	rm -f "$T/probe.pcap"
	ip netns exec probe tcpdump --immediate-mode -U -n -i eth0 -w "$T/probe.pcap" 2>"$T/tcpdump.err" &
	pid=$!
	wait_for 10 test -s "$T/probe.pcap"
	"$@" >/dev/null 2>&1
	status=$?
	# A question that the mirror takes as well, and nobody answers, is behind all others.
	wait_for 5 last_is_there
	kill "$pid"
	wait "$pid" 2>/dev/null
	[ $status = 0 ] || echo "the command failed: $status"
	tshark -r "$T/probe.pcap" -Y "$filter" -T fields -e icmp.type -e icmp.seq -e vlan.id -e frame.len \
		2>"$T/tshark.err" | tr '\t' ' ' | sed 's/ *$//'
}
last_is_there()
{
	at "${last:-h1}" arping -q -c 1 -W 0.01 -I eth0 10.0.0.254 >/dev/null 2>&1
	tshark -r "$T/probe.pcap" -Y 'arp.dst.proto_ipv4 == 10.0.0.254' 2>/dev/null | grep -q .
}
ping2() { at h1 ping -q -c 2 -i 0.05 -W 2 10.0.0.2; }
mirror() { vsw -- --id=@p get port probe-p -- --id=@h1 get port h1-p -- --id=@h2 get port h2-p -- --id=@m create mirror name=m0 "$@" -- set bridge br0 mirrors=@m; }

check "a mirror of everything" mirror select_all=true output_port=@p
same "each packet once" "8 1  98
0 1  98
8 2  98
0 2  98" "$(seen icmp ping2)"
check "the packets reach whom they are for" pings h2 10.0.0.1
check "a host behind the output port is heard by nobody" eval 'at probe ip link set eth0 arp on; no_ping probe 10.0.0.1; at probe ip link set eth0 arp off'
check "and counted" eval 'vsw -j dump-ports br0 probe-p | jq -e ".bridges[0].ports[0].drops[\"mirror-port\"] > 0"'

check "of what comes from one port" mirror select_src_port=@h1 output_port=@p
same "requests alone" "8 1  98
8 2  98" "$(seen icmp ping2)"
last=h2
check "of what goes to one port" mirror select_dst_port=@h1 output_port=@p
same "answers alone" "0 1  98
0 2  98" "$(seen icmp ping2)"
last=
check "packets cut" mirror select_src_port=@h1 output_port=@p snaplen=60
same "are that long" "8 1  60
8 2  60" "$(seen icmp ping2)"
check "and whole for whom they are for" pings h1 10.0.0.2 3
check "to a VLAN" mirror select_src_port=@h1 output_vlan=99
same "tagged, out of the trunks" "8 1 99 102
8 2 99 102" "$(seen 'icmp && vlan.id == 99' ping2)"

# statistics: what is in the row is what was sent
check "one that counts" mirror select_src_port=@h1 output_port=@p
counted() { vsw get mirror m0 statistics:tx_packets; }
before=$(counted)
at h1 ping -q -c 200 -i 0.002 -W 2 10.0.0.2 >/dev/null
enough() { [ $(($(counted) - before)) -ge 200 ]; }
check "statistics" wait_for 10 enough
now=$(counted)
check "settings change, counters stay" eval 'vsw set mirror m0 snaplen=100 && [ "$(counted)" -ge "$now" ]'
vsw clear mirror m0 snaplen

# large packets, offloads on
at h2 iperf3 -s -D -1 -p 5201
check "TCP goes on while it is mirrored" wait_for 20 at h1 iperf3 -c 10.0.0.2 -n 20M

# ---- mistakes

check_fails "a port that is not there" 'no row "nope" in table Port|nope' vsw -- --id=@p get port nope -- --id=@m create mirror name=m1 output_port=@p -- add bridge br0 mirrors @m
vsw add-port br1 other type=internal
check_fails "a port of another bridge" "mirror m1: output_port: other is no port of bridge br0" \
	vsw -- --id=@p get port other -- --id=@m create mirror name=m1 select_all=true output_port=@p -- add bridge br0 mirrors @m
check_fails "a source on another bridge" "mirror m1: select_src_port: other is no port of bridge br0" \
	vsw -- --id=@o get port other -- --id=@p get port probe-p -- --id=@m create mirror name=m1 select_src_port=@o output_port=@p -- add bridge br0 mirrors @m
check_fails "a port to itself" "probe-p is its output_port, too; a port cannot be mirrored to itself" \
	vsw -- --id=@p get port probe-p -- --id=@m create mirror name=m1 select_dst_port=@p output_port=@p -- add bridge br0 mirrors @m
check_fails "nowhere" "mirror m1: where to\\?" vsw -- --id=@m create mirror name=m1 select_all=true -- add bridge br0 mirrors @m
check_fails "an id that is not there" "@nope" vsw -- --id=@m create mirror name=m1 output_port=@nope -- add bridge br0 mirrors @m
same "nothing of these is left" "m0" "$(vsw --bare --columns=name list mirror)"
same "and the one that was there works" "8 1  98
8 2  98" "$(seen icmp ping2)"

# ---- ports and daemons come and go

stop_switchd
start_switchd
check "after a restart the hosts reach each other" wait_for 10 pings h1 10.0.0.2
same "and are mirrored" "8 1  98
8 2  98" "$(seen icmp ping2)"
check "the output port is deleted" vsw del-port br0 probe-p
check "the others go on" pings h1 10.0.0.2
same "the mirror is there, without output" "[]" "$(vsw get mirror m0 output_port)"
vsw add-port br0 probe-p
check "the port is a port like any other again" eval 'at probe ip link set eth0 arp on; wait_for 10 pings probe 10.0.0.1'
check "a source is deleted" eval 'mirror select_src_port=@h1 output_port=@p; vsw del-port br0 h1-p -- add-port br0 h1-p'
check "no mirror" vsw clear bridge br0 mirrors
same "leaves none" "" "$(vsw list mirror)"
check "and the hosts reach each other" wait_for 10 pings h1 10.0.0.2
check "the bridge is deleted with its mirrors" eval 'mirror select_all=true output_port=@p; vsw del-br br0; test -z "$(vsw list mirror)"'
finish
