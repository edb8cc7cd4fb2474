#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Bonds: failover under load, order when both members are back, floods, commands, and what is refused.
. "$(dirname "$0")/../lib.sh"

# Two bridges with a bond of two links between them, a host on each: h1 - left ==== right - h2.
start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
mkcable l1 r1
mkcable l2 r2
have_links() { [ "$(ip -br link | grep -cE '^[lr][12]@.* UP ')" = 4 ]; }
check "links" wait_for 5 have_links
vsw add-br left -- add-br right
vsw add-port left h1-p -- add-port right h2-p
mac_of() { ip -o link show "$1" | sed 's/.*link.ether \([0-9a-f:]*\).*/\1/'; }
received() { ip -s -j link show "$1" | jq '.[0].stats64.rx.packets'; }
member() { vsw -j bond show "$1" | jq -e ".bonds[0].members[] | select(.name == \"$2\") | .$3" >/dev/null; }
both() { member b0 "$1" enabled && member b1 "$2" enabled; }
active() { vsw -j bond show "$1" | jq -r '.bonds[0].active'; }
is_active() { [ "$(active "$1")" = "$2" ]; }

# ---- what is refused

check_fails "one interface is no bond" 'at least two interfaces' vsw add-bond left b0 l1 bond_mode=active-backup
check_fails "a device twice" 'l1 is named twice' vsw add-bond left b0 l1 l1
check_fails "a mode that is none" 'bond_mode' vsw add-bond left b0 l1 l2 bond_mode=round-robin
check_fails "a member in use" 'h1-p is already attached to port h1-p of bridge left' vsw add-bond left b0 l1 h1-p
check_fails "a member of another bridge" 'h2-p is already attached to port h2-p of bridge right' vsw add-bond left b0 l1 h2-p
check_fails "a bridge as member" "a bridge's own interface" vsw add-bond left b0 l1 right
check_fails "a device that is not there" 'no such network device' vsw add-bond left b0 l1 nope0
check_fails "a key that is no number" 'lacp-system-priority' vsw add-bond left b0 l1 l2 other_config:lacp-system-priority=x
check_fails "a system id that is none" 'lacp-system-id' vsw add-bond left b0 l1 l2 other_config:lacp-system-id=foo
check "nothing is left of these" test -z "$(vsw bond list | tail -n +2)"

# ---- active-backup

check "a bond on either side" vsw add-bond left b0 l1 l2 -- add-bond right b1 r1 r2
same "the first is the active one" "l1 r1" "$(active b0) $(active b1)"
check "the hosts talk" wait_for 10 pings h1 10.0.0.2 3
check_fails "a member of a bond is in use" 'already attached to port b0' vsw add-bond-iface b1 l2
check_fails "no such bond" 'no such bond' vsw bond show nope
check_fails "no such member" 'no such member' vsw bond set-active-member b0 zz
check_fails "nothing to migrate" 'active-backup' vsw bond migrate b0 3 l2
check "the active member is a column" wait_for 5 eval 'vsw get port b0 bond_active_slave | grep -q "$(mac_of l1)"'

