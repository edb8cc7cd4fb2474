# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Guests with network cards, for lab tests: sourced behind tests/lib.sh.
#
# Inside of a guest each card is in a network namespace of its own, so that what one sends another goes through the switch.

lab=$TOP/build/lab
kernel=$lab/vmlinuz version=$(cat "$lab/version")
DATAPATH=${VSW_TEST_DATAPATH:-ebpf}

# ---- what runs in the guests: the words that come by the console, one line each; "done STATUS" is said after each
mkdir -p "$T/root/bin" "$T/root/modules"
cp "$(command -v busybox || echo "$lab/busybox/bin/busybox")" "$T/root/bin/busybox"
for m in virtio_pci virtio_net e1000 8139cp 8139too 8021q af_packet; do
	modprobe -d "$lab/package" -S "$version" --show-depends "$m" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | awk '!seen[$0]++' | while read -r m; do
	cp "$m" "$T/root/modules/"
	basename "$m" >>"$T/root/modules/order"
done
cat >"$T/root/init" <<'GUEST'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /tmp
mount -t proc p /proc
mount -t sysfs s /sys
mount -t devtmpfs d /dev
stty -echo -icanon
while read -r m; do insmod /modules/$m; done </modules/order
n=$(sed 's/.*cards=\([0-9]\).*/\1/' /proc/cmdline) net=$(sed 's/.*net=\([0-9]*\).*/\1/' /proc/cmdline)
for i in $(seq 0 $((n - 1))); do
	for wait in 1 2 3 4 5 6 7 8 9 10; do [ -e /sys/class/net/eth$i ] || sleep 0.5; done
	driver=$(basename "$(readlink /sys/class/net/eth$i/device/driver)")
	unshare -n sleep 1000000 &
	eval "pid_$i=$!"
	while [ "$(readlink /proc/$!/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do :; done
	echo "card $i $driver $(cat /sys/class/net/eth$i/address) mtu $(cat /sys/class/net/eth$i/mtu)"
	ip link set eth$i netns $!
done
# at CARD COMMAND...
at() { eval "pid=\$pid_$1"; shift; nsenter --net=/proc/$pid/ns/net "$@"; }
for i in $(seq 0 $((n - 1))); do
	at $i ip link set lo up
	at $i ip link set eth$i up
	at $i ip addr add 10.0.0.$((net + i))/24 dev eth$i
done
carrier() { at $1 ip link show eth$1 | grep -q LOWER_UP; }
# wait_for TENTHS COMMAND...
wait_for() { local n=$1; shift; while ! "$@"; do n=$((n - 1)); [ $n -gt 0 ] || return 1; sleep 0.1; done; }
echo ready
# The console never ends; a read that fails all the same is not to end the guest.
while :; do
	read -r line || { echo "reading failed"; sleep 0.2; continue; }
	eval "$line" 2>&1
	echo "done $?"
done
GUEST
chmod 755 "$T/root/init"
(cd "$T/root" && find . | cpio -o -H newc --quiet | gzip -1) >"$T/initrd"

declare -A guests
# guest NAME NET NIC...: begin; its console is $T/NAME.in and $T/NAME, its control socket $T/NAME.ctl; card I is 10.0.0.(NET + I). With cpus=N: of N CPUs.
guest()
{
	local name=$1 net=$2 options=() fd
	shift 2
	for n in "$@"; do options+=(--nic "$n"); done
	mkfifo "$T/$name.in"
	exec {fd}<>"$T/$name.in"
	vsw-vmm --name "$name" --cpus "${cpus:-1}" --control "$T/$name.ctl" --memory 160M --kernel "$kernel" --initrd "$T/initrd" --append "console=ttyS0 quiet panic=-1 mitigations=off cards=$# net=$net" \
		"${options[@]}" <"$T/$name.in" >"$T/$name" 2>"$T/$name.err" &
	guests[$name]=$!
}
is_ready() { grep -q '^ready' "$T/$1"; }
# in_guest NAME COMMAND [SECONDS]: what it says, and its status.
in_guest()
{
	local n
	n=$(wc -c <"$T/$1")
	echo "$2" >"$T/$1.in"
	if ! wait_for "${3:-60}" eval "tail -c +$((n + 1)) '$T/$1' | grep -q '^done '"; then
		echo "$1 does not answer to: $2"
		tail -c +$((n + 1)) "$T/$1"
		return 124
	fi
	tail -c +$((n + 1)) "$T/$1" | tr -d '\r' >"$T/said"
	sed '/^done /d' "$T/said"
	return "$(sed -n 's/^done //p' "$T/said")"
}
# The other guest's, and the host's: g1 has 10.0.0.20.., g2 10.0.0.30...
address() { echo "10.0.0.$((${1#g} * 10 + 10 + $2))"; }
has_port() { vsw list-ports br0 | grep -qx "$1"; }
no_port() { ! has_port "$1"; }

# boot NAME...: wait until they are ready; without one of them nothing can be tested.
boot()
{
	local g
	for g; do
		wait_for 240 is_ready "$g" && continue
		tail -n 20 "$T/$g" "$T/$g.err" | sed 's/^/    /'
		not_ok "$g boots" "not ready"
		finish
	done
}

start_switchd
check "a bridge" vsw add-br br0 -- set bridge br0 other_config:hwaddr=02:00:00:00:00:fe
ip addr add 10.0.0.1/24 dev br0
ip link set br0 up
