#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Ports at work: numbers, patch pairs, fake bridges, the bridge's own interface, statistics, a guest with offloads on a TAP, and what the 1,000th
# port costs.
. "$(dirname "$0")/../lib.sh"

ofport() { vsw get Interface "$1" ofport; }
more() { [ "$(vsw get Interface h1-p statistics:rx_packets)" -ge "$1" ]; }

start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
vsw add-br br0 -- add-port br0 h1-p -- add-port br0 h2-p -- add-br br1

# Numbers: chosen ones, kept ones, and whose they are.
ip link add a1 type veth peer name a2
ip link add b1 type veth peer name b2
vsw add-port br0 a1 -- set Interface a1 ofport_request=33
same "ofport_request" 33 "$(ofport a1)"
check_fails "a number that was wished for is taken" "OpenFlow port number 33 \(ofport_request\) belongs to a1" vsw add-port br0 b1 ofport_request=33
vsw add-port br0 b1 ofport_request=1
same "one that was not gives way" 1 "$(ofport b1)"
check "to another number" [ "$(ofport h1-p)" != 1 ]
check_fails "out of range" "70000 is outside the range" vsw set Interface b1 ofport_request=70000
check "the one that gave way works" pings h1 10.0.0.2
vsw del-port a1 -- del-port b1 -- add-port br0 a1
check "a number is not used again at once" [ "$(ofport a1)" != 1 ]
vsw del-port a1
check_fails "MAC of an internal port" "'zz' is no MAC address" vsw add-port br0 in0 type=internal -- set Interface in0 mac=zz
vsw add-port br0 in0 type=internal mtu_request=1400 -- set Interface in0 mac='"02:00:00:00:11:22"'
check "MAC and MTU of an internal port" bash -c 'ip link show in0 | grep -q "mtu 1400" && ip link show in0 | grep -q 02:00:00:00:11:22'
vsw add-port br0 t0 type=tap mtu_request=1300
check "MTU of a TAP" bash -c 'ip link show t0 | grep -q "mtu 1300"'
vsw del-port in0 -- del-port t0

# Statistics are those of now.
before=$(vsw get Interface h1-p statistics:rx_packets)
pings h1 10.0.0.2 5
check "statistics are live" more $((before + 5))

# Patch pairs: whichever end comes first, and whichever leaves.
mkhost h3 10.0.0.3/24
vsw add-port br1 h3-p -- add-port br0 pa type=patch options:peer=pb
same "a patch port without its peer says so" '"its peer does not exist, or names another one"' "$(vsw get Interface pa error)"
check "its peer" vsw add-port br1 pb type=patch options:peer=pa
same "no error then" "[]" "$(vsw get Interface pa error)"
check "traffic across bridges" pings h1 10.0.0.3
vsw del-port pa
check "none without one end" no_ping h1 10.0.0.3
vsw add-port br0 pa type=patch options:peer=pb
check "traffic when that end is back" pings h1 10.0.0.3
vsw del-port pa -- del-port pb -- add-port br1 pb type=patch options:peer=pa -- add-port br0 pa type=patch options:peer=pb
check "the other order, in one transaction" pings h1 10.0.0.3
check_fails "its own peer" "cannot be its own peer" vsw add-port br0 pc type=patch options:peer=pc
check_fails "no peer" "needs options:peer=NAME" vsw add-port br0 pc type=patch
vsw del-port pa -- del-port pb

# The bridge's own interface, by both commands that people use.
ip addr add 10.0.0.50/24 dev br0
for up in "ip link set br0 up" "busybox ifconfig br0 up"; do
	check "$up" $up
	check "the host is reached" pings h1 10.0.0.50
	$(sed 's/up$/down/' <<<"$up")
	check "down: it is not" no_ping h1 10.0.0.50
	same "and reported" down "$(vsw get Interface br0 admin_state)"
done

# A fake bridge is a VLAN of a real one, with an interface of its own.
mkhost h4 10.0.4.1/24
check "fake bridge" vsw add-br fb br0 7 -- add-port fb h4-p
same "its port has the tag" 7 "$(vsw get Port h4-p tag)"
ip addr add 10.0.4.50/24 dev fb
ip link set fb up
check "the host on that VLAN" pings h4 10.0.4.50
at h1 ip addr add 10.0.4.9/24 dev eth0
check "but not the other VLAN" no_ping h4 10.0.4.9
check_fails "one fake bridge a VLAN" "bridge br0 already has a child VLAN bridge fb on VLAN 7" vsw add-br fb2 br0 7
vsw del-br fb
check "gone with its interface" bash -c '! ip link show fb'
same "and its ports" "" "$(vsw --bare --columns=name find Port name=h4-p)"