# stream SECONDS COMMAND...: frames sent at 10,000 a second from h1 to h2 while the command runs; prints what the receiver saw.
stream()
{
	local seconds=$1 watcher sender before late=
	shift
	before=$(received h1-p)
	at h2 inorder eth0 1000000 0.5 >"$T/seen" &
	watcher=$!
	wait_for 5 grep -q ready "$T/seen"
	at h1 blast eth0 "$seconds" --rate 10000 --dst-mac "$(at h2 cat /sys/class/net/eth0/address)" --seq --flows 16 >/dev/null &
	sender=$!
	wait_for 5 eval '[ "$(received h1-p)" -gt $((before + 2000)) ]' || late="the stream does not flow"
	"$@" >/dev/null
	kill -0 $sender 2>/dev/null || late="the stream was over"
	wait $sender
	wait $watcher
	echo "${late:-$(tail -1 "$T/seen")}"
}
# failover SECONDS COMMAND...: of five tries the best, for the machine may have other things to do; never a frame twice, nor out of order.
failover()
{
	local best=999999 said lost reordered twice
	for _ in 1 2 3 4 5; do
		ip link set r1 up
		wait_for 20 both l1 r1
		vsw bond set-active-member b0 l1 >/dev/null
		vsw bond set-active-member b1 r1 >/dev/null
		said=$(stream "$@")
		echo "$said"
		[[ $said = received* ]] || continue
		read -r _ _ _ reordered _ lost _ twice <<<"$said"
		[ "$twice $reordered" = "0 0" ] || return 1
		[ "$lost" -ge $best ] || best=$lost
		[ $best -gt 50 ] || return 0
	done
	return 1
}
check "a failover loses 5 ms at most, and doubles nothing" failover 1 ip link set r1 down
check "the other member is active" is_active b0 l2
check "... for both ends" is_active b1 r2
check "an event tells" eval 'vsw events | grep -q "bond b0: the active member is l2 now"'
back()
{
	stream 1 ip link set r1 up | tee "$T/back"
	grep -q "reordered 0 lost [0-9]* duplicates 0\|was over" "$T/back"
}
check "a member that comes back puts nothing out of order, and doubles nothing" back
check "bond show reads as Open vSwitch's" eval 'vsw bond show b0 | grep -A1 "^member l2: enabled" | grep -q "  active member"'
check "a trace names the member, and why" eval 'vsw trace left in_port=h1-p | grep -q "bond b0: member l2, the active member"'
vsw set-link l2 delay=30ms >/dev/null
slow() { [ "$(at h1 ping -q -c 3 -i 0.05 -W 2 10.0.0.2 | sed -n 's|^rtt [^=]*= \([0-9]*\).*|\1|p')" -ge 30 ]; }
check "a member with an emulated link delays what the bond sends" slow
vsw set-link l2 none

# ---- members come and go

vsw bond set-active-member b1 r1 >/dev/null
check "a member leaves" vsw del-bond-iface b0 l2
check "... and the hosts talk" wait_for 5 pings h1 10.0.0.2 3
check_fails "the last one stays" 'the only one' vsw del-bond-iface b0 l1
check "it comes back" vsw add-bond-iface b0 l2
check "... enabled" wait_for 5 member b0 l2 enabled

ip link set r1 down
ip link set r2 down
nobody() { [ "$(active b0)" = null ]; }
check "without links nobody carries" wait_for 5 nobody
check "... which a trace says" eval 'vsw trace left in_port=h1-p | grep -q "bond b0 has no member that can send"'
at h1 blast eth0 5 --count 100 --dst-mac "$(at h2 cat /sys/class/net/eth0/address)" >/dev/null
lost() { [ "$(vsw drops h1-p | sed -n 's/^ *\([0-9]*\) bond-no-member.*/\1/p')" -ge 100 ]; }
check "... and the drops, each" wait_for 5 lost
ip link set r2 up
ip link del l1
check "a device goes: the other one carries" wait_for 5 pings h1 10.0.0.2 3
ip link add l1 type veth peer name r1
ip link set r1 up
ip link set l1 up
check "... and comes back" wait_for 10 both l1 r1

# ---- balance-slb: the switch at the other end knows of no bond. What is flooded comes once, and never back.

