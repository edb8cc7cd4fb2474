#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `vsw save` and `vsw apply`: the whole configuration as a file, applied wholly or not at all, and taken back unless confirmed.
. "$(dirname "$0")/../lib.sh"

ip netns add gw
ip link add eth0 type veth peer name eth0 netns gw
ip -n gw addr add 10.0.0.254/24 dev eth0
ip -n gw link set eth0 up
ip addr add 10.0.0.1/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.0.254
mkhost a 10.1.0.1/24
mkhost b 10.1.0.2/24
start_switchd

now() { vsw save | jq -S .; }
check "a switch to begin with" vsw add-br br0 other_config:mac-aging-time=60 -- add-port br0 a-p tag=10 -- add-port br0 b-p trunks=10,20 vlan_mode=native-untagged tag=10 \
	-- add-br br1 fail_mode=secure -- add-port br1 t1 type=tap -- add-port br0 p0 type=patch options:peer=p1 -- add-port br1 p1 type=patch options:peer=p0 \
	-- set port a-p 'external_ids:who="a, b"' -- set interface a-p external_ids:iface-id=x1 mtu_request=1400 -- set bridge br1 flood_vlans=5,6
check "with flows" vsw add-flow br1 'priority=7,in_port=t1,ip,actions=output:p1'
check "save" vsw save "$T/one.json"
same "what it says" '{"flows":["priority=7,ip,in_port=t1 actions=output:p1"],"meters":[],"ports":{"p1":{"options:peer":"p0","type":"patch"},"t1":{"type":"tap"}},"settings":{"fail_mode":"secure","flood_vlans":[5,6]}}' \
	"$(jq -cS .switches.br1 "$T/one.json")"
same "columns that ports and interfaces both have" '{"external_ids:who":"\"a, b\"","interfaces":{"a-p":{"external_ids:iface-id":"x1"}},"mtu_request":1400,"tag":10}' \
	"$(jq -cS '.switches.br0.ports["a-p"]' "$T/one.json")"
same "applied again it changes nothing" "" "$(vsw apply "$T/one.json" --diff)"
at a ping -q -c 2 -i 0.1 10.1.0.2 >/dev/null
before=$(now)
vsw dump-flows br0 >"$T/counters"
check "really" vsw apply "$T/one.json"
same "the same afterwards" "$before" "$(now)"

# ---- a change
jq '.switches.br0.ports["b-p"] = {"tag": 20} | .switches.br0.ports.in0 = {"type": "internal", "tag": 10} | del(.switches.br1) | .switches.br0.ports |= del(.p0)
	| .switches.br2 = {"ports": {}, "flows": ["priority=1,arp,actions=drop"]}' "$T/one.json" >"$T/two.json"
cat >"$T/expected" <<'EOF'
- br1
- br0 port p0
- br0 port b-p tag=10
- br0 port b-p trunks=[10,20]
- br0 port b-p vlan_mode="native-untagged"
+ br0 port b-p tag=20
+ br0 port in0
+ br0 port in0 tag=10
+ br0 port in0 type="internal"
+ br2
+ br2 flow priority=1,arp,actions=drop
EOF
same "--diff" "$(sort "$T/expected")" "$(vsw apply "$T/two.json" --diff | sort)"
same "changes nothing" "$before" "$(now)"
check "it works so far" pings a 10.1.0.2
number=$(vsw get interface a-p ofport)
check "apply" vsw apply "$T/two.json"
check "a port is in another VLAN" no_ping a 10.1.0.2
same "bridges" $'br0\nbr2' "$(vsw list-br)"
same "a port that was not touched keeps its number" "$number" "$(vsw get interface a-p ofport)"
same "flows" " priority=1,arp actions=drop" "$(vsw dump-flows br2 --no-stats)"
same "nothing more to do" "" "$(vsw apply "$T/two.json")"
check "back to the first" vsw apply "$T/one.json"
same "the same as at first" "$before" "$(now)"
check "and it works" pings a 10.1.0.2

