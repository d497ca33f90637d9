#!/usr/bin/env python3
"""Records what the TCP of this Linux host makes of single segments in each of its states.

Usage, as root, in a network namespace of its own:
    unshare -n scripts/record-states.py > tests/tests/engine/linux-6.18-states.txt

A TUN device carries the segments to a socket of the kernel, one by one, and brings back its answers. Each line is a
conversation: its name, then steps between bars. `> FLAGS SEQ ACK ...` is a segment to the kernel, `< ...` one from it,
`= STATE` the state of its socket from then on (/proc/net/tcp), `read N` at the end how many bytes the application could read.
What follows a segment's numbers: `len N`, `win N` (else as the last one of that sender), `ts VALUE/ECHO`,
`sack LEFT-RIGHT`, `ws N`, `sackok`, `mss N`. The kernel's first sequence number is shown as 5000, its first timestamp
as 100000.
"""

import fcntl
import os
import select
import socket
import struct
import subprocess
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
PEER, KERNEL, PORT = "10.99.0.2", "10.99.0.1", 8080
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
MASK, ISN, KERNEL_ISN, STAMP, KERNEL_STAMP = 0xFFFFFFFF, 1000, 5000, 1000, 100000
STATES = ["", "established", "syn-sent", "syn-rcvd", "fin-wait-1", "fin-wait-2", "time-wait", "closed",
          "close-wait", "last-ack", "listen", "closing", "syn-rcvd"]
SETTINGS = ["ipv4.tcp_invalid_ratelimit=0", "ipv4.tcp_syncookies=0", "ipv4.tcp_rmem=4096 131072 131072",
            "core.rmem_default=131072", "ipv4.tcp_moderate_rcvbuf=0"]


def open_tun():
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"tun0", IFF_TUN | IFF_NO_PI))
    for command in (f"ip addr add {KERNEL}/24 dev tun0", "ip link set tun0 up", "ip link set lo up"):
        subprocess.check_call(command.split())
    for setting in SETTINGS:
        name, value = setting.split("=")
        try:
            with open("/proc/sys/net/" + name.replace(".", "/"), "w") as file:
                file.write(value)
        except OSError:
            pass
    return tun


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def words(flags):
    letters = [(SYN, "S"), (FIN, "F"), (RST, "R"), (PSH, "P"), (URG, "U"), (ACK, ".")]
    return "".join(letter for bit, letter in letters if flags & bit) or "-"


