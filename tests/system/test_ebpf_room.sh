#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Flows that come while the kernel's table is full of what has just gone: the daemon runs them, and gives them to the kernel once there is room.
VSW_TEST_DATAPATH=ebpf
. "$(dirname "$0")/../lib.sh"

n=1000
start_switchd
vsw set Open_vSwitch . other_config:max-idle=100000000 other_config:flow-limit=$n # the kernel's table is made for these, and few more
stop_switchd
start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
vsw add-br br0 -- add-port br0 h1-p ofport_request=1 -- add-port br0 h2-p ofport_request=2
vsw del-flows br0
vsw add-flow br0 'priority=10,udp,in_port=1,actions=move:NXM_OF_IP_SRC[]->NXM_NX_REG0[],move:NXM_OF_UDP_SRC[]->NXM_NX_REG1[0..15],output:2'
shown() { vsw -j dp-show | jq ".datapaths[0].$1"; }
without_room() { vsw -j dp-show | jq '[.datapaths[0].daemon[] | select(.reason == "no-flow-slot") | .flows] | add // 0'; }
sent=0
send() { sent=$((sent + $1)); at h1 blast eth0 20 --flows "$1" --count "$1" --rate 10000 >/dev/null; }
# Until so many flows are there that the slots of those before, which rest, are missed.
crowd()
{
	vsw set Open_vSwitch . other_config:max-idle=500
	wait_for 20 eval '[ "$(shown flows)" = 0 ]' || return 1
	send 900
	vsw set Open_vSwitch . other_config:max-idle=100000000
	[ "$(without_room)" -gt 0 ]
}
check "flows" eval 'send 900; wait_for 10 eval "[ \$(shown flows) -ge 900 ]"'
# The second that slots rest is over before, where all is slow.
if ! crowd && ! crowd && ! crowd && ! crowd; then
	skip "flows without room" "this machine is too slow to make some"
	finish
fi
ok "some find no slot"
echo "    $(without_room) of $(shown flows)"
check "they move into the kernel when there is room" wait_for 20 eval '[ "$(without_room)" = 0 ] && [ "$(shown flows)" -ge 900 ]'
same "and none stays behind" 0 "$(shown daemon_flows)"
kill -STOP "$switchd_pid"
rx() { ip -n h2 -j -s link show eth0 | jq '.[0].stats64.rx.packets'; }
before=$(rx)
send 900
check "the kernel forwards them by itself" [ $(($(rx) - before)) -ge 900 ]
kill -CONT "$switchd_pid"
# Where the machine is very busy, too many wait for translation.
lost=$(vsw drops | sed -n 's/^ *\([0-9]*\) upcall-.*/\1/p' | awk '{ n += $1 } END { print n + 0 }')
same "every packet is counted, $lost of them as lost" "$sent" "$(($(vsw -j dump-flows br0 udp,in_port=1 | jq '[.. | .n_packets? // empty] | add') + lost))"
finish
