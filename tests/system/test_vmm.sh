#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# vsw-vmm with a guest of a few instructions, which runs on every KVM: console, control socket, isolation, its end.
. "$(dirname "$0")/../lib.sh"

if [ ! -r /dev/kvm ]; then
	skip "vsw-vmm" "no /dev/kvm here"
	finish
fi
# A report of leaks wants files, which the guest's process has none of.
export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
python3 "$TOP/tests/tools/vmm_payload.py" "$T/payload"
truncate -s 8M "$T/disk.img"
ctl() { python3 "$TOP/tests/tools/vmm_control.py" "$T/g.ctl" "$@"; }
common=(--sandbox on --memory 32M --kernel "$T/payload")
# start OPTION...: a guest with its console on a pipe; $pid is what was started, $guest the process that has the guest.
start()
{
	rm -f "$T/keys" "$T/out"
	mkfifo "$T/keys"
	vsw-vmm "${common[@]}" --name g --control "$T/g.ctl" --disk "$T/disk.img" --cpus 2 "$@" <>"$T/keys" >"$T/out" 2>"$T/err" &
	pid=$!
	wait_for 30 grep -q up "$T/out" || { sed 's/^/    /' "$T/err"; not_ok "a guest starts"; finish; }
	guest=$(pgrep -P $pid)
}
# ended STATUS: the guest ends with it.
ended()
{
	local status
	wait $pid
	status=$?
	[ $status = "$1" ] || { echo "status $status, expected $1"; cat "$T/err"; return 1; }
}

start
echo -n ab >"$T/keys"
check "what is typed reaches the guest, and what it says comes back" wait_for 10 grep -q ab "$T/out"

