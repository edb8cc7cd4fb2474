#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The daemon goes, in every way there is, and traffic stays: a ping of 1,000 packets/s and a TCP transfer between two hosts while it is
# killed, restarted, stopped, replaced by a build with another BPF program. Then what it finds damaged, foreign or out of date, and
# what --purge leaves.
VSW_TEST_DATAPATH=ebpf
. "$(dirname "$0")/../lib.sh"

pin_folder() { echo /sys/fs/bpf/vsw/*; }
abi_folder() { echo /sys/fs/bpf/vsw/*/v*; }
program_of() { bpftool -j prog show pinned "$(abi_folder)/vsw_port" | jq -r "$1"; }
# The program that sees what a device receives: by a tcx link, by a filter.
ifindex_of() { ip -j link show "$1" | jq '.[0].ifindex'; }
link_of() { bpftool -j link show pinned "$(pin_folder)/links/$(ifindex_of "$1")" 2>/dev/null | jq -r '.prog_id // empty'; }
filter_of() { tc filter show dev "$1" ingress | sed -n 's/.*name vsw_port.* id \([0-9]*\) .*/\1/p; s/.* id \([0-9]*\) name vsw_port.*/\1/p'; }
# The present program, by link, by filter, or by both: has_program PORT
# shellcheck disable=SC2046
has_program() { [ "$(program_of .id)" = "$(printf '%s\n' $(link_of "$1") $(filter_of "$1") | sort -u)" ]; }
restart() { stop_switchd "$1" && start_switchd; }
log_says() { grep -qF -- "$1" "$T/switchd.log"; }
# packets of the flow from h1 to h2
kernel_packets() { vsw dump-dp-flows -j | jq '[.flows[] | select(.key | test("eth_type\\(0x0800\\)")) | .packets] | max'; }

# A transfer at a rate that no queue drops at; says how many bytes arrived as they were sent, and how many segments were lost.
cat >"$T/steady.py" <<'PY'
import hashlib, socket, struct, sys, time
def block(i): return hashlib.sha256(b"%d" % i).digest() * 512
if sys.argv[1] == "receive":
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", 5001)); s.listen(1); print("ready", flush=True); c = s.accept()[0]
    digest, n = hashlib.sha256(), 0
    while True:
        data = c.recv(1 << 20)
        if not data: break
        digest.update(data); n += len(data)
    print("received", n, digest.hexdigest())
else:
    c = socket.create_connection((sys.argv[2], 5001)); stop = sys.argv[3]
    digest, n, i, at = hashlib.sha256(), 0, 0, time.monotonic()
    import os
    while not os.path.exists(stop):
        data = block(i); c.sendall(data); digest.update(data); n += len(data); i += 1
        at += 0.002; time.sleep(max(0, at - time.monotonic()))
    # struct tcp_info: unacked, total_retrans, dsack_dups. What was sent again and arrived twice was late, not lost.
    info = lambda at: struct.unpack_from("I", c.getsockopt(socket.IPPROTO_TCP, 11, 256), at)[0]
    while info(24): time.sleep(0.01)
    print("sent", n, digest.hexdigest()); print("lost", info(100) - info(216), "late", info(216), flush=True)
    c.close()
PY

start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
mkhost h3 10.0.0.3/24
check "ports" vsw add-br br0 -- add-port br0 h1-p -- add-port br0 h2-p -- add-port br0 h3-p -- add-port br0 t0 type=tap
vsw add-flow br0 'priority=10,icmp,actions=NORMAL'
check "ping" pings h1 10.0.0.2 3
check "ping of the third host" pings h3 10.0.0.2 3
ports_before=$(vsw dp-show | grep '  port')

