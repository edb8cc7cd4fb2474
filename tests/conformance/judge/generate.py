# SPDX-License-Identifier: Apache-2.0
"""Random worlds (bridges and their ports), and random flow tables, made of what vsw and Open vSwitch both understand."""
from judge.packets import GROUP_MACS, IPV4, IPV6, MACS, PORTS, VLANS

TABLES = [0, 1, 2, 3, 7, 100]
PORTS_OF_BR0 = 7


def some_vlans(rng):
    return sorted(rng.sample(VLANS[1:-1], rng.randint(1, 3)) + ([0] if rng.random() < 0.3 else []))


def make_port(rng, name, ofport, vlans):
    port = {"name": name, "ofport": ofport}
    if not vlans or rng.random() < 0.2:
        return port
    mode = rng.choice(["", "access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"])
    if mode != "trunk" and (mode or rng.random() < 0.7):
        port["tag"] = rng.choice(VLANS[1:5])
    if mode:
        port["vlan_mode"] = mode
    if mode not in ("access", "dot1q-tunnel") and (mode or "tag" not in port) and rng.random() < 0.6:
        port["trunks"] = some_vlans(rng)
    if mode == "dot1q-tunnel":
        if rng.random() < 0.5:
            port["cvlans"] = some_vlans(rng)
        if rng.random() < 0.3:
            port["qinq_ethtype"] = "802.1q"
    if rng.random() < 0.3:
        port["priority_tags"] = rng.choice(["never", "if-nonzero", "always"])
    if rng.random() < 0.15:
        port["protected"] = True
    return port


def make_world(rng):
    """br0 with seven ports and a patch to br1, which has two; sometimes a second patch, so that packets can go round."""
    vlans = rng.random() < 0.7
    br0 = {"name": "br0", "ports": [make_port(rng, f"p{i}", i, vlans) for i in range(1, PORTS_OF_BR0 + 1)]}
    br1 = {"name": "br1", "ports": [make_port(rng, f"q{i}", i, vlans) for i in (1, 2)]}
    patches = [["a0", "a1"]] + ([["b0", "b1"]] if rng.random() < 0.1 else [])
    for i, (left, right) in enumerate(patches):
        br0["ports"].append(make_port(rng, left, 20 + i, vlans and rng.random() < 0.3))
        br1["ports"].append(make_port(rng, right, 30 + i, vlans and rng.random() < 0.3))
    for br in (br0, br1):
        if rng.random() < 0.2:
            br["forward_bpdu"] = True
        if rng.random() < 0.2:
            br["flood_vlans"] = some_vlans(rng)
    return {"bridges": [br0, br1], "patches": patches}


def make_fdb(rng, world):
    entries = {}
    for br in world["bridges"]:
        for _ in range(rng.choice([0, 2, 5])):
            key = (br["name"], rng.choice(VLANS[:-1]), rng.choice(MACS + ["00:e0:2b:00:00:04"]))
            entries[key] = rng.choice(br["ports"])["name"]
    return [[br, port, vlan, mac] for (br, vlan, mac), port in entries.items()]


