#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 10,000 random frames under random VLANs and rules: what `trace` says of each is what becomes of it, copies, bytes and reasons of drops.
# SEED says which.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1 # nobody else speaks
start_switchd
for i in 1 2 3 4 5 6 7; do
	ip link add x$i type veth peer name y$i
	ip link set x$i up
	ip link set y$i up
done
vsw add-br br0 -- add-br br1
ip link set br0 up arp off
ip link set br1 up arp off
python3 "$TESTS/tools/fate.py" "$VSW_RUNDIR/vsw.sock" "${SEED:-4711}" "${FRAMES:-10000}" >"$T/fate.out" 2>&1
grep -v '^ok' "$T/fate.out"
check "trace and fate" grep -qc '^ok every frame' "$T/fate.out"
check "reasons" grep -qc '^ok every drop' "$T/fate.out"
check "enough of both" grep -qc '^ok both' "$T/fate.out"
finish
