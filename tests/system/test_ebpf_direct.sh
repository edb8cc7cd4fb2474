#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The direct way to a host in another network namespace (switchd/datapath/ebpf_direct.c): taken where it changes nothing that anybody
# could see, the port's own counters and packet sockets aside, and left where it would.
VSW_TEST_DATAPATH=ebpf
. "$(dirname "$0")/../lib.sh"

start_switchd
vsw add-br br0
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
check "ports" vsw add-port br0 h1-p ofport_request=1 -- add-port br0 h2-p ofport_request=2
check "ping" pings h1 10.0.0.2 5

device_tx() { ip -s -j link show "$1" | jq '.[0].stats64.tx.packets'; }
switch_tx() { vsw -j dump-ports br0 | jq --arg p "$1" '[.. | objects | select(.name? == $p)][0].tx_packets'; }
# Packets that the device h2-p sent while 20 passed.
passed_by_device()
{
	local before
	before=$(device_tx h2-p)
	at h1 ping -q -c 20 -i 0.005 -W 2 10.0.0.2 >/dev/null || echo "ping fails"
	echo $(($(device_tx h2-p) - before))
}
is_direct() { [ "$(passed_by_device)" -lt 5 ]; }
is_long() { [ "$(passed_by_device)" -ge 20 ]; }

check "the direct way is taken" wait_for 5 is_direct
before=$(switch_tx h2-p)
at h1 ping -q -c 50 -i 0.002 -W 2 10.0.0.2 >/dev/null
after=$(switch_tx h2-p)
check "the port's statistics count it" [ $((after - before)) -ge 50 ]
vsw set interface h2-p options:direct=false
check "options:direct=false" wait_for 5 is_long
vsw set interface h2-p options:direct=true
check "... and back" wait_for 5 is_direct

tc qdisc add dev h2-p root pfifo
check "not past a qdisc" wait_for 5 is_long
tc qdisc del dev h2-p root
check "... and back" wait_for 5 is_direct
tc qdisc add dev h2-p clsact 2>/dev/null # where the switch does not have one there itself
tc filter add dev h2-p egress prio 3 bpf bytecode '1,6 0 0 0,'
check "not past a filter on the egress hook" wait_for 5 is_long
tc filter del dev h2-p egress prio 3
check "... and back" wait_for 5 is_direct

# What is not for that host must not look as if it were: nobody answers a ping with another MAC address.
at h1 ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:99 dev eth0
vsw add-flow br0 'priority=500,icmp,dl_dst=02:00:00:00:00:99,actions=output:h2-p'
check "a frame for another MAC address stays foreign" no_ping h1 10.0.0.2
at h1 ip neigh del 10.0.0.2 dev eth0
vsw del-flows br0 icmp

# A rewritten address counts, not the one that came.
at h1 ip neigh replace 10.0.0.77 lladdr 02:00:00:00:00:77 dev eth0
mac_of() { ip -n "$1" -j link show eth0 | jq -r '.[0].address'; }
mac1=$(mac_of h1) mac2=$(mac_of h2)
vsw add-flow br0 "priority=300,icmp,nw_dst=10.0.0.77,actions=mod_nw_dst:10.0.0.2,mod_dl_dst:$mac2,output:h2-p"
vsw add-flow br0 "priority=300,icmp,nw_src=10.0.0.2,nw_dst=10.0.0.1,actions=mod_nw_src:10.0.0.77,mod_dl_dst:$mac1,output:h1-p"
check "through rewriting" at h1 ping -q -c 20 -i 0.01 -W 2 10.0.0.77
vsw del-flows br0 icmp

# The other end's MTU counts as ever: what is longer does not get there.
at h1 ip link set eth0 mtu 3000
ip link set h1-p mtu 3000
ip link set h2-p mtu 3000
wait_for 5 is_direct
check "as long as its MTU" at h1 ping -q -c 3 -i 0.05 -W 2 -M do -s 1472 10.0.0.2
too_long() { ! at h1 ping -q -c 3 -i 0.05 -W 0.3 -M do -s 2000 10.0.0.2; }
check "longer than its MTU" too_long
at h2 ip link set eth0 mtu 3000
ip link set h2-p down
ip link set h2-p up
check "with a larger one, it passes" wait_for 5 at h1 ping -q -c 1 -W 1 -M do -s 2000 10.0.0.2

# A mark is the switch's affair and does not reach the host.
at h2 tc qdisc add dev eth0 clsact
at h2 tc filter add dev eth0 ingress bpf da bytecode '4,32 0 0 4294963220,21 0 1 0,6 0 0 0,6 0 0 2,' # drops what has one
vsw add-flow br0 'priority=300,icmp,icmp_type=8,actions=load:7->NXM_NX_PKT_MARK[],NORMAL'
check "a mark ends at the port" pings h1 10.0.0.2 3
check "with it, the direct way" is_direct
vsw del-flows br0 icmp

# The other end comes into the switch's own namespace: the kernel would drop.
at h2 ip addr del 10.0.0.2/24 dev eth0
at h2 ip link set eth0 netns 1
ip addr add 10.0.0.2/24 dev eth0
ip link set eth0 up
check "the other end in the switch's namespace" wait_for 5 at h1 ping -q -c 1 -W 1 10.0.0.2
finish
