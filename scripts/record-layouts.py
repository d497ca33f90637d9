#!/usr/bin/env python3
"""Records what an application on this Linux host reads of overlapping TCP segments.

Usage, as root, in a network namespace of its own:
    unshare -n scripts/record-layouts.py SEED COUNT > tests/tests/engine/linux-6.18.txt

A TUN device carries the segments to a socket of the kernel, one by one; the application reads at the end. Each line
is a layout, segments as offset and letters in the order of their arrival, and what was read.
"""

import fcntl
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
CLIENT, SERVER, SERVER_PORT = "10.99.0.2", "10.99.0.1", 8080
SYN, PSH, ACK = 2, 8, 16
ISN = 1000


def open_tun():
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"tun0", IFF_TUN | IFF_NO_PI))
    for command in (f"ip addr add {SERVER}/24 dev tun0", "ip link set tun0 up"):
        subprocess.check_call(command.split())
    return tun


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(port, seq, ack, flags, payload=b""):
    ends = socket.inet_aton(CLIENT) + socket.inet_aton(SERVER)
    tcp = struct.pack("!HHIIBBHHH", port, SERVER_PORT, seq, ack, 5 << 4, flags, 65535, 0, 0) + payload
    right = checksum(ends + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", right) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, socket.IPPROTO_TCP, 0) + ends
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


def replies(tun, port, seconds):
    """TCP segments of the kernel to a client port."""
    end, found = time.monotonic() + seconds, []
    while select.select([tun], [], [], max(0, end - time.monotonic()))[0]:
        data = os.read(tun, 65536)
        if data[0] >> 4 == 4 and data[9] == socket.IPPROTO_TCP and struct.unpack("!H", data[22:24])[0] == port:
            found.append(data[20:])
    return found


def converse(tun, listener, port, segments):
    """Sends the segments and gives what the application reads."""
    os.write(tun, packet(port, ISN, 0, SYN))
    answer = next(iter(replies(tun, port, 0.02)), None) or replies(tun, port, 1)[0]
    ack = struct.unpack("!I", answer[4:8])[0] + 1 & 0xFFFFFFFF
    os.write(tun, packet(port, ISN + 1, ack, ACK))
    connection, _ = listener.accept()
    for offset, letters in segments:
        os.write(tun, packet(port, ISN + 1 + offset, ack, PSH | ACK, letters.encode()))
        replies(tun, port, 0.0003)
    replies(tun, port, 0.003)
    connection.setblocking(False)
    try:
        read = connection.recv(65536).decode()
    except BlockingIOError:
        read = ""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    replies(tun, port, 0.002)
    return read


def layout(chance):
    """Segments that overlap at random, and those that fill the holes between them."""
    count, span = chance.choice([3, 3, 4, 5, 8, 12, 30]), chance.choice([10, 16, 24, 48])
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    segments = [(chance.randrange(1, span), letters[index] * chance.randrange(1, 9)) for index in range(count)]
    if chance.random() < 0.3:
        segments.insert(chance.randrange(count), (0, "0"))
    fill = [(offset, "####") for offset in range(0, span + 8, 4)]
    return segments + [(0, "0")] + (fill if chance.random() < 0.7 else [])


def main():
    chance, count = random.Random(int(sys.argv[1])), int(sys.argv[2])
    tun = open_tun()
    listener = socket.create_server((SERVER, SERVER_PORT))
    print(f"# Linux {os.uname().release}: {' '.join(sys.argv[1:])}")
    for number in range(count):
        segments = layout(chance)
        read = converse(tun, listener, 20000 + number % 40000, segments)
        print(" ".join(f"{offset}:{letters}" for offset, letters in segments), "=", read)


main()
