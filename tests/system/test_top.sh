#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `vsw top`: rates that agree with what was sent, on a pipe, as JSON and on a terminal.
. "$(dirname "$0")/../lib.sh"

start_switchd
mkbridge br0 3
check "ping" pings h1 10.0.0.2 2

# 200 pings a second for as long as we look.
at h1 ping -q -i 0.005 -s 1000 10.0.0.2 >/dev/null &
pinger=$!
vsw add-flow br0 "priority=9,in_port=h3-p,udp,actions=drop"
at h3 python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    s.sendto(b"x", ("10.0.0.2", 9)); time.sleep(0.01)' &
dropper=$!
# busy: does a report show both?
busy()
{
	vsw --json top --interval 0.5 >"$T/top.json" || return
	jq -e '(.ports[] | select(.name == "h1-p") | .rx_pps > 20 and .tx_pps > 20 and .rx_bps > 160000 and .up) and
	       (.drops | any(.reason == "rule-drop" and .per_s > 1))' "$T/top.json"
}
check "rates of ports and drops" wait_for 20 busy
check "a ping is as much in as out" jq -e '.ports | (map(.rx_pps) | add) as $in | (map(.tx_pps) | add) as $out |
	$out > 0 and $in >= $out' "$T/top.json"
check "the busiest flow is the ping" jq -e '.flows[0].flow | test("icmp|proto\\(1\\)|eth_type\\(0x0800\\)")' "$T/top.json"
check "it leaves through named ports" jq -e '.flows[0].actions | test("h[12]-p")' "$T/top.json"
check "ports by traffic" jq -e '[.ports[] | .rx_bps + .tx_bps] as $sums | all(range(1; $sums | length); $sums[. - 1] + 1 >= $sums[.])' "$T/top.json" # rates are rounded
same "by name" "br0 h1-p h2-p h3-p" "$(vsw --json top --interval 0.1 --sort name | jq -r '[.ports[].name] | join(" ")')"
check "every stage has its time" jq -e '.cpu | has("forwarding", "translation", "revalidator", "main", "other")' "$T/top.json"
check "stages are shares of the cores" jq -e '(.cpu | add) >= 0 and (.cpu | add) <= 100.5 * .machine.cpus + 5' "$T/top.json"
check "the machine is busy" jq -e '.machine.cpus >= 1 and .machine.busy >= 0 and .machine.busy <= 100 and .machine.softirq >= 0' "$T/top.json"
same "the datapath" "$DATAPATH" "$(jq -r '.datapaths[0].type' "$T/top.json")"
kill $pinger $dropper
wait $pinger $dropper 2>/dev/null

vsw top --interval 0.2 >"$T/text"
for word in "PORT .*BRIDGE" "h1-p" "cpu of one core" "rule-drop" "$DATAPATH: [0-9]+ flows"; do
	check "text shows $word" grep -qE "$word" "$T/text"
done
same "no escape sequences into a pipe" 0 "$(grep -c $'\033' "$T/text")"
same "--count" 3 "$(vsw --json top --interval 0.1 --count 3 | wc -l)"
check_fails "--interval" 'not a number of seconds' vsw top --interval 0
check_fails "--count" 'not a number of reports' vsw top --count x
check_fails "--sort" 'none of traffic' vsw top --sort size
check "a reader that leaves ends it" timeout 20 bash -c 'vsw top --interval 0.1 --count 1000 | head -1 >/dev/null'

# On a terminal: a screen of its size, another order, another size, and everything put back at the end.
cat >"$T/screen.py" <<'EOP'
import fcntl, os, pty, re, select, signal, struct, sys, termios, time

def size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

def until(fd, pattern, seen=b""):
    end = time.time() + 20
    while not re.search(pattern, seen):
        if time.time() > end:
            sys.exit(f"waited for {pattern}: {seen[-2000:]!r}")
        if select.select([fd], [], [], 0.1)[0]:
            seen += os.read(fd, 65536)
    return seen

end_by = sys.argv[1]
master, slave = pty.openpty()
size(master, 20, 60)
before = termios.tcgetattr(slave)
pid = os.fork()
if not pid:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in 0, 1, 2:
        os.dup2(slave, fd)
    os.execvp("vsw", ["vsw", "top", "--interval", "0.2"])
seen = until(master, rb"q: quit")
screen = seen.split(b"\033[2J")[1].decode()
rows = screen.replace("\r", "").split("\n")
assert len(rows) <= 20 and all(len(r) <= 60 for r in rows), (len(rows), max(map(len, rows)))
assert b"\033[?1049h" in seen
assert not termios.tcgetattr(slave)[3] & termios.ECHO
os.write(master, b"s")
until(master, rb"ports by packets")
size(master, 40, 200)
os.kill(pid, signal.SIGWINCH)
until(master, rb"main [^\r]*other [^\r]*%\r")  # cut at 60 columns before
if end_by == "q":
    os.write(master, b"q")
elif end_by == "hangup":
    os.kill(pid, signal.SIGHUP)
else:
    os.write(master, b"\003")
rest = until(master, rb"\033\[\?1049l")
_, status = os.waitpid(pid, 0)
assert status == 0, (status, rest + (os.read(master, 65536) if select.select([master], [], [], 0)[0] else b""))
assert termios.tcgetattr(slave) == before
print("ok")
EOP
for how in q ctrl-c hangup; do check "on a terminal, ended by $how" python3 "$T/screen.py" $how; done

# The daemon's end is a failure that is said, with the terminal put back.
vsw --json top --interval 0.1 --count 100000 >/dev/null 2>"$T/err" &
top=$!
wait_for 5 eval 'vsw --json status | jq -e ".clients >= 2"'
stop_switchd
check "ends with the daemon" wait_for 10 eval "! kill -0 $top"
check "and says so" grep -q 'closed the connection' "$T/err"
finish
