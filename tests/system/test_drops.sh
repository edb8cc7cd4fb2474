#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every drop has one reason and, where rules decided, a place; and what ports received is what they forwarded, dropped and queue.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
start_switchd

for i in 1 2 3; do
	mkhost h$i 10.0.0.$i/24
	at h$i sysctl -qw net.ipv6.conf.all.disable_ipv6=1 # nothing but what is sent here
done
vsw add-br br0 -- add-br br1
for i in 1 2 3; do vsw add-port br0 h$i-p; done
ip link add d1 type veth peer name d1-peer
ip link set d1-peer up
vsw add-port br0 d1
vsw add-port br0 pa -- set interface pa type=patch options:peer=pb -- add-port br1 pb -- set interface pb type=patch options:peer=pa
vsw del-flows br1

cat >"$T/send.py" <<'PY'
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for i in range(int(sys.argv[2])):
    s.send(bytes.fromhex(sys.argv[1]))
PY
udp() { # DST SRC TTL PAYLOAD [TAG]: a frame in hexadecimal
	python3 - "$@" <<'PY'
import struct, sys
dst, src, ttl, size, tag = sys.argv[1:6]
size = int(size)
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + size, 1, 0, int(ttl), 17, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
c = sum(struct.unpack("!10H", ip))
c = ~((c & 0xffff) + (c >> 16)) & 0xffff
ip = ip[:10] + struct.pack("!H", c) + ip[12:]
print(dst + src + tag + "0800" + (ip + struct.pack("!HHHH", 53, 53, 8 + size, 0) + bytes(size)).hex())
PY
}
unknown=020000000099 h1=020000000001

# The counters of a port: "REASON PACKETS TABLE COOKIE", one line per place.
places() { vsw -j drops "$1" | jq -r '.ports[].drops[] | .reason as $r | .packets as $n | if (.where | length) == 0 then "\($r) \($n)" else .where[] | "\($r) \(.packets) \(.bridge) \(.table) \(.cookie // "-")" end'; }
n_of() { vsw -j drops h1-p | jq -r "[.ports[].drops[] | select(.reason == \"$1\").packets] | add // 0"; }
balance() { vsw -j drops | jq -e '[.ports[] | .received + .executed == .forwarded + .queued + .dropped] | all' >/dev/null; }
balanced() { wait_for 10 eval 'balance && [ "$(vsw -j drops | jq "[.ports[].queued] | add")" = 0 ]'; }

frame() { udp "$unknown" "$h1" 64 30 "${1:-}"; }
grown() { [ "$(n_of "$1")" -ge "$2" ]; }
placed() { places h1-p | grep -qE "^$1 [0-9]+$2"; }

# dies NAME REASON PLACE FRAME COMMAND...: five frames into h1 after COMMAND are dropped for REASON, at PLACE (a pattern).
dies()
{
	local name=$1 reason=$2 place=$3 frame=$4 before
	shift 4
	"$@"
	before=$(n_of "$reason")
	at h1 python3 "$T/send.py" "$frame" 5
	if ! wait_for 5 grown "$reason" $((before + 5)); then
		places h1-p | sed 's/^/    /'
		not_ok "$name" "$reason was $before and is $(n_of "$reason")"
	elif [ "$(n_of "$reason")" != $((before + 5)) ] || ! placed "$reason" "$place"; then
		places h1-p | sed 's/^/    /'
		not_ok "$name" "expected $((before + 5)) $reason at '$place'"
	else
		ok "$name"
	fi
	balance || not_ok "$name adds up" "$(vsw drops h1-p)"
}

rules() { printf '%s\n' "$@" | vsw replace-flows br0 - && vsw fdb flush; }
undo() { "$@" && rules actions=NORMAL; }

dies "no rule" no-rule " br0 0 -$" "$(frame)" rules priority=5,arp,actions=NORMAL
dies "no rule in a later table" no-rule " br0 3 -$" "$(frame)" rules 'actions=resubmit(,3)' table=3,arp,actions=NORMAL
dies "a rule that drops" rule-drop " br0 0 0x77$" "$(frame)" rules cookie=0x77,udp,actions=drop
dies "a rule behind a goto" rule-drop " br0 2 0x8$" "$(frame)" rules 'cookie=0x7,actions=goto_table:2' cookie=0x8,table=2,actions=drop
dies "a rule of the bridge behind a patch port" no-rule " br1 0 -$" "$(frame)" rules cookie=0x9,actions=output:pa
flooding() { local p; for p in LOCAL h2-p h3-p d1 pa; do vsw mod-port br0 $p "$1"; done; }
dies "NORMAL to nowhere" no-destination " br0 0 0x0$" "$(frame)" undo flooding no-flood
flooding flood
vsw set port h1-p tag=77
dies "a tag on an access port" vlan-not-allowed " br0 0 0x0$" "$(frame 81000005)" undo true
dies "a VLAN that the trunk lacks" vlan-not-allowed " br0 0 0x0$" "$(frame 81000005)" undo vsw clear port h1-p tag -- set port h1-p trunks=7
vsw clear port h1-p trunks
same_port() { rules actions=NORMAL; vsw fdb add br0 h1-p 0 02:00:00:00:00:99; }
dies "back to where it came from" same-port " br0 0 0x0$" "$(frame)" same_port
vsw fdb del br0 0 02:00:00:00:00:99
dies "output to the port it came in on" same-port " br0 0 0x0$" "$(frame)" rules in_port=h1-p,actions=output:h1-p
dies "an address of bridges" reserved-mac " br0 0 0x0$" "$(udp 0180c200000e $h1 64 30 "")" rules actions=NORMAL
protect() { vsw set port h1-p protected=true -- set port h2-p protected=true; rules in_port=h1-p,actions=output:h2-p; }
dies "protected from each other" protected-port " br0 0 0x0$" "$(frame)" protect
vsw set port h1-p protected=false -- set port h2-p protected=false
dies "no-receive" port-no-receive "" "$(frame)" vsw mod-port br0 h1-p no-receive
vsw mod-port br0 h1-p receive
no_fwd() { vsw mod-port br0 h2-p no-forward; rules in_port=h1-p,actions=output:h2-p; }
dies "no-forward" port-no-forward " br0 0 0x0$" "$(frame)" no_fwd
vsw mod-port br0 h2-p forward
dies "a port that is not there" no-port " br0 0 0x0$" "$(frame)" rules cookie=0,in_port=h1-p,actions=output:77
dies "a device that is down" port-down "" "$(frame)" rules in_port=h1-p,actions=output:d1
ip link set d1 up
small() { at h2 ip link set eth0 mtu 1000; ip link set h2-p mtu 1000; rules in_port=h1-p,actions=output:h2-p; wait_for 5 eval '[ "$(vsw get interface h2-p mtu)" = 1000 ]'; }
dies "larger than the MTU" too-big "" "$(udp $unknown $h1 64 1100 "")" small
ip link set h2-p mtu 1500
dies "a loop" loop-limit " br0 [01] 0x0$" "$(frame)" rules 'actions=resubmit(,1)' 'table=1,actions=resubmit(,0)'
dies "a full stack" stack-limit " br0 [0-9]+ 0x0$" "$(frame)" rules \
	"$(printf 'actions='; for ((i = 0; i < 64; i++)); do printf 'resubmit(,1),'; done; echo 'resubmit(,1)')" \
	"table=1,$(printf 'actions='; for ((i = 0; i < 80; i++)); do printf 'push:NXM_NX_REG0[],'; done; echo 'push:NXM_NX_REG0[]')"
