#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Storm guard and loop guard: floods are cut to their rate where they come in, loops are seen, named, and opened; all of it is said and counted.
. "$(dirname "$0")/../lib.sh"

start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
vsw add-br br0 -- add-port br0 h1-p -- add-port br0 h2-p
check "hosts reach each other" wait_for 5 pings h1 10.0.0.2
# said KIND PORT TEXT: an event
said() { vsw -j events --count=500 | jq -e --arg k "$1" --arg p "$2" --arg t "$3" 'any(.events[]; .kind == $k and .port == $p and (.text | test($t)))'; }
dropped() { vsw -j dump-ports br0 "$1" | jq ".bridges[0].ports[0].drops[\"$2\"] // 0"; }
rx() { ip -n h2 -s -j link show eth0 | jq '.[0].stats64.rx.packets'; }

# ---- storms: 3,000 frames at once, of which 100 may pass, and as many per second that it takes

# flood MAC: how many of 3,000 frames arrive at h2, and how many were dropped
flood()
{
	local before lost start
	before=$(rx) lost=$(dropped h1-p storm) start=${EPOCHREALTIME/./}
	at h1 "$VSW_TOOLS/blast" eth0 5 --count 3000 --rate 20000 --dst-mac "$1" >/dev/null
	all_there() { [ $(($(rx) - before + $(dropped h1-p storm) - lost)) -ge 3000 ]; }
	wait_for 5 all_there
	took=$((${EPOCHREALTIME/./} - start))
	passed=$(($(rx) - before)) stopped=$(($(dropped h1-p storm) - lost))
	echo "# of 3,000 to $1: $passed passed, $stopped dropped, in $((took / 1000)) ms"
}
# Those at once, those of the time that it took, and a few of the hosts' own.
limited() { [ $passed -le $((100 + took / 10000 + 30)) ] && [ $stopped -ge $((3000 - passed)) ]; }
cut() { [ $passed -ge 100 ] && limited; }

check "a limit" vsw set port h1-p other_config:storm-broadcast=100 other_config:storm-unknown=100
flood ff:ff:ff:ff:ff:ff
check "broadcasts are cut to their rate" cut
stop_switchd
start_switchd
wait_for 5 pings h1 10.0.0.2
flood ff:ff:ff:ff:ff:ff
# The kernel's bucket lives on, and may not be full again yet.
check "the limit is there after a restart" limited
flood 02:00:00:00:00:77
check "and packets to nobody knows whom" cut
flood 01:00:5e:00:00:05
check "multicast has no limit, and passes" [ "$passed" -ge 3000 ]
check "the others reach each other meanwhile" pings h1 10.0.0.2 5
check "a limit on multicast, with its unit" vsw set port h1-p other_config:storm-multicast=100pps
flood 01:00:5e:00:00:05
check "does the same" cut
check "the other port has none" eval '[ "$(dropped h2-p storm)" = 0 ]'
check "an event says what came, and what was done" wait_for 5 said storm h1-p 'a storm on port h1-p: [0-9]+ broadcast packets within a second; 100 a second may pass'
check "doctor does, too" eval 'vsw doctor | grep -q "port h1-p: [0-9]* packets were dropped by its storm guard"'
check "drops tells of it" eval 'vsw drops | grep -q "storm"'
check "a trace does" eval 'vsw trace br0 in_port=h1-p,dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff | grep -q "at most 100 broadcast packets a second of port h1-p"'
same "whoever is known needs no meter" "" "$(vsw trace br0 "in_port=h2-p,dl_dst=$(ip -n h1 -j link show eth0 | jq -r '.[0].address')" | grep -o meter)"

# ---- loops: two ports joined by a cable. In a bridge that forwards nothing, so that nothing but the probes goes round.

