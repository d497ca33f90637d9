"""The clients of the sample: curl, and sockets for what curl does not do."""

import concurrent.futures
import random
import socket
import struct
import subprocess
import threading
import time

SERVER = {4: "198.51.100.10", 6: "2001:db8:2::10"}
CLIENT = {4: "192.0.2.%d", 6: "2001:db8:1::%d"}
DEAF_HOST = "198.51.100.66"
MUTE_HOST = "198.51.100.67"
CLOSED_PORT = 81
NAME = "www.example.com"
# Connections at a time.
CONCURRENCY = 10


def curl(version, host, port, *arguments):
    """Runs curl from a client address; every URL of one run shares a connection if it can."""
    resolve = f"{NAME}:{port}:" + ("[%s]" if version == 6 else "%s") % SERVER[version]
    command = ["curl", "--silent", "--globoff", "--max-time", "30", "--resolve", resolve]
    command += ["--interface", CLIENT[version] % host, "--noproxy", "*"]
    # Whether a transfer succeeds is part of the sample, not a fault of its making.
    subprocess.run(command + list(arguments), stdout=subprocess.DEVNULL, check=False)


def fetch(version, host, port, paths, *options):
    """One GET a path over one connection."""
    urls = [f"http://{NAME}:{port}{path}" for path in paths]
    curl(version, host, port, *options, *urls)


def connect(version, host, port=80, **kwargs):
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, value in kwargs.items():
        level = socket.SOL_SOCKET if option.startswith("SO_") else socket.IPPROTO_TCP
        connection.setsockopt(level, getattr(socket, option), value)
    connection.bind((CLIENT[version] % host, 0))
    connection.settimeout(20)
    connection.connect((SERVER[version], port))
    return connection


def request(path, *headers, method="GET", body=b""):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {NAME}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def drain(connection):
    while connection.recv(65536):
        pass


def pipelined(version, host):
    """Several requests in one segment, the last one closing."""
    paths = ["/page/1", "/missing", "/empty", "/page/22", "/chunked"]
    with connect(version, host) as connection:
        connection.sendall(b"".join(map(request, paths)) + request("/", "Connection: close"))
        drain(connection)


def tiny_writes(version, host, size):
    """A request that arrives in segments of a few bytes."""
    message = request("/trickle", "Connection: close", "X-Note: cut to pieces")
    with connect(version, host) as connection:
        for start in range(0, len(message), size):
            connection.sendall(message[start : start + size])
            time.sleep(0.001)
        drain(connection)


def half_closed(version, host):
    """Says FIN right behind the request and reads on."""
    with connect(version, host) as connection:
        connection.sendall(request("/page/333", "Connection: close"))
        connection.shutdown(socket.SHUT_WR)
        drain(connection)


def aborted(version, host):
    """Resets the connection in the middle of a download."""
    with connect(version, host) as connection:
        connection.sendall(request("/download/aborted"))
        connection.recv(20_000)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(version, host):
    """Connects, says nothing and leaves."""
    with connect(version, host):
        time.sleep(0.05)


def slow_reader(version, host):
    """Reads so late that the window closes and the server has to probe it."""
    with connect(version, host, SO_RCVBUF=8192) as connection:
        connection.sendall(request("/download/slow", "Connection: close", "Range: none"))
        time.sleep(1.5)
        total = 0
        while total < 60_000:
            total += len(connection.recv(4096))
            time.sleep(0.001)


def refused(version, host):
    try:
        connect(version, host, CLOSED_PORT).close()
    except OSError:
        pass


def unanswered(address):
    """A connection that never comes up; the client gives up after some SYNs."""
    with socket.socket() as connection:
        connection.settimeout(4)
        try:
            connection.connect((address, 80))
        except OSError:
            pass


def idle(finished):
    """Stays open for the whole capture, with keep-alive probes and never a FIN."""
    options = {"SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 1, "TCP_KEEPINTVL": 1}
    connection = connect(4, 13, 8080, **options)
    connection.sendall(request("/page/4444"))
    finished.wait()
    return connection


def visits():
    """All connections of the sample, as (function, arguments)."""
    for number in range(36):
        version = 6 if number % 4 == 3 else 4
        host = 10 + number % 4
        port = 8080 if number % 5 == 4 else 80
        pages = [f"/page/{number * 7 + page}" for page in range(1 + number % 6)]
        yield fetch, version, host, port, pages
    for number in range(10):
        version = 6 if number % 5 == 2 else 4
        host = 10 + number % 4
        yield fetch, version, host, 80, ["/missing", "/", "/empty"]
        yield fetch, version, host, 80, ["/moved"], "--location"
        yield fetch, version, host, 80, ["/cached"], "--header", 'If-None-Match: "index"'
        yield fetch, version, host, 80, ["/", "/page/5"], "--head"
        yield fetch, version, host, 80, ["/form"], "--data", f"name=visitor{number}&note=" + "x" * (number * 97)
    for number in range(4):
        version = 6 if number == 1 else 4
        host = 10 + number
        yield fetch, version, host, 80, [f"/download/{number}"]
        yield fetch, version, host, 8080, ["/chunked", "/page/9"]
        yield fetch, version, host, 80, ["/upload"], "--data-binary", "upload " * 9000, "--header", "Expect:"
        yield fetch, version, host, 80, ["/abort"]
        yield pipelined, version, host
        yield tiny_writes, version, host, 1 + number * 2
        yield half_closed, version, host
        yield refused, version, host
    yield aborted, 4, 12
    yield aborted, 6, 12
    yield silent, 4, 11
    yield slow_reader, 4, 10
    yield unanswered, DEAF_HOST
    yield unanswered, MUTE_HOST


def main():
    all_visits = list(visits())
    random.Random(7).shuffle(all_visits)
    finished = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(CONCURRENCY + 1) as pool:
        kept_open = pool.submit(idle, finished)
        with concurrent.futures.ThreadPoolExecutor(CONCURRENCY) as visitors:
            running = [visitors.submit(function, *arguments) for function, *arguments in all_visits]
        finished.set()
        kept_open.result()
        for visit in running:
            visit.result()


main()
