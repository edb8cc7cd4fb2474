# SPDX-License-Identifier: Apache-2.0
"""One measurement of one peer, each a function that returns a number or a dictionary of numbers."""
import json
import os
import re
import subprocess
import time

from peers import BENCH, TOOLS, inside_of, sh, wait_for

HZ = os.sysconf("SC_CLK_TCK")


def cpu_seconds():
    """What all CPUs together were busy so far, interrupts included (proc(5), /proc/stat: all but idle, iowait and steal)."""
    f = [int(x) for x in open("/proc/stat").readline().split()[1:9]]
    return (f[0] + f[1] + f[2] + f[5] + f[6]) / HZ


def iperf(server, client, address, streams, seconds):
    """@server, @client: command prefixes that lead there. Return: Gbit/s."""
    with subprocess.Popen([*server, "iperf3", "-s", "-1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        try:
            wait_for(lambda: "5201" in sh(*server, "ss", "-Hltn"), "iperf3 server")
            out = json.loads(sh(*client, "iperf3", "-J", "-c", address, "-t", str(seconds), "-P", str(streams), check=False))
        finally:
            p.terminate()
    if "end" not in out or "sum_received" not in out["end"]:
        raise RuntimeError(f"iperf3 to {address}: {out.get('error', out)}")
    return out["end"]["sum_received"]["bits_per_second"] / 1e9


def at(peer, i):
    return inside_of(peer.hosts[i])


def tcp(peer, streams=1, seconds=1.5):
    busy, begin = cpu_seconds(), time.monotonic()
    rate = iperf(at(peer, 1), at(peer, 0), "10.0.0.2", streams, seconds)
    busy, took = cpu_seconds() - busy, time.monotonic() - begin
    return {"rate": rate, "cpu": 100 * busy / took}


def tcp_inside(peer, seconds=1.5):
    """From the switch's own namespace through its internal port to host 2."""
    net = "10.1.0"
    if not getattr(peer, "has_inside", False):
        peer.has_inside = True
        peer.at_home("ip", "addr", "add", f"{net}.1/24", "dev", peer.inside)
        peer.at_home("ip", "link", "set", peer.inside, "up")
        sh("ip", "-n", peer.hosts[1], "addr", "add", f"{net}.2/24", "dev", "eth1" if peer.name == "veth" else "eth0")
        if peer.bridge and not getattr(peer, "keeps_checksums", True):
            peer.at_home("ethtool", "-K", peer.inside, "tx", "off", check=False)
        wait_for(lambda: "1 received" in peer.at_home("ping", "-qc1", "-W1", f"{net}.2", check=False), f"{peer.title}: ping from inside")
    return iperf(at(peer, 1), inside_of(peer.home), f"{net}.2", 1, seconds)


def rx_packets(peer):
    return json.loads(sh("ip", "-n", peer.hosts[1], "-s", "-j", "link", "show", "eth0"))[0]["stats64"]["rx"]["packets"]


def blast(peer, seconds, *options):
    return sh(*at(peer, 0), f"{TOOLS}/blast", "eth0", str(seconds), "--dst-mac", peer.mac[1], *map(str, options))


def small_packets(peer, flows=1, per_address=256, seconds=0.8):
    """60-byte frames (64 with the FCS) received, per second and per second of CPU time."""
    n, busy, begin = rx_packets(peer), cpu_seconds(), time.monotonic()
    blast(peer, seconds, "--flows", flows, "--per-address", per_address)
    took, busy = time.monotonic() - begin, cpu_seconds() - busy
    n = rx_packets(peer) - n
    return {"rate": n / seconds, "per_cpu": n / max(busy, 1 / HZ), "cpu": 100 * busy / took}


def ping_flood(peer, n=3000):
    out = sh(*at(peer, 0), "ping", "-q", "-f", "-c", str(n), "10.0.0.2")
    return float(re.search(r"= [\d.]+/([\d.]+)/", out)[1]) * 1000


def first_ping(peer):
    """Round trip of the first packet to a host that was silent; its MAC address is known, its flow is not any more."""
    out = sh(*at(peer, 0), "ping", "-c", "1", "-W", "2", "10.0.0.2", check=False)
    m = re.search(r"time=([\d.]+)", out)
    return float(m[1]) * 1000 if m else 2e6


def connections(peer, seconds=1.0):
    """TCP connections a second: connect, a request, an answer, closed."""
    with subprocess.Popen([*at(peer, 1), f"{BENCH}/connects", "server", "7007"], stdout=subprocess.DEVNULL) as p:
        try:
            wait_for(lambda: ":7007" in sh(*at(peer, 1), "ss", "-Hltn"), "connects server")
            out = sh(*at(peer, 0), f"{BENCH}/connects", "client", "10.0.0.2", "7007", str(seconds))
        finally:
            p.terminate()
    return float(out.split()[0])


def cpu_ns(pid):
    """Of all threads of a process (schedstat's first number)."""
    return sum(int(open(f"/proc/{pid}/task/{t}/schedstat").read().split()[0]) for t in os.listdir(f"/proc/{pid}/task"))


def daemon_cpu(peer, seconds=4.0):
    """Per cent of one CPU that its processes use while nothing happens."""
    def used():
        return sum(cpu_ns(p.pid) for p in peer.procs) / 1e9

    before = used()
    time.sleep(seconds)
    return 100 * (used() - before) / seconds


def timed(f, *a):
    t = time.monotonic()
    f(*a)
    return time.monotonic() - t


def rss_kb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1])


def policed_tcp(peer, mbit):
    """
    Mbit/s as frames: 1448 bytes are delivered by each of 1514. The first seconds are the bucket's. At low rates TCP stands still for half a second at
    times, and makes up for it in the next: what the end cuts off is to be small.
    """
    seconds = 8 if mbit < 100 else 3
    with subprocess.Popen([*at(peer, 1), "iperf3", "-s", "-1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        try:
            wait_for(lambda: "5201" in sh(*at(peer, 1), "ss", "-Hltn"), "iperf3 server")
            out = json.loads(sh(*at(peer, 0), "iperf3", "-J", "-c", "10.0.0.2", "-O", "2", "-t", str(seconds), check=False))
        finally:
            p.terminate()
    return out["end"]["sum_received"]["bits_per_second"] / 1e6 * 1514 / 1448


def rx_bytes(peer):
    return json.loads(sh("ip", "-n", peer.hosts[1], "-s", "-j", "link", "show", "eth0"))[0]["stats64"]["rx"]["bytes"]


def policed_udp(peer, mbit):
    """Mbit/s of frames of 1514 bytes of which twice as many are sent, or as many as can be."""
    sender = subprocess.Popen([*at(peer, 0), f"{TOOLS}/blast", "eth0", "4", "--dst-mac", peer.mac[1], "--size", "1514", *(["--rate", str(mbit * 165)] if mbit < 1000 else [])],
                              stdout=subprocess.DEVNULL)
    time.sleep(2)
    n, begin = rx_bytes(peer), time.monotonic()
    time.sleep(1.5)
    rate = (rx_bytes(peer) - n) * 8 / 1e6 / (time.monotonic() - begin)
    sender.wait()
    return rate
