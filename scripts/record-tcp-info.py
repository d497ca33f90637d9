#!/usr/bin/env python3
"""Records what two Linux hosts know of their connections, and the packets between them.

Usage, as root: scripts/record-tcp-info.py > tests/tests/engine/linux-6.18-tcp-info.txt

Two network namespaces have a TUN device each; this script carries the packets from one to the other, so it is the
observer and knows their order. It delays them (4 ms on the client's side of the observer, 12 ms on the server's, each way), and
loses those that a conversation says, before or behind the observer. When nothing is under way it may ask both sockets for
TCP_INFO. Lines, times in microseconds from the start of the conversation:

    conversation NAME
    TIME c|s HEX LEN [lost]    IP and TCP header that the observer sees of a packet of client or server, bytes of payload
    TIME info c|s KEY=VALUE .. what getsockopt(TCP_INFO) says
"""

import ctypes
import fcntl
import heapq
import os
import select
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET, TCP_INFO = 0x400454CA, 1, 0x1000, 0x40000000, 11
CLIENT, SERVER = "10.99.0.1", "10.99.0.2"
NEAR, FAR = 0.004, 0.012
FIELDS = [("B", "state"), ("B", "ca_state"), ("B", "retransmits"), ("B", "probes"), ("B", "backoff"), ("B", "options"),
          ("B", "wscale"), ("B", "flags")] + [("I", name) for name in (
              "rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent last_ack_sent last_data_recv "
              "last_ack_recv pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space "
              "total_retrans").split()] + [("Q", name) for name in (
                  "pacing_rate max_pacing_rate bytes_acked bytes_received").split()] + [("I", name) for name in (
                      "segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out").split()] + [
                          ("Q", name) for name in "delivery_rate busy_time rwnd_limited sndbuf_limited".split()] + [
                              ("I", "delivered"), ("I", "delivered_ce"), ("Q", "bytes_sent"), ("Q", "bytes_retrans")] + [
                                  ("I", name) for name in "dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd".split()]
LAYOUT = "=" + "".join(kind for kind, _ in FIELDS)
SHOWN = ("state options wscale rto snd_mss rcv_mss unacked sacked retrans last_data_sent last_data_recv last_ack_recv pmtu "
         "rtt rttvar advmss total_retrans bytes_acked bytes_received segs_out segs_in min_rtt data_segs_in data_segs_out "
         "delivered bytes_sent bytes_retrans dsack_dups rcv_ooopack snd_wnd rcv_wnd").split()
libc = ctypes.CDLL(None, use_errno=True)


class Host:
    """A network namespace with a TUN device."""

    def __init__(self, address):
        assert libc.unshare(CLONE_NEWNET) == 0
        self.namespace = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH", b"tun0", IFF_TUN | IFF_NO_PI))
        for command in (f"ip addr add {address}/24 dev tun0", "ip link set tun0 up", "ip link set lo up"):
            subprocess.check_call(command.split())

    def set(self, **settings):
        assert libc.setns(self.namespace, CLONE_NEWNET) == 0
        for name, value in settings.items():
            with open("/proc/sys/net/ipv4/" + name, "w") as file:
                file.write(str(value))

    def socket(self):
        assert libc.setns(self.namespace, CLONE_NEWNET) == 0
        return socket.socket()


class Conversation:
    def __init__(self, hosts, name, port, losses=(), settings=({}, {})):
        defaults = {"tcp_timestamps": 1, "tcp_sack": 1, "tcp_window_scaling": 1, "tcp_ecn": 2, "tcp_no_metrics_save": 1,
                    "tcp_rmem": "4096 131072 6291456", "tcp_early_retrans": 0}
        for host, special in zip(hosts, settings):
            host.set(**{**defaults, **special})
        self.hosts, self.losses, self.counts = hosts, dict(losses), {"c": 0, "s": 0}
        self.queue, self.order, self.start = [], 0, time.monotonic()
        print(f"conversation {name}")
        self.listener = hosts[1].socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((SERVER, port))
        self.listener.listen()
        self.client, self.server = hosts[0].socket(), None
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.setblocking(False)
        self.client.connect_ex((SERVER, port))

    def now(self):
        return time.monotonic() - self.start

    def push(self, due, what, *more):
        self.order += 1
        heapq.heappush(self.queue, (due, self.order, what, more))

    def run(self, seconds):
        """Carries packets for so long, and then on until none is under way."""
        end = self.now() + seconds
        tuns = [host.tun for host in self.hosts]
        while self.now() < end or self.queue or select.select(tuns, [], [], 0)[0]:
            due = min(self.queue[0][0] if self.queue else end, end if self.now() < end else 1e9)
            for tun in select.select(tuns, [], [], max(0, due - self.now()))[0]:
                self.take("c" if tun == self.hosts[0].tun else "s", os.read(tun, 65536))
            while self.queue and self.queue[0][0] <= self.now():
                _, _, what, more = heapq.heappop(self.queue)
                what(*more)

    def take(self, side, packet):
        if packet[0] >> 4 != 4 or packet[9] != 6:
            return
        self.counts[side] += 1
        fate = self.losses.get(f"{side}{self.counts[side]}")
        if fate != "before":
            self.push(self.now() + (NEAR if side == "c" else FAR), self.observe, side, packet, fate)

    def observe(self, side, packet, fate):
        header = 20 + (packet[32] >> 4) * 4
        lost = " lost" if fate == "behind" else ""
        print(f"{self.now() * 1e6:.0f} {side} {packet[:header].hex()} {len(packet) - header}{lost}")
        if fate == "behind":
            return
        far = self.hosts[1 if side == "c" else 0].tun
        self.push(self.now() + (FAR if side == "c" else NEAR), os.write, far, packet)
        if fate == "twice":
            self.push(self.now() + 0.002, self.observe, side, packet, None)

    def accept(self):
        self.run(0.1)
        while not select.select([self.listener], [], [], 0)[0]:
            self.run(0.1)
        self.server, _ = self.listener.accept()
        self.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.setblocking(False)

    def info(self):
        for side, sock in (("c", self.client), ("s", self.server)):
            data = sock.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 512)
            size = struct.calcsize(LAYOUT)
            found = dict(zip((name for _, name in FIELDS), struct.unpack(LAYOUT, data[:size])))
            print(f"{self.now() * 1e6:.0f} info {side} " + " ".join(f"{name}={found[name]}" for name in SHOWN))

    def read(self, sock):
        try:
            while sock.recv(65536):
                pass
        except BlockingIOError:
            pass

    def finish(self):
        for sock in (self.client, self.server, self.listener):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        self.run(0.05)


