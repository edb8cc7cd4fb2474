# SPDX-License-Identifier: Apache-2.0
"""Guests under vsw-vmm and under QEMU, in the lab (real KVM): the same kernel, the same RAM, NICs on ports of the same switch.

    python3 tests/bench/guests.py [--rounds N] [--only LINE,...]      within tests/lab/run; the table goes to $LAB_OUT/bench.{json,md}

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

from table import Table

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.path.join(TOP, "build/lab")
MEMORY_MB = 256
SECONDS = 3
TITLES = {"vsw-vmm": "vsw-vmm", "qemu": "QEMU `-M pc`"}

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc p /proc
mount -t devtmpfs d /dev
echo READY $(cut -d' ' -f1 /proc/uptime)
for m in /modules/*; do insmod $m 2>/dev/null; done
ip link set lo up
while read -r line; do
	eval "$line"
	echo DONE $?
done
poweroff -f
"""


def sh(*cmd, **kw):
    return subprocess.run(cmd, check=True, text=True, capture_output=True, **kw).stdout


def make_initrd(tmp, modules=(), programs=()):
    """busybox and INIT; @modules by name, in the order of loading; @programs with the libraries that they need."""
    root = os.path.join(tmp, "root")
    os.makedirs(f"{root}/bin")
    os.makedirs(f"{root}/modules")
    for d in ("proc", "sys", "dev", "tmp"):
        os.makedirs(f"{root}/{d}")
    busybox = shutil.which("busybox")
    if not busybox or subprocess.run(["ldd", busybox], capture_output=True).returncode == 0:
        busybox = f"{LAB}/busybox/bin/busybox"
    shutil.copy(busybox, f"{root}/bin/busybox")
    files = []
    for m in modules:
        with open(f"{LAB}/version") as f:
            said = sh("modprobe", "-d", f"{LAB}/package", "-S", f.read().strip(), "--show-depends", m)
        files += [x for x in re.findall(r"^insmod (\S+)", said, re.M) if x not in files]
    for i, m in enumerate(files):
        shutil.copy(m, f"{root}/modules/{i:02d}-{os.path.basename(m)}")
    for p in programs:
        path = shutil.which(p)
        for lib in re.findall(r"(/\S+) \(0x", sh("ldd", path)):
            os.makedirs(root + os.path.dirname(lib), exist_ok=True)
            shutil.copy(lib, root + lib)
        shutil.copy(path, f"{root}/bin/{p}")
    with open(f"{root}/init", "w") as f:
        f.write(INIT)
    os.chmod(f"{root}/init", 0o755)
    out = f"{tmp}/initrd"
    subprocess.run(f"cd {root} && find . | cpio -o -H newc --quiet | gzip -1 >{out}", shell=True, check=True)
    return out


