#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Link emulation: packets are late, lost, doubled, damaged and slow as told, in one direction or both, and not any more when it ends.
. "$(dirname "$0")/../lib.sh"

start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
vsw add-br br0 -- add-port br0 h1-p -- add-port br0 h2-p
check "hosts reach each other" wait_for 5 pings h1 10.0.0.2

# The shortest of some round trips, in whole ms: a loaded machine makes some longer, none shorter.
rtt() { at h1 ping -q -c "${1:-5}" -i 0.05 -W 2 10.0.0.2 | sed -nE 's|^rtt min.* = ([0-9]+)\..*|\1|p'; }
check "a delay" vsw set-link h2-p delay=40ms
between() { echo "# $1: $(("$4")) of $2 to $3"; if [ "$(("$4"))" -ge "$2" ] && [ "$(("$4"))" -le "$3" ]; then ok "$1"; else not_ok "$1" "$4"; fi; }
between "makes each round trip longer by as much" 40 50 "$(rtt)"
same "and is in the row" '{link-delay="40ms"}' "$(vsw get interface h2-p other_config)"
check "on both ports" vsw set-link h1-p delay=20ms jitter=2ms
between "they add up" 58 70 "$(rtt)"
check "TCP over a delay" eval 'at h2 iperf3 -s -D -1 -p 5201; wait_for 20 at h1 iperf3 -c 10.0.0.2 -n 2M'
vsw set-link h1-p none
vsw set-link h2-p none

# ---- the way in
check "a delay of what comes in" vsw set-link h2-p delay=40ms direction=in
between "makes each round trip longer by as much" 40 50 "$(rtt)"
check "in both directions" vsw set-link h2-p delay=20ms direction=both
between "each counts" 40 50 "$(rtt)"
check "TCP both ways" eval 'at h2 iperf3 -s -D -1 -p 5201; wait_for 20 at h1 iperf3 -c 10.0.0.2 -n 1M && { at h2 iperf3 -s -D -1 -p 5202; wait_for 20 at h1 iperf3 -c 10.0.0.2 -p 5202 -R -n 1M; }'
same "get-link says what there is" "h2-p: delay=20ms direction=both" "$(vsw get-link | head -1)"
check "and what it did" eval 'vsw -j get-link h2-p | jq -e ".links[0] | .in.packets > 50 and .out.packets > 50"'
same "of a port without" "h1-p: none" "$(vsw get-link h1-p)"
# What comes in and is lost is the port's own drop; and the sum is right all the time.
vsw set-link h2-p delay=5ms loss=30% duplicate=20% direction=in seed=9
at h2 ping -q -c 200 -i 0.002 -W 1 10.0.0.1 >/dev/null
adds_up() { vsw -j dump-ports br0 h2-p | jq -e '.bridges[0].ports[0] | .drops["link-loss"] >= 30 and .queued == 0 and .forwarded + (.drops | add) >= .rx_packets + 20'; }
check "what comes in is lost there, and doubled" wait_for 5 adds_up
balance() { vsw -j drops | jq -e '[.ports[] | .received + .executed == .forwarded + .queued + .dropped] | all'; }
check "each packet is counted once" balance
vsw set-link h2-p none
check "and is not any more" pings h2 10.0.0.1 20

# ---- TCP gets what its window allows: with a delay of 10 ms, a window each 10 ms, or each round trip where the machine adds to that; best of five.
share_of_window()
{
	python3 - <<'PY'
import ctypes, os, re, socket, subprocess, time
def enter(name):
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
    assert ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000) == 0
enter("h2")
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 131072)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("10.0.0.2", 5301)); listener.listen()
if not os.fork():
    s = listener.accept()[0]
    while s.recv(1 << 20): pass
    os._exit(0)
enter("h1")
s = socket.create_connection(("10.0.0.2", 5301))
s.setblocking(False)
def info():
    out = subprocess.run(["ss", "-Htni", "dport", "=", "5301"], capture_output=True, text=True).stdout
    return [float(re.search(rf"\b{k}:([\d.]+)", out)[1]) for k in ("bytes_acked", "snd_wnd", "rtt", "minrtt")]
def send_for(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try: s.send(bytes(65536))
        except BlockingIOError: time.sleep(0.0005)
send_for(0.5)
begin, first, windows, rtts = time.monotonic(), info(), [], []
for _ in range(6):
    send_for(0.2)
    last = info()
    windows.append(last[1]); rtts.append(last[2])
took = time.monotonic() - begin
rate, window, rtt = (last[0] - first[0]) / took, sum(windows) / len(windows), sum(rtts) / len(rtts)
print(f"# window {window:.0f}, round trip {rtt:.1f} ms, at least {last[3]} ms, {rate / 1e6:.2f} MB/s: {100 * rate * 0.010 / window:.0f} % of a window each 10 ms")
print(int(100 * rate * rtt / 1000 / window) if last[3] < 11 else 0)
PY
}
vsw set-link h2-p delay=10ms
for _ in $(seq 8); do
	share_of_window >"$T/share"
	head -1 "$T/share"
	[ "$(tail -1 "$T/share")" -lt 90 ] || break
