#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian 12's kernel has no tcx links: a daemon that is killed and started again under traffic, with clsact filters alone. The kernel is locked
# down, as one that was booted securely: it lets no BPF program read its memory, which ours does not do.
lab_seconds=300
lab_append=lockdown=confidentiality
. "$(dirname "$0")/enter.sh"
VSW_TEST_DATAPATH=ebpf
. "$here/../lib.sh"
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
check "the kernel is locked down" grep -qF "[confidentiality]" /sys/kernel/security/lockdown
check "which doctor finds no fault with" eval 'vsw --json doctor | jq -e "any(.findings[]; .what == \"tc programs\" and .state == \"yes\")"'
start_switchd
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
check "ports" vsw add-br br0 -- add-port br0 h1-p -- add-port br0 h2-p
check "ping" pings h1 10.0.0.2 3
program() { bpftool -j prog show pinned /sys/fs/bpf/vsw/*/v*/vsw_port | jq .id; }
id=$(program)
at h1 ping -q -i 0.02 10.0.0.2 >"$T/ping" &
ping=$!
for round in 1 2; do
	rx=$(at h2 ip -s -j link show eth0 | jq '.[0].stats64.rx.packets')
	stop_switchd KILL
	check "the kernel goes on, round $round" wait_for 20 eval '[ $(at h2 ip -s -j link show eth0 | jq ".[0].stats64.rx.packets") -gt '$((rx + 20))' ]'
	start_switchd
	check "flows are adopted, round $round" [ "$(grep -c 'of those flows go on' "$T/switchd.log")" = $round ]
done
same "the program was not verified again" "$id" "$(program)"
kill -INT "$(pgrep -P $ping || echo $ping)"
wait $ping
read -r sent received < <(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' "$T/ping")
same "no ping of $sent is lost" "$sent" "$received"
same "by filters" 2 "$(for d in h1-p h2-p; do tc filter show dev $d ingress; done | grep -c vsw_port)"
stop_switchd KILL
check "purge" vsw-switchd --rundir "$VSW_RUNDIR" --stop --purge
same "nothing is left" "" "$(ls /sys/fs/bpf/vsw 2>/dev/null; tc filter show dev h1-p ingress)"
finish
