# SPDX-License-Identifier: Apache-2.0
"""Live traffic of real programs between two network namespaces, captured: scenarios() yields (name, capture file).

Everything happens inside private network, mount and process namespaces (isolate()), so nothing outlives the test, however it ends.
"""
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

WORK = "/run"  # a tmpfs of our own, see isolate()
A4, B4, A6, B6 = "10.7.0.1", "10.7.0.2", "fd07::1", "fd07::2"


# ---- a place of our own ----

def isolate():
    """Run again inside private network, mount and process namespaces: whatever we start or make ends with us."""
    if os.environ.get("LIVE_TRAFFIC_INSIDE"):
        subprocess.run(["mount", "-t", "tmpfs", "none", WORK], check=True)
        os.mkdir(f"{WORK}/sshd")
        os.mkdir(f"{WORK}/netns")
        return
    if os.geteuid():
        print(f"skip {os.path.basename(sys.argv[0])}: needs root for namespaces")
        sys.exit(77)
    os.environ["LIVE_TRAFFIC_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "-n", "-m", "-p", "-f", "--kill-child", "--mount-proc", sys.executable] + sys.argv)


class Failed(Exception):
    pass


def sh(command, **kw):
    p = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, **kw)
    if p.returncode:
        raise Failed(f"{command}: status {p.returncode}: {p.stdout.strip()}")
    return p.stdout


def attempt(command):
    """Run something whose exit status says nothing about us; it must only end."""
    subprocess.run(command, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)


def wait_for(what, condition, timeout=15):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"waited {timeout} s for {what}")
        select.select([], [], [], 0.01)


def listening(ns, port, proto="t"):
    return lambda: f":{port} " in sh(f"ip netns exec {ns} ss -H -{proto}ln sport = :{port}")


# ---- captures ----

class Capture:
    def __init__(self, ns, interface, name):
        self.path, self.ns, self.interface = f"{WORK}/{name}.pcap", ns, interface

    def __enter__(self):
        self.p = subprocess.Popen(f"exec ip netns exec {self.ns} tcpdump -Z root -U --immediate-mode -B 32768 -s 0 -i {self.interface} -w {self.path}",
                                  shell=True, stderr=subprocess.PIPE, text=True)
        for line in self.p.stderr:
            if "listening on" in line:
                return self
        raise Failed(f"tcpdump did not start on {self.interface}")

    def __exit__(self, *_):
        # The last frame is in the file when nothing more comes: until its size stays the same over a few looks.
        sizes = []
        wait_for("the capture to rest", lambda: sizes.append(os.path.getsize(self.path)) or len(sizes) > 20 and sizes[-1] == sizes[-20])
        self.p.terminate()
        self.p.wait()


# ---- the network ----

def namespaces():
    for ns in "ab":
        sh(f"ip netns add {ns}; ip -n {ns} link set lo up; ip netns exec {ns} sysctl -qw net.ipv4.tcp_ecn=1 net.ipv6.conf.default.accept_dad=0 "
           "net.ipv6.conf.all.seg6_enabled=1 net.ipv4.ping_group_range='0 1000'")


def addresses(ns):
    v4, v6 = (A4, A6) if ns == "a" else (B4, B6)
    sh(f"ip -n {ns} addr add {v4}/24 dev eth0; ip -n {ns} addr add {v6}/64 dev eth0 nodad; ip -n {ns} link set eth0 up")


def direct(mtu=1500, offloads=True):
    sh("ip link add x0 type veth peer name x1; ip link set x0 netns a name eth0; ip link set x1 netns b name eth0")
    for ns in "ab":
        sh(f"ip -n {ns} link set eth0 mtu {mtu}")
        addresses(ns)
        if not offloads:
            attempt(f"ip netns exec {ns} ethtool -K eth0 tx off rx off tso off gso off gro off")


