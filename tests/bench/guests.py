# SPDX-License-Identifier: Apache-2.0
"""Guests under vsw-vmm and under QEMU, in the lab (real KVM): how soon they begin, what they weigh, how fast their network cards are.

    python3 tests/bench/guests.py [--rounds N] [--only LINE,...] [--models MODEL,...]      within tests/lab/run; the table goes to $LAB_OUT/bench.{json,md}

Peers take turns. Times are the host's, from exec to what the guest's first process says on its serial port.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from guest import Ended, Guest, make_initrd, sh
from table import Table

SECONDS = 2
PINGS = 1000
TITLES = {"vsw-vmm": "vsw-vmm", "qemu": "QEMU 7.2 `-M pc`", "qemu-vsw": "... on vsw's bridge"}
# Of vsw-vmm and of QEMU; what of the latter's speed is asked. 8139cp is the driver of either's rtl8139.
MODELS = {
    "vhost": ("model=virtio", "on", "virtio-net-pci", 1.0),
    "virtio": ("model=virtio,vhost=off", "off", "virtio-net-pci", 1.0),
    "e1000": ("model=e1000", "off", "e1000", 1.2),
    "rtl8139": ("model=rtl8139", "off", "rtl8139", 1.2),
}


class Switch:
    """br0 of vsw-switchd and lbr, a Linux bridge. The host is 10.0.N.1 on br0 and 10.1.N.1 on lbr, N: a model's number."""

    def __init__(self, tmp):
        self.rundir = os.path.join(tmp, "run")
        self.env = dict(os.environ, VSW_RUNDIR=self.rundir)
        self.taps = []
        os.mkdir(self.rundir)
        self.proc = subprocess.Popen(["vsw-switchd", "--rundir", self.rundir, "--db", f"{self.rundir}/conf.db", "--datapath", "ebpf"])
        while subprocess.run(["vsw", "version"], env=self.env, capture_output=True).returncode:
            time.sleep(0.1)
        self.vsw("add-br", "br0")
        sh("ip", "link", "add", "lbr", "type", "bridge")
        for i in range(len(MODELS)):
            sh("ip", "addr", "add", f"10.0.{i}.1/24", "dev", "br0")
            sh("ip", "addr", "add", f"10.1.{i}.1/24", "dev", "lbr")
        sh("ip", "link", "set", "br0", "up")
        sh("ip", "link", "set", "lbr", "up")

    def vsw(self, *cmd):
        return sh("vsw", *cmd, env=self.env)

    def nics(self, peer, models):
        """Options of the peer's, one card for each model."""
        options = [] if peer != "vsw-vmm" else ["--rundir", self.rundir]
        for m in models:
            ours, vhost, device, _ = MODELS[m]
            mac = address(peer, m)[1]
            if peer == "vsw-vmm":
                options += ["--nic", f"br0,{ours},mac={mac}"]
            else:
                tap = self.make_tap(peer, m)
                options += ["-netdev", f"tap,id={m},ifname={tap},script=no,downscript=no,vhost={vhost}", "-device", f"{device},netdev={m},mac={mac},romfile="]
        return options

    def make_tap(self, peer, model):
        tap = f"{'v' if peer == 'qemu-vsw' else 'q'}{model}"
        sh("ip", "tuntap", "add", tap, "mode", "tap", "vnet_hdr")
        self.taps.append(tap)
        sh("ip", "link", "set", tap, "up")
        if peer == "qemu-vsw":
            self.vsw("add-port", "br0", tap)
        else:
            sh("ip", "link", "set", tap, "master", "lbr")
        return tap

    def remove_taps(self):
        for tap in self.taps:
            subprocess.run(["ip", "link", "del", tap], capture_output=True)
        self.taps.clear()

    def stop(self):
        self.proc.terminate()
        self.proc.wait()
        self.remove_taps()
        subprocess.run(["ip", "link", "del", "lbr"], capture_output=True)


def address(peer, model):
    """A card's IP address, its MAC address, and the host's IP address."""
    p, m = list(TITLES).index(peer), list(MODELS).index(model)
    net = 1 if peer == "qemu" else 0
    return f"10.{net}.{m}.{10 + p}", f"52:54:00:00:{p:02x}:{m:02x}", f"10.{net}.{m}.1"


class Bench:
    def __init__(self, args, tmp):
        self.args, self.tmp = args, tmp
        self.table = Table(TITLES)

    def rounds(self, f, peers):
        values = {p: [] for p in peers}
        for _ in range(self.args.rounds):
            for p in peers:
                values[p].append(f(p))
        return values

    def judge(self, name, med, **goal):
        """Of both of QEMU's places."""
        for peer in ("qemu", "qemu-vsw"):
            if peer in med:
                self.table.goal(name, med, "vsw-vmm", peer, **goal)


def boot(b):
    initrd = make_initrd(tempfile.mkdtemp(dir=b.tmp))

    def one(peer):
        g = Guest(peer, peer != "vsw-vmm", initrd)
        try:
            g.boot()
            return g.boot_s, g.uptime, g.exits()
        finally:
            g.stop()

    values = b.rounds(one, ("vsw-vmm", "qemu"))
    med = b.table.add("exec to /init", "s", "less", {p: [x[0] for x in v] for p, v in values.items()})
    b.judge("exec to /init", med, less=0.7)
    b.table.add("... of it by the guest's own clock", "s", "less", {p: [x[1] for x in v] for p, v in values.items()})
    b.table.add("... exits until /init", "", "less", {p: [x[2] for x in v] for p, v in values.items()})


