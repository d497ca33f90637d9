#!/usr/bin/env python3
"""Writes samples/tour.pcap: the packets that guests/events-tour goes through, the same ones each time."""

import ipaddress
import struct
from pathlib import Path

CLIENT, SERVER, STRANGER = "192.0.2.1", "198.51.100.1", "192.0.2.9"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
# 2026-01-01 00:00:00 UTC.
BEGIN_S = 1767225600

packets = []


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(source, destination, protocol, segment):
    addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, protocol, 0) + addresses
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    macs = bytes.fromhex("0200000000020200000000010800")
    packets.append(macs + header + segment)


def with_checksum(source, destination, protocol, segment, place):
    pseudo = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    pseudo += struct.pack("!BBH", 0, protocol, len(segment))
    return segment[:place] + struct.pack("!H", checksum(pseudo + segment)) + segment[place + 2 :]


def tcp(source, destination, ports, flags, seq, ack, payload=b"", options=b""):
    offset = (20 + len(options)) // 4 << 4
    segment = struct.pack("!HHIIBBHHH", *ports, seq, ack, offset, flags, 65_000, 0, 0) + options + payload
    frame(source, destination, 6, with_checksum(source, destination, 6, segment, 16))


def client(flags, offset, ack, payload=b"", options=b""):
    """`offset` and `ack` are places in the streams, -1 the SYN's."""
    ack = 5_001 + ack if flags & ACK else 0
    tcp(CLIENT, SERVER, (40_000, 80), flags, 1_001 + offset, ack, payload, options)


def server(flags, offset, ack, payload=b"", options=b""):
    tcp(SERVER, CLIENT, (80, 40_000), flags, 5_001 + offset, 1_001 + ack, payload, options)


datagram = struct.pack("!HHHH", 40_053, 53, 8 + 5, 0) + b"where"
frame(CLIENT, SERVER, 17, with_checksum(CLIENT, SERVER, 17, datagram, 6))
tcp(STRANGER, SERVER, (40_009, 80), RST, 77, 0)
tcp(STRANGER, SERVER, (40_009, 80), FIN, 77, 0)

mss = struct.pack("!BBH", 2, 4, 1_460)
client(SYN, -1, 0, options=mss)
server(SYN | ACK, -1, 0, options=mss)
client(ACK, 0, 0)
client(PSH | ACK, 0, 0, b"HELLO tour\n")
server(ACK, 0, 11)
# The same bytes again, then others in their place.
client(PSH | ACK, 0, 0, b"HELLO tour\n")
client(PSH | ACK, 0, 0, b"HELLO evil\n")
# The third line before the second.
client(PSH | ACK, 18, 0, b"third\n")
client(PSH | ACK, 11, 0, b"second\n")
server(ACK, 0, 24)
for line in range(3):
    server(PSH | ACK, 1_000 * line, 24, b"%c" % (97 + line) * 999 + b"\n")
client(ACK, 24, 3_000)
client(FIN | ACK, 24, 3_000)
server(FIN | ACK, 3_000, 25)
client(ACK, 25, 3_001)
# Another connection, which does not come up.
tcp(CLIENT, SERVER, (40_001, 80), SYN, 1_000, 0, options=mss)

# One packet each millisecond. Ethernet, microseconds.
capture = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
for number, data in enumerate(packets):
    capture += struct.pack("<IIII", BEGIN_S, number * 1_000, len(data), len(data)) + data
Path(__file__).parent.parent.joinpath("samples/tour.pcap").write_bytes(capture)
