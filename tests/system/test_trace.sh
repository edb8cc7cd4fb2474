#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `vsw trace` on live ports: bytes, captures, the last packet that a port dropped; what NORMAL says; which rule came nearest.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
start_switchd

for i in 1 2 3 4; do
	mkhost h$i 10.0.0.$i/24
	at h$i sysctl -qw net.ipv6.conf.all.disable_ipv6=1 # nothing but what is sent here
done
vsw add-br br0 -- add-br br1
vsw add-port br0 h1-p tag=10 -- add-port br0 h2-p tag=10 -- add-port br0 h3-p tag=20 -- add-port br1 h4-p tag=10
vsw add-port br0 pa -- set interface pa type=patch options:peer=pb -- add-port br1 pb -- set interface pb type=patch options:peer=pa
vsw add-port br0 pc -- set interface pc type=patch options:peer=pd -- add-port br1 pd -- set interface pd type=patch options:peer=pc
vsw mod-port br1 pd no-flood
vsw mod-port br1 pb no-flood

# What trace says of a frame that has one of these fields.
says() # NAME PATTERN TRACE-ARGUMENTS...
{
	local name=$1 pattern=$2
	shift 2
	vsw trace "$@" >"$T/out" 2>&1
	if grep -qE -- "$pattern" "$T/out"; then
		ok "$name"
	else
		sed 's/^/    /' "$T/out"
		not_ok "$name" "no '$pattern'"
	fi
}

udp=0000000000020000000000010800450000260001000040110000$(printf '0a0000010a000002' )0035003500120000$(printf '%036d' 0)

# ---- NORMAL in words
vsw fdb add br0 h2-p 10 00:00:00:00:00:02
says "an unknown source" "VLAN 10: the source address 00:00:00:00:00:01 is new; a real packet would teach that it is on h1-p" --port h1-p --hex "$udp"
says "a known destination" "the destination address 00:00:00:00:00:02 is on h2-p \(static\)" --port h1-p --hex "$udp"
vsw fdb del br0 10 00:00:00:00:00:02
says "a flood" "floods to br0, h2-p, pa, pc$" --port h1-p --hex "$udp"
says "and why a port is left out" "left out: .*h3-p \(access port of VLAN 20\)" --port h1-p --hex "$udp"
vsw mod-port br0 h2-p no-flood
says "no-flood" "left out: .*h2-p \(no-flood\)" --port h1-p --hex "$udp"
vsw mod-port br0 h2-p flood
vsw trace --port h1-p --hex "$udp" >"$T/out"
same "two patch peers stand side by side" '    bridge("br1")
    bridge("br1")' "$(grep 'bridge("br1")' "$T/out")"
vsw --json trace --port h1-p --hex "$udp" >"$T/out"
same "the same for programs" "flood true other-vlan" "$(jq -r '.steps[0].steps[0].steps | map(select(.type == "normal"))[0] |
	"\(.decision) \(.ports[] | select(.port == "h2-p").sent) \(.ports[] | select(.port == "h3-p").why)"' "$T/out")"

# ---- the nearest rule
vsw del-port pa -- del-port pc -- del-port pb -- del-port pd
printf '%s\n' priority=100,tcp,tp_dst=443,actions=NORMAL priority=90,udp,nw_src=10.0.0.1,tp_dst=80,actions=NORMAL \
	priority=50,arp,actions=NORMAL cookie=0x7,priority=10,ip,actions=drop | vsw replace-flows br0 -
says "the nearest rule and its field" "nearest: table 0, priority 90, udp,nw_src=10.0.0.1,tp_dst=80: tp_dst is 53" --port h1-p --hex "$udp"
says "where it died" "^Dropped: rule-drop: .*\(bridge br0, table 0, cookie 0x7\)$" --port h1-p --hex "$udp"
says "OVS's line is the last" "^Datapath actions: drop$" --port h1-p --hex "$udp"
same "and for programs" "tp_dst 53 80" "$(vsw -j trace --port h1-p --hex "$udp" | jq -r '[.. | objects | select(.type? == "nearest")][0].fields[0] | "\(.field) \(.is) \(.wants)"')"
vsw del-flows --strict br0 priority=10,ip
says "no rule at all" "^Dropped: no-rule: no rule of the table matched \(bridge br0, table 0\)$" --port h1-p --hex "$udp"