# ---- all or nothing
jq '.switches.br0.ports.eth77 = {}' "$T/two.json" >"$T/bad.json"
check_fails "a device that is not there" 'eth77: no such network device' vsw apply "$T/bad.json"
same "nothing has changed" "$before" "$(now)"
jq '.switches.br0.flows = ["priority=5,actions=output:nowhere"]' "$T/two.json" >"$T/bad.json"
check_fails "a flow that is none" 'flows of br0 line 1: .*nowhere' vsw apply "$T/bad.json"
same "nothing has changed, though the ports had" "$before" "$(now)"
check "and it still works" pings a 10.1.0.2
jq '.switches.br0.ports["b-p"].tagg = 7' "$T/two.json" >"$T/bad.json"
check_fails "a column that is none" 'there is no column "tagg"' vsw apply "$T/bad.json"
jq '.switches.br0.ports["b-p"].tag = 5000' "$T/two.json" >"$T/bad.json"
check_fails "a value out of range" '5000' vsw apply "$T/bad.json"
same "nothing has changed" "$before" "$(now)"
printf '{\n"switches": {\n"br0": {\n"port": {}}}}\n' >"$T/bad.json"
check_fails "an unknown key: file and line" "$T/bad.json:4: switches.br0.port: unknown key; known here: settings ports mirrors meters flows uplink" vsw apply "$T/bad.json"
printf '{ "hosts": {} }\n' >"$T/bad.json"
check_fails "not a configuration" "$T/bad.json:1: hosts: unknown key; known here: description switches" vsw apply "$T/bad.json"
check_fails "no file" 'cannot open' vsw apply "$T/nowhere.json"

# ---- confirming
check "--confirm" vsw apply "$T/two.json" --confirm 30
check_fails "another one meanwhile" 'waits for being confirmed' vsw apply "$T/one.json"
check "--confirm-now" vsw apply --confirm-now
check_fails "twice" 'there is nothing to confirm' vsw apply --confirm-now
check "--confirm, and nobody does" vsw apply "$T/one.json" --confirm 1
check "it is taken back" wait_for 10 eval '[ "$(vsw list-br | tr "\n" " ")" = "br0 br2 " ]'
check "--confirm and --undo" vsw apply "$T/one.json" --confirm 30
check "undo" vsw apply --undo
same "is taken back" $'br0\nbr2' "$(vsw list-br)"
check "to be confirmed" vsw apply "$T/one.json" --confirm 30
kill -9 $switchd_pid
wait $switchd_pid 2>/dev/null
sed -i -E 's/"deadline_wall_ms": [0-9]+/"deadline_wall_ms": 1/' "$VSW_RUNDIR/apply.json"
start_switchd
check "kill -9 of the daemon, back after the time is over: taken back" wait_for 10 eval '[ "$(vsw list-br | tr "\n" " ")" = "br0 br2 " ]'
check "to be confirmed" vsw apply "$T/one.json" --confirm 30
stop_switchd
start_switchd
same "a daemon that ends in order takes it back" $'br0\nbr2' "$(vsw list-br)"

# ---- rows that others refer to, and an empty daemon
check "QoS, queues, a mirror, policing, a bad link, meters" vsw set port a-p qos=@q -- --id=@q create qos type=linux-htb other_config:max-rate=8000000 queues=0=@q0,5=@q5 \
	-- --id=@q0 create queue other_config:max-rate=4000000 -- --id=@q5 create queue other_config:max-rate=2000000 other_config:priority=3 dscp=10 \
	-- --id=@a get port a-p -- --id=@b get port b-p -- --id=@m create mirror name=m0 select_src_port=@a output_port=@b snaplen=96 -- set bridge br0 mirrors=@m \
	-- set interface b-p ingress_policing_rate=9000 ingress_policing_burst=900 other_config:link-delay=3ms
vsw add-meter br0 meter=1,kbps,band=type=drop,rate=900
vsw add-meter br0 meter=7,pktps,burst,band=type=drop,rate=10,burst_size=5
vsw add-flow br0 priority=40000,udp,actions=meter:1,set_queue:5,NORMAL
vsw save "$T/rows.json"
same "a port's QoS" '{"other_config:max-rate":"8000000","queues":{"0":{"other_config:max-rate":"4000000"},"5":{"dscp":10,"other_config:max-rate":"2000000","other_config:priority":"3"}},"type":"linux-htb"}' \
	"$(jq -cS 'walk(if type == "string" then gsub("\""; "") else . end)' <<<"$(jq -cS '.switches.br0.ports["a-p"].qos' "$T/rows.json")")"
