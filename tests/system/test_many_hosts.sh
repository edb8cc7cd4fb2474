#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 64 hosts on one bridge, each pings each.
# All namespaces share one neighbour table, made for 1,024 entries.
TEST_SYSCTLS="net.ipv4.neigh.default.gc_thresh1=8192 net.ipv4.neigh.default.gc_thresh2=16384 net.ipv4.neigh.default.gc_thresh3=32768
	net.ipv6.neigh.default.gc_thresh1=8192 net.ipv6.neigh.default.gc_thresh2=16384 net.ipv6.neigh.default.gc_thresh3=32768"
. "$(dirname "$0")/../lib.sh"

N=64
start_switchd
vsw add-br br0
args=()
for i in $(seq $N); do
	mkhost "h$i" "10.0.0.$i/24"
	args+=(-- add-port br0 "h$i-p")
done
check "64 ports in one transaction" vsw "${args[@]:1}"
same "ports are numbered in the order of the command line" "$(seq -s " " $N)" "$(for i in $(seq $N); do vsw get interface "h$i-p" ofport; done | tr "\n" " " | sed "s/ $//")"
bad=0
for i in $(seq $N); do
	if ! at "h$i" fping -q -r 2 -t 2000 -i 1 -g 10.0.0.1 10.0.0.$N >"$T/fping.$i" 2>&1; then
		bad=$((bad + 1))
		grep -v '%loss = .*/0%' "$T/fping.$i" | sed "s/^/    h$i: /" | head -3
	fi
done
same "hosts that could not ping all others" 0 $bad
learnt=$(vsw fdb show br0 | grep -ciE '([0-9a-f]{2}:){5}')
if [ "$learnt" -ge $N ]; then ok "every MAC learnt"; else not_ok "every MAC learnt" "$learnt of $N"; fi
finish
