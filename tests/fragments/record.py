#!/usr/bin/env python3
"""Records what the kernel of this machine puts together of random fragments, for tests/tests/engine/fragments/linux.rs.

As root, in a network of its own, so that nobody else's fragments are near and no firewall is:

    unshare -n sh -c 'ip link set lo up
        sysctl -qw net.ipv4.ipfrag_high_thresh=400000000 net.ipv6.ip6frag_high_thresh=400000000
        sysctl -qw net.ipv4.ipfrag_max_dist=0
        tests/fragments/record.py SEED COUNT' > tests/fragments/linux-VERSION.txt

COUNT cases of which the kernel made a datagram, and as many others.
"""

import itertools
import platform
import random
import select
import socket
import struct
import sys

EXPERIMENTAL = 253  # RFC 3692: nobody's protocol
TCP = 6
FRAGMENT_HEADER = 44
IPV6_HDRINCL = 36
MARK = b"MARK"  # a whole datagram behind the fragments: what comes before it is all that they gave

FOUR = socket.inet_aton("127.0.0.1")
SIX = socket.inet_pton(socket.AF_INET6, "::1")


def four(protocol, number, offset, more, data):
    word = offset >> 3 | (0x2000 if more else 0)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), number, word, 64, protocol, 0) + FOUR + FOUR + data


def six(protocol, data):
    return struct.pack("!IHBB", 0x6000_0000, len(data), protocol, 64) + SIX + SIX + data


def six_fragment(protocol, number, offset, more, data):
    header = struct.pack("!BBHI", protocol, 0, offset | more, number)
    return six(FRAGMENT_HEADER, header + data)


class Kernel:
    """Sends over the loopback interface, and receives what the kernel delivers."""

    def __init__(self):
        raw = socket.SOCK_RAW
        self.four = socket.socket(socket.AF_INET, raw, socket.IPPROTO_RAW)
        self.six = socket.socket(socket.AF_INET6, raw, socket.IPPROTO_RAW)
        self.six.setsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL, 1)
        self.receivers = {
            "v4": socket.socket(socket.AF_INET, raw, EXPERIMENTAL),
            "v6": socket.socket(socket.AF_INET6, raw, EXPERIMENTAL),
            "v6-tcp": socket.socket(socket.AF_INET6, raw, TCP),
        }

    def put_together(self, carrier, number, pieces):
        protocol = TCP if carrier == "v6-tcp" else EXPERIMENTAL
        for offset, length, is_last, fill in pieces:
            data = fill.encode() * length
            if carrier == "v4":
                self.four.sendto(four(protocol, number, offset, not is_last, data), ("127.0.0.1", 0))
            else:
                self.six.sendto(six_fragment(protocol, number, offset, not is_last, data), ("::1", 0))
        if carrier == "v4":
            self.four.sendto(four(protocol, 0xFFFE, 0, False, MARK), ("127.0.0.1", 0))
        else:
            self.six.sendto(six(protocol, MARK), ("::1", 0))
        receiver, datagrams = self.receivers[carrier], []
        while True:
            if not select.select([receiver], [], [], 5)[0]:
                sys.exit("the mark did not come back")
            datagram = receiver.recv(70_000)[20 if carrier == "v4" else 0 :]
            if datagram == MARK:
                return datagrams
            datagrams.append(datagram)


def pieces_of(dice, carrier):
    """Few places, so that fragments meet; each with a letter of its own."""
    top = dice.choice([3, 4, 6])
    pieces = []
    for place in range(dice.choice([2, 3, 4, 5, 6, 8, 12])):
        offset = 8 * dice.randrange(top)
        length = dice.choice([8, 8, 8, 8, 16, 16, 24])
        is_last = dice.random() < (0.4 if offset == 8 * (top - 1) else 0.03)
        if dice.random() < 0.04:
            length = dice.randrange(30)
        if dice.random() < 0.015:
            offset, is_last = dice.choice([65_504, 65_512, 65_520, 65_528]), dice.random() < 0.5
        if is_last and dice.random() < 0.5:
            length = dice.randrange(1, 20)
        # At 0 it would be a whole datagram.
        is_last = is_last and offset > 0
        if carrier == "v4" and not is_last:
            # Linux shortens them, we do not: see host/engine/src/defrag/mod.rs.
            length &= ~7
        pieces.append((offset, length, is_last, chr(ord("a") + place)))
    return pieces


def runs(data):
    return "".join(f"{letter}{len(list(group))}" for letter, group in itertools.groupby(data.decode()))


def main():
    seed, count = (int(word) for word in sys.argv[1:])
    dice, kernel, left = random.Random(seed), Kernel(), {True: count, False: count}
    kernel_version = platform.release().split("-")[0]
    print(f"# {platform.system()} {kernel_version}, tests/fragments/record.py {seed} {count}")
    print("# Version, fragments in order (offset + length, letter, a dot after the last one) = datagrams as runs of letters.")
    for number in range(1, 0xFFFE):
        carrier = dice.choice(["v4"] * 10 + ["v6"] * 8 + ["v6-tcp"] * 2)
        pieces = pieces_of(dice, carrier)
        datagrams = kernel.put_together(carrier, number, pieces)
        if left[bool(datagrams)] == 0:
            continue
        left[bool(datagrams)] -= 1
        sent = " ".join(f"{at}+{length}{fill}{'.' if is_last else ''}" for at, length, is_last, fill in pieces)
        print(carrier, sent, "=" + "".join(f" {runs(datagram)}" for datagram in datagrams))
        if not any(left.values()):
            return


main()
