#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `vsw capture`: the same packets as tcpdump beside it, with what became of them; filters, directions, drops; cheap, and gone when over.
. "$(dirname "$0")/../lib.sh"

start_switchd
mkbridge br0 3
check "ping" pings h1 10.0.0.2 2

# capture NAME ARGUMENT...: in the background, to $T/NAME.pcapng; ready when this returns.
capture()
{
	local name=$1
	shift
	rm -f "$T/$name.pcapng"
	vsw capture "$@" >"$T/$name.pcapng" 2>"$T/$name.err" &
	eval "capture_$name=$!"
	wait_for 10 test -s "$T/$name.pcapng"
}
# end_capture NAME
end_capture()
{
	local pid="capture_$1"
	kill -INT "${!pid}"
	wait "${!pid}"
}
# fields NAME FILTER FIELD...: one line per packet
fields()
{
	local name=$1 filter=$2 f args=()
	shift 2
	for f; do args+=(-e "$f"); done
	tshark -r "$T/$name.pcapng" -Y "$filter" -T fields -E separator='|' "${args[@]}" 2>"$T/tshark.err"
}
has_packets() { [ "$(fields "$1" "$2" frame.number | wc -l)" -ge "$3" ]; }

# ---- beside tcpdump ----
tcpdump -i h1-p --immediate-mode -U -w "$T/tcpdump.pcap" icmp 2>"$T/tcpdump.err" &
tcpdump=$!
wait_for 10 test -s "$T/tcpdump.pcap"
capture port h1-p icmp
at h1 ping -q -c 20 -i 0.01 -s 300 10.0.0.2 >/dev/null
check "20 pings and their answers" wait_for 10 has_packets port icmp 40
end_capture port
same "exit status" 0 $?
kill $tcpdump
wait $tcpdump 2>/dev/null
both() { tshark -r "$1" -Y "$2" -T fields -e icmp.type -e icmp.seq -e frame.len -e ip.src -e eth.dst -e data 2>/dev/null | sort; }
same "what came in as tcpdump has it" "$(both "$T/tcpdump.pcap" icmp.type==8)" "$(both "$T/port.pcapng" icmp.type==8)"
# What the kernel puts right onto the other end of a pair, tcpdump on this end does not see.
same "and what was sent, where tcpdump saw it" "" "$(comm -23 <(both "$T/tcpdump.pcap" icmp) <(both "$T/port.pcapng" icmp))"
same "directions" "20 in, 20 out" "$(fields port icmp frame.packet_flags_direction |
	awk '$1 ~ /1$/ { i++ } $1 ~ /2$/ { o++ } END { print i " in, " o " out" }')"
same "the interface's name" h1-p "$(fields port icmp frame.interface_name | sort -u)"
check "what became of them" eval '[ "$(fields port "icmp.type == 8" frame.comment | grep -c "^forwarded to h2-p by table=0,cookie=0x0")" = 20 ]'
check "where they came from" eval '[ "$(fields port "icmp.type == 0" frame.comment | grep -c "^from h2-p by table=0,cookie=0x0")" = 20 ]'
check "what was captured is said" grep -qE '^captured 40 of [0-9]+ packets' "$T/port.err"
check "times are of today" eval '[ "$(fields port icmp frame.time_epoch | head -1 | cut -d. -f1)" -ge $(($(date +%s) - 60)) ]'
check "capinfos has nothing to say" capinfos "$T/port.pcapng"