def exchange(talk):
    """Requests and answers, asked after each, and both FINs."""
    talk.accept()
    talk.info()
    for request, answer in ((100, 700), (300, 5000), (3000, 20)):
        talk.client.send(b"q" * request)
        talk.run(0.15)
        talk.read(talk.server)
        talk.info()
        talk.server.send(b"a" * answer)
        talk.run(0.15)
        talk.read(talk.client)
        talk.info()
    talk.client.shutdown(socket.SHUT_WR)
    talk.run(0.15)
    talk.info()
    talk.server.send(b"l" * 400)
    talk.run(0.15)
    talk.info()
    talk.finish()


def burst(talk):
    """Segments one by one of which some are lost, asked while the last are missing and once all is repaired."""
    talk.accept()
    for length in (1000, 900, 800, 700, 600, 500):
        talk.client.send(b"b" * length)
    talk.run(0.05)
    talk.info()
    talk.run(1.2)
    talk.read(talk.server)
    talk.info()
    talk.client.send(b"c" * 50)
    talk.run(0.2)
    talk.info()
    talk.finish()


def full(talk):
    """The server does not read: its window closes, is probed and opens."""
    talk.accept()
    for _ in range(40):
        try:
            talk.client.send(b"f" * 1000)
        except BlockingIOError:
            pass
        talk.run(0.01)
    talk.run(0.15)
    talk.info()
    talk.run(0.6)
    talk.info()
    talk.read(talk.server)
    talk.run(0.5)
    talk.info()
    talk.finish()


def main():
    hosts = (Host(CLIENT), Host(SERVER))
    no_stamps = {"tcp_timestamps": 0}
    plain = {"tcp_timestamps": 0, "tcp_sack": 0, "tcp_window_scaling": 0}
    small = {"tcp_rmem": "4096 8192 8192", "tcp_moderate_rcvbuf": 0}
    # Packets of the client: 1 SYN, 2 ACK, data from 3 on.
    plan = [
        ("exchange", exchange, {}, ({}, {})),
        ("exchange without timestamps", exchange, {}, (no_stamps, {})),
        ("exchange without options", exchange, {}, ({}, plain)),
        ("exchange with ecn", exchange, {}, ({"tcp_ecn": 1}, {})),
        ("lost SYN", exchange, {"c1": "behind"}, ({}, {})),
        ("lost SYN-ACK", exchange, {"s1": "behind"}, ({}, {})),
        ("lost behind the observer", burst, {"c4": "behind"}, ({}, {})),
        ("lost before the observer", burst, {"c4": "before"}, ({}, {})),
        ("two lost", burst, {"c3": "behind", "c5": "behind"}, ({}, {})),
        ("lost twice", burst, {"c4": "behind", "c9": "behind"}, ({}, {})),
        ("last ones lost", burst, {"c7": "behind", "c8": "behind"}, ({}, {})),
        ("all lost", burst, {f"c{n}": "behind" for n in range(3, 9)}, ({}, {})),
        ("lost without sack", burst, {"c4": "behind"}, ({}, {"tcp_sack": 0})),
        ("ack lost", burst, {"s2": "behind", "s3": "behind"}, ({}, {})),
        ("all acks lost", burst, {f"s{n}": "behind" for n in range(2, 8)}, ({}, {})),
        ("one shown twice", burst, {"c5": "twice"}, ({}, {})),
        ("closed window", full, {}, ({}, small)),
        ("closed window without timestamps", full, {}, (no_stamps, small)),
    ]
    for number, (name, play, losses, settings) in enumerate(plan):
        play(Conversation(hosts, name, 8000 + number, losses, settings))
        sys.stdout.flush()


main()