same "a mirror" '{"m0":{"output_port":"b-p","select_src_port":["a-p"],"snaplen":96}}' "$(jq -cS .switches.br0.mirrors "$T/rows.json")"
same "applied again it changes nothing" "" "$(vsw apply "$T/rows.json" --diff)"
uuid=$(vsw get port a-p qos)
check "really" vsw apply "$T/rows.json"
same "not even rows" "$uuid" "$(vsw get port a-p qos)"
# What people see of it.
view() { vsw show | tail -n +2; vsw dump-flows br0 --no-stats; vsw dump-meters br0; vsw qos show a-p | grep -v tx_; vsw --columns=name,snaplen,select_all list mirror; vsw --columns=name,other_config,ingress_policing_rate list interface b-p; }
view >"$T/view"
stop_switchd
rm -f "$VSW_RUNDIR"/conf.db* "$VSW_RUNDIR"/flows*
start_switchd
same "an empty daemon" "" "$(vsw list-br)"
check "apply" vsw apply "$T/rows.json"
view >"$T/view2"
same "is what was saved" "$(cat "$T/view")" "$(cat "$T/view2")"
same "to the letter" "$(jq -S . "$T/rows.json")" "$(now)"
jq '.switches.br0.ports["a-p"].qos.queues["5"]["other_config:max-rate"] = 1000000 | .switches.br0.mirrors.m0.snaplen = 128 | .switches.br0.meters |= map(select(test("meter=1")))
	| .switches.br0.ports["b-p"] |= del(.["other_config:link-delay"])' "$T/rows.json" >"$T/other.json"
check "a change of each" vsw apply "$T/other.json"
same "the queue" 1000000 "$(vsw -j qos show a-p | jq '.queues[] | select(.queue == 5).max_rate')"
same "is one row still" "1 2" "$(vsw --bare --columns=_uuid list qos | grep -c .) $(vsw --bare --columns=_uuid list queue | grep -c .)"
same "the mirror" 128 "$(vsw get mirror m0 snaplen)"
same "the meters" 1 "$(vsw -j dump-meters br0 | jq -r '[.bridges[0].meters[].meter] | join(",")')"
jq '.switches.br0.mirrors.m0.output_port = "nowhere"' "$T/rows.json" >"$T/bad.json"
check_fails "a mirror to nowhere" 'br0: mirrors: output_port: there is no Port named nowhere' vsw apply "$T/bad.json"
jq '.switches.br0.ports["a-p"].tag = {"a": 1}' "$T/rows.json" >"$T/bad.json"
check_fails "an object that is no row" 'tag: expected a text, a number' vsw apply "$T/bad.json"
jq '.switches.br0.meters = ["meter=1 rubbish"]' "$T/rows.json" >"$T/bad.json"
check_fails "a meter that is none" 'br0: meters: element 0: ' vsw apply "$T/bad.json"
jq 'del(.switches.br0.mirrors) | .switches.br0.ports["a-p"] |= del(.qos)' "$T/rows.json" >"$T/none.json"
check "without them" vsw apply "$T/none.json"
same "there are none" "0 0 0" "$(for t in qos queue mirror; do vsw --bare --columns=_uuid list $t | grep -c .; done | xargs)"
check "back to what was" vsw apply "$T/two.json"

# ---- uplinks
jq '.switches.br3 = {"uplink": "eth0", "ports": {"eth0": {}}}' "$T/two.json" >"$T/three.json"
check "--diff of an uplink" grep -qx '+ br3 uplink eth0' <(vsw apply "$T/three.json" --diff)
check "apply of an uplink" vsw apply "$T/three.json"
same "the address has moved" "10.0.0.1/24" "$(ip -o -4 addr show dev br3 | awk '{print $4}')"
check "the gateway is reached" ping -q -c 1 -W 2 10.0.0.254
same "nothing more to do" "" "$(vsw apply "$T/three.json")"
vsw save "$T/four.json"
same "save says it" eth0 "$(jq -r .switches.br3.uplink "$T/four.json")"
check "without it" vsw apply "$T/two.json" --confirm 1
same "the address is back" "10.0.0.1/24" "$(ip -o -4 addr show dev eth0 | awk '{print $4}')"
check "not confirmed: the uplink is there again" wait_for 10 eval 'vsw uplink | grep -q "br3 *eth0"'
check "and works" ping -q -c 1 -W 2 10.0.0.254
check "nobody deletes its bridge" vsw apply "$T/two.json"
same "but an apply gives the addresses back" "10.0.0.1/24" "$(ip -o -4 addr show dev eth0 | awk '{print $4}')"
check "the gateway is reached without it" ping -q -c 1 -W 2 10.0.0.254
finish