class Relay:
    """host a - pa [relay] t0 ~~ t1 [relay] pb - host b: `header` is put behind the MAC addresses on the way to the trunk, and removed
    on the way back (MPLS: replaces the Ethernet type, which `bottom` gives back)."""

    SOL_PACKET, AUXDATA, IGNORE_OUTGOING, ADD_MEMBERSHIP = 263, 8, 23, 1

    def __init__(self, header, mpls=False):
        self.header, self.mpls = header, mpls
        sh("ip link add pa type veth peer name ea; ip link set ea netns a name eth0; ip link add pb type veth peer name eb; ip link set eb netns b name eth0; "
           "ip link add t0 type veth peer name t1; for i in pa pb t0 t1; do sysctl -qw net.ipv6.conf.$i.disable_ipv6=1; ip link set $i mtu 9000 up; done")
        for ns in "ab":
            attempt(f"ip netns exec {ns} ethtool -K eth0 tx off tso off gso off gro off")
            sh(f"ip -n {ns} link set eth0 mtu 1500")
            addresses(ns)
        self.sockets = {i: self.open(i) for i in ("pa", "pb", "t0", "t1")}
        self.stop_r, self.stop_w = os.pipe()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def open(self, interface):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.setsockopt(self.SOL_PACKET, self.IGNORE_OUTGOING, 1)
        s.setsockopt(self.SOL_PACKET, self.AUXDATA, 1)
        s.bind((interface, 3))
        s.setsockopt(self.SOL_PACKET, self.ADD_MEMBERSHIP, struct.pack("iHH8s", socket.if_nametoindex(interface), 1, 0, b""))
        return s

    def receive(self, s):
        frame, control, _, _ = s.recvmsg(65600, 256)
        for level, kind, data in control:
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", data[:20])
            if (level, kind) == (self.SOL_PACKET, self.AUXDATA) and status & 0x10:
                frame = frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
        return frame

    def push(self, frame):
        if not self.mpls:
            return frame[:12] + self.header + frame[12:]
        # The label says which type it was: 1000 + 0 IPv4, + 1 IPv6, + 2 ARP, so that it can be given back.
        label = {0x0800: 1000, 0x86dd: 1001, 0x0806: 1002}[struct.unpack("!H", frame[12:14])[0]]
        return frame[:12] + b"\x88\x47" + self.header + struct.pack("!I", label << 12 | 3 << 9 | 1 << 8 | 63) + frame[14:]

    def pop(self, frame):
        n = 12 + len(self.header)
        if not self.mpls:
            return frame[:12] + frame[n:]
        label = struct.unpack("!I", frame[n + 2:n + 6])[0] >> 12
        return frame[:12] + struct.pack("!H", {1000: 0x0800, 1001: 0x86dd, 1002: 0x0806}[label]) + frame[n + 6:]

    def run(self):
        s = self.sockets
        ways = {s["pa"]: (s["t0"], self.push), s["t1"]: (s["pb"], self.pop), s["pb"]: (s["t1"], self.push), s["t0"]: (s["pa"], self.pop)}
        while True:
            ready, _, _ = select.select([*ways, self.stop_r], [], [])
            if self.stop_r in ready:
                return
            for r in ready:
                out, change = ways[r]
                out.send(change(self.receive(r)))

    def stop(self):
        os.write(self.stop_w, b"x")
        self.thread.join()
        for s in self.sockets.values():
            s.close()
        sh("ip link del pa; ip link del pb; ip link del t0")


# ---- traffic: each function does it from a to b; a missing program is a named skip ----

SKIPPED = {}  # name of the traffic: why not

