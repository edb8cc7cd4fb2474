#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the daemon leaves behind, and what its successor makes of it: after a stop, after kill -9, without a run folder, with a damaged database.
. "$(dirname "$0")/../lib.sh"

state() { vsw --no-stats dump-flows br0; vsw list-br; vsw list-ports br0; vsw --columns=name,ofport,type list Interface | grep -v '^$' | sort; }
addresses() { ip -br addr show br0; ip -br addr show in0; }

start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
check "bridge, ports of each kind, flows" vsw add-br br0 -- add-port br0 h1-p -- add-port br0 h2-p tag=0 ofport_request=9 -- add-port br0 t0 type=tap \
	-- add-port br0 in0 type=internal -- add-port br0 pa type=patch options:peer=pb -- add-br br1 -- add-port br1 pb type=patch options:peer=pa
vsw add-flow br0 'table=3,priority=7,idle_timeout=600,ip,nw_dst=10.1.0.0/16 actions=output:9'
vsw add-flow br0 'cookie=0x5,arp actions=NORMAL'
ip addr add 10.0.0.50/24 dev br0
ip link set br0 up
ip addr add 10.0.0.51/24 dev in0
ip link set in0 up
check "host through br0" pings h1 10.0.0.50
check "host through an internal port" pings h1 10.0.0.51
before=$(state)
addresses_before=$(addresses)
ifindex_before=$(ip -o link show br0 | cut -d: -f1)

stop_switchd
check "devices stay" ip link show br0
start_switchd
same "state after a stop" "$before" "$(state)"
same "addresses after a stop" "$addresses_before" "$(addresses)"
check "traffic after a stop" pings h1 10.0.0.2
check "host after a stop" pings h1 10.0.0.50

stop_switchd KILL
start_switchd
same "state after kill -9" "$before" "$(state)"
same "addresses after kill -9" "$addresses_before" "$(addresses)"
same "br0 is the same device" "$ifindex_before" "$(ip -o link show br0 | cut -d: -f1)"
check "traffic after kill -9" pings h1 10.0.0.2
check "host after kill -9" pings h1 10.0.0.51

# Five times in a row, in the middle of whatever it does.
for _ in 1 2 3 4 5; do
	vsw add-port br0 x type=tap 2>/dev/null & vsw set Port h1-p tag=3 2>/dev/null &
	stop_switchd KILL
	wait %1 %2 2>/dev/null
	start_switchd
	vsw --if-exists del-port x -- clear Port h1-p tag
done
same "state after five more" "$before" "$(state)"
check "no device is left over" bash -c '! ip link show x'

# The MAC table comes along with an orderly stop.
pings h1 10.0.0.2 >/dev/null
vsw fdb add br0 t0 0 02:00:00:00:00:99
learnt=$(vsw fdb show br0 | awk 'NR > 1 { print $1, $2, $3 }' | sort)
stop_switchd
start_switchd
same "MAC table after a stop" "$learnt" "$(vsw fdb show br0 | awk 'NR > 1 { print $1, $2, $3 }' | sort)"
stop_switchd KILL
start_switchd
check "static entries after kill -9" bash -c 'vsw fdb show br0 | grep -q "02:00:00:00:00:99 *static"'

# del-br ends what it made, and nothing else.
check "del-br" vsw del-br br0 -- del-br br1
for dev in br0 vsw-br0 in0 vsw-in0 t0 br1; do check "$dev is gone" bash -c "! ip link show $dev"; done
check "the host's device is not" ip link show h1-p
check "its files are gone" bash -c "! ls $VSW_RUNDIR/br0.*"

# A host that was booted: database there, run folder and devices not.
vsw add-br br2 -- add-port br2 h1-p
vsw add-flow br2 'priority=3 actions=drop'
stop_switchd
rm -r "$VSW_RUNDIR"/br2.*
ip link del br2
start_switchd
check "bridge after a reboot" ip link show br2
same "flows do not outlive the host" " priority=0 actions=NORMAL" "$(vsw --no-stats dump-flows br2)"

finish
