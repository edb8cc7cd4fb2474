# SPDX-License-Identifier: Apache-2.0
"""Guests for benchmarks in the lab: the same kernel, initial RAM disk and memory under vsw-vmm and under QEMU, told what to do by their serial port."""
import glob
import os
import re
import shutil
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.path.join(TOP, "build/lab")
MEMORY_MB = 256

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc p /proc
mount -t devtmpfs d /dev
echo READY $(cut -d' ' -f1 /proc/uptime)
mount -t sysfs s /sys
for m in /modules/*; do insmod $m 2>/dev/null; done
ip link set lo up
# One network card of several answers for its own address only.
echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore
stty -echo
# quietly COMMAND...: what it says goes to /tmp/said, as each letter on the serial port costs exits
quietly() { echo BEGUN; "$@" >/tmp/said 2>&1; }
# card MAC: the name of the network card that has this address
card() { basename "$(dirname "$(grep -l "$1" /sys/class/net/*/address)")"; }
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


class Ended(Exception):
    """A guest that is gone before its time."""


class Guest:
    """One that runs; @is_qemu and the options of its network cards are what differs. Ready to be told when boot() has returned."""

    def __init__(self, name, is_qemu, initrd, nics=(), append=""):
        self.name = name
        append = f"console=ttyS0 quiet panic=-1 {append}"
        if is_qemu:
            cmd = ["qemu-system-x86_64", "-M", "pc", "-accel", "kvm", "-cpu", "host", "-m", str(MEMORY_MB), "-smp", "1", "-nodefaults", "-no-user-config",
                   "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", f"{LAB}/vmlinuz", "-initrd", initrd, "-append", append]
        else:
            cmd = ["vsw-vmm", "--name", "bench", "--memory", f"{MEMORY_MB}M", "--no-reboot", "--kernel", f"{LAB}/vmlinuz", "--initrd", initrd, "--append", append]
        self.begin = time.monotonic()
        self.proc = subprocess.Popen([*cmd, *nics], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = b""
        self.boot_s = self.uptime = None

    def boot(self):
        """Time from exec to its first process, and that by its own clock."""
        self.uptime = float(self.wait_for(rb"READY ([\d.]+)")[1])
        self.boot_s = time.monotonic() - self.begin
        return self

    def wait_for(self, pattern):
        while True:
            m = re.search(pattern, self.said)
            if m:
                self.said = self.said[m.end():]
                return m
            more = os.read(self.proc.stdout.fileno(), 65536)
            if not more:
                raise Ended(f"{self.name}: it ended: {self.said.decode(errors='replace')[-500:]}")
            self.said += more

    def type(self, line):
        """One that is gone is told of by wait_for(), with its last words."""
        try:
            self.proc.stdin.write(line.encode() + b"\n")
            self.proc.stdin.flush()
        except BrokenPipeError:
            pass

    def run(self, line):
        """What the guest's shell says."""
        self.type(line)
        return self.wait_for(rb"(?s)(.*?)DONE \d+")[1].decode(errors="replace")

    def run_counted(self, line):
        """What it says, and how many exits there were meanwhile."""
        self.type(f"quietly {line}")
        self.wait_for(rb"BEGUN\r?\n")
        before = self.exits()
        self.wait_for(rb"DONE \d+")
        n = self.exits() - before
        return self.run("cat /tmp/said"), n

    def pids(self):
        with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children") as f:
            return [str(self.proc.pid), *f.read().split()]

    def counts(self, *names):
        """KVM's counters of this guest: {name: count}."""
        for pid in self.pids():
            for folder in glob.glob(f"/sys/kernel/debug/kvm/{pid}-*"):
                found = {}
                for name in names:
                    with open(f"{folder}/{name}") as f:
                        found[name] = int(f.read())
                return found
        sys.exit(f"{self.name}: KVM has no counters of it")

    def exits(self):
        return self.counts("exits")["exits"]

    def own_kb(self):
        """Resident memory, of vsw-vmm's launcher too, beside the guest's RAM, which is the mapping (or the pieces of one) of that size."""
        total, start, end = 0, None, None
        for pid in self.pids():
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