done
between "TCP gets what its window allows" 90 120 "$(tail -1 "$T/share")"
vsw set-link h2-p none

# ---- damage
damaged() { at h1 nstat -a 2>/dev/null | awk '/IcmpInCsumErrors|IpInHdrErrors|IpExtInCsumErrors|IpInAddrErrors|IpInDelivers/{n[$1]=$2} END{print n["IcmpInCsumErrors"]+0}'; }
before=$(damaged)
vsw set-link h1-p corrupt=100% seed=6
at h1 ping -q -c 60 -i 0.002 -W 0.5 -s 1000 10.0.0.2 >/dev/null
check "damage is noticed by who receives it" [ "$(damaged)" -gt $((before + 30)) ]
check "and counted" eval 'vsw -j get-link h1-p | jq -e ".links[0].out.corrupted >= 60"'
vsw set-link h1-p corrupt=1% direction=both
check "TCP gets over it, GSO and all" eval 'at h2 iperf3 -s -D -1 -p 5203; wait_for 20 at h1 iperf3 -c 10.0.0.2 -p 5203 -n 3M && { at h2 iperf3 -s -D -1 -p 5204; wait_for 20 at h1 iperf3 -c 10.0.0.2 -p 5204 -R -n 3M; }'
vsw set-link h1-p none

replies() { at h1 ping -q -c 400 -i 0.002 -W 1 10.0.0.2 | sed -nE 's/.* ([0-9]+) received.*/\1/p'; }
check "a loss" vsw set-link h2-p loss=25% seed=3
between "loses that much" 260 340 "$(replies)"
check "and says so" eval 'vsw -j dump-ports br0 h1-p | jq -e ".bridges[0].ports[0].drops[\"link-loss\"] >= 60"'
same "what was set before is gone" '{link-loss="25%", link-seed="3"}' "$(vsw get interface h2-p other_config)"
vsw set-link h2-p duplicate=100%
check "doubles" eval 'at h1 ping -c 3 -i 0.05 10.0.0.2 | grep -q DUP'

stop_switchd
start_switchd
check "a link is as it was after a restart" wait_for 10 eval 'at h1 ping -c 3 -i 0.05 10.0.0.2 | grep -q DUP'
check "it ends" vsw set-link h2-p none
check "with nothing left" eval '[ "$(vsw get interface h2-p other_config)" = "{}" ]; ! at h1 ping -c 3 -i 0.05 10.0.0.2 | grep -q DUP'
between "not even the delay" 0 5 "$(rtt)"

check_fails "a setting that is none" "set-link: 'speed=3' is no setting" vsw set-link h2-p speed=3
check_fails "a value that is none" "link-delay: '20x': expected such as 20ms" vsw set-link h2-p delay=20x
check_fails "a direction that is none" "link-direction: 'up': expected such as in, out or both" vsw set-link h2-p delay=1ms direction=up
check_fails "nothing to overtake" "link-reorder: without link-delay there is nothing to overtake" vsw set-link h2-p reorder=1%
check_fails "get-link of no port" 'no port named nope' vsw get-link nope
check_fails "a loss beyond all" "link-loss: '101%'" vsw set-link h2-p loss=101%
check_fails "a port that is not there" 'nope' vsw set-link nope delay=1ms
vsw add-br br1 -- add-port br0 pa type=patch options:peer=pb -- add-port br1 pb type=patch options:peer=pa
check_fails "a patch port" "a patch port has no link of its own" vsw set-link pa delay=1ms

# ---- the clock of the test decides: ports of the dummy datapath, both ways
vsw add-br br2 -- set bridge br2 datapath_type=dummy -- add-port br2 d1 -- set interface d1 type=dummy -- add-port br2 d2 -- set interface d2 type=dummy
vsw set-link d1 delay=50ms direction=in
vsw set-link d2 delay=30ms
vsw time stop
vsw dummy receive d1 "udp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02" >/dev/null
ways() { vsw -j dump-ports br2 | jq -c '[.bridges[0].ports[] | select(.name == "d1" or .name == "d2") | [.queued, .forwarded, .tx_packets]]'; }
same "a packet on its way in" '[[1,0,0],[0,0,0]]' "$(ways)"
vsw time warp 49
same "for as long as that takes" '[[1,0,0],[0,0,0]]' "$(ways)"
vsw time warp 1
same "and on its way out" '[[0,1,0],[0,0,0]]' "$(ways)"
vsw time warp 29
same "for as long again" '[[0,1,0],[0,0,0]]' "$(ways)"
vsw time warp 1
same "is there" '[[0,1,0],[0,0,1]]' "$(ways)"
finish