# ---- a bridge, one direction, a cookie, a rewrite ----
vsw add-flow br0 "cookie=0x77,priority=50,icmp,in_port=h1-p,actions=mod_nw_tos:32,NORMAL"
capture bridge br0 'icmp[icmptype] == icmp-echo' -n 6
at h1 ping -q -c 20 -i 0.01 10.0.0.2 >/dev/null
check "--count ends it" wait_for 10 eval "! kill -0 $capture_bridge"
same "with so many packets" 6 "$(fields bridge icmp frame.number | wc -l)"
same "all ports of the bridge, filter and all" "h1-p h2-p" "$(fields bridge icmp frame.interface_name | sort -u | xargs)"
check "the cookie" eval 'fields bridge icmp frame.comment | grep -q "^forwarded to h2-p by table=0,cookie=0x77"'
same "as it came in, and as it was sent" "h1-p|0 h2-p|32" "$(fields bridge icmp frame.interface_name ip.dsfield | sed 's/0x00/0/; s/0x20/32/; s/0x//' | sort -u | xargs)"
for d in in out; do
	capture dir h1-p --direction=$d icmp
	at h1 ping -q -c 3 -i 0.05 10.0.0.2 >/dev/null
	check "direction $d" wait_for 10 has_packets dir icmp 3
	end_capture dir
	[ $d = in ] && type=8 || type=0
	same "only $d" "3 $type" "$(fields dir icmp icmp.type | sort | uniq -c | xargs)"
done
capture snap h1-p -s 60 icmp
at h1 ping -q -c 1 -s 1000 10.0.0.2 >/dev/null
wait_for 10 has_packets snap icmp 2
end_capture snap
same "--snaplen" "60|1042" "$(fields snap icmp frame.cap_len frame.len | sort -u)"

# ---- drops ----
vsw add-flow br0 "cookie=0xdead,priority=60,udp,in_port=h1-p,actions=drop"
capture drops br0 --drops
at h1 python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(10): s.sendto(b"x" * 50, ("10.0.0.2", 9000 + i % 2))'
at h1 ping -q -c 3 -i 0.05 10.0.0.2 >/dev/null
check "drops" wait_for 10 has_packets drops udp 10
end_capture drops
same "each with reason, table and cookie" "10 dropped: rule-drop by table=0,cookie=0xdead" "$(fields drops udp frame.comment | sort | uniq -c | xargs)"
same "and nothing that lives" "" "$(fields drops icmp frame.number)"

# ---- VLAN tags, a GSO packet, a port that comes later ----
vsw set port h3-p tag=7 -- set port h2-p trunks=7
capture vlan br0 'vlan 7 and arp'
at h3 arping -q -c 2 -w 2 -I eth0 10.0.0.77
check "tags as on the wire, and in the filter" wait_for 10 has_packets vlan 'vlan.id == 7' 1
end_capture vlan
vsw clear port h3-p tag -- clear port h2-p trunks
capture late br0 icmp
mkhost h4 10.0.0.4/24
vsw add-port br0 h4-p
later() { at h4 ping -q -c 1 -W 1 10.0.0.2 >/dev/null; fields late icmp frame.interface_name | grep -q h4-p; }
check "a port that came later" wait_for 10 later
end_capture late
capture tcp h1-p tcp
at h2 sh -c 'python3 -c "
import socket
s = socket.create_server((\"10.0.0.2\", 7000)); c, _ = s.accept()
n = 0
while True:
    b = c.recv(65536)
    if not b: break
    n += len(b)
print(n)" >"$0" & echo $! >"$0.pid"' "$T/tcp.n"
wait_for 10 eval 'at h2 ss -Hltn | grep -q 7000'
at h1 python3 -c '
import socket
s = socket.create_connection(("10.0.0.2", 7000)); s.sendall(b"v" * 300000); s.close()'
wait_for 10 test -s "$T/tcp.n"
same "TCP under capture" 300000 "$(cat "$T/tcp.n")"
check "and captured, whole GSO packets" wait_for 10 has_packets tcp 'tcp.len > 1500' 1
end_capture tcp

# ---- each filter as tcpdump has it ----
cat >"$T/frames.py" <<'EOP'
import socket, struct, sys
def ip(proto, payload, src=1, frag=0):
    h = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, frag, 64, proto, 0, bytes([10, 0, 0, src]), bytes([10, 0, 0, 2]))
    c = sum(struct.unpack("!10H", h)); c = ~((c & 0xffff) + (c >> 16)) & 0xffff
    return b"\x08\x00" + h[:10] + struct.pack("!H", c) + h[12:] + payload
def udp(sport, dport, data): return struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
def tcp(dport, flags): return struct.pack("!HHIIBBHHH", 999, dport, 1, 1, 0x50, flags, 100, 0, 0)
ip6 = b"\x86\xdd\x60" + bytes(3) + struct.pack("!HBB", 8, 17, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + udp(5, 53, b"")
arp = b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + bytes(20)
tag = lambda v: b"\x81\0" + struct.pack("!H", v)
rest = [ip(17, udp(1500, 53, b"abcdefgh")), ip(17, udp(9, 9, bytes(700))), ip(6, tcp(80, 2)), ip(6, tcp(443, 16), 3), arp, ip6, ip(17, udp(1, 2, b"x" * 9), 1, 5),
        tag(5) + ip(17, udp(7, 53, b"")), tag(5) + arp, tag(7) + tag(9) + ip(6, tcp(80, 2)), tag(6) + ip6, b"\x88\xb5" + bytes(3), b"\x99\x99" + bytes(50)]
frames = [(b"\xff" * 6 if i % 3 == 0 else b"\2\0\0\0\0\x22") + b"\2\0\0\0\0\x11" + r for i, r in enumerate(rest)]
if len(sys.argv) > 1:
    out = open(sys.argv[1], "wb")
    out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for f in frames: out.write(struct.pack("<IIII", 1, 0, len(f), len(f)) + f)
else:
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0))
    for f in frames: s.send(f)
