#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The eBPF datapath when things go wrong: devices and namespaces that vanish under load, ports that come and go thousands of times, a
# full flow table, somebody else's programs, packets that are too long.
VSW_TEST_DATAPATH=ebpf
. "$(dirname "$0")/../lib.sh"

n_rounds=${N_ROUNDS:-300} # N_ROUNDS=10000 looks at memory, too
start_switchd
vsw set Open_vSwitch . other_config:flow-limit=500
stop_switchd
start_switchd
vsw add-br br0
for i in 1 2 3 4; do mkhost "h$i" "10.0.0.$i/24"; done
vsw add-port br0 h1-p ofport_request=1 -- add-port br0 h2-p ofport_request=2 -- add-port br0 h3-p ofport_request=3 \
	-- add-port br0 h4-p ofport_request=4
mac2=$(at h2 cat /sys/class/net/eth0/address)
check "ping" pings h1 10.0.0.2 5

# A device, and a whole namespace with its device, vanish while packets go both ways through them.
ip netns exec h1 blast eth0 30 --flows 1000 --rate 20000 --dst-mac "$(at h3 cat /sys/class/net/eth0/address)" >/dev/null &
load1=$!
ip netns exec h3 blast eth0 30 --flows 1000 --rate 20000 --dst-mac "$mac2" >/dev/null 2>&1 &
load3=$!
wait_for 5 eval '[ "$(ip -n h2 -j -s link show eth0 | jq ".[0].stats64.rx.packets")" -gt 1000 ]'
check "a device is removed under load" ip link del h3-p
check "the others go on" pings h1 10.0.0.2 5
kill $load3 2>/dev/null
ip netns exec h4 blast eth0 30 --flows 1000 --rate 20000 --dst-mac "$mac2" >/dev/null 2>&1 &
load4=$!
wait_for 2 false
kill $load4
wait $load4 2>/dev/null
check "a namespace is deleted under load" ip netns del h4
check "its device is gone" wait_for 10 eval '! ip link show h4-p'
check "the others go on" pings h1 10.0.0.2 5
kill $load1
wait 2>/dev/null $load1
check "the daemon has noticed" wait_for 5 eval 'grep -q "port h3-p: its network device is gone" "$T/switchd.log" && grep -q "port h4-p: its network device is gone" "$T/switchd.log"'
check "their ports can be deleted" vsw del-port br0 h3-p -- del-port br0 h4-p

# More flows than there is room for: everything passes, the rest through the daemon.
vsw add-flow br0 'priority=40000,udp,in_port=1,actions=move:NXM_OF_IP_SRC[]->NXM_NX_REG0[],move:NXM_OF_UDP_SRC[]->NXM_NX_REG1[0..15],output:2'
rx() { ip -n h2 -j -s link show eth0 | jq '.[0].stats64.rx.packets'; }
before=$(rx)
ip netns exec h1 blast eth0 60 --flows 2000 --count 4000 --rate 2000 >/dev/null
arrived() { [ $(($(rx) - before)) -ge 4000 ]; }
check "the flow table is full: all packets arrive" wait_for 10 arrived
check "flows were refused, and it is said" eval 'vsw dp-show | grep -q "flows refused for the limit"'
check "ping" pings h1 10.0.0.2 5
vsw del-flows br0 udp,in_port=1

# A packet larger than the MTU of where it goes.
ip -n h2 link set eth0 mtu 1000
ip link set h2-p mtu 1000
big() { at h1 ping -q -c 3 -i 0.05 -W 1 -s 1300 -M "do" 10.0.0.2; }
check "an MTU that shrank: small packets pass" pings h1 10.0.0.2 5
big >/dev/null && not_ok "larger ones do not" "they do"
check "they are counted as too big" wait_for 5 eval 'vsw -j get Interface h1-p statistics | grep -q "drop_too-big\|too-big" || vsw drops | grep -q too-big'
ip link set h2-p mtu 1500
ip -n h2 link set eth0 mtu 1500
check "and pass when it has grown" wait_for 10 big

# Ports that come and go: nothing stays behind.
ip link add churn0 type veth peer name churn1
ip link set churn1 up
cat >"$T/churn.py" <<'EOF'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rb")
for i in range(int(sys.argv[2])):
    for command in (["add-port", "br0", "churn0"], ["del-port", "br0", "churn0"]):
        s.sendall(json.dumps({"method": "db/run", "params": {"commands": [command]}, "id": i}).encode() + b"\n")
        answer = json.loads(f.readline())
        if answer["error"]:
            sys.exit(str(answer))
EOF
churn() { python3 "$T/churn.py" "$VSW_RUNDIR/vsw.sock" "$1"; }
fds() { find "/proc/$switchd_pid/fd" -mindepth 1 2>/dev/null | wc -l; }
objects() { bpftool -j "$1" show | jq length; }
rss_kb() { awk '/^RssAnon/ {print $2}' "/proc/$switchd_pid/status"; }
check "a port comes and goes 50 times" churn 50
# What is freed after a grace period piles up to some 20 MB first, and then no more.
[ "$n_rounds" -lt 10000 ] || check "and 2000 times" churn 2000
fds=$(fds) rss=$(rss_kb)
programs=$(objects prog) maps=$(objects map)
began=${EPOCHREALTIME/./}
check "and $n_rounds times more" churn "$n_rounds"
echo "    $(((${EPOCHREALTIME/./} - began) / n_rounds)) us each; $fds descriptors, $rss KB before, $(rss_kb) KB after"
# They are closed after a grace period, too.
check "no descriptor is left" wait_for 20 eval '[ "$(fds)" -le '"$((fds + 4))"' ]'
# Others use this kernel, too: their programs come and go.
check "nor programs" wait_for 10 eval '[ "$(objects prog)" -lt $((programs + n_rounds / 2)) ]'
check "nor maps" wait_for 10 eval '[ "$(objects map)" -lt $((maps + n_rounds / 2)) ]'
[ "$n_rounds" -lt 10000 ] || check "nor memory" [ "$(rss_kb)" -lt $((rss + 8192)) ]
check "ping" pings h1 10.0.0.2 5
finish