# What tshark must have seen when all is done, by the traffic that makes it: traffic that silently fails would prove nothing.
EXPECTED = {
    "neighbours": ("arp", "icmpv6 135", "icmpv6 136"),
    "pings": ("icmp 8", "icmp 0", "icmpv6 128", "icmpv6 129", "ip options"),
    "fragments": ("later fragment 4", "later fragment 6", "first fragment 4", "first fragment 6"),
    "iperf": ("tcp", "udp", "tcp flags 0xc2", "tcp longer than 20000"),
    "refused": ("icmp 3", "icmpv6 1", "tcp flags 0x14"),
    "ssh": ("ssh",),
    "dhcp_and_dns": ("dhcp", "dns", "icmpv6 134"),
    "multicast": ("igmp 34", "igmp 22", "igmp 18", "igmp 23", "icmpv6 131", "icmpv6 132", "icmpv6 143", "ipv6.hopopts"),
    "odd": ("udplite", "ipv6.dstopts", "gre", "esp", "ospf", "sctp", "stp", "lldp", "llc", "rarp"),
    "vxlan": ("vxlan",),
    "segment_routing": ("ipv6.routing",),
    "the relay": ("vlan", "ieee8021ad", "mpls"),
}


def needs(*programs):
    def wrap(f):
        def run(*args):
            missing = [p for p in programs if not shutil.which(p)]
            if missing:
                SKIPPED[f.__name__] = f"no {', '.join(missing)} on this machine"
                return
            f(*args)
        run.__name__ = f.__name__
        return run
    return wrap


