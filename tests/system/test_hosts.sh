#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `vsw hosts`: addresses from ARP, ND and DHCP by port; duplicates are told; floods of invented claims stay where they are.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
start_switchd

for i in 1 2 3; do mkhost h$i 10.0.0.$i/24; done
vsw add-br br0
vsw add-port br0 h1-p tag=10 -- add-port br0 h2-p tag=10 -- add-port br0 h3-p tag=10
mac_of() { ip netns exec "$1" cat /sys/class/net/eth0/address; }
m1=$(mac_of h1) m2=$(mac_of h2) m3=$(mac_of h3)
hosts() { vsw -j hosts br0 | jq -r '.bridges[0].hosts[] | "\(.port) \(.vlan) \(.mac) \(.address) \(.source)\(if .dropped then " dropped" else "" end)"'; }
knows() { hosts | grep -qxF "$1"; }

cat >"$T/claims.py" <<'PY'
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
kind = sys.argv[1]
def mac(text): return bytes.fromhex(text.replace(":", ""))
def arp(sha, spa, tpa):
    return bytes(6 * [255]) + sha + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + sha + spa + bytes(6) + tpa
if kind == "arp": # MAC IP
    s.send(arp(mac(sys.argv[2]), socket.inet_aton(sys.argv[3]), socket.inet_aton("10.0.0.254")))
elif kind == "flood": # MAC N
    for i in range(int(sys.argv[3])):
        s.send(arp(mac(sys.argv[2]), struct.pack("!I", 0x0a010000 + i), socket.inet_aton("10.0.0.254")))
elif kind in ("ack", "offer", "short"): # SERVER-MAC CLIENT-MAC CLIENT-IP
    m = struct.pack("!BBBB", 2, 1, 6, 0) + bytes(12) + socket.inet_aton(sys.argv[4]) + bytes(8) + mac(sys.argv[3])
    m = m.ljust(236, b"\0") + bytes([99, 130, 83, 99, 0, 53, 1, 2 if kind == "offer" else 5, 255])
    if kind == "short":
        m = m[:236] + bytes([99, 130, 83, 99, 53, 200])
    udp = struct.pack("!HHHH", 67, 68, 8 + len(m), 0) + m
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton("10.0.0.2"), socket.inet_aton(sys.argv[4]))
    c = sum(struct.unpack("!10H", ip))
    c = ~((c & 0xffff) + (c >> 16)) & 0xffff
    s.send(mac(sys.argv[3]) + mac(sys.argv[2]) + b"\x08\x00" + ip[:10] + struct.pack("!H", c) + ip[12:] + udp)
PY
claim() { local h=$1; shift; at "$h" python3 "$T/claims.py" "$@"; }

# ---- ARP and ND of real hosts
check "ping" pings h1 10.0.0.2
check "who asked is known" wait_for 5 knows "h1-p 10 $m1 10.0.0.1 arp"
check "and who answered" wait_for 5 knows "h2-p 10 $m2 10.0.0.2 arp"
check "ping by IPv6" pings h1 fd00::3
check "who solicited is known" wait_for 5 knows "h1-p 10 $m1 fd00::1 nd"
check "and who advertised" wait_for 5 knows "h3-p 10 $m3 fd00::3 nd"
check "the text has them" grep -qE "^h2-p +10  $m2  10\.0\.0\.2 +arp +[0-9]+$" <(vsw hosts)

# ---- DHCP
claim h1 arp "$m1" 10.0.0.1
for kind in offer short; do claim h2 $kind 02:00:00:00:00:fe "$m1" 10.0.0.77; done
claim h2 ack 02:00:00:00:00:fe "$m1" 10.0.0.78
check "an acknowledged lease, on the port of the client" wait_for 5 knows "h1-p 10 $m1 10.0.0.78 dhcp"
check "not one that was only offered" eval '! hosts | grep -q 10.0.0.77'
claim h2 ack 02:00:00:00:00:fe "$m1" 10.0.0.79
check "the next one comes up, too" wait_for 5 knows "h1-p 10 $m1 10.0.0.79 dhcp"

# ---- what is no claim
for bad in 0.0.0.0 224.0.0.1 127.0.0.1; do claim h1 arp "$m1" $bad; done
claim h1 arp 01:00:00:00:00:01 10.0.0.66
claim h1 arp "$m1" 10.0.0.65
check "a last one for order" wait_for 5 knows "h1-p 10 $m1 10.0.0.65 arp"
same "probes, groups, loopback are none" "" "$(hosts | grep -E ' (0\.0\.0\.0|224\.0\.0\.1|127\.0\.0\.1|10\.0\.0\.66) ')"

# ---- two with one address
claim h3 arp "$m3" 10.0.0.2
told() { vsw events --count=500 | grep -qF "duplicate-address: 10.0.0.2 is claimed by $m3 on port h3-p and by $m2 on port h2-p"; }
check "two claim one address" wait_for 5 told
check "the last one has it" wait_for 5 knows "h3-p 10 $m3 10.0.0.2 arp"
ip netns exec h2 ip link set eth0 down
vsw fdb flush br0
claim h1 arp "$m1" 10.0.0.65
claim h1 arp 02:00:00:00:01:01 10.0.0.80
claim h3 arp 02:00:00:00:01:01 10.0.0.80
check "an address that moved with its host" wait_for 5 knows "h3-p 10 02:00:00:00:01:01 10.0.0.80 arp"
same "is no duplicate" "" "$(vsw events --count=500 | grep duplicate | grep 10.0.0.80)"

# ---- what rules drop does not displace what they let pass
vsw add-flow br0 priority=100,in_port=h3-p,arp,actions=drop
claim h3 arp "$m3" 10.0.0.1
claim h3 arp "$m3" 10.0.0.90
check "a claim that was dropped says so" wait_for 5 knows "h3-p 10 $m3 10.0.0.90 arp dropped"
check "and took nothing from others" knows "h1-p 10 $m1 10.0.0.1 arp"
vsw del-flows br0 in_port=h3-p

# ---- bounds
claim h3 flood 02:00:00:00:00:03 3000
bounded() { [ "$(hosts | grep -c '^h3-p ')" -le 512 ]; }
wait_for 5 eval '[ "$(hosts | grep -c "^h3-p ")" = 512 ]'
check "a flood of claims is bounded" bounded
check "and pushes out nobody else" knows "h1-p 10 $m1 10.0.0.1 arp"
check "and is answered in time" vsw hosts br0
vsw del-port h3-p
same "the port goes, and its entries" "" "$(hosts | grep '^h3-p ')"

# ---- refreshed while said again, forgotten after half an hour
age() { vsw -j hosts | jq '[.bridges[0].hosts[] | select(.address == "10.0.0.1").age_s][0]'; }
vsw time stop
vsw time warp 20000
wait_for 5 eval '[ "$(age)" -ge 20 ]'
claimed_anew() { claim h1 arp "$m1" 10.0.0.1; [ "$(age)" -lt 10 ]; }
check "the same claim again is heard" wait_for 10 claimed_anew
vsw time warp 1801000
check "half an hour of silence" wait_for 10 eval '[ -z "$(hosts)" ]'
check_fails "no such bridge" "no bridge named nix" vsw hosts nix
finish