# ---- traffic ----
stat_of() { ip ${1:+-n "$1"} -s -j link show "$2" | jq ".[0].stats64.$3"; }
dropped_of() { vsw drops | sed -n "s/^$1 .* \([0-9]*\) dropped.*/\1/p"; }
# What each of the two sent, less what the other received, its device had no room for, or the switch has counted as dropped: the hosts' own
# neighbour discovery, while nobody was there to ask.
balance()
{
	echo $(($(stat_of h1 eth0 tx.packets) - $(stat_of h2 eth0 rx.packets) - $(stat_of "" h2-p tx.dropped) - $(dropped_of h1-p))) \
		$(($(stat_of h2 eth0 tx.packets) - $(stat_of h1 eth0 rx.packets) - $(stat_of "" h1-p tx.dropped) - $(dropped_of h2-p)))
}
none_lost()
{
	local now
	read -ra now < <(balance)
	[ "${now[0]}" -le "${balance[0]}" ] && [ "${now[1]}" -le "${balance[1]}" ] || { echo "${balance[*]}, then ${now[*]}"; false; }
}
begin_traffic()
{
	rm -f "$T/stop" "$T/received"
	read -ra balance < <(balance)
	at h2 python3 "$T/steady.py" receive >"$T/received" &
	receiver=$!
	wait_for 10 grep -q ready "$T/received"
	at h1 python3 "$T/steady.py" send 10.0.0.2 "$T/stop" >"$T/sent" &
	sender=$!
	at h1 ping -q -i 0.001 10.0.0.2 >"$T/ping" &
	ping=$!
	# Flows of both are established when the kernel forwards them.
	wait_for 10 eval '[ "$(kernel_packets)" -gt 100 ]'
}
end_traffic()
{
	local name=$1 sent received
	kill -INT "$(pgrep -P $ping || echo $ping)" 2>/dev/null
	touch "$T/stop"
	wait $ping $sender $receiver
	read -r sent received < <(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' "$T/ping")
	same "$name: no ping is lost of $sent" "$sent" "$received"
	same "$name: the transfer arrives as it was sent" "$(sed -n 's/^sent //p' "$T/sent")" "$(sed -n 's/^received //p' "$T/received")"
	# On a busy machine TCP takes late for lost, and a CPU's queue may overflow. What a device took and the other did not get was lost here.
	check "$name: the switch loses nothing ($(tail -1 "$T/sent") by TCP's own reckoning)" none_lost
}
traffic_goes_on() { local n; n=$(at h2 cat /sys/class/net/eth0/statistics/rx_packets); wait_for 10 eval '[ $(at h2 cat /sys/class/net/eth0/statistics/rx_packets) -gt '$((n + 200))' ]'; }

# Links are made when all has been quiet for a while, under traffic.
vsw add-flow br0 'cookie=9,priority=20,icmp,nw_src=10.0.0.1,icmp_type=8,actions=NORMAL'
begin_traffic
has_tcx=
if vsw doctor --json | jq -e 'any(.findings[]; .what == "attaching by tcx links" and .state == "yes")' >/dev/null; then
	has_tcx=yes
	check "ports get links" wait_for 20 eval '[ -n "$(link_of h1-p)" ] && [ -n "$(link_of h2-p)" ] && [ -n "$(link_of h3-p)" ]'
	same "and keep their filters: a qdisc that goes stops a device for a moment" "$(link_of h3-p)" "$(filter_of h3-p)"
fi
for round in 1 2 3 4; do
	before=$(kernel_packets)
	id=$(program_of .id)
	stop_switchd KILL
	check "kill -9, round $round: the kernel goes on" traffic_goes_on
	# From links to filters, and from those to links.
	if [ $((round / 2)) = 1 ]; then export VSW_EBPF_HOOK=clsact; else unset VSW_EBPF_HOOK; fi
	start_switchd
	same "the program is not loaded anew" "$id" "$(program_of .id)"
	check "flows are adopted, round $round" [ "$(grep -c 'of those flows go on' "$T/switchd.log")" = $round ]
	if [ $((round / 2)) = 1 ] || [ -z "$has_tcx" ]; then
		same "a filter, no link" " $(program_of .id)" "$(link_of h1-p) $(filter_of h1-p)"
	else
		check "a link, and the filter" wait_for 20 eval '[ "$(program_of .id) $(program_of .id)" = "$(link_of h1-p) $(filter_of h1-p)" ]'
	fi
	check "the flow's counter goes on from $before" [ "$(kernel_packets)" -gt "$before" ]
	traffic_goes_on
done
end_traffic "kill -9"
same "the rule has counted each of them, over all kills" "$(sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' "$T/ping")" \
	"$(vsw dump-flows br0 cookie=9/-1 | sed -n 's/.*n_packets=\([0-9]*\).*/\1/p')"
same "ports keep their numbers" "$ports_before" "$(vsw dp-show | grep '  port')"

begin_traffic
before=$(kernel_packets)
check "--stop" vsw-switchd --rundir "$VSW_RUNDIR" --stop
wait "$switchd_pid" 2>/dev/null
check "stopped: the kernel goes on" traffic_goes_on
start_switchd
check "and the counter" [ "$(kernel_packets)" -gt "$before" ]
traffic_goes_on
end_traffic "--stop"

# A build whose program is another one: a constant in it is changed, in the hash of packets, which only finds what is compared anyway.
python3 - "$VSW_BIN/vsw-switchd" "$T/vsw-switchd" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
old, at = b"\x15\x7c\x4a\x7f\x00\x00\x00\x00\xb9\x79\x37\x9e", -1
n = 0
while (at := data.find(old, at + 1)) >= 0:
    data[at] ^= 2; n += 1
open(sys.argv[2], "wb").write(data); print(n, "places")
PY
chmod +x "$T/vsw-switchd"
tag=$(program_of .tag)
begin_traffic
stop_switchd KILL
real_path=$PATH PATH=$T:$PATH
start_switchd
check "the new build's program is another one" [ "$(program_of .tag)" != "$tag" ]
check "and is on the port" wait_for 20 has_program h1-p
traffic_goes_on
PATH=$real_path
restart KILL
same "back again" "$tag" "$(program_of .tag)"
traffic_goes_on
end_traffic "another build"

# ---- ports that leave while nobody is there ----
stop_switchd
mkdir -p "$T/other"
vsw-switchd --rundir "$T/other" --db "$VSW_RUNDIR/conf.db" --datapath dummy >"$T/other.log" 2>&1 &
other=$!
wait_for 10 env VSW_RUNDIR="$T/other" vsw version
VSW_RUNDIR=$T/other vsw del-port br0 h3-p
kill $other
wait $other
start_switchd
same "a port that left the database has no program any more" "" "$(link_of h3-p)$(filter_of h3-p)"
same "nor flows" "" "$(vsw --names dump-dp-flows | grep h3-p)"
check "the others go on" pings h1 10.0.0.2 3

# ---- in company ----
if [ -n "$has_tcx" ]; then
	tc filter add dev h1-p ingress prio 1 bpf bytecode '1,6 0 0 0,'
	restart KILL
	check "the filter of somebody else stays" eval 'tc filter show dev h1-p ingress | grep -q bytecode'
	check "and whoever clears the device of qdiscs does not clear it of us" tc qdisc del dev h1-p clsact
	check "ping" wait_for 10 pings h1 10.0.0.2 3
	# A link whose device went meanwhile, and one of a device that is no port.
	stop_switchd
	links=$(pin_folder)/links
	h2=$(ifindex_of h2-p)
	mv "$links/$h2" "$links/77777"
	start_switchd
	same "links that no port has are ended" "" "$(ls "$links" | grep 77777)"
	check "and ports have a program" wait_for 20 has_program h2-p
	check "ping" wait_for 10 pings h1 10.0.0.2 3
fi

# ---- what cannot be used ----
stop_switchd
mv "$(abi_folder)" "$(pin_folder)/v1"
start_switchd
check "another ABI is replaced, with a word" log_says "another BPF ABI"
same "and removed" 0 "$(find /sys/fs/bpf/vsw -name v1 | wc -l)"
check "ping" wait_for 10 pings h1 10.0.0.2 3
stop_switchd
rm "$(abi_folder)/masks"
start_switchd
check "an incomplete set is no use, with a word" log_says "maps are missing"
check "ping" wait_for 10 pings h1 10.0.0.2 3
stop_switchd
rm "$(abi_folder)/masks"
check "a map of another shape" bpftool map create "$(abi_folder)/masks" type array key 4 value 8 entries 1 name masks
start_switchd
check "is no use, with a word" log_says "map masks has another shape"
check "ping" wait_for 10 pings h1 10.0.0.2 3
stop_switchd
# An entry that leads to a slot of another flow, one that leads out of the table.
python3 - "$(abi_folder)/small" <<'PY'
import json, subprocess, sys
keys = [e["key"] for e in json.loads(subprocess.check_output(["bpftool", "-j", "map", "dump", "pinned", sys.argv[1]]))]
for slot, first in ((0, 0x55), (0x7fffffff, 0x66)):
    key = ["%#x" % (first if i == 20 else int(b, 16)) for i, b in enumerate(keys[0])]
    subprocess.check_call(["bpftool", "map", "update", "pinned", sys.argv[1], "key", *key, "value", *["%#x" % (slot >> s & 255) for s in (0, 8, 16, 24)]])
PY
start_switchd
check "entries that lead to no sound flow are removed, with a word" log_says "2 entries of the kernel's flow table led to no sound flow"
check "ping" wait_for 10 pings h1 10.0.0.2 3

# ---- nobody's CPU is used ----
ticks() { awk '{ print $14 + $15 }' "/proc/$switchd_pid/stat"; }
wait_for 15 eval '[ -z "$(vsw dump-dp-flows)" ]'
before=$(ticks)
at h1 ping -q -c 2 -i 2 127.0.0.1 >/dev/null
check "an idle daemon uses no CPU" [ $(($(ticks) - before)) -le 1 ]

# ---- the end ----
stop_switchd KILL
check "--stop --purge after a kill" vsw-switchd --rundir "$VSW_RUNDIR" --stop --purge
same "no filter" "" "$(tc filter show dev h1-p ingress; tc filter show dev h2-p ingress)"
same "no qdisc" "" "$(tc qdisc show dev h1-p clsact)"
same "no device" "" "$(ip -o link | grep -v 'h[123]-p\|lo:\|gre0\|gretap0\|erspan0')"
same "nothing is pinned" "" "$(ls /sys/fs/bpf/vsw 2>/dev/null)"
finish
