#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the daemon during 1,000 transactions: no acknowledged one is lost, none is there by half.

Four clients send transactions that each add two dummy ports, or delete two; the daemon is killed again and again at random instants. After each
restart the database and the switch must have both ports of a pair or none, every acknowledged pair, and no pair whose
deletion was acknowledged. Needs no root."""
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SWITCHD = os.path.join(os.environ.get("VSW_BIN", os.path.join(TOP, "build/bin")), "vsw-switchd")
TRANSACTIONS, CLIENTS, KILLS = 1000, 4, 12
seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
rng = random.Random(seed)
folder = tempfile.mkdtemp(prefix="vsw-txn.")
failures = 0


def result(name, why=None):
    global failures
    print(f"ok {name}" if why is None else f"not ok {name}: {why}", flush=True)
    failures += why is not None


class Switch:
    def __init__(self):
        self.start()

    def start(self):
        log = open(os.path.join(folder, "log"), "a")
        self.process = subprocess.Popen([SWITCHD, "--rundir", folder, "--db", folder + "/conf.db", "--datapath", "dummy"], stderr=log)
        for _ in range(1000):
            try:
                Client().call([["list-br"]])
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.01)
        raise SystemExit("not ok daemon starts: " + open(folder + "/log").read()[-500:])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Client:
    """One connection; raises OSError when the daemon is not there, or dies before it answers."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(folder + "/vsw.sock")
        self.file = self.socket.makefile("rb")

    def call(self, commands):
        self.socket.sendall((json.dumps({"method": "db/run", "params": {"commands": commands, "format": "json"}}) + "\n").encode())
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise OSError("cut off")
        answer = json.loads(line)
        if answer["error"]:
            raise RuntimeError(answer["error"]["text"])
        return answer["result"]["commands"]


class Worker(threading.Thread):
    """Adds and deletes pairs of its own. state: pair -> True (there), False (gone), None (either: it was never answered)."""

    def __init__(self, number, transactions):
        super().__init__()
        self.number, self.n, self.state, self.errors = number, transactions, {}, []
        self.rng = random.Random(rng.randrange(1 << 32))

    def run(self):
        client, done, next_pair = None, 0, 0
        while done < self.n:
            there = [p for p, s in self.state.items() if s]
            if there and self.rng.random() < 0.4:
                pair, wanted = self.rng.choice(there), False
                commands = [["del-port", "b0", f"w{self.number}-{pair}{half}"] for half in "ab"]
            else:
                pair, wanted = next_pair, True
                next_pair += 1
                commands = [["add-port", "b0", f"w{self.number}-{pair}{half}", "type=dummy"] for half in "ab"]
            before = self.state.get(pair, False)
            try:
                client = client or Client()
                self.state[pair] = None
                client.call(commands)
                self.state[pair] = wanted
                done += 1
            except OSError:
                if client is None:
                    self.state[pair] = before
                client = None
                time.sleep(0.002)
            except RuntimeError as e:
                self.errors.append(str(e))
                self.state[pair] = before
                done += 1


def verify(workers, when):
    commands = Client().call([["list-ports", "b0"], ["--columns=name,ofport,error", "list", "Interface"]])
    ports = set(commands[0]["ports"])
    numbers = [row[1] for row in commands[1]["data"]]
    if len(set(map(str, numbers))) != len(numbers):
        return f"{when}: a port number was given twice"
    for w in workers:
        for pair, state in list(w.state.items()):
            there = [f"w{w.number}-{pair}{half}" in ports for half in "ab"]
            if there[0] != there[1]:
                return f"{when}: half of pair w{w.number}-{pair} is there"
            if state is not None and there[0] != state:
                return f"{when}: pair w{w.number}-{pair} is {'there' if there[0] else 'lost'}, its {'addition' if state else 'deletion'} was acknowledged"
    return None


print(f"# seed {seed}", flush=True)
try:
    switch = Switch()
    Client().call([["add-br", "b0", "datapath_type=dummy"]])
    workers = [Worker(i, TRANSACTIONS // CLIENTS) for i in range(CLIENTS)]
    for w in workers:
        w.start()
    kills = 0
    while any(w.is_alive() for w in workers):
        time.sleep(rng.uniform(0.005, 0.1))
        if kills < KILLS:
            switch.kill()
            kills += 1
            switch.start()
    for w in workers:
        w.join()
    result(f"{TRANSACTIONS} transactions under {kills} kills" if kills > 3 else "enough kills", None if kills > 3 else f"only {kills}")
    errors = [e for w in workers for e in w.errors]
    result("no transaction was refused", "; ".join(errors[:3]) if errors else None)
    result("nothing lost, nothing by half", verify(workers, "running"))
    switch.kill()
    switch.start()
    result("nothing lost, nothing by half after the last kill", verify(workers, "restarted"))
    switch.process.terminate()
    result("an orderly end", None if switch.process.wait(20) == 0 else "exit status")
finally:
    if switch.process.poll() is None:
        switch.process.kill()
    if failures:
        print(open(folder + "/log").read()[-2000:])
    shutil.rmtree(folder, ignore_errors=True)
sys.exit(failures != 0)
