#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian's own drivers on each model of a guest's network card: through the switch to each other and to the host, DHCP, VLANs, anti-spoofing.
lab_seconds=300
. "$(dirname "$0")/enter.sh"
. "$here/../lib.sh"
. "$here/guests.sh"

guest g1 20 br0 br0,queues=2,vhost=off,mtu=9000 br0,model=e1000,mac=52:54:00:00:00:e1
cpus=2 guest g2 30 br0,mtu=9000,queues=2,anti-spoof=on br0,queues=2,vhost=off br0,model=rtl8139 br0,model=rtl8139,classic=on
boot g1 g2
tr -d '\r' <"$T/g1" | grep ^card
tr -d '\r' <"$T/g2" | grep ^card
# driver NAME CARD DRIVER
driver() { tr -d '\r' <"$T/$1" | grep -q "^card $2 $3 "; }
check "Debian's drivers take the cards" eval 'driver g1 0 virtio_net && driver g1 1 virtio_net && driver g1 2 e1000 && driver g2 0 virtio_net && driver g2 1 virtio_net && driver g2 2 8139cp && driver g2 3 8139too'
check "a MAC address that was asked for" grep -q '^card 2 e1000 52:54:00:00:00:e1' "$T/g1"
check "the port's MTU" grep -q '^card 1 virtio_net .* mtu 9000' "$T/g1"