# ---- captures
text2pcap_() { python3 - "$@" <<'PY'
import struct, sys
out = open(sys.argv[1], "wb")
frames = [bytes.fromhex(h) for h in sys.argv[2:]]
out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
for f in frames:
    out.write(struct.pack("<IIII", 1, 0, len(f), len(f)) + f)
PY
}
text2pcap_ "$T/two.pcap" "$udp" "ffffffffffff00000000000108060001080006040001000000000001${udp:52:8}0000000000000a000002"
same "all packets of a capture" "   dropped: no-rule
1: 60 bytes
2: 42 bytes" "$(vsw trace --port h1-p --pcap "$T/two.pcap" | grep -oE '^[0-9]+: [0-9]+ bytes|^ *dropped: .*' | LC_ALL=C sort)"
says "one of them" "^ 0. arp, priority 50$" --port h1-p --pcap "$T/two.pcap:2"
check_fails "one that is not there" "there is no packet 3 in .*two.pcap, which has 2" vsw trace --port h1-p --pcap "$T/two.pcap:3"
check_fails "no capture" "cannot read the capture" vsw trace --port h1-p --pcap /etc/passwd
check_fails "no such file" "No such file" vsw trace --port h1-p --pcap /nonexistent
head -c 110 "$T/two.pcap" >"$T/cut.pcap"
check_fails "a capture that is cut" "is damaged behind packet 1" vsw trace --port h1-p --pcap "$T/cut.pcap"
same "as a list" 2 "$(vsw -j trace --port h1-p --pcap "$T/two.pcap" | jq length)"
if command -v editcap >/dev/null; then
	editcap -F pcapng "$T/two.pcap" "$T/two.pcapng"
	says "pcapng" "^ 0. arp, priority 50$" --port h1-p --pcap "$T/two.pcapng:2"
fi

# ---- the last packet that a port dropped
check_fails "nothing dropped yet" "port h4-p has not dropped any packet" vsw trace --port h4-p --last
vsw del-flows br0
at h1 python3 - <<'PY'
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
s.send(bytes.fromhex("000000000002" "0000000000aa" "81000014" "0800" "4500001c00010000401100000a0000090a000002" "0035003500080000") + bytes(500))
PY
last_is() { vsw trace --port h1-p --last --names | grep -qE -- "$1"; }
check "the last one dropped" wait_for 5 last_is "^Flow: udp,in_port=.h1-p.,dl_vlan=20.*nw_src=10.0.0.9"
says "its length and reason" "^Port h1-p dropped 546 bytes [0-9.]+ s ago: no-rule: " --port h1-p --last
vsw add-flow br0 actions=NORMAL
says "what would become of it now" "^Dropped: vlan-not-allowed: " --port h1-p --last
at h1 python3 - <<'PY'
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for i in range(3):
    s.send(bytes.fromhex("000000000002" "0000000000aa" "81000014" "0800" "4500001c00010000401100000a0000080a000002" "0035003500080000"))
PY
check "a newer one, by another reason" wait_for 5 last_is "^Port h1-p dropped .*vlan-not-allowed"
check "with its own bytes" wait_for 5 last_is "nw_src=10.0.0.8"
same "for programs" "h1-p vlan-not-allowed false" "$(vsw -j trace --port h1-p --last | jq -r '.last | "\(.port) \(.reason) \(.rewritten)"')"

# ---- mistakes
check_fails "no packet" "a packet is missing" vsw trace br0
check_fails "nothing at all" "name a bridge, or a port" vsw trace
check_fails "--last of what" "needs --port" vsw trace br0 --last
check_fails "two packets" "one of them" vsw trace --port h1-p --last --hex 00
check_fails "a port of another bridge" "is on bridge br0, not on br1" vsw trace br1 --port h1-p --hex "$udp"
check_fails "an unknown port" "no port named nix" vsw trace --port nix --hex "$udp"
check_fails "in_port twice" "given twice" vsw trace br0 in_port=1 --port h1-p
check_fails "bad hex" "no hexadecimal digit" vsw trace --port h1-p --hex xyz
finish
