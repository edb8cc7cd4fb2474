#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tools that look inside, on the dummy datapath: trace, drops, hosts, why, capture, top, events, doctor. No device, no host: frames are given.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
DATAPATH=user
start_switchd

vsw add-br br0 -- set bridge br0 datapath_type=dummy
for i in 1 2 3; do vsw add-port br0 d$i -- set interface d$i type=dummy; done

cat >"$T/frame.py" <<'PY'
import socket, struct, sys
def mac(n): return bytes([2, 0, 0, 0, 0, int(n)])
def ip(n): return bytes([10, 0, 0, int(n)])
kind, a, b = sys.argv[1:4]
if kind == "ask" or kind == "answer":
    f = (b"\xff" * 6 if kind == "ask" else mac(b)) + mac(a) + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1 if kind == "ask" else 2)
    f += mac(a) + ip(a) + (bytes(6) if kind == "ask" else mac(b)) + ip(b)
else:
    size = int(sys.argv[4])
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + size, 1, 0, 64, 17, 0, ip(a), ip(b))
    c = sum(struct.unpack("!10H", head))
    c = ~((c & 0xffff) + (c >> 16)) & 0xffff
    f = mac(b) + mac(a) + b"\x08\x00" + head[:10] + struct.pack("!H", c) + head[12:] + struct.pack("!HHHH", 1000, 53, 8 + size, 0) + bytes(size)
print(f.hex())
PY
frame() { python3 "$T/frame.py" "$@"; }
send() { local port=$1; shift; vsw dummy receive "$port" "$(frame "$@")"; }

# ---- hosts, events, why
vsw events -f --json >"$T/follow" 2>/dev/null &
follower=$!
send d1 ask 1 2
send d2 answer 2 1
same "hosts" "d1 02:00:00:00:00:01 10.0.0.1 arp
d2 02:00:00:00:00:02 10.0.0.2 arp" "$(vsw -j hosts br0 | jq -r '.bridges[0].hosts[] | "\(.port) \(.mac) \(.address) \(.source)"' | sort)"
check "why: nothing is wrong" vsw why 10.0.0.1 d2 udp/53
vsw add-flow br0 cookie=0x9,priority=7,udp,in_port=d1,tp_dst=53,actions=drop
same "why: the rule" "1 rule-drop" "$(vsw -j why d1 d2 udp/53 >"$T/why"; echo "$? $(jq -r .stop.kind "$T/why")")"
change=$(jq -r .stop.change "$T/why")
eval "$change"
check "why: its change helps" vsw why d1 d2 udp/53
vsw del-flows br0
vsw add-flow br0 actions=NORMAL
send d3 ask 1 2
told() { jq -se --arg k "$1" --arg t "$2" 'any(.kind == $k and (.text | test($t)))' "$T/follow"; }
check "events: an address moved" wait_for 5 told mac-moved "address 02:00:00:00:00:01 moved from port d1 to port d3"
vsw add-port br0 d4 -- set interface d4 type=dummy
check "events: a port came" wait_for 5 told port-added "port d4 was added to bridge br0"
vsw del-port d4
check "events: and went" wait_for 5 told port-removed "port d4 was removed"
kill $follower
wait $follower 2>/dev/null
send d1 ask 1 2

# ---- trace, drops
vsw trace --port d1 --hex "$(frame udp 1 2 20)" >"$T/out"
check "trace: what NORMAL did" grep -q 'the destination address 02:00:00:00:00:02 is on d2' "$T/out"
check "trace: the verdict" grep -qx 'Datapath actions: 3\|Datapath actions: 2' "$T/out"
check_fails "trace: nothing dropped yet" 'port d1 has not dropped any packet' vsw trace --port d1 --last
printf '%s\n' cookie=0x77,priority=5,udp,tp_dst=53,actions=drop priority=4,udp,tp_dst=99,actions=NORMAL priority=1,arp,actions=NORMAL | vsw replace-flows br0 -
for _ in 1 2 3; do send d1 udp 1 2 20; done
send d1 udp 1 2 600
same "drops: reason, place, count" "rule-drop 4 br0 0 0x77" \
	"$(vsw -j drops d1 | jq -r '.ports[].drops[] | .reason as $r | .where[] | "\($r) \(.packets) \(.bridge) \(.table) \(.cookie)"')"
check "trace --last" grep -qE '^Port d1 dropped 642 bytes [0-9.]+ s ago: rule-drop: ' <(vsw trace --port d1 --last)
check "trace: the rule that came nearest" grep -q 'nearest: table 0, priority 4, udp,tp_dst=99: tp_dst is 53' <(vsw del-flows --strict br0 priority=5,udp,tp_dst=53; vsw trace --port d1 --last)
send d1 udp 1 2 20
check "drops: no rule at all" eval 'vsw -j drops d1 | jq -e ".ports[].drops[] | select(.reason == \"no-rule\").packets == 1"'
vsw -j drops >"$T/drops.json"
check "drops: they add up" jq -e '[.ports[] | .received + .executed == .forwarded + .queued + .dropped] | all' "$T/drops.json"
vsw drops --follow >"$T/drops.follow" &
follower=$!
check "drops -f" wait_for 20 eval 'send d1 udp 1 2 20; grep -qE "^d1: no-rule \+[0-9]+ " "$T/drops.follow"'
kill $follower
wait $follower 2>/dev/null

# ---- capture
printf '%s\n' cookie=0x55,actions=NORMAL | vsw replace-flows br0 -
capture() { rm -f "$T/cap.pcapng"; vsw capture "$@" >"$T/cap.pcapng" 2>"$T/cap.err" & capturer=$!; wait_for 10 test -s "$T/cap.pcapng"; }
fields() { tshark -r "$T/cap.pcapng" -Y "$1" -T fields -E separator='|' -e frame.interface_name -e frame.comment 2>/dev/null; }
captured() { [ "$(fields frame | wc -l)" -ge "$1" ]; }
capture br0 udp port 53
send d1 ask 1 2
send d1 udp 1 2 20
check "capture: both ends" wait_for 10 captured 2
kill -INT $capturer
wait $capturer
same "capture: ports, verdict, rule" "d1|forwarded to d2 by table=0,cookie=0x55
d2|from d1 by table=0,cookie=0x55" "$(fields udp)"
same "capture: and nothing that the filter does not want" "" "$(fields arp)"
vsw add-flow br0 cookie=0x66,priority=40000,udp,actions=drop
capture d1 --drops
send d1 ask 1 2
send d1 udp 1 2 20
check "capture --drops" wait_for 10 captured 1
kill -INT $capturer
wait $capturer
same "only what died, and why" "d1|dropped: rule-drop by table=0,cookie=0x66" "$(fields frame)"

# ---- top, doctor
busy()
{
	(for _ in 1 2 3 4 5 6 7 8; do send d1 udp 1 2 20; done) &
	vsw --json top --interval 1 >"$T/top.json"
	wait $!
	jq -e '(.ports[] | select(.name == "d1") | .rx_pps > 0) and (.drops | any(.reason == "rule-drop"))' "$T/top.json"
}
check "top: rates of ports and drops" wait_for 20 busy
check "top: the datapath" jq -e '.datapaths | any(.type == "dummy")' "$T/top.json"
vsw --json doctor >"$T/doctor.json"
check "doctor: the ports work" jq -e 'any(.findings[]; .what | test("4 of 4 ports work"))' "$T/doctor.json"
check "doctor --mtu" jq -e '.findings | length == 1 and .[0].state == "yes"' <(vsw --json doctor --mtu)
finish
