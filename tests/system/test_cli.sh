#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command line: words, exit statuses, output, JSON, errors in one line, speed, and what it does when the daemon is not there.
. "$(dirname "$0")/../lib.sh"

# ---- without a daemon
check_fails "no daemon: says how to start it" 'vsw-switchd is not running \(there is no .*/vsw.sock\); `vsw service start` starts it' vsw list-br
check_fails "version without a daemon" 'vsw-switchd is not running' vsw version
check "--version needs none" vsw --version
check "--help needs none" vsw --help
same "help of a command" "del-br: delete a bridge and its ports" "$(vsw help del-br | head -1)"
same "--help behind a command" "$(vsw help add-port)" "$(vsw add-port --help)"
vsw service status >/dev/null
same "service status: 2 is 'no'" 2 $?
check_fails "no command" 'a command is missing' vsw
check_fails "unknown command: the nearest" "there is no command 'lst-br'; did you mean list-br\?" vsw lst-br
check_fails "unknown option: those that there are" "del-br: unknown option '--now'; it has --if-exists" vsw del-br --now br0
check_fails "too few arguments: usage" 'add-port: too few arguments; usage: vsw add-port BRIDGE PORT' vsw add-port br0
check_fails "too many arguments" "list-br: 'x' is one argument too many" vsw list-br x
check_fails "bad time-out" "--timeout: 'soon' is not a number of seconds" vsw --timeout soon list-br
check_fails "global option without its value" '--rundir needs a value' vsw list-br --rundir
check_fails "argument that is not text" 'argument 2 is not UTF-8 text' vsw add-br $'\xff\xfe'
check_fails "flows are no part of transactions" "'add-flow' cannot be joined" vsw add-br br0 -- add-flow br0 actions=drop
same "JSON of an error" '"ENOENT"' "$(vsw --json list-br 2>/dev/null | jq -c .error.code)"
check_fails "a socket of something else" 'what answers there is not vsw-switchd' bash -c '
	mkdir -p "$0/odd"
	socat "UNIX-LISTEN:$0/odd/vsw.sock" SYSTEM:"read -r line; echo hello" &
	until [ -S "$0/odd/vsw.sock" ]; do read -rt 0.02 <> <(:); done
	exec vsw --rundir "$0/odd" list-br' "$T"

# ---- with one
check "service start" vsw service start --db "$T/conf.db" --datapath "$DATAPATH"
check "service start again is no error" vsw service start
check "service status" vsw service status
same "service status says the run folder" "\"$VSW_RUNDIR\"" "$(vsw -j service status | jq .rundir)"
switchd_pid=

check "a transaction" vsw add-br br0 -- add-br br1 -- set bridge br1 fail_mode=secure
same "list-br" $'br0\nbr1' "$(vsw list-br)"
check_fails "all or nothing" "no such network device" vsw add-br br2 -- add-port br2 eth9
same "nothing" $'br0\nbr1' "$(vsw list-br)"
check_fails "it is there already" 'br0' vsw add-br br0
check "--may-exist before the name" vsw --may-exist add-br br0
check "--may-exist behind it" vsw add-br br0 --may-exist
check "a leading --" vsw -- --may-exist add-br br0 -- add-br br3
check "--dry-run" vsw --dry-run add-br br9
vsw br-exists br9
same "br-exists: no" 2 $?
vsw br-exists br0
same "br-exists: yes" 0 $?
same "JSON of a question" '{"exists":false}' "$(vsw -j br-exists br9 | jq -c .)"
same "JSON of one command" '{"bridges":["br0","br1","br3"]}' "$(vsw -j list-br | jq -c .)"
same "JSON of a transaction" '[{},{"fail_mode":"secure"}]' \
	"$(vsw -j set-fail-mode br0 secure -- get-fail-mode br0 | jq -c .commands)"
check "del-br" vsw del-br br3 -- --if-exists del-br br9 -- del-fail-mode br0

same "table" $'name fail_mode\n---- ---------\nbr1  secure' "$(vsw --format=table --columns=name,fail_mode find bridge fail_mode=secure)"
same "csv" $'name,fail_mode\nbr1,secure' "$(vsw -f csv --columns=name,fail_mode find bridge fail_mode=secure)"
same "csv without headings" br1,secure "$(vsw --format csv --no-headings --columns name,fail_mode find bridge fail_mode=secure)"
same "bare" br1 "$(vsw --bare --columns=name find Bridge fail_mode=secure)"
same "json table" '["br1"]' "$(vsw --format=json --columns=name find bridge fail_mode=secure | jq -c '.data[0]')"
same "list" 'name                : br1' "$(vsw --columns=name list bridge br1)"
same "get a key" '"7"' "$(vsw set bridge br0 external_ids:x=7 -- get bridge br0 external_ids:x)"
same "a name for a new row" "br0" "$(vsw -- --id=@m create mirror name=m0 output_vlan=99 -- add bridge br0 mirrors @m >/dev/null && vsw --bare --columns=name find bridge 'mirrors!=[]')"
check "clear" vsw clear bridge br0 mirrors
check_fails "unknown column" 'no column' vsw get bridge br0 colour
check_fails "bad VLAN" '4095' vsw add-port br0 p0 tag=4095 type=internal

