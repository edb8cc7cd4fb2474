# SPDX-License-Identifier: Apache-2.0
"""Random frames, as bytes and as the fields that a datapath could rewrite in them."""
import ipaddress
import struct

MACS = ["00:00:00:00:00:01", "00:00:00:00:00:02", "00:00:00:00:00:03", "02:aa:bb:cc:dd:ee"]
GROUP_MACS = ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:05", "33:33:00:00:00:01"]
RESERVED_MACS = ["01:80:c2:00:00:00", "01:80:c2:00:00:0e", "01:00:0c:cc:cc:cd", "00:e0:2b:00:00:04"]
IPV4 = ["10.0.0.1", "10.0.0.2", "10.0.1.7", "192.168.3.4", "224.0.0.9"]
IPV6 = ["fe80::1", "fe80::2", "2001:db8::1", "2001:db8:1::99", "ff02::1"]
PORTS = [22, 53, 80, 443, 1024, 65535]
VLANS = [0, 1, 5, 10, 100, 4095]
TPIDS = [0x8100, 0x8100, 0x8100, 0x88a8]


def mac(text):
    return int(text.replace(":", ""), 16)


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Packet:
    """
    data: bytes. fields: {"eth.src": int, ...} under the names of datapath set actions. vlans: [(tpid, tci)], outermost first.
    text: the same as a flow; None where an OpenFlow flow cannot say it (two tags).
    odp: the same as a datapath flow, without its in_port.
    """

    def __init__(self, rng):
        self.fields, self.vlans, self.text, self.l3_odp = {}, [], [], ""
        payload, eth_type = self._l3(rng)
        src = rng.choice(MACS if rng.random() < 0.95 else GROUP_MACS)
        dst = rng.choice(MACS + MACS + GROUP_MACS + (RESERVED_MACS if rng.random() < 0.2 else []))
        self.fields["eth.src"], self.fields["eth.dst"] = mac(src), mac(dst)
        for _ in range(rng.choice([0, 0, 0, 1, 1, 1, 2])):
            self.vlans.append((rng.choice(TPIDS), rng.choice(VLANS) | rng.choice([0, 0, 3, 7]) << 13))
        data = mac_bytes(dst) + mac_bytes(src)
        for tpid, tci in self.vlans:
            data += struct.pack("!HH", tpid, tci)
        if eth_type is None:
            payload = b"\x42\x42\x03" + payload[:40]
            data += struct.pack("!H", len(payload))
        else:
            data += struct.pack("!H", eth_type)
        self.data = (data + payload).ljust(60, b"\0")
        self.text += [f"dl_src={src}", f"dl_dst={dst}"]
        if self.vlans:
            tpid, tci = self.vlans[0]
            self.text.append(f"vlan_tci={0x1000 | tci:#x}")
            # The TPID of a tag written as text is 0x8100.
            if len(self.vlans) > 1 or tpid != 0x8100:
                self.text = None
        self.odp = self._odp(src, dst, "" if eth_type is None else f"eth_type({eth_type:#06x})" + self.l3_odp)

    def _odp(self, src, dst, inner):
        for tpid, tci in reversed(self.vlans):
            inner = f"eth_type({tpid:#06x}),vlan(vid={tci & 0xfff},pcp={tci >> 13}),encap({inner})"
        return f"eth(src={src},dst={dst})" + ("," + inner if inner else "")

    def _odp_group(self, name, *keys):
        """An attribute of the rewritable fields alone: "tcp(src=1,dst=2)"."""
        values = [f"{k}={self.fields.get(f'{name}.{k}', 0)}" for k in keys]
        return f",{name}({','.join(values)})"

    def _l3(self, rng):
        kind = rng.choice(["ipv4"] * 5 + ["ipv6"] * 3 + ["arp"] * 2 + ["other", "llc", "mpls"])
        return getattr(self, "_" + kind)(rng)

    def _other(self, rng):
        eth_type = rng.choice([0x0801, 0x88cc, 0x1234])
        self.text.append(f"dl_type={eth_type:#x}")
        return bytes(46), eth_type

    def _llc(self, rng):
        self.text.append("dl_type=0x5ff")
        return bytes(46), None

    def _mpls(self, rng):
        label, tc, ttl = rng.choice([16, 100]), rng.choice([0, 5]), rng.choice([1, 64])
        self.fields.update({"mpls.label": label, "mpls.tc": tc, "mpls.ttl": ttl, "mpls.bos": 1})
        self.l3_odp = self._odp_group("mpls", "label", "tc", "ttl", "bos")
        self.text += ["mpls", f"mpls_label={label}", f"mpls_tc={tc}", f"mpls_ttl={ttl}", "mpls_bos=1"]
        return struct.pack("!I", label << 12 | tc << 9 | 1 << 8 | ttl) + bytes(46), 0x8847

    def _arp(self, rng):
        op, sip, tip = rng.choice([1, 1, 2]), rng.choice(IPV4), rng.choice(IPV4)
        sha, tha = rng.choice(MACS), rng.choice(MACS)
        self.fields.update({"arp.op": op, "arp.sip": int(ipaddress.ip_address(sip)), "arp.sha": mac(sha),
                            "arp.tip": int(ipaddress.ip_address(tip)), "arp.tha": mac(tha)})
        self.l3_odp = f",arp(sip={sip},tip={tip},op={op},sha={sha},tha={tha})"
        self.text += ["arp", f"arp_op={op}", f"arp_spa={sip}", f"arp_tpa={tip}", f"arp_sha={sha}", f"arp_tha={tha}"]
        return (struct.pack("!HHBBH", 1, 0x0800, 6, 4, op) + mac_bytes(sha) + ipaddress.ip_address(sip).packed +
                mac_bytes(tha) + ipaddress.ip_address(tip).packed), 0x0806

    def _ports(self, name, rng):
        src, dst = rng.choice(PORTS), rng.choice(PORTS)
        self.fields.update({name + ".src": src, name + ".dst": dst})
        self.l4_text = [f"{name}_src={src}", f"{name}_dst={dst}"]
        self.l4_odp = self._odp_group(name, "src", "dst")
        return src, dst

    def _ip_text(self, name, proto, tos, ttl, first, later):
        frag = "later" if later else "first" if first else "no"
        self.text += [name, f"nw_proto={proto}", f"nw_tos={tos & 0xfc}", f"nw_ecn={tos & 3}", f"nw_ttl={ttl}", f"nw_frag={frag}"]
        self.text += [] if later else self.l4_text
        self.l4_odp = f"proto={proto},frag={frag})" + ("" if later else self.l4_odp)

    def _l4(self, rng, v6, src, dst):
        self.l4_text, self.l4_odp = [], ""
        kind = rng.choice(["tcp", "tcp", "udp", "udp", "sctp", "icmp", "other"] + (["nd", "nd"] if v6 else []))
        if kind == "tcp":
            ports, flags = self._ports("tcp", rng), rng.choice([0x02, 0x10, 0x12, 0x18])
            self.l4_text.append(f"tcp_flags={flags:#x}")
            self.l4_odp += f",tcp_flags({flags:#x})"
            return 6, struct.pack("!HHIIHHHH", *ports, 1, 2, 5 << 12 | flags, 512, 0, 0)
        if kind == "udp":
            return 17, struct.pack("!HHHH", *self._ports("udp", rng), 16, 0) + bytes(8)
        if kind == "sctp":
            return 132, struct.pack("!HHII", *self._ports("sctp", rng), 0, 0) + bytes(4)
        if kind == "icmp":
            name, types = ("icmpv6", [1, 128, 129]) if v6 else ("icmp", [0, 3, 8])
            icmp_type, code = rng.choice(types), rng.choice([0, 0, 1])
            self.fields.update({name + ".type": icmp_type, name + ".code": code})
            self.l4_text = [f"{name}_type={icmp_type}", f"{name}_code={code}"]
            self.l4_odp = self._odp_group(name, "type", "code")
            return 58 if v6 else 1, struct.pack("!BBHI", icmp_type, code, 0, 0) + bytes(8)
        if kind == "nd":
            return 58, self._nd(rng, src, dst)
        return rng.choice([2, 47, 50]), bytes(16)

    def _nd(self, rng, src, dst):
        nd_type, target, lla = rng.choice([135, 136]), rng.choice(IPV6), rng.choice(MACS)
        self.fields.update({"icmpv6.type": nd_type, "icmpv6.code": 0, "nd.target": int(ipaddress.ip_address(target))})
        self.fields["nd.sll" if nd_type == 135 else "nd.tll"] = mac(lla)
        self.l4_text = [f"icmpv6_type={nd_type}", "icmpv6_code=0", f"nd_target={target}", f"nd_{'sll' if nd_type == 135 else 'tll'}={lla}"]
        self.l4_odp = f",icmpv6(type={nd_type},code=0),nd(target={target},{'sll' if nd_type == 135 else 'tll'}={lla})"
        body = struct.pack("!I", 0) + ipaddress.ip_address(target).packed + bytes([1 if nd_type == 135 else 2, 1]) + mac_bytes(lla)
        pseudo = ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + struct.pack("!II", len(body) + 4, 58)
        return struct.pack("!BBH", nd_type, 0, checksum(pseudo + struct.pack("!BBH", nd_type, 0, 0) + body)) + body

    def _ipv4(self, rng):
        src, dst, tos, ttl = rng.choice(IPV4), rng.choice(IPV4), rng.choice([0, 0, 0xb8, 0x03]), rng.choice([0, 1, 2, 64, 255])
        frag = rng.choice([0] * 8 + [0x2000, 0x00b9, 0x20b9])
        proto, l4 = self._l4(rng, False, src, dst)
        if frag & 0x1fff:
            self.fields = {}
        self.fields.update({"ipv4.src": int(ipaddress.ip_address(src)), "ipv4.dst": int(ipaddress.ip_address(dst)),
                            "ipv4.tos": tos, "ipv4.ttl": ttl})
        self._ip_text("ip", proto, tos, ttl, frag & 0x2000, frag & 0x1fff)
        self.text += [f"nw_src={src}", f"nw_dst={dst}"]
        self.l3_odp = f",ipv4(src={src},dst={dst},tos={tos:#x},ttl={ttl}," + self.l4_odp
        header = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(l4), 7, frag, ttl, proto, 0,
                             ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed)
        return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + l4, 0x0800

    def _ipv6(self, rng):
        src, dst, tclass, hlimit = rng.choice(IPV6), rng.choice(IPV6), rng.choice([0, 0, 0xb8]), rng.choice([0, 1, 2, 64, 255])
        label = rng.choice([0, 0, 5, 0xfffff])
        proto, l4 = self._l4(rng, True, src, dst)
        frag = rng.choice([None] * 8 + [1, 0xb8, 0xb9])
        later = frag is not None and frag & ~7
        # What follows a later fragment's header is data: its protocol is "fragment".
        self._ip_text("ipv6", 44 if later else proto, tclass, hlimit, frag is not None, later)
        self.text += [f"ipv6_src={src}", f"ipv6_dst={dst}", f"ipv6_label={label:#x}"]
        self.l3_odp = f",ipv6(src={src},dst={dst},label={label:#x},tclass={tclass:#x},hlimit={hlimit}," + self.l4_odp
        if frag is not None:
            if later:
                self.fields = {}
            l4, proto = struct.pack("!BBHI", proto, 0, frag, 9) + l4, 44
        self.fields.update({"ipv6.src": int(ipaddress.ip_address(src)), "ipv6.dst": int(ipaddress.ip_address(dst)),
                            "ipv6.label": label, "ipv6.tclass": tclass, "ipv6.hlimit": hlimit})
        return struct.pack("!IHBB16s16s", 6 << 28 | tclass << 20 | label, len(l4), proto, hlimit,
                           ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed) + l4, 0x86dd

    def to_json(self):
        text = ",".join(self.text) if self.text else None
        return {"hex": self.data.hex(), "text": text, "odp": self.odp, "fields": self.fields, "vlans": self.vlans}
