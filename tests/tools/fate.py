# SPDX-License-Identifier: Apache-2.0
"""What test_fate.sh runs: random VLANs and rules, 10,000 random frames into the ports, and for each frame what `trace` says beside what came out.

usage: fate.py SOCKET SEED FRAMES
Ports are veth pairs xN (the switch's) and yN (ours). Every source address is a static entry of the MAC tables, so that no frame changes
what becomes of the next one. Each frame ends in a number of its own, by which copies are known again.
"""
import collections
import json
import random
import re
import select
import socket
import struct
import subprocess
import sys
import time

SOCKET, SEED, N_FRAMES = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(SEED)
PORTS = {"br0": ["x1", "x2", "x3", "x4", "x5"], "br1": ["x6", "x7"]}
VLANS = [0, 10, 20, 30, 40]
MACS = [bytes([2, 0, 0, 0, 0, i]) for i in range(1, 15)]
UNKNOWN = [bytes([2, 0, 0, 0, 1, i]) for i in range(1, 4)] + [b"\xff" * 6, bytes.fromhex("01005e000001"), bytes.fromhex("0180c2000002")]
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING, SO_RCVBUFFORCE = 263, 8, 4, 33
ETH_P_ALL = 3


class Control:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(path)
        self.f = self.s.makefile("rwb", 1 << 20)

    def many(self, requests):
        """Requests in batches, their answers in order."""
        for start in range(0, len(requests), 200):
            part = requests[start:start + 200]
            self.f.write(b"".join(json.dumps({"method": m, "params": dict(p, format="json"), "id": 1}).encode() + b"\n" for m, p in part))
            self.f.flush()
            for method, params in part:
                answer = json.loads(self.f.readline())
                if answer["error"]:
                    sys.exit(f"not ok {method} {params}: {answer['error']['text']}")
                yield answer["result"]

    def ask(self, method, **params):
        return next(iter(list(self.many([(method, params)]))))


def mac_text(mac):
    return ":".join("%02x" % b for b in mac)


# ---- the switch

def setup(control):
    vsw = ["vsw"]
    for br, ports in PORTS.items():
        for p in ports:
            vsw += ["--", "add-port", br, p] + rng.choice([[], ["tag=10"], ["tag=20"], ["trunks=10,20"], ["trunks=0,30,40"], ["tag=30", "vlan_mode=native-untagged"], ["tag=10", "vlan_mode=native-tagged", "trunks=10,20"]])
    for a, b, br in (("pa", "pb", "br0"), ("pb", "pa", "br1")):
        vsw += ["--", "add-port", br, a, "--", "set", "interface", a, "type=patch", "options:peer=" + b]
    vsw += ["--", "set", "port", "x2", "protected=true", "--", "set", "port", "x3", "protected=true"]
    subprocess.run([vsw[0]] + vsw[2:], check=True)
    home = {}
    for i, mac in enumerate(MACS):
        br = "br0" if i % 3 else "br1"
        home[mac] = (br, PORTS[br][i % len(PORTS[br])])
    requests = []
    for mac, (br, port) in home.items():
        for v in VLANS + [50]:
            requests.append(("fdb/add", dict(bridge=br, port=port, vlan=v, mac=mac_text(mac))))
            other, patch = ("br1", "pb") if br == "br0" else ("br0", "pa")
            requests.append(("fdb/add", dict(bridge=other, port=patch, vlan=v, mac=mac_text(mac))))
    list(control.many(requests))
    for br in PORTS:
        subprocess.run(["vsw", "replace-flows", br, "-"], input="\n".join(rules(br)).encode(), check=True)


def random_match():
    m = [rng.choice(["", "in_port=" + rng.choice(PORTS["br0"]), "dl_src=" + mac_text(rng.choice(MACS)), "dl_dst=" + mac_text(rng.choice(MACS)), "dl_vlan=%d" % rng.choice(VLANS[1:])])]
    m.append(rng.choice(["", "", "arp", "ip,nw_src=10.0.%d.0/24" % rng.randrange(4), "ip,nw_dst=10.0.0.%d" % rng.randrange(4), "tcp,tp_dst=%d" % rng.choice([80, 443, 22]),
                         "udp,tp_src=%d" % rng.choice([53, 67]), "icmp", "ipv6", "udp6", "ip,nw_ttl=%d" % rng.choice([2, 64]), "dl_type=0x88b5", "ip,nw_frag=no"]))
    return ",".join(x for x in m if x)


def random_actions(br, table):
    ports = PORTS[br] + ["pa" if br == "br0" else "pb"]
    out = rng.choice(["NORMAL", "NORMAL", "NORMAL", "drop", "output:" + rng.choice(ports), "output:%s,output:%s" % (rng.choice(ports), rng.choice(ports)), "FLOOD", "in_port", "output:999",
                      "output:%s,NORMAL" % rng.choice(ports)])
    if out == "drop":
        return out
    if table < 2 and rng.random() < .3:
        out = "resubmit(,%d)" % rng.randrange(table + 1, 3) + ("," + out if rng.random() < .3 else "")
    edits = rng.choice(["", "", "", "mod_vlan_vid:%d," % rng.choice(VLANS[1:]), "strip_vlan,", "mod_dl_dst:%s," % mac_text(rng.choice(MACS)), "push_vlan:0x8100,mod_vlan_vid:%d," % rng.choice(VLANS[1:])])
    return edits + out


