#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The control socket of a real daemon against a thousand clients at once, garbage, half messages, floods, and clients that never read.
Also: the daemon without root, detached, idle, notified, with its log turned over. Runs without root."""
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SWITCHD = os.path.join(os.environ.get("VSW_BIN", os.path.join(TOP, "build/bin")), "vsw-switchd")
seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
rng = random.Random(seed)
folder = tempfile.mkdtemp(prefix="vsw-clients.")
rundir = folder + "/run"
failures = 0
# Sanitizers keep what was freed for a while.
room = 3 if b"__asan_init" in open(SWITCHD, "rb").read() else 1


def result(name, why=None):
    global failures
    print(f"ok {name}" if why is None else f"not ok {name}: {why}", flush=True)
    failures += why is not None


def check(name, condition, why="is false"):
    result(name, None if condition else why)


def dial(timeout=30):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(rundir + "/vsw.sock")
    return s


def ask(s, method, **params):
    s.sendall((json.dumps({"method": method, "params": params, "id": 1}) + "\n").encode())
    return read_line(s)


def read_line(s):
    data = b""
    while not data.endswith(b"\n"):
        got = s.recv(1 << 20)
        if not got:
            return None
        data += got
    return json.loads(data)


def version_ms():
    start = time.monotonic()
    s = dial()
    answer = ask(s, "version")
    s.close()
    assert answer["error"] is None
    return (time.monotonic() - start) * 1000


def cpu_ticks(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def rss_kb(pid):
    return next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))


def send_all(s, data):
    """Return the number of bytes that the daemon took before it hung up."""
    sent = 0
    try:
        while sent < len(data):
            sent += s.send(data[sent:sent + (1 << 20)])
    except (BrokenPipeError, ConnectionResetError):
        pass
    return sent


print(f"# seed {seed}", flush=True)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(folder + "/notify")
notify.settimeout(10)
env = dict(os.environ, NOTIFY_SOCKET=folder + "/notify")
command = [SWITCHD, "--rundir", rundir, "--db", folder + "/conf.db", "--datapath", "dummy", "--log-file", folder + "/log", "--detach", "--pidfile", folder + "/pid"]
if os.getuid() == 0:
    os.chmod(folder, 0o777)
    os.chown(folder, 65534, 65534)
    os.chmod(folder + "/notify", 0o777)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] + command
pid = 0
try:
    started = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
    check("--detach returns 0 when it serves, without root", started.returncode == 0, started.stderr.decode())
    version_ms()
    check("systemd is told", notify.recv(100) == b"READY=1")
    pid = int(open(folder + "/pid").read())
    check("pid files", pid == int(open(rundir + "/vsw-switchd.pid").read()))
    check("nothing of the terminal is kept", os.readlink(f"/proc/{pid}/fd/2") == "/dev/null" if os.access(f"/proc/{pid}/fd", os.R_OK) else True)
    s = dial()
    ask(s, "db/run", commands=[["add-br", "b0"], ["add-port", "b0", "p1", "type=dummy"], ["add-port", "b0", "p2", "type=dummy"]])

    # Nobody asks, nothing happens: no CPU.
    before = cpu_ticks(pid)
    time.sleep(3)
    check("idle", cpu_ticks(pid) - before <= 1, f"{cpu_ticks(pid) - before} ticks in 3 s")

    # A thousand at once, each answered; and a newcomer is served at once.
    clients = [dial() for _ in range(1000)]
    for c in clients:
        c.sendall(b'{"method":"db/run","params":{"commands":[["list-br"]]},"id":3}\n')
    answers = [read_line(c) for c in clients]
    check("1,000 clients", all(a and a["result"]["text"] == "b0\n" for a in answers))
    check("a newcomer beside them", version_ms() < 1000)
    for c in clients[1:]:
        c.close()

    # Garbage of every kind: an answer and the end, or just the end.
    for _ in range(300):
        g = dial()
        send_all(g, rng.randbytes(rng.randrange(1, 2000)) + b"\n")
        try:
            while g.recv(65536):
                pass
        except ConnectionResetError:
            pass
        g.close()
    mutants = 0
    request = bytearray(b'{"method":"flow/add","params":{"bridge":"b0","flow":"priority=7,ip,actions=drop"},"id":1}\n')
    for _ in range(500):
        m = bytearray(request)
        for _ in range(rng.randrange(1, 6)):
            m[rng.randrange(len(m) - 1)] = rng.randrange(256)
        g = dial()
        send_all(g, bytes(m))
        g.shutdown(socket.SHUT_WR)
        try:
            mutants += bool(g.recv(65536))
        except ConnectionResetError:
            pass
        g.close()
    check("garbage", version_ms() < 1000 and mutants > 400, f"{mutants} of 500 mutants were answered")

    # Half messages stand still and cost nothing; leaving is no error.
    halves = [dial() for _ in range(200)]
    for h in halves:
        h.sendall(b'{"method":"db/run","params":{"comm')
    check("half messages", version_ms() < 1000)
    for h in halves:
        h.close()

    # 100 MB without a newline are cut off, and the memory is given back.
    flood = dial()
    sent = send_all(flood, b"a" * (100 << 20))
    check("100 MB", sent < 100 << 20)
    answer = read_line(flood)
    check("100 MB: it says why", answer and answer["error"]["code"] == "EMSGSIZE")
    flood.close()

    # Never reads: one answer is kept for it, further requests are not even read.
    lines = "".join(f"priority={i % 60000},ip,nw_src=10.{i >> 16}.{i >> 8 & 255}.{i & 255},actions=drop\n" for i in range(20000))
    check("20,000 flows in one request", ask(s, "flow/add", bridge="b0", flows=lines)["error"] is None)
    deaf = [dial(2) for _ in range(30)]
    dump = b'{"method":"flow/dump","params":{},"id":1}\n'
    for d in deaf:
        d.setblocking(False)
        try:
            for _ in range(10000):
                d.send(dump)
        except BlockingIOError:
            pass
    version_ms()  # stands in line behind one dump of each
    slowest = max(version_ms() for _ in range(20))
    check("30 clients that never read hold up nobody", slowest < 2000, f"{slowest:.0f} ms")
    check("and cost no more than an answer each", rss_kb(pid) < 600000 * room, f"{rss_kb(pid)} kB")
    for d in deaf:
        d.close()
    for _ in range(100):
        version_ms()
    check("and their memory is given back", rss_kb(pid) < 250000 * room, f"{rss_kb(pid)} kB")

    # The log is turned over.
    os.rename(folder + "/log", folder + "/log.1")
    os.kill(pid, signal.SIGHUP)
    for _ in range(500):
        if os.path.exists(folder + "/log"):
            break
        time.sleep(0.01)
    check("SIGHUP opens a new log", os.path.exists(folder + "/log"))

    ask(s, "daemon/stop")
    for _ in range(1000):
        if not os.path.exists(f"/proc/{pid}"):
            break
        time.sleep(0.01)
    check("daemon/stop", not os.path.exists(f"/proc/{pid}"))
    check("the socket is gone", not os.path.exists(rundir + "/vsw.sock"))
    check("systemd is told of the end", notify.recv(100) == b"STOPPING=1")
    pid = 0
finally:
    if pid:
        os.kill(pid, signal.SIGKILL)
    if failures:
        for name in ("log.1", "log"):
            if os.path.exists(f"{folder}/{name}"):
                print(open(f"{folder}/{name}").read()[-2000:])
    shutil.rmtree(folder, ignore_errors=True)
sys.exit(failures != 0)
