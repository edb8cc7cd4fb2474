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

for how in nobpf broken; do
	: >"$T/switchd.log"
	real_path=$PATH PATH=$T/$how:$PATH
	start_switchd
	same "$how: user instead" user "$(datapath)"
	same "$how: one line says so" 1 "$(n_lines 'main.WARN.*using user')"
	grep 'using user' "$T/switchd.log" | sed 's/^/    /'
	check "$how: ping" pings h1 10.0.0.2 3
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
