# SPDX-License-Identifier: Apache-2.0
"""What was measured, as it is printed, and as JSON and Markdown: medians per peer, and the goals as ratios of medians of one run."""
import json
import os
import platform
import statistics
import time


def short(x):
    return f"{x:.4g}" if abs(x) < 10000 else f"{x:.0f}"


class Table:
    def __init__(self, titles, only_against=None):
        """@titles: {peer's name: heading}, in the order of the columns. @only_against: judge goals against this peer only."""
        self.titles, self.only_against, self.rows, self.goals = titles, only_against, [], []
        self.host = {"kernel": platform.release(), "cpus": os.cpu_count(), "date": time.strftime("%Y-%m-%d"), "load": os.getloadavg()[0]}

    def add(self, name, unit, better, values):
        """@values: {peer: [measurements]}; @better: "more" or "less". Return: the medians."""
        med = {k: statistics.median(v) for k, v in values.items() if v}
        self.rows.append({"name": name, "unit": unit, "better": better, "median": med, "all": values})
        print(f"{name:46} " + ", ".join(f"{k} {short(v)}" for k, v in med.items()) + f" {unit}", flush=True)
        return med

    def goal(self, name, med, a, b, more=None, less=None):
        """@a's median is at least @more times, or at most @less times, that of @b (a peer, or a number). Nothing without both figures."""
        other = b if isinstance(b, (int, float)) else med.get(b)
        if a not in med or not other or (self.only_against and b != self.only_against):
            return
        ratio = med[a] / other
        met = ratio >= more if more is not None else ratio <= less
        text = f">= {more}" if more is not None else f"<= {less}"
        against = short(b) if isinstance(b, (int, float)) else self.titles.get(b, b)
        self.goals.append({"name": name, "of": a, "against": against, "ratio": ratio, "goal": text, "met": met})
        print(f"    {a} / {against}: {ratio:.3g} ({text}: {'met' if met else 'MISSED'})", flush=True)

    def merge(self, path, prefix):
        """Rows and goals of another run, one in the lab."""
        with open(path) as f:
            other = json.load(f)
        for r in other["rows"]:
            self.rows.append(dict(r, name=f"{prefix}: {r['name']}"))
        self.goals += [dict(g, name=f"{prefix}: {g['name']}") for g in other["goals"]]

    def write(self, base):
        with open(base + ".json", "w") as f:
            json.dump({"host": self.host, "rows": self.rows, "goals": self.goals}, f, indent=1)
        used = [k for k in self.titles if any(k in r["median"] for r in self.rows)]
        with open(base + ".md", "w") as f:
            f.write(f"Linux {self.host['kernel']}, {self.host['cpus']} CPUs, {self.host['date']}\n\n")
            f.write("| what | unit | " + " | ".join(self.titles[k] for k in used) + " |\n" + "|---" * (len(used) + 2) + "|\n")
            for r in self.rows:
                f.write(f"| {r['name']} | {r['unit']} | " + " | ".join(short(r["median"][k]) if k in r["median"] else "" for k in used) + " |\n")
            f.write("\n| goal | of | against | ratio | asked | |\n|---|---|---|---|---|---|\n")
            for g in self.goals:
                f.write(f"| {g['name']} | {self.titles.get(g['of'], g['of'])} | {g['against']} | {g['ratio']:.3g} | {g['goal']} | {'met' if g['met'] else '**missed**'} |\n")
