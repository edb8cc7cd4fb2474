#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# VXLAN, Geneve and GRE ports against the kernel's own devices, against Open vSwitch, and against another vsw. Inner hosts have default
# offloads: a GSO packet must come through, also while its flow is new.
. "$(dirname "$0")/../lib.sh"

v4=172.31.0 v6=fd31:
[ "$DATAPATH" = ebpf ] && by_kernel=1 || by_kernel=

# The underlay: u0 here, u1 in the namespace far.
ip netns add far
ip -n far link set lo up
ip link add u0 type veth peer name u1 netns far
underlay()
{
	ip addr replace $v4.1/24 dev u0
	ip addr replace $v6:1/64 dev u0 nodad
	ip link set u0 up
	ip -n far addr replace $v4.2/24 dev u1
	ip -n far addr replace $v6:2/64 dev u1 nodad
	ip -n far link set u1 up
}
underlay
mkhost h 10.0.0.1/24 1380
start_switchd
vsw add-br br0 -- add-port br0 h-p

# kernel_dev KIND ID FAMILY NAME ADDRESS: the other end, in far; ID "" for GRE without a key. Fails where the kernel has no such device.
kernel_dev()
{
	local kind=$1 id=$2 family=$3 name=$4 remote=$v4.1 self=$v4.2
	[ "$family" = 4 ] || remote=$v6:1 self=$v6:2
	case $kind in
	vxlan) ip -n far link add "$name" type vxlan id "$id" remote "$remote" dstport 4789 ;;
	geneve) ip -n far link add "$name" type geneve id "$id" remote "$remote" ;;
	gre)
		if [ "$family" = 4 ]; then
			ip -n far link add "$name" type gretap local "$self" remote "$remote" ${id:+key "$id"}
		else
			ip -n far link add "$name" type ip6gretap local "$self" remote "$remote" ${id:+key "$id"} encaplimit none
		fi
		;;
	esac 2>>"$T/kernel_dev.log" || return 1
	ip -n far addr add "$5" dev "$name"
	ip -n far link set "$name" mtu 1380 up
}

# The other end is another one now, with another MAC address.
forget() { ip -n h neigh flush all; }

# tcp FROM TO ADDRESS: 8 MB each way.
port=5200
tcp()
{
	local way
	for way in "" -R; do
		port=$((port + 1))
		at "$2" iperf3 -s -1 -p $port >"$T/iperf.$port" 2>&1 &
		wait_for 10 eval "at $2 ss -Htln 'sport = :$port' | grep -q ."
		timeout 30 ip netns exec "$1" iperf3 -c "$3" -p $port -n 8M $way >"$T/iperf.client" 2>&1 || { cat "$T/iperf.client"; return 1; }
	done
}

dropped() { vsw dp-show -j | jq "[.datapaths[].ports[] | select(.drops) | .drops.\"$1\" // 0] | add"; }
rx_packets() { vsw -j dump-ports br0 "$1" | jq '.. | .rx_packets? // empty' | head -1; }

# ---- the kernel's devices, over IPv4 and IPv6, one key ----
kinds=
for kind in vxlan geneve gre; do
	for family in 4 6; do
		name="$kind over IPv$family"
		remote=$v4.2
		[ $family = 4 ] || remote=$v6:2
		if ! kernel_dev $kind 10 $family t0 10.0.0.2/24; then
			skip "$name, kernel" "this kernel has no such device: $(tail -1 "$T/kernel_dev.log")"
			if [ -n "$by_kernel" ]; then
				check_fails "$name is refused" "this kernel has no .* devices" vsw add-port br0 t type=$kind remote_ip=$remote key=10
			fi
			continue
		fi
		[[ $kinds == *$kind* ]] || kinds+=" $kind"
		forget
		check "$name: port" vsw add-port br0 t type=$kind remote_ip=$remote key=10
		check "$name: ping" wait_for 10 pings h 10.0.0.2 3
		check "$name: TCP" tcp h far 10.0.0.2
		check "$name: port goes" vsw del-port t
		ip -n far link del t0
	done
done

# ---- GRE without a key; where the kernel's metadata cannot say so (before 6.2) the daemon sends it, and that is shown ----
for family in 4 6; do
	name="gre without a key over IPv$family"
	remote=$v4.2
	[ $family = 4 ] || remote=$v6:2
	if ! kernel_dev gre "" $family t0 10.0.0.2/24; then
		skip "$name, kernel" "this kernel has no such device: $(tail -1 "$T/kernel_dev.log")"
		continue
	fi
	forget
	check "$name: port" vsw add-port br0 t type=gre remote_ip=$remote
	check "$name: ping" wait_for 10 pings h 10.0.0.2 3
	check "$name: TCP" tcp h far 10.0.0.2
	if [ -n "$by_kernel" ] && vsw doctor --json | jq -e 'any(.findings[]; .what == "GRE without a key" and .state == "no")' >/dev/null; then
		check "$name: by the daemon, for a reason" eval 'pings h 10.0.0.2 && vsw dump-dp-flows | grep -q "dp:daemon(set-tunnel)"'
	fi
	vsw del-port t
	ip -n far link del t0
