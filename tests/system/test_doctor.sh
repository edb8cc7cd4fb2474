#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `vsw doctor`: what it says agrees with what others find; with a daemon and without; MTUs that do not fit.
. "$(dirname "$0")/../lib.sh"

# finding WHAT: its state
state() { jq -r --arg w "$1" '.findings[] | select(.what | test($w)) | .state' "$T/doctor.json" | head -1; }
vsw --json doctor >"$T/doctor.json"
same "exit status" 0 $?
same "no daemon runs" no "$(state 'the daemon')"
same "TAP devices" "$(if (exec 3<>/dev/net/tun) 2>/dev/null; then echo yes; else echo no; fi)" "$(state 'TAP devices')"
same "vhost-net" "$(if [ -e /dev/vhost-net ]; then echo yes; else echo no; fi)" "$(state vhost-net)"
same "processors" "$(nproc)" "$(jq -r '.findings[] | select(.what == "processors").detail' "$T/doctor.json")"
same "open files" "$(ulimit -Hn)" "$(jq -r '.findings[] | select(.what == "open files").detail' "$T/doctor.json")"
# Kinds of devices: as `ip link add` has them.
for pair in "VXLAN:vxlan id 9 dstport 4789" "Geneve:geneve id 9 remote 10.0.0.1" "bonding:bond" "veth pairs:veth"; do
	what=${pair%%:*} kind=${pair#*:}
	# shellcheck disable=SC2086
	if ip link add probe0 type $kind 2>/dev/null; then
		ip link del probe0
		wanted=yes
	else
		wanted=no
	fi
	same "$what as ip link finds it" "$wanted" "$(state "^$what")"
done
# BPF: as tc finds it.
ip link add d0 type veth peer name d1
if tc qdisc add dev d0 clsact 2>/dev/null; then same "clsact" yes "$(state clsact)"; fi
mkdir -p "$T/bpf"
if mount -t bpf bpf /sys/fs/bpf 2>/dev/null; then
	vsw --json doctor >"$T/doctor.json"
	same "pinning with a BPF file system" yes "$(state pinning)"
	while umount /sys/fs/bpf 2>/dev/null; do :; done
	vsw --json doctor >"$T/doctor.json"
	same "and without" no "$(state pinning)"
	check "what to type" jq -e '.findings[] | select(.what | test("pinning")) | .mend == "mount -t bpf bpf /sys/fs/bpf"' "$T/doctor.json"
fi
check "each trouble comes with what is done instead or with what to type" jq -e \
	'[.findings[] | select(.state == "no" or .state == "limited") | select(has("instead") or has("mend") | not)] == []' "$T/doctor.json"
# Without privileges it says so, and does not fail.
setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all "$VSW_BIN/vsw" --json doctor >"$T/doctor.json" 2>"$T/err"
same "as nobody: exit status" "0 " "$? $(cat "$T/err")"
same "as nobody: no BPF" no "$(state '^tc programs')"
check "as nobody: be root" jq -e '.findings[] | select(.what == "tc programs") | .mend == "sudo vsw doctor"' "$T/doctor.json"
check "text" eval "vsw doctor | grep -qE '^  (yes|no|limited) +tc programs'"

start_switchd
vsw --json doctor >"$T/doctor.json"
if [ "$DATAPATH" = ebpf ]; then
	same "datapath" yes "$(state "datapath $DATAPATH")"
else
	same "datapath" limited "$(state "datapath $DATAPATH")"
fi
check "the database" jq -e --arg db "$VSW_RUNDIR/conf.db" 'any(.findings[]; .what == "database " + $db)' "$T/doctor.json"
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
vsw add-br br0 -- add-port br0 h1-p -- add-port br0 h2-p
vsw --json doctor >"$T/doctor.json"
same "all ports work" yes "$(state '3 of 3 ports work')"
ip link del h2-p
wait_for 5 eval 'vsw get interface h2-p error | grep -q gone'
vsw --json doctor >"$T/doctor.json"
same "a port without its device" limited "$(state '2 of 3 ports work')"
check "is named" jq -e 'any(.findings[]; .what | test("port h2-p of bridge br0: its network device is gone"))' "$T/doctor.json"

# ---- MTU ----
vsw del-port h2-p
mtu() { vsw --json doctor --mtu >"$T/mtu.json" && jq -e "$1" "$T/mtu.json"; }
check "MTUs agree" mtu '.findings | length == 1 and .[0].state == "yes"'
ip netns del h2
mkhost h2 10.0.0.2/24
ip link set h2-p mtu 9000
vsw add-port br0 h2-p
check "the ends of a pair differ" mtu 'any(.findings[]; .what | test("port h2-p has 9000, the other end of its pair \\(eth0, in another namespace\\) has 1500"))'
at h2 ip link set eth0 mtu 9000
check "ports of a bridge differ" mtu 'any(.findings[]; .what | test("port h1-p has 1500, port h2-p of the same bridge br0 has 9000"))'
check "nothing more" mtu '[.findings[] | select(.what | test("other end"))] == []'
# It is true, and what it says mends it.
at h1 ip link set eth0 mtu 9000
if at h2 ping -q -M do -c 1 -W 1 -s 8000 10.0.0.1 >/dev/null; then not_ok "large packets die" "they do not"; else ok "large packets die"; fi
eval "$(jq -r '.findings[] | select(.what | test("port h1-p has 1500")) | .mend' "$T/mtu.json")"
check "what it says to type mends it" wait_for 5 at h2 ping -q -M do -c 1 -W 1 -s 8000 10.0.0.1

# A tunnel over a device whose MTU is too small for what it puts around its packets.
ip link add under0 type veth peer name under1
ip addr add 192.168.77.1/24 dev under0
ip link set under0 up
ip link set under1 up
if vsw add-port br0 vx0 type=vxlan options:remote_ip=192.168.77.2 options:key=5 2>/dev/null; then
	check "a tunnel that does not fit" mtu 'any(.findings[]; .what | test("tunnel vx0 to 192.168.77.2: packets of port h[12]-p \\(9000\\) need 9050 outside, the way there \\(under0\\) has 1500"))'
	ip link set under0 mtu 9050
	check "fits" mtu '[.findings[] | select(.what | test("tunnel vx0"))] == []'
else
	skip "tunnel" "no tunnel ports here"
fi
stop_switchd
check_fails "--mtu needs the daemon" 'vsw-switchd' vsw doctor --mtu
finish
