#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the eBPF datapath leaves in the kernel when its daemon goes: for how long, what becomes of packets meanwhile, and who clears it away.
VSW_TEST_DATAPATH=ebpf
. "$(dirname "$0")/../lib.sh"

pins() { ls /sys/fs/bpf/vsw 2>/dev/null; }
dropped() { vsw -j dump-ports br0 "$1" | jq "[.. | .drops? // empty | .\"$2\" // 0] | add // 0"; }
flags_of() { ip -j link show "$1" | jq -r '.[0].flags | join(" ")'; }
# Whoever starts or purges looks for folders that nobody needs.
sweep() { vsw-switchd --rundir "$T/nowhere" --stop --purge; }

start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
check "ports" vsw add-br br0 -- add-port br0 h1-p -- add-port br0 h2-p
# One megaflow for each destination port.
vsw add-flow br0 "priority=10,udp,tp_dst=0/0x8000,actions=move:NXM_OF_UDP_DST[]->NXM_NX_REG0[0..15],NORMAL"
check "ping" pings h1 10.0.0.2 3
ours=$(pins)

# ---- packets of new flows while nobody runs ----
# send FIRST N: datagrams of so many flows. What arrives is of no interest; what h2 answers is a flow of its own.
send() { at h1 python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range($2): s.sendto(b'x' * 32, ('10.0.0.2', $1 + i))"; }
for how in KILL TERM; do
	before=$(dropped h1-p no-daemon)
	stop_switchd $how
	check "$how: doctor tells of it" eval 'vsw --json doctor | jq -e "any(.findings[]; .what == \"switches without a daemon\" and (.mend | test(\"purge\")))"'
	send 1000 20
	check "$how: packets of known flows pass" pings h1 10.0.0.2 3
	start_switchd
	n=$(($(dropped h1-p no-daemon) - before))
	check "$how: packets of new flows are counted, $n of 20" [ "$n" -ge 20 ]
	check "$how: and have a word for it" eval 'vsw drops h1-p | grep -q "no vsw-switchd ran"'
	check "$how: received is what was forwarded, dropped or waits" eval \
		'vsw -j dp-show | jq -e "[.. | objects | select(.name? == \"h1-p\" and .rx_packets?) | .rx_packets == .forwarded + ([.drops[]?] | add // 0) + (.queued // 0)] | all"'
	check "$how: and no more" eval 'vsw --json doctor | jq -e "all(.findings[]; .what != \"switches without a daemon\")"'
	send 3000 1
	check "$how: new flows work again" wait_for 10 eval 'vsw dump-dp-flows | grep -q "dst=3000"'
done

# ---- a switch whose network namespace is deleted while it is dead ----
ip netns add other
mkdir "$T/other"
other() { vsw --rundir "$T/other" "$@"; }
# `ip netns exec` would hide the BPF file system.
nsenter --net=/run/netns/other vsw-switchd --rundir "$T/other" --db "$T/other/conf.db" --datapath ebpf >>"$T/switchd.log" 2>&1 &
other_pid=$!
wait_for 30 other version
other add-br x0
sweep
same "a daemon that lives keeps its folder" 2 "$(pins | wc -l)"
kill -9 $other_pid
wait $other_pid 2>/dev/null
sweep
same "a dead one's devices keep it" 2 "$(pins | wc -l)"
ip netns del other
swept() { sweep && [ "$(pins)" = "$ours" ]; }
check "without devices it goes, and ours stays" wait_for 20 swept
# One that has no register of devices, but links.
if vsw --json doctor | jq -e 'any(.findings[]; .what == "attaching by tcx links" and .state == "yes")' >/dev/null; then
	ip link add l0 type veth peer name l1
	VSW_EBPF_HOOK=tcx vsw-switchd --rundir "$T/other" --db "$T/old.db" --datapath ebpf >>"$T/switchd.log" 2>&1 &
	other_pid=$!
	wait_for 30 other version
	other add-br x0 -- add-port x0 l0
	kill -9 $other_pid
	wait $other_pid 2>/dev/null
	find /sys/fs/bpf/vsw -name devices -path "*other*" -delete
	sweep
	same "a link to a device keeps it" 2 "$(pins | wc -l)"
	ip link del l0
	ip link del x0
	check "a link to none does not" wait_for 20 swept
fi
check "ping" pings h1 10.0.0.2 3

# ---- a device with an address filter stays promiscuous for as long as the kernel forwards ----
if ip link add card type ifb 2>/dev/null || ip link add card type dummy 2>/dev/null; then
	ip link set card up
	vsw add-port br0 card
	check "a card is made promiscuous" eval '[[ $(flags_of card) == *PROMISC* ]]'
	stop_switchd KILL
	check "and stays it without a daemon" eval '[[ $(flags_of card) == *PROMISC* ]]'
	start_switchd
	check "and after a restart" eval '[[ $(flags_of card) == *PROMISC* ]]'
	vsw del-port card
	check "a port no more, it is not" eval '[[ $(flags_of card) != *PROMISC* ]]'
	ip link set card promisc on
	vsw add-port br0 card
	vsw del-port card
	check "what somebody else has set stays" eval '[[ $(flags_of card) == *PROMISC* ]]'
	ip link set card promisc off
	vsw add-port br0 card
	stop_switchd KILL
	rm -r "$VSW_RUNDIR"
	check "purged, also when the run folder is gone" vsw-switchd --rundir "$VSW_RUNDIR" --stop --purge
	check "purged, it is not" eval '[[ $(flags_of card) != *PROMISC* ]]'
else
	skip "promiscuous" "no device to try it on"
	stop_switchd KILL
	rm -r "$VSW_RUNDIR"
	check "purged, also when the run folder is gone" vsw-switchd --rundir "$VSW_RUNDIR" --stop --purge
fi
same "nothing is pinned" "" "$(pins)"
finish
