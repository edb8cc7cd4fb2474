# SPDX-License-Identifier: Apache-2.0
"""The switches that are compared, each in a network namespace of its own, with two hosts in theirs on its ports 1 and 2.

One that polls (OVS with AF_XDP) is stopped by a signal while another is measured: `with peer:` lets it run.
"""
import json
import os
import re
import resource
import signal
import subprocess
import time

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BIN = os.path.join(TOP, "build/bin")
TOOLS = os.path.join(TOP, "build/opt/tests/tools")
BENCH = os.path.join(TOP, "build/opt/tests/bench")

# What `blast` sends (to 10.254.0.2) ends at the receiver's ingress hook: if the IPv4 destination is that, drop; else go on. Classic BPF, as tc has it.
SINK = "6,40 0 0 12,21 0 2 2048,32 0 0 30,21 1 0 184418306,6 0 0 0,6 0 0 2"


def sh(*cmd, check=True, **kw):
    p = subprocess.run(cmd, capture_output=True, text=True, timeout=90, **kw)
    if check and p.returncode:
        raise RuntimeError(f"{' '.join(cmd)}: {p.stderr.strip() or p.stdout.strip()}")
    return p.stdout


def inside_of(netns):
    """What goes in front of a command that is to run there. Unlike `ip netns exec` this leaves /sys as it is."""
    return ("nsenter", f"--net=/run/netns/{netns}")


def wait_for(cond, what, seconds=20):
    end = time.monotonic() + seconds
    while not cond():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


class Peer:
    """`name` in the tables, `title` for people, `bridge`: its OpenFlow bridge, `inside`: the device by which the host itself takes part."""
    polls, bridge, inside, queues = False, None, None, ()

    def __init__(self, tmp, prefix):
        self.tmp, self.p, self.procs = os.path.join(tmp, self.name), prefix, []
        self.depth = 0
        os.makedirs(self.tmp)
        self.hosts, self.home = [f"{prefix}1", f"{prefix}2"], f"{prefix}s"
        for ns in (*self.hosts, self.home):
            sh("ip", "netns", "add", ns)
            sh("ip", "-n", ns, "link", "set", "lo", "up")
        self.connect_hosts()
        for i in range(2):
            self.on_host(i, "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_tw_reuse=1")
        self.start()
        self.on_host(1, "tc", "qdisc", "add", "dev", "eth0", "clsact")
        self.on_host(1, "tc", "filter", "add", "dev", "eth0", "ingress", "bpf", "da", "bytecode", SINK)
        self.mac = [json.loads(sh("ip", "-n", h, "-j", "link", "show", "eth0"))[0]["address"] for h in self.hosts]
        if self.polls:
            self.signal(signal.SIGSTOP)

    def connect_hosts(self):
        for i, h in enumerate(self.hosts, 1):
            self.at_home("ip", "link", "add", f"{h}-p", *self.queues, "type", "veth", "peer", "name", "eth0", *self.queues, "netns", h)
            sh("ip", "-n", h, "addr", "add", f"10.0.0.{i}/24", "dev", "eth0")
            sh("ip", "-n", h, "link", "set", "eth0", "up")
            self.at_home("ip", "link", "set", f"{h}-p", "up")

    def spawn(self, *cmd, **env):
        log = open(os.path.join(self.tmp, "log"), "ab")
        p = subprocess.Popen([*inside_of(self.home), *cmd], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=dict(os.environ, **env))
        self.procs.append(p)
        return p

    def signal(self, n):
        for p in self.procs:
            p.send_signal(n)

    def __enter__(self):
        self.depth += 1
        if self.polls and self.depth == 1:
            self.signal(signal.SIGCONT)
            time.sleep(0.2)
        return self

    def __exit__(self, *_):
        self.depth -= 1
        if self.polls and not self.depth:
            self.signal(signal.SIGSTOP)

    def stop(self):
        self.signal(signal.SIGCONT)
        for p in reversed(self.procs):
            p.terminate()
        for p in reversed(self.procs):
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()

    def on_host(self, i, *cmd, **kw):
        """Run on host @i: 0 or 1."""
        return sh(*inside_of(self.hosts[i]), *cmd, **kw)

    def at_home(self, *cmd, **kw):
        """Run where the switch is."""
        return sh(*inside_of(self.home), *cmd, **kw)

    def pings(self):
        return "1 received" in self.on_host(0, "ping", "-q", "-c", "1", "-W", "1", "10.0.0.2", check=False)

    def add_flow(self, text):
        pass

    def add_flows(self, path):
        pass

    def del_flows(self):
        pass


class Vsw(Peer):
    name, title, datapath, bridge = "vsw", "vsw (`user`)", "user", "vbr0"
    inside = bridge

    def start(self):
        self.env = {"VSW_RUNDIR": os.path.join(self.tmp, "run")}
        os.makedirs(self.env["VSW_RUNDIR"])
        self.daemon = self.spawn(f"{BIN}/vsw-switchd", "--db", f"{self.tmp}/conf.db", "--datapath", self.datapath, **self.env)
        wait_for(lambda: subprocess.run([f"{BIN}/vsw", "version"], capture_output=True, env=dict(os.environ, **self.env)).returncode == 0, "vsw-switchd")
        self.ctl("add-br", self.bridge, "--", "add-port", self.bridge, f"{self.hosts[0]}-p", "ofport_request=1", "--", "add-port", self.bridge,
                 f"{self.hosts[1]}-p", "ofport_request=2")

    def ctl(self, *a):
        return sh(f"{BIN}/vsw", *a, env=dict(os.environ, **self.env))

    def add_flows(self, path):
        self.ctl("add-flows", self.bridge, path)

    def del_flows(self):
        self.ctl("del-flows", self.bridge)
        self.ctl("add-flow", self.bridge, "priority=0,actions=NORMAL")

    def add_flow(self, text):
        self.ctl("add-flow", self.bridge, text)

    def add_port(self, name):
        self.ctl("add-port", self.bridge, name)

    def datapath_flows(self):
        """(flows, masks) that the datapath has now."""
        m = re.search(r"flows: (\d+) \(masks: (\d+)", self.ctl("dp-show"))
        return (int(m[1]), int(m[2])) if m else (0, 0)