class Conversation:
    """One conversation with the kernel, which is server or client of it."""

    port = 20000

    def __init__(self, tun, listener, stamps=False, sack=False, scale=None):
        Conversation.port += 1
        self.tun, self.listener, self.connection = tun, listener, None
        self.near, self.far = PORT, Conversation.port
        self.steps, self.windows, self.base, self.stamp_base = [], {}, None, None
        self.stamps, self.sack, self.scale = stamps, sack, scale
        # What the peer (this script) has sent, what the kernel has sent and acknowledged.
        self.sent, self.got, self.acked, self.stamp, self.last_echo = ISN, 0, 0, STAMP, 0
        self.read, self.is_deaf, self.known = 0, False, None

    def send(self, flags, seq=None, ack=None, length=0, stamp=0, options=None, moves=False, window=65535):
        """Sends a segment; `stamp` is the timestamp relative to the last one, None for none at all."""
        seq = (self.sent if seq is None else seq) & MASK
        ack = (self.got if ack is None else ack) & MASK if flags & ACK else 0
        ack_shown = ack
        wire_ack = (ack + self.shift()) & MASK if flags & ACK else 0
        shown, raw = [], b""
        if flags & SYN and options is None:
            raw += struct.pack("!BBH", 2, 4, 1460)
            shown.append("mss 1460")
            if self.sack:
                raw += b"\1\1\4\2"
                shown.append("sackok")
            if self.scale is not None:
                raw += bytes([1, 3, 3, self.scale])
                shown.append(f"ws {self.scale}")
        if self.stamps and stamp is not None and options is None:
            value = (self.stamp + stamp) & MASK
            echo = self.last_echo if flags & ACK else 0
            raw_echo = (echo + (self.stamp_base or 0)) & MASK if flags & ACK else 0
            raw += struct.pack("!BBBBII", 1, 1, 8, 10, value, raw_echo)
            shown.append(f"ts {value}/{echo}")
        if options is not None:
            raw, text = options
            shown += [text] * bool(text)
        payload = bytes(97 + (seq + index) % 26 for index in range(length))
        ends = socket.inet_aton(PEER) + socket.inet_aton(KERNEL)
        offset = (20 + len(raw)) // 4 << 4
        tcp = struct.pack("!HHIIBBHHH", self.far, self.near, seq, wire_ack, offset, flags, window, 0, 0) + raw + payload
        right = checksum(ends + struct.pack("!HH", 6, len(tcp)) + tcp)
        tcp = tcp[:16] + struct.pack("!H", right) + tcp[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + ends
        os.write(self.tun, ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp)
        self.note(">", flags, seq, ack_shown, length, window, shown)
        if moves:
            self.sent = (seq + length + bool(flags & SYN) + bool(flags & FIN)) & MASK
            self.stamp += max(stamp or 0, 0)
        self.collect()
        self.state()

    def shift(self):
        return 0 if self.base is None else self.base - KERNEL_ISN

    def note(self, mark, flags, seq, ack, length, window, shown):
        parts = [mark, words(flags), str(seq), str(ack)]
        parts += [f"len {length}"] * (length > 0)
        if self.windows.get(mark) != window:
            parts.append(f"win {window}")
            self.windows[mark] = window
        self.steps.append(" ".join(parts + shown))

    def collect(self, seconds=0.0015):
        end = time.monotonic() + seconds
        while select.select([self.tun], [], [], max(0, end - time.monotonic()))[0]:
            data = os.read(self.tun, 65536)
            if data[0] >> 4 == 4 and data[9] == 6:
                self.take(data[20:])

    def take(self, tcp):
        near, far, seq, ack, offset, flags, window, _, _ = struct.unpack("!HHIIBBHHH", tcp[:20])
        if far != self.far:
            return
        self.near = near
        header, shown, left = offset >> 4 << 2, [], tcp[20:offset >> 4 << 2]
        length = len(tcp) - header
        # A reset that no socket sends has the number that the peer acknowledged, so only others tell the base.
        if self.base is None and flags & SYN:
            self.base = seq
        seq = (seq - self.shift()) & MASK
        while left:
            kind = left[0]
            if kind == 0:
                break
            if kind == 1:
                left = left[1:]
                continue
            body, left = left[2:left[1]], left[left[1]:]
            if kind == 2:
                shown.append(f"mss {struct.unpack('!H', body)[0]}")
            elif kind == 3:
                shown.append(f"ws {body[0]}")
            elif kind == 4:
                shown.append("sackok")
            elif kind == 5:
                edges = struct.unpack(f"!{len(body) // 4}I", body)
                shown += [f"sack {edges[i]}-{edges[i + 1]}" for i in range(0, len(edges), 2)]
            elif kind == 8:
                value, echo = struct.unpack("!II", body)
                if self.stamp_base is None:
                    self.stamp_base = value - KERNEL_STAMP
                self.last_echo = (value - self.stamp_base) & MASK
                shown.append(f"ts {self.last_echo}/{echo}")
        if not flags & RST:
            end = (seq + length + bool(flags & SYN) + bool(flags & FIN)) & MASK
            if not self.got or 0 < (end - self.got & MASK) < 1 << 31:
                self.got = end
        self.note("<", flags, seq, ack, length, window, shown)

    def state(self):
        found = "closed"
        with open("/proc/net/tcp") as table:
            for line in table.readlines()[1:]:
                fields = line.split()
                if int(fields[2].split(":")[1], 16) == self.far and int(fields[1].split(":")[1], 16) == self.near:
                    found = STATES[int(fields[3], 16)]
        if self.known != found:
            self.steps.append(f"= {found}")
        self.known = found

    # What both do.

    def shake(self, completes=True):
        self.send(SYN, moves=True)
        if completes:
            self.send(ACK, stamp=1, moves=True)
            self.accept()

    def accept(self, patience=0.1):
        """Takes the kernel's connection of this conversation; those of earlier ones are closed."""
        while self.connection is None and select.select([self.listener], [], [], patience)[0]:
            connection, (_, port) = self.listener.accept()
            if port == self.far:
                self.connection = connection
            else:
                connection.close()

    def count(self):
        """Reads what there is."""
        try:
            self.connection.setblocking(False)
            while data := self.connection.recv(65536):
                self.read += len(data)
        except OSError:
            pass

    def application(self, action, *arguments):
        getattr(self.connection, action)(*arguments)
        self.collect()
        self.state()

    def finish(self, name):
        # There are two if the first one was replaced.
        for _ in range(2):
            self.accept(patience=0)
            if self.connection is not None:
                self.count()
                try:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                except OSError:
                    pass
                self.connection = None
        # What an application reads that has closed, or did not get, says nothing about what was on the wire.
        steps = " | ".join(self.steps + [f"read {self.read}"] * (not self.is_deaf))
        print(f"{name} | {steps}")
        time.sleep(0.0005)
        while select.select([self.tun], [], [], 0)[0]:
            os.read(self.tun, 65536)


def into_syn_received(talk):
    talk.shake(completes=False)


def into_established(talk):
    talk.shake()
    talk.application("send", b"x" * 100)
    talk.send(PSH | ACK, length=10, stamp=1, moves=True)


def into_unacknowledged(talk):
    """The kernel has data that it did not acknowledge yet."""
    into_established(talk)
    talk.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    talk.send(PSH | ACK, length=10, moves=True)


def into_lost_behind_the_tap(talk):
    """The kernel did not get data that an observer in front of it saw, and has said so."""
    into_established(talk)
    talk.steps.append(f"> P. {talk.sent} {talk.got} len 10")
    talk.sent += 10
    talk.send(PSH | ACK, length=10, moves=True)
    talk.sent -= 20
    talk.is_deaf = True


def into_hole(talk):
    into_established(talk)
    talk.send(PSH | ACK, seq=talk.sent + 20, length=10, stamp=0)
    talk.send(PSH | ACK, seq=talk.sent + 50, length=10, stamp=0)
    talk.send(PSH | ACK, seq=talk.sent + 35, length=5, stamp=0)


def into_close_wait(talk):
    into_established(talk)
    talk.send(FIN | ACK, stamp=1, moves=True)


def into_fin_wait_1(talk):
    into_established(talk)
    before = talk.got
    talk.application("shutdown", socket.SHUT_WR)
    talk.fin, talk.got = talk.got, before


def into_fin_wait_2(talk):
    into_established(talk)
    talk.application("shutdown", socket.SHUT_WR)
    talk.send(ACK, stamp=1)


def into_closed_fin_wait_2(talk):
    into_established(talk)
    talk.connection.recv(100)
    talk.application("close")
    talk.is_deaf = True
    talk.send(ACK, stamp=1)


def into_closing(talk):
    into_fin_wait_1(talk)
    talk.send(FIN | ACK, stamp=1, moves=True)
    # Its FIN stays unacknowledged.
    talk.got = (talk.fin - 1) & MASK


def into_last_ack(talk):
    into_close_wait(talk)
    before = talk.got
    talk.application("shutdown", socket.SHUT_WR)
    talk.got = before


def into_time_wait(talk):
    into_fin_wait_2(talk)
    talk.send(FIN | ACK, stamp=1, moves=True)


PLACES = {
    "syn-rcvd": into_syn_received,
    "established": into_established,
    "hole": into_hole,
    "unacknowledged": into_unacknowledged,
    "lost-behind-the-tap": into_lost_behind_the_tap,
    "close-wait": into_close_wait,
    "fin-wait-1": into_fin_wait_1,
    "fin-wait-2": into_fin_wait_2,
    "fin-wait-2-closed": into_closed_fin_wait_2,
    "closing": into_closing,
    "last-ack": into_last_ack,
    "time-wait": into_time_wait,
}

NONE = (b"", "")
# Probes: what is sent, relative to the next expected byte, and what stands in it.
PROBES = {
    "rst-exact": lambda t: t.send(RST, stamp=None),
    "rst-ack-exact": lambda t: t.send(RST | ACK, stamp=None),
    "rst-plus-1": lambda t: t.send(RST, seq=t.sent + 1, stamp=None),
    "rst-minus-1": lambda t: t.send(RST, seq=t.sent - 1, stamp=None),
    "rst-minus-2": lambda t: t.send(RST, seq=t.sent - 2, stamp=None),
    "rst-in-window": lambda t: t.send(RST, seq=t.sent + 1000, stamp=None),
    "rst-beyond": lambda t: t.send(RST, seq=t.sent + 200000, stamp=None),
    "rst-with-data": lambda t: t.send(RST | ACK, length=5, stamp=None),
    "rst-ack-future": lambda t: t.send(RST | ACK, ack=t.got + 5000, stamp=None),
    "rst-ack-old": lambda t: t.send(RST | ACK, ack=t.got - 500000, stamp=None),
    "rst-syn": lambda t: t.send(RST | SYN, stamp=None, options=NONE),
    "rst-syn-below": lambda t: t.send(RST | SYN, seq=t.sent - 1, stamp=None, options=NONE),
    "rst-minus-10": lambda t: t.send(RST, seq=t.sent - 10, stamp=None),
    "rst-plus-10": lambda t: t.send(RST, seq=t.sent + 10, stamp=None),
    "rst-plus-20": lambda t: t.send(RST, seq=t.sent + 20, stamp=None),
    "rst-fin": lambda t: t.send(RST | FIN, stamp=None),
    "rst-last-edge": lambda t: t.send(RST, seq=t.sent + 60, stamp=None),
    "rst-first-edge": lambda t: t.send(RST, seq=t.sent + 30, stamp=None),
    "rst-newest-edge": lambda t: t.send(RST, seq=t.sent + 40, stamp=None),
    "syn-exact": lambda t: t.send(SYN),
    "syn-same": lambda t: t.send(SYN, seq=ISN),
    "syn-in-window": lambda t: t.send(SYN, seq=t.sent + 500),
    "syn-below": lambda t: t.send(SYN, seq=t.sent - 500),
    "syn-beyond": lambda t: t.send(SYN, seq=t.sent + 300000),
    "syn-ack": lambda t: t.send(SYN | ACK, seq=ISN),
    "syn-ack-other": lambda t: t.send(SYN | ACK, seq=t.sent + 500),
    "ack-future-by-1": lambda t: t.send(ACK, ack=t.got + 1 + late(t)),
    "ack-future": lambda t: t.send(ACK, ack=t.got + 100000),
    "ack-old": lambda t: t.send(ACK, ack=t.got - 1000),
    "ack-very-old": lambda t: t.send(ACK, ack=t.got - 500000),
    "data": lambda t: t.send(PSH | ACK, length=7),
    "data-below": lambda t: t.send(PSH | ACK, seq=t.sent - 3, length=7),
    "data-below-by-the-fin": lambda t: t.send(PSH | ACK, seq=t.sent - 1, length=7),
    "data-no-ack": lambda t: t.send(PSH, length=7),
    "data-ack-future": lambda t: t.send(PSH | ACK, ack=t.got + 1 + late(t), length=7),
    "data-ack-old": lambda t: t.send(PSH | ACK, ack=t.got - 90, length=7),
    "data-ack-before-the-syn": lambda t: t.send(PSH | ACK, ack=KERNEL_ISN - 1000, length=7),
    "data-ack-a-window-old": lambda t: t.send(PSH | ACK, ack=t.got - 70000, length=7),
    "data-ack-very-old": lambda t: t.send(PSH | ACK, ack=t.got - 500000, length=7),
    "data-at-the-edge": lambda t: t.send(PSH | ACK, seq=t.sent + edge(t) - 7, length=7),
    "data-over-the-edge": lambda t: t.send(PSH | ACK, seq=t.sent + edge(t) - 3, length=7),
    "data-beyond": lambda t: t.send(PSH | ACK, seq=t.sent + edge(t) + 1, length=7),
    "empty-at-the-edge": lambda t: t.send(ACK, seq=t.sent + edge(t)),
    "empty-beyond": lambda t: t.send(ACK, seq=t.sent + edge(t) + 1),
    "fin": lambda t: t.send(FIN | ACK),
    "fin-no-ack": lambda t: t.send(FIN),
    "fin-ack-future": lambda t: t.send(FIN | ACK, ack=t.got + 1 + late(t)),
    "fin-behind-a-hole": lambda t: t.send(FIN | ACK, seq=t.sent + 10),
    "fin-below": lambda t: t.send(FIN | ACK, seq=t.sent - 1),
    "ack-all": lambda t: t.send(ACK, ack=t.got + late(t)),
    "fin-ack-all": lambda t: t.send(FIN | ACK, ack=t.got + late(t)),
    "none": lambda t: t.send(0, stamp=None),
    "syn-fin": lambda t: t.send(SYN | FIN, seq=t.sent),
}
STAMPED = {
    "rst-exact-old-stamp": lambda t: t.send(RST, stamp=-500),
    "rst-ack-old-stamp": lambda t: t.send(RST | ACK, stamp=-500),
    "rst-exact-no-stamp": lambda t: t.send(RST, stamp=None),
    "rst-last-edge": PROBES["rst-last-edge"],
    "rst-first-edge": PROBES["rst-first-edge"],
    "rst-newest-edge": PROBES["rst-newest-edge"],
    "rst-minus-1-old-stamp": lambda t: t.send(RST, seq=t.sent - 1, stamp=-500),
    "data-old-stamp": lambda t: t.send(PSH | ACK, length=7, stamp=-500),
    "data-stamp-older-by-1": lambda t: t.send(PSH | ACK, length=7, stamp=-1),
    "data-stamp-older-by-2": lambda t: t.send(PSH | ACK, length=7, stamp=-2),
    "data-no-stamp": lambda t: t.send(PSH | ACK, length=7, stamp=None),
    "data-stamp-zero": lambda t: t.send(PSH | ACK, length=7, stamp=-t.stamp),
    "fin-old-stamp": lambda t: t.send(FIN | ACK, stamp=-500),
    "ack-old-stamp": lambda t: t.send(ACK, stamp=-500),
    "syn-exact": PROBES["syn-exact"],
    "syn-old-stamp": lambda t: t.send(SYN, seq=t.sent + 500, stamp=-500),
    "syn-newer-stamp": lambda t: t.send(SYN, seq=t.sent - 500, stamp=500),
    "syn-below": PROBES["syn-below"],
    "syn-in-window": PROBES["syn-in-window"],
    "syn-no-stamp": lambda t: t.send(SYN, seq=t.sent + 500, stamp=None),
    "syn-beyond-no-stamp": lambda t: t.send(SYN, seq=t.sent + 300000, stamp=None),
    "syn-below-no-stamp": lambda t: t.send(SYN, seq=t.sent - 500, stamp=None),
}


def late(talk):
    """How far what the kernel sent lies behind what the peer says it got."""
    return int(talk.known in ("fin-wait-1", "closing", "last-ack"))


def edge(talk):
    """The window that the kernel told last."""
    scale = next((int(step.split("ws ")[1].split()[0]) for step in talk.steps if step[0] == "<" and "ws " in step), 0)
    last = [step for step in talk.steps if step[0] == "<"][-1]
    ack = int(last.split()[3])
    scale = 0 if "S" in last.split()[1] or talk.scale is None else scale
    return (talk.windows["<"] << scale) - (talk.sent - ack)


def follow(talk):
    """After the probe the peer goes on as if nothing had happened: shows whether the kernel still listens to it."""
    if talk.known in ("established", "syn-rcvd", "fin-wait-1", "fin-wait-2"):
        talk.send(PSH | ACK, length=4, stamp=1)


def probe_states(tun, listener):
    for place, into in PLACES.items():
        for name, probe in PROBES.items():
            if place in ("unacknowledged", "lost-behind-the-tap") and "rst" not in name:
                continue
            if name.endswith("-edge") and "rst" in name and place != "hole":
                continue
            talk = Conversation(tun, listener, sack=place == "hole" and name.endswith("edge"))
            into(talk)
            probe(talk)
            follow(talk)
            talk.finish(f"{place} {name}")
        for name, probe in STAMPED.items():
            if place in ("unacknowledged", "lost-behind-the-tap"):
                continue
            if name.endswith("-edge") and place != "hole":
                continue
            talk = Conversation(tun, listener, stamps=True, sack=True, scale=7)
            into(talk)
            talk.stamp += 1000
            if place not in ("closing", "last-ack", "fin-wait-1", "time-wait", "close-wait"):
                talk.send(ACK, stamp=0)
            probe(talk)
            follow(talk)
            talk.finish(f"{place} stamped {name}")
    for name in ("rst-last-edge", "rst-first-edge", "rst-newest-edge"):
        talk = Conversation(tun, listener)
        into_hole(talk)
        PROBES[name](talk)
        follow(talk)
        talk.finish(f"hole without-sack {name}")


def connect(talk):
    """The kernel as client: it sends a SYN to the peer."""
    talk.far = talk.far + 20000
    talk.connection = socket.socket()
    talk.connection.bind((KERNEL, 0))
    talk.connection.setblocking(False)
    try:
        talk.connection.connect((PEER, talk.far))
    except BlockingIOError:
        pass
    talk.sent = 1000
    talk.collect()
    talk.state()


SYN_SENT = {
    "syn-ack": lambda t: t.send(SYN | ACK, moves=True),
    "syn-ack-low": lambda t: t.send(SYN | ACK, ack=t.got - 1),
    "syn-ack-high": lambda t: t.send(SYN | ACK, ack=t.got + 1),
    "syn-ack-rst": lambda t: t.send(SYN | ACK | RST),
    "ack": lambda t: t.send(ACK, seq=7000),
    "ack-wrong": lambda t: t.send(ACK, seq=7000, ack=t.got + 1),
    "rst": lambda t: t.send(RST, seq=0),
    "rst-ack": lambda t: t.send(RST | ACK, seq=0),
    "rst-ack-low": lambda t: t.send(RST | ACK, seq=0, ack=t.got - 1),
    "rst-ack-high": lambda t: t.send(RST | ACK, seq=0, ack=t.got + 1),
    "syn": lambda t: t.send(SYN),
    "data": lambda t: t.send(PSH | ACK, seq=7000, length=5),
    "fin": lambda t: t.send(FIN | ACK, seq=7000),
    "syn-fin-ack": lambda t: t.send(SYN | FIN | ACK),
    "syn-ack-data": lambda t: t.send(SYN | ACK, length=5, moves=True),
    "none": lambda t: t.send(0, seq=7000),
}


def probe_client(tun, listener):
    for name, probe in SYN_SENT.items():
        talk = Conversation(tun, listener)
        connect(talk)
        probe(talk)
        if talk.known == "syn-sent":
            talk.send(SYN | ACK, moves=True)
        talk.finish(f"syn-sent {name}")

    def client(name, *steps):
        talk = Conversation(tun, listener)
        connect(talk)
        for step in steps:
            step(talk)
        talk.finish(f"client {name}")

    syn = lambda t: t.send(SYN, moves=True)
    syn_ack = lambda t: t.send(SYN | ACK, moves=True)
    again = lambda t: t.send(SYN | ACK, seq=1000)
    other = lambda t: t.send(SYN | ACK, seq=9000)
    data = lambda t: t.send(PSH | ACK, length=6, moves=True)
    client("simultaneous-open", syn, lambda t: t.send(SYN | ACK, seq=1000))
    client("simultaneous-open-ended-by-an-ack", syn, lambda t: t.send(ACK), data)
    client("split-handshake", lambda t: t.send(ACK, seq=999, ack=t.got), syn, lambda t: t.send(ACK), data)
    client("split-handshake-without-ack", syn, data)
    client("split-handshake-then-syn-ack-other", syn, other, data)
    client("simultaneous-open-other-syn", syn, lambda t: t.send(SYN, seq=9000), data)
    client("simultaneous-open-rst-exact", syn, lambda t: t.send(RST))
    client("simultaneous-open-rst-in-window", syn, lambda t: t.send(RST, seq=t.sent + 5), data)
    client("simultaneous-open-ack-wrong", syn, lambda t: t.send(ACK, ack=t.got + 1), data)
    client("simultaneous-open-fin", syn, lambda t: t.send(FIN | ACK, moves=True))
    client("syn-ack-again", syn_ack, again, data)
    client("syn-ack-other", syn_ack, other, data)
    client("syn-ack-other-then-its-data", syn_ack, other, lambda t: t.send(PSH | ACK, seq=9001, length=6), data)
    client("refused", lambda t: t.send(RST | ACK, seq=0))


def probe_servers(tun, listener):
    def server(name, *steps, **options):
        talk = Conversation(tun, listener, **options)
        for step in steps:
            step(talk)
        talk.finish(f"server {name}")

    full = dict(stamps=True, sack=True, scale=7)
    first = lambda t: t.send(SYN, moves=True)
    data = lambda t: t.send(PSH | ACK, length=6, stamp=1, moves=True)
    accept = lambda t: (t.send(ACK, stamp=1, moves=True), t.accept())

    def restart(isn, stamp=0):
        def step(talk):
            talk.send(SYN, seq=isn, stamp=stamp)
        return step

    def obey(talk):
        """A restarted client answers the kernel's ACK with a reset at the number that it acknowledges."""
        ack = int([step for step in talk.steps if step[0] == "<"][-1].split()[3])
        talk.send(RST, seq=ack, stamp=None)

    def afresh(isn):
        def step(talk):
            talk.base, talk.got, talk.sent = talk.base, 0, isn
            if talk.connection is not None:
                talk.count()
                talk.connection.close()
                talk.connection = None
            talk.collect()
            talk.send(SYN, seq=isn, stamp=2000, moves=True)
        return step

    server("final-ack-lost", first, data)
    server("final-ack-lost-fin", first, lambda t: t.send(FIN | ACK, moves=True))
    server("final-ack-wrong", first, lambda t: t.send(ACK, ack=t.got + 1), data)
    server("final-ack-low", first, lambda t: t.send(ACK, ack=t.got - 1), data)
    server("final-ack-elsewhere", first, lambda t: t.send(ACK, seq=t.sent + 500), data)
    server("final-ack-beyond", first, lambda t: t.send(ACK, seq=t.sent + 500000), data)
    server("data-first-behind-a-hole", first, lambda t: t.send(PSH | ACK, seq=t.sent + 6, length=6), data)
    server("syn-again", first, restart(ISN), accept, data)
    server("syn-again-other-options", first, lambda t: t.send(SYN, seq=ISN, options=(bytes([2, 4, 2, 0]), "mss 512")),
           accept, data, **full)
    server("syn-other-isn", first, restart(9000), accept, data)
    server("syn-other-isn-far", first, restart(900000), accept, data)
    server("syn-other-isn-then-its-ack", first, restart(9000), lambda t: t.send(ACK, seq=9001), data)
    server("syn-other-isn-twice", first, restart(9000), restart(9000), lambda t: t.send(ACK, seq=9001))
    server("scale-15", lambda t: t.send(SYN, moves=True), accept, data, scale=15)
    server("stamps-begin-late", first, accept, lambda t: setattr(t, "stamps", True), data,
           lambda t: t.send(PSH | ACK, length=6, stamp=-500))
    server("stamps-only-in-the-syn", first, accept, lambda t: setattr(t, "stamps", False), data, **full)
    server("scale-in-an-ack", first, lambda t: t.send(ACK, options=(bytes([1, 3, 3, 7]), "ws 7")), data)
    for name, isn, stamp in (("higher", 500000, 0), ("lower", 10, 0), ("higher-newer", 500000, 500),
                             ("lower-newer", 10, 500), ("higher-older", 500000, -3000), ("in-window", 3000, 0)):
        for place in ("syn-rcvd", "established", "close-wait", "fin-wait-1", "fin-wait-2", "fin-wait-2-closed",
                      "last-ack", "closing", "time-wait"):
            kinds = [("", {})] if "er-" not in name else []
            kinds.append((" stamped", full))
            for word, options in kinds:
                talk = Conversation(tun, listener, **options)
                PLACES[place](talk)
                talk.stamp += 1000
                talk.send(SYN, seq=isn, stamp=stamp)
                talk.finish(f"reuse {place}{word} {name}")
    for place in ("syn-rcvd", "established", "close-wait", "fin-wait-1", "fin-wait-2", "last-ack", "closing"):
        server(f"half-open-recovery {place}", PLACES[place], restart(700000), obey, afresh(700000), accept, data)


def main():
    tun = open_tun()
    listener = socket.create_server((KERNEL, PORT), backlog=1000)
    print(f"# Linux {os.uname().release}, recorded by scripts/record-states.py")
    probe_states(tun, listener)
    probe_client(tun, listener)
    probe_servers(tun, listener)


main()
