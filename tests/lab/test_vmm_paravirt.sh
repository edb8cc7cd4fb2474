#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The small virtio devices under their stock drivers: random bytes, a balloon and free pages that the host gets back, consoles and a named port.
lab_seconds=300
. "$(dirname "$0")/enter.sh"
. "$here/../lib.sh"
. "$here/guest.sh"

make_initrd "$T/initrd" virtio_pci virtio_rng virtio_balloon virtio_console <<'X'
# until WHAT: no longer than the run
until_true() { while ! eval "$1"; do sleep 0.1; done; }
case $(word do) in
all)
	echo "rng=$(cat /sys/class/misc/hw_random/rng_current) bytes=$(dd if=/dev/hwrng bs=64 count=4 iflag=fullblock 2>/dev/null | wc -c)"
	[ "$(dd if=/dev/hwrng bs=64 count=1 iflag=fullblock 2>/dev/null | md5sum)" != "$(dd if=/dev/hwrng bs=64 count=1 iflag=fullblock 2>/dev/null | md5sum)" ] && echo "rng differs"
	until_true '[ $(sed -n "s/^balloon_inflate //p" /proc/vmstat) -ge 32768 ]'
	echo "inflated=$(sed -n 's/^balloon_inflate //p' /proc/vmstat)"
	echo "ports=$(cat /sys/class/virtio-ports/*/name) size=$(stty -F /dev/hvc1 size)"
	# What is typed before a terminal is raw comes back as an echo, too: ask for it, until it comes.
	exec 5<>/dev/hvc0
	stty raw -echo <&5
	while ! read -t 1 -r line <&5; do echo ready >&5; done
	echo "hvc0 heard $line"
	echo "hvc0 says hello" >&5
	port=$(ls /dev/vport*p2)
	exec 5<>$port
	echo ready >&5
	read -r line <&5 && echo "port heard $line"
	dd if=/dev/zero bs=1000 count=500 2>/dev/null >&5
	echo "port says hello" >&5
	mount -t tmpfs -o size=200M tmp /tmp
	dd if=/dev/zero of=/tmp/large bs=1M count=120 2>/dev/null
	echo filled
	read -r line
	rm /tmp/large
	echo removed
	read -r line
	;;
console)
	exec 5<>/dev/hvc0
	stty raw -echo <&5
	echo "hvc0 is here" >&5
	read -r line <&5
	echo "heard $line" >&5
	sleep 0.2
	;;
esac
poweroff -f
X

# talk SOCKET LINE WORD: one client, which says LINE when it is asked, then reads until WORD comes. Prints how many zero bytes came, and the last line.
talk()
{
	python3 - "$1" "$2" "$3" <<'P'
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.settimeout(100)
for _ in range(100):
    try:
        s.connect(sys.argv[1])
        break
    except OSError:
        time.sleep(0.1)
got = b""
asked = False
while sys.argv[3].encode() + b"\n" not in got:
    more = s.recv(65536)
    if not more:
        break
    got += more
    if b"ready" in got and not asked:
        asked = True
        s.sendall(sys.argv[2].encode() + b"\n")
print(got.count(b"\0"), got.replace(b"\0", b"").decode().strip().split("\n")[-1])
P
}
# balloon [BYTES]: the control socket's answer.
balloon()
{
	python3 - "$T/control" "$@" <<'P'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(json.dumps({"id": 1, "method": "balloon", "params": {"target_bytes": int(sys.argv[2])} if len(sys.argv) > 2 else {}}).encode() + b"\n")
print(s.makefile().readline())
P
}
# Resident memory of the large mappings of the guest's process, a child of the one that was started: they are the guest's RAM.
ram_kb()
{
	python3 - "/proc/$(pgrep -P "$1")/smaps" <<'P'
import re, sys
total = size = 0
for line in open(sys.argv[1]):
    m = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
    if m:
        size = int(m[2], 16) - int(m[1], 16)
    elif line.startswith("Rss:") and size >= 64 << 20:
        total += int(line.split()[1])
print(total)
P
}
says() { grep -q -- "$2" "$T/$1"; }

mkfifo "$T/keys"
vsw-vmm --name g1 --kernel "$kernel" --initrd "$T/initrd" --append "console=ttyS0 quiet panic=-1 do=all" --memory 384M --control "$T/control" \
	--virtio-console "socket,path=$T/hvc0" --virtio-console "socket,path=$T/hvc1" --virtio-console "socket,path=$T/port,name=org.vsw.test" \
	<>"$T/keys" >"$T/g1" 2>"$T/g1.err" &
pid=$!
check "its control socket is there" wait_for 20 test -S "$T/control"
balloon $((256 << 20)) >"$T/target"
same "hvc0, both ways" "0 hvc0 says hello" "$(talk "$T/hvc0" "from the host" "says hello")"
same "a port with a name, both ways, half a megabyte" "500000 port says hello" "$(talk "$T/port" "to the port" "port says hello")"
check "the guest fills its memory" wait_for 120 grep -q filled "$T/g1"
sed 's/^/    /' "$T/g1" "$T/g1.err"
check "random bytes by the stock driver" says g1 'rng=virtio_rng.0 bytes=256'
check "and not the same ones" says g1 'rng differs'
check "the balloon grows to what was asked" says g1 'inflated=327[67]'
known() { balloon | grep -q '"total_bytes": *[1-9]'; }
check "it says how it is doing" wait_for 20 known
has_shrunk() { balloon | grep -q '"actual_bytes": *268435456'; }
check "and what it has left" wait_for 20 has_shrunk
check "the port has its name" says g1 'ports=org.vsw.test'
check "the console heard us" says g1 'hvc0 heard from the host'
check "the port heard us" says g1 'port heard to the port'
full=$(ram_kb $pid)
echo >"$T/keys"
check "it frees it" wait_for 60 grep -q removed "$T/g1"
less() { [ "$(ram_kb $pid)" -lt $((full - 80000)) ]; }
check "and the host gets it back (from $full KiB)" wait_for 60 less
echo >"$T/keys"
check "it ends" wait $pid

# What is typed before anybody reads is kept.
echo typed | timeout 100 vsw-vmm --name g2 --kernel "$kernel" --initrd "$T/initrd" --append "console=hvc0 quiet panic=-1 do=console" --memory 192M \
	--console none --virtio-console stdio >"$T/g2" 2>"$T/g2.err"
same "a console on standard input and output: it ends by itself" 0 $?
check "what it says" says g2 'hvc0 is here'
check "what it heard" says g2 'heard typed'
check_fails "standard input is one console's" "another console's" vsw-vmm --name x --kernel "$kernel" --virtio-console stdio
check_fails "the first is a console" "the first is a console" vsw-vmm --name x --kernel "$kernel" --console none --virtio-console stdio,name=x
check_fails "a socket has a path" "a path was expected" vsw-vmm --name x --kernel "$kernel" --virtio-console socket
finish
