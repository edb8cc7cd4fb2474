#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `vsw events`: what happened, said once, to whoever asks and to whoever follows. `vsw log`: levels at run time.
. "$(dirname "$0")/../lib.sh"

start_switchd
vsw add-br br0
vsw events -f --json >"$T/follow" 2>"$T/follow.err" &
follower=$!
# said KIND PORT TEXT: an event that the follower was told
said() { jq -se --arg k "$1" --arg p "$2" --arg t "$3" 'any(.kind == $k and .port == $p and (.text | test($t)))' "$T/follow"; }

for i in 1 2 3; do mkhost "h$i" "10.0.0.$i/24"; done
vsw add-port br0 h1-p -- add-port br0 h2-p -- add-port br0 h3-p
check "port added" wait_for 5 said port-added h1-p 'port h1-p was added to bridge br0'
ip -n h1 link set eth0 down
check "port lost its link" wait_for 5 said port-down h1-p 'lost its link'
ip -n h1 link set eth0 up
check "port is up again" wait_for 5 said port-up h1-p 'port h1-p is up'
ip link set h1-p down
check "port was set down" wait_for 5 said port-down h1-p 'was set down'
ip link set h1-p up
check "and up" pings h1 10.0.0.2

mac_of() { ip ${2:+-n "$2"} -j link show "$1" | jq -r '.[0].address'; }
# frames SOURCE HOST...: one frame (or $count, one every 20 ms) from each of the hosts in turn, to an address that nobody has
frames()
{
	local source=$1 h
	shift
	for h; do
		at "$h" python3 - "$source" "${count:-1}" <<-'EOP'
			import os, socket, sys, time
			s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
			s.bind(("eth0", 0))
			for i in range(int(sys.argv[2])):
			    time.sleep(0.02 if i else 0)
			    s.send(b"\x02" + os.urandom(5) + bytes.fromhex(sys.argv[1].replace(":", "")) + b"\x88\xb5" + bytes(46))
		EOP
	done
}
# An address moves.
mac=$(mac_of eth0 h1)
frames "$mac" h1 h3
check "address moved" wait_for 5 said mac-moved h3-p "address $mac moved from port h1-p to port h3-p"
# Two hosts of one address, both talking: at some point that is no move any more.
count=100 frames "$mac" h1 &
count=100 frames "$mac" h3
wait $!
check "an address that moves to and fro is a loop" wait_for 5 eval 'vsw events --count=99 | grep -q "moves to and fro between ports"'
# The bridge's own address from outside.
frames "$(mac_of br0)" h2
check "own address comes back" wait_for 5 said loop-suspected h2-p "own address came in on port h2-p"

vsw del-port h3-p
check "port removed" wait_for 5 said port-removed h3-p 'port h3-p was removed'
vsw add-br br1 -- add-port br1 h3-p
vsw del-port h3-p -- add-port br0 h3-p
check "port moved" wait_for 5 said port-added h3-p 'moved to bridge br0'
ip link del h3-p
check "its device is gone" wait_for 5 said port-down h3-p 'device is gone'
ip link add h3-p type veth peer name h3-q
check "and back" wait_for 5 said port-up h3-p 'device is back'
vsw add-port br0 nosuch0 >/dev/null 2>&1
same "what failed did not happen" "" "$(vsw events | grep nosuch0)"

# Asking, not following.
same "--count" 3 "$(vsw events --count 3 | wc -l)"
same "text and JSON agree" "$(vsw events --count=4)" \
	"$(vsw --json events --count=4 | jq -r '.events[] | "\(.time) \(.kind): \(.text)"')"
same "numbers without gaps" true "$(jq -s '[.[].seq] | . == [range(.[0]; .[0] + length)]' "$T/follow")"
check_fails "--count of nothing" 'not a number of events' vsw events --count=0
vsw events -f --count=1 >"$T/one" &
one=$!
wait_for 5 eval 'vsw --json status | jq -e ".clients >= 2"'
ip -n h1 link set eth0 down
check "-f --count=1 ends by itself" wait_for 10 eval "! kill -0 $one"
ip -n h1 link set eth0 up
check "events -f into head ends" timeout 20 bash -c "vsw events -f | head -1"

# A link that flaps is told of a few times, and then its number.
wait_for 15 eval 'vsw --json events --count=1000 | jq -e "[.events[] | select(.port == \"h1-p\")] | length > 0"'
before=$(jq -s length "$T/follow")
for _ in $(seq 40); do ip -n h1 link set eth0 down; ip -n h1 link set eth0 up; done
wait_for 5 said port-up h1-p .
check "a flapping link floods nobody" [ $(($(jq -s length "$T/follow") - before)) -le 30 ]
vsw time stop; vsw time warp 11000
check "how many were held back is told" wait_for 10 eval 'vsw events --count 100 | grep -E "[0-9]+ more port-(up|down) events on port h1-p within 10 s"'

# Levels of log modules.
check "log list" eval 'vsw log list | grep -qw events'
same "log and log list" "$(vsw log)" "$(vsw log list)"
vsw log events:warn fdb:dbg 2>/dev/null
vsw log events:warn
same "level of one module" warn "$(vsw --json log list | jq -r '.modules[] | select(.name == "events").level')"
before=$(grep -c '|events|' "$T/switchd.log")
vsw del-port h2-p
same "a silenced module is silent" "$before" "$(grep -c '|events|' "$T/switchd.log")"
check "but events are told" eval 'vsw events | grep -q "port h2-p was removed"'
vsw log any:info
vsw add-port br0 h2-p
check "and speaks again" [ "$(grep -c '|events|' "$T/switchd.log")" -gt "$before" ]
check_fails "unknown level" 'no log level' vsw log events:loud
check_fails "unknown module" 'no log module' vsw log nosuch:info

# The end of the daemon is the end of the follower.
stop_switchd
check "follower ends with the daemon" wait_for 5 eval "! kill -0 $follower"
wait $follower
same "in order" "0 vsw: the daemon has ended" "$? $(cat "$T/follow.err")"
finish