class Guest:
    """One that runs; the peer's command line is what differs."""

    def __init__(self, peer, initrd, nic=None):
        self.peer = peer
        append = "console=ttyS0 quiet panic=-1"
        if peer == "qemu":
            cmd = ["qemu-system-x86_64", "-M", "pc", "-accel", "kvm", "-cpu", "host", "-m", str(MEMORY_MB), "-smp", "1", "-nodefaults", "-no-user-config",
                   "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", f"{LAB}/vmlinuz", "-initrd", initrd, "-append", append]
        else:
            cmd = ["vsw-vmm", "--name", "bench", "--memory", f"{MEMORY_MB}M", "--no-reboot", "--kernel", f"{LAB}/vmlinuz", "--initrd", initrd, "--append", append]
        begin = time.monotonic()
        self.proc = subprocess.Popen(cmd + (nic or []), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = b""
        self.uptime = float(self.wait_for(rb"READY ([\d.]+)")[1])
        self.boot_s = time.monotonic() - begin

    def wait_for(self, pattern):
        while True:
            m = re.search(pattern, self.said)
            if m:
                self.said = self.said[m.end():]
                return m
            more = os.read(self.proc.stdout.fileno(), 65536)
            if not more:
                sys.exit(f"{self.peer}: it ended: {self.said.decode(errors='replace')[-500:]}")
            self.said += more

    def run(self, line):
        """What the guest's shell says."""
        self.proc.stdin.write(line.encode() + b"\n")
        self.proc.stdin.flush()
        return self.wait_for(rb"(?s)(.*?)DONE \d+")[1].decode(errors="replace")

    def own_kb(self):
        """Resident memory, of vsw-vmm's launcher too, beside the guest's RAM, which is the mapping (or the pieces of one) of that size."""
        total, start, end = 0, None, None
        with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children") as f:
            pids = [str(self.proc.pid), *f.read().split()]
        for pid in pids:
            with open(f"/proc/{pid}/smaps") as f:
                for line in f:
                    m = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
                    if m:
                        start, end = int(m[1], 16), int(m[2], 16)
                    elif line.startswith("Rss:") and end - start < MEMORY_MB << 19:
                        total += int(line.split()[1])
        return total

    def stop(self):
        self.proc.kill()
        self.proc.wait()


class Switch:
    """One bridge; the host is 10.0.0.1 on it."""

    def __init__(self, tmp):
        self.rundir = os.path.join(tmp, "run")
        self.env = dict(os.environ, VSW_RUNDIR=self.rundir)
        os.mkdir(self.rundir)
        self.proc = subprocess.Popen(["vsw-switchd", "--rundir", self.rundir, "--db", f"{self.rundir}/conf.db", "--datapath", "ebpf"])
        while subprocess.run(["vsw", "version"], env=self.env, capture_output=True).returncode:
            time.sleep(0.1)
        self.vsw("add-br", "br0")
        sh("ip", "addr", "add", "10.0.0.1/24", "dev", "br0")
        sh("ip", "link", "set", "br0", "up")

    def vsw(self, *cmd):
        return sh("vsw", *cmd, env=self.env)

    def nic(self, peer, model):
        """Options of the peer's; QEMU's TAP is made here, as a port like the other's."""
        if peer != "qemu":
            return ["--rundir", self.rundir, "--nic", f"br0,model={model}"]
        if subprocess.run(["ip", "link", "show", "qtap"], capture_output=True).returncode:
            sh("ip", "tuntap", "add", "qtap", "mode", "tap", "vnet_hdr")
            sh("ip", "link", "set", "qtap", "up")
            self.vsw("add-port", "br0", "qtap")
        device = {"virtio": "virtio-net-pci"}.get(model, model)
        vhost = "on" if model == "virtio" else "off"
        return ["-netdev", f"tap,id=n0,ifname=qtap,script=no,downscript=no,vhost={vhost}", "-device", f"{device},netdev=n0,romfile="]

    def stop(self):
        self.proc.terminate()
        self.proc.wait()
        subprocess.run(["ip", "link", "del", "qtap"], capture_output=True)


def exits():
    with open("/sys/kernel/debug/kvm/exits") as f:
        return int(f.read())


class Bench:
    def __init__(self, args, tmp):
        self.args, self.tmp = args, tmp
        self.table = Table(TITLES)

    def rounds(self, f, n=None):
        values = {p: [] for p in TITLES}
        for _ in range(n or self.args.rounds):
            for p in TITLES:
                values[p].append(f(p))
        return values


def boot(b):
    initrd = make_initrd(tempfile.mkdtemp(dir=b.tmp))

    def one(peer):
        g = Guest(peer, initrd)
        try:
            return g.boot_s, g.uptime, g.own_kb() / 1024
        finally:
            g.stop()

    values = b.rounds(one)
    med = b.table.add("exec to /init", "s", "less", {p: [x[0] for x in v] for p, v in values.items()})
    b.table.goal("exec to /init", med, "vsw-vmm", "qemu", less=0.7)
    b.table.add("... of it by the guest's own clock", "s", "less", {p: [x[1] for x in v] for p, v in values.items()})
    med = b.table.add("memory beside the guest's RAM", "MiB", "less", {p: [x[2] for x in v] for p, v in values.items()})
    b.table.goal("memory beside the guest's RAM", med, "vsw-vmm", "qemu", less=0.2)


def stream(guest, reverse):
    """One TCP stream between guest and host: Mbit/s, and exits for each MB."""
    before = exits()
    said = guest.run(f"iperf3 -c 10.0.0.1 -t {SECONDS} -f m {'-R' if reverse else ''}")
    m = re.search(r"([\d.]+) MBytes +([\d.]+) Mbits/sec +receiver", said)
    if not m:
        sys.exit(f"{guest.peer}: iperf3: {said[-500:]}")
    return float(m[2]), (exits() - before) / max(float(m[1]), 1)


def tcp(b):
    switch = Switch(b.tmp)
    server = subprocess.Popen(["iperf3", "-s", "-B", "10.0.0.1"], stdout=subprocess.DEVNULL)
    initrd = make_initrd(tempfile.mkdtemp(dir=b.tmp), ("virtio_pci", "virtio_net", "e1000", "8139cp"), ("iperf3",))
    try:
        for model in b.args.models.split(","):
            tcp_model(b, switch, initrd, model)
    finally:
        server.kill()
        switch.stop()


def tcp_model(b, switch, initrd, model):
    """A guest for each peer and model; directions in turn."""
    values = {p: [] for p in TITLES}
    for _ in range(b.args.guests):
        for peer in TITLES:
            guest = Guest(peer, initrd, switch.nic(peer, model))
            try:
                guest.run("ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; ping -c 1 -W 5 10.0.0.1 >/dev/null || ping -c 5 10.0.0.1 >/dev/null")
                for _ in range(b.args.rounds):
                    values[peer].append((stream(guest, False), stream(guest, True)))
            finally:
                guest.stop()
    for i, way in enumerate(("from the guest", "to the guest")):
        med = b.table.add(f"TCP {way}, {model}", "Mbit/s", "more", {p: [x[i][0] for x in v] for p, v in values.items()})
        b.table.goal(f"TCP {way}, {model}", med, "vsw-vmm", "qemu", more=1.0 if model == "virtio" else 1.2)
        med = b.table.add(f"... exits for each MB, {model}", "1/MB", "less", {p: [x[i][1] for x in v] for p, v in values.items()})
        b.table.goal(f"exits for each MB {way}, {model}", med, "vsw-vmm", "qemu", less=1.0)


LINES = {f.__name__: f for f in (boot, tcp)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--only", default=",".join(LINES))
    ap.add_argument("--models", default="virtio,e1000,rtl8139")
    ap.add_argument("--guests", type=int, default=1, help="of each peer and model")
    args = ap.parse_args()
    tmp = tempfile.mkdtemp(prefix="vsw-guests.")
    b = Bench(args, tmp)
    try:
        for name in args.only.split(","):
            LINES[name](b)
    finally:
        b.table.write(os.path.join(os.environ["LAB_OUT"], "bench"))
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
