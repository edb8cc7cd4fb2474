# SPDX-License-Identifier: Apache-2.0
"""Make a case smaller for as long as it still shows its difference: fewer addresses, rules, fields, actions."""
import copy

from judge.effects import split


def without(items, i):
    return items[:i] + items[i + 1:]


def smaller_lists(items):
    """Halves first, then single items."""
    if len(items) > 3:
        half = len(items) // 2
        yield items[half:]
        yield items[:half]
    for i in range(len(items)):
        yield without(items, i)


def smaller_actions(actions):
    parts = split(actions)
    for i, part in enumerate(parts):
        if len(parts) > 1:
            yield ",".join(without(parts, i))
        for name in ("clone(", "write_actions("):
            if part.startswith(name):
                for inner in smaller_actions(part[len(name):-1]):
                    yield ",".join(parts[:i] + [f"{name}{inner})"] + parts[i + 1:])


def smaller_lines(line):
    match, _, actions = line.partition(" actions=")
    for text in smaller_actions(actions):
        yield f"{match} actions={text}"
    fields = match.split(",")
    for i, field in enumerate(fields):
        if not field.startswith(("table=", "priority=")):
            yield ",".join(without(fields, i)) + f" actions={actions}"


def smaller(case):
    """Every case that is one step smaller."""
    for fdb in smaller_lists(case["fdb"]):
        yield dict(case, fdb=fdb)
    for bridge, lines in case["flows"].items():
        for fewer in smaller_lists(lines):
            yield dict(case, flows=dict(case["flows"], **{bridge: fewer}))
    for bridge, lines in case["flows"].items():
        for i, line in enumerate(lines):
            for shorter in smaller_lines(line):
                yield dict(case, flows=dict(case["flows"], **{bridge: lines[:i] + [shorter] + lines[i + 1:]}))


def shrink(case, differs, budget=300):
    case = copy.deepcopy(case)
    progress = True
    while progress and budget > 0:
        progress = False
        for candidate in smaller(case):
            budget -= 1
            if budget <= 0:
                break
            if differs(candidate):
                case, progress = candidate, True
                break
    return case
