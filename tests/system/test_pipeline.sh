#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The pipeline as its user sees it, on the dummy datapath with a clock that the test moves: timeouts to the millisecond, limits
# of tables, ageing and room of the MAC table, what becomes of packets that go nowhere.
. "$(dirname "$0")/../lib.sh"
DATAPATH=dummy
start_switchd
vsw time stop
vsw add-br br0 -- set bridge br0 datapath_type=dummy
for n in 1 2 3 4; do
	vsw add-port br0 p$n -- set Interface p$n type=dummy ofport_request=$n
done

flow() { printf 'dl_src=02:00:00:00:00:%02x,dl_dst=02:00:00:00:00:%02x,%s' "$1" "$2" "${3:-ip}"; }
# from_port PORT FLOW [TIMES]
from_port()
{
	local n=${3:-1}
	while [ $((n--)) -gt 0 ]; do
		vsw dummy receive "p$1" "$2"
	done
}
flows() { vsw --no-stats dump-flows br0 "$@" | sed 's/^ *//'; }
macs() { vsw fdb show br0 | tail -n +2 | awk '{print $1, $3}' | xargs; }
drops() { vsw --json dump-ports br0 "p$1" | python3 -c 'import json,sys; print(*("%s=%d" % d for d in json.load(sys.stdin)["bridges"][0]["ports"][0]["drops"].items()))'; }

# Timeouts, with the last packet in a cached flow.
vsw add-flow br0 'priority=9,ip,idle_timeout=5,actions=output:2'
vsw add-flow br0 'priority=9,arp,hard_timeout=7,actions=output:2'
from_port 1 "$(flow 1 2)"
vsw time warp 4000
from_port 1 "$(flow 1 2)"
vsw time warp 2999
same "nothing ends early" 2 "$(flows | grep -c timeout)"
vsw time warp 1
same "a hard timeout ends on time" 'idle_timeout=5, priority=9,ip actions=output:2' "$(flows | grep timeout)"
vsw time warp 1999
same "an idle timeout counts from the last packet" 1 "$(flows | grep -c idle_timeout)"
vsw time warp 1
same "an idle timeout ends on time" 0 "$(flows | grep -c idle_timeout)"

# A packet whose TTL ends is dropped with that reason, once.
vsw add-flow br0 'priority=9,ip,actions=dec_ttl,output:2'
from_port 1 "$(flow 1 2 ip,nw_ttl=1)" 3
same "TTL exceeded is counted" "ttl-exceeded=3" "$(drops 1)"
# A loop ends, and says so.
vsw add-flow br0 'priority=10,ip,actions=resubmit(,0)'
from_port 3 "$(flow 1 2)" 2
same "a loop is counted" "loop-limit=2" "$(drops 3)"
check "a loop is in the log" grep -q "bridge br0: Recursion too deep, packets are dropped; .vsw trace br0 'ip,in_port=3" "$T/switchd.log"
same "and among the statistics" 2 "$(vsw get Interface p3 statistics:drop_loop_limit)"
same "and a trace says so" "Translation failed (Recursion too deep), packet is dropped." \
	"$(vsw trace br0 "in_port=1,$(flow 1 2)" | tail -1)"
vsw del-flows br0
vsw add-flow br0 actions=NORMAL

# The MAC table.
vsw fdb flush br0
from_port 1 "$(flow 1 9)" 3
vsw fdb flush br0
same "a flush is not undone by late counters" "" "$(macs)"
from_port 1 "$(flow 1 9)" 2
from_port 2 "$(flow 1 9)"
same "a host that moved is where it was heard last" "2 02:00:00:00:00:01" "$(macs)"
vsw set bridge br0 other_config:mac-aging-time=20
vsw time warp 19999
same "addresses live for mac-aging-time" "2 02:00:00:00:00:01" "$(macs)"
vsw time warp 1001
same "and no longer" "" "$(macs)"
vsw set bridge br0 other_config:mac-table-size=10
for n in $(seq 1 20); do
	from_port 1 "$(flow "$n" 99)"
done
from_port 2 "$(flow 50 99)"
same "mac-table-size holds, and who has most gives" "9 1" \
	"$(vsw fdb show br0 | tail -n +2 | awk '{n[$1]++} END {print n[1], n[2]}')"
vsw fdb flush br0
vsw fdb add br0 p3 0 02:00:00:00:00:07
from_port 4 "$(flow 7 8)"
vsw fdb flush br0
same "static entries neither move nor go" "3 02:00:00:00:00:07" "$(macs)"

check_fails "unknown priority-tags" "other_config:priority-tags: 'sometimes' is unknown" \
	vsw set port p1 other_config:priority-tags=sometimes
check_fails "unknown qinq-ethtype" "other_config:qinq-ethtype: '0x9100' is unknown" \
	vsw set port p1 other_config:qinq-ethtype=0x9100

# Tables with limits.
vsw del-flows br0
vsw -- --id=@t create Flow_Table name=small flow_limit=2 overflow_policy=evict -- set bridge br0 flow_tables:0=@t >/dev/null
for n in 1 2 3; do
	vsw add-flow br0 "priority=$n,idle_timeout=$((100 - n)),importance=$((10 - n)),actions=output:2"
done
same "the least important flow makes room" "$(printf '%s\n' \
	'idle_timeout=97, importance=7, priority=3 actions=output:2' \
	'idle_timeout=99, importance=9, priority=1 actions=output:2')" "$(flows)"
vsw set Flow_Table small overflow_policy=refuse
check_fails "a full table refuses" 'table 0 is full \(flow_limit 2\)' vsw add-flow br0 priority=5,actions=output:1
vsw set Flow_Table small flow_limit=3
check "until it is larger" vsw add-flow br0 priority=5,actions=output:1
stop_switchd
start_switchd
check_fails "also after a restart" 'table 0 is full \(flow_limit 3\)' vsw add-flow br0 priority=6,actions=output:1
vsw clear bridge br0 flow_tables
check "or has no limit" vsw add-flow br0 priority=6,actions=output:1

finish