# Isolation: of every thread but the kernel's own.
check "no thread has capabilities, each has a seccomp filter and no_new_privs" eval '
	for t in /proc/$guest/task/*; do
		case $(cat $t/comm) in kvm-nx* | vhost-*) continue ;; esac
		grep -q "^CapEff:.0000000000000000" $t/status && grep -q "^CapBnd:.0000000000000000" $t/status &&
			grep -q "^Seccomp:.2" $t/status && grep -q "^NoNewPrivs:.1" $t/status || { cat $t/comm $t/status; false; break; }
	done'
for ns in mnt pid ipc; do
	check "its $ns namespace is its own" [ "$(readlink /proc/$guest/ns/$ns)" != "$(readlink /proc/self/ns/$ns)" ]
done
same "its root folder has nothing but the run folder" "$VSW_RUNDIR" "$(cd /proc/$guest/root && find . -mindepth 1 -type d -not -path './proc*' | sort | tail -1 | sed 's/^\.//')"
check "and cannot be written to" eval '! touch /proc/$guest/root/x 2>/dev/null && ! touch /proc/$guest/root$VSW_RUNDIR/x 2>/dev/null'

# The control socket.
same "status" '"g" "running" 2 33554432' "$(ctl status | jq -c '.name, .state, .cpus, .memory_bytes' | paste -sd' ')"
same "the process to signal" $pid "$(ctl status | jq .pid)"
check "counters: exits, the serial port, the disk's queues" eval 'ctl stats | jq -e ".exits.io > 0 and .serial.received_bytes >= 2 and (.disks[0].queues | length) == 2"'
check "pause" eval '[ "$(ctl pause | jq -r .state)" = paused ] && [ "$(ctl status | jq -r .state)" = paused ]'
n=$(ctl stats | jq .exits.io)
echo -n c >"$T/keys"
same "a paused guest does nothing" "$n" "$(ctl stats | jq .exits.io)"
ctl resume >/dev/null
check "resume: it goes on where it was" wait_for 10 grep -q abc "$T/out"
check "the console's last words" eval '[ "$(ctl console/dump "{\"bytes\": 3}" | jq -r .text)" = abc ]'
check "reset" eval 'ctl reset >/dev/null; wait_for 10 eval "[ \$(grep -c up \"$T/out\") = 2 ]"'
echo -n r >"$T/keys"
check "the guest's own reset" wait_for 10 eval '[ $(grep -c up "$T/out") = 3 ]'
check "a disk comes: its image is a descriptor" eval '
	truncate -s 4M "$T/more.img"
	[ "$(ctl disk/attach "{\"file\": \"more\", \"serial\": \"s\"}" --fd "$T/more.img" | jq -c ".name, .bytes, .serial" | paste -sd" ")" = "\"disk1\" 4194304 \"s\"" ]'
check_fails "which is locked" "more: .*has it open" ctl disk/attach '{"file": "more"}' --fd "$T/more.img"
check "and its thread is locked up, too" eval 'for t in /proc/$guest/task/*; do [ "$(cat $t/comm)" != disk1-0 ] || grep -q "^Seccomp_filters:.2" $t/status || exit 1; done'
check "a guest that does not listen to ACPI loses it at once" eval 'ctl disk/detach "{\"name\": \"disk1\"}" && [ "$(ctl status | jq ".disks | length")" = 1 ]'
check_fails "a disk without its descriptor" "descriptor was expected" ctl disk/attach '{"file": "more"}'
check_fails "a descriptor that cannot be written to" "not open for reading and writing" ctl disk/attach '{"file": "more"}' --fd "$T/more.img" --readonly
check_fails "a disk that is none" "no disk named 'disk9'" ctl disk/detach '{"name": "disk9"}'
check_fails "an unknown method" "unknown method 'nope'" ctl nope
check_fails "an unknown parameter" 'unknown parameter "x"' ctl status '{"x": 1}'
check_fails "a wrong value" '"bytes": 0: 1 to' ctl console/dump '{"bytes": 0}'
check_fails "an image that is in use" "disk.img: .*has it open" vsw-vmm "${common[@]}" --name h --disk "$T/disk.img"
check_fails "a control socket that is in use" "g.ctl: .*" vsw-vmm "${common[@]}" --name h --control "$T/g.ctl"
check "kill: the answer still comes, the status is 1, the socket is gone" eval 'ctl kill && ended 1 && [ ! -e "$T/g.ctl" ]'


# Its end, in all manners.
start
echo -n o >"$T/keys"
check "it switches itself off: status 0" ended 0
start
echo -n q >"$T/keys"
check "debug exit: its code" ended 7
start --no-reboot
echo -n r >"$T/keys"
check "a reset with --no-reboot" ended 0
start
kill $pid
check "SIGTERM" ended 1
start
kill -9 $pid
check "kill -9 takes the guest along" wait_for 10 eval '! kill -0 $guest'
{ wait $pid; } 2>/dev/null
start
kill -9 "$guest"
check "somebody kills the guest's process: one line says so" eval 'ended 1; grep -q "g: killed by signal 9" "$T/err"'

# Memory of other kinds; 3 GiB and more lie on both sides of the hole.
memory()
{
	printf q | vsw-vmm "${common[@]}" --name m --memory "$1" >"$T/out" 2>"$T/err"
	[ $? = 7 ] || { cat "$T/err"; return 1; }
}
for kind in 64M,backend=memfd,thp=off 64M,mergeable=on,numa=0 32M,locked=on 3073M; do
	check "memory: $kind" memory $kind
done

# What the kernel says of it: with MEMORY COMMAND...: a guest with it is there while the command runs; $guest is its process.
with()
{
	local status
	: >"$T/out" # what the one before said is not this one's
	vsw-vmm "${common[@]}" --name m --memory "$1" <>"$T/keys" >"$T/out" 2>"$T/err" &
	pid=$!
	wait_for 30 grep -q up "$T/out" || { cat "$T/err"; return 1; }
	guest=$(pgrep -P $pid)
	shift
	"$@"
	status=$?
	echo -n q >"$T/keys"
	wait $pid
	return $status
}
# ram KEY: of the mapping that is the guest's RAM, the largest one, from smaps.
ram()
{
	awk -v key="$1:" '/^[0-9a-f]+-/ { size = 0 } $1 == "Size:" { size = $2 } $1 == key && size > max { max = size; value = $2 } END { print value }' "/proc/$guest/smaps"
}
flags() { awk '/^[0-9a-f]+-/ { size = 0 } $1 == "Size:" { size = $2 } $1 == "VmFlags:" && size > max { max = size; value = $0 } END { print value }' "/proc/$guest/smaps"; }
if ! grep -q __asan_init "$(command -v vsw-vmm)"; then # whose own memory is larger
	has() { [ -e "$1" ] || ! skip "$2" "this kernel has none"; }
	has /sys/kernel/mm/transparent_hugepage "large pages" && check "large pages are asked for" with 96M eval 'flags | grep -q " hg "'
	check "or not" with 96M,thp=off eval '! flags | grep -q " hg "'
	has /sys/kernel/mm/ksm "equal pages shared" && check "mergeable" with 96M,mergeable=on eval 'flags | grep -q " mg "'
	check "shared memory" with 96M,backend=memfd eval 'grep -q "rw-s.*memfd:vsw-guest" /proc/$guest/maps'
	has /proc/self/numa_maps "NUMA" && check "from one node" with 96M,numa=0 eval 'grep -q "bind:0.*" /proc/$guest/numa_maps'
	check "locked: all of it is there" with 96M,locked=on eval '[ "$(ram Rss)" = 98304 ] && [ "$(sed -n "s/^VmLck:[^0-9]*\([0-9]*\).*/\1/p" /proc/$guest/status)" -ge 98304 ]'
fi
check_fails "more than may be locked" "locking 64 MiB: .*ulimit -l" setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock prlimit --memlock=65536 \
	vsw-vmm "${common[@]}" --name m --memory 64M,locked=on

# The console as a socket.
vsw-vmm "${common[@]}" --name g --control "$T/g.ctl" --rundir "$T" --console socket >"$T/out" 2>&1 &
pid=$!
check "a console on a socket" wait_for 10 socat -u /dev/null "UNIX-CONNECT:$T/g.console"
exec 7<> >(socat - UNIX-CONNECT:"$T/g.console" >"$T/tty")
echo -n abc >&7
check "who connects talks to the guest" wait_for 10 grep -q abc "$T/tty"
exec 7>&-
ctl kill >/dev/null
check "the socket goes with it" eval 'ended 1; [ ! -e "$T/g.console" ]'
finish
