#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Meters, ingress policing and egress queues: what gets through is what was asked for; what is wrong is refused; nothing stays behind.
. "$(dirname "$0")/../lib.sh"

start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
vsw add-br br0 -- add-port br0 h1-p ofport_request=1 -- add-port br0 h2-p ofport_request=2
at h2 iperf3 -s -D -p 5201
at h2 iperf3 -s -D -p 5202
check "hosts reach each other" pings h1 10.0.0.2

# measure SECONDS: Mbit/s that come to h2 meanwhile.
measure()
{
	# shellcheck disable=SC2016
	at h2 bash -c 'f=/sys/class/net/eth0/statistics/rx_bytes
		b0=$(<$f) t0=${EPOCHREALTIME/./}
		read -rt "$1" <> <(:)
		b1=$(<$f) t1=${EPOCHREALTIME/./}
		awk "BEGIN { printf \"%.2f\", ($b1 - $b0) * 8 / ($t1 - $t0) }"' measure "$1"
}

# With more than four busy processes a CPU, what is measured is the others.
miss()
{
	local load
	load=$(cut -d. -f1 /proc/loadavg)
	if [ "$load" -gt $((4 * $(nproc))) ]; then
		skip "$1" "the machine is overloaded ($load on $(nproc) CPUs): $2"
	else
		not_ok "$1" "$2"
	fi
}

# within NAME EXPECTED PERCENT FUNCTION: best of three.
within()
{
	local try got all=
	for try in 1 2 3; do
		got=$($4)
		all+=" $got"
		if awk "BEGIN { d = $got / $2 - 1; exit !(d < 0 ? -d <= $3 / 100 : d <= $3 / 100) }"; then
			echo "# $1: $got of $2 Mbit/s"
			ok "$1"
			return
		fi
	done
	miss "$1" "expected $2 Mbit/s +-$3 %, got$all"
}

# More datagrams than may pass, and what passes once the bucket is empty.
udp()
{
	at h1 blast eth0 2 --size 1514 ${pps:+--rate "$pps"} >/dev/null &
	read -rt 0.5 <> <(:)
	measure 1.3
	wait $!
}

# The server may still be busy with the client before.
client()
{
	for _ in $(seq 50); do
		at h1 iperf3 -c 10.0.0.2 -p "$1" -t 3 >/dev/null 2>&1 && return
		read -rt 0.1 <> <(:)
	done
}

# Devices count a GSO packet's headers once: what TCP has delivered tells how many segments there were, of 1448 bytes in 1514 each.
tcp()
{
	client "${port:-5201}" &
	wait_for 10 has_traffic
	read -rt 0.7 <> <(:)
	# shellcheck disable=SC2016
	at h2 bash -c 'delivered() { ss -Htin state established "sport = :$1" | grep -o "bytes_received:[0-9]*" | cut -d: -f2 | sort -n | tail -1; }
		b0=$(delivered "$1") t0=${EPOCHREALTIME/./}
		read -rt 1.9 <> <(:)
		b1=$(delivered "$1") t1=${EPOCHREALTIME/./}
		awk "BEGIN { printf \"%.2f\", (${b1:-0} - ${b0:-0}) * 8 / ($t1 - $t0) * 1514 / 1448 }"' delivered "${port:-5201}"
	wait $!
}
has_traffic() { at h2 ss -Htn state established "sport = :${port:-5201}" | grep -q .; }

# ---- meters

vsw del-flows br0
vsw add-meter br0 'meter=1,kbps,burst,bands=type=drop,rate=10000,burst_size=1000'
check "a flow with a meter" vsw add-flow br0 in_port=1,actions=meter:1,2
vsw add-flow br0 in_port=2,actions=1
pps=2000
within "a meter of 10 Mbit/s, UDP" 10 5 udp
counts_agree()
{
	test "$(vsw -j dump-ports br0 h1-p | jq '.bridges[0].ports[0].drops.meter')" = \
		"$(vsw -j meter-stats br0 meter=1 | jq '.bridges[0].meters[0].bands[0].n_packets')"
}
check "what it dropped is counted for the port and for the band" wait_for 10 counts_agree
vsw mod-meter br0 'meter=1,pktps,burst,bands=type=drop,rate=1000,burst_size=100'
within "a meter of 1000 packets/s" 12.112 5 udp
stop_switchd
start_switchd
same "meters are there after a restart" "meter=1 pktps burst bands=
type=drop rate=1000 burst_size=100" "$(vsw dump-meters br0)"
within "and at work" 12.112 5 udp
check_fails "a flow with a meter that is not there" "bridge br0 has no meter 7" vsw add-flow br0 in_port=1,actions=meter:7,2
check_fails "a meter that is there" "meter 1 exists already" vsw add-meter br0 'meter=1,kbps,bands=type=drop,rate=1'
check_fails "another one that is not" "no meter 9" vsw mod-meter br0 'meter=9,kbps,bands=type=drop,rate=1'
check_fails "a rate of 0" "'0' is no number from 1" vsw add-meter br0 'meter=9,kbps,bands=type=drop,rate=0'
check "the highest rate and burst there are" vsw add-meter br0 'meter=9,kbps,burst,bands=type=drop,rate=4294967295,burst_size=4294967295'
check "and they let everything pass" vsw add-flow br0 in_port=2,actions=meter:9,1
vsw del-meter br0 meter=1
same "its flows go with a meter" "0" "$(vsw dump-flows br0 in_port=1 | wc -l)"
vsw del-meters
same "del-meters deletes them all" "" "$(vsw dump-meters br0)"
vsw del-flows br0
vsw add-flow br0 actions=NORMAL
check "hosts reach each other without them" pings h1 10.0.0.2