done

# ---- keys ----
kernel_dev vxlan 10 4 t0 10.0.0.2/24
vsw add-port br0 t type=vxlan remote_ip=$v4.2 key=11
check "another key: nothing comes through" no_ping h 10.0.0.2
strangers() { at far ping -q -c 2 -i 0.1 -W 0.2 10.0.0.1; [ "$(dropped no-tunnel-port)" -ge 2 ]; }
check "another key: dropped and counted" wait_for 10 strangers
check "key changes" vsw set interface t options:key=10
forget
check "now it comes through" wait_for 10 pings h 10.0.0.2 3
check "and is counted" [ "$(rx_packets t)" -ge 1 ]
check_fails "same configuration twice" "attempting to add tunnel port with same config as port 't'" vsw add-port br0 t2 type=vxlan remote_ip=$v4.2 key=10
check "two ports share the device" vsw add-port br0 t2 type=vxlan remote_ip=$v4.2 key=12
check "ping through the first" wait_for 10 pings h 10.0.0.2
vsw del-port t2

# ---- what does not arrive ----
drops_of() { vsw -j dump-ports br0 "$1" | jq "[.. | .drops? // empty | .\"$2\" // 0] | add"; }
too_big() { at h ping -q -c 2 -i 0.1 -W 0.3 -s 1460 -M do 10.0.0.2; [ "$(drops_of h-p too-big)" -ge 2 ]; }
hosts_mtu() { ip -n h link set eth0 mtu "$1"; ip link set h-p mtu "$1"; ip -n far link set t0 mtu "$1"; }
vsw add-flow br0 "priority=20,in_port=h-p actions=output:t"
hosts_mtu 1500
check "too big for the way: dropped and counted" wait_for 10 too_big
check "df_default=false: it is fragmented" eval "vsw set interface t options:df_default=false && wait_for 10 at h ping -q -c 2 -i 0.1 -W 1 -s 1460 10.0.0.2"
vsw remove interface t options df_default
hosts_mtu 1380
no_route() { at h ping -q -c 2 -i 0.1 -W 0.2 10.0.0.2; [ "$(drops_of h-p no-route)" -ge 2 ]; }
vsw set interface t options:remote_ip=203.0.113.9
forget
check "no route: dropped and counted" wait_for 10 no_route
vsw set interface t options:remote_ip=$v4.2
forget
check "the way is back" wait_for 10 pings h 10.0.0.2
vsw --strict del-flows br0 "priority=20,in_port=h-p"

# The device is taken away: it is made anew.
if [ -n "$by_kernel" ]; then
	ip link del vxlan_sys_4789
	check "device comes back" wait_for 10 ip link show vxlan_sys_4789
	check "and works" wait_for 10 pings h 10.0.0.2
fi
# What was there is there after a restart.
stop_switchd
start_switchd
check "works after a restart" wait_for 10 pings h 10.0.0.2
# With another datapath, too: what one left is out of the other's way.
if [ "$DATAPATH" = ebpf ]; then
	for DATAPATH in user ebpf; do
		stop_switchd
		start_switchd
		check "works after a restart with --datapath $DATAPATH" wait_for 10 pings h 10.0.0.2
	done
fi
vsw del-port t
check "device goes with the last port" eval "! ip link show vxlan_sys_4789"

# ---- values from the flow tables ----
kernel_dev vxlan 77 4 t1 10.0.7.2/24
ip -n h addr add 10.0.7.1/24 dev eth0
check "flow: port" vsw add-port br0 f type=vxlan remote_ip=flow local_ip=flow key=flow
vsw add-flow br0 "priority=10,in_port=h-p actions=set_field:77->tun_id,set_field:$v4.2->tun_dst,set_field:$v4.1->tun_src,output:f"
vsw add-flow br0 "priority=10,in_port=f,tun_id=77,tun_src=$v4.2,tun_dst=$v4.1 actions=output:h-p"
vsw add-flow br0 "priority=9,in_port=f actions=drop"
check "flow: ping" wait_for 10 pings h 10.0.7.2 3
check "flow: TCP" tcp h far 10.0.7.2
check "flow: datapath flow" eval "vsw dump-dp-flows | grep -q 'set(tunnel(tun_id=0x4d,src=$v4.1,dst=$v4.2,ttl=64,tp_dst=4789,flags(df|key)))'"
vsw --strict del-flows br0 "priority=10,in_port=f,tun_id=77,tun_src=$v4.2,tun_dst=$v4.1"
vsw add-flow br0 "priority=10,in_port=f,tun_id=78 actions=output:h-p"
check "flow: tun_id is matched" no_ping h 10.0.7.2
# The most specific port wins: this one names the key.
check "flow: beside a port that names the key" vsw add-port br0 t type=vxlan remote_ip=$v4.2 key=77
vsw add-flow br0 "priority=11,in_port=t actions=output:h-p"
check "flow: that one gets the packets" wait_for 10 pings h 10.0.7.2
vsw del-port f -- del-port t
vsw del-flows br0
vsw add-flow br0 actions=NORMAL
ip -n far link del t0
ip -n far link del t1