check "balance-slb" vsw set port b0 bond_mode=balance-slb -- del-port b1 -- add-port right r1 -- add-port right r2
# asks FROM TO ADDRESS: three ARP questions are heard three times at the other end, never at their own, and answered each.
asks()
{
	local mac pids=() n
	mac=$(at "$1" cat /sys/class/net/eth0/address)
	for n in "$1" "$2"; do
		ip netns exec "$n" tcpdump --immediate-mode -l -Q in -n -i eth0 "ether broadcast and arp[6:2] = 1 and ether src $mac" >"$T/heard-$n" 2>"$T/dump-$n" &
		pids+=($!)
		wait_for 15 grep -q listening "$T/dump-$n"
	done
	n=$(at "$1" arping -c 3 -W 0.05 -I eth0 "$3" | grep -c 'bytes from')
	wait_for 10 eval "[ \"\$(wc -l <$T/heard-$2)\" -ge 3 ]"
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
	[ "$n" -ge 3 ] || echo "answers: $n"
	echo "heard $(grep -c Request "$T/heard-$2") back $(grep -c Request "$T/heard-$1")"
}
same "a broadcast is heard once" "heard 3 back 0" "$(asks h1 h2 10.0.0.2)"
vsw fdb flush left >/dev/null
same "... right after its address was forgotten, too" "heard 3 back 0" "$(asks h1 h2 10.0.0.2)"
same "... from the other side, too" "heard 3 back 0" "$(asks h2 h1 10.0.0.1)"
# Probes of the loop guard that leave by one member come in by the other: that is no loop.
vsw set bridge left other_config:loop-guard=block
came_back() { [ "$(vsw drops l2 | sed -n 's/^ *\([0-9]*\) loop-guard.*/\1/p')" -ge 1 ]; }
check "a probe of the loop guard comes back by the other member" wait_for 5 came_back
check "... and is not taken for a loop" eval '! vsw events --count=500 | grep -qi loop'
vsw remove bridge left other_config loop-guard
mac=$(at h1 cat /sys/class/net/eth0/address)
bucket=$(vsw bond hash "$mac")
check "the source's hash chooses the member" \
	eval 'vsw trace left "in_port=h1-p,dl_src=$mac" | grep -q "bond b0: member l[12], which has bucket $bucket "'
same "... and is taken to the other" "l2 l1" "$(for m in l2 l1; do
	vsw bond migrate b0 "$bucket" $m >/dev/null
	vsw -j trace left "in_port=h1-p,dl_src=$mac" | jq -r '.outputs[] | select(test("^l[12]$"))'
done | paste -sd' ')"
check "the hosts talk" pings h1 10.0.0.2 3
check_fails "no such bucket" 'out of the range' vsw bond migrate b0 256 l2
check "a member is disabled by hand" vsw bond disable-member b0 l1
check "... and the hosts talk" wait_for 5 pings h1 10.0.0.2 2
check_fails "... it can carry nothing" 'disabled' vsw bond migrate b0 3 l1
vsw bond enable-member b0 l1 >/dev/null

# ---- LACP between the two: balance-tcp in the datapath

fast=other_config:lacp-time=fast
check "LACP" vsw del-port r1 -- del-port r2 -- add-bond right b1 r1 r2 bond_mode=balance-tcp lacp=passive $fast -- \
	set port b0 bond_mode=balance-tcp lacp=active $fast
distributing() { [ "$(vsw lacp show "$1" | grep -c 'actor state:.*distributing$')" = "$2" ]; }
check "both members distribute" wait_for 20 distributing b0 2
check "... on the other side" wait_for 20 distributing b1 2
check "the hosts talk" wait_for 10 pings h1 10.0.0.2 3
check "lacp_current is a column" wait_for 5 eval '[ "$(vsw get interface l1 lacp_current)" = true ]'
spread() { at h1 blast eth0 0.5 --rate 4000 --flows 500 --per-address 500 --dst-mac "$(at h2 cat /sys/class/net/eth0/address)" >/dev/null; }
used() { vsw -j bond show b0 | jq -e '[.bonds[0].members[] | select(.load > 10000)] | length == 2' >/dev/null; }
check "500 connections" spread
check "are one flow" eval '[ "$(vsw dump-dp-flows | grep -c "src=02:00:00:00:bb:01.*lb_output")" = 1 ]'
check "and both members carry them" used
away_and_back() { ip link set r1 down; wait_for 5 eval '! member b0 l1 enabled'; ip link set r1 up; wait_for 10 both l1 r1; }
# All to one member: the idle buckets come back to the other at once, the loaded ones by and by.
vsw set port b0 other_config:bond-rebalance-interval=1000
at h1 blast eth0 3 --rate 4000 --size 1000 --flows 50 --dst-mac "$(at h2 cat /sys/class/net/eth0/address)" >/dev/null &
wait_for 5 used
loads() { vsw -j bond show b0 | jq -c '[.bonds[0].members[] | .load > 100000]'; }
check "a member takes all" eval 'vsw bond disable-member b0 l2 && vsw bond enable-member b0 l2 && [ "$(loads)" = "[true,false]" ]'
check "... until the load is spread again" wait_for 5 eval '[ "$(loads)" = "[true,true]" ]'
wait $!
vsw remove port b0 other_config bond-rebalance-interval
vsw set port b0 other_config:bond-detect-mode=miimon other_config:bond-miimon-interval=20 bond_downdelay=100 bond_updelay=100
ip link set l2 down
check "a link is asked, and believed after a time" wait_for 5 eval '! member b0 l2 enabled'
ip link set l2 up
wait_for 20 both l2 r2
vsw remove port b0 other_config bond-detect-mode -- remove port b0 other_config bond-miimon-interval -- set port b0 bond_downdelay=0 bond_updelay=0
check "a member fails and comes back: 5 ms at most, in order" failover 4 away_and_back