dies "TTL ran out" ttl-exceeded "" "$(udp $unknown $h1 1 30 "")" rules actions=dec_ttl,NORMAL

# ---- what no kernel hands on, by dummy ports
vsw add-br brd -- set bridge brd datapath_type=dummy -- add-port brd dp1 -- set interface dp1 type=dummy
for hex in 0102 "${unknown}${h1}810000"; do vsw dummy receive dp1 "$hex"; done
same "frames that end too early" "malformed-ethernet 1
malformed-vlan 1 brd 0 0x0" "$(places dp1)"

# ---- places outlive flows and rules, and go with the port
rules cookie=0xabc,udp,actions=drop
at h1 python3 "$T/send.py" "$(frame)" 1000
vsw del-flows br0
check "a thousand drops of a rule that is gone" wait_for 5 eval 'places h1-p | grep -q "^rule-drop 1000 br0 0 0xabc$"'
vsw del-port h1-p
vsw add-port br0 h1-p
same "a new port has dropped nothing" "" "$(places h1-p)"

# ---- following
rules cookie=0x5,udp,actions=drop
vsw drops --follow --count 3 >"$T/follow" &
follower=$!
at h1 timeout 20 blast eth0 2 --rate 500 >/dev/null
wait $follower
check "what is dropped now, with its place" grep -qE "^h1-p: rule-drop \+[0-9]+ \([0-9]+/s\); [0-9]+ in bridge br0, table 0, cookie 0x5$" "$T/follow"
same "for programs" 1 "$(vsw -j drops --follow --count 1 | jq -s length)"
check_fails "an unknown port" "no port named nix" vsw drops nix
check_fails "a wrong count" "not a number of looks" vsw drops -f --count=x

# ---- under load: floods, drops by rules, misses, tags, frames that are too big, a port that goes
small
rules priority=10,udp,nw_src=10.128.0.0/9,actions=drop priority=5,udp,nw_src=10.64.0.0/10,actions=output:h3-p priority=0,actions=NORMAL
vsw set port h3-p trunks=1-10
pids=()
at h1 timeout 30 blast eth0 4 --flows 3000 --size 1200 >/dev/null & pids+=($!)
at h2 timeout 30 blast eth0 4 --flows 50 --size 60 >/dev/null & pids+=($!)
at h3 timeout 30 blast eth0 4 --flows 1000 --size 60 >/dev/null & pids+=($!)
bad=0
for ((i = 0; i < 10; i++)); do
	balance || { bad=1; vsw drops; }
	case $i in
	2) vsw add-flow br0 priority=20,udp,in_port=h2-p,actions=drop ;;
	4) vsw del-port d1 -- add-port br0 d1 ;;
	5) ip link set h3-p down ;;
	6) ip link set h3-p up ;;
	8) vsw del-flows br0 ;;
	esac
done
wait "${pids[@]}"
[ $bad = 0 ] && ok "it adds up at every look under load" || not_ok "it adds up at every look under load"
check "and in the end, with empty queues" balanced
vsw -j drops >"$T/end"
received=$(jq '[.ports[] | select(.port | test("^h")).received] | add' "$T/end")
[ "$received" -gt 10000 ] && ok "there was load" || not_ok "there was load" "$received packets"
# What translation decided is told place by place; the packets on their way through a flow at the moment that its rule changes
# (a batch in each of two threads, or two) may be told as the other rule's.
jq -r '.ports[] | .port as $p | .drops[] | select(.reason | test("^(no-rule|rule-drop|vlan-not-allowed|no-destination)$")) |
	select(.packets - ([.where[].packets] | add) | fabs > 128) | "\($p) \(.reason) \(.packets) \([.where[].packets] | add)"' "$T/end" >"$T/odd"
same "places add up to their reason" "" "$(cat "$T/odd")"
finish
