#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vmm_payload.py FILE [CODE]: a guest of a few instructions in the clothes of a bzImage, for machines whose KVM runs no stock kernel.

With CODE that is in them instead: a flat binary for address 0x1000200 (tests/payload). Else:

It writes "up" to COM1. Then each byte that arrives there is a word to it: q ends it by the debug exit port with code 7, r resets it by
the keyboard controller's port, o switches it off (ACPI S5); any other byte comes back. 64-bit code as the boot protocol enters it
(Linux Documentation/arch/x86/boot.rst): interrupts off, no stack.
"""
import struct
import sys

code = bytearray()
labels, jumps = {}, []


def jump(opcode, label):
    code.extend(opcode + bytes(4))
    jumps.append((len(code), label))


def out(port, value):
    code.extend(b"\x66\xba" + struct.pack("<H", port) + b"\xb0" + bytes([value]) + b"\xee")  # mov dx; mov al; out dx, al


for c in b"up\n":
    out(0x3F8, c)
labels["poll"] = len(code)
code.extend(b"\xb9\x00\x04\x00\x00")  # mov ecx, 1024
labels["spin"] = len(code)
code.extend(b"\xf3\x90\xff\xc9")  # pause; dec ecx
jump(b"\x0f\x85", "spin")
code.extend(b"\x66\xba\xfd\x03\xec\xa8\x01")  # dx = LSR; in al, dx; test al, 1
jump(b"\x0f\x84", "poll")
code.extend(b"\x66\xba\xf8\x03\xec")  # al = RBR
for byte, label in ((ord("q"), "quit"), (ord("r"), "reset"), (ord("o"), "off")):
    code.extend(b"\x3c" + bytes([byte]))  # cmp al, byte
    jump(b"\x0f\x84", label)
code.extend(b"\xee")  # out dx, al
jump(b"\xe9", "poll")
labels["quit"] = len(code)
out(0xF4, 7)
jump(b"\xe9", "poll")
labels["reset"] = len(code)
out(0x64, 0xFE)
out(0xCF9, 6)
jump(b"\xe9", "poll")
labels["off"] = len(code)
code.extend(b"\x66\xba\x04\x06\x66\xb8" + struct.pack("<H", 5 << 10 | 1 << 13) + b"\x66\xef")  # dx = PM1_CNT; out dx, ax
jump(b"\xe9", "poll")
for end, label in jumps:
    code[end - 4 : end] = struct.pack("<i", labels[label] - end)

image = bytearray(1024 + 512)  # a boot sector, one sector of setup, 32-bit entry
image[0x1F1] = 1  # setup_sects
image[0x1FE:0x200] = b"\x55\xaa"
image[0x200:0x202] = b"\xeb\x66"  # where the header ends
image[0x202:0x206] = b"HdrS"
struct.pack_into("<H", image, 0x206, 0x020F)
image[0x211] = 1  # loaded high
struct.pack_into("<I", image, 0x214, 0x100000)
struct.pack_into("<I", image, 0x22C, 0x7FFFFFFF)  # initrd_addr_max
struct.pack_into("<I", image, 0x230, 0x200000)  # kernel_alignment
struct.pack_into("<H", image, 0x236, 1)  # xloadflags: 64-bit entry
struct.pack_into("<I", image, 0x238, 0x7FF)  # cmdline_size
struct.pack_into("<Q", image, 0x258, 0x1000000)  # pref_address
struct.pack_into("<I", image, 0x260, 0x10000)  # init_size
image.extend(open(sys.argv[2], "rb").read() if len(sys.argv) > 2 else code)
with open(sys.argv[1], "wb") as f:
    f.write(image)
