#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Which datapath a daemon takes when it is not told: ebpf where the kernel lets it, else user, with one line that says why. And from one to the
# other: what the ebpf datapath left in the kernel goes.
. "$(dirname "$0")/../lib.sh"
DATAPATH=auto
datapath() { vsw --json service status | jq -r .datapath; }
n_lines() { grep -c "$1" "$T/switchd.log"; }
# A daemon that may do what a daemon of user needs, and no BPF.
mkdir "$T/nobpf"
cat >"$T/nobpf/vsw-switchd" <<X
#!/bin/bash
exec setpriv --bounding-set=-bpf,-sys_admin,-perfmon $VSW_BIN/vsw-switchd "\$@"
X
# One to whom bpf(2) is refused as such: a filter of system calls, a kernel that is locked down.
mkdir "$T/nosyscall"
cat >"$T/nosyscall/vsw-switchd" <<X
#!/usr/bin/env python3
import ctypes, os, struct, sys
SYS_bpf, ALLOW, EPERM = {"x86_64": 321, "aarch64": 280}[os.uname().machine], 0x7fff0000, 0x00050001
code = struct.pack("HBBIHBBIHBBIHBBI", 0x20, 0, 0, 0, 0x15, 0, 1, SYS_bpf, 6, 0, 0, EPERM, 6, 0, 0, ALLOW)
buf = ctypes.create_string_buffer(code)
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(buf)))
libc = ctypes.CDLL(None, use_errno=True)
assert not libc.prctl(38, 1, 0, 0, 0) and not libc.prctl(22, 2, program, 0, 0), ctypes.get_errno()
os.execv("$VSW_BIN/" + os.path.basename(sys.argv[0]), sys.argv)
X
chmod +x "$T/nosyscall/vsw-switchd"
ln "$T/nosyscall/vsw-switchd" "$T/nosyscall/vsw"
# One whose program no verifier takes: an instruction of it is none.
mkdir "$T/broken"
python3 - "$VSW_BIN/vsw-switchd" "$T/broken/vsw-switchd" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
constant = b"\x15\x7c\x4a\x7f\x00\x00\x00\x00\xb9\x79\x37\x9e"
at = data.find(constant)
assert at > 4 and data[at - 4] == 0x18
data[at - 4] = 0xff
open(sys.argv[2], "wb").write(data)
PY
chmod +x "$T"/*/vsw-switchd

start_switchd
if [ "$(datapath)" != ebpf ]; then
	skip "auto" "BPF is not allowed here"
	finish
fi
ok "the ebpf datapath, where it works"
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
check "bridge" vsw add-br br0 -- add-port br0 h1-p -- add-port br0 h2-p
check "ping" pings h1 10.0.0.2 3
same "nobody complains" 0 "$(n_lines 'using user')"
stop_switchd KILL

for how in nobpf nosyscall broken; do
	: >"$T/switchd.log"
	real_path=$PATH PATH=$T/$how:$PATH
	start_switchd
	same "$how: user instead" user "$(datapath)"
	same "$how: one line says so" 1 "$(n_lines 'main.WARN.*using user')"
	grep 'using user' "$T/switchd.log" | sed 's/^/    /'
	check "$how: ping" pings h1 10.0.0.2 3
	check "$how: doctor says so" eval 'vsw --json doctor | jq -e "any(.findings[]; .area == \"switch\" and .state == \"limited\" and (.what | test(\"datapath user, because ebpf does not work here\")))"'
	stop_switchd
	check_fails "$how: with --datapath ebpf it does not start" "BPF" vsw-switchd --rundir "$VSW_RUNDIR" --db "$VSW_RUNDIR/conf.db" --datapath ebpf
	sed 's/^/    /' "$T/check.err"
	PATH=$real_path
	start_switchd
	same "$how: and back" ebpf "$(datapath)"
	check "$how: ping" pings h1 10.0.0.2 3
	stop_switchd
done
check "the verifier's verdict is in the log" grep -q "unknown opcode" "$T/check.err"

# Nowhere to pin: the kernel forwards as long as the daemon lives, and it is said that it would not outlive it. No limit on locked memory is needed.
purge() { vsw-switchd --rundir "$VSW_RUNDIR" --stop --purge; }
purge
unpinned()
{
	: >"$T/switchd.log"
	real_path=$PATH PATH=$T/limited:$PATH
	start_switchd
	PATH=$real_path
	same "$1: ebpf all the same" ebpf "$(datapath)"
	same "$1: one line says what is missing" 1 "$(n_lines 'WARN.*a restart will interrupt traffic')"
	check "$1: ping" wait_for 10 pings h1 10.0.0.2 3
	stop_switchd
	purge
	same "$1: nothing is left" "" "$(tc filter show dev h1-p ingress; tc qdisc show dev h1-p clsact)"
}
mkdir "$T/limited"
printf '#!/bin/bash\nexec prlimit --memlock=0:0 %s/vsw-switchd "$@"\n' "$VSW_BIN" >"$T/limited/vsw-switchd"
chmod +x "$T/limited/vsw-switchd"
mount -o remount,ro /sys/fs/bpf
unpinned "read-only BPF file system"
mount -o remount,rw /sys/fs/bpf
mount -t tmpfs tmpfs /sys/fs/bpf
printf '#!/bin/bash\nexec setpriv --bounding-set=-sys_admin %s/vsw-switchd "$@"\n' "$VSW_BIN" >"$T/limited/vsw-switchd"
unpinned "no BPF file system, and none may be mounted"
check "doctor knows" eval 'vsw --json doctor | jq -e "any(.findings[]; (.what | test(\"pinning\")) and .state == \"no\")"'
umount /sys/fs/bpf

# From ebpf to user on purpose: nothing of the former stays.
start_switchd
stop_switchd
DATAPATH=user
start_switchd
same "no pins" "" "$(ls /sys/fs/bpf/vsw 2>/dev/null)"
check "the port has the other program" eval 'tc filter show dev h1-p ingress | grep -q vsw_drop'
same "and only that" 1 "$(tc filter show dev h1-p ingress | grep -c 'name vsw')"
check "ping" pings h1 10.0.0.2 3
stop_switchd
same "no filter after a stop of user" "" "$(tc filter show dev h1-p ingress)"
# systemd and `vsw service` ask the daemon itself.
DATAPATH=auto
start_switchd
check "vsw service stop" vsw service stop
wait "$switchd_pid" 2>/dev/null
switchd_pid=
check "pins stay" eval 'ls /sys/fs/bpf/vsw/*/v*'
start_switchd
check "vsw service stop --purge" vsw service stop --purge
wait "$switchd_pid" 2>/dev/null
switchd_pid=
same "and do not" "" "$(ls /sys/fs/bpf/vsw 2>/dev/null)"
same "nor do devices" "" "$(ip -o link | grep -v 'h[12]-p\|lo:\|gre0\|gretap0\|erspan0')"
same "nor filters" "" "$(tc filter show dev h1-p ingress)"
finish
