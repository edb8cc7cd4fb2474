#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What goes wrong is said in one sentence, and nothing has changed then: names, devices, values, run folders, disks, databases.
. "$(dirname "$0")/../lib.sh"

start_switchd
vsw add-br br0 -- add-br br1
ip link add e1 type veth peer name e2
vsw add-port br0 e1
before=$(vsw show)

check_fails "device missing" 'add-port eth9: no such network device; `ip link` lists them; use type=tap to create one' vsw add-port br0 eth9
check_fails "port's name too long" "add-port abcdefghijklmnop: 'abcdefghijklmnop' has 16 characters; a device name has at most 15" vsw add-port br0 abcdefghijklmnop
check_fails "bridge's name too long" "has 16 characters; a device name has at most 15" vsw add-br abcdefghijklmnop
check_fails "bridge twice" "cannot create a bridge named br0 because a bridge named br0 already exists" vsw add-br br0
check_fails "port twice" "cannot create a port named e1 because a port named e1 already exists on bridge br0" vsw add-port br0 e1
check_fails "port on another bridge" "cannot create a port named e1 because a port named e1 already exists on bridge br0" vsw add-port br1 e1
check_fails "no such bridge" "no bridge named nope" vsw add-port nope e2
check_fails "unknown column" "has a column 'colour'" vsw add-port br0 e2 colour=red
check_fails "unknown column in set" 'there is no column "colour"' vsw set Port e1 colour=red
check_fails "wrong type" '"abc" is not an integer' vsw set Port e1 tag=abc
check_fails "VLAN 4095" "4095 is no VLAN; they go from 0 to 4094" vsw set Port e1 tag=4095
check_fails "VLAN 4096" "4096 is outside the range 0 to 4095" vsw set Port e1 tag=4096
check_fails "VLAN -1" "outside the range 0 to 4095" vsw set Port e1 tag=-1
check_fails "bad MAC" "'02:00:00:00:00' is no MAC address" vsw set Bridge br0 'other_config:hwaddr="02:00:00:00:00"'
check_fails "VLAN of a new port as text" '"x" is not an integer' vsw add-port br0 e2 tag=x
check_fails "VLAN 4095 among trunks" "4095 is no VLAN; they go from 0 to 4094" vsw set Port e1 trunks=1,4095
check_fails "VLAN mode" '"foo" is not one of access' vsw set Port e1 vlan_mode=foo
check_fails "type of interface" "'vlan' is no interface type; known are system" vsw add-port br0 vx0 type=vlan
check_fails "VLAN 4095 in the MAC table" "4095 is no VLAN; they go from 0 to 4094" vsw fdb add br0 e1 4095 02:00:00:00:00:01
check_fails "MAC typo in the MAC table" "'02:00:00:00:00:0g' is no MAC address" vsw fdb add br0 e1 0 02:00:00:00:00:0g
check_fails "a name with a line break stays on the line" "no bridge named a\?b" vsw list-ports $'a\nb'
check_fails "twice in one transaction" "a port named e2 already exists on bridge br0" vsw add-port br0 e2 -- add-port br0 e2
check_fails "VLAN in an action" "column [0-9]+: '4096' is not a VLAN id" vsw add-flow br0 actions=mod_vlan_vid:4096
check_fails "bad mask of a MAC" "column [0-9]+: 'gg:00:00:00:00:00' is not an Ethernet mask" \
	vsw add-flow br0 dl_src=00:11:22:33:44:55/gg:00:00:00:00:00,actions=drop
check_fails "bad mask" "add-flow: column [0-9]+: " vsw add-flow br0 'ip,nw_dst=10.0.0.0/33,actions=drop'
check_fails "bad MAC in a flow" "add-flow: column [0-9]+: " vsw add-flow br0 'dl_dst=00:11:22:33:44,actions=drop'
check_fails "prerequisite" "add-flow: column [0-9]+: 'nw_dst' needs 'ip'" vsw add-flow br0 'nw_dst=10.0.0.1,actions=drop'
printf 'ip,actions=drop\n\n# comment\narp,nonsense,actions=drop\n' >"$T/flows"
check_fails "line of a file" "add-flows $T/flows line 4: column [0-9]+: " vsw add-flows br0 "$T/flows"
same "a refused bundle adds nothing" " priority=0 actions=NORMAL" "$(vsw --no-stats dump-flows br0)"
check_fails "the loopback device" "the loopback device cannot be a port" vsw add-port br0 lo
ip link add lbr type bridge
ip link set e2 master lbr
check_fails "a device of a Linux bridge" "the device belongs to lbr \(bridge\)" vsw add-port br0 e2
ip link set e2 nomaster
check_fails "a name that somebody has" "there is a network device lbr already" vsw add-br lbr
check_fails "another port's inner end" "vsw inner end of port br1" vsw add-port br0 vsw-br1
check_fails "half a line is no line" "no such network device" vsw add-port br0 e2 -- add-br br7 -- add-port br7 eth9
same "nothing has changed" "$before" "$(vsw show)"
check "nothing was left over" bash -c '! ip link show br7'

