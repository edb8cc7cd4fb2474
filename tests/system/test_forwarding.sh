#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Real traffic between namespaces through one bridge, every offload as the kernel sets it.
. "$(dirname "$0")/../lib.sh"

start_switchd
check "add-br" vsw add-br br0
for i in 1 2 3; do
	mkhost "h$i" "10.0.0.$i/24"
	check "add-port h$i-p" vsw add-port br0 "h$i-p"
done

check "ping" pings h1 10.0.0.2 3
check "ping over IPv6 (neighbour discovery)" pings h1 fd00::2 3
check "ping between all" eval 'pings h2 10.0.0.3 && pings h3 10.0.0.1'

# iperf NAME CLIENT-OPTIONS...: between h1 and h2, megabits per second in $mbps
iperf()
{
	local name=$1
	shift
	at h2 iperf3 -s -1 -D -I "$T/iperf.pid" --forceflush >/dev/null
	wait_for 5 at h2 sh -c 'ss -Hltn sport = :5201 | grep -q .'
	if at h1 iperf3 -J -t 1 "$@" >"$T/iperf.json" 2>"$T/iperf.err"; then
		mbps=$(jq '(.end.sum_received.bits_per_second // .end.sum.bits_per_second) / 1e6 | floor' "$T/iperf.json")
		if [ "${mbps:-0}" -ge 1 ]; then
			ok "$name"
		else
			not_ok "$name" "$mbps Mbit/s"
		fi
	else
		not_ok "$name" "$(jq -r .error "$T/iperf.json" 2>/dev/null)"
		kill "$(cat "$T/iperf.pid" 2>/dev/null)" 2>/dev/null
	fi
	wait_for 5 sh -c '! ip netns exec h2 ss -Hltn sport = :5201 | grep -q .'
}
iperf "TCP over IPv4" -c 10.0.0.2
iperf "TCP over IPv4, reverse" -c 10.0.0.2 -R
iperf "TCP over IPv6" -c fd00::2
iperf "TCP over IPv6, reverse" -c fd00::2 -R
iperf "UDP" -c 10.0.0.2 -u -b 20M
iperf "UDP in fragments" -c 10.0.0.2 -u -b 20M -l 4000
for h in h1 h2; do at $h ethtool -K eth0 tx off rx off tso off gso off gro off >/dev/null 2>&1; done
iperf "TCP without offloads" -c 10.0.0.2
at h1 ethtool -K eth0 tx on tso on gso on >/dev/null 2>&1
iperf "TCP with offloads on the sender only" -c 10.0.0.2

check "fragments" at h1 ping -q -c 2 -i 0.05 -W 2 -s 5000 10.0.0.2
check "IPv6 fragments" at h1 ping -q -c 2 -i 0.05 -W 2 -s 5000 fd00::2

# jumbo frames
mkhost j1 10.0.1.1/24 9000
mkhost j2 10.0.1.2/24 9000
check "jumbo ports" vsw add-port br0 j1-p -- add-port br0 j2-p
check "jumbo ping, not fragmented" at j1 ping -q -M do -c 2 -i 0.05 -W 2 -s 8972 10.0.1.2

# A handful of datapath flows for a NORMAL bridge, whatever the number of connections.
for port in $(seq 7000 7050); do at h1 bash -c "exec 3<>/dev/tcp/10.0.0.2/$port" 2>/dev/null; done
n=$(vsw dump-dp-flows | grep -c 'eth_type(0x0800)')
if [ "$n" -gt 0 ] && [ "$n" -le 30 ]; then
	ok "51 connections make few datapath flows"
else
	vsw dump-dp-flows | head -40
	not_ok "51 connections make few datapath flows" "$n flows"
fi

# The bridge's own interface
ip addr add 10.0.0.100/24 dev br0
ip link set br0 up
check "host reaches namespace through br0" ping -q -c 2 -i 0.05 -W 2 10.0.0.1
check "namespace reaches host through br0" pings h2 10.0.0.100
ip link set br0 down
check "no answer with br0 down" no_ping h1 10.0.0.100
ip link set br0 up
check "answer again with br0 up" wait_for 5 pings h1 10.0.0.100

# A flow-table change is visible to the next packet after the command returned.
check "add-flow drop" vsw add-flow br0 'priority=100,icmp,nw_src=10.0.0.1,actions=drop'
check "the next ping is dropped" no_ping h1 10.0.0.2
check "others still pass" pings h3 10.0.0.2
check "del-flows" vsw del-flows br0 'icmp'
check "the next ping passes" pings h1 10.0.0.2

# Exact counters
vsw add-flow br0 'priority=200,icmp,icmp_type=8,nw_src=10.0.0.3,actions=NORMAL'
at h3 ping -q -c 37 -i 0.002 -W 2 10.0.0.2 >/dev/null
same "rule counts every packet" "37" "$(vsw dump-flows br0 'icmp,icmp_type=8' | sed -n 's/.*n_packets=\([0-9]*\).*nw_src=10.0.0.3.*/\1/p')"
same "rule counts every byte" "$((37 * 98))" "$(vsw dump-flows br0 'icmp,icmp_type=8' | sed -n 's/.*n_bytes=\([0-9]*\).*nw_src=10.0.0.3.*/\1/p')"

# Rewrites on TCP with offloads
vsw add-flow br0 'priority=300,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.77,actions=mod_nw_dst:10.0.0.2,mod_dl_dst:'"$(at h2 cat /sys/class/net/eth0/address)"',normal'
vsw add-flow br0 'priority=300,tcp,nw_src=10.0.0.2,nw_dst=10.0.0.1,tp_src=5201,actions=mod_nw_src:10.0.0.77,normal'
at h1 ip neigh replace 10.0.0.77 lladdr 02:00:00:00:00:77 dev eth0
iperf "TCP through address rewriting" -c 10.0.0.77

check "del-port" vsw del-port br0 h3-p
check "a deleted port is out" no_ping h1 10.0.0.3
finish
