#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs people run through a switch: DHCP (dnsmasq, udhcpc) and SSH.
. "$(dirname "$0")/../lib.sh"

start_switchd
vsw add-br br0
mkhost server 10.0.0.1/24
mkhost client 169.254.1.1/16
at client ip addr flush dev eth0 scope global
vsw add-port br0 server-p -- add-port br0 client-p

if command -v dnsmasq >/dev/null && command -v busybox >/dev/null; then
	at server dnsmasq --no-daemon --conf-file=/dev/null --interface=eth0 --bind-interfaces --port=0 --dhcp-range=10.0.0.50,10.0.0.60,1h \
		--dhcp-leasefile="$T/leases" --user=root --pid-file= >"$T/dnsmasq.log" 2>&1 &
	wait_for 10 grep -q 'DHCP, IP range' "$T/dnsmasq.log"
	cat >"$T/udhcpc.sh" <<'SCRIPT'
#!/bin/sh
[ "$1" = bound ] && ip addr add "$ip/${mask:-24}" dev "$interface"
exit 0
SCRIPT
	chmod +x "$T/udhcpc.sh"
	check "DHCP gives a lease" at client busybox udhcpc -i eth0 -n -q -t 10 -T 1 -s "$T/udhcpc.sh"
	check "the leased address works" pings client 10.0.0.1
else
	skip "DHCP" "dnsmasq or busybox is not installed"
fi

if [ -x /usr/sbin/sshd ] && command -v ssh >/dev/null; then
	ssh_to()
	{
		at client ssh -p 2222 -i "$T/ssh/user" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o LogLevel=ERROR root@10.0.0.1 "$@"
	}
	at client ip addr replace 10.0.0.2/24 dev eth0
	mkdir -p /run/sshd "$T/ssh"
	ssh-keygen -q -t ed25519 -N '' -f "$T/ssh/host"
	ssh-keygen -q -t ed25519 -N '' -f "$T/ssh/user"
	chmod 755 "$T"
	cp "$T/ssh/user.pub" "$T/ssh/authorized"
	at server /usr/sbin/sshd -D -e -p 2222 -h "$T/ssh/host" -o AuthorizedKeysFile="$T/ssh/authorized" -o StrictModes=no -o UsePAM=no \
		-o PidFile=none -o PermitRootLogin=yes -f /dev/null >"$T/sshd.log" 2>&1 &
	wait_for 10 grep -q 'Server listening' "$T/sshd.log"
	same "SSH: a command's output" "hello over ssh" "$(ssh_to echo hello over ssh </dev/null 2>"$T/ssh.err" || cat "$T/ssh.err" "$T/sshd.log")"
	head -c 3000000 /dev/urandom >"$T/big"
	same "SSH: 3 MB arrive whole" "$(sha256sum <"$T/big")" "$(ssh_to sha256sum <"$T/big" 2>&1)"
else
	skip "SSH" "sshd is not installed"
fi
finish