printf 'priority=9,arp actions=NORMAL\n\n# a comment\nip,nw_dst=10.0.0.0/8 actions=drop\n' >"$T/flows"
check "add-flows" vsw add-flows br0 "$T/flows"
check "add-flows from standard input" vsw add-flows br0 - <"$T/flows"
printf 'arp actions=drop\nip nw_src=10.0.0.1 actions=frob\n' >"$T/bad"
check_fails "a bad line is named" "add-flows $T/bad line 2: column [0-9]+:" vsw add-flows br0 "$T/bad"
same "and nothing of the file is there" "" "$(vsw --no-stats dump-flows br0 arp | grep drop)"
check_fails "no such file" "cannot open $T/none: No such file" vsw add-flows br0 "$T/none"
check_fails "the file is a folder" "cannot read $T: Is a directory" vsw add-flows br0 "$T"
same "dump-flows" $' priority=9,arp actions=NORMAL\n ip,nw_dst=10.0.0.0/8 actions=drop' "$(vsw dump-flows --no-stats br0 | grep -v priority=0 | sort -r)"
same "sorted" " ip,nw_dst=10.0.0.0/8 actions=drop" "$(vsw dump-flows --no-stats --rsort br0 | head -1)"
same "JSON of flows" '{"match":"arp","priority":9}' "$(vsw -j dump-flows br0 arp | jq -cS '.bridges[0].flows[0]|{match,priority}')"
same "without a bridge: all of them" "br0: br1:" "$(vsw dump-flows | grep : | tr -d ' ' | grep '^br' | tr '\n' ' ' | sed 's/ $//')"
vsw --no-stats dump-flows br0 >"$T/dump"
check "diff-flows: none" vsw diff-flows br0 "$T/dump"
echo 'udp actions=drop' >>"$T/dump"
same "diff-flows" "+udp actions=drop" "$(vsw diff-flows br0 "$T/dump")"
vsw diff-flows "$T/dump" br0 >/dev/null
same "diff-flows: 2 when they differ" 2 $?
check "diff-flows of files" vsw diff-flows "$T/dump" "$T/dump"
check "replace-flows" vsw replace-flows br0 "$T/dump"
check "then they are the same" vsw diff-flows "$T/dump" br0
check "del-flows" vsw del-flows br0
same "all gone" "" "$(vsw dump-flows br0)"
check_fails "flow of no bridge" 'br7' vsw dump-flows br7

check "fdb add" vsw fdb add br0 LOCAL 5 00:11:22:33:44:55
same "fdb" "00:11:22:33:44:55" "$(vsw -j fdb br0 | jq -r '.bridges[0].entries[0].mac')"
check "fdb del" vsw fdb del br0 5 00:11:22:33:44:55
check_fails "fdb: not a VLAN" "'99999' is not a VLAN" vsw fdb del br0 99999 00:11:22:33:44:55
check_fails "fdb: no such verb" "'frob' is none of show, flush, add, del" vsw fdb frob br0 x
check "log" vsw log main:dbg info
check_fails "no such level" 'loud' vsw log loud
same "trace" "Datapath actions: drop" "$(vsw trace br1 in_port=1,udp | tail -1)"

# A reader that goes away early is no crash.
check "a closed pipe" bash -c 'vsw list interface | head -1; [ "${PIPESTATUS[0]}" != 139 ]'
check_fails "a full disk behind standard output" 'No space left' bash -c 'exec vsw show >/dev/full'

# ---- speed: the median of many runs is what a command costs
best=$(for _ in $(seq 20); do
	start=${EPOCHREALTIME/./}
	vsw list-br >/dev/null
	echo $((${EPOCHREALTIME/./} - start))
done | sort -n | sed -n 10p)
if [ -n "$(nm "$VSW_BIN/vsw" 2>/dev/null | grep -m1 __asan)" ]; then
	skip "a command answers in under 10 ms" "sanitizers are slow (it took $best us)"
elif [ "$best" -lt 10000 ]; then
	ok "a command answers in under 10 ms"
else
	not_ok "a command answers in under 10 ms" "median $best us"
fi

same "the loader brings in no library that the questions need not" "" "$(readelf -d "$VSW_BIN/vsw" | grep -oE 'lib(pcap|bpf)\.so[^]]*')"

check "service restart keeps the database" vsw service restart
same "the bridges are there" $'br0\nbr1' "$(vsw list-br)"
check "service stop" vsw service stop
check "service stop again is no error" vsw service stop
check_fails "after it: not running" 'vsw-switchd is not running' vsw list-br
check_fails "a datapath that does not exist" 'vsw-switchd does not start: .*warp' vsw service start --db "$T/x.db" --datapath warp

# ---- with systemd, or what looks like it: the unit is started there, and only for the default run folder
mkdir -p /run/systemd/system "$T/fake"
cp "$TOP/packaging/vsw-switchd.service" /run/systemd/system/
printf '#!/bin/bash\necho "$*" >>%q; [ "$1" != stop ]\n' "$T/systemctl.log" >"$T/fake/systemctl"
chmod +x "$T/fake/systemctl"
export PATH=$T/fake:$PATH
check "systemd: start" env VSW_RUNDIR=/run/vsw vsw service start
check "systemd: restart" vsw --rundir /run/vsw service restart
check_fails "systemd: a failure" 'systemctl stop vsw-switchd.service failed; journalctl -u vsw-switchd.service says why' vsw --rundir /run/vsw service stop
check "another run folder is no business of systemd" vsw service stop
same "systemd was asked" "start restart stop" "$(awk '{print $1}' "$T/systemctl.log" | tr '\n' ' ' | sed 's/ $//')"
finish
