#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# LACP with Linux' bonding (802.3ad) at the other end of two links: /proc/net/bonding/bond0 is the judge.
lab_seconds=240
. "$(dirname "$0")/enter.sh"
export VSW_TEST_DATAPATH=${VSW_TEST_DATAPATH:-ebpf}
. "$here/../lib.sh"

start_switchd
mkhost h1 10.0.0.1/24
ip netns add linux
ip -n linux link set lo up
ip -n linux link add bond0 type bond mode 802.3ad lacp_rate fast miimon 50 xmit_hash_policy layer3+4
for i in 1 2; do
	ip link add "v$i" type veth peer name "eth$i" netns linux
	ip link set "v$i" up
	ip -n linux link set "eth$i" master bond0
done
ip -n linux addr add 10.0.0.2/24 dev bond0
ip -n linux link set bond0 up
vsw add-br br0 -- add-port br0 h1-p -- add-bond br0 b0 v1 v2 bond_mode=balance-tcp lacp=active other_config:lacp-time=fast

status() { at linux cat /proc/net/bonding/bond0; }
# aggregates N: its active aggregator has N ports, and the partner is our bridge.
aggregates()
{
	status | sed -n '/^Active Aggregator/,/^$/p' | grep -q "Number of ports: $1" &&
		status | grep -q "Partner Mac Address: $(vsw get interface br0 mac_in_use | tr -d '"')"
}
# State 63: active, short timeout, aggregates, in synchronisation, collects, distributes; for both ends of both links.
settled() { [ "$(status | grep -c 'port state: 63')" = 4 ] && aggregates 2; }
members() { [ "$(vsw -j bond show b0 | jq '[.bonds[0].members[] | select(.enabled)] | length')" = "$1" ]; }

check "bonding has made an aggregate of both links" wait_for 40 settled
check "and so have we" wait_for 10 members 2
check "neither side churns" eval '! status | grep -q "Churn State: churned"'
check "the key that bonding has heard is ours" eval 'status | grep -q "Partner Key: $(vsw -j lacp show b0 | jq .ports[0].members[0].actor.key)"'
check "packets pass" wait_for 20 pings h1 10.0.0.2 3
check "packets pass the other way" pings linux 10.0.0.1 3

ip link set v2 down
check "a link falls: one port is left" wait_for 20 aggregates 1
check "packets pass" wait_for 20 pings h1 10.0.0.2 3
ip link set v2 up
check "it comes back" wait_for 40 settled

vsw set interface v2 other_config:lacp-aggregation-key=99
check "another key: bonding takes the link out" wait_for 40 aggregates 1
check "and so do we" wait_for 10 members 1
vsw remove interface v2 other_config lacp-aggregation-key
check "the right key again" wait_for 40 settled

ip -n linux link set bond0 down
check "bonding goes: nothing is sent" wait_for 20 members 0
ip -n linux link set bond0 up
check "bonding comes back" wait_for 40 settled

stop_switchd KILL
start_switchd
check "our restart" wait_for 40 settled
check "packets pass" wait_for 20 pings h1 10.0.0.2 3

vsw set port b0 lacp=passive
check "a passive end answers" wait_for 40 aggregates 2
vsw set port b0 lacp=off
gone() { status | grep -A5 '^Active Aggregator' | grep -q 'Partner Mac Address: 00:00:00:00:00:00'; }
check "without LACP bonding has no partner" wait_for 40 gone
finish
