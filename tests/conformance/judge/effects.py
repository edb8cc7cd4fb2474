# SPDX-License-Identifier: Apache-2.0
"""
What a list of datapath actions does to a packet: which port gets it, and how it looks there.

Two lists that do the same may be written differently: a rewrite may name bits that have their value already, and a flood may
visit ports in any order. So lists are run, and what comes out is compared.
"""
import ipaddress
import re


def split(text):
    """Split at the commas that are not inside of parentheses."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [p for p in parts + [text[start:]] if p]


def number(text):
    """A value in a datapath action: number, MAC or IP address."""
    if re.fullmatch(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", text):
        return int(text.replace(":", ""), 16)
    if ":" in text or text.count(".") == 3:
        return int(ipaddress.ip_address(text))
    return int(text, 0)


def rewrite(fields, body):
    """One set(...): body is "ipv4(src=1.2.3.4,ttl=3/0xf)"."""
    name, args = re.fullmatch(r"(\w+)\((.*)\)", body).groups()
    for arg in split(args):
        key, eq, value = arg.partition("=")
        if not eq:
            key, value = "value", arg
        value, _, mask = value.partition("/")
        full = name + "." + key
        old, new = fields.get(full, 0), number(value)
        fields[full] = old & ~number(mask) | new & number(mask) if mask else new


def push(vlans, body):
    args = dict(a.split("=") for a in body.split(","))
    vlans.insert(0, (int(args.get("tpid", "0x8100"), 0), int(args["vid"]) | int(args["pcp"]) << 13))


def run(actions, packet, any_tpid=False):
    """The list of (port, what leaves by it); "controller" is a port, too."""
    fields, vlans, out = dict(packet["fields"]), [tuple(v) for v in packet["vlans"]], []
    # DEI is not kept in a flow key, nor are tags behind the second.
    vlans = [(tpid, tci & 0xefff) for tpid, tci in vlans]

    state = None  # what the packet looks like, until it is changed

    for action in split(actions):
        m = re.fullmatch(r"(\w[\w.-]*)(?:\((.*)\))?", action)
        name, body = m.groups()
        if name == "drop":
            continue
        if name in ("set", "push_vlan", "pop_vlan"):
            state = None
        elif state is None:
            tags = tuple((0 if any_tpid else tpid, tci) for tpid, tci in vlans)
            state = (tags, tuple(sorted((k, v) for k, v in fields.items() if v)))
        if name == "set":
            rewrite(fields, body)
        elif name == "push_vlan":
            push(vlans, body)
        elif name == "pop_vlan":
            vlans.pop(0)
        elif name == "userspace":
            out.append(("controller", state))
        elif body is None:
            out.append((name, state))
        else:
            raise ValueError("unknown datapath action " + action)
    return out


def same(a, b, packet, ordered, any_tpid):
    """
    Whether the two lists do the same to the packet.

    any_tpid: leave the tags' types out. Where a port has taken a tag off and mod_vlan puts one on, OVS gives that the type of
    the tag that is gone, vsw 0x8100.
    """
    if a == b:
        return True
    try:
        a, b = run(a, packet, any_tpid), run(b, packet, any_tpid)
    except (ValueError, IndexError, AttributeError):
        return False
    return a == b or (not ordered and sorted(a) == sorted(b))
