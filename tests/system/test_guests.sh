#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Guests' ports without guests: what a virtual machine monitor asks for, gets, hears and loses; and ports that take in no foreign addresses.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
check "a bridge" vsw add-br br0 -- add-port br0 h1-p -- add-port br0 h2-p

# A monitor: attaches, then holds; says what it hears, one line each. Its standard input: "arp SHA SPA TPA" sends that on the first queue, the end ends it.
cat >"$T/monitor.py" <<'PY'
import array, json, os, select, socket, struct, sys, time
path = os.environ["VSW_RUNDIR"] + "/vsw.sock"
params = json.loads(sys.argv[1])
def say(*words): print(*words, flush=True)
def connect():
    while True:
        try:
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            return s
        except OSError:
            s.close()
            time.sleep(0.05)
def ask(s, method, params): s.sendall(json.dumps({"method": method, "params": params, "id": 1}).encode() + b"\n")
def hear(s):
    try:
        data, control, _, _ = s.recvmsg(65536, socket.CMSG_SPACE(64))
    except ConnectionError:
        data = b""
    if not data:
        return None, []
    fds = array.array("i")
    for _, _, c in control:
        fds.frombytes(c)
    return json.loads(data), list(fds)
def mac(text): return bytes.fromhex(text.replace(":", ""))
s = connect()
ask(s, "guest/attach", params)
answer, fds = hear(s)
if answer["error"]:
    sys.exit(answer["error"]["text"])
r = answer["result"]
say("attached", r["port"], r["bridge"], r["mac"], r["mtu"], r["link"], len(fds))
link = r["link"]
ask(s, "guest/hold", {"link": link})
while True:
    ready = select.select([s, 0], [], [])[0]
    if 0 in ready:
        words = os.read(0, 4096).decode().split()
        if not words:
            sys.exit(0)
        if words[0] == "arp":
            frame = b"\xff" * 6 + mac(words[1]) + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + mac(words[1])
            frame += socket.inet_aton(words[2]) + bytes(6) + socket.inet_aton(words[3])
            os.write(fds[0], bytes(10) + frame)
    if s in ready:
        answer, _ = hear(s)
        if not answer:
            say("lost")
            while not answer:
                s = connect()
                try: # it may be the old one's socket, which is about to go
                    ask(s, "guest/attach", {k: params[k] for k in ("guest", "port", "mac")} | {"resume": True})
                    answer, _ = hear(s)
                except ConnectionError:
                    pass
            say("resumed" if answer["result"] else "refused: " + answer["error"]["text"])
        if answer["error"]:
            say("gone:", answer["error"]["text"])
            continue
        if answer["result"]["link"] != link:
            link = answer["result"]["link"]
            say(link)
        ask(s, "guest/hold", {"link": link})
PY
declare -A monitors
# monitor NAME PORT MAC [JSON MEMBERS]: says to $T/NAME, is told by $T/NAME.in.
monitor()
{
	local fd
	mkfifo "$T/$1.in" 2>/dev/null
	exec {fd}<>"$T/$1.in"
	: >"$T/$1"
	python3 "$T/monitor.py" "{\"guest\": \"$1\", \"port\": \"$2\", \"mac\": \"$3\"${4:+, $4}}" <"$T/$1.in" >"$T/$1" 2>&1 &
	monitors[$1]=$!
	wait_for 30 test -s "$T/$1"
}
said() { grep -qxF -- "$2" "$T/$1"; }
has_port() { vsw list-ports br0 | grep -qx "$1"; }
no_port() { ! has_port "$1" && ! ip link show "$1" >/dev/null 2>&1; }
end() { kill -KILL "${monitors[$1]}"; wait "${monitors[$1]}" 2>/dev/null; }
m=02:00:00:00:10
col() { vsw get interface "$1" "$2"; }