def server(ns, command, ready):
    p = subprocess.Popen(["ip", "netns", "exec", ns] + command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        wait_for(" ".join(command), ready)
    except Failed:
        p.kill()
        raise
    return p


def end(p):
    p.terminate()
    p.wait()


@needs("ping")
def pings():
    for options in ("", "-Q 0xba", "-t 3", "-s 0", "-s 1", "-M do", "-R", "-T tsandaddr"):
        attempt(f"ip netns exec a ping -c 3 -i 0.002 -W 5 {options} {B4}")
    for options in ("", "-Q 0xba", "-t 3", "-s 1", "-F 0xabcde"):
        attempt(f"ip netns exec a ping -6 -c 3 -i 0.002 -W 5 {options} {B6}")
    attempt(f"ip netns exec b ping -c 2 -i 0.002 -W 1 -b 10.7.0.255; ip netns exec a ping -6 -c 2 -i 0.002 -W 1 ff02::1%eth0")


@needs("ping")
def fragments():
    attempt(f"ip netns exec a ping -c 3 -i 0.002 -W 5 -s 20000 {B4}; ip netns exec a ping -6 -c 3 -i 0.002 -W 5 -s 20000 {B6}")


def neighbours():
    for ns in "ab":
        attempt(f"ip -n {ns} neigh flush all")
    attempt(f"ip netns exec a ping -c 1 -W 5 {B4}; ip netns exec a ping -6 -c 1 -W 5 {B6}; ip netns exec a ping -c 1 -W 0.1 10.7.0.99; "
            "ip netns exec a ping -6 -c 1 -W 0.1 fd07::99; ip -n a addr add fd07::aaaa/64 dev eth0; ip -n a addr del fd07::aaaa/64 dev eth0")
    if shutil.which("busybox"):
        attempt(f"ip netns exec a busybox arping -U -c 1 -w 1 -I eth0 {A4}")


@needs("iperf3")
def iperf(*options):
    p = server("b", ["iperf3", "-s"], listening("b", 5201))
    for address in (B4, B6):
        sh(f"ip netns exec a iperf3 -c {address} {' '.join(options)}")
    end(p)


def tcp():
    iperf("-n", "1500K")
    iperf("-n", "200K", "-R", "-M", "700")


def tcp_bulk():
    iperf("-n", "20M")


def udp():
    iperf("-u", "-b", "100M", "-n", "200K", "-l", "1200")
    iperf("-u", "-b", "100M", "-n", "100K", "-l", "5000")


@needs("ncat")
def refused():
    attempt(f"ip netns exec a ncat -w 1 {B4} 9; ip netns exec a ncat -w 1 {B6} 9; echo x | ip netns exec a ncat -u -w 1 {B4} 9; echo x | ip netns exec a ncat -u -w 1 {B6} 9")


@needs("sshd", "ssh", "ssh-keygen")
def ssh():
    key, sshd = f"{WORK}/key", shutil.which("sshd")
    if not os.path.exists(key):
        sh(f"ssh-keygen -q -t ed25519 -N '' -f {key}")
    p = server("b", [sshd, "-D", "-f", "/dev/null", "-p", "22", "-h", key, "-o", f"PidFile={WORK}/sshd.pid"], listening("b", 22))
    attempt(f"ip netns exec a ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@{B4} true")
    end(p)


@needs("dnsmasq", "busybox")
def dhcp_and_dns():
    p = server("b", ["dnsmasq", "-k", "-C", "/dev/null", "-i", "eth0", "--bind-interfaces", "--dhcp-range=10.7.0.100,10.7.0.150,60", "--dhcp-range=fd07::100,fd07::150,64,60",
                     "--enable-ra", "--address=/x.test/10.7.0.9", "--no-resolv", "--no-hosts", "--no-ping", f"--dhcp-leasefile={WORK}/leases", f"--pid-file={WORK}/dnsmasq.pid", "-u", "root"],
               listening("b", 67, "u"))
    sh("ip netns exec a busybox udhcpc -i eth0 -n -q -f -s /bin/true -t 20 -T 1")
    attempt(f"ip netns exec a busybox nslookup x.test {B4}")
    wait_for("a router advertisement", lambda: "proto ra" in sh("ip -n a -6 route"))
    end(p)


JOIN = """
import select, socket, struct, sys
def reported(group):
    # /proc/net/igmp: group in this CPU's byte order, users, timer, reporter: 1 once an IGMPv1 or v2 report is out
    lines = [l.split() for l in open('/proc/net/igmp')]
    return any(l[0] == '%08X' % struct.unpack('=I', group)[0] and l[-1] == '1' for l in lines)
for version in (3, 2, 1):
    open('/proc/sys/net/ipv4/conf/eth0/force_igmp_version', 'w').write(str(version))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    group = socket.inet_aton(f'239.1.1.{version}')
    s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + socket.inet_aton(sys.argv[1]))
    for _ in range(500):
        if version == 3 or reported(group):
            break
        select.select([], [], [], 0.01)
    s.close()
for version in (2, 1):
    open('/proc/sys/net/ipv6/conf/eth0/force_mld_version', 'w').write(str(version))
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, f'ff05::{version}') + struct.pack('i', socket.if_nametoindex('eth0')))
    s.close()
"""

ODD = """
import socket, struct, sys
b4, b6 = sys.argv[1:]
# UDP-Lite; UDP without checksum; destination and hop-by-hop options
for family, to in ((socket.AF_INET, b4), (socket.AF_INET6, b6)):
    try:
        s = socket.socket(family, socket.SOCK_DGRAM, 136)
        s.sendto(b'lite', (to, 4000))
    except OSError:
        pass
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 11, 1)
s.sendto(b'no checksum', (b4, 4000))
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, 59, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
s.sendto(b'destination options', (b6, 4000))
s.setsockopt(socket.IPPROTO_IPV6, 54, bytes([0, 1, 1, 12]) + bytes(12))
s.sendto(b'both', (b6, 4000))
s.sendto(bytes(5000), (b6, 4000))
# raw IP: GRE, ESP, OSPF, nothing
for proto in (47, 50, 89, 59):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, proto)
    s.sendto(bytes(32), (b4, 0))
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, proto)
    s.sendto(bytes(32), (b6, 0))
# SCTP INIT in raw IP, where the kernel has no SCTP
init = struct.pack('!HHII', 1000, 2000, 0, 0x12345678) + struct.pack('!BBHIIHHI', 1, 0, 20, 7, 1500, 1, 1, 9)
for family, to in ((socket.AF_INET, b4), (socket.AF_INET6, b6)):
    s = socket.socket(family, socket.SOCK_RAW, 132)
    s.sendto(init, (to, 0))
# Ethernet: RARP, a spanning-tree BPDU (802.2), a CDP-like SNAP frame, LLDP, an unknown type
p = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
p.bind(('eth0', 0))
mac = p.getsockname()[4]
p.send(b'\\xff' * 6 + mac + b'\\x80\\x35' + struct.pack('!HHBBH', 1, 0x800, 6, 4, 3) + mac + bytes(4) + mac + bytes(4))
p.send(bytes.fromhex('0180c2000000') + mac + struct.pack('!H', 38) + bytes.fromhex('424203') + bytes(35))
p.send(bytes.fromhex('01000ccccccc') + mac + struct.pack('!H', 40) + bytes.fromhex('aaaa0300000c2000') + bytes(32))
p.send(bytes.fromhex('0180c200000e') + mac + bytes.fromhex('88cc0000') + bytes(44))
p.send(b'\\xff' * 6 + mac + b'\\x88\\xb5' + bytes(46))
"""


def multicast():
    sh(f"ip netns exec a {sys.executable} -c \"$JOIN\" {A4}", env=dict(os.environ, JOIN=JOIN))


def odd():
    sh(f"ip netns exec a {sys.executable} -c \"$ODD\" {B4} {B6}", env=dict(os.environ, ODD=ODD))


def vxlan():
    try:
        for ns, local, remote, inner in (("a", A4, B4, 1), ("b", B4, A4, 2)):
            sh(f"ip -n {ns} link add vx0 type vxlan id 42 dstport 4789 local {local} remote {remote}; ip -n {ns} addr add 10.8.0.{inner}/24 dev vx0; "
               f"ip -n {ns} link set vx0 up")
    except Failed:
        SKIPPED["vxlan"] = "this kernel has no VXLAN device"
        return
    attempt("ip netns exec a ping -c 3 -i 0.002 -W 5 10.8.0.2; ip netns exec a ping -c 1 -W 5 -s 3000 10.8.0.2")
    for ns in "ab":
        sh(f"ip -n {ns} link del vx0")


def segment_routing():
    try:
        sh(f"ip -n a -6 route add fd08::/64 encap seg6 mode inline segs {B6},fd09::1 dev eth0")
    except Failed:
        SKIPPED["segment_routing"] = "this kernel has no seg6"
        return
    attempt("ip netns exec a ping -6 -c 3 -i 0.002 -W 0.2 fd08::1; echo x | ip netns exec a ncat -u -w 1 fd08::1 9")


# ---- scenarios ----

def scenarios():
    namespaces()
    tags = {
        "802.1Q": bytes.fromhex("8100a005"),
        "priority tag": bytes.fromhex("8100e000"),
        "802.1ad": bytes.fromhex("88a820648100a005"),
        "802.1Q in 802.1Q": bytes.fromhex("81000064 81000fff"),
        "three tags": bytes.fromhex("88a8000188a8000281000003"),
    }
    for name, mtu, offloads, traffic in (
            ("offloads on", 1500, True, (neighbours, pings, fragments, tcp_bulk, tcp, udp, refused, ssh, dhcp_and_dns, multicast, odd, vxlan, segment_routing)),
            ("offloads off", 1500, False, (tcp, udp, fragments, vxlan)),
            ("jumbo", 9000, False, (neighbours, tcp, udp, pings, fragments))):
        direct(mtu, offloads)
        path = traffic_captured(name, "a", "eth0", traffic)
        yield name, path
        sh("ip -n a link del eth0")
    small = (neighbours, pings, fragments, tcp, udp, refused, odd)
    for name, header in tags.items():
        relay = Relay(header)
        path = traffic_captured(name, "root", "t0", small)
        relay.stop()
        yield name, path
    for name, header in (("MPLS", b""), ("MPLS, two labels", bytes.fromhex("0003e2c0"))):
        relay = Relay(header, mpls=True)
        path = traffic_captured(name, "root", "t0", (neighbours, pings, tcp))
        relay.stop()
        yield name, path


def traffic_captured(name, ns, interface, traffic):
    if ns == "root" and not os.path.exists("/run/netns/root"):
        sh("ip netns attach root $PPID")
    with Capture(ns, interface, name.replace(" ", "_")) as capture:
        for t in traffic:
            t()
    return capture.path
