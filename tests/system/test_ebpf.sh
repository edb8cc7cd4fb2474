#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What only the eBPF datapath has: forwarding without the daemon, its place on a hook that others use, the order around a miss, and
# that nothing is left behind.
VSW_TEST_DATAPATH=ebpf
# Its place among others is looked at where `tc` shows it; test_restart_ebpf.sh has tcx links.
export VSW_EBPF_HOOK=clsact
. "$(dirname "$0")/../lib.sh"

start_switchd
vsw add-br br0
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
mkhost h3 10.0.0.3/24
mkhost v1 10.0.9.1/24
mkhost v2 10.0.9.2/24
tc qdisc add dev h1-p clsact
tc filter add dev h1-p ingress prio 7 bpf bytecode '1,6 0 0 0,'
check "ports, one with a filter of somebody else" vsw add-port br0 h1-p ofport_request=1 -- add-port br0 h2-p ofport_request=2 \
	-- add-port br0 h3-p ofport_request=3
filter_of() { tc filter show dev "$1" ingress; }
has_other_filter() { filter_of h1-p | grep -q "pref 7"; }
check "the program is on the hook" eval 'filter_of h1-p | grep -q vsw_port'
check "the other filter stays" has_other_filter
check "ping" pings h1 10.0.0.2 5

# The kernel forwards by itself: with the daemon stopped, packets of known flows pass and others do not.
pings h1 10.0.0.2 30 >/dev/null
kill -STOP "$switchd_pid"
check "forwarding goes on while the daemon is stopped" at h1 ping -q -c 20 -i 0.01 -W 2 10.0.0.2
kill -CONT "$switchd_pid"

# Exact counters, of what passed in the kernel and of what went through the daemon. The address is resolved first: the sender's
# kernel drops packets that wait for an ARP reply too long.
check "ping" pings h3 10.0.0.2
vsw add-flow br0 'priority=200,icmp,icmp_type=8,nw_src=10.0.0.3,actions=NORMAL'
at h3 ping -q -c 500 -i 0.001 -W 2 10.0.0.2 >/dev/null
same "rule counts every packet" 500 "$(vsw dump-flows br0 'icmp,icmp_type=8' | sed -n 's/.*n_packets=\([0-9]*\).*nw_src=10.0.0.3.*/\1/p')"
same "rule counts every byte" $((500 * 98)) "$(vsw dump-flows br0 'icmp,icmp_type=8' | sed -n 's/.*n_bytes=\([0-9]*\).*nw_src=10.0.0.3.*/\1/p')"

# A TCP connection of two new flows comes up once: the answer's flow is there before the answer. The rule counts both ways.
vsw add-flow br0 'cookie=0x7c9,priority=250,tcp,actions=move:NXM_OF_TCP_SRC[]->NXM_NX_REG0[0..15],move:NXM_OF_TCP_DST[]->NXM_NX_REG1[0..15],NORMAL'
cat >"$T/connect.py" <<'EOF'
import socket, sys
if sys.argv[1:]:
    s = socket.create_server(("10.0.0.2", 7))
    print("ready", flush=True)
    while True:
        s.accept()[0].close()
for _ in range(100):
    socket.create_connection(("10.0.0.2", 7)).recv(1)
EOF
at h2 python3 "$T/connect.py" serve >"$T/serve" &
server=$!
wait_for 5 grep -q ready "$T/serve"
misses() { vsw -j dp-show | jq '[.datapaths[].misses] | add'; }
before=$(misses)
check "100 connections" at h1 python3 "$T/connect.py"
n=$(($(misses) - before))
check "each missed once ($n misses)" test "$n" -le 150
kill "$server"
check "the rule counted both ways" eval '[ "$(vsw dump-flows br0 cookie=0x7c9/-1 | sed -n "s/.*n_packets=\([0-9]*\).*/\1/p")" -ge 600 ]'
vsw del-flows br0 cookie=0x7c9/-1

