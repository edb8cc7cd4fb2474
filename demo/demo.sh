#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A switch at work, in half a minute: `sudo make demo`.
#
# Everything happens in a network namespace and a folder of its own, and is gone when this ends, however it ends.
set -u
TOP=$(cd "$(dirname "$0")/.." && pwd)

if [ -z "${VSW_DEMO:-}" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "demo: it makes network namespaces: run it as root (sudo make demo)" >&2
		exit 1
	fi
	if [ ! -x "$TOP/build/bin/vsw" ] || [ ! -x "$TOP/build/bin/vsw-switchd" ]; then
		make -C "$TOP" -s -j2 all || exit 1
	fi
	folder=$(mktemp -d /tmp/vsw-demo.XXXXXX) || exit 1
	trap 'rm -rf "$folder"' EXIT
	# Namespaces of the network, of mounts and of processes: the kernel takes all of it away with the last process.
	VSW_DEMO=$folder unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
	exit $?
fi

mount --make-rprivate / && mount -t tmpfs tmpfs /run && { mount -t bpf bpf /sys/fs/bpf 2>/dev/null || :; } && mkdir -p /run/netns
ip link set lo up
export PATH=$TOP/build/bin:$PATH VSW_RUNDIR=$VSW_DEMO/run

if [ -t 1 ]; then
	bold=$'\e[1m' blue=$'\e[34m' red=$'\e[31m' plain=$'\e[0m'
else
	bold='' blue='' red='' plain=''
fi

title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }

# run COMMAND...: show it, run it, end here if it fails.
run()
{
	printf '%s$ %s%s\n' "$blue" "$(quoted "$@")" "$plain"
	"$@" || {
		printf '%sdemo: this failed (status %d)%s\n' "$red" $? "$plain"
		tail -5 "$VSW_DEMO/switchd.log" 2>/dev/null
		exit 1
	}
}

# The command as one would type it.
quoted()
{
	local word line=
	for word; do
		[[ $word == *[[:space:]\;\(\)\<\>\*]* ]] && word="'$word'"
		line+=" $word"
	done
	echo "${line# }"
}

# megabits HOST OPTIONS...: one iperf3 stream, for two seconds.
megabits()
{
	ip netns exec "$1" iperf3 --json --time 2 --client "${@:2}" | python3 -c '
import json, sys
end = json.load(sys.stdin)["end"]
print("%.0f Mbit/s, %d retransmissions" % (end["sum_received"]["bits_per_second"] / 1e6, end["sum_sent"].get("retransmits", 0)))'
}

title "A daemon, with a run folder and a database of its own"
run vsw service start --db "$VSW_DEMO/conf.db"
run vsw version

title "Two hosts: namespaces with an interface each, whose other end stays here"
for i in 1 2; do
	run ip netns add "h$i"
	run ip link add "port$i" type veth peer name eth0 netns "h$i"
	run ip -n "h$i" addr add "10.0.0.$i/24" dev eth0
	run ip -n "h$i" link set eth0 up
	run ip link set "port$i" up
done

title "A switch, in one transaction"
run vsw add-br br0 -- add-port br0 port1 -- add-port br0 port2
run vsw show

title "They reach each other"
run ip netns exec h1 ping -c 3 -i 0.2 10.0.0.2

title "TCP, with the offloads that interfaces have by default"
ip netns exec h2 iperf3 --server --daemon --logfile /dev/null
until ip netns exec h2 ss -Htln sport = 5201 | grep -q .; do :; done
printf 'h1 to h2: %s\n' "$(megabits h1 10.0.0.2)"
printf 'h2 to h1: %s\n' "$(megabits h1 10.0.0.2 --reverse)"

title "The rule that did it, and the MAC addresses that it learnt"
run vsw dump-flows br0
run vsw fdb br0

title "What the datapath made of it: a handful of cached flows for all of these packets"
printf '%s$ vsw dump-dp-flows --names | grep -v ipv6%s\n' "$blue" "$plain"
vsw dump-dp-flows --names | grep -v ipv6

title "An access list: no web on h2"
run vsw add-flow br0 'priority=100,tcp,nw_dst=10.0.0.2,tp_dst=80,actions=drop'
ip netns exec h2 python3 -m http.server 80 >/dev/null 2>&1 &
ip netns exec h2 python3 -m http.server 8080 >/dev/null 2>&1 &
until [ "$(ip netns exec h2 ss -Htln '( sport = 80 or sport = 8080 )' | wc -l)" = 2 ]; do :; done
for port in 8080 80; do
	if ip netns exec h1 timeout 1 bash -c "exec 3<>/dev/tcp/10.0.0.2/$port" 2>/dev/null; then
		echo "h1 -> 10.0.0.2:$port  connected"
	else
		echo "h1 -> 10.0.0.2:$port  ${red}no answer${plain}"
	fi
done

title "Why? The trace goes through the live tables, and changes nothing"
run vsw trace br0 "in_port=port1,tcp,dl_src=$(ip -n h1 -br link show eth0 | awk '{print $3}'),dl_dst=$(ip -n h2 -br link show eth0 | awk '{print $3}'),nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_dst=80"
run vsw dump-flows br0 tcp

title "A network from a file, with what is expected of it, and with a private daemon"
run vsw topo test --private "$TOP/topologies/two-hosts.json"

title "The end: the daemon stops, and everything made here goes"
run vsw service stop
