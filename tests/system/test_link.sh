#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Link emulation: packets are late, lost, doubled and slow as told, in one direction, and not any more when it ends.
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
check_fails "a loss beyond all" "link-loss: '101%'" vsw set-link h2-p loss=101%
check_fails "a port that is not there" 'nope' vsw set-link nope delay=1ms
vsw add-br br1 -- add-port br0 pa type=patch options:peer=pb -- add-port br1 pb type=patch options:peer=pa
check_fails "a patch port" "a patch port has no link of its own" vsw set-link pa delay=1ms
finish