EOP
python3 "$T/frames.py" "$T/frames.pcap"
# Lengths of the frames, sorted: those that went through the daemon come by another way than those of the kernel. (tcpdump, for it is quick.)
lengths() { tcpdump -enr "$1" 2>/dev/null | sed -nE 's/^[^,]*,[^,]*length ([0-9]+).*/\1/p' | sort -n | xargs; }
marked() { [ "$(tcpdump -nr "$T/each.pcapng" 2>/dev/null | grep -c 0x9999)" = 2 ]; }
cat "$T/frames.pcap" >"$T/twice.pcap"
tail -c +25 "$T/frames.pcap" >>"$T/twice.pcap"
for filter in 'tcp[tcpflags] & tcp-syn != 0' 'vlan 5 and udp' 'vlan and vlan and tcp' ip6 'ip[6:2] & 0x1fff != 0' 'udp[8:4] = 0x61626364' 'portrange 1000-2000' \
	'ether[14:4] = 0x00050800' 'len / 3 = 20'; do
	whole="ether src 02:00:00:00:00:11 and (ether proto 0x9999 or ($filter))"
	tcpdump -r "$T/twice.pcap" -w "$T/wanted.pcap" "$whole" 2>/dev/null
	capture each h1-p --direction=in "$whole"
	at h1 python3 "$T/frames.py" # then once more, by the flows that are there now
	at h1 python3 "$T/frames.py"
	wait_for 10 marked
	end_capture each
	same "as tcpdump: $filter" "$(lengths "$T/wanted.pcap")" "$(lengths "$T/each.pcapng")"
done