class VswEbpf(Vsw):
    name, title, datapath, bridge = "vsw-ebpf", "vsw (`ebpf`)", "ebpf", "ebr0"
    inside = bridge


class Bridge(Peer):
    """The kernel's own, as `ip link add type bridge` makes it, but without br_netfilter, which would cost it a third of its packets."""
    name, title, inside = "bridge", "Linux bridge", "lbr0"

    def start(self):
        self.at_home("ip", "link", "add", "lbr0", "up", "type", "bridge", "nf_call_iptables", "0", "nf_call_ip6tables", "0", "nf_call_arptables", "0")
        for switch in ("iptables", "ip6tables", "arptables"):
            self.at_home("sysctl", "-qw", f"net.bridge.bridge-nf-call-{switch}=0", check=False)
        for h in self.hosts:
            self.at_home("ip", "link", "set", f"{h}-p", "master", "lbr0")


class Veth(Peer):
    """No switch at all: the limit. The host's part in it is a second pair."""
    name, title, inside = "veth", "veth pair", "wveth0"

    def connect_hosts(self):
        sh("ip", "link", "add", "eth0", "netns", self.hosts[0], "type", "veth", "peer", "name", "eth0", "netns", self.hosts[1])
        for i, h in enumerate(self.hosts, 1):
            sh("ip", "-n", h, "addr", "add", f"10.0.0.{i}/24", "dev", "eth0")
            sh("ip", "-n", h, "link", "set", "eth0", "up")

    def start(self):
        self.at_home("ip", "link", "add", self.inside, "type", "veth", "peer", "name", "eth1", "netns", self.hosts[1])
        sh("ip", "-n", self.hosts[1], "link", "set", "eth1", "up")


class Ovs(Peer):
    """Over packet sockets: datapath_type=netdev with the devices as they are."""
    name, title, bridge, datapath, port_type = "ovs", "OVS AF_PACKET", "obr0", "netdev", None
    inside = bridge
    keeps_checksums = False

    def start(self):
        d = self.tmp
        self.env = {"OVS_RUNDIR": d, "OVS_LOGDIR": d, "OVS_DBDIR": d}
        sh("ovsdb-tool", "create", f"{d}/conf.db", "/usr/share/openvswitch/vswitch.ovsschema", env=dict(os.environ, **self.env))
        self.spawn("ovsdb-server", f"{d}/conf.db", f"--remote=punix:{d}/db.sock", f"--unixctl={d}/ovsdb.ctl", **self.env)
        wait_for(lambda: os.path.exists(f"{d}/db.sock"), "ovsdb-server")
        self.ctl("--no-wait", "init")
        self.daemon = self.spawn("ovs-vswitchd", f"unix:{d}/db.sock", f"--unixctl={d}/vswitchd.ctl", **self.env)
        self.ctl("add-br", self.bridge, "--", "set", "bridge", self.bridge, f"datapath_type={self.datapath}")
        for i, h in enumerate(self.hosts, 1):
            if not self.keeps_checksums:
                # Its ports lose the partial checksum: without this no TCP gets through.
                self.on_host(i - 1, "ethtool", "-K", "eth0", "tx", "off")
            self.ctl("add-port", self.bridge, f"{h}-p", "--", "set", "interface", f"{h}-p", f"ofport_request={i}",
                     *([f"type={self.port_type}"] if self.port_type else []))

    def ctl(self, *a):
        return sh("ovs-vsctl", f"--db=unix:{self.tmp}/db.sock", "--timeout=60", *a, env=dict(os.environ, **self.env))

    def ofctl(self, *a):
        with self:
            return sh("ovs-ofctl", *a, env=dict(os.environ, **self.env))

    def add_flows(self, path):
        self.ofctl("--bundle", "-OOpenFlow14", "add-flows", self.bridge, path)

    def del_flows(self):
        self.ofctl("del-flows", self.bridge)
        self.ofctl("add-flow", self.bridge, "priority=0,actions=NORMAL")

    def add_flow(self, text):
        self.ofctl("add-flow", self.bridge, text)

    def add_port(self, name):
        self.ctl("add-port", self.bridge, name)


class OvsAfXdp(Ovs):
    """The same with type=afxdp: native XDP on the veth ends, a thread that polls a CPU of its own; it reads one queue of a device."""
    name, title, bridge, port_type, polls = "ovs-afxdp", "OVS AF_XDP", "xbr0", "afxdp", True
    queues = ("numrxqueues", "1", "numtxqueues", "1")
    inside = bridge

    def start(self):
        try:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except ValueError:
            pass
        super().start()


class OvsKernel(Ovs):
    """openvswitch.ko: only where the kernel has it (the lab)."""
    name, title, bridge, datapath, keeps_checksums = "ovs-kernel", "openvswitch.ko", "kbr0", "system", True
    inside = bridge
