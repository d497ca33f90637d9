"""The path between the two hosts of the sample: forwards frames, loses and reorders some, and captures.

usage: path.py INTERFACE INTERFACE CAPTURE

Half of the lost packets are lost behind the capture, so that it shows both copies of a retransmitted segment, and half
before it, so that it shows a hole which the retransmission fills.
"""

import heapq
import itertools
import random
import select
import signal
import socket
import struct
import sys
import time

SEED = 2017
LOSS = 0.012
REORDERING = 0.015
# One way. The round trip has to be long enough for windows to grow and for several segments to be in flight.
DELAY_NS = 4_000_000
# What a reordered packet waits in addition: as long as a few packets take.
HOLD_NS = (1_000_000, 7_000_000)

# To this address no packet arrives, and from this one none: connections that stay half open.
DEAF_HOST = socket.inet_aton("198.51.100.66")
MUTE_HOST = socket.inet_aton("198.51.100.67")

ETH_P_ALL = 3
PACKET_OUTGOING = 4
TCP = 6


def open_interface(name):
    """A raw socket that sees every frame of an interface."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    raw.bind((name, ETH_P_ALL))
    return raw


def is_tcp(frame):
    """Whether a frame carries TCP directly in IPv4 or IPv6."""
    kind = frame[12:14]
    return (kind == b"\x08\x00" and frame[23] == TCP) or (kind == b"\x86\xdd" and frame[20] == TCP)


class Capture:
    """A pcap file with nanosecond timestamps."""

    def __init__(self, name):
        self.file = open(name, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        self.file.flush()
        # The wall clock may be set back while we run; packets have to stay in order.
        self.epoch_ns = time.time_ns() - time.monotonic_ns()

    def write(self, frame, now_ns):
        seconds, nanos = divmod(self.epoch_ns + now_ns, 1_000_000_000)
        self.file.write(struct.pack("<IIII", seconds, nanos, len(frame), len(frame)) + frame)


class Path:
    """What happens to a frame, decided when it arrives and done when it is due."""

    def __init__(self, capture):
        self.capture = capture
        self.random = random.Random(SEED)
        self.order = itertools.count()
        self.due = []

    def at(self, when_ns, action, *arguments):
        heapq.heappush(self.due, (when_ns, next(self.order), action, arguments))

    def receive(self, frame, out, now_ns):
        dice = self.random.random()
        if not is_tcp(frame):
            self.pass_on(frame, out, now_ns)
        elif frame[30:34] == DEAF_HOST or frame[26:30] == MUTE_HOST or dice < LOSS / 2:
            self.capture.write(frame, now_ns)
        elif dice < LOSS:
            pass
        elif dice < LOSS + REORDERING:
            self.at(now_ns + self.random.randrange(*HOLD_NS), self.pass_on, frame, out)
        else:
            self.pass_on(frame, out, now_ns)

    def pass_on(self, frame, out, now_ns):
        self.capture.write(frame, now_ns)
        self.at(now_ns + DELAY_NS, self.send, frame, out)

    @staticmethod
    def send(frame, out, _now_ns):
        out.send(frame)

    def run_due(self):
        """Does what is due and returns the seconds until the next action, None without one."""
        while self.due:
            now_ns = time.monotonic_ns()
            if self.due[0][0] > now_ns:
                return (self.due[0][0] - now_ns) / 1e9
            _, _, action, arguments = heapq.heappop(self.due)
            action(*arguments, now_ns)
        return None


def main():
    ends = [open_interface(name) for name in sys.argv[1:3]]
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    capture = Capture(sys.argv[3])
    path = Path(capture)

    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    while not stopped:
        timeout = path.run_due()
        ready, _, _ = select.select(ends, [], [], min(0.1, timeout) if timeout is not None else 0.1)
        for end in ready:
            frame, address = end.recvfrom(65535)
            if address[2] != PACKET_OUTGOING:
                path.receive(frame, other[end], time.monotonic_ns())
    capture.file.close()


main()