# ---- what is refused ----
check_fails "no such port" 'no port named nosuch' vsw capture nosuch -w /dev/null
check_fails "no filter" 'syntax error' vsw capture h1-p 'host and and' -w /dev/null
check_fails "no filter either" 'is no filter' vsw capture h1-p 'ether[0:9] = 1' -w /dev/null
check_fails "direction" 'none of in, out, both' vsw capture h1-p --direction=up -w /dev/null
check_fails "count" 'not a number above 0' vsw capture h1-p --count=0 -w /dev/null
rpc() { python3 - "$1" <<-'EOP'
	import json, os, socket, sys
	s = socket.socket(socket.AF_UNIX); s.connect(os.environ["VSW_RUNDIR"] + "/vsw.sock")
	s.sendall((json.dumps({"method": "capture/start", "params": json.loads(sys.argv[1]), "id": 1}) + "\n").encode())
	print(s.makefile().readline())
	EOP
}
for bad in '[[6,0,0]]' '[[6,0,0,65536],[0]]' '[[5,0,0,9],[6,0,0,1]]' '[]' '"x"' '[[6,0,0,-1]]' '[[1,2,3,4]]' '[[6,0,0,4294967296]]'; do
	check "hostile program $bad" eval "rpc '{\"name\": \"h1-p\", \"filter\": $bad}' | grep -q 'no classic BPF program'"
done
check "still alive" vsw version

# ---- the ends ----
capture reader h1-p
kill $capture_reader
wait $capture_reader
same "SIGTERM: a whole file" 0 "$(tshark -r "$T/reader.pcapng" >/dev/null 2>&1; echo $?)"
vsw capture h1-p icmp 2>"$T/pipe.err" | (tshark -l -r - -c 1 >"$T/pipe.out" 2>&1; true) &
piped=$!
wait_for 10 eval "at h1 ping -q -c 1 -W 1 10.0.0.2 >/dev/null; ! kill -0 $piped"
check "into tshark, live" grep -q ICMP "$T/pipe.out"
# killed without a word: the port is not watched for long
capture killed h1-p
kill -KILL $capture_killed
idle() { ! ls "/proc/$switchd_pid/task"/*/comm | xargs cat | grep -q vsw-capture; }
check "when nobody captures, no thread is left" wait_for 20 idle

# ---- what is rare among many, and the price ----
client() { awk '{ print $14 + $15 }' "/proc/$capture_load/stat"; }
# whole: percent of a core that the daemon, the kernel's share included, and the client take; the better of two looks
whole()
{
	local before used sum best=1000
	for _ in 1 2; do
		before=$(client)
		used=$(vsw --json top --interval 1.5 | jq .cpu.capture)
		sum=$(awk -v a="$used" -v b=$(($(client) - before)) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%d", a + b * 100 / hz / 1.5 }')
		[ "$sum" -lt "$best" ] && best=$sum
	done
	echo "$best"
}
price() { local best; best=$(whole); if [ "$best" -le 10 ]; then ok "$1 at most 10 % of a core ($best %)"; else not_ok "$1 at most 10 % of a core" "$best %"; fi; }
vsw del-flows br0 icmp
at h1 blast eth0 60 --flows 10 --rate 30000 --dst-mac "$(at h2 cat /sys/class/net/eth0/address)" >/dev/null &
blaster=$!
wait_for 10 eval '[ "$(vsw -j drops h1-p | jq ".ports[0].received")" -gt 20000 ]'
capture load br0 icmp
answered=$(at h1 ping -q -c 40 -i 0.02 -W 5 10.0.0.2 | sed -nE 's/.* ([0-9]+) received.*/\1/p')
# The flood keeps some from arriving; those that were answered passed four times.
check "a filter finds each of the few among many ($answered answered)" wait_for 10 has_packets load icmp $((4 * answered))
price "looking for them takes"
end_capture load
check "the many did not match" eval '[ "$(sed -nE "s/.*; ([0-9]+) did not match.*/\1/p" "$T/load.err")" -gt 20000 ]'
capture load br0 -s 200
price "taking all takes"
end_capture load
kill $blaster
wait $blaster 2>/dev/null
check "and says what it left out" grep -qE '^captured [1-9][0-9]* of [0-9]+ packets' "$T/load.err"

capture over h1-p
stop_switchd
check "the daemon's end" wait_for 10 eval "! kill -0 $capture_over"
wait $capture_over
same "is no failure" "0 vsw: the daemon has ended" "$? $(cat "$T/over.err")"
finish
