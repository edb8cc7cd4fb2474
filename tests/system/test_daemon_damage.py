#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A daemon on a database with one bit turned over, all over the file: it serves what was stored, or says in one line that the file is damaged,
which file, and how to start afresh; and then the file is as it was. Needs no root."""
import os
import random
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("VSW_BIN", os.path.join(TOP, "build/bin"))
STRIDE = 97
seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
rng = random.Random(seed)
folder = tempfile.mkdtemp(prefix="vsw-damage.")
rundir, database = folder + "/run", folder + "/x.db"
failures = 0


def result(name, why=None):
    global failures
    print(f"ok {name}" if why is None else f"not ok {name}: {why}", flush=True)
    failures += why is not None


def start(db):
    return subprocess.run([BIN + "/vsw-switchd", "--rundir", rundir, "--db", db, "--datapath", "dummy", "--log-file", folder + "/log", "--detach"],
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)


def stop():
    subprocess.run([BIN + "/vsw-switchd", "--rundir", rundir, "--stop"], check=True, timeout=60)


def vsw(*words):
    done = subprocess.run([BIN + "/vsw", "--rundir", rundir, *words], stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    return done.stdout


def state():
    return sorted(vsw("--columns=name,tag,trunks,external_ids", "--format=csv", "list", "Port").split("\n"))


def damage(good, position):
    """Return: None, or what is wrong. Adds to counts."""
    bad = bytearray(good)
    bad[position] ^= 1 << rng.randrange(8)
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(database + suffix):
            os.unlink(database + suffix)
    with open(database, "wb") as f:
        f.write(bad)
    started = start(database)
    if started.returncode == 0:
        counts["served"] += 1
        now = state()
        stop()
        return None if now == before else f"serves something else: {now}"
    counts["refused"] += 1
    said = started.stderr.decode()
    if said.count("\n") != 1 or database not in said or "damaged" not in said or "to start afresh" not in said.lower():
        return f"says {said!r}"
    with open(database, "rb") as f:
        return None if f.read() == bad else "the file was written to"


print(f"# seed {seed}", flush=True)
counts = {"served": 0, "refused": 0}
try:
    result("starts", None if start(folder + "/good.db").returncode == 0 else "does not")
    vsw("add-br", "b0", "datapath_type=dummy")
    for i in range(20):
        vsw("add-port", "b0", f"p{i}", "type=dummy", f"tag={i}", "trunks=1,2,3")
    before = state()
    stop()
    with open(folder + "/good.db", "rb") as f:
        original = f.read()
    wrong = []
    for at in range(rng.randrange(STRIDE), len(original), STRIDE):
        why = damage(original, at)
        if why:
            wrong.append(f"byte {at}: {why}")
    result("one bit turned over, anywhere", "; ".join(wrong[:5]) if wrong else None)
    result("some of it was noticed, some did not matter", None if min(counts.values()) > 10 else str(counts))
    with open(database, "wb") as f:
        f.write(original[:len(original) // 2])
    cut = start(database)
    result("half of the file is missing", None if cut.returncode == 1 and b"damaged" in cut.stderr else cut.stderr.decode())
    os.unlink(database)
    result("moved away, it starts afresh", None if start(database).returncode == 0 and vsw("list-br") == "" else "does not")
    stop()
finally:
    subprocess.run([BIN + "/vsw-switchd", "--rundir", rundir, "--stop"], stderr=subprocess.DEVNULL, timeout=60)
    shutil.rmtree(folder, ignore_errors=True)
sys.exit(failures != 0)