# Daemons in each other's way.
daemon() { timeout 20 vsw-switchd --datapath "$DATAPATH" "$@"; }
check_fails "two daemons on one run folder" "a vsw-switchd \(process $switchd_pid\) runs in this folder already" \
	daemon --rundir "$VSW_RUNDIR" --db "$T/other.db" --log-file "$T/2.log"
check_fails "two daemons on one database" "in use by another daemon \(process $switchd_pid\)" \
	daemon --rundir "$T/run2" --db "$VSW_RUNDIR/conf.db" --log-file "$T/2.log"
check_fails "no such datapath" "datapath=foo: unknown" daemon --rundir "$T/run2" --db "$T/2.db" --datapath foo --log-file "$T/2.log"
touch "$T/file"
check_fails "run folder is a file" "Not a directory|not writable" daemon --rundir "$T/file" --db "$T/2.db" --log-file "$T/2.log"
check_fails "run folder cannot be made" "$T/no/where: the folder cannot be made" daemon --rundir "$T/no/where" --db "$T/2.db" --log-file "$T/2.log"
mkdir "$T/ro"
mount -t tmpfs -o ro tmpfs "$T/ro"
check_fails "run folder not writable" "not writable" daemon --rundir "$T/ro" --db "$T/2.db" --log-file "$T/2.log"
check_fails "also when detached" "not writable" daemon --detach --rundir "$T/ro" --db "$T/2.db" --log-file "$T/2.log"
check "--stop of nobody" bash -c "! vsw-switchd --stop --rundir $T/run2"
check "two daemons side by side" daemon --detach --rundir "$T/run3" --db "$T/3.db" --log-file "$T/3.log"
check_fails "a bridge of the other one" "there is a network device br0 already \(vsw outer end of port br0 \($VSW_RUNDIR\)\)" vsw --rundir "$T/run3" add-br br0
check "--stop" vsw-switchd --stop --rundir "$T/run3"

# A full disk: the switch is as before, the command says so, and it goes on when there is room.
stop_switchd
mkdir "$T/small"
mount -t tmpfs -o size=600k tmpfs "$T/small"
vsw-switchd --rundir "$T/run4" --db "$T/small/conf.db" --datapath dummy >>"$T/switchd.log" 2>&1 &
small_pid=$!
export VSW_RUNDIR=$T/run4
wait_for 10 vsw version
vsw add-br d0 datapath_type=dummy
head -c 1000000 /dev/zero >"$T/small/ballast" 2>/dev/null
n=0
while [ $n -lt 200 ] && vsw add-port d0 "p$n" type=dummy 2>"$T/full.err"; do n=$((n + 1)); done
check "a full disk is said" grep -qiE 'full|No space' "$T/full.err"
same "the port that did not get there is not there" "$n" "$(vsw list-ports d0 | wc -l)"
same "neither in the switch" "$((n + 1))" "$(vsw --json dump-ports-desc d0 | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["bridges"][0]["ports"]))')"
rm "$T/small/ballast"
check "with room again it goes on" vsw add-port d0 late type=dummy
{
	kill -9 $small_pid
	wait $small_pid
} 2>/dev/null
vsw-switchd --rundir "$T/run4" --db "$T/small/conf.db" --datapath dummy >>"$T/switchd.log" 2>&1 &
small_pid=$!
wait_for 10 vsw version
same "and nothing is lost" "$((n + 1))" "$(vsw list-ports d0 | wc -l)"
kill $small_pid
wait $small_pid

# A damaged database: said, and not touched.
cp "$T/small/conf.db" "$T/damaged.db"
where=$(grep -abo 'datapath_type' "$T/damaged.db" | head -1 | cut -d: -f1)
printf X | dd of="$T/damaged.db" bs=1 seek="$where" conv=notrunc 2>/dev/null
sum=$(md5sum <"$T/damaged.db")
check_fails "a damaged database" "$T/damaged.db.*damaged" daemon --rundir "$T/run5" --db "$T/damaged.db" --datapath dummy --log-file "$T/5.log"
same "it was not touched" "$sum" "$(md5sum <"$T/damaged.db")"
echo hello >"$T/text.db"
check_fails "a file that is no database" "$T/text.db" daemon --rundir "$T/run5" --db "$T/text.db" --datapath dummy --log-file "$T/5.log"
same "nor was that" hello "$(cat "$T/text.db")"

finish
