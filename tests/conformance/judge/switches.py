# SPDX-License-Identifier: Apache-2.0
"""The two switches: Open vSwitch with its dummy datapath, and vsw with its own, each in a private folder, neither needing root."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time


class Refused(Exception):
    """The switch did not take a line of flows; .line is its number from 0, or None; .encoding: it is OpenFlow that cannot say it."""

    def __init__(self, text, line=None, encoding=False):
        super().__init__(text)
        self.line, self.encoding = line, encoding


class JsonSocket:
    """JSON-RPC over a unix stream socket, one request at a time. OVS puts nothing behind an answer, so its end is where it parses."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(path)

    def call(self, method, params):
        self.sock.sendall((json.dumps({"id": 0, "method": method, "params": params}) + "\n").encode())
        pieces = []
        while True:
            pieces.append(self.sock.recv(1 << 20))
            if not pieces[-1]:
                raise ConnectionError("the switch closed its socket")
            if pieces[-1].rstrip().endswith(b"}"):
                try:
                    return json.loads(b"".join(pieces))
                except ValueError:
                    continue  # a brace in the middle


def wait_for(path, process):
    """Until somebody listens on the unix socket."""
    for _ in range(3000):
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(path) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise RuntimeError(f"{process.args[0]} did not start: no {path}")


class Switch:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="judge-")
        self.processes = []

    def start(self, *args, **kwargs):
        log = open(os.path.join(self.dir, os.path.basename(args[0]) + ".out"), "w")
        p = subprocess.Popen(args, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.dir, **kwargs)
        self.processes.append(p)
        return p

    def stop(self):
        for p in reversed(self.processes):
            p.send_signal(signal.SIGTERM)
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def port_columns(port):
    """Columns of the Port table, as arguments of `set`."""
    columns = []
    for key in ("tag", "vlan_mode", "protected"):
        if key in port:
            columns.append(f"{key}={json.dumps(port[key]) if key != 'vlan_mode' else port[key]}")
    for key in ("trunks", "cvlans"):
        if port.get(key):
            columns.append(f"{key}={','.join(map(str, port[key]))}")
    if "priority_tags" in port:
        columns.append("other_config:priority-tags=" + port["priority_tags"])
    if "qinq_ethtype" in port:
        columns.append("other_config:qinq-ethtype=" + port["qinq_ethtype"])
    return columns


def commands_for(world):
    """The ovs-vsctl commands, each a list of words, that make a world; vsw takes the same."""
    commands, peers = [], {}
    for a, b in world["patches"]:
        peers[a], peers[b] = b, a
    for br in world["bridges"]:
        commands.append(["add-br", br["name"]])
        columns = ["datapath_type=dummy", "fail_mode=secure"]
        if br.get("forward_bpdu"):
            columns.append("other_config:forward-bpdu=true")
        if br.get("flood_vlans"):
            columns.append("flood_vlans=" + ",".join(map(str, br["flood_vlans"])))
        commands.append(["set", "Bridge", br["name"]] + columns)
        for port in br["ports"]:
            name = port["name"]
            kind = ["type=patch", "options:peer=" + peers[name]] if name in peers else ["type=dummy"]
            commands.append(["add-port", br["name"], name])
            commands.append(["set", "Interface", name, f"ofport_request={port['ofport']}"] + kind)
            if port_columns(port):
                commands.append(["set", "Port", name] + port_columns(port))
    return commands