# A guest: a process that holds the TAP's descriptor and hands frames with their offload state to a kernel, both ways.
ip netns add guest
vsw add-port br0 g0 type=tap
cat >"$T/guest.py" <<'PY'
"""Moves frames between the switch's TAP and one in this namespace, as a VMM does; counts those that no wire would carry."""
import array, fcntl, json, os, select, signal, socket, struct, subprocess, sys
TUNSETIFF, TUNSETOFFLOAD = 0x400454ca, 0x400454d0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 2, 0x1000, 0x4000
OFFLOADS = 1 | 2 | 4 # checksum, TCP over IPv4, TCP over IPv6
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["VSW_RUNDIR"] + "/vsw.sock")
s.sendall(b'{"method":"port/open-tap","params":{"port":"g0"},"id":1}\n')
data, control, _, _ = s.recvmsg(65536, socket.CMSG_SPACE(4))
answer = json.loads(data)
if answer["error"]:
    sys.exit(answer["error"]["text"])
switch = array.array("i", control[0][2])[0]
fcntl.ioctl(switch, TUNSETOFFLOAD, OFFLOADS)
own = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(own, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
fcntl.ioctl(own, TUNSETOFFLOAD, OFFLOADS)
subprocess.run("ip addr add 10.0.0.66/24 dev eth0; ip link set eth0 up", shell=True, check=True)
big = {switch: 0, own: 0}
def done(*_):
    print(f"{big[switch]} {big[own]}")
    sys.exit(0)
signal.signal(signal.SIGTERM, done)
print("ready", flush=True)
while True:
    for fd in select.select([switch, own], [], [])[0]:
        frame = os.read(fd, 70000)
        big[fd] += len(frame) > 3000
        try:
            os.write(own if fd == switch else switch, frame)
        except OSError as e:
            print(f"write: {e}", file=sys.stderr)
PY
ip netns exec guest python3 "$T/guest.py" >"$T/guest.out" 2>"$T/guest.err" &
guest=$!
check "a guest on a TAP" wait_for 5 grep -q ready "$T/guest.out"
check "the guest's link is up" wait_for 5 bash -c '[ "$(vsw get Interface g0 link_state)" = up ]'
check "ping it" wait_for 5 pings h1 10.0.0.66
head -c 30000000 /dev/urandom >"$T/data"
transfer()
{
	at "$1" socat -u TCP-LISTEN:9,reuseaddr CREATE:"$T/got" &
	local receiver=$!
	wait_for 5 bash -c "ip netns exec $1 ss -Hltn | grep -q ':9 '"
	at "$2" timeout 20 socat -u OPEN:"$T/data" "TCP:$3:9"
	wait $receiver
	cmp "$T/data" "$T/got"
}
check "TCP to the guest" transfer guest h1 10.0.0.66
check "TCP from the guest" transfer h1 guest 10.0.0.1
kill $guest
wait $guest 2>/dev/null
read -r big_in big_out < <(tail -1 "$T/guest.out")
check "frames of more than 3,000 bytes to the guest" [ "${big_in:-0}" -gt 100 ]
check "and from it" [ "${big_out:-0}" -gt 100 ]
same "not one was refused" "" "$(cat "$T/guest.err")"
check "the port stays when the guest ends" wait_for 5 bash -c '[ "$(vsw get Interface g0 link_state)" = down ]'

# What one more port costs the daemon, in its own processor time: the 1,000th as much as the 10th.
vsw del-br br0 -- del-br br1
cat >"$T/cost.py" <<'PY'
import os, statistics, subprocess, sys, time
def cpu_ns():
    total = 0
    for task in os.listdir(f"/proc/{sys.argv[1]}/task"):
        total += int(open(f"/proc/{sys.argv[1]}/task/{task}/schedstat").read().split()[0])
    return total
subprocess.run(["vsw", "add-br", "br0"], check=True)
cost = []
for i in range(1010):
    before = cpu_ns()
    subprocess.run(["vsw", "add-port", "br0", f"v{i}"], check=True)
    cost.append((cpu_ns() - before) / 1e6)
tenth, last = statistics.median(cost[:20]), statistics.median(cost[-20:])
print(f"the 10th {tenth:.2f} ms, the 1,000th {last:.2f} ms")
sys.exit(last > 2 * tenth + 0.5)
PY
for i in $(seq 0 1009); do echo "link add v$i type veth peer name w$i"; done | ip -batch -
check "the 1,000th port costs what the 10th did" python3 "$T/cost.py" $switchd_pid
echo "# $(cat "$T/check.out")"
check "and they go together" vsw del-br br0

finish