# ---- to and from the host: each card serves a file, which it has fetched from the host before
mkdir "$T/www"
head -c 2000000 /dev/urandom >"$T/www/data"
sum=$(sha1sum <"$T/www/data" | cut -d' ' -f1)
busybox httpd -p 10.0.0.1:80 -h "$T/www"
downloads() { in_guest "$1" "at $2 wget -q -O /tmp/data http://10.0.0.1/data; at $2 httpd -h /tmp; sha1sum /tmp/data" 90 | grep -q "$sum"; }
uploads() { [ "$(timeout 90 busybox wget -q -O - "http://$(address "$1" "$2")/data" | sha1sum | cut -d' ' -f1)" = "$sum" ]; }
for card in "g1 0 virtio" "g1 1 virtio,vhost=off" "g1 2 e1000" "g2 0 virtio,queues=2" "g2 1 virtio,queues=2,vhost=off" "g2 2 8139cp" "g2 3 8139too"; do
	read -r g i what <<<"$card"
	check "$what: ping" ping -q -c 3 -i 0.2 -W 5 "$(address $g $i)"
	check "$what: 2 MB in" downloads $g $i
	check "$what: 2 MB out" uploads $g $i
done

# ---- two processors: each sends through a queue of its own, and gets its answers there
interrupts() { in_guest g2 "sed -n 's/^ *[0-9]*: *\([0-9]*\) *\([0-9]*\) .*virtio$1-input.*/\1 \2/p' /proc/interrupts"; }
both_queues()
{
	local before after
	before=$(interrupts "$1" | tr '\n' ' ')
	in_guest g2 "for c in 1 2; do at $1 taskset \$c wget -q -O /dev/null http://10.0.0.1/data || echo cannot; done" 90
	after=$(interrupts "$1" | tr '\n' ' ')
	echo "$before: $after"
	awk -v a="$before" -v b="$after" 'BEGIN { if (split(a, x, " ") != 4 || split(b, y, " ") != 4) exit 1
		exit !(y[1] + y[2] - x[1] - x[2] >= 2 && y[3] + y[4] - x[3] - x[4] >= 2) }'
}
check "two queues, vhost" both_queues 0
check "two queues, this process" both_queues 1
check "both counted" eval 'python3 "$TOP/tests/tools/vmm_control.py" "$T/g2.ctl" stats | jq -e "[.nics[1].queues[0:4][] | .chains] | min > 20"'

# ---- what is not for it: a card takes it when its guest listens to all
received() { in_guest g2 'at 1 cat /proc/net/dev' | awk '$1 == "eth1:" { print $3 }'; }
strangers()
{
	local before after
	before=$(received)
	ping -q -c 5 -i 0.2 -W 1 10.0.0.77 >/dev/null
	after=$(received)
	echo "$before $after"
	test $((after - before)) "$1" 5
}
ip neigh replace 10.0.0.77 lladdr 02:00:00:00:00:77 dev br0
check "frames to nobody known are not for the guest" strangers -lt
check "but when it listens to all" eval 'in_guest g2 "at 1 ip link set eth1 promisc on" && strangers -ge'
in_guest g2 'at 1 ip link set eth1 promisc off' >/dev/null

# ---- each with each
pairs='for i in 0 1 2; do for j in 0 2 3; do at $i ping -q -c 2 -W 5 10.0.0.3$j >/dev/null || echo "no ping from $i to $j"
	at $i wget -q -O - http://10.0.0.3$j/data | sha1sum | grep -q '$sum' || echo "no data from $j to $i"; done; done'
said=$(in_guest g1 "$(echo $pairs | tr '\n' ';')" 200)
same "nine pairs: ping and 2 MB each" "" "$said"
# The same cards within one guest: each is in a namespace of its own, so this goes through the switch, too.
said=$(in_guest g1 "at 1 wget -q -O - http://10.0.0.22/data | sha1sum | grep -q $sum || echo 'no data from e1000 to virtio,vhost=off'" 60)
said+=$(in_guest g2 "at 2 wget -q -O - http://10.0.0.33/data | sha1sum | grep -q $sum || echo 'no data from 8139too to 8139cp'" 60)
same "and two pairs more" "" "$said"
check "jumbo frames between virtio cards" in_guest g1 'at 1 ping -q -c 2 -s 8900 10.0.0.30'

# ---- DHCP, and no address that is not the guest's
dnsmasq -C /dev/null --user=root --port=0 --interface=br0 --bind-interfaces --dhcp-range=10.0.0.100,10.0.0.150 --dhcp-authoritative \
	--dhcp-leasefile="$T/leases" --pid-file="$T/dnsmasq.pid"
lease='at $i udhcpc -i eth$i -n -q -t 10 -T 2 -s /bin/true 2>&1 | grep -q "lease of" || echo "no lease for $i"'
same "a DHCP lease for each of the one guest" "" "$(in_guest g1 "for i in 0 1 2; do $lease; done")"
same "and the other" "" "$(in_guest g2 "for i in 1 2 3; do $lease; done")"
in_guest g2 'at 0 ip addr add 10.0.0.99/24 dev eth0' >/dev/null
check "anti-spoof=on: another address does not come through" in_guest g2 '! at 0 ping -q -c 1 -W 2 -I 10.0.0.99 10.0.0.1'
check "and is counted" [ "$(vsw get interface g2-net0 statistics:drop_spoofed)" -gt 0 ]

# ---- VLANs: an access port is none of its guest's business, a trunk is
vsw set port g1-net2 tag=7 -- set port g2-net2 tag=7
check "two cards on VLAN 7" in_guest g1 'at 2 ping -q -c 2 -W 5 10.0.0.32'
check "and nobody else" eval '! in_guest g1 "at 2 ping -q -c 1 -W 1 10.0.0.30"'
vsw clear port g1-net2 tag -- clear port g2-net2 tag
for card in "g1 0" "g1 1" "g1 2" "g2 1" "g2 2" "g2 3"; do
	read -r g i <<<"$card"
	in_guest $g "at $i ip link add link eth$i name v8 type vlan id 8; at $i ip addr add 10.8.0.$((${g#g} * 10 + i))/24 dev v8; at $i ip link set v8 up" >"$T/vlan" || cat "$T/vlan"
done
said=$(in_guest g1 'for i in 0 1 2; do for j in 21 22 23; do at $i ping -q -c 1 -W 5 10.8.0.$j >/dev/null || echo "no ping from $i to $j"; done; done')
same "tagged by the guests themselves" "" "$said"

[ "$_failed" = 0 ] || tail -n 25 "$T"/g? "$T"/g?.err | tr -d '\r' | sed 's/^/    /'
finish