class Ovs(Switch):
    """Flows that only OpenFlow 1.0 can say (mod_vlan_vid adds a tag there) go in over 1.0, others over 1.3."""

    SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"

    def __init__(self):
        super().__init__()
        env = dict(os.environ, OVS_RUNDIR=self.dir, OVS_LOGDIR=self.dir, OVS_DBDIR=self.dir, OVS_SYSCONFDIR=self.dir)
        self.env, self.db = env, f"unix:{self.dir}/db.sock"
        subprocess.run(["ovsdb-tool", "create", "conf.db", self.SCHEMA], cwd=self.dir, env=env, check=True)
        p = self.start("ovsdb-server", "conf.db", f"--remote=p{self.db}", "--unixctl=db.ctl", env=env)
        wait_for(f"{self.dir}/db.sock", p)
        self.vsctl([["init"], ["set", "Open_vSwitch", ".", "other_config:vlan-limit=2"]], "--no-wait")
        p = self.start("ovs-vswitchd", "--enable-dummy=override", "--disable-system", "--disable-system-route", self.db,
                       f"--unixctl={self.dir}/ctl", "-vconsole:off", env=env)
        wait_for(f"{self.dir}/ctl", p)
        self.ctl, self.bridges = JsonSocket(f"{self.dir}/ctl"), []

    def vsctl(self, commands, *options):
        words = [w for c in commands for w in ["--"] + c]
        subprocess.run(["ovs-vsctl", f"--db={self.db}", *options, *words], env=self.env, check=True)

    def appctl(self, method, *params):
        reply = self.ctl.call(method, list(params))
        if reply["error"]:
            raise Refused(reply["error"].strip())
        return reply["result"]

    def make_world(self, world):
        old = [["del-br", b] for b in self.bridges]
        self.bridges = [b["name"] for b in world["bridges"]]
        protocols = [["set", "Bridge", b, "protocols=OpenFlow10,OpenFlow13"] for b in self.bridges]
        if old:
            self.vsctl(old)
        self.vsctl(commands_for(world) + protocols)

    def _ofctl(self, version, command, bridge, lines):
        p = subprocess.run(["ovs-ofctl", "-O", version, command, f"unix:{self.dir}/{bridge}.mgmt"] + (["-"] if lines else []),
                           input="\n".join(lines) + "\n", text=True, capture_output=True, env=self.env)
        return p.stderr if p.returncode else None

    @staticmethod
    def needs_openflow10(line):
        return "mod_vlan" in line

    def set_flows(self, bridge, lines):
        self._ofctl("OpenFlow10", "del-flows", bridge, [])
        for version in ("OpenFlow10", "OpenFlow13"):
            mine = [i for i, line in enumerate(lines) if self.needs_openflow10(line) == (version == "OpenFlow10")]
            error = self._ofctl(version, "add-flows", bridge, [lines[i] for i in mine]) if mine else None
            if not error:
                continue
            m = re.search(r"^ovs-ofctl: -:(\d+): (.*)", error, re.M)
            if m:
                raise Refused(m[2], mine[int(m[1]) - 1])
            for i in mine:
                if self._ofctl(version, "add-flows", bridge, [lines[i]]):
                    raise Refused(error.strip(), i, encoding=True)
            raise Refused(error.strip())

    def fdb_add(self, bridge, port, vlan, mac):
        self.appctl("fdb/add", bridge, port, str(vlan), mac)

    def fdb_del(self, bridge, vlan, mac):
        try:
            self.appctl("fdb/del", bridge, str(vlan), mac)
        except Refused:
            pass  # it was never taken: a VLAN of flood_vlans

    def trace(self, packet):
        """As text: with a frame OVS would learn its source. A datapath flow says what an OpenFlow flow cannot, two tags."""
        if packet["text"]:
            text = self.appctl("ofproto/trace", packet["bridge"], packet["flow"] + "," + packet["text"], "--names")
        else:
            text = self.appctl("ofproto/trace", f"in_port({packet['port']}),{packet['odp']}", "--names")
        return re.search(r"^Datapath actions: (.*)$", text, re.M)[1], text


class Vsw(Switch):
    def __init__(self, daemon):
        super().__init__()
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
        p = self.start(daemon, "--rundir", self.dir, "--db", f"{self.dir}/conf.db", "--datapath", "dummy", env=env)
        wait_for(f"{self.dir}/vsw.sock", p)
        self.ctl, self.bridges = JsonSocket(f"{self.dir}/vsw.sock"), []

    def call(self, method, **params):
        reply = self.ctl.call(method, dict(params, format="json"))
        if reply["error"]:
            text = reply["error"]["text"]
            m = re.search(r"line (\d+)", text)
            raise Refused(text, int(m[1]) - 1 if m else None)
        return reply["result"]

    def make_world(self, world):
        old = [["del-br", b] for b in self.bridges]
        self.bridges = [b["name"] for b in world["bridges"]]
        if old:
            self.call("db/run", commands=old)
        self.call("db/run", commands=commands_for(world))

    def set_flows(self, bridge, lines):
        self.call("flow/del", bridge=bridge)
        if lines:
            self.call("flow/add", bridge=bridge, flows="\n".join(lines))

    def fdb_add(self, bridge, port, vlan, mac):
        self.call("fdb/add", bridge=bridge, port=port, vlan=vlan, mac=mac)

    def fdb_del(self, bridge, vlan, mac):
        self.call("fdb/del", bridge=bridge, vlan=vlan, mac=mac)

    def trace(self, packet):
        result = self.call("trace", bridge=packet["bridge"], flow=packet["flow"], packet=packet["hex"], names=True)
        return result["datapath_actions"], result.get("drop_reason"), result["steps"]