# Rewrites that need checksums, and actions that the kernel lacks (a truncated copy): ICMP to an address that nobody has.
mac2=$(at h2 cat /sys/class/net/eth0/address)
mac1=$(at h1 cat /sys/class/net/eth0/address)
at h1 ip neigh replace 10.0.0.77 lladdr 02:00:00:00:00:77 dev eth0
vsw add-flow br0 "priority=300,ip,nw_src=10.0.0.1,nw_dst=10.0.0.77,actions=mod_nw_dst:10.0.0.2,mod_dl_dst:$mac2,mod_nw_tos:32,output:h2-p"
vsw add-flow br0 "priority=300,ip,nw_src=10.0.0.2,nw_dst=10.0.0.1,actions=mod_nw_src:10.0.0.77,mod_dl_dst:$mac1,output:h1-p"
check "ping through rewriting" at h1 ping -q -c 20 -i 0.01 -W 2 10.0.0.77
vsw add-flow br0 "priority=300,ip,nw_src=10.0.0.2,nw_dst=10.0.0.1,actions=output(port=3,max_len=60),mod_nw_src:10.0.0.77,mod_dl_dst:$mac1,output:h1-p"
check "an action that the kernel lacks" at h1 ping -q -c 20 -i 0.01 -W 2 10.0.0.77
check "a flow with it is shown as the daemon's" eval 'vsw dp-show | grep -q "run by the daemon, not in the kernel: [1-9]"'
check "with the action" eval 'vsw dump-dp-flows | grep "dp:daemon(trunc), actions:trunc(60)" && vsw -j dp-show | jq -e ".datapaths[0].daemon[] | select(.reason == \"trunc\" and .flows >= 1 and .packets >= 20)"'
vsw del-flows br0 ip,nw_src=10.0.0.1
vsw del-flows br0 ip,nw_src=10.0.0.2

# Order within a flow: 2,000 packets on each of 100 new flows, first one flow after the other as fast as the sender can, then all of them at a
# rate without loss.
for i in $(seq 0 99); do echo "priority=10,udp,tp_src=$((1024 + i)),actions=output:2"; done >"$T/flows"
echo "priority=0,actions=drop" >>"$T/flows"
# burst COUNT OPTION...: what arrived in $result
burst()
{
	local count=$1 pid
	shift
	vsw del-br br1 2>/dev/null
	vsw add-br br1 -- add-port br1 v1-p ofport_request=1 -- add-port br1 v2-p ofport_request=2
	vsw replace-flows br1 "$T/flows"
	at v2 inorder eth0 "$count" 1 >"$T/order" &
	pid=$!
	wait_for 5 grep -q ready "$T/order"
	at v1 blast eth0 20 --seq --flows 100 --count "$count" "$@" >"$T/sent"
	wait $pid
	result=$(tail -1 "$T/order")
	echo "    $result ($count sent, $*)"
}
for round in 1 2 3; do
	burst 200000 --burst 2000
	check "a burst of 100 new flows keeps its order, round $round" grep -q 'reordered 0 ' "$T/order"
done
# The emulated machine of the lab is a hundred times slower than this one.
rate=$([ -n "${LAB:-}" ] && echo 1000 || echo 20000)
burst $((rate * 2)) --rate "$rate"
same "100 new flows at a bounded rate: all arrive in order" "received $((rate * 2)) reordered 0 lost 0 duplicates 0" "$result"
vsw del-br br1

# A daemon that was killed leaves its programs; the next one takes their place, and its end leaves nothing.
id_of() { filter_of "$1" | sed -n 's/.* id \([0-9]*\) .*/\1/p'; }
check "killed" stop_switchd KILL
start_switchd
wait_for 10 eval 'filter_of h2-p | grep -q vsw_port'
check "ping after a kill and a new start" wait_for 10 pings h1 10.0.0.2
same "one program on the hook" 1 "$(filter_of h2-p | grep -c vsw_port)"
check "del-port" vsw del-port br0 h3-p
same "nothing on a deleted port" "" "$(filter_of h3-p)"
id=$(id_of h2-p)
maps=$(bpftool -j prog show id "$id" | jq -r '.map_ids[]')
check "the program and its maps are there" test -n "$maps"
stop_switchd
check "forwarding goes on without a daemon" at h1 ping -q -c 20 -i 0.01 -W 2 10.0.0.2
check "purge" vsw-switchd --rundir "$VSW_RUNDIR" --stop --purge
same "no program of ours on the hook" 0 "$(filter_of h1-p | grep -c vsw_port)"
check "the other filter is still there" has_other_filter
# They go away once the kernel has got round to it.
check "no program is left" wait_for 10 eval '! bpftool prog show id '"$id"
maps_are_gone()
{
	local m
	for m in $maps; do
		bpftool map show id "$m" && return 1
	done
	return 0
}
check "no map is left" wait_for 10 maps_are_gone
# The GRE module gives every namespace these three as soon as it is loaded.
same "no device is left" "" "$(ip -o link | grep -v 'h[123]-p\|v[12]-p\|lo:\|tnl0\|gre0\|gretap0\|erspan0')"
same "no qdisc is left where nobody else uses it" "" "$(tc qdisc show dev h2-p clsact)"
same "nothing is pinned" "" "$(ls /sys/fs/bpf/vsw 2>/dev/null)"
check "purging nothing" vsw-switchd --rundir "$VSW_RUNDIR" --stop --purge
finish