def rules(br):
    lines = ["priority=0,actions=NORMAL"] if br == "br1" or rng.random() < .5 else []
    for i in range(90 if br == "br0" else 15):
        table = rng.choice([0, 0, 1, 2])
        match = random_match() if br == "br0" else ""
        if br == "br1":
            match = rng.choice(["arp", "udp,tp_src=53", "dl_vlan=20", "tcp", "icmp"]) if table == 0 else "ip"
        lines.append("table=%d,priority=%d,cookie=%d,%s%sactions=%s" % (table, rng.randrange(1, 200), i + 1, match, "," if match else "", random_actions(br, table)))
    if br == "br0":
        lines += ["priority=1,ip,actions=NORMAL", "priority=1,ipv6,actions=NORMAL"]
    seen, unique = set(), []
    for line in lines:
        key = re.sub(r"cookie=\d+,|actions=.*", "", line)
        if key not in seen:
            seen.add(key)
            unique.append(line)
    return unique


# ---- frames

def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(proto, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, rng.choice([0, 0x28]), 20 + len(payload), rng.randrange(65536), rng.choice([0, 0, 0, 0x2000, 0x2001]), rng.choice([2, 64]), proto, 0,
                       bytes([10, 0, rng.randrange(4), rng.randrange(4)]), bytes([10, 0, 0, rng.randrange(4)]))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def frame(number):
    tail = bytes(rng.randrange(0, 40)) + struct.pack("!I", 0xfa7e0000 + number) + b"\x5a\xa5"
    ports = struct.pack("!HH", rng.choice([53, 67, 1000]), rng.choice([80, 443, 22, 53]))
    kind = rng.randrange(10)
    if kind == 0:
        etype, body = 0x0806, struct.pack("!HHBBH", 1, 0x800, 6, 4, rng.choice([1, 2])) + rng.choice(MACS) + bytes([10, 0, 0, 1]) + bytes(6) + bytes([10, 0, 0, 2]) + tail
    elif kind <= 2:
        etype, body = 0x0800, ipv4(6, ports + bytes(8) + b"\x50\x02" + bytes(6) + tail)
    elif kind <= 4:
        etype, body = 0x0800, ipv4(17, ports + struct.pack("!HH", 8 + len(tail), 0) + tail)
    elif kind == 5:
        etype, body = 0x0800, ipv4(1, bytes([8, 0, 0, 0, 0, 1, 0, 1]) + tail)
    elif kind == 6:
        etype, body = 0x86dd, struct.pack("!IHBB", 0x60000000, 8 + len(tail), 17, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + ports + struct.pack("!HH", 8 + len(tail), 0) + tail
    elif kind == 7:
        etype, body = rng.choice([0x88b5, 0x8847, 0x1234]), bytes(30) + tail
    elif kind == 8: # a header that lies
        etype, body = 0x0800, bytes([rng.choice([0x44, 0x4f, 0x65])]) + ipv4(17, ports + tail)[1:]
    else: # LLC, or IPv6 that is cut
        etype, body = rng.choice([(50, bytes([0xaa, 0xaa, 3, 0, 0, 0, 8, 0]) + bytes(40)), (0x86dd, bytes(10))])
        body += tail
    tags = b""
    for tpid in rng.choice([[], [], [], [0x8100], [0x8100], [0x8100, 0x8100], [0x88a8, 0x8100]]):
        tags += struct.pack("!HH", tpid, rng.choice([0, 0x6000]) | rng.choice(VLANS + [50]))
    dst = rng.choice(MACS + MACS + UNKNOWN)
    return dst + rng.choice(MACS) + tags + struct.pack("!H", etype) + body


def number_of(data):
    at = data.rfind(b"\x5a\xa5")
    if at < 4:
        return None
    value = struct.unpack("!I", data[at - 4:at])[0] - 0xfa7e0000
    return value if 0 <= value < N_FRAMES else None


# ---- what trace says, applied

def split(text):
    """Actions at the outermost level."""
    out, depth, word = [], 0, ""
    for c in text:
        if c == "," and not depth:
            out.append(word)
            word = ""
            continue
        depth += (c == "(") - (c == ")")
        word += c
    return out + [word] if word else out


def apply_actions(text, data, copies):
    for a in split(text):
        if a == "drop" or not a:
            continue
        if a == "pop_vlan":
            data = data[:12] + data[16:]
        elif a.startswith("push_vlan("):
            f = dict(x.split("=") for x in a[10:-1].split(","))
            tci = int(f["vid"]) | int(f.get("pcp", 0)) << 13
            data = data[:12] + struct.pack("!HH", int(f.get("tpid", "0x8100"), 16), tci) + data[12:]
        elif a.startswith("set(eth("):
            for k, v in (x.split("=") for x in a[8:-2].split(",")):
                mac = bytes.fromhex(v.replace(":", ""))
                data = mac + data[6:] if k == "dst" else data[:6] + mac + data[12:]
        elif re.fullmatch(r"\w+", a):
            copies.append((a, data))
        else:
            sys.exit(f"not ok an action that this test does not know: {a}")
    return data


# ---- the wire

def with_tag(data, ancillary):
    for level, kind, aux in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", aux[:20])
            if status & 0x10: # TP_STATUS_VLAN_VALID
                return data[:12] + struct.pack("!HH", tpid if status & 0x40 else 0x8100, tci) + data[12:]
    return data


class Wire:
    def __init__(self):
        self.sockets = {}
        for port in PORTS["br0"] + PORTS["br1"] + ["br0", "br1"]:
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
            s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            s.bind((port.replace("x", "y"), ETH_P_ALL))
            s.setblocking(False)
            self.sockets[port] = s
        self.poll = select.poll()
        self.by_fd = {}
        for port, s in self.sockets.items():
            self.poll.register(s, select.POLLIN)
            self.by_fd[s.fileno()] = port
        self.got = collections.defaultdict(list)
        self.n = 0

    def receive(self, timeout_ms):
        for fd, _ in self.poll.poll(timeout_ms):
            port = self.by_fd[fd]
            while True:
                try:
                    data, anc, _, addr = self.sockets[port].recvmsg(70000, 64)
                except BlockingIOError:
                    break
                if addr[2] == PACKET_OUTGOING:
                    continue
                data = with_tag(data, anc)
                number = number_of(data)
                if number is not None:
                    self.got[number].append((port, data))
                    self.n += 1


def counters(control):
    result = collections.Counter()
    for port in control.ask("drops")["ports"]:
        for d in port["drops"]:
            result[port["port"], d["reason"]] += d["packets"]
    return result


def settled(control, sent):
    ports = control.ask("drops")["ports"]
    return all(p["queued"] == 0 for p in ports) and sum(p["received"] for p in ports if p["port"].startswith("x")) >= sent


def main():
    control = Control(SOCKET)
    setup(control)
    wire = Wire()
    frames = [(rng.choice(PORTS["br0"] * 2 + PORTS["br1"]), frame(i)) for i in range(N_FRAMES)]
    began = time.monotonic()
    traces = list(control.many([("trace", dict(port=p, packet=f.hex(), names=True)) for p, f in frames]))
    print(f"# seed {SEED}: {N_FRAMES} traces in {time.monotonic() - began:.1f} s", flush=True)
    expected, drops, n_copies = [], collections.Counter(), 0
    for (port, data), t in zip(frames, traces):
        copies = []
        apply_actions(t["datapath_actions"], data, copies)
        expected.append(sorted(copies))
        n_copies += len(copies)
        if "drop_reason" in t:
            drops[port, t["drop_reason"]] += 1
    before, sent, base = counters(control), 0, sum(p["received"] for p in control.ask("drops")["ports"] if p["port"].startswith("x"))
    due = 0
    for start in range(0, N_FRAMES, 100):
        for i in range(start, min(start + 100, N_FRAMES)):
            wire.sockets[frames[i][0]].send(frames[i][1])
            sent += 1
            due += len(expected[i])
        end = time.monotonic() + 5
        while wire.n < due and time.monotonic() < end:
            wire.receive(100)
    end = time.monotonic() + 20
    while not settled(control, base + sent) and time.monotonic() < end:
        wire.receive(50)
    wire.receive(200)
    wrong = [i for i in range(N_FRAMES) if sorted(wire.got[i]) != expected[i]]
    for i in wrong[:5]:
        print(f"# frame {i} into {frames[i][0]}: {frames[i][1].hex()}\n#   trace: {traces[i]['datapath_actions']} {traces[i].get('drop_reason', '')}\n"
              f"#   expected {[(p, d.hex()) for p, d in expected[i]]}\n#   got      {[(p, d.hex()) for p, d in sorted(wire.got[i])]}")
    print(f"{'not ok' if wrong else 'ok'} every frame's fate is what trace said ({n_copies} copies){f': {len(wrong)} differ' if wrong else ''}")
    counted = counters(control) - before
    different = [f"{p} {r}: trace {drops[p, r]}, counted {counted[p, r]}" for p, r in sorted(set(drops) | set(counted)) if drops[p, r] != counted[p, r]]
    print(f"{'not ok' if different else 'ok'} every drop has the reason that trace said ({sum(drops.values())} drops, {len(set(r for _, r in drops))} reasons){': ' if different else ''}{'; '.join(different[:6])}")
    enough = sum(drops.values()) > N_FRAMES // 20 and n_copies > N_FRAMES // 2
    print(f"{'ok' if enough else 'not ok'} both were tried{'' if enough else f': {sum(drops.values())} drops, {n_copies} copies'}")
    sys.exit(bool(wrong or different or not enough))


main()
