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
TITLES = {"vsw-vmm": "vsw-vmm", "qemu": "QEMU `-M pc`"}

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc p /proc
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
    for i, m in enumerate(modules):
        shutil.copy(f"/run/lab-modules/{m}.ko", f"{root}/modules/{i:02d}-{m}.ko")
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
        """Resident memory beside the guest's RAM, which is the mapping (or the pieces of one) of that size."""
        total, start, end = 0, None, None
        with open(f"/proc/{self.proc.pid}/smaps") as f:
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
            return g.boot_s, g.uptime, g.own_kb() / 1024, exits()
        finally:
            g.stop()

    values = b.rounds(one)
    med = b.table.add("exec to /init", "s", "less", {p: [x[0] for x in v] for p, v in values.items()})
    b.table.goal("exec to /init", med, "vsw-vmm", "qemu", less=0.7)
    b.table.add("... of it by the guest's own clock", "s", "less", {p: [x[1] for x in v] for p, v in values.items()})
    med = b.table.add("memory beside the guest's RAM", "MiB", "less", {p: [x[2] for x in v] for p, v in values.items()})
    b.table.goal("memory beside the guest's RAM", med, "vsw-vmm", "qemu", less=0.2)


LINES = {f.__name__: f for f in (boot,)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--only", default=",".join(LINES))
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
