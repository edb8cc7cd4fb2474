#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Completion as it happens: an interactive bash on a terminal, words typed, TAB pressed, the line read back.
. "$(dirname "$0")/../lib.sh"

if [ ! -r /usr/share/bash-completion/bash_completion ]; then
	skip completion "no bash-completion package"
	finish
fi
start_switchd
vsw add-br br0 -- add-port br0 tap0 type=tap -- add-br other -- add-port other tap1 type=tap
mkdir "$T/files"
touch "$T/files/rules.txt"

# stdin: lines to type, each followed by TAB; stdout: what each became. Bash prints its line between < and > on Ctrl-G.
cat >"$T/type.py" <<'PY'
import os, pty, re, select, sys
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1="$ ", TERM="dumb", INPUTRC="/dev/null")
    os.chdir(sys.argv[2])
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
def until(pattern):
    data = b""
    while not re.search(pattern, data):
        if not select.select([fd], [], [], 20)[0]:
            sys.exit(f"bash says nothing: {data!r}")
        data += os.read(fd, 65536)
    return re.search(pattern, data)
os.write(fd, b". /usr/share/bash-completion/bash_completion; . " + sys.argv[1].encode() + b"; bind 'set bell-style none'; bind 'set "
         b"completion-query-items 0'; bind 'set page-completions off'; bind -x '\"\\C-g\": echo \"<$READLINE_LINE>\"'; echo rea''dy\n")
until(rb"\nready|ready\r\n")
for line in sys.stdin.read().splitlines():
    os.write(fd, b"\x15" + line.encode() + b"\t\x07")
    print(until(rb"\n<([^\n]*)>\r?\n")[1].decode())
PY

typed=() expected=()
# completes TEXT RESULT: TEXT and TAB give RESULT.
completes()
{
	typed+=("$1")
	expected+=("$2")
}
completes "vsw add-po" "vsw add-port "
completes "vsw dump-ag" "vsw dump-aggregate "
completes "vsw del-br b" "vsw del-br br0 "
completes "vsw del-br --if" "vsw del-br --if-exists "
completes "vsw --ti" "vsw --timeout="
completes "vsw --format=cs" "vsw --format=csv "
completes "vsw --format cs" "vsw --format csv "
completes "vsw del-port br0 t" "vsw del-port br0 tap0 "
completes "vsw dump-flows --sort=tcp o" "vsw dump-flows --sort=tcp other "
completes "vsw del-port other t" "vsw del-port other tap1 "
completes "vsw port-to-br t" "vsw port-to-br tap"
completes "vsw add-port br0 p1 ta" "vsw add-port br0 p1 tag="
completes "vsw add-br b9 fail_m" "vsw add-br b9 fail_mode="
completes "vsw list Brid" "vsw list Bridge "
completes "vsw set interface ta" "vsw set interface tap"
completes "vsw set port tap0 vlan_m" "vsw set port tap0 vlan_mode="
completes "vsw get port tap0 vlan_m" "vsw get port tap0 vlan_mode "
completes "vsw add-flows br0 ru" "vsw add-flows br0 rules.txt "
completes "vsw set-fail-mode br0 sec" "vsw set-fail-mode br0 secure "
completes "vsw add-br x -- del-br oth" "vsw add-br x -- del-br other "
completes "vsw fdb fl" "vsw fdb flush "
completes "vsw service sto" "vsw service stop "
completes "vsw help list-i" "vsw help list-ifaces "
completes "vsw frobnicate x" "vsw frobnicate x"
completes "vsw show x" "vsw show x"
completes "vsw --rundir $T/none del-br b" "vsw --rundir $T/none del-br b"

printf '%s\n' "${typed[@]}" | python3 "$T/type.py" "$TOP/completions/vsw" "$T/files" >"$T/became" 2>"$T/type.err" ||
	not_ok "driving bash" "$(cat "$T/type.err")"
mapfile -t became <"$T/became"
for i in "${!typed[@]}"; do
	same "${typed[i]}<TAB>" "${expected[i]}" "${became[i]:-}"
done

# Each command of the table completes from its own name, and nothing else than commands is offered first.
same "all commands are offered" "$(vsw --help | sed -n 's/^  \([a-z][a-z-]*\).*/\1/p' | sort)" "$(vsw __complete '' | sort)"
finish
