# SPDX-License-Identifier: Apache-2.0
"""How long a network of N hosts on one switch takes to come up and to go: `vsw topo`, and Mininet with the same hosts on a Linux bridge.

Both run in namespaces of their own. Mininet is asked for what it does least for: no controller, no OpenFlow, static addresses, its Linux bridge.
Each measures itself, from its first step to the moment when the hosts can speak; starting the interpreter does not count against Mininet.
"""
import json
import os
import subprocess
import time

from peers import BENCH, TOP

MININET = """
import sys, time
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import SingleSwitchTopo
start = time.monotonic()
net = Mininet(topo=SingleSwitchTopo(int(sys.argv[1])), switch=LinuxBridge, controller=None)
net.start()
up = time.monotonic()
net.stop()
print(up - start, time.monotonic() - up)
"""


def write_file(tmp, n):
    path = f"{tmp}/hosts{n}.json"
    hosts = {f"h{i}": {"addresses": [f"10.0.{i // 250}.{i % 250 + 1}/16"]} for i in range(n)}
    with open(path, "w") as f:
        json.dump({"hosts": hosts, "switches": {"s1": {}}, "links": [[h, "s1"] for h in hosts]}, f)
    return path


def alone(*cmd, **env):
    """In namespaces of its own, /run included. Return: what it printed."""
    inner = 'mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/netns && exec "$@"'
    return subprocess.run(["unshare", "-mnpf", "--mount-proc", "--kill-child", "sh", "-c", inner, "sh", *cmd], check=True, capture_output=True, text=True,
                          env=dict(os.environ, **env)).stdout


def vsw(tmp, n, datapath):
    """(seconds up, seconds down)"""
    path, prog = write_file(tmp, n), os.environ.get("VSW_BIN", f"{TOP}/build/bin") + "/vsw"
    timed = f'a=$(date +%s.%N); {prog} topo up {path} --datapath {datapath} >/dev/null && b=$(date +%s.%N) && {prog} topo down {path} && c=$(date +%s.%N); echo $a $b $c'
    a, b, c = map(float, alone("bash", "-c", timed, VSW_RUNDIR=f"{tmp}/run-topo").split())
    return b - a, c - b


def has_mininet():
    return os.path.exists("/usr/lib/python3/dist-packages/mininet/net.py")


def mininet(tmp, n):
    with open(f"{tmp}/hosts_mn.py", "w") as f:
        f.write(MININET)
    up, down = map(float, alone("/usr/bin/python3", f"{tmp}/hosts_mn.py", str(n)).split()[-2:])
    return up, down
