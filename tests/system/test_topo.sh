#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `vsw topo`: each topology that ships passes its own test; what is made goes away again, whatever is killed in between.
# All namespaces share one neighbour table, made for 1,024 entries.
TEST_SYSCTLS="net.ipv4.neigh.default.gc_thresh1=8192 net.ipv4.neigh.default.gc_thresh2=16384 net.ipv4.neigh.default.gc_thresh3=32768
	net.ipv6.neigh.default.gc_thresh1=8192 net.ipv6.neigh.default.gc_thresh2=16384 net.ipv6.neigh.default.gc_thresh3=32768"
. "$(dirname "$0")/../lib.sh"

# What there is of namespaces, devices and processes other than this test's own.
left() { ip netns; ip -br link | awk '{print $1}'; ls "$VSW_RUNDIR/topo" 2>/dev/null; pgrep -x vsw-switchd; pgrep -x iperf3; ls /sys/fs/bpf/vsw 2>/dev/null; }
nothing=$(left)
gone() { same "$1" "$nothing" "$(left)"; }

for file in "$TOP"/topologies/*.json; do
	name=$(basename "$file" .json)
	vsw topo test "$file" --datapath "$DATAPATH" >"$T/out" 2>&1
	same "$name" 0 $?
	grep -v '^ok' "$T/out" | sed 's/^/    /'
	gone "$name: nothing is left"
done

# ---- a host with programs; expectations that fail are told and counted
cat >"$T/mixed.json" <<'JSON'
{
	"hosts": {
		"server": { "addresses": ["10.0.0.1/24"], "programs": [["iperf3", "-s"], ["bash", "-c", "trap '' TERM; while :; do read -rt 9 <> <(:); done"]] },
		"client": { "addresses": ["10.0.0.2/24"], "routes": [{ "to": "default", "via": "10.0.0.1" }] },
		"router": { "interfaces": { "left": { "addresses": ["10.0.0.3/24"], "mac": "02:00:00:00:00:03" }, "right": { "addresses": ["10.9.0.1/24"] } },
			"forward": true },
		"behind": { "addresses": ["10.9.0.2/24"], "routes": [{ "to": "10.0.0.0/24", "via": "10.9.0.1" }] }
	},
	"switches": {
		"sw": { "settings": { "other_config:mac-aging-time": 60 }, "ports": { "inner": { "type": "internal" } },
			"flows": [ "priority=0,actions=NORMAL", "priority=9,tcp,tp_dst=23,actions=drop" ] }
	},
	"links": [ ["server", "sw"], ["client", "sw"], ["router:left", "sw:r"], ["router:right", "behind"] ],
	"expect": [
		{ "from": "client", "to": "server", "tcp": 5201 },
		{ "from": "client", "to": "server", "tcp": 23, "reaches": false },
		{ "from": "behind", "to": "router:left" },
		{ "from": "client", "to": "server", "reaches": false },
		{ "from": "client", "to": "10.0.0.77" },
		{ "from": "client", "to": "server", "mbps": 900000, "seconds": 0.2 }
	]
}
JSON
check "up" vsw topo up "$T/mixed.json" --datapath "$DATAPATH"
check_fails "up again" 'mixed is up already' vsw topo up "$T/mixed.json"
check "status" vsw topo status "$T/mixed.json"
vsw topo test "$T/mixed.json" >"$T/out"
same "a failed expectation is exit status 1" 1 $?
same "expectations that hold" "client reaches server 10.0.0.1 tcp/5201 client does not reach server 10.0.0.1 tcp/23 behind reaches router 10.0.0.3" \
	"$(sed -n 's/^ok \(.*[0-9]\)\( (.*)\)\?$/\1/p' "$T/out" | tr '\n' ' ' | sed 's/ $//')"
same "and those that do not, with the reason" \
	"client -> server 10.0.0.1: was reached
client -> the address 10.0.0.77: no answer" "$(sed -n 's/^not ok [^:]*: \(client.*\)/\1/p' "$T/out" | head -2)"
check "too slow is told with the rate" grep -q 'not ok client to server.*900000 Mbit/s or more: .*: [0-9]* Mbit/s' "$T/out"
same "the same in JSON" '{"failed":3,"name":"mixed","passed":3}' "$(vsw -j topo test "$T/mixed.json" | jq -cS '{name,passed,failed}')"
same "exec" "10.0.0.2/24" "$(vsw topo exec "$T/mixed.json" client -- ip -br -4 addr show eth0 | awk '{print $3}')"
vsw topo exec "$T/mixed.json" client bash -c 'exit 7'
same "exec: its exit status" 7 $?
check_fails "exec: no such host" "has no host 'x'" vsw topo exec "$T/mixed.json" x true
same "a MAC address" 02:00:00:00:00:03 "$(vsw topo exec "$T/mixed.json" router cat /proc/self/net/dev_mcast >/dev/null; vsw topo exec "$T/mixed.json" router ip -br link show left | awk '{print $3}')"
rundir=$(vsw -j topo status "$T/mixed.json" | jq -r .rundir)
same "its daemon is an ordinary one" sw "$(vsw --rundir "$rundir" list-br)"
same "a port without a link" inner "$(vsw --rundir "$rundir" list-ports sw | grep inner)"
mv "$T/mixed.json" "$T/gone.json"
check "down needs the name only, and ends programs that do not want to" vsw topo down mixed
gone "nothing is left of it"
check "down again is no error" vsw topo down mixed
mv "$T/gone.json" "$T/mixed.json"
vsw topo status "$T/mixed.json" >/dev/null
same "status of what is not up: 2" 2 $?

# ---- in the daemon of the run folder
start_switchd
vsw add-br mine -- add-port mine keep type=tap
nothing=$(left)
check "up in a daemon that runs" vsw topo up "$TOP/topologies/two-hosts.json"
same "its bridge is there" $'br0\nmine' "$(vsw list-br)"
check "it works there" vsw topo test "$TOP/topologies/two-hosts.json"
check "down" vsw topo down "$TOP/topologies/two-hosts.json"
same "its bridge is gone, others are not" "mine keep" "$(vsw list-br) $(vsw list-ports mine)"
gone "shared: nothing is left"
vsw add-br br0
check_fails "a bridge of that name is somebody else's" 'br0' vsw topo up "$TOP/topologies/two-hosts.json"
same "and stays" $'br0\nmine' "$(vsw list-br)"
check "--private: beside it" vsw topo test --private "$TOP/topologies/two-hosts.json" --datapath "$DATAPATH"
vsw del-br br0
ip link add h1 type veth peer name h1x
check_fails "a device of that name is somebody else's" "h1.*File exists; the name is taken" vsw topo up "$TOP/topologies/two-hosts.json"
check "and stays" ip link show h1
ip link del h1
ip netns add "$(vsw -j topo status "$TOP/topologies/two-hosts.json" | jq -r .hosts.h2.namespace)"
check_fails "a namespace of that name is somebody else's" 'there is a namespace called two-hosts' vsw topo up "$TOP/topologies/two-hosts.json"
ip -all netns delete
gone "nothing is left of what failed"

# ---- killed half-way
python3 - "$T/many.json" <<'PY'
import json, sys
hosts = {f"h{i}": {"addresses": [f"10.0.0.{i}/24"], "programs": [["iperf3", "-s"]]} for i in range(1, 31)}
json.dump({"hosts": hosts, "switches": {"big": {}}, "links": [[h, "big"] for h in hosts]}, open(sys.argv[1], "w"))
PY
prefix=$(vsw -j topo status "$T/many.json" | jq -r .hosts.h1.namespace)
prefix=${prefix%.h1}
# kill_when CONDITION OPTION...: kill -9 `vsw topo up` when the condition first holds, then take down what is there.
kill_when()
{
	local what=$1 pid
	shift
	vsw topo up "$T/many.json" "$@" >/dev/null 2>&1 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null && ! eval "$what"; do :; done
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	check "kill -9 when '${what//$prefix/NAME}' ($*): down" vsw topo down many
	gone "kill -9 when '${what//$prefix/NAME}' ($*): nothing is left"
}
for options in "" "--private --datapath $DATAPATH"; do
	for n in 1 15 30; do
		# shellcheck disable=SC2086
		kill_when "[ -e /run/netns/$prefix.h$n ]" $options
	done
	# shellcheck disable=SC2086
	kill_when "[ -e '$VSW_RUNDIR/topo/many/h3.0.log' ]" $options
done

check "up for the next one" vsw topo up --private "$T/many.json" --datapath "$DATAPATH"
pid=$(vsw -j --rundir "$VSW_RUNDIR/topo/many" service status | jq .pid)
kill -9 "$pid"
check "kill -9 of the private daemon: down" vsw topo down many
gone "kill -9 of the private daemon: nothing is left"

vsw topo up "$T/many.json" >"$T/out" 2>&1 &
pid=$!
while kill -0 "$pid" 2>/dev/null && [ ! -e "/run/netns/$prefix.h5" ]; do :; done
kill -INT "$pid"
wait "$pid"
same "Ctrl-C: fails" 1 $?
gone "Ctrl-C: nothing is left"

# ---- killed at random: `topo up`, `topo test`, a daemon in the middle of either
SEED=${SEED:-$((10#$(date +%N) % 32768))}
RANDOM=$SEED
echo "# SEED=$SEED"
TANGLE=$TOP/topologies/three-switches.json
for round in 1 2 3 4 5 6 7 8; do
	verb=$([ $((round % 2)) = 0 ] && echo test || echo up)
	vsw topo "$verb" "$TANGLE" --private --datapath "$DATAPATH" >/dev/null 2>&1 &
	pid=$!
	python3 -c "import time; time.sleep($RANDOM / 32768 * 0.6)"
	if [ $round -gt 4 ]; then
		# One of its daemons first, then whoever waits for it.
		daemon=$(pgrep -x vsw-switchd | grep -vx "${switchd_pid:-0}" | shuf -n 1 --random-source=<(yes $RANDOM))
		if [ -n "$daemon" ]; then kill -9 "$daemon" 2>/dev/null; fi
	fi
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	check "round $round: kill -9 of topo $verb at random: down" vsw topo down three-switches
	gone "round $round: nothing is left"
done

# ---- 64 hosts in time: up in under 3 seconds
python3 - "$T/sixtyfour.json" <<'PY'
import json, sys
hosts = {f"h{i}": {"addresses": [f"10.0.0.{i}/24"]} for i in range(1, 65)}
json.dump({"hosts": hosts, "switches": {"big": {}}, "links": [[h, "big"] for h in hosts], "expect": [{"from": "all", "to": "all"}]}, open(sys.argv[1], "w"))
PY
start=${EPOCHREALTIME/./}
check "64 hosts: up" vsw topo up "$T/sixtyfour.json"
took=$((${EPOCHREALTIME/./} - start))
check "64 hosts: in under 3 s ($((took / 1000)) ms)" [ $took -lt 3000000 ]
check "64 hosts: all reach all" vsw topo test "$T/sixtyfour.json"
check "64 hosts: down" vsw topo down "$T/sixtyfour.json"

# ---- what is typed wrongly
check_fails "no such verb" "'sideways' is none of up, down, status, test, graph, exec" vsw topo sideways x
check_fails "no file" 'cannot open /nowhere.json: No such file' vsw topo up /nowhere.json
printf '{\n"hosts": {\n"h1": {"adresses": []}}}\n' >"$T/typo.json"
check_fails "unknown key: file, line, what is known" "$T/typo.json:3: hosts.h1.adresses: unknown key; known here: interfaces addresses" vsw topo up "$T/typo.json"
finish