# ---- ingress policing

for mbit in 10 100 1000; do
	vsw set interface h1-p ingress_policing_rate=${mbit}000 ingress_policing_burst=${mbit}00
	pps=$((mbit * 165))
	[ $mbit = 1000 ] && pps=
	vsw add-flow br0 'priority=9,udp,in_port=1,actions=2'
	# As fast as it goes is not fast enough on every machine.
	fastest=$mbit
	if [ $mbit = 1000 ]; then
		vsw set interface h1-p ingress_policing_rate=0
		fastest=$(udp)
		vsw set interface h1-p ingress_policing_rate=${mbit}000
	fi
	if awk "BEGIN { exit !($fastest >= $mbit) }"; then
		within "policing at $mbit Mbit/s, UDP" $mbit 5 udp
	else
		skip "policing at $mbit Mbit/s, UDP" "only $fastest Mbit/s can be sent here"
	fi
	vsw set interface h1-p ingress_policing_burst=0
	within "policing at $mbit Mbit/s, TCP" $mbit 5 tcp
done
check "what it dropped is counted" test "$(vsw -j dump-ports br0 h1-p | jq '.bridges[0].ports[0].drops.policer')" -gt 100
vsw set interface h1-p ingress_policing_rate=0 ingress_policing_kpkts_rate=1 ingress_policing_kpkts_burst=1
pps=2000
within "policing of 1000 packets/s" 12.112 5 udp
check_fails "a rate that is too high" "ingress_policing_rate: 9999999999 is out of the range" vsw set interface h1-p ingress_policing_rate=9999999999
vsw set interface h1-p ingress_policing_kpkts_rate=0
same "policed no more: no meter in the flows" "0" "$(vsw trace br0 in_port=1 | grep -c 'meter(')"

# ---- egress queues: the kernel's, and ours

# What the queues of h2-p have sent, in Mbit/s.
queue_rates()
{
	vsw -j qos show h2-p >"$T/q0"
	local t0=${EPOCHREALTIME/./}
	read -rt 2 <> <(:)
	vsw -j qos show h2-p >"$T/q1"
	jq -rn --argjson us $((${EPOCHREALTIME/./} - t0)) --slurpfile a "$T/q0" --slurpfile b "$T/q1" \
		'[range(0; $a[0].queues | length)] | map((($b[0].queues[.].tx_bytes - $a[0].queues[.].tx_bytes) * 8 / $us * 100 | round) / 100) | join(" ")'
}

two_senders()
{
	at h1 blast eth0 3 --size 1514 --rate 2000 >/dev/null &
	at h1 blast eth0 3 --size 1514 --rate 2000 --dst-mac 02:00:00:00:00:99 >/dev/null &
	read -rt 0.7 <> <(:)
	queue_rates
	wait
}

# shares NAME CONDITION: of r[1], r[2], r[3], what queues 0, 1 and 2 send; best of three.
shares()
{
	local try rates
	for try in 1 2 3; do
		rates=$(two_senders)
		echo "# $1: queues 0, 1 and 2 at $rates Mbit/s"
		if awk "BEGIN { split(\"$rates\", r, \" \"); exit !($2) }"; then
			ok "$1"
			return
		fi
	done
	miss "$1" "not so in $try tries"
}