# ---- only LACP tells: a link that swallows what it is given. It leads through a third bridge, which passes all or nothing.

for d in a b; do
	ip link add "x$d" type veth peer name "y$d"
	ip link set "x$d" up
	ip link set "y$d" up
done
vsw add-br mid fail_mode=secure -- add-port mid ya -- add-port mid yb
through() { vsw add-flow mid in_port=ya,actions=output:yb; vsw add-flow mid in_port=yb,actions=output:ya; }
check "a third link, with a switch in between" eval 'through && vsw add-bond-iface b0 xa -- add-bond-iface b1 xb'
check "... is one of the aggregate" wait_for 20 both xa xb
vsw del-flows mid
check "a link that passes nothing is found out" wait_for 4 eval '! member b0 xa enabled'
check "... by the other side" wait_for 4 eval '! member b1 xb enabled'
check "... and the hosts talk" pings h1 10.0.0.2 3
check "a loop is found out" vsw del-bond-iface b0 xa -- del-bond-iface b1 xb -- del-br mid -- add-bond-iface b0 xa -- add-bond-iface b0 ya
check "... and told" wait_for 10 eval '[ "$(vsw lacp show b0 | grep -c "loopback: its own frames come back")" = 2 ]'
check "... and not used" eval '! member b0 xa enabled && ! member b0 ya enabled'
vsw del-bond-iface b0 xa -- del-bond-iface b0 ya

# ---- partners

check "another key" vsw set interface r2 other_config:lacp-aggregation-key=77
check "... is no part of the aggregate" wait_for 15 distributing b0 1
check "... and the hosts talk" wait_for 5 pings h1 10.0.0.2 3
vsw remove interface r2 other_config lacp-aggregation-key
check "the right key again" wait_for 20 distributing b0 2

# A partner that says another thing each time, as often as it can.
cat >"$T/flood.py" <<'PY'
import os, socket, struct, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
end = time.time() + float(sys.argv[2])
while time.time() < end:
    side = struct.pack(">H6sHHHB3x", 1, b"\2" + os.urandom(5), 7, 8, 9, 0x3f)
    pdu = b"\1\1" + b"\1\x14" + side + b"\2\x14" + side + b"\3\x10" + bytes(14) + bytes(52)
    s.send(bytes.fromhex("0180c2000002" "020000000001" "8809") + pdu)
PY
expired() { vsw lacp show-stats b0 | sed -n '/member: l2/,/^$/ s/ *Link Expired: //p'; }
before=$(expired)
python3 "$T/flood.py" r1 1
same "a liar that floods does not harm the other member" "$before true" "$(expired) $(member b0 l2 enabled && echo true)"
check "... and when it is silent its own link comes back" wait_for 20 both l1 r1
check "LACPDUs are not forwarded" eval '! vsw dump-dp-flows | grep 0x8809 | grep -qv actions:drop'

# ---- what is saved, and what outlives the daemon

vsw save >"$T/saved.json"
vsw del-port b0
check "a bond comes back from a file" vsw apply "$T/saved.json"
same "... as it was" "" "$(vsw apply "$T/saved.json" --diff)"
stop_switchd KILL
start_switchd
check "bonds are there after a kill" wait_for 20 both l1 r1
check "... and the hosts talk" wait_for 10 pings h1 10.0.0.2 3
vsw del-port b0 -- del-port b1
check "bonds go" test -z "$(vsw bond list | tail -n +2)"
finish