class Rule:
    """One line of flows: a kind of packet, fields of it, actions that such packets can have."""

    KINDS = {
        "": 3, "ip": 3, "ipv6": 1, "arp": 1, "tcp": 3, "udp": 2, "sctp": 1, "icmp": 1, "tcp6": 1, "udp6": 1, "icmp6": 1, "nd": 1,
        "mplsm": 0.5, "dl_type=0x1234": 0.3,
    }

    def __init__(self, rng, table, world, bridge, priority):
        self.rng, self.table, self.bridge = rng, table, bridge
        self.ports = [p["ofport"] for br in world["bridges"] if br["name"] == bridge for p in br["ports"]] + ["LOCAL"]
        self.kind = rng.choices(list(self.KINDS), list(self.KINDS.values()))[0]
        self.vlan = None  # whether the packet is known to be tagged
        self.head = [f"table={table}", f"priority={priority}"]
        if rng.random() < 0.3:
            self.head.append(f"cookie={rng.choice([1, 0x55, 1 << 40]):#x}")

    # ---- matches ----

    def l4(self):
        return {"tcp6": "tcp", "udp6": "udp"}.get(self.kind, self.kind)

    def is_v4(self):
        return self.kind in ("ip", "tcp", "udp", "sctp", "icmp")

    def is_v6(self):
        return self.kind in ("ipv6", "tcp6", "udp6", "icmp6", "nd")

    def masked(self, value, masks):
        mask = self.rng.choice([None, None] + masks)
        return value if mask is None else f"{value}/{mask}"

    def frag(self):
        # Fields of L4 in rules for later fragments, which have none, are refused by OVS here and by vsw there.
        later = ["later"] if self.kind in ("ip", "ipv6") else []
        return self.rng.choice(["no", "yes", "first", "not_later"] + later)

    def match_any(self):
        r = self.rng
        f = r.choice(["in_port", "in_port", "dl_src", "dl_dst", "reg", "metadata", "vlan", "vlan", "xreg"])
        if f == "in_port":
            return f"in_port={r.choice(self.ports)}"
        if f in ("dl_src", "dl_dst"):
            masks = ["ff:ff:ff:00:00:00", "01:00:00:00:00:00", "00:00:00:00:00:03"]
            return f"{f}={self.masked(r.choice(MACS + GROUP_MACS), masks)}"
        if f == "reg":
            return f"reg{r.randint(0, 3)}={self.masked(r.choice([0, 1, 5]), ['0x1', '0xff'])}"
        if f == "xreg":
            return f"xreg0={r.choice([0, 1 << 32, 5])}"
        if f == "metadata":
            return f"metadata={self.masked(r.choice([0, 1, 0xff]), ['0x1', '0xf0'])}"
        return self.match_vlan()

    def match_vlan(self):
        r, vid = self.rng, self.rng.choice(VLANS)
        f = r.choice(["dl_vlan", "vlan_vid", "vlan_vid", "vlan_tci", "vlan_tci", "pcp"])
        if f == "dl_vlan":
            self.vlan = True
            return f"dl_vlan={vid}"
        if f == "pcp":
            self.vlan = True
            return f"dl_vlan={vid},dl_vlan_pcp={r.choice([0, 3, 7])}"
        self.vlan, text = r.choice([(True, f"{0x1000 | vid:#x}"), (True, "0x1000/0x1000"), (False, "0")])
        return f"{f}={text}"

    def match_l3(self):
        r = self.rng
        if self.is_v4():
            f = r.choice(["nw_src", "nw_dst", "nw_tos", "nw_ecn", "nw_ttl", "ip_frag", "ip_src"])
            masks = ["8", "24", "31", "255.0.0.255"]
            return {"nw_tos": f"nw_tos={r.choice([0, 0xb8])}", "nw_ecn": f"nw_ecn={r.choice([0, 3])}",
                    "nw_ttl": f"nw_ttl={r.choice([1, 64])}",
                    "ip_frag": "ip_frag=" + self.frag(),
                    }.get(f) or f"{f}={self.masked(r.choice(IPV4), masks)}"
        if self.is_v6():
            f = r.choice(["ipv6_src", "ipv6_dst", "ipv6_label", "nw_ttl", "ip_frag"])
            return {"ipv6_label": f"ipv6_label={self.masked(r.choice([0, 5]), ['0x1'])}", "nw_ttl": f"nw_ttl={r.choice([1, 64])}",
                    "ip_frag": "ip_frag=" + self.frag(),
                    }.get(f) or f"{f}={self.masked(r.choice(IPV6), ['16', '64', 'ffff::ff'])}"
        if self.kind == "arp":
            return r.choice([f"arp_op={r.choice([1, 2])}", f"arp_spa={self.masked(r.choice(IPV4), ['24'])}",
                             f"arp_tpa={r.choice(IPV4)}", f"arp_sha={self.masked(r.choice(MACS), ['ff:ff:ff:00:00:00'])}",
                             f"arp_tha={r.choice(MACS)}"])
        if self.kind == "mplsm":
            return r.choice(["mpls_label=16", "mpls_tc=5", "mpls_bos=1"])
        return None

    def match_l4(self):
        r = self.rng
        if self.l4() in ("tcp", "udp", "sctp"):
            f = r.choice(["tp_src", "tp_dst", "tp_dst", "tcp_flags" if self.l4() == "tcp" else "tp_src"])
            if f == "tcp_flags":
                return "tcp_flags=" + r.choice(["+syn-ack", "+ack", "0x12/0x12"])
            f = f if r.random() < 0.7 else f.replace("tp", self.l4())
            return f"{f}={self.masked(r.choice(PORTS), ['0xfff0', '0x8000'])}"
        if self.kind == "icmp":
            return r.choice(["icmp_type=8", "icmp_type=0", "icmp_code=0", "icmp_code=1"])
        if self.kind == "icmp6":
            return r.choice(["icmp_type=128", "icmpv6_type=135", "icmp_code=0"])
        if self.kind == "nd":
            return r.choice([f"nd_target={self.masked(r.choice(IPV6), ['ffff::'])}", f"nd_sll={r.choice(MACS)}"])
        return None

    def match(self):
        r, parts = self.rng, []
        if self.kind == "nd":
            parts += ["icmp6", "icmp_type=135", "icmp_code=0"]
        elif self.kind == "mplsm":
            parts.append("mpls")
        elif self.kind:
            parts.append(self.kind)
        makers = [self.match_any] * r.choice([0, 0, 1, 1, 2]) + [self.match_l3] * r.choice([0, 1]) + [self.match_l4] * r.choice([0, 1])
        seen = set()
        for make in makers:
            text = make()
            if text and not {f.split("=")[0] for f in text.split(",")} & seen:
                family = {f.split("=")[0] for f in text.split(",")}
                if any("vlan" in f for f in family):
                    family |= {"dl_vlan", "vlan_vid", "vlan_tci", "dl_vlan_pcp"}
                if family & {"nw_src", "ip_src"}:
                    family |= {"nw_src", "ip_src"}
                if any(f.endswith(("_src", "_dst")) and f[:3] in ("tp_", "tcp", "udp", "sct") for f in family):
                    family |= {p + s for p in ("tp", "tcp", "udp", "sctp") for s in ("_src", "_dst")}
                if any(f.startswith("icmp") for f in family):
                    family |= {"icmp_type", "icmpv6_type"}
                if any(f.startswith("xreg") for f in family):
                    family |= {"reg0", "reg1"}
                if family & {"reg0", "reg1"}:
                    family |= {"xreg0"}
                seen |= family
                parts.append(text)
        return ",".join(parts)

    # ---- actions ----

    def output(self):
        r = self.rng
        pick = r.random()
        if pick < 0.6:
            return f"output:{r.choice(self.ports[:-1])}" if r.random() < 0.95 else "output:99"
        return r.choice(["in_port", "LOCAL", "NORMAL", "NORMAL", "FLOOD", "ALL", "output:NXM_NX_REG0[0..15]", "output:NXM_NX_REG1[]",
                         f"load:{r.choice([2, 3])}->NXM_NX_REG2[0..15],output:NXM_NX_REG2[0..15]"])

    def set_eth(self):
        r, side, mac = self.rng, self.rng.choice(["src", "dst"]), self.rng.choice(MACS)
        return r.choice([f"mod_dl_{side}:{mac}", f"set_field:{mac}->eth_{side}", f"set_field:{mac}/00:00:00:00:ff:ff->eth_{side}",
                         f"load:{r.randint(0, 15)}->NXM_OF_ETH_{side.upper()}[{r.choice([0, 40])}..{r.choice([3, 43])}]"
                         if False else f"load:{r.randint(0, 15)}->NXM_OF_ETH_{side.upper()}[40..43]"])

    def set_reg(self):
        r = self.rng
        return r.choice([f"load:{r.randint(0, 7)}->NXM_NX_REG{r.randint(0, 3)}[]", f"set_field:{r.randint(0, 9)}->reg{r.randint(0, 3)}",
                         f"load:{r.randint(0, 15)}->NXM_NX_REG1[4..7]", f"set_field:{1 << 32:#x}->xreg0",
                         "set_field:0x5/0xf->metadata", "move:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]",
                         "move:NXM_NX_REG0[0..7]->NXM_NX_REG1[8..15]", "move:NXM_OF_ETH_SRC[0..15]->NXM_NX_REG3[0..15]",
                         "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]", "move:NXM_OF_ETH_DST[0..7]->NXM_OF_ETH_SRC[8..15]",
                         f"load:{r.choice([1, 2, 7])}->NXM_OF_IN_PORT[]", f"set_field:{r.randint(0, 255)}->pkt_mark",
                         "move:NXM_OF_VLAN_TCI[0..11]->NXM_NX_REG0[0..11]"])

    def stack(self):
        r = self.rng
        field = r.choice(["NXM_NX_REG0[]", "NXM_NX_REG1[0..7]", "NXM_OF_ETH_SRC[]", "NXM_OF_ETH_DST[0..15]", "NXM_OF_IN_PORT[]"] +
                         (["NXM_OF_IP_SRC[]", "NXM_OF_IP_DST[0..7]"] if self.is_v4() else []))
        return f"{r.choice(['push', 'push', 'pop'])}:{field}"

    def vlan_action(self):
        r, vid = self.rng, self.rng.choice(VLANS)
        choices = [f"mod_vlan_vid:{vid}", f"mod_vlan_pcp:{r.choice([0, 3, 7])}"]
        tpid = r.choice(["0x8100", "0x8100", "0x88a8"])
        choices += [f"push_vlan:{tpid}", f"push_vlan:{tpid},set_field:{0x1000 | vid}->vlan_vid"]
        if self.vlan:
            choices += ["strip_vlan", "pop_vlan", f"set_field:{0x1000 | vid}->vlan_vid", f"set_field:{r.choice([0, 5])}->vlan_pcp",
                        f"load:{vid}->NXM_OF_VLAN_TCI[0..11]"]
        return r.choice(choices)

    def set_l3(self):
        r = self.rng
        if self.is_v4():
            ip, side = r.choice(IPV4), r.choice(["src", "dst"])
            return r.choice([f"mod_nw_{side}:{ip}", f"set_field:{ip}->ip_{side}", f"set_field:{ip}/255.255.0.0->ip_{side}",
                             f"load:{r.randint(0, 255)}->NXM_OF_IP_{side.upper()}[0..7]", f"mod_nw_tos:{r.choice([0, 0xb8, 4])}",
                             f"mod_nw_ecn:{r.randint(0, 3)}", f"mod_nw_ttl:{r.choice([1, 33])}", "dec_ttl", "dec_ttl",
                             f"set_field:{r.choice([0, 46])}->ip_dscp", "move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[]",
                             "move:NXM_OF_IP_SRC[16..31]->NXM_NX_REG2[0..15]"])
        if self.is_v6():
            ip, side = r.choice(IPV6), r.choice(["src", "dst"])
            return r.choice([f"set_field:{ip}->ipv6_{side}", f"set_field:{ip}/ffff::->ipv6_{side}", "dec_ttl", f"mod_nw_ttl:{r.choice([1, 33])}",
                             f"set_field:{r.choice([0, 7])}->ipv6_label", f"load:{r.randint(0, 255)}->NXM_NX_IPV6_{side.upper()}[0..7]",
                             f"mod_nw_tos:{r.choice([0, 0xb8])}", "move:NXM_NX_IPV6_SRC[0..31]->NXM_NX_REG1[]"])
        if self.kind == "arp":
            return r.choice([f"set_field:{r.choice([1, 2])}->arp_op", f"set_field:{r.choice(IPV4)}->arp_spa", f"set_field:{r.choice(IPV4)}->arp_tpa",
                             f"set_field:{r.choice(MACS)}->arp_sha", f"set_field:{r.choice(MACS)}->arp_tha",
                             "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[]", "move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[]", "load:2->NXM_OF_ARP_OP[]"])
        if self.kind == "mplsm":
            return r.choice(["set_field:200->mpls_label", "set_field:3->mpls_tc"])
        return None

    def set_l4(self):
        r, port = self.rng, self.rng.choice(PORTS)
        if self.l4() in ("tcp", "udp", "sctp"):
            side = r.choice(["src", "dst"])
            choices = [f"mod_tp_{side}:{port}", f"set_field:{port}->{self.l4()}_{side}", f"set_field:{port}/0xff->{self.l4()}_{side}"]
            if self.l4() != "sctp":
                choices.append(f"load:{port & 0xff}->NXM_OF_{self.l4().upper()}_{side.upper()}[0..7]")
            return r.choice(choices)
        if self.kind == "icmp":
            return r.choice(["set_field:0->icmp_type", "set_field:1->icmp_code", "load:3->NXM_OF_ICMP_TYPE[]"])
        if self.kind == "icmp6":
            return r.choice(["set_field:129->icmpv6_type", "set_field:1->icmpv6_code"])
        if self.kind == "nd":
            return r.choice([f"set_field:{r.choice(IPV6)}->nd_target", f"set_field:{r.choice(MACS)}->nd_sll"])
        return None

    def go(self):
        r = self.rng
        later = [t for t in TABLES if t > self.table]
        table = r.choice(later) if later and r.random() < 0.97 else r.choice(TABLES)
        return r.choice([f"resubmit(,{table})", f"resubmit(,{table})", f"resubmit({r.choice(self.ports[:-1])},{table})"] +
                        ([f"resubmit:{r.choice(self.ports[:-1])}"] if r.random() < 0.1 else []))

    def one(self, depth):
        r = self.rng
        makers = [(self.output, 6), (self.set_eth, 1), (self.set_reg, 2), (self.stack, 1), (self.vlan_action, 2), (self.set_l3, 2.5),
                  (self.set_l4, 2), (self.go, 2), (lambda: "note:00.01", 0.1), (lambda: "exit", 0.2)]
        if depth < 2:
            makers.append((lambda: f"clone({','.join(self.actions(depth + 1))})", 0.7))
        make = r.choices([m for m, _ in makers], [w for _, w in makers])[0]
        return make()

    def actions(self, depth=0):
        known, made = self.vlan, []
        for _ in range(self.rng.choice([1, 1, 2, 2, 3, 4, 6])):
            text = self.one(depth)
            if not text:
                continue
            made.append(text)
            if text.startswith(("push_vlan", "mod_vlan")):
                self.vlan = True
            elif text in ("strip_vlan", "pop_vlan") or "VLAN_TCI[0..11]" in text:
                self.vlan = None
        if depth:
            self.vlan = known
        return made or [self.output()]

    def instructions(self):
        r, made = self.rng, []
        if r.random() < 0.1:
            made.append("clear_actions")
        if r.random() < 0.25:
            inner = [a for a in (self.set_eth(), self.set_l3(), self.set_l4()) if a and r.random() < 0.4 and "mod_" not in a
                     and not a.startswith("move")]
            if r.random() < 0.2:
                inner.append("push_vlan:0x8100")
            if r.random() < 0.85:
                inner.append(r.choice([f"output:{r.choice(self.ports[:-1])}", "in_port", "NORMAL", "FLOOD", "ALL"]))
            if inner:
                made.append(f"write_actions({','.join(inner)})")
        if r.random() < 0.1:
            made.append(f"write_metadata:{r.choice(['0x5', '0xf0/0xff'])}")
        later = [t for t in TABLES if t > self.table]
        if later and r.random() < 0.25:
            made.append(f"goto_table:{r.choice(later)}")
        return made

    def text(self):
        match = self.match()
        if self.rng.random() < 0.05:
            actions = ["drop"]
        else:
            actions = self.actions()
            # OpenFlow 1.0, which alone adds a tag in mod_vlan, has no instructions, no push_vlan, and no masks in set_field.
            if any("mod_vlan" in a for a in actions):
                actions = [a for a in actions if "set_field" not in a and "push_vlan" not in a] or ["drop"]
            else:
                actions += self.instructions()
            # After a load to the whole TCI, OVS forgets how many tags it has counted, and takes one more push_vlan.
            if any("push_vlan" in a for a in actions):
                actions = [a for a in actions if not a.startswith("load") or "->NXM_OF_VLAN_TCI" not in a] or ["drop"]
        return ",".join(self.head + ([match] if match else [])) + " actions=" + ",".join(actions)


def make_flows(rng, world):
    flows = {}
    for br in world["bridges"]:
        lines, priority = [], 1000
        weights = TABLES if br["name"] == "br0" else [0, 1]
        for table in weights:
            n = rng.choice([2, 3, 5]) if table == 0 else rng.choice([0, 1, 2, 3])
            for _ in range(n):
                priority -= rng.randint(1, 9)
                lines.append(Rule(rng, table, world, br["name"], priority).text())
            if rng.random() < 0.6:
                rule = Rule(rng, table, world, br["name"], 1)
                rule.kind = ""
                actions = [a for a in rule.actions() if "set_field" not in a and "push_vlan" not in a] or ["drop"]
                lines.append(f"table={table},priority=1 actions=" + ",".join(actions))
        flows[br["name"]] = lines
    return flows
