#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Devices that vanish, come back, move, change; TAP descriptors; the bridge's own interface.
. "$(dirname "$0")/../lib.sh"

error_of() { vsw get Interface "$1" error; }
error_is() { [ "$(error_of "$1")" = "$2" ]; }
column_is() { [ "$(vsw get Interface "$1" "$2")" = "$3" ]; }

start_switchd
vsw add-br br0
mkhost h1 10.0.0.1/24
mkhost h2 10.0.0.2/24
vsw add-port br0 h1-p -- add-port br0 h2-p

# Gone, and back under another index.
check "before" pings h1 10.0.0.2
first=$(vsw get Interface h2-p ifindex)
ip link del h2-p
check "a device that vanished is reported" wait_for 5 error_is h2-p '"its network device is gone; the port works again when the device is back"'
check "its port stays" column_is h2-p ofport 2
check "link state is unknown then" column_is h2-p link_state '[]'
ip link add filler type veth peer name filler2
ip link add h2-p type veth peer name eth0 netns h2
at h2 sh -c 'ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up'
ip link set h2-p up
check "it is back" wait_for 5 error_is h2-p '[]'
check "with its number" column_is h2-p ofport 2
check "under another index" [ "$first" != "$(vsw get Interface h2-p ifindex)" ]
at h1 ip neigh flush all
check "and works" pings h1 10.0.0.2

# Missing at the start.
stop_switchd
ip link set h1-p name elsewhere
start_switchd
check "missing at the start" error_is h1-p '"no such network device; `ip link` lists them; use type=tap to create one"'
ip link set elsewhere name h1-p
ip link set h1-p up
check "it appears by a new name" wait_for 5 error_is h1-p '[]'
check "and works" pings h1 10.0.0.2
ip link set h1-p down
ip link set h1-p name elsewhere
check "renamed away" wait_for 5 error_is h1-p '"its network device was renamed to elsewhere; the port works again when the name is back"'
ip link set elsewhere name h1-p
ip link set h1-p up
check "renamed back" wait_for 5 error_is h1-p '[]'

# Moved to another network namespace.
ip netns add far
ip link set h2-p netns far
check "a move is reported as such" wait_for 5 bash -c 'vsw get Interface h2-p error | grep -q "moved to another network namespace"'
ip -n far link set h2-p netns $$
ip link set h2-p up
check "moved back" wait_for 5 error_is h2-p '[]'
check "and works" wait_for 5 pings h1 10.0.0.2

# An internal port lives on where it was moved to.
vsw add-port br0 in0 type=internal
ip link set in0 netns far
at far sh -c 'ip addr add 10.0.0.7/24 dev in0; ip link set in0 up'
check "an internal port in a namespace" wait_for 5 pings h1 10.0.0.7
check "is no error" error_is in0 '[]'
stop_switchd KILL
start_switchd
check "also after kill -9" wait_for 5 pings h1 10.0.0.7
ip netns del far
check "when its namespace ends it is made anew" wait_for 10 ip link show in0
check "without error" wait_for 5 error_is in0 '[]'

# State follows the device at once.
check "link state up" wait_for 5 column_is h1-p link_state up
at h1 ip link set eth0 down
check "link state follows" wait_for 5 column_is h1-p link_state down
at h1 ip link set eth0 up
ip link set h1-p down
check "admin state follows" wait_for 5 column_is h1-p admin_state down
ip link set h1-p up mtu 1400
check "MTU follows" wait_for 5 column_is h1-p mtu 1400
ip link set h1-p address 02:00:00:00:00:aa
check "MAC follows" wait_for 5 column_is h1-p mac_in_use '"02:00:00:00:00:aa"'
vsw set Interface h1-p mtu_request=1500
check "mtu_request is done when the command returns" bash -c 'ip link show h1-p | grep -q "mtu 1500"'
ip link add j1 mtu 9000 type veth peer name j2 mtu 9000
vsw add-br jumbo -- add-port jumbo j1
check "the bridge's own MTU follows its ports" column_is jumbo mtu 9000
vsw add-port jumbo t9 type=tap
check "down" column_is jumbo mtu 1500
check "on the device" bash -c 'ip link show jumbo | grep -q "mtu 1500"'
vsw del-port t9
check "and up" column_is jumbo mtu 9000
ip link set j1 mtu 2000
check "also when a device changes" wait_for 5 column_is jumbo mtu 2000
vsw set Interface jumbo mtu_request=1600
ip link set j1 mtu 1700
check "mtu_request stays" wait_for 5 column_is j1 mtu 1700
check "on the bridge" column_is jumbo mtu 1600
vsw del-br jumbo
check_fails "an MTU that the device refuses" "does not take an MTU of 65535" vsw add-port br0 t0 type=tap -- set Interface t0 mtu_request=65535
vsw set Bridge br0 other_config:hwaddr=02:00:00:00:00:bb
check "hwaddr" bash -c 'ip link show br0 | grep -q 02:00:00:00:00:bb'
check "wait-until sees a change of state" bash -c '(wait_for 1 false; ip link set h1-p down) & vsw wait-until Interface h1-p link_state=down'
ip link set h1-p up

# Somebody deletes the bridge's interface.
ip link del br0
check "br0 is made anew" wait_for 5 ip link show br0
ip addr add 10.0.0.50/24 dev br0
ip link set br0 up
check "and works" wait_for 5 pings h1 10.0.0.50
check "no address on the inner end" bash -c '! ip -o addr show vsw-br0 | grep -q inet'

# TAP: a guest's side from the switch.
vsw add-port br0 t0 type=tap
cat >"$T/tap.py" <<'PY'
import array, json, os, socket, sys, select
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["VSW_RUNDIR"] + "/vsw.sock")
s.sendall(b'{"method":"port/open-tap","params":{"port":"%s"},"id":1}\n' % sys.argv[1].encode())
data, control, _, _ = s.recvmsg(65536, socket.CMSG_SPACE(4))
answer = json.loads(data)
if answer["error"]:
    sys.exit(answer["error"]["text"])
fd = array.array("i", control[0][2])[0]
if len(sys.argv) > 2:
    # An ARP request for 10.0.0.1 behind an empty virtio_net_hdr; the answer must come back.
    frame = bytes.fromhex("ffffffffffff" "020000000077" "0806" "0001080006040001" "020000000077" "0a000077" "000000000000" "0a000001")
    os.write(fd, bytes(10) + frame)
    while select.select([fd], [], [], 5)[0]:
        got = os.read(fd, 65536)[10:]
        if got[12:14] == b"\x08\x06" and got[0:6] == bytes.fromhex("020000000077"):
            sys.exit(0)
    sys.exit("no answer")
PY
check "a TAP's descriptor is handed out" python3 "$T/tap.py" t0
check "and is a guest's network" python3 "$T/tap.py" t0 arp
check_fails "not that of other ports" "type=system; only that of a type=tap port" python3 "$T/tap.py" h1-p
check "the TAP stays" ip link show t0

finish