ip link add loop1 type veth peer name loop2
ip link set loop1 up
ip link set loop2 up
vsw add-br br1 -- set-fail-mode br1 secure -- add-port br1 loop1 -- add-port br1 loop2
check "a guard that tells" vsw set bridge br1 other_config:loop-guard=log
either() { said loop-suspected loop1 "$1" || said loop-suspected loop2 "$1"; }
check "a loop is seen" wait_for 10 either 'a probe that bridge br1 sent out of port loop[12] came back on port loop[12]: they are joined outside; nothing was done'
check "and the probe's end is counted" eval 'vsw -j dump-ports br1 | jq -e "[.bridges[0].ports[].drops[\"loop-guard\"] // 0] | add > 0"'
check "one that acts" vsw set bridge br1 other_config:loop-guard=block other_config:loop-guard-time=2
check "closes the port with the higher number" wait_for 10 either 'port loop2 is blocked for 2 s'
check "which show says" wait_for 5 eval 'vsw show | grep -A3 "Interface loop2" | grep -q "blocked by the loop guard"'
check "and doctor" wait_for 5 eval 'vsw doctor | grep -q "port loop2 of bridge br1: blocked by the loop guard"'
vsw set-fail-mode br1 standalone
check "a bridge that forwards, with a loop, in peace" eval 'ip link set br1 up; at_rest() { [ "$(vsw -j dump-ports br1 loop2 | jq ".bridges[0].ports[0].drops[\"loop-guard\"]")" -gt 0 ]; }; wait_for 5 at_rest'
ip link del loop1
check "the port is opened when the time is over" wait_for 10 said loop-suspected loop2 'port loop2 is open again'
vsw del-br br1
# What is behind one port sends back: a host's bridge with a cable from itself to itself would.
check "a port that only tells, on a bridge that acts" vsw set bridge br0 other_config:loop-guard=block -- set port h2-p other_config:loop-guard=log
echo_back() { at "$1" python3 -c '
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x9000)); s.bind(("eth0", 0x9000)); s.settimeout(20)
while True:
    f, a = s.recvfrom(100)
    if a[2] != 4: s.send(f); break' & }
echo_back h2
check "is told of" wait_for 15 said loop-suspected h2-p 'came back there: what is behind it sends back what it gets; nothing was done'
echo_back h1
check "the other is blocked" wait_for 15 said loop-suspected h1-p 'came back there.*port h1-p is blocked for 30 s'
check "and dead" no_ping h2 10.0.0.1
check "which why knows" eval 'vsw why h2-p h1-p | grep -q "port h1-p is blocked by the loop guard"'
check "until nobody guards it" vsw remove bridge br0 other_config loop-guard
check "then it lives" wait_for 5 pings h2 10.0.0.1

check "when a storm was over, an event said so" wait_for 15 said storm h1-p 'the storm on port h1-p is over: [0-9]+ (broadcast|unknown unicast) packets were dropped'
check "a burst of its own" vsw set port h1-p other_config:storm-burst=500
flood ff:ff:ff:ff:ff:ff
check "passes at once" eval '[ $passed -ge 500 ] && [ $passed -le $((500 + took / 10000 + 30)) ]'
check "no limit" vsw remove port h1-p other_config storm-broadcast storm-multicast storm-unknown storm-burst
flood ff:ff:ff:ff:ff:ff
check "everything passes again" [ "$passed" -ge 3000 ]

check_fails "a rate that is none" "other_config:storm-broadcast: 'fast': expected a number of packets" vsw set port h1-p other_config:storm-broadcast=fast
check_fails "a rate of nothing" "other_config:storm-unknown: '0': expected a number of packets" vsw set port h1-p other_config:storm-unknown=0
check_fails "a limit in the wrong place" "other_config:storm-unknown: this is the port's" vsw set interface h1-p other_config:storm-unknown=5
check_fails "a guard that is none" "other_config:loop-guard: 'shoot': expected off, log or block" vsw set bridge br0 other_config:loop-guard=shoot
check_fails "a time that is none" "other_config:loop-guard-time: '0': expected 1 to 86400 seconds" vsw set port h1-p other_config:loop-guard-time=0
finish
