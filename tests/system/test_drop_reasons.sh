#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The drop reasons that need more than a rule: each provoked on a live switch, by what causes it in earnest. (test_drops.sh has the others.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
start_switchd

for i in 1 2; do
	mkhost h$i 10.0.0.$i/24
	at h$i sysctl -qw net.ipv6.conf.all.disable_ipv6=1 # nothing but what is sent here
done
ip link add d1 type veth peer name d1-peer # and is down
vsw add-br br0 -- add-port br0 h1-p -- add-port br0 h2-p -- add-port br0 d1

cat >"$T/send.py" <<'PY'
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
size, n = int(sys.argv[1]), int(sys.argv[2])
ip = b"\x45\0" + min(size - 14, 65535).to_bytes(2, "big") + bytes(4) + b"\x40\x11" + bytes(2) + b"\x0a\0\0\1\x0a\0\0\2"
for i in range(n):
    s.send((b"\2\0\0\0\0\x99" + b"\2\0\0\0\0\1" + b"\x08\0" + ip + b"\0\x35\0\x35\0\0\0\0").ljust(size, b"\0"))
PY
frames() { at h1 python3 "$T/send.py" "$@"; } # SIZE N
n_of() { vsw -j drops "$1" | jq -r "[.ports[].drops[] | select(.reason == \"$2\").packets] | add // 0"; }
grown() { [ "$(n_of "$1" "$2")" -gt "$3" ]; }
balance() { vsw -j drops | jq -e '[.ports[] | .received + .executed == .forwarded + .queued + .dropped] | all' >/dev/null; }
rules() { printf '%s\n' "$@" | vsw replace-flows br0 -; }

# provoke REASON COMMAND...: packets of h1 die for REASON when COMMAND has run.
provoke()
{
	local reason=$1 before
	shift
	before=$(n_of h1-p "$reason")
	"$@" >"$T/provoke.out" 2>&1
	if wait_for 10 grown h1-p "$reason" "$before"; then
		ok "$reason"
	else
		sed 's/^/    /' "$T/provoke.out"
		vsw drops h1-p | sed 's/^/    /'
		not_ok "$reason" "none was counted"
	fi
	wait_for 5 balance || not_ok "$reason: it adds up" "$(vsw drops h1-p)"
}

long=$(printf 'mod_nw_tos:4,output:h2-p,mod_nw_tos:8,output:h2-p,%.0s' {1..30})
rules "actions=$(printf 'resubmit(,1),%.0s' {1..40})resubmit(,1)" "table=1,ip,actions=${long}mod_nw_tos:0"
provoke action-limit frames 60 3
vsw add-meter br0 meter=1,kbps,band=type=drop,rate=8
rules actions=meter:1,output:h2-p
provoke meter frames 1000 50
rules actions=output:h2-p
vsw set interface h1-p ingress_policing_rate=8 ingress_policing_burst=8
provoke policer frames 1000 50
vsw set interface h1-p ingress_policing_rate=0 ingress_policing_burst=0
vsw set-link h2-p rate=8kbit
provoke link-loss frames 1000 3000
vsw set-link h2-p none
vsw set-link h1-p loss=100% direction=in
provoke link-loss frames 1000 50
vsw set-link h1-p none
vsw set port h2-p qos=@q -- --id=@q create qos type=vsw-shaper other_config:max-rate=12000 >/dev/null
provoke tx-queue-full frames 1000 3000
vsw clear port h2-p qos -- --all destroy QoS
vsw set port h1-p other_config:storm-unknown=1
rules actions=NORMAL
provoke storm frames 1000 50
vsw remove port h1-p other_config storm-unknown

# More new flows than there is room for.
rules 'udp,actions=move:NXM_OF_IP_SRC[]->NXM_NX_REG0[],move:NXM_OF_UDP_SRC[]->NXM_NX_REG1[0..15],output:h2-p'
misses() { at h1 timeout 20 blast eth0 2 --flows 40000 --count 40000 --per-address 1 >/dev/null; }
if [ "$DATAPATH" = ebpf ]; then
	# The kernel goes on while the daemon stands still.
	stand_still() { kill -STOP "$switchd_pid"; misses; kill -CONT "$switchd_pid"; }
	provoke upcall-queue-full stand_still
	same "upcall-rate" true "$([ "$(n_of h1-p upcall-rate)" -gt 0 ] && echo true)"