# ---- a port of its own
monitor g1 g1-net0 $m:01 '"bridge": "br0", "columns": ["tag=10", "mtu_request=1400"]'
check "a port is made, and its descriptor comes" said g1 "attached g1-net0 br0 $m:01 1400 up 1"
same "settings are those of any port" 10 "$(vsw get port g1-net0 tag)"
same "whose it is" "{attached-mac=\"$m:01\", guest=g1, iface-status=active}" "$(col g1-net0 external_ids)"
vsw clear port g1-net0 tag
echo "arp $m:01 10.0.0.77 10.0.0.1" >"$T/g1.in"
knows() { vsw hosts br0 | grep -q "^g1-net0 .*$m:01 *10.0.0.77 "; }
check "its address is heard of" wait_for 30 knows
check "and shown" grep -qF "addresses: 10.0.0.77" <(vsw show)
check "with its name and MAC" grep -qzE "guest: g1\s+mac: \"$m:01\"" <(vsw show)
same "and in the port's row" '"10.0.0.77"' "$(col g1-net0 status:addresses)"
# It is a port like any other.
check "mirrored" eval 'vsw -- --id=@s get port g1-net0 -- --id=@o get port h2-p -- --id=@m create mirror name=m1 select_src_port=@s output_port=@o -- set bridge br0 mirrors=@m'
mirrored() { echo "arp $m:01 10.0.0.77 10.0.0.1" >"$T/g1.in"; [ "$(vsw get mirror m1 statistics:tx_packets)" -ge 3 ]; }
check "what it sends is copied" wait_for 30 mirrored
vsw clear bridge br0 mirrors
policed() { echo "arp $m:01 10.0.0.77 10.0.0.1" >"$T/g1.in"; [ "$(vsw -j dump-ports br0 g1-net0 | jq ".bridges[0].ports[0].drops.policer // 0")" -gt 0 ]; }
check "policed" vsw set interface g1-net0 ingress_policing_rate=1 ingress_policing_burst=1
check "what is too much is dropped, and counted" wait_for 30 policed
vsw set interface g1-net0 ingress_policing_rate=0

check "down in the switch" vsw mod-port br0 g1-net0 down
check "is told" wait_for 30 said g1 down
vsw mod-port br0 g1-net0 up
check "and up" wait_for 30 said g1 up
ip link set g1-net0 down
check "the device down is, too" wait_for 30 eval '[ "$(grep -c ^down "$T/g1")" = 2 ]'
ip link set g1-net0 up

check "it is in no saved configuration" eval 'vsw save >"$T/saved" && ! grep -q g1-net0 "$T/saved" && grep -q h1-p "$T/saved"'
check "and stays when one is applied" eval 'vsw apply "$T/saved" && has_port g1-net0'

# ---- refusals, one line each
try() { python3 "$T/monitor.py" "$1" </dev/null; }
check_fails "no such bridge" "no bridge named br9" try '{"guest": "x", "port": "x0", "mac": "02:00:00:00:00:99", "bridge": "br9"}'
check_fails "no such port" "no port named x0" try '{"guest": "x", "port": "x0", "mac": "02:00:00:00:00:99"}'
check_fails "a port that is no TAP" "type=system" try '{"guest": "x", "port": "h1-p", "mac": "02:00:00:00:00:99"}'
check_fails "a multicast address" "multicast" try '{"guest": "x", "port": "x0", "mac": "03:00:00:00:00:99", "bridge": "br0"}'
check_fails "an address that another guest has" "is the address of guest g1 already" try "{\"guest\": \"x\", \"port\": \"x0\", \"mac\": \"$m:01\", \"bridge\": \"br0\"}"
check_fails "a port that another guest has" "that of guest g1, which runs" try '{"guest": "x", "port": "g1-net0", "mac": "02:00:00:00:00:99", "bridge": "br0"}'
check_fails "a name that a port has" "already exists" try '{"guest": "x", "port": "h1-p", "mac": "02:00:00:00:00:99", "bridge": "br0"}'
check_fails "a setting that is none" "has a column" try '{"guest": "x", "port": "x0", "mac": "02:00:00:00:00:99", "bridge": "br0", "columns": ["frob=1"]}'
check_fails "a setting with a bad value" "tag" try '{"guest": "x", "port": "x0", "mac": "02:00:00:00:00:99", "bridge": "br0", "columns": ["tag=5000"]}'
for c in name=x1 interfaces=[] type=internal; do
	try "{\"guest\": \"x\", \"port\": \"x0\", \"mac\": \"02:00:00:00:00:99\", \"bridge\": \"br0\", \"columns\": [\"$c\"]}" 2>"$T/said" && not_ok "$c" "taken"
	check "a port cannot be made another thing: $c" eval '[ "$(wc -l <"$T/said")" = 1 ]'
done
check "nothing is left of those" eval 'no_port x0 && no_port x1'

# ---- the end
end g1
check "a monitor that is killed takes its port with it" wait_for 30 no_port g1-net0
check "nothing of it is shown any more" eval '! vsw show | grep -q "guest: g1" && [ -z "$(vsw --bare --columns=name find interface external_ids:guest=g1)" ]'
check "it is among the events" grep -q "g1-net0 was removed" <(vsw events)
monitor g2 g2-net0 $m:02 '"bridge": "br0", "queues": 4, "vhost": true'
# The kernel's part comes along where there is one: for each queue, behind those of the TAP device.
n=4
[ ! -e /dev/vhost-net ] || n=8
check "several queues" said g2 "attached g2-net0 br0 $m:02 1500 up $n"
vsw del-port br0 g2-net0
check "a port that somebody removes" wait_for 30 grep -qF "gone: port g2-net0 was removed" "$T/g2"
end g2
check "a port that was there" vsw add-port br0 t0 type=tap
monitor g3 t0 $m:03
check "is lent" said g3 "attached t0 br0 $m:03 1500 up 1"
ip link del t0
check "its device is removed" wait_for 30 grep -qF "gone: the TAP device of port t0 was removed" "$T/g3"
end g3
check "the port stays afterwards" wait_for 30 eval '[ "$(col t0 external_ids)" = "{}" ]'

# ---- the switch ends and comes
monitor g4 g4-net0 $m:04 '"bridge": "br0"'
monitor g5 g5-net0 $m:05 '"bridge": "br0"'
index=$(col g4-net0 ifindex)
stop_switchd KILL
check "the switch goes" wait_for 30 said g4 lost
end g5
start_switchd
check "it comes, and the monitor has its port again" wait_for 30 said g4 resumed
same "the same one" "$index" "$(col g4-net0 ifindex)"
echo "arp $m:04 10.0.0.78 10.0.0.1" >"$T/g4.in"
check "which works" wait_for 30 eval 'vsw hosts br0 | grep -q "^g4-net0 .*10.0.0.78 "'
check "one that ended in between loses its port" wait_for 30 no_port g5-net0
stop_switchd
start_switchd
check "an end in order is the same" wait_for 30 eval '[ "$(grep -c resumed "$T/g4")" = 2 ]'
end g4
check "and its port goes with it, too" wait_for 30 no_port g4-net0

# ---- anti-spoofing
mac_of() { ip netns exec "$1" cat /sys/class/net/eth0/address; }
m1=$(mac_of h1) m2=$(mac_of h2)
spoofed() { vsw -j dump-ports br0 h1-p | jq -r '.bridges[0].ports[0].drops.spoofed // 0'; }
more_spoofed() { [ "$(spoofed)" -gt "$1" ]; }
# drops NAME COMMAND...: it has no success, and is counted as spoofed.
drops()
{
	local name=$1 before
	shift
	before=$(spoofed)
	"$@" >/dev/null 2>&1 && not_ok "$name" "it came through"
	wait_for 20 more_spoofed "$before" && ok "$name" || not_ok "$name" "not counted: $(vsw drops)"
}
check "a guard" vsw set port h1-p other_config:anti-spoof="\"$m1 10.0.0.1 fd00::1\""
check "what is its own passes" pings h1 10.0.0.2
check "by IPv6, too" wait_for 30 pings h1 fd00::2
ip -n h1 addr add 10.0.0.9/24 dev eth0
drops "another IPv4 address" at h1 ping -c1 -W1 -I 10.0.0.9 10.0.0.2
ip -n h1 addr add fd00::9/64 dev eth0 nodad
drops "another IPv6 address" at h1 ping -c1 -W1 -I fd00::9 fd00::2
ip -n h1 neigh flush dev eth0
drops "ARP for another address" at h1 arping -c1 -w1 -I eth0 -S 10.0.0.9 10.0.0.2
ip -n h1 link set eth0 address 02:00:00:00:00:99
drops "another MAC address" pings h1 10.0.0.2
ip -n h1 link set eth0 address "$m1"
ip -n h1 addr del 10.0.0.9/24 dev eth0
ip -n h1 addr del fd00::9/64 dev eth0
check "its own still do" wait_for 30 pings h1 10.0.0.2
check "it is told why" grep -q "Drop.*spoofed\|spoofed" <(vsw trace br0 "in_port=h1-p,arp,dl_src=$m1,arp_spa=10.0.0.66,arp_sha=$m1")
check "addresses are found out" vsw set port h1-p other_config:anti-spoof="\"$m1\""
check "the first one is its own" wait_for 30 pings h1 10.0.0.2
ip -n h1 addr flush dev eth0
ip -n h1 addr add 10.0.0.8/24 dev eth0
drops "the next is not" pings h1 10.0.0.2
check "anew" vsw clear port h1-p other_config -- set port h2-p other_config:anti-spoof="\"$m2\""
check "it may be used" wait_for 30 pings h1 10.0.0.2
check "and another takes what nobody has" vsw set port h1-p other_config:anti-spoof="\"$m1\""
ip -n h1 addr flush dev eth0
ip -n h1 addr add 10.0.0.2/24 dev eth0
drops "but not what the neighbour has" at h1 arping -c1 -w1 -I eth0 -S 10.0.0.2 10.0.0.3
# A DHCP server's acknowledgement counts more than what was used first.
cat >"$T/ack.py" <<'PY'
import socket, struct, sys
mac, ip = bytes.fromhex(sys.argv[1].replace(":", "")), socket.inet_aton(sys.argv[2])
m = struct.pack("!BBBB", 2, 1, 6, 0) + bytes(12) + ip + bytes(8) + mac
udp = m.ljust(236, b"\0") + bytes([99, 130, 83, 99, 53, 1, 5, 255])
udp = struct.pack("!HHHH", 67, 68, 8 + len(udp), 0) + udp
head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton("10.0.0.2"), ip)
c = sum(struct.unpack("!10H", head))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
s.send(mac + b"\x02\0\0\0\0\xfe" + b"\x08\x00" + head[:10] + struct.pack("!H", ~((c & 0xffff) + (c >> 16)) & 0xffff) + head[12:] + udp)
PY
vsw clear port h1-p other_config -- clear port h2-p other_config
ip -n h1 addr flush dev eth0
ip -n h1 addr add 10.0.0.1/24 dev eth0
check "a host with an address" wait_for 30 pings h1 10.0.0.2
vsw set port h1-p other_config:anti-spoof="\"$m1\""
check "that is guarded" wait_for 30 pings h1 10.0.0.2
at h2 python3 "$T/ack.py" "$m1" 10.0.0.55
ip -n h1 addr flush dev eth0
ip -n h1 addr add 10.0.0.55/24 dev eth0
check "has the one that a DHCP server gave it" wait_for 30 pings h1 10.0.0.2
ip -n h1 addr flush dev eth0
ip -n h1 addr add 10.0.0.1/24 dev eth0
drops "and no longer the other" at h1 arping -c1 -w1 -I eth0 -S 10.0.0.1 10.0.0.2
vsw set port h1-p other_config:anti-spoof="\"$m1 any\""
check "unless any will do" wait_for 30 pings h1 10.0.0.2
check_fails "a guard that is none" "is no IP address" vsw set port h1-p other_config:anti-spoof="\"$m1 10.0.0\""
check_fails "or of no MAC" "is no MAC address" vsw set port h1-p other_config:anti-spoof=frob
finish