queues_of()
{
	local type=$1
	vsw set port h2-p qos=@q -- --id=@q create qos type="$type" other-config:max-rate=20000000 queues:0=@q0 queues:1=@q1 queues:2=@q2 -- \
		--id=@q0 create queue other-config:min-rate=2000000 other-config:priority=5 -- \
		--id=@q1 create queue other-config:max-rate=10000000 -- \
		--id=@q2 create queue other-config:min-rate=12000000 other-config:priority=7 >/dev/null
	vsw del-flows br0
	vsw add-flow br0 'priority=1,actions=NORMAL'
	vsw add-flow br0 'priority=2,in_port=1,tcp,tp_dst=5202,actions=set_queue:1,NORMAL'
	vsw add-flow br0 'priority=2,in_port=1,udp,actions=enqueue:2:0'
	vsw add-flow br0 'priority=3,in_port=1,udp,dl_dst=02:00:00:00:00:99,actions=set_queue:2,output:2,pop_queue'
	port=5201
	within "$type: the port's rate, TCP" 20 5 tcp
	port=5202
	within "$type: a queue's max-rate, TCP" 10 5 tcp
	port=
	shares "$type: a queue of low priority has its min-rate, the other the rest" 'r[3] > 11 && r[3] < 13.5 && r[1] > 6.5 && r[1] < 9'
	# The kernel's queues take some seconds to fill.
	[ "$type" = linux-htb ] ||
		check "$type: what does not fit is counted" test "$(vsw -j qos show h2-p | jq '[.queues[].tx_errors] | add')" -gt 100
	check "$type: queue-stats" grep -q 'port 2 queue 2: bytes=[1-9]' <(vsw queue-stats br0 h2-p 2)
	# Equal but for the priority.
	vsw set queue "$(vsw get qos "$(vsw get port h2-p qos)" queues:2 | tr -d '"')" other_config:min-rate=2000000
	shares "$type: what is not promised goes by priority" 'r[1] > 15 && r[3] < 4'
}

queues_of linux-htb
same "HTB as Open vSwitch lays it out" "class htb 1:1 parent 1:fffe prio 5 rate 2Mbit ceil 20Mbit
class htb 1:2 parent 1:fffe prio 0 rate 12Kbit ceil 10Mbit
class htb 1:3 parent 1:fffe prio 7 rate 2Mbit ceil 20Mbit
class htb 1:fffe root rate 20Mbit ceil 20Mbit" "$(tc class show dev h2-p | sed 's/ burst.*//' | sort)"
vsw remove qos "$(vsw get port h2-p qos)" queues 2
same "a queue that is removed" "0" "$(tc class show dev h2-p | grep -c 1:3)"
stop_switchd
check "HTB stays when the daemon stops" grep -q htb <(tc qdisc show dev h2-p root)
start_switchd
check "and is known to the next one" grep -q 'Queue 1:' <(vsw qos show h2-p)
vsw clear port h2-p qos -- --all destroy QoS -- --all destroy Queue
same "HTB goes with the QoS" "0" "$(tc qdisc show dev h2-p root | grep -c htb)"
queues_of vsw-shaper
same "ours leaves the device alone" "0" "$(tc qdisc show dev h2-p root | grep -c htb)"
vsw clear port h2-p qos -- --all destroy QoS -- --all destroy Queue
same "QoS that is gone" "QoS not configured on h2-p" "$(vsw qos show h2-p)"
check "hosts reach each other without it" pings h1 10.0.0.2 5

check_fails "an unknown type" "QoS type 'linux-foo' is unknown" vsw set port h2-p qos=@q -- --id=@q create qos type=linux-foo
check_fails "a rate that is no number" "max-rate: 'fast' is no number" vsw set port h2-p qos=@q -- --id=@q create qos type=linux-htb other-config:max-rate=fast
check_fails "a queue that is out of range" "queue 61440 is out of the range" vsw set port h2-p qos=@q -- --id=@q create qos type=linux-htb queues:61440=@q0 -- --id=@q0 create queue other-config:min-rate=1
tc qdisc replace dev h2-p root handle 77: tbf rate 10mbit burst 10k latency 10ms
check_fails "a qdisc of somebody else's" "the device has a qdisc of somebody else's \(tbf 77:\)" vsw set port h2-p qos=@q -- --id=@q create qos type=linux-htb
check "and it is still there" grep -q 'tbf 77:' <(tc qdisc show dev h2-p root)
check "linux-noop leaves it alone" vsw set port h2-p qos=@q -- --id=@q create qos type=linux-noop
check "and it is still there, again" grep -q 'tbf 77:' <(tc qdisc show dev h2-p root)
tc qdisc del dev h2-p root
vsw set port h2-p qos=@q -- --id=@q create qos type=linux-htb >/dev/null
check "a port that is deleted while it has queues" vsw del-port h2-p
same "its device is as it was" "0" "$(tc qdisc show dev h2-p root | grep -c htb)"
check_fails "qos of no port" "no port named h9" vsw qos show h9
finish