else
	provoke upcall-queue-full misses
fi

# A device that refuses what it is given: here its queue does, by the system call, or as the kernel's helper says it.
tc qdisc add dev h2-p root tbf rate 8kbit burst 1600 limit 1600
rules actions=output:h2-p,output:d1
if [ "$DATAPATH" = ebpf ]; then
	# In the kernel, once the flow is there.
	before=$(n_of h1-p tx-error)
	check tx-error wait_for 10 eval 'frames 1000 10; grown h1-p tx-error "$before"'
else
	provoke tx-queue-full frames 1000 50
fi
tc qdisc del dev h2-p root
if [ "$DATAPATH" = user ] && strace -V >/dev/null 2>&1; then
	refused()
	{
		strace -f -qq -p "$switchd_pid" -e trace=sendmmsg -e inject=sendmmsg:error=EIO -o "$T/strace.out" &
		local tracer=$!
		wait_for 10 eval "grep -q '^TracerPid:[^0-9]*$tracer\$' /proc/$switchd_pid/task/*/status"
		wait_for 5 eval "frames 60 1; grep -q INJECTED $T/strace.out"
		kill $tracer
		wait $tracer
	}
	provoke tx-error refused
fi

# The largest frames that there are: with a header more they are too large for a packet of the kernel's.
mkhost big 10.0.0.3/24 65535
at big sysctl -qw net.ipv6.conf.all.disable_ipv6=1
vsw add-port br0 big-p
ip link set h2-p mtu 65535
at h2 ip link set eth0 mtu 65535
wait_for 5 eval '[ "$(vsw get interface h2-p mtu)" = 65535 ]'
rules actions=output:h2-p
at big python3 "$T/send.py" 65549 3
if [ "$DATAPATH" = ebpf ]; then
	check "no-memory" wait_for 5 grown big-p no-memory 0
else
	check "the largest frame there is" wait_for 5 eval '[ "$(vsw -j drops big-p | jq ".ports[0].forwarded")" = 3 ]'
	# BIG TCP: a packet of the kernel's that is longer than a frame can be.
	for ns in big h2; do at $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=0; at $ns ip -6 addr add "fd01::${#ns}/64" dev eth0 nodad; done
	if at big ip link set eth0 gso_max_size 150000 2>/dev/null && ip link set big-p gso_max_size 150000; then
		rules actions=NORMAL
		at h2 iperf3 -s -1 -D -p 5301
		wait_for 5 eval 'at h2 ss -Hltn | grep -q 5301'
		at big timeout 4 iperf3 -c fd01::2 -p 5301 -n 4M >/dev/null 2>&1 &
		iperf=$!
		check "rx-truncated" wait_for 5 grown big-p rx-truncated 0
		wait $iperf
	else
		skip "rx-truncated" "this kernel has no BIG TCP"
	fi
fi

# Out of a tunnel: what cannot be a packet of it, and what met congestion and cannot say so.
ip netns add far
ip link add far0 type veth peer name eth0 netns far
ip addr add 10.9.0.1/24 dev far0
ip link set far0 up
ip -n far addr add 10.9.0.2/24 dev eth0
ip -n far link set eth0 up
vsw add-port br0 vx0 -- set interface vx0 type=vxlan options:remote_ip=10.9.0.2 options:key=5
cat >"$T/vxlan.py" <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 3)
inner = bytes.fromhex("020000000099" "020000000001" "0800" "4500001c00000000401100000a0000010a000002" "0035003500080000")
s.sendto(bytes.fromhex("0800000000000500") + inner if sys.argv[1] == "ce" else b"\x08\0\0", ("10.9.0.1", 4789))
PY
if [ "$DATAPATH" = user ]; then
	check "malformed-tunnel" wait_for 10 eval 'at far python3 "$T/vxlan.py" cut; grown vxlan_sys_4789 malformed-tunnel 0'
	check "tunnel-ecn" wait_for 10 eval 'at far python3 "$T/vxlan.py" ce; grown vx0 tunnel-ecn 0'
fi
wait_for 5 balance || not_ok "it adds up in the end" "$(vsw drops)"

# Whatever was counted, there are words for it.
same "every reason has a sentence" "" "$(vsw drops | grep 'no words')"
finish