def memory(b):
    """With a network card and a disk that have been used."""
    switch = Switch(b.tmp)
    initrd = make_initrd(tempfile.mkdtemp(dir=b.tmp), ("virtio_pci", "virtio_net", "virtio_blk"))
    disk = os.path.join(b.tmp, "disk")
    sh("truncate", "-s", "64M", disk)

    def one(peer):
        is_qemu = peer != "vsw-vmm"
        drive = ["-drive", f"file={disk},format=raw,if=none,id=d0", "-device", "virtio-blk-pci,drive=d0"] if is_qemu else ["--disk", disk]
        g = Guest(peer, is_qemu, initrd, switch.nics(peer, ["vhost"]) + drive)
        try:
            g.boot()
            g.run("ip link set eth0 up; dd if=/dev/vda of=/dev/null bs=1M count=8 2>/dev/null")
            return g.own_kb() / 1024
        finally:
            g.stop()
            switch.remove_taps()

    try:
        med = b.table.add("memory beside the guest's RAM", "MiB", "less", b.rounds(one, ("vsw-vmm", "qemu")))
    finally:
        switch.stop()
    b.judge("memory beside the guest's RAM", med, less=0.2)


def stream(guest, host, reverse):
    """One TCP stream between guest and host: Mbit/s, and exits for each MB."""
    said, n = guest.run_counted(f"iperf3 -c {host} -t {SECONDS} -f m {'-R' if reverse else ''}")
    m = re.search(r"([\d.]+) ([KMG])Bytes +([\d.]+) Mbits/sec +receiver", said)
    if not m:
        sys.exit(f"{guest.name}: iperf3: {said[-500:]}")
    mb = float(m[1]) * {"K": 1 / 1024, "M": 1, "G": 1024}[m[2]]
    return float(m[3]), n / max(mb, 0.1)


def flood(guest, ip):
    """ping -f: round trips in milliseconds, and exits for each."""
    before = guest.exits()
    said = sh("ping", "-q", "-f", "-c", str(PINGS), "-w", "20", ip)
    return float(re.search(r"= [\d.]+/([\d.]+)/", said)[1]), (guest.exits() - before) / PINGS


def nic(b):
    """A guest of each peer, with a card of each model; the idle ones sleep."""
    switch = Switch(b.tmp)
    server = subprocess.Popen(["iperf3", "-s"], stdout=subprocess.DEVNULL)
    initrd = make_initrd(tempfile.mkdtemp(dir=b.tmp), ("virtio_pci", "virtio_net", "e1000", "8139cp"), ("iperf3",))
    guests = {}
    try:
        cards = {peer: switch.nics(peer, b.args.models) for peer in b.args.peers}

        def begin(peer):
            guests[peer] = Guest(peer, peer != "vsw-vmm", initrd, cards[peer])

        for peer in cards:
            begin(peer)
        for peer in cards:
            try:
                guests[peer].boot()
            except Ended as e:
                print(f"{e}; once more", flush=True)
                begin(peer)
                guests[peer].boot()
        for model in b.args.models:
            nic_model(b, guests, model)
    finally:
        for guest in guests.values():
            guest.stop()
        server.kill()
        switch.stop()


def nic_model(b, guests, model):
    for peer, guest in guests.items():
        ip, mac, host = address(peer, model)
        guest.run(f"c=$(card {mac}); ip addr add {ip}/24 dev $c; ip link set $c up; ping -c 1 -W 5 {host} >/dev/null || ping -c 5 {host} >/dev/null")

    def one(peer):
        ip, _, host = address(peer, model)
        found = stream(guests[peer], host, False), stream(guests[peer], host, True), flood(guests[peer], ip)
        print(f"# {model}, {peer}: " + ", ".join(f"{x:.4g} ({n:.4g} exits)" for x, n in found), flush=True)
        return found

    values = b.rounds(one, guests)

    def add(name, unit, better, i, k):
        return b.table.add(f"{model}: {name}", unit, better, {p: [x[i][k] for x in v] for p, v in values.items()})

    for i, way in enumerate(("from the guest", "to the guest")):
        b.judge(f"{model}: TCP {way}", add(f"TCP {way}", "Mbit/s", "more", i, 0), more=MODELS[model][3])
        b.judge(f"{model}: exits for each MB {way}", add(f"... exits for each MB {way}", "1/MB", "less", i, 1), less=1.0)
    add("ping -f", "ms", "less", 2, 0)
    b.judge(f"{model}: exits for each ping", add("... exits for each", "1", "less", 2, 1), less=1.0)
    for peer, guest in guests.items():
        guest.run(f"ip link set $(card {address(peer, model)[1]}) down")


LINES = {f.__name__: f for f in (boot, memory, nic)}


def names(allowed):
    def parse(text):
        chosen = text.split(",")
        for x in chosen:
            if x not in allowed:
                raise argparse.ArgumentTypeError(f"'{x}' is none of {', '.join(allowed)}")
        return chosen
    return parse


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--only", type=names(LINES), default=list(LINES))
    ap.add_argument("--models", type=names(MODELS), default=list(MODELS))
    ap.add_argument("--peers", type=names(TITLES), default=list(TITLES), help="of line nic")
    args = ap.parse_args()
    tmp = tempfile.mkdtemp(prefix="vsw-guests.")
    b = Bench(args, tmp)
    try:
        for name in args.only:
            LINES[name](b)
    finally:
        b.table.write(os.path.join(os.environ["LAB_OUT"], "bench"))
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
