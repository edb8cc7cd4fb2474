#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Meters, policing and queues on Debian 12's kernel (6.1): the program with its meters passes that verifier, HTB is a module there. What an
# emulated machine can do in a second says nothing about rates: counted is who got what, and why not (rates: tests/system/test_qos.sh).
lab_seconds=240
. "$(dirname "$0")/enter.sh"
export VSW_TEST_DATAPATH=${VSW_TEST_DATAPATH:-ebpf}
. "$here/../lib.sh"

start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
vsw add-br br0 -- add-port br0 h1-p ofport_request=1 -- add-port br0 h2-p ofport_request=2
check "hosts reach each other" pings h1 10.0.0.2 3
send() { at h1 blast eth0 20 --size 1000 --count 300 >/dev/null; }
drops() { vsw -j dump-ports br0 h1-p | jq ".bridges[0].ports[0].drops[\"$1\"] // 0"; }

vsw add-meter br0 'meter=1,pktps,burst,bands=type=drop,rate=1,burst_size=10'
vsw add-flow br0 'priority=9,in_port=1,udp,actions=meter:1,2'
send
counted() { [ "$(vsw -j meter-stats br0 | jq '.bridges[0].meters[0].n_packets')" = 300 ]; }
check "the meter has seen every packet" wait_for 20 counted
check "and let few pass" test "$(vsw -j meter-stats br0 | jq '.bridges[0].meters[0].bands[0].n_packets')" -gt 200
same "the port counts the same drops" "$(vsw -j meter-stats br0 | jq '.bridges[0].meters[0].bands[0].n_packets')" "$(drops meter)"
check "ping lives beside it" pings h1 10.0.0.2 3
vsw del-meters

vsw add-flow br0 'priority=9,in_port=1,udp,actions=2'
vsw set interface h1-p ingress_policing_kpkts_rate=1 ingress_policing_kpkts_burst=1
at h1 blast eth0 20 --size 1000 --count 20000 >/dev/null
policed() { [ "$(drops policer)" -gt 0 ]; }
check "policing drops" wait_for 20 policed
vsw set interface h1-p ingress_policing_kpkts_rate=0

for type in linux-htb vsw-shaper; do
	vsw set port h2-p qos=@q -- --id=@q create qos type=$type other-config:max-rate=100000000 queues:1=@q1 -- \
		--id=@q1 create queue other-config:max-rate=50000000 >/dev/null
	vsw add-flow br0 'priority=9,in_port=1,udp,actions=set_queue:1,output:2'
	before=$(at h2 cat /sys/class/net/eth0/statistics/rx_packets)
	send
	in_queue() { [ "$(vsw -j queue-stats br0 h2-p 1 | jq '.bridges[0].queues[0].tx_packets')" = 300 ]; }
	check "$type: the queue has sent every packet" wait_for 20 in_queue
	arrived() { [ "$(at h2 cat /sys/class/net/eth0/statistics/rx_packets)" -ge $((before + 300)) ]; }
	check "$type: and they have arrived" wait_for 20 arrived
	check "$type: ping lives in another one" pings h1 10.0.0.2 3
	[ $type = vsw-shaper ] || same "$type: classes" "class htb 1:1 parent 1:fffe prio 0 rate 12Kbit ceil 100Mbit
class htb 1:2 parent 1:fffe prio 0 rate 12Kbit ceil 50Mbit
class htb 1:fffe root rate 100Mbit ceil 100Mbit" "$(tc class show dev h2-p | sed 's/ burst.*//' | sort)"
	vsw clear port h2-p qos -- --all destroy QoS -- --all destroy Queue
	same "$type: and nothing stays behind" "0" "$(tc qdisc show dev h2-p root | grep -c htb)"
done
finish
