#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# LACP (fast) under the highest rate of new flows that the machine can offer, with 100,000 rules committed again and again: no session expires.
# BONDS_LOAD_SECONDS: for so long (10).
. "$(dirname "$0")/../lib.sh"

seconds=${BONDS_LOAD_SECONDS:-10}
start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
mkcable l1 r1
mkcable l2 r2
lacp="bond_mode=balance-tcp lacp=active other_config:lacp-time=fast"
# shellcheck disable=SC2086
check "a bond with LACP" vsw add-br left -- add-br right -- add-port left h1-p -- add-port right h2-p -- \
	add-bond left b0 l1 l2 $lacp -- add-bond right b1 r1 r2 $lacp
all_up() { [ "$(vsw -j bond show | jq '[.bonds[].members[] | select(.enabled)] | length')" = 4 ]; }
check "negotiated" wait_for 20 all_up

# Rules on addresses and ports, so that each connection is a flow; few may stay, so that all of them are always new.
vsw set Open_vSwitch . other_config:flow-limit=2000
seq 100000 | awk '{ printf "priority=%d,udp,nw_src=10.%d.%d.%d,tp_src=%d,actions=drop\n", 10 + $1 % 5, 100 + int($1 / 65536), $1 / 256 % 256, $1 % 256, $1 % 60000 }' >"$T/rules"
sessions() { vsw lacp show-stats | grep -E '^member|Expired|Defaulted|Carrier'; }
before=$(sessions)
at h1 blast eth0 "$seconds" --flows 65536 --dst-mac "$(at h2 cat /sys/class/net/eth0/address)" >/dev/null &
sender=$!
commits=0
while kill -0 $sender 2>/dev/null; do
	vsw -t 60 add-flows left "$T/rules" >/dev/null && commits=$((commits + 1))
	vsw -t 60 del-flows left udp >/dev/null
done
wait $sender
check "rules were committed meanwhile" test "$commits" -ge 1
same "no session expired" "$before" "$(sessions)"
check "every member carries" all_up
finish
