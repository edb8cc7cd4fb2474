#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each device of the VMM under the project's own guest (tests/liar), on every KVM: ports, registers, interrupts, one queue. Then a guest that lies to all of
# them, beside one that does not: it hurts itself alone, and the log has a line for it.
. "$(dirname "$0")/../lib.sh"

if [ ! -r /dev/kvm ]; then
	skip "devices" "no /dev/kvm here"
	finish
fi
export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
check "a bridge" vsw add-br br0 -- add-port br0 h1-p -- add-port br0 h2-p
# guest NAME WORDS: with one device of each kind; what it says goes to $T/NAME, what the VMM says to $T/NAME.log. In the background: $!
guest()
{
	truncate -s 8M "$T/$1.img"
	vsw-vmm --name "$1" --sandbox on --memory 32M --kernel "$VSW_TOOLS/vmm_liar" --append "$2" --disk "$T/$1.img,serial=payload" --nic br0 \
		--nic br0,model=e1000 --nic br0,model=rtl8139 --nic br0,model=rtl8139,classic=on --virtio-console "socket,path=$T/$1.hvc" \
		<>"$T/$1.in" >"$T/$1" 2>"$T/$1.log" &
}
# verdicts NAME: the guest's are ours; it must have come to its end.
verdicts()
{
	local line
	while read -r line; do
		case $line in
		"ok "*) ok "${line#ok }" ;;
		"not ok "*) not_ok "${line#not ok }" "the guest says so" ;;
		esac
	done <"$T/$1"
	check "it comes to its end" grep -qx done "$T/$1" || { tail -3 "$T/$1"; tail -20 "$T/$1.log"; }
}
# ended PID: by itself, with the guest's code
ended() { wait "$1"; [ $? = 7 ]; }
mkfifo "$T/honest.in" "$T/once.in" "$T/neighbour.in" "$T/liar.in"

guest honest "all echo"
pid=$!
wait_for 30 test -S "$T/honest.hvc" && socat "UNIX-CONNECT:$T/honest.hvc" SYSTEM:"tee $T/hvc0" &
check "an honest guest" ended $pid
verdicts honest
same "what it wrote to its console" "hello from hvc0" "$(cat "$T/hvc0")"
same "nothing is said of one that is honest" "" "$(grep -E 'WARN|ERR' "$T/honest.log")"

guest once once
check "a guest that lies once" ended $!
verdicts once
same "is worth one line" "rng0: a buffer is not in RAM: the device stops until its driver resets it" "$(sed -n 's/.*|WARN|//p' "$T/once.log")"

# Somebody who has nothing to do with it: hosts on the same bridge, a guest of the same kind.
at h2 ping -i 0.05 10.0.0.1 >"$T/ping" &
ping=$!
guest neighbour "rng blk net e1000 steady"
neighbour=$!
rounds() { grep -c "e1000: and its answer comes" "$T/neighbour"; }
several_rounds() { [ "$(rounds)" -gt 2 ]; }
check "a neighbour" wait_for 30 several_rounds
guest liar "all lies"
check "a guest that lies to all its devices" ended $!
verdicts liar
for device in rng0 disk0 console0 balloon0 net0 net1 net2 net3; do
	check "the log has it of $device" grep -qE "WARN\|$device: .*(is not in RAM|stops until its driver resets it)" "$T/liar.log"
done
check "and is not flooded" [ "$(wc -l <"$T/liar.log")" -lt 300 ]
before=$(rounds)
more_rounds() { [ "$(rounds)" -gt $((before + 1)) ]; }
check "the neighbour goes on" wait_for 30 more_rounds
echo q >"$T/neighbour.in"
check "to its own end" ended $neighbour
same "nothing of its own failed" "" "$(grep "^not ok" "$T/neighbour")"
same "nothing is said of it" "" "$(grep -E 'WARN|ERR' "$T/neighbour.log")"
kill $ping
wait $ping 2>/dev/null
cp "$T/ping" "$T/pinged" # it may say more until it has ended
sequence() { sed -n 's/.*icmp_seq=\([0-9]*\) .*time=.*/\1/p' "$T/pinged"; }
same "the switch has lost nothing of others" "" "$(diff <(sequence) <(seq "$(sequence | tail -1)"))"
finish