# ---- vsw and vsw, tags inside ----
far_vsw() { ip netns exec far vsw --rundir "$T/far" "$@"; }
mkdir -p "$T/far"
ip netns exec far vsw-switchd --rundir "$T/far" --db "$T/far/conf.db" --datapath "$DATAPATH" >>"$T/switchd.log" 2>&1 &
far_pid=$!
wait_for 10 far_vsw version
ip netns add g
ip -n far link add g-p type veth peer name eth0 netns g
ip -n far link set g-p up
ip -n g link set lo up
ip -n g addr add 10.0.0.2/24 dev eth0
ip -n g link set eth0 mtu 1380 up
far_vsw add-br br0 -- add-port br0 g-p tag=7
vsw set port h-p tag=7
for kind in ${kinds:-vxlan}; do
	forget
	far_vsw add-port br0 t trunks=7 type="$kind" remote_ip=$v4.1 key=5
	vsw add-port br0 t trunks=7 type="$kind" remote_ip=$v4.2 key=5
	check "vsw to vsw, $kind, VLAN 7 inside: ping" wait_for 10 pings h 10.0.0.2 3
	check "vsw to vsw, $kind, VLAN 7 inside: TCP" tcp h g 10.0.0.2
	vsw del-port t
	far_vsw del-port t
done
far_vsw add-port br0 t trunks=8 type=vxlan remote_ip=$v4.1 key=5
vsw add-port br0 t trunks=7 type=vxlan remote_ip=$v4.2 key=5
check "the other trunk has another VLAN" no_ping h 10.0.0.2
vsw del-port t -- remove port h-p tag 7
kill $far_pid
wait $far_pid

# ---- Open vSwitch, which makes its tunnels itself ----
if ! command -v ovs-vswitchd >/dev/null; then
	skip "Open vSwitch" "it is not installed"
	finish
fi
export OVS_RUNDIR=$T/ovs OVS_LOGDIR=$T/ovs OVS_DBDIR=$T/ovs
mkdir -p "$T/ovs"
ovs() { ip netns exec far ovs-vsctl --db="unix:$T/ovs/db.sock" "$@"; }
ovsdb-tool create "$T/ovs/conf.db" /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server "$T/ovs/conf.db" --remote="punix:$T/ovs/db.sock" >"$T/ovs/db.log" 2>&1 &
wait_for 10 [ -S "$T/ovs/db.sock" ]
ovs --no-wait init
ip netns exec far ovs-vswitchd "unix:$T/ovs/db.sock" >"$T/ovs/switchd.log" 2>&1 &
# It reads and writes frames as they are: nothing may be left to do for the hardware.
ethtool -K u0 tx off gso off tso off >/dev/null 2>&1
ip netns exec far ethtool -K u1 tx off >/dev/null 2>&1
ip -n far addr flush dev u1
ip -n far link del g-p
ovs add-br br-phy -- set bridge br-phy datapath_type=netdev -- add-port br-phy u1 -- add-br br-int -- set bridge br-int datapath_type=netdev \
	-- add-port br-int in0 -- set interface in0 type=internal
ip -n far addr add $v4.2/24 dev br-phy
ip -n far addr add $v6:2/64 dev br-phy nodad
ip -n far link set br-phy up
ip -n far addr add 10.0.0.2/24 dev in0
ip -n far link set in0 mtu 1380 up
forget
wait_for 10 ping -q -c 1 -W 1 $v4.2
ping -q -c 1 -W 2 $v6:2 >/dev/null
for kind in vxlan geneve gre; do
	if [ -n "$by_kernel" ] && [[ $kinds != *$kind* ]]; then
		skip "Open vSwitch, $kind" "this kernel has no such device"
		continue
	fi
	for remote in $v4.1,$v4.2 $v6:1,$v6:2; do
		[[ $kind,$remote != gre,fd* ]] || continue
		name="Open vSwitch, $kind, ${remote#*,}"
		ovs add-port br-int t -- set interface t type=$kind options:remote_ip="${remote%,*}" options:key=33
		vsw add-port br0 t type=$kind remote_ip="${remote#*,}" key=33
		check "$name: ping" wait_for 10 pings h 10.0.0.2
		check "$name: TCP" tcp h far 10.0.0.2
		ovs del-port br-int t
		vsw del-port t
	done
done
finish
